import { describe, expect, it } from 'vitest';

import { DURATION_PATTERN, durationMs, inWords, instantInWords } from '../../../domain/duration.js';
import { NOON_MS } from './support.js';

describe('a duration', () => {
  it.each([
    ['0s', 0],
    ['500ms', 500],
    ['30s', 30_000],
    ['10m', 600_000],
    ['6h', 21_600_000],
    ['7d', 604_800_000],
    ['1.5h', 5_400_000],
    ['0.001s', 1],
    ['0.4ms', 0],
    ['1.005s', 1_005],
    ['007m', 420_000],
    ['999999999m', 59_999_999_940_000],
    ['999999d', 86_399_913_600_000],
  ])('%s is %i ms', (literal, ms) => {
    expect(durationMs(literal)).toBe(ms);
  });

  it.each([
    '',
    '5',
    'h',
    '-1h',
    '1 h',
    ' 1h',
    '1h\n',
    '1h30m',
    '1w',
    '1H',
    '.5h',
    '1.h',
    '1.2345s',
    '1e3s',
    '1,5h',
    '1000000000s',
    '1000000h',
    '1000000d',
    'Infinityd',
  ])('%j is none', (literal) => {
    expect(DURATION_PATTERN.test(literal)).toBe(false);
    expect(() => durationMs(literal)).toThrow(RangeError);
  });

  it('however long leaves room for sums of instants', () => {
    const accepted = ['ms', 's', 'm', 'h', 'd']
      .flatMap((unit) => Array.from({ length: 12 }, (_, digits) => '9'.repeat(digits + 1) + unit))
      .filter((literal) => DURATION_PATTERN.test(literal));
    const longest = Math.max(...accepted.map(durationMs));
    expect(longest).toBe(durationMs('999999d'));
    expect(() => instantInWords(NOON_MS + 10 * longest)).not.toThrow();
    expect(() => instantInWords(NOON_MS - 10 * longest)).not.toThrow();
  });
});

describe('a span in words', () => {
  it.each([
    [-5_000, '0 s'],
    [0, '0 s'],
    [499, '0 s'],
    [500, '1 s'],
    [59_499, '59 s'],
    [59_500, '1 min'],
    [61_000, '1 min 1 s'],
    [599_000, '9 min 59 s'],
    [601_000, '10 min'],
    [3_599_000, '59 min'],
    [3_599_500, '1 h'],
    [3_660_000, '1 h 1 min'],
    [86_340_000, '23 h 59 min'],
    [86_400_000, '1 d'],
    [86_400_000 + 59 * 60_000, '1 d'],
    [90_000_000, '1 d 1 h'],
    [604_800_000, '7 d'],
  ])('of %i ms is %s', (ms, words) => {
    expect(inWords(ms)).toBe(words);
  });
});

it('an instant in words has seconds, no fraction of them, and says that it is UTC', () => {
  expect(instantInWords(NOON_MS + 9_999)).toBe('2026-03-01 12:00:09 UTC');
});
