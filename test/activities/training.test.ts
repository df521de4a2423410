import { HeadObjectCommand } from '@aws-sdk/client-s3';
import {
  CreateModelPackageCommand,
  CreateProcessingJobCommand,
  CreateTrainingJobCommand,
  DescribeModelPackageCommand,
  DescribeProcessingJobCommand,
  DescribeTrainingJobCommand,
  StopTrainingJobCommand,
  UpdateModelPackageCommand,
  type DescribeTrainingJobResponse,
} from '@aws-sdk/client-sagemaker';
import { describe, expect, it } from 'vitest';

import { createControlActivities } from '../../activities/index.js';
import {
  attemptOf,
  awsError,
  bucketOf,
  depsOver,
  fakeAws,
  NOON,
  on,
  policyWith,
  ref,
  run,
} from './support.js';

const ROLE = 'arn:aws:iam::111122223333:role/train';
const PACKAGE = 'arn:aws:sagemaker:us-east-1:111122223333:model-package/flights/3';
const policy = policyWith({
  storage: 's3://artefacts/keeper/',
  retrain: {
    trainingJob: {
      image: 'train:1',
      servingImage: 'serve:1',
      role: ROLE,
      instanceType: 'ml.m5.xlarge',
      instanceCount: 2,
      maxRuntime: '2h',
      hyperParameters: { from: 'window.start', depth: '6', results: 'results' },
      channels: { train: 's3://artefacts/rows/' },
      spot: { maxWait: '4h', checkpoints: 's3://artefacts/checkpoints/' },
    },
    evaluationJob: {
      instanceType: 'ml.m5.large',
      environment: { to: 'holdout.end' },
      inputs: { data: 's3://artefacts/rows/' },
    },
  },
});
const champion = {
  configName: 'flights-1',
  packageArn: PACKAGE,
  modelDataUrl: 's3://artefacts/champion.tar.gz',
  image: 'serve:1',
  roleArn: ROLE,
  sinceMs: 0,
};
const common = {
  ...ref,
  policy,
  release: 7,
  roundName: 'flights-7',
  champion,
  data: { train: { fromMs: 0, toMs: 1_000 }, holdOut: { fromMs: 1_000, toMs: 2_000 } },
};
const start = { ...common, name: 'flights-7-t2', instanceType: 'ml.m5.2xlarge' };
const mark = { MODELKEEPER_RELEASE: 'flights/7' };
const taken = awsError(
  'ResourceInUse',
  'Job name must be unique within an AWS account and region, and a job with this name already exists (arn)',
);

describe('a training job', () => {
  it('is asked for as the policy says, on the instance type of this try', async () => {
    const aws = fakeAws(on(CreateTrainingJobCommand, () => ({})));
    const { startTrainingJob } = createControlActivities(depsOver(aws));
    expect(await run(startTrainingJob, [start])).toEqual({
      jobName: 'flights-7-t2',
      adopted: false,
    });
    expect(aws.inputs(CreateTrainingJobCommand)[0]).toMatchObject({
      TrainingJobName: 'flights-7-t2',
      HyperParameters: {
        from: '1970-01-01T00:00:00.000Z',
        depth: '6',
        results: 's3://artefacts/keeper/training/flights/flights-7/results/',
      },
      Environment: mark,
      ResourceConfig: { InstanceType: 'ml.m5.2xlarge', InstanceCount: 2 },
      StoppingCondition: { MaxRuntimeInSeconds: 7_200, MaxWaitTimeInSeconds: 14_400 },
      EnableManagedSpotTraining: true,
      CheckpointConfig: { S3Uri: 's3://artefacts/checkpoints/flights-7' },
      OutputDataConfig: { S3OutputPath: 's3://artefacts/keeper/training/flights' },
    });
  });

  it.each([
    ['adopts one that says it is of this release', mark, { jobName: start.name, adopted: true }],
    ['refuses to take over somebody else’s', { MODELKEEPER_RELEASE: 'other/7' }, undefined],
    ['refuses one that says nothing', undefined, undefined],
  ])('%s', async (_what, Environment, answer) => {
    const aws = fakeAws(
      on(CreateTrainingJobCommand, () => {
        throw taken;
      }),
      on(DescribeTrainingJobCommand, () => ({ Environment })),
    );
    const { startTrainingJob } = createControlActivities(depsOver(aws));
    const attempt = await attemptOf(startTrainingJob, [start]);
    if (answer !== undefined) expect(attempt.result()).toEqual(answer);
    else expect(attempt.error).toMatchObject({ type: 'NameTaken', nonRetryable: true });
  });

  it('that there is no quota for is an answer, for another type may have some', async () => {
    const aws = fakeAws(
      on(CreateTrainingJobCommand, () => {
        throw awsError('ResourceLimitExceeded', 'the limit is 0');
      }),
    );
    expect(
      await run(createControlActivities(depsOver(aws)).startTrainingJob, [start]),
    ).toMatchObject({ refused: 'ResourceLimitExceeded: the limit is 0' });
  });
});

describe('a followed training job', () => {
  const look = (job: Partial<DescribeTrainingJobResponse>, artefact = true) => {
    const aws = fakeAws(
      on(DescribeTrainingJobCommand, () => ({
        TrainingJobName: 'flights-7',
        ModelArtifacts: { S3ModelArtifacts: 's3://artefacts/model.tar.gz' },
        ResourceConfig: { InstanceType: 'ml.m5.xlarge' as const, InstanceCount: 1 },
        TrainingTimeInSeconds: 100,
        BillableTimeInSeconds: 30,
        EnableManagedSpotTraining: true,
        ...job,
      })),
      on(HeadObjectCommand, () => {
        if (!artefact) throw awsError('NotFound', 'none', 404);
        return { ETag: '"e"', ContentLength: 1 };
      }),
    );
    return attemptOf(createControlActivities(depsOver(aws)).awaitTrainingJob, [
      { ...ref, policy, jobName: 'flights-7' },
    ]);
  };

  it('shows where it is, and how often spot was taken back', async () => {
    const { error } = await look({
      TrainingJobStatus: 'InProgress',
      SecondaryStatus: 'Training',
      SecondaryStatusTransitions: [
        { Status: 'Interrupted', StartTime: new Date(NOON - 600_000) },
        {
          Status: 'Training',
          StatusMessage: 'Training in progress',
          StartTime: new Date(NOON - 240_000),
        },
      ],
    });
    expect(error).toMatchObject({
      type: 'StillRunning',
      category: 'BENIGN',
      message:
        'The training job flights-7 is InProgress: Training (Training in progress), 4 min; interrupted once as spot capacity was taken back, it goes on from its checkpoints',
    });
  });

  it('gives model, metrics and bill when it is complete', async () => {
    const { result } = await look({
      TrainingJobStatus: 'Completed',
      TrainingJobArn: 'arn:job',
      FinalMetricDataList: [
        { MetricName: 'auc', Value: 0.7 },
        { MetricName: 'odd', Value: Number.NaN },
      ],
    });
    expect(result()).toEqual({
      kind: 'trained',
      modelDataUrl: 's3://artefacts/model.tar.gz',
      metrics: { auc: 0.7 },
      packageArn: null,
      jobArn: 'arn:job',
      bill: {
        unread: null,
        jobs: [
          {
            job: 'flights-7',
            name: 'training',
            instanceType: 'ml.m5.xlarge',
            instances: 1,
            billableSeconds: 30,
            runSeconds: 100,
            spot: true,
          },
        ],
      },
    });
  });

  it('that ran out of time gives what it had saved, and says so', async () => {
    const { result } = await look({
      TrainingJobStatus: 'Stopped',
      SecondaryStatus: 'MaxRuntimeExceeded',
    });
    expect(result()).toMatchObject({
      kind: 'trained',
      note: expect.stringContaining('MaxRuntimeExceeded') as string,
    });
  });

  it.each([
    ['Stopped', 'MaxRuntimeExceeded', false, 'timeout', /had saved no model/],
    ['Stopped', 'MaxWaitTimeExceeded', false, 'capacity', /no spot capacity/],
    ['Stopped', 'Stopped', true, 'stopped', /was stopped/],
    ['Completed', 'Completed', false, 'user code', /left no model/],
    ['Failed', 'Failed', true, 'user code', /AlgorithmError: exit 1/],
  ] as const)(
    '%s with %s (a model: %s) failed of class %s',
    async (status, secondary, model, kind, reason) => {
      const { result } = await look(
        {
          TrainingJobStatus: status,
          SecondaryStatus: secondary,
          FailureReason: 'AlgorithmError: exit 1',
        },
        model,
      );
      expect(result()).toMatchObject({
        kind: 'failed',
        class: kind,
        reason: expect.stringMatching(reason) as string,
      });
    },
  );
});

describe('an evaluation job', () => {
  it('finds candidate, champion and its inputs, and writes to the results', async () => {
    const aws = fakeAws(on(CreateProcessingJobCommand, () => ({})));
    await run(createControlActivities(depsOver(aws)).startEvaluationJob, [
      { ...common, name: 'flights-7-score', modelDataUrl: 's3://artefacts/model.tar.gz' },
    ]);
    const [input] = aws.inputs(CreateProcessingJobCommand);
    expect(
      input?.ProcessingInputs?.map(({ InputName, S3Input }) => [InputName, S3Input?.S3Uri]),
    ).toEqual([
      ['candidate', 's3://artefacts/model.tar.gz'],
      ['champion', 's3://artefacts/champion.tar.gz'],
      ['data', 's3://artefacts/rows/'],
    ]);
    expect(input?.Environment).toEqual({ to: '1970-01-01T00:00:02.000Z', ...mark });
    expect(input?.RoleArn).toBe(ROLE);
    expect(input?.ProcessingOutputConfig?.Outputs?.[0]?.S3Output?.S3Uri).toBe(
      's3://artefacts/keeper/training/flights/flights-7/results/',
    );
  });

  it.each([
    ['Completed', undefined, { kind: 'evaluated' }],
    ['Stopped', undefined, { kind: 'failed', class: 'stopped' }],
    ['Failed', 'InternalServerError', { kind: 'failed', class: 'internal' }],
  ] as const)('that is %s (%s) is %j', async (status, reason, outcome) => {
    const aws = fakeAws(
      on(DescribeProcessingJobCommand, () => ({
        ProcessingJobStatus: status,
        FailureReason: reason,
      })),
    );
    expect(
      await run(createControlActivities(depsOver(aws)).awaitEvaluationJob, [
        { ...ref, policy, jobName: 'x' },
      ]),
    ).toMatchObject(outcome);
  });
});

describe('a registration', () => {
  const registering = (files: readonly string[], known: Record<string, string> = {}) => {
    const objects = new Map(
      [
        'keeper/model.tar.gz',
        ...files.map((file) => `keeper/training/flights/flights-7/results/${file}`),
      ].map((key) => [key, 'x']),
    );
    const aws = fakeAws(
      ...bucketOf(objects),
      on(CreateModelPackageCommand, () => ({ ModelPackageArn: PACKAGE })),
      on(UpdateModelPackageCommand, () => ({ ModelPackageArn: PACKAGE })),
      on(DescribeModelPackageCommand, () => ({
        ModelPackageStatus: 'Completed' as const,
        ModelPackageVersion: 3,
        InferenceSpecification: {
          Containers: [{ Image: 'serve:1', ModelDataUrl: 's3://artefacts/keeper/model.tar.gz' }],
        },
        CustomerMetadataProperties: known,
      })),
    );
    return { aws, objects, ...createControlActivities(depsOver(aws)) };
  };
  const request = {
    ...common,
    jobArn: 'arn:aws:sagemaker:us-east-1:111122223333:training-job/flights-7',
    modelDataUrl: 's3://artefacts/keeper/model.tar.gz',
    metrics: { auc: 0.7 },
    packageArn: null,
  };

  it('says where predictions, rows and baseline are, under a token of its own', async () => {
    const { aws, objects, registerCandidate } = registering([
      'predictions.parquet',
      'training-rows.parquet',
      'baseline.parquet',
    ]);
    await run(registerCandidate, [request]);
    await run(registerCandidate, [request]);
    const [first, second] = aws.inputs(CreateModelPackageCommand);
    const results = 's3://artefacts/keeper/training/flights/flights-7/results';
    expect(first).toMatchObject({
      ModelApprovalStatus: 'PendingManualApproval',
      InferenceSpecification: {
        Containers: [{ Image: 'serve:1', ModelDataUrl: 's3://artefacts/keeper/model.tar.gz' }],
      },
      MetadataProperties: { GeneratedBy: request.jobArn },
      CustomerMetadataProperties: {
        'modelkeeper:predictions': `${results}/predictions.parquet`,
        'modelkeeper:trainingRows': `${results}/training-rows.parquet`,
        'modelkeeper:baseline': `${results}/baseline.parquet`,
        'modelkeeper:champion': PACKAGE,
      },
      ModelMetrics: {
        ModelQuality: { Statistics: { S3Uri: `${results}/training-metrics.json` } },
      },
    });
    expect(first?.ClientToken).toBe(second?.ClientToken);
    expect(
      JSON.parse(
        objects.get('keeper/training/flights/flights-7/results/training-metrics.json') ?? '',
      ),
    ).toEqual({ training_metrics: { auc: { value: 0.7 } } });
  });

  it('says where the predictions of a golden set are, where they are below the results', async () => {
    const { spec } = request.policy;
    const golden = {
      ...request,
      policy: {
        ...request.policy,
        spec: { ...spec, evaluate: { ...spec.evaluate, datasets: { golden: {}, other: {} } } },
      },
    };
    const { aws, registerCandidate } = registering([
      'predictions.parquet',
      'predictions-golden.parquet',
    ]);
    await run(registerCandidate, [golden]);
    const metadata = aws.inputs(CreateModelPackageCommand)[0]?.CustomerMetadataProperties;
    expect(metadata?.['modelkeeper:predictions-golden']).toMatch(
      /results\/predictions-golden\.parquet$/,
    );
    expect(metadata).not.toHaveProperty('modelkeeper:predictions-other');
  });

  it('is none without predictions: nobody could judge the model', async () => {
    const { aws, registerCandidate } = registering([]);
    const { error } = await attemptOf(registerCandidate, [request]);
    expect(error).toMatchObject({
      type: 'BadData',
      nonRetryable: true,
      message: expect.stringContaining(
        'predictions.parquet is not below s3://artefacts/keeper/',
      ) as string,
    });
    expect(aws.inputs(CreateModelPackageCommand)).toHaveLength(0);
  });

  it('takes the package that the job registered itself, and completes it', async () => {
    const { aws, registerCandidate } = registering(['predictions.parquet', 'evaluation.json']);
    await run(registerCandidate, [{ ...request, packageArn: PACKAGE }]);
    expect(aws.inputs(CreateModelPackageCommand)).toHaveLength(0);
    expect(aws.inputs(UpdateModelPackageCommand)[0]?.CustomerMetadataProperties).toHaveProperty([
      'modelkeeper:predictions',
    ]);
  });
});

describe('jobs that are stopped', () => {
  it('are asked once, waited for, and given up after half an hour', async () => {
    let status = 'InProgress';
    const aws = fakeAws(
      on(DescribeTrainingJobCommand, () => ({ TrainingJobStatus: status as 'Stopping' })),
      on(StopTrainingJobCommand, () => {
        status = 'Stopping';
        return {};
      }),
    );
    const { stopJobs } = createControlActivities(depsOver(aws));
    const stop = { ...ref, policy, trainingJobs: ['flights-7'], evaluationJobs: [] };
    const soon = { ...stop, sinceMs: NOON };
    expect((await attemptOf(stopJobs, [soon])).error).toMatchObject({ type: 'StillRunning' });
    expect((await attemptOf(stopJobs, [soon])).error).toMatchObject({ type: 'StillRunning' });
    expect(aws.inputs(StopTrainingJobCommand)).toHaveLength(1);
    expect(await run(stopJobs, [{ ...stop, sinceMs: NOON - 1_800_000 }])).toMatchObject({
      kind: 'given up',
    });
    status = 'Stopped';
    expect(await run(stopJobs, [soon])).toMatchObject({ kind: 'at rest' });
  });
});
