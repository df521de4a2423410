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
  | { readonly about: 'job'; readonly name: string; readonly status: string; readonly key: string }
  /** Readable, and of no use to us. */
  | { readonly about: 'other'; readonly detailType: string };

export type Parsed =
  | { readonly kind: 'event'; readonly event: BridgeEvent }
  /** Not such an event at all: left in the queue for its redrive policy. */
  | { readonly kind: 'unreadable'; readonly reason: string };

const text = z.string().min(1).max(2_048);
/** What an event may leave out, say `null` for, or say in a way of its own: a hint is taken without it. */
const maybe = <Schema extends z.ZodType>(schema: Schema) => schema.nullish().catch(null);
/** ISO text, epoch milliseconds as number or text: only compared, never computed with. */
const moment = maybe(z.union([z.string(), z.number()]));

const envelopeSchema = z.object({
  source: text,
  'detail-type': text,
  region: maybe(z.string()),
  detail: z.record(z.string(), z.unknown()),
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
  state: z.object({ value: text, timestamp: moment }),
  configuration: maybe(
    z.object({
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

type Reader = (detail: unknown, region: string | null) => BridgeEvent;

const READERS: Readonly<Record<string, Reader>> = {
  'SageMaker Endpoint State Change': readEndpointEvent,
  'SageMaker Endpoint Deployment State Change': readEndpointEvent,
  'CloudWatch Alarm State Change': (detail, region) => {
    const { alarmName, state, configuration } = alarmSchema.parse(detail);
    const endpoints = (configuration?.metrics ?? []).flatMap(
      (metric) => metric.metricStat?.metric?.dimensions?.['EndpointName'] ?? [],
    );
    const key = keyOf('alarm', region, alarmName, state.value, state.timestamp);
    return { about: 'alarm', alarm: alarmName, region, state: state.value, endpoints, key };
  },
  'SageMaker Model Package State Change': (detail, region) => {
    const change = packageSchema.parse(detail);
    if (change.ModelPackageGroupName == null)
      return { about: 'other', detailType: 'a model package outside of a group' };
    const key = keyOf(
      'package',
      change.ModelPackageArn,
      change.ModelApprovalStatus,
      change.ModelPackageStatus,
      change.LastModifiedTime,
    );
    return { about: 'model package', group: change.ModelPackageGroupName, region, key };
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
        change.executionEndTime,
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
        change.stepStartTime,
        change.stepEndTime,
      ),
    };
  },
  'SageMaker Training Job State Change': (detail) => {
    const job = trainingJobSchema.parse(detail);
    return jobEvent(job.TrainingJobName, job.TrainingJobStatus, job.LastModifiedTime);
  },
  'SageMaker Processing Job State Change': (detail) => {
    const job = processingJobSchema.parse(detail);
    return jobEvent(job.ProcessingJobName, job.ProcessingJobStatus, job.LastModifiedTime);
  },
};

function readEndpointEvent(detail: unknown, region: string | null): BridgeEvent {
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
      change.EndpointArn ?? change.EndpointName,
      normalisedStatus(change.EndpointStatus),
      ...configs,
      ...steps,
      change.LastModifiedTime,
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
  return { about: 'job', name, status, key: keyOf('job', name, status, modified) };
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
    return {
      kind: 'event',
      event: read(wrapped.success ? JSON.parse(wrapped.data.Message) : value),
    };
  } catch (error) {
    return { kind: 'unreadable', reason: reasonOf(error) };
  }
}

function read(value: unknown): BridgeEvent {
  const throughSns = snsAlarmSchema.safeParse(value);
  if (throughSns.success) {
    const { AlarmName, NewStateValue, StateChangeTime, AlarmArn, Trigger } = throughSns.data;
    const region = AlarmArn?.split(':')[3] ?? null;
    return {
      about: 'alarm',
      alarm: AlarmName,
      region,
      state: NewStateValue,
      endpoints: endpointsIn(Trigger),
      key: keyOf('alarm', region, AlarmName, NewStateValue, StateChangeTime),
    };
  }
  const { 'detail-type': detailType, detail, region } = envelopeSchema.parse(value);
  const reader = Object.hasOwn(READERS, detailType) ? READERS[detailType] : undefined;
  return reader === undefined ? { about: 'other', detailType } : reader(detail, region ?? null);
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
