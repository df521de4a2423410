import type { ModelLine } from '../../replies.js';
import { html, type Html } from '../html.js';
import { badge } from '../words.js';
import { modelPath, note, workflowLink, type Page, type View } from './layout.js';

/** All models that are kept, those that wait for somebody first. */
export function modelsPage(view: View, models: readonly ModelLine[]): Page {
  return {
    title: 'Models',
    crumbs: [],
    refreshSeconds: 15,
    body: html`<h1>Models</h1>
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

function urgency(line: ModelLine): number {
  if (line.failing.length > 0) return 0;
  if (line.stage === 'approve') return 1;
  return line.verdict !== null && !QUIET.has(line.verdict) ? 2 : 3;
}

function byUrgency(a: ModelLine, b: ModelLine): number {
  return urgency(a) - urgency(b) || (a.model < b.model ? -1 : 1);
}

function modelCard(view: View, line: ModelLine): Html {
  const inRelease = line.stage !== null && line.stage !== '' && line.stage !== 'watching';
  return html`<li class="card">
    <h2>
      <a href="${modelPath(line.model)}">${line.model}</a>
      ${line.verdict !== null && badge(line.verdict)} ${inRelease && badge(line.stage, 'active')}
    </h2>
    ${line.awaiting !== null && html`<p>Waits for ${line.awaiting}.</p>`}
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
