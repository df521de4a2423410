import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { withLock } from './lock.mjs';
import { say, withProgress } from './progress.mjs';
import { OUTLIVES_US_MS, run } from './run.mjs';
import { SOURCE_FOLDERS, filesBelow, sourcesDigest } from './sources.mjs';

const stampOf = (root) => join(root, 'dist/.built-from');

/** Whether dist/ was built, completely, from the sources as they are now. */
export function isBuilt(root) {
  return existsSync(stampOf(root)) && readFileSync(stampOf(root), 'utf8') === sourcesDigest(root);
}

/** Removes compiled files whose source is gone; an incremental compiler leaves them. */
function prune(root) {
  for (const file of filesBelow(root, 'dist')) {
    const source = file.match(/^dist\/(.+\/.+?)(?:\.d\.ts|\.js\.map|\.js)$/)?.[1];
    if (source === undefined) continue;
    if (!existsSync(join(root, `${source}.ts`)) && !existsSync(join(root, file.slice(5)))) {
      rmSync(join(root, file));
    }
  }
}

/** Files the compiler leaves alone: style sheets, seeds, tables. */
function copyAssets(root) {
  for (const file of SOURCE_FOLDERS.flatMap((folder) => filesBelow(root, folder))) {
    if (/\.(?:ts|md)$/.test(file)) continue;
    mkdirSync(dirname(join(root, 'dist', file)), { recursive: true });
    copyFileSync(join(root, file), join(root, 'dist', file));
  }
}

/** Makes `npx modelkeeper` work in this checkout, as it does where the package is installed. */
function linkBin(root) {
  const bin = join(root, 'dist/bin/modelkeeper.js');
  if (!existsSync(bin)) return;
  chmodSync(bin, 0o755);
  const link = join(root, 'node_modules/.bin/modelkeeper');
  rmSync(link, { force: true });
  symlinkSync('../../dist/bin/modelkeeper.js', link);
}

async function step(what, root, args) {
  const result = await run(process.execPath, args, { cwd: root });
  if (result.ok) return;
  const output = `${result.stdout}${result.stderr}`.trim();
  throw new Error(`${what} failed (exit code ${result.code}):\n${output}`);
}

/** Builds only the workflow bundle, from the TypeScript sources, to `target`. */
export async function buildWorkflowBundle(root, target) {
  await step('Bundling the workflows', root, [
    join(root, 'scripts/setup/bundle.mjs'),
    join(root, 'workflows/index.ts'),
    target,
  ]);
}

/** Compiles and bundles into dist/. The stamp goes first and comes back last: no half build counts. */
export async function build(root) {
  const digest = sourcesDigest(root);
  rmSync(stampOf(root), { force: true });
  prune(root);
  if (!existsSync(join(root, 'dist/workflows')))
    rmSync(join(root, 'dist/.tsbuildinfo'), { force: true });
  await step('Compiling', root, [
    join(root, 'node_modules/typescript/bin/tsc'),
    '-p',
    join(root, 'tsconfig.build.json'),
  ]);
  copyAssets(root);
  await buildWorkflowBundle(root, join(root, 'dist/workflow-bundle.js'));
  linkBin(root);
  writeFileSync(stampOf(root), digest);
}

/** Builds dist/ unless it is up to date. Two at once: the second waits and finds it done. */
export async function ensureDist(root, { force = false } = {}) {
  if (!force && isBuilt(root)) return;
  await withLock(
    join(root, '.modelkeeper-setup/build.lock'),
    async () => {
      if (!force && isBuilt(root)) return;
      await withProgress('Building modelkeeper', () => build(root));
    },
    (pid) => say(`Another process (${pid}) is building; waiting for it.`),
    OUTLIVES_US_MS,
  );
}
