/** The worker alone, as a platform runs it: probes, metrics, signals, and what is wrong told once. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { findFreePort, startTemporal } from '../../sandbox/temporal/server.js';
import type { TemporalServer } from '../../sandbox/temporal/server.js';
import { run, start, temporalCli, temporaryFolder, until, untilTrue } from './support/processes.js';
import type { Running } from './support/processes.js';

interface Probe {
  readonly ready: boolean;
  readonly details: { readonly dataWorker: { readonly pid: number; readonly restarts: number } };
}

const folder = temporaryFolder('worker');
let temporal: TemporalServer;
let worker: Running;
let env: Record<string, string>;

const health = (path: string): Promise<Response> =>
  fetch(`http://127.0.0.1:${env['MODELKEEPER_HEALTH_PORT'] ?? ''}${path}`);
const probe = async (): Promise<Probe> => (await (await health('/readyz')).json()) as Probe;
const untilReady = (): Promise<Probe> =>
  until('the worker is ready', 60_000, async () => {
    const now = await probe().catch(() => undefined);
    return now?.ready === true ? now : undefined;
  });
/** In a container a dead process may stay listed for ever: nobody asks for its exit code. */
const isAlive = (pid: number): boolean => {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${String(pid)}/stat`, 'utf8'));
  } catch {
    return false;
  }
};

beforeAll(async () => {
  const [port, healthPort, metrics, dataMetrics] = [
    await findFreePort(),
    await findFreePort(),
    await findFreePort(),
    await findFreePort(),
  ];
  temporal = await startTemporal({
    cli: temporalCli(),
    dbFile: join(folder.path, 'temporal.db'),
    port,
    logFile: join(folder.path, 'temporal.log'),
  });
  env = {
    TEMPORAL_ADDRESS: `127.0.0.1:${String(port)}`,
    MODELKEEPER_HEALTH_PORT: String(healthPort),
    MODELKEEPER_METRICS_ADDRESS: `127.0.0.1:${String(metrics)}`,
    MODELKEEPER_DATA_METRICS_ADDRESS: `127.0.0.1:${String(dataMetrics)}`,
    MODELKEEPER_SCRATCH: join(folder.path, 'scratch'),
  };
  worker = start(['worker'], { env });
  await untilReady();
});
afterAll(async () => {
  worker.signal('SIGKILL');
  await temporal.stop();
  folder.remove();
});

describe('a worker', () => {
  it('answers probes, and serves the metrics of both of its processes', async () => {
    expect((await health('/healthz')).status).toBe(200);
    expect((await health('/readyz')).status).toBe(200);
    for (const name of ['MODELKEEPER_METRICS_ADDRESS', 'MODELKEEPER_DATA_METRICS_ADDRESS']) {
      const metrics = await (await fetch(`http://${env[name] ?? ''}/metrics`)).text();
      expect(metrics).toContain('temporal_worker_task_slots_available');
    }
  });

  it('writes a line of JSON for everything it says', () => {
    const lines = worker.output().trim().split('\n');
    const parts = lines.map((line) => (JSON.parse(line) as { part: string }).part);
    expect(new Set(parts)).toEqual(new Set(['worker', 'data-worker']));
  });

  it('is not ready while its data process is dead, and starts it again', async () => {
    const { dataWorker } = (await probe()).details;
    process.kill(dataWorker.pid, 'SIGKILL');
    await untilTrue('it is told', 10_000, async () => (await health('/readyz')).status === 503);
    expect((await health('/healthz')).status).toBe(200);
    const { details } = await untilReady();
    expect(details.dataWorker.restarts).toBe(1);
    expect(details.dataWorker.pid).not.toBe(dataWorker.pid);
  });

  it('says which port is taken, and ends', async () => {
    const { MODELKEEPER_HEALTH_PORT: port = '', TEMPORAL_ADDRESS: address = '' } = env;
    const second = await run(['worker'], {
      env: { MODELKEEPER_HEALTH_PORT: port, TEMPORAL_ADDRESS: address },
    });
    expect(second.code).toBe(1);
    expect(second.output).toContain(`port ${port} of MODELKEEPER_HEALTH_PORT is taken`);
  });

  it('ends by itself when there is no Temporal, and at once when it is asked to before', async () => {
    const nowhere = `127.0.0.1:${String(await findFreePort())}`;
    const waiting = start(['worker'], { env: { TEMPORAL_ADDRESS: nowhere } });
    const alone = await run(['worker'], {
      env: { TEMPORAL_ADDRESS: nowhere, MODELKEEPER_TEMPORAL_WAIT_SECONDS: '1' },
    });
    expect(alone.code).toBe(1);
    expect(alone.output).toContain(`Temporal does not answer at ${nowhere}`);
    await untilTrue('it waits', 30_000, () =>
      Promise.resolve(waiting.output().includes('waiting up to 60 s')),
    );
    waiting.signal('SIGTERM');
    expect(await waiting.ended).toMatchObject({ code: 0, signal: null });
  });

  it('takes its data process along when it is killed', async () => {
    const other = start(['worker'], {
      env: {
        TEMPORAL_ADDRESS: env['TEMPORAL_ADDRESS'] ?? '',
        MODELKEEPER_HEALTH_PORT: String(await findFreePort()),
      },
    });
    const children = (): readonly number[] => childrenOf(other.pid);
    await untilTrue('it has one', 30_000, () => Promise.resolve(children().length === 1));
    const [data = 0] = children();
    await untilTrue('it serves', 60_000, () =>
      Promise.resolve(other.output().includes('serves the data queue')),
    );
    other.signal('SIGKILL');
    await untilTrue('it ends', 30_000, () => Promise.resolve(!isAlive(data)));
  });

  it('ends both processes cleanly at SIGTERM', async () => {
    const { dataWorker } = (await untilReady()).details;
    worker.signal('SIGTERM');
    expect(await worker.ended).toMatchObject({ code: 0, signal: null });
    expect(isAlive(dataWorker.pid)).toBe(false);
  });
});

function childrenOf(pid: number): readonly number[] {
  const listed = readFileSync(`/proc/${String(pid)}/task/${String(pid)}/children`, 'utf8');
  return listed.split(' ').filter(Boolean).map(Number);
}
