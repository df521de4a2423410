import type { ModelLine, ModelView } from '../../replies.js';
import { html, type Html } from '../html.js';
import { badge, instant } from '../words.js';
import {
  approvePath,
  modelPath,
  note,
  unansweredNote,
  workflowLink,
  type Page,
  type View,
} from './layout.js';

export interface ModelsMatter {
  readonly line: ModelLine;
  /** `null` when there was no time to ask: then the line says what Temporal knows. */
  readonly view: ModelView | null;
}

/** All models that are kept, those that wait for somebody first. */
export function modelsPage(view: View, models: readonly ModelsMatter[]): Page {
  const silent = models.find((model) => (model.view?.unanswered ?? null) !== null);
  return {
    title: 'Models',
    crumbs: [],
    refreshSeconds: 15,
    body: html`<h1>Models</h1>
      ${unansweredNote(silent?.view?.unanswered ?? null)}
      ${
        models.length === 0
          ? note(
              'quiet',
              'No model is kept yet.',
              html`<p>Write a policy and apply it: <code>modelkeeper apply policy.yaml</code>.</p>`,
            )
          : html`<ul class="models">
              ${[...models].sort(byUrgency).map((model) => modelCard(view, model))}
            </ul>`
      }`,
  };
}

const QUIET = new Set(['healthy', 'cannot tell']);

function urgency({ line, view }: ModelsMatter): number {
  if (line.failing.length > 0) return 0;
  if (line.stage === 'approve') return 1;
  const verdict = view?.keeper?.verdict ?? line.verdict;
  return verdict !== null && !QUIET.has(verdict) ? 2 : 3;
}

function byUrgency(a: ModelsMatter, b: ModelsMatter): number {
  return urgency(a) - urgency(b) || (a.line.model < b.line.model ? -1 : 1);
}

function modelCard(view: View, { line, view: model }: ModelsMatter): Html {
  const keeper = model?.keeper ?? null;
  const verdict = keeper?.verdict ?? line.verdict;
  const inRelease = line.stage !== null && line.stage !== '' && line.stage !== 'watch';
  const approval = keeper?.releases.find((release) => release.stage === 'approve');
  return html`<li class="card">
    <h2>
      <a href="${modelPath(line.model)}">${line.model}</a>
      ${verdict !== null && badge(verdict)} ${inRelease && badge(line.stage, 'active')}
    </h2>
    ${keeper?.verdictReasons[0] !== undefined && html`<p>${keeper.verdictReasons[0]}</p>`}
    ${
      approval !== undefined &&
      html`<p>
        <a href="${approvePath(line.model, approval.release)}"
          >Read the evidence and decide on release ${approval.release}</a
        >
      </p>`
    }
    ${
      keeper?.awaiting != null &&
      html`<p>
        Waits for
        ${keeper.awaiting}${keeper.untilMs !== null && html`, until ${instant(keeper.untilMs, view.nowMs)}`}.
      </p>`
    }
    ${line.failing.map(
      (work) =>
        html`<p class="note bad">
          <strong><code>${work.activity}</code> fails:</strong> ${work.lastFailure}
        </p>`,
    )}
    <p class="soft small">
      ${line.endpoint !== null && html`Endpoint ${line.endpoint} · `}${workflowLink(view, line.workflowId)}
    </p>
  </li>`;
}
