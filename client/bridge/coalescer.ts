import { hintKey, type HintTarget } from './route.js';

export type Accepted = 'accepted' | 'not found';

export interface CoalescerOptions {
  /** At most one hint per workflow in this time. */
  readonly minIntervalMs: number;
  readonly send: (target: HintTarget) => Promise<Accepted>;
  readonly now: () => number;
  /** Calls back once after `ms`; the answer cancels it. */
  readonly after: (ms: number, then: () => void) => () => void;
}

export interface Coalescer {
  /**
   * Passes a hint on, at once or at the end of the workflow's interval, together with others that came meanwhile.
   *
   * Resolves when Temporal has accepted it, rejects when it could not be sent: then the message stays in its queue.
   */
  offer(target: HintTarget): Promise<Accepted>;
  /** Sends what waits now, and resolves when everything under way has ended. */
  flush(): Promise<void>;
}

interface Waiting {
  readonly target: HintTarget;
  readonly answer: Promise<Accepted>;
  readonly settle: (answer: Promise<Accepted>) => void;
  readonly cancel: () => void;
}

/** Workflows remembered at most; a forgotten one only loses its interval. */
const MAX_REMEMBERED = 10_000;

export function createCoalescer(options: CoalescerOptions): Coalescer {
  const { minIntervalMs, send, now, after } = options;
  const sentAtMs = new Map<string, number>();
  const waiting = new Map<string, Waiting>();
  const underWay = new Set<Promise<unknown>>();

  const sendNow = (target: HintTarget): Promise<Accepted> => {
    sentAtMs.delete(hintKey(target));
    sentAtMs.set(hintKey(target), now());
    forgetOldest(sentAtMs);
    const answer = send(target);
    const ended: Promise<void> = answer.then(ignore, ignore).then(() => {
      underWay.delete(ended);
    });
    underWay.add(ended);
    return answer;
  };

  const release = (workflowId: string): void => {
    const held = waiting.get(workflowId);
    if (held === undefined) return;
    waiting.delete(workflowId);
    held.cancel();
    held.settle(sendNow(held.target));
  };

  return {
    offer(target) {
      const workflowId = hintKey(target);
      const held = waiting.get(workflowId);
      if (held !== undefined) return held.answer;
      const lastMs = sentAtMs.get(workflowId);
      const leftMs = lastMs === undefined ? 0 : lastMs + minIntervalMs - now();
      if (leftMs <= 0) return sendNow(target);
      let settle: Waiting['settle'] = ignore;
      const answer = new Promise<Accepted>((resolve) => {
        settle = resolve;
      });
      const cancel = after(leftMs, () => {
        release(workflowId);
      });
      waiting.set(workflowId, { target, answer, settle, cancel });
      return answer;
    },

    async flush() {
      for (const workflowId of [...waiting.keys()]) release(workflowId);
      await Promise.all(underWay);
    },
  };
}

function ignore(): void {
  // the caller of offer hears of failures
}

/** A Map keeps the order of insertion: the first key is the oldest. */
function forgetOldest(map: Map<string, unknown>): void {
  const [oldest] = map.keys();
  if (map.size > MAX_REMEMBERED && oldest !== undefined) map.delete(oldest);
}
