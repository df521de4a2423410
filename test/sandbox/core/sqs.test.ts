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
import { admin, clients, failure, start } from './support.js';

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
