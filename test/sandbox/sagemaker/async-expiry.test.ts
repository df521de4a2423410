import { CreateBucketCommand, GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import {
  CreateEndpointCommand,
  CreateEndpointConfigCommand,
  CreateModelCommand,
  DescribeEndpointCommand,
  UpdateEndpointWeightsAndCapacitiesCommand,
} from '@aws-sdk/client-sagemaker';
import { InvokeEndpointAsyncCommand } from '@aws-sdk/client-sagemaker-runtime';
import { afterAll, expect, it } from 'vitest';
import { discard, openHours, ROLE } from './support.js';

const { bench, passing } = await openHours(Date.UTC(2026, 0, 5, 10));
afterAll(async () => {
  await bench.close();
  discard(bench.home);
});

const BUCKET = 'expiry';
const NAME = { EndpointName: 'idle' };

it('an asynchronous request that waits for longer than its time to live fails, and a patient one waits on', async () => {
  await bench.s3.send(new CreateBucketCommand({ Bucket: BUCKET }));
  await bench.s3.send(new PutObjectCommand({ Bucket: BUCKET, Key: 'in.csv', Body: '1' }));
  await bench.sagemaker.send(
    new CreateModelCommand({
      ModelName: 'm',
      ExecutionRoleArn: ROLE,
      PrimaryContainer: { Image: 'other:1' },
    }),
  );
  await bench.sagemaker.send(
    new CreateEndpointConfigCommand({
      EndpointConfigName: 'c',
      ProductionVariants: [
        {
          VariantName: 'main',
          ModelName: 'm',
          InstanceType: 'ml.m5.large',
          InitialInstanceCount: 1,
        },
      ],
      AsyncInferenceConfig: {
        OutputConfig: {
          S3OutputPath: `s3://${BUCKET}/out`,
          S3FailurePath: `s3://${BUCKET}/failed`,
        },
      },
    }),
  );
  const described = () => bench.sagemaker.send(new DescribeEndpointCommand(NAME));
  await bench.sagemaker.send(new CreateEndpointCommand({ ...NAME, EndpointConfigName: 'c' }));
  await passing(described, ({ EndpointStatus: status }) => status === 'InService');
  await bench.sagemaker.send(
    new UpdateEndpointWeightsAndCapacitiesCommand({
      ...NAME,
      DesiredWeightsAndCapacities: [{ VariantName: 'main', DesiredInstanceCount: 0 }],
    }),
  );
  await passing(described, ({ EndpointStatus: status }) => status === 'InService');
  const ask = (InferenceId: string, RequestTTLSeconds: number) =>
    bench.runtime.send(
      new InvokeEndpointAsyncCommand({
        ...NAME,
        InputLocation: `s3://${BUCKET}/in.csv`,
        InferenceId,
        RequestTTLSeconds,
      }),
    );
  await ask('patient', 21_600);
  await ask('hasty', 60);
  expect(bench.kernel.store.keys('sagemaker.async')).toHaveLength(2);
  const reason = await passing(
    () =>
      bench.s3.send(new GetObjectCommand({ Bucket: BUCKET, Key: 'failed/hasty-error.out' })).then(
        ({ Body }) => Body?.transformToString(),
        () => undefined,
      ),
    (text) => text !== undefined,
  );
  expect(reason).toContain('longer than its RequestTTLSeconds of 60');
  expect(bench.kernel.store.keys('sagemaker.async')).toHaveLength(1);
});
