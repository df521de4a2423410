/** A release without a pipeline, through the command line on a real server: its machines are taken away on the way. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import {
  DescribeEndpointConfigCommand,
  DescribeModelCommand,
  DescribeModelPackageCommand,
  DescribeTrainingJobCommand,
} from '@aws-sdk/client-sagemaker';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { EASTERN_HUBS } from '../../sandbox/learner/airports.js';
import { writeFlights } from '../../sandbox/learner/flights-data.js';
import { temporaryFolder } from './support/processes.js';
import { Stack } from './support/stack.js';

const MODEL = 'by-job';
const NAME = `${MODEL}-1`;
const folder = temporaryFolder('training-job');
let stack: Stack;

beforeAll(async () => {
  stack = await Stack.boot(folder.path);
}, 120_000);

afterAll(async () => {
  await stack.close();
  folder.remove();
}, 90_000);

describe('a release by training job', () => {
  it('is trained on spot capacity that is taken back, scored, registered, approved and promoted', async () => {
    const first = await stack.trainByHand(`${MODEL}-by-hand`);
    const policy = await stack.company(
      MODEL,
      (draft) => {
        delete draft.spec.retrain.pipeline;
        delete draft.spec.retrain.parameters;
        draft.spec.retrain = {
          ...draft.spec.retrain,
          ...stack.jobs(MODEL),
          budget: {
            runs: 50,
            per: '1h',
            usd: 100,
            prices: { 'ml.m5.xlarge': 0.23, 'ml.m5.large': 0.115 },
          },
        };
      },
      { firstModel: first },
    );
    await stack.apply(policy);
    await stack.aws.faults([{ operation: '*', kind: 'spot interruption', match: NAME, times: 1 }]);
    expect(await stack.retrain(MODEL)).toBe(1);
    await stack.approve(MODEL, 1);
    expect((await stack.ended(MODEL, 1)).result).toMatchObject({ kind: 'promoted' });
    expect(await stack.aws.faultsLeft()).toEqual([]);
  });

  it('began again after the interruption, as the same job', async () => {
    const job = await stack.aws.sagemaker.send(
      new DescribeTrainingJobCommand({ TrainingJobName: NAME }),
    );
    expect(job).toMatchObject({
      TrainingJobStatus: 'Completed',
      EnableManagedSpotTraining: true,
      CheckpointConfig: { S3Uri: expect.stringContaining('/checkpoints/') as string },
    });
    const statuses = job.SecondaryStatusTransitions?.map(({ Status }) => Status) ?? [];
    expect(statuses.slice(statuses.indexOf('Interrupted'))).toEqual([
      'Interrupted',
      'Starting',
      'Downloading',
      'Training',
      'Uploading',
      'Completed',
    ]);
    // Its one epoch was done: it went on from there, and less is paid than it ran.
    const epochs = job.FinalMetricDataList?.find(({ MetricName }) => MetricName === 'train:epochs');
    expect(epochs?.Value).toBe(0);
    expect(job.BillableTimeInSeconds).toBeLessThan(job.TrainingTimeInSeconds ?? 0);
    const names = (await stack.aws.trainingJobs()).map(({ TrainingJobName }) => TrainingJobName);
    expect(names.sort()).toEqual([NAME, `${MODEL}-by-hand`]);
    expect(await stack.aws.executions(`${MODEL}-train`)).toEqual([]);
  });

  it('left its one package Approved and serving, from the artefact of the job', async () => {
    const { sagemaker } = stack.aws;
    const [found, ...others] = await stack.aws.packages(MODEL);
    expect(others).toEqual([]);
    const registered = await sagemaker.send(
      new DescribeModelPackageCommand({ ModelPackageName: found?.ModelPackageArn }),
    );
    expect(registered.ModelApprovalStatus).toBe('Approved');
    const job = await sagemaker.send(new DescribeTrainingJobCommand({ TrainingJobName: NAME }));
    expect(registered.InferenceSpecification?.Containers?.[0]?.ModelDataUrl).toBe(
      job.ModelArtifacts?.S3ModelArtifacts,
    );
    const { EndpointConfigName, EndpointStatus } = await stack.aws.endpoint(MODEL);
    expect(EndpointStatus).toBe('InService');
    const config = await sagemaker.send(new DescribeEndpointConfigCommand({ EndpointConfigName }));
    const model = await sagemaker.send(
      new DescribeModelCommand({ ModelName: config.ProductionVariants?.[0]?.ModelName }),
    );
    expect((model.Containers?.[0] ?? model.PrimaryContainer)?.ModelPackageName).toBe(
      found?.ModelPackageArn,
    );
  });

  it('says on the command line what it cost, and its ledger is whole', async () => {
    const status = await stack.command('status', MODEL, '--release', '1');
    expect(status.output).toMatch(/cost +\d+\.\d\d USD.*spot/);
    expect((await stack.command('ledger', MODEL, 'verify')).output).toContain('is whole');
  });

  it('is stopped by the gate of a golden set, which the evaluation job scores beside the held-out rows', async () => {
    const rows = join(folder.path, 'golden.parquet');
    await writeFlights(rows, {
      airports: EASTERN_HUBS,
      from: '2001-03-01T00:00:00Z',
      to: '2001-04-01T00:00:00Z',
      rows: 5_000,
    });
    await stack.put('golden/rows.parquet', readFileSync(rows));
    await stack.apply(
      stack.policyFile(MODEL, (draft) => {
        delete draft.spec.retrain.pipeline;
        delete draft.spec.retrain.parameters;
        Object.assign(
          draft.spec.retrain,
          stack.jobs(MODEL, { golden: 's3://ml-artefacts/golden/' }),
        );
        draft.spec.evaluate.datasets = { golden: {} };
        draft.spec.evaluate.gates.push({
          id: 'golden-floor',
          kind: 'absolute',
          metric: 'roc_auc',
          min: 0.95,
          dataset: 'golden',
        });
      }),
    );
    expect(await stack.retrain(MODEL)).toBe(2);
    const { result, evaluation } = await stack.ended(MODEL, 2);
    expect(result).toMatchObject({
      kind: 'failed gates',
      reasons: [expect.stringContaining('golden-floor')],
    });
    expect(evaluation?.gates).toMatchObject([
      { id: 'better-than-a-coin', verdict: 'pass' },
      { id: 'golden-floor', verdict: 'fail', dataset: 'golden', n: 5_000 },
    ]);
  });
});
