import { CancellationScope, isCancellation } from '@temporalio/workflow';

import type { BakeArm, Prepared } from '../../activities/contract.js';
import { bakeInWords, comparisonOf, heldBake, type BakeComparison } from '../../domain/bake.js';
import { bakeSeconds } from '../../domain/rollout.js';
import { control, poll } from '../activities.js';
import { sentenceOf } from '../failures.js';
import type { ReleaseDesk } from '../release-desk.js';

/** Whether anybody asked for a comparison, and there is a bake to compare in. */
export function comparesBake(desk: ReleaseDesk, prepared: Prepared): boolean {
  return desk.ref.policy.spec.deploy.compare !== undefined && bakeSeconds(prepared.plan) > 0;
}

/**
 * Watches the bakes of a guardrail rollout beside `rest`, which waits for their end.
 *
 * SageMaker cannot be asked to wait. What the comparison can do is take the candidate back, by the alarm that the
 * rollout watches: at once beyond a hard limit, at a planned look when it is surely worse.
 */
export async function besideBake<T>(
  desk: ReleaseDesk,
  prepared: Prepared,
  previous: string,
  deadlineMs: number,
  rest: () => Promise<T>,
): Promise<T> {
  const beside = new CancellationScope();
  const watching = beside.run(() => watchBakes(desk, prepared, previous, deadlineMs));
  const watched = watching.catch((error: unknown) => {
    if (!isCancellation(error)) {
      desk.tell(`the comparison of the two versions ended: ${sentenceOf(error)}`);
    }
  });
  try {
    return await rest();
  } finally {
    beside.cancel();
    await watched;
  }
}

async function watchBakes(
  desk: ReleaseDesk,
  prepared: Prepared,
  previous: string,
  deadlineMs: number,
): Promise<void> {
  const { ref } = desk;
  const settings = comparisonOf(ref.policy.spec.deploy);
  const { variant } = ref.policy.spec.endpoint;
  const arm = (configName: string): BakeArm => ({ variant, configName, capturePrefix: null });
  const sinceMs = Date.now();
  for (let k = 1; k <= settings.looks; k += 1) {
    const look = { k, of: settings.looks };
    const compared = await poll(
      `compare champion and candidate, look ${String(k)} of ${String(settings.looks)}`,
      Math.max(60_000, deadlineMs - Date.now()),
    )
      .watchBake({
        ...ref,
        champion: arm(previous),
        candidate: arm(prepared.configName),
        sinceMs,
        bakeMs: bakeSeconds(prepared.plan) * 1_000,
        look,
      })
      .catch((error: unknown) => {
        if (isCancellation(error)) throw error;
        const reason = `champion and candidate could not be compared: ${sentenceOf(error)}`;
        return heldBake(Date.now(), [], look, reason);
      });
    await tellBake(desk, compared);
    const goesBack =
      compared.verdict === 'roll back' ||
      (compared.verdict === 'hold' &&
        k === settings.looks &&
        settings.onInconclusive === 'rollback');
    if (goesBack) {
      await takeBack(desk, prepared, bakeInWords(compared));
      return;
    }
  }
}

/** Shows a comparison and enters it into the ledger. */
export async function tellBake(desk: ReleaseDesk, compared: BakeComparison): Promise<void> {
  desk.addBake(compared);
  const { look, verdict, hard, windows, metrics } = compared;
  // A rollout that ends meanwhile must not take the entry with it.
  await CancellationScope.nonCancellable(() =>
    desk.record({
      decision: 'bake compared',
      reasons: [bakeInWords(compared)],
      facts: { look, verdict, hard, windows, metrics },
      urgent: true,
    }),
  );
}

async function takeBack(desk: ReleaseDesk, prepared: Prepared, reason: string): Promise<void> {
  if (prepared.abortAlarmName === null) {
    desk.tell(
      `the candidate should go back (${reason}), but the rollout watches no alarm of ours: deploy.alarms names ten of your own; abort takes it back`,
    );
    return;
  }
  desk.addRollout([{ atMs: Date.now(), what: `taken back by the comparison: ${reason}` }]);
  await control('trip the rollback alarm').tripAlarm({
    ...desk.ref,
    alarmName: prepared.abortAlarmName,
    reason,
  });
}
