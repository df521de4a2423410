import type { S3Client } from '@aws-sdk/client-s3';

import { evaluationMetrics } from '../domain/custom-metrics.js';
import { addressOf, furtherOf, presentOf } from '../domain/datasets.js';
import { FailureType } from '../domain/failures.js';
import type { DatasetSummary, Evaluation, GateSummary, MetricInterval } from '../domain/model.js';
import { judgePoints, pointsOf } from '../domain/point-estimates.js';
import type { Estimate, EvaluationReport } from '../domain/stats/types.js';
import { isUnusable } from './analysis-port.js';
import { currentSignal } from './baseline.js';
import type { DataActivities, EvaluateRequest } from './contract.js';
import { publish } from './custom-metrics.js';
import type { DataDeps } from './deps.js';
import { sha256 } from './digest.js';
import { hopeless } from './heartbeat.js';
import { below, readJson, writeObject } from './s3.js';
import { downloadAll, withScratch } from './scratch.js';
import { clientsFor, ownClients } from './stage-clients.js';

export function createEvaluateActivities(
  deps: DataDeps,
): Pick<DataActivities, 'evaluateCandidate'> {
  return {
    /**
     * Judges every gate from the predictions file that the pipeline wrote, or, where the policy allows it and there is
     * none, from the metrics that the package names. Further sets of predictions, such as a golden one, fail the gates that
     * name them when they are not there.
     *
     * Idempotent: the same files, gates and seed (the release's number) give the same report at the same address.
     */
    async evaluateCandidate(request) {
      const { policy, candidate } = request;
      const { evaluate } = policy.spec;
      const { s3 } = clientsFor(deps, 'train')(request);
      const report =
        predictionsOf(request) === null && evaluate.allowPointEstimates === true
          ? await judgedByPoints(s3, request)
          : await judgedByRows(deps, s3, request);
      const text = JSON.stringify(report, undefined, 1);
      const reportUri = reportAddress(request);
      await writeObject(ownClients(deps, request).s3, reportUri, text);
      const evaluation = summary(
        report,
        reportUri,
        sha256(text),
        candidate.trainingRowsUri === null && predictionsOf(request) !== null,
      );
      if (policy.spec.metrics?.publish !== false) {
        const { cloudwatch } = clientsFor(deps, 'read')(request);
        const nowMs = deps.now();
        await publish(cloudwatch, evaluationMetrics(request.model, evaluation, nowMs), nowMs);
      }
      return evaluation;
    },
  };
}

/** Where the held-out predictions are, by the policy or by the package. */
function predictionsOf({ policy, candidate, model, release }: EvaluateRequest): string | null {
  const { uri, key } = presentOf(policy.spec.evaluate);
  return uri === null && key === policy.spec.evaluate.predictions
    ? candidate.predictionsUri
    : addressOf({ uri, key }, { ...candidate, model, release });
}

type FurtherSets = NonNullable<Parameters<DataDeps['analysis']['evaluate']>[0]['datasets']>;

/** The further sets of the policy; of one that is not there, why. */
async function furtherSets(
  s3: S3Client,
  { policy, candidate, model, release }: EvaluateRequest,
  scratch: string,
): Promise<FurtherSets> {
  const sets: FurtherSets[number][] = [];
  for (const set of furtherOf(policy.spec.evaluate)) {
    const { name, key, floor, afterTrainingCutoff } = set;
    const uri = addressOf(set, { ...candidate, model, release });
    const [file] = uri === null ? [] : await downloadAll(s3, [uri], scratch, `set-${name}`);
    const missing =
      uri === null
        ? `${candidate.packageArn} does not say where the set ${name} is: let the pipeline register the metadata ${key} with the address of its Parquet file, or write evaluate.datasets.${name}.uri`
        : `the predictions file ${uri} of the set ${name} does not exist`;
    sets.push({ name, predictions: file ?? { missing }, floor, afterTrainingCutoff });
  }
  return sets;
}

async function judgedByRows(
  deps: DataDeps,
  s3: S3Client,
  request: EvaluateRequest,
): Promise<EvaluationReport> {
  const { policy, candidate } = request;
  const { evaluate } = policy.spec;
  const predictions = predictionsOf(request);
  if (predictions === null) {
    throw hopeless(
      FailureType.BadData,
      `${candidate.packageArn} does not say where its predictions are: let the pipeline register the metadata ${evaluate.predictions} with the address of the Parquet file, or correct evaluate.predictions`,
    );
  }
  const report = await withScratch(deps.scratch, async (scratch) => {
    const [file] = await downloadAll(s3, [predictions], scratch, 'predictions');
    if (file === undefined) {
      throw hopeless(FailureType.BadData, `the predictions file ${predictions} does not exist`);
    }
    const rows = candidate.trainingRowsUri;
    const [trainingRowsFile] =
      rows === null ? [] : await downloadAll(s3, [rows], scratch, 'training-rows');
    if (rows !== null && trainingRowsFile === undefined) {
      throw hopeless(FailureType.BadData, `the training rows file ${rows} does not exist`);
    }
    const datasets = await furtherSets(s3, request, scratch);
    return deps.analysis.evaluate({
      scratch,
      file,
      trainingRowsFile: trainingRowsFile ?? null,
      holdOut: request.data.holdOut,
      gates: evaluate.gates,
      seed: request.release,
      confidence: evaluate.confidence,
      minRows: evaluate.minRows,
      championExpected: championExpected(request),
      candidateSizeBytes: candidate.artefact.sizeBytes,
      ...(evaluate.inputs && { inputs: evaluate.inputs }),
      floor: presentOf(evaluate).floor,
      ...(datasets.length > 0 && { datasets }),
      signal: currentSignal(),
    });
  });
  if (isUnusable(report)) {
    throw hopeless(
      FailureType.BadData,
      `the predictions file ${predictions} cannot be judged: ${report.unusable}`,
    );
  }
  return report;
}

const championExpected = ({ champion }: EvaluateRequest): boolean =>
  champion !== null && champion.packageArn !== null;

/** Only what the package says of itself, where the policy allows that. */
async function judgedByPoints(s3: S3Client, request: EvaluateRequest): Promise<EvaluationReport> {
  const { policy, candidate, data, release } = request;
  const { gates, confidence } = policy.spec.evaluate;
  const uri = candidate.lineage?.metrics['ModelQuality.Statistics'];
  if (uri === undefined) {
    throw hopeless(
      FailureType.BadData,
      `${candidate.packageArn} says neither where its predictions are nor has ModelMetrics.ModelQuality.Statistics: let the pipeline register one of the two`,
    );
  }
  const points = pointsOf(await readJson(s3, uri));
  if (points === null) {
    throw hopeless(
      FailureType.BadData,
      `${uri} holds no binary_classification_metrics and no regression_metrics, or is not there`,
    );
  }
  return judgePoints(points, {
    gates,
    confidence,
    holdOut: data.holdOut,
    seed: release,
    championExpected: championExpected(request),
    candidateSizeBytes: candidate.artefact.sizeBytes,
    allowed: true,
  });
}

const reportAddress = ({ policy, model, release }: EvaluateRequest): string =>
  below(policy.spec.storage, 'reports', model, 'releases', String(release), 'evaluation.json');

const intervalOf = ({ metric, estimate, lower, upper }: Estimate): MetricInterval => ({
  metric,
  estimate,
  lower,
  upper,
});

function datasetsOf({ datasets = [] }: EvaluationReport): Pick<Evaluation, 'datasets'> {
  const there = datasets.flatMap((set): readonly DatasetSummary[] =>
    set.kind === 'missing'
      ? []
      : [
          {
            name: set.name,
            rows: set.rows,
            champion: (set.champion ?? []).map(intervalOf),
            candidate: set.candidate.map(intervalOf),
          },
        ],
  );
  return there.length === 0 ? {} : { datasets: there };
}

function summary(
  report: EvaluationReport,
  reportUri: string,
  reportDigest: string,
  leakUnknown: boolean,
): Evaluation {
  return {
    verdict: report.verdict,
    reasons: [
      ...report.reasons,
      ...(leakUnknown
        ? ['the training rows are not known, so nobody could check that none of them is judged on']
        : []),
    ],
    rows: report.rows,
    champion: (report.champion ?? []).map(intervalOf),
    candidate: report.candidate.map(intervalOf),
    gates: report.gates.map((gate): GateSummary => ({
      id: gate.id,
      kind: gate.kind,
      metric: gate.metric,
      severity: gate.severity,
      verdict: gate.verdict,
      estimateChampion: gate.estimateChampion,
      estimateCandidate: gate.estimateCandidate,
      delta: gate.delta,
      lower: gate.lower,
      upper: gate.upper,
      n: gate.n,
      reason: gate.reason,
      ...(gate.reasonCode !== undefined && { reasonCode: gate.reasonCode }),
      ...(gate.dataset !== undefined && { dataset: gate.dataset }),
    })),
    ...datasetsOf(report),
    reportUri,
    reportDigest,
  };
}
