import { counted, spanInWords } from './capture-windows.js';
import type { Window, WindowResult } from './model.js';
import type {
  MultivariateReading,
  MultivariateReport,
  MultivariateSettings,
} from './multivariate.schema.js';
import { neutral } from './neutral.js';

export type { MultivariateReading, MultivariateReport, MultivariateSettings };
export type MultivariateMethod = MultivariateReading['method'];
export type MultivariatePair = MultivariateReading['pairs'][number];

/** When columns together have drifted. */
export interface MultivariateLimits {
  /** Of the nearer bound of the interval: an AUC, or a shift in standard deviations. */
  readonly warn: number;
  readonly drift: number;
  /** Chance below which a difference is more than chance. */
  readonly significance: number;
  /** Fewest rows looked at, on either side. */
  readonly minRows: number;
}

const DEFAULTS: Readonly<Record<MultivariateMethod, MultivariateLimits>> = {
  'domain-classifier': { warn: 0.55, drift: 0.65, significance: 0.01, minRows: 200 },
  pca: { warn: 0.2, drift: 0.5, significance: 0.01, minRows: 200 },
};

/** The limits of a method, where nobody says otherwise. */
export const multivariateLimits = (
  method: MultivariateMethod,
  own: { readonly [Key in keyof MultivariateLimits]?: MultivariateLimits[Key] | undefined } = {},
): MultivariateLimits => {
  const defaults = DEFAULTS[method];
  return {
    warn: own.warn ?? defaults.warn,
    drift: own.drift ?? defaults.drift,
    significance: own.significance ?? defaults.significance,
    minRows: own.minRows ?? defaults.minRows,
  };
};

/** What is wrong with limits of a method; `undefined` when nothing is. */
export function multivariateLimitsFault(
  method: MultivariateMethod,
  { warn, drift }: MultivariateLimits,
): string | undefined {
  if (warn > drift) return `warn (${warn}) is above drift (${drift}): a warning comes first`;
  const [from, to] = method === 'pca' ? [0, 100] : [0.5, 1];
  if (warn < from || drift >= to)
    return method === 'pca'
      ? 'limits of pca are a shift in standard deviations, from 0 on'
      : 'limits of domain-classifier are an AUC: at least 0.5, which is chance, and below 1';
  return undefined;
}

export interface MultivariateVerdict {
  readonly kind: 'ok' | 'warn' | 'drift' | 'insufficient data';
  readonly reasons: readonly string[];
}

/**
 * Two keys, as for single columns: the whole interval lies beyond the limit, and chance alone would hardly do it. Too few
 * rows, or a statistic that could not be computed, outrank both: no evidence is never a pass.
 */
export function judgeMultivariate(
  reading: MultivariateReading,
  limits: MultivariateLimits,
): MultivariateVerdict {
  const { statistic, reference, window } = reading;
  for (const [side, { sampled }] of [
    ['window', window],
    ['reference', reference],
  ] as const) {
    if (sampled < limits.minRows)
      return {
        kind: 'insufficient data',
        reasons: [`${sampled} rows of the ${side}, ${limits.minRows} are needed to tell`],
      };
  }
  if (
    statistic === null ||
    ![statistic.value, statistic.lower, statistic.upper, statistic.pValue].every(Number.isFinite)
  )
    return {
      kind: 'insufficient data',
      reasons: ['nothing could be computed: there is no column that varies and can be compared'],
    };
  const effect = effectOf(statistic);
  const isMore = statistic.pValue < limits.significance;
  const kind =
    isMore && effect > limits.drift ? 'drift' : isMore && effect > limits.warn ? 'warn' : 'ok';
  const measured = statisticInWords(reading, limits);
  return { kind, reasons: kind === 'ok' ? [measured] : [...involvedInWords(reading), measured] };
}

/** The bound nearer to what chance gives; what chance gives when the interval holds it. An error may also fall. */
function effectOf({ name, lower, upper }: NonNullable<MultivariateReading['statistic']>): number {
  if (name === 'auc') return lower;
  if (lower > 0) return lower;
  return upper < 0 ? -upper : 0;
}

const MOST_NAMED = 3;
/** A pair that carries so much of what its columns carry is what moved; else it is the columns by themselves. */
const SHARE_OF_PAIR = 0.5;
/** What is involved less than this, next to what is involved most, is not named. */
const SHARE_OF_FIRST = 0.25;
/** AUC from which one column tells the two apart by itself. */
const TELLS_ALONE = 0.95;

/** Which columns it is about: "columns x and y moved together differently". */
export function involvedInWords(reading: MultivariateReading): readonly string[] {
  const { columns, pairs } = reading;
  const telling = columns.find(({ alone }) => alone !== null && alone >= TELLS_ALONE);
  if (telling !== undefined)
    return [
      `column ${shown(telling.name)} tells the two apart by itself: leave it out if it is a number of a row or an instant`,
    ];
  const importance = new Map(columns.map((column) => [column.name, column.importance]));
  const first = columns[0]?.importance ?? 0;
  if (first <= 0) return [];
  const together = pairs.filter(
    (pair) =>
      pair.importance >= SHARE_OF_FIRST * first &&
      pair.importance >=
        SHARE_OF_PAIR * Math.max(...pair.columns.map((name) => importance.get(name) ?? 0)),
  );
  const most = together[0]?.importance ?? 0;
  const named = together
    .filter(({ importance: own }) => own >= most * SHARE_OF_FIRST)
    .slice(0, MOST_NAMED);
  if (named.length > 0) return named.map(pairInWords);
  const moved = columns
    .filter(({ importance: own }) => own >= first * SHARE_OF_FIRST)
    .slice(0, MOST_NAMED);
  const names = moved.map(({ name }) => shown(name));
  return [`${names.length === 1 ? 'column' : 'columns'} ${listed(names)} moved`];
}

function pairInWords({ columns, of, reference, window }: MultivariatePair): string {
  const [a, b] = of;
  const what = a === columns[0] && b === columns[1] ? '' : ` of ${shown(a)} and ${shown(b)}`;
  return `columns ${shown(columns[0])} and ${shown(columns[1])} moved together differently: rank correlation${what} ${signed(reference)} in the reference, ${signed(window)} in the window`;
}

/** The pairs to show: where nothing moved, they are chance. */
export const movedTogether = ({
  verdict,
  pairs,
}: Pick<MultivariateReport, 'verdict' | 'pairs'>): readonly MultivariatePair[] =>
  verdict === 'warn' || verdict === 'drift' ? pairs.filter(({ importance }) => importance > 0) : [];

/** `AUC 0.86 [0.84, 0.88] of a classifier that tells the two apart, chance is 0.5 (drift from 0.65)`. */
export function statisticInWords(
  { statistic, window, reference }: MultivariateReading,
  limits: MultivariateLimits,
): string {
  if (statistic === null) return 'nothing could be computed';
  const { value, lower, upper, pValue } = statistic;
  const interval = `${value.toFixed(2)} [${lower.toFixed(2)}, ${upper.toFixed(2)}]`;
  const p = pValue < 0.0001 ? 'p < 0.0001' : `p = ${pValue.toPrecision(2)}`;
  const what =
    statistic.name === 'auc'
      ? `AUC ${interval} of a classifier that tells window and reference apart, chance is 0.5`
      : `the reconstruction error shifted by ${interval} standard deviations`;
  return `${what} (${p}; drift from ${limits.drift}); ${window.sampled} rows against ${reference.sampled}`;
}

const signed = (value: number): string => value.toFixed(2).replace('-', '−');

const LONGEST_NAME = 60;
function shown(name: string): string {
  const text = neutral(name);
  return text.length <= LONGEST_NAME ? text : `${text.slice(0, LONGEST_NAME - 1)}…`;
}

function listed(names: readonly string[]): string {
  const last = names.at(-1) ?? '';
  return names.length < 2 ? last : `${names.slice(0, -1).join(', ')} and ${last}`;
}

/** The reading with its verdict, as the command prints it. */
export function multivariateReport(
  reading: MultivariateReading,
  limits: MultivariateLimits,
): MultivariateReport {
  const { kind, reasons } = judgeMultivariate(reading, limits);
  return {
    ...reading,
    verdict: kind === 'insufficient data' ? 'insufficient_data' : kind,
    reasons: [...reasons],
    limits,
  };
}

/** What a source of the policy asks for, as far as its job is concerned. */
interface Wanted {
  readonly method: MultivariateMethod;
  readonly seed: number;
  readonly maxRows: number;
  readonly limits?: Parameters<typeof multivariateLimits>[1];
}

/** What a job is told, but for the columns of the requests. */
export const multivariateSettings = (
  { method, seed, maxRows, limits }: Wanted,
  detect: {
    readonly columns: {
      readonly ignore: readonly string[];
      readonly categorical: readonly string[];
    };
  },
): Omit<MultivariateSettings, 'columns'> => ({
  method,
  seed,
  maxRows,
  limits: multivariateLimits(method, limits),
  ignore: [...detect.columns.ignore],
  categorical: [...detect.columns.categorical],
});

/** Name of the job of a window: of the model, and of all that it depends on. */
export const multivariateJob = (model: string, digest: string): string =>
  `${model}-mv-${digest.slice(0, 12)}`;

/** Whether a processing job is one of ours for that model: its name, or that of a later try. */
export const isMultivariateJob = (model: string, name: string): boolean => {
  const start = multivariateJob(model, '');
  return name.startsWith(start) && /^[0-9a-f]{12}(-t\d+)?$/.test(name.slice(start.length));
};

/** Whether the policy asks for jobs that compare columns together. */
export const comparesTogether = (policy: {
  readonly spec: { readonly monitor: { readonly sources: readonly { readonly kind: string }[] } };
}): boolean => policy.spec.monitor.sources.some(({ kind }) => kind === 'multivariate');

const RESULTS: Readonly<Record<MultivariateVerdict['kind'], WindowResult['result']>> = {
  ok: 'ok',
  warn: 'warn',
  drift: 'breach',
  'insufficient data': 'cannot tell',
};

/** What a job said of one window, judged by the policy's limits. */
export function multivariateResult(
  source: string,
  window: Window,
  reading: MultivariateReading,
  limits: MultivariateLimits,
): WindowResult {
  const { kind, reasons } = judgeMultivariate(reading, limits);
  const moved = kind === 'drift' || kind === 'warn';
  return {
    fromMs: window.fromMs,
    toMs: window.toMs,
    source,
    sourceKind: 'multivariate',
    result: RESULTS[kind],
    rows: reading.window.rows,
    sentence: `${source}, ${spanInWords(window)}: ${kind === 'ok' ? 'in order, ' : ''}${reasons.join('; ')} (${counted(reading.window.rows)} rows captured)`,
    // How far a column moved by itself is for others to tell.
    columns: moved
      ? reading.columns
          .filter(({ importance }) => importance > 0)
          .map(({ name }) => ({ name, jsDistance: null, pAdjusted: null, verdict: kind }))
      : [],
  };
}
