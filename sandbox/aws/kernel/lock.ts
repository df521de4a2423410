import {
  linkSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

interface Holder {
  readonly pid: number;
  /** Tells a process from a later one with the same id; empty where the system does not say. */
  readonly startedAt: string;
  /** A copied home carries the lock file of its original, which locks the original only. */
  readonly home: string;
}

export const LOCK_FILE = 'lock.json';

const held = new Set<string>();

const usedBySandbox = (pid: number, home: string): string =>
  `another sandbox (process ${pid}) uses ${home}; stop it, or choose another directory with --home`;

/**
 * Makes this process the only one that writes to `home`. Returns the release.
 * A lock whose process is gone (`kill -9`, reboot) is taken over.
 *
 * @param name of the lock file in `home`
 * @param refusal the sentence when it is held, of the holder's process id and the home
 * @throws {Error} naming the process that holds it.
 */
export function lockHome(home: string, name = LOCK_FILE, refusal = usedBySandbox): () => void {
  mkdirSync(home, { recursive: true });
  const real = realpathSync(home);
  const file = join(real, name);
  const self: Holder = { pid: process.pid, startedAt: processStart(process.pid), home: real };
  const draft = `${file}.${process.pid}.tmp`;
  writeFileSync(draft, JSON.stringify(self));
  try {
    for (let attempt = 0; attempt < 5; attempt += 1) {
      if (tryLink(draft, file)) {
        held.add(file);
        return () => {
          held.delete(file);
          rmSync(file, { force: true });
        };
      }
      const holder = readHolder(file);
      if (holder !== undefined && isAlive(holder, real, file))
        throw new Error(refusal(holder.pid, real));
      setAside(file, `${draft}.stale`, (aside) => {
        const taken = readHolder(aside);
        return taken !== undefined && isAlive(taken, real, file);
      });
    }
    throw new Error(`cannot take the lock ${file}; remove it if no sandbox is running`);
  } finally {
    rmSync(draft, { force: true });
    rmSync(`${draft}.stale`, { force: true });
  }
}

function tryLink(draft: string, file: string): boolean {
  try {
    linkSync(draft, file);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
}

/** Removes a dead holder's lock; one that somebody has taken since it was read goes back where it was. */
function setAside(file: string, aside: string, isLive: (aside: string) => boolean): void {
  try {
    renameSync(file, aside);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return;
    throw error;
  }
  if (isLive(aside)) tryLink(aside, file);
  rmSync(aside, { force: true });
}

function readHolder(file: string): Holder | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Holder;
  } catch {
    return undefined;
  }
}

function isAlive(holder: Holder, home: string, file: string): boolean {
  if (holder.home !== home) return false;
  if (holder.pid === process.pid) return held.has(file);
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    if (codeOf(error) === 'ESRCH') return false;
  }
  return processStart(holder.pid) === holder.startedAt;
}

/**
 * Field 22 of /proc/<pid>/stat and the boot; empty on systems without /proc. A process that has ended, and that nobody
 * has asked for its exit code yet (in a container perhaps never), has no start that equals any.
 */
export function processStart(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? 'ended' : `${boot}/${fields[19] ?? ''}`;
  } catch {
    return '';
  }
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}
