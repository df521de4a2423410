import { CancellationScope, isCancellation, patched } from '@temporalio/workflow';

import type { Preflight, Prepared } from '../../activities/contract.js';
import { comparisonOf, NOT_COMPARED, whyNotKept } from '../../domain/bake.js';
import type { Evidence } from '../../domain/evidence.js';
import { changedParts } from '../../domain/evidence.js';
import { planInWords } from '../../domain/rollout.js';
import { careful, swift } from '../activities.js';
import { sentenceOf } from '../failures.js';
import type { ReleaseDesk } from '../release-desk.js';
import { besideBake, comparesBake } from './bake.js';
import { heedBeforeRollout } from './registry.js';
import { atRest, ended, MARGIN_MS, wayBack, type AtRest, type Deployed } from './rest.js';
import { bySteps } from './steps.js';
import { shadow } from './shadow.js';
import { staging } from './staging.js';
import { SINCE_0_2 } from '../patches.js';

/** So old a preflight still speaks of now: UpdateEndpoint itself looks once more at what serves. */
const FRESH_MS = 5_000;

/** Brings the approved version into service, or leaves the endpoint on a config we know. */
export async function deploy(
  desk: ReleaseDesk,
  prepared: Prepared,
  approved: { readonly evidence: Evidence; readonly digest: string; readonly by: string },
): Promise<Deployed> {
  const { ref } = desk;
  const { configName, plan } = prepared;
  const previous = approved.evidence.championConfigName;
  desk.enter('deploy', 'the right to write to the endpoint');
  const { staging: wanted } = ref.policy.spec.deploy;
  if (wanted !== undefined && patched(SINCE_0_2)) {
    const staged = await staging(desk, wanted, prepared, approved.evidence.packageArn);
    if (staged.kind === 'failed') {
      return {
        kind: 'failed gates',
        reasons: staged.reasons.map((reason) => `staging: ${reason}`),
      };
    }
    desk.awaits('the right to write to the endpoint');
  }
  const shadowsFirst = wantsShadow(desk, previous);
  const look = (): Promise<Preflight> =>
    swift('preflight').preflight({
      ...ref,
      configName,
      plan,
      packageArn: approved.evidence.packageArn,
      expectedConfigName: previous,
      evidence: approved.evidence,
    });
  // The keeper compares before it lends, and this release looks meanwhile; not in a freeze, which lasts. It looks again
  // when it had to wait, or when what it found wrong may have been put right by then.
  const lookedAtMs = Date.now();
  const [looked] = await Promise.all([
    !shadowsFirst && !desk.s.frozen && patched(SINCE_0_2) ? look() : undefined,
    desk.lease(),
  ]);
  if (shadowsFirst) {
    const shadowed = await shadow(desk, prepared, previous);
    if (shadowed.kind === 'failed') {
      return {
        kind: 'refused',
        reasons: shadowed.reasons.map((reason) => `shadow test: ${reason}`),
      };
    }
  }

  const holds = looked?.refused.length === 0 && Date.now() - lookedAtMs <= FRESH_MS;
  let checked = looked !== undefined && holds ? looked : await look();
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
    swift: true,
  });
  try {
    return await (prepared.split === undefined
      ? byGuardrail(desk, prepared, previous, checked)
      : bySteps(desk, prepared, prepared.split, previous, checked.endpoint));
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

/** One update with SageMaker's guardrail, which takes it back by itself. */
async function byGuardrail(
  desk: ReleaseDesk,
  prepared: Prepared,
  previous: string | null,
  checked: Preflight,
): Promise<Deployed> {
  const { ref, input } = desk;
  const { configName, plan } = prepared;
  const deadlineMs = Date.now() + plan.timeoutSeconds * 1_000 + MARGIN_MS;
  desk.awaits(`the rollout: ${planInWords(plan)}`, deadlineMs);
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
      return compared(desk, prepared, previous, deadlineMs, settled);
  }
}

/**
 * Waits for the rollout, and compares the two versions meanwhile where the policy asks for it. What SageMaker let in
 * against the comparison goes back.
 */
async function compared(
  desk: ReleaseDesk,
  prepared: Prepared,
  previous: string | null,
  deadlineMs: number,
  settled: () => Promise<AtRest>,
): Promise<Deployed> {
  if (previous === null || !comparesBake(desk, prepared) || !patched(SINCE_0_2)) {
    return ended(desk, await settled());
  }
  const sinceMs = Date.now();
  const outcome = await besideBake(desk, prepared, previous, deadlineMs, settled);
  const deployed = ended(desk, outcome);
  if (deployed.kind !== 'serving') return deployed;
  const last = desk.s.bakes?.findLast(({ atMs }) => atMs >= sinceMs);
  if (last === undefined) desk.tell(NOT_COMPARED);
  const reason = whyNotKept(comparisonOf(desk.ref.policy.spec.deploy), last);
  if (reason === undefined) return deployed;
  desk.tell(`the rollout is taken back: ${reason}`);
  const configName = await CancellationScope.nonCancellable(() =>
    wayBack(desk, prepared, previous, reason),
  );
  return { kind: 'rolled back', reason, configName };
}

/** Whether the policy asks for a shadow test, and there is a champion to stand beside. */
function wantsShadow(desk: ReleaseDesk, previous: string | null): previous is string {
  const { shadow: asked } = desk.ref.policy.spec.deploy;
  return asked !== undefined && previous !== null && patched(SINCE_0_2);
}
