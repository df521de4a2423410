import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { readMetricAlarm } from '../cloudwatch/alarm-operations.js';
import type { Alarms } from '../cloudwatch/alarms.js';
import { AwsError } from '../kernel.js';
import type { Service } from '../kernel.js';
import { detected, operations, page } from '../validate.js';
import type { Core, ScalingSignal } from '../wires.js';
import { clamp, isCoolingDown, stepCount, targetTrackingCount } from './decide.js';
import { nextRunMs } from './schedule.js';

const op = operations(detected('ValidationException'));

const resource = {
  ServiceNamespace: z.enum([
    'ecs',
    'elasticmapreduce',
    'ec2',
    'appstream',
    'dynamodb',
    'rds',
    'sagemaker',
    'custom-resource',
    'comprehend',
    'lambda',
    'cassandra',
    'kafka',
    'elasticache',
    'neptune',
    'workspaces',
  ]),
  ResourceId: z.string().min(1).max(1600),
  ScalableDimension: z.string(),
};
const someResources = {
  ServiceNamespace: resource.ServiceNamespace,
  ScalableDimension: z.string().optional(),
};
const paging = { MaxResults: z.int().min(1).max(50).optional(), NextToken: z.string().optional() };
const policyName = z.string().min(1).max(256);

const suspendedState = z.object({
  DynamicScalingInSuspended: z.boolean().optional(),
  DynamicScalingOutSuspended: z.boolean().optional(),
  ScheduledScalingSuspended: z.boolean().optional(),
});

const stepConfiguration = z.object({
  AdjustmentType: z.enum(['ChangeInCapacity', 'PercentChangeInCapacity', 'ExactCapacity']),
  StepAdjustments: z
    .array(
      z.object({
        MetricIntervalLowerBound: z.number().optional(),
        MetricIntervalUpperBound: z.number().optional(),
        ScalingAdjustment: z.int(),
      }),
    )
    .min(1),
  MinAdjustmentMagnitude: z.int().min(1).optional(),
  Cooldown: z.int().min(0).optional(),
  MetricAggregationType: z.enum(['Average', 'Minimum', 'Maximum']).optional(),
});

const trackingConfiguration = z.object({
  TargetValue: z.number(),
  PredefinedMetricSpecification: z
    .object({ PredefinedMetricType: z.string(), ResourceLabel: z.string().optional() })
    .optional(),
  CustomizedMetricSpecification: z
    .object({
      MetricName: z.string().optional(),
      Namespace: z.string().optional(),
      Dimensions: z.array(z.object({ Name: z.string(), Value: z.string() })).optional(),
      Statistic: z.enum(['Average', 'Minimum', 'Maximum', 'SampleCount', 'Sum']).optional(),
      Unit: z.string().optional(),
      Metrics: z.unknown().optional(),
    })
    .optional(),
  ScaleOutCooldown: z.int().min(0).optional(),
  ScaleInCooldown: z.int().min(0).optional(),
  DisableScaleIn: z.boolean().optional(),
});
type TrackingConfiguration = z.output<typeof trackingConfiguration>;
type StepConfiguration = z.output<typeof stepConfiguration>;

const tagMap = z.record(z.string().min(1).max(128), z.string().max(256));
const MOST_TAGS = 50;

interface ResourceKey {
  readonly ServiceNamespace: string;
  readonly ResourceId: string;
  readonly ScalableDimension: string;
}

interface Target extends ResourceKey {
  readonly arn: string;
  readonly min: number;
  readonly max: number;
  readonly roleArn: string;
  readonly createdAtMs: number;
  readonly suspended: z.output<typeof suspendedState>;
  /** Absent in a target that was registered before there were tags. */
  readonly tags?: Readonly<Record<string, string>> | undefined;
}

interface Policy extends ResourceKey {
  readonly name: string;
  readonly arn: string;
  readonly type: 'StepScaling' | 'TargetTrackingScaling';
  readonly step?: StepConfiguration | undefined;
  readonly tracking?: TrackingConfiguration | undefined;
  readonly alarms: readonly { readonly AlarmName: string; readonly AlarmARN: string }[];
  readonly createdAtMs: number;
  readonly lastOutAtMs?: number | undefined;
  readonly lastInAtMs?: number | undefined;
}

interface ScheduledAction extends ResourceKey {
  readonly name: string;
  readonly arn: string;
  readonly schedule: string;
  readonly timezone: string;
  readonly startMs?: number | undefined;
  readonly endMs?: number | undefined;
  readonly min?: number | undefined;
  readonly max?: number | undefined;
  readonly createdAtMs: number;
  readonly lastRunMs?: number | undefined;
}

interface Activity extends ResourceKey {
  readonly id: string;
  readonly description: string;
  readonly cause: string;
  readonly status: 'InProgress' | 'Successful' | 'Failed' | 'Unfulfilled';
  readonly message?: string | undefined;
  readonly startMs: number;
  readonly endMs?: number | undefined;
  /** Set when nothing was scaled: shown only on request. */
  readonly notScaled?: {
    readonly Code: string;
    readonly MaxCapacity?: number;
    readonly MinCapacity?: number;
    readonly CurrentCapacity: number;
  };
}

const TARGETS = 'scalable-targets';
const POLICIES = 'scaling-policies';
const SCHEDULES = 'scheduled-actions';
const ACTIVITIES = 'scaling-activities';
const ACTIVITIES_KEPT = 500;
const DEFAULT_COOLDOWN_SECONDS = 300;

/** Predefined metrics of SageMaker variants, and how their alarms look at them. */
const PREDEFINED: Readonly<
  Record<
    string,
    { name: string; statistic: string; periodSeconds: number; out: number; in: number }
  >
> = {
  SageMakerVariantInvocationsPerInstance: {
    name: 'InvocationsPerInstance',
    statistic: 'Sum',
    periodSeconds: 60,
    out: 3,
    in: 15,
  },
  SageMakerVariantConcurrentRequestsPerModelHighResolution: {
    name: 'ConcurrentRequestsPerModel',
    statistic: 'Maximum',
    periodSeconds: 10,
    out: 3,
    in: 90,
  },
};

/** Application Auto Scaling of SageMaker variants. Sets `scale` and what stands beside it in `core.wires`. */
export function createAutoScaling(core: Core, alarms: Alarms): Service {
  const { store } = core;
  const targets = (): readonly Target[] => store.entries<Target>(TARGETS).map(([, each]) => each);
  const policies = (): readonly Policy[] => store.entries<Policy>(POLICIES).map(([, each]) => each);
  const actions = (): readonly ScheduledAction[] =>
    store.entries<ScheduledAction>(SCHEDULES).map(([, each]) => each);

  const findTarget = (key: ResourceKey): Target => {
    const target = store.get<Target>(TARGETS, keyOf(key));
    if (target === undefined) throw notFound(`No scalable target registered for ${described(key)}`);
    return target;
  };
  const findTagged = (arn: string): Target => {
    const target = targets().find((each) => each.arn === arn);
    if (target === undefined)
      throw new AwsError(
        'ResourceNotFoundException',
        `The specified resource doesn't exist. Resource: ${arn}`,
      );
    return target;
  };
  const tagged = (
    arn: string,
    before: Target['tags'],
    more: Readonly<Record<string, string>>,
  ): Readonly<Record<string, string>> => {
    const tags = { ...before, ...more };
    if (Object.keys(tags).length > MOST_TAGS)
      throw new AwsError(
        'TooManyTagsException',
        `The request contains too many tags. Resource: ${arn}`,
      );
    return tags;
  };
  const savePolicy = (policy: Policy): void => {
    store.put(POLICIES, `${keyOf(policy)}|${policy.name}`, policy);
  };
  const removePolicy = (policy: Policy): void => {
    for (const { AlarmName } of policy.type === 'TargetTrackingScaling' ? policy.alarms : [])
      alarms.remove(AlarmName);
    store.delete(POLICIES, `${keyOf(policy)}|${policy.name}`);
  };

  const deregister = (target: Target): void => {
    for (const policy of policies()) if (keyOf(policy) === keyOf(target)) removePolicy(policy);
    for (const action of actions())
      if (keyOf(action) === keyOf(target))
        store.delete(SCHEDULES, `${keyOf(action)}|${action.name}`);
    store.delete(TARGETS, keyOf(target));
  };
  const targetsOf = (endpointName: string): readonly Target[] =>
    targets().filter(
      ({ ResourceId }) => ResourceId.split('/')[1]?.toLowerCase() === endpointName.toLowerCase(),
    );
  core.wires.scaledVariants = (endpointName) =>
    targetsOf(endpointName).map(({ ResourceId }) => ResourceId.split('/')[3] ?? '');
  core.wires.deregisterScaling = (endpointName) => {
    for (const target of targetsOf(endpointName)) deregister(target);
  };

  let activityNumber = Number(store.keys(ACTIVITIES).at(-1) ?? 0) + 1;
  const record = (activity: Omit<Activity, 'id'>): void => {
    store.put(ACTIVITIES, String(activityNumber).padStart(12, '0'), {
      ...activity,
      id: randomUUID(),
    });
    activityNumber += 1;
    const keys = store.keys(ACTIVITIES);
    if (keys.length > ACTIVITIES_KEPT) store.delete(ACTIVITIES, keys[0] ?? '');
  };

  /** Sets the count, and says in an activity why. True when the fleet was told. */
  const setCount = (target: Target, count: number, cause: string): boolean => {
    const fleet = core.fleet();
    const { ServiceNamespace, ResourceId, ScalableDimension } = target;
    const now = core.now();
    const activity = {
      ServiceNamespace,
      ResourceId,
      ScalableDimension,
      description: `Setting desired instance count to ${count}.`,
      cause,
      startMs: now,
    };
    if (fleet === undefined || fleet.busy?.(ResourceId) === true) {
      const message = `Failed to set desired instance count to ${count}. Reason: the endpoint is not InService.`;
      record({ ...activity, status: 'Failed', message, endMs: now });
      return false;
    }
    fleet.setDesiredCount(ResourceId, count);
    const message = `Successfully set desired instance count to ${count}. Waiting for change to be fulfilled by sagemaker.`;
    record({ ...activity, status: 'InProgress', message });
    return true;
  };

  const clampNow = (target: Target, cause: string): void => {
    const current = core.fleet()?.desiredCount(target.ResourceId);
    if (current === undefined) return;
    const wanted = clamp(current, target.min, target.max);
    if (wanted !== current) setCount(target, wanted, cause);
  };

  const notScaled = (
    target: Target,
    current: number,
    direction: 'out' | 'in',
    cause: string,
  ): void => {
    const { ServiceNamespace, ResourceId, ScalableDimension } = target;
    const code = direction === 'out' ? 'AlreadyAtMaxCapacity' : 'AlreadyAtMinCapacity';
    const newest = store
      .entries<Activity>(ACTIVITIES)
      .findLast(([, each]) => keyOf(each) === keyOf(target))?.[1];
    if (newest?.notScaled?.Code === code) return;
    record({
      ServiceNamespace,
      ResourceId,
      ScalableDimension,
      description: 'Attempting to scale due to alarm triggered',
      cause,
      status: 'Unfulfilled',
      startMs: core.now(),
      endMs: core.now(),
      notScaled: {
        Code: code,
        CurrentCapacity: current,
        ...(direction === 'out' ? { MaxCapacity: target.max } : { MinCapacity: target.min }),
      },
    });
  };

  core.wires.scale = (policyArn, signal) => {
    if (signal.state !== 'ALARM' || signal.value === undefined) return;
    const policy = policies().find(({ arn }) => arn === policyArn);
    const target = policy === undefined ? undefined : store.get<Target>(TARGETS, keyOf(policy));
    const current =
      target === undefined ? undefined : core.fleet()?.desiredCount(target.ResourceId);
    if (policy === undefined || target === undefined || current === undefined) return;
    const wanted = wantedCount(policy, current, signal, signal.value);
    if (wanted === undefined) return;
    const direction = wanted.direction;
    if (
      direction === 'out'
        ? target.suspended.DynamicScalingOutSuspended
        : target.suspended.DynamicScalingInSuspended
    )
      return;
    const cause = `monitor alarm ${signal.alarmName} in state ALARM triggered policy ${policy.name}`;
    const count = clamp(wanted.count, target.min, target.max);
    if (count === current) {
      notScaled(target, current, direction, cause);
      return;
    }
    const now = core.now();
    if (
      isCoolingDown(
        direction,
        now,
        { outAtMs: policy.lastOutAtMs, inAtMs: policy.lastInAtMs },
        cooldowns(policy),
      )
    )
      return;
    if (!setCount(target, count, cause)) return;
    savePolicy({
      ...policy,
      ...(direction === 'out' ? { lastOutAtMs: now } : { lastInAtMs: now }),
    });
  };

  const putTrackingAlarms = (policy: Policy, tracking: TrackingConfiguration): Policy['alarms'] => {
    const known = policy.alarms.map(({ AlarmName }) => AlarmName);
    const names = {
      high:
        known.find((name) => name.includes('AlarmHigh')) ??
        `TargetTracking-${policy.ResourceId}-AlarmHigh-${randomUUID()}`,
      low:
        known.find((name) => name.includes('AlarmLow')) ??
        `TargetTracking-${policy.ResourceId}-AlarmLow-${randomUUID()}`,
    };
    const metric = trackedMetric(policy, tracking);
    const put = (
      name: string,
      comparison: 'GreaterThanThreshold' | 'LessThanThreshold',
      threshold: number,
      periods: number,
    ): void => {
      alarms.put(
        readMetricAlarm({
          AlarmName: name,
          AlarmDescription: `DO NOT EDIT OR DELETE. For TargetTrackingScaling policy ${policy.arn}.`,
          AlarmActions: [policy.arn],
          ...metric.alarm,
          EvaluationPeriods: periods,
          Threshold: threshold,
          ComparisonOperator: comparison,
        }),
      );
    };
    put(names.high, 'GreaterThanThreshold', tracking.TargetValue, metric.out);
    if (tracking.DisableScaleIn === true) alarms.remove(names.low);
    else put(names.low, 'LessThanThreshold', tracking.TargetValue * 0.9, metric.in);
    const shown = tracking.DisableScaleIn === true ? [names.high] : [names.high, names.low];
    return shown.map((AlarmName) => ({ AlarmName, AlarmARN: alarms.arn(AlarmName) }));
  };

  const runScheduled = (): void => {
    const now = core.now();
    for (const action of actions()) {
      const target = store.get<Target>(TARGETS, keyOf(action));
      const origin = action.startMs ?? action.createdAtMs;
      const due = nextRunMs(
        action.schedule,
        action.timezone,
        origin,
        Math.max(action.lastRunMs ?? origin - 1, origin - 1),
      );
      if (due === undefined || due > now || due > (action.endMs ?? Infinity)) continue;
      store.put(SCHEDULES, `${keyOf(action)}|${action.name}`, { ...action, lastRunMs: now });
      if (target === undefined || target.suspended.ScheduledScalingSuspended === true) continue;
      const changed = { ...target, min: action.min ?? target.min, max: action.max ?? target.max };
      store.put(TARGETS, keyOf(target), changed);
      clampNow(changed, `scheduled action name ${action.name} was triggered`);
    }
  };

  const settleActivities = (): void => {
    for (const [key, activity] of store.entries<Activity>(ACTIVITIES)) {
      if (activity.status !== 'InProgress' || core.fleet()?.busy?.(activity.ResourceId) === true)
        continue;
      const message = activity.message?.replace(
        'Waiting for change to be fulfilled by sagemaker.',
        'Change successfully fulfilled by sagemaker.',
      );
      store.put(ACTIVITIES, key, { ...activity, status: 'Successful', endMs: core.now(), message });
    }
  };

  return {
    name: 'ApplicationAutoScaling',
    target: 'AnyScaleFrontendService',
    start: () => {
      core.every(1_000, 'scheduled scaling', () => {
        runScheduled();
        settleActivities();
      });
    },
    operations: {
      RegisterScalableTarget: op(
        z.object({
          ...resource,
          MinCapacity: z.int().optional(),
          MaxCapacity: z.int().optional(),
          RoleARN: z.string().optional(),
          SuspendedState: suspendedState.optional(),
          Tags: tagMap.optional(),
        }),
        (input) => {
          checkResource(input);
          const before = store.get<Target>(TARGETS, keyOf(input));
          const min = input.MinCapacity ?? before?.min;
          const max = input.MaxCapacity ?? before?.max;
          if (min === undefined || max === undefined) {
            throw invalid(
              'MinCapacity and MaxCapacity are required when a scalable target is registered for the first time.',
            );
          }
          const least = core.fleet()?.mayBeNone?.(input.ResourceId) === true ? 0 : 1;
          if (min < least)
            throw invalid(
              'Minimum capacity must be at least 1 for a variant of a real-time endpoint.',
            );
          if (max < min) throw invalid('Maximum capacity cannot be less than minimum capacity');
          if (core.fleet()?.desiredCount(input.ResourceId) === undefined) {
            throw invalid(`sagemaker endpoint variant doesn't exist: ${input.ResourceId}`);
          }
          if (before !== undefined && Object.keys(input.Tags ?? {}).length > 0)
            throw invalid(
              'Tags can only be specified when a scalable target is registered for the first time. Use TagResource to tag an existing one.',
            );
          const arn =
            before?.arn ??
            core.arn(
              'application-autoscaling',
              `scalable-target/${randomUUID().replaceAll('-', '').slice(0, 28)}`,
            );
          const target: Target = {
            ...keyMembers(input),
            arn,
            tags: tagged(arn, before?.tags, input.Tags ?? {}),
            min,
            max,
            roleArn: `arn:aws:iam::${core.accountId}:role/aws-service-role/sagemaker.application-autoscaling.amazonaws.com/AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint`,
            createdAtMs: before?.createdAtMs ?? core.now(),
            suspended: { ...before?.suspended, ...input.SuspendedState },
          };
          store.put(TARGETS, keyOf(target), target);
          clampNow(target, 'the bounds of the scalable target changed');
          return { ScalableTargetARN: target.arn };
        },
      ),
      DeregisterScalableTarget: op(z.object(resource), (input) => {
        checkResource(input);
        deregister(findTarget(input));
      }),
      TagResource: op(z.object({ ResourceARN: z.string(), Tags: tagMap }), (input) => {
        const target = findTagged(input.ResourceARN);
        const tags = tagged(target.arn, target.tags, input.Tags);
        store.put(TARGETS, keyOf(target), { ...target, tags });
        return {};
      }),
      UntagResource: op(
        z.object({ ResourceARN: z.string(), TagKeys: z.array(z.string()).max(200) }),
        (input) => {
          const target = findTagged(input.ResourceARN);
          const left = Object.entries(target.tags ?? {}).filter(
            ([key]) => !input.TagKeys.includes(key),
          );
          store.put(TARGETS, keyOf(target), { ...target, tags: Object.fromEntries(left) });
          return {};
        },
      ),
      ListTagsForResource: op(z.object({ ResourceARN: z.string() }), (input) => ({
        Tags: findTagged(input.ResourceARN).tags ?? {},
      })),
      DescribeScalableTargets: op(
        z.object({ ...someResources, ResourceIds: z.array(z.string()).optional(), ...paging }),
        (input) => {
          const found = targets().filter(
            (target) =>
              belongs(target, input) &&
              (input.ResourceIds === undefined || input.ResourceIds.includes(target.ResourceId)),
          );
          const { items, next } = page(found, input.MaxResults ?? 50, input.NextToken, badToken);
          return {
            ScalableTargets: items.map((target) => ({
              ...keyMembers(target),
              MinCapacity: target.min,
              MaxCapacity: target.max,
              RoleARN: target.roleArn,
              CreationTime: target.createdAtMs / 1000,
              SuspendedState: {
                DynamicScalingInSuspended: false,
                DynamicScalingOutSuspended: false,
                ScheduledScalingSuspended: false,
                ...target.suspended,
              },
              ScalableTargetARN: target.arn,
            })),
            NextToken: next,
          };
        },
      ),
      PutScalingPolicy: op(
        z.object({
          ...resource,
          PolicyName: policyName,
          PolicyType: z
            .enum(['StepScaling', 'TargetTrackingScaling', 'PredictiveScaling'])
            .optional(),
          StepScalingPolicyConfiguration: stepConfiguration.optional(),
          TargetTrackingScalingPolicyConfiguration: trackingConfiguration.optional(),
        }),
        (input) => {
          checkResource(input);
          const target = findTarget(input);
          const before = store.get<Policy>(POLICIES, `${keyOf(target)}|${input.PolicyName}`);
          const type = input.PolicyType ?? before?.type ?? 'StepScaling';
          if (type === 'PredictiveScaling')
            throw invalid('PredictiveScaling is not supported for sagemaker.');
          if (before !== undefined && before.type !== type)
            throw invalid('Changing the type of a scaling policy is not supported.');
          const step = input.StepScalingPolicyConfiguration ?? before?.step;
          const tracking = input.TargetTrackingScalingPolicyConfiguration ?? before?.tracking;
          if (type === 'StepScaling' && step === undefined)
            throw invalid('StepScalingPolicyConfiguration must be given for a StepScaling policy.');
          if (type === 'TargetTrackingScaling' && tracking === undefined) {
            throw invalid(
              'TargetTrackingScalingPolicyConfiguration must be given for a TargetTrackingScaling policy.',
            );
          }
          if (type === 'StepScaling' && step !== undefined) checkSteps(step);
          const draft: Policy = {
            ...keyMembers(input),
            name: input.PolicyName,
            arn:
              before?.arn ??
              `arn:aws:autoscaling:${core.region}:${core.accountId}:scalingPolicy:${randomUUID()}:resource/sagemaker/${input.ResourceId}:policyName/${input.PolicyName}`,
            type,
            step: type === 'StepScaling' ? step : undefined,
            tracking: type === 'TargetTrackingScaling' ? tracking : undefined,
            alarms: before?.alarms ?? [],
            createdAtMs: before?.createdAtMs ?? core.now(),
            lastOutAtMs: before?.lastOutAtMs,
            lastInAtMs: before?.lastInAtMs,
          };
          const policy =
            draft.tracking === undefined
              ? draft
              : { ...draft, alarms: putTrackingAlarms(draft, draft.tracking) };
          savePolicy(policy);
          return { PolicyARN: policy.arn, Alarms: policy.alarms };
        },
      ),
      DeleteScalingPolicy: op(z.object({ ...resource, PolicyName: policyName }), (input) => {
        checkResource(input);
        const policy = store.get<Policy>(POLICIES, `${keyOf(input)}|${input.PolicyName}`);
        if (policy === undefined)
          throw notFound(
            `No scaling policy found for ${described(input)}, scaling policy name: ${input.PolicyName}`,
          );
        removePolicy(policy);
      }),
      DescribeScalingPolicies: op(
        z.object({
          ...someResources,
          PolicyNames: z.array(policyName).optional(),
          ResourceId: z.string().optional(),
          ...paging,
        }),
        (input) => {
          const found = policies().filter(
            (policy) =>
              belongs(policy, input) &&
              (input.ResourceId === undefined || policy.ResourceId === input.ResourceId) &&
              (input.PolicyNames === undefined || input.PolicyNames.includes(policy.name)),
          );
          const { items, next } = page(found, input.MaxResults ?? 10, input.NextToken, badToken);
          return {
            ScalingPolicies: items.map((policy) => ({
              ...keyMembers(policy),
              PolicyARN: policy.arn,
              PolicyName: policy.name,
              PolicyType: policy.type,
              StepScalingPolicyConfiguration: policy.step,
              TargetTrackingScalingPolicyConfiguration: policy.tracking,
              Alarms:
                policy.type === 'StepScaling' ? alarmsThatCall(policy.arn, alarms) : policy.alarms,
              CreationTime: policy.createdAtMs / 1000,
            })),
            NextToken: next,
          };
        },
      ),
      DescribeScalingActivities: op(
        z.object({
          ...someResources,
          ResourceId: z.string().optional(),
          IncludeNotScaledActivities: z.boolean().optional(),
          ...paging,
        }),
        (input) => {
          const found = store
            .entries<Activity>(ACTIVITIES)
            .map(([, each]) => each)
            .filter(
              (activity) =>
                belongs(activity, input) &&
                (input.ResourceId === undefined || activity.ResourceId === input.ResourceId) &&
                (activity.notScaled === undefined || input.IncludeNotScaledActivities === true),
            )
            .reverse();
          const { items, next } = page(found, input.MaxResults ?? 50, input.NextToken, badToken);
          return {
            ScalingActivities: items.map((activity) => ({
              ...keyMembers(activity),
              ActivityId: activity.id,
              Description: activity.description,
              Cause: activity.cause,
              StartTime: activity.startMs / 1000,
              EndTime: activity.endMs === undefined ? undefined : activity.endMs / 1000,
              StatusCode: activity.status,
              StatusMessage: activity.message,
              NotScaledReasons: activity.notScaled === undefined ? undefined : [activity.notScaled],
            })),
            NextToken: next,
          };
        },
      ),
      PutScheduledAction: op(
        z.object({
          ...resource,
          ScheduledActionName: policyName,
          Schedule: z.string().min(1).max(1600).optional(),
          Timezone: z.string().optional(),
          StartTime: z.number().optional(),
          EndTime: z.number().optional(),
          ScalableTargetAction: z
            .object({ MinCapacity: z.int().optional(), MaxCapacity: z.int().optional() })
            .optional(),
        }),
        (input) => {
          checkResource(input);
          findTarget(input);
          const key = `${keyOf(input)}|${input.ScheduledActionName}`;
          const before = store.get<ScheduledAction>(SCHEDULES, key);
          const schedule = input.Schedule ?? before?.schedule;
          const timezone = input.Timezone ?? before?.timezone ?? 'UTC';
          const min = input.ScalableTargetAction?.MinCapacity ?? before?.min;
          const max = input.ScalableTargetAction?.MaxCapacity ?? before?.max;
          if (schedule === undefined)
            throw invalid('Schedule is required when a scheduled action is created.');
          if (min === undefined && max === undefined)
            throw invalid('ScalableTargetAction must have MinCapacity or MaxCapacity.');
          if (min !== undefined && max !== undefined && max < min)
            throw invalid('Maximum capacity cannot be less than minimum capacity');
          checkSchedule(schedule, timezone, core.now());
          store.put(SCHEDULES, key, {
            ...keyMembers(input),
            name: input.ScheduledActionName,
            arn:
              before?.arn ??
              `arn:aws:autoscaling:${core.region}:${core.accountId}:scheduledAction:${randomUUID()}:resource/sagemaker/${input.ResourceId}:scheduledActionName/${input.ScheduledActionName}`,
            schedule,
            timezone,
            startMs: input.StartTime === undefined ? before?.startMs : input.StartTime * 1000,
            endMs: input.EndTime === undefined ? before?.endMs : input.EndTime * 1000,
            min,
            max,
            createdAtMs: before?.createdAtMs ?? core.now(),
          });
        },
      ),
      DeleteScheduledAction: op(
        z.object({ ...resource, ScheduledActionName: policyName }),
        (input) => {
          const key = `${keyOf(input)}|${input.ScheduledActionName}`;
          if (store.get(SCHEDULES, key) === undefined) {
            throw notFound(
              `No scheduled action found for ${described(input)}, scheduled action name: ${input.ScheduledActionName}`,
            );
          }
          store.delete(SCHEDULES, key);
        },
      ),
      DescribeScheduledActions: op(
        z.object({
          ...someResources,
          ResourceId: z.string().optional(),
          ScheduledActionNames: z.array(policyName).optional(),
          ...paging,
        }),
        (input) => {
          const found = actions().filter(
            (action) =>
              belongs(action, input) &&
              (input.ResourceId === undefined || action.ResourceId === input.ResourceId) &&
              (input.ScheduledActionNames === undefined ||
                input.ScheduledActionNames.includes(action.name)),
          );
          const { items, next } = page(found, input.MaxResults ?? 50, input.NextToken, badToken);
          return {
            ScheduledActions: items.map((action) => ({
              ...keyMembers(action),
              ScheduledActionName: action.name,
              ScheduledActionARN: action.arn,
              Schedule: action.schedule,
              Timezone: action.timezone,
              StartTime: action.startMs === undefined ? undefined : action.startMs / 1000,
              EndTime: action.endMs === undefined ? undefined : action.endMs / 1000,
              ScalableTargetAction: { MinCapacity: action.min, MaxCapacity: action.max },
              CreationTime: action.createdAtMs / 1000,
            })),
            NextToken: next,
          };
        },
      ),
    },
  };
}

function wantedCount(
  policy: Policy,
  current: number,
  signal: ScalingSignal,
  value: number,
): { readonly count: number; readonly direction: 'out' | 'in' } | undefined {
  if (policy.tracking !== undefined) {
    const direction = signal.alarmName.includes('AlarmLow') ? 'in' : 'out';
    if (direction === 'in' && policy.tracking.DisableScaleIn === true) return undefined;
    return {
      count: targetTrackingCount(current, value, policy.tracking.TargetValue, direction),
      direction,
    };
  }
  const step = policy.step;
  if (step === undefined) return undefined;
  const count = stepCount(
    current,
    value - signal.threshold,
    step.AdjustmentType,
    step.StepAdjustments,
    step.MinAdjustmentMagnitude ?? 0,
  );
  return count === undefined || count === current
    ? undefined
    : { count, direction: count > current ? 'out' : 'in' };
}

function cooldowns(policy: Policy): { readonly out: number; readonly in: number } {
  return {
    out: policy.tracking?.ScaleOutCooldown ?? policy.step?.Cooldown ?? DEFAULT_COOLDOWN_SECONDS,
    in: policy.tracking?.ScaleInCooldown ?? policy.step?.Cooldown ?? DEFAULT_COOLDOWN_SECONDS,
  };
}

function trackedMetric(policy: Policy, tracking: TrackingConfiguration) {
  const { PredefinedMetricSpecification: predefined, CustomizedMetricSpecification: customized } =
    tracking;
  if ((predefined === undefined) === (customized === undefined)) {
    throw invalid(
      'Exactly one of PredefinedMetricSpecification and CustomizedMetricSpecification must be given.',
    );
  }
  if (predefined !== undefined) {
    const known = PREDEFINED[predefined.PredefinedMetricType];
    if (known === undefined) {
      throw invalid(
        `Predefined metric type ${predefined.PredefinedMetricType} is not supported for ${described(policy)}`,
      );
    }
    const [, endpoint = '', , variant = ''] = policy.ResourceId.split('/');
    return {
      out: known.out,
      in: known.in,
      alarm: {
        Namespace: 'AWS/SageMaker',
        MetricName: known.name,
        Dimensions: [
          { Name: 'EndpointName', Value: endpoint },
          { Name: 'VariantName', Value: variant },
        ],
        Statistic: known.statistic === 'Sum' ? ('Sum' as const) : ('Maximum' as const),
        Period: known.periodSeconds,
      },
    };
  }
  const { MetricName, Namespace, Statistic, Dimensions = [], Metrics } = customized ?? {};
  if (Metrics !== undefined)
    throw invalid(
      'The sandbox tracks a single metric: CustomizedMetricSpecification.Metrics is not supported.',
    );
  if (MetricName === undefined || Namespace === undefined || Statistic === undefined) {
    throw invalid('CustomizedMetricSpecification must have MetricName, Namespace and Statistic.');
  }
  return { out: 3, in: 15, alarm: { Namespace, MetricName, Dimensions, Statistic, Period: 60 } };
}

function alarmsThatCall(policyArn: string, alarms: Alarms): readonly unknown[] {
  return alarms
    .list()
    .filter((alarm) =>
      [...alarm.alarmActions, ...alarm.okActions, ...alarm.insufficientDataActions].includes(
        policyArn,
      ),
    )
    .map(({ name }) => ({ AlarmName: name, AlarmARN: alarms.arn(name) }));
}

function checkResource(key: ResourceKey): void {
  const isVariant =
    /^endpoint\/[A-Za-z0-9](-*[A-Za-z0-9]){0,62}\/variant\/[A-Za-z0-9](-*[A-Za-z0-9]){0,62}$/.test(
      key.ResourceId,
    );
  if (
    key.ServiceNamespace !== 'sagemaker' ||
    key.ScalableDimension !== 'sagemaker:variant:DesiredInstanceCount' ||
    !isVariant
  ) {
    throw invalid(
      `Unsupported service namespace, resource type or scalable dimension: ${described(key)}`,
    );
  }
}

/** Steps must not overlap, and at most one may lack a lower or an upper bound. */
function checkSteps({ StepAdjustments: steps, AdjustmentType }: StepConfiguration): void {
  const ranges = steps
    .map(
      ({ MetricIntervalLowerBound = -Infinity, MetricIntervalUpperBound = Infinity }) =>
        [MetricIntervalLowerBound, MetricIntervalUpperBound] as const,
    )
    .sort(([a], [b]) => a - b);
  if (ranges.some(([low, high]) => low >= high))
    throw invalid('The lower bound of a step adjustment must be below its upper bound.');
  const overlaps = ranges.some(([, high], at) => high > (ranges[at + 1]?.[0] ?? Infinity));
  if (overlaps) throw invalid('Step adjustment intervals can not overlap.');
  if (
    AdjustmentType === 'ExactCapacity' &&
    steps.some(({ ScalingAdjustment }) => ScalingAdjustment < 0)
  ) {
    throw invalid('ScalingAdjustment must not be negative with ExactCapacity.');
  }
}

function checkSchedule(schedule: string, timezone: string, nowMs: number): void {
  try {
    nextRunMs(schedule, timezone, nowMs, nowMs);
  } catch {
    throw invalid(`Invalid schedule expression or time zone: ${schedule}, ${timezone}`);
  }
}

function belongs(
  key: ResourceKey,
  filter: { readonly ServiceNamespace: string; readonly ScalableDimension?: string | undefined },
): boolean {
  return (
    key.ServiceNamespace === filter.ServiceNamespace &&
    (filter.ScalableDimension === undefined || key.ScalableDimension === filter.ScalableDimension)
  );
}

function keyMembers({ ServiceNamespace, ResourceId, ScalableDimension }: ResourceKey): ResourceKey {
  return { ServiceNamespace, ResourceId, ScalableDimension };
}

function keyOf({ ServiceNamespace, ResourceId, ScalableDimension }: ResourceKey): string {
  return `${ServiceNamespace}|${ScalableDimension}|${ResourceId}`;
}

function described({ ServiceNamespace, ResourceId, ScalableDimension }: ResourceKey): string {
  return `service namespace: ${ServiceNamespace}, resource ID: ${ResourceId}, scalable dimension: ${ScalableDimension}`;
}

function invalid(message: string): AwsError {
  return new AwsError('ValidationException', message);
}

function notFound(message: string): AwsError {
  return new AwsError('ObjectNotFoundException', message);
}

function badToken(): AwsError {
  return new AwsError('InvalidNextTokenException', 'The specified token is not valid.');
}
