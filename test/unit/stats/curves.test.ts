import { describe, expect, it } from 'vitest';

import { evaluationCurves, precisionRecall, scoreBin } from '../../../domain/stats/curves.js';

describe('scoreBin', () => {
  it.each([
    [0, 0],
    [0.1, 0],
    [0.1 + 1e-12, 1],
    [0.3, 2],
    [0.7, 6],
    [0.999, 9],
    [1, 9],
  ])('puts %d into bin %i of ten, each with its upper edge', (score, bin) => {
    expect(scoreBin(score, 10)).toBe(bin);
  });
});

const labels = Array.from({ length: 5_000 }, (_, i) => Number(i % 3 === 0));
const scores = labels.map((label, i) => ((i * 7_919) % 4_001) / 5_000 + 0.15 * label);

describe('the curves of an evaluation', () => {
  const { champion, candidate } = evaluationCurves({ labels, champion: null, candidate: scores });
  it('are of the candidate alone where there is no champion', () => {
    expect(champion).toBeNull();
  });
  it('hold at most 200 points of a ROC that rises from corner to corner', () => {
    const { roc } = candidate;
    expect(roc.length).toBeGreaterThan(100);
    expect(roc.length).toBeLessThanOrEqual(200);
    expect(roc[0]).toEqual({ falsePositiveRate: 0, truePositiveRate: 0 });
    expect(roc.at(-1)).toEqual({ falsePositiveRate: 1, truePositiveRate: 1 });
    for (const [i, point] of roc.slice(1).entries()) {
      expect(point.falsePositiveRate).toBeGreaterThanOrEqual(roc[i]?.falsePositiveRate ?? 2);
      expect(point.truePositiveRate).toBeGreaterThanOrEqual(roc[i]?.truePositiveRate ?? 2);
    }
  });
  it('draw tied scores as one step', () => {
    const tied = evaluationCurves({
      labels: [1, 0, 1, 0],
      champion: null,
      candidate: [1, 1, 1, 0],
    });
    expect(tied.candidate.roc).toEqual([
      { falsePositiveRate: 0, truePositiveRate: 0 },
      { falsePositiveRate: 0.5, truePositiveRate: 1 },
      { falsePositiveRate: 1, truePositiveRate: 1 },
    ]);
  });
  it('count every row once, in calibration and histogram', () => {
    const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
    const positives = sum(labels);
    expect(sum(candidate.calibration.map((bin) => bin.rows))).toBe(5_000);
    expect(sum(candidate.calibration.map((bin) => bin.positives))).toBe(positives);
    expect(sum(candidate.histogram.map((bin) => bin.positives))).toBe(positives);
    expect(sum(candidate.histogram.map((bin) => bin.negatives))).toBe(5_000 - positives);
  });
  it('give each share of a bin its interval', () => {
    for (const bin of candidate.calibration) {
      expect(bin.lower).toBeLessThanOrEqual(bin.share);
      expect(bin.upper).toBeGreaterThanOrEqual(bin.share);
      expect(bin.meanScore).toBeGreaterThan(bin.from);
      expect(bin.meanScore).toBeLessThanOrEqual(bin.to);
    }
  });
  it('leave out the ROC of one class', () => {
    const one = evaluationCurves({ labels: [1, 1], champion: [0.1, 0.2], candidate: [0.3, 0.4] });
    expect([one.champion?.roc, one.candidate.roc]).toEqual([[], []]);
  });
});

describe('precision against recall', () => {
  it('has a point for each threshold that calls any row positive', () => {
    const { candidate: model } = evaluationCurves({
      labels: [1, 0, 1, 0],
      champion: null,
      candidate: [0.9, 0.8, 0.7, 0.1],
    });
    expect(precisionRecall(model)).toEqual([
      { recall: 0.5, precision: 1 },
      { recall: 0.5, precision: 0.5 },
      { recall: 1, precision: 2 / 3 },
      { recall: 1, precision: 0.5 },
    ]);
  });
  it('is empty where there is one class only', () => {
    const { candidate: model } = evaluationCurves({
      labels: [1, 1],
      champion: null,
      candidate: [0.9, 0.8],
    });
    expect(precisionRecall(model)).toEqual([]);
  });
});
