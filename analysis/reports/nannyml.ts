import { z } from 'zod';

import type { ReportColumn, ReportNumber } from '../../domain/report-findings.js';
import {
  bounded,
  instantOf,
  Malformed,
  nameIn,
  parseJson,
  parsing,
  shaped,
  type Parsed,
  type ParsedReport,
} from './read.js';

/** NannyML's frame as JSON: `result.to_df(multilevel=False).to_json(orient='records')`. */
export const parseNannyml = (bytes: Uint8Array): Parsed =>
  parsing(bytes, (text) => nannymlReports(shaped(rowsSchema, parseJson(text))));

/** The same frame from CSV or Parquet, row by row. */
export function parseNannymlRows(rows: readonly unknown[]): Parsed {
  try {
    return { kind: 'read', value: nannymlReports(shaped(rowsSchema, rows)) };
  } catch (error) {
    if (error instanceof Malformed) return { kind: 'malformed', fault: error.message };
    throw error;
  }
}

const rowsSchema = z.array(z.record(z.string(), z.unknown()));
type Row = z.output<typeof rowsSchema>[number];

/** One report for each chunk; those of the reference period are what NannyML learned from, not what it found. */
function nannymlReports(rows: readonly Row[]): readonly ParsedReport[] {
  bounded(rows, 'rows');
  return rows.flatMap((row, index) => {
    const where = `row ${index + 1}`;
    if (!Object.hasOwn(row, 'chunk_key')) {
      throw new Malformed(
        `${where}: there is no chunk_key; write the frame with to_df(multilevel=False), without its index`,
      );
    }
    for (const name of bounded(Object.keys(row), where)) nameIn(name, where);
    if (row.chunk_period === 'reference') return [];
    return [chunkReport(row, where)];
  });
}

function chunkReport(row: Row, where: string): ParsedReport {
  const fromMs = instantIn(row.chunk_start_date, `${where}: chunk_start_date`);
  const toMs = instantIn(row.chunk_end_date, `${where}: chunk_end_date`);
  if (fromMs !== null && toMs !== null && toMs < fromMs)
    throw new Malformed(`${where}: chunk_end_date is before chunk_start_date`);
  const first = numberIn(row.chunk_start_index, `${where}: chunk_start_index`);
  const last = numberIn(row.chunk_end_index, `${where}: chunk_end_index`);
  const { columns, numbers } = findings(row, where);
  return {
    part: nameIn(String(row.chunk_key), `${where}: chunk_key`),
    report: {
      // The end of a chunk belongs to it.
      span: fromMs === null || toMs === null ? null : { fromMs, toMs: toMs + 1 },
      atMs: null,
      rows: first === null || last === null || last < first ? null : last - first + 1,
      columns,
      dataset: null,
      numbers,
    },
  };
}

/** Methods of the univariate calculator: `<column>_<method>_value` and `…_alert`. */
const METHODS = [
  'jensen_shannon',
  'kolmogorov_smirnov',
  'wasserstein',
  'hellinger',
  'l_infinity',
  'chi2',
] as const;

const PERFORMANCE = new Set([
  'roc_auc',
  'f1',
  'precision',
  'recall',
  'specificity',
  'accuracy',
  'average_precision',
  'business_value',
  'mae',
  'mape',
  'mse',
  'msle',
  'rmse',
  'rmsle',
]);
const DRIFT = new Set(['reconstruction_error', 'domain_classifier_auroc']);

function findings(
  row: Row,
  where: string,
): { readonly columns: readonly ReportColumn[]; readonly numbers: readonly ReportNumber[] } {
  const columns = new Map<string, ReportColumn>();
  const numbers: ReportNumber[] = [];
  for (const key of Object.keys(row)) {
    if (!key.endsWith('_value') || !Object.hasOwn(row, key.replace(/_value$/, '_alert'))) continue;
    const name = key.slice(0, -'_value'.length);
    const value = numberIn(row[key], `${where}: ${key}`);
    const alert = flagIn(row[`${name}_alert`], `${where}: ${name}_alert`);
    const method = METHODS.find((one) => name.endsWith(`_${one}`));
    if (method === undefined) {
      const means = PERFORMANCE.has(name) ? 'performance' : DRIFT.has(name) ? 'drift' : null;
      numbers.push({ name, value, alert, means });
      continue;
    }
    const column = name.slice(0, -method.length - 1);
    columns.set(column, together(columns.get(column), { column, method, value, alert }));
  }
  return { columns: [...columns.values()], numbers };
}

/** A column that was compared by several methods has drifted when one of them says so. */
function together(
  before: ReportColumn | undefined,
  found: {
    readonly column: string;
    readonly method: (typeof METHODS)[number];
    readonly value: number | null;
    readonly alert: boolean | null;
  },
): ReportColumn {
  const says = found.value === null ? null : found.alert;
  const jsDistance = found.method === 'jensen_shannon' ? found.value : null;
  const decides = before === undefined || (before.drifted !== true && says === true);
  return {
    name: found.column,
    method: decides ? found.method : before.method,
    scoreKind: 'distance',
    score: decides ? found.value : before.score,
    jsDistance: jsDistance ?? before?.jsDistance ?? null,
    drifted: before?.drifted === true || says === true ? true : (says ?? before?.drifted ?? null),
  };
}

function numberIn(value: unknown, where: string): number | null {
  if (value === null || value === undefined) return null;
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  // DuckDB hands over long integers and what is not finite as text.
  if (typeof value === 'string') {
    if (/^[+-]?(nan|inf(inity)?)$/i.test(value)) return null;
    if (value.trim() !== '' && Number.isFinite(Number(value))) return Number(value);
  }
  throw new Malformed(`${where} is no number`);
}

function flagIn(value: unknown, where: string): boolean | null {
  if (value === null || value === undefined) return null;
  if (typeof value === 'boolean') return value;
  if (value === 0 || value === 1) return value === 1;
  if (typeof value === 'string' && /^(true|false)$/i.test(value)) return /^true$/i.test(value);
  throw new Malformed(`${where} is neither true nor false`);
}

/** pandas writes epoch milliseconds into JSON unless it is told otherwise. */
function instantIn(value: unknown, where: string): number | null {
  if (value === null || value === undefined) return null;
  const atMs =
    typeof value === 'number' ? value : typeof value === 'string' ? instantOf(value) : null;
  if (atMs === null || !Number.isFinite(atMs) || Math.abs(atMs) > 8.64e15)
    throw new Malformed(`${where} is no date and time`);
  return atMs;
}
