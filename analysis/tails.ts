import betainc from '@stdlib/math-base-special-betainc';
import gammainc from '@stdlib/math-base-special-gammainc';
import cdf from '@stdlib/stats-base-dists-normal-cdf';
import quantile from '@stdlib/stats-base-dists-normal-quantile';

/** Chance that a standard normal value is above z; exact far into the tail, where 1 − cdf would be 0. */
export function normalTail(z: number): number {
  return cdf(-z, 0, 1);
}

/** Two-sided p of a z statistic. */
export function twoSidedP(z: number): number {
  return Math.min(1, 2 * normalTail(Math.abs(z)));
}

/** @param p 0 to 1 */
export function normalQuantile(p: number): number {
  return quantile(p, 0, 1);
}

/** z of a two-sided interval, such as 1.96 for 0.95. */
export function zOfInterval(confidence: number): number {
  return -normalQuantile((1 - confidence) / 2);
}

/** Chance that a chi-square value is above x; 1 without degrees of freedom. */
export function chiSquareTail(x: number, df: number): number {
  return df === 0 || x <= 0 ? 1 : gammainc(x / 2, df / 2, true, true);
}

/** The value a chi-square exceeds with chance 1 − p, to the last few bits, by bisection. */
export function chiSquareQuantile(p: number, df: number): number {
  let low = 0;
  let high = df + 10;
  while (chiSquareTail(high, df) > 1 - p) high *= 2;
  for (let step = 0; step < 200 && low < high; step += 1) {
    const middle = (low + high) / 2;
    if (middle === low || middle === high) break;
    if (chiSquareTail(middle, df) > 1 - p) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** Regularised incomplete beta function I_x(a, b): the distribution function of Beta(a, b) at x. */
export function betaCdf(x: number, a: number, b: number): number {
  return betainc(x, a, b, true, false);
}

/** Chance that a Beta(a, b) value is above x. */
export function betaTail(x: number, a: number, b: number): number {
  return betainc(x, a, b, true, true);
}

export interface McNemar {
  readonly exactP: number;
  readonly midP: number;
}

/**
 * McNemar's test on the rows where exactly one of two models is right.
 *
 * @param b rows only the first model has right
 * @param c rows only the second model has right
 */
export function mcNemar(b: number, c: number): McNemar {
  const n = b + c;
  const smaller = Math.min(b, c);
  if (b === c) return { exactP: 1, midP: 1 };
  // P(X <= k) of Binomial(n, 1/2) is I_{1/2}(n - k, k + 1).
  const atMost = betaCdf(0.5, n - smaller, smaller + 1);
  const below = smaller === 0 ? 0 : betaCdf(0.5, n - smaller + 1, smaller);
  return {
    exactP: Math.min(1, 2 * atMost),
    midP: Math.min(1, atMost + below),
  };
}

/**
 * What the population stability index looks like without drift: its mean, and the limit it exceeds with chance
 * `alpha`. Follows chi-square with bins − 1 degrees of freedom, scaled by 1/n + 1/m.
 */
export function psiWithoutDrift(
  baselineRows: number,
  windowRows: number,
  bins: number,
  alpha: number,
): { readonly mean: number; readonly critical: number } {
  const scale = 1 / baselineRows + 1 / windowRows;
  return {
    mean: (bins - 1) * scale,
    critical: chiSquareQuantile(1 - alpha, bins - 1) * scale,
  };
}

const SIMPSON_INTERVALS = 4_000;

/**
 * Chance that the canary's error rate is above the baseline's by more than `margin`, from Beta posteriors with a flat
 * prior: Simpson's rule over the baseline's posterior, −12 to +14 standard deviations around its mean.
 */
export function chanceCanaryIsWorse(
  baseline: { readonly errors: number; readonly requests: number },
  canary: { readonly errors: number; readonly requests: number },
  margin: number,
): number {
  const [a, b] = [1 + baseline.errors, 1 + baseline.requests - baseline.errors];
  const [c, d] = [1 + canary.errors, 1 + canary.requests - canary.errors];
  const mean = a / (a + b);
  const deviation = Math.sqrt((a * b) / ((a + b) ** 2 * (a + b + 1)));
  const from = Math.max(0, mean - 12 * deviation);
  const to = Math.min(1, mean + 14 * deviation);
  const step = (to - from) / SIMPSON_INTERVALS;
  // The posterior's own constant cancels; its logarithm at the mode keeps the density in range.
  const mode = (a - 1) / (a + b - 2);
  const logDensity = (x: number) => xLog(a - 1, x) + xLog(b - 1, 1 - x);
  let weightSum = 0;
  let sum = 0;
  for (let i = 0; i <= SIMPSON_INTERVALS; i += 1) {
    const x = from + i * step;
    const weight = i === 0 || i === SIMPSON_INTERVALS ? 1 : i % 2 === 1 ? 4 : 2;
    const density = weight * Math.exp(logDensity(x) - logDensity(mode));
    weightSum += density;
    sum += density * tailFrom(x + margin, c, d);
  }
  return sum / weightSum;
}

function tailFrom(x: number, a: number, b: number): number {
  if (x <= 0) return 1;
  return x >= 1 ? 0 : betaTail(x, a, b);
}

function xLog(factor: number, x: number): number {
  return factor === 0 ? 0 : factor * Math.log(x);
}
