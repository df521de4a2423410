import { createReadStream } from 'node:fs';

/**
 * Lines of text files in the order given; blank lines left out, a byte-order mark taken off. Only line feeds end a
 * line: U+2028 may stand inside of a JSON text.
 *
 * @throws when a file cannot be read
 */
export async function* linesOf(files: readonly string[]): AsyncGenerator<string> {
  for (const file of files) {
    let rest = '';
    for await (const chunk of createReadStream(file, { encoding: 'utf8' })) {
      const parts = (rest + String(chunk)).split('\n');
      rest = parts.pop() ?? '';
      yield* parts.map(cleaned).filter(notBlank);
    }
    yield* [cleaned(rest)].filter(notBlank);
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
