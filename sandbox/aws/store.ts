import {
  closeSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Change, Store } from './kernel.js';
import { lineOf, readJournal } from './kernel/journal.js';
import type { JournalEntry } from './kernel/journal.js';

export interface StoreOptions {
  /** The journal is folded into the snapshot when it is longer than this and than the snapshot. */
  readonly compactAtBytes?: number;
}

/**
 * Opens the documents under `home`: `snapshot.jsonl` plus `journal.jsonl` written since.
 * The caller holds the lock of `home`.
 *
 * @throws {Error} naming the damaged file and line, and the remedy.
 */
export function openStore(home: string, options: StoreOptions = {}): Store & { compact(): void } {
  return new JournalStore(home, options.compactAtBytes ?? 16 * 1024 * 1024);
}

class JournalStore implements Store {
  private readonly collections = new Map<string, Map<string, string>>();
  private readonly ordered = new Map<string, readonly string[]>();
  private readonly snapshotFile: string;
  private readonly journalFile: string;
  private readonly fd: number;
  private journalBytes: number;
  private snapshotBytes: number;
  private closed = false;

  constructor(
    home: string,
    private readonly compactAtBytes: number,
  ) {
    mkdirSync(home, { recursive: true });
    this.snapshotFile = join(home, 'snapshot.jsonl');
    this.journalFile = join(home, 'journal.jsonl');
    rmSync(`${this.snapshotFile}.tmp`, { force: true });
    this.snapshotBytes = this.replay(this.snapshotFile, 'whole');
    this.journalBytes = this.replay(this.journalFile, 'may be cut');
    this.fd = openSync(this.journalFile, 'a');
    ftruncateSync(this.fd, this.journalBytes);
  }

  get<T>(collection: string, key: string, otherwise?: T): T | undefined {
    const json = this.collections.get(collection)?.get(key);
    return json === undefined ? otherwise : (JSON.parse(json) as T);
  }

  put(collection: string, key: string, value: unknown): void {
    this.write([{ collection, key, value: stored(value, `${collection}/${key}`) }]);
  }

  delete(collection: string, key: string): void {
    this.write([{ collection, key }]);
  }

  write(changes: readonly Change[]): void {
    const entries = changes.map(entryOf).filter((entry) => this.changes(entry));
    if (entries.length === 0) return;
    this.append(lineOf(entries));
    for (const entry of entries) this.apply(entry);
    this.compactWhenLong();
  }

  keys(collection: string): readonly string[] {
    const known = this.ordered.get(collection);
    if (known !== undefined) return known;
    const keys = [...(this.collections.get(collection)?.keys() ?? [])].sort();
    this.ordered.set(collection, keys);
    return keys;
  }

  entries<T>(
    collection: string,
    where: (value: T) => boolean = () => true,
  ): readonly (readonly [string, T])[] {
    const documents = this.collections.get(collection);
    return this.keys(collection).flatMap((key) => {
      const json = documents?.get(key);
      if (json === undefined) return [];
      const value = JSON.parse(json) as T;
      return where(value) ? [[key, value] as const] : [];
    });
  }

  /** A crash between the rename and the truncation leaves a journal the snapshot already holds: replaying it is harmless. */
  compact(): void {
    const draft = `${this.snapshotFile}.tmp`;
    const fd = openSync(draft, 'w');
    let bytes = 0;
    try {
      for (const [collection, documents] of this.collections) {
        for (const [key, json] of documents)
          bytes += writeWhole(fd, lineOf([{ kind: 'put', collection, key, json }]));
      }
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(draft, this.snapshotFile);
    ftruncateSync(this.fd, 0);
    this.snapshotBytes = bytes;
    this.journalBytes = 0;
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    closeSync(this.fd);
  }

  private changes(entry: JournalEntry): boolean {
    const now = this.collections.get(entry.collection)?.get(entry.key);
    return entry.kind === 'put' ? now !== entry.json : now !== undefined;
  }

  private append(line: string): void {
    if (this.closed) throw new Error('the store is closed');
    try {
      this.journalBytes += writeWhole(this.fd, line);
    } catch (error) {
      // A disk that filled up in mid-line: the next line must not follow half of one.
      ftruncateSync(this.fd, this.journalBytes);
      throw error;
    }
  }

  private compactWhenLong(): void {
    if (this.journalBytes > Math.max(this.compactAtBytes, this.snapshotBytes)) this.compact();
  }

  private replay(file: string, tail: 'whole' | 'may be cut'): number {
    const bytes = readIfThere(file);
    const result = readJournal(bytes);
    if (result.kind === 'corrupt') throw damaged(file, `line ${result.line} is not readable`);
    if (tail === 'whole' && result.wholeBytes !== bytes.length)
      throw damaged(file, 'its last line is cut');
    for (const entry of result.entries) this.apply(entry);
    return result.wholeBytes;
  }

  private apply(entry: JournalEntry): void {
    const documents = this.collections.get(entry.collection) ?? new Map<string, string>();
    this.collections.set(entry.collection, documents);
    if (entry.kind === 'put') {
      if (!documents.has(entry.key)) this.ordered.delete(entry.collection);
      documents.set(entry.key, entry.json);
    } else if (documents.delete(entry.key)) {
      this.ordered.delete(entry.collection);
    }
  }
}

function stored(value: unknown, name: string): unknown {
  if (value === undefined) throw new TypeError(`cannot store undefined as ${name}`);
  return value;
}

function entryOf({ collection, key, value }: Change): JournalEntry {
  if (value === undefined) return { kind: 'delete', collection, key };
  const json = JSON.stringify(value) as string | undefined;
  if (json === undefined) {
    throw new TypeError(`cannot store ${typeof value} as ${collection}/${key}`);
  }
  return { kind: 'put', collection, key, json };
}

function writeWhole(fd: number, text: string): number {
  const bytes = Buffer.from(text);
  let written = 0;
  while (written < bytes.length) written += writeSync(fd, bytes, written);
  return bytes.length;
}

function readIfThere(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT')
      return Buffer.alloc(0);
    throw error;
  }
}

function damaged(file: string, what: string): Error {
  return new Error(
    `the sandbox's state is damaged: ${file}: ${what}; start over with --fresh, or repair the file by hand`,
  );
}
