import { z } from 'zod';

import type {
  ReportColumn,
  ReportNumber,
  Report,
  ScoreKind,
} from '../../domain/report-findings.js';
import {
  bounded,
  instantOf,
  jsBase2,
  Malformed,
  nameIn,
  parseJson,
  parsing,
  shaped,
  type Parsed,
} from './read.js';

/**
 * Reads a report of Evidently saved as JSON.
 *
 * Until 0.6: `{metrics: [{metric, result}], timestamp}`. From 0.7 on: `{metrics: [{metric_name | metric_id, config?,
 * value}]}`, which has no timestamp. Snapshots of a workspace are another format.
 */
export const parseEvidently = (bytes: Uint8Array): Parsed =>
  parsing(bytes, (text) => {
    const file = shaped(reportSchema, parseJson(text));
    bounded(file.metrics, 'metrics');
    const read: Reading = { columns: new Map(), numbers: [], dataset: null, rows: null };
    file.metrics.forEach((metric, index) => {
      const where = `metrics[${index}]`;
      if ('metric' in metric) readOld(shaped(oldMetricSchema, metric, where), where, read);
      else readNew(shaped(newMetricSchema, metric, where), where, read);
    });
    for (const { name } of bounded([...read.columns.values()], 'columns')) nameIn(name, 'columns');
    for (const { name } of bounded(read.numbers, 'numbers')) nameIn(name, 'numbers');
    const report: Report = {
      span: null,
      atMs: timestampOf(file.timestamp),
      rows: read.rows,
      columns: [...read.columns.values()],
      dataset: read.dataset,
      numbers: read.numbers,
    };
    return [{ part: '', report }];
  });

const oldMetricSchema = z.looseObject({ metric: z.string(), result: z.unknown().optional() });
const newMetricSchema = z
  .looseObject({
    metric_name: z.string().optional(),
    metric_id: z.string().optional(),
    config: z.looseObject({}).nullish(),
    value: z.unknown().optional(),
  })
  .refine((metric) => metric.metric_name !== undefined || metric.metric_id !== undefined, {
    message: 'neither metric, metric_name nor metric_id: is this a report of Evidently?',
  });
const reportSchema = z.looseObject({
  metrics: z.array(z.looseObject({})),
  timestamp: z.string().nullish(),
});

interface Reading {
  readonly columns: Map<string, ReportColumn>;
  readonly numbers: ReportNumber[];
  dataset: Report['dataset'];
  rows: number | null;
}

function timestampOf(text: string | null | undefined): number | null {
  if (text === null || text === undefined) return null;
  const atMs = instantOf(text);
  if (atMs === null)
    throw new Malformed(
      `timestamp: '${text.slice(0, 40)}' is no date and time such as 2026-03-01 06:00:00`,
    );
  return atMs;
}

const number = z.number().nullable();
const columnSchema = z.looseObject({
  column_name: z.string(),
  stattest_name: z.string(),
  stattest_threshold: number.optional(),
  drift_score: number,
  drift_detected: z.boolean(),
});
const datasetSchema = z.looseObject({
  number_of_columns: z.number().optional(),
  number_of_drifted_columns: z.number(),
  share_of_drifted_columns: number,
});
const tableSchema = datasetSchema.extend({ drift_by_columns: z.record(z.string(), columnSchema) });
const qualitySchema = z.looseObject({ current: z.record(z.string(), z.unknown()) });
const summarySchema = z.looseObject({ current: z.looseObject({ number_of_rows: z.number() }) });

function readOld(
  { metric, result }: z.output<typeof oldMetricSchema>,
  place: string,
  read: Reading,
): void {
  const where = `${place}.result`;
  switch (metric) {
    case 'DatasetDriftMetric': {
      read.dataset ??= oldDataset(shaped(datasetSchema, result, where));
      return;
    }
    case 'DataDriftTable': {
      const table = shaped(tableSchema, result, where);
      read.dataset = oldDataset(table);
      for (const column of Object.values(table.drift_by_columns)) addOld(column, read);
      return;
    }
    case 'ColumnDriftMetric':
      addOld(shaped(columnSchema, result, where), read);
      return;
    case 'DatasetSummaryMetric':
      read.rows = shaped(summarySchema, result, where).current.number_of_rows;
      return;
    default:
      if (!/QualityMetric$/.test(metric)) return;
      for (const [name, value] of Object.entries(shaped(qualitySchema, result, where).current))
        if (typeof value === 'number' || value === null)
          read.numbers.push({ name, value, alert: null });
  }
}

const oldDataset = (dataset: z.output<typeof datasetSchema>): Report['dataset'] => ({
  columns: dataset.number_of_columns ?? null,
  drifted: dataset.number_of_drifted_columns,
  share: dataset.share_of_drifted_columns,
});

function addOld(column: z.output<typeof columnSchema>, read: Reading): void {
  read.columns.set(
    column.column_name,
    columnOf(column.column_name, column.stattest_name, column.drift_score, column.drift_detected),
  );
}

const sharesSchema = z.looseObject({ count: z.number(), share: number });
const driftConfigSchema = z.looseObject({
  column: z.string().optional(),
  method: z.string().nullish(),
  threshold: z.number().nullish(),
});

function readNew(metric: z.output<typeof newMetricSchema>, where: string, read: Reading): void {
  const { type, options } = named(metric.metric_name ?? metric.metric_id ?? '');
  const config = metric.config ?? undefined;
  switch (type) {
    case 'DriftedColumnsCount': {
      const { count, share } = shaped(sharesSchema, metric.value, `${where}.value`);
      read.dataset = { columns: null, drifted: count, share };
      return;
    }
    case 'ValueDrift': {
      const settings = shaped(driftConfigSchema, config ?? {}, `${where}.config`);
      const column = settings.column ?? options.get('column');
      if (column === undefined) throw new Malformed(`${where}: a ValueDrift without a column`);
      const score = shaped(number, metric.value, `${where}.value`);
      const method = settings.method ?? options.get('method') ?? null;
      const threshold = settings.threshold ?? numberIn(options.get('threshold'));
      read.columns.set(
        column,
        columnOf(column, method, score, driftedBy(method, score, threshold)),
      );
      return;
    }
    case 'RowCount':
      read.rows = shaped(z.number().min(0), metric.value, `${where}.value`);
      return;
    default:
      addNumbers(type, options, metric.value, read);
  }
}

/** `ValueDrift(column=distance,method=K-S p_value,threshold=0.05)`, with or without what is in brackets. */
function named(text: string): {
  readonly type: string;
  readonly options: ReadonlyMap<string, string>;
} {
  const match = /^([A-Za-z0-9_]+)(?:\((.*)\))?$/s.exec(text);
  const options = new Map<string, string>();
  for (const part of (match?.[2] ?? '').split(/,(?=[a-z_]+=)/)) {
    const at = part.indexOf('=');
    if (at > 0) options.set(part.slice(0, at), part.slice(at + 1));
  }
  return { type: match?.[1] ?? text, options };
}

function numberIn(text: string | undefined): number | null {
  const value = text === undefined || text.trim() === '' ? Number.NaN : Number(text);
  return Number.isFinite(value) ? value : null;
}

/** `F1Score` → `f1`, `MissingValueCount(column=origin)` of `{count, share}` → `missing_value_count.origin.share`. */
function addNumbers(
  type: string,
  options: ReadonlyMap<string, string>,
  value: unknown,
  read: Reading,
): void {
  const column = options.get('column');
  const name = `${NAMES[type] ?? snakeCase(type)}${column === undefined ? '' : `.${column}`}`;
  if (typeof value === 'number' || value === null) {
    read.numbers.push({ name, value, alert: null });
    return;
  }
  if (typeof value !== 'object' || Array.isArray(value)) return;
  for (const [key, part] of Object.entries(value))
    if (typeof part === 'number')
      read.numbers.push({ name: `${name}.${key}`, value: part, alert: null });
}

/** Names of the former format for what has changed its name. */
const NAMES: Readonly<Record<string, string>> = {
  F1Score: 'f1',
  TPR: 'tpr',
  TNR: 'tnr',
  FPR: 'fpr',
  FNR: 'fnr',
};

const snakeCase = (type: string): string =>
  type.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toLowerCase();

interface Method {
  readonly name: string;
  readonly kind: ScoreKind;
  /** Whether a score that equals the threshold is drift. */
  readonly orEqual: boolean;
}

/** Methods of Evidently by their names and by what reports call them. */
const METHODS = new Map<string, Method>(
  (
    [
      ['anderson', 'Anderson-Darling', 'p', false],
      ['chisquare', 'chi-square p_value', 'p', false],
      ['cramer_von_mises', 'Cramer-von Mises', 'p', true],
      ['ed', 'Energy-distance', 'distance', false],
      ['es', 'Epps-Singleton', 'p', false],
      ['fisher_exact', "Fisher's Exact test", 'p', false],
      ['g_test', 'g_test', 'p', false],
      ['hellinger', 'Hellinger distance', 'distance', true],
      ['jensenshannon', 'Jensen-Shannon distance', 'distance', true],
      ['kl_div', 'Kullback-Leibler divergence', 'distance', true],
      ['ks', 'K-S p_value', 'p', true],
      ['mannw', 'Mann-Whitney U-rank test', 'p', false],
      ['empirical_mmd', 'empirical_mmd', 'p', false],
      ['psi', 'PSI', 'distance', true],
      ['t_test', 't_test', 'p', false],
      ['TVD', 'Total-Variation-Distance', 'p', false],
      ['wasserstein', 'Wasserstein distance (normed)', 'distance', true],
      ['z', 'Z-test p_value', 'p', false],
    ] as const
  ).flatMap(([name, display, kind, orEqual]) => {
    const method = { name, kind, orEqual };
    return [
      [name, method],
      [display, method],
    ];
  }),
);

function driftedBy(
  method: string | null,
  score: number | null,
  threshold: number | null,
): boolean | null {
  const known = method === null ? undefined : METHODS.get(method);
  if (known === undefined || score === null || threshold === null) return null;
  if (score === threshold) return known.orEqual;
  return known.kind === 'p' ? score < threshold : score > threshold;
}

function columnOf(
  name: string,
  method: string | null,
  score: number | null,
  drifted: boolean | null,
): ReportColumn {
  const known = method === null ? undefined : METHODS.get(method);
  return {
    name,
    method: known?.name ?? method,
    scoreKind: known?.kind ?? null,
    score,
    jsDistance: known?.name === 'jensenshannon' && score !== null ? jsBase2(score) : null,
    drifted: score === null ? null : drifted,
  };
}
