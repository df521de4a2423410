/** The folder a story lives in: who runs it, what it remembers, how others find its servers. */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

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

const USUAL_PORTS: Ports = { temporal: 7233, webUi: 8233, aws: 4566, console: 8080, bridge: 9465 };

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

export class Home {
  readonly path: string;
  private owned = false;

  constructor(path: string) {
    this.path = resolve(path);
  }

  file(...parts: readonly string[]): string {
    return join(this.path, ...parts);
  }

  /**
   * Makes this process the only one that runs a story here.
   *
   * @throws {StoryError} naming the process that already does.
   */
  take(fresh: boolean): void {
    mkdirSync(this.path, { recursive: true });
    for (;;) {
      try {
        writeFileSync(this.file('story.pid'), String(process.pid), { flag: 'wx' });
        break;
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
        const pid = Number(readFileSync(this.file('story.pid'), 'utf8'));
        if (pid > 0 && pid !== process.pid && isAlive(pid)) {
          throw new StoryError(
            `process ${String(pid)} already runs in ${this.path}: stop it, or start in another folder with --home`,
          );
        }
        rmSync(this.file('story.pid'), { force: true });
      }
    }
    this.owned = true;
    if (fresh) this.clear();
    mkdirSync(this.file('logs'), { recursive: true });
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
      'flights.policy.yaml',
    ]) {
      rmSync(this.file(part), { recursive: true, force: true });
    }
  }

  /** Ports are chosen once, so that addresses stay the same over restarts. */
  async readOrCreate(choosePorts: () => Promise<Ports>): Promise<StoryState> {
    const path = this.file('state.json');
    if (!existsSync(path)) {
      const state: StoryState = {
        version: 1,
        ports: await choosePorts(),
        weekZeroAtMs: null,
        hubsOpenAtMs: null,
        startedAtMs: Date.now(),
      };
      this.save(state);
      return state;
    }
    const text = readFileSync(path, 'utf8');
    try {
      const state = JSON.parse(text) as Partial<StoryState>;
      if (
        state.version !== 1 ||
        typeof state.ports?.temporal !== 'number' ||
        typeof state.startedAtMs !== 'number'
      ) {
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
    if (!this.owned) return;
    rmSync(this.file('environment.json'), { force: true });
    rmSync(this.file('story.pid'), { force: true });
    this.owned = false;
  }
}

export const usualPorts = (): Ports => USUAL_PORTS;
