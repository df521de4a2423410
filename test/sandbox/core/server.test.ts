import { cpSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { DescribeAlarmsCommand, PutMetricAlarmCommand } from '@aws-sdk/client-cloudwatch';
import { PutRuleCommand } from '@aws-sdk/client-eventbridge';
import { CreateBucketCommand, GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { CreateTopicCommand, ListTopicsCommand, PublishCommand } from '@aws-sdk/client-sns';
import {
  CreateQueueCommand,
  ListQueuesCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
} from '@aws-sdk/client-sqs';
import { GetCallerIdentityCommand } from '@aws-sdk/client-sts';
import { describe, expect, it } from 'vitest';
import { AwsError } from '../../../sandbox/aws/kernel.js';
import { startSandbox } from '../../../sandbox/aws/server.js';
import { admin, clients, failure, start, temporaryHome } from './support.js';

const sandbox = await start({
  services: () => [
    {
      target: 'Echo',
      operations: {
        Say: (input) => input,
        Refuse: () => {
          throw new AwsError('ResourceInUse', 'It is in use.');
        },
        Break: () => {
          throw new Error('a secret of the inside');
        },
      },
    },
  ],
  runtime: (_kernel, { endpointName, body }) =>
    Promise.resolve({
      status: 200,
      headers: { 'content-type': 'text/csv' },
      body: Buffer.from(`${endpointName}:${body.toString()}`),
    }),
});

async function call(
  target: string,
  body = '{}',
): Promise<{ status: number; type: unknown; text: string }> {
  const response = await fetch(sandbox.url, {
    method: 'POST',
    headers: { 'x-amz-target': target, 'content-type': 'application/x-amz-json-1.1' },
    body,
  });
  const text = await response.text();
  return { status: response.status, type: (JSON.parse(text) as { __type?: string }).__type, text };
}

describe('the server', () => {
  it('answers on 127.0.0.1 only, and says that it is well', async () => {
    expect(sandbox.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(await admin(sandbox, 'GET', 'health')).toMatchObject({
      status: 'ok',
      region: 'us-east-1',
    });
  });

  it('takes a call to its service, and an error back by name', async () => {
    expect((await call('Echo.Say', '{"a":1}')).text).toBe('{"a":1}');
    expect(await call('Echo.Refuse')).toMatchObject({ status: 400, type: 'ResourceInUse' });
  });

  it.each(['Echo.Unknown', 'Echo.toString', 'Nobody.Say', 'nonsense'])(
    'does not know %s',
    async (target) => {
      expect(await call(target)).toMatchObject({ status: 400, type: 'UnknownOperationException' });
    },
  );

  it('keeps its own failures to itself', async () => {
    const answer = await call('Echo.Break');
    expect(answer).toMatchObject({ status: 500, type: 'InternalFailure' });
    expect(answer.text).not.toContain('secret');
  });

  it.each(['[1]', '{', '"x"'])('refuses the body %s', async (body) => {
    expect(await call('Echo.Say', body)).toMatchObject({
      status: 400,
      type: 'SerializationException',
    });
  });

  it('refuses a body of more than 64 MiB, and says so', async () => {
    const answer = await call('Echo.Say', JSON.stringify({ a: 'x'.repeat(64 * 1024 * 1024) }));
    expect(answer).toMatchObject({ status: 413, type: 'RequestEntityTooLarge' });
  });

  it('names a home that is no directory, and the way out', async () => {
    const file = join(temporaryHome(), 'a-file');
    writeFileSync(file, '');
    for (const home of ['', file])
      await expect(startSandbox({ home, port: 0 })).rejects.toThrow(
        `'${home}' cannot be a sandbox's directory`,
      );
  });

  it('takes invocations to the runtime', async () => {
    const response = await fetch(`${sandbox.url}/endpoints/Flights/invocations`, {
      method: 'POST',
      body: '1,2',
    });
    expect(await response.text()).toBe('Flights:1,2');
  });

  it('shows its pages to this machine only', async () => {
    const foreign = await fetch(`${sandbox.url}/_sandbox/health`, {
      headers: { origin: 'https://example.com' },
    });
    expect(foreign.status).toBe(403);
  });
});

describe('STS', () => {
  it('knows a caller by the access key id, and by the mapping when there is one', async () => {
    const who = async (accessKeyId: string) =>
      clients(sandbox.url, accessKeyId).sts.send(new GetCallerIdentityCommand({}));
    expect(await who('grace')).toMatchObject({
      Arn: 'arn:aws:iam::111122223333:user/grace',
      Account: '111122223333',
    });
    await admin(sandbox, 'PUT', 'identities', { ada: 'arn:aws:iam::111122223333:role/ada' });
    expect((await who('ada')).Arn).toBe('arn:aws:iam::111122223333:role/ada');
  });
});

describe('faults', () => {
  const { sns, s3, sqs, cloudWatch } = clients(sandbox.url);
  const put = (...faults: unknown[]) => admin(sandbox, 'PUT', 'faults', faults);

  it('hit a call as often as they say, then are gone', async () => {
    await put({
      operation: 'SNS.ListTopics',
      kind: 'error',
      errorName: 'AuthorizationError',
      status: 403,
      times: 2,
    });
    for (let at = 0; at < 2; at += 1) {
      expect((await failure(sns.send(new ListTopicsCommand({})))).name).toBe(
        'AuthorizationErrorException',
      );
    }
    await sns.send(new ListTopicsCommand({}));
    expect(await admin(sandbox, 'GET', 'faults')).toEqual([]);
  });

  it('hit only what they match', async () => {
    await put({ operation: 'SQS.*', kind: 'throttle', match: 'hit-me' });
    await sqs.send(new ListQueuesCommand({ QueueNamePrefix: 'other' }));
    const hit = await failure(sqs.send(new ListQueuesCommand({ QueueNamePrefix: 'hit-me' })));
    expect(hit).toMatchObject({ name: 'ThrottlingException', message: 'Rate exceeded' });
    await admin(sandbox, 'DELETE', 'faults');
  });

  it('throttle S3 in its own words, which the SDK retries', async () => {
    await s3.send(new CreateBucketCommand({ Bucket: 'faulty' }));
    await put({ operation: 'S3.PutObject', kind: 'throttle', times: 1 });
    const refused = await failure(
      s3.send(new PutObjectCommand({ Bucket: 'faulty', Key: 'k', Body: 'x' })),
    );
    expect(refused).toMatchObject({ name: 'SlowDown', $metadata: { httpStatusCode: 503 } });
    await put({ operation: 'CloudWatch.DescribeAlarms', kind: 'throttle', times: 1 });
    const { $metadata } = await clients(sandbox.url, 'ada', 3).cloudWatch.send(
      new DescribeAlarmsCommand({}),
    );
    expect($metadata.attempts).toBe(2);
  });

  it('lose the answer after the work is done', async () => {
    await put({ operation: 'SQS.CreateQueue', kind: 'lost answer', times: 1 });
    await failure(sqs.send(new CreateQueueCommand({ QueueName: 'made-anyway' })));
    const { QueueUrls } = await sqs.send(new ListQueuesCommand({ QueueNamePrefix: 'made-anyway' }));
    expect(QueueUrls).toHaveLength(1);
  });

  it('answer late, with the work done', async () => {
    await put({ operation: 'SQS.CreateQueue', kind: 'delay', delayMs: 300, times: 1 });
    const began = performance.now();
    await sqs.send(new CreateQueueCommand({ QueueName: 'late' }));
    expect(performance.now() - began).toBeGreaterThanOrEqual(295);
    await put({ operation: 'SQS.CreateQueue', kind: 'delay', delayMs: 60_000, times: 1 });
    await failure(
      sqs.send(new CreateQueueCommand({ QueueName: 'too-late' }), {
        abortSignal: AbortSignal.timeout(150),
      }),
    );
    const { QueueUrls } = await sqs.send(new ListQueuesCommand({ QueueNamePrefix: 'too-late' }));
    expect(QueueUrls).toHaveLength(1);
  });

  it('let a call wait for ever, and do nothing', async () => {
    await put({ operation: 'SQS.CreateQueue', kind: 'time-out', times: 1 });
    const error = await failure(
      sqs.send(new CreateQueueCommand({ QueueName: 'never-made' }), {
        abortSignal: AbortSignal.timeout(150),
      }),
    );
    expect(error.name).toMatch(/Abort|Timeout/);
    expect(
      (await sqs.send(new ListQueuesCommand({ QueueNamePrefix: 'never' }))).QueueUrls ?? [],
    ).toEqual([]);
  });

  it('of other kinds are taken by the service they are for', async () => {
    await put({ operation: 'SageMaker', kind: 'job failure', match: 'flights', times: 1 });
    expect(sandbox.kernel.takeFault('job failure', 'churn-1')).toBeUndefined();
    expect(sandbox.kernel.takeFault('job failure', 'flights-1')).toMatchObject({
      kind: 'job failure',
    });
    expect(sandbox.kernel.takeFault('job failure', 'flights-2')).toBeUndefined();
    await cloudWatch.send(new DescribeAlarmsCommand({}));
  });

  it('are refused when they are malformed', async () => {
    await expect(put({ operation: 'x', kind: 'error', often: 3 })).rejects.toThrow('400');
    await expect(put({ operation: '*', kind: 'job fails' })).rejects.toThrow(
      /400 .*kind.*job failure|400 .*job failure.*kind/s,
    );
    expect(await admin(sandbox, 'GET', 'faults')).toEqual([]);
  });
});

describe('calls', () => {
  it('are counted with their errors, and those that change something are logged', async () => {
    await call('Echo.Say', '{"word":"logged"}');
    await call('Echo.Refuse');
    const counts = (await admin(sandbox, 'GET', 'calls')) as Record<
      string,
      { count: number; errors: number }
    >;
    expect(counts['Echo.Refuse']?.count).toBe(counts['Echo.Refuse']?.errors);
    const log = (await admin(sandbox, 'GET', 'calls/log')) as {
      operation: string;
      input: string;
      outcome: string;
    }[];
    expect(log).toContainEqual(
      expect.objectContaining({ operation: 'Echo.Say', input: '{"word":"logged"}', outcome: 'ok' }),
    );
    expect(log.some(({ operation }) => operation === 'CloudWatch.DescribeAlarms')).toBe(false);
  });
});

describe('a sandbox that was killed', () => {
  it('goes on where it was: every service, the counts, the outbox', async () => {
    const first = await start({ speed: 0.001 });
    const before = clients(first.url);
    await before.s3.send(new CreateBucketCommand({ Bucket: 'kept' }));
    await before.s3.send(new PutObjectCommand({ Bucket: 'kept', Key: 'k', Body: 'value' }));
    const { QueueUrl = '' } = await before.sqs.send(new CreateQueueCommand({ QueueName: 'kept' }));
    await before.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'kept' }));
    const { TopicArn } = await before.sns.send(new CreateTopicCommand({ Name: 'kept' }));
    await before.sns.send(new PublishCommand({ TopicArn, Subject: 'Approve', Message: 'please' }));
    await before.eventBridge.send(
      new PutRuleCommand({ Name: 'kept', EventPattern: '{"source":["aws.sagemaker"]}' }),
    );
    await before.cloudWatch.send(
      new PutMetricAlarmCommand({
        AlarmName: 'kept',
        Namespace: 'Own',
        MetricName: 'm',
        Statistic: 'Sum',
        Period: 60,
        EvaluationPeriods: 1,
        Threshold: 1,
        ComparisonOperator: 'GreaterThanThreshold',
      }),
    );
    const home = temporaryHome();
    cpSync(first.kernel.home, home, { recursive: true });

    const second = await start({ home });
    const after = clients(second.url);
    const got = await after.s3.send(new GetObjectCommand({ Bucket: 'kept', Key: 'k' }));
    expect(await got.Body?.transformToString()).toBe('value');
    const { Messages } = await after.sqs.send(
      new ReceiveMessageCommand({ QueueUrl: `${second.url}/111122223333/kept` }),
    );
    expect(Messages?.[0]?.Body).toBe('kept');
    expect((await after.sns.send(new ListTopicsCommand({}))).Topics).toEqual([{ TopicArn }]);
    expect((await after.cloudWatch.send(new DescribeAlarmsCommand({}))).MetricAlarms).toMatchObject(
      [{ AlarmName: 'kept' }],
    );
    expect(await admin(second, 'GET', 'outbox.json')).toMatchObject([
      { subject: 'Approve', message: 'please' },
    ]);
    expect(await admin(second, 'GET', 'calls')).toMatchObject({
      'SNS.Publish': { count: 1 },
      'EventBridge.PutRule': { count: 1 },
    });
  });

  it('draws other random numbers than before, yet the same for the same history', async () => {
    const draw = async () => {
      const home = temporaryHome();
      const numbers: number[] = [];
      for (let boot = 0; boot < 2; boot += 1) {
        const each = await startSandbox({ port: 0, home, services: () => [], seed: 7 });
        numbers.push(each.kernel.random('a'));
        await each.close();
      }
      return numbers;
    };
    const [first, second] = [await draw(), await draw()];
    expect(first).toEqual(second);
    expect(first[0]).not.toBe(first[1]);
  });
});

describe('starting', () => {
  it('says that the port is taken', async () => {
    const port = Number(new URL(sandbox.url).port);
    const error = await failure(startSandbox({ port, home: temporaryHome(), services: () => [] }));
    expect(error.message).toBe(
      `port ${port} is taken on 127.0.0.1; free it, or choose another with --port`,
    );
  });

  it('says that the home is in use, and frees nothing of the other', async () => {
    const error = await failure(
      startSandbox({ port: 0, home: sandbox.kernel.home, services: () => [] }),
    );
    expect(error.message).toMatch(/^another sandbox \(process \d+\) uses /);
    expect(await admin(sandbox, 'GET', 'health')).toMatchObject({ status: 'ok' });
  });

  it('afresh empties a home, but no directory that is not one', async () => {
    const home = temporaryHome();
    const first = await startSandbox({ port: 0, home, services: () => [] });
    first.kernel.store.put('c', 'k', 1);
    await first.close();
    const second = await startSandbox({ port: 0, home, services: () => [], fresh: true });
    expect(second.kernel.store.get('c', 'k')).toBeUndefined();
    await second.close();
    const error = await failure(
      startSandbox({ port: 0, home: import.meta.dirname, services: () => [], fresh: true }),
    );
    expect(error.message).toMatch(/is not a sandbox's directory/);
  });
});

describe('closing', () => {
  it('ends long polls at once, frees home and port, and may be asked twice', async () => {
    const one = await start();
    const { sqs } = clients(one.url);
    const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: 'q' }));
    const poll = failure(sqs.send(new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 20 })));
    await Promise.all([one.close(), one.close()]);
    await poll;
    const again = await startSandbox({
      port: Number(new URL(one.url).port),
      home: one.kernel.home,
      services: () => [],
    });
    await again.close();
  });
});

describe('a path that is no URL', () => {
  it.each(['//', '//x//y', '/%', '/a/%E0%A4%A', '*'])(
    '%s is answered all the same',
    async (path) => {
      const status = await new Promise<number | undefined>((resolve, reject) => {
        request(
          { host: '127.0.0.1', port: new URL(sandbox.url).port, path, method: 'GET' },
          (response) => {
            response.resume();
            resolve(response.statusCode);
          },
        )
          .once('error', reject)
          .end();
      });
      expect(status).toBeGreaterThanOrEqual(200);
    },
  );
});
