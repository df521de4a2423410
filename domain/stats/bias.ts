import type { BiasMetric } from './types.js';

/** Decisions about people of one group: rows by label and decision. */
export interface GroupCells {
  readonly tp: number;
  readonly fp: number;
  readonly fn: number;
  readonly tn: number;
}

/**
 * How differently a model treats group `d` from the rest `a`, by the names SageMaker Clarify gives: 0 (for `di` 1) is the
 * same. NaN when a group has no rows to compute it from.
 */
export function biasOf(metric: BiasMetric, a: GroupCells, d: GroupCells): number {
  switch (metric) {
    case 'dppl':
      return predictedPositive(a) - predictedPositive(d);
    case 'di':
      return predictedPositive(d) / predictedPositive(a);
    case 'ad':
      return accuracyOf(a) - accuracyOf(d);
    case 'rd':
      return recallOf(a) - recallOf(d);
    case 'sd':
      return specificityOf(a) - specificityOf(d);
    case 'dar':
      return precisionOf(a) - precisionOf(d);
  }
}

/** How far a value is from treating both groups the same; a ratio and its inverse are equally far. */
export function biasDistance(metric: BiasMetric, value: number): number {
  return metric === 'di' ? Math.abs(Math.log(value)) : Math.abs(value);
}

const predictedPositive = ({ tp, fp, fn, tn }: GroupCells) => (tp + fp) / (tp + fp + fn + tn);
const accuracyOf = ({ tp, fp, fn, tn }: GroupCells) => (tp + tn) / (tp + fp + fn + tn);
const recallOf = ({ tp, fn }: GroupCells) => tp / (tp + fn);
const specificityOf = ({ fp, tn }: GroupCells) => tn / (tn + fp);
const precisionOf = ({ tp, fp }: GroupCells) => tp / (tp + fp);
