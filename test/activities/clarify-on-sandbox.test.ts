/** Bias and explainability from end to end: the policy's baseline, its schedule, executions on real traffic, the verdict. */
import { CreateBucketCommand, GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import {
  DescribeProcessingJobCommand,
  ListMonitoringExecutionsCommand,
  ListProcessingJobsCommand,
  type MonitoringExecutionSummary,
} from '@aws-sdk/client-sagemaker';
import { InvokeEndpointCommand } from '@aws-sdk/client-sagemaker-runtime';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { judge, remember } from '../../domain/detect.js';
import type { EndpointReading } from '../../domain/model.js';
import type { PolicyInput } from '../../domain/policy.schema.js';
import { packModel } from '../../sandbox/learner/archive.js';
import { fit } from '../../sandbox/learner/logistic.js';
import {
  capturedTo,
  customer,
  discard,
  openHours,
  ROLE,
  serving,
} from '../sandbox/sagemaker/support.js';
import { champion, monitorKeeper, monitorWindows } from './monitor-keeper.js';
import { policyInput, policyWith } from './support.js';

const HOUR_MS = 3_600_000;
const { bench, now, passing, nextHour } = await openHours(Date.UTC(2026, 2, 1, 9, 10));
const { sagemaker, s3 } = bench;

/** `group,size`: what the model sees. Who is paid goes by the size alone. */
type Request = readonly [group: 'a' | 'd', size: 'big' | 'small'];
const paid = ([, size]: Request): '1' | '0' => (size === 'big' ? '1' : '0');
const times = (count: number, request: Request): readonly Request[] =>
  Array.from({ length: count }, () => request);
/** Both groups alike. */
const FAIR = [
  ...times(12, ['a', 'big']),
  ...times(8, ['a', 'small']),
  ...times(11, ['d', 'big']),
  ...times(9, ['d', 'small']),
];
/** One group only has what the model turns down. */
const UNFAIR = [...times(20, ['a', 'big']), ...times(20, ['d', 'small'])];
/** What the model goes by does not vary any more. */
const SMALL = [...times(20, ['a', 'small']), ...times(20, ['d', 'small'])];

const CLARIFY = '205585389593.dkr.ecr.us-east-1.amazonaws.com/sagemaker-clarify-processing:1.0';
type Source = Extract<PolicyInput['spec']['monitor']['sources'][number], { kind: 'model-monitor' }>;
const common = { image: CLARIFY, role: ROLE, baseline: { dataset: 's3://artefacts/train.csv' } };
const sources: readonly Source[] = [
  {
    id: 'fair',
    kind: 'model-monitor',
    schedule: 'flights-fair',
    settle: '0s',
    checks: { bias_drift_check: 'performance' },
    manage: {
      ...common,
      type: 'model-bias',
      config: 's3://artefacts/bias.json',
      groundTruth: 's3://artefacts/labels/',
      attributes: { probability: '0', probabilityThreshold: 0.5 },
    },
  },
  {
    id: 'why',
    kind: 'model-monitor',
    schedule: 'flights-why',
    settle: '0s',
    checks: { feature_attribution_drift_check: 'drift' },
    manage: { ...common, type: 'model-explainability', config: 's3://artefacts/shap.json' },
  },
];
const policy = policyWith({
  storage: 's3://artefacts/keeper/',
  monitor: { every: '10s', sources: [...policyInput.spec.monitor.sources, ...sources] },
  detect: { persistence: { breaches: 1, of: 1 } },
});

const put = (Key: string, Body: string | Buffer) =>
  s3.send(new PutObjectCommand({ Bucket: 'artefacts', Key, Body }));
const jsonAt = async (uri: string): Promise<unknown> => {
  const Key = uri.replace('s3://artefacts/', '');
  const { Body } = await s3.send(new GetObjectCommand({ Bucket: 'artefacts', Key }));
  return JSON.parse((await Body?.transformToString()) ?? '');
};

let sent = 0;
/** Calls the endpoint for each request, and says later what came of it. */
async function traffic(requests: readonly Request[]): Promise<void> {
  const labels: string[] = [];
  for (const request of requests) {
    sent += 1;
    const InferenceId = `call-${String(sent)}`;
    await bench.runtime.send(
      new InvokeEndpointCommand({
        EndpointName: 'flights-live',
        ContentType: 'text/csv',
        Body: request.join(','),
        InferenceId,
      }),
    );
    labels.push(
      JSON.stringify({
        groundTruthData: { data: paid(request), encoding: 'CSV' },
        eventMetadata: { eventId: InferenceId },
        eventVersion: '0',
      }),
    );
  }
  await put(`labels/2026/03/01/${String(sent)}.jsonl`, labels.join('\n'));
}

const executions = async (schedule: string): Promise<readonly MonitoringExecutionSummary[]> =>
  (
    await sagemaker.send(
      new ListMonitoringExecutionsCommand({
        MonitoringScheduleName: schedule,
        SortBy: 'ScheduledTime',
        SortOrder: 'Ascending',
      }),
    )
  ).MonitoringExecutionSummaries ?? [];
/** The executions of the hour that `requests` came in, once both have ended. */
async function hourOf(requests: readonly Request[]) {
  nextHour(5);
  const dueMs = Math.floor(now() / HOUR_MS + 1) * HOUR_MS;
  await traffic(requests);
  const ended = await passing(
    async () => {
      const all = await Promise.all([executions('flights-fair'), executions('flights-why')]);
      return all.map((one) =>
        one.find(
          ({ ScheduledTime, MonitoringExecutionStatus: status }) =>
            ScheduledTime?.getTime() === dueMs && status !== 'InProgress',
        ),
      );
    },
    (all) => all.every((one) => one !== undefined),
  );
  const [fair, why] = ended;
  return { dueMs, fair, why };
}

const endpoint: EndpointReading = {
  atMs: 0,
  name: 'flights-live',
  arn: '',
  status: 'InService',
  configName: 'c',
  pendingConfigName: null,
  createdAtMs: 0,
  lastModifiedAtMs: 0,
  failureReason: null,
  progress: [],
  instances: 1,
  capturePrefix: null,
  champion,
};

/** What the keeper's watch makes of one execution, and what verdict that alone gives. */
async function seen(id: string, dueMs: number) {
  const source = policy.spec.monitor.sources.find((one) => one.id === id);
  if (source?.kind !== 'model-monitor') throw new Error(`no source ${id}`);
  const windows = await monitorWindows(bench, now, policy, id, dueMs - 1);
  const window = windows.find(({ toMs }) => toMs === dueMs);
  const { monitor, detect } = policy.spec;
  const { verdict } = judge(
    { monitor: { ...monitor, sources: [source] }, detect },
    {
      endpoint,
      alarms: [],
      metrics: [],
      windows: { [id]: remember([], window === undefined ? [] : [window], 1) },
      noData: {},
      baselineMissing: null,
    },
  );
  return { window, verdict };
}

const config = {
  dataset_type: 'text/csv',
  headers: ['group', 'size', 'paid'],
  label: 'paid',
  predictor: { model_name: 'm', instance_type: 'ml.m5.large', initial_instance_count: 1 },
};

beforeAll(async () => {
  await customer(bench, true);
  await s3.send(new CreateBucketCommand({ Bucket: 'artefacts' }));
  const rows = [...FAIR, ...FAIR];
  const model = fit(
    { group: rows.map(([group]) => group), size: rows.map(([, size]) => size) },
    rows.map((row) => Number(paid(row))),
    {
      features: [
        { name: 'group', type: 'category' },
        { name: 'size', type: 'category' },
      ],
      epochs: 40,
      seed: 3,
      hashBits: 10,
    },
  );
  const trainedOn = { from: '2026-01-01T00:00:00Z', to: '2026-02-01T00:00:00Z', rows: rows.length };
  await put('model.tar.gz', await packModel(model, trainedOn));
  await put('train.csv', rows.map((row) => [...row, paid(row)].join(',')).join('\n'));
  await put(
    'bias.json',
    JSON.stringify({
      ...config,
      label_values_or_threshold: ['1'],
      facet: [{ name_or_index: 'group', value_or_threshold: ['d'] }],
      methods: { pre_training_bias: { methods: 'all' }, post_training_bias: { methods: 'all' } },
    }),
  );
  await put(
    'shap.json',
    JSON.stringify({
      ...config,
      methods: {
        shap: { baseline: [['nobody', 'small']], num_samples: 100, agg_method: 'mean_abs' },
      },
    }),
  );
  await serving(bench, 'flights-live', {
    container: { Image: 'other:1', ModelDataUrl: 's3://artefacts/model.tar.gz' },
    capture: capturedTo('s3://artefacts/capture', 'Input', 'Output'),
    wait: passing,
  });
}, 60_000);
afterAll(async () => {
  await bench.close();
  discard(bench.home);
});

describe('bias and explainability by policy', { timeout: 60_000 }, () => {
  it('make their baselines by Clarify, and run', async () => {
    const keeper = monitorKeeper(bench, now, policy, passing);
    await keeper.reach('running', 'running');
    const { ProcessingJobSummaries: jobs = [] } = await sagemaker.send(
      new ListProcessingJobsCommand({ NameContains: 'flights-' }),
    );
    const outputs = await Promise.all(
      jobs.map(async ({ ProcessingJobName }) => {
        const job = await sagemaker.send(new DescribeProcessingJobCommand({ ProcessingJobName }));
        return job.ProcessingOutputConfig?.Outputs?.[0]?.S3Output?.S3Uri ?? '';
      }),
    );
    const baselineOf = (id: string) =>
      jsonAt(`${outputs.find((uri) => uri.includes(`-${id}-`)) ?? ''}/analysis.json`);
    expect(await baselineOf('fair')).toMatchObject({
      post_training_bias_metrics: {
        label: 'paid',
        facets: {
          group: [
            {
              value_or_threshold: 'd',
              metrics: expect.arrayContaining([
                expect.objectContaining({
                  name: 'DPPL',
                  value: expect.closeTo(0.05, 10) as number,
                }),
              ]) as object[],
            },
          ],
        },
      },
    });
    const shap = (await baselineOf('why')) as {
      explanations: { kernel_shap: { label0: { global_shap_values: Record<string, number> } } };
    };
    const { group = 1, size = 0 } = shap.explanations.kernel_shap.label0.global_shap_values;
    expect(size).toBeGreaterThan(5 * group);
  });

  it('are Completed on traffic like the baseline, which is evidence of order', async () => {
    const { dueMs, fair, why } = await hourOf(FAIR);
    expect([fair?.MonitoringExecutionStatus, why?.MonitoringExecutionStatus]).toEqual([
      'Completed',
      'Completed',
    ]);
    expect(await seen('fair', dueMs)).toMatchObject({
      window: { result: 'ok', subjects: { performance: 'ok' } },
      verdict: 'healthy',
    });
    expect(await seen('why', dueMs)).toMatchObject({
      window: { result: 'ok', subjects: { drift: 'ok' } },
      verdict: 'healthy',
    });
  });

  it('find that one group is turned down, which is what the policy says it means', async () => {
    const { dueMs, fair } = await hourOf(UNFAIR);
    expect(fair?.MonitoringExecutionStatus).toBe('CompletedWithViolations');
    const { window, verdict } = await seen('fair', dueMs);
    expect(window).toMatchObject({ result: 'breach', subjects: { performance: 'breach' } });
    expect(window?.sentence).toMatch(
      /bias_drift_check of \w+ of group=d \(Value \S+ does not meet the constraint requirement\)/,
    );
    expect(verdict).toBe('performance');
  });

  it('find that the model goes by something else than it did', async () => {
    const { dueMs, why } = await hourOf(SMALL);
    expect(why?.MonitoringExecutionStatus).toBe('CompletedWithViolations');
    const { window, verdict } = await seen('why', dueMs);
    expect(window).toMatchObject({ result: 'breach', subjects: { drift: 'breach' } });
    expect(window?.sentence).toMatch(/Feature attribution drift 0\.\d+ exceeds threshold 0\.9/);
    expect(verdict).toBe('drift');
  });

  it('without a call in the hour are Failed, which is no evidence', async () => {
    const { dueMs, fair, why } = await hourOf([]);
    for (const one of [fair, why])
      expect(one).toMatchObject({
        MonitoringExecutionStatus: 'Failed',
        FailureReason: 'Job inputs had no data',
      });
    expect((await seen('fair', dueMs)).window).toMatchObject({ result: 'cannot tell' });
  });
});
