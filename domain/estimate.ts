import { spanInWords } from './capture-windows.js';
import type { Window, WindowResult } from './model.js';
import type { CapturedInputsSource } from './policy.schema.js';
import { FEWEST_TO_CALIBRATE } from './stats/estimate.js';
import type { Calibration, PerformanceEstimate, PerformanceReading } from './stats/types.js';
import { rounded } from './stats/verdict.js';

/** What every estimate is told with. */
export const ESTIMATE_LIMITS =
  'an estimate from the scores alone: it sees no change in how inputs lead to labels';

/** Share of a window's predictions that must have a label before it may calibrate: labels that are quick are rarely like the others. */
export const COVERAGE_TO_CALIBRATE = 0.8;

/**
 * Whether the labels of a window may calibrate the scores in the place of the baseline's: nearly all of them are there, and
 * those that are score like the others.
 */
export const mayCalibrate = ({
  coverage,
  selection,
}: Pick<PerformanceReading, 'coverage' | 'selection'>): boolean =>
  coverage >= COVERAGE_TO_CALIBRATE && selection?.differs !== true;

/** What a labelled window said of how scores relate to labels. */
export interface LabelledCalibration extends Window {
  readonly source: string;
  readonly calibration: Calibration;
}

type Asked = NonNullable<CapturedInputsSource['estimate']>;

/**
 * Adds estimated performance to what a window of inputs showed.
 *
 * An estimate is never evidence of a loss of performance, and confirms nothing: a window that would be in order becomes a
 * warning when the whole interval lies below the floor, and that is all. Beside drift it stands among the reasons.
 *
 * @param found `null` where nothing can be estimated from the scores
 * @param calibration of the scores; absent where the baseline had too few labelled ones
 * @param calibratedOn the labelled window it is of, where it is not the baseline's
 */
export function withEstimate(
  result: WindowResult,
  asked: Asked,
  found: PerformanceEstimate | null,
  calibration: Calibration | undefined,
  calibratedOn?: Window & { readonly source: string },
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
  } (${ESTIMATE_LIMITS}${
    calibratedOn === undefined
      ? ''
      : `; calibrated on the labels of ${calibratedOn.source}, ${spanInWords(calibratedOn)}`
  })`;
  return {
    ...result,
    result: breached && result.result === 'ok' ? 'warn' : result.result,
    sentence: `${result.sentence}; ${words}`,
    estimate: {
      ...found,
      floor: asked.floor,
      breached,
      ...(calibratedOn === undefined ? {} : { calibratedOn }),
    },
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
