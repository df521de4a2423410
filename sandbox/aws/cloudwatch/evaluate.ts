/**
 * The rule by which an alarm finds its state. Written from "Configuring how CloudWatch alarms treat
 * missing data" in AWS's user guide; the tables there are the tests.
 */

export type AlarmState = 'OK' | 'ALARM' | 'INSUFFICIENT_DATA';

/** A comparison with a number, or with the limits of a band. */
const COMPARISONS = {
  GreaterThanOrEqualToThreshold: {
    holds: (value: number, threshold: number) => value >= threshold,
    words: 'greater than or equal to',
  },
  GreaterThanThreshold: {
    holds: (value: number, threshold: number) => value > threshold,
    words: 'greater than',
  },
  LessThanThreshold: {
    holds: (value: number, threshold: number) => value < threshold,
    words: 'less than',
  },
  LessThanOrEqualToThreshold: {
    holds: (value: number, threshold: number) => value <= threshold,
    words: 'less than or equal to',
  },
} as const;
const BAND_COMPARISONS = [
  'LessThanLowerOrGreaterThanUpperThreshold',
  'LessThanLowerThreshold',
  'GreaterThanUpperThreshold',
] as const;
type NumberComparison = keyof typeof COMPARISONS;
type BandComparison = (typeof BAND_COMPARISONS)[number];
export type ComparisonOperator = NumberComparison | BandComparison;

export function isBandComparison(comparison: ComparisonOperator): comparison is BandComparison {
  return BAND_COMPARISONS.some((one) => one === comparison);
}

export type MissingData = 'missing' | 'ignore' | 'breaching' | 'notBreaching';

export interface AlarmRule {
  readonly comparison: ComparisonOperator;
  /** What numbers are compared with; a band stands at each data point. */
  readonly threshold: number | undefined;
  /** N of "M out of N". */
  readonly evaluationPeriods: number;
  /** M of "M out of N". */
  readonly datapointsToAlarm: number;
  readonly treatMissingData: MissingData;
  /** Periods with fewer observations leave the state as it is; 0 switches this off. */
  readonly leastSampleCount: number;
}

export interface Datapoint {
  /** Start of its period, epoch milliseconds. */
  readonly atMs: number;
  readonly value: number;
  readonly sampleCount: number;
  /** The band at this point, where the comparison is with one. */
  readonly band?: { readonly lower: number; readonly upper: number };
}

export interface Evaluation {
  readonly state: AlarmState;
  readonly reason: string;
  /** The points that decided, newest first. */
  readonly used: readonly Datapoint[];
}

/** Periods looked at beyond N: newer ones may be late, so older ones may stand in. */
export const EXTRA_PERIODS = 2;

/**
 * @param range one entry per period, oldest first, N + {@link EXTRA_PERIODS} of them; `undefined` where
 *   there is no data.
 * @returns `undefined` when the state stays as it is.
 */
export function evaluate(
  rule: AlarmRule,
  range: readonly (Datapoint | undefined)[],
): Evaluation | undefined {
  const { evaluationPeriods: n, datapointsToAlarm: m } = rule;
  const real = range.filter((point) => point !== undefined);
  if (real.some(({ sampleCount }) => sampleCount < rule.leastSampleCount)) return undefined;
  const used = real.slice(-n).reverse();
  const breaching = used.filter((point) => breaches(rule, point));
  const filled = n - used.length;

  if (rule.treatMissingData === 'breaching' && filled > 0) {
    const state: AlarmState = breaching.length + filled >= m ? 'ALARM' : 'OK';
    return { state, used, reason: reasonFor(rule, state, used, breaching, 'Breaching') };
  }
  if (rule.treatMissingData === 'notBreaching' && filled > 0) {
    const state: AlarmState = breaching.length >= m ? 'ALARM' : 'OK';
    return { state, used, reason: reasonFor(rule, state, used, breaching, 'NonBreaching') };
  }
  const state = stateWithoutFilling(rule, range, used.length, breaching.length);
  return state === undefined
    ? undefined
    : { state, used, reason: reasonFor(rule, state, used, breaching, undefined) };
}

function breaches({ comparison, threshold }: AlarmRule, { value, band }: Datapoint): boolean {
  if (!isBandComparison(comparison))
    return threshold !== undefined && COMPARISONS[comparison].holds(value, threshold);
  if (band === undefined) return false;
  const below = value < band.lower;
  const above = value > band.upper;
  if (comparison === 'LessThanLowerThreshold') return below;
  return comparison === 'GreaterThanUpperThreshold' ? above : below || above;
}

/** `missing` and `ignore`, or nothing is missing. */
function stateWithoutFilling(
  rule: AlarmRule,
  range: readonly (Datapoint | undefined)[],
  realCount: number,
  breachingCount: number,
): AlarmState | undefined {
  if (breachingCount >= rule.datapointsToAlarm) return 'ALARM';
  if (breachingCount < realCount) return 'OK';
  if (rule.treatMissingData === 'ignore') return undefined;
  if (realCount === 0) return 'INSUFFICIENT_DATA';
  // Every point there is breaches, though fewer than M: an alarm only once the oldest is M periods old.
  const oldestAge = range.length - range.findIndex((point) => point !== undefined);
  return oldestAge >= rule.datapointsToAlarm ? 'ALARM' : 'OK';
}

function reasonFor(
  rule: AlarmRule,
  state: AlarmState,
  used: readonly Datapoint[],
  breaching: readonly Datapoint[],
  treatedAs: 'Breaching' | 'NonBreaching' | undefined,
): string {
  const n = rule.evaluationPeriods;
  const periods = `${n} period${n === 1 ? '' : 's'}`;
  if (state === 'INSUFFICIENT_DATA')
    return `Insufficient Data: ${n} datapoint${n === 1 ? ' was' : 's were'} unknown.`;
  if (used.length === 0) {
    return `Threshold Crossed: no datapoints were received for ${periods} and ${n} missing datapoint${n === 1 ? ' was' : 's were'} treated as [${treatedAs ?? ''}].`;
  }
  const crossing =
    state === 'ALARM' ? breaching : used.filter((point) => !breaching.includes(point));
  const shown = crossing.length > 0 ? crossing : used;
  const least = state === 'ALARM' ? rule.datapointsToAlarm : n - rule.datapointsToAlarm + 1;
  const way = state === 'ALARM' ? 'OK -> ALARM' : 'ALARM -> OK';
  const values = shown
    .map(({ value, atMs }) => `${decimal(value)} (${shortTime(atMs)})`)
    .join(', ');
  const band = isBandComparison(rule.comparison);
  const missing =
    treatedAs === undefined
      ? ''
      : ` and ${n - used.length} missing datapoint${n - used.length === 1 ? ' was' : 's were'} treated as [${treatedAs}]`;
  return `${band ? 'Thresholds' : 'Threshold'} Crossed: ${shown.length} out of the last ${n} datapoints [${values}] ${shown.length === 1 ? 'was' : 'were'} ${comparisonInWords(rule, shown, state === 'ALARM')}${missing} (minimum ${least} datapoint${least === 1 ? '' : 's'} for ${way} transition).`;
}

/** `greater than the threshold (50.0)`, or `not less than the lower thresholds [1.0] or not greater than …` */
function comparisonInWords(
  { comparison, threshold }: AlarmRule,
  shown: readonly Datapoint[],
  crossed: boolean,
): string {
  const not = crossed ? '' : 'not ';
  if (!isBandComparison(comparison))
    return `${not}${COMPARISONS[comparison].words} the threshold (${decimal(threshold ?? NaN)})`;
  const limits = (side: 'lower' | 'upper'): string =>
    `[${shown.flatMap(({ band }) => (band === undefined ? [] : decimal(band[side]))).join(', ')}]`;
  const below = `${not}less than the lower thresholds ${limits('lower')}`;
  const above = `${not}greater than the upper thresholds ${limits('upper')}`;
  if (comparison === 'LessThanLowerThreshold') return below;
  return comparison === 'GreaterThanUpperThreshold' ? above : `${below} or ${above}`;
}

/** `50` → `50.0`, as Java writes a double. */
export function decimal(value: number): string {
  return Number.isInteger(value) ? `${value}.0` : String(value);
}

/** `02/10/19 16:59:00` */
function shortTime(atMs: number): string {
  const [year = '', month = '', rest = ''] = new Date(atMs).toISOString().split('-');
  return `${rest.slice(0, 2)}/${month}/${year.slice(2)} ${rest.slice(3, 11)}`;
}

/** Observations below which CloudWatch calls a percentile not significant: 10/(1-p) above the median, 10/p below. */
export function significantSampleCount(percentile: number): number {
  const share = percentile >= 0.5 ? 1 - percentile : percentile;
  return share === 0 ? Infinity : 10 / share;
}
