/**
 * The walk of a deployment with guardrails, as a pure function of time: every duration is known when
 * the call is accepted, so a walk that is interrupted by a crash goes on where the clock says.
 */
import type { CapacitySize, DeploymentConfig } from './shapes.js';

export type VariantStatus = 'Creating' | 'Updating' | 'Deleting' | 'ActivatingTraffic' | 'Baking';

export interface Phase {
  readonly status: VariantStatus;
  readonly ms: number;
  /** Share of the fleet that is new, and of the traffic it gets, in [0, 1]. */
  readonly newFleet: number;
  readonly newTraffic: number;
  /** Rollback alarms are read while it lasts. */
  readonly polled: boolean;
  /** Capacity of which the status message speaks. */
  readonly capacity: 'canary' | 'full';
  readonly bakeSeconds?: number;
}

export interface Durations {
  readonly provisionMs: number;
  readonly activateMs: number;
  readonly terminateMs: number;
}

export interface Walk {
  readonly startedAtMs: number;
  readonly phases: readonly Phase[];
  /** The deployment is rolled back when it is still under way then. */
  readonly deadlineMs: number;
}

export type Position =
  | {
      readonly kind: 'in phase';
      readonly index: number;
      readonly phase: Phase;
      readonly sinceMs: number;
    }
  | { readonly kind: 'timed out'; readonly atMs: number }
  | { readonly kind: 'done'; readonly atMs: number };

/** AWS gives up after this long when the caller does not say. */
const DEFAULT_TIMEOUT_SECONDS = 28_800;

/** @param instances fleet size that capacity in instances is measured against; at least 1. */
export function planWalk(
  startedAtMs: number,
  config: DeploymentConfig | undefined,
  instances: number,
  durations: Durations,
): Walk {
  const rolling = config?.RollingUpdatePolicy;
  const timeout =
    rolling?.MaximumExecutionTimeoutInSeconds ??
    config?.BlueGreenUpdatePolicy?.MaximumExecutionTimeoutInSeconds ??
    DEFAULT_TIMEOUT_SECONDS;
  const phases = rolling
    ? rollingPhases(
        shareOf(rolling.MaximumBatchSize, instances),
        rolling.WaitIntervalInSeconds,
        durations,
      )
    : blueGreenPhases(config?.BlueGreenUpdatePolicy, instances, durations);
  return { startedAtMs, phases, deadlineMs: startedAtMs + timeout * 1000 };
}

export function walk({ startedAtMs, phases, deadlineMs }: Walk, nowMs: number): Position {
  let sinceMs = startedAtMs;
  for (const [index, phase] of phases.entries()) {
    const endMs = sinceMs + phase.ms;
    if (deadlineMs < endMs && nowMs >= deadlineMs) return { kind: 'timed out', atMs: deadlineMs };
    if (nowMs < endMs) return { kind: 'in phase', index, phase, sinceMs };
    sinceMs = endMs;
  }
  return { kind: 'done', atMs: sinceMs };
}

/** Whether a polled phase overlaps `(fromMs, toMs]`: then the rollback alarms must be read once more. */
export function polledBetween(
  { startedAtMs, phases }: Walk,
  fromMs: number,
  toMs: number,
): boolean {
  let sinceMs = startedAtMs;
  for (const phase of phases) {
    const endMs = sinceMs + phase.ms;
    if (phase.polled && sinceMs <= toMs && endMs > fromMs) return true;
    sinceMs = endMs;
  }
  return false;
}

/** Share of a fleet a capacity stands for, by whole instances, at least one. */
export function shareOf(size: CapacitySize, instances: number): number {
  const asked = size.Type === 'INSTANCE_COUNT' ? size.Value : (instances * size.Value) / 100;
  return Math.min(1, Math.max(1, Math.ceil(asked)) / instances);
}

/** AWS's words for a phase, for a variant of `desired` instances. */
export function statusMessage(phase: Phase, desired: number): string {
  const count = Math.max(1, Math.round(phase.newFleet * desired));
  switch (phase.status) {
    case 'Creating':
      return `Launching ${count} instance(s).`;
    case 'Updating':
      return `Scaling out desired instance count to ${count}.`;
    case 'ActivatingTraffic':
      return `Activating traffic on ${phase.capacity} capacity of ${activeCount(phase, desired)} instance(s).`;
    case 'Baking':
      return `Baking for ${phase.bakeSeconds ?? 0} seconds (TerminationWaitInSeconds) with traffic enabled on ${phase.capacity} capacity of ${activeCount(phase, desired)} instance(s).`;
    case 'Deleting':
      return `Terminating ${desired} instance(s).`;
  }
}

function activeCount(phase: Phase, desired: number): number {
  return Math.max(1, Math.round(phase.newTraffic * desired));
}

type BlueGreen = NonNullable<DeploymentConfig['BlueGreenUpdatePolicy']>;

function blueGreenPhases(
  policy: BlueGreen | undefined,
  instances: number,
  durations: Durations,
): readonly Phase[] {
  const routing = policy?.TrafficRoutingConfiguration;
  const wait = routing?.WaitIntervalInSeconds ?? 0;
  const shifts = [...trafficShares(routing, instances), 1].flatMap((share, i, all) => {
    const last = i === all.length - 1;
    // All at once has only this one step, so its wait interval is the bake on full capacity.
    const bakeSeconds = last && all.length > 1 ? 0 : wait;
    return [activate(share, durations), ...bake(share, bakeSeconds)];
  });
  return [
    {
      status: 'Creating',
      ms: durations.provisionMs,
      newFleet: 1,
      newTraffic: 0,
      polled: false,
      capacity: 'full',
    },
    ...shifts,
    ...bake(1, policy?.TerminationWaitInSeconds ?? 0),
    {
      status: 'Deleting',
      ms: durations.terminateMs,
      newFleet: 1,
      newTraffic: 1,
      polled: false,
      capacity: 'full',
    },
  ];
}

/** Traffic shares before the full shift, in order. */
function trafficShares(
  routing: BlueGreen['TrafficRoutingConfiguration'] | undefined,
  instances: number,
): readonly number[] {
  if (routing?.Type === 'CANARY' && routing.CanarySize)
    return [shareOf(routing.CanarySize, instances)];
  if (routing?.Type === 'LINEAR' && routing.LinearStepSize) {
    const step = shareOf(routing.LinearStepSize, instances);
    return Array.from({ length: Math.ceil(1 / step - 1e-9) - 1 }, (_, i) => step * (i + 1));
  }
  return [];
}

function rollingPhases(batch: number, waitSeconds: number, durations: Durations): readonly Phase[] {
  const batches = Math.ceil(1 / batch - 1e-9);
  return Array.from({ length: batches }, (_, i) => {
    const before = batch * i;
    const after = Math.min(1, batch * (i + 1));
    const capacity = after === 1 ? 'full' : 'canary';
    const phases: readonly Phase[] = [
      {
        status: 'Updating',
        ms: durations.provisionMs,
        newFleet: after,
        newTraffic: before,
        polled: i > 0,
        capacity,
      },
      activate(after, durations),
      ...bake(after, waitSeconds),
      {
        status: 'Deleting',
        ms: durations.terminateMs,
        newFleet: after,
        newTraffic: after,
        polled: false,
        capacity,
      },
    ];
    return phases;
  }).flat();
}

function activate(share: number, durations: Durations): Phase {
  const capacity = share === 1 ? 'full' : 'canary';
  return {
    status: 'ActivatingTraffic',
    ms: durations.activateMs,
    newFleet: 1,
    newTraffic: share,
    polled: true,
    capacity,
  };
}

function bake(share: number, bakeSeconds: number): readonly Phase[] {
  if (bakeSeconds === 0) return [];
  const capacity = share === 1 ? 'full' : 'canary';
  return [
    {
      status: 'Baking',
      ms: bakeSeconds * 1000,
      newFleet: 1,
      newTraffic: share,
      polled: true,
      capacity,
      bakeSeconds,
    },
  ];
}
