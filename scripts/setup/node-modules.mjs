import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { withLock } from './lock.mjs';
import { say, withProgress } from './progress.mjs';
import { OUTLIVES_US_MS, run } from './run.mjs';
import { SetupError } from './ways.mjs';

const stampOf = (root) => join(root, 'node_modules/.modelkeeper-installed-from');

function lockDigest(root) {
  return createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
}

/** The packages npm says it has installed; `undefined` without a record, or with half of one. */
function npmsRecord(root) {
  try {
    const record = readFileSync(join(root, 'node_modules/.package-lock.json'), 'utf8');
    return JSON.parse(record)?.packages;
  } catch {
    return undefined;
  }
}

/**
 * Whether npm's own record of what it installed (written last) holds what the lock file asks for.
 * Optional packages (other platforms) may be missing.
 */
function agreesWithNpm(root) {
  const installed = npmsRecord(root);
  if (installed === undefined) return false;
  const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
  return Object.entries(wanted).every(
    ([path, { version, optional, peer }]) =>
      path === '' || installed[path]?.version === version || (optional ?? peer) === true,
  );
}

/** Whether node_modules is complete and from the lock file as it is now. */
export function isInstalled(root) {
  const stamp = stampOf(root);
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lockDigest(root)) return true;
  if (!agreesWithNpm(root)) return false;
  writeFileSync(stamp, lockDigest(root));
  return true;
}

async function install(root, npm) {
  const result = await run(
    npm,
    ['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'],
    { cwd: root },
  );
  if (!result.ok) {
    const output = result.missing
      ? 'npm was not found. It comes with Node: https://nodejs.org'
      : `${result.stdout}${result.stderr}`.trim();
    throw new SetupError(`npm ci failed:\n${output}`);
  }
  writeFileSync(stampOf(root), lockDigest(root));
}

/**
 * Installs the dependencies with `npm ci` unless they are there. Interrupted or failed, the stamp is
 * missing and the next run starts over. Two at once: the second waits and finds it done.
 */
export async function ensureNodeModules(root, { npm = 'npm' } = {}) {
  if (isInstalled(root)) return;
  await withLock(
    join(root, '.modelkeeper-setup/install.lock'),
    async () => {
      if (isInstalled(root)) return;
      await withProgress('Installing dependencies (npm ci)', () => install(root, npm));
    },
    (pid) => say(`Another process (${pid}) is installing dependencies; waiting for it.`),
    OUTLIVES_US_MS,
  );
}
