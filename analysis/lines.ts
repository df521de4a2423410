import { createReadStream } from 'node:fs';

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
