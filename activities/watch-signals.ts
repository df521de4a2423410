import {
  DescribeAlarmsCommand,
  GetMetricDataCommand,
  type CloudWatchClient,
  type MetricDataQuery,
} from '@aws-sdk/client-cloudwatch';
import { Cron } from 'croner';

import { durationMs } from '../domain/duration.js';
import { FailureType } from '../domain/failures.js';
import { watchedAlarms, managedAlarms } from '../domain/managed-alarms.js';
import type { AlarmReading, AlarmState, MetricReading } from '../domain/model.js';
import type { MetricSource, PolicySpec } from '../domain/policy.schema.js';
import { clock, nextLookMs, quietSentence, signalNews } from '../domain/watch.js';
import type { Described } from './alarms.js';
import { aws, may, runningActivity } from './aws-failure.js';
import { createBatcher, type Batcher } from './batcher.js';
import type { ControlActivities, SignalsTold, SignalsWatch } from './contract.js';
import type { ControlDeps } from './deps.js';
import { notYet } from './heartbeat.js';
import { lookAtEndpoint } from './read.js';
import { endOf } from './releases.js';
import { inParallel } from './s3.js';

/** How long a look waits for those of other models to share a call. */
const GATHER_MS = 50;
const ALARMS_PER_CALL = 100;
const QUERIES_PER_CALL = 500;
/** Periods that are asked for: the latest that has a value counts. */
const PERIODS = 3;

/** An alarm that does not exist; `undefined` is no answer. */
const NO_ALARM = 'absent';
type AlarmAnswer = Described | typeof NO_ALARM;
/** Values of one query, newest first. */
type Values = readonly number[];

export interface SignalReaders {
  readonly alarms: Batcher<string, AlarmAnswer>;
  readonly metrics: Batcher<MetricDataQuery, Values>;
}

/** One per process: the groups are Regions, and for metrics Regions with a time span. */
export function createSignalReaders(
  cloudwatchOf: (region: string) => CloudWatchClient,
): SignalReaders {
  return {
    alarms: createBatcher({
      maxSize: ALARMS_PER_CALL,
      waitMs: GATHER_MS,
      async send(region, names: readonly string[]) {
        const answer = await cloudwatchOf(region).send(
          new DescribeAlarmsCommand({
            AlarmNames: [...new Set(names)],
            AlarmTypes: ['MetricAlarm', 'CompositeAlarm'],
            MaxRecords: ALARMS_PER_CALL,
          }),
        );
        const found = new Map<string | undefined, Described>();
        for (const alarm of [...(answer.MetricAlarms ?? []), ...(answer.CompositeAlarms ?? [])])
          found.set(alarm.AlarmName, alarm);
        return names.map((name) => found.get(name) ?? NO_ALARM);
      },
    }),
    metrics: createBatcher({
      maxSize: QUERIES_PER_CALL,
      waitMs: GATHER_MS,
      async send(group, queries: readonly MetricDataQuery[]) {
        const [region = '', from = '', to = ''] = group.split(' ');
        const values = new Map<string, number[]>();
        let token: string | undefined;
        do {
          const page = await cloudwatchOf(region).send(
            new GetMetricDataCommand({
              StartTime: new Date(Number(from)),
              EndTime: new Date(Number(to)),
              ScanBy: 'TimestampDescending',
              MetricDataQueries: queries.map((query, index) => ({ ...query, Id: `q${index}` })),
              ...(token === undefined ? {} : { NextToken: token }),
            }),
          );
          // One id may be split over pages.
          for (const result of page.MetricDataResults ?? []) {
            const id = result.Id ?? '';
            values.set(id, [...(values.get(id) ?? []), ...(result.Values ?? [])]);
          }
          token = page.NextToken;
        } while (token !== undefined);
        return queries.map((_, index) => values.get(`q${index}`) ?? []);
      },
    }),
  };
}

export function createSignalsWatch(deps: ControlDeps): Pick<ControlActivities, 'watchSignals'> {
  const readers = createSignalReaders((region) => deps.aws(region).cloudwatch);

  const look = async (watch: SignalsWatch, nowMs: number): Promise<SignalsTold> => {
    const { spec } = watch.policy;
    const { sagemaker } = deps.aws(spec.endpoint.region);
    const [seen, metrics, ended] = await Promise.all([
      lookAtEndpoint(sagemaker, spec.endpoint, nowMs),
      readMetrics(readers, spec, nowMs),
      inParallel(watch.releases, 4, async (workflowId) => ({
        workflowId,
        status: await endOf(deps.temporal, workflowId),
      })),
    ]);
    const managed = Object.fromEntries(
      spec.monitor.sources.map((source) => [
        source.id,
        managedAlarms(watch.policy, source.id, seen.variant?.InstanceType).map((one) => one.name),
      ]),
    );
    const alarms = await readAlarms(readers, spec, watchedAlarms(spec, managed), nowMs);
    return {
      atMs: nowMs,
      endpoint: seen.reading,
      alarms,
      metrics,
      scheduleDueAtMs: cronDueMs(spec.retrain, watch.scheduleAfterMs, nowMs),
      closedReleases: ended.flatMap(({ workflowId, status }) =>
        status === undefined ? [] : [{ workflowId, status }],
      ),
    };
  };

  return {
    /**
     * One look at everything but data. Reads only, and two looks at once are harmless.
     *
     * Nothing new: throws `Quiet`, and the retry is the next look. An error is retried as any other.
     */
    async watchSignals(watch) {
      const nowMs = deps.now();
      const { every } = watch.policy.spec.monitor;
      const woken = watch.wakeAtMs !== null && nowMs >= watch.wakeAtMs;
      if (!woken && nowMs < watch.notBeforeMs) {
        const nextMs = Math.min(watch.notBeforeMs, watch.wakeAtMs ?? Infinity);
        throw notYet(FailureType.Quiet, `The next look is at ${clock(nextMs)}`, nextMs - nowMs);
      }
      const told = await look(watch, nowMs);
      const news = signalNews(watch.known, told);
      if (
        woken ||
        news.length > 0 ||
        told.scheduleDueAtMs !== null ||
        told.closedReleases.length > 0
      )
        return told;
      const nextMs = Math.min(
        nextLookMs(every, nowMs),
        watch.wakeAtMs ?? Infinity,
        nextCronMs(watch.policy.spec.retrain, nowMs) ?? Infinity,
      );
      throw notYet(FailureType.Quiet, quietSentence(told, nowMs, nextMs), nextMs - nowMs);
    },
  };
}

async function readAlarms(
  readers: SignalReaders,
  spec: PolicySpec,
  watched: ReadonlyMap<string, string>,
  nowMs: number,
): Promise<readonly AlarmReading[]> {
  const signal = runningActivity()?.cancellationSignal;
  return Promise.all(
    [...watched].map(async ([name, source]) => {
      const alarm = await aws(may('cloudwatch:DescribeAlarms', '*'), () =>
        readers.alarms.add(spec.endpoint.region, name, signal),
      );
      if (alarm === NO_ALARM) {
        return {
          source,
          name,
          state: 'INSUFFICIENT_DATA',
          reason: 'the alarm does not exist',
          sinceMs: nowMs,
          absent: true,
        } as const;
      }
      return {
        source,
        name,
        state: alarmState(alarm.StateValue),
        reason: alarm.StateReason ?? '',
        sinceMs:
          (alarm.StateTransitionedTimestamp ?? alarm.StateUpdatedTimestamp)?.getTime() ?? nowMs,
      };
    }),
  );
}

const alarmState = (value: string | undefined): AlarmState =>
  value === 'OK' || value === 'ALARM' ? value : 'INSUFFICIENT_DATA';

async function readMetrics(
  readers: SignalReaders,
  spec: PolicySpec,
  nowMs: number,
): Promise<readonly MetricReading[]> {
  const signal = runningActivity()?.cancellationSignal;
  const sources = spec.monitor.sources.filter((source) => source.kind === 'metric');
  return Promise.all(
    sources.map(async (source) => {
      const periodMs = metricPeriodMs(source);
      const toMs = Math.floor(nowMs / periodMs) * periodMs;
      const group = `${spec.endpoint.region} ${toMs - PERIODS * periodMs} ${toMs}`;
      const values = await aws(may('cloudwatch:GetMetricData', '*'), () =>
        readers.metrics.add(group, metricQuery(source, periodMs), signal),
      );
      return judgeMetric(source, values[0] ?? null);
    }),
  );
}

/** CloudWatch takes 10 s, 30 s and whole minutes; anything else is rounded up. */
function metricPeriodMs(source: MetricSource): number {
  const ms = durationMs(source.period);
  if (ms <= 10_000) return 10_000;
  if (ms <= 30_000) return 30_000;
  return Math.ceil(ms / 60_000) * 60_000;
}

const metricQuery = (source: MetricSource, periodMs: number): MetricDataQuery => ({
  Id: 'q',
  MetricStat: {
    Metric: {
      Namespace: source.namespace,
      MetricName: source.name,
      Dimensions: Object.entries(source.dimensions).map(([Name, Value]) => ({ Name, Value })),
    },
    Period: periodMs / 1_000,
    Stat: source.stat,
  },
});

/** No value is neither in order nor a breach: the sentence says that there is none. */
export function judgeMetric(source: MetricSource, value: number | null): MetricReading {
  const name = `${source.name} (${source.stat} over ${source.period})`;
  if (value === null) {
    return { source: source.id, value, breached: false, sentence: `${name} has no value` };
  }
  const shown = Number(value.toPrecision(4));
  if (source.above !== undefined && value > source.above) {
    return {
      source: source.id,
      value,
      breached: true,
      sentence: `${name} is ${shown}, above ${source.above}`,
    };
  }
  if (source.below !== undefined && value < source.below) {
    return {
      source: source.id,
      value,
      breached: true,
      sentence: `${name} is ${shown}, below ${source.below}`,
    };
  }
  return { source: source.id, value, breached: false, sentence: `${name} is ${shown}` };
}

type Schedule = Pick<PolicySpec['retrain'], 'on' | 'schedule' | 'timeZone'>;

const cronOf = ({ on, schedule, timeZone }: Schedule): Cron | undefined =>
  schedule === undefined || !on.includes('schedule')
    ? undefined
    : new Cron(schedule, { timezone: timeZone, paused: true });

/** The latest time after `afterMs` that is due; of several missed ones only that. */
export function cronDueMs(schedule: Schedule, afterMs: number, nowMs: number): number | null {
  const cron = cronOf(schedule);
  if (cron === undefined) return null;
  const dueMs = cron.previousRuns(1, new Date(nowMs + 1))[0]?.getTime();
  return dueMs === undefined || dueMs <= afterMs || dueMs > nowMs ? null : dueMs;
}

const nextCronMs = (schedule: Schedule, nowMs: number): number | undefined =>
  cronOf(schedule)?.nextRun(new Date(nowMs))?.getTime();
