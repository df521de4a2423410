import { randomUUID } from 'node:crypto';
import type { BusEvent } from '../kernel.js';
import type { Alarm, StateRecord } from './alarms.js';
import type { MetricQuery } from './queries.js';

/** `2019-10-02T17:04:40.989+0000` */
export function awsTime(atMs: number): string {
  return new Date(atMs).toISOString().replace('Z', '+0000');
}

/** `CloudWatch Alarm State Change`, as it stands on the bus. */
export function alarmEvent(alarm: Alarm, previous: StateRecord, arn: string): BusEvent {
  return {
    source: 'aws.cloudwatch',
    detailType: 'CloudWatch Alarm State Change',
    resources: [arn],
    detail: {
      alarmName: alarm.name,
      state: eventState(alarm.state),
      previousState: eventState(previous),
      configuration: {
        ...(alarm.description === undefined ? {} : { description: alarm.description }),
        ...(alarm.kind === 'CompositeAlarm'
          ? { alarmRule: alarm.rule }
          : {
              metrics: alarm.queries.map((query) => eventMetric(query, alarm.simple !== undefined)),
            }),
      },
    },
  };
}

function eventState(state: StateRecord): Record<string, unknown> {
  return {
    value: state.value,
    reason: state.reason,
    ...(state.reasonData === undefined ? {} : { reasonData: state.reasonData }),
    timestamp: awsTime(state.transitionedAtMs),
  };
}

function eventMetric(query: MetricQuery, invented: boolean): Record<string, unknown> {
  const stat = query.MetricStat;
  return {
    id: invented ? randomUUID() : query.Id,
    ...(stat === undefined
      ? { expression: query.Expression, label: query.Label ?? query.Id }
      : {
          metricStat: {
            metric: {
              namespace: stat.Metric.Namespace,
              name: stat.Metric.MetricName,
              dimensions: Object.fromEntries(
                (stat.Metric.Dimensions ?? []).map(({ Name, Value }) => [Name, Value]),
              ),
            },
            period: stat.Period,
            stat: stat.Stat,
          },
        }),
    returnData: query.ReturnData !== false,
  };
}

export function noticeSubject(alarm: Alarm): string {
  return `${alarm.state.value}: "${alarm.name}" in US East (N. Virginia)`.slice(0, 99);
}

/** The message an alarm publishes to SNS. */
export function alarmNotice(
  alarm: Alarm,
  previous: StateRecord,
  arn: string,
  accountId: string,
): Record<string, unknown> {
  return {
    AlarmName: alarm.name,
    AlarmDescription: alarm.description ?? null,
    AWSAccountId: accountId,
    AlarmConfigurationUpdatedTimestamp: awsTime(alarm.configuredAtMs),
    NewStateValue: alarm.state.value,
    NewStateReason: alarm.state.reason,
    StateChangeTime: awsTime(alarm.state.transitionedAtMs),
    Region: 'US East (N. Virginia)',
    AlarmArn: arn,
    OldStateValue: previous.value,
    OKActions: alarm.okActions,
    AlarmActions: alarm.alarmActions,
    InsufficientDataActions: alarm.insufficientDataActions,
    ...(alarm.kind === 'CompositeAlarm'
      ? { AlarmRule: alarm.rule, TriggeringChildren: [] }
      : { Trigger: trigger(alarm) }),
  };
}

function trigger(alarm: Extract<Alarm, { kind: 'MetricAlarm' }>): Record<string, unknown> {
  const simple = alarm.simple;
  return {
    ...(simple === undefined
      ? { Metrics: alarm.queries.map(noticeMetric) }
      : {
          MetricName: simple.MetricName,
          Namespace: simple.Namespace,
          ...(simple.Statistic === undefined
            ? { StatisticType: 'ExtendedStatistic', ExtendedStatistic: simple.ExtendedStatistic }
            : { StatisticType: 'Statistic', Statistic: simple.Statistic.toUpperCase() }),
          Unit: simple.Unit ?? null,
          Dimensions: simple.Dimensions.map(({ Name, Value }) => ({ value: Value, name: Name })),
          Period: simple.Period,
        }),
    EvaluationPeriods: alarm.evaluationPeriods,
    ...(alarm.datapointsToAlarm === undefined
      ? {}
      : { DatapointsToAlarm: alarm.datapointsToAlarm }),
    ComparisonOperator: alarm.comparison,
    ...(alarm.thresholdMetricId === undefined
      ? { Threshold: alarm.threshold }
      : { ThresholdMetricId: alarm.thresholdMetricId }),
    TreatMissingData: alarm.treatMissingData ?? 'missing',
    EvaluateLowSampleCountPercentile: alarm.evaluateLowSampleCountPercentile ?? '',
  };
}

/** Dimensions stand in small letters here, as nowhere else. */
function noticeMetric(query: MetricQuery): Record<string, unknown> {
  const stat = query.MetricStat;
  if (stat === undefined) return { ...query };
  const dimensions = (stat.Metric.Dimensions ?? []).map(({ Name, Value }) => ({
    value: Value,
    name: Name,
  }));
  return {
    ...query,
    MetricStat: { ...stat, Metric: { ...stat.Metric, Dimensions: dimensions } },
  };
}
