import { z } from 'zod';

const gateIdSchema = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,39}$/, 'lower-case letters, digits and dashes');
const severitySchema = z.enum(['required', 'advisory']).default('required');

/** Metrics a gate can be put on. All but log_loss and brier are better when higher; all lie between 0 and 1 but log_loss. */
export const gateMetricSchema = z.enum([
  'roc_auc',
  'pr_auc',
  'accuracy',
  'precision',
  'recall',
  'f1',
  'log_loss',
  'brier',
]);

const LOWER_IS_BETTER = new Set(['log_loss', 'brier']);

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
    severity: severitySchema,
  })
  .superRefine((gate, context) => {
    const lowerIsBetter = LOWER_IS_BETTER.has(gate.metric);
    const wanted = lowerIsBetter ? gate.max : gate.min;
    const other = lowerIsBetter ? gate.min : gate.max;
    if (wanted === undefined || other !== undefined) {
      context.addIssue({
        code: 'custom',
        message: lowerIsBetter
          ? `${gate.metric} is better when lower: say max: and not min:`
          : `${gate.metric} is better when higher: say min: and not max:`,
      });
    } else if (!lowerIsBetter && (wanted >= 1 || wanted < 0)) {
      context.addIssue({
        code: 'custom',
        path: ['min'],
        message: `${gate.metric} lies between 0 and 1: a candidate could never pass ${wanted}`,
      });
    } else if (!lowerIsBetter && wanted === 0) {
      context.addIssue({
        code: 'custom',
        path: ['min'],
        message: `${gate.metric} lies between 0 and 1: every candidate would pass 0; write the least you accept`,
      });
    } else if (gate.metric === 'brier' && wanted >= 1) {
      context.addIssue({
        code: 'custom',
        path: ['max'],
        message: `brier lies between 0 and 1: every candidate would pass ${wanted}; write the most you accept`,
      });
    } else if (lowerIsBetter && wanted <= 0) {
      context.addIssue({
        code: 'custom',
        path: ['max'],
        message: `${gate.metric} is above 0: a candidate could never pass ${wanted}`,
      });
    }
  });

const nonInferiorGateSchema = z
  .strictObject({
    id: gateIdSchema,
    kind: z.literal('non_inferior'),
    metric: gateMetricSchema,
    /** How much worse than the champion is still accepted, in the metric's own unit. */
    margin: z.strictObject({ absolute: z.number().gt(0).max(1) }),
    /** The same gate on each value of these columns, corrected for their number. */
    by: z
      .array(z.string().min(1).max(256))
      .max(5)
      .refine((columns) => new Set(columns).size === columns.length, {
        message: 'a column is named twice: name each once',
      })
      .optional(),
    minRows: z.int().min(30).max(1_000_000_000).optional(),
    severity: severitySchema,
  })
  .refine((gate) => gate.metric === 'log_loss' || gate.margin.absolute < 1, {
    path: ['margin', 'absolute'],
    message: 'the metric lies between 0 and 1: with a margin of 1 every candidate would pass',
  });

const superiorGateSchema = z.strictObject({
  id: gateIdSchema,
  kind: z.literal('superior'),
  metric: gateMetricSchema,
  /** How much better than the champion the candidate must be, in the metric's own unit. */
  minGain: z.number().min(0).lt(1).default(0),
  severity: severitySchema,
});

export const gateSchema = z.discriminatedUnion('kind', [
  absoluteGateSchema,
  nonInferiorGateSchema,
  superiorGateSchema,
]);

export type Gate = z.infer<typeof gateSchema>;
export type GateMetric = z.infer<typeof gateMetricSchema>;
