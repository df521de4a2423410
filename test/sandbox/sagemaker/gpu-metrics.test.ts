import { describe, expect, it } from 'vitest';
import type { Kernel, MetricDatum } from '../../../sandbox/aws/kernel.js';
import { MODELS } from '../../../sandbox/aws/model/check.js';
import type {
  EndpointRecord,
  Fleet,
  VariantState,
} from '../../../sandbox/aws/sagemaker/endpoint-record.js';
import { EndpointMetrics, gpus } from '../../../sandbox/aws/sagemaker/metrics.js';

/** What an instance of a type published after a minute of so many requests. */
function published(instanceType: string, requests: number): Readonly<Record<string, number>> {
  let nowMs = 0;
  const seen: MetricDatum[] = [];
  const kernel = {
    now: () => nowMs,
    observe: (data: readonly MetricDatum[]) => seen.push(...data),
  };
  const metrics = new EndpointMetrics(kernel as unknown as Kernel);
  const variant = { name: 'AllTraffic', instanceType, count: 1 } as VariantState;
  const fleet = {
    configName: 'one',
    metricsEverySeconds: 60,
    variants: [variant],
  } as unknown as Fleet;
  const endpoint = { name: 'live', status: 'InService', fleet } as EndpointRecord;
  metrics.publishInstances([endpoint]);
  for (let at = 0; at < requests; at += 1)
    metrics.record({
      endpointName: 'live',
      variant,
      fleet,
      atMs: 0,
      modelLatencyMicros: 1,
      overheadMicros: 1,
      status: 200,
    });
  nowMs = 60_000;
  metrics.publishInstances([endpoint]);
  const own = seen.filter(
    ({ namespace, dimensions }) =>
      namespace === '/aws/sagemaker/Endpoints' && Object.keys(dimensions).length === 2,
  );
  return Object.fromEntries(own.map(({ name, value }) => [name, value]));
}

describe('instances with GPUs', () => {
  it('publish what their GPUs do, a hundred percent for each', () => {
    // 100 requests a second of 5 ms each: half a GPU.
    expect(published('ml.g5.12xlarge', 6_000)).toMatchObject({
      GPUUtilization: 50,
      GPUMemoryUtilization: 140,
    });
  });

  it('are never busier than all of their GPUs', () => {
    expect(published('ml.g4dn.xlarge', 15_000).GPUUtilization).toBe(100);
  });

  it('are not those without', () => {
    expect(Object.keys(published('ml.c5.xlarge', 60))).toEqual([
      'CPUUtilization',
      'MemoryUtilization',
      'DiskUtilization',
    ]);
  });

  it('are all types of the families g and p that an endpoint may have', () => {
    const shape = MODELS.SageMaker?.shapes.ProductionVariantInstanceType;
    const types = shape?.type === 'string' ? (shape.enum ?? []) : [];
    const withGpus = types.filter((type) => gpus(type) > 0);
    expect(withGpus).toEqual(types.filter((type) => /^ml\.[gp]\d/.test(type)));
    expect(withGpus.length).toBeGreaterThan(40);
    expect(gpus(undefined)).toBe(0);
  });
});
