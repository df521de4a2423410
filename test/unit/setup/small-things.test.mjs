import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isAtLeast, requireNode } from '../../../scripts/setup/node-version.mjs';
import { elapsed, withProgress } from '../../../scripts/setup/progress.mjs';
import { run, whyFailed } from '../../../scripts/setup/run.mjs';
import { TIERS, projectsOf } from '../../../scripts/tiers.mjs';
import { isAlive, scratch } from './machine.mjs';

const RUN_MODULE = join(import.meta.dirname, '../../../scripts/setup/run.mjs');

describe('the version of Node', () => {
  it.each([
    ['20.19.0', '>=20.19', true],
    ['20.18.3', '>=20.19', false],
    ['24.0.0', '>=20.19', true],
    ['18.20.0', '>=20.19', false],
    ['v22.1.0', '20.19.5', true],
    ['20.19.4', '20.19.5', false],
  ])('%s is measured against %s', (version, wanted, enough) => {
    expect(isAtLeast(version, wanted)).toBe(enough);
  });

  it('that is too old is refused with the one that is needed', () => {
    const root = scratch();
    writeFileSync(join(root, 'package.json'), '{ "engines": { "node": ">=20.19" } }');
    expect(() => requireNode(root, '18.0.0')).toThrow('needs Node >=20.19; this is 18.0.0');
    expect(() => requireNode(root, '20.19.0')).not.toThrow();
  });
});

describe('a run', () => {
  it('answers with what the program said', async () => {
    expect(await run('sh', ['-c', 'echo out; echo err >&2; exit 3'])).toMatchObject({
      ok: false,
      code: 3,
      stdout: 'out\n',
      stderr: 'err\n',
    });
  });

  it('that takes too long is ended with all it started', async () => {
    const result = await run('sh', ['-c', 'sleep 60 & echo $!; wait'], { timeoutMs: 300 });
    expect(result).toMatchObject({ ok: false, timedOut: true });
    await expect.poll(() => isAlive(Number(result.stdout)), { timeout: 5_000 }).toBe(false);
  });

  it('ends with us, even when we are killed with -9', async () => {
    const script = `
      import { run } from ${JSON.stringify(RUN_MODULE)};
      const ended = run('sh', ['-c', 'echo $$ > "$0"; exec sleep 60', process.argv[1]]);
      console.log('started');
      await ended;`;
    const file = join(scratch(), 'pid');
    const parent = spawn(process.execPath, ['--input-type=module', '-e', script, file]);
    await once(parent.stdout, 'data');
    const pidWritten = () => Number(existsSync(file) ? readFileSync(file, 'utf8') : '0');
    await expect.poll(pidWritten, { timeout: 5_000 }).toBeGreaterThan(0);
    const pid = pidWritten();
    parent.kill('SIGKILL');
    await expect.poll(() => isAlive(pid), { timeout: 5_000 }).toBe(false);
  });

  it('of a program that is not there is a failure like any other', async () => {
    const result = await run('/nowhere/program', []);
    expect(whyFailed(result)).toBe('not found, or not executable');
  });

  it('that failed is explained by its most telling line', async () => {
    const result = await run('sh', ['-c', 'echo start; echo "error: no disk"; echo bye; exit 1']);
    expect(whyFailed(result)).toBe('exit code 1: error: no disk');
  });
});

describe('progress', () => {
  it('says what is going on, and how long it took', async () => {
    const lines = [];
    await withProgress('Working', async () => 1, { write: (text) => lines.push(text) });
    expect(lines.join('')).toMatch(/^Working\n {2}done in 0\.\d s\n$/);
  });

  it.each([
    [400, '0.4 s'],
    [59_000, '59 s'],
    [59_700, '1 min 0 s'],
    [75_000, '1 min 15 s'],
  ])('shows %s ms as %s', (ms, text) => {
    expect(elapsed(ms)).toBe(text);
  });
});

describe('a tier', () => {
  const [tier] = TIERS.filter(({ name }) => name === 'workflows');

  it('is left out while its folder does not exist', () => {
    expect(projectsOf(scratch(), tier)).toEqual([]);
  });

  it('is a failure when its folder holds no test', () => {
    const root = scratch();
    mkdirSync(join(root, 'test/workflows'), { recursive: true });
    writeFileSync(join(root, 'test/workflows/harness.ts'), '');
    expect(() => projectsOf(root, tier)).toThrow('test/workflows/ holds no test files');
  });

  it('is run when its folder holds one', () => {
    const root = scratch();
    mkdirSync(join(root, 'test/workflows/deep'), { recursive: true });
    writeFileSync(join(root, 'test/workflows/deep/a.test.ts'), '');
    expect(projectsOf(root, tier)).toEqual(['workflows']);
  });
});
