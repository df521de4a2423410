import { ActivityFailure, ApplicationFailure, TimeoutFailure } from '@temporalio/common';
import { isCancellation, log } from '@temporalio/workflow';

import { askedFault } from '../domain/approval.js';

/** The failure a person should read: the innermost one with a sentence. */
export function sentenceOf(error: unknown): string {
  let innermost = error;
  while (innermost instanceof Error && innermost.cause instanceof Error)
    innermost = innermost.cause;
  return innermost instanceof Error ? innermost.message : String(innermost);
}

/** Type of the application failure behind an activity's failure; `undefined` for time-outs and others. */
export function failureType(error: unknown): string | undefined {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  return cause instanceof ApplicationFailure ? (cause.type ?? undefined) : undefined;
}

/**
 * A watch that ended because its day is over, not because something failed.
 *
 * Either the next back-off did not fit (the last failure is `Quiet`), or an attempt ran at the deadline.
 */
export function isQuietDay(error: unknown): boolean {
  if (!(error instanceof ActivityFailure)) return false;
  if (failureType(error) === 'Quiet') return true;
  return error.cause instanceof TimeoutFailure && error.cause.timeoutType === 'SCHEDULE_TO_CLOSE';
}

/** Rejections of updates and refusals inside workflows: a sentence, never a stack. */
export const refused = (reason: string): ApplicationFailure =>
  ApplicationFailure.nonRetryable(reason, 'Refused');

/** Turns away a message that does not say who asks, how that is known, and why. For validators. */
export function checkAsked(asked: unknown): void {
  const fault = askedFault(asked);
  if (fault !== undefined) throw refused(fault);
}

/**
 * A signal handler that cannot stall its workflow: an error thrown out of one would fail the task again and
 * again, and anybody who reaches Temporal can send a signal of any shape.
 */
export function unstallable<Args extends unknown[]>(
  name: string,
  handle: (...args: Args) => void,
): (...args: Args) => void {
  return (...args) => {
    try {
      handle(...args);
    } catch (error) {
      log.warn(`the signal '${name}' could not be read: ${sentenceOf(error)}`);
    }
  };
}

/** Runs `undo` and goes on when it fails, telling why. Cancellation is passed on. */
export async function atBest(
  undo: () => Promise<unknown>,
  told: (sentence: string) => void,
): Promise<void> {
  try {
    await undo();
  } catch (error) {
    if (isCancellation(error)) throw error;
    told(sentenceOf(error));
  }
}

/** An activity said that trying again cannot help: AWS's refusal, or data nobody can read. */
export function isHopeless(error: unknown): boolean {
  return (
    error instanceof ActivityFailure &&
    error.cause instanceof ApplicationFailure &&
    error.cause.nonRetryable === true
  );
}
