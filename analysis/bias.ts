import { biasDistance, biasOf } from '../domain/stats/bias.js';
import type { GroupCells } from '../domain/stats/bias.js';
import { THRESHOLD } from '../domain/stats/binary-metrics.js';
import { quantileSorted } from '../domain/stats/rank-tests.js';
import type { Bounded } from '../domain/stats/gates.js';
import type { BiasMetric, GateMethod } from '../domain/stats/types.js';
import { multinomial, seeded } from './random.js';
import {
  breathe,
  drawer,
  methodOf,
  MOST_UNDEFINED,
  ROW_REPLICATES,
  smoothedTable,
  TABLE_REPLICATES,
} from './sampling.js';
import type { Sampling, SamplingOptions, ScoredRows } from './sampling.js';

export interface BiasSampling {
  readonly method: GateMethod;
  readonly champion: number | null;
  readonly candidate: number;
  /** Of the candidate's bias, each one-sided. */
  bounds(confidence: number): Bounded;
  /** Of the champion's distance from equal treatment less the candidate's. */
  closer(confidence: number): Bounded | null;
  /** Draws of the candidate's bias, and of that distance. */
  readonly draws: Sampling & { readonly kind: 'draws' };
  readonly closerDraws: (Sampling & { readonly kind: 'draws' }) | null;
}

/**
 * The bias of both models against the rows marked in `group`, by drawing the table of group × label × decision × decision, or
 * entities with all of their rows. `null` where a group has nothing to compute it from.
 */
export async function sampleBias(
  metric: BiasMetric,
  rows: ScoredRows,
  group: Uint8Array,
  { seed, signal }: SamplingOptions,
): Promise<BiasSampling | null> {
  const n = rows.labels.length;
  const cell = Uint8Array.from(
    { length: n },
    (_, i) =>
      (group[i] === 1 ? 8 : 0) +
      (rows.labels[i] === 1 ? 4 : 0) +
      ((rows.champion?.[i] ?? 0) >= THRESHOLD ? 2 : 0) +
      ((rows.candidate[i] ?? 0) >= THRESHOLD ? 1 : 0),
  );
  const count = (times: ArrayLike<number> | null): number[] => {
    const cells = Array.from({ length: 16 }, () => 0);
    for (let i = 0; i < n; i += 1)
      cells[cell[i] ?? 0] = (cells[cell[i] ?? 0] ?? 0) + (times === null ? 1 : (times[i] ?? 0));
    return cells;
  };
  const both = (cells: readonly number[]): readonly [number, number] => [
    rows.champion === null
      ? Number.NaN
      : biasOf(metric, groupCells(cells, 0, 2), groupCells(cells, 8, 2)),
    biasOf(metric, groupCells(cells, 0, 1), groupCells(cells, 8, 1)),
  ];
  const hasChampion = rows.champion !== null;
  const isPlain = rows.weights === undefined && rows.groups === undefined;
  const table = count(rows.weights ?? null);
  const point = both(table);
  if (!Number.isFinite(point[1]) || (hasChampion && !Number.isFinite(point[0]))) return null;
  const gap = ([first, second]: readonly [number, number]) =>
    biasDistance(metric, first) - biasDistance(metric, second);
  const random = seeded(seed);
  const times = new Float64Array(isPlain ? 0 : n);
  const drawTimes = drawer(rows, random, times);
  // A model is no further from equal treatment than one that decides alike: that comparison draws from the bare table.
  const from = smoothedTable(table, hasChampion);
  const drawn = [...table];
  const draw = () => {
    if (isPlain) {
      multinomial(random, n, table, drawn);
      const bare = both(drawn);
      multinomial(random, n, from, drawn);
      return { value: both(drawn)[1], distance: gap(bare) };
    }
    drawTimes();
    const values = both(count(times));
    return { value: values[1], distance: gap(values) };
  };
  const replicates = isPlain ? TABLE_REPLICATES : ROW_REPLICATES;
  const candidate = new Float64Array(replicates);
  const closer = new Float64Array(replicates);
  let [kept, lost] = [0, 0];
  let breathAt = performance.now();
  while (kept < replicates) {
    const { value, distance } = draw();
    if (Number.isFinite(value) && (!hasChampion || Number.isFinite(distance))) {
      candidate[kept] = value;
      closer[kept] = hasChampion ? distance : 0;
      kept += 1;
    } else if ((lost += 1) > MOST_UNDEFINED * replicates) return null;
    breathAt = await breathe(breathAt, signal);
  }
  candidate.sort();
  closer.sort();
  const bounded = (estimate: number, sorted: Float64Array, confidence: number): Bounded => ({
    estimate,
    lower: quantileSorted(sorted, 1 - confidence),
    upper: quantileSorted(sorted, confidence),
  });
  return {
    method: methodOf(hasChampion, rows.groups !== undefined),
    champion: hasChampion ? point[0] : null,
    candidate: point[1],
    bounds: (confidence) => bounded(point[1], candidate, confidence),
    draws: { kind: 'draws', estimate: point[1], sorted: candidate },
    closerDraws: hasChampion ? { kind: 'draws', estimate: gap(point), sorted: closer } : null,
    closer: (confidence) => (hasChampion ? bounded(gap(point), closer, confidence) : null),
  };
}

/** The cells of one group (8 for the one looked at) by label and the decision in `bit`. */
function groupCells(cells: readonly number[], group: 0 | 8, bit: 1 | 2): GroupCells {
  const sum = (label: 0 | 4, decision: boolean) =>
    cells.reduce(
      (n, count, cell) =>
        (cell & 8) === group && (cell & 4) === label && ((cell & bit) !== 0) === decision
          ? n + count
          : n,
      0,
    );
  return { tp: sum(4, true), fp: sum(0, true), fn: sum(4, false), tn: sum(0, false) };
}
