import type { Core } from '../wires.js';
import { parseCompositeRule } from './composite.js';
import {
  decimal,
  evaluate,
  EXTRA_PERIODS,
  isBandComparison,
  significantSampleCount,
} from './evaluate.js';
import type { AlarmState, ComparisonOperator, Datapoint, MissingData } from './evaluate.js';
import { alarmEvent, alarmNotice, awsTime, noticeSubject } from './messages.js';
import type { Metrics } from './metrics.js';
import { runQueries } from './queries.js';
import type { LearnsFrom, MetricQuery, QueryResult } from './queries.js';
import { percentileOf } from './statistics.js';

/** The state of an alarm and how it came to it. */
export interface StateRecord {
  readonly value: AlarmState;
  readonly reason: string;
  readonly reasonData?: string;
  readonly updatedAtMs: number;
  readonly transitionedAtMs: number;
}

interface AlarmBase {
  readonly name: string;
  readonly description?: string | undefined;
  readonly actionsEnabled: boolean;
  readonly okActions: readonly string[];
  readonly alarmActions: readonly string[];
  readonly insufficientDataActions: readonly string[];
  readonly configuredAtMs: number;
  readonly state: StateRecord;
}

export interface MetricAlarm extends AlarmBase {
  readonly kind: 'MetricAlarm';
  /** Set when the alarm was put with MetricName and not with Metrics. */
  readonly simple?: {
    readonly MetricName: string;
    readonly Namespace: string;
    readonly Statistic?: string | undefined;
    readonly ExtendedStatistic?: string | undefined;
    readonly Dimensions: readonly { readonly Name: string; readonly Value: string }[];
    readonly Period: number;
    readonly Unit?: string | undefined;
  };
  /** What is watched, for a simple alarm too; exactly one returns data, beside the band. */
  readonly queries: readonly MetricQuery[];
  readonly evaluationPeriods: number;
  readonly datapointsToAlarm?: number | undefined;
  /** Absent when {@link thresholdMetricId} names a band. */
  readonly threshold?: number | undefined;
  readonly thresholdMetricId?: string | undefined;
  readonly comparison: ComparisonOperator;
  readonly treatMissingData?: MissingData | undefined;
  readonly evaluateLowSampleCountPercentile?: string | undefined;
}

export interface CompositeAlarm extends AlarmBase {
  readonly kind: 'CompositeAlarm';
  readonly rule: string;
}

export type Alarm = MetricAlarm | CompositeAlarm;

export type HistoryType = 'ConfigurationUpdate' | 'StateUpdate' | 'Action';

export interface HistoryItem {
  readonly alarmName: string;
  readonly alarmType: Alarm['kind'];
  readonly atMs: number;
  readonly type: HistoryType;
  readonly summary: string;
  readonly data: string;
}

const ALARMS = 'alarms';
const HISTORY = 'alarm-history';
const HISTORY_ENTRIES = 3_000;

/** The alarms: their records, their evaluation, and what follows a change of state. */
export class Alarms {
  private readonly all = new Map<string, Alarm>();
  private readonly nextEvaluationMs = new Map<string, number>();
  private readonly nextScalingMs = new Map<string, number>();
  private historyNumber: number;

  constructor(
    private readonly core: Core,
    private readonly metrics: Metrics,
    private readonly learnsFrom: LearnsFrom = () => true,
  ) {
    for (const [name, alarm] of core.store.entries<Alarm>(ALARMS)) this.all.set(name, alarm);
    this.historyNumber = Number(core.store.keys(HISTORY).at(-1) ?? 0) + 1;
  }

  get(name: string): Alarm | undefined {
    return this.all.get(name);
  }

  /** In order of name. */
  list(): readonly Alarm[] {
    return [...this.all.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  arn(name: string): string {
    return this.core.arn('cloudwatch', `alarm:${name}`);
  }

  /** Creates or overwrites; an alarm that is there keeps its state. */
  put(
    draft:
      | Omit<MetricAlarm, 'state' | 'configuredAtMs'>
      | Omit<CompositeAlarm, 'state' | 'configuredAtMs'>,
  ): void {
    const before = this.all.get(draft.name);
    const now = this.core.now();
    const initial: StateRecord = {
      value: 'INSUFFICIENT_DATA',
      reason: 'Unchecked: Initial alarm creation',
      updatedAtMs: now,
      transitionedAtMs: now,
    };
    const alarm: Alarm = { ...draft, state: before?.state ?? initial, configuredAtMs: now };
    this.save(alarm);
    this.nextEvaluationMs.delete(draft.name);
    this.remember(
      alarm,
      'ConfigurationUpdate',
      `Alarm "${draft.name}" ${before === undefined ? 'created' : 'updated'}`,
      {
        type: before === undefined ? 'Create' : 'Update',
        version: '1.0',
      },
    );
  }

  update(name: string, change: Partial<AlarmBase>): void {
    const alarm = this.all.get(name);
    if (alarm !== undefined) this.save({ ...alarm, ...change });
  }

  remove(name: string): void {
    const alarm = this.all.get(name);
    if (alarm === undefined) return;
    this.all.delete(name);
    this.core.store.delete(ALARMS, name);
    this.remember(alarm, 'ConfigurationUpdate', `Alarm "${name}" deleted`, {
      type: 'Delete',
      version: '1.0',
    });
  }

  /** Oldest first. */
  history(): readonly HistoryItem[] {
    return this.core.store.entries<HistoryItem>(HISTORY).map(([, item]) => item);
  }

  /** Evaluates the alarms that are due: every second with a period below a minute, else every ten. */
  tick(): void {
    const now = this.core.now();
    for (const alarm of this.all.values()) {
      if (alarm.kind === 'MetricAlarm' && (this.nextEvaluationMs.get(alarm.name) ?? 0) <= now) {
        this.nextEvaluationMs.set(alarm.name, now + intervalMs(alarm));
        this.evaluateMetric(alarm, now);
      }
    }
    this.evaluateComposites();
  }

  /** Sets a state by hand; it lasts until the next evaluation, a full interval from now. */
  setState(name: string, value: AlarmState, reason: string, reasonData: string | undefined): void {
    const alarm = this.all.get(name);
    if (alarm === undefined) return;
    if (alarm.kind === 'MetricAlarm')
      this.nextEvaluationMs.set(name, this.core.now() + intervalMs(alarm));
    this.enter(alarm, value, reason, reasonData, undefined);
    this.evaluateComposites();
  }

  private evaluateMetric(alarm: MetricAlarm, nowMs: number): void {
    const periodMs = periodMsOf(alarm);
    const count = alarm.evaluationPeriods + EXTRA_PERIODS;
    const toMs = Math.floor(nowMs / periodMs) * periodMs;
    const fromMs = toMs - count * periodMs;
    const { data, learnt } = this.datapoints(alarm, fromMs, toMs, periodMs);
    const range = Array.from({ length: count }, (_, index) => data.get(fromMs + index * periodMs));
    const result = evaluate(
      {
        comparison: alarm.comparison,
        threshold: alarm.threshold,
        evaluationPeriods: alarm.evaluationPeriods,
        datapointsToAlarm: alarm.datapointsToAlarm ?? alarm.evaluationPeriods,
        // Before there is a band nothing can be said, whatever silence is to count as.
        treatMissingData: learnt ? (alarm.treatMissingData ?? 'missing') : 'missing',
        leastSampleCount: leastSampleCount(alarm),
      },
      range,
    );
    const newest = result?.used[0];
    if (result !== undefined && result.state !== alarm.state.value) {
      this.enter(
        alarm,
        result.state,
        result.reason,
        reasonDataOf(alarm, nowMs, fromMs, result.used),
        newest?.value,
      );
    } else if (alarm.actionsEnabled && alarm.state.value === 'ALARM') {
      this.scaleAgain(alarm, nowMs, newest?.value);
    }
  }

  private datapoints(
    alarm: MetricAlarm,
    fromMs: number,
    toMs: number,
    periodMs: number,
  ): { readonly data: ReadonlyMap<number, Datapoint>; readonly learnt: boolean } {
    const results = runQueries(this.metrics, alarm.queries, fromMs, toMs, this.learnsFrom);
    const points = pointsOf(results.get(watchedId(alarm)), toMs - periodMs);
    if (!isBandComparison(alarm.comparison)) return { data: points, learnt: true };
    const band = results.get(alarm.thresholdMetricId ?? '')?.value;
    const [upper, lower] = band?.kind === 'array' ? band.items : [];
    // A point without a band cannot be judged: it counts as missing.
    const data = new Map(
      [...points].flatMap(([atMs, point]) => {
        const limits = { lower: lower?.points.get(atMs), upper: upper?.points.get(atMs) };
        return limits.lower === undefined || limits.upper === undefined
          ? []
          : [[atMs, { ...point, band: { lower: limits.lower, upper: limits.upper } }] as const];
      }),
    );
    return { data, learnt: (upper?.points.size ?? 0) > 0 };
  }

  private evaluateComposites(): void {
    // A composite may stand on another: each pass settles one level.
    for (let pass = 0; pass < 10; pass += 1) {
      let changed = false;
      for (const alarm of this.all.values()) {
        if (alarm.kind === 'CompositeAlarm') changed = this.evaluateComposite(alarm) || changed;
      }
      if (!changed) return;
    }
  }

  private evaluateComposite(alarm: CompositeAlarm): boolean {
    const rule = parseCompositeRule(alarm.rule);
    if (rule.kind === 'invalid') return false;
    const value: AlarmState = rule.holds((name) => this.all.get(name)?.state.value)
      ? 'ALARM'
      : 'OK';
    if (value === alarm.state.value) return false;
    const children = rule.names.flatMap((name) => this.all.get(name) ?? []);
    const triggering = children.map((child) => ({
      arn: this.arn(child.name),
      state: { value: child.state.value, timestamp: awsTime(child.state.transitionedAtMs) },
    }));
    const latest = children.toSorted(
      (a, b) => b.state.transitionedAtMs - a.state.transitionedAtMs,
    )[0];
    const cause =
      latest === undefined
        ? 'its rule was evaluated'
        : `${this.arn(latest.name)} transitioned to ${latest.state.value} at ${longTime(latest.state.transitionedAtMs)}`;
    this.enter(alarm, value, cause, JSON.stringify({ triggeringAlarms: triggering }), undefined);
    return true;
  }

  private enter(
    alarm: Alarm,
    value: AlarmState,
    reason: string,
    reasonData: string | undefined,
    metric: number | undefined,
  ): void {
    const now = this.core.now();
    const changed = value !== alarm.state.value;
    const state: StateRecord = {
      value,
      reason,
      ...(reasonData === undefined ? {} : { reasonData }),
      updatedAtMs: now,
      transitionedAtMs: changed ? now : alarm.state.transitionedAtMs,
    };
    const after: Alarm = { ...alarm, state };
    this.save(after);
    if (!changed) return;
    this.remember(after, 'StateUpdate', `Alarm updated from ${alarm.state.value} to ${value}`, {
      version: '1.0',
      oldState: historyState(alarm.state),
      newState: historyState(state),
    });
    this.core.emit(alarmEvent(after, alarm.state, this.arn(alarm.name)));
    this.act(after, alarm.state, metric);
  }

  private act(alarm: Alarm, previous: StateRecord, metric: number | undefined): void {
    if (!alarm.actionsEnabled) return;
    for (const action of actionsFor(alarm, alarm.state.value)) {
      if (isScalingPolicy(action)) {
        this.scale(alarm, action, metric);
        continue;
      }
      const message = alarmNotice(alarm, previous, this.arn(alarm.name), this.core.accountId);
      const sent =
        action.includes(':sns:') &&
        this.core.wires.publish(action, noticeSubject(alarm), JSON.stringify(message));
      this.remember(
        alarm,
        'Action',
        sent ? `Successfully executed action ${action}` : `Failed to execute action ${action}`,
        {
          actionState: sent ? 'Succeeded' : 'Failed',
          notificationResource: action,
        },
      );
    }
  }

  /** While an alarm stays in ALARM its scaling actions are repeated once a period. */
  private scaleAgain(alarm: MetricAlarm, nowMs: number, metric: number | undefined): void {
    const policies = alarm.alarmActions.filter(isScalingPolicy);
    if (policies.length === 0 || (this.nextScalingMs.get(alarm.name) ?? 0) > nowMs) return;
    for (const policy of policies) this.scale(alarm, policy, metric);
  }

  private scale(alarm: Alarm, policyArn: string, value: number | undefined): void {
    const periodMs = alarm.kind === 'MetricAlarm' ? periodMsOf(alarm) : 60_000;
    this.nextScalingMs.set(alarm.name, this.core.now() + periodMs);
    this.core.wires.scale(policyArn, {
      alarmName: alarm.name,
      alarmArn: this.arn(alarm.name),
      threshold: alarm.kind === 'MetricAlarm' ? (alarm.threshold ?? 0) : 0,
      value,
      state: alarm.state.value,
    });
  }

  private save(alarm: Alarm): void {
    this.all.set(alarm.name, alarm);
    this.core.store.put(ALARMS, alarm.name, alarm);
  }

  private remember(alarm: Alarm, type: HistoryType, summary: string, data: unknown): void {
    const item: HistoryItem = {
      alarmName: alarm.name,
      alarmType: alarm.kind,
      atMs: this.core.now(),
      type,
      summary,
      data: JSON.stringify(data),
    };
    this.core.store.put(HISTORY, String(this.historyNumber).padStart(12, '0'), item);
    this.historyNumber += 1;
    const keys = this.core.store.keys(HISTORY);
    if (keys.length > HISTORY_ENTRIES) this.core.store.delete(HISTORY, keys[0] ?? '');
  }
}

function watchedId({ queries, thresholdMetricId }: MetricAlarm): string {
  const watched = queries.find(
    ({ Id, ReturnData }) => ReturnData !== false && Id !== thresholdMetricId,
  );
  return watched?.Id ?? '';
}

/** A number stands at the last period. */
function pointsOf(result: QueryResult | undefined, lastMs: number): ReadonlyMap<number, Datapoint> {
  if (result === undefined || result.value.kind === 'array') return new Map();
  if (result.value.kind === 'number')
    return new Map([[lastMs, { atMs: lastMs, value: result.value.value, sampleCount: 1 }]]);
  return new Map(
    [...result.value.points].map(([atMs, value]) => [
      atMs,
      { atMs, value, sampleCount: result.sampleCounts.get(atMs) ?? 1 },
    ]),
  );
}

export function actionsFor(alarm: Alarm, state: AlarmState): readonly string[] {
  switch (state) {
    case 'OK':
      return alarm.okActions;
    case 'ALARM':
      return alarm.alarmActions;
    case 'INSUFFICIENT_DATA':
      return alarm.insufficientDataActions;
  }
}

/** The longest period among what an alarm watches. */
export function periodMsOf(alarm: Pick<MetricAlarm, 'queries'>): number {
  const seconds = alarm.queries.map(({ MetricStat, Period }) => MetricStat?.Period ?? Period ?? 0);
  return Math.max(1, ...seconds) * 1000;
}

function intervalMs(alarm: MetricAlarm): number {
  return periodMsOf(alarm) < 60_000 ? 1_000 : 10_000;
}

export function isScalingPolicy(arn: string): boolean {
  return arn.includes(':autoscaling:') && arn.includes(':scalingPolicy:');
}

function leastSampleCount(alarm: MetricAlarm): number {
  const percentile = percentileOf(alarm.simple?.ExtendedStatistic ?? '');
  if (percentile === undefined || alarm.evaluateLowSampleCountPercentile !== 'ignore') return 0;
  return significantSampleCount(percentile);
}

function historyState(state: StateRecord): Record<string, unknown> {
  return {
    stateValue: state.value,
    stateReason: state.reason,
    ...(state.reasonData === undefined
      ? {}
      : { stateReasonData: JSON.parse(state.reasonData) as unknown }),
  };
}

/** AWS's layout: numbers keep their `.0`, which `JSON.stringify` would drop. */
function reasonDataOf(
  alarm: MetricAlarm,
  nowMs: number,
  fromMs: number,
  used: readonly Datapoint[],
): string {
  const simple = alarm.simple;
  const members = [
    '"version":"1.0"',
    `"queryDate":"${awsTime(nowMs)}"`,
    ...(used.length === 0 ? [] : [`"startDate":"${awsTime(used.at(-1)?.atMs ?? fromMs)}"`]),
    ...(simple === undefined
      ? []
      : [`"statistic":${JSON.stringify(simple.Statistic ?? simple.ExtendedStatistic ?? '')}`]),
    `"period":${periodMsOf(alarm) / 1000}`,
    `"recentDatapoints":[${used
      .toReversed()
      .map(({ value }) => decimal(value))
      .join(',')}]`,
    ...thresholdsIn(alarm, used),
    `"evaluatedDatapoints":[${used.map(evaluated).join(',')}]`,
  ];
  return `{${members.join(',')}}`;
}

function thresholdsIn(alarm: MetricAlarm, used: readonly Datapoint[]): readonly string[] {
  if (alarm.threshold !== undefined) return [`"threshold":${decimal(alarm.threshold)}`];
  const limits = (side: 'lower' | 'upper'): string =>
    used
      .toReversed()
      .flatMap(({ band }) => (band === undefined ? [] : decimal(band[side])))
      .join(',');
  return [
    ...(alarm.comparison === 'GreaterThanUpperThreshold'
      ? []
      : [`"recentLowerThresholds":[${limits('lower')}]`]),
    ...(alarm.comparison === 'LessThanLowerThreshold'
      ? []
      : [`"recentUpperThresholds":[${limits('upper')}]`]),
  ];
}

function evaluated({ atMs, value, sampleCount }: Datapoint): string {
  return `{"timestamp":"${awsTime(atMs)}","sampleCount":${decimal(sampleCount)},"value":${decimal(value)}}`;
}

/** `Friday 24 November, 2026 20:16:51 UTC` */
function longTime(atMs: number): string {
  const date = new Date(atMs);
  const part = (options: Intl.DateTimeFormatOptions): string =>
    date.toLocaleString('en-US', { timeZone: 'UTC', ...options });
  return `${part({ weekday: 'long' })} ${part({ day: '2-digit' })} ${part({ month: 'long' })}, ${part({ year: 'numeric' })} ${date.toISOString().slice(11, 19)} UTC`;
}
