import { durationMs } from './duration.js';
import { alarmPrefix, rollbackAlarmNames } from './names.js';
import type { Policy, PolicySpec } from './policy.schema.js';

/** One metric alarm as it should be. CloudWatch's words; seconds and the metric's own unit. */
export interface AlarmSpec {
  readonly name: string;
  readonly description: string;
  readonly namespace: 'AWS/SageMaker' | '/aws/sagemaker/Endpoints' | 'modelkeeper';
  readonly metric: string;
  readonly dimensions: Readonly<Record<string, string>>;
  /** `Average`, `Sum`, … or a percentile such as `p99`. */
  readonly stat: string;
  readonly periodSeconds: number;
  readonly evaluationPeriods: number;
  readonly datapointsToAlarm: number;
  /** Alarm when greater than this. */
  readonly threshold: number;
  readonly missing: 'notBreaching' | 'missing';
}

/** Percent of the whole instance above which it is unwell. */
const FULL = { cpu: 90, memory: 85, disk: 75 } as const;
/** Share of invocations answered 4XX above which callers and model no longer understand each other. */
const CLIENT_ERROR_SHARE = 0.05;

const SIZES: Readonly<Record<string, number>> = { medium: 2, large: 2, xlarge: 4, metal: 96 };
/** Types that do not follow the rule of four per `xlarge`. */
const ODD_TYPES: Readonly<Record<string, number>> = { 'ml.c4.8xlarge': 36 };

/**
 * vCPUs of an instance type such as `ml.c5.2xlarge`: 4 per `xlarge`; `undefined` for names that say nothing.
 *
 * CPUUtilization counts 100 per vCPU.
 */
export function vcpusOf(instanceType: string): number | undefined {
  const odd = ODD_TYPES[instanceType];
  if (odd !== undefined) return odd;
  const size = /^ml\.[a-z0-9-]+\.(?:(\d{1,3})xlarge|(medium|large|xlarge|metal))$/.exec(
    instanceType,
  );
  if (size === null) return undefined;
  return size[1] === undefined ? SIZES[size[2] ?? ''] : 4 * Number(size[1]);
}

/** The alarms of one source; the one on the CPU only where the vCPUs are known. */
type AlarmKind = 'errors-5xx' | 'errors-4xx' | 'latency' | 'cpu' | 'memory' | 'disk';

export const managedAlarmName = (model: string, source: string, kind: AlarmKind): string =>
  `${alarmPrefix(model)}${source}-${kind}`;

/** Seconds of a literal such as `10s` or `5m`. */
const seconds = (literal: string): number => Math.ceil(durationMs(literal) / 1_000);

/**
 * The recommended alarms of one endpoint variant for one source.
 *
 * Error shares and latency follow `deploy.limits`; 3 of 5 periods, so that one bad minute is no incident. Load is
 * judged over 3 of at least a minute. There is no alarm on missing traffic: a quiet night is not an incident, and
 * `monitor.noData` is the dead man's switch.
 */
export function managedAlarms(
  policy: Policy,
  source: string,
  instanceType: string | undefined,
): readonly AlarmSpec[] {
  const model = policy.metadata.name;
  const { name, variant } = policy.spec.endpoint;
  const { limits } = policy.spec.deploy;
  const dimensions = { EndpointName: name, VariantName: variant };
  const periodSeconds = seconds(limits.period);
  const onCalls = {
    namespace: 'AWS/SageMaker',
    dimensions,
    periodSeconds,
    evaluationPeriods: 5,
    datapointsToAlarm: 3,
    missing: 'notBreaching',
  } as const;
  const onFleet = {
    namespace: '/aws/sagemaker/Endpoints',
    dimensions,
    stat: 'Average',
    periodSeconds: Math.max(60, periodSeconds),
    evaluationPeriods: 3,
    datapointsToAlarm: 3,
    missing: 'missing',
  } as const;
  const vcpus = instanceType === undefined ? undefined : vcpusOf(instanceType);
  const named = (kind: AlarmKind): string => managedAlarmName(model, source, kind);
  return [
    {
      ...onCalls,
      name: named('errors-5xx'),
      description: `More than ${percent(limits.errorShare)} of the invocations of ${name} are answered 5XX.`,
      metric: 'Invocation5XXErrors',
      stat: 'Average',
      threshold: limits.errorShare,
    },
    {
      ...onCalls,
      name: named('errors-4xx'),
      description: `More than ${percent(CLIENT_ERROR_SHARE)} of the invocations of ${name} are answered 4XX: a schema or a caller has changed.`,
      metric: 'Invocation4XXErrors',
      stat: 'Average',
      threshold: CLIENT_ERROR_SHARE,
    },
    {
      ...onCalls,
      name: named('latency'),
      description: `The 99th percentile of ModelLatency of ${name} is above ${limits.latencyP99Ms} ms.`,
      metric: 'ModelLatency',
      stat: 'p99',
      threshold: limits.latencyP99Ms * 1_000,
    },
    ...(vcpus === undefined
      ? []
      : [
          {
            ...onFleet,
            name: named('cpu'),
            description: `CPU of ${name} is above ${FULL.cpu} % of ${vcpus} vCPUs.`,
            metric: 'CPUUtilization',
            threshold: FULL.cpu * vcpus,
          },
        ]),
    {
      ...onFleet,
      name: named('memory'),
      description: `Memory of ${name} is above ${FULL.memory} %.`,
      metric: 'MemoryUtilization',
      threshold: FULL.memory,
    },
    {
      ...onFleet,
      name: named('disk'),
      description: `The disk of ${name} is above ${FULL.disk} %: data capture stops in silence when it is full.`,
      metric: 'DiskUtilization',
      threshold: FULL.disk,
    },
  ];
}

/**
 * Alarms that take a rollout back. Each looks at the new config alone: the old fleet's errors must not stop the
 * version that would cure them. `abort` has no data ever and is set by hand.
 */
export function rollbackAlarms(
  policy: Policy,
  release: number,
  configName: string,
): { readonly errors: AlarmSpec; readonly latency: AlarmSpec; readonly abort: AlarmSpec } {
  const names = rollbackAlarmNames(policy.metadata.name, release);
  const { name, variant } = policy.spec.endpoint;
  const { limits } = policy.spec.deploy;
  const common = {
    dimensions: { EndpointName: name, VariantName: variant, EndpointConfigName: configName },
    periodSeconds: seconds(limits.period),
    evaluationPeriods: 1,
    datapointsToAlarm: 1,
    missing: 'notBreaching',
  } as const;
  return {
    errors: {
      ...common,
      name: names.errors,
      description: `More than ${percent(limits.errorShare)} of the invocations of ${configName} are answered 5XX.`,
      namespace: 'AWS/SageMaker',
      metric: 'Invocation5XXErrors',
      stat: 'Average',
      threshold: limits.errorShare,
    },
    latency: {
      ...common,
      name: names.latency,
      description: `The 99th percentile of ModelLatency of ${configName} is above ${limits.latencyP99Ms} ms.`,
      namespace: 'AWS/SageMaker',
      metric: 'ModelLatency',
      stat: 'p99',
      threshold: limits.latencyP99Ms * 1_000,
    },
    abort: {
      ...common,
      name: names.abort,
      description: `Set by hand when a person aborts the rollout of ${configName}.`,
      namespace: 'modelkeeper',
      metric: 'Abort',
      stat: 'Sum',
      threshold: 0,
    },
  };
}

/** Alarm name → source, for every alarm the policy wants watched. Managed CPU alarms are named whether or not they exist. */
export function watchedAlarms(
  spec: Pick<PolicySpec, 'monitor'>,
  managed: Readonly<Record<string, readonly string[]>>,
): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  for (const source of spec.monitor.sources) {
    if (source.kind !== 'alarms') continue;
    const own = source.alarms === 'managed' ? (managed[source.id] ?? []) : source.alarms;
    for (const name of own) if (!names.has(name)) names.set(name, source.id);
  }
  return names;
}

const percent = (share: number): string => `${Number((share * 100).toPrecision(3))} %`;
