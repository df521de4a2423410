/** Entry point of the learner's container: `node child.js <job.json>`. */
import { readFile, writeFile } from 'node:fs/promises';
import { evaluate } from './evaluate.js';
import type { ContainerJob, JobResult } from './job.js';
import { train } from './train.js';

const [, , jobFile] = process.argv;
if (jobFile === undefined) throw new Error('usage: node child.js <job.json>');
// The sandbox is gone, and with it the machine this container runs on.
process.on('disconnect', () => process.exit(1));
const job = JSON.parse(await readFile(jobFile, 'utf8')) as ContainerJob;
const result = await run(job);
await writeFile(job.resultFile, JSON.stringify(result));
if (process.connected) process.disconnect();

async function run(job: ContainerJob): Promise<JobResult> {
  try {
    return {
      kind: 'done',
      metrics: job.command === 'train' ? await train(job) : await evaluate(job),
    };
  } catch (error) {
    return { kind: 'failed', reason: error instanceof Error ? error.message : String(error) };
  }
}
