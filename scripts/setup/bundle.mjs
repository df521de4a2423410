// Bundles the workflows: node scripts/setup/bundle.mjs <entry> <target>. Run as a program of its own,
// so that the set-up itself loads no dependency.
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { bundleWorkflowCode } from '@temporalio/worker';

const quiet = () => {};
const [entry, target] = process.argv.slice(2).map((path) => resolve(path));
const { code } = await bundleWorkflowCode({
  workflowsPath: entry,
  logger: {
    log: quiet,
    trace: quiet,
    debug: quiet,
    info: quiet,
    warn: (message) => console.error(message),
    error: (message) => console.error(message),
  },
});
await mkdir(dirname(target), { recursive: true });
await writeFile(`${target}.part`, code);
await rename(`${target}.part`, target);
