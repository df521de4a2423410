import { describe, expect, it } from 'vitest';

import { judgeWindows } from '../../../domain/stats/persistence.js';
import type { ComparisonVerdict, DatasetVerdict } from '../../../domain/stats/types.js';

const window = (kind: ComparisonVerdict, why: string = kind): DatasetVerdict => ({
  kind,
  reasons: [why],
});
const [ok, drift, broken, few] = [
  window('ok'),
  window('drift'),
  window('data quality'),
  window('insufficient data'),
];
const rule = { breaches: 2, of: 3 };
const kindOf = (...windows: readonly DatasetVerdict[]) => judgeWindows(windows, rule).kind;

describe('windows judged together', () => {
  it('cannot tell without any', () => {
    expect(judgeWindows([], rule)).toEqual({
      kind: 'insufficient data',
      reasons: ['there is no window to judge'],
    });
  });
  it.each([ok, drift, broken, few, window('warn')])(
    'say of one alone what it says: $kind',
    (alone) => {
      expect(judgeWindows([alone], rule)).toBe(alone);
    },
  );
  it('drift as soon as enough of the latest have, and not one window earlier', () => {
    expect(kindOf(ok, drift)).toBe('warn');
    expect(kindOf(drift, ok, drift)).toBe('drift');
    expect(kindOf(drift, drift, ok)).toBe('drift');
    expect(kindOf(drift, drift, ok, ok)).toBe('warn');
    expect(kindOf(drift, drift, ok, ok, ok)).toBe('ok');
  });
  it('say how many drifted and how many are needed', () => {
    expect(judgeWindows([ok, window('drift', 'x moved')], rule).reasons).toEqual([
      '1 window of the latest 2 has drifted, 2 are needed',
      'x moved',
    ]);
    expect(judgeWindows([drift, window('drift', 'x moved')], rule).reasons).toEqual([
      '2 windows of the latest 2 have drifted',
      'x moved',
    ]);
  });
});

describe('a latest window of broken data', () => {
  it('counts at once, whatever came before', () => {
    expect(judgeWindows([ok, ok, window('data quality', 'x is missing')], rule)).toEqual({
      kind: 'data quality',
      reasons: ['x is missing'],
    });
    expect(kindOf(drift, drift, broken)).toBe('data quality');
  });
  it('still counts when the ones after it cannot be judged', () => {
    expect(kindOf(ok, broken, few)).toBe('data quality');
    expect(kindOf(broken, few, few)).toBe('data quality');
  });
  it('is over with the next one that is in order, and is no drift', () => {
    expect(kindOf(broken, ok)).toBe('ok');
    expect(kindOf(drift, broken, ok)).toBe('warn');
    expect(kindOf(broken, broken, ok)).toBe('ok');
  });
});

describe('windows that cannot be judged', () => {
  it('are no all-clear, and say so when all are like that', () => {
    expect(judgeWindows([few, window('insufficient data', '3 rows')], rule)).toEqual({
      kind: 'insufficient data',
      reasons: ['no window has enough data', '3 rows'],
    });
  });
  it('make no ok, and no warning, of those before', () => {
    expect(judgeWindows([ok, ok, window('insufficient data', '3 rows')], rule)).toEqual({
      kind: 'insufficient data',
      reasons: ['the latest window cannot be judged', '3 rows'],
    });
    expect(kindOf(ok, drift, few)).toBe('insufficient data');
  });
  it('take nothing from drift that has persisted, nor a place among the latest', () => {
    expect(kindOf(drift, drift, few)).toBe('drift');
    expect(kindOf(drift, few, few, ok, drift)).toBe('drift');
  });
});
