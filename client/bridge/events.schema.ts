import { z } from 'zod';

/**
 * AWS's events in our own words. Not ours, so only the fields we read are named and the rest may be anything.
 *
 * `key` is the same for the several events AWS sends about one change of state.
 */
export type BridgeEvent =
  | {
      readonly about: 'endpoint';
      readonly endpoint: string;
      readonly region: string | null;
      /** Configs that serve or are on their way. */
      readonly configs: readonly string[];
      readonly status: string;
      readonly key: string;
    }
  | {
      readonly about: 'alarm';
      readonly alarm: string;
      readonly region: string | null;
      readonly state: string;
      /** `EndpointName` among the dimensions of its metrics. */
      readonly endpoints: readonly string[];
      /** Names of the alarms that a composite one is made of, as far as the event names them. */
      readonly children: readonly string[];
      readonly key: string;
    }
  | {
      readonly about: 'model package';
      readonly group: string;
      readonly region: string | null;
      readonly key: string;
    }
  | {
      readonly about: 'pipeline';
      readonly pipeline: string | null;
      readonly executionArn: string;
      /** Present on execution events, absent on step events. */
      readonly displayName: string | null;
      readonly what: string;
      readonly key: string;
    }
  /** A rule or a schedule of people's own, whose name says whom it is for. */
  | {
      readonly about: 'schedule';
      readonly name: string;
      readonly region: string | null;
      readonly key: string;
    }
  | { readonly about: 'job'; readonly name: string; readonly status: string; readonly key: string }
  /** Readable, and of no use to us. */
  | { readonly about: 'other'; readonly detailType: string };

export type Parsed =
  /** `type` is one of {@link COUNTED_TYPES}. */
  | { readonly kind: 'event'; readonly event: BridgeEvent; readonly type: string }
  /** Not such an event at all: left in the queue for its redrive policy. */
  | { readonly kind: 'unreadable'; readonly reason: string };

const text = z.string().min(1).max(2_048);
/** What an event may leave out, say `null` for, or say in a way of its own: a hint is taken without it. */
const maybe = <Schema extends z.ZodType>(schema: Schema) => schema.nullish().catch(null);
/** ISO text, epoch milliseconds as number or text: only compared, never computed with. */
const moment = maybe(z.union([z.string(), z.number()]));

const envelopeSchema = z.object({
  /** One of AWS's own samples has a list here. */
  source: z.union([text, z.array(text).min(1)]),
  'detail-type': text,
  region: maybe(z.string()),
  time: moment,
  detail: z.record(z.string(), z.unknown()),
});

/** Of a scheduled event only who sent it is read: EventBridge Scheduler's `detail` is the text `{}`. */
const scheduledSchema = z.object({
  source: z.enum(['aws.events', 'aws.scheduler']),
  'detail-type': z.literal('Scheduled Event'),
  id: maybe(z.string()),
  time: moment,
  region: maybe(z.string()),
  resources: z.array(z.string().max(2_048)).min(1),
});

/** Endpoint and endpoint deployment: the same fields. */
const endpointSchema = z.object({
  EndpointName: text,
  EndpointArn: maybe(z.string()),
  EndpointConfigName: maybe(z.string()),
  EndpointStatus: text,
  LastModifiedTime: moment,
  PendingDeploymentSummary: maybe(
    z.object({
      EndpointConfigName: maybe(z.string()),
      ProductionVariants: maybe(
        z.array(
          z.object({ VariantStatus: maybe(z.array(z.object({ Status: maybe(z.string()) }))) }),
        ),
      ),
    }),
  ),
});

const alarmSchema = z.object({
  alarmName: text,
  state: z.object({ value: text, timestamp: moment, reasonData: maybe(z.string()) }),
  configuration: maybe(
    z.object({
      /** Of a composite alarm, in place of metrics. */
      alarmRule: maybe(z.string()),
      metrics: maybe(
        z.array(
          z.object({
            metricStat: maybe(
              z.object({
                metric: maybe(z.object({ dimensions: maybe(z.record(z.string(), z.string())) })),
              }),
            ),
          }),
        ),
      ),
    }),
  ),
});

const snsDimensions = maybe(
  z.array(z.object({ name: maybe(z.string()), value: maybe(z.string()) })),
);

/** An alarm's message as SNS carries it; `Region` is a long name there, the ARN holds the short one. */
const snsAlarmSchema = z.object({
  AlarmName: text,
  NewStateValue: text,
  StateChangeTime: moment,
  AlarmArn: maybe(z.string()),
  AlarmRule: maybe(z.string()),
  Trigger: maybe(
    z.object({
      Dimensions: snsDimensions,
      /** In place of `Dimensions` where the alarm is about an expression. */
      Metrics: maybe(
        z.array(
          z.object({
            MetricStat: maybe(z.object({ Metric: maybe(z.object({ Dimensions: snsDimensions })) })),
          }),
        ),
      ),
    }),
  ),
});

const packageSchema = z.object({
  /** Absent for packages that stand outside of a group. */
  ModelPackageGroupName: maybe(z.string()),
  ModelPackageArn: maybe(z.string()),
  ModelApprovalStatus: maybe(z.string()),
  ModelPackageStatus: maybe(z.string()),
  LastModifiedTime: moment,
});

const executionSchema = z.object({
  pipelineExecutionArn: text,
  pipelineArn: maybe(z.string()),
  pipelineExecutionDisplayName: maybe(z.string()),
  currentPipelineExecutionStatus: text,
  executionEndTime: moment,
});

const stepSchema = z.object({
  pipelineExecutionArn: text,
  pipelineArn: maybe(z.string()),
  stepName: text,
  currentStepStatus: text,
  stepStartTime: moment,
  stepEndTime: moment,
});

const trainingJobSchema = z.object({
  TrainingJobName: text,
  TrainingJobStatus: text,
  LastModifiedTime: moment,
});
const transformJobSchema = z.object({
  TransformJobName: text,
  TransformJobStatus: text,
  LastModifiedTime: moment,
});
const processingJobSchema = z.object({
  ProcessingJobName: text,
  ProcessingJobStatus: text,
  LastModifiedTime: moment,
});

const snsSchema = z.object({
  Type: z.literal('Notification'),
  TopicArn: text,
  Message: z.string(),
});

type Moment = z.infer<typeof moment>;
/** `sentAt` stands for the instant of a change that its `detail` does not tell: the next change must not pass for a repeat. */
type Reader = (detail: unknown, region: string | null, sentAt: Moment) => BridgeEvent;

const READERS: Readonly<Record<string, Reader>> = {
  'SageMaker Endpoint State Change': readEndpointEvent,
  'SageMaker Endpoint Deployment State Change': readEndpointEvent,
  'CloudWatch Alarm State Change': (detail, region, sentAt) => {
    const { alarmName, state, configuration } = alarmSchema.parse(detail);
    const endpoints = (configuration?.metrics ?? []).flatMap(
      (metric) => metric.metricStat?.metric?.dimensions?.['EndpointName'] ?? [],
    );
    return {
      about: 'alarm',
      alarm: alarmName,
      region,
      state: state.value,
      endpoints,
      children: childrenOf(configuration?.alarmRule, state.reasonData),
      key: keyOf('alarm', region, alarmName, state.value, instantOf(state.timestamp ?? sentAt)),
    };
  },
  'SageMaker Model Package State Change': (detail, region, sentAt) => {
    const change = packageSchema.parse(detail);
    const group = change.ModelPackageGroupName ?? groupIn(change.ModelPackageArn);
    if (group === null) return { about: 'other', detailType: 'a model package outside of a group' };
    const key = keyOf(
      'package',
      change.ModelPackageArn?.toLowerCase() ?? group.toLowerCase(),
      change.ModelApprovalStatus,
      change.ModelPackageStatus,
      instantOf(change.LastModifiedTime ?? sentAt),
    );
    return { about: 'model package', group, region, key };
  },
  'SageMaker Model Building Pipeline Execution Status Change': (detail) => {
    const change = executionSchema.parse(detail);
    return {
      about: 'pipeline',
      pipeline: pipelineName(change.pipelineArn ?? change.pipelineExecutionArn),
      executionArn: change.pipelineExecutionArn,
      displayName: change.pipelineExecutionDisplayName ?? null,
      what: `execution ${change.currentPipelineExecutionStatus}`,
      key: keyOf(
        'execution',
        change.pipelineExecutionArn,
        change.currentPipelineExecutionStatus,
        instantOf(change.executionEndTime),
      ),
    };
  },
  'SageMaker Model Building Pipeline Execution Step Status Change': (detail) => {
    const change = stepSchema.parse(detail);
    return {
      about: 'pipeline',
      pipeline: pipelineName(change.pipelineArn ?? change.pipelineExecutionArn),
      executionArn: change.pipelineExecutionArn,
      displayName: null,
      what: `step ${change.stepName} ${change.currentStepStatus}`,
      key: keyOf(
        'step',
        change.pipelineExecutionArn,
        change.stepName,
        change.currentStepStatus,
        instantOf(change.stepStartTime),
        instantOf(change.stepEndTime),
      ),
    };
  },
  'SageMaker Training Job State Change': (detail, _region, sentAt) => {
    const job = trainingJobSchema.parse(detail);
    return jobEvent(job.TrainingJobName, job.TrainingJobStatus, job.LastModifiedTime ?? sentAt);
  },
  'SageMaker Transform Job State Change': (detail, _region, sentAt) => {
    const job = transformJobSchema.parse(detail);
    return jobEvent(job.TransformJobName, job.TransformJobStatus, job.LastModifiedTime ?? sentAt);
  },
  'SageMaker Processing Job State Change': (detail, _region, sentAt) => {
    const job = processingJobSchema.parse(detail);
    return jobEvent(job.ProcessingJobName, job.ProcessingJobStatus, job.LastModifiedTime ?? sentAt);
  },
};

function readEndpointEvent(detail: unknown, region: string | null, sentAt: Moment): BridgeEvent {
  const change = endpointSchema.parse(detail);
  const pending = change.PendingDeploymentSummary;
  const configs = [change.EndpointConfigName, pending?.EndpointConfigName].filter(
    (name) => name != null,
  );
  const steps = (pending?.ProductionVariants ?? [])
    .flatMap((variant) => variant.VariantStatus ?? [])
    .map((status) => status.Status);
  return {
    about: 'endpoint',
    endpoint: change.EndpointName,
    region,
    configs,
    status: normalisedStatus(change.EndpointStatus),
    key: keyOf(
      'endpoint',
      (change.EndpointArn ?? change.EndpointName).toLowerCase(),
      normalisedStatus(change.EndpointStatus),
      ...configs,
      ...steps,
      instantOf(change.LastModifiedTime ?? sentAt),
    ),
  };
}

/** Events say `IN_SERVICE` where the API says `InService`. */
export function normalisedStatus(status: string): string {
  return status.replaceAll('_', '').toLowerCase();
}

function jobEvent(
  name: string,
  status: string,
  modified: string | number | null | undefined,
): BridgeEvent {
  return { about: 'job', name, status, key: keyOf('job', name, status, instantOf(modified)) };
}

const EPOCH_SECONDS_BELOW = 1e11;

/**
 * One spelling for the instants of one change: epoch milliseconds, whether AWS wrote them as a number, a float, a text
 * of digits, or ISO with `Z` or `+0000`; or epoch seconds, which are below a hundred thousand million until the year
 * 5138. What is none of these is compared as it is.
 */
export function instantOf(moment: string | number | null | undefined): string | number | null {
  if (moment == null) return null;
  const epochMs = Number(moment);
  if (String(moment).trim() !== '' && Number.isFinite(epochMs))
    return epochMs < EPOCH_SECONDS_BELOW ? Math.round(epochMs * 1_000) : Math.trunc(epochMs);
  const iso = String(moment).replace(/([+-]\d{2})(\d{2})$/, '$1:$2');
  const parsed = Date.parse(iso);
  return Number.isNaN(parsed) ? moment : parsed;
}

/** From `…:model-package/<group>/<version>`; `null` for a package that stands alone. */
function groupIn(arn: string | null | undefined): string | null {
  return /:model-package\/([^/]+)\/\d+$/.exec(arn ?? '')?.[1] ?? null;
}

const MOST_CHILDREN = 100;

/** From the rule (`ALARM("cpu") OR OK(memory)`) and from what is said to have triggered. */
function childrenOf(
  rule: string | null | undefined,
  reasonData: string | null | undefined,
): readonly string[] {
  const named = [
    ...(rule ?? '').matchAll(/\b(?:ALARM|OK|INSUFFICIENT_DATA)\(\s*"?([^")]+)"?\s*\)/g),
  ]
    .map((match) => match[1] ?? '')
    .slice(0, MOST_CHILDREN);
  const triggering = triggeringSchema.safeParse(jsonOf(reasonData));
  const arns = triggering.success ? triggering.data.triggeringAlarms.map(({ arn }) => arn) : [];
  return [...new Set([...named, ...arns].map((name) => name.split(':alarm:').at(-1) ?? name))];
}

const triggeringSchema = z.object({
  triggeringAlarms: z.array(z.object({ arn: text })).max(MOST_CHILDREN),
});

function jsonOf(value: string | null | undefined): unknown {
  try {
    return JSON.parse(value ?? 'null');
  } catch {
    return null;
  }
}

function keyOf(...parts: readonly (string | number | null | undefined)[]): string {
  return parts.map((part) => part ?? '').join('|');
}

function pipelineName(arn: string): string | null {
  return /:pipeline\/([^/]+)/.exec(arn)?.[1] ?? null;
}

/** Reads the body of a queue message: an event as EventBridge sends it, or one that came through SNS, wrapped or raw. */
export function parseBody(body: string): Parsed {
  try {
    const value: unknown = JSON.parse(body);
    const wrapped = snsSchema.safeParse(value);
    const inner: unknown = wrapped.success ? JSON.parse(wrapped.data.Message) : value;
    return { kind: 'event', event: read(inner), type: countedAs(inner) };
  } catch (error) {
    return { kind: 'unreadable', reason: reasonOf(error) };
  }
}

function read(value: unknown): BridgeEvent {
  const throughSns = snsAlarmSchema.safeParse(value);
  if (throughSns.success) {
    const { AlarmName, NewStateValue, StateChangeTime, AlarmArn, AlarmRule, Trigger } =
      throughSns.data;
    const region = AlarmArn?.split(':')[3] ?? null;
    return {
      about: 'alarm',
      alarm: AlarmName,
      region,
      state: NewStateValue,
      endpoints: endpointsIn(Trigger),
      children: childrenOf(AlarmRule, null),
      key: keyOf('alarm', region, AlarmName, NewStateValue, instantOf(StateChangeTime)),
    };
  }
  const scheduled = scheduledSchema.safeParse(value);
  if (scheduled.success) return readSchedule(scheduled.data);
  const { 'detail-type': detailType, detail, region, time } = envelopeSchema.parse(value);
  const reader = Object.hasOwn(READERS, detailType) ? READERS[detailType] : undefined;
  return reader === undefined
    ? { about: 'other', detailType }
    : reader(detail, region ?? null, time);
}

/** `…:rule/<name>`, `…:rule/<bus>/<name>` or `…:schedule/<group>/<name>`. */
function readSchedule({
  resources,
  region,
  id,
  time,
}: z.infer<typeof scheduledSchema>): BridgeEvent {
  const name = resources[0]?.split('/').at(-1) ?? '';
  return {
    about: 'schedule',
    name,
    region: region ?? null,
    key: keyOf('schedule', resources[0], instantOf(time), id),
  };
}

/**
 * Types that are counted by name. Those without a reader are known and of no use; the payload of the last one is
 * documented nowhere, so nothing hangs on it.
 */
export const COUNTED_TYPES: readonly string[] = [
  ...Object.keys(READERS),
  'Scheduled Event',
  'SageMaker Model State Change',
  'SageMaker Endpoint Config State Change',
  'SageMaker HyperParameter Tuning Job State Change',
  'SageMaker Model Card State Change',
  'SageMaker Monitoring Schedule State Change',
];

/** Its type, or `other`: what anybody may send must not become names of counters. */
function countedAs(value: unknown): string {
  if (snsAlarmSchema.safeParse(value).success) return 'CloudWatch Alarm State Change';
  const type =
    typeof value === 'object' && value !== null && 'detail-type' in value
      ? value['detail-type']
      : undefined;
  return typeof type === 'string' && COUNTED_TYPES.includes(type) ? type : 'other';
}

function endpointsIn(trigger: z.infer<typeof snsAlarmSchema>['Trigger']): readonly string[] {
  const ofExpression = (trigger?.Metrics ?? []).map(
    (metric) => metric.MetricStat?.Metric?.Dimensions,
  );
  return [trigger?.Dimensions, ...ofExpression]
    .flatMap((dimensions) => dimensions ?? [])
    .flatMap((one) => (one.name === 'EndpointName' ? (one.value ?? []) : []));
}

function reasonOf(error: unknown): string {
  if (error instanceof z.ZodError)
    return error.issues
      .slice(0, 3)
      .map((issue) => `${issue.path.map(String).join('.') || 'the event'}: ${issue.message}`)
      .join('; ');
  return error instanceof Error ? error.message : String(error);
}
