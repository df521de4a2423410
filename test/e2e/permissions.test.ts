/** Offline commands of somebody who may not read or write: as nobody where the tests run as root. */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { run, temporaryFolder } from './support/processes.js';
import type { Ended } from './support/processes.js';

const NOBODY = { uid: 65_534, gid: 65_534 };
const isRoot = process.getuid?.() === 0;

const folder = temporaryFolder('permissions');
const at = (...names: readonly string[]): string => join(folder.path, ...names);
const ROWS = `a,b\n${Array.from({ length: 300 }, (_, i) => `${i},${i % 3}\n`).join('')}`;
const GATES = 'evaluate:\n  gates:\n    - { id: a, kind: absolute, metric: roc_auc, min: 0.5 }\n';

beforeAll(() => {
  for (const name of ['closed', 'readable', 'temporary']) mkdirSync(at(name));
  writeFileSync(at('data.csv'), ROWS);
  writeFileSync(at('gates.yaml'), GATES);
  writeFileSync(at('closed', 'data.csv'), ROWS);
  writeFileSync(at('secret.csv'), ROWS);
  writeFileSync(at('readable', 'kept.json'), 'kept');
  chmodSync(folder.path, 0o755);
  chmodSync(at('temporary'), 0o777);
  chmodSync(at('readable'), 0o555);
  chmodSync(at('secret.csv'), 0o000);
  chmodSync(at('closed'), 0o600);
});
afterAll(() => {
  for (const name of ['closed', 'readable']) chmodSync(at(name), 0o755);
  folder.remove();
});

const command = (args: readonly string[], temporary = at('temporary')): Promise<Ended> =>
  run(args, {
    env: { TMPDIR: temporary },
    cwd: '/',
    ...(isRoot && { user: NOBODY }),
  });

describe('somebody without permission', () => {
  it('reads what they may', async () => {
    const { code, output } = await command(['profile', at('data.csv')]);
    expect([code, output]).toEqual([0, expect.stringContaining('"rowCount": 300')]);
  });

  const data = at('data.csv');
  const policy = ['--policy', at('gates.yaml')];
  const unread = 'it may not be read by you; change its permissions';
  it.each<[string, readonly string[], string]>([
    ['a baseline', ['profile', at('secret.csv')], `${at('secret.csv')}: ${unread}`],
    ['a window', ['drift', '--baseline', data, '--window', at('secret.csv')], unread],
    ['predictions', ['evaluate', '--predictions', at('secret.csv'), ...policy], unread],
    [
      'a policy',
      ['drift', '--baseline', data, '--window', data, '--policy', at('secret.csv')],
      'the file may not be read by you',
    ],
    ['a folder', ['profile', at('closed')], `${at('closed')}: ${unread}`],
    ['what is in a folder', ['profile', at('closed', 'data.csv')], unread],
    ['a pattern in a folder', ['profile', at('closed', '*.csv')], unread],
  ])('is told so of %s', async (_, args, reason) => {
    const { code, output } = await command(args);
    expect([code, output]).toEqual([2, expect.stringContaining(reason)]);
  });

  it.each(['closed', 'readable'])(
    'is told before the work that a result cannot go into a folder that is %s',
    async (name) => {
      const { code, output } = await command([
        'profile',
        data,
        '--out',
        at(name, 'kept.json'),
        '--verbose',
      ]);
      expect([code, output]).toEqual([
        2,
        expect.stringContaining(
          `${at(name, 'kept.json')}: you may not write into ${at(name)}; change its permissions, or write elsewhere`,
        ),
      ]);
      expect(output).not.toContain('describing');
      expect(readFileSync(at('readable', 'kept.json'), 'utf8')).toBe('kept');
    },
  );

  it.each(['closed', 'readable', 'absent'])(
    'is told that temporary files cannot go into a folder that is %s',
    async (name) => {
      for (const args of [
        ['profile', data],
        ['evaluate', '--predictions', data, ...policy],
      ]) {
        const { code, output } = await command(args, at(name));
        expect([code, output]).toEqual([
          2,
          expect.stringMatching(
            /cannot hold temporary files: .*; set TMPDIR to a folder that you may write to/,
          ),
        ]);
      }
    },
  );

  it('leaves nothing behind', () => {
    expect(readdirSync(at('temporary'))).toEqual([]);
    expect(existsSync(at('absent'))).toBe(false);
  });
});
