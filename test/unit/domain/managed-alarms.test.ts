import { describe, expect, it } from 'vitest';

import { hardwareOf } from '../../../domain/instances.js';
import {
  isAboutSilence,
  isLeftBehind,
  isNameOfOurs,
  isOfRelease,
  managedAlarms,
  rollbackAlarms,
  watchedAlarms,
} from '../../../domain/managed-alarms.js';
import { aPolicy } from './support.js';

const policy = aPolicy((draft) => {
  draft.spec.deploy = { limits: { errorShare: 0.0125, latencyP99Ms: 250, period: '2m' } };
});
const of = (type?: string) => managedAlarms(policy, 'health', hardwareOf(type));
const alarm = (kind: string, type = 'ml.c5.2xlarge') =>
  of(type).find(({ name }) => name === `modelkeeper-flights-health-${kind}`);

describe('the managed alarms', () => {
  it('are those of the instance that serves', () => {
    const all = [
      'errors-5xx',
      'errors-4xx',
      'latency',
      'cpu',
      'gpu',
      'gpu-memory',
      'memory',
      'disk',
      'no-traffic',
    ];
    const names = (type?: string) =>
      of(type).map(({ name }) => name.replace('modelkeeper-flights-health-', ''));
    expect(names('ml.g5.12xlarge')).toEqual(all);
    const withoutGpu = all.filter((kind) => !kind.startsWith('gpu'));
    expect(names('ml.m5.large')).toEqual(withoutGpu);
    const blind = withoutGpu.filter((kind) => kind !== 'cpu');
    expect(names('ml.m5.huge')).toEqual(blind);
    expect(names()).toEqual(blind);
  });

  it('of an asynchronous endpoint count its answers, since nothing counts its invocations', () => {
    const made = managedAlarms(policy, 'health', hardwareOf('ml.m5.large'), {
      asynchronous: true,
      serverless: false,
    });
    expect(JSON.stringify(made)).not.toContain('"Invocations"');
    const by = { metric: 'Invocation5XXErrors', stat: 'SampleCount' };
    expect(made.flatMap(({ countedBy }) => countedBy ?? [])).toEqual([by, by]);
    expect(made.at(-1)).toMatchObject({ ...by, threshold: 1, missing: 'breaching' });
    expect(made.map(({ name }) => name)).toEqual(of('ml.m5.large').map(({ name }) => name));
  });

  it('of a serverless variant are without a disk, and its memory is not full while nothing runs', () => {
    const made = managedAlarms(policy, 'health', undefined, {
      asynchronous: false,
      serverless: true,
    });
    expect(made.map(({ name }) => name.replace('modelkeeper-flights-health-', ''))).toEqual([
      'errors-5xx',
      'errors-4xx',
      'latency',
      'memory',
      'no-traffic',
    ]);
    expect(made[3]).toMatchObject({ metric: 'MemoryUtilization', missing: 'notBreaching' });
    expect(made[0]?.countedBy).toBeUndefined();
  });

  it('have names that are known to be ours, and of no release', () => {
    const made = of('ml.g5.12xlarge').map(({ name }) => name);
    expect(made.filter((name) => !isNameOfOurs('flights', name))).toEqual([]);
    expect(made.filter((name) => isOfRelease('flights', name))).toEqual([]);
    expect(isNameOfOurs('flights', 'modelkeeper-flights-release-3-abort')).toBe(true);
    expect(isOfRelease('flights', 'modelkeeper-flights-release-3-abort')).toBe(true);
    expect(isNameOfOurs('flights', 'modelkeeper-flights-my-own')).toBe(false);
    expect(isNameOfOurs('flights', 'other-flights-health-cpu')).toBe(false);
  });

  it.each(['out', 'in', '1', '12'])(
    'that scale a candidate (%s) are ours and of a release',
    (end) => {
      const name = `modelkeeper-flights-release-3-candidate-scaling-${end}`;
      expect(isNameOfOurs('flights', name)).toBe(true);
      expect(isOfRelease('flights', name)).toBe(true);
    },
  );

  it('that scale a candidate are left behind once no split of their release is there', () => {
    const name = 'modelkeeper-flights-release-3-candidate-scaling-out';
    const left = (...configs: (string | null)[]) => isLeftBehind('flights', name, configs);
    expect(left('flights-2', null)).toBe(true);
    expect(left(null, null)).toBe(true);
    expect(left('flights-3', null)).toBe(true);
    expect(left('flights-13-split', 'flights-3-4-split')).toBe(true);
    expect(left('flights-3-split', null)).toBe(false);
    expect(left('flights-3-3-split', 'flights-3-3')).toBe(false);
    expect(left('flights-2', 'flights-3-2-split')).toBe(false);
  });

  it('that scale nothing, or another model’s candidate, are never left behind', () => {
    for (const name of [
      'modelkeeper-flights-release-3-abort',
      'modelkeeper-flights-release-3-candidate-errors',
      'modelkeeper-flights-release-3-candidate-scaling-cpu',
      'modelkeeper-flights-release-3-candidate-scaling-by-hand',
      'modelkeeper-flights-scaling-out',
      'modelkeeper-other-release-3-candidate-scaling-out',
    ])
      expect([name, isLeftBehind('flights', name, [])]).toEqual([name, false]);
  });

  it('on GPUs count a hundred for each', () => {
    expect(alarm('gpu', 'ml.g5.12xlarge')).toMatchObject({
      metric: 'GPUUtilization',
      threshold: 380,
      description: 'GPU of flights is above 95 % of 4 GPUs.',
      missing: 'missing',
    });
    expect(alarm('gpu-memory', 'ml.g5.xlarge')).toMatchObject({
      metric: 'GPUMemoryUtilization',
      threshold: 95,
    });
  });

  it('on silence are breached by it, over the whole of the time and a day at most', () => {
    expect(alarm('no-traffic')).toMatchObject({
      metric: 'Invocations',
      stat: 'Sum',
      comparison: 'LessThanThreshold',
      threshold: 1,
      periodSeconds: 120,
      evaluationPeriods: 8,
      datapointsToAlarm: 8,
      missing: 'breaching',
      description: 'Nobody has invoked flights for 16 min: nothing can be told of its answers.',
    });
    expect(isAboutSilence(alarm('no-traffic')?.name ?? '')).toBe(true);
    expect(isAboutSilence(alarm('latency')?.name ?? '')).toBe(false);
    const withLimit = (noTraffic: string, period: string) =>
      managedAlarms(
        aPolicy((draft) => {
          draft.spec.monitor.sources = [{ id: 'health', kind: 'alarms', limits: { noTraffic } }];
          draft.spec.retrain.on = ['schedule'];
          draft.spec.deploy = { limits: { period }, probation: { rollBackOn: ['alarms'] } };
        }),
        'health',
        undefined,
      ).find(({ name }) => isAboutSilence(name))?.evaluationPeriods;
    expect(withLimit('24h', '10s')).toBe(8_640);
    expect(withLimit('24h', '7m')).toBe(205);
    expect(withLimit('off', '1m')).toBeUndefined();
  });

  it('have the limits of their source, and those of deployments where it says none', () => {
    const own = aPolicy((draft) => {
      draft.spec.deploy = { limits: { errorShare: 0.02, latencyP99Ms: 250 } };
      draft.spec.monitor.sources[0] = {
        id: 'health',
        kind: 'alarms',
        limits: { latencyP99Ms: 80, cpuPercent: 60, minInvocations: 50 },
      };
    });
    const limits = Object.fromEntries(
      managedAlarms(own, 'health', { vcpus: 4, gpus: 0 }).map((one) => [
        one.name.replace('modelkeeper-flights-health-', ''),
        [one.threshold, one.leastInvocations],
      ]),
    );
    expect(limits).toEqual({
      'errors-5xx': [0.02, 50],
      'errors-4xx': [0.05, 50],
      latency: [80_000, undefined],
      cpu: [240, undefined],
      memory: [85, undefined],
      disk: [75, undefined],
      'no-traffic': [1, undefined],
    });
  });

  it('on answers follow the limits of the policy, three of five periods', () => {
    const dimensions = { EndpointName: 'flights', VariantName: 'AllTraffic' };
    const onCalls = {
      namespace: 'AWS/SageMaker',
      dimensions,
      periodSeconds: 120,
      evaluationPeriods: 5,
      datapointsToAlarm: 3,
      missing: 'notBreaching',
    };
    expect(alarm('errors-5xx')).toMatchObject({
      ...onCalls,
      metric: 'Invocation5XXErrors',
      stat: 'Average',
      threshold: 0.0125,
      description:
        'More than 1.25 % of the invocations of flights are answered 5XX, of at least 10 in a period.',
      leastInvocations: 10,
    });
    expect(alarm('errors-4xx')).toMatchObject({
      ...onCalls,
      metric: 'Invocation4XXErrors',
      stat: 'Average',
      threshold: 0.05,
      description: expect.stringContaining('More than 5 % of the') as string,
    });
    // ModelLatency is in microseconds.
    expect(alarm('latency')).toMatchObject({
      ...onCalls,
      metric: 'ModelLatency',
      stat: 'p99',
      threshold: 250_000,
      description: expect.stringContaining('above 250 ms') as string,
    });
  });

  it('on the fleet look at whole instances, three of three periods of a minute at least', () => {
    const onFleet = {
      namespace: '/aws/sagemaker/Endpoints',
      dimensions: { EndpointName: 'flights', VariantName: 'AllTraffic' },
      stat: 'Average',
      periodSeconds: 120,
      evaluationPeriods: 3,
      datapointsToAlarm: 3,
      missing: 'missing',
    };
    expect(alarm('cpu')).toMatchObject({ ...onFleet, metric: 'CPUUtilization', threshold: 720 });
    expect(alarm('memory')).toMatchObject({
      ...onFleet,
      metric: 'MemoryUtilization',
      threshold: 85,
    });
    expect(alarm('disk')).toMatchObject({ ...onFleet, metric: 'DiskUtilization', threshold: 75 });
    const often = aPolicy((draft) => {
      draft.spec.deploy = { limits: { period: '10s' } };
    });
    const [errors, , , memory] = managedAlarms(often, 'health', undefined);
    expect([errors?.periodSeconds, memory?.periodSeconds]).toEqual([10, 60]);
  });
});

describe('the alarms of a rollout', () => {
  const made = rollbackAlarms(policy, 7, 'flights-7-2');
  it('look at the new config alone and at every period', () => {
    const common = {
      dimensions: {
        EndpointName: 'flights',
        VariantName: 'AllTraffic',
        EndpointConfigName: 'flights-7-2',
      },
      periodSeconds: 120,
      evaluationPeriods: 1,
      datapointsToAlarm: 1,
      missing: 'notBreaching',
    };
    expect(made.errors).toMatchObject({
      ...common,
      name: 'modelkeeper-flights-release-7-errors',
      namespace: 'AWS/SageMaker',
      metric: 'Invocation5XXErrors',
      stat: 'Average',
      threshold: 0.0125,
    });
    expect(made.latency).toMatchObject({
      ...common,
      name: 'modelkeeper-flights-release-7-latency',
      namespace: 'AWS/SageMaker',
      metric: 'ModelLatency',
      stat: 'p99',
      threshold: 250_000,
    });
    // Nothing ever writes this metric: the alarm is set by hand.
    expect(made.abort).toMatchObject({
      ...common,
      name: 'modelkeeper-flights-release-7-abort',
      namespace: 'modelkeeper',
      metric: 'Abort',
      stat: 'Sum',
      threshold: 0,
    });
  });
});

describe('the alarms that are watched', () => {
  it("are the managed ones and people's own, each once, with its source", () => {
    const { spec } = aPolicy((draft) => {
      draft.spec.monitor.sources.push(
        { id: 'own', kind: 'alarms', alarms: ['busy', 'managed-1'] },
        { id: 'more', kind: 'alarms', alarms: ['busy', 'slow'] },
      );
    });
    const managed = { health: ['managed-1', 'managed-2'], inputs: ['not-of-alarms'] };
    expect([...watchedAlarms(spec, managed)]).toEqual([
      ['managed-1', 'health'],
      ['managed-2', 'health'],
      ['busy', 'own'],
      ['slow', 'more'],
    ]);
    expect([...watchedAlarms(aPolicy().spec, {})]).toEqual([]);
  });
});
