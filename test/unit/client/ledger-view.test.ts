import { describe, expect, it } from 'vitest';

import { servedAt } from '../../../client/ledger-view.js';
import { chain } from '../ledger-entries.js';

const entry = chain();
const policy = entry('policy', { champion: 'winter' });
const approved1 = entry('approved', {}, 'release/flights/1');
const serving1 = entry('serving', { configName: 'flights-1' }, 'release/flights/1');
const approved2 = entry('approved', {}, 'release/flights/2');
const serving2 = entry('serving', { configName: 'flights-2' }, 'release/flights/2');
const wentBack = entry(
  'ended',
  { result: { kind: 'rolled back', configName: 'flights-1' } },
  'release/flights/2',
);
const ledger = [policy, approved1, serving1, approved2, serving2, wentBack];

describe('which version served', () => {
  it('is not known before the ledger begins', () => {
    expect(servedAt(ledger, policy.atMs - 1)).toMatchObject({ kind: 'not known' });
  });
  it.each([
    ['the one before any release', policy.atMs, 'winter', policy.atMs, []],
    ['the first release', serving1.atMs, 'flights-1', serving1.atMs, [approved1]],
    [
      'the second, until it was rolled back',
      wentBack.atMs - 1,
      'flights-2',
      serving2.atMs,
      [approved2],
    ],
    [
      'the first again, since the rollback, let in by its own approval',
      wentBack.atMs,
      'flights-1',
      wentBack.atMs,
      [approved1],
    ],
  ])('is %s', (_what, atMs, configName, sinceMs, letInBy) => {
    expect(servedAt(ledger, atMs)).toMatchObject({ kind: 'served', configName, sinceMs, letInBy });
  });
});
