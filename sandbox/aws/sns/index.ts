import { createHash, randomUUID } from 'node:crypto';
import { z } from 'zod';
import { Html } from '../admin.js';
import type { AdminPages } from '../admin.js';
import { members, readEntries } from '../http/query-protocol.js';
import { decisionOf, faultOfPolicy, letsIn } from '../iam/resource-policy.js';
import { AwsError } from '../kernel.js';
import type { CallInfo, Kernel, QueryService, Service } from '../kernel.js';
import { detected } from '../validate.js';
import type { Core } from '../wires.js';
import { batchOf } from './batch.js';
import { deliver, isWeb, outcomeAtFirst } from './deliver.js';
import { confirmation } from './envelope.js';
import { invalid, notFound } from './errors.js';
import { checkFilter, passesFilter } from './filter.js';
import { faultOfEndpoint, post } from './http-delivery.js';
import { Outbox, outboxPage } from './outbox.js';
import { readPublication } from './publication.js';
import type { Form } from './publication.js';
import { isFifo, textFor } from './records.js';
import type { Publication, Subscription, Topic } from './records.js';

const TOPICS = 'topics';
const SUBSCRIPTIONS = 'subscriptions';
const SEQUENCES = 'topic-sequences';
const DEDUPLICATION = 'topic-deduplication';
const DEDUPLICATION_MS = 5 * 60_000;
/** A subscription that nobody confirms is gone after two days, and its token with it. */
const PENDING_MS = 2 * 86_400_000;
const PAGE = 100;
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

/** What SNS answered to a publication; the same again when a FIFO topic saw it within five minutes. */
interface Sent {
  readonly id: string;
  readonly sequenceNumber?: string;
}

/** The topics of one account in one Region, as those of another reach them. */
interface Topics {
  readonly find: (arn: string) => Topic | undefined;
  readonly publish: (publication: Publication) => Sent;
}

/** Of every account and Region: a topic's policy may let others publish. */
const everywhere = new WeakMap<Kernel, Topics>();

/**
 * Amazon SNS. Sets `core.wires.publish`. Web servers of this machine are asked to confirm and then really get their
 * messages. Subscriptions by e-mail, sms and lambda need no confirmation unless `/_sandbox/confirmations` says so of
 * e-mail: what they get is in the outbox, protocol by protocol, with what became of each delivery.
 */
export function createSns(core: Core): { readonly service: Service; readonly pages: AdminPages } {
  const { store } = core;
  const outbox = new Outbox(core);

  const findTopic = (arn: string): Topic => {
    const [, , , region, account = core.accountId] = arn.split(':');
    if (account !== core.accountId)
      throw new AwsError(
        'AuthorizationError',
        `The topic ${arn} is of another account, and its policy does not allow this.`,
        403,
      );
    if (region !== undefined && region !== core.region) throw invalid('TopicArn');
    const topic = store.get<Topic>(TOPICS, arn);
    if (topic === undefined) throw notFound('Topic does not exist');
    return topic;
  };
  const everyone = (): readonly Subscription[] =>
    store
      .entries<Subscription>(
        SUBSCRIPTIONS,
        ({ pending }) => pending === undefined || core.now() - pending.sinceMs < PENDING_MS,
      )
      .map(([, each]) => each);
  const subscriptions = (): readonly Subscription[] =>
    everyone().filter(({ pending }) => pending?.cancelled !== true);
  const findSubscription = (arn: string): Subscription => {
    const subscription = subscriptions().find((each) => each.arn === arn);
    if (subscription === undefined) throw notFound('Subscription does not exist');
    return subscription;
  };

  const publish = (publication: Publication): Sent => {
    const { topicArn, fifo } = publication;
    const seenKey = `${topicArn}/${fifo?.deduplicationId ?? ''}`;
    const seen =
      fifo === undefined
        ? undefined
        : store.get<Sent & { readonly atMs: number }>(DEDUPLICATION, seenKey);
    if (seen !== undefined && core.now() - seen.atMs < DEDUPLICATION_MS) return seen;
    const sequenceNumber = fifo === undefined ? undefined : nextSequence(core, topicArn);
    const sent: Sent = {
      id: randomUUID(),
      ...(sequenceNumber === undefined ? {} : { sequenceNumber }),
    };
    if (fifo !== undefined) store.put(DEDUPLICATION, seenKey, { ...sent, atMs: core.now() });
    const receivers = subscriptions().filter(
      (each) =>
        each.topicArn === topicArn && each.pending === undefined && passesFilter(each, publication),
    );
    const number = outbox.add({
      topicArn,
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
      deliveries: receivers.map((each) => {
        const outcome = outcomeAtFirst(each);
        return {
          protocol: each.protocol,
          endpoint: each.endpoint,
          text: textFor(each.protocol, publication),
          ...(outcome === undefined ? {} : { outcome }),
        };
      }),
    });
    for (const [at, each] of receivers.entries())
      deliver(core, outbox, each, { ...publication, ...sent }, { number, at });
    return sent;
  };

  /** Asks the owner of a web server; what it answers besides visiting the link does not matter. */
  const ask = (
    type: 'SubscriptionConfirmation' | 'UnsubscribeConfirmation',
    subscription: Subscription,
  ): void => {
    const { id, body } = confirmation(core, type, subscription);
    const { endpoint, topicArn } = subscription;
    post(
      core,
      { type, endpoint, messageId: id, topicArn, body: JSON.stringify(body, undefined, 2) },
      (problem) => {
        if (problem !== undefined) core.log(`SNS cannot ask ${endpoint} to confirm: ${problem}`);
      },
    );
  };

  const here: Topics = { find: (arn) => store.get<Topic>(TOPICS, arn), publish };
  everywhere.set(core, here);

  /** @throws {AwsError} InvalidParameter for another Region, NotFound, AuthorizationError by the topic's policy. */
  const publishing = (
    arn: string,
    { caller }: CallInfo,
  ): { readonly topic: Topic; readonly publish: Topics['publish'] } => {
    const [, , , region, account = ''] = arn.split(':');
    if (region !== core.region) throw invalid('TopicArn');
    const owned = account === core.accountId;
    const neighbour = core.neighbour(account);
    const topics = owned ? here : neighbour === undefined ? undefined : everywhere.get(neighbour);
    const topic = topics?.find(arn);
    if (owned && topic === undefined) throw notFound('Topic does not exist');
    const asking = { ...caller, action: 'sns:Publish', resource: arn };
    const decision = decisionOf(topic?.attributes.Policy, asking);
    if (topics === undefined || topic === undefined || decision === 'deny')
      throw mayNotPublish(caller.arn, arn, decision);
    if (!owned && decision === 'silent') throw mayNotPublish(caller.arn, arn, decision);
    return { topic, publish: topics.publish };
  };

  core.wires.publishFor = (sender, topicArn, message) => {
    const topic = here.find(topicArn);
    if (topic === undefined) return 'absent';
    const request = { action: 'sns:Publish', resource: topicArn };
    if (!letsIn(topic.attributes.Policy, sender, request)) return 'not allowed';
    return core.wires.publish(topicArn, '', message) ? 'delivered' : 'absent';
  };

  core.wires.publish = (topicArn, subject, message) => {
    if (store.get(TOPICS, topicArn) === undefined) return false;
    publish({ topicArn, message, attributes: {}, ...(subject === '' ? {} : { subject }) });
    return true;
  };

  /** SQS queues and functions of the own account are confirmed by themselves. */
  const mustConfirm = (protocol: string): boolean =>
    isWeb(protocol) ||
    (protocol.startsWith('email') &&
      store.get<{ needed: boolean }>('sandbox', 'confirmations')?.needed === true);

  const tagged = (form: Form): Topic => {
    const topic = store.get<Topic>(TOPICS, required(form, 'ResourceArn'));
    if (topic === undefined)
      throw new AwsError('ResourceNotFound', 'Resource does not exist', 404, 'ResourceNotFound');
    return topic;
  };

  const listed = (form: Form, all: readonly Subscription[]): unknown => {
    const from = startOf(form);
    return {
      Subscriptions: members(
        all.slice(from, from + PAGE).map((each) => ({
          SubscriptionArn: each.pending === undefined ? each.arn : 'PendingConfirmation',
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
        if (there === undefined) store.put(TOPICS, arn, { arn, attributes, tags: tagsOf(form) });
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
        const own = subscriptions().filter(({ topicArn }) => topicArn === topic.arn);
        const waiting = own.filter(({ pending }) => pending !== undefined).length;
        return {
          Attributes: entryList({
            TopicArn: topic.arn,
            Owner: core.accountId,
            DisplayName: '',
            SubscriptionsConfirmed: String(own.length - waiting),
            SubscriptionsPending: String(waiting),
            SubscriptionsDeleted: '0',
            Policy: defaultPolicy(topic.arn, core.accountId),
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
      Publish: (form, call) => {
        const to = publishing(topicOf(form), call);
        return answerOf(to.publish(readPublication(form, to.topic)));
      },
      PublishBatch: (form, call) => {
        const to = publishing(topicOf(form), call);
        const successful: unknown[] = [];
        const failed: unknown[] = [];
        for (const { id, form: entry } of batchOf(form)) {
          try {
            successful.push({ Id: id, ...answerOf(to.publish(readPublication(entry, to.topic))) });
          } catch (error) {
            if (!(error instanceof AwsError)) throw error;
            const { code, name, message } = error;
            failed.push({ Id: id, Code: code ?? name, Message: message, SenderFault: 'true' });
          }
        }
        return { Successful: members(successful), Failed: members(failed) };
      },
      Subscribe: (form) => {
        const topic = findTopic(required(form, 'TopicArn'));
        const protocol = required(form, 'Protocol');
        const endpoint = form.get('Endpoint') ?? '';
        const attributes = Object.fromEntries(readEntries(form, 'Attributes'));
        checkEndpoint(protocol, endpoint, attributes);
        checkSubscriptionAttributes(attributes);
        checkOrder(topic, protocol, endpoint);
        const there = subscriptions().find(
          (each) =>
            each.topicArn === topic.arn && each.protocol === protocol && each.endpoint === endpoint,
        );
        const subscription: Subscription = there ?? {
          arn: `${topic.arn}:${randomUUID()}`,
          topicArn: topic.arn,
          protocol,
          endpoint,
          attributes,
          ...(mustConfirm(protocol) ? { token: newToken(), pending: { sinceMs: core.now() } } : {}),
        };
        store.put(SUBSCRIPTIONS, subscription.arn, subscription);
        if (subscription.pending === undefined) return { SubscriptionArn: subscription.arn };
        if (isWeb(protocol)) ask('SubscriptionConfirmation', subscription);
        return {
          SubscriptionArn:
            form.get('ReturnSubscriptionArn') === 'true'
              ? subscription.arn
              : 'pending confirmation',
        };
      },
      ConfirmSubscription: (form) => {
        const topic = findTopic(required(form, 'TopicArn'));
        const token = required(form, 'Token');
        const subscription = everyone().find(
          (each) => each.topicArn === topic.arn && each.token === token,
        );
        if (subscription === undefined) throw invalid('Token');
        store.put(SUBSCRIPTIONS, subscription.arn, { ...subscription, pending: undefined });
        return { SubscriptionArn: subscription.arn };
      },
      Unsubscribe: (form, { accessKeyId }) => {
        const arn = required(form, 'SubscriptionArn');
        const subscription = store.get<Subscription>(SUBSCRIPTIONS, arn);
        if (subscription === undefined) return;
        if (!isWeb(subscription.protocol) || accessKeyId !== 'anonymous') {
          store.delete(SUBSCRIPTIONS, arn);
          return;
        }
        // Whoever visited the link may not have been its owner, who is told how to take it back.
        const ended: Subscription = {
          ...subscription,
          token: newToken(),
          pending: { sinceMs: core.now(), cancelled: true },
        };
        store.put(SUBSCRIPTIONS, arn, ended);
        ask('UnsubscribeConfirmation', ended);
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
            PendingConfirmation: String(pending !== undefined),
            RawMessageDelivery: 'false',
            ...attributes,
          }),
        };
      },
      SetSubscriptionAttributes: (form) => {
        const subscription = findSubscription(required(form, 'SubscriptionArn'));
        const change = { [required(form, 'AttributeName')]: form.get('AttributeValue') ?? '' };
        checkSubscriptionAttributes(change);
        store.put(SUBSCRIPTIONS, subscription.arn, {
          ...subscription,
          attributes: { ...subscription.attributes, ...change },
        });
      },
      TagResource: (form) => {
        const topic = tagged(form);
        store.put(TOPICS, topic.arn, { ...topic, tags: { ...topic.tags, ...tagsOf(form) } });
        return {};
      },
      UntagResource: (form) => {
        const topic = tagged(form);
        const keys = [...form].flatMap(([name, value]) =>
          name.startsWith('TagKeys.member.') ? [value] : [],
        );
        const tags = Object.fromEntries(
          Object.entries(topic.tags ?? {}).filter(([key]) => !keys.includes(key)),
        );
        store.put(TOPICS, topic.arn, { ...topic, tags });
        return {};
      },
      ListTagsForResource: (form) => ({
        Tags: members(
          Object.entries(tagged(form).tags ?? {}).map(([Key, Value]) => ({ Key, Value })),
        ),
      }),
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

  const forget = (): void => {
    const oldMs = core.now() - DEDUPLICATION_MS;
    for (const [key, { atMs }] of store.entries<{ atMs: number }>(DEDUPLICATION))
      if (atMs <= oldMs) store.delete(DEDUPLICATION, key);
    const kept = new Set(everyone().map(({ arn }) => arn));
    for (const arn of store.keys(SUBSCRIPTIONS))
      if (!kept.has(arn)) store.delete(SUBSCRIPTIONS, arn);
  };

  return {
    service: {
      name: 'SNS',
      query,
      complain: detected('ValidationError', 'ValidationError'),
      start: () => {
        core.every(60_000, 'SNS retention', forget);
      },
    },
    pages: {
      'GET /_sandbox/outbox': () => new Html(outboxPage(outbox.list())),
      'GET /_sandbox/outbox.json': () => outbox.list(),
      'PUT /_sandbox/confirmations': (body) => {
        const { needed } = confirmationsSchema.parse(body);
        store.put('sandbox', 'confirmations', { needed });
        // All who read mail follow their link; web servers have to do it themselves.
        if (!needed)
          for (const each of subscriptions())
            if (!isWeb(each.protocol))
              store.put(SUBSCRIPTIONS, each.arn, { ...each, pending: undefined });
        return { needed };
      },
    },
  };
}

function checkTopicAttributes(attributes: Readonly<Record<string, string>>): void {
  const unknown = Object.keys(attributes).find((name) => !TOPIC_ATTRIBUTES.has(name));
  if (unknown !== undefined) throw invalid('AttributeName');
  const { Policy: policy } = attributes;
  const fault = policy === undefined ? undefined : faultOfPolicy(policy);
  if (fault !== undefined) throw invalid(`Policy Error: ${fault}`);
}

const mayNotPublish = (caller: string, arn: string, decision: 'allow' | 'deny' | 'silent') =>
  new AwsError(
    'AuthorizationError',
    `User: ${caller} is not authorized to perform: SNS:Publish on resource: ${arn} ${decision === 'deny' ? 'with an explicit deny in a resource-based policy' : 'because no resource-based policy allows the SNS:Publish action'}`,
    403,
  );

/** What a topic says of itself before anybody writes a policy: its account may do everything. */
const defaultPolicy = (arn: string, accountId: string): string =>
  JSON.stringify({
    Version: '2008-10-17',
    Id: '__default_policy_ID',
    Statement: [
      {
        Sid: '__default_statement_ID',
        Effect: 'Allow',
        Principal: { AWS: '*' },
        Action: [
          'SNS:GetTopicAttributes',
          'SNS:SetTopicAttributes',
          'SNS:AddPermission',
          'SNS:RemovePermission',
          'SNS:DeleteTopic',
          'SNS:Subscribe',
          'SNS:ListSubscriptionsByTopic',
          'SNS:Publish',
        ],
        Resource: arn,
        Condition: { StringEquals: { 'AWS:SourceOwner': accountId } },
      },
    ],
  });

function checkSubscriptionAttributes(attributes: Readonly<Record<string, string>>): void {
  checkFilter(attributes.FilterPolicy, attributes.FilterPolicyScope);
  const { RawMessageDelivery: raw, RedrivePolicy: redrive = '' } = attributes;
  if (raw !== undefined && !['true', 'false'].includes(raw.toLowerCase()))
    throw invalid(
      `Attributes Reason: RawMessageDelivery: Invalid value [${raw}]. Must be true or false.`,
    );
  if (redrive === '') return;
  let target: unknown;
  try {
    target = (JSON.parse(redrive) as { readonly deadLetterTargetArn?: unknown })
      .deadLetterTargetArn;
  } catch {
    throw invalid('Attributes Reason: RedrivePolicy: failed to parse JSON.');
  }
  if (typeof target !== 'string' || !SQS_ARN.test(target))
    throw invalid('Attributes Reason: RedrivePolicy: deadLetterTargetArn is an invalid arn');
}

/** A FIFO topic keeps its order in queues only, and a FIFO queue needs a topic that has one. */
function checkOrder(topic: Topic, protocol: string, endpoint: string): void {
  if (isFifo(topic) && !FIFO_PROTOCOLS.has(protocol))
    throw invalid('Invalid protocol type: a FIFO topic delivers to sqs only');
  if (!isFifo(topic) && protocol === 'sqs' && endpoint.endsWith('.fifo'))
    throw invalid(
      'Invalid parameter: Endpoint Reason: FIFO SQS Queues can not be subscribed to standard SNS topics',
    );
}

const SQS_ARN = /^arn:aws[a-z-]*:sqs:[^:]+:\d{12}:.+$/;

const ENDPOINTS: Readonly<Record<string, readonly [RegExp, string]>> = {
  email: [/^[^@\s]+@[^@\s]+$/, 'Email address'],
  'email-json': [/^[^@\s]+@[^@\s]+$/, 'Email address'],
  sqs: [SQS_ARN, 'SQS endpoint ARN'],
  sms: [/^\+?[1-9]\d{6,14}$/, 'SMS endpoint'],
  lambda: [/^arn:aws[a-z-]*:lambda:[^:]+:\d{12}:function:.+$/, 'Lambda endpoint ARN'],
  application: [/^arn:aws[a-z-]*:sns:[^:]+:\d{12}:endpoint\/.+$/, 'Application endpoint ARN'],
  firehose: [/^arn:aws[a-z-]*:firehose:[^:]+:\d{12}:deliverystream\/.+$/, 'Firehose endpoint ARN'],
};

function checkEndpoint(
  protocol: string,
  endpoint: string,
  attributes: Readonly<Record<string, string>>,
): void {
  if (isWeb(protocol)) {
    const fault = faultOfEndpoint(protocol, endpoint);
    if (fault !== undefined) throw invalid(fault);
    return;
  }
  const known = Object.hasOwn(ENDPOINTS, protocol) ? ENDPOINTS[protocol] : undefined;
  if (known === undefined)
    throw invalid(`Amazon SNS does not support this protocol string: ${protocol}`);
  const [pattern, name] = known;
  if (!pattern.test(endpoint)) throw invalid(name);
  if (protocol === 'firehose' && attributes.SubscriptionRoleArn === undefined)
    throw invalid('SubscriptionRoleArn Reason: no value for required parameter');
}

function answerOf({ id, sequenceNumber }: Sent): Readonly<Record<string, string>> {
  return {
    MessageId: id,
    ...(sequenceNumber === undefined ? {} : { SequenceNumber: sequenceNumber }),
  };
}

/** Twenty digits, and greater from message to message of a topic. */
function nextSequence({ store }: Core, topicArn: string): string {
  const next = (store.get<number>(SEQUENCES, topicArn) ?? 0) + 1;
  store.put(SEQUENCES, topicArn, next);
  return `1${String(next).padStart(19, '0')}`;
}

function newToken(): string {
  return createHash('sha512').update(randomUUID()).digest('hex');
}

function tagsOf(form: Form): Readonly<Record<string, string>> {
  const tags: Record<string, string> = {};
  for (let at = 1; form.has(`Tags.member.${at}.Key`); at += 1)
    tags[form.get(`Tags.member.${at}.Key`) ?? ''] = form.get(`Tags.member.${at}.Value`) ?? '';
  return tags;
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
