import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CreateBucketCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import {
  CreateEndpointCommand,
  CreateEndpointConfigCommand,
  CreateModelCommand,
  CreateModelPackageGroupCommand,
  CreatePipelineCommand,
  DescribeEndpointCommand,
  DescribeModelPackageCommand,
  DescribePipelineExecutionCommand,
  DescribeTrainingJobCommand,
  ListModelPackagesCommand,
  ListPipelineExecutionStepsCommand,
  ListPipelineParametersForExecutionCommand,
  ListTrainingJobsCommand,
  RetryPipelineExecutionCommand,
  StartPipelineExecutionCommand,
  StopPipelineExecutionCommand,
  UpdateEndpointCommand,
  UpdateModelPackageCommand,
} from '@aws-sdk/client-sagemaker';
import { InvokeEndpointCommand } from '@aws-sdk/client-sagemaker-runtime';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WESTERN_AIRPORTS } from '../../../sandbox/learner/airports.js';
import { writeFlights } from '../../../sandbox/learner/flights-data.js';
import { flightsPipelineDefinition } from '../../../sandbox/learner/pipeline-definition.js';
import {
  buildLearner,
  discard,
  fault,
  LEARNER,
  openBench,
  reopened,
  ROLE,
  until,
} from './support.js';
import type { Bench } from './support.js';

const BUCKET = 'flights-bucket';
const JANUARY = '2001-01-01T00:00:00Z';
const FEBRUARY = '2001-02-01T00:00:00Z';
const MARCH = '2001-03-01T00:00:00Z';

let bench: Bench;
beforeAll(async () => {
  buildLearner();
  bench = await openBench();
  await bench.s3.send(new CreateBucketCommand({ Bucket: BUCKET }));
  const file = join(mkdtempSync(join(tmpdir(), 'flights-')), 'rows.parquet');
  await writeFlights(file, { airports: WESTERN_AIRPORTS, from: JANUARY, to: MARCH, rows: 20_000 });
  await bench.s3.send(
    new PutObjectCommand({
      Bucket: BUCKET,
      Key: 'flights/part-0.parquet',
      Body: readFileSync(file),
    }),
  );
  await bench.sagemaker.send(
    new CreateModelPackageGroupCommand({ ModelPackageGroupName: 'flight-delays' }),
  );
  await bench.sagemaker.send(
    new CreatePipelineCommand({
      PipelineName: 'flight-delays-train',
      PipelineDefinition: flightsPipelineDefinition({
        role: ROLE,
        bucket: BUCKET,
        group: 'flight-delays',
        image: LEARNER,
      }),
      RoleArn: ROLE,
      ClientRequestToken: 'c'.repeat(32),
    }),
  );
});
afterAll(async () => {
  await bench.close();
  discard(bench.home);
});

function start(token: string, changed: Record<string, string> = {}, name = 'run') {
  const parameters = {
    TrainFrom: JANUARY,
    TrainTo: FEBRUARY,
    HoldOutFrom: FEBRUARY,
    HoldOutTo: MARCH,
    ChampionPackage: 'none',
    ...changed,
  };
  return bench.sagemaker.send(
    new StartPipelineExecutionCommand({
      PipelineName: 'flight-delays-train',
      PipelineExecutionDisplayName: name,
      ClientRequestToken: token.padEnd(32, '-'),
      PipelineParameters: Object.entries(parameters).map(([Name, Value]) => ({ Name, Value })),
    }),
  );
}

async function ended(arn: string | undefined) {
  return until(
    () => bench.sagemaker.send(new DescribePipelineExecutionCommand({ PipelineExecutionArn: arn })),
    ({ PipelineExecutionStatus: status }) => status !== 'Executing' && status !== 'Stopping',
  );
}

async function stepsOf(arn: string | undefined) {
  const answer = await bench.sagemaker.send(
    new ListPipelineExecutionStepsCommand({ PipelineExecutionArn: arn, SortOrder: 'Ascending' }),
  );
  return answer.PipelineExecutionSteps ?? [];
}

async function text(uri: string | undefined): Promise<string> {
  const [, , Bucket, ...key] = (uri ?? '').split('/');
  const { Body } = await bench.s3.send(new GetObjectCommand({ Bucket, Key: key.join('/') }));
  return (await Body?.transformToString()) ?? '';
}

async function rested(name: string) {
  return until(
    () => bench.sagemaker.send(new DescribeEndpointCommand({ EndpointName: name })),
    ({ EndpointStatus: status }) => status === 'InService' || status === 'Failed',
  );
}

describe('from data to a canary', () => {
  let packages: string[] = [];

  it('trains, evaluates and registers two candidates, the second against the first', async () => {
    for (const [i, seed] of ['one', 'two'].entries()) {
      const champion = packages[0] === undefined ? {} : { ChampionPackage: packages[0] };
      const { PipelineExecutionArn: arn } = await start(seed, champion, `release-${i + 1}`);
      const execution = await ended(arn);
      const steps = await stepsOf(arn);
      expect(
        steps.map(({ StepName, StepStatus, FailureReason }) => [
          StepName,
          StepStatus,
          FailureReason,
        ]),
      ).toEqual([
        ['Train', 'Succeeded', undefined],
        ['Evaluate', 'Succeeded', undefined],
        ['Register', 'Succeeded', undefined],
      ]);
      expect(execution.PipelineExecutionStatus).toBe('Succeeded');
      packages = [...packages, steps[2]?.Metadata?.RegisterModel?.Arn ?? ''];
    }
    expect(packages.map((arn) => arn.split('/').slice(-2).join('/'))).toEqual([
      'flight-delays/1',
      'flight-delays/2',
    ]);
  });

  it('registers evidence that can be read', async () => {
    const described = await bench.sagemaker.send(
      new DescribeModelPackageCommand({ ModelPackageName: packages[1] }),
    );
    expect(described.ModelApprovalStatus).toBe('PendingManualApproval');
    expect(described.MetadataProperties?.GeneratedBy).toContain(
      ':pipeline/flight-delays-train/execution/',
    );
    const evaluation = JSON.parse(
      await text(described.ModelMetrics?.ModelQuality?.Statistics?.S3Uri),
    ) as Record<string, { auc: { value: number } }>;
    expect(evaluation['binary_classification_metrics']?.auc.value).toBeGreaterThan(0.55);
    expect(evaluation['champion_binary_classification_metrics']?.auc.value).toBeGreaterThan(0.55);
    const { 'modelkeeper:predictions': predictions, 'modelkeeper:trainingRows': rows } =
      described.CustomerMetadataProperties ?? {};
    for (const uri of [
      predictions,
      rows,
      described.DriftCheckBaselines?.ModelDataQuality?.Statistics?.S3Uri,
    ]) {
      const [, , Bucket, ...key] = (uri ?? '').split('/');
      const head = await bench.s3.send(new HeadObjectCommand({ Bucket, Key: key.join('/') }));
      expect(head.ContentLength).toBeGreaterThan(100);
    }
  });

  it('remembers who approved', async () => {
    await bench.sagemaker.send(
      new UpdateModelPackageCommand({
        ModelPackageArn: packages[1],
        ModelApprovalStatus: 'Approved',
        ApprovalDescription: 'better',
      }),
    );
    const described = await bench.sagemaker.send(
      new DescribeModelPackageCommand({ ModelPackageName: packages[1] }),
    );
    expect(described.ModelApprovalStatus).toBe('Approved');
    expect(described.LastModifiedBy?.IamIdentity?.Arn).toBe('arn:aws:iam::111122223333:user/ada');
    const approved = await bench.sagemaker.send(
      new ListModelPackagesCommand({
        ModelPackageGroupName: 'flight-delays',
        ModelApprovalStatus: 'Approved',
      }),
    );
    expect(
      approved.ModelPackageSummaryList?.map(({ ModelPackageVersion }) => ModelPackageVersion),
    ).toEqual([2]);
  });

  it('serves the first, captures what it answers, and ends with the second after a canary', async () => {
    for (const [i, arn] of packages.entries()) {
      await bench.sagemaker.send(
        new CreateModelCommand({
          ModelName: `flights-${i + 1}`,
          ExecutionRoleArn: ROLE,
          Containers: [{ ModelPackageName: arn }],
        }),
      );
      await bench.sagemaker.send(
        new CreateEndpointConfigCommand({
          EndpointConfigName: `flights-${i + 1}`,
          ProductionVariants: [
            {
              VariantName: 'AllTraffic',
              ModelName: `flights-${i + 1}`,
              InitialInstanceCount: 2,
              InstanceType: 'ml.m5.large',
            },
          ],
          DataCaptureConfig: {
            EnableCapture: true,
            InitialSamplingPercentage: 100,
            DestinationS3Uri: `s3://${BUCKET}/capture`,
            CaptureOptions: [{ CaptureMode: 'InputAndOutput' }],
            CaptureContentTypeHeader: { CsvContentTypes: ['text/csv'] },
          },
        }),
      );
    }
    await bench.sagemaker.send(
      new CreateEndpointCommand({ EndpointName: 'Flights', EndpointConfigName: 'flights-1' }),
    );
    expect((await rested('flights')).EndpointStatus).toBe('InService');

    const before = Date.now();
    const answer = await bench.runtime.send(
      new InvokeEndpointCommand({
        EndpointName: 'Flights',
        ContentType: 'text/csv',
        InferenceId: 'one',
        Body: Buffer.from('LAX,SFO,337,17,5'),
      }),
    );
    expect(answer.InvokedProductionVariant).toBe('AllTraffic');
    const probability = Buffer.from(answer.Body).toString();
    expect(Number(probability)).toBeGreaterThan(0.02);
    expect(Number(probability)).toBeLessThan(0.9);

    const listed = await until(
      () => bench.s3.send(new ListObjectsV2Command({ Bucket: BUCKET, Prefix: 'capture/' })),
      ({ KeyCount }) => (KeyCount ?? 0) > 0,
    );
    const key = listed.Contents?.[0]?.Key ?? '';
    const hour = new Date(before).toISOString().slice(0, 13).replace(/[-T]/g, '/');
    expect(key).toMatch(
      new RegExp(`^capture/Flights/AllTraffic/${hour}/\\d\\d-\\d\\d-\\d{3}-[0-9a-f-]{36}\\.jsonl$`),
    );
    const line = JSON.parse(await text(`s3://${BUCKET}/${key}`)) as object;
    expect(line).toMatchObject({
      captureData: {
        endpointInput: {
          observedContentType: 'text/csv',
          mode: 'INPUT',
          data: 'LAX,SFO,337,17,5',
          encoding: 'CSV',
        },
        endpointOutput: { mode: 'OUTPUT', data: probability, encoding: 'CSV' },
      },
      eventMetadata: { inferenceId: 'one' },
      eventVersion: '0',
    });

    await bench.sagemaker.send(
      new UpdateEndpointCommand({
        EndpointName: 'Flights',
        EndpointConfigName: 'flights-2',
        RetainAllVariantProperties: true,
        DeploymentConfig: {
          BlueGreenUpdatePolicy: {
            TrafficRoutingConfiguration: {
              Type: 'CANARY',
              WaitIntervalInSeconds: 1,
              CanarySize: { Type: 'CAPACITY_PERCENT', Value: 10 },
            },
          },
        },
      }),
    );
    const baking = await until(
      () => bench.sagemaker.send(new DescribeEndpointCommand({ EndpointName: 'Flights' })),
      ({ PendingDeploymentSummary: p }) =>
        p?.ProductionVariants?.[0]?.VariantStatus?.[0]?.Status === 'Baking',
    );
    expect(baking.EndpointConfigName).toBe('flights-1');
    expect(baking.PendingDeploymentSummary?.EndpointConfigName).toBe('flights-2');
    expect(
      baking.PendingDeploymentSummary?.ProductionVariants?.[0]?.VariantStatus?.[0]?.StatusMessage,
    ).toBe(
      'Baking for 1 seconds (TerminationWaitInSeconds) with traffic enabled on canary capacity of 1 instance(s).',
    );
    const after = await rested('Flights');
    expect([
      after.EndpointStatus,
      after.EndpointConfigName,
      after.PendingDeploymentSummary,
    ]).toEqual(['InService', 'flights-2', undefined]);
  });
});

describe('pipeline executions', () => {
  it('start once for the same token', async () => {
    const first = await start('same');
    const second = await start('same');
    expect(second.PipelineExecutionArn).toBe(first.PipelineExecutionArn);
    await bench.sagemaker.send(
      new StopPipelineExecutionCommand({
        PipelineExecutionArn: first.PipelineExecutionArn,
        ClientRequestToken: 's'.repeat(32),
      }),
    );
    expect((await ended(first.PipelineExecutionArn)).PipelineExecutionStatus).toBe('Stopped');
  });

  it('refuse a token that came with other parameters', async () => {
    await expect(start('same', { TrainFrom: FEBRUARY })).rejects.toMatchObject({
      name: 'ConflictException',
    });
  });

  it('refuse a parameter the definition does not know', async () => {
    await expect(start('unknown', { TrainForm: JANUARY })).rejects.toMatchObject({
      name: 'ValidationException',
      message: expect.stringContaining('TrainForm') as string,
    });
  });

  it('tell the parameters they run with', async () => {
    const { PipelineExecutionArn } = await start('same');
    const { PipelineParameters } = await bench.sagemaker.send(
      new ListPipelineParametersForExecutionCommand({ PipelineExecutionArn }),
    );
    expect(PipelineParameters).toContainEqual({ Name: 'ChampionPackage', Value: 'none' });
  });

  it('fail with the reason of the step that had no rows', async () => {
    const { PipelineExecutionArn: arn } = await start('empty', {
      TrainFrom: '2001-06-01T00:00:00Z',
      TrainTo: '2001-06-02T00:00:00Z',
    });
    expect((await ended(arn)).PipelineExecutionStatus).toBe('Failed');
    const [train, ...rest] = await stepsOf(arn);
    expect(train?.FailureReason).toBe(
      'AlgorithmError: No training rows between 2001-06-01T00:00:00Z and 2001-06-02T00:00:00Z',
    );
    expect(rest).toEqual([]);
  });

  it('go on under the same ARN after a retry', async () => {
    await fault(bench, { operation: '*', kind: 'capacity', match: '-train-', times: 1 });
    const { PipelineExecutionArn: arn } = await start('retried');
    expect((await ended(arn)).PipelineExecutionStatus).toBe('Failed');
    expect((await stepsOf(arn))[0]?.FailureReason).toMatch(/^CapacityError: Unable to provision/);
    await bench.sagemaker.send(
      new RetryPipelineExecutionCommand({
        PipelineExecutionArn: arn,
        ClientRequestToken: 'r'.repeat(32),
      }),
    );
    expect((await ended(arn)).PipelineExecutionStatus).toBe('Succeeded');
  });
});

describe('after kill -9', () => {
  it('a training step goes on as the same job', async () => {
    const { PipelineExecutionArn: arn } = await start('killed');
    await until(
      () => stepsOf(arn),
      ([train]) => train?.Metadata?.TrainingJob?.Arn !== undefined,
    );
    bench = await reopened(bench);
    expect((await ended(arn)).PipelineExecutionStatus).toBe('Succeeded');
    const [train] = await stepsOf(arn);
    const name = train?.Metadata?.TrainingJob?.Arn?.split('/').at(-1) ?? '';
    const { TrainingJobSummaries } = await bench.sagemaker.send(
      new ListTrainingJobsCommand({ NameContains: name.split('-')[1], MaxResults: 100 }),
    );
    expect(TrainingJobSummaries).toHaveLength(1);
    const job = await bench.sagemaker.send(
      new DescribeTrainingJobCommand({
        TrainingJobName: TrainingJobSummaries?.[0]?.TrainingJobName,
      }),
    );
    expect(job.TrainingJobStatus).toBe('Completed');
    expect(job.FinalMetricDataList?.map(({ MetricName }) => MetricName)).toContain('train:auc');
  });
});
