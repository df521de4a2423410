import {
  CreateEventBusCommand,
  DeleteEventBusCommand,
  DeleteRuleCommand,
  DescribeEventBusCommand,
  DescribeRuleCommand,
  ListEventBusesCommand,
  ListRulesCommand,
  ListTargetsByRuleCommand,
  PutEventsCommand,
  PutRuleCommand,
  PutTargetsCommand,
  RemoveTargetsCommand,
  TestEventPatternCommand,
} from '@aws-sdk/client-eventbridge';
import { CreateTopicCommand, SetTopicAttributesCommand } from '@aws-sdk/client-sns';
import {
  CreateQueueCommand,
  ReceiveMessageCommand,
  SetQueueAttributesCommand,
} from '@aws-sdk/client-sqs';
import { describe, expect, it } from 'vitest';
import type { Sandbox } from '../../../sandbox/aws/server.js';
import { admin, clients, failure, letting, start } from './support.js';

const sandbox = await start();
const { eventBridge, sns, sqs } = clients(sandbox.url);

interface Delivered {
  readonly id: string;
  readonly 'detail-type': string;
  readonly detail: { readonly n: number };
  readonly time: unknown;
}

/** A queue behind a rule on `source`, and a reader of what arrives there. */
async function target(of: Sandbox, name: string, source: string, more = {}) {
  const own = clients(of.url);
  const { QueueUrl } = await own.sqs.send(
    new CreateQueueCommand({ QueueName: name, Attributes: letting('events', name) }),
  );
  await own.eventBridge.send(
    new PutRuleCommand({ Name: name, EventPattern: JSON.stringify({ source: [source] }) }),
  );
  const Arn = `arn:aws:sqs:us-east-1:111122223333:${name}`;
  await own.eventBridge.send(
    new PutTargetsCommand({ Rule: name, Targets: [{ Id: 'queue', Arn, ...more }] }),
  );
  return async (count: number): Promise<Delivered[]> => {
    const events: Delivered[] = [];
    while (events.length < count) {
      const { Messages = [] } = await own.sqs.send(
        new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 5 }),
      );
      if (Messages.length === 0) break;
      events.push(...Messages.map(({ Body }) => JSON.parse(Body ?? '') as Delivered));
    }
    return events;
  };
}

function emit(of: Sandbox, n: number, source = 'aws.sagemaker'): void {
  of.kernel.emit({
    source,
    detailType: 'SageMaker Endpoint State Change',
    resources: ['arn:x'],
    detail: { n },
  });
}

describe('the bus', () => {
  it('delivers the raw event in its envelope', async () => {
    const received = await target(sandbox, 'plain', 'aws.sagemaker');
    await admin(sandbox, 'PUT', 'events', { duplicate: 0, reorder: 0, lose: 0 });
    emit(sandbox, 1);
    expect(await received(1)).toMatchObject([
      {
        version: '0',
        source: 'aws.sagemaker',
        'detail-type': 'SageMaker Endpoint State Change',
        account: '111122223333',
        region: 'us-east-1',
        resources: ['arn:x'],
        detail: { n: 1 },
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/) as string,
      },
    ]);
  });

  it('repeats under the same id and under another', async () => {
    const received = await target(sandbox, 'twice', 'aws.sagemaker');
    await admin(sandbox, 'PUT', 'events', { duplicate: 1, reorder: 0, lose: 0 });
    for (let n = 0; n < 20; n += 1) emit(sandbox, n);
    const events = await received(40);
    expect(events).toHaveLength(40);
    const ids = new Set(events.map(({ id }) => id)).size;
    expect(ids).toBeGreaterThan(20);
    expect(ids).toBeLessThan(40);
  });

  it('lets events overtake each other', async () => {
    const received = await target(sandbox, 'order', 'aws.sagemaker');
    await admin(sandbox, 'PUT', 'events', { duplicate: 0, reorder: 0.5, lose: 0 });
    for (let n = 0; n < 20; n += 1) emit(sandbox, n);
    const order = (await received(20)).map(({ detail }) => detail.n);
    expect(order).toHaveLength(20);
    expect(order).not.toEqual(order.toSorted((a, b) => a - b));
  });

  it('loses SageMaker events, never those of alarms', async () => {
    await target(sandbox, 'lossy', 'aws.sagemaker');
    const durable = await target(sandbox, 'durable', 'aws.cloudwatch');
    await admin(sandbox, 'PUT', 'events', { duplicate: 0, reorder: 0, lose: 1 });
    emit(sandbox, 1);
    emit(sandbox, 2, 'aws.cloudwatch');
    expect(await durable(1)).toHaveLength(1);
    const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: 'lossy' }));
    expect((await sqs.send(new ReceiveMessageCommand({ QueueUrl }))).Messages).toBeUndefined();
    await admin(sandbox, 'PUT', 'events', { duplicate: 0, reorder: 0, lose: 0 });
  });

  it('sends nothing to a queue whose policy does not let the rule in, and says so in the dead letters', async () => {
    const letters = await target(sandbox, 'closed-letters', 'nobody');
    const deaf = await target(sandbox, 'deaf', 'own.deaf', {
      DeadLetterConfig: { Arn: 'arn:aws:sqs:us-east-1:111122223333:closed-letters' },
    });
    const QueueUrl = `${sandbox.url}/111122223333/deaf`;
    const { Policy } = letting('events', 'deaf');
    for (const closed of [
      '',
      Policy.replace('events.amazonaws.com', 'sns.amazonaws.com'),
      Policy.replace('SendMessage', 'ReceiveMessage'),
      Policy.replace('111122223333:*', '111122223333:rule/another'),
      Policy.replace('ArnLike', 'NumericEquals'),
      Policy.replace('Allow', 'Deny'),
    ]) {
      await sqs.send(new SetQueueAttributesCommand({ QueueUrl, Attributes: { Policy: closed } }));
      emit(sandbox, 1, 'own.deaf');
      expect((await letters(1)).map(({ detail }) => detail.n)).toEqual([1]);
    }
    await sqs.send(new SetQueueAttributesCommand({ QueueUrl, Attributes: { Policy } }));
    emit(sandbox, 2, 'own.deaf');
    expect((await deaf(1)).map(({ detail }) => detail.n)).toEqual([2]);
    await expect(
      failure(
        sqs.send(
          new SetQueueAttributesCommand({ QueueUrl, Attributes: { Policy: '{"Statement"' } }),
        ),
      ),
    ).resolves.toMatchObject({ name: 'InvalidAttributeValue' });
  });

  it('publishes to no topic whose policy does not let the rule in', async () => {
    const { TopicArn = '' } = await sns.send(new CreateTopicCommand({ Name: 'heard' }));
    const letters = await target(sandbox, 'unheard-letters', 'nobody');
    await target(sandbox, 'to-a-topic', 'own.topic', {
      Arn: TopicArn,
      DeadLetterConfig: { Arn: 'arn:aws:sqs:us-east-1:111122223333:unheard-letters' },
    });
    emit(sandbox, 1, 'own.topic');
    expect((await letters(1)).map(({ detail }) => detail.n)).toEqual([1]);
    expect(JSON.stringify(await admin(sandbox, 'GET', 'outbox.json'))).toBe('[]');
    const { Policy } = letting('events', 'x');
    const AttributeValue = Policy.replace('sqs:SendMessage', 'sns:Publish').replace(
      'arn:aws:sqs:us-east-1:111122223333:x',
      TopicArn,
    );
    await sns.send(
      new SetTopicAttributesCommand({ TopicArn, AttributeName: 'Policy', AttributeValue }),
    );
    emit(sandbox, 2, 'own.topic');
    await expect
      .poll(() => admin(sandbox, 'GET', 'outbox.json'), { timeout: 20_000 })
      .toMatchObject([{ topicArn: TopicArn }]);
  });

  it('sends what it cannot deliver to the dead-letter queue', async () => {
    const letters = await target(sandbox, 'letters', 'nobody');
    await target(sandbox, 'goes-nowhere', 'own.app', {
      Arn: 'arn:aws:sqs:us-east-1:111122223333:absent',
      DeadLetterConfig: { Arn: 'arn:aws:sqs:us-east-1:111122223333:letters' },
    });
    emit(sandbox, 9, 'own.app');
    expect(await letters(1)).toMatchObject([{ detail: { n: 9 } }]);
  });

  it('delivers after a restart what was under way', async () => {
    const first = await start({ speed: 1 });
    await admin(first, 'PUT', 'events', { duplicate: 0, reorder: 0 });
    await target(first, 'late', 'aws.cloudwatch');
    emit(first, 1, 'aws.cloudwatch');
    await first.close();
    const second = await start({ home: first.kernel.home });
    const own = clients(second.url);
    const { QueueUrl } = await own.sqs.send(new CreateQueueCommand({ QueueName: 'late' }));
    const { Messages } = await own.sqs.send(
      new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 5 }),
    );
    expect(Messages).toHaveLength(1);
  });
});

describe('rules', () => {
  it('are put again, described, listed and deleted once they have no targets', async () => {
    const put = (Description: string) =>
      eventBridge.send(
        new PutRuleCommand({ Name: 'r', EventPattern: '{"source":["x"]}', Description }),
      );
    const { RuleArn } = await put('one');
    await eventBridge.send(
      new PutTargetsCommand({
        Rule: 'r',
        Targets: [{ Id: 't', Arn: 'arn:aws:sqs:us-east-1:111122223333:q' }],
      }),
    );
    await put('two');
    expect(await eventBridge.send(new DescribeRuleCommand({ Name: 'r' }))).toMatchObject({
      Arn: RuleArn,
      Description: 'two',
      State: 'ENABLED',
    });
    const { Targets } = await eventBridge.send(new ListTargetsByRuleCommand({ Rule: 'r' }));
    expect(Targets).toMatchObject([{ Id: 't' }]);
    const early = await failure(eventBridge.send(new DeleteRuleCommand({ Name: 'r' })));
    expect(early).toMatchObject({
      name: 'ValidationException',
      message: "Rule can't be deleted since it has targets.",
    });
    const removed = await eventBridge.send(
      new RemoveTargetsCommand({ Rule: 'r', Ids: ['t', 'absent'] }),
    );
    expect(removed).toMatchObject({ FailedEntryCount: 1, FailedEntries: [{ TargetId: 'absent' }] });
    await eventBridge.send(new DeleteRuleCommand({ Name: 'r' }));
    const { Rules } = await eventBridge.send(new ListRulesCommand({ NamePrefix: 'r' }));
    expect(Rules).toEqual([]);
    expect((await failure(eventBridge.send(new DescribeRuleCommand({ Name: 'r' })))).name).toBe(
      'ResourceNotFoundException',
    );
  });

  it('are refused with a pattern that is not one', async () => {
    const put = (EventPattern: string) =>
      failure(eventBridge.send(new PutRuleCommand({ Name: 'bad', EventPattern })));
    expect(await put('{"source":"x"}')).toMatchObject({
      name: 'InvalidEventPatternException',
      message: 'Event pattern is not valid. Reason: "source" must be an object or an array',
    });
    const long = await failure(
      eventBridge.send(new PutRuleCommand({ Name: 'x'.repeat(65), EventPattern: '{"a":[1]}' })),
    );
    expect(long.message).toContain(
      "at 'name' failed to satisfy constraint: Member must have length less than or equal to 64",
    );
  });

  it('are tried by TestEventPattern', async () => {
    const Event = JSON.stringify({
      id: '1',
      account: '1',
      source: 'x',
      time: 't',
      region: 'r',
      resources: [],
      'detail-type': 'd',
      detail: {},
    });
    const test = (EventPattern: string) =>
      eventBridge.send(new TestEventPatternCommand({ EventPattern, Event }));
    expect((await test('{"source":["x"]}')).Result).toBe(true);
    expect((await test('{"source":["y"]}')).Result).toBe(false);
  });
});

it('refuses a target with two inputs', async () => {
  const { eventBridge: own } = clients(sandbox.url);
  await own.send(new PutRuleCommand({ Name: 'two-inputs', EventPattern: '{"source":["a"]}' }));
  const error = await failure(
    own.send(
      new PutTargetsCommand({
        Rule: 'two-inputs',
        Targets: [
          {
            Id: 'both',
            Arn: 'arn:aws:sqs:us-east-1:111122223333:any',
            Input: '{}',
            InputPath: '$.detail',
          },
        ],
      }),
    ),
  );
  expect(error.message).toBe(
    'Only one of Input, InputPath, or InputTransformer must be provided for target both.',
  );
});

describe('PutEvents', () => {
  it('takes own events and refuses those of AWS', async () => {
    const received = await target(sandbox, 'own', 'own.source');
    const entry = { DetailType: 'd', Detail: '{"n":3}' };
    const result = await eventBridge.send(
      new PutEventsCommand({
        Entries: [
          { ...entry, Source: 'own.source' },
          { ...entry, Source: 'aws.sagemaker' },
          { Source: 'own.source', DetailType: 'd', Detail: 'no' },
        ],
      }),
    );
    expect(result).toMatchObject({
      FailedEntryCount: 2,
      Entries: [
        {},
        { ErrorCode: 'NotAuthorizedForSourceException' },
        { ErrorCode: 'MalformedDetail' },
      ],
    });
    expect(await received(1)).toMatchObject([
      { id: result.Entries?.[0]?.EventId, detail: { n: 3 } },
    ]);
  });
});

describe('a bus of one’s own', () => {
  const own = { Source: 'own.app', DetailType: 'd', Detail: '{"n":7}' };
  const busArn = (name: string) => `arn:aws:events:us-east-1:111122223333:event-bus/${name}`;

  it('delivers by its own rules, and not by those of another bus', async () => {
    const { EventBusArn } = await eventBridge.send(new CreateEventBusCommand({ Name: 'ml' }));
    expect(EventBusArn).toBe(busArn('ml'));
    const { QueueUrl } = await sqs.send(
      new CreateQueueCommand({ QueueName: 'from-ml', Attributes: letting('events', 'from-ml') }),
    );
    const pattern = JSON.stringify({ source: ['own.app'] });
    const { RuleArn } = await eventBridge.send(
      new PutRuleCommand({ Name: 'all', EventBusName: 'ml', EventPattern: pattern }),
    );
    expect(RuleArn).toBe('arn:aws:events:us-east-1:111122223333:rule/ml/all');
    await eventBridge.send(
      new PutTargetsCommand({
        Rule: 'all',
        EventBusName: busArn('ml'),
        Targets: [{ Id: 'q', Arn: 'arn:aws:sqs:us-east-1:111122223333:from-ml' }],
      }),
    );
    await admin(sandbox, 'PUT', 'events', { duplicate: 0, reorder: 0, lose: 0 });
    await eventBridge.send(
      new PutEventsCommand({
        Entries: [
          { ...own, Detail: '{"n":1}' },
          { ...own, EventBusName: 'ml' },
        ],
      }),
    );
    const receive = new ReceiveMessageCommand({
      QueueUrl,
      MaxNumberOfMessages: 10,
      WaitTimeSeconds: 5,
    });
    const { Messages = [] } = await sqs.send(receive);
    expect(Messages.map(({ Body = '' }) => (JSON.parse(Body) as Delivered).detail.n)).toEqual([7]);
    expect(
      (await eventBridge.send(new ListRulesCommand({}))).Rules?.map(({ Name }) => Name),
    ).not.toContain('all');
  });

  it('that is not there takes events all the same, and is not found when one looks', async () => {
    const { FailedEntryCount, Entries } = await eventBridge.send(
      new PutEventsCommand({ Entries: [{ ...own, EventBusName: 'nowhere' }] }),
    );
    expect(FailedEntryCount).toBe(0);
    expect(Entries?.[0]?.EventId).toBeDefined();
    expect(
      await failure(eventBridge.send(new DescribeEventBusCommand({ Name: 'nowhere' }))),
    ).toMatchObject({ name: 'ResourceNotFoundException' });
  });

  it('is listed beside the default one, and cannot be made twice nor deleted with rules', async () => {
    await eventBridge.send(new CreateEventBusCommand({ Name: 'second' }));
    const { EventBuses = [] } = await eventBridge.send(new ListEventBusesCommand({}));
    expect(EventBuses.map(({ Name }) => Name)).toEqual(
      expect.arrayContaining(['default', 'second']),
    );
    expect(
      await failure(eventBridge.send(new CreateEventBusCommand({ Name: 'second' }))),
    ).toMatchObject({ name: 'ResourceAlreadyExistsException' });
    const rule = { Name: 'r', EventBusName: 'second' };
    await eventBridge.send(new PutRuleCommand({ ...rule, EventPattern: '{"source":["x"]}' }));
    const remove = () => eventBridge.send(new DeleteEventBusCommand({ Name: 'second' }));
    expect(await failure(remove())).toMatchObject({ name: 'ValidationException' });
    await eventBridge.send(new DeleteRuleCommand(rule));
    await remove();
    expect(
      await failure(eventBridge.send(new DeleteEventBusCommand({ Name: 'default' }))),
    ).toMatchObject({ name: 'ValidationException' });
  });

  it('refuses more than a megabyte in one call', async () => {
    const Detail = JSON.stringify({ text: 'x'.repeat(600_000) });
    const entry = { ...own, Detail };
    expect(
      await failure(eventBridge.send(new PutEventsCommand({ Entries: [entry, entry] }))),
    ).toMatchObject({ name: 'ValidationException' });
    await eventBridge.send(new PutEventsCommand({ Entries: [entry] }));
  });
});
