import { coarsen, countInto, edgesFromRanks } from './bins.js';
import { dropEmpty, jsDistance } from './distances.js';
import { ksBounds, ksPValue } from './kolmogorov.js';
import type { LabelSelection } from './types.js';

/** Fewest scores on either side for a comparison. */
const FEWEST = 100;
/** Jensen–Shannon distance (base 2) from which the labelled predictions are another population. */
export const SELECTION_DISTANCE = 0.1;
/** p below which the difference is more than chance. */
export const SELECTION_SIGNIFICANCE = 0.01;

/**
 * Whether the predictions that have a label score like those that have none. Labels are rarely missing at random: of
 * loans that were refused nobody learns whether they would have been repaid, and what is measured on the others says
 * nothing about them. Both keys, as for drift; `null` with too few scores on either side.
 */
export function selectionOf(
  labelled: ArrayLike<number>,
  unlabelled: ArrayLike<number>,
): LabelSelection | null {
  if (labelled.length < FEWEST || unlabelled.length < FEWEST) return null;
  const all = new Float64Array(labelled.length + unlabelled.length);
  all.set(labelled);
  all.set(unlabelled, labelled.length);
  all.sort();
  const edges = edgesFromRanks(all.length, (rank) => all[rank - 1] ?? Number.NaN);
  const fine = {
    baseline: countInto(edges.fine, Array.from(unlabelled)),
    window: countInto(edges.fine, Array.from(labelled)),
  };
  const distance = jsDistance(
    dropEmpty({ baseline: coarsen(edges, fine.baseline), window: coarsen(edges, fine.window) }),
  );
  const pValue = ksPValue(ksBounds(fine, edges.fine).lower, unlabelled.length, labelled.length);
  return {
    labelled: labelled.length,
    unlabelled: unlabelled.length,
    meanLabelled: mean(labelled),
    meanUnlabelled: mean(unlabelled),
    jsDistance: distance,
    pValue,
    differs: distance >= SELECTION_DISTANCE && pValue < SELECTION_SIGNIFICANCE,
  };
}

function mean(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i += 1) sum += values[i] ?? Number.NaN;
  return sum / values.length;
}
