import { ascendingOrder, midRanks } from './ranks.js';

/** Scores at or above it predict 1. */
export const THRESHOLD = 0.5;
/** Keeps the logarithm finite for scores of exactly 0 or 1, as scikit-learn did. */
const SMALLEST_PROBABILITY = 1e-15;

export interface Confusion {
  readonly tp: number;
  readonly fp: number;
  readonly fn: number;
  readonly tn: number;
}

export function confusion(labels: ArrayLike<number>, scores: ArrayLike<number>): Confusion {
  const cells = { tp: 0, fp: 0, fn: 0, tn: 0 };
  for (let i = 0; i < labels.length; i += 1) {
    const predicted = (scores[i] ?? Number.NaN) >= THRESHOLD;
    if (labels[i] === 1) cells[predicted ? 'tp' : 'fn'] += 1;
    else cells[predicted ? 'fp' : 'tn'] += 1;
  }
  return cells;
}

/** NaN without rows. */
export function accuracy({ tp, fp, fn, tn }: Confusion): number {
  return (tp + tn) / (tp + fp + fn + tn);
}

/** 0 when nothing was predicted 1, as in scikit-learn. */
export function precision({ tp, fp }: Confusion): number {
  return tp + fp === 0 ? 0 : tp / (tp + fp);
}

/** 0 when no row is 1. */
export function recall({ tp, fn }: Confusion): number {
  return tp + fn === 0 ? 0 : tp / (tp + fn);
}

export function f1({ tp, fp, fn }: Confusion): number {
  return tp === 0 ? 0 : (2 * tp) / (2 * tp + fp + fn);
}

/** Matthews' correlation; 0 when a row or a column of the table is empty, as in scikit-learn. */
export function mcc({ tp, fp, fn, tn }: Confusion): number {
  const below = Math.sqrt(tp + fp) * Math.sqrt(tp + fn) * Math.sqrt(tn + fp) * Math.sqrt(tn + fn);
  return below === 0 ? 0 : (tp * tn - fp * fn) / below;
}

/** Area under the ROC curve, ties counting one half. NaN when one class is missing. */
export function rocAuc(labels: ArrayLike<number>, scores: ArrayLike<number>): number {
  const ranks = midRanks(scores);
  let positives = 0;
  let rankSum = 0;
  for (let i = 0; i < labels.length; i += 1) {
    if (labels[i] === 1) {
      positives += 1;
      rankSum += ranks[i] ?? 0;
    }
  }
  const negatives = labels.length - positives;
  return (rankSum - (positives * (positives + 1)) / 2) / (positives * negatives);
}

/**
 * Average precision, the step-wise area under the precision–recall curve. NaN without positives.
 *
 * @param order rows by ascending score; sorted here when not given
 * @param weights how often each row counts; once when not given. Lets a bootstrap sort once for all its draws
 */
export function prAuc(
  labels: ArrayLike<number>,
  scores: ArrayLike<number>,
  order: Uint32Array = ascendingOrder(scores),
  weights?: ArrayLike<number>,
): number {
  let tp = 0;
  let seen = 0;
  let area = 0;
  let k = order.length - 1;
  while (k >= 0) {
    const score = scores[order[k] ?? 0];
    let gained = 0;
    for (; k >= 0 && scores[order[k] ?? 0] === score; k -= 1) {
      const row = order[k] ?? 0;
      const weight = weights === undefined ? 1 : (weights[row] ?? 0);
      seen += weight;
      if (labels[row] === 1) gained += weight;
    }
    tp += gained;
    if (gained > 0) area += (gained * tp) / seen;
  }
  return tp === 0 ? Number.NaN : area / tp;
}

export function logLossOf(label: number, score: number): number {
  const chance = Math.min(1 - SMALLEST_PROBABILITY, Math.max(SMALLEST_PROBABILITY, score));
  return label === 1 ? -Math.log(chance) : -Math.log1p(-chance);
}

export function brierOf(label: number, score: number): number {
  return (score - label) ** 2;
}

/** Mean of a loss over the rows. NaN without rows. */
export function meanLoss(
  labels: ArrayLike<number>,
  scores: ArrayLike<number>,
  lossOf: (label: number, score: number) => number,
): number {
  let sum = 0;
  for (let i = 0; i < labels.length; i += 1) {
    sum += lossOf(labels[i] ?? Number.NaN, scores[i] ?? Number.NaN);
  }
  return sum / labels.length;
}

/** Root of the mean squared error. */
export function rmse(actual: ArrayLike<number>, predicted: ArrayLike<number>): number {
  return Math.sqrt(meanLoss(actual, predicted, brierOf));
}
