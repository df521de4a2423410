import { bakeRows, lookInWords, type BakeComparison } from '../../../domain/bake.js';
import { inWords } from '../../../domain/duration.js';
import { costInWords } from '../../../domain/cost.js';
import type { ReleaseStage } from '../../../domain/model.js';
import { trafficInWords } from '../../../domain/rollout.js';
import { stagedInWords } from '../../../domain/staging.js';
import type { Decision, ReleaseStatus, TrafficStatus } from '../../../domain/status.js';
import type { ReleaseView } from '../../replies.js';
import { html, type Html } from '../html.js';
import { shareMark } from '../marks.js';
import {
  badge,
  exactly,
  instant,
  proofInWords,
  resultInWords,
  shortDigest,
  span,
  toneOf,
  when,
} from '../words.js';
import { capitalised } from '../words.js';
import { evaluationPlots, gateTable, metricTable } from './evaluation.js';
import {
  approvePath,
  modelPath,
  MODELS,
  note,
  pendingList,
  reasonsList,
  releasePath,
  timeline,
  unansweredNote,
  waiting,
  workflowLink,
  type Crumb,
  type Page,
  type View,
} from './layout.js';
import { triggerSection } from './trigger.js';

export function releaseCrumbs(model: string, release: number): readonly Crumb[] {
  return [
    MODELS,
    { label: model, href: modelPath(model) },
    { label: `Release ${String(release)}`, href: releasePath(model, release) },
  ];
}

/** One candidate's way from its trigger to its end. */
export function releasePage(view: View, release: ReleaseView): Page {
  const { status } = release;
  const running = release.execution === 'running';
  return {
    title: `Release ${String(release.release)} of ${release.model}`,
    crumbs: releaseCrumbs(release.model, release.release),
    refreshSeconds: running ? 10 : null,
    body: html`<h1>
        Release ${release.release} of ${release.model}
        ${status !== null && badge(status.result?.kind ?? status.stage)}
      </h1>
      ${brokenNote(release)} ${unansweredNote(release.unanswered)}
      ${
        status === null
          ? html`<p>${workflowLink(view, release.workflowId)}</p>`
          : whole(view, release, status)
      }
      ${status === null && pendingSection(view, release)}`,
  };
}

function brokenNote(release: ReleaseView): Html | null {
  if (!['failed', 'terminated', 'timed out', 'cancelled'].includes(release.execution)) return null;
  return note(
    'bad',
    `The workflow of this release is ${release.execution}: an engineer is needed.`,
    html`<p>
      The keeper finds this out by itself and takes back the right to write to the endpoint.
    </p>`,
  );
}

function whole(view: View, release: ReleaseView, status: ReleaseStatus): Html {
  return html`${stageBar(status)} ${situation(view, status)}
    <div class="columns">
      <div>
        ${pendingSection(view, release)}
        ${triggerSection(status.trigger, release.model, release.release)}
        ${evaluationSection(status)} ${rolloutSection(status)}
        <h2>So far</h2>
        ${timeline(status.timeline, 100)}
      </div>
      <aside>${facts(view, release, status)}</aside>
    </div>`;
}

const STAGES: readonly Exclude<ReleaseStage, 'ended'>[] = [
  'retrain',
  'evaluate',
  'approve',
  'deploy',
  'probation',
];

/** The stage in which a release that did not get through came to its end. */
function stoppedIn(status: ReleaseStatus): number {
  switch (status.result?.kind) {
    case undefined:
    case 'promoted':
      return -1;
    case 'training failed':
      return 0;
    case 'failed gates':
      return 1;
    case 'rejected':
    case 'expired':
      return 2;
    case 'rolled back':
    case 'superseded':
    case 'aborted':
      return lastReached(status);
  }
}

function lastReached(status: ReleaseStatus): number {
  const named = status.timeline.flatMap(({ what }) => /^stage (\w+)$/.exec(what)?.[1] ?? []);
  const reached = STAGES.findIndex((stage) => stage === named.at(-1));
  return reached === -1 ? 0 : reached;
}

export function stageBar(status: ReleaseStatus): Html {
  const stopped = stoppedIn(status);
  const at = status.result === null ? STAGES.findIndex((stage) => stage === status.stage) : stopped;
  return html`<ol class="stages" aria-label="Stages">
    ${STAGES.map((stage, index) => {
      const state =
        status.result?.kind === 'promoted' || index < at
          ? { name: 'done', mark: '✓', words: 'done' }
          : index > at
            ? { name: 'ahead', mark: '', words: status.result === null ? 'to come' : 'not reached' }
            : status.result === null
              ? { name: 'now', mark: '●', words: status.paused === null ? 'now' : 'paused' }
              : { name: 'stopped', mark: '✕', words: 'ended here' };
      const current = state.name === 'now' ? html` aria-current="step"` : null;
      return html`<li class="${state.name}" ${current}>
        ${state.mark} ${stage}<small>${state.words}</small>
      </li>`;
    })}
  </ol>`;
}

function situation(view: View, status: ReleaseStatus): Html {
  return html`${status.result !== null && html`<p class="lead">${resultInWords(status.result)}.</p>`}
  ${status.result === null && waiting(view, status.awaiting, status.untilMs)}
  ${
    status.paused !== null &&
    note(
      'warn',
      `${status.traffic === undefined ? 'Paused' : 'Held'} by ${status.paused.by}, ${exactly(status.paused.sinceMs)}.`,
      html`<p>${status.paused.reason}</p>
        ${
          status.paused.untilMs !== undefined &&
          html`<p>Taken back ${exactly(status.paused.untilMs)} if nobody resumes it.</p>`
        }`,
    )
  }
  ${status.frozen && note('warn', 'The model is frozen: nothing is deployed until the freeze ends.')}
  ${
    status.staging !== undefined &&
    note(
      status.staging.verdict === 'fail' ? 'bad' : 'info',
      `Staging: ${stagedInWords(status.staging)}.`,
    )
  }
  ${
    status.request !== null &&
    html`<p>
      <a class="call" href="${approvePath(status.model, status.release)}"
        >Read the evidence and decide</a
      >
    </p>`
  }`;
}

function pendingSection(view: View, release: ReleaseView): Html | null {
  const list = pendingList(view, release.pending);
  return list === null
    ? null
    : html`<h2>At work</h2>
        ${list}`;
}

function evaluationSection(status: ReleaseStatus): Html {
  const { evaluation } = status;
  if (evaluation === null)
    return html`<h2>Evaluation</h2>
      <p class="soft">
        The candidate has not been judged${status.result === null ? ' yet' : ''}.
      </p>`;
  return html`<h2>Evaluation ${badge(evaluation.verdict)}</h2>
    ${reasonsList(evaluation.reasons)} ${metricTable(evaluation)} ${gateTable(evaluation.gates)}
    ${evaluationPlots(evaluation, status.model, status.release)}`;
}

function rolloutSection(status: ReleaseStatus): Html | null {
  if (status.rollout.length === 0) return null;
  const bake = status.bakes?.at(-1);
  return html`<h2>Rollout</h2>
    ${bake !== undefined && bakeTable(bake)}
    ${status.traffic !== undefined && trafficTable(status.traffic)} ${timeline(status.rollout)}`;
}

/** The shares of a rollout by steps, and where it is. */
function trafficTable(traffic: TrafficStatus): Html {
  return html`<p>${capitalised(trafficInWords(traffic))}.</p>
    <div class="table">
      <table>
        <thead>
          <tr>
            <th scope="col">Step</th>
            <th scope="col">Candidate</th>
            <th scope="col"><span class="wide">Share of the traffic</span></th>
            <th scope="col">Watched for</th>
            <th scope="col">Then</th>
            <th scope="col"></th>
          </tr>
        </thead>
        <tbody>
          ${traffic.steps.map(
            (step, index) =>
              html`<tr>
                <th scope="row">${index + 1}</th>
                <td class="number">${step.percent} %</td>
                <td>${shareMark(step.percent)}</td>
                <td>${inWords(step.bakeSeconds * 1_000)}</td>
                <td>${step.hold ? 'waits for a person' : 'goes on'}</td>
                <td>${index < traffic.at ? 'done' : index === traffic.at ? 'now' : 'to come'}</td>
              </tr>`,
          )}
        </tbody>
      </table>
    </div>`;
}

/** Champion and candidate side by side, as the latest look saw them. */
function bakeTable(bake: BakeComparison): Html {
  return html`<p>
      Champion and candidate in the bake, ${lookInWords(bake.look)}, ${exactly(bake.atMs)}:
      ${badge(bake.verdict, BAKE_TONES[bake.verdict])}
    </p>
    ${reasonsList(bake.metrics.length === 0 ? bake.reasons : bake.doubts)}
    ${
      bake.metrics.length > 0 &&
      html`<div class="table">
        <table class="stack">
          <thead>
            <tr>
              <th scope="col">Metric</th>
              <th scope="col"><span class="key champion">Champion</span></th>
              <th scope="col"><span class="key candidate">Candidate</span></th>
              <th scope="col">Change</th>
              <th scope="col">Verdict</th>
              <th scope="col">Why</th>
            </tr>
          </thead>
          <tbody>
            ${bakeRows(bake).map(
              (row) =>
                html`<tr>
                  <th scope="row">${row.id}</th>
                  <td data-label="Champion">${row.champion}</td>
                  <td data-label="Candidate">${row.candidate}</td>
                  <td data-label="Change">${row.change}</td>
                  <td data-label="Verdict">${row.verdict}</td>
                  <td>${row.reason}</td>
                </tr>`,
            )}
          </tbody>
        </table>
      </div>`
    }`;
}

const BAKE_TONES = { promote: 'good', hold: 'warn', 'roll back': 'bad' } as const;

/** People's decisions with how each was known. */
export function decisionList(view: View, decisions: readonly Decision[]): Html {
  if (decisions.length === 0) return html`<p class="soft">Nobody has decided yet.</p>`;
  return html`<ul class="plain">
    ${decisions.map(
      (decision) =>
        html`<li>
          ${badge(decision.verdict === 'approve' ? 'approved' : 'rejected', decision.verdict === 'approve' ? 'good' : 'bad')}
          <strong>${decision.person}</strong>, ${when(decision.atMs, view.nowMs)}
          ${decision.reason !== '' && html`<br />“${decision.reason}”`} <br /><span
            class="soft small"
            >${decision.door}: ${proofInWords(decision.proof)}</span
          >
        </li>`,
    )}
  </ul>`;
}

function facts(view: View, release: ReleaseView, status: ReleaseStatus): Html {
  return html`<div class="card">
    <h2>Facts</h2>
    <dl class="facts">
      <dt>Started</dt>
      <dd>${instant(status.startedAtMs, view.nowMs)}</dd>
      <dt>Trained on</dt>
      <dd>${span(status.data.train.fromMs, status.data.train.toMs)}</dd>
      <dt>Judged on</dt>
      <dd>${span(status.data.holdOut.fromMs, status.data.holdOut.toMs)}</dd>
      ${fact('Replaces', status.championConfigName)} ${fact('Endpoint config', status.configName)}
      ${code('Package', status.packageArn)}
      ${code('Pipeline execution or job', status.executionArn)}
      ${
        costInWords(status) !== null &&
        html`<dt>Cost of training</dt>
          <dd>${costInWords(status) ?? ''}</dd>`
      }
      ${code('Evaluation report', status.evaluation?.reportUri ?? null)}
      <dt>Policy</dt>
      <dd><code title="${status.policyDigest}">${shortDigest(status.policyDigest)}</code></dd>
      <dt>Workflow</dt>
      <dd>
        ${workflowLink(view, release.workflowId)}
        ${release.execution !== 'running' && badge(release.execution, release.execution === 'completed' ? 'quiet' : toneOf(release.execution))}
      </dd>
    </dl>
    ${
      status.decisions.length > 0 &&
      html`<h3>Decisions</h3>
        ${decisionList(view, status.decisions)}`
    }
    ${
      status.refusals.length > 0 &&
      html`<h3>Turned away</h3>
        <ul class="small">
          ${status.refusals
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

function fact(name: string, value: string | null): Html | null {
  return value === null
    ? null
    : html`<dt>${name}</dt>
        <dd>${value}</dd>`;
}

function code(name: string, value: string | null): Html | null {
  return value === null
    ? null
    : html`<dt>${name}</dt>
        <dd><code>${value}</code></dd>`;
}
