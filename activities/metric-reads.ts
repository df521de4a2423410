/** The metrics of many models in few calls: GetMetricData, 500 queries to a call. */
import {
  GetMetricDataCommand,
  type CloudWatchClient,
  type MetricDataQuery,
} from '@aws-sdk/client-cloudwatch';

import { renamed } from '../domain/metric-math.js';
import { awsErrorOf } from './aws-failure.js';
import { createBatcher, Failed } from './batcher.js';

/** One metric as CloudWatch knows it. */
export interface MetricWanted {
  readonly namespace: string;
  readonly name: string;
  readonly dimensions: Readonly<Record<string, string>>;
  readonly stat: string;
}

/** The latest value of one metric, or of an expression over several. */
export interface ValueWanted {
  readonly periodMs: number;
  /** Id → metric; one when there is no expression. */
  readonly metrics: Readonly<Record<string, MetricWanted>>;
  readonly expression?: string;
  readonly nowMs: number;
}

export interface MetricReads {
  /** The value of the latest complete period of the last three that has one; `null` when none has. */
  read(region: string, wanted: ValueWanted, signal?: AbortSignal): Promise<LatestValue>;
}

export interface LatestValue {
  readonly value: number | null;
}

const QUERIES_PER_CALL = 500;
const GATHER_MS = 150;
const GATHER_MAX_MS = 5_000;
/** Periods that are asked for: the latest that has a value counts. */
const PERIODS = 3;

/**
 * Time spans that calls ask for: metrics of similar periods share one, whatever the period. An hour of 10-second
 * values of 500 metrics would be more than one answer takes.
 */
const SPANS: readonly { readonly upToMs: number; readonly gridMs: number }[] = [
  { upToMs: 30_000, gridMs: 10_000 },
  { upToMs: 300_000, gridMs: 60_000 },
  { upToMs: 3_600_000, gridMs: 60_000 },
  { upToMs: 86_400_000, gridMs: 60_000 },
];

/** CloudWatch takes 1, 5, 10, 20 and 30 s and whole minutes; anything else is rounded up. */
export function metricPeriodMs(ms: number): number {
  const short = [1_000, 5_000, 10_000, 20_000, 30_000].find((one) => ms <= one);
  return short ?? Math.ceil(ms / 60_000) * 60_000;
}

/** Region and time span of a call, as a text. */
function groupOf(region: string, { periodMs, nowMs }: ValueWanted): string {
  const span = SPANS.find(({ upToMs }) => periodMs <= upToMs) ?? {
    upToMs: periodMs,
    gridMs: 60_000,
  };
  const toMs = Math.floor(nowMs / span.gridMs) * span.gridMs;
  // A period that has begun and not ended is asked for and left out: its beginning lies within.
  return `${region} ${String(toMs - (PERIODS + 1) * span.upToMs)} ${String(toMs)}`;
}

/** One per process: the groups are Regions with a time span. */
export function createMetricReads(cloudwatchOf: (region: string) => CloudWatchClient): MetricReads {
  const batcher = createBatcher<ValueWanted, LatestValue>({
    maxSize: QUERIES_PER_CALL,
    weight: (wanted) =>
      Object.keys(wanted.metrics).length + (wanted.expression === undefined ? 0 : 1),
    waitMs: GATHER_MS,
    maxWaitMs: GATHER_MAX_MS,
    async send(group, wanted) {
      const [region = '', from = '', to = ''] = group.split(' ');
      return valuesOf(cloudwatchOf(region), wanted, Number(from), Number(to));
    },
  });
  return {
    async read(region, wanted, signal) {
      return batcher.add(groupOf(region, wanted), wanted, signal);
    },
  };
}

/**
 * Values of many in one call. AWS refuses a whole call for one query that makes no sense: then the halves are asked
 * for alone, until only the one that is refused fails.
 */
async function valuesOf(
  cloudwatch: CloudWatchClient,
  wanted: readonly ValueWanted[],
  fromMs: number,
  toMs: number,
): Promise<readonly (LatestValue | Failed)[]> {
  try {
    return await oneCall(cloudwatch, wanted, fromMs, toMs);
  } catch (error) {
    const refused = /^(Validation|InvalidParameter|MissingParameter)/.test(
      awsErrorOf(error)?.name ?? '',
    );
    if (!refused) throw error;
    if (wanted.length === 1) return [new Failed(error)];
    const middle = Math.ceil(wanted.length / 2);
    return [
      ...(await valuesOf(cloudwatch, wanted.slice(0, middle), fromMs, toMs)),
      ...(await valuesOf(cloudwatch, wanted.slice(middle), fromMs, toMs)),
    ];
  }
}

interface Answer {
  readonly points: { readonly atMs: number; readonly value: number }[];
  failed: string | undefined;
}

async function oneCall(
  cloudwatch: CloudWatchClient,
  wanted: readonly ValueWanted[],
  fromMs: number,
  toMs: number,
): Promise<readonly (LatestValue | Failed)[]> {
  const answers = new Map<string, Answer>();
  let token: string | undefined;
  do {
    const page = await cloudwatch.send(
      new GetMetricDataCommand({
        StartTime: new Date(fromMs),
        EndTime: new Date(toMs),
        ScanBy: 'TimestampDescending',
        MetricDataQueries: wanted.flatMap(queriesOf),
        ...(token === undefined ? {} : { NextToken: token }),
      }),
    );
    // One id may be split over pages.
    for (const result of page.MetricDataResults ?? []) {
      const id = result.Id ?? '';
      const answer = answers.get(id) ?? { points: [], failed: undefined };
      answers.set(id, answer);
      (result.Values ?? []).forEach((value, index) => {
        const atMs = result.Timestamps?.[index]?.getTime();
        if (atMs !== undefined) answer.points.push({ atMs, value });
      });
      if (result.StatusCode === 'InternalError' || result.StatusCode === 'Forbidden')
        answer.failed = `CloudWatch could not read the metric (${result.StatusCode})${(result.Messages ?? []).map((message) => `: ${message.Value ?? ''}`).join('')}`;
    }
    token = page.NextToken;
  } while (token !== undefined);
  return wanted.map((one, index) => {
    const answer = answers.get(resultId(index));
    if (answer?.failed !== undefined) return new Failed(new Error(answer.failed));
    const complete = (answer?.points ?? []).filter(
      ({ atMs }) =>
        atMs + one.periodMs <= one.nowMs && atMs + (PERIODS + 1) * one.periodMs > one.nowMs,
    );
    const latest = complete.reduce<(typeof complete)[number] | undefined>(
      (best, point) => (best === undefined || point.atMs > best.atMs ? point : best),
      undefined,
    );
    return { value: latest?.value ?? null };
  });
}

const resultId = (index: number): string => `q${String(index)}`;

function queriesOf(
  { metrics, expression, periodMs }: ValueWanted,
  index: number,
): readonly MetricDataQuery[] {
  const ids = Object.keys(metrics);
  const idOf = (id: string): string =>
    expression === undefined ? resultId(index) : `${resultId(index)}_${id}`;
  const read = ids.map((id): MetricDataQuery => {
    const metric = metrics[id];
    return {
      Id: idOf(id),
      MetricStat: {
        Metric: {
          Namespace: metric?.namespace,
          MetricName: metric?.name,
          Dimensions: Object.entries(metric?.dimensions ?? {}).map(([Name, Value]) => ({
            Name,
            Value,
          })),
        },
        Period: periodMs / 1_000,
        Stat: metric?.stat,
      },
      ...(expression === undefined ? {} : { ReturnData: false }),
    };
  });
  if (expression === undefined) return read;
  return [...read, { Id: resultId(index), Expression: renamed(expression, ids, idOf) }];
}
