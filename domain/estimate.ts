import type { WindowResult } from './model.js';
import type { CapturedInputsSource } from './policy.schema.js';
import { FEWEST_TO_CALIBRATE } from './stats/estimate.js';
import type { Calibration, PerformanceEstimate } from './stats/types.js';
import { rounded } from './stats/verdict.js';

/** What every estimate is told with. */
export const ESTIMATE_LIMITS =
  'an estimate from the scores alone: it sees no change in how inputs lead to labels';

type Asked = NonNullable<CapturedInputsSource['estimate']>;

/**
 * Adds estimated performance to what a window of inputs showed.
 *
 * An estimate is never evidence of a loss of performance, and confirms nothing: a window that would be in order becomes a
 * warning when the whole interval lies below the floor, and that is all. Beside drift it stands among the reasons.
 *
 * @param found `null` where nothing can be estimated from the scores
 * @param calibration of the baseline's scores; absent where it had too few labelled ones
 */
export function withEstimate(
  result: WindowResult,
  asked: Asked,
  found: PerformanceEstimate | null,
  calibration: Calibration | undefined,
): WindowResult {
  if (result.result === 'cannot tell') return result;
  if (found === null) {
    return {
      ...result,
      sentence: `${result.sentence}; ${asked.metric} could not be estimated: ${
        calibration === undefined
          ? `the baseline has fewer than ${FEWEST_TO_CALIBRATE} labelled scores, or of one class only`
          : 'the answers are no chances of 0 to 1'
      }`,
    };
  }
  const breached = found.upper < asked.floor;
  const words = `estimated ${asked.metric} ${rounded(found.estimate)} [${rounded(found.lower)}, ${rounded(found.upper)}]${
    breached ? ` is below the floor ${asked.floor}` : ''
  } (${ESTIMATE_LIMITS})`;
  return {
    ...result,
    result: breached && result.result === 'ok' ? 'warn' : result.result,
    sentence: `${result.sentence}; ${words}`,
    estimate: { ...found, floor: asked.floor, breached },
  };
}

/** Tells people of an estimate below its floor: it starts nothing, so somebody must look. */
export const estimateAdvice = (
  result: WindowResult,
): { readonly kind: 'estimate'; readonly key: string; readonly sentence: string } => ({
  kind: 'estimate',
  key: `estimate ${result.fromMs}`,
  sentence: `${result.sentence}. An estimate starts no release: wait for labels, or look yourself`,
});

/** Whether people should hear of an estimate: the first below its floor after one that was not. */
export const isNewlyBreached = (
  result: WindowResult,
  remembered: readonly WindowResult[],
): boolean => {
  const before = remembered.findLast(({ estimate }) => estimate !== undefined)?.estimate;
  return result.estimate?.breached === true && before?.breached !== true;
};
