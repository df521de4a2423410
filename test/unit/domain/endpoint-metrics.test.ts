import { describe, expect, it } from 'vitest';

import {
  judgeEndpointMetric,
  judgeLimits,
  readingsWanted,
  sourceOfReading,
  unmeasurableLimits,
} from '../../../domain/endpoint-metrics.js';
import { hardwareOf } from '../../../domain/instances.js';
import { policySchema, type EndpointMetricsSource } from '../../../domain/policy.schema.js';
import { aPolicy } from './support.js';

type Metrics = NonNullable<
  Extract<
    NonNullable<
      Parameters<Parameters<typeof aPolicy>[0] & object>[0]['spec']['monitor']['sources']
    >[number],
    { kind: 'endpoint-metrics' }
  >['metrics']
>;

const policyOn = (metrics: Metrics) =>
  aPolicy((draft) => {
    draft.spec.monitor.sources.push({ id: 'load', kind: 'endpoint-metrics', metrics });
  });

function sourceOn(metrics: Metrics): EndpointMetricsSource {
  const source = policyOn(metrics).spec.monitor.sources.find((one) => one.id === 'load');
  if (source?.kind !== 'endpoint-metrics') throw new Error('the source was lost');
  return source;
}

const sentences = (metrics: Metrics, raw: number | null, type = 'ml.c5.xlarge') =>
  readingsWanted(sourceOn(metrics), hardwareOf(type)).map((wanted) => {
    const { breached, sentence, value } = judgeEndpointMetric(wanted, '5m', raw);
    return [breached, value, sentence];
  });

describe('a metric of the endpoint', () => {
  it.each<[string, Metrics, number | null, readonly unknown[]]>([
    [
      'CPU, in percent of the whole instance',
      { CPUUtilization: { abovePercent: 80 } },
      324,
      [true, 81, 'CPUUtilization (Average over 5m) is 81 %, above 80 %'],
    ],
    [
      'CPU, on its limit',
      { CPUUtilization: { abovePercent: 80 } },
      320,
      [false, 80, 'CPUUtilization (Average over 5m) is 80 %'],
    ],
    [
      'memory, which has no cores',
      { MemoryUtilization: { abovePercent: 80, stat: 'Maximum' } },
      81,
      [true, 81, 'MemoryUtilization (Maximum over 5m) is 81 %, above 80 %'],
    ],
    [
      'latency, in milliseconds',
      { ModelLatency: { aboveMs: 500 } },
      500_001,
      [true, 500.001, 'ModelLatency (p99 over 5m) is 500 ms, above 500 ms'],
    ],
    [
      'latency without traffic',
      { OverheadLatency: { aboveMs: 500, stat: 'tm99' } },
      null,
      [false, null, 'OverheadLatency (tm99 over 5m) has no value'],
    ],
    [
      'a share of errors',
      { Invocation5XXErrors: { aboveShare: 0.01 } },
      0.0125,
      [true, 0.0125, 'Invocation5XXErrors (Average over 5m) is 1.25 %, above 1 %'],
    ],
    [
      'a share of errors without traffic',
      { Invocation5XXErrors: { aboveShare: 0.01 } },
      null,
      [false, null, 'Invocation5XXErrors (Average over 5m) has no value'],
    ],
    [
      'a number of errors',
      { Invocation4XXErrors: { above: 3 } },
      4,
      [true, 4, 'Invocation4XXErrors (Sum over 5m) is 4, above 3'],
    ],
    [
      'invocations that nobody made',
      { Invocations: { below: 1 } },
      null,
      [true, 0, 'Invocations (Sum over 5m) is 0, below 1'],
    ],
  ])('%s', (_what, metrics, raw, expected) => {
    expect(sentences(metrics, raw)).toEqual([expected]);
  });

  it('on GPUs is in percent of all of them', () => {
    const gpu: Metrics = { GPUUtilization: { abovePercent: 90 } };
    expect(sentences(gpu, 364, 'ml.g5.12xlarge')).toEqual([
      [true, 91, 'GPUUtilization (Average over 5m) is 91 %, above 90 %'],
    ]);
    expect(sentences(gpu, 364, 'ml.c5.xlarge')).toEqual([]);
  });

  it('is read from the namespace AWS keeps it in, under a key that tells its source', () => {
    const [cpu, latency] = readingsWanted(
      sourceOn({ CPUUtilization: { abovePercent: 1 }, ModelLatency: { aboveMs: 1 } }),
      hardwareOf('ml.m5.large'),
    );
    expect([cpu?.namespace, latency?.namespace]).toEqual([
      '/aws/sagemaker/Endpoints',
      'AWS/SageMaker',
    ]);
    expect(cpu?.key).toBe('load/CPUUtilization');
    expect(sourceOfReading(cpu?.key ?? '')).toBe('load');
    expect(sourceOfReading('spend')).toBe('spend');
  });
});

describe('limits that cannot be measured', () => {
  const fault = (metrics: Metrics, type?: string) =>
    unmeasurableLimits(policyOn(metrics).spec.monitor, type);
  it('are those per core on a type that nobody knows', () => {
    expect(fault({ CPUUtilization: { abovePercent: 80 } }, 'ml.m5.huge')).toMatch(
      'how many vCPUs and GPUs ml.m5.huge has is not known, so load cannot limit CPUUtilization in percent: write it under spec.monitor.instanceTypes',
    );
    expect(fault({ MemoryUtilization: { abovePercent: 80 } }, 'ml.m5.huge')).toBeUndefined();
  });
  it('are those on GPUs where there is none', () => {
    expect(fault({ GPUMemoryUtilization: { abovePercent: 80 } }, 'ml.m5.large')).toMatch(
      'ml.m5.large has no GPU',
    );
    expect(fault({ GPUMemoryUtilization: { abovePercent: 80 } }, 'ml.g5.xlarge')).toBeUndefined();
  });
  it('are those on instances where there is none', () => {
    expect(fault({ DiskUtilization: { abovePercent: 80 } })).toMatch('serverless');
    expect(fault({ ModelLatency: { aboveMs: 80 } })).toBeUndefined();
    // AWS publishes the memory of what runs of a serverless variant.
    expect(fault({ MemoryUtilization: { abovePercent: 80 } })).toBeUndefined();
  });
});

describe('judgeLimits', () => {
  it('has no finding between its limits, and one beyond either', () => {
    const limits = { above: 2, below: 1 };
    const breached = (value: number) => judgeLimits('s', 'n', value, limits).breached;
    expect([0.9, 1, 2, 2.1].map(breached)).toEqual([true, false, false, true]);
  });
});

describe('the policy', () => {
  const faults = (source: object): readonly string[] => {
    const policy = aPolicy();
    const draft = {
      ...policy,
      spec: {
        ...policy.spec,
        monitor: { ...policy.spec.monitor, sources: [...policy.spec.monitor.sources, source] },
      },
    };
    const parsed = policySchema.safeParse(draft);
    return parsed.success
      ? []
      : parsed.error.issues.map(({ path, message }) => `${path.slice(4).join('.')}: ${message}`);
  };
  const metric = (over: object) => ({
    id: 'x',
    kind: 'metric',
    namespace: 'N',
    name: 'M',
    stat: 'Sum',
    above: 1,
    ...over,
  });

  it.each([
    'p99',
    'p99.9',
    'p0',
    'p100',
    'tm99',
    'wm98.5',
    'tc10',
    'ts80',
    'IQM',
    'PR(:300)',
    'PR(100:2000)',
    'TM(2%:98%)',
    'TM(:95%)',
    'WM(5%:)',
    'TC(0.005:0.030)',
    'TS(80%:)',
    'Maximum',
  ])('takes %s as a statistic', (stat) => {
    expect(faults(metric({ stat }))).toEqual([]);
  });
  it.each([
    'p101',
    'p',
    'tm',
    'average',
    'P99',
    'PR(1%:2%)',
    'TM()',
    'TM(:)',
    'TM(1:2%)',
    'IQM5',
    'p99,p50',
  ])('refuses %s as a statistic', (stat) => {
    expect(faults(metric({ stat }))).toHaveLength(1);
  });

  it.each<[string, object, string]>([
    ['no metric', {}, 'name at least one metric'],
    ['a metric without a limit', { ModelLatency: { stat: 'p50' } }, 'say a limit'],
    [
      'limits that leave nothing',
      { CPUUtilization: { abovePercent: 10, belowPercent: 20 } },
      'below must not be greater',
    ],
    ['percent above a hundred', { CPUUtilization: { abovePercent: 400 } }, '<=100'],
    ['a limit in another unit', { ModelLatency: { abovePercent: 4 } }, 'abovePercent'],
    ['two limits on errors', { Invocation4XXErrors: { above: 4, aboveShare: 0.1 } }, 'not both'],
    ['a statistic of a count', { Invocations: { stat: 'Average', above: 4 } }, 'stat'],
    ['a metric that AWS does not have', { CpuUtilization: { abovePercent: 4 } }, 'CpuUtilization'],
  ])('refuses %s of the endpoint', (_what, metrics, fault) => {
    const found = faults({ id: 'x', kind: 'endpoint-metrics', metrics });
    expect(found.join('\n')).toContain(fault);
  });

  it('refuses the ARN of an alarm in place of its name', () => {
    const alarms = ['arn:aws:cloudwatch:eu-west-1:111122223333:alarm:checkout'];
    expect(faults({ id: 'x', kind: 'alarms', alarms }).join()).toContain('not its ARN');
  });

  it('refuses limits on alarms of your own', () => {
    expect(faults({ id: 'x', kind: 'alarms', alarms: ['a'], limits: { errorShare: 0.1 } })).toEqual(
      [
        'limits: limits are those of the managed alarms: alarms of your own have theirs in CloudWatch',
      ],
    );
  });
});
