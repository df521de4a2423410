import { describe, expect, it } from 'vitest';

import {
  blindResult,
  counted,
  dueWindows,
  inputsResult,
  silenceInWords,
  truthResult,
} from '../../../domain/capture-windows.js';
import type {
  ColumnComparison,
  ComparisonVerdict,
  WindowComparison,
} from '../../../domain/stats/types.js';
import { DAY_MS, HOUR_MS, NOON_MS } from './support.js';

const window = { fromMs: NOON_MS, toMs: NOON_MS + 6 * HOUR_MS };
const SPAN = 'inputs, 2026-03-01 12:00:00 to 18:00:00 UTC: ';
const detect = { drift: 0.2, minRows: 200 };

const column = (
  name: string,
  verdict: ComparisonVerdict,
  jsDistance: number | null,
): ColumnComparison => ({
  name,
  kind: 'numeric',
  verdict,
  reason: `${name} is ${verdict}`,
  baselineRows: 1_000,
  rows: 1_000,
  missing: null,
  invalid: null,
  nonFinite: null,
  newCategories: null,
  jsDistance,
  pValue: 0.5,
  pAdjusted: 0.5,
  newValues: [],
  vanishedShare: null,
  outOfRangeShare: null,
  psi: null,
  hellinger: null,
  tvd: null,
  linf: null,
  linfRobust: null,
  ks: null,
  chi2: null,
  bins: [],
});
const compared = (
  kind: ComparisonVerdict,
  columns: readonly ColumnComparison[],
  rows = 1_204,
  prediction: ColumnComparison | null = null,
): WindowComparison => ({
  schema: 'modelkeeper/window-comparison-v1',
  rows,
  baselineRows: 1_000,
  columns,
  prediction,
  notCompared: [],
  verdict: { kind, reasons: ['first reason', 'second reason'] },
});
const result = (comparison: WindowComparison) => inputsResult('inputs', window, comparison, detect);

describe('a window of inputs', () => {
  it.each([
    ['ok', 'ok'],
    ['warn', 'warn'],
    ['drift', 'breach'],
    ['data quality', 'data quality'],
    ['insufficient data', 'cannot tell'],
  ] as const)('that is %s is told as %s', (kind, expected) => {
    expect(result(compared(kind, []))).toMatchObject({
      ...window,
      source: 'inputs',
      sourceKind: 'captured-inputs',
      result: expected,
      rows: 1_204,
    });
  });

  it('cannot tell below the fewest rows, whatever the comparison says', () => {
    const few = result(compared('drift', [column('a', 'drift', 0.9)], 199));
    expect(few.result).toBe('cannot tell');
    expect(few.sentence).toBe(`${SPAN}199 rows, 200 are needed to tell`);
    expect(result(compared('drift', [], 200)).result).toBe('breach');
  });

  it('names the three columns that moved most, the worst first', () => {
    const moved = result(
      compared('drift', [
        column('calm', 'ok', 0.95),
        column('warned', 'warn', 0.5),
        column('less', 'drift', 0.21),
        column('most', 'drift', 0.334),
        column('last', 'warn', 0.1),
      ]),
    );
    expect(moved.sentence).toBe(
      `${SPAN}most moved by 0.33 (drift from 0.2), less by 0.21, warned by 0.50; 1,204 rows`,
    );
    expect(moved.columns.map(({ name }) => name)).toEqual([
      'most',
      'less',
      'warned',
      'last',
      'calm',
    ]);
  });

  it('puts broken columns first, and those without a distance last', () => {
    const mixed = result(
      compared('data quality', [
        column('unknown', 'ok', null),
        column('still', 'ok', 0),
        column('short', 'insufficient data', 0.4),
        column('drifted', 'drift', 0.9),
        column('broken', 'data quality', null),
      ]),
    );
    expect(mixed.columns.map(({ name }) => name)).toEqual([
      'broken',
      'drifted',
      'short',
      'still',
      'unknown',
    ]);
    expect(mixed.sentence).toBe(`${SPAN}first reason; second reason; 1,204 rows`);
  });

  it('names the score among them: it may be what counts', () => {
    const moved = compared(
      'drift',
      [column('warned', 'warn', 0.12)],
      1_204,
      column('prediction', 'drift', 0.31),
    );
    expect(result(moved).sentence).toBe(
      `${SPAN}the score moved by 0.31 (drift from 0.2), warned by 0.12; 1,204 rows`,
    );
    expect(result(moved).columns.map(({ name }) => name)).toEqual(['warned']);
  });

  it('says the reasons when no single column moved', () => {
    expect(result(compared('drift', [column('a', 'ok', 0.1)])).sentence).toBe(
      `${SPAN}first reason; second reason; 1,204 rows`,
    );
  });

  it('in order says which column moved most', () => {
    const calm = compared('ok', [column('a', 'ok', 0.01), column('b', 'ok', 0.052)]);
    expect(result(calm).sentence).toBe(`${SPAN}in order, b moved most, by 0.05; 1,204 rows`);
    expect(result(compared('ok', [])).sentence).toBe(`${SPAN}in order; 1,204 rows`);
  });

  it('keeps ten columns', () => {
    const many = Array.from({ length: 12 }, (_, i) => column(`c${i}`, 'ok', i / 100));
    const kept = result(compared('ok', many)).columns;
    expect(kept).toHaveLength(10);
    expect(kept[0]).toEqual({ name: 'c11', jsDistance: 0.11, pAdjusted: 0.5, verdict: 'ok' });
  });
});

describe('a window of labels', () => {
  const reading = {
    schema: 'modelkeeper/performance-v1',
    confidence: 0.95,
    metric: 'roc_auc',
    estimate: 0.55,
    lower: 0.5,
    upper: 0.59,
    rows: 2_000,
    labelled: 1_500,
    positives: 300,
    coverage: 0.75,
    method: 'delong',
    badLabels: 0,
    labelsWithoutPrediction: 0,
  } as const;
  it('carries the metric, its interval and how many predictions have a label', () => {
    expect(
      truthResult('quality', window, reading, { kind: 'breach', reason: 'below the floor' }),
    ).toEqual({
      ...window,
      source: 'quality',
      sourceKind: 'ground-truth',
      result: 'breach',
      rows: 1_500,
      sentence:
        'quality, 2026-03-01 12:00:00 to 18:00:00 UTC: below the floor; labels of 75 % of the predictions',
      columns: [],
      metric: { name: 'roc_auc', estimate: 0.55, lower: 0.5, upper: 0.59, coverage: 0.75 },
    });
  });
});

describe('a window that cannot be judged', () => {
  it('says why, and of which days when there are two', () => {
    const night = { fromMs: NOON_MS + 6 * HOUR_MS, toMs: NOON_MS + 18 * HOUR_MS };
    expect(blindResult('inputs', 'captured-inputs', night, 'the file is broken')).toEqual({
      ...night,
      source: 'inputs',
      sourceKind: 'captured-inputs',
      result: 'cannot tell',
      rows: 0,
      sentence: 'inputs, 2026-03-01 18:00:00 to 2026-03-02 06:00:00 UTC: the file is broken',
      columns: [],
    });
  });
});

describe('numbers for people', () => {
  it.each([
    [0, '0'],
    [999, '999'],
    [1_000, '1,000'],
    [12_345.6, '12,346'],
    [1_234_567, '1,234,567'],
  ])('%d is %s', (count, text) => {
    expect(counted(count)).toBe(text);
  });
});

describe('a source without data', () => {
  const say = (kind: 'captured-inputs' | 'ground-truth', invocations: number) =>
    silenceInWords('s', kind, NOON_MS, invocations);
  it('tells no traffic from broken capture and from missing labels', () => {
    expect(say('captured-inputs', 0)).toBe(
      's: no captured inputs since 2026-03-01 12:00:00 UTC, and no invocation either: there is no traffic',
    );
    expect(say('captured-inputs', 1)).toMatch(/although there were 1 invocations: data capture is/);
    expect(say('ground-truth', 0)).toMatch(/^s: no labelled predictions since .*no traffic$/);
    expect(say('ground-truth', 1_500)).toMatch(/although there were 1,500 invocations: labels do/);
  });
});

describe('windows of a version that has just taken over', () => {
  const rule = {
    windowMs: HOUR_MS,
    latenessMs: 0,
    countedToMs: NOON_MS - DAY_MS,
    disturbed: [],
    mostBack: 4,
  };
  it('begin after it took over, and the time before is passed over for good', () => {
    const due = dueWindows({ ...rule, sinceMs: NOON_MS - HOUR_MS - 1 }, NOON_MS, 50);
    expect(due.windows).toEqual([{ fromMs: NOON_MS - HOUR_MS, toMs: NOON_MS }]);
    expect(due.countedToMs).toBe(NOON_MS);
  });
  it('are passed over up to where it took over, once that is complete', () => {
    const atEnd = dueWindows({ ...rule, sinceMs: NOON_MS }, NOON_MS, 50);
    expect(atEnd).toEqual({ windows: [], countedToMs: NOON_MS, more: false });
  });
  it('leave the count where it is while the first is still to come', () => {
    const early = dueWindows({ ...rule, sinceMs: NOON_MS + 1 }, NOON_MS, 50);
    expect(early).toEqual({ windows: [], countedToMs: NOON_MS - DAY_MS, more: false });
  });
});
