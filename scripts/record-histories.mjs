// Records the histories that test/replay replays, from the time-skipping tests. Those of 0.1 are of workflows that may still be
// running: record them again only when a change of the workflows is meant to break replay (nothing old is running any
// more), and look at what it replaces. Those of an edition that is not released yet run nowhere: record them again
// whenever its commands change.
//
//   node scripts/record-histories.mjs --edition 0.2    # removes and records the histories of that edition alone
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './setup/run.mjs';

const root = join(import.meta.dirname, '..');
const folder = join(root, 'test/replay/histories');

/** Edition → how its files begin, the test files, and which of their tests. */
const EDITIONS = {
  0.1: {
    begins: '',
    files: ['approval', 'keeper', 'release', 'results'],
    tests:
      'by way of a person|training that fails|fails its gates|alarm during the bake|a rejection names|reminds, escalates|in deploy trips|performance is lost|frozen, deploys|continues as new with|terminated from outside|changed policy at once|superseded|retires only',
  },
  0.2: {
    begins: 'v0.2-',
    files: [
      'approval',
      'hints',
      'reconcile',
      'registry',
      'shadow',
      'steps',
      'training',
      'ways-back',
    ],
    tests:
      'takes one share after the other|waits at a step that holds|while the model is frozen and goes on|once of two, goes back to pending|and then leaves it contested|asks again when an approver|ends it rejected when an approver|answer: rollback|by guardrails only after it|puts a deleted alarm right|that comes while a run ends is acted on|trains, scores and registers|runs the same execution again|needs a quorum|refuses one that is gone',
  },
};

const edition = process.argv[process.argv.indexOf('--edition') + 1] ?? '';
if (!process.argv.includes('--edition') || !Object.hasOwn(EDITIONS, edition)) {
  console.error(`--edition takes one of ${Object.keys(EDITIONS).join(', ')}`);
  process.exit(2);
}
const { begins, files, tests } = EDITIONS[edition];
const others = Object.values(EDITIONS).flatMap((one) =>
  one.begins.length > begins.length ? [one.begins] : [],
);

mkdirSync(folder, { recursive: true });
for (const name of readdirSync(folder))
  if (name.startsWith(begins) && !others.some((other) => name.startsWith(other)))
    rmSync(join(folder, name));
const { ok } = await run(
  process.execPath,
  [
    join(root, 'node_modules/vitest/vitest.mjs'),
    'run',
    '--project',
    'workflows',
    ...files.map((file) => `test/workflows/${file}.test.ts`),
    '-t',
    tests,
  ],
  {
    cwd: root,
    env: {
      ...process.env,
      MODELKEEPER_RECORD_HISTORIES: folder,
      MODELKEEPER_RECORD_BEGINS: begins,
    },
    inherit: true,
  },
);
process.exitCode = ok ? 0 : 1;
