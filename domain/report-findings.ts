import { counted, spanInWords } from './capture-windows.js';
import type { Window, WindowResult, WindowSubject } from './model.js';
import type { PolicySpec, ReportMetricLimits, ReportSource } from './policy.schema.js';
import { rounded } from './stats/verdict.js';

/** How a score is read: a distance means drift when it is large, the p of a test when it is small. */
export type ScoreKind = 'distance' | 'p';

/** One column of somebody else's report, as the report has it. */
export interface ReportColumn {
  readonly name: string;
  /** `psi`, `jensenshannon`, `ks` …; `null` where the report does not say. */
  readonly method: string | null;
  /** `null` for a method that is not known. */
  readonly scoreKind: ScoreKind | null;
  readonly score: number | null;
  /** Jensen–Shannon distance, base 2, where that is the method. */
  readonly jsDistance: number | null;
  /** The report's own opinion; `null` where it has none. */
  readonly drifted: boolean | null;
}

/** A named number of a report. */
export interface ReportNumber {
  readonly name: string;
  /** `null` for one that could not be computed. */
  readonly value: number | null;
  /** The report's own alert; `null` where it has none. */
  readonly alert: boolean | null;
  /** What an alert is evidence of; `null` or absent: of neither, people only see it. */
  readonly means?: WindowSubject | null;
}

/** One report, whatever tool wrote it. */
export interface Report {
  /** The time its data is of, where it says so; half-open. */
  readonly span: Window | null;
  /** When it was made, where it says only that. */
  readonly atMs: number | null;
  readonly rows: number | null;
  readonly columns: readonly ReportColumn[];
  /** What it says of all columns together, for reports without single ones. */
  readonly dataset: {
    readonly columns: number | null;
    readonly drifted: number | null;
    readonly share: number | null;
  } | null;
  readonly numbers: readonly ReportNumber[];
}

/** Where a report lies and what tells it from others. */
export interface ReportPlace {
  readonly uri: string;
  /** Key of the file, with the chunk or step where it holds several. */
  readonly id: string;
  readonly writtenAtMs: number;
}

/** The window a report is about: its own span; else the time of one `every` before it was made. */
export function reportWindow(
  report: Pick<Report, 'span' | 'atMs'> | null,
  writtenAtMs: number,
  everyMs: number,
): Window {
  if (report?.span != null) return report.span;
  const toMs = report?.atMs ?? writtenAtMs;
  return { fromMs: toMs - everyMs, toMs };
}

/** How far a clock of the far east is ahead of UTC, which is what a time without a zone is read as. */
const ZONES_APART_MS = 14 * 3_600_000;

/** What is wrong with the time a report gives: no file is about what comes after it. `undefined` when nothing is. */
export function timeFault(
  { span, atMs }: Pick<Report, 'span' | 'atMs'>,
  writtenAtMs: number,
): string | undefined {
  const aboutMs = span?.fromMs ?? atMs;
  return aboutMs === null || aboutMs <= writtenAtMs + ZONES_APART_MS
    ? undefined
    : `it is about ${new Date(aboutMs).toISOString()}, which is after it was written: give its times in UTC, and check the clock that made it`;
}

type Detect = PolicySpec['detect'];
type Say = 'ok' | 'warn' | 'breach';

interface ColumnJudged {
  readonly column: ReportColumn;
  readonly verdict: 'ok' | 'warn' | 'drift' | 'insufficient data';
}

/**
 * What a report says under the policy.
 *
 * A critical column that drifted is enough, and so is the share `detect.drift.share` of those that could be judged;
 * fewer are a warning. Named numbers are judged by their limits, or by the report's own alert. A report in which
 * nothing can be judged is no evidence.
 */
export function reportResult(
  source: ReportSource,
  window: Window,
  place: ReportPlace,
  report: Report,
  detect: Detect,
): WindowResult {
  const common = { ...window, source: source.id, sourceKind: source.kind, id: place.id } as const;
  const rows = report.rows ?? 0;
  const say = (
    result: WindowResult['result'],
    words: string,
    rest: Pick<WindowResult, 'columns'> & Partial<Pick<WindowResult, 'subjects' | 'metric'>>,
  ): WindowResult => ({
    ...common,
    result,
    rows,
    sentence: `${source.id}, ${spanInWords(window)}: ${words}${report.rows === null ? '' : `; ${counted(report.rows)} rows`}`,
    ...rest,
    reportUri: place.uri,
  });
  if (report.rows !== null && report.rows < detect.drift.minRows) {
    return say('cannot tell', `${counted(detect.drift.minRows)} rows are needed to tell`, {
      columns: [],
    });
  }
  const judged = report.columns
    .filter((column) => !detect.columns.ignore.includes(column.name))
    .map((column) => ({ column, verdict: columnVerdict(source, column, detect) }));
  const drift = driftOf(judged, report.dataset, detect);
  const numbers = numbersOf(source, report.numbers);
  const columns = shownColumns(judged);
  const subjects: Partial<Record<WindowSubject, Say>> = {};
  const drifts = [drift?.say, worst(numbers.filter((one) => one.means === 'drift'))];
  const ofDrift = worstOf(drifts.filter((one) => one !== undefined));
  const ofPerformance = worst(numbers.filter((one) => one.means === 'performance'));
  if (ofDrift !== undefined) subjects.drift = ofDrift;
  if (ofPerformance !== undefined) subjects.performance = ofPerformance;
  const beside = worst(numbers.filter((one) => one.means === null));
  const result = worstOf([...Object.values(subjects), ...(beside === undefined ? [] : [beside])]);
  const words = [
    ...(drift === undefined ? [] : [drift.words]),
    ...numbersInWords(numbers.filter((one) => one.say !== undefined)),
  ];
  const blind = numbersInWords(numbers.filter((one) => one.say === undefined));
  if (result === undefined) {
    return say('cannot tell', blind.join('; ') || nothingToJudge(source, report), { columns });
  }
  const shown = numbers.find((one) => one.say !== undefined && one.means === 'performance');
  return say(result, [...words, ...blind].join('; '), {
    columns,
    subjects,
    ...(shown === undefined ? {} : { metric: metricOf(shown) }),
  });
}

/** A report that cannot be read: what is wrong with it, and where. A broken feed is told from the first one on. */
export function malformedResult(
  source: ReportSource,
  window: Window,
  place: ReportPlace,
  fault: string,
): WindowResult {
  return {
    ...window,
    source: source.id,
    sourceKind: source.kind,
    id: place.id,
    result: 'data quality',
    rows: 0,
    sentence: `${source.id}, ${spanInWords(window)}: ${place.uri} cannot be read: ${fault}`,
    columns: [],
    reportUri: place.uri,
  };
}

function columnVerdict(
  source: ReportSource,
  column: ReportColumn,
  { drift }: Detect,
): ColumnJudged['verdict'] {
  const given = source.kind === 'evidently' ? thresholdOf(source.thresholds, column.method) : null;
  const { score, scoreKind, jsDistance } = column;
  if (given !== null && score !== null && scoreKind !== null)
    return (scoreKind === 'p' ? score < given : score >= given) ? 'drift' : 'ok';
  // NannyML compares with the spread of its own reference; its alert is the finer rule.
  if (jsDistance !== null && source.kind === 'evidently') {
    if (jsDistance >= drift.drift) return 'drift';
    return jsDistance >= drift.warn ? 'warn' : 'ok';
  }
  if (column.drifted === null || (source.kind === 'nannyml' && !source.alerts))
    return 'insufficient data';
  return column.drifted ? 'drift' : 'ok';
}

function thresholdOf(
  thresholds: Readonly<Record<string, number>>,
  method: string | null,
): number | null {
  return method !== null && Object.hasOwn(thresholds, method) ? (thresholds[method] ?? null) : null;
}

function driftOf(
  judged: readonly ColumnJudged[],
  dataset: Report['dataset'],
  { columns, drift }: Detect,
): { readonly say: Say; readonly words: string } | undefined {
  const told = judged.filter(({ verdict }) => verdict !== 'insufficient data');
  if (told.length === 0) return datasetDrift(dataset, drift.share);
  const blindCritical = judged.some(
    ({ column, verdict }) =>
      verdict === 'insufficient data' && columns.critical.includes(column.name),
  );
  const drifted = told.filter(({ verdict }) => verdict === 'drift');
  const critical = drifted.filter(({ column }) => columns.critical.includes(column.name));
  const share = drifted.length / told.length;
  const names = drifted.slice(0, 3).map(({ column }) => inWords(column));
  const more = drifted.length > 3 ? ` and ${drifted.length - 3} more` : '';
  const words = `${drifted.length} of ${told.length} columns drifted${names.length === 0 ? '' : `: ${names.join(', ')}${more}`}`;
  if (critical.length > 0) {
    const [first] = critical;
    return {
      say: 'breach',
      words: `the critical column ${first?.column.name ?? ''} drifted; ${words}`,
    };
  }
  if (drifted.length > 0 && share >= drift.share) return { say: 'breach', words };
  if (drifted.length > 0 || told.some(({ verdict }) => verdict === 'warn'))
    return { say: 'warn', words };
  // Nothing moved among the others, but nobody knows about a column that matters most.
  return blindCritical ? undefined : { say: 'ok', words };
}

function datasetDrift(
  dataset: Report['dataset'],
  enough: number,
): { readonly say: Say; readonly words: string } | undefined {
  if (dataset === null) return undefined;
  const { drifted } = dataset;
  const share =
    dataset.share ??
    (drifted !== null && dataset.columns !== null && dataset.columns > 0
      ? drifted / dataset.columns
      : null);
  if (share === null) return undefined;
  const say = share > 0 && share >= enough ? 'breach' : share > 0 ? 'warn' : 'ok';
  return {
    say,
    words: `${rounded(share * 100)} % of the columns drifted (${rounded(enough * 100)} % is enough)`,
  };
}

interface NumberJudged {
  readonly name: string;
  readonly means: WindowSubject | null;
  /** `undefined`: no evidence. */
  readonly say: Say | undefined;
  readonly value: number | null;
  readonly words: string;
}

/** The numbers the policy names and, of NannyML, those with an alert of their own. */
function numbersOf(source: ReportSource, numbers: readonly ReportNumber[]): NumberJudged[] {
  return numbers.flatMap((number): NumberJudged[] => {
    const limits = Object.hasOwn(source.metrics, number.name)
      ? source.metrics[number.name]
      : undefined;
    if (limits !== undefined) return [byLimits(number, limits)];
    if (source.kind !== 'nannyml' || !source.alerts || number.alert === null) return [];
    const value = number.value === null ? 'no value' : rounded(number.value);
    const means = number.means ?? null;
    return [
      {
        name: number.name,
        means,
        say:
          number.value === null
            ? undefined
            : !number.alert
              ? 'ok'
              : means === null
                ? 'warn'
                : 'breach',
        value: number.value,
        words: `${number.name} is ${value}${number.alert ? ', which NannyML alerts on' : ''}`,
      },
    ];
  });
}

/** Numbers that a sentence tells. */
const MOST_NUMBERS = 10;

/** What numbers say: of many, those that matter most, and how many there are besides. */
function numbersInWords(numbers: readonly NumberJudged[]): readonly string[] {
  if (numbers.length <= MOST_NUMBERS) return numbers.map(({ words }) => words);
  const rank = ({ say }: NumberJudged): number => (say === undefined ? 0 : RANK[say]);
  const most = [...numbers].sort((a, b) => rank(b) - rank(a)).slice(0, MOST_NUMBERS);
  return [...most.map(({ words }) => words), `${numbers.length - MOST_NUMBERS} more`];
}

function byLimits({ name, value }: ReportNumber, limits: ReportMetricLimits): NumberJudged {
  const common = { name, means: limits.means, value };
  if (value === null) return { ...common, say: undefined, words: `${name} has no value` };
  const is = `${name} is ${rounded(value)}`;
  if (limits.floor !== undefined && value < limits.floor)
    return { ...common, say: 'breach', words: `${is}, below ${limits.floor}` };
  if (limits.ceiling !== undefined && value > limits.ceiling)
    return { ...common, say: 'breach', words: `${is}, above ${limits.ceiling}` };
  return { ...common, say: 'ok', words: is };
}

const metricOf = ({ name, value }: NumberJudged): NonNullable<WindowResult['metric']> => ({
  name,
  estimate: value,
  lower: null,
  upper: null,
  coverage: 1,
});

const RANK: Readonly<Record<Say, number>> = { ok: 0, warn: 1, breach: 2 };

const worst = (numbers: readonly NumberJudged[]): Say | undefined =>
  worstOf(numbers.flatMap(({ say }) => (say === undefined ? [] : [say])));

function worstOf(says: readonly Say[]): Say | undefined {
  return says.reduce<Say | undefined>(
    (worstYet, say) => (worstYet === undefined || RANK[say] > RANK[worstYet] ? say : worstYet),
    undefined,
  );
}

const MOST_COLUMNS = 10;
const COLUMN_RANK = { drift: 3, warn: 2, ok: 1, 'insufficient data': 0 } as const;

function shownColumns(judged: readonly ColumnJudged[]): WindowResult['columns'] {
  return [...judged]
    .sort(
      (a, b) =>
        COLUMN_RANK[b.verdict] - COLUMN_RANK[a.verdict] ||
        (b.column.jsDistance ?? -1) - (a.column.jsDistance ?? -1),
    )
    .slice(0, MOST_COLUMNS)
    .map(({ column, verdict }) => ({
      name: column.name,
      jsDistance: column.jsDistance,
      pAdjusted: null,
      verdict,
    }));
}

const inWords = ({ name, method, score }: ReportColumn): string =>
  score === null ? name : `${name} (${method ?? 'score'} ${rounded(score)})`;

function nothingToJudge(source: ReportSource, report: Report): string {
  const wanted = Object.keys(source.metrics);
  const has = report.numbers.slice(0, 5).map((number) => number.name);
  const held = has.length === 0 ? '' : `; the report has ${has.join(', ')}`;
  if (report.columns.length > 0)
    return 'no column can be judged: the report names neither a known method nor a verdict';
  return wanted.length === 0
    ? `it holds neither drift nor a number that the policy names under metrics${held}`
    : `it holds none of ${wanted.join(', ')}${held}`;
}
