/**
 * Measures what the story may expect of its learner: `node dist/sandbox/learner/measure.js`.
 * Trains as the pipeline does and prints the AUC on flights that were not trained on.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { EASTERN_HUBS, WESTERN_AIRPORTS } from './airports.js';
import { evaluate } from './evaluate.js';
import { writeFlights } from './flights-data.js';
import { train } from './train.js';

const JANUARY = '2001-01-01T00:00:00Z';
const MARCH = '2001-03-01T00:00:00Z';
const APRIL = '2001-04-01T00:00:00Z';
const MAY = '2001-05-01T00:00:00Z';

const value = z.object({ auc: z.object({ value: z.number() }) });
const reportSchema = z.object({
  binary_classification_metrics: value,
  champion_binary_classification_metrics: value.optional(),
});

const scratch = await mkdtemp(join(tmpdir(), 'learner-'));
try {
  const west = await flights('west', WESTERN_AIRPORTS, JANUARY, APRIL);
  const east = await flights('east', EASTERN_HUBS, MARCH, MAY);
  const champion = await trained('champion', west, JANUARY, MARCH);
  await scored('at home: western airports in March', { candidate: champion }, west, MARCH, APRIL);
  const retrained = await trained('retrained', east, MARCH, APRIL);
  const models = { candidate: retrained, champion };
  await scored('eastern hubs in April', models, east, APRIL, MAY);
} finally {
  await rm(scratch, { recursive: true });
}

async function flights(name: string, airports: readonly string[], from: string, to: string) {
  const file = join(scratch, `${name}.parquet`);
  await writeFlights(file, { airports, from, to });
  return file;
}

async function trained(name: string, data: string, from: string, to: string): Promise<string> {
  const startedAtMs = Date.now();
  const outputDir = await mkdtemp(join(scratch, 'train-'));
  const metrics = await train({
    command: 'train',
    inputs: { train: [data] },
    settings: { from, to },
    outputDir,
    resultFile: '',
  });
  const seconds = ((Date.now() - startedAtMs) / 1000).toFixed(1);
  process.stdout.write(`${name}: ${metrics['train:rows'] ?? 0} rows in ${seconds} s\n`);
  return join(outputDir, 'model.tar.gz');
}

async function scored(
  what: string,
  models: { candidate: string; champion?: string },
  data: string,
  from: string,
  to: string,
): Promise<void> {
  const outputDir = await mkdtemp(join(scratch, 'evaluate-'));
  const inputs = {
    data: [data],
    candidate: [models.candidate],
    ...(models.champion !== undefined && { champion: [models.champion] }),
  };
  const job = {
    command: 'evaluate' as const,
    inputs,
    settings: { from, to },
    outputDir,
    resultFile: '',
  };
  const { 'evaluation:rows': rows } = await evaluate(job);
  const json: unknown = JSON.parse(await readFile(join(outputDir, 'evaluation.json'), 'utf8'));
  const report = reportSchema.parse(json);
  const champion = report.champion_binary_classification_metrics;
  const before = champion ? `champion ${champion.auc.value.toFixed(4)}, retrained ` : '';
  const auc = report.binary_classification_metrics.auc.value.toFixed(4);
  process.stdout.write(`${what}: AUC ${before}${auc} on ${rows ?? 0} rows\n`);
}
