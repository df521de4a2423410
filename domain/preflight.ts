/**
 * What is looked at right before a rollout, beyond whether its parts exist: what SageMaker would do silently, what the
 * rollback alarms are worth, and what both fleets together need.
 */
import type { RolloutPlan } from './evidence.js';
import { bakeSeconds } from './rollout.js';

/** What the configs of both versions say of how they are hosted. */
export interface Hosting {
  readonly instanceType: string | null;
  readonly serverless: boolean;
  readonly asynchronous: boolean;
  /** A container of the candidate is sold in AWS Marketplace. */
  readonly marketplace: boolean;
  /** Elastic Inference. */
  readonly accelerated: boolean;
}

export interface Findings {
  readonly refused: readonly string[];
  readonly warnings: readonly string[];
}

/**
 * Endpoints whose updates SageMaker makes all at once, without bake and without rollback alarms, whatever the request
 * says. A plan that promises steps is refused: people approved a canary.
 */
export function silentFallback(plan: RolloutPlan, hosting: Hosting): Findings {
  const what = [
    ...(hosting.serverless ? ['serverless variants'] : []),
    ...(hosting.marketplace ? ['containers from AWS Marketplace'] : []),
    ...(hosting.accelerated ? ['variants with Elastic Inference'] : []),
    ...(hosting.instanceType?.startsWith('ml.inf1.') === true
      ? [`Inf1 instances (${hosting.instanceType})`]
      : []),
  ];
  const updated = `SageMaker updates ${what.join(' and ')} all at once, without bake and without rollback alarms, and does not say so`;
  const refused: string[] = [];
  const warnings: string[] = [];
  if (what.length > 0 && plan.strategy !== 'all-at-once') {
    refused.push(
      `${updated}: a ${plan.strategy} rollout cannot be had; say deploy.strategy: all-at-once, and know that nothing takes it back by itself`,
    );
  } else if (what.length > 0 && (bakeSeconds(plan) > 0 || plan.alarmNames.length > 0)) {
    warnings.push(`${updated}: deploy.finalBake and the rollback alarms have no effect`);
  }
  if (hosting.asynchronous) {
    warnings.push(
      'the endpoint is asynchronous: its invocations do not show in the metrics that the rollback alarms watch until they are worked off',
    );
  }
  return { refused, warnings };
}

/** A rollback alarm as CloudWatch describes it; a composite alarm has no period. */
export interface GuardAlarm {
  readonly name: string;
  readonly state: 'OK' | 'ALARM' | 'INSUFFICIENT_DATA';
  readonly reason: string;
  readonly missing: string | null;
  readonly periodSeconds: number | null;
  /** Datapoints it needs before it goes to ALARM. */
  readonly datapoints: number;
}

/** What the rollback alarms are worth, before anything depends on them. */
export function alarmFindings(plan: RolloutPlan, alarms: readonly GuardAlarm[]): Findings {
  const refused: string[] = [];
  const warnings: string[] = [];
  const known = new Map(alarms.map((alarm) => [alarm.name, alarm]));
  if (plan.alarmNames.length === 0) {
    warnings.push('no alarm guards this rollout: it can only be taken back by a person');
  }
  for (const name of plan.alarmNames) {
    const alarm = known.get(name);
    if (alarm === undefined) {
      refused.push(
        `the rollback alarm ${name} does not exist: create it, or correct deploy.alarms`,
      );
      continue;
    }
    if (alarm.state === 'ALARM') {
      refused.push(
        `the rollback alarm ${name} is in ALARM already (${alarm.reason === '' ? 'no reason given' : alarm.reason}): the rollout would be taken back at once; cure that first`,
      );
      continue;
    }
    // Without data it becomes OK by itself at its next evaluation.
    if (alarm.state === 'INSUFFICIENT_DATA' && alarm.missing !== 'notBreaching') {
      warnings.push(
        alarm.missing === 'breaching'
          ? `the rollback alarm ${name} has no data yet and treats missing data as breaching: it may take the rollout back for want of traffic`
          : `the rollback alarm ${name} has no data yet: until it has, it takes nothing back; give it TreatMissingData notBreaching, or send traffic first`,
      );
    }
    const needsSeconds = (alarm.periodSeconds ?? 0) * alarm.datapoints;
    if (alarm.periodSeconds !== null && needsSeconds > bakeSeconds(plan)) {
      warnings.push(
        `the rollback alarm ${name} needs ${needsSeconds} s of data to go off, all bakes together last ${bakeSeconds(plan)} s: it cannot take this rollout back; bake for longer or shorten its period`,
      );
    }
  }
  return { refused, warnings };
}

/** Variants that serve and that the new config does not have: the update would take them away. */
export function variantFaults(
  serving: readonly string[],
  target: readonly string[],
  configName: string,
): readonly string[] {
  const lost = serving.filter((name) => !target.includes(name));
  return lost.length === 0
    ? []
    : [
        `the config ${configName} has no variant ${lost.join(', ')}, which serves now: the update would take ${lost.length === 1 ? 'it' : 'them'} away`,
      ];
}

/** Instances of one type that run while two versions serve. */
export interface RoomNeeded {
  readonly type: string;
  /** Name of the quota in Service Quotas. */
  readonly quota: string;
  readonly serving: number;
  readonly more: number;
}

/** What both fleets together need for a while. */
export function roomNeeded(
  plan: Pick<RolloutPlan, 'strategy' | 'percent'>,
  fleet: readonly { readonly instanceType: string; readonly instances: number }[],
): readonly RoomNeeded[] {
  const byType = new Map<string, number>();
  for (const { instanceType, instances } of fleet)
    byType.set(instanceType, (byType.get(instanceType) ?? 0) + instances);
  return [...byType]
    .filter(([, instances]) => instances > 0)
    .map(([type, instances]) => ({
      type,
      quota: `${type} for endpoint usage`,
      serving: instances,
      more:
        plan.strategy === 'rolling'
          ? Math.max(1, Math.ceil((instances * plan.percent) / 100))
          : instances,
    }));
}

/** The same for people, so that a quota is raised before it stops a rollout. */
export const capacityNeeded = (
  plan: RolloutPlan,
  fleet: readonly { readonly instanceType: string; readonly instances: number }[],
): readonly string[] =>
  roomNeeded(plan, fleet).map(
    ({ type, quota, serving, more }) =>
      `for a while ${serving} + ${more} instances of ${type} run: the quota '${quota}' must allow ${serving + more}, and both are paid for`,
  );

/** Whether the candidate's execution role can be had, as far as can be known before the call. */
export function roleFindings(
  role: string | null,
  champion: string | null,
  endpointArn: string,
): Findings {
  if (role === null || role === champion) return { refused: [], warnings: [] };
  const account = (arn: string): string => arn.split(':')[4] ?? '';
  if (account(role) !== account(endpointArn)) {
    return {
      refused: [
        `the execution role ${role} belongs to another account than the endpoint: SageMaker cannot assume it; use a role of ${account(endpointArn)}`,
      ],
      warnings: [],
    };
  }
  return {
    refused: [],
    warnings: [
      `the candidate runs under ${role}, the champion under ${champion ?? 'no known role'}: SageMaker reads the rollback alarms with it, so it needs cloudwatch:DescribeAlarms`,
    ],
  };
}
