/** The data process dies in the very middle of a query: nobody else does, the next one does the work, nothing is left. */
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterEach, describe, expect, it } from 'vitest';

import { keepDataProcess } from '../../worker/data-process.js';
import type { DataProcess } from '../../worker/data-process.js';
import { ROOT, temporaryFolder, until } from './support/processes.js';

const ended: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const end of ended.splice(0).reverse()) await end();
});

function keep(folder: string): { readonly data: DataProcess; readonly warnings: string[] } {
  const warnings: string[] = [];
  const data = keepDataProcess({
    command: [
      process.execPath,
      join(import.meta.dirname, 'support/look.mjs'),
      join(ROOT, 'dist'),
      folder,
    ],
    env: process.env,
    log: { warn: (message) => warnings.push(message), info: () => undefined },
    stopWithinMs: 5_000,
  });
  ended.push(() => data.stop());
  return { data, warnings };
}

const textOf = (path: string): string | undefined => {
  try {
    return readFileSync(path, 'utf8') || undefined;
  } catch {
    return undefined;
  }
};

describe('a data process that dies in the middle of a query', () => {
  // Out of memory is an abort for the runtime, and a kill for the kernel.
  it.each(['SIGKILL', 'SIGABRT', 'SIGSEGV'] as const)(
    'by %s is started again, does the work, and leaves none of its files',
    async (signal) => {
      const folder = temporaryFolder('killed-query');
      ended.push(() => {
        folder.remove();
      });
      const at = (...names: readonly string[]): string => join(folder.path, ...names);
      const rows = Array.from({ length: 10_000 }, (_, i) => `${i},${i % 7}\n`).join('');
      writeFileSync(at('baseline.csv'), `a,b\n${rows}`);
      mkdirSync(at('scratch'));
      writeFileSync(at('scratch', 'of-somebody-else'), '');
      mkdirSync(at('scratch', 'look-another.machine-1-abc'));

      const { data, warnings } = keep(folder.path);
      const pid = await until('it is in the middle of the query', 60_000, () =>
        Promise.resolve(textOf(at('inside'))),
      );
      expect(readdirSync(at('scratch'))).toHaveLength(3);
      process.kill(Number(pid), signal);

      await until('the next one has done the work', 60_000, () =>
        Promise.resolve(data.ready() || undefined),
      );
      expect(warnings).toEqual([`the data worker ended (${signal}); it starts again in 1 s`]);
      expect(data.restarts()).toBe(1);
      expect(JSON.parse(textOf(at('result.json')) ?? '')).toMatchObject({
        left: [expect.stringMatching(new RegExp(`^look-.*-${pid}-`))],
        profile: { rowCount: 10_000, columns: [{ count: 10_000, max: 9_999 }, { max: 6 }] },
      });
      expect(readdirSync(at('scratch')).sort()).toEqual([
        'look-another.machine-1-abc',
        'of-somebody-else',
      ]);
    },
  );
});
