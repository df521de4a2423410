import { isCancellation } from '@temporalio/workflow';

import type {
  ModelRef,
  Prepared,
  RestRequest,
  RolloutJourney,
  RolloutOutcome,
  Split,
} from '../../activities/contract.js';
import type { Evidence } from '../../domain/evidence.js';
import { control, poll } from '../activities.js';
import { atBest, sentenceOf } from '../failures.js';
import { followed } from '../follow.js';
import type { ReleaseDesk } from '../release-desk.js';

export type Deployed =
  | { readonly kind: 'serving'; readonly sinceMs: number }
  | { readonly kind: 'rolled back'; readonly reason: string; readonly configName: string | null }
  /** Something the approval was bound to is not as it was: ask again. */
  | {
      readonly kind: 'void';
      readonly parts: readonly string[];
      readonly evidence: Evidence;
      readonly digest: string;
    }
  | { readonly kind: 'champion changed'; readonly configName: string | null }
  /** Somebody who may rejected it in the registry after it was approved. */
  | { readonly kind: 'rejected'; readonly by: string; readonly reason: string }
  /** It did not show at staging what it must. */
  | { readonly kind: 'failed gates'; readonly reasons: readonly string[] }
  | { readonly kind: 'refused'; readonly reasons: readonly string[] };

/** Margin over SageMaker's own time-out before we say that a rollout is stuck. */
export const MARGIN_MS = 15 * 60_000;
/** How long a way back may take. */
const WAY_BACK_MS = 6 * 3_600_000;

export interface Resting extends Omit<RestRequest, keyof ModelRef | 'journey' | 'tellMoves'> {
  readonly formerReason: string | null;
}

export type AtRest = Exclude<RolloutOutcome, { readonly kind: 'moved' }>;

/**
 * Waits until the endpoint has settled on a config, and shows on the timeline what a hint brings to light.
 *
 * @param at another endpoint than that of production; what it goes through is not part of the rollout
 */
export async function atRest(
  desk: ReleaseDesk,
  { formerReason, ...resting }: Resting,
  at?: ModelRef,
): Promise<AtRest> {
  let journey: RolloutJourney = { sinceMs: Date.now(), progress: [], formerReason };
  for (;;) {
    const outcome = await followed(desk, (hinted) =>
      poll('follow the rollout', Math.max(60_000, resting.deadlineMs - Date.now())).awaitRest({
        ...(at ?? desk.ref),
        ...resting,
        journey,
        tellMoves: hinted,
      }),
    );
    if (outcome.kind !== 'moved') return outcome;
    journey = outcome.journey;
    if (at === undefined) desk.addRollout(journey.progress);
  }
}

/** What came of an update, as the stage tells it. */
export function ended(desk: ReleaseDesk, outcome: AtRest): Deployed {
  desk.addRollout(outcome.progress);
  switch (outcome.kind) {
    case 'in service':
      desk.addRollout([
        {
          atMs: outcome.endpoint.atMs,
          what: `InService with ${outcome.endpoint.configName ?? ''}`,
        },
      ]);
      return { kind: 'serving', sinceMs: outcome.endpoint.atMs };
    case 'rolled back':
      desk.addRollout([
        {
          atMs: outcome.endpoint.atMs,
          what: `rolled back${outcome.silent ? ' silently' : ''}: ${outcome.reason}`,
        },
      ]);
      return {
        kind: 'rolled back',
        reason: outcome.silent
          ? `SageMaker went back without a word: ${outcome.reason}`
          : outcome.reason,
        configName: outcome.endpoint.configName,
      };
    case 'stuck':
      throw new Error(outcome.reason);
  }
}

/**
 * Leaves the endpoint on the previous config, whatever the rollout has reached.
 *
 * A guardrail rollout cannot be cancelled: our own alarm makes SageMaker take it back; when the candidate got in
 * all the same, the previous config is put back. Never updates an endpoint that is in motion.
 *
 * @returns the config the endpoint rests on
 */
export async function wayBack(
  desk: ReleaseDesk,
  prepared: Pick<Prepared, 'configName' | 'plan' | 'abortAlarmName' | 'split'>,
  previous: string | null,
  reason: string,
): Promise<string | null> {
  const { ref, input } = desk;
  const { configName, split } = prepared;
  desk.shares({ phase: 'going back', untilMs: null });
  let endpoint = await control('read the endpoint').readEndpoint(ref);
  if (split !== undefined && endpoint.pendingConfigName === split.configName) {
    desk.awaits('the update under way, which cannot be stopped and gives the candidate no traffic');
    const outcome = await atRest(desk, {
      configName: split.configName,
      previousConfigName: previous,
      alarmNames: [],
      deadlineMs: Date.now() + WAY_BACK_MS,
      formerReason: endpoint.failureReason,
    });
    endpoint = outcome.endpoint;
  }
  if (endpoint.pendingConfigName === configName) {
    desk.awaits('SageMaker to take the rollout back');
    if (prepared.abortAlarmName !== null) {
      await control('trip the rollback alarm').tripAlarm({
        ...ref,
        alarmName: prepared.abortAlarmName,
        reason,
      });
      desk.addRollout([{ atMs: Date.now(), what: `rollback alarm set: ${reason}` }]);
    }
    const outcome = await atRest(desk, {
      configName,
      previousConfigName: split?.configName ?? previous,
      alarmNames: prepared.plan.alarmNames,
      deadlineMs: Date.now() + WAY_BACK_MS,
      formerReason: endpoint.failureReason,
    });
    desk.addRollout(outcome.progress);
    endpoint = outcome.endpoint;
  }
  const shared = split !== undefined && endpoint.configName === split.configName;
  const mixed = endpoint.status === 'UpdateRollbackFailed';
  if ((endpoint.configName !== configName && !mixed && !shared) || previous === null)
    return endpoint.configName;
  if (shared) await takeTraffic(desk, split);

  desk.awaits(`the previous config ${previous} to serve again`);
  let refusal: string | undefined;
  try {
    const update = await control('put the previous config back').updateEndpoint({
      ...ref,
      release: input.release,
      configName: previous,
      plan: prepared.plan,
      expectedConfigName: endpoint.configName,
      lastModifiedAtMs: endpoint.lastModifiedAtMs,
      plain: true,
    });
    if (update.kind === 'refused') refusal = update.reason;
  } catch (error) {
    if (isCancellation(error)) throw error;
    // The config, or its model, is gone: no other attempt would be better.
    await callForHelp(desk, previous, sentenceOf(error));
    return endpoint.configName;
  }
  const outcome = await atRest(desk, {
    configName: previous,
    previousConfigName: endpoint.configName,
    alarmNames: [],
    deadlineMs: Date.now() + WAY_BACK_MS,
    formerReason: endpoint.failureReason,
  });
  desk.addRollout(outcome.progress);
  desk.shares({ phase: 'over', percent: 0 });
  if (outcome.kind === 'in service') {
    desk.addRollout([{ atMs: Date.now(), what: `back on ${outcome.endpoint.configName ?? ''}` }]);
  } else await callForHelp(desk, previous, refusal ?? outcome.reason);
  return outcome.endpoint.configName;
}

/** The candidate loses its traffic at once: the update that takes its fleet away needs minutes. */
async function takeTraffic(desk: ReleaseDesk, split: Split): Promise<void> {
  const request = { ...desk.ref, split, percent: 0 };
  desk.awaits('the candidate to lose its traffic');
  await atBest(async () => {
    const shifted = await control('take the traffic from the candidate', 10 * 60_000).shiftTraffic({
      ...request,
      expectedPercent: null,
    });
    if (shifted.kind !== 'accepted') return;
    const deadlineMs = Date.now() + 10 * 60_000;
    await poll('wait for the weights', 15 * 60_000).awaitShift({ ...request, deadlineMs });
    desk.shares({ percent: 0 });
    desk.addRollout([{ atMs: Date.now(), what: 'the candidate has no traffic any more' }]);
  }, desk.tell);
  await control('end the scaling of the candidate').closeSplit({
    ...desk.ref,
    split,
    release: desk.input.release,
    suspend: desk.scalingSuspended(),
  });
}

/** The way back did not get there: from here on it is for a person. Said on the timeline and to the topic. */
async function callForHelp(desk: ReleaseDesk, previous: string, reason: string): Promise<void> {
  const { name } = desk.ref.policy.spec.endpoint;
  const what = `${name} could not be put back on ${previous}: ${reason}`;
  desk.addRollout([{ atMs: Date.now(), what }]);
  await desk.notify(
    'failed',
    `${desk.input.model}: the way back failed`,
    `${what}. modelkeeper does not try again by itself: look at the endpoint, then update it to a config that is known to work.`,
    { key: 'way-back', severity: 'critical' },
  );
}
