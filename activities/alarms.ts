import {
  DeleteAlarmsCommand,
  DescribeAlarmHistoryCommand,
  DescribeAlarmsCommand,
  ListTagsForResourceCommand,
  PutMetricAlarmCommand,
  SetAlarmStateCommand,
  type CloudWatchClient,
  type MetricAlarm,
  type PutMetricAlarmInput,
} from '@aws-sdk/client-cloudwatch';

import { FailureType } from '../domain/failures.js';
import { managedAlarms, type AlarmSpec } from '../domain/managed-alarms.js';
import { alarmPrefix } from '../domain/names.js';
import { pollEveryMs } from '../domain/watch.js';
import { aws, may } from './aws-failure.js';
import type { ControlActivities, ModelRef } from './contract.js';
import type { ControlDeps } from './deps.js';
import { notYet } from './heartbeat.js';
import { describeConfig, describeEndpoint } from './read.js';

/** Tags on everything we create, so that only ours is ever removed. */
export const MODEL_TAG = 'modelkeeper:model';
export const RELEASE_TAG = 'modelkeeper:release';

const BATCH = 100;

/** Alarms by name; names that do not exist are left out, as CloudWatch does. Composite alarms included. */
export async function describeAlarms(
  cloudwatch: CloudWatchClient,
  names: readonly string[],
): Promise<ReadonlyMap<string, Described>> {
  const found = new Map<string, Described>();
  for (let from = 0; from < names.length; from += BATCH) {
    const answer = await aws(may('cloudwatch:DescribeAlarms', '*'), (options) =>
      cloudwatch.send(
        new DescribeAlarmsCommand({
          AlarmNames: names.slice(from, from + BATCH),
          AlarmTypes: ['MetricAlarm', 'CompositeAlarm'],
          MaxRecords: BATCH,
        }),
        options,
      ),
    );
    for (const alarm of [...(answer.MetricAlarms ?? []), ...(answer.CompositeAlarms ?? [])]) {
      if (alarm.AlarmName !== undefined) found.set(alarm.AlarmName, alarm);
    }
  }
  return found;
}

/** What metric and composite alarms have in common, and the rest of a metric alarm when it is one. */
export type Described = Partial<MetricAlarm>;

/** Names of all alarms that begin with `prefix`. */
async function alarmsBelow(
  cloudwatch: CloudWatchClient,
  prefix: string,
): Promise<readonly { readonly name: string; readonly arn: string }[]> {
  const found: { name: string; arn: string }[] = [];
  let token: string | undefined;
  do {
    const page = await aws(may('cloudwatch:DescribeAlarms', '*'), (options) =>
      cloudwatch.send(
        new DescribeAlarmsCommand({
          AlarmNamePrefix: prefix,
          AlarmTypes: ['MetricAlarm'],
          MaxRecords: BATCH,
          ...(token === undefined ? {} : { NextToken: token }),
        }),
        options,
      ),
    );
    for (const alarm of page.MetricAlarms ?? []) {
      found.push({ name: alarm.AlarmName ?? '', arn: alarm.AlarmArn ?? '' });
    }
    token = page.NextToken;
  } while (token !== undefined);
  return found;
}

/** CloudWatch's form of an alarm. Percentiles of few samples are left as they are. */
function putInput(spec: AlarmSpec, tags: Readonly<Record<string, string>>): PutMetricAlarmInput {
  const percentile = spec.stat.startsWith('p');
  return {
    AlarmName: spec.name,
    AlarmDescription: spec.description,
    Namespace: spec.namespace,
    MetricName: spec.metric,
    Dimensions: Object.entries(spec.dimensions).map(([Name, Value]) => ({ Name, Value })),
    ...(percentile
      ? { ExtendedStatistic: spec.stat, EvaluateLowSampleCountPercentile: 'ignore' }
      : { Statistic: statistic(spec.stat) }),
    Period: spec.periodSeconds,
    EvaluationPeriods: spec.evaluationPeriods,
    DatapointsToAlarm: spec.datapointsToAlarm,
    ComparisonOperator: 'GreaterThanThreshold',
    Threshold: spec.threshold,
    TreatMissingData: spec.missing,
    ActionsEnabled: false,
    Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })),
  };
}

function statistic(stat: string): 'Average' | 'Sum' {
  return stat === 'Sum' ? 'Sum' : 'Average';
}

/** Which of an alarm's settings are not as they should be, in words; empty when it is right. */
export function alarmFaults(spec: AlarmSpec, alarm: Described): readonly string[] {
  const wanted = putInput(spec, {});
  const dimensions = (
    list: readonly { Name?: string | undefined; Value?: string | undefined }[] = [],
  ): string =>
    list
      .map(({ Name, Value }) => `${Name ?? ''}=${Value ?? ''}`)
      .sort()
      .join();
  const pairs: readonly (readonly [string, unknown, unknown])[] = [
    ['namespace', wanted.Namespace, alarm.Namespace],
    ['metric', wanted.MetricName, alarm.MetricName],
    ['dimensions', dimensions(wanted.Dimensions), dimensions(alarm.Dimensions)],
    ['statistic', spec.stat, alarm.ExtendedStatistic ?? alarm.Statistic],
    ['period', wanted.Period, alarm.Period],
    ['periods', wanted.EvaluationPeriods, alarm.EvaluationPeriods],
    ['datapoints', wanted.DatapointsToAlarm, alarm.DatapointsToAlarm ?? alarm.EvaluationPeriods],
    ['comparison', wanted.ComparisonOperator, alarm.ComparisonOperator],
    ['threshold', wanted.Threshold, alarm.Threshold],
    ['missing data', wanted.TreatMissingData, alarm.TreatMissingData],
  ];
  return pairs.filter(([, a, b]) => a !== b).map(([what]) => what);
}

/**
 * Makes the alarms be as they should: creates missing ones, puts right changed ones, leaves right ones alone.
 *
 * One after the other: CloudWatch takes three such calls a second. Answers what was done, in words.
 */
export async function putAlarms(
  cloudwatch: CloudWatchClient,
  specs: readonly AlarmSpec[],
  tags: Readonly<Record<string, string>>,
): Promise<readonly string[]> {
  const known = await describeAlarms(
    cloudwatch,
    specs.map((spec) => spec.name),
  );
  const done: string[] = [];
  for (const spec of specs) {
    const alarm = known.get(spec.name);
    const faults = alarm === undefined ? [] : alarmFaults(spec, alarm);
    if (alarm !== undefined && faults.length === 0) continue;
    await aws(may('cloudwatch:PutMetricAlarm', `alarm:${spec.name}`), (options) =>
      cloudwatch.send(new PutMetricAlarmCommand(putInput(spec, tags)), options),
    );
    done.push(
      alarm === undefined
        ? `created ${spec.name}`
        : `put ${spec.name} right (${faults.join(', ')} was changed)`,
    );
  }
  return done;
}

/** Deletes alarms by name; missing ones are no error. */
export async function deleteAlarms(
  cloudwatch: CloudWatchClient,
  names: readonly string[],
): Promise<void> {
  for (let from = 0; from < names.length; from += BATCH) {
    const some = names.slice(from, from + BATCH);
    await aws(
      may('cloudwatch:DeleteAlarms', `alarm:${some[0] ?? ''}`),
      (options) => cloudwatch.send(new DeleteAlarmsCommand({ AlarmNames: some }), options),
      (error) => (error.name.startsWith('ResourceNotFound') ? 'absent' : undefined),
    );
  }
}

/** Deletes those of the alarms that carry the model's tag; missing ones are no error. */
export async function deleteAlarmsOf(
  cloudwatch: CloudWatchClient,
  model: string,
  names: readonly string[],
): Promise<void> {
  const ours: string[] = [];
  for (const [name, { AlarmArn }] of await describeAlarms(cloudwatch, names)) {
    if (AlarmArn !== undefined && (await modelTagOf(cloudwatch, AlarmArn)) === model)
      ours.push(name);
  }
  await deleteAlarms(cloudwatch, ours);
}

/** When and why alarms went to ALARM since an instant, in words, oldest first. */
export async function alarmCauses(
  cloudwatch: CloudWatchClient,
  names: readonly string[],
  sinceMs: number,
): Promise<readonly string[]> {
  const causes: { atMs: number; what: string }[] = [];
  for (const name of names) {
    const history = await aws(
      may('cloudwatch:DescribeAlarmHistory', `alarm:${name}`),
      (options) =>
        cloudwatch.send(
          new DescribeAlarmHistoryCommand({
            AlarmName: name,
            HistoryItemType: 'StateUpdate',
            StartDate: new Date(sinceMs),
            MaxRecords: BATCH,
          }),
          options,
        ),
      (error) => (error.name.startsWith('ResourceNotFound') ? 'absent' : undefined),
    );
    if (history === 'absent') continue;
    for (const item of history.AlarmHistoryItems ?? []) {
      if (!/ to ALARM\b/.test(item.HistorySummary ?? '')) continue;
      causes.push({
        atMs: item.Timestamp?.getTime() ?? 0,
        what: `alarm ${name} went to ALARM${reasonIn(item.HistoryData)}`,
      });
    }
  }
  return causes.sort((a, b) => a.atMs - b.atMs).map(({ what }) => what);
}

/** The new state's reason out of the history's JSON, as far as it is there. */
function reasonIn(data: string | undefined): string {
  try {
    const { newState } = JSON.parse(data ?? '{}') as { newState?: { stateReason?: unknown } };
    return typeof newState?.stateReason === 'string' ? `: ${newState.stateReason}` : '';
  } catch {
    return '';
  }
}

/** How soon a tripped alarm is tripped again: CloudWatch takes it back at its next evaluation. */
const TRIP_AGAIN_MS = 5_000;

type AlarmActivities = Pick<ControlActivities, 'ensureAlarms' | 'removeAlarms' | 'tripAlarm'>;

export function createAlarmActivities(deps: ControlDeps): AlarmActivities {
  const clients = (ref: ModelRef) => deps.aws(ref.policy.spec.endpoint.region);

  /** Ours by prefix and by name: the prefix of `a` also begins the names of a model `a-b`. */
  const oursBelow = async (ref: ModelRef): Promise<readonly string[]> => {
    const all = await alarmsBelow(clients(ref).cloudwatch, alarmPrefix(ref.model));
    const prefix = alarmPrefix(ref.model);
    const kinds =
      /^(?:release-\d+-(?:errors|latency|abort)|[a-z0-9-]+-(?:errors-5xx|errors-4xx|latency|cpu|memory|disk))$/;
    const names = all.filter(({ name }) => kinds.test(name.slice(prefix.length)));
    const tagged: string[] = [];
    for (const { name, arn } of names) {
      if ((await modelTagOf(clients(ref).cloudwatch, arn)) === ref.model) tagged.push(name);
    }
    return tagged;
  };

  return {
    /** Compares first and then upserts by name, so that a second run finds everything right and does nothing. */
    async ensureAlarms(ref) {
      const { cloudwatch, sagemaker } = clients(ref);
      const { spec } = ref.policy;
      const wanted = spec.monitor.sources.filter(
        (source) => source.kind === 'alarms' && source.alarms === 'managed',
      );
      const instanceType =
        wanted.length === 0 ? undefined : await servingInstanceType(sagemaker, spec.endpoint);
      const alarms: Record<string, readonly string[]> = {};
      const repaired: string[] = [];
      for (const source of wanted) {
        const specs = managedAlarms(ref.policy, source.id, instanceType);
        alarms[source.id] = specs.map((one) => one.name);
        repaired.push(...(await putAlarms(cloudwatch, specs, { [MODEL_TAG]: ref.model })));
      }
      const keep = new Set(Object.values(alarms).flat());
      const obsolete = (await oursBelow(ref)).filter(
        (name) => !keep.has(name) && !name.startsWith(`${alarmPrefix(ref.model)}release-`),
      );
      await deleteAlarms(cloudwatch, obsolete);
      repaired.push(...obsolete.map((name) => `removed ${name}`));
      return { alarms, repaired };
    },

    /** Deletes by name what carries our tag; what is gone already is no error. */
    async removeAlarms(ref) {
      await deleteAlarms(clients(ref).cloudwatch, await oursBelow(ref));
    },

    /**
     * Sets the alarm to ALARM at every attempt until no deployment is pending: CloudWatch takes a state set by
     * hand back at its next evaluation, and SageMaker looks at alarms only while it bakes. Setting the same state
     * again changes nothing.
     */
    async tripAlarm(request) {
      const { cloudwatch, sagemaker } = clients(request);
      const { name } = request.policy.spec.endpoint;
      const endpoint = await describeEndpoint(sagemaker, name);
      const pending = endpoint?.PendingDeploymentSummary?.EndpointConfigName;
      if (pending === undefined || endpoint?.EndpointStatus === 'RollingBack') return;
      await aws(may('cloudwatch:SetAlarmState', `alarm:${request.alarmName}`), (options) =>
        cloudwatch.send(
          new SetAlarmStateCommand({
            AlarmName: request.alarmName,
            StateValue: 'ALARM',
            StateReason: request.reason.slice(0, 1_023),
          }),
          options,
        ),
      );
      throw notYet(
        FailureType.StillMoving,
        `${request.alarmName} is set to ALARM so that SageMaker takes ${pending} back; it looks at alarms while it bakes`,
        Math.min(TRIP_AGAIN_MS, pollEveryMs(request.policy.spec.monitor.every)),
      );
    },
  };
}

async function modelTagOf(cloudwatch: CloudWatchClient, arn: string): Promise<string | undefined> {
  const answer = await aws(
    may('cloudwatch:ListTagsForResource', arn),
    (options) => cloudwatch.send(new ListTagsForResourceCommand({ ResourceARN: arn }), options),
    (error) => (error.name.startsWith('ResourceNotFound') ? 'absent' : undefined),
  );
  if (answer === 'absent') return undefined;
  return answer.Tags?.find((tag) => tag.Key === MODEL_TAG)?.Value;
}

async function servingInstanceType(
  sagemaker: Parameters<typeof describeEndpoint>[0],
  { name, variant }: { readonly name: string; readonly variant: string },
): Promise<string | undefined> {
  const endpoint = await describeEndpoint(sagemaker, name);
  if (endpoint?.EndpointConfigName === undefined) return undefined;
  const config = await describeConfig(sagemaker, endpoint.EndpointConfigName);
  return config?.ProductionVariants?.find((one) => one.VariantName === variant)?.InstanceType;
}
