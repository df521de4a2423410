/**
 * What a look at 1,000 models costs in calls to AWS.
 *
 * Runs the real activity `watchSignals` with the worker's own AWS clients, rates included, against the local AWS,
 * which counts the calls that arrive. Each model has six metrics of its endpoint and six managed alarms, and scales.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import {
  CloudWatchClient,
  DescribeAlarmsCommand,
  PutMetricAlarmCommand,
  SetAlarmStateCommand,
} from '@aws-sdk/client-cloudwatch';
import { CreateBucketCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import {
  CreateEndpointCommand,
  CreateEndpointConfigCommand,
  CreateModelCommand,
  DescribeEndpointCommand,
  SageMakerClient,
  UpdateEndpointWeightsAndCapacitiesCommand,
} from '@aws-sdk/client-sagemaker';
import { ApplicationFailure } from '@temporalio/activity';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';

import { putInput } from '../activities/alarms.js';
import type { Analysis } from '../activities/analysis-port.js';
import type { DataWatch, SignalsTold, SignalsWatch } from '../activities/contract.js';
import { createDataActivities } from '../activities/data.js';
import type { ControlDeps } from '../activities/deps.js';
import { createSignalsWatch } from '../activities/watch-signals.js';
import { hardwareOf } from '../domain/instances.js';
import { managedAlarms } from '../domain/managed-alarms.js';
import { policySchema, type Policy } from '../domain/policy.schema.js';
import { handleInvocation, sageMakerServices } from '../sandbox/aws/sagemaker/index.js';
import { startSandbox, type Sandbox } from '../sandbox/aws/server.js';
import { AwsClock } from '../worker/aws-clock.js';
import { createAws } from '../worker/aws.js';
import { printTable } from './table.js';
import type { Row } from './table.js';

export const needs = [] as const;

const REGION = 'us-east-1';
const ACCOUNT = '111122223333';
const INSTANCE = 'ml.m5.large';
const CONFIG = 'bench-config';
const MOST_CALLS = 30;
/** Endpoints that have changed, and alarms that have gone off, in the second look. */
const CHANGED = 5;
const ALARMED = 120;

const nameOf = (index: number): string => `model-${String(index).padStart(4, '0')}`;

function policyOf(index: number): Policy {
  const name = nameOf(index);
  return policySchema.parse({
    apiVersion: 'modelkeeper/v1',
    kind: 'ModelPolicy',
    metadata: { name },
    spec: {
      endpoint: { name: `${name}-live`, region: REGION },
      registry: { group: name },
      storage: 's3://bench/keeper/',
      people: { 'ada@example.com': ['os:ada'] },
      monitor: {
        every: '1h',
        sources: [
          { id: 'health', kind: 'alarms', limits: { noTraffic: 'off' } },
          {
            id: 'load',
            kind: 'endpoint-metrics',
            metrics: {
              CPUUtilization: { abovePercent: 90 },
              MemoryUtilization: { abovePercent: 90 },
              DiskUtilization: { abovePercent: 90 },
              ModelLatency: { aboveMs: 500 },
              Invocations: { above: 1_000_000 },
              Invocation5XXErrors: { above: 100 },
            },
          },
          { id: 'inputs', kind: 'captured-inputs', window: '1h', settle: '10m' },
          {
            id: 'quality',
            kind: 'ground-truth',
            labels: `s3://bench/labels/${name}/`,
            window: '1h',
            delay: '2h',
            floor: 0.6,
          },
        ],
      },
      retrain: { pipeline: 'train' },
      scaling: {
        instances: { min: 1, max: 4 },
        target: { metric: 'InvocationsPerInstance', value: 700 },
      },
      evaluate: { gates: [{ id: 'floor', kind: 'absolute', metric: 'roc_auc', min: 0.6 }] },
      approve: { approvers: ['ada@example.com'], doors: ['local'] },
    },
  });
}

interface World {
  readonly sandbox: Sandbox;
  readonly sagemaker: SageMakerClient;
  readonly cloudwatch: CloudWatchClient;
}

/** Works on all, a few at a time. */
async function each<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let index = next++; index < items.length; index = next++) {
      const item = items[index];
      if (item !== undefined) await work(item);
    }
  };
  await Promise.all(Array.from({ length: 16 }, lane));
}

async function settled(ask: () => Promise<boolean>): Promise<void> {
  while (!(await ask())) await new Promise((resolve) => setTimeout(resolve, 200));
}

/** Endpoints and alarms as an account of so many models has them; set up past the rates, which are for the look. */
async function furnish(
  { sagemaker, cloudwatch }: World,
  policies: readonly Policy[],
): Promise<void> {
  await sagemaker.send(
    new CreateModelCommand({
      ModelName: 'bench-model',
      ExecutionRoleArn: `arn:aws:iam::${ACCOUNT}:role/model`,
      PrimaryContainer: { Image: `${ACCOUNT}.dkr.ecr.${REGION}.amazonaws.com/bench:1` },
    }),
  );
  const config = (name: string) =>
    sagemaker.send(
      new CreateEndpointConfigCommand({
        EndpointConfigName: name,
        ProductionVariants: [
          {
            VariantName: 'AllTraffic',
            ModelName: 'bench-model',
            InstanceType: INSTANCE,
            InitialInstanceCount: 2,
          },
        ],
      }),
    );
  await settled(async () =>
    config(CONFIG).then(
      () => true,
      () => false,
    ),
  );
  await each(policies, async ({ spec }) => {
    await sagemaker.send(
      new CreateEndpointCommand({ EndpointName: spec.endpoint.name, EndpointConfigName: CONFIG }),
    );
  });
  await each(policies, async (policy) => {
    for (const spec of managedAlarms(policy, 'health', hardwareOf(INSTANCE)))
      await cloudwatch.send(new PutMetricAlarmCommand(putInput(spec)));
  });
  await each(policies, async ({ spec }) => {
    await settled(async () => {
      const { EndpointStatus } = await sagemaker.send(
        new DescribeEndpointCommand({ EndpointName: spec.endpoint.name }),
      );
      return EndpointStatus === 'InService';
    });
  });
}

/** How far this account's clock is ahead of the machine's: an hour passes between two looks. */
let aheadMs = 0;
const nowMs = (): number => Date.now() + aheadMs;
const HOUR_MS = 3_600_000;

/** A few minutes of load of every instance, so that each alarm has data. */
function load({ sandbox }: World, policies: readonly Policy[]): void {
  const loadedAtMs = nowMs();
  sandbox.kernel.observe(
    policies.flatMap(({ spec }) =>
      ['CPUUtilization', 'MemoryUtilization', 'DiskUtilization'].flatMap((name) =>
        [1, 2, 3, 4, 5, 6].map((minute) => ({
          namespace: '/aws/sagemaker/Endpoints',
          name,
          dimensions: { EndpointName: spec.endpoint.name, VariantName: spec.endpoint.variant },
          value: 20,
          atMs: loadedAtMs - minute * 60_000,
          unit: 'Percent',
        })),
      ),
    ),
  );
}

/** Waits until CloudWatch has evaluated every alarm. */
async function alarmsAreOk({ cloudwatch }: World): Promise<void> {
  await settled(async () => {
    const page = await cloudwatch.send(
      new DescribeAlarmsCommand({
        AlarmNamePrefix: 'modelkeeper-',
        StateValue: 'INSUFFICIENT_DATA',
        MaxRecords: 1,
      }),
    );
    return page.MetricAlarms?.length === 0;
  });
}

interface Counted {
  readonly calls: Readonly<Record<string, number>>;
  readonly total: number;
  readonly seconds: number;
}

/** Calls that arrived at AWS while the work was done. */
async function counted(sandbox: Sandbox, work: () => Promise<unknown>): Promise<Counted> {
  await fetch(`${sandbox.url}/_sandbox/calls`, { method: 'DELETE' });
  const startMs = performance.now();
  await work();
  const seconds = (performance.now() - startMs) / 1_000;
  const answer = await fetch(`${sandbox.url}/_sandbox/calls`);
  const all = (await answer.json()) as Readonly<Record<string, { readonly count: number }>>;
  const calls = Object.fromEntries(Object.entries(all).map(([name, { count }]) => [name, count]));
  return { calls, total: Object.values(calls).reduce((sum, count) => sum + count, 0), seconds };
}

const known = (policy: Policy): SignalsWatch['known'] => ({
  endpointStatus: 'InService',
  configName: CONFIG,
  pendingConfigName: null,
  alarms: Object.fromEntries(
    managedAlarms(policy, 'health', hardwareOf(INSTANCE)).map(({ name }) => [name, 'OK']),
  ),
  breachedMetrics: [],
  blindMetrics: ['load/ModelLatency'],
});

interface Looked {
  readonly quiet: number;
  readonly told: readonly SignalsTold[];
}

/** One look at every model at once, as Temporal starts them. */
async function lookAtAll(
  watchSignals: (watch: SignalsWatch) => Promise<SignalsTold>,
  policies: readonly Policy[],
  isFirst: boolean,
): Promise<Looked> {
  const told: SignalsTold[] = [];
  let quiet = 0;
  await Promise.all(
    policies.map(async (policy) => {
      const watch: SignalsWatch = {
        model: policy.metadata.name,
        policy,
        known: known(policy),
        releases: [],
        notBeforeMs: 0,
        wakeAtMs: null,
        scheduleAfterMs: 0,
      };
      const info = isFirst ? { attempt: 1 } : { attempt: 2, heartbeatDetails: { looked: true } };
      const env = new MockActivityEnvironment(info, { logger: new DefaultLogger('ERROR') });
      try {
        told.push(
          await env.run<[SignalsWatch], SignalsTold, typeof watchSignals>(watchSignals, watch),
        );
      } catch (error) {
        if (!(error instanceof ApplicationFailure) || error.type !== 'Quiet') throw error;
        quiet += 1;
      }
    }),
  );
  return { quiet, told };
}

const NOBODY: Analysis = {
  profile: async () => ({ unusable: 'not asked' }),
  compareInputs: async () => ({ unusable: 'not asked' }),
  measurePerformance: async () => ({ unusable: 'not asked' }),
  evaluate: async () => ({ unusable: 'not asked' }),
  readAnswers: async () => ({ unusable: 'not asked' }),
  readRows: async () => ({ unusable: 'not asked' }),
};

/** One look at the data of some models, a window of each source being due and nothing captured in it. */
async function lookAtData(
  aws: ControlDeps['aws'],
  policies: readonly Policy[],
  scratch: string,
): Promise<void> {
  const { watchData } = createDataActivities({ aws, analysis: NOBODY, now: nowMs, scratch });
  const before = (latenessMs: number): number =>
    Math.floor((nowMs() - latenessMs) / HOUR_MS) * HOUR_MS - HOUR_MS;
  await each(policies, async (policy) => {
    const name = policy.metadata.name;
    const watch: DataWatch = {
      model: name,
      policy,
      champion: {
        configName: CONFIG,
        packageArn: null,
        modelDataUrl: null,
        image: null,
        roleArn: null,
        sinceMs: before(100 * HOUR_MS),
      },
      capturePrefix: `s3://bench/capture/${name}/AllTraffic/`,
      baselineUri: 's3://bench/profile.json',
      countedToMs: { inputs: before(HOUR_MS / 6), quality: before(2 * HOUR_MS) },
      recent: {},
      disturbed: [],
      toldNoData: ['inputs', 'quality'],
      notBeforeMs: 0,
    };
    const env = new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR') });
    await env.run(watchData, watch).catch((error: unknown) => {
      if (!(error instanceof ApplicationFailure) || error.type !== 'Quiet') throw error;
    });
  });
}

function report(what: string, counts: Counted, looked: Looked, models: number): void {
  const alone = PER_MODEL * models;
  const rows: Row[] = Object.entries(counts.calls).map(([operation, calls]) => ({
    operation,
    calls,
  }));
  printTable(
    `${what}: ${String(looked.quiet)} quiet, ${String(looked.told.length)} told, ${counts.seconds.toFixed(1)} s`,
    [
      ...rows,
      { operation: 'total', calls: counts.total },
      { operation: `${String(PER_MODEL)} for each model`, calls: alone },
      { operation: 'times as many', calls: Math.round(alone / counts.total) },
    ],
  );
}

/** What a look would be if each model made its own: DescribeEndpoint, DescribeAlarms, GetMetricData, DescribeScalingActivities. */
const PER_MODEL = 4;

export async function run(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: { models: { type: 'string', default: '1000' } },
  });
  const models = Number(values.models);
  if (!(models >= 1)) throw new Error('--models is a number from 1');
  const home = mkdtempSync(join(tmpdir(), 'modelkeeper-bench-'));
  const sandbox = await startSandbox({
    port: 0,
    home: join(home, 'aws'),
    speed: 1_000,
    services: sageMakerServices,
    runtime: handleInvocation,
    clock: { now: nowMs, realMs: (ms) => ms },
  });
  const common = {
    endpoint: sandbox.url,
    region: REGION,
    credentials: { accessKeyId: 'bench', secretAccessKey: 'bench' },
  };
  const world: World = {
    sandbox,
    sagemaker: new SageMakerClient(common),
    cloudwatch: new CloudWatchClient(common),
  };
  Object.assign(process.env, {
    AWS_ENDPOINT_URL: sandbox.url,
    AWS_ACCESS_KEY_ID: 'bench',
    AWS_SECRET_ACCESS_KEY: 'bench',
  });
  const aws = createAws(process.env, new AwsClock(() => undefined));
  try {
    const policies = Array.from({ length: models }, (_, index) => policyOf(index));
    console.log(`${models} models, each with six metrics and six alarms, in the local AWS`);
    await furnish(world, policies);
    load(world, policies);
    const deps: ControlDeps = {
      aws,
      temporal: {} as ControlDeps['temporal'],
      now: nowMs,
      consoleUrl: null,
    };
    const { watchSignals } = createSignalsWatch(deps);
    const look = async (
      what: string,
      isFirst = false,
      before: () => Promise<void> = async () => undefined,
    ): Promise<Counted> => {
      // What was set up or changed is an hour ago, as every look's is.
      aheadMs += HOUR_MS;
      load(world, policies);
      await alarmsAreOk(world);
      await before();
      let looked: Looked = { quiet: 0, told: [] };
      const counts = await counted(sandbox, async () => {
        looked = await lookAtAll(watchSignals, policies, isFirst);
      });
      report(what, counts, looked, models);
      return counts;
    };
    await look('The first look of a process: every alarm by name, every endpoint described', true);
    const quiet = await look('A quiet look');
    await look(
      `A look after ${CHANGED} endpoints have changed and ${ALARMED} alarms are in ALARM`,
      false,
      () => change(world, policies),
    );

    const some = policies.slice(0, 20);
    const { s3 } = aws(REGION);
    await s3.send(new CreateBucketCommand({ Bucket: 'bench' }));
    await s3.send(
      new PutObjectCommand({
        Bucket: 'bench',
        Key: 'profile.json',
        Body: JSON.stringify({
          schema: 'modelkeeper/profile-v1',
          rowCount: 1_000,
          columns: [],
          prediction: null,
          skipped: [],
        }),
      }),
    );
    const data = await counted(sandbox, async () => lookAtData(aws, some, join(home, 'scratch')));
    printTable(
      'Capture and labels, counted apart: one window of captured inputs and one of labels due, nothing in them',
      Object.entries(data.calls).map(([operation, count]) => ({
        operation,
        'calls for each model': Number((count / some.length).toFixed(1)),
      })),
    );
    const limit = Math.max(MOST_CALLS, Math.ceil((MOST_CALLS * models) / 1_000));
    console.log(`\nquiet look: ${quiet.total} calls for ${models} models (at most ${limit})`);
    if (quiet.total > limit) process.exitCode = 1;
  } finally {
    world.sagemaker.destroy();
    world.cloudwatch.destroy();
    await sandbox.close();
    rmSync(home, { recursive: true, force: true });
  }
}

/** Some endpoints get another weight; on some a full disk. */
async function change(world: World, policies: readonly Policy[]): Promise<void> {
  await each(policies.slice(0, CHANGED), async ({ spec }) => {
    await world.sagemaker.send(
      new UpdateEndpointWeightsAndCapacitiesCommand({
        EndpointName: spec.endpoint.name,
        DesiredWeightsAndCapacities: [{ VariantName: 'AllTraffic', DesiredInstanceCount: 3 }],
      }),
    );
    await settled(async () => {
      const { EndpointStatus } = await world.sagemaker.send(
        new DescribeEndpointCommand({ EndpointName: spec.endpoint.name }),
      );
      return EndpointStatus === 'InService';
    });
  });
  const alarmed = policies.slice(CHANGED, CHANGED + ALARMED);
  await each(alarmed, async ({ metadata }) => {
    await world.cloudwatch.send(
      new SetAlarmStateCommand({
        AlarmName: `modelkeeper-${metadata.name}-health-disk`,
        StateValue: 'ALARM',
        StateReason: 'the benchmark has set it',
      }),
    );
  });
}
