import { THRESHOLD } from './binary-metrics.js';
import { chanceOf, fitIsotonic } from './calibration.js';
import type { IsotonicMap } from './calibration.js';
import { ascendingOrder } from './ranks.js';
import type { Calibration, EstimatedMetric, PerformanceEstimate } from './types.js';

/** Fewest labelled rows to fit a calibration on. */
export const FEWEST_TO_CALIBRATE = 500;
/** Fewest of either class among them. */
const FEWEST_OF_A_CLASS = 20;
const ECE_BINS = 10;

/**
 * How scores relate to labels, by isotonic regression. The map is used only when it is better calibrated than the scores
 * as they are on rows that it was not fitted on: each half of the rows, every second one in order of score, is judged by
 * the map of the other. `null` with too few rows to tell.
 *
 * @param labels 0 or 1
 */
export function calibrate(
  labels: ArrayLike<number>,
  scores: ArrayLike<number>,
): Calibration | null {
  const rows = labels.length;
  const order = ascendingOrder(scores);
  const sorted = Array.from(order, (row) => ({ y: labels[row] ?? NaN, x: scores[row] ?? NaN }));
  const positives = sorted.reduce((sum, { y }) => sum + y, 0);
  if (rows < FEWEST_TO_CALIBRATE || Math.min(positives, rows - positives) < FEWEST_OF_A_CLASS)
    return null;
  const halves = [0, 1].map((rest) => sorted.filter((_, i) => i % 2 === rest)) as [
    typeof sorted,
    typeof sorted,
  ];
  const mapped = [0, 1].flatMap((own) => {
    const map = fit(halves[1 - own] ?? []);
    return (halves[own] ?? []).map(({ x, y }) => ({ p: chanceOf(map, x), y }));
  });
  const areChances = sorted.every(({ x }) => x >= 0 && x <= 1);
  const eceOfMap = calibrationError(mapped);
  const eceOfScores = areChances ? calibrationError(sorted.map(({ x, y }) => ({ p: x, y }))) : 1;
  return { ...fit(sorted), rows, positives, eceOfScores, eceOfMap, used: eceOfMap < eceOfScores };
}

/** The map with nothing between the ends of its steps: the same function in far fewer knots. */
function fit(rows: readonly { readonly x: number; readonly y: number }[]): IsotonicMap {
  const map = fitIsotonic(
    rows.map(({ x }) => x),
    rows.map(({ y }) => y),
  );
  const isKnot = map.y.map((y, i) => y !== map.y[i - 1] || y !== map.y[i + 1]);
  return { x: map.x.filter((_, i) => isKnot[i]), y: map.y.filter((_, i) => isKnot[i]) };
}

/** Expected calibration error over ten bins of as many rows each. */
function calibrationError(rows: readonly { readonly p: number; readonly y: number }[]): number {
  const inOrder = [...rows].sort((a, b) => a.p - b.p);
  let error = 0;
  for (let bin = 0; bin < ECE_BINS; bin += 1) {
    const part = inOrder.slice(
      Math.round((bin * inOrder.length) / ECE_BINS),
      Math.round(((bin + 1) * inOrder.length) / ECE_BINS),
    );
    error += Math.abs(part.reduce((sum, { p, y }) => sum + p - y, 0));
  }
  return error / inOrder.length;
}

/**
 * Performance as it must be if every chance is right (confidence-based performance estimation), with the error that the
 * labels' own chance leaves. It is no measurement: it sees nothing of a changed relation between inputs and labels.
 *
 * Scores of at least 0.5 predict 1, and rows are ranked by their score; how likely a label is comes from the calibration
 * where it is used, else from the score itself.
 *
 * @param z of the two-sided interval
 * @returns `null` without scores, or with scores that are no chances and no map to make them such
 */
export function estimatePerformance(
  metric: EstimatedMetric,
  scores: ArrayLike<number>,
  calibration: Calibration,
  z: number,
): PerformanceEstimate | null {
  const n = scores.length;
  const chances = new Float64Array(n);
  for (let i = 0; i < n; i += 1) {
    const score = scores[i] ?? Number.NaN;
    const p = calibration.used ? chanceOf(calibration, score) : score;
    if (!(p >= 0 && p <= 1)) return null;
    chances[i] = p;
  }
  const sums = expectedCells(chances, scores);
  const found = n === 0 ? null : valueAndError(metric, sums, chances, scores);
  if (found === null || !Number.isFinite(found.value) || !Number.isFinite(found.error)) return null;
  return {
    metric,
    estimate: found.value,
    lower: Math.max(0, found.value - z * found.error),
    upper: Math.min(1, found.value + z * found.error),
    rows: n,
    calibrated: calibration.used,
  };
}

export interface ExpectedCells {
  readonly tp: number;
  readonly fp: number;
  readonly fn: number;
  readonly tn: number;
  /** Variance of the positives among rows that are predicted 1, and of those among the others. */
  readonly spreadOfPositive: number;
  readonly spreadOfNegative: number;
}

/** The confusion matrix one expects if every chance is right: a row counts by its chance, its prediction by its score. */
export function expectedCells(chances: Float64Array, scores: ArrayLike<number>): ExpectedCells {
  const sums = { tp: 0, fp: 0, fn: 0, tn: 0, spreadOfPositive: 0, spreadOfNegative: 0 };
  chances.forEach((p, i) => {
    if ((scores[i] ?? Number.NaN) >= THRESHOLD) {
      sums.tp += p;
      sums.fp += 1 - p;
      sums.spreadOfPositive += p * (1 - p);
    } else {
      sums.fn += p;
      sums.tn += 1 - p;
      sums.spreadOfNegative += p * (1 - p);
    }
  });
  return sums;
}

interface Found {
  readonly value: number;
  readonly error: number;
}

/** The metric of the expected cells; its standard error by the delta method, as both variances are known. */
function valueAndError(
  metric: EstimatedMetric,
  sums: ExpectedCells,
  chances: Float64Array,
  scores: ArrayLike<number>,
): Found | null {
  const { tp, fp, fn, tn, spreadOfPositive, spreadOfNegative } = sums;
  const n = tp + fp + fn + tn;
  const delta = (value: number, byTp: number, byFn: number): Found => ({
    value,
    error: Math.sqrt(byTp ** 2 * spreadOfPositive + byFn ** 2 * spreadOfNegative),
  });
  switch (metric) {
    case 'accuracy':
      return delta((tp + tn) / n, 1 / n, -1 / n);
    case 'precision':
      return tp + fp === 0 ? null : delta(tp / (tp + fp), 1 / (tp + fp), 0);
    case 'recall': {
      const all = tp + fn;
      return all === 0 ? null : delta(tp / all, fn / all ** 2, -tp / all ** 2);
    }
    case 'f1': {
      const both = 2 * tp + fp + fn;
      if (both === 0) return null;
      return delta((2 * tp) / both, (2 * (both - tp)) / both ** 2, (-2 * tp) / both ** 2);
    }
    case 'roc_auc':
      return expectedAuc(chances, scores);
  }
}

/** Over expected pairs, ties one half, a row paired with itself included; standard error after Hanley and McNeil (1982). */
function expectedAuc(chances: Float64Array, scores: ArrayLike<number>): Found | null {
  const order = ascendingOrder(scores);
  let [below, pairs, positives, negatives] = [0, 0, 0, 0];
  for (let from = 0; from < order.length;) {
    let [to, tiedPositives, tiedNegatives] = [from, 0, 0];
    const score = scores[order[from] ?? 0];
    for (; to < order.length && scores[order[to] ?? 0] === score; to += 1) {
      const p = chances[order[to] ?? 0] ?? 0;
      tiedPositives += p;
      tiedNegatives += 1 - p;
    }
    pairs += tiedPositives * (below + tiedNegatives / 2);
    below += tiedNegatives;
    positives += tiedPositives;
    negatives += tiedNegatives;
    from = to;
  }
  if (positives < 1 || negatives < 1) return null;
  const auc = pairs / (positives * negatives);
  const q1 = auc / (2 - auc);
  const q2 = (2 * auc ** 2) / (1 + auc);
  const variance =
    (auc * (1 - auc) + (positives - 1) * (q1 - auc ** 2) + (negatives - 1) * (q2 - auc ** 2)) /
    (positives * negatives);
  return { value: auc, error: Math.sqrt(Math.max(0, variance)) };
}
