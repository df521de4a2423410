import { durationMs, inWords } from './duration.js';
import type { GroundTruthSource } from './policy.schema.js';
import type { LabelDelay, PerformanceReading } from './stats/types.js';

/**
 * How long after the first look at a window's labels a second one is taken at those that came late: `late` of the
 * source, and as long as `delay` again where it is not written. `0s`: there is no second look.
 */
export const lateMs = (source: Pick<GroundTruthSource, 'delay' | 'late'>): number =>
  durationMs(source.late ?? source.delay);

/** Share of a window's labels that may come after `delay` before it is called too short. */
export const MOST_LATE_SHARE = 0.05;
/** `delay` is called too long when 99 % of the labels are there in this part of it. */
export const LONG_DELAY = 0.25;
/** Fewest labelled predictions for advice on `delay`. */
export const FEWEST_FOR_ADVICE = 100;
/** Waiting for less than this is never called too long. */
const SHORTEST_WAIT_MS = 3_600_000;

export interface DelayAdvice {
  readonly kind: 'too short' | 'too long';
  /** What makes it another advice than one that people have had: they are told once for each. */
  readonly key: string;
  readonly sentence: string;
}

type DelaySource = Pick<GroundTruthSource, 'id' | 'delay'>;

/**
 * What the labels of one window say about the policy's `delay`.
 *
 * For the second look only: on the first, labels that come later do not exist yet, and those that do would always seem
 * to be quick. A window is judged `delay` after its end, so early predictions have the window's length more time: what
 * counts is the share of labels that were missed.
 */
export function delayAdvice(
  source: DelaySource,
  reading: Pick<PerformanceReading, 'labelDelay' | 'labelledLate' | 'labelled'>,
): DelayAdvice | null {
  const { labelDelay, labelledLate = 0, labelled } = reading;
  if (labelDelay == null || labelled < FEWEST_FOR_ADVICE) return null;
  const delayMs = durationMs(source.delay);
  const lateShare = labelledLate / labelled;
  if (lateShare >= MOST_LATE_SHARE) {
    return {
      kind: 'too short',
      key: `too short ${source.delay}`,
      sentence: `${source.id}: ${Math.round(lateShare * 100)} % of the labels came when their window had been judged, ${source.delay} after its end (${delayInWords(labelDelay)}): raise delay to ${waitInWords(labelDelay.p99Ms)}, or verdicts are made of the labels that are quick`,
    };
  }
  if (labelDelay.p99Ms > delayMs * LONG_DELAY || delayMs - labelDelay.p99Ms < SHORTEST_WAIT_MS)
    return null;
  return {
    kind: 'too long',
    key: `too long ${source.delay}`,
    sentence: `${source.id}: labels are there sooner than delay ${source.delay} waits (${delayInWords(labelDelay)}): every verdict could come ${inWords(delayMs - labelDelay.p99Ms)} earlier`,
  };
}

/** Whether a second look at a window's labels found others than the first: some came late, or some were corrected. */
export const labelsChanged = (first: PerformanceReading, again: PerformanceReading): boolean =>
  (again.labelledLate ?? 0) > 0 ||
  again.labelled !== first.labelled ||
  again.positives !== first.positives ||
  again.estimate !== first.estimate;

/** Under which name it is kept how far the second looks are; no source can have it. */
export const lateKey = (source: Pick<GroundTruthSource, 'id'>): string => `${source.id}+late`;

/** `labels after 3 h (median), 9 h (90 %), 20 h (99 %)`. */
export const delayInWords = (delay: LabelDelay): string =>
  `labels after ${inWords(delay.medianMs)} (median), ${inWords(delay.p90Ms)} (90 %), ${inWords(delay.p99Ms)} (99 %)`;

/** A duration for the policy that is long enough: whole hours, or minutes below one. */
function waitInWords(ms: number): string {
  const minutes = Math.max(1, Math.ceil(ms / 60_000));
  return minutes < 60 ? `${minutes}m` : `${Math.ceil(minutes / 60)}h`;
}
