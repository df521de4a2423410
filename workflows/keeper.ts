import { condition, continueAsNew, sleep, workflowInfo } from '@temporalio/workflow';

import { verdictMetrics } from '../domain/custom-metrics.js';
import type { DataTold, MonitorsTold, SignalsTold } from '../activities/contract.js';
import type { Judgement } from '../domain/detect.js';
import { govern, rollbackAlarms } from '../domain/governor.js';
import { alarmPrefix, releaseName } from '../domain/names.js';
import type { Trigger } from '../domain/model.js';
import { alarmSubjects } from '../domain/sources.js';
import { newRefusals } from '../domain/scaling.js';
import { MIN_HINT_INTERVAL_MS } from '../domain/watch.js';
import {
  carryOut,
  claimAgain,
  endedOutside,
  endFreeze,
  lendLease,
  setUp,
  startRelease,
  takeBackLease,
} from './keeper-work.js';
import { openKeeperDesk } from './keeper-desk.js';
import type { KeeperDesk } from './keeper-desk.js';
import {
  changeRelease,
  governorState,
  isBehind,
  judgement,
  nextInstantMs,
  seeEndpoint,
  seeWatched,
  seeWindows,
} from './keeper-state.js';
import type { KeeperInput } from './keeper-state.js';
import { publishMetrics } from './metrics.js';
import { heedMonitors } from './monitors.js';
import { heedReconciliation, reconciles, settleConfig, standingOf } from './reconcile.js';
import type { Compared } from './reconcile.js';
import { openWatches } from './watches.js';
import type { WatchEnd, Watches } from './watches.js';

export type KeeperResult =
  | { readonly kind: 'retired'; readonly by: string; readonly reason: string }
  | { readonly kind: 'refused'; readonly reason: string };

const CLOSING_MS = 1_000;

/** Below every count of messages. */
const NOTHING_SEEN = -1;

/** Watches one model for as long as its policy is applied, and starts a release when the governor says so. */
export async function keeper(input: KeeperInput): Promise<KeeperResult> {
  const desk = openKeeperDesk(input);
  const refusal = await setUp(desk);
  if (refusal !== undefined) {
    desk.refuse(refusal);
    await desk.finished();
    return { kind: 'refused', reason: refusal };
  }

  const watches = openWatches(desk);
  watches.start();
  // What came in while the run before was ending is in the state: it is acted on before anything is waited for.
  let seen = input.state === undefined ? desk.news() : NOTHING_SEEN;
  for (;;) {
    await somethingHappens(desk, watches, seen);
    seen = desk.news();
    await desk.post.attend();
    await heedSignals(desk, watches, watches.takeSignals());
    await heedData(desk, watches.takeData());
    await heedComparison(desk, watches.takeComparison());
    await heedMonitoring(desk, watches.takeMonitors());
    await carryOutCommands(desk, watches);
    await endFreeze(desk);
    await desk.passOnRegistryHint();
    await takeBackLease(desk);
    await lendLease(desk);
    await judgeAndGovern(desk);
    if (desk.state.retiring !== null && desk.state.releases.length === 0) {
      await watches.close();
      return retire(desk);
    }
    desk.show();
    // Before the watches go on: no look should be under way when the run ends.
    if (mustContinueAsNew(input)) break;
    await heedHint(desk, watches);
    watches.goOn();
  }

  await watches.close();
  // The cancelled looks end in a task of their own; a run that closes together with them would leave them behind.
  await sleep(CLOSING_MS, { summary: 'letting the last looks end before continuing as new' });
  while (desk.state.commands.length > 0 || !desk.allAnswered()) {
    await carryOutCommands(desk, undefined);
    await condition(() => desk.state.commands.length > 0 || desk.allAnswered());
  }
  await desk.events.settled();
  return continueAsNew<typeof keeper>({ ...input, state: desk.handOn() });
}

function mustContinueAsNew(input: KeeperInput): boolean {
  const info = workflowInfo();
  return (
    info.continueAsNewSuggested ||
    info.historyLength >= (input.historyLimit ?? Number.POSITIVE_INFINITY)
  );
}

/** @param seen count of the messages that have been acted on; what came in meanwhile is not waited for */
async function somethingHappens(desk: KeeperDesk, watches: Watches, seen: number): Promise<void> {
  const nowMs = Date.now();
  const instant = nextInstantMs(desk.state, nowMs);
  const hintMs = desk.hinted() ? watches.lookedAtMs() + MIN_HINT_INTERVAL_MS : null;
  if (hintMs !== null && hintMs <= nowMs) return;
  if (desk.state.commands.length > 0 || watches.hasNews()) return;
  desk.awaits(awaited(desk, instant), instant);
  const happened = (): boolean => watches.hasNews() || desk.news() !== seen;
  if (happened()) return;
  const soonest = Math.min(instant ?? Number.POSITIVE_INFINITY, hintMs ?? Number.POSITIVE_INFINITY);
  if (Number.isFinite(soonest)) {
    await condition(happened, Math.max(1, soonest - nowMs), {
      summary: 'until the next instant that matters',
    });
  } else {
    await condition(happened);
  }
}

/** What somebody who looks at the keeper should know it waits for. */
function awaited(desk: KeeperDesk, instant: number | null): string {
  const { releases, frozen } = desk.state;
  const asking = releases.findLast((known) => known.stage === 'approve');
  if (asking !== undefined) return `a person: release ${String(asking.release)} asks for approval`;
  const flying = releases.findLast((known) => known.stage !== 'ended');
  if (flying !== undefined) return `release ${String(flying.release)}, in ${flying.stage}`;
  if (frozen !== null) return 'the end of the freeze';
  return instant === null
    ? 'the next look, or news'
    : 'the next look, news, or the end of the cool-down';
}

async function heedHint(desk: KeeperDesk, watches: Watches): Promise<void> {
  if (!desk.hinted() || Date.now() - watches.lookedAtMs() < MIN_HINT_INTERVAL_MS) return;
  desk.takeHint();
  await watches.lookNow();
}

async function heedSignals(
  desk: KeeperDesk,
  watches: Watches,
  end: WatchEnd<SignalsTold> | undefined,
): Promise<void> {
  const { state } = desk;
  if (end === undefined || end.kind === 'quiet day') return;
  if (end.kind === 'failed') {
    if (state.blind !== end.sentence) desk.tell(`cannot look: ${end.sentence}`);
    state.blind = end.sentence;
    return;
  }
  state.blind = null;
  const { told } = end;
  state.alarms = told.alarms;
  state.metrics = told.metrics;
  if (desk.owesComparison() && !state.releases.some(({ stage }) => stage === 'deploy'))
    desk.compareSoon();
  if (told.scaling !== undefined) {
    for (const refused of newRefusals(told.scaling, state.scalingActivities))
      desk.tell(`scaling: ${refused.sentence}`);
    state.scalingActivities = told.scaling;
  }
  if (told.scheduleDueAtMs !== null) {
    state.lastScheduleMs = told.atMs;
    state.scheduleDueAtMs = told.scheduleDueAtMs;
  }
  for (const closed of told.closedReleases)
    await endedOutside(desk, closed.workflowId, closed.status, told.endpoint);

  const before = state.champion?.configName ?? null;
  const formerly = state.previousConfigName;
  const { switched, recreated } = seeEndpoint(state, told.endpoint);
  if (recreated) await claimAgain(desk);
  if (!switched && !recreated) {
    if (before === null && state.champion !== null) await newBaseline(desk, watches);
    return;
  }
  const now = state.champion?.configName ?? 'none';
  desk.tell(`the champion is now ${now} (before: ${before ?? 'none'})`);
  const wentBack = now === formerly && (state.leaseHolder !== null || state.lastEnded !== null);
  const ours = state.wayBackTo === now || madeByRelease(desk, now) || (wentBack && reconciles());
  state.wayBackTo = null;
  if (ours || before === null) settleConfig(desk, now);
  else desk.compareSoon();
  if (!ours) {
    await desk.record({
      decision: 'changed outside',
      reasons: [`${now} serves instead of ${before ?? 'nothing'}, and modelkeeper did not do it`],
      facts: { from: before, to: now },
      urgent: true,
    });
  }
  await newBaseline(desk, watches);
}

/** Whether a release has brought this config into service, or the one before back. */
function madeByRelease(desk: KeeperDesk, configName: string): boolean {
  const { releases, lastEnded, leaseHolder, previousConfigName } = desk.state;
  const numbers = [
    ...releases.map((known) => known.release),
    ...(lastEnded === null ? [] : [lastEnded.release]),
  ];
  const made = numbers.map((release) => releaseName(desk.model, release));
  return (
    made.some((name) => configName === name || configName.startsWith(`${name}-`)) ||
    (configName === previousConfigName && (leaseHolder !== null || lastEnded !== null))
  );
}

/** The baseline belongs to the serving version. */
async function newBaseline(desk: KeeperDesk, watches: Watches): Promise<void> {
  await carryOut(desk, { kind: 'baseline' });
  await watches.restartData();
  await watches.restartMonitors();
}

async function heedComparison(
  desk: KeeperDesk,
  end: WatchEnd<Compared> | undefined,
): Promise<void> {
  if (end === undefined || end.kind === 'quiet day') return;
  if (end.kind === 'failed') {
    desk.tell(`cannot compare what is with what should be: ${end.sentence}`);
    return;
  }
  switch (standingOf(desk, end.told)) {
    case 'holds':
      await heedReconciliation(desk, end.told.found);
      break;
    case 'overtaken':
      desk.compareSoon();
      break;
    case 'ahead':
      desk.oweComparison();
      break;
  }
}

async function heedMonitoring(
  desk: KeeperDesk,
  end: WatchEnd<MonitorsTold> | undefined,
): Promise<void> {
  if (end === undefined || end.kind === 'quiet day') return;
  if (end.kind === 'failed') {
    desk.tell(`cannot keep the monitoring schedules: ${end.sentence}`);
    return;
  }
  await heedMonitors(desk, end.told);
}

const ADVICE = {
  'too short': {
    notice: 'no-data',
    subject: 'labels come after they are read',
    severity: 'warning',
  },
  'too long': {
    notice: 'no-data',
    subject: 'labels are waited for longer than they take',
    severity: 'info',
  },
  estimate: {
    notice: 'performance',
    subject: 'estimated performance is below its floor',
    severity: 'warning',
  },
} as const;

async function heedData(desk: KeeperDesk, end: WatchEnd<DataTold> | undefined): Promise<void> {
  const { state } = desk;
  if (end === undefined || end.kind === 'quiet day') return;
  if (end.kind === 'failed') {
    if (state.blind !== end.sentence) desk.tell(`cannot read the data: ${end.sentence}`);
    state.blind = end.sentence;
    return;
  }
  state.blind = null;
  const { told } = end;
  seeWindows(state, told.windows, told.countedToMs);
  seeWatched(state, told.windows, told.atMs);
  for (const source of told.dataAgain) {
    state.noData = Object.fromEntries(Object.entries(state.noData).filter(([id]) => id !== source));
    desk.tell(`${source}: data arrives again`);
  }
  for (const silent of told.noData) {
    state.noData = { ...state.noData, [silent.source]: silent.sentence };
    desk.tell(silent.sentence);
    await desk.notify(
      'no-data',
      `${desk.model}: no data`,
      silent.sentence,
      'warning',
      `no-data/${silent.source}/${String(silent.sinceMs)}`,
    );
  }
  for (const { source, key, kind, sentence } of told.advice ?? []) {
    state.toldAdvice = { ...state.toldAdvice, [source]: key };
    desk.tell(sentence);
    const { notice, subject, severity } = ADVICE[kind];
    await desk.notify(notice, `${desk.model}: ${subject}`, sentence, severity, `${source}/${key}`);
  }
  const last = told.windows.at(-1);
  if (last !== undefined) desk.tell(last.sentence);
}

async function carryOutCommands(desk: KeeperDesk, watches: Watches | undefined): Promise<void> {
  for (
    let command = desk.state.commands[0];
    command !== undefined;
    command = desk.state.commands[0]
  ) {
    await carryOut(desk, command);
    desk.state.commands = desk.state.commands.slice(1);
    if (command.kind === 'apply' && watches !== undefined) {
      await watches.close();
      watches.start();
    }
  }
}

const NOTICES = {
  drift: { notice: 'drift', severity: 'warning' },
  performance: { notice: 'performance', severity: 'critical' },
  'data quality': { notice: 'data-quality', severity: 'warning' },
  'unhealthy endpoint': { notice: 'unhealthy', severity: 'critical' },
} as const;

/** One verdict from everything seen, told once when it changes; then what the governor makes of it. A switch is seen first. */
async function judgeAndGovern(desk: KeeperDesk): Promise<void> {
  const { state } = desk;
  if (isBehind(state)) return;
  const judged = judgement(state);
  const news = seeVerdict(desk, judged);
  // A release that follows starts first: what is said of it can wait for a moment.
  if (!reconciles()) await news();
  await heedProbationAlarms(desk);
  await heedGovernor(desk, judged, news);
}

/** @returns tells people of the verdict, if it has changed and nobody has told them yet */
function seeVerdict(desk: KeeperDesk, judged: Judgement): () => Promise<void> {
  const { state } = desk;
  let tell = (): Promise<void> => Promise.resolve();
  if (judged.verdict !== state.verdict) {
    desk.tell(`verdict: ${judged.verdict}, was ${state.verdict}: ${judged.reasons[0] ?? ''}`);
    desk.announceVerdict(judged);
    state.verdict = judged.verdict;
    state.verdictSinceMs = Date.now();
    state.governor = null;
    void publishMetrics(
      desk.ref(),
      verdictMetrics(desk.model, judged.verdict, state.verdictSinceMs),
      desk.tell,
    );
    if (judged.verdict in NOTICES) {
      const { notice, severity } = NOTICES[judged.verdict as keyof typeof NOTICES];
      const sinceMs = state.verdictSinceMs;
      tell = () =>
        desk.notify(
          notice,
          `${desk.model}: ${judged.verdict}`,
          judged.reasons.join('\n'),
          severity,
          `verdict/${String(sinceMs)}`,
          judged.windows.flatMap(({ reportUri }) =>
            reportUri === undefined ? [] : [{ uri: reportUri }],
          ),
        );
    }
  }
  state.verdictReasons = judged.reasons;
  return () => {
    const telling = tell();
    tell = () => Promise.resolve();
    return telling;
  };
}

/** Asks the governor what follows from the verdict or the schedule, and does it. */
async function heedGovernor(
  desk: KeeperDesk,
  judged: Judgement,
  news: () => Promise<void>,
): Promise<void> {
  const { state } = desk;
  const trigger = triggerOf(desk, judged.windows);
  if (trigger === undefined) return news();
  const nowMs = Date.now();
  const answer = govern(state.policy.spec, governorState(state, nowMs), trigger, nowMs);
  if (answer.kind !== 'start') await news();
  if (answer.kind === 'roll back') {
    await rollBackOnce(desk, answer.release, answer.reason);
    return;
  }
  const changed = state.governor?.kind !== answer.kind;
  state.governor = { kind: answer.kind, reason: answer.reason, atMs: nowMs };
  if (answer.kind === 'start') {
    if (trigger.kind === 'schedule') state.scheduleDueAtMs = null;
    await startRelease(desk, trigger);
    return news();
  }
  if (trigger.kind === 'schedule' && (answer.kind === 'record' || answer.kind === 'notify'))
    state.scheduleDueAtMs = null;
  if (!changed) return;
  desk.tell(`governor: ${answer.kind}: ${answer.reason}`);
  await desk.record({
    decision: 'trigger',
    reasons: [`${answer.kind}: ${answer.reason}`, ...trigger.reasons],
    evidence: trigger.windows.flatMap((window) =>
      window.reportUri === undefined ? [] : [{ uri: window.reportUri }],
    ),
    facts: { trigger: trigger.kind, answer: answer.kind },
  });
  if (answer.kind === 'ask') {
    await desk.notify(
      'drift',
      `${desk.model}: a person is needed`,
      answer.reason,
      'warning',
      `ask/${String(nowMs)}`,
    );
  }
}

function triggerOf(desk: KeeperDesk, windows: Trigger['windows']): Trigger | undefined {
  const { state } = desk;
  const common = { atMs: Date.now(), by: desk.me() };
  if (state.verdict === 'drift' || state.verdict === 'performance') {
    return { ...common, kind: state.verdict, reasons: state.verdictReasons, windows };
  }
  if (state.scheduleDueAtMs !== null) {
    return {
      ...common,
      kind: 'schedule',
      reasons: [`scheduled by ${state.policy.spec.retrain.schedule ?? ''}`],
      windows: [],
    };
  }
  return undefined;
}

/** Errors or latency of a version on probation take it back. */
async function heedProbationAlarms(desk: KeeperDesk): Promise<void> {
  const { state } = desk;
  const onProbation = state.releases.find((known) => known.stage === 'probation');
  if (
    onProbation === undefined ||
    !state.policy.spec.deploy.probation.rollBackOn.includes('alarms')
  )
    return;
  // What alarms say of the model goes by the verdict, like every other evidence of it.
  const ofTheModel = alarmSubjects(state.policy.spec.monitor);
  const [alarm] = rollbackAlarms(
    state.alarms.filter(({ source }) => !ofTheModel.has(source)),
    alarmPrefix(desk.model),
  );
  if (alarm !== undefined)
    await rollBackOnce(desk, onProbation.release, `alarm ${alarm.name}: ${alarm.reason}`);
}

async function rollBackOnce(desk: KeeperDesk, release: number, reason: string): Promise<void> {
  if (
    desk.state.releases.some(
      (known) => known.release === release && known.told.includes('roll back'),
    )
  )
    return;
  changeRelease(desk.state, release, (known) => ({ ...known, told: [...known.told, 'roll back'] }));
  desk.tell(`rolling back release ${String(release)}: ${reason}`);
  await desk.say(release, { kind: 'roll back', by: desk.me(), reason });
}

async function retire(desk: KeeperDesk): Promise<KeeperResult> {
  const { retiring } = desk.state;
  await carryOut(desk, { kind: 'clean up' });
  await desk.post.empty();
  await desk.events.settled();
  await desk.finished();
  return { kind: 'retired', by: retiring?.by.person ?? 'somebody', reason: retiring?.reason ?? '' };
}
