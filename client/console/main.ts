import { once } from 'node:events';
import { userInfo } from 'node:os';

import { pino } from 'pino';

import { messageOf } from '../errors.js';
import { connectModelkeeper } from '../index.js';
import { CONSOLE_HELP, readConsoleConfig, type ConsoleConfig } from './config.js';
import { liveBackend } from './live-backend.js';
import type { WindowHistory } from './history.js';
import type { PicturedColumn } from './pictures.js';
import { createConsole } from './server.js';

/**
 * The console as a process: answers at once, stops on SIGINT or SIGTERM. Sets the exit code: 2 for settings that
 * are wrong, 1 when it cannot listen.
 */
export async function main(argv: string[]): Promise<void> {
  const reading = readConsoleConfig(argv, process.env, () => userInfo().username);
  switch (reading.kind) {
    case 'help':
      process.stdout.write(CONSOLE_HELP);
      return;
    case 'invalid':
      process.stderr.write(
        reading.faults.map((fault) => `modelkeeper console: ${fault}\n`).join(''),
      );
      process.exitCode = 2;
      return;
    case 'config':
      await run(reading.config);
  }
}

async function run(config: ConsoleConfig): Promise<void> {
  const log = pino({ name: 'console', level: config.logLevel });
  const backend = liveBackend({
    connect: () => connectModelkeeper({ connectTimeoutMs: 5_000 }),
    accountIn: async (region) => (await import('../account.js')).createAccount(region),
    log,
  });
  const app = createConsole({ config, backend, drawColumn, drawEvaluation, drawWindows, log });
  try {
    await app.listen({
      host: config.host,
      port: config.port,
      listenTextResolver: (address) => `the console is at ${address}`,
    });
  } catch (error) {
    process.stderr.write(`modelkeeper console: ${listenFault(error, config)}\n`);
    process.exitCode = 1;
    return;
  }
  backend.start();
  const stop = new AbortController();
  const { signal } = stop;
  await Promise.race([once(process, 'SIGINT', { signal }), once(process, 'SIGTERM', { signal })]);
  stop.abort();
  log.info('stopping');
  await app.close();
  await backend.close();
}

/** Plotting takes a while to load, so it is loaded for the first picture. */
async function drawColumn(column: PicturedColumn): Promise<string> {
  const { distributionPlot } = await import('../../analysis/report/index.js');
  return distributionPlot(column);
}

async function drawEvaluation(report: unknown, name: string): Promise<string | undefined> {
  return (await import('./drawings.js')).drawEvaluation(report, name);
}

async function drawWindows(history: WindowHistory): Promise<string | undefined> {
  return (await import('./drawings.js')).drawWindows(history);
}

function listenFault(error: unknown, { host, port }: ConsoleConfig): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  switch (code) {
    case 'EADDRINUSE':
      return `port ${String(port)} is taken on ${host}: stop what listens there, or choose another with --port`;
    case 'EACCES':
      return `port ${String(port)} needs rights this user does not have: choose one above 1023 with --port`;
    case 'EADDRNOTAVAIL':
      return `${host} is not an address of this machine: choose another with --host`;
    default:
      return `cannot listen on ${host}:${String(port)}: ${messageOf(error)}`;
  }
}
