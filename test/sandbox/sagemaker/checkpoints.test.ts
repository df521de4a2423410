/** Jobs on spot capacity that is taken back: from their checkpoints, or from their beginning. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  CreateBucketCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { CreateTrainingJobCommand, DescribeTrainingJobCommand } from '@aws-sdk/client-sagemaker';
import type {
  CreateTrainingJobRequest,
  DescribeTrainingJobResponse,
} from '@aws-sdk/client-sagemaker';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WESTERN_AIRPORTS } from '../../../sandbox/learner/airports.js';
import { writeFlights } from '../../../sandbox/learner/flights-data.js';
import { discard, fault, LEARNER, openBench, ROLE, until } from './support.js';
import type { Bench } from './support.js';

const FROM = '2001-01-01T00:00:00Z';
const TO = '2001-02-01T00:00:00Z';
const EPOCHS = 3;
/** A process of its own, on a machine that may be busy. */
const JOB_MS = 180_000;

let bench: Bench;
beforeAll(async () => {
  bench = await openBench();
  await bench.s3.send(new CreateBucketCommand({ Bucket: 'artefacts' }));
  const file = join(bench.home, 'flights.parquet');
  await writeFlights(file, { airports: WESTERN_AIRPORTS, from: FROM, to: TO, rows: 4_000 });
  await put('data/flights.parquet', readFileSync(file));
});
afterAll(async () => {
  await bench.close();
  discard(bench.home);
});

const put = (Key: string, Body: Buffer | string) =>
  bench.s3.send(new PutObjectCommand({ Bucket: 'artefacts', Key, Body }));
const bytesOf = async (Key: string): Promise<Buffer> => {
  const { Body } = await bench.s3.send(new GetObjectCommand({ Bucket: 'artefacts', Key }));
  return Buffer.from((await Body?.transformToByteArray()) ?? []);
};

async function trained(
  name: string,
  over: Partial<CreateTrainingJobRequest> = {},
): Promise<DescribeTrainingJobResponse> {
  await bench.sagemaker.send(
    new CreateTrainingJobCommand({
      TrainingJobName: name,
      RoleArn: ROLE,
      AlgorithmSpecification: { TrainingImage: LEARNER, TrainingInputMode: 'File' },
      InputDataConfig: [
        {
          ChannelName: 'train',
          DataSource: {
            S3DataSource: { S3DataType: 'S3Prefix', S3Uri: 's3://artefacts/data/' },
          },
        },
      ],
      HyperParameters: { from: FROM, to: TO, epochs: String(EPOCHS), hash_bits: '12' },
      OutputDataConfig: { S3OutputPath: 's3://artefacts/out' },
      ResourceConfig: { InstanceType: 'ml.m5.large', InstanceCount: 1, VolumeSizeInGB: 5 },
      StoppingCondition: { MaxRuntimeInSeconds: 3_600, MaxWaitTimeInSeconds: 7_200 },
      EnableManagedSpotTraining: true,
      ...over,
    }),
  );
  return until(
    () => bench.sagemaker.send(new DescribeTrainingJobCommand({ TrainingJobName: name })),
    ({ TrainingJobStatus: status }) => status !== 'InProgress',
    JOB_MS,
  );
}
const interrupted = (name: string, over: Partial<CreateTrainingJobRequest> = {}, times = 1) =>
  fault(bench, { operation: '*', kind: 'spot interruption', match: name, times }).then(() =>
    trained(name, over),
  );
const keeping = (S3Uri: string) => ({ CheckpointConfig: { S3Uri } });
const epochsOf = (job: DescribeTrainingJobResponse): number | undefined =>
  job.FinalMetricDataList?.find(({ MetricName }) => MetricName === 'train:epochs')?.Value;
const statusesOf = (job: DescribeTrainingJobResponse) =>
  job.SecondaryStatusTransitions?.map(({ Status }) => Status);
const modelOf = (name: string) => bytesOf(`out/${name}/output/model.tar.gz`);

const ONCE = ['Starting', 'Downloading', 'Training'];

describe('a job on spot capacity that is taken back', { timeout: 2 * JOB_MS }, () => {
  it('goes on from its checkpoint in S3, to the same model, and costs less than it ran', async () => {
    const whole = await trained('whole');
    expect(epochsOf(whole)).toBe(EPOCHS);
    const job = await interrupted('kept', keeping('s3://artefacts/checkpoints/kept/'));
    expect(job.TrainingJobStatus).toBe('Completed');
    expect(statusesOf(job)).toEqual([...ONCE, 'Interrupted', ...ONCE, 'Uploading', 'Completed']);
    expect(epochsOf(job)).toBeLessThan(EPOCHS);
    expect(job.BillableTimeInSeconds).toBeLessThan(job.TrainingTimeInSeconds ?? 0);
    expect((await modelOf('kept')).equals(await modelOf('whole'))).toBe(true);
    const { Contents } = await bench.s3.send(
      new ListObjectsV2Command({ Bucket: 'artefacts', Prefix: 'checkpoints/kept/' }),
    );
    expect(Contents?.map(({ Key }) => Key)).toEqual(['checkpoints/kept/checkpoint.json']);
  });

  it('begins again where it keeps none', async () => {
    const job = await interrupted('forgetful');
    expect(statusesOf(job)).toEqual([...ONCE, 'Interrupted', ...ONCE, 'Uploading', 'Completed']);
    expect(epochsOf(job)).toBe(EPOCHS);
    expect((await modelOf('forgetful')).equals(await modelOf('whole'))).toBe(true);
  });

  it('comes to its end though it is taken back twice', async () => {
    const job = await interrupted('twice', keeping('s3://artefacts/checkpoints/twice'), 2);
    expect(statusesOf(job)?.filter((status) => status === 'Interrupted')).toHaveLength(2);
    expect(job.TrainingJobStatus).toBe('Completed');
    expect((await modelOf('twice')).equals(await modelOf('whole'))).toBe(true);
  });
});

describe('a checkpoint that is there before', { timeout: 2 * JOB_MS }, () => {
  it('is gone on from by another job on the same rows, which has nothing left to do', async () => {
    const job = await trained('heir', keeping('s3://artefacts/checkpoints/kept'));
    expect(epochsOf(job)).toBe(0);
    expect((await modelOf('heir')).equals(await modelOf('whole'))).toBe(true);
  });

  it.each([
    ['of other rows', {}],
    ['that is cut off', { cut: true }],
  ])('%s is as none', async (how, { cut = false }: { cut?: boolean }) => {
    const name = cut ? 'cut' : 'others';
    const body = await bytesOf('checkpoints/kept/checkpoint.json');
    await put(`checkpoints/${name}/checkpoint.json`, cut ? body.subarray(0, 500) : body);
    const job = await trained(name, {
      ...keeping(`s3://artefacts/checkpoints/${name}`),
      HyperParameters: { from: FROM, to: cut ? TO : '2001-01-20T00:00:00Z', hash_bits: '12' },
    });
    expect(epochsOf(job), how).toBe(3);
  });

  it('in a bucket that is not there ends the job by its caller’s fault', async () => {
    const job = await trained('nowhere', keeping('s3://no-such-bucket/checkpoints'));
    expect(job).toMatchObject({
      TrainingJobStatus: 'Failed',
      FailureReason: expect.stringMatching(/^ClientError: .*no-such-bucket/) as string,
    });
  });
});
