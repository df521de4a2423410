import { z } from 'zod';

import { columnSchema, gateSchema } from './gate.schema.js';
import { taskOf } from './stats/metrics.js';

/** Names of the columns in the predictions; what is not written has the name of its key, `eventTime` is `eventTimeMs`. */
export const evaluateInputsSchema = z.strictObject({
  /** What the model gives. Told from the metrics of the gates when not written. */
  task: z.enum(['classification', 'regression']).optional(),
  rowId: columnSchema.optional(),
  label: columnSchema.optional(),
  champion: columnSchema.optional(),
  candidate: columnSchema.optional(),
  /** Milliseconds since 1970. */
  eventTime: columnSchema.optional(),
  /** What a row is about, such as a customer: rows of the same are drawn together. */
  group: columnSchema.optional(),
  /** How much a row counts. */
  weight: columnSchema.optional(),
  /** Milliseconds each answer took. */
  latency: z
    .strictObject({ champion: columnSchema.optional(), candidate: columnSchema.optional() })
    .optional(),
  /** Columns that gates may slice by; each must be there. Any when not written. */
  slices: z.array(columnSchema).max(50).optional(),
});

/** What a candidate must show. */
export const evaluateSchema = z
  .strictObject({
    /** One-sided confidence of every bound. */
    confidence: z.number().min(0.8).lt(1).default(0.95),
    minRows: z.int().min(100).max(1_000_000_000).default(1_000),
    /** The package's metadata key that holds the address of the predictions file. */
    predictions: z.string().min(1).max(128).default('modelkeeper:predictions'),
    /** The package's metadata key that holds the address of the training row ids. */
    trainingRows: z.string().min(1).max(128).default('modelkeeper:trainingRows'),
    inputs: evaluateInputsSchema.optional(),
    /** Without predictions, judge by the metrics that the package says of itself: numbers without intervals. */
    allowPointEstimates: z.boolean().optional(),
    gates: z.array(gateSchema).min(1).max(50),
  })
  .superRefine(({ gates, inputs }, context) => {
    const issue = (path: (string | number)[], message: string) => {
      context.addIssue({ code: 'custom', path, message });
    };
    if (!gates.some((gate) => gate.severity === 'required'))
      issue(['gates'], 'at least one gate must be required, or every candidate would pass');
    const ids = gates.map((gate) => gate.id);
    ids.forEach((id, index) => {
      if (ids.indexOf(id) !== index)
        issue(
          ['gates', index, 'id'],
          `the id '${id}' is used twice: give each gate an id of its own`,
        );
    });
    const metrics = gates.flatMap((gate) => (gate.kind === 'bias' ? [] : [gate.metric]));
    const asked = taskOf(metrics);
    const hasBias = gates.some((gate) => gate.kind === 'bias');
    const wanted = inputs?.task ?? (hasBias ? 'classification' : undefined);
    gates.forEach((gate, index) => {
      if (gate.kind === 'bias') {
        if (wanted === 'regression' || (inputs?.task === undefined && asked === 'regression'))
          issue(
            ['gates', index, 'kind'],
            'a bias gate is about decisions, the others are about numbers: keep to one',
          );
      } else {
        const own = taskOf([gate.metric]);
        if (wanted !== undefined && own !== 'any' && own !== wanted)
          issue(
            ['gates', index, 'metric'],
            `${gate.metric} is a metric of ${own}, and this is a ${wanted}`,
          );
        for (const column of gate.by ?? [])
          if (inputs?.slices !== undefined && !inputs.slices.includes(column))
            issue(['gates', index, 'by'], `${column} is not among evaluate.inputs.slices`);
      }
    });
    if (wanted === undefined && asked === 'mixed')
      issue(
        ['gates'],
        'these gates are about classifications and about numbers (rmse, mae, mape, r2): a model is one of the two',
      );
  });

export type EvaluatePolicy = z.infer<typeof evaluateSchema>;
export type EvaluateInputs = z.infer<typeof evaluateInputsSchema>;
