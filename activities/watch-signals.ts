import { ApplicationFailure } from '@temporalio/activity';
import { Cron } from 'croner';

import { durationMs } from '../domain/duration.js';
import {
  isMetricSource,
  judgeEndpointMetric,
  judgeLimits,
  readingsWanted,
  unmeasurable,
  type CloudWatchSource,
} from '../domain/endpoint-metrics.js';
import { FailureType } from '../domain/failures.js';
import { hardwareOf, type Hardware } from '../domain/instances.js';
import { managedAlarms, watchedAlarms } from '../domain/managed-alarms.js';
import type { AlarmReading, AlarmState, MetricReading } from '../domain/model.js';
import type { PolicySpec } from '../domain/policy.schema.js';
import type { ScalingActivity } from '../domain/scaling.js';
import { clock, nextLookMs, quietSentence, signalNews } from '../domain/watch.js';
import { createAlarmReads, NO_ALARM, type AlarmReads } from './alarm-reads.js';
import { aws, may, runningActivity } from './aws-failure.js';
import type { ControlActivities, SignalsTold, SignalsWatch } from './contract.js';
import type { ControlDeps } from './deps.js';
import { createEndpointReads, type EndpointReads } from './endpoint-reads.js';
import { keep, notYet, recall } from './heartbeat.js';
import {
  createMetricReads,
  metricPeriodMs,
  type LatestValue,
  type MetricReads,
  type ValueWanted,
} from './metric-reads.js';
import { hostedVariant } from './read.js';
import { endOf } from './releases.js';
import { inParallel } from './s3.js';
import { createScalingReads, type ScalingReads } from './scaling-reads.js';
import { activityInWords, resourceId } from './scaling.js';
import { clientsAt, readPlace } from './stage-clients.js';

/** What all looks of a process read through. */
interface SignalReaders {
  readonly endpoints: EndpointReads;
  readonly alarms: AlarmReads;
  readonly metrics: MetricReads;
  readonly scaling: ScalingReads;
}

/** That activities cannot be read is shown, and keeps nobody from looking at the rest. */
function unread(error: unknown): readonly ScalingActivity[] {
  if (!(error instanceof ApplicationFailure)) throw error;
  return [{ atMs: 0, status: 'unread', sentence: `not read: ${error.message}` }];
}

export function createSignalsWatch(deps: ControlDeps): Pick<ControlActivities, 'watchSignals'> {
  const cloudwatchOf = (place: string) => clientsAt(deps, place).cloudwatch;
  const readers: SignalReaders = {
    endpoints: createEndpointReads((place) => clientsAt(deps, place).sagemaker),
    alarms: createAlarmReads(cloudwatchOf),
    metrics: createMetricReads(cloudwatchOf),
    scaling: createScalingReads((place) => clientsAt(deps, place).autoscaling),
  };

  const look = async (
    watch: SignalsWatch,
    nowMs: number,
    afresh: boolean,
  ): Promise<SignalsTold> => {
    const { spec } = watch.policy;
    const signal = runningActivity()?.cancellationSignal;
    const [seen, ended] = await Promise.all([
      aws(may('sagemaker:ListEndpoints', '*'), () =>
        readers.endpoints.read(readPlace(spec), { endpoint: spec.endpoint, afresh, nowMs }, signal),
      ),
      inParallel(watch.releases, 4, async (workflowId) => ({
        workflowId,
        status: await endOf(deps.temporal, workflowId),
      })),
    ]);
    const instanceType = seen.variant?.InstanceType;
    const hardware = hardwareOf(instanceType, spec.monitor.instanceTypes);
    const hosted = hostedVariant(seen.config, spec.endpoint.variant);
    const managed = Object.fromEntries(
      spec.monitor.sources.map((source) => [
        source.id,
        managedAlarms(watch.policy, source.id, hardware, hosted).map((one) => one.name),
      ]),
    );
    const [alarms, metrics, scaling] = await Promise.all([
      readAlarms(readers, watch, watchedAlarms(spec, managed), nowMs, afresh),
      readMetrics(readers, spec, { isThere: seen.variant !== null, instanceType, hardware }, nowMs),
      spec.scaling === undefined
        ? undefined
        : readScaling(readers.scaling, watch, nowMs, afresh).catch(unread),
    ]);
    return {
      atMs: nowMs,
      endpoint: seen.reading,
      alarms,
      metrics,
      ...(scaling === undefined ? {} : { scaling }),
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
     * Looks of many models share their calls. The first look of a watch that was started to look at once (a new
     * keeper, a hint, a changed policy) reads everything of its model by name; the aligned ones believe what all
     * share. Nothing new: throws `Quiet`, and the retry is the next look. An error is retried as any other.
     */
    async watchSignals(watch) {
      const nowMs = deps.now();
      const { every } = watch.policy.spec.monitor;
      const woken = watch.wakeAtMs !== null && nowMs >= watch.wakeAtMs;
      if (!woken && nowMs < watch.notBeforeMs) {
        const nextMs = Math.min(watch.notBeforeMs, watch.wakeAtMs ?? Infinity);
        throw notYet(FailureType.Quiet, `The next look is at ${clock(nextMs)}`, nextMs - nowMs);
      }
      const told = await look(watch, nowMs, woken || (watch.notBeforeMs === 0 && !hasLooked()));
      keep(LOOKED);
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

/** Kept in the heartbeat once a look has succeeded: the following ones are aligned. */
const LOOKED = { looked: true } as const;

function hasLooked(): boolean {
  const details = recall();
  return typeof details === 'object' && details !== null && 'looked' in details;
}

async function readAlarms(
  readers: SignalReaders,
  watch: SignalsWatch,
  watched: ReadonlyMap<string, string>,
  nowMs: number,
  afresh: boolean,
): Promise<readonly AlarmReading[]> {
  const signal = runningActivity()?.cancellationSignal;
  const names = [...watched.keys()];
  const wereOk = new Set(names.filter((name) => watch.known.alarms[name] === 'OK'));
  const answers = await aws(may('cloudwatch:DescribeAlarms', '*'), () =>
    readers.alarms.read(readPlace(watch.policy.spec), { names, wereOk, afresh, nowMs }, signal),
  );
  return [...watched].map(([name, source], index) => {
    const alarm = answers[index] ?? NO_ALARM;
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
  });
}

async function readScaling(
  scaling: ScalingReads,
  watch: SignalsWatch,
  nowMs: number,
  afresh: boolean,
): Promise<readonly ScalingActivity[]> {
  const signal = runningActivity()?.cancellationSignal;
  const resource = resourceId(watch);
  const found = await aws(may('application-autoscaling:DescribeScalingActivities', resource), () =>
    scaling.read(readPlace(watch.policy.spec), { resource, afresh, nowMs }, signal),
  );
  return found.map(activityInWords);
}

const alarmState = (value: string | undefined): AlarmState =>
  value === 'OK' || value === 'ALARM' ? value : 'INSUFFICIENT_DATA';

interface Instance {
  /** Whether the variant is there at all. */
  readonly isThere: boolean;
  readonly instanceType: string | undefined;
  readonly hardware: Hardware | undefined;
}

async function readMetrics(
  readers: SignalReaders,
  spec: PolicySpec,
  instance: Instance,
  nowMs: number,
): Promise<readonly MetricReading[]> {
  const signal = runningActivity()?.cancellationSignal;
  const read = async (wanted: Omit<ValueWanted, 'nowMs'>): Promise<LatestValue> =>
    aws(may('cloudwatch:GetMetricData', '*'), () =>
      readers.metrics.read(readPlace(spec), { ...wanted, nowMs }, signal),
    );
  const readings = await Promise.all(
    spec.monitor.sources
      .filter(isMetricSource)
      .map((source) => readSource(read, source, spec.endpoint, instance)),
  );
  return readings.flat();
}

type Read = (wanted: Omit<ValueWanted, 'nowMs'>) => Promise<LatestValue>;

async function readSource(
  read: Read,
  source: CloudWatchSource,
  endpoint: PolicySpec['endpoint'],
  { isThere, instanceType, hardware }: Instance,
): Promise<readonly MetricReading[]> {
  const periodMs = metricPeriodMs(durationMs(source.period));
  const limits =
    source.kind === 'endpoint-metrics'
      ? { above: null, below: null }
      : { above: source.above ?? null, below: source.below ?? null };
  switch (source.kind) {
    case 'metric': {
      const { namespace, name, dimensions, stat } = source;
      const { value } = await read({
        periodMs,
        metrics: { value: { namespace, name, dimensions, stat } },
      });
      return [judgeLimits(source.id, `${name} (${stat} over ${source.period})`, value, limits)];
    }
    case 'metric-math': {
      const { metrics, expression } = source;
      const { value } = await read({ periodMs, metrics, expression });
      return [judgeLimits(source.id, `${expression} (over ${source.period})`, value, limits)];
    }
    case 'endpoint-metrics': {
      const dimensions = { EndpointName: endpoint.name, VariantName: endpoint.variant };
      const fault = isThere ? unmeasurable(source, instanceType, hardware) : undefined;
      const readings = await Promise.all(
        readingsWanted(source, hardware).map(async (wanted) => {
          const { metric: name, namespace, stat } = wanted;
          const { value } = await read({
            periodMs,
            metrics: { value: { namespace, name, dimensions, stat } },
          });
          return judgeEndpointMetric(wanted, source.period, value);
        }),
      );
      // What cannot be measured is told as a metric without a value.
      return fault === undefined
        ? readings
        : [...readings, { source: source.id, value: null, breached: false, sentence: fault }];
    }
  }
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
