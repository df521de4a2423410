import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { isStale, withLock } from '../../../scripts/setup/lock.mjs';
import { scratch } from './machine.mjs';

const LOCK_MODULE = join(import.meta.dirname, '../../../scripts/setup/lock.mjs');

/** A program that takes `lock` and says so; it holds it until it is ended. */
const HOLD = (lock) => `
  import { withLock } from ${JSON.stringify(LOCK_MODULE)};
  await withLock(${JSON.stringify(lock)}, async () => {
    console.log('held');
    await new Promise((resolve) => setTimeout(resolve, 60_000));
  });`;

async function holder(lock) {
  const child = spawn(process.execPath, ['--input-type=module', '-e', HOLD(lock)]);
  await once(child.stdout, 'data');
  return child;
}

describe('the lock', () => {
  it('lets one in at a time', async () => {
    const lock = join(scratch(), 'lock');
    let inside = 0;
    let most = 0;
    const work = async () => {
      inside += 1;
      most = Math.max(most, inside);
      await nextTurn();
      inside -= 1;
    };
    await Promise.all(Array.from({ length: 5 }, () => withLock(lock, work)));
    expect(most).toBe(1);
    expect(existsSync(lock)).toBe(false);
  });

  it('is given back when the work fails', async () => {
    const lock = join(scratch(), 'lock');
    const failing = withLock(lock, async () => {
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect(await withLock(lock, async () => 'in')).toBe('in');
  });

  it('is waited for while another process holds it, and taken over when that is killed', async () => {
    const lock = join(scratch(), 'lock');
    const other = await holder(lock);
    const waits = [];
    const mine = withLock(
      lock,
      async () => 'in',
      (pid) => {
        waits.push(pid);
        other.kill('SIGKILL');
      },
    );
    expect(await mine).toBe('in');
    expect(waits).toEqual([other.pid]);
  });

  it('is given back on Ctrl-C', async () => {
    const lock = join(scratch(), 'lock');
    const other = await holder(lock);
    other.kill('SIGINT');
    const [code] = await once(other, 'exit');
    expect(code).toBe(130);
    expect(existsSync(lock)).toBe(false);
  });

  it('is taken over by one only, when many find it stale at once', async () => {
    const lock = join(scratch(), 'lock');
    const other = await holder(lock);
    other.kill('SIGKILL');
    await once(other, 'exit');
    let inside = 0;
    let most = 0;
    const work = async () => {
      inside += 1;
      most = Math.max(most, inside);
      await nextTurn();
      inside -= 1;
    };
    await Promise.all(Array.from({ length: 8 }, () => withLock(lock, work)));
    expect(most).toBe(1);
  });

  it('tells a reused process id from the one that took it', async () => {
    const lock = join(scratch(), 'lock');
    const held = await withLock(lock, async () => JSON.parse(readFileSync(lock, 'utf8')));
    expect(isStale(held)).toBe(false);
    expect(isStale({ ...held, start: held.start === '' ? '' : '1' })).toBe(held.start !== '');
  });

  it('is taken over from one that has ended, though nobody has asked for its exit code', async () => {
    const lock = join(scratch(), 'lock');
    const script = `"$0" --input-type=module -e "$1" & exec sleep 60`;
    const parent = spawn('sh', ['-c', script, process.execPath, HOLD(lock)]);
    onTestFinished(() => void parent.kill('SIGKILL'));
    await once(parent.stdout, 'data');
    process.kill(JSON.parse(readFileSync(lock, 'utf8')).pid, 'SIGKILL');
    expect(await withLock(lock, async () => 'in')).toBe('in');
  });

  it('believes another machine for a minute after its last sign of life', async () => {
    const lock = join(scratch(), 'lock');
    const elsewhere = { id: 'x', pid: process.pid, host: `not-${hostname()}`, start: '' };
    expect(isStale({ ...elsewhere, beatAtMs: 0 }, 59_000)).toBe(false);
    expect(isStale({ ...elsewhere, beatAtMs: 0 }, 61_000)).toBe(true);
    writeFileSync(lock, JSON.stringify(elsewhere));
    utimesSync(lock, new Date(0), new Date(0));
    expect(await withLock(lock, async () => 'in')).toBe('in');
  });

  it('is not blocked for ever by a file that is no lock', async () => {
    const lock = join(scratch(), 'lock');
    writeFileSync(lock, 'garbage');
    expect(await withLock(lock, async () => 'in')).toBe('in');
  });
});
