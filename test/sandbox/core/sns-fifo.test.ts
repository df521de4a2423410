import {
  CreateTopicCommand,
  ListTagsForResourceCommand,
  PublishBatchCommand,
  PublishCommand,
  SubscribeCommand,
  TagResourceCommand,
  UntagResourceCommand,
} from '@aws-sdk/client-sns';
import type { PublishBatchRequestEntry } from '@aws-sdk/client-sns';
import { CreateQueueCommand, ReceiveMessageCommand } from '@aws-sdk/client-sqs';
import { describe, expect, it, vi } from 'vitest';
import { virtualClock } from '../../../sandbox/aws/kernel/clock.js';
import { admin, clients, failure, letting, start } from './support.js';

const sandbox = await start();
const { sns, sqs } = clients(sandbox.url);
let number = 0;

/** A FIFO topic and a FIFO queue that gets its messages bare. */
async function ordered(Attributes: Record<string, string> = {}, of = { sns, sqs }) {
  number += 1;
  const { TopicArn = '' } = await of.sns.send(
    new CreateTopicCommand({
      Name: `ordered-${number}.fifo`,
      Attributes: { FifoTopic: 'true', ...Attributes },
    }),
  );
  const { QueueUrl = '' } = await of.sqs.send(
    new CreateQueueCommand({
      QueueName: `ordered-${number}.fifo`,
      Attributes: { FifoQueue: 'true', ...letting('sns', `ordered-${number}.fifo`) },
    }),
  );
  await of.sns.send(
    new SubscribeCommand({
      TopicArn,
      Protocol: 'sqs',
      Endpoint: `arn:aws:sqs:us-east-1:111122223333:ordered-${number}.fifo`,
      Attributes: { RawMessageDelivery: 'true' },
    }),
  );
  const receive = async () =>
    (
      await of.sqs.send(
        new ReceiveMessageCommand({
          QueueUrl,
          MaxNumberOfMessages: 10,
          MessageSystemAttributeNames: ['All'],
        }),
      )
    ).Messages ?? [];
  return { TopicArn, receive };
}

describe('a FIFO topic', () => {
  it('carries groups and order to a FIFO queue', async () => {
    const { TopicArn, receive } = await ordered();
    const sequences: string[] = [];
    for (const [at, MessageGroupId] of ['a', 'b', 'a'].entries()) {
      const { SequenceNumber = '' } = await sns.send(
        new PublishCommand({
          TopicArn,
          Message: `m${at}`,
          MessageGroupId,
          MessageDeduplicationId: `d${at}`,
        }),
      );
      sequences.push(SequenceNumber);
    }
    const messages = await receive();
    expect(messages.map(({ Body, Attributes }) => [Body, Attributes?.MessageGroupId])).toEqual([
      ['m0', 'a'],
      ['m1', 'b'],
      ['m2', 'a'],
    ]);
    expect(messages.map(({ Attributes }) => Attributes?.MessageDeduplicationId)).toEqual([
      'd0',
      'd1',
      'd2',
    ]);
    expect(sequences).toEqual([...sequences].sort());
    expect(new Set(sequences).size).toBe(3);
  });

  it('drops the same content within five minutes, and takes it again afterwards', async () => {
    const clock = virtualClock(100, Date.now());
    const own = clients((await start({ clock })).url);
    const { TopicArn } = await ordered({ ContentBasedDeduplication: 'true' }, own);
    const publish = async () =>
      (await own.sns.send(new PublishCommand({ TopicArn, Message: 'same', MessageGroupId: 'g' })))
        .MessageId;
    const beforeMs = clock.now();
    const first = await publish();
    const afterMs = clock.now();
    const second = await publish();
    if (clock.now() - beforeMs < 300_000) expect(second).toBe(first);
    await vi.waitUntil(() => clock.now() - afterMs > 300_000, { timeout: 10_000 });
    expect(await publish()).not.toBe(first);
  });

  it.each([
    ['no group', { MessageDeduplicationId: 'd' }, /MessageGroupId parameter is required/],
    [
      'nothing to tell repetitions by',
      { MessageGroupId: 'g' },
      /ContentBasedDeduplication enabled/,
    ],
  ])('refuses a message with %s', async (_what, input, message) => {
    const { TopicArn } = await ordered();
    const error = await failure(sns.send(new PublishCommand({ TopicArn, Message: 'm', ...input })));
    expect(error.message).toMatch(message);
  });
});

it('a FIFO queue is none of a standard topic’s', async () => {
  const { TopicArn } = await sns.send(new CreateTopicCommand({ Name: 'standard' }));
  const error = await failure(
    sns.send(
      new SubscribeCommand({
        TopicArn,
        Protocol: 'sqs',
        Endpoint: 'arn:aws:sqs:us-east-1:111122223333:x.fifo',
      }),
    ),
  );
  expect(error.message).toContain('FIFO SQS Queues can not be subscribed to standard SNS topics');
});

describe('PublishBatch', () => {
  const entry = (Id: string, more: Partial<PublishBatchRequestEntry> = {}) => ({
    Id,
    Message: `message ${Id}`,
    ...more,
  });

  it('sends each entry, and fails those alone that are wrong', async () => {
    const { TopicArn, receive } = await ordered({ ContentBasedDeduplication: 'true' });
    const { Successful, Failed } = await sns.send(
      new PublishBatchCommand({
        TopicArn,
        PublishBatchRequestEntries: [
          entry('one', { MessageGroupId: 'g' }),
          entry('two'),
          entry('three', {
            MessageGroupId: 'g',
            MessageAttributes: { event: { DataType: 'String', StringValue: 'drift' } },
          }),
        ],
      }),
    );
    expect(Successful?.map(({ Id }) => Id)).toEqual(['one', 'three']);
    expect(Failed).toMatchObject([{ Id: 'two', Code: 'InvalidParameter', SenderFault: true }]);
    expect((await receive()).map(({ Body }) => Body)).toEqual(['message one', 'message three']);
  });

  it.each<[string, readonly PublishBatchRequestEntry[], string]>([
    ['eleven entries', Array.from({ length: 11 }, (_, at) => entry(`e${at}`)), 'TooManyEntries'],
    ['an id twice', [entry('a'), entry('a')], 'BatchEntryIdsNotDistinct'],
    ['an id with a space', [entry('a b')], 'InvalidBatchEntryId'],
    [
      'more than 256 KiB together',
      [entry('a', { Message: 'x'.repeat(200_000) }), entry('b', { Message: 'x'.repeat(100_000) })],
      'BatchRequestTooLong',
    ],
  ])('is refused with %s', async (_what, entries, name) => {
    const { TopicArn } = await sns.send(new CreateTopicCommand({ Name: 'batches' }));
    const error = await failure(
      sns.send(new PublishBatchCommand({ TopicArn, PublishBatchRequestEntries: [...entries] })),
    );
    expect(error.name).toContain(name);
  });
});

it.each([
  ['application', 'arn:aws:sns:us-east-1:111122223333:endpoint/GCM/app/1', 'platform applications'],
  ['firehose', 'arn:aws:firehose:us-east-1:111122223333:deliverystream/s', 'delivery streams'],
])('what goes to %s is told not to be delivered', async (Protocol, Endpoint, what) => {
  const { TopicArn } = await sns.send(new CreateTopicCommand({ Name: `to-${Protocol}` }));
  const subscribe = (Attributes: Record<string, string>) =>
    sns.send(new SubscribeCommand({ TopicArn, Protocol, Endpoint, Attributes }));
  if (Protocol === 'firehose')
    expect((await failure(subscribe({}))).message).toContain('SubscriptionRoleArn');
  await subscribe({ SubscriptionRoleArn: 'arn:aws:iam::111122223333:role/sns' });
  await sns.send(new PublishCommand({ TopicArn, Message: 'm' }));
  const [sent] = (await admin(sandbox, 'GET', 'outbox.json')) as readonly {
    readonly deliveries: readonly { readonly outcome: string }[];
  }[];
  expect(sent?.deliveries).toMatchObject([
    { outcome: `not delivered: the sandbox has no ${what}` },
  ]);
});

it('topics have tags', async () => {
  const { TopicArn: ResourceArn } = await sns.send(
    new CreateTopicCommand({ Name: 'tagged', Tags: [{ Key: 'team', Value: 'a' }] }),
  );
  await sns.send(new TagResourceCommand({ ResourceArn, Tags: [{ Key: 'stage', Value: 'b' }] }));
  await sns.send(new UntagResourceCommand({ ResourceArn, TagKeys: ['team'] }));
  const { Tags } = await sns.send(new ListTagsForResourceCommand({ ResourceArn }));
  expect(Tags).toEqual([{ Key: 'stage', Value: 'b' }]);
});
