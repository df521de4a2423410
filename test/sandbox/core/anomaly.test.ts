import {
  DeleteAnomalyDetectorCommand,
  DescribeAlarmsCommand,
  DescribeAnomalyDetectorsCommand,
  GetMetricDataCommand,
  PutAnomalyDetectorCommand,
  PutMetricAlarmCommand,
  PutMetricDataCommand,
} from '@aws-sdk/client-cloudwatch';
import type {
  PutAnomalyDetectorCommandInput,
  PutMetricAlarmCommandInput,
} from '@aws-sdk/client-cloudwatch';
import { describe, expect, it, vi } from 'vitest';
import { readMetricAlarm } from '../../../sandbox/aws/cloudwatch/alarm-operations.js';
import { bandOf } from '../../../sandbox/aws/cloudwatch/anomaly.js';
import { onOwnClock } from './own-clock.js';
import { clients, failure, start } from './support.js';

const minute = 60_000;
const startMs = Math.floor(Date.now() / minute) * minute;

/** 9 and 11 by turns: mean 10, standard deviation 1 over an even number of points. */
const swing = (at: number): number => (at % 2 === 0 ? 9 : 11);
const series = (values: readonly number[]) => ({
  kind: 'series' as const,
  periodMs: minute,
  points: new Map(values.map((value, at) => [at * minute, value])),
});

describe('a band', () => {
  it('is the mean of what came before, more or less so many standard deviations', () => {
    const band = bandOf(
      series(Array.from({ length: 10 }, (_, at) => swing(at))),
      0,
      11 * minute,
      3,
    );
    expect([...band.upper.points]).toEqual([[10 * minute, 13]]);
    expect([...band.lower.points]).toEqual([[10 * minute, 7]]);
  });

  it('is not there before the tenth point', () => {
    const nine = series(Array.from({ length: 9 }, () => 5));
    expect(bandOf(nine, 0, 60 * minute, 2).upper.points.size).toBe(0);
  });

  it('forgets what is more than three hours old', () => {
    const old = series([...Array<number>(10).fill(1000), ...Array<number>(180).fill(5)]);
    const at = 190 * minute;
    const { upper, lower } = bandOf(old, at, at + minute, 2);
    expect([upper.points.get(at), lower.points.get(at)]).toEqual([5, 5]);
  });

  it('has no width over equal values, whatever their fractions', () => {
    const { upper, lower } = bandOf(
      series(Array<number>(10).fill(0.1)),
      10 * minute,
      11 * minute,
      2,
    );
    expect([...upper.points.values(), ...lower.points.values()]).toEqual([0.1, 0.1]);
  });

  it('does not fall below zero for what never did', () => {
    const counts = [0, 0, 0, 0, 0, 0, 0, 0, 0, 10];
    expect([...bandOf(series(counts), 10 * minute, 11 * minute, 2).lower.points.values()]).toEqual([
      0,
    ]);
    const signed = [...counts.slice(1), -1];
    expect(
      [...bandOf(series(signed), 10 * minute, 11 * minute, 2).lower.points.values()][0],
    ).toBeLessThan(-1);
  });
});

const banded: PutMetricAlarmCommandInput = {
  AlarmName: 'odd',
  EvaluationPeriods: 1,
  ComparisonOperator: 'LessThanLowerOrGreaterThanUpperThreshold',
  ThresholdMetricId: 'band',
  Metrics: [
    {
      Id: 'm1',
      MetricStat: { Metric: { Namespace: 'Own', MetricName: 'm' }, Period: 60, Stat: 'Average' },
      ReturnData: true,
    },
    {
      Id: 'band',
      Expression: 'ANOMALY_DETECTION_BAND(m1, 2)',
      Label: 'm (expected)',
      ReturnData: true,
    },
  ],
};
type Read = Parameters<typeof readMetricAlarm>[0];

/** An alarm that has seen twelve quiet minutes. */
function learnt(over: Partial<PutMetricAlarmCommandInput> = {}) {
  const world = onOwnClock(startMs);
  world.alarms.put(readMetricAlarm({ ...banded, ...over } as Read));
  const minuteOf = (value: number | undefined): string | undefined => {
    if (value !== undefined) world.observe(value);
    world.advance(minute);
    return world.alarms.get('odd')?.state.value;
  };
  const quiet = Array.from({ length: 12 }, (_, at) => minuteOf(swing(at)));
  return { ...world, minuteOf, quiet };
}

describe('an alarm on a band', () => {
  it('knows nothing until there is one, then is OK', () => {
    const { quiet } = learnt({ TreatMissingData: 'breaching' });
    expect(quiet.slice(0, 10)).toEqual(Array(10).fill('INSUFFICIENT_DATA'));
    expect(quiet.slice(10)).toEqual(['OK', 'OK']);
  });

  it.each([
    ['LessThanLowerOrGreaterThanUpperThreshold', 'ALARM', 'ALARM'],
    ['GreaterThanUpperThreshold', 'ALARM', 'OK'],
    ['LessThanLowerThreshold', 'OK', 'ALARM'],
  ] as const)('by %s is %s above it, and %s below', (ComparisonOperator, above, below) => {
    expect(learnt({ ComparisonOperator }).minuteOf(20)).toBe(above);
    expect(learnt({ ComparisonOperator }).minuteOf(1)).toBe(below);
  });

  it('says what it compared with, in the words and the data of AWS', () => {
    const { alarms, minuteOf } = learnt();
    minuteOf(20);
    const state = alarms.get('odd')?.state;
    expect(state?.reason).toMatch(
      /^Thresholds Crossed: 1 out of the last 1 datapoints \[20\.0 \(.*\)\] was less than the lower thresholds \[8\.0\] or greater than the upper thresholds \[12\.0\] \(minimum 1 datapoint for OK -> ALARM transition\)\.$/,
    );
    expect(JSON.parse(state?.reasonData ?? '')).toMatchObject({
      recentDatapoints: [20],
      recentLowerThresholds: [8],
      recentUpperThresholds: [12],
    });
    expect(state?.reasonData).not.toContain('"threshold"');
  });

  it('treats a period without data as every alarm does, once there is a band', () => {
    const missing = learnt({ TreatMissingData: 'breaching' });
    expect([1, 2, 3].map(() => missing.minuteOf(undefined)).at(-1)).toBe('ALARM');
  });

  it('does not learn from times its detector leaves out', () => {
    const { detectors, minuteOf } = learnt();
    const spoilt = [500, 600].map(minuteOf);
    expect(spoilt).toEqual(['ALARM', 'ALARM']);
    // With the two in mind, 60 would be normal.
    const metric = { Namespace: 'Own', MetricName: 'm', Dimensions: [], Stat: 'Average' };
    detectors.ensure({ kind: 'SINGLE_METRIC', metric });
    const [detector] = detectors.list();
    if (detector === undefined) throw new Error('no detector');
    expect(minuteOf(60)).toBe('OK');
    const from = (startMs + 12 * minute) / 1000;
    detectors.put({
      ...detector,
      configuration: { ExcludedTimeRanges: [{ StartTime: from, EndTime: from + 180 }] },
    });
    expect(minuteOf(60)).toBe('ALARM');
  });
});

describe('over HTTP', async () => {
  const { url } = await start();
  const { cloudWatch } = clients(url);
  await cloudWatch.send(
    new PutMetricDataCommand({
      Namespace: 'Own',
      MetricData: Array.from({ length: 21 }, (_, at) => ({
        MetricName: 'm',
        Value: at === 20 ? 99 : swing(at),
        Timestamp: new Date(startMs - (21 - at) * minute),
      })),
    }),
  );

  it('an alarm on a band goes off, is described with its band, and makes its detector', async () => {
    await cloudWatch.send(new PutMetricAlarmCommand({ ...banded, AlarmName: 'live' }));
    const described = async () =>
      (await cloudWatch.send(new DescribeAlarmsCommand({ AlarmNames: ['live'] })))
        .MetricAlarms?.[0];
    await vi.waitUntil(async () => (await described())?.StateValue === 'ALARM', { timeout: 5_000 });
    const alarm = await described();
    expect(alarm).toMatchObject({
      ThresholdMetricId: 'band',
      Metrics: [{ Id: 'm1' }, { Id: 'band' }],
    });
    expect(alarm?.Threshold).toBeUndefined();
    const { AnomalyDetectors } = await cloudWatch.send(
      new DescribeAnomalyDetectorsCommand({ Namespace: 'Own', MetricName: 'm' }),
    );
    expect(AnomalyDetectors).toMatchObject([
      { SingleMetricAnomalyDetector: { MetricName: 'm', Stat: 'Average' }, StateValue: 'TRAINED' },
    ]);
  });

  it('GetMetricData gives the upper and the lower limit under the id of the band', async () => {
    const { MetricDataResults } = await cloudWatch.send(
      new GetMetricDataCommand({
        StartTime: new Date(startMs - minute),
        EndTime: new Date(startMs),
        MetricDataQueries: banded.Metrics,
      }),
    );
    expect(MetricDataResults?.map(({ Id, Label, Values }) => [Id, Label, Values])).toEqual([
      ['m1', 'm', [99]],
      ['band', 'm (expected) High', [12]],
      ['band', 'm (expected) Low', [8]],
    ]);
  });

  it('a detector is put once, described by type, and deleted once', async () => {
    const Metric = {
      Namespace: 'Own',
      MetricName: 'fresh',
      Dimensions: [
        { Name: 'a', Value: '1' },
        { Name: 'b', Value: '2' },
      ],
    };
    const single = { ...Metric, Stat: 'tm99' };
    await cloudWatch.send(new PutAnomalyDetectorCommand({ SingleMetricAnomalyDetector: single }));
    await cloudWatch.send(
      new PutAnomalyDetectorCommand({
        SingleMetricAnomalyDetector: { ...single, Dimensions: Metric.Dimensions.toReversed() },
      }),
    );
    const math = {
      MetricDataQueries: [
        { Id: 'a', MetricStat: { Metric, Period: 60, Stat: 'Sum' }, ReturnData: false },
        { Id: 'b', Expression: 'a * 2' },
      ],
    };
    await cloudWatch.send(new PutAnomalyDetectorCommand({ MetricMathAnomalyDetector: math }));
    const described = async (...AnomalyDetectorTypes: ('SINGLE_METRIC' | 'METRIC_MATH')[]) =>
      (
        await cloudWatch.send(
          new DescribeAnomalyDetectorsCommand({
            MetricName: 'fresh',
            ...(AnomalyDetectorTypes.length === 0 ? {} : { AnomalyDetectorTypes }),
          }),
        )
      ).AnomalyDetectors;
    expect(await described()).toMatchObject([{ Stat: 'tm99', StateValue: 'PENDING_TRAINING' }]);
    expect(await described('METRIC_MATH')).toMatchObject([{ MetricMathAnomalyDetector: math }]);
    expect(await described('METRIC_MATH', 'SINGLE_METRIC')).toHaveLength(2);
    const remove = () =>
      cloudWatch.send(new DeleteAnomalyDetectorCommand({ SingleMetricAnomalyDetector: single }));
    await remove();
    expect(await failure(remove())).toMatchObject({
      name: 'ResourceNotFoundException',
      $metadata: { httpStatusCode: 404 },
    });
  });

  it.each<[string, Partial<PutMetricAlarmCommandInput>, string]>([
    [
      'no band',
      { ThresholdMetricId: undefined },
      'ComparisonOperators for ranges require ThresholdMetricId to be set',
    ],
    ['a number too', { Threshold: 1 }, 'Threshold and ThresholdMetricId cannot both be set'],
    [
      'a band that is none',
      {
        ThresholdMetricId: 'm1',
        Metrics: [...(banded.Metrics ?? []).slice(0, 1), { Id: 'x', Expression: 'm1 * 2' }],
      },
      'Threshold metric expression must use ANOMALY_DETECTION_BAND function.',
    ],
    ['an id that is not there', { ThresholdMetricId: 'absent' }, 'Exactly one element'],
    [
      'a number to compare with',
      { ComparisonOperator: 'GreaterThanThreshold' },
      'cannot be used with',
    ],
    [
      'a scaling policy',
      { AlarmActions: ['arn:aws:autoscaling:us-east-1:1:scalingPolicy:1:resource/x:policyName/p'] },
      'Auto Scaling actions are not supported',
    ],
    [
      'a width that is a metric',
      {
        Metrics: [
          ...(banded.Metrics ?? []).slice(0, 1),
          { Id: 'band', Expression: 'ANOMALY_DETECTION_BAND(m1, m1)' },
        ],
      },
      'must be a positive number',
    ],
  ])('an alarm is refused with %s', async (_claim, over, message) => {
    const error = await failure(cloudWatch.send(new PutMetricAlarmCommand({ ...banded, ...over })));
    expect(error.message).toContain(message);
  });

  it.each<[string, PutAnomalyDetectorCommandInput, string]>([
    ['nothing', {}, 'The parameter Namespace is required.'],
    [
      'no statistic',
      { SingleMetricAnomalyDetector: { Namespace: 'Own', MetricName: 'm' } },
      'The parameter Stat is required.',
    ],
    [
      'a metric in two ways',
      {
        SingleMetricAnomalyDetector: { Namespace: 'Own' },
        MetricMathAnomalyDetector: { MetricDataQueries: [] },
      },
      'Only one of',
    ],
  ])('a detector is refused with %s', async (_claim, input, message) => {
    const error = await failure(cloudWatch.send(new PutAnomalyDetectorCommand(input)));
    expect(error.message).toContain(message);
  });
});
