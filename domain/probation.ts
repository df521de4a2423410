import { durationMs } from './duration.js';
import type { PolicySpec } from './policy.schema.js';

/** How long a version is on probation, and why. */
export interface ProbationSpan {
  readonly untilMs: number;
  /** Why it lasts longer than the policy's time; `null` when it does not. */
  readonly because: string | null;
}

/**
 * A probation that rolls back on performance lasts at least until a loss could have been confirmed: the labels of as
 * many windows as `detect.persistence` wants have had the time to arrive, and a look has come after them.
 *
 * Whether they did arrive is another matter, and the dead man's switch's.
 */
export function probationSpan(
  spec: Pick<PolicySpec, 'monitor' | 'detect' | 'deploy'>,
  sinceMs: number,
): ProbationSpan {
  const { probation } = spec.deploy;
  const askedMs = sinceMs + durationMs(probation.for);
  const plain = { untilMs: askedMs, because: null };
  if (!probation.rollBackOn.includes('performance')) return plain;
  const { breaches } = spec.detect.persistence;
  const due = spec.monitor.sources.flatMap((source) => {
    if (source.kind !== 'ground-truth') return [];
    const windowMs = durationMs(source.window);
    // The window in which the version came into service counts for nobody.
    const firstMs = Math.ceil(sinceMs / windowMs) * windowMs;
    const arrivedMs = firstMs + breaches * windowMs + durationMs(source.delay);
    return [{ id: source.id, atMs: arrivedMs + durationMs(spec.monitor.every) }];
  });
  const last = due.sort((a, b) => b.atMs - a.atMs)[0];
  if (last === undefined || last.atMs <= askedMs) return plain;
  return {
    untilMs: last.atMs,
    because: `deploy.probation.for ${probation.for} would end before the labels of ${breaches} ${breaches === 1 ? 'window' : 'windows'} of ${last.id} could have arrived`,
  };
}
