import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';

/** Lines of text files in the order given; without line ends, blank lines left out, a byte-order mark taken off. */
export async function* linesOf(files: readonly string[]): AsyncGenerator<string> {
  for (const file of files) {
    const input = createReadStream(file, { encoding: 'utf8' });
    try {
      for await (const line of createInterface({ input, crlfDelay: Infinity })) {
        const clean = line.replace(/^\uFEFF/, '');
        if (clean.trim() !== '') yield clean;
      }
    } finally {
      input.destroy();
    }
  }
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
