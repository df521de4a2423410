import { z } from 'zod';
import { MathError, parseExpression } from './math.js';
import type { MathResult, MathScope, MathSeries } from './math.js';
import type { Metrics } from './metrics.js';
import { points } from './series.js';
import type { Point } from './series.js';
import { isStatistic } from './statistics.js';

export const dimensionSchema = z.object({
  Name: z.string().min(1).max(255),
  Value: z.string().min(1).max(1024),
});

export const metricQuerySchema = z.object({
  Id: z.string().min(1).max(255),
  MetricStat: z
    .object({
      Metric: z.object({
        Namespace: z.string().min(1).max(255),
        MetricName: z.string().min(1).max(255),
        Dimensions: z.array(dimensionSchema).max(30).optional(),
      }),
      Period: z.int().min(1),
      Stat: z.string(),
      Unit: z.string().optional(),
    })
    .optional(),
  Expression: z.string().min(1).max(2048).optional(),
  Label: z.string().optional(),
  ReturnData: z.boolean().optional(),
  Period: z.int().min(1).optional(),
  AccountId: z.string().optional(),
});
export type MetricQuery = z.output<typeof metricQuerySchema>;

export function dimensionsOf(
  list: readonly { readonly Name: string; readonly Value: string }[] | undefined,
): Record<string, string> {
  return Object.fromEntries((list ?? []).map(({ Name, Value }) => [Name, Value]));
}

export function dimensionList(
  dimensions: Readonly<Record<string, string>>,
): { Name: string; Value: string }[] {
  return Object.entries(dimensions).map(([Name, Value]) => ({ Name, Value }));
}

/** 1, 5, 10, 20, 30 seconds or a multiple of 60. */
export function isPeriod(seconds: number): boolean {
  return [1, 5, 10, 20, 30].includes(seconds) || (seconds > 0 && seconds % 60 === 0);
}

/** What is wrong with a set of queries, or nothing. */
export function faultInQueries(queries: readonly MetricQuery[]): string | undefined {
  const ids = new Set<string>();
  for (const { Id, MetricStat, Expression } of queries) {
    if (!/^[a-z][a-zA-Z0-9_]*$/.test(Id)) {
      return `The value ${Id} for parameter MetricDataQueries.member.Id is not matching the expected pattern ^[a-z][a-zA-Z0-9_]*$.`;
    }
    if (ids.has(Id))
      return `The values for parameter Id in MetricDataQueries are not unique: ${Id}.`;
    ids.add(Id);
    if ((MetricStat === undefined) === (Expression === undefined)) {
      return 'Exactly one of MetricStat and Expression must be given for each MetricDataQuery.';
    }
    if (MetricStat !== undefined && !isPeriod(MetricStat.Period)) {
      return `The parameter Period must be 1, 5, 10, 20, 30 or a multiple of 60: ${MetricStat.Period}.`;
    }
    if (MetricStat !== undefined && !isStatistic(MetricStat.Stat)) {
      return `The value ${MetricStat.Stat} for parameter MetricDataQueries.member.MetricStat.Stat is not supported.`;
    }
  }
  return faultInExpressions(queries, ids);
}

function faultInExpressions(
  queries: readonly MetricQuery[],
  ids: ReadonlySet<string>,
): string | undefined {
  const refersTo = new Map<string, readonly string[]>();
  for (const { Id, Expression } of queries) {
    if (Expression === undefined) continue;
    try {
      refersTo.set(Id, parseExpression(Expression).ids);
    } catch (error) {
      if (error instanceof MathError) return `Error in expression '${Id}': ${error.message}`;
      throw error;
    }
    const unknown = refersTo.get(Id)?.find((id) => !ids.has(id));
    if (unknown !== undefined)
      return `Error in expression '${Id}': Invalid metrics expression: there is no metric with the id ${unknown}.`;
  }
  const circular = [...refersTo.keys()].find((id) => reaches(id, id, refersTo, new Set()));
  return circular === undefined
    ? undefined
    : `Error in expression '${circular}': it refers to itself.`;
}

function reaches(
  from: string,
  to: string,
  edges: ReadonlyMap<string, readonly string[]>,
  seen: Set<string>,
): boolean {
  return (edges.get(from) ?? []).some((next) => {
    if (next === to) return true;
    if (seen.has(next)) return false;
    seen.add(next);
    return reaches(next, to, edges, seen);
  });
}

export interface QueryResult {
  readonly value: MathResult;
  /** The observations behind each point of a query that is a plain metric. */
  readonly sampleCounts: ReadonlyMap<number, number>;
}

/** Whether a band over this metric learns from an instant. */
export type LearnsFrom = (metric: NonNullable<MetricQuery['MetricStat']>, atMs: number) => boolean;

/**
 * The value of each query over [fromMs, toMs). The queries have passed {@link faultInQueries}.
 *
 * @throws {MathError} when an expression makes no sense for these values.
 */
export function runQueries(
  metrics: Pick<Metrics, 'find'>,
  queries: readonly MetricQuery[],
  fromMs: number,
  toMs: number,
  learnsFrom: LearnsFrom = () => true,
): ReadonlyMap<string, QueryResult> {
  const byId = new Map(queries.map((query) => [query.Id, query]));
  const from = (startMs: number): { scope: MathScope; results: Map<string, QueryResult> } => {
    const results = new Map<string, QueryResult>();
    const compute = (query: MetricQuery): MathResult => {
      const known = results.get(query.Id);
      if (known !== undefined) return known.value;
      const read =
        query.MetricStat === undefined
          ? undefined
          : readMetric(metrics, query.MetricStat, startMs, toMs);
      const value =
        read === undefined
          ? finite(parseExpression(query.Expression ?? '').evaluate(scope))
          : seriesOf(read.found, read.periodMs);
      const sampleCounts = new Map(read?.found.map(({ atMs, sampleCount }) => [atMs, sampleCount]));
      results.set(query.Id, { value, sampleCounts });
      return value;
    };
    const scope: MathScope = {
      fromMs: startMs,
      toMs,
      lookup: (id) => {
        const query = byId.get(id);
        return query === undefined ? undefined : compute(query);
      },
      since: (earlierMs) => from(earlierMs).scope,
      learnsFrom: (id, atMs) => {
        const metric = byId.get(id)?.MetricStat;
        return metric === undefined || learnsFrom(metric, atMs);
      },
    };
    return { scope, results };
  };
  const { scope, results } = from(fromMs);
  for (const { Id } of queries) scope.lookup(Id);
  return results;
}

/** Where an expression gives no number, as by a division by zero, it has no data point. */
function finite(value: MathResult): MathResult {
  if (value.kind === 'number') return value;
  if (value.kind === 'array') return { ...value, items: value.items.map(finiteSeries) };
  return finiteSeries(value);
}

function finiteSeries(series: MathSeries): MathSeries {
  const sound = [...series.points].filter(([, value]) => Number.isFinite(value));
  return { ...series, points: new Map(sound) };
}

function readMetric(
  metrics: Pick<Metrics, 'find'>,
  { Metric, Period, Stat }: NonNullable<MetricQuery['MetricStat']>,
  fromMs: number,
  toMs: number,
): { readonly found: readonly Point[]; readonly periodMs: number } {
  const series = metrics.find({
    namespace: Metric.Namespace,
    name: Metric.MetricName,
    dimensions: dimensionsOf(Metric.Dimensions),
  });
  const periodMs = Period * 1000;
  return {
    found: points(series, Stat, periodMs, Math.floor(fromMs / periodMs) * periodMs, toMs),
    periodMs,
  };
}

function seriesOf(found: readonly Point[], periodMs: number): MathSeries {
  return {
    kind: 'series',
    periodMs,
    points: new Map(found.map(({ atMs, value }) => [atMs, value])),
  };
}
