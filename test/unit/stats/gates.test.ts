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
    ['cannot tell', { estimate: null }, 0.1],
    ['cannot tell', { lower: null }, 0.1],
    ['cannot tell', { upper: null }, 0.1],
    ['ok', { positives: 10 }, 0.1],
    ['cannot tell', { metric: 'log_loss' }, 0.62],
    ['breach', { metric: 'log_loss' }, 0.6],
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

describe('the reasons of an evaluation', () => {
  const result = (verdict: GateResult['verdict']): GateResult => ({
    id: 'floor',
    kind: 'absolute',
    metric: 'roc_auc',
    severity: 'required',
    slice: null,
    estimateChampion: null,
    estimateCandidate: 0.7,
    delta: null,
    lower: 0.6,
    upper: 0.8,
    confidence: 0.95,
    upperConfidence: 0.95,
    n: 1_000,
    positives: 100,
    method: 'delong',
    seed: 1,
    margin: 0.7,
    verdict,
    reason: `it is ${verdict}`,
    rowsWanted: null,
  });
  const sound: EvaluationChecks = {
    duplicateRowIds: 0,
    rowsOutsideHoldOut: 0,
    rowsInTraining: 0,
    badLabels: 0,
    badCandidateScores: 0,
    badChampionScores: 0,
  };
  const served = { noBaseline: false, championExpected: true };
  it('are the faults of the rows with their number, then the gates that failed', () => {
    const checks = { ...sound, duplicateRowIds: 3, badLabels: 1 };
    expect(decideEvaluation(checks, [result('fail'), result('pass')], served)).toEqual({
      verdict: 'fail',
      reasons: [
        '3 row ids occur more than once',
        '1 labels are neither 0 nor 1',
        'floor: it is fail',
      ],
    });
  });
  it('are the gates that passed', () => {
    expect(decideEvaluation(sound, [result('pass')], served)).toEqual({
      verdict: 'pass',
      reasons: ['floor: it is pass'],
    });
  });
  it('show the estimate with its interval in three digits', () => {
    expect(judgeAbsolute(floor, at(0.71234, 0.72345, 0.73456)).reason).toContain(
      '0.723 [0.712, 0.735]',
    );
  });
});

describe('rows to settle', () => {
  it('shrink with the square of the distance, on the side that reaches over the limit', () => {
    // Half the width is needed: four times the rows.
    expect(rowsToSettle(1_000, at(0.25, 0.75, 0.8), 0.5)).toBe(4_001);
    expect(rowsToSettle(1_000, at(0.2, 0.25, 0.75), 0.5)).toBe(4_001);
    expect(rowsToSettle(1_000, at(0.69, 0.7, 0.71), 0.7)).toBeNull();
    expect(rowsToSettle(1_000, at(0.719, 0.72, 0.721), 0.7)).toBe(1_000);
  });
});
