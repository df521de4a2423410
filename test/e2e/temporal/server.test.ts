import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Client, Connection } from '@temporalio/client';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';

import {
  findFreePort,
  startTemporal,
  type TemporalServer,
} from '../../../sandbox/temporal/server.js';

const cli = process.env['MODELKEEPER_TEMPORAL_CLI'] ?? 'temporal';
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'modelkeeper-temporal-'));
  // Registered first, run last: when the servers have stopped.
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
});

async function start(port?: number, uiPort?: number): Promise<TemporalServer> {
  const server = await startTemporal({
    cli,
    dbFile: join(folder, 'temporal.db'),
    logFile: join(folder, 'temporal.log'),
    port: port ?? (await findFreePort()),
    ...(uiPort === undefined ? {} : { uiPort }),
  });
  onTestFinished(() => server.stop());
  return server;
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe('the embedded Temporal', () => {
  it('keeps workflows over a kill -9', async () => {
    const first = await start();
    const connect = async (address: string) => {
      const connection = await Connection.connect({ address });
      onTestFinished(() => connection.close());
      return new Client({ connection });
    };
    const started = await (
      await connect(first.address)
    ).workflow.start('nobody-runs-it', {
      taskQueue: 'nobody',
      workflowId: 'kept',
    });
    process.kill(first.pid, 'SIGKILL');
    expect(await first.ended).toBe('it was ended by SIGKILL');
    const second = await start();
    const found = await (await connect(second.address)).workflow.getHandle('kept').describe();
    expect(found.runId).toBe(started.firstExecutionRunId);
  });

  it('serves the Web UI', async () => {
    const server = await start(undefined, await findFreePort());
    const answer = await fetch(server.uiUrl ?? 'no Web UI');
    expect(await answer.text()).toContain('<html');
  });

  it('names the port that is taken', async () => {
    const squatter = createServer().listen(0, '127.0.0.1');
    onTestFinished(() => {
      squatter.close();
    });
    await once(squatter, 'listening');
    const address = squatter.address();
    const port = address !== null && typeof address === 'object' ? address.port : 0;
    await expect(start(port)).rejects.toThrow(
      `Port ${port} on 127.0.0.1, for Temporal, is taken by another program.`,
    );
  });

  it('says in the words of the log why it did not start', async () => {
    const attempt = startTemporal({
      cli: process.execPath,
      logFile: join(folder, 'temporal.log'),
      port: await findFreePort(),
    });
    await expect(attempt).rejects.toThrow(/exit code 1[^]*MODULE_NOT_FOUND/);
  });

  it('ends when the process that started it is killed with -9', async () => {
    const port = await findFreePort();
    const script = `
      import { startTemporal } from ${JSON.stringify(join(import.meta.dirname, '../../../dist/sandbox/temporal/server.js'))};
      const { pid } = await startTemporal(${JSON.stringify({ cli, port, logFile: join(folder, 'log') })});
      console.log(pid);
      setInterval(() => {}, 1000);`;
    const parent = spawn(process.execPath, ['--input-type=module', '-e', script]);
    const [said] = (await once(parent.stdout, 'data')) as [Buffer];
    const pid = Number(said.toString());
    expect(isAlive(pid)).toBe(true);
    parent.kill('SIGKILL');
    await expect.poll(() => isAlive(pid), { timeout: 15_000 }).toBe(false);
  });

  it('lets the process that started it end by itself once it is stopped', async () => {
    const port = await findFreePort();
    const script = `
      import { startTemporal } from ${JSON.stringify(join(import.meta.dirname, '../../../dist/sandbox/temporal/server.js'))};
      const server = await startTemporal(${JSON.stringify({ cli, port, logFile: join(folder, 'log') })});
      await server.stop();`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script]);
    const [code] = (await once(child, 'exit')) as [number];
    expect(code).toBe(0);
  });
});
