import { describe, expect, it } from 'vitest';

import { caveats, judgePerformance } from '../../../domain/stats/performance.js';
import { SELECTION_DISTANCE, selectionOf } from '../../../domain/stats/selection.js';
import type { LabelSelection, PerformanceReading } from '../../../domain/stats/types.js';

const line = (n: number, from = 0, to = 1) =>
  Float64Array.from({ length: n }, (_, i) => from + ((to - from) * i) / n);

describe('labels that are missing not at random', () => {
  it('are seen by distance and significance together', () => {
    const found = selectionOf(line(1_000, 0.5), line(1_000));
    expect(found?.differs).toBe(true);
    expect(found?.meanLabelled).toBeCloseTo(0.75, 2);
    expect(found?.meanUnlabelled).toBeCloseTo(0.5, 2);
  });
  it('are not seen in a difference that is certain and small', () => {
    const found = selectionOf(line(1_000_000, 0.01), line(1_000_000));
    expect(found?.pValue).toBeLessThan(1e-10);
    expect(found?.jsDistance).toBeLessThan(SELECTION_DISTANCE);
    expect(found?.differs).toBe(false);
  });
  it('are not judged from few scores', () => {
    expect(selectionOf(line(99), line(1_000))).toBeNull();
    expect(selectionOf(line(1_000), line(99))).toBeNull();
    expect(selectionOf(line(100), line(100))?.differs).toBe(false);
  });
  it('are not seen where all scores are one', () => {
    const same = new Float64Array(500).fill(0.3);
    expect(selectionOf(same, same)).toMatchObject({ jsDistance: 0, differs: false });
  });
});

const selection: LabelSelection = {
  labelled: 1_000,
  unlabelled: 1_000,
  meanLabelled: 0.8,
  meanUnlabelled: 0.4,
  jsDistance: 0.31,
  pValue: 1e-9,
  differs: true,
};
const reading: PerformanceReading = {
  schema: 'modelkeeper/performance-v1',
  metric: 'roc_auc',
  estimate: 0.8,
  lower: 0.78,
  upper: 0.82,
  confidence: 0.95,
  method: 'delong',
  rows: 2_000,
  labelled: 1_000,
  coverage: 0.5,
  positives: 500,
  badLabels: 0,
  labelsWithoutPrediction: 0,
};

describe('a metric of selected rows', () => {
  const limits = { floor: 0.6, minRows: 100 };
  it('is a warning where it would be in order', () => {
    expect(judgePerformance(reading, limits).kind).toBe('ok');
    expect(judgePerformance({ ...reading, selection }, limits).kind).toBe('warn');
  });
  it('is a breach all the same where it is below the floor', () => {
    expect(judgePerformance({ ...reading, selection }, { ...limits, floor: 0.9 }).kind).toBe(
      'breach',
    );
  });
  it('is told with how many rows have a label and how they differ', () => {
    expect(caveats({ ...reading, selection })).toEqual([
      'labels of 50 % of the predictions',
      'the labelled predictions score unlike the others (mean 0.8 against 0.4, moved by 0.31): the metric does not speak for all',
    ]);
    expect(caveats({ ...reading, rows: 1_000, coverage: 1 })).toEqual([]);
  });
});

describe('the limits of a metric', () => {
  it('cannot be told from fewer labels than the policy wants', () => {
    const limits = { floor: 0.6, minRows: 100, minCoverage: 0.5 };
    expect(judgePerformance(reading, limits).kind).toBe('ok');
    expect(judgePerformance(reading, { ...limits, minCoverage: 0.51 })).toEqual({
      kind: 'cannot tell',
      reason: 'labels of 50 % of the predictions, 51 % are needed',
    });
  });
  it('are a ceiling for errors of amounts, which have no rarer class', () => {
    const errors = { ...reading, metric: 'mae', estimate: 5, lower: 4, upper: 6, positives: 0 };
    const judged = (floor: number) =>
      judgePerformance({ ...errors, metric: 'mae' }, { floor, minRows: 100 }).kind;
    expect([judged(3.9), judged(4.5), judged(5)]).toEqual(['breach', 'cannot tell', 'ok']);
  });
  it('that are missing are no pass', () => {
    expect(judgePerformance(reading, { floor: undefined, minRows: 1 }).kind).toBe('cannot tell');
  });
});
