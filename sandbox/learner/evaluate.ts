import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { readArtefact } from './archive.js';
import { auc } from './auc.js';
import type { ContainerJob } from './job.js';
import { UnusableInput } from './job.js';
import { predict } from './logistic.js';
import type { LogisticModel } from './logistic.js';
import { identifier, loadWindow, readFeatures, readLabels, text, withDuckDb } from './rows.js';
import type { Window } from './rows.js';
import { required } from './settings.js';

/** Channels that hold no further set of rows. */
const KNOWN_CHANNELS: readonly string[] = ['data', 'candidate', 'champion'];

interface Models {
  readonly candidate: LogisticModel;
  readonly champion: LogisticModel | undefined;
}

/**
 * Scores two models on the same rows `[from, to)` of the channel `data`: `candidate`, and `champion`
 * when there is one. Writes `predictions.parquet` (rowId, label, champion, candidate, origin,
 * eventTimeMs; champion is null without a champion) and `evaluation.json` in AWS's format.
 *
 * All rows of any other channel are a set of their own, scored by both too: those of `golden` give `predictions-golden.parquet`.
 */
export async function evaluate(job: ContainerJob): Promise<Readonly<Record<string, number>>> {
  const { settings, outputDir } = job;
  const from = required(settings, 'from');
  const to = required(settings, 'to');
  const label = settings['label'] ?? 'late';
  const candidate = await readModel(job, 'candidate');
  if (candidate === undefined)
    throw new UnusableInput('The input channel candidate holds no model.tar.gz');
  const models = { candidate, champion: await readModel(job, 'champion') };
  const target = (name: string) => join(outputDir, name);
  const files = job.inputs['data'] ?? [];
  const recent = await score(models, { files, from, to, label }, target('predictions.parquet'));
  if (recent === null) throw new UnusableInput(`No hold-out rows between ${from} and ${to}`);
  for (const [name, rows] of Object.entries(job.inputs)) {
    if (KNOWN_CHANNELS.includes(name)) continue;
    const scored = await score(
      models,
      { files: rows, label },
      target(`predictions-${name}.parquet`),
    );
    if (scored === null) throw new UnusableInput(`The input channel ${name} holds no rows`);
  }
  const { labels, scores, reference } = recent;
  const rows = labels.length;
  const report = {
    version: 0,
    dataset: { item_count: rows, evaluation_time: new Date().toISOString(), from, to },
    binary_classification_metrics: metricsOf(scores, labels),
    ...(reference && { champion_binary_classification_metrics: metricsOf(reference, labels) }),
  };
  await writeFile(target('evaluation.json'), JSON.stringify(report, null, 2));
  return { 'evaluation:rows': rows, 'evaluation:auc': auc(scores, labels).value };
}

/** Scores the rows of a window by both models and writes them; `null`, and no file, where there are none. */
async function score(
  { candidate, champion }: Models,
  window: Window,
  file: string,
): Promise<{
  readonly labels: Uint8Array;
  readonly scores: Float64Array;
  readonly reference: Float64Array | undefined;
} | null> {
  return withDuckDb(async (duck) => {
    if ((await loadWindow(duck, window)) === 0) return null;
    const labels = await readLabels(duck, window.label);
    const scores = predict(candidate, await readFeatures(duck, candidate.features));
    const reference = champion && predict(champion, await readFeatures(duck, champion.features));
    await writePredictions(duck, file, window.label, scores, reference);
    return { labels, scores, reference };
  });
}

async function readModel(job: ContainerJob, channel: string): Promise<LogisticModel | undefined> {
  const file = job.inputs[channel]?.find((path) => path.endsWith('.tar.gz'));
  if (file === undefined) return undefined;
  const artefact = await readArtefact(await readFile(file));
  if (artefact.kind === 'foreign') {
    throw new UnusableInput(`The ${channel} is not a model of this learner and cannot be scored`);
  }
  return artefact.model;
}

async function writePredictions(
  duck: DuckDBConnection,
  file: string,
  label: string,
  candidate: Float64Array,
  champion: Float64Array | undefined,
): Promise<void> {
  await duck.run('CREATE TABLE scores (row BIGINT, champion DOUBLE, candidate DOUBLE)');
  const appender = await duck.createAppender('scores');
  for (const [row, score] of candidate.entries()) {
    appender.appendBigInt(BigInt(row));
    const reference = champion?.[row];
    if (reference === undefined) appender.appendNull();
    else appender.appendDouble(reference);
    appender.appendDouble(score);
    appender.endRow();
  }
  appender.closeSync();
  await duck.run(
    `COPY (SELECT id AS "rowId", ${identifier(label)}::INTEGER AS label, champion, candidate,
                  origin, epoch_ms(event_time::TIMESTAMP) AS "eventTimeMs"
           FROM rows JOIN scores ON rows.rowid = scores.row ORDER BY scores.row)
     TO ${text(file)} (FORMAT parquet)`,
  );
}

/** AWS's `binary_classification_metrics`: classes at the share of positives, since few flights are late. */
function metricsOf(scores: Float64Array, labels: Uint8Array): object {
  const threshold = labels.reduce((sum, label) => sum + label, 0) / labels.length;
  const count = (label: number, late: boolean): number =>
    scores.reduce(
      (n, score, row) => n + Number(labels[row] === label && score >= threshold === late),
      0,
    );
  const [truePositive, falseNegative] = [count(1, true), count(1, false)];
  const [falsePositive, trueNegative] = [count(0, true), count(0, false)];
  const precision = truePositive / (truePositive + falsePositive);
  const recall = truePositive / (truePositive + falseNegative);
  const area = auc(scores, labels);
  return {
    auc: { value: orNaN(area.value), standard_deviation: orNaN(area.standardDeviation) },
    accuracy: point((truePositive + trueNegative) / labels.length),
    precision: point(precision),
    recall: point(recall),
    f1: point((2 * precision * recall) / (precision + recall)),
    confusion_matrix: {
      '0': { '0': trueNegative, '1': falsePositive },
      '1': { '0': falseNegative, '1': truePositive },
    },
  };
}

function point(value: number): object {
  return { value: orNaN(value), standard_deviation: 'NaN' };
}

/** AWS writes a number that does not exist as the string "NaN". */
function orNaN(value: number): number | string {
  return Number.isFinite(value) ? value : 'NaN';
}
