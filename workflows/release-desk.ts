import {
  allHandlersFinished,
  CancellationScope,
  condition,
  getExternalWorkflowHandle,
  isCancellation,
  log,
  setCurrentDetails,
  setHandler,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import { defineSearchAttributeKey } from '@temporalio/common';

import type {
  ControlActivities,
  ModelRef,
  PackageWritten,
  ReleaseInput,
  WritePackage,
} from '../activities/contract.js';
import { outcomeOf, weigh } from '../domain/approval.js';
import { bakeInWords, type BakeComparison } from '../domain/bake.js';
import type { DecisionAnswer } from '../domain/approval.js';
import { durationMs } from '../domain/duration.js';
import type { LedgerDraft } from '../domain/ledger.js';
import type { LedgerHead, ReleaseResult, ReleaseStage } from '../domain/model.js';
import { keeperId } from '../domain/names.js';
import { approversOf, personOf } from '../domain/people.js';
import type { Actor } from '../domain/people.js';
import { isWanted, mayWait } from '../domain/notices.js';
import type { Post, PostEvidence } from '../domain/notices.js';
import { decisionEvent } from '../domain/own-events.js';
import type { Notice, Severity } from '../domain/policy.schema.js';
import { afterOurWrite } from '../domain/registry.js';
import type { RegistryMemory } from '../domain/registry.js';
import { shareInWords } from '../domain/traffic.js';
import { SEARCH_ATTRIBUTES } from '../domain/search-attributes.js';
import type {
  ApprovalRequest,
  Decision,
  DecisionMessage,
  RegistryView,
  ReleaseStatus,
  TimelineEntry,
  TrafficStatus,
} from '../domain/status.js';
import { releaseDetails, releaseWhy } from './details.js';
import { careful, control, NOTICE_MS, swift } from './activities.js';
import { openEventOutbox } from './event-outbox.js';
import { atBest, checkAsked, refused, sentenceOf, unstallable } from './failures.js';
import type { Answer, Asked, KeeperWord, SignalledDecision } from './messages.js';
import {
  abortUpdate,
  approvalRequestQuery,
  approveSignal,
  decideUpdate,
  hintSignal,
  keeperSaysSignal,
  pauseUpdate,
  postSignal,
  promoteUpdate,
  rejectSignal,
  releaseEndedSignal,
  releaseSaysSignal,
  releaseStatusQuery,
  resumeUpdate,
  whyQuery,
} from './messages.js';

const STAGE = defineSearchAttributeKey(SEARCH_ATTRIBUTES.stage, 'KEYWORD');
const AWAITING = defineSearchAttributeKey(SEARCH_ATTRIBUTES.awaiting, 'KEYWORD');

const MAX_TIMELINE = 100;
const MAX_REFUSALS = 20;
/** Comparisons that are kept: the ledger has them all. */
const MAX_BAKES = 20;
/** How long a decision that cannot wait tries to be entered before it goes ahead and is entered late. */
const URGENT_RECORD_MS = 30_000;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** What stops a stage from outside. */
export type Interruption =
  | { readonly kind: 'abort'; readonly by: Actor; readonly reason: string }
  | { readonly kind: 'roll back'; readonly by: Actor; readonly reason: string }
  | { readonly kind: 'superseded'; readonly by: number; readonly reason: string };

export interface Drafted {
  readonly decision: string;
  readonly reasons: readonly string[];
  readonly facts?: Readonly<Record<string, unknown>>;
  readonly evidence?: LedgerDraft['evidence'];
  readonly actor?: Actor;
  /** Goes ahead even when S3 refuses, and is entered later, marked late. */
  readonly urgent?: boolean;
  /** Stands between a decision or an alarm and what follows from it: entered without the server's way there and back. */
  readonly swift?: boolean;
}

export type ReleaseDesk = ReturnType<typeof openReleaseDesk>;

/**
 * Everything a release knows, and its doors. Open it before the workflow's first await: an Update that finds no
 * handler is turned away.
 */
export function openReleaseDesk(input: ReleaseInput) {
  const { model, release, policy } = input;
  const ref: ModelRef = { model, policy };
  const keeper = getExternalWorkflowHandle(keeperId(model));
  const me: Actor = {
    person: 'modelkeeper',
    door: 'keeper',
    proof: { kind: 'policy', digest: input.policyDigest },
  };

  const s: Mutable<ReleaseStatus> = {
    model,
    release,
    stage: 'retrain',
    startedAtMs: Date.now(),
    trigger: input.trigger,
    data: input.data,
    awaiting: null,
    untilMs: null,
    executionArn: null,
    packageArn: null,
    evaluation: null,
    request: null,
    decisions: [],
    refusals: [],
    paused: null,
    frozen: input.frozen,
    championConfigName: input.champion?.configName ?? null,
    configName: null,
    rollout: [],
    timeline: [],
    result: null,
    policyDigest: input.policyDigest,
    ...(input.forecast?.kind === 'known' ? { forecastUsd: input.forecast.usd } : {}),
  };
  let request: ApprovalRequest | undefined;
  let interruption: Interruption | undefined;
  let leaseGranted = false;
  let leaseAsked = false;
  let scalingSuspended = false;
  let hurry: string | undefined;
  let probationEnd: string | undefined;
  let hints = 0;
  let records = 0;
  let head: LedgerHead = input.ledgerHead;
  const late: LedgerDraft[] = [];
  const later: LedgerDraft[] = [];
  const made: string[] = [];
  const asked: string[] = [];
  const executions: string[] = [];
  let saying: Promise<unknown> = Promise.resolve();
  let memory: RegistryMemory | undefined;
  let opening: PackageWritten | undefined;
  let shownStage = '';
  let shownAwaiting = '';

  const show = (): void => {
    setCurrentDetails(releaseDetails(s, request));
    const awaiting =
      s.awaiting === null
        ? 'nothing'
        : s.stage === 'approve' || s.traffic?.phase === 'held'
          ? 'a person'
          : s.stage;
    if (s.stage === shownStage && awaiting === shownAwaiting) return;
    shownStage = s.stage;
    shownAwaiting = awaiting;
    upsertSearchAttributes([
      { key: STAGE, value: s.stage },
      { key: AWAITING, value: awaiting },
    ]);
  };

  const tell = (what: string): void => {
    s.timeline = [...s.timeline, { atMs: Date.now(), what }].slice(-MAX_TIMELINE);
    log.info(what, { model, release, stage: s.stage });
    show();
  };

  const turnAway = (
    door: string,
    person: string,
    reason: string,
  ): { readonly kind: 'refused'; readonly reason: string } => {
    s.refusals = [...s.refusals, { atMs: Date.now(), door, person, reason }].slice(-MAX_REFUSALS);
    show();
    return { kind: 'refused', reason };
  };

  const interrupt = (by: Interruption): void => {
    if (interruption !== undefined || s.stage === 'ended') return;
    interruption = by;
    tell(
      `${by.kind === 'superseded' ? `superseded by release ${by.by}` : `${by.kind} by ${by.by.person}`}: ${by.reason}`,
    );
  };

  const actorOf = (asked: Asked): Actor => {
    const who = personOf(policy, asked.proof);
    const person =
      who.kind === 'person'
        ? who.person
        : asked.proof.kind === 'os-user'
          ? `os:${asked.proof.user}`
          : asked.proof.kind === 'sts'
            ? asked.proof.arn
            : 'unknown';
    return { person, door: asked.door, proof: asked.proof };
  };

  const count = (decision: Decision): void => {
    s.decisions = [...s.decisions, decision];
    if (request !== undefined)
      request = { ...request, decisions: [...request.decisions, decision] };
    if (s.request !== null) s.request = { ...s.request, decisions: s.decisions };
    tell(
      `${decision.person} ${decision.verdict === 'approve' ? 'approved' : 'rejected'} through ${decision.door}${decision.reason === '' ? '' : `: ${decision.reason}`}`,
    );
  };

  const ballot = (): ReturnType<typeof outcomeOf> =>
    request === undefined ? 'pending' : outcomeOf(request.approvalsNeeded, request.decisions);

  const decideRule = (message: DecisionMessage) => weigh(policy, request, message, Date.now());

  setHandler(
    decideUpdate,
    (message: DecisionMessage) => {
      const answer = decideRule(message);
      if (answer.kind === 'refused') throw refused(answer.reason);
      count(answer.decision);
      const outcome = ballot();
      const needed = request?.approvalsNeeded ?? 1;
      return {
        outcome,
        sentence:
          outcome === 'approved'
            ? `approved: release ${release} of ${model} goes to deployment`
            : outcome === 'rejected'
              ? `rejected: the champion stays`
              : `recorded: ${request?.decisions.length ?? 0} of ${needed} approvals`,
      };
    },
    {
      description: 'Approve or reject the candidate that waits.',
      validator: (message: DecisionMessage) => {
        const answer = decideRule(message);
        if (answer.kind === 'refused') {
          throw refused(answer.reason);
        }
      },
    },
  );

  const decideBySignal = (
    verdict: 'approve' | 'reject',
    signalled: SignalledDecision | undefined,
  ): void => {
    const claimed = typeof signalled?.person === 'string' ? signalled.person : '';
    const answer = decideRule({
      verdict,
      reason: typeof signalled?.reason === 'string' ? signalled.reason : '',
      digest: typeof signalled?.digest === 'string' ? signalled.digest : '',
      door: 'temporal',
      proof: { kind: 'unverified', claimed },
    });
    if (answer.kind === 'refused') turnAway('temporal', claimed, answer.reason);
    else count(answer.decision);
  };
  setHandler(approveSignal, (signalled: SignalledDecision | undefined) => {
    decideBySignal('approve', signalled);
  });
  setHandler(rejectSignal, (signalled: SignalledDecision | undefined) => {
    decideBySignal('reject', signalled);
  });

  setHandler(
    pauseUpdate,
    (asked: Asked): Answer => {
      s.paused = { by: actorOf(asked).person, reason: asked.reason, sinceMs: Date.now() };
      tell(`paused by ${s.paused.by}: ${asked.reason}`);
      return {
        sentence:
          s.traffic === undefined
            ? `release ${release} goes no further than the end of stage ${s.stage} until it is resumed`
            : `release ${release} stays at ${shareInWords(s.traffic.percent)} of the traffic from the end of this bake until it is resumed; its alarms are watched on`,
      };
    },
    {
      validator: (asked: Asked) => {
        checkAsked(asked);
        if (s.stage === 'ended') throw refused('the release has ended');
        if (s.paused !== null) throw refused(`already paused by ${s.paused.by}`);
        if (s.stage === 'deploy' && s.rollout.length > 0 && !sharing(s)) {
          throw refused(
            s.traffic === undefined
              ? 'a guardrail rollout runs inside SageMaker and cannot be paused; abort takes it back'
              : 'the shares are all set: what is left runs inside SageMaker and cannot be paused; abort takes it back',
          );
        }
      },
    },
  );
  setHandler(
    resumeUpdate,
    (asked: Asked): Answer => {
      s.paused = null;
      tell(`resumed by ${actorOf(asked).person}`);
      return { sentence: `release ${release} goes on` };
    },
    {
      validator: (asked: Asked) => {
        checkAsked(asked);
        if (s.paused === null) throw refused('the release is not paused');
      },
    },
  );
  setHandler(
    promoteUpdate,
    (asked: Asked): Answer => {
      if (s.stage === 'deploy') {
        hurry = `promoted by ${actorOf(asked).person} before the last step: ${asked.reason}`;
        s.paused = null;
        tell(hurry);
        return {
          sentence: `release ${release} takes all of the traffic now; the remaining steps are left out`,
        };
      }
      probationEnd = `promoted early by ${actorOf(asked).person}: ${asked.reason}`;
      tell(probationEnd);
      return { sentence: 'the probation ends now and the release is promoted' };
    },
    {
      validator: (asked: Asked) => {
        checkAsked(asked);
        if (sharing(s)) {
          if (hurry !== undefined) throw refused('it is being promoted already');
          if (s.frozen)
            throw refused('the model is frozen: nothing is deployed until the freeze ends');
          return;
        }
        if (s.stage !== 'probation') {
          throw refused(
            s.stage === 'deploy'
              ? 'a guardrail rollout runs inside SageMaker and cannot be hurried'
              : `only a probation can be ended early; the release is in ${s.stage}`,
          );
        }
      },
    },
  );
  setHandler(
    abortUpdate,
    (asked: Asked): Answer => {
      interrupt({ kind: 'abort', by: actorOf(asked), reason: asked.reason });
      return {
        sentence:
          s.stage === 'deploy' && s.staging?.verdict === null
            ? 'aborting: production is untouched, and staging keeps what it serves'
            : s.stage === 'deploy' && s.traffic !== undefined
              ? 'aborting: the candidate loses its traffic first, then the previous config is put back'
              : s.stage === 'deploy'
                ? 'aborting: the rollback alarm is being set; SageMaker takes back the rollout within its bake, or the old config is put back after it'
                : s.stage === 'probation'
                  ? 'aborting: the previous config is being put back'
                  : `aborting in stage ${s.stage}`,
      };
    },
    {
      validator: (asked: Asked) => {
        checkAsked(asked);
        if (s.stage === 'ended') throw refused('the release has ended');
        if (interruption !== undefined)
          throw refused(`the release is being stopped already: ${interruption.reason}`);
      },
    },
  );
  setHandler(hintSignal, () => {
    hints += 1;
  });
  const heed = (word: KeeperWord): void => {
    switch (word.kind) {
      case 'lease':
        leaseGranted = true;
        scalingSuspended = word.scalingSuspended ?? false;
        if (word.ledgerHead.number > head.number) head = word.ledgerHead;
        break;
      case 'freeze':
        s.frozen = true;
        tell(`frozen by ${word.by}: ${word.reason}`);
        break;
      case 'unfreeze':
        s.frozen = false;
        tell('no longer frozen');
        break;
      case 'roll back':
        if (s.stage === 'deploy' || s.stage === 'probation')
          interrupt({ kind: 'roll back', by: word.by, reason: word.reason });
        break;
      case 'abort':
        interrupt({ kind: 'abort', by: word.by, reason: word.reason });
        break;
      case 'end probation':
        if (s.stage === 'probation') probationEnd = word.reason;
        break;
      case 'superseded':
        if (s.stage === 'approve')
          interrupt({ kind: 'superseded', by: word.by, reason: word.reason });
        break;
      case 'new trigger':
        tell(`meanwhile: ${word.trigger.reasons[0] ?? word.trigger.kind}`);
        break;
    }
  };
  setHandler(keeperSaysSignal, unstallable('keeperSays', heed));
  setHandler(releaseStatusQuery, () => s);
  setHandler(approvalRequestQuery, () => request ?? null);
  setHandler(whyQuery, () => releaseWhy(s, request));

  const draftOf = (draft: Drafted): LedgerDraft => {
    records += 1;
    return {
      id: `${workflowInfo().workflowId}/${String(records)}`,
      atMs: Date.now(),
      subject: `release/${model}/${String(release)}`,
      decision: draft.decision,
      reasons: draft.reasons,
      evidence: draft.evidence ?? [],
      actor: draft.actor ?? me,
      facts: { release, ...draft.facts },
    };
  };

  const events = openEventOutbox(
    () => ref,
    () => input.endpointArn,
    tell,
  );
  let stages = 0;
  const announceStage = (stage: ReleaseStage, result?: ReleaseResult['kind']): void => {
    stages += 1;
    events.add({
      kind: 'stage',
      id: `${workflowInfo().workflowId}/stage/${String(stages)}`,
      atMs: Date.now(),
      release,
      stage,
      previousStage: stages === 1 ? null : s.stage,
      ...(result === undefined ? {} : { result }),
    });
  };

  /** Enters a decision into the ledger before it takes effect, after what was left for later. */
  const record = async (draft: Drafted): Promise<void> => {
    const drafts = [...later.splice(0), draftOf(draft)];
    const summary = `ledger: ${drafts.map(({ decision }) => decision).join(', ')}`;
    if (draft.urgent !== true) {
      const ledger = (draft.swift === true ? swift : control)(summary);
      head = await events.after(ledger.record({ ...ref, drafts }));
      events.add(...drafts.map(decisionEvent));
      return;
    }
    try {
      head = await events.after(control(summary, URGENT_RECORD_MS).record({ ...ref, drafts }));
      events.add(...drafts.map(decisionEvent));
    } catch (error) {
      if (isCancellation(error)) throw error;
      late.push(...drafts.map((entry) => ({ ...entry, late: true })));
      events.add(...drafts.map(decisionEvent));
      tell(
        `the ledger cannot be written now (${sentenceOf(error)}); this decision goes ahead and is entered later`,
      );
    }
  };

  const enterLate = async (): Promise<void> => {
    const drafts = late.splice(0);
    if (drafts.length > 0) head = await control('ledger: late entries').record({ ...ref, drafts });
  };

  /** Signals the keeper; a keeper that is gone is no reason to fail. */
  const tellKeeper = async (send: () => Promise<void>): Promise<boolean> => {
    try {
      await send();
      return true;
    } catch (error) {
      if (isCancellation(error)) throw error;
      tell(`the keeper cannot be reached: ${sentenceOf(error)}`);
      return false;
    }
  };

  /**
   * Tells people, once per decision. Nothing waits for it and nothing fails by it.
   *
   * What may wait for others or for the morning is handed to the keeper, which holds it for the whole model and is
   * still there when this release has ended. A keeper that is gone holds nothing: then it is told now.
   */
  const notify = async (
    notice: Notice,
    subject: string,
    text: string,
    options: {
      severity?: Severity;
      key: string;
      approval?: boolean;
      topic?: string;
      evidence?: readonly PostEvidence[];
    },
  ): Promise<void> => {
    const { notify: rules } = policy.spec;
    const severity = options.severity ?? 'info';
    if (rules === undefined || !isWanted(rules, { notice, severity })) return;
    const post: Post = {
      notice,
      severity,
      subject,
      text,
      key: `${workflowInfo().workflowId}/${options.key}`,
      atMs: Date.now(),
      consolePath: `/models/${model}/releases/${String(release)}${options.approval === true ? '/approve' : ''}`,
      ...(options.evidence === undefined ? {} : { evidence: options.evidence }),
    };
    if (options.topic === undefined && mayWait(rules, post)) {
      if (await tellKeeper(() => keeper.signal(postSignal, post))) return;
    }
    const { key, ...rest } = post;
    await atBest(
      () =>
        control(`notice: ${notice}`, NOTICE_MS).notify({
          ...ref,
          ...rest,
          dedupeKey: key,
          ...(options.topic === undefined ? {} : { topic: options.topic }),
        }),
      (sentence) => {
        tell(`the notice '${notice}' could not be sent: ${sentence}`);
      },
    );
  };

  /** What a write of ours leaves to be remembered. */
  const wrote = (written: PackageWritten, wish: Omit<WritePackage, keyof ModelRef>): void => {
    memory = afterOurWrite(
      written,
      {
        approvalStatus: wish.status ?? written.now.approvalStatus,
        description: wish.description ?? written.now.description,
      },
      memory?.own ?? null,
    );
    for (const note of written.notes) tell(note);
  };

  return {
    input,
    ref,
    me,
    wrote,
    /** One careful write of the package; waited for also when it is cancelled. */
    async writePackage(
      summary: string,
      wish: Omit<WritePackage, keyof ModelRef>,
      by: Pick<ControlActivities, 'writePackage'> = careful(summary),
    ): Promise<PackageWritten> {
      const written = await by.writePackage({ ...ref, ...wish });
      wrote(written, wish);
      return written;
    },
    /** The package was set to pending for the request that comes next. */
    opened(written: PackageWritten): void {
      opening = written;
    },
    takeOpening(): PackageWritten | undefined {
      const taken = opening;
      opening = undefined;
      return taken;
    },
    registryMemory: (): RegistryMemory | undefined => memory,
    /** Somebody else's change that is left as it is. */
    remember(next: RegistryMemory): void {
      memory = next;
    },
    /** Shows what became of the registry's status, and tells it. */
    seeRegistry(seen: Pick<RegistryView, 'kind' | 'status'>, sentence: string): void {
      const reverts = (s.registry?.reverts ?? 0) + (seen.kind === 'reverted' ? 1 : 0);
      s.registry = { ...seen, sentence, atMs: Date.now(), reverts };
      tell(sentence);
    },
    turnAway,
    /** A decision that came through no message: counted or turned away by the same rule. */
    hear(message: DecisionMessage): DecisionAnswer {
      const answer = decideRule(message);
      if (answer.kind === 'counts') count(answer.decision);
      else turnAway(message.door, identityIn(message), answer.reason);
      return answer;
    },
    /** Who may decide on this candidate, and whose it is. */
    electorate: (): Pick<ApprovalRequest, 'approvers' | 'requestedBy'> => ({
      approvers: approversOf(policy),
      requestedBy: input.trigger.kind === 'manual' ? input.trigger.by.person : input.policyAuthor,
    }),
    /** What the status query shows. Stages write their own members. */
    s,
    show,
    tell,
    record,
    /** To be entered together with the next decision: it has no effect of its own before that. */
    recordWithNext(draft: Drafted): void {
      later.push(draftOf(draft));
    },
    notify,
    actorOf,
    interruption: (): Interruption | undefined => interruption,
    probationEnd: (): string | undefined => probationEnd,
    /** Why the remaining steps are left out; `undefined` while nobody wants that. */
    hurry: (): string | undefined => hurry,
    /** Whether the keeper has suspended the scaling of the endpoint for this rollout. */
    scalingSuspended: (): boolean => scalingSuspended,
    hints: (): number => hints,
    ballot,
    /** Names of configs and models this release has made, for the one who cleans up. */
    made(name: string): void {
      made.push(name);
    },
    madeNames: (): readonly string[] => made,
    /** Retries of pipeline executions so far, over all rounds: each has a token of its own. */
    retries: 0,
    /** Executions of this release, oldest first. */
    ran(executionArn: string): void {
      executions.push(executionArn);
    },
    executions: (): readonly string[] => executions,
    request: (): ApprovalRequest | undefined => request,

    /**
     * Enters a stage and tells the Web UI; the keeper only where it acts on it. The keeper's answer is not waited
     * for: a keeper that is gone is found when the lease is asked for.
     */
    enter(stage: ReleaseStage, awaiting: string | null, untilMs: number | null = null): void {
      announceStage(stage);
      s.stage = stage;
      s.awaiting = awaiting;
      s.untilMs = untilMs;
      tell(`stage ${stage}`);
      if (stage === 'approve' || stage === 'probation') {
        saying = saying.then(() =>
          tellKeeper(() => keeper.signal(releaseSaysSignal, { release, stage, ledgerHead: head })),
        );
      }
    },
    awaits(awaiting: string | null, untilMs: number | null = null): void {
      s.awaiting = awaiting;
      s.untilMs = untilMs;
      show();
    },
    /** @returns what tells this request from an earlier one about the same evidence; empty for the first */
    ask(next: ApprovalRequest): string {
      request = next;
      s.decisions = [];
      s.request = shownOf(next);
      show();
      asked.push(next.digest);
      const times = asked.filter((digest) => digest === next.digest).length;
      return times === 1 ? '' : `/${String(times)}`;
    },
    settled(): void {
      request = undefined;
      s.request = null;
    },
    addRollout(entries: readonly TimelineEntry[]): void {
      const known = new Set(s.rollout.map((entry) => entry.what));
      s.rollout = [...s.rollout, ...entries.filter((entry) => !known.has(entry.what))].slice(
        -MAX_TIMELINE,
      );
      show();
    },
    addBake(compared: BakeComparison): void {
      s.bakes = [...(s.bakes ?? []), compared].slice(-MAX_BAKES);
      tell(`champion and candidate compared, ${bakeInWords(compared)}`);
    },

    /** Says where a rollout by steps is. */
    shares(change: Partial<TrafficStatus>): void {
      if (s.traffic !== undefined) s.traffic = { ...s.traffic, ...change };
      show();
    },
    /** Holds the release until a person resumes it; a pause that a person has set stays theirs. */
    hold(by: string, reason: string, untilMs: number): void {
      if (s.paused !== null) {
        s.paused = { ...s.paused, untilMs };
      } else {
        s.paused = { by, reason, sinceMs: Date.now(), untilMs };
        tell(`held by ${by}: ${reason}`);
      }
      show();
    },
    release(): void {
      s.paused = null;
    },

    /** Stands still at the end of a stage while a person has paused the release. */
    async gate(): Promise<void> {
      if (s.paused === null) return;
      const { awaiting, untilMs } = s;
      s.awaiting = `resume: ${s.paused.by} paused it: ${s.paused.reason}`;
      show();
      await condition(() => s.paused === null);
      s.awaiting = awaiting;
      s.untilMs = untilMs;
      show();
    },

    /**
     * Asks a person how to go on: `resume` and `abort` are the answers, for as long as people are given to approve.
     *
     * @param elsewhere ends when somebody answers elsewhere
     */
    async consult(
      question: string,
      choice: string,
      elsewhere?: (withinMs: number) => Promise<unknown>,
    ): Promise<'resumed' | 'revived' | 'nobody'> {
      await this.gate();
      const withinMs = durationMs(policy.spec.approve.expires);
      s.paused = { by: 'modelkeeper', reason: question, sinceMs: Date.now() };
      s.awaiting = `a person: ${question}; ${choice}`;
      s.untilMs = Date.now() + withinMs;
      tell(`asks a person: ${question}; ${choice}`);
      const scope = new CancellationScope();
      const heard = { revived: false };
      const resumed = (): boolean => s.paused === null;
      const telling = notify(
        'failed',
        `${model} release ${String(release)}: a person is needed`,
        `${question}\n${choice}`,
        { key: `consult/${String(s.paused.sinceMs)}`, severity: 'warning' },
      );
      const watching =
        elsewhere === undefined
          ? undefined
          : scope
              .run(() => elsewhere(withinMs))
              .then(
                () => {
                  heard.revived = true;
                },
                () => undefined,
              );
      try {
        await condition(() => resumed() || heard.revived, withinMs, {
          summary: 'a person resumes or aborts the release',
        });
        return resumed() ? 'resumed' : heard.revived ? 'revived' : 'nobody';
      } finally {
        s.paused = null;
        scope.cancel();
        await CancellationScope.nonCancellable(() => Promise.all([telling, watching]));
      }
    },

    /**
     * Asks for the right to write to the endpoint while the approval is still being entered: the keeper compares
     * everything before it lends it. A release that a person holds asks when it goes on, one that is staged first asks
     * after that.
     */
    async askForLease(): Promise<void> {
      if (policy.spec.deploy.staging !== undefined) return;
      if (leaseGranted || leaseAsked || s.paused !== null) return;
      leaseAsked = await tellKeeper(() =>
        keeper.signal(releaseSaysSignal, {
          release,
          stage: 'deploy',
          wantsLease: true,
          ledgerHead: head,
        }),
      );
    },
    /**
     * The right to write to the endpoint, lent by the keeper. While the model is frozen the keeper does not
     * lend it.
     */
    async lease(): Promise<void> {
      if (leaseGranted) return;
      s.awaiting = s.frozen ? 'the end of the freeze' : 'the right to write to the endpoint';
      show();
      const granted = (): boolean => leaseGranted;
      while (!granted()) {
        if (!leaseAsked)
          await tellKeeper(() =>
            keeper.signal(releaseSaysSignal, {
              release,
              stage: s.stage,
              wantsLease: true,
              ledgerHead: head,
            }),
          );
        leaseAsked = false;
        await condition(granted, '1h', {
          summary: 'waiting for the right to write to the endpoint',
        });
      }
    },

    /** Runs the lifecycle until it ends or something from outside stops it. */
    async orInterrupted(body: () => Promise<ReleaseResult>): Promise<ReleaseResult> {
      const scope = new CancellationScope();
      const running = scope.run(body);
      const ended = running.then(
        () => undefined,
        () => undefined,
      );
      try {
        await Promise.race([ended, condition(() => interruption !== undefined)]);
        if (interruption !== undefined) scope.cancel();
        return await running;
      } catch (error) {
        if (!isCancellation(error)) throw error;
        scope.cancel();
        await CancellationScope.nonCancellable(() => ended);
        return interruptedResult(interruption, s);
      }
    },

    /** Writes the end into ledger, registry and keeper. */
    async end(
      result: ReleaseResult,
      others: readonly (() => Promise<unknown>)[],
    ): Promise<ReleaseResult> {
      const recorded = record({
        decision: 'ended',
        reasons: [resultInWords(result)],
        facts: {
          result,
          configName: s.configName,
          championConfigName: s.championConfigName,
          data: s.data,
          ...(s.bill == null ? {} : { bill: s.bill, costUsd: s.costUsd ?? null }),
        },
        urgent: result.kind !== 'promoted',
      });
      await Promise.all([recorded, ...others.map((other) => atBest(other, tell))]);
      await enterLate();
      announceStage('ended', result.kind);
      s.stage = 'ended';
      s.result = result;
      s.awaiting = null;
      s.untilMs = null;
      tell(`ended: ${resultInWords(result)}`);
      await tellKeeper(() =>
        keeper.signal(releaseEndedSignal, {
          release,
          result,
          ledgerHead: head,
          endedAtMs: Date.now(),
          ...(s.bill == null ? {} : { bill: s.bill, costUsd: s.costUsd ?? null }),
        }),
      );
      await saying;
      await events.settled();
      if (events.unsent().length > 0)
        tell(`no bus took ${String(events.unsent().length)} events of this release`);
      await condition(allHandlersFinished);
      return result;
    },
  };
}

const identityIn = ({ proof }: DecisionMessage): string =>
  proof.kind === 'registry' ? proof.identity : 'unknown';

/** Whether the shares of the traffic are still being set, so that a person can hold or hurry it. */
const sharing = (s: Pick<ReleaseStatus, 'stage' | 'traffic'>): boolean =>
  s.stage === 'deploy' &&
  s.traffic !== undefined &&
  ['entering', 'shifting', 'baking', 'held'].includes(s.traffic.phase);

/** A request without what the status shows elsewhere. */
function shownOf(request: ApprovalRequest): NonNullable<ReleaseStatus['request']> {
  const { model, release, digest, weaknesses, requestedBy, requestedAtMs, expiresAtMs } = request;
  const { approvalsNeeded, approvers, doors, decisions } = request;
  return {
    model,
    release,
    digest,
    weaknesses,
    requestedBy,
    requestedAtMs,
    expiresAtMs,
    approvalsNeeded,
    approvers,
    doors,
    decisions,
  };
}

/** What an interruption makes of a release that had nothing to take back. */
function interruptedResult(
  by: Interruption | undefined,
  s: Pick<ReleaseStatus, 'championConfigName'>,
): ReleaseResult {
  if (by === undefined)
    return { kind: 'aborted', by: 'Temporal', reason: 'the workflow was cancelled' };
  switch (by.kind) {
    case 'abort':
      return { kind: 'aborted', by: by.by.person, reason: by.reason };
    case 'roll back':
      return { kind: 'rolled back', reason: by.reason, configName: s.championConfigName };
    case 'superseded':
      return { kind: 'superseded', by: by.by, reason: by.reason };
  }
}

/** A result as a sentence. */
export function resultInWords(result: ReleaseResult): string {
  switch (result.kind) {
    case 'promoted':
      return `promoted: ${result.configName} serves${result.short === undefined ? '' : ` (probation cut short: ${result.short})`}`;
    case 'rejected':
      return `rejected by ${result.by}: ${result.reason}`;
    case 'expired':
      return `expired: ${result.reason}`;
    case 'failed gates':
      return `failed gates: ${result.reasons.join('; ')}`;
    case 'rolled back':
      return `rolled back: ${result.reason}`;
    case 'superseded':
      return `superseded by release ${result.by}: ${result.reason}`;
    case 'aborted':
      return `aborted by ${result.by}: ${result.reason}`;
    case 'training failed':
      return `training failed (${result.class}): ${result.reason}`;
  }
}
