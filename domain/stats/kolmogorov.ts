import { total } from './distances.js';
import type { CountPair } from './distances.js';

/**
 * What right-closed bins know about the two-sample Kolmogorov–Smirnov distance: at every edge both distribution
 * functions are exact, which gives `lower`; between two edges they can part by no more than either rises there, which
 * gives `upper`.
 *
 * @param edges ascending; a bin that can hold one double only, as the one around a repeated minimum, adds no doubt
 */
export function ksBounds(
  pair: CountPair,
  edges: readonly number[] = [],
): { readonly lower: number; readonly upper: number } {
  const n = total(pair.baseline);
  const m = total(pair.window);
  let baselineBefore = 0;
  let windowBefore = 0;
  let lower = 0;
  let upper = 0;
  pair.baseline.forEach((baseline, bin) => {
    const baselineAfter = baselineBefore + baseline;
    const windowAfter = windowBefore + (pair.window[bin] ?? 0);
    lower = Math.max(lower, Math.abs(baselineAfter / n - windowAfter / m));
    if (!isOnePoint(edges, bin)) {
      upper = Math.max(
        upper,
        baselineAfter / n - windowBefore / m,
        windowAfter / m - baselineBefore / n,
      );
    }
    baselineBefore = baselineAfter;
    windowBefore = windowAfter;
  });
  return { lower: Math.min(1, lower), upper: Math.min(1, Math.max(lower, upper)) };
}

function isOnePoint(edges: readonly number[], bin: number): boolean {
  const from = edges[bin - 1];
  const to = edges[bin];
  return from !== undefined && to !== undefined && nextDown(to) === from;
}

/** Exact two-sample Kolmogorov–Smirnov distance of two ascending samples. */
export function ksDistance(baseline: readonly number[], window: readonly number[]): number {
  let i = 0;
  let j = 0;
  let distance = 0;
  while (i < baseline.length && j < window.length) {
    const value = Math.min(baseline[i] ?? Infinity, window[j] ?? Infinity);
    while (i < baseline.length && (baseline[i] ?? Infinity) <= value) i += 1;
    while (j < window.length && (window[j] ?? Infinity) <= value) j += 1;
    distance = Math.max(distance, Math.abs(i / baseline.length - j / window.length));
  }
  return distance;
}

/** First Wasserstein distance of two ascending samples: the area between their distribution functions. */
export function wassersteinDistance(
  baseline: ArrayLike<number>,
  window: ArrayLike<number>,
): number {
  let i = 0;
  let j = 0;
  let area = 0;
  let before: number | undefined;
  while (i < baseline.length || j < window.length) {
    const value = Math.min(baseline[i] ?? Infinity, window[j] ?? Infinity);
    if (before !== undefined) {
      area += Math.abs(i / baseline.length - j / window.length) * (value - before);
    }
    while (i < baseline.length && (baseline[i] ?? Infinity) <= value) i += 1;
    while (j < window.length && (window[j] ?? Infinity) <= value) j += 1;
    before = value;
  }
  return area;
}

/**
 * Survival function of the Kolmogorov distribution: the asymptotic p of sqrt(n·m/(n+m))·D. The alternating series
 * converges fast above 1; below it, its theta transform does.
 */
export function kolmogorovQ(x: number): number {
  if (!(x > 0)) return Number.isNaN(x) ? Number.NaN : 1;
  return x < 1 ? 1 - kolmogorovLower(x) : alternatingTail(x);
}

function alternatingTail(x: number): number {
  let sum = 0;
  for (let k = 1; k <= 100; k += 1) {
    const term = Math.exp(-2 * k * k * x * x);
    sum += k % 2 === 1 ? term : -term;
    if (term < 1e-18 * Math.abs(sum)) break;
  }
  return Math.min(1, 2 * sum);
}

function kolmogorovLower(x: number): number {
  const exponent = -(Math.PI * Math.PI) / (8 * x * x);
  let sum = 0;
  for (let k = 1; k <= 99; k += 2) sum += Math.exp(exponent * k * k);
  return (Math.sqrt(2 * Math.PI) / x) * sum;
}

/** p of a two-sample Kolmogorov–Smirnov distance; conservative when the distance is a lower bound. */
export function ksPValue(distance: number, baselineRows: number, windowRows: number): number {
  const effective = (baselineRows * windowRows) / (baselineRows + windowRows);
  return kolmogorovQ(Math.sqrt(effective) * distance);
}

/** The largest double below; `-Infinity` below the smallest. */
export function nextDown(x: number): number {
  if (Number.isNaN(x) || x === -Infinity) return x;
  if (x === 0) return -Number.MIN_VALUE;
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, x);
  const bits = view.getBigInt64(0);
  view.setBigInt64(0, x > 0 ? bits - 1n : bits + 1n);
  return view.getFloat64(0);
}
