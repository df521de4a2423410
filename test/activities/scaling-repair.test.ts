import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import {
  ApplicationAutoScalingClient,
  DeregisterScalableTargetCommand,
  DescribeScalableTargetsCommand,
  DescribeScalingActivitiesCommand,
  DescribeScalingPoliciesCommand,
  DescribeScheduledActionsCommand,
  ListTagsForResourceCommand,
  PutScalingPolicyCommand,
  RegisterScalableTargetCommand,
  TagResourceCommand,
  UntagResourceCommand,
} from '@aws-sdk/client-application-auto-scaling';
import {
  CloudWatchClient,
  DescribeAlarmsCommand,
  PutMetricAlarmCommand,
  TagResourceCommand as CwTagResourceCommand,
  UntagResourceCommand as CwUntagResourceCommand,
} from '@aws-sdk/client-cloudwatch';
import {
  CreateEndpointCommand,
  CreateEndpointConfigCommand,
  CreateModelCommand,
  DescribeEndpointCommand,
  SageMakerClient,
} from '@aws-sdk/client-sagemaker';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

import type { ModelRef } from '../../activities/contract.js';
import { createControlActivities } from '../../activities/index.js';
import { activityInWords, scalingInWords } from '../../activities/scaling.js';
import { startSandbox, type Sandbox } from '../../sandbox/aws/server.js';
import { depsOver, fakeAws, policyWith, run } from './support.js';

const RESOURCE = 'endpoint/flights-live/variant/AllTraffic';
const home = mkdtempSync(join(tmpdir(), 'scaling-'));
let sandbox: Sandbox;
let sagemaker: SageMakerClient;
let cloudwatch: CloudWatchClient;
let autoscaling: ApplicationAutoScalingClient;
let activities: ReturnType<typeof createControlActivities>;

const FULL = {
  instances: { min: 1, max: 4 },
  target: { metric: 'CPUUtilization' as const, value: 60 },
  steps: {
    metric: 'InvocationsPerInstance' as const,
    periods: 1,
    cooldown: '0s',
    out: [
      { above: 100, add: 1 },
      { above: 500, add: 2 },
    ],
    in: [{ below: 1, remove: 1 }],
  },
  schedule: [{ id: 'morning', cron: '0 7 * * MON-FRI', timeZone: 'Europe/Berlin', min: 2, max: 4 }],
};
const refWith = (scaling: object | undefined): ModelRef => ({
  model: 'flights',
  policy: policyWith(scaling === undefined ? {} : ({ scaling } as never)),
});
const ref = refWith(FULL);
const key = {
  ServiceNamespace: 'sagemaker',
  ResourceId: RESOURCE,
  ScalableDimension: 'sagemaker:variant:DesiredInstanceCount',
} as const;

beforeAll(async () => {
  sandbox = await startSandbox({ port: 0, home, speed: 10_000, strict: true });
  const options = {
    endpoint: sandbox.url,
    region: 'us-east-1',
    credentials: { accessKeyId: 'worker', secretAccessKey: 's' },
  };
  sagemaker = new SageMakerClient(options);
  cloudwatch = new CloudWatchClient(options);
  autoscaling = new ApplicationAutoScalingClient(options);
  const { clients } = fakeAws();
  activities = createControlActivities(
    depsOver(fakeAws(), { aws: () => ({ ...clients, sagemaker, cloudwatch, autoscaling }) }),
  );
  await sagemaker.send(
    new CreateModelCommand({
      ModelName: 'flights-1',
      ExecutionRoleArn: 'arn:aws:iam::111122223333:role/model',
      PrimaryContainer: { Image: '111122223333.dkr.ecr.us-east-1.amazonaws.com/any:1' },
    }),
  );
  await sagemaker.send(
    new CreateEndpointConfigCommand({
      EndpointConfigName: 'flights-1',
      ProductionVariants: [
        {
          VariantName: 'AllTraffic',
          ModelName: 'flights-1',
          InstanceType: 'ml.c5.xlarge',
          InitialInstanceCount: 1,
        },
      ],
    }),
  );
  await sagemaker.send(
    new CreateEndpointCommand({ EndpointName: 'flights-live', EndpointConfigName: 'flights-1' }),
  );
  await vi.waitFor(async () => {
    expect((await endpoint()).EndpointStatus).toBe('InService');
  }, 20_000);
});

afterAll(async () => {
  await sandbox.close();
  rmSync(home, { recursive: true, force: true });
});

const endpoint = () =>
  sagemaker.send(new DescribeEndpointCommand({ EndpointName: 'flights-live' }));
const desired = async () => (await endpoint()).ProductionVariants?.[0]?.DesiredInstanceCount;
const target = async () =>
  (
    await autoscaling.send(
      new DescribeScalableTargetsCommand({
        ServiceNamespace: 'sagemaker',
        ResourceIds: [RESOURCE],
      }),
    )
  ).ScalableTargets?.[0];
const policies = async () =>
  (await autoscaling.send(new DescribeScalingPoliciesCommand(key))).ScalingPolicies ?? [];
const alarm = async (name: string) =>
  (await cloudwatch.send(new DescribeAlarmsCommand({ AlarmNames: [name] }))).MetricAlarms?.[0];
const alarmNames = async () =>
  ((await cloudwatch.send(new DescribeAlarmsCommand({}))).MetricAlarms ?? []).flatMap(
    (alarm) => alarm.AlarmName ?? [],
  );

describe('repairScaling', () => {
  it('makes target, policies, alarms and schedule as the policy says, and nothing the second time', async () => {
    const made = await run(activities.repairScaling, [ref]);
    expect(made.map(({ what, field, is }) => `${what} ${field} ${is}`)).toEqual([
      'scalable target existence created',
      'modelkeeper-flights-invocations existence created',
      'modelkeeper-flights-steps-out existence created',
      'modelkeeper-flights-scaling-out existence created',
      'modelkeeper-flights-steps-in existence created',
      'modelkeeper-flights-scaling-in existence created',
      'modelkeeper-flights-at-morning existence created',
    ]);
    expect(await run(activities.repairScaling, [ref], { attempt: 2 })).toEqual([]);
    const tracking = (await policies()).find(
      (one) => one.PolicyName === 'modelkeeper-flights-invocations',
    )?.TargetTrackingScalingPolicyConfiguration;
    // An ml.c5.xlarge has four vCPUs: 60 % of the instance are 240 % of a core.
    expect(tracking).toMatchObject({
      TargetValue: 240,
      CustomizedMetricSpecification: { MetricName: 'CPUUtilization' },
    });
    const { ScheduledActions: [action] = [] } = await autoscaling.send(
      new DescribeScheduledActionsCommand(key),
    );
    expect(action).toMatchObject({
      Schedule: 'cron(0 7 ? * MON,TUE,WED,THU,FRI *)',
      Timezone: 'Europe/Berlin',
    });
    const [out] =
      (
        await cloudwatch.send(
          new DescribeAlarmsCommand({ AlarmNames: ['modelkeeper-flights-scaling-out'] }),
        )
      ).MetricAlarms ?? [];
    const stepArn = (await policies()).find(
      (one) => one.PolicyName === 'modelkeeper-flights-steps-out',
    )?.PolicyARN;
    expect([out?.AlarmActions, out?.ActionsEnabled]).toEqual([[stepArn], true]);
  });

  it('tells what a person changed, leaves it when it is only to compare, and puts it right otherwise', async () => {
    await autoscaling.send(
      new RegisterScalableTargetCommand({ ...key, MinCapacity: 1, MaxCapacity: 9 }),
    );
    await autoscaling.send(
      new PutScalingPolicyCommand({
        ...key,
        PolicyName: 'modelkeeper-flights-steps-in',
        PolicyType: 'StepScaling',
        StepScalingPolicyConfiguration: {
          AdjustmentType: 'ExactCapacity',
          Cooldown: 60,
          StepAdjustments: [{ MetricIntervalUpperBound: 0, ScalingAdjustment: 1 }],
        },
      }),
    );
    const wanted = [
      { what: 'scalable target', field: 'max', was: '9', is: '4' },
      {
        what: 'modelkeeper-flights-steps-in',
        field: 'adjustment',
        was: 'ExactCapacity',
        is: 'ChangeInCapacity',
      },
      {
        what: 'modelkeeper-flights-steps-in',
        field: 'steps',
        was: '-∞ to 0: 1',
        is: '-∞ to 0: -1',
      },
      { what: 'modelkeeper-flights-steps-in', field: 'cool-down', was: '60', is: '0' },
    ];
    expect(await run(activities.repairScaling, [{ ...ref, compareOnly: true }])).toEqual(wanted);
    expect((await target())?.MaxCapacity).toBe(9);
    expect(await run(activities.repairScaling, [ref])).toEqual(wanted);
    expect((await target())?.MaxCapacity).toBe(4);
    expect(await run(activities.repairScaling, [ref])).toEqual([]);
  });

  it('takes the limits a schedule of the policy has set for right', async () => {
    await autoscaling.send(
      new RegisterScalableTargetCommand({ ...key, MinCapacity: 2, MaxCapacity: 4 }),
    );
    expect(await run(activities.repairScaling, [ref])).toEqual([]);
    await autoscaling.send(
      new RegisterScalableTargetCommand({ ...key, MinCapacity: 1, MaxCapacity: 4 }),
    );
  });

  it('makes a fleet that grows by the step its load asks for, and says why', async () => {
    /** As many in each of the last minutes, as if people had called. */
    const load = (value: number) => {
      sandbox.kernel.observe(
        [1, 2].map((minute) => ({
          namespace: 'AWS/SageMaker',
          name: 'InvocationsPerInstance',
          dimensions: { EndpointName: 'flights-live', VariantName: 'AllTraffic' },
          value,
          atMs: Date.now() - minute * 60_000,
        })),
      );
    };
    const before = (await desired()) ?? 0;
    load(650);
    await vi.waitFor(
      async () => {
        expect(await desired()).toBeGreaterThanOrEqual(Math.min(4, before + 2));
      },
      { timeout: 25_000, interval: 200 },
    );
    await vi.waitFor(
      async () => {
        const { ScalingActivities: all = [] } = await autoscaling.send(
          new DescribeScalingActivitiesCommand(key),
        );
        expect(all.map((one) => activityInWords(one).sentence).join()).toContain(
          'modelkeeper-flights-scaling-out',
        );
      },
      { timeout: 25_000, interval: 200 },
    );
  }, 60_000);

  it('leaves an alarm that people made under the name of one of its own, whether steps want it or not', async () => {
    const name = 'modelkeeper-flights-scaling-out';
    const arn = (await alarm(name))?.AlarmArn ?? '';
    await cloudwatch.send(
      new CwUntagResourceCommand({ ResourceARN: arn, TagKeys: ['modelkeeper:model'] }),
    );
    await cloudwatch.send(
      new PutMetricAlarmCommand({
        AlarmName: name,
        Namespace: 'shop',
        MetricName: 'Errors',
        Statistic: 'Sum',
        Period: 60,
        EvaluationPeriods: 1,
        Threshold: 7,
        ComparisonOperator: 'GreaterThanThreshold',
      }),
    );
    const found = await run(activities.repairScaling, [ref]);
    expect(found).toEqual([{ what: name, field: 'owner', was: 'somebody else’s', is: 'flights' }]);
    expect(scalingInWords(found)).toEqual([
      `left the ${name} alone, it is somebody else’s: to hand it over, tag it modelkeeper:model = flights`,
    ]);
    const without = { instances: FULL.instances, target: FULL.target };
    const stepless = await run(activities.repairScaling, [
      { ...refWith(without), compareOnly: true },
    ]);
    expect(stepless.map(({ what }) => what)).not.toContain(name);
    expect(await alarm(name)).toMatchObject({ MetricName: 'Errors', Threshold: 7 });
    await cloudwatch.send(
      new CwTagResourceCommand({
        ResourceARN: arn,
        Tags: [{ Key: 'modelkeeper:model', Value: 'flights' }],
      }),
    );
    await run(activities.repairScaling, [ref]);
    expect(await alarm(name)).toMatchObject({ MetricName: 'InvocationsPerInstance' });
  });
  it('removes what the policy no longer names, and keeps what is somebody else’s', async () => {
    await autoscaling.send(
      new PutScalingPolicyCommand({
        ...key,
        PolicyName: 'by-hand',
        PolicyType: 'StepScaling',
        StepScalingPolicyConfiguration: {
          AdjustmentType: 'ChangeInCapacity',
          StepAdjustments: [{ MetricIntervalLowerBound: 0, ScalingAdjustment: 1 }],
        },
      }),
    );
    const removed = await run(activities.repairScaling, [
      refWith({ instances: FULL.instances, target: FULL.target }),
    ]);
    expect(removed.map(({ what, is }) => `${is} ${what}`).sort()).toEqual([
      'removed modelkeeper-flights-at-morning',
      'removed modelkeeper-flights-scaling-in',
      'removed modelkeeper-flights-scaling-out',
      'removed modelkeeper-flights-steps-in',
      'removed modelkeeper-flights-steps-out',
    ]);
    await run(activities.removeScaling, [refWith(undefined)]);
    expect((await policies()).map((one) => one.PolicyName)).toEqual(['by-hand']);
    expect(await target()).toBeDefined();
    expect((await alarmNames()).filter((name) => name.startsWith('modelkeeper-'))).toEqual([]);
  });
});

describe('whose a scalable target is', () => {
  const arn = async () => (await target())?.ScalableTargetARN ?? '';
  const claim = async () =>
    (await autoscaling.send(new ListTagsForResourceCommand({ ResourceARN: await arn() }))).Tags?.[
      'modelkeeper:keeper'
    ];
  const limits = async () => {
    const found = await target();
    return [found?.MinCapacity, found?.MaxCapacity];
  };
  /** A target as a person makes it: other limits, and a policy of their own. */
  const byHand = async (): Promise<void> => {
    if ((await target()) !== undefined)
      await autoscaling.send(new DeregisterScalableTargetCommand(key));
    await autoscaling.send(
      new RegisterScalableTargetCommand({ ...key, MinCapacity: 1, MaxCapacity: 3 }),
    );
    await autoscaling.send(
      new PutScalingPolicyCommand({
        ...key,
        PolicyName: 'by-hand',
        PolicyType: 'StepScaling',
        StepScalingPolicyConfiguration: {
          AdjustmentType: 'ChangeInCapacity',
          StepAdjustments: [{ MetricIntervalLowerBound: 0, ScalingAdjustment: 1 }],
        },
      }),
    );
  };

  it('is told where a person made it, and nothing is written to it or taken away', async () => {
    await byHand();
    const told = await run(activities.repairScaling, [ref]);
    expect(scalingInWords(told)).toEqual([
      'left the scalable target alone, it is somebody else’s (1 to 3 instances, with by-hand): to hand it over, tag it modelkeeper:keeper = keeper/flights',
    ]);
    await run(activities.removeScaling, [ref]);
    expect(await limits()).toEqual([1, 3]);
    expect((await policies()).map(({ PolicyName }) => PolicyName)).toEqual(['by-hand']);
    expect(await claim()).toBeUndefined();
  });

  it('changes when that person hands it over by the tag; their own policies stay on it', async () => {
    await autoscaling.send(
      new TagResourceCommand({
        ResourceARN: await arn(),
        Tags: { 'modelkeeper:keeper': 'keeper/flights' },
      }),
    );
    await run(activities.repairScaling, [ref]);
    expect(await limits()).toEqual([1, 4]);
    expect((await policies()).map(({ PolicyName }) => PolicyName)).toContain('by-hand');
    await run(activities.removeScaling, [ref]);
    expect((await policies()).map(({ PolicyName }) => PolicyName)).toEqual(['by-hand']);
    expect(await claim()).toBeUndefined();
    await autoscaling.send(new DeregisterScalableTargetCommand(key));
  });

  it('is ours from its registration on, and one made before there were tags is claimed', async () => {
    await run(activities.applyScaling, [ref]);
    expect(await claim()).toBe('keeper/flights');
    await autoscaling.send(
      new UntagResourceCommand({ ResourceARN: await arn(), TagKeys: ['modelkeeper:keeper'] }),
    );
    const unclaimed = {
      what: 'scalable target',
      field: 'claim',
      was: 'none',
      is: 'keeper/flights',
    };
    expect(await run(activities.repairScaling, [{ ...ref, compareOnly: true }])).toEqual([
      unclaimed,
    ]);
    expect(await claim()).toBeUndefined();
    expect(await run(activities.repairScaling, [ref])).toEqual([unclaimed]);
    expect(await claim()).toBe('keeper/flights');
    expect(await run(activities.repairScaling, [ref])).toEqual([]);
  });

  it('is another keeper’s by its tag, whatever is on it', async () => {
    await autoscaling.send(
      new TagResourceCommand({
        ResourceARN: await arn(),
        Tags: { 'modelkeeper:keeper': 'keeper/trains' },
      }),
    );
    expect(scalingInWords(await run(activities.repairScaling, [ref])).join()).toContain(
      'claimed by keeper/trains',
    );
    await run(activities.removeScaling, [ref]);
    expect(await target()).toBeDefined();
  });
});

describe('a suspension', () => {
  const suspended = async () => (await target())?.SuspendedState?.DynamicScalingOutSuspended;

  it('of ours is found by its mark and lifted, unless its release still runs', async () => {
    await run(activities.suspendScaling, [{ ...ref, by: 'release/flights/7' }]);
    expect(
      await run(activities.liftSuspension, [{ ...ref, except: ['release/flights/7'] }]),
    ).toEqual({ kind: 'kept', by: 'release/flights/7' });
    expect(await suspended()).toBe(true);
    expect(await run(activities.liftSuspension, [{ ...ref, except: [] }])).toEqual({
      kind: 'lifted',
      by: 'release/flights/7',
    });
    expect(await suspended()).toBe(false);
    expect(await run(activities.liftSuspension, [{ ...ref, except: [] }])).toEqual({
      kind: 'none',
    });
  });

  it('leaves what a person had suspended before as it was, however often it is lifted', async () => {
    const theirs = {
      DynamicScalingInSuspended: false,
      DynamicScalingOutSuspended: false,
      ScheduledScalingSuspended: true,
    };
    await autoscaling.send(new RegisterScalableTargetCommand({ ...key, SuspendedState: theirs }));
    for (let n = 0; n < 2; n += 1)
      await run(activities.suspendScaling, [{ ...ref, by: 'release/flights/7' }]);
    expect((await target())?.SuspendedState).toEqual({
      DynamicScalingInSuspended: true,
      DynamicScalingOutSuspended: true,
      ScheduledScalingSuspended: true,
    });
    expect(
      await run(activities.liftSuspension, [{ ...ref, except: ['release/flights/7'] }]),
    ).toEqual({ kind: 'kept', by: 'release/flights/7' });
    for (let n = 0; n < 2; n += 1) {
      await run(activities.resumeScaling, [ref]);
      expect((await target())?.SuspendedState).toEqual(theirs);
    }
  });

  it("of a person's stays", async () => {
    await autoscaling.send(
      new RegisterScalableTargetCommand({
        ...key,
        SuspendedState: { DynamicScalingOutSuspended: true },
      }),
    );
    expect(await run(activities.liftSuspension, [{ ...ref, except: [] }])).toEqual({
      kind: 'none',
    });
    expect(await suspended()).toBe(true);
  });
});
