import { z } from 'zod';
import type { JsonOperations } from '../kernel.js';
import { operations, page } from '../validate.js';
import type { Core } from '../wires.js';
import { complain, invalidCombination, invalidToken, invalidValue, validation } from './errors.js';
import { MathError, parseExpression } from './math.js';
import type { MathResult } from './math.js';
import type { Metrics } from './metrics.js';
import {
  dimensionList,
  dimensionSchema,
  dimensionsOf,
  faultInQueries,
  isPeriod,
  metricQuerySchema,
  runQueries,
} from './queries.js';
import type { LearnsFrom, MetricQuery } from './queries.js';
import { points } from './series.js';
import type { Observation } from './series.js';
import { isPlain, isStatistic } from './statistics.js';

const op = operations(complain);

const UNITS = [
  'Seconds',
  'Microseconds',
  'Milliseconds',
  'Bytes',
  'Kilobytes',
  'Megabytes',
  'Gigabytes',
  'Terabytes',
  'Bits',
  'Kilobits',
  'Megabits',
  'Gigabits',
  'Terabits',
  'Percent',
  'Count',
  'Bytes/Second',
  'Kilobytes/Second',
  'Megabytes/Second',
  'Gigabytes/Second',
  'Terabytes/Second',
  'Bits/Second',
  'Kilobits/Second',
  'Megabits/Second',
  'Gigabits/Second',
  'Terabits/Second',
  'Count/Second',
  'None',
] as const;

const datumSchema = z.object({
  MetricName: z.string().min(1).max(255),
  Dimensions: z.array(dimensionSchema).max(30).optional(),
  Timestamp: z.number().optional(),
  Value: z.number().optional(),
  StatisticValues: z
    .object({ SampleCount: z.number(), Sum: z.number(), Minimum: z.number(), Maximum: z.number() })
    .optional(),
  Values: z.array(z.number()).max(150).optional(),
  Counts: z.array(z.number()).max(150).optional(),
  Unit: z.enum(UNITS).optional(),
  StorageResolution: z.int().min(1).optional(),
});
type PutDatum = z.output<typeof datumSchema>;

const DAY_MS = 86_400_000;
const MAX_POINTS = 100_800;
/** Values lie between this and its negative. */
const MOST = 2 ** 360;

export function metricOperations(
  core: Core,
  metrics: Metrics,
  learnsFrom: LearnsFrom,
): JsonOperations {
  return {
    PutMetricData: op(
      z.object({
        Namespace: z
          .string()
          .min(1)
          .max(255)
          .regex(/[^:].*/),
        MetricData: z.array(datumSchema).max(1000).optional(),
      }),
      ({ Namespace, MetricData = [] }) => {
        if (Namespace.startsWith('AWS/'))
          throw invalidValue('The value AWS/ for parameter Namespace is invalid.');
        if (MetricData.length === 0)
          throw invalidValue('The parameter MetricData must not be empty.');
        metrics.observe(
          MetricData.flatMap((datum, at) => observations(Namespace, datum, at + 1, core.now())),
        );
        metrics.flush(); // What is answered is kept.
      },
    ),
    GetMetricData: op(
      z.object({
        MetricDataQueries: z.array(metricQuerySchema).max(500),
        StartTime: z.number(),
        EndTime: z.number(),
        NextToken: z.string().optional(),
        ScanBy: z.enum(['TimestampDescending', 'TimestampAscending']).optional(),
        MaxDatapoints: z.int().min(1).max(MAX_POINTS).optional(),
      }),
      (input) => {
        checkRange(input.StartTime, input.EndTime);
        const fault = faultInQueries(input.MetricDataQueries);
        if (fault !== undefined) throw validation(fault);
        return dataAnswer(metrics, input, learnsFrom);
      },
    ),
    GetMetricStatistics: op(
      z.object({
        Namespace: z.string().min(1).max(255),
        MetricName: z.string().min(1).max(255),
        Dimensions: z.array(dimensionSchema).max(30).optional(),
        StartTime: z.number(),
        EndTime: z.number(),
        Period: z.int().min(1),
        Statistics: z
          .array(z.enum(['Average', 'Sum', 'Minimum', 'Maximum', 'SampleCount']))
          .max(5)
          .optional(),
        ExtendedStatistics: z.array(z.string()).max(10).optional(),
        Unit: z.enum(UNITS).optional(),
      }),
      (input) => {
        checkRange(input.StartTime, input.EndTime);
        if (!isPeriod(input.Period))
          throw invalidValue('The parameter Period must be 1, 5, 10, 20, 30 or a multiple of 60.');
        const statistics = [...(input.Statistics ?? []), ...(input.ExtendedStatistics ?? [])];
        if (statistics.length === 0) {
          throw invalidCombination(
            'At least one of the parameters Statistics and ExtendedStatistics must be specified.',
          );
        }
        const unknown = statistics.find((statistic) => !isStatistic(statistic));
        if (unknown !== undefined)
          throw invalidValue(
            `The value ${unknown} for parameter ExtendedStatistics is not supported.`,
          );
        const count = (input.EndTime - input.StartTime) / input.Period;
        if (count > 1440) {
          throw invalidCombination(
            `You have requested up to ${Math.ceil(count)} datapoints, which exceeds the limit of 1,440. You may reduce the datapoints requested by increasing Period, or decreasing the time range.`,
          );
        }
        return {
          Label: input.MetricName,
          Datapoints: statisticsAnswer(metrics, input, statistics),
        };
      },
    ),
    ListMetrics: op(
      z.object({
        Namespace: z.string().min(1).max(255).optional(),
        MetricName: z.string().min(1).max(255).optional(),
        Dimensions: z
          .array(z.object({ Name: z.string(), Value: z.string().optional() }))
          .max(10)
          .optional(),
        NextToken: z.string().optional(),
        RecentlyActive: z.enum(['PT3H']).optional(),
      }),
      (input) => {
        const found = metrics
          .list()
          .filter(
            ({ namespace, name, dimensions }) =>
              (input.Namespace === undefined || namespace === input.Namespace) &&
              (input.MetricName === undefined || name === input.MetricName) &&
              (input.Dimensions ?? []).every(
                ({ Name, Value }) =>
                  Object.hasOwn(dimensions, Name) &&
                  (Value === undefined || dimensions[Name] === Value),
              ),
          );
        const { items, next } = page(found, 500, input.NextToken, invalidToken);
        return {
          Metrics: items.map(({ namespace, name, dimensions }) => ({
            Namespace: namespace,
            MetricName: name,
            Dimensions: dimensionList(dimensions),
          })),
          NextToken: next,
        };
      },
    ),
  };
}

function observations(
  namespace: string,
  datum: PutDatum,
  number: number,
  nowMs: number,
): readonly Observation[] {
  const parameter = `MetricData.member.${number}`;
  datum.Dimensions?.forEach((dimension, at) => {
    for (const part of ['Name', 'Value'] as const)
      checkText(dimension[part], `${parameter}.Dimensions.member.${at + 1}.${part}`);
  });
  const given = [datum.Value, datum.StatisticValues, datum.Values].filter(
    (each) => each !== undefined,
  ).length;
  if (given === 0) {
    throw invalidCombination(
      `At least one of the parameters ${parameter}.Value, ${parameter}.Values and ${parameter}.StatisticValues must be specified.`,
    );
  }
  if (given > 1) {
    throw invalidCombination(
      `The parameters ${parameter}.Value, ${parameter}.Values and ${parameter}.StatisticValues are mutually exclusive and you have specified more than one.`,
    );
  }
  if (datum.Counts !== undefined && datum.Counts.length !== datum.Values?.length) {
    throw invalidValue(
      `The parameters ${parameter}.Values and ${parameter}.Counts must be of the same size.`,
    );
  }
  checkValues(datum, parameter);
  if (datum.StorageResolution !== undefined && ![1, 60].includes(datum.StorageResolution))
    throw invalidValue(
      `The value ${datum.StorageResolution} for parameter ${parameter}.StorageResolution is invalid: it is 1 or 60.`,
    );
  const resolutionMs = (datum.StorageResolution ?? 60) === 1 ? 1_000 : 60_000;
  const sentAtMs = datum.Timestamp === undefined ? nowMs : datum.Timestamp * 1000;
  if (sentAtMs < nowMs - 14 * DAY_MS || sentAtMs > nowMs + 2 * 3_600_000) {
    throw invalidValue(
      `The parameter ${parameter}.Timestamp must specify a time no more than two weeks in the past and no more than two hours in the future.`,
    );
  }
  const common = {
    namespace,
    name: datum.MetricName,
    dimensions: dimensionsOf(datum.Dimensions),
    atMs: Math.floor(sentAtMs / resolutionMs) * resolutionMs,
    ...(datum.Unit === undefined ? {} : { unit: datum.Unit }),
  };
  if (datum.StatisticValues !== undefined) {
    const { SampleCount: count, Sum: sum, Minimum: min, Maximum: max } = datum.StatisticValues;
    if (min > max || count <= 0)
      throw invalidValue(`The values of ${parameter}.StatisticValues contradict each other.`);
    return [{ ...common, value: max, statistics: { count, sum, min, max } }];
  }
  if (datum.Values !== undefined) {
    return datum.Values.map((value, at) => ({ ...common, value, times: datum.Counts?.[at] ?? 1 }));
  }
  return [{ ...common, value: datum.Value ?? 0 }];
}

function checkValues({ Value, Values, StatisticValues }: PutDatum, parameter: string): void {
  const { Sum, Minimum, Maximum } = StatisticValues ?? {};
  const tooLarge = [Value, ...(Values ?? []), Sum, Minimum, Maximum].find(
    (value) => value !== undefined && Math.abs(value) > MOST,
  );
  if (tooLarge !== undefined)
    throw invalidValue(
      `The value ${tooLarge} for parameter ${parameter} is invalid: values lie between -2^360 and 2^360.`,
    );
}

function checkText(text: string, parameter: string): void {
  if (/[^ -~]/.test(text))
    throw invalidValue(`The value for parameter ${parameter} contains non-ASCII characters.`);
  if (text.trim() === '')
    throw invalidValue(
      `The value for parameter ${parameter} must contain at least one non-whitespace character.`,
    );
}

interface DataRequest {
  readonly MetricDataQueries: readonly MetricQuery[];
  readonly StartTime: number;
  readonly EndTime: number;
  readonly NextToken?: string | undefined;
  readonly ScanBy?: string | undefined;
  readonly MaxDatapoints?: number | undefined;
}

/** One line of an answer: an expression that gives several series has several, all under its id. */
interface Row {
  readonly id: string;
  readonly label: string;
  readonly points: readonly (readonly [number, number])[];
}

/** Points of all rows are paged together, so that one id can be split over pages: callers merge by id and label. */
function dataAnswer(metrics: Metrics, request: DataRequest, learnsFrom: LearnsFrom): unknown {
  const shown = request.MetricDataQueries.filter(({ ReturnData }) => ReturnData !== false);
  if (shown.length === 0) throw validation('At least one MetricDataQuery must return data.');
  const oldestFirst = request.ScanBy === 'TimestampAscending';
  let results: ReturnType<typeof runQueries>;
  try {
    results = runQueries(
      metrics,
      request.MetricDataQueries,
      request.StartTime * 1000,
      request.EndTime * 1000,
      learnsFrom,
    );
  } catch (error) {
    if (error instanceof MathError) throw validation(error.message);
    throw error;
  }
  const rows = shown.flatMap((query) => rowsOf(query, results.get(query.Id)?.value, oldestFirst));
  const all = rows.flatMap((row) => row.points.map(([atMs, value]) => ({ row, atMs, value })));
  const { items, next } = page(
    all,
    request.MaxDatapoints ?? MAX_POINTS,
    request.NextToken,
    invalidToken,
  );
  const last = items.at(-1);
  const after = last === undefined ? undefined : all[all.indexOf(last) + 1];
  const isFirstPage = request.NextToken === undefined;
  return {
    MetricDataResults: rows.flatMap((row) => {
      const own = items.filter((item) => item.row === row);
      if (own.length === 0 && (row.points.length > 0 || !isFirstPage)) return [];
      return [
        {
          Id: row.id,
          Label: row.label,
          Timestamps: own.map(({ atMs }) => atMs / 1000),
          Values: own.map(({ value }) => value),
          StatusCode: next !== undefined && after?.row === row ? 'PartialData' : 'Complete',
        },
      ];
    }),
    NextToken: next,
    Messages: [],
  };
}

function rowsOf(
  query: MetricQuery,
  value: MathResult | undefined,
  oldestFirst: boolean,
): readonly Row[] {
  if (value?.kind === 'number')
    throw validation(
      `Error in expression '${query.Id}': Expression must return a time series or an array of time series.`,
    );
  const series = value === undefined ? [] : value.kind === 'array' ? value.items : [value];
  const label = query.Label ?? query.MetricStat?.Metric.MetricName ?? query.Id;
  return series.map(({ points: found }, at) => ({
    id: query.Id,
    label: series.length === 1 ? label : `${label} ${labelOf(query, at)}`,
    points: [...found].sort(([a], [b]) => (oldestFirst ? a - b : b - a)),
  }));
}

/** Of the series of one expression: which limit of a band, or which one. */
function labelOf({ Expression = '' }: MetricQuery, at: number): string {
  if (parseExpression(Expression).band === undefined) return String(at + 1);
  return at === 0 ? 'High' : 'Low';
}

function statisticsAnswer(
  metrics: Metrics,
  input: {
    readonly Namespace: string;
    readonly MetricName: string;
    readonly Dimensions?: readonly { readonly Name: string; readonly Value: string }[] | undefined;
    readonly StartTime: number;
    readonly EndTime: number;
    readonly Period: number;
  },
  statistics: readonly string[],
): readonly unknown[] {
  const series = metrics.find({
    namespace: input.Namespace,
    name: input.MetricName,
    dimensions: dimensionsOf(input.Dimensions),
  });
  const periodMs = input.Period * 1000;
  const fromMs = Math.floor((input.StartTime * 1000) / periodMs) * periodMs;
  const datapoints = new Map<number, Record<string, unknown>>();
  for (const statistic of statistics) {
    for (const { atMs, value } of points(
      series,
      statistic,
      periodMs,
      fromMs,
      input.EndTime * 1000,
    )) {
      const datapoint = datapoints.get(atMs) ?? {
        Timestamp: atMs / 1000,
        Unit: series?.unit ?? 'None',
      };
      if (!isPlain(statistic)) {
        datapoint.ExtendedStatistics = {
          ...(datapoint.ExtendedStatistics as Record<string, number> | undefined),
          [statistic]: value,
        };
      } else {
        datapoint[statistic] = value;
      }
      datapoints.set(atMs, datapoint);
    }
  }
  return [...datapoints.values()];
}

function checkRange(start: number, end: number): void {
  if (start >= end)
    throw validation('The parameter StartTime must be less than the parameter EndTime.');
}
