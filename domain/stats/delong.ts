import { midRanks } from './ranks.js';

/** Variance of one ROC AUC, and of the difference of two on the same rows, after DeLong et al. (1988). */
export interface DeLong {
  readonly auc: number;
  readonly variance: number;
}

export interface PairedDeLong {
  readonly champion: DeLong;
  readonly candidate: DeLong;
  readonly covariance: number;
  /** candidate − champion. */
  readonly difference: number;
  readonly differenceVariance: number;
}

interface Components {
  readonly auc: number;
  readonly ofPositives: Float64Array;
  readonly ofNegatives: Float64Array;
}

/**
 * ROC AUC with its variance, by mid-ranks in O(n log n) (Sun and Xu 2014). Ties count one half.
 *
 * @param labels 0 or 1
 * @returns `null` with fewer than two rows of either class: there is no variance then
 */
export function deLong(labels: ArrayLike<number>, scores: ArrayLike<number>): DeLong | null {
  const components = structural(labels, scores);
  return components === null ? null : { auc: components.auc, variance: variance(components) };
}

/** Both models on the same rows. `null` with fewer than two rows of either class. */
export function pairedDeLong(
  labels: ArrayLike<number>,
  champion: ArrayLike<number>,
  candidate: ArrayLike<number>,
): PairedDeLong | null {
  const first = structural(labels, champion);
  const second = structural(labels, candidate);
  if (first === null || second === null) return null;
  const championVariance = variance(first);
  const candidateVariance = variance(second);
  const shared = covariance(first, second);
  return {
    champion: { auc: first.auc, variance: championVariance },
    candidate: { auc: second.auc, variance: candidateVariance },
    covariance: shared,
    difference: second.auc - first.auc,
    differenceVariance: Math.max(0, championVariance + candidateVariance - 2 * shared),
  };
}

function structural(labels: ArrayLike<number>, scores: ArrayLike<number>): Components | null {
  const positives = scoresOf(labels, scores, 1);
  const negatives = scoresOf(labels, scores, 0);
  const m = positives.length;
  const n = negatives.length;
  if (m < 2 || n < 2) return null;
  const among = midRanks(concat(positives, negatives));
  const amongPositives = midRanks(positives);
  const amongNegatives = midRanks(negatives);
  const ofPositives = positives.map((_, i) => ((among[i] ?? 0) - (amongPositives[i] ?? 0)) / n);
  const ofNegatives = negatives.map(
    (_, j) => 1 - ((among[m + j] ?? 0) - (amongNegatives[j] ?? 0)) / m,
  );
  return { auc: mean(ofPositives), ofPositives, ofNegatives };
}

function variance(components: Components): number {
  return covariance(components, components);
}

function covariance(a: Components, b: Components): number {
  return (
    sampleCovariance(a.ofPositives, b.ofPositives) / a.ofPositives.length +
    sampleCovariance(a.ofNegatives, b.ofNegatives) / a.ofNegatives.length
  );
}

function sampleCovariance(a: Float64Array, b: Float64Array): number {
  const meanA = mean(a);
  const meanB = mean(b);
  let sum = 0;
  for (let i = 0; i < a.length; i += 1) sum += ((a[i] ?? 0) - meanA) * ((b[i] ?? 0) - meanB);
  return sum / (a.length - 1);
}

function mean(values: Float64Array): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum / values.length;
}

function scoresOf(
  labels: ArrayLike<number>,
  scores: ArrayLike<number>,
  label: number,
): Float64Array {
  const found: number[] = [];
  for (let i = 0; i < labels.length; i += 1) {
    if (labels[i] === label) found.push(scores[i] ?? Number.NaN);
  }
  return Float64Array.from(found);
}

function concat(a: Float64Array, b: Float64Array): Float64Array {
  const both = new Float64Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}
