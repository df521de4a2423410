/**
 * The band of normal values of anomaly detection, simpler than AWS's: no trend and no hours of the day, but the mean
 * of the three hours before, more or less `width` standard deviations. Where all of them are at or above zero, so is
 * the band.
 */
import type { MathSeries } from './math.js';

/** How far back a band learns. */
export const HISTORY_MS = 3 * 3_600_000;
/** Data points below which there is no band yet. */
export const LEAST_POINTS = 10;
/** Standard deviations on either side when an expression gives none. */
export const DEFAULT_WIDTH = 2;

export interface Band {
  readonly upper: MathSeries;
  readonly lower: MathSeries;
}

/**
 * The band over [fromMs, toMs), also at periods without data; none where fewer than {@link LEAST_POINTS} came before.
 *
 * @param history the series from {@link HISTORY_MS} before `fromMs` on
 */
export function bandOf(history: MathSeries, fromMs: number, toMs: number, width: number): Band {
  const { periodMs } = history;
  const points = [...history.points].sort(([a], [b]) => a - b);
  const upper = new Map<number, number>();
  const lower = new Map<number, number>();
  for (let atMs = Math.floor(fromMs / periodMs) * periodMs; atMs < toMs; atMs += periodMs) {
    const before = points
      .filter(([instant]) => instant < atMs && instant >= atMs - HISTORY_MS)
      .map(([, value]) => value);
    if (before.length < LEAST_POINTS) continue;
    const { mean, deviation } = spread(before);
    const low = mean - width * deviation;
    upper.set(atMs, mean + width * deviation);
    lower.set(atMs, before.every((value) => value >= 0) ? Math.max(0, low) : low);
  }
  return {
    upper: { kind: 'series', periodMs, points: upper },
    lower: { kind: 'series', periodMs, points: lower },
  };
}

/** Counted from the first value, so that equal values have exactly their own mean and no deviation. */
function spread(values: readonly number[]): { readonly mean: number; readonly deviation: number } {
  const first = values[0] ?? 0;
  const offsets = values.map((value) => value - first);
  const offset = offsets.reduce((sum, each) => sum + each, 0) / values.length;
  const squares = offsets.reduce((sum, each) => sum + (each - offset) ** 2, 0);
  return { mean: first + offset, deviation: Math.sqrt(squares / values.length) };
}
