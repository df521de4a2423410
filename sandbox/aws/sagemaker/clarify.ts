/** The container of SageMaker Clarify: baselining jobs of bias and explainability, and the executions of their monitors. */
import { z } from 'zod';
import { biasAnalysis, biasViolations } from './clarify-bias.js';
import type { BiasAnalysis, BiasConfig, BiasRow } from './clarify-bias.js';
import { evenly, MOST_FEATURES, shapAnalysis, shapViolations } from './clarify-shap.js';
import type { Predict, ShapAnalysis } from './clarify-shap.js';
import type { Hosting } from './hosting.js';
import type { ProcessingRecord } from './job-record.js';
import { atPath, capturedCalls, cellAt, cellOf, labelsById } from './monitor-capture.js';
import type { MonitorFiles } from './monitor-files.js';
import type { Containers } from './serving.js';

/** What ends the container with a failure, in words for whoever configured it. */
export class ClarifyFailure extends Error {}

const column = z.union([z.string(), z.number()]);
const values = z.array(column).min(1);
/** @see https://docs.aws.amazon.com/sagemaker/latest/dg/clarify-processing-job-configure-analysis.html */
const configSchema = z.looseObject({
  dataset_type: z.string().default('text/csv'),
  headers: z.array(z.string()).min(1).optional(),
  features: z.string().optional(),
  label: column.optional(),
  predicted_label: column.optional(),
  predicted_label_dataset_uri: z.string().optional(),
  probability_threshold: z.number().optional(),
  label_values_or_threshold: values.optional(),
  facet: z
    .array(z.looseObject({ name_or_index: column, value_or_threshold: values.optional() }))
    .min(1)
    .optional(),
  group_variable: column.optional(),
  methods: z
    .looseObject({
      pre_training_bias: z.unknown().optional(),
      post_training_bias: z.unknown().optional(),
      shap: z
        .looseObject({
          baseline: z.union([z.string(), z.array(z.array(column)).min(1)]).optional(),
          agg_method: z.enum(['mean_abs', 'median', 'mean_sq']).default('mean_abs'),
          use_logit: z.boolean().default(false),
        })
        .optional(),
    })
    .optional(),
  predictor: z
    .looseObject({
      model_name: z.string().optional(),
      label_headers: z.array(z.string()).optional(),
    })
    .optional(),
});
type Config = z.infer<typeof configSchema>;

interface Table {
  readonly headers: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** A run of a monitor over a window of captured calls. */
export interface ClarifyRun {
  readonly configUri: string;
  readonly constraints: unknown;
  readonly capture: readonly string[];
  /** Lines of ground truth. */
  readonly labels: readonly string[];
  readonly fromMs: number;
  readonly toMs: number;
  readonly attributes: {
    readonly features?: string | undefined;
    readonly inference?: string | undefined;
    readonly probability?: string | undefined;
    readonly threshold?: number | undefined;
  };
  /** Digest of the artefact that serves. */
  readonly artefact: string | undefined;
  readonly output: string;
}

const IMAGE = /\/sagemaker-clarify-processing(?:[:@]|$)/;
export const isClarify = ({ request }: Pick<ProcessingRecord, 'request'>): boolean =>
  IMAGE.test(request.AppSpecification.ImageUri);

export class Clarify {
  constructor(
    private readonly files: MonitorFiles,
    private readonly hosting: Hosting,
    private readonly containers: Containers,
  ) {}

  /** A job of its own: what it computes becomes the constraints of a monitor. */
  async baseline({ request }: ProcessingRecord): Promise<void> {
    const input = (name: string): string | undefined =>
      (request.ProcessingInputs ?? []).find(({ InputName }) => InputName === name)?.S3Input?.S3Uri;
    const [configUri, dataset] = [input('analysis_config'), input('dataset')];
    const output = (request.ProcessingOutputConfig?.Outputs ?? []).find(
      ({ OutputName }) => OutputName === 'analysis_result',
    )?.S3Output?.S3Uri;
    if (configUri === undefined || dataset === undefined || output === undefined)
      throw new ClarifyFailure(
        'SageMaker Clarify needs the inputs analysis_config and dataset, and the output analysis_result',
      );
    const config = this.config(configUri);
    const { methods } = config;
    if (methods === undefined)
      throw new ClarifyFailure('the analysis configuration has no methods');
    const table = this.dataset(dataset, config);
    if (table.rows.length === 0) throw new ClarifyFailure('the dataset has no rows');
    const label = config.label === undefined ? undefined : nameOf(config.label, table.headers);
    const said =
      config.predicted_label === undefined
        ? undefined
        : nameOf(config.predicted_label, table.headers);
    const features = table.headers.filter((name) => name !== label && name !== said);
    const cells = (names: readonly string[]) => picked(table, names);
    const isBias =
      methods.pre_training_bias !== undefined || methods.post_training_bias !== undefined;
    const bias = isBias
      ? biasAnalysis(
          biasRows(
            table,
            label,
            said === undefined
              ? await this.predictions(config, cells(features))
              : cells([said]).map(([cell = '']) => cell),
          ),
          biasConfig(config, table.headers),
        )
      : undefined;
    const shap =
      methods.shap === undefined
        ? undefined
        : await this.explained(config, { headers: features, rows: cells(features) }, undefined);
    this.files.write(output, 'analysis.json', { ...bias, ...shap });
  }

  /** @returns how many violations it found */
  bias(run: ClarifyRun): number {
    const config = this.config(run.configUri);
    const labels = labelsById(run.labels);
    const label = config.label === undefined ? undefined : String(config.label);
    const headers = config.headers;
    const labelName = label === undefined ? 'label' : nameOf(config.label ?? '', headers ?? []);
    const joined = capturedCalls(run.capture, run.fromMs, run.toMs).flatMap((call) => {
      const truth = labels.get(call.id);
      if (truth === undefined || call.input === null || call.output === null) return [];
      const [row] = requestRows(call.input, run.attributes.features);
      return row === undefined
        ? []
        : [{ row, truth, predicted: predictedBy(call.output, run.attributes) }];
    });
    if (joined.length === 0) throw new ClarifyFailure(NO_DATA);
    const names = featureNames(headers, labelName, joined[0]?.row.length ?? 0);
    const table: Table = {
      headers: [...names, labelName],
      rows: joined.map(({ row, truth }) => [...row, truth]),
    };
    const analysis = biasAnalysis(
      biasRows(
        table,
        labelName,
        joined.map(({ predicted }) => predicted),
      ),
      biasConfig({ ...config, label: labelName }, table.headers),
    );
    const violations = biasViolations(analysis, (run.constraints ?? {}) as BiasAnalysis);
    return this.written(run.output, analysis, violations);
  }

  /** @returns how many violations it found */
  async explain(run: ClarifyRun): Promise<number> {
    const config = this.config(run.configUri);
    const rows = capturedCalls(run.capture, run.fromMs, run.toMs).flatMap(({ input }) =>
      input === null ? [] : requestRows(input, run.attributes.features),
    );
    if (rows.length === 0) throw new ClarifyFailure(NO_DATA);
    const label = config.label === undefined ? '' : nameOf(config.label, config.headers ?? []);
    const headers = featureNames(config.headers, label, rows[0]?.length ?? 0);
    const analysis = await this.explained(config, { headers, rows }, run.artefact);
    const violations = shapViolations(analysis, (run.constraints ?? {}) as ShapAnalysis);
    return this.written(run.output, analysis, violations);
  }

  private written(output: string, analysis: object, violations: readonly object[]): number {
    this.files.write(output, 'analysis.json', analysis);
    if (violations.length > 0)
      this.files.write(output, 'constraint_violations.json', { version: '1.0', violations });
    return violations.length;
  }

  /** @param artefact what serves, for a configuration that names no model */
  private async explained(
    config: Config,
    { headers, rows }: Table,
    artefact: string | undefined,
  ): Promise<ShapAnalysis> {
    const shap = config.methods?.shap;
    if (shap === undefined)
      throw new ClarifyFailure('the analysis configuration has no methods.shap');
    if (headers.length > MOST_FEATURES)
      throw new ClarifyFailure(
        `the local AWS computes Shapley values exactly, for ${MOST_FEATURES} features at most; these are ${headers.length}`,
      );
    const background =
      shap.baseline === undefined
        ? evenly(rows, BACKGROUND_ROWS)
        : typeof shap.baseline === 'string'
          ? this.files.texts(shap.baseline).flatMap(csvRows)
          : shap.baseline.map((row) => row.map(String));
    if (background.length === 0 || background.some((row) => row.length !== headers.length))
      throw new ClarifyFailure(
        `each row of methods.shap.baseline must have ${headers.length} values: ${headers.join(', ')}`,
      );
    return shapAnalysis(
      rows,
      { features: headers, background, aggregation: shap.agg_method, useLogit: shap.use_logit },
      config.predictor?.label_headers?.[0],
      await this.predictor(config, artefact),
    );
  }

  private async predictions(
    config: Config,
    rows: readonly (readonly string[])[],
  ): Promise<readonly string[]> {
    if (config.predicted_label_dataset_uri !== undefined)
      throw new ClarifyFailure(
        'the local AWS reads no predicted_label_dataset_uri: name the column as predicted_label, or a model under predictor',
      );
    const predict = await this.predictor(config, undefined);
    const threshold = config.probability_threshold ?? DEFAULT_THRESHOLD;
    return (await predict(rows)).map((score) => (score > threshold ? '1' : '0'));
  }

  /** Answers of the model that the configuration names, as its shadow endpoint would give them. */
  private async predictor(config: Config, artefact: string | undefined): Promise<Predict> {
    const name = config.predictor?.model_name;
    if (name === undefined && artefact === undefined)
      throw new ClarifyFailure('the analysis configuration names no model under predictor');
    const served = name === undefined ? artefact : await this.artefactOf(name);
    return async (rows) => {
      const body = rows.map((row) => row.join(',')).join('\n');
      const answer = await this.containers.invoke(
        served,
        'text/csv',
        'text/csv',
        Buffer.from(body),
      );
      return answer.body.split('\n').map(Number);
    };
  }

  /** @returns its digest; `undefined` for a model without one, which answers always the same */
  private async artefactOf(name: string): Promise<string | undefined> {
    const [first] = this.hosting.model(name)?.containers ?? [];
    if (first === undefined) throw new ClarifyFailure(`Could not find model "${name}"`);
    const container = this.hosting.resolved(first);
    const uri = container.ModelDataUrl ?? container.ModelDataSource?.S3DataSource?.S3Uri;
    return uri === undefined ? undefined : this.containers.stage('clarify', uri);
  }

  private config(uri: string): Config {
    const [text] = this.files.texts(uri);
    if (text === undefined)
      throw new ClarifyFailure(`No S3 objects found under S3 URL "${uri}" (analysis_config)`);
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      throw new ClarifyFailure('the analysis configuration is not JSON');
    }
    const parsed = configSchema.safeParse(value);
    if (parsed.success) return parsed.data;
    const [issue] = parsed.error.issues;
    throw new ClarifyFailure(
      `the analysis configuration: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`,
    );
  }

  private dataset(uri: string, config: Config): Table {
    const texts = this.files.texts(uri);
    if (texts.length === 0)
      throw new ClarifyFailure(`No S3 objects found under S3 URL "${uri}" (dataset)`);
    if (config.dataset_type === 'application/jsonlines') return jsonLines(texts, config);
    if (config.dataset_type !== 'text/csv')
      throw new ClarifyFailure(
        `the local AWS reads text/csv and application/jsonlines, not ${config.dataset_type}`,
      );
    const tables = texts.map(csvRows);
    const headers = config.headers ?? tables[0]?.[0] ?? [];
    // With headers in the configuration a first line that repeats them is no row.
    const isHeader = (row: readonly string[]): boolean => row.join() === headers.join();
    return { headers, rows: tables.flat().filter((row) => !isHeader(row)) };
  }
}

const NO_DATA = 'Job inputs had no data';
const DEFAULT_THRESHOLD = 0.5;
/** Rows taken as SHAP's baseline where the configuration names none. Clarify clusters the rows instead. */
const BACKGROUND_ROWS = 10;

const csvRows = (text: string): readonly (readonly string[])[] =>
  text
    .split(/\r?\n/)
    .filter((line) => line.trim() !== '')
    .map((line) => line.split(',').map((cell) => cell.trim()));

function jsonLines(texts: readonly string[], config: Config): Table {
  const lines = texts.flatMap((text) => text.split('\n')).filter((line) => line.trim() !== '');
  const objects = lines.map((line) => JSON.parse(line) as unknown);
  const path = config.features;
  if (path === undefined) {
    const headers = Object.keys(objects[0] ?? {});
    return {
      headers,
      rows: objects.map((one) => headers.map((name) => cellAt(one, name))),
    };
  }
  const rows = objects.map((one) => [
    ...listAt(one, path),
    ...(config.label === undefined ? [] : [cellAt(one, String(config.label))]),
  ]);
  return { headers: config.headers ?? placeholders(rows[0]?.length ?? 0), rows };
}

const listAt = (value: unknown, path: string): readonly string[] => {
  const found = atPath(value, path);
  return Array.isArray(found) ? found.map((cell) => String(cell ?? '')) : [];
};

const placeholders = (count: number): readonly string[] =>
  Array.from({ length: count }, (_, at) => `column_${at}`);

/** A column by its index or its name; the label of JSON Lines is the last of the headers. */
function nameOf(which: string | number, headers: readonly string[]): string {
  if (typeof which === 'number') return headers[which] ?? `column_${which}`;
  return headers.length === 0 || headers.includes(which) ? which : (headers.at(-1) ?? which);
}

function featureNames(
  headers: readonly string[] | undefined,
  label: string,
  count: number,
): readonly string[] {
  const names = headers?.filter((name) => name !== label) ?? placeholders(count);
  if (names.length !== count)
    throw new ClarifyFailure(
      `the captured requests have ${count} features, the headers name ${names.length}: ${names.join(', ')}`,
    );
  return names;
}

const picked = (table: Table, names: readonly string[]): readonly (readonly string[])[] => {
  const places = names.map((name) => {
    const at = table.headers.indexOf(name);
    if (at < 0) throw new ClarifyFailure(`the column ${name} is not in the dataset`);
    return at;
  });
  return table.rows.map((row) => places.map((at) => row[at] ?? ''));
};

function biasRows(
  table: Table,
  label: string | undefined,
  predicted: readonly string[],
): readonly BiasRow[] {
  if (label === undefined) throw new ClarifyFailure('the analysis configuration names no label');
  const truths = picked(table, [label]);
  return table.rows.map((row, at) => ({
    cells: Object.fromEntries(table.headers.map((name, place) => [name, row[place] ?? ''])),
    label: truths[at]?.[0] ?? '',
    predicted: predicted[at] ?? '',
  }));
}

function biasConfig(config: Config, headers: readonly string[]): BiasConfig {
  const { facet, label, label_values_or_threshold, group_variable } = config;
  if (facet === undefined || label === undefined || label_values_or_threshold === undefined)
    throw new ClarifyFailure(
      'bias needs label, label_values_or_threshold and facet in the analysis configuration',
    );
  const facets = facet.map(({ name_or_index, value_or_threshold }) => ({
    name: nameOf(name_or_index, headers),
    ...(value_or_threshold === undefined ? {} : { values: value_or_threshold }),
  }));
  for (const { name } of facets)
    if (!headers.includes(name))
      throw new ClarifyFailure(`the facet ${name} is no column: ${headers.join(', ')}`);
  return {
    label: nameOf(label, headers),
    label_values_or_threshold,
    facets,
    ...(group_variable === undefined ? {} : { group_variable: nameOf(group_variable, headers) }),
  };
}

/** Rows of one request. Of JSON its features stand where `attribute` says, in their order. */
function requestRows(text: string, attribute: string | undefined): readonly (readonly string[])[] {
  if (!/^\s*[[{]/.test(text)) return csvRows(text);
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => JSON.parse(line) as unknown)
    .flatMap((one) => {
      if (attribute !== undefined) return [listAt(one, attribute)];
      const instances = (one as { instances?: unknown }).instances;
      const rows: readonly unknown[] = Array.isArray(instances) ? instances : [one];
      return rows.map((row) => Object.values(row as object).map((cell) => String(cell ?? '')));
    });
}

/** The label that an answer stands for; without any attribute it is one number, a score. */
function predictedBy(text: string, attributes: ClarifyRun['attributes']): string {
  const { inference, probability, threshold = DEFAULT_THRESHOLD } = attributes;
  if (inference !== undefined) return cellOf(text, inference) ?? '';
  const score = cellOf(text, probability ?? '0');
  return Number(score) > threshold ? '1' : '0';
}
