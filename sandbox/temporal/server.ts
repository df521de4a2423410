/**
 * An embedded Temporal: the dev server of Temporal's CLI as a child process, with its state in one
 * SQLite file and the Web UI beside it. For one machine and for tests; a cluster is named by
 * TEMPORAL_ADDRESS instead.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { Socket, createServer } from 'node:net';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { Connection } from '@temporalio/client';

const READY_WITHIN_MS = 30_000;
const STOP_WITHIN_MS = 10_000;
const POLL_MS = 100;

export interface TemporalOptions {
  /** The CLI's executable; the set-up hands it down in MODELKEEPER_TEMPORAL_CLI. */
  readonly cli: string;
  /** The SQLite file that keeps everything; without one, all is lost when the server stops. */
  readonly dbFile?: string;
  readonly port: number;
  /** Without one there is no Web UI. */
  readonly uiPort?: number;
  /** The address to listen on; default 127.0.0.1. */
  readonly ip?: string;
  /** The server's own words, appended to. */
  readonly logFile: string;
  /** Server settings, such as `limit.historyCount.suggestContinueAsNew`. */
  readonly dynamicConfig?: Readonly<Record<string, string | number | boolean>>;
  /** How long the server may take until it answers; default 30,000. */
  readonly readyWithinMs?: number;
}

export interface TemporalServer {
  /** `host:port`, as TEMPORAL_ADDRESS takes it. */
  readonly address: string;
  readonly uiUrl: string | undefined;
  /** The server's process id. */
  readonly pid: number;
  /** Resolves with a sentence when the process is gone, whoever ended it. */
  readonly ended: Promise<string>;
  /** Ends the server: asked first, killed after ten seconds. May be called twice. */
  stop(): Promise<void>;
}

/** The server could not be started, or did not answer; the message says why and what to do. */
export class TemporalStartError extends Error {
  override readonly name = 'TemporalStartError';
}

/** Below the ports that systems give to outgoing connections: one of those may be gone before it is used. */
const LOWEST_PORT = 20_000;
const HIGHEST_PORT = 32_000;
const PORT_TRIES = 50;

/** A port that was free a moment ago on `ip`. */
export async function findFreePort(ip = '127.0.0.1'): Promise<number> {
  for (let tries = 0; tries < PORT_TRIES; tries += 1) {
    const port = randomInt(LOWEST_PORT, HIGHEST_PORT);
    if (await isFree(ip, port)) return port;
  }
  throw new TemporalStartError(
    `No free port between ${LOWEST_PORT} and ${HIGHEST_PORT} on ${ip} in ${PORT_TRIES} tries. Stop what listens there.`,
  );
}

/** Whether a port of `ip` can be listened on. */
export async function isFree(ip: string, port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, ip);
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}

async function refuseTakenPort(ip: string, port: number, what: string): Promise<void> {
  const server = createServer();
  try {
    server.listen(port, ip);
    await once(server, 'listening');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    const because =
      code === 'EADDRINUSE' ? 'is taken by another program' : `cannot be used (${code})`;
    throw new TemporalStartError(
      `Port ${port} on ${ip}, for ${what}, ${because}. Stop that program or choose another port.`,
    );
  }
  server.close();
  await once(server, 'close');
}

function argumentsFor(options: TemporalOptions, ip: string): string[] {
  const { dbFile, port, uiPort, dynamicConfig = {} } = options;
  return [
    'server',
    'start-dev',
    ...['--ip', ip, '--port', String(port), '--namespace', 'default'],
    ...(uiPort === undefined ? ['--headless'] : ['--ui-port', String(uiPort)]),
    ...(dbFile === undefined ? [] : ['--db-filename', dbFile]),
    ...['--log-format', 'json', '--log-level', 'warn'],
    ...Object.entries(dynamicConfig).flatMap(([name, value]) => [
      '--dynamic-config-value',
      `${name}=${JSON.stringify(value)}`,
    ]),
  ];
}

/**
 * A shell that waits for our death, of which the end of its standard input tells it, and then ends
 * the server: also a parent killed with -9 leaves no server behind.
 */
function endWithParent(pid: number): ChildProcess {
  const script = 'cat > /dev/null; kill -TERM "$1"; sleep 10; kill -KILL "$1" 2> /dev/null';
  const watchdog = spawn('sh', ['-c', script, 'watchdog', String(pid)], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  // Where there is no shell the server does not end with us; nothing else is lost.
  watchdog.on('error', () => undefined);
  watchdog.stdin.on('error', () => undefined);
  // Neither the watchdog nor the pipe to it keeps us from ending.
  watchdog.unref();
  if (watchdog.stdin instanceof Socket) watchdog.stdin.unref();
  return watchdog;
}

/** Whether the server answers and its namespace is there. */
async function answers(address: string): Promise<boolean> {
  try {
    const connection = await Connection.connect({ address, connectTimeout: '1s' });
    try {
      await connection.withDeadline(Date.now() + 1_000, () =>
        connection.workflowService.describeNamespace({ namespace: 'default' }),
      );
      return true;
    } finally {
      await connection.close();
    }
  } catch {
    return false;
  }
}

function lastWords(logFile: string): string {
  return readFileSync(logFile, 'utf8').trim().split('\n').slice(-5).join('\n');
}

/**
 * Starts Temporal and waits until it answers. Search attributes are the caller's to register.
 *
 * The server leads a process group of its own, so that a terminal's Ctrl-C does not reach it before
 * whoever started it has finished with it.
 *
 * @throws {TemporalStartError} a port is taken, the CLI does not run, or it does not answer in time.
 */
export async function startTemporal(options: TemporalOptions): Promise<TemporalServer> {
  const { cli, dbFile, port, uiPort, logFile, ip = '127.0.0.1' } = options;
  await refuseTakenPort(ip, port, 'Temporal');
  if (uiPort !== undefined) await refuseTakenPort(ip, uiPort, "Temporal's Web UI");
  for (const file of [logFile, ...(dbFile === undefined ? [] : [dbFile])]) {
    mkdirSync(dirname(file), { recursive: true });
  }
  const log = openSync(logFile, 'a');
  const child = spawn(cli, argumentsFor(options, ip), {
    detached: true,
    stdio: ['ignore', log, log],
  });
  closeSync(log);

  let gone: string | undefined;
  const ended = new Promise<string>((resolve) => {
    const end = (sentence: string) => {
      gone ??= sentence;
      resolve(gone);
    };
    child.once('error', (error) => {
      end(`${cli} cannot be started: ${error.message}`);
    });
    child.once('exit', (code, signal) => {
      end(
        signal === null ? `it ended with exit code ${String(code)}` : `it was ended by ${signal}`,
      );
    });
  });
  const { pid } = child;
  if (pid === undefined) throw new TemporalStartError(`Temporal: ${await ended}`);
  const watchdog = endWithParent(pid);
  void ended.then(() => {
    watchdog.kill('SIGKILL');
  });

  const stop = async (): Promise<void> => {
    if (gone !== undefined) return;
    child.kill('SIGTERM');
    const kill = setTimeout(() => child.kill('SIGKILL'), STOP_WITHIN_MS);
    await ended;
    clearTimeout(kill);
  };

  const address = `${ip}:${port}`;
  const withinMs = options.readyWithinMs ?? READY_WITHIN_MS;
  const giveUpAtMs = Date.now() + withinMs;
  while (!(await answers(address))) {
    const why =
      gone ?? (Date.now() > giveUpAtMs ? `no answer within ${withinMs / 1000} s` : undefined);
    if (why !== undefined) {
      await stop();
      throw new TemporalStartError(
        `Temporal did not start: ${why}. The end of ${logFile}:\n${lastWords(logFile)}`,
      );
    }
    await delay(POLL_MS);
  }
  // Somebody else's server could have taken the port in between and be the one that answers.
  if (gone !== undefined) throw new TemporalStartError(`Temporal did not start: ${gone}.`);
  const uiUrl = uiPort === undefined ? undefined : `http://${ip}:${uiPort}`;
  return { address, uiUrl, pid, ended, stop };
}
