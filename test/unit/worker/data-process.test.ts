import { afterEach, describe, expect, it, vi } from 'vitest';

import { keepDataProcess, type DataProcess } from '../../../worker/data-process.js';

const children: DataProcess[] = [];
afterEach(async () => {
  await Promise.all(children.splice(0).map((child) => child.stop()));
});

/** A child that runs `script`; what was logged about it. */
function keep(script: string, stopWithinMs = 5_000) {
  const warnings: string[] = [];
  const child = keepDataProcess({
    command: [process.execPath, '-e', script],
    env: process.env,
    log: { warn: (message) => warnings.push(message), info: () => undefined },
    stopWithinMs,
  });
  children.push(child);
  return { child, warnings };
}

const READY = 'process.send({ ready: true });';
const STAY = 'setInterval(() => {}, 1000);';
const soon = { timeout: 10_000, interval: 20 };

describe('the data process', () => {
  it.each(['SIGKILL', 'SIGABRT'] as const)(
    'is started again after %s, and is not ready meanwhile',
    async (signal) => {
      const { child, warnings } = keep(READY + STAY);
      await vi.waitUntil(() => child.ready(), soon);
      const first = child.pid() ?? 0;
      process.kill(first, signal);
      await vi.waitUntil(() => child.pid() === null, soon);
      expect(child.ready()).toBe(false);
      expect(warnings).toEqual([`the data worker ended (${signal}); it starts again in 1 s`]);
      await vi.waitUntil(() => child.ready(), soon);
      expect(child.pid()).not.toBe(first);
      expect(child.restarts()).toBe(1);
    },
  );

  it('pauses longer when it dies again right after its start', async () => {
    const { warnings } = keep('process.exit(7)');
    await vi.waitUntil(() => warnings.length === 2, soon);
    expect(warnings).toEqual([
      'the data worker ended (exit code 7); it starts again in 1 s',
      'the data worker ended (exit code 7); it starts again in 2 s',
    ]);
  });

  it('says why it cannot be started', async () => {
    const warnings: string[] = [];
    const child = keepDataProcess({
      command: ['/no/such/program'],
      env: process.env,
      log: { warn: (message) => warnings.push(message), info: () => undefined },
      stopWithinMs: 1_000,
    });
    children.push(child);
    await vi.waitUntil(() => warnings.length > 0, soon);
    expect(warnings[0]).toContain('ENOENT');
  });

  it('is asked to end, and does not come back', async () => {
    const { child, warnings } = keep(READY + STAY);
    await vi.waitUntil(() => child.ready(), soon);
    await child.stop();
    expect(child.pid()).toBeNull();
    expect(child.restarts()).toBe(0);
    expect(warnings).toEqual([]);
  });

  it('is killed when it does not end', async () => {
    const { child, warnings } = keep(`process.on('SIGTERM', () => {}); ${READY} ${STAY}`, 200);
    await vi.waitUntil(() => child.ready(), soon);
    const pid = child.pid() ?? 0;
    await child.stop();
    expect(warnings).toEqual(['the data worker does not end; it is killed']);
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  });

  it('is not started again when the end is asked for between two lives', async () => {
    const { child, warnings } = keep('process.exit(7)');
    await vi.waitUntil(() => warnings.length === 1, soon);
    await child.stop();
    expect(child.pid()).toBeNull();
    expect(child.restarts()).toBe(1);
  });
});
