/**
 * Worlds whose truth is known: how often the rules raise a false alarm, and how long they take to see a true change.
 *
 * What the rules look at are counts, so counts are drawn, not rows: the order statistics of the baseline by gamma
 * spacings and the bins of a window by the multinomial distribution, both exact for independent rows. A window of five
 * million rows costs as much as one of two hundred. Only correlated columns are drawn row by row.
 */
import { binomial, multinomial, type Random } from '../../analysis/random.js';
import { normalQuantile, normalTail } from '../../analysis/tails.js';
import type { CountedColumn } from '../../analysis/drift.js';
import {
  COARSE_BINS,
  coarsen,
  countInto,
  edgesFromRanks,
  FINE_BINS,
  quantileRank,
} from '../../domain/stats/bins.js';
import type {
  CategoricalColumnProfile,
  ColumnProfile,
  NumericColumnProfile,
} from '../../domain/stats/types.js';

export interface World {
  readonly baselineRows: number;
  readonly numericColumns: number;
  readonly categoricalColumns: number;
  /** Correlation of any two numeric columns; above 0 the rows themselves are drawn. */
  readonly correlation: number;
  /** Standard deviations by which the mean moves up and down over a day, in both baseline and windows. */
  readonly dailySwing: number;
  /** Share of values that are missing in every second column, the same on both sides. */
  readonly missing: number;
}

/** Twenty independent columns without a cycle: worlds of other kinds differ from it in what they name. */
export const PLAIN: World = {
  baselineRows: 10_000,
  numericColumns: 12,
  categoricalColumns: 8,
  correlation: 0,
  dailySwing: 0,
  missing: 0.05,
};

/** A window of a world. */
export interface WindowKind {
  readonly rows: number;
  /** Standard deviations by which the numeric columns named by `movedColumns` have moved. */
  readonly shift: number;
  /** The first so many numeric columns have moved. */
  readonly movedColumns: number;
  /** Share of the rows of the first categorical column that moved from its most frequent category to its rarest; 0 when absent. */
  readonly movedShare?: number;
  /** Hours of the day it covers; the whole day when absent. */
  readonly hours?: readonly number[];
}

const LEVELS = [4, 8, 30] as const;

/** Shares of the k-th of `levels` categories: as frequent as 1/k. */
function zipf(levels: number): readonly number[] {
  const weights = Array.from({ length: levels }, (_, k) => 1 / (k + 1));
  const sum = weights.reduce((all, weight) => all + weight, 0);
  return weights.map((weight) => weight / sum);
}

/** The same shares after a part of the first category has become the last one. */
function movedCategories(shares: readonly number[], part: number): readonly number[] {
  return shares.map((share, k) => {
    if (k === 0) return share - part;
    return k === shares.length - 1 ? share + part : share;
  });
}

const levelsOf = (column: number): number => LEVELS[column % LEVELS.length] ?? LEVELS[0];

/** A standard normal value, by Box and Muller. */
export function normal(random: Random): number {
  return (
    Math.sqrt(-2 * Math.log(1 - random.fraction())) * Math.cos(2 * Math.PI * random.fraction())
  );
}

/** A gamma value of scale 1, by Marsaglia and Tsang (2000); `shape` is at least 1. */
export function gamma(random: Random, shape: number): number {
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = normal(random);
    const v = (1 + c * x) ** 3;
    if (v > 0 && Math.log(1 - random.fraction()) < 0.5 * x * x + d - d * v + d * Math.log(v))
      return d * v;
  }
}

const DAY = Array.from({ length: 24 }, (_, hour) => hour);
/** Traffic of an hour relative to the mean: least at night. */
const trafficOf = (hour: number): number => 1 + 0.8 * Math.sin((2 * Math.PI * (hour - 9)) / 24);
const meanOf = (swing: number, hour: number): number => swing * Math.sin((2 * Math.PI * hour) / 24);

/** Chance that a value of these hours is at most x. */
function below(x: number, swing: number, hours: readonly number[]): number {
  if (swing === 0) return normalTail(-x);
  const weights = hours.map(trafficOf);
  const all = weights.reduce((sum, weight) => sum + weight, 0);
  return hours.reduce(
    (sum, hour, i) => sum + ((weights[i] ?? 0) / all) * normalTail(meanOf(swing, hour) - x),
    0,
  );
}

const GRID_STEP = 0.002;
const grids = new Map<number, Float64Array>();

/** Chances of a whole day's values at every step of a grid: what is drawn with them is a distribution of its own. */
function gridOf(swing: number): Float64Array {
  const known = grids.get(swing);
  if (known !== undefined) return known;
  const steps = Math.ceil((14 + 2 * swing) / GRID_STEP);
  const grid = Float64Array.from({ length: steps }, (_, i) =>
    below(-7 - swing + i * GRID_STEP, swing, DAY),
  );
  grids.set(swing, grid);
  return grid;
}

/** The value that is above a share p of a whole day's values, between two steps of the grid. */
function quantile(p: number, swing: number): number {
  if (swing === 0) return normalQuantile(p);
  const grid = gridOf(swing);
  let [low, high] = [0, grid.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if ((grid[middle] ?? 1) < p) low = middle;
    else high = middle;
  }
  const [from, to] = [grid[low] ?? 0, grid[high] ?? 1];
  const within = to > from ? (p - from) / (to - from) : 0;
  return -7 - swing + (low + within) * GRID_STEP;
}

/** Order statistics of n values at the ranks a profile asks for. */
function orderStatistics(
  random: Random,
  n: number,
  quantileOf: (p: number) => number,
): ReadonlyMap<number, number> {
  const ranks = new Set([1]);
  for (const bins of [FINE_BINS, COARSE_BINS])
    for (let i = 1; i < bins; i += 1) ranks.add(quantileRank(n, i, bins));
  const ascending = [...ranks].sort((a, b) => a - b);
  const sums: number[] = [];
  let [sum, last] = [0, 0];
  for (const rank of ascending) {
    sum += gamma(random, rank - last);
    sums.push(sum);
    last = rank;
  }
  const all = sum + gamma(random, n + 1 - last);
  return new Map(ascending.map((rank, i) => [rank, quantileOf((sums[i] ?? 0) / all)]));
}

function numericProfile(
  name: string,
  rows: number,
  present: number,
  atRank: (rank: number) => number,
  countsOf: (edges: readonly number[]) => readonly number[],
): NumericColumnProfile {
  const edges = edgesFromRanks(present, atRank);
  const fineCounts = countsOf(edges.fine);
  return {
    name,
    kind: 'numeric',
    missing: rows - present,
    invalid: 0,
    nonFinite: 0,
    count: present,
    fineEdges: edges.fine,
    fineCounts,
    edges: edges.coarse,
    counts: coarsen(edges, fineCounts),
    min: null,
    max: null,
    mean: null,
    std: null,
  };
}

/** Counts of bins by differences of ranks: between two order statistics of continuous values lie so many. */
function countsByRank(
  statistics: ReadonlyMap<number, number>,
  n: number,
): (edges: readonly number[]) => readonly number[] {
  const rankOf = new Map([...statistics].map(([rank, value]) => [value, rank]));
  return (edges) => {
    const ranks = edges.map((edge) => rankOf.get(edge) ?? 0);
    return [...ranks, n].map((rank, i) => rank - (ranks[i - 1] ?? 0));
  };
}

const missingShare = ({ missing }: World, column: number): number =>
  column % 2 === 0 ? 0 : missing;

/** The baseline of a world, freshly drawn. */
export function drawBaseline(random: Random, world: World): readonly ColumnProfile[] {
  const { baselineRows: rows } = world;
  const values = world.correlation > 0 ? drawRows(random, world, rows, 0, 0) : null;
  const numeric = Array.from({ length: world.numericColumns }, (_, column) => {
    const name = `number ${column + 1}`;
    const own = values?.[column]?.sort();
    if (own !== undefined)
      return numericProfile(
        name,
        rows,
        rows,
        (rank) => own[rank - 1] ?? Number.NaN,
        (edges) => countInto(edges, own),
      );
    const present = rows - binomial(random, rows, missingShare(world, column));
    const statistics = orderStatistics(random, present, (p) => quantile(p, world.dailySwing));
    return numericProfile(
      name,
      rows,
      present,
      (rank) => statistics.get(rank) ?? Number.NaN,
      countsByRank(statistics, present),
    );
  });
  const categorical = Array.from(
    { length: world.categoricalColumns },
    (_, column): CategoricalColumnProfile => {
      const missing = binomial(random, rows, missingShare(world, column));
      const counts = drawn(random, rows - missing, zipf(levelsOf(column)));
      return {
        name: `category ${column + 1}`,
        kind: 'categorical',
        missing,
        invalid: 0,
        nonFinite: 0,
        count: rows - missing,
        domain: counts
          .map((count, k) => ({ value: `v${k}`, count }))
          .filter((known) => known.count > 0),
        other: 0,
      };
    },
  );
  return [...numeric, ...categorical];
}

function drawn(random: Random, n: number, weights: readonly number[]): number[] {
  const into = weights.map(() => 0);
  multinomial(random, n, weights, into);
  return into;
}

/** Rows of columns that have one factor in common. */
function drawRows(
  random: Random,
  { numericColumns, correlation }: World,
  rows: number,
  shift: number,
  movedColumns: number,
): readonly Float64Array[] {
  const columns = Array.from({ length: numericColumns }, () => new Float64Array(rows));
  const [common, own] = [Math.sqrt(correlation), Math.sqrt(1 - correlation)];
  for (let row = 0; row < rows; row += 1) {
    const factor = common * normal(random);
    for (const [i, column] of columns.entries())
      column[row] = factor + own * normal(random) + (i < movedColumns ? shift : 0);
  }
  return columns;
}

/** Counts of a window, freshly drawn, in the bins and categories of the baseline. */
export function drawWindow(
  random: Random,
  world: World,
  baseline: readonly ColumnProfile[],
  window: WindowKind,
): readonly CountedColumn[] {
  const hours = window.hours ?? DAY;
  const { rows, shift, movedColumns } = window;
  const values = world.correlation > 0 ? drawRows(random, world, rows, shift, movedColumns) : null;
  return baseline.map((profile, column): CountedColumn => {
    const ofKind = profile.kind === 'numeric' ? column : column - world.numericColumns;
    const whole = profile.kind === 'numeric' && values !== null;
    const missing = whole ? 0 : binomial(random, rows, missingShare(world, ofKind));
    const present = rows - missing;
    if (profile.kind === 'categorical') {
      const moved = ofKind === 0 ? (window.movedShare ?? 0) : 0;
      const shares = movedCategories(zipf(levelsOf(ofKind)), moved);
      const counts = drawn(random, present, shares);
      const domain = profile.domain.map((known) => known.value);
      const fresh = counts
        .map((count, level) => ({ value: `v${level}`, count }))
        .filter(({ value, count }) => count > 0 && !domain.includes(value));
      const known = domain.map((value) => counts[Number(value.slice(1))] ?? 0);
      const outside = fresh.reduce((sum, value) => sum + value.count, 0);
      return { profile, counts: { count: present, missing, known, fresh, outside } };
    }
    const moved = column < movedColumns ? shift : 0;
    const own = values?.[column];
    const fineCounts =
      own === undefined
        ? drawn(random, present, sharesOf(profile.fineEdges, moved, world.dailySwing, hours))
        : countInto(profile.fineEdges, own);
    return {
      profile,
      counts: {
        count: present,
        missing,
        invalid: 0,
        nonFinite: 0,
        min: null,
        max: null,
        fineCounts,
        belowMin: 0,
        aboveMax: 0,
      },
    };
  });
}

/** Windows of one kind ask for the same shares again and again. */
const known = new WeakMap<readonly number[], Map<string, readonly number[]>>();

function sharesOf(
  edges: readonly number[],
  shift: number,
  swing: number,
  hours: readonly number[],
): readonly number[] {
  const ofEdges = known.get(edges) ?? new Map<string, readonly number[]>();
  known.set(edges, ofEdges);
  const key = `${shift} ${swing} ${hours.join()}`;
  const found = ofEdges.get(key) ?? computeShares(edges, shift, swing, hours);
  ofEdges.set(key, found);
  return found;
}

function computeShares(
  edges: readonly number[],
  shift: number,
  swing: number,
  hours: readonly number[],
): readonly number[] {
  const chances = [...edges.map((edge) => below(edge - shift, swing, hours)), 1];
  return chances.map((chance, i) => Math.max(0, chance - (chances[i - 1] ?? 0)));
}
