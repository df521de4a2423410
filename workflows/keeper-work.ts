import { isCancellation, patched, upsertMemo, workflowInfo } from '@temporalio/workflow';

import type { WayBackOutcome } from '../activities/contract.js';

import { dataWindows } from '../domain/data-windows.js';
import type { LedgerState } from '../domain/ledger-rebuild.js';
import { costOf, countsMoney, pricesOf } from '../domain/cost.js';
import { instantInWords } from '../domain/duration.js';
import type { EndpointReading, Trigger } from '../domain/model.js';
import {
  candidateVariant,
  evaluationName,
  isSplit,
  releaseId,
  releaseName,
  roundsOf,
  splitName,
  triesOf,
} from '../domain/names.js';
import { placeOf } from '../domain/place.js';
import { comparesTogether } from '../domain/multivariate.js';
import type { Policy } from '../domain/policy.schema.js';
import { leavesStaging } from '../domain/staging.js';
import { leftBy } from '../domain/ways-back.js';
import { retriesOf } from '../domain/training.js';
import { CLEAN_UP_MS, control, data, swift } from './activities.js';
import { atBest, isHopeless, sentenceOf } from './failures.js';
import type { KeeperDesk } from './keeper-desk.js';
import {
  answerCommand,
  changeRelease,
  nextCost,
  seeBill,
  seeEnd,
  seeEndpoint,
  seeRun,
  started,
  takeUp,
} from './keeper-state.js';
import type { Command, KnownRelease } from './keeper-state.js';
import { removeMonitors } from './monitors.js';
import { accept, reconcileNow, reconciles, reconcileState } from './reconcile.js';
import { SINCE_0_2 } from './patches.js';

/**
 * Makes a keeper ready: what ledger and AWS still know of the model, the claim on the endpoint, alarms, scaling,
 * baseline. After continue-as-new there is nothing to do.
 *
 * @returns why the policy cannot be kept; `undefined` when it can
 */
export async function setUp(desk: KeeperDesk): Promise<string | undefined> {
  const { state } = desk;
  if (state.ready) return undefined;
  desk.awaits('the set-up: ledger, claim on the endpoint, alarms, baseline');
  const fault = await policyFault(state.policy);
  if (fault !== undefined) return fault;
  let rebuilt: LedgerState;
  try {
    rebuilt = await control('read the ledger of the model').rebuild(desk.ref());
  } catch (error) {
    if (!isHopeless(error)) throw error;
    return sentenceOf(error);
  }
  takeUp(state, rebuilt);
  const claim = await control('claim the endpoint').claimEndpoint(desk.ref());
  if (claim.kind === 'refused') return claim.reason;
  seeEndpoint(state, claim.endpoint);
  // Two versions serve: the one that the ledger knows is the champion.
  const { champion } = state;
  if (
    champion !== null &&
    rebuilt.championConfigName !== null &&
    isSplit(desk.model, champion.configName)
  )
    state.champion = { ...champion, configName: rebuilt.championConfigName };
  if (
    rebuilt.championConfigName !== null &&
    rebuilt.championConfigName === state.champion?.configName &&
    rebuilt.championSinceMs !== null
  ) {
    state.champion = { ...state.champion, sinceMs: rebuilt.championSinceMs };
  }
  for (const release of rebuilt.unfinished) {
    // Whether it still runs is Temporal's to say: the next look asks.
    started(state, { ...unknownRelease(release), startedAtMs: Date.now() });
  }
  await desk.record({
    decision: 'policy',
    reasons: [`policy ${state.policyDigest.slice(0, 16)} applied by ${state.policyAuthor.person}`],
    facts: {
      policyDigest: state.policyDigest,
      endpoint: state.policy.spec.endpoint.name,
      champion: state.champion?.configName ?? null,
    },
    actor: state.policyAuthor,
  });
  if (patched(SINCE_0_2)) await takeUpSuspension(desk, rebuilt.unfinished);
  await arrange(desk);
  await planMoney(desk);
  await baseline(desk);
  state.ready = true;
  desk.tell(
    `keeping ${state.policy.spec.endpoint.name} under policy ${state.policyDigest.slice(0, 16)}`,
  );
  desk.show();
  return undefined;
}

/**
 * A keeper that was terminated may have left scaling suspended. The mark on the endpoint tells that it was ours, and for
 * which release: one that may still run keeps it, and it is lifted at that one's end.
 */
async function takeUpSuspension(desk: KeeperDesk, unfinished: readonly number[]): Promise<void> {
  const found = await control('look for a suspension of scaling left behind').liftSuspension({
    ...desk.ref(),
    except: unfinished.map((release) => releaseId(desk.model, release)),
  });
  if (found.kind === 'none') return;
  const forRelease = unfinished.find((release) => releaseId(desk.model, release) === found.by);
  if (forRelease !== undefined) desk.state.scaling = { suspendedByUs: true, forRelease };
  desk.tell(
    found.kind === 'kept'
      ? `scaling is suspended for ${found.by}, and resumed at its end`
      : `scaling was still suspended for ${found.by}, which has ended: it is resumed`,
  );
}

/** What is wrong with a policy that came past the schema, in words; `undefined` for nothing. */
async function policyFault(policy: Policy): Promise<string | undefined> {
  const faults = await control('check the policy').checkPolicy({ policy });
  return faults.length > 0 ? `the policy is none: ${faults.join('; ')}` : undefined;
}

const unknownRelease = (release: number): Omit<KnownRelease, 'startedAtMs'> => ({
  release,
  stage: 'retrain',
  servingSinceMs: null,
  dataToMs: 0,
  data: { fromMs: 0, toMs: 0 },
  wantsLease: false,
  told: [],
});

/** Alarms and scaling as the policy wants them. */
async function arrange(desk: KeeperDesk): Promise<void> {
  const alarms = await control('create or repair the managed alarms').ensureAlarms(desk.ref());
  for (const repaired of alarms.repaired) desk.tell(`alarm ${repaired}`);
  if (desk.state.policy.spec.scaling !== undefined) {
    const scaling = await control('apply the scaling policy').applyScaling(desk.ref());
    for (const changed of scaling.changed) desk.tell(`scaling: ${changed}`);
  }
}

/** What a run can cost at most, for a policy that counts money. Without it people are asked, and nothing else waits. */
async function planMoney(desk: KeeperDesk): Promise<void> {
  const { state } = desk;
  if (!countsMoney(state.policy.spec.retrain.budget)) return;
  try {
    const { jobs, reason } = await control('read what a run can cost', 600_000).planJobs(
      desk.ref(),
    );
    state.planned = jobs;
    if (reason !== null) desk.tell(`what a run can cost is not known: ${reason}`);
  } catch (error) {
    if (isCancellation(error)) throw error;
    state.planned = null;
    desk.tell(`what a run can cost is not known: ${sentenceOf(error)}`);
  }
}

/** An endpoint that was deleted and created again carries neither our claim nor our scaling. */
export async function claimAgain(desk: KeeperDesk): Promise<void> {
  desk.tell('the endpoint was deleted and created again');
  const claim = await control('claim the endpoint again').claimEndpoint(desk.ref());
  if (claim.kind === 'refused') {
    desk.tell(`it cannot be claimed: ${claim.reason}`);
    return;
  }
  await arrange(desk);
}

async function baseline(desk: KeeperDesk): Promise<void> {
  const { state } = desk;
  const { champion } = state;
  if (
    champion === null ||
    !state.policy.spec.monitor.sources.some((source) => source.kind === 'captured-inputs')
  ) {
    state.baseline =
      champion === null ? null : { configName: champion.configName, uri: null, missing: null };
    return;
  }
  try {
    const made = await data('profile the baseline').prepareBaseline({
      ...desk.ref(),
      champion,
      capturePrefix: state.endpoint?.capturePrefix ?? null,
    });
    state.baseline =
      made.kind === 'ready'
        ? { configName: champion.configName, uri: made.uri, missing: null }
        : { configName: champion.configName, uri: null, missing: made.reason };
    desk.tell(
      made.kind === 'ready'
        ? `baseline of ${champion.configName}: ${String(made.rows)} rows`
        : made.reason,
    );
  } catch (error) {
    if (isCancellation(error)) throw error;
    state.baseline = {
      configName: champion.configName,
      uri: null,
      missing: `no baseline: ${sentenceOf(error)}`,
    };
    desk.tell(state.baseline.missing ?? '');
  }
}

/** Starts the next release. The decision is on record, and the number spent, before anything runs. */
export async function startRelease(desk: KeeperDesk, trigger: Trigger): Promise<number> {
  const { state } = desk;
  const release = state.nextRelease;
  state.nextRelease += 1;
  const windows = dataWindows(state.policy.spec.retrain, Date.now());
  // The windows that gave the alarm belong to it: the same ones must not start the next candidate.
  const span = {
    fromMs: windows.train.fromMs,
    toMs: Math.max(windows.holdOut.toMs, ...trigger.windows.map((window) => window.toMs)),
  };
  const cost = nextCost(state);
  await desk.record({
    decision: 'trigger',
    reasons: [`start release ${String(release)}`, ...trigger.reasons],
    evidence: trigger.windows.flatMap((window) =>
      window.reportUri === undefined ? [] : [{ uri: window.reportUri }],
    ),
    facts: {
      trigger: trigger.kind,
      answer: 'start',
      release,
      data: windows,
      blocks: span,
      championConfigName: state.champion?.configName ?? null,
      ...(cost === undefined ? {} : { forecast: cost }),
    },
    actor: trigger.by,
    swift: true,
  });
  if (cost !== undefined) seeRun(state, release, Date.now(), cost);
  started(state, {
    ...unknownRelease(release),
    startedAtMs: Date.now(),
    dataToMs: span.toMs,
    data: span,
  });
  const outcome = await swift(`start release ${String(release)}`).startRelease({
    workflowId: releaseId(desk.model, release),
    keeperId: workflowInfo().workflowId,
    triggerKey: `${trigger.kind}/${String(trigger.atMs)}`,
    input: {
      model: desk.model,
      release,
      policy: state.policy,
      policyDigest: state.policyDigest,
      policyAuthor: state.policyAuthor.person,
      trigger,
      champion: state.champion,
      endpointArn: state.endpoint?.arn ?? '',
      data: windows,
      ledgerHead: state.head,
      frozen: state.frozen !== null,
      ...(cost === undefined ? {} : { forecast: cost }),
    },
  });
  desk.tell(
    outcome.kind === 'taken'
      ? `release ${String(release)} exists already and is not this keeper's: the next number is tried`
      : `release ${String(release)} started: ${trigger.reasons[0] ?? trigger.kind}`,
  );
  desk.lookSoon();
  if (outcome.kind === 'taken') {
    state.releases = state.releases.filter((known) => known.release !== release);
    state.runs = (state.runs ?? []).filter((run) => run.release !== release);
    return startRelease(desk, trigger);
  }
  return release;
}

/** A release that closed without a word: terminated, timed out, or lost with Temporal's data. */
export async function endedOutside(
  desk: KeeperDesk,
  workflowId: string,
  status: string,
  endpoint: EndpointReading,
): Promise<void> {
  const { state } = desk;
  const open = state.releases.find((known) => releaseId(desk.model, known.release) === workflowId);
  if (open === undefined) return;
  const name = releaseName(desk.model, open.release);
  const reason = `the workflow ${workflowId} is ${status.toLowerCase()} without having reported its end`;
  desk.tell(reason);
  await desk.record({
    decision: 'ended',
    reasons: [reason],
    facts: {
      release: open.release,
      result: { kind: 'aborted', by: 'Temporal', reason },
      data: open.data,
    },
    urgent: true,
  });
  await atBest(() => stopTraining(desk, open.release, name), desk.tell);
  await atBest(() => endSplit(desk, open.release, endpoint), desk.tell);
  await atBest(
    () =>
      control('remove what was made for it', CLEAN_UP_MS).discardDeployment({
        ...desk.ref(),
        release: open.release,
        names: roundsOf(name),
        keepConfig: false,
      }),
    desk.tell,
  );
  seeEnd(state, open.release, { kind: 'aborted', by: 'Temporal', reason }, Date.now());
}

/** A release that is gone may have left its candidate next to the champion: nobody else would take it away. */
async function endSplit(
  desk: KeeperDesk,
  release: number,
  endpoint: EndpointReading,
): Promise<void> {
  const { state } = desk;
  const configName = roundsOf(releaseName(desk.model, release))
    .map(splitName)
    .find((split) => split === endpoint.configName || split === endpoint.pendingConfigName);
  const previous = state.champion?.configName;
  if (configName === undefined || previous === undefined) return;
  desk.tell(`${configName} serves two versions and nobody drives it any more: back to ${previous}`);
  const { variant } = state.policy.spec.endpoint;
  await control('end the scaling of the candidate').closeSplit({
    ...desk.ref(),
    split: {
      configName,
      championVariant: variant,
      candidateVariant: candidateVariant(variant),
      alarmNames: [],
    },
    release,
    suspend: false,
  });
  const update = await control('put the champion back').updateEndpoint({
    ...desk.ref(),
    release: 0,
    configName: previous,
    plan: BACK_AT_ONCE,
    expectedConfigName: configName,
    lastModifiedAtMs: endpoint.lastModifiedAtMs,
    plain: true,
  });
  desk.tell(
    update.kind === 'refused'
      ? `the endpoint stays as it is: ${update.reason}`
      : `the endpoint goes back to ${previous}`,
  );
}

/** A way back needs no guardrail: what it goes to has served before. */
const BACK_AT_ONCE = {
  strategy: 'all-at-once',
  percent: 100,
  bakeSeconds: 0,
  finalBakeSeconds: 0,
  timeoutSeconds: 3_600,
  alarmNames: [],
} as const;

/** What a release that is gone has left running costs until it is stopped. */
async function stopTraining(desk: KeeperDesk, release: number, name: string): Promise<void> {
  const { retrain } = desk.state.policy.spec;
  const sinceMs = Date.now();
  // What it has tried is not known here: every name it may have given.
  const count = 1 + (retrain.instances?.fallbacks.length ?? 0) + retriesOf(retrain).times;
  const names = roundsOf(name).flatMap((round) => triesOf(round, count));
  const stopped =
    retrain.pipeline === undefined
      ? await control('stop its jobs').stopJobs({
          ...desk.ref(),
          trainingJobs: names,
          evaluationJobs: names.map(evaluationName),
          sinceMs,
        })
      : await control('stop its pipeline').stopPipeline({
          ...desk.ref(),
          executionArn: null,
          release,
          name,
          sinceMs,
        });
  if (stopped?.kind === 'given up') desk.tell(stopped.reason);
  if (stopped?.kind !== 'at rest' || stopped.bill === undefined) return;
  const cost = costOf(stopped.bill, pricesOf(retrain.budget));
  seeBill(desk.state, release, stopped.bill, cost.kind === 'known' ? cost.usd : null);
}

/** Lends the right to write to the endpoint to the release that asks for it; one writer at a time. */
export async function lendLease(desk: KeeperDesk): Promise<void> {
  const { state } = desk;
  await tellSuperseded(desk);
  const asking = state.releases.findLast((known) => known.wantsLease);
  if (asking === undefined || state.frozen !== null || state.retiring?.abort === true) return;
  if (state.leaseHolder === asking.release) {
    await lent(desk, asking.release);
    return;
  }
  if (state.leaseHolder !== null) {
    const holder = state.releases.find((known) => known.release === state.leaseHolder);
    if (holder?.stage === 'probation' && !holder.told.includes('end probation')) {
      changeRelease(state, holder.release, (known) => ({
        ...known,
        told: [...known.told, 'end probation'],
      }));
      await desk.say(holder.release, {
        kind: 'end probation',
        reason: `release ${String(asking.release)} is approved and deploys`,
      });
    }
    return;
  }
  if (reconciles()) await atBest(() => reconcileNow(desk, 'before the deployment'), desk.tell);
  const scaling = await swift('read scaling').readScaling(desk.ref());
  state.scaling = {
    suspendedByUs: scaling.found && (!scaling.suspended || scaling.partly === true),
    forRelease: asking.release,
  };
  if (state.scaling.suspendedByUs)
    await control('suspend scaling for the rollout').suspendScaling({
      ...desk.ref(),
      by: releaseId(desk.model, asking.release),
    });
  state.leaseHolder = asking.release;
  await lent(desk, asking.release);
}

async function lent(desk: KeeperDesk, release: number): Promise<void> {
  changeRelease(desk.state, release, (known) => ({ ...known, wantsLease: false }));
  desk.tell(`release ${String(release)} has the right to write to the endpoint`);
  await desk.say(release, {
    kind: 'lease',
    ledgerHead: desk.state.head,
    scalingSuspended: desk.state.scaling?.suspendedByUs ?? false,
  });
}

/** A newer candidate that passed its gates makes an older request out of date. */
async function tellSuperseded(desk: KeeperDesk): Promise<void> {
  const waiting = desk.state.releases.filter((known) => known.stage === 'approve');
  const newest = waiting.at(-1);
  for (const older of waiting.slice(0, -1)) {
    if (newest === undefined || older.told.includes('superseded')) continue;
    changeRelease(desk.state, older.release, (known) => ({
      ...known,
      told: [...known.told, 'superseded'],
    }));
    await desk.say(older.release, {
      kind: 'superseded',
      by: newest.release,
      reason: `release ${String(newest.release)} was trained on newer data and passed its gates`,
    });
  }
}

/** Resumes scaling once the rollout is over, but only what the keeper itself has suspended. */
export async function takeBackLease(desk: KeeperDesk): Promise<void> {
  const { state } = desk;
  if (state.scaling === null) return;
  const holder = state.releases.find((known) => known.release === state.scaling?.forRelease);
  if (holder !== undefined && holder.stage !== 'probation') return;
  if (state.scaling.suspendedByUs) await control('resume scaling').resumeScaling(desk.ref());
  state.scaling = null;
}

/** Does what a message asked for and leaves the answer where the message's handler finds it. */
export async function carryOut(
  desk: KeeperDesk,
  command: Command | { readonly kind: 'baseline' } | { readonly kind: 'clean up' },
): Promise<void> {
  const { state } = desk;
  switch (command.kind) {
    case 'baseline':
      return baseline(desk);
    case 'clean up':
      return cleanUp(desk);
    case 'apply': {
      const fault = await policyFault(command.policy);
      if (fault !== undefined) {
        answerCommand(state, command.id, { kind: 'refused', reason: fault });
        return;
      }
      await desk.record({
        decision: 'policy',
        reasons: [
          command.reason === '' ? 'policy applied' : command.reason,
          `policy ${command.policyDigest.slice(0, 16)}`,
        ],
        facts: { policyDigest: command.policyDigest, before: state.policyDigest },
        actor: command.author,
      });
      const before = state.policy;
      state.policy = command.policy;
      state.policyDigest = command.policyDigest;
      state.policyAuthor = command.author;
      state.policyAppliedAtMs = Date.now();
      state.governor = null;
      // What people changed before is settled by the new policy.
      if (state.monitorRepairs !== undefined) state.monitorRepairs = [];
      upsertMemo({ ...placeOf(command.policy) });
      await arrange(desk);
      if (state.policy.spec.scaling === undefined)
        await atBest(() => control('remove our scaling').removeScaling(desk.ref()), desk.tell);
      if (leavesStaging(before, command.policy)) await giveUpStaging(desk, before);
      if (comparesTogether(before) && !comparesTogether(command.policy)) await stopComparing(desk);
      await planMoney(desk);
      await baseline(desk);
      const flying = state.releases.map((known) => String(known.release));
      const sentence = `policy ${command.policyDigest.slice(0, 16)} is in force${flying.length === 0 ? '' : `; release ${flying.join(', ')} goes on under the policy it started with`}`;
      desk.tell(sentence);
      answer(desk, command, sentence);
      return;
    }
    case 'retrain': {
      const release = await startRelease(desk, {
        kind: 'manual',
        atMs: Date.now(),
        reasons: [command.reason],
        by: command.by,
        windows: [],
      });
      answerCommand(state, command.id, {
        kind: 'done',
        answer: { sentence: `release ${String(release)} started`, release },
      });
      return;
    }
    case 'freeze': {
      for (const known of state.releases)
        await desk.say(known.release, {
          kind: 'freeze',
          by: command.freeze.by,
          reason: command.freeze.reason,
        });
      await desk.record({
        decision: 'freeze',
        reasons: [command.freeze.reason],
        facts: { untilMs: command.freeze.untilMs },
        actor: command.by,
        urgent: true,
      });
      return;
    }
    case 'unfreeze': {
      await desk.record({ decision: 'unfreeze', reasons: [command.reason], actor: command.by });
      await unfreeze(desk, `unfrozen by ${command.by.person}`);
      answer(desk, command, `${desk.model} is no longer frozen`);
      return;
    }
    case 'rollback':
      return rollBack(desk, command);
    case 'reconcile':
      return compared(desk, command);
    case 'retire': {
      await desk.record({
        decision: 'retire',
        reasons: [command.reason],
        facts: { abort: command.abort },
        actor: command.by,
      });
      state.retiring = { by: command.by, reason: command.reason, abort: command.abort };
      if (command.abort) {
        for (const known of state.releases)
          await desk.say(known.release, {
            kind: 'abort',
            by: command.by,
            reason: `${desk.model} is retired: ${command.reason}`,
          });
      }
      const open = state.releases.map((known) => String(known.release));
      const waits =
        open.length === 0
          ? ''
          : command.abort
            ? `; release ${open.join(', ')} is being aborted first`
            : `; it waits for release ${open.join(', ')} to end (--abort does not wait)`;
      answer(desk, command, `${desk.model} is being retired${waits}`);
      return;
    }
  }
}

function answer(desk: KeeperDesk, command: Command, sentence: string): void {
  answerCommand(desk.state, command.id, { kind: 'done', answer: { sentence } });
}

/** Compares now, having taken for granted what people accept, and answers what is left. */
async function compared(
  desk: KeeperDesk,
  command: Extract<Command, { kind: 'reconcile' }>,
): Promise<void> {
  const { state } = desk;
  if (command.accept !== null) {
    const taken = accept(desk, command.accept);
    await desk.record({
      decision: 'accepted',
      reasons: [command.reason, ...taken.map((one) => one.sentence)],
      facts: { kind: command.accept },
      actor: command.by,
    });
    desk.tell(`${command.by.person} accepted ${command.accept}: ${command.reason}`);
  }
  const sinceMs = Date.now();
  try {
    const disagreements = await reconcileNow(desk, `asked for by ${command.by.person}`);
    const repaired = reconcileState(desk).repaired.filter(({ atMs }) => atMs >= sinceMs).length;
    const open = disagreements.length;
    const sentence = [
      open === 0
        ? 'everything agrees'
        : `${String(open)} ${open === 1 ? 'disagreement stands' : 'disagreements stand'}`,
      ...(repaired === 0 ? [] : [`${String(repaired)} put right now`]),
    ].join('; ');
    answerCommand(state, command.id, { kind: 'done', answer: { sentence, disagreements } });
  } catch (error) {
    if (isCancellation(error)) throw error;
    answerCommand(state, command.id, { kind: 'refused', reason: sentenceOf(error) });
  }
}

/** A freeze with an end thaws by itself. */
export async function endFreeze(desk: KeeperDesk): Promise<void> {
  const { frozen } = desk.state;
  if (frozen?.untilMs == null || frozen.untilMs > Date.now()) return;
  await desk.record({
    decision: 'unfreeze',
    reasons: [`the freeze of ${frozen.by} ended at ${instantInWords(frozen.untilMs)}`],
  });
  await unfreeze(desk, 'the freeze has ended');
}

async function unfreeze(desk: KeeperDesk, why: string): Promise<void> {
  desk.state.frozen = null;
  desk.state.governor = null;
  desk.tell(why);
  for (const known of desk.state.releases) await desk.say(known.release, { kind: 'unfreeze' });
}

/** Whoever holds the right to write does it: a release in deploy or probation, else the keeper. */
async function rollBack(
  desk: KeeperDesk,
  command: Extract<Command, { kind: 'rollback' }>,
): Promise<void> {
  const { state } = desk;
  const entered = (to: string | null): Promise<void> =>
    desk.record({
      decision: 'rollback',
      reasons: [command.reason],
      facts: { from: state.champion?.configName ?? null, to },
      actor: command.by,
      urgent: true,
    });
  if (state.leaseHolder !== null) {
    await entered(state.previousConfigName);
    await desk.say(state.leaseHolder, {
      kind: 'roll back',
      by: command.by,
      reason: command.reason,
    });
    if (reconciles())
      state.owedRollback = {
        release: state.leaseHolder,
        by: command.by,
        reason: command.reason,
      };
    answer(desk, command, `release ${String(state.leaseHolder)} takes the endpoint back`);
    return;
  }
  const refuse = (reason: string): void => {
    answerCommand(state, command.id, { kind: 'refused', reason });
    desk.tell(`the rollback asked for by ${command.by.person} cannot be: ${reason}`);
  };
  try {
    const found = await wayBackOf(desk, command, entered);
    if (found.kind === 'refused') {
      refuse(found.reason);
      return;
    }
    const { configName, endpoint } = found;
    const update = await control(`put ${configName} back`).updateEndpoint({
      ...desk.ref(),
      release: 0,
      configName,
      plan: BACK_AT_ONCE,
      expectedConfigName: endpoint.configName,
      lastModifiedAtMs: endpoint.lastModifiedAtMs,
      plain: true,
    });
    if (update.kind === 'refused' || update.kind === 'rolled back') {
      refuse(update.reason);
      return;
    }
    if (update.kind === 'champion changed') {
      refuse(`${update.configName ?? 'nothing'} serves now: look again`);
      return;
    }
    state.wayBackTo = configName;
    const left = leftBy({ from: endpoint.configName, to: configName }, state.leftConfigName);
    if (left === undefined) delete state.leftConfigName;
    else if (update.kind === 'accepted') state.leftConfigName = left;
    desk.tell(
      `rolling back to ${configName}, asked for by ${command.by.person}: ${command.reason}`,
    );
    answer(
      desk,
      command,
      `the endpoint is going back to ${configName}; modelkeeper status shows when it is there`,
    );
  } catch (error) {
    if (isCancellation(error)) throw error;
    refuse(sentenceOf(error));
  }
}

/** Where a rollback goes, entered into the ledger once it is clear that it can. */
async function wayBackOf(
  desk: KeeperDesk,
  command: Extract<Command, { kind: 'rollback' }>,
  entered: (to: string | null) => Promise<void>,
): Promise<WayBackOutcome> {
  const { previousConfigName: previous, leftConfigName } = desk.state;
  if (patched(SINCE_0_2)) {
    const found = await control('look whether the way back is open').findWayBack({
      ...desk.ref(),
      to: command.to ?? null,
      previous,
      ...(leftConfigName === undefined ? {} : { left: leftConfigName }),
    });
    if (found.kind === 'ready') await entered(found.configName);
    return found;
  }
  await entered(previous);
  if (previous === null)
    return { kind: 'refused', reason: 'there is no earlier config to go back to' };
  const endpoint = await control('read the endpoint').readEndpoint(desk.ref());
  return { kind: 'ready', configName: previous, endpoint };
}

/** A release on its way keeps the policy it started with, and so its staging endpoint. */
async function giveUpStaging(desk: KeeperDesk, before: Policy): Promise<void> {
  const flying = desk.state.releases.find(({ stage }) => stage !== 'probation');
  if (flying === undefined) {
    await removeStaging(desk, before);
    return;
  }
  const { staging } = before.spec.deploy;
  desk.tell(
    `release ${String(flying.release)} may still need the staging endpoint ${staging?.endpoint ?? ''} of the policy before: it stays, delete it when the release has ended`,
  );
}

/** An endpoint is deleted within minutes; one in motion is waited for. */
const STAGING_LEAVES_MS = 60 * 60_000;

/** Takes away the staging endpoint of a policy where we created it, and our claim on it where we did not. */
async function removeStaging(desk: KeeperDesk, policy: Policy): Promise<void> {
  if (policy.spec.deploy.staging === undefined || !patched(SINCE_0_2)) return;
  await atBest(
    () =>
      control('remove our staging endpoint', STAGING_LEAVES_MS).tidyStaging({
        model: desk.model,
        policy,
        remove: true,
      }),
    desk.tell,
  );
}

/**
 * Stops the jobs that compare columns together: nobody reads what they find, and until they end they cost. Policies that
 * ask for any came with this code, so that histories before it are not changed by it.
 */
async function stopComparing(desk: KeeperDesk): Promise<void> {
  await atBest(async () => {
    const { stopped } = await control('stop our processing jobs', CLEAN_UP_MS).stopMultivariate(
      desk.ref(),
    );
    for (const name of stopped) desk.tell(`the processing job ${name} is asked to stop`);
  }, desk.tell);
}

/** Takes away only what we made. The endpoint, its models and the ledger stay. */
async function cleanUp(desk: KeeperDesk): Promise<void> {
  const { state } = desk;
  desk.awaits('the removal of alarms, scaling and the claim on the endpoint');
  await desk.enterLate();
  await atBest(() => control('remove our alarms').removeAlarms(desk.ref()), desk.tell);
  if (state.policy.spec.scaling !== undefined)
    await atBest(() => control('remove our scaling').removeScaling(desk.ref()), desk.tell);
  await removeStaging(desk, state.policy);
  await removeMonitors(desk);
  if (comparesTogether(state.policy)) await stopComparing(desk);
  await atBest(
    () => control('give up the claim on the endpoint').unclaimEndpoint(desk.ref()),
    desk.tell,
  );
  await desk.record({
    decision: 'retired',
    reasons: [`retired at ${instantInWords(Date.now())}`],
    ...(state.retiring === null ? {} : { actor: state.retiring.by }),
  });
  desk.tell('retired');
  desk.awaits(null);
}
