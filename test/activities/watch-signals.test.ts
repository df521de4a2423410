import { DescribeAlarmsCommand, GetMetricDataCommand } from '@aws-sdk/client-cloudwatch';
import {
  DescribeEndpointCommand,
  DescribeEndpointConfigCommand,
  DescribeModelCommand,
} from '@aws-sdk/client-sagemaker';
import { WorkflowNotFoundError } from '@temporalio/client';
import { describe, expect, it, vi } from 'vitest';

import { createBatcher } from '../../activities/batcher.js';
import type { SignalsWatch } from '../../activities/contract.js';
import type { ControlDeps } from '../../activities/deps.js';
import { createControlActivities } from '../../activities/index.js';
import { cronDueMs } from '../../activities/watch-signals.js';
import {
  attemptOf,
  awsError,
  depsOver,
  fakeAws,
  NOON,
  on,
  policyWith,
  ref,
  run,
} from './support.js';

const HOUR = 3_600_000;
const managed = ['errors-5xx', 'errors-4xx', 'latency', 'cpu', 'memory', 'disk', 'no-traffic'].map(
  (kind) => `modelkeeper-flights-health-${kind}`,
);

interface World {
  readonly status?: 'InService' | 'Updating';
  readonly states?: Readonly<Record<string, 'OK' | 'ALARM' | 'INSUFFICIENT_DATA'>>;
  readonly metric?: number;
  readonly executions?: Readonly<Record<string, string>>;
}

function world({ status = 'InService', states = {}, metric, executions = {} }: World = {}) {
  const aws = fakeAws(
    on(DescribeEndpointCommand, () => ({
      EndpointName: 'flights-live',
      EndpointArn: 'arn',
      EndpointStatus: status,
      EndpointConfigName: 'flights-1',
    })),
    on(DescribeEndpointConfigCommand, () => ({
      ProductionVariants: [
        { VariantName: 'AllTraffic', ModelName: 'm', InstanceType: 'ml.c5.xlarge' as const },
      ],
    })),
    on(DescribeModelCommand, () => ({})),
    on(DescribeAlarmsCommand, ({ AlarmNames = [] }) => ({
      MetricAlarms: AlarmNames.map((AlarmName) => ({
        AlarmName,
        StateValue: states[AlarmName] ?? 'OK',
      })),
    })),
    on(GetMetricDataCommand, ({ MetricDataQueries = [] }) => ({
      MetricDataResults: MetricDataQueries.map(({ Id }) => ({
        Id,
        Values: metric === undefined ? [] : [metric],
        Timestamps: metric === undefined ? [] : [new Date(NOON - 300_000)],
      })),
    })),
  );
  const temporal = {
    workflow: {
      getHandle: (id: string) => ({
        describe: async () => {
          const name = executions[id];
          if (name === undefined) throw new WorkflowNotFoundError('gone', id, undefined);
          return { status: { name } };
        },
      }),
    },
  } as unknown as ControlDeps['temporal'];
  const activitiesAt = (nowMs: number) =>
    createControlActivities(depsOver(aws, { now: () => nowMs, temporal }));
  return { aws, at: activitiesAt };
}

const watch: SignalsWatch = {
  ...ref,
  known: {
    endpointStatus: 'InService',
    configName: 'flights-1',
    pendingConfigName: null,
    alarms: Object.fromEntries(managed.map((name) => [name, 'OK'])),
    breachedMetrics: [],
    blindMetrics: [],
  },
  releases: [],
  notBeforeMs: 0,
  wakeAtMs: null,
  scheduleAfterMs: NOON,
};

describe('watchSignals', () => {
  it('is quiet when nothing differs, and comes back at the next aligned look', async () => {
    const { at } = world();
    const { error } = await attemptOf(at(NOON + 90_000).watchSignals, [watch]);
    expect(error).toMatchObject({
      type: 'Quiet',
      category: 'BENIGN',
      nextRetryDelay: HOUR - 90_000,
      message:
        'All quiet at 2026-03-01 12:01:30 UTC: endpoint InService, 7 of 7 alarms OK; next look 2026-03-01 13:00 UTC',
    });
  });

  it('says the same when it looks twice', async () => {
    const { at } = world({ states: { 'modelkeeper-flights-health-cpu': 'ALARM' } });
    const { watchSignals } = at(NOON);
    const first = await run(watchSignals, [watch]);
    expect(await run(watchSignals, [watch], { attempt: 2 })).toEqual(first);
  });

  it.each([
    ['an alarm changes', { states: { 'modelkeeper-flights-health-cpu': 'ALARM' as const } }, {}],
    ['the endpoint moves', { status: 'Updating' as const }, {}],
    ['a release has ended', { executions: { r1: 'COMPLETED' } }, { releases: ['r1'] }],
    ['a release was never there', {}, { releases: ['r9'] }],
    ['it is time to wake', {}, { wakeAtMs: NOON }],
  ])('tells when %s', async (_, state, over) => {
    const told = await run(world(state).at(NOON).watchSignals, [{ ...watch, ...over }]);
    expect(told.atMs).toBe(NOON);
  });

  it('is quiet about what is known to be bad, and about releases that run', async () => {
    const bad = { 'modelkeeper-flights-health-cpu': 'ALARM' as const };
    const { at } = world({ states: bad, executions: { r1: 'RUNNING' } });
    const known = { ...watch.known, alarms: { ...watch.known.alarms, ...bad } };
    const { error } = await attemptOf(at(NOON).watchSignals, [
      { ...watch, known, releases: ['r1'] },
    ]);
    expect(error).toMatchObject({
      type: 'Quiet',
      message: expect.stringMatching(/^Nothing new .*6 of 7 alarms OK/) as string,
    });
  });

  it('does not look before its time, and never sooner than a second later', async () => {
    const { aws, at } = world();
    const early = { ...watch, notBeforeMs: NOON + 500 };
    const { error } = await attemptOf(at(NOON).watchSignals, [early]);
    expect(error).toMatchObject({ type: 'Quiet', nextRetryDelay: 1_000 });
    expect(aws.names()).toEqual([]);
  });

  it('comes back when it is woken, if that is sooner than the next look', async () => {
    const { error } = await attemptOf(world().at(NOON).watchSignals, [
      { ...watch, wakeAtMs: NOON + 60_000 },
    ]);
    expect(error).toMatchObject({ nextRetryDelay: 60_000 });
  });

  it('reads a metric and tells when it breaches', async () => {
    const metricSource = {
      id: 'spend',
      kind: 'metric',
      namespace: 'N',
      name: 'Spend',
      stat: 'Sum',
      above: 100,
    } as const;
    const policy = policyWith({
      monitor: { every: '1h', sources: [...ref.policy.spec.monitor.sources, metricSource] },
    });
    const told = await run(world({ metric: 101 }).at(NOON).watchSignals, [{ ...watch, policy }]);
    expect(told.metrics).toEqual([
      {
        source: 'spend',
        value: 101,
        breached: true,
        sentence: 'Spend (Sum over 5m) is 101, above 100',
      },
    ]);
    expect(
      (await attemptOf(world({ metric: 100 }).at(NOON).watchSignals, [{ ...watch, policy }])).error,
    ).toMatchObject({ type: 'Quiet' });
  });

  it('passes an error on to the retry policy', async () => {
    const { aws, at } = world();
    aws.failNext(DescribeAlarmsCommand, awsError('AccessDenied', 'no', 403));
    expect((await attemptOf(at(NOON).watchSignals, [watch])).error).toMatchObject({
      type: 'PermissionMissing',
    });
  });

  it('shares one call among the looks of many models in the same second', async () => {
    const { aws, at } = world();
    const { watchSignals } = at(NOON);
    await Promise.all(Array.from({ length: 16 }, () => attemptOf(watchSignals, [watch])));
    expect(aws.inputs(DescribeAlarmsCommand)).toHaveLength(1);
  });
});

describe('cronDueMs', () => {
  const schedule = { on: ['schedule' as const], schedule: '0 3 1 * *', timeZone: 'Europe/Berlin' };
  const first = Date.parse('2026-03-01T02:00:00Z');
  it('is due at the very instant, in its time zone', () => {
    expect(cronDueMs(schedule, 0, first)).toBe(first);
    expect(cronDueMs(schedule, first - 1, first - 1)).toBeNull();
  });
  it('is due once', () => {
    expect(cronDueMs(schedule, first, first + HOUR)).toBeNull();
  });
  it('is due once for several missed times', () => {
    const daily = { ...schedule, schedule: '0 3 * * *' };
    expect(cronDueMs(daily, first - 10 * 24 * HOUR, first + 1)).toBe(first);
  });
  it('is never due when the policy does not retrain on schedule', () => {
    expect(cronDueMs({ ...schedule, on: [] }, 0, first)).toBeNull();
  });
});

describe('createBatcher', () => {
  it('sends at most as many as one call takes, and gives each its own answer', async () => {
    const sizes: number[] = [];
    const batcher = createBatcher<number, number>({
      maxSize: 100,
      waitMs: 1,
      send: async (_, items) => {
        sizes.push(items.length);
        return items.map((item) => item * 2);
      },
    });
    const answers = await Promise.all(
      Array.from({ length: 250 }, (_, item) => batcher.add('us-east-1', item)),
    );
    expect(answers).toEqual(Array.from({ length: 250 }, (_, item) => item * 2));
    expect(Math.max(...sizes)).toBe(100);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(250);
  });

  it('never mixes groups', async () => {
    const groups = vi.fn(async (_group: string, items: readonly string[]) => items);
    const batcher = createBatcher<string, string>({ maxSize: 10, waitMs: 1, send: groups });
    await Promise.all([batcher.add('a', '1'), batcher.add('b', '2'), batcher.add('a', '3')]);
    expect(groups.mock.calls).toEqual([
      ['a', ['1', '3']],
      ['b', ['2']],
    ]);
  });

  it('fails all that waited for a call that failed', async () => {
    const batcher = createBatcher<number, number>({
      maxSize: 10,
      waitMs: 1,
      send: async () => {
        throw new Error('Rate exceeded');
      },
    });
    const results = await Promise.allSettled([batcher.add('a', 1), batcher.add('a', 2)]);
    expect(results.map((one) => one.status)).toEqual(['rejected', 'rejected']);
  });

  it('lets go of one that gives up, and not of the others', async () => {
    const batcher = createBatcher<number, number>({
      maxSize: 10,
      waitMs: 1,
      send: async (_, items) => items,
    });
    const giveUp = new AbortController();
    const one = batcher.add('a', 1, giveUp.signal);
    const other = batcher.add('a', 2);
    giveUp.abort();
    await expect(one).rejects.toMatchObject({ name: 'AbortError' });
    expect(await other).toBe(2);
  });
});
