import type { Cell } from './duck.js';

/** One row of a request, in the order of the columns; `null` when its shape is not what the columns say. */
export type PayloadRow = readonly Cell[] | null;

export interface Payload {
  /** `CSV`, `JSON` or `BASE64`. */
  readonly encoding: string;
  readonly data: string;
  /** Media type as the endpoint saw it; decides what BASE64 holds. */
  readonly contentType: string;
}

type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/**
 * The rows of one request. CSV has no header and follows the order of `columns`; JSON is `{"instances": […]}` or
 * `{"inputs": […]}`, an array of rows, or one row; a row is an object with the columns as keys or an array in their order.
 *
 * @returns `null` when the payload itself cannot be read
 */
export function inputRows(
  payload: Payload,
  columns: readonly string[],
): readonly PayloadRow[] | null {
  const decoded = decode(payload);
  if (decoded === null) return null;
  if (decoded.kind === 'csv') {
    return decoded.records.map((record) =>
      record.length === columns.length
        ? record.map((field) => (field.trim() === '' ? null : field))
        : null,
    );
  }
  return recordsOf(decoded.value, columns).map((record) => fromJson(record, columns));
}

/** The keys of its first row, when that is an object. */
export function payloadKeys(payload: Payload): readonly string[] | null {
  const decoded = decode(payload);
  const row = decoded?.kind === 'json' ? recordsOf(decoded.value, [])[0] : undefined;
  return row !== undefined && isObject(row) ? Object.keys(row) : null;
}

/**
 * The first number of the answer to each of `rows` rows: of each CSV line, or of each element of the array that has
 * as many elements. `null` where there is none.
 */
export function outputNumbers(payload: Payload, rows: number): readonly (number | null)[] {
  const decoded = decode(payload);
  const nothing = Array.from({ length: rows }, () => null);
  if (decoded === null) return nothing;
  if (decoded.kind === 'csv') {
    if (rows === 1) return [firstOf(decoded.records.flat())];
    if (decoded.records.length === rows) return decoded.records.map(firstOf);
    const fields = decoded.records.flat();
    return fields.length === rows ? fields.map((field) => firstOf([field])) : nothing;
  }
  if (rows === 1) return [firstNumber(decoded.value)];
  const answers = arrayOfLength(decoded.value, rows);
  return answers === null ? nothing : answers.map(firstNumber);
}

type Decoded =
  | { readonly kind: 'csv'; readonly records: readonly (readonly string[])[] }
  | { readonly kind: 'json'; readonly value: Json };

function decode({ encoding, data, contentType }: Payload): Decoded | null {
  const kind = encoding.toUpperCase();
  const text = kind === 'BASE64' ? Buffer.from(data, 'base64').toString('utf8') : data;
  const clean = text.replace(/^\uFEFF/, '');
  const isJson =
    kind === 'JSON' || (kind === 'BASE64' && (/json/i.test(contentType) || /^\s*[[{]/.test(clean)));
  if (!isJson) return { kind: 'csv', records: parseCsv(clean) };
  const value = parseJson(clean);
  return value === undefined ? null : { kind: 'json', value };
}

/** `undefined` for what is not JSON; a document as wide as a payload may be, never executed. */
function parseJson(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}

function recordsOf(value: Json, columns: readonly string[]): readonly Json[] {
  if (isArray(value)) return isRecordList(value) ? value : [value];
  if (!isObject(value)) return [value];
  // A column may itself be called `instances`: then the object is a row.
  for (const key of ['instances', 'inputs']) {
    const rows = value[key];
    if (!columns.includes(key) && rows !== undefined && isArray(rows)) return rows;
  }
  return [value];
}

function isRecordList(values: readonly Json[]): boolean {
  return values.every((value) => isArray(value) || isObject(value));
}

function fromJson(record: Json, columns: readonly string[]): PayloadRow {
  if (isArray(record)) {
    return record.length === columns.length ? record.map(cellOf) : null;
  }
  if (isObject(record)) {
    return columns.some((column) => Object.hasOwn(record, column))
      ? columns.map((column) => cellOf(Object.hasOwn(record, column) ? record[column] : null))
      : null;
  }
  return columns.length === 1 ? [cellOf(record)] : null;
}

function cellOf(value: Json | undefined): Cell {
  if (value === null || value === undefined) return null;
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function firstOf(fields: readonly string[]): number | null {
  for (const field of fields) {
    const text = field.replace(/^[\s[]+|[\s\]]+$/g, '');
    if (text !== '' && Number.isFinite(Number(text))) return Number(text);
  }
  return null;
}

function firstNumber(value: Json | undefined): number | null {
  if (typeof value === 'number') return value;
  if (typeof value === 'string') return firstOf([value]);
  if (value === null || value === undefined || typeof value === 'boolean') return null;
  for (const member of isArray(value) ? value : Object.values(value)) {
    const found = firstNumber(member);
    if (found !== null) return found;
  }
  return null;
}

function arrayOfLength(value: Json, length: number): readonly Json[] | null {
  if (isArray(value)) return value.length === length ? value : null;
  if (!isObject(value)) return null;
  for (const member of Object.values(value)) {
    const found = arrayOfLength(member, length);
    if (found !== null) return found;
  }
  return null;
}

function isArray(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}

function isObject(value: Json): value is { readonly [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Records of a CSV text after RFC 4180; blank lines are no records. A quote that never closes ends with the text. */
export function parseCsv(text: string): readonly (readonly string[])[] {
  if (!text.includes('"')) {
    return text
      .split(/\r\n|\n|\r/)
      .filter((line) => line.trim() !== '')
      .map((line) => line.split(','));
  }
  const records: string[][] = [];
  // One field with its separator: quoted (with doubled quotes inside) or plain.
  const field = /("(?:[^"]|"")*(?:"|$)[^,\r\n]*|[^,\r\n]*)(,|\r\n|\n|\r|$)/y;
  let record: string[] = [];
  for (;;) {
    const match = field.exec(text);
    const raw = match?.[1] ?? '';
    const end = match?.[2] ?? '';
    record.push(raw.startsWith('"') ? raw.replace(/^"|"\s*$/g, '').replaceAll('""', '"') : raw);
    if (end === ',') continue;
    if (record.length > 1 || (record[0] ?? '').trim() !== '') records.push(record);
    record = [];
    if (end === '') return records;
  }
}
