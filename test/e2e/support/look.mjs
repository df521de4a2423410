/**
 * A data process with one piece of work: what the data worker does with an activity, without a server. The first one
 * stays in the middle of its query, so that it can be killed there; the next one does the work.
 */
import { copyFile, writeFile } from 'node:fs/promises';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';

const [, , dist, folder] = process.argv;
const load = (name) => import(join(dist, name));
const { duckAnalysis } = await load('activities/analysis.js');
const { sweepScratch, withScratch } = await load('activities/scratch.js');
const { Duck } = await load('analysis/duck.js');

const root = join(folder, 'scratch');
const left = await sweepScratch(root);
const { visit } = Duck.prototype;
Duck.prototype.visit = function (from, bound, columns, see) {
  return visit.call(this, from, bound, columns, (rows) => {
    if (left.length === 0) {
      // The database waits for this answer within the query.
      writeFileSync(join(folder, 'inside'), String(process.pid));
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    }
    see(rows);
  });
};
const profile = await withScratch(root, async (scratch) => {
  const file = join(scratch, 'baseline.csv');
  await copyFile(join(folder, 'baseline.csv'), file);
  return duckAnalysis.profile({
    scratch,
    files: [file],
    format: 'csv',
    columns: [],
    ignore: [],
    signal: new AbortController().signal,
  });
});
await writeFile(join(folder, 'result.json'), JSON.stringify({ left, profile }));
process.send({ ready: true });
setInterval(() => undefined, 1_000);
