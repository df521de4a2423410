import { z } from 'zod';

import { GATE_METRICS, metricFacts } from './stats/metrics.js';

const gateIdSchema = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,39}$/, 'lower-case letters, digits and dashes');
/** The set of predictions a gate looks at; the held-out rows when not written. */
const datasetRefSchema = z.string().min(1).max(40).optional();
const severitySchema = z.enum(['required', 'advisory']).default('required');
export const columnSchema = z.string().min(1).max(256);

/** Metrics a gate can be put on; stats/metrics.ts says which are better when lower and where they lie. */
export const gateMetricSchema = z.enum(GATE_METRICS);

/** What every gate of a metric may say. */
const common = {
  dataset: datasetRefSchema,
  /**
   * With `metric: custom`: one aggregate over the columns of the predictions, where `score` stands for the candidate's and the
   * champion's scores in turn.
   */
  sql: z.string().min(1).max(2_000).optional(),
  /** With `metric: custom`: which way is better. */
  better: z.enum(['higher', 'lower']).optional(),
  /** The same gate on each value of these columns, corrected for their number. */
  by: z
    .array(columnSchema)
    .max(5)
    .refine((columns) => new Set(columns).size === columns.length, {
      message: 'a column is named twice: name each once',
    })
    .optional(),
  minRows: z.int().min(30).max(1_000_000_000).optional(),
  /** Values that must be there, by column of `by`. One that is not fails the gate. */
  values: z.record(columnSchema, z.array(z.string().max(256)).min(1).max(100)).optional(),
  /** What becomes of the gate where there are too few rows: it cannot tell (as without it), it only warns, or it fails. */
  onInsufficient: z.enum(['inconclusive', 'warn', 'fail']).optional(),
};

interface Common {
  readonly kind: string;
  readonly metric: (typeof GATE_METRICS)[number];
  readonly sql?: string | undefined;
  readonly better?: 'higher' | 'lower' | undefined;
  readonly dataset?: string | undefined;
  readonly by?: readonly string[] | undefined;
  readonly minRows?: number | undefined;
  readonly values?: Readonly<Record<string, readonly string[]>> | undefined;
}

interface Complaint {
  readonly path: readonly string[];
  readonly message: string;
}

/** What is wrong with the parts that all gates of a metric share. */
function commonFaults(gate: Common): readonly Complaint[] {
  const faults: Complaint[] = [];
  const { metric, sql, better, by = [], values = {} } = gate;
  if (metric === 'custom') {
    if (sql === undefined)
      faults.push({ path: ['sql'], message: 'metric: custom needs its aggregate under sql:' });
    else faults.push(...sqlFaults(sql));
    if (better === undefined)
      faults.push({ path: ['better'], message: 'say better: higher or better: lower' });
  } else {
    for (const key of ['sql', 'better'] as const)
      if (gate[key] !== undefined)
        faults.push({ path: [key], message: `${key}: belongs to metric: custom` });
  }
  if (metric === 'model_size_mb' && by.length > 0)
    faults.push({ path: ['by'], message: 'a model has one size, whatever the slice' });
  if (metric === 'model_size_mb' && gate.dataset !== undefined)
    faults.push({ path: ['dataset'], message: 'a model has one size, whatever the rows' });
  if (
    (metric === 'model_size_mb' || metric === 'prediction_flip_share') &&
    gate.kind !== 'absolute'
  )
    faults.push({ path: ['metric'], message: `${metric} is judged by kind: absolute only` });
  for (const column of Object.keys(values))
    if (!by.includes(column))
      faults.push({ path: ['values', column], message: `${column} is not among by:` });
  return faults;
}

/** What can be seen without a database; the rest is seen when it is used. */
function sqlFaults(sql: string): readonly Complaint[] {
  const path = ['sql'];
  if (/;|--|\/\*/.test(sql))
    return [{ path, message: 'write one expression, without comments and semicolons' }];
  if (/\b(select|from|attach|copy|pragma|install|load|set|insert|create|with)\b/i.test(sql))
    return [
      { path, message: 'write one aggregate such as avg(abs(label - score)), not a statement' },
    ];
  if (!/\bscore\b/i.test(sql))
    return [{ path, message: 'say score where the score of the model goes' }];
  return [];
}

function tell(
  context: { addIssue(issue: { code: 'custom'; path: string[]; message: string }): void },
  faults: readonly Complaint[],
): void {
  for (const { path, message } of faults)
    context.addIssue({ code: 'custom', path: [...path], message });
}

const absoluteGateSchema = z
  .strictObject({
    id: gateIdSchema,
    kind: z.literal('absolute'),
    metric: gateMetricSchema,
    /** For metrics that are better when higher. */
    min: z.number().optional(),
    /** For metrics that are better when lower. */
    max: z.number().optional(),
    /** Judge the point estimate, or the bound of its interval that is against the candidate. */
    on: z.enum(['estimate', 'bound']).default('bound'),
    ...common,
    severity: severitySchema,
  })
  .superRefine((gate, context) => {
    tell(context, commonFaults(gate));
    const facts = metricFacts(gate.metric);
    const lowerIsBetter = (gate.better ?? facts.better) === 'lower';
    const [least, most] = facts.range;
    const wanted = lowerIsBetter ? gate.max : gate.min;
    const other = lowerIsBetter ? gate.min : gate.max;
    const where = least === 0 && most === 1 ? 'lies between 0 and 1' : `is at most ${most}`;
    const issue = (message: string, path: string[] = []) => {
      context.addIssue({ code: 'custom', path, message });
    };
    if (wanted === undefined || other !== undefined) {
      issue(
        lowerIsBetter
          ? `${gate.metric} is better when lower: say max: and not min:`
          : `${gate.metric} is better when higher: say min: and not max:`,
      );
    } else if (!lowerIsBetter && (wanted >= most || wanted < least)) {
      issue(`${gate.metric} ${where}: a candidate could never pass ${wanted}`, ['min']);
    } else if (!lowerIsBetter && wanted === least) {
      issue(
        `${gate.metric} ${where}: every candidate would pass ${wanted}; write the least you accept`,
        ['min'],
      );
    } else if (lowerIsBetter && wanted >= most) {
      issue(
        `${gate.metric} ${where}: every candidate would pass ${wanted}; write the most you accept`,
        ['max'],
      );
    } else if (lowerIsBetter && wanted <= least) {
      issue(`${gate.metric} is above 0: a candidate could never pass ${wanted}`, ['max']);
    }
  });

const marginSchema = z
  .strictObject({
    /** In the metric's own unit. */
    absolute: z.number().gt(0).optional(),
    /** As a share of the champion's value: 0.1 is 10 %. */
    relative: z.number().gt(0).max(10).optional(),
  })
  .refine((margin) => (margin.absolute === undefined) !== (margin.relative === undefined), {
    message: 'say one of absolute: and relative:',
  });

const nonInferiorGateSchema = z
  .strictObject({
    id: gateIdSchema,
    kind: z.literal('non_inferior'),
    metric: gateMetricSchema,
    /** How much worse than the champion is still accepted. */
    margin: marginSchema,
    ...common,
    severity: severitySchema,
  })
  .superRefine((gate, context) => {
    tell(context, commonFaults(gate));
    const { metric, margin } = gate;
    const { range, better, relative } = metricFacts(metric);
    const width = range[1] - range[0];
    const absolute = ['margin', 'absolute'];
    if (margin.absolute !== undefined && margin.absolute >= width) {
      const message =
        width === 1
          ? `the metric lies between 0 and 1: with a margin of ${margin.absolute} every candidate would pass`
          : `the metric lies between ${range[0]} and ${range[1]}: with a margin of ${margin.absolute} every candidate would pass`;
      context.addIssue({ code: 'custom', path: absolute, message });
    }
    if (margin.relative === undefined) return;
    const path = ['margin', 'relative'];
    if (!relative) {
      const message = `${metric} can be 0 or below, where a share of it means nothing: say absolute:`;
      context.addIssue({ code: 'custom', path, message });
    } else if (better === 'higher' && margin.relative >= 1) {
      const message = `with a margin of ${margin.relative} every candidate would pass`;
      context.addIssue({ code: 'custom', path, message });
    }
  });

const superiorGateSchema = z
  .strictObject({
    id: gateIdSchema,
    kind: z.literal('superior'),
    metric: gateMetricSchema,
    /** How much better than the champion the candidate must be, in the metric's own unit. */
    minGain: z.number().min(0).default(0),
    ...common,
    severity: severitySchema,
  })
  .superRefine((gate, context) => {
    tell(context, commonFaults(gate));
    const { range } = metricFacts(gate.metric);
    if (gate.minGain >= range[1] - range[0])
      context.addIssue({
        code: 'custom',
        path: ['minGain'],
        message: `the metric lies between ${range[0]} and ${range[1]}: a candidate could never gain ${gate.minGain}`,
      });
  });

/**
 * Post-training bias by the names of SageMaker Clarify: difference in positive proportions in predicted labels, disparate
 * impact, and the differences of accuracy, recall, specificity and acceptance rate (precision).
 */
export const biasMetricSchema = z.enum(['dppl', 'di', 'ad', 'rd', 'sd', 'dar']);

const biasGateSchema = z
  .strictObject({
    id: gateIdSchema,
    kind: z.literal('bias'),
    metric: biasMetricSchema,
    /** The column that says which group a row is about. */
    facet: columnSchema,
    /** Values of the facet that are each compared with all the other rows; every value when not written. */
    disadvantaged: z.array(z.string().max(256)).min(1).max(20).optional(),
    /** Least and most that is accepted. */
    range: z.tuple([z.number(), z.number()]),
    dataset: datasetRefSchema,
    /** Out of the range is accepted where the champion surely is as far from equal treatment. */
    orNotWorseThanChampion: z.boolean().default(false),
    minRows: z.int().min(30).max(1_000_000_000).optional(),
    onInsufficient: z.enum(['inconclusive', 'warn', 'fail']).optional(),
    severity: severitySchema,
  })
  .superRefine((gate, context) => {
    const [least, most] = gate.range;
    const equal = gate.metric === 'di' ? 1 : 0;
    if (!(least < most) || least > equal || most < equal)
      context.addIssue({
        code: 'custom',
        path: ['range'],
        message: `write least and most around ${equal}, which is equal treatment`,
      });
    else if (gate.metric === 'di' ? least <= 0 : least <= -1 && most >= 1)
      context.addIssue({
        code: 'custom',
        path: ['range'],
        message:
          gate.metric === 'di'
            ? 'the least ratio is above 0, such as 0.8'
            : 'every candidate would pass: the difference lies between -1 and 1',
      });
  });

export const gateSchema = z.discriminatedUnion('kind', [
  absoluteGateSchema,
  nonInferiorGateSchema,
  superiorGateSchema,
  biasGateSchema,
]);

export type Gate = z.infer<typeof gateSchema>;
export type BiasGate = Extract<Gate, { kind: 'bias' }>;
export type MetricGate = Exclude<Gate, BiasGate>;
export type GateMetric = z.infer<typeof gateMetricSchema>;
export type BiasMetric = z.infer<typeof biasMetricSchema>;
