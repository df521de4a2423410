/** The activities of a rollout by steps against the local AWS: what its refusals and states leave of them. */
import {
  type ApplicationAutoScalingClient,
  DeregisterScalableTargetCommand,
  DescribeScalableTargetsCommand,
  DescribeScalingPoliciesCommand,
  DescribeScheduledActionsCommand,
  PutScalingPolicyCommand,
  PutScheduledActionCommand,
  RegisterScalableTargetCommand,
} from '@aws-sdk/client-application-auto-scaling';
import {
  DescribeAlarmsCommand,
  ListTagsForResourceCommand,
  DeleteAlarmsCommand,
  PutMetricAlarmCommand,
  PutMetricDataCommand,
  SetAlarmStateCommand,
  type MetricAlarm,
  type PutMetricAlarmInput,
} from '@aws-sdk/client-cloudwatch';
import { CreateBucketCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import {
  CreateEndpointCommand,
  CreateEndpointConfigCommand,
  CreateModelCommand,
  CreateModelPackageCommand,
  CreateModelPackageGroupCommand,
  DescribeEndpointCommand,
  ListEndpointConfigsCommand,
  UpdateEndpointWeightsAndCapacitiesCommand,
} from '@aws-sdk/client-sagemaker';
import { InvokeEndpointCommand } from '@aws-sdk/client-sagemaker-runtime';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { ControlActivities, Prepared, Split } from '../../activities/contract.js';
import type { ControlDeps } from '../../activities/deps.js';
import { createControlActivities } from '../../activities/index.js';
import { packArchive } from '../../sandbox/learner/archive.js';
import {
  discard,
  fault,
  LEARNER,
  openBench,
  REGION,
  ROLE,
  until,
  type Bench,
} from '../sandbox/sagemaker/support.js';
import { attemptOf, candidate, policyWith, type Attempt } from './support.js';

const ENDPOINT = 'flights-live';
const VARIANT = 'AllTraffic';
const policy = policyWith({
  endpoint: { name: ENDPOINT, region: REGION },
  deploy: {
    strategy: 'steps',
    steps: [
      { percent: 20, bake: '1s' },
      { percent: 50, bake: '1s' },
    ],
    finalBake: '0s',
    role: ROLE,
  },
});
const ref = { model: 'flights', policy };

let bench: Bench;
let scaling: ApplicationAutoScalingClient;
let activities: ControlActivities;
let packageArn = '';

beforeAll(async () => {
  bench = await openBench();
  const { sagemaker, cloudwatch, s3 } = bench;
  scaling = bench.autoscaling;
  const clients = { sagemaker, cloudwatch, s3, autoscaling: scaling };
  activities = createControlActivities({
    aws: () => clients as unknown as ReturnType<ControlDeps['aws']>,
    temporal: {} as ControlDeps['temporal'],
    now: () => Date.now(),
    consoleUrl: null,
  });
  await s3.send(new CreateBucketCommand({ Bucket: 'artefacts' }));
  const Body = await packArchive({ 'xgboost-model': 'binary' });
  await s3.send(new PutObjectCommand({ Bucket: 'artefacts', Key: 'm.tar.gz', Body }));
  const container = { Image: LEARNER, ModelDataUrl: 's3://artefacts/m.tar.gz' };
  await sagemaker.send(new CreateModelPackageGroupCommand({ ModelPackageGroupName: 'flights' }));
  const made = await sagemaker.send(
    new CreateModelPackageCommand({
      ModelPackageGroupName: 'flights',
      ModelApprovalStatus: 'Approved',
      InferenceSpecification: {
        Containers: [container],
        SupportedContentTypes: ['text/csv'],
        SupportedResponseMIMETypes: ['text/csv'],
      },
    }),
  );
  packageArn = made.ModelPackageArn ?? '';
  await sagemaker.send(
    new CreateModelCommand({
      ModelName: 'first',
      ExecutionRoleArn: ROLE,
      PrimaryContainer: container,
    }),
  );
  await sagemaker.send(
    new CreateEndpointConfigCommand({
      EndpointConfigName: 'first',
      ProductionVariants: [
        {
          VariantName: VARIANT,
          ModelName: 'first',
          InstanceType: 'ml.m5.large',
          InitialInstanceCount: 3,
          InitialVariantWeight: 1,
        },
      ],
    }),
  );
  await sagemaker.send(
    new CreateEndpointCommand({
      EndpointName: ENDPOINT,
      EndpointConfigName: 'first',
      Tags: [{ Key: 'modelkeeper:keeper', Value: 'keeper/flights' }],
    }),
  );
  await until(look, ({ EndpointStatus }) => EndpointStatus === 'InService');
  await scaling.send(
    new RegisterScalableTargetCommand({
      ServiceNamespace: 'sagemaker',
      ResourceId: `endpoint/${ENDPOINT}/variant/${VARIANT}`,
      ScalableDimension: 'sagemaker:variant:DesiredInstanceCount',
      MinCapacity: 2,
      MaxCapacity: 6,
    }),
  );
}, 60_000);
afterAll(async () => {
  await bench.close();
  discard(bench.home);
});

const look = () => bench.sagemaker.send(new DescribeEndpointCommand({ EndpointName: ENDPOINT }));

/** Runs an activity as Temporal does, until it answers; the sandbox takes a thousandth of AWS's time. */
async function settled<Args extends unknown[], Result>(
  activity: (...args: Args) => Promise<Result>,
  ...args: Args
): Promise<Result> {
  let heartbeatDetails: unknown;
  const last: Attempt<Result> = await until<Attempt<Result>>(
    () => attemptOf<Args, Result>(activity, args, { heartbeatDetails }),
    ({ error, details }) => {
      heartbeatDetails = details;
      const failure = error as { nonRetryable?: boolean } | undefined;
      return failure === undefined || failure.nonRetryable === true;
    },
  );
  return last.result();
}

const weights = async () =>
  Object.fromEntries(
    ((await look()).ProductionVariants ?? []).map((one) => [
      one.VariantName ?? '',
      one.CurrentWeight,
    ]),
  );

const targets = async () =>
  (
    await scaling.send(new DescribeScalableTargetsCommand({ ServiceNamespace: 'sagemaker' }))
  ).ScalableTargets?.map(({ ResourceId }) => ResourceId?.split('/').at(-1)).sort();

const onVariant = (variant: string) =>
  ({
    ServiceNamespace: 'sagemaker',
    ResourceId: `endpoint/${ENDPOINT}/variant/${variant}`,
    ScalableDimension: 'sagemaker:variant:DesiredInstanceCount',
  }) as const;

/** The champion's fleet follows a metric by its name, and the clock. */
async function scalesByLoadAndClock(): Promise<void> {
  await scaling.send(
    new PutScalingPolicyCommand({
      ...onVariant(VARIANT),
      PolicyName: 'load',
      PolicyType: 'TargetTrackingScaling',
      TargetTrackingScalingPolicyConfiguration: {
        TargetValue: 5_000,
        CustomizedMetricSpecification: {
          Namespace: '/aws/sagemaker/Endpoints',
          MetricName: 'CPUUtilization',
          Statistic: 'Average',
          Dimensions: [
            { Name: 'EndpointName', Value: ENDPOINT },
            { Name: 'VariantName', Value: VARIANT },
          ],
        },
      },
    }),
  );
  await scaling.send(
    new PutScheduledActionCommand({
      ...onVariant(VARIANT),
      ScheduledActionName: 'morning',
      Schedule: 'cron(0 7 1 1 ? *)',
      ScalableTargetAction: { MinCapacity: 4, MaxCapacity: 6 },
    }),
  );
}

/** Dimensions of each metric that is tracked, and the bounds that each schedule sets. */
async function scalingOf(variant: string): Promise<Readonly<Record<string, unknown>>> {
  const { ScalingPolicies: policies = [] } = await scaling.send(
    new DescribeScalingPoliciesCommand(onVariant(variant)),
  );
  const { ScheduledActions: actions = [] } = await scaling.send(
    new DescribeScheduledActionsCommand(onVariant(variant)),
  );
  const tracked = policies.flatMap((one) => {
    const metric =
      one.TargetTrackingScalingPolicyConfiguration?.CustomizedMetricSpecification?.Dimensions;
    return metric === undefined
      ? []
      : [[one.PolicyName, Object.fromEntries(metric.map(({ Name, Value }) => [Name, Value]))]];
  });
  return Object.fromEntries([
    ...tracked,
    ...actions.map((one) => [one.ScheduledActionName, one.ScalableTargetAction]),
  ]) as Record<string, unknown>;
}

const TOPIC = 'arn:aws:sns:us-east-1:111122223333:on-call';

/** A step policy of the champion, and the alarm that calls it. */
async function steps(
  policyName: string,
  add: number,
  alarm: Partial<PutMetricAlarmInput> & { AlarmName: string },
): Promise<void> {
  const { PolicyARN = '' } = await scaling.send(
    new PutScalingPolicyCommand({
      ...onVariant(VARIANT),
      PolicyName: policyName,
      PolicyType: 'StepScaling',
      StepScalingPolicyConfiguration: {
        AdjustmentType: 'ChangeInCapacity',
        Cooldown: 60,
        StepAdjustments: [{ MetricIntervalLowerBound: 0, ScalingAdjustment: add }],
      },
    }),
  );
  await bench.cloudwatch.send(
    new PutMetricAlarmCommand({
      EvaluationPeriods: 1,
      ComparisonOperator: 'GreaterThanThreshold',
      Threshold: 0.5,
      TreatMissingData: 'missing',
      ...alarm,
      AlarmActions: [PolicyARN, TOPIC],
    }),
  );
}

const ofVariant = (variant: string) => [
  { Name: 'EndpointName', Value: ENDPOINT },
  { Name: 'VariantName', Value: variant },
];

/** Steps of ours, of a person's by an expression, and by something that knows of no variant. */
async function scalesBySteps(): Promise<void> {
  await steps('modelkeeper-flights-steps-out', 1, {
    AlarmName: 'modelkeeper-flights-scaling-out',
    Namespace: '/aws/sagemaker/Endpoints',
    MetricName: 'CPUUtilization',
    Dimensions: ofVariant(VARIANT),
    Statistic: 'Average',
    Period: 60,
    DatapointsToAlarm: 1,
  });
  await steps('busy', 2, {
    AlarmName: 'shop is busy',
    Metrics: [
      {
        Id: 'waiting',
        MetricStat: {
          Metric: {
            Namespace: 'Shop',
            MetricName: 'Waiting',
            Dimensions: [{ Name: 'VariantName', Value: VARIANT }],
          },
          Period: 10,
          Stat: 'Sum',
        },
        ReturnData: false,
      },
      { Id: 'each', Expression: 'waiting / 2', ReturnData: true },
    ],
  });
  await steps('queue', 3, {
    AlarmName: 'queue is long',
    Namespace: 'AWS/SQS',
    MetricName: 'ApproximateNumberOfMessagesVisible',
    Dimensions: [{ Name: 'QueueName', Value: 'flights' }],
    Statistic: 'Maximum',
    Period: 60,
  });
}

/** The alarms that scale the candidate of a release, by their ends. */
async function candidateAlarms(release: number): Promise<Readonly<Record<string, MetricAlarm>>> {
  const AlarmNamePrefix = `modelkeeper-flights-release-${String(release)}-candidate-scaling-`;
  const { MetricAlarms = [] } = await bench.cloudwatch.send(
    new DescribeAlarmsCommand({ AlarmNamePrefix }),
  );
  return Object.fromEntries(
    MetricAlarms.map((one) => [one.AlarmName?.slice(AlarmNamePrefix.length) ?? '', one]),
  );
}

const disagreements = async () =>
  (
    await settled(activities.reconcile, {
      ...ref,
      expected: { configName: null, seen: null },
      known: [],
      accepted: [],
      ledgerHead: 0,
      notBeforeMs: 0,
      once: true,
    })
  ).disagreements.filter(({ kind }) => kind === 'alarm-left-behind');

/** From the champion alone to both side by side. */
async function entered(release: number): Promise<{ prepared: Prepared; split: Split }> {
  const prepared = await settled(activities.prepareDeployment, {
    ...ref,
    release,
    name: `flights-${String(release)}`,
    candidate: { ...candidate, packageArn },
    champion: null,
  });
  const { split } = prepared;
  if (split === undefined) throw new Error('nothing was prepared for two versions');
  const before = await look();
  expect(
    await update(release, prepared, split.configName, before.EndpointConfigName ?? null, {
      plain: true,
      newWeights: true,
    }),
  ).toBe('in service');
  return { prepared, split };
}

async function update(
  release: number,
  { plan }: Prepared,
  configName: string,
  previous: string | null,
  more: { plain?: boolean; newWeights?: boolean } = {},
): Promise<string> {
  const outcome = await settled(activities.updateEndpoint, {
    ...ref,
    release,
    configName,
    plan,
    expectedConfigName: previous,
    lastModifiedAtMs: (await look()).LastModifiedTime?.getTime() ?? 0,
    ...more,
  });
  if (outcome.kind !== 'accepted') return `${outcome.kind}: ${JSON.stringify(outcome)}`;
  const rest = await settled(activities.awaitRest, {
    ...ref,
    configName,
    previousConfigName: previous,
    alarmNames: plan.alarmNames,
    deadlineMs: Date.now() + 60_000,
    journey: { sinceMs: Date.now(), progress: [], formerReason: null },
    tellMoves: false,
  });
  return rest.kind;
}

async function shifted(split: Split, percent: number, expectedPercent: number | null) {
  const request = { ...ref, split, percent };
  const outcome = await settled(activities.shiftTraffic, { ...request, expectedPercent });
  if (outcome.kind !== 'accepted') return outcome;
  return settled(activities.awaitShift, { ...request, deadlineMs: Date.now() + 30_000 });
}

describe('a rollout by steps on the local AWS', () => {
  it('goes to the end: two variants, shares, scaling of both, and the candidate alone', async () => {
    const { prepared, split } = await entered(7);
    expect(await weights()).toEqual({ [VARIANT]: 100, [split.candidateVariant]: 0 });
    const count = (await look()).ProductionVariants?.map((one) => one.DesiredInstanceCount);
    expect(count).toEqual([3, 2]);

    await scalesByLoadAndClock();
    await settled(activities.openSplit, { ...ref, split, resume: true });
    expect(await targets()).toEqual([VARIANT, split.candidateVariant]);
    // What tracks the champion's load and what the clock sets follow to the candidate, on its own numbers.
    expect(await scalingOf(split.candidateVariant)).toEqual({
      load: { EndpointName: ENDPOINT, VariantName: split.candidateVariant },
      morning: { MinCapacity: 2, MaxCapacity: 6 },
    });
    expect(await shifted(split, 20, 0)).toMatchObject({ kind: 'there' });
    expect(await weights()).toEqual({ [VARIANT]: 80, [split.candidateVariant]: 20 });
    // A retry whose call took effect finds it, also after the answer was lost.
    expect(await shifted(split, 20, 0)).toEqual({ kind: 'there' });

    // Weights that SageMaker could not set and took back are told with its reason, and can be set again.
    await fault(bench, { operation: '*', kind: 'capacity', match: ENDPOINT, times: 1 });
    const failed = await shifted(split, 50, 20);
    expect(failed).toMatchObject({
      kind: 'changed by hand',
      percent: 20,
      reason: expect.stringMatching(/SageMaker took ours back \(.*capacity/i) as string,
    });
    expect(await weights()).toEqual({ [VARIANT]: 80, [split.candidateVariant]: 20 });

    const asked = { EndpointName: ENDPOINT, ContentType: 'text/csv', Body: Buffer.from('1,2') };
    const answer = await bench.runtime.send(
      new InvokeEndpointCommand({ ...asked, TargetVariant: split.candidateVariant }),
    );
    expect(answer.InvokedProductionVariant).toBe(split.candidateVariant);

    // No update may take away a variant that is a scalable target: SageMaker refuses it.
    expect(await update(7, prepared, 'flights-7', split.configName)).toMatch(
      /^refused: .*scalable targets/,
    );
    await settled(activities.closeSplit, { ...ref, split, suspend: true });
    expect(await targets()).toEqual([VARIANT]);
    expect(await scalingOf(split.candidateVariant)).toEqual({});
    expect(await scalingOf(VARIANT)).toEqual({
      load: { EndpointName: ENDPOINT, VariantName: VARIANT },
      morning: { MinCapacity: 4, MaxCapacity: 6 },
    });
    expect(await update(7, prepared, 'flights-7', split.configName)).toBe('in service');
    const alone = await look();
    expect(alone.EndpointConfigName).toBe('flights-7');
    expect(alone.ProductionVariants).toMatchObject([
      { VariantName: VARIANT, DesiredInstanceCount: 3 },
    ]);
    await settled(activities.discardDeployment, {
      ...ref,
      release: 7,
      names: ['flights-7'],
      keepConfig: true,
    });
    const left = await bench.sagemaker.send(
      new ListEndpointConfigsCommand({ NameContains: 'flights-7' }),
    );
    expect(left.EndpointConfigs?.map((one) => one.EndpointConfigName)).toEqual(['flights-7']);
  }, 60_000);

  it('sees weights that somebody else sets, and an alarm on the candidate', async () => {
    const { prepared, split } = await entered(8);
    expect(await shifted(split, 20, 0)).toMatchObject({ kind: 'there' });
    await bench.sagemaker.send(
      new UpdateEndpointWeightsAndCapacitiesCommand({
        EndpointName: ENDPOINT,
        DesiredWeightsAndCapacities: [{ VariantName: split.candidateVariant, DesiredWeight: 80 }],
      }),
    );
    const watch = { ...ref, split, percent: 20, untilMs: Date.now() + 60_000 };
    expect(await settled(activities.watchSplit, watch)).toMatchObject({
      kind: 'changed by hand',
      percent: 50,
    });
    expect(await shifted(split, 50, 20)).toEqual({ kind: 'there' });
    expect(await shifted(split, 60, 20)).toMatchObject({ kind: 'changed by hand', percent: 50 });

    const [alarm = ''] = split.alarmNames;
    await bench.cloudwatch.send(
      new SetAlarmStateCommand({ AlarmName: alarm, StateValue: 'ALARM', StateReason: 'a test' }),
    );
    expect(await settled(activities.watchSplit, { ...watch, percent: null })).toEqual({
      kind: 'alarm',
      reason: `alarm ${alarm} went off: a test`,
    });
    expect(await shifted(split, 0, null)).toMatchObject({ kind: 'there' });
    expect(await update(8, prepared, 'flights-7', split.configName, { plain: true })).toBe(
      'in service',
    );
    expect(await settled(activities.watchSplit, { ...watch, percent: null })).toMatchObject({
      kind: 'alarm',
    });
    expect(await shifted(split, 20, 0)).toMatchObject({ kind: 'lost' });
  }, 60_000);

  it('scales the candidate by steps with alarms of its own, which go with it', async () => {
    const { prepared, split } = await entered(9);
    await scalesBySteps();
    const open = { ...ref, split, release: 9, resume: true };
    // One that people made under the name of a copy is left as it is, and told.
    const theirs = 'modelkeeper-flights-release-9-candidate-scaling-out';
    await bench.cloudwatch.send(
      new PutMetricAlarmCommand({
        AlarmName: theirs,
        Namespace: 'Shop',
        MetricName: 'Errors',
        Statistic: 'Sum',
        Period: 60,
        EvaluationPeriods: 1,
        Threshold: 1,
        ComparisonOperator: 'GreaterThanThreshold',
      }),
    );
    expect((await settled(activities.openSplit, open)).done).toContain(
      `the candidate's alarm ${theirs} is not made: one of that name is somebody else's, and is left as it is`,
    );
    expect((await candidateAlarms(9))['out']).toMatchObject({ MetricName: 'Errors' });
    await bench.cloudwatch.send(new DeleteAlarmsCommand({ AlarmNames: [theirs] }));
    const { done } = await settled(activities.openSplit, open);
    expect(done.filter((what) => what.includes('not taken over'))).toEqual([
      `the scaling policy queue is not taken over: what calls it does not tell ${VARIANT} from another variant`,
    ]);

    const { ScalingPolicies: policies = [] } = await scaling.send(
      new DescribeScalingPoliciesCommand(onVariant(split.candidateVariant)),
    );
    const arns: Readonly<Record<string, string | undefined>> = Object.fromEntries(
      policies.map((one) => [one.PolicyName ?? '', one.PolicyARN]),
    );
    expect(Object.keys(arns).sort()).toEqual(['busy', 'load', 'modelkeeper-flights-steps-out']);
    const made = await candidateAlarms(9);
    expect(Object.keys(made).sort()).toEqual(['2', 'out']);
    // They call the candidate's policies, and nobody of those who are called for the champion.
    expect(made['out']).toMatchObject({
      MetricName: 'CPUUtilization',
      Dimensions: ofVariant(split.candidateVariant),
      Period: 60,
      Threshold: 0.5,
      DatapointsToAlarm: 1,
      ActionsEnabled: true,
      AlarmActions: [arns['modelkeeper-flights-steps-out']],
    });
    const Dimensions = [{ Name: 'VariantName', Value: split.candidateVariant }];
    expect(made['2']?.Metrics).toMatchObject([
      { Id: 'waiting', MetricStat: { Metric: { Dimensions } } },
      { Id: 'each', Expression: 'waiting / 2' },
    ]);
    expect(made['2']?.AlarmActions).toEqual([arns['busy']]);
    const { Tags } = await bench.cloudwatch.send(
      new ListTagsForResourceCommand({ ResourceARN: made['out']?.AlarmArn }),
    );
    expect(Tags).toEqual([
      { Key: 'modelkeeper:model', Value: 'flights' },
      { Key: 'modelkeeper:release', Value: 'flights-9' },
    ]);

    // Neither the repair of the managed alarms nor a comparison touches them meanwhile, and twice is as once.
    expect(await disagreements()).toEqual([]);
    await settled(activities.repairAlarms, ref);
    expect(Object.keys(await candidateAlarms(9)).sort()).toEqual(['2', 'out']);
    await settled(activities.openSplit, open);
    expect(Object.keys(await candidateAlarms(9)).sort()).toEqual(['2', 'out']);

    // What waits at the candidate makes the candidate's fleet grow, and that one alone.
    const waiting = { MetricName: 'Waiting', Dimensions, Value: 9, StorageResolution: 1 };
    await bench.cloudwatch.send(
      new PutMetricDataCommand({ Namespace: 'Shop', MetricData: [waiting] }),
    );
    const counts = async () =>
      (await look()).ProductionVariants?.map((one) => one.DesiredInstanceCount);
    expect(await until(counts, (now) => now?.[1] !== 2)).toEqual([3, 4]);

    await settled(activities.closeSplit, { ...ref, split, release: 9, suspend: true });
    expect(await candidateAlarms(9)).toEqual({});
    expect(await targets()).toEqual([VARIANT]);

    // Cut off before it could take them away, and the endpoint put back by hand.
    await until(look, ({ EndpointStatus }) => EndpointStatus === 'InService');
    await settled(activities.openSplit, open);
    await scaling.send(new DeregisterScalableTargetCommand(onVariant(split.candidateVariant)));
    expect(await update(9, prepared, 'flights-7', split.configName, { plain: true })).toBe(
      'in service',
    );
    expect((await disagreements()).map(({ subject }) => subject)).toEqual(
      Object.values(await candidateAlarms(9)).map(({ AlarmName }) => AlarmName),
    );
    expect((await settled(activities.repairAlarms, ref)).differences).toHaveLength(2);
    expect(await candidateAlarms(9)).toEqual({});
    expect(await disagreements()).toEqual([]);

    await settled(activities.discardDeployment, {
      ...ref,
      release: 9,
      names: ['flights-9'],
      keepConfig: false,
    });
  }, 60_000);

  it('goes back two versions when config, model and artefact are still there', async () => {
    const found = await settled(activities.findWayBack, { ...ref, to: 'first', previous: null });
    expect(found).toMatchObject({ kind: 'ready', configName: 'first' });
    const gone = await settled(activities.findWayBack, { ...ref, to: 'flights-1', previous: null });
    expect(gone).toEqual({
      kind: 'refused',
      reason: 'there is no endpoint config flights-1; still there: flights-8',
    });
    const pruned = await settled(activities.pruneConfigs, { ...ref, keep: 0, wanted: [] });
    // What serves stays, and what is not tagged ours.
    expect([...pruned.removed].sort()).toEqual(['flights-8', 'flights-8-split']);
  }, 60_000);
});
