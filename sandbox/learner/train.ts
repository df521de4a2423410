import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { packModel } from './archive.js';
import { auc } from './auc.js';
import { DEFAULT_FEATURES } from './features.js';
import type { ContainerJob } from './job.js';
import { UnusableInput } from './job.js';
import { fileCheckpoints } from './checkpoints.js';
import { fit, predict } from './logistic.js';
import {
  featureTypes,
  identifier,
  loadWindow,
  readFeatures,
  readLabels,
  text,
  withDuckDb,
} from './rows.js';
import { nameList, required, wholeNumber } from './settings.js';

const MAX_BASELINE_ROWS = 50_000;

/**
 * Learns from the rows `[from, to)` of the channel `train` (Parquet) and writes `model.tar.gz`,
 * `baseline.parquet` (a seeded sample of the feature columns) and `training-rows.parquet` (column `rowId`).
 *
 * Settings: from, to (ISO instants), features (JSON list), label, epochs, seed, hash_bits.
 *
 * @returns the final metrics, over the training rows; `train:epochs` counts those that this try has run, which are fewer
 * where it went on from a checkpoint
 */
export async function train(job: ContainerJob): Promise<Readonly<Record<string, number>>> {
  const { settings, outputDir } = job;
  const from = required(settings, 'from');
  const to = required(settings, 'to');
  const label = settings['label'] ?? 'late';
  const seed = wholeNumber(settings, 'seed', 1, [0, 2 ** 31 - 1]);
  return withDuckDb(async (duck) => {
    const rows = await loadWindow(duck, { files: job.inputs['train'] ?? [], from, to, label });
    if (rows === 0) throw new UnusableInput(`No training rows between ${from} and ${to}`);
    const features = await featureTypes(duck, nameList(settings, 'features', DEFAULT_FEATURES));
    const columns = await readFeatures(duck, features);
    const labels = await readLabels(duck, label);
    const epochs = wholeNumber(settings, 'epochs', 3, [1, 100]);
    const checkpoints =
      job.checkpointDir === undefined ? undefined : fileCheckpoints(job.checkpointDir);
    const model = fit(
      columns,
      labels,
      { features, seed, epochs, hashBits: wholeNumber(settings, 'hash_bits', 18, [8, 24]) },
      checkpoints,
    );
    await writeFile(join(outputDir, 'model.tar.gz'), await packModel(model, { from, to, rows }));
    const names = features.map(({ name }) => identifier(name)).join(', ');
    await duck.run(
      `COPY (SELECT ${names} FROM rows USING SAMPLE reservoir(${MAX_BASELINE_ROWS} ROWS) REPEATABLE (${seed}))
       TO ${text(join(outputDir, 'baseline.parquet'))} (FORMAT parquet)`,
    );
    await duck.run(
      `COPY (SELECT id AS "rowId" FROM rows ORDER BY rowid) TO ${text(join(outputDir, 'training-rows.parquet'))} (FORMAT parquet)`,
    );
    const scores = predict(model, columns);
    return {
      'train:rows': rows,
      'train:auc': auc(scores, labels).value,
      'train:log_loss': logLoss(scores, labels),
      'train:epochs': checkpoints?.saved() ?? epochs,
    };
  });
}

function logLoss(scores: Float64Array, labels: Uint8Array): number {
  const sum = scores.reduce((total, p, row) => total - Math.log(labels[row] === 1 ? p : 1 - p), 0);
  return sum / scores.length;
}
