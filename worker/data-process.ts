/** The data worker as a child of its own: native code that takes it down leaves the control worker alone. */
import { spawn, type ChildProcess } from 'node:child_process';

/** After one minute of life a child counts as healthy, and its next death as a first one. */
const HEALTHY_MS = 60_000;
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;

/** How long to wait before the next start, from how many children in a row died young. */
export const pauseMs = (deathsInARow: number): number =>
  Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.max(0, deathsInARow - 1));

export interface DataProcessOptions {
  /** Program and arguments of the child. */
  readonly command: readonly [string, ...string[]];
  readonly env: NodeJS.ProcessEnv;
  readonly log: { warn(message: string): void; info(message: string): void };
  /** After SIGTERM it is given so long, then it is killed. */
  readonly stopWithinMs: number;
}

export interface DataProcess {
  /** `null` between a death and the next start. */
  readonly pid: () => number | null;
  readonly restarts: () => number;
  /** It has said that it takes tasks. */
  readonly ready: () => boolean;
  stop(): Promise<void>;
}

/** What the child says over its channel. */
interface Readiness {
  readonly ready: boolean;
}

const isReadiness = (message: unknown): message is Readiness =>
  typeof message === 'object' &&
  message !== null &&
  'ready' in message &&
  typeof message.ready === 'boolean';

const TELL_EVERY_MS = 500;

/** In the child: tells the parent, if there is one, whenever tasks begin or cease to be taken. */
export function tellParent(ready: () => boolean): void {
  let told: boolean | undefined;
  const timer = setInterval(() => {
    const now = ready();
    if (!process.connected || now === told) return;
    told = now;
    process.send?.({ ready: now } satisfies Readiness);
  }, TELL_EVERY_MS);
  timer.unref();
}

/** Starts the data worker and starts it again, with growing pauses, whenever it dies. */
export function keepDataProcess(options: DataProcessOptions): DataProcess {
  const { command, env, log } = options;
  let child: ChildProcess | null = null;
  let timer: NodeJS.Timeout | null = null;
  let stopping = false;
  let deaths = 0;
  let restarts = 0;
  let ready = false;

  const start = (): void => {
    const startedAtMs = Date.now();
    const [program, ...args] = command;
    // The channel closes with this process, also when it is killed: the child ends with it.
    const started = spawn(program, args, { env, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    child = started;
    let over = false;
    const ended = (how: string): void => {
      if (over) return;
      over = true;
      child = null;
      ready = false;
      if (stopping) return;
      deaths = Date.now() - startedAtMs >= HEALTHY_MS ? 1 : deaths + 1;
      restarts += 1;
      const waitMs = pauseMs(deaths);
      log.warn(`the data worker ended (${how}); it starts again in ${waitMs / 1_000} s`);
      timer = setTimeout(start, waitMs);
    };
    started.on('message', (message) => {
      if (child === started) ready = isReadiness(message) && message.ready;
    });
    started.once('error', (error) => {
      ended(error.message);
    });
    started.once('exit', (code, signal) => {
      ended(signal ?? `exit code ${code ?? '?'}`);
    });
  };
  start();

  return {
    pid: () => child?.pid ?? null,
    restarts: () => restarts,
    ready: () => ready,
    async stop() {
      stopping = true;
      if (timer !== null) clearTimeout(timer);
      const last = child;
      if (last === null || last.exitCode !== null || last.signalCode !== null) return;
      await new Promise<void>((resolve) => {
        const kill = setTimeout(() => {
          log.warn('the data worker does not end; it is killed');
          last.kill('SIGKILL');
        }, options.stopWithinMs);
        last.once('exit', () => {
          clearTimeout(kill);
          resolve();
        });
        last.kill('SIGTERM');
      });
    },
  };
}
