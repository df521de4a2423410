import { createServer } from 'node:http';
import type { IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  ConfirmSubscriptionCommand,
  CreateTopicCommand,
  GetSubscriptionAttributesCommand,
  GetTopicAttributesCommand,
  ListSubscriptionsByTopicCommand,
  PublishCommand,
  SubscribeCommand,
  UnsubscribeCommand,
} from '@aws-sdk/client-sns';
import { CreateQueueCommand, ReceiveMessageCommand } from '@aws-sdk/client-sqs';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { admin, clients, failure, letting, start } from './support.js';

const sandbox = await start();
const { sns, sqs } = clients(sandbox.url);

interface Received {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}
const received: Received[] = [];
/** What the next requests to a path are answered; 200 when there is none left. */
const answers = new Map<string, number[]>();
const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const path = request.url ?? '';
    received.push({ path, headers: request.headers, body: Buffer.concat(chunks).toString() });
    response.writeHead(answers.get(path)?.shift() ?? 200).end();
  });
});
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
afterAll(() => server.close());
const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

const got = (path: string, type?: string) =>
  received.filter(
    (each) =>
      each.path === path && (type === undefined || each.headers['x-amz-sns-message-type'] === type),
  );
const parsed = (each: Received | undefined) =>
  JSON.parse(each?.body ?? '') as Record<string, string>;

let number = 0;
/** A topic with one web server that was asked to confirm. */
async function subscribed(Attributes: Record<string, string> = {}) {
  number += 1;
  const path = `/hook-${number}`;
  const { TopicArn = '' } = await sns.send(new CreateTopicCommand({ Name: `http-${number}` }));
  const { SubscriptionArn = '' } = await sns.send(
    new SubscribeCommand({ TopicArn, Protocol: 'http', Endpoint: base + path, Attributes }),
  );
  await vi.waitUntil(() => got(path).length > 0);
  return { path, TopicArn, SubscriptionArn, asked: got(path)[0] };
}

async function confirmed(Attributes: Record<string, string> = {}) {
  const world = await subscribed(Attributes);
  const visit = await fetch(parsed(world.asked).SubscribeURL ?? '');
  expect(visit.status).toBe(200);
  return world;
}

interface Sent {
  readonly topicArn: string;
  readonly deliveries: readonly { readonly outcome?: string }[];
}
const outcomesOf = async (TopicArn: string) =>
  ((await admin(sandbox, 'GET', 'outbox.json')) as readonly Sent[])
    .filter(({ topicArn }) => topicArn === TopicArn)
    .flatMap(({ deliveries }) => deliveries.map(({ outcome }) => outcome));

describe('a web server', () => {
  it('is asked to confirm, and gets nothing before it has', async () => {
    const { path, TopicArn, SubscriptionArn, asked } = await subscribed();
    expect(SubscriptionArn).toBe('pending confirmation');
    expect(asked?.headers).toMatchObject({
      'x-amz-sns-message-type': 'SubscriptionConfirmation',
      'x-amz-sns-topic-arn': TopicArn,
      'content-type': 'text/plain; charset=UTF-8',
    });
    expect(parsed(asked)).toMatchObject({ Type: 'SubscriptionConfirmation', TopicArn });
    await sns.send(new PublishCommand({ TopicArn, Message: 'too early' }));
    const { Subscriptions } = await sns.send(new ListSubscriptionsByTopicCommand({ TopicArn }));
    expect(Subscriptions).toMatchObject([{ SubscriptionArn: 'PendingConfirmation' }]);
    const { Attributes } = await sns.send(new GetTopicAttributesCommand({ TopicArn }));
    expect(Attributes).toMatchObject({ SubscriptionsPending: '1', SubscriptionsConfirmed: '0' });

    const { SubscriptionArn: arn } = await sns.send(
      new ConfirmSubscriptionCommand({ TopicArn, Token: parsed(asked).Token }),
    );
    await sns.send(new PublishCommand({ TopicArn, Message: 'now' }));
    await vi.waitUntil(() => got(path, 'Notification').length > 0);
    expect(got(path, 'Notification').map((each) => parsed(each).Message)).toEqual(['now']);
    const described = await sns.send(
      new GetSubscriptionAttributesCommand({ SubscriptionArn: arn }),
    );
    expect(described.Attributes?.PendingConfirmation).toBe('false');
  });

  it('gets what SNS sends, with its headers', async () => {
    const { path, TopicArn } = await confirmed();
    const { MessageId } = await sns.send(
      new PublishCommand({
        TopicArn,
        Subject: 'Drift',
        Message: 'text',
        MessageAttributes: { event: { DataType: 'String', StringValue: 'drift' } },
      }),
    );
    await vi.waitUntil(() => got(path, 'Notification').length > 0);
    const [notification] = got(path, 'Notification');
    expect(notification?.headers).toMatchObject({
      'x-amz-sns-message-id': MessageId,
      'x-amz-sns-topic-arn': TopicArn,
      'x-amz-sns-subscription-arn': expect.stringContaining(`${TopicArn}:`) as string,
      'user-agent': 'Amazon Simple Notification Service Agent',
    });
    expect(parsed(notification)).toMatchObject({
      Type: 'Notification',
      MessageId,
      Subject: 'Drift',
      Message: 'text',
      Signature: 'SANDBOX',
      MessageAttributes: { event: { Type: 'String', Value: 'drift' } },
    });
    await vi.waitUntil(async () => (await outcomesOf(TopicArn))[0] === 'delivered');
  });

  it('gets the bare message when it wants that', async () => {
    const { path, TopicArn } = await confirmed({ RawMessageDelivery: 'true' });
    await sns.send(new PublishCommand({ TopicArn, Message: '{"bare":true}' }));
    await vi.waitUntil(() => got(path, 'Notification').length > 0);
    const [raw] = got(path, 'Notification');
    expect(raw?.body).toBe('{"bare":true}');
    expect(raw?.headers['x-amz-sns-rawdelivery']).toBe('true');
  });

  it('gets only what its filter lets pass', async () => {
    const { path, TopicArn } = await confirmed({
      FilterPolicy: '{"event":["drift"]}',
      FilterPolicyScope: 'MessageBody',
      RawMessageDelivery: 'true',
    });
    for (const event of ['other', 'drift'])
      await sns.send(new PublishCommand({ TopicArn, Message: JSON.stringify({ event }) }));
    await vi.waitUntil(() => got(path, 'Notification').length > 0);
    expect(got(path, 'Notification').map(({ body }) => body)).toEqual(['{"event":"drift"}']);
  });

  it('that fails for a while is tried again', async () => {
    const { path, TopicArn } = await confirmed();
    answers.set(path, [503, 429]);
    await sns.send(new PublishCommand({ TopicArn, Message: 'again' }));
    await vi.waitUntil(async () => (await outcomesOf(TopicArn))[0] === 'delivered', {
      timeout: 5_000,
    });
    expect(got(path, 'Notification')).toHaveLength(3);
    expect(new Set(got(path, 'Notification').map(({ body }) => body)).size).toBe(1);
  });

  it('that goes on failing is given up after three more times, into its dead-letter queue', async () => {
    const { QueueUrl } = await sqs.send(
      new CreateQueueCommand({
        QueueName: 'undelivered',
        Attributes: letting('sns', 'undelivered'),
      }),
    );
    const deadLetterTargetArn = 'arn:aws:sqs:us-east-1:111122223333:undelivered';
    const { path, TopicArn } = await confirmed({
      RedrivePolicy: JSON.stringify({ deadLetterTargetArn }),
    });
    answers.set(path, [500, 500, 500, 500]);
    await sns.send(new PublishCommand({ TopicArn, Message: 'lost' }));
    const { Messages = [] } = await sqs.send(
      new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 10 }),
    );
    expect(JSON.parse(Messages[0]?.Body ?? '')).toMatchObject({ Message: 'lost' });
    expect(got(path, 'Notification')).toHaveLength(4);
    expect(await outcomesOf(TopicArn)).toEqual([
      'not delivered: it answered 500; it is in the dead-letter queue',
    ]);
  });

  it('that refuses is not tried again', async () => {
    const { path, TopicArn } = await confirmed();
    answers.set(path, [404]);
    await sns.send(new PublishCommand({ TopicArn, Message: 'unwanted' }));
    await vi.waitUntil(
      async () => (await outcomesOf(TopicArn))[0] === 'not delivered: it answered 404',
    );
    expect(got(path, 'Notification')).toHaveLength(1);
  });

  it('may be unsubscribed by the link in its messages, which is told and can be taken back', async () => {
    const { path, TopicArn } = await confirmed();
    await sns.send(new PublishCommand({ TopicArn, Message: 'one' }));
    await vi.waitUntil(() => got(path, 'Notification').length > 0);
    await fetch(parsed(got(path, 'Notification')[0]).UnsubscribeURL ?? '');
    await vi.waitUntil(() => got(path, 'UnsubscribeConfirmation').length > 0);
    const left = await sns.send(new ListSubscriptionsByTopicCommand({ TopicArn }));
    expect(left.Subscriptions).toEqual([]);
    await sns.send(new PublishCommand({ TopicArn, Message: 'two' }));
    await fetch(parsed(got(path, 'UnsubscribeConfirmation')[0]).SubscribeURL ?? '');
    await sns.send(new PublishCommand({ TopicArn, Message: 'three' }));
    await vi.waitUntil(() => got(path, 'Notification').length > 1);
    expect(got(path, 'Notification').map((each) => parsed(each).Message)).toEqual(['one', 'three']);
  });

  it('is gone without a word when its owner unsubscribes it', async () => {
    const { path, TopicArn } = await confirmed();
    const { Subscriptions = [] } = await sns.send(
      new ListSubscriptionsByTopicCommand({ TopicArn }),
    );
    const SubscriptionArn = Subscriptions[0]?.SubscriptionArn;
    await sns.send(new UnsubscribeCommand({ SubscriptionArn }));
    expect(
      (await failure(sns.send(new GetSubscriptionAttributesCommand({ SubscriptionArn })))).name,
    ).toBe('NotFoundException');
    expect(got(path, 'UnsubscribeConfirmation')).toEqual([]);
  });

  it.each([
    [
      'of another machine',
      'http',
      'http://example.com/hook',
      /this machine only.*not to example\.com/,
    ],
    ['that only looks local', 'http', 'http://127.0.0.1.example.com/', /this machine only/],
    ['of another scheme', 'https', 'http://127.0.0.1/', /must match the specified protocol/],
    ['that is no address', 'http', 'hook', /is no web address/],
  ])('%s is refused', async (_which, Protocol, Endpoint, message) => {
    const { TopicArn } = await sns.send(new CreateTopicCommand({ Name: 'refused' }));
    const error = await failure(sns.send(new SubscribeCommand({ TopicArn, Protocol, Endpoint })));
    expect(error.name).toBe('InvalidParameterException');
    expect(error.message).toMatch(message);
  });

  it('cannot be confirmed with a token it was not sent', async () => {
    const { TopicArn } = await subscribed();
    const error = await failure(
      sns.send(new ConfirmSubscriptionCommand({ TopicArn, Token: 'guessed' })),
    );
    expect(error.message).toBe('Invalid parameter: Token');
  });
});

it('nothing but the links of its messages is done for a visit', async () => {
  const { TopicArn = '' } = await sns.send(new CreateTopicCommand({ Name: 'visited' }));
  const query = new URLSearchParams({ Action: 'DeleteTopic', TopicArn, Version: '2010-03-31' });
  await fetch(`${sandbox.url}/?${query.toString()}`);
  await expect(sns.send(new GetTopicAttributesCommand({ TopicArn }))).resolves.toBeDefined();
});
