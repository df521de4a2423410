import { durationMs } from './duration.js';
import type { Hardware } from './instances.js';
import {
  alarmPrefix,
  ALARMS_PREFIX,
  candidateAlarmNames,
  candidateVariant,
  releaseName,
  rollbackAlarmNames,
  roundsOf,
  splitName,
} from './names.js';
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
  /** A period with fewer invocations counts as none: one error among three calls is no share. */
  readonly leastInvocations?: number;
  /** How the invocations are counted where it is not by `Invocations`, which is not published of every endpoint. */
  readonly countedBy?: { readonly metric: string; readonly stat: string };
  readonly periodSeconds: number;
  readonly evaluationPeriods: number;
  readonly datapointsToAlarm: number;
  /** `GreaterThanThreshold` when not said. */
  readonly comparison?: 'GreaterThanThreshold' | 'LessThanThreshold';
  readonly threshold: number;
  readonly missing: 'notBreaching' | 'missing' | 'breaching';
}

/** Limits of the managed alarms of one source. */
export interface AlarmLimits {
  /** Share of invocations answered 5XX, of at least `minInvocations` in a period. */
  readonly errorShare: number;
  readonly minInvocations: number;
  /** Share of invocations answered 4XX above which callers and model no longer understand each other. */
  readonly clientErrorShare: number;
  readonly latencyP99Ms: number;
  /** Percent of the whole instance above which it is unwell. */
  readonly cpuPercent: number;
  readonly memoryPercent: number;
  readonly diskPercent: number;
  readonly gpuPercent: number;
  readonly gpuMemoryPercent: number;
  /** So long without an invocation; `null` for no such alarm. */
  readonly noTrafficMs: number | null;
}

const DEFAULTS = {
  minInvocations: 10,
  clientErrorShare: 0.05,
  cpuPercent: 90,
  memoryPercent: 85,
  diskPercent: 75,
  gpuPercent: 95,
  gpuMemoryPercent: 95,
  noTraffic: '15m',
} as const;

/** What the policy says of a source's limits, and what holds where it says nothing. */
export function alarmLimits(policy: Policy, source: string): AlarmLimits {
  const { monitor, deploy } = policy.spec;
  const found = monitor.sources.find((one) => one.id === source);
  const own = found?.kind === 'alarms' ? (found.limits ?? {}) : {};
  const noTraffic = own.noTraffic ?? DEFAULTS.noTraffic;
  return {
    errorShare: own.errorShare ?? deploy.limits.errorShare,
    minInvocations: own.minInvocations ?? DEFAULTS.minInvocations,
    clientErrorShare: own.clientErrorShare ?? DEFAULTS.clientErrorShare,
    latencyP99Ms: own.latencyP99Ms ?? deploy.limits.latencyP99Ms,
    cpuPercent: own.cpuPercent ?? DEFAULTS.cpuPercent,
    memoryPercent: own.memoryPercent ?? DEFAULTS.memoryPercent,
    diskPercent: own.diskPercent ?? DEFAULTS.diskPercent,
    gpuPercent: own.gpuPercent ?? DEFAULTS.gpuPercent,
    gpuMemoryPercent: own.gpuMemoryPercent ?? DEFAULTS.gpuMemoryPercent,
    noTrafficMs: noTraffic === 'off' ? null : durationMs(noTraffic),
  };
}

/** How the variant that serves is hosted; what AWS publishes of it depends on it. */
export interface HostedVariant {
  readonly asynchronous: boolean;
  readonly serverless: boolean;
}

/** With an instance of its own that answers at once. */
const REAL_TIME: HostedVariant = { asynchronous: false, serverless: false };

/** Each answer sends a 1 or a 0, so that the samples are the answers: all there is to count by where nothing counts calls. */
const ANSWERS = { metric: 'Invocation5XXErrors', stat: 'SampleCount' } as const;
const CALLS = { metric: 'Invocations', stat: 'Sum' } as const;

/** The alarms of one source; those per core only where the instance type is known. */
const ALARM_KINDS = [
  'errors-5xx',
  'errors-4xx',
  'latency',
  'cpu',
  'gpu',
  'gpu-memory',
  'memory',
  'disk',
  'no-traffic',
] as const;
type AlarmKind = (typeof ALARM_KINDS)[number];

export const managedAlarmName = (model: string, source: string, kind: AlarmKind): string =>
  `${alarmPrefix(model)}${source}-${kind}`;

const OF_A_SOURCE = new RegExp(`^[a-z0-9-]+-(?:${ALARM_KINDS.join('|')})$`);
const OF_A_RELEASE = /^release-\d+-(?:(?:candidate-)?(?:errors|latency)|abort)$/;

/** Calls a step policy of a candidate; in it, the number of the release. */
const OF_A_CANDIDATE = /^release-(\d+)-candidate-scaling-(?:out|in|\d+)$/;

/**
 * Whether a name is one that we give to an alarm of this model. The prefix of `a` also begins the names of a model
 * `a-b`, so that only the tag tells for sure.
 */
export function isNameOfOurs(model: string, name: string): boolean {
  const prefix = alarmPrefix(model);
  const rest = name.slice(prefix.length);
  return (
    name.startsWith(prefix) &&
    [OF_A_RELEASE, OF_A_CANDIDATE, OF_A_SOURCE].some((of) => of.test(rest))
  );
}

/** Whether an alarm is about a rollout, made and removed with its release. */
export const isOfRelease = (model: string, name: string): boolean =>
  [OF_A_RELEASE, OF_A_CANDIDATE].some((of) => of.test(name.slice(alarmPrefix(model).length)));

/**
 * Whose an alarm is that bears a name of ours. The tag decides. Without one it is ours where nothing else about it differs,
 * so that taking it over changes nothing for anybody: what people have made under such a name is never overwritten.
 *
 * @param marks the model that the alarm's tag names, `null` without one; and whether its settings are as they should be
 */
export function ownerOfAlarm(
  marks: { readonly model: string | null; readonly asWanted: boolean },
  wanted: string,
): 'ours' | 'somebody else' {
  const ours = marks.model === null ? marks.asWanted : marks.model === wanted;
  return ours ? 'ours' : 'somebody else';
}

/**
 * Whether an alarm calls a step policy of a candidate that does not serve beside the champion any more. The endpoint tells
 * it, whatever is known of the release: such alarms are made once two versions serve, and removed before one of them goes.
 *
 * @param configs what the endpoint serves, and what it goes to; `null` for nothing
 */
export function isLeftBehind(
  model: string,
  name: string,
  configs: readonly (string | null)[],
): boolean {
  const release = OF_A_CANDIDATE.exec(name.slice(alarmPrefix(model).length));
  if (release === null || !name.startsWith(alarmPrefix(model))) return false;
  const splits = roundsOf(releaseName(model, Number(release[1]))).map(splitName);
  return !configs.some((config) => config !== null && splits.includes(config));
}

/**
 * The managed alarm on missing traffic: it tells that nothing can be told of the answers, not that they are bad. A
 * quiet night is no incident, and no health either.
 */
export const isAboutSilence = (name: string): boolean =>
  name.startsWith(ALARMS_PREFIX) && name.endsWith('-no-traffic');

/** Seconds of a literal such as `10s` or `5m`. */
const seconds = (literal: string): number => Math.ceil(durationMs(literal) / 1_000);

/** Longest that CloudWatch looks back with periods below an hour. */
const LOOK_BACK_SECONDS = 86_400;

/**
 * The recommended alarms of one endpoint variant for one source.
 *
 * Error shares and latency are judged over 3 of 5 periods, so that one bad minute is no incident; without an
 * invocation there is nothing bad about them, and `no-traffic` says that there was none. Load is judged over 3 of at
 * least a minute, and without a value it is INSUFFICIENT_DATA.
 *
 * Of an asynchronous endpoint CloudWatch has no `Invocations`, so that its answers are counted; of a serverless variant
 * it has no disk, and without a container that runs no memory can be full.
 *
 * @param hardware of the instances that serve; `undefined` leaves out what is counted per core
 */
export function managedAlarms(
  policy: Policy,
  source: string,
  hardware: Hardware | undefined,
  { asynchronous, serverless }: HostedVariant = REAL_TIME,
): readonly AlarmSpec[] {
  const model = policy.metadata.name;
  const { name, variant } = policy.spec.endpoint;
  const limits = alarmLimits(policy, source);
  const dimensions = { EndpointName: name, VariantName: variant };
  const periodSeconds = seconds(policy.spec.deploy.limits.period);
  const onCalls = {
    namespace: 'AWS/SageMaker',
    dimensions,
    periodSeconds,
    evaluationPeriods: 5,
    datapointsToAlarm: 3,
    missing: 'notBreaching',
  } as const;
  const counting = asynchronous ? ANSWERS : CALLS;
  const ofCalls = {
    leastInvocations: limits.minInvocations,
    ...(asynchronous ? { countedBy: ANSWERS } : {}),
  };
  const onFleet = {
    namespace: '/aws/sagemaker/Endpoints',
    dimensions,
    stat: 'Average',
    periodSeconds: Math.max(60, periodSeconds),
    evaluationPeriods: 3,
    datapointsToAlarm: 3,
    missing: 'missing',
  } as const;
  const named = (kind: AlarmKind): string => managedAlarmName(model, source, kind);
  const perCore = (
    kind: AlarmKind,
    metric: string,
    limit: number,
    cores: number,
    what: string,
  ): readonly AlarmSpec[] =>
    cores === 0
      ? []
      : [
          {
            ...onFleet,
            name: named(kind),
            description: `${what} of ${name} is above ${limit} % of ${cores} ${kind === 'cpu' ? 'vCPUs' : cores === 1 ? 'GPU' : 'GPUs'}.`,
            metric,
            threshold: limit * cores,
          },
        ];
  const silentPeriods =
    limits.noTrafficMs === null
      ? 0
      : Math.min(
          Math.ceil(limits.noTrafficMs / 1_000 / periodSeconds),
          Math.floor(LOOK_BACK_SECONDS / periodSeconds),
        );
  return [
    {
      ...onCalls,
      name: named('errors-5xx'),
      description: `More than ${percent(limits.errorShare)} of the invocations of ${name} are answered 5XX, of at least ${limits.minInvocations} in a period.`,
      metric: 'Invocation5XXErrors',
      stat: 'Average',
      threshold: limits.errorShare,
      ...ofCalls,
    },
    {
      ...onCalls,
      name: named('errors-4xx'),
      description: `More than ${percent(limits.clientErrorShare)} of the invocations of ${name} are answered 4XX: a schema or a caller has changed.`,
      metric: 'Invocation4XXErrors',
      stat: 'Average',
      threshold: limits.clientErrorShare,
      ...ofCalls,
    },
    {
      ...onCalls,
      name: named('latency'),
      description: `The 99th percentile of ModelLatency of ${name} is above ${limits.latencyP99Ms} ms.`,
      metric: 'ModelLatency',
      stat: 'p99',
      threshold: limits.latencyP99Ms * 1_000,
    },
    ...(hardware === undefined
      ? []
      : [
          ...perCore('cpu', 'CPUUtilization', limits.cpuPercent, hardware.vcpus, 'CPU'),
          ...perCore('gpu', 'GPUUtilization', limits.gpuPercent, hardware.gpus, 'GPU'),
          ...perCore(
            'gpu-memory',
            'GPUMemoryUtilization',
            limits.gpuMemoryPercent,
            hardware.gpus,
            'GPU memory',
          ),
        ]),
    {
      ...onFleet,
      name: named('memory'),
      description: `Memory of ${name} is above ${limits.memoryPercent} %.`,
      metric: 'MemoryUtilization',
      threshold: limits.memoryPercent,
      ...(serverless ? { missing: 'notBreaching' as const } : {}),
    },
    ...(serverless
      ? []
      : [
          {
            ...onFleet,
            name: named('disk'),
            description: `The disk of ${name} is above ${limits.diskPercent} %: data capture stops in silence when it is full.`,
            metric: 'DiskUtilization',
            threshold: limits.diskPercent,
          },
        ]),
    ...(silentPeriods === 0
      ? []
      : [
          {
            ...onCalls,
            name: named('no-traffic'),
            description: `Nobody has invoked ${name} for ${minutes(silentPeriods * periodSeconds)}: nothing can be told of its answers.`,
            metric: counting.metric,
            stat: counting.stat,
            evaluationPeriods: silentPeriods,
            datapointsToAlarm: silentPeriods,
            comparison: 'LessThanThreshold',
            threshold: 1,
            missing: 'breaching',
          } as const,
        ]),
  ];
}

const minutes = (secondsLong: number): string => `${Number((secondsLong / 60).toFixed(1))} min`;

/** Errors and latency of one version alone, judged by one period so that a bake of few is enough. */
function versionAlarms(
  policy: Policy,
  at: { readonly configName: string; readonly variant: string },
  names: { readonly errors: string; readonly latency: string },
): { readonly errors: AlarmSpec; readonly latency: AlarmSpec } {
  const { limits } = policy.spec.deploy;
  const common = {
    namespace: 'AWS/SageMaker',
    dimensions: {
      EndpointName: policy.spec.endpoint.name,
      VariantName: at.variant,
      EndpointConfigName: at.configName,
    },
    periodSeconds: seconds(limits.period),
    evaluationPeriods: 1,
    datapointsToAlarm: 1,
    missing: 'notBreaching',
  } as const;
  return {
    errors: {
      ...common,
      name: names.errors,
      description: `More than ${percent(limits.errorShare)} of the invocations of ${at.configName} are answered 5XX.`,
      metric: 'Invocation5XXErrors',
      stat: 'Average',
      threshold: limits.errorShare,
    },
    latency: {
      ...common,
      name: names.latency,
      description: `The 99th percentile of ModelLatency of ${at.configName} is above ${limits.latencyP99Ms} ms.`,
      metric: 'ModelLatency',
      stat: 'p99',
      threshold: limits.latencyP99Ms * 1_000,
    },
  };
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
  const { errors, latency } = versionAlarms(
    policy,
    { configName, variant: policy.spec.endpoint.variant },
    names,
  );
  return {
    errors,
    latency,
    abort: {
      ...errors,
      name: names.abort,
      description: `Set by hand when a person aborts the rollout of ${configName}.`,
      namespace: 'modelkeeper',
      metric: 'Abort',
      stat: 'Sum',
      threshold: 0,
    },
  };
}

/** Alarms on the candidate alone while champion and candidate share the traffic. */
export function candidateAlarms(
  policy: Policy,
  release: number,
  splitConfigName: string,
): { readonly errors: AlarmSpec; readonly latency: AlarmSpec } {
  return versionAlarms(
    policy,
    { configName: splitConfigName, variant: candidateVariant(policy.spec.endpoint.variant) },
    candidateAlarmNames(policy.metadata.name, release),
  );
}

/** Alarm name → source, for every alarm the policy wants watched. */
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
