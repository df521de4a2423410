import { describe, expect, it } from 'vitest';

import {
  evaluationMetrics,
  publishable,
  verdictMetrics,
  waitMetrics,
  windowMetrics,
} from '../../../domain/custom-metrics.js';
import type { WindowResult } from '../../../domain/model.js';
import { DAY_MS, HOUR_MS, NOON_MS } from './support.js';

const window: WindowResult = {
  source: 'inputs',
  sourceKind: 'captured-inputs',
  fromMs: NOON_MS - HOUR_MS,
  toMs: NOON_MS,
  result: 'ok',
  rows: 400,
  sentence: '',
  columns: [
    { name: 'distance', jsDistance: 0.3, pAdjusted: 0.001, verdict: 'drifted' },
    { name: 'delay', jsDistance: 0.1, pAdjusted: 0.5, verdict: 'stable' },
    { name: 'gone', jsDistance: null, pAdjusted: null, verdict: 'cannot tell' },
  ],
};
const shown = (metrics: ReturnType<typeof windowMetrics>) =>
  metrics.map(({ name, dimensions, value }) => [name, ...Object.values(dimensions), value]);

describe('the metrics of a window', () => {
  it('are its rows and the drift of each column that was compared, at its beginning', () => {
    const metrics = windowMetrics('flights', window);
    expect(shown(metrics)).toEqual([
      ['Rows', 'flights', 'inputs', 400],
      ['Drift', 'flights', 'inputs', 'distance', 0.3],
      ['Drift', 'flights', 'inputs', 'delay', 0.1],
      ['MostDrift', 'flights', 'inputs', 0.3],
    ]);
    expect(new Set(metrics.map(({ atMs }) => atMs))).toEqual(new Set([NOON_MS - HOUR_MS]));
  });

  it('are its rows alone when nothing could be compared', () => {
    expect(shown(windowMetrics('flights', { ...window, rows: 0, columns: [] }))).toEqual([
      ['Rows', 'flights', 'inputs', 0],
    ]);
  });

  const labelled = (estimate: number | null): WindowResult => ({
    ...window,
    columns: [],
    metric: { name: 'roc_auc', estimate, lower: null, upper: null, coverage: 1 },
  });

  it('of labels are the performance, as far as it is known', () => {
    expect(shown(windowMetrics('flights', labelled(0.7))).at(-1)).toEqual([
      'Performance',
      'flights',
      'inputs',
      'roc_auc',
      0.7,
    ]);
    expect(shown(windowMetrics('flights', labelled(null)))).toHaveLength(1);
  });

  it('are of another name when the window was judged again: CloudWatch would average both', () => {
    const again = (estimate: number | null) =>
      windowMetrics('flights', { ...labelled(estimate), revision: 1 });
    expect(again(0.7).map(({ name, value, atMs }) => [name, value, atMs])).toEqual([
      ['PerformanceRevised', 0.7, window.fromMs],
    ]);
    expect(again(null)).toEqual([]);
  });
});

describe('the metrics of decisions', () => {
  it('tell of every verdict whether it is the one', () => {
    const verdicts = verdictMetrics('flights', 'drift', NOON_MS);
    expect(verdicts).toHaveLength(6);
    expect(
      verdicts.filter(({ value }) => value === 1).map(({ dimensions }) => dimensions['Verdict']),
    ).toEqual(['drift']);
  });

  it('tell how many seconds people were waited for', () => {
    expect(waitMetrics('flights', { requestedAtMs: NOON_MS - 90_500 }, NOON_MS)).toMatchObject([
      { name: 'WaitForPeople', value: 90.5, unit: 'Seconds', atMs: NOON_MS },
    ]);
  });

  it('set candidate and champion side by side, and leave out what was not measured', () => {
    const of = (metric: string, estimate: number | null) => ({
      metric,
      estimate,
      lower: null,
      upper: null,
    });
    const metrics = evaluationMetrics(
      'flights',
      { candidate: [of('roc_auc', 0.7), of('log_loss', 0.3)], champion: [of('roc_auc', null)] },
      NOON_MS,
    );
    expect(shown(metrics)).toEqual([
      ['Evaluated', 'flights', 'roc_auc', 'candidate', 0.7],
      ['Evaluated', 'flights', 'log_loss', 'candidate', 0.3],
    ]);
  });
});

describe('what CloudWatch takes', () => {
  const at = (atMs: number, value = 1) => ({
    ...waitMetrics('m', { requestedAtMs: 0 }, 0)[0],
    atMs,
    value,
  });
  const taken = (atMs: number, value?: number) =>
    publishable([at(atMs, value) as never], NOON_MS).length === 1;
  it('is no older than two weeks less an hour, and not of the future', () => {
    expect(taken(NOON_MS - 14 * DAY_MS + HOUR_MS)).toBe(true);
    expect(taken(NOON_MS - 14 * DAY_MS + HOUR_MS - 1)).toBe(false);
    expect(taken(NOON_MS)).toBe(true);
    expect(taken(NOON_MS + 1)).toBe(false);
  });
  it.each([
    ['distance', 'distance'],
    ['größe', 'gr%C3%B6%C3%9Fe'],
    ['a\tb\n', 'a%09b%0A'],
    ['Temperatur °C 🌡', 'Temperatur %C2%B0C %F0%9F%8C%A1'],
    ['half a pair \ud83c', 'half a pair %EF%BF%BD'],
    ['', '(blank)'],
    ['   ', '(blank)'],
    ['x'.repeat(1_025), 'x'.repeat(1_024)],
  ])('names the column %j as %j', (column, named) => {
    const [metric] = publishable(
      [{ ...at(NOON_MS), dimensions: { Model: 'm', Column: column } } as never],
      NOON_MS,
    );
    expect(metric?.dimensions).toEqual({ Model: 'm', Column: named });
  });

  it('is a number', () => {
    expect(taken(NOON_MS, 2 ** 361)).toBe(false);
    expect(taken(NOON_MS, -(2 ** 360))).toBe(true);
    expect(taken(NOON_MS, Number.NaN)).toBe(false);
    expect(taken(NOON_MS, Number.POSITIVE_INFINITY)).toBe(false);
  });
});
