/** Others use the local AWS too: boto3, at a pinned edition, tours its services over `modelkeeper sandbox`. */
import { join, delimiter } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { EDITION } from '../../scripts/aws-model.mjs';
import { onPath, thisMachine } from '../../scripts/setup/machine.mjs';
import { ensureWheel } from '../../scripts/setup/wheel.mjs';
import { start, temporaryFolder } from './support/processes.ts';

/** boto3 and what it stands on: none of them has compiled parts, so that unpacking is installing. */
const PACKAGES = [
  ['boto3', EDITION],
  ['botocore', EDITION],
  ['s3transfer', '0.19.3'],
  ['jmespath', '1.1.0'],
  ['python-dateutil', '2.9.0.post0'],
  ['six', '1.17.0'],
  ['urllib3', '2.8.0'],
];

const machine = thisMachine(join(import.meta.dirname, '../..'));
const home = temporaryFolder('boto3');
const sandbox = start(
  ['sandbox', '--port', '0', '--home', home.path, '--fresh', '--strict', '--speed', '1000'],
  { cwd: home.path },
);
afterAll(async () => {
  sandbox.signal('SIGTERM');
  await sandbox.ended;
  home.remove();
});

describe('boto3', async () => {
  const folders = [];
  for (const [name, version] of PACKAGES) folders.push(await ensureWheel(machine, name, version));
  const python = await onPath(machine, 'python3');

  it('makes its calls, waits, pages and meets its errors on every service', async () => {
    await expect
      .poll(() => sandbox.output(), { timeout: 30_000 })
      .toMatch(/http:\/\/127\.0\.0\.1:\d+/);
    const url = /http:\/\/127\.0\.0\.1:\d+/.exec(sandbox.output())?.[0] ?? '';
    const tour = start([join(import.meta.dirname, 'boto3/tour.py'), url], {
      program: python,
      env: { PYTHONPATH: folders.join(delimiter), PYTHONDONTWRITEBYTECODE: '1' },
    });
    const { code, output } = await tour.ended;
    expect(output).not.toMatch(/^failed /m);
    expect(code, output).toBe(0);
    const [, calls, operations] = /^(\d+) calls of (\d+) operations$/m.exec(output) ?? [];
    expect(Number(calls)).toBeGreaterThan(150);
    expect(Number(operations)).toBeGreaterThan(100);
  });
});
