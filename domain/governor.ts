import { tooDear, type Spending } from './cost.js';
import { durationMs, inWords } from './duration.js';
import type { ReleaseStage, Trigger, Window } from './model.js';
import type { PolicySpec } from './policy.schema.js';
import type { Freeze } from './status.js';

/** A release that has not ended, as the governor sees it. */
export interface OpenRelease {
  readonly release: number;
  readonly stage: ReleaseStage;
  readonly startedAtMs: number;
  /** When it took the traffic; `null` before probation. */
  readonly servingSinceMs: number | null;
  /** End of the data it was judged on. */
  readonly dataToMs: number;
}

export interface GovernorState {
  readonly open: readonly OpenRelease[];
  readonly frozen: Freeze | null;
  readonly lastEndedAtMs: number | null;
  /** Starts of releases, oldest first. */
  readonly startsAtMs: readonly number[];
  /** Data windows of candidates that were rejected, expired, failed their gates or were rolled back. */
  readonly blocked: readonly (Window & { readonly why: string })[];
  readonly retiring: boolean;
  /** What has been spent and what the next run costs; absent for a policy without a budget in dollars. */
  readonly spending?: Spending | undefined;
}

export type GovernorAnswer =
  | { readonly kind: 'start'; readonly reason: string }
  | { readonly kind: 'wait'; readonly untilMs: number | null; readonly reason: string }
  /** One release is on its way already; the trigger is looked at again when that one ends. */
  | { readonly kind: 'coalesce'; readonly reason: string }
  | { readonly kind: 'ask'; readonly reason: string }
  | { readonly kind: 'notify'; readonly reason: string }
  | { readonly kind: 'record'; readonly reason: string }
  | { readonly kind: 'roll back'; readonly release: number; readonly reason: string };

/** From the first training step until the new version has all of the traffic. */
const IN_FLIGHT: ReadonlySet<ReleaseStage> = new Set<ReleaseStage>([
  'retrain',
  'evaluate',
  'approve',
  'deploy',
]);

/**
 * What a trigger leads to. Every answer says why.
 *
 * @param force a person insists: cool-down, budget and blocked windows do not hold a manual trigger back,
 *   a freeze and a release in flight do.
 */
export function govern(
  spec: Pick<PolicySpec, 'mode' | 'retrain' | 'deploy'>,
  state: GovernorState,
  trigger: Trigger,
  nowMs: number,
  force = false,
): GovernorAnswer {
  if (state.retiring) return { kind: 'record', reason: 'the model is being retired' };
  if (trigger.kind === 'performance') {
    const onProbation = state.open.find((release) => release.stage === 'probation');
    if (onProbation !== undefined && spec.deploy.probation.rollBackOn.includes('performance')) {
      return {
        kind: 'roll back',
        release: onProbation.release,
        reason: `release ${onProbation.release} is on probation and lost performance: ${trigger.reasons[0] ?? ''}`,
      };
    }
  }
  if (spec.mode === 'record')
    return { kind: 'record', reason: 'the policy says mode: record; nothing is started' };
  if (trigger.kind !== 'manual' && !spec.retrain.on.includes(trigger.kind)) {
    return { kind: 'notify', reason: `retrain.on does not name ${trigger.kind}` };
  }
  if (state.frozen !== null) {
    return {
      kind: 'wait',
      untilMs: state.frozen.untilMs,
      reason: `frozen by ${state.frozen.by}: ${state.frozen.reason}`,
    };
  }
  return (
    inFlight(spec, state, trigger, nowMs) ??
    (force ? undefined : heldBack(spec, state, trigger, nowMs)) ?? {
      kind: 'start',
      reason: trigger.reasons[0] ?? trigger.kind,
    }
  );
}

function inFlight(
  spec: Pick<PolicySpec, 'retrain'>,
  state: GovernorState,
  trigger: Trigger,
  nowMs: number,
): GovernorAnswer | undefined {
  const flying = state.open.filter((release) => IN_FLIGHT.has(release.stage));
  const busy = flying.find((release) => release.stage !== 'approve');
  if (busy !== undefined) {
    return { kind: 'coalesce', reason: `release ${busy.release} is on its way (${busy.stage})` };
  }
  const waiting = flying.at(-1);
  if (waiting === undefined) return undefined;
  const newestMs = Math.max(
    trigger.kind === 'manual' ? trigger.atMs : 0,
    ...trigger.windows.map((window) => window.toMs),
  );
  if (newestMs <= waiting.dataToMs) {
    return {
      kind: 'coalesce',
      reason: `release ${waiting.release} waits for approval and was trained on this data`,
    };
  }
  const soonestMs = waiting.startedAtMs + durationMs(spec.retrain.cooldown);
  if (nowMs < soonestMs) {
    return {
      kind: 'wait',
      untilMs: soonestMs,
      reason: `release ${waiting.release} waits for approval; a newer one may start in ${inWords(soonestMs - nowMs)}`,
    };
  }
  return undefined;
}

function heldBack(
  spec: Pick<PolicySpec, 'retrain'>,
  state: GovernorState,
  trigger: Trigger,
  nowMs: number,
): GovernorAnswer | undefined {
  if (trigger.kind === 'drift' || trigger.kind === 'performance') {
    const newestMs = Math.max(0, ...trigger.windows.map((window) => window.toMs));
    const block = state.blocked.find((window) => newestMs <= window.toMs);
    if (block !== undefined) {
      return {
        kind: 'wait',
        untilMs: null,
        reason: `a candidate on this data ${block.why}; waiting for newer windows`,
      };
    }
  }
  const cooldownUntil = cooldownUntilMs(spec, state);
  if (trigger.kind !== 'manual' && cooldownUntil !== null && nowMs < cooldownUntil) {
    return {
      kind: 'wait',
      untilMs: cooldownUntil,
      reason: `cooling down for another ${inWords(cooldownUntil - nowMs)}`,
    };
  }
  const { runs, per } = spec.retrain.budget;
  const used = runsUsed(spec, state, nowMs);
  if (used >= runs) {
    return {
      kind: 'ask',
      reason: `${used} of ${runs} runs of the last ${inWords(durationMs(per))} are spent; a person may insist with modelkeeper retrain --force`,
    };
  }
  const dear = state.spending === undefined ? undefined : tooDear(state.spending, per);
  if (dear !== undefined)
    return {
      kind: 'ask',
      reason: `${dear}; a person may insist with modelkeeper retrain --force`,
    };
  return undefined;
}

/** When the next automatic release may start; `null` when nothing holds it back. */
export function cooldownUntilMs(
  spec: Pick<PolicySpec, 'retrain'>,
  state: Pick<GovernorState, 'open' | 'lastEndedAtMs'>,
): number | null {
  const serving = state.open.flatMap((release) =>
    release.servingSinceMs === null ? [] : [release.servingSinceMs],
  );
  const from = Math.max(state.lastEndedAtMs ?? 0, ...serving);
  return from === 0 ? null : from + durationMs(spec.retrain.cooldown);
}

/**
 * The largest budget of runs, and as many starts are remembered: more could be allowed, and would never be counted.
 */
export const MOST_BUDGET_RUNS = 200;

/** Releases started within the budget's sliding window. Stopped ones count. */
export function runsUsed(
  spec: Pick<PolicySpec, 'retrain'>,
  state: Pick<GovernorState, 'startsAtMs'>,
  nowMs: number,
): number {
  const sinceMs = nowMs - durationMs(spec.retrain.budget.per);
  return state.startsAtMs.filter((startMs) => startMs > sinceMs).length;
}

/**
 * Alarms that take a version on probation back: errors and latency of the managed set, and every alarm the
 * policy names itself. A full disk or a busy CPU is no fault of the new model.
 */
export function rollbackAlarms(
  alarms: readonly { readonly name: string; readonly state: string; readonly reason: string }[],
  managedPrefix: string,
): readonly { readonly name: string; readonly reason: string }[] {
  return alarms.filter(
    ({ name, state }) =>
      state === 'ALARM' &&
      (!name.startsWith(managedPrefix) ||
        AGAINST_THE_VERSION.test(name.slice(managedPrefix.length))),
  );
}

/** How the managed alarms end that are about answers. Only their end: what comes before it, people name. */
const AGAINST_THE_VERSION = /-(errors-[45]xx|errors|latency)$/;
