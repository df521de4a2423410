import { lowerIsBetter } from './performance.js';
import type { EvaluationChecks, Gate, GateResult, GateVerdict } from './types.js';
import { rounded } from './verdict.js';

/** A number with one-sided bounds. */
export interface Bounded {
  readonly estimate: number;
  readonly lower: number;
  readonly upper: number;
}

export interface Judgement {
  readonly verdict: GateVerdict;
  readonly reason: string;
}

type AbsoluteGate = Extract<Gate, { kind: 'absolute' }>;

/** The limit an absolute gate puts on the metric. */
export function limitOf(gate: AbsoluteGate): number {
  return (lowerIsBetter(gate.metric) ? gate.max : gate.min) ?? Number.NaN;
}

/**
 * A candidate on its own. On the bound: passes when the worse bound keeps the limit, fails when even the better bound
 * does not, cannot tell in between. On the estimate there is nothing in between. The limit itself is good enough.
 */
export function judgeAbsolute(gate: AbsoluteGate, candidate: Bounded): Judgement {
  const limit = limitOf(gate);
  const down = lowerIsBetter(gate.metric);
  const keeps = (value: number) => (down ? value <= limit : value >= limit);
  const [worse, better] = down
    ? [candidate.upper, candidate.lower]
    : [candidate.lower, candidate.upper];
  const wanted = `${down ? 'at most' : 'at least'} ${limit}`;
  const numbers = `${gate.metric} ${interval(candidate)}`;
  if (anyNaN(candidate) || Number.isNaN(limit)) return notANumber(gate.metric);
  if (gate.on === 'estimate') {
    return keeps(candidate.estimate)
      ? { verdict: 'pass', reason: `${numbers}: the estimate is ${wanted}` }
      : { verdict: 'fail', reason: `${numbers}: the estimate is not ${wanted}` };
  }
  if (keeps(worse)) return { verdict: 'pass', reason: `${numbers}: surely ${wanted}` };
  if (!keeps(better)) return { verdict: 'fail', reason: `${numbers}: surely not ${wanted}` };
  return { verdict: 'inconclusive', reason: `${numbers}: cannot tell whether it is ${wanted}` };
}

/**
 * Not worse than the champion by the margin or more: passes when the lower bound of the difference is above −margin,
 * fails when the upper bound is below it.
 *
 * @param delta candidate − champion, turned so that more is better
 */
export function judgeNonInferior(metric: string, margin: number, delta: Bounded): Judgement {
  if (anyNaN(delta)) return notANumber(metric);
  const numbers = `${metric} changed by ${interval(delta)}`;
  if (delta.lower > -margin) {
    return { verdict: 'pass', reason: `${numbers}: surely loses less than ${margin}` };
  }
  if (delta.upper < -margin) {
    return { verdict: 'fail', reason: `${numbers}: surely loses more than ${margin}` };
  }
  return {
    verdict: 'inconclusive',
    reason: `${numbers}: cannot tell whether it loses less than ${margin}`,
  };
}

/** Better than the champion by more than `minGain`. @param delta turned so that more is better */
export function judgeSuperior(metric: string, minGain: number, delta: Bounded): Judgement {
  if (anyNaN(delta)) return notANumber(metric);
  const numbers = `${metric} changed by ${interval(delta)}`;
  if (delta.lower > minGain) {
    return { verdict: 'pass', reason: `${numbers}: surely gains more than ${minGain}` };
  }
  if (delta.upper < minGain) {
    return { verdict: 'fail', reason: `${numbers}: surely gains less than ${minGain}` };
  }
  return {
    verdict: 'inconclusive',
    reason: `${numbers}: cannot tell whether it gains more than ${minGain}`,
  };
}

function anyNaN({ estimate, lower, upper }: Bounded): boolean {
  return Number.isNaN(estimate) || Number.isNaN(lower) || Number.isNaN(upper);
}

/** A metric that is not a number is never a pass. */
function notANumber(metric: string): Judgement {
  return { verdict: 'fail', reason: `${metric} is not a number` };
}

function interval({ estimate, lower, upper }: Bounded): string {
  return `${rounded(estimate)} [${rounded(lower)}, ${rounded(upper)}]`;
}

/**
 * Rows at which the interval would no longer reach over the limit, if the estimate stayed what it is: widths shrink
 * with the square root of the rows.
 *
 * @returns `null` when the estimate is on the limit, so that no number of rows is foreseeable
 */
export function rowsToSettle(n: number, bounded: Bounded, limit: number): number | null {
  const distance = bounded.estimate - limit;
  const width = distance > 0 ? bounded.estimate - bounded.lower : bounded.upper - bounded.estimate;
  const wanted = Math.ceil(n * (width / distance) ** 2) + 1;
  return Number.isSafeInteger(wanted) ? Math.max(n, wanted) : null;
}

export interface EvaluationVerdict {
  readonly verdict: GateVerdict;
  readonly reasons: readonly string[];
}

/**
 * The verdict of all gates: rows that cannot be trusted fail it, then any required gate that fails; any required gate
 * that cannot tell leaves it open. Advisory gates never decide. Nothing judged is never a pass.
 */
export function decideEvaluation(
  checks: EvaluationChecks,
  gates: readonly GateResult[],
  context: { readonly noBaseline: boolean; readonly championExpected: boolean },
): EvaluationVerdict {
  const faults = checkFaults(checks);
  if (context.noBaseline && context.championExpected) {
    faults.push('the predictions hold no champion scores, although a champion serves');
  }
  const required = gates.filter((gate) => gate.severity === 'required');
  const failed = required.filter((gate) => gate.verdict === 'fail');
  if (faults.length > 0 || failed.length > 0) {
    return { verdict: 'fail', reasons: [...faults, ...failed.map(sentence)] };
  }
  const open = required.filter((gate) => gate.verdict === 'inconclusive').map(sentence);
  if (required.length === 0) {
    open.push(
      context.noBaseline
        ? 'there is no champion to compare with and no required absolute gate'
        : 'no required gate was judged',
    );
  }
  if (checks.rowsInTraining === null) {
    open.push('the training rows are not known, so nobody checked for overlap with them');
  }
  return open.length > 0
    ? { verdict: 'inconclusive', reasons: open }
    : { verdict: 'pass', reasons: required.map(sentence) };
}

function checkFaults(checks: EvaluationChecks): string[] {
  const faults: readonly (readonly [number, string])[] = [
    [checks.duplicateRowIds, 'row ids occur more than once'],
    [checks.rowsOutsideHoldOut, 'rows lie outside the held-out window'],
    [checks.rowsInTraining ?? 0, 'rows were also trained on'],
    [checks.badLabels, 'labels are neither 0 nor 1'],
    [checks.badCandidateScores, 'scores of the candidate are not between 0 and 1'],
    [checks.badChampionScores, 'scores of the champion are not between 0 and 1'],
  ];
  return faults.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`);
}

function sentence(gate: GateResult): string {
  return `${gate.id}: ${gate.reason}`;
}
