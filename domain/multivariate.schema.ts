import { z } from 'zod';

/** What a job is told, in a file beside its data: in the place of options. */
export const multivariateSettingsSchema = z.strictObject({
  method: z.enum(['domain-classifier', 'pca']),
  seed: z.int().min(0),
  maxRows: z.int().min(20),
  limits: z.strictObject({
    warn: z.number(),
    drift: z.number(),
    significance: z.number(),
    minRows: z.int().min(0),
  }),
  ignore: z.array(z.string()),
  categorical: z.array(z.string()),
  columns: z.array(z.string()).min(1),
});
export type MultivariateSettings = z.infer<typeof multivariateSettingsSchema>;

/** What `modelkeeper multivariate --format json` prints, and what a job leaves for the keeper: strict, as it is ours. */

const count = z.int().min(0);
const share = z.number().min(0).max(1);

const sideSchema = z
  .strictObject({
    rows: count.describe('rows that were read'),
    sampled: count.describe('rows that were looked at, drawn by the seed'),
  })
  .refine(({ rows, sampled }) => sampled <= rows, { message: 'more rows sampled than there are' });

const statisticSchema = z
  .strictObject({
    name: z.enum(['auc', 'shift']),
    value: z.number(),
    lower: z.number(),
    upper: z.number(),
    confidence: z.number().gt(0).lt(1),
    z: z.number().describe('how many standard deviations from what chance gives'),
    pValue: share,
    nullMean: z.number().describe('what chance gives'),
    nullSd: z.number().min(0),
  })
  .refine(({ value, lower, upper }) => lower <= value && value <= upper, {
    message: 'the value lies outside of its interval',
  });

const readingShape = {
  schema: z.literal('modelkeeper/multivariate-v1'),
  method: z.enum(['domain-classifier', 'pca']),
  seed: z.int(),
  reference: sideSchema,
  window: sideSchema,
  statistic: statisticSchema
    .nullable()
    .describe(
      'auc: cross-validated; shift: of the reconstruction error, in standard deviations of the reference; null where nothing could be computed',
    ),
  columns: z
    .array(
      z.strictObject({
        name: z.string(),
        importance: z.number().describe('what the statistic loses without the column'),
        alone: z
          .number()
          .nullable()
          .describe('auc: of the column by itself; null where that is not known'),
      }),
    )
    .describe('those most involved first, at most ten'),
  pairs: z
    .array(
      z.strictObject({
        columns: z.tuple([z.string(), z.string()]),
        of: z
          .tuple([z.string(), z.string()])
          .describe('what of the two columns moves together, such as "age" or "city = Rome"'),
        importance: z.number(),
        reference: z.number().min(-1.000001).max(1.000001).describe('rank correlation'),
        window: z.number().min(-1.000001).max(1.000001),
      }),
    )
    .describe('columns that move together differently, most involved first, at most five'),
  used: count.describe('columns looked at'),
  leftOut: z.array(z.strictObject({ name: z.string(), reason: z.string() })),
};

/** The reading with what was made of it. The keeper judges the reading again, by its own policy. */
export const multivariateReportSchema = z
  .strictObject({
    ...readingShape,
    verdict: z.enum(['ok', 'warn', 'drift', 'insufficient_data']),
    reasons: z.array(z.string()),
    limits: z.strictObject({
      warn: z.number(),
      drift: z.number(),
      significance: z.number(),
      minRows: count,
    }),
  })
  .refine(
    ({ method, statistic }) =>
      statistic === null || (statistic.name === 'auc') === (method === 'domain-classifier'),
    { message: 'the statistic is not the one of the method' },
  );
export type MultivariateReport = z.infer<typeof multivariateReportSchema>;
/** What was measured, before it is judged. */
export type MultivariateReading = Omit<MultivariateReport, 'verdict' | 'reasons' | 'limits'>;
