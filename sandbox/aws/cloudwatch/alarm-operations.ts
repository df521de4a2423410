import { z } from 'zod';
import type { JsonOperations } from '../kernel.js';
import { operations, page } from '../validate.js';
import type { Core } from '../wires.js';
import { actionsFor, Alarms, isScalingPolicy, periodMsOf } from './alarms.js';
import type { Alarm, MetricAlarm } from './alarms.js';
import { parseCompositeRule } from './composite.js';
import { isBandComparison } from './evaluate.js';
import {
  complain,
  invalidCombination,
  invalidToken,
  invalidValue,
  notFound,
  validation,
} from './errors.js';
import { AwsError } from '../kernel.js';
import type { Detectors } from './detectors.js';
import { subjectOfBand } from './detectors.js';
import { MathError, parseExpression } from './math.js';
import { dimensionSchema, faultInQueries, metricQuerySchema, runQueries } from './queries.js';
import type { MetricQuery } from './queries.js';
import { isStatistic } from './statistics.js';

const op = operations(complain);

const alarmName = z.string().min(1).max(255);
const actions = z.array(z.string().min(1).max(1024)).max(5).optional();
const stateValue = z.enum(['OK', 'ALARM', 'INSUFFICIENT_DATA']);
const alarmTypes = z.array(z.enum(['MetricAlarm', 'CompositeAlarm', 'LogAlarm'])).optional();
const tags = z.array(z.object({ Key: z.string().min(1).max(128), Value: z.string().max(256) }));

const common = {
  AlarmName: alarmName,
  AlarmDescription: z.string().max(1024).optional(),
  ActionsEnabled: z.boolean().optional(),
  OKActions: actions,
  AlarmActions: actions,
  InsufficientDataActions: actions,
  Tags: tags.max(50).optional(),
};

const metricAlarm = z.object({
  ...common,
  MetricName: z.string().min(1).max(255).optional(),
  Namespace: z.string().min(1).max(255).optional(),
  Statistic: z.enum(['SampleCount', 'Average', 'Sum', 'Minimum', 'Maximum']).optional(),
  ExtendedStatistic: z.string().optional(),
  Dimensions: z.array(dimensionSchema).max(30).optional(),
  Period: z.int().min(1).optional(),
  Unit: z.string().optional(),
  EvaluationPeriods: z.int().min(1),
  DatapointsToAlarm: z.int().min(1).optional(),
  Threshold: z.number().optional(),
  ThresholdMetricId: z.string().min(1).max(255).optional(),
  ComparisonOperator: z.enum([
    'GreaterThanOrEqualToThreshold',
    'GreaterThanThreshold',
    'LessThanThreshold',
    'LessThanOrEqualToThreshold',
    'LessThanLowerOrGreaterThanUpperThreshold',
    'LessThanLowerThreshold',
    'GreaterThanUpperThreshold',
  ]),
  TreatMissingData: z.string().min(1).max(255).optional(),
  EvaluateLowSampleCountPercentile: z.string().min(1).max(255).optional(),
  Metrics: z.array(metricQuerySchema).max(500).optional(),
});
type MetricAlarmInput = z.output<typeof metricAlarm>;

const TAGS = 'alarm-tags';

export function alarmOperations(core: Core, alarms: Alarms, detectors: Detectors): JsonOperations {
  const tagsOf = (name: string): Record<string, string> =>
    core.store.get<Record<string, string>>(TAGS, name) ?? {};
  const addTags = (name: string, given: z.output<typeof tags> | undefined): void => {
    if (given === undefined || given.length === 0) return;
    core.store.put(TAGS, name, {
      ...tagsOf(name),
      ...Object.fromEntries(given.map(({ Key, Value }) => [Key, Value])),
    });
  };
  const named = (arn: string): Alarm => {
    const alarm = alarms.get(/^arn:aws[^:]*:cloudwatch:[^:]*:\d*:alarm:(.+)$/.exec(arn)?.[1] ?? '');
    if (alarm === undefined)
      throw new AwsError(
        'ResourceNotFoundException',
        `Resource not found: ${arn}`,
        404,
        'ResourceNotFoundException',
      );
    return alarm;
  };
  const enable = (actionsEnabled: boolean) =>
    op(z.object({ AlarmNames: z.array(alarmName).max(100) }), ({ AlarmNames }) => {
      for (const name of AlarmNames) alarms.update(name, { actionsEnabled });
    });
  const shown = (alarm: Alarm): Record<string, unknown> => describe(alarm, alarms);

  return {
    PutMetricAlarm: op(metricAlarm, (input) => {
      if (alarms.get(input.AlarmName)?.kind === 'CompositeAlarm')
        throw otherKind(input.AlarmName, 'composite');
      const alarm = readMetricAlarm(input);
      alarms.put(alarm);
      if (alarm.thresholdMetricId !== undefined)
        detectors.ensure(subjectOfBand(alarm.queries, alarm.thresholdMetricId));
      addTags(input.AlarmName, input.Tags);
    }),
    PutCompositeAlarm: op(
      z.object({
        ...common,
        AlarmRule: z.string().min(1).max(10_240),
        ActionsSuppressor: z.string().optional(),
      }),
      (input) => {
        // Taken and not heeded it would let actions through that AWS holds back.
        if (input.ActionsSuppressor !== undefined)
          throw validation(
            'The sandbox has no suppressors of actions: leave ActionsSuppressor out.',
          );
        if (alarms.get(input.AlarmName)?.kind === 'MetricAlarm')
          throw otherKind(input.AlarmName, 'metric');
        const rule = parseCompositeRule(input.AlarmRule);
        if (rule.kind === 'invalid')
          throw validation(
            `Could not save the composite alarm as its rule cannot be parsed: ${rule.reason}`,
          );
        const unknown = rule.names.filter((name) => alarms.get(name) === undefined);
        if (unknown.length > 0) {
          throw validation(
            `Could not save the composite alarm as alarms [${unknown.join(', ')}] in the alarm rule do not exist`,
          );
        }
        if (rule.names.includes(input.AlarmName))
          throw validation('Could not save the composite alarm as it refers to itself');
        alarms.put({ kind: 'CompositeAlarm', ...readCommon(input), rule: input.AlarmRule });
        addTags(input.AlarmName, input.Tags);
      },
    ),
    DescribeAlarms: op(
      z.object({
        AlarmNames: z.array(alarmName).max(100).optional(),
        AlarmNamePrefix: z.string().min(1).max(255).optional(),
        AlarmTypes: alarmTypes,
        StateValue: stateValue.optional(),
        ActionPrefix: z.string().min(1).max(1024).optional(),
        ChildrenOfAlarmName: z.string().optional(),
        ParentsOfAlarmName: z.string().optional(),
        MaxRecords: z.int().min(1).max(100).optional(),
        NextToken: z.string().optional(),
      }),
      (input) => {
        if (input.AlarmNames !== undefined && input.AlarmNamePrefix !== undefined) {
          throw invalidCombination(
            'The parameters AlarmNames and AlarmNamePrefix must not be specified together.',
          );
        }
        const types: readonly string[] = input.AlarmTypes ?? ['MetricAlarm'];
        const family = familyOf(input.ChildrenOfAlarmName, input.ParentsOfAlarmName, alarms);
        const found = alarms
          .list()
          .filter(
            (alarm) =>
              types.includes(alarm.kind) &&
              (input.AlarmNames === undefined || input.AlarmNames.includes(alarm.name)) &&
              alarm.name.startsWith(input.AlarmNamePrefix ?? '') &&
              (input.StateValue === undefined || alarm.state.value === input.StateValue) &&
              (family === undefined || family.has(alarm.name)) &&
              (input.ActionPrefix === undefined ||
                allActions(alarm).some((action) => action.startsWith(input.ActionPrefix ?? ''))),
          );
        const { items, next } = page(
          found,
          input.MaxRecords ?? (input.AlarmNames === undefined ? 50 : 100),
          input.NextToken,
          invalidToken,
        );
        return {
          MetricAlarms: items.filter(({ kind }) => kind === 'MetricAlarm').map(shown),
          CompositeAlarms: items.filter(({ kind }) => kind === 'CompositeAlarm').map(shown),
          NextToken: next,
        };
      },
    ),
    DescribeAlarmsForMetric: op(
      z.object({
        Namespace: z.string(),
        MetricName: z.string(),
        Dimensions: z.array(dimensionSchema).optional(),
        Period: z.int().optional(),
      }),
      (input) => ({
        MetricAlarms: alarms
          .list()
          .filter(
            (alarm) =>
              alarm.kind === 'MetricAlarm' &&
              alarm.simple?.MetricName === input.MetricName &&
              alarm.simple.Namespace === input.Namespace &&
              sameDimensions(alarm.simple.Dimensions, input.Dimensions ?? []) &&
              (input.Period === undefined || alarm.simple.Period === input.Period),
          )
          .map(shown),
      }),
    ),
    DeleteAlarms: op(z.object({ AlarmNames: z.array(alarmName).max(100) }), ({ AlarmNames }) => {
      const there = AlarmNames.filter((name) => alarms.get(name) !== undefined);
      for (const name of there) {
        alarms.remove(name);
        core.store.delete(TAGS, name);
      }
      if (there.length === 0 && AlarmNames.length > 0)
        throw notFound(`Alarms not found: ${AlarmNames.join(', ')}`);
    }),
    SetAlarmState: op(
      z.object({
        AlarmName: alarmName,
        StateValue: stateValue,
        StateReason: z.string().max(1023),
        StateReasonData: z.string().max(4000).optional(),
      }),
      ({ AlarmName, StateValue, StateReason, StateReasonData }) => {
        if (alarms.get(AlarmName) === undefined)
          throw notFound(`The alarm ${AlarmName} does not exist.`);
        if (StateReasonData !== undefined && !isJson(StateReasonData)) {
          throw new AwsError(
            'InvalidFormatFault',
            'StateReasonData is not valid JSON.',
            400,
            'InvalidFormat',
          );
        }
        alarms.setState(AlarmName, StateValue, StateReason, StateReasonData);
      },
    ),
    EnableAlarmActions: enable(true),
    DisableAlarmActions: enable(false),
    DescribeAlarmHistory: op(
      z.object({
        AlarmName: alarmName.optional(),
        AlarmTypes: alarmTypes,
        HistoryItemType: z.enum(['ConfigurationUpdate', 'StateUpdate', 'Action']).optional(),
        StartDate: z.number().optional(),
        EndDate: z.number().optional(),
        MaxRecords: z.int().min(1).max(100).optional(),
        NextToken: z.string().optional(),
        ScanBy: z.enum(['TimestampDescending', 'TimestampAscending']).optional(),
      }),
      (input) => {
        const types: readonly string[] = input.AlarmTypes ?? ['MetricAlarm'];
        const found = alarms
          .history()
          .filter(
            (item) =>
              types.includes(item.alarmType) &&
              (input.AlarmName === undefined || item.alarmName === input.AlarmName) &&
              (input.HistoryItemType === undefined || item.type === input.HistoryItemType) &&
              item.atMs >= (input.StartDate ?? 0) * 1000 &&
              item.atMs <= (input.EndDate ?? Infinity) * 1000,
          );
        const ordered = input.ScanBy === 'TimestampAscending' ? found : found.toReversed();
        const { items, next } = page(
          ordered,
          input.MaxRecords ?? 100,
          input.NextToken,
          invalidToken,
        );
        return {
          AlarmHistoryItems: items.map((item) => ({
            AlarmName: item.alarmName,
            AlarmType: item.alarmType,
            Timestamp: item.atMs / 1000,
            HistoryItemType: item.type,
            HistorySummary: item.summary,
            HistoryData: item.data,
          })),
          NextToken: next,
        };
      },
    ),
    TagResource: op(
      z.object({ ResourceARN: z.string().min(1).max(1024), Tags: tags }),
      ({ ResourceARN, Tags }) => {
        addTags(named(ResourceARN).name, Tags);
      },
    ),
    UntagResource: op(
      z.object({ ResourceARN: z.string().min(1).max(1024), TagKeys: z.array(z.string()) }),
      ({ ResourceARN, TagKeys }) => {
        const { name } = named(ResourceARN);
        core.store.put(
          TAGS,
          name,
          Object.fromEntries(
            Object.entries(tagsOf(name)).filter(([key]) => !TagKeys.includes(key)),
          ),
        );
      },
    ),
    ListTagsForResource: op(
      z.object({ ResourceARN: z.string().min(1).max(1024) }),
      ({ ResourceARN }) => ({
        Tags: Object.entries(tagsOf(named(ResourceARN).name)).map(([Key, Value]) => ({
          Key,
          Value,
        })),
      }),
    ),
  };
}

type CommonInput = Pick<
  MetricAlarmInput,
  | 'AlarmName'
  | 'AlarmDescription'
  | 'ActionsEnabled'
  | 'OKActions'
  | 'AlarmActions'
  | 'InsufficientDataActions'
>;

function readCommon(input: CommonInput) {
  const every = [
    ...(input.OKActions ?? []),
    ...(input.AlarmActions ?? []),
    ...(input.InsufficientDataActions ?? []),
  ];
  const malformed = every.find(
    (action) => !/^arn:aws[a-z-]*:[a-z0-9-]+:[a-z0-9-]*:[^:]*:.+/.test(action),
  );
  if (malformed !== undefined) throw validation(`Invalid arn syntax: ${malformed}`);
  return {
    name: input.AlarmName,
    description: input.AlarmDescription,
    actionsEnabled: input.ActionsEnabled ?? true,
    okActions: input.OKActions ?? [],
    alarmActions: input.AlarmActions ?? [],
    insufficientDataActions: input.InsufficientDataActions ?? [],
  };
}

/** @throws {AwsError} for what PutMetricAlarm refuses beyond the shape of its input. */
export function readMetricAlarm(
  input: MetricAlarmInput,
): Omit<MetricAlarm, 'state' | 'configuredAtMs'> {
  const { TreatMissingData: treatMissingData } = input;
  if (
    treatMissingData !== undefined &&
    treatMissingData !== 'missing' &&
    treatMissingData !== 'ignore' &&
    treatMissingData !== 'breaching' &&
    treatMissingData !== 'notBreaching'
  ) {
    throw invalidValue(
      `The value ${treatMissingData} for parameter TreatMissingData is not valid. Valid values: [breaching, notBreaching, ignore, missing].`,
    );
  }
  const low = input.EvaluateLowSampleCountPercentile;
  if (low !== undefined && low !== 'evaluate' && low !== 'ignore') {
    throw invalidValue(`Option ${low} is not supported for EvaluateLowSampleCountPercentile`);
  }
  if ((input.DatapointsToAlarm ?? 1) > input.EvaluationPeriods) {
    throw validation('DatapointsToAlarm must be less than or equal to EvaluationPeriods');
  }
  const limits = readLimits(input);
  const watched =
    input.Metrics === undefined
      ? readSimple(input)
      : { queries: readMetrics(input, limits.thresholdMetricId) };
  checkSpan(watched.queries, input.EvaluationPeriods);
  return {
    kind: 'MetricAlarm',
    ...readCommon(input),
    ...watched,
    evaluationPeriods: input.EvaluationPeriods,
    datapointsToAlarm: input.DatapointsToAlarm,
    ...limits,
    treatMissingData,
    evaluateLowSampleCountPercentile: low,
  };
}

/** What is compared with: a number, or the band of one of the metrics. */
function readLimits(
  input: MetricAlarmInput,
): Pick<MetricAlarm, 'comparison' | 'threshold' | 'thresholdMetricId'> {
  const { ComparisonOperator: comparison, Threshold, ThresholdMetricId } = input;
  if (Threshold !== undefined && ThresholdMetricId !== undefined)
    throw validation('Threshold and ThresholdMetricId cannot both be set');
  if (isBandComparison(comparison)) {
    if (ThresholdMetricId === undefined)
      throw validation('ComparisonOperators for ranges require ThresholdMetricId to be set');
    if (input.Metrics === undefined)
      throw validation('ThresholdMetricId can only be set with a list of Metrics.');
    const scaling = [...(input.OKActions ?? []), ...(input.AlarmActions ?? [])].find(
      isScalingPolicy,
    );
    if (scaling !== undefined)
      throw validation(
        `Auto Scaling actions are not supported by anomaly detection alarms: ${scaling}`,
      );
    return { comparison, thresholdMetricId: ThresholdMetricId };
  }
  if (ThresholdMetricId !== undefined)
    throw validation(`The ComparisonOperator ${comparison} cannot be used with ThresholdMetricId`);
  if (Threshold === undefined)
    throw validation('Threshold is required for this comparison operator.');
  return { comparison, threshold: Threshold };
}

function readSimple(input: MetricAlarmInput): Required<Pick<MetricAlarm, 'simple' | 'queries'>> {
  const {
    MetricName,
    Namespace,
    Period,
    Statistic,
    ExtendedStatistic,
    Dimensions = [],
    Unit,
  } = input;
  if (MetricName === undefined || Namespace === undefined || Period === undefined) {
    const missing =
      MetricName === undefined ? 'MetricName' : Namespace === undefined ? 'Namespace' : 'Period';
    throw new AwsError(
      'MissingRequiredParameterException',
      `The parameter ${missing} is required.`,
      400,
      'MissingParameter',
    );
  }
  if (Period !== 10 && Period !== 20 && Period !== 30 && Period % 60 !== 0) {
    throw validation('Metric alarm periods must be 10, 20, 30 or a multiple of 60 seconds');
  }
  if ((Statistic === undefined) === (ExtendedStatistic === undefined)) {
    throw invalidCombination('Exactly one of Statistic and ExtendedStatistic must be specified.');
  }
  const stat = Statistic ?? ExtendedStatistic ?? '';
  if (!isStatistic(stat))
    throw invalidValue(`The value ${stat} for parameter ExtendedStatistic is not supported.`);
  return {
    simple: { MetricName, Namespace, Period, Statistic, ExtendedStatistic, Dimensions, Unit },
    queries: [
      {
        Id: 'm1',
        MetricStat: { Metric: { Namespace, MetricName, Dimensions }, Period, Stat: stat },
        ReturnData: true,
      },
    ],
  };
}

function readMetrics(input: MetricAlarmInput, bandId: string | undefined): readonly MetricQuery[] {
  const queries = input.Metrics ?? [];
  if (
    input.MetricName !== undefined ||
    input.Namespace !== undefined ||
    input.Statistic !== undefined ||
    input.Period !== undefined
  ) {
    throw invalidCombination(
      'Metrics must not be specified together with MetricName, Namespace, Statistic or Period.',
    );
  }
  if (queries.filter(({ MetricStat }) => MetricStat !== undefined).length > 10) {
    throw validation('A metric math alarm must not use more than 10 metrics.');
  }
  const fault = faultInQueries(queries);
  if (fault !== undefined) throw validation(fault);
  if (input.Unit !== undefined)
    throw validation('Unit should not be set if list of Metrics is set.');
  const shown = queries.filter(({ Id, ReturnData }) => ReturnData !== false && Id !== bandId);
  if (shown.length !== 1)
    throw validation('Exactly one element of the metrics list should return data.');
  if (bandId !== undefined) checkBand(queries, bandId);
  checkKinds(queries, shown[0]?.Id ?? '');
  return queries;
}

/** Whether the expressions fit each other, which is the same with data and without. */
function checkKinds(queries: readonly MetricQuery[], watchedId: string): void {
  try {
    const watched = runQueries({ find: () => undefined }, queries, 0, 0).get(watchedId);
    if (watched?.value.kind === 'array')
      throw validation('An alarm watches one time series, not an array of them.');
  } catch (error) {
    if (error instanceof MathError) throw validation(error.message);
    throw error;
  }
}

function checkBand(queries: readonly MetricQuery[], bandId: string): void {
  const band = queries.find(({ Id }) => Id === bandId);
  if (band === undefined)
    throw validation(`ThresholdMetricId ${bandId} is not the Id of one of the Metrics`);
  if (band.Expression === undefined || parseExpression(band.Expression).band === undefined)
    throw validation('Threshold metric expression must use ANOMALY_DETECTION_BAND function.');
  const periods = queries.flatMap(({ MetricStat }) => MetricStat?.Period ?? []);
  const unsuitable = periods.find((period) => period < 60 || period > 3600);
  if (unsuitable !== undefined)
    throw validation(
      `ANOMALY_DETECTION_BAND supports periods from 60 to 3600 seconds, not ${unsuitable}`,
    );
}

function checkSpan(queries: readonly MetricQuery[], evaluationPeriods: number): void {
  const periodSeconds = periodMsOf({ queries }) / 1000;
  const limit = periodSeconds >= 3600 ? 604_800 : 86_400;
  if (periodSeconds * evaluationPeriods > limit) {
    throw validation(
      `Metrics cannot be checked across more than ${limit === 86_400 ? 'a day' : 'seven days'} (EvaluationPeriods * Period must be <= ${limit}).`,
    );
  }
}

function describe(alarm: Alarm, alarms: Alarms): Record<string, unknown> {
  const base = {
    AlarmName: alarm.name,
    AlarmArn: alarms.arn(alarm.name),
    AlarmDescription: alarm.description,
    AlarmConfigurationUpdatedTimestamp: alarm.configuredAtMs / 1000,
    ActionsEnabled: alarm.actionsEnabled,
    OKActions: alarm.okActions,
    AlarmActions: alarm.alarmActions,
    InsufficientDataActions: alarm.insufficientDataActions,
    StateValue: alarm.state.value,
    StateReason: alarm.state.reason,
    StateReasonData: alarm.state.reasonData,
    StateUpdatedTimestamp: alarm.state.updatedAtMs / 1000,
    StateTransitionedTimestamp: alarm.state.transitionedAtMs / 1000,
  };
  if (alarm.kind === 'CompositeAlarm') return { ...base, AlarmRule: alarm.rule };
  return {
    ...base,
    ...(alarm.simple ?? { Metrics: alarm.queries, Dimensions: [] }),
    EvaluationPeriods: alarm.evaluationPeriods,
    DatapointsToAlarm: alarm.datapointsToAlarm,
    Threshold: alarm.threshold,
    ThresholdMetricId: alarm.thresholdMetricId,
    ComparisonOperator: alarm.comparison,
    TreatMissingData: alarm.treatMissingData,
    EvaluateLowSampleCountPercentile: alarm.evaluateLowSampleCountPercentile,
  };
}

function familyOf(
  childrenOf: string | undefined,
  parentsOf: string | undefined,
  alarms: Alarms,
): ReadonlySet<string> | undefined {
  if (childrenOf === undefined && parentsOf === undefined) return undefined;
  const namesIn = (alarm: Alarm | undefined): readonly string[] => {
    const rule = alarm?.kind === 'CompositeAlarm' ? parseCompositeRule(alarm.rule) : undefined;
    return rule?.kind === 'rule' ? rule.names : [];
  };
  if (childrenOf !== undefined) return new Set(namesIn(alarms.get(childrenOf)));
  return new Set(
    alarms
      .list()
      .filter((alarm) => namesIn(alarm).includes(parentsOf ?? ''))
      .map(({ name }) => name),
  );
}

function allActions(alarm: Alarm): readonly string[] {
  return (['OK', 'ALARM', 'INSUFFICIENT_DATA'] as const).flatMap((state) =>
    actionsFor(alarm, state),
  );
}

type Dimensions = readonly { readonly Name: string; readonly Value: string }[];

function sameDimensions(a: Dimensions, b: Dimensions): boolean {
  return (
    a.length === b.length &&
    a.every(({ Name, Value }) => b.some((other) => other.Name === Name && other.Value === Value))
  );
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function otherKind(name: string, kind: string): AwsError {
  return validation(`A ${kind} alarm with the name ${name} already exists.`);
}
