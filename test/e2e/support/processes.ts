/** Commands of the built product as processes, and what /proc knows of those they started. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const ROOT = join(import.meta.dirname, '../../..');
const BINARY = join(ROOT, 'dist/bin/modelkeeper.js');
/** Everything a test starts carries this variable, so that what is left of it is found. */
const MARK = 'MODELKEEPER_TEST_MARK';

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly output: string;
}

export interface Running {
  readonly pid: number;
  readonly ended: Promise<Ended>;
  output(): string;
  signal(signal: NodeJS.Signals): void;
}

export const temporalCli = (): string => {
  const cli = process.env['MODELKEEPER_TEMPORAL_CLI'];
  if (cli === undefined)
    throw new Error('MODELKEEPER_TEMPORAL_CLI is not set: run the tests with npm test');
  return cli;
};

/** A folder of one's own, and the end of it. */
export function temporaryFolder(name: string): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), `modelkeeper-${name}-`));
  return {
    path,
    remove: () => {
      rmSync(path, { recursive: true, force: true });
    },
  };
}

/** The environment of this process without what would lead to other servers. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) =>
        !/^(TEMPORAL|AWS|VITEST)_/.test(name) &&
        (!/^MODELKEEPER_/.test(name) || name.endsWith('_CLI')),
    ),
  );
}

export interface StartOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly mark?: string;
  readonly cwd?: string;
  /** Runs this program instead of `modelkeeper`. */
  readonly program?: string;
  /** Whose permissions it has; only root may choose. */
  readonly user?: { readonly uid: number; readonly gid: number };
}

/** Starts `modelkeeper <args>`. */
export function start(args: readonly string[], options: StartOptions = {}): Running {
  const [program, ...rest] =
    options.program === undefined
      ? [process.execPath, BINARY, ...args]
      : [options.program, ...args];
  const child = spawn(program, rest, {
    cwd: options.cwd ?? tmpdir(),
    env: {
      ...cleanEnvironment(),
      AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
      ...options.env,
      ...(options.mark === undefined ? {} : { [MARK]: options.mark }),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...options.user,
  });
  let output = '';
  const take = (text: Buffer): void => {
    output += text.toString();
  };
  child.stdout.on('data', take);
  child.stderr.on('data', take);
  const ended = once(child, 'exit').then(([code, signal]): Ended => ({
    code: code as number | null,
    signal: signal as NodeJS.Signals | null,
    output,
  }));
  if (child.pid === undefined) throw new Error(`${program} cannot be started`);
  return {
    pid: child.pid,
    ended,
    output: () => output,
    signal: (signal) => {
      child.kill(signal);
    },
  };
}

/** Runs a command to its end. */
export const run = (args: readonly string[], options: StartOptions = {}): Promise<Ended> =>
  start(args, options).ended;

export interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly command: string;
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // it has ended meanwhile
  }
}

/** All living processes that carry the mark, of whatever parent. */
export function marked(mark: string): readonly Process[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      if (!read(`/proc/${name}/environ`).split('\0').includes(`${MARK}=${mark}`)) return [];
      const stat = read(`/proc/${name}/stat`);
      const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      if (state === undefined || state === 'Z') return [];
      const command = read(`/proc/${name}/cmdline`).split('\0').join(' ').trim();
      return [{ pid: Number(name), parent: Number(parent), command }];
    });
}

/** Waits until something holds; looking has no effect, so how often does not matter. */
export async function until<T>(
  what: string,
  withinMs: number,
  look: () => Promise<T | undefined> | T | undefined,
): Promise<T> {
  const deadlineMs = Date.now() + withinMs;
  let last: unknown;
  for (;;) {
    try {
      const found = await look();
      if (found !== undefined) return found;
      last = undefined;
    } catch (error) {
      last = error;
    }
    if (Date.now() > deadlineMs) {
      throw new Error(`not within ${String(withinMs / 1_000)} s: ${what}`, { cause: last });
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** The same for something that is true or not. */
export const untilTrue = (
  what: string,
  withinMs: number,
  holds: () => Promise<boolean> | boolean,
): Promise<true> => until(what, withinMs, async () => ((await holds()) ? true : undefined));
