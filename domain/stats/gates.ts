import { lowerIsBetter } from './metrics.js';
import type { EvaluationTask } from './metrics.js';
import type { EvaluationChecks, Gate, GateReasonCode, GateResult, GateVerdict } from './types.js';
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
  readonly reasonCode: GateReasonCode;
}

type AbsoluteGate = Extract<Gate, { kind: 'absolute' }>;
type BiasGate = Extract<Gate, { kind: 'bias' }>;

/** True where less of the gate's metric is better; of a metric that people wrote they say it themselves. */
export function lowerPasses(gate: Exclude<Gate, BiasGate>): boolean {
  return gate.better === undefined ? lowerIsBetter(gate.metric) : gate.better === 'lower';
}

/** The limit an absolute gate puts on the metric. */
export function limitOf(gate: AbsoluteGate): number {
  return (lowerPasses(gate) ? gate.max : gate.min) ?? Number.NaN;
}

/**
 * A candidate on its own. On the bound: passes when the worse bound keeps the limit, fails when even the better bound
 * does not, cannot tell in between. On the estimate there is nothing in between. The limit itself is good enough.
 */
export function judgeAbsolute(gate: AbsoluteGate, candidate: Bounded): Judgement {
  const limit = limitOf(gate);
  const down = lowerPasses(gate);
  const keeps = (value: number) => (down ? value <= limit : value >= limit);
  const [worse, better] = down
    ? [candidate.upper, candidate.lower]
    : [candidate.lower, candidate.upper];
  const wanted = `${down ? 'at most' : 'at least'} ${limit}`;
  const numbers = `${gate.metric} ${interval(candidate)}`;
  if (anyNaN(candidate) || Number.isNaN(limit)) return notANumber(gate.metric);
  if (gate.on === 'estimate') {
    return keeps(candidate.estimate)
      ? kept(`${numbers}: the estimate is ${wanted}`)
      : broken(`${numbers}: the estimate is not ${wanted}`);
  }
  if (keeps(worse)) return kept(`${numbers}: surely ${wanted}`);
  if (!keeps(better)) return broken(`${numbers}: surely not ${wanted}`);
  return undecided(`${numbers}: cannot tell whether it is ${wanted}`);
}

const kept = (reason: string): Judgement => ({ verdict: 'pass', reasonCode: 'kept', reason });
const broken = (reason: string): Judgement => ({ verdict: 'fail', reasonCode: 'broken', reason });
const undecided = (reason: string): Judgement => ({
  verdict: 'inconclusive',
  reasonCode: 'undecided',
  reason,
});

/**
 * Not worse than the champion by the margin or more: passes when the lower bound of the difference is above −margin,
 * fails when the upper bound is below it.
 *
 * @param delta candidate − champion, turned so that more is better
 */
export function judgeNonInferior(metric: string, margin: number, delta: Bounded): Judgement {
  if (anyNaN(delta)) return notANumber(metric);
  const numbers = `${metric} changed by ${interval(delta)}`;
  const allowed = rounded(margin);
  if (delta.lower > -margin) return kept(`${numbers}: surely loses less than ${allowed}`);
  if (delta.upper < -margin) return broken(`${numbers}: surely loses more than ${allowed}`);
  return undecided(`${numbers}: cannot tell whether it loses less than ${allowed}`);
}

/** Better than the champion by more than `minGain`. @param delta turned so that more is better */
export function judgeSuperior(metric: string, minGain: number, delta: Bounded): Judgement {
  if (anyNaN(delta)) return notANumber(metric);
  const numbers = `${metric} changed by ${interval(delta)}`;
  if (delta.lower > minGain) return kept(`${numbers}: surely gains more than ${minGain}`);
  if (delta.upper < minGain) return broken(`${numbers}: surely gains less than ${minGain}`);
  return undecided(`${numbers}: cannot tell whether it gains more than ${minGain}`);
}

/**
 * Equal treatment of a group within a range: passes when both bounds are in it, fails when both are on the same side out of
 * it. Where the policy accepts the champion's own bias, a candidate that surely is no further from equal treatment passes,
 * and one fails only that surely is further.
 *
 * @param closer the champion's distance from equal treatment less the candidate's; `null` when it does not count
 */
export function judgeBias(gate: BiasGate, value: Bounded, closer: Bounded | null): Judgement {
  if (anyNaN(value)) return notANumber(gate.metric);
  const [least, most] = gate.range;
  const numbers = `${gate.metric} ${interval(value)}`;
  const wanted = `between ${least} and ${most}`;
  if (value.lower >= least && value.upper <= most) return kept(`${numbers}: surely ${wanted}`);
  if (closer !== null && !anyNaN(closer) && closer.lower >= 0)
    return kept(`${numbers}: surely no further from equal treatment than the champion`);
  if (value.upper < least || value.lower > most) {
    if (closer === null) return broken(`${numbers}: surely not ${wanted}`);
    if (closer.upper < 0)
      return broken(`${numbers}: surely not ${wanted}, and further than the champion`);
  }
  return undecided(`${numbers}: cannot tell whether it is ${wanted}`);
}

function anyNaN({ estimate, lower, upper }: Bounded): boolean {
  return !Number.isFinite(estimate) || Number.isNaN(lower) || Number.isNaN(upper);
}

/** A metric that is not a number is never a pass. */
function notANumber(metric: string): Judgement {
  return { verdict: 'fail', reasonCode: 'not a number', reason: `${metric} is not a number` };
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

export interface EvaluationContext {
  readonly noBaseline: boolean;
  readonly championExpected: boolean;
  /** Somebody tries gates on files of their own: what nobody could check is told, and does not hold up the verdict. */
  readonly offline?: boolean;
  readonly task?: EvaluationTask;
  /** Required gates that compare, where nobody said that this is a first model: without a champion they leave it open. */
  readonly comparing?: readonly string[];
  /** Further sets of predictions that were there; what is wrong with their rows, their gates say themselves. */
  readonly further?: readonly { readonly name: string; readonly checks: EvaluationChecks }[];
}

/**
 * The verdict of all gates: rows that cannot be trusted fail it, then any required gate that fails; any required gate
 * that cannot tell leaves it open. Advisory gates never decide. Nothing judged is never a pass.
 */
export function decideEvaluation(
  checks: EvaluationChecks,
  gates: readonly GateResult[],
  context: EvaluationContext,
): EvaluationVerdict {
  const faults = checkFaults(checks, context.task ?? 'classification');
  if (context.noBaseline && context.championExpected) {
    faults.push('the predictions hold no champion scores, although a champion serves');
  }
  const required = gates.filter((gate) => gate.severity === 'required');
  const failed = required.filter((gate) => gate.verdict === 'fail');
  if (faults.length > 0 || failed.length > 0) {
    // What is wrong with the held-out rows is said once, and not for every gate again.
    const own = failed.filter(
      (gate) => gate.reasonCode !== 'bad rows' || gate.dataset !== undefined,
    );
    return { verdict: 'fail', reasons: [...faults, ...own.map(sentence)] };
  }
  const waived = required.filter((gate) => gate.waived === true);
  const counted = required.filter((gate) => gate.waived !== true);
  const open = counted.filter((gate) => gate.verdict === 'inconclusive').map(sentence);
  if (counted.length === 0) {
    open.push(
      ...waived.map(sentence),
      context.noBaseline
        ? 'there is no champion to compare with and no required absolute gate'
        : 'no required gate was judged',
    );
  }
  const { comparing = [] } = context;
  if (context.noBaseline && comparing.length > 0)
    open.push(
      `${comparing.join(', ')}: there are no champion scores to compare with. Name their column in evaluate.inputs.champion, or say that this is a first model (--first-model)`,
    );
  const unknown = [
    ...uncheckedIn(checks),
    ...(context.further ?? []).flatMap((set) =>
      required.some((gate) => gate.dataset === set.name) ? uncheckedInFurther(set) : [],
    ),
  ];
  if (context.offline !== true) open.push(...unknown);
  if (open.length > 0)
    return { verdict: 'inconclusive', reasons: [...open, ...(context.offline ? unknown : [])] };
  return {
    verdict: 'pass',
    reasons: [
      ...counted.map(sentence),
      ...waived.map((gate) => `${sentence(gate)} (a warning, as onInsufficient says)`),
      ...unknown,
    ],
  };
}

/** Required gates that need a champion. */
export const comparingIds = (gates: readonly Gate[]): readonly string[] =>
  gates
    .filter(
      ({ kind, severity }) => severity === 'required' && kind !== 'absolute' && kind !== 'bias',
    )
    .map(({ id }) => id);

/** What nobody looked at. */
function uncheckedIn(checks: EvaluationChecks): string[] {
  const { rowsInTraining, rowsOutsideHoldOut, duplicateRowIds } = checks;
  return [
    ...(rowsInTraining === null
      ? ['the training rows are not known, so nobody checked for overlap with them']
      : []),
    ...(rowsOutsideHoldOut === null
      ? ['the held-out window is not known, so nobody checked that the rows are of it']
      : []),
    ...(duplicateRowIds === null
      ? ['the rows have no ids, so nobody checked for rows that stand there twice']
      : []),
  ];
}

/** A set besides the held-out rows need not be of their window, and be from after the training only where the policy says so. */
function uncheckedInFurther({
  name,
  checks,
}: {
  readonly name: string;
  readonly checks: EvaluationChecks;
}): readonly string[] {
  const unknown = uncheckedIn({ ...checks, rowsOutsideHoldOut: 0 });
  if (checks.rowsBeforeCutoff === null)
    unknown.push(
      'the training cutoff or the times are not known, so nobody checked that the rows are from after it',
    );
  return unknown.map((one) => `${name}: ${one}`);
}

/** What is wrong with the rows themselves, in words. */
export function checkFaults(checks: EvaluationChecks, task: EvaluationTask): string[] {
  const { badLabelExample } = checks;
  const isRegression = task === 'regression';
  const several = isRegression ? '' : ' (models of several classes are not judged)';
  const example = badLabelExample === undefined ? '' : `, such as ${badLabelExample}${several}`;
  const score = isRegression ? 'are not numbers' : 'are not between 0 and 1';
  const faults: readonly (readonly [number, string])[] = [
    [checks.missingRowIds ?? 0, 'rows have no id'],
    [checks.duplicateRowIds ?? 0, 'row ids occur more than once'],
    [checks.rowsOutsideHoldOut ?? 0, 'rows lie outside the held-out window'],
    [checks.rowsBeforeCutoff ?? 0, 'rows are from before the end of the training data'],
    [checks.rowsInTraining ?? 0, 'rows were also trained on'],
    [
      checks.badLabels,
      isRegression ? `labels are not numbers${example}` : `labels are neither 0 nor 1${example}`,
    ],
    [checks.badCandidateScores, `scores of the candidate ${score}`],
    [checks.badChampionScores, `scores of the champion ${score}`],
    [checks.badWeights ?? 0, 'weights are not numbers of 0 or more'],
  ];
  return faults.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`);
}

function sentence(gate: GateResult): string {
  return `${gate.id}: ${gate.reason}`;
}
