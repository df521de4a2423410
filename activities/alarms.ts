import {
  DeleteAlarmsCommand,
  DescribeAlarmHistoryCommand,
  DescribeAlarmsCommand,
  ListTagsForResourceCommand,
  PutMetricAlarmCommand,
  SetAlarmStateCommand,
  TagResourceCommand,
  type CloudWatchClient,
  type MetricAlarm,
  type MetricDataQuery,
  type PutMetricAlarmInput,
  type Statistic,
} from '@aws-sdk/client-cloudwatch';
import type { DescribeEndpointConfigOutput } from '@aws-sdk/client-sagemaker';

import { FailureType } from '../domain/failures.js';
import { hardwareOf } from '../domain/instances.js';
import {
  isLeftBehind,
  isNameOfOurs,
  isOfRelease,
  managedAlarms,
  ownerOfAlarm,
  type AlarmSpec,
} from '../domain/managed-alarms.js';
import { isPlainStat } from '../domain/metric-stat.js';
import { alarmPrefix, candidateScalingPrefix } from '../domain/names.js';
import { pollEveryMs } from '../domain/watch.js';
import { aws, may } from './aws-failure.js';
import type { AlarmDifference, AlarmRepair, ControlActivities, ModelRef } from './contract.js';
import type { ControlDeps } from './deps.js';
import { hopeless, notYet } from './heartbeat.js';
import { describeConfig, describeEndpoint, hostedVariant, variantOf } from './read.js';
import { clientsFor } from './stage-clients.js';

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

interface NamedAlarm {
  readonly name: string;
  readonly arn: string;
}

/** Metric alarms whose names begin with `prefix`. */
async function alarmsBelow(
  cloudwatch: CloudWatchClient,
  prefix: string,
): Promise<readonly NamedAlarm[]> {
  const found: NamedAlarm[] = [];
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

/** Ids of the metrics of an alarm that counts only periods with enough invocations. */
const ERRORS = 'errors';
const CALLS = 'calls';

/** CloudWatch's form of an alarm. Percentiles of few samples are left as they are. */
export function putInput(spec: AlarmSpec): PutMetricAlarmInput {
  return {
    AlarmName: spec.name,
    AlarmDescription: spec.description,
    ...watched(spec),
    EvaluationPeriods: spec.evaluationPeriods,
    DatapointsToAlarm: spec.datapointsToAlarm,
    ComparisonOperator: spec.comparison ?? 'GreaterThanThreshold',
    Threshold: spec.threshold,
    TreatMissingData: spec.missing,
    ActionsEnabled: false,
  };
}

/** A share of few invocations counts only when it is most of them: one error among three is no share. */
function watched(spec: AlarmSpec): Partial<PutMetricAlarmInput> {
  const Dimensions = Object.entries(spec.dimensions).map(([Name, Value]) => ({ Name, Value }));
  if (spec.leastInvocations !== undefined) {
    const read = (Id: string, MetricName: string, Stat: string): MetricDataQuery => ({
      Id,
      MetricStat: {
        Metric: { Namespace: spec.namespace, MetricName, Dimensions },
        Period: spec.periodSeconds,
        Stat,
      },
      ReturnData: false,
    });
    return {
      Metrics: [
        read(ERRORS, spec.metric, spec.stat),
        read(CALLS, spec.countedBy?.metric ?? 'Invocations', spec.countedBy?.stat ?? 'Sum'),
        {
          Id: 'share',
          Label: spec.metric,
          Expression: `IF(${CALLS} >= ${spec.leastInvocations} || ${ERRORS} >= 0.5, ${ERRORS}, 0)`,
          ReturnData: true,
        },
      ],
    };
  }
  return {
    Namespace: spec.namespace,
    MetricName: spec.metric,
    Dimensions,
    ...(isPlainStat(spec.stat)
      ? { Statistic: spec.stat as Statistic }
      : { ExtendedStatistic: spec.stat, EvaluateLowSampleCountPercentile: 'ignore' }),
    Period: spec.periodSeconds,
  };
}

/** What an alarm watches, as a text that is the same for the same thing. */
function watchedText(alarm: Pick<Described, 'Metrics' | 'Namespace' | 'MetricName'>): string {
  const metrics = alarm.Metrics ?? [];
  if (metrics.length === 0) return `${alarm.Namespace ?? ''} ${alarm.MetricName ?? ''}`.trim();
  return metrics
    .map(({ Id, Expression, MetricStat, ReturnData }) =>
      MetricStat === undefined
        ? `${Id ?? ''}: ${Expression ?? ''}${ReturnData === false ? ' (hidden)' : ''}`
        : `${Id ?? ''}: ${MetricStat.Metric?.Namespace ?? ''} ${MetricStat.Metric?.MetricName ?? ''} ${MetricStat.Stat ?? ''} of ${MetricStat.Period ?? ''} s with ${dimensionsText(MetricStat.Metric?.Dimensions)}${ReturnData === false ? ' (hidden)' : ''}`,
    )
    .sort()
    .join('; ');
}

const dimensionsText = (
  list: readonly { Name?: string | undefined; Value?: string | undefined }[] = [],
): string =>
  list
    .map(({ Name, Value }) => `${Name ?? ''}=${Value ?? ''}`)
    .sort()
    .join();

/** Which of an alarm's settings are not as they should be; empty when it is right. */
export function alarmDifferences(spec: AlarmSpec, alarm: Described): readonly AlarmDifference[] {
  const wanted = putInput(spec);
  type Setting = string | number | undefined;
  const pairs: readonly (readonly [string, Setting, Setting])[] = [
    ['metric', watchedText(alarm), watchedText(wanted)],
    ['dimensions', dimensionsText(alarm.Dimensions), dimensionsText(wanted.Dimensions)],
    [
      'statistic',
      alarm.ExtendedStatistic ?? alarm.Statistic,
      wanted.ExtendedStatistic ?? wanted.Statistic,
    ],
    ['unit', alarm.Unit, undefined],
    ['period', alarm.Period, wanted.Period],
    ['periods', alarm.EvaluationPeriods, wanted.EvaluationPeriods],
    ['datapoints', alarm.DatapointsToAlarm ?? alarm.EvaluationPeriods, wanted.DatapointsToAlarm],
    ['comparison', alarm.ComparisonOperator, wanted.ComparisonOperator],
    ['threshold', alarm.Threshold, wanted.Threshold],
    ['missing data', alarm.TreatMissingData ?? 'missing', wanted.TreatMissingData],
    [
      'few samples',
      alarm.EvaluateLowSampleCountPercentile,
      wanted.EvaluateLowSampleCountPercentile,
    ],
  ];
  return pairs
    .filter(([, was, is]) => was !== is)
    .map(([field, was, is]) => ({ name: spec.name, field, was: inWords(was), is: inWords(is) }));
}

const inWords = (value: string | number | undefined): string =>
  value === undefined || value === '' ? 'none' : String(value);

/** What people have hung on an alarm of ours stays there when it is put right. */
const actionsOf = (alarm: Described | undefined): Partial<PutMetricAlarmInput> =>
  alarm === undefined
    ? {}
    : {
        ...(alarm.ActionsEnabled === undefined ? {} : { ActionsEnabled: alarm.ActionsEnabled }),
        ...(alarm.OKActions === undefined ? {} : { OKActions: alarm.OKActions }),
        ...(alarm.AlarmActions === undefined ? {} : { AlarmActions: alarm.AlarmActions }),
        ...(alarm.InsufficientDataActions === undefined
          ? {}
          : { InsufficientDataActions: alarm.InsufficientDataActions }),
      };

type Tags = Readonly<Record<string, string>>;

const tagList = (tags: Tags) => Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));

/** The field of a difference that says that an alarm of that name is somebody else's: nothing is written then. */
export const ALARM_OWNER = 'owner';

/** Whose an alarm is that should be the model's; `null` where it is ours, or is gone. */
export async function foreignAlarm(
  cloudwatch: CloudWatchClient,
  model: string,
  alarm: Described,
  asWanted: boolean,
): Promise<AlarmDifference | null> {
  const has = await tagsOf(cloudwatch, alarm.AlarmArn);
  return has === 'absent' ? null : foreignDifference(model, alarm, has, asWanted);
}

function foreignDifference(
  model: string,
  alarm: Described,
  has: ReadonlyMap<string, string>,
  asWanted: boolean,
): AlarmDifference | null {
  const tag = has.get(MODEL_TAG) ?? null;
  if (ownerOfAlarm({ model: tag, asWanted }, model) === 'ours') return null;
  return {
    name: alarm.AlarmName ?? '',
    field: ALARM_OWNER,
    was: tag === null ? 'somebody else’s' : `of the model ${tag}`,
    is: model,
  };
}

/**
 * What of an alarm is not as it should be, its tags included. Of somebody else's, only that: it is left as it is.
 * Reads only.
 */
export async function alarmFaults(
  cloudwatch: CloudWatchClient,
  spec: AlarmSpec,
  alarm: Described,
  tags: Tags,
): Promise<readonly AlarmDifference[]> {
  const differences = alarmDifferences(spec, alarm);
  const has = await tagsOf(cloudwatch, alarm.AlarmArn);
  if (has === 'absent') return differences;
  const foreign = foreignDifference(tags[MODEL_TAG] ?? '', alarm, has, differences.length === 0);
  if (foreign !== null) return [foreign];
  const lacking = Object.entries(tags).filter(([key, value]) => has.get(key) !== value);
  return [
    ...differences,
    ...lacking.map(([key, value]) => ({
      name: spec.name,
      field: `${TAG_FIELD}${key}`,
      was: inWords(has.get(key)),
      is: value,
    })),
  ];
}

const TAG_FIELD = 'tag ';
const isOfTags = ({ field }: AlarmDifference): boolean => field.startsWith(TAG_FIELD);

/**
 * Makes the alarms be as they should: creates missing ones, puts right changed ones, leaves right ones alone, and those
 * of somebody else as well.
 *
 * One after the other: CloudWatch takes three such calls a second. Answers what was not as it should be.
 */
export async function putAlarms(
  cloudwatch: CloudWatchClient,
  specs: readonly AlarmSpec[],
  tags: Tags,
): Promise<readonly AlarmDifference[]> {
  const known = await describeAlarms(
    cloudwatch,
    specs.map((spec) => spec.name),
  );
  const found: AlarmDifference[] = [];
  for (const spec of specs) {
    const alarm = known.get(spec.name);
    const differences: readonly AlarmDifference[] =
      alarm === undefined
        ? [{ name: spec.name, field: 'existence', was: 'missing', is: 'created' }]
        : await alarmFaults(cloudwatch, spec, alarm, tags);
    found.push(...differences);
    if (differences.some(({ field }) => field === ALARM_OWNER)) continue;
    if (differences.some((one) => !isOfTags(one)))
      await aws(may('cloudwatch:PutMetricAlarm', `alarm:${spec.name}`), (options) =>
        cloudwatch.send(
          new PutMetricAlarmCommand({
            ...putInput(spec),
            ...actionsOf(alarm),
            // On an alarm that is there CloudWatch ignores them.
            Tags: tagList(tags),
          }),
          options,
        ),
      );
    // Without ours it would be left behind when the model is retired.
    if (differences.some(isOfTags)) await putTags(cloudwatch, alarm?.AlarmArn ?? '', tags);
  }
  return found;
}

/** Alarms that a rollout relies on. Throws `PolicyUnfit` where somebody else has one of their names. */
export async function putGuards(
  cloudwatch: CloudWatchClient,
  specs: readonly AlarmSpec[],
  tags: Tags,
): Promise<void> {
  const found = await putAlarms(cloudwatch, specs, tags);
  const foreign = found.find(({ field }) => field === ALARM_OWNER);
  if (foreign !== undefined)
    throw hopeless(
      FailureType.PolicyUnfit,
      `the alarm ${foreign.name} that is to watch the rollout is ${foreign.was}, and is left as it is: rename or delete it, or hand it over by the tag ${MODEL_TAG} = ${foreign.is}`,
    );
}

async function putTags(cloudwatch: CloudWatchClient, arn: string, tags: Tags): Promise<void> {
  await aws(may('cloudwatch:TagResource', arn), (options) =>
    cloudwatch.send(new TagResourceCommand({ ResourceARN: arn, Tags: tagList(tags) }), options),
  );
}

/** A repair as a sentence of the timeline. */
function repairInWords(name: string, differences: readonly AlarmDifference[]): string {
  const [first] = differences;
  if (first?.field === 'existence') return `${first.is} ${name}`;
  if (first?.field === ALARM_OWNER)
    return `left ${name} as it is: it is ${first.was}, and not handed over by the tag ${MODEL_TAG} = ${first.is}`;
  return `put ${name} right (${differences.map(({ field, was, is }) => `${field} was ${was}, is ${is}`).join('; ')})`;
}

/** Differences as sentences of the timeline, one for each alarm. */
export function repairsInWords(differences: readonly AlarmDifference[]): readonly string[] {
  const names = [...new Set(differences.map(({ name }) => name))];
  return names.map((name) =>
    repairInWords(
      name,
      differences.filter((one) => one.name === name),
    ),
  );
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

/** Those of the alarms that carry the model's tag. */
async function oursAmong(
  cloudwatch: CloudWatchClient,
  model: string,
  alarms: readonly NamedAlarm[],
): Promise<readonly string[]> {
  const ours: string[] = [];
  for (const { name, arn } of alarms)
    if ((await modelTagOf(cloudwatch, arn)) === model) ours.push(name);
  return ours;
}

/** Alarms that call step policies of candidates which do not serve any more. Reads only. */
export async function alarmsLeftBehind(
  cloudwatch: CloudWatchClient,
  model: string,
  configs: readonly (string | null)[],
): Promise<readonly string[]> {
  const all = await alarmsBelow(cloudwatch, `${alarmPrefix(model)}release-`);
  const left = all.filter(({ name }) => isLeftBehind(model, name, configs));
  return oursAmong(cloudwatch, model, left);
}

/** Takes away the alarms that call step policies of a release's candidate; none is no error. */
export async function deleteCandidateScalingAlarms(
  cloudwatch: CloudWatchClient,
  model: string,
  release: number,
): Promise<void> {
  const all = await alarmsBelow(cloudwatch, candidateScalingPrefix(model, release));
  const made = all.filter(({ name }) => isOfRelease(model, name));
  await deleteAlarms(cloudwatch, await oursAmong(cloudwatch, model, made));
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

type AlarmActivities = Pick<
  ControlActivities,
  'ensureAlarms' | 'repairAlarms' | 'removeAlarms' | 'tripAlarm'
>;

export function createAlarmActivities(deps: ControlDeps): AlarmActivities {
  const clients = clientsFor(deps, 'deploy');

  /** Named as ours are. The prefix of `a` also begins the names of a model `a-b`: their tag tells whose they are. */
  const namedAsOurs = async (ref: ModelRef): Promise<readonly NamedAlarm[]> =>
    (await alarmsBelow(clients(ref).cloudwatch, alarmPrefix(ref.model))).filter(({ name }) =>
      isNameOfOurs(ref.model, name),
    );

  /** Read after the alarms: one that was there before the endpoint left its rollout is left behind. */
  const configsOf = async (
    ref: ModelRef,
    alarms: readonly NamedAlarm[],
  ): Promise<readonly (string | null)[]> => {
    if (!alarms.some(({ name }) => isLeftBehind(ref.model, name, []))) return [];
    const found = await describeEndpoint(clients(ref).sagemaker, ref.policy.spec.endpoint.name);
    return [
      found?.EndpointConfigName ?? null,
      found?.PendingDeploymentSummary?.EndpointConfigName ?? null,
    ];
  };

  const repair = async (ref: ModelRef): Promise<AlarmRepair> => {
    const { cloudwatch, sagemaker } = clients(ref);
    const { spec } = ref.policy;
    const wanted = spec.monitor.sources.filter(
      (source) => source.kind === 'alarms' && source.alarms === 'managed',
    );
    const config = wanted.length === 0 ? undefined : await servingConfig(sagemaker, spec.endpoint);
    const variant = variantOf(config, spec.endpoint.variant);
    const hardware = hardwareOf(variant?.InstanceType, spec.monitor.instanceTypes);
    const alarms: Record<string, readonly string[]> = {};
    const differences: AlarmDifference[] = [];
    for (const source of wanted) {
      const hosted = hostedVariant(config, spec.endpoint.variant);
      const specs = managedAlarms(ref.policy, source.id, hardware, hosted);
      alarms[source.id] = specs.map((one) => one.name);
      differences.push(...(await putAlarms(cloudwatch, specs, { [MODEL_TAG]: ref.model })));
    }
    const keep = new Set(Object.values(alarms).flat());
    const all = await namedAsOurs(ref);
    const configs = await configsOf(ref, all);
    const obsolete = await oursAmong(
      cloudwatch,
      ref.model,
      all.filter(
        ({ name }) =>
          !keep.has(name) &&
          (!isOfRelease(ref.model, name) || isLeftBehind(ref.model, name, configs)),
      ),
    );
    await deleteAlarms(cloudwatch, obsolete);
    differences.push(
      ...obsolete.map((name) => ({
        name,
        field: 'existence',
        was: 'there, and not wanted any more',
        is: 'removed',
      })),
    );
    return { alarms, differences };
  };

  return {
    /** Compares first and then upserts by name, so that a second run finds everything right and does nothing. */
    repairAlarms: repair,

    /** As `repairAlarms`. */
    async ensureAlarms(ref) {
      const { alarms, differences } = await repair(ref);
      return { alarms, repaired: repairsInWords(differences) };
    },

    /** Deletes by name what carries our tag; what is gone already is no error. */
    async removeAlarms(ref) {
      const { cloudwatch } = clients(ref);
      const all = await namedAsOurs(ref);
      await deleteAlarms(cloudwatch, await oursAmong(cloudwatch, ref.model, all));
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
  const tags = await tagsOf(cloudwatch, arn);
  return tags === 'absent' ? undefined : tags.get(MODEL_TAG);
}

/** Tag key → value; `absent` for an alarm that is not there. */
async function tagsOf(
  cloudwatch: CloudWatchClient,
  arn: string | undefined,
): Promise<ReadonlyMap<string, string> | 'absent'> {
  if (arn === undefined) return 'absent';
  const answer = await aws(
    may('cloudwatch:ListTagsForResource', arn),
    (options) => cloudwatch.send(new ListTagsForResourceCommand({ ResourceARN: arn }), options),
    (error) => (error.name.startsWith('ResourceNotFound') ? 'absent' : undefined),
  );
  if (answer === 'absent') return 'absent';
  return new Map((answer.Tags ?? []).map((tag) => [tag.Key ?? '', tag.Value ?? '']));
}

async function servingConfig(
  sagemaker: Parameters<typeof describeEndpoint>[0],
  { name }: { readonly name: string },
): Promise<DescribeEndpointConfigOutput | undefined> {
  const endpoint = await describeEndpoint(sagemaker, name);
  if (endpoint?.EndpointConfigName === undefined) return undefined;
  return describeConfig(sagemaker, endpoint.EndpointConfigName);
}
