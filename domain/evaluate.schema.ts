import { z } from 'zod';

import { PRESENT } from './datasets.js';
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

/** Gates name a set by it, `recent` is the held-out rows. */
const datasetNameSchema = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,39}$/, 'lower-case letters, digits and dashes');

/** A set of predictions by champion and candidate, such as a frozen one beside the held-out rows. */
const datasetSchema = z.strictObject({
  /** Where they are, in place of an address in the package's metadata. */
  uri: z
    .string()
    .regex(
      /^s3:\/\/[^/]+\/.+$/,
      'write an address such as s3://bucket/golden/{model}/{release}.parquet',
    )
    .refine((uri) => !/[{}]/.test(uri.replaceAll(/\{(?:model|release|version)\}/g, '')), {
      message: 'only {model}, {release} and {version} can stand in braces',
    })
    .optional(),
  /** Metadata key of the package that holds their address. */
  predictions: z.string().min(1).max(128).optional(),
  /** `show`: metrics are told, and no gate looks at them. */
  role: z.enum(['gate', 'show']).optional(),
  /** With fewer rows no gate on this set can tell. */
  minRows: z.int().min(30).max(1_000_000_000).optional(),
  /** With fewer rows of the rarer class no gate on this set can tell. */
  minPositives: z.int().min(1).max(1_000_000_000).optional(),
  /** Every row must be from after the training. */
  afterTrainingCutoff: z.enum(['required', 'not_required']).optional(),
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
    /** Sets of predictions that gates can name by `dataset`. */
    datasets: z.record(datasetNameSchema, datasetSchema).optional(),
    gates: z.array(gateSchema).min(1).max(50),
  })
  .superRefine(({ gates, inputs, datasets }, context) => {
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
    for (const { path, message } of datasetFaults(gates, datasets)) issue(path, message);
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
    if (wanted === 'regression' || asked === 'regression')
      for (const [name, { minPositives }] of Object.entries(datasets ?? {}))
        if (minPositives !== undefined)
          issue(['datasets', name, 'minPositives'], 'a regression has no classes: say minRows');
    if (wanted === undefined && asked === 'mixed')
      issue(
        ['gates'],
        'these gates are about classifications and about numbers (rmse, mae, mape, r2): a model is one of the two',
      );
  });

/** What does not fit between gates and the sets they name. */
function datasetFaults(
  gates: readonly z.infer<typeof gateSchema>[],
  datasets: Readonly<Record<string, z.infer<typeof datasetSchema>>> = {},
): readonly { readonly path: (string | number)[]; readonly message: string }[] {
  const faults: { path: (string | number)[]; message: string }[] = [];
  gates.forEach((gate, index) => {
    const { dataset } = gate;
    if (dataset === undefined) return;
    const path = ['gates', index, 'dataset'];
    if (dataset !== PRESENT && !Object.hasOwn(datasets, dataset))
      faults.push({
        path,
        message: `there is no set ${dataset} under evaluate.datasets: describe it there, such as ${dataset}: {}`,
      });
    else if (datasets[dataset]?.role === 'show')
      faults.push({
        path,
        message: `evaluate.datasets.${dataset} says role: show, so that no gate judges it`,
      });
  });
  for (const [name, { uri, predictions, afterTrainingCutoff }] of Object.entries(datasets)) {
    if (uri !== undefined && predictions !== undefined)
      faults.push({ path: ['datasets', name], message: 'say one of uri: and predictions:' });
    if (name === PRESENT && datasets[name]?.role === 'show')
      faults.push({
        path: ['datasets', name, 'role'],
        message: 'the held-out rows are what candidates are judged by: they cannot be for show',
      });
    if (name === PRESENT && afterTrainingCutoff === 'not_required')
      faults.push({
        path: ['datasets', name, 'afterTrainingCutoff'],
        message:
          'the held-out rows are those after the training: describe another set for older ones',
      });
  }
  return faults;
}

export type EvaluatePolicy = z.infer<typeof evaluateSchema>;
export type EvaluateInputs = z.infer<typeof evaluateInputsSchema>;
