/** The folder a story lives in: who runs it, what it remembers, how others find its servers. */
import {
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';

import { lockHome, processStart } from '../aws/kernel/lock.js';
import { findFreePort, isFree } from '../temporal/server.js';

/** Something a person can mend; printed without a stack. */
export class StoryError extends Error {
  override readonly name = 'StoryError';
}

export interface Ports {
  readonly temporal: number;
  readonly webUi: number;
  readonly aws: number;
  readonly console: number;
  readonly bridge: number;
}

/** All that a story remembers between two starts. Instants are epoch ms. */
export interface StoryState {
  readonly version: 1;
  readonly ports: Ports;
  /** When week 0 begins; aligned to the clock so that weeks are monitoring windows. */
  readonly weekZeroAtMs: number | null;
  /** When the eastern hubs open; null before. */
  readonly hubsOpenAtMs: number | null;
  readonly startedAtMs: number;
}

/** What is kept of a child, to tell it from a later process with the same id. */
interface Part {
  readonly pid: number;
  readonly startedAt: string;
}

const USUAL_PORTS: Ports = { temporal: 7233, webUi: 8233, aws: 4566, console: 8080, bridge: 9465 };

const LOCK = 'story.lock';
const PARTS = 'parts.json';
/** Longer than a part may take to end after its story was killed. */
const PARTS_END_WITHIN_MS = 20_000;

/** A disk with less than this takes no more of what the servers write at a time. */
const FULL_BYTES = 1_000_000;

const inUse = (pid: number, home: string): string =>
  `process ${String(pid)} already runs in ${home}: stop it, or start in another folder with --home`;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export class Home {
  readonly path: string;
  private unlock: (() => void) | undefined;
  private readonly parts = new Map<string, Part>();

  constructor(path: string) {
    this.path = resolve(path);
  }

  file(...parts: readonly string[]): string {
    return join(this.path, ...parts);
  }

  /**
   * Makes this process the only one that runs a story here, and waits for the parts of one that was killed.
   *
   * @throws {StoryError} naming the process that already does, or why the folder cannot be used.
   */
  async take(fresh: boolean): Promise<void> {
    try {
      mkdirSync(this.path, { recursive: true });
      this.unlock = lockHome(this.path, LOCK, inUse);
      await this.awaitParts();
      if (fresh) this.clear();
      mkdirSync(this.file('logs'), { recursive: true });
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      if (error instanceof Error && 'code' in error) {
        throw new StoryError(
          `${this.path} cannot be used (${why}): make it a folder you may write to, or choose another with --home`,
        );
      }
      throw new StoryError(why);
    }
  }

  /** Whether the disk that holds the folder takes no more. */
  isFull(): boolean {
    const { bavail, bsize } = statfsSync(this.path);
    return bavail * bsize < FULL_BYTES;
  }

  /** Remembers a part of the service, so that a later story waits for its end. */
  started(name: string, pid: number): void {
    this.parts.set(name, { pid, startedAt: processStart(pid) });
    try {
      writeFileSync(this.file(PARTS), JSON.stringify(Object.fromEntries(this.parts)));
    } catch {
      // On a full disk the story goes on; after a kill the next one may have to try its ports twice.
    }
  }

  /** The parts of a killed story end by themselves, but not at once: two of one must not share a file. */
  private async awaitParts(): Promise<void> {
    const parts = readParts(this.file(PARTS));
    const untilMs = Date.now() + PARTS_END_WITHIN_MS;
    for (const part of parts) {
      while (isAlive(part) && Date.now() < untilMs) await pause(100);
      // Without a start we cannot know whether it is the same process.
      if (part.startedAt !== '' && isAlive(part)) kill(part.pid);
    }
    rmSync(this.file(PARTS), { force: true });
  }

  private clear(): void {
    for (const part of [
      'temporal.db',
      'temporal.db-shm',
      'temporal.db-wal',
      'aws',
      'data',
      'scratch',
      'logs',
      'state.json',
      'story.json',
      'environment.json',
      'story.pid',
      'flights.policy.yaml',
    ]) {
      rmSync(this.file(part), { recursive: true, force: true });
    }
  }

  /**
   * Ports are chosen once, so that addresses stay the same over restarts, unless `wanted` says which.
   *
   * @param used the ports that this start listens on
   * @throws {StoryError} for a state that cannot be read, or ports that are taken
   */
  async readOrCreate(
    wanted: 'usual' | 'auto' | undefined,
    used: readonly (keyof Ports)[] = PORTS,
  ): Promise<StoryState> {
    const known = this.read();
    const state = known ?? {
      version: 1,
      ports: USUAL_PORTS,
      weekZeroAtMs: null,
      hubsOpenAtMs: null,
      startedAtMs: Date.now(),
    };
    const first = known === undefined && wanted === 'auto' ? await freePorts() : state.ports;
    const ports = await usablePorts(
      wanted === 'usual' ? USUAL_PORTS : first,
      used,
      wanted === 'auto',
    );
    const chosen: StoryState = { ...state, ports };
    this.save(chosen);
    return chosen;
  }

  private read(): StoryState | undefined {
    const path = this.file('state.json');
    if (!existsSync(path)) return undefined;
    const text = readFileSync(path, 'utf8');
    try {
      const state = JSON.parse(text) as Partial<StoryState>;
      if (state.version !== 1 || !isPorts(state.ports) || typeof state.startedAtMs !== 'number') {
        throw new Error('members are missing');
      }
      return state as StoryState;
    } catch (error) {
      throw new StoryError(
        `${path} cannot be read (${error instanceof Error ? error.message : String(error)}): start over with npm start -- --fresh`,
      );
    }
  }

  save(state: StoryState): void {
    const path = this.file('state.json');
    writeFileSync(`${path}.new`, JSON.stringify(state, null, 2));
    renameSync(`${path}.new`, path);
  }

  /** Lets commands in another terminal find the servers while this process lives. */
  announce(environment: Readonly<Record<string, string>>): void {
    const path = this.file('environment.json');
    writeFileSync(`${path}.new`, JSON.stringify({ pid: process.pid, environment }, null, 2));
    renameSync(`${path}.new`, path);
  }

  leave(): void {
    if (this.unlock === undefined) return;
    rmSync(this.file('environment.json'), { force: true });
    rmSync(this.file(PARTS), { force: true });
    this.unlock();
    this.unlock = undefined;
  }
}

function readParts(path: string): readonly Part[] {
  try {
    return Object.values(JSON.parse(readFileSync(path, 'utf8')) as Record<string, Part>);
  } catch {
    return []; // nothing was killed here, or in the middle of writing it
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // it has ended meanwhile
  }
}

function isAlive({ pid, startedAt }: Part): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  return processStart(pid) === startedAt;
}

const NAMES: Readonly<Record<keyof Ports, string>> = {
  temporal: 'Temporal',
  webUi: "Temporal's Web UI",
  aws: 'the local AWS',
  console: 'the console',
  bridge: "the bridge's metrics",
};

export const PORTS = Object.keys(NAMES) as readonly (keyof Ports)[];

const isPorts = (value: unknown): value is Ports =>
  typeof value === 'object' &&
  value !== null &&
  PORTS.every((kind) => Number.isInteger((value as Partial<Ports>)[kind]));

async function freePorts(): Promise<Ports> {
  const ports: Record<keyof Ports, number> = { ...USUAL_PORTS };
  for (const kind of PORTS) {
    const others = PORTS.filter((other) => other !== kind).map((other) => ports[other]);
    do ports[kind] = await findFreePort();
    while (others.includes(ports[kind]));
  }
  return ports;
}

/** The same ports if all are free; otherwise others for those that are not, or an error that names them. */
async function usablePorts(
  ports: Ports,
  used: readonly (keyof Ports)[],
  mayChange: boolean,
): Promise<Ports> {
  const taken: (keyof Ports)[] = [];
  for (const kind of used) if (!(await isFree('127.0.0.1', ports[kind]))) taken.push(kind);
  if (taken.length === 0) return ports;
  if (mayChange) {
    const free = await freePorts();
    return { ...ports, ...Object.fromEntries(taken.map((kind) => [kind, free[kind]])) };
  }
  const each = taken.map((kind) => `port ${String(ports[kind])} (${NAMES[kind]})`).join(', ');
  throw new StoryError(
    `${each} of 127.0.0.1 ${taken.length === 1 ? 'is' : 'are'} taken by another program: stop it, or take free ports with npm start -- --ports auto`,
  );
}
