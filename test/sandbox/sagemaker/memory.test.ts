/** What invocations leave behind in memory, counted in objects over hours of virtual time. */
import { afterEach, describe, expect, it } from 'vitest';
import { Metrics } from '../../../sandbox/aws/cloudwatch/metrics.js';
import { VALUES_PER_SECOND } from '../../../sandbox/aws/cloudwatch/series.js';
import { statisticOf } from '../../../sandbox/aws/cloudwatch/statistics.js';
import type { Kernel, MetricDatum } from '../../../sandbox/aws/kernel.js';
import { Calls } from '../../../sandbox/aws/kernel/calls.js';
import { seededStreams } from '../../../sandbox/aws/kernel/random.js';
import { Capture } from '../../../sandbox/aws/sagemaker/capture.js';
import type {
  EndpointRecord,
  Fleet,
  VariantState,
} from '../../../sandbox/aws/sagemaker/endpoint-record.js';
import { EndpointMetrics } from '../../../sandbox/aws/sagemaker/metrics.js';
import { openStore } from '../../../sandbox/aws/store.js';
import type { Core } from '../../../sandbox/aws/wires.js';
import { discard, scratch } from './support.js';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const PER_SECOND = 60;
const KEPT_MS = 10 * MINUTE;

const homes: string[] = [];
afterEach(() => {
  for (const home of homes.splice(0)) discard(home);
});

/** The parts that invocations pass through, on a clock of the test's own. */
function world() {
  const home = scratch();
  homes.push(home);
  let nowMs = 1_800_000_000_000;
  const store = openStore(home);
  const written: string[] = [];
  const random = seededStreams(1, 1);
  const sink: { metrics?: Metrics } = {};
  const kernel = {
    home,
    store,
    now: () => nowMs,
    random,
    log: () => undefined,
    observe: (data: readonly MetricDatum[]) => sink.metrics?.observe(data),
    objects: { put: (_bucket: string, key: string) => written.push(key) },
  };
  const kept = new Metrics(kernel as unknown as Core, KEPT_MS);
  sink.metrics = kept;
  const own = new EndpointMetrics(kernel as unknown as Kernel);
  const capture = new Capture(kernel as unknown as Kernel);
  const calls = new Calls(store, kernel.now);
  const variant = { name: 'AllTraffic', instanceType: 'ml.m5.large', count: 2 } as VariantState;
  const fleet = {
    configName: 'one',
    metricsEverySeconds: 60,
    variants: [variant],
  } as unknown as Fleet;
  const endpoint = { name: 'live', status: 'InService', fleet } as EndpointRecord;
  const payload = { contentType: 'text/csv', data: Buffer.from('1,2,3') };

  const invoke = (at: number): void => {
    capture.record({
      endpointName: 'live',
      variantName: variant.name,
      config: {
        EnableCapture: true,
        InitialSamplingPercentage: 100,
        DestinationS3Uri: 's3://bucket/capture',
        CaptureOptions: [{ CaptureMode: 'Input' }],
      },
      atMs: nowMs,
      eventId: 'e',
      input: payload,
      output: payload,
    });
    own.record({
      endpointName: 'live',
      variant,
      fleet,
      atMs: nowMs,
      modelLatencyMicros: 100 + (at % 97),
      overheadMicros: 10 + (at % 89),
      status: 200,
    });
    calls.record('SageMakerRuntime.InvokeEndpoint', 'ok', 'live', 'ada');
  };
  /** What the sandbox does every second, and every minute. */
  const second = (): void => {
    for (let at = 0; at < PER_SECOND; at += 1) invoke(at);
    nowMs += SECOND;
    own.flush();
    own.publishInstances([endpoint]);
    capture.flush();
    kept.flush();
    if (nowMs % MINUTE === 0) kept.prune();
  };
  return {
    metrics: kept,
    capture,
    calls,
    written,
    store,
    run: (ms: number) => {
      for (const endMs = nowMs + ms; nowMs < endMs;) second();
    },
    objects: () => {
      const series = kept.list();
      const buckets = series.flatMap((each) => [...each.buckets.values()]);
      return {
        series: series.length,
        buckets: buckets.length,
        values: buckets.reduce((sum, { values }) => sum + values.length, 0),
      };
    },
  };
}

describe('invocations', () => {
  it('leave no more behind after half an hour than after the time that metrics are kept', () => {
    const { run, objects, written, capture, calls, store } = world();
    run(KEPT_MS + MINUTE);
    const first = objects();
    run(20 * MINUTE);
    const later = objects();
    expect(later.series).toBe(first.series);
    expect(later.buckets).toBeLessThanOrEqual(first.buckets);
    expect(later.values).toBeLessThanOrEqual(first.values);
    // Seven metrics of invocations with two sets of dimensions, a bucket a second; three of instances, one a minute.
    const seconds = (KEPT_MS + MINUTE) / SECOND;
    expect(later.buckets).toBeLessThanOrEqual(14 * seconds + 6 * (seconds / 60 + 1));

    const objectsBefore = written.length;
    capture.flush();
    expect(written).toHaveLength(objectsBefore);
    expect(calls.logged()).toEqual([]);
    expect(calls.all()).toMatchObject({ 'SageMakerRuntime.InvokeEndpoint': { errors: 0 } });
    expect(store.keys('call-log')).toEqual([]);
  });

  it('keep a sample of what differs and one value of what does not', () => {
    const { run, metrics } = world();
    run(MINUTE);
    const sizes = Object.fromEntries(
      metrics
        .list()
        .filter(({ namespace }) => namespace === 'AWS/SageMaker')
        .map(({ name, buckets }) => [
          name,
          Math.max(...[...buckets.values()].map(({ values }) => values.length)),
        ]),
    );
    expect(sizes).toEqual({
      Invocations: 1,
      InvocationsPerInstance: 1,
      Invocation4XXErrors: 1,
      Invocation5XXErrors: 1,
      InvocationModelErrors: 1,
      ModelLatency: VALUES_PER_SECOND,
      OverheadLatency: VALUES_PER_SECOND,
    });
  });
});

describe('a second of equal values', () => {
  const dimensions = {};
  const observed = (...values: readonly number[]) => {
    const { metrics } = world();
    for (const value of values)
      metrics.observe([{ namespace: 'N', name: 'm', dimensions, value, atMs: 0 }]);
    const [bucket] =
      metrics.find({ namespace: 'N', name: 'm', dimensions })?.buckets.values() ?? [];
    if (bucket === undefined) throw new Error('nothing was observed');
    return bucket;
  };

  it('weighs them all once another value comes', () => {
    const bucket = observed(...Array<number>(9).fill(1), 100);
    expect(statisticOf([bucket], 'p90')).toBe(1);
    expect(statisticOf([bucket], 'p91')).toBe(100);
    expect(statisticOf([bucket], 'tm90')).toBe(1);
  });

  it('counts them though it keeps one', () => {
    const bucket = observed(...Array<number>(1_000).fill(3));
    expect(bucket.values).toEqual([3]);
    expect(statisticOf([bucket], 'tc90')).toBe(900);
  });
});
