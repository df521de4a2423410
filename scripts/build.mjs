// npm run build: compiles to dist/ and bundles the workflows, whether or not anything changed.
import { join } from 'node:path';
import { ensureDist } from './setup/dist.mjs';
import { ensureNodeModules } from './setup/node-modules.mjs';
import { requireNode } from './setup/node-version.mjs';
import { main } from './setup/main.mjs';

const root = join(import.meta.dirname, '..');
await main(async () => {
  requireNode(root);
  await ensureNodeModules(root);
  await ensureDist(root, { force: true });
});
