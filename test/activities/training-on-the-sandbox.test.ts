/** A candidate by training job, from the real activities against the local AWS: trained, scored, registered, judged. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { CreateBucketCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import {
  CreateModelPackageGroupCommand,
  DescribeModelPackageCommand,
} from '@aws-sdk/client-sagemaker';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { duckAnalysis } from '../../activities/analysis.js';
import { createDataActivities } from '../../activities/data.js';
import type { AwsClients } from '../../activities/deps.js';
import { createControlActivities } from '../../activities/index.js';
import type { Candidate, Champion } from '../../domain/model.js';
import { WESTERN_AIRPORTS } from '../../sandbox/learner/airports.js';
import { writeFlights } from '../../sandbox/learner/flights-data.js';
import {
  buildLearner,
  discard,
  fault,
  LEARNER,
  openBench,
  ROLE,
} from '../sandbox/sagemaker/support.js';
import type { Bench } from '../sandbox/sagemaker/support.js';
import { followed, policyWith, run } from './support.js';

const JANUARY = Date.UTC(2001, 0, 1);
const FEBRUARY = Date.UTC(2001, 1, 1);
const MARCH = Date.UTC(2001, 2, 1);
const data = {
  train: { fromMs: JANUARY, toMs: FEBRUARY },
  holdOut: { fromMs: FEBRUARY, toMs: MARCH },
};
const policy = policyWith({
  registry: { group: 'flights' },
  storage: 's3://flights-bucket/keeper/',
  retrain: {
    trainingJob: {
      image: LEARNER,
      role: ROLE,
      instanceType: 'ml.m5.xlarge',
      hyperParameters: { from: 'window.start', to: 'window.end', results: 'results' },
      channels: { train: 's3://flights-bucket/flights/' },
      spot: { maxWait: '8h', checkpoints: 's3://flights-bucket/checkpoints/' },
    },
    evaluationJob: {
      instanceType: 'ml.m5.large',
      environment: { from: 'holdout.start', to: 'holdout.end' },
      inputs: { data: 's3://flights-bucket/flights/' },
    },
    budget: { prices: { 'ml.m5.xlarge': 0.23, 'ml.m5.large': 0.115 } },
  },
});

let bench: Bench;
const scratch = mkdtempSync(join(tmpdir(), 'by-job-'));
beforeAll(async () => {
  buildLearner();
  bench = await openBench();
  await bench.s3.send(new CreateBucketCommand({ Bucket: 'flights-bucket' }));
  const file = join(scratch, 'rows.parquet');
  await writeFlights(file, {
    airports: WESTERN_AIRPORTS,
    from: new Date(JANUARY).toISOString(),
    to: new Date(MARCH).toISOString(),
    rows: 20_000,
  });
  await bench.s3.send(
    new PutObjectCommand({
      Bucket: 'flights-bucket',
      Key: 'flights/part-0.parquet',
      Body: readFileSync(file),
    }),
  );
  await bench.sagemaker.send(
    new CreateModelPackageGroupCommand({ ModelPackageGroupName: 'flights' }),
  );
}, 120_000);
afterAll(async () => {
  await bench.close();
  discard(bench.home);
  rmSync(scratch, { recursive: true, force: true });
});

async function candidateOf(release: number, champion: Champion | null): Promise<Candidate> {
  const clients = (): AwsClients => bench;
  const control = createControlActivities({
    aws: clients,
    temporal: {} as never,
    now: Date.now,
    consoleUrl: null,
  });
  const name = `flights-${String(release)}`;
  const common = { model: 'flights', policy, release, roundName: name, champion, data };
  await run(control.startTrainingJob, [{ ...common, name, instanceType: null }]);
  expect(await run(control.startTrainingJob, [{ ...common, name, instanceType: null }])).toEqual({
    jobName: name,
    adopted: true,
  });
  const trained = await followed(control.awaitTrainingJob, [
    { model: 'flights', policy, jobName: name },
  ]);
  if (trained.kind === 'failed') throw new Error(trained.reason);
  expect(trained.bill.jobs[0]).toMatchObject({ instanceType: 'ml.m5.xlarge', spot: true });
  const scoring = `${name}-score`;
  await run(control.startEvaluationJob, [
    { ...common, name: scoring, modelDataUrl: trained.modelDataUrl },
  ]);
  const evaluated = await followed(control.awaitEvaluationJob, [
    { model: 'flights', policy, jobName: scoring },
  ]);
  if (evaluated.kind === 'failed') throw new Error(evaluated.reason);
  return run(control.registerCandidate, [
    {
      ...common,
      jobArn: trained.jobArn,
      modelDataUrl: trained.modelDataUrl,
      metrics: trained.metrics,
      packageArn: null,
    },
  ]);
}

it('two candidates are made by jobs, the second judged against the first on the same rows', async () => {
  await fault(bench, { operation: '*', kind: 'spot interruption', match: 'flights-1', times: 1 });
  const first = await candidateOf(1, null);
  expect(first).toMatchObject({
    version: 1,
    approvalStatus: 'PendingManualApproval',
    predictionsUri:
      's3://flights-bucket/keeper/training/flights/flights-1/results/predictions.parquet',
    trainingRowsUri:
      's3://flights-bucket/keeper/training/flights/flights-1/results/training-rows.parquet',
    baselineUri: 's3://flights-bucket/keeper/training/flights/flights-1/results/baseline.parquet',
  });
  const champion: Champion = {
    configName: 'flights-1',
    packageArn: first.packageArn,
    modelDataUrl: first.modelDataUrl,
    image: first.image,
    roleArn: ROLE,
    sinceMs: 0,
  };
  const second = await candidateOf(2, champion);
  expect(second.version).toBe(2);
  const registered = await bench.sagemaker.send(
    new DescribeModelPackageCommand({ ModelPackageName: second.packageArn }),
  );
  expect(registered.ModelMetrics?.ModelQuality?.Statistics?.S3Uri).toMatch(
    /flights-2\/results\/evaluation\.json$/,
  );
  const { evaluateCandidate } = createDataActivities({
    aws: () => bench,
    analysis: duckAnalysis,
    now: Date.now,
    scratch,
  });
  const evaluation = await run(evaluateCandidate, [
    { model: 'flights', policy, release: 2, candidate: second, champion, data },
  ]);
  // The same rows and seed give the same model: no better, and no worse.
  expect(evaluation.rows).toBeGreaterThan(5_000);
  expect(evaluation.champion[0]?.estimate).toBeCloseTo(evaluation.candidate[0]?.estimate ?? 0);
  expect(evaluation.reasons.join()).not.toMatch('nobody could check');
  expect(evaluation.verdict).toBe('pass');
}, 180_000);
