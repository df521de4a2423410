/**
 * What teams were caught out by in the field, one claim each, by the activities against the local AWS. Numbers are those
 * of the list that docs/operations.md prints.
 */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { CreateBucketCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import {
  CreateEndpointCommand,
  CreateEndpointConfigCommand,
  CreateModelCommand,
  CreatePipelineCommand,
  DescribeEndpointCommand,
  DescribeEndpointConfigCommand,
  DescribePipelineExecutionCommand,
  ListEndpointConfigsCommand,
  ListPipelineExecutionStepsCommand,
  ListPipelineExecutionsCommand,
  RetryPipelineExecutionCommand,
  SendPipelineExecutionStepFailureCommand,
  SendPipelineExecutionStepSuccessCommand,
  UpdateEndpointCommand,
  UpdateEndpointWeightsAndCapacitiesCommand,
} from '@aws-sdk/client-sagemaker';
import { CreateQueueCommand } from '@aws-sdk/client-sqs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

import type {
  ControlActivities,
  ModelRef,
  RestRequest,
  RolloutOutcome,
  RolloutRequest,
} from '../../activities/contract.js';
import { createControlActivities, createDataActivities } from '../../activities/index.js';
import { FailureType } from '../../domain/failures.js';
import type { PolicyInput } from '../../domain/policy.schema.js';
import { rolloutPlan } from '../../domain/rollout.js';
import { packArchive } from '../../sandbox/learner/archive.js';
import {
  discard,
  fault,
  LEARNER,
  openBench,
  REGION,
  ROLE,
  scratch,
  until,
  type Bench,
} from '../sandbox/sagemaker/support.js';
import { attemptOf, noAnalysis, policyWith, run } from './support.js';

let bench: Bench;
let control: ControlActivities;
const folder = scratch();

beforeAll(async () => {
  bench = await openBench();
  control = createControlActivities({
    aws: () => bench,
    temporal: {} as never,
    now: () => Date.now(),
    consoleUrl: null,
  });
  await bench.s3.send(new CreateBucketCommand({ Bucket: 'artefacts' }));
  const Body = await packArchive({ model: 'binary' });
  await bench.s3.send(new PutObjectCommand({ Bucket: 'artefacts', Key: 'm.tar.gz', Body }));
  await bench.sagemaker.send(
    new CreateModelCommand({
      ModelName: 'model',
      ExecutionRoleArn: ROLE,
      PrimaryContainer: { Image: LEARNER, ModelDataUrl: 's3://artefacts/m.tar.gz' },
    }),
  );
  for (const name of ['flights-1', 'flights-2', 'flights-3']) await config(name);
});
afterEach(async () => {
  await fault(bench);
});
afterAll(async () => {
  await bench.close();
  discard(bench.home);
  discard(folder);
});

const config = (EndpointConfigName: string, capture?: string) =>
  bench.sagemaker.send(
    new CreateEndpointConfigCommand({
      EndpointConfigName,
      ProductionVariants: [
        {
          VariantName: 'AllTraffic',
          ModelName: 'model',
          InstanceType: 'ml.m5.large',
          InitialInstanceCount: 2,
        },
      ],
      Tags: [{ Key: 'modelkeeper:model', Value: 'flights' }],
      ...(capture === undefined
        ? {}
        : {
            DataCaptureConfig: {
              EnableCapture: true,
              InitialSamplingPercentage: 100,
              DestinationS3Uri: capture,
              CaptureOptions: [{ CaptureMode: 'Input' }],
            },
          }),
    }),
  );

const look = (EndpointName: string) =>
  bench.sagemaker.send(new DescribeEndpointCommand({ EndpointName }));
const inService = (name: string) =>
  until(
    () => look(name),
    ({ EndpointStatus: status }) => status === 'InService',
  );

let endpoints = 0;
/** A fresh endpoint on `flights-1` (or another config), claimed by the keeper of flights. */
async function endpoint(EndpointConfigName = 'flights-1'): Promise<string> {
  endpoints += 1;
  const EndpointName = `live-${String(endpoints)}`;
  await bench.sagemaker.send(
    new CreateEndpointCommand({
      EndpointName,
      EndpointConfigName,
      Tags: [{ Key: 'modelkeeper:keeper', Value: 'keeper/flights' }],
    }),
  );
  await inService(EndpointName);
  return EndpointName;
}

const specOf = (name: string, pipeline = 'pipeline'): Partial<PolicyInput['spec']> => ({
  endpoint: { name, region: REGION },
  monitor: { every: '2s', sources: [{ id: 'health', kind: 'alarms' }] },
  retrain: { pipeline, on: [] },
  deploy: {
    strategy: 'canary',
    canary: { percent: 50, bake: '1s' },
    finalBake: '1s',
    probation: { rollBackOn: [] },
  },
});
const refOf = (name: string, pipeline?: string): ModelRef => ({
  model: 'flights',
  policy: policyWith(specOf(name, pipeline)),
});

/** The update of a release from `flights-1`, as its workflow asks for it. */
async function rollout(name: string, configName = 'flights-2', release = 2) {
  const described = await look(name);
  const ref = refOf(name);
  const request: RolloutRequest = {
    ...ref,
    release,
    configName,
    plan: rolloutPlan(ref.policy.spec.deploy, []),
    expectedConfigName: 'flights-1',
    lastModifiedAtMs: described.LastModifiedTime?.getTime() ?? 0,
  };
  const rest: RestRequest = {
    ...ref,
    configName,
    previousConfigName: 'flights-1',
    alarmNames: [],
    deadlineMs: Date.now() + 60_000,
    journey: { sinceMs: Date.now(), progress: [], formerReason: null },
    tellMoves: false,
  };
  return { request, rest };
}

const typeOf = (error: unknown): string | undefined => (error as { type?: string } | null)?.type;

/** As Temporal retries what is not there yet, with what was kept in the heartbeat. */
async function settled<Args extends unknown[], Result>(
  activity: (...args: Args) => Promise<Result>,
  ...args: Args
): Promise<Result> {
  let details: unknown;
  const last = await until(
    async () => {
      const attempt = await attemptOf(activity, args, { heartbeatDetails: details });
      ({ details } = attempt);
      return attempt;
    },
    ({ error }) => !/^Still/.test(typeOf(error) ?? ''),
    30_000,
  );
  return last.result();
}

/** How often `work` calls each operation. */
async function callsOf(work: () => Promise<unknown>): Promise<Readonly<Record<string, number>>> {
  const counts = async (): Promise<Readonly<Record<string, { readonly count: number }>>> => {
    const answer = await fetch(`${bench.sandbox.url}/_sandbox/calls`);
    return (await answer.json()) as Readonly<Record<string, { readonly count: number }>>;
  };
  const before = await counts();
  await work();
  return Object.fromEntries(
    Object.entries(await counts())
      .map(
        ([operation, { count }]) => [operation, count - (before[operation]?.count ?? 0)] as const,
      )
      .filter(([, count]) => count > 0),
  );
}
const countOf = (calls: Readonly<Record<string, number>>, operation: RegExp): number =>
  Object.entries(calls).reduce((sum, [name, count]) => sum + (operation.test(name) ? count : 0), 0);

const step = (Name: string, over: object): object => ({ Name, ...over });
const pipelineOf = (PipelineName: string, ...Steps: readonly object[]) =>
  bench.sagemaker.send(
    new CreatePipelineCommand({
      PipelineName,
      RoleArn: ROLE,
      ClientRequestToken: randomUUID(),
      PipelineDefinition: JSON.stringify({ Version: '2020-12-01', Parameters: [], Steps }),
    }),
  );
/** A step that runs until somebody answers its message. */
const callback = async (QueueName: string): Promise<object> => {
  const { QueueUrl: SqsQueueUrl } = await bench.sqs.send(new CreateQueueCommand({ QueueName }));
  return step('Ask', { Type: 'Callback', SqsQueueUrl, Arguments: {} });
};
/** The token with which the first step waits for its answer. */
const askedBy = async (PipelineExecutionArn: string): Promise<string | undefined> => {
  const { PipelineExecutionSteps: steps } = await until(
    () => bench.sagemaker.send(new ListPipelineExecutionStepsCommand({ PipelineExecutionArn })),
    (answer) => answer.PipelineExecutionSteps?.[0]?.Metadata?.Callback?.CallbackToken !== undefined,
  );
  return steps?.[0]?.Metadata?.Callback?.CallbackToken;
};
const started = async (pipeline: string, release: number): Promise<string> => {
  const name = `flights-${String(release)}`;
  const answer = await run(control.startPipeline, [
    { ...refOf('live', pipeline), release, name, parameters: {} },
  ]);
  return answer.executionArn;
};
const statusOf = async (PipelineExecutionArn: string): Promise<string | undefined> =>
  (await bench.sagemaker.send(new DescribePipelineExecutionCommand({ PipelineExecutionArn })))
    .PipelineExecutionStatus;

describe('a team is not caught out by', () => {
  it('1: a rollback without a word, after which the old config is gone and no update succeeds', async () => {
    const name = await endpoint();
    await fault(bench, { operation: '*', kind: 'silent rollback', match: name, times: 1 });
    const { request, rest } = await rollout(name);
    expect(await run(control.updateEndpoint, [request])).toEqual({ kind: 'accepted' });
    const outcome: RolloutOutcome = await settled(control.awaitRest, rest);
    expect(outcome).toMatchObject({ kind: 'rolled back', silent: true });
    await run(control.discardDeployment, [
      { ...request, names: ['flights-1', 'flights-2'], keepConfig: false },
    ]);
    const left = await bench.sagemaker.send(
      new DescribeEndpointConfigCommand({ EndpointConfigName: 'flights-1' }),
    );
    expect(left.EndpointConfigName).toBe((await look(name)).EndpointConfigName);
    await config('flights-2');
  });

  it('2: an instance count that an update sets back to what the config began with', async () => {
    const name = await endpoint();
    await bench.sagemaker.send(
      new UpdateEndpointWeightsAndCapacitiesCommand({
        EndpointName: name,
        DesiredWeightsAndCapacities: [{ VariantName: 'AllTraffic', DesiredInstanceCount: 5 }],
      }),
    );
    await until(
      () => look(name),
      ({ EndpointStatus: status, ProductionVariants: variants }) =>
        status === 'InService' && variants?.[0]?.CurrentInstanceCount === 5,
    );
    const { request, rest } = await rollout(name);
    await run(control.updateEndpoint, [request]);
    expect(await settled(control.awaitRest, rest)).toMatchObject({ kind: 'in service' });
    const [variant] = (await look(name)).ProductionVariants ?? [];
    expect(variant?.CurrentInstanceCount).toBe(5);
  });

  it('3 and 11: looks of many models that throttle each other, or cost a call for each metric', async () => {
    const name = await endpoint();
    const metrics = Object.fromEntries(
      ['CPUUtilization', 'MemoryUtilization', 'DiskUtilization'].map((metric) => [
        metric,
        { abovePercent: 90 },
      ]),
    );
    const looks = Array.from({ length: 20 }, (_, index) => ({
      model: `flights-${String(index)}`,
      policy: policyWith({
        ...specOf(name),
        monitor: {
          every: '1h',
          sources: [
            { id: 'health', kind: 'alarms' },
            { id: 'load', kind: 'endpoint-metrics', metrics },
          ],
        },
      }),
      known: {
        endpointStatus: 'InService',
        configName: 'flights-1',
        pendingConfigName: null,
        alarms: {},
        breachedMetrics: [],
        blindMetrics: [],
      },
      releases: [],
      notBeforeMs: 0,
      wakeAtMs: null,
      scheduleAfterMs: Date.now(),
    }));
    await fault(bench, { operation: 'CloudWatch.GetMetricData', kind: 'throttle', times: 1 });
    const throttled = await attemptOf(control.watchSignals, [looks[0] as (typeof looks)[0]]);
    expect(typeOf(throttled.error)).toBe(FailureType.Throttled);
    const calls = await callsOf(() =>
      Promise.all(looks.map((watch) => attemptOf(control.watchSignals, [watch]))),
    );
    expect(countOf(calls, /GetMetricData$/)).toBe(1);
    expect(countOf(calls, /ListEndpoints$/)).toBeLessThanOrEqual(1);
    expect(countOf(calls, /DescribeAlarms$/)).toBeLessThanOrEqual(2);
  });

  it('4: a quota of nothing on a fresh account, which no retry in a hurry cures', async () => {
    const { request } = await rollout(await endpoint());
    await fault(bench, {
      operation: 'SageMaker.UpdateEndpoint',
      kind: 'error',
      errorName: 'ResourceLimitExceeded',
      times: 1,
    });
    const { error } = await attemptOf(control.updateEndpoint, [request]);
    expect(error).toMatchObject({
      type: FailureType.Capacity,
      nonRetryable: false,
      message: expect.stringMatching(/waits for capacity or quota/) as string,
    });
    // The quota was raised: the same call gets through.
    expect(await run(control.updateEndpoint, [request])).toEqual({ kind: 'accepted' });
  });

  it('5: captured data that nobody finds because of a slash at the end of its destination', async () => {
    await config('captured', 's3://artefacts/capture/');
    const name = await endpoint('captured');
    const { capturePrefix } = await run(control.readEndpoint, [refOf(name)]);
    expect(capturePrefix).toBe(`s3://artefacts/capture/${name}/AllTraffic/`);
  });

  it('6: one trigger that comes twice', async () => {
    await pipelineOf('twice', step('Stop', { Type: 'Fail', Arguments: { ErrorMessage: 'no' } }));
    const [first, second] = await Promise.all([started('twice', 6), started('twice', 6)]);
    expect(second).toBe(first);
    const { PipelineExecutionSummaries: all = [] } = await bench.sagemaker.send(
      new ListPipelineExecutionsCommand({ PipelineName: 'twice' }),
    );
    expect(all).toHaveLength(1);
  });

  it('7: two approvals at once, of which the second update meets one under way', async () => {
    const name = await endpoint();
    const first = await rollout(name);
    const second = await rollout(name, 'flights-3', 3);
    expect(await run(control.updateEndpoint, [first.request])).toEqual({ kind: 'accepted' });
    const { error } = await attemptOf(control.updateEndpoint, [second.request]);
    expect(typeOf(error)).toBe(FailureType.Busy);
    expect(await settled(control.awaitRest, first.rest)).toMatchObject({ kind: 'in service' });
    expect(await run(control.updateEndpoint, [second.request])).toEqual({
      kind: 'champion changed',
      configName: 'flights-2',
    });
  });

  it('8: a person in Studio who runs again what was given up as failed', async () => {
    await pipelineOf('fails', await callback('failing'));
    const executionArn = await started('fails', 8);
    const CallbackToken = await askedBy(executionArn);
    await bench.sagemaker.send(
      new SendPipelineExecutionStepFailureCommand({ CallbackToken, FailureReason: 'no' }),
    );
    const ref = refOf('live', 'fails');
    expect(await settled(control.awaitPipeline, { ...ref, executionArn })).toMatchObject({
      kind: 'failed',
    });
    const waiting = await attemptOf(control.awaitRevival, [{ ...ref, executionArn }]);
    expect(waiting.error).toMatchObject({
      message: expect.stringMatching(/somebody retries it .* it is followed again/) as string,
    });
    await bench.sagemaker.send(
      new RetryPipelineExecutionCommand({
        PipelineExecutionArn: executionArn,
        ClientRequestToken: randomUUID(),
      }),
    );
    // The step waits for its answer again, so it runs for as long as nobody gives one.
    expect(await run(control.awaitRevival, [{ ...ref, executionArn }])).toEqual({
      kind: 'running',
      by: 'somebody else',
    });
    // Nobody looks while it succeeds: that is seen all the same, and nothing is run again.
    const second = await until(
      () => askedBy(executionArn),
      (one) => one !== CallbackToken,
    );
    await bench.sagemaker.send(
      new SendPipelineExecutionStepSuccessCommand({ CallbackToken: second }),
    );
    await until(
      () => statusOf(executionArn),
      (status) => status === 'Succeeded',
    );
    const retry = { ...ref, executionArn, number: 1 };
    expect(await run(control.awaitRevival, [retry])).toEqual({ kind: 'succeeded' });
    const calls = await callsOf(() => run(control.retryPipeline, [retry]));
    expect(countOf(calls, /RetryPipelineExecution/)).toBe(0);
    expect(await settled(control.awaitPipeline, retry)).toMatchObject({
      class: 'data',
      reason: expect.stringMatching(/succeeded and registered nothing/) as string,
    });
  });

  it('9: a retraining that the cache has answered whole, and that registered nothing', async () => {
    const train = step('Train', {
      Type: 'Training',
      CacheConfig: { Enabled: true, ExpireAfter: 'P30D' },
      Arguments: {
        AlgorithmSpecification: { TrainingImage: 'somebody/else:1', TrainingInputMode: 'File' },
        RoleArn: ROLE,
        OutputDataConfig: { S3OutputPath: 's3://artefacts/out' },
        ResourceConfig: { InstanceType: 'ml.m5.large', InstanceCount: 1, VolumeSizeInGB: 5 },
        StoppingCondition: { MaxRuntimeInSeconds: 3600 },
      },
    });
    await pipelineOf('cached', train);
    const ref = refOf('live', 'cached');
    await settled(control.awaitPipeline, { ...ref, executionArn: await started('cached', 9) });
    const executionArn = await started('cached', 10);
    expect(await settled(control.awaitPipeline, { ...ref, executionArn })).toMatchObject({
      kind: 'failed',
      class: 'nothing new',
    });
  });

  it('10: a stop that waits for a Callback step without end', async () => {
    await pipelineOf('asks', await callback('asking'));
    const executionArn = await started('asks', 11);
    await askedBy(executionArn);
    const stop = (sinceMs: number) => ({
      ...refOf('live', 'asks'),
      release: 11,
      name: 'flights-11',
      executionArn,
      sinceMs,
    });
    const { error } = await attemptOf(control.stopPipeline, [stop(Date.now())]);
    expect(typeOf(error)).toBe('StillRunning');
    expect(await statusOf(executionArn)).toBe('Stopping');
    expect(await run(control.stopPipeline, [stop(Date.now() - 3_600_000)])).toMatchObject({
      kind: 'given up',
      reason: expect.stringMatching(/Ask/) as string,
    });
  });

  it('12: a processing job for each hour and schedule, where drift can be computed without any', async () => {
    await config('computed', 's3://artefacts/computed');
    const name = await endpoint('computed');
    const policy = policyWith({
      ...specOf(name),
      monitor: {
        every: '1h',
        sources: [{ id: 'inputs', kind: 'captured-inputs', window: '1h', settle: '0s' }],
      },
      retrain: { pipeline: 'pipeline', on: ['drift'] },
    });
    const { champion, capturePrefix } = await run(control.readEndpoint, [refOf(name)]);
    if (champion === null) throw new Error('no champion');
    const { watchData } = createDataActivities({
      aws: () => bench,
      analysis: noAnalysis,
      now: () => Date.now(),
      scratch: folder,
    });
    const calls = await callsOf(() =>
      attemptOf(watchData, [
        {
          model: 'flights',
          policy,
          champion: { ...champion, sinceMs: Date.now() - 10 * 3_600_000 },
          capturePrefix,
          baselineUri: 's3://artefacts/profile.json',
          countedToMs: {},
          recent: {},
          disturbed: [],
          toldNoData: [],
          notBeforeMs: 0,
        },
      ]),
    );
    expect(countOf(calls, /^S3\./)).toBeGreaterThan(0);
    expect(countOf(calls, /Monitoring|JobDefinition|ProcessingJob/)).toBe(0);
  });

  it('13: two fleets that are paid for, and a canary that never ends', async () => {
    const name = await endpoint();
    const { request, rest } = await rollout(name);
    const { warnings } = await run(control.preflight, [
      {
        ...request,
        packageArn: null,
        evidence: {
          packageArn: 'arn:aws:sagemaker:us-east-1:111122223333:model-package/flights/1',
          artefact: { uri: 's3://artefacts/m.tar.gz' },
          evaluation: { reportUri: 's3://artefacts/report.json' },
          configName: 'flights-2',
        } as never,
      },
    ]);
    expect(warnings.join()).toMatch(/2 \+ 2 instances of ml\.m5\.large run.*both are paid for/);
    await run(control.updateEndpoint, [request]);
    // Whatever SageMaker does, nobody waits longer than that and some minutes.
    const late = await run(control.awaitRest, [{ ...rest, deadlineMs: Date.now() - 1 }]).catch(
      typeOf,
    );
    expect(late).toMatchObject({ kind: expect.stringMatching(/stuck|in service/) as string });
    const { LastDeploymentConfig: last } = await inService(name);
    expect(last?.BlueGreenUpdatePolicy?.MaximumExecutionTimeoutInSeconds).toBe(
      request.plan.timeoutSeconds,
    );
  });

  it('14: infrastructure as code that puts its own config back', async () => {
    const name = await endpoint();
    const { request, rest } = await rollout(name);
    await run(control.updateEndpoint, [request]);
    expect(await settled(control.awaitRest, rest)).toMatchObject({ kind: 'in service' });
    await bench.sagemaker.send(
      new UpdateEndpointCommand({ EndpointName: name, EndpointConfigName: 'flights-1' }),
    );
    await inService(name);
    const { disagreements } = await run(control.reconcile, [
      {
        ...request,
        expected: { configName: 'flights-2', seen: null },
        known: [],
        ledgerHead: 0,
        notBeforeMs: 0,
        once: true,
      },
    ]);
    expect(disagreements.map(({ sentence }) => sentence).join('\n')).toMatch(
      /flights-1.*flights-2|flights-2.*flights-1/,
    );
    const docs = readFileSync(join(import.meta.dirname, '../../docs/operations.md'), 'utf8');
    expect(docs).toMatch(/ignore_changes = \[endpoint_config_name\]/);
    // Nothing of ours was thrown away by it: the way to our version is open.
    const { EndpointConfigs = [] } = await bench.sagemaker.send(
      new ListEndpointConfigsCommand({ NameContains: 'flights-2' }),
    );
    expect(EndpointConfigs).toHaveLength(1);
  });
});
