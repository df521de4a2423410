import { randomUUID } from 'node:crypto';
import { link, mkdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { readFileSync, rmSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { onInterrupt } from './interrupt.mjs';

const POLL_MS = 200;
const HEARTBEAT_MS = 5_000;
/** A holder on another machine (a shared cache) counts as dead after this long without a heartbeat. */
const SILENT_MS = 60_000;

/**
 * When a process was started, in the kernel's ticks; '' where that cannot be read (not Linux). One that has ended
 * without anybody having asked for its exit code (in a container perhaps never) is told apart.
 */
function startOf(pid) {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? 'ended' : fields[19];
  } catch {
    return '';
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

async function readHolder(file) {
  try {
    const [text, { mtimeMs }] = await Promise.all([readFile(file, 'utf8'), stat(file)]);
    return { ...JSON.parse(text), beatAtMs: mtimeMs };
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    if (error instanceof SyntaxError)
      return { id: 'unreadable', pid: 0, host: hostname(), start: '' };
    throw error;
  }
}

/** Whether the process that took a lock is gone. A reused process id is told apart by its start. */
export function isStale(holder, nowMs = Date.now()) {
  if (holder.host !== hostname()) return nowMs - holder.beatAtMs > SILENT_MS;
  if (!(holder.pid > 0) || !isAlive(holder.pid)) return true;
  const start = startOf(holder.pid);
  return holder.start !== '' && start !== '' && holder.start !== start;
}

/** Creates `file` complete or not at all; false if it is there already. */
async function createWhole(file, text) {
  const own = `${file}.${randomUUID()}`;
  await writeFile(own, text);
  try {
    await link(own, file);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(own, { force: true });
  }
}

/** Removes a dead holder's lock. One process at a time, so that nobody removes a lock just taken. */
async function breakLock(file, staleId) {
  const breaker = `${file}.breaking`;
  if (!(await createWhole(breaker, ''))) {
    const age = await stat(breaker).catch(() => undefined);
    if (age !== undefined && Date.now() - age.mtimeMs > 10_000) await rm(breaker, { force: true });
    return;
  }
  try {
    const holder = await readHolder(file);
    if (holder?.id === staleId && isStale(holder)) await rm(file, { force: true });
  } finally {
    await rm(breaker, { force: true });
  }
}

/**
 * Runs `work` while holding the lock `file`; waits for another process that holds it, takes over
 * from one that died. `onWait(pid)` is called once if there is a wait. What the dead one had started
 * may outlive it by `settleMs`, and is waited for too.
 */
export async function withLock(file, work, onWait = () => {}, settleMs = 0) {
  await mkdir(dirname(file), { recursive: true });
  const me = { id: randomUUID(), pid: process.pid, host: hostname(), start: startOf(process.pid) };
  let told = false;
  let afterDeath = false;
  while (!(await createWhole(file, JSON.stringify(me)))) {
    const holder = await readHolder(file);
    if (holder === undefined) continue;
    if (isStale(holder)) {
      afterDeath = true;
      await breakLock(file, holder.id);
      continue;
    }
    if (!told) onWait(holder.pid);
    told = true;
    await delay(POLL_MS);
  }
  const release = () => rmSync(file, { force: true });
  const forget = onInterrupt(release);
  const heartbeat = setInterval(() => {
    const now = new Date();
    utimes(file, now, now).catch(() => {});
  }, HEARTBEAT_MS);
  try {
    if (afterDeath) await delay(settleMs);
    return await work();
  } finally {
    clearInterval(heartbeat);
    release();
    forget();
  }
}
