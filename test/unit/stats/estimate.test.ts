import { describe, expect, it } from 'vitest';

import {
  estimateAdvice,
  isNewlyBreached,
  mayCalibrate,
  withEstimate,
} from '../../../domain/estimate.js';
import { confirmed, judge } from '../../../domain/detect.js';
import type { WindowResult } from '../../../domain/model.js';
import { chanceOf, fitIsotonic } from '../../../domain/stats/calibration.js';
import {
  calibrate,
  estimatePerformance,
  FEWEST_TO_CALIBRATE,
} from '../../../domain/stats/estimate.js';
import type { Calibration } from '../../../domain/stats/types.js';
import { aPolicy } from '../domain/support.js';

/** Chances 0 to 1 that repeat themselves, without a generator whose next version would give others. */
const uniform = (i: number) => (i * 0.618033988749895) % 1;
const rows = (n: number) => Array.from({ length: n }, (_, i) => i);
/** Labels that come true as often as `chance` says. */
const labelsOf = (chances: readonly number[]) =>
  chances.map((chance, i) => Number((i * 0.7548776662466927) % 1 < chance));

const asTheyAre: Calibration = {
  x: [],
  y: [],
  rows: 1_000,
  positives: 500,
  eceOfScores: 0,
  eceOfMap: 1,
  used: false,
};

describe('a calibration', () => {
  const truth = rows(4_000).map(uniform);
  it('is used where scores exaggerate, and brings them near what comes true', () => {
    const scores = truth.map((p) => (p > 0.5 ? 1 - (1 - p) ** 2 * 2 : p ** 2 * 2));
    const found = calibrate(labelsOf(truth), scores);
    expect(found?.used).toBe(true);
    expect(found?.eceOfMap).toBeLessThan((found?.eceOfScores ?? 0) / 2);
    if (found === null) throw new Error('there is a calibration');
    const off = scores.map((score, i) => Math.abs(chanceOf(found, score) - (truth[i] ?? 0)));
    expect(off.reduce((sum, one) => sum + one, 0) / off.length).toBeLessThan(0.04);
  });
  it('is not used where the scores are chances already', () => {
    expect(calibrate(labelsOf(truth), truth)?.used).toBe(false);
  });
  it('makes chances of scores that are none', () => {
    const found = calibrate(
      labelsOf(truth),
      truth.map((p) => 20 * p - 10),
    );
    expect(found).toMatchObject({ used: true, eceOfScores: 1 });
  });
  it('is not fitted on few rows, or on one class', () => {
    const few = truth.slice(0, FEWEST_TO_CALIBRATE - 1);
    expect(calibrate(labelsOf(few), few)).toBeNull();
    expect(
      calibrate(
        truth.map(() => 0),
        truth,
      ),
    ).toBeNull();
  });
  it('says the same with few knots as with all', () => {
    const labels = labelsOf(truth);
    const map = fitIsotonic(truth, labels);
    const found = calibrate(labels, truth);
    if (found === null) throw new Error('there is a calibration');
    expect(found.x.length).toBeLessThan(map.x.length / 10);
    for (const score of [-1, 0, 0.1234, 0.5, 0.987, 1, 2])
      expect(chanceOf(found, score)).toBeCloseTo(chanceOf(map, score), 12);
  });
});

describe('an estimate of performance', () => {
  const scores = rows(1_000).map(uniform);
  it('is what the chances say, within its interval', () => {
    // By its definition: each pair of rows is a positive and a negative with the product of their chances.
    let [wins, pairs] = [0, 0];
    for (const one of scores) {
      for (const other of scores) {
        const chance = one * (1 - other);
        pairs += chance;
        wins += one > other ? chance : one === other ? chance / 2 : 0;
      }
    }
    const found = estimatePerformance('roc_auc', scores, asTheyAre, 1.96);
    expect(found?.estimate).toBeCloseTo(wins / pairs, 12);
    expect(found?.lower).toBeLessThan(wins / pairs);
    expect(found?.upper).toBeGreaterThan(wins / pairs);
  });
  it.each(['accuracy', 'precision', 'recall', 'f1', 'roc_auc'] as const)(
    'of %s holds what comes true in nearly all of 200 draws of labels',
    (metric) => {
      const found = estimatePerformance(metric, scores, asTheyAre, 1.96);
      let held = 0;
      let state = 42;
      for (let draw = 0; draw < 200; draw += 1) {
        const labels = scores.map((p) => {
          state = (state * 1_664_525 + 1_013_904_223) % 4_294_967_296;
          return Number(state / 4_294_967_296 < p);
        });
        const real = realised(metric, labels, scores);
        if (real >= (found?.lower ?? 1) && real <= (found?.upper ?? 0)) held += 1;
      }
      expect(held).toBeGreaterThanOrEqual(180);
    },
  );
  it('goes through the calibration where it is used, and predicts by the score itself', () => {
    const halved: Calibration = { ...asTheyAre, x: [0, 1], y: [0, 0.5], used: true };
    const found = estimatePerformance('precision', [0.8, 0.6, 0.2], halved, 1.96);
    expect(found?.estimate).toBeCloseTo((0.4 + 0.3) / 2, 12);
    expect(found?.calibrated).toBe(true);
  });
  it('is none without scores, or of scores that are no chances', () => {
    expect(estimatePerformance('accuracy', [], asTheyAre, 1.96)).toBeNull();
    expect(estimatePerformance('accuracy', [0.5, 1.5], asTheyAre, 1.96)).toBeNull();
    expect(estimatePerformance('precision', [0.1, 0.2], asTheyAre, 1.96)).toBeNull();
  });
});

function realised(metric: string, labels: readonly number[], scores: readonly number[]): number {
  const count = (test: (label: number, isPositive: boolean) => boolean) =>
    labels.filter((label, i) => test(label, (scores[i] ?? 0) >= 0.5)).length;
  const tp = count((label, isPositive) => label === 1 && isPositive);
  const fp = count((label, isPositive) => label === 0 && isPositive);
  const fn = count((label, isPositive) => label === 1 && !isPositive);
  switch (metric) {
    case 'accuracy':
      return 1 - (fp + fn) / labels.length;
    case 'precision':
      return tp / (tp + fp);
    case 'recall':
      return tp / (tp + fn);
    case 'f1':
      return (2 * tp) / (2 * tp + fp + fn);
    default: {
      const order = labels.map((label, i) => ({ label, score: scores[i] ?? 0 }));
      order.sort((a, b) => a.score - b.score);
      let [negatives, pairs] = [0, 0];
      for (const { label } of order) {
        if (label === 0) negatives += 1;
        else pairs += negatives;
      }
      return pairs / (negatives * (labels.length - negatives));
    }
  }
}

describe('what an estimate may do', () => {
  const asked = { metric: 'accuracy', floor: 0.8 } as const;
  const window = (result: WindowResult['result'], index = 0): WindowResult => ({
    fromMs: index * 3_600_000,
    toMs: (index + 1) * 3_600_000,
    source: 'inputs',
    sourceKind: 'captured-inputs',
    result,
    rows: 1_000,
    sentence: 'inputs: fine',
    columns: [],
  });
  const estimate = (upper: number) => ({
    metric: 'accuracy' as const,
    estimate: upper - 0.01,
    lower: upper - 0.02,
    upper,
    rows: 1_000,
    calibrated: true,
  });
  const below = (result: WindowResult['result'], index = 0) =>
    withEstimate(window(result, index), asked, estimate(0.79), asTheyAre);

  it('makes a warning of a window in order when its whole interval is below the floor', () => {
    expect(withEstimate(window('ok'), asked, estimate(0.8), asTheyAre).result).toBe('ok');
    expect(below('ok')).toMatchObject({ result: 'warn', estimate: { breached: true, floor: 0.8 } });
  });
  it('changes nothing of any other window, and stands among the reasons of drift', () => {
    expect(below('breach').result).toBe('breach');
    expect(below('breach').sentence).toContain('estimated accuracy 0.78 [0.77, 0.79] is below');
    expect(below('data quality').result).toBe('data quality');
    expect(below('cannot tell')).toEqual(window('cannot tell'));
  });
  it('says everywhere that it is an estimate', () => {
    expect(below('ok').sentence).toContain('an estimate from the scores alone');
    expect(estimateAdvice(below('ok')).sentence).toContain('An estimate starts no release');
  });
  it('confirms nothing, however often it is below its floor', () => {
    const windows = [0, 1, 2, 3].map((index) => below('ok', index));
    for (const subject of ['drift', 'performance'] as const)
      expect(confirmed(windows, { breaches: 1, of: 1 }, subject)).toEqual([]);
    const { spec } = aPolicy();
    const judged = judge(spec, {
      endpoint: null,
      alarms: [],
      metrics: [],
      windows: { [spec.monitor.sources[0]?.id ?? '']: windows, inputs: windows },
      noData: {},
      baselineMissing: null,
    });
    expect(['healthy', 'cannot tell']).toContain(judged.verdict);
    expect(judged.windows).toEqual([]);
  });
  it('is told when it falls below its floor, and again after it has been above', () => {
    const above = withEstimate(window('ok'), asked, estimate(0.9), asTheyAre);
    expect(isNewlyBreached(below('ok', 1), [])).toBe(true);
    expect(isNewlyBreached(below('ok', 1), [above])).toBe(true);
    expect(isNewlyBreached(below('ok', 2), [above, below('ok', 1)])).toBe(false);
    expect(isNewlyBreached(above, [below('ok', 1)])).toBe(false);
  });
  it('says on which labelled window it was calibrated', () => {
    const on = { source: 'quality', fromMs: 0, toMs: 3_600_000 };
    const told = withEstimate(window('ok'), asked, estimate(0.9), asTheyAre, on);
    expect(told.estimate?.calibratedOn).toEqual(on);
    expect(told.sentence).toMatch(/calibrated on the labels of quality, 1970-01-01 00:00:00 to /);
    expect(below('ok').estimate).not.toHaveProperty('calibratedOn');
  });
  it('is calibrated on labels of nearly all predictions, and of such that score like the others', () => {
    const selection = { differs: true } as NonNullable<
      Parameters<typeof mayCalibrate>[0]['selection']
    >;
    expect(mayCalibrate({ coverage: 0.8, selection: null })).toBe(true);
    expect(mayCalibrate({ coverage: 0.799, selection: null })).toBe(false);
    expect(mayCalibrate({ coverage: 0.9, selection })).toBe(false);
    expect(mayCalibrate({ coverage: 0.9, selection: { ...selection, differs: false } })).toBe(true);
  });
  it('says why there is none', () => {
    expect(withEstimate(window('ok'), asked, null, undefined).sentence).toContain(
      'accuracy could not be estimated: the baseline has fewer than 500 labelled scores',
    );
    expect(withEstimate(window('ok'), asked, null, asTheyAre).sentence).toContain(
      'the answers are no chances',
    );
  });
});
