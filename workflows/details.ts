/** What the Temporal Web UI shows on the first page of a workflow: Markdown for people. */
import { bakeRows, lookInWords } from '../domain/bake.js';
import { costInWords, moneyInWords } from '../domain/cost.js';
import { instantInWords, inWords } from '../domain/duration.js';
import type { MetricInterval } from '../domain/model.js';
import type {
  ApprovalRequest,
  KeeperStatus,
  ReleaseStatus,
  TrafficStatus,
  Why,
} from '../domain/status.js';
import { isTrouble } from '../domain/managed-monitors.js';
import { keeperId, releaseId } from '../domain/names.js';
import { planInWords, stepInWords, trafficInWords } from '../domain/rollout.js';
import { stagedInWords } from '../domain/staging.js';

/** Text from elsewhere, made harmless in Markdown: one line, no markup. */
export function plain(text: string): string {
  return text.replace(/[\r\n]+/g, ' ').replace(/[\\`*_{}[\]<>#|]/g, (mark) => `\\${mark}`);
}

const number = (value: number | null): string => (value === null ? '–' : value.toFixed(4));

function metricRow(champion: MetricInterval | undefined, candidate: MetricInterval): string {
  const cell = (interval: MetricInterval | undefined): string =>
    interval === undefined
      ? '–'
      : `${number(interval.estimate)} (${number(interval.lower)} to ${number(interval.upper)})`;
  return `| ${plain(candidate.metric)} | ${cell(champion)} | ${cell(candidate)} |`;
}

const waiting = (awaiting: string | null, untilMs: number | null): string[] =>
  awaiting === null
    ? []
    : [
        `**Waits for:** ${plain(awaiting)}${untilMs === null ? '' : `, until ${instantInWords(untilMs)}`}`,
        '',
      ];

export function releaseDetails(s: ReleaseStatus, request: ApprovalRequest | undefined): string {
  const lines = [
    `## ${s.model}, release ${s.release}: ${s.result === null ? s.stage : s.result.kind}`,
    '',
    `**Why:** ${plain(s.trigger.reasons[0] ?? s.trigger.kind)} (${s.trigger.kind}, ${instantInWords(s.trigger.atMs)})`,
    '',
    ...waiting(s.awaiting, s.untilMs),
  ];
  if (s.staging !== undefined) lines.push(`**Staging:** ${plain(stagedInWords(s.staging))}`, '');
  if (s.traffic !== undefined) lines.push(...trafficDetails(s.traffic));
  if (s.paused !== null)
    lines.push(
      `**${s.traffic === undefined ? 'Paused' : 'Held'}** by ${plain(s.paused.by)}: ${plain(s.paused.reason)}${s.paused.untilMs === undefined ? '' : `; taken back at ${instantInWords(s.paused.untilMs)} if nobody resumes`}`,
      '',
    );
  if (s.frozen) lines.push('**Frozen:** nothing is deployed until the freeze ends', '');
  if (s.evaluation !== null) {
    lines.push(
      `**Evaluation:** ${s.evaluation.verdict}, ${s.evaluation.rows} rows`,
      '',
      '| metric | champion | candidate |',
      '|---|---|---|',
      ...s.evaluation.candidate.map((candidate) =>
        metricRow(
          s.evaluation?.champion.find((champion) => champion.metric === candidate.metric),
          candidate,
        ),
      ),
      '',
    );
  }
  const bake = s.bakes?.at(-1);
  if (bake !== undefined) {
    lines.push(
      `**Bake:** ${bake.verdict}, ${lookInWords(bake.look)}`,
      '',
      '| metric | champion | candidate | change | verdict |',
      '|---|---|---|---|---|',
      ...bakeRows(bake).map(
        (row) =>
          `| ${[row.id, row.champion, row.candidate, row.change, row.verdict].map(plain).join(' | ')} |`,
      ),
      '',
      ...bake.doubts.map((doubt) => `- ${plain(doubt)}`),
      '',
    );
  }
  const cost = costInWords(s);
  if (cost !== null) lines.push(`**Cost of training:** ${plain(cost)}`, '');
  if (request !== undefined) {
    lines.push(
      `**Approval:** ${request.decisions.length} of ${request.approvalsNeeded}, asked of ${plain(request.approvers.join(', '))}`,
      '',
      `Evidence \`${request.digest.slice(0, 16)}\`; rollout: ${planInWords(request.evidence.plan)}`,
      '',
    );
  }
  for (const refusal of s.refusals.slice(-3)) {
    lines.push(`Refused ${plain(refusal.person)} (${refusal.door}): ${plain(refusal.reason)}`, '');
  }
  lines.push(
    '### So far',
    '',
    ...s.timeline
      .slice(-15)
      .map((entry) => `- ${instantInWords(entry.atMs)}: ${plain(entry.what)}`),
    '',
    `Keeper: \`${keeperId(s.model)}\``,
  );
  return lines.join('\n');
}

function trafficDetails(traffic: TrafficStatus): readonly string[] {
  return [
    `**Traffic:** ${trafficInWords(traffic)}`,
    '',
    ...traffic.steps.map(
      (step, index) =>
        `${index < traffic.at ? '- [x]' : '- [ ]'} ${stepInWords(step)}${index === traffic.at ? ' ←' : ''}`,
    ),
    '',
  ];
}

export function releaseWhy(s: ReleaseStatus, request: ApprovalRequest | undefined): Why {
  const evidence = s.trigger.windows.flatMap((window) =>
    window.reportUri === undefined
      ? []
      : [{ what: `window of ${window.source}`, uri: window.reportUri }],
  );
  if (s.evaluation !== null)
    evidence.push({ what: 'evaluation report', uri: s.evaluation.reportUri });
  return {
    sentence:
      s.result === null
        ? `release ${s.release} of ${s.model} is in ${s.stage}${s.awaiting === null ? '' : ` and waits for ${s.awaiting}`}`
        : `release ${s.release} of ${s.model} ended ${s.result.kind}`,
    because: [
      ...s.timeline.map((entry) => entry.what).reverse(),
      ...(request === undefined ? [] : request.weaknesses.map((weakness) => `note: ${weakness}`)),
      `started by ${s.trigger.by.person} (${s.trigger.kind})`,
      ...s.trigger.reasons,
    ],
    evidence,
  };
}

export function keeperDetails(s: KeeperStatus, nowMs: number): string {
  const lines = [
    `## ${s.model}: ${s.verdict}`,
    '',
    ...s.verdictReasons.slice(0, 5).map((reason) => `- ${plain(reason)}`),
    '',
    ...waiting(s.awaiting, s.untilMs),
    `**Endpoint:** ${plain(s.endpoint)} is ${plain(s.endpointStatus)}, serving ${plain(s.champion?.configName ?? 'nothing we know')}`,
    '',
  ];
  if (s.frozen !== null) {
    lines.push(
      `**Frozen** by ${plain(s.frozen.by)}${s.frozen.untilMs === null ? '' : ` until ${instantInWords(s.frozen.untilMs)}`}: ${plain(s.frozen.reason)}`,
      '',
    );
  }
  if (s.cooldownUntilMs !== null && s.cooldownUntilMs > nowMs) {
    lines.push(`**Cooling down** until ${instantInWords(s.cooldownUntilMs)}`, '');
  }
  if (s.lastGovernorAnswer !== null) {
    lines.push(
      `**Governor:** ${s.lastGovernorAnswer.kind}: ${plain(s.lastGovernorAnswer.reason)}`,
      '',
    );
  }
  if (s.budget.money !== undefined)
    lines.push(`**Cost of training:** ${plain(moneyInWords(s.budget.money))}`, '');
  for (const open of s.disagreements ?? []) {
    lines.push(
      `**Disagreement** (\`${open.kind}\`, ${open.remedy}): ${plain(open.sentence)}${open.note === undefined ? '' : `; ${plain(open.note)}`}`,
      '',
    );
  }
  for (const one of (s.monitors ?? []).filter(isTrouble))
    lines.push(
      `**${plain(one.source || one.schedule)}** (${one.kind}): ${plain(one.sentence)}`,
      '',
    );
  for (const open of s.releases) {
    lines.push(
      `Release ${open.release} is in ${open.stage}: \`${releaseId(s.model, open.release)}\``,
      '',
    );
  }
  if (s.lastRelease !== null) {
    lines.push(
      `Last release: ${s.lastRelease.release} ended ${s.lastRelease.result.kind} ${inWords(nowMs - s.lastRelease.endedAtMs)} before this was written`,
      '',
    );
  }
  lines.push(
    '### So far',
    '',
    ...s.timeline
      .slice(-15)
      .map((entry) => `- ${instantInWords(entry.atMs)}: ${plain(entry.what)}`),
    '',
    `Policy \`${s.policyDigest.slice(0, 16)}\` by ${plain(s.policyAuthor.person)}, applied ${instantInWords(s.policyAppliedAtMs)}`,
  );
  return lines.join('\n');
}

export function keeperWhy(s: KeeperStatus): Why {
  const evidence = Object.values(s.windows).flatMap((windows) => {
    const last = windows.at(-1);
    return last?.reportUri === undefined
      ? []
      : [{ what: `latest window of ${last.source}`, uri: last.reportUri }];
  });
  // The reasons of the verdict are on the timeline too.
  const because = [
    ...s.verdictReasons,
    ...(s.lastGovernorAnswer === null
      ? []
      : [`governor: ${s.lastGovernorAnswer.kind}: ${s.lastGovernorAnswer.reason}`]),
    ...(s.frozen === null ? [] : [`frozen by ${s.frozen.by}: ${s.frozen.reason}`]),
    ...s.timeline
      .slice(-10)
      .map((entry) => entry.what)
      .reverse(),
  ];
  return {
    sentence: `${s.model} is ${s.verdict}${s.awaiting === null ? '' : `; it waits for ${s.awaiting}`}`,
    because: [...new Set(because)],
    evidence,
  };
}
