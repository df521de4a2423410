import { stat } from 'node:fs/promises';

import type { CaptureCounts } from '../domain/stats/types.js';
import { CAPTURE_COLUMNS, firstPayloadColumns, readCapture } from './capture.js';
import { csvShape, requireTellable } from './csv-file.js';
import type { CsvShape } from './csv-file.js';
import { countOf, quoteName, quoteText, textOfRow } from './duck.js';
import type { Bound, Duck, Row } from './duck.js';
import { UnusableData } from './failures.js';
import { jsonLine, linesOf, refuseEndlessRecords } from './lines.js';
import type { NumberSource } from './tally.js';

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
  /**
   * The same rows, where the reader makes numbers of some columns of texts: faster than casts, but one text that is no
   * number is an error. What it reads it reads as a cast does. Of rows that are selected from elsewhere it says nothing.
   */
  readonly typed?: {
    readonly from: string;
    readonly withNumbers: (names: ReadonlySet<string>) => Relation;
  };
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

/** Names of what is bound and made, so that several relations can stand in one statement. */
let opened = 0;

/** What the database says about the data; memory, disk space and interruption are not the data's fault. */
const DATA_FAULT =
  /^(?!.*No space left)(Invalid|Invalid Input|IO|Parser|Binder|Conversion|Permission|Catalog|Not implemented) Error/;

/**
 * Opens data files where they are: nothing is read into the database, so that memory stays flat however large they are.
 *
 * @throws {UnusableData} when there are no files, they may not be read, or are not of that format
 */
export async function openFiles(
  duck: Duck,
  { files, format, captureColumns }: DataFiles,
): Promise<Relation> {
  if (files.length === 0) throw new UnusableData('there are no data files');
  if (format === 'capture') return openCapture(duck, files, captureColumns);
  try {
    const real = await Promise.all(files.map((file) => fileToRead(duck, file)));
    if (format === 'csv') return await openCsv(duck, real);
    if (format === 'jsonl') return await openJsonLines(duck, real);
    return await openParquet(duck, real);
  } catch (error) {
    if (!(error instanceof Error) || !DATA_FAULT.test(error.message)) throw error;
    const [cause = ''] = error.message.split('\n');
    throw new UnusableData(`the ${format} data cannot be read: ${cause}`, { cause: error });
  }
}

async function fileToRead(duck: Duck, path: string): Promise<string> {
  const file = await duck.realFile(path);
  if (/[*?[]/.test(file)) {
    throw new UnusableData(`${path} cannot be read: rename it to have none of the signs * ? [`);
  }
  if ((await stat(file)).size === 0) throw new UnusableData(`${path} is empty`);
  return file;
}

/** Every file is read by its own header; files with the same one together. */
async function openCsv(duck: Duck, files: readonly string[]): Promise<Relation> {
  const groups = new Map<string, { readonly shape: CsvShape; readonly files: string[] }>();
  for (const file of files) {
    const shape = await csvShape(file);
    const key = JSON.stringify(shape);
    const group = groups.get(key) ?? { shape, files: [] };
    group.files.push(file);
    groups.set(key, group);
  }
  const bound: Record<string, readonly string[]> = {};
  const named = [...groups.values()].map(({ shape, files: alike }) => {
    opened += 1;
    bound[`files${opened}`] = alike;
    return { shape, files: `$files${opened}` };
  });
  const from = (numbers: ReadonlySet<string>) => {
    const parts = named.map((part) => readCsv(part.shape, part.files, numbers));
    const [only = ''] = parts;
    if (parts.length === 1) return only;
    return `(${parts.map((part) => `from ${part}`).join(' union all by name ')})`;
  };
  const relation = await describe(duck, from(new Set()), bound, true);
  const withNumbers = (names: ReadonlySet<string>): Relation => ({
    from: from(names),
    bound,
    columns: relation.columns.map((column) =>
      names.has(column.name) ? { ...column, family: 'number', untyped: false } : column,
    ),
  });
  return { ...relation, typed: { from: relation.from, withNumbers } };
}

/** Tells the reader everything, so that it guesses nothing: a row with too few or too many values is an error. */
function readCsv(
  { columns, newLine, isGzip }: CsvShape,
  files: string,
  numbers: ReadonlySet<string>,
): string {
  const types = columns.map(
    (column) => `${quoteText(column)}: '${numbers.has(column) ? 'DOUBLE' : 'VARCHAR'}'`,
  );
  const line = JSON.stringify(newLine).slice(1, -1);
  return `read_csv(${files}, auto_detect = false, columns = {${types.join(', ')}}, header = true, delim = ',',
    quote = '"', escape = '"', nullstr = '', new_line = '${line}', compression = '${isGzip ? 'gzip' : 'none'}',
    hive_partitioning = false)`;
}

async function openJsonLines(duck: Duck, files: readonly string[]): Promise<Relation> {
  for (const file of files) {
    await refuseEndlessRecords(file);
    await requireTellableKeys(file);
  }
  opened += 1;
  const name = `files${opened}`;
  const bound = { [name]: files };
  // All records are looked at for names and types: of a column that begins with whole numbers, later fractions would be
  // rounded, and later columns would be passed over, in silence.
  const sniffed = `read_json($${name}, format = 'newline_delimited', union_by_name = true, hive_partitioning = false,
    sample_size = -1, maximum_sample_files = ${MOST_FILES})`;
  const { relation, types } = await describeTyped(duck, sniffed, bound, false);
  await requireOwnNames(duck, files, [...types.keys()]);
  // Every later look would look for the types again, which costs as much as reading. Only what the reader has found
  // out about the spelling of dates cannot be told to it.
  if ([...types.values()].some((type) => /\b(DATE|TIME|TIMESTAMP)\b/.test(type))) return relation;
  const told = [...types].map(([column, type]) => `${quoteText(column)}: ${quoteText(type)}`);
  const from = `read_json($${name}, format = 'newline_delimited', hive_partitioning = false,
    columns = {${told.join(', ')}})`;
  return { ...relation, from };
}

const MOST_FILES = 2_147_483_647;

/** The database renames the second of two keys that differ in case only, wherever it stands. */
async function requireOwnNames(
  duck: Duck,
  files: readonly string[],
  names: readonly string[],
): Promise<void> {
  const all = new Set(names.map((name) => name.toLowerCase()));
  const isRenamed = (name: string) => all.has(name.toLowerCase().replace(/_\d+$/, ''));
  if (!names.some((name) => /_\d+$/.test(name) && isRenamed(name))) return;
  for (const file of files) {
    const keys = await duck.rows(
      `select distinct unnest(json_keys(json)) as key from read_json_objects($file, format = 'newline_delimited') order by 1`,
      { file },
    );
    requireTellable(
      file,
      keys.map((row) => textOfRow(row['key'])),
    );
  }
}

/** Of the first record: the database would rename the second of two keys that differ in case only. */
async function requireTellableKeys(file: string): Promise<void> {
  for await (const line of linesOf([file])) {
    const record = jsonLine(line);
    if (typeof record === 'object' && record !== null) requireTellable(file, Object.keys(record));
    return;
  }
}

async function openParquet(duck: Duck, files: readonly string[]): Promise<Relation> {
  opened += 1;
  const relation = await describe(
    duck,
    `read_parquet($files${opened}, union_by_name = true, hive_partitioning = false)`,
    { [`files${opened}`]: files },
    false,
  );
  // The database renames the second of two columns of the same name in silence.
  const found = await duck.rows(
    `select file_name, name, num_children, precision from parquet_schema($files)`,
    { files },
  );
  for (const [file, columns] of topColumns(found)) {
    requireTellable(
      file,
      columns.map(({ name }) => name),
    );
    requireDigits(file, columns);
  }
  return relation;
}

/** Of decimals with more digits the database makes other numbers, in silence. */
const MOST_DIGITS = 38;

function requireDigits(file: string, columns: readonly ParquetColumn[]): void {
  for (const { name, digits } of columns) {
    if (digits <= MOST_DIGITS) continue;
    throw new UnusableData(
      `${file}: the column ${name} has decimals of ${digits} digits, and at most ${MOST_DIGITS} can be read: write it as doubles, or leave it out`,
    );
  }
}

interface ParquetColumn {
  readonly name: string;
  /** 0 for what is no decimal. */
  readonly digits: number;
}

/** The schema is a tree, written root first; its first level are the columns. */
function topColumns(rows: readonly Row[]): ReadonlyMap<string, readonly ParquetColumn[]> {
  const columns = new Map<string, ParquetColumn[]>();
  let open: number[] = [];
  let current: string | undefined;
  for (const row of rows) {
    const file = textOfRow(row['file_name']);
    if (file !== current) {
      current = file;
      columns.set(file, []);
      open = [];
    }
    if (open.length === 1) {
      const digits = countOf(row['precision']);
      columns.get(file)?.push({ name: textOfRow(row['name']), digits });
    }
    const children = countOf(row['num_children']);
    const last = open.length - 1;
    if (last >= 0) open[last] = (open[last] ?? 0) - 1;
    if (children > 0) open.push(children);
    while (open.length > 0 && open[open.length - 1] === 0) open.pop();
  }
  return columns;
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
  const real = await Promise.all(files.map((file) => duck.realFile(file)));
  const columns = named ?? (await firstPayloadColumns(real));
  if (columns === null) {
    throw new UnusableData(
      'the columns of the captured requests are not known: CSV payloads have no header, so name the columns in their order',
    );
  }
  opened += 1;
  const { table, counts } = await readCapture(duck, {
    files,
    columns,
    table: `captured ${opened}`,
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
  return (await describeTyped(duck, from, bound, fromCsv)).relation;
}

async function describeTyped(
  duck: Duck,
  from: string,
  bound: Readonly<Record<string, Bound>>,
  fromCsv: boolean,
): Promise<{ readonly relation: Relation; readonly types: ReadonlyMap<string, string> }> {
  const found = await duck.rows(`describe select * from ${from}`, bound);
  const types = new Map(
    found.map((column) => [textOfRow(column['column_name']), textOfRow(column['column_type'])]),
  );
  const columns = [...types].map(([name, type]) => ({
    name,
    family: familyOf(type),
    fromCsv,
    untyped: fromCsv,
  }));
  return { relation: { from, bound, columns }, types };
}

function familyOf(type: string): RelationColumn['family'] {
  if (/^(U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|FLOAT|DOUBLE|DECIMAL\(\d+,\d+\))$/.test(type)) {
    return 'number';
  }
  if (/^(VARCHAR|UUID|ENUM\(.*\))$/.test(type)) return 'text';
  return type === 'BOOLEAN' ? 'boolean' : 'other';
}

const LONGEST_CATEGORY = 256;

function wholeText(text: string): string {
  return `regexp_replace(${text}, '^(-?[0-9]+)\\.0+$', '\\1')`;
}

function shortText(text: string): string {
  return `(case when length(${text}) > ${LONGEST_CATEGORY} then left(${text}, 200) || '… ' || md5(${text}) else ${text} end)`;
}

/**
 * A number, or NULL where it is missing, for {@link Duck.visit}. Of texts, -Infinity is one that is no number, and
 * Infinity either infinity: see {@link numberSource}. Where most values may be texts, the first character is looked at
 * before the rest is parsed.
 */
export function numberSql(column: RelationColumn, isMostlyText = false): string {
  if (numberSource(column) === 'numbers') return `${quoteName(column.name)}::double`;
  const text = rawText(column);
  const cast = `try_cast(${text} as double)`;
  const parsed = isMostlyText ? `case when ${mayBeNumber(text)} then ${cast} end` : cast;
  const [low, high] = ["'-infinity'::double", "'infinity'::double"];
  const finite = `case when ${parsed} = ${low} then ${high} else ${parsed} end`;
  return `case when ${parsed} is null then (case when not ${absent(column, text)} then ${low} end) else ${finite} end`;
}

export function numberSource({ family }: RelationColumn): NumberSource {
  return family === 'number' || family === 'boolean' ? 'numbers' : 'texts';
}

/** By its first character, as a cast that fails costs many times one that does not. */
function mayBeNumber(text: string): string {
  return `ascii(${text}) < 58 or ascii(${text}) in (73, 78, 105, 110)`;
}

/** The number of a text in the domain `type` of `size` values; `size` for any other text, `size` + 1 for none. */
export function codeSql(column: RelationColumn, type: string, size: number): string {
  const text = rawText(column);
  return `case when ${text} is null then ${size + 1} else coalesce(enum_code(try_cast(${text} as ${type})), ${size}) end`;
}

/** The value as it stands; {@link normalText} makes the category of it. */
export function rawText(column: RelationColumn): string {
  return `${quoteName(column.name)}::varchar`;
}

/**
 * The category that a text of the column stands for; NULL when it is missing. Whole numbers lose a trailing `.0`, so that
 * 3 and 3.0 are one category whatever wrote the file; longer texts than 256 characters are kept by their beginning and
 * digest.
 */
export function normalText(column: RelationColumn, text: string): string {
  if (column.family === 'number') {
    return `case when ${text} is not null and ${text} <> 'nan' then ${wholeText(text)} end`;
  }
  return `case when not ${absent(column, text)} then ${wholeText(shortText(text))} end`;
}

function absent(column: RelationColumn, text: string): string {
  return column.fromCsv ? `(${text} is null or trim(${text}) = '')` : `(${text} is null)`;
}
