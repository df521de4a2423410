import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';

import { bytesOf } from '../../analysis/unpack.js';

const folder = mkdtempSync(join(tmpdir(), 'unpack-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

describe('the bytes of a file that is not there', () => {
  it('are an error to who reads them, and none to the process', async () => {
    const uncaught = vi.fn();
    process.on('uncaughtException', uncaught);
    try {
      await expect(bytesOf(join(folder, 'gone.csv')).next()).rejects.toThrow('ENOENT');
      await new Promise((done) => setImmediate(done));
      expect(uncaught).not.toHaveBeenCalled();
    } finally {
      process.off('uncaughtException', uncaught);
    }
  });
});
