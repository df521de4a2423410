import {
  DescribeScalingActivitiesCommand,
  type ScalingActivity,
} from '@aws-sdk/client-application-auto-scaling';
import {
  DescribeAlarmHistoryCommand,
  DescribeAlarmsCommand,
  GetMetricDataCommand,
  type MetricAlarm,
} from '@aws-sdk/client-cloudwatch';
import {
  DescribeEndpointCommand,
  DescribeEndpointConfigCommand,
  DescribeModelCommand,
  ListEndpointsCommand,
} from '@aws-sdk/client-sagemaker';
import { describe, expect, it, vi } from 'vitest';

import { createAlarmReads, NO_ALARM, type AlarmsLook } from '../../activities/alarm-reads.js';
import { createBatcher, Failed } from '../../activities/batcher.js';
import { createEndpointReads } from '../../activities/endpoint-reads.js';
import { createMetricReads, type ValueWanted } from '../../activities/metric-reads.js';
import { createScalingReads } from '../../activities/scaling-reads.js';
import { awsError, fakeAws, NOON, on } from './support.js';

const DAY = 86_400_000;

/** CloudWatch's alarms with pages of a hundred, and the history of what was deleted. */
function alarmsOf(count: number) {
  const states = new Map(
    Array.from({ length: count }, (_, index) => [
      `modelkeeper-m${String(index).padStart(4, '0')}-health-disk`,
      'OK',
    ]),
  );
  const deleted: { name: string; atMs: number }[] = [];
  let historyPages = 1;
  let laterPages: Error | undefined;
  const shown = (name: string): MetricAlarm => ({
    AlarmName: name,
    StateValue: states.get(name) as 'OK',
    StateReason: `is ${states.get(name) ?? ''}`,
  });
  const aws = fakeAws(
    on(DescribeAlarmsCommand, ({ AlarmNames, AlarmNamePrefix = '', StateValue, NextToken }) => {
      if (AlarmNames !== undefined)
        return { MetricAlarms: AlarmNames.filter((name) => states.has(name)).map(shown) };
      if (NextToken !== undefined && laterPages !== undefined) throw laterPages;
      const from = Number(NextToken ?? '0');
      const all = [...states].filter(
        ([name, state]) => name.startsWith(AlarmNamePrefix) && state === StateValue,
      );
      return {
        MetricAlarms: all.slice(from, from + 100).map(([name]) => shown(name)),
        ...(from + 100 < all.length ? { NextToken: String(from + 100) } : {}),
      };
    }),
    on(DescribeAlarmHistoryCommand, ({ StartDate, NextToken }) => {
      const page = Number(NextToken ?? '1');
      return {
        AlarmHistoryItems: deleted
          .filter(({ atMs }) => atMs >= (StartDate?.getTime() ?? 0))
          .map(({ name }) => ({
            AlarmName: name,
            HistorySummary: `Alarm "${name}" deleted`,
            HistoryData: '{"type":"Delete","version":"1.0"}',
          })),
        ...(page < historyPages ? { NextToken: String(page + 1) } : {}),
      };
    }),
  );
  return {
    aws,
    states,
    reads: createAlarmReads(() => aws.clients.cloudwatch),
    names: () => [...states.keys()],
    remove: (name: string, atMs: number) => {
      states.delete(name);
      deleted.push({ name, atMs });
    },
    busyHistory: () => {
      historyPages = 99;
    },
    failLaterPages: (error: Error) => {
      laterPages = error;
    },
  };
}

const lookAt = (names: readonly string[], over: Partial<AlarmsLook> = {}): AlarmsLook => ({
  names,
  wereOk: new Set(names),
  afresh: false,
  nowMs: NOON,
  ...over,
});

/** Looks of one model each at the same moment; the state of each, or how it failed. */
async function allLook(
  { reads }: ReturnType<typeof alarmsOf>,
  names: readonly string[],
  over: Partial<AlarmsLook> = {},
): Promise<readonly string[]> {
  const answers = await Promise.allSettled(
    names.map(async (name) => reads.read('us-east-1', lookAt([name], over))),
  );
  return answers.map((answer) => {
    if (answer.status === 'rejected') return `failed: ${String(answer.reason)}`;
    const [alarm] = answer.value;
    return alarm === undefined || alarm === NO_ALARM ? NO_ALARM : (alarm.StateValue ?? '');
  });
}

describe('the alarms of many models', () => {
  it('are read by name while that is no more calls', async () => {
    const world = alarmsOf(250);
    expect(new Set(await allLook(world, world.names()))).toEqual(new Set(['OK']));
    await allLook(world, world.names());
    expect(world.aws.names()).toEqual(Array.from({ length: 6 }, () => 'DescribeAlarms'));
  });

  it('are believed OK when they are on no page of others, once they were read by name', async () => {
    const world = alarmsOf(1_000);
    await allLook(world, world.names());
    expect(world.aws.names()).toHaveLength(10);
    expect(new Set(await allLook(world, world.names(), { nowMs: NOON + 60_000 }))).toEqual(
      new Set(['OK']),
    );
    expect(world.aws.names().slice(10).sort()).toEqual([
      'DescribeAlarmHistory',
      'DescribeAlarms',
      'DescribeAlarms',
    ]);
  });

  it('are found on every page of a state', async () => {
    const world = alarmsOf(1_000);
    await allLook(world, world.names());
    for (const name of world.names().slice(0, 250)) world.states.set(name, 'INSUFFICIENT_DATA');
    for (const name of world.names().slice(250, 260)) world.states.set(name, 'ALARM');
    const states = await allLook(world, world.names());
    expect(states.filter((state) => state === 'INSUFFICIENT_DATA')).toHaveLength(250);
    expect(states.filter((state) => state === 'ALARM')).toHaveLength(10);
    expect(states.filter((state) => state === 'OK')).toHaveLength(740);
  });

  it('that were deleted are not OK from the next look on', async () => {
    const world = alarmsOf(1_000);
    await allLook(world, world.names());
    const names = world.names();
    world.remove(names[7] ?? '', NOON + 30_000);
    const states = await allLook(world, names, { nowMs: NOON + 60_000 });
    expect(states[7]).toBe(NO_ALARM);
    expect(states.filter((state) => state === 'OK')).toHaveLength(999);
  });

  it('are all read by name when more has changed than the history is worth reading for', async () => {
    const world = alarmsOf(1_000);
    await allLook(world, world.names());
    world.busyHistory();
    const before = world.aws.names().length;
    await allLook(world, world.names(), { nowMs: NOON + 60_000 });
    expect(
      world.aws.inputs(DescribeAlarmsCommand).filter(({ AlarmNames }) => AlarmNames).length,
    ).toBe(20);
    expect(world.aws.names().length - before).toBe(5 + 2 + 10);
  });

  it('are read by name at least once a day, and not all at once', async () => {
    const world = alarmsOf(1_000);
    const names = world.names();
    await allLook(world, names);
    // Deleted without a word in the history.
    world.states.delete(names[7] ?? '');
    const byName = () =>
      world.aws.inputs(DescribeAlarmsCommand).flatMap(({ AlarmNames = [] }) => AlarmNames).length;
    const first = byName();
    await allLook(world, names, { nowMs: NOON + 0.75 * DAY });
    const half = byName() - first;
    expect(half).toBeGreaterThan(300);
    expect(half).toBeLessThan(700);
    const states = await allLook(world, names, { nowMs: NOON + DAY });
    expect(states[7]).toBe(NO_ALARM);
  });

  it('that were not OK are read before they are told to be', async () => {
    const world = alarmsOf(1_000);
    await allLook(world, world.names());
    const [odd = ''] = world.names();
    const before = world.aws.inputs(DescribeAlarmsCommand).length;
    await Promise.all([
      allLook(world, world.names().slice(1)),
      world.reads.read('us-east-1', lookAt([odd], { wereOk: new Set() })),
    ]);
    const named = world.aws
      .inputs(DescribeAlarmsCommand)
      .slice(before)
      .flatMap(({ AlarmNames = [] }) => AlarmNames);
    expect(named).toEqual([odd]);
  });

  it("of people's own are read by name at every look", async () => {
    const world = alarmsOf(1_000);
    world.states.set('shop-latency', 'ALARM');
    await allLook(world, world.names());
    const before = world.aws.inputs(DescribeAlarmsCommand).length;
    const states = await allLook(world, world.names());
    expect(states.at(-1)).toBe('ALARM');
    const named = world.aws
      .inputs(DescribeAlarmsCommand)
      .slice(before)
      .flatMap(({ AlarmNames = [] }) => AlarmNames);
    expect(named).toEqual(['shop-latency']);
  });

  it('are read by name by a look that was asked for', async () => {
    const world = alarmsOf(1_000);
    await allLook(world, world.names());
    const [odd = ''] = world.names();
    world.states.delete(odd);
    expect(await allLook(world, [odd], { afresh: true })).toEqual([NO_ALARM]);
  });

  it('fail the looks of the page that failed, and no others', async () => {
    const world = alarmsOf(250);
    world.aws.failNext(DescribeAlarmsCommand, awsError('ThrottlingException', 'Rate exceeded'));
    const states = await allLook(world, world.names());
    expect(states.filter((state) => state.startsWith('failed'))).toHaveLength(100);
    expect(states.filter((state) => state === 'OK')).toHaveLength(150);
  });

  it('are not OK when a page of those that are not could not be read', async () => {
    const world = alarmsOf(1_000);
    await allLook(world, world.names());
    world.aws.failNext(DescribeAlarmsCommand, awsError('ThrottlingException', 'Rate exceeded'));
    const states = await allLook(world, world.names());
    expect(states.filter((state) => !state.startsWith('failed'))).toEqual([]);
    expect(new Set(await allLook(world, world.names()))).toEqual(new Set(['OK']));
  });

  it('fail when a later page of those that are not OK could not be read', async () => {
    const world = alarmsOf(1_000);
    await allLook(world, world.names());
    for (const name of world.names().slice(0, 150)) world.states.set(name, 'ALARM');
    world.failLaterPages(awsError('ThrottlingException', 'Rate exceeded'));
    const states = await allLook(world, world.names());
    expect(states.filter((state) => !state.startsWith('failed'))).toEqual([]);
  });

  it('fail when the history of those that were deleted could not be read', async () => {
    const world = alarmsOf(1_000);
    await allLook(world, world.names());
    world.aws.failNext(
      DescribeAlarmHistoryCommand,
      awsError('ThrottlingException', 'Rate exceeded'),
    );
    const states = await allLook(world, world.names());
    expect(states.filter((state) => !state.startsWith('failed'))).toEqual([]);
  });
});

/** SageMaker's endpoints with pages of a hundred. */
function endpointsOf(count: number) {
  const endpoints = new Map(
    Array.from({ length: count }, (_, index) => [
      `Live-${String(index).padStart(4, '0')}`,
      { status: 'InService', modifiedMs: NOON - DAY },
    ]),
  );
  const aws = fakeAws(
    on(ListEndpointsCommand, ({ NextToken, MaxResults = 10 }) => {
      const from = Number(NextToken ?? '0');
      return {
        Endpoints: [...endpoints].slice(from, from + MaxResults).map(([name, endpoint]) => ({
          EndpointName: name,
          EndpointArn: name,
          CreationTime: new Date(NOON - 2 * DAY),
          LastModifiedTime: new Date(endpoint.modifiedMs),
          EndpointStatus: endpoint.status as 'InService',
        })),
        ...(from + MaxResults < endpoints.size ? { NextToken: String(from + MaxResults) } : {}),
      };
    }),
    on(DescribeEndpointCommand, ({ EndpointName = '' }) => {
      const found = [...endpoints].find(
        ([name]) => name.toLowerCase() === EndpointName.toLowerCase(),
      );
      if (found === undefined) throw awsError('ValidationException', 'Could not find endpoint');
      return {
        EndpointName: found[0],
        EndpointArn: 'arn',
        EndpointStatus: found[1].status as 'InService',
        EndpointConfigName: 'config',
        CreationTime: new Date(NOON - 2 * DAY),
        LastModifiedTime: new Date(found[1].modifiedMs),
      };
    }),
    on(DescribeEndpointConfigCommand, () => ({
      ProductionVariants: [{ VariantName: 'AllTraffic', ModelName: 'm' }],
    })),
    on(DescribeModelCommand, () => ({})),
  );
  const reads = createEndpointReads(() => aws.clients.sagemaker);
  const look = async (names: readonly string[], nowMs = NOON, afresh = false) => {
    const answers = await Promise.allSettled(
      names.map(async (name) =>
        reads.read('us-east-1', { endpoint: { name, variant: 'AllTraffic' }, afresh, nowMs }),
      ),
    );
    return answers.map((answer) =>
      answer.status === 'rejected' ? 'failed' : answer.value.reading.status,
    );
  };
  const described = () =>
    aws.inputs(DescribeEndpointCommand).map(({ EndpointName }) => EndpointName);
  return { aws, endpoints, look, described, names: () => [...endpoints.keys()] };
}

describe('the endpoints of many models', () => {
  it('are described once, and listed from then on', async () => {
    const world = endpointsOf(250);
    await world.look(world.names());
    expect(world.described()).toHaveLength(250);
    expect(new Set(await world.look(world.names()))).toEqual(new Set(['InService']));
    expect(world.described()).toHaveLength(250);
    expect(world.aws.inputs(ListEndpointsCommand)).toHaveLength(3);
  });

  it('are described again when their time or their state has changed, or when they are gone', async () => {
    const world = endpointsOf(250);
    const names = world.names();
    await world.look(names);
    world.endpoints.set('Live-0003', { status: 'InService', modifiedMs: NOON - 1 });
    world.endpoints.set('Live-0111', { status: 'Updating', modifiedMs: NOON - DAY });
    world.endpoints.delete('Live-0222');
    const before = world.described().length;
    const states = await world.look(names);
    expect(world.described().slice(before).sort()).toEqual(['Live-0003', 'Live-0111', 'Live-0222']);
    expect([states[3], states[111], states[222]]).toEqual(['InService', 'Updating', 'absent']);
  });

  it('in motion are described at every look', async () => {
    const world = endpointsOf(200);
    world.endpoints.set('Live-0007', { status: 'Updating', modifiedMs: NOON - DAY });
    await world.look(world.names());
    await world.look(world.names());
    await world.look(world.names());
    expect(world.described().filter((name) => name === 'Live-0007')).toHaveLength(3);
  });

  it('are the same whatever the case of their names', async () => {
    const world = endpointsOf(200);
    const names = world.names().map((name) => name.toLowerCase());
    await world.look(names);
    await world.look(names);
    expect(world.described()).toHaveLength(200);
  });

  it('are described when few are looked at, which costs less than the list', async () => {
    const world = endpointsOf(1);
    await world.look(world.names());
    await world.look(world.names());
    expect(world.aws.inputs(ListEndpointsCommand)).toEqual([]);
  });

  it('are described by a look that was asked for', async () => {
    const world = endpointsOf(200);
    await world.look(world.names());
    await world.look(world.names(), NOON, true);
    expect(world.described()).toHaveLength(400);
  });

  it('fail where the list broke off, and not before', async () => {
    const world = endpointsOf(250);
    await world.look(world.names());
    world.aws.failNext(ListEndpointsCommand, awsError('ThrottlingException', 'Rate exceeded'));
    expect(new Set(await world.look(world.names()))).toEqual(new Set(['failed']));
    expect(new Set(await world.look(world.names()))).toEqual(new Set(['InService']));
  });

  it('are described one by one by a role that may not list', async () => {
    const world = endpointsOf(200);
    await world.look(world.names());
    world.aws.failNext(ListEndpointsCommand, awsError('AccessDeniedException', 'no'));
    expect(new Set(await world.look(world.names()))).toEqual(new Set(['InService']));
    await world.look(world.names());
    expect(world.aws.inputs(ListEndpointsCommand)).toHaveLength(1);
    expect(world.described()).toHaveLength(600);
  });
});

/** CloudWatch answers each query with the number of its metric, at the given ages. */
function metricsOf(agesMs: readonly number[] = [60_000], pageOf = 500) {
  const aws = fakeAws(
    on(GetMetricDataCommand, ({ MetricDataQueries = [], NextToken }) => {
      if (MetricDataQueries.some(({ MetricStat }) => MetricStat?.Metric?.MetricName === 'bad'))
        throw awsError('ValidationError', 'Error in expression');
      const shown = MetricDataQueries.filter(({ ReturnData }) => ReturnData !== false);
      const from = Number(NextToken ?? '0');
      return {
        MetricDataResults: shown
          .slice(from, from + pageOf)
          .map(({ Id, MetricStat, Expression }) => ({
            Id,
            StatusCode: MetricStat?.Metric?.MetricName === 'broken' ? 'InternalError' : 'Complete',
            Values: agesMs.map(
              (age) =>
                Number(MetricStat?.Metric?.MetricName ?? (Expression === undefined ? 0 : -1)) +
                age / 1e9,
            ),
            Timestamps: agesMs.map((age) => new Date(NOON - age)),
          })),
        ...(from + pageOf < shown.length ? { NextToken: String(from + pageOf) } : {}),
      };
    }),
  );
  const reads = createMetricReads(() => aws.clients.cloudwatch);
  const wanted = (name: string, over: Partial<ValueWanted> = {}): ValueWanted => ({
    periodMs: 60_000,
    metrics: { value: { namespace: 'N', name, dimensions: {}, stat: 'Sum' } },
    nowMs: NOON,
    ...over,
  });
  const read = async (
    items: readonly ValueWanted[],
    regions: readonly string[] = ['us-east-1'],
  ) => {
    const answers = await Promise.allSettled(
      items.map(async (item, index) => reads.read(regions[index % regions.length] ?? '', item)),
    );
    return answers.map((answer) => (answer.status === 'rejected' ? 'failed' : answer.value.value));
  };
  return { aws, reads, wanted, read };
}

describe('the metrics of many models', () => {
  it('go five hundred to a call, and each gets its own, over all pages', async () => {
    const { aws, wanted, read } = metricsOf([60_000], 200);
    const values = await read(Array.from({ length: 1_200 }, (_, index) => wanted(String(index))));
    expect(values).toEqual(Array.from({ length: 1_200 }, (_, index) => index + 60_000 / 1e9));
    const sizes = aws
      .inputs(GetMetricDataCommand)
      .map(({ MetricDataQueries }) => MetricDataQueries?.length);
    expect(sizes).toEqual([500, 500, 500, 500, 500, 500, 200]);
  });

  it('share a call whatever their period up to five minutes, and never across Regions', async () => {
    const { aws, wanted, read } = metricsOf([300_000]);
    await read([
      wanted('1'),
      wanted('2', { periodMs: 300_000 }),
      wanted('3', { nowMs: NOON + 40 }),
    ]);
    expect(aws.inputs(GetMetricDataCommand)).toHaveLength(1);
    await read([wanted('1'), wanted('2')], ['us-east-1', 'eu-west-1']);
    expect(aws.inputs(GetMetricDataCommand)).toHaveLength(3);
  });

  it.each([
    ['the latest complete period', [60_000, 120_000], 60_000],
    ['not the one that runs', [30_000, 120_000], 120_000],
    ['not one older than three', [240_000], null],
    ['the third', [180_000], 180_000],
  ])('are those of %s', async (_what, ages, age) => {
    const { wanted, read } = metricsOf(ages);
    expect(await read([wanted('0')])).toEqual([age === null ? null : age / 1e9]);
  });

  it('of expressions keep their ids apart', async () => {
    const { aws, wanted, read } = metricsOf();
    const math = wanted('1', {
      expression: 'errors / calls',
      metrics: {
        errors: { namespace: 'N', name: '5', dimensions: { A: 'b' }, stat: 'Sum' },
        calls: { namespace: 'N', name: '6', dimensions: {}, stat: 'Sum' },
      },
    });
    expect(await read([math, wanted('7'), math])).toEqual([
      -1 + 60_000 / 1e9,
      7 + 60_000 / 1e9,
      -1 + 60_000 / 1e9,
    ]);
    const [input] = aws.inputs(GetMetricDataCommand);
    expect(input?.MetricDataQueries?.map(({ Id, Expression }) => Expression ?? Id)).toEqual([
      'q0_errors',
      'q0_calls',
      'q0_errors / q0_calls',
      'q1',
      'q2_errors',
      'q2_calls',
      'q2_errors / q2_calls',
    ]);
  });

  it('fail alone when AWS refuses one of them', async () => {
    const { wanted, read } = metricsOf();
    const values = await read([wanted('1'), wanted('2'), wanted('bad'), wanted('3')]);
    expect(values.map((value) => (value === 'failed' ? value : 'read'))).toEqual([
      'read',
      'read',
      'failed',
      'read',
    ]);
  });

  it('fail alone when CloudWatch could not read one of them', async () => {
    const { wanted, read } = metricsOf();
    expect((await read([wanted('1'), wanted('broken')]))[1]).toBe('failed');
  });

  it('fail together with their page, and no others', async () => {
    const { aws, wanted, read } = metricsOf();
    aws.failNext(GetMetricDataCommand, awsError('ThrottlingException', 'Rate exceeded'));
    const values = await read(Array.from({ length: 700 }, (_, index) => wanted(String(index))));
    expect(values.filter((value) => value === 'failed')).toHaveLength(500);
  });
});

describe('a batch', () => {
  it('waits for those who keep coming, and for nobody longer than it may', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'performance'] });
    try {
      const sizes: number[] = [];
      const batcher = createBatcher<number, number>({
        maxSize: 1_000,
        waitMs: 40,
        maxWaitMs: 120,
        send: async (_, items) => {
          sizes.push(items.length);
          return items;
        },
      });
      const all: Promise<number>[] = [];
      for (let item = 0; item < 20; item += 1) {
        all.push(batcher.add('a', item));
        await vi.advanceTimersByTimeAsync(15);
      }
      await vi.advanceTimersByTimeAsync(40);
      await Promise.all(all);
      // 120 ms after its first, whoever still comes; the last 40 ms after its last.
      expect(sizes).toEqual([8, 8, 4]);
    } finally {
      vi.useRealTimers();
    }
  });

  it('asks for nothing that nobody waits for any more', async () => {
    const sent: (readonly number[])[] = [];
    const batcher = createBatcher<number, number>({
      maxSize: 10,
      waitMs: 5,
      send: async (_, items) => {
        sent.push(items);
        return items;
      },
    });
    const giveUp = new AbortController();
    const one = batcher.add('a', 1, giveUp.signal);
    const other = batcher.add('a', 2);
    const late = batcher.add('a', 3, AbortSignal.abort());
    giveUp.abort();
    await expect(one).rejects.toMatchObject({ name: 'AbortError' });
    await expect(late).rejects.toMatchObject({ name: 'AbortError' });
    expect(await other).toBe(2);
    expect(sent).toEqual([[2]]);
  });

  it('goes by weight, and fails the items that failed alone', async () => {
    const sent: (readonly number[])[] = [];
    const batcher = createBatcher<number, number>({
      maxSize: 10,
      weight: (item) => item,
      waitMs: 5,
      send: async (_, items) => {
        sent.push(items);
        return items.map((item) => (item === 3 ? new Failed(new Error('three')) : item));
      },
    });
    const results = await Promise.allSettled(
      [4, 4, 3, 12].map(async (item) => batcher.add('a', item)),
    );
    expect(sent).toEqual([[4, 4], [3], [12]]);
    expect(results.map(({ status }) => status)).toEqual([
      'fulfilled',
      'fulfilled',
      'rejected',
      'fulfilled',
    ]);
  });
});

describe('activities of auto scaling', () => {
  const HOUR = 3_600_000;
  const at = (index: number): string => `endpoint/m${String(index)}-live/variant/AllTraffic`;

  /** An account whose fleets have been scaled, newest first, fifty to a page. */
  function scalingOf(count: number) {
    const done: ScalingActivity[] = [];
    const happened = (
      index: number,
      atMs: number,
      status = 'Successful',
      id = `${index}/${atMs}`,
    ) => {
      const known = done.findIndex((one) => one.ActivityId === id);
      if (known >= 0) done.splice(known, 1);
      done.push({
        ActivityId: id,
        ResourceId: at(index),
        StartTime: new Date(atMs),
        StatusCode: status as 'Successful',
      } as ScalingActivity);
      done.sort((a, b) => (b.StartTime?.getTime() ?? 0) - (a.StartTime?.getTime() ?? 0));
    };
    const aws = fakeAws(
      on(DescribeScalingActivitiesCommand, ({ ResourceId, MaxResults = 50, NextToken = '0' }) => {
        const all = done.filter((one) => ResourceId === undefined || one.ResourceId === ResourceId);
        const from = Number(NextToken);
        return {
          ScalingActivities: all.slice(from, from + MaxResults),
          ...(from + MaxResults < all.length ? { NextToken: String(from + MaxResults) } : {}),
        };
      }),
    );
    const reads = createScalingReads(() => aws.clients.autoscaling);
    const calls = async (nowMs: number, afresh = false) => {
      const before = aws.names().length;
      const answers = await Promise.all(
        Array.from({ length: count }, (_, index) =>
          reads.read('us-east-1', { resource: at(index), afresh, nowMs }),
        ),
      );
      return {
        calls: aws.names().length - before,
        told: answers.map((one) => one.map(({ StatusCode }) => StatusCode)),
      };
    };
    return { aws, calls, happened };
  }

  it('of many variants are read by name once, and then by what is new in the account', async () => {
    const { calls, happened } = scalingOf(30);
    happened(3, NOON - HOUR, 'InProgress', 'a');
    expect(await calls(NOON)).toMatchObject({ calls: 30 });
    expect((await calls(NOON + HOUR)).calls).toBe(1);
    // One that was under way has failed, and another fleet has grown.
    happened(3, NOON - HOUR, 'Failed', 'a');
    happened(7, NOON + HOUR + 1, 'Successful');
    const { calls: sent, told } = await calls(NOON + HOUR + 2);
    expect(sent).toBe(1);
    expect([told[3], told[7], told[8]]).toEqual([['Failed'], ['Successful'], []]);
    expect((await calls(NOON + 2 * HOUR, true)).calls).toBe(30);
  });

  it('that are too many to be read since then are asked for by name, where there would be a hole', async () => {
    const { calls, happened } = scalingOf(30);
    await calls(NOON);
    for (let n = 0; n < 1_100; n += 1) happened(n % 29, NOON + n * 6_000);
    const { calls: sent, told } = await calls(NOON + 2 * HOUR);
    expect(sent).toBe(20 + 30);
    expect(told.map((one) => one.length)).toEqual([...Array<number>(29).fill(10), 0]);
    // Nobody is asked again what is known.
    expect((await calls(NOON + 3 * HOUR)).calls).toBeLessThan(30);
  });

  it('that cannot be read fail for those who asked, and are read again', async () => {
    const { aws, calls, happened } = scalingOf(5);
    await calls(NOON);
    aws.failNext(DescribeScalingActivitiesCommand, awsError('AccessDeniedException', 'no', 403));
    await expect(calls(NOON + HOUR)).rejects.toThrow('no');
    happened(4, NOON + 1);
    expect((await calls(NOON + 2 * HOUR)).told[4]).toEqual(['Successful']);
  });
});
