import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { onInterrupt } from './interrupt.mjs';
import { withLock } from './lock.mjs';
import { say } from './progress.mjs';

/**
 * Makes the folder `name` in the cache once and returns its path.
 *
 * `make(folder)` fills a folder beside it, which is renamed only when `make` has returned, so that
 * what stands under the name is whole. Ctrl-C or a failure removes the part; what a killed process
 * left is removed by the next one. Two at once: the second waits and uses the first one's.
 */
export async function obtainOnce(machine, name, make) {
  const target = join(machine.cache, name);
  if (existsSync(target)) return target;
  await withLock(
    join(machine.cache, `${name}.lock`),
    async () => {
      if (existsSync(target)) return;
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
        await rename(part, target);
      } finally {
        remove();
        forget();
      }
    },
    (pid) => say(`Another process (${pid}) is obtaining ${name}; waiting for it.`),
  );
  return target;
}
