import {
  DeleteScalingPolicyCommand,
  DeleteScheduledActionCommand,
  DeregisterScalableTargetCommand,
  DescribeScalableTargetsCommand,
  DescribeScalingPoliciesCommand,
  DescribeScheduledActionsCommand,
  ListTagsForResourceCommand,
  PutScalingPolicyCommand,
  PutScheduledActionCommand,
  RegisterScalableTargetCommand,
  TagResourceCommand,
  UntagResourceCommand,
  type ApplicationAutoScalingClient,
  type PutScalingPolicyRequest,
  type ScalableTarget,
  type ScalingActivity as AwsActivity,
  type ScalingPolicy,
  type ScheduledAction,
} from '@aws-sdk/client-application-auto-scaling';
import { PutMetricAlarmCommand } from '@aws-sdk/client-cloudwatch';
import { AddTagsCommand, DeleteTagsCommand } from '@aws-sdk/client-sagemaker';

import { ApplicationFailure } from '@temporalio/activity';

import { FailureType } from '../domain/failures.js';
import { hardwareOf } from '../domain/instances.js';
import { keeperId, KEEPER_TAG } from '../domain/names.js';
import {
  foreignTargetInWords,
  isScalingOfOurs,
  ownerOfTarget,
  refusalRemedy,
  scalingPlan,
  ScalingUnknown,
  steppingAlarmNames,
  type ScalingActivity,
  type ScalingPlan,
  type SteppingSpec,
  type TrackingSpec,
} from '../domain/scaling.js';
import {
  ALARM_OWNER,
  alarmDifferences,
  deleteAlarmsOf,
  describeAlarms,
  foreignAlarm,
  MODEL_TAG,
  putInput,
} from './alarms.js';
import { aws, may, type AwsError } from './aws-failure.js';
import type { ControlActivities, ModelRef, ScalingDifference } from './contract.js';
import type { ControlDeps } from './deps.js';
import { hopeless } from './heartbeat.js';
import { describeConfig, describeEndpoint, readTags } from './read.js';
import { clientsFor } from './stage-clients.js';

const DIMENSION = 'sagemaker:variant:DesiredInstanceCount';

/** What a difference of the scalable target itself is about. */
export const SCALABLE_TARGET = 'scalable target';
/** The field of a difference that says that the target or an alarm is somebody else's: it is not written then. */
export const OWNER = ALARM_OWNER;
/**
 * The mark of a suspension of ours, on the endpoint: whoever comes after a keeper or release that was terminated finds
 * it there. A suspension without it is a person's.
 */
export const SUSPENSION_TAG = 'modelkeeper:scaling-suspended-by';

/** The policy's variant, as Application Auto Scaling calls it. */
export const resourceId = (ref: ModelRef): string => {
  const { name, variant } = ref.policy.spec.endpoint;
  return `endpoint/${name}/variant/${variant}`;
};
const variantOf = (resource: string) =>
  ({
    ServiceNamespace: 'sagemaker',
    ResourceId: resource,
    ScalableDimension: DIMENSION,
  }) as const;
const target = (ref: ModelRef) => variantOf(resourceId(ref));

const gone = (error: AwsError): 'absent' | undefined =>
  error.name === 'ObjectNotFoundException' ? 'absent' : undefined;

const notTaggable = (error: AwsError): 'absent' | undefined =>
  error.name === 'ResourceNotFoundException' ? 'absent' : undefined;

type ScalingActivities = Pick<
  ControlActivities,
  | 'applyScaling'
  | 'repairScaling'
  | 'removeScaling'
  | 'readScaling'
  | 'suspendScaling'
  | 'resumeScaling'
  | 'liftSuspension'
>;

export function createScalingActivities(deps: ControlDeps): ScalingActivities {
  const clients = clientsFor(deps, 'deploy');

  const readTarget = async (ref: ModelRef): Promise<ScalableTarget | undefined> => {
    const answer = await aws(
      may('application-autoscaling:DescribeScalableTargets', resourceId(ref)),
      (options) =>
        clients(ref).autoscaling.send(
          new DescribeScalableTargetsCommand({
            ServiceNamespace: 'sagemaker',
            ResourceIds: [resourceId(ref)],
            ScalableDimension: DIMENSION,
          }),
          options,
        ),
    );
    return answer.ScalableTargets?.[0];
  };

  const readPolicies = (ref: ModelRef): Promise<readonly ScalingPolicy[]> =>
    policiesOf(clients(ref).autoscaling, resourceId(ref));

  const readSchedules = (ref: ModelRef): Promise<readonly ScheduledAction[]> =>
    schedulesOf(clients(ref).autoscaling, resourceId(ref));

  /** @returns the target's ARN; `undefined` where AWS does not say */
  const register = async (
    ref: ModelRef,
    wanted: Partial<ConstructorParameters<typeof RegisterScalableTargetCommand>[0]>,
  ): Promise<string | undefined> => {
    const answer = await aws(
      may('application-autoscaling:RegisterScalableTarget', resourceId(ref)),
      (options) =>
        clients(ref).autoscaling.send(
          new RegisterScalableTargetCommand({ ...target(ref), ...wanted }),
          options,
        ),
    );
    return answer.ScalableTargetARN;
  };

  const readClaim = async (ref: ModelRef, arn: string | undefined): Promise<string | null> => {
    if (arn === undefined) return null;
    const answer = await aws(
      may('application-autoscaling:ListTagsForResource', arn),
      (options) =>
        clients(ref).autoscaling.send(
          new ListTagsForResourceCommand({ ResourceARN: arn }),
          options,
        ),
      notTaggable,
    );
    return answer === 'absent' ? null : (answer.Tags?.[KEEPER_TAG] ?? null);
  };

  const claim = async (ref: ModelRef, arn: string | undefined): Promise<void> => {
    if (arn === undefined) return;
    await aws(may('application-autoscaling:TagResource', arn), (options) =>
      clients(ref).autoscaling.send(
        new TagResourceCommand({
          ResourceARN: arn,
          Tags: { [KEEPER_TAG]: keeperId(ref.model) },
        }),
        options,
      ),
    );
  };

  /** Whose the target is, and what tells it. */
  const readOwner = async (
    ref: ModelRef,
    registered: ScalableTarget | undefined,
    names: readonly string[],
    plan: ScalingPlan | null,
  ) => {
    const marks = {
      exists: registered !== undefined,
      keeper: await readClaim(ref, registered?.ScalableTargetARN),
      hasOurs: names.some((name) => isScalingOfOurs(ref.model, name)),
      hasOthers: names.some((name) => !isScalingOfOurs(ref.model, name)),
      asWanted: plan !== null && targetDifferences(plan, registered).length === 0,
    };
    return { ...marks, owner: ownerOfTarget(marks, keeperId(ref.model)) };
  };

  const putPolicy = async (
    ref: ModelRef,
    wanted: Omit<PutScalingPolicyRequest, 'ServiceNamespace' | 'ResourceId' | 'ScalableDimension'>,
  ): Promise<string> => {
    const answer = await aws(
      may('application-autoscaling:PutScalingPolicy', resourceId(ref)),
      (options) =>
        clients(ref).autoscaling.send(
          new PutScalingPolicyCommand({ ...target(ref), ...wanted }),
          options,
        ),
    );
    return answer.PolicyARN ?? '';
  };

  const deletePolicy = async (ref: ModelRef, name: string): Promise<void> => {
    await aws(
      may('application-autoscaling:DeleteScalingPolicy', resourceId(ref)),
      (options) =>
        clients(ref).autoscaling.send(
          new DeleteScalingPolicyCommand({ ...target(ref), PolicyName: name }),
          options,
        ),
      gone,
    );
  };

  const deleteSchedule = async (ref: ModelRef, name: string): Promise<void> => {
    await aws(
      may('application-autoscaling:DeleteScheduledAction', resourceId(ref)),
      (options) =>
        clients(ref).autoscaling.send(
          new DeleteScheduledActionCommand({ ...target(ref), ScheduledActionName: name }),
          options,
        ),
      gone,
    );
  };

  /** What the policy wants on the instances that serve. */
  const planFor = async (ref: ModelRef): Promise<ScalingPlan | null> => {
    const { spec } = ref.policy;
    if (spec.scaling === undefined) return null;
    const { sagemaker } = clients(ref);
    const endpoint = await describeEndpoint(sagemaker, spec.endpoint.name);
    const config =
      endpoint?.EndpointConfigName === undefined
        ? undefined
        : await describeConfig(sagemaker, endpoint.EndpointConfigName);
    const type = config?.ProductionVariants?.find(
      (one) => one.VariantName === spec.endpoint.variant,
    )?.InstanceType;
    if (type?.startsWith('ml.t2.') === true)
      throw hopeless(
        FailureType.PolicyUnfit,
        `${spec.endpoint.name} runs on ${type}, and SageMaker does not scale t2 instances: take another instance type, or take spec.scaling out of the policy`,
      );
    try {
      return scalingPlan(ref.policy, hardwareOf(type, spec.monitor.instanceTypes));
    } catch (error) {
      if (!(error instanceof ScalingUnknown)) throw error;
      throw hopeless(FailureType.PolicyUnfit, error.message);
    }
  };

  /** To remove scaling nothing has to be known of the instances: a plan that cannot be made is none. */
  const planIfAny = (ref: ModelRef): Promise<ScalingPlan | null> =>
    planFor(ref).catch((error: unknown) => {
      if (error instanceof ApplicationFailure && error.type === FailureType.PolicyUnfit)
        return null;
      throw error;
    });

  /** Compares first and then upserts by name: a second run finds everything right and writes nothing. */
  const repair = async (
    ref: ModelRef,
    compareOnly: boolean,
  ): Promise<readonly ScalingDifference[]> => {
    const plan = await planFor(ref);
    if (plan === null) return [];
    const differences: ScalingDifference[] = [];
    /** Says what differs, and puts it right unless it is only to be compared. */
    const settle = async (
      found: readonly ScalingDifference[],
      write: () => Promise<unknown>,
    ): Promise<void> => {
      differences.push(...found);
      if (found.length > 0 && !compareOnly) await write();
    };

    const [registered, policies, schedules] = await Promise.all([
      readTarget(ref),
      readPolicies(ref),
      readSchedules(ref),
    ]);
    const names = namesOn(policies, schedules);
    const marks = await readOwner(ref, registered, names, plan);
    if (marks.owner === 'somebody else')
      return [
        {
          what: SCALABLE_TARGET,
          field: OWNER,
          was: foreignTargetInWords(
            marks,
            { min: registered?.MinCapacity ?? 0, max: registered?.MaxCapacity ?? 0 },
            names.filter((name) => !isScalingOfOurs(ref.model, name)),
          ),
          is: keeperId(ref.model),
        },
      ];
    let arn = registered?.ScalableTargetARN;
    await settle(targetDifferences(plan, registered), async () => {
      arn = (await register(ref, { MinCapacity: plan.min, MaxCapacity: plan.max })) ?? arn;
    });
    if (marks.keeper === null && marks.exists && arn !== undefined)
      differences.push(
        ...compared(SCALABLE_TARGET, true, [['claim', undefined, keeperId(ref.model)]]),
      );
    if (marks.keeper === null && !compareOnly) await claim(ref, arn);
    const policyOf = (name: string): ScalingPolicy | undefined =>
      policies.find((one) => one.PolicyName === name);
    const { tracking } = plan;
    if (tracking !== null) {
      await settle(trackingDifferences(tracking, policyOf(tracking.name)), () =>
        putPolicy(ref, trackingInput(tracking)),
      );
    }
    for (const step of plan.stepping) {
      const known = policyOf(step.name);
      const unlike = steppingDifferences(step, known);
      differences.push(...unlike);
      const arn =
        unlike.length === 0 || compareOnly
          ? (known?.PolicyARN ?? '')
          : await putPolicy(ref, steppingInput(step));
      const { cloudwatch } = clients(ref);
      const alarm = (await describeAlarms(cloudwatch, [step.alarm.name])).get(step.alarm.name);
      const faults = alarmFaults(step, alarm, arn);
      const foreign =
        alarm === undefined
          ? null
          : await foreignAlarm(cloudwatch, ref.model, alarm, faults.length === 0);
      if (foreign !== null) {
        const { name, ...rest } = foreign;
        differences.push({ what: name, ...rest });
        continue;
      }
      await settle(faults, () =>
        aws(may('cloudwatch:PutMetricAlarm', `alarm:${step.alarm.name}`), (options) =>
          cloudwatch.send(
            new PutMetricAlarmCommand({
              ...putInput(step.alarm),
              ActionsEnabled: true,
              AlarmActions: [arn],
              Tags: [{ Key: MODEL_TAG, Value: ref.model }],
            }),
            options,
          ),
        ),
      );
    }
    for (const entry of plan.schedules) {
      const known = schedules.find((one) => one.ScheduledActionName === entry.name);
      await settle(
        compared(entry.name, known !== undefined, [
          ['schedule', known?.Schedule, entry.schedule],
          ['time zone', known?.Timezone ?? 'UTC', entry.timeZone],
          ['min', known?.ScalableTargetAction?.MinCapacity, entry.min],
          ['max', known?.ScalableTargetAction?.MaxCapacity, entry.max],
        ]),
        () =>
          aws(may('application-autoscaling:PutScheduledAction', resourceId(ref)), (options) =>
            clients(ref).autoscaling.send(
              new PutScheduledActionCommand({
                ...target(ref),
                ScheduledActionName: entry.name,
                Schedule: entry.schedule,
                Timezone: entry.timeZone,
                ScalableTargetAction: { MinCapacity: entry.min, MaxCapacity: entry.max },
              }),
              options,
            ),
          ),
      );
    }

    const wanted = new Set([
      ...(tracking === null ? [] : [tracking.name]),
      ...plan.stepping.map((step) => step.name),
      ...plan.schedules.map((entry) => entry.name),
    ]);
    const unwanted = (name = ''): boolean => isScalingOfOurs(ref.model, name) && !wanted.has(name);
    for (const { PolicyName: name = '' } of policies.filter((one) => unwanted(one.PolicyName)))
      await settle([notWanted(name)], () => deletePolicy(ref, name));
    for (const { ScheduledActionName: name = '' } of schedules.filter((one) =>
      unwanted(one.ScheduledActionName),
    ))
      await settle([notWanted(name)], () => deleteSchedule(ref, name));
    const alarms = new Set(plan.stepping.map((step) => step.alarm.name));
    const { cloudwatch } = clients(ref);
    const left = await describeAlarms(
      cloudwatch,
      steppingAlarmNames(ref.model).filter((name) => !alarms.has(name)),
    );
    for (const [name, alarm] of left) {
      if ((await foreignAlarm(cloudwatch, ref.model, alarm, false)) !== null) continue;
      await settle([notWanted(name)], () => deleteAlarmsOf(cloudwatch, ref.model, [name]));
    }
    return differences;
  };

  const setSuspended = (ref: ModelRef, kinds: ReadonlySet<Kind>): Promise<unknown> =>
    register(ref, {
      SuspendedState: Object.fromEntries(KINDS.map(([kind, member]) => [member, kinds.has(kind)])),
    });

  /** The endpoint's ARN and, of its mark, for whom scaling is suspended and what somebody had suspended before. */
  const readMark = async (
    ref: ModelRef,
  ): Promise<
    | {
        readonly arn: string;
        readonly by: string | undefined;
        readonly found: ReadonlySet<Kind>;
      }
    | undefined
  > => {
    const { sagemaker } = clients(ref);
    const endpoint = await describeEndpoint(sagemaker, ref.policy.spec.endpoint.name);
    const arn = endpoint?.EndpointArn;
    if (arn === undefined) return undefined;
    const [by, found = ''] =
      (await readTags(sagemaker, arn)).get(SUSPENSION_TAG)?.split(FOUND) ?? [];
    return { arn, by, found: new Set(ALL_KINDS.filter((kind) => found.split('+').includes(kind))) };
  };

  /**
   * First scaling, then the mark: cut off in between, the next one finds the mark and resumes again. What somebody had
   * suspended before stays so. Without a mark, a suspension of some kinds alone is not what ours look like.
   */
  const resume = async (ref: ModelRef): Promise<void> => {
    const [registered, mark] = await Promise.all([readTarget(ref), readMark(ref)]);
    const ours = mark?.by !== undefined || suspendedKinds(registered).size === KINDS.length;
    if (registered !== undefined && ours) await setSuspended(ref, mark?.found ?? new Set());
    if (mark?.by === undefined) return;
    await aws(may('sagemaker:DeleteTags', mark.arn), (options) =>
      clients(ref).sagemaker.send(
        new DeleteTagsCommand({ ResourceArn: mark.arn, TagKeys: [SUSPENSION_TAG] }),
        options,
      ),
    );
  };

  return {
    /** As `repairScaling`: a second run finds everything right and writes nothing. */
    async applyScaling(ref) {
      return { changed: scalingInWords(await repair(ref, false)) };
    },

    /** Compares first and then upserts by name: a second run finds everything right and writes nothing. */
    repairScaling: (request) => repair(request, request.compareOnly === true),

    /**
     * Removes what is ours by name, and the target when it is ours and nothing of anybody else's is on it; else only our
     * claim is taken off. What is gone is no error, so twice is the same as once.
     */
    async removeScaling(ref) {
      const [registered, policies, schedules, plan] = await Promise.all([
        readTarget(ref),
        readPolicies(ref),
        readSchedules(ref),
        planIfAny(ref),
      ]);
      const marks = await readOwner(ref, registered, namesOn(policies, schedules), plan);
      const ours = policies.filter((one) => isScalingOfOurs(ref.model, one.PolicyName ?? ''));
      const oursAt = schedules.filter((one) =>
        isScalingOfOurs(ref.model, one.ScheduledActionName ?? ''),
      );
      for (const { PolicyName = '' } of ours) await deletePolicy(ref, PolicyName);
      for (const { ScheduledActionName = '' } of oursAt)
        await deleteSchedule(ref, ScheduledActionName);
      await deleteAlarmsOf(clients(ref).cloudwatch, ref.model, steppingAlarmNames(ref.model));
      if (marks.owner !== 'ours') return;
      const arn = registered?.ScalableTargetARN;
      if (marks.hasOthers) {
        if (marks.keeper === null || arn === undefined) return;
        await aws(
          may('application-autoscaling:UntagResource', arn),
          (options) =>
            clients(ref).autoscaling.send(
              new UntagResourceCommand({ ResourceARN: arn, TagKeys: [KEEPER_TAG] }),
              options,
            ),
          notTaggable,
        );
        return;
      }
      await aws(
        may('application-autoscaling:DeregisterScalableTarget', resourceId(ref)),
        (options) =>
          clients(ref).autoscaling.send(new DeregisterScalableTargetCommand(target(ref)), options),
        gone,
      );
    },

    /** Reads only. Any of the three kinds of suspension counts: it is somebody's, and stays. */
    async readScaling(ref) {
      const found = await readTarget(ref);
      const kinds = suspendedKinds(found).size;
      return {
        found: found !== undefined,
        suspended: kinds > 0,
        ...(kinds > 0 && kinds < KINDS.length ? { partly: true } : {}),
      };
    },

    /**
     * Suspends all scaling of the variant; policies survive. The mark goes first: cut off in between, nothing is
     * suspended without it. It also says what somebody had suspended before, which a second run does not take for ours:
     * the mark is there then. The same state twice is the same state.
     */
    async suspendScaling(request) {
      const registered = await readTarget(request);
      if (registered === undefined) return;
      const mark = request.by === undefined ? undefined : await readMark(request);
      if (mark !== undefined && mark.by !== request.by) {
        const before = [...suspendedKinds(registered)].join('+');
        await aws(may('sagemaker:AddTags', mark.arn), (options) =>
          clients(request).sagemaker.send(
            new AddTagsCommand({
              ResourceArn: mark.arn,
              Tags: [
                {
                  Key: SUSPENSION_TAG,
                  Value: `${request.by ?? ''}${before === '' ? '' : `${FOUND}${before}`}`,
                },
              ],
            }),
            options,
          ),
        );
      }
      await setSuspended(request, new Set(ALL_KINDS));
    },

    /** Lifts all suspensions of the variant: for the caller who knows that they are ours. Twice is the same as once. */
    resumeScaling: resume,

    /** Without our mark there is nothing to lift: so twice is the same as once. */
    async liftSuspension(request) {
      const mark = await readMark(request);
      if (mark?.by === undefined) return { kind: 'none' };
      if (request.except.includes(mark.by)) return { kind: 'kept', by: mark.by };
      await resume(request);
      return { kind: 'lifted', by: mark.by };
    },
  };
}

/** All scaling policies of a variant: AWS answers ten at a time. Reads only. */
export async function policiesOf(
  autoscaling: ApplicationAutoScalingClient,
  resource: string,
): Promise<readonly ScalingPolicy[]> {
  const found: ScalingPolicy[] = [];
  let token: string | undefined;
  do {
    const page = await aws(
      may('application-autoscaling:DescribeScalingPolicies', resource),
      (options) =>
        autoscaling.send(
          new DescribeScalingPoliciesCommand({
            ...variantOf(resource),
            ...(token === undefined ? {} : { NextToken: token }),
          }),
          options,
        ),
    );
    found.push(...(page.ScalingPolicies ?? []));
    token = page.NextToken;
  } while (token !== undefined);
  return found;
}

/** All scheduled actions of a variant: AWS answers fifty at a time. Reads only. */
export async function schedulesOf(
  autoscaling: ApplicationAutoScalingClient,
  resource: string,
): Promise<readonly ScheduledAction[]> {
  const found: ScheduledAction[] = [];
  let token: string | undefined;
  do {
    const page = await aws(
      may('application-autoscaling:DescribeScheduledActions', resource),
      (options) =>
        autoscaling.send(
          new DescribeScheduledActionsCommand({
            ...variantOf(resource),
            ...(token === undefined ? {} : { NextToken: token }),
          }),
          options,
        ),
    );
    found.push(...(page.ScheduledActions ?? []));
    token = page.NextToken;
  } while (token !== undefined);
  return found;
}

/** What auto scaling did, or could not do, in words. */
export function activityInWords(one: AwsActivity): ScalingActivity {
  const reasons = (one.NotScaledReasons ?? []).map(notScaledInWords);
  const cause = one.Cause ?? 'no cause given';
  const said = one.StatusMessage ?? one.Description ?? '';
  const remedy = one.StatusCode === 'Failed' ? refusalRemedy(said) : null;
  return {
    atMs: one.StartTime?.getTime() ?? 0,
    status: one.StatusCode ?? 'unknown',
    sentence:
      reasons.length > 0
        ? `not scaled: ${reasons.join('; ')} (${cause})`
        : `${said}${remedy === null ? '' : `: ${remedy}`} (${cause})`,
  };
}

type NotScaled = {
  readonly Code?: string | undefined;
  readonly MaxCapacity?: number | undefined;
  readonly MinCapacity?: number | undefined;
  readonly CurrentCapacity?: number | undefined;
};

function notScaledInWords({ Code, MaxCapacity, MinCapacity, CurrentCapacity }: NotScaled): string {
  switch (Code) {
    case 'AlreadyAtMaxCapacity':
      return `the fleet has its ${String(MaxCapacity ?? CurrentCapacity ?? 'most')} instances already: raise scaling.instances.max if it needs more`;
    case 'AlreadyAtMinCapacity':
      return `the fleet has its ${String(MinCapacity ?? CurrentCapacity ?? 'fewest')} instances, the fewest allowed`;
    default:
      return `${Code ?? 'no reason given'} at ${String(CurrentCapacity ?? '?')} instances`;
  }
}

const namesOn = (
  policies: readonly ScalingPolicy[],
  schedules: readonly ScheduledAction[],
): readonly string[] => [
  ...policies.map(({ PolicyName = '' }) => PolicyName),
  ...schedules.map(({ ScheduledActionName = '' }) => ScheduledActionName),
];

/** What of scaling can be suspended, and Application Auto Scaling's member for it. */
const KINDS = [
  ['in', 'DynamicScalingInSuspended'],
  ['out', 'DynamicScalingOutSuspended'],
  ['scheduled', 'ScheduledScalingSuspended'],
] as const;

type Kind = (typeof KINDS)[number][0];

const ALL_KINDS = KINDS.map(([kind]) => kind);

/** Between the workflow and what was suspended before it, in the mark. */
const FOUND = ' found:';

const suspendedKinds = (found: ScalableTarget | undefined): ReadonlySet<Kind> =>
  new Set(
    KINDS.filter(([, member]) => found?.SuspendedState?.[member] === true).map(([kind]) => kind),
  );

type Setting = string | number | undefined;

/** What is not as it should be of one thing; `existence` alone when it is not there. */
function compared(
  what: string,
  exists: boolean,
  settings: readonly (readonly [string, Setting, Setting])[],
): readonly ScalingDifference[] {
  if (!exists) return [{ what, field: 'existence', was: 'missing', is: 'created' }];
  return settings
    .filter(([, was, is]) => was !== is)
    .map(([field, was, is]) => ({
      what,
      field,
      was: was === undefined ? 'none' : String(was),
      is: is === undefined ? 'none' : String(is),
    }));
}

const notWanted = (what: string): ScalingDifference => ({
  what,
  field: 'existence',
  was: 'there, and not wanted any more',
  is: 'removed',
});

/** A schedule of ours changes the limits: any pair it sets is as right as the policy's own. */
function targetDifferences(
  plan: ScalingPlan,
  found: ScalableTarget | undefined,
): readonly ScalingDifference[] {
  const allowed = [plan, ...plan.schedules].some(
    ({ min, max }) => found?.MinCapacity === min && found.MaxCapacity === max,
  );
  if (allowed) return [];
  return compared(SCALABLE_TARGET, found !== undefined, [
    ['min', found?.MinCapacity, plan.min],
    ['max', found?.MaxCapacity, plan.max],
  ]);
}

const dimensionsText = (
  list: readonly { Name?: string | undefined; Value?: string | undefined }[] = [],
): string =>
  list
    .map(({ Name, Value }) => `${Name ?? ''}=${Value ?? ''}`)
    .sort()
    .join();

const dimensionList = (dimensions: Readonly<Record<string, string>>) =>
  Object.entries(dimensions).map(([Name, Value]) => ({ Name, Value }));

function metricText({ metric }: TrackingSpec): string {
  return metric.kind === 'predefined'
    ? metric.type
    : `${metric.namespace} ${metric.name} ${metric.statistic} with ${dimensionsText(dimensionList(metric.dimensions))}`;
}

function trackingDifferences(
  wanted: TrackingSpec,
  found: ScalingPolicy | undefined,
): readonly ScalingDifference[] {
  const has = found?.TargetTrackingScalingPolicyConfiguration;
  const custom = has?.CustomizedMetricSpecification;
  const metric =
    custom === undefined
      ? has?.PredefinedMetricSpecification?.PredefinedMetricType
      : `${custom.Namespace ?? ''} ${custom.MetricName ?? ''} ${custom.Statistic ?? ''} with ${dimensionsText(custom.Dimensions)}`;
  return compared(wanted.name, found !== undefined, [
    ['metric', metric, metricText(wanted)],
    ['value', has?.TargetValue, wanted.value],
    ['scale-out cool-down', has?.ScaleOutCooldown, wanted.scaleOutSeconds],
    ['scale-in cool-down', has?.ScaleInCooldown, wanted.scaleInSeconds],
    // Somebody who switched off scaling in by hand.
    ['scale-in', has?.DisableScaleIn === true ? 'off' : 'on', 'on'],
  ]);
}

type PolicyInput = Omit<
  PutScalingPolicyRequest,
  'ServiceNamespace' | 'ResourceId' | 'ScalableDimension'
>;

const trackingInput = (wanted: TrackingSpec): PolicyInput => ({
  PolicyName: wanted.name,
  PolicyType: 'TargetTrackingScaling',
  TargetTrackingScalingPolicyConfiguration: {
    TargetValue: wanted.value,
    ScaleOutCooldown: wanted.scaleOutSeconds,
    ScaleInCooldown: wanted.scaleInSeconds,
    DisableScaleIn: false,
    ...(wanted.metric.kind === 'predefined'
      ? { PredefinedMetricSpecification: { PredefinedMetricType: wanted.metric.type } }
      : {
          CustomizedMetricSpecification: {
            Namespace: wanted.metric.namespace,
            MetricName: wanted.metric.name,
            Statistic: wanted.metric.statistic as 'Average',
            Dimensions: dimensionList(wanted.metric.dimensions),
          },
        }),
  },
});

const stepsText = (
  steps: readonly {
    readonly lower?: number | null | undefined;
    readonly upper?: number | null | undefined;
    readonly change?: number | undefined;
  }[],
): string =>
  steps
    .map(
      ({ lower, upper, change }) =>
        `${String(lower ?? '-∞')} to ${String(upper ?? '∞')}: ${String(change ?? '?')}`,
    )
    .sort()
    .join('; ');

function steppingDifferences(
  wanted: SteppingSpec,
  found: ScalingPolicy | undefined,
): readonly ScalingDifference[] {
  const has = found?.StepScalingPolicyConfiguration;
  const steps = stepsText(
    (has?.StepAdjustments ?? []).map((one) => ({
      lower: one.MetricIntervalLowerBound,
      upper: one.MetricIntervalUpperBound,
      change: one.ScalingAdjustment,
    })),
  );
  return compared(wanted.name, found !== undefined, [
    ['adjustment', has?.AdjustmentType, 'ChangeInCapacity'],
    ['steps', steps, stepsText(wanted.steps)],
    ['cool-down', has?.Cooldown, wanted.cooldownSeconds],
  ]);
}

const steppingInput = (wanted: SteppingSpec): PolicyInput => ({
  PolicyName: wanted.name,
  PolicyType: 'StepScaling',
  StepScalingPolicyConfiguration: {
    AdjustmentType: 'ChangeInCapacity',
    MetricAggregationType: 'Average',
    Cooldown: wanted.cooldownSeconds,
    StepAdjustments: wanted.steps.map(({ lower, upper, change }) => ({
      ...(lower === null ? {} : { MetricIntervalLowerBound: lower }),
      ...(upper === null ? {} : { MetricIntervalUpperBound: upper }),
      ScalingAdjustment: change,
    })),
  },
});

type Alarm = Parameters<typeof alarmDifferences>[1];

function alarmFaults(
  { alarm }: SteppingSpec,
  found: Alarm | undefined,
  policyArn: string,
): readonly ScalingDifference[] {
  if (found === undefined) return compared(alarm.name, false, []);
  return [
    ...alarmDifferences(alarm, found).map(({ name, ...rest }) => ({ what: name, ...rest })),
    ...compared(alarm.name, true, [
      ['action', (found.AlarmActions ?? []).join(), policyArn],
      ['actions', found.ActionsEnabled === false ? 'off' : 'on', 'on'],
    ]),
  ];
}

/** Differences as sentences of the timeline, one for each thing. */
export function scalingInWords(differences: readonly ScalingDifference[]): readonly string[] {
  const names = [...new Set(differences.map(({ what }) => what))];
  return names.map((what) => {
    const of = differences.filter((one) => one.what === what);
    const [first] = of;
    if (first?.field === 'existence') return `${first.is} ${what}`;
    if (first?.field === OWNER)
      return `left the ${what} alone, it is ${first.was}: to hand it over, tag it ${what === SCALABLE_TARGET ? KEEPER_TAG : MODEL_TAG} = ${first.is}`;
    return `put ${what} right (${of.map(({ field, was, is }) => `${field} was ${was}, is ${is}`).join('; ')})`;
  });
}
