import { mkdtempSync, rmSync } from 'node:fs';
import type * as Fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, it, onTestFinished, vi } from 'vitest';

import type * as StoreModule from '../../../sandbox/aws/store.js';

const disk = { bytesLeft: Number.POSITIVE_INFINITY };
let openStore: typeof StoreModule.openStore;

/** A disk with so many bytes left: it takes what fits, and then nothing. */
function smallDisk(fs: typeof Fs): typeof Fs {
  const writeSync = (fd: number, bytes: Buffer, offset = 0): number => {
    const length = Math.min(bytes.length - offset, disk.bytesLeft);
    if (length === 0)
      throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
    disk.bytesLeft -= length;
    return fs.writeSync(fd, bytes, offset, length);
  };
  return { ...fs, writeSync: writeSync as typeof fs.writeSync };
}

// Files of this tier share loaded modules, and an earlier one may have loaded the store with the real disk.
beforeAll(async () => {
  vi.resetModules();
  vi.doMock('node:fs', async (original) => smallDisk(await original<typeof Fs>()));
  ({ openStore } = await import('../../../sandbox/aws/store.js'));
});

afterAll(() => {
  vi.doUnmock('node:fs');
  vi.resetModules();
});

it('a store whose disk was full for a while keeps what it acknowledged, and can be opened again', () => {
  const home = mkdtempSync(join(tmpdir(), 'modelkeeper-full-'));
  onTestFinished(() => {
    rmSync(home, { recursive: true, force: true });
  });
  const store = openStore(home);
  store.put('things', 'before', 1);
  disk.bytesLeft = 10;
  expect(() => {
    store.put('things', 'lost', 2);
  }).toThrow('ENOSPC');
  expect(store.get('things', 'lost')).toBeUndefined();
  disk.bytesLeft = Number.POSITIVE_INFINITY;
  store.put('things', 'after', 3);
  store.close();

  const again = openStore(home);
  expect(again.entries('things')).toEqual([
    ['after', 3],
    ['before', 1],
  ]);
  again.close();
});
