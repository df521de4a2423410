import { midRanks } from './ranks.js';

export interface MannWhitney {
  /** U of the canary: pairs in which it is larger, ties one half. */
  readonly u: number;
  /** Tie- and continuity-corrected |z|; 0 when every value is the same. */
  readonly z: number;
  /** Chance that a canary value is above a baseline value, ties one half. */
  readonly superiority: number;
}

export function mannWhitney(canary: readonly number[], baseline: readonly number[]): MannWhitney {
  const [m, n] = [canary.length, baseline.length];
  const ranks = midRanks([...canary, ...baseline]);
  let rankSum = 0;
  for (let i = 0; i < m; i += 1) rankSum += ranks[i] ?? 0;
  const u = rankSum - (m * (m + 1)) / 2;
  const all = m + n;
  const variance = ((m * n) / 12) * (all + 1 - tieTerm(ranks) / (all * (all - 1)));
  const distance = Math.max(u, m * n - u) - (m * n) / 2 - 0.5;
  return {
    u,
    z: variance > 0 ? distance / Math.sqrt(variance) : 0,
    superiority: u / (m * n),
  };
}

function tieTerm(ranks: Float64Array): number {
  const sizes = new Map<number, number>();
  for (const rank of ranks) sizes.set(rank, (sizes.get(rank) ?? 0) + 1);
  let sum = 0;
  for (const size of sizes.values()) sum += size ** 3 - size;
  return sum;
}

export interface HodgesLehmann {
  /** Median of all canary − baseline differences. */
  readonly shift: number;
  readonly lower: number;
  readonly upper: number;
  /** Index of the lower bound among the sorted differences. */
  readonly k: number;
}

/** All m·n differences are sorted: meant for series of minutes, not for rows. @param z quantile of the confidence */
export function hodgesLehmann(
  canary: readonly number[],
  baseline: readonly number[],
  z: number,
): HodgesLehmann {
  const [m, n] = [canary.length, baseline.length];
  const differences = canary.flatMap((c) => baseline.map((b) => c - b)).sort((a, b) => a - b);
  const k = Math.max(0, roundHalfEven((m * n) / 2 - z * Math.sqrt((m * n * (m + n + 1)) / 12)));
  return {
    shift: quantileSorted(differences, 0.5),
    lower: differences[k] ?? Number.NaN,
    upper: differences[m * n - 1 - k] ?? Number.NaN,
    k,
  };
}

function roundHalfEven(x: number): number {
  const floor = Math.floor(x);
  if (x - floor !== 0.5) return Math.round(x);
  return floor % 2 === 0 ? floor : floor + 1;
}

/** Quantile of ascending values with linear interpolation (numpy's default, type 7). NaN without values. */
export function quantileSorted(sorted: ArrayLike<number>, p: number): number {
  const position = (sorted.length - 1) * p;
  const below = Math.floor(position);
  const low = sorted[below] ?? Number.NaN;
  const high = sorted[Math.min(below + 1, sorted.length - 1)] ?? Number.NaN;
  return low + (high - low) * (position - below);
}
