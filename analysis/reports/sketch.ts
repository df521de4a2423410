import type { SketchComparison } from '../../domain/monitor-findings.js';
import { chiSquare } from '../../domain/stats/chi-square.js';
import { dropEmpty, jsDistance, psi } from '../../domain/stats/distances.js';
import { benjaminiHochberg } from '../../domain/stats/multiple-testing.js';
import { chiSquareTail } from '../tails.js';
import type { MonitorStatistics, StatisticsColumn } from './monitor.js';

/**
 * Compares what two `statistics.json` hold of the columns they share.
 *
 * Numbers: the baseline's buckets, with open ends; the window's values are placed in them by its KLL sketch, or, when
 * there is none, by its own buckets as if they were evenly filled. Texts: one count per value, up to the ones Model
 * Monitor counts. p by chi-square over the same counts.
 */
export function compareStatistics(
  baseline: MonitorStatistics,
  window: MonitorStatistics,
): readonly SketchComparison[] {
  const known = new Map(baseline.columns.map((column) => [column.name, column]));
  const compared = window.columns.flatMap((column) => {
    const before = known.get(column.name);
    return before === undefined ? [] : [compareColumn(before, column, baseline.rows, window.rows)];
  });
  const tested = compared.filter(({ pValue }) => pValue !== null);
  const adjusted = benjaminiHochberg(tested.map(({ pValue }) => pValue ?? 1));
  return compared.map(({ pValue, ...column }) => {
    const index = tested.findIndex((one) => one.name === column.name);
    return { ...column, pAdjusted: pValue === null ? null : (adjusted[index] ?? null) };
  });
}

function compareColumn(
  before: StatisticsColumn,
  after: StatisticsColumn,
  baselineTotal: number,
  windowTotal: number,
): Omit<SketchComparison, 'pAdjusted'> & { readonly pValue: number | null } {
  const counts = pairOf(before, after);
  const common = {
    name: after.name,
    rows: after.present,
    baselineRows: before.present,
    missing: null,
    invalid: null,
    nonFinite: null,
    newCategories: null,
    windowTotal,
    baselineTotal,
  };
  const empty = { ...common, jsDistance: null, psi: null, pValue: null };
  if (counts === null) return empty;
  const pair = dropEmpty(counts);
  const distance = jsDistance(pair);
  if (Number.isNaN(distance)) return empty;
  const chi = chiSquare(pair);
  return {
    ...common,
    jsDistance: distance,
    psi: psi(pair),
    pValue: chi.df === 0 ? 1 : chiSquareTail(chi.statistic, chi.df),
  };
}

interface Counts {
  readonly baseline: readonly number[];
  readonly window: readonly number[];
}

function pairOf(before: StatisticsColumn, after: StatisticsColumn): Counts | null {
  if (before.values !== null && after.values !== null) return categories(before, after);
  if (before.buckets.length === 0 || after.buckets.length === 0) return null;
  return numbers(before, after);
}

function categories(before: StatisticsColumn, after: StatisticsColumn): Counts {
  const countsOf = (column: StatisticsColumn) =>
    new Map((column.values ?? []).map(({ value, count }) => [value, count]));
  const [old, now] = [countsOf(before), countsOf(after)];
  const names = [...new Set([...old.keys(), ...now.keys()])];
  return {
    baseline: names.map((name) => old.get(name) ?? 0),
    window: names.map((name) => now.get(name) ?? 0),
  };
}

function numbers(before: StatisticsColumn, after: StatisticsColumn): Counts {
  const lowest = before.buckets[0]?.from ?? 0;
  // Bins of the baseline with one below and one above it, where it has nothing.
  const edges = [lowest, ...before.buckets.map(({ to }) => to)];
  const baseline = [0, ...before.buckets.map(({ count }) => count), 0];
  return {
    baseline,
    window: after.levels.some((level) => level.length > 0)
      ? bySketch(edges, after.levels, after.present)
      : byBuckets(edges, after.buckets),
  };
}

/** Bin of a value: below the first edge 0, at the very last edge still inside, above it the last. */
function binOf(edges: readonly number[], value: number): number {
  const last = edges.at(-1) ?? 0;
  if (value === last) return edges.length - 1;
  let bin = 0;
  for (const edge of edges) {
    if (value < edge) break;
    bin += 1;
  }
  return bin;
}

function bySketch(
  edges: readonly number[],
  levels: StatisticsColumn['levels'],
  present: number,
): readonly number[] {
  const counts = Array.from({ length: edges.length + 1 }, () => 0);
  let weights = 0;
  levels.forEach((level, index) => {
    for (const value of level) {
      const bin = binOf(edges, value);
      counts[bin] = (counts[bin] ?? 0) + 2 ** index;
      weights += 2 ** index;
    }
  });
  // The sketch is a sample: its weights are brought to the number of values.
  return weights === 0 ? counts : counts.map((count) => (count * present) / weights);
}

function byBuckets(
  edges: readonly number[],
  buckets: StatisticsColumn['buckets'],
): readonly number[] {
  const bounds = [-Infinity, ...edges, Infinity];
  return bounds.slice(1).map((to, index) => {
    const from = bounds[index] ?? -Infinity;
    return buckets.reduce(
      (sum, bucket) => sum + bucket.count * overlap(bucket, from, to, edges),
      0,
    );
  });
}

/** Share of a bucket that lies in `[from, to)`; one without width lies where its value does. */
function overlap(
  bucket: { readonly from: number; readonly to: number },
  from: number,
  to: number,
  edges: readonly number[],
): number {
  const width = bucket.to - bucket.from;
  if (!(width > 0)) {
    const bin = binOf(edges, bucket.from);
    return (bin === 0 ? -Infinity : (edges[bin - 1] ?? -Infinity)) === from ? 1 : 0;
  }
  return Math.max(0, Math.min(bucket.to, to) - Math.max(bucket.from, from)) / width;
}
