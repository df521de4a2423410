import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ensureNodeModules, isInstalled } from '../../../scripts/setup/node-modules.mjs';
import { program, scratch } from './machine.mjs';

const MODULE = join(import.meta.dirname, '../../../scripts/setup/node-modules.mjs');

const lockOf = (version) =>
  JSON.stringify({
    packages: {
      '': { name: 'modelkeeper' },
      'node_modules/a': { version },
      'node_modules/for-another-platform': { version: '1.0.0', optional: true },
    },
  });

/** A checkout with a lock file, and an npm that counts its installs. */
function checkout(npmScript = '') {
  const root = scratch();
  writeFileSync(join(root, 'package-lock.json'), lockOf('1.0.0'));
  const log = join(root, 'npm.log');
  const npm = program(
    join(root, 'npm'),
    `echo "$@" >> "${log}"
     mkdir -p "${root}/node_modules"
     ${npmScript}`,
  );
  const installs = () =>
    existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n').length : 0;
  return { root, npm, installs };
}

describe('the dependencies', () => {
  it('are installed once for a lock file', async () => {
    const { root, npm, installs } = checkout();
    expect(isInstalled(root)).toBe(false);
    await ensureNodeModules(root, { npm });
    await ensureNodeModules(root, { npm });
    expect(installs()).toBe(1);
  });

  it('are installed once when two ask at the same time', async () => {
    const { root, npm, installs } = checkout('sleep 0.2');
    await Promise.all([ensureNodeModules(root, { npm }), ensureNodeModules(root, { npm })]);
    expect(installs()).toBe(1);
  });

  it('are installed again when the lock file has changed', async () => {
    const { root, npm, installs } = checkout();
    await ensureNodeModules(root, { npm });
    writeFileSync(join(root, 'package-lock.json'), lockOf('2.0.0'));
    await ensureNodeModules(root, { npm });
    expect(installs()).toBe(2);
  });

  it('are installed again after an install that failed, whose words are passed on', async () => {
    const { root, npm } = checkout('echo "npm error code EACCES" >&2; exit 243');
    await expect(ensureNodeModules(root, { npm })).rejects.toThrow('npm error code EACCES');
    expect(isInstalled(root)).toBe(false);
  });

  it('are installed one at a time, also when the first was killed a moment ago', async () => {
    const script = (root) => `
      import { ensureNodeModules } from ${JSON.stringify(MODULE)};
      await ensureNodeModules(${JSON.stringify(root)}, { npm: ${JSON.stringify(join(root, 'npm'))} });`;
    // An npm that, asked to end, takes a while: it must not overlap with the next.
    const { root, npm } = checkout(`
      trap 'sleep 1; rmdir "$0.busy"; exit 1' TERM
      mkdir "$0.busy" || { echo "npm error ENOTEMPTY" >&2; exit 1; }
      [ -e "$0.second" ] || { touch "$0.second"; sleep 60 & wait; }
      rmdir "$0.busy"`);
    const first = spawn(process.execPath, ['--input-type=module', '-e', script(root)]);
    await expect.poll(() => existsSync(`${npm}.second`), { timeout: 10_000 }).toBe(true);
    first.kill('SIGKILL');
    await once(first, 'exit');
    await ensureNodeModules(root, { npm });
    expect(isInstalled(root)).toBe(true);
  });

  it('are installed again when npm was killed while it wrote what it had installed', async () => {
    const { root, npm, installs } = checkout();
    mkdirSync(join(root, 'node_modules'));
    for (const text of ['', '{"packages": {"node_', '{}', 'null']) {
      writeFileSync(join(root, 'node_modules/.package-lock.json'), text);
      expect(isInstalled(root), text).toBe(false);
    }
    await ensureNodeModules(root, { npm });
    expect(installs()).toBe(1);
  });

  it('that somebody installed with npm are recognised', () => {
    const { root } = checkout();
    mkdirSync(join(root, 'node_modules'));
    const record = (version) =>
      writeFileSync(
        join(root, 'node_modules/.package-lock.json'),
        JSON.stringify({ packages: { 'node_modules/a': { version } } }),
      );
    record('0.9.0');
    expect(isInstalled(root)).toBe(false);
    record('1.0.0');
    expect(isInstalled(root)).toBe(true);
  });

  it('that cannot be installed for want of npm are an error that says where npm comes from', async () => {
    const { root } = checkout();
    await expect(ensureNodeModules(root, { npm: join(root, 'nowhere') })).rejects.toThrow(
      'npm was not found. It comes with Node',
    );
  });
});
