// node scripts/flights-page.mjs: writes docs/flights.md and its pictures from three million real flights (about two minutes).
import { join } from 'node:path';
import { runnerImport } from 'vite';
import { main } from './setup/main.mjs';
import { ensureNodeModules } from './setup/node-modules.mjs';
import { requireNode } from './setup/node-version.mjs';

const root = join(import.meta.dirname, '..');

await main(async () => {
  requireNode(root);
  await ensureNodeModules(root);
  const { module } = await runnerImport(join(root, 'scripts/flights-page/page.ts'), { root });
  await module.writePage(join(root, 'docs'));
});
