import { durationMs } from './duration.js';
import type { RolloutPlan, TrafficStep } from './evidence.js';
import type { PolicySpec } from './policy.schema.js';

/** AWS's limits of MaximumExecutionTimeoutInSeconds. */
const TIMEOUT_SECONDS = { min: 600, max: 28_800 } as const;

/** Least time that starting instances takes, each time a rollout does it. */
const LAUNCH_SECONDS = 60;

type Deploy = PolicySpec['deploy'];

interface Rolling {
  readonly percent: number;
  readonly bake: string;
  readonly rollbackPercent?: number | undefined;
}

/** `deploy.rolling`, filled in: a fifth of the fleet at a time, five minutes each, all of it back at once. */
export const rollingOf = (deploy: { readonly rolling?: Rolling | undefined }): Rolling =>
  deploy.rolling ?? { percent: 20, bake: '5m' };

/** How the policy wants the new version to take the traffic. */
export function rolloutPlan(deploy: Deploy, alarmNames: readonly string[]): RolloutPlan {
  const seconds = (literal: string): number => Math.ceil(durationMs(literal) / 1_000);
  const step = stepOf(deploy);
  const traffic = stepsOf(deploy).map(({ percent, bake, hold = false }) => ({
    percent,
    bakeSeconds: seconds(bake),
    hold,
  }));
  return {
    strategy: deploy.strategy,
    percent: step.percent,
    bakeSeconds: seconds(step.bake),
    ...(step.rollbackPercent === undefined ? {} : { rollbackPercent: step.rollbackPercent }),
    // The old instances of a batch go as soon as it has baked: there is no old fleet to keep.
    finalBakeSeconds: deploy.strategy === 'rolling' ? 0 : seconds(deploy.finalBake),
    timeoutSeconds: Math.min(
      Math.max(seconds(deploy.timeout), TIMEOUT_SECONDS.min),
      TIMEOUT_SECONDS.max,
    ),
    alarmNames,
    ...(deploy.strategy === 'steps' ? { steps: traffic } : {}),
  };
}

interface Step {
  readonly percent: number;
  readonly bake: string;
  readonly hold?: boolean | undefined;
}

/** `deploy.steps`, or 5 and 25 % for ten minutes each and half of the traffic for thirty. */
export const stepsOf = (deploy: {
  readonly steps?: readonly Step[] | undefined;
}): readonly Step[] =>
  deploy.steps ?? [
    { percent: 5, bake: '10m' },
    { percent: 25, bake: '10m' },
    { percent: 50, bake: '30m' },
  ];

/** How long a rollout by steps waits for a person before it is taken back; `deploy.holdFor`, or three days. */
export const holdForMs = (deploy: { readonly holdFor?: string | undefined }): number =>
  durationMs(deploy.holdFor ?? '72h');

/** How many earlier configs stay for the way back, next to the one that serves; `deploy.keep`, or three. */
export const configsToKeep = (deploy: { readonly keep?: number | undefined }): number =>
  deploy.keep ?? 3;

function stepOf(deploy: Deploy): Rolling {
  switch (deploy.strategy) {
    case 'all-at-once':
    case 'steps':
      return { percent: 100, bake: '0s' };
    case 'rolling':
      return rollingOf(deploy);
    default:
      return deploy[deploy.strategy];
  }
}

/** Shares of the fleet that carry the new version, step by step, in percent. */
export function steps(
  plan: Pick<RolloutPlan, 'strategy' | 'percent' | 'steps'>,
): readonly number[] {
  switch (plan.strategy) {
    case 'all-at-once':
      return [100];
    case 'canary':
      return [plan.percent, 100];
    case 'linear':
    case 'rolling': {
      const shares: number[] = [];
      for (let share = plan.percent; share < 100; share += plan.percent) shares.push(share);
      return [...shares, 100];
    }
    case 'steps':
      return [...(plan.steps ?? []).map(({ percent }) => percent).filter((p) => p < 100), 100];
  }
}

/** Seconds the caller asked SageMaker to wait; provisioning comes on top. */
export function bakeSeconds(plan: RolloutPlan): number {
  if (plan.strategy === 'steps')
    return (
      (plan.steps ?? []).reduce((sum, step) => sum + step.bakeSeconds, 0) + plan.finalBakeSeconds
    );
  // A rolling update waits after its last batch too, and keeps no old fleet.
  const waits = steps(plan).length - (plan.strategy === 'rolling' ? 0 : 1);
  return waits * plan.bakeSeconds + plan.finalBakeSeconds;
}

/** How often a rollout starts instances: each batch of a rolling update does. */
const launches = (plan: RolloutPlan): number =>
  plan.strategy === 'rolling' ? steps(plan).length : 1;

/** `10 % for 600 s, then all of the traffic, the old fleet kept for 300 s`. */
export function planInWords(plan: RolloutPlan): string {
  if (plan.strategy === 'rolling') {
    const back =
      plan.rollbackPercent === undefined || plan.rollbackPercent === 100
        ? 'the whole fleet at once'
        : `${plan.rollbackPercent} % at a time`;
    return `${plan.percent} % of the instances at a time, watched for ${plan.bakeSeconds} s each; taken back, ${back}`;
  }
  const shares =
    plan.strategy === 'steps'
      ? (plan.steps ?? []).map(stepInWords)
      : steps(plan)
          .slice(0, -1)
          .map((share) => `${share} % for ${plan.bakeSeconds} s`);
  const last = `all of the traffic${plan.finalBakeSeconds > 0 ? `, the old fleet kept for ${plan.finalBakeSeconds} s` : ''}`;
  return [...shares, last].join(', then ');
}

/** `50 % for 1800 s and until a person resumes`. */
export const stepInWords = ({ percent, bakeSeconds, hold }: TrafficStep): string =>
  `${percent} % for ${bakeSeconds} s${hold ? ' and until a person resumes' : ''}`;

/** Seconds out of SageMaker's time-out that are spent waiting; the shares of the traffic are set by the service. */
const guardedSeconds = (plan: RolloutPlan): number =>
  plan.strategy === 'steps' ? plan.finalBakeSeconds : bakeSeconds(plan);

/** What a plan needs that it does not have, in words; empty when it can be carried out. */
export function planFaults(plan: RolloutPlan, instances: number): readonly string[] {
  const faults: string[] = [];
  // The candidate of a rollout by steps has instances of its own.
  if (plan.strategy !== 'all-at-once' && plan.strategy !== 'steps' && instances < 2) {
    faults.push(
      `a ${plan.strategy} rollout needs a fleet of at least 2 instances, the endpoint has ${instances}: raise the count or use all-at-once`,
    );
  }
  if (plan.alarmNames.length > 10)
    faults.push(`SageMaker watches at most 10 alarms, the plan names ${plan.alarmNames.length}`);
  if (plan.timeoutSeconds <= guardedSeconds(plan) + launches(plan) * LAUNCH_SECONDS) {
    const times = launches(plan);
    faults.push(
      `deploy.timeout leaves no time to provision${times === 1 ? '' : ` ${times} batches`}: ${guardedSeconds(plan)} s of it are baking; raise it${plan.timeoutSeconds === TIMEOUT_SECONDS.max ? ' (SageMaker takes 8h at most)' : ''} or bake for less`,
    );
  }
  return faults;
}

const PHASES = {
  entering: 'the candidate is being started next to the champion',
  shifting: 'the weights are being changed',
  baking: 'baking',
  held: 'held',
  leaving: 'the candidate is taking all of the traffic alone',
  'going back': 'going back to the champion',
  over: 'over',
} as const;

/** `step 2 of 3, baking: the candidate has 25 % of the traffic`. */
export function trafficInWords(traffic: {
  readonly steps: readonly TrafficStep[];
  readonly at: number;
  readonly phase: keyof typeof PHASES;
  readonly percent: number;
}): string {
  const step = traffic.at < 0 ? '' : `step ${traffic.at + 1} of ${traffic.steps.length}, `;
  return `${step}${PHASES[traffic.phase]}: the candidate has ${Number(traffic.percent.toFixed(2))} % of the traffic`;
}
