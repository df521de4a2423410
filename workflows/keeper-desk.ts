import { defineSearchAttributeKey } from '@temporalio/common';
import {
  allHandlersFinished,
  condition,
  currentUpdateInfo,
  getExternalWorkflowHandle,
  isCancellation,
  log,
  setCurrentDetails,
  setHandler,
  sleep,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';

import type { Bill } from '../domain/cost.js';
import type { ModelRef } from '../activities/contract.js';
import type { Judgement } from '../domain/detect.js';
import { govern } from '../domain/governor.js';
import { instantInWords } from '../domain/duration.js';
import type { LedgerDraft } from '../domain/ledger.js';
import type { LedgerHead, ReleaseResult, ReleaseStage, Trigger } from '../domain/model.js';
import { keeperLife, releaseId } from '../domain/names.js';
import { personOf } from '../domain/people.js';
import { policyShapeFault } from '../domain/policy-shape.js';
import type { Actor } from '../domain/people.js';
import { readPost } from '../domain/notices.js';
import type { PostEvidence } from '../domain/notices.js';
import { cut, decisionEvent } from '../domain/own-events.js';
import type { Notice, Policy, Severity } from '../domain/policy.schema.js';
import { SEARCH_ATTRIBUTES } from '../domain/search-attributes.js';
import type { KeeperStatus } from '../domain/status.js';
import { control, swift } from './activities.js';
import { keeperDetails, keeperWhy } from './details.js';
import { atBest, checkAsked, refused, sentenceOf, unstallable } from './failures.js';
import {
  answerCommand,
  changeRelease,
  freshState,
  governorState,
  heedOwedRollback,
  keeperStatus,
  seeBill,
  seeEnd,
} from './keeper-state.js';
import type { Command, KeeperAnswer, KeeperInput, KeeperState } from './keeper-state.js';
import type { Answer, Asked, HintMessage, KeeperWord } from './messages.js';
import {
  applyPolicyUpdate,
  freezeUpdate,
  hintSignal,
  keeperSaysSignal,
  keeperStatusQuery,
  lookNowSignal,
  postSignal,
  reconcileUpdate,
  releaseEndedSignal,
  releaseSaysSignal,
  retireUpdate,
  retrainNowUpdate,
  rollbackUpdate,
  unfreezeUpdate,
  whyQuery,
} from './messages.js';
import { openEventOutbox } from './event-outbox.js';
import { openPostRoom } from './post-room.js';
import type { Drafted } from './release-desk.js';
import { resultInWords } from './release-desk.js';

const STAGE = defineSearchAttributeKey(SEARCH_ATTRIBUTES.stage, 'KEYWORD');
const AWAITING = defineSearchAttributeKey(SEARCH_ATTRIBUTES.awaiting, 'KEYWORD');
const VERDICT = defineSearchAttributeKey(SEARCH_ATTRIBUTES.verdict, 'KEYWORD');

const MAX_TIMELINE = 100;
const URGENT_RECORD_MS = 30_000;
/** After the ledger could not be written though it was tried for a day, or at once when trying cannot help. */
const LEDGER_AGAIN_MS = 10 * 60_000;

export type KeeperDesk = ReturnType<typeof openKeeperDesk>;

type CommandRequest<K extends Command['kind']> = Omit<Extract<Command, { kind: K }>, 'id'>;

/** Everything a keeper knows, and its doors. Open it before the workflow's first await. */
export function openKeeperDesk(input: KeeperInput) {
  const model = input.policy.metadata.name;
  const life = keeperLife(workflowInfo().workflowId, workflowInfo().firstExecutionRunId);
  const state: KeeperState =
    input.state ?? freshState(input, actorOf(input.policy, input.author), Date.now());
  let news = 0;
  let hinted = false;
  let registryHint = state.hinted?.registry;
  let compareSoon = state.hinted?.compare === true;
  let refusal: string | undefined;
  let awaiting: string | null = null;
  let untilMs: number | null = null;
  let shown = '';

  const ref = (): ModelRef => ({ model, policy: state.policy });
  const me = (): Actor => ({
    person: 'modelkeeper',
    door: 'keeper',
    proof: { kind: 'policy', digest: state.policyDigest },
  });
  const status = (): KeeperStatus => keeperStatus(state, awaiting, untilMs, Date.now());

  const show = (): void => {
    setCurrentDetails(keeperDetails(status(), Date.now()));
    const open = state.releases.at(-1);
    const stage =
      state.retiring !== null
        ? 'retiring'
        : state.frozen !== null
          ? 'frozen'
          : (open?.stage ?? 'watch');
    const waits =
      open?.stage === 'approve' ? 'a person' : awaiting === null ? 'nothing' : 'see details';
    const now = `${stage}|${waits}|${state.verdict}`;
    if (now === shown) return;
    shown = now;
    upsertSearchAttributes([
      { key: STAGE, value: stage },
      { key: AWAITING, value: waits },
      { key: VERDICT, value: state.verdict },
    ]);
  };

  const tell = (what: string): void => {
    state.timeline = [...state.timeline, { atMs: Date.now(), what }].slice(-MAX_TIMELINE);
    log.info(what, { model });
  };

  const actor = (asked: Asked): Actor => actorOf(state.policy, asked);

  /** Hands work to the main loop and waits for its answer; a repeated Update gets the first one's. */
  const ask = async <K extends Command['kind']>(
    command: CommandRequest<K>,
  ): Promise<KeeperAnswer> => {
    const id = currentUpdateInfo()?.id ?? `${command.kind}/${String(state.records)}`;
    if (state.answers[id] === undefined && !state.commands.some((queued) => queued.id === id)) {
      state.commands = [...state.commands, { ...command, id } as unknown as Command];
      news += 1;
    }
    await condition(() => state.answers[id] !== undefined || refusal !== undefined);
    const answer = state.answers[id];
    if (answer === undefined) throw refused(refusal ?? 'the keeper has ended');
    if (answer.kind === 'refused') throw refused(answer.reason);
    return answer.answer;
  };

  const repeated = (): boolean => {
    const id = currentUpdateInfo()?.id;
    return id !== undefined && state.answers[id] !== undefined;
  };

  setHandler(
    applyPolicyUpdate,
    async (
      asked: Asked & { readonly policy: Policy; readonly policyDigest: string },
    ): Promise<Answer> => {
      if (asked.policyDigest === state.policyDigest) {
        await condition(() => state.ready || refusal !== undefined);
        if (refusal !== undefined) throw refused(refusal);
        return {
          sentence: `the policy is in force since ${instantInWords(state.policyAppliedAtMs)}`,
        };
      }
      return ask<'apply'>({
        kind: 'apply',
        policy: asked.policy,
        policyDigest: asked.policyDigest,
        author: actorOf(asked.policy, asked),
        reason: asked.reason,
      });
    },
    {
      validator: (asked: Asked & { readonly policy: Policy; readonly policyDigest: string }) => {
        checkAsked(asked);
        const fault = policyShapeFault(asked.policy);
        if (fault !== undefined) throw refused(fault);
        if (typeof asked.policyDigest !== 'string') throw refused('policyDigest must be a text');
        const { endpoint, storage } = asked.policy.spec;
        const mine = state.policy.spec.endpoint;
        if (asked.policy.metadata.name !== model)
          throw refused(
            `this keeper keeps ${model}, the policy is for ${asked.policy.metadata.name}`,
          );
        if (
          endpoint.name.toLowerCase() !== mine.name.toLowerCase() ||
          endpoint.region !== mine.region
        ) {
          throw refused(
            `the policy names another endpoint (${endpoint.name} in ${endpoint.region}); ${model} keeps ${mine.name} in ${mine.region}: retire it first`,
          );
        }
        if (storage !== state.policy.spec.storage) {
          throw refused(
            `the policy moves the storage to ${storage}; the ledger of ${model} lies below ${state.policy.spec.storage}: retire it first`,
          );
        }
        if (state.retiring !== null) throw refused(`${model} is being retired`);
      },
    },
  );

  const manual = (asked: Asked): Trigger => ({
    kind: 'manual',
    atMs: Date.now(),
    reasons: [asked.reason === '' ? `asked for by ${actor(asked).person}` : asked.reason],
    by: actor(asked),
    windows: [],
  });
  setHandler(
    retrainNowUpdate,
    async (asked: Asked & { readonly force?: boolean }) => {
      const answer = await ask<'retrain'>({
        kind: 'retrain',
        by: actor(asked),
        reason: manual(asked).reasons[0] ?? '',
        force: asked.force ?? false,
      });
      return { sentence: answer.sentence, release: answer.release ?? null };
    },
    {
      validator: (asked: Asked & { readonly force?: boolean }) => {
        checkAsked(asked);
        if (repeated()) return;
        if (!state.ready) throw refused('the keeper is still setting up; try again in a moment');
        const answer = govern(
          state.policy.spec,
          governorState(state, Date.now()),
          manual(asked),
          Date.now(),
          asked.force,
        );
        if (answer.kind !== 'start') throw refused(answer.reason);
      },
    },
  );

  setHandler(
    freezeUpdate,
    (asked: Asked & { readonly untilMs?: number }): Answer => {
      if (!repeated()) {
        const by = actor(asked);
        const freeze = {
          by: by.person,
          reason: asked.reason,
          sinceMs: Date.now(),
          untilMs: asked.untilMs ?? null,
        };
        const id = currentUpdateInfo()?.id ?? `freeze/${String(state.records)}`;
        // A freeze cannot wait for the ledger: it holds from now and is entered as soon as possible.
        state.frozen = freeze;
        state.commands = [...state.commands, { kind: 'freeze', id, by, freeze }];
        answerCommand(state, id, { kind: 'done', answer: { sentence: 'frozen' } });
        news += 1;
        tell(`frozen by ${by.person}: ${asked.reason}`);
      }
      return {
        sentence: `${model} is frozen${asked.untilMs === undefined ? '' : ` until ${instantInWords(asked.untilMs)}`}: nothing starts and nothing is deployed; a rollback is always allowed`,
      };
    },
    {
      validator: (asked: Asked & { readonly untilMs?: number }) => {
        checkAsked(asked);
        if (asked.untilMs !== undefined && !Number.isFinite(asked.untilMs)) {
          throw refused('untilMs must be an instant in epoch milliseconds');
        }
        if (repeated()) return;
        if (state.frozen !== null)
          throw refused(`already frozen by ${state.frozen.by}: ${state.frozen.reason}`);
        if (asked.reason.trim() === '') throw refused('a freeze needs a reason');
        if (asked.untilMs !== undefined && asked.untilMs <= Date.now())
          throw refused('the freeze would have ended already: --until lies in the past');
      },
    },
  );
  setHandler(
    unfreezeUpdate,
    (asked: Asked) => ask<'unfreeze'>({ kind: 'unfreeze', by: actor(asked), reason: asked.reason }),
    {
      validator: (asked: Asked) => {
        checkAsked(asked);
        if (!repeated() && state.frozen === null) throw refused(`${model} is not frozen`);
      },
    },
  );
  setHandler(
    rollbackUpdate,
    (asked: Asked & { readonly to?: string }) =>
      ask<'rollback'>({
        kind: 'rollback',
        by: actor(asked),
        reason: asked.reason,
        ...(asked.to === undefined ? {} : { to: asked.to }),
      }),
    {
      validator: (asked: Asked & { readonly to?: unknown }) => {
        checkAsked(asked);
        if (asked.to !== undefined && (typeof asked.to !== 'string' || asked.to === ''))
          throw refused('to must be the name of an endpoint config');
        if (repeated()) return;
        if (asked.to !== undefined && state.leaseHolder !== null) {
          throw refused(
            `release ${state.leaseHolder} holds the endpoint and goes back to the config before it: leave out --to, or abort the release first`,
          );
        }
        if (
          asked.to === undefined &&
          state.leaseHolder === null &&
          state.previousConfigName === null
        ) {
          throw refused(
            'there is no earlier config to go back to; name one with --to if you know that it exists',
          );
        }
      },
    },
  );
  setHandler(
    reconcileUpdate,
    async (asked: Asked & { readonly accept?: string }) => {
      const answer = await ask<'reconcile'>({
        kind: 'reconcile',
        by: actor(asked),
        reason: asked.reason,
        accept: asked.accept ?? null,
      });
      return { sentence: answer.sentence, disagreements: answer.disagreements ?? [] };
    },
    {
      validator: (asked: Asked & { readonly accept?: string }) => {
        checkAsked(asked);
        if (repeated()) return;
        if (!state.ready) throw refused('the keeper is still setting up; try again in a moment');
        if (asked.accept === undefined) return;
        if (typeof asked.accept !== 'string') throw refused('accept must name a kind');
        if (asked.reason.trim() === '') throw refused('accepting a disagreement needs a reason');
        if (!(state.reconcile?.open ?? []).some((one) => one.kind === asked.accept))
          throw refused(`there is no disagreement of the kind ${asked.accept} to accept`);
      },
    },
  );
  setHandler(
    retireUpdate,
    (asked: Asked & { readonly abort?: boolean }) =>
      ask<'retire'>({
        kind: 'retire',
        by: actor(asked),
        reason: asked.reason,
        abort: asked.abort ?? false,
      }),
    {
      validator: (asked: Asked & { readonly abort?: boolean }) => {
        checkAsked(asked);
        if (!repeated() && state.retiring !== null && asked.abort !== true)
          throw refused(`${model} is being retired already`);
      },
    },
  );
  setHandler(
    lookNowSignal,
    unstallable('lookNow', (hint: HintMessage | undefined) => {
      hinted = true;
      compareSoon = true;
      if (hint?.topic === 'registry') registryHint = hint.about;
      news += 1;
    }),
  );
  setHandler(
    releaseSaysSignal,
    unstallable(
      'releaseSays',
      (said: {
        release: number;
        stage: ReleaseStage;
        wantsLease?: boolean;
        ledgerHead: LedgerHead;
      }) => {
        seeHead(state, said.ledgerHead);
        changeRelease(state, said.release, (known) => ({
          ...known,
          stage: said.stage,
          wantsLease: said.wantsLease ?? (said.stage === 'deploy' && known.wantsLease),
          servingSinceMs:
            said.stage === 'probation'
              ? (known.servingSinceMs ?? Date.now())
              : known.servingSinceMs,
        }));
        if (said.stage === 'probation') hinted = true;
        news += 1;
      },
    ),
  );
  setHandler(
    releaseEndedSignal,
    unstallable(
      'releaseEnded',
      (ended: {
        release: number;
        result: ReleaseResult;
        ledgerHead: LedgerHead;
        endedAtMs: number;
        bill?: Bill;
        costUsd?: number | null;
      }) => {
        seeHead(state, ended.ledgerHead);
        if (!state.releases.some((known) => known.release === ended.release)) return;
        seeEnd(state, ended.release, ended.result, ended.endedAtMs);
        if (heedOwedRollback(state, ended.release, ended.result))
          tell(`release ${String(ended.release)} was ending when it was to go back`);
        seeBill(state, ended.release, ended.bill, ended.costUsd ?? null);
        tell(`release ${String(ended.release)} ended: ${resultInWords(ended.result)}`);
        hinted = true;
        news += 1;
      },
    ),
  );
  setHandler(keeperStatusQuery, status);
  setHandler(whyQuery, () => keeperWhy(status()));

  const events = openEventOutbox(ref, () => state.endpoint?.arn ?? null, tell, state.unsentEvents);

  const entered = (drafts: readonly LedgerDraft[]): void => {
    state.late = state.late.filter(({ id }) => !drafts.some((draft) => draft.id === id));
  };

  /** A keeper outlives its storage: it decides nothing until it can write again, and says so. */
  const recordAgain = async (drafts: readonly LedgerDraft[], first: string): Promise<void> => {
    let sentence = first;
    for (;;) {
      awaiting = `the ledger, which cannot be written: ${sentence}`;
      untilMs = Date.now() + LEDGER_AGAIN_MS;
      tell(`nothing is decided until the ledger can be written: ${sentence}`);
      show();
      await sleep(LEDGER_AGAIN_MS, { summary: 'until the ledger is tried again' });
      try {
        seeHead(state, await control('ledger: tried again').record({ ...ref(), drafts }));
        entered(drafts);
        return;
      } catch (error) {
        if (isCancellation(error)) throw error;
        sentence = sentenceOf(error);
      }
    }
  };

  const record = async (draft: Drafted): Promise<void> => {
    state.records += 1;
    const entry: LedgerDraft = {
      id: `${life}/${String(state.records)}`,
      atMs: Date.now(),
      subject: workflowInfo().workflowId,
      decision: draft.decision,
      reasons: draft.reasons,
      evidence: draft.evidence ?? [],
      actor: draft.actor ?? me(),
      facts: { ...draft.facts },
    };
    // What could not be written at its time goes in first, in its order.
    const drafts = [...state.late, entry];
    try {
      seeHead(
        state,
        await (draft.swift === true ? swift : control)(
          `ledger: ${draft.decision}`,
          ...(draft.urgent === true ? [URGENT_RECORD_MS] : []),
        ).record({ ...ref(), drafts }),
      );
      entered(drafts);
    } catch (error) {
      if (isCancellation(error)) throw error;
      if (draft.urgent !== true) {
        if (!state.ready) throw error;
        await recordAgain(drafts, sentenceOf(error));
        events.add(decisionEvent(entry));
        return;
      }
      state.late = [...state.late, { ...entry, late: true }];
      tell(
        `the ledger cannot be written now (${sentenceOf(error)}); this decision goes ahead and is entered later`,
      );
    }
    events.add(decisionEvent(entry));
  };

  const post = openPostRoom(state, ref, tell);
  setHandler(
    postSignal,
    unstallable('post', (signalled: unknown) => {
      const handed = readPost(signalled);
      if (handed === undefined) return;
      state.posts = [...(state.posts ?? []), handed];
      news += 1;
    }),
  );

  return {
    model,
    state,
    ref,
    me,
    show,
    tell,
    record,
    status,
    news: (): number => news,
    takeHint(): boolean {
      const was = hinted;
      hinted = false;
      return was;
    },
    hinted: (): boolean => hinted,
    compareSoon(): void {
      compareSoon = true;
      hinted = true;
    },
    /** A comparison is to be made again, but not before the look has told what it lacks. */
    oweComparison(): void {
      compareSoon = true;
    },
    owesComparison: (): boolean => compareSoon,
    /** Something that is compared may have changed: every hint says so. */
    takeCompareHint(): boolean {
      const was = compareSoon;
      compareSoon = false;
      return was;
    },
    /** A hint about the registry is for the releases that wait for people too. */
    async passOnRegistryHint(): Promise<void> {
      const about = registryHint;
      registryHint = undefined;
      if (typeof about !== 'string') return;
      for (const { release, stage } of state.releases) {
        if (stage !== 'approve') continue;
        await atBest(
          () => getExternalWorkflowHandle(releaseId(model, release)).signal(hintSignal, { about }),
          tell,
        );
      }
    },
    /** What the watch should know has changed: restart it when its interval allows. */
    lookSoon(): void {
      hinted = true;
    },
    awaits(what: string | null, until: number | null = null): void {
      awaiting = what;
      untilMs = until;
      show();
    },
    refuse(reason: string): void {
      refusal = reason;
      tell(`refused: ${reason}`);
      show();
    },
    async enterLate(): Promise<void> {
      if (state.late.length === 0) return;
      seeHead(
        state,
        await control('ledger: late entries').record({ ...ref(), drafts: state.late }),
      );
      state.late = [];
    },
    /** Tells people, or holds it for the others: see the post room. */
    notify: (
      notice: Notice,
      subject: string,
      text: string,
      severity: Severity,
      key: string,
      evidence: readonly PostEvidence[] = [],
    ): Promise<void> =>
      post.take({
        notice,
        severity,
        subject,
        text,
        key: `${life}/${key}`,
        atMs: Date.now(),
        consolePath: `/models/${model}`,
        ...(evidence.length === 0 ? {} : { evidence }),
      }),
    post,
    /** Our own events; nothing waits for them. */
    events,
    /** The state for the next run, with the events that no bus has taken and the hints that nobody has acted on. */
    handOn(): KeeperState {
      const next: KeeperState = { ...state };
      const unsent = events.unsent();
      if (next.unsentEvents !== undefined || unsent.length > 0) next.unsentEvents = unsent;
      delete next.hinted;
      if (compareSoon || registryHint !== undefined) {
        next.hinted = {
          compare: compareSoon,
          ...(registryHint === undefined ? {} : { registry: registryHint }),
        };
      }
      return next;
    },
    announceVerdict({ verdict, reasons }: Pick<Judgement, 'verdict' | 'reasons'>): void {
      const atMs = Date.now();
      events.add({
        kind: 'verdict',
        id: `${life}/verdict/${String(atMs)}`,
        atMs,
        verdict,
        previousVerdict: state.verdict,
        reasons: cut(reasons),
      });
    },
    /** Says something to a release; one that is gone is found by the next look. */
    async say(release: number, word: KeeperWord): Promise<void> {
      try {
        await getExternalWorkflowHandle(releaseId(model, release)).signal(keeperSaysSignal, word);
      } catch (error) {
        if (isCancellation(error)) throw error;
        tell(`release ${String(release)} cannot be reached: ${sentenceOf(error)}`);
        hinted = true;
      }
    },
    finished: (): Promise<void> => condition(allHandlersFinished),
    allAnswered: allHandlersFinished,
  };
}

function actorOf(policy: Policy, asked: Asked): Actor {
  const who = personOf(policy, asked.proof);
  const named =
    asked.proof.kind === 'os-user'
      ? `os:${asked.proof.user}`
      : asked.proof.kind === 'sts'
        ? asked.proof.arn
        : 'unknown';
  return {
    person: who.kind === 'person' ? who.person : named,
    door: asked.door,
    proof: asked.proof,
  };
}

function seeHead(state: KeeperState, head: LedgerHead): void {
  if (head.number > state.head.number) state.head = head;
}
