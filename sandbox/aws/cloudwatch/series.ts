import type { MetricDatum } from '../kernel.js';

/** The observations of one second. */
export interface Bucket {
  count: number;
  sum: number;
  min: number;
  max: number;
  /** A sample of the values, for percentiles; each stands for `count / values.length` observations. */
  values: number[];
}

export interface MetricId {
  readonly namespace: string;
  readonly name: string;
  readonly dimensions: Readonly<Record<string, string>>;
}

export interface Series extends MetricId {
  unit: string;
  /** By epoch second. */
  readonly buckets: Map<number, Bucket>;
}

/** Observations kept for percentiles, per metric and second. */
export const VALUES_PER_SECOND = 50;

/** The same text for the same metric, whatever the order of its dimensions. */
export function seriesKey({ namespace, name, dimensions }: MetricId): string {
  const names = Object.keys(dimensions).sort();
  return JSON.stringify([namespace, name, ...names.flatMap((each) => [each, dimensions[each]])]);
}

/** Several observations of the same value at once, as PutMetricData's `Counts` and `StatisticValues` give them. */
export interface Observation extends MetricDatum {
  readonly statistics?: {
    readonly count: number;
    readonly sum: number;
    readonly min: number;
    readonly max: number;
  };
  readonly times?: number;
}

/** Adds to the bucket; `random` in [0, 1) decides which values stay in a full sample. */
export function add(
  bucket: Bucket,
  { value, statistics, times = 1 }: Observation,
  random: () => number,
): void {
  const seen = statistics ?? { count: times, sum: value * times, min: value, max: value };
  bucket.count += seen.count;
  bucket.sum += seen.sum;
  bucket.min = Math.min(bucket.min, seen.min);
  bucket.max = Math.max(bucket.max, seen.max);
  if (statistics !== undefined && statistics.min !== statistics.max) return;
  if (bucket.values.length < VALUES_PER_SECOND) {
    bucket.values.push(seen.min);
    return;
  }
  const place = Math.floor(random() * bucket.count);
  if (place < VALUES_PER_SECOND) bucket.values[place] = seen.min;
}

export function emptyBucket(): Bucket {
  return { count: 0, sum: 0, min: Infinity, max: -Infinity, values: [] };
}

/** `Average`, `Sum`, `Minimum`, `Maximum`, `SampleCount`, or a percentile `p0` to `p100`. */
export type Statistic = string;

export function isStatistic(text: string): boolean {
  return (
    ['Average', 'Sum', 'Minimum', 'Maximum', 'SampleCount'].includes(text) ||
    percentileOf(text) !== undefined
  );
}

/** 0.99 for `p99`; `undefined` for anything that is no percentile. */
export function percentileOf(statistic: string): number | undefined {
  const digits = /^p(\d{1,3}(?:\.\d{1,10})?)$/.exec(statistic)?.[1];
  const percent = digits === undefined ? NaN : Number(digits);
  return percent >= 0 && percent <= 100 ? percent / 100 : undefined;
}

/** One point of a metric over one period. */
export interface Point {
  /** Start of the period, epoch milliseconds. */
  readonly atMs: number;
  readonly value: number;
  readonly sampleCount: number;
}

/** The points with data in [fromMs, toMs), oldest first; periods are aligned to the epoch. */
export function points(
  series: Series | undefined,
  statistic: Statistic,
  periodMs: number,
  fromMs: number,
  toMs: number,
): readonly Point[] {
  if (series === undefined) return [];
  const periods = new Map<number, Bucket[]>();
  for (const [second, bucket] of bucketsBetween(series, fromMs, toMs)) {
    const start = Math.floor((second * 1000) / periodMs) * periodMs;
    const group = periods.get(start);
    if (group === undefined) periods.set(start, [bucket]);
    else group.push(bucket);
  }
  return [...periods]
    .sort(([a], [b]) => a - b)
    .flatMap(([atMs, buckets]) => {
      const value = statisticOf(buckets, statistic);
      const sampleCount = buckets.reduce((total, { count }) => total + count, 0);
      return value === undefined ? [] : [{ atMs, value, sampleCount }];
    });
}

function* bucketsBetween(
  series: Series,
  fromMs: number,
  toMs: number,
): Iterable<readonly [number, Bucket]> {
  const from = Math.ceil(fromMs / 1000);
  const to = Math.ceil(toMs / 1000);
  if (to - from > series.buckets.size) {
    for (const entry of series.buckets) if (entry[0] >= from && entry[0] < to) yield entry;
    return;
  }
  for (let second = from; second < to; second += 1) {
    const bucket = series.buckets.get(second);
    if (bucket !== undefined) yield [second, bucket];
  }
}

/** `undefined` when a percentile is asked of data that came as statistics only. */
export function statisticOf(buckets: readonly Bucket[], statistic: Statistic): number | undefined {
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
    default:
      return percentile(buckets, percentileOf(statistic) ?? NaN);
  }
}

/** The smallest value with at least the given share of the weight at or below it (nearest rank). */
function percentile(buckets: readonly Bucket[], share: number): number | undefined {
  const weighted = buckets
    .flatMap(({ values, count }) =>
      values.map((value) => ({ value, weight: count / values.length })),
    )
    .sort((a, b) => a.value - b.value);
  const total = weighted.reduce((sum, { weight }) => sum + weight, 0);
  let passed = 0;
  for (const { value, weight } of weighted) {
    passed += weight;
    if (passed >= share * total - 1e-9) return value;
  }
  return weighted.at(-1)?.value;
}
