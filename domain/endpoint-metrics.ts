import { hardwareOf, type Hardware } from './instances.js';
import type { MetricReading } from './model.js';
import type { EndpointMetricsSource, PolicySpec, Source } from './policy.schema.js';

/** The metrics of an endpoint's variant that a policy can put limits on, by AWS's names. */
export const ENDPOINT_METRICS = [
  'CPUUtilization',
  'MemoryUtilization',
  'DiskUtilization',
  'GPUUtilization',
  'GPUMemoryUtilization',
  'ModelLatency',
  'OverheadLatency',
  'Invocations',
  'InvocationsPerInstance',
  'Invocation4XXErrors',
  'Invocation5XXErrors',
] as const;
export type EndpointMetric = (typeof ENDPOINT_METRICS)[number];

/** What a policy asks of one metric: the members the schema of that metric allows. */
interface Limits {
  readonly stat?: string | undefined;
  readonly abovePercent?: number | undefined;
  readonly belowPercent?: number | undefined;
  readonly aboveMs?: number | undefined;
  readonly belowMs?: number | undefined;
  readonly aboveShare?: number | undefined;
  readonly above?: number | undefined;
  readonly below?: number | undefined;
}

/** One statistic of one metric to be read, and the limits in the policy's own unit. */
export interface EndpointReadingWanted {
  /** Identifies the reading among all of the model: `<source>/<metric>`. */
  readonly key: string;
  readonly metric: EndpointMetric;
  readonly namespace: 'AWS/SageMaker' | '/aws/sagemaker/Endpoints';
  readonly stat: string;
  /** What CloudWatch's value is divided by: 1,000 for latency (microseconds), vCPUs or GPUs for utilisation. */
  readonly divisor: number;
  readonly unit: '%' | 'ms' | '';
  /** A share is shown in percent. */
  readonly isShare: boolean;
  /** CloudWatch has no value where nothing was counted: no value is none. Never so for latency, shares and load. */
  readonly noneIsZero: boolean;
  readonly above: number | null;
  readonly below: number | null;
}

const PER_CORE: Readonly<Partial<Record<EndpointMetric, keyof Hardware>>> = {
  CPUUtilization: 'vcpus',
  GPUUtilization: 'gpus',
  GPUMemoryUtilization: 'gpus',
};

const isUtilisation = (metric: EndpointMetric): boolean => metric.endsWith('Utilization');
const isLatency = (metric: EndpointMetric): boolean => metric.endsWith('Latency');

/** Key of a metric's reading: sources have no slash in their id. */
export const readingKey = (source: string, metric: string): string => `${source}/${metric}`;

/** Sources that are read as metrics of CloudWatch. */
export const isMetricSource = (source: Source): source is CloudWatchSource =>
  source.kind === 'metric' || source.kind === 'metric-math' || source.kind === 'endpoint-metrics';

export type CloudWatchSource = Extract<
  Source,
  { kind: 'metric' | 'metric-math' | 'endpoint-metrics' }
>;

/** The source a reading belongs to. */
export const sourceOfReading = (key: string): string => key.split('/')[0] ?? key;

const limitsOf = (source: EndpointMetricsSource): readonly (readonly [EndpointMetric, Limits])[] =>
  ENDPOINT_METRICS.flatMap((metric) => {
    const limits: Limits | undefined = source.metrics[metric];
    return limits === undefined ? [] : [[metric, limits] as const];
  });

/** The metrics a source puts limits on. */
export const limitedMetrics = (source: EndpointMetricsSource): readonly EndpointMetric[] =>
  limitsOf(source).map(([metric]) => metric);

/** The metrics a source asks for whose unit is per vCPU or per GPU. */
export const metricsPerCore = (source: EndpointMetricsSource): readonly EndpointMetric[] =>
  limitsOf(source).flatMap(([metric]) => (PER_CORE[metric] === undefined ? [] : [metric]));

/**
 * Why the limits of a source mean nothing on this instance type, and what to change; `undefined` when they do.
 *
 * CPUUtilization counts 100 per vCPU: without their number a limit in percent of the instance cannot be kept.
 */
export function unmeasurable(
  source: EndpointMetricsSource,
  instanceType: string | undefined,
  hardware: Hardware | undefined,
): string | undefined {
  const perCore = metricsPerCore(source);
  // Of a serverless variant AWS publishes the memory of what runs, and nothing else of it.
  const onInstances = limitsOf(source).filter(
    ([metric]) => isUtilisation(metric) && metric !== 'MemoryUtilization',
  );
  if (instanceType === undefined && onInstances.length > 0) {
    return `the variant has no instances of its own (serverless), so ${source.id} cannot limit ${onInstances.map(([metric]) => metric).join(', ')}: take that off the policy`;
  }
  if (hardware === undefined && perCore.length > 0) {
    return `how many vCPUs and GPUs ${instanceType ?? 'the instance'} has is not known, so ${source.id} cannot limit ${perCore.join(', ')} in percent: write it under spec.monitor.instanceTypes`;
  }
  const onGpus = perCore.filter((metric) => PER_CORE[metric] === 'gpus');
  if (hardware?.gpus === 0 && onGpus.length > 0) {
    return `${instanceType ?? 'the instance'} has no GPU, so ${source.id} cannot limit ${onGpus.join(', ')}: take that off the policy`;
  }
  return undefined;
}

/** Why limits of the policy mean nothing on the instances that serve, and what to change; `undefined` when all do. */
export function unmeasurableLimits(
  monitor: PolicySpec['monitor'],
  instanceType: string | undefined,
): string | undefined {
  const hardware = hardwareOf(instanceType, monitor.instanceTypes);
  for (const source of monitor.sources) {
    const fault =
      source.kind === 'endpoint-metrics' ? unmeasurable(source, instanceType, hardware) : undefined;
    if (fault !== undefined) return fault;
  }
  return undefined;
}

/** What is to be read for a source. Metrics per core only where their number is known. */
export function readingsWanted(
  source: EndpointMetricsSource,
  hardware: Hardware | undefined,
): readonly EndpointReadingWanted[] {
  return limitsOf(source).flatMap(([metric, limits]) => {
    const core = PER_CORE[metric];
    const cores = core === undefined ? 1 : hardware?.[core];
    if (cores === undefined || cores === 0) return [];
    const isShare = limits.aboveShare !== undefined;
    const count = !isUtilisation(metric) && !isLatency(metric) && !isShare;
    return [
      {
        key: readingKey(source.id, metric),
        metric,
        namespace: isUtilisation(metric) ? '/aws/sagemaker/Endpoints' : 'AWS/SageMaker',
        stat: limits.stat ?? (isShare ? 'Average' : 'Sum'),
        divisor: isLatency(metric) ? 1_000 : cores,
        unit: isUtilisation(metric) ? '%' : isLatency(metric) ? 'ms' : '',
        isShare,
        noneIsZero: count,
        above: limits.abovePercent ?? limits.aboveMs ?? limits.aboveShare ?? limits.above ?? null,
        below: limits.belowPercent ?? limits.belowMs ?? limits.below ?? null,
      } as const,
    ];
  });
}

/** @param raw CloudWatch's value in its own unit; `null` for none */
export function judgeEndpointMetric(
  wanted: EndpointReadingWanted,
  period: string,
  raw: number | null,
): MetricReading {
  const value = raw === null ? (wanted.noneIsZero ? 0 : null) : raw / wanted.divisor;
  return judgeLimits(
    wanted.key,
    `${wanted.metric} (${wanted.stat} over ${period})`,
    value,
    wanted,
    (shown) => inUnit(wanted, shown),
  );
}

function inUnit({ unit, isShare }: EndpointReadingWanted, value: number): string {
  if (isShare) return `${number(value * 100)} %`;
  return unit === '' ? number(value) : `${number(value)} ${unit}`;
}

const number = (value: number): string => String(Number(value.toPrecision(4)));

/**
 * A value against its limits; on the limit is within it. No value is neither in order nor a breach: the sentence says
 * that there is none.
 */
export function judgeLimits(
  source: string,
  name: string,
  value: number | null,
  limits: { readonly above: number | null; readonly below: number | null },
  shown: (value: number) => string = number,
): MetricReading {
  if (value === null) return { source, value, breached: false, sentence: `${name} has no value` };
  const is = `${name} is ${shown(value)}`;
  if (limits.above !== null && value > limits.above)
    return { source, value, breached: true, sentence: `${is}, above ${shown(limits.above)}` };
  if (limits.below !== null && value < limits.below)
    return { source, value, breached: true, sentence: `${is}, below ${shown(limits.below)}` };
  return { source, value, breached: false, sentence: is };
}
