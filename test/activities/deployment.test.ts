import {
  DeleteAlarmsCommand,
  DescribeAlarmHistoryCommand,
  DescribeAlarmsCommand,
  ListTagsForResourceCommand,
  PutMetricAlarmCommand,
  SetAlarmStateCommand,
} from '@aws-sdk/client-cloudwatch';
import { GetObjectCommand, HeadObjectCommand, type HeadObjectOutput } from '@aws-sdk/client-s3';
import {
  CreateEndpointConfigCommand,
  CreateModelCommand,
  DeleteEndpointConfigCommand,
  DeleteModelCommand,
  DescribeEndpointCommand,
  DescribeEndpointConfigCommand,
  DescribeModelCommand,
  DescribeModelPackageCommand,
  ListEndpointsCommand,
  ListTagsCommand,
  UpdateEndpointCommand,
  type DescribeEndpointOutput,
  type ModelPackageContainerDefinition,
} from '@aws-sdk/client-sagemaker';
import { describe, expect, it } from 'vitest';

import type { PrepareRequest, RestRequest, RolloutRequest } from '../../activities/contract.js';
import { evidenceDigest, sha256 } from '../../activities/digest.js';
import { createControlActivities } from '../../activities/index.js';
import { changedParts, type Evidence } from '../../domain/evidence.js';
import { rolloutPlan } from '../../domain/rollout.js';
import {
  attemptOf,
  awsError,
  candidate,
  depsOver,
  fakeAws,
  NOON,
  on,
  ref,
  run,
} from './support.js';

const ARN = 'arn:aws:sagemaker:us-east-1:111122223333:endpoint/flights-live';
const PACKAGE = 'arn:aws:sagemaker:us-east-1:111122223333:model-package/flights/3';
const plan = rolloutPlan(ref.policy.spec.deploy, ['errors', 'latency', 'abort']);

const serving = (over: Partial<DescribeEndpointOutput> = {}): DescribeEndpointOutput => ({
  EndpointName: 'flights-live',
  EndpointArn: ARN,
  EndpointStatus: 'InService',
  EndpointConfigName: 'flights-1',
  CreationTime: new Date(NOON - 86_400_000),
  LastModifiedTime: new Date(NOON - 3_600_000),
  ProductionVariants: [
    { VariantName: 'AllTraffic', CurrentInstanceCount: 2, DesiredInstanceCount: 3 },
  ],
  ...over,
});

const moving = (status = 'Baking'): DescribeEndpointOutput =>
  serving({
    EndpointStatus: 'Updating',
    PendingDeploymentSummary: {
      EndpointConfigName: 'flights-2',
      ProductionVariants: [
        { VariantName: 'AllTraffic', VariantStatus: [{ Status: 'Baking', StatusMessage: status }] },
      ],
    },
  });

const request: RolloutRequest = {
  ...ref,
  release: 2,
  configName: 'flights-2',
  plan,
  expectedConfigName: 'flights-1',
  lastModifiedAtMs: NOON - 3_600_000,
};

const ourTag = on(ListTagsCommand, () => ({
  Tags: [{ Key: 'modelkeeper:keeper', Value: 'keeper/Flights' }],
}));

function world(describe: (call: number) => DescribeEndpointOutput) {
  return fakeAws(
    on(DescribeEndpointCommand, (_, call) => describe(call)),
    ourTag,
    on(UpdateEndpointCommand, () => ({ EndpointArn: ARN })),
  );
}

describe('updateEndpoint', () => {
  const update = (aws: ReturnType<typeof fakeAws>) =>
    createControlActivities(depsOver(aws)).updateEndpoint;

  it('calls once with the guardrail and keeps the scaled count', async () => {
    const aws = world(() => serving());
    expect(await run(update(aws), [request])).toEqual({ kind: 'accepted' });
    expect(aws.inputs(UpdateEndpointCommand)).toEqual([
      {
        EndpointName: 'flights-live',
        EndpointConfigName: 'flights-2',
        RetainAllVariantProperties: true,
        DeploymentConfig: {
          BlueGreenUpdatePolicy: {
            TrafficRoutingConfiguration: {
              Type: 'CANARY',
              WaitIntervalInSeconds: 600,
              CanarySize: { Type: 'CAPACITY_PERCENT', Value: 10 },
            },
            TerminationWaitInSeconds: 300,
            MaximumExecutionTimeoutInSeconds: 7_200,
          },
          AutoRollbackConfiguration: {
            Alarms: [{ AlarmName: 'errors' }, { AlarmName: 'latency' }, { AlarmName: 'abort' }],
          },
        },
      },
    ]);
  });

  it('rolls in batches when the plan says so, and goes back in batches or all at once', async () => {
    const sent = async (rolling: object) => {
      const aws = world(() => serving());
      const deploy = { ...ref.policy.spec.deploy, strategy: 'rolling' as const, rolling };
      const rolled = rolloutPlan({ ...deploy, rolling: { percent: 25, bake: '2m', ...rolling } }, [
        'errors',
      ]);
      await run(update(aws), [{ ...request, plan: rolled }]);
      return aws.inputs(UpdateEndpointCommand)[0]?.DeploymentConfig;
    };
    const batches = {
      MaximumBatchSize: { Type: 'CAPACITY_PERCENT', Value: 25 },
      WaitIntervalInSeconds: 120,
      MaximumExecutionTimeoutInSeconds: 7_200,
    };
    const alarms = { AutoRollbackConfiguration: { Alarms: [{ AlarmName: 'errors' }] } };
    expect(await sent({})).toEqual({ RollingUpdatePolicy: batches, ...alarms });
    expect(await sent({ rollbackPercent: 50 })).toEqual({
      RollingUpdatePolicy: {
        ...batches,
        RollbackMaximumBatchSize: { Type: 'CAPACITY_PERCENT', Value: 50 },
      },
      ...alarms,
    });
  });

  it('updates a mixed fleet to the config that the endpoint names already', async () => {
    const mixed = () => serving({ EndpointStatus: 'UpdateRollbackFailed' });
    const aws = world(mixed);
    const back = { ...request, configName: 'flights-1', plain: true };
    expect(await run(update(aws), [back])).toEqual({ kind: 'accepted' });
    expect(aws.names()).toContain('UpdateEndpoint');
  });

  it('goes back plainly: all at once and without alarms', async () => {
    const aws = world(() => serving());
    await run(update(aws), [{ ...request, plain: true }]);
    expect(aws.inputs(UpdateEndpointCommand)[0]).not.toHaveProperty('DeploymentConfig');
  });

  it('adopts the update of an attempt whose answer was lost, and makes one call', async () => {
    let called = false;
    const aws = fakeAws(
      on(DescribeEndpointCommand, () => (called ? moving() : serving())),
      ourTag,
      on(UpdateEndpointCommand, () => {
        called = true;
        return {};
      }),
    );
    aws.loseAnswer(UpdateEndpointCommand);
    const first = await attemptOf(update(aws), [request]);
    expect(first.error).toMatchObject({ type: 'AwsUnavailable' });
    expect(first.details).toEqual({ sent: true });
    const second = await attemptOf(update(aws), [request], {
      attempt: 2,
      heartbeatDetails: first.details,
    });
    expect(second.result()).toEqual({ kind: 'adopted' });
    expect(aws.inputs(UpdateEndpointCommand)).toHaveLength(1);
  });

  it('says that it serves already when it does', async () => {
    const aws = world(() => serving({ EndpointConfigName: 'flights-2' }));
    expect(await run(update(aws), [request])).toEqual({ kind: 'already serving' });
    expect(aws.inputs(UpdateEndpointCommand)).toHaveLength(0);
  });

  it('reports a rollback that happened before the retry looked, and does not call again', async () => {
    const aws = world(() => serving({ LastModifiedTime: new Date(NOON) }));
    const { result } = await attemptOf(update(aws), [request], {
      attempt: 2,
      heartbeatDetails: { sent: true },
    });
    expect(result()).toMatchObject({ kind: 'rolled back' });
    expect(aws.inputs(UpdateEndpointCommand)).toHaveLength(0);
  });

  it('calls when a scaling action changed the time and no call was made yet', async () => {
    const later = { LastModifiedTime: new Date(NOON) };
    const aws = world(() => serving(later));
    expect(await run(update(aws), [request])).toEqual({ kind: 'accepted' });
    const again = await attemptOf(update(aws), [request], {
      attempt: 2,
      heartbeatDetails: { sent: false },
    });
    expect(again.result()).toEqual({ kind: 'accepted' });
  });

  it('remembers that AWS refused, so that the retry is not taken for a rollback', async () => {
    const aws = world(() => serving());
    aws.failNext(UpdateEndpointCommand, awsError('AccessDeniedException', 'no'));
    const first = await attemptOf(update(aws), [request]);
    expect(first.error).toMatchObject({ type: 'PermissionMissing' });
    expect(first.details).toEqual({ sent: false });
  });

  it('leaves the endpoint alone when another champion serves', async () => {
    const aws = world(() => serving({ EndpointConfigName: 'by-hand' }));
    expect(await run(update(aws), [request])).toEqual({
      kind: 'champion changed',
      configName: 'by-hand',
    });
    expect(aws.inputs(UpdateEndpointCommand)).toHaveLength(0);
  });

  it('refuses when the tag is no longer ours', async () => {
    const aws = fakeAws(
      on(DescribeEndpointCommand, () => serving()),
      on(ListTagsCommand, () => ({ Tags: [{ Key: 'modelkeeper:keeper', Value: 'keeper/other' }] })),
    );
    expect(await run(update(aws), [request])).toMatchObject({
      kind: 'refused',
      reason: expect.stringContaining('keeper/other') as string,
    });
  });

  it('waits while somebody else has the endpoint in motion', async () => {
    const aws = world(() => serving({ EndpointStatus: 'SystemUpdating' }));
    const { error } = await attemptOf(update(aws), [request]);
    expect(error).toMatchObject({ type: 'Busy', nonRetryable: false, nextRetryDelay: 30_000 });
    const raced = world(() => serving());
    raced.failNext(
      UpdateEndpointCommand,
      awsError('ValidationException', 'Cannot update in-progress endpoint "arn"'),
    );
    expect((await attemptOf(update(raced), [request])).error).toMatchObject({ type: 'Busy' });
  });

  it("hands AWS's refusal on as a result", async () => {
    const aws = world(() => serving());
    aws.failNext(UpdateEndpointCommand, awsError('ValidationException', 'Alarm x does not fit'));
    expect(await run(update(aws), [request])).toEqual({
      kind: 'refused',
      reason: 'SageMaker refused the update: Alarm x does not fit',
    });
  });
});

describe('awaitRest', () => {
  const rest: RestRequest = {
    ...ref,
    configName: 'flights-2',
    previousConfigName: 'flights-1',
    alarmNames: ['errors'],
    deadlineMs: NOON + 3_600_000,
    journey: { sinceMs: NOON, progress: [], formerReason: null },
    tellMoves: false,
  };
  function follow(describe: (call: number) => DescribeEndpointOutput, history?: string) {
    const aws = fakeAws(
      on(DescribeEndpointCommand, (_, call) => describe(call)),
      on(DescribeEndpointConfigCommand, () => ({ ProductionVariants: [] })),
      on(DescribeAlarmHistoryCommand, () => ({
        AlarmHistoryItems:
          history === undefined
            ? []
            : [
                {
                  HistorySummary: 'Alarm updated from OK to ALARM',
                  HistoryData: JSON.stringify({ newState: { stateReason: history } }),
                  Timestamp: new Date(NOON),
                },
              ],
      })),
    );
    return createControlActivities(depsOver(aws)).awaitRest;
  }

  it('is not done before the target serves and nothing is pending', async () => {
    const { error, details } = await attemptOf(
      follow(() => moving('Baking for 600 seconds')),
      [rest],
    );
    expect(error).toMatchObject({ type: 'StillMoving', category: 'BENIGN' });
    expect(details).toMatchObject({ restingLooks: 0 });
    expect(details).toHaveProperty('progress.1.what', 'Baking for 600 seconds');
  });

  it('keeps what earlier attempts saw', async () => {
    const heartbeatDetails = {
      sinceMs: NOON - 9_000,
      progress: [{ atMs: NOON - 9_000, what: 'Updating' }],
      restingLooks: 0,
    };
    const arrived = () => serving({ EndpointConfigName: 'flights-2' });
    const { result } = await attemptOf(follow(arrived), [rest], { attempt: 3, heartbeatDetails });
    expect(result()).toMatchObject({
      kind: 'in service',
      progress: [{ atMs: NOON - 9_000, what: 'Updating' }],
    });
  });

  it('believes in a rollback at the second look only, and names the alarm', async () => {
    const watch = follow(() => serving(), 'Threshold crossed');
    const first = await attemptOf(watch, [rest]);
    expect(first.error).toMatchObject({ type: 'StillMoving' });
    const second = await attemptOf(watch, [rest], { attempt: 2, heartbeatDetails: first.details });
    expect(second.result()).toMatchObject({
      kind: 'rolled back',
      silent: false,
      reason: 'alarm errors went to ALARM: Threshold crossed',
    });
  });

  it('calls a rollback without alarm and reason silent', async () => {
    const watch = follow(() => serving());
    const first = await attemptOf(watch, [rest]);
    const second = await attemptOf(watch, [rest], { attempt: 2, heartbeatDetails: first.details });
    expect(second.result()).toMatchObject({ kind: 'rolled back', silent: true });
  });

  it('does not take the reason of an earlier rollback for this one', async () => {
    const earlier = { FailureReason: 'alarm of an earlier release' };
    const watch = follow((call) => ({ ...(call === 0 ? moving() : serving()), ...earlier }));
    const since = { ...rest, journey: { ...rest.journey, formerReason: earlier.FailureReason } };
    let details: unknown;
    for (let attempt = 1; attempt <= 3; attempt += 1) {
      const look = await attemptOf(watch, [since], { attempt, heartbeatDetails: details });
      details = look.details;
      if (attempt === 3) expect(look.result()).toMatchObject({ kind: 'rolled back', silent: true });
    }
  });

  it('tells after a hint what the release does not know yet, and waits on when it knows all', async () => {
    const watch = follow(() => moving('Baking for 600 seconds'));
    const hinted = { ...rest, tellMoves: true };
    const outcome = await run(watch, [hinted]);
    expect(outcome).toMatchObject({
      kind: 'moved',
      journey: {
        sinceMs: NOON,
        progress: [{ what: 'Updating' }, { what: 'Baking for 600 seconds' }],
      },
    });
    if (outcome.kind !== 'moved') throw new Error('unreachable');
    const again = await attemptOf(watch, [{ ...hinted, journey: outcome.journey }]);
    expect(again.error).toMatchObject({ type: 'StillMoving' });
  });

  it.each(['Failed', 'OutOfService'] as const)('is stuck when %s', async (status) => {
    const outcome = await run(
      follow(() => serving({ EndpointStatus: status })),
      [rest],
    );
    expect(outcome).toMatchObject({ kind: 'stuck' });
  });

  it('believes in a failed rollback at the second look only', async () => {
    const failed = () => serving({ EndpointStatus: 'UpdateRollbackFailed' });
    const first = await attemptOf(follow(failed), [rest]);
    expect(first.error).toMatchObject({ type: 'StillMoving' });
    const again = { attempt: 2, heartbeatDetails: first.details };
    const second = await run(follow(failed), [rest], again);
    expect(second).toMatchObject({ kind: 'stuck' });
    expect(second).toHaveProperty(
      'reason',
      'the rollback failed and a mixed fleet serves; update the endpoint to a known config again',
    );
  });

  it('is stuck at the very deadline, and not before', async () => {
    const watch = follow(() => moving());
    expect(await run(watch, [{ ...rest, deadlineMs: NOON }])).toMatchObject({ kind: 'stuck' });
    expect((await attemptOf(watch, [{ ...rest, deadlineMs: NOON + 1 }])).error).toMatchObject({
      type: 'StillMoving',
    });
  });
});

describe('tripAlarm', () => {
  it('sets the alarm at every attempt until nothing is pending', async () => {
    const aws = fakeAws(
      on(DescribeEndpointCommand, (_, call) => (call < 2 ? moving() : serving())),
      on(SetAlarmStateCommand, () => ({})),
    );
    const { tripAlarm } = createControlActivities(depsOver(aws));
    const trip = { ...ref, alarmName: 'abort', reason: 'ada aborted' };
    expect((await attemptOf(tripAlarm, [trip])).error).toMatchObject({ type: 'StillMoving' });
    expect((await attemptOf(tripAlarm, [trip])).error).toMatchObject({ type: 'StillMoving' });
    await run(tripAlarm, [trip]);
    expect(aws.inputs(SetAlarmStateCommand)).toHaveLength(2);
  });
});

describe('prepareDeployment', () => {
  const explainer = {
    ClarifyExplainerConfig: { ShapConfig: { ShapBaselineConfig: { ShapBaseline: '1,2' } } },
  };
  const prepare: PrepareRequest = {
    ...ref,
    release: 2,
    name: 'flights-2',
    champion: null,
    candidate,
  };
  function account(
    existing: {
      packageArn?: string;
      alarm?: { AlarmName: string; AlarmArn: string; Threshold: number };
    } = {},
  ) {
    const models = new Map<string, object>([
      [
        'flights-1',
        {
          ModelName: 'flights-1',
          ExecutionRoleArn: 'arn:aws:iam::111122223333:role/model',
          Containers: [{ Image: 'image:1' }],
        },
      ],
    ]);
    const configs = new Map<string, object>([
      [
        'flights-1',
        {
          EndpointConfigName: 'flights-1',
          ProductionVariants: [
            {
              VariantName: 'AllTraffic',
              ModelName: 'flights-1',
              InstanceType: 'ml.c5.large',
              InitialInstanceCount: 1,
            },
          ],
          DataCaptureConfig: { DestinationS3Uri: 's3://artefacts/capture' },
          MetricsConfig: { MetricPublishFrequencyInSeconds: 10 },
          ExplainerConfig: explainer,
        },
      ],
    ]);
    if (existing.packageArn !== undefined) {
      models.set('flights-2', {
        ExecutionRoleArn: 'arn:aws:iam::111122223333:role/model',
        Containers: [{ ModelPackageName: existing.packageArn }],
      });
    }
    const alarms = new Map<string, object>(
      existing.alarm === undefined ? [] : [[existing.alarm.AlarmName, existing.alarm]],
    );
    const create = (map: Map<string, object>, what: string, name: string, input: object) => {
      if (map.has(name))
        throw awsError('ValidationException', `Cannot create already existing ${what} "${name}"`);
      map.set(name, input);
      return {};
    };
    return fakeAws(
      on(DescribeEndpointCommand, () => serving()),
      on(DescribeEndpointConfigCommand, ({ EndpointConfigName: name = '' }) => {
        const found = configs.get(name);
        if (found === undefined)
          throw awsError('ValidationException', 'Could not find endpoint configuration "x"');
        return found;
      }),
      on(DescribeModelCommand, ({ ModelName: name = '' }) => models.get(name) ?? {}),
      on(DescribeModelPackageCommand, () => ({})),
      on(CreateModelCommand, (input) => create(models, 'model', input.ModelName ?? '', input)),
      on(CreateEndpointConfigCommand, (input) =>
        create(configs, 'endpoint configuration', input.EndpointConfigName ?? '', input),
      ),
      on(DescribeAlarmsCommand, ({ AlarmNames = [] }) => ({
        MetricAlarms: AlarmNames.flatMap((name) => {
          const alarm = alarms.get(name);
          return alarm === undefined ? [] : [alarm];
        }),
      })),
      on(PutMetricAlarmCommand, (input) => {
        alarms.set(input.AlarmName ?? '', input);
        return {};
      }),
      on(ListTagsForResourceCommand, () => ({ Tags: [] })),
    );
  }

  it("copies the champion's variant with the new model and today's count", async () => {
    const aws = account();
    const prepared = await run(createControlActivities(depsOver(aws)).prepareDeployment, [prepare]);
    expect(aws.inputs(CreateEndpointConfigCommand)[0]).toMatchObject({
      EndpointConfigName: 'flights-2',
      ProductionVariants: [
        {
          VariantName: 'AllTraffic',
          ModelName: 'flights-2',
          InstanceType: 'ml.c5.large',
          InitialInstanceCount: 3,
        },
      ],
      DataCaptureConfig: { DestinationS3Uri: 's3://artefacts/capture' },
      MetricsConfig: { MetricPublishFrequencyInSeconds: 10 },
      ExplainerConfig: explainer,
    });
    expect(aws.inputs(CreateModelCommand)[0]).toMatchObject({
      Containers: [{ ModelPackageName: PACKAGE }],
      ExecutionRoleArn: 'arn:aws:iam::111122223333:role/model',
    });
    expect(prepared).toMatchObject({
      configName: 'flights-2',
      abortAlarmName: 'modelkeeper-flights-release-2-abort',
      plan: { strategy: 'canary', timeoutSeconds: 7_200 },
    });
  });

  it('watches the new config alone', async () => {
    const aws = account();
    await run(createControlActivities(depsOver(aws)).prepareDeployment, [prepare]);
    for (const alarm of aws.inputs(PutMetricAlarmCommand)) {
      expect(alarm).toMatchObject({ TreatMissingData: 'notBreaching' });
      expect(alarm.Dimensions).toContainEqual({ Name: 'EndpointConfigName', Value: 'flights-2' });
    }
    expect(aws.inputs(PutMetricAlarmCommand)).toHaveLength(3);
  });

  it('answers the same the second time and makes nothing anew', async () => {
    const aws = account();
    const { prepareDeployment } = createControlActivities(depsOver(aws));
    const first = await run(prepareDeployment, [prepare]);
    expect(await run(prepareDeployment, [prepare], { attempt: 2 })).toEqual(first);
    expect(aws.inputs(PutMetricAlarmCommand)).toHaveLength(3);
  });

  it('refuses to rely on an alarm that people made under the name of a rollback alarm, and leaves it', async () => {
    const name = 'modelkeeper-flights-release-2-errors';
    const aws = account({ alarm: { AlarmName: name, AlarmArn: name, Threshold: 9 } });
    const { error } = await attemptOf(createControlActivities(depsOver(aws)).prepareDeployment, [
      prepare,
    ]);
    expect(error).toMatchObject({
      type: 'PolicyUnfit',
      nonRetryable: true,
      message: expect.stringContaining(
        `${name} that is to watch the rollout is somebody else’s`,
      ) as string,
    });
    expect(aws.inputs(PutMetricAlarmCommand).map(({ AlarmName }) => AlarmName)).not.toContain(name);
  });

  it("refuses to take somebody else's model of that name", async () => {
    const aws = account({ packageArn: 'arn:other' });
    const { error } = await attemptOf(createControlActivities(depsOver(aws)).prepareDeployment, [
      prepare,
    ]);
    expect(error).toMatchObject({ type: 'NameTaken', nonRetryable: true });
  });
});

describe('preflight', () => {
  const REPORT = '{"schema":"modelkeeper/evaluation-v1"}';
  const evidence: Evidence = {
    model: 'flights',
    release: 2,
    artefact: { uri: 's3://ml/model.tar.gz', etag: 'e1', sizeBytes: 10, versionId: 'v1' },
    image: 'image:1',
    imageDigest: null,
    packageArn: PACKAGE,
    data: { train: { fromMs: 0, toMs: 1 }, holdOut: { fromMs: 1, toMs: 2 } },
    evaluation: {
      verdict: 'pass',
      candidate: [],
      champion: [],
      reportUri: 's3://ml/report.json',
      reportDigest: sha256(REPORT),
      rows: 1,
    },
    configName: 'flights-2',
    plan,
    championConfigName: 'flights-1',
  };
  const check = {
    ...ref,
    configName: 'flights-2',
    plan,
    packageArn: PACKAGE,
    expectedConfigName: 'flights-1',
    evidence,
  };
  interface Account {
    readonly endpoint?: Partial<DescribeEndpointOutput>;
    readonly alarm?: string;
    readonly approval?: string;
    readonly variant?: string;
    readonly head?: Partial<HeadObjectOutput>;
    readonly container?: ModelPackageContainerDefinition;
    readonly report?: string;
    readonly gone?: 'artefact' | 'package' | 'config' | 'endpoint' | 'report';
  }
  function account(over: Account) {
    const there = (what: Account['gone'], error: Error): void => {
      if (over.gone === what) throw error;
    };
    const notFound = awsError('ValidationException', 'Could not find it');
    return fakeAws(
      on(DescribeEndpointCommand, () => {
        there('endpoint', notFound);
        return serving(over.endpoint);
      }),
      on(DescribeEndpointConfigCommand, ({ EndpointConfigName }) => {
        if (EndpointConfigName === 'flights-2') there('config', notFound);
        return {
          ProductionVariants: [{ VariantName: over.variant ?? 'AllTraffic', ModelName: 'm' }],
        };
      }),
      on(DescribeModelCommand, () => ({})),
      on(DescribeModelPackageCommand, () => {
        there('package', notFound);
        return {
          ModelApprovalStatus: (over.approval ?? 'Approved') as 'Approved',
          InferenceSpecification: {
            Containers: [
              { Image: 'image:1', ModelDataUrl: 's3://ml/model.tar.gz', ...over.container },
            ],
          },
        };
      }),
      on(DescribeAlarmsCommand, ({ AlarmNames = [] }) => ({
        MetricAlarms: AlarmNames.filter(
          (name) => name !== 'latency' || over.alarm !== 'absent',
        ).map((AlarmName) => ({ AlarmName, StateValue: over.alarm === 'ALARM' ? 'ALARM' : 'OK' })),
      })),
      on(HeadObjectCommand, () => {
        there('artefact', awsError('NotFound', 'UnknownError', 404));
        return { ETag: '"e1"', ContentLength: 10, VersionId: 'v1', ...over.head };
      }),
      on(GetObjectCommand, () => {
        there('report', awsError('NoSuchKey', 'The specified key does not exist.', 404));
        return {
          Body: {
            transformToByteArray: async () => new TextEncoder().encode(over.report ?? REPORT),
          },
        } as never;
      }),
    );
  }
  const preflight = (over: Account) =>
    run(createControlActivities(depsOver(account(over))).preflight, [check]);

  it('lets a sound rollout through', async () => {
    expect((await preflight({})).refused).toEqual([]);
  });
  it.each<[string, Account]>([
    ['the endpoint is Updating', { endpoint: { EndpointStatus: 'Updating' } }],
    ['serves other', { endpoint: { EndpointConfigName: 'other' } }],
    [
      'at least 2 instances',
      {
        endpoint: { ProductionVariants: [{ VariantName: 'AllTraffic', CurrentInstanceCount: 1 }] },
      },
    ],
    ['there is no endpoint', { gone: 'endpoint' }],
    ['flights-2 does not exist any more', { gone: 'config' }],
    ['is gone in the registry', { gone: 'package' }],
    ['latency does not exist', { alarm: 'absent' }],
    ['is in ALARM already', { alarm: 'ALARM' }],
    ['is Rejected in the registry', { approval: 'Rejected' }],
    ['has no variant AllTraffic', { variant: 'Blue' }],
  ])('refuses: %s', async (sentence, over) => {
    expect((await preflight(over)).refused.join('\n')).toContain(sentence);
  });

  it('finds the evidence as it was asked about, under the same digest', async () => {
    const found = await preflight({});
    expect(found.evidence).toEqual(evidence);
    expect(found.digest).toBe(evidenceDigest(evidence));
  });

  it.each<[string, Account]>([
    ['the model artefact', { head: { ETag: '"e2"' } }],
    ['the model artefact', { head: { ContentLength: 11 } }],
    ['the model artefact', { head: { VersionId: 'v2' } }],
    ['the model artefact', { container: { ModelDataUrl: 's3://ml/other.tar.gz' } }],
    ['the image', { container: { Image: 'image:2' } }],
    ['the image', { container: { ImageDigest: `sha256:${'b'.repeat(64)}` } }],
    ['the metrics', { report: '{"schema":"modelkeeper/evaluation-v1","verdict":"pass"}' }],
    ['the champion', { endpoint: { EndpointConfigName: 'other' } }],
  ])('voids the digest when %s changed: %j', async (part, over) => {
    const found = await preflight(over);
    expect(changedParts(evidence, found.evidence)).toEqual([part]);
    expect(found.digest).not.toBe(evidenceDigest(evidence));
  });

  it.each<[NonNullable<Account['gone']>, readonly string[], object]>([
    [
      'artefact',
      ['the model artefact'],
      { artefact: { uri: 's3://ml/model.tar.gz', etag: '', sizeBytes: 0, versionId: null } },
    ],
    ['package', ['the image', 'the model package'], { packageArn: '', image: '' }],
    ['report', ['the metrics'], { evaluation: { reportDigest: '' } }],
    ['config', ['the endpoint config'], { configName: '' }],
    ['endpoint', ['the champion'], { championConfigName: null }],
  ])('shows the %s that is gone as empty, and voids the digest', async (gone, parts, empty) => {
    const found = await preflight({ gone });
    expect(found.evidence).toMatchObject(empty);
    expect(changedParts(evidence, found.evidence)).toEqual(parts);
    expect(found.digest).not.toBe(evidenceDigest(evidence));
  });
});

describe('discardDeployment', () => {
  const OURS = [{ Key: 'modelkeeper:model', Value: 'flights' }];
  const ALARMS = ['errors', 'latency', 'abort'].map(
    (kind) => `modelkeeper-flights-release-2-${kind}`,
  );
  const discard = {
    ...ref,
    release: 2,
    names: ['flights-2', 'flights-2-2'],
    keepConfig: false,
  };
  /** An account that holds both rounds; `foreign` are ARNs that do not carry our tag. */
  function account(endpoint: DescribeEndpointOutput | null, foreign: readonly string[] = []) {
    const left = new Set([
      ...['flights-1', ...discard.names].flatMap((name) => [`config/${name}`, `model/${name}`]),
      ...ALARMS.map((name) => `alarm/${name}`),
    ]);
    const find = (arn: string): string => {
      if (!left.has(arn)) throw awsError('ValidationException', `Could not find "${arn}"`);
      return arn;
    };
    const aws = fakeAws(
      on(DescribeEndpointCommand, () => {
        if (endpoint === null) throw awsError('ValidationException', 'Could not find endpoint');
        return endpoint;
      }),
      on(ListEndpointsCommand, () => ({
        Endpoints: endpoint === null ? [] : [{ EndpointName: 'flights-live' } as never],
      })),
      on(DescribeEndpointConfigCommand, ({ EndpointConfigName: name = '' }) => ({
        EndpointConfigArn: find(`config/${name}`),
      })),
      on(DescribeModelCommand, ({ ModelName: name = '' }) => ({ ModelArn: find(`model/${name}`) })),
      on(DescribeAlarmsCommand, ({ AlarmNames = [] }) => ({
        MetricAlarms: AlarmNames.filter((name) => left.has(`alarm/${name}`)).map((AlarmName) => ({
          AlarmName,
          AlarmArn: `alarm/${AlarmName}`,
        })),
      })),
      on(ListTagsCommand, ({ ResourceArn = '' }) => ({
        Tags: foreign.includes(ResourceArn) ? [] : OURS,
      })),
      on(ListTagsForResourceCommand, ({ ResourceARN = '' }) => ({
        Tags: foreign.includes(ResourceARN) ? [{ Key: 'modelkeeper:model', Value: 'other' }] : OURS,
      })),
      on(DeleteEndpointConfigCommand, ({ EndpointConfigName: name = '' }) => {
        left.delete(find(`config/${name}`));
        return {};
      }),
      on(DeleteModelCommand, ({ ModelName: name = '' }) => {
        left.delete(find(`model/${name}`));
        return {};
      }),
      on(DeleteAlarmsCommand, ({ AlarmNames = [] }) => {
        for (const name of AlarmNames) left.delete(`alarm/${name}`);
        return {};
      }),
    );
    const all = [...left];
    const activity = createControlActivities(depsOver(aws)).discardDeployment;
    return { aws, left, all, activity };
  }

  it('removes what the release made and nothing of another, twice as well as once', async () => {
    const { left, activity } = account(serving());
    await run(activity, [discard]);
    expect([...left]).toEqual(['config/flights-1', 'model/flights-1']);
    await run(activity, [discard], { attempt: 2 });
    expect(left.size).toBe(2);
  });

  it('leaves the config that serves and its model, and removes the other rounds', async () => {
    const { left, activity } = account(serving({ EndpointConfigName: 'flights-2' }));
    await run(activity, [discard]);
    expect([...left]).toEqual([
      'config/flights-1',
      'model/flights-1',
      'config/flights-2',
      'model/flights-2',
    ]);
  });

  it('touches nothing while the endpoint deploys one of its rounds', async () => {
    const { left, all, activity } = account(moving());
    await run(activity, [discard]);
    expect([...left]).toEqual(all);
  });

  it('removes the alarms only, when the config is wanted for the way back', async () => {
    const { left, all, activity } = account(serving());
    await run(activity, [{ ...discard, keepConfig: true }]);
    expect([...left]).toEqual(all.filter((one) => !one.startsWith('alarm/')));
  });

  it('leaves everything of that name that does not carry our tag', async () => {
    const foreign = ['config/flights-2', 'model/flights-2', `alarm/${ALARMS[0] ?? ''}`];
    const { left, activity } = account(serving(), foreign);
    await run(activity, [discard]);
    expect([...left]).toEqual(['config/flights-1', 'model/flights-1', ...foreign]);
  });

  it('takes what somebody else deleted at the same moment for gone', async () => {
    const { aws, activity } = account(serving());
    const gone = awsError('ValidationException', 'Could not find it');
    aws.failNext(DeleteEndpointConfigCommand, gone);
    aws.failNext(DeleteModelCommand, gone);
    await run(activity, [{ ...discard, names: ['flights-2'] }]);
    expect(aws.names().filter((name) => name.startsWith('Delete'))).toEqual([
      'DeleteAlarms',
      'DeleteModel',
      'DeleteEndpointConfig',
    ]);
  });

  it('removes what is left after the endpoint itself was deleted', async () => {
    const { left, activity } = account(null);
    await run(activity, [discard]);
    expect([...left]).toEqual(['config/flights-1', 'model/flights-1']);
  });
});
