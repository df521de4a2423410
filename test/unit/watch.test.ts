import { describe, expect, it } from 'vitest';

import { belongsToWindow, dueWindows, hourPrefixes } from '../../domain/capture-windows.js';
import type { WindowResult } from '../../domain/model.js';
import {
  hintsHelp,
  nextLookMs,
  pollEveryMs,
  silentSinceMs,
  worthTelling,
} from '../../domain/watch.js';

const HOUR = 3_600_000;
const NOON = Date.parse('2026-03-01T12:00:00Z');

describe('nextLookMs', () => {
  it('is aligned to the epoch and always later', () => {
    expect(nextLookMs('1h', NOON)).toBe(NOON + HOUR);
    expect(nextLookMs('1h', NOON - 1)).toBe(NOON);
    expect(nextLookMs('10s', NOON + 9_999)).toBe(NOON + 10_000);
  });
});

describe('pollEveryMs', () => {
  it.each([
    ['1h', 30_000],
    ['5m', 30_000],
    ['2m', 12_000],
    ['2s', 1_000],
  ])('with looks every %s it is %i ms', (every, ms) => {
    expect(pollEveryMs(every)).toBe(ms);
  });
});

describe('hintsHelp', () => {
  it.each([
    ['1h', true],
    ['101s', true],
    ['100s', false],
    ['2s', false],
  ])('with looks every %s: %s', (every, helps) => {
    expect(hintsHelp(every)).toBe(helps);
  });
});

describe('worthTelling', () => {
  const window = (result: WindowResult['result']): WindowResult => ({
    fromMs: 0,
    toMs: 1,
    source: 's',
    sourceKind: 'captured-inputs',
    result,
    rows: 1,
    sentence: '',
    columns: [],
  });
  it.each([
    ['breach', ['ok'], true],
    ['data quality', ['data quality'], true],
    ['ok', [], true],
    ['ok', ['ok'], false],
    ['warn', ['ok'], false],
    ['ok', ['breach', 'ok'], true],
    ['ok', ['cannot tell'], true],
    ['cannot tell', [], true],
    ['cannot tell', ['ok'], true],
    ['cannot tell', ['cannot tell'], false],
    ['cannot tell', ['breach', 'cannot tell'], false],
  ] as const)('%s after %j: %s', (result, remembered, expected) => {
    expect(worthTelling(window(result), remembered.map(window))).toBe(expected);
  });
});

describe('dueWindows', () => {
  const rule = {
    windowMs: HOUR,
    latenessMs: 600_000,
    countedToMs: (NOON - 2 * HOUR) as number | undefined,
    sinceMs: 0,
    disturbed: [] as { fromMs: number; toMs: number | null }[],
    mostBack: 4,
  };
  const starts = (over: Partial<typeof rule>, nowMs = NOON + 600_000) =>
    dueWindows({ ...rule, ...over }, nowMs, 50).windows.map((one) => (one.fromMs - NOON) / HOUR);

  it('has those that are complete at this very instant', () => {
    expect(starts({})).toEqual([-2, -1]);
    expect(starts({}, NOON + 599_999)).toEqual([-2]);
  });
  it('looks back at most so many windows when nothing was counted', () => {
    expect(starts({ countedToMs: undefined })).toEqual([-4, -3, -2, -1]);
  });
  it('leaves out the window in which the version took over', () => {
    expect(starts({ sinceMs: NOON - 2 * HOUR + 1 })).toEqual([-1]);
    expect(starts({ sinceMs: NOON - 2 * HOUR })).toEqual([-2, -1]);
  });
  it('leaves out windows that touch a disturbed span, by a millisecond', () => {
    expect(starts({ disturbed: [{ fromMs: NOON - HOUR - 1, toMs: NOON - HOUR }] })).toEqual([-1]);
    expect(starts({ disturbed: [{ fromMs: NOON - HOUR, toMs: null }] })).toEqual([-2]);
  });
  it('counts passed-over windows as counted', () => {
    const due = dueWindows(
      { ...rule, disturbed: [{ fromMs: NOON - 5 * HOUR, toMs: null }] },
      NOON + 600_000,
      50,
    );
    expect(due).toEqual({ windows: [], countedToMs: NOON, more: false });
  });
  it('says when there are more than asked for', () => {
    expect(dueWindows(rule, NOON + 600_000, 1)).toEqual({
      windows: [{ fromMs: NOON - 2 * HOUR, toMs: NOON - HOUR }],
      countedToMs: NOON - HOUR,
      more: true,
    });
  });
});

describe('files of a window', () => {
  it('lie under every hour it touches', () => {
    expect(hourPrefixes(NOON - 1, NOON)).toEqual(['2026/03/01/11', '2026/03/01/12']);
  });
  it('were written between its begin, in whole seconds, and its completion', () => {
    const window = { fromMs: NOON + 500, toMs: NOON + HOUR };
    expect(belongsToWindow(window, 1_000, NOON)).toBe(true);
    expect(belongsToWindow(window, 1_000, NOON - 1)).toBe(false);
    expect(belongsToWindow(window, 1_000, NOON + HOUR + 1_000)).toBe(true);
    expect(belongsToWindow(window, 1_000, NOON + HOUR + 1_001)).toBe(false);
  });
});

describe('silentSinceMs', () => {
  const input = { lastDataToMs: NOON, latenessMs: 1_000, afterMs: HOUR, told: false };
  it('begins at the limit', () => {
    expect(silentSinceMs(input, NOON + HOUR + 999)).toBeNull();
    expect(silentSinceMs(input, NOON + HOUR + 1_000)).toBe(NOON);
  });
  it('is told once', () => {
    expect(silentSinceMs({ ...input, told: true }, NOON + 10 * HOUR)).toBeNull();
  });
});
