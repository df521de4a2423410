/** Many looks of the same second become few calls: the account's rate limits are low and shared by all models. */
import { AsyncResource } from 'node:async_hooks';

export interface BatcherOptions<Item, Result> {
  /** Most that one call takes. */
  readonly maxSize: number;
  /** How much of it an item takes; 1 when not said. An item of more goes alone. */
  readonly weight?: (item: Item) => number;
  /** A call is made when nobody has joined it for so long … */
  readonly waitMs: number;
  /** … or when the first has waited for this long. */
  readonly maxWaitMs?: number;
  /** Makes one call for items of the same group; answers in their order, with {@link Failed} for items that failed alone. */
  readonly send: (group: string, items: readonly Item[]) => Promise<readonly (Result | Failed)[]>;
}

/** What one item of a call gets instead of an answer, while the others have theirs. */
export class Failed {
  constructor(readonly error: unknown) {}
}

interface Waiting<Item, Result> {
  readonly item: Item;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

interface Batch<Item, Result> {
  readonly waiting: Set<Waiting<Item, Result>>;
  weight: number;
  readonly sinceMs: number;
  joinedMs: number;
}

/** Items of one group, each with the caller that waits for it. */
export interface Batcher<Item, Result> {
  /** Joins the next call of the group. A caller that gives up leaves the others alone, and a call not yet made does without it. */
  add(group: string, item: Item, signal?: AbortSignal): Promise<Result>;
}

export function createBatcher<Item, Result>(
  options: BatcherOptions<Item, Result>,
): Batcher<Item, Result> {
  const groups = new Map<string, Batch<Item, Result>>();
  const weightOf = options.weight ?? (() => 1);
  const maxWaitMs = options.maxWaitMs ?? options.waitMs;

  const flush = async (group: string, batch: Batch<Item, Result>): Promise<void> => {
    if (groups.get(group) === batch) groups.delete(group);
    const all = [...batch.waiting];
    batch.waiting.clear();
    if (all.length === 0) return;
    try {
      const results = await options.send(
        group,
        all.map(({ item }) => item),
      );
      all.forEach(({ resolve, reject }, index) => {
        const result = results[index];
        if (result === undefined) reject(new Error(`no answer to item ${index} of ${group}`));
        else if (result instanceof Failed) reject(result.error);
        else resolve(result);
      });
    } catch (error) {
      for (const { reject } of all) reject(error);
    }
  };
  // Bound here, outside of any activity: a call that many share must not end with the first one's cancellation.
  const now = AsyncResource.bind((group: string, batch: Batch<Item, Result>) => {
    void flush(group, batch);
  });
  const later = AsyncResource.bind(
    (group: string, batch: Batch<Item, Result>, ms: number): NodeJS.Timeout =>
      setTimeout(() => {
        const restMs = Math.min(
          batch.joinedMs + options.waitMs - performance.now(),
          batch.sinceMs + maxWaitMs - performance.now(),
        );
        if (restMs > 1) later(group, batch, restMs);
        else now(group, batch);
      }, ms),
  );
  const begin = (group: string): Batch<Item, Result> => {
    const atMs = performance.now();
    const batch = {
      waiting: new Set<Waiting<Item, Result>>(),
      weight: 0,
      sinceMs: atMs,
      joinedMs: atMs,
    };
    groups.set(group, batch);
    later(group, batch, options.waitMs);
    return batch;
  };

  return {
    async add(group, item, signal) {
      return new Promise<Result>((resolve, reject) => {
        const gaveUp = (): void => {
          batch.waiting.delete(one);
          const error = new Error('the activity was cancelled');
          error.name = 'AbortError';
          reject(error);
        };
        const settled =
          <T>(then: (value: T) => void) =>
          (value: T): void => {
            signal?.removeEventListener('abort', gaveUp);
            then(value);
          };
        const one = { item, resolve: settled(resolve), reject: settled(reject) };
        const weight = weightOf(item);
        let batch = groups.get(group) ?? begin(group);
        if (batch.weight > 0 && batch.weight + weight > options.maxSize) {
          now(group, batch);
          batch = begin(group);
        }
        batch.waiting.add(one);
        batch.weight += weight;
        batch.joinedMs = performance.now();
        if (signal?.aborted === true) gaveUp();
        else signal?.addEventListener('abort', gaveUp, { once: true });
        if (batch.weight >= options.maxSize) now(group, batch);
      });
    },
  };
}

/** A look that was asked for waits only for those of the same moment. */
const GATHER_MS = 10;
/** Aligned looks of many models begin over some seconds. */
const GATHER_ALIGNED_MS = 150;
const GATHER_ALIGNED_MAX_MS = 5_000;

/** A batcher of looks, in calls of any size: those that were asked for do not wait for the aligned ones. */
export function createLookBatcher<Look extends { readonly afresh: boolean }, Result>(
  send: BatcherOptions<Look, Result>['send'],
): Batcher<Look, Result> {
  const common = { maxSize: Number.POSITIVE_INFINITY, send };
  const asked = createBatcher({ ...common, waitMs: GATHER_MS });
  const aligned = createBatcher({
    ...common,
    waitMs: GATHER_ALIGNED_MS,
    maxWaitMs: GATHER_ALIGNED_MAX_MS,
  });
  return {
    add: (group, look, signal) => (look.afresh ? asked : aligned).add(group, look, signal),
  };
}
