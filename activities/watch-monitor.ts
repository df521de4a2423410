import {
  DescribeMonitoringScheduleCommand,
  DescribeProcessingJobCommand,
  ListMonitoringAlertHistoryCommand,
  ListMonitoringExecutionsCommand,
  type DescribeMonitoringScheduleCommandOutput,
  type MonitoringExecutionSummary,
} from '@aws-sdk/client-sagemaker';

import {
  parseConstraints,
  parseStatistics,
  parseViolations,
  type MonitorStatistics,
} from '../analysis/reports/monitor.js';
import { MOST_REPORT_BYTES, type Parsed } from '../analysis/reports/read.js';
import { compareStatistics } from '../analysis/reports/sketch.js';
import { blindResult } from '../domain/capture-windows.js';
import { durationMs } from '../domain/duration.js';
import type { Window, WindowResult } from '../domain/model.js';
import {
  blindExecution,
  monitorResult,
  scheduleRhythm,
  type MonitorExecution,
  type MonitoringType,
} from '../domain/monitor-findings.js';
import type { ModelMonitorSource } from '../domain/policy.schema.js';
import { detectPolicyOf } from '../domain/sources.js';
import { absent, aws, may } from './aws-failure.js';
import type { DataWatch } from './contract.js';
import type { AwsClients, DataDeps } from './deps.js';
import { below, headObject, readObject } from './s3.js';
import { clientsFor } from './stage-clients.js';
import type { SourceLook } from './watch-reports.js';

/** Most executions judged in one attempt: the rest follows at once. */
const MOST_EXECUTIONS = 50;

type Clients = Pick<AwsClients, 'sagemaker' | 's3'>;

/** The schedule, as far as windows depend on it. */
interface Schedule {
  readonly status: string;
  /** AWS's reason for the status, to follow it; empty when there is none. */
  readonly why: string;
  readonly type: MonitoringType;
  readonly everyMs: number;
  readonly offsetMs: number;
  /** Times before are nobody's fault: it was made, changed or started then. */
  readonly changedAtMs: number;
}

/**
 * Reads the executions that have ended since the last look, in the order of their scheduled times.
 *
 * An execution is one window: the time between the run before and its own. One that has not ended is waited for; when
 * it is late that is told once, and what it shows after all replaces it. A scheduled time without an execution is
 * told as missing.
 */
export async function lookAtMonitor(
  deps: DataDeps,
  watch: DataWatch,
  source: ModelMonitorSource,
  countedToMs: number | undefined,
  known: readonly WindowResult[],
  nowMs: number,
): Promise<SourceLook> {
  const { endpoint, detect } = watch.policy.spec;
  const clients = clientsFor(deps, 'read')(watch);
  const nothing = { windows: [], countedToMs, more: false };
  const described = await describeSchedule(clients, source.schedule);
  if (described === 'absent') {
    return {
      ...nothing,
      note:
        source.manage === undefined
          ? `there is no monitoring schedule ${source.schedule} in ${endpoint.region}: correct the name, or take the source out`
          : `the monitoring schedule ${source.schedule} is not made yet: status says why`,
    };
  }
  const schedule = scheduleOf(described);
  const back = (detect.persistence.of + 1) * schedule.everyMs;
  const afterMs =
    countedToMs ?? Math.max(watch.champion.sinceMs, nowMs - back - durationMs(source.late));
  const executions = await executionsAfter(clients, source.schedule, afterMs);
  const alerts = source.alerts ? await alertHistory(clients, source.schedule) : [];
  const walk = walkOf(source, schedule, executions, afterMs, nowMs, back);
  const windows: WindowResult[] = [];
  let counted = countedToMs;
  let ofAnother = false;
  for (const step of walk.steps) {
    const window = { fromMs: step.atMs - schedule.everyMs, toMs: step.atMs };
    if (countsFor(window, watch)) {
      const result =
        step.kind === 'ended'
          ? await judge(clients, watch, source, schedule, step.execution, window, alerts)
          : blindResult(source.id, source.kind, window, step.why);
      ofAnother ||= result === 'of another version';
      const told = step.kind === 'late' && known.some((one) => one.fromMs === window.fromMs);
      if (result !== 'of another version' && !told) windows.push(result);
    }
    if (step.kind !== 'late') counted = step.atMs;
  }
  const notes = [
    ...(schedule.status === 'Scheduled'
      ? []
      : [`the monitoring schedule ${source.schedule} is ${schedule.status}${schedule.why}`]),
    ...(ofAnother
      ? [`the executions of ${source.schedule} still look at answers of an earlier version`]
      : []),
  ];
  return {
    windows,
    countedToMs: counted,
    more: walk.more,
    ...(notes.length === 0 ? {} : { note: notes.join('; ') }),
  };
}

const countsFor = (window: Window, watch: DataWatch): boolean =>
  window.fromMs >= watch.champion.sinceMs &&
  !watch.disturbed.some(
    (span) => window.fromMs < (span.toMs ?? Infinity) && window.toMs > span.fromMs,
  );

type Step =
  | {
      readonly kind: 'ended';
      readonly atMs: number;
      readonly execution: MonitoringExecutionSummary;
    }
  | { readonly kind: 'late' | 'missing'; readonly atMs: number; readonly why: string };

const OVER = new Set(['Completed', 'CompletedWithViolations', 'Failed', 'Stopped']);

/** What came of each scheduled time since `afterMs`, in order, until one that is still to be waited for. */
function walkOf(
  source: ModelMonitorSource,
  schedule: Schedule,
  executions: readonly MonitoringExecutionSummary[],
  afterMs: number,
  nowMs: number,
  backMs: number,
): { readonly steps: readonly Step[]; readonly more: boolean } {
  const steps: Step[] = [];
  const { everyMs, offsetMs } = schedule;
  const lateMs = durationMs(source.late);
  let lastMs = afterMs;
  const missingUntil = (untilMs: number): void => {
    if (schedule.status !== 'Scheduled') return;
    const blamedMs = Math.max(lastMs, nowMs - backMs, schedule.changedAtMs) + 1;
    const first = Math.ceil((blamedMs - offsetMs) / everyMs) * everyMs + offsetMs;
    for (let atMs = first; atMs < untilMs; atMs += everyMs) {
      steps.push({ kind: 'missing', atMs, why: `the schedule ${source.schedule} did not run` });
      lastMs = atMs;
    }
  };
  for (const execution of executions) {
    const atMs = execution.ScheduledTime?.getTime() ?? 0;
    if (atMs <= lastMs) continue;
    if (steps.length >= MOST_EXECUTIONS) return { steps, more: true };
    missingUntil(atMs - everyMs / 2);
    const status = execution.MonitoringExecutionStatus ?? '';
    const settledAtMs = (execution.LastModifiedTime?.getTime() ?? atMs) + durationMs(source.settle);
    if (!OVER.has(status)) {
      if (nowMs >= atMs + lateMs)
        steps.push({
          kind: 'late',
          atMs,
          why: `the execution is late: it is still ${status} ${source.late} after its time`,
        });
      return { steps, more: false };
    }
    if (settledAtMs > nowMs) return { steps, more: false };
    steps.push({ kind: 'ended', atMs, execution });
    lastMs = atMs;
  }
  missingUntil(nowMs - lateMs - durationMs(source.settle));
  return { steps, more: false };
}

const onSchedule = (name: string): string => `monitoring-schedule/${name}`;

const describeSchedule = (
  { sagemaker }: Clients,
  name: string,
): Promise<DescribeMonitoringScheduleCommandOutput | 'absent'> =>
  aws(
    may('sagemaker:DescribeMonitoringSchedule', onSchedule(name)),
    (options) =>
      sagemaker.send(
        new DescribeMonitoringScheduleCommand({ MonitoringScheduleName: name }),
        options,
      ),
    absent,
  );

const HOUR_MS = 3_600_000;

function scheduleOf(described: DescribeMonitoringScheduleCommandOutput): Schedule {
  const config = described.MonitoringScheduleConfig;
  const { ScheduleExpression, DataAnalysisStartTime, DataAnalysisEndTime } =
    config?.ScheduleConfig ?? {};
  // A schedule that runs once, NOW, says itself of which time.
  const once =
    DataAnalysisStartTime === undefined || DataAnalysisEndTime === undefined
      ? null
      : isoSpanMs(DataAnalysisStartTime, DataAnalysisEndTime);
  return {
    status: described.MonitoringScheduleStatus ?? 'unknown',
    why: described.FailureReason === undefined ? '' : `: ${described.FailureReason}`,
    type: described.MonitoringType ?? config?.MonitoringType ?? 'DataQuality',
    ...(scheduleRhythm(ScheduleExpression ?? '') ?? { everyMs: once ?? HOUR_MS, offsetMs: 0 }),
    changedAtMs: described.LastModifiedTime?.getTime() ?? 0,
  };
}

/** `-PT1H` to `-PT0H`: offsets from the run. */
function isoSpanMs(from: string, to: string): number | null {
  const hours = (text: string): number | null => {
    const match = /^-?P(?:(\d+)D)?(?:T(?:(\d+)H)?)?$/.exec(text);
    return match === null ? null : Number(match[1] ?? 0) * 24 + Number(match[2] ?? 0);
  };
  const [a, b] = [hours(from), hours(to)];
  return a === null || b === null || a <= b ? null : (a - b) * HOUR_MS;
}

/** Executions scheduled after an instant, oldest first, a page or somewhat more than is judged at once. */
async function executionsAfter(
  { sagemaker }: Clients,
  schedule: string,
  afterMs: number,
): Promise<readonly MonitoringExecutionSummary[]> {
  const found: MonitoringExecutionSummary[] = [];
  let token: string | undefined;
  do {
    const page = await aws(
      may('sagemaker:ListMonitoringExecutions', onSchedule(schedule)),
      (options) =>
        sagemaker.send(
          new ListMonitoringExecutionsCommand({
            MonitoringScheduleName: schedule,
            ScheduledTimeAfter: new Date(afterMs),
            SortBy: 'ScheduledTime',
            SortOrder: 'Ascending',
            MaxResults: 100,
            ...(token === undefined ? {} : { NextToken: token }),
          }),
          options,
        ),
    );
    found.push(...(page.MonitoringExecutionSummaries ?? []));
    token = page.NextToken;
  } while (token !== undefined && found.length <= MOST_EXECUTIONS);
  return found;
}

interface AlertChange {
  readonly atMs: number;
  readonly status: string;
}

/** Changes of the schedule's alerts, newest first. */
async function alertHistory(
  { sagemaker }: Clients,
  schedule: string,
): Promise<readonly AlertChange[]> {
  const page = await aws(
    may('sagemaker:ListMonitoringAlertHistory', onSchedule(schedule)),
    (options) =>
      sagemaker.send(
        new ListMonitoringAlertHistoryCommand({
          MonitoringScheduleName: schedule,
          SortBy: 'CreationTime',
          SortOrder: 'Descending',
          MaxResults: 100,
        }),
        options,
      ),
  );
  return (page.MonitoringAlertHistory ?? []).map((change) => ({
    atMs: change.CreationTime?.getTime() ?? 0,
    status: change.AlertStatus ?? '',
  }));
}

async function judge(
  clients: Clients,
  watch: DataWatch,
  source: ModelMonitorSource,
  schedule: Schedule,
  summary: MonitoringExecutionSummary,
  window: Window,
  alerts: readonly AlertChange[],
): Promise<WindowResult | 'of another version'> {
  const execution: MonitorExecution = {
    scheduledAtMs: window.toMs,
    type: summary.MonitoringType ?? schedule.type,
    status: summary.MonitoringExecutionStatus ?? '',
    failureReason: summary.FailureReason ?? null,
  };
  const blind = (why: string) => blindResult(source.id, source.kind, window, why);
  if (execution.status === 'Failed' || execution.status === 'Stopped')
    return blind(blindExecution(execution));
  const job = summary.ProcessingJobArn?.split('/').at(-1);
  if (job === undefined) return blind('the execution names no processing job');
  const places = await placesOf(clients, job);
  if (places === undefined) return blind(`the processing job ${job} is gone, or names no output`);
  if (!countsFor(dataSpan(source, window, places), watch)) return 'of another version';

  const violationsUri = below(places.output, 'constraint_violations.json');
  const violations = await read(clients, violationsUri, parseViolations);
  // Those of the other types are metrics of their own, in other shapes.
  const ofColumns = execution.type === 'DataQuality';
  const statistics = ofColumns
    ? await read(clients, below(places.output, 'statistics.json'), parseStatistics)
    : ABSENT;
  const baseline =
    places.statistics === null || !ofColumns
      ? ABSENT
      : await read(clients, places.statistics, parseStatistics);
  const checked =
    places.constraints === null
      ? ABSENT
      : await read(clients, places.constraints, parseConstraints);
  for (const file of [violations, statistics, baseline, checked]) {
    if (file.kind !== 'malformed') continue;
    return {
      ...blindResult(source.id, source.kind, window, `${file.uri} cannot be read: ${file.fault}`),
      result: 'data quality',
      reportUri: file.uri,
    };
  }
  if (violations.kind === 'absent' && execution.status === 'CompletedWithViolations')
    return blind(`there are violations, but ${violationsUri} is not there`);
  if (
    violations.kind === 'read' &&
    violations.value.length === 0 &&
    execution.status === 'CompletedWithViolations'
  )
    return blind(`there are violations, but ${violationsUri} names none`);
  const compared = compareBoth(statistics, baseline);
  const settledMs = (summary.LastModifiedTime?.getTime() ?? 0) + durationMs(source.settle);
  const change = alerts.find(({ atMs }) => atMs <= settledMs)?.status;
  return monitorResult(
    source,
    window,
    execution,
    {
      violations: violations.kind === 'read' ? violations.value : [],
      rows: statistics.kind === 'read' ? statistics.value.rows : null,
      compared,
      checked: checked.kind === 'read' ? checked.value : null,
      alert: change === 'InAlert' || change === 'OK' ? change : null,
      reportUri: violations.kind === 'read' ? violationsUri : below(places.output, ''),
    },
    detectPolicyOf(watch.policy.spec.detect),
  );
}

/**
 * When what an execution looked at was captured. Monitors of labels look back, by the offsets of their job definition:
 * the container is told the span, and of a definition of ours the policy has it.
 */
function dataSpan(source: ModelMonitorSource, window: Window, places: Places): Window {
  const offsets = source.manage?.offsets;
  const ofPolicy =
    offsets === undefined
      ? null
      : {
          fromMs: window.toMs - durationMs(offsets.start),
          toMs: window.toMs - durationMs(offsets.end),
        };
  const told = [places.looksAt, ofPolicy].filter((span) => span !== null);
  const spans = told.length === 0 ? [window] : told;
  return {
    fromMs: Math.min(...spans.map(({ fromMs }) => fromMs)),
    toMs: Math.max(...spans.map(({ toMs }) => toMs)),
  };
}

const compareBoth = (
  statistics: Found<MonitorStatistics>,
  baseline: Found<MonitorStatistics>,
): ReturnType<typeof compareStatistics> =>
  statistics.kind === 'read' && baseline.kind === 'read'
    ? compareStatistics(baseline.value, statistics.value)
    : [];

interface Places {
  /** The span that the container was told to look at. */
  readonly looksAt: Window | null;
  readonly output: string;
  readonly statistics: string | null;
  readonly constraints: string | null;
}

/** Where an execution's job wrote, and what it compared with: the job says so itself, for the time it ran. */
async function placesOf({ sagemaker }: Clients, job: string): Promise<Places | undefined> {
  const described = await aws(
    may('sagemaker:DescribeProcessingJob', `processing-job/${job}`),
    (options) =>
      sagemaker.send(new DescribeProcessingJobCommand({ ProcessingJobName: job }), options),
    absent,
  );
  if (described === 'absent') return undefined;
  const output = described.ProcessingOutputConfig?.Outputs?.[0]?.S3Output?.S3Uri;
  if (output === undefined) return undefined;
  const inputs = (described.ProcessingInputs ?? []).flatMap((input) =>
    input.S3Input?.S3Uri === undefined ? [] : [input.S3Input.S3Uri],
  );
  const ending = (name: string) => inputs.find((uri) => uri.endsWith(name)) ?? null;
  const instant = (name: string): number => Date.parse(described.Environment?.[name] ?? '');
  const [fromMs, toMs] = [instant('start_time'), instant('end_time')];
  return {
    looksAt: fromMs < toMs ? { fromMs, toMs } : null,
    output,
    statistics: ending('statistics.json'),
    constraints: ending('constraints.json'),
  };
}

type Found<T> =
  | { readonly kind: 'read'; readonly value: T }
  | { readonly kind: 'absent' }
  | { readonly kind: 'malformed'; readonly uri: string; readonly fault: string };

const ABSENT = { kind: 'absent' } as const;

async function read<T>(
  { s3 }: Clients,
  uri: string,
  parse: (bytes: Uint8Array) => Parsed<T>,
): Promise<Found<T>> {
  const head = await headObject(s3, uri);
  if (head === undefined) return ABSENT;
  if (head.sizeBytes > MOST_REPORT_BYTES) {
    return {
      kind: 'malformed',
      uri,
      fault: `it has ${head.sizeBytes} bytes, at most ${MOST_REPORT_BYTES} are read`,
    };
  }
  const bytes = await readObject(s3, uri);
  if (bytes === undefined) return ABSENT;
  const parsed = parse(bytes);
  return parsed.kind === 'read' ? parsed : { ...parsed, uri };
}
