import { THRESHOLD } from './binary-metrics.js';
import { midRanks } from './ranks.js';

/** A non-decreasing map from score to probability, linear between its knots and flat outside. */
export interface IsotonicMap {
  /** Ascending, without repeats. */
  readonly x: readonly number[];
  readonly y: readonly number[];
}

/** Isotonic regression by pooling adjacent violators; equal scores are averaged first. */
export function fitIsotonic(x: readonly number[], y: readonly number[]): IsotonicMap {
  const points = averageTies(x, y);
  const blocks: { sum: number; weight: number; knots: number }[] = [];
  for (const { sum, weight } of points) {
    let block = { sum, weight, knots: 1 };
    let last = blocks[blocks.length - 1];
    while (last !== undefined && last.sum / last.weight >= block.sum / block.weight) {
      blocks.pop();
      block = {
        sum: last.sum + block.sum,
        weight: last.weight + block.weight,
        knots: last.knots + block.knots,
      };
      last = blocks[blocks.length - 1];
    }
    blocks.push(block);
  }
  return {
    x: points.map((point) => point.x),
    y: blocks.flatMap(({ sum, weight, knots }) =>
      Array.from({ length: knots }, () => sum / weight),
    ),
  };
}

function averageTies(
  x: readonly number[],
  y: readonly number[],
): readonly { readonly x: number; readonly sum: number; readonly weight: number }[] {
  const points: { x: number; sum: number; weight: number }[] = [];
  const order = x.map((_, i) => i).sort((a, b) => (x[a] ?? 0) - (x[b] ?? 0));
  for (const i of order) {
    const last = points[points.length - 1];
    const value = x[i] ?? Number.NaN;
    if (last?.x === value) {
      last.sum += y[i] ?? Number.NaN;
      last.weight += 1;
    } else points.push({ x: value, sum: y[i] ?? Number.NaN, weight: 1 });
  }
  return points;
}

/** NaN for a map without knots. */
export function predictIsotonic({ x, y }: IsotonicMap, score: number): number {
  const above = x.findIndex((knot) => knot >= score);
  if (above === -1) return y[y.length - 1] ?? Number.NaN;
  const to = y[above] ?? Number.NaN;
  if (above === 0 || x[above] === score) return to;
  const from = y[above - 1] ?? Number.NaN;
  const left = x[above - 1] ?? Number.NaN;
  const right = x[above] ?? Number.NaN;
  return from + ((to - from) * (score - left)) / (right - left);
}

/**
 * Performance estimated without labels (confidence-based performance estimation): the confusion matrix one expects if
 * every calibrated probability is right. Knows nothing of concept drift, needs calibrated probabilities, and can never
 * answer an accuracy below the threshold's own.
 */
export interface ExpectedPerformance {
  readonly tp: number;
  readonly fp: number;
  readonly fn: number;
  readonly tn: number;
  readonly accuracy: number;
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
  /** Over expected pairs, ties one half, a row paired with itself included. */
  readonly rocAuc: number;
  /** Standard error of `accuracy` from the labels' own randomness. */
  readonly accuracyStandardError: number;
}

/** @param probabilities calibrated, 0 to 1; also what the rows are ranked by */
export function expectedPerformance(probabilities: readonly number[]): ExpectedPerformance {
  const n = probabilities.length;
  let [tp, fp, fn, tn, spread] = [0, 0, 0, 0, 0];
  for (const p of probabilities) {
    if (p >= THRESHOLD) {
      tp += p;
      fp += 1 - p;
    } else {
      fn += p;
      tn += 1 - p;
    }
    spread += p * (1 - p);
  }
  return {
    tp,
    fp,
    fn,
    tn,
    accuracy: (tp + tn) / n,
    precision: tp + fp === 0 ? 0 : tp / (tp + fp),
    recall: tp + fn === 0 ? 0 : tp / (tp + fn),
    f1: tp === 0 ? 0 : (2 * tp) / (2 * tp + fp + fn),
    rocAuc: expectedPairs(probabilities),
    accuracyStandardError: Math.sqrt(spread) / n,
  };
}

/** Σ p_i (1 − p_j) [s_i > s_j] over Σp · Σ(1 − p), ties one half: one pass over the rows in order of score. */
function expectedPairs(probabilities: readonly number[]): number {
  const ranks = midRanks(probabilities);
  const order = probabilities.map((_, i) => i).sort((a, b) => (ranks[a] ?? 0) - (ranks[b] ?? 0));
  let [below, pairs, positives, negatives] = [0, 0, 0, 0];
  for (let from = 0; from < order.length;) {
    let [to, tiedPositives, tiedNegatives] = [from, 0, 0];
    const rank = ranks[order[from] ?? 0];
    for (; to < order.length && ranks[order[to] ?? 0] === rank; to += 1) {
      const p = probabilities[order[to] ?? 0] ?? 0;
      tiedPositives += p;
      tiedNegatives += 1 - p;
    }
    pairs += tiedPositives * (below + tiedNegatives / 2);
    below += tiedNegatives;
    positives += tiedPositives;
    negatives += tiedNegatives;
    from = to;
  }
  return pairs / (positives * negatives);
}
