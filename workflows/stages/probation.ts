import { CancellationScope, condition, isCancellation, patched } from '@temporalio/workflow';

import type { Prepared } from '../../activities/contract.js';
import { durationMs, instantInWords } from '../../domain/duration.js';
import { probationSpan, type ProbationSpan } from '../../domain/probation.js';
import { CLEAN_UP_MS, control } from '../activities.js';
import { atBest } from '../failures.js';
import type { ReleaseDesk } from '../release-desk.js';
import { wayBack } from './rest.js';
import { SINCE_0_2 } from '../patches.js';

export interface Proven {
  readonly kind: 'proven';
  /** Why it was cut short; absent when it ran its time. */
  readonly short?: string;
}

/**
 * Watches the new champion for the policy's time with the old config kept re-deployable.
 *
 * The keeper does the looking; its word `roll back`, or an abort, comes here as a cancellation and puts the
 * previous config back.
 */
export async function probation(
  desk: ReleaseDesk,
  prepared: Prepared,
  previous: string | null,
  sinceMs: number,
): Promise<Proven> {
  const { ref, input } = desk;
  const { untilMs, because } = spanOf(desk, sinceMs);
  desk.enter('probation', 'the end of the probation', untilMs);
  if (because !== null) desk.tell(`the probation lasts longer: ${because}`);
  try {
    await Promise.all([
      desk.record({
        decision: 'serving',
        reasons: [
          `${prepared.configName} has all of the traffic; on probation until ${instantInWords(untilMs)}${because === null ? '' : `: ${because}`}`,
        ],
        facts: { configName: prepared.configName, from: previous, sinceMs },
        urgent: true,
      }),
      atBest(
        () =>
          control('remove the rollback alarms', CLEAN_UP_MS).discardDeployment({
            ...ref,
            release: input.release,
            names: desk.madeNames(),
            keepConfig: true,
          }),
        desk.tell,
      ),
    ]);
    const leftMs = untilMs - Date.now();
    if (leftMs > 0) {
      await condition(() => desk.probationEnd() !== undefined, leftMs, {
        summary: `probation until ${instantInWords(untilMs)}`,
      });
    }
    while (desk.s.paused !== null && desk.probationEnd() === undefined) await desk.gate();
    const short = desk.probationEnd();
    return short === undefined ? { kind: 'proven' } : { kind: 'proven', short };
  } catch (error) {
    if (!isCancellation(error)) throw error;
    const reason = desk.interruption()?.reason ?? 'the workflow was cancelled';
    await CancellationScope.nonCancellable(async () => {
      await desk.record({
        decision: 'rollback',
        reasons: [reason],
        facts: { from: prepared.configName, to: previous },
        urgent: true,
        ...actorOf(desk),
      });
      await wayBack(desk, prepared, previous, reason);
    });
    throw error;
  }
}

/** Probations that began under the older rule end when they were to. */
function spanOf(desk: ReleaseDesk, sinceMs: number): ProbationSpan {
  const { spec } = desk.ref.policy;
  const span = probationSpan(spec, sinceMs);
  if (span.because === null || patched(SINCE_0_2)) return span;
  return { untilMs: sinceMs + durationMs(spec.deploy.probation.for), because: null };
}

function actorOf(desk: ReleaseDesk) {
  const by = desk.interruption();
  return by === undefined || by.kind === 'superseded' ? {} : { actor: by.by };
}
