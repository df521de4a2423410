/** A shadow test against the local AWS: its config made, entered, judged on real copies of requests, and refused where AWS has none. */
import { CreateBucketCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import {
  CreateEndpointCommand,
  CreateEndpointConfigCommand,
  CreateModelCommand,
  DescribeEndpointCommand,
  DescribeEndpointConfigCommand,
  MetricPublishFrequencyInSeconds,
  type ProductionVariant,
} from '@aws-sdk/client-sagemaker';
import { InvokeEndpointCommand } from '@aws-sdk/client-sagemaker-runtime';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { BakeRequest, ShadowPrepared, ShadowRequest } from '../../activities/contract.js';
import type { ControlDeps } from '../../activities/deps.js';
import { createControlActivities, createDataActivities } from '../../activities/index.js';
import { readAnswers } from '../../analysis/capture.js';
import { rolloutPlan } from '../../domain/rollout.js';
import { packArchive, packModel } from '../../sandbox/learner/archive.js';
import { fit } from '../../sandbox/learner/logistic.js';
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
import { noAnalysis, policyWith, run } from './support.js';

let bench: Bench;
const folder = scratch();

const policy = policyWith({
  endpoint: { name: 'live', region: REGION },
  deploy: {
    limits: { period: '10s' },
    shadow: { for: '1h', sample: 100 },
    compare: {
      warmup: '0s',
      minimum: { invocations: 30 },
      metrics: [
        {
          id: 'errors',
          kind: 'proportion',
          numerator: 'Invocation5XXErrors',
          margin: 0.2,
          hard: 0.5,
        },
        { id: 'answers', kind: 'distribution', minRows: 50 },
      ],
    },
  },
});
const asked: ShadowRequest = {
  model: 'flights',
  policy,
  release: 2,
  configName: 'flights-2',
  championConfigName: 'flights-1',
};

beforeAll(async () => {
  bench = await openBench();
  await bench.s3.send(new CreateBucketCommand({ Bucket: 'artefacts' }));
  const features = [{ name: 'distance', type: 'number' }] as const;
  const distance = [300, 2000];
  const fitted = fit({ distance }, [0, 1], { features, epochs: 5, seed: 1, hashBits: 8 });
  const archives = {
    champion: await packModel(fitted, { from: '', to: '', rows: 2 }),
    candidate: await packArchive({ model: 'binary' }),
  };
  for (const [name, Body] of Object.entries(archives)) {
    await bench.s3.send(new PutObjectCommand({ Bucket: 'artefacts', Key: `${name}.tar.gz`, Body }));
    await bench.sagemaker.send(
      new CreateModelCommand({
        ModelName: name,
        ExecutionRoleArn: ROLE,
        PrimaryContainer: { Image: LEARNER, ModelDataUrl: `s3://artefacts/${name}.tar.gz` },
      }),
    );
  }
  await config('flights-1', [variant('champion')]);
  await config('flights-2', [variant('candidate')]);
  await serve('live', 'flights-1');
});
afterAll(async () => {
  await bench.close();
  discard(bench.home);
  discard(folder);
});

const variant = (ModelName: string, VariantName = 'AllTraffic'): ProductionVariant => ({
  VariantName,
  ModelName,
  InstanceType: 'ml.m5.large',
  InitialInstanceCount: 2,
});

const config = (EndpointConfigName: string, ProductionVariants: ProductionVariant[]) =>
  bench.sagemaker.send(
    new CreateEndpointConfigCommand({
      EndpointConfigName,
      ProductionVariants,
      MetricsConfig: { MetricPublishFrequencyInSeconds: MetricPublishFrequencyInSeconds.FREQ_10_S },
      DataCaptureConfig: {
        EnableCapture: true,
        InitialSamplingPercentage: 100,
        DestinationS3Uri: 's3://artefacts/capture',
        CaptureOptions: [{ CaptureMode: 'Input' }, { CaptureMode: 'Output' }],
        CaptureContentTypeHeader: { CsvContentTypes: ['text/csv'] },
      },
    }),
  );

const look = (EndpointName: string) =>
  bench.sagemaker.send(new DescribeEndpointCommand({ EndpointName }));

async function serve(EndpointName: string, EndpointConfigName: string): Promise<void> {
  await bench.sagemaker.send(
    new CreateEndpointCommand({
      EndpointName,
      EndpointConfigName,
      Tags: [{ Key: 'modelkeeper:keeper', Value: 'keeper/flights' }],
    }),
  );
  await atRest(EndpointName, EndpointConfigName);
}

const atRest = (name: string, configName: string) =>
  until(
    () => look(name),
    (now) => now.EndpointStatus === 'InService' && now.EndpointConfigName === configName,
  );

const control = () => {
  const deps: ControlDeps = {
    aws: () => bench,
    temporal: {} as ControlDeps['temporal'],
    now: () => Date.now(),
    consoleUrl: null,
  };
  return createControlActivities(deps);
};
const prepare = (over: Partial<ShadowRequest> = {}): Promise<ShadowPrepared> =>
  run(control().prepareShadow, [{ ...asked, ...over }]);

describe('a shadow test', () => {
  it('stands in a config of its own, the champion serving, and is made once', async () => {
    const ready = { kind: 'ready', configName: 'flights-2-shadow', variant: 'AllTraffic-shadow' };
    expect(await prepare()).toEqual(ready);
    expect(await prepare()).toEqual(ready);
    const made = await bench.sagemaker.send(
      new DescribeEndpointConfigCommand({ EndpointConfigName: 'flights-2-shadow' }),
    );
    expect(made.ProductionVariants).toMatchObject([
      { VariantName: 'AllTraffic', ModelName: 'champion', InitialInstanceCount: 2 },
    ]);
    expect(made.ShadowProductionVariants).toMatchObject([
      { VariantName: 'AllTraffic-shadow', ModelName: 'candidate', InitialVariantWeight: 1 },
    ]);
    expect(made.DataCaptureConfig).toMatchObject({ DestinationS3Uri: 's3://artefacts/capture' });
  });

  it('is refused for two variants, for another champion, and for a config that is gone', async () => {
    await config('two', [variant('champion'), variant('champion', 'Other')]);
    await serve('pair', 'two');
    const pair = { ...policy.spec, endpoint: { ...policy.spec.endpoint, name: 'pair' } };
    const reasons = async (over: Partial<ShadowRequest>) => {
      const answer = await prepare(over);
      return answer.kind === 'refused' ? answer.reasons.join() : answer.kind;
    };
    expect(await reasons({ policy: { ...policy, spec: pair }, championConfigName: 'two' })).toMatch(
      /one variant of one model, and it has 2 variants/,
    );
    expect(await reasons({ championConfigName: 'flights-0' })).toMatch(/serves flights-1, not/);
    expect(await reasons({ configName: 'flights-9' })).toMatch(/does not exist any more/);
  });

  it(
    'is judged on what both variants did with the same requests',
    { timeout: 90_000 },
    async () => {
      await prepare();
      const before = await look('live');
      const update = await run(control().updateEndpoint, [
        {
          ...asked,
          configName: 'flights-2-shadow',
          plan: rolloutPlan(policy.spec.deploy, []),
          expectedConfigName: 'flights-1',
          lastModifiedAtMs: before.LastModifiedTime?.getTime() ?? 0,
          plain: true,
        },
      ]);
      expect(update).toEqual({ kind: 'accepted' });
      await atRest('live', 'flights-2-shadow');
      const fromMs = Date.now();
      const boundary = (Math.floor(fromMs / 10_000) + 2) * 10_000 + 1;
      await fault(bench, { operation: '*', kind: 'container error', match: 'candidate', times: 1 });
      // Two periods of traffic, at the pace of the answers.
      await until(
        async () => {
          await bench.runtime.send(
            new InvokeEndpointCommand({
              EndpointName: 'live',
              ContentType: 'text/csv',
              Body: Buffer.from('300'),
            }),
          );
          return Date.now();
        },
        (nowMs) => nowMs > boundary,
        60_000,
      );
      const request: BakeRequest = {
        model: 'flights',
        policy,
        champion: {
          variant: 'AllTraffic',
          configName: null,
          capturePrefix: 's3://artefacts/capture/live/AllTraffic/',
        },
        candidate: {
          variant: 'AllTraffic-shadow',
          configName: null,
          capturePrefix: 's3://artefacts/capture/live/AllTraffic-shadow/',
        },
        windows: [{ fromMs: Math.floor(fromMs / 10_000) * 10_000, toMs: boundary }],
        look: { k: 1, of: 1 },
        expectedShare: 0.5,
        answers: true,
      };
      const compared = await until(
        () => run(control().compareBake, [request]),
        ({ metrics }) => (metrics[0]?.nCandidate ?? 0) > 100,
      );
      const [errors] = compared.metrics;
      expect(compared).toMatchObject({ verdict: 'promote', doubts: [] });
      expect(errors?.nCandidate).toBe(errors?.nChampion);
      const { compareAnswers } = createDataActivities({
        aws: () => bench,
        analysis: {
          ...noAnalysis,
          readAnswers: async ({ files, window }) => ({ answers: await readAnswers(files, window) }),
        },
        now: () => Date.now(),
        scratch: folder,
      });
      const answers = await until(
        () => run(compareAnswers, [request]),
        ([line]) => (line?.nCandidate ?? 0) > 50,
      );
      // The candidate answers every request with the same number.
      expect(answers).toMatchObject([{ id: 'answers', verdict: 'fail', candidate: 0.5 }]);
    },
  );
});
