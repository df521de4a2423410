/** Alarms and metrics of people's own on the local AWS, from the data to the verdict: nothing in between is made up. */
import {
  PutCompositeAlarmCommand,
  PutMetricAlarmCommand,
  PutMetricDataCommand,
} from '@aws-sdk/client-cloudwatch';
import {
  CreateEndpointCommand,
  CreateEndpointConfigCommand,
  CreateModelCommand,
  DescribeEndpointCommand,
} from '@aws-sdk/client-sagemaker';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { SignalsTold, SignalsWatch } from '../../activities/contract.js';
import type { ControlDeps } from '../../activities/deps.js';
import { createControlActivities } from '../../activities/index.js';
import { judge } from '../../domain/detect.js';
import type { PolicyInput } from '../../domain/policy.schema.js';
import {
  discard,
  LEARNER,
  openBench,
  REGION,
  ROLE,
  until,
  type Bench,
} from '../sandbox/sagemaker/support.js';
import { policyInput, policyWith, run } from './support.js';

type Sources = PolicyInput['spec']['monitor']['sources'];

const ENDPOINT = 'flights-live';
const MINUTE = 60_000;

let bench: Bench;

beforeAll(async () => {
  bench = await openBench();
  const { sagemaker, cloudwatch } = bench;
  const PrimaryContainer = { Image: LEARNER };
  await sagemaker.send(
    new CreateModelCommand({ ModelName: 'first', ExecutionRoleArn: ROLE, PrimaryContainer }),
  );
  await sagemaker.send(
    new CreateEndpointConfigCommand({
      EndpointConfigName: 'first',
      ProductionVariants: [
        {
          VariantName: 'AllTraffic',
          ModelName: 'first',
          InstanceType: 'ml.m5.large',
          InitialInstanceCount: 1,
        },
      ],
    }),
  );
  await sagemaker.send(
    new CreateEndpointCommand({ EndpointName: ENDPOINT, EndpointConfigName: 'first' }),
  );
  await until(
    () => sagemaker.send(new DescribeEndpointCommand({ EndpointName: ENDPOINT })),
    ({ EndpointStatus }) => EndpointStatus === 'InService',
  );
  // Twenty quiet minutes, then one that is none.
  const lastMs = Math.floor(Date.now() / MINUTE) * MINUTE - MINUTE;
  await cloudwatch.send(
    new PutMetricDataCommand({
      Namespace: 'Shop',
      MetricData: [
        ...Array.from({ length: 20 }, (_, at) => ({
          MetricName: 'refunds',
          Value: 10 + (at % 2),
          Timestamp: new Date(lastMs - (at + 1) * MINUTE),
        })),
        { MetricName: 'refunds', Value: 90, Timestamp: new Date(lastMs) },
        // 1 to 49 and one outlier: only a trimmed mean stays below 30.
        {
          MetricName: 'wait',
          Values: [...Array.from({ length: 49 }, (_, at) => at + 1), 100_000],
          Timestamp: new Date(lastMs),
        },
      ],
    }),
  );
  await cloudwatch.send(
    new PutMetricAlarmCommand({
      AlarmName: 'shop-odd-refunds',
      EvaluationPeriods: 1,
      ComparisonOperator: 'GreaterThanUpperThreshold',
      ThresholdMetricId: 'band',
      Metrics: [
        {
          Id: 'm1',
          MetricStat: {
            Metric: { Namespace: 'Shop', MetricName: 'refunds' },
            Period: 60,
            Stat: 'Average',
          },
          ReturnData: true,
        },
        { Id: 'band', Expression: 'ANOMALY_DETECTION_BAND(m1, 3)', ReturnData: true },
      ],
    }),
  );
  await cloudwatch.send(
    new PutMetricAlarmCommand({
      AlarmName: 'shop-waits',
      Namespace: 'Shop',
      MetricName: 'wait',
      ExtendedStatistic: 'tm98',
      Period: 60,
      EvaluationPeriods: 1,
      Threshold: 24,
      ComparisonOperator: 'GreaterThanThreshold',
    }),
  );
  await cloudwatch.send(
    new PutCompositeAlarmCommand({
      AlarmName: 'shop-all',
      AlarmRule: 'ALARM("shop-odd-refunds") AND ALARM("shop-waits")',
    }),
  );
  await until(
    async () => bench.kernel.alarmState('shop-all'),
    (state) => state === 'ALARM',
  );
}, 60_000);
afterAll(async () => {
  await bench.close();
  discard(bench.home);
});

/** One look with these sources, and what it comes to. */
async function lookWith(...sources: Sources) {
  const policy = policyWith({
    endpoint: { name: ENDPOINT, region: REGION },
    monitor: {
      every: '1h',
      // The policy of the tests also looks at data, of which there is none here.
      sources: [...policyInput.spec.monitor.sources.slice(1), ...sources],
    },
  });
  const clients = { sagemaker: bench.sagemaker, cloudwatch: bench.cloudwatch };
  const { watchSignals } = createControlActivities({
    aws: () => clients as unknown as ReturnType<ControlDeps['aws']>,
    temporal: {} as ControlDeps['temporal'],
    now: () => Date.now(),
    consoleUrl: null,
  });
  const watch: SignalsWatch = {
    model: 'flights',
    policy,
    known: {
      endpointStatus: 'absent',
      configName: null,
      pendingConfigName: null,
      alarms: {},
      breachedMetrics: [],
      blindMetrics: [],
    },
    releases: [],
    notBeforeMs: 0,
    wakeAtMs: null,
    scheduleAfterMs: Date.now(),
  };
  const told: SignalsTold = await run(watchSignals, [watch]);
  const seen = { ...told, windows: {}, noData: {}, baselineMissing: null };
  return { told, judgement: judge(policy.spec, seen) };
}

describe('an alarm of your own', () => {
  it('on an anomaly is a finding, with what CloudWatch says of the band', async () => {
    const { judgement } = await lookWith({
      id: 'own',
      kind: 'alarms',
      alarms: ['shop-odd-refunds'],
    });
    expect(judgement.verdict).toBe('unhealthy endpoint');
    expect(judgement.reasons).toEqual([
      expect.stringMatching(
        /^alarm shop-odd-refunds: Thresholds Crossed: 1 out of the last 1 datapoints \[90\.0 .* greater than the upper thresholds \[12\.0\]/,
      ),
    ]);
  });

  it('on an anomaly that means drift is confirmed drift', async () => {
    const { judgement } = await lookWith({
      id: 'own',
      kind: 'alarms',
      alarms: ['shop-odd-refunds'],
      means: 'drift',
    });
    expect(judgement.verdict).toBe('drift');
    expect(judgement.windows).toMatchObject([{ source: 'own', sourceKind: 'alarms' }]);
  });

  it('that is composite is a finding, and names the alarm that decided it', async () => {
    const { told, judgement } = await lookWith({
      id: 'both',
      kind: 'alarms',
      alarms: ['shop-all'],
      means: 'performance',
    });
    expect(told.alarms).toMatchObject([{ name: 'shop-all', state: 'ALARM' }]);
    expect(judgement.verdict).toBe('performance');
    expect(judgement.reasons).toEqual([
      expect.stringMatching(/^alarm shop-all: arn:aws:cloudwatch:.*transitioned to ALARM/),
    ]);
  });

  it('that does not exist is no finding and no health either', async () => {
    const { told, judgement } = await lookWith({ id: 'own', kind: 'alarms', alarms: ['absent'] });
    expect(told.alarms).toMatchObject([{ name: 'absent', absent: true }]);
    expect(judgement.verdict).toBe('cannot tell');
  });
});

describe('a trimmed mean', () => {
  const wait = { namespace: 'Shop', name: 'wait', dimensions: {}, stat: 'tm98' };

  it.each<[string, Sources[number], number]>([
    ['metric', { id: 'wait', kind: 'metric', ...wait, period: '1m', above: 30 }, 25],
    [
      'metric-math',
      {
        id: 'wait',
        kind: 'metric-math',
        metrics: { w: wait },
        expression: 'w * 2',
        period: '1m',
        above: 60,
      },
      50,
    ],
  ])('is read by a source of kind %s, without the outlier', async (_kind, source, value) => {
    const { told } = await lookWith(source);
    expect(told.metrics).toMatchObject([{ source: 'wait', value, breached: false }]);
  });
});
