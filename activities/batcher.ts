/** Many looks of the same second become few calls: the account's rate limits are low and shared by all models. */
import { AsyncResource } from 'node:async_hooks';

export interface BatcherOptions<Item, Result> {
  /** Most items that one call takes. */
  readonly maxSize: number;
  /** How long the first item waits for company. */
  readonly waitMs: number;
  /** Makes one call for items of the same group; answers in their order. */
  readonly send: (group: string, items: readonly Item[]) => Promise<readonly Result[]>;
}

interface Waiting<Item, Result> {
  readonly item: Item;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

/** Items of one group, each with the caller that waits for it. */
export interface Batcher<Item, Result> {
  /** Joins the next call of the group. A caller that gives up leaves the others alone. */
  add(group: string, item: Item, signal?: AbortSignal): Promise<Result>;
}

export function createBatcher<Item, Result>(
  options: BatcherOptions<Item, Result>,
): Batcher<Item, Result> {
  const groups = new Map<string, Waiting<Item, Result>[]>();

  const flush = async (group: string): Promise<void> => {
    const batch = groups.get(group) ?? [];
    groups.delete(group);
    if (batch.length === 0) return;
    try {
      const results = await options.send(
        group,
        batch.map(({ item }) => item),
      );
      batch.forEach(({ resolve, reject }, index) => {
        const result = results[index];
        if (result === undefined) reject(new Error(`no answer to item ${index} of ${group}`));
        else resolve(result);
      });
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  };
  // The timer of a batch that filled up early may send the next one sooner: fewer items, same answers.
  // Bound here, outside of any activity: a call that many share must not end with the first one's cancellation.
  const later = AsyncResource.bind((group: string, ms: number) =>
    setTimeout(() => void flush(group), ms),
  );
  const now = AsyncResource.bind((group: string) => void flush(group));

  return {
    async add(group, item, signal) {
      return new Promise<Result>((resolve, reject) => {
        const waiting = groups.get(group);
        const one = { item, resolve, reject };
        if (waiting === undefined) {
          groups.set(group, [one]);
          later(group, options.waitMs);
        } else {
          waiting.push(one);
        }
        signal?.addEventListener('abort', () => {
          const error = new Error('the activity was cancelled');
          error.name = 'AbortError';
          reject(error);
        });
        if ((groups.get(group)?.length ?? 0) >= options.maxSize) now(group);
      });
    },
  };
}
