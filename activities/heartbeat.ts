/** Heartbeats for every activity: without them it never hears of its cancellation, nor is a dead worker noticed. */
import { ApplicationFailure, Context } from '@temporalio/activity';
import { ApplicationFailureCategory } from '@temporalio/common';

import type { FailureType } from '../domain/failures.js';

const BEAT_MS = 2_000;

/** Details of the running activities, so that a beat does not wipe out what was kept. */
const kept = new WeakMap<Context, unknown>();

/** What an earlier attempt kept; it survives retries, not a cancel and restart. */
export function recall(): unknown {
  const context = Context.current();
  return kept.get(context) ?? (context.info.heartbeatDetails as unknown);
}

/** Keeps `details` for later attempts. JSON only. */
export function keep(details: unknown): void {
  const context = Context.current();
  kept.set(context, details);
  context.heartbeat(details);
}

/** Lets an activity heartbeat by itself for as long as it runs. */
export function beating<Args extends unknown[], Result>(
  activity: (...args: Args) => Promise<Result>,
): (...args: Args) => Promise<Result> {
  return async (...args) => {
    const context = Context.current();
    const beat = setInterval(() => {
      context.heartbeat(kept.get(context) ?? (context.info.heartbeatDetails as unknown));
    }, BEAT_MS);
    try {
      return await activity(...args);
    } finally {
      clearInterval(beat);
    }
  };
}

/** Every activity with a heartbeat of its own: it hears of its cancellation, and a dead worker is noticed. */
export function heartbeating<T extends object>(activities: T): T {
  return Object.fromEntries(
    Object.entries(activities as Record<string, (...args: unknown[]) => Promise<unknown>>).map(
      ([name, activity]) => [name, beating(activity)],
    ),
  ) as T;
}

/** "Not yet": the attempt is over, the next one comes in `nextMs`. No alarm in logs or metrics. */
export function notYet(type: FailureType, sentence: string, nextMs: number): ApplicationFailure {
  return ApplicationFailure.create({
    type,
    message: sentence,
    nextRetryDelay: Math.max(1_000, Math.ceil(nextMs)),
    category: ApplicationFailureCategory.BENIGN,
  });
}

/** What no later attempt can change. The sentence says what a person can. */
export function hopeless(type: FailureType, sentence: string): ApplicationFailure {
  return ApplicationFailure.create({ type, message: sentence, nonRetryable: true });
}
