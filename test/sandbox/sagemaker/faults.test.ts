/** The faults of the local AWS by HTTP: those that no other test of the service it happens in names. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  CreateEndpointConfigCommand,
  CreateModelCommand,
  CreateProcessingJobCommand,
  DescribeEndpointConfigCommand,
  DescribeProcessingJobCommand,
  ListModelsCommand,
} from '@aws-sdk/client-sagemaker';
import { afterAll, describe, expect, it } from 'vitest';
import { FAULT_KINDS } from '../../../sandbox/aws/kernel/faults.js';
import { startSandbox } from '../../../sandbox/aws/server.js';
import { discard, fault, LEARNER, openBench, ROLE, scratch, until } from './support.js';

const bench = await openBench();
afterAll(async () => {
  await bench.close();
  discard(bench.home);
});

describe('the kinds of faults', () => {
  it('are those that the manual names', () => {
    const manual = readFileSync(join(import.meta.dirname, '../../../docs/sandbox.md'), 'utf8');
    const [, afterHeading = ''] = manual.split('## Faults');
    const [chapter = ''] = afterHeading.split('\n## ');
    const [, more = ''] = manual.split('Their faults are ');
    const words = (text: string) =>
      [...text.matchAll(/`([A-Za-z][A-Za-z -]*)`/g)].map(([, word]) => word);
    const named = new Set([...words(chapter), ...words(more.split('\n\n')[0] ?? '')]);
    expect(FAULT_KINDS.filter((kind) => !named.has(kind))).toEqual([]);
    const promised = chapter
      .split('\n')
      .filter((line) => /^\| `(?!kind`)/.test(line))
      .flatMap((line) => words(line.split('|')[1] ?? ''));
    expect(promised.length).toBeGreaterThan(10);
    expect(promised.filter((kind) => kind === undefined || !FAULT_KINDS.includes(kind))).toEqual(
      [],
    );
  });

  it.each(FAULT_KINDS)('%s is taken by HTTP', async (kind) => {
    await fault(bench, { operation: 'Nothing.AtAll', kind, match: 'nobody' });
    await fault(bench);
  });
});

/** Which of forty calls are throttled at a rate of a quarter. */
async function hitsOf(seed: number): Promise<readonly boolean[]> {
  const home = scratch();
  const own = await startSandbox({ port: 0, home, seed, log: () => undefined });
  const call = (path: string, init: RequestInit) => fetch(own.url + path, init);
  const faults = [{ operation: 'SageMaker.ListModels', kind: 'throttle', rate: 0.25 }];
  await call('/_sandbox/faults', { method: 'PUT', body: JSON.stringify(faults) });
  const hits: boolean[] = [];
  for (let at = 0; at < 40; at += 1) {
    const { status } = await call('/', {
      method: 'POST',
      headers: {
        'x-amz-target': 'SageMaker.ListModels',
        'content-type': 'application/x-amz-json-1.1',
      },
      body: '{}',
    });
    hits.push(status === 400);
  }
  await own.close();
  discard(home);
  return hits;
}

describe('a fault with a rate', () => {
  it('hits the same calls for the same seed, and others for another', async () => {
    const [first, again, other] = [await hitsOf(7), await hitsOf(7), await hitsOf(8)];
    expect(again).toEqual(first);
    expect(other).not.toEqual(first);
    expect(first.filter(Boolean).length).toBeGreaterThan(3);
    expect(first.filter(Boolean).length).toBeLessThan(20);
  });

  it('goes after as many hits as it has times', async () => {
    await fault(bench, {
      operation: 'SageMaker.ListModels',
      kind: 'error',
      status: 503,
      rate: 0.5,
      times: 2,
    });
    let failed = 0;
    for (let at = 0; at < 60; at += 1)
      await bench.sagemaker.send(new ListModelsCommand({})).catch(() => (failed += 1));
    expect(failed).toBe(2);
  });

  it.each([0, 1.1])('of %d is refused', async (rate) => {
    await expect(fault(bench, { operation: '*', kind: 'throttle', rate })).rejects.toThrow('rate');
  });
});

it('a job failure ends the job with AWS’s reason, or with the one that was given', async () => {
  const reasonOf = async (ProcessingJobName: string, message?: string) => {
    await fault(bench, {
      operation: '*',
      kind: 'job failure',
      match: ProcessingJobName,
      times: 1,
      message,
    });
    await bench.sagemaker.send(
      new CreateProcessingJobCommand({
        ProcessingJobName,
        RoleArn: ROLE,
        AppSpecification: { ImageUri: '111122223333.dkr.ecr.us-east-1.amazonaws.com/other:1' },
        ProcessingResources: {
          ClusterConfig: { InstanceType: 'ml.m5.large', InstanceCount: 1, VolumeSizeInGB: 10 },
        },
      }),
    );
    const ended = await until(
      () => bench.sagemaker.send(new DescribeProcessingJobCommand({ ProcessingJobName })),
      ({ ProcessingJobStatus }) => ProcessingJobStatus !== 'InProgress',
    );
    return [ended.ProcessingJobStatus, ended.FailureReason];
  };
  expect(await reasonOf('doomed')).toEqual(['Failed', expect.stringMatching(/^AlgorithmError: /)]);
  expect(await reasonOf('told', 'InternalServerError: try again')).toEqual([
    'Failed',
    'InternalServerError: try again',
  ]);
});

it('eventual consistency hides a config for a while, as it does a model', async () => {
  const slow = await openBench(undefined, 20);
  await slow.sagemaker.send(
    new CreateModelCommand({
      ModelName: 'seen',
      ExecutionRoleArn: ROLE,
      PrimaryContainer: { Image: LEARNER },
    }),
  );
  await fault(slow, { operation: '*', kind: 'eventual consistency', match: 'hidden', times: 1 });
  const EndpointConfigName = 'hidden';
  await slow.sagemaker.send(
    new CreateEndpointConfigCommand({
      EndpointConfigName,
      ProductionVariants: [
        {
          VariantName: 'v',
          ModelName: 'seen',
          InstanceType: 'ml.m5.large',
          InitialInstanceCount: 1,
        },
      ],
    }),
  );
  const look = async () => {
    try {
      await slow.sagemaker.send(new DescribeEndpointConfigCommand({ EndpointConfigName }));
      return 'there';
    } catch (error) {
      return String(error);
    }
  };
  expect(await look()).toMatch(/ValidationException: Could not find/);
  expect(await until(look, (answer) => answer === 'there')).toBe('there');
  await slow.close();
  discard(slow.home);
});
