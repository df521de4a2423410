import { z } from 'zod';

/** What `modelkeeper drift` prints as JSON. Members may be added; a number that could not be computed is `null`. */

const number = z.number().nullable();
const count = z.int().min(0);

export const verdictTokenSchema = z.enum([
  'ok',
  'warn',
  'drift',
  'data_quality',
  'insufficient_data',
]);

const judgedSchema = z.object({
  verdict: verdictTokenSchema,
  reasons: z.array(z.string()).describe('why, in sentences'),
});

const shareSchema = z
  .object({
    ref: z.number().describe('share in the baseline, 0 to 1'),
    cur: z.number().describe('share in the window, 0 to 1'),
    pValue: z.number(),
    pAdjusted: z.number().describe('Benjamini–Hochberg over all shares of the window'),
    lower: z.number().describe('Newcombe interval (95 %) of cur − ref'),
    upper: z.number(),
  })
  .nullable();

const densitySchema = z
  .object({
    scale: z.enum(['linear', 'log']).describe('steps of equal difference, or of equal ratio'),
    from: z.number(),
    to: z.number(),
    sharesRef: z.array(z.number()).describe('share of the values in each step from `from` to `to`'),
    sharesCur: z.array(z.number()),
    belowRef: z.number().describe('share of the values below `from`'),
    belowCur: z.number(),
    aboveRef: z.number().describe('share of the values above `to`'),
    aboveCur: z.number(),
  })
  .nullable()
  .describe('numeric: the shape on an axis of values, for plots; null for few different values');

export const driftColumnSchema = z.object({
  name: z.string(),
  kind: z.enum(['numeric', 'categorical']),
  nRef: count.describe('values compared of the baseline: present, readable, finite'),
  nCur: count.describe('values compared of the window'),
  missingRef: count,
  missingCur: count,
  invalidRef: count.describe('no number where there should be one'),
  invalidCur: count,
  nonfiniteRef: count,
  nonfiniteCur: count,
  edges: z.array(z.number()).nullable().describe('numeric: right-closed bins, the outer ones open'),
  keys: z
    .array(z.string())
    .nullable()
    .describe('categorical: the largest values, at most twenty; the rest is in otherRef, otherCur'),
  countsRef: z.array(count).describe('per bin or key'),
  countsCur: z.array(count),
  otherRef: count.describe('categorical: values beyond keys'),
  otherCur: count,
  density: densitySchema,
  psi: number,
  psiFloor1e4: number.describe('raw shares, zeros replaced by 0.0001'),
  jsDistance: number.describe('Jensen–Shannon distance, base 2, 0 to 1: the effect that is judged'),
  jsDistanceNat: number.describe('the same with natural logarithms, 0 to 0.8326'),
  hellinger: number,
  tvd: number,
  linf: number.describe('largest difference of a share; numeric: ks.lower'),
  linfRobust: number.describe('linf less what chance explains'),
  ks: z
    .object({ lower: z.number(), upper: z.number() })
    .nullable()
    .describe('numeric: what the bins know about the Kolmogorov–Smirnov statistic'),
  chi2: number,
  chi2Df: number,
  chi2P: number,
  cramersV: number,
  wasserstein: number.describe('null where it was not computed'),
  wassersteinNorm: number.describe('in standard deviations of the baseline'),
  pValue: number.describe('Kolmogorov for numeric, chi-square for categorical columns'),
  pAdjusted: number.describe('Benjamini–Hochberg over the columns compared'),
  belowRefMin: count.nullable(),
  aboveRefMax: count.nullable(),
  outOfRangeShare: number,
  newCategoryShare: number,
  vanishedCategoryShareOfRef: number,
  newValues: z.array(z.string()).describe('values the baseline never had, at most ten'),
  minRef: number,
  maxRef: number,
  meanRef: number,
  meanCur: number,
  stdRef: number.describe('population standard deviation'),
  missingShare: shareSchema,
  invalidShare: shareSchema,
  nonfiniteShare: shareSchema,
  newCategories: shareSchema,
  verdict: verdictTokenSchema,
  reason: z.string(),
});

const captureSchema = z
  .object({
    lines: count,
    unreadableLines: count,
    linesWithoutInput: count,
    linesWithoutOutput: count,
    rows: count,
    invalid: count.describe('rows whose shape is not what the columns say'),
  })
  .describe('what was read from data capture files');

export const driftSegmentSchema = z.object({
  by: z.string().describe('the column whose values make the segments'),
  value: z
    .string()
    .nullable()
    .describe('null: all values together that are no segment of their own, also new ones'),
  rowsRef: count,
  rowsCur: count,
  minRows: count.describe('fewest rows on either side for a verdict'),
  critical: z.boolean().describe('whether its drift is drift of the window; otherwise a warning'),
  verdict: verdictTokenSchema,
  reasons: z.array(z.string()),
  columnsCompared: count,
  furthest: z
    .object({ name: z.string(), jsDistance: number, pAdjusted: number })
    .nullable()
    .describe('the column, or `prediction`, that moved furthest'),
  columns: z
    .array(driftColumnSchema)
    .describe(
      'those that drifted, are moving or broken, what matters most first; p adjusted over all columns of all segments',
    ),
  prediction: driftColumnSchema.nullable().describe('the distribution of its scores'),
});

const windowMembers = {
  name: z.string().describe('what was given for the window'),
  rowsCur: count,
  dataset: judgedSchema.describe('what this window says by itself'),
  columns: z.array(driftColumnSchema),
  prediction: driftColumnSchema
    .nullable()
    .describe('the distribution of scores; null when one side has none'),
  notCompared: z.array(z.string()).describe('columns of the window that the baseline lacks'),
  capture: captureSchema.optional(),
  segments: z
    .array(driftSegmentSchema)
    .optional()
    .describe(
      'parts of the window against the same parts of the baseline, where they were asked for',
    ),
};

export const driftReportSchema = z.object({
  schema: z.literal('modelkeeper/drift-report-v1'),
  verdict: verdictTokenSchema.describe('of all windows together; the exit code follows from it'),
  reasons: z.array(z.string()),
  rowsRef: count,
  baseline: z.string().describe('what was given for the baseline'),
  ...windowMembers,
  windows: z
    .array(z.object(windowMembers))
    .optional()
    .describe('every window in order of time, where several were given; the last one is on top'),
  rules: z
    .object({
      warn: z.number(),
      drift: z.number(),
      significance: z.number(),
      minRows: count,
      share: z.number(),
      critical: z.array(z.string()),
      ignore: z.array(z.string()),
      newCategoriesAreDrift: z.array(z.string()),
      weights: z.record(z.string(), z.number()).optional(),
      persistence: z.object({ breaches: count, of: count }),
      segments: z
        .array(
          z.object({
            by: z.string(),
            max: count.describe('most values that are segments of their own'),
            minRows: count,
            critical: z.boolean(),
            valuesRef: count
              .nullable()
              .describe('different values in the baseline; null where its profile does not say'),
          }),
        )
        .optional(),
    })
    .describe('what it was judged by'),
});

export type DriftReport = z.infer<typeof driftReportSchema>;
export type DriftWindow = NonNullable<DriftReport['windows']>[number];
export type DriftSegment = z.infer<typeof driftSegmentSchema>;
export type DriftColumn = z.infer<typeof driftColumnSchema>;
export type VerdictToken = z.infer<typeof verdictTokenSchema>;
