/** Staging before production against two local AWS: production in one account and Region, staging in another. */
import { CreateBucketCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import {
  AddTagsCommand,
  CreateEndpointCommand,
  CreateEndpointConfigCommand,
  CreateModelCommand,
  CreateModelPackageCommand,
  CreateModelPackageGroupCommand,
  DescribeEndpointCommand,
  DescribeModelCommand,
  ListEndpointConfigsCommand,
  ListTagsCommand,
} from '@aws-sdk/client-sagemaker';
import { InvokeEndpointCommand } from '@aws-sdk/client-sagemaker-runtime';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { StagingRequest } from '../../activities/contract.js';
import type { ControlDeps, Session } from '../../activities/deps.js';
import { createControlActivities } from '../../activities/index.js';
import { rolloutPlan } from '../../domain/rollout.js';
import { stagingPolicy } from '../../domain/staging.js';
import { packModel } from '../../sandbox/learner/archive.js';
import { fit } from '../../sandbox/learner/logistic.js';
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
import { attemptOf, policyWith, run } from './support.js';

const ELSEWHERE = 'eu-west-1';
let here: Bench;
let there: Bench;
let packageArn = '';
/** Region and session of every set of clients that was asked for. */
const asked: { readonly region: string; readonly session: Session | undefined }[] = [];

beforeAll(async () => {
  [here, there] = await Promise.all([openBench(), openBench()]);
  const distance = [300, 2000];
  const features = [{ name: 'distance', type: 'number' }] as const;
  const fitted = fit({ distance }, [0, 1], { features, epochs: 5, seed: 1, hashBits: 8 });
  const Body = await packModel(fitted, { from: '', to: '', rows: 2 });
  for (const [bench, Bucket] of [
    [here, 'artefacts'],
    [there, 'artefacts-eu'],
  ] as const) {
    await bench.s3.send(new CreateBucketCommand({ Bucket }));
    await bench.s3.send(new PutObjectCommand({ Bucket, Key: 'model.tar.gz', Body }));
  }
  await here.s3.send(
    new PutObjectCommand({ Bucket: 'artefacts', Key: 'samples.csv', Body: '300\n2000\n\n' }),
  );
  await here.sagemaker.send(
    new CreateModelPackageGroupCommand({ ModelPackageGroupName: 'flights' }),
  );
  packageArn = await registered('model.tar.gz');
  await here.sagemaker.send(
    new CreateModelCommand({
      ModelName: 'flights-1',
      ExecutionRoleArn: ROLE,
      Containers: [{ ModelPackageName: packageArn }],
    }),
  );
  await here.sagemaker.send(
    new CreateEndpointConfigCommand({
      EndpointConfigName: 'flights-1',
      ProductionVariants: [
        {
          VariantName: 'AllTraffic',
          ModelName: 'flights-1',
          InstanceType: 'ml.m5.large',
          InitialInstanceCount: 2,
        },
      ],
      DataCaptureConfig: {
        EnableCapture: true,
        InitialSamplingPercentage: 100,
        DestinationS3Uri: 's3://artefacts/capture',
        CaptureOptions: [{ CaptureMode: 'Input' }, { CaptureMode: 'Output' }],
        CaptureContentTypeHeader: { CsvContentTypes: ['text/csv'] },
      },
    }),
  );
  await here.sagemaker.send(
    new CreateEndpointCommand({ EndpointName: 'live', EndpointConfigName: 'flights-1' }),
  );
  await until(
    () => here.sagemaker.send(new DescribeEndpointCommand({ EndpointName: 'live' })),
    ({ EndpointStatus }) => EndpointStatus === 'InService',
  );
});
afterAll(async () => {
  for (const bench of [here, there]) {
    await bench.close();
    discard(bench.home);
  }
});

async function registered(artefact: string): Promise<string> {
  const made = await here.sagemaker.send(
    new CreateModelPackageCommand({
      ModelPackageGroupName: 'flights',
      ModelApprovalStatus: 'Approved',
      InferenceSpecification: {
        Containers: [{ Image: LEARNER, ModelDataUrl: `s3://artefacts/${artefact}` }],
        SupportedContentTypes: ['text/csv'],
        SupportedResponseMIMETypes: ['text/csv'],
      },
    }),
  );
  return made.ModelPackageArn ?? '';
}

const control = () => {
  const deps: ControlDeps = {
    aws: (region, session) => {
      asked.push({ region, session });
      return region === ELSEWHERE ? there : here;
    },
    temporal: {} as ControlDeps['temporal'],
    now: () => Date.now(),
    consoleUrl: null,
  };
  return createControlActivities(deps);
};

const STAGING_ROLE = 'arn:aws:iam::111122223333:role/staging';

function requestOf(staging: object, release = 2): StagingRequest {
  return {
    model: 'flights',
    release,
    configName: `flights-${String(release)}`,
    packageArn,
    policy: policyWith({
      endpoint: { name: 'live', region: REGION },
      deploy: {
        staging: {
          endpoint: 'staging',
          check: { samples: 's3://artefacts/samples.csv', requests: 5, latencyP95Ms: 10_000 },
          ...staging,
        },
      },
    }),
  };
}

const inEurope = (release = 2): StagingRequest =>
  requestOf(
    {
      region: ELSEWHERE,
      replica: { bucket: 'artefacts-eu', registry: LEARNER.slice(0, LEARNER.indexOf('/')) },
      role: { arn: STAGING_ROLE },
    },
    release,
  );

const endpointOf = (bench: Bench, EndpointName = 'staging') =>
  bench.sagemaker.send(new DescribeEndpointCommand({ EndpointName }));
const serving = (bench: Bench, EndpointName = 'staging') =>
  until(
    () => endpointOf(bench, EndpointName),
    ({ EndpointStatus }) => EndpointStatus !== 'Creating' && EndpointStatus !== 'Updating',
  );
const stagingConfigs = async (bench: Bench): Promise<readonly string[]> => {
  const { EndpointConfigs = [] } = await bench.sagemaker.send(
    new ListEndpointConfigsCommand({ NameContains: '-staging' }),
  );
  return EndpointConfigs.map(({ EndpointConfigName }) => EndpointConfigName ?? '').sort();
};

/** Runs until it answers, as Temporal would. */
const settled = async <T>(work: () => Promise<T>): Promise<T> => {
  const attempt = await until(
    () => attemptOf(work, []),
    ({ error }) => (error as { category?: string } | undefined)?.category !== 'BENIGN',
  );
  return attempt.result();
};

describe('a candidate at staging in another account and Region', () => {
  it('is made of the copies there, under the role of staging, and answers', async () => {
    const request = inEurope();
    const ready = await run(control().prepareStaging, [request]);
    expect(ready).toMatchObject({
      kind: 'ready',
      configName: 'flights-2-staging',
      endpoint: { configName: 'flights-2-staging', status: 'Creating' },
    });
    // Twice is once: nothing more is made.
    expect(await run(control().prepareStaging, [request])).toMatchObject({ kind: 'ready' });
    expect(await serving(there)).toMatchObject({ EndpointStatus: 'InService' });
    const model = await there.sagemaker.send(
      new DescribeModelCommand({ ModelName: 'flights-2-staging' }),
    );
    expect(model.Containers ?? [model.PrimaryContainer]).toMatchObject([
      { Image: LEARNER, ModelDataUrl: 's3://artefacts-eu/model.tar.gz' },
    ]);
    expect(await run(control().checkStaging, [request])).toMatchObject({
      verdict: 'pass',
      requests: 5,
      errors: 0,
      samples: 2,
    });
    const sessions = asked.filter(({ region }) => region === ELSEWHERE);
    expect(sessions.length).toBeGreaterThan(0);
    expect(new Set(sessions.map(({ session }) => session?.arn))).toEqual(new Set([STAGING_ROLE]));
    await expect(endpointOf(here)).rejects.toThrow(/Could not find/);
  });

  it('takes the place of the one before, which is tidied up', async () => {
    const request = inEurope(3);
    const ready = await run(control().prepareStaging, [request]);
    if (ready.kind !== 'ready') throw new Error(ready.reason);
    const { staging } = request.policy.spec.deploy;
    if (staging === undefined) throw new Error('no staging');
    const at = { ...request, policy: stagingPolicy(request.policy, staging) };
    expect(
      await run(control().updateEndpoint, [
        {
          ...at,
          configName: ready.configName,
          plan: rolloutPlan(request.policy.spec.deploy, []),
          expectedConfigName: ready.endpoint.configName,
          lastModifiedAtMs: ready.endpoint.lastModifiedAtMs,
          plain: true,
        },
      ]),
    ).toEqual({ kind: 'accepted' });
    await serving(there);
    expect(await stagingConfigs(there)).toEqual(['flights-2-staging', 'flights-3-staging']);
    expect(await run(control().tidyStaging, [{ ...request, remove: false }])).toEqual({
      removed: ['flights-2-staging'],
    });
    expect(await stagingConfigs(there)).toEqual(['flights-3-staging']);
  });

  it('fails when it does not answer, with what it answered', async () => {
    await fault(there, {
      operation: '*',
      kind: 'container error',
      match: 'flights-3-staging',
      times: 1,
    });
    expect(await run(control().checkStaging, [inEurope(3)])).toMatchObject({
      verdict: 'fail',
      errors: 1,
      reasons: [expect.stringMatching(/^1 of 5 requests failed .*ModelError/)],
    });
    expect((await endpointOf(there)).EndpointConfigName).toBe('flights-3-staging');
  });

  it('waits for an artefact that is not replicated yet, and says so', async () => {
    const request = requestOf({ region: ELSEWHERE, replica: { bucket: 'artefacts-eu' } }, 4);
    const moved = await registered('later.tar.gz');
    const { error } = await attemptOf(control().prepareStaging, [
      { ...request, packageArn: moved },
    ]);
    expect(String(error)).toMatch(/later\.tar\.gz of the artefact is not there yet/);
  });

  it('leaves with everything of it when it is removed, and twice is the same', async () => {
    const remove = () => run(control().tidyStaging, [{ ...inEurope(3), remove: true }]);
    await settled(remove);
    await expect(endpointOf(there)).rejects.toThrow(/Could not find/);
    expect(await stagingConfigs(there)).toEqual([]);
    expect(await settled(remove)).toEqual({ removed: [] });
  });
});

describe('a candidate at staging in the account of production', () => {
  it('is of the model package itself, and is asked with what production captured', async () => {
    const request = requestOf({
      check: { samples: 'captured', requests: 3, latencyP95Ms: 10_000 },
    });
    expect(await run(control().checkStaging, [request]).catch(String)).toMatchObject({
      verdict: 'fail',
      reasons: [expect.stringMatching(/no sample/)],
    });
    await run(control().prepareStaging, [request]);
    await serving(here);
    const model = await here.sagemaker.send(
      new DescribeModelCommand({ ModelName: 'flights-2-staging' }),
    );
    expect((model.Containers ?? [model.PrimaryContainer])[0]?.ModelPackageName).toBe(packageArn);
    for (const body of ['300', '1500'])
      await here.runtime.send(
        new InvokeEndpointCommand({
          EndpointName: 'live',
          ContentType: 'text/csv',
          Body: Buffer.from(body),
        }),
      );
    const checked = await until(
      () => run(control().checkStaging, [request]),
      ({ samples }) => samples === 2,
    );
    expect(checked).toMatchObject({ verdict: 'pass', requests: 3 });
  });

  it('is made anew where the endpoint of ours failed, and refused where it is not ours', async () => {
    const request = requestOf({ endpoint: 'broken' }, 5);
    await here.sagemaker.send(
      new CreateModelCommand({
        ModelName: 'gone',
        ExecutionRoleArn: ROLE,
        PrimaryContainer: { Image: LEARNER, ModelDataUrl: 's3://artefacts/none.tar.gz' },
      }),
    );
    await here.sagemaker.send(
      new CreateEndpointConfigCommand({
        EndpointConfigName: 'gone',
        ProductionVariants: [
          {
            VariantName: 'AllTraffic',
            ModelName: 'gone',
            InstanceType: 'ml.m5.large',
            InitialInstanceCount: 1,
          },
        ],
      }),
    );
    const { EndpointArn: ResourceArn } = await here.sagemaker.send(
      new CreateEndpointCommand({ EndpointName: 'broken', EndpointConfigName: 'gone' }),
    );
    expect(await serving(here, 'broken')).toMatchObject({ EndpointStatus: 'Failed' });
    expect(await run(control().prepareStaging, [request])).toMatchObject({
      kind: 'refused',
      reason: expect.stringMatching(/broken is Failed .*modelkeeper did not make it/) as string,
    });
    await here.sagemaker.send(
      new AddTagsCommand({ ResourceArn, Tags: [{ Key: 'modelkeeper:model', Value: 'flights' }] }),
    );
    expect(await settled(() => run(control().prepareStaging, [request]))).toMatchObject({
      kind: 'ready',
      endpoint: { configName: 'flights-5-staging' },
    });
    expect(await serving(here, 'broken')).toMatchObject({ EndpointStatus: 'InService' });
  });

  it('takes an endpoint that is there, and gives only its claim back', async () => {
    const name = 'theirs';
    await here.sagemaker.send(
      new CreateEndpointCommand({ EndpointName: name, EndpointConfigName: 'flights-1' }),
    );
    const { EndpointArn: ResourceArn } = await serving(here, name);
    const request = requestOf({ endpoint: name }, 6);
    expect(await run(control().prepareStaging, [request])).toMatchObject({
      kind: 'ready',
      endpoint: { configName: 'flights-1' },
    });
    const keys = async () =>
      (await here.sagemaker.send(new ListTagsCommand({ ResourceArn }))).Tags?.map(({ Key }) => Key);
    expect(await keys()).toEqual(['modelkeeper:keeper']);
    const other = { ...request, model: 'hotels' };
    expect(await run(control().prepareStaging, [other])).toMatchObject({
      kind: 'refused',
      reason: expect.stringMatching(/is kept by keeper\/flights/) as string,
    });
    await run(control().tidyStaging, [{ ...request, remove: true }]);
    expect(await keys()).toEqual([]);
    expect(await endpointOf(here, name)).toMatchObject({ EndpointConfigName: 'flights-1' });
  });
});
