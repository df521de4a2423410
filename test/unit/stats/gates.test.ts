import { describe, expect, it } from 'vitest';

import {
  decideEvaluation,
  judgeAbsolute,
  judgeNonInferior,
  judgeSuperior,
  rowsToSettle,
} from '../../../domain/stats/gates.js';
import { judgePerformance } from '../../../domain/stats/performance.js';
import type {
  EvaluationChecks,
  Gate,
  GateResult,
  PerformanceReading,
} from '../../../domain/stats/types.js';

const floor: Extract<Gate, { kind: 'absolute' }> = {
  id: 'floor',
  kind: 'absolute',
  metric: 'roc_auc',
  min: 0.7,
  on: 'bound',
  severity: 'required',
};
const ceiling: typeof floor = { ...floor, metric: 'brier', max: 0.2 };
const at = (lower: number, estimate: number, upper: number) => ({ lower, estimate, upper });

describe('judgeAbsolute', () => {
  it.each([
    ['pass', floor, at(0.7, 0.72, 0.74)],
    ['inconclusive', floor, at(0.699, 0.72, 0.74)],
    ['inconclusive', floor, at(0.6, 0.65, 0.7)],
    ['fail', floor, at(0.6, 0.65, 0.699)],
    ['fail', floor, at(Number.NaN, 0.8, 0.9)],
    ['pass', { ...floor, on: 'estimate' }, at(0.5, 0.7, 0.9)],
    ['fail', { ...floor, on: 'estimate' }, at(0.5, 0.699, 0.9)],
    ['pass', ceiling, at(0.1, 0.15, 0.2)],
    ['inconclusive', ceiling, at(0.1, 0.15, 0.201)],
    ['inconclusive', ceiling, at(0.2, 0.25, 0.3)],
    ['fail', ceiling, at(0.201, 0.25, 0.3)],
  ] as const)('answers %s', (verdict, gate, bounded) => {
    expect(judgeAbsolute(gate, bounded).verdict).toBe(verdict);
  });
  it('fails a gate without a limit', () => {
    expect(judgeAbsolute({ ...ceiling, max: undefined }, at(0, 0, 0)).verdict).toBe('fail');
  });
});

describe('judgeNonInferior', () => {
  it.each([
    ['pass', at(-0.0099, 0, 0.01)],
    ['inconclusive', at(-0.01, 0, 0.01)],
    ['inconclusive', at(-0.03, -0.02, -0.01)],
    ['fail', at(-0.03, -0.02, -0.0101)],
    ['fail', at(Number.NaN, 0, 0)],
  ] as const)('answers %s for %j', (verdict, delta) => {
    expect(judgeNonInferior('roc_auc', 0.01, delta).verdict).toBe(verdict);
  });
});

describe('judgeSuperior', () => {
  it.each([
    ['pass', at(0.0001, 0.01, 0.02)],
    ['inconclusive', at(0, 0.01, 0.02)],
    ['inconclusive', at(0, 0, 0)],
    ['fail', at(-0.02, -0.01, -0.0001)],
    ['fail', at(0, Number.NaN, 0)],
  ] as const)('answers %s for %j', (verdict, delta) => {
    expect(judgeSuperior('roc_auc', 0, delta).verdict).toBe(verdict);
  });
});

describe('rowsToSettle', () => {
  it('extrapolates the width of the interval with the square root of the rows', () => {
    expect(rowsToSettle(1_000, at(-0.03, 0, 0.03), -0.01)).toBe(9_001);
  });
  it('knows no number when the estimate is on the limit', () => {
    expect(rowsToSettle(1_000, at(-0.03, 0, 0.03), 0)).toBeNull();
  });
});

const sound: EvaluationChecks = {
  duplicateRowIds: 0,
  rowsOutsideHoldOut: 0,
  rowsInTraining: 0,
  badLabels: 0,
  badCandidateScores: 0,
  badChampionScores: 0,
};

function gate(verdict: GateResult['verdict'], severity: GateResult['severity'] = 'required') {
  return { id: 'g', severity, verdict, reason: 'because' } as GateResult;
}

describe('decideEvaluation', () => {
  const usual = { noBaseline: false, championExpected: true };
  it.each([
    ['pass', [gate('pass')]],
    ['pass', [gate('pass'), gate('fail', 'advisory'), gate('inconclusive', 'advisory')]],
    ['fail', [gate('pass'), gate('inconclusive'), gate('fail')]],
    ['inconclusive', [gate('pass'), gate('inconclusive')]],
    ['inconclusive', [gate('pass', 'advisory')]],
    ['inconclusive', []],
  ] as const)('is %s', (verdict, gates) => {
    expect(decideEvaluation(sound, gates, usual).verdict).toBe(verdict);
  });
  it.each(Object.keys(sound) as (keyof EvaluationChecks)[])('fails by one of %s', (check) => {
    const found = decideEvaluation({ ...sound, [check]: 1 }, [gate('pass')], usual);
    expect(found.verdict).toBe('fail');
    expect(found.reasons).toHaveLength(1);
  });
  it('is no pass when nobody could check for overlap with the training rows', () => {
    const found = decideEvaluation({ ...sound, rowsInTraining: null }, [gate('pass')], usual);
    expect(found.verdict).toBe('inconclusive');
  });
  it('fails when the champion serves and its scores are not there', () => {
    const context = { noBaseline: true, championExpected: true };
    expect(decideEvaluation(sound, [gate('pass')], context).verdict).toBe('fail');
  });
  it('passes a first model by its absolute gates', () => {
    const context = { noBaseline: true, championExpected: false };
    expect(decideEvaluation(sound, [gate('pass')], context).verdict).toBe('pass');
  });
});

describe('judgePerformance', () => {
  const reading: PerformanceReading = {
    schema: 'modelkeeper/performance-v1',
    metric: 'roc_auc',
    estimate: 0.65,
    lower: 0.62,
    upper: 0.68,
    confidence: 0.95,
    method: 'delong',
    rows: 1_000,
    labelled: 500,
    coverage: 0.5,
    positives: 100,
    badLabels: 0,
    labelsWithoutPrediction: 0,
  };
  it.each([
    ['ok', {}, 0.65],
    ['cannot tell', {}, 0.66],
    ['cannot tell', {}, 0.68],
    ['breach', {}, 0.6801],
    ['cannot tell', { labelled: 499 }, 0.1],
    ['cannot tell', { labelled: 499 }, 0.9],
    ['cannot tell', { positives: 9 }, 0.1],
    ['cannot tell', { positives: 491 }, 0.1],
    ['cannot tell', { estimate: null, lower: null, upper: null }, 0.1],
    ['ok', { metric: 'brier' }, 0.65],
    ['cannot tell', { metric: 'brier' }, 0.62],
    ['breach', { metric: 'brier' }, 0.6199],
  ] as const)('is %s with %j at %d', (kind, changes, limit) => {
    const judged = judgePerformance({ ...reading, ...changes }, { floor: limit, minRows: 500 });
    expect(judged.kind).toBe(kind);
  });
  it('never calls no evidence ok', () => {
    const nothing = { ...reading, estimate: null, lower: null, upper: null, rows: 0, labelled: 0 };
    expect(judgePerformance(nothing, { floor: 0, minRows: 0 }).kind).toBe('cannot tell');
  });
});
