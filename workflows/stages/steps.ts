import { CancellationScope, condition } from '@temporalio/workflow';

import type { BakeOutcome, Prepared, Split, SplitTrouble } from '../../activities/contract.js';
import {
  afterHold,
  bakeInWords,
  comparisonOf,
  type BakeComparison,
  type CompareSettings,
} from '../../domain/bake.js';
import { instantInWords } from '../../domain/duration.js';
import type { TrafficStep } from '../../domain/evidence.js';
import type { EndpointReading, Window } from '../../domain/model.js';
import { holdForMs, stepInWords } from '../../domain/rollout.js';
import { EVALUATED_WITHIN_MS, shareInWords } from '../../domain/traffic.js';
import { careful, control, poll } from '../activities.js';
import { comparedBake } from '../compare.js';
import { followed } from '../follow.js';
import type { ReleaseDesk } from '../release-desk.js';
import { atRest, ended, MARGIN_MS, wayBack, type Deployed } from './rest.js';

const MINUTE_MS = 60_000;
/** Who holds a rollout while the model is frozen: it goes on by itself when the freeze ends. */
const FREEZE = 'a freeze';
/** How long SageMaker may take to change weights. */
const SHIFT_MS = 30 * MINUTE_MS;

/** What the rollout does after a step. */
type Onward =
  | { readonly kind: 'on'; readonly percent: number | null }
  /** A person wants all of the traffic now. */
  | { readonly kind: 'hurry' }
  | { readonly kind: 'back'; readonly reason: string };

/** What a step's time came to. */
type Baked =
  | { readonly kind: 'pass' }
  /** A person decides. */
  | { readonly kind: 'ask'; readonly reason: string }
  | { readonly kind: 'back'; readonly reason: string };

/** One rollout by steps, as its parts share it. */
interface Rollout {
  readonly desk: ReleaseDesk;
  readonly prepared: Prepared;
  readonly split: Split;
  readonly previous: string | null;
  /** Where the champion's answers are captured; `null` when they are not. */
  readonly capturePrefix: string | null;
  /** The bakes so far, with the share that the candidate had. */
  readonly windows: (Window & { readonly percent: number })[];
  /** A hard limit was passed at any look. */
  everHard: boolean;
}

/**
 * Champion and candidate serve side by side, and the candidate takes one share of the traffic after the other, as
 * far as alarms and people let it. Entering and leaving are updates of the endpoint; in between only weights change.
 */
export async function bySteps(
  desk: ReleaseDesk,
  prepared: Prepared,
  split: Split,
  previous: string | null,
  endpoint: EndpointReading,
): Promise<Deployed> {
  const { capturePrefix } = endpoint;
  const rollout: Rollout = {
    ...{ desk, prepared, split, previous, capturePrefix },
    windows: [],
    everHard: false,
  };
  const steps = prepared.plan.steps ?? [];
  desk.s.traffic = { steps, at: -1, phase: 'entering', percent: 0, untilMs: null };

  const entered = await enter(rollout, endpoint);
  if (entered.kind !== 'serving') return entered;

  let percent: number | null = 0;
  for (const [index, step] of steps.entries()) {
    if (desk.hurry() !== undefined) break;
    const onward = await takeStep(rollout, index, step, percent);
    if (onward.kind === 'back') return goBack(rollout, onward.reason);
    if (onward.kind === 'hurry') break;
    percent = onward.percent;
  }
  return leave(rollout);
}

/** From the champion alone to both side by side, the candidate without traffic. */
async function enter(
  { desk, prepared, split, previous }: Rollout,
  endpoint: EndpointReading,
): Promise<Deployed> {
  const { ref, input } = desk;
  const { plan } = prepared;
  const deadlineMs = Date.now() + plan.timeoutSeconds * 1_000 + MARGIN_MS;
  desk.awaits('the candidate to start next to the champion, without traffic', deadlineMs);
  const update = await careful(
    'UpdateEndpoint: champion and candidate side by side',
    deadlineMs - Date.now(),
  ).updateEndpoint({
    ...ref,
    release: input.release,
    configName: split.configName,
    plan,
    expectedConfigName: previous,
    lastModifiedAtMs: endpoint.lastModifiedAtMs,
    plain: true,
    newWeights: true,
  });
  desk.addRollout([{ atMs: Date.now(), what: `update ${update.kind}: ${split.configName}` }]);
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
      break;
  }
  const outcome = await atRest(desk, {
    configName: split.configName,
    previousConfigName: previous,
    alarmNames: [],
    deadlineMs,
    formerReason: endpoint.failureReason,
  });
  const entered = ended(desk, outcome);
  if (entered.kind === 'serving') {
    const opened = await control('scaling while two versions serve').openSplit({
      ...ref,
      split,
      release: input.release,
      resume: desk.scalingSuspended(),
    });
    for (const done of opened.done) desk.tell(`scaling: ${done}`);
  }
  return entered;
}

/** Sets one share, lets it bake, and has it judged. */
async function takeStep(
  rollout: Rollout,
  index: number,
  step: TrafficStep,
  before: number | null,
): Promise<Onward> {
  const { desk } = rollout;
  desk.shares({ at: index, phase: 'shifting', untilMs: null });
  await desk.record({
    decision: 'rollout step',
    reasons: [`the candidate takes ${stepInWords(step)}`],
    facts: { step: index + 1, percent: step.percent, from: before },
  });
  let from = before;
  for (;;) {
    const shifted = await shift(rollout, step.percent, from);
    if (shifted.kind === 'lost') return { kind: 'back', reason: shifted.reason };
    const baked = shifted.kind === 'there' ? await bakeStep(rollout, step) : shifted;
    if (baked === 'asked') return { kind: 'hurry' };
    switch (baked.kind) {
      case 'alarm':
      case 'lost':
      case 'back':
        return { kind: 'back', reason: baked.reason };
      case 'ask':
        return hold(rollout, 'modelkeeper', baked.reason, step.percent);
      case 'pass':
        return endStep(rollout, step);
      case 'changed by hand':
      case 'blind': {
        const percent = baked.kind === 'blind' ? step.percent : baked.percent;
        const held = await hold(rollout, 'modelkeeper', baked.reason, percent);
        if (held.kind !== 'on') return held;
        // Whoever resumes has seen what is there: the step begins anew from it.
        from = null;
      }
    }
  }
}

/** The time of one step: watched, compared at its end, and stretched while the comparison cannot tell. */
async function bakeStep(
  rollout: Rollout,
  step: TrafficStep,
): Promise<Exclude<BakeOutcome, { kind: 'over' }> | Baked | 'asked'> {
  const { desk } = rollout;
  const { percent } = step;
  const share = shareInWords(percent);
  const settings = comparisonOf(desk.ref.policy.spec.deploy);
  const sinceMs = Date.now();
  desk.addRollout([{ atMs: sinceMs, what: `the candidate has ${share} of the traffic` }]);
  let forMs = step.bakeSeconds * 1_000;
  for (let why = ''; ;) {
    const fromMs = Date.now();
    const untilMs = fromMs + forMs;
    desk.shares({ phase: 'baking', percent, untilMs });
    desk.awaits(`the bake at ${share} of the traffic${why}`, untilMs);
    const baked = await bake(rollout, percent, untilMs, () => desk.hurry() !== undefined);
    if (baked === 'asked' || baked.kind !== 'over') return baked;
    rollout.windows.push({ fromMs, toMs: baked.atMs, percent });
    const compared = await compare(rollout, settings);
    const reason = `${share}: ${bakeInWords(compared)}`;
    if (compared.verdict === 'promote') return { kind: 'pass' };
    if (compared.verdict === 'roll back') return { kind: 'back', reason };
    switch (afterHold(settings, Date.now() - sinceMs, rollout.everHard)) {
      case 'promote':
        return { kind: 'pass' };
      case 'roll back':
        return { kind: 'back', reason };
      case 'ask':
        return { kind: 'ask', reason };
      case 'extend': {
        const leftMs = settings.maxBakeMs - (Date.now() - sinceMs);
        forMs = Math.min(leftMs, Math.max(step.bakeSeconds, settings.periodSeconds) * 1_000);
        why = `, longer because the comparison cannot tell yet: ${compared.reasons[0] ?? ''}`;
      }
    }
  }
}

/** Champion and candidate side by side over the bakes so far; on the timeline, and in the ledger with what follows. */
async function compare(rollout: Rollout, settings: CompareSettings): Promise<BakeComparison> {
  const { desk, prepared, split, capturePrefix, windows } = rollout;
  const planned = Math.max(settings.looks, prepared.plan.steps?.length ?? 1);
  const bakedMs = windows.reduce((sum, { fromMs, toMs }) => sum + toMs - fromMs, 0);
  const share = windows.reduce((sum, w) => sum + w.percent * (w.toMs - w.fromMs), 0) / bakedMs;
  const compared = await comparedBake(desk.ref, {
    champion: { variant: split.championVariant, configName: null, capturePrefix },
    candidate: {
      variant: split.candidateVariant,
      configName: null,
      capturePrefix:
        capturePrefix?.replace(`/${split.championVariant}/`, `/${split.candidateVariant}/`) ?? null,
    },
    windows: windows.map(({ fromMs, toMs }) => ({ fromMs, toMs })),
    look: { k: windows.length, of: planned },
    expectedShare: bakedMs > 0 ? share / 100 : null,
  });
  if (compared.hard) rollout.everHard = true;
  desk.addBake(compared);
  desk.recordWithNext({
    decision: 'bake',
    reasons: [bakeInWords(compared)],
    facts: { verdict: compared.verdict, look: compared.look, metrics: compared.metrics },
  });
  return compared;
}

/** A step that nothing speaks against: on, unless somebody wants it held here. */
async function endStep(rollout: Rollout, step: TrafficStep): Promise<Onward> {
  const { percent } = step;
  const { paused, frozen } = rollout.desk.s;
  if (paused !== null) return hold(rollout, paused.by, paused.reason, percent);
  if (frozen) return hold(rollout, FREEZE, 'the model is frozen', percent);
  return step.hold
    ? hold(rollout, 'the policy', stepInWords(step), percent)
    : { kind: 'on', percent };
}

/** Sets the weights and waits until the endpoint is at rest with them. */
async function shift(
  { desk, split }: Rollout,
  percent: number,
  expectedPercent: number | null,
): Promise<{ readonly kind: 'there' } | SplitTrouble> {
  const request = { ...desk.ref, split, percent };
  const share = shareInWords(percent);
  desk.awaits(`${share} of the traffic to go to the candidate`);
  const shifted = await careful(`${share} of the traffic to the candidate`, SHIFT_MS).shiftTraffic({
    ...request,
    expectedPercent,
  });
  if (shifted.kind !== 'accepted') return shifted;
  const deadlineMs = Date.now() + SHIFT_MS;
  return followed(desk, () =>
    poll('wait for the weights', SHIFT_MS + MARGIN_MS).awaitShift({ ...request, deadlineMs }),
  );
}

/** Watches alarms and weights until the instant, or until a person asks for something else. */
function bake(
  { desk, split }: Rollout,
  percent: number | null,
  untilMs: number,
  asked: () => boolean,
): Promise<BakeOutcome | 'asked'> {
  const forMs = Math.max(0, untilMs - Date.now()) + EVALUATED_WITHIN_MS + MARGIN_MS;
  return unlessAsked(asked, () =>
    followed(desk, () =>
      poll('watch the candidate', forMs).watchSplit({ ...desk.ref, split, percent, untilMs }),
    ),
  );
}

/**
 * Waits for a person, who may resume, promote or abort, with any weights. The alarms are watched on. When nobody
 * says anything for `deploy.holdFor`, the rollout is taken back.
 */
async function hold(
  rollout: Rollout,
  by: string,
  reason: string,
  percent: number,
): Promise<Onward> {
  const { desk } = rollout;
  const untilMs = Date.now() + holdForMs(desk.ref.policy.spec.deploy);
  const askedFor = desk.s.paused !== null;
  if (by !== FREEZE) desk.hold(by, reason, untilMs);
  desk.shares({ phase: 'held', percent, untilMs });
  desk.awaits(
    by === FREEZE ? 'the end of the freeze' : `resume, promote or abort: held by ${by}: ${reason}`,
    untilMs,
  );
  if (!askedFor)
    await desk.notify(
      'approval',
      `${desk.input.model} release ${String(desk.input.release)}: held at ${shareInWords(percent)}`,
      `Held by ${by}: ${reason}. The candidate has ${shareInWords(percent)} of the traffic. Resume, promote or abort it until ${instantInWords(untilMs)}; then it is taken back.`,
      { key: `held/${String(desk.s.traffic?.at ?? 0)}/${String(untilMs)}`, severity: 'warning' },
    );
  const goesOn = (): boolean =>
    desk.hurry() !== undefined || (desk.s.paused === null && !desk.s.frozen);
  const held = await bake(rollout, null, untilMs, goesOn);
  desk.release();
  if (held === 'asked') {
    return desk.hurry() === undefined ? { kind: 'on', percent: null } : { kind: 'hurry' };
  }
  if (held.kind === 'alarm' || held.kind === 'lost') return { kind: 'back', reason: held.reason };
  return {
    kind: 'back',
    reason: `nobody resumed it until ${instantInWords(untilMs)}; held by ${by}: ${reason}`,
  };
}

/** From both side by side to the candidate alone, under the champion's variant name. */
async function leave(rollout: Rollout): Promise<Deployed> {
  const { desk, prepared, split } = rollout;
  const { ref, input } = desk;
  const { configName, plan } = prepared;
  desk.shares({ phase: 'leaving', untilMs: null });
  desk.awaits('the candidate to take all of the traffic alone');
  const endpoint = await control('read the endpoint').readEndpoint(ref);
  await desk.record({
    decision: 'rollout step',
    reasons: [desk.hurry() ?? 'every step has passed: the candidate takes all of the traffic'],
    facts: {
      from: split.configName,
      to: configName,
      lastModifiedAtMs: endpoint.lastModifiedAtMs,
    },
  });
  await control('end the scaling of the candidate').closeSplit({
    ...ref,
    split,
    release: input.release,
    suspend: desk.scalingSuspended(),
  });
  const deadlineMs = Date.now() + plan.timeoutSeconds * 1_000 + MARGIN_MS;
  desk.awaits('the candidate to take all of the traffic alone', deadlineMs);
  const update = await careful(
    'UpdateEndpoint: the candidate alone',
    deadlineMs - Date.now(),
  ).updateEndpoint({
    ...ref,
    release: input.release,
    configName,
    plan,
    expectedConfigName: split.configName,
    lastModifiedAtMs: endpoint.lastModifiedAtMs,
  });
  desk.addRollout([{ atMs: Date.now(), what: `update ${update.kind}: ${configName}` }]);
  switch (update.kind) {
    case 'champion changed':
      return goBack(
        rollout,
        `the endpoint serves ${update.configName ?? 'nothing'}, not ${split.configName}: somebody else updated it`,
      );
    case 'refused':
    case 'rolled back':
      return goBack(rollout, update.reason);
    case 'accepted':
    case 'adopted':
    case 'already serving':
      break;
  }
  const outcome = await atRest(desk, {
    configName,
    previousConfigName: split.configName,
    alarmNames: plan.alarmNames,
    deadlineMs,
    formerReason: endpoint.failureReason,
  });
  const left = ended(desk, outcome);
  if (left.kind === 'rolled back') return goBack(rollout, left.reason);
  desk.shares({ phase: 'over', percent: 100 });
  return left;
}

/** Back to the champion alone. */
async function goBack(
  { desk, prepared, previous }: Rollout,
  reason: string,
): Promise<Extract<Deployed, { kind: 'rolled back' }>> {
  desk.tell(`the rollout is taken back: ${reason}`);
  // What a person asks meanwhile changes nothing: the endpoint is going to the config it would be put on anyway.
  const configName = await CancellationScope.nonCancellable(() =>
    wayBack(desk, prepared, previous, reason),
  );
  return { kind: 'rolled back', reason, configName };
}

/** Looks until there is something to tell, or until a person has asked for something else. */
async function unlessAsked<T>(asked: () => boolean, look: () => Promise<T>): Promise<T | 'asked'> {
  if (asked()) return 'asked';
  const scope = new CancellationScope();
  const looking = scope.run(look);
  const over = looking.then(
    () => true,
    () => true,
  );
  const cutShort = scope.run(async () => {
    await condition(asked);
    return false;
  });
  const first = await Promise.race([over, cutShort.catch(() => true)]);
  if (!first) {
    scope.cancel();
    await over;
    return 'asked';
  }
  try {
    return await looking;
  } finally {
    scope.cancel();
  }
}
