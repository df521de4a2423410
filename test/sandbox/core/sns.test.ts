import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CreateTopicCommand,
  DeleteTopicCommand,
  GetTopicAttributesCommand,
  ListSubscriptionsByTopicCommand,
  PublishCommand,
  SetSubscriptionAttributesCommand,
  SubscribeCommand,
  UnsubscribeCommand,
} from '@aws-sdk/client-sns';
import {
  CreateQueueCommand,
  ReceiveMessageCommand,
  SetQueueAttributesCommand,
} from '@aws-sdk/client-sqs';
import { describe, expect, it } from 'vitest';
import { MOST_KEPT, Outbox, outboxPage } from '../../../sandbox/aws/sns/outbox.js';
import { openStore } from '../../../sandbox/aws/store.js';
import type { Core } from '../../../sandbox/aws/wires.js';
import { admin, clients, failure, letting, start } from './support.js';

const sandbox = await start();
const { sns, sqs } = clients(sandbox.url);
let number = 0;

async function topic(suffix = '', Attributes = {}): Promise<string> {
  number += 1;
  const { TopicArn } = await sns.send(
    new CreateTopicCommand({ Name: `topic-${number}${suffix}`, Attributes }),
  );
  return TopicArn ?? '';
}

async function queue(): Promise<{ url: string; arn: string }> {
  number += 1;
  const { QueueUrl = '' } = await sqs.send(
    new CreateQueueCommand({
      QueueName: `queue-${number}`,
      Attributes: letting('sns', `queue-${number}`),
    }),
  );
  return { url: QueueUrl, arn: `arn:aws:sqs:us-east-1:111122223333:queue-${number}` };
}

async function receive(QueueUrl: string) {
  const { Messages = [] } = await sqs.send(
    new ReceiveMessageCommand({
      QueueUrl,
      MessageAttributeNames: ['All'],
      MaxNumberOfMessages: 10,
    }),
  );
  return Messages;
}

it('delivers to no queue whose policy does not let the topic in, and the outbox says so', async () => {
  const TopicArn = await topic();
  const { url, arn } = await queue();
  await sqs.send(
    new SetQueueAttributesCommand({
      QueueUrl: url,
      Attributes: letting('events', arn.split(':').at(-1) ?? ''),
    }),
  );
  await sns.send(new SubscribeCommand({ TopicArn, Protocol: 'sqs', Endpoint: arn }));
  await sns.send(new PublishCommand({ TopicArn, Message: 'unheard' }));
  expect(await receive(url)).toEqual([]);
  const outbox = JSON.stringify(await admin(sandbox, 'GET', 'outbox.json'));
  expect(outbox).toContain("not delivered: the queue's policy does not let sns.amazonaws.com send");
});

it('delivers to SQS in its envelope, or raw', async () => {
  const TopicArn = await topic();
  const [wrapped, raw] = [await queue(), await queue()];
  await sns.send(new SubscribeCommand({ TopicArn, Protocol: 'sqs', Endpoint: wrapped.arn }));
  await sns.send(
    new SubscribeCommand({
      TopicArn,
      Protocol: 'sqs',
      Endpoint: raw.arn,
      Attributes: { RawMessageDelivery: 'true' },
    }),
  );
  const { MessageId } = await sns.send(
    new PublishCommand({
      TopicArn,
      Subject: 'Drift',
      Message: '{"a":"<ü>\r\n"}',
      MessageAttributes: { kind: { DataType: 'String', StringValue: 'drift' } },
    }),
  );
  const [envelope] = await receive(wrapped.url);
  expect(JSON.parse(envelope?.Body ?? '')).toMatchObject({
    Type: 'Notification',
    MessageId,
    TopicArn,
    Subject: 'Drift',
    Message: '{"a":"<ü>\r\n"}',
    MessageAttributes: { kind: { Type: 'String', Value: 'drift' } },
  });
  const [plain] = await receive(raw.url);
  expect(plain?.Body).toBe('{"a":"<ü>\r\n"}');
  expect(plain?.MessageAttributes?.kind).toMatchObject({ StringValue: 'drift' });
});

it('filters by attributes, and stops when unsubscribed', async () => {
  const TopicArn = await topic();
  const { url, arn } = await queue();
  const { SubscriptionArn } = await sns.send(
    new SubscribeCommand({ TopicArn, Protocol: 'sqs', Endpoint: arn }),
  );
  await sns.send(
    new SetSubscriptionAttributesCommand({
      SubscriptionArn,
      AttributeName: 'FilterPolicy',
      AttributeValue: '{"kind":["drift"]}',
    }),
  );
  const publish = (kind: string) =>
    sns.send(
      new PublishCommand({
        TopicArn,
        Message: kind,
        MessageAttributes: { kind: { DataType: 'String', StringValue: kind } },
      }),
    );
  await publish('promoted');
  await publish('drift');
  expect(await receive(url)).toHaveLength(1);
  const { Subscriptions } = await sns.send(new ListSubscriptionsByTopicCommand({ TopicArn }));
  expect(Subscriptions).toMatchObject([{ SubscriptionArn, Protocol: 'sqs', Endpoint: arn }]);
  await sns.send(new UnsubscribeCommand({ SubscriptionArn }));
  await publish('drift');
  expect(await receive(url)).toHaveLength(0);
});

it('sends each protocol its own text', async () => {
  const TopicArn = await topic();
  const { url, arn } = await queue();
  await sns.send(
    new SubscribeCommand({
      TopicArn,
      Protocol: 'sqs',
      Endpoint: arn,
      Attributes: { RawMessageDelivery: 'true' },
    }),
  );
  const publish = (Message: string) =>
    sns.send(new PublishCommand({ TopicArn, MessageStructure: 'json', Message }));
  await publish('{"default":"for all","sqs":"for queues"}');
  expect((await receive(url))[0]?.Body).toBe('for queues');
  const bad = await failure(publish('{"sqs":"no default"}'));
  expect(bad.message).toBe(
    'Invalid parameter: Message Structure - No default entry in JSON message body',
  );
});

it('drops a repetition on a FIFO topic', async () => {
  const TopicArn = await topic('.fifo', { FifoTopic: 'true' });
  const publish = (MessageDeduplicationId: string) =>
    sns.send(
      new PublishCommand({ TopicArn, Message: 'm', MessageGroupId: 'g', MessageDeduplicationId }),
    );
  expect((await publish('1')).MessageId).toBe((await publish('1')).MessageId);
  expect((await publish('1')).MessageId).not.toBe((await publish('2')).MessageId);
});

describe('SNS refuses', () => {
  it.each<[string, Record<string, string>, string]>([
    ['a message beyond 256 KiB', { Message: 'x'.repeat(262_145) }, 'Message too long'],
    ['an empty message', { Message: '' }, 'Empty message'],
    ['a subject with a line feed', { Message: 'm', Subject: 'a\nb' }, 'Subject'],
    ['a subject beyond 100 characters', { Message: 'm', Subject: 'x'.repeat(101) }, 'Subject'],
  ])('%s', async (_claim, input, what) => {
    const error = await failure(
      sns.send(new PublishCommand({ TopicArn: await topic(), Message: 'm', ...input })),
    );
    expect(error).toMatchObject({
      name: 'InvalidParameterException',
      message: `Invalid parameter: ${what}`,
    });
  });

  it('a topic that does not exist, or was deleted', async () => {
    const TopicArn = await topic();
    await sns.send(new GetTopicAttributesCommand({ TopicArn }));
    await sns.send(new DeleteTopicCommand({ TopicArn }));
    const error = await failure(sns.send(new PublishCommand({ TopicArn, Message: 'm' })));
    expect(error).toMatchObject({ name: 'NotFoundException', message: 'Topic does not exist' });
  });

  it('a protocol it cannot deliver to', async () => {
    const call = sns.send(
      new SubscribeCommand({ TopicArn: await topic(), Protocol: 'lambda', Endpoint: 'arn:x' }),
    );
    expect((await failure(call)).name).toBe('InvalidParameterException');
  });
});

describe('the outbox', () => {
  it('keeps every message as page, JSON and files, with the mail addresses', async () => {
    const TopicArn = await topic();
    await sns.send(
      new SubscribeCommand({ TopicArn, Protocol: 'email', Endpoint: 'ada@example.com' }),
    );
    await sns.send(
      new PublishCommand({
        TopicArn,
        Subject: 'Approve <b>1</b>',
        Message: 'See http://127.0.0.1:1/a?b=1&c="x" <script>',
      }),
    );
    const [newest] = (await admin(sandbox, 'GET', 'outbox.json')) as Record<string, unknown>[];
    expect(newest).toMatchObject({ subject: 'Approve <b>1</b>', emails: ['ada@example.com'] });
    const page = await (await fetch(`${sandbox.url}/_sandbox/outbox`)).text();
    expect(page).not.toContain('<b>1</b>');
    expect(page).not.toContain('<script>');
    expect(page).toContain('<a href="http://127.0.0.1:1/a?b=1&#38;c=" rel="noreferrer">');
    const files = readdirSync(join(sandbox.kernel.home, 'outbox'));
    const text =
      files.find((name) => name.includes('approve-b-1-b') && name.endsWith('.txt')) ?? '';
    expect(readFileSync(join(sandbox.kernel.home, 'outbox', text), 'utf8')).toContain(
      'To: ada@example.com',
    );
    expect(files).toContain(text.replace('.txt', '.json'));
  });

  it('keeps the newest thousand messages and their files, and sweeps files without a message', () => {
    const home = mkdtempSync(join(tmpdir(), 'outbox-'));
    const store = openStore(home);
    try {
      const core = { home, store, now: () => 0 } as unknown as Core;
      const message = { topicArn: 'a:news', message: 'x', attributes: {}, emails: [] };
      const outbox = new Outbox(core);
      for (let i = 0; i < MOST_KEPT + 2; i += 1) outbox.add({ ...message, subject: `Part ${i}` });
      expect(outbox.list()).toHaveLength(MOST_KEPT);
      const files = () => readdirSync(join(home, 'outbox')).sort();
      expect(files()).toHaveLength(2 * MOST_KEPT);
      expect(files()[0]).toBe('000003-part-2.json');

      // As an earlier edition left them, and what is somebody else's.
      for (const name of ['000001-part-0.txt', 'notes.txt'])
        writeFileSync(join(home, 'outbox', name), 'x');
      new Outbox(core);
      expect(files()).toHaveLength(2 * MOST_KEPT + 1);
      expect(files()).toContain('notes.txt');
    } finally {
      store.close();
      rmSync(home, { recursive: true });
    }
  });

  it('says so when it is empty', () => {
    expect(outboxPage([])).toContain('Nothing yet.');
  });
});

describe('protocols', () => {
  const structured = JSON.stringify({
    default: 'for everybody',
    email: 'for mail',
    sms: 'short',
    sqs: '{"kind":"drift"}',
  });
  const messages = async () =>
    (await admin(sandbox, 'GET', 'outbox.json')) as readonly {
      readonly topicArn: string;
      readonly deliveries: readonly { readonly protocol: string; readonly text: string }[];
    }[];

  it('each get their own text, and those without one the default', async () => {
    const TopicArn = await topic();
    const { url, arn } = await queue();
    const endpoints = {
      email: 'ada@example.com',
      sms: '+491700000000',
      lambda: 'arn:aws:lambda:us-east-1:111122223333:function:notices',
      sqs: arn,
    };
    for (const [Protocol, Endpoint] of Object.entries(endpoints))
      await sns.send(new SubscribeCommand({ TopicArn, Protocol, Endpoint }));
    await sns.send(new PublishCommand({ TopicArn, Message: structured, MessageStructure: 'json' }));
    const sent = (await messages()).find((message) => message.topicArn === TopicArn);
    expect(Object.fromEntries(sent?.deliveries.map((d) => [d.protocol, d.text]) ?? [])).toEqual({
      email: 'for mail',
      sms: 'short',
      lambda: 'for everybody',
      sqs: '{"kind":"drift"}',
    });
    const [received] = await receive(url);
    expect(JSON.parse(received?.Body ?? '')).toMatchObject({ Message: '{"kind":"drift"}' });
  });

  it.each([
    ['no JSON', 'no'],
    ['no default', '{"email":"x"}'],
    ['a default that is no text', '{"default":{"a":1}}'],
  ])('are refused together when the structure has %s', async (_what, Message) => {
    const TopicArn = await topic();
    expect(
      await failure(sns.send(new PublishCommand({ TopicArn, Message, MessageStructure: 'json' }))),
    ).toMatchObject({ name: 'InvalidParameterException' });
  });

  it.each(['', 'two\nlines', 'ümlaut', ' starts with a space', 'x'.repeat(101)])(
    'are refused together for the subject %j',
    async (Subject) => {
      const TopicArn = await topic();
      expect(
        await failure(sns.send(new PublishCommand({ TopicArn, Message: 'x', Subject }))),
      ).toMatchObject({ name: 'InvalidParameterException' });
    },
  );

  it('filter by the body where the subscription says so', async () => {
    const TopicArn = await topic();
    const { url, arn } = await queue();
    await sns.send(
      new SubscribeCommand({
        TopicArn,
        Protocol: 'sqs',
        Endpoint: arn,
        Attributes: {
          FilterPolicy: '{"event":["drift"]}',
          FilterPolicyScope: 'MessageBody',
          RawMessageDelivery: 'true',
        },
      }),
    );
    for (const Message of ['{"event":"drift"}', '{"event":"other"}', 'no JSON'])
      await sns.send(new PublishCommand({ TopicArn, Message }));
    expect((await receive(url)).map(({ Body }) => Body)).toEqual(['{"event":"drift"}']);
  });

  it('other than sqs are none of a FIFO topic’s', async () => {
    const TopicArn = await topic('.fifo', { FifoTopic: 'true' });
    expect(
      await failure(
        sns.send(
          new SubscribeCommand({ TopicArn, Protocol: 'email', Endpoint: 'ada@example.com' }),
        ),
      ),
    ).toMatchObject({ name: 'InvalidParameterException' });
  });
});

it.each([
  ['a type that is none', { DataType: 'Text', StringValue: 'x' }, 'set of supported type prefixes'],
  ['a number that is none', { DataType: 'Number', StringValue: 'x' }, 'Could not cast'],
])('refuses a message attribute of %s', async (_which, attribute, message) => {
  const TopicArn = await topic();
  const error = await failure(
    sns.send(
      new PublishCommand({ TopicArn, Message: 'x', MessageAttributes: { kind: attribute } }),
    ),
  );
  expect(error.message).toContain(message);
});
