import { isCancellation } from '@temporalio/workflow';

import type { ModelRef, Prepared, StagingRequest } from '../../activities/contract.js';
import {
  stagingInWords,
  stagingPolicy,
  stagingTimeoutMs,
  type Staging,
  type StagingVerdict,
} from '../../domain/staging.js';
import { careful, control, trial } from '../activities.js';
import { atBest, sentenceOf } from '../failures.js';
import type { ReleaseDesk } from '../release-desk.js';
import { atRest } from './rest.js';

export type Staged =
  { readonly kind: 'passed' } | { readonly kind: 'failed'; readonly reasons: readonly string[] };

/**
 * Puts the approved candidate into service at the staging endpoint and has it answer samples there, before anything of
 * production is touched: the right to write to its endpoint is not asked for before.
 *
 * Staging keeps the last candidate that came there, also one that failed, so that people can look at it; what it served
 * before goes when the next one is in service.
 */
export async function staging(
  desk: ReleaseDesk,
  asked: Staging,
  prepared: Prepared,
  packageArn: string,
): Promise<Staged> {
  const { ref, input, s } = desk;
  const where = stagingInWords(ref.policy.spec, asked);
  if (s.staging?.configName === prepared.configName && s.staging.verdict === 'pass')
    return { kind: 'passed' };
  await desk.gate();
  const request: StagingRequest = {
    ...ref,
    release: input.release,
    configName: prepared.configName,
    packageArn,
  };
  const deadlineMs = Date.now() + stagingTimeoutMs(asked);
  s.staging = { configName: prepared.configName, where, verdict: null, reasons: [] };
  await desk.record({
    decision: 'staging',
    reasons: [`${prepared.configName} goes to ${where} before production`],
    facts: { configName: prepared.configName, endpoint: asked.endpoint },
  });
  const verdict = await tried(desk, asked, request, deadlineMs);
  const { reasons } = verdict;
  s.staging = { configName: prepared.configName, where, verdict: verdict.verdict, reasons };
  desk.tell(`staging: ${verdict.verdict}: ${reasons.join('; ')}`);
  desk.recordWithNext({
    decision: 'staging checked',
    reasons: [verdict.verdict, ...reasons],
    facts: {
      configName: prepared.configName,
      requests: verdict.requests,
      errors: verdict.errors,
      latencyP95Ms: verdict.latencyP95Ms,
    },
  });
  if (verdict.verdict === 'fail') return { kind: 'failed', reasons };
  // Paused meanwhile: production is not begun.
  await desk.gate();
  return { kind: 'passed' };
}

/** In service at staging, and asked there; whatever hinders it is a failed check. */
async function tried(
  desk: ReleaseDesk,
  asked: Staging,
  request: StagingRequest,
  deadlineMs: number,
): Promise<StagingVerdict> {
  const leftMs = (): number => Math.max(60_000, deadlineMs - Date.now());
  const at: ModelRef = { ...desk.ref, policy: stagingPolicy(desk.ref.policy, asked) };
  try {
    desk.awaits('the candidate to serve at staging', deadlineMs);
    const ready = await control('make the candidate at staging', leftMs()).prepareStaging(request);
    if (ready.kind === 'refused') return failed(ready.reason);
    await served(desk, at, request, ready, deadlineMs);
    desk.awaits('the answers of the candidate at staging', deadlineMs);
    const verdict = await trial('ask the candidate at staging', leftMs()).checkStaging(request);
    await tidied(desk, asked.after === 'remove');
    return verdict;
  } catch (error) {
    if (isCancellation(error)) throw error;
    return failed(sentenceOf(error));
  }
}

/** One update, where the endpoint serves something else, and the wait for its end. */
async function served(
  desk: ReleaseDesk,
  at: ModelRef,
  { release }: StagingRequest,
  ready: Extract<
    Awaited<ReturnType<ReturnType<typeof control>['prepareStaging']>>,
    { kind: 'ready' }
  >,
  deadlineMs: number,
): Promise<void> {
  const { configName, endpoint } = ready;
  const previous = endpoint.configName === configName ? null : endpoint.configName;
  const leftMs = Math.max(60_000, deadlineMs - Date.now());
  if (previous !== null) {
    const update = await careful('UpdateEndpoint: staging', leftMs).updateEndpoint({
      ...at,
      release,
      configName,
      plan: {
        strategy: 'all-at-once',
        percent: 100,
        bakeSeconds: 0,
        finalBakeSeconds: 0,
        timeoutSeconds: 600,
        alarmNames: [],
      },
      expectedConfigName: previous,
      lastModifiedAtMs: endpoint.lastModifiedAtMs,
      plain: true,
    });
    if (update.kind === 'refused' || update.kind === 'rolled back') throw new Error(update.reason);
    if (update.kind === 'champion changed')
      throw new Error(`somebody else updated it: it serves ${update.configName ?? 'nothing'}`);
  }
  const rest = await atRest(
    desk,
    {
      configName,
      previousConfigName: previous,
      alarmNames: [],
      deadlineMs,
      formerReason: endpoint.failureReason,
    },
    at,
  );
  if (rest.kind !== 'in service') throw new Error(rest.reason);
}

/** Takes away what staging does not serve any more. What cannot be taken away now is, after the next release. */
async function tidied(desk: ReleaseDesk, remove: boolean): Promise<void> {
  await atBest(async () => {
    await control('tidy up staging', 15 * 60_000).tidyStaging({ ...desk.ref, remove });
  }, desk.tell);
}

const failed = (reason: string): StagingVerdict => ({
  verdict: 'fail',
  requests: 0,
  errors: 0,
  latencyP95Ms: null,
  reasons: [reason],
});
