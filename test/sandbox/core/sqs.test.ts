import {
  ChangeMessageVisibilityCommand,
  CreateQueueCommand,
  DeleteMessageBatchCommand,
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  ListQueuesCommand,
  PurgeQueueCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  SetQueueAttributesCommand,
} from '@aws-sdk/client-sqs';
import { expect, it, vi } from 'vitest';
import { admin, clients, failure, start, temporaryHome } from './support.js';

const sandbox = await start();
const { sqs } = clients(sandbox.url);
let queueNumber = 0;

async function queue(Attributes: Record<string, string> = {}, suffix = ''): Promise<string> {
  queueNumber += 1;
  const { QueueUrl } = await sqs.send(
    new CreateQueueCommand({ QueueName: `queue-${queueNumber}${suffix}`, Attributes }),
  );
  return QueueUrl ?? '';
}

async function receive(QueueUrl: string, more: Record<string, unknown> = {}) {
  const { Messages = [] } = await sqs.send(
    new ReceiveMessageCommand({
      QueueUrl,
      MessageSystemAttributeNames: ['All'],
      MessageAttributeNames: ['All'],
      ...more,
    }),
  );
  return Messages;
}

it('hands a message over with its attributes and count, hides it, and forgets it when deleted', async () => {
  const QueueUrl = await queue();
  await sqs.send(
    new SendMessageCommand({
      QueueUrl,
      MessageBody: 'hello <&> 😀',
      MessageAttributes: {
        kind: { DataType: 'String', StringValue: 'greeting' },
        raw: { DataType: 'Binary', BinaryValue: Buffer.from([1, 2]) },
      },
    }),
  );
  const [message] = await receive(QueueUrl);
  expect(message).toMatchObject({
    Body: 'hello <&> 😀',
    Attributes: {
      ApproximateReceiveCount: '1',
      SentTimestamp: expect.stringMatching(/^\d{13}$/) as string,
    },
    MessageAttributes: { kind: { StringValue: 'greeting' } },
  });
  expect(await receive(QueueUrl)).toEqual([]);
  await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle: message?.ReceiptHandle }));
  await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle: message?.ReceiptHandle }));
  const { Attributes } = await sqs.send(
    new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['All'] }),
  );
  expect(Attributes).toMatchObject({
    ApproximateNumberOfMessages: '0',
    ApproximateNumberOfMessagesNotVisible: '0',
  });
});

it('answers a long poll as soon as a message arrives', async () => {
  const QueueUrl = await queue();
  const poll = receive(QueueUrl, { WaitTimeSeconds: 20 });
  const sentAt = Date.now();
  await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'now' }));
  expect((await poll)[0]?.Body).toBe('now');
  expect(Date.now() - sentAt).toBeLessThan(2_000);
});

it('gives no message to a caller who hung up', async () => {
  const QueueUrl = await queue();
  const answered = async () => {
    const calls = (await admin(sandbox, 'GET', 'calls')) as Record<string, { count: number }>;
    return calls['SQS.ReceiveMessage']?.count ?? 0;
  };
  const before = await answered();
  const poll = sqs.send(new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 20 }), {
    abortSignal: AbortSignal.timeout(100),
  });
  await failure(poll);
  await vi.waitUntil(async () => (await answered()) > before);
  await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'for somebody else' }));
  const [message] = await receive(QueueUrl, { WaitTimeSeconds: 1 });
  expect(message?.Attributes?.ApproximateReceiveCount).toBe('1');
});

it('shows a message again when its visibility is given up, and refuses an old receipt', async () => {
  const QueueUrl = await queue();
  await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'again' }));
  const [first] = await receive(QueueUrl);
  await sqs.send(
    new ChangeMessageVisibilityCommand({
      QueueUrl,
      ReceiptHandle: first?.ReceiptHandle,
      VisibilityTimeout: 0,
    }),
  );
  const [second] = await receive(QueueUrl);
  expect(second?.Attributes?.ApproximateReceiveCount).toBe('2');
  await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle: first?.ReceiptHandle }));
  await sqs.send(
    new ChangeMessageVisibilityCommand({
      QueueUrl,
      ReceiptHandle: second?.ReceiptHandle,
      VisibilityTimeout: 0,
    }),
  );
  expect(await receive(QueueUrl)).toHaveLength(1);
  const made = sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle: 'made up' }));
  expect((await failure(made)).name).toBe('ReceiptHandleIsInvalid');
});

it('moves a message to the dead-letter queue after maxReceiveCount receives', async () => {
  const deadLetters = await queue();
  const { Attributes } = await sqs.send(
    new GetQueueAttributesCommand({ QueueUrl: deadLetters, AttributeNames: ['QueueArn'] }),
  );
  const QueueUrl = await queue();
  await sqs.send(
    new SetQueueAttributesCommand({
      QueueUrl,
      Attributes: {
        RedrivePolicy: JSON.stringify({
          deadLetterTargetArn: Attributes?.QueueArn,
          maxReceiveCount: 2,
        }),
      },
    }),
  );
  await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'poison' }));
  expect(await receive(QueueUrl, { VisibilityTimeout: 0 })).toHaveLength(1);
  expect(await receive(QueueUrl, { VisibilityTimeout: 0 })).toHaveLength(1);
  expect(await receive(QueueUrl)).toHaveLength(0);
  expect((await receive(deadLetters))[0]?.Body).toBe('poison');
});

it('sends and deletes in batches, saying which failed', async () => {
  const QueueUrl = await queue();
  const Entries = ['a', 'b', 'c'].map((Id) => ({ Id, MessageBody: Id }));
  expect(
    (await sqs.send(new SendMessageBatchCommand({ QueueUrl, Entries }))).Successful,
  ).toHaveLength(3);
  const messages = await receive(QueueUrl, { MaxNumberOfMessages: 10 });
  expect(messages.map(({ Body }) => Body)).toEqual(['a', 'b', 'c']);
  const deleted = await sqs.send(
    new DeleteMessageBatchCommand({
      QueueUrl,
      Entries: [
        { Id: '1', ReceiptHandle: messages[0]?.ReceiptHandle },
        { Id: '2', ReceiptHandle: 'made up' },
      ],
    }),
  );
  expect(deleted.Successful).toMatchObject([{ Id: '1' }]);
  expect(deleted.Failed).toMatchObject([
    { Id: '2', Code: 'ReceiptHandleIsInvalid', SenderFault: true },
  ]);
  const none = sqs.send(new SendMessageBatchCommand({ QueueUrl, Entries: [] }));
  expect((await failure(none)).name).toContain('EmptyBatchRequest');
});

it('keeps the order of a FIFO group, blocks behind a message in flight, and drops a repetition', async () => {
  const QueueUrl = await queue({ FifoQueue: 'true', ContentBasedDeduplication: 'true' }, '.fifo');
  const send = (MessageBody: string) =>
    sqs.send(new SendMessageCommand({ QueueUrl, MessageBody, MessageGroupId: 'g' }));
  const one = await send('one');
  await send('two');
  expect((await send('one')).MessageId).toBe(one.MessageId);
  const [first] = await receive(QueueUrl);
  expect(first?.Body).toBe('one');
  expect(await receive(QueueUrl)).toEqual([]);
  await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle: first?.ReceiptHandle }));
  expect((await receive(QueueUrl)).map(({ Body }) => Body)).toEqual(['two']);
});

it('names a queue that does not exist as the SDK and older callers expect', async () => {
  const error = await failure(sqs.send(new GetQueueUrlCommand({ QueueName: 'absent' })));
  expect(error).toMatchObject({
    name: 'QueueDoesNotExist',
    message: 'The specified queue does not exist.',
    Code: 'AWS.SimpleQueueService.NonExistentQueue',
  });
});

it('refuses wrong names, attributes and values', async () => {
  const create = (QueueName: string, Attributes = {}) =>
    failure(sqs.send(new CreateQueueCommand({ QueueName, Attributes })));
  expect((await create('not a name')).name).toBe('InvalidParameterValue');
  expect((await create('fine', { Unknown: '1' })).name).toBe('InvalidAttributeName');
  expect((await create('fine', { VisibilityTimeout: '43201' })).name).toBe('InvalidAttributeValue');
  const QueueUrl = await queue({ VisibilityTimeout: '5' });
  const again = await create(QueueUrl.split('/').at(-1) ?? '', { VisibilityTimeout: '6' });
  expect(again.name).toBe('QueueNameExists');
  expect((await failure(receive(QueueUrl, { MaxNumberOfMessages: 11 }))).name).toBe(
    'InvalidParameterValue',
  );
  const large = sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'x'.repeat(1_048_577) }));
  expect((await failure(large)).message).toContain('must be shorter than 1048576 bytes');
});

it('lists queues and purges one, once a minute', async () => {
  const QueueUrl = await queue();
  await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'gone' }));
  await sqs.send(new PurgeQueueCommand({ QueueUrl }));
  expect(await receive(QueueUrl)).toEqual([]);
  expect((await failure(sqs.send(new PurgeQueueCommand({ QueueUrl })))).name).toBe(
    'PurgeQueueInProgress',
  );
  const { QueueUrls } = await sqs.send(new ListQueuesCommand({ QueueNamePrefix: 'queue-' }));
  expect(QueueUrls).toContain(QueueUrl);
});

it('moves messages of several groups into a FIFO dead-letter queue as they were, though their bodies are the same', async () => {
  const deadLetters = await queue({ FifoQueue: 'true' }, '.fifo');
  const { Attributes } = await sqs.send(
    new GetQueueAttributesCommand({ QueueUrl: deadLetters, AttributeNames: ['QueueArn'] }),
  );
  const QueueUrl = await queue(
    {
      FifoQueue: 'true',
      VisibilityTimeout: '0',
      RedrivePolicy: JSON.stringify({
        deadLetterTargetArn: Attributes?.QueueArn,
        maxReceiveCount: 1,
      }),
    },
    '.fifo',
  );
  const ids: (string | undefined)[] = [];
  for (const group of ['a', 'b', 'c']) {
    const { MessageId } = await sqs.send(
      new SendMessageCommand({
        QueueUrl,
        MessageBody: 'the same',
        MessageGroupId: group,
        MessageDeduplicationId: `only-${group}`,
      }),
    );
    ids.push(MessageId);
  }
  expect(await receive(QueueUrl, { MaxNumberOfMessages: 10 })).toHaveLength(3);
  expect(await receive(QueueUrl, { MaxNumberOfMessages: 10 })).toEqual([]);
  const moved = await receive(deadLetters, { MaxNumberOfMessages: 10 });
  expect(
    moved.map(({ MessageId, Attributes: system }) => [
      MessageId,
      system?.MessageGroupId,
      system?.MessageDeduplicationId,
      system?.DeadLetterQueueSourceArn?.split(':').at(-1),
    ]),
  ).toEqual(
    ['a', 'b', 'c'].map((group, at) => [
      ids[at],
      group,
      `only-${group}`,
      QueueUrl.split('/').at(-1),
    ]),
  );
});

it('refuses a dead-letter queue of the other type', async () => {
  await sqs.send(new CreateQueueCommand({ QueueName: 'standard-dead-letters' }));
  const refused = queue(
    {
      FifoQueue: 'true',
      RedrivePolicy: JSON.stringify({
        deadLetterTargetArn: 'arn:aws:sqs:us-east-1:111122223333:standard-dead-letters',
        maxReceiveCount: 1,
      }),
    },
    '.fifo',
  );
  expect((await failure(refused)).message).toContain('same type of queue as the source');
});

it.each([
  [
    'of an unknown type',
    { DataType: 'Text', StringValue: 'x' },
    'the set of supported type prefixes is Binary, Number, and String',
  ],
  ['without a value', { DataType: 'String' }, 'must contain non-empty message attribute value'],
  ['with an empty value', { DataType: 'String', StringValue: '' }, 'must contain non-empty'],
  ['that is called a number and is none', { DataType: 'Number', StringValue: 'x' }, "Can't cast"],
])('refuses a message attribute %s', async (_which, attribute, message) => {
  const QueueUrl = await queue();
  const sent = sqs.send(
    new SendMessageCommand({
      QueueUrl,
      MessageBody: 'x',
      MessageAttributes: { kind: attribute },
    }),
  );
  const error = await failure(sent);
  expect(error.message).toContain(message);
  expect(error.name).toBe('InvalidParameterValue');
});

it('refuses an eleventh message attribute', async () => {
  const QueueUrl = await queue();
  const names = Array.from({ length: 11 }, (_, at) => `a${at}`);
  const send = (some: readonly string[]) =>
    sqs.send(
      new SendMessageCommand({
        QueueUrl,
        MessageBody: 'x',
        MessageAttributes: Object.fromEntries(
          some.map((name) => [name, { DataType: 'Number.int', StringValue: '-1.5e3' }]),
        ),
      }),
    );
  await send(names.slice(1));
  expect((await failure(send(names))).message).toBe(
    'Number of message attributes [11] exceeds the allowed maximum [10].',
  );
});

it('refuses the one entry of a batch whose delay is too long, and a batch with an id that is none', async () => {
  const QueueUrl = await queue();
  const { Successful, Failed } = await sqs.send(
    new SendMessageBatchCommand({
      QueueUrl,
      Entries: [
        { Id: 'good', MessageBody: 'x', DelaySeconds: 900 },
        { Id: 'bad', MessageBody: 'x', DelaySeconds: 901 },
      ],
    }),
  );
  expect(Successful?.map(({ Id }) => Id)).toEqual(['good']);
  expect(Failed).toMatchObject([
    {
      Id: 'bad',
      Code: 'InvalidParameterValue',
      Message:
        'Value 901 for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900.',
    },
  ]);
  const strange = sqs.send(
    new SendMessageBatchCommand({ QueueUrl, Entries: [{ Id: 'a b', MessageBody: 'x' }] }),
  );
  expect((await failure(strange)).message).toContain('A batch entry id can only contain');
});

it('delays no single message of a FIFO queue', async () => {
  const QueueUrl = await queue({ FifoQueue: 'true' }, '.fifo');
  const send = (DelaySeconds: number) =>
    sqs.send(
      new SendMessageCommand({
        QueueUrl,
        MessageBody: 'x',
        MessageGroupId: 'g',
        MessageDeduplicationId: `after-${DelaySeconds}`,
        DelaySeconds,
      }),
    );
  await send(0);
  expect((await failure(send(1))).message).toContain('not valid for this queue type');
});

it('lists queues page by page for those who say how many they want', async () => {
  for (const name of ['paged-a', 'paged-b', 'paged-c'])
    await sqs.send(new CreateQueueCommand({ QueueName: name }));
  const names = ({ QueueUrls = [] }: { QueueUrls?: string[] | undefined }) =>
    QueueUrls.map((url) => url.split('/').at(-1));
  const list = (more: { MaxResults?: number; NextToken?: string | undefined }) =>
    sqs.send(new ListQueuesCommand({ QueueNamePrefix: 'paged-', ...more }));
  const all = await list({});
  expect([names(all), all.NextToken]).toEqual([['paged-a', 'paged-b', 'paged-c'], undefined]);
  const first = await list({ MaxResults: 2 });
  expect(names(first)).toEqual(['paged-a', 'paged-b']);
  expect(names(await list({ MaxResults: 2, NextToken: first.NextToken }))).toEqual(['paged-c']);
});

it('drops a repetition after a restart too, though the first message is long deleted', async () => {
  const home = temporaryHome();
  const before = await start({ home });
  const own = clients(before.url).sqs;
  const { QueueUrl } = await own.send(
    new CreateQueueCommand({ QueueName: 'once.fifo', Attributes: { FifoQueue: 'true' } }),
  );
  const sending = () =>
    new SendMessageCommand({
      QueueUrl,
      MessageBody: 'x',
      MessageGroupId: 'g',
      MessageDeduplicationId: 'once',
    });
  const first = await own.send(sending());
  const { Messages } = await own.send(new ReceiveMessageCommand({ QueueUrl }));
  const ReceiptHandle = Messages?.[0]?.ReceiptHandle;
  await own.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
  await before.close();
  const after = clients((await start({ home })).url).sqs;
  const again = await after.send(sending());
  expect([again.MessageId, again.SequenceNumber]).toEqual([first.MessageId, first.SequenceNumber]);
  const { Messages: none } = await after.send(
    new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 1 }),
  );
  expect(none).toBeUndefined();
  const next = await after.send(
    new SendMessageCommand({
      QueueUrl,
      MessageBody: 'y',
      MessageGroupId: 'g',
      MessageDeduplicationId: 'next',
    }),
  );
  expect(Number(next.SequenceNumber)).toBeGreaterThan(Number(first.SequenceNumber));
});
