// Records the histories that test/replay replays, from the time-skipping tests. Run it only when a change of the
// workflows is meant to break replay (nothing old is running any more), and look at what it replaces.
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './setup/run.mjs';

const root = join(import.meta.dirname, '..');
const folder = join(root, 'test/replay/histories');
const TESTS =
  'by way of a person|training that fails|fails its gates|alarm during the bake|a rejection names|reminds, escalates|in deploy trips|performance is lost|frozen, deploys|continues as new with|terminated from outside|changed policy at once|superseded|retires only';

mkdirSync(folder, { recursive: true });
for (const name of readdirSync(folder)) rmSync(join(folder, name));
const { ok } = await run(
  process.execPath,
  [join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--project', 'workflows', '-t', TESTS],
  {
    cwd: root,
    env: { ...process.env, MODELKEEPER_RECORD_HISTORIES: folder },
    inherit: true,
  },
);
process.exitCode = ok ? 0 : 1;
