/** By hand, on numbers small enough for it. The vectors of other programs are in test/analysis. */
import { describe, expect, it } from 'vitest';

import { accuracy, f1, precision, prAuc, recall } from '../../../domain/stats/binary-metrics.js';
import { chiSquare } from '../../../domain/stats/chi-square.js';
import { deLong, pairedDeLong } from '../../../domain/stats/delong.js';
import { dropEmpty } from '../../../domain/stats/distances.js';
import { kolmogorovQ, ksBounds, nextDown } from '../../../domain/stats/kolmogorov.js';

describe('decisions', () => {
  const cells = { tp: 3, fp: 1, fn: 2, tn: 4 };
  it('are counted', () => {
    expect(accuracy(cells)).toBe(0.7);
    expect(precision(cells)).toBe(0.75);
    expect(recall(cells)).toBe(0.6);
    expect(f1(cells)).toBeCloseTo(6 / 9, 15);
  });
  it('that never or rightly say yes have a precision, a recall and an F1', () => {
    const never = { tp: 0, fp: 0, fn: 0, tn: 5 };
    expect([precision(never), recall(never), f1(never)]).toEqual([0, 0, 0]);
    const always = { tp: 2, fp: 0, fn: 0, tn: 0 };
    expect([precision(always), recall(always), f1(always)]).toEqual([1, 1, 1]);
  });
});

describe('average precision', () => {
  const labels = [1, 0, 1, 0];
  const scores = [0.9, 0.8, 0.7, 0.1];
  it('is the precision at each gain of recall', () => {
    expect(prAuc(labels, scores)).toBeCloseTo((1 + 2 / 3) / 2, 15);
  });
  it('takes equal scores together', () => {
    expect(prAuc(labels, [0.5, 0.5, 0.5, 0.5])).toBe(0.5);
    expect(prAuc([1, 0, 1], [0.9, 0.9, 0.1])).toBeCloseTo((1 / 2 + 2 / 3) / 2, 15);
  });
  it('counts each row as often as its weight says', () => {
    const order = Uint32Array.from([3, 2, 1, 0]);
    const weights = [2, 1, 0, 3];
    expect(prAuc(labels, scores, order, weights)).toBe(1);
    expect(prAuc(labels, scores, order, [0, 1, 0, 1])).toBeNaN();
  });
  it('is not a number without positives', () => {
    expect(prAuc([0, 0], [0.1, 0.2])).toBeNaN();
  });
});

describe('DeLong', () => {
  const labels = [1, 1, 0, 0];
  const one = [0.9, 0.4, 0.5, 0.1];
  it('has the area and its variance', () => {
    expect(deLong(labels, one)).toEqual({ auc: 0.75, variance: 0.125 });
    expect(deLong(labels, [0.5, 0.5, 0.5, 0.5])).toEqual({ auc: 0.5, variance: 0 });
  });
  it('sees no difference between a model and itself', () => {
    expect(pairedDeLong(labels, one, one)).toMatchObject({
      difference: 0,
      differenceVariance: 0,
      covariance: 0.125,
    });
  });
  it('of two models is of the same rows, and may go either way', () => {
    const other = [0.9, 0.8, 0.5, 0.1];
    expect(pairedDeLong(labels, one, other)).toMatchObject({
      champion: { auc: 0.75, variance: 0.125 },
      candidate: { auc: 1, variance: 0 },
      difference: 0.25,
      differenceVariance: 0.125,
    });
    expect(pairedDeLong(labels, other, one)?.difference).toBe(-0.25);
  });
  it.each([
    ['one positive', [1, 0, 0]],
    ['one negative', [1, 1, 0]],
    ['no rows', []],
  ])('has no variance with %s', (_what, few) => {
    const scores = few.map((_, i) => i);
    expect(deLong(few, scores)).toBeNull();
    expect(pairedDeLong(few, scores, scores)).toBeNull();
  });
});

describe('what bins know of the Kolmogorov–Smirnov distance', () => {
  const pair = { baseline: [2, 2], window: [0, 4] };
  it('is exact at edges and open between them', () => {
    expect(ksBounds(pair)).toEqual({ lower: 0.5, upper: 1 });
    expect(ksBounds(pair, [5])).toEqual({ lower: 0.5, upper: 1 });
    expect(ksBounds({ baseline: [0, 4], window: [2, 2] })).toEqual({ lower: 0.5, upper: 1 });
  });
  it('is exact in a bin that holds one number only', () => {
    expect(ksBounds(pair, [nextDown(5), 5])).toEqual({ lower: 0.5, upper: 0.5 });
    expect(ksBounds(pair, [4, 5])).toEqual({ lower: 0.5, upper: 1 });
    // The bin behind the last edge is open however near the edges are.
    const three = { baseline: [0, 0, 4], window: [0, 0, 4] };
    expect(ksBounds(three, [nextDown(5), 5])).toEqual({ lower: 0, upper: 1 });
  });
  it('is nothing where nothing moved and every bin is one number', () => {
    const same = { baseline: [0, 3], window: [0, 6] };
    expect(ksBounds(same, [nextDown(5), 5])).toEqual({ lower: 0, upper: 0 });
  });
});

describe('the Kolmogorov distribution', () => {
  it('is the same from both series where they meet', () => {
    expect(kolmogorovQ(1)).toBeCloseTo(kolmogorovQ(nextDown(1)), 12);
  });
});

describe('nextDown', () => {
  it('stays where there is nothing below', () => {
    expect(nextDown(-Infinity)).toBe(-Infinity);
    expect(nextDown(Number.NaN)).toBeNaN();
    expect(nextDown(Infinity)).toBe(Number.MAX_VALUE);
  });
});

describe('counts of two sides', () => {
  it('must be of the same bins', () => {
    expect(() => dropEmpty({ baseline: [1, 2], window: [1] })).toThrow(RangeError);
    expect(dropEmpty({ baseline: [1, 0], window: [0, 0] })).toEqual({ baseline: [1], window: [0] });
  });
  it.each([
    ['without a window', { baseline: [1, 2], window: [0, 0] }],
    ['without a baseline', { baseline: [0, 0], window: [1, 2] }],
    ['in one bin only', { baseline: [3, 0], window: [5, 0] }],
  ])('%s have no chi-square', (_what, pair) => {
    expect(chiSquare(pair)).toMatchObject({ statistic: 0, df: 0, cramersV: 0 });
  });
});
