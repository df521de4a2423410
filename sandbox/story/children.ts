/** The parts of the service as processes of this machine, each restarted when it dies. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const STOP_WITHIN_MS = 15_000;
const RESTART_AFTER_MS = 500;
/** A part that dies this often within a minute is not started again. */
const MAX_DEATHS_PER_MINUTE = 6;

/** `dist/bin/modelkeeper.js`, beside this file's folder. */
export const binary = (): string =>
  fileURLToPath(new URL('../../bin/modelkeeper.js', import.meta.url));

export interface Part {
  readonly name: string;
  /** Arguments of `modelkeeper`. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly logFile: string;
  /** Told the process id at each start. */
  readonly started: (pid: number) => void;
}

export interface Supervised {
  readonly name: string;
  pid(): number | undefined;
  stop(): Promise<void>;
}

/**
 * Starts a part and keeps it running until `stop`. Its standard input is a pipe whose end tells it that we are
 * gone, also when we were killed.
 *
 * @param died told whenever it dies by itself; `givenUp` when it will not be started again
 */
export function supervise(
  part: Part,
  died: (sentence: string, givenUp: boolean) => void,
): Supervised {
  let child: ChildProcess | undefined;
  let stopping = false;
  const deaths: number[] = [];
  let timer: NodeJS.Timeout | undefined;

  const start = (): void => {
    const log = openSync(part.logFile, 'a');
    const started = spawn(process.execPath, [binary(), ...part.args], {
      env: { ...process.env, ...part.env, MODELKEEPER_END_WITH_STDIN: 'true' },
      stdio: ['pipe', log, log],
      detached: true,
    });
    closeSync(log);
    started.stdin?.on('error', () => undefined);
    child = started;
    if (started.pid !== undefined) part.started(started.pid);
    started.once('exit', (code, signal) => {
      child = undefined;
      if (stopping) return;
      const nowMs = Date.now();
      deaths.push(nowMs);
      const recent = deaths.filter((atMs) => nowMs - atMs < 60_000).length;
      const how = signal === null ? `exit code ${String(code)}` : signal;
      const givenUp = recent > MAX_DEATHS_PER_MINUTE;
      died(
        `${part.name} ended (${how}); ${givenUp ? `see ${part.logFile}` : 'it is started again'}`,
        givenUp,
      );
      if (!givenUp) timer = setTimeout(start, RESTART_AFTER_MS);
    });
    started.once('error', (error) => {
      died(`${part.name} cannot be started: ${error.message}`, true);
    });
  };
  start();

  return {
    name: part.name,
    pid: () => child?.pid,
    async stop() {
      stopping = true;
      clearTimeout(timer);
      const running = child;
      if (running === undefined) return;
      const exit = once(running, 'exit');
      running.kill('SIGTERM');
      const kill = setTimeout(() => running.kill('SIGKILL'), STOP_WITHIN_MS);
      await exit;
      clearTimeout(kill);
    },
  };
}
