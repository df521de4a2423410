import type { Judgement } from '../domain/detect.js';
import { judge, remember } from '../domain/detect.js';
import { MOST_BUDGET_RUNS, cooldownUntilMs, runsUsed } from '../domain/governor.js';
import type { GovernorState, OpenRelease } from '../domain/governor.js';
import {
  countsMoney,
  forecast,
  machineSecondsOf,
  pricesOf,
  spendingOf,
  spentUsd,
  watchedCost,
  watchedOn,
} from '../domain/cost.js';
import type { Bill, Cost, Money, Run, WatchDay } from '../domain/cost.js';
import { durationMs } from '../domain/duration.js';
import { NO_HASH } from '../domain/ledger.js';
import { isShadowConfig } from '../domain/shadow.js';
import { EMPTY_BOX, nextDueMs } from '../domain/notices.js';
import type { Post, PostBox } from '../domain/notices.js';
import { isSplit, releaseName } from '../domain/names.js';
import type { OwnEvent } from '../domain/own-events.js';
import type { LedgerDraft } from '../domain/ledger.js';
import type { LedgerState } from '../domain/ledger-rebuild.js';
import type {
  AlarmReading,
  Champion,
  EndpointReading,
  LedgerHead,
  MetricReading,
  ReleaseResult,
  Verdict,
  Window,
  WindowResult,
} from '../domain/model.js';
import type { OpenDisagreement, Repaired, Seen } from '../domain/disagreements.js';
import type { Actor } from '../domain/people.js';
import type { PlannedJob } from '../domain/pipeline-definition.js';
import type { Policy } from '../domain/policy.schema.js';
import type { MonitorRepair } from '../activities/contract.js';
import type { MonitorStanding } from '../domain/managed-monitors.js';
import type { ScalingActivity } from '../domain/scaling.js';
import type { Freeze, KeeperStatus, Refusal, TimelineEntry } from '../domain/status.js';
import type { Answer, Asked } from './messages.js';

export interface KeeperInput {
  readonly policy: Policy;
  readonly policyDigest: string;
  readonly author: Asked;
  readonly appliedAtMs: number;
  /** Handed on by continue-as-new; absent at the first start. */
  readonly state?: KeeperState;
  /** Continue as new after so many history events, sooner than the server would suggest it. */
  readonly historyLimit?: number;
}

/** Work that a message asked for and the main loop does, in order. */
export type Command =
  | {
      readonly kind: 'apply';
      readonly id: string;
      readonly policy: Policy;
      readonly policyDigest: string;
      readonly author: Actor;
      readonly reason: string;
    }
  | {
      readonly kind: 'retrain';
      readonly id: string;
      readonly by: Actor;
      readonly reason: string;
      readonly force: boolean;
    }
  | { readonly kind: 'freeze'; readonly id: string; readonly by: Actor; readonly freeze: Freeze }
  | { readonly kind: 'unfreeze'; readonly id: string; readonly by: Actor; readonly reason: string }
  | {
      readonly kind: 'rollback';
      readonly id: string;
      readonly by: Actor;
      readonly reason: string;
      /** An earlier endpoint config; absent: the one before. */
      readonly to?: string;
    }
  | {
      readonly kind: 'reconcile';
      readonly id: string;
      readonly by: Actor;
      readonly reason: string;
      /** A kind of disagreement that is taken for granted from now on. */
      readonly accept: string | null;
    }
  | {
      readonly kind: 'retire';
      readonly id: string;
      readonly by: Actor;
      readonly reason: string;
      readonly abort: boolean;
    };

export type KeeperAnswer = Answer & {
  readonly release?: number | null;
  readonly disagreements?: readonly OpenDisagreement[];
};

/** What the keeper did about a command; kept for a while so that a repeated Update gets the same answer. */
export type CommandAnswer =
  | { readonly kind: 'done'; readonly answer: KeeperAnswer }
  | { readonly kind: 'refused'; readonly reason: string };

export interface KnownRelease extends OpenRelease {
  readonly wantsLease: boolean;
  /** The data it is trained and judged on; blocked when it comes to nothing. */
  readonly data: Window;
  /** What the keeper has already said to it, so that it says it once. */
  readonly told: readonly ('superseded' | 'end probation' | 'roll back')[];
}

/** All that a keeper remembers, and so all that continue-as-new hands on. Plain JSON, instants in epoch ms. */
export interface KeeperState {
  policy: Policy;
  policyDigest: string;
  policyAuthor: Actor;
  policyAppliedAtMs: number;
  ready: boolean;
  endpoint: EndpointReading | null;
  champion: Champion | null;
  /** What served before, for the way back. */
  previousConfigName: string | null;
  baseline: {
    readonly configName: string;
    readonly uri: string | null;
    readonly missing: string | null;
  } | null;
  alarms: readonly AlarmReading[];
  metrics: readonly MetricReading[];
  /** Latest activities of auto scaling; absent before any was told. */
  scalingActivities?: readonly ScalingActivity[];
  /** Monitoring schedules that the policy wants, or once wanted; absent before any was kept. */
  monitors?: readonly MonitorStanding[];
  /** When one of them was put right after somebody had changed it. */
  monitorRepairs?: readonly MonitorRepair[];
  windows: Record<string, readonly WindowResult[]>;
  countedToMs: Record<string, number>;
  noData: Record<string, string>;
  /** Source id → the advice that people have had; absent before the first. */
  toldAdvice?: Readonly<Record<string, string>>;
  disturbed: { fromMs: number; toMs: number | null }[];
  /** Why the looks cannot be taken; `null` when they can. */
  blind: string | null;
  verdict: Verdict;
  verdictReasons: readonly string[];
  verdictSinceMs: number;
  releases: KnownRelease[];
  nextRelease: number;
  leaseHolder: number | null;
  /** The config a rollback of the keeper's own is going to; `null` when none is under way. */
  wayBackTo: string | null;
  /** What the last rollback left; absent when nothing was, or when it was put back on purpose. */
  leftConfigName?: string;
  /** A rollback that a release was asked for; it may have been ending, and nobody would hear it. */
  owedRollback?: { readonly release: number; readonly by: Actor; readonly reason: string };
  scaling: { readonly suspendedByUs: boolean; readonly forRelease: number } | null;
  startsAtMs: readonly number[];
  /** Runs of a policy that counts money, oldest first. */
  runs?: readonly Run[];
  /** What jobs that watch were billed, day by day; absent where none has run. */
  watchDays?: readonly WatchDay[];
  /** The jobs a run can start, at their longest; absent while nobody counts money. */
  planned?: readonly PlannedJob[] | null;
  blocked: readonly (Window & { readonly why: string })[];
  lastEnded: {
    readonly release: number;
    readonly result: ReleaseResult;
    readonly endedAtMs: number;
  } | null;
  lastEndedAtMs: number | null;
  frozen: Freeze | null;
  governor: { readonly kind: string; readonly reason: string; readonly atMs: number } | null;
  lastScheduleMs: number;
  scheduleDueAtMs: number | null;
  retiring: { readonly by: Actor; readonly reason: string; readonly abort: boolean } | null;
  commands: Command[];
  answers: Record<string, CommandAnswer>;
  notices: Record<string, number>;
  timeline: readonly TimelineEntry[];
  refusals: readonly Refusal[];
  head: LedgerHead;
  records: number;
  late: LedgerDraft[];
  /** Notices that wait for others or for the end of quiet hours; absent where none ever did. */
  box?: PostBox;
  /** Events that the bus has not taken yet. */
  unsentEvents?: readonly OwnEvent[];
  /** What releases handed over and is not placed yet. */
  posts?: readonly Post[];
  /** What hints ask for that came in while a run was ending; absent where nothing does. */
  hinted?: { readonly compare: boolean; readonly registry?: string };
  /** What the comparisons have found. Absent in a keeper that has not compared yet. */
  reconcile?: ReconcileState;
}

/** What is known of disagreements between what should be and what is. */
export interface ReconcileState {
  readonly atMs: number | null;
  readonly open: readonly OpenDisagreement[];
  /** Keys of those that people took for granted. */
  readonly accepted: readonly string[];
  readonly repaired: readonly Repaired[];
  /** The config that we put into service, or found when we came. */
  readonly configName: string | null;
  readonly seen: Seen | null;
}

const MAX_REMEMBERED = {
  answers: 200,
  disturbed: 20,
  blocked: 50,
  starts: MOST_BUDGET_RUNS,
} as const;

export function freshState(input: KeeperInput, author: Actor, nowMs: number): KeeperState {
  return {
    policy: input.policy,
    policyDigest: input.policyDigest,
    policyAuthor: author,
    policyAppliedAtMs: input.appliedAtMs,
    ready: false,
    endpoint: null,
    champion: null,
    previousConfigName: null,
    baseline: null,
    alarms: [],
    metrics: [],
    windows: {},
    countedToMs: {},
    noData: {},
    disturbed: [],
    blind: null,
    verdict: 'cannot tell',
    verdictReasons: ['nothing has been looked at yet'],
    verdictSinceMs: nowMs,
    releases: [],
    nextRelease: 1,
    leaseHolder: null,
    wayBackTo: null,
    scaling: null,
    startsAtMs: [],
    blocked: [],
    lastEnded: null,
    lastEndedAtMs: null,
    frozen: null,
    governor: null,
    lastScheduleMs: nowMs,
    scheduleDueAtMs: null,
    retiring: null,
    commands: [],
    answers: {},
    notices: {},
    timeline: [],
    refusals: [],
    head: { number: 0, hash: NO_HASH },
    records: 0,
    late: [],
  };
}

/** Takes up what ledger and AWS still know of a model whose keeper was lost. */
export function takeUp(state: KeeperState, rebuilt: LedgerState): void {
  state.head = rebuilt.head;
  state.nextRelease = Math.max(state.nextRelease, rebuilt.lastRelease + 1);
  state.lastEndedAtMs = rebuilt.lastEndedAtMs;
  state.startsAtMs = rebuilt.startsAtMs;
  if (rebuilt.runs !== undefined && rebuilt.runs.length > 0) state.runs = rebuilt.runs;
  state.blocked = rebuilt.blocked;
  state.previousConfigName = rebuilt.previousConfigName;
  if (rebuilt.leftConfigName !== undefined) state.leftConfigName = rebuilt.leftConfigName;
  state.frozen = rebuilt.frozen;
}

/** What the endpoint's reading says of who serves. Windows begin anew with a new champion. */
export function seeEndpoint(
  state: KeeperState,
  reading: EndpointReading,
): { readonly switched: boolean; readonly recreated: boolean } {
  const before = state.endpoint;
  const gone = reading.status === 'absent';
  // The birth of one that is gone is kept, to tell whether the next one of its name is another.
  state.endpoint =
    gone && before !== null ? { ...reading, createdAtMs: before.createdAtMs } : reading;
  const recreated =
    before !== null &&
    !gone &&
    before.createdAtMs !== 0 &&
    before.createdAtMs !== reading.createdAtMs;
  const pending = reading.pendingConfigName !== null;
  const open = state.disturbed.find((span) => span.toMs === null);
  if (pending && open === undefined)
    state.disturbed = [...state.disturbed, { fromMs: reading.atMs, toMs: null }].slice(
      -MAX_REMEMBERED.disturbed,
    );
  if (!pending && open !== undefined) {
    state.disturbed = state.disturbed.map((span) =>
      span.toMs === null ? { ...span, toMs: reading.atMs } : span,
    );
  }
  const next = reading.champion;
  if (next === null) return { switched: false, recreated };
  // While two versions serve, the champion has the policy's variant and its own capture: nothing has changed for it.
  if (isSplit(state.policy.metadata.name, next.configName) && state.champion !== null && !recreated)
    return { switched: false, recreated };
  if (state.champion?.configName === next.configName && !recreated) {
    state.champion = { ...next, sinceMs: state.champion.sinceMs };
    return { switched: false, recreated };
  }
  // In a shadow test the champion goes on serving under another config's name, and comes back to its own.
  if (state.champion !== null && isShadowConfig(state.policy.metadata.name, next.configName))
    return { switched: false, recreated };
  const first = state.champion === null;
  if (state.champion !== null) state.previousConfigName = state.champion.configName;
  state.champion = first ? next : { ...next, sinceMs: reading.atMs };
  state.windows = {};
  state.noData = {};
  return { switched: !first, recreated };
}

/**
 * Whether a release says that it serves and no look has shown it yet: until then, alarms and windows are about the
 * version before.
 */
export function isBehind(state: KeeperState): boolean {
  const { champion, endpoint } = state;
  return state.releases.some(({ release, stage, servingSinceMs }) => {
    if (stage !== 'probation' || servingSinceMs === null) return false;
    const name = releaseName(state.policy.metadata.name, release);
    const serves =
      champion?.configName === name || champion?.configName.startsWith(`${name}-`) === true;
    return !serves && (endpoint?.atMs ?? 0) < servingSinceMs;
  });
}

export function seeWindows(
  state: KeeperState,
  windows: readonly WindowResult[],
  countedToMs: Readonly<Record<string, number>>,
): void {
  const keep = state.policy.spec.detect.persistence.of;
  for (const source of new Set(windows.map((window) => window.source))) {
    const news = windows.filter((window) => window.source === source);
    state.windows[source] = remember(state.windows[source] ?? [], news, keep);
  }
  for (const [source, toMs] of Object.entries(countedToMs)) {
    state.countedToMs[source] = Math.max(state.countedToMs[source] ?? 0, toMs);
  }
}

/** What the jobs behind these windows were billed. Each window is told once. */
export function seeWatched(
  state: KeeperState,
  windows: readonly WindowResult[],
  atMs: number,
): void {
  const { budget } = state.policy.spec.retrain;
  for (const { machineSeconds } of windows)
    if (machineSeconds !== undefined)
      state.watchDays = watchedOn(budget, state.watchDays ?? [], machineSeconds, atMs);
}

export function judgement(state: KeeperState): Judgement {
  const judged = judge(state.policy.spec, {
    endpoint: state.endpoint,
    alarms: state.alarms,
    metrics: state.metrics,
    windows: state.windows,
    noData: state.noData,
    baselineMissing:
      state.baseline?.missing ??
      (state.baseline === null ? 'the baseline is not profiled yet' : null),
  });
  if (state.blind !== null && judged.verdict === 'healthy') {
    return { verdict: 'cannot tell', reasons: [state.blind], windows: [] };
  }
  return judged;
}

/** @param nowMs instant of the question: the budget's time slides */
export const governorState = (state: KeeperState, nowMs: number): GovernorState => ({
  spending: spendingOf(
    state.policy.spec.retrain.budget,
    state.runs ?? [],
    state.planned ?? null,
    nowMs,
    state.watchDays,
  ),
  open: state.releases,
  frozen: state.frozen,
  lastEndedAtMs: state.lastEndedAtMs,
  startsAtMs: state.startsAtMs,
  blocked: state.blocked,
  retiring: state.retiring !== null,
});

/** What the next run will cost; `undefined` for a policy that counts no money. */
export function nextCost(state: KeeperState): Cost | undefined {
  const { budget } = state.policy.spec.retrain;
  return countsMoney(budget)
    ? forecast(pricesOf(budget), state.runs ?? [], state.planned ?? null)
    : undefined;
}

/** A run begins; its cost is an expectation until it is billed. */
export function seeRun(
  state: KeeperState,
  release: number,
  startedAtMs: number,
  expected: Cost,
): void {
  state.runs = [
    ...(state.runs ?? []),
    {
      release,
      startedAtMs,
      forecastUsd: expected.kind === 'known' ? expected.usd : null,
      actualUsd: null,
      machineSeconds: null,
    },
  ].slice(-MAX_REMEMBERED.starts);
}

/** The expectation is corrected by what AWS billed. A bill that is not whole corrects nothing. */
export function seeBill(
  state: KeeperState,
  release: number,
  bill: Bill | undefined,
  costUsd: number | null,
): void {
  if (state.runs === undefined || bill === undefined) return;
  state.runs = state.runs.map((run) =>
    run.release !== release
      ? run
      : {
          ...run,
          actualUsd: costUsd ?? run.actualUsd,
          machineSeconds: bill.unread === null ? machineSecondsOf(bill) : run.machineSeconds,
        },
  );
}

/** What is left of a release in the keeper's memory once it has ended. */
export function seeEnd(
  state: KeeperState,
  release: number,
  result: ReleaseResult,
  endedAtMs: number,
): void {
  const open = state.releases.find((known) => known.release === release);
  state.releases = state.releases.filter((known) => known.release !== release);
  if (state.leaseHolder === release) state.leaseHolder = null;
  state.lastEnded = { release, result, endedAtMs };
  // A promotion cools down from the moment it served, so a long probation does not count on top.
  state.lastEndedAtMs =
    result.kind === 'promoted' ? (open?.servingSinceMs ?? endedAtMs) : endedAtMs;
  const why = BLOCKING[result.kind];
  if (why !== undefined && open !== undefined) {
    state.blocked = [...state.blocked, { ...open.data, why }].slice(-MAX_REMEMBERED.blocked);
  }
}

const BLOCKING: Partial<Record<ReleaseResult['kind'], string>> = {
  rejected: 'was rejected',
  expired: 'expired without a decision',
  'failed gates': 'failed its gates',
  'rolled back': 'was rolled back',
};

/** A release that was asked to go back and ended as promoted did not hear it: the keeper goes back itself. */
export function heedOwedRollback(
  state: KeeperState,
  release: number,
  result: ReleaseResult,
): boolean {
  const owed = state.owedRollback;
  if (owed?.release !== release) return false;
  delete state.owedRollback;
  if (result.kind !== 'promoted') return false;
  const { by, reason } = owed;
  const id = `owed/${String(release)}`;
  state.commands = [...state.commands, { kind: 'rollback', id, by, reason }];
  return true;
}

export function answerCommand(state: KeeperState, id: string, answer: CommandAnswer): void {
  const entries = Object.entries(state.answers).slice(-(MAX_REMEMBERED.answers - 1));
  state.answers = { ...Object.fromEntries(entries), [id]: answer };
}

export function changeRelease(
  state: KeeperState,
  release: number,
  change: (known: KnownRelease) => KnownRelease,
): void {
  state.releases = state.releases.map((known) =>
    known.release === release ? change(known) : known,
  );
}

export function started(state: KeeperState, release: KnownRelease): void {
  state.releases = [...state.releases, release];
  state.startsAtMs = [...state.startsAtMs, release.startedAtMs].slice(-MAX_REMEMBERED.starts);
}

/** The next instant at which something changes by itself; `null` when only news can change anything. */
export function nextInstantMs(state: KeeperState, nowMs: number): number | null {
  const instants: number[] = [];
  if (state.frozen?.untilMs != null) instants.push(state.frozen.untilMs);
  if (isWanted(state)) {
    const cooldown = cooldownUntilMs(state.policy.spec, governorState(state, nowMs));
    if (cooldown !== null) instants.push(cooldown);
  }
  const due = nextDueMs(state.policy.spec.notify, state.box ?? EMPTY_BOX);
  if (due !== null) instants.push(due);
  const future = instants.filter((instant) => instant > nowMs);
  return future.length === 0 ? null : Math.min(...future);
}

const isWanted = (state: KeeperState): boolean =>
  state.verdict === 'drift' || state.verdict === 'performance' || state.scheduleDueAtMs !== null;

function moneyOf(state: KeeperState, nowMs: number): { readonly money?: Money } {
  const next = nextCost(state);
  if (next === undefined) return {};
  const { budget } = state.policy.spec.retrain;
  return {
    money: {
      usd: budget.usd ?? null,
      spentUsd: spentUsd(budget, state.runs ?? [], nowMs),
      ...(state.watchDays === undefined
        ? {}
        : { watched: watchedCost(budget, state.watchDays, nowMs) }),
      next,
    },
  };
}

export function keeperStatus(
  state: KeeperState,
  awaiting: string | null,
  untilMs: number | null,
  nowMs: number,
): KeeperStatus {
  const { spec } = state.policy;
  return {
    model: state.policy.metadata.name,
    endpoint: spec.endpoint.name,
    region: spec.endpoint.region,
    policyDigest: state.policyDigest,
    policyAppliedAtMs: state.policyAppliedAtMs,
    policyAuthor: state.policyAuthor,
    mode: spec.mode,
    verdict: state.verdict,
    verdictReasons: state.verdictReasons,
    verdictSinceMs: state.verdictSinceMs,
    champion: state.champion,
    endpointStatus: state.endpoint?.status ?? 'not read yet',
    alarms: state.alarms,
    ...(state.scalingActivities === undefined ? {} : { scaling: state.scalingActivities }),
    ...(state.monitors === undefined ? {} : { monitors: state.monitors }),
    windows: state.windows,
    awaiting,
    untilMs,
    releases: state.releases.map(({ release, stage, startedAtMs }) => ({
      release,
      stage,
      startedAtMs,
    })),
    leaseHolder: state.leaseHolder,
    lastRelease: state.lastEnded,
    nextReleaseNumber: state.nextRelease,
    frozen: state.frozen,
    cooldownUntilMs: cooldownUntilMs(spec, governorState(state, nowMs)),
    lastGovernorAnswer: state.governor,
    budget: {
      runs: spec.retrain.budget.runs,
      used: runsUsed(spec, state, nowMs),
      perMs: durationMs(spec.retrain.budget.per),
      ...moneyOf(state, nowMs),
    },
    refusals: state.refusals,
    timeline: state.timeline,
    ledgerHead: state.head,
    retiring: state.retiring !== null,
    ...(state.reconcile === undefined
      ? {}
      : { disagreements: state.reconcile.open, reconciledAtMs: state.reconcile.atMs }),
  };
}
