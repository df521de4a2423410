/** Whole releases of endpoints that are not real-time, on the real server: an asynchronous and a serverless one. */
import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { InvokeEndpointAsyncCommand } from '@aws-sdk/client-sagemaker-runtime';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { temporaryFolder, untilTrue } from './support/processes.js';
import { Stack } from './support/stack.js';

const BUCKET = 'ml-artefacts';
const folder = temporaryFolder('hosting');
let stack: Stack;

beforeAll(async () => {
  stack = await Stack.boot(folder.path);
}, 120_000);

afterAll(async () => {
  await stack.close();
  folder.remove();
}, 90_000);

describe('a release, from the question to the end of probation,', () => {
  it(
    'of an asynchronous endpoint goes by a canary, and the new version works off the queue',
    { timeout: 420_000 },
    async () => {
      const policy = await stack.company('queued', undefined, {
        asynchronous: { OutputConfig: { S3OutputPath: `s3://${BUCKET}/answers` } },
      });
      await stack.apply(policy);
      const release = await stack.retrain('queued');
      await stack.approve('queued', release);
      const { result } = await stack.ended('queued', release);
      const configName = `queued-${String(release)}`;
      expect(result).toMatchObject({ kind: 'promoted', configName });
      expect(await stack.aws.endpoint('queued')).toMatchObject({
        EndpointStatus: 'InService',
        EndpointConfigName: configName,
        AsyncInferenceConfig: { OutputConfig: { S3OutputPath: `s3://${BUCKET}/answers` } },
      });
      const Key = 'questions/one.csv';
      await stack.aws.s3.send(
        new PutObjectCommand({ Bucket: BUCKET, Key, Body: 'LAX,SFO,337,9,1' }),
      );
      const { OutputLocation = '' } = await stack.aws.runtime.send(
        new InvokeEndpointAsyncCommand({
          EndpointName: 'queued',
          ContentType: 'text/csv',
          InputLocation: `s3://${BUCKET}/${Key}`,
        }),
      );
      await untilTrue('the answer is there', 60_000, () =>
        stack.aws.s3
          .send(
            new GetObjectCommand({
              Bucket: BUCKET,
              Key: OutputLocation.replace(`s3://${BUCKET}/`, ''),
            }),
          )
          .then(
            () => true,
            () => false,
          ),
      );
    },
  );

  it(
    'of a serverless endpoint goes all at once, and a canary is refused when it is applied',
    { timeout: 420_000 },
    async () => {
      const file = await stack.company('on-demand', undefined, {
        serverless: { MemorySizeInMB: 2048, MaxConcurrency: 5 },
      });
      const { code, output } = await stack.command('plan', file, '--local');
      expect(code).not.toBe(0);
      expect(output).toMatch(/is serverless.*write all-at-once/s);
      const policy = stack.policyFile('on-demand', ({ spec }) => {
        spec.deploy = { ...spec.deploy, strategy: 'all-at-once' };
      });
      await stack.apply(policy);
      const release = await stack.retrain('on-demand');
      await stack.approve('on-demand', release);
      const { result } = await stack.ended('on-demand', release);
      const configName = `on-demand-${String(release)}`;
      expect(result).toMatchObject({ kind: 'promoted', configName });
      const { ProductionVariants, EndpointConfigName } = await stack.aws.endpoint('on-demand');
      expect(EndpointConfigName).toBe(configName);
      expect(ProductionVariants).toMatchObject([
        { CurrentServerlessConfig: { MemorySizeInMB: 2048, MaxConcurrency: 5 } },
      ]);
      expect(await stack.invoke('on-demand')).toMatchObject({
        InvokedProductionVariant: 'AllTraffic',
      });
    },
  );
});
