/** Each named disagreement, made in a strict local AWS by the call somebody would make, and found by one comparison. */
import {
  type ApplicationAutoScalingClient,
  DeregisterScalableTargetCommand,
  DeleteScalingPolicyCommand,
  DescribeScalableTargetsCommand,
  PutScalingPolicyCommand,
  RegisterScalableTargetCommand,
  TagResourceCommand,
} from '@aws-sdk/client-application-auto-scaling';
import {
  DeleteAlarmsCommand,
  DescribeAlarmsCommand,
  DisableAlarmActionsCommand,
  PutMetricAlarmCommand,
  type PutMetricAlarmInput,
  UntagResourceCommand,
} from '@aws-sdk/client-cloudwatch';
import { CreateBucketCommand, DeleteObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import {
  AddTagsCommand,
  CreateEndpointCommand,
  CreateEndpointConfigCommand,
  CreateModelCommand,
  CreateModelPackageCommand,
  CreateModelPackageGroupCommand,
  DeleteEndpointConfigCommand,
  DeleteModelCommand,
  DeleteModelPackageCommand,
  DeleteTagsCommand,
  DescribeEndpointCommand,
  UpdateEndpointCommand,
  UpdateEndpointWeightsAndCapacitiesCommand,
  UpdateModelPackageCommand,
} from '@aws-sdk/client-sagemaker';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { ControlActivities } from '../../activities/contract.js';
import type { ControlDeps } from '../../activities/deps.js';
import { createControlActivities } from '../../activities/index.js';
import { ledgerUri } from '../../activities/read.js';
import { s3Address } from '../../activities/s3.js';
import {
  DISAGREEMENT_KINDS,
  type DisagreementKind,
  type Expected,
  type Seen,
} from '../../domain/disagreements.js';
import { trackingName } from '../../domain/scaling.js';
import { packArchive } from '../../sandbox/learner/archive.js';
import {
  discard,
  LEARNER,
  openBench,
  REGION,
  ROLE,
  until,
  type Bench,
} from '../sandbox/sagemaker/support.js';
import { policyWith, run } from './support.js';

const ENDPOINT = 'flights-live';
const VARIANT = 'AllTraffic';
const BUCKET = 'artefacts';
const MODEL_KEY = 'm.tar.gz';
const TARGET = {
  ServiceNamespace: 'sagemaker',
  ResourceId: `endpoint/${ENDPOINT}/variant/${VARIANT}`,
  ScalableDimension: 'sagemaker:variant:DesiredInstanceCount',
} as const;
const OWN_ALARM = 'checkout-errors';
const policy = policyWith({
  endpoint: { name: ENDPOINT, region: REGION },
  registry: { group: 'flights' },
  storage: `s3://${BUCKET}/keeper/`,
  monitor: {
    every: '1h',
    sources: [
      { id: 'health', kind: 'alarms', alarms: 'managed' },
      { id: 'shop', kind: 'alarms', alarms: [OWN_ALARM], means: 'performance' },
      { id: 'inputs', kind: 'captured-inputs', window: '6h' },
    ],
  },
  scaling: {
    instances: { min: 1, max: 4 },
    target: { metric: 'InvocationsPerInstance', value: 700 },
  },
});
const ref = { model: 'flights', policy };

let bench: Bench;
let scaling: ApplicationAutoScalingClient;
let activities: ControlActivities;
let packageArn = '';
let endpointArn = '';
let managed = '';
let entries = 0;
let seen: Seen;

const at = (uri: string): { readonly Bucket: string; readonly Key: string } => {
  const { bucket, key } = s3Address(uri);
  return { Bucket: bucket, Key: key };
};

const makeModel = (): Promise<unknown> =>
  bench.sagemaker.send(
    new CreateModelCommand({
      ModelName: 'first',
      ExecutionRoleArn: ROLE,
      PrimaryContainer: { ModelPackageName: packageArn },
    }),
  );

const makeConfig = (EndpointConfigName: string, captures = true): Promise<unknown> =>
  bench.sagemaker.send(
    new CreateEndpointConfigCommand({
      EndpointConfigName,
      ProductionVariants: [
        {
          VariantName: VARIANT,
          ModelName: 'first',
          InstanceType: 'ml.c5.xlarge',
          InitialInstanceCount: 2,
          InitialVariantWeight: 1,
        },
      ],
      ...(captures
        ? {
            DataCaptureConfig: {
              EnableCapture: true,
              InitialSamplingPercentage: 100,
              DestinationS3Uri: `s3://${BUCKET}/capture`,
              CaptureOptions: [{ CaptureMode: 'Input' }],
            },
          }
        : {}),
    }),
  );

const inService = (): Promise<unknown> =>
  until(
    () => bench.sagemaker.send(new DescribeEndpointCommand({ EndpointName: ENDPOINT })),
    ({ EndpointStatus }) => EndpointStatus === 'InService',
  );

async function serve(EndpointConfigName: string): Promise<void> {
  await bench.sagemaker.send(
    new UpdateEndpointCommand({ EndpointName: ENDPOINT, EndpointConfigName }),
  );
  await inService();
}

async function weigh(change: {
  readonly DesiredWeight?: number;
  readonly DesiredInstanceCount?: number;
}): Promise<void> {
  await bench.sagemaker.send(
    new UpdateEndpointWeightsAndCapacitiesCommand({
      EndpointName: ENDPOINT,
      DesiredWeightsAndCapacities: [{ VariantName: VARIANT, ...change }],
    }),
  );
  await inService();
}

const setStatus = (ModelApprovalStatus: 'Approved' | 'Rejected' | 'PendingManualApproval') =>
  bench.sagemaker.send(
    new UpdateModelPackageCommand({ ModelPackageArn: packageArn, ModelApprovalStatus }),
  );

const tag = (Value: string): Promise<unknown> =>
  bench.sagemaker.send(
    new AddTagsCommand({ ResourceArn: endpointArn, Tags: [{ Key: 'modelkeeper:keeper', Value }] }),
  );

let archive: Buffer;
const putArtefact = (Body: Buffer): Promise<unknown> =>
  bench.s3.send(new PutObjectCommand({ Bucket: BUCKET, Key: MODEL_KEY, Body }));

const putTheirs = (
  AlarmName: string,
  change: Partial<PutMetricAlarmInput> = {},
): Promise<unknown> =>
  bench.cloudwatch.send(
    new PutMetricAlarmCommand({
      AlarmName,
      Namespace: 'shop',
      MetricName: 'Errors',
      Statistic: 'Sum',
      Period: 60,
      EvaluationPeriods: 1,
      Threshold: 1,
      ComparisonOperator: 'GreaterThanThreshold',
      ...change,
    }),
  );

const untag = async (name: string): Promise<void> => {
  const { MetricAlarms: [found] = [] } = await bench.cloudwatch.send(
    new DescribeAlarmsCommand({ AlarmNames: [name] }),
  );
  await bench.cloudwatch.send(
    new UntagResourceCommand({
      ResourceARN: found?.AlarmArn ?? '',
      TagKeys: ['modelkeeper:model'],
    }),
  );
};

const ownAlarm = (): Promise<unknown> =>
  putTheirs(OWN_ALARM, { AlarmActions: [`arn:aws:sns:${REGION}:111122223333:oncall`] });

const register = (change: object): Promise<unknown> =>
  scaling.send(new RegisterScalableTargetCommand({ ...TARGET, ...change }));
async function tagTarget(keeper: string): Promise<void> {
  const { ScalableTargets: [found] = [] } = await scaling.send(
    new DescribeScalableTargetsCommand({
      ServiceNamespace: TARGET.ServiceNamespace,
      ResourceIds: [TARGET.ResourceId],
    }),
  );
  await scaling.send(
    new TagResourceCommand({
      ResourceARN: found?.ScalableTargetARN,
      Tags: { 'modelkeeper:keeper': keeper },
    }),
  );
}
const suspension = (suspended: boolean) => ({
  SuspendedState: {
    DynamicScalingInSuspended: suspended,
    DynamicScalingOutSuspended: suspended,
    ScheduledScalingSuspended: suspended,
  },
});

async function enter(decision: string): Promise<void> {
  const { number } = await run(activities.record, [
    {
      ...ref,
      drafts: [
        {
          id: `test/${decision}`,
          atMs: Date.now(),
          subject: 'keeper/flights',
          decision: 'freeze',
          reasons: [decision],
          evidence: [],
          actor: {
            person: 'ada@example.com',
            door: 'local',
            proof: { kind: 'os-user', user: 'ada' },
          },
          facts: {},
        },
      ],
    },
  ]);
  entries = number;
}

const compare = (over: { readonly expected?: Expected; readonly ledgerHead?: number } = {}) =>
  run(activities.reconcile, [
    {
      ...ref,
      expected: { configName: 'first', seen },
      known: [],
      ledgerHead: entries,
      notBeforeMs: 0,
      once: true,
      ...over,
    },
  ]);

beforeAll(async () => {
  bench = await openBench();
  const { sagemaker, cloudwatch, s3 } = bench;
  scaling = bench.autoscaling;
  activities = createControlActivities({
    aws: () =>
      ({ sagemaker, cloudwatch, s3, autoscaling: scaling }) as unknown as ReturnType<
        ControlDeps['aws']
      >,
    temporal: {} as ControlDeps['temporal'],
    now: () => Date.now(),
    consoleUrl: null,
  });
  await s3.send(new CreateBucketCommand({ Bucket: BUCKET }));
  archive = await packArchive({ 'xgboost-model': 'binary' });
  await putArtefact(archive);
  await sagemaker.send(new CreateModelPackageGroupCommand({ ModelPackageGroupName: 'flights' }));
  const made = await sagemaker.send(
    new CreateModelPackageCommand({
      ModelPackageGroupName: 'flights',
      ModelApprovalStatus: 'Approved',
      InferenceSpecification: {
        Containers: [{ Image: LEARNER, ModelDataUrl: `s3://${BUCKET}/${MODEL_KEY}` }],
        SupportedContentTypes: ['text/csv'],
        SupportedResponseMIMETypes: ['text/csv'],
      },
    }),
  );
  packageArn = made.ModelPackageArn ?? '';
  await makeModel();
  await makeConfig('first');
  const endpoint = await sagemaker.send(
    new CreateEndpointCommand({
      EndpointName: ENDPOINT,
      EndpointConfigName: 'first',
      Tags: [{ Key: 'modelkeeper:keeper', Value: 'keeper/flights' }],
    }),
  );
  endpointArn = endpoint.EndpointArn ?? '';
  await inService();
  await ownAlarm();
  const { alarms } = await run(activities.repairAlarms, [ref]);
  managed = alarms['health']?.[0] ?? '';
  await run(activities.repairScaling, [ref]);
  await enter('first');
  await enter('second');
  const first = await compare({ expected: { configName: null, seen: null } });
  expect(first.disagreements).toEqual([]);
  seen = first.seen as Seen;
}, 60_000);

afterAll(async () => {
  await bench.close();
  discard(bench.home);
});

interface Row {
  readonly kind: DisagreementKind;
  /** The call that somebody makes. */
  readonly by: string;
  readonly make: () => Promise<unknown>;
  readonly subject: () => string;
  readonly sentence: RegExp;
  /** Puts it back, so that the next row begins where this one did. */
  readonly mend: () => Promise<unknown>;
  /** What the same call makes differ besides. */
  readonly also?: readonly DisagreementKind[];
  readonly comparison?: () => Parameters<typeof compare>[0];
}

const TRACKING = trackingName(ref.model);
const LEFT_BEHIND = 'modelkeeper-flights-release-4-candidate-scaling-out';

const nothing = (): Promise<void> => Promise.resolve();

const ROWS: readonly Row[] = [
  {
    kind: 'endpoint-config-changed',
    by: 'UpdateEndpoint',
    make: async () => {
      await makeConfig('by-hand');
      await serve('by-hand');
    },
    subject: () => 'by-hand',
    sentence: /serves by-hand; modelkeeper left it on first/,
    mend: () => serve('first'),
  },
  {
    kind: 'champion-config-deleted',
    by: 'DeleteEndpointConfig',
    make: () =>
      bench.sagemaker.send(new DeleteEndpointConfigCommand({ EndpointConfigName: 'first' })),
    subject: () => 'first',
    sentence: /config first that serves was deleted/,
    mend: () => makeConfig('first'),
  },
  {
    kind: 'champion-model-deleted',
    by: 'DeleteModel',
    make: () => bench.sagemaker.send(new DeleteModelCommand({ ModelName: 'first' })),
    subject: () => 'first',
    sentence: /model first that serves was deleted/,
    mend: makeModel,
  },
  {
    kind: 'weights-changed',
    by: 'UpdateEndpointWeightsAndCapacities',
    make: () => weigh({ DesiredWeight: 0.5 }),
    subject: () => VARIANT,
    sentence: /has weight 0\.5, its config says 1/,
    mend: () => weigh({ DesiredWeight: 1 }),
  },
  {
    kind: 'instances-outside-range',
    by: 'UpdateEndpointWeightsAndCapacities',
    make: () => weigh({ DesiredInstanceCount: 6 }),
    subject: () => VARIANT,
    sentence: /6 instances are wanted, the policy says 1 to 4/,
    mend: () => weigh({ DesiredInstanceCount: 2 }),
  },
  {
    kind: 'capture-off',
    by: 'UpdateEndpoint to a config without capture',
    make: async () => {
      await makeConfig('uncaptured', false);
      await serve('uncaptured');
    },
    comparison: () => ({ expected: { configName: 'uncaptured', seen: null } }),
    subject: () => ENDPOINT,
    sentence: /data capture is switched off/,
    mend: () => serve('first'),
  },
  {
    kind: 'claim-lost',
    by: 'DeleteTags',
    make: () =>
      bench.sagemaker.send(
        new DeleteTagsCommand({ ResourceArn: endpointArn, TagKeys: ['modelkeeper:keeper'] }),
      ),
    subject: () => ENDPOINT,
    sentence: /was taken off/,
    mend: () => tag('keeper/flights'),
  },
  {
    kind: 'claim-taken',
    by: 'AddTags',
    make: () => tag('keeper/trains'),
    subject: () => ENDPOINT,
    sentence: /claimed by keeper\/trains/,
    mend: () => tag('keeper/flights'),
  },
  {
    kind: 'alarm-missing',
    by: 'DeleteAlarms',
    make: () => bench.cloudwatch.send(new DeleteAlarmsCommand({ AlarmNames: [managed] })),
    subject: () => managed,
    sentence: /the managed alarm .* does not exist/,
    mend: () => run(activities.repairAlarms, [ref]),
  },
  {
    kind: 'alarm-missing',
    by: 'DeleteAlarms of one of people’s own',
    make: () => bench.cloudwatch.send(new DeleteAlarmsCommand({ AlarmNames: [OWN_ALARM] })),
    subject: () => OWN_ALARM,
    sentence: /create it, or take it out of the policy/,
    mend: ownAlarm,
  },
  {
    kind: 'alarm-changed',
    by: 'PutMetricAlarm',
    make: () =>
      bench.cloudwatch.send(
        new PutMetricAlarmCommand({
          AlarmName: managed,
          Namespace: 'AWS/SageMaker',
          MetricName: 'ModelLatency',
          Statistic: 'Maximum',
          Period: 60,
          EvaluationPeriods: 1,
          Threshold: 1,
          ComparisonOperator: 'GreaterThanThreshold',
        }),
      ),
    subject: () => managed,
    sentence: /was changed: .*should be/,
    mend: () => run(activities.repairAlarms, [ref]),
  },
  {
    kind: 'alarm-changed',
    by: 'UntagResource',
    make: () => untag(managed),
    subject: () => managed,
    sentence: /was changed: tag modelkeeper:model is none, should be flights/,
    mend: () => run(activities.repairAlarms, [ref]),
  },
  {
    kind: 'alarm-foreign',
    by: 'DeleteAlarms and PutMetricAlarm of one’s own',
    make: async () => {
      await bench.cloudwatch.send(new DeleteAlarmsCommand({ AlarmNames: [managed] }));
      await putTheirs(managed);
      await run(activities.repairAlarms, [ref]);
    },
    subject: () => managed,
    sentence: /is somebody else’s.*left as it is/,
    mend: async () => {
      await bench.cloudwatch.send(new DeleteAlarmsCommand({ AlarmNames: [managed] }));
      await run(activities.repairAlarms, [ref]);
    },
  },
  {
    kind: 'alarm-left-behind',
    by: 'a rollout by steps that was cut off',
    make: () =>
      bench.cloudwatch.send(
        new PutMetricAlarmCommand({
          AlarmName: LEFT_BEHIND,
          Namespace: 'AWS/SageMaker',
          MetricName: 'Invocations',
          Statistic: 'Sum',
          Period: 60,
          EvaluationPeriods: 1,
          Threshold: 1,
          ComparisonOperator: 'GreaterThanThreshold',
          Tags: [{ Key: 'modelkeeper:model', Value: 'flights' }],
        }),
      ),
    subject: () => LEFT_BEHIND,
    sentence: /scales a candidate that does not serve any more/,
    mend: () => run(activities.repairAlarms, [ref]),
  },
  {
    kind: 'alarm-actions-disabled',
    by: 'DisableAlarmActions',
    make: () => bench.cloudwatch.send(new DisableAlarmActionsCommand({ AlarmNames: [OWN_ALARM] })),
    subject: () => OWN_ALARM,
    sentence: /are switched off/,
    mend: ownAlarm,
  },
  {
    kind: 'scaling-target-missing',
    by: 'DeregisterScalableTarget',
    make: () => scaling.send(new DeregisterScalableTargetCommand(TARGET)),
    subject: () => VARIANT,
    sentence: /is no scalable target any more/,
    // AWS removes the scaling policies of a target with it.
    also: ['scaling-policy-changed'],
    mend: () => run(activities.repairScaling, [ref]),
  },
  {
    kind: 'scaling-target-foreign',
    by: 'TagResource',
    make: () => tagTarget('keeper/trains'),
    subject: () => VARIANT,
    sentence: /is claimed by keeper\/trains .*not applied until it is handed over/,
    mend: () => tagTarget('keeper/flights'),
  },
  {
    kind: 'scaling-target-changed',
    by: 'RegisterScalableTarget',
    make: () => register({ MaxCapacity: 9 }),
    subject: () => VARIANT,
    sentence: /is 9, should be 4/,
    mend: () => run(activities.repairScaling, [ref]),
  },
  {
    kind: 'scaling-policy-changed',
    by: 'PutScalingPolicy',
    make: () =>
      scaling.send(
        new PutScalingPolicyCommand({
          ...TARGET,
          PolicyName: TRACKING,
          PolicyType: 'TargetTrackingScaling',
          TargetTrackingScalingPolicyConfiguration: {
            TargetValue: 9_000,
            ScaleOutCooldown: 60,
            ScaleInCooldown: 300,
            PredefinedMetricSpecification: {
              PredefinedMetricType: 'SageMakerVariantInvocationsPerInstance',
            },
          },
        }),
      ),
    subject: () => TRACKING,
    sentence: /9000, should be 700/,
    mend: () => run(activities.repairScaling, [ref]),
  },
  {
    kind: 'scaling-policy-changed',
    by: 'DeleteScalingPolicy',
    make: () => scaling.send(new DeleteScalingPolicyCommand({ ...TARGET, PolicyName: TRACKING })),
    subject: () => TRACKING,
    sentence: /invocations is missing: it is to be created/,
    mend: () => run(activities.repairScaling, [ref]),
  },
  {
    kind: 'scaling-suspended',
    by: 'RegisterScalableTarget with a SuspendedState',
    make: () => register(suspension(true)),
    subject: () => VARIANT,
    sentence: /somebody suspended/,
    mend: () => register(suspension(false)),
  },
  {
    kind: 'package-status-changed',
    by: 'UpdateModelPackage to pending',
    make: () => setStatus('PendingManualApproval'),
    subject: () => packageArn,
    sentence: /to PendingManualApproval; it was Approved/,
    mend: () => setStatus('Approved'),
  },
  {
    kind: 'package-rejected-while-serving',
    by: 'UpdateModelPackage to rejected',
    make: () => setStatus('Rejected'),
    subject: () => packageArn,
    sentence: /rejected the model package that serves/,
    mend: () => setStatus('Approved'),
  },
  {
    kind: 'artefact-changed',
    by: 'PutObject',
    make: async () => putArtefact(await packArchive({ 'xgboost-model': 'another' })),
    subject: () => `s3://${BUCKET}/${MODEL_KEY}`,
    sentence: /is another one than the one that was deployed/,
    mend: () => putArtefact(archive),
  },
  {
    kind: 'artefact-gone',
    by: 'DeleteObject',
    make: () => bench.s3.send(new DeleteObjectCommand({ Bucket: BUCKET, Key: MODEL_KEY })),
    subject: () => `s3://${BUCKET}/${MODEL_KEY}`,
    sentence: /is gone: new instances cannot start/,
    mend: () => putArtefact(archive),
  },
  {
    kind: 'ledger-head-behind',
    by: 'a keeper that was lost after it wrote',
    make: nothing,
    comparison: () => ({ ledgerHead: entries - 1 }),
    subject: () => String(entries - 1),
    sentence: /goes on after entry/,
    mend: nothing,
  },
  {
    kind: 'ledger-head-gone',
    by: 'DeleteObject of the last entry',
    make: () =>
      bench.s3.send(
        new DeleteObjectCommand(at(ledgerUri(policy.spec.storage, ref.model, entries))),
      ),
    subject: () => String(entries),
    sentence: /was written, is not there/,
    mend: () => {
      entries -= 1;
      return nothing();
    },
  },
  {
    // The last: a version that is deleted cannot be made again under its number.
    kind: 'package-deleted',
    by: 'DeleteModelPackage',
    make: () =>
      bench.sagemaker.send(new DeleteModelPackageCommand({ ModelPackageName: packageArn })),
    subject: () => packageArn,
    sentence: /was deleted from the registry/,
    mend: nothing,
  },
];

describe('a comparison', () => {
  it('has a row below for every kind but the one that the ordinary look finds', () => {
    const kinds = new Set<string>(ROWS.map(({ kind }) => kind));
    expect(DISAGREEMENT_KINDS.filter((kind) => !kinds.has(kind))).toEqual([
      'release-workflow-gone',
    ]);
  });

  it.each(ROWS)(
    'finds $kind made by $by, and nothing else',
    async ({ kind, make, subject, sentence, mend, also = [], comparison = () => ({}) }) => {
      expect((await compare()).disagreements).toEqual([]);
      await make();
      const { compared, disagreements } = await compare(comparison());
      const about = subject();
      await mend();
      expect(compared).toBe(true);
      expect(disagreements.map((one) => one.kind)).toEqual([kind, ...also]);
      expect(disagreements[0]).toMatchObject({
        subject: about,
        sentence: expect.stringMatching(sentence) as string,
      });
    },
    30_000,
  );
});
