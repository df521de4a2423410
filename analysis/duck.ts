import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';

import {
  DOUBLE,
  DuckDBDataChunk,
  DuckDBInstance,
  LIST,
  VARCHAR,
  listValue,
} from '@duckdb/node-api';
import type { DuckDBConnection, DuckDBType, DuckDBValue, Json } from '@duckdb/node-api';

import { asDataFault } from './failures.js';

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

/**
 * An in-memory database that cannot reach the network, other directories, extensions or its own settings. Its native
 * code can take the process down: use it in the data worker and in offline commands, not where a workflow runs.
 */
export class Duck {
  private constructor(
    private readonly instance: DuckDBInstance,
    private readonly connection: DuckDBConnection,
    private readonly signal: AbortSignal | undefined,
  ) {}

  static async open(options: DuckOptions): Promise<Duck> {
    const scratch = resolve(options.scratchDir);
    const spill = join(scratch, 'spill');
    await mkdir(spill, { recursive: true });
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
    const allowed = [scratch, ...(options.readable ?? []).map((path) => resolve(path))];
    await connection.run(`set allowed_directories = [${allowed.map(quoteText).join(', ')}]`);
    const files = (options.readableFiles ?? []).map((path) => resolve(path));
    await connection.run(`set allowed_paths = [${files.map(quoteText).join(', ')}]`);
    await connection.run('set enable_external_access = false');
    await connection.run('set lock_configuration = true');
    return new Duck(instance, connection, options.signal);
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
    const columns = await this.interruptible(async () => {
      const reader = await this.connection.runAndReadAll(sql, values, types);
      return reader.getColumns();
    });
    return columns.map((column) =>
      Float64Array.from(column, (value) => (typeof value === 'number' ? value : Number.NaN)),
    );
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
      throw error;
    } finally {
      this.signal?.removeEventListener('abort', interrupt);
      clearInterval(again);
    }
  }
}

/**
 * Opens a database for one piece of work and closes it whatever happens.
 *
 * @throws {UnusableData} also where the data turn out to be broken in the middle of the work
 */
export async function withDuck<T>(
  options: DuckOptions,
  work: (duck: Duck) => Promise<T>,
): Promise<T> {
  const duck = await Duck.open(options);
  try {
    return await work(duck);
  } catch (error) {
    throw asDataFault(error);
  } finally {
    duck.close();
  }
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

function quoteText(text: string): string {
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
