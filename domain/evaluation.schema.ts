import { z } from 'zod';

import { biasMetricSchema, gateMetricSchema } from './gate.schema.js';

const countSchema = z.int().min(0);
const shareSchema = z.number().min(0).max(1);
const verdictSchema = z.enum(['pass', 'fail', 'inconclusive']);

const estimateSchema = z.object({
  metric: gateMetricSchema,
  estimate: z.number().nullable(),
  lower: z.number().nullable().describe('One-sided bound at `confidence`.'),
  upper: z.number().nullable().describe('One-sided bound at `confidence`.'),
});

const gateSchema = z.object({
  id: z.string().describe("The gate's id; for one slice of it `id[column=value]`."),
  kind: z.enum(['absolute', 'non_inferior', 'superior', 'bias']),
  metric: z.union([gateMetricSchema, biasMetricSchema]),
  severity: z.enum(['required', 'advisory']),
  slice: z.object({ column: z.string(), value: z.string() }).nullable(),
  estimateChampion: z.number().nullable(),
  estimateCandidate: z.number().nullable(),
  delta: z
    .number()
    .nullable()
    .describe(
      'Candidate − champion, turned so that more is better; null for gates on the candidate alone.',
    ),
  lower: z.number().nullable().describe('Of delta, or of the estimate of the candidate.'),
  upper: z.number().nullable(),
  confidence: shareSchema.describe('One-sided, of lower.'),
  upperConfidence: shareSchema.describe('One-sided, of upper.'),
  n: countSchema.describe('Rows.'),
  positives: countSchema,
  method: z.enum([
    'delong',
    'paired bootstrap',
    'bootstrap',
    'paired cluster bootstrap',
    'cluster bootstrap',
    'paired poisson bootstrap',
    'poisson bootstrap',
    'point',
    'none',
  ]),
  seed: z.number(),
  margin: z
    .number()
    .nullable()
    .describe('What may be lost (non_inferior), must be gained (superior), or the limit itself.'),
  verdict: verdictSchema,
  reason: z.string().describe('One sentence for people.'),
  rowsWanted: countSchema
    .nullable()
    .describe('About how many rows would settle an inconclusive gate.'),
  reasonCode: z
    .enum([
      'kept',
      'broken',
      'undecided',
      'too few rows',
      'too few of a class',
      'too few entities',
      'too many slices',
      'missing column',
      'missing slice',
      'missing metric',
      'missing dataset',
      'bad rows',
      'not a number',
      'bad sql',
      'champion is zero',
      'point estimate',
    ])
    .optional(),
  dataset: z
    .string()
    .optional()
    .describe('The set of predictions it looked at; absent for the held-out rows.'),
  range: z
    .tuple([z.number(), z.number()])
    .optional()
    .describe('Of a bias gate: where the difference between groups may lie.'),
  waived: z
    .literal(true)
    .optional()
    .describe('Too few rows, and the policy says onInsufficient: warn.'),
});

const curvesSchema = z.object({
  roc: z.array(z.object({ falsePositiveRate: shareSchema, truePositiveRate: shareSchema })),
  calibration: z.array(
    z.object({
      from: shareSchema,
      to: shareSchema,
      rows: countSchema,
      positives: countSchema,
      meanScore: shareSchema,
      share: shareSchema,
      lower: shareSchema,
      upper: shareSchema,
    }),
  ),
  histogram: z.array(
    z.object({
      from: shareSchema,
      to: shareSchema,
      negatives: countSchema,
      positives: countSchema,
    }),
  ),
});

const checksSchema = z.object({
  duplicateRowIds: countSchema.nullable(),
  rowsOutsideHoldOut: countSchema.nullable(),
  rowsInTraining: countSchema.nullable(),
  badLabels: countSchema,
  badCandidateScores: countSchema,
  badChampionScores: countSchema,
  missingRowIds: countSchema.optional(),
  badWeights: countSchema.optional(),
  badLabelExample: z.string().optional(),
  rowsBeforeCutoff: countSchema
    .nullable()
    .optional()
    .describe('Of a further set that must be from after the training.'),
});

const curvesOfBothSchema = z.object({ champion: curvesSchema.nullable(), candidate: curvesSchema });

const datasetSchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('missing'),
    name: z.string(),
    reason: z.string().describe('Why it is not there. Gates that name it fail.'),
  }),
  z.object({
    kind: z.literal('judged'),
    name: z.string(),
    rows: countSchema,
    positives: countSchema,
    checks: checksSchema.describe('Any above 0 fails the gates that name this set.'),
    noBaseline: z.boolean(),
    champion: z.array(estimateSchema).nullable(),
    candidate: z.array(estimateSchema),
    curves: curvesOfBothSchema.optional(),
    entities: countSchema.optional(),
  }),
]);

/** What `modelkeeper evaluate --format json` prints, and a release keeps in S3. */
export const evaluationSchema = z.object({
  schema: z.literal('modelkeeper/evaluation-v1'),
  rows: countSchema,
  positives: countSchema.describe('Rows whose label is 1.'),
  holdOut: z
    .object({ fromMs: z.number(), toMs: z.number() })
    .nullable()
    .describe('Half-open, epoch milliseconds. null: nobody gave a window.'),
  confidence: shareSchema.describe('One-sided, of every bound that says no other.'),
  seed: z.number(),
  replicates: countSchema.describe('Draws of a bootstrap over rows.'),
  checks: checksSchema.describe('Any above 0 fails the evaluation; null is not checked.'),
  noBaseline: z.boolean().describe('There is no champion: absolute gates only.'),
  champion: z.array(estimateSchema).nullable(),
  candidate: z.array(estimateSchema),
  gates: z.array(gateSchema),
  verdict: verdictSchema,
  reasons: z.array(z.string()),
  curves: curvesOfBothSchema.optional(),
  task: z.enum(['classification', 'regression']).optional(),
  entities: countSchema.optional().describe('Rows of one entity were drawn together: how many.'),
  datasets: z
    .array(datasetSchema)
    .optional()
    .describe('Further sets of predictions, such as a golden one.'),
  statistics: z
    .literal('none')
    .optional()
    .describe('Judged by reported metrics alone: no rows, no intervals.'),
});
