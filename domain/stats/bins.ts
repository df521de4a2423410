import { nextDown } from './kolmogorov.js';

/** Fine bins for tests and plots; a multiple of the coarse ones, so that the deciles are among the fine edges. */
export const FINE_BINS = 200;
/** Coarse bins for distances. */
export const COARSE_BINS = 10;

export interface Edges {
  readonly fine: readonly number[];
  /** A subset of `fine`. */
  readonly coarse: readonly number[];
}

/** The rank, from 1, of the i-th of `bins` quantiles of n values: ceil(n·i/bins). Multiplies before it divides. */
export function quantileRank(n: number, i: number, bins: number): number {
  return Math.ceil((n * i) / bins);
}

/**
 * Bin edges from order statistics, never interpolated: interpolated quantiles differ in the last bit between engines
 * and move tied values to the next bin.
 *
 * @param atRank the value of a rank from 1 to n, in ascending order
 */
export function edgesFromRanks(n: number, atRank: (rank: number) => number): Edges {
  if (n === 0) return { fine: [], coarse: [] };
  const minimum = atRank(1);
  return {
    fine: edgesOf(n, FINE_BINS, minimum, atRank),
    coarse: edgesOf(n, COARSE_BINS, minimum, atRank),
  };
}

function edgesOf(
  n: number,
  bins: number,
  minimum: number,
  atRank: (rank: number) => number,
): readonly number[] {
  const edges: number[] = [];
  for (let i = 1; i < bins; i += 1) {
    const edge = atRank(quantileRank(n, i, bins));
    if (edge !== edges[edges.length - 1]) edges.push(edge);
  }
  // Without this edge, values below a constant or zero-inflated baseline would share its bin.
  const below = nextDown(minimum);
  return edges[0] === minimum && Number.isFinite(below) ? [below, ...edges] : edges;
}

/** Counts of right-closed bins `(e[j-1], e[j]]` with open outer bins; one more than there are edges. */
export function countInto(edges: readonly number[], values: Iterable<number>): readonly number[] {
  const counts = Array.from({ length: edges.length + 1 }, () => 0);
  for (const value of values) {
    const bin = edgesBelow(edges, value);
    counts[bin] = (counts[bin] ?? 0) + 1;
  }
  return counts;
}

function edgesBelow(edges: readonly number[], value: number): number {
  let from = 0;
  let to = edges.length;
  while (from < to) {
    const middle = (from + to) >>> 1;
    if ((edges[middle] ?? Infinity) < value) from = middle + 1;
    else to = middle;
  }
  return from;
}

/** Sums fine bins into the coarse ones. @throws {RangeError} when a coarse edge is not a fine one */
export function coarsen(edges: Edges, fineCounts: readonly number[]): readonly number[] {
  const counts: number[] = [];
  let sum = 0;
  let next = 0;
  fineCounts.forEach((count, bin) => {
    sum += count;
    if (next < edges.coarse.length && edges.fine[bin] === edges.coarse[next]) {
      counts.push(sum);
      sum = 0;
      next += 1;
    }
  });
  if (next !== edges.coarse.length)
    throw new RangeError('a coarse edge is not among the fine ones');
  return [...counts, sum];
}
