import { spawn } from 'node:child_process';
import { isEnding, onInterrupt } from './interrupt.mjs';

const KILL_AFTER_MS = 3_000;
/** Longer than what we run outlives us when we are killed. */
export const OUTLIVES_US_MS = KILL_AFTER_MS + 500;
const KEPT_OUTPUT_CHARACTERS = 64_000;

/** Sends `signal` to a child's whole process group; a group that is gone is fine. */
function signalGroup(pid, signal) {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if (error.code !== 'ESRCH' && error.code !== 'EPERM') throw error;
  }
}

/** Asks a child and what it started to end; after three seconds they are killed. */
export async function endGroup(child) {
  const gone = new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) resolve();
    else child.once('exit', () => resolve());
  });
  signalGroup(child.pid, 'SIGTERM');
  const kill = setTimeout(() => signalGroup(child.pid, 'SIGKILL'), KILL_AFTER_MS);
  await gone;
  clearTimeout(kill);
  // A grandchild may have ignored the first signal.
  signalGroup(child.pid, 'SIGKILL');
}

/**
 * A shell that learns of our death, even by kill -9, from the end of its standard input, and then ends
 * the group: two installs must never work on one folder.
 */
function endWithUs(pid) {
  const script = 'cat > /dev/null; kill -TERM "-$1"; sleep 3; kill -KILL "-$1"';
  const watchdog = spawn('/bin/sh', ['-c', script, 'watchdog', String(pid)], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  // Without a shell the program merely outlives a kill -9.
  watchdog.on('error', () => {});
  watchdog.stdin.on('error', () => {});
  return () => watchdog.kill('SIGKILL');
}

/**
 * Runs a program to its end. Never throws: answers
 * `{ ok, code, signal, missing, timedOut, stdout, stderr, ms }`, the outputs' last 64,000 characters.
 *
 * The child leads a process group of its own and ends with us, also on Ctrl-C.
 * `inherit: true` lets it write to our terminal.
 */
export async function run(command, args, options = {}) {
  const { cwd, env = process.env, timeoutMs, inherit = false } = options;
  const startedMs = Date.now();
  const child = spawn(command, args, {
    cwd,
    env,
    detached: true,
    stdio: ['ignore', inherit ? 'inherit' : 'pipe', inherit ? 'inherit' : 'pipe'],
  });
  const result = { ok: false, code: null, signal: null, missing: false, timedOut: false };
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr']) {
    child[name]?.setEncoding('utf8').on('data', (text) => {
      output[name] = (output[name] + text).slice(-KEPT_OUTPUT_CHARACTERS);
    });
  }
  const release = child.pid === undefined ? () => {} : endWithUs(child.pid);
  const forget = onInterrupt(() => (child.pid === undefined ? undefined : endGroup(child)));
  const timer =
    timeoutMs === undefined
      ? undefined
      : setTimeout(() => {
          result.timedOut = true;
          if (child.pid !== undefined) void endGroup(child);
        }, timeoutMs);
  await new Promise((resolve) => {
    child.once('error', (error) => {
      result.missing = error.code === 'ENOENT' || error.code === 'EACCES';
      output.stderr += error.message;
      resolve();
    });
    child.once('close', (code, signal) => {
      Object.assign(result, { code, signal, ok: code === 0 && !result.timedOut });
      // Ended by a signal, nobody is told: the caller would clean up, or go on, at the same time.
      if (!isEnding()) resolve();
    });
  });
  clearTimeout(timer);
  release();
  forget();
  return { ...result, ...output, ms: Date.now() - startedMs };
}

/** One line that says why a run failed: its last words, or how it ended. */
export function whyFailed(result) {
  if (result.missing) return 'not found, or not executable';
  if (result.timedOut) return `no answer within ${Math.round(result.ms / 1000)} s`;
  const lines = `${result.stdout}\n${result.stderr}`
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('npm warn'));
  const telling =
    lines.find((line) => /error|fail|denied|cannot|not found|no such|unknown|unable/i.test(line)) ??
    lines.at(-1);
  const how = result.signal === null ? `exit code ${result.code}` : `ended by ${result.signal}`;
  return telling === undefined ? how : `${how}: ${telling.slice(0, 300)}`;
}
