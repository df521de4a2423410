import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { PutObjectCommand } from '@aws-sdk/client-s3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { Analysis } from '../../activities/analysis-port.js';
import type { EvaluationReport } from '../../domain/stats/types.js';
import type { EvaluateRequest } from '../../activities/contract.js';
import { createDataActivities } from '../../activities/data.js';
import { sha256 } from '../../activities/digest.js';
import {
  attemptOf,
  bucketOf,
  candidate,
  evaluationReport,
  fakeAws,
  noAnalysis,
  NOON,
  ref,
  run,
} from './support.js';

const REPORT_KEY = 'keeper/reports/flights/releases/4/evaluation.json';
const request: EvaluateRequest = {
  ...ref,
  release: 4,
  candidate: {
    ...candidate,
    predictionsUri: 's3://artefacts/predictions.parquet',
    trainingRowsUri: 's3://artefacts/rows.parquet',
  },
  champion: {
    configName: 'flights-1',
    packageArn: 'arn:aws:sagemaker:us-east-1:111122223333:model-package/flights/1',
    modelDataUrl: null,
    image: null,
    roleArn: null,
    sinceMs: 0,
  },
  data: { train: { fromMs: 0, toMs: 10 }, holdOut: { fromMs: 10, toMs: 20 } },
};

let scratch = '';
beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'evaluate-'));
});
afterEach(() => {
  rmSync(scratch, { recursive: true, force: true });
});

type Asked = Parameters<Analysis['evaluate']>[0];

function account(
  answer: Awaited<ReturnType<Analysis['evaluate']>> = evaluationReport,
  files: readonly string[] = ['predictions.parquet', 'rows.parquet'],
) {
  const objects = new Map(files.map((name) => [name, `rows of ${name}`]));
  const asked: (Asked & { readonly text: string })[] = [];
  const aws = fakeAws(...bucketOf(objects));
  const { evaluateCandidate } = createDataActivities({
    aws: () => aws.clients,
    analysis: {
      ...noAnalysis,
      evaluate: async (one) => {
        asked.push({ ...one, text: readFileSync(one.file, 'utf8') });
        return answer;
      },
    },
    now: () => NOON,
    scratch,
  });
  return { aws, objects, asked, evaluateCandidate };
}

describe('evaluateCandidate', () => {
  it("judges the pipeline's predictions by the policy's gates, seeded by the release", async () => {
    const { asked, evaluateCandidate } = account();
    await run(evaluateCandidate, [request]);
    expect(asked).toHaveLength(1);
    expect(asked[0]).toMatchObject({
      text: 'rows of predictions.parquet',
      trainingRowsFile: expect.stringMatching(/\.parquet$/) as string,
      holdOut: { fromMs: 10, toMs: 20 },
      gates: ref.policy.spec.evaluate.gates,
      confidence: ref.policy.spec.evaluate.confidence,
      minRows: ref.policy.spec.evaluate.minRows,
      seed: 4,
      championExpected: true,
    });
    expect(readdirSync(scratch)).toEqual([]);
  });

  it('keeps the whole report, and pins it by the digest of what was written', async () => {
    const { objects, evaluateCandidate } = account();
    const evaluation = await run(evaluateCandidate, [request]);
    const written = objects.get(REPORT_KEY) ?? '';
    expect(JSON.parse(written)).toEqual(evaluationReport);
    expect(evaluation).toMatchObject({
      verdict: 'pass',
      rows: evaluationReport.rows,
      reportUri: `s3://artefacts/${REPORT_KEY}`,
      reportDigest: sha256(written),
      candidate: [{ metric: 'roc_auc', estimate: 0.65, lower: 0.63, upper: 0.67 }],
      champion: [{ metric: 'roc_auc', estimate: 0.6, lower: 0.58, upper: 0.62 }],
      gates: [{ id: 'floor', verdict: 'pass', n: 5_000 }],
      reasons: evaluationReport.reasons,
    });
  });

  it('answers the same again after the answer to its report was lost', async () => {
    const { aws, objects, evaluateCandidate } = account();
    aws.loseAnswer(PutObjectCommand);
    expect((await attemptOf(evaluateCandidate, [request])).error).toMatchObject({
      type: 'AwsUnavailable',
    });
    const written = objects.get(REPORT_KEY) ?? '';
    const evaluation = await run(evaluateCandidate, [request], { attempt: 2 });
    expect(objects.get(REPORT_KEY)).toBe(written);
    expect(evaluation.reportDigest).toBe(sha256(written));
    expect(readdirSync(scratch)).toEqual([]);
  });

  it('says that nobody could look for leaks when the training rows are not known', async () => {
    const { asked, evaluateCandidate } = account();
    const unknown = { ...request.candidate, trainingRowsUri: null };
    const evaluation = await run(evaluateCandidate, [{ ...request, candidate: unknown }]);
    expect(asked[0]).toMatchObject({ trainingRowsFile: null });
    expect(evaluation.reasons.at(-1)).toContain('training rows are not known');
  });

  it('expects no scores of a champion that is none, or is not from the registry', async () => {
    const { asked, evaluateCandidate } = account();
    await run(evaluateCandidate, [{ ...request, champion: null }]);
    const byHand = {
      configName: 'by-hand',
      packageArn: null,
      modelDataUrl: null,
      image: null,
      roleArn: null,
      sinceMs: 0,
    };
    await run(evaluateCandidate, [{ ...request, champion: byHand }]);
    expect(asked.map((one) => one.championExpected)).toEqual([false, false]);
  });

  it.each<[string, EvaluateRequest, Parameters<typeof account>, RegExp]>([
    [
      'a package that does not say where they are',
      { ...request, candidate: { ...request.candidate, predictionsUri: null } },
      [],
      /does not say where its predictions are/,
    ],
    [
      'a predictions file that is gone',
      request,
      [evaluationReport, ['rows.parquet']],
      /predictions file .* does not exist/,
    ],
    [
      'training rows that are gone',
      request,
      [evaluationReport, ['predictions.parquet']],
      /training rows file .* does not exist/,
    ],
    [
      'a file that is no Parquet',
      request,
      [{ unusable: 'it is not Parquet' }],
      /cannot be judged: it is not Parquet/,
    ],
  ])('stops at once, and leaves no report, on %s', async (_, asked, world, sentence) => {
    const { objects, evaluateCandidate } = account(...world);
    expect((await attemptOf(evaluateCandidate, [asked])).error).toMatchObject({
      type: 'BadData',
      nonRetryable: true,
      message: expect.stringMatching(sentence) as string,
    });
    expect(objects.has(REPORT_KEY)).toBe(false);
    expect(readdirSync(scratch)).toEqual([]);
  });
});

describe('a golden set', () => {
  const asked = (
    datasets: EvaluateRequest['policy']['spec']['evaluate']['datasets'],
    metadata: Readonly<Record<string, string>> = {},
  ): EvaluateRequest => ({
    ...request,
    candidate: { ...request.candidate, version: 9, metadata },
    policy: {
      ...request.policy,
      spec: {
        ...request.policy.spec,
        evaluate: { ...request.policy.spec.evaluate, ...(datasets && { datasets }) },
      },
    },
  });
  const world = [
    evaluationReport,
    ['predictions.parquet', 'rows.parquet', 'flights/4/9.parquet', 'golden.parquet'],
  ] as const;
  const setOf = async (datasetsOf: EvaluateRequest) => {
    const { asked: judged, evaluateCandidate } = account(...world);
    await run(evaluateCandidate, [datasetsOf]);
    return judged[0];
  };

  it.each([
    [
      'by the address in the policy',
      { golden: { uri: 's3://artefacts/{model}/{release}/{version}.parquet' } },
      {},
    ],
    [
      "by the package's metadata",
      { golden: {} },
      { 'modelkeeper:predictions-golden': 's3://artefacts/golden.parquet' },
    ],
    [
      'by metadata under a key of its own',
      { golden: { predictions: 'mine' } },
      { mine: 's3://artefacts/golden.parquet' },
    ],
  ])('is found %s', async (_, datasets, metadata) => {
    const judged = await setOf(asked(datasets, metadata));
    expect(judged?.datasets).toEqual([
      {
        name: 'golden',
        predictions: expect.stringMatching(/set-golden/) as string,
        floor: {},
        afterTrainingCutoff: false,
      },
    ]);
  });

  it.each([
    [
      'nobody says where it is',
      { golden: {} },
      /register the metadata modelkeeper:predictions-golden/,
    ],
    [
      'its file is gone',
      { golden: { uri: 's3://artefacts/gone.parquet' } },
      /gone\.parquet .* does not exist/,
    ],
  ])('is missing when %s', async (_, datasets, sentence) => {
    const judged = await setOf(asked(datasets));
    expect(judged?.datasets?.[0]?.predictions).toEqual({
      missing: expect.stringMatching(sentence) as string,
    });
  });

  it('does not move the held-out rows, whose address and least rows the policy may say too', async () => {
    const recent = { uri: 's3://artefacts/golden.parquet', minRows: 1_000, minPositives: 50 };
    const judged = await setOf(asked({ recent }));
    expect(judged).toMatchObject({
      text: 'rows of golden.parquet',
      floor: { minRows: 1_000, minPositives: 50 },
    });
    expect(judged?.datasets).toBeUndefined();
  });
});

describe('a package that names only metrics', () => {
  const uri = 's3://artefacts/quality.json';
  const quality = (candidateAuc: number, championAuc: number | null) => ({
    binary_classification_metrics: { auc: { value: candidateAuc, standard_deviation: 'NaN' } },
    ...(championAuc !== null && {
      champion_binary_classification_metrics: { auc: { value: championAuc } },
    }),
  });
  const asked = (allowPointEstimates: boolean): EvaluateRequest => {
    const { policy, candidate: package_ } = request;
    return {
      ...request,
      candidate: {
        ...package_,
        predictionsUri: null,
        lineage: {
          generatedBy: null,
          commit: null,
          metrics: { 'ModelQuality.Statistics': uri },
          baselines: {},
          stage: null,
        },
      },
      policy: {
        ...policy,
        spec: {
          ...policy.spec,
          evaluate: {
            ...policy.spec.evaluate,
            allowPointEstimates,
            gates: [
              {
                id: 'no-worse',
                kind: 'non_inferior',
                metric: 'roc_auc',
                margin: { absolute: 0.01 },
                severity: 'required',
              },
            ],
          },
        },
      },
    };
  };

  it('is not judged by them unless the policy says so', async () => {
    const { objects, evaluateCandidate } = account();
    objects.set('quality.json', JSON.stringify(quality(0.9, 0.8)));
    expect((await attemptOf(evaluateCandidate, [asked(false)])).error).toMatchObject({
      type: 'BadData',
      message: expect.stringMatching(/does not say where its predictions are/) as string,
    });
  });

  it.each([
    ['pass', 0.795, 0.8, 'point estimate'],
    ['fail', 0.78, 0.8, 'broken'],
    ['fail', 0.9, null, undefined],
  ] as const)('is a %s with %d against %s', async (verdict, own, other, reasonCode) => {
    const { asked: judged, objects, evaluateCandidate } = account();
    objects.set('quality.json', JSON.stringify(quality(own, other)));
    const evaluation = await run(evaluateCandidate, [asked(true)]);
    expect(evaluation.verdict).toBe(verdict);
    expect(evaluation.reasons.at(-1)).toContain('the policy allows point estimates');
    const report = JSON.parse(objects.get(REPORT_KEY) ?? '') as EvaluationReport;
    expect(report.gates[0]?.reasonCode).toBe(reasonCode);
    expect(report.gates.map(({ lower, upper, n }) => [lower, upper, n])).toEqual(
      reasonCode === undefined ? [] : [[null, null, 0]],
    );
    expect(judged).toEqual([]);
  });

  it('stops at once when the metrics are not there', async () => {
    const { evaluateCandidate } = account();
    expect((await attemptOf(evaluateCandidate, [asked(true)])).error).toMatchObject({
      type: 'BadData',
      message: expect.stringMatching(/holds no binary_classification_metrics/) as string,
    });
  });
});
