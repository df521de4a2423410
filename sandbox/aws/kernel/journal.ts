/**
 * The journal's lines: `["put",collection,key,value]` and `["delete",collection,key]`, one JSON array a
 * line. Replaying a line twice changes nothing, so a snapshot and a journal that overlap agree.
 */
export type JournalEntry =
  | {
      readonly kind: 'put';
      readonly collection: string;
      readonly key: string;
      readonly json: string;
    }
  | { readonly kind: 'delete'; readonly collection: string; readonly key: string };

export function putLine(collection: string, key: string, json: string): string {
  return `["put",${JSON.stringify(collection)},${JSON.stringify(key)},${json}]\n`;
}

export function deleteLine(collection: string, key: string): string {
  return `["delete",${JSON.stringify(collection)},${JSON.stringify(key)}]\n`;
}

export type ReadResult =
  | {
      readonly kind: 'read';
      readonly entries: readonly JournalEntry[];
      readonly wholeBytes: number;
    }
  | { readonly kind: 'corrupt'; readonly line: number };

/**
 * Reads a journal. A last line without its line feed is what `kill -9` leaves behind, and was never
 * acknowledged: it is dropped, and `wholeBytes` says where the sound part ends.
 */
export function readJournal(bytes: Buffer): ReadResult {
  const wholeBytes = bytes.lastIndexOf(0x0a) + 1;
  const entries: JournalEntry[] = [];
  let start = 0;
  for (let line = 1; start < wholeBytes; line += 1) {
    const end = bytes.indexOf(0x0a, start);
    const entry = parseLine(bytes.toString('utf8', start, end));
    if (entry === undefined) return { kind: 'corrupt', line };
    entries.push(entry);
    start = end + 1;
  }
  return { kind: 'read', entries, wholeBytes };
}

function parseLine(text: string): JournalEntry | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!Array.isArray(parsed)) return undefined;
  const [kind, collection, key, value] = parsed as readonly unknown[];
  if (typeof collection !== 'string' || typeof key !== 'string') return undefined;
  if (kind === 'delete' && parsed.length === 3) return { kind, collection, key };
  if (kind === 'put' && parsed.length === 4)
    return { kind, collection, key, json: JSON.stringify(value) };
  return undefined;
}
