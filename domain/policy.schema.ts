import { z } from 'zod';

import { DISAGREEMENTS, REMEDIABLE_KINDS, REMEDIES } from './disagreements.js';
import { DURATION_PATTERN, durationMs } from './duration.js';
import { evaluateSchema } from './evaluate.schema.js';
import { MOST_BUDGET_RUNS } from './governor.js';
import { MATH_ID, mathFaults } from './metric-math.js';
import { STAT_PATTERN } from './metric-stat.js';
import { managedMonitorFaults } from './managed-monitors.js';
import { multivariateLimits, multivariateLimitsFault } from './multivariate.js';
import { normalisedArn, whoCanApprove } from './people.js';
import { isTimeZone } from './quiet-hours.js';
import { modelNameFault } from './model-name.js';
import { awsCron, looksBackTooFar } from './scaling.js';
import { planFaults, rollingOf, rolloutPlan } from './rollout.js';
import { canSee, modelSubjectOf } from './sources.js';
import { stagingFaults } from './staging.js';
import { lowerIsBetter } from './stats/metrics.js';

/** Lower-case, dash-separated. How long it may be is AWS's to say, of what the policy has named after it. */
export const modelNameSchema = z
  .string()
  .regex(
    /^[a-z0-9](-?[a-z0-9]){0,39}$/,
    'use at most 40 lower-case letters and digits, with single dashes between them, such as flight-delays',
  );

const durationSchema = z
  .string()
  // Aborts, so that no rule that computes with durations meets a text that is none.
  .regex(DURATION_PATTERN, {
    error: 'write a duration with its unit, such as 30s, 10m, 6h or 7d',
    abort: true,
  });

const positiveDurationSchema = durationSchema.refine((literal) => durationMs(literal) > 0, {
  message: 'must be longer than nothing',
});

const awsNameSchema = z
  .string()
  .regex(/^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}$/, 'letters, digits and dashes, 1 to 63 characters');
const arnSchema = z
  .string()
  .regex(
    /^arn:[^:\s]+:[^:\s]+:[^\s]+$/,
    'write an ARN, such as arn:aws:sns:us-east-1:111122223333:ml-alerts',
  );
const s3UriSchema = z
  .string()
  .regex(
    /^s3:\/\/[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](\/[^\s]*)?$/,
    'write an S3 address, such as s3://bucket/prefix/',
  );
const columnSchema = z.string().min(1).max(256);
const sourceIdSchema = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,39}$/, 'lower-case letters, digits and dashes')
  // Windows are kept by source in plain objects, which all have a member of this name.
  .refine((id) => id !== 'constructor', 'this name is taken: choose another');
const personSchema = z.email('write the person as an e-mail address');
const shareSchema = z.number().min(0).max(1);

/** Most rows anything can ask for: more than that in one window is a slip of the pen. */
const MOST_ROWS = 1_000_000_000;

const SHORT_PERIODS_MS: readonly number[] = [1_000, 5_000, 10_000, 20_000, 30_000];

function isPeriod(ms: number): boolean {
  return SHORT_PERIODS_MS.includes(ms) || (ms >= 60_000 && ms <= 86_400_000 && ms % 60_000 === 0);
}

const percentSchema = z.number().positive().max(100);

/** CloudWatch finds alarms by name, in one account and Region: by an ARN it finds nothing. */
const alarmNameSchema = z
  .string()
  .min(1)
  .max(255)
  .refine((name) => !/^arn:[a-z-]+:cloudwatch:/.test(name), {
    message:
      'write the name of the alarm, not its ARN: it is one of the account and Region of the endpoint',
  });

const alarmsSourceSchema = z
  .strictObject({
    id: sourceIdSchema,
    kind: z.literal('alarms'),
    /**
     * `managed`: the keeper creates, repairs and removes the recommended set; or names of alarms of your own, be they
     * on metrics, on anomalies or composite.
     */
    alarms: z
      .union([z.literal('managed'), z.array(alarmNameSchema).min(1).max(100)])
      .default('managed'),
    /**
     * What alarms of your own are about: `health` of the endpoint (the default), or `drift` or `performance` of the
     * model. An alarm counts its data points itself, so one that goes off is confirmed.
     */
    means: z.enum(['health', 'drift', 'performance']).optional(),
    /** Limits of the managed alarms; what is not written is as `alarmLimits()` says. */
    limits: z
      .strictObject({
        errorShare: shareSchema.optional(),
        minInvocations: z.int().min(1).max(MOST_ROWS).optional(),
        clientErrorShare: shareSchema.optional(),
        latencyP99Ms: z.number().positive().optional(),
        cpuPercent: percentSchema.optional(),
        memoryPercent: percentSchema.optional(),
        diskPercent: percentSchema.optional(),
        gpuPercent: percentSchema.optional(),
        gpuMemoryPercent: percentSchema.optional(),
        /** `off`, or so long without an invocation. CloudWatch looks back a day at most. */
        noTraffic: z
          .union([
            z.literal('off'),
            durationSchema.refine(
              (literal) => durationMs(literal) >= 60_000 && durationMs(literal) <= 86_400_000,
              { message: 'write off, or a time from 1m to 24h' },
            ),
          ])
          .optional(),
      })
      .optional(),
  })
  .refine((source) => source.limits === undefined || source.alarms === 'managed', {
    path: ['limits'],
    message: 'limits are those of the managed alarms: alarms of your own have theirs in CloudWatch',
  })
  .refine((source) => modelSubjectOf(source) === undefined || source.alarms !== 'managed', {
    path: ['means'],
    message:
      "the managed alarms are about the endpoint's health: name alarms of your own that mean drift or performance",
  });

const statSchema = z
  .string()
  .regex(
    STAT_PATTERN,
    "Average, Sum, Minimum, Maximum, SampleCount, or one of CloudWatch's such as p99, p99.9, tm99, IQM or PR(:300)",
  );

/** CloudWatch keeps 1, 5, 10, 20 and 30 seconds, and whole minutes. */
const periodSchema = durationSchema
  .refine((literal) => isPeriod(durationMs(literal)), {
    message:
      'CloudWatch has periods of 1, 5, 10, 20 and 30 seconds and of whole minutes: write 10s, 1m or 5m',
  })
  .default('5m');

const dimensionsSchema = z
  .record(z.string().min(1).max(255), z.string().min(1).max(1_024))
  .refine((dimensions) => Object.keys(dimensions).length <= 30, {
    message: 'a metric has 30 dimensions at most',
  });

const hasLimit = (source: { above?: number | undefined; below?: number | undefined }): boolean =>
  source.above !== undefined || source.below !== undefined;
const NO_LIMIT = 'say above: or below:, or the metric could never be a finding';

const metricSourceSchema = z
  .strictObject({
    id: sourceIdSchema,
    kind: z.literal('metric'),
    namespace: z.string().min(1).max(255),
    name: z.string().min(1).max(255),
    /** Exactly the dimensions the metric was published with; CloudWatch does not add up dimension sets. */
    dimensions: dimensionsSchema.default({}),
    stat: statSchema,
    period: periodSchema,
    above: z.number().optional(),
    below: z.number().optional(),
  })
  .refine(hasLimit, { message: NO_LIMIT });

const metricMathSourceSchema = z
  .strictObject({
    id: sourceIdSchema,
    kind: z.literal('metric-math'),
    /** CloudWatch metric math over the ids of `metrics`, such as `100 * errors / requests`. */
    expression: z.string().min(1).max(500),
    /** Id → metric. Ids begin with a lower-case letter. */
    metrics: z
      .record(
        z.string().regex(MATH_ID, 'a lower-case letter, then letters, digits and _, at most 32'),
        z.strictObject({
          namespace: z.string().min(1).max(255),
          name: z.string().min(1).max(255),
          dimensions: dimensionsSchema.default({}),
          stat: statSchema,
        }),
      )
      .refine((metrics) => Object.keys(metrics).length >= 1 && Object.keys(metrics).length <= 10, {
        message: 'name 1 to 10 metrics',
      }),
    period: periodSchema,
    above: z.number().optional(),
    below: z.number().optional(),
  })
  .refine(hasLimit, { message: NO_LIMIT })
  .superRefine((source, context) => {
    for (const fault of mathFaults(source.expression, Object.keys(source.metrics)))
      context.addIssue({ code: 'custom', path: ['expression'], message: fault });
  });

/** At least one limit, and none that no value could keep. */
function limitsFault(limits: Readonly<Record<string, unknown>>): string | undefined {
  const told = Object.entries(limits).filter(
    ([key, value]) => key !== 'stat' && value !== undefined,
  );
  if (told.length === 0) return 'say a limit, such as above or below with its unit';
  const least = told.find(([key]) => key.startsWith('below'))?.[1];
  const most = told.find(([key]) => key.startsWith('above'))?.[1];
  return typeof least === 'number' && typeof most === 'number' && least > most
    ? 'below must not be greater than above, or every value is a finding'
    : undefined;
}

function checkLimits(limits: Readonly<Record<string, unknown>>, context: z.RefinementCtx): void {
  const fault = limitsFault(limits);
  if (fault !== undefined) context.addIssue({ code: 'custom', message: fault });
}

/** Percent of the whole instance, whatever CloudWatch counts in. */
const utilisationSchema = z
  .strictObject({
    stat: statSchema.default('Average'),
    abovePercent: z.number().min(0).max(100).optional(),
    belowPercent: z.number().min(0).max(100).optional(),
  })
  .superRefine(checkLimits)
  .optional();

/** Milliseconds; CloudWatch has microseconds. */
const latencySchema = z
  .strictObject({
    stat: statSchema.default('p99'),
    aboveMs: z.number().min(0).optional(),
    belowMs: z.number().min(0).optional(),
  })
  .superRefine(checkLimits)
  .optional();

/** Sum over the period: of a count no other statistic means anything. */
const countSchema = z
  .strictObject({ above: z.number().min(0).optional(), below: z.number().min(0).optional() })
  .superRefine(checkLimits)
  .optional();

const errorsSchema = z
  .strictObject({
    /** Share of the invocations. */
    aboveShare: shareSchema.optional(),
    /** Number over the period. */
    above: z.number().min(0).optional(),
  })
  .superRefine((limits, context) => {
    checkLimits(limits, context);
    if (limits.above !== undefined && limits.aboveShare !== undefined)
      context.addIssue({ code: 'custom', message: 'say either aboveShare or above, not both' });
  })
  .optional();

const endpointMetricsSourceSchema = z.strictObject({
  id: sourceIdSchema,
  kind: z.literal('endpoint-metrics'),
  period: periodSchema,
  /** AWS's name of a metric → its limits. */
  metrics: z
    .strictObject({
      CPUUtilization: utilisationSchema,
      MemoryUtilization: utilisationSchema,
      DiskUtilization: utilisationSchema,
      GPUUtilization: utilisationSchema,
      GPUMemoryUtilization: utilisationSchema,
      ModelLatency: latencySchema,
      OverheadLatency: latencySchema,
      Invocations: countSchema,
      InvocationsPerInstance: countSchema,
      Invocation4XXErrors: errorsSchema,
      Invocation5XXErrors: errorsSchema,
    })
    .refine((metrics) => Object.values(metrics).some((limits) => limits !== undefined), {
      message: 'name at least one metric with a limit, such as ModelLatency: { aboveMs: 500 }',
    }),
});

/** What can be estimated from scores alone. */
export const ESTIMATED_METRICS = ['accuracy', 'precision', 'recall', 'f1', 'roc_auc'] as const;

const capturedInputsSourceSchema = z
  .strictObject({
    id: sourceIdSchema,
    kind: z.literal('captured-inputs'),
    /** Windows are aligned to the clock, do not overlap, and are judged once complete. */
    window: positiveDurationSchema.default('6h'),
    /** How long after its end a window's capture may still arrive before it is judged. */
    settle: durationSchema.default('15m'),
    /** `champion`: the data the serving version was trained on; or the address of a Parquet or CSV file. */
    baseline: z.union([z.literal('champion'), s3UriSchema]).default('champion'),
    /** Columns of a CSV payload in their order. JSON payloads name their own. */
    columns: z
      .array(columnSchema)
      .min(1)
      .max(2_000)
      .refine((columns) => new Set(columns).size === columns.length, {
        message: 'a column is named twice: name the columns in the order of the payload, each once',
      })
      .optional(),
    /**
     * Where the baseline's scores are, and the labels that came true: `evaluation`, the predictions that the serving
     * version was judged by; or columns of the baseline file. Without it, scores are not compared.
     */
    scores: z
      .union([
        z.literal('evaluation'),
        z.strictObject({ column: columnSchema, label: columnSchema.optional() }),
      ])
      .optional(),
    /** Performance estimated from scores, while labels are missing: a warning at most. */
    estimate: z
      .strictObject({ metric: z.enum(ESTIMATED_METRICS), floor: z.number().gt(0).lt(1) })
      .optional(),
  })
  .superRefine(({ baseline, scores, estimate }, context) => {
    if (scores === 'evaluation' && baseline !== 'champion')
      context.addIssue({
        code: 'custom',
        path: ['scores'],
        message:
          'evaluation is of the serving version, and the baseline is a file: name the column of the file that holds the score',
      });
    if (estimate === undefined) return;
    if (scores === undefined || (scores !== 'evaluation' && scores.label === undefined))
      context.addIssue({
        code: 'custom',
        path: ['estimate'],
        message:
          'needs scores with labels to calibrate by: say scores: evaluation, or scores: { column, label } of the baseline file',
      });
  });

/** Metrics of labelled predictions; labels of the last two are amounts, of the others 0 or 1. */
export const TRUTH_METRICS = [
  'roc_auc',
  'pr_auc',
  'accuracy',
  'precision',
  'recall',
  'f1',
  'log_loss',
  'brier',
  'rmse',
  'mae',
] as const;

const groundTruthSourceSchema = z
  .strictObject({
    id: sourceIdSchema,
    kind: z.literal('ground-truth'),
    labels: s3UriSchema,
    window: positiveDurationSchema.default('24h'),
    /** How long after the prediction its label has arrived. A window is judged when its end is this long ago. */
    delay: durationSchema.default('48h'),
    /** How long after that labels that came late are read, once more. Default: as long as `delay`; see `lateMs()`. */
    late: durationSchema.optional(),
    metric: z.enum(TRUTH_METRICS).default('roc_auc'),
    /** Breached when the interval of the metric lies wholly below. Choose it below your champion's own interval. */
    floor: z.number().min(0).max(1).optional(),
    /** The same for metrics where less is better. */
    ceiling: z.number().positive().optional(),
    minRows: z.int().min(50).max(MOST_ROWS).default(500),
    /** Smallest share of predictions with a label for a verdict; any when absent. */
    minCoverage: shareSchema.optional(),
  })
  .superRefine((source, context) => {
    const [wanted, other] = lowerIsBetter(source.metric)
      ? (['ceiling', 'floor'] as const)
      : (['floor', 'ceiling'] as const);
    const better = wanted === 'ceiling' ? 'less' : 'more';
    if (source[wanted] === undefined)
      context.addIssue({
        code: 'custom',
        path: [wanted],
        message: `of ${source.metric} ${better} is better: say ${wanted}, or it could never be a finding`,
      });
    if (source[other] !== undefined)
      context.addIssue({
        code: 'custom',
        path: [other],
        message: `of ${source.metric} ${better} is better: write ${wanted} instead of ${other}`,
      });
  });

/** Where something of SageMaker runs in a network of the account; lengths and counts are those of its `VpcConfig`. */
const subnetsSchema = z
  .array(
    z
      .string()
      .max(32)
      .regex(/^subnet-[0-9a-z]+$/, 'the id of a subnet, such as subnet-0abc'),
  )
  .min(1)
  .max(16);
const securityGroupsSchema = z
  .array(
    z
      .string()
      .max(32)
      .regex(/^sg-[0-9a-z]+$/, 'the id of a security group, such as sg-0abc'),
  )
  .min(1)
  .max(5);

const instanceTypeSchema = z
  .string()
  .regex(/^ml\.[a-z0-9-]+\.[a-z0-9]+$/, 'an instance type such as ml.m5.xlarge');
const imageSchema = z
  .string()
  .max(255)
  .regex(
    /^\S+$/,
    'the address of an image, such as 111122223333.dkr.ecr.us-east-1.amazonaws.com/train:1',
  );
const settingsSchema = (longest: number) =>
  z
    .record(z.string().min(1).max(256), z.string().max(longest))
    .refine((settings) => Object.keys(settings).length <= 100, {
      message: 'SageMaker takes at most 100 of them',
    });

/** Instance type → US dollars an hour. */
export const pricesSchema = z.record(instanceTypeSchema, z.number().positive().max(10_000));

/** What violations of each `constraint_check_type` of Model Monitor stand for; `none`: they are passed over. */
export const MONITOR_CHECKS = [
  'baseline_drift_check',
  'categorical_values_check',
  'completeness_check',
  'data_type_check',
  'missing_column_check',
  'extra_column_check',
  'bias_drift_check',
  'feature_attribution_drift_check',
] as const;

export const MONITORING_TYPES = [
  'DataQuality',
  'ModelQuality',
  'ModelBias',
  'ModelExplainability',
] as const;

/** A Model Monitor schedule that the keeper makes, changes and removes. What goes together: `managedMonitorFaults`. */
const managedMonitorSchema = z.strictObject({
  type: z.enum(['data-quality', 'model-quality', 'model-bias', 'model-explainability']),
  /** When it runs, in UTC. */
  cron: z
    .string()
    .regex(
      /^cron\(0 (?:\*|(?:[01]?\d|2[0-3])(?:\/(?:0?[1-9]|1\d|2[0-4]))?) \? \* \* \*\)$/,
      'write cron(0 * ? * * *) for hourly, cron(0 7 ? * * *) for daily or cron(0 0/6 ? * * *) for every six hours: SageMaker takes no other',
    )
    .default('cron(0 * ? * * *)'),
  state: z.enum(['running', 'stopped']).default('running'),
  /** The analyser of the endpoint's Region: `model-monitor` for data and model quality, `clarify` for the others. */
  image: imageSchema,
  /** Execution role of the jobs. */
  role: arnSchema,
  instanceType: instanceTypeSchema.default('ml.m5.xlarge'),
  instanceCount: z.int().min(1).max(100).default(1),
  volumeGb: z.int().min(1).max(16_384).default(20),
  maxRuntime: positiveDurationSchema.default('30m'),
  /** What executions are compared with: a data set that a job turns into it, or files that are there. */
  baseline: z.strictObject({
    /** `champion`: what the serving version's package names as its baseline. */
    dataset: z.union([z.literal('champion'), s3UriSchema]).optional(),
    format: z.enum(['csv', 'csv-without-header', 'json', 'json-lines', 'parquet']).optional(),
    /** Analysis config of the baselining job of bias and explainability. Default: `config`. */
    config: s3UriSchema.optional(),
    /** Another number has the baseline made again. */
    run: z.int().min(1).max(9_999).optional(),
    constraints: s3UriSchema.optional(),
    statistics: s3UriSchema.optional(),
  }),
  /** Where executions and baselines are written. Default: below `spec.storage`. */
  output: s3UriSchema.optional(),
  /** Of model quality. */
  problem: z.enum(['binary', 'multiclass', 'regression']).optional(),
  /** Labels in Model Monitor's format, of model quality and bias. */
  groundTruth: s3UriSchema.optional(),
  /** Names, indexes or JSONPath of columns, as SageMaker calls them. */
  attributes: z
    .strictObject({
      inference: columnSchema.optional(),
      probability: columnSchema.optional(),
      probabilityThreshold: z.number().min(0).max(1).optional(),
      features: columnSchema.optional(),
      /** Column of the labels in the baseline's data set. */
      groundTruth: columnSchema.optional(),
    })
    .optional(),
  /** Analysis config of bias and explainability. */
  config: s3UriSchema.optional(),
  /** Which captured data an execution joins with labels: from so long before its time until so long before it. */
  offsets: z
    .strictObject({ start: positiveDurationSchema, end: durationSchema.default('0s') })
    .optional(),
  environment: settingsSchema(256).optional(),
  subnets: subnetsSchema.optional(),
  securityGroups: securityGroupsSchema.optional(),
});

const modelMonitorSourceSchema = z.strictObject({
  id: sourceIdSchema,
  kind: z.literal('model-monitor'),
  /** Name of the monitoring schedule. Its cron expression says how long a window is. */
  schedule: awsNameSchema,
  /** How long after its scheduled time an execution has ended. Later it is told as late, or as missing. */
  late: positiveDurationSchema.default('2h'),
  /** How long after its end an execution is read: its files and alerts are written by then. */
  settle: durationSchema.default('2m'),
  /** Take Model Monitor's own alerts (datapoints to alert) instead of `detect.persistence`. */
  alerts: z.boolean().default(false),
  /** `constraint_check_type` → what it stands for, where the default is not wanted. */
  checks: z
    .partialRecord(
      z.enum(MONITOR_CHECKS),
      z.enum(['drift', 'performance', 'data quality', 'warn', 'none']),
    )
    .default({}),
  /** The schedule is made, changed and removed by this. Without it, it is only read. */
  manage: managedMonitorSchema.optional(),
});

const reportMetricSchema = z
  .strictObject({
    floor: z.number().optional(),
    ceiling: z.number().optional(),
    /** What a value beyond its limits is evidence of. */
    means: z.enum(['performance', 'drift']).default('performance'),
  })
  .refine((metric) => metric.floor !== undefined || metric.ceiling !== undefined, {
    message: 'say floor: or ceiling:, or the metric could never be a finding',
  })
  .refine(
    ({ floor, ceiling }) => floor === undefined || ceiling === undefined || floor <= ceiling,
    { message: 'floor must not be above ceiling' },
  );

const reportSourceFields = {
  id: sourceIdSchema,
  /** Everything below this address is looked through for reports. */
  prefix: s3UriSchema,
  /** How often a report is due. A report that tells only one instant is about this long before it. */
  every: positiveDurationSchema.default('24h'),
  /** How long after it was written a report is read. */
  settle: durationSchema.default('1m'),
};

const reportMetricsSchema = z.record(z.string().min(1).max(256), reportMetricSchema);

const evidentlySourceSchema = z.strictObject({
  ...reportSourceFields,
  kind: z.literal('evidently'),
  /** Method, such as `psi` or `ks` → from which score, or for tests below which p, a column has drifted. */
  thresholds: z.record(z.string().min(1).max(64), z.number().min(0)).default({}),
  /** Name of a metric, such as `accuracy` → its limits. */
  metrics: reportMetricsSchema.default({}),
});

const nannymlSourceSchema = z.strictObject({
  ...reportSourceFields,
  kind: z.literal('nannyml'),
  /** Whether NannyML's own alerts count, for what has no limits here. */
  alerts: z.boolean().default(true),
  /** Name of a metric, such as `roc_auc` → its limits. */
  metrics: reportMetricsSchema.default({}),
});

const mlflowSourceSchema = z.strictObject({
  ...reportSourceFields,
  kind: z.literal('mlflow'),
  /** Name of a metric → its limits. Others are not looked at. */
  metrics: reportMetricsSchema.refine((metrics) => Object.keys(metrics).length > 0, {
    message: 'name at least one metric with its limits, or nothing could be judged',
  }),
});

/** Columns together, by a processing job. What is not written is as `multivariateLimits` and SageMaker say. */
const multivariateSourceSchema = z
  .strictObject({
    id: sourceIdSchema,
    kind: z.literal('multivariate'),
    /** Each window is a job: as for captured inputs, but longer. */
    window: positiveDurationSchema.default('24h'),
    /** How long after its end a window's capture may still arrive before the job starts. */
    settle: durationSchema.default('15m'),
    method: z.enum(['domain-classifier', 'pca']).default('domain-classifier'),
    /** `champion`: what the serving version's package names as its baseline; or an address of rows. */
    reference: z.union([z.literal('champion'), s3UriSchema]).default('champion'),
    /** Columns of a payload in their order. */
    columns: z.array(columnSchema).min(1).max(2_000).optional(),
    /** Image of modelkeeper, of the worker's version (Dockerfile.job). */
    image: imageSchema,
    /** Execution role of the job. */
    role: arnSchema,
    instanceType: instanceTypeSchema.default('ml.m5.large'),
    volumeGb: z.int().min(1).max(16_384).default(20),
    maxRuntime: positiveDurationSchema.default('1h'),
    seed: z.int().min(0).max(999_999_999).default(1),
    /** Most rows of either side that are looked at. */
    maxRows: z.int().min(200).max(1_000_000).default(10_000),
    limits: z
      .strictObject({
        /** Of the nearer bound of the interval. */
        warn: z.number().min(0).max(100).optional(),
        drift: z.number().min(0).max(100).optional(),
        significance: z.number().gt(0).max(0.2).optional(),
        minRows: z.int().min(50).max(1_000_000).optional(),
      })
      .optional(),
    subnets: subnetsSchema.optional(),
    securityGroups: securityGroupsSchema.optional(),
  })
  .refine(
    ({ subnets, securityGroups }) => (subnets === undefined) === (securityGroups === undefined),
    {
      message: 'subnets and securityGroups go together',
    },
  )
  .refine(({ limits, maxRows }) => (limits?.minRows ?? 0) <= maxRows, {
    message: 'maxRows is below limits.minRows, so that nothing could ever be told',
  })
  .superRefine(({ method, limits }, context) => {
    const fault = multivariateLimitsFault(method, multivariateLimits(method, limits));
    if (fault !== undefined) context.addIssue({ code: 'custom', path: ['limits'], message: fault });
  });

export const sourceSchema = z.discriminatedUnion('kind', [
  alarmsSourceSchema,
  metricSourceSchema,
  endpointMetricsSourceSchema,
  metricMathSourceSchema,
  capturedInputsSourceSchema,
  groundTruthSourceSchema,
  modelMonitorSourceSchema,
  evidentlySourceSchema,
  nannymlSourceSchema,
  mlflowSourceSchema,
  multivariateSourceSchema,
]);

export const detectSchema = z
  .strictObject({
    columns: z
      .strictObject({
        /** One of these drifting is enough. */
        critical: z.array(columnSchema).default([]),
        ignore: z.array(columnSchema).default([]),
        /** Integer columns that are codes, not amounts. */
        categorical: z.array(columnSchema).default([]),
        /** Columns where new values mean a changed world, not a broken feed. */
        newValuesAreDrift: z.array(columnSchema).default([]),
        /** Column → how much it weighs in `drift.share`, such as its importance to the model; others weigh nothing. */
        weights: z
          .record(columnSchema, z.number().min(0))
          .refine((weights) => Object.values(weights).some((weight) => weight > 0), {
            message: 'give at least one column a weight above 0',
          })
          .optional(),
      })
      .prefault({}),
    /** Rows with one value of a column are judged apart; what is not written is as `segmentRules()` says. */
    segments: z
      .array(
        z.strictObject({
          by: columnSchema,
          max: z.int().min(1).max(50).optional(),
          minRows: z.int().min(50).max(MOST_ROWS).optional(),
          critical: z.boolean().optional(),
        }),
      )
      .min(1)
      .max(5)
      .refine((rules) => new Set(rules.map(({ by }) => by)).size === rules.length, {
        message: 'a column is named twice',
      })
      .optional(),
    drift: z
      .strictObject({
        /** Jensen–Shannon distance (base 2, 0 to 1) from which a column is shown as moving. */
        warn: shareSchema.default(0.1),
        /** Jensen–Shannon distance (base 2, 0 to 1) from which a column has drifted. */
        drift: shareSchema.default(0.2),
        /** Adjusted p below which a difference is more than chance. */
        significance: z.number().gt(0).max(0.2).default(0.01),
        /** Fewest rows in a window for a verdict. */
        minRows: z.int().min(50).max(MOST_ROWS).default(200),
        /** Share of columns that must drift for the dataset to, when none of them is critical. */
        share: shareSchema.default(0.3),
      })
      .prefault({})
      .refine((drift) => drift.warn <= drift.drift, { message: 'warn must not be above drift' }),
    persistence: z
      .strictObject({
        /** Windows, not looks, that must breach … */
        breaches: z.int().min(1).max(20).default(2),
        /** … among this many latest ones. */
        of: z.int().min(1).max(20).default(3),
      })
      .prefault({})
      .refine((persistence) => persistence.breaches <= persistence.of, {
        message: 'breaches must not be above of, or it could never be confirmed',
      }),
  })
  .prefault({});

/** What a parameter, hyper-parameter or environment variable may stand for; any other text is passed on as it is. */
export const PARAMETER_TOKENS = [
  'window.start',
  'window.end',
  'window.startDate',
  'window.endDate',
  'holdout.start',
  'holdout.end',
  'holdout.startDate',
  'holdout.endDate',
  'champion.package',
  'champion.modelData',
  'champion.image',
  'release.name',
  'release.number',
  'model.name',
  'endpoint.name',
  'storage',
  'results',
] as const;

const channelsSchema = z
  .record(
    z.string().regex(/^[A-Za-z0-9._-]{1,64}$/, 'letters, digits, dots, dashes and underscores'),
    s3UriSchema,
  )
  .refine((channels) => Object.keys(channels).length <= 20, {
    message: 'SageMaker takes at most 20 of them',
  });

/** What both kinds of job say of the machines they run on. */
const machinesSchema = {
  instanceType: instanceTypeSchema,
  instanceCount: z.int().min(1).max(100).default(1),
  volumeGb: z.int().min(1).max(16_384).default(30),
  maxRuntime: positiveDurationSchema.default('6h'),
};

const trainingJobSchema = z.strictObject({
  image: imageSchema,
  /** Image that serves the artefact. Default: the image that trains. */
  servingImage: imageSchema.optional(),
  role: arnSchema,
  ...machinesSchema,
  inputMode: z.enum(['File', 'FastFile', 'Pipe']).default('File'),
  /** Values may be tokens {@link PARAMETER_TOKENS}. */
  hyperParameters: settingsSchema(2_500).default({}),
  /** Values may be tokens {@link PARAMETER_TOKENS}. */
  environment: settingsSchema(512).default({}),
  /** Channel → address of its data. */
  channels: channelsSchema.default({}),
  /** Where the artefact is written. Default: `training/<model>/` below `spec.storage`. */
  output: s3UriSchema.optional(),
  spot: z
    .strictObject({
      /** Longest time for waiting and training together. */
      maxWait: positiveDurationSchema,
      /** What an interrupted job goes on from. */
      checkpoints: s3UriSchema,
    })
    .optional(),
  subnets: subnetsSchema.optional(),
  securityGroups: securityGroupsSchema.optional(),
  contentTypes: z.array(z.string().min(1).max(255)).min(1).max(20).default(['text/csv']),
});

const evaluationJobSchema = z.strictObject({
  /** Default: the image that trains. */
  image: imageSchema.optional(),
  /** Default: the role that trains. */
  role: arnSchema.optional(),
  ...machinesSchema,
  entrypoint: z.array(z.string().min(1).max(256)).min(1).max(100).optional(),
  arguments: z.array(z.string().min(1).max(256)).min(1).max(100).optional(),
  environment: settingsSchema(256).default({}),
  /** Input → address of its data, beside `candidate` and `champion`. */
  inputs: channelsSchema.default({}),
});

const retrainSchema = z.strictObject({
  /** Exactly one of `pipeline` and `trainingJob`. */
  pipeline: z
    .string()
    .regex(/^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,255}$/)
    .optional(),
  /** Version of the pipeline that is run; without it the latest. */
  pipelineVersion: z.int().min(1).optional(),
  /** Run these steps only, and take the others from an earlier execution. */
  selective: z
    .strictObject({
      from: z.union([
        z.literal('latest'),
        z
          .string()
          .regex(
            /^arn:[^:\s]+:sagemaker:[^:\s]+:\d{12}:pipeline\/[^/\s]+\/execution\/[a-z0-9]{12}$/,
            'latest, or the ARN of a pipeline execution',
          ),
      ]),
      steps: z
        .array(z.string().regex(/^[A-Za-z0-9_-]{1,64}$/))
        .min(1)
        .max(50),
    })
    .optional(),
  trainingJob: trainingJobSchema.optional(),
  evaluationJob: evaluationJobSchema.optional(),
  /** Pipeline parameter → one of the tokens {@link PARAMETER_TOKENS}, or a literal text. */
  parameters: z
    .record(z.string().regex(/^[A-Za-z0-9_-]{1,256}$/), z.string().max(1_024))
    .default({}),
  /** Length of the training window. */
  window: positiveDurationSchema.default('30d'),
  /** Length of the held-out window right after it, on which both models are judged. */
  holdOut: positiveDurationSchema.default('7d'),
  /** How long after an event its labelled row is in the training data. */
  dataDelay: durationSchema.default('48h'),
  on: z.array(z.enum(['drift', 'performance', 'schedule'])).default(['drift', 'performance']),
  /** Five-field cron expression. */
  schedule: z.string().min(1).max(120).optional(),
  timeZone: z.string().max(64).default('UTC'),
  cooldown: durationSchema.default('24h'),
  budget: z
    .strictObject({
      runs: z.int().min(1).max(MOST_BUDGET_RUNS).default(4),
      per: positiveDurationSchema.default('30d'),
      /** US dollars in the same time. */
      usd: z.number().positive().max(10_000_000).optional(),
      /** Instance type → US dollars an hour; or the address of a file with them, which the command line reads. */
      prices: z.union([pricesSchema, z.string().min(1).max(1_024)]).optional(),
    })
    .prefault({}),
  /** How often, and after which wait, what AWS's own trouble has ended is tried again. */
  retries: z
    .strictObject({
      times: z.int().min(0).max(10).optional(),
      wait: positiveDurationSchema.optional(),
    })
    .optional(),
  /** What to train on when there is no capacity or no quota. */
  instances: z
    .strictObject({
      /** Pipeline parameter that names the instance type. */
      parameter: z
        .string()
        .regex(/^[A-Za-z0-9_-]{1,256}$/)
        .optional(),
      fallbacks: z.array(instanceTypeSchema).min(1).max(10),
    })
    .optional(),
  timeout: positiveDurationSchema.default('12h'),
});

const DOORS = ['console', 'cli', 'local', 'temporal', 'registry'] as const;

const approveSchema = z.strictObject({
  /** Distinct people who must approve. */
  approvals: z.int().min(1).max(5).default(1),
  /** People, and groups as `group:name`. */
  approvers: z.array(z.union([personSchema, z.string().regex(/^group:[a-z0-9-]{1,40}$/)])).min(1),
  requesterMayApprove: z.boolean().default(false),
  /**
   * Which ways of deciding count. `local` is the command line proven by nothing but the operating-system user;
   * `temporal` is a message sent straight to the workflow, proven by nothing; `registry` is the status of the model
   * package as somebody set it in SageMaker Studio, proven by what AWS says of who changed it.
   */
  doors: z.array(z.enum(DOORS)).min(1).default(['console', 'cli']),
  remind: z.array(positiveDurationSchema).max(10).default(['4h', '24h']),
  escalate: z.strictObject({ after: positiveDurationSchema, to: arnSchema }).optional(),
  expires: positiveDurationSchema.default('72h'),
});

const guardrailStepSchema = z.strictObject({
  /** Share of the fleet in percent. */
  percent: z.int().min(1).max(50).default(10),
  bake: durationSchema.default('10m'),
});

const compareIdSchema = z
  .string()
  .regex(/^[a-z][a-zA-Z0-9]{0,39}$/, 'a letter first, then letters and digits, such as errors5xx');

const relativeSchema = z.strictObject({
  /** As a share of the champion's median: 0.1 is 10 %. */
  relative: z.number().gt(0).max(10),
});

const compareMetricSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    id: compareIdSchema,
    kind: z.literal('proportion'),
    numerator: z.enum(['Invocation5XXErrors', 'Invocation4XXErrors', 'InvocationModelErrors']),
    /** How much larger the candidate's share may be: 0.005 is half a percentage point. */
    margin: shareSchema.refine((margin) => margin > 0, { message: 'must be above 0' }),
    /** Larger by more than this on enough invocations, and the candidate goes back at once. */
    hard: shareSchema.optional(),
    /** What is not required is shown, and decides nothing. Default: true. */
    required: z.boolean().optional(),
  }),
  z.strictObject({
    id: compareIdSchema,
    kind: z.literal('series'),
    metric: z.enum(['ModelLatency', 'OverheadLatency']),
    /** Default: Average. */
    stat: z
      .string()
      .regex(
        /^(Average|p\d{1,2}(\.\d{1,2})?)$/,
        'Average, or a percentile such as p90; percentiles need many invocations a period',
      )
      .optional(),
    margin: relativeSchema,
    hard: relativeSchema.optional(),
    /** What is not required is shown, and decides nothing. Default: true. */
    required: z.boolean().optional(),
  }),
  z.strictObject({
    id: compareIdSchema,
    kind: z.literal('distribution'),
    /** Answers of the model, as data capture keeps them: only where the two versions write apart. */
    source: z.literal('capture_output').optional(),
    /** Jensen–Shannon distance (base 2) from which the answers are different ones. Default: 0.2. */
    effect: z
      .strictObject({ js: shareSchema.optional(), mean: z.number().positive().optional() })
      .optional(),
    /** Fewest captured answers of each. Default: 200. */
    minRows: z.int().min(50).max(MOST_ROWS).optional(),
    /** A retrained model is expected to answer differently. Default: false. */
    required: z.boolean().optional(),
  }),
]);

/** What is left out has the default of `comparisonOf` in bake.ts. */
const compareSchema = z
  .strictObject({
    /** Time after the candidate's first traffic that counts for nothing. Default: 3m. */
    warmup: durationSchema.optional(),
    windows: z
      .strictObject({
        /** Looks planned in advance: the significance is divided by them. Default: 3. */
        count: z.int().min(1).max(20).optional(),
        /** Chance, over all looks, to take back a version that is no worse than the margin. Default: 0.05. */
        alpha: z.number().min(0.0001).max(0.5).optional(),
      })
      .optional(),
    minimum: z
      .strictObject({
        /** Invocations of the candidate without which its errors never pass. Default: 1000. */
        invocations: z.int().min(1).max(MOST_ROWS).optional(),
        /** Periods, over all windows so far, without which its latency never passes. Default: 30. */
        points: z.int().min(5).max(10_000).optional(),
      })
      .optional(),
    /** Default: 5XX errors (margin 0.005, hard 0.02) and average ModelLatency (margin 10 %, hard 50 %). */
    metrics: z.array(compareMetricSchema).min(1).max(10).optional(),
    /** What a bake that cannot tell ends in, after maxBake. Default: manual, people are asked. */
    onInconclusive: z.enum(['manual', 'rollback', 'promote_if_no_hard_breach']).optional(),
    /** How long one bake may be stretched by holds. Default: 60m. */
    maxBake: positiveDurationSchema.optional(),
  })
  .superRefine(({ metrics = [] }, context) => {
    metrics.forEach(({ id }, index) => {
      if (metrics.findIndex((one) => one.id === id) !== index) {
        context.addIssue({
          code: 'custom',
          path: ['metrics', index, 'id'],
          message: `the id '${id}' is used twice`,
        });
      }
    });
    const decides = metrics.some(({ kind, required }) => required ?? kind !== 'distribution');
    if (metrics.length > 0 && !decides) {
      context.addIssue({
        code: 'custom',
        path: ['metrics'],
        message: 'at least one metric must be required, or nothing could ever be promoted by it',
      });
    }
    for (const [index, { kind, margin, hard }] of limits(metrics).entries()) {
      if (kind === 'distribution' || hard === undefined || hard > margin) continue;
      context.addIssue({
        code: 'custom',
        path: ['metrics', index, 'hard'],
        message: 'must be above the margin, or every look would be the last',
      });
    }
  });

function limits(
  metrics: readonly z.infer<typeof compareMetricSchema>[],
): readonly { readonly kind: string; readonly margin: number; readonly hard?: number }[] {
  return metrics.map((metric) => {
    switch (metric.kind) {
      case 'proportion':
        return {
          kind: metric.kind,
          margin: metric.margin,
          ...(metric.hard === undefined ? {} : { hard: metric.hard }),
        };
      case 'series':
        return {
          kind: metric.kind,
          margin: metric.margin.relative,
          ...(metric.hard === undefined ? {} : { hard: metric.hard.relative }),
        };
      case 'distribution':
        return { kind: metric.kind, margin: 0 };
    }
  });
}

const stageRoleSchema = z.strictObject({
  /** Role that is assumed for everything of the stage. */
  arn: z
    .string()
    .regex(
      /^arn:aws[a-z-]*:iam::\d{12}:role\/[\w+=,.@/-]+$/,
      'write the ARN of a role, such as arn:aws:iam::111122223333:role/modelkeeper-deploy',
    ),
  /** What the role's trust policy asks for as `sts:ExternalId`. */
  externalId: z
    .string()
    .regex(/^[\w+=,.@:/-]{2,1224}$/, '2 to 1,224 letters, digits and + = , . @ : / -')
    .optional(),
});

const regionSchema = z.string().regex(/^[a-z]{2}(-[a-z]+)+-\d$/, 'a Region such as us-east-1');

/** Staging, in an account and Region of its own where it says so. What is left out is filled in by domain/staging.ts. */
const stagingSchema = z.strictObject({
  endpoint: awsNameSchema,
  /** Default: that of production. */
  region: regionSchema.optional(),
  /** Default: that of production. */
  variant: awsNameSchema.optional(),
  /** Role assumed for everything at staging. Default: `roles.deploy`, or the worker's own identity. */
  role: stageRoleSchema.optional(),
  /** Execution role of the model at staging. Default: as in production. */
  executionRole: arnSchema.optional(),
  /** Default: that of production. */
  instanceType: z
    .string()
    .regex(/^ml\.[a-z0-9-]+\.[a-z0-9]+$/, 'an instance type such as ml.m5.large')
    .optional(),
  /** Default: 1. */
  instances: z.int().min(1).max(100).optional(),
  /** Default: as in production where staging is in its account and Region, else none. */
  vpc: z.strictObject({ subnets: subnetsSchema, securityGroups: securityGroupsSchema }).optional(),
  /** Where another Region has its copies of artefacts and images. */
  replica: z
    .strictObject({
      /** Bucket that holds the artefacts under the same keys. */
      bucket: z
        .string()
        .regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, 'the name of a bucket, without s3://'),
      /** Registry that holds the images under the same names. Default: the same account's in that Region. */
      registry: z
        .string()
        .regex(/^[a-z0-9][a-z0-9.-]*(:\d{1,5})?$/, 'a host name, without https:// and path')
        .optional(),
    })
    .optional(),
  check: z.strictObject({
    /** `captured`: requests that production has captured; or the address of one file with a request per line. */
    samples: z.union([z.literal('captured'), s3UriSchema]),
    /** Default: as captured; of a file, by its ending. */
    contentType: z.string().min(1).max(1_024).optional(),
    /** Default: 20. */
    requests: z.int().min(1).max(1_000).optional(),
    /** Share of the requests that may fail. Default: 0. */
    errorShare: shareSchema.optional(),
    /** 95th percentile as the worker measures it, milliseconds. Default: 1,000. */
    latencyP95Ms: z.number().positive().optional(),
  }),
  /** How long all of it may take. Default: 1h. */
  timeout: positiveDurationSchema.optional(),
  /** `remove`: an endpoint that modelkeeper created is deleted once the check is over. Default: keep. */
  after: z.enum(['keep', 'remove']).optional(),
});

const deploySchema = z
  .strictObject({
    strategy: z.enum(['all-at-once', 'canary', 'linear', 'rolling', 'steps']).default('canary'),
    canary: guardrailStepSchema.prefault({}),
    linear: guardrailStepSchema
      .extend({ percent: z.int().min(10).max(50).default(20) })
      .prefault({}),
    /** What is left out: `rollingOf` in domain/rollout.ts. */
    rolling: z
      .strictObject({
        /** Share of the instances that is replaced at a time, in percent. */
        percent: z.int().min(5).max(50).default(20),
        bake: durationSchema.default('5m'),
        /** Share of the instances that goes back at a time; without it all at once. */
        rollbackPercent: z.int().min(5).max(100).optional(),
      })
      .optional(),
    /** Shares of the traffic; what is left out: `stepsOf` in domain/rollout.ts. */
    steps: z
      .array(
        z.strictObject({
          /** Share of the traffic in percent. */
          percent: z.number().min(0.1).max(100),
          bake: durationSchema.default('10m'),
          /** Wait for a person at its end. */
          hold: z.boolean().optional(),
        }),
      )
      .min(1)
      .max(20)
      .refine(
        (steps) => steps.every((step, index) => step.percent > (steps[index - 1]?.percent ?? 0)),
        { message: 'each step takes a larger share than the one before: sort them by percent' },
      )
      .optional(),
    /** How long a held rollout waits for a person; default in `holdForMs` of domain/rollout.ts. */
    holdFor: positiveDurationSchema.optional(),
    /** Earlier configs kept for the way back; default in `configsToKeep` of domain/rollout.ts. */
    keep: z.int().min(1).max(50).optional(),
    /** How long the whole new fleet bakes before the old one goes. */
    finalBake: durationSchema.default('5m'),
    /** `managed`: rollback alarms on the new config are made for each rollout; or names of alarms of your own. */
    alarms: z
      .union([z.literal('managed'), z.array(alarmNameSchema).min(1).max(10)])
      .default('managed'),
    /** Limits of the managed rollback alarms. */
    limits: z
      .strictObject({
        /** Share of invocations answered 5XX. */
        errorShare: shareSchema.default(0.01),
        /** 99th percentile of ModelLatency, milliseconds. */
        latencyP99Ms: z.number().positive().default(1_000),
        /** Period of the managed alarms: 10s, 30s or whole minutes. */
        period: z
          .string()
          .regex(/^(10s|30s|[1-9]\d{0,2}m)$/, '10s, 30s or whole minutes such as 1m')
          .default('1m'),
      })
      .prefault({}),
    /** Execution role of the new model; default: the champion's. */
    role: arnSchema.optional(),
    timeout: positiveDurationSchema.default('2h'),
    /** Before the rollout, copies of live requests go to the candidate; its answers go to nobody. */
    shadow: z
      .strictObject({
        /** How long the candidate is shadowed. */
        for: positiveDurationSchema,
        /** Percent of the requests that are copied. Default: 50. */
        sample: z.int().min(1).max(100).optional(),
      })
      .optional(),
    /** Before production, the candidate serves at a staging endpoint and must answer there. */
    staging: stagingSchema.optional(),
    /** Champion and candidate side by side while the rollout bakes. */
    compare: compareSchema.optional(),
    probation: z
      .strictObject({
        for: durationSchema.default('7d'),
        rollBackOn: z.array(z.enum(['performance', 'alarms'])).default(['performance', 'alarms']),
      })
      .prefault({}),
  })
  .refine(
    (deploy) =>
      [deploy.canary, deploy.linear, rollingOf(deploy)].every(
        ({ bake }) => durationMs(bake) <= 3_600_000,
      ),
    {
      message: 'a guardrail bakes for at most 1h per step',
    },
  )
  .refine((deploy) => durationMs(deploy.finalBake) <= 3_600_000, {
    path: ['finalBake'],
    message: 'SageMaker keeps the old fleet for at most 1h',
  });

const scalingSchema = z
  .strictObject({
    instances: z
      .strictObject({ min: z.int().min(1).max(1_000), max: z.int().min(1).max(1_000) })
      .refine((instances) => instances.min <= instances.max, {
        message: 'min must not be above max',
      }),
    target: z
      .strictObject({
        metric: z.enum(['InvocationsPerInstance', 'CPUUtilization', 'custom']),
        /** Invocations per instance and minute; percent of the whole instance; or the custom metric's own unit. */
        value: z.number().positive(),
        custom: z
          .strictObject({
            namespace: z.string().min(1).max(255),
            name: z.string().min(1).max(255),
            statistic: z.enum(['Average', 'Minimum', 'Maximum', 'SampleCount', 'Sum']),
            dimensions: dimensionsSchema.default({}),
          })
          .optional(),
        scaleOutCooldown: durationSchema.default('60s'),
        scaleInCooldown: durationSchema.default('300s'),
      })
      .refine((target) => (target.metric === 'custom') === (target.custom !== undefined), {
        path: ['custom'],
        message: 'metric: custom and custom: go together: write both, or neither',
      })
      .refine((target) => target.metric !== 'CPUUtilization' || target.value <= 100, {
        path: ['value'],
        message: 'is percent of the whole instance, whatever its vCPUs: at most 100',
      })
      .optional(),
    steps: z
      .strictObject({
        metric: z.enum(['CPUUtilization', 'MemoryUtilization', 'InvocationsPerInstance']),
        /** Period of the alarms: whole minutes. */
        period: z
          .string()
          .regex(/^[1-9]\d{0,2}m$/, 'whole minutes such as 1m')
          .default('1m'),
        /** Periods in a row that must be beyond the first step. */
        periods: z.int().min(1).max(60).default(3),
        cooldown: durationSchema.default('300s'),
        out: z
          .array(z.strictObject({ above: z.number().positive(), add: z.int().min(1).max(1_000) }))
          .max(20)
          .default([]),
        in: z
          .array(
            z.strictObject({ below: z.number().positive(), remove: z.int().min(1).max(1_000) }),
          )
          .max(20)
          .default([]),
      })
      .superRefine((steps, context) => {
        const above = steps.out.map((step) => step.above);
        const below = steps.in.map((step) => step.below);
        if (above.length + below.length === 0)
          context.addIssue({ code: 'custom', message: 'name a step under out: or in:' });
        if (new Set(above).size < above.length || new Set(below).size < below.length)
          context.addIssue({ code: 'custom', message: 'two steps begin at the same value' });
        if (steps.metric !== 'InvocationsPerInstance' && Math.max(...above, ...below) > 100)
          context.addIssue({
            code: 'custom',
            message: `${steps.metric} is percent of the whole instance: no step begins above 100`,
          });
        if (looksBackTooFar(steps))
          context.addIssue({
            code: 'custom',
            path: ['periods'],
            message:
              'an alarm of CloudWatch looks back one day at most, seven days with a period of an hour or more: lower period or periods',
          });
        if (above.length > 0 && below.length > 0 && Math.max(...below) >= Math.min(...above))
          context.addIssue({
            code: 'custom',
            path: ['in'],
            message: 'the fleet would grow and shrink at once: keep every below under every above',
          });
      })
      .optional(),
    schedule: z
      .array(
        z
          .strictObject({
            id: z
              .string()
              .regex(/^[a-z0-9](-?[a-z0-9]){0,39}$/, 'lower-case letters, digits and dashes'),
            /** Five-field cron expression. */
            cron: z
              .string()
              .min(1)
              .max(120)
              .superRefine((expression, context) => {
                try {
                  awsCron(expression);
                } catch (error) {
                  context.addIssue({
                    code: 'custom',
                    message: error instanceof Error ? error.message : String(error),
                  });
                }
              }),
            timeZone: z.string().max(64).default('UTC'),
            min: z.int().min(1).max(1_000),
            max: z.int().min(1).max(1_000),
          })
          .refine((entry) => entry.min <= entry.max, { message: 'min must not be above max' }),
      )
      .max(50)
      .refine((entries) => new Set(entries.map((entry) => entry.id)).size === entries.length, {
        message: 'an id is used twice',
      })
      .optional(),
  })
  .optional();

/** What is told in quiet hours all the same. */
export const QUIET_EXCEPTIONS = ['critical', 'approval'] as const;

/** What the service can put on an event bus. */
export const OWN_EVENTS = ['stage', 'decision', 'verdict'] as const;

export const NOTICES = [
  'drift',
  'data-quality',
  'performance',
  'unhealthy',
  'no-data',
  'approval',
  'promoted',
  'rolled-back',
  'rejected',
  'expired',
  'failed',
  'disagreement',
] as const;

/** How much a notice matters, least first. */
export const SEVERITIES = ['info', 'warning', 'critical'] as const;

const wallClockSchema = z
  .string()
  .regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'write a time of day, such as "22:00"');
const timeZoneSchema = z
  .string()
  .max(64)
  .refine(isTimeZone, 'write a time zone of the IANA database, such as Europe/Berlin');

const notifySchema = z
  .strictObject({
    topic: arnSchema,
    on: z
      .array(z.enum(NOTICES))
      .min(1)
      .default([...NOTICES]),
    minSeverity: z.enum(SEVERITIES).optional(),
    /** The first `after` notices of one kind go out at once, those that follow within `per` as one. */
    digest: z
      .strictObject({ after: z.int().min(1).max(100), per: positiveDurationSchema })
      .optional(),
    /** Times of day by the clock on the wall; `to` may be the next morning. */
    quietHours: z
      .strictObject({
        from: wallClockSchema,
        to: wallClockSchema,
        timeZone: timeZoneSchema,
        except: z.array(z.enum(QUIET_EXCEPTIONS)).optional(),
      })
      .refine((quiet) => quiet.from !== quiet.to, {
        path: ['to'],
        message: 'must be another time than from: quiet hours that never end would hold everything',
      })
      .optional(),
  })
  .optional();

/** A stage of SageMaker's ModelLifeCycle. */
const lifeCycleSchema = z.strictObject({ stage: awsNameSchema, status: awsNameSchema }).optional();

const registrySchema = z.strictObject({
  group: awsNameSchema,
  /** What a version that is set to Rejected while it serves leads to; `ask` when absent. */
  onRejectedWhileServing: z.enum(['rollback', 'ask', 'nothing']).optional(),
  /** ModelLifeCycle of the package: written when people are asked, when it is promoted, and when another replaces it. */
  stages: z
    .strictObject({
      waiting: lifeCycleSchema,
      promoted: lifeCycleSchema,
      retired: lifeCycleSchema,
    })
    .optional(),
});

const eventsSchema = z
  .strictObject({
    bus: z
      .string()
      .regex(
        /^(arn:aws[a-z-]*:events:[a-z0-9-]+:\d{12}:event-bus\/)?[A-Za-z0-9._/-]{1,256}$/,
        'write default, the name of a bus, or its ARN',
      ),
    on: z.array(z.enum(OWN_EVENTS)).min(1).optional(),
  })
  .optional();

/** How often what is and what should be are compared, and what follows. */
const reconcileSchema = z
  .strictObject({
    every: positiveDurationSchema.optional(),
    remedies: z.partialRecord(z.enum(REMEDIABLE_KINDS), z.enum(REMEDIES)).optional(),
  })
  .optional();

/** An AWS identity by its ARN, or `os:<user>` for the operating-system user of a laptop. */
const identitySchema = z
  .string()
  .regex(
    /^(arn:aws[a-z-]*:(iam::\d{12}:(root|(role|user)\/[\w+=,.@/-]+)|sts::\d{12}:(assumed-role|federated-user)\/[\w+=,.@/-]+|sagemaker:[a-z0-9-]+:\d{12}:user-profile\/d-[a-z0-9-]{1,61}\/[a-zA-Z0-9-]{1,63})|os:[A-Za-z0-9._-]{1,64})$/,
    'write the ARN of one role or user, such as arn:aws:iam::111122223333:role/ada, of one Studio user profile, or os:<user> for a laptop',
  );

/** A stage without a role works under the identity of the worker. */
const rolesSchema = z
  .strictObject({
    read: stageRoleSchema.optional(),
    train: stageRoleSchema.optional(),
    approve: stageRoleSchema.optional(),
    deploy: stageRoleSchema.optional(),
  })
  .optional();

const specSchema = z.strictObject({
  /** `record`: everything is watched and judged, nothing is started. */
  mode: z.enum(['act', 'record']).default('act'),
  endpoint: z.strictObject({
    name: awsNameSchema,
    variant: awsNameSchema.default('AllTraffic'),
    region: regionSchema,
  }),
  registry: registrySchema,
  /** Profiles, reports, evidence and ledger live below this address. */
  storage: s3UriSchema,
  /** Person → the AWS identities (ARNs of roles, users or Studio user profiles) that prove it is them. */
  people: z.record(personSchema, z.array(identitySchema)).default({}),
  groups: z.record(z.string().regex(/^[a-z0-9-]{1,40}$/), z.array(personSchema).min(1)).default({}),
  monitor: z.strictObject({
    /** Looks are aligned to the clock; events only make one sooner. */
    every: positiveDurationSchema.default('1h'),
    sources: z.array(sourceSchema).min(1).max(20),
    noData: z.strictObject({ after: positiveDurationSchema.default('6h') }).prefault({}),
    /** Instance types that the built-in table does not have, by their name. */
    instanceTypes: z
      .record(
        z.string().regex(/^ml\.[a-z0-9-]+\.[a-z0-9]+$/, 'an instance type such as ml.m5.large'),
        z.strictObject({
          vcpus: z.int().min(1).max(1_024),
          gpus: z.int().min(0).max(64).default(0),
        }),
      )
      .optional(),
  }),
  detect: detectSchema,
  retrain: retrainSchema,
  evaluate: evaluateSchema,
  approve: approveSchema,
  deploy: deploySchema.prefault({}),
  roles: rolesSchema,
  scaling: scalingSchema,
  /** What is published in CloudWatch; published when this is not written. */
  metrics: z.strictObject({ publish: z.boolean().default(true) }).optional(),
  reconcile: reconcileSchema,
  notify: notifySchema,
  events: eventsSchema,
});

/** One policy: everything modelkeeper knows of what people want for one model. */
export const policySchema = z
  .strictObject({
    apiVersion: z.literal('modelkeeper/v1'),
    kind: z.literal('ModelPolicy'),
    metadata: z.strictObject({ name: modelNameSchema, team: z.string().min(1).max(64).optional() }),
    spec: specSchema,
  })
  .superRefine((policy, context) => {
    const issue = (path: (string | number)[], message: string): void => {
      context.addIssue({ code: 'custom', path: ['spec', ...path], message });
    };
    const { approve, groups, monitor, detect, retrain, people, deploy } = policy.spec;
    const unnameable = modelNameFault(policy.metadata.name, policy.spec);
    if (unnameable !== undefined)
      context.addIssue({ code: 'custom', path: ['metadata', 'name'], message: unnameable });
    const ids = monitor.sources.map((source) => source.id);
    ids.forEach((id, index) => {
      if (ids.indexOf(id) !== index)
        issue(['monitor', 'sources', index, 'id'], `the id '${id}' is used twice`);
    });
    monitor.sources.forEach((_, index) => {
      for (const fault of managedMonitorFaults(policy.metadata.name, monitor.sources, index))
        issue(['monitor', 'sources', index, ...fault.path], fault.message);
    });
    approve.approvers.forEach((entry, index) => {
      const group = entry.startsWith('group:') ? entry.slice('group:'.length) : undefined;
      if (group !== undefined && !Object.hasOwn(groups, group))
        issue(['approve', 'approvers', index], `there is no group '${group}' under spec.groups`);
    });
    const owners = new Map<string, string>();
    for (const [person, identities] of Object.entries(people))
      identities.forEach((identity, index) => {
        const key = normalisedArn(identity);
        const owner = owners.get(key);
        if (owner !== undefined && owner !== person.toLowerCase())
          issue(
            ['people', person, index],
            `${identity} proves ${owner} already, and one identity is one person: give each an identity of their own`,
          );
        owners.set(key, owner ?? person.toLowerCase());
      });
    const { approvers, able } = whoCanApprove(policy.spec);
    if (approvers.length > 0 && approvers.length < approve.approvals) {
      issue(
        ['approve', 'approvals'],
        `${approve.approvals} approvals are asked of ${approvers.length} ${approvers.length === 1 ? 'person' : 'people'}: that can never be met; name more approvers or ask for fewer`,
      );
    } else if (approvers.length > 0 && able.length < approve.approvals) {
      const unable = approvers.filter((person) => !able.includes(person));
      issue(
        ['people'],
        `${approve.approvals} approval${approve.approvals === 1 ? ' is' : 's are'} asked, but through ${approve.doors.join(' and ')} only ${able.length} of ${approvers.length} approvers can be known: give ${unable.join(', ')} ${identityWanted(approve.doors)} under spec.people`,
      );
    }
    for (const { path, message } of retrainFaults(retrain)) issue(['retrain', ...path], message);
    if (retrain.on.includes('schedule') && retrain.schedule === undefined) {
      issue(['retrain', 'schedule'], 'retrain.on names schedule: say when, such as "0 3 1 * *"');
    }
    const { critical, ignore } = detect.columns;
    critical.forEach((column, index) => {
      if (ignore.includes(column))
        issue(
          ['detect', 'columns', 'critical', index],
          `'${column}' is also under detect.columns.ignore, so it would never be looked at: take it off one of the two`,
        );
    });
    detect.segments?.forEach(({ by }, index) => {
      if (ignore.includes(by))
        issue(
          ['detect', 'segments', index, 'by'],
          `'${by}' is also under detect.columns.ignore, so its values would not be known: take it off one of the two`,
        );
    });
    for (const column of Object.keys(detect.columns.weights ?? {}))
      if (ignore.includes(column))
        issue(
          ['detect', 'columns', 'weights', column],
          `'${column}' is also under detect.columns.ignore, so it would never be looked at: take it off one of the two`,
        );
    // Both fleets of a guardrail rollout are one variant, and write their answers to one place.
    const strategy: string = deploy.strategy;
    if (strategy !== 'steps') {
      deploy.compare?.metrics?.forEach((metric, index) => {
        if (metric.kind === 'distribution' && metric.required === true) {
          issue(
            ['deploy', 'compare', 'metrics', index, 'required'],
            `in a rollout by deploy.strategy ${strategy} both versions are captured under one prefix, so their answers cannot be told apart: leave it out, or compare them in a shadow test`,
          );
        }
      });
    }
    for (const [kind, remedy] of Object.entries(policy.spec.reconcile?.remedies ?? {}))
      if (remedy === 'repair' && DISAGREEMENTS[kind as keyof typeof DISAGREEMENTS].repair === null)
        issue(
          ['reconcile', 'remedies', kind],
          `there is no repair of ${kind} that modelkeeper could do by itself: write ask or report`,
        );
    for (const { path, message } of stagingFaults(policy.spec))
      issue(['deploy', 'staging', ...path], message);
    const plan = rolloutPlan(deploy, []);
    // One instance too few is for the account to tell: what is left are faults of the plan itself.
    for (const fault of planFaults(plan, Number.POSITIVE_INFINITY))
      issue(['deploy', 'timeout'], fault);
    if (
      approve.escalate !== undefined &&
      durationMs(approve.escalate.after) >= durationMs(approve.expires)
    ) {
      issue(
        ['approve', 'escalate', 'after'],
        'must be sooner than approve.expires, or it never happens',
      );
    }
    approve.remind.forEach((reminder, index) => {
      if (durationMs(reminder) >= durationMs(approve.expires)) {
        issue(
          ['approve', 'remind', index],
          `a reminder after ${reminder} never comes when the request expires after ${approve.expires}: write approve.remind with shorter times, or [] for none`,
        );
      }
    });
    if (
      retrain.on.includes('performance') &&
      !monitor.sources.some((source) => canSee(source, 'performance'))
    ) {
      issue(
        ['retrain', 'on'],
        `performance can only be seen by a source of kind ground-truth${OR_REPORTS}: add one or take performance off`,
      );
    }
    if (
      retrain.on.includes('drift') &&
      !monitor.sources.some((source) => canSee(source, 'drift'))
    ) {
      issue(
        ['retrain', 'on'],
        `drift can only be seen by a source of kind captured-inputs or multivariate${OR_REPORTS}: add one or take drift off`,
      );
    }
    if (
      deploy.probation.rollBackOn.includes('performance') &&
      !monitor.sources.some((source) => canSee(source, 'performance'))
    ) {
      issue(
        ['deploy', 'probation', 'rollBackOn'],
        `performance needs a source of kind ground-truth${OR_REPORTS} under monitor.sources`,
      );
    }
  });

/** Reports that can see it too, when their metrics or type say so. */
const OR_REPORTS =
  ', of model-monitor, evidently, nannyml or mlflow that measures it, or of alarms that mean it';

/** What of `retrain` does not go together. */
function retrainFaults(
  retrain: z.infer<typeof retrainSchema>,
): readonly { readonly path: string[]; readonly message: string }[] {
  const { pipeline, trainingJob, evaluationJob, instances } = retrain;
  const faults: { path: string[]; message: string }[] = [];
  const fault = (path: string[], message: string): void => void faults.push({ path, message });
  if ((pipeline === undefined) === (trainingJob === undefined))
    fault(
      [pipeline === undefined ? 'pipeline' : 'trainingJob'],
      pipeline === undefined
        ? 'is missing: name a SageMaker pipeline that trains, scores and registers, or describe a trainingJob'
        : 'a candidate is made by a pipeline or by a training job: take pipeline or trainingJob off',
    );
  if (trainingJob !== undefined) {
    for (const key of ['pipelineVersion', 'selective'] as const)
      if (retrain[key] !== undefined)
        fault([key], `is about a pipeline, and the policy retrains by a training job: take it off`);
    if (Object.keys(retrain.parameters).length > 0)
      fault(
        ['parameters'],
        'are of a pipeline; a training job takes hyperParameters and environment',
      );
    if (instances?.parameter !== undefined)
      fault(
        ['instances', 'parameter'],
        'is of a pipeline; for a training job the fallbacks take the place of instanceType',
      );
    if (durationMs(trainingJob.maxRuntime) > durationMs(retrain.timeout))
      fault(
        ['trainingJob', 'maxRuntime'],
        `is longer than retrain.timeout (${retrain.timeout}), which ends the job first`,
      );
    const { spot } = trainingJob;
    if (spot !== undefined && durationMs(spot.maxWait) < durationMs(trainingJob.maxRuntime))
      fault(
        ['trainingJob', 'spot', 'maxWait'],
        'counts waiting and training together: it must not be shorter than maxRuntime',
      );
    if ((trainingJob.subnets === undefined) !== (trainingJob.securityGroups === undefined))
      fault(['trainingJob', 'subnets'], 'subnets and securityGroups go together');
  } else {
    if (evaluationJob !== undefined)
      fault(['evaluationJob'], 'follows a training job; a pipeline evaluates by a step of its own');
    if (instances !== undefined && instances.parameter === undefined)
      fault(
        ['instances', 'parameter'],
        'name the pipeline parameter that takes the instance type, such as TrainingInstanceType',
      );
  }
  return faults;
}

/** What has to stand under `people` for the doors that look there. */
function identityWanted(doors: readonly (typeof DOORS)[number][]): string {
  return doors.includes('cli')
    ? 'the ARN of a role or user'
    : doors.includes('registry')
      ? 'the ARN of a Studio user profile, a role or a user'
      : 'the name of an operating-system user, os:<user>,';
}

export type Policy = z.infer<typeof policySchema>;
export type PolicyInput = z.input<typeof policySchema>;
export type PolicySpec = Policy['spec'];
export type Source = z.infer<typeof sourceSchema>;
export type CapturedInputsSource = Extract<Source, { kind: 'captured-inputs' }>;
export type GroundTruthSource = Extract<Source, { kind: 'ground-truth' }>;
export type MetricSource = Extract<Source, { kind: 'metric' }>;
export type EndpointMetricsSource = Extract<Source, { kind: 'endpoint-metrics' }>;
export type MetricMathSource = Extract<Source, { kind: 'metric-math' }>;
export type ModelMonitorSource = Extract<Source, { kind: 'model-monitor' }>;
export type ManagedMonitor = NonNullable<ModelMonitorSource['manage']>;
export type MultivariateSource = Extract<Source, { kind: 'multivariate' }>;
export type ReportSource = Extract<Source, { kind: 'evidently' | 'nannyml' | 'mlflow' }>;
export type ReportMetricLimits = z.infer<typeof reportMetricSchema>;
export type AlarmsSource = Extract<Source, { kind: 'alarms' }>;
export type Notice = (typeof NOTICES)[number];
export type Severity = (typeof SEVERITIES)[number];
export type OwnEventKind = (typeof OWN_EVENTS)[number];
export type EventsPolicy = NonNullable<PolicySpec['events']>;
export type NotifyPolicy = NonNullable<PolicySpec['notify']>;
export type Door = (typeof DOORS)[number];
