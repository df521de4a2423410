import type { MetricDatum } from '../kernel.js';
import { statisticOf } from './statistics.js';

/** The observations of one second. */
export interface Bucket {
  count: number;
  sum: number;
  min: number;
  max: number;
  /**
   * A sample of the values, for percentiles and their kin; each stands for `count / values.length` observations. While
   * all are equal it holds one: most metrics of invocations count, and are kept for hours.
   */
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
  const before = bucket.count;
  const wereEqual = bucket.values.length === 1 && bucket.min === bucket.max;
  bucket.count += seen.count;
  bucket.sum += seen.sum;
  bucket.min = Math.min(bucket.min, seen.min);
  bucket.max = Math.max(bucket.max, seen.max);
  if (statistics !== undefined && statistics.min !== statistics.max) return;
  const [first] = bucket.values;
  if (first === undefined && before === 0) {
    bucket.values.push(seen.min);
    return;
  }
  if (wereEqual && first !== undefined) {
    if (bucket.min === bucket.max) return;
    bucket.values = copies(first, before);
  }
  const room = VALUES_PER_SECOND - bucket.values.length;
  if (room > 0) {
    bucket.values.push(...copies(seen.min, Math.min(room, seen.count)));
    return;
  }
  const place = Math.floor(random() * bucket.count);
  if (place < VALUES_PER_SECOND) bucket.values[place] = seen.min;
}

function copies(value: number, count: number): number[] {
  return Array<number>(Math.max(1, Math.min(VALUES_PER_SECOND, Math.round(count)))).fill(value);
}

export function emptyBucket(): Bucket {
  return { count: 0, sum: 0, min: Infinity, max: -Infinity, values: [] };
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
  statistic: string,
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
