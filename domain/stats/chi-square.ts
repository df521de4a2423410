import { dropEmpty, total } from './distances.js';
import type { CountPair } from './distances.js';

export interface ChiSquare {
  readonly statistic: number;
  /** 0 when fewer than two columns are left: then the statistic is 0 and p is 1. */
  readonly df: number;
  /** Columns of the 2×K table after pooling. */
  readonly columns: number;
  readonly cramersV: number;
}

const FEWEST_EXPECTED = 5;

interface Column {
  readonly baseline: number;
  readonly window: number;
}

/**
 * Pearson's chi-square for homogeneity of two sets of counts, without Yates' correction. Columns with an expected
 * count below 5 on either side are pooled into one; a pool that is still below 5 joins the smallest other column.
 */
export function chiSquare(pair: CountPair): ChiSquare {
  const present = dropEmpty(pair);
  const n = total(present.baseline);
  const m = total(present.window);
  if (n === 0 || m === 0) return { statistic: 0, df: 0, columns: 0, cramersV: 0 };
  const smallerShare = Math.min(n, m) / (n + m);
  const columns = pool(
    present.baseline.map((baseline, bin) => ({ baseline, window: present.window[bin] ?? 0 })),
    (column) => (column.baseline + column.window) * smallerShare >= FEWEST_EXPECTED,
  );
  if (columns.length < 2) return { statistic: 0, df: 0, columns: columns.length, cramersV: 0 };
  const statistic = columns.reduce((sum, column) => sum + cellTerms(column, n, m), 0);
  return {
    statistic,
    df: columns.length - 1,
    columns: columns.length,
    cramersV: Math.sqrt(statistic / (n + m)),
  };
}

function cellTerms({ baseline, window }: Column, n: number, m: number): number {
  const both = baseline + window;
  const expectedBaseline = (both * n) / (n + m);
  const expectedWindow = (both * m) / (n + m);
  return (
    (baseline - expectedBaseline) ** 2 / expectedBaseline +
    (window - expectedWindow) ** 2 / expectedWindow
  );
}

function pool(columns: readonly Column[], isLarge: (column: Column) => boolean): readonly Column[] {
  const large = columns.filter(isLarge);
  const small = columns.filter((column) => !isLarge(column));
  if (small.length === 0) return large;
  const pooled = small.reduce(add);
  if (isLarge(pooled) || large.length === 0) return [...large, pooled];
  const smallest = large.reduce((a, b) => (size(b) < size(a) ? b : a));
  return large.map((column) => (column === smallest ? add(column, pooled) : column));
}

function add(a: Column, b: Column): Column {
  return { baseline: a.baseline + b.baseline, window: a.window + b.window };
}

function size(column: Column): number {
  return column.baseline + column.window;
}
