/** Model Monitor by the hour, on a clock that the test moves. */
import { CreateBucketCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import {
  CreateModelQualityJobDefinitionCommand,
  CreateMonitoringScheduleCommand,
  ListMonitoringExecutionsCommand,
  type MonitoringExecutionSummary,
} from '@aws-sdk/client-sagemaker';
import { afterAll, beforeAll, expect, it } from 'vitest';

import type { WindowResult } from '../../../domain/model.js';
import { monitorWindows } from '../../activities/monitor-keeper.js';
import { policyInput, policyWith } from '../../activities/support.js';
import { capturedTo, customer, discard, fault, openHours, ROLE, serving } from './support.js';

const HOUR_MS = 3_600_000;

const { bench, now, passing } = await openHours(Date.UTC(2026, 2, 1, 9, 10));
const { sagemaker, s3 } = bench;

beforeAll(async () => {
  await customer(bench, true);
  await s3.send(new CreateBucketCommand({ Bucket: 'ml-data' }));
  await serving(bench, 'flights-live', {
    capture: capturedTo('s3://ml-data/capture', 'Input', 'Output'),
    wait: passing,
  });
}, 60_000);
afterAll(async () => {
  await bench.close();
  discard(bench.home);
});

const create = async (name: string): Promise<void> => {
  await sagemaker.send(
    new CreateMonitoringScheduleCommand({
      MonitoringScheduleName: name,
      MonitoringScheduleConfig: {
        ScheduleConfig: { ScheduleExpression: 'cron(0 * ? * * *)' },
        MonitoringJobDefinitionName: 'mq',
        MonitoringType: 'ModelQuality',
      },
    }),
  );
};
const executions = async (name: string): Promise<readonly MonitoringExecutionSummary[]> =>
  (
    await sagemaker.send(
      new ListMonitoringExecutionsCommand({
        MonitoringScheduleName: name,
        SortBy: 'ScheduledTime',
        SortOrder: 'Ascending',
      }),
    )
  ).MonitoringExecutionSummaries ?? [];

/** Hours that are even since 1970 are answered rightly, odd ones wrongly. */
const isRight = (hour: number): boolean => hour % 2 === 0;

async function traffic(fromMs: number, hours: number): Promise<void> {
  const first = Math.floor(fromMs / HOUR_MS);
  const rows = Array.from({ length: hours * 4 }, (_, n) => {
    const hour = first + Math.floor(n / 4);
    const label = n % 2;
    return {
      eventId: `e${n}`,
      atMs: hour * HOUR_MS + (n % 4) * 60_000,
      label,
      answer: isRight(hour) ? label : 1 - label,
    };
  });
  const lines = rows.map(({ eventId, atMs, answer }) => ({
    captureData: {
      endpointOutput: {
        observedContentType: 'text/csv',
        mode: 'OUTPUT',
        data: String(answer),
        encoding: 'CSV',
      },
    },
    eventMetadata: { eventId, inferenceTime: new Date(atMs).toISOString() },
    eventVersion: '0',
  }));
  const labels = rows.map(({ eventId, label }) => ({
    groundTruthData: { data: String(label), encoding: 'CSV' },
    eventMetadata: { eventId },
    eventVersion: '0',
  }));
  const write = (Key: string, all: readonly object[]): Promise<unknown> =>
    s3.send(
      new PutObjectCommand({
        Bucket: 'ml-data',
        Key,
        Body: all.map((one) => JSON.stringify(one)).join('\n'),
      }),
    );
  await write('capture/flights-live/AllTraffic/2026/03/01/00/all.jsonl', lines);
  await write('labels/all.jsonl', labels);
}

/** What the keeper's watch makes of a schedule's executions. */
const windowsOf = (schedule: string, afterMs?: number): Promise<readonly WindowResult[]> =>
  monitorWindows(
    bench,
    now,
    policyWith({
      monitor: {
        sources: [
          ...policyInput.spec.monitor.sources,
          { id: 'mq', kind: 'model-monitor', schedule, late: '2h', settle: '0s' },
        ],
      },
    }),
    'mq',
    afterMs,
  );

it('runs model quality on the hour, finds lost quality, and is late, failed or missing as it is told', async () => {
  await traffic(now() - 2 * HOUR_MS, 200);
  await s3.send(
    new PutObjectCommand({
      Bucket: 'ml-data',
      Key: 'constraints.json',
      Body: JSON.stringify({
        version: 0,
        binary_classification_constraints: {
          accuracy: { threshold: 0.9, comparison_operator: 'LessThanThreshold' },
        },
      }),
    }),
  );
  await sagemaker.send(
    new CreateModelQualityJobDefinitionCommand({
      JobDefinitionName: 'mq',
      ModelQualityBaselineConfig: {
        ConstraintsResource: { S3Uri: 's3://ml-data/constraints.json' },
      },
      ModelQualityAppSpecification: { ImageUri: 'monitor:1', ProblemType: 'BinaryClassification' },
      ModelQualityJobInput: {
        EndpointInput: {
          EndpointName: 'flights-live',
          LocalPath: '/opt/ml/processing/input',
          InferenceAttribute: '0',
        },
        GroundTruthS3Input: { S3Uri: 's3://ml-data/labels' },
      },
      ModelQualityJobOutputConfig: {
        MonitoringOutputs: [
          { S3Output: { S3Uri: 's3://ml-data/monitor', LocalPath: '/opt/ml/processing/output' } },
        ],
      },
      JobResources: {
        ClusterConfig: { InstanceCount: 1, InstanceType: 'ml.m5.large', VolumeSizeInGB: 20 },
      },
      RoleArn: ROLE,
    }),
  );
  const one = (kind: string, match: string, message?: string): object => ({
    operation: '*',
    kind: `${kind} monitoring execution`,
    match,
    times: 1,
    ...(message === undefined ? {} : { message }),
  });
  await fault(
    bench,
    one('missed', 'skips'),
    one('late', 'dawdles'),
    one('failed', 'breaks', 'AlgorithmError: out of memory'),
  );
  for (const name of ['works', 'skips', 'dawdles', 'breaks']) await create(name);

  const over = (
    all: readonly MonitoringExecutionSummary[],
  ): readonly MonitoringExecutionSummary[] =>
    all.filter(({ MonitoringExecutionStatus }) => MonitoringExecutionStatus !== 'InProgress');
  const dueAtMs = (one: MonitoringExecutionSummary | undefined): number =>
    one?.ScheduledTime?.getTime() ?? 0;

  const runs = over(
    await passing(
      () => executions('works'),
      (all) => over(all).length >= 3,
    ),
  );
  for (const run of runs) {
    expect(dueAtMs(run) % HOUR_MS).toBe(0);
    expect(run.MonitoringExecutionStatus).toBe(
      isRight(dueAtMs(run) / HOUR_MS - 1) ? 'Completed' : 'CompletedWithViolations',
    );
  }
  const judged = await windowsOf('works', dueAtMs(runs[0]) - 1);
  expect(judged.length).toBeGreaterThanOrEqual(3);
  for (const window of judged)
    expect(window).toMatchObject(
      isRight(window.fromMs / HOUR_MS)
        ? { result: 'ok', subjects: { performance: 'ok' } }
        : { result: 'breach', subjects: { performance: 'breach' } },
    );
  expect(judged.find(({ result }) => result === 'breach')?.sentence).toMatch(
    /LessThanThreshold of accuracy \(Metric accuracy with 0 was/,
  );

  const [skipped] = await executions('skips');
  expect(dueAtMs(skipped) - dueAtMs(runs[0])).toBe(HOUR_MS);
  expect((await windowsOf('skips', dueAtMs(runs[0]) - 1))[0]).toMatchObject({
    result: 'cannot tell',
    sentence: expect.stringContaining('did not run') as string,
  });

  const [failed] = over(await executions('breaks'));
  expect(failed).toMatchObject({
    MonitoringExecutionStatus: 'Failed',
    FailureReason: 'AlgorithmError: out of memory',
  });
  expect((await windowsOf('breaks', dueAtMs(failed) - 1))[0]).toMatchObject({
    result: 'cannot tell',
    sentence: expect.stringContaining('out of memory') as string,
  });

  const [late] = await executions('dawdles');
  await passing(
    () => Promise.resolve(now()),
    (atMs) => atMs > dueAtMs(late) + 3 * HOUR_MS,
  );
  expect((await windowsOf('dawdles', dueAtMs(late) - 1))[0]).toMatchObject({
    result: 'cannot tell',
    sentence: expect.stringContaining('the execution is late') as string,
  });
  const [ended] = over(
    await passing(
      () => executions('dawdles'),
      (all) => over(all).length > 0,
    ),
  );
  expect((ended?.LastModifiedTime?.getTime() ?? 0) - dueAtMs(ended)).toBeGreaterThan(6 * HOUR_MS);
});
