/**
 * How often a gate passes a model that is not good enough, and fails one that is: candidates that lie right at the limit of
 * a gate, whose true metrics are known.
 */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';

import prettier from 'prettier';

import { boundErrors, GATE_WORLDS } from './simulation/gate-worlds.js';
import { markdownTable, printTable } from './table.js';
import type { Row } from './table.js';

export const needs = [] as const;

const HELP = `npm run bench -- gate-errors [options]

  --seed N      of all draws (default 20260301)
  --samples N   samples of rows per line (default 1000)
  --write FILE  writes the table as a page
`;

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

export async function run(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: { type: 'string', default: '20260301' },
      samples: { type: 'string', default: '1000' },
      write: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(HELP);
    return;
  }
  const [seed, samples] = [Number(values.seed), Number(values.samples)];
  if (!Number.isSafeInteger(seed) || !Number.isSafeInteger(samples) || samples < 1)
    throw new Error('--seed and --samples are whole numbers, --samples at least 1');
  console.log(`seed ${seed}, ${samples} samples per line`);
  const rows: Row[] = [];
  for (const world of GATE_WORLDS) {
    const errors = await boundErrors(world, samples, seed);
    rows.push({
      'true value, which is the limit': world.name,
      'passes wrongly': percent(errors.passesWrongly),
      'fails wrongly': percent(errors.failsWrongly),
    });
    process.stderr.write(`\r${rows.length} of ${GATE_WORLDS.length} kinds of rows`);
  }
  process.stderr.write('\n');
  printTable('Wrong verdicts about a model that lies right at the limit', rows);
  if (values.write !== undefined) await writeFile(values.write, await page(samples, seed, rows));
}

function page(samples: number, seed: number, rows: readonly Row[]): Promise<string> {
  const text = `# How often gates are wrong

Measured by \`npm run bench -- gate-errors --samples ${samples} --seed ${seed} --write docs/gate-errors.md\`: ${samples} samples of rows are drawn from models whose true metric is known, and that truth is the limit of the gate. With bounds at a confidence of 95 % a gate may pass in 5 % of the samples and fail in 5 %; in all others it says that it cannot tell. A model that is worse than the limit passes less often than that.

${markdownTable(rows)}

- Few rows of a class are where plain intervals break: AUC − 1.645 standard errors by DeLong is above the truth in 17 to 30 % of samples with 10 to 50 positives and an AUC above 0.92 (up to 57 % where the scores of positives are wide), and a bootstrap of 200 right answers of 200 says that all answers always are. How bounds are found instead stands in [gates.md](gates.md#metrics).
- What is left: squared errors of very heavy tails (no sample of 500 shows how heavy; take the MAE), and few entities.
- Failing wrongly costs a retraining; passing wrongly costs a bad model. Where both cannot be right at once, as in a share near 1, bounds lean towards not passing.
`;
  return prettier.format(text, { parser: 'markdown' });
}
