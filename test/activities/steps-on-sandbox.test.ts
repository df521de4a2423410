/** The activities of a rollout by steps against the local AWS: what its refusals and states leave of them. */
import {
  type ApplicationAutoScalingClient,
  DescribeScalableTargetsCommand,
  DescribeScalingPoliciesCommand,
  DescribeScheduledActionsCommand,
  PutScalingPolicyCommand,
  PutScheduledActionCommand,
  RegisterScalableTargetCommand,
} from '@aws-sdk/client-application-auto-scaling';
import { SetAlarmStateCommand } from '@aws-sdk/client-cloudwatch';
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
