import { wilson } from './proportions.js';
import { ascendingOrder } from './ranks.js';
import type { EvaluationCurves, ModelCurves } from './types.js';

/** Bins of equal width in which the calibration is looked at, in plots and for the ECE. */
export const CALIBRATION_BINS = 10;
const HISTOGRAM_BINS = 20;
const MOST_ROC_POINTS = 200;
/** Normal quantile of a two-sided 95 %. */
const Z_95 = 1.959963984540054;

/** Which of `bins` right-closed bins of equal width a score of 0 to 1 is in; the first holds 0 too. */
export function scoreBin(score: number, bins: number): number {
  let bin = Math.min(bins - 1, Math.max(0, Math.ceil(score * bins) - 1));
  // The product may be off by one unit in the last place: the edges themselves decide.
  while (bin > 0 && score <= bin / bins) bin -= 1;
  while (bin < bins - 1 && score > (bin + 1) / bins) bin += 1;
  return bin;
}

/** What plots show of both models. Labels are 0 or 1, scores 0 to 1. */
export function evaluationCurves(rows: {
  readonly labels: ArrayLike<number>;
  readonly champion: ArrayLike<number> | null;
  readonly candidate: ArrayLike<number>;
}): EvaluationCurves {
  const { labels, champion, candidate } = rows;
  return {
    champion: champion === null ? null : modelCurves(labels, champion),
    candidate: modelCurves(labels, candidate),
  };
}

function modelCurves(labels: ArrayLike<number>, scores: ArrayLike<number>): ModelCurves {
  return {
    roc: rocPoints(labels, scores),
    calibration: calibrationOf(labels, scores),
    histogram: histogramOf(labels, scores),
  };
}

/** The corners of the ROC curve, thinned evenly along it where there are more than can be drawn. */
function rocPoints(labels: ArrayLike<number>, scores: ArrayLike<number>): ModelCurves['roc'] {
  const order = ascendingOrder(scores);
  let positives = 0;
  for (let i = 0; i < labels.length; i += 1) positives += labels[i] === 1 ? 1 : 0;
  const negatives = labels.length - positives;
  if (positives === 0 || negatives === 0) return [];
  const corners: (readonly [fp: number, tp: number])[] = [[0, 0]];
  let [fp, tp, drawn] = [0, 0, 0];
  // Along the curve, measured in shares of both axes, which is 2 from end to end.
  const step = 2 / (MOST_ROC_POINTS - 2);
  for (let k = order.length - 1; k >= 0; k -= 1) {
    const row = order[k] ?? 0;
    if (labels[row] === 1) tp += 1;
    else fp += 1;
    const tied = k > 0 && scores[order[k - 1] ?? 0] === scores[row];
    const along = fp / negatives + tp / positives;
    if (!tied && (along - drawn >= step || k === 0)) {
      corners.push([fp, tp]);
      drawn = along;
    }
  }
  return corners.map(([x, y]) => ({
    falsePositiveRate: x / negatives,
    truePositiveRate: y / positives,
  }));
}

function calibrationOf(
  labels: ArrayLike<number>,
  scores: ArrayLike<number>,
): ModelCurves['calibration'] {
  const bins = Array.from({ length: CALIBRATION_BINS }, () => ({ rows: 0, positives: 0, sum: 0 }));
  for (let i = 0; i < labels.length; i += 1) {
    const score = scores[i] ?? Number.NaN;
    const bin = bins[scoreBin(score, CALIBRATION_BINS)];
    if (bin === undefined) continue;
    bin.rows += 1;
    bin.positives += labels[i] === 1 ? 1 : 0;
    bin.sum += score;
  }
  return bins.flatMap(({ rows, positives, sum }, at) =>
    rows === 0
      ? []
      : [
          {
            from: at / CALIBRATION_BINS,
            to: (at + 1) / CALIBRATION_BINS,
            rows,
            positives,
            meanScore: sum / rows,
            share: positives / rows,
            ...wilson({ x: positives, n: rows }, Z_95),
          },
        ],
  );
}

function histogramOf(
  labels: ArrayLike<number>,
  scores: ArrayLike<number>,
): ModelCurves['histogram'] {
  const bins = Array.from({ length: HISTOGRAM_BINS }, (_, at) => ({
    from: at / HISTOGRAM_BINS,
    to: (at + 1) / HISTOGRAM_BINS,
    negatives: 0,
    positives: 0,
  }));
  for (let i = 0; i < labels.length; i += 1) {
    const bin = bins[scoreBin(scores[i] ?? Number.NaN, HISTOGRAM_BINS)];
    if (bin !== undefined) bin[labels[i] === 1 ? 'positives' : 'negatives'] += 1;
  }
  return bins;
}

/** Rows of each class. */
export function classesOf({ histogram }: Pick<ModelCurves, 'histogram'>): {
  readonly negatives: number;
  readonly positives: number;
} {
  return {
    negatives: histogram.reduce((sum, bin) => sum + bin.negatives, 0),
    positives: histogram.reduce((sum, bin) => sum + bin.positives, 0),
  };
}

/** The curve of precision against recall, from the corners of the ROC and how many rows each class has. */
export function precisionRecall(curves: Pick<ModelCurves, 'roc' | 'histogram'>): readonly {
  readonly recall: number;
  readonly precision: number;
}[] {
  const { negatives, positives } = classesOf(curves);
  return curves.roc.flatMap(({ falsePositiveRate, truePositiveRate }) => {
    const found = truePositiveRate * positives;
    const called = found + falsePositiveRate * negatives;
    // No row is called positive at the first corner.
    return called > 0 ? [{ recall: truePositiveRate, precision: found / called }] : [];
  });
}
