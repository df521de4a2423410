import { StringDecoder } from 'node:string_decoder';

import { UnusableData } from './failures.js';
import { bytesOf } from './unpack.js';

/** Characters of one line; requests to an endpoint are at most 25 MB long, and are written in base64. */
export const LONGEST_LINE = 67_108_864;

/**
 * Lines of text files (gzip too) in the order given; blank lines left out, a byte-order mark taken off. Only line feeds
 * end a line: U+2028 may stand inside of a JSON text.
 *
 * @throws {UnusableData} for a line that does not end, and for what cannot be unpacked
 * @throws when a file cannot be read
 */
export async function* linesOf(files: readonly string[]): AsyncGenerator<string> {
  for (const file of files) {
    const decoder = new StringDecoder('utf8');
    let pieces: string[] = [];
    let length = 0;
    for await (const chunk of bytesOf(file)) {
      const [first = '', ...others] = decoder.write(chunk).split('\n');
      pieces.push(first);
      length += first.length;
      if (length > LONGEST_LINE) {
        throw new UnusableData(
          `${file} has a line of more than 64 MB, which is no record: take it out`,
        );
      }
      const last = others.pop();
      if (last === undefined) continue;
      yield* [pieces.join(''), ...others].map(cleaned).filter(notBlank);
      pieces = [last];
      length = last.length;
    }
    yield* [cleaned(pieces.join('') + decoder.end())].filter(notBlank);
  }
}

/** Bytes of one record; the database takes no longer ones. */
const LONGEST_RECORD = 16_777_216;
/** Levels of one record; the database reads them by recursion, whose end would be the end of the process. */
const DEEPEST_RECORD = 1_000;
const [LINE_END, QUOTE, BACKSLASH] = [10, 34, 92];
const [BRACKET, BRACKET_END, BRACE, BRACE_END] = [91, 93, 123, 125];

/**
 * Looks at the lines of a file for what the database cannot take.
 *
 * @throws {UnusableData} for a record that is too long, for one of lists in lists, or objects in objects, beyond what
 * anybody means, and for what cannot be unpacked
 */
export async function refuseEndlessRecords(file: string): Promise<void> {
  let length = 0;
  let depth = 0;
  let isText = false;
  let isEscaped = false;
  const look = (bytes: Buffer) => {
    length += bytes.length;
    if (length > LONGEST_RECORD) {
      throw new UnusableData(
        `${file} has a record of more than 16 MB, which is no record: take it out, or give the file without its long texts`,
      );
    }
    for (let i = 0; i < bytes.length; i += 1) {
      const byte = bytes[i];
      if (isText) {
        if (isEscaped) isEscaped = false;
        else if (byte === BACKSLASH) isEscaped = true;
        else if (byte === QUOTE) isText = false;
      } else if (byte === QUOTE) isText = true;
      else if (byte === BRACE || byte === BRACKET) {
        depth += 1;
        if (depth > DEEPEST_RECORD) {
          throw new UnusableData(
            `${file} has a record that is nested more than ${DEEPEST_RECORD} deep: take it out`,
          );
        }
      } else if (byte === BRACE_END || byte === BRACKET_END) depth -= 1;
    }
  };
  for await (const chunk of bytesOf(file)) {
    let from = 0;
    for (;;) {
      const end = chunk.indexOf(LINE_END, from);
      if (end === -1) break;
      // A record that has no more bytes than levels allowed, which nearly all have, needs no look.
      if (length > 0 || end - from > DEEPEST_RECORD) look(chunk.subarray(from, end));
      // A record is a line; one that is broken says nothing of the next.
      length = 0;
      depth = 0;
      isText = false;
      isEscaped = false;
      from = end + 1;
    }
    look(chunk.subarray(from));
  }
}

function cleaned(line: string): string {
  return line.replace(/^\uFEFF/, '').replace(/\r$/, '');
}

function notBlank(line: string): boolean {
  return line.trim() !== '';
}

/** Walks a parsed JSON document without trusting its shape. */
export function member(value: unknown, ...path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (found, key) =>
      typeof found === 'object' && found !== null && Object.hasOwn(found, key)
        ? (found as Readonly<Record<string, unknown>>)[key]
        : undefined,
    value,
  );
}

export function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

/** `undefined` for a line that is not JSON. */
export function jsonLine(line: string): unknown {
  try {
    return JSON.parse(line) as unknown;
  } catch {
    return undefined;
  }
}
