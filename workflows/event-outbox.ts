import { CancellationScope, isCancellation } from '@temporalio/workflow';

import type { ModelRef } from '../activities/contract.js';
import { MOST_UNSENT, wantsEvent } from '../domain/own-events.js';
import type { OwnEvent } from '../domain/own-events.js';
import { control, EVENTS_MS } from './activities.js';
import { sentenceOf } from './failures.js';

export type EventOutbox = ReturnType<typeof openEventOutbox>;

/**
 * Puts our own events on the policy's bus, beside everything else: nothing waits for it and nothing fails by it.
 *
 * What comes while some are under way goes out together afterwards. What the bus does not take stays and goes along
 * with the next ones.
 */
export function openEventOutbox(
  ref: () => ModelRef,
  endpointArn: () => string | null,
  tell: (what: string) => void,
  /** Handed over by the run before. */
  unsent: readonly OwnEvent[] = [],
) {
  let waiting = unsent;
  let sending: Promise<void> | undefined;
  const writing = new Set<Promise<unknown>>();

  /** @returns whether the bus takes events, so that it is worth going on */
  const sendBatch = async (batch: readonly OwnEvent[]): Promise<boolean> => {
    try {
      const { taken, refused, why } = await control(
        `events: ${[...new Set(batch.map(({ kind }) => kind))].join(', ')}`,
        EVENTS_MS,
      ).publishEvents({ ...ref(), events: batch, endpointArn: endpointArn() });
      waiting = waiting.filter(({ id }) => !taken.includes(id) && !refused.includes(id));
      if (why !== null) tell(why);
      return why === null || refused.length > 0;
    } catch (error) {
      if (isCancellation(error)) throw error;
      tell(
        `${String(batch.length)} events could not be sent, and go along with the next ones: ${sentenceOf(error)}`,
      );
      return false;
    }
  };

  const sendAll = async (): Promise<void> => {
    // What is told in the same breath goes along, and with it what the ledger is being told.
    await Promise.resolve();
    while (writing.size > 0) await Promise.allSettled(writing);
    while (waiting.length > 0) {
      if (!(await sendBatch(waiting))) return;
    }
  };

  const start = (): void => {
    // An event is sent also when what it is about is cancelled.
    sending ??= CancellationScope.nonCancellable(sendAll).finally(() => {
      sending = undefined;
    });
  };

  return {
    add(...events: readonly OwnEvent[]): void {
      const wanted = events.filter(({ kind }) => wantsEvent(ref().policy.spec.events, kind));
      if (wanted.length === 0) return;
      waiting = [...waiting, ...wanted];
      if (waiting.length > MOST_UNSENT) {
        tell(`${String(waiting.length - MOST_UNSENT)} events that no bus took are given up`);
        waiting = waiting.slice(-MOST_UNSENT);
      }
      start();
    },
    /** Holds what is told until the ledger has the decision it leads to, so that both go out together. */
    async after<T>(entering: Promise<T>): Promise<T> {
      writing.add(entering);
      try {
        return await entering;
      } finally {
        writing.delete(entering);
      }
    },
    /** What no bus has taken so far. */
    unsent: (): readonly OwnEvent[] => waiting,
    /** When nothing is under way any more. */
    async settled(): Promise<void> {
      await sending;
    },
  };
}
