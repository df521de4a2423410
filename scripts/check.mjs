// npm run check: types, lint, format and the tests that need no server.
import { join } from 'node:path';
import { runChecks } from './checks.mjs';
import { main } from './setup/main.mjs';
import { ensureNodeModules } from './setup/node-modules.mjs';
import { requireNode } from './setup/node-version.mjs';
import { elapsed, say } from './setup/progress.mjs';

const root = join(import.meta.dirname, '..');
await main(async () => {
  const startedMs = Date.now();
  requireNode(root);
  await ensureNodeModules(root);
  if (!(await runChecks(root))) process.exitCode = 1;
  say(`${process.exitCode === 1 ? 'FAILED' : 'Passed'} in ${elapsed(Date.now() - startedMs)}`);
});
