import { describe, expect, it } from 'vitest';

import { truthsAsKnown } from '../../../domain/stats/spelling.js';

const fresh = (...values: readonly (readonly [string, number])[]) => ({
  fresh: values.map(([value, count]) => ({ value, count })),
  outside: values.reduce((sum, [, count]) => sum + count, 0),
});

describe('a column of truth values', () => {
  it('is compared whatever way the window spells them', () => {
    const window = { known: [0, 3], ...fresh(['True', 70], ['FALSE', 30]), rows: 103 };
    expect(truthsAsKnown(['true', 'false'], window)).toEqual({
      known: [70, 33],
      fresh: [],
      outside: 0,
      rows: 103,
    });
  });
  it('keeps what is neither as news', () => {
    const window = { known: [5, 0], ...fresh(['no', 4], ['False', 2]) };
    expect(truthsAsKnown(['True', 'false'], window)).toEqual({
      known: [5, 2],
      ...fresh(['no', 4]),
    });
  });
  it('keeps a truth value that the baseline never had as news', () => {
    const window = { known: [5], ...fresh(['False', 2]) };
    expect(truthsAsKnown(['true'], window)).toEqual(window);
  });
  it.each([
    ['other values too', ['true', 'false', 'maybe']],
    ['both spellings', ['true', 'True']],
    ['values that only differ in case', ['eu', 'us']],
    ['no values', []],
  ])('is taken as it is written where the baseline has %s', (_with, known) => {
    const window = { known: known.map(() => 1), ...fresh(['TRUE', 2], ['EU', 3]) };
    expect(truthsAsKnown(known, window)).toEqual(window);
  });
});
