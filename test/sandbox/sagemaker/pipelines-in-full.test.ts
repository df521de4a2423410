import { CreateBucketCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import {
  CreatePipelineCommand,
  CreateTrainingJobCommand,
  DescribePipelineCommand,
  DescribePipelineExecutionCommand,
  DescribeTrainingJobCommand,
  ListPipelineExecutionStepsCommand,
  ListPipelineVersionsCommand,
  RetryPipelineExecutionCommand,
  SendPipelineExecutionStepFailureCommand,
  SendPipelineExecutionStepSuccessCommand,
  StartPipelineExecutionCommand,
  StopPipelineExecutionCommand,
  UpdatePipelineCommand,
  UpdatePipelineVersionCommand,
  type CreateTrainingJobRequest,
  type PipelineExecutionStep,
  type StartPipelineExecutionRequest,
} from '@aws-sdk/client-sagemaker';
import { CreateQueueCommand, ReceiveMessageCommand } from '@aws-sdk/client-sqs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { discard, fault, openBench, ROLE, until } from './support.js';
import type { Bench } from './support.js';

let bench: Bench;
let queueUrl = '';
beforeAll(async () => {
  bench = await openBench();
  await bench.s3.send(new CreateBucketCommand({ Bucket: 'artefacts' }));
  queueUrl =
    (await bench.sqs.send(new CreateQueueCommand({ QueueName: 'callbacks' }))).QueueUrl ?? '';
});
afterEach(async () => {
  await fault(bench);
});
afterAll(async () => {
  await bench.close();
  discard(bench.home);
});

const training = (name: string, over: object = {}): object => ({
  Name: name,
  Type: 'Training',
  Arguments: {
    AlgorithmSpecification: { TrainingImage: 'somebody/else:1', TrainingInputMode: 'File' },
    RoleArn: ROLE,
    OutputDataConfig: { S3OutputPath: 's3://artefacts/out' },
    ResourceConfig: { InstanceType: 'ml.m5.large', InstanceCount: 1, VolumeSizeInGB: 5 },
    StoppingCondition: { MaxRuntimeInSeconds: 3600 },
    Environment: { from: { Get: 'Parameters.From' } },
  },
  ...over,
});
const model = (name: string, of: string): object => ({
  Name: name,
  Type: 'Model',
  Arguments: {
    ExecutionRoleArn: ROLE,
    PrimaryContainer: {
      Image: 'somebody/else:1',
      ModelDataUrl: { Get: `Steps.${of}.ModelArtifacts.S3ModelArtifacts` },
    },
  },
});
const definition = (...steps: readonly object[]): string =>
  JSON.stringify({
    Version: '2020-12-01',
    Parameters: [{ Name: 'From', Type: 'String', DefaultValue: 'monday' }],
    Steps: steps,
  });

let calls = 0;
const token = (): string => `token-${String((calls += 1))}`.padEnd(40, '-');
const create = (PipelineName: string, ...steps: readonly object[]) =>
  bench.sagemaker.send(
    new CreatePipelineCommand({
      PipelineName,
      PipelineDefinition: definition(...steps),
      RoleArn: ROLE,
      ClientRequestToken: token(),
    }),
  );
const start = async (
  PipelineName: string,
  over: Partial<StartPipelineExecutionRequest> = {},
): Promise<string> =>
  (
    await bench.sagemaker.send(
      new StartPipelineExecutionCommand({
        PipelineName,
        ClientRequestToken: token(),
        ...over,
      }),
    )
  ).PipelineExecutionArn ?? '';
const describeExecution = (PipelineExecutionArn: string) =>
  bench.sagemaker.send(new DescribePipelineExecutionCommand({ PipelineExecutionArn }));
const stepsOf = async (PipelineExecutionArn: string): Promise<PipelineExecutionStep[]> =>
  (
    await bench.sagemaker.send(
      new ListPipelineExecutionStepsCommand({ PipelineExecutionArn, SortOrder: 'Ascending' }),
    )
  ).PipelineExecutionSteps ?? [];
const ended = async (arn: string) => {
  const execution = await until(
    () => describeExecution(arn),
    ({ PipelineExecutionStatus: status }) => status !== 'Executing' && status !== 'Stopping',
  );
  return { status: execution.PipelineExecutionStatus, execution, steps: await stepsOf(arn) };
};

describe('versions of a pipeline', () => {
  it('are made by each change of the definition, described, named, and run when pinned', async () => {
    await create('versioned', training('Train'));
    const { PipelineVersionId } = await bench.sagemaker.send(
      new UpdatePipelineCommand({
        PipelineName: 'versioned',
        PipelineDefinition: definition(training('Train'), model('Make', 'Train')),
      }),
    );
    expect(PipelineVersionId).toBe(2);
    const first = await bench.sagemaker.send(
      new DescribePipelineCommand({ PipelineName: 'versioned', PipelineVersionId: 1 }),
    );
    expect(first.PipelineDefinition).toBe(definition(training('Train')));
    const pinned = await start('versioned', { PipelineVersionId: 1 });
    const { execution, steps } = await ended(pinned);
    expect(steps.map(({ StepName }) => StepName)).toEqual(['Train']);
    expect(execution.PipelineVersionId).toBe(1);
    await bench.sagemaker.send(
      new UpdatePipelineVersionCommand({
        PipelineArn: first.PipelineArn,
        PipelineVersionId: 1,
        PipelineVersionDisplayName: 'proven',
      }),
    );
    const { PipelineVersionSummaries } = await bench.sagemaker.send(
      new ListPipelineVersionsCommand({ PipelineName: 'versioned', SortOrder: 'Ascending' }),
    );
    expect(PipelineVersionSummaries).toMatchObject([
      {
        PipelineVersionId: 1,
        PipelineVersionDisplayName: 'proven',
        LastExecutionPipelineExecutionArn: pinned,
      },
      { PipelineVersionId: 2 },
    ]);
    await expect(start('versioned', { PipelineVersionId: 3 })).rejects.toMatchObject({
      name: 'ResourceNotFound',
    });
  });
});

describe('a step with a cache', () => {
  it('is answered from it for the same arguments, and runs for others or when its time is over', async () => {
    const cached = { CacheConfig: { Enabled: true, ExpireAfter: 'P30D' } };
    await create('cached', training('Train', cached), model('Make', 'Train'));
    const first = await start('cached');
    expect((await ended(first)).steps[0]?.CacheHitResult).toBeUndefined();
    const again = await ended(await start('cached'));
    expect(again.steps[0]).toMatchObject({
      StepStatus: 'Succeeded',
      CacheHitResult: { SourcePipelineExecutionArn: first },
    });
    const other = await ended(
      await start('cached', { PipelineParameters: [{ Name: 'From', Value: 'tuesday' }] }),
    );
    expect(other.steps[0]?.CacheHitResult).toBeUndefined();
    await bench.sagemaker.send(
      new UpdatePipelineCommand({
        PipelineName: 'cached',
        PipelineDefinition: definition(
          training('Train', { CacheConfig: { Enabled: true, ExpireAfter: 'PT0S' } }),
        ),
      }),
    );
    expect((await ended(await start('cached'))).steps[0]?.CacheHitResult).toBeUndefined();
  });
});

describe('a selective execution', () => {
  it('runs the selected steps with the outputs of the execution it is based on', async () => {
    await create('selective', training('Train'), model('Make', 'Train'));
    const source = await start('selective');
    await ended(source);
    const { steps, status } = await ended(
      await start('selective', {
        SelectiveExecutionConfig: {
          SourcePipelineExecutionArn: source,
          SelectedSteps: [{ StepName: 'Make' }],
        },
      }),
    );
    expect(status).toBe('Succeeded');
    expect(steps.map(({ StepName, SelectiveExecutionResult: from }) => [StepName, from])).toEqual([
      ['Train', { SourcePipelineExecutionArn: source }],
      ['Make', undefined],
    ]);
  });

  it.each([
    ['an unknown step', ['Nobody'], 'Selected step Nobody does not exist'],
    ['a step whose input nobody has', ['Make'], 'depends on step Train, which is not selected'],
  ])('is refused with %s', async (_what, names, sentence) => {
    await expect(
      start('selective', {
        SelectiveExecutionConfig: { SelectedSteps: names.map((StepName) => ({ StepName })) },
      }),
    ).rejects.toThrow(sentence);
  });
});

describe('a Callback step', () => {
  const callback = (): object => ({
    Name: 'Ask',
    Type: 'Callback',
    SqsQueueUrl: queueUrl,
    Arguments: { from: { Get: 'Parameters.From' } },
  });
  const message = async (): Promise<{ token: string; status: string; arguments: object }> => {
    const { Messages } = await bench.sqs.send(
      new ReceiveMessageCommand({ QueueUrl: queueUrl, WaitTimeSeconds: 5, VisibilityTimeout: 600 }),
    );
    return JSON.parse(Messages?.[0]?.Body ?? '{}') as never;
  };

  it('waits for the answer to its message and goes on with it', async () => {
    await create('asks', callback());
    const arn = await start('asks');
    const sent = await message();
    expect(sent).toMatchObject({ status: 'Executing', arguments: { from: 'monday' } });
    const [step] = await stepsOf(arn);
    expect(step?.Metadata?.Callback).toMatchObject({
      CallbackToken: sent.token,
      SqsQueueUrl: queueUrl,
    });
    await bench.sagemaker.send(
      new SendPipelineExecutionStepSuccessCommand({
        CallbackToken: sent.token,
        OutputParameters: [{ Name: 'answer', Value: 'yes' }],
      }),
    );
    const { status, steps } = await ended(arn);
    expect(status).toBe('Succeeded');
    expect(steps[0]?.Metadata?.Callback?.OutputParameters).toEqual([
      { Name: 'answer', Value: 'yes' },
    ]);
  });

  it('does not stop before somebody answers the second message', async () => {
    const PipelineExecutionArn = await start('asks');
    const { token: asked } = await message();
    await bench.sagemaker.send(
      new StopPipelineExecutionCommand({ PipelineExecutionArn, ClientRequestToken: token() }),
    );
    expect(await message()).toMatchObject({ status: 'Stopping', token: asked });
    expect((await describeExecution(PipelineExecutionArn)).PipelineExecutionStatus).toBe(
      'Stopping',
    );
    await bench.sagemaker.send(
      new SendPipelineExecutionStepFailureCommand({ CallbackToken: asked }),
    );
    expect((await ended(PipelineExecutionArn)).status).toBe('Stopped');
  });

  it('is refused without a queue, and a Lambda step by name', async () => {
    await expect(create('bad', { Name: 'Ask', Type: 'Callback' })).rejects.toThrow(
      'must have SqsQueueUrl',
    );
    await expect(create('bad', { Name: 'Run', Type: 'Lambda' })).rejects.toThrow(
      'Step Run has type Lambda; this sandbox runs steps of type',
    );
  });
});

describe('trouble in a pipeline', () => {
  it('is retried by the policy of its step, each attempt with a job of its own', async () => {
    const retried = {
      RetryPolicies: [
        { ExceptionType: ['SageMaker.CAPACITY_ERROR'], IntervalSeconds: 0, MaxAttempts: 2 },
      ],
    };
    await create('patient', training('Train', retried));
    await fault(bench, { operation: '*', kind: 'capacity', times: 2 });
    const { status, steps } = await ended(await start('patient'));
    expect(status).toBe('Succeeded');
    expect(steps[0]?.AttemptCount).toBe(3);
  });

  it('ends the execution without such a policy, and the same execution succeeds when it is retried', async () => {
    await create('impatient', training('Train'));
    await fault(bench, { operation: '*', kind: 'quota', match: 'ml.m5.large', times: 1 });
    const PipelineExecutionArn = await start('impatient');
    const failed = await ended(PipelineExecutionArn);
    expect(failed.status).toBe('Failed');
    expect(failed.steps[0]?.FailureReason).toMatch(
      "service limit 'ml.m5.large for training job usage' is 0 Instances",
    );
    await bench.sagemaker.send(
      new RetryPipelineExecutionCommand({ PipelineExecutionArn, ClientRequestToken: token() }),
    );
    expect((await ended(PipelineExecutionArn)).status).toBe('Succeeded');
  });

  it('can be an end that is neither success nor failure', async () => {
    await fault(bench, { operation: '*', kind: 'completed with failures', match: 'odd', times: 1 });
    const arn = await start('impatient', { PipelineExecutionDisplayName: 'odd-1' });
    expect((await ended(arn)).status).toBe('CompletedWithFailures');
  });
});

describe('a training job on spot capacity', () => {
  const job = (name: string, over: Partial<CreateTrainingJobRequest> = {}) =>
    bench.sagemaker.send(
      new CreateTrainingJobCommand({
        TrainingJobName: name,
        RoleArn: ROLE,
        AlgorithmSpecification: { TrainingImage: 'somebody/else:1', TrainingInputMode: 'File' },
        OutputDataConfig: { S3OutputPath: 's3://artefacts/out' },
        ResourceConfig: { InstanceType: 'ml.m5.large', InstanceCount: 1, VolumeSizeInGB: 5 },
        StoppingCondition: { MaxRuntimeInSeconds: 3600, MaxWaitTimeInSeconds: 7200 },
        EnableManagedSpotTraining: true,
        CheckpointConfig: { S3Uri: 's3://artefacts/checkpoints' },
        ...over,
      }),
    );
  const done = (TrainingJobName: string) =>
    until(
      () => bench.sagemaker.send(new DescribeTrainingJobCommand({ TrainingJobName })),
      ({ TrainingJobStatus: status }) => status !== 'InProgress',
    );

  it('is interrupted, goes on from its checkpoints, and costs less than it ran', async () => {
    await fault(bench, { operation: '*', kind: 'spot interruption', match: 'spot-1', times: 1 });
    await job('spot-1');
    const ran = await done('spot-1');
    expect(ran.TrainingJobStatus).toBe('Completed');
    const statuses = ran.SecondaryStatusTransitions?.map(({ Status }) => Status);
    expect(statuses).toContain('Interrupted');
    expect(statuses?.lastIndexOf('Starting')).toBe((statuses?.indexOf('Interrupted') ?? 0) + 1);
    const { Contents } = await bench.s3.send(
      new ListObjectsV2Command({ Bucket: 'artefacts', Prefix: 'checkpoints/' }),
    );
    expect(Contents?.map(({ Key }) => Key)).toEqual([
      'checkpoints/checkpoint-1.json',
      'checkpoints/checkpoint-2.json',
    ]);
    expect(ran.BillableTimeInSeconds).toBeLessThanOrEqual(ran.TrainingTimeInSeconds ?? 0);
  });

  it.each([
    ['without a longest wait', { StoppingCondition: { MaxRuntimeInSeconds: 60 } }, /is required/],
    [
      'with a wait shorter than its runtime',
      { StoppingCondition: { MaxRuntimeInSeconds: 60, MaxWaitTimeInSeconds: 59 } },
      /greater than or equal to MaxRuntimeInSeconds/,
    ],
    [
      'with a wait and no spot',
      { EnableManagedSpotTraining: false },
      /only allowed when EnableManagedSpotTraining/,
    ],
  ])('is refused %s', async (_how, over, sentence) => {
    await expect(job('refused', over)).rejects.toThrow(sentence);
  });

  it('has no quota for one type only when a fault says so', async () => {
    await fault(bench, { operation: '*', kind: 'quota', match: 'ml.p3.2xlarge' });
    const ResourceConfig = {
      InstanceType: 'ml.p3.2xlarge' as const,
      InstanceCount: 1,
      VolumeSizeInGB: 5,
    };
    await expect(job('big', { ResourceConfig })).rejects.toMatchObject({
      name: 'ResourceLimitExceeded',
    });
    await job('small');
  });
});
