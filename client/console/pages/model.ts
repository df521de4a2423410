import type { WindowResult } from '../../../domain/model.js';
import { moneyInWords } from '../../../domain/cost.js';
import { isScalingRefusal } from '../../../domain/scaling.js';
import type { KeeperStatus, Why } from '../../../domain/status.js';
import type { ModelView, ReleaseLine } from '../../replies.js';
import type { LedgerReading } from '../backend.js';
import { html, type Html } from '../html.js';
import {
  badge,
  capitalised,
  exactly,
  instant,
  lasting,
  plural,
  resultInWords,
  shortDigest,
  toneOf,
  when,
} from '../words.js';
import {
  approvePath,
  modelPath,
  MODELS,
  note,
  pendingList,
  releasePath,
  timeline,
  unansweredNote,
  waiting,
  workflowLink,
  type Page,
  type View,
} from './layout.js';
import { windowStrip } from './windows.js';

export interface ModelMatter {
  readonly model: ModelView;
  /** `null` when the keeper did not answer. */
  readonly why: Why | null;
  /** `null` when they could not be listed. */
  readonly releases: readonly ReleaseLine[] | null;
  /** `null` when the keeper did not answer, so that nobody knows where the ledger ends. */
  readonly ledger: LedgerReading | null;
}

/** One model: where it stands, why, what it waits for, and how it came there. */
export function modelPage(view: View, matter: ModelMatter): Page {
  const { model, keeper } = { model: matter.model, keeper: matter.model.keeper };
  return {
    title: model.model,
    crumbs: [MODELS, { label: model.model, href: modelPath(model.model) }],
    refreshSeconds: 15,
    body: html`<h1>
        ${model.model} ${keeper !== null && badge(keeper.verdict)}
        ${model.execution !== 'running' && badge(model.execution)}
      </h1>
      ${endedNote(view, model)} ${unansweredNote(model.unanswered)}
      ${keeper !== null && situation(view, keeper)} ${decisionsWaiting(matter)}
      <div class="columns">
        <div>
          ${keeper !== null && watched(keeper)} ${pending(view, model)} ${releases(view, matter)}
          ${
            keeper !== null &&
            html`<h2>So far</h2>
              ${timeline(keeper.timeline)}`
          }
        </div>
        <aside>
          ${keeper !== null && facts(view, model, keeper)}
          ${keeper === null && html`<p>${workflowLink(view, model.workflowId)}</p>`}
        </aside>
      </div>
      ${ledger(matter.ledger)} ${because(matter.why)}`,
  };
}

function endedNote(view: View, model: ModelView): Html | null {
  if (model.execution === 'running' || model.execution === 'continued as new') return null;
  return note(
    model.execution === 'completed' ? 'quiet' : 'bad',
    model.execution === 'completed'
      ? 'Nobody keeps this model any more.'
      : `The keeper of this model is ${model.execution}: nothing is watched.`,
    html`<p>
      ${model.closedAtMs !== null && html`Ended ${instant(model.closedAtMs, view.nowMs)}. `}
      <code>modelkeeper apply</code> starts a new keeper, which goes on from the ledger.
    </p>`,
  );
}

function situation(view: View, keeper: KeeperStatus): Html {
  const serves =
    keeper.champion === null
      ? 'no version we know'
      : html`<strong>${keeper.champion.configName}</strong>,
          ${lasting(keeper.champion.sinceMs, view.nowMs)}`;
  return html`<p class="lead">
      Endpoint ${keeper.endpoint} is ${keeper.endpointStatus} and serves ${serves}.
      ${capitalised(keeper.verdict)} ${lasting(keeper.verdictSinceMs, view.nowMs)}.
    </p>
    ${
      keeper.verdictReasons.length > 0 &&
      html`<ul>
        ${keeper.verdictReasons.map((reason) => html`<li>${reason}</li>`)}
      </ul>`
    }
    ${waiting(view, keeper.awaiting, keeper.untilMs)} ${holds(view, keeper)}`;
}

/** What keeps the keeper from acting, if anything does. */
function holds(view: View, keeper: KeeperStatus): readonly (Html | false)[] {
  const { frozen, cooldownUntilMs, lastGovernorAnswer } = keeper;
  return [
    frozen !== null &&
      note(
        'warn',
        `Frozen by ${frozen.by}.`,
        html`<p>
          ${frozen.reason}. Nothing is deployed
          ${frozen.untilMs === null ? 'until somebody unfreezes it' : html`until ${instant(frozen.untilMs, view.nowMs)}`}.
        </p>`,
      ),
    keeper.retiring &&
      note('warn', 'Being retired: the keeper ends when the release in flight has.'),
    keeper.mode === 'record' &&
      note('quiet', 'Recording only: everything is watched and judged, nothing is started.'),
    cooldownUntilMs !== null &&
      cooldownUntilMs > view.nowMs &&
      html`<p>Cooling down: no new retraining before ${instant(cooldownUntilMs, view.nowMs)}.</p>`,
    lastGovernorAnswer !== null &&
      html`<p class="soft">
        Last asked whether to retrain ${when(lastGovernorAnswer.atMs, view.nowMs)}:
        ${lastGovernorAnswer.kind}, ${lastGovernorAnswer.reason}
      </p>`,
  ];
}

/** Approvals that wait for somebody, as the first thing to click. */
function decisionsWaiting(matter: ModelMatter): Html | null {
  const { model } = matter.model;
  const waitingReleases = new Set([
    ...(matter.model.keeper?.releases ?? [])
      .filter((one) => one.stage === 'approve')
      .map((one) => one.release),
    ...(matter.releases ?? [])
      .filter((one) => one.stage === 'approve' && one.execution === 'running')
      .map((one) => one.release),
  ]);
  if (waitingReleases.size === 0) return null;
  return html`<p>
    ${[...waitingReleases].map(
      (release) =>
        html`<a class="call" href="${approvePath(model, release)}"
          >Read the evidence and decide on release ${release}</a
        > `,
    )}
  </p>`;
}

/** Fewer are no line. */
const FEWEST_DRAWN = 2;

function overTime(model: string, source: string, windows: readonly WindowResult[]): Html | null {
  if (windows.filter(({ columns }) => columns.length > 0).length < FEWEST_DRAWN) return null;
  const path = `${modelPath(model)}/windows/${encodeURIComponent(source)}.svg`;
  return html`<details class="pictures">
    <summary>Over time</summary>
    <figure class="long">
      <a href="${path}"
        ><img
          src="${path}"
          alt="How far the columns of ${source} moved, window by window"
          loading="lazy"
      /></a>
      <figcaption>
        Distance to the baseline, window by window, of the columns that moved most (0: same, 1:
        nothing in common): the latest 120 windows of 90 days that have a report. Dashed: where
        moving and drift begin. On top: the verdict of each window. Shaded: the windows that
        persistence counts.
      </figcaption>
    </figure>
  </details>`;
}

function watched(keeper: KeeperStatus): Html {
  const sources = Object.entries(keeper.windows);
  return html`<h2>What is watched</h2>
    ${sources.map(([source, windows]) => [windowStrip(source, windows), overTime(keeper.model, source, windows)])}
    ${
      keeper.alarms.length > 0 &&
      html`<div class="table">
        <table class="stack">
          <thead>
            <tr>
              <th scope="col">Alarm</th>
              <th scope="col">State</th>
              <th scope="col">Reason</th>
            </tr>
          </thead>
          <tbody>
            ${keeper.alarms.map(
              (alarm) =>
                html`<tr>
                  <th scope="row">${alarm.name}</th>
                  <td>
                    ${
                      alarm.absent === true
                        ? badge('absent', 'warn')
                        : badge(
                            alarm.state === 'INSUFFICIENT_DATA'
                              ? 'no data'
                              : alarm.state === 'OK'
                                ? 'fine'
                                : 'alarm',
                            alarm.state === 'OK'
                              ? 'good'
                              : alarm.state === 'ALARM'
                                ? 'bad'
                                : 'quiet',
                          )
                    }
                  </td>
                  <td class="small">${alarm.reason}</td>
                </tr>`,
            )}
          </tbody>
        </table>
      </div>`
    }
    ${
      sources.length === 0 &&
      keeper.alarms.length === 0 &&
      html`<p class="soft">Nothing has been read yet.</p>`
    }`;
}

function pending(view: View, model: ModelView): Html | null {
  const list = pendingList(view, model.pending);
  return list === null
    ? null
    : html`<h2>At work</h2>
        ${list}`;
}

function releases(view: View, matter: ModelMatter): Html {
  const { model, keeper } = matter.model;
  const last = keeper?.lastRelease ?? null;
  const lines = matter.releases ?? [];
  return html`<h2>Releases</h2>
    ${
      last !== null &&
      html`<p>
        The last one to end was
        <a href="${releasePath(model, last.release)}">release ${last.release}</a>,
        ${when(last.endedAtMs, view.nowMs)}. ${resultInWords(last.result)}.
      </p>`
    }
    ${matter.releases === null && html`<p class="soft">The releases cannot be listed now.</p>`}
    ${
      lines.length > 0
        ? html`<div class="table">
            <table>
              <thead>
                <tr>
                  <th scope="col">Release</th>
                  <th scope="col">State</th>
                  <th scope="col">Started</th>
                </tr>
              </thead>
              <tbody>
                ${lines.slice(0, 20).map(
                  (line) =>
                    html`<tr>
                      <th scope="row">
                        <a href="${releasePath(model, line.release)}">Release ${line.release}</a>
                      </th>
                      <td>${releaseState(line)}</td>
                      <td>${when(line.startedAtMs, view.nowMs)}</td>
                    </tr>`,
                )}
              </tbody>
            </table>
          </div>`
        : matter.releases !== null && html`<p class="soft">None yet.</p>`
    }`;
}

function releaseState(line: ReleaseLine): Html {
  if (line.execution === 'running')
    return html`${badge(line.stage ?? 'running', 'active')}${line.awaiting !== null && html` <span class="small soft">waits for ${line.awaiting}</span>`}`;
  return line.execution === 'completed'
    ? badge('ended', 'quiet')
    : badge(line.execution, toneOf(line.execution));
}

function facts(view: View, model: ModelView, keeper: KeeperStatus): Html {
  return html`<div class="card">
    <h2>Facts</h2>
    <dl class="facts">
      <dt>Endpoint</dt>
      <dd>${keeper.endpoint} (${keeper.region})</dd>
      <dt>Champion</dt>
      <dd>${keeper.champion?.configName ?? 'not known'}</dd>
      ${
        keeper.champion?.packageArn != null &&
        html`<dt>Package</dt>
          <dd><code>${keeper.champion.packageArn}</code></dd>`
      }
      <dt>Policy</dt>
      <dd>
        <code title="${keeper.policyDigest}">${shortDigest(keeper.policyDigest)}</code> by
        ${keeper.policyAuthor.person}, ${when(keeper.policyAppliedAtMs, view.nowMs)}
      </dd>
      <dt>Retrainings</dt>
      <dd>
        ${keeper.budget.used} of ${plural(keeper.budget.runs, 'run')}
        used${keeper.budget.money !== undefined && `; ${moneyInWords(keeper.budget.money)}`}
      </dd>
      <dt>Writes to the endpoint</dt>
      <dd>${keeper.leaseHolder === null ? 'the keeper' : html`release ${keeper.leaseHolder}`}</dd>
      <dt>Ledger</dt>
      <dd>${plural(keeper.ledgerHead.number, 'entry', 'entries')}</dd>
      <dt>Workflow</dt>
      <dd>${workflowLink(view, model.workflowId)}</dd>
    </dl>
    ${
      keeper.scaling !== undefined &&
      keeper.scaling.length > 0 &&
      html`<h3>Auto scaling</h3>
        <ul class="small">
          ${keeper.scaling
            .slice(0, 5)
            .map(
              (activity) =>
                html`<li>
                  ${activity.atMs === 0 ? '' : html`${when(activity.atMs, view.nowMs)}: `}${isScalingRefusal(activity) && html`<strong>refused</strong> `}${activity.sentence}
                </li>`,
            )}
        </ul>`
    }
    ${
      (keeper.monitors ?? []).length > 0 &&
      html`<h3>Monitoring schedules</h3>
        <ul class="small">
          ${(keeper.monitors ?? []).map(
            (one) =>
              html`<li>
                <strong>${one.source === '' ? one.schedule : one.source}</strong> (${one.kind}):
                ${one.sentence}
              </li>`,
          )}
        </ul>`
    }
    ${
      (keeper.disagreements ?? []).length > 0 &&
      html`<h3>Disagreements</h3>
        <ul class="small">
          ${(keeper.disagreements ?? []).map(
            (one) =>
              html`<li>
                <strong>${one.kind}</strong> (${one.remedy}), ${when(one.sinceMs, view.nowMs)}:
                ${one.sentence}${one.note === undefined ? '' : `; ${one.note}`}
              </li>`,
          )}
        </ul>`
    }
    ${
      keeper.refusals.length > 0 &&
      html`<h3>Turned away</h3>
        <ul class="small">
          ${keeper.refusals
            .slice(-5)
            .reverse()
            .map(
              (refusal) =>
                html`<li>
                  ${refusal.person} (${refusal.door}), ${when(refusal.atMs, view.nowMs)}:
                  ${refusal.reason}
                </li>`,
            )}
        </ul>`
    }
  </div>`;
}

function ledger(reading: LedgerReading | null): Html | null {
  if (reading === null) return null;
  if (reading.kind === 'unreadable')
    return html`<h2>Ledger</h2>
      <p class="soft">
        The ledger cannot be read from here: ${reading.reason}.
        <code>modelkeeper ledger</code> shows it to those who have access to the model's storage.
      </p>`;
  const { entries } = reading;
  if (entries.length === 0)
    return html`<h2>Ledger</h2>
      <p class="soft">No entry yet.</p>`;
  return html`<h2>Ledger</h2>
    <div class="table">
      <table class="stack">
        <thead>
          <tr>
            <th scope="col">No.</th>
            <th scope="col">When</th>
            <th scope="col">Decision</th>
            <th scope="col">By</th>
            <th scope="col">Reasons</th>
          </tr>
        </thead>
        <tbody>
          ${entries.map(
            (entry) =>
              html`<tr>
                <th scope="row">${entry.sequence}</th>
                <td class="number">${exactly(entry.atMs)}</td>
                <td>${entry.decision}<br /><span class="interval">${entry.subject}</span></td>
                <td>
                  ${entry.actor.person}<br /><span class="interval">${entry.actor.door}</span>
                </td>
                <td>
                  ${entry.reasons.join('; ')}${entry.late === true && html` ${badge('entered late', 'warn')}`}
                </td>
              </tr>`,
          )}
        </tbody>
      </table>
    </div>`;
}

function because(why: Why | null): Html | null {
  if (why === null || why.because.length === 0) return null;
  return html`<details>
    <summary>Why, step by step</summary>
    <p>${capitalised(why.sentence)}.</p>
    <ol>
      ${why.because.map((cause) => html`<li>${cause}</li>`)}
    </ol>
    ${
      why.evidence.length > 0 &&
      html`<ul>
        ${why.evidence.map((one) => html`<li>${one.what}: <code>${one.uri}</code></li>`)}
      </ul>`
    }
  </details>`;
}
