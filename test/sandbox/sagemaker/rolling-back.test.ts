/** What a change of weights or counts that fails looks like, slowly enough to be seen. */
import {
  type ApplicationAutoScalingClient,
  RegisterScalableTargetCommand,
} from '@aws-sdk/client-application-auto-scaling';
import { CreateBucketCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import {
  CreateEndpointCommand,
  CreateEndpointConfigCommand,
  CreateModelCommand,
  DescribeEndpointCommand,
  UpdateEndpointWeightsAndCapacitiesCommand,
} from '@aws-sdk/client-sagemaker';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { packArchive } from '../../../sandbox/learner/archive.js';
import { discard, fault, LEARNER, openBench, ROLE, until, type Bench } from './support.js';

let bench: Bench;
let scaling: ApplicationAutoScalingClient;
beforeAll(async () => {
  bench = await openBench(undefined, 60);
  scaling = bench.autoscaling;
  await bench.s3.send(new CreateBucketCommand({ Bucket: 'artefacts' }));
  const Body = await packArchive({ model: 'binary' });
  await bench.s3.send(new PutObjectCommand({ Bucket: 'artefacts', Key: 'm.tar.gz', Body }));
  await bench.sagemaker.send(
    new CreateModelCommand({
      ModelName: 'model',
      ExecutionRoleArn: ROLE,
      PrimaryContainer: { Image: LEARNER, ModelDataUrl: 's3://artefacts/m.tar.gz' },
    }),
  );
  await bench.sagemaker.send(
    new CreateEndpointConfigCommand({
      EndpointConfigName: 'config',
      ProductionVariants: [
        {
          VariantName: 'main',
          ModelName: 'model',
          InstanceType: 'ml.m5.large',
          InitialInstanceCount: 1,
        },
      ],
    }),
  );
  await bench.sagemaker.send(
    new CreateEndpointCommand({ EndpointName: 'live', EndpointConfigName: 'config' }),
  );
  await seen('InService');
});
afterAll(async () => {
  await bench.close();
  discard(bench.home);
});

const seen = (wanted: string) =>
  until(
    () => bench.sagemaker.send(new DescribeEndpointCommand({ EndpointName: 'live' })),
    ({ EndpointStatus: status }) => status === wanted,
    30_000,
  );

it('is rolled back to the weights and counts of before, and says so where the endpoint scales', async () => {
  await scaling.send(
    new RegisterScalableTargetCommand({
      ServiceNamespace: 'sagemaker',
      ResourceId: 'endpoint/live/variant/main',
      ScalableDimension: 'sagemaker:variant:DesiredInstanceCount',
      MinCapacity: 1,
      MaxCapacity: 4,
    }),
  );
  await fault(bench, { operation: '*', kind: 'capacity', match: 'live', times: 1 });
  await bench.sagemaker.send(
    new UpdateEndpointWeightsAndCapacitiesCommand({
      EndpointName: 'live',
      DesiredWeightsAndCapacities: [
        { VariantName: 'main', DesiredWeight: 7, DesiredInstanceCount: 3 },
      ],
    }),
  );
  await seen('RollingBack');
  const { ProductionVariants: variants, FailureReason: why } = await seen('InService');
  expect(variants).toMatchObject([
    {
      CurrentWeight: 1,
      DesiredWeight: 1,
      CurrentInstanceCount: 1,
      DesiredInstanceCount: 1,
    },
  ]);
  expect(why).toMatch(/capacity/i);
});
