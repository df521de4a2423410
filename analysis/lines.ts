import { createReadStream } from 'node:fs';
import { createGunzip } from 'node:zlib';

import { UnusableData } from './failures.js';

/** Characters of one line; requests to an endpoint are at most 25 MB long, and are written in base64. */
export const LONGEST_LINE = 67_108_864;

/**
 * Lines of text files in the order given; blank lines left out, a byte-order mark taken off. Only line feeds end a
 * line: U+2028 may stand inside of a JSON text.
 *
 * @throws {UnusableData} for a line that does not end
 * @throws when a file cannot be read
 */
export async function* linesOf(files: readonly string[]): AsyncGenerator<string> {
  for (const file of files) {
    let pieces: string[] = [];
    let length = 0;
    for await (const chunk of createReadStream(file, { encoding: 'utf8' })) {
      const [first = '', ...others] = String(chunk).split('\n');
      pieces.push(first);
      length += first.length;
      if (length > LONGEST_LINE) {
        throw new UnusableData(`${file} has a line of more than 64 MB, which is no record`);
      }
      const last = others.pop();
      if (last === undefined) continue;
      yield* [pieces.join(''), ...others].map(cleaned).filter(notBlank);
      pieces = [last];
      length = last.length;
    }
    yield* [cleaned(pieces.join(''))].filter(notBlank);
  }
}

/** Levels of one record; the database reads them by recursion, whose end would be the end of the process. */
const DEEPEST_RECORD = 1_000;
const [LINE_END, QUOTE, BACKSLASH] = [10, 34, 92];
const [BRACKET, BRACKET_END, BRACE, BRACE_END] = [91, 93, 123, 125];

/** @throws {UnusableData} for a record of lists in lists, or objects in objects, beyond what anybody means */
export async function refuseDeepRecords(file: string, isGzip: boolean): Promise<void> {
  const source = createReadStream(file);
  let depth = 0;
  let isText = false;
  let isEscaped = false;
  for await (const chunk of isGzip ? source.pipe(createGunzip()) : source) {
    const bytes = chunk as Buffer;
    for (let i = 0; i < bytes.length; i += 1) {
      const byte = bytes[i];
      if (isText) {
        if (isEscaped) isEscaped = false;
        else if (byte === BACKSLASH) isEscaped = true;
        else if (byte === QUOTE || byte === LINE_END) isText = false;
      } else if (byte === QUOTE) isText = true;
      else if (byte === BRACE || byte === BRACKET) {
        depth += 1;
        if (depth > DEEPEST_RECORD) {
          throw new UnusableData(
            `${file} has a record that is nested more than ${DEEPEST_RECORD} deep`,
          );
        }
      } else if (byte === BRACE_END || byte === BRACKET_END) depth -= 1;
      // A record is a line; one that is broken says nothing of the next.
      if (byte === LINE_END) depth = 0;
    }
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
