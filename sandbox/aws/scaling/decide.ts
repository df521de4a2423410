/** How many instances a policy wants; pure. */

export interface StepAdjustment {
  /** Relative to the alarm's threshold; absent: without bound. */
  readonly MetricIntervalLowerBound?: number | undefined;
  readonly MetricIntervalUpperBound?: number | undefined;
  readonly ScalingAdjustment: number;
}

export type AdjustmentType = 'ChangeInCapacity' | 'PercentChangeInCapacity' | 'ExactCapacity';

/** Proportional to the metric, rounded up; never the other way than the alarm says. */
export function targetTrackingCount(
  current: number,
  value: number,
  target: number,
  direction: 'out' | 'in',
): number {
  // A hair less, so that 3 × 1.1 / 1.1 is 3; never below nothing, nor minus nothing.
  const wanted = Math.max(0, Math.ceil((current * value) / target - 1e-9));
  return direction === 'out' ? Math.max(wanted, current) : Math.min(wanted, current);
}

/** `undefined` when no step covers the distance between value and threshold. */
export function stepCount(
  current: number,
  distance: number,
  adjustmentType: AdjustmentType,
  steps: readonly StepAdjustment[],
  minMagnitude: number,
): number | undefined {
  const step = steps.find((each) => covers(each, distance));
  if (step === undefined) return undefined;
  const by = step.ScalingAdjustment;
  switch (adjustmentType) {
    case 'ExactCapacity':
      return by;
    case 'ChangeInCapacity':
      return current + by;
    case 'PercentChangeInCapacity': {
      const change = roundPercent((current * by) / 100);
      return current + Math.sign(by) * Math.max(Math.abs(change), minMagnitude);
    }
  }
}

/** Above the threshold the lower bound belongs to a step; below it, the upper bound does. */
function covers(
  {
    MetricIntervalLowerBound: low = -Infinity,
    MetricIntervalUpperBound: high = Infinity,
  }: StepAdjustment,
  distance: number,
): boolean {
  return distance >= 0 ? distance >= low && distance < high : distance > low && distance <= high;
}

/** Between -1 and 1 away from zero, else toward zero, as Application Auto Scaling rounds. */
function roundPercent(change: number): number {
  if (change === 0) return 0;
  return Math.abs(change) < 1 ? Math.sign(change) : Math.trunc(change);
}

export function clamp(count: number, min: number, max: number): number {
  return Math.min(Math.max(count, min), max);
}

/**
 * A scale-out waits for the scale-out cool-down after the last scale-out; a scale-in waits for the
 * scale-in cool-down after any scaling, and never holds back a scale-out.
 */
export function isCoolingDown(
  direction: 'out' | 'in',
  nowMs: number,
  last: { readonly outAtMs?: number | undefined; readonly inAtMs?: number | undefined },
  cooldownSeconds: { readonly out: number; readonly in: number },
): boolean {
  if (direction === 'out') return nowMs < (last.outAtMs ?? -Infinity) + cooldownSeconds.out * 1000;
  return (
    nowMs <
    Math.max(last.outAtMs ?? -Infinity, last.inAtMs ?? -Infinity) + cooldownSeconds.in * 1000
  );
}
