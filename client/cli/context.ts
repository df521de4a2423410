import { createInterface } from 'node:readline/promises';

import pc from 'picocolors';

import type { Account } from '../account.js';
import type { ModelkeeperClient } from '../modelkeeper.js';
import type { PolicySpec } from '../../domain/policy.schema.js';
import type { PartReading, PolicyReading } from '../policy-file.js';
import type { Caller } from '../replies.js';
import type { DoctorProbes } from '../doctor/examine.js';
import { EXIT } from './exit.js';

/** Everything a command touches; tests hand in fakes. */
export interface CliContext {
  readonly env: NodeJS.ProcessEnv;
  /** Somebody sits in front of it and can answer a question. */
  readonly interactive: boolean;
  /** Somebody watches standard error. */
  readonly watched: boolean;
  /** Characters in a line of the terminal; `undefined` when standard output is none. */
  readonly width: number | undefined;
  readonly colors: ReturnType<typeof pc.createColors>;
  out(text: string): void;
  err(text: string): void;
  /** A question to be answered with yes; anything else is no. */
  ask(question: string): Promise<boolean>;
  readonly now: () => number;
  sleep(ms: number): Promise<void>;
  /** For work that has to be put away: from now on Ctrl-C asks it to end instead of ending the process. */
  interruption(): AbortSignal;
  connect(): Promise<ModelkeeperClient>;
  identify(local: boolean): Promise<Caller>;
  account(region: string): Promise<Account>;
  readPolicy(path: string): Promise<PolicyReading>;
  /** What counts as drift, by a policy or a document with nothing else in it. */
  readDetect(path: string): Promise<PartReading<PolicySpec['detect']>>;
  writeNew(path: string, text: string): Promise<void>;
  probes(): Promise<DoctorProbes>;
}

/**
 * The real one. Everything heavy (gRPC, AWS SDK, YAML) is loaded by the command that needs it, so that `--help`
 * answers at once.
 */
export function processContext(): CliContext {
  const { env } = process;
  const colors = pc.createColors(
    onTerminal(process.stdout) && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb',
  );
  return {
    env,
    interactive: onTerminal(process.stdin) && onTerminal(process.stdout),
    watched: onTerminal(process.stderr),
    width: widthBy(env, onTerminal(process.stdout) ? process.stdout.columns : undefined),
    colors,
    out: (text) => void process.stdout.write(`${text}\n`),
    err: (text) => void process.stderr.write(`${text}\n`),
    ask,
    now: Date.now,
    sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    interruption,
    connect: async () => (await import('../index.js')).connectModelkeeper(),
    identify: async (local) => (await import('../identity.js')).identify({ local }),
    account: async (region) => (await import('../account.js')).createAccount(region),
    readPolicy: async (path) => (await import('../policy-file.js')).readPolicyFile(path),
    readDetect: async (path) => {
      const [{ readPolicyPart }, { detectSchema }] = await Promise.all([
        import('../policy-file.js'),
        import('../../domain/policy.schema.js'),
      ]);
      return readPolicyPart(path, 'detect', detectSchema);
    },
    writeNew: async (path, text) => {
      const { writeFile } = await import('node:fs/promises');
      await writeFile(path, text, { flag: 'wx' });
    },
    probes: async () => (await import('../doctor/probes.js')).realProbes(),
  };
}

/** `COLUMNS` says it where somebody set it, for pipes too. */
export function widthBy(env: NodeJS.ProcessEnv, terminal: number | undefined): number | undefined {
  const asked = Number(env['COLUMNS'] ?? '');
  return Number.isSafeInteger(asked) && asked >= 20 ? asked : terminal;
}

/** Node leaves `isTTY` out for pipes and files; left to guess, picocolors would colour them where `CI` is set. */
function onTerminal(stream: { readonly isTTY?: boolean }): boolean {
  return stream.isTTY ?? false;
}

/** The second Ctrl-C ends the process as it is. */
function interruption(): AbortSignal {
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.removeAllListeners(signal);
    process.once(signal, () => {
      process.once(signal, () => process.exit(EXIT.interrupted));
      stop.abort();
    });
  }
  return stop.signal;
}

async function ask(question: string): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const stop = new AbortController();
  terminal.once('SIGINT', () => {
    stop.abort();
  });
  terminal.once('close', () => {
    stop.abort();
  });
  try {
    const answer = await terminal.question(`${question} [y/N] `, { signal: stop.signal });
    return /^y(es)?$/i.test(answer.trim());
  } catch {
    return false; // Ctrl-C or the end of input
  } finally {
    terminal.close();
  }
}
