import { lowerIsBetter } from './metrics.js';
import type { PerformanceReading, PerformanceVerdict } from './types.js';
import { rounded } from './verdict.js';

/** Fewest rows of either class for an interval of the ROC AUC to mean anything. */
export const FEWEST_OF_A_CLASS = 10;

/** Whether labels are amounts; of the others they are 0 or 1. */
export const isOfAmounts = (metric: string): boolean => metric === 'rmse' || metric === 'mae';

export interface PerformanceLimits {
  /** What the metric must reach; for metrics where less is better, what it must not exceed. */
  readonly floor: number | undefined;
  /** Fewest labelled rows for a verdict. */
  readonly minRows: number;
  /** Smallest share of predictions with a label for a verdict; any when absent. */
  readonly minCoverage?: number;
}

/**
 * A breach is certain: the whole interval lies on the wrong side of the floor. An estimate on the wrong side whose
 * interval reaches over the floor tells nothing yet; neither do too few rows or one class only. For metrics where less
 * is better the floor is a ceiling. In order, but measured on predictions that score unlike those without a label, is a
 * warning: nobody knows how the model does on the others.
 */
export function judgePerformance(
  reading: PerformanceReading,
  limits: PerformanceLimits,
): PerformanceVerdict {
  const { estimate, lower, upper, labelled, metric } = reading;
  if (labelled < limits.minRows) {
    return cannotTell(`${labelled} labelled rows of ${reading.rows}, ${limits.minRows} are needed`);
  }
  if (limits.minCoverage !== undefined && reading.coverage < limits.minCoverage) {
    return cannotTell(
      `labels of ${percent(reading.coverage)} of the predictions, ${percent(limits.minCoverage)} are needed`,
    );
  }
  const rarer = Math.min(reading.positives, labelled - reading.positives);
  if (!isOfAmounts(metric) && rarer < FEWEST_OF_A_CLASS) {
    return cannotTell(
      `only ${rarer} of ${labelled} labels are of the rarer class, ${FEWEST_OF_A_CLASS} are needed`,
    );
  }
  if (estimate === null || lower === null || upper === null) {
    return cannotTell(`${metric} could not be computed`);
  }
  const { floor } = limits;
  if (floor === undefined) return cannotTell(`the policy has no limit for ${metric}`);
  const turned = lowerIsBetter(metric)
    ? { estimate: -estimate, best: -lower, floor: -floor, word: 'above', limit: 'ceiling' }
    : { estimate, best: upper, floor, word: 'below', limit: 'floor' };
  const numbers = `${metric} ${rounded(estimate)} [${rounded(lower)}, ${rounded(upper)}] on ${labelled} rows`;
  if (turned.best < turned.floor) {
    return {
      kind: 'breach',
      reason: `${numbers} is ${turned.word} the ${turned.limit} ${floor}`,
    };
  }
  if (turned.estimate < turned.floor) {
    return cannotTell(`${numbers}: its interval reaches over the ${turned.limit} ${floor}`);
  }
  return { kind: reading.selection?.differs === true ? 'warn' : 'ok', reason: numbers };
}

/** What else people should know of a reading, in words; empty where everything has its label. */
export function caveats(reading: PerformanceReading): readonly string[] {
  const { selection, repeatedPredictions = 0, labelsBeforePrediction = 0 } = reading;
  return [
    ...(reading.rows > 0 && reading.coverage < 1
      ? [`labels of ${percent(reading.coverage)} of the predictions`]
      : []),
    ...(selection?.differs === true
      ? [
          `the labelled predictions score unlike the others (mean ${rounded(selection.meanLabelled)} against ${rounded(selection.meanUnlabelled)}, moved by ${rounded(selection.jsDistance)}): the metric does not speak for all`,
        ]
      : []),
    ...(repeatedPredictions > 0
      ? [
          `${repeatedPredictions} predictions share their id with a later one and were left out: send an inference id of its own with each request`,
        ]
      : []),
    ...(labelsBeforePrediction > 0
      ? [
          `${labelsBeforePrediction} labels are of earlier than their prediction and were left out: is an id used again?`,
        ]
      : []),
  ];
}

const percent = (share: number): string => `${rounded(share * 100)} %`;

function cannotTell(reason: string): PerformanceVerdict {
  return { kind: 'cannot tell', reason };
}
