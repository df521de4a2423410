import { durationMs, inWords } from './duration.js';
import type { FailureClass } from './model.js';
import type { PolicySpec } from './policy.schema.js';

/** What follows when training has failed. */
export type TrainingAnswer =
  /** The same again, after a wait. */
  | { readonly kind: 'retry'; readonly afterMs: number; readonly reason: string }
  /** From the start, on another instance type. */
  | { readonly kind: 'other instance'; readonly instanceType: string; readonly reason: string }
  /** A person resumes or aborts the release. */
  | { readonly kind: 'ask'; readonly reason: string }
  | { readonly kind: 'stop'; readonly reason: string };

/** What has been tried for a candidate. */
export interface TrainingTries {
  /** Retries so far; a person's word begins the count anew. */
  readonly retries: number;
  /** Instance types of `instances.fallbacks` that were tried. */
  readonly instanceTypes: readonly string[];
}

export const NOTHING_TRIED: TrainingTries = { retries: 0, instanceTypes: [] };

/** `retrain.retries` of a policy that does not name them: twice, after five minutes and then ten. */
export const DEFAULT_RETRIES = { times: 2, wait: '5m' } as const;

/** How often AWS's own trouble is tried again, and the first wait; each further one is twice as long. */
export function retriesOf(retrain: Pick<PolicySpec['retrain'], 'retries'>): {
  readonly times: number;
  readonly waitMs: number;
} {
  return {
    times: retrain.retries?.times ?? DEFAULT_RETRIES.times,
    waitMs: durationMs(retrain.retries?.wait ?? DEFAULT_RETRIES.wait),
  };
}

/** Longest wait between two tries. */
const LONGEST_WAIT_MS = 3_600_000;

/** Whose trouble it was, and so what helps. */
const HELPS: Readonly<Record<FailureClass, 'another instance' | 'time' | 'a person' | 'nothing'>> =
  {
    capacity: 'another instance',
    quota: 'another instance',
    throttle: 'time',
    internal: 'time',
    'user code': 'nothing',
    data: 'nothing',
    permission: 'a person',
    timeout: 'nothing',
    stopped: 'nothing',
    'nothing new': 'nothing',
    unknown: 'a person',
  };

/** Why a class is not tried again, as the end of a sentence. */
const WHY_NOT: Partial<Record<FailureClass, string>> = {
  'user code': 'the code has to be changed before another run can end otherwise',
  data: 'other data are needed, or another policy',
  timeout: 'a longer time has to be allowed, or the work made smaller',
  stopped: 'somebody stopped it',
  'nothing new': 'the same run would be answered from the cache again',
};

/**
 * What a failure of training leads to.
 *
 * No capacity: the next instance type of the list, else wait and try again, else ask. No quota: the next type, else
 * ask, since waiting raises no quota. Throttled, or AWS's own error: wait and try again, so often as the policy
 * says, then stop; the next trigger begins anew. What needs other code or data
 * stops; a missing permission, and what nobody understands, asks.
 */
export function answerTo(
  failure: { readonly class: FailureClass; readonly reason: string },
  tries: TrainingTries,
  retrain: Pick<PolicySpec['retrain'], 'retries' | 'instances'>,
): TrainingAnswer {
  const help = HELPS[failure.class];
  const { times, waitMs } = retriesOf(retrain);
  if (help === 'a person')
    return {
      kind: 'ask',
      reason:
        failure.class === 'permission'
          ? `a permission is missing: ${failure.reason}; give it to the role, then resume`
          : `nobody knows what to make of it: ${failure.reason}`,
    };
  if (help === 'nothing')
    return { kind: 'stop', reason: WHY_NOT[failure.class] ?? 'trying again cannot help' };
  if (help === 'another instance') {
    const next = retrain.instances?.fallbacks.find((type) => !tries.instanceTypes.includes(type));
    if (next !== undefined) {
      return {
        kind: 'other instance',
        instanceType: next,
        reason: `there is no ${failure.class} for the instance type: ${next} is tried`,
      };
    }
  }
  if (failure.class !== 'quota' && tries.retries < times) {
    const afterMs = Math.min(LONGEST_WAIT_MS, waitMs * 2 ** tries.retries);
    return {
      kind: 'retry',
      afterMs,
      reason: `retry ${tries.retries + 1} of ${times} in ${inWords(afterMs)}`,
    };
  }
  if (help === 'another instance') {
    const tried =
      tries.instanceTypes.length === 0 ? '' : `, nor for ${tries.instanceTypes.join(', ')}`;
    return {
      kind: 'ask',
      reason: `there is no ${failure.class} for the instance type${tried}: raise the quota or wait, then resume; or abort`,
    };
  }
  return { kind: 'stop', reason: `tried again ${times} times in vain` };
}
