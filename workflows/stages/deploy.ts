import { CancellationScope, isCancellation, patched } from '@temporalio/workflow';

import type {
  ModelRef,
  Preflight,
  Prepared,
  RestRequest,
  RolloutJourney,
  RolloutOutcome,
} from '../../activities/contract.js';
import type { Evidence } from '../../domain/evidence.js';
import { changedParts } from '../../domain/evidence.js';
import { planInWords } from '../../domain/rollout.js';
import { careful, control, poll } from '../activities.js';
import { sentenceOf } from '../failures.js';
import { followed } from '../follow.js';
import type { ReleaseDesk } from '../release-desk.js';
import { besideBake, comparesBake } from './bake.js';
import { heedBeforeRollout } from './registry.js';

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
  | { readonly kind: 'refused'; readonly reasons: readonly string[] };

/** Margin over SageMaker's own time-out before we say that a rollout is stuck. */
const MARGIN_MS = 15 * 60_000;
/** How long a way back may take. */
const WAY_BACK_MS = 6 * 3_600_000;

/** Brings the approved version into service, or leaves the endpoint on a config we know. */
export async function deploy(
  desk: ReleaseDesk,
  prepared: Prepared,
  approved: { readonly evidence: Evidence; readonly digest: string; readonly by: string },
): Promise<Deployed> {
  const { ref, input } = desk;
  const { configName, plan } = prepared;
  const previous = approved.evidence.championConfigName;
  desk.enter('deploy', 'the right to write to the endpoint');
  await desk.lease();

  const look = (): Promise<Preflight> =>
    control('preflight').preflight({
      ...ref,
      configName,
      plan,
      packageArn: approved.evidence.packageArn,
      expectedConfigName: previous,
      evidence: approved.evidence,
    });
  let checked = await look();
  let registry = await heedBeforeRollout(desk, checked.registry);
  while (registry.kind === 'put back') {
    checked = await look();
    registry = await heedBeforeRollout(desk, checked.registry);
  }
  if (registry.kind === 'rejected') return registry;
  if (registry.kind === 'withdrawn') {
    const { evidence, digest } = checked;
    const parts = [...changedParts(approved.evidence, evidence), registry.part];
    return { kind: 'void', parts, evidence, digest };
  }
  if (registry.kind === 'contested') return { kind: 'refused', reasons: [registry.sentence] };
  if (checked.endpoint.configName !== previous && checked.endpoint.configName !== configName) {
    return { kind: 'champion changed', configName: checked.endpoint.configName };
  }
  if (checked.digest !== approved.digest) {
    const { evidence, digest } = checked;
    return { kind: 'void', parts: changedParts(approved.evidence, evidence), evidence, digest };
  }
  if (checked.refused.length > 0) return { kind: 'refused', reasons: checked.refused };

  await desk.record({
    decision: 'rollout',
    reasons: [`approved by ${approved.by}`, planInWords(plan), ...checked.warnings],
    facts: {
      from: previous,
      to: configName,
      digest: approved.digest,
      lastModifiedAtMs: checked.endpoint.lastModifiedAtMs,
    },
  });
  const deadlineMs = Date.now() + plan.timeoutSeconds * 1_000 + MARGIN_MS;
  desk.awaits(`the rollout: ${planInWords(plan)}`, deadlineMs);
  try {
    const update = await careful('UpdateEndpoint', deadlineMs - Date.now()).updateEndpoint({
      ...ref,
      release: input.release,
      configName,
      plan,
      expectedConfigName: previous,
      lastModifiedAtMs: checked.endpoint.lastModifiedAtMs,
    });
    desk.addRollout([{ atMs: Date.now(), what: `update ${update.kind}` }]);
    const settled = (): Promise<AtRest> =>
      atRest(desk, {
        configName,
        previousConfigName: previous,
        alarmNames: plan.alarmNames,
        deadlineMs,
        formerReason: checked.endpoint.failureReason,
      });
    switch (update.kind) {
      case 'champion changed':
        return { kind: 'champion changed', configName: update.configName };
      case 'refused':
        return { kind: 'refused', reasons: [update.reason] };
      case 'rolled back':
        return { kind: 'rolled back', reason: update.reason, configName: previous };
      case 'accepted':
      case 'adopted':
      case 'already serving':
        return ended(desk, await compared(desk, prepared, previous, deadlineMs, settled));
    }
  } catch (error) {
    if (!isCancellation(error)) {
      desk.tell(`the rollout failed: ${sentenceOf(error)}`);
      const back = await CancellationScope.nonCancellable(() =>
        wayBack(desk, prepared, previous, sentenceOf(error)),
      );
      return { kind: 'rolled back', reason: sentenceOf(error), configName: back };
    }
    const back = await CancellationScope.nonCancellable(() =>
      wayBack(
        desk,
        prepared,
        previous,
        desk.interruption()?.reason ?? 'the workflow was cancelled',
      ),
    );
    desk.tell(`the endpoint is at rest on ${back ?? 'no config'}`);
    throw error;
  }
}

/** Waits for the rollout, and compares the two versions meanwhile where the policy asks for it. */
async function compared(
  desk: ReleaseDesk,
  prepared: Prepared,
  previous: string | null,
  deadlineMs: number,
  settled: () => Promise<AtRest>,
): Promise<AtRest> {
  if (previous === null || !comparesBake(desk, prepared) || !patched('compare-bake')) {
    return settled();
  }
  return besideBake(desk, prepared, previous, deadlineMs, settled);
}

interface Resting extends Omit<RestRequest, keyof ModelRef | 'journey' | 'tellMoves'> {
  readonly formerReason: string | null;
}

type AtRest = Exclude<RolloutOutcome, { readonly kind: 'moved' }>;

/** Waits until the endpoint has settled on a config, and shows on the timeline what a hint brings to light. */
async function atRest(desk: ReleaseDesk, { formerReason, ...resting }: Resting): Promise<AtRest> {
  let journey: RolloutJourney = { sinceMs: Date.now(), progress: [], formerReason };
  for (;;) {
    const outcome = await followed(desk, (hinted) =>
      poll('follow the rollout', Math.max(60_000, resting.deadlineMs - Date.now())).awaitRest({
        ...desk.ref,
        ...resting,
        journey,
        tellMoves: hinted,
      }),
    );
    if (outcome.kind !== 'moved') return outcome;
    journey = outcome.journey;
    desk.addRollout(journey.progress);
  }
}

function ended(desk: ReleaseDesk, outcome: AtRest): Deployed {
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
  prepared: Pick<Prepared, 'configName' | 'plan' | 'abortAlarmName'>,
  previous: string | null,
  reason: string,
): Promise<string | null> {
  const { ref, input } = desk;
  const { configName } = prepared;
  let endpoint = await control('read the endpoint').readEndpoint(ref);
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
      previousConfigName: previous,
      alarmNames: prepared.plan.alarmNames,
      deadlineMs: Date.now() + WAY_BACK_MS,
      formerReason: endpoint.failureReason,
    });
    desk.addRollout(outcome.progress);
    endpoint = outcome.endpoint;
  }
  const mixed = endpoint.status === 'UpdateRollbackFailed';
  if ((endpoint.configName !== configName && !mixed) || previous === null)
    return endpoint.configName;

  desk.awaits(`the previous config ${previous} to serve again`);
  await control('put the previous config back').updateEndpoint({
    ...ref,
    release: input.release,
    configName: previous,
    plan: prepared.plan,
    expectedConfigName: mixed ? endpoint.configName : configName,
    lastModifiedAtMs: endpoint.lastModifiedAtMs,
    plain: true,
  });
  const outcome = await atRest(desk, {
    configName: previous,
    previousConfigName: configName,
    alarmNames: [],
    deadlineMs: Date.now() + WAY_BACK_MS,
    formerReason: endpoint.failureReason,
  });
  desk.addRollout(outcome.progress);
  if (outcome.kind === 'in service') {
    desk.addRollout([{ atMs: Date.now(), what: `back on ${outcome.endpoint.configName ?? ''}` }]);
  } else await callForHelp(desk, previous, outcome.reason);
  return outcome.endpoint.configName;
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
