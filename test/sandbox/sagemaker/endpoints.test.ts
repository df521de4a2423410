import {
  CreateEndpointCommand,
  CreateEndpointConfigCommand,
  CreateModelCommand,
  CreateMonitoringScheduleCommand,
  DeleteEndpointCommand,
  DeleteEndpointConfigCommand,
  DescribeEndpointCommand,
  DescribeEndpointConfigCommand,
  DescribeModelCommand,
  DescribeModelPackageCommand,
  DescribePipelineCommand,
  DescribeProcessingJobCommand,
  DescribeTrainingJobCommand,
  ListEndpointsCommand,
  ListTagsCommand,
  UpdateEndpointCommand,
  UpdateEndpointWeightsAndCapacitiesCommand,
} from '@aws-sdk/client-sagemaker';
import type { DeploymentConfig, ProductionVariant } from '@aws-sdk/client-sagemaker';
import {
  DescribeScalableTargetsCommand,
  RegisterScalableTargetCommand,
} from '@aws-sdk/client-application-auto-scaling';
import { PutMetricAlarmCommand, SetAlarmStateCommand } from '@aws-sdk/client-cloudwatch';
import { CreateBucketCommand, DeleteObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { InvokeEndpointCommand } from '@aws-sdk/client-sagemaker-runtime';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packArchive, packModel } from '../../../sandbox/learner/archive.js';
import { fit } from '../../../sandbox/learner/logistic.js';
import { discard, fault, LEARNER, openBench, reopened, ROLE, until } from './support.js';
import type { Bench } from './support.js';

const BUCKET = 'artefacts';

let bench: Bench;
beforeAll(async () => {
  bench = await openBench();
  await bench.s3.send(new CreateBucketCommand({ Bucket: BUCKET }));
  const features = [
    { name: 'origin', type: 'category' },
    { name: 'distance', type: 'number' },
  ] as const;
  const columns = { origin: ['LAX', 'SFO'], distance: [300, 2000] };
  const model = fit(columns, [0, 1], { features, epochs: 20, seed: 1, hashBits: 10 });
  await put('ours', await packModel(model, { from: '', to: '', rows: 2 }));
  await put('foreign', await packArchive({ 'xgboost-model': 'binary' }));
  await put('broken', Buffer.from('not an archive'));
  for (const kind of ['ours', 'foreign', 'broken', 'missing']) await makeModel(kind);
  for (const name of ['blue', 'green']) await makeConfig(name);
});
afterAll(async () => {
  await bench.close();
  discard(bench.home);
});

function put(name: string, body: Buffer) {
  return bench.s3.send(new PutObjectCommand({ Bucket: BUCKET, Key: `${name}.tar.gz`, Body: body }));
}

function makeModel(name: string) {
  return bench.sagemaker.send(
    new CreateModelCommand({
      ModelName: name,
      ExecutionRoleArn: ROLE,
      PrimaryContainer: { Image: LEARNER, ModelDataUrl: `s3://${BUCKET}/${name}.tar.gz` },
    }),
  );
}

function variant(changed: Partial<ProductionVariant> = {}): ProductionVariant {
  return {
    VariantName: 'main',
    ModelName: 'ours',
    InitialInstanceCount: 2,
    InstanceType: 'ml.m5.large',
    ...changed,
  };
}

function makeConfig(name: string, variants: ProductionVariant[] = [variant()]) {
  return bench.sagemaker.send(
    new CreateEndpointConfigCommand({ EndpointConfigName: name, ProductionVariants: variants }),
  );
}

function look(name: string) {
  return bench.sagemaker.send(new DescribeEndpointCommand({ EndpointName: name }));
}

function register(endpointName: string, MinCapacity: number, MaxCapacity: number) {
  return bench.autoscaling.send(
    new RegisterScalableTargetCommand({
      ServiceNamespace: 'sagemaker',
      ResourceId: `endpoint/${endpointName}/variant/main`,
      ScalableDimension: 'sagemaker:variant:DesiredInstanceCount',
      MinCapacity,
      MaxCapacity,
    }),
  );
}

const MOVING = ['Creating', 'Updating', 'RollingBack', 'SystemUpdating', 'Deleting'];

function rested(name: string) {
  return until(
    () => look(name),
    ({ EndpointStatus: status }) => !MOVING.includes(status ?? ''),
  );
}

async function serving(name: string, config = 'blue') {
  await bench.sagemaker.send(
    new CreateEndpointCommand({
      EndpointName: name,
      EndpointConfigName: config,
      Tags: [{ Key: 'team', Value: 'operations' }],
    }),
  );
  return rested(name);
}

function update(name: string, config = 'green', deployment?: DeploymentConfig, retain = true) {
  return bench.sagemaker.send(
    new UpdateEndpointCommand({
      EndpointName: name,
      EndpointConfigName: config,
      RetainAllVariantProperties: retain,
      DeploymentConfig: deployment,
    }),
  );
}

function canary(bakeSeconds: number, alarm?: string): DeploymentConfig {
  return {
    BlueGreenUpdatePolicy: {
      TrafficRoutingConfiguration: {
        Type: 'CANARY',
        WaitIntervalInSeconds: bakeSeconds,
        CanarySize: { Type: 'INSTANCE_COUNT', Value: 1 },
      },
    },
    ...(alarm !== undefined && { AutoRollbackConfiguration: { Alarms: [{ AlarmName: alarm }] } }),
  };
}

async function alarm(name: string) {
  await bench.cloudwatch.send(
    new PutMetricAlarmCommand({
      AlarmName: name,
      Namespace: 'test',
      MetricName: 'never-published',
      Statistic: 'Sum',
      Period: 60,
      EvaluationPeriods: 1,
      Threshold: 1,
      ComparisonOperator: 'GreaterThanThreshold',
      TreatMissingData: 'ignore',
    }),
  );
}

function invoke(name: string, body: string, more: { contentType?: string; variant?: string } = {}) {
  return bench.runtime.send(
    new InvokeEndpointCommand({
      EndpointName: name,
      ContentType: more.contentType ?? 'text/csv',
      TargetVariant: more.variant,
      Body: Buffer.from(body),
    }),
  );
}

async function answerOf(name: string, body: string, contentType = 'text/csv') {
  const answer = await invoke(name, body, { contentType });
  return Buffer.from(answer.Body).toString();
}

describe('a rollout', () => {
  it('goes back to the old configuration when an alarm rings in a bake', async () => {
    await alarm('rings');
    await serving('alarmed');
    await update('alarmed', 'green', canary(60, 'rings'));
    await until(
      () => look('alarmed'),
      ({ PendingDeploymentSummary: p }) =>
        p?.ProductionVariants?.[0]?.VariantStatus?.[0]?.Status === 'Baking',
    );
    await bench.cloudwatch.send(
      new SetAlarmStateCommand({ AlarmName: 'rings', StateValue: 'ALARM', StateReason: 'a test' }),
    );
    const after = await rested('alarmed');
    expect([after.EndpointStatus, after.EndpointConfigName]).toEqual(['InService', 'blue']);
    expect(after.PendingDeploymentSummary).toBeUndefined();
    expect(after.FailureReason).toContain('rings');
  });

  it('goes back without a word under the fault of a silent rollback', async () => {
    await serving('silent');
    await fault(bench, { operation: '*', kind: 'silent rollback', match: 'silent', times: 1 });
    await update('silent');
    const after = await rested('silent');
    expect([after.EndpointStatus, after.EndpointConfigName, after.FailureReason]).toEqual([
      'InService',
      'blue',
      undefined,
    ]);
  });

  it('can end between the fleets, and then be updated again', async () => {
    await serving('stuck');
    await fault(bench, { operation: '*', kind: 'UpdateRollbackFailed', match: 'stuck', times: 1 });
    await update('stuck', 'green', {
      RollingUpdatePolicy: {
        MaximumBatchSize: { Type: 'INSTANCE_COUNT', Value: 1 },
        WaitIntervalInSeconds: 0,
      },
    });
    const between = await rested('stuck');
    expect([between.EndpointStatus, between.EndpointConfigName]).toEqual([
      'UpdateRollbackFailed',
      'blue',
    ]);
    expect(Number(await answerOf('stuck', 'LAX,300'))).toBeLessThan(0.5);
    await update('stuck', 'green');
    const after = await rested('stuck');
    expect([after.EndpointStatus, after.EndpointConfigName]).toEqual(['InService', 'green']);
  });

  it('goes back with AWS’s reason when there is no capacity', async () => {
    await serving('crowded');
    await fault(bench, { operation: '*', kind: 'capacity', match: 'crowded', times: 1 });
    await update('crowded');
    const after = await rested('crowded');
    expect(after.EndpointConfigName).toBe('blue');
    expect(after.FailureReason).toMatch(/^CapacityError: Unable to provision/);
  });

  it('refuses every other change while it runs', async () => {
    await serving('busy');
    await update('busy', 'green', canary(2));
    const refused = {
      name: 'ValidationException',
      message: expect.stringMatching(
        /^Cannot update in-progress endpoint "arn:.*endpoint\/busy"/,
      ) as string,
    };
    await expect(update('busy', 'blue')).rejects.toMatchObject(refused);
    await expect(
      bench.sagemaker.send(new DeleteEndpointCommand({ EndpointName: 'busy' })),
    ).rejects.toMatchObject(refused);
    await expect(
      bench.sagemaker.send(
        new UpdateEndpointWeightsAndCapacitiesCommand({
          EndpointName: 'busy',
          DesiredWeightsAndCapacities: [{ VariantName: 'main', DesiredWeight: 2 }],
        }),
      ),
    ).rejects.toMatchObject(refused);
  });

  it('keeps a scaled count when properties are retained, and resets it when not', async () => {
    await serving('scaled');
    await bench.sagemaker.send(
      new UpdateEndpointWeightsAndCapacitiesCommand({
        EndpointName: 'scaled',
        DesiredWeightsAndCapacities: [{ VariantName: 'main', DesiredInstanceCount: 4 }],
      }),
    );
    expect((await rested('scaled')).ProductionVariants?.[0]?.CurrentInstanceCount).toBe(4);
    await update('scaled', 'green');
    expect((await rested('scaled')).ProductionVariants?.[0]?.CurrentInstanceCount).toBe(4);
    await update('scaled', 'blue', undefined, false);
    expect((await rested('scaled')).ProductionVariants?.[0]?.CurrentInstanceCount).toBe(2);
  });

  it('goes on after a restart in the middle of its bake', async () => {
    await serving('restarted');
    await update('restarted', 'green', canary(3));
    await until(
      () => look('restarted'),
      ({ PendingDeploymentSummary: p }) =>
        p?.ProductionVariants?.[0]?.VariantStatus?.[0]?.Status === 'Baking',
    );
    bench = await reopened(bench);
    expect((await look('restarted')).EndpointStatus).toBe('Updating');
    const after = await rested('restarted');
    expect([after.EndpointStatus, after.EndpointConfigName]).toEqual(['InService', 'green']);
    expect(Number(await answerOf('restarted', 'LAX,300'))).toBeLessThan(0.5);
  });

  it('sends part of the traffic to the canary', async () => {
    await makeConfig('other-model', [variant({ ModelName: 'foreign' })]);
    await serving('shared');
    await update('shared', 'other-model', canary(4));
    await until(
      () => look('shared'),
      ({ PendingDeploymentSummary: p }) =>
        p?.ProductionVariants?.[0]?.VariantStatus?.[0]?.Status === 'Baking',
    );
    const answers = await Promise.all(
      Array.from({ length: 80 }, () => answerOf('shared', 'LAX,300')),
    );
    const canaries = answers.filter((answer) => answer === '0.5').length;
    expect(canaries).toBeGreaterThan(20);
    expect(canaries).toBeLessThan(60);
  });

  it.each([
    ['a canary on one instance', 'one', canary(1), /^CanarySize must be/],
    [
      'an alarm that does not exist',
      'green',
      canary(1, 'nowhere'),
      /^Could not find CloudWatch alarm "nowhere"/,
    ],
    ['no policy at all', 'green', {}, /^DeploymentConfig must specify exactly one/],
    [
      'the configuration in use',
      'blue',
      undefined,
      /^Cannot update endpoint with the currently in use/,
    ],
    [
      'a configuration nobody made',
      'nothing',
      undefined,
      /^Could not find endpoint configuration "arn:/,
    ],
  ])('is refused for %s', async (_what, config, deployment, message) => {
    const exists = await look('steady').then(
      () => true,
      () => false,
    );
    if (!exists) {
      await makeConfig('one', [variant({ InitialInstanceCount: 1 })]);
      await serving('steady');
    }
    await expect(update('steady', config, deployment, false)).rejects.toMatchObject({
      name: 'ValidationException',
      message: expect.stringMatching(message) as string,
    });
  });

  it('is refused once the configuration in use was deleted', async () => {
    await makeConfig('deleted');
    await serving('orphaned', 'deleted');
    await bench.sagemaker.send(new DeleteEndpointConfigCommand({ EndpointConfigName: 'deleted' }));
    await expect(update('orphaned')).rejects.toThrow('Could not find endpoint configuration');
    expect(Number(await answerOf('orphaned', 'LAX,300'))).toBeLessThan(0.5);
  });
});

describe('an endpoint', () => {
  it('is scaled by Application Auto Scaling', async () => {
    await serving('elastic');
    await register('elastic', 3, 5);
    const after = await until(
      () => look('elastic'),
      ({ EndpointStatus, ProductionVariants }) =>
        EndpointStatus === 'InService' && ProductionVariants?.[0]?.CurrentInstanceCount === 3,
    );
    expect(after.ProductionVariants?.[0]?.DesiredInstanceCount).toBe(3);
  });

  it('keeps the instance type of a scaled variant, and the variant, but takes another model', async () => {
    await serving('tracked');
    await register('tracked', 1, 2);
    const updateTo = (EndpointConfigName: string) =>
      bench.sagemaker.send(
        new UpdateEndpointCommand({ EndpointName: 'tracked', EndpointConfigName }),
      );
    await makeConfig('larger', [variant({ InstanceType: 'ml.m5.xlarge' })]);
    await makeConfig('renamed', [variant({ VariantName: 'other' })]);
    await makeConfig('tracked-foreign', [variant({ ModelName: 'foreign' })]);
    for (const config of ['larger', 'renamed']) {
      await expect(updateTo(config)).rejects.toMatchObject({
        name: 'ValidationException',
        message: expect.stringMatching(/scalable targets .*: main\. Deregister them/) as unknown,
      });
    }
    expect((await look('tracked')).EndpointStatus).toBe('InService');
    await updateTo('tracked-foreign');
    expect((await rested('tracked')).EndpointConfigName).toBe('tracked-foreign');
  });

  it('takes its variants out of Application Auto Scaling when it is deleted', async () => {
    await serving('Deregistered');
    await register('Deregistered', 1, 3);
    await bench.sagemaker.send(new DeleteEndpointCommand({ EndpointName: 'deregistered' }));
    const { ScalableTargets } = await bench.autoscaling.send(
      new DescribeScalableTargetsCommand({
        ServiceNamespace: 'sagemaker',
        ResourceIds: ['endpoint/Deregistered/variant/main'],
      }),
    );
    expect(ScalableTargets).toEqual([]);
  });

  it('is found whatever the case of its name', async () => {
    await serving('MyEndpoint');
    const found = await look('myendpoint');
    expect(found.EndpointName).toBe('MyEndpoint');
    expect(found.EndpointArn).toMatch(/endpoint\/myendpoint$/);
    await expect(serving('MYENDPOINT')).rejects.toThrow(
      'Cannot create already existing endpoint "arn:',
    );
    expect(found.ProductionVariants?.[0]?.DeployedImages?.[0]?.ResolvedImage).toMatch(
      /flights-learner@sha256:[0-9a-f]{64}$/,
    );
  });

  it.each([
    [
      'missing',
      /^Failed to download model data for container hosted on variant main from URL: "s3:\/\/artefacts\/missing/,
    ],
    ['broken', /^Failed to extract model data archive/],
  ])('fails when its artefact is %s', async (kind, reason) => {
    await makeConfig(`with-${kind}`, [variant({ ModelName: kind })]);
    const after = await serving(`with-${kind}`, `with-${kind}`);
    expect(after.EndpointStatus).toBe('Failed');
    expect(after.FailureReason).toMatch(reason);
    await expect(update(`with-${kind}`)).rejects.toThrow('Cannot update in-progress endpoint');
  });

  it('fails its health check after a long time in creation under that fault', async () => {
    await fault(bench, { operation: '*', kind: 'stuck creating', match: 'unwell', times: 1 });
    const startedAtMs = Date.now();
    const after = await serving('unwell');
    expect(Date.now() - startedAtMs).toBeGreaterThanOrEqual(1_440);
    expect(after.EndpointStatus).toBe('Failed');
    expect(after.FailureReason).toMatch(
      /^The primary container for production variant main did not pass the ping/,
    );
  });

  it('loses no captured line when the sandbox stops cleanly', async () => {
    await bench.sagemaker.send(
      new CreateEndpointConfigCommand({
        EndpointConfigName: 'captured',
        ProductionVariants: [variant()],
        DataCaptureConfig: {
          EnableCapture: true,
          InitialSamplingPercentage: 100,
          DestinationS3Uri: `s3://${BUCKET}/capture`,
          CaptureOptions: [{ CaptureMode: 'Input' }],
        },
      }),
    );
    await serving('captured', 'captured');
    await Promise.all(Array.from({ length: 30 }, () => invoke('captured', 'LAX,300')));
    await bench.close();
    bench = await openBench(bench.home);
    const lines = bench.kernel.objects
      .list(BUCKET, 'capture/captured/main/')
      .flatMap(
        ({ key }) => bench.kernel.objects.get(BUCKET, key)?.toString().trim().split('\n') ?? [],
      );
    expect(lines).toHaveLength(30);
  });

  it('serves somebody else’s artefact with a fixed answer', async () => {
    await makeConfig('foreign-config', [variant({ ModelName: 'foreign' })]);
    await serving('foreign', 'foreign-config');
    expect(await answerOf('foreign', '1,2\n3,4')).toBe('0.5\n0.5');
    const rows = (body: unknown) =>
      answerOf('foreign', JSON.stringify(body), 'application/json').then(
        (answer) => (JSON.parse(answer) as { predictions: unknown[] }).predictions,
      );
    expect(await rows({ instances: [[1], [2], [3]] })).toEqual(
      Array.from({ length: 3 }, () => ({ score: 0.5 })),
    );
    expect(await rows({ inputs: 'a format of their own' })).toEqual([{ score: 0.5 }]);
  });

  it('goes on serving when its artefact is deleted from S3', async () => {
    await put('fleeting', await packArchive({}));
    await makeModel('fleeting');
    await makeConfig('fleeting', [variant({ ModelName: 'fleeting' })]);
    await serving('fleeting', 'fleeting');
    await bench.s3.send(new DeleteObjectCommand({ Bucket: BUCKET, Key: 'fleeting.tar.gz' }));
    expect(await answerOf('fleeting', '1')).toBe('0.5');
  });

  it('is gone, with its tags, some time after it was deleted', async () => {
    const { EndpointArn } = await serving('brief');
    const tagged = await bench.sagemaker.send(new ListTagsCommand({ ResourceArn: EndpointArn }));
    expect(tagged.Tags).toEqual([{ Key: 'team', Value: 'operations' }]);
    await bench.sagemaker.send(new DeleteEndpointCommand({ EndpointName: 'brief' }));
    expect((await look('brief')).EndpointStatus).toBe('Deleting');
    await until(
      () =>
        look('brief').then(
          () => '',
          (error: unknown) => String(error),
        ),
      (message) => message.includes('Could not find endpoint "arn:'),
    );
  });

  it('is maintained by AWS now and then', async () => {
    await serving('maintained');
    await fault(bench, { operation: '*', kind: 'SystemUpdating', match: 'maintained', times: 1 });
    await until(
      () => look('maintained'),
      ({ EndpointStatus: status }) => status === 'SystemUpdating',
    );
    expect((await rested('maintained')).EndpointStatus).toBe('InService');
  });

  it('is listed by status', async () => {
    await serving('listed');
    const { Endpoints } = await bench.sagemaker.send(
      new ListEndpointsCommand({ StatusEquals: 'InService', NameContains: 'LISTED' }),
    );
    expect(Endpoints?.map(({ EndpointName }) => EndpointName)).toEqual(['listed']);
  });
});

describe('an invocation', () => {
  beforeAll(async () => {
    await makeConfig('two-variants', [
      variant({ VariantName: 'one', InitialVariantWeight: 1 }),
      variant({ VariantName: 'two', ModelName: 'foreign', InitialVariantWeight: 0 }),
    ]);
    await serving('invoked', 'two-variants');
  });

  it('answers JSON with JSON', async () => {
    const body = JSON.stringify({ instances: [{ origin: 'LAX', distance: 300 }, ['SFO', 2000]] });
    const { predictions } = JSON.parse(await answerOf('invoked', body, 'application/json')) as {
      predictions: { score: number }[];
    };
    expect(predictions.map(({ score }) => score > 0.5)).toEqual([false, true]);
  });

  it('reads fields in quotes', async () => {
    const plain = await answerOf('invoked', 'LAX,300');
    expect(await answerOf('invoked', '"LAX", 300 ')).toBe(plain);
    expect(await answerOf('invoked', '"L,A ""X""",300\nLAX,300')).toMatch(
      new RegExp(`\n${plain}$`),
    );
  });

  it('goes to the variant asked for', async () => {
    const answer = await invoke('invoked', 'LAX,300', { variant: 'two' });
    expect(answer.InvokedProductionVariant).toBe('two');
    expect(Buffer.from(answer.Body).toString()).toBe('0.5');
  });

  it('goes nowhere else by weight', async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => invoke('invoked', 'LAX,300')),
    );
    expect(new Set(answers.map((answer) => answer.InvokedProductionVariant))).toEqual(
      new Set(['one']),
    );
  });

  it.each([
    ['a column too few', 'LAX', 'Expected 2 columns, got 1'],
    ['text where a number belongs', 'LAX,far', "Column distance must be a number, got 'far'"],
  ])('is refused by the container for %s', async (_what, body, message) => {
    await expect(invoke('invoked', body)).rejects.toMatchObject({
      name: 'ModelError',
      OriginalStatusCode: 400,
      OriginalMessage: message,
    });
  });

  it('fails for an endpoint that does not exist', async () => {
    await expect(invoke('nobody', '1')).rejects.toMatchObject({
      name: 'ValidationError',
      message: 'Endpoint nobody of account 111122223333 not found.',
    });
  });
});

describe('refusals', () => {
  const described = (promise: Promise<unknown>) =>
    promise.then(
      () => 'accepted',
      (error: unknown) =>
        error instanceof Error ? `${error.name}: ${error.message}` : String(error),
    );

  it.each([
    [() => look('nobody'), /^ValidationException: Could not find endpoint "arn:/],
    [
      () =>
        bench.sagemaker.send(new DescribeEndpointConfigCommand({ EndpointConfigName: 'nothing' })),
      /^ValidationException: Could not find endpoint configuration/,
    ],
    [() => makeModel('ours'), /^ValidationException: Cannot create already existing model "arn:/],
    [
      () => makeConfig('blue'),
      /^ValidationException: Cannot create already existing endpoint configuration "arn:/,
    ],
    [
      () => makeConfig('under_score'),
      /^ValidationException: 1 validation error detected: Value 'under_score' at 'endpointConfigName' failed to satisfy constraint: Member must satisfy regular expression pattern/,
    ],
    [
      () => makeConfig('lacking', [{ VariantName: undefined, ModelName: 'ours' }]),
      /^ValidationException: 1 validation error detected: Value at 'productionVariants.1.member.variantName' failed to satisfy constraint: Member must not be null/,
    ],
    [
      () => makeConfig('lacking', [variant({ ModelName: 'nothing' })]),
      /^ValidationException: Could not find model "arn:/,
    ],
    [
      () => bench.sagemaker.send(new DescribeTrainingJobCommand({ TrainingJobName: 'none' })),
      /^ValidationException: Requested resource not found/,
    ],
    [
      () => bench.sagemaker.send(new DescribeProcessingJobCommand({ ProcessingJobName: 'none' })),
      /^ValidationException: Could not find requested job/,
    ],
    [
      () => bench.sagemaker.send(new DescribeModelPackageCommand({ ModelPackageName: 'none' })),
      /^ValidationException: .*does not exist\.$/,
    ],
    [
      () => bench.sagemaker.send(new DescribePipelineCommand({ PipelineName: 'none' })),
      /^ResourceNotFound: .*does not exist\.$/,
    ],
    [
      () =>
        bench.sagemaker.send(
          new CreateMonitoringScheduleCommand({
            MonitoringScheduleName: 'dq',
            MonitoringScheduleConfig: {},
          }),
        ),
      /^ValidationException: .*no longer open to new customers/,
    ],
  ])('are worded as AWS words them (%#)', async (call, expected) => {
    expect(await described(call())).toMatch(expected);
  });

  it('come for a while after a creation under eventual consistency', async () => {
    const slow = await openBench(undefined, 20);
    await fault(slow, { operation: '*', kind: 'eventual consistency', match: 'fresh', times: 1 });
    await slow.sagemaker.send(
      new CreateModelCommand({
        ModelName: 'fresh',
        ExecutionRoleArn: ROLE,
        PrimaryContainer: { Image: LEARNER },
      }),
    );
    const look = () =>
      described(slow.sagemaker.send(new DescribeModelCommand({ ModelName: 'fresh' })));
    expect(await look()).toMatch(/^ValidationException: Could not find model "arn:/);
    expect(await until(look, (answer) => answer === 'accepted')).toBe('accepted');
    await slow.close();
    discard(slow.home);
  });
});
