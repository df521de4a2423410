import {
  GetMetricDataCommand,
  type CloudWatchClient,
  type MetricDataQuery,
  type MetricDataResult,
} from '@aws-sdk/client-cloudwatch';

import { zOfInterval } from '../analysis/tails.js';
import {
  compareDistribution,
  compareProportion,
  compareSeries,
  comparisonOf,
  confidenceOfLook,
  DEFAULT_ANSWERS,
  judgeBake,
  lookAtMs,
  notCompared,
  starved,
  type BakeComparison,
  type BakePeriod,
  type CompareMetric,
  type CompareSettings,
  type DistributionMetric,
  type MetricComparison,
} from '../domain/bake.js';
import { FailureType } from '../domain/failures.js';
import type { Window } from '../domain/model.js';
import { clock } from '../domain/watch.js';
import { isUnusable } from './analysis-port.js';
import { aws, may } from './aws-failure.js';
import { currentSignal } from './baseline.js';
import { captureFilesOf } from './capture-files.js';
import type {
  BakeArm,
  BakeRequest,
  BakeWatch,
  ControlActivities,
  DataActivities,
  ModelRef,
} from './contract.js';
import type { ControlDeps, DataDeps } from './deps.js';
import { notYet } from './heartbeat.js';
import { downloadAll, withScratch } from './scratch.js';
import { clientsFor } from './stage-clients.js';

/** Metrics of invocations are in this namespace. */
const NAMESPACE = 'AWS/SageMaker';
/** How long after a bake its last capture files may still arrive. */
const CAPTURE_SETTLE_MS = 5 * 60_000;

export function createCompareActivities(
  deps: ControlDeps,
): Pick<ControlActivities, 'compareBake' | 'watchBake'> {
  const cloudwatchOf = (ref: ModelRef) => clientsFor(deps, 'read')(ref).cloudwatch;
  return {
    /** Reads only. */
    compareBake: (request) => compare(cloudwatchOf(request), request, deps.now()),

    /** Reads only; each attempt is one look at both fleets. */
    async watchBake(request) {
      const cloudwatch = cloudwatchOf(request);
      const nowMs = deps.now();
      const settings = comparisonOf(request.policy.spec.deploy);
      const periodMs = settings.periodSeconds * 1_000;
      const fromMs = await firstTraffic(cloudwatch, request, settings, nowMs);
      if (fromMs === undefined) {
        throw notYet(
          FailureType.StillMoving,
          `${request.candidate.configName ?? request.candidate.variant} has no traffic yet`,
          periodMs,
        );
      }
      const dueMs = lookAtMs(fromMs, request.bakeMs, periodMs, request.look);
      const { champion, candidate, look, model, policy } = request;
      const windows = [{ fromMs, toMs: nowMs }];
      const bake = { model, policy, champion, candidate, look, windows, expectedShare: null };
      const compared = await compare(cloudwatch, bake, nowMs);
      if (compared.hard || nowMs >= dueMs) return compared;
      throw notYet(
        FailureType.StillMoving,
        `Champion and candidate are compared at ${clock(dueMs)}; so far ${compared.verdict}: ${compared.reasons.join('; ')}`,
        Math.min(periodMs, dueMs - nowMs),
      );
    },
  };
}

/** When the candidate's fleet took its first invocation; `undefined` when it has not. */
async function firstTraffic(
  cloudwatch: CloudWatchClient,
  request: BakeWatch,
  settings: CompareSettings,
  nowMs: number,
): Promise<number | undefined> {
  const periodMs = settings.periodSeconds * 1_000;
  const query = queryOf('candidate', request, request.candidate, 'Invocations', 'Sum', settings);
  const answer = await getMetricData(cloudwatch, [query], {
    fromMs: Math.floor(request.sinceMs / periodMs) * periodMs,
    toMs: Math.ceil(nowMs / periodMs) * periodMs,
  });
  const taken = [...(answer.get('candidate')?.values ?? [])].filter(([, value]) => value > 0);
  return taken.length === 0 ? undefined : Math.min(...taken.map(([atMs]) => atMs));
}

async function compare(
  cloudwatch: CloudWatchClient,
  request: BakeRequest,
  nowMs: number,
): Promise<BakeComparison> {
  const settings = comparisonOf(request.policy.spec.deploy);
  const windows = afterWarmup(request.windows, settings.warmupMs);
  const read = await readFleets(cloudwatch, request, settings, windows);
  const z = zOfInterval(confidenceOfLook(settings, request.look));
  const metrics = settings.metrics.flatMap((metric): readonly MetricComparison[] => {
    const unread = read.unread.get(metric.id);
    if (unread !== undefined) return [notCompared(metric, unread)];
    switch (metric.kind) {
      case 'proportion':
        return [compareProportion(metric, read, settings.minimum, z)];
      case 'series':
        return [compareSeries(metric, read, settings.minimum, z, settings.periodSeconds * 1_000)];
      case 'distribution':
        // Answers are read by the data worker: see compareAnswers.
        return [];
    }
  });
  const count = (periods: readonly BakePeriod[]): number =>
    periods.reduce((all, period) => all + period.invocations, 0);
  const starving = starved(request.expectedShare, {
    champion: count(read.champion),
    candidate: count(read.candidate),
  });
  const doubts = starving === undefined ? [] : [starving];
  return {
    atMs: nowMs,
    windows: request.windows,
    look: request.look,
    ...judgeBake(metrics, doubts),
    doubts,
    metrics,
  };
}

export function createAnswersActivities(deps: DataDeps): Pick<DataActivities, 'compareAnswers'> {
  return {
    /** Reads only, in a folder of its own. */
    async compareAnswers(request) {
      const settings = comparisonOf(request.policy.spec.deploy);
      const confidence = confidenceOfLook(settings, request.look);
      const z = zOfInterval(confidence);
      const asked = settings.metrics.filter(
        (metric): metric is DistributionMetric => metric.kind === 'distribution',
      );
      const wanted = asked.length === 0 && request.answers === true ? [DEFAULT_ANSWERS] : asked;
      if (wanted.length === 0) return [];
      const [champion, candidate] = [
        request.champion.capturePrefix,
        request.candidate.capturePrefix,
      ];
      if (champion === null || candidate === null) {
        return wanted.map((metric) =>
          notCompared(metric, 'the answers of at least one version are not captured'),
        );
      }
      if (champion === candidate) {
        return wanted.map((metric) =>
          notCompared(
            metric,
            `both versions are captured below ${champion}: their answers cannot be told apart`,
          ),
        );
      }
      const windows = afterWarmup(request.windows, settings.warmupMs);
      const ofChampion = await readAnswers(deps, request, champion, windows);
      const ofCandidate = await readAnswers(deps, request, candidate, windows);
      return wanted.map((metric) =>
        compareDistribution(
          metric,
          { champion: ofChampion, candidate: ofCandidate },
          1 - confidence,
          z,
        ),
      );
    },
  };
}

/** The windows without the time in which the candidate's fleet warms up. */
export function afterWarmup(windows: readonly Window[], warmupMs: number): readonly Window[] {
  const fromMs = (windows[0]?.fromMs ?? 0) + warmupMs;
  return windows
    .map((window) => ({ ...window, fromMs: Math.max(window.fromMs, fromMs) }))
    .filter((window) => window.fromMs < window.toMs);
}

interface ReadFleets {
  readonly champion: readonly BakePeriod[];
  readonly candidate: readonly BakePeriod[];
  /** Metric id → why CloudWatch did not tell it. */
  readonly unread: ReadonlyMap<string, string>;
}

/** Whole periods of both fleets that lie within the windows. */
async function readFleets(
  cloudwatch: CloudWatchClient,
  request: BakeRequest,
  settings: CompareSettings,
  windows: readonly Window[],
): Promise<ReadFleets> {
  const periodMs = settings.periodSeconds * 1_000;
  const span = {
    fromMs: Math.floor((windows[0]?.fromMs ?? 0) / periodMs) * periodMs,
    toMs: Math.ceil((windows.at(-1)?.toMs ?? 0) / periodMs) * periodMs,
  };
  const metrics = settings.metrics.filter((metric) => metric.kind !== 'distribution');
  const unread = new Map<string, string>();
  if (windows.length === 0) return { champion: [], candidate: [], unread };
  const asked = (['champion', 'candidate'] as const).flatMap((side) => [
    queryOf(`${side}_invocations`, request, request[side], 'Invocations', 'Sum', settings),
    ...metrics.map((metric, index) =>
      queryOf(
        `${side}_${index}`,
        request,
        request[side],
        metric.kind === 'proportion' ? metric.numerator : metric.metric,
        metric.kind === 'proportion' ? 'Sum' : metric.stat,
        settings,
      ),
    ),
  ]);
  const answers = await getMetricData(cloudwatch, asked, span);
  const within = (atMs: number): boolean =>
    windows.some((window) => atMs >= window.fromMs && atMs + periodMs <= window.toMs);
  const seriesOf = (id: string): ReadonlyMap<number, number> =>
    new Map([...(answers.get(id)?.values ?? [])].filter(([atMs]) => within(atMs)));
  const fleet = (side: 'champion' | 'candidate'): readonly BakePeriod[] => {
    const series = metrics.map((metric, index) => ({
      id: metric.id,
      values: seriesOf(`${side}_${index}`),
    }));
    return [...seriesOf(`${side}_invocations`)]
      .sort(([a], [b]) => a - b)
      .map(([atMs, invocations]) => ({
        atMs,
        invocations,
        values: Object.fromEntries(
          series.flatMap(({ id, values }) => {
            const value = values.get(atMs);
            return value === undefined ? [] : [[id, value]];
          }),
        ),
      }));
  };
  const faultOf = (metric: CompareMetric, index: number): string | undefined => {
    for (const id of [
      'champion_invocations',
      'candidate_invocations',
      `champion_${index}`,
      `candidate_${index}`,
    ]) {
      const fault = answers.get(id)?.fault;
      if (fault !== undefined) return `CloudWatch does not tell ${metric.id}: ${fault}`;
    }
    return undefined;
  };
  metrics.forEach((metric, index) => {
    const fault = faultOf(metric, index);
    if (fault !== undefined) unread.set(metric.id, fault);
  });
  return { champion: fleet('champion'), candidate: fleet('candidate'), unread };
}

function queryOf(
  id: string,
  { policy }: ModelRef,
  arm: BakeArm,
  metric: string,
  stat: string,
  { periodSeconds }: Pick<CompareSettings, 'periodSeconds'>,
): MetricDataQuery {
  return {
    Id: id,
    MetricStat: {
      Metric: {
        Namespace: NAMESPACE,
        MetricName: metric,
        Dimensions: [
          { Name: 'EndpointName', Value: policy.spec.endpoint.name },
          { Name: 'VariantName', Value: arm.variant },
          ...(arm.configName === null
            ? []
            : [{ Name: 'EndpointConfigName', Value: arm.configName }]),
        ],
      },
      Period: periodSeconds,
      Stat: stat,
    },
  };
}

interface Series {
  readonly values: ReadonlyMap<number, number>;
  /** Why it is not whole. */
  readonly fault: string | undefined;
}

/** All pages. A page may be empty and still have a next one. */
async function getMetricData(
  cloudwatch: CloudWatchClient,
  queries: MetricDataQuery[],
  span: Window,
): Promise<ReadonlyMap<string, Series>> {
  const found = new Map<string, { values: Map<number, number>; fault: string | undefined }>();
  let token: string | undefined;
  do {
    const page = await aws(may('cloudwatch:GetMetricData', '*'), (options) =>
      cloudwatch.send(
        new GetMetricDataCommand({
          StartTime: new Date(span.fromMs),
          EndTime: new Date(span.toMs),
          ScanBy: 'TimestampAscending',
          MetricDataQueries: queries,
          ...(token === undefined ? {} : { NextToken: token }),
        }),
        options,
      ),
    );
    for (const result of page.MetricDataResults ?? []) {
      const series = found.get(result.Id ?? '') ?? { values: new Map(), fault: undefined };
      found.set(result.Id ?? '', series);
      result.Timestamps?.forEach((at, index) => {
        const value = result.Values?.[index];
        if (value !== undefined) series.values.set(at.getTime(), value);
      });
      series.fault = faultOf(result, page.NextToken !== undefined);
    }
    token = page.NextToken;
  } while (token !== undefined);
  return found;
}

function faultOf(result: MetricDataResult, more: boolean): string | undefined {
  const code = result.StatusCode ?? 'Complete';
  if (code === 'Complete' || (code === 'PartialData' && more)) return undefined;
  const said = result.Messages?.map((message) => message.Value ?? '').join('; ') ?? '';
  return said === '' ? code : `${code}: ${said}`;
}

async function readAnswers(
  deps: DataDeps,
  request: BakeRequest,
  prefix: string,
  windows: readonly Window[],
): Promise<readonly number[]> {
  const { s3 } = clientsFor(deps, 'read')(request);
  const answers: number[] = [];
  for (const window of windows) {
    const uris = await captureFilesOf(s3, prefix, window, CAPTURE_SETTLE_MS);
    const answer = await withScratch(deps.scratch, async (scratch) =>
      deps.analysis.readAnswers({
        scratch,
        files: await downloadAll(s3, uris, scratch, 'answers'),
        window,
        signal: currentSignal(),
      }),
    );
    if (!isUnusable(answer)) for (const one of answer.answers) answers.push(one);
  }
  return answers;
}
