import { isCancellation } from '@temporalio/workflow';

import type { BakeRequest, ModelRef } from '../activities/contract.js';
import { heldBake, lookInWords, withMetrics, type BakeComparison } from '../domain/bake.js';
import { answers, control } from './activities.js';
import { sentenceOf } from './failures.js';

/** How long a comparison tries to read what it needs: a bake must not wait for a metric store that is down. */
const COMPARE_MS = 10 * 60_000;

/**
 * Compares champion and candidate at the end of a bake: errors and latency, and their answers where they write apart.
 *
 * Never fails a rollout: what cannot be read is told, and holds.
 */
export async function comparedBake(
  ref: ModelRef,
  bake: Omit<BakeRequest, keyof ModelRef>,
): Promise<BakeComparison> {
  const what = `compare champion and candidate, ${lookInWords(bake.look)}`;
  const request = { ...ref, ...bake };
  try {
    const compared = await control(what, COMPARE_MS).compareBake(request);
    if (bake.answers !== true && !comparesAnswers(request)) return compared;
    return withMetrics(
      compared,
      await answers(`${what}: answers`, COMPARE_MS).compareAnswers(request),
    );
  } catch (error) {
    if (isCancellation(error)) throw error;
    const reason = `champion and candidate could not be compared: ${sentenceOf(error)}`;
    return heldBake(Date.now(), bake.windows, bake.look, reason);
  }
}

const comparesAnswers = ({ policy }: ModelRef): boolean =>
  policy.spec.deploy.compare?.metrics?.some((metric) => metric.kind === 'distribution') ?? false;
