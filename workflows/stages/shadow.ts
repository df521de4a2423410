import { CancellationScope, isCancellation, sleep } from '@temporalio/workflow';

import type { BakeArm, Prepared } from '../../activities/contract.js';
import { bakeInWords, type BakeComparison } from '../../domain/bake.js';
import { durationMs, instantInWords } from '../../domain/duration.js';
import type { EndpointReading } from '../../domain/model.js';
import { sampleOf } from '../../domain/shadow.js';
import { careful, control } from '../activities.js';
import { comparedBake } from '../compare.js';
import { sentenceOf } from '../failures.js';
import type { ReleaseDesk } from '../release-desk.js';
import { tellBake } from './bake.js';
import { atRest, wayBack } from './rest.js';

export type Shadowed =
  { readonly kind: 'passed' } | { readonly kind: 'failed'; readonly reasons: readonly string[] };

/** How long the update into the shadow test may take. */
const ENTER_MS = 2 * 3_600_000;

/**
 * Lets the candidate answer copies of live requests, and compares before any caller depends on it.
 *
 * The endpoint is left on the champion's own config, whatever comes: entering and leaving are updates whose success is
 * the target config at rest. A test that cannot tell asks people: the release is paused until one of them resumes or
 * aborts it.
 */
export async function shadow(
  desk: ReleaseDesk,
  prepared: Prepared,
  previous: string,
): Promise<Shadowed> {
  const { ref, input } = desk;
  const asked = ref.policy.spec.deploy.shadow;
  const done = desk.s.shadow;
  if (asked === undefined || done?.configName === prepared.configName) return { kind: 'passed' };
  const before = await control('read the endpoint').readEndpoint(ref);
  // Somebody changed the champion: preflight says so, and what follows from it.
  if (before.configName !== previous) return { kind: 'passed' };
  const ready = await control('prepare the shadow test').prepareShadow({
    ...ref,
    release: input.release,
    configName: prepared.configName,
    championConfigName: previous,
  });
  if (ready.kind === 'refused') return { kind: 'failed', reasons: ready.reasons };
  desk.made(ready.configName);
  await desk.record({
    decision: 'shadow test',
    reasons: [
      `${sampleOf(asked)} % of the requests are copied to ${prepared.configName} for ${asked.for}`,
    ],
    facts: { from: previous, to: ready.configName, variant: ready.variant },
  });
  const outcome = await beside(desk, prepared, before, ready, durationMs(asked.for));
  if ('fault' in outcome) return { kind: 'failed', reasons: [outcome.fault] };
  const { compared } = outcome;
  await tellBake(desk, compared);
  if (compared.verdict === 'roll back') return { kind: 'failed', reasons: compared.reasons };
  desk.s.shadow = {
    configName: prepared.configName,
    verdict: compared.verdict,
    reasons: compared.reasons,
  };
  if (compared.verdict === 'hold') {
    desk.s.paused = {
      by: 'modelkeeper',
      reason: `the shadow test cannot tell (${compared.reasons.join('; ')}): resume to roll out, or abort`,
      sinceMs: Date.now(),
    };
    await desk.notify(
      'approval',
      `${ref.model}: the shadow test of release ${String(input.release)} cannot tell`,
      `${bakeInWords(compared)}\n\nResume the release to roll it out, or abort it.`,
      { severity: 'warning', key: `shadow/${prepared.configName}` },
    );
    await desk.gate();
  }
  return { kind: 'passed' };
}

/** Into the shadow test, through it, and back to the champion's config. */
async function beside(
  desk: ReleaseDesk,
  prepared: Prepared,
  before: EndpointReading,
  ready: { readonly configName: string; readonly variant: string },
  forMs: number,
): Promise<{ readonly compared: BakeComparison } | { readonly fault: string }> {
  const { ref, input } = desk;
  const previous = before.configName;
  const over = { ...prepared, configName: ready.configName, abortAlarmName: null };
  const leave = (reason: string): Promise<string | null> =>
    CancellationScope.nonCancellable(() => wayBack(desk, over, previous, reason));
  try {
    const deadlineMs = Date.now() + ENTER_MS;
    desk.awaits('the shadow variant to start', deadlineMs);
    const update = await careful('UpdateEndpoint: shadow', ENTER_MS).updateEndpoint({
      ...ref,
      release: input.release,
      configName: ready.configName,
      plan: prepared.plan,
      expectedConfigName: previous,
      lastModifiedAtMs: before.lastModifiedAtMs,
      plain: true,
    });
    if (update.kind === 'refused' || update.kind === 'rolled back') throw new Error(update.reason);
    if (update.kind === 'champion changed') {
      throw new Error(
        `the endpoint serves ${update.configName ?? 'nothing'}, not ${previous ?? 'nothing'}`,
      );
    }
    const rest = await atRest(desk, {
      configName: ready.configName,
      previousConfigName: previous,
      alarmNames: [],
      deadlineMs,
      formerReason: before.failureReason,
    });
    if (rest.kind !== 'in service') throw new Error(rest.reason);
    const fromMs = Date.now();
    desk.addRollout([{ atMs: fromMs, what: `shadowed by ${ready.variant}` }]);
    desk.awaits('the end of the shadow test', fromMs + forMs);
    await sleep(forMs, { summary: `shadow test until ${instantInWords(fromMs + forMs)}` });
    const compared = await comparedBake(ref, {
      ...armsOf(rest.endpoint.capturePrefix, ref.policy.spec.endpoint.variant, ready.variant),
      windows: [{ fromMs, toMs: Date.now() }],
      look: { k: 1, of: 1 },
      expectedShare: shareOf(desk),
      answers: true,
    });
    await leave('the shadow test is over');
    return { compared };
  } catch (error) {
    const reason = isCancellation(error)
      ? (desk.interruption()?.reason ?? 'the workflow was cancelled')
      : sentenceOf(error);
    await leave(reason);
    if (isCancellation(error)) throw error;
    return { fault: reason };
  }
}

/** Copies among all invocations: a sample of 50 % makes a third of them. */
function shareOf(desk: ReleaseDesk): number | null {
  const asked = desk.ref.policy.spec.deploy.shadow;
  if (asked === undefined) return null;
  const sample = sampleOf(asked) / 100;
  return sample / (1 + sample);
}

/** Both variants of the one config; each captures below its own name. */
function armsOf(
  prefix: string | null,
  champion: string,
  candidate: string,
): { readonly champion: BakeArm; readonly candidate: BakeArm } {
  const beside = prefix?.replace(new RegExp(`/${champion}/?$`), `/${candidate}/`) ?? null;
  return {
    champion: { variant: champion, configName: null, capturePrefix: prefix },
    candidate: { variant: candidate, configName: null, capturePrefix: beside },
  };
}
