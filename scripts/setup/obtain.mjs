import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { onInterrupt } from './interrupt.mjs';
import { withLock } from './lock.mjs';
import { say } from './progress.mjs';
import { OUTLIVES_US_MS } from './run.mjs';
import { NoWay } from './ways.mjs';

/** Whether the folder is there and `verify` has nothing against it. */
async function isWhole(folder, verify) {
  if (!existsSync(folder)) return false;
  try {
    await verify(folder);
    return true;
  } catch (error) {
    if (error instanceof NoWay) return false;
    throw error;
  }
}

/**
 * Makes the folder `name` in the cache once and returns its path.
 *
 * `make(folder)` fills a folder beside it, which takes the name only when `make` has returned, so that
 * what stands under the name is whole; what was damaged since (`verify(folder)` throws `NoWay`) is made
 * again. Ctrl-C or a failure removes the part; what a killed process left is removed by the next one.
 * Two at once: the second waits and uses the first one's.
 *
 * @throws {NoWay} for a cache that cannot be written to.
 */
export async function obtainOnce(machine, name, make, verify = async () => {}) {
  const target = join(machine.cache, name);
  if (await isWhole(target, verify)) return target;
  try {
    await withLock(
      join(machine.cache, `${name}.lock`),
      async () => {
        if (!(await isWhole(target, verify))) await makeWhole(machine, name, make);
      },
      (pid) => say(`Another process (${pid}) is obtaining ${name}; waiting for it.`),
      OUTLIVES_US_MS,
    );
  } catch (error) {
    if (error.syscall === undefined) throw error;
    throw new NoWay(
      `the cache ${machine.cache} cannot be used (${error.message}): make room, or set XDG_CACHE_HOME to another folder`,
    );
  }
  return target;
}

async function makeWhole(machine, name, make) {
  const target = join(machine.cache, name);
  for (const left of await readdir(machine.cache)) {
    if (left.startsWith(`${name}.part-`)) {
      await rm(join(machine.cache, left), { recursive: true, force: true });
    }
  }
  const part = join(machine.cache, `${name}.part-${process.pid}`);
  const remove = () => rmSync(part, { recursive: true, force: true, maxRetries: 3 });
  const forget = onInterrupt(remove);
  try {
    await mkdir(part, { recursive: true });
    await make(part);
    await rm(target, { recursive: true, force: true });
    await rename(part, target);
  } finally {
    remove();
    forget();
  }
}
