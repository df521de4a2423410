import { durationMs } from './duration.js';
import type { RolloutPlan } from './evidence.js';
import type { PolicySpec } from './policy.schema.js';

/** AWS's limits of MaximumExecutionTimeoutInSeconds. */
const TIMEOUT_SECONDS = { min: 600, max: 28_800 } as const;

/** How the policy wants the new version to take the traffic. */
export function rolloutPlan(
  deploy: PolicySpec['deploy'],
  alarmNames: readonly string[],
): RolloutPlan {
  const seconds = (literal: string): number => Math.ceil(durationMs(literal) / 1_000);
  const step =
    deploy.strategy === 'all-at-once' ? { percent: 100, bake: '0s' } : deploy[deploy.strategy];
  return {
    strategy: deploy.strategy,
    percent: step.percent,
    bakeSeconds: seconds(step.bake),
    finalBakeSeconds: seconds(deploy.finalBake),
    timeoutSeconds: Math.min(
      Math.max(seconds(deploy.timeout), TIMEOUT_SECONDS.min),
      TIMEOUT_SECONDS.max,
    ),
    alarmNames,
  };
}

/** Shares of the fleet that carry the new version, step by step, in percent. */
export function steps(plan: Pick<RolloutPlan, 'strategy' | 'percent'>): readonly number[] {
  switch (plan.strategy) {
    case 'all-at-once':
      return [100];
    case 'canary':
      return [plan.percent, 100];
    case 'linear': {
      const shares: number[] = [];
      for (let share = plan.percent; share < 100; share += plan.percent) shares.push(share);
      return [...shares, 100];
    }
  }
}

/** Seconds the caller asked SageMaker to wait; provisioning comes on top. */
export function bakeSeconds(plan: RolloutPlan): number {
  return (steps(plan).length - 1) * plan.bakeSeconds + plan.finalBakeSeconds;
}

/** `10 % for 600 s, then all of the traffic, the old fleet kept for 300 s`. */
export function planInWords(plan: RolloutPlan): string {
  const shares = steps(plan)
    .slice(0, -1)
    .map((share) => `${share} % for ${plan.bakeSeconds} s`);
  const last = `all of the traffic${plan.finalBakeSeconds > 0 ? `, the old fleet kept for ${plan.finalBakeSeconds} s` : ''}`;
  return [...shares, last].join(', then ');
}

/** What a plan needs that it does not have, in words; empty when it can be carried out. */
export function planFaults(plan: RolloutPlan, instances: number): readonly string[] {
  const faults: string[] = [];
  if (plan.strategy !== 'all-at-once' && instances < 2) {
    faults.push(
      `a ${plan.strategy} rollout needs a fleet of at least 2 instances, the endpoint has ${instances}: raise the count or use all-at-once`,
    );
  }
  if (plan.alarmNames.length > 10)
    faults.push(`SageMaker watches at most 10 alarms, the plan names ${plan.alarmNames.length}`);
  if (plan.timeoutSeconds <= bakeSeconds(plan) + 60) {
    faults.push(
      `deploy.timeout leaves no time to provision: ${bakeSeconds(plan)} s of it are baking; raise it or bake for less`,
    );
  }
  return faults;
}
