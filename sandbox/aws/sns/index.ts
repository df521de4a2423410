import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { Html } from '../admin.js';
import type { AdminPages } from '../admin.js';
import { parsePattern } from '../events/pattern.js';
import { members, readEntries } from '../http/query-protocol.js';
import { AwsError } from '../kernel.js';
import type { QueryService, Service } from '../kernel.js';
import { detected } from '../validate.js';
import type { Core, QueueAttributes } from '../wires.js';
import { Outbox, outboxPage } from './outbox.js';

interface Topic {
  readonly arn: string;
  readonly attributes: Readonly<Record<string, string>>;
}

interface Subscription {
  readonly arn: string;
  readonly topicArn: string;
  readonly protocol: string;
  readonly endpoint: string;
  readonly attributes: Readonly<Record<string, string>>;
  /** Nobody has followed the link: nothing is delivered, and lists show no ARN. */
  readonly pending?: true;
}

interface Publication {
  readonly topicArn: string;
  readonly subject?: string | undefined;
  readonly message: string;
  /** Per protocol, with MessageStructure json. */
  readonly byProtocol?: Readonly<Record<string, string>> | undefined;
  readonly attributes: QueueAttributes;
  readonly deduplicationId?: string | undefined;
}

type Form = ReadonlyMap<string, string>;

const TOPICS = 'topics';
const SUBSCRIPTIONS = 'subscriptions';
const DEDUPLICATION = 'topic-deduplication';
const DEDUPLICATION_MS = 5 * 60_000;
const MAX_BYTES = 262_144;
const PAGE = 100;
const PENDING = 'PendingConfirmation';
const confirmationsSchema = z.strictObject({ needed: z.boolean() });
/** What a FIFO topic delivers to. */
const FIFO_PROTOCOLS = new Set(['sqs']);
const TOPIC_ATTRIBUTES = new Set([
  'DisplayName',
  'Policy',
  'DeliveryPolicy',
  'KmsMasterKeyId',
  'SignatureVersion',
  'TracingConfig',
  'FifoTopic',
  'ContentBasedDeduplication',
]);

/**
 * Amazon SNS. Sets `core.wires.publish`. Subscriptions by e-mail, sms and lambda need no confirmation unless
 * `/_sandbox/confirmations` says so: what they get is in the outbox, protocol by protocol.
 */
export function createSns(core: Core): { readonly service: Service; readonly pages: AdminPages } {
  const { store } = core;
  const outbox = new Outbox(core);

  const findTopic = (arn: string): Topic => {
    const topic = store.get<Topic>(TOPICS, arn);
    if (topic === undefined) throw notFound('Topic does not exist');
    return topic;
  };
  const subscriptions = (): readonly Subscription[] =>
    store.entries<Subscription>(SUBSCRIPTIONS).map(([, each]) => each);
  const findSubscription = (arn: string): Subscription => {
    const subscription = store.get<Subscription>(SUBSCRIPTIONS, arn);
    if (subscription === undefined) throw notFound('Subscription does not exist');
    return subscription;
  };

  /** Returns the message id; the same one when a FIFO topic saw the message in the last five minutes. */
  const publish = (publication: Publication): string => {
    const seenKey = `${publication.topicArn}/${publication.deduplicationId ?? ''}`;
    const seen =
      publication.deduplicationId === undefined
        ? undefined
        : store.get<{ id: string; atMs: number }>(DEDUPLICATION, seenKey);
    if (seen !== undefined && core.now() - seen.atMs < DEDUPLICATION_MS) return seen.id;
    const id = randomUUID();
    if (publication.deduplicationId !== undefined)
      store.put(DEDUPLICATION, seenKey, { id, atMs: core.now() });
    const receivers = subscriptions().filter(
      (each) =>
        each.pending !== true &&
        each.topicArn === publication.topicArn &&
        passesFilter(each, publication),
    );
    outbox.add({
      topicArn: publication.topicArn,
      ...(publication.subject === undefined ? {} : { subject: publication.subject }),
      message: publication.byProtocol?.email ?? publication.message,
      attributes: Object.fromEntries(
        Object.entries(publication.attributes).map(
          ([name, { DataType, StringValue, BinaryValue }]) => [
            name,
            { Type: DataType, Value: StringValue ?? BinaryValue ?? '' },
          ],
        ),
      ),
      emails: receivers
        .filter(({ protocol }) => protocol.startsWith('email'))
        .map(({ endpoint }) => endpoint),
      deliveries: receivers.map(({ protocol, endpoint }) => ({
        protocol,
        endpoint,
        text: textFor(protocol, publication),
      })),
    });
    for (const each of receivers) if (each.protocol === 'sqs') deliver(core, each, publication, id);
    return id;
  };

  core.wires.publish = (topicArn, subject, message) => {
    if (store.get(TOPICS, topicArn) === undefined) return false;
    publish({ topicArn, message, attributes: {}, ...(subject === '' ? {} : { subject }) });
    return true;
  };

  /** SQS queues and functions of the own account are confirmed by themselves. */
  const mustConfirm = (protocol: string): boolean =>
    /^(email|http)/.test(protocol) &&
    store.get<{ needed: boolean }>('sandbox', 'confirmations')?.needed === true;
  const shownArn = (form: Form, { arn, pending }: Subscription): string =>
    pending === true && form.get('ReturnSubscriptionArn') !== 'true' ? 'pending confirmation' : arn;

  const listed = (form: Form, all: readonly Subscription[]): unknown => {
    const from = startOf(form);
    return {
      Subscriptions: members(
        all.slice(from, from + PAGE).map((each) => ({
          SubscriptionArn: each.pending === true ? PENDING : each.arn,
          Owner: core.accountId,
          Protocol: each.protocol,
          Endpoint: each.endpoint,
          TopicArn: each.topicArn,
        })),
      ),
      ...nextToken(from, all.length),
    };
  };

  const query: QueryService = {
    version: '2010-03-31',
    namespace: 'http://sns.amazonaws.com/doc/2010-03-31/',
    operations: {
      CreateTopic: (form) => {
        const name = form.get('Name') ?? '';
        const attributes = Object.fromEntries(readEntries(form, 'Attributes'));
        const isFifo = attributes.FifoTopic === 'true';
        if (
          !/^[A-Za-z0-9_-]{1,256}$/.test(isFifo ? name.replace(/\.fifo$/, '') : name) ||
          isFifo !== name.endsWith('.fifo')
        ) {
          throw invalid('Topic Name');
        }
        checkTopicAttributes(attributes);
        const arn = core.arn('sns', name);
        const there = store.get<Topic>(TOPICS, arn);
        const differs = Object.entries(attributes).some(
          ([key, value]) => there !== undefined && there.attributes[key] !== value,
        );
        if (differs)
          throw invalid('Attributes Reason: Topic already exists with different attributes');
        if (there === undefined) store.put(TOPICS, arn, { arn, attributes });
        return { TopicArn: arn };
      },
      DeleteTopic: (form) => {
        const arn = required(form, 'TopicArn');
        for (const each of subscriptions())
          if (each.topicArn === arn) store.delete(SUBSCRIPTIONS, each.arn);
        store.delete(TOPICS, arn);
      },
      ListTopics: (form) => {
        const all = store.keys(TOPICS);
        const from = startOf(form);
        return {
          Topics: members(all.slice(from, from + PAGE).map((TopicArn) => ({ TopicArn }))),
          ...nextToken(from, all.length),
        };
      },
      GetTopicAttributes: (form) => {
        const topic = findTopic(required(form, 'TopicArn'));
        const ours = subscriptions().filter(({ topicArn }) => topicArn === topic.arn);
        const waiting = ours.filter(({ pending }) => pending === true).length;
        return {
          Attributes: entryList({
            TopicArn: topic.arn,
            Owner: core.accountId,
            DisplayName: '',
            SubscriptionsConfirmed: String(ours.length - waiting),
            SubscriptionsPending: String(waiting),
            SubscriptionsDeleted: '0',
            ...topic.attributes,
          }),
        };
      },
      SetTopicAttributes: (form) => {
        const topic = findTopic(required(form, 'TopicArn'));
        const change = { [required(form, 'AttributeName')]: form.get('AttributeValue') ?? '' };
        checkTopicAttributes(change);
        store.put(TOPICS, topic.arn, { ...topic, attributes: { ...topic.attributes, ...change } });
      },
      Publish: (form) => {
        const topic = findTopic(topicOf(form));
        return { MessageId: publish(readPublication(form, topic)) };
      },
      Subscribe: (form) => {
        const topic = findTopic(required(form, 'TopicArn'));
        const protocol = required(form, 'Protocol');
        const endpoint = form.get('Endpoint') ?? '';
        const attributes = Object.fromEntries(readEntries(form, 'Attributes'));
        checkEndpoint(protocol, endpoint);
        checkFilter(attributes.FilterPolicy, attributes.FilterPolicyScope);
        if (topic.attributes.FifoTopic === 'true' && !FIFO_PROTOCOLS.has(protocol))
          throw invalid('Invalid protocol type: a FIFO topic delivers to sqs only');
        const there = subscriptions().find(
          (each) =>
            each.topicArn === topic.arn && each.protocol === protocol && each.endpoint === endpoint,
        );
        if (there !== undefined) return { SubscriptionArn: shownArn(form, there) };
        const arn = `${topic.arn}:${randomUUID()}`;
        const subscription: Subscription = {
          arn,
          topicArn: topic.arn,
          protocol,
          endpoint,
          attributes,
          ...(mustConfirm(protocol) ? { pending: true as const } : {}),
        };
        store.put(SUBSCRIPTIONS, arn, subscription);
        return { SubscriptionArn: shownArn(form, subscription) };
      },
      Unsubscribe: (form) => {
        store.delete(SUBSCRIPTIONS, required(form, 'SubscriptionArn'));
      },
      GetSubscriptionAttributes: (form) => {
        const { arn, topicArn, protocol, endpoint, attributes, pending } = findSubscription(
          required(form, 'SubscriptionArn'),
        );
        return {
          Attributes: entryList({
            SubscriptionArn: arn,
            TopicArn: topicArn,
            Owner: core.accountId,
            Protocol: protocol,
            Endpoint: endpoint,
            PendingConfirmation: String(pending === true),
            RawMessageDelivery: 'false',
            ...attributes,
          }),
        };
      },
      SetSubscriptionAttributes: (form) => {
        const subscription = findSubscription(required(form, 'SubscriptionArn'));
        const change = { [required(form, 'AttributeName')]: form.get('AttributeValue') ?? '' };
        checkFilter(change.FilterPolicy, change.FilterPolicyScope);
        store.put(SUBSCRIPTIONS, subscription.arn, {
          ...subscription,
          attributes: { ...subscription.attributes, ...change },
        });
      },
      ListSubscriptions: (form) => listed(form, subscriptions()),
      ListSubscriptionsByTopic: (form) => {
        const topic = findTopic(required(form, 'TopicArn'));
        return listed(
          form,
          subscriptions().filter(({ topicArn }) => topicArn === topic.arn),
        );
      },
    },
  };

  return {
    service: { name: 'SNS', query, complain: detected('ValidationError', 'ValidationError') },
    pages: {
      'GET /_sandbox/outbox': () => new Html(outboxPage(outbox.list())),
      'GET /_sandbox/outbox.json': () => outbox.list(),
      'PUT /_sandbox/confirmations': (body) => {
        const { needed } = confirmationsSchema.parse(body);
        store.put('sandbox', 'confirmations', { needed });
        // Everybody follows their link.
        if (!needed)
          for (const { pending, ...each } of subscriptions())
            if (pending === true) store.put(SUBSCRIPTIONS, each.arn, each);
        return { needed };
      },
    },
  };
}

/** What a protocol gets with MessageStructure json, or everybody's message. */
function textFor(protocol: string, { byProtocol, message }: Publication): string {
  return byProtocol?.[protocol] ?? message;
}

function deliver(
  core: Core,
  subscription: Subscription,
  publication: Publication,
  id: string,
): void {
  const message = textFor('sqs', publication);
  const isRaw = subscription.attributes.RawMessageDelivery === 'true';
  const names = Object.keys(publication.attributes);
  if (isRaw && names.length > 10) {
    core.log(
      `SNS drops a raw delivery to ${subscription.endpoint}: ${names.length} attributes, of which SQS takes 10`,
    );
    return;
  }
  const body = isRaw
    ? message
    : JSON.stringify(envelope(core, subscription, publication, message, id), undefined, 2);
  if (!core.wires.sendToQueue(subscription.endpoint, body, isRaw ? publication.attributes : {})) {
    core.log(`SNS cannot reach ${subscription.endpoint}`);
  }
}

/** The signature is not one: there is no key that could be trusted here. */
function envelope(
  core: Core,
  subscription: Subscription,
  publication: Publication,
  message: string,
  id: string,
): unknown {
  const attributes = Object.entries(publication.attributes);
  return {
    Type: 'Notification',
    MessageId: id,
    TopicArn: publication.topicArn,
    ...(publication.subject === undefined ? {} : { Subject: publication.subject }),
    Message: message,
    Timestamp: new Date(core.now()).toISOString(),
    SignatureVersion: '1',
    Signature: 'SANDBOX',
    SigningCertURL: `https://sns.${core.region}.amazonaws.com/SimpleNotificationService-sandbox.pem`,
    UnsubscribeURL: `${core.url}/?Action=Unsubscribe&SubscriptionArn=${encodeURIComponent(subscription.arn)}`,
    ...(attributes.length === 0
      ? {}
      : {
          MessageAttributes: Object.fromEntries(
            attributes.map(([name, { DataType, StringValue, BinaryValue }]) => [
              name,
              { Type: DataType, Value: StringValue ?? BinaryValue ?? '' },
            ]),
          ),
        }),
  };
}

function readPublication(form: Form, topic: Topic): Publication {
  const message = form.get('Message') ?? '';
  const subject = form.get('Subject');
  if (message === '') throw invalid('Empty message');
  if (Buffer.byteLength(message) > MAX_BYTES) throw invalid('Message too long');
  if (subject !== undefined && (subject.length > 100 || !/^[\x21-\x7e][\x20-\x7e]*$/.test(subject)))
    throw invalid('Subject');
  const attributes = readAttributes(form);
  const structure = form.get('MessageStructure');
  if (structure !== undefined && structure !== 'json')
    throw invalid('MessageStructure Reason: the only valid value is json');
  const byProtocol = structure === 'json' ? structured(message) : undefined;
  const base = {
    topicArn: topic.arn,
    subject,
    message: byProtocol?.default ?? message,
    byProtocol,
    attributes,
  };
  const groupId = form.get('MessageGroupId');
  const given = form.get('MessageDeduplicationId');
  if (topic.attributes.FifoTopic !== 'true') {
    if (given !== undefined)
      throw invalid(
        'MessageDeduplicationId Reason: The request includes MessageDeduplicationId parameter that is not valid for this topic type',
      );
    return base;
  }
  if (groupId === undefined)
    throw invalid('The MessageGroupId parameter is required for FIFO topics');
  const deduplicationId =
    given ?? (topic.attributes.ContentBasedDeduplication === 'true' ? message : undefined);
  if (deduplicationId === undefined) {
    throw invalid(
      'The topic should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly',
    );
  }
  return { ...base, deduplicationId };
}

/** MessageStructure json: one message per protocol, with `default` for the others. */
function structured(message: string): Readonly<Record<string, string>> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(message);
  } catch {
    throw invalid('Message Structure - JSON message body failed to parse');
  }
  if (
    typeof parsed !== 'object' ||
    parsed === null ||
    !('default' in parsed) ||
    typeof parsed.default !== 'string'
  ) {
    throw invalid('Message Structure - No default entry in JSON message body');
  }
  // SNS leaves out what is no text.
  return Object.fromEntries(
    Object.entries(parsed).filter(
      (entry): entry is [string, string] => typeof entry[1] === 'string',
    ),
  );
}

function readAttributes(form: Form): QueueAttributes {
  const attributes: Record<string, QueueAttributes[string]> = {};
  for (let at = 1; form.has(`MessageAttributes.entry.${at}.Name`); at += 1) {
    const prefix = `MessageAttributes.entry.${at}`;
    const name = form.get(`${prefix}.Name`) ?? '';
    const type = form.get(`${prefix}.Value.DataType`);
    const text = form.get(`${prefix}.Value.StringValue`);
    const bytes = form.get(`${prefix}.Value.BinaryValue`);
    if (type === undefined) {
      throw new AwsError(
        'ParameterValueInvalid',
        `The message attribute '${name}' must contain non-empty message attribute type.`,
        400,
        'ParameterValueInvalid',
      );
    }
    if ((text ?? bytes ?? '') === '') {
      throw new AwsError(
        'ParameterValueInvalid',
        `The message attribute '${name}' must contain non-empty message attribute value for message attribute type '${type}'.`,
        400,
        'ParameterValueInvalid',
      );
    }
    attributes[name] = {
      DataType: type,
      ...(text === undefined ? {} : { StringValue: text }),
      ...(bytes === undefined ? {} : { BinaryValue: bytes }),
    };
  }
  return attributes;
}

/** A filter policy reads like an event pattern: on the message's attributes, or on its body. */
function passesFilter(subscription: Subscription, publication: Publication): boolean {
  const { FilterPolicy: policy, FilterPolicyScope: scope } = subscription.attributes;
  if (policy === undefined || policy === '' || policy === '{}') return true;
  const parsed = parsePattern(policy);
  if (parsed.kind === 'invalid') return false;
  if (scope !== 'MessageBody') return parsed.matches(attributeValues(publication.attributes));
  try {
    return parsed.matches(JSON.parse(textFor(subscription.protocol, publication)));
  } catch {
    return false;
  }
}

function attributeValues(attributes: QueueAttributes): unknown {
  return Object.fromEntries(
    Object.entries(attributes).map(([name, { DataType, StringValue = '' }]) => [
      name,
      DataType === 'Number'
        ? Number(StringValue)
        : DataType === 'String.Array'
          ? (JSON.parse(StringValue) as unknown)
          : StringValue,
    ]),
  );
}

function checkFilter(policy: string | undefined, scope?: string): void {
  if (scope !== undefined && scope !== 'MessageAttributes' && scope !== 'MessageBody')
    throw invalid(
      'FilterPolicyScope: Invalid value. Please use either MessageBody or MessageAttributes',
    );
  if (policy === undefined || policy === '' || policy === '{}') return;
  const parsed = parsePattern(policy);
  if (parsed.kind === 'invalid') throw invalid(`FilterPolicy: ${parsed.reason}`);
}

function checkTopicAttributes(attributes: Readonly<Record<string, string>>): void {
  const unknown = Object.keys(attributes).find((name) => !TOPIC_ATTRIBUTES.has(name));
  if (unknown !== undefined) throw invalid('AttributeName');
}

function checkEndpoint(protocol: string, endpoint: string): void {
  if (protocol === 'email' || protocol === 'email-json') {
    if (!/^[^@\s]+@[^@\s]+$/.test(endpoint)) throw invalid('Email address');
  } else if (protocol === 'sqs') {
    if (!/^arn:aws[a-z-]*:sqs:[^:]+:\d{12}:.+$/.test(endpoint)) throw invalid('SQS endpoint ARN');
  } else if (protocol === 'sms') {
    if (!/^\+?[1-9]\d{6,14}$/.test(endpoint)) throw invalid('SMS endpoint');
  } else if (protocol === 'lambda') {
    if (!/^arn:aws[a-z-]*:lambda:[^:]+:\d{12}:function:.+$/.test(endpoint))
      throw invalid('Lambda endpoint ARN');
  } else if (['http', 'https', 'application', 'firehose'].includes(protocol)) {
    throw invalid(`Protocol Reason: the sandbox does not deliver to ${protocol}`);
  } else {
    throw invalid(`Amazon SNS does not support this protocol string: ${protocol}`);
  }
}

function topicOf(form: Form): string {
  const arn = form.get('TopicArn') ?? form.get('TargetArn');
  if (arn === undefined) {
    throw invalid(
      form.has('PhoneNumber')
        ? 'PhoneNumber Reason: the sandbox sends no text messages'
        : 'TopicArn or TargetArn Reason: no value for required parameter',
    );
  }
  if (!/^arn:aws[a-z-]*:sns:[^:]*:\d{12}:[^:]+$/.test(arn))
    throw invalid(
      `TopicArn Reason: An ARN must have at least 6 elements, not ${arn.split(':').length}`,
    );
  return arn;
}

function required(form: Form, name: string): string {
  const value = form.get(name);
  if (value === undefined || value === '')
    throw invalid(`${name} Reason: no value for required parameter`);
  return value;
}

function entryList(attributes: Readonly<Record<string, string>>): unknown {
  return { entry: Object.entries(attributes).map(([key, value]) => ({ key, value })) };
}

function startOf(form: Form): number {
  const token = form.get('NextToken');
  if (token === undefined || token === '') return 0;
  const from = Number(Buffer.from(token, 'base64url').toString('utf8'));
  if (!Number.isInteger(from) || from < 0) throw invalid('NextToken');
  return from;
}

function nextToken(from: number, total: number): Record<string, string> {
  return from + PAGE < total
    ? { NextToken: Buffer.from(String(from + PAGE)).toString('base64url') }
    : {};
}

function invalid(what: string): AwsError {
  return new AwsError('InvalidParameter', `Invalid parameter: ${what}`, 400, 'InvalidParameter');
}

function notFound(message: string): AwsError {
  return new AwsError('NotFound', message, 404, 'NotFound');
}
