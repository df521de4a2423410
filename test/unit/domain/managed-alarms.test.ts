import { describe, expect, it } from 'vitest';

import {
  managedAlarms,
  rollbackAlarms,
  vcpusOf,
  watchedAlarms,
} from '../../../domain/managed-alarms.js';
import { aPolicy } from './support.js';

const policy = aPolicy((draft) => {
  draft.spec.deploy = { limits: { errorShare: 0.0125, latencyP99Ms: 250, period: '2m' } };
});
const of = (type?: string) => managedAlarms(policy, 'health', type);
const alarm = (kind: string, type = 'ml.c5.2xlarge') =>
  of(type).find(({ name }) => name === `modelkeeper-flights-health-${kind}`);

describe('vCPUs of an instance type', () => {
  it.each([
    ['ml.t2.medium', 2],
    ['ml.m5.large', 2],
    ['ml.m5.xlarge', 4],
    ['ml.c5.2xlarge', 8],
    ['ml.m4.10xlarge', 40],
    ['ml.g4dn.xlarge', 4],
    ['ml.u-6tb1.112xlarge', 448],
    ['ml.m5.metal', 96],
    ['ml.c4.8xlarge', 36],
    ['ml.inf1.6xlarge', 24],
    ['ml.p5.4xlarge', 16],
    ['m5.xlarge', undefined],
    ['xml.m5.xlarge', undefined],
    ['ml.m5.xlarge.reserved', undefined],
    ['ml.m5.huge', undefined],
    ['ml.m5.xxlarge', undefined],
  ])('%s: %s', (type, vcpus) => {
    expect(vcpusOf(type)).toBe(vcpus);
  });
});

describe('the managed alarms', () => {
  it('are six where the vCPUs are known, and five where they are not', () => {
    const kinds = ['errors-5xx', 'errors-4xx', 'latency', 'cpu', 'memory', 'disk'];
    const names = (type?: string) =>
      of(type).map(({ name }) => name.replace('modelkeeper-flights-health-', ''));
    expect(names('ml.m5.large')).toEqual(kinds);
    const without = kinds.filter((kind) => kind !== 'cpu');
    expect(names('ml.m5.huge')).toEqual(without);
    expect(names()).toEqual(without);
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
      description: 'More than 1.25 % of the invocations of flights are answered 5XX.',
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
