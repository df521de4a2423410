/** Schedules by policy, from the real activity against the strict local AWS. */
import { CreateBucketCommand, GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import {
  CreateMonitoringScheduleCommand,
  DeleteMonitoringScheduleCommand,
  DescribeDataQualityJobDefinitionCommand,
  DescribeModelQualityJobDefinitionCommand,
  DescribeMonitoringScheduleCommand,
  ListDataQualityJobDefinitionsCommand,
  ListMonitoringSchedulesCommand,
  ListProcessingJobsCommand,
  StopMonitoringScheduleCommand,
} from '@aws-sdk/client-sagemaker';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { Policy, PolicyInput } from '../../domain/policy.schema.js';
import {
  customer,
  discard,
  fault,
  openBench,
  ROLE,
  serving,
  until,
} from '../sandbox/sagemaker/support.js';
import type { Bench } from '../sandbox/sagemaker/support.js';
import { monitorKeeper } from './monitor-keeper.js';
import { policyInput, policyWith } from './support.js';

const ANALYSER = '111122223333.dkr.ecr.us-east-1.amazonaws.com/sagemaker-model-monitor-analyzer';
type Source = Extract<PolicyInput['spec']['monitor']['sources'][number], { kind: 'model-monitor' }>;
type Manage = NonNullable<Source['manage']>;

const data: Manage = {
  type: 'data-quality',
  image: ANALYSER,
  role: ROLE,
  baseline: { dataset: 's3://artefacts/train.csv', format: 'csv' },
};
const quality: Manage = {
  ...data,
  type: 'model-quality',
  problem: 'binary',
  groundTruth: 's3://artefacts/labels/',
  attributes: { inference: 'answer', groundTruth: 'label' },
  baseline: { dataset: 's3://artefacts/scored.csv', format: 'csv' },
};

const source = (id: string, manage: Manage): Source => ({
  id,
  kind: 'model-monitor',
  schedule: `flights-${id}`,
  manage,
});
const policyOf = (...sources: Source[]): Policy =>
  policyWith({
    storage: 's3://artefacts/keeper/',
    monitor: {
      every: '10s',
      sources: [...policyInput.spec.monitor.sources, ...sources],
    },
  });

let bench: Bench;
beforeAll(async () => {
  bench = await openBench();
  await bench.s3.send(new CreateBucketCommand({ Bucket: 'artefacts' }));
  const put = (Key: string, Body: string) =>
    bench.s3.send(new PutObjectCommand({ Bucket: 'artefacts', Key, Body }));
  const rows = Array.from({ length: 200 }, (_, n) => n);
  await put(
    'train.csv',
    ['distance,carrier', ...rows.map((n) => `${n},${n % 2 ? 'AA' : 'UA'}`)].join('\n'),
  );
  await put(
    'scored.csv',
    ['answer,label', ...rows.map((n) => `${n % 2},${n % 10 ? n % 2 : 1}`)].join('\n'),
  );
  await serving(bench, 'flights-live');
}, 60_000);
afterAll(async () => {
  await bench.close();
  discard(bench.home);
});

const keeperOf = (policy: Policy) => monitorKeeper(bench, () => bench.kernel.now(), policy);

const described = (id: string) =>
  bench.sagemaker.send(
    new DescribeMonitoringScheduleCommand({ MonitoringScheduleName: `flights-${id}` }),
  );
/** Baselining jobs. */
const jobs = async (): Promise<readonly string[]> =>
  (
    await bench.sagemaker.send(new ListProcessingJobsCommand({ NameContains: 'flights-' }))
  ).ProcessingJobSummaries?.map((one) => one.ProcessingJobName ?? '') ?? [];
const definitions = async (): Promise<number> =>
  (await bench.sagemaker.send(new ListDataQualityJobDefinitionsCommand({}))).JobDefinitionSummaries
    ?.length ?? 0;

describe('monitoring schedules by policy', () => {
  it('tells a new account what to take instead, starts no job for it, and is quiet then', async () => {
    await customer(bench, false);
    const keeper = keeperOf(policyOf(source('data', data), source('answers', quality)));
    const told = await keeper.reach('closed', 'closed');
    expect(told[0]?.sentence).toMatch(
      /closed to this account: put a source of kind captured-inputs/,
    );
    expect(told[1]?.sentence).toMatch(/kind ground-truth .* no longer open to new customers/);
    expect(await jobs()).toEqual([]);
    expect(await keeper.look()).toBeUndefined();
  });

  it('makes baseline, definition and schedule of two types, and is quiet then', async () => {
    await customer(bench, true);
    const keeper = keeperOf(policyOf(source('data', data), source('answers', quality)));
    await keeper.reach('running', 'running');
    const schedule = await described('data');
    expect(schedule.MonitoringScheduleStatus).toBe('Scheduled');
    const definition = await bench.sagemaker.send(
      new DescribeDataQualityJobDefinitionCommand({
        JobDefinitionName: schedule.MonitoringScheduleConfig?.MonitoringJobDefinitionName,
      }),
    );
    const uri = definition.DataQualityBaselineConfig?.ConstraintsResource?.S3Uri ?? '';
    const file = await bench.s3.send(
      new GetObjectCommand({ Bucket: 'artefacts', Key: uri.replace('s3://artefacts/', '') }),
    );
    expect(JSON.parse((await file.Body?.transformToString()) ?? '')).toMatchObject({
      features: [
        { name: 'distance', inferred_type: 'Integral', num_constraints: { is_non_negative: true } },
        { name: 'carrier', string_constraints: { domains: ['UA', 'AA'] } },
      ],
    });
    const other = await described('answers');
    const second = await bench.sagemaker.send(
      new DescribeModelQualityJobDefinitionCommand({
        JobDefinitionName: other.MonitoringScheduleConfig?.MonitoringJobDefinitionName,
      }),
    );
    expect(second).toMatchObject({
      ModelQualityAppSpecification: { ProblemType: 'BinaryClassification' },
      ModelQualityJobInput: { GroundTruthS3Input: { S3Uri: 's3://artefacts/labels/' } },
      StoppingCondition: { MaxRuntimeInSeconds: 1_800 },
    });
    const made = (await jobs()).length;
    expect(made).toBe(2);
    expect(await keeper.look()).toBeUndefined();
    // A keeper that lost its memory finds everything there.
    const again = keeperOf(policyOf(source('data', data), source('answers', quality)));
    await again.reach('running', 'running');
    expect(again.done).toEqual([]);
    expect((await jobs()).length).toBe(made);
  });

  it('follows the policy: stopped, another machine, another rhythm, and gone', async () => {
    const keeper = keeperOf(policyOf(source('data', data)));
    // The other schedule is not wanted any more.
    await keeper.reach('running');
    await until(
      () => bench.sagemaker.send(new ListMonitoringSchedulesCommand({})),
      ({ MonitoringScheduleSummaries: all }) => all?.length === 1,
    );
    keeper.apply(policyOf(source('data', { ...data, state: 'stopped' })));
    await keeper.reach('stopped');
    expect((await described('data')).MonitoringScheduleStatus).toBe('Stopped');

    const changed = { ...data, cron: 'cron(0 6 ? * * *)', instanceType: 'ml.m5.4xlarge' };
    const before = (await described('data')).MonitoringScheduleConfig?.MonitoringJobDefinitionName;
    keeper.apply(policyOf(source('data', changed)));
    await keeper.reach('running');
    const after = (await described('data')).MonitoringScheduleConfig;
    expect(after?.ScheduleConfig?.ScheduleExpression).toBe('cron(0 6 ? * * *)');
    expect(after?.MonitoringJobDefinitionName).not.toBe(before);
    expect(await definitions()).toBe(1);
    expect((await jobs()).length, 'the baseline is the same').toBe(2);
    expect(keeper.repaired()).toEqual([]);

    await keeper.remove();
    expect(await definitions()).toBe(0);
    const left = await bench.sagemaker.send(new ListMonitoringSchedulesCommand({}));
    expect(left.MonitoringScheduleSummaries).toEqual([]);
  });

  it('puts right what a person changed, three times in a day, and leaves it to people then', async () => {
    const keeper = keeperOf(policyOf(source('data', data)));
    await keeper.reach('running');
    const stop = () =>
      bench.sagemaker.send(
        new StopMonitoringScheduleCommand({ MonitoringScheduleName: 'flights-data' }),
      );
    for (let times = 1; times <= 3; times += 1) {
      await stop();
      await keeper.reach('settling');
      await keeper.reach('running');
      expect(keeper.repaired()).toHaveLength(times);
    }
    await stop();
    const [standing] = await keeper.reach('contested');
    expect(standing?.sentence).toMatch(/put right 3 times in a day/);
    expect(keeper.repaired()).toHaveLength(3);
    await keeper.remove();
  });

  it('takes a name in use, in whatever words, for a create whose answer was lost', async () => {
    const keeper = keeperOf(policyOf(source('data', data)));
    const inUse = {
      kind: 'error',
      errorName: 'ResourceInUse',
      message: 'Resource in use',
      times: 1,
    };
    await fault(
      bench,
      { operation: 'SageMaker.CreateDataQualityJobDefinition', ...inUse },
      { operation: 'SageMaker.CreateMonitoringSchedule', ...inUse },
    );
    const seen = new Set<string>();
    await until(
      async () => {
        const told = await keeper.look();
        for (const { kind } of told?.standings ?? []) seen.add(kind);
        return seen;
      },
      (kinds) => kinds.has('running'),
    );
    expect([...seen]).not.toContain('refused');
    await keeper.remove();
  });

  it("leaves somebody else's schedule alone, and reads no more than its name", async () => {
    const keeper = keeperOf(policyOf(source('data', data)));
    await keeper.reach('running');
    const { MonitoringScheduleConfig } = await described('data');
    await bench.sagemaker.send(
      new CreateMonitoringScheduleCommand({
        MonitoringScheduleName: 'flights-theirs',
        MonitoringScheduleConfig,
      }),
    );
    keeper.apply(policyOf(source('data', data), source('theirs', data)));
    const [, standing] = await keeper.reach('running', 'taken');
    expect(standing?.sentence).toMatch(/flights-theirs was not made by modelkeeper/);
    await keeper.remove();
    expect((await described('theirs')).MonitoringScheduleName).toBe('flights-theirs');
    await until(
      () => described('theirs'),
      ({ MonitoringScheduleStatus }) => MonitoringScheduleStatus === 'Scheduled',
    );
    await bench.sagemaker.send(
      new DeleteMonitoringScheduleCommand({ MonitoringScheduleName: 'flights-theirs' }),
    );
  });

  it("tries a baseline again after AWS's own trouble, and tells any other failure in words", async () => {
    const again = { ...data, baseline: { ...data.baseline, run: 2 } };
    await fault(bench, { operation: '*', kind: 'capacity', match: 'flights-data-b', times: 1 });
    const keeper = keeperOf(policyOf(source('data', again)));
    await keeper.reach('running');
    expect(keeper.done.filter((one) => one.startsWith('baselining job'))).toEqual([
      expect.stringMatching(/-b[0-9a-f]{11} started$/),
      expect.stringMatching(/-b[0-9a-f]{11}-t2 started$/),
    ]);
    const empty = {
      ...data,
      baseline: { dataset: 's3://artefacts/nothing/', format: 'csv' },
    } as const;
    keeper.apply(policyOf(source('data', empty)));
    const [standing] = await keeper.reach('baseline failed');
    expect(standing?.sentence).toMatch(
      /No S3 objects found .*; put it right and raise baseline.run$/,
    );
    expect(await keeper.look()).toBeUndefined();
    expect((await described('data')).MonitoringScheduleStatus, 'it goes on as it was').toBe(
      'Scheduled',
    );
    await keeper.remove();
  });

  it('says what is missing where nobody knows what the serving version was trained on', async () => {
    const keeper = keeperOf(
      policyOf(source('data', { ...data, baseline: { dataset: 'champion', format: 'csv' } })),
    );
    const [standing] = await keeper.reach('no baseline');
    expect(standing?.sentence).toMatch(/DriftCheckBaselines/);
  });
});
