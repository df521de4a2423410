/** Benjamini–Hochberg: adjusted p for the false discovery rate, in the order given. */
export function benjaminiHochberg(pValues: readonly number[]): readonly number[] {
  const m = pValues.length;
  const descending = order(pValues).reverse();
  const adjusted = Array.from({ length: m }, () => 1);
  let smallest = 1;
  descending.forEach((index, fromTop) => {
    const p = pValues[index] ?? 1;
    // Never below p itself, which rounding could do.
    smallest = Math.min(smallest, Math.max(p, (p * m) / (m - fromTop)));
    adjusted[index] = smallest;
  });
  return adjusted;
}

/** Holm: adjusted p for the chance of any false alarm, in the order given. */
export function holm(pValues: readonly number[]): readonly number[] {
  const m = pValues.length;
  const adjusted = Array.from({ length: m }, () => 1);
  let largest = 0;
  order(pValues).forEach((index, rank) => {
    largest = Math.max(largest, Math.min(1, (pValues[index] ?? 1) * (m - rank)));
    adjusted[index] = largest;
  });
  return adjusted;
}

/**
 * The significance at which Holm's procedure judges each test, in the order given: alpha / (m − rank). A test behind
 * one that was not significant is not judged any more; its level is then 0.
 */
export function holmLevels(pValues: readonly number[], alpha: number): readonly number[] {
  const m = pValues.length;
  const levels = Array.from({ length: m }, () => 0);
  let stopped = false;
  order(pValues).forEach((index, rank) => {
    const level = alpha / (m - rank);
    if (!stopped) levels[index] = level;
    if ((pValues[index] ?? 1) >= level) stopped = true;
  });
  return levels;
}

/** Indices by ascending p. */
function order(pValues: readonly number[]): number[] {
  return pValues.map((_, index) => index).sort((a, b) => (pValues[a] ?? 1) - (pValues[b] ?? 1));
}
