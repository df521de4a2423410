import { DuckDBInstance } from '@duckdb/node-api';
import type { DuckDBConnection } from '@duckdb/node-api';
import { UnusableInput } from './job.js';
import type { Columns, Feature } from './logistic.js';

/** Rows `[from, to)` of Parquet files, or all of them, ordered by time and id. */
export interface Window {
  readonly files: readonly string[];
  readonly from?: string;
  readonly to?: string;
  readonly label: string;
}

export async function withDuckDb<T>(use: (duck: DuckDBConnection) => Promise<T>): Promise<T> {
  const instance = await DuckDBInstance.create(':memory:');
  const duck = await instance.connect();
  try {
    await duck.run("SET TimeZone = 'UTC'");
    return await use(duck);
  } finally {
    duck.closeSync();
    instance.closeSync();
  }
}

/**
 * Makes the window a table `rows` and returns its number of rows.
 *
 * @throws {UnusableInput} for a missing file, an unreadable instant or a label that is not 0 or 1.
 */
export async function loadWindow(duck: DuckDBConnection, window: Window): Promise<number> {
  if (window.files.length === 0) throw new UnusableInput('No data files in the input channel');
  const files = window.files.map(text).join(', ');
  const { from, to } = window;
  const within = [
    ...(from === undefined ? [] : [`event_time >= epoch_ms(${instantMs(from)})`]),
    ...(to === undefined ? [] : [`event_time < epoch_ms(${instantMs(to)})`]),
  ];
  await duck.run(
    `CREATE TABLE rows AS SELECT * FROM read_parquet([${files}], union_by_name = true)
     ${within.length === 0 ? '' : `WHERE ${within.join(' AND ')}`}
     ORDER BY event_time, id`,
  );
  const label = identifier(window.label);
  const [counts] = await query(
    duck,
    `SELECT count(*)::INTEGER, (count(*) FILTER (WHERE ${label} IN (0, 1)))::INTEGER FROM rows`,
  );
  const [rows, labelled] = [Number(counts?.[0]), Number(counts?.[1])];
  if (labelled !== rows) {
    throw new UnusableInput(
      `Column ${window.label} must be 0 or 1; ${rows - labelled} rows are neither`,
    );
  }
  return rows;
}

/** The names with the types DuckDB found: text is a category, anything else a number. */
export async function featureTypes(
  duck: DuckDBConnection,
  names: readonly string[],
): Promise<readonly Feature[]> {
  const described = await query(
    duck,
    "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = 'rows'",
  );
  const types = new Map(described.map(([name, type]) => [String(name), String(type)]));
  return names.map((name) => {
    const type = types.get(name);
    if (type === undefined) throw new UnusableInput(`The training data has no column ${name}`);
    return { name, type: type === 'VARCHAR' ? 'category' : 'number' };
  });
}

/** Feature columns of the table `rows`, in its order; a missing value is '' or NaN. */
export async function readFeatures(
  duck: DuckDBConnection,
  features: readonly Feature[],
): Promise<Columns> {
  const select = features.map(({ name, type }) =>
    type === 'category'
      ? `coalesce(${identifier(name)}::VARCHAR, '')`
      : `coalesce(${identifier(name)}::DOUBLE, 'NaN'::DOUBLE)`,
  );
  const result = await duck.runAndReadAll(`SELECT ${select.join(', ')} FROM rows ORDER BY rowid`);
  const columns = result.getColumnsJS();
  return Object.fromEntries(
    features.map(({ name }, i) => [name, (columns[i] ?? []) as (string | number)[]]),
  );
}

export async function readLabels(duck: DuckDBConnection, label: string): Promise<Uint8Array> {
  const result = await duck.runAndReadAll(
    `SELECT ${identifier(label)}::INTEGER FROM rows ORDER BY rowid`,
  );
  return Uint8Array.from((result.getColumnsJS()[0] ?? []) as number[]);
}

export async function query(
  duck: DuckDBConnection,
  sql: string,
): Promise<readonly (readonly unknown[])[]> {
  return (await duck.runAndReadAll(sql)).getRowsJS();
}

export function text(value: string): string {
  return `'${value.replaceAll("'", "''")}'`;
}

export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

function instantMs(iso: string): number {
  const ms = Date.parse(iso);
  if (Number.isNaN(ms)) throw new UnusableInput(`'${iso}' is not an ISO instant`);
  return ms;
}
