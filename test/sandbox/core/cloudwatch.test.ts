import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  DeleteAlarmsCommand,
  DescribeAlarmHistoryCommand,
  DescribeAlarmsCommand,
  DisableAlarmActionsCommand,
  EnableAlarmActionsCommand,
  GetMetricDataCommand,
  GetMetricStatisticsCommand,
  ListMetricsCommand,
  ListTagsForResourceCommand,
  paginateDescribeAlarms,
  paginateGetMetricData,
  PutCompositeAlarmCommand,
  PutMetricAlarmCommand,
  PutMetricDataCommand,
  SetAlarmStateCommand,
  TagResourceCommand,
} from '@aws-sdk/client-cloudwatch';
import type { PutMetricAlarmCommandInput } from '@aws-sdk/client-cloudwatch';
import { PutRuleCommand, PutTargetsCommand } from '@aws-sdk/client-eventbridge';
import { CreateTopicCommand } from '@aws-sdk/client-sns';
import { CreateQueueCommand, ReceiveMessageCommand } from '@aws-sdk/client-sqs';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { readMetricAlarm } from '../../../sandbox/aws/cloudwatch/alarm-operations.js';
import { onOwnClock } from './own-clock.js';
import { admin, clients, failure, letting, start, temporaryHome } from './support.js';

const sandbox = await start();
const { cloudWatch, eventBridge, sns, sqs } = clients(sandbox.url);
const minute = 60_000;
const baseMs = Math.floor(Date.now() / minute) * minute - 10 * minute;

/** Points at minutes 0, 1 and 3 of ten minutes ago. */
beforeAll(() => {
  const at = (offsetMs: number, value: number) => ({
    namespace: 'AWS/SageMaker',
    name: 'ModelLatency',
    dimensions: { VariantName: 'v', EndpointName: 'e' },
    value,
    atMs: baseMs + offsetMs,
    unit: 'Microseconds',
  });
  sandbox.kernel.observe([
    ...Array.from({ length: 100 }, (_, index) => at(index * 100, index + 1)),
    at(minute, 4),
    at(minute + 30_000, 6),
    at(3 * minute, 10),
  ]);
});

const latency = {
  Namespace: 'AWS/SageMaker',
  MetricName: 'ModelLatency',
  Dimensions: [
    { Name: 'EndpointName', Value: 'e' },
    { Name: 'VariantName', Value: 'v' },
  ],
};
const window = { StartTime: new Date(baseMs), EndTime: new Date(baseMs + 4 * minute) };

function stat(Id: string, Stat: string, Period = 60) {
  return { Id, MetricStat: { Metric: latency, Period, Stat } };
}

async function data(
  ...MetricDataQueries: { Id: string }[]
): Promise<Record<string, number[] | undefined>> {
  const { MetricDataResults = [] } = await cloudWatch.send(
    new GetMetricDataCommand({ ...window, MetricDataQueries, ScanBy: 'TimestampAscending' }),
  );
  return Object.fromEntries(MetricDataResults.map(({ Id = '', Values }) => [Id, Values]));
}

describe('GetMetricData', () => {
  it('gives every statistic per period, and nothing where there is no data', async () => {
    const found = await data(
      stat('avg', 'Average'),
      stat('sum', 'Sum'),
      stat('n', 'SampleCount'),
      stat('min', 'Minimum'),
      stat('max', 'Maximum'),
      stat('p90', 'p90'),
    );
    expect(found).toEqual({
      avg: [50.5, 5, 10],
      sum: [5050, 10, 10],
      n: [100, 2, 1],
      min: [1, 4, 10],
      max: [100, 6, 10],
      p90: [90, 6, 10],
    });
  });

  it('calculates, also over metrics that are not returned', async () => {
    const hidden = { ...stat('s', 'Sum'), ReturnData: false };
    const found = await data(
      hidden,
      stat('n', 'SampleCount'),
      { Id: 'mean', Expression: 's / n' } as { Id: string },
      {
        Id: 'filled',
        Expression: 'FILL(s, 0)',
      } as { Id: string },
    );
    expect(found).toEqual({ n: [100, 2, 1], mean: [50.5, 5, 10], filled: [5050, 10, 0, 10] });
  });

  it('is empty and complete for a metric that does not exist', async () => {
    const query = {
      Id: 'a',
      MetricStat: { Metric: { ...latency, Dimensions: [] }, Period: 60, Stat: 'Sum' },
    };
    const { MetricDataResults } = await cloudWatch.send(
      new GetMetricDataCommand({ ...window, MetricDataQueries: [query] }),
    );
    expect(MetricDataResults).toMatchObject([{ Id: 'a', Values: [], StatusCode: 'Complete' }]);
  });

  it('splits one id over pages, newest first', async () => {
    const pages: unknown[] = [];
    const input = {
      ...window,
      MetricDataQueries: [stat('a', 'Sum'), stat('b', 'SampleCount')],
      MaxDatapoints: 2,
    };
    for await (const { MetricDataResults } of paginateGetMetricData(
      { client: cloudWatch },
      input,
    )) {
      pages.push(MetricDataResults?.map(({ Id, Values, StatusCode }) => [Id, Values, StatusCode]));
    }
    expect(pages).toEqual([
      [['a', [10, 10], 'PartialData']],
      [
        ['a', [5050], 'Complete'],
        ['b', [1], 'PartialData'],
      ],
      [['b', [2, 100], 'Complete']],
    ]);
  });

  it.each<[string, { Id: string; Expression?: string }[], RegExp]>([
    [
      'an id that does not begin with a small letter',
      [stat('A', 'Sum')],
      /not matching the expected pattern/,
    ],
    ['an id given twice', [stat('a', 'Sum'), stat('a', 'Sum')], /not unique/],
    ['an odd period', [stat('a', 'Sum', 45)], /multiple of 60/],
    [
      'an expression that cannot be read',
      [{ Id: 'a', Expression: '1 +' }],
      /Error in expression 'a'/,
    ],
    ['an expression on itself', [{ Id: 'a', Expression: 'a + 1' }], /refers to itself/],
    ['a statistic it does not know', [stat('a', 'p101')], /not supported/],
  ])('refuses %s', async (_claim, MetricDataQueries, message) => {
    const error = await failure(
      cloudWatch.send(new GetMetricDataCommand({ ...window, MetricDataQueries })),
    );
    expect(error.message).toMatch(message);
  });

  it('refuses an end before the start', async () => {
    const call = cloudWatch.send(
      new GetMetricDataCommand({
        StartTime: window.EndTime,
        EndTime: window.StartTime,
        MetricDataQueries: [stat('a', 'Sum')],
      }),
    );
    expect((await failure(call)).message).toBe(
      'The parameter StartTime must be less than the parameter EndTime.',
    );
  });
});

describe('PutMetricData', () => {
  it('takes values, counts and statistics, also in a compressed body', async () => {
    const Timestamp = new Date(baseMs);
    await cloudWatch.send(
      new PutMetricDataCommand({
        Namespace: 'Own',
        MetricData: [
          { MetricName: 'm', Values: [1, 2], Counts: [3, 1], Timestamp },
          {
            MetricName: 'm',
            StatisticValues: { SampleCount: 2, Sum: 20, Minimum: 5, Maximum: 15 },
            Timestamp,
          },
          ...Array.from({ length: 400 }, (_, at) => ({
            MetricName: `other-${at}`,
            Value: at,
            Timestamp,
          })),
        ],
      }),
    );
    const { Datapoints } = await cloudWatch.send(
      new GetMetricStatisticsCommand({
        Namespace: 'Own',
        MetricName: 'm',
        ...window,
        Period: 60,
        Statistics: ['Sum', 'SampleCount', 'Minimum', 'Maximum', 'Average'],
      }),
    );
    expect(Datapoints).toMatchObject([{ Sum: 25, SampleCount: 6, Minimum: 1, Maximum: 15 }]);
    const { Metrics: listed } = await cloudWatch.send(
      new ListMetricsCommand({ Namespace: 'Own', MetricName: 'm' }),
    );
    expect(listed).toEqual([{ Namespace: 'Own', MetricName: 'm', Dimensions: [] }]);
  });

  it.each([
    [
      'the namespaces of AWS',
      'AWS/SageMaker',
      { Value: 1 },
      'The value AWS/ for parameter Namespace is invalid.',
    ],
    ['a datum without a value', 'Own', {}, 'At least one of the parameters'],
    ['two kinds of value', 'Own', { Value: 1, Values: [1] }, 'mutually exclusive'],
    [
      'a time long past',
      'Own',
      { Value: 1, Timestamp: new Date(0) },
      'no more than two weeks in the past',
    ],
    [
      'a dimension that is not ASCII',
      'Own',
      { Value: 1, Dimensions: [{ Name: 'Column', Value: 'größe' }] },
      'The value for parameter MetricData.member.1.Dimensions.member.1.Value contains non-ASCII characters.',
    ],
    [
      'a dimension of blanks',
      'Own',
      { Value: 1, Dimensions: [{ Name: 'Column', Value: ' ' }] },
      'non-whitespace',
    ],
  ])('refuses %s', async (_claim, Namespace, datum, message) => {
    const call = cloudWatch.send(
      new PutMetricDataCommand({ Namespace, MetricData: [{ MetricName: 'm', ...datum }] }),
    );
    expect((await failure(call)).message).toContain(message);
  });
});

function alarm(
  AlarmName: string,
  more: Partial<PutMetricAlarmCommandInput> = {},
): PutMetricAlarmCommand {
  return new PutMetricAlarmCommand({
    AlarmName,
    Namespace: 'Own',
    MetricName: 'alarmed',
    Statistic: 'Maximum',
    Period: 10,
    EvaluationPeriods: 1,
    Threshold: 50,
    ComparisonOperator: 'GreaterThanThreshold',
    ...more,
  });
}

async function described(name: string) {
  const { MetricAlarms = [], CompositeAlarms = [] } = await cloudWatch.send(
    new DescribeAlarmsCommand({
      AlarmNames: [name],
      AlarmTypes: ['MetricAlarm', 'CompositeAlarm'],
    }),
  );
  return MetricAlarms[0] ?? CompositeAlarms[0];
}

describe('alarms', () => {
  it('are overwritten but keep their state, tags and ARN', async () => {
    await cloudWatch.send(
      alarm('kept', { TreatMissingData: 'ignore', Tags: [{ Key: 'team', Value: 'a' }] }),
    );
    expect(await described('kept')).toMatchObject({
      StateValue: 'INSUFFICIENT_DATA',
      StateReason: 'Unchecked: Initial alarm creation',
      AlarmArn: 'arn:aws:cloudwatch:us-east-1:111122223333:alarm:kept',
    });
    await cloudWatch.send(
      new SetAlarmStateCommand({ AlarmName: 'kept', StateValue: 'ALARM', StateReason: 'by hand' }),
    );
    await cloudWatch.send(
      alarm('kept', { TreatMissingData: 'ignore', Threshold: 70, AlarmDescription: 'new' }),
    );
    expect(await described('kept')).toMatchObject({
      StateValue: 'ALARM',
      Threshold: 70,
      AlarmDescription: 'new',
    });
    expect(sandbox.kernel.alarmState('kept')).toBe('ALARM');
    const ResourceARN = 'arn:aws:cloudwatch:us-east-1:111122223333:alarm:kept';
    await cloudWatch.send(
      new TagResourceCommand({ ResourceARN, Tags: [{ Key: 'b', Value: 'c' }] }),
    );
    expect(
      (await cloudWatch.send(new ListTagsForResourceCommand({ ResourceARN }))).Tags,
    ).toHaveLength(2);
  });

  it('are described by prefix, state and page; missing names are left out', async () => {
    for (const name of ['p-1', 'p-2', 'p-3'])
      await cloudWatch.send(alarm(name, { TreatMissingData: 'ignore' }));
    const names: (string | undefined)[] = [];
    for await (const page of paginateDescribeAlarms(
      { client: cloudWatch, pageSize: 2 },
      { AlarmNamePrefix: 'p-' },
    )) {
      names.push(...(page.MetricAlarms ?? []).map(({ AlarmName }) => AlarmName));
    }
    expect(names).toEqual(['p-1', 'p-2', 'p-3']);
    const inAlarm = await cloudWatch.send(
      new DescribeAlarmsCommand({ AlarmNamePrefix: 'p-', StateValue: 'ALARM' }),
    );
    expect(inAlarm.MetricAlarms).toEqual([]);
    expect(await described('absent')).toBeUndefined();
  });

  it('are deleted whatever else the batch names', async () => {
    await cloudWatch.send(alarm('doomed'));
    await cloudWatch.send(new DeleteAlarmsCommand({ AlarmNames: ['doomed', 'absent'] }));
    expect(await described('doomed')).toBeUndefined();
    const error = await failure(
      cloudWatch.send(
        new SetAlarmStateCommand({ AlarmName: 'doomed', StateValue: 'OK', StateReason: 'x' }),
      ),
    );
    expect(error).toMatchObject({ name: 'ResourceNotFound', $metadata: { httpStatusCode: 404 } });
  });

  it.each<[string, Partial<PutMetricAlarmCommandInput>, RegExp]>([
    ['a period that is none', { Period: 15 }, /10, 20, 30 or a multiple of 60/],
    [
      'more points to alarm than periods',
      { DatapointsToAlarm: 2 },
      /less than or equal to EvaluationPeriods/,
    ],
    ['more than a day', { Period: 600, EvaluationPeriods: 145 }, /more than a day/],
    ['two statistics', { ExtendedStatistic: 'p99' }, /Exactly one of Statistic/],
    ['an action that is no ARN', { AlarmActions: ['mail me'] }, /Invalid arn syntax: mail me/],
    [
      'six actions',
      { AlarmActions: Array<string>(6).fill('arn:aws:sns:us-east-1:1:t') },
      /length less than or equal to 5/,
    ],
    ['an unknown treatment of missing data', { TreatMissingData: 'guess' }, /TreatMissingData/],
    [
      'a name beyond 255 characters',
      { AlarmName: 'x'.repeat(256) },
      /at 'alarmName' failed to satisfy constraint/,
    ],
    ['a missing threshold', { Threshold: undefined }, /Threshold/],
  ])('are refused with %s', async (_claim, more, message) => {
    const error = await failure(cloudWatch.send(alarm('refused', more)));
    expect(error.message).toMatch(message);
  });

  it('change state on data; tell bus, topic and history in the formats of AWS; and act only when enabled', async () => {
    const { QueueUrl } = await sqs.send(
      new CreateQueueCommand({
        QueueName: 'alarm-events',
        Attributes: letting('events', 'alarm-events'),
      }),
    );
    await eventBridge.send(
      new PutRuleCommand({
        Name: 'alarms',
        EventPattern: '{"source":["aws.cloudwatch"],"detail":{"alarmName":["live"]}}',
      }),
    );
    await eventBridge.send(
      new PutTargetsCommand({
        Rule: 'alarms',
        Targets: [{ Id: 'q', Arn: 'arn:aws:sqs:us-east-1:111122223333:alarm-events' }],
      }),
    );
    const { TopicArn = '' } = await sns.send(new CreateTopicCommand({ Name: 'on-call' }));
    const put = (offsetMs: number, value: number) => {
      sandbox.kernel.observe([
        { namespace: 'Own', name: 'live', dimensions: {}, value, atMs: Date.now() - offsetMs },
      ]);
    };
    put(10_000, 99.5);
    await cloudWatch.send(
      alarm('live', { MetricName: 'live', AlarmActions: [TopicArn], TreatMissingData: 'ignore' }),
    );
    await vi.waitUntil(() => sandbox.kernel.alarmState('live') === 'ALARM', { timeout: 5_000 });
    const { Messages } = await sqs.send(
      new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 5 }),
    );
    const event = JSON.parse(Messages?.[0]?.Body ?? '') as {
      detail: { state: { reasonData: string } };
    };
    expect(event).toMatchObject({
      source: 'aws.cloudwatch',
      'detail-type': 'CloudWatch Alarm State Change',
      resources: ['arn:aws:cloudwatch:us-east-1:111122223333:alarm:live'],
      detail: {
        alarmName: 'live',
        previousState: { value: 'INSUFFICIENT_DATA', reason: 'Unchecked: Initial alarm creation' },
        state: {
          value: 'ALARM',
          reason: expect.stringMatching(
            /^Threshold Crossed: 1 out of the last 1 datapoints \[99\.5 \(/,
          ) as string,
          timestamp: expect.stringMatching(
            /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000$/,
          ) as string,
        },
        configuration: {
          metrics: [
            {
              metricStat: {
                metric: { namespace: 'Own', name: 'live' },
                period: 10,
                stat: 'Maximum',
              },
              returnData: true,
            },
          ],
        },
      },
    });
    expect(JSON.parse(event.detail.state.reasonData)).toMatchObject({
      version: '1.0',
      statistic: 'Maximum',
      period: 10,
      recentDatapoints: [99.5],
      threshold: 50,
    });
    const [notice] = (await admin(sandbox, 'GET', 'outbox.json')) as {
      subject: string;
      message: string;
    }[];
    expect(notice?.subject).toBe('ALARM: "live" in US East (N. Virginia)');
    expect(JSON.parse(notice?.message ?? '')).toMatchObject({
      NewStateValue: 'ALARM',
      Trigger: { MetricName: 'live', Statistic: 'MAXIMUM' },
    });
    const { AlarmHistoryItems } = await cloudWatch.send(
      new DescribeAlarmHistoryCommand({ AlarmName: 'live' }),
    );
    expect(AlarmHistoryItems?.map(({ HistoryItemType }) => HistoryItemType)).toEqual([
      'Action',
      'StateUpdate',
      'ConfigurationUpdate',
    ]);

    await cloudWatch.send(new DisableAlarmActionsCommand({ AlarmNames: ['live'] }));
    await cloudWatch.send(
      new SetAlarmStateCommand({ AlarmName: 'live', StateValue: 'OK', StateReason: 'x' }),
    );
    await cloudWatch.send(
      new SetAlarmStateCommand({ AlarmName: 'live', StateValue: 'ALARM', StateReason: 'x' }),
    );
    const notices = (await admin(sandbox, 'GET', 'outbox.json')) as unknown[];
    expect(notices).toHaveLength(1);
    await cloudWatch.send(new EnableAlarmActionsCommand({ AlarmNames: ['live'] }));
  });

  it('combine others', async () => {
    const put = (AlarmRule: string) =>
      cloudWatch.send(new PutCompositeAlarmCommand({ AlarmName: 'both', AlarmRule }));
    expect((await failure(put('ALARM(absent-1)'))).message).toContain(
      'alarms [absent-1] in the alarm rule do not exist',
    );
    expect((await failure(put('ALARM(p-1) AND'))).message).toContain('cannot be parsed');
    const suppressed = new PutCompositeAlarmCommand({
      AlarmName: 'both',
      AlarmRule: 'ALARM(p-1)',
      ActionsSuppressor: 'p-2',
    });
    expect((await failure(cloudWatch.send(suppressed))).message).toContain('no suppressors');
    await put('ALARM(p-1) AND ALARM(p-2)');
    const set = (AlarmName: string, StateValue: 'ALARM' | 'OK') =>
      cloudWatch.send(new SetAlarmStateCommand({ AlarmName, StateValue, StateReason: 'test' }));
    await set('p-1', 'ALARM');
    expect(await described('both')).toMatchObject({ StateValue: 'OK' });
    await set('p-2', 'ALARM');
    expect(await described('both')).toMatchObject({
      StateValue: 'ALARM',
      AlarmRule: 'ALARM(p-1) AND ALARM(p-2)',
    });
  });
});

const watched = {
  AlarmName: 'a',
  Namespace: 'Own',
  MetricName: 'm',
  Statistic: 'Maximum',
  Period: 60,
  EvaluationPeriods: 1,
  Threshold: 50,
  ComparisonOperator: 'GreaterThanThreshold',
} as const;

describe('the evaluator', () => {
  it('looks at alarms of a minute every ten seconds, at shorter ones every second', () => {
    for (const [Period, waitMs] of [
      [60, 10_000],
      [10, 1_000],
    ] as const) {
      const { alarms, advance } = onOwnClock(baseMs);
      alarms.put(readMetricAlarm({ ...watched, Period, TreatMissingData: 'notBreaching' }));
      advance(0);
      expect(alarms.get('a')?.state.value).toBe('OK');
      alarms.setState('a', 'ALARM', 'by hand', undefined);
      advance(waitMs - 1);
      expect(alarms.get('a')?.state.value).toBe('ALARM');
      advance(1);
      expect(alarms.get('a')?.state.value).toBe('OK');
    }
  });

  it('judges complete periods only', () => {
    const { alarms, advance, observe } = onOwnClock(baseMs);
    alarms.put(readMetricAlarm({ ...watched, TreatMissingData: 'notBreaching' }));
    observe(99);
    advance(50_000);
    expect(alarms.get('a')?.state.value).toBe('OK');
    advance(10_000);
    expect(alarms.get('a')?.state.value).toBe('ALARM');
  });

  it('evaluates metric math', () => {
    const { alarms, advance, observe } = onOwnClock(baseMs);
    const { Namespace, MetricName, Statistic, Period, ...rest } = watched;
    alarms.put(
      readMetricAlarm({
        ...rest,
        Metrics: [
          {
            Id: 'm',
            MetricStat: { Metric: { Namespace, MetricName }, Period, Stat: Statistic },
            ReturnData: false,
          },
          { Id: 'e', Expression: 'IF(m > 10, m * 10, 0)' },
        ],
      }),
    );
    observe(9);
    advance(60_000);
    expect(alarms.get('a')?.state.value).toBe('OK');
    observe(11);
    advance(60_000);
    expect(alarms.get('a')?.state.value).toBe('ALARM');
  });

  it('repeats a scaling action once a period while the alarm lasts', () => {
    const { alarms, advance, observe, scaled } = onOwnClock(baseMs);
    const policy =
      'arn:aws:autoscaling:us-east-1:111122223333:scalingPolicy:1:resource/sagemaker/x:policyName/p';
    alarms.put(readMetricAlarm({ ...watched, AlarmActions: [policy] }));
    for (let at = 0; at < 18; at += 1) {
      observe(99);
      advance(10_000);
    }
    expect(scaled).toHaveLength(3);
    expect(scaled[0]).toMatchObject([policy, { threshold: 50, value: 99, state: 'ALARM' }]);
  });

  it('finds its metrics and states again after a kill', () => {
    const home = temporaryHome();
    const first = onOwnClock(baseMs, home);
    first.alarms.put(readMetricAlarm(watched));
    for (let value = 1; value <= 99; value += 1) first.observe(value);
    first.metrics.flush();
    first.advance(60_000);
    expect(first.alarms.get('a')?.state.value).toBe('ALARM');
    const second = onOwnClock(baseMs, home);
    expect(second.alarms.get('a')?.state.value).toBe('ALARM');
    const series = second.metrics.find({ namespace: 'Own', name: 'm', dimensions: {} });
    expect([...(series?.buckets.values() ?? [])]).toMatchObject([
      { count: 99, sum: 4950, min: 1, max: 99 },
    ]);
  });

  it('keeps a bounded sample of a busy second, for percentiles that are about right', () => {
    const { metrics } = onOwnClock(baseMs);
    for (let value = 0; value < 5_000; value += 1) {
      metrics.observe([{ namespace: 'Own', name: 'busy', dimensions: {}, value, atMs: baseMs }]);
    }
    const [bucket] = [
      ...(metrics.find({ namespace: 'Own', name: 'busy', dimensions: {} })?.buckets.values() ?? []),
    ];
    expect(bucket?.count).toBe(5_000);
    expect(bucket?.values.length).toBeLessThanOrEqual(50);
  });
});

it('has no data point where an expression gives no number', async () => {
  const hidden = { ...stat('s', 'Sum'), ReturnData: false };
  const some = { Id: 'some', Expression: 'IF(s > 10, s, 0 / 0)' };
  const none = { Id: 'none', Expression: 'LOG(s - s)' };
  const found = await data(hidden, some, none);
  expect(found).toEqual({ some: [5050], none: [] });
});

it.each([
  ['a value beyond 2^360', { Value: 2 ** 361 }],
  ['one of many values beyond it', { Values: [1, -(2 ** 361)] }],
  [
    'a sum beyond it',
    { StatisticValues: { SampleCount: 1, Sum: 2 ** 361, Minimum: 0, Maximum: 1 } },
  ],
  ['a resolution of five seconds', { Value: 1, StorageResolution: 5 }],
])('refuses %s', async (_which, datum) => {
  const error = await failure(
    cloudWatch.send(
      new PutMetricDataCommand({ Namespace: 'Own', MetricData: [{ MetricName: 'm', ...datum }] }),
    ),
  );
  expect(error.name).toMatch('InvalidParameterValue');
});

it('has put data on disk before it answers', async () => {
  const home = temporaryHome();
  const own = clients((await start({ home })).url).cloudWatch;
  await own.send(
    new PutMetricDataCommand({
      Namespace: 'Own',
      MetricData: [{ MetricName: 'kept', Value: 2 ** 360 }],
    }),
  );
  const files = readdirSync(join(home, 'metrics'));
  expect(files.map((file) => readFileSync(join(home, 'metrics', file), 'utf8')).join('')).toContain(
    '"name":"kept"',
  );
});
