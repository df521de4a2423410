/**
 * CloudWatch's statistics, by its user guide: the plain ones, percentiles (`p99`), trimmed and winsorised means
 * (`tm99`, `TM(10%:90%)`, `wm98`), trimmed counts and sums (`tc90`, `ts80`), `IQM`, and percentile ranks (`PR(:300)`).
 * A lower bound is exclusive and an upper one inclusive.
 */
import type { Bucket } from './series.js';

/** What of a period counts: shares of its observations from the lowest up, or absolute values. */
type Range =
  | { readonly unit: 'share'; readonly low: number; readonly high: number }
  | { readonly unit: 'value'; readonly low: number; readonly high: number };

type Extended =
  | { readonly kind: 'percentile'; readonly share: number }
  | {
      readonly kind: 'mean' | 'winsorised mean' | 'count' | 'sum' | 'rank';
      readonly range: Range;
    };

const PLAIN: readonly string[] = ['Average', 'Sum', 'Minimum', 'Maximum', 'SampleCount'];

const KINDS = {
  tm: 'mean',
  wm: 'winsorised mean',
  tc: 'count',
  ts: 'sum',
  pr: 'rank',
} as const;
type Prefix = keyof typeof KINDS;

const PERCENT = String.raw`(?:100(?:\.0{0,10})?|\d{1,2}(?:\.\d{0,10})?)`;
const VALUE = String.raw`\d+(?:\.\d{0,10})?(?:[eE][+-]?\d+)?`;
const SHORT = new RegExp(`^(p|tm|wm|tc|ts)(${PERCENT})$`);
const OF_SHARES = new RegExp(String.raw`^(TM|WM|TC|TS)\((?:(${PERCENT})%)?:(?:(${PERCENT})%)?\)$`);
const OF_VALUES = new RegExp(String.raw`^(TM|WM|TC|TS|PR)\((${VALUE})?:(${VALUE})?\)$`);

export function isStatistic(text: string): boolean {
  return isPlain(text) || parseExtended(text) !== undefined;
}

/** Whether it is one of `Statistics`; all others are `ExtendedStatistics`. */
export function isPlain(text: string): boolean {
  return PLAIN.includes(text);
}

/** 0.99 for `p99`; `undefined` for anything that is no percentile. */
export function percentileOf(text: string): number | undefined {
  const parsed = parseExtended(text);
  return parsed?.kind === 'percentile' ? parsed.share : undefined;
}

function parseExtended(text: string): Extended | undefined {
  if (text === 'IQM') return { kind: 'mean', range: { unit: 'share', low: 0.25, high: 0.75 } };
  const [, short, percent] = SHORT.exec(text) ?? [];
  if (short !== undefined) {
    const share = Number(percent) / 100;
    return short === 'p'
      ? { kind: 'percentile', share }
      : { kind: KINDS[short as Prefix], range: { unit: 'share', low: 0, high: share } };
  }
  const shares = OF_SHARES.exec(text);
  const [, name, low, high] = shares ?? OF_VALUES.exec(text) ?? [];
  if (name === undefined || (low === undefined && high === undefined)) return undefined;
  const range: Range =
    shares === null
      ? { unit: 'value', low: bound(low, -Infinity), high: bound(high, Infinity) }
      : { unit: 'share', low: bound(low, 0) / 100, high: bound(high, 100) / 100 };
  if (range.low >= range.high) return undefined;
  return { kind: KINDS[name.toLowerCase() as Prefix], range };
}

const bound = (text: string | undefined, otherwise: number): number =>
  text === undefined ? otherwise : Number(text);

/**
 * `undefined` where CloudWatch has none: nothing was observed, nothing lies between the bounds, or a statistic that needs
 * the single values is asked of data that came as statistics only, or of negative ones.
 */
export function statisticOf(buckets: readonly Bucket[], statistic: string): number | undefined {
  const count = buckets.reduce((total, bucket) => total + bucket.count, 0);
  const sum = buckets.reduce((total, bucket) => total + bucket.sum, 0);
  if (count === 0) return undefined;
  switch (statistic) {
    case 'Sum':
      return sum;
    case 'SampleCount':
      return count;
    case 'Average':
      return sum / count;
    case 'Minimum':
      return Math.min(...buckets.map(({ min }) => min));
    case 'Maximum':
      return Math.max(...buckets.map(({ max }) => max));
  }
  const parsed = parseExtended(statistic);
  return parsed === undefined ? undefined : extended(parsed, buckets);
}

interface Weighted {
  readonly value: number;
  /** Observations that this one stands for. */
  readonly weight: number;
}

function extended(statistic: Extended, buckets: readonly Bucket[]): number | undefined {
  const sorted: readonly Weighted[] = buckets
    .flatMap(({ values, count }) =>
      values.map((value) => ({ value, weight: count / values.length })),
    )
    .sort((a, b) => a.value - b.value);
  if (sorted.length === 0 || buckets.some(({ min }) => min < 0)) return undefined;
  if (statistic.kind === 'percentile') return percentile(sorted, statistic.share);
  if (statistic.kind === 'winsorised mean') return meanOf(winsorised(sorted, statistic.range));
  const kept = trimmed(sorted, statistic.range);
  switch (statistic.kind) {
    case 'count':
      return weightOf(kept);
    case 'sum':
      return sumOf(kept);
    case 'rank':
      return (100 * weightOf(kept)) / weightOf(sorted);
    case 'mean':
      return meanOf(kept);
  }
}

const weightOf = (values: readonly Weighted[]): number =>
  rounded(values.reduce((total, { weight }) => total + weight, 0));
const sumOf = (values: readonly Weighted[]): number =>
  rounded(values.reduce((total, { value, weight }) => total + value * weight, 0));
const meanOf = (values: readonly Weighted[]): number | undefined =>
  weightOf(values) === 0 ? undefined : sumOf(values) / weightOf(values);

/** Without the noise that adding parts of observations leaves behind. */
const rounded = (value: number): number => Number(value.toPrecision(12));

/** The smallest value with at least the given share of the weight at or below it (nearest rank). */
function percentile(sorted: readonly Weighted[], share: number): number | undefined {
  const total = sorted.reduce((sum, { weight }) => sum + weight, 0);
  let passed = 0;
  for (const { value, weight } of sorted) {
    passed += weight;
    if (passed >= share * total - 1e-9) return value;
  }
  return sorted.at(-1)?.value;
}

/** An observation on the bound of a share counts with the part of it that lies inside. */
function trimmed(sorted: readonly Weighted[], range: Range): readonly Weighted[] {
  if (range.unit === 'value')
    return sorted.filter(({ value }) => value > range.low && value <= range.high);
  const total = sorted.reduce((sum, { weight }) => sum + weight, 0);
  let passed = 0;
  return sorted.flatMap(({ value, weight }) => {
    const from = Math.max(passed, range.low * total);
    const to = Math.min(passed + weight, range.high * total);
    passed += weight;
    return to > from ? [{ value, weight: to - from }] : [];
  });
}

function winsorised(sorted: readonly Weighted[], range: Range): readonly Weighted[] {
  const low = range.unit === 'value' ? range.low : (percentile(sorted, range.low) ?? -Infinity);
  const high = range.unit === 'value' ? range.high : (percentile(sorted, range.high) ?? Infinity);
  return sorted.map(({ value, weight }) => ({
    value: Math.min(high, Math.max(low, value)),
    weight,
  }));
}
