import {
  ListMetricsCommand,
  PutMetricAlarmCommand,
  SetAlarmStateCommand,
} from '@aws-sdk/client-cloudwatch';
import { CreateBucketCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import {
  CreateEndpointCommand,
  CreateEndpointConfigCommand,
  CreateModelCommand,
  DescribeEndpointCommand,
  UpdateEndpointCommand,
  UpdateEndpointWeightsAndCapacitiesCommand,
  type CreateEndpointConfigInput,
  type CreateModelInput,
  type DesiredWeightAndCapacity,
  type ProductionVariant,
} from '@aws-sdk/client-sagemaker';
import { InvokeEndpointCommand } from '@aws-sdk/client-sagemaker-runtime';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packModel } from '../../../sandbox/learner/archive.js';
import { fit } from '../../../sandbox/learner/logistic.js';
import { discard, fault, LEARNER, openBench, ROLE, until } from './support.js';
import type { Bench } from './support.js';

let bench: Bench;
beforeAll(async () => {
  bench = await openBench();
  await bench.s3.send(new CreateBucketCommand({ Bucket: 'artefacts' }));
  const features = [{ name: 'distance', type: 'number' }] as const;
  const model = fit({ distance: [300, 2000] }, [0, 1], {
    features,
    epochs: 5,
    seed: 1,
    hashBits: 8,
  });
  await bench.s3.send(
    new PutObjectCommand({
      Bucket: 'artefacts',
      Key: 'model.tar.gz',
      Body: await packModel(model, { from: '', to: '', rows: 2 }),
    }),
  );
  await make('first');
  await make('second');
  await make('inside', {
    VpcConfig: { SecurityGroupIds: ['sg-12345678'], Subnets: ['subnet-12345678'] },
  });
  await make('alone', { EnableNetworkIsolation: true });
});
afterAll(async () => {
  await bench.close();
  discard(bench.home);
});

const make = (ModelName: string, over: Partial<CreateModelInput> = {}) =>
  bench.sagemaker.send(
    new CreateModelCommand({
      ModelName,
      ExecutionRoleArn: ROLE,
      PrimaryContainer: { Image: LEARNER, ModelDataUrl: 's3://artefacts/model.tar.gz' },
      ...over,
    }),
  );

const variant = (over: Partial<ProductionVariant> = {}): ProductionVariant => ({
  VariantName: 'main',
  ModelName: 'first',
  ServerlessConfig: { MemorySizeInMB: 2048, MaxConcurrency: 2 },
  ...over,
});

const config = (name: string, over: Partial<CreateEndpointConfigInput> = {}) =>
  bench.sagemaker.send(
    new CreateEndpointConfigCommand({
      EndpointConfigName: name,
      ProductionVariants: [variant()],
      ...over,
    }),
  );

const look = () => bench.sagemaker.send(new DescribeEndpointCommand({ EndpointName: 'live' }));
const rested = () =>
  until(look, ({ EndpointStatus: status }) => status === 'InService' || status === 'Failed');

const ask = () =>
  bench.runtime.send(
    new InvokeEndpointCommand({
      EndpointName: 'live',
      ContentType: 'text/csv',
      Body: Buffer.from('300'),
    }),
  );

describe('a config of a serverless variant', () => {
  it.each<[string, Partial<CreateEndpointConfigInput>, RegExp]>([
    [
      'a memory size between two steps',
      {
        ProductionVariants: [
          variant({ ServerlessConfig: { MemorySizeInMB: 1536, MaxConcurrency: 2 } }),
        ],
      },
      /memorySizeInMB.*\[1024, 2048, 3072, 4096, 5120, 6144\]/,
    ],
    [
      'more than 200 at once',
      {
        ProductionVariants: [
          variant({ ServerlessConfig: { MemorySizeInMB: 1024, MaxConcurrency: 201 } }),
        ],
      },
      /maxConcurrency.*less than or equal to 200/,
    ],
    [
      'more kept warm than may run',
      {
        ProductionVariants: [
          variant({
            ServerlessConfig: {
              MemorySizeInMB: 1024,
              MaxConcurrency: 2,
              ProvisionedConcurrency: 3,
            },
          }),
        ],
      },
      /ProvisionedConcurrency 3 must be less than or equal to MaxConcurrency 2/,
    ],
    [
      'instances',
      { ProductionVariants: [variant({ InstanceType: 'ml.m5.large', InitialInstanceCount: 1 })] },
      /cannot specify InstanceType or InitialInstanceCount/,
    ],
    [
      'a second variant',
      { ProductionVariants: [variant(), variant({ VariantName: 'other' })] },
      /multiple production variants/,
    ],
    [
      'data capture',
      {
        DataCaptureConfig: {
          EnableCapture: true,
          InitialSamplingPercentage: 100,
          DestinationS3Uri: 's3://artefacts/capture',
          CaptureOptions: [{ CaptureMode: 'Input' }],
        },
      },
      /Data capture is not supported for serverless/,
    ],
    [
      'asynchronous requests',
      { AsyncInferenceConfig: { OutputConfig: { S3OutputPath: 's3://artefacts/out' } } },
      /AsyncInferenceConfig is not supported for serverless/,
    ],
    ['a VPC', { ProductionVariants: [variant({ ModelName: 'inside' })] }, /VPC/],
    [
      'network isolation',
      { ProductionVariants: [variant({ ModelName: 'alone' })] },
      /network isolation/,
    ],
  ])('is refused with %s', async (_what, over, message) => {
    await expect(config('refused', over)).rejects.toMatchObject({
      name: 'ValidationException',
      message: expect.stringMatching(message) as string,
    });
  });
});

describe('a serverless endpoint', () => {
  it('has no instances, and says what it may use instead', async () => {
    await config('blue');
    await config('green', { ProductionVariants: [variant({ ModelName: 'second' })] });
    await bench.sagemaker.send(
      new CreateEndpointCommand({ EndpointName: 'live', EndpointConfigName: 'blue' }),
    );
    expect((await rested()).ProductionVariants?.[0]).toMatchObject({
      VariantName: 'main',
      CurrentInstanceCount: 0,
      CurrentServerlessConfig: { MemorySizeInMB: 2048, MaxConcurrency: 2 },
    });
    expect(Buffer.from((await ask()).Body).toString()).toMatch(/^0\.\d+$/);
  });

  it('throttles what is above its concurrency, and takes the next when one has ended', async () => {
    await fault(bench, { operation: '*', kind: 'slow container', match: 'first', delayMs: 300 });
    const outcomes = await Promise.allSettled([ask(), ask(), ask(), ask(), ask()]);
    const refused = outcomes.filter(({ status }) => status === 'rejected');
    expect(refused).toHaveLength(3);
    for (const one of refused)
      expect(one).toMatchObject({
        reason: { name: 'ThrottlingException', message: 'Rate exceeded' },
      });
    await fault(bench);
    expect((await ask()).InvokedProductionVariant).toBe('main');
  });

  it('is measured by its requests and its memory alone', async () => {
    const names = async () => {
      const { Metrics = [] } = await bench.cloudwatch.send(
        new ListMetricsCommand({ Dimensions: [{ Name: 'EndpointName', Value: 'live' }] }),
      );
      return [...new Set(Metrics.map(({ MetricName }) => MetricName))].sort();
    };
    const measured = await until(names, (all) => all.includes('Invocations'));
    expect(measured).not.toContain('InvocationsPerInstance');
    expect(measured).not.toContain('CPUUtilization');
    expect(measured).not.toContain('DiskUtilization');
    expect(measured).toEqual(expect.arrayContaining(['Invocation5XXErrors', 'ModelLatency']));
  });

  it('is updated all at once whatever is asked, and no alarm takes it back', async () => {
    await bench.cloudwatch.send(
      new PutMetricAlarmCommand({
        AlarmName: 'bad',
        Namespace: 'none',
        MetricName: 'none',
        Statistic: 'Sum',
        Period: 60,
        EvaluationPeriods: 1,
        ComparisonOperator: 'GreaterThanThreshold',
        Threshold: 0,
      }),
    );
    await bench.sagemaker.send(
      new UpdateEndpointCommand({
        EndpointName: 'live',
        EndpointConfigName: 'green',
        DeploymentConfig: {
          BlueGreenUpdatePolicy: {
            TrafficRoutingConfiguration: {
              Type: 'CANARY',
              WaitIntervalInSeconds: 3_600,
              CanarySize: { Type: 'CAPACITY_PERCENT', Value: 10 },
            },
          },
          AutoRollbackConfiguration: { Alarms: [{ AlarmName: 'bad' }] },
        },
      }),
    );
    await bench.cloudwatch.send(
      new SetAlarmStateCommand({ AlarmName: 'bad', StateValue: 'ALARM', StateReason: 'a test' }),
    );
    const { EndpointStatus, EndpointConfigName } = await rested();
    expect([EndpointStatus, EndpointConfigName]).toEqual(['InService', 'green']);
  });

  it.each<[string, DesiredWeightAndCapacity, RegExp]>([
    ['a count of instances', { VariantName: 'main', DesiredInstanceCount: 2 }, /DesiredInstance/],
    [
      'more kept warm than may run',
      { VariantName: 'main', ServerlessUpdateConfig: { ProvisionedConcurrency: 5 } },
      /ProvisionedConcurrency 5 must be/,
    ],
  ])('is not given %s', async (_what, wanted, message) => {
    await expect(weigh(wanted)).rejects.toMatchObject({
      name: 'ValidationException',
      message: expect.stringMatching(message) as string,
    });
  });

  it('is given another concurrency while it serves', async () => {
    await weigh({ VariantName: 'main', ServerlessUpdateConfig: { MaxConcurrency: 7 } });
    expect((await rested()).ProductionVariants?.[0]?.CurrentServerlessConfig).toMatchObject({
      MemorySizeInMB: 2048,
      MaxConcurrency: 7,
    });
  });

  it('becomes real-time, and never serverless again', async () => {
    await config('real', {
      ProductionVariants: [
        {
          VariantName: 'main',
          ModelName: 'first',
          InstanceType: 'ml.m5.large',
          InitialInstanceCount: 1,
        },
      ],
    });
    await update('real');
    expect((await rested()).EndpointConfigName).toBe('real');
    await expect(update('blue')).rejects.toMatchObject({
      name: 'ValidationException',
      message: expect.stringMatching(/cannot be converted to a serverless/) as string,
    });
  });
});

const update = (EndpointConfigName: string) =>
  bench.sagemaker.send(new UpdateEndpointCommand({ EndpointName: 'live', EndpointConfigName }));

const weigh = (wanted: DesiredWeightAndCapacity) =>
  bench.sagemaker.send(
    new UpdateEndpointWeightsAndCapacitiesCommand({
      EndpointName: 'live',
      DesiredWeightsAndCapacities: [wanted],
    }),
  );
