import type { z } from 'zod';

import type { Report } from '../../domain/report-findings.js';

/** Largest report that is read: those of hundreds of columns have a few megabytes. */
export const MOST_REPORT_BYTES = 16 * 1024 * 1024;
/** Most columns, numbers, chunks or violations that one file may hold. */
export const MOST_ENTRIES = 5_000;
/** Longest name of a column, a metric or a chunk: they stand in sentences that go through the workflow. */
export const MOST_NAME = 1_000;

/** A report, or what is wrong with the file: the field and the fault, in words. */
export type Parsed<T = readonly ParsedReport[]> =
  | { readonly kind: 'read'; readonly value: T }
  | { readonly kind: 'malformed'; readonly fault: string };

/** One of the reports that a file holds. */
export interface ParsedReport {
  /** Tells it from the others of the same file; empty for the only one. */
  readonly part: string;
  readonly report: Report;
}

/** Faults in the file that a parser finds; nothing else may come out of one. */
export class Malformed extends Error {}

/** JSON as Python writes it: NaN and the infinities, which are no JSON, are `null`. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    let inText = false;
    const repaired = text.replace(/\\[^]|"|-?\b(?:NaN|Infinity)\b/g, (token) => {
      if (token === '"') inText = !inText;
      return inText || token === '"' || token.startsWith('\\') ? token : 'null';
    });
    try {
      return JSON.parse(repaired) as unknown;
    } catch (error) {
      throw new Malformed(`it is not JSON (${error instanceof Error ? error.message : ''})`, {
        cause: error,
      });
    }
  }
}

/** Checks the shape of what was read. @throws {Malformed} naming the first field at fault. */
export function shaped<S extends z.ZodType>(schema: S, value: unknown, where = ''): z.output<S> {
  const checked = schema.safeParse(value);
  if (checked.success) return checked.data;
  const [issue] = checked.error.issues;
  throw new Malformed(`${pathOf([where, ...(issue?.path ?? [])])}: ${issue?.message ?? ''}`);
}

const MOST_PATH = 200;

function pathOf(path: readonly PropertyKey[]): string {
  const text = path
    .filter((part) => part !== '')
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`))
    .join('')
    .replace(/^\./, '');
  return text === '' ? 'the whole file' : text.slice(0, MOST_PATH);
}

/** @throws {Malformed} when there are more than are read */
export function bounded<T>(items: readonly T[], what: string): readonly T[] {
  if (items.length > MOST_ENTRIES)
    throw new Malformed(`${what}: ${items.length} entries, at most ${MOST_ENTRIES} are read`);
  return items;
}

/** @throws {Malformed} for a name that is too long to be one */
export function nameIn(name: string, where: string): string {
  if (name.length > MOST_NAME)
    throw new Malformed(
      `${where}: a name of ${name.length} characters, at most ${MOST_NAME} characters are read`,
    );
  return name;
}

/** Runs a parser on a file's bytes: whatever they are, the answer is a value or a fault in words. */
export function parsing<T>(bytes: Uint8Array, parse: (text: string) => T): Parsed<T> {
  if (bytes.byteLength > MOST_REPORT_BYTES) {
    return {
      kind: 'malformed',
      fault: `it has ${bytes.byteLength} bytes, at most ${MOST_REPORT_BYTES} are read`,
    };
  }
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return { kind: 'read', value: parse(text) };
  } catch (error) {
    if (error instanceof Malformed) return { kind: 'malformed', fault: error.message };
    if (error instanceof TypeError) return { kind: 'malformed', fault: 'it is not text in UTF-8' };
    throw error;
  }
}

/**
 * An instant as Python writes it: `2026-03-01 06:00:00.590153`, with or without `T` and zone. Without a zone it is
 * UTC.
 */
export function instantOf(text: string): number | null {
  const match =
    /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d)?)(\.\d{1,9})?\s?(Z|[+-]\d\d:?\d\d)?)?$/.exec(
      text.trim(),
    );
  if (match === null) return null;
  const [, day = '', time = '00:00:00', fraction = '', zone = 'Z'] = match;
  const whole = time.length === 5 ? `${time}:00` : time;
  const ms = fraction === '' ? '' : fraction.slice(0, 4).padEnd(4, '0');
  const atMs = Date.parse(`${day}T${whole}${ms}${zone.replace(/^([+-]\d\d)(\d\d)$/, '$1:$2')}`);
  return Number.isNaN(atMs) ? null : atMs;
}

/** Base 2 from natural logarithms. */
export const jsBase2 = (nats: number): number => Math.min(1, nats / Math.sqrt(Math.LN2));
