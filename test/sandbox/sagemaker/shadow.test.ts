import { GetMetricDataCommand } from '@aws-sdk/client-cloudwatch';
import {
  CreateBucketCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import {
  CreateEndpointCommand,
  CreateEndpointConfigCommand,
  CreateModelCommand,
  DescribeEndpointCommand,
  DescribeEndpointConfigCommand,
  type CreateEndpointConfigInput,
  type ProductionVariant,
} from '@aws-sdk/client-sagemaker';
import { InvokeEndpointCommand } from '@aws-sdk/client-sagemaker-runtime';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packArchive, packModel } from '../../../sandbox/learner/archive.js';
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
  const archives = {
    ours: await packModel(model, { from: '', to: '', rows: 2 }),
    fixed: await packArchive({ model: 'binary' }),
  };
  for (const [name, Body] of Object.entries(archives)) {
    await bench.s3.send(new PutObjectCommand({ Bucket: 'artefacts', Key: `${name}.tar.gz`, Body }));
    await bench.sagemaker.send(
      new CreateModelCommand({
        ModelName: name,
        ExecutionRoleArn: ROLE,
        PrimaryContainer: { Image: LEARNER, ModelDataUrl: `s3://artefacts/${name}.tar.gz` },
      }),
    );
  }
  await bench.sagemaker.send(
    new CreateModelCommand({
      ModelName: 'chain',
      ExecutionRoleArn: ROLE,
      Containers: [
        { Image: LEARNER, ModelDataUrl: 's3://artefacts/ours.tar.gz' },
        { Image: LEARNER, ModelDataUrl: 's3://artefacts/ours.tar.gz' },
      ],
    }),
  );
});
afterAll(async () => {
  await bench.close();
  discard(bench.home);
});

const variant = (VariantName: string, ModelName: string, weight = 1): ProductionVariant => ({
  VariantName,
  ModelName,
  InstanceType: 'ml.m5.large',
  InitialInstanceCount: 1,
  InitialVariantWeight: weight,
});

const create = (name: string, over: Partial<CreateEndpointConfigInput>) =>
  bench.sagemaker.send(
    new CreateEndpointConfigCommand({
      EndpointConfigName: name,
      ProductionVariants: [variant('main', 'ours')],
      ShadowProductionVariants: [variant('dark', 'fixed')],
      ...over,
    }),
  );

describe('a shadow variant', () => {
  it.each<[string, Partial<CreateEndpointConfigInput>, RegExp]>([
    [
      'two production variants',
      { ProductionVariants: [variant('main', 'ours'), variant('other', 'ours')] },
      /one shadow variant beside exactly one production variant/,
    ],
    [
      'two shadows',
      { ShadowProductionVariants: [variant('a', 'ours'), variant('b', 'ours')] },
      /one shadow variant beside exactly one production variant/,
    ],
    ['the name of the other', { ShadowProductionVariants: [variant('main', 'fixed')] }, /unique/],
    [
      'asynchronous invocations',
      { AsyncInferenceConfig: { OutputConfig: { S3OutputPath: 's3://artefacts/out' } } },
      /not supported for asynchronous/,
    ],
    [
      'a serverless variant',
      {
        ShadowProductionVariants: [
          {
            VariantName: 'dark',
            ModelName: 'fixed',
            ServerlessConfig: { MemorySizeInMB: 2048, MaxConcurrency: 5 },
          },
        ],
      },
      /not supported for serverless/,
    ],
    [
      'several containers',
      { ShadowProductionVariants: [variant('dark', 'chain')] },
      /not supported for multi-container/,
    ],
    [
      'a model nobody made',
      { ShadowProductionVariants: [variant('dark', 'nobody')] },
      /Could not find model/,
    ],
  ])('is refused with %s', async (_what, over, message) => {
    await expect(create('refused', over)).rejects.toMatchObject({
      name: 'ValidationException',
      message: expect.stringMatching(message) as string,
    });
  });

  it('gets copies by its weight, answers nobody, and is captured and measured by its own name', async () => {
    await create('shadowed', {
      ShadowProductionVariants: [variant('dark', 'fixed', 0.5)],
      DataCaptureConfig: {
        EnableCapture: true,
        InitialSamplingPercentage: 100,
        DestinationS3Uri: 's3://artefacts/capture',
        CaptureOptions: [{ CaptureMode: 'Input' }, { CaptureMode: 'Output' }],
        CaptureContentTypeHeader: { CsvContentTypes: ['text/csv'] },
      },
    });
    const config = await bench.sagemaker.send(
      new DescribeEndpointConfigCommand({ EndpointConfigName: 'shadowed' }),
    );
    expect(config.ShadowProductionVariants).toMatchObject([{ VariantName: 'dark' }]);
    await bench.sagemaker.send(
      new CreateEndpointCommand({ EndpointName: 'live', EndpointConfigName: 'shadowed' }),
    );
    const endpoint = await until(
      () => bench.sagemaker.send(new DescribeEndpointCommand({ EndpointName: 'live' })),
      ({ EndpointStatus: status }) => status === 'InService',
    );
    expect(endpoint.ProductionVariants).toHaveLength(1);
    expect(endpoint.ShadowProductionVariants).toMatchObject([
      { VariantName: 'dark', CurrentInstanceCount: 1 },
    ]);
    // The shadow's container fails now and then: no caller may notice.
    await fault(bench, { operation: '*', kind: 'container error', match: 'fixed', times: 5 });
    const fromMs = Date.now();
    const requests = 200;
    for (let i = 0; i < requests; i += 1) {
      const answer = await bench.runtime.send(
        new InvokeEndpointCommand({
          EndpointName: 'live',
          ContentType: 'text/csv',
          InferenceId: `id-${i}`,
          Body: Buffer.from('300'),
        }),
      );
      expect(answer.InvokedProductionVariant).toBe('main');
      expect(Buffer.from(answer.Body).toString()).not.toBe('0.5');
    }
    const captured = (name: string) =>
      until(
        async () => {
          const { Contents = [] } = await bench.s3.send(
            new ListObjectsV2Command({ Bucket: 'artefacts', Prefix: `capture/live/${name}/` }),
          );
          const texts = await Promise.all(
            Contents.map(async ({ Key }) =>
              (
                await bench.s3.send(new GetObjectCommand({ Bucket: 'artefacts', Key }))
              ).Body?.transformToString(),
            ),
          );
          return texts
            .join('')
            .split('\n')
            .filter((line) => line !== '');
        },
        (lines) => lines.length >= (name === 'main' ? requests : 60),
      );
    const main = await captured('main');
    expect(main).toHaveLength(requests);
    await until(
      async () =>
        (await counted('dark', 'Invocations')) - (await counted('dark', 'Invocation5XXErrors')),
      (answered) => answered >= 60,
    );
    const copies = await counted('dark', 'Invocations');
    // Half of 200, give or take five standard deviations.
    expect(copies).toBeGreaterThan(64);
    expect(copies).toBeLessThan(136);
    expect(await counted('dark', 'Invocation5XXErrors')).toBe(5);
    expect(await counted('main', 'Invocations')).toBe(requests);
    expect(await counted('main', 'Invocation5XXErrors')).toBe(0);
    const dark = await captured('dark');
    const event = JSON.parse(dark[0] ?? '{}') as {
      captureData: { endpointOutput: { data: string } };
      eventMetadata: { inferenceId: string };
    };
    expect(event.captureData.endpointOutput.data).toBe('0.5');
    expect(event.eventMetadata.inferenceId).toMatch(/^id-\d+$/);

    async function counted(name: string, metric: string): Promise<number> {
      const { MetricDataResults } = await bench.cloudwatch.send(
        new GetMetricDataCommand({
          StartTime: new Date(Math.floor(fromMs / 60_000) * 60_000),
          EndTime: new Date(Date.now() + 60_000),
          MetricDataQueries: [
            {
              Id: 'x',
              MetricStat: {
                Metric: {
                  Namespace: 'AWS/SageMaker',
                  MetricName: metric,
                  Dimensions: [
                    { Name: 'EndpointName', Value: 'live' },
                    { Name: 'VariantName', Value: name },
                  ],
                },
                Period: 60,
                Stat: 'Sum',
              },
            },
          ],
        }),
      );
      return MetricDataResults?.[0]?.Values?.reduce((sum, value) => sum + value, 0) ?? 0;
    }
  });
});
