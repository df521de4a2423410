import { eastAsianWidth } from 'get-east-asian-width';

import { bakeRows, lookInWords } from '../../domain/bake.js';
import { costInWords, moneyInWords } from '../../domain/cost.js';
import type { OpenDisagreement } from '../../domain/disagreements.js';
import { isTrouble } from '../../domain/managed-monitors.js';
import { inWords, instantInWords } from '../../domain/duration.js';
import type { RolloutPlan } from '../../domain/evidence.js';
import type { MetricInterval, ReleaseResult } from '../../domain/model.js';
import { planInWords, stepInWords, trafficInWords } from '../../domain/rollout.js';
import { stagedInWords } from '../../domain/staging.js';
import type {
  ApprovalRequest,
  KeeperStatus,
  ReleaseStatus,
  TrafficStatus,
  Why,
} from '../../domain/status.js';
import type { LedgerEntry } from '../../domain/ledger.js';
import { isScalingRefusal } from '../../domain/scaling.js';
import { failingWork } from '../failing-work.js';
import type { ModelLine, ModelView, PendingWork, ReleaseView } from '../replies.js';
import type { CliContext } from './context.js';

type Colors = CliContext['colors'];

/** Rows with their columns aligned; the last column is not padded. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows)
    row.forEach((cell, index) => {
      widths[index] = Math.max(widths[index] ?? 0, widthOf(visible(cell)));
    });
  return rows
    .map((row) =>
      row
        .map((cell, index) =>
          index === row.length - 1
            ? cell
            : cell + ' '.repeat((widths[index] ?? 0) - widthOf(visible(cell))),
        )
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

const CHARACTERS = new Intl.Segmenter('en');

/** What people see as one character each. */
export function charactersOf(text: string): readonly string[] {
  return Array.from(CHARACTERS.segment(text), ({ segment }) => segment);
}

/** Places of a terminal that a text takes: East Asian characters and pictures take two, marks on others none. */
export function widthOf(text: string): number {
  if (ASCII.test(text)) return text.length;
  return charactersOf(text).reduce((sum, character) => sum + placesOf(character), 0);
}

const ASCII = /^[\x20-\x7e]*$/;

export function placesOf(character: string): number {
  if (PICTURE.test(character)) return 2;
  const code = character.codePointAt(0) ?? 0;
  if (UNSEEN.test(character)) return 0;
  return eastAsianWidth(code);
}

/** Drawn as pictures, by themselves or because a mark after them says so; also flags, which are two letters. */
const PICTURE =
  /^(?:\p{Emoji_Presentation}|\p{Extended_Pictographic}\uFE0F|[0-9#*]\uFE0F\u20E3|\p{RI}\p{RI})/u;
const UNSEEN = /^[\p{Mn}\p{Me}\p{Cf}]+$/u;

function visible(text: string): string {
  // eslint's no-control-regex would forbid writing the escape character itself.
  return text.replaceAll(ANSI, '');
}

const ANSI = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g');

/** Texts that came from elsewhere must not move the cursor or change colours of somebody's terminal. */
export function plain(text: string): string {
  return text.replaceAll(CONTROL, ' ');
}

const CONTROL = /\p{Cc}/gu;

/**
 * What may go to a terminal or a file: control characters of anybody's become spaces, but for ends of lines, tabs,
 * and colours where there are colours. Marks that turn the direction of writing do too: a line would read otherwise
 * than it is.
 */
export function harmless(colors: Colors, text: string): string {
  return text
    .replaceAll(colors.isColorSupported ? CONTROL_BUT_COLOURS : CONTROL_OF_LINES, ' ')
    .replaceAll(TURNING, ' ');
}

const TURNING = /[\u061C\u200E\u200F\u2028-\u202E\u2066-\u2069]/gu;

const CONTROL_OF_LINES = /(?![\n\t])\p{Cc}/gu;
const CONTROL_BUT_COLOURS = new RegExp(
  `(?![\\n\\t]|${String.fromCharCode(27)}\\[[0-9;]*m)\\p{Cc}`,
  'gu',
);

export function verdictInColour(colors: Colors, verdict: string): string {
  switch (verdict) {
    case 'healthy':
      return colors.green(verdict);
    case 'drift':
    case 'data quality':
      return colors.yellow(verdict);
    case 'performance':
    case 'unhealthy endpoint':
      return colors.red(verdict);
    default:
      return colors.dim(verdict);
  }
}

export function listText(colors: Colors, lines: readonly ModelLine[]): string {
  if (lines.length === 0) return 'No model is kept yet. Start with `modelkeeper init`.';
  return table([
    ['MODEL', 'VERDICT', 'STAGE', 'WAITS FOR', 'ENDPOINT', ''].map((title) => colors.dim(title)),
    ...lines.map((line) => [
      colors.bold(line.model),
      verdictInColour(colors, line.verdict ?? '-'),
      line.stage ?? '-',
      line.awaiting ?? '-',
      line.endpoint ?? '-',
      line.failing.length === 0
        ? ''
        : colors.red(
            `${line.failing[0]?.activity ?? ''}: ${plain(line.failing[0]?.lastFailure ?? '')}`,
          ),
    ]),
  ]);
}

/** One disagreement a row: its kind, what is done about it, and what it is. */
export function disagreementRows(
  colors: Colors,
  disagreements: readonly OpenDisagreement[],
): readonly (readonly string[])[] {
  return disagreements.map(({ kind, remedy, sentence, note }) => [
    remedy === 'ask' ? colors.yellow(kind) : kind,
    remedy,
    plain(note === undefined ? sentence : `${sentence}; ${note}`),
  ]);
}

export function statusText(
  colors: Colors,
  view: ModelView,
  releases: readonly ReleaseView[],
  nowMs: number,
): string {
  const parts: string[] = [];
  if (view.keeper === null)
    parts.push(
      `${colors.bold(view.model)}  ${colors.yellow(view.unanswered ?? 'does not answer')}`,
      `Temporal says: ${view.execution}, started ${instantInWords(view.startedAtMs)}.`,
    );
  else {
    if (view.closedAtMs !== null)
      parts.push(
        colors.yellow(
          `${view.model} is not kept any more: its keeper ended (${view.execution}) at ${instantInWords(view.closedAtMs)}. What it last knew:`,
        ),
      );
    parts.push(keeperText(colors, view.keeper, nowMs));
  }
  const work = workText(colors, view.pending, nowMs);
  if (work !== '') parts.push(work);
  for (const release of releases) parts.push(releaseText(colors, release, nowMs));
  return parts.join('\n\n');
}

function keeperText(colors: Colors, keeper: KeeperStatus, nowMs: number): string {
  const ago = (atMs: number): string => `${inWords(nowMs - atMs)} ago`;
  const rows: string[][] = [
    [
      'endpoint',
      `${keeper.endpoint} (${keeper.region}), ${keeper.endpointStatus}, serves ${keeper.champion?.configName ?? 'nothing we know'}${keeper.champion === null ? '' : ` since ${instantInWords(keeper.champion.sinceMs)}`}`,
    ],
    [
      'policy',
      `${keeper.policyDigest.slice(0, 12)} by ${plain(keeper.policyAuthor.person)}, ${ago(keeper.policyAppliedAtMs)}${keeper.mode === 'record' ? ', records only' : ''}`,
    ],
    [
      'waits for',
      keeper.awaiting === null
        ? 'nothing'
        : `${plain(keeper.awaiting)}${keeper.untilMs === null ? '' : `, until ${instantInWords(keeper.untilMs)}`}`,
    ],
  ];
  if (keeper.frozen !== null)
    rows.push([
      'frozen',
      colors.cyan(
        `by ${plain(keeper.frozen.by)}: ${plain(keeper.frozen.reason)}${keeper.frozen.untilMs === null ? '' : `, until ${instantInWords(keeper.frozen.untilMs)}`}`,
      ),
    ]);
  if (keeper.cooldownUntilMs !== null && keeper.cooldownUntilMs > nowMs)
    rows.push(['cool-down', `${inWords(keeper.cooldownUntilMs - nowMs)} left`]);
  rows.push([
    'budget',
    `${keeper.budget.used} of ${keeper.budget.runs} runs in ${inWords(keeper.budget.perMs)}${moneyText(keeper)}`,
  ]);
  if (keeper.lastGovernorAnswer !== null)
    rows.push([
      'governor',
      `${keeper.lastGovernorAnswer.kind}: ${plain(keeper.lastGovernorAnswer.reason)} (${ago(keeper.lastGovernorAnswer.atMs)})`,
    ]);
  if (keeper.lastRelease !== null)
    rows.push([
      'last release',
      `${keeper.lastRelease.release}: ${resultText(keeper.lastRelease.result)} (${ago(keeper.lastRelease.endedAtMs)})`,
    ]);
  const ringing = keeper.alarms.filter((alarm) => alarm.state === 'ALARM');
  rows.push([
    'alarms',
    ringing.length === 0
      ? `${keeper.alarms.length}, none ringing`
      : colors.red(ringing.map((alarm) => `${alarm.name}: ${plain(alarm.reason)}`).join('; ')),
  ]);
  const [scaled] = keeper.scaling ?? [];
  const refused = keeper.scaling?.find(isScalingRefusal);
  if (scaled !== undefined && scaled !== refused)
    rows.push([
      'scaling',
      `${plain(scaled.sentence)}${scaled.atMs === 0 ? '' : ` (${ago(scaled.atMs)})`}`,
    ]);
  if (refused !== undefined)
    rows.push([
      'scaling refused',
      colors.yellow(`${plain(refused.sentence)} (${ago(refused.atMs)})`),
    ]);
  const windows = Object.entries(keeper.windows).flatMap(([source, results]) => {
    const last = results.at(-1);
    return last === undefined
      ? []
      : [
          [
            source,
            results.map((result) => WINDOW_MARKS[result.result]).join(''),
            plain(last.sentence),
          ],
        ];
  });
  const monitors = (keeper.monitors ?? []).map((one) => [
    one.source || one.schedule,
    isTrouble(one) ? colors.red(one.kind) : one.kind,
    plain(one.sentence),
  ]);
  const disagreements = disagreementRows(colors, keeper.disagreements ?? []);
  const refusal = keeper.refusals.at(-1);
  return [
    `${colors.bold(keeper.model)}  ${verdictInColour(colors, keeper.verdict)} for ${inWords(nowMs - keeper.verdictSinceMs)}`,
    ...keeper.verdictReasons.slice(0, 5).map((reason) => `  ${plain(reason)}`),
    '',
    indent(table(rows)),
    ...(windows.length === 0
      ? []
      : ['', colors.dim('Windows, oldest first'), indent(table(windows))]),
    ...(monitors.length === 0
      ? []
      : ['', colors.dim('Monitoring schedules'), indent(table(monitors))]),
    ...(disagreements.length === 0
      ? []
      : ['', colors.dim('Disagreements'), indent(table(disagreements))]),
    ...(refusal === undefined
      ? []
      : [
          '',
          `Last refused: ${plain(refusal.person)} through ${refusal.door}: ${plain(refusal.reason)}`,
        ]),
  ].join('\n');
}

function moneyText({ budget: { money } }: KeeperStatus): string {
  return money === undefined ? '' : `; ${plain(moneyInWords(money))}`;
}

const WINDOW_MARKS = {
  ok: '.',
  warn: '!',
  breach: 'X',
  'data quality': 'Q',
  'cannot tell': '?',
} as const;

export function releaseText(colors: Colors, view: ReleaseView, nowMs: number): string {
  const { status } = view;
  const title = colors.bold(`Release ${view.release}`);
  if (status === null)
    return `${title}  ${colors.yellow(view.unanswered ?? 'does not answer')}\n${workText(colors, view.pending, nowMs)}`.trimEnd();
  return [
    `${title}  ${stageText(status)}`,
    indent(
      table([
        ...(status.awaiting === null
          ? []
          : [
              [
                'waits for',
                `${plain(status.awaiting)}${status.untilMs === null ? '' : `, until ${instantInWords(status.untilMs)}`}`,
              ],
            ]),
        ['why', plain(status.trigger.reasons.join('; '))],
        ...(status.evaluation === null
          ? []
          : [['gates', `${status.evaluation.verdict} on ${status.evaluation.rows} rows`]]),
        ...status.decisions.map((decision) => [
          decision.verdict,
          `${plain(decision.person)} through ${decision.door}, ${instantInWords(decision.atMs)}: ${plain(decision.reason)}`,
        ]),
        ...(status.staging === undefined
          ? []
          : [['staging', plain(stagedInWords(status.staging))]]),
        ...(status.traffic === undefined ? [] : trafficRows(status.traffic)),
        ...(costInWords(status) === null ? [] : [['cost', plain(costInWords(status) ?? '')]]),
        ...(status.paused === null
          ? []
          : [
              [
                status.traffic === undefined ? 'paused' : 'held',
                `by ${plain(status.paused.by)}: ${plain(status.paused.reason)}${status.paused.untilMs === undefined ? '' : `; taken back at ${instantInWords(status.paused.untilMs)} if nobody resumes`}`,
              ],
            ]),
      ]),
    ),
    bakeText(colors, status),
    workText(colors, view.pending, nowMs),
  ]
    .filter((part) => part !== '')
    .join('\n');
}

/** The latest comparison of champion and candidate; empty when there was none. */
function bakeText(colors: Colors, status: ReleaseStatus): string {
  const last = status.bakes?.at(-1);
  if (last === undefined) return '';
  return indent(
    [
      `Champion and candidate in the bake, ${lookInWords(last.look)}: ${colors.bold(last.verdict)}`,
      ...(last.metrics.length === 0
        ? last.reasons.map(plain)
        : [
            table([
              ['', 'champion', 'candidate', 'change', ''],
              ...bakeRows(last).map((row) => [
                row.id,
                row.champion,
                row.candidate,
                row.change,
                row.verdict,
              ]),
            ]),
            ...last.doubts.map(plain),
          ]),
    ].join('\n'),
  );
}

function trafficRows(traffic: TrafficStatus): string[][] {
  const mark = (index: number): string =>
    index < traffic.at ? 'done' : index === traffic.at ? 'now' : 'to come';
  return [
    ['traffic', trafficInWords(traffic)],
    ...traffic.steps.map((step, index) => ['', `${mark(index)}: ${stepInWords(step)}`]),
  ];
}

function stageText(status: ReleaseStatus): string {
  return status.result === null ? status.stage : resultText(status.result);
}

export function resultText(result: ReleaseResult): string {
  switch (result.kind) {
    case 'promoted':
      return `promoted ${result.configName}${result.short === undefined ? '' : ` (${plain(result.short)})`}`;
    case 'rejected':
    case 'aborted':
      return `${result.kind} by ${plain(result.by)}: ${plain(result.reason)}`;
    case 'failed gates':
      return `failed gates: ${plain(result.reasons.join('; '))}`;
    case 'superseded':
      return `superseded by release ${result.by}: ${plain(result.reason)}`;
    default:
      return `${result.kind}: ${plain(result.reason)}`;
  }
}

/** What activities are doing; a quiet look is told dimly, a failure in red. */
export function workText(colors: Colors, pending: readonly PendingWork[], nowMs: number): string {
  const failing = new Set(failingWork(pending));
  return indent(
    pending
      .map((work) => {
        const next =
          work.nextAttemptAtMs === null ? '' : `, next in ${inWords(work.nextAttemptAtMs - nowMs)}`;
        const line = `${work.activity}: ${work.state}, attempt ${work.attempt}${next}${work.lastFailure === null ? '' : `: ${plain(work.lastFailure)}`}`;
        return failing.has(work) ? colors.red(line) : colors.dim(line);
      })
      .join('\n'),
  );
}

export function whyText(colors: Colors, why: Why): string {
  return [
    colors.bold(plain(why.sentence)),
    ...why.because.map((reason) => `  because ${plain(reason)}`),
    ...why.evidence.map(({ what, uri }) => colors.dim(`  ${plain(what)}: ${plain(uri)}`)),
  ].join('\n');
}

/** Everything a person should have read before deciding. */
export function requestText(colors: Colors, request: ApprovalRequest, nowMs: number): string {
  const { evaluation, evidence } = request;
  const { plan } = evidence;
  const metrics = evaluation.candidate.map((candidate) => {
    const champion = evaluation.champion.find((one) => one.metric === candidate.metric);
    return [
      candidate.metric,
      intervalText(candidate),
      champion === undefined ? '-' : intervalText(champion),
    ];
  });
  return [
    `${colors.bold(`Release ${request.release} of ${request.model}`)} asks to replace ${evidence.championConfigName ?? 'nothing'} by ${evidence.configName}`,
    '',
    `Why: ${plain(request.trigger.reasons.join('; '))}`,
    `Asked by ${plain(request.requestedBy)} ${inWords(nowMs - request.requestedAtMs)} ago; expires in ${inWords(request.expiresAtMs - nowMs)}`,
    '',
    `On ${evaluation.rows} rows that neither model was trained on:`,
    indent(
      table([['metric', 'candidate', 'champion'].map((title) => colors.dim(title)), ...metrics]),
    ),
    '',
    indent(
      table(
        evaluation.gates.map((gate) => [
          gate.verdict === 'pass' ? colors.green('pass') : colors.yellow(gate.verdict),
          `${gate.id}${gate.severity === 'advisory' ? ' (advisory)' : ''}`,
          plain(gate.reason),
        ]),
      ),
    ),
    '',
    `Rollout: ${rolloutText(plan)}; rolled back by ${plan.alarmNames.join(', ') || 'no alarm'}`,
    ...request.weaknesses.map((weakness) => colors.yellow(`Weaker evidence: ${plain(weakness)}`)),
    `Model package ${evidence.packageArn}`,
    `Report ${evaluation.reportUri}`,
    `Evidence ${request.digest}`,
    `Decisions: ${request.decisions.length} of ${request.approvalsNeeded}${request.decisions.map((decision) => `; ${decision.verdict} by ${plain(decision.person)}`).join('')}. May decide: ${request.approvers.map(plain).join(', ')} through ${request.doors.join(', ')}`,
  ].join('\n');
}

function rolloutText(plan: RolloutPlan): string {
  if (plan.strategy === 'rolling' || plan.strategy === 'steps')
    return `${plan.strategy}, ${planInWords(plan)}`;
  const how =
    plan.strategy === 'all-at-once'
      ? 'all at once'
      : `${plan.strategy}, ${plan.percent} % per step, ${inWords(plan.bakeSeconds * 1_000)} bake`;
  return `${how}, then ${inWords(plan.finalBakeSeconds * 1_000)} before the old fleet goes`;
}

function intervalText(metric: MetricInterval): string {
  const number = (value: number | null): string => (value === null ? '?' : value.toFixed(4));
  return metric.lower === null && metric.upper === null
    ? number(metric.estimate)
    : `${number(metric.estimate)} [${number(metric.lower)}, ${number(metric.upper)}]`;
}

export function entryText(colors: Colors, entry: LedgerEntry): string {
  return [
    `${String(entry.sequence).padStart(5)}  ${instantInWords(entry.atMs)}  ${colors.bold(plain(entry.decision))}  ${entry.subject}${entry.late === true ? colors.yellow('  (entered late)') : ''}`,
    `       by ${plain(entry.actor.person)} through ${entry.actor.door}`,
    ...entry.reasons.map((reason) => `       ${plain(reason)}`),
    ...entry.evidence.map(({ uri }) => colors.dim(`       ${plain(uri)}`)),
  ].join('\n');
}

export function indent(text: string): string {
  return text === '' ? '' : text.replaceAll(/^/gm, '  ');
}
