import {
  DeleteScalingPolicyCommand,
  DeregisterScalableTargetCommand,
  DescribeScalableTargetsCommand,
  DescribeScalingActivitiesCommand,
  DescribeScalingPoliciesCommand,
  DescribeScheduledActionsCommand,
  PutScalingPolicyCommand,
  PutScheduledActionCommand,
  DeleteScheduledActionCommand,
  ListTagsForResourceCommand,
  RegisterScalableTargetCommand,
  TagResourceCommand,
  UntagResourceCommand,
} from '@aws-sdk/client-application-auto-scaling';
import {
  DescribeAlarmsCommand,
  PutMetricAlarmCommand,
  SetAlarmStateCommand,
} from '@aws-sdk/client-cloudwatch';
import { describe, expect, it, vi } from 'vitest';
import {
  isCoolingDown,
  stepCount,
  targetTrackingCount,
} from '../../../sandbox/aws/scaling/decide.js';
import { nextRunMs } from '../../../sandbox/aws/scaling/schedule.js';
import type { Core } from '../../../sandbox/aws/wires.js';
import { clients, failure, fleet, start } from './support.js';

const counts: Record<string, number> = {};
const sandbox = await start({ services: fleet(counts).services });
const { autoScaling, cloudWatch } = clients(sandbox.url);
let number = 0;

function variant(count: number) {
  number += 1;
  const ResourceId = `endpoint/flights-${number}/variant/AllTraffic`;
  counts[ResourceId] = count;
  return {
    ServiceNamespace: 'sagemaker',
    ResourceId,
    ScalableDimension: 'sagemaker:variant:DesiredInstanceCount',
  } as const;
}

async function registered(count: number, MinCapacity = 1, MaxCapacity = 4) {
  const resource = variant(count);
  await autoScaling.send(
    new RegisterScalableTargetCommand({ ...resource, MinCapacity, MaxCapacity }),
  );
  return resource;
}

describe('a scalable target', () => {
  it('has tags from its registration, which only TagResource changes afterwards', async () => {
    const resource = variant(90);
    counts[resource.ResourceId] = 1;
    const limits = { MinCapacity: 1, MaxCapacity: 2 };
    const { ScalableTargetARN: ResourceARN = '' } = await autoScaling.send(
      new RegisterScalableTargetCommand({ ...resource, ...limits, Tags: { team: 'ml' } }),
    );
    await expect(
      autoScaling.send(
        new RegisterScalableTargetCommand({ ...resource, ...limits, Tags: { team: 'web' } }),
      ),
    ).rejects.toMatchObject({ name: 'ValidationException' });
    await autoScaling.send(
      new TagResourceCommand({ ResourceARN, Tags: { team: 'web', stage: 'live' } }),
    );
    await autoScaling.send(new UntagResourceCommand({ ResourceARN, TagKeys: ['stage', 'none'] }));
    const { Tags } = await autoScaling.send(new ListTagsForResourceCommand({ ResourceARN }));
    expect(Tags).toEqual({ team: 'web' });
    await autoScaling.send(new DeregisterScalableTargetCommand(resource));
    await expect(
      autoScaling.send(new TagResourceCommand({ ResourceARN, Tags: {} })),
    ).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
  });

  it('is registered and updated in part; either clamps the count', async () => {
    const resource = await registered(1, 2, 4);
    expect(counts[resource.ResourceId]).toBe(2);
    counts[resource.ResourceId] = 4;
    await autoScaling.send(new RegisterScalableTargetCommand({ ...resource, MaxCapacity: 3 }));
    expect(counts[resource.ResourceId]).toBe(3);
    await autoScaling.send(
      new RegisterScalableTargetCommand({
        ...resource,
        SuspendedState: { DynamicScalingInSuspended: true },
      }),
    );
    const { ScalableTargets } = await autoScaling.send(
      new DescribeScalableTargetsCommand({
        ServiceNamespace: 'sagemaker',
        ResourceIds: [resource.ResourceId],
      }),
    );
    expect(ScalableTargets).toMatchObject([
      {
        MinCapacity: 2,
        MaxCapacity: 3,
        SuspendedState: { DynamicScalingInSuspended: true, DynamicScalingOutSuspended: false },
      },
    ]);
  });

  it.each<[string, Record<string, unknown>, RegExp]>([
    ['without bounds at first', {}, /MinCapacity and MaxCapacity are required/],
    [
      'with bounds crossed',
      { MinCapacity: 3, MaxCapacity: 2 },
      /Maximum capacity cannot be less than minimum capacity/,
    ],
    ['with no instance at all', { MinCapacity: 0, MaxCapacity: 2 }, /at least 1/],
    [
      'of a variant that does not exist',
      { MinCapacity: 1, MaxCapacity: 2, ResourceId: 'endpoint/absent/variant/v' },
      /doesn't exist/,
    ],
    [
      'of another kind',
      { MinCapacity: 1, MaxCapacity: 2, ResourceId: 'table/x' },
      /Unsupported service namespace, resource type or scalable dimension/,
    ],
    ['of an unknown namespace', { ServiceNamespace: 'lake' }, /enum value set/],
  ])('is refused %s', async (_claim, more, message) => {
    const call = autoScaling.send(new RegisterScalableTargetCommand({ ...variant(1), ...more }));
    const error = await failure(call);
    expect(error.name).toBe('ValidationException');
    expect(error.message).toMatch(message);
  });
});

const TRACKING = {
  PolicyType: 'TargetTrackingScaling',
  TargetTrackingScalingPolicyConfiguration: {
    TargetValue: 100,
    PredefinedMetricSpecification: {
      PredefinedMetricType: 'SageMakerVariantInvocationsPerInstance',
    },
    ScaleOutCooldown: 3600,
    ScaleInCooldown: 3600,
  },
} as const;

describe('target tracking', () => {
  it('makes its two alarms, and takes them away with the policy or the target', async () => {
    const resource = await registered(1);
    const put = () =>
      autoScaling.send(
        new PutScalingPolicyCommand({ ...resource, PolicyName: 'track', ...TRACKING }),
      );
    const first = await put();
    expect((await put()).Alarms).toEqual(first.Alarms);
    const names = first.Alarms?.map(({ AlarmName }) => AlarmName ?? '') ?? [];
    expect(names).toEqual([
      expect.stringContaining(`TargetTracking-${resource.ResourceId}-AlarmHigh-`),
      expect.stringContaining(`TargetTracking-${resource.ResourceId}-AlarmLow-`),
    ]);
    const alarms = async () =>
      (await cloudWatch.send(new DescribeAlarmsCommand({ AlarmNames: names }))).MetricAlarms;
    expect(await alarms()).toMatchObject([
      {
        Threshold: 100,
        ComparisonOperator: 'GreaterThanThreshold',
        EvaluationPeriods: 3,
        AlarmActions: [first.PolicyARN],
        MetricName: 'InvocationsPerInstance',
        Statistic: 'Sum',
      },
      { Threshold: 90, ComparisonOperator: 'LessThanThreshold', EvaluationPeriods: 15 },
    ]);
    await autoScaling.send(new DeleteScalingPolicyCommand({ ...resource, PolicyName: 'track' }));
    expect(await alarms()).toEqual([]);
    const again = await put();
    await autoScaling.send(new DeregisterScalableTargetCommand(resource));
    expect(
      (
        await cloudWatch.send(
          new DescribeAlarmsCommand({
            AlarmNames: again.Alarms?.map(({ AlarmName }) => AlarmName ?? ''),
          }),
        )
      ).MetricAlarms,
    ).toEqual([]);
  });

  it('scales in proportion, within the bounds, once per cool-down, and says why', async () => {
    const resource = await registered(1);
    const { PolicyARN = '', Alarms } = await autoScaling.send(
      new PutScalingPolicyCommand({ ...resource, PolicyName: 'track', ...TRACKING }),
    );
    const signal = (value: number) => {
      const { wires } = sandbox.kernel as Core;
      wires.scale(PolicyARN, {
        alarmName: Alarms?.[0]?.AlarmName ?? '',
        alarmArn: '',
        threshold: 100,
        value,
        state: 'ALARM',
      });
      return counts[resource.ResourceId];
    };
    expect(signal(250)).toBe(3);
    expect(signal(900)).toBe(3); // cooling down
    const describe_ = () =>
      autoScaling.send(
        new DescribeScalingActivitiesCommand({
          ServiceNamespace: 'sagemaker',
          ResourceId: resource.ResourceId,
          IncludeNotScaledActivities: true,
        }),
      );
    await vi.waitUntil(
      async () => (await describe_()).ScalingActivities?.[0]?.StatusCode === 'Successful',
      { timeout: 5_000 },
    );
    expect((await describe_()).ScalingActivities).toMatchObject([
      {
        Description: 'Setting desired instance count to 3.',
        Cause: expect.stringContaining('triggered policy track') as string,
      },
    ]);
    counts[resource.ResourceId] = 4;
    expect(signal(900)).toBe(4);
    expect((await describe_()).ScalingActivities?.[0]).toMatchObject({
      NotScaledReasons: [{ Code: 'AlreadyAtMaxCapacity', MaxCapacity: 4 }],
    });
  });

  it('does nothing while it is suspended', async () => {
    const resource = await registered(1);
    const { PolicyARN = '' } = await autoScaling.send(
      new PutScalingPolicyCommand({ ...resource, PolicyName: 'track', ...TRACKING }),
    );
    await autoScaling.send(
      new RegisterScalableTargetCommand({
        ...resource,
        SuspendedState: { DynamicScalingOutSuspended: true },
      }),
    );
    (sandbox.kernel as Core).wires.scale(PolicyARN, {
      alarmName: 'x-AlarmHigh',
      alarmArn: '',
      threshold: 100,
      value: 500,
      state: 'ALARM',
    });
    expect(counts[resource.ResourceId]).toBe(1);
  });
});

describe('step scaling', () => {
  it('is carried out by the alarm that names the policy', async () => {
    const resource = await registered(1);
    const { PolicyARN = '' } = await autoScaling.send(
      new PutScalingPolicyCommand({
        ...resource,
        PolicyName: 'step',
        PolicyType: 'StepScaling',
        StepScalingPolicyConfiguration: {
          AdjustmentType: 'ChangeInCapacity',
          StepAdjustments: [
            { MetricIntervalLowerBound: 0, MetricIntervalUpperBound: 20, ScalingAdjustment: 1 },
            { MetricIntervalLowerBound: 20, ScalingAdjustment: 2 },
          ],
          Cooldown: 0,
        },
      }),
    );
    sandbox.kernel.observe([
      { namespace: 'Own', name: 'cpu', dimensions: {}, value: 95, atMs: Date.now() - 10_000 },
    ]);
    await cloudWatch.send(
      new PutMetricAlarmCommand({
        AlarmName: 'cpu-high',
        Namespace: 'Own',
        MetricName: 'cpu',
        Statistic: 'Average',
        Period: 10,
        EvaluationPeriods: 1,
        Threshold: 70,
        ComparisonOperator: 'GreaterThanThreshold',
        AlarmActions: [PolicyARN],
      }),
    );
    await vi.waitUntil(() => counts[resource.ResourceId] === 3, { timeout: 5_000 });
    const { ScalingPolicies } = await autoScaling.send(
      new DescribeScalingPoliciesCommand({
        ServiceNamespace: 'sagemaker',
        ResourceId: resource.ResourceId,
      }),
    );
    expect(ScalingPolicies).toMatchObject([
      { PolicyType: 'StepScaling', PolicyARN, Alarms: [{ AlarmName: 'cpu-high' }] },
    ]);
    await cloudWatch.send(
      new SetAlarmStateCommand({ AlarmName: 'cpu-high', StateValue: 'OK', StateReason: 'x' }),
    );
  });
});

describe('policies', () => {
  it('need a target, a configuration of their type, and steps that do not overlap', async () => {
    const put = async (more: object, resource = variant(1)) =>
      failure(
        autoScaling.send(new PutScalingPolicyCommand({ ...resource, PolicyName: 'p', ...more })),
      );
    expect(await put(TRACKING)).toMatchObject({ name: 'ObjectNotFoundException' });
    const there = await registered(1);
    expect((await put({ PolicyType: 'StepScaling' }, there)).name).toBe('ValidationException');
    const StepAdjustments = [
      { MetricIntervalLowerBound: 0, ScalingAdjustment: 1 },
      { MetricIntervalLowerBound: 5, ScalingAdjustment: 2 },
    ];
    const overlapping = {
      StepScalingPolicyConfiguration: { AdjustmentType: 'ChangeInCapacity', StepAdjustments },
    };
    expect((await put(overlapping, there)).message).toBe(
      'Step adjustment intervals can not overlap.',
    );
    const gone = await failure(autoScaling.send(new DeregisterScalableTargetCommand(variant(1))));
    expect(gone.message).toMatch(
      /^No scalable target registered for service namespace: sagemaker, resource ID: /,
    );
  });
});

describe('scheduled actions', () => {
  it('change the bounds when they are due', async () => {
    const resource = await registered(1, 1, 4);
    const at = new Date(Date.now() + 1_500).toISOString().slice(0, 19);
    await autoScaling.send(
      new PutScheduledActionCommand({
        ...resource,
        ScheduledActionName: 'morning',
        Schedule: `at(${at})`,
        ScalableTargetAction: { MinCapacity: 2 },
      }),
    );
    const { ScheduledActions } = await autoScaling.send(
      new DescribeScheduledActionsCommand({
        ServiceNamespace: 'sagemaker',
        ResourceId: resource.ResourceId,
      }),
    );
    expect(ScheduledActions).toMatchObject([{ ScheduledActionName: 'morning', Timezone: 'UTC' }]);
    await vi.waitUntil(() => counts[resource.ResourceId] === 2, { timeout: 6_000 });
    await autoScaling.send(
      new DeleteScheduledActionCommand({ ...resource, ScheduledActionName: 'morning' }),
    );
    const bad = autoScaling.send(
      new PutScheduledActionCommand({
        ...resource,
        ScheduledActionName: 'x',
        Schedule: 'sometimes',
        ScalableTargetAction: { MinCapacity: 2 },
      }),
    );
    expect((await failure(bad)).name).toBe('ValidationException');
  });
});

describe('a schedule', () => {
  const after = Date.UTC(2026, 0, 2, 10, 30); // a Friday
  it.each<[string, string, number | undefined]>([
    ['at(2026-01-03T00:00:00)', 'UTC', Date.UTC(2026, 0, 3)],
    ['at(2026-01-01T00:00:00)', 'UTC', undefined],
    ['at(2026-01-03T00:00:00)', 'Europe/Berlin', Date.UTC(2026, 0, 2, 23)],
    ['rate(1 hour)', 'UTC', Date.UTC(2026, 0, 2, 11)],
    ['rate(5 minutes)', 'UTC', Date.UTC(2026, 0, 2, 10, 35)],
    ['cron(0 12 * * ? *)', 'UTC', Date.UTC(2026, 0, 2, 12)],
    ['cron(0 3 ? * MON-FRI *)', 'UTC', Date.UTC(2026, 0, 5, 3)],
    ['cron(0 3 ? * 1 *)', 'UTC', Date.UTC(2026, 0, 4, 3)],
    ['cron(0 3 1 * ? *)', 'Europe/Berlin', Date.UTC(2026, 1, 1, 2)],
  ])('%s in %s', (expression, timezone, expected) => {
    expect(nextRunMs(expression, timezone, Date.UTC(2026, 0, 2), after)).toBe(expected);
  });

  it.each(['rate(0 minutes)', 'rate(1 week)', 'cron(0 12 * * *)', 'every day'])(
    'is refused as %s',
    (expression) => {
      expect(() => nextRunMs(expression, 'UTC', 0, after)).toThrow();
    },
  );
});

describe('the wanted count', () => {
  it.each<[number, number, number, 'out' | 'in', number]>([
    [2, 150, 100, 'out', 3],
    [2, 100, 100, 'out', 2],
    [4, 20, 100, 'in', 1],
    [4, 0, 100, 'in', 0],
    [2, 150, 100, 'in', 2],
  ])('%i instances at %i of %i, scaling %s', (current, value, target, direction, expected) => {
    expect(targetTrackingCount(current, value, target, direction)).toBe(expected);
  });

  const steps = [
    { MetricIntervalUpperBound: -10, ScalingAdjustment: -2 },
    { MetricIntervalLowerBound: -10, MetricIntervalUpperBound: 0, ScalingAdjustment: -1 },
    { MetricIntervalLowerBound: 0, MetricIntervalUpperBound: 10, ScalingAdjustment: 1 },
    { MetricIntervalLowerBound: 10, ScalingAdjustment: 2 },
  ];
  it.each([
    [0, 11],
    [9.9, 11],
    [10, 12],
    [-0.1, 9],
    [-10, 8],
  ])('at a distance of %f', (distance, expected) => {
    expect(stepCount(10, distance, 'ChangeInCapacity', steps, 0)).toBe(expected);
  });

  it('rounds per cent as Application Auto Scaling does, with a least magnitude', () => {
    const by = (ScalingAdjustment: number, least = 0) =>
      stepCount(
        10,
        1,
        'PercentChangeInCapacity',
        [{ MetricIntervalLowerBound: 0, ScalingAdjustment }],
        least,
      );
    expect(by(5)).toBe(11);
    expect(by(15)).toBe(11);
    expect(by(-25)).toBe(8);
    expect(by(10, 3)).toBe(13);
    expect(stepCount(10, 1, 'ExactCapacity', [{ ScalingAdjustment: 4 }], 0)).toBe(4);
    expect(
      stepCount(
        10,
        -1,
        'ChangeInCapacity',
        [{ MetricIntervalLowerBound: 0, ScalingAdjustment: 1 }],
        0,
      ),
    ).toBeUndefined();
  });
});

describe('the cool-down', () => {
  const seconds = { out: 60, in: 300 };
  it('of a scale-in holds back a scale-in, never a scale-out', () => {
    expect(isCoolingDown('in', 299_999, { inAtMs: 0 }, seconds)).toBe(true);
    expect(isCoolingDown('in', 300_000, { inAtMs: 0 }, seconds)).toBe(false);
    expect(isCoolingDown('out', 1, { inAtMs: 0 }, seconds)).toBe(false);
  });
  it('of a scale-out holds back both', () => {
    expect(isCoolingDown('out', 59_999, { outAtMs: 0 }, seconds)).toBe(true);
    expect(isCoolingDown('out', 60_000, { outAtMs: 0 }, seconds)).toBe(false);
    expect(isCoolingDown('in', 299_999, { outAtMs: 0 }, seconds)).toBe(true);
  });
});
