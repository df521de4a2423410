import {
  accuracy,
  brierOf,
  f1,
  logLossOf,
  mcc,
  prAuc,
  precision,
  recall,
  THRESHOLD,
} from './binary-metrics.js';
import type { Confusion } from './binary-metrics.js';
import { CALIBRATION_BINS, scoreBin } from './curves.js';
import { latencyQuantile } from './metrics.js';
import { ascendingOrder } from './ranks.js';
import type { GateMetric } from './types.js';

/**
 * A metric of rows made ready once, so that each draw of a bootstrap only walks over how often each row counts:
 * `null` is once each.
 */
export type RowMetric = (times: ArrayLike<number> | null) => number;

/** Metrics that only depend on label and decision. */
export const DECISION_METRICS: Readonly<Partial<Record<GateMetric, (cells: Confusion) => number>>> =
  { accuracy, precision, recall, f1, mcc };

/** Metrics that are a mean over rows, or a root of one. */
export const LOSSES: Readonly<
  Partial<Record<GateMetric, (label: number, score: number) => number>>
> = {
  log_loss: logLossOf,
  brier: brierOf,
  rmse: brierOf,
  mae: (label, score) => Math.abs(score - label),
  mape: (label, score) => Math.abs((score - label) / label),
};

/** What becomes of the mean. A percentage of a label of 0 is not a number, and so is the mean of it. */
export function lossFromMean(metric: GateMetric, mean: number): number {
  if (!Number.isFinite(mean)) return Number.NaN;
  return metric === 'rmse' ? Math.sqrt(mean) : mean;
}

/**
 * @param scores of one model, or its latencies for the metrics of those
 * @param other scores of the champion, for the share of decisions that flip
 * @returns `null` for what is not computed from rows
 */
export function rowMetric(
  metric: GateMetric,
  labels: ArrayLike<number>,
  scores: ArrayLike<number>,
  other: ArrayLike<number> | null = null,
): RowMetric | null {
  const decide = DECISION_METRICS[metric];
  if (decide !== undefined) return (times) => decide(weightedConfusion(labels, scores, times));
  const lossOf = LOSSES[metric];
  if (lossOf !== undefined) {
    const losses = Float64Array.from({ length: labels.length }, (_, i) =>
      lossOf(at(labels, i), at(scores, i)),
    );
    return (times) => lossFromMean(metric, weightedMean(losses, times));
  }
  const quantile = latencyQuantile(metric);
  if (quantile !== null) return quantileMetric(scores, quantile);
  switch (metric) {
    case 'roc_auc':
      return aucMetric(labels, scores);
    case 'pr_auc': {
      const order = ascendingOrder(scores);
      return (times) => prAuc(labels, scores, order, times ?? undefined);
    }
    case 'ece':
      return eceMetric(labels, scores);
    case 'r2':
      return rSquaredMetric(labels, scores);
    case 'prediction_flip_share': {
      if (other === null) return null;
      const flips = Float64Array.from({ length: labels.length }, (_, i) =>
        Number(at(scores, i) >= THRESHOLD !== at(other, i) >= THRESHOLD),
      );
      return (times) => weightedMean(flips, times);
    }
    default:
      return null;
  }
}

const at = (values: ArrayLike<number>, i: number): number => values[i] ?? Number.NaN;

export function weightedMean(values: ArrayLike<number>, times: ArrayLike<number> | null): number {
  let [sum, seen] = [0, 0];
  for (let i = 0; i < values.length; i += 1) {
    const weight = times === null ? 1 : at(times, i);
    // A row that does not count must not make the mean NaN by a value that is.
    if (weight === 0) continue;
    sum += weight * at(values, i);
    seen += weight;
  }
  return sum / seen;
}

export function weightedConfusion(
  labels: ArrayLike<number>,
  scores: ArrayLike<number>,
  times: ArrayLike<number> | null,
): Confusion {
  let [tp, fp, fn, tn] = [0, 0, 0, 0];
  for (let i = 0; i < labels.length; i += 1) {
    const weight = times === null ? 1 : at(times, i);
    const predicted = at(scores, i) >= THRESHOLD;
    if (labels[i] === 1) {
      if (predicted) tp += weight;
      else fn += weight;
    } else if (predicted) fp += weight;
    else tn += weight;
  }
  return { tp, fp, fn, tn };
}

/** NaN when one class does not count. */
function aucMetric(labels: ArrayLike<number>, scores: ArrayLike<number>): RowMetric {
  const order = ascendingOrder(scores);
  const n = order.length;
  // In the order of the scores, so that each draw walks through memory once.
  const label = Uint8Array.from(order, (row) => (labels[row] === 1 ? 1 : 0));
  const ends = new Uint8Array(n);
  for (let k = 0; k < n; k += 1) {
    ends[k] = k === n - 1 || scores[order[k] ?? 0] !== scores[order[k + 1] ?? 0] ? 1 : 0;
  }
  return (times) => {
    let [below, positives, area, tiedPositives, tiedNegatives] = [0, 0, 0, 0, 0];
    for (let k = 0; k < n; k += 1) {
      const weight = times === null ? 1 : at(times, order[k] ?? 0);
      if (label[k] === 1) tiedPositives += weight;
      else tiedNegatives += weight;
      if (ends[k] === 1) {
        area += tiedPositives * (below + tiedNegatives / 2);
        positives += tiedPositives;
        below += tiedNegatives;
        [tiedPositives, tiedNegatives] = [0, 0];
      }
    }
    return area / (positives * below);
  };
}

/** Mean distance between score and share of positives over bins of equal width, by their rows. */
function eceMetric(labels: ArrayLike<number>, scores: ArrayLike<number>): RowMetric {
  const n = labels.length;
  const bins = Uint8Array.from({ length: n }, (_, i) => scoreBin(at(scores, i), CALIBRATION_BINS));
  const gaps = Float64Array.from({ length: n }, (_, i) => at(scores, i) - at(labels, i));
  const sums = new Float64Array(CALIBRATION_BINS);
  return (times) => {
    sums.fill(0);
    let seen = 0;
    for (let i = 0; i < n; i += 1) {
      const weight = times === null ? 1 : at(times, i);
      const bin = bins[i] ?? 0;
      sums[bin] = at(sums, bin) + weight * at(gaps, i);
      seen += weight;
    }
    return sums.reduce((sum, gap) => sum + Math.abs(gap), 0) / seen;
  };
}

/** NaN when the labels are all the same. */
function rSquaredMetric(labels: ArrayLike<number>, scores: ArrayLike<number>): RowMetric {
  const n = labels.length;
  const middle = weightedMean(labels, null);
  return (times) => {
    let [seen, sum, squares, errors] = [0, 0, 0, 0];
    for (let i = 0; i < n; i += 1) {
      const weight = times === null ? 1 : at(times, i);
      const label = at(labels, i) - middle;
      seen += weight;
      sum += weight * label;
      squares += weight * label * label;
      errors += weight * (at(labels, i) - at(scores, i)) ** 2;
    }
    const spread = squares - (sum * sum) / seen;
    return spread > 1e-12 * squares ? 1 - errors / spread : Number.NaN;
  };
}

/** The smallest value that at least this share of the rows does not exceed. */
function quantileMetric(values: ArrayLike<number>, share: number): RowMetric {
  const order = ascendingOrder(values);
  return (times) => {
    let total = 0;
    if (times === null) total = order.length;
    else for (let i = 0; i < order.length; i += 1) total += at(times, i);
    if (total === 0) return Number.NaN;
    let seen = 0;
    for (const row of order) {
      seen += times === null ? 1 : at(times, row);
      // Weights may not add up to the last unit: a hair less is enough.
      if (seen >= share * total * (1 - 1e-12)) return at(values, row);
    }
    return Number.NaN;
  };
}
