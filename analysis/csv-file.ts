import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { createGunzip } from 'node:zlib';

import { UnusableData } from './failures.js';
import { parseCsv } from './payload.js';

/** Of the header: what is longer is no table that people made. */
const LONGEST_HEADER_BYTES = 1_048_576;
/** What one statement can still look at. */
export const MOST_COLUMNS = 10_000;
/** A compressed file may unpack to so much whatever its size, and beyond it to so many times its size. */
const UNPACKED_UNQUESTIONED_BYTES = 268_435_456;
const LARGEST_RATIO = 200;

/** What the reader must be told of a CSV file, so that it guesses nothing. */
export interface CsvShape {
  readonly columns: readonly string[];
  readonly newLine: '\n' | '\r\n' | '\r';
  readonly isGzip: boolean;
}

/**
 * Looks at the first line of a CSV file (RFC 4180, UTF-8, with a header; gzip too).
 *
 * @throws {UnusableData} when it is not such a file, or its columns cannot be told apart
 */
export async function csvShape(file: string): Promise<CsvShape> {
  const isGzip = await hasMagic(file, [0x1f, 0x8b]);
  if (isGzip) await refuseBomb(file);
  else await refuseEndlessLine(file);
  const head = await headOf(file, isGzip);
  const text = textOfHead(file, head);
  const end = endOfRecord(text);
  if (end === null && head.length >= LONGEST_HEADER_BYTES) {
    throw new UnusableData(`the first line of ${file} is longer than 1 MB: it is no header`);
  }
  const line = end === null ? text : text.slice(0, end.at);
  const [names] = parseCsv(line);
  if (names === undefined) throw new UnusableData(`${file} does not begin with a header`);
  const columns = names.map((name, i) => (name === '' ? `column${i}` : name));
  requireTellable(file, columns);
  return { columns, newLine: end?.newLine ?? '\n', isGzip };
}

/** @throws {UnusableData} for too many columns, and for names that are equal but for their case */
export function requireTellable(file: string, columns: readonly string[]): void {
  if (columns.length > MOST_COLUMNS) {
    throw new UnusableData(
      `${file} has ${columns.length} columns; at most ${MOST_COLUMNS} can be looked at`,
    );
  }
  const seen = new Map<string, string>();
  for (const column of columns) {
    const other = seen.get(column.toLowerCase());
    if (other === column) throw new UnusableData(`${file} has the column ${column} twice`);
    if (other !== undefined) {
      throw new UnusableData(`${file}: the columns ${other} and ${column} cannot be told apart`);
    }
    seen.set(column.toLowerCase(), column);
  }
}

export async function hasMagic(file: string, bytes: readonly number[]): Promise<boolean> {
  const handle = await open(file);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(bytes.length), 0, bytes.length, 0);
    return bytesRead === bytes.length && bytes.every((byte, i) => buffer[i] === byte);
  } finally {
    await handle.close();
  }
}

/**
 * Unpacks to nowhere and counts.
 *
 * @throws {UnusableData} when so little packed holds so much that it was made to, or when it is broken
 */
export async function refuseBomb(file: string): Promise<void> {
  const { size } = await stat(file);
  const most = Math.max(UNPACKED_UNQUESTIONED_BYTES, size * LARGEST_RATIO);
  let unpacked = 0;
  let sinceLineEnd = 0;
  try {
    for await (const chunk of createReadStream(file).pipe(createGunzip())) {
      const bytes = chunk as Buffer;
      unpacked += bytes.length;
      sinceLineEnd = hasLineEnd(bytes) ? 0 : sinceLineEnd + bytes.length;
      if (unpacked > most) {
        throw new UnusableData(
          `${file} unpacks to more than ${LARGEST_RATIO} times its ${size} bytes: unpack it yourself if that is meant`,
        );
      }
    }
    if (sinceLineEnd > LONGEST_LAST_LINE_BYTES) throw endless(file);
  } catch (error) {
    if (error instanceof UnusableData) throw error;
    throw new UnusableData(`${file} cannot be unpacked`, { cause: error });
  }
}

/** The reader leaves out in silence a last line that is longer than its buffer. */
const LONGEST_LAST_LINE_BYTES = 2_097_152;

async function refuseEndlessLine(file: string): Promise<void> {
  const { size } = await stat(file);
  if (size <= LONGEST_LAST_LINE_BYTES) return;
  const handle = await open(file);
  try {
    const end = Buffer.alloc(LONGEST_LAST_LINE_BYTES);
    await handle.read(end, 0, end.length, size - end.length);
    if (!hasLineEnd(end)) throw endless(file);
  } finally {
    await handle.close();
  }
}

const hasLineEnd = (bytes: Buffer): boolean => bytes.includes(10) || bytes.includes(13);

const endless = (file: string): UnusableData =>
  new UnusableData(`the last line of ${file} is longer than 2 MB, which is no row`);

async function headOf(file: string, isGzip: boolean): Promise<Buffer> {
  const source = createReadStream(file);
  const stream = isGzip ? source.pipe(createGunzip()) : source;
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of stream) {
    chunks.push(chunk as Buffer);
    length += (chunk as Buffer).length;
    if (length >= LONGEST_HEADER_BYTES || (chunk as Buffer).includes(0)) break;
    if (endOfRecord(Buffer.concat(chunks).toString('latin1')) !== null) break;
  }
  source.destroy();
  return Buffer.concat(chunks);
}

function textOfHead(file: string, head: Buffer): string {
  const [first, second] = head;
  const isUtf16 = (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff);
  const end = endOfRecord(head.toString('latin1'))?.at ?? head.length;
  if (isUtf16 || head.subarray(0, end + 2).includes(0)) {
    throw new UnusableData(
      `${file} is not UTF-8 text${isUtf16 ? ', but UTF-16' : ': its first line holds NUL bytes, as UTF-16 does'}; save it as UTF-8`,
    );
  }
  return head.toString('utf8').replace(/^\uFEFF/, '');
}

/** Where the first record ends: line ends within quotes do not count. */
function endOfRecord(
  text: string,
): { readonly at: number; readonly newLine: CsvShape['newLine'] } | null {
  let isQuoted = false;
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at];
    if (character === '"') isQuoted = !isQuoted;
    if (isQuoted) continue;
    if (character === '\n') return { at, newLine: '\n' };
    if (character === '\r') return { at, newLine: text[at + 1] === '\n' ? '\r\n' : '\r' };
  }
  return null;
}
