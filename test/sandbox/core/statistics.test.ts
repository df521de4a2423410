import { GetMetricDataCommand, GetMetricStatisticsCommand } from '@aws-sdk/client-cloudwatch';
import { beforeAll, describe, expect, it } from 'vitest';
import { add, emptyBucket } from '../../../sandbox/aws/cloudwatch/series.js';
import type { Bucket, Observation } from '../../../sandbox/aws/cloudwatch/series.js';
import { isStatistic, statisticOf } from '../../../sandbox/aws/cloudwatch/statistics.js';
import { clients, failure, start } from './support.js';

const metric = { namespace: 'Own', name: 'm', dimensions: {}, atMs: 0 };

function bucketOf(...observations: readonly Partial<Observation>[]): Bucket {
  const bucket = emptyBucket();
  for (const each of observations) add(bucket, { ...metric, value: 0, ...each }, () => 0.5);
  return bucket;
}

/** 1 to 100, in seconds of twenty. */
const hundred = [0, 20, 40, 60, 80].map((from) =>
  bucketOf(...Array.from({ length: 20 }, (_, at) => ({ value: from + at + 1 }))),
);

describe('statistics of the values 1 to 100', () => {
  it.each([
    ['p99', 99],
    ['p0', 1],
    ['p100', 100],
    ['tm90', 45.5],
    ['TM(10%:90%)', 50.5],
    ['TM(:90%)', 45.5],
    ['TM(10%:)', 55.5],
    ['IQM', 50.5],
    ['TM(10:20)', 15.5],
    ['TM(90:)', 95.5],
    ['wm98', (4851 + 2 * 98) / 100],
    ['WM(10%:90%)', (10 * 10 + 4040 + 10 * 90) / 100],
    ['WM(10:90)', (10 * 10 + 4040 + 10 * 90) / 100],
    ['tc90', 90],
    ['TC(20:80)', 60],
    ['ts90', 4095],
    ['TS(80%:)', 1810],
    ['PR(:30)', 30],
    ['PR(10:20)', 10],
    ['PR(97.5:)', 3],
    ['PR(:1e1)', 10],
  ])('%s is %d', (statistic, expected) => {
    expect(statisticOf(hundred, statistic)).toBeCloseTo(expected, 9);
  });
});

describe('a trimmed statistic', () => {
  it('counts an observation on the bound with its part inside', () => {
    // 90 % of two observations: the first, and four fifths of the second.
    const two = [bucketOf({ value: 10 }, { value: 20 })];
    expect(statisticOf(two, 'tc90')).toBe(1.8);
    expect(statisticOf(two, 'ts90')).toBe(26);
    expect(statisticOf(two, 'tm90')).toBeCloseTo(26 / 1.8, 9);
  });

  it('has no value where nothing lies between its bounds', () => {
    expect(statisticOf(hundred, 'TM(200:300)')).toBeUndefined();
    expect(statisticOf(hundred, 'TC(200:300)')).toBe(0);
    expect(statisticOf(hundred, 'PR(200:300)')).toBe(0);
  });

  it('weighs values that were sent with counts', () => {
    const counted = [bucketOf({ value: 1, times: 9 }), bucketOf({ value: 100 })];
    expect(statisticOf(counted, 'tm90')).toBe(1);
    expect(statisticOf(counted, 'PR(50:)')).toBe(10);
  });

  it('has no value for negative data, nor for data that came as statistics of several', () => {
    expect(statisticOf([bucketOf({ value: -1 }, { value: 5 })], 'tm99')).toBeUndefined();
    const aggregated = bucketOf({ statistics: { count: 2, sum: 3, min: 1, max: 2 } });
    expect(statisticOf([aggregated], 'tm99')).toBeUndefined();
    const alike = bucketOf({ statistics: { count: 2, sum: 4, min: 2, max: 2 } });
    expect(statisticOf([alike], 'tm99')).toBe(2);
  });
});

it.each([
  'p101',
  'p',
  'tm101',
  'tm-1',
  'iqm',
  'tm(10%:90%)',
  'TM(10%:90)',
  'TM(:)',
  'TM(90%:10%)',
  'TM(5:5)',
  'PR(10%:20%)',
  'PR(300)',
  'PR()',
  'xx99',
  'Median',
])('%s is no statistic', (text) => {
  expect(isStatistic(text)).toBe(false);
});

describe('over HTTP', async () => {
  const { url, kernel } = await start();
  const { cloudWatch } = clients(url);
  const minute = 60_000;
  const startMs = Math.floor(Date.now() / minute) * minute - 10 * minute;
  const range = { StartTime: new Date(startMs), EndTime: new Date(startMs + minute) };
  const asked = { Namespace: 'AWS/SageMaker', MetricName: 'ModelLatency' };

  beforeAll(() => {
    kernel.observe(
      Array.from({ length: 100 }, (_, at) => ({
        namespace: asked.Namespace,
        name: asked.MetricName,
        dimensions: {},
        value: at + 1,
        atMs: startMs + at * 500,
      })),
    );
  });

  it('GetMetricStatistics answers them by name, beside plain ones', async () => {
    const ExtendedStatistics = ['tm90', 'PR(:30)', 'IQM', 'p50'];
    const { Datapoints } = await cloudWatch.send(
      new GetMetricStatisticsCommand({
        ...asked,
        ...range,
        Period: 60,
        Statistics: ['Maximum'],
        ExtendedStatistics,
      }),
    );
    expect(Datapoints).toMatchObject([
      { Maximum: 100, ExtendedStatistics: { tm90: 45.5, 'PR(:30)': 30, IQM: 50.5, p50: 50 } },
    ]);
  });

  it('GetMetricData answers them, and refuses what is none', async () => {
    const query = (Stat: string) =>
      new GetMetricDataCommand({
        ...range,
        MetricDataQueries: [{ Id: 'a', MetricStat: { Metric: asked, Period: 60, Stat } }],
      });
    const { MetricDataResults } = await cloudWatch.send(query('TM(10%:90%)'));
    expect(MetricDataResults?.[0]?.Values).toEqual([50.5]);
    expect((await failure(cloudWatch.send(query('tm(10%:90%)')))).message).toMatch('not supported');
  });
});
