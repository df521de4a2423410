// A machine for the finders to look at: folders of our own, an empty PATH, programs that are scripts.
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import { run } from '../../../scripts/setup/run.mjs';

export const SDK_VERSION = '9.9.9';

/** A folder that is gone after the test. */
export function scratch() {
  const folder = mkdtempSync(join(tmpdir(), 'modelkeeper-setup-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Writes an executable shell script. */
export function program(file, script) {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `#!/bin/sh\n${script}\n`);
  chmodSync(file, 0o755);
  return file;
}

/** A machine with nothing on it and no network; `env` and anything else can be given. */
export function emptyMachine(given = {}) {
  const folder = scratch();
  const machine = {
    root: join(folder, 'root'),
    cache: join(folder, 'cache'),
    tmp: join(folder, 'tmp'),
    bin: join(folder, 'bin'),
    platform: 'linux',
    uid: process.getuid(),
    run,
    reach: async (url) => `${new URL(url).host} cannot be reached (ENOTFOUND)`,
    ...given,
  };
  machine.env = { PATH: machine.bin, ...given.env };
  for (const path of [machine.root, machine.tmp, machine.bin]) mkdirSync(path, { recursive: true });
  const sdk = join(machine.root, 'node_modules/@temporalio/core-bridge/package.json');
  mkdirSync(dirname(sdk), { recursive: true });
  writeFileSync(sdk, JSON.stringify({ version: SDK_VERSION }));
  return machine;
}

export function isAlive(pid) {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
