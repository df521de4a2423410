// npm run bench -- <name>: sets up what a benchmark needs, then runs it. Each prints a table.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { runnerImport } from 'vite';
import { ensureDist } from './setup/dist.mjs';
import { thisMachine } from './setup/machine.mjs';
import { main } from './setup/main.mjs';
import { ensureNodeModules } from './setup/node-modules.mjs';
import { requireNode } from './setup/node-version.mjs';
import { say } from './setup/progress.mjs';
import { ensureTemporal } from './setup/temporal.mjs';
import { SetupError } from './setup/ways.mjs';

const root = join(import.meta.dirname, '..');
const names = readdirSync(join(root, 'bench'))
  .filter((file) => file.endsWith('.bench.ts'))
  .map((file) => file.replace(/\.bench\.ts$/, ''));

await main(async () => {
  const [name, ...args] = process.argv.slice(2);
  if (name === undefined || name === '--help') {
    say(`npm run bench -- <name> [options]; names: ${names.join(', ')}. See bench/README.md.`);
    return;
  }
  if (!names.includes(name)) {
    throw new SetupError(`There is no benchmark ${name}. There are: ${names.join(', ')}.`);
  }
  requireNode(root);
  await ensureNodeModules(root);
  const { module } = await runnerImport(join(root, 'bench', `${name}.bench.ts`), { root });
  if (module.needs.includes('dist')) await ensureDist(root);
  if (module.needs.includes('temporal')) {
    process.env.MODELKEEPER_TEMPORAL_CLI = await ensureTemporal(thisMachine(root), {
      embedded: true,
    });
  }
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true';
  await module.run(args);
});
