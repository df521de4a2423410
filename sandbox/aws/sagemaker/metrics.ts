import type { Kernel, MetricDatum } from '../kernel.js';
import type { EndpointRecord, Fleet, VariantState } from './endpoint-record.js';

/** vCPUs of the instance sizes, which CPUUtilization counts in hundreds of percent. */
const VCPUS: Readonly<Record<string, number>> = {
  medium: 1,
  large: 2,
  xlarge: 4,
  '2xlarge': 8,
  '4xlarge': 16,
  '8xlarge': 32,
  '9xlarge': 36,
  '12xlarge': 48,
  '16xlarge': 64,
  '18xlarge': 72,
  '24xlarge': 96,
  '48xlarge': 192,
};

/** Processor time a request takes in the made-up container. */
const CPU_SECONDS_PER_REQUEST = 0.02;
const IDLE_CPU_PERCENT = 3;
const IDLE_MEMORY_PERCENT = 22;
const MEMORY_PERCENT_PER_REQUEST_PER_SECOND = 0.05;
const DISK_PERCENT = 14;

/** GPUs of the instance types known to have several; all others of these families count as having one. */
const GPUS: Readonly<Record<string, number>> = {
  'p2.8xlarge': 8,
  'p2.16xlarge': 16,
  'p3.8xlarge': 4,
  'p3.16xlarge': 8,
  'p3dn.24xlarge': 8,
  'p4d.24xlarge': 8,
  'p4de.24xlarge': 8,
  'p5.48xlarge': 8,
  'p5e.48xlarge': 8,
  'p5en.48xlarge': 8,
  'p6-b200.48xlarge': 8,
  'p6-b300.48xlarge': 8,
  'p6e-gb200.36xlarge': 4,
  'g4dn.12xlarge': 4,
  'g5.12xlarge': 4,
  'g5.24xlarge': 4,
  'g5.48xlarge': 8,
  'g6.12xlarge': 4,
  'g6.24xlarge': 4,
  'g6.48xlarge': 8,
  'g6e.12xlarge': 4,
  'g6e.24xlarge': 4,
  'g6e.48xlarge': 8,
  'g7e.12xlarge': 2,
  'g7e.24xlarge': 4,
  'g7e.48xlarge': 8,
};
const GPU_SECONDS_PER_REQUEST = 0.005;
/** Of each GPU's memory, for weights that lie there. */
const GPU_MEMORY_PERCENT = 35;

export interface Invocation {
  readonly endpointName: string;
  readonly variant: VariantState;
  readonly fleet: Fleet;
  readonly atMs: number;
  readonly modelLatencyMicros: number;
  readonly overheadMicros: number;
  /** HTTP status of the container's answer. */
  readonly status: number;
}

/** Metrics of invocations and instances, as AWS names and measures them. */
export class EndpointMetrics {
  private waiting: MetricDatum[] = [];
  /** Requests per running fleet and variant since the last publication, and when that was. */
  private readonly counted = new Map<string, { requests: number; sinceMs: number }>();
  private readonly dimensions = new WeakMap<Fleet, Map<string, DimensionSets>>();

  constructor(private readonly kernel: Kernel) {}

  record(invocation: Invocation): void {
    const { endpointName, variant, fleet, atMs, status } = invocation;
    const serverError = status >= 500 ? 1 : 0;
    const clientError = status >= 400 && status < 500 ? 1 : 0;
    const values: readonly (readonly [string, number, string])[] = [
      ['Invocation4XXErrors', clientError, 'None'],
      ['Invocation5XXErrors', serverError, 'None'],
      ['ModelLatency', invocation.modelLatencyMicros, 'Microseconds'],
      // An asynchronous endpoint has the three above and its own, and none of these.
      ...(fleet.asynchronous === undefined
        ? ([
            ['Invocations', 1, 'None'],
            ['InvocationModelErrors', Number(status >= 400), 'None'],
            ['OverheadLatency', invocation.overheadMicros, 'Microseconds'],
          ] as const)
        : []),
      ...(fleet.asynchronous === undefined && variant.serverless === undefined
        ? ([['InvocationsPerInstance', 1 / Math.max(1, variant.count), 'None']] as const)
        : []),
    ];
    for (const dimensions of this.dimensionsOf(endpointName, variant, fleet)) {
      for (const [name, value, unit] of values) {
        this.waiting.push({ namespace: 'AWS/SageMaker', name, dimensions, value, atMs, unit });
      }
    }
    const count = this.counted.get(countKey(endpointName, fleet, variant));
    if (count) count.requests += 1;
  }

  flush(): void {
    if (this.waiting.length === 0) return;
    const data = this.waiting;
    this.waiting = [];
    this.kernel.observe(data);
  }

  /**
   * Publishes the instances' utilisation for every fleet whose period is over. With r requests per
   * second and instance and v vCPUs: CPU = min(100·v, 3 + 100·0.02·r), memory = min(95, 22 + 0.05·r),
   * disk = 14, all in percent; with g GPUs also GPU = min(100·g, 100·0.005·r) and GPU memory = 35·g. Made up, but they
   * follow the real traffic.
   */
  publishInstances(endpoints: Iterable<EndpointRecord>): void {
    const atMs = this.kernel.now();
    const data: MetricDatum[] = [];
    const running = new Set<string>();
    for (const endpoint of endpoints) {
      for (const fleet of runningFleets(endpoint)) {
        for (const variant of [...fleet.variants, ...(fleet.shadows ?? [])]) {
          running.add(countKey(endpoint.name, fleet, variant));
          data.push(...this.instanceData(endpoint, fleet, variant, atMs));
        }
      }
    }
    for (const key of this.counted.keys()) if (!running.has(key)) this.counted.delete(key);
    if (data.length > 0) this.kernel.observe(data);
  }

  private instanceData(
    endpoint: EndpointRecord,
    fleet: Fleet,
    variant: VariantState,
    atMs: number,
  ): readonly MetricDatum[] {
    const key = countKey(endpoint.name, fleet, variant);
    const count = this.counted.get(key);
    if (count === undefined) this.counted.set(key, { requests: 0, sinceMs: atMs });
    if (count === undefined || atMs - count.sinceMs < fleet.metricsEverySeconds * 1000) return [];
    const rate = count.requests / ((atMs - count.sinceMs) / 1000) / Math.max(1, variant.count);
    this.counted.set(key, { requests: 0, sinceMs: atMs });
    const values: readonly (readonly [string, number])[] = [
      ['CPUUtilization', cpuPercent(rate, vcpus(variant.instanceType))],
      [
        'MemoryUtilization',
        Math.min(95, IDLE_MEMORY_PERCENT + MEMORY_PERCENT_PER_REQUEST_PER_SECOND * rate),
      ],
      ['DiskUtilization', DISK_PERCENT],
      ...gpuValues(rate, gpus(variant.instanceType)),
    ];
    // No instance, or none that a request has woken: nobody measures.
    if (variant.serverless === undefined ? variant.count === 0 : count.requests === 0) return [];
    // Of a serverless variant nothing but its memory can be seen.
    const seen =
      variant.serverless === undefined
        ? values
        : values.filter(([name]) => name === 'MemoryUtilization');
    return this.dimensionsOf(endpoint.name, variant, fleet).flatMap((dimensions) =>
      seen.map(([name, value]) => ({
        namespace: '/aws/sagemaker/Endpoints',
        name,
        dimensions,
        value,
        atMs,
        unit: 'Percent',
      })),
    );
  }

  /** The same objects again for the same fleet: what is told of them thousands of times a minute is found by them. */
  private dimensionsOf(endpointName: string, variant: VariantState, fleet: Fleet): DimensionSets {
    let known = this.dimensions.get(fleet);
    if (known === undefined) this.dimensions.set(fleet, (known = new Map<string, DimensionSets>()));
    let sets = known.get(variant.name);
    if (sets === undefined)
      known.set(variant.name, (sets = dimensionSets(endpointName, variant, fleet)));
    return sets;
  }
}

type DimensionSets = readonly Readonly<Record<string, string>>[];

export function cpuPercent(requestsPerSecond: number, cpus: number): number {
  return Math.min(100 * cpus, IDLE_CPU_PERCENT + 100 * CPU_SECONDS_PER_REQUEST * requestsPerSecond);
}

function gpuValues(
  requestsPerSecond: number,
  count: number,
): readonly (readonly [string, number])[] {
  if (count === 0) return [];
  const busy = 100 * GPU_SECONDS_PER_REQUEST * requestsPerSecond;
  return [
    ['GPUUtilization', Math.min(100 * count, busy)],
    ['GPUMemoryUtilization', GPU_MEMORY_PERCENT * count],
  ];
}

/** How many GPUs an instance type has: `ml.g5.12xlarge` four, `ml.c5.large` none. */
export function gpus(instanceType: string | undefined): number {
  const [, family = '', size = ''] = instanceType?.split('.') ?? [];
  return /^(?:g|p)r?\d/.test(family) ? (GPUS[`${family}.${size}`] ?? 1) : 0;
}

function vcpus(instanceType: string | undefined): number {
  return VCPUS[instanceType?.split('.')[2] ?? ''] ?? 2;
}

function runningFleets({ status, fleet, motion, stranded }: EndpointRecord): readonly Fleet[] {
  if (fleet === undefined || status === 'Failed' || motion?.kind === 'deleting') return [];
  const coming = motion?.kind === 'updating' && motion.staged ? motion.fleet : stranded?.fleet;
  return coming ? [fleet, coming] : [fleet];
}

function dimensionSets(endpointName: string, variant: VariantState, fleet: Fleet): DimensionSets {
  const base = { EndpointName: endpointName, VariantName: variant.name };
  return [base, { ...base, EndpointConfigName: fleet.configName }];
}

function countKey(endpointName: string, fleet: Fleet, variant: VariantState): string {
  return `${endpointName}/${fleet.configName}/${variant.name}`;
}
