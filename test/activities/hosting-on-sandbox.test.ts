/** Asynchronous and serverless endpoints against the local AWS: what is refused at the door, and a whole rollout of each. */
import { DescribeAlarmsCommand } from '@aws-sdk/client-cloudwatch';
import { CreateBucketCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import {
  CreateEndpointCommand,
  CreateEndpointConfigCommand,
  CreateModelCommand,
  CreateModelPackageCommand,
  CreateModelPackageGroupCommand,
  DescribeEndpointCommand,
  DescribeEndpointConfigCommand,
  ListTagsCommand,
  type CreateEndpointConfigInput,
  type ProductionVariant,
} from '@aws-sdk/client-sagemaker';
import {
  InvokeEndpointAsyncCommand,
  InvokeEndpointCommand,
} from '@aws-sdk/client-sagemaker-runtime';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { ControlActivities, ModelRef, Prepared } from '../../activities/contract.js';
import type { ControlDeps } from '../../activities/deps.js';
import { createControlActivities } from '../../activities/index.js';
import type { Evidence } from '../../domain/evidence.js';
import { packArchive } from '../../sandbox/learner/archive.js';
import {
  discard,
  fault,
  LEARNER,
  openBench,
  REGION,
  ROLE,
  until,
  type Bench,
} from '../sandbox/sagemaker/support.js';
import { attemptOf, candidate, policyInput, policyWith, type Attempt } from './support.js';

type Spec = NonNullable<Parameters<typeof policyWith>[0]>;

const VARIANT = 'AllTraffic';
const S3OutputPath = 's3://artefacts/answers';
let bench: Bench;
let activities: ControlActivities;
let packageArn = '';

beforeAll(async () => {
  bench = await openBench();
  const { sagemaker, cloudwatch, s3, autoscaling } = bench;
  activities = createControlActivities({
    aws: () =>
      ({ sagemaker, cloudwatch, s3, autoscaling }) as unknown as ReturnType<ControlDeps['aws']>,
    temporal: {} as ControlDeps['temporal'],
    now: () => Date.now(),
    consoleUrl: null,
  });
  await s3.send(new CreateBucketCommand({ Bucket: 'artefacts' }));
  const Body = await packArchive({ 'xgboost-model': 'binary' });
  await s3.send(new PutObjectCommand({ Bucket: 'artefacts', Key: 'm.tar.gz', Body }));
  await s3.send(new PutObjectCommand({ Bucket: 'artefacts', Key: 'in.csv', Body: '1,2' }));
  const container = { Image: LEARNER, ModelDataUrl: 's3://artefacts/m.tar.gz' };
  await sagemaker.send(new CreateModelPackageGroupCommand({ ModelPackageGroupName: 'flights' }));
  const made = await sagemaker.send(
    new CreateModelPackageCommand({
      ModelPackageGroupName: 'flights',
      ModelApprovalStatus: 'Approved',
      InferenceSpecification: {
        Containers: [container],
        SupportedContentTypes: ['text/csv'],
        SupportedResponseMIMETypes: ['text/csv'],
      },
    }),
  );
  packageArn = made.ModelPackageArn ?? '';
  await sagemaker.send(
    new CreateModelCommand({
      ModelName: 'first',
      ExecutionRoleArn: ROLE,
      PrimaryContainer: container,
    }),
  );
  await Promise.all([
    serving('asynchronous', {
      AsyncInferenceConfig: { OutputConfig: { S3OutputPath } },
    }),
    serving('serverless', {
      ProductionVariants: [
        {
          VariantName: VARIANT,
          ModelName: 'first',
          ServerlessConfig: { MemorySizeInMB: 2048, MaxConcurrency: 5 },
        },
      ],
    }),
    serving('pair', { ProductionVariants: [onInstances(), onInstances({ VariantName: 'Other' })] }),
    serving('components', { ProductionVariants: [onInstances({ ModelName: undefined })] }),
  ]);
}, 60_000);
afterAll(async () => {
  await bench.close();
  discard(bench.home);
});

const onInstances = (over: Partial<ProductionVariant> = {}): ProductionVariant => ({
  VariantName: VARIANT,
  ModelName: 'first',
  InstanceType: 'ml.m5.large',
  InitialInstanceCount: 2,
  ...over,
});

const look = (name: string) =>
  bench.sagemaker.send(new DescribeEndpointCommand({ EndpointName: name }));

async function serving(name: string, config: Partial<CreateEndpointConfigInput>): Promise<void> {
  await bench.sagemaker.send(
    new CreateEndpointConfigCommand({
      EndpointConfigName: name,
      ProductionVariants: [onInstances()],
      ...config,
    }),
  );
  await bench.sagemaker.send(
    new CreateEndpointCommand({ EndpointName: name, EndpointConfigName: name }),
  );
  await until(
    () => look(name),
    ({ EndpointStatus }) => EndpointStatus === 'InService',
  );
}

const health = [{ id: 'health', kind: 'alarms' as const }];
const refOf = (endpoint: string, deploy: Spec['deploy'], spec: Spec = {}): ModelRef => ({
  model: 'flights',
  policy: policyWith({
    endpoint: { name: endpoint, region: REGION },
    monitor: { ...policyInput.spec.monitor, sources: health },
    retrain: { ...policyInput.spec.retrain, on: [] },
    ...spec,
    deploy: {
      limits: { period: '10s' },
      probation: { rollBackOn: ['alarms'] },
      role: ROLE,
      ...deploy,
    },
  }),
});

/** Runs an activity as Temporal does, until it answers; the sandbox takes a thousandth of AWS's time. */
async function settled<Args extends unknown[], Result>(
  activity: (...args: Args) => Promise<Result>,
  ...args: Args
): Promise<Result> {
  let heartbeatDetails: unknown;
  const last: Attempt<Result> = await until<Attempt<Result>>(
    () => attemptOf<Args, Result>(activity, args, { heartbeatDetails }),
    ({ error, details }) => {
      heartbeatDetails = details;
      const failure = error as { nonRetryable?: boolean } | undefined;
      return failure === undefined || failure.nonRetryable === true;
    },
    60_000,
  );
  return last.result();
}

const preflight = async (
  ref: ModelRef,
  { configName, plan }: Pick<Prepared, 'configName' | 'plan'>,
) =>
  settled(activities.preflight, {
    ...ref,
    configName,
    plan,
    packageArn,
    expectedConfigName: ref.policy.spec.endpoint.name,
    evidence: {
      model: 'flights',
      release: 1,
      artefact: { uri: 's3://artefacts/m.tar.gz', etag: '', sizeBytes: 0, versionId: null },
      image: LEARNER,
      imageDigest: null,
      packageArn,
      data: { train: { fromMs: 0, toMs: 1 }, holdOut: { fromMs: 1, toMs: 2 } },
      evaluation: {
        verdict: 'pass',
        candidate: [],
        champion: [],
        reportUri: 's3://artefacts/report.json',
        reportDigest: '',
        rows: 1,
      },
      configName,
      plan,
      championConfigName: ref.policy.spec.endpoint.name,
    } satisfies Evidence,
  });

describe('what SageMaker does not give an endpoint', () => {
  const inputs = [...health, { id: 'inputs', kind: 'captured-inputs' as const }];
  const withSources = (sources: NonNullable<Spec['monitor']>['sources']): Spec => ({
    monitor: { ...policyInput.spec.monitor, sources },
  });
  const shadow = { strategy: 'all-at-once', shadow: { for: '1h' } } as const;
  const plain = { strategy: 'all-at-once' } as const;
  const scaling = { instances: { min: 1, max: 4 } };

  it.each<[string, string, Spec['deploy'], Spec, RegExp]>([
    ['components', 'anything', plain, {}, /'components' hosts inference components/],
    ['serverless', 'a canary', { strategy: 'canary' }, {}, /is serverless, which .* all at once/],
    ['serverless', 'a linear rollout', { strategy: 'linear' }, {}, /write all-at-once/],
    ['serverless', 'a rolling update', { strategy: 'rolling' }, {}, /write all-at-once/],
    ['serverless', 'steps', { strategy: 'steps' }, {}, /write all-at-once/],
    ['serverless', 'captured inputs', plain, withSources(inputs), /take the source 'inputs' out/],
    ['serverless', 'scaling', plain, { scaling }, /no instances to scale: take spec\.scaling out/],
    ['serverless', 'a shadow', shadow, {}, /a shadow test needs .* it is serverless/],
    ['asynchronous', 'steps', { strategy: 'steps' }, {}, /'asynchronous' is asynchronous: its/],
    ['asynchronous', 'captured inputs', plain, withSources(inputs), /captures no data of async/],
    ['asynchronous', 'a shadow', shadow, {}, /a shadow test needs .* it is asynchronous/],
    [
      'asynchronous',
      'limits on invocations',
      plain,
      withSources([
        { id: 'calls', kind: 'endpoint-metrics', metrics: { Invocations: { below: 1 } } },
      ]),
      /CloudWatch has no Invocations of asynchronous endpoints/,
    ],
    [
      'asynchronous',
      'scaling by invocations',
      plain,
      { scaling: { ...scaling, target: { metric: 'InvocationsPerInstance', value: 5 } } },
      /ApproximateBacklogSizePerInstance/,
    ],
    ['pair', 'steps', { strategy: 'steps' }, {}, /'pair' has 2 variants \(AllTraffic, Other\)/],
    ['pair', 'a shadow', shadow, {}, /a shadow test needs .* it has 2 variants/],
  ])(
    '%s: %s is refused by claim and by preflight',
    async (endpoint, _what, deploy, spec, reason) => {
      const ref = refOf(endpoint, deploy, spec);
      expect(await settled(activities.claimEndpoint, ref)).toMatchObject({
        kind: 'refused',
        reason: expect.stringMatching(reason) as string,
      });
      const found = await preflight(ref, {
        configName: endpoint,
        plan: {
          strategy: 'all-at-once',
          percent: 100,
          bakeSeconds: 0,
          finalBakeSeconds: 0,
          timeoutSeconds: 3_600,
          alarmNames: [],
        },
      });
      expect(found.refused.join('\n')).toMatch(reason);
      // Nothing was written: the endpoint is nobody's.
      expect(await tagsOf(endpoint)).toEqual([]);
    },
  );

  async function tagsOf(endpoint: string) {
    const { EndpointArn } = await look(endpoint);
    return (await bench.sagemaker.send(new ListTagsCommand({ ResourceArn: EndpointArn }))).Tags;
  }
});

/** From claim to rest, as a release goes. */
async function rolledOut(ref: ModelRef, release: number, meanwhile: () => Promise<unknown>) {
  const endpoint = ref.policy.spec.endpoint.name;
  expect(await settled(activities.claimEndpoint, ref)).toMatchObject({ kind: 'claimed' });
  const { EndpointConfigName: before = '', LastModifiedTime } = await look(endpoint);
  const prepared = await settled(activities.prepareDeployment, {
    ...ref,
    release,
    name: `${endpoint}-${String(release)}`,
    candidate: { ...candidate, packageArn },
    champion: null,
  });
  const { configName, plan } = prepared;
  const found =
    before === endpoint ? await preflight(ref, prepared) : { refused: [], warnings: [] };
  expect(found.refused).toEqual([]);
  const request = { ...ref, release, configName, plan };
  const asked = {
    ...request,
    expectedConfigName: before,
    lastModifiedAtMs: LastModifiedTime?.getTime() ?? 0,
  };
  expect(await settled(activities.updateEndpoint, asked)).toEqual({ kind: 'accepted' });
  // A second run of the call finds the first.
  expect((await settled(activities.updateEndpoint, asked)).kind).toMatch(
    /^(adopted|already serving)$/,
  );
  const over = new AbortController();
  const busy = (async () => {
    while (!over.signal.aborted) {
      await meanwhile().catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  })();
  const outcome = await settled(activities.awaitRest, {
    ...ref,
    configName,
    previousConfigName: before,
    alarmNames: plan.alarmNames,
    deadlineMs: Date.now() + 120_000,
    journey: { sinceMs: Date.now(), progress: [], formerReason: null },
    tellMoves: false,
  });
  over.abort();
  await busy;
  return { prepared, warnings: found.warnings, outcome };
}

const managedNames = async () => {
  const { MetricAlarms = [] } = await bench.cloudwatch.send(
    new DescribeAlarmsCommand({ AlarmNamePrefix: 'modelkeeper-flights-health-' }),
  );
  return MetricAlarms;
};

describe('a release of an asynchronous endpoint', () => {
  const canary: Spec['deploy'] = {
    strategy: 'canary',
    canary: { percent: 50, bake: '20s' },
    finalBake: '0s',
  };
  const ask = () =>
    bench.runtime.send(
      new InvokeEndpointAsyncCommand({
        EndpointName: 'asynchronous',
        ContentType: 'text/csv',
        InputLocation: 's3://artefacts/in.csv',
      }),
    );

  it('is watched by alarms on metrics that such an endpoint has', async () => {
    const { alarms } = await settled(activities.ensureAlarms, refOf('asynchronous', canary));
    expect(alarms['health']).toHaveLength(7);
    const made = await managedNames();
    expect(made).toHaveLength(7);
    expect(JSON.stringify(made)).not.toMatch(/"Invocations"/);
    // The second run finds nothing to put right.
    expect(await settled(activities.ensureAlarms, refOf('asynchronous', canary))).toEqual({
      alarms,
      repaired: [],
    });
  });

  it('is taken back by the alarm on the errors of the candidate, while the champion answers on', async () => {
    await fault(bench, { operation: '*', kind: 'container error', match: 'asynchronous-1' });
    const { warnings, outcome } = await rolledOut(refOf('asynchronous', canary), 1, ask);
    await fault(bench);
    expect(warnings.join()).toMatch(/until they are worked off/);
    expect(outcome).toMatchObject({ kind: 'rolled back', silent: false });
    expect(outcome.kind === 'rolled back' ? outcome.reason : '').toMatch(/release-1-errors/);
    expect((await look('asynchronous')).EndpointConfigName).toBe('asynchronous');
  }, 90_000);

  it('keeps how requests are taken, and has the new version answer them', async () => {
    const quick: Spec['deploy'] = { ...canary, canary: { percent: 50, bake: '1s' } };
    const { outcome } = await rolledOut(refOf('asynchronous', quick), 2, ask);
    expect(outcome.kind).toBe('in service');
    const config = await bench.sagemaker.send(
      new DescribeEndpointConfigCommand({ EndpointConfigName: 'asynchronous-2' }),
    );
    expect(config.AsyncInferenceConfig?.OutputConfig?.S3OutputPath).toBe(S3OutputPath);
    const { OutputLocation = '' } = await ask();
    await until(
      async () =>
        bench.kernel.objects.get('artefacts', OutputLocation.replace('s3://artefacts/', '')),
      (answer) => answer !== undefined,
    );
  }, 60_000);
});

describe('a release of a serverless endpoint', () => {
  const deploy: Spec['deploy'] = { strategy: 'all-at-once', finalBake: '0s' };
  const ask = () =>
    bench.runtime.send(
      new InvokeEndpointCommand({
        EndpointName: 'serverless',
        ContentType: 'text/csv',
        Body: '1,2',
      }),
    );

  it('is watched by alarms on metrics that such an endpoint has', async () => {
    const { alarms } = await settled(activities.ensureAlarms, refOf('serverless', deploy));
    expect(alarms['health']?.map((name) => name.split('-health-')[1])).toEqual([
      'errors-5xx',
      'errors-4xx',
      'latency',
      'memory',
      'no-traffic',
    ]);
  });

  it('goes all at once, keeps its concurrency, and says that nothing takes it back by itself', async () => {
    const { warnings, outcome } = await rolledOut(refOf('serverless', deploy), 3, ask);
    expect(outcome.kind).toBe('in service');
    expect(warnings.join()).toMatch(/serverless variants all at once, without bake and without/);
    const { ProductionVariants, EndpointConfigName } = await look('serverless');
    expect(EndpointConfigName).toBe('serverless-3');
    expect(ProductionVariants?.[0]?.CurrentServerlessConfig).toMatchObject({
      MemorySizeInMB: 2048,
      MaxConcurrency: 5,
    });
    expect((await ask()).InvokedProductionVariant).toBe(VARIANT);
  });
});
