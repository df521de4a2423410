/** x of n rows. */
export interface Proportion {
  readonly x: number;
  readonly n: number;
}

export interface Interval {
  readonly lower: number;
  readonly upper: number;
}

/** Pooled two-proportion z of window − baseline; 0 when both shares are 0 or both are 1. NaN when a side is empty. */
export function pooledZ(baseline: Proportion, window: Proportion): number {
  const pooled = (baseline.x + window.x) / (baseline.n + window.n);
  const difference = window.x / window.n - baseline.x / baseline.n;
  const error = Math.sqrt(pooled * (1 - pooled) * (1 / baseline.n + 1 / window.n));
  return error === 0 && difference === 0 ? 0 : difference / error;
}

/** Wilson's score interval. @param z the normal quantile of the two-sided confidence */
export function wilson({ x, n }: Proportion, z: number): Interval {
  const share = x / n;
  const square = z * z;
  const middle = (share + square / (2 * n)) / (1 + square / n);
  const half = (z / (1 + square / n)) * Math.sqrt((share * (1 - share)) / n + square / (4 * n * n));
  return {
    lower: x === 0 ? 0 : Math.max(0, middle - half),
    upper: x === n ? 1 : Math.min(1, middle + half),
  };
}

/** Newcombe's hybrid score interval of window − baseline, from the two Wilson intervals. */
export function newcombe(baseline: Proportion, window: Proportion, z: number): Interval {
  const shareBaseline = baseline.x / baseline.n;
  const shareWindow = window.x / window.n;
  const ofBaseline = wilson(baseline, z);
  const ofWindow = wilson(window, z);
  const difference = shareWindow - shareBaseline;
  return {
    lower: difference - Math.hypot(shareWindow - ofWindow.lower, ofBaseline.upper - shareBaseline),
    upper: difference + Math.hypot(ofWindow.upper - shareWindow, shareBaseline - ofBaseline.lower),
  };
}

/** Rows on which exactly one of two models was right, among n. */
export interface Discordant {
  readonly championOnlyRight: number;
  readonly challengerOnlyRight: number;
  readonly n: number;
}

/** Wald interval of the difference of accuracies, challenger − champion. */
export function pairedWald(
  { championOnlyRight, challengerOnlyRight, n }: Discordant,
  z: number,
): Interval {
  const difference = (challengerOnlyRight - championOnlyRight) / n;
  const share = (challengerOnlyRight + championOnlyRight) / n;
  const half = z * Math.sqrt((share - difference * difference) / n);
  return { lower: difference - half, upper: difference + half };
}

/** Agresti and Min: the Wald interval after half a row is added to each of the four cells. */
export function agrestiMin(rows: Discordant, z: number): Interval {
  return pairedWald(
    {
      championOnlyRight: rows.championOnlyRight + 0.5,
      challengerOnlyRight: rows.challengerOnlyRight + 0.5,
      n: rows.n + 2,
    },
    z,
  );
}
