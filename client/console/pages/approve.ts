import type { Evidence } from '../../../domain/evidence.js';
import type { MetricInterval } from '../../../domain/model.js';
import { bakeSeconds, planInWords, steps } from '../../../domain/rollout.js';
import type { ApprovalRequest, Decision, ReleaseStatus } from '../../../domain/status.js';
import type { ReleaseView } from '../../replies.js';
import { inWords } from '../../../domain/duration.js';
import { html, type Html } from '../html.js';
import { shareMark } from '../marks.js';
import type { Person } from '../who.js';
import {
  badge,
  capitalised,
  count,
  instant,
  listed,
  measure,
  metricName,
  plural,
  resultInWords,
  shortDigest,
  span,
  when,
} from '../words.js';
import { evaluationPlots, gateTable, metricTable } from './evaluation.js';
import {
  approvePath,
  note,
  reasonsList,
  releasePath,
  unansweredNote,
  type Page,
  type View,
} from './layout.js';
import { decisionList, releaseCrumbs, stageBar } from './release.js';
import { triggerSection } from './trigger.js';

/** The longest reason that is taken, in characters; the same limit as the workflow's. */
export const MAX_REASON = 2_000;

export interface ApprovalMatter {
  readonly release: ReleaseView;
  /** `null` when nothing waits for a decision. */
  readonly request: ApprovalRequest | null;
  /** Seals the form; `null` where there is none. */
  readonly token: string | null;
  /** Why a decision that was just sent did not count. */
  readonly refusal: {
    readonly sentence: string;
    /** What differs from the evidence the person saw; empty when nothing or not known. */
    readonly changed: readonly string[];
    /** What the person had written, so that nothing has to be typed twice. */
    readonly reason: string;
  } | null;
}

/** The evidence and the question. Without a request that is open, what became of it. */
export function approvalPage(view: View, matter: ApprovalMatter): Page {
  const { release, request } = matter;
  const open = request !== null && request.expiresAtMs > view.nowMs && !settled(request);
  const name = `release ${String(release.release)} of ${release.model}`;
  return {
    title: open ? `Approve ${name}?` : `Approval of ${name}`,
    crumbs: [
      ...releaseCrumbs(release.model, release.release),
      { label: 'Approval', href: approvePath(release.model, release.release) },
    ],
    // People read and write here: a page that reloads under their hands is no help.
    refreshSeconds: open || matter.refusal !== null ? null : 10,
    body: html`<h1>${open ? `Approve ${name}?` : `Approval of ${name}`}</h1>
      ${refusalNote(matter)}
      ${request === null ? withoutRequest(view, release) : withRequest(view, matter, request, open)}`,
  };
}

function settled(request: ApprovalRequest): boolean {
  return (
    request.decisions.some((decision) => decision.verdict === 'reject') ||
    new Set(request.decisions.map((decision) => decision.person)).size >= request.approvalsNeeded
  );
}

function refusalNote({ refusal }: ApprovalMatter): Html | null {
  if (refusal === null) return null;
  return note(
    'bad',
    'Your decision does not count.',
    html`<p>${capitalised(refusal.sentence)}.</p>`,
    refusal.changed.length > 0 &&
      html`<p>
        Since you read it, this changed: ${listed(refusal.changed)}. What you see now is the new
        evidence.
      </p>`,
  );
}

/** Nothing is asked: not yet, or not any more. */
function withoutRequest(view: View, release: ReleaseView): Html {
  const { status } = release;
  const back = html`<p>
    <a href="${releasePath(release.model, release.release)}">Everything about this release</a>
  </p>`;
  if (status === null) return html`${unansweredNote(release.unanswered)}${back}`;
  const before =
    status.result === null && (status.stage === 'retrain' || status.stage === 'evaluate');
  return html`${stageBar(status)} ${ownDecision(view, status.decisions)}
  ${
    before
      ? note(
          'active',
          'Nobody is asked yet.',
          html`<p>
            The candidate is in the stage ${status.stage}. Whoever may decide is told when it is
            ready.
          </p>`,
        )
      : html`<p class="lead">${outcome(status)}</p>`
  }
  ${
    !before &&
    html`<h2>Decisions</h2>
      ${decisionList(view, status.decisions)}`
  }
  ${back}`;
}

function outcome(status: ReleaseStatus): string {
  const { result } = status;
  if (result !== null) return `Nothing waits for a decision any more. ${resultInWords(result)}.`;
  if (status.stage === 'approve') return 'The decision is made; what it sets going comes next.';
  return `It was approved. The release is in the stage ${status.stage}${status.awaiting === null ? '' : ` and waits for ${status.awaiting}`}.`;
}

/** Tells the person who just decided that it counts, and what happens next. */
function ownDecision(
  view: View,
  decisions: readonly Decision[],
  request?: ApprovalRequest,
): Html | null {
  const own = ownDecisionIn(decisions, view.person);
  if (own === undefined) return null;
  const missing =
    request === undefined
      ? 0
      : request.approvalsNeeded - new Set(decisions.map(({ person }) => person)).size;
  return note(
    own.verdict === 'approve' ? 'good' : 'warn',
    own.verdict === 'approve' ? 'Your approval counts.' : 'Your rejection counts.',
    html`<p>
      Given ${when(own.atMs, view.nowMs)} as ${own.person}.
      ${own.verdict === 'approve' && missing > 0 && html`${capitalised(plural(missing, 'more approval'))} by somebody else ${missing === 1 ? 'is' : 'are'} needed.`}
    </p>`,
  );
}

function ownDecisionIn(
  decisions: readonly Decision[],
  person: Person | null,
): Decision | undefined {
  const proof = JSON.stringify(person?.caller.proof);
  return decisions.find(
    (decision) => decision.door === 'console' && JSON.stringify(decision.proof) === proof,
  );
}

function withRequest(
  view: View,
  matter: ApprovalMatter,
  request: ApprovalRequest,
  open: boolean,
): Html {
  const { release } = matter;
  const { evidence, evaluation } = request;
  return html`${release.status !== null && stageBar(release.status)}
    ${ownDecision(view, request.decisions, request)}
    <p class="lead">${verdictInWords(request)}</p>
    ${open && html`<p class="todecide"><a class="call" href="#decide">To the decision</a></p>`}
    <div class="columns">
      <div>
        ${weaknessNote(request)} ${whatHappens(request)}
        <h2>Champion and candidate</h2>
        ${metricTable(evaluation)}
        <h2>Gates ${badge(evaluation.verdict)}</h2>
        ${reasonsList(evaluation.reasons)} ${gateTable(evaluation.gates)}
        ${evaluationPlots(evaluation, request.model, request.release)}
        ${triggerSection(request.trigger, request.model, request.release)} ${rollout(evidence)}
        ${boundTo(evidence, request.digest)}
      </div>
      <aside id="decide">
        <div class="card">
          <h2>${open ? 'Your decision' : 'The decision'}</h2>
          ${standing(view, request, open)}
          ${open && matter.token !== null && ownDecisionIn(request.decisions, view.person) === undefined && form(view, matter, request, matter.token)}
          <h3>Decisions so far</h3>
          ${decisionList(view, request.decisions)}
        </div>
      </aside>
    </div>`;
}

/** The evaluation in a sentence, with the first metric's numbers. */
function verdictInWords(request: ApprovalRequest): string {
  const { evaluation } = request;
  const required = evaluation.gates.filter((gate) => gate.severity === 'required');
  const gates =
    evaluation.gates.length === 0
      ? 'There were no gates to pass.'
      : `${count(required.filter((gate) => gate.verdict === 'pass').length)} of ${plural(required.length, 'required gate')} passed.`;
  const [candidate] = evaluation.candidate;
  const champion = evaluation.champion.find((one) => one.metric === candidate?.metric);
  return candidate === undefined ? gates : `${comparison(champion, candidate)} ${gates}`;
}

function comparison(champion: MetricInterval | undefined, candidate: MetricInterval): string {
  const name = metricName(candidate.metric);
  return champion === undefined
    ? `The candidate reaches ${name} ${measure(candidate.estimate)}; there is no champion to compare it with.`
    : `${name} ${measure(champion.estimate)} for the champion, ${measure(candidate.estimate)} for the candidate.`;
}

function weaknessNote(request: ApprovalRequest): Html | null {
  if (request.weaknesses.length === 0) return null;
  return note(
    'warn',
    'Weaker than it could be',
    html`<ul>
      ${request.weaknesses.map((weakness) => html`<li>${capitalised(weakness)}.</li>`)}
    </ul>`,
  );
}

function whatHappens(request: ApprovalRequest): Html {
  const { evidence } = request;
  const { plan } = evidence;
  const given = new Set(request.decisions.map(({ person }) => person)).size;
  const missing = request.approvalsNeeded - given;
  const champion = evidence.championConfigName;
  const stays =
    champion === null ? 'nothing is deployed' : html`<strong>${champion}</strong> keeps serving`;
  return html`<h2>What happens</h2>
    <p>
      <strong>If you approve</strong>,
      ${
        missing > 1
          ? html`${plural(missing - 1, 'more approval')} by somebody else
            ${missing === 2 ? 'is' : 'are'} needed. Then`
          : 'no more approval is needed and the rollout starts:'
      } <strong>${evidence.configName}</strong> is rolled out
      ${champion === null ? 'to the endpoint' : html`in place of <strong>${champion}</strong>`}:
      ${firstStep(evidence)}
      ${
        plan.alarmNames.length > 0
          ? 'If an alarm goes off on the way, SageMaker takes it back by itself.'
          : 'No alarm watches the rollout.'
      }
      After that it is on probation, and goes back if it gets worse.
    </p>
    <p>
      <strong>If you reject</strong>, the release ends here and ${stays}. One rejection is enough.
    </p>
    <p><strong>If nobody decides</strong> in time, the request expires and ${stays}.</p>`;
}

function firstStep({ plan }: Evidence): string {
  if (plan.strategy === 'rolling' || plan.strategy === 'steps') return `${planInWords(plan)}.`;
  return plan.strategy === 'all-at-once'
    ? 'all of the traffic moves at once.'
    : `${String(plan.percent)} % of the fleet first, watched for ${inWords(plan.bakeSeconds * 1_000)}, ${
        plan.strategy === 'canary'
          ? 'then all of it.'
          : `then ${String(plan.percent)} % more each time.`
      }`;
}

function rollout(evidence: Evidence): Html {
  const { plan } = evidence;
  const shares = steps(plan);
  return html`<h2>Rollout plan</h2>
    <div class="table">
      <table>
        <thead>
          <tr>
            <th scope="col">Step</th>
            <th scope="col">New version</th>
            <th scope="col">
              <span class="wide"
                >Share of the ${plan.strategy === 'steps' ? 'traffic' : 'fleet'}</span
              >
            </th>
            <th scope="col">Then wait</th>
          </tr>
        </thead>
        <tbody>
          ${shares.map((share, index) => {
            const last = index === shares.length - 1 && plan.strategy !== 'rolling';
            const waitSeconds = last
              ? plan.finalBakeSeconds
              : (plan.steps?.[index]?.bakeSeconds ?? plan.bakeSeconds);
            const hold = plan.steps?.[index]?.hold === true ? ', then for a person' : '';
            return html`<tr>
              <th scope="row">${index + 1}</th>
              <td class="number">${share} %</td>
              <td>${shareMark(share)}</td>
              <td>${waitSeconds === 0 ? 'not at all' : inWords(waitSeconds * 1_000)}${hold}</td>
            </tr>`;
          })}
        </tbody>
      </table>
    </div>
    <p>
      ${capitalised(inWords(bakeSeconds(plan) * 1_000))} of watching in all, given up after
      ${inWords(plan.timeoutSeconds * 1_000)}.
      ${
        plan.alarmNames.length === 0
          ? 'No alarm watches it.'
          : html`Taken back at once when one of these alarms goes off:
            ${plan.alarmNames.map((name, index) => html`${index > 0 && ', '}<code>${name}</code>`)}.`
      }
    </p>`;
}

/** What the approval is for, to the byte: it is void when any of this changes. */
function boundTo(evidence: Evidence, digest: string): Html {
  const { artefact } = evidence;
  return html`<h2>What exactly is approved</h2>
    <p class="soft">
      When any of this changes before the rollout, the approval is void and people are asked again.
    </p>
    <dl class="facts">
      <dt>Model package</dt>
      <dd><code>${evidence.packageArn}</code></dd>
      <dt>Artefact</dt>
      <dd>
        <code>${artefact.uri}</code><br /><span class="soft small"
          >${count(artefact.sizeBytes)} bytes, ETag
          ${artefact.etag}${artefact.versionId !== null && `, version ${artefact.versionId}`}</span
        >
      </dd>
      <dt>Image</dt>
      <dd>
        <code>${evidence.image}</code>${
          evidence.imageDigest !== null &&
          html`<br /><span class="soft small">${evidence.imageDigest}</span>`
        }
      </dd>
      <dt>Trained on</dt>
      <dd>${span(evidence.data.train.fromMs, evidence.data.train.toMs)}</dd>
      <dt>Judged on</dt>
      <dd>
        ${span(evidence.data.holdOut.fromMs, evidence.data.holdOut.toMs)},
        ${count(evidence.evaluation.rows)} rows
      </dd>
      <dt>Endpoint config</dt>
      <dd>${evidence.configName}</dd>
      <dt>Replaces</dt>
      <dd>${evidence.championConfigName ?? 'nothing'}</dd>
      <dt>Report</dt>
      <dd><code>${evidence.evaluation.reportUri}</code></dd>
      <dt>Evidence digest</dt>
      <dd><code>${digest}</code></dd>
    </dl>`;
}

function standing(view: View, request: ApprovalRequest, open: boolean): Html {
  const given = new Set(
    request.decisions.filter(({ verdict }) => verdict === 'approve').map(({ person }) => person),
  ).size;
  const rejected = request.decisions.some(({ verdict }) => verdict === 'reject');
  return html`<p>
      <strong>${given} of ${plural(request.approvalsNeeded, 'approval')}</strong> given.
      ${
        open
          ? html`Open until ${instant(request.expiresAtMs, view.nowMs)}.`
          : rejected
            ? 'It was rejected.'
            : settled(request)
              ? 'It was approved.'
              : html`<strong>The request expired</strong> ${when(request.expiresAtMs, view.nowMs)}:
                  the champion stays.`
      }
    </p>
    <p class="small soft">
      Asked of ${listed(request.approvers)}, ${when(request.requestedAtMs, view.nowMs)}, for
      ${request.requestedBy}.
    </p>`;
}

function form(view: View, matter: ApprovalMatter, request: ApprovalRequest, token: string): Html {
  return html`<form method="post" action="${approvePath(request.model, request.release)}">
    <input type="hidden" name="digest" value="${request.digest}" />
    <input type="hidden" name="token" value="${token}" />
    <label for="reason">Reason</label>
    <textarea id="reason" name="reason" maxlength="${MAX_REASON}" aria-describedby="reason-help">
${matter.refusal?.reason ?? ''}</textarea>
    <p class="small soft" id="reason-help">Needed to reject. It goes on record for good.</p>
    <div class="buttons">
      <button class="approve" name="verdict" value="approve">Approve</button>
      <button class="reject" name="verdict" value="reject">Reject</button>
    </div>
    <p class="small soft">
      As ${view.person?.name ?? 'nobody'}, for evidence <code>${shortDigest(request.digest)}</code>.
    </p>
  </form>`;
}
