import { CreateBucketCommand, GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import {
  CreateDataQualityJobDefinitionCommand,
  CreateModelBiasJobDefinitionCommand,
  CreateMonitoringScheduleCommand,
  DeleteMonitoringScheduleCommand,
  DescribeDataQualityJobDefinitionCommand,
  DescribeModelBiasJobDefinitionCommand,
  DescribeMonitoringScheduleCommand,
  DescribeProcessingJobCommand,
  ListMonitoringAlertHistoryCommand,
  ListMonitoringAlertsCommand,
  ListMonitoringExecutionsCommand,
  StopMonitoringScheduleCommand,
  UpdateMonitoringAlertCommand,
  UpdateMonitoringScheduleCommand,
} from '@aws-sdk/client-sagemaker';
import { InvokeEndpointCommand } from '@aws-sdk/client-sagemaker-runtime';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDataActivities } from '../../../activities/data.js';
import { attemptOf, noAnalysis, policyWith } from '../../activities/support.js';
import {
  capturedTo,
  customer,
  discard,
  fault,
  LEARNER,
  openBench,
  ROLE,
  serving,
  until,
} from './support.js';
import type { Bench } from './support.js';

let bench: Bench;
beforeAll(async () => {
  bench = await openBench();
  await bench.s3.send(new CreateBucketCommand({ Bucket: 'ml-data' }));
  await serving(bench, 'flights', { capture: capturedTo('s3://ml-data/capture', 'Input') });
}, 60_000);
afterAll(async () => {
  await bench.close();
  discard(bench.home);
});

const put = (Key: string, value: unknown) =>
  bench.s3.send(new PutObjectCommand({ Bucket: 'ml-data', Key, Body: JSON.stringify(value) }));

const definition = (JobDefinitionName: string) =>
  new CreateDataQualityJobDefinitionCommand({
    JobDefinitionName,
    DataQualityBaselineConfig: {
      StatisticsResource: { S3Uri: 's3://ml-data/base/statistics.json' },
      ConstraintsResource: { S3Uri: 's3://ml-data/base/constraints.json' },
    },
    DataQualityAppSpecification: { ImageUri: 'monitor:1' },
    DataQualityJobInput: {
      EndpointInput: { EndpointName: 'flights', LocalPath: '/opt/ml/processing/input' },
    },
    DataQualityJobOutputConfig: {
      MonitoringOutputs: [
        { S3Output: { S3Uri: 's3://ml-data/monitor', LocalPath: '/opt/ml/processing/output' } },
      ],
    },
    JobResources: {
      ClusterConfig: { InstanceCount: 1, InstanceType: 'ml.m5.large', VolumeSizeInGB: 20 },
    },
    RoleArn: ROLE,
  });
const once = (name: string, job: string, expression = 'NOW') =>
  new CreateMonitoringScheduleCommand({
    MonitoringScheduleName: name,
    MonitoringScheduleConfig: {
      ScheduleConfig: {
        ScheduleExpression: expression,
        DataAnalysisStartTime: '-PT1H',
        DataAnalysisEndTime: '-PT0H',
      },
      MonitoringJobDefinitionName: job,
      MonitoringType: 'DataQuality',
    },
  });
const ended = (name: string) =>
  until(
    () =>
      bench.sagemaker.send(
        new ListMonitoringExecutionsCommand({
          MonitoringScheduleName: name,
          SortBy: 'ScheduledTime',
        }),
      ),
    ({ MonitoringExecutionSummaries }) => {
      const last = MonitoringExecutionSummaries?.[0];
      return last !== undefined && last.MonitoringExecutionStatus !== 'InProgress';
    },
  );
const refused = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => 'accepted',
    (error: unknown) => String(error),
  );
const invoke = (rows: readonly string[]) =>
  bench.runtime.send(
    new InvokeEndpointCommand({
      EndpointName: 'flights',
      ContentType: 'text/csv',
      Body: rows.join('\n'),
    }),
  );

/** Ten even buckets from 0 to 100. */
const baseline = {
  version: 0,
  dataset: { item_count: 1_000 },
  features: [
    {
      name: 'distance',
      inferred_type: 'Fractional',
      numerical_statistics: {
        common: { num_present: 1_000, num_missing: 0 },
        distribution: {
          kll: {
            buckets: Array.from({ length: 10 }, (_, n) => ({
              lower_bound: n * 10,
              upper_bound: n * 10 + 10,
              count: 100,
            })),
          },
        },
      },
    },
  ],
};

describe('Model Monitor', () => {
  it('is closed to new customers, and open to an account that is one already', async () => {
    expect(await refused(bench.sagemaker.send(definition('closed')))).toMatch(
      /no longer open to new customers/,
    );
    expect(await refused(bench.sagemaker.send(once('closed', 'x')))).toMatch(
      /no longer open to new customers/,
    );
    await customer(bench, true);
    await bench.sagemaker.send(definition('dq'));
    expect(await refused(bench.sagemaker.send(definition('dq')))).toMatch(/^ResourceInUse: /);
    const described = await bench.sagemaker.send(
      new DescribeDataQualityJobDefinitionCommand({ JobDefinitionName: 'dq' }),
    );
    expect(described.DataQualityAppSpecification?.ImageUri).toBe('monitor:1');
    expect(
      await refused(
        bench.sagemaker.send(
          new DescribeModelBiasJobDefinitionCommand({ JobDefinitionName: 'dq' }),
        ),
      ),
    ).toMatch(/^ResourceNotFound: /);
  });

  it('runs without data: the execution fails and says so', async () => {
    await put('base/statistics.json', baseline);
    await put('base/constraints.json', {
      features: [{ name: 'distance', inferred_type: 'Fractional', completeness: 1 }],
    });
    await bench.sagemaker.send(once('empty', 'dq'));
    const { MonitoringExecutionSummaries: [execution] = [] } = await ended('empty');
    expect(execution).toMatchObject({
      MonitoringExecutionStatus: 'Failed',
      FailureReason: 'Job inputs had no data',
    });
  });

  it('finds nothing in data like the baseline, and violations in data that moved; the job is Completed both times', async () => {
    const even = Array.from({ length: 300 }, (_, n) => String((n % 100) + 0.5));
    await invoke(even);
    await until(
      async () => bench.kernel.objects.list('ml-data', 'capture/').length,
      (count) => count > 0,
    );
    await bench.sagemaker.send(once('calm', 'dq'));
    expect((await ended('calm')).MonitoringExecutionSummaries?.[0]?.MonitoringExecutionStatus).toBe(
      'Completed',
    );
    await invoke(Array.from({ length: 900 }, () => '95.5'));
    await until(
      async () => bench.kernel.objects.list('ml-data', 'capture/').length,
      (count) => count > 1,
    );
    await bench.sagemaker.send(once('moved', 'dq'));
    const [execution] = (await ended('moved')).MonitoringExecutionSummaries ?? [];
    expect(execution?.MonitoringExecutionStatus).toBe('CompletedWithViolations');
    const job = await bench.sagemaker.send(
      new DescribeProcessingJobCommand({
        ProcessingJobName: execution?.ProcessingJobArn?.split('/').at(-1),
      }),
    );
    expect(job).toMatchObject({
      ProcessingJobStatus: 'Completed',
      ExitMessage: 'CompletedWithViolations: Job completed successfully with 1 violations.',
    });
    const Key = `${job.ProcessingOutputConfig?.Outputs?.[0]?.S3Output?.S3Uri?.replace('s3://ml-data/', '') ?? ''}/constraint_violations.json`;
    const file = await bench.s3.send(new GetObjectCommand({ Bucket: 'ml-data', Key }));
    expect(JSON.parse((await file.Body?.transformToString()) ?? '')).toMatchObject({
      violations: [{ feature_name: 'distance', constraint_check_type: 'baseline_drift_check' }],
    });
  });

  it('raises an alert with the violations, as many as it was told', async () => {
    const { MonitoringAlertSummaries: [alert] = [] } = await bench.sagemaker.send(
      new ListMonitoringAlertsCommand({ MonitoringScheduleName: 'moved' }),
    );
    expect(alert).toMatchObject({ AlertStatus: 'InAlert', DatapointsToAlert: 1 });
    const { MonitoringAlertHistory } = await bench.sagemaker.send(
      new ListMonitoringAlertHistoryCommand({ MonitoringScheduleName: 'moved' }),
    );
    expect(MonitoringAlertHistory).toMatchObject([{ AlertStatus: 'InAlert' }]);
    const change = (DatapointsToAlert: number, EvaluationPeriod: number) =>
      bench.sagemaker.send(
        new UpdateMonitoringAlertCommand({
          MonitoringScheduleName: 'moved',
          MonitoringAlertName: alert?.MonitoringAlertName,
          DatapointsToAlert,
          EvaluationPeriod,
        }),
      );
    expect(await refused(change(3, 2))).toMatch(/^ValidationException: /);
    await change(2, 3);
  });

  it("is read by the keeper's watch: the execution that moved is a breach of drift", async () => {
    const policy = policyWith({
      monitor: {
        every: '1h',
        sources: [{ id: 'legacy', kind: 'model-monitor', schedule: 'moved', settle: '0s' }],
      },
      retrain: { pipeline: 'p', on: ['drift'] },
      deploy: { probation: { rollBackOn: ['alarms'] } },
    });
    const { sagemaker, s3, cloudwatch } = bench;
    const watchData = createDataActivities({
      aws: () => ({ sagemaker, s3, cloudwatch }),
      analysis: noAnalysis,
      now: () => bench.kernel.now(),
      scratch: bench.home,
    }).watchData;
    const champion = {
      configName: 'c',
      packageArn: null,
      modelDataUrl: null,
      image: null,
      roleArn: null,
      sinceMs: 0,
    };
    const { result } = await attemptOf(watchData, [
      {
        model: 'flights',
        policy,
        champion,
        capturePrefix: null,
        baselineUri: null,
        countedToMs: {},
        recent: {},
        disturbed: [],
        toldNoData: [],
        notBeforeMs: 0,
      },
    ]);
    const [window] = result().windows;
    expect(window).toMatchObject({
      source: 'legacy',
      result: 'breach',
      subjects: { drift: 'breach' },
      rows: 1_200,
    });
    expect(window?.sentence).toMatch(/distance: moved by 0\.\d+ \(drift from 0\.2\), PSI/);
  });

  it('changes, stops and goes at rest, and refuses what is not there and rhythms that are none', async () => {
    await bench.sagemaker.send(once('hourly', 'dq', 'cron(0 * ? * * *)'));
    const change = () =>
      bench.sagemaker.send(
        new UpdateMonitoringScheduleCommand({
          MonitoringScheduleName: 'hourly',
          MonitoringScheduleConfig: once('hourly', 'dq', 'cron(0 0 ? * * *)').input
            .MonitoringScheduleConfig,
        }),
      );
    const remove = () =>
      bench.sagemaker.send(
        new DeleteMonitoringScheduleCommand({ MonitoringScheduleName: 'hourly' }),
      );
    const status = (wanted: string) =>
      until(
        () =>
          bench.sagemaker.send(
            new DescribeMonitoringScheduleCommand({ MonitoringScheduleName: 'hourly' }),
          ),
        ({ MonitoringScheduleStatus }) => MonitoringScheduleStatus === wanted,
      );
    await status('Scheduled');
    await change();
    await status('Scheduled');
    await bench.sagemaker.send(
      new StopMonitoringScheduleCommand({ MonitoringScheduleName: 'hourly' }),
    );
    await status('Stopped');
    await remove();
    expect(await refused(remove())).toMatch(/^ResourceNotFound: /);
    expect(await refused(bench.sagemaker.send(once('strange', 'dq', 'cron(5 * ? * * *)')))).toMatch(
      /ValidationException/,
    );
    expect(await refused(bench.sagemaker.send(once('orphan', 'nobody')))).toMatch(
      /Could not find job definition/,
    );
  });

  it('takes definitions of the other types', async () => {
    await bench.sagemaker.send(
      new CreateModelBiasJobDefinitionCommand({
        JobDefinitionName: 'bias',
        ModelBiasAppSpecification: { ImageUri: LEARNER, ConfigUri: 's3://ml-data/config.json' },
        ModelBiasJobInput: {
          EndpointInput: { EndpointName: 'flights', LocalPath: '/opt/ml/processing/input' },
          GroundTruthS3Input: { S3Uri: 's3://ml-data/labels' },
        },
        ModelBiasJobOutputConfig: definition('x').input.DataQualityJobOutputConfig,
        JobResources: definition('x').input.JobResources,
        RoleArn: ROLE,
      }),
    );
    const found = await bench.sagemaker.send(
      new DescribeModelBiasJobDefinitionCommand({ JobDefinitionName: 'bias' }),
    );
    expect(found.ModelBiasAppSpecification?.ConfigUri).toBe('s3://ml-data/config.json');
  });

  it('misses a run under the fault for it', async () => {
    await fault(bench, {
      operation: '*',
      kind: 'missed monitoring execution',
      match: 'skipped',
      times: 1,
    });
    await bench.sagemaker.send(once('skipped', 'dq'));
    await until(
      async () =>
        fetch(`${bench.sandbox.url}/_sandbox/faults`).then(
          (answer) => answer.json() as Promise<unknown[]>,
        ),
      (left) => left.length === 0,
    );
    const { MonitoringExecutionSummaries } = await bench.sagemaker.send(
      new ListMonitoringExecutionsCommand({ MonitoringScheduleName: 'skipped' }),
    );
    expect(MonitoringExecutionSummaries).toEqual([]);
  });
});
