import { RegisterScalableTargetCommand } from '@aws-sdk/client-application-auto-scaling';
import { GetMetricDataCommand } from '@aws-sdk/client-cloudwatch';
import { CreateBucketCommand, GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import {
  CreateEndpointCommand,
  CreateEndpointConfigCommand,
  CreateModelCommand,
  DeleteEndpointCommand,
  DescribeEndpointCommand,
  MetricPublishFrequencyInSeconds,
  UpdateEndpointCommand,
  UpdateEndpointWeightsAndCapacitiesCommand,
  type AsyncInferenceOutputConfig,
  type CreateEndpointConfigInput,
} from '@aws-sdk/client-sagemaker';
import {
  InvokeEndpointAsyncCommand,
  InvokeEndpointCommand,
  type InvokeEndpointAsyncCommandInput,
} from '@aws-sdk/client-sagemaker-runtime';
import { CreateTopicCommand, SubscribeCommand } from '@aws-sdk/client-sns';
import {
  CreateQueueCommand,
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
} from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packModel } from '../../../sandbox/learner/archive.js';
import { fit } from '../../../sandbox/learner/logistic.js';
import { letting } from '../core/support.js';
import { discard, fault, LEARNER, openBench, reopened, ROLE, until } from './support.js';
import type { Bench } from './support.js';

const BUCKET = 'artefacts';
/** Where the answers of every endpoint here go, and whom they are told. */
let output: AsyncInferenceOutputConfig;
let queueUrl: string;
let bench: Bench;

beforeAll(async () => {
  bench = await openBench();
  await bench.s3.send(new CreateBucketCommand({ Bucket: BUCKET }));
  const features = [{ name: 'distance', type: 'number' }] as const;
  const model = fit({ distance: [300, 2000] }, [0, 1], {
    features,
    epochs: 5,
    seed: 1,
    hashBits: 8,
  });
  await put('model.tar.gz', await packModel(model, { from: '', to: '', rows: 2 }));
  await put('in/one.csv', Buffer.from('300\n2000'));
  await put('in/bad.csv', Buffer.from('far'));
  for (const name of ['first', 'second'])
    await bench.sagemaker.send(
      new CreateModelCommand({
        ModelName: name,
        ExecutionRoleArn: ROLE,
        PrimaryContainer: { Image: LEARNER, ModelDataUrl: `s3://${BUCKET}/model.tar.gz` },
      }),
    );
  ({ QueueUrl: queueUrl = '' } = await bench.sqs.send(
    new CreateQueueCommand({ QueueName: 'answers', Attributes: letting('sns', 'answers') }),
  ));
  const { Attributes } = await bench.sqs.send(
    new GetQueueAttributesCommand({ QueueUrl: queueUrl, AttributeNames: ['QueueArn'] }),
  );
  const { TopicArn } = await bench.sns.send(new CreateTopicCommand({ Name: 'answers' }));
  await bench.sns.send(
    new SubscribeCommand({
      TopicArn,
      Protocol: 'sqs',
      Endpoint: Attributes?.['QueueArn'],
      Attributes: { RawMessageDelivery: 'true' },
    }),
  );
  output = {
    S3OutputPath: `s3://${BUCKET}/out/`,
    S3FailurePath: `s3://${BUCKET}/failed`,
    NotificationConfig: {
      SuccessTopic: TopicArn,
      ErrorTopic: TopicArn,
      IncludeInferenceResponseIn: ['SUCCESS_NOTIFICATION_TOPIC'],
    },
  };
});
afterAll(async () => {
  await bench.close();
  discard(bench.home);
});

const put = (Key: string, Body: Buffer) =>
  bench.s3.send(new PutObjectCommand({ Bucket: BUCKET, Key, Body }));

const config = (name: string, over: Partial<CreateEndpointConfigInput> = {}) =>
  bench.sagemaker.send(
    new CreateEndpointConfigCommand({
      EndpointConfigName: name,
      ProductionVariants: [
        {
          VariantName: 'main',
          ModelName: 'first',
          InstanceType: 'ml.m5.large',
          InitialInstanceCount: 2,
        },
      ],
      AsyncInferenceConfig: {
        ClientConfig: { MaxConcurrentInvocationsPerInstance: 1 },
        OutputConfig: output,
      },
      MetricsConfig: {
        MetricPublishFrequencyInSeconds: MetricPublishFrequencyInSeconds.FREQ_10_S,
      },
      ...over,
    }),
  );

const rested = (name: string) =>
  until(
    () => bench.sagemaker.send(new DescribeEndpointCommand({ EndpointName: name })),
    ({ EndpointStatus: status }) => status !== 'Creating' && status !== 'Updating',
  );

async function serving(name: string, over: Partial<CreateEndpointConfigInput> = {}) {
  await config(name, over);
  await bench.sagemaker.send(
    new CreateEndpointCommand({ EndpointName: name, EndpointConfigName: name }),
  );
  expect((await rested(name)).EndpointStatus).toBe('InService');
}

const ask = (name: string, over: Partial<InvokeEndpointAsyncCommandInput> = {}) =>
  bench.runtime.send(
    new InvokeEndpointAsyncCommand({
      EndpointName: name,
      ContentType: 'text/csv',
      InputLocation: `s3://${BUCKET}/in/one.csv`,
      ...over,
    }),
  );

/** The text at an address of S3, once it is there. */
async function textAt(uri: string | undefined): Promise<string> {
  const key = uri?.replace(`s3://${BUCKET}/`, '') ?? '';
  const text = await until(
    () =>
      bench.s3.send(new GetObjectCommand({ Bucket: BUCKET, Key: key })).then(
        (object) => object.Body?.transformToString(),
        () => undefined,
      ),
    (found) => found !== undefined,
  );
  return text ?? '';
}

/** The message that tells of one request; those before it are taken out of the queue. */
async function told(inferenceId: string): Promise<Record<string, unknown>> {
  for (;;) {
    const { Messages = [] } = await bench.sqs.send(
      new ReceiveMessageCommand({ QueueUrl: queueUrl, WaitTimeSeconds: 10 }),
    );
    if (Messages.length === 0) throw new Error(`nobody was told of ${inferenceId}`);
    for (const { Body = '', ReceiptHandle } of Messages) {
      await bench.sqs.send(new DeleteMessageCommand({ QueueUrl: queueUrl, ReceiptHandle }));
      const message = JSON.parse(Body) as Record<string, unknown>;
      if (message['inferenceId'] === inferenceId) return message;
    }
  }
}

/** Sum of a metric over the last minutes; `undefined` when it was never published. */
async function metric(
  endpoint: string,
  name: string,
  variant?: string,
  Stat = 'Sum',
): Promise<number | undefined> {
  const { MetricDataResults } = await bench.cloudwatch.send(
    new GetMetricDataCommand({
      StartTime: new Date(Date.now() - 600_000),
      EndTime: new Date(Date.now() + 60_000),
      MetricDataQueries: [
        {
          Id: 'x',
          MetricStat: {
            Metric: {
              Namespace: 'AWS/SageMaker',
              MetricName: name,
              Dimensions: [
                { Name: 'EndpointName', Value: endpoint },
                ...(variant === undefined ? [] : [{ Name: 'VariantName', Value: variant }]),
              ],
            },
            Period: 60,
            Stat,
          },
        },
      ],
    }),
  );
  const values = MetricDataResults?.[0]?.Values ?? [];
  return values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0);
}

describe('an asynchronous endpoint', () => {
  it('says at once where the answer will be, writes it there, and tells the topic', async () => {
    await serving('plain');
    const accepted = await ask('plain', { InferenceId: 'first-of-all', CustomAttributes: 'trace' });
    expect(accepted.$metadata.httpStatusCode).toBe(202);
    expect(accepted).toMatchObject({
      InferenceId: 'first-of-all',
      OutputLocation: `s3://${BUCKET}/out/first-of-all.out`,
      FailureLocation: `s3://${BUCKET}/failed/first-of-all-error.out`,
    });
    const text = await textAt(accepted.OutputLocation);
    expect(text).toMatch(/^0\.\d+\n0\.\d+$/);
    expect(await told('first-of-all')).toMatchObject({
      awsRegion: 'us-east-1',
      invocationStatus: 'Completed',
      requestParameters: {
        contentType: 'text/csv',
        endpointName: 'plain',
        inputLocation: `s3://${BUCKET}/in/one.csv`,
        customAttributes: 'trace',
      },
      responseParameters: {
        contentType: 'text/csv; charset=utf-8',
        outputLocation: accepted.OutputLocation,
      },
      responseBody: { content: Buffer.from(text).toString('base64'), encoding: 'BASE64' },
      eventName: 'InferenceResult',
      eventSource: 'aws:sagemaker',
    });
  });

  it('makes an inference id of its own, and names the answer as it is asked to', async () => {
    const accepted = await ask('plain', { S3OutputPathExtension: 'night', Filename: 'run-1.csv' });
    expect(accepted.InferenceId).toMatch(/^[0-9a-f-]{36}$/);
    expect(accepted.OutputLocation).toBe(`s3://${BUCKET}/out/night/run-1.csv`);
    expect(await textAt(accepted.OutputLocation)).not.toBe('');
  });

  it('takes a small body in the request itself, and refuses a large one', async () => {
    const { OutputLocation } = await ask('plain', {
      InputLocation: undefined,
      Body: Buffer.from('300'),
    });
    expect(await textAt(OutputLocation)).toMatch(/^0\.\d+$/);
    await expect(
      ask('plain', { InputLocation: undefined, Body: Buffer.alloc(128_001, 'x') }),
    ).rejects.toMatchObject({ name: 'ValidationError', message: /128000 bytes/ });
  });

  it.each<[string, Partial<InvokeEndpointAsyncCommandInput>, RegExp]>([
    ['neither input nor body', { InputLocation: undefined }, /Exactly one of/],
    ['input and body', { Body: Buffer.from('300') }, /Exactly one of/],
    ['an input that is no address', { InputLocation: 'in/one.csv' }, /inputLocation/],
    ['a time to live below a minute', { RequestTTLSeconds: 59 }, /greater than or equal to 60/],
    ['a time to live above six hours', { RequestTTLSeconds: 21_601 }, /less than or equal/],
    ['a time-out above an hour', { InvocationTimeoutSeconds: 3_601 }, /less than or equal/],
    [
      'an input that is no object of S3',
      { InputLocation: 'https://example.com/x' },
      /is not an S3 address/,
    ],
    ['a place with two dots in its name', { Filename: 'a.b.c' }, /filename/],
    ['a place that climbs', { Filename: '../secret' }, /filename/],
    ['a path that is an address', { S3OutputPathExtension: 's3://other' }, /s3OutputPathExtension/],
    ['attributes of 1,025 characters', { CustomAttributes: 'x'.repeat(1_025) }, /customAttributes/],
    ['an inference id of 65 characters', { InferenceId: 'x'.repeat(65) }, /inferenceId/],
    [
      'an endpoint that is not there',
      { EndpointName: 'nowhere' },
      /nowhere of account .* not found/,
    ],
  ])('refuses %s', async (_what, over, message) => {
    await expect(ask('plain', over)).rejects.toMatchObject({
      name: 'ValidationError',
      message: expect.stringMatching(message) as string,
    });
  });

  it('refuses InvokeEndpoint, as a real-time endpoint refuses InvokeEndpointAsync', async () => {
    await expect(
      bench.runtime.send(
        new InvokeEndpointCommand({ EndpointName: 'plain', Body: Buffer.from('300') }),
      ),
    ).rejects.toMatchObject({ name: 'ValidationError', message: /Use InvokeEndpointAsync/ });
    await serving('prompt', { AsyncInferenceConfig: undefined });
    await expect(ask('prompt')).rejects.toMatchObject({
      name: 'ValidationError',
      message: expect.stringMatching(/does not support asynchronous inference/) as string,
    });
  });

  it.each([
    [
      'its input is missing',
      { InputLocation: `s3://${BUCKET}/in/none.csv` },
      'RequestDownloadFailures',
      /Unable to download/,
    ],
    [
      'the model refuses it',
      { InputLocation: `s3://${BUCKET}/in/bad.csv` },
      'Invocation4XXErrors',
      /client error \(400\)/,
    ],
  ])('accepts a request and fails it later when %s', async (_why, over, counter, reason) => {
    const { InferenceId = '', FailureLocation } = await ask('plain', over);
    expect(await textAt(FailureLocation)).toMatch(reason);
    const message = await told(InferenceId);
    expect(message).toMatchObject({ invocationStatus: 'Failed', failureLocation: FailureLocation });
    expect(message['failureReason']).toMatch(reason);
    expect(message['responseParameters']).toBeUndefined();
    await until(
      () => metric('plain', counter, 'main'),
      (sum) => sum === 1,
    );
  });

  it('publishes its own metrics and none of those of a real-time endpoint', async () => {
    const processed = await until(
      () => metric('plain', 'InvocationsProcessed', 'main'),
      (sum) => (sum ?? 0) >= 5,
    );
    expect(processed).toBe(5);
    expect(await metric('plain', 'InvocationFailures', 'main')).toBe(2);
    for (const name of ['ModelLatency', 'Invocation5XXErrors', 'TimeInBacklog'])
      expect(await metric('plain', name, 'main'), name).toBeDefined();
    for (const name of ['Invocations', 'InvocationsPerInstance', 'OverheadLatency'])
      expect(await metric('plain', name, 'main'), name).toBeUndefined();
  });

  it('counts a topic that is gone as a failed notification, and answers all the same', async () => {
    await serving('deaf', {
      AsyncInferenceConfig: {
        OutputConfig: {
          S3OutputPath: output.S3OutputPath,
          NotificationConfig: { SuccessTopic: 'arn:aws:sns:us-east-1:111122223333:gone' },
        },
      },
    });
    const { OutputLocation, FailureLocation } = await ask('deaf');
    expect(FailureLocation).toBeUndefined();
    expect(await textAt(OutputLocation)).not.toBe('');
    await until(
      () => metric('deaf', 'NotificationFailures', 'main'),
      (sum) => sum === 1,
    );
  });

  it('gives up a container that is slower than the request allows', async () => {
    await fault(bench, { operation: '*', kind: 'slow container', match: 'first', delayMs: 2_000 });
    const { FailureLocation } = await ask('plain', { InvocationTimeoutSeconds: 1 });
    expect(await textAt(FailureLocation)).toMatch(/timed out .* after 1 seconds/);
    await fault(bench);
  });

  it('keeps what waits while it has no instances, and works it off once it has', async () => {
    await scaledTo(0);
    const { OutputLocation } = await ask('plain');
    await until(
      () => metric('plain', 'HasBacklogWithoutCapacity', undefined, 'Maximum'),
      (most) => (most ?? 0) >= 1,
    );
    expect(await metric('plain', 'ApproximateBacklogSize', undefined, 'Maximum')).toBeGreaterThan(
      0,
    );
    // After a kill as well: the request is in the journal.
    bench = await reopened(bench);
    await scaledTo(1);
    expect(await textAt(OutputLocation)).toMatch(/^0\.\d+\n0\.\d+$/);

    async function scaledTo(count: number) {
      await bench.sagemaker.send(
        new UpdateEndpointWeightsAndCapacitiesCommand({
          EndpointName: 'plain',
          DesiredWeightsAndCapacities: [{ VariantName: 'main', DesiredInstanceCount: count }],
        }),
      );
      expect((await rested('plain')).ProductionVariants?.[0]?.CurrentInstanceCount).toBe(count);
    }
  });

  it('may be scaled down to no instance, which a real-time endpoint may not', async () => {
    const register = (name: string) =>
      bench.autoscaling.send(
        new RegisterScalableTargetCommand({
          ServiceNamespace: 'sagemaker',
          ResourceId: `endpoint/${name}/variant/main`,
          ScalableDimension: 'sagemaker:variant:DesiredInstanceCount',
          MinCapacity: 0,
          MaxCapacity: 4,
        }),
      );
    await expect(register('prompt')).rejects.toMatchObject({ message: /at least 1/ });
    await expect(
      bench.sagemaker.send(
        new UpdateEndpointWeightsAndCapacitiesCommand({
          EndpointName: 'prompt',
          DesiredWeightsAndCapacities: [{ VariantName: 'main', DesiredInstanceCount: 0 }],
        }),
      ),
    ).rejects.toMatchObject({ name: 'ValidationException', message: /must be at least 1/ });
    expect((await register('plain')).ScalableTargetARN).toMatch(/^arn:aws:application-autoscaling/);
  });

  it('does not become real-time by an update, nor a real-time endpoint asynchronous', async () => {
    await config('not-async', { AsyncInferenceConfig: undefined });
    await expect(
      bench.sagemaker.send(
        new UpdateEndpointCommand({ EndpointName: 'plain', EndpointConfigName: 'not-async' }),
      ),
    ).rejects.toMatchObject({
      name: 'ValidationException',
      message: expect.stringMatching(/cannot be removed from this endpoint plain/) as string,
    });
    await expect(
      bench.sagemaker.send(
        new UpdateEndpointCommand({ EndpointName: 'prompt', EndpointConfigName: 'deaf' }),
      ),
    ).rejects.toMatchObject({
      message: expect.stringMatching(/cannot be added to this endpoint prompt/) as string,
    });
  });

  it('is refused data capture', async () => {
    await expect(
      config('captured', {
        DataCaptureConfig: {
          EnableCapture: true,
          InitialSamplingPercentage: 100,
          DestinationS3Uri: `s3://${BUCKET}/capture`,
          CaptureOptions: [{ CaptureMode: 'Input' }],
        },
      }),
    ).rejects.toMatchObject({
      message: expect.stringMatching(/not supported for async/) as string,
    });
  });

  it('writes to an address of S3 by https, and is refused any other', async () => {
    const to = (S3OutputPath: string) => ({
      AsyncInferenceConfig: { OutputConfig: { S3OutputPath } },
    });
    await expect(config('elsewhere', to('https://example.com/out'))).rejects.toMatchObject({
      name: 'ValidationException',
      message: "'https://example.com/out' is not an S3 address",
    });
    await serving('by-https', to(`https://${BUCKET}.s3.us-east-1.amazonaws.com/web`));
    const { InferenceId = '' } = await ask('by-https', {
      InputLocation: `https://s3.us-east-1.amazonaws.com/${BUCKET}/in/one.csv`,
    });
    expect(await textAt(`s3://${BUCKET}/web/${InferenceId}.out`)).toMatch(/^0\.\d+\n0\.\d+$/);
  });

  it('takes its queue along when it is deleted', async () => {
    await fault(bench, { operation: '*', kind: 'slow container', match: 'first', delayMs: 3_000 });
    const asked = await Promise.all([1, 2, 3, 4].map(() => ask('plain')));
    await bench.sagemaker.send(new DeleteEndpointCommand({ EndpointName: 'plain' }));
    await until(
      async () => bench.kernel.store.keys('sagemaker.async'),
      (waiting) => waiting.length === 0,
    );
    await fault(bench);
    const last = asked.at(-1)?.OutputLocation?.replace(`s3://${BUCKET}/`, '') ?? '';
    expect(bench.kernel.objects.get(BUCKET, last)).toBeUndefined();
  });
});
