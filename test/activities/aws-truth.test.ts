/**
 * What AWS's refusals look like when the real SDK has read them, and what becomes of them: each row of the tables of
 * errors, not-found answers and deployment outcomes that a rollout can meet, against the local AWS.
 */
import { randomUUID } from 'node:crypto';

import { DeregisterScalableTargetCommand } from '@aws-sdk/client-application-auto-scaling';
import { PutMetricAlarmCommand, SetAlarmStateCommand } from '@aws-sdk/client-cloudwatch';
import { CreateBucketCommand, GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import {
  CreateEndpointCommand,
  CreateEndpointConfigCommand,
  CreateDataQualityJobDefinitionCommand,
  CreateModelCommand,
  CreateModelPackageGroupCommand,
  CreateMonitoringScheduleCommand,
  CreatePipelineCommand,
  CreateProcessingJobCommand,
  CreateTrainingJobCommand,
  DeleteEndpointCommand,
  DeleteEndpointConfigCommand,
  DeleteModelBiasJobDefinitionCommand,
  DeleteModelCommand,
  DeleteMonitoringScheduleCommand,
  DescribeDataQualityJobDefinitionCommand,
  DescribeEndpointCommand,
  DescribeEndpointConfigCommand,
  DescribeModelCommand,
  DescribeModelPackageCommand,
  DescribeModelPackageGroupCommand,
  DescribeMonitoringScheduleCommand,
  DescribePipelineCommand,
  DescribePipelineExecutionCommand,
  DescribeProcessingJobCommand,
  DescribeTrainingJobCommand,
  ListPipelineExecutionsCommand,
  StartPipelineExecutionCommand,
  StartMonitoringScheduleCommand,
  StopMonitoringScheduleCommand,
  StopTrainingJobCommand,
  UpdateEndpointCommand,
  UpdateEndpointWeightsAndCapacitiesCommand,
  UpdateMonitoringScheduleCommand,
} from '@aws-sdk/client-sagemaker';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import {
  awsErrorOf,
  failureOf,
  isAlreadyThere,
  isNotFound,
  may,
} from '../../activities/aws-failure.js';
import type { RestRequest, RolloutOutcome, RolloutRequest } from '../../activities/contract.js';
import type { ControlDeps } from '../../activities/deps.js';
import { createControlActivities } from '../../activities/index.js';
import { FailureType } from '../../domain/failures.js';
import { rolloutPlan } from '../../domain/rollout.js';
import { packArchive } from '../../sandbox/learner/archive.js';
import {
  customer,
  discard,
  fault,
  LEARNER,
  openBench,
  REGION,
  ROLE,
  until,
  type Bench,
} from '../sandbox/sagemaker/support.js';
import { attemptOf, policyWith } from './support.js';

let bench: Bench;

const TOKEN = 't'.repeat(40);
const PIPELINE = JSON.stringify({
  Version: '2020-12-01',
  Parameters: [],
  Steps: [{ Name: 'Stop', Type: 'Fail', Arguments: { ErrorMessage: 'no' } }],
});
const ARN = `arn:aws:sagemaker:${REGION}:111122223333`;

beforeAll(async () => {
  bench = await openBench();
  await bench.s3.send(new CreateBucketCommand({ Bucket: 'artefacts' }));
  const Body = await packArchive({ model: 'binary' });
  await bench.s3.send(new PutObjectCommand({ Bucket: 'artefacts', Key: 'm.tar.gz', Body }));
  await model('model');
  for (const name of ['one', 'two']) await config(name);
  await endpoint('taken');
  await endpoint('busy');
  await bench.sagemaker.send(
    new UpdateEndpointCommand({
      EndpointName: 'busy',
      EndpointConfigName: 'two',
      DeploymentConfig: {
        BlueGreenUpdatePolicy: {
          TrafficRoutingConfiguration: {
            Type: 'CANARY',
            WaitIntervalInSeconds: 3_600,
            CanarySize: { Type: 'CAPACITY_PERCENT', Value: 50 },
          },
        },
      },
    }),
  );
  await group();
  await pipeline();
  await training();
  await processing();
  await customer(bench, true);
  await definition();
  await schedule();
});
afterAll(async () => {
  await bench.close();
  discard(bench.home);
});
beforeEach(() => fault(bench));

const model = (ModelName: string) =>
  bench.sagemaker.send(
    new CreateModelCommand({
      ModelName,
      ExecutionRoleArn: ROLE,
      PrimaryContainer: { Image: LEARNER, ModelDataUrl: 's3://artefacts/m.tar.gz' },
    }),
  );
const config = (EndpointConfigName: string) =>
  bench.sagemaker.send(
    new CreateEndpointConfigCommand({
      EndpointConfigName,
      ProductionVariants: [
        {
          VariantName: 'AllTraffic',
          ModelName: 'model',
          InitialInstanceCount: 2,
          InstanceType: 'ml.m5.large',
        },
      ],
    }),
  );
const group = () =>
  bench.sagemaker.send(new CreateModelPackageGroupCommand({ ModelPackageGroupName: 'group' }));
const pipeline = () =>
  bench.sagemaker.send(
    new CreatePipelineCommand({
      PipelineName: 'pipeline',
      PipelineDefinition: PIPELINE,
      RoleArn: ROLE,
      ClientRequestToken: `${TOKEN}${randomUUID()}`,
    }),
  );
const training = () =>
  bench.sagemaker.send(
    new CreateTrainingJobCommand({
      TrainingJobName: 'job',
      RoleArn: ROLE,
      AlgorithmSpecification: { TrainingImage: 'somebody/else:1', TrainingInputMode: 'File' },
      OutputDataConfig: { S3OutputPath: 's3://artefacts/out' },
      ResourceConfig: { InstanceType: 'ml.m5.large', InstanceCount: 1, VolumeSizeInGB: 5 },
      StoppingCondition: { MaxRuntimeInSeconds: 3_600 },
    }),
  );
const cluster = { InstanceType: 'ml.m5.large', InstanceCount: 1, VolumeSizeInGB: 5 } as const;
const processing = () =>
  bench.sagemaker.send(
    new CreateProcessingJobCommand({
      ProcessingJobName: 'processing',
      RoleArn: ROLE,
      AppSpecification: { ImageUri: 'somebody/else:1' },
      ProcessingResources: { ClusterConfig: cluster },
    }),
  );
const definition = () =>
  bench.sagemaker.send(
    new CreateDataQualityJobDefinitionCommand({
      JobDefinitionName: 'definition',
      DataQualityAppSpecification: { ImageUri: 'somebody/else:1' },
      DataQualityJobInput: {
        EndpointInput: { EndpointName: 'taken', LocalPath: '/opt/ml/processing/input' },
      },
      DataQualityJobOutputConfig: {
        MonitoringOutputs: [
          { S3Output: { S3Uri: 's3://artefacts/out', LocalPath: '/opt/ml/processing/output' } },
        ],
      },
      JobResources: { ClusterConfig: cluster },
      RoleArn: ROLE,
    }),
  );
const schedule = () =>
  bench.sagemaker.send(
    new CreateMonitoringScheduleCommand({
      MonitoringScheduleName: 'schedule',
      MonitoringScheduleConfig: {
        ScheduleConfig: { ScheduleExpression: 'cron(0 * ? * * *)' },
        MonitoringJobDefinitionName: 'definition',
        MonitoringType: 'DataQuality',
      },
    }),
  );
const NO_SCHEDULE = { MonitoringScheduleName: 'nobody' };
const look = (EndpointName: string) =>
  bench.sagemaker.send(new DescribeEndpointCommand({ EndpointName }));

async function endpoint(name: string): Promise<void> {
  await bench.sagemaker.send(
    new CreateEndpointCommand({
      EndpointName: name,
      EndpointConfigName: 'one',
      Tags: [{ Key: 'modelkeeper:keeper', Value: 'keeper/flights' }],
    }),
  );
  await until(
    () => look(name),
    ({ EndpointStatus: status }) => status === 'InService',
  );
}

async function errorOf(call: Promise<unknown>): Promise<Error> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof Error) return error;
  throw new Error('the call went through');
}

/** What our activities do with it: adopt what exists, take absence as an answer, wait, retry, or stop. */
function answerTo(error: Error): string {
  const known = awsErrorOf(error);
  if (known === undefined) return 'not an error of AWS';
  if (isAlreadyThere(known)) return 'adopt';
  if (isNotFound(known)) return 'absent';
  const failure = failureOf(may('service:Action', 'resource'), error, 13);
  const { type, nonRetryable } = failure as { type: string; nonRetryable: boolean };
  if (nonRetryable) return 'stop';
  return type === FailureType.Throttled || type === FailureType.AwsUnavailable ? 'retry' : 'wait';
}

interface Row {
  readonly what: string;
  readonly call: () => Promise<unknown>;
  /** Faults in force during the call. */
  readonly faults?: readonly object[];
  readonly name: string;
  readonly message: RegExp;
  readonly answer: 'adopt' | 'absent' | 'wait' | 'retry' | 'stop';
}

const send: Bench['sagemaker']['send'] = ((command: never) =>
  bench.sagemaker.send(command)) as never;

const ERRORS: readonly Row[] = [
  {
    what: 'a model that exists',
    call: () => model('model'),
    name: 'ValidationException',
    message: /^Cannot create already existing model "arn/,
    answer: 'adopt',
  },
  {
    what: 'an endpoint config that exists',
    call: () => config('one'),
    name: 'ValidationException',
    message: /^Cannot create already existing endpoint configuration "arn/,
    answer: 'adopt',
  },
  {
    what: 'an endpoint that exists, whatever its case',
    call: () =>
      send(new CreateEndpointCommand({ EndpointName: 'TAKEN', EndpointConfigName: 'one' })),
    name: 'ValidationException',
    message: /^Cannot create already existing endpoint "arn/,
    answer: 'adopt',
  },
  {
    what: 'a training job of that name',
    call: training,
    name: 'ResourceInUse',
    message:
      /^Job name must be unique within an AWS account and region, and a job with this name already exists \(arn/,
    answer: 'adopt',
  },
  {
    what: 'a processing job of that name',
    call: processing,
    name: 'ResourceInUse',
    message:
      /^Job name must be unique within an AWS account and region, and a job with this name already exists \(arn/,
    answer: 'adopt',
  },
  {
    what: 'a job definition of that name',
    call: definition,
    name: 'ResourceInUse',
    message: /./,
    answer: 'adopt',
  },
  {
    what: 'a monitoring schedule of that name',
    call: schedule,
    name: 'ResourceInUse',
    message: /./,
    answer: 'adopt',
  },
  {
    what: 'a model package group that exists',
    call: group,
    name: 'ValidationException',
    message: /^Model Package Group already exists/,
    answer: 'adopt',
  },
  {
    what: 'a pipeline that exists',
    call: pipeline,
    name: 'ValidationException',
    message: /^Pipeline names must be unique .* \(pipeline\) already exists/,
    answer: 'adopt',
  },
  {
    what: 'UpdateEndpoint while it moves',
    call: () =>
      send(new UpdateEndpointCommand({ EndpointName: 'busy', EndpointConfigName: 'one' })),
    name: 'ValidationException',
    message: /^Cannot update in-progress endpoint "arn/,
    answer: 'wait',
  },
  {
    what: 'DeleteEndpoint while it moves',
    call: () => send(new DeleteEndpointCommand({ EndpointName: 'busy' })),
    name: 'ValidationException',
    message: /^Cannot update in-progress endpoint "arn/,
    answer: 'wait',
  },
  {
    what: 'weights while it moves',
    call: () =>
      send(
        new UpdateEndpointWeightsAndCapacitiesCommand({
          EndpointName: 'busy',
          DesiredWeightsAndCapacities: [{ VariantName: 'AllTraffic', DesiredWeight: 1 }],
        }),
      ),
    name: 'ValidationException',
    message: /^Cannot update in-progress endpoint "arn/,
    answer: 'wait',
  },
  {
    what: 'the config in use',
    call: () =>
      send(new UpdateEndpointCommand({ EndpointName: 'taken', EndpointConfigName: 'one' })),
    name: 'ValidationException',
    message: /^Cannot update endpoint with the currently in use endpoint configuration/,
    answer: 'stop',
  },
  {
    what: 'a rate limit',
    call: () => look('taken'),
    faults: [{ operation: 'SageMaker.DescribeEndpoint', kind: 'throttle', times: 1 }],
    name: 'ThrottlingException',
    message: /^Rate exceeded/,
    answer: 'retry',
  },
  {
    what: 'a quota',
    call: () =>
      send(new UpdateEndpointCommand({ EndpointName: 'taken', EndpointConfigName: 'two' })),
    faults: [
      {
        operation: 'SageMaker.UpdateEndpoint',
        kind: 'error',
        errorName: 'ResourceLimitExceeded',
        message:
          "The account-level service limit 'ml.m5.large for endpoint usage' is 2 Instances, with current utilization of 2 Instances and a request delta of 2 Instances.",
        times: 1,
      },
    ],
    name: 'ResourceLimitExceeded',
    message: /account-level service limit/,
    answer: 'wait',
  },
  {
    what: 'a role that may not be passed',
    call: () => model('forbidden'),
    faults: [
      {
        operation: 'SageMaker.CreateModel',
        kind: 'error',
        errorName: 'AccessDeniedException',
        message: `User: arn:aws:sts::111122223333:assumed-role/keeper/1 is not authorized to perform: iam:PassRole on resource: ${ROLE} because no identity-based policy allows the iam:PassRole action`,
        times: 1,
      },
    ],
    name: 'AccessDeniedException',
    message: /iam:PassRole/,
    answer: 'wait',
  },
  {
    what: 'a fault of AWS',
    call: () => look('taken'),
    faults: [
      {
        operation: 'SageMaker.DescribeEndpoint',
        kind: 'error',
        errorName: 'InternalFailure',
        status: 500,
        times: 1,
      },
    ],
    name: 'InternalFailure',
    message: /./,
    answer: 'retry',
  },
  {
    what: 'a pipeline parameter that it does not declare',
    call: () =>
      send(
        new StartPipelineExecutionCommand({
          PipelineName: 'pipeline',
          ClientRequestToken: 'p'.repeat(40),
          PipelineParameters: [{ Name: 'Nobody', Value: '1' }],
        }),
      ),
    name: 'ValidationException',
    message: /./,
    answer: 'stop',
  },
  {
    what: 'an endpoint on instances that is to be serverless',
    call: async () => {
      await send(
        new CreateEndpointConfigCommand({
          EndpointConfigName: 'serverless',
          ProductionVariants: [
            {
              VariantName: 'AllTraffic',
              ModelName: 'model',
              ServerlessConfig: { MemorySizeInMB: 2048, MaxConcurrency: 1 },
            },
          ],
        }),
      );
      await send(
        new UpdateEndpointCommand({ EndpointName: 'taken', EndpointConfigName: 'serverless' }),
      );
    },
    name: 'ValidationException',
    message: /serverless/i,
    answer: 'stop',
  },
];

const GONE: readonly Omit<Row, 'answer'>[] = [
  {
    what: 'DescribeEndpoint',
    call: () => look('nobody'),
    name: 'ValidationException',
    message: /^Could not find endpoint "arn/,
  },
  {
    what: 'UpdateEndpoint',
    call: () =>
      send(new UpdateEndpointCommand({ EndpointName: 'nobody', EndpointConfigName: 'one' })),
    name: 'ValidationException',
    message: /^Could not find endpoint "arn/,
  },
  {
    what: 'UpdateEndpoint to a config that is not there',
    call: () =>
      send(new UpdateEndpointCommand({ EndpointName: 'taken', EndpointConfigName: 'nobody' })),
    name: 'ValidationException',
    message: /^Could not find endpoint configuration "arn/,
  },
  {
    what: 'DeleteEndpoint',
    call: () => send(new DeleteEndpointCommand({ EndpointName: 'nobody' })),
    name: 'ValidationException',
    message: /^Could not find endpoint "arn/,
  },
  {
    what: 'DescribeEndpointConfig',
    call: () => send(new DescribeEndpointConfigCommand({ EndpointConfigName: 'nobody' })),
    name: 'ValidationException',
    message: /^Could not find endpoint configuration/,
  },
  {
    what: 'DeleteEndpointConfig',
    call: () => send(new DeleteEndpointConfigCommand({ EndpointConfigName: 'nobody' })),
    name: 'ValidationException',
    message: /^Could not find endpoint configuration/,
  },
  {
    what: 'DescribeModel',
    call: () => send(new DescribeModelCommand({ ModelName: 'nobody' })),
    name: 'ValidationException',
    message: /^Could not find model/,
  },
  {
    what: 'DeleteModel',
    call: () => send(new DeleteModelCommand({ ModelName: 'nobody' })),
    name: 'ValidationException',
    message: /^Could not find model/,
  },
  {
    what: 'DescribeTrainingJob',
    call: () => send(new DescribeTrainingJobCommand({ TrainingJobName: 'nobody' })),
    name: 'ValidationException',
    message: /^Requested resource not found/,
  },
  {
    what: 'StopTrainingJob',
    call: () => send(new StopTrainingJobCommand({ TrainingJobName: 'nobody' })),
    name: 'ValidationException',
    message: /^Requested resource not found/,
  },
  {
    what: 'DescribeProcessingJob',
    call: () => send(new DescribeProcessingJobCommand({ ProcessingJobName: 'nobody' })),
    name: 'ValidationException',
    message: /^Could not find requested job/,
  },
  ...(
    [
      ['DescribeMonitoringSchedule', new DescribeMonitoringScheduleCommand(NO_SCHEDULE)],
      ['StartMonitoringSchedule', new StartMonitoringScheduleCommand(NO_SCHEDULE)],
      ['StopMonitoringSchedule', new StopMonitoringScheduleCommand(NO_SCHEDULE)],
      ['DeleteMonitoringSchedule', new DeleteMonitoringScheduleCommand(NO_SCHEDULE)],
      [
        'UpdateMonitoringSchedule',
        new UpdateMonitoringScheduleCommand({
          ...NO_SCHEDULE,
          MonitoringScheduleConfig: {
            MonitoringJobDefinitionName: 'definition',
            MonitoringType: 'DataQuality',
          },
        }),
      ],
      [
        'DescribeDataQualityJobDefinition',
        new DescribeDataQualityJobDefinitionCommand({ JobDefinitionName: 'nobody' }),
      ],
      [
        'DeleteModelBiasJobDefinition',
        new DeleteModelBiasJobDefinitionCommand({ JobDefinitionName: 'nobody' }),
      ],
    ] as const
  ).map(([what, command]) => ({
    what,
    call: () => send(command as never),
    name: 'ResourceNotFound',
    message: /./,
  })),
  {
    what: 'DescribeModelPackage',
    call: () =>
      send(new DescribeModelPackageCommand({ ModelPackageName: `${ARN}:model-package/group/9` })),
    name: 'ValidationException',
    message: /does not exist\.$/,
  },
  {
    what: 'DescribeModelPackageGroup',
    call: () => send(new DescribeModelPackageGroupCommand({ ModelPackageGroupName: 'nobody' })),
    name: 'ValidationException',
    message: /does not exist\.$/,
  },
  {
    what: 'DescribePipeline',
    call: () => send(new DescribePipelineCommand({ PipelineName: 'nobody' })),
    name: 'ResourceNotFound',
    message: /does not exist\.$/,
  },
  {
    what: 'StartPipelineExecution',
    call: () =>
      send(
        new StartPipelineExecutionCommand({ PipelineName: 'nobody', ClientRequestToken: TOKEN }),
      ),
    name: 'ResourceNotFound',
    message: /does not exist\.$/,
  },
  {
    what: 'DescribePipelineExecution',
    call: () =>
      send(
        new DescribePipelineExecutionCommand({
          PipelineExecutionArn: `${ARN}:pipeline/pipeline/execution/abcdefghijkl`,
        }),
      ),
    name: 'ResourceNotFound',
    message: /does not exist\.$/,
  },
  {
    what: 'ListPipelineExecutions',
    call: () => send(new ListPipelineExecutionsCommand({ PipelineName: 'nobody' })),
    name: 'ResourceNotFound',
    message: /does not exist\.$/,
  },
  {
    what: 'DeregisterScalableTarget',
    call: () =>
      bench.autoscaling.send(
        new DeregisterScalableTargetCommand({
          ServiceNamespace: 'sagemaker',
          ResourceId: 'endpoint/nobody/variant/v',
          ScalableDimension: 'sagemaker:variant:DesiredInstanceCount',
        }),
      ),
    name: 'ObjectNotFoundException',
    message: /./,
  },
  {
    what: 'SetAlarmState',
    call: () =>
      bench.cloudwatch.send(
        new SetAlarmStateCommand({ AlarmName: 'nobody', StateValue: 'OK', StateReason: 'x' }),
      ),
    name: 'ResourceNotFound',
    message: /./,
  },
  {
    what: 'GetObject',
    call: () => bench.s3.send(new GetObjectCommand({ Bucket: 'artefacts', Key: 'nobody' })),
    name: 'NoSuchKey',
    message: /./,
  },
];

describe("AWS's refusals", () => {
  it.each(ERRORS.map((row) => [row.what, row] as const))('%s', async (_what, row) => {
    if (row.faults !== undefined) await fault(bench, ...row.faults);
    const error = await errorOf(row.call());
    expect(error.name.replace(/Exception$/, '')).toBe(row.name.replace(/Exception$/, ''));
    expect(error.message).toMatch(row.message);
    expect(answerTo(error)).toBe(row.answer);
  });
  it('of a role that may not be passed name that role', async () => {
    await fault(bench, ...(ERRORS.find(({ what }) => /passed/.test(what))?.faults ?? []));
    const error = await errorOf(model('forbidden'));
    const failure = failureOf(may('sagemaker:CreateModel', 'model/forbidden'), error, 1);
    expect((failure as Error).message).toMatch(
      new RegExp(`^iam:PassRole on ${ROLE} is missing: AccessDeniedException`),
    );
  });
});

describe('what is not there', () => {
  it.each(GONE.map((row) => [row.what, row] as const))('%s says so', async (_what, row) => {
    const error = await errorOf(row.call());
    expect(error.name).toBe(row.name);
    expect(error.message).toMatch(row.message);
    expect(answerTo(error)).toBe('absent');
  });
  it('is believed only after a minute of grace, where somebody counts on it', async () => {
    const error = await errorOf(look('nobody'));
    const at = (attempt: number) =>
      failureOf(may('sagemaker:X', 'endpoint/nobody'), error, attempt);
    expect(at(12)).toMatchObject({ type: FailureType.NotVisibleYet, nonRetryable: false });
    expect(at(13)).toMatchObject({ type: FailureType.AwsRequestRefused, nonRetryable: true });
  });
});

describe('what becomes of a deployment', () => {
  let n = 0;
  const policyOf = (name: string, deploy: object = {}) =>
    policyWith({
      endpoint: { name, region: REGION },
      monitor: { every: '2s', sources: [{ id: 'health', kind: 'alarms' }] },
      retrain: { pipeline: 'pipeline', on: [] },
      deploy: {
        strategy: 'canary',
        canary: { percent: 50, bake: '1s' },
        finalBake: '1s',
        probation: { rollBackOn: [] },
        ...deploy,
      },
    });
  const activities = () => {
    const deps: ControlDeps = {
      aws: () => bench,
      temporal: {} as ControlDeps['temporal'],
      now: () => Date.now(),
      consoleUrl: null,
    };
    return createControlActivities(deps);
  };

  /** A fresh endpoint on config `one`, updated to `two` by our activities as a release would. */
  async function rollOut(
    name: string,
    options: { readonly alarms?: readonly string[]; readonly deploy?: object } = {},
  ): Promise<{ readonly request: RolloutRequest; readonly rest: RestRequest }> {
    const policy = policyOf(name, options.deploy);
    const described = await look(name);
    const request: RolloutRequest = {
      model: 'flights',
      policy,
      release: 2,
      configName: 'two',
      plan: rolloutPlan(policy.spec.deploy, options.alarms ?? []),
      expectedConfigName: 'one',
      lastModifiedAtMs: described.LastModifiedTime?.getTime() ?? 0,
    };
    const rest: RestRequest = {
      model: 'flights',
      policy,
      configName: 'two',
      previousConfigName: 'one',
      alarmNames: options.alarms ?? [],
      deadlineMs: Date.now() + 60_000,
      journey: { sinceMs: Date.now(), progress: [], formerReason: null },
      tellMoves: false,
    };
    return { request, rest };
  }

  async function fresh(): Promise<string> {
    n += 1;
    const name = `outcome-${n}`;
    await endpoint(name);
    return name;
  }

  /** As Temporal retries it, with what was kept in the heartbeat. */
  async function atRest(rest: RestRequest): Promise<RolloutOutcome> {
    let details: unknown;
    return until(
      async () => {
        const attempt = await attemptOf(activities().awaitRest, [rest], {
          heartbeatDetails: details,
        });
        details = attempt.details;
        const { error } = attempt as { error?: { type?: string } };
        return error?.type === 'StillMoving' ? undefined : attempt.result();
      },
      (outcome) => outcome !== undefined,
      15_000,
    ) as Promise<RolloutOutcome>;
  }

  it('is success when the target serves and nothing is pending', async () => {
    const { request, rest } = await rollOut(await fresh());
    expect((await attemptOf(activities().updateEndpoint, [request])).result()).toEqual({
      kind: 'accepted',
    });
    // Asked again by a second attempt, the pending update is our own.
    const again = await attemptOf(activities().updateEndpoint, [request], { attempt: 2 });
    expect(again.result().kind).toMatch(/adopted|already serving/);
    expect(await atRest(rest)).toMatchObject({
      kind: 'in service',
      endpoint: { configName: 'two', pendingConfigName: null },
    });
  });

  it('is a silent rollback when the old config serves again and nobody says why', async () => {
    const name = await fresh();
    await fault(bench, { operation: '*', kind: 'silent rollback', match: name, times: 1 });
    const { request, rest } = await rollOut(name);
    await attemptOf(activities().updateEndpoint, [request]);
    expect(await atRest(rest)).toMatchObject({
      kind: 'rolled back',
      silent: true,
      endpoint: { configName: 'one', status: 'InService' },
    });
    // A retry of the call whose answer was lost does not deploy it a second time.
    const again = await attemptOf(activities().updateEndpoint, [request], { attempt: 2 });
    expect(again.result()).toMatchObject({ kind: 'rolled back' });
  });

  it('is a rollback with its alarm when one goes off in the bake', async () => {
    const name = await fresh();
    await bench.cloudwatch.send(
      new PutMetricAlarmCommand({
        AlarmName: `${name}-errors`,
        Namespace: 'modelkeeper',
        MetricName: 'x',
        Statistic: 'Sum',
        Period: 60,
        EvaluationPeriods: 1,
        ComparisonOperator: 'GreaterThanThreshold',
        Threshold: 0,
        TreatMissingData: 'notBreaching',
      }),
    );
    const deploy = { canary: { percent: 50, bake: '5s' } };
    const { request, rest } = await rollOut(name, { alarms: [`${name}-errors`], deploy });
    await attemptOf(activities().updateEndpoint, [request]);
    await until(
      async () => {
        await bench.cloudwatch.send(
          new SetAlarmStateCommand({
            AlarmName: `${name}-errors`,
            StateValue: 'ALARM',
            StateReason: 'too many errors',
          }),
        );
        return look(name);
      },
      ({ EndpointStatus: status }) => status !== 'Updating',
    );
    expect(await atRest(rest)).toMatchObject({
      kind: 'rolled back',
      silent: false,
      reason: expect.stringContaining('too many errors') as string,
    });
  });

  it('waits while AWS maintains the endpoint, and says so', async () => {
    const name = await fresh();
    await fault(bench, { operation: '*', kind: 'SystemUpdating', match: name, times: 1 });
    await until(
      () => look(name),
      ({ EndpointStatus: status }) => status === 'SystemUpdating',
    );
    const { request } = await rollOut(name);
    const attempt = await attemptOf(activities().updateEndpoint, [request]);
    expect(attempt.error ?? attempt.result()).toMatchObject({
      type: FailureType.Busy,
      message: expect.stringContaining('SystemUpdating') as string,
    });
  });

  it('is stuck when a rollback has failed and a mixed fleet serves', async () => {
    const name = await fresh();
    await fault(bench, { operation: '*', kind: 'UpdateRollbackFailed', match: name, times: 1 });
    const deploy = { strategy: 'rolling', rolling: { percent: 50, bake: '1s' } };
    const { request, rest } = await rollOut(name, { deploy });
    await attemptOf(activities().updateEndpoint, [request]);
    expect(await atRest(rest)).toMatchObject({
      kind: 'stuck',
      endpoint: { status: 'UpdateRollbackFailed' },
    });
  });

  it('never begins on an endpoint that is stuck in Creating, and waits no longer than its deadline', async () => {
    const name = `stuck-${process.pid}`;
    await fault(bench, { operation: '*', kind: 'stuck creating', match: name, times: 1 });
    await bench.sagemaker.send(
      new CreateEndpointCommand({
        EndpointName: name,
        EndpointConfigName: 'one',
        Tags: [{ Key: 'modelkeeper:keeper', Value: 'keeper/flights' }],
      }),
    );
    const { request, rest } = await rollOut(name);
    const attempt = await attemptOf(activities().updateEndpoint, [request]);
    expect(attempt.error).toMatchObject({ type: FailureType.Busy });
    expect(await atRest({ ...rest, deadlineMs: Date.now() })).toMatchObject({
      kind: 'stuck',
      reason: expect.stringMatching(/still Creating after the deadline|is Failed/) as string,
    });
    await until(
      () => look(name),
      ({ EndpointStatus: status }) => status === 'Failed',
    );
    expect(await atRest(rest)).toMatchObject({
      kind: 'stuck',
      reason: expect.stringMatching(/Failed.*ping health check.*takes no update/) as string,
    });
  });

  it('cannot be when the config that serves was deleted, and preflight says what to do', async () => {
    const name = await fresh();
    await config('lost');
    const { request } = await rollOut(name);
    await bench.sagemaker.send(new DeleteEndpointConfigCommand({ EndpointConfigName: 'one' }));
    try {
      const claim = await attemptOf(activities().claimEndpoint, [request]);
      expect(claim.result()).toMatchObject({
        kind: 'refused',
        reason: expect.stringMatching(/endpoint config one that .* serves was deleted/) as string,
      });
      const late = await attemptOf(activities().updateEndpoint, [request], { attempt: 13 });
      expect(late.error).toMatchObject({
        nonRetryable: true,
        message: expect.stringMatching(/Could not find endpoint configuration/) as string,
      });
    } finally {
      await config('one');
    }
  });
});
