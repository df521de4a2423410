import { counted, spanInWords } from './capture-windows.js';
import type { Window, WindowResult, WindowSubject } from './model.js';
import type { ModelMonitorSource } from './policy.schema.js';
import type { ComparisonVerdict, DetectPolicy } from './stats/types.js';
import { judgeColumn, judgeDataset, rounded, type ColumnFacts } from './stats/verdict.js';

/** What one entry of `constraint_violations.json` says. Numbers stand in its description only. */
export interface Violation {
  /** `constraint_check_type`. */
  readonly check: string;
  readonly feature: string | null;
  readonly metric: string | null;
  readonly description: string;
}

/** One column of an execution's statistics against those of its baseline. */
export interface SketchComparison extends ColumnFacts {
  readonly psi: number | null;
}

export type MonitoringType = 'DataQuality' | 'ModelQuality' | 'ModelBias' | 'ModelExplainability';

/** One execution of a schedule that has ended. */
export interface MonitorExecution {
  readonly scheduledAtMs: number;
  readonly type: MonitoringType;
  readonly status: string;
  readonly failureReason: string | null;
}

/** What an execution left behind. */
export interface MonitorEvidence {
  readonly violations: readonly Violation[];
  /** `item_count` of `statistics.json`; `null` for monitors that write none. */
  readonly rows: number | null;
  /** The columns whose distributions are in both files; empty without statistics. */
  readonly compared: readonly SketchComparison[];
  /** Columns that were checked, where `constraints.json` tells them. */
  readonly checked: readonly string[] | null;
  /** Model Monitor's own alert after the execution; `null` when there never was one. */
  readonly alert: 'InAlert' | 'OK' | null;
  readonly reportUri: string;
}

const HOUR_MS = 3_600_000;

/** When the runs of a schedule are: every so often, that long after midnight UTC. */
export interface Rhythm {
  readonly everyMs: number;
  readonly offsetMs: number;
}

/** By its cron expression; `null` for `NOW`, which runs once, and for what SageMaker does not take. */
export function scheduleRhythm(expression: string): Rhythm | null {
  const match = /^cron\(0 (?:\*|(\d{1,2})(?:\/(\d{1,2}))?) \? \* \* \*\)$/.exec(expression);
  if (match === null) return null;
  if (match[1] === undefined) return { everyMs: HOUR_MS, offsetMs: 0 };
  const at = Number(match[1]);
  const hours = match[2] === undefined ? 24 : Number(match[2]);
  if (at > 23 || hours < 1 || hours > 24) return null;
  return { everyMs: hours * HOUR_MS, offsetMs: (at % hours) * HOUR_MS };
}

type Meaning = 'drift' | 'performance' | 'data quality' | 'warn' | 'none';

/**
 * What a violation stands for.
 *
 * Most checks are about a broken feed: only a moved distribution and a lost quality may lead to a retraining, unless
 * the policy says otherwise. New values of a column are a broken feed, unless the policy declares that they mean a
 * changed world.
 */
export function meaningOf(
  violation: Pick<Violation, 'check' | 'feature'>,
  type: MonitoringType,
  source: Pick<ModelMonitorSource, 'checks'>,
  newValuesAreDrift: readonly string[],
): Meaning {
  const { check, feature } = violation;
  const checks: Readonly<Record<string, Meaning | undefined>> = source.checks;
  const given = Object.hasOwn(checks, check) ? checks[check] : undefined;
  if (given !== undefined) return given;
  if (type === 'ModelQuality') return 'performance';
  switch (check) {
    case 'baseline_drift_check':
      return 'drift';
    case 'categorical_values_check':
      return feature !== null && newValuesAreDrift.includes(feature) ? 'drift' : 'data quality';
    case 'data_type_check':
    case 'completeness_check':
    case 'missing_column_check':
    case 'extra_column_check':
      return 'data quality';
    default:
      return 'warn';
  }
}

type Say = 'ok' | 'warn' | 'breach';

/** What a completed execution says under the policy. */
export function monitorResult(
  source: ModelMonitorSource,
  window: Window,
  execution: MonitorExecution,
  evidence: MonitorEvidence,
  detect: DetectPolicy,
): WindowResult {
  const { ignore, newCategoriesAreDrift } = detect;
  const violations = evidence.violations
    .filter(({ feature }) => feature === null || !ignore.includes(feature))
    .map((violation) => ({
      violation,
      meaning: meaningOf(violation, execution.type, source, newCategoriesAreDrift),
    }));
  const of = (meaning: Meaning): readonly Violation[] =>
    violations.flatMap((one) => (one.meaning === meaning ? [one.violation] : []));
  const drift = execution.type === 'DataQuality' ? columnsOf(evidence, of, detect) : null;
  const rows = evidence.rows ?? 0;
  const common = {
    ...window,
    source: source.id,
    sourceKind: source.kind,
    rows,
    columns: drift?.columns ?? [],
    reportUri: evidence.reportUri,
  } as const;
  const say = (
    result: WindowResult['result'],
    words: string,
    rest: Pick<WindowResult, 'subjects'> = {},
  ): WindowResult => ({
    ...common,
    result,
    sentence: `${source.id}, ${spanInWords(window)}: ${words}${evidence.rows === null ? '' : `; ${counted(rows)} rows`}`,
    ...rest,
  });
  const broken = of('data quality');
  if (broken.length > 0 || drift?.verdict.kind === 'data quality')
    return say('data quality', listed(broken));
  if (drift?.verdict.kind === 'insufficient data')
    return say('cannot tell', drift.verdict.reasons.join('; '));

  const subjects: Partial<Record<WindowSubject, Say>> = measured(execution.type, source);
  if (drift !== null) subjects.drift = SAYS[drift.verdict.kind];
  else if (of('drift').length > 0) subjects.drift = 'breach';
  if (of('performance').length > 0) subjects.performance = 'breach';
  const seen = [...of('performance'), ...(drift === null ? of('drift') : []), ...of('warn')];
  const words = [
    ...(seen.length === 0 ? [] : [listed(seen)]),
    ...(drift === null ? [] : drift.verdict.reasons),
  ];
  const held = source.alerts && evidence.alert !== 'InAlert';
  const final = held ? withoutAlert(subjects) : subjects;
  const says = Object.values(final);
  const result = says.includes('breach')
    ? 'breach'
    : says.includes('warn') || of('warn').length > 0
      ? 'warn'
      : 'ok';
  const note =
    held && Object.values(subjects).includes('breach') ? ['no alert was raised yet'] : [];
  return say(result, [...words, ...note].join('; ') || 'no violations', { subjects: final });
}

const SAYS: Readonly<Record<ComparisonVerdict, Say>> = {
  ok: 'ok',
  warn: 'warn',
  drift: 'breach',
  'data quality': 'breach',
  'insufficient data': 'ok',
};

/** What a run without violations is evidence of. */
function measured(
  type: MonitoringType,
  { checks }: Pick<ModelMonitorSource, 'checks'>,
): Partial<Record<WindowSubject, Say>> {
  const subjects: Partial<Record<WindowSubject, Say>> = {};
  if (type === 'ModelQuality') subjects.performance = 'ok';
  if (type === 'DataQuality') subjects.drift = 'ok';
  const own =
    type === 'ModelBias'
      ? checks.bias_drift_check
      : type === 'ModelExplainability'
        ? checks.feature_attribution_drift_check
        : undefined;
  if (own === 'drift' || own === 'performance') subjects[own] = 'ok';
  return subjects;
}

function withoutAlert(
  subjects: Partial<Record<WindowSubject, Say>>,
): Partial<Record<WindowSubject, Say>> {
  return Object.fromEntries(
    Object.entries(subjects).map(([subject, say]) => [subject, say === 'breach' ? 'warn' : say]),
  );
}

interface Columns {
  readonly verdict: { readonly kind: ComparisonVerdict; readonly reasons: readonly string[] };
  readonly columns: WindowResult['columns'];
}

const MOST_COLUMNS = 10;
const NAMED = 3;

/**
 * Data quality by columns: the policy's own threshold where the distributions of both sides are there, and Model
 * Monitor's opinion where they are not.
 */
function columnsOf(
  evidence: MonitorEvidence,
  of: (meaning: Meaning) => readonly Violation[],
  detect: DetectPolicy,
): Columns {
  const { compared } = evidence;
  const violated = new Map(of('drift').map((violation) => [violation.feature ?? '', violation]));
  const columns = new Map<string, Column>();
  for (const name of [...(evidence.checked ?? []), ...violated.keys()])
    columns.set(name, { name, jsDistance: null, pAdjusted: null, ...opinion(violated.get(name)) });
  for (const column of compared) {
    if (column.jsDistance === null) continue;
    const judged = judgeColumn(column, detect);
    // New values that the policy takes for a changed world are drift, whatever the distance.
    const isNew = violated.get(column.name)?.check === 'categorical_values_check';
    columns.set(column.name, {
      name: column.name,
      jsDistance: column.jsDistance,
      pAdjusted: column.pAdjusted,
      ...(isNew && judged.verdict !== 'drift'
        ? opinion(violated.get(column.name))
        : { verdict: judged.verdict, reason: withPsi(judged, column.psi) }),
    });
  }
  const all = [...columns.values()].filter(({ name }) => !detect.ignore.includes(name));
  const judged =
    all.length === 0
      ? { kind: 'ok' as const, reasons: ['no violations'] }
      : judgeDataset(evidence.rows ?? Number.POSITIVE_INFINITY, all, null, detect);
  // The share alone would leave out by how much they moved.
  const numbers = all
    .filter(({ verdict }) => verdict === 'drift')
    .slice(0, NAMED)
    .map(({ name, reason }) => `${name}: ${reason}`)
    .filter((one) => !judged.reasons.some((reason) => reason.includes(one)));
  return {
    verdict:
      judged.kind === 'drift' ? { ...judged, reasons: [...judged.reasons, ...numbers] } : judged,
    columns: [...all]
      .sort(
        (a, b) =>
          RANKS[b.verdict] - RANKS[a.verdict] || (b.jsDistance ?? -1) - (a.jsDistance ?? -1),
      )
      .slice(0, MOST_COLUMNS)
      .map(({ name, jsDistance, pAdjusted, verdict }) => ({
        name,
        jsDistance,
        pAdjusted,
        verdict,
      })),
  };
}

interface Column {
  readonly name: string;
  readonly jsDistance: number | null;
  readonly pAdjusted: number | null;
  readonly verdict: ComparisonVerdict;
  readonly reason: string;
}

const RANKS: Readonly<Record<ComparisonVerdict, number>> = {
  'data quality': 4,
  drift: 3,
  warn: 2,
  ok: 1,
  'insufficient data': 0,
};

const opinion = (
  violation: Violation | undefined,
): { readonly verdict: ComparisonVerdict; readonly reason: string } =>
  violation === undefined
    ? { verdict: 'ok', reason: 'Model Monitor found nothing' }
    : { verdict: 'drift', reason: short(violation.description || violation.check) };

/** With the PSI, for people who are used to it. */
const withPsi = (
  { verdict, reason }: { readonly verdict: ComparisonVerdict; readonly reason: string },
  psi: number | null,
): string =>
  psi === null || (verdict !== 'drift' && verdict !== 'warn')
    ? reason
    : `${reason}, PSI ${rounded(psi)}`;

function listed(violations: readonly Violation[]): string {
  const named = violations.slice(0, NAMED).map(inWords);
  const more = violations.length > NAMED ? `, and ${violations.length - NAMED} more` : '';
  return `${named.join(', ')}${more}`;
}

function inWords({ check, feature, metric, description }: Violation): string {
  const what = [check, feature ?? metric].filter((one) => one !== null).join(' of ');
  return description === '' ? what : `${what} (${short(description)})`;
}

const MOST_TEXT = 160;
const short = (text: string): string =>
  text.length <= MOST_TEXT ? text : `${text.slice(0, MOST_TEXT)}…`;

/** An execution that says nothing of the data: why. Without data there is neither drift nor an outage. */
export function blindExecution(execution: MonitorExecution): string {
  const reason = execution.failureReason ?? '';
  if (execution.status === 'Stopped') return 'the execution was stopped';
  if (/Job inputs had no data|No S3 objects found/i.test(reason))
    return `no data was captured (${short(reason)})`;
  return `the execution is ${execution.status}${reason === '' ? '' : `: ${short(reason)}`}`;
}
