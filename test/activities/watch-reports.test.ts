import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { GetObjectCommand, HeadObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import {
  DescribeMonitoringScheduleCommand,
  DescribeProcessingJobCommand,
  ListMonitoringAlertHistoryCommand,
  ListMonitoringExecutionsCommand,
  type MonitoringExecutionSummary,
} from '@aws-sdk/client-sagemaker';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { duckAnalysis } from '../../activities/analysis.js';
import type { DataTold, DataWatch } from '../../activities/contract.js';
import { createDataActivities } from '../../activities/data.js';
import type { WindowResult } from '../../domain/model.js';
import type { PolicyInput } from '../../domain/policy.schema.js';
import { attemptOf, awsError, fakeAws, NOON, on, policyWith, ref } from './support.js';

const HOUR = 3_600_000;
const MINUTE = 60_000;
const DAY = 24 * HOUR;

let scratch = '';
beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'watch-reports-'));
});
afterEach(() => {
  rmSync(scratch, { recursive: true, force: true });
});

type SourceInput = PolicyInput['spec']['monitor']['sources'][number];

const watchOf = (source: SourceInput, of: Partial<DataWatch> = {}): DataWatch => ({
  ...ref,
  policy: policyWith({
    monitor: {
      every: '1h',
      sources: [{ id: 'health', kind: 'alarms' }, source],
      noData: { after: '6h' },
    },
    retrain: { pipeline: 'p', on: ['schedule'], schedule: '0 3 1 * *' },
    deploy: { probation: { rollBackOn: ['alarms'] } },
  }),
  champion: {
    configName: 'flights-1',
    packageArn: null,
    modelDataUrl: null,
    image: null,
    roleArn: null,
    sinceMs: NOON - 30 * DAY,
  },
  capturePrefix: null,
  baselineUri: null,
  countedToMs: {},
  recent: {},
  disturbed: [],
  toldNoData: [],
  notBeforeMs: 0,
  ...of,
});

interface Stored {
  readonly body: string | Uint8Array;
  readonly atMs: number;
}

/** An account with these objects below `reports/`, and perhaps a monitoring schedule. */
function account(objects: Record<string, Stored>, schedule?: ReturnType<typeof scheduleOf>) {
  const bytesOf = (key: string): Uint8Array => {
    const stored = objects[key];
    if (stored === undefined) throw awsError('NoSuchKey', 'The specified key does not exist.', 404);
    return typeof stored.body === 'string' ? new TextEncoder().encode(stored.body) : stored.body;
  };
  const aws = fakeAws(
    on(ListObjectsV2Command, ({ Prefix = '' }) => ({
      Contents: Object.entries(objects)
        .filter(([key]) => key.startsWith(Prefix))
        .map(([Key, { atMs }]) => ({
          Key,
          Size: bytesOf(Key).length,
          LastModified: new Date(atMs),
        })),
    })),
    on(GetObjectCommand, ({ Key = '' }) => {
      const bytes = bytesOf(Key);
      return { Body: { transformToByteArray: async () => bytes } } as never;
    }),
    on(HeadObjectCommand, ({ Key = '' }) => ({ ETag: '"e"', ContentLength: bytesOf(Key).length })),
    ...(schedule ?? []),
  );
  const look = (watch: DataWatch, nowMs = NOON, info = {}) =>
    attemptOf(
      createDataActivities({
        aws: () => aws.clients,
        analysis: duckAnalysis,
        now: () => nowMs,
        scratch,
      }).watchData,
      [watch],
      info,
    );
  return { aws, look };
}

function told(attempt: { readonly result: () => DataTold }): DataTold {
  return attempt.result();
}

const fixture = (name: string): Uint8Array =>
  readFileSync(new URL(`../fixtures/reports/${name}`, import.meta.url));
const accuracy = (value: number, at?: string): string =>
  JSON.stringify({
    metrics: [{ metric: 'ClassificationQualityMetric', result: { current: { accuracy: value } } }],
    ...(at === undefined ? {} : { timestamp: at }),
  });

const evidently: SourceInput = {
  id: 'report',
  kind: 'evidently',
  prefix: 's3://artefacts/reports/',
  metrics: { accuracy: { floor: 0.8 } },
};

describe('watchData of reports', () => {
  it('tells a report of drift with its own time, its columns and where it lies', async () => {
    const { look } = account({
      'reports/drift.json': { body: fixture('evidently-0.7.23-methods.json'), atMs: NOON - HOUR },
      'reports/notes.txt': { body: 'not a report', atMs: NOON - HOUR },
      'other/drift.json': { body: 'not looked at', atMs: NOON - HOUR },
    });
    const { windows, countedToMs } = told(await look(watchOf(evidently)));
    expect(windows).toMatchObject([
      {
        source: 'report',
        sourceKind: 'evidently',
        id: 'reports/drift.json',
        fromMs: NOON - HOUR - DAY,
        toMs: NOON - HOUR,
        result: 'breach',
        subjects: { drift: 'breach' },
        reportUri: 's3://artefacts/reports/drift.json',
      },
    ]);
    expect(windows[0]?.columns.map(({ name, verdict }) => [name, verdict])).toEqual([
      ['distance', 'drift'],
      ['origin', 'drift'],
      ['hour', 'warn'],
    ]);
    expect(countedToMs).toEqual({ report: NOON - HOUR });
  });

  it('waits until a report has settled, and then counts it once', async () => {
    const { look } = account({
      'reports/a.json': { body: accuracy(0.9, '2026-03-01 10:00:00'), atMs: NOON },
    });
    const soon = await look(watchOf(evidently), NOON + 30_000);
    expect(soon.error).toMatchObject({ type: 'Quiet' });
    const first = told(await look(watchOf(evidently), NOON + 61_000));
    expect(first.windows).toMatchObject([
      { toMs: NOON - 2 * HOUR, subjects: { performance: 'ok' } },
    ]);
    const again = watchOf(evidently, {
      countedToMs: first.countedToMs,
      recent: { report: first.windows },
    });
    expect((await look(again, NOON + HOUR)).error).toMatchObject({ type: 'Quiet' });
  });

  it('counts a report that was written again as the one it was', async () => {
    const body = accuracy(0.7, '2026-03-01 10:00:00');
    const first = told(
      await account({ 'reports/a.json': { body, atMs: NOON } }).look(
        watchOf(evidently),
        NOON + HOUR,
      ),
    );
    const again = watchOf(evidently, {
      countedToMs: first.countedToMs,
      recent: { report: first.windows },
    });
    const later = account({ 'reports/a.json': { body, atMs: NOON + 2 * HOUR } });
    expect((await later.look(again, NOON + 3 * HOUR)).error).toMatchObject({ type: 'Quiet' });
  });

  it('tells a broken report at once, with its file and field', async () => {
    const { look } = account({ 'reports/a.json': { body: '{"metrics":[{}]}', atMs: NOON - HOUR } });
    const { windows } = told(await look(watchOf(evidently)));
    expect(windows).toMatchObject([{ result: 'data quality', rows: 0 }]);
    expect(windows[0]?.sentence).toMatch(
      /s3:\/\/artefacts\/reports\/a\.json cannot be read: metrics\[0\]: neither metric/,
    );
  });

  it('takes a report about a time to come for broken, not for the latest', async () => {
    const { look } = account({
      'reports/a.json': { body: accuracy(0.9, '2126-01-01 00:00:00'), atMs: NOON - HOUR },
    });
    const { windows } = told(await look(watchOf(evidently)));
    expect(windows).toMatchObject([{ result: 'data quality', toMs: NOON - HOUR }]);
    expect(windows[0]?.sentence).toMatch(
      /a\.json cannot be read: it is about 2126-01-01T00:00:00\.000Z, which is after it was written/,
    );
  });

  it('passes over reports about the version before, and about a time in which two served', async () => {
    const objects = { 'reports/a.json': { body: accuracy(0.5), atMs: NOON - HOUR } };
    const champion = { ...watchOf(evidently).champion, sinceMs: NOON - 2 * HOUR };
    expect((await account(objects).look(watchOf(evidently, { champion }))).error).toMatchObject({
      type: 'Quiet',
      message: expect.stringMatching(
        /1 new report counts for nobody, as the version did not serve alone at the time, the latest until \d{4}-/,
      ) as string,
    });
    const disturbed = [{ fromMs: NOON - 3 * HOUR, toMs: NOON - 2 * HOUR }];
    expect((await account(objects).look(watchOf(evidently, { disturbed }))).error).toMatchObject({
      type: 'Quiet',
    });
  });

  it('tells once that no report came, after its period and noData.after', async () => {
    const { look } = account({});
    const source = { ...evidently, every: '2h', settle: '1m' } as const;
    // The first look starts the clock.
    const first = await look(watchOf(source));
    expect(first.error).toMatchObject({ type: 'Quiet' });
    const heartbeatDetails = first.details;
    const soon = await look(watchOf(source), NOON + 8 * HOUR - 1, { heartbeatDetails });
    expect(soon.error).toMatchObject({ type: 'Quiet' });
    const silent = told(await look(watchOf(source), NOON + 8 * HOUR, { heartbeatDetails }));
    expect(silent.noData).toMatchObject([{ source: 'report' }]);
    expect(silent.noData[0]?.sentence).toMatch(
      /no report of Evidently below s3:.* one is due every 2h/,
    );
  });

  it('reads frames of NannyML from Parquet, and leaves no file behind', async () => {
    const champion = { ...watchOf(evidently).champion, sinceMs: 0 };
    const source: SourceInput = {
      id: 'report',
      kind: 'nannyml',
      prefix: 's3://artefacts/reports/',
    };
    const { look } = account({
      'reports/drift.parquet': { body: fixture('nannyml-0.13.1-drift.parquet'), atMs: NOON - HOUR },
    });
    const { windows } = told(await look(watchOf(source, { champion })));
    expect(windows.map(({ id, rows, subjects }) => [id, rows, subjects])).toEqual([
      ['reports/drift.parquet#[0:4999]', 5_000, { drift: 'ok' }],
      ['reports/drift.parquet#[5000:9999]', 5_000, { drift: 'ok' }],
    ]);
    expect(readdirSync(scratch)).toEqual([]);
  });

  it('takes the metrics of one MLflow run and step as one report, and of a growing file only what is new', async () => {
    const source: SourceInput = {
      id: 'report',
      kind: 'mlflow',
      prefix: 's3://artefacts/reports/',
      metrics: { f1: { floor: 0.7 }, auc: { floor: 0.7 } },
    };
    const file = (name: string, ...values: number[]): [string, Stored] => [
      `reports/0/run1/metrics/${name}`,
      {
        body: values
          .map((value, step) => `${NOON - DAY + step * HOUR} ${value} ${step}\n`)
          .join(''),
        atMs: NOON - HOUR,
      },
    ];
    const objects = Object.fromEntries([
      file('f1', 0.8, 0.6),
      file('auc', 0.9, 0.9),
      file('ignored', 0, 0),
    ]);
    const first = told(await account(objects).look(watchOf(source)));
    expect(first.windows.map(({ id, subjects }) => [id, subjects])).toEqual([
      ['reports/0/run1/metrics#run1/0', { performance: 'ok' }],
      ['reports/0/run1/metrics#run1/1', { performance: 'breach' }],
    ]);
    const grown = Object.fromEntries(
      [file('f1', 0.8, 0.6, 0.5), file('auc', 0.9, 0.9, 0.9)].map(([key, { body }]) => [
        key,
        { body, atMs: NOON },
      ]),
    );
    const watch = watchOf(source, {
      countedToMs: first.countedToMs,
      recent: { report: first.windows },
    });
    const next = told(await account(grown).look(watch, NOON + HOUR));
    expect(next.windows.map(({ id }) => id)).toEqual(['reports/0/run1/metrics#run1/2']);
  });

  it('reads many files in several attempts and none twice', async () => {
    const objects = Object.fromEntries(
      Array.from({ length: 120 }, (_, n) => [
        `reports/${String(n).padStart(3, '0')}.json`,
        { body: accuracy(0.9), atMs: NOON - 10 * HOUR + n * MINUTE },
      ]),
    );
    const { look, aws } = account(objects);
    const from = watchOf(evidently, { countedToMs: { report: NOON - DAY }, recent: {} });
    const first = told(await look(from));
    expect(first.windows).toHaveLength(50);
    const second = told(await look({ ...from, countedToMs: first.countedToMs }));
    const third = told(await look({ ...from, countedToMs: second.countedToMs }));
    expect(third.windows).toHaveLength(20);
    expect(aws.inputs(GetObjectCommand)).toHaveLength(120);
  });
});

const statistics = (shift: number, rows = 1_000) => ({
  version: 0,
  dataset: { item_count: rows },
  features: [
    {
      name: 'distance',
      inferred_type: 'Fractional',
      numerical_statistics: {
        common: { num_present: rows, num_missing: 0 },
        distribution: {
          kll: {
            buckets: Array.from({ length: 10 }, (_, n) => ({
              lower_bound: n * 10 + shift,
              upper_bound: n * 10 + 10 + shift,
              count: rows / 10,
            })),
          },
        },
      },
    },
  ],
});

const json = (value: unknown): Stored => ({ body: JSON.stringify(value), atMs: NOON });

interface Run {
  readonly atMs: number;
  readonly status: MonitoringExecutionSummary['MonitoringExecutionStatus'];
  readonly reason?: string;
}

/** Answers of SageMaker for the hourly schedule `dq`, whose executions are these. */
function scheduleOf(
  runs: readonly Run[],
  of: {
    status?: 'Scheduled' | 'Stopped' | 'Failed';
    /** AWS's reason for the status. */
    why?: string;
    alerts?: readonly Run[];
    /** What the container was told. */
    environment?: Readonly<Record<string, string>>;
  } = {},
) {
  return [
    on(DescribeMonitoringScheduleCommand, () => ({
      MonitoringScheduleName: 'dq',
      MonitoringScheduleStatus: of.status ?? 'Scheduled',
      ...(of.why === undefined ? {} : { FailureReason: of.why }),
      MonitoringType: 'DataQuality' as const,
      LastModifiedTime: new Date(NOON - 10 * DAY),
      MonitoringScheduleConfig: {
        ScheduleConfig: { ScheduleExpression: 'cron(0 * ? * * *)' },
        MonitoringType: 'DataQuality' as const,
      },
    })),
    on(ListMonitoringExecutionsCommand, ({ ScheduledTimeAfter }) => ({
      MonitoringExecutionSummaries: runs
        .filter(({ atMs }) => atMs > (ScheduledTimeAfter?.getTime() ?? 0))
        .map(({ atMs, status, reason }) => ({
          MonitoringScheduleName: 'dq',
          ScheduledTime: new Date(atMs),
          CreationTime: new Date(atMs),
          LastModifiedTime: new Date(atMs + 10 * MINUTE),
          MonitoringExecutionStatus: status,
          ...(reason === undefined ? {} : { FailureReason: reason }),
          ProcessingJobArn: `arn:aws:sagemaker:us-east-1:111122223333:processing-job/dq-${atMs}`,
        })),
    })),
    on(DescribeProcessingJobCommand, ({ ProcessingJobName = '' }) => ({
      ProcessingJobName,
      ...(of.environment === undefined ? {} : { Environment: of.environment }),
      ProcessingInputs: [
        {
          InputName: 'baseline',
          S3Input: {
            S3DataType: 'S3Prefix' as const,
            S3Uri: 's3://artefacts/base/statistics.json',
          },
        },
        {
          InputName: 'constraints',
          S3Input: {
            S3DataType: 'S3Prefix' as const,
            S3Uri: 's3://artefacts/base/constraints.json',
          },
        },
      ],
      ProcessingOutputConfig: {
        Outputs: [
          {
            OutputName: 'r',
            S3Output: {
              S3Uri: `s3://artefacts/out/${ProcessingJobName}`,
              LocalPath: '/opt/ml/processing/output',
              S3UploadMode: 'EndOfJob' as const,
            },
          },
        ],
      },
    })),
    on(ListMonitoringAlertHistoryCommand, () => ({
      MonitoringAlertHistory: (of.alerts ?? []).map(({ atMs, status }) => ({
        MonitoringScheduleName: 'dq',
        MonitoringAlertName: 'a',
        CreationTime: new Date(atMs),
        AlertStatus: status === 'Completed' ? 'OK' : 'InAlert',
      })),
    })),
  ] as const;
}

const monitor: SourceInput = { id: 'legacy', kind: 'model-monitor', schedule: 'dq' };
const base = {
  'base/statistics.json': json(statistics(0)),
  'base/constraints.json': json({ features: [{ name: 'distance' }] }),
};
const output = (atMs: number, files: Record<string, unknown>): Record<string, Stored> =>
  Object.fromEntries(
    Object.entries(files).map(([name, value]) => [`out/dq-${atMs}/${name}`, json(value)]),
  );
const moved = {
  'constraint_violations.json': {
    violations: [
      {
        feature_name: 'distance',
        constraint_check_type: 'baseline_drift_check',
        description: 'moved',
      },
    ],
  },
  'statistics.json': statistics(60),
};
const fine = (toMs: number): WindowResult => ({
  fromMs: toMs - HOUR,
  toMs,
  source: 'legacy',
  sourceKind: 'model-monitor',
  result: 'ok',
  rows: 1_000,
  sentence: 'fine',
  columns: [],
});
/** What a keeper knows that has counted until so many hours ago. */
const since = (hours: number): Partial<DataWatch> => ({
  countedToMs: { legacy: NOON - hours * HOUR },
  recent: { legacy: [fine(NOON - hours * HOUR)] },
});

describe('watchData of Model Monitor', () => {
  it('takes an execution as the hour before it, judged by the distributions of both sides', async () => {
    const runs: Run[] = [
      { atMs: NOON - HOUR, status: 'Completed' },
      { atMs: NOON, status: 'CompletedWithViolations' },
    ];
    const objects = {
      ...base,
      ...output(NOON - HOUR, { 'statistics.json': statistics(0) }),
      ...output(NOON, moved),
    };
    const { look } = account(objects, scheduleOf(runs));
    const { windows, countedToMs } = told(
      await look(watchOf(monitor, since(2)), NOON + 15 * MINUTE),
    );
    expect(windows).toMatchObject([
      {
        fromMs: NOON - 2 * HOUR,
        toMs: NOON - HOUR,
        result: 'ok',
        subjects: { drift: 'ok' },
        rows: 1_000,
      },
      {
        fromMs: NOON - HOUR,
        toMs: NOON,
        result: 'breach',
        subjects: { drift: 'breach' },
        reportUri: `s3://artefacts/out/dq-${NOON}/constraint_violations.json`,
      },
    ]);
    expect(windows[1]?.sentence).toMatch(/distance: moved by 0\.\d+ \(drift from 0\.2\), PSI/);
    expect(countedToMs).toEqual({ legacy: NOON });
  });

  it('takes a run without data and a failed one as no evidence', async () => {
    const runs: Run[] = [
      { atMs: NOON - HOUR, status: 'Failed', reason: 'Job inputs had no data' },
      { atMs: NOON, status: 'Failed', reason: 'Exit code 137' },
    ];
    const { windows } = told(
      await account(base, scheduleOf(runs)).look(watchOf(monitor, since(2)), NOON + 15 * MINUTE),
    );
    expect(windows.map(({ result, sentence }) => [result, sentence.split('UTC: ')[1]])).toEqual([
      ['cannot tell', 'no data was captured (Job inputs had no data)'],
      ['cannot tell', 'the execution is Failed: Exit code 137'],
    ]);
  });

  it('tells a late execution once, and its result when it comes', async () => {
    const running: Run[] = [{ atMs: NOON, status: 'InProgress' }];
    const { look } = account({ ...base, ...output(NOON, moved) }, scheduleOf(running));
    expect((await look(watchOf(monitor, since(1)), NOON + 2 * HOUR - 1)).error).toMatchObject({
      type: 'Quiet',
    });
    const late = told(await look(watchOf(monitor, since(1)), NOON + 2 * HOUR));
    expect(late.windows).toMatchObject([{ result: 'cannot tell', toMs: NOON }]);
    expect(late.windows[0]?.sentence).toMatch(/is late: it is still InProgress 2h after its time/);
    expect(late.countedToMs).toEqual({ legacy: NOON - HOUR });
    const knowing = watchOf(monitor, {
      ...since(1),
      recent: { legacy: [fine(NOON - HOUR), ...late.windows] },
    });
    expect((await look(knowing, NOON + 3 * HOUR)).error).toMatchObject({ type: 'Quiet' });
    const ended = account(
      { ...base, ...output(NOON, moved) },
      scheduleOf([{ atMs: NOON, status: 'CompletedWithViolations' }]),
    );
    expect(told(await ended.look(knowing, NOON + 3 * HOUR)).windows[0]).toMatchObject({
      result: 'breach',
      toMs: NOON,
    });
  });

  it('tells the times at which a schedule did not run, unless it is stopped', async () => {
    const late = NOON + 2 * HOUR + 3 * MINUTE;
    const { windows } = told(
      await account(base, scheduleOf([])).look(watchOf(monitor, since(1)), late),
    );
    expect(windows.map(({ toMs, sentence }) => [toMs, sentence.split('UTC: ')[1]])).toEqual([
      [NOON, 'the schedule dq did not run'],
    ]);
    const stopped = await account(base, scheduleOf([], { status: 'Stopped' })).look(
      watchOf(monitor, since(1)),
      late,
    );
    expect(stopped.error).toMatchObject({
      type: 'Quiet',
      message: expect.stringContaining('the monitoring schedule dq is Stopped') as string,
    });
  });

  it('names the file and the field of what cannot be read', async () => {
    const objects = {
      ...base,
      ...output(NOON, { ...moved, 'constraint_violations.json': { violations: [{}] } }),
    };
    const { look } = account(
      objects,
      scheduleOf([{ atMs: NOON, status: 'CompletedWithViolations' }]),
    );
    const { windows } = told(await look(watchOf(monitor, since(1)), NOON + 15 * MINUTE));
    expect(windows).toMatchObject([{ result: 'data quality' }]);
    expect(windows[0]?.sentence).toMatch(
      /constraint_violations\.json cannot be read: violations\[0\]\.constraint_check_type: /,
    );
  });

  it('does not take an empty list for none where the execution says otherwise', async () => {
    const objects = {
      ...base,
      ...output(NOON, { 'constraint_violations.json': { violations: [] } }),
    };
    const { look } = account(
      objects,
      scheduleOf([{ atMs: NOON, status: 'CompletedWithViolations' }]),
    );
    const { windows } = told(await look(watchOf(monitor, since(1)), NOON + 15 * MINUTE));
    expect(windows).toMatchObject([{ result: 'cannot tell' }]);
    expect(windows[0]?.sentence).toMatch(/there are violations, but s3:.* names none/);
  });

  it('does not take violations that are gone for none', async () => {
    const { look } = account(base, scheduleOf([{ atMs: NOON, status: 'CompletedWithViolations' }]));
    const { windows } = told(await look(watchOf(monitor, since(1)), NOON + 15 * MINUTE));
    expect(windows).toMatchObject([{ result: 'cannot tell' }]);
    expect(windows[0]?.sentence).toMatch(/there are violations, but s3:.* is not there/);
  });

  it('with alerts waits for Model Monitor to raise one, as it was after the execution', async () => {
    const runs: Run[] = [{ atMs: NOON, status: 'CompletedWithViolations' }];
    const objects = { ...base, ...output(NOON, moved) };
    const result = async (alerts: readonly Run[]) => {
      const attempt = await account(objects, scheduleOf(runs, { alerts })).look(
        watchOf({ ...monitor, alerts: true }, since(1)),
        NOON + 15 * MINUTE,
      );
      return (attempt.details as { readonly windows: readonly WindowResult[] }).windows[0]?.result;
    };
    const raised: Run = { atMs: NOON + 10 * MINUTE, status: 'CompletedWithViolations' };
    expect(await result([raised])).toBe('breach');
    expect(await result([])).toBe('warn');
    expect(await result([{ ...raised, atMs: NOON + 13 * MINUTE }])).toBe('warn');
    expect(await result([{ atMs: NOON + 11 * MINUTE, status: 'Completed' }, raised])).toBe('warn');
  });

  describe('whose answers are from before its run, as labels are late', () => {
    const runs: Run[] = [{ atMs: NOON, status: 'CompletedWithViolations' }];
    const objects = { ...base, ...output(NOON, moved) };
    const iso = (atMs: number): string => new Date(atMs).toISOString();
    const told48To24 = {
      environment: { start_time: iso(NOON - 2 * DAY), end_time: iso(NOON - DAY) },
    };
    const seenBy = async (
      sinceMs: number,
      of: Parameters<typeof scheduleOf>[1],
      source = monitor,
      rest: Partial<DataWatch> = {},
    ) => {
      const { look } = account(objects, scheduleOf(runs, of));
      const watch = watchOf(source, since(1));
      const attempt = await look(
        { ...watch, champion: { ...watch.champion, sinceMs }, ...rest },
        NOON + 15 * MINUTE,
      );
      return attempt;
    };
    const windowsOf = async (...args: Parameters<typeof seenBy>) =>
      told(await seenBy(...args)).windows.length;
    const offsets: SourceInput = {
      ...monitor,
      kind: 'model-monitor',
      manage: {
        type: 'model-quality',
        image: 'i',
        role: 'arn:aws:iam::111122223333:role/m',
        problem: 'binary',
        groundTruth: 's3://artefacts/labels/',
        attributes: { inference: '0' },
        offsets: { start: '48h', end: '24h' },
        baseline: { constraints: 's3://artefacts/base/constraints.json' },
      },
      schedule: 'flights-dq',
    };

    it('counts for the version that gave them, by what its container was told', async () => {
      expect(await windowsOf(NOON - 2 * DAY, told48To24)).toBe(1);
      const { error } = await seenBy(NOON - 2 * DAY + 1, told48To24);
      expect(error).toMatchObject({
        type: 'Quiet',
        message: expect.stringMatching(/answers of an earlier version/) as string,
      });
    });

    it('counts for nobody while something else was served, and as ever where nothing is told', async () => {
      const rolling = { fromMs: NOON - 36 * HOUR, toMs: NOON - 35 * HOUR };
      const disturbed = { disturbed: [rolling] };
      expect((await seenBy(0, told48To24, monitor, disturbed)).error).toMatchObject({
        type: 'Quiet',
      });
      expect(await windowsOf(NOON - HOUR, {}, monitor, disturbed)).toBe(1);
      expect(await windowsOf(0, { environment: { start_time: 'yesterday' } })).toBe(1);
    });

    it('is known by the offsets of the policy too', async () => {
      expect(await windowsOf(NOON - 2 * DAY, {}, offsets)).toBe(1);
      expect((await seenBy(NOON - 2 * DAY + 1, {}, offsets)).error).toMatchObject({
        type: 'Quiet',
      });
    });
  });

  it('says of a schedule that failed why', async () => {
    const { look } = account({}, scheduleOf([], { status: 'Failed', why: 'the role is gone' }));
    const { error } = await look(watchOf(monitor, since(1)), NOON + 15 * MINUTE);
    expect(error).toMatchObject({
      message: expect.stringContaining('schedule dq is Failed: the role is gone') as string,
    });
  });

  it('says of a schedule that is not there what to change', async () => {
    const absent = [
      on(DescribeMonitoringScheduleCommand, () => {
        throw awsError('ResourceNotFound', 'Could not find requested job', 400);
      }),
    ] as unknown as ReturnType<typeof scheduleOf>;
    const quiet = await account({}, absent).look(watchOf(monitor), NOON);
    expect(quiet.error).toMatchObject({
      message: expect.stringContaining(
        'there is no monitoring schedule dq in us-east-1: correct the name',
      ) as string,
    });
  });
});
