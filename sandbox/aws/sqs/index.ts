import { z } from 'zod';
import { faultOfPolicy, letsIn } from '../iam/resource-policy.js';
import { AwsError } from '../kernel.js';
import type { CallInfo, Service } from '../kernel.js';
import { operations, page } from '../validate.js';
import type { Complaint } from '../validate.js';
import type { Core, QueueAttributes } from '../wires.js';
import { md5, md5OfAttributes } from './messages.js';
import type { Message } from './messages.js';
import { isReceiptHandle, Queue } from './queue.js';
import type { QueueRecord, Received } from './queue.js';

const MAX_MESSAGE_BYTES = 1_048_576;
const MAX_DELAY_SECONDS = 900;
const MOST_ATTRIBUTES = 10;
/** Queues on one page. */
const MOST_LISTED = 1000;

const DEFAULTS: Readonly<Record<string, string>> = {
  VisibilityTimeout: '30',
  MaximumMessageSize: String(MAX_MESSAGE_BYTES),
  MessageRetentionPeriod: '345600',
  DelaySeconds: '0',
  ReceiveMessageWaitTimeSeconds: '0',
  SqsManagedSseEnabled: 'true',
};

const RANGES: Readonly<Record<string, readonly [number, number]>> = {
  VisibilityTimeout: [0, 43_200],
  MaximumMessageSize: [1_024, MAX_MESSAGE_BYTES],
  MessageRetentionPeriod: [60, 1_209_600],
  DelaySeconds: [0, 900],
  ReceiveMessageWaitTimeSeconds: [0, 20],
};

const complain: Complaint = (violations) => {
  const first = violations[0];
  if (first === undefined || first.missing) {
    const name = (first?.path ?? '').replace(/^./, (letter) => letter.toUpperCase());
    return failure('MissingParameter', `The request must contain the parameter ${name}.`);
  }
  if (/^attribute(s|Names)\./.test(first.path) && /enum value set/.test(first.constraint))
    return failure('InvalidAttributeName', `Unknown Attribute ${String(first.value)}.`);
  return failure(
    'InvalidParameterValue',
    `Value ${JSON.stringify(first.value)} for parameter ${first.path} is invalid. Reason: ${first.constraint}.`,
  );
};

const op = operations(complain);
const queueUrl = z.string();
const attributeMap = z.record(z.string(), z.string());
const messageAttributes = z.record(
  z.string(),
  z.object({
    DataType: z.string(),
    StringValue: z.string().optional(),
    BinaryValue: z.string().optional(),
  }),
);
const outgoing = {
  MessageBody: z.string(),
  DelaySeconds: z.int().optional(),
  MessageAttributes: messageAttributes.optional(),
  MessageDeduplicationId: z.string().min(1).max(128).optional(),
  MessageGroupId: z.string().min(1).max(128).optional(),
};
type Outgoing = z.output<z.ZodObject<typeof outgoing>>;

/** Amazon SQS. Sets `core.wires.sendToQueue`, `redrive` and `deliverToQueue`. */
export function createSqs(core: Core): Service {
  const queues = new Map<string, Queue>();
  for (const [name, record] of core.store.entries<QueueRecord>('queues'))
    queues.set(name, new Queue(core, record));

  core.wires.sendToQueue = (queueArn, body, attributes, order) => {
    const queue = queues.get(queueArn.split(':').at(-1) ?? '');
    if (queue === undefined || queue.arn !== queueArn) return false;
    const fifo = queue.isFifo ? (order ?? { groupId: 'default', deduplicationId: md5(body) }) : {};
    queue.send({
      body,
      senderId: 'sandbox',
      ...(attributes === undefined ? {} : { attributes }),
      ...fifo,
    });
    return true;
  };

  core.wires.redrive = (deadLetterArn, message, sourceArn) => {
    const queue = queues.get(deadLetterArn.split(':').at(-1) ?? '');
    if (queue === undefined || queue.arn !== deadLetterArn) return false;
    queue.takeIn(message, sourceArn);
    return true;
  };

  core.wires.deliverToQueue = (sender, queueArn, ...message) => {
    const queue = queues.get(queueArn.split(':').at(-1) ?? '');
    if (queue === undefined || queue.arn !== queueArn) return 'absent';
    const { Policy } = queue.record.attributes;
    const request = { action: 'sqs:SendMessage', resource: queueArn };
    if (!letsIn(Policy, sender, request)) return 'not allowed';
    return core.wires.sendToQueue(queueArn, ...message) ? 'delivered' : 'absent';
  };

  const byUrl = (url: string): Queue => {
    const queue = queues.get(url.split('/').at(-1) ?? '');
    if (queue === undefined) throw doesNotExist();
    return queue;
  };

  const checkAttributes = (name: string, attributes: Readonly<Record<string, string>>): void => {
    for (const [attribute, value] of Object.entries(attributes))
      checkAttribute(name, attribute, value);
    const redrive = attributes.RedrivePolicy;
    if (redrive !== undefined && redrive !== '') checkRedrive(name, redrive, queues, core);
  };

  const send = (queue: Queue, message: Outgoing, call: CallInfo): Message => {
    checkBody(queue, message);
    return queue.send({
      body: message.MessageBody,
      attributes: cleaned(message.MessageAttributes),
      delaySeconds: message.DelaySeconds,
      senderId: call.accessKeyId,
      ...fifoMembers(queue, message),
    });
  };

  const sendAnswer = (message: Message): Record<string, unknown> => ({
    MessageId: message.id,
    MD5OfMessageBody: md5(message.body),
    MD5OfMessageAttributes: md5OfAttributes(message.attributes),
    SequenceNumber: message.sequenceNumber,
  });

  const remove = (queue: Queue, receiptHandle: string): void => {
    if (!isReceiptHandle(receiptHandle)) throw invalidHandle();
    queue.remove(receiptHandle);
  };

  const hide = (queue: Queue, receiptHandle: string, seconds: number): void => {
    if (!isReceiptHandle(receiptHandle)) throw invalidHandle();
    if (!queue.hide(receiptHandle, seconds)) {
      throw failure(
        'InvalidParameterValue',
        `Value ${receiptHandle} for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available for visibility timeout change.`,
      );
    }
  };

  return {
    name: 'SQS',
    target: 'AmazonSQS',
    complain,
    start: () => {
      core.every(60_000, 'queue retention', () => {
        for (const queue of queues.values()) queue.expire();
      });
    },
    operations: {
      CreateQueue: op(
        z.object({
          QueueName: z.string(),
          Attributes: attributeMap.optional(),
          tags: attributeMap.optional(),
        }),
        ({ QueueName: name, Attributes: attributes = {}, tags = {} }) => {
          checkName(name, attributes);
          checkAttributes(name, attributes);
          const there = queues.get(name);
          if (there !== undefined) {
            const other = Object.entries(attributes).find(
              ([key, value]) => there.record.attributes[key] !== value,
            );
            if (other === undefined) return { QueueUrl: there.url };
            throw named(
              'QueueNameExists',
              'QueueAlreadyExists',
              `A queue already exists with the same name and a different value for attribute ${other[0]}`,
            );
          }
          const now = core.now();
          const record: QueueRecord = {
            name,
            createdAtMs: now,
            modifiedAtMs: now,
            attributes: { ...DEFAULTS, ...attributes },
            tags,
          };
          core.store.put('queues', name, record);
          const queue = new Queue(core, record);
          queues.set(name, queue);
          return { QueueUrl: queue.url };
        },
      ),
      DeleteQueue: op(z.object({ QueueUrl: queueUrl }), ({ QueueUrl }) => {
        const queue = byUrl(QueueUrl);
        queue.forget();
        queues.delete(queue.record.name);
        core.store.delete('queues', queue.record.name);
      }),
      GetQueueUrl: op(z.object({ QueueName: z.string() }), ({ QueueName }) => ({
        QueueUrl: byUrl(QueueName).url,
      })),
      ListQueues: op(
        z.object({
          QueueNamePrefix: z.string().optional(),
          MaxResults: z.int().min(1).max(MOST_LISTED).optional(),
          NextToken: z.string().optional(),
        }),
        ({ QueueNamePrefix: prefix = '', MaxResults, NextToken }) => {
          const urls = [...queues.values()]
            .filter(({ record }) => record.name.startsWith(prefix))
            .map(({ url }) => url)
            .sort();
          const { items, next } = page(urls, MaxResults ?? MOST_LISTED, NextToken, () =>
            failure('InvalidParameterValue', 'The NextToken is not valid.'),
          );
          // AWS gives a token only to those who said how many they want.
          return { QueueUrls: items, ...(MaxResults === undefined ? {} : { NextToken: next }) };
        },
      ),
      GetQueueAttributes: op(
        z.object({ QueueUrl: queueUrl, AttributeNames: z.array(z.string()).optional() }),
        ({ QueueUrl, AttributeNames = [] }) => {
          const all = allAttributes(byUrl(QueueUrl));
          return {
            Attributes: AttributeNames.includes('All')
              ? all
              : Object.fromEntries(
                  Object.entries(all).filter(([name]) => AttributeNames.includes(name)),
                ),
          };
        },
      ),
      SetQueueAttributes: op(
        z.object({ QueueUrl: queueUrl, Attributes: attributeMap }),
        ({ QueueUrl, Attributes }) => {
          const queue = byUrl(QueueUrl);
          checkAttributes(queue.record.name, Attributes);
          queue.save(Attributes);
        },
      ),
      ListQueueTags: op(z.object({ QueueUrl: queueUrl }), ({ QueueUrl }) => ({
        Tags: byUrl(QueueUrl).record.tags,
      })),
      PurgeQueue: op(z.object({ QueueUrl: queueUrl }), ({ QueueUrl }) => {
        const queue = byUrl(QueueUrl);
        if (core.now() - queue.purgedAtMs < 60_000) {
          throw named(
            'PurgeQueueInProgress',
            'AWS.SimpleQueueService.PurgeQueueInProgress',
            `Only one PurgeQueue operation on ${queue.record.name} is allowed every 60 seconds.`,
          );
        }
        queue.purge();
      }),
      SendMessage: op(
        z.object({ QueueUrl: queueUrl, ...outgoing }),
        ({ QueueUrl, ...message }, call) => sendAnswer(send(byUrl(QueueUrl), message, call)),
      ),
      SendMessageBatch: op(
        z.object({
          QueueUrl: queueUrl,
          Entries: z.array(z.object({ Id: z.string(), ...outgoing })),
        }),
        ({ QueueUrl, Entries }, call) => {
          const queue = byUrl(QueueUrl);
          const total = Entries.reduce(
            (bytes, { MessageBody }) => bytes + Buffer.byteLength(MessageBody),
            0,
          );
          if (total > MAX_MESSAGE_BYTES) {
            throw named(
              'BatchRequestTooLong',
              'AWS.SimpleQueueService.BatchRequestTooLong',
              `Batch requests cannot be longer than ${MAX_MESSAGE_BYTES} bytes. You have sent ${total} bytes.`,
            );
          }
          return batch(Entries, (entry) => sendAnswer(send(queue, entry, call)));
        },
      ),
      ReceiveMessage: op(
        z.object({
          QueueUrl: queueUrl,
          MaxNumberOfMessages: z.int().min(1).max(10).optional(),
          WaitTimeSeconds: z.int().min(0).max(20).optional(),
          VisibilityTimeout: z.int().min(0).max(43_200).optional(),
          AttributeNames: z.array(z.string()).optional(),
          MessageSystemAttributeNames: z.array(z.string()).optional(),
          MessageAttributeNames: z.array(z.string()).optional(),
        }),
        async (input, call) => {
          const queue = byUrl(input.QueueUrl);
          const waitSeconds =
            input.WaitTimeSeconds ?? queue.seconds('ReceiveMessageWaitTimeSeconds');
          const received = await queue.receive(
            input.MaxNumberOfMessages ?? 1,
            waitSeconds * 1000,
            input.VisibilityTimeout,
            call.signal,
          );
          const system = [
            ...(input.AttributeNames ?? []),
            ...(input.MessageSystemAttributeNames ?? []),
          ];
          if (received.length === 0) return {};
          return {
            Messages: received.map((each) =>
              receivedAnswer(each, system, input.MessageAttributeNames ?? []),
            ),
          };
        },
      ),
      DeleteMessage: op(
        z.object({ QueueUrl: queueUrl, ReceiptHandle: z.string() }),
        ({ QueueUrl, ReceiptHandle }) => {
          remove(byUrl(QueueUrl), ReceiptHandle);
        },
      ),
      DeleteMessageBatch: op(
        z.object({
          QueueUrl: queueUrl,
          Entries: z.array(z.object({ Id: z.string(), ReceiptHandle: z.string() })),
        }),
        ({ QueueUrl, Entries }) => {
          const queue = byUrl(QueueUrl);
          return batch(Entries, ({ ReceiptHandle }) => {
            remove(queue, ReceiptHandle);
            return {};
          });
        },
      ),
      ChangeMessageVisibility: op(
        z.object({
          QueueUrl: queueUrl,
          ReceiptHandle: z.string(),
          VisibilityTimeout: z.int().min(0).max(43_200),
        }),
        ({ QueueUrl, ReceiptHandle, VisibilityTimeout }) => {
          hide(byUrl(QueueUrl), ReceiptHandle, VisibilityTimeout);
        },
      ),
      ChangeMessageVisibilityBatch: op(
        z.object({
          QueueUrl: queueUrl,
          Entries: z.array(
            z.object({
              Id: z.string(),
              ReceiptHandle: z.string(),
              VisibilityTimeout: z.int().min(0).max(43_200),
            }),
          ),
        }),
        ({ QueueUrl, Entries }) => {
          const queue = byUrl(QueueUrl);
          return batch(Entries, ({ ReceiptHandle, VisibilityTimeout }) => {
            hide(queue, ReceiptHandle, VisibilityTimeout);
            return {};
          });
        },
      ),
    },
  };
}

function batch<E extends { readonly Id: string }>(
  entries: readonly E[],
  work: (entry: E) => Record<string, unknown>,
): { Successful: unknown[]; Failed: unknown[] } {
  if (entries.length === 0) {
    throw named(
      'EmptyBatchRequest',
      'AWS.SimpleQueueService.EmptyBatchRequest',
      'There should be at least one SendMessageBatchRequestEntry in the request.',
    );
  }
  if (entries.length > 10) {
    throw named(
      'TooManyEntriesInBatchRequest',
      'AWS.SimpleQueueService.TooManyEntriesInBatchRequest',
      `Maximum number of entries per request are 10. You have sent ${entries.length}.`,
    );
  }
  if (entries.some(({ Id }) => !/^[A-Za-z0-9_-]{1,80}$/.test(Id))) {
    throw named(
      'InvalidBatchEntryId',
      'AWS.SimpleQueueService.InvalidBatchEntryId',
      'A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.',
    );
  }
  if (new Set(entries.map(({ Id }) => Id)).size < entries.length) {
    throw named(
      'BatchEntryIdsNotDistinct',
      'AWS.SimpleQueueService.BatchEntryIdsNotDistinct',
      'Two or more batch entries in the request have the same Id.',
    );
  }
  const Successful: unknown[] = [];
  const Failed: unknown[] = [];
  for (const entry of entries) {
    try {
      Successful.push({ Id: entry.Id, ...work(entry) });
    } catch (error) {
      if (!(error instanceof AwsError)) throw error;
      Failed.push({
        Id: entry.Id,
        Code: error.code ?? error.name,
        Message: error.message,
        SenderFault: true,
      });
    }
  }
  return { Successful, Failed };
}

function receivedAnswer(
  { message, receiptHandle }: Received,
  system: readonly string[],
  wanted: readonly string[],
): Record<string, unknown> {
  const attributes = Object.entries(message.attributes).filter(([name]) =>
    wanted.some(
      (want) =>
        want === 'All' ||
        want === '.*' ||
        want === name ||
        (want.endsWith('.*') && name.startsWith(want.slice(0, -2))),
    ),
  );
  const all: Readonly<Record<string, string | undefined>> = {
    SenderId: message.senderId,
    SentTimestamp: String(message.sentAtMs),
    ApproximateReceiveCount: String(message.receiveCount),
    ApproximateFirstReceiveTimestamp: String(message.firstReceivedAtMs ?? message.sentAtMs),
    MessageGroupId: message.groupId,
    MessageDeduplicationId: message.deduplicationId,
    SequenceNumber: message.sequenceNumber,
    DeadLetterQueueSourceArn: message.deadLetterSourceArn,
  };
  const shown = Object.entries(all).filter(
    ([name, value]) => value !== undefined && (system.includes('All') || system.includes(name)),
  );
  const shownAttributes = Object.fromEntries(attributes);
  return {
    MessageId: message.id,
    ReceiptHandle: receiptHandle,
    MD5OfBody: md5(message.body),
    Body: message.body,
    ...(shown.length === 0 ? {} : { Attributes: Object.fromEntries(shown) }),
    ...(attributes.length === 0
      ? {}
      : {
          MessageAttributes: shownAttributes,
          MD5OfMessageAttributes: md5OfAttributes(shownAttributes),
        }),
  };
}

function allAttributes(queue: Queue): Readonly<Record<string, string>> {
  const { visible, inFlight, delayed } = queue.counts();
  return {
    ...queue.record.attributes,
    QueueArn: queue.arn,
    ApproximateNumberOfMessages: String(visible),
    ApproximateNumberOfMessagesNotVisible: String(inFlight),
    ApproximateNumberOfMessagesDelayed: String(delayed),
    CreatedTimestamp: String(Math.floor(queue.record.createdAtMs / 1000)),
    LastModifiedTimestamp: String(Math.floor(queue.record.modifiedAtMs / 1000)),
  };
}

function checkName(name: string, attributes: Readonly<Record<string, string>>): void {
  const fifo = attributes.FifoQueue === 'true';
  const stem = fifo ? name.replace(/\.fifo$/, '') : name;
  if (!/^[A-Za-z0-9_-]{1,80}$/.test(stem) || name.length > 80 || fifo !== name.endsWith('.fifo')) {
    throw failure(
      'InvalidParameterValue',
      fifo
        ? 'The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end with .fifo suffix and be 1 to 80 in length'
        : 'Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length',
    );
  }
}

function checkAttribute(queueName: string, attribute: string, value: string): void {
  const range = RANGES[attribute];
  const number = Number(value);
  const outside =
    range !== undefined && (!/^\d+$/.test(value) || number < range[0] || number > range[1]);
  const misplaced = attribute === 'FifoQueue' && (value === 'true') !== queueName.endsWith('.fifo');
  const unreadable = attribute === 'Policy' && value !== '' && faultOfPolicy(value) !== undefined;
  if (outside || misplaced || unreadable) {
    throw named(
      'InvalidAttributeValue',
      'InvalidAttributeValue',
      `Invalid value for the parameter ${attribute}.`,
    );
  }
}

function checkRedrive(
  source: string,
  text: string,
  queues: ReadonlyMap<string, Queue>,
  core: Core,
): void {
  const refuse = (reason: string): AwsError =>
    failure(
      'InvalidParameterValue',
      `Value ${text} for parameter RedrivePolicy is invalid. Reason: ${reason}`,
    );
  let policy: unknown;
  try {
    policy = JSON.parse(text);
  } catch {
    throw refuse('Redrive policy is not a valid JSON map.');
  }
  const parsed = z
    .object({
      deadLetterTargetArn: z.string(),
      maxReceiveCount: z.coerce.number().int().min(1).max(1000),
    })
    .safeParse(policy);
  if (!parsed.success)
    throw refuse(
      'Redrive policy must have deadLetterTargetArn and a maxReceiveCount from 1 to 1000.',
    );
  const name = parsed.data.deadLetterTargetArn.split(':').at(-1) ?? '';
  if (!queues.has(name) || core.arn('sqs', name) !== parsed.data.deadLetterTargetArn)
    throw refuse('Dead letter target does not exist.');
  if (name.endsWith('.fifo') !== source.endsWith('.fifo'))
    throw refuse('Dead-letter queue must be the same type of queue as the source.');
}

function checkBody(queue: Queue, message: Outgoing): void {
  checkDelay(queue, message.DelaySeconds);
  checkMessageAttributes(message.MessageAttributes ?? {});
  const limit = queue.seconds('MaximumMessageSize');
  const attributeBytes = Buffer.byteLength(JSON.stringify(message.MessageAttributes ?? ''));
  if (message.MessageBody === '')
    throw complain([{ path: 'messageBody', missing: true, constraint: '', value: undefined }]);
  if (
    Buffer.byteLength(message.MessageBody) +
      (message.MessageAttributes === undefined ? 0 : attributeBytes) >
    limit
  ) {
    throw failure(
      'InvalidParameterValue',
      `One or more parameters are invalid. Reason: Message must be shorter than ${limit} bytes.`,
    );
  }
  if (hasCharacterOutsideXml(message.MessageBody)) {
    throw named(
      'InvalidMessageContents',
      'InvalidMessageContents',
      'Invalid characters found in the message body.',
    );
  }
}

function checkDelay(queue: Queue, seconds: number | undefined): void {
  if (seconds === undefined) return;
  const refuse = (reason: string): AwsError =>
    failure(
      'InvalidParameterValue',
      `Value ${seconds} for parameter DelaySeconds is invalid. Reason: ${reason}`,
    );
  if (seconds < 0 || seconds > MAX_DELAY_SECONDS)
    throw refuse(`DelaySeconds must be >= 0 and <= ${MAX_DELAY_SECONDS}.`);
  // A FIFO queue delays all of its messages alike; 0 says nothing.
  if (queue.isFifo && seconds !== 0)
    throw refuse('The request include parameter that is not valid for this queue type.');
}

function checkMessageAttributes(attributes: NonNullable<Outgoing['MessageAttributes']>): void {
  const names = Object.keys(attributes);
  if (names.length > MOST_ATTRIBUTES) {
    throw failure(
      'InvalidParameterValue',
      `Number of message attributes [${names.length}] exceeds the allowed maximum [${MOST_ATTRIBUTES}].`,
    );
  }
  for (const [name, { DataType, StringValue, BinaryValue }] of Object.entries(attributes)) {
    const [type = ''] = DataType.split('.');
    if (!['String', 'Number', 'Binary'].includes(type)) {
      throw failure(
        'InvalidParameterValue',
        `The message attribute '${name}' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String.`,
      );
    }
    const value = type === 'Binary' ? BinaryValue : StringValue;
    if (value === undefined || value === '') {
      throw failure(
        'InvalidParameterValue',
        `The message attribute '${name}' must contain non-empty message attribute value for message attribute type '${DataType}'.`,
      );
    }
    if (type === 'Number' && !/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(value)) {
      throw failure(
        'InvalidParameterValue',
        `Can't cast the value of message (user) attribute '${name}' to a number.`,
      );
    }
  }
}

/** Control characters but tab, line feed and carriage return; and the two non-characters. SQS refuses them. */
function hasCharacterOutsideXml(text: string): boolean {
  return Array.from(text).some((letter) => {
    const code = letter.codePointAt(0) ?? 0;
    return (code < 0x20 && ![0x9, 0xa, 0xd].includes(code)) || code === 0xfffe || code === 0xffff;
  });
}

function fifoMembers(
  queue: Queue,
  message: Outgoing,
): { groupId?: string; deduplicationId?: string } {
  const { MessageGroupId: groupId, MessageDeduplicationId: given } = message;
  if (!queue.isFifo) {
    if (given !== undefined)
      throw failure(
        'InvalidParameterValue',
        `Value ${given} for parameter MessageDeduplicationId is invalid. Reason: The request include parameter that is not valid for this queue type.`,
      );
    return {};
  }
  if (groupId === undefined)
    throw failure('MissingParameter', 'The request must contain the parameter MessageGroupId.');
  const byContent =
    queue.record.attributes.ContentBasedDeduplication === 'true'
      ? md5(message.MessageBody)
      : undefined;
  const deduplicationId = given ?? byContent;
  if (deduplicationId === undefined) {
    throw failure(
      'InvalidParameterValue',
      'The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly',
    );
  }
  return { groupId, deduplicationId };
}

function cleaned(attributes: Outgoing['MessageAttributes']): QueueAttributes {
  return Object.fromEntries(
    Object.entries(attributes ?? {}).map(([name, { DataType, StringValue, BinaryValue }]) => [
      name,
      {
        DataType,
        ...(StringValue === undefined ? {} : { StringValue }),
        ...(BinaryValue === undefined ? {} : { BinaryValue }),
      },
    ]),
  );
}

function failure(code: string, message: string): AwsError {
  return new AwsError(code, message, 400, code);
}

function named(name: string, code: string, message: string): AwsError {
  return new AwsError(name, message, 400, code);
}

function doesNotExist(): AwsError {
  return named(
    'QueueDoesNotExist',
    'AWS.SimpleQueueService.NonExistentQueue',
    'The specified queue does not exist.',
  );
}

function invalidHandle(): AwsError {
  return named(
    'ReceiptHandleIsInvalid',
    'ReceiptHandleIsInvalid',
    'The input receipt handle is invalid.',
  );
}
