import { lowerIsBetter } from './metrics.js';
import type { PerformanceReading, PerformanceVerdict } from './types.js';
import { rounded } from './verdict.js';

/** Fewest rows of either class for an interval of the ROC AUC to mean anything. */
export const FEWEST_OF_A_CLASS = 10;

/**
 * A breach is certain: the whole interval lies on the wrong side of the floor. An estimate on the wrong side whose
 * interval reaches over the floor tells nothing yet; neither do too few rows or one class only. For metrics where less
 * is better the floor is a ceiling.
 */
export function judgePerformance(
  reading: PerformanceReading,
  limits: { readonly floor: number; readonly minRows: number },
): PerformanceVerdict {
  const { estimate, lower, upper, labelled, metric } = reading;
  if (labelled < limits.minRows) {
    return cannotTell(`${labelled} labelled rows of ${reading.rows}, ${limits.minRows} are needed`);
  }
  const rarer = Math.min(reading.positives, labelled - reading.positives);
  if (rarer < FEWEST_OF_A_CLASS) {
    return cannotTell(
      `only ${rarer} of ${labelled} labels are of the rarer class, ${FEWEST_OF_A_CLASS} are needed`,
    );
  }
  if (estimate === null || lower === null || upper === null) {
    return cannotTell(`${metric} could not be computed`);
  }
  const turned = lowerIsBetter(metric)
    ? { estimate: -estimate, best: -lower, floor: -limits.floor, word: 'above', limit: 'ceiling' }
    : { estimate, best: upper, floor: limits.floor, word: 'below', limit: 'floor' };
  const numbers = `${metric} ${rounded(estimate)} [${rounded(lower)}, ${rounded(upper)}] on ${labelled} rows`;
  if (turned.best < turned.floor) {
    return {
      kind: 'breach',
      reason: `${numbers} is ${turned.word} the ${turned.limit} ${limits.floor}`,
    };
  }
  if (turned.estimate < turned.floor) {
    return cannotTell(`${numbers}: its interval reaches over the ${turned.limit} ${limits.floor}`);
  }
  return { kind: 'ok', reason: numbers };
}

function cannotTell(reason: string): PerformanceVerdict {
  return { kind: 'cannot tell', reason };
}
