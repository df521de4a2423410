import { access, constants, mkdir, realpath, stat } from 'node:fs/promises';
import { join, resolve, sep } from 'node:path';

import {
  BOOLEAN,
  DOUBLE,
  DuckDBDataChunk,
  DuckDBInstance,
  DuckDBScalarFunction,
  LIST,
  USMALLINT,
  VARCHAR,
  listValue,
} from '@duckdb/node-api';
import type { DuckDBConnection, DuckDBType, DuckDBValue, Json } from '@duckdb/node-api';
import bindings from '@duckdb/node-bindings';

import { asDataFault, UnusableData } from './failures.js';

export interface DuckOptions {
  /** The only directory files are read from and spilled to, with `readable`. Made when missing. */
  readonly scratchDir: string;
  /** Further directories to read from, such as the one of a file a person named. */
  readonly readable?: readonly string[];
  /** Further files to read, and nothing beside them. */
  readonly readableFiles?: readonly string[];
  readonly threads?: number;
  /** Of DuckDB's buffers; the process takes about twice as much and 150 MB more. */
  readonly memoryLimitMb?: number;
  /** Of what is spilled to disk. */
  readonly spillLimitMb?: number;
  /** Interrupts the query that runs and refuses later ones. */
  readonly signal?: AbortSignal;
}

/** Values to bind: never part of the SQL text. */
export type Bound = string | number | boolean | null | readonly string[] | readonly number[];
export type Row = Readonly<Record<string, Json>>;

/** What a table is filled with: `null` is missing. */
export type Cell = string | number | null;
export type CellType = 'text' | 'number';

const CHUNK_ROWS = 2_048;
const INTERRUPT_EVERY_MS = 20;

/** Columns of a source to look at in one scan, as SQL. */
export interface VisitedColumns {
  /** DOUBLE; NULL arrives as NaN. */
  readonly doubles: readonly string[];
  /** Whole numbers from 0 to 65535, never NULL. */
  readonly codes?: readonly string[];
  /** VARCHAR. */
  readonly texts?: readonly string[];
}

/** Texts as the database holds them. */
export interface TextVector {
  /**
   * Four for each text: its length in bytes, then its bytes and zeros if there are at most twelve, else nothing that can
   * be used.
   */
  readonly words: Int32Array;
  /** A bit for each text, 0 where there is none; `null` where all are there. */
  readonly present: Uint8Array | null;
}

export interface VisitedRows {
  readonly rows: number;
  readonly doubles: readonly Float64Array[];
  readonly codes: readonly Uint16Array[];
  readonly texts: readonly TextVector[];
}

/** Sees the next rows, each column as an array that is only good until the visit ends. */
export type Visit = (rows: VisitedRows) => void;

const TEXT_WORDS = 4;
const WORD_BITS = 64;
const BYTE_BITS = 8;
const WHOLE_BYTE = 0xff;

/**
 * An in-memory database that cannot reach the network, other directories, extensions or its own settings. Its native
 * code can take the process down: use it in the data worker and in offline commands, not where a workflow runs.
 */
export class Duck {
  private visits = 0;
  /** What the files were when they were first looked at. */
  private readonly stamps = new Map<string, string>();

  private constructor(
    private readonly instance: DuckDBInstance,
    private readonly connection: DuckDBConnection,
    private readonly signal: AbortSignal | undefined,
    private readonly allowed: {
      readonly directories: readonly string[];
      readonly files: readonly string[];
    },
  ) {}

  static async open(options: DuckOptions): Promise<Duck> {
    await mkdir(join(options.scratchDir, 'spill'), { recursive: true });
    const scratch = await realPath(options.scratchDir);
    const spill = join(scratch, 'spill');
    const instance = await DuckDBInstance.create(':memory:', {
      threads: String(options.threads ?? 2),
      memory_limit: `${options.memoryLimitMb ?? 1_024}MB`,
      temp_directory: spill,
      max_temp_directory_size: `${options.spillLimitMb ?? 8_192}MB`,
      preserve_insertion_order: 'false',
      autoinstall_known_extensions: 'false',
      autoload_known_extensions: 'false',
    });
    const connection = await instance.connect();
    const directories = [scratch, ...(await Promise.all((options.readable ?? []).map(realPath)))];
    await connection.run(`set allowed_directories = [${directories.map(quoteText).join(', ')}]`);
    const files = await Promise.all((options.readableFiles ?? []).map(realPath));
    await connection.run(`set allowed_paths = [${files.map(quoteText).join(', ')}]`);
    await connection.run('set enable_external_access = false');
    await connection.run('set lock_configuration = true');
    return new Duck(instance, connection, options.signal, { directories, files });
  }

  /**
   * The file that a path leads to, as the database compares the beginnings of paths alone and follows links.
   *
   * @throws {UnusableData} when it leads outside of what may be read, or to no file that can be read
   */
  async realFile(path: string): Promise<string> {
    const real = await attempt(path, () => realpath(path));
    const { directories, files } = this.allowed;
    if (!files.includes(real) && !directories.some((directory) => isBelow(directory, real))) {
      throw new UnusableData(
        `${path} cannot be read: it lies outside the folders that may be read`,
      );
    }
    const found = await attempt(path, () => stat(real));
    if (found.isDirectory()) throw new UnusableData(`${path} is a directory: name the files in it`);
    if (!found.isFile()) throw new UnusableData(`${path} is not a file`);
    await attempt(path, () => access(real, constants.R_OK));
    if (!this.stamps.has(real)) this.stamps.set(real, await stampOf(real));
    return real;
  }

  /**
   * Files are looked at several times: numbers of different looks say nothing together when they changed in between.
   *
   * @throws {UnusableData} when a file is not what it was when it was first looked at
   */
  async requireUnchanged(): Promise<void> {
    for (const [file, before] of this.stamps) {
      const now = await stampOf(file).catch(() => undefined);
      if (now === before) continue;
      throw new UnusableData(
        `${file} ${now === undefined ? 'is gone' : 'has changed'} since reading it began: read it again once nobody writes it, or a copy of it`,
      );
    }
  }

  /** Runs one statement and answers its rows; 64-bit integers arrive as text, non-finite doubles too. */
  async rows(sql: string, bound: Readonly<Record<string, Bound>> = {}): Promise<readonly Row[]> {
    const { values, types } = bind(bound);
    return this.interruptible(async () => {
      const reader = await this.connection.runAndReadAll(sql, values, types);
      return reader.getRowObjectsJson();
    });
  }

  /** Like {@link rows} for statements that answer exactly one. */
  async row(sql: string, bound: Readonly<Record<string, Bound>> = {}): Promise<Row> {
    const [row] = await this.rows(sql, bound);
    if (row === undefined) throw new Error('a statement that must answer one row answered none');
    return row;
  }

  /** Columns of doubles, for what TypeScript computes row by row. NULL is NaN; cast everything else to DOUBLE. */
  async doubles(
    sql: string,
    bound: Readonly<Record<string, Bound>> = {},
  ): Promise<readonly Float64Array[]> {
    const { values, types } = bind(bound);
    const result = await this.interruptible(() => this.connection.run(sql, values, types));
    const columns = Array.from(
      { length: result.columnCount },
      () => new Float64Array(result.rowCount),
    );
    if (!result.columnTypes().every((type) => type.typeId === DOUBLE.typeId)) {
      throw new Error('a column of numbers is not DOUBLE');
    }
    let at = 0;
    for (let i = 0; i < result.chunkCount; i += 1) {
      const chunk = result.getChunk(i);
      for (const [c, column] of columns.entries()) {
        const vector = bindings.data_chunk_get_vector(chunk.chunk, c);
        column.set(numbersOf(vector, chunk.rowCount), at);
      }
      at += chunk.rowCount;
    }
    return columns;
  }

  /**
   * Shows every row of a source, in any order and a chunk at a time, so that memory stays flat. By a function within the
   * query: of a result that is read in pieces, one that breaks in the middle looks like one that has ended.
   *
   * @returns how many rows were seen
   */
  async visit(
    from: string,
    bound: Readonly<Record<string, Bound>>,
    { doubles, codes = [], texts = [] }: VisitedColumns,
    visit: Visit,
  ): Promise<number> {
    this.visits += 1;
    const name = `visit_${this.visits}`;
    let seen = 0;
    let failure: { readonly error: unknown } | undefined;
    const look = (chunk: DuckDBDataChunk) => {
      const rows = chunk.rowCount;
      const vectorOf = (column: number) => bindings.data_chunk_get_vector(chunk.chunk, column);
      visit({
        rows,
        doubles: doubles.map((_, i) => numbersOf(vectorOf(i), rows)),
        codes: codes.map((_, i) => {
          const vector = vectorOf(doubles.length + i);
          const data = bindings.vector_get_data(vector, rows * Uint16Array.BYTES_PER_ELEMENT);
          return new Uint16Array(data.buffer, data.byteOffset, rows);
        }),
        texts: texts.map((_, i) => {
          const vector = vectorOf(doubles.length + codes.length + i);
          const words = rows * TEXT_WORDS;
          const data = bindings.vector_get_data(vector, words * Int32Array.BYTES_PER_ELEMENT);
          return {
            words: new Int32Array(data.buffer, data.byteOffset, words),
            present: validityOf(vector, rows),
          };
        }),
      });
      seen += rows;
    };
    this.connection.registerScalarFunction(
      DuckDBScalarFunction.create({
        name,
        returnType: BOOLEAN,
        parameterTypes: [
          ...doubles.map(() => DOUBLE),
          ...codes.map(() => USMALLINT),
          ...texts.map(() => VARCHAR),
        ],
        specialHandling: true,
        volatile: true,
        mainFunction: (_, chunk) => {
          try {
            look(chunk);
          } catch (error) {
            failure = { error };
            throw error;
          }
        },
      }),
    );
    const given = [...doubles, ...codes.map((code) => `(${code})::usmallint`), ...texts].join(', ');
    try {
      const row = await this.row(`select count(${name}(${given})) as n from ${from}`, bound);
      if (countOf(row['n']) !== seen) {
        throw new Error(`${seen} rows were seen of ${countOf(row['n'])}`);
      }
      return seen;
    } catch (error) {
      throw failure === undefined ? error : failure.error;
    }
  }

  /** Makes a table and fills it, 2048 rows at a time. The table's name is the caller's own, never data. */
  async fill(
    table: string,
    columns: readonly { readonly name: string; readonly type: CellType }[],
    rows: AsyncIterable<readonly Cell[]> | Iterable<readonly Cell[]>,
  ): Promise<void> {
    const sqlTypes = { text: VARCHAR, number: DOUBLE };
    const declared = columns.map(
      ({ name, type }) => `${quoteName(name)} ${String(sqlTypes[type])}`,
    );
    await this.rows(`create or replace temp table ${quoteName(table)} (${declared.join(', ')})`);
    const appender = await this.connection.createAppender(table, null, 'temp');
    const types = columns.map(({ type }) => sqlTypes[type]);
    let pending: (readonly Cell[])[] = [];
    const append = () => {
      if (pending.length === 0) return;
      this.signal?.throwIfAborted();
      const chunk = DuckDBDataChunk.create(types, pending.length);
      chunk.setRows(pending.map((row) => [...row]));
      appender.appendDataChunk(chunk);
      pending = [];
    };
    try {
      for await (const row of rows) {
        pending.push(row);
        if (pending.length === CHUNK_ROWS) append();
      }
      append();
    } finally {
      appender.closeSync();
    }
  }

  close(): void {
    this.connection.closeSync();
    this.instance.closeSync();
  }

  private async interruptible<T>(work: () => Promise<T>): Promise<T> {
    this.signal?.throwIfAborted();
    // An interrupt that comes before the query runs is lost, so it is repeated until the query has ended.
    let again: NodeJS.Timeout | undefined;
    const interrupt = () => {
      again = setInterval(() => {
        this.connection.interrupt();
      }, INTERRUPT_EVERY_MS);
    };
    this.signal?.addEventListener('abort', interrupt, { once: true });
    try {
      return await work();
    } catch (error) {
      this.signal?.throwIfAborted();
      throw asDataFault(error, [...this.stamps.keys()]);
    } finally {
      this.signal?.removeEventListener('abort', interrupt);
      clearInterval(again);
    }
  }
}

/**
 * Opens a database for one piece of work and closes it whatever happens.
 *
 * @throws {UnusableData} also where the data turn out to be broken in the middle of the work, or change meanwhile
 */
export async function withDuck<T>(
  options: DuckOptions,
  work: (duck: Duck) => Promise<T>,
): Promise<T> {
  const duck = await Duck.open(options);
  try {
    const result = await work(duck);
    await duck.requireUnchanged();
    return result;
  } catch (error) {
    if (options.signal?.aborted !== true) await duck.requireUnchanged();
    throw asDataFault(error);
  } finally {
    duck.close();
  }
}

const REFUSALS: Readonly<Record<string, string>> = {
  ENOENT: 'it is not there',
  ENOTDIR: 'it is not there',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  ELOOP: 'its links lead in a circle',
};

async function attempt<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    const why = REFUSALS[code];
    if (why === undefined) throw error;
    throw new UnusableData(`${path} cannot be read: ${why} (${code})`, { cause: error });
  }
}

/** Tells one state of a file from another, also where another file took its name. */
async function stampOf(file: string): Promise<string> {
  const { dev, ino, size, mtimeNs } = await stat(file, { bigint: true });
  return [dev, ino, size, mtimeNs].join(' ');
}

/** The doubles of a vector; what is not there is NaN, whatever the database has left in its place. */
function numbersOf(vector: bindings.Vector, rows: number): Float64Array {
  const data = bindings.vector_get_data(vector, rows * Float64Array.BYTES_PER_ELEMENT);
  const values = new Float64Array(data.buffer, data.byteOffset, rows);
  const present = validityOf(vector, rows);
  if (present === null) return values;
  const copy = values.slice();
  for (let row = 0; row < rows; row += 1) {
    if (!isPresent(present, row)) copy[row] = Number.NaN;
  }
  return copy;
}

/** @param present a bit for each row */
export function isPresent(present: Uint8Array, row: number): boolean {
  return (((present[row >>> 3] ?? 0) >>> (row & 7)) & 1) !== 0;
}

/** `null` where every row is there: the database may keep a mask of those as well. */
function validityOf(vector: bindings.Vector, rows: number): Uint8Array | null {
  const mask = maskOf(vector, rows);
  if (mask === null) return null;
  const whole = Math.floor(rows / BYTE_BITS);
  for (let i = 0; i < whole; i += 1) if (mask[i] !== WHOLE_BYTE) return mask;
  for (let row = whole * BYTE_BITS; row < rows; row += 1) if (!isPresent(mask, row)) return mask;
  return null;
}

/** The declared type knows no `null`, which is what a vector without a mask answers. */
function maskOf(vector: bindings.Vector, rows: number): Uint8Array | null {
  const bytes = (Math.ceil(rows / WORD_BITS) * WORD_BITS) / BYTE_BITS;
  return bindings.vector_get_validity(vector, bytes);
}

/** Where the path leads, even when nothing is there yet. */
async function realPath(path: string): Promise<string> {
  return realpath(path).catch(() => resolve(path));
}

function isBelow(directory: string, path: string): boolean {
  return path.startsWith(directory.endsWith(sep) ? directory : `${directory}${sep}`);
}

function bind(bound: Readonly<Record<string, Bound>>): {
  readonly values: Record<string, DuckDBValue>;
  readonly types: Record<string, DuckDBType>;
} {
  const values: Record<string, DuckDBValue> = {};
  const types: Record<string, DuckDBType> = {};
  for (const [name, value] of Object.entries(bound)) {
    if (isList(value)) {
      values[name] = listValue([...value]);
      types[name] = LIST(value.every((item) => typeof item === 'number') ? DOUBLE : VARCHAR);
    } else {
      values[name] = value;
      if (typeof value === 'number') types[name] = DOUBLE;
    }
  }
  return { values, types };
}

function isList(value: Bound): value is readonly string[] | readonly number[] {
  return Array.isArray(value);
}

/** A column or table name from outside, as an identifier that cannot end early. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A text of our own making or a name from outside, as a literal that cannot end early. Bind values instead. */
export function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** A count or a double of a result row; NaN for NULL. */
export function numberOf(value: Json | undefined): number {
  if (value === null || value === undefined) return Number.NaN;
  return typeof value === 'number' ? value : Number(value);
}

/** A count of a result row; 0 for NULL. */
export function countOf(value: Json | undefined): number {
  const count = numberOf(value);
  return Number.isNaN(count) ? 0 : count;
}

/** The text of a VARCHAR column; NULL is the empty text. */
export function textOfRow(value: Json | undefined): string {
  return typeof value === 'string' ? value : '';
}

/** A finite double of a result row, else `null`. */
export function finiteOf(value: Json | undefined): number | null {
  const found = numberOf(value);
  return Number.isFinite(found) ? found : null;
}
