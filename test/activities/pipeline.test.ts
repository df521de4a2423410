import { HeadObjectCommand } from '@aws-sdk/client-s3';
import {
  DescribeModelPackageCommand,
  DescribePipelineCommand,
  DescribePipelineDefinitionForExecutionCommand,
  DescribePipelineExecutionCommand,
  DescribeTrainingJobCommand,
  ListPipelineExecutionsCommand,
  ListPipelineExecutionStepsCommand,
  RetryPipelineExecutionCommand,
  StartPipelineExecutionCommand,
  StopPipelineExecutionCommand,
  type DescribeModelPackageOutput,
  type PipelineExecutionStatus,
  type PipelineExecutionStep,
} from '@aws-sdk/client-sagemaker';
import { describe, expect, it } from 'vitest';

import { billOf } from '../../activities/bill.js';
import { createControlActivities } from '../../activities/index.js';
import {
  attemptOf,
  awsError,
  depsOver,
  fakeAws,
  NOON,
  on,
  policyWith,
  ref,
  run,
} from './support.js';

const ARN =
  'arn:aws:sagemaker:us-east-1:111122223333:pipeline/flights-train/execution/abcdefghijkl';
const start = {
  ...ref,
  release: 4,
  name: 'flights-4',
  parameters: { TrainFrom: '2026-01-01T00:00:00.000Z' },
};

const OUR_DESCRIPTION = 'Started by modelkeeper for release 4 of flights.';
const DEFINITION = JSON.stringify({
  Version: '2020-12-01',
  Parameters: [
    { Name: 'TrainFrom', Type: 'String' },
    { Name: 'Epochs', Type: 'Integer', DefaultValue: 3 },
    { Name: 'Size', Type: 'String', DefaultValue: 'small', EnumValues: ['small', 'large'] },
  ],
  Steps: [
    { Name: 'Train', Type: 'Training' },
    { Name: 'Evaluate', Type: 'Processing' },
    { Name: 'Register', Type: 'RegisterModel' },
  ],
});

function account(status: string = 'Executing', steps: readonly PipelineExecutionStep[] = []) {
  const executions = new Map<string, string>();
  const descriptions = new Map<string, string>();
  const definition = { text: DEFINITION };
  const aws = fakeAws(
    on(StartPipelineExecutionCommand, (input) => {
      const name = input.PipelineExecutionDisplayName ?? '';
      executions.set(name, ARN);
      return { PipelineExecutionArn: ARN };
    }),
    on(DescribePipelineCommand, () => ({ PipelineDefinition: definition.text })),
    on(DescribePipelineDefinitionForExecutionCommand, () => ({
      PipelineDefinition: definition.text,
    })),
    on(RetryPipelineExecutionCommand, () => ({ PipelineExecutionArn: ARN })),
    on(ListPipelineExecutionsCommand, () => ({
      PipelineExecutionSummaries: [...executions].map(([name, arn]) => ({
        PipelineExecutionDisplayName: name,
        PipelineExecutionArn: arn,
        PipelineExecutionDescription: descriptions.get(name) ?? OUR_DESCRIPTION,
      })),
    })),
    on(DescribePipelineExecutionCommand, () => ({
      PipelineExecutionStatus: status as PipelineExecutionStatus,
      CreationTime: new Date(NOON - 60_000),
      LastModifiedTime: new Date(NOON),
    })),
    on(ListPipelineExecutionStepsCommand, () => ({ PipelineExecutionSteps: [...steps] })),
    on(StopPipelineExecutionCommand, () => ({})),
  );
  return { aws, executions, descriptions, definition, ...createControlActivities(depsOver(aws)) };
}

describe('startPipeline', () => {
  it('sends a token and a name that follow from the release', async () => {
    const { aws, executions, startPipeline } = account();
    await run(startPipeline, [start]);
    executions.clear();
    await run(startPipeline, [start]);
    const [first, second] = aws.inputs(StartPipelineExecutionCommand);
    expect(first).toMatchObject({
      PipelineName: 'flights-train',
      PipelineExecutionDisplayName: 'flights-4',
      ClientRequestToken: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
    });
    expect(second?.ClientRequestToken).toBe(first?.ClientRequestToken);
    await run(startPipeline, [{ ...start, release: 5, name: 'flights-5' }]);
    expect(aws.inputs(StartPipelineExecutionCommand)[2]?.ClientRequestToken).not.toBe(
      first?.ClientRequestToken,
    );
  });

  it('adopts the execution of an attempt whose answer was lost', async () => {
    const { aws, startPipeline } = account();
    aws.loseAnswer(StartPipelineExecutionCommand);
    expect((await attemptOf(startPipeline, [start])).error).toMatchObject({
      type: 'AwsUnavailable',
    });
    expect(await run(startPipeline, [start], { attempt: 2 })).toEqual({
      executionArn: ARN,
      adopted: true,
    });
    expect(aws.inputs(StartPipelineExecutionCommand)).toHaveLength(1);
  });

  it('adopts on a conflict', async () => {
    const { aws, executions, startPipeline } = account();
    aws.failNext(StartPipelineExecutionCommand, awsError('ConflictException', 'token'));
    aws.before(StartPipelineExecutionCommand, () => executions.set('flights-4', ARN));
    expect(await run(startPipeline, [start])).toEqual({ executionArn: ARN, adopted: true });
  });

  it('waits for quota with a sentence', async () => {
    const { aws, startPipeline } = account();
    aws.failNext(StartPipelineExecutionCommand, awsError('ResourceLimitExceeded', 'limit of 20'));
    expect((await attemptOf(startPipeline, [start])).error).toMatchObject({
      type: 'Capacity',
      nonRetryable: false,
      nextRetryDelay: 60_000,
    });
  });
});

describe('a start', () => {
  it('pins the version and runs the selected steps only', async () => {
    const { aws, executions, descriptions, startPipeline } = account();
    executions.set('somebody-1', ARN);
    descriptions.set('somebody-1', 'by hand');
    const pinned = policyWith({
      retrain: {
        pipeline: 'flights-train',
        pipelineVersion: 7,
        selective: { from: ARN, steps: ['Register'] },
      },
    });
    await run(startPipeline, [{ ...start, policy: pinned }]);
    expect(aws.inputs(DescribePipelineCommand)[0]?.PipelineVersionId).toBe(7);
    expect(aws.inputs(StartPipelineExecutionCommand)[0]).toMatchObject({
      PipelineVersionId: 7,
      SelectiveExecutionConfig: {
        SourcePipelineExecutionArn: ARN,
        SelectedSteps: [{ StepName: 'Register' }],
      },
    });
  });

  it('never adopts what somebody else has started under our name', async () => {
    const { aws, executions, descriptions, startPipeline } = account();
    executions.set('flights-4', `${ARN.slice(0, -1)}x`);
    descriptions.set('flights-4', 'tried by hand');
    expect(await run(startPipeline, [start])).toEqual({ executionArn: ARN, adopted: false });
    expect(aws.inputs(StartPipelineExecutionCommand)).toHaveLength(1);
  });

  it('looks among the executions since the release began, with some minutes for clocks apart', async () => {
    const { aws, startPipeline } = account();
    await run(startPipeline, [{ ...start, sinceMs: NOON }]);
    expect(aws.inputs(ListPipelineExecutionsCommand)[0]?.CreatedAfter).toEqual(
      new Date(NOON - 600_000),
    );
  });

  it.each([
    [{}, /needs the parameter 'TrainFrom', which has no default/],
    [{ TrainFrom: 'x', Epoch: '3' }, /has no parameter 'Epoch'; it has TrainFrom, Epochs, Size/],
    [{ TrainFrom: 'x', Epochs: 'three' }, /'Epochs' .* it takes a whole number/],
    [{ TrainFrom: 'x', Size: 'huge' }, /'Size' .* it takes small or large/],
  ])('is not made with the parameters %j', async (parameters, sentence) => {
    const { aws, startPipeline } = account();
    const { error } = await attemptOf(startPipeline, [{ ...start, parameters }]);
    expect(error).toMatchObject({
      type: 'PolicyUnfit',
      nonRetryable: true,
      message: expect.stringMatching(sentence) as string,
    });
    expect(aws.inputs(StartPipelineExecutionCommand)).toHaveLength(0);
  });

  it('is made unchecked, and says so, where the pipeline may not be read', async () => {
    const { aws, startPipeline } = account();
    aws.failNext(DescribePipelineCommand, awsError('AccessDeniedException', 'no', 400));
    expect(await run(startPipeline, [start])).toMatchObject({
      adopted: false,
      unchecked: expect.stringContaining('sagemaker:DescribePipeline') as string,
    });
  });
});

describe('a retry', () => {
  const again = { ...ref, executionArn: ARN, number: 1 };
  it('runs the same execution again under a token of its own', async () => {
    const { aws, retryPipeline } = account('Failed');
    expect(await run(retryPipeline, [again])).toEqual({ kind: 'running', by: 'us' });
    await run(retryPipeline, [again]);
    await run(retryPipeline, [{ ...again, number: 2 }]);
    const tokens = aws
      .inputs(RetryPipelineExecutionCommand)
      .map(({ ClientRequestToken }) => ClientRequestToken);
    expect(tokens[1]).toBe(tokens[0]);
    expect(tokens[2]).not.toBe(tokens[0]);
  });
  it('leaves one alone that somebody else has run again', async () => {
    const { aws, retryPipeline } = account('Executing');
    expect(await run(retryPipeline, [again])).toEqual({ kind: 'running', by: 'somebody else' });
    expect(aws.inputs(RetryPipelineExecutionCommand)).toHaveLength(0);
  });
  it('is told when SageMaker does not make it', async () => {
    const { aws, retryPipeline } = account('CompletedWithFailures');
    aws.failNext(RetryPipelineExecutionCommand, awsError('ValidationException', 'not in status'));
    expect(await run(retryPipeline, [again])).toEqual({ kind: 'refused', reason: 'not in status' });
  });
  it('by somebody else ends the waiting for it', async () => {
    expect(await run(account('Executing').awaitRevival, [again])).toEqual({
      kind: 'running',
      by: 'somebody else',
    });
    expect((await attemptOf(account('Failed').awaitRevival, [again])).error).toMatchObject({
      type: 'StillRunning',
      category: 'BENIGN',
    });
  });
  it('by somebody else is seen though it has succeeded between two looks, and is not made again', async () => {
    const { aws, awaitRevival, retryPipeline } = account('Succeeded');
    expect(await run(awaitRevival, [again])).toEqual({ kind: 'succeeded' });
    expect(await run(retryPipeline, [again])).toEqual({ kind: 'succeeded' });
    expect(aws.inputs(RetryPipelineExecutionCommand)).toHaveLength(0);
  });
});

describe('awaitPipeline', () => {
  const wait = { ...ref, executionArn: ARN };
  const step = (over: Partial<PipelineExecutionStep>): PipelineExecutionStep => ({
    StepName: 'Train',
    StepStatus: 'Succeeded',
    ...over,
  });

  it('says which step runs, and looks again as often as the policy looks', async () => {
    const { awaitPipeline } = account('Executing', [
      step({}),
      step({
        StepName: 'Evaluate',
        StepStatus: 'Executing',
        StartTime: new Date(NOON - 240_000),
      }),
    ]);
    expect((await attemptOf(awaitPipeline, [wait])).error).toMatchObject({
      type: 'StillRunning',
      category: 'BENIGN',
      nextRetryDelay: 30_000,
      message: 'The pipeline is Executing: 1 of 3 steps done; Evaluate (Executing, 4 min)',
    });
    const monitor = { ...ref.policy.spec.monitor, every: '2s' };
    const hasty = { ...wait, policy: policyWith({ monitor }) };
    expect((await attemptOf(awaitPipeline, [hasty])).error).toMatchObject({
      nextRetryDelay: 1_000,
    });
  });

  const PACKAGE = 'arn:aws:sagemaker:us-east-1:111122223333:model-package/flights/3';
  const registered = [
    step({}),
    step({ StepName: 'Register', Metadata: { RegisterModel: { Arn: PACKAGE } } }),
  ];
  const artefact = { ETag: '"e1"', ContentLength: 10, VersionId: 'v1' };
  /** An account in which the execution registered `over` the package below. */
  const ended = (
    over: Partial<DescribeModelPackageOutput> = {},
    head?: Error,
    steps: readonly PipelineExecutionStep[] = registered,
  ) => {
    const aws = fakeAws(
      on(DescribePipelineExecutionCommand, () => ({
        PipelineExecutionStatus: 'Succeeded' as const,
        CreationTime: new Date(NOON - 60_000),
        LastModifiedTime: new Date(NOON),
      })),
      on(ListPipelineExecutionStepsCommand, () => ({ PipelineExecutionSteps: [...steps] })),
      on(DescribeModelPackageCommand, () => ({
        ModelPackageVersion: 3,
        ModelPackageStatus: 'Completed' as const,
        ModelApprovalStatus: 'PendingManualApproval' as const,
        InferenceSpecification: {
          Containers: [
            {
              Image: `image@sha256:${'a'.repeat(64)}`,
              ModelDataUrl: 's3://ml/model.tar.gz',
              Environment: { COLUMNS: 'origin,distance' },
            },
          ],
        },
        DriftCheckBaselines: {
          ModelDataQuality: { Statistics: { ContentType: 'text/csv', S3Uri: 's3://ml/base.csv' } },
        },
        CustomerMetadataProperties: {
          'modelkeeper:predictions': 's3://ml/predictions.parquet',
          'modelkeeper:trainingRows': 's3://ml/rows.parquet',
        },
        ...over,
      })),
      on(HeadObjectCommand, () => {
        if (head !== undefined) throw head;
        return artefact;
      }),
    );
    return createControlActivities(depsOver(aws)).awaitPipeline;
  };

  it('answers the candidate that the register step registered, with what pins it', async () => {
    expect(await run(ended(), [wait])).toEqual({
      kind: 'succeeded',
      bill: { jobs: [], unread: null },
      startedAtMs: NOON - 60_000,
      endedAtMs: NOON,
      steps: [
        { name: 'Train', status: 'Succeeded', seconds: null },
        { name: 'Register', status: 'Succeeded', seconds: null },
      ],
      candidate: {
        packageArn: PACKAGE,
        version: 3,
        modelDataUrl: 's3://ml/model.tar.gz',
        artefact: { etag: 'e1', sizeBytes: 10, versionId: 'v1' },
        image: `image@sha256:${'a'.repeat(64)}`,
        imageDigest: `sha256:${'a'.repeat(64)}`,
        environment: { COLUMNS: 'origin,distance' },
        approvalStatus: 'PendingManualApproval',
        predictionsUri: 's3://ml/predictions.parquet',
        trainingRowsUri: 's3://ml/rows.parquet',
        baselineUri: 's3://ml/base.csv',
        metadata: {
          'modelkeeper:predictions': 's3://ml/predictions.parquet',
          'modelkeeper:trainingRows': 's3://ml/rows.parquet',
        },
        lineage: {
          generatedBy: null,
          commit: null,
          stage: null,
          metrics: {},
          baselines: { 'ModelDataQuality.Statistics': 's3://ml/base.csv' },
        },
      },
    });
  });

  const packageOf = (group: string, version: number) =>
    PACKAGE.replace('flights/3', `${group}/${String(version)}`);
  const registers = (StepName: string, group: string, version: number): PipelineExecutionStep =>
    step({ StepName, Metadata: { RegisterModel: { Arn: packageOf(group, version) } } });
  it('takes the latest of the versions registered in the group, and says which it leaves', async () => {
    const outcome = await run(
      ended({}, undefined, [
        step({}),
        registers('RegisterCandidate', 'flights', 10),
        // Taken where the condition before it holds; the one of its other branch is never reached.
        registers('RegisterFallback', 'Flights', 9),
        registers('RegisterExplainer', 'flights-explainer', 77),
      ]),
      [wait],
    );
    expect(outcome).toMatchObject({
      kind: 'succeeded',
      candidate: { packageArn: packageOf('flights', 10) },
      note: 'it registered 2 versions in flights: version 10 is the candidate, the latest; 9 is not',
    });
  });

  it('takes the one whose branch was taken, without a word, and never one of another group', async () => {
    const outcome = await run(
      ended({}, undefined, [
        registers('RegisterIfBetter', 'flights', 4),
        registers('RegisterExplainer', 'flights-explainer', 77),
      ]),
      [wait],
    );
    expect(outcome).toMatchObject({ candidate: { packageArn: packageOf('flights', 4) } });
    expect(outcome).not.toHaveProperty('note');
  });

  it('waits for a package that SageMaker still validates', async () => {
    const { error } = await attemptOf(ended({ ModelPackageStatus: 'InProgress' }), [wait]);
    expect(error).toMatchObject({ type: 'StillRunning', category: 'BENIGN' });
  });

  it.each([
    ['a package that failed', ended({ ModelPackageStatus: 'Failed' }), /is Failed/],
    [
      'a package without artefact',
      ended({
        InferenceSpecification: {
          Containers: [{ Image: 'image:1' }],
          SupportedContentTypes: [],
          SupportedResponseMIMETypes: [],
        },
      }),
      /names no model artefact/,
    ],
    [
      'an artefact that is gone',
      ended({}, awsError('NotFound', 'UnknownError', 404)),
      /model\.tar\.gz of the model package does not exist/,
    ],
  ])('takes no candidate from %s', async (_, awaitPipeline, sentence) => {
    const { error } = await attemptOf(awaitPipeline, [wait]);
    expect(error).toMatchObject({
      type: 'BadData',
      nonRetryable: true,
      message: expect.stringMatching(sentence) as string,
    });
  });

  it.each([
    ['Succeeded', [step({})], 'data', /registered nothing: let a RegisterModel/],
    [
      'Succeeded',
      [step({ CacheHitResult: { SourcePipelineExecutionArn: ARN } })],
      'nothing new',
      /registered nothing new: 1 of 1 steps were answered from the cache/,
    ],
    [
      'Succeeded',
      [
        step({
          CacheHitResult: { SourcePipelineExecutionArn: `${ARN.slice(0, -1)}z` },
          Metadata: { TrainingJob: { Arn: 'arn:job' } },
        }),
        registers('Register', 'flights', 9),
      ],
      'nothing new',
      /trained nothing: the model it registered as flights\/9 is from the cache of execution/,
    ],
    [
      'Succeeded',
      [
        {
          ...registers('Register', 'flights', 8),
          SelectiveExecutionResult: { SourcePipelineExecutionArn: ARN },
        },
        step({ StepName: 'Evaluate' }),
      ],
      'nothing new',
      /registered nothing new: 1 of 2 steps were taken over from an earlier execution; name the steps that train and register/,
    ],
    [
      'Succeeded',
      [registers('Register', 'flights-explainer', 2)],
      'data',
      /succeeded, but it registered .*flights-explainer\/2, none of them in the group flights: correct spec\.registry\.group/,
    ],
    ['Pending', [step({})], 'unknown', /ended Pending \(Train Succeeded\)/],
    ['Stopped', [], 'stopped', /stopped/],
    ['CompletedWithFailures', [step({})], 'unknown', /CompletedWithFailures/],
    [
      'Failed',
      [step({ StepStatus: 'Failed', FailureReason: 'CapacityError: none' })],
      'capacity',
      /none/,
    ],
    [
      'Failed',
      [step({ StepStatus: 'Failed', FailureReason: 'AlgorithmError: exit 1' })],
      'user code',
      /exit 1/,
    ],
    [
      'Failed',
      [step({ StepStatus: 'Failed', FailureReason: 'AlgorithmError: No training rows between' })],
      'data',
      /rows/,
    ],
    [
      'Failed',
      [step({ StepStatus: 'Failed', FailureReason: 'InternalServerError' })],
      'internal',
      /Internal/,
    ],
    ['Failed', [], 'unknown', /no reason/],
  ] as const)('%s is failed of class %3$s', async (status, steps, kind, reason) => {
    const { awaitPipeline } = account(status, steps);
    const outcome = await run(awaitPipeline, [wait]);
    expect(outcome).toMatchObject({ kind: 'failed', class: kind });
    expect(outcome).toHaveProperty('reason', expect.stringMatching(reason));
  });
});

describe('an execution whose end people have to judge', () => {
  const steps: PipelineExecutionStep[] = [
    {
      StepName: 'Register',
      StepStatus: 'Succeeded',
      Metadata: { RegisterModel: { Arn: 'arn:aws:sagemaker:us-east-1:1:model-package/flights/5' } },
    },
    { StepName: 'Notify', StepStatus: 'Failed', FailureReason: 'ClientError: topic' },
  ];
  it('says how each step ended and what was registered', async () => {
    const { awaitPipeline } = account('CompletedWithFailures', steps);
    expect(await run(awaitPipeline, [{ ...ref, executionArn: ARN }])).toMatchObject({
      kind: 'failed',
      class: 'unknown',
      step: 'Notify',
      packageArn: 'arn:aws:sagemaker:us-east-1:1:model-package/flights/5',
      reason:
        'the pipeline ended CompletedWithFailures (Register Succeeded; Notify Failed: ClientError: topic) and registered flights/5',
    });
  });
  it('offers nothing that was registered in another group', async () => {
    const elsewhere = steps.map((step) =>
      step.Metadata === undefined
        ? step
        : {
            ...step,
            Metadata: { RegisterModel: { Arn: 'arn:aws:sagemaker:us-east-1:1:model-package/g/5' } },
          },
    );
    const outcome = await run(account('CompletedWithFailures', elsewhere).awaitPipeline, [
      { ...ref, executionArn: ARN, accept: true },
    ]);
    expect(outcome).toMatchObject({
      kind: 'failed',
      reason: expect.stringContaining('none of them in the group flights') as string,
    });
    expect(outcome).not.toHaveProperty('packageArn');
  });
  it('is waited for while a step runs, in a status nobody knows yet', async () => {
    const { awaitPipeline } = account('Pending', [{ StepName: 'Train', StepStatus: 'Executing' }]);
    expect((await attemptOf(awaitPipeline, [{ ...ref, executionArn: ARN }])).error).toMatchObject({
      type: 'StillRunning',
      message: expect.stringContaining('Pending, which modelkeeper does not know') as string,
    });
  });
});

describe('the bill of an execution', () => {
  it('is of the jobs that ran, not of what came from the cache or another execution', () => {
    const aws = fakeAws(
      on(DescribeTrainingJobCommand, ({ TrainingJobName }) => ({
        TrainingJobName,
        TrainingTimeInSeconds: 600,
        BillableTimeInSeconds: 200,
        EnableManagedSpotTraining: true,
        ResourceConfig: { InstanceType: 'ml.m5.xlarge' as const, InstanceCount: 2 },
      })),
    );
    const trainedIn = (name: string, over: Partial<PipelineExecutionStep> = {}) => ({
      StepName: name,
      Metadata: { TrainingJob: { Arn: `arn:aws:sagemaker:us-east-1:1:training-job/${name}` } },
      ...over,
    });
    return expect(
      billOf(aws.clients.sagemaker, [
        trainedIn('now'),
        trainedIn('cached', { CacheHitResult: { SourcePipelineExecutionArn: ARN } }),
        trainedIn('elsewhere', { SelectiveExecutionResult: { SourcePipelineExecutionArn: ARN } }),
      ]),
    ).resolves.toEqual({
      unread: null,
      jobs: [
        {
          job: 'now',
          name: 'now',
          instanceType: 'ml.m5.xlarge',
          instances: 2,
          billableSeconds: 200,
          runSeconds: 600,
          spot: true,
        },
      ],
    });
  });

  it('says what of it may not be read, and loses no candidate for it', async () => {
    const aws = fakeAws(
      on(DescribeTrainingJobCommand, () => {
        throw awsError('AccessDeniedException', 'no');
      }),
    );
    expect(
      await billOf(aws.clients.sagemaker, [
        { StepName: 'Train', Metadata: { TrainingJob: { Arn: 'training-job/x' } } },
      ]),
    ).toMatchObject({
      jobs: [],
      unread: expect.stringContaining('sagemaker:DescribeTrainingJob') as string,
    });
  });
});

describe('stopPipeline', () => {
  it.each([
    ['a callback', { Callback: { SqsQueueUrl: 'https://sqs/q' } }, 120_000, /answers with Send/],
    ['a Lambda function', { Lambda: { Arn: 'arn:lambda' } }, 120_000, /Lambda function/],
    ['a job', { TrainingJob: { Arn: 'arn:job' } }, 1_800_000, /30 min ago and has not stopped/],
  ])('waits for %s a while and goes on then', async (_what, Metadata, patienceMs, sentence) => {
    const { stopPipeline } = account('Stopping', [
      { StepName: 'Hold', StepStatus: 'Executing', Metadata },
    ]);
    const stop = { ...ref, release: 4, name: 'flights-4', executionArn: ARN };
    const soon = { ...stop, sinceMs: NOON - patienceMs + 1 };
    expect((await attemptOf(stopPipeline, [soon])).error).toMatchObject({ type: 'StillRunning' });
    expect(await run(stopPipeline, [{ ...stop, sinceMs: NOON - patienceMs }])).toEqual({
      kind: 'given up',
      reason: expect.stringMatching(sentence) as string,
    });
  });

  it('asks once and waits until the execution is at rest', async () => {
    const { aws, executions, stopPipeline } = account('Executing');
    executions.set('flights-4', ARN);
    const stop = { ...ref, release: 4, name: 'flights-4', executionArn: null };
    expect((await attemptOf(stopPipeline, [stop])).error).toMatchObject({ type: 'StillRunning' });
    expect(aws.inputs(StopPipelineExecutionCommand)).toHaveLength(1);
  });

  it.each(['Stopped', 'Succeeded', 'Failed'])(
    'leaves an execution that is %s alone',
    async (status) => {
      const { aws, stopPipeline } = account(status);
      await run(stopPipeline, [{ ...ref, release: 4, name: 'flights-4', executionArn: ARN }]);
      expect(aws.inputs(StopPipelineExecutionCommand)).toHaveLength(0);
    },
  );

  it('has nothing to stop when nothing was started', async () => {
    const { aws, stopPipeline } = account();
    await run(stopPipeline, [{ ...ref, release: 4, name: 'flights-4', executionArn: null }]);
    expect(aws.names()).toEqual(['ListPipelineExecutions']);
  });
});
