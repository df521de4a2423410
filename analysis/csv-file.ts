import { open, stat } from 'node:fs/promises';

import { UnusableData } from './failures.js';
import { parseCsv } from './payload.js';
import { bytesOf, isGzip } from './unpack.js';

/** Of the header: what is longer is no table that people made. */
const LONGEST_HEADER_BYTES = 1_048_576;
/** What one statement can still look at. */
export const MOST_COLUMNS = 10_000;

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
  const isPacked = await isGzip(file);
  const head = await headOf(file);
  const text = textOfHead(file, head);
  const end = endOfRecord(text);
  if (end === null && head.length >= LONGEST_HEADER_BYTES) {
    throw new UnusableData(
      `the first line of ${file} is longer than 1 MB: it is no header; begin the file with the names of its columns`,
    );
  }
  const line = end === null ? text : text.slice(0, end.at);
  const [names] = parseCsv(line);
  if (names === undefined) throw new UnusableData(`${file} does not begin with a header`);
  const columns = names.map((name, i) => (name === '' ? `column${i}` : name));
  requireTellable(file, columns);
  if (isPacked) await refuseBomb(file);
  else await refuseEndlessLine(file);
  return { columns, newLine: end?.newLine ?? '\n', isGzip: isPacked };
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

/** What the reader takes; of longer lines it leaves out in silence those at the end of a file. */
const LONGEST_LINE_BYTES = 2_000_000;
/** Nearly every line ends within it. */
const GLANCE_BYTES = 16_384;

/**
 * Glances at a file every megabyte: a line that is too long has a glance in it with half of the line or more behind it.
 *
 * @throws {UnusableData} for a line that is no row
 */
async function refuseEndlessLine(file: string): Promise<void> {
  const { size } = await stat(file);
  if (size <= LONGEST_LINE_BYTES) return;
  const handle = await open(file);
  const piece = async (from: number, length: number): Promise<Buffer> => {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, from);
    return buffer.subarray(0, bytesRead);
  };
  try {
    const stride = LONGEST_LINE_BYTES / 2;
    for (let at = 0; at < size; at += stride) {
      if (hasLineEnd(await piece(at, GLANCE_BYTES))) continue;
      const ahead = await piece(at, LONGEST_LINE_BYTES);
      const from = Math.max(0, at - LONGEST_LINE_BYTES);
      const behind = await piece(from, at - from);
      const length = lineEndIn(ahead) + behind.length - 1 - lastLineEndIn(behind);
      if (length > LONGEST_LINE_BYTES) throw endless(file);
    }
  } finally {
    await handle.close();
  }
}

/**
 * Unpacks to nowhere.
 *
 * @throws {UnusableData} for a bomb, for what is broken, and for a line that is no row
 */
async function refuseBomb(file: string): Promise<void> {
  let sinceLineEnd = 0;
  for await (const bytes of bytesOf(file)) {
    if (sinceLineEnd + lineEndIn(bytes) > LONGEST_LINE_BYTES) throw endless(file);
    sinceLineEnd = hasLineEnd(bytes)
      ? bytes.length - 1 - lastLineEndIn(bytes)
      : sinceLineEnd + bytes.length;
  }
}

const hasLineEnd = (bytes: Buffer): boolean => bytes.includes(10) || bytes.includes(13);

/** Where the first line ends, or the bytes do. */
function lineEndIn(bytes: Buffer): number {
  const ends = [bytes.indexOf(10), bytes.indexOf(13)].filter((at) => at !== -1);
  return Math.min(bytes.length, ...ends);
}

/** -1 without any. */
const lastLineEndIn = (bytes: Buffer): number =>
  Math.max(bytes.lastIndexOf(10), bytes.lastIndexOf(13));

const endless = (file: string): UnusableData =>
  new UnusableData(
    `${file} has a line of more than 2 MB, which is no row: take it out, or give the file without its long texts`,
  );

async function headOf(file: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of bytesOf(file)) {
    chunks.push(chunk);
    length += chunk.length;
    if (length >= LONGEST_HEADER_BYTES || chunk.includes(0)) break;
    if (endOfRecord(Buffer.concat(chunks).toString('latin1')) !== null) break;
  }
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
