/**
 * Distances between two sets of counts over the same bins or categories. p is the window, q the baseline. Categories
 * that are empty on both sides must be dropped first: see {@link dropEmpty}. Every function answers NaN when one side
 * has no counts at all; callers turn that into `insufficient data`.
 */

export interface CountPair {
  readonly baseline: readonly number[];
  readonly window: readonly number[];
}

export function total(counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0);
}

/** @throws {RangeError} when the two sides do not have the same number of bins */
export function dropEmpty(pair: CountPair): CountPair {
  if (pair.baseline.length !== pair.window.length) {
    throw new RangeError(
      `${pair.baseline.length} bins cannot be compared with ${pair.window.length}`,
    );
  }
  const kept = pair.baseline.map((count, bin) => count > 0 || (pair.window[bin] ?? 0) > 0);
  const keep = (counts: readonly number[]) => counts.filter((_, bin) => kept[bin]);
  return { baseline: keep(pair.baseline), window: keep(pair.window) };
}

function shares(counts: readonly number[]): readonly number[] {
  const n = total(counts);
  return counts.map((count) => count / n);
}

function sumOver(pair: CountPair, term: (p: number, q: number) => number): number {
  const q = shares(pair.baseline);
  return shares(pair.window).reduce((sum, p, bin) => sum + term(p, q[bin] ?? Number.NaN), 0);
}

/** Population stability index with Jeffreys smoothing: half a count is added to every bin on both sides. */
export function psi(pair: CountPair): number {
  const smooth = (counts: readonly number[]) => counts.map((count) => count + 0.5);
  return isEmpty(pair)
    ? Number.NaN
    : sumOver(
        { baseline: smooth(pair.baseline), window: smooth(pair.window) },
        (p, q) => (p - q) * Math.log(p / q),
      );
}

/** Population stability index as Evidently computes it: empty shares become 1e-4 and nothing is renormalised. */
export function psiFloor1e4(pair: CountPair): number {
  const floor = (share: number) => (share === 0 ? 1e-4 : share);
  return sumOver(pair, (p, q) => (floor(p) - floor(q)) * Math.log(floor(p) / floor(q)));
}

function jensenShannonNats(pair: CountPair): number {
  const divergence = sumOver(pair, (p, q) => {
    const middle = (p + q) / 2;
    return xLogRatio(p, middle) / 2 + xLogRatio(q, middle) / 2;
  });
  return Math.max(0, divergence);
}

function xLogRatio(x: number, y: number): number {
  return x === 0 ? 0 : x * Math.log(x / y);
}

/**
 * Interval of {@link jsDistance} by the delta method: how the divergence varies with the counts of both sides. Chance only raises
 * a small distance, so that the upper bound is on the safe side near 0.
 *
 * @param z normal quantile of the confidence
 */
export function jsInterval(pair: CountPair, z: number): readonly [lower: number, upper: number] {
  const [p, q] = [shares(pair.window), shares(pair.baseline)];
  const varianceOf = (own: readonly number[], other: readonly number[], n: number): number => {
    const slopes = own.map((share, bin) =>
      share === 0 ? 0 : Math.log2((2 * share) / (share + (other[bin] ?? 0))) / 2,
    );
    const mean = slopes.reduce((sum, slope, bin) => sum + slope * (own[bin] ?? 0), 0);
    return slopes.reduce((sum, slope, bin) => sum + (own[bin] ?? 0) * (slope - mean) ** 2, 0) / n;
  };
  const divergence = jensenShannonNats(pair) / Math.LN2;
  const error = Math.sqrt(
    varianceOf(p, q, total(pair.window)) + varianceOf(q, p, total(pair.baseline)),
  );
  const bound = (value: number) => Math.sqrt(Math.min(1, Math.max(0, value)));
  return [bound(divergence - z * error), bound(divergence + z * error)];
}

/** Square root of the Jensen–Shannon divergence in bits, 0 (equal) to 1 (nothing in common). */
export function jsDistance(pair: CountPair): number {
  return Math.min(1, Math.sqrt(jensenShannonNats(pair) / Math.LN2));
}

/** The same in natural logarithms, 0 to 0.8326: the number Evidently reports. */
export function jsDistanceNat(pair: CountPair): number {
  return Math.sqrt(jensenShannonNats(pair));
}

export function hellinger(pair: CountPair): number {
  return Math.sqrt(sumOver(pair, (p, q) => (Math.sqrt(p) - Math.sqrt(q)) ** 2) / 2);
}

/** Largest difference of one share. */
export function linf(pair: CountPair): number {
  const q = shares(pair.baseline);
  return shares(pair.window).reduce(
    (largest, p, bin) => Math.max(largest, Math.abs(p - (q[bin] ?? Number.NaN))),
    0,
  );
}

/** Total variation distance, 0 to 1. */
export function tvd(pair: CountPair): number {
  return sumOver(pair, (p, q) => Math.abs(p - q)) / 2;
}

/**
 * A largest difference less what chance explains, as Deequ and Model Monitor's comparison method `Robust` do it; 1.8
 * stands for a significance of 0.003.
 */
export function robustLinf(distance: number, baselineRows: number, windowRows: number): number {
  const noise = 1.8 * Math.sqrt((baselineRows + windowRows) / (baselineRows * windowRows));
  return Math.max(0, distance - noise);
}

function isEmpty(pair: CountPair): boolean {
  return total(pair.baseline) === 0 || total(pair.window) === 0;
}
