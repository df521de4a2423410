/** A candidate that has learned the new and forgotten the old, from a real pipeline on the local AWS to the verdict. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { CreateBucketCommand, DeleteObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import {
  CreateModelPackageGroupCommand,
  CreatePipelineCommand,
  DescribePipelineExecutionCommand,
  StartPipelineExecutionCommand,
} from '@aws-sdk/client-sagemaker';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { duckAnalysis } from '../../activities/analysis.js';
import { createDataActivities } from '../../activities/data.js';
import { createControlActivities } from '../../activities/index.js';
import type { Candidate, Champion, Evaluation } from '../../domain/model.js';
import { EASTERN_HUBS, WESTERN_AIRPORTS } from '../../sandbox/learner/airports.js';
import { writeFlights } from '../../sandbox/learner/flights-data.js';
import { flightsPipelineDefinition } from '../../sandbox/learner/pipeline-definition.js';
import {
  buildLearner,
  discard,
  LEARNER,
  openBench,
  ROLE,
  until,
} from '../sandbox/sagemaker/support.js';
import type { Bench } from '../sandbox/sagemaker/support.js';
import { followed, policyWith, run } from './support.js';

const BUCKET = 'flights-bucket';
const at = (month: number): number => Date.UTC(2001, month - 1, 1);
const iso = (ms: number): string => new Date(ms).toISOString();
/** Trained on March, judged on April. */
const data = { train: { fromMs: at(3), toMs: at(4) }, holdOut: { fromMs: at(4), toMs: at(5) } };

const policy = policyWith({
  registry: { group: 'flights' },
  storage: `s3://${BUCKET}/keeper/`,
  retrain: { pipeline: 'flights-east' },
  evaluate: {
    datasets: { golden: { minRows: 1_000 } },
    gates: [
      { id: 'better-now', kind: 'superior', metric: 'roc_auc', minGain: 0 },
      {
        id: 'forgets-nothing',
        kind: 'non_inferior',
        metric: 'roc_auc',
        margin: { absolute: 0.02 },
        dataset: 'golden',
      },
    ],
  },
});

let bench: Bench;
const scratch = mkdtempSync(join(tmpdir(), 'golden-'));
const control = () =>
  createControlActivities({
    aws: () => bench,
    temporal: {} as never,
    now: Date.now,
    consoleUrl: null,
  });

beforeAll(async () => {
  buildLearner();
  bench = await openBench();
  await bench.s3.send(new CreateBucketCommand({ Bucket: BUCKET }));
  await bench.sagemaker.send(
    new CreateModelPackageGroupCommand({ ModelPackageGroupName: 'flights' }),
  );
  await rowsAt('west', WESTERN_AIRPORTS, at(1), at(3));
  await rowsAt('east', EASTERN_HUBS, at(3), at(5));
  // Older flights of the first airports, which neither model was trained on.
  await rowsAt('golden', WESTERN_AIRPORTS, at(3), at(4));
  await pipeline('flights-west', 'west', {});
  await pipeline('flights-east', 'east', { golden: `s3://${BUCKET}/golden` });
}, 120_000);
afterAll(async () => {
  await bench.close();
  discard(bench.home);
  rmSync(scratch, { recursive: true, force: true });
});

async function rowsAt(folder: string, airports: readonly string[], from: number, to: number) {
  const file = join(scratch, `${folder}.parquet`);
  await writeFlights(file, { airports, from: iso(from), to: iso(to), rows: 60_000 });
  await bench.s3.send(
    new PutObjectCommand({
      Bucket: BUCKET,
      Key: `${folder}/part-0.parquet`,
      Body: readFileSync(file),
    }),
  );
}

async function pipeline(name: string, rows: string, sets: Readonly<Record<string, string>>) {
  await bench.sagemaker.send(
    new CreatePipelineCommand({
      PipelineName: name,
      PipelineDefinition: flightsPipelineDefinition({
        role: ROLE,
        bucket: BUCKET,
        group: 'flights',
        image: LEARNER,
        data: `s3://${BUCKET}/${rows}`,
        sets,
      }),
      RoleArn: ROLE,
      ClientRequestToken: name.padEnd(32, '-'),
    }),
  );
}

/** The first model, as somebody trained it before there was a keeper. */
async function firstModel(): Promise<Champion> {
  const parameters = {
    TrainFrom: iso(at(1)),
    TrainTo: iso(at(2)),
    HoldOutFrom: iso(at(2)),
    HoldOutTo: iso(at(3)),
  };
  const { PipelineExecutionArn } = await bench.sagemaker.send(
    new StartPipelineExecutionCommand({
      PipelineName: 'flights-west',
      ClientRequestToken: 'first'.padEnd(32, '-'),
      PipelineParameters: Object.entries(parameters).map(([Name, Value]) => ({ Name, Value })),
    }),
  );
  await until(
    () => bench.sagemaker.send(new DescribePipelineExecutionCommand({ PipelineExecutionArn })),
    ({ PipelineExecutionStatus: status }) => status === 'Succeeded',
  );
  const made = await run(control().awaitPipeline, [
    { model: 'flights', policy, executionArn: PipelineExecutionArn ?? '' },
  ]);
  if (made.kind !== 'succeeded') throw new Error(JSON.stringify(made));
  const { packageArn, modelDataUrl, image } = made.candidate;
  return { configName: 'first', packageArn, modelDataUrl, image, roleArn: ROLE, sinceMs: 0 };
}

async function candidateAfter(champion: Champion): Promise<Candidate> {
  const { startPipeline, awaitPipeline } = control();
  const { executionArn } = await run(startPipeline, [
    {
      model: 'flights',
      policy,
      release: 2,
      name: 'flights-2',
      parameters: {
        TrainFrom: iso(data.train.fromMs),
        TrainTo: iso(data.train.toMs),
        HoldOutFrom: iso(data.holdOut.fromMs),
        HoldOutTo: iso(data.holdOut.toMs),
        ChampionPackage: champion.packageArn ?? 'none',
      },
    },
  ]);
  const made = await followed(awaitPipeline, [{ model: 'flights', policy, executionArn }]);
  if (made.kind !== 'succeeded') throw new Error(JSON.stringify(made));
  return made.candidate;
}

function judged(candidate: Candidate, champion: Champion): Promise<Evaluation> {
  const { evaluateCandidate } = createDataActivities({
    aws: () => bench,
    analysis: duckAnalysis,
    now: Date.now,
    scratch,
  });
  return run(evaluateCandidate, [
    { model: 'flights', policy, release: 2, candidate, champion, data },
  ]);
}

it('a candidate that is better on recent rows and has forgotten the golden ones is stopped by the golden gate, and none passes without them', async () => {
  const champion = await firstModel();
  const candidate = await candidateAfter(champion);
  const address = candidate.metadata['modelkeeper:predictions-golden'] ?? '';
  expect(address).toMatch(/\/evaluation\/predictions-golden\.parquet$/);

  const evaluation = await judged(candidate, champion);
  expect(evaluation.gates).toMatchObject([
    { id: 'better-now', verdict: 'pass' },
    { id: 'forgets-nothing', verdict: 'fail', dataset: 'golden' },
  ]);
  expect(evaluation.gates[1]?.n).toBe(60_000);
  expect(evaluation.gates[1]?.reason).toMatch(/surely loses more than 0\.02/);
  expect(evaluation.datasets).toMatchObject([{ name: 'golden', rows: 60_000 }]);
  expect(evaluation.verdict).toBe('fail');
  expect(evaluation.reasons.join()).toContain('forgets-nothing');

  const [, , Bucket, ...key] = address.split('/');
  await bench.s3.send(new DeleteObjectCommand({ Bucket, Key: key.join('/') }));
  const without = await judged(candidate, champion);
  expect(without.verdict).toBe('fail');
  expect(without.gates[1]).toMatchObject({
    verdict: 'fail',
    reasonCode: 'missing dataset',
    reason: expect.stringContaining(`${address} of the set golden does not exist`) as string,
  });
}, 180_000);
