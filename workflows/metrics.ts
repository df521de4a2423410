import { patched } from '@temporalio/workflow';

import type { ModelRef } from '../activities/contract.js';
import type { CustomMetric } from '../domain/custom-metrics.js';
import { aside } from './activities.js';
import { sentenceOf } from './failures.js';
import { SINCE_0_2 } from './patches.js';

/** Publishes what was decided. Never rejects, and nothing that matters waits for it. */
export async function publishMetrics(
  ref: ModelRef,
  metrics: readonly CustomMetric[],
  tell: (sentence: string) => void,
): Promise<void> {
  if (ref.policy.spec.metrics?.publish === false || !patched(SINCE_0_2)) return;
  try {
    const outcome = await aside('publish metrics to CloudWatch').publishMetrics({
      ...ref,
      metrics,
    });
    if (outcome.kind === 'not sent') tell(outcome.reason);
  } catch (error) {
    // Also a cancellation: what was cancelled goes on to end, and hears of it elsewhere.
    tell(`metrics were not published: ${sentenceOf(error)}`);
  }
}
