import { CancellationScope, condition, sleep } from '@temporalio/workflow';

import { MIN_HINT_INTERVAL_MS, hintsHelp } from '../domain/watch.js';
import type { ReleaseDesk } from './release-desk.js';

/**
 * Waits for something slow at AWS: the poll is the truth, a hint only makes it look sooner.
 *
 * @param look starts the waiting; `hinted` says that it stands in for one that a hint has cut short
 */
export async function followed<T>(
  desk: ReleaseDesk,
  look: (hinted: boolean) => Promise<T>,
): Promise<T> {
  if (!hintsHelp(desk.ref.policy.spec.monitor.every)) return look(false);
  for (let hinted = false; ; hinted = true) {
    const seen = desk.hints();
    const notBeforeMs = Date.now() + MIN_HINT_INTERVAL_MS;
    const scope = new CancellationScope();
    const looking = scope.run(() => look(hinted));
    const ended = looking.then(
      () => true,
      () => true,
    );
    const cutShort = scope.run(async () => {
      await condition(() => desk.hints() !== seen);
      const waitMs = notBeforeMs - Date.now();
      if (waitMs > 0) await sleep(waitMs, { summary: 'hinted: looks again' });
      return false;
    });
    const over = await Promise.race([ended, cutShort.catch(() => true)]);
    if (over) {
      try {
        return await looking;
      } finally {
        scope.cancel();
      }
    }
    scope.cancel();
    await ended;
  }
}
