/**
 * The journal's lines: `["put",collection,key,value]`, `["delete",collection,key]` and, for changes that
 * belong together, `["all",[…],[…]]` of these; one JSON array a line. Replaying a line twice changes
 * nothing, so a snapshot and a journal that overlap agree.
 */
export type JournalEntry =
  | {
      readonly kind: 'put';
      readonly collection: string;
      readonly key: string;
      readonly json: string;
    }
  | { readonly kind: 'delete'; readonly collection: string; readonly key: string };

/** One line for the entries, of which there is at least one. */
export function lineOf(entries: readonly JournalEntry[]): string {
  const [first, ...more] = entries.map(entryJson);
  return more.length === 0 ? `${first ?? ''}\n` : `["all",${[first, ...more].join(',')}]\n`;
}

function entryJson(entry: JournalEntry): string {
  const name = `${JSON.stringify(entry.collection)},${JSON.stringify(entry.key)}`;
  return entry.kind === 'put' ? `["put",${name},${entry.json}]` : `["delete",${name}]`;
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
    const parsed = parseLine(bytes.toString('utf8', start, end));
    if (parsed === undefined) return { kind: 'corrupt', line };
    entries.push(...parsed);
    start = end + 1;
  }
  return { kind: 'read', entries, wholeBytes };
}

function parseLine(text: string): readonly JournalEntry[] | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!Array.isArray(parsed)) return undefined;
  const [kind, ...rest] = parsed as readonly unknown[];
  const entries = (kind === 'all' ? rest : [parsed]).map(parseEntry);
  const sound = entries.filter((entry) => entry !== undefined);
  return sound.length === entries.length ? sound : undefined;
}

function parseEntry(parsed: unknown): JournalEntry | undefined {
  if (!Array.isArray(parsed)) return undefined;
  const [kind, collection, key, value] = parsed as readonly unknown[];
  if (typeof collection !== 'string' || typeof key !== 'string') return undefined;
  if (kind === 'delete' && parsed.length === 3) return { kind, collection, key };
  if (kind === 'put' && parsed.length === 4)
    return { kind, collection, key, json: JSON.stringify(value) };
  return undefined;
}
