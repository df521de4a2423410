import { HeadObjectCommand } from '@aws-sdk/client-s3';
import {
  DescribeModelPackageCommand,
  DescribePipelineExecutionCommand,
  ListPipelineExecutionsCommand,
  ListPipelineExecutionStepsCommand,
  StartPipelineExecutionCommand,
  StopPipelineExecutionCommand,
  type DescribeModelPackageOutput,
  type PipelineExecutionStatus,
  type PipelineExecutionStep,
} from '@aws-sdk/client-sagemaker';
import { describe, expect, it } from 'vitest';

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

function account(status: string = 'Executing', steps: readonly PipelineExecutionStep[] = []) {
  const executions = new Map<string, string>();
  const aws = fakeAws(
    on(StartPipelineExecutionCommand, (input) => {
      const name = input.PipelineExecutionDisplayName ?? '';
      executions.set(name, ARN);
      return { PipelineExecutionArn: ARN };
    }),
    on(ListPipelineExecutionsCommand, () => ({
      PipelineExecutionSummaries: [...executions].map(([name, arn]) => ({
        PipelineExecutionDisplayName: name,
        PipelineExecutionArn: arn,
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
  return { aws, executions, ...createControlActivities(depsOver(aws)) };
}

describe('startPipeline', () => {
  it('sends a token and a name that follow from the release', async () => {
    const { aws, startPipeline } = account();
    await run(startPipeline, [start]);
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
    executions.set('flights-4', ARN);
    aws.failNext(StartPipelineExecutionCommand, awsError('ConflictException', 'token'));
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
      step({ StepName: 'Evaluate', StepStatus: 'Executing' }),
    ]);
    expect((await attemptOf(awaitPipeline, [wait])).error).toMatchObject({
      type: 'StillRunning',
      category: 'BENIGN',
      nextRetryDelay: 30_000,
      message: 'The pipeline is Executing: Evaluate Executing; 1 steps done',
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
  const ended = (over: Partial<DescribeModelPackageOutput> = {}, head?: Error) => {
    const aws = fakeAws(
      on(DescribePipelineExecutionCommand, () => ({
        PipelineExecutionStatus: 'Succeeded' as const,
        CreationTime: new Date(NOON - 60_000),
        LastModifiedTime: new Date(NOON),
      })),
      on(ListPipelineExecutionStepsCommand, () => ({ PipelineExecutionSteps: registered })),
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
      },
    });
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
    ['Succeeded', [step({})], 'data', /registered nothing new/],
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

describe('stopPipeline', () => {
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
