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
 * ROC AUC with its variance in O(n log n), as Sun and Xu (2014) but by looking up instead of ranking. Ties count one half.
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
  const sortedPositives = Float64Array.from(positives).sort();
  const sortedNegatives = Float64Array.from(negatives).sort();
  const ofPositives = positives.map((score) => shareBelow(sortedNegatives, score));
  const ofNegatives = negatives.map((score) => 1 - shareBelow(sortedPositives, score));
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
  const found = new Float64Array(labels.length);
  let count = 0;
  for (let i = 0; i < labels.length; i += 1) {
    if (labels[i] !== label) continue;
    found[count] = scores[i] ?? Number.NaN;
    count += 1;
  }
  return found.slice(0, count);
}

/** Share of ascending values below one, ties one half: looking it up costs less than ranking all of them. */
function shareBelow(sorted: Float64Array, value: number): number {
  const below = firstFrom(sorted, value, false);
  const notAbove = sorted[below] === value ? firstFrom(sorted, value, true) : below;
  return (below + notAbove) / 2 / sorted.length;
}

/** Index of the first value that is not below (or, `beyond` the ties, that is above) the one looked for. */
function firstFrom(sorted: Float64Array, value: number, beyond: boolean): number {
  let [from, to] = [0, sorted.length];
  while (from < to) {
    const middle = (from + to) >>> 1;
    const found = sorted[middle] ?? Number.NaN;
    if (found < value || (beyond && found === value)) from = middle + 1;
    else to = middle;
  }
  return from;
}
