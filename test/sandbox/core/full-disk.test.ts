import { mkdtempSync, rmSync } from 'node:fs';
import type * as Fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, it, onTestFinished, vi } from 'vitest';

import { openStore } from '../../../sandbox/aws/store.js';

const disk = vi.hoisted(() => ({ bytesLeft: Number.POSITIVE_INFINITY }));

/** A disk with so many bytes left: it takes what fits, and then nothing. */
vi.mock('node:fs', async (original) => {
  const fs = await original<typeof Fs>();
  const writeSync = (fd: number, bytes: Buffer, offset = 0): number => {
    const length = Math.min(bytes.length - offset, disk.bytesLeft);
    if (length === 0)
      throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
    disk.bytesLeft -= length;
    return fs.writeSync(fd, bytes, offset, length);
  };
  return { ...fs, writeSync };
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
