import type { CaptureCounts, ColumnKind } from '../domain/stats/types.js';
import { CAPTURE_COLUMNS, firstPayloadColumns, readCapture } from './capture.js';
import { quoteName, textOfRow } from './duck.js';
import type { Bound, Duck } from './duck.js';
import { UnusableData } from './failures.js';

/** `capture` is what SageMaker data capture writes. */
export type DataFormat = 'parquet' | 'csv' | 'jsonl' | 'capture';

export interface DataFiles {
  /** Absolute paths within the directories the database may read. */
  readonly files: readonly string[];
  readonly format: DataFormat;
  /** Of `capture`: the order of CSV payloads. Without them, the keys of the first payload that is a JSON object. */
  readonly captureColumns?: readonly string[];
}

/** Rows to look at: something to select from, with its columns. */
export interface Relation {
  readonly from: string;
  readonly bound: Readonly<Record<string, Bound>>;
  readonly columns: readonly RelationColumn[];
  /** When it was read from data capture. */
  readonly capture?: CaptureCounts;
}

export interface RelationColumn {
  readonly name: string;
  /** `text` columns of a CSV file may hold numbers: see `numericShare` in profile.ts. */
  readonly family: 'number' | 'text' | 'boolean' | 'other';
  /** In CSV nobody can tell an empty text from a missing one. */
  readonly fromCsv: boolean;
  /** Every value is a text, whatever it was: whether they are numbers must be looked up. */
  readonly untyped: boolean;
}

let stagedTables = 0;

/** What the database says about the data; memory, disk space and interruption are not the data's fault. */
const DATA_FAULT =
  /^(?!.*No space left)(Invalid|Invalid Input|IO|Parser|Binder|Conversion|Permission|Catalog|Not implemented) Error/;

/**
 * Opens data files. CSV and JSON are read once into a table, as a view would parse them again for every query; Parquet
 * stays where it is.
 *
 * @throws {UnusableData} when there are no files or they cannot be read as that format
 */
export async function openFiles(
  duck: Duck,
  { files, format, captureColumns }: DataFiles,
): Promise<Relation> {
  if (files.length === 0) throw new UnusableData('there are no data files');
  if (format === 'capture') return openCapture(duck, files, captureColumns);
  const from = {
    parquet: 'read_parquet($files, union_by_name = true)',
    csv: `read_csv($files, all_varchar = true, header = true, delim = ',', quote = '"', escape = '"', nullstr = '', union_by_name = true)`,
    jsonl: `read_json($files, format = 'newline_delimited', union_by_name = true)`,
  }[format];
  const bound = { files: [...files] };
  try {
    if (format === 'parquet') return await describe(duck, from, bound, false);
    stagedTables += 1;
    const table = `staged ${stagedTables}`;
    await duck.rows(`create temp table ${quoteName(table)} as select * from ${from}`, bound);
    return await describe(duck, quoteName(table), {}, format === 'csv');
  } catch (error) {
    if (!(error instanceof Error) || !DATA_FAULT.test(error.message)) throw error;
    const [cause = ''] = error.message.split('\n');
    throw new UnusableData(`the ${format} data cannot be read: ${cause}`, { cause: error });
  }
}

/**
 * Data capture as a table.
 *
 * @throws {UnusableData} when nobody says which columns its requests have
 */
async function openCapture(
  duck: Duck,
  files: readonly string[],
  named: readonly string[] | undefined,
): Promise<Relation> {
  const columns = named ?? (await firstPayloadColumns(files));
  if (columns === null) {
    throw new UnusableData(
      'the columns of the captured requests are not known: CSV payloads have no header, so name the columns in their order',
    );
  }
  stagedTables += 1;
  const { table, counts } = await readCapture(duck, {
    files,
    columns,
    table: `captured ${stagedTables}`,
  });
  const { columns: all, ...relation } = await openTable(duck, table);
  const own = new Set<string>(Object.values(CAPTURE_COLUMNS));
  return {
    ...relation,
    columns: all.map((column) => ({ ...column, untyped: !own.has(column.name) })),
    capture: counts,
  };
}

/** A table made by {@link Duck.fill}. Its empty texts are values: what is missing was stored as NULL. */
export async function openTable(duck: Duck, table: string): Promise<Relation> {
  return describe(duck, quoteName(table), {}, false);
}

async function describe(
  duck: Duck,
  from: string,
  bound: Readonly<Record<string, Bound>>,
  fromCsv: boolean,
): Promise<Relation> {
  const found = await duck.rows(`describe select * from ${from}`, bound);
  const columns = found.map((column) => ({
    name: textOfRow(column['column_name']),
    family: familyOf(textOfRow(column['column_type'])),
    fromCsv,
    untyped: fromCsv,
  }));
  return { from, bound, columns };
}

function familyOf(type: string): RelationColumn['family'] {
  if (/^(U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|FLOAT|DOUBLE|DECIMAL\(\d+,\d+\))$/.test(type)) {
    return 'number';
  }
  if (/^(VARCHAR|UUID|ENUM\(.*\))$/.test(type)) return 'text';
  return type === 'BOOLEAN' ? 'boolean' : 'other';
}

/** SQL of one column: what to count as missing, and the value to compare. */
export interface ColumnSql {
  /** A boolean: there is no value. */
  readonly missing: string;
  /** A DOUBLE; NULL when missing or invalid. Only for numeric columns. */
  readonly number: string;
  /** A VARCHAR; NULL when missing. Only for categorical columns. */
  readonly text: string;
}

const LONGEST_CATEGORY = 256;

/**
 * NULL and NaN are missing, and in CSV the empty text. Whole numbers read as text lose a trailing `.0`, so that 3 and
 * 3.0 are one category whatever wrote the file; longer texts than 256 characters are kept by their beginning and digest.
 */
export function columnSql(column: RelationColumn): ColumnSql {
  const name = quoteName(column.name);
  if (column.family === 'number') {
    const missing = `(${name} is null or isnan(${name}::double))`;
    return {
      missing,
      number: `(case when not ${missing} then ${name}::double + 0.0 end)`,
      text: `(case when not ${missing} then ${wholeText(`${name}::varchar`)} end)`,
    };
  }
  const text = column.family === 'text' ? name : `${name}::varchar`;
  const absent = column.fromCsv ? `(${text} is null or trim(${text}) = '')` : `(${text} is null)`;
  const parsed = `try_cast(trim(${text}) as double)`;
  const number = column.family === 'boolean' ? `${name}::double` : `(${parsed} + 0.0)`;
  return {
    missing: `(${absent} or coalesce(isnan(${number}), false))`,
    number: `(case when not ${absent} and not coalesce(isnan(${number}), false) then ${number} end)`,
    text: `(case when not ${absent} then ${wholeText(shortText(text))} end)`,
  };
}

function wholeText(text: string): string {
  return `regexp_replace(${text}, '^(-?[0-9]+)\\.0+$', '\\1')`;
}

function shortText(text: string): string {
  return `(case when length(${text}) > ${LONGEST_CATEGORY} then left(${text}, 200) || '… ' || md5(${text}) else ${text} end)`;
}

/** A text that says NaN is missing in a numeric column and a value in a categorical one. */
export function missingOf(column: RelationColumn, kind: ColumnKind): string {
  const sql = columnSql(column);
  return kind === 'numeric' ? sql.missing : `(${sql.text} is null)`;
}
