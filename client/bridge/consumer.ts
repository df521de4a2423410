import type { BridgeMetrics } from './metrics.js';
import type { Fate, Message } from './handle.js';

/** A queue as the consumer sees it. */
export interface Queue {
  /** Waits up to 20 s for at most ten messages. */
  receive(signal: AbortSignal): Promise<readonly QueueMessage[]>;
  delete(handle: string): Promise<void>;
}

export interface QueueMessage extends Message {
  readonly handle: string;
}

export interface ConsumerOptions {
  readonly queue: Queue;
  readonly metrics: BridgeMetrics;
  handle(messages: readonly Message[]): readonly Promise<Fate>[];
  /** Told of messages left behind and of calls that failed. */
  readonly warn: (facts: Readonly<Record<string, unknown>>, sentence: string) => void;
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly now: () => number;
}

export interface Consumer {
  /** Receives until the signal; resolves when every message under way is settled. */
  run(signal: AbortSignal): Promise<void>;
  inFlight(): number;
}

/** Hints wait at the end of an interval, their messages with them: more than this and the queue keeps the rest. */
const MAX_IN_FLIGHT = 500;
const FULL_PAUSE_MS = 200;
const FIRST_BACK_OFF_MS = 1_000;
const MAX_BACK_OFF_MS = 30_000;

/**
 * Long-polls the queue. A message is deleted only after its hint was accepted; while some wait for the end of an
 * interval, others are received. What fails stays in the queue and comes again.
 */
export function createConsumer(options: ConsumerOptions): Consumer {
  const { queue, metrics, warn, sleep, now } = options;
  const underWay = new Set<Promise<void>>();

  const settle = async (message: QueueMessage, fate: Promise<Fate>): Promise<void> => {
    const decided = await fate;
    if (decided.kind === 'leave') {
      warn({ messageId: message.id, why: decided.why }, decided.reason);
      return;
    }
    try {
      await queue.delete(message.handle);
    } catch (error) {
      // It comes again and is then a duplicate.
      warn({ messageId: message.id, error: String(error) }, 'a message could not be deleted');
    }
  };

  const take = (messages: readonly QueueMessage[]): void => {
    const fates = options.handle(messages);
    messages.forEach((message, index) => {
      const fate = fates[index];
      if (fate === undefined) return;
      const settled: Promise<void> = settle(message, fate).finally(() => underWay.delete(settled));
      underWay.add(settled);
    });
  };

  return {
    inFlight: () => underWay.size,
    async run(signal) {
      let backOffMs = FIRST_BACK_OFF_MS;
      while (!signal.aborted) {
        if (underWay.size >= MAX_IN_FLIGHT) {
          await sleep(FULL_PAUSE_MS, signal);
          continue;
        }
        try {
          const messages = await queue.receive(signal);
          metrics.received(now());
          backOffMs = FIRST_BACK_OFF_MS;
          take(messages);
        } catch (error) {
          if (isAborted(signal)) break;
          metrics.count('receive_errors');
          warn({ error: String(error), backOffMs }, 'the queue does not answer');
          await sleep(backOffMs, signal);
          backOffMs = Math.min(MAX_BACK_OFF_MS, backOffMs * 2);
        }
      }
    },
  };

  /** Read through a function: the compiler believes that the loop's condition still holds. */
  function isAborted(signal: AbortSignal): boolean {
    return signal.aborted;
  }
}
