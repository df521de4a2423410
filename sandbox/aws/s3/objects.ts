import { createHash, randomUUID } from 'node:crypto';
import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Change, Store } from '../kernel.js';

export interface BucketRecord {
  readonly createdAtMs: number;
  readonly versioning?: 'Enabled' | 'Suspended';
  /** Account and Region; those of the sandbox's first place when absent. */
  readonly owner?: string;
  readonly region?: string;
  /** As it was put. */
  readonly policy?: string;
  /** Object Lock: the default retention of versions written since then; the latest counts. Empty without a default. */
  readonly lock?: readonly Retention[];
}

export interface Retention {
  readonly mode: 'GOVERNANCE' | 'COMPLIANCE';
  readonly days: number;
  readonly sinceMs: number;
}

export interface ObjectRecord {
  readonly key: string;
  /** Name of the body's file in the bodies directory. */
  readonly file: string;
  readonly size: number;
  /** MD5 in hex, without quotes. */
  readonly etag: string;
  readonly contentType: string;
  readonly lastModifiedMs: number;
  /** Headers given back as they came: cache-control, x-amz-meta-*, … */
  readonly headers: Readonly<Record<string, string>>;
  /** `x-amz-checksum-*` headers, by name. */
  readonly checksums: Readonly<Record<string, string>>;
  readonly versionId?: string;
}

export interface VersionRecord {
  readonly key: string;
  readonly versionId: string;
  readonly lastModifiedMs: number;
  /** Absent for a delete marker. */
  readonly object?: ObjectRecord;
}

/** A body that lies complete on disk and is not yet an object. */
export interface Body {
  readonly file: string;
  readonly size: number;
  readonly etag: string;
}

export interface ObjectDetails {
  readonly contentType?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  readonly checksums?: Readonly<Record<string, string>>;
}

const BUCKETS = 'buckets';

/**
 * Buckets and objects. A body is a file with an invented name, so that no key can lead out of the
 * directory; the document that names it is written after it. Replaced bodies stay for a minute, for
 * readers that were given their path.
 */
export class ObjectStore {
  private readonly directory: string;
  private readonly doomed: { readonly file: string; readonly atMs: number }[] = [];

  constructor(
    private readonly store: Store,
    home: string,
    private readonly now: () => number,
    private readonly first: { readonly accountId: string; readonly region: string },
  ) {
    this.directory = join(home, 'objects');
    mkdirSync(this.directory, { recursive: true });
  }

  bucketExists(bucket: string): boolean {
    return this.store.get(BUCKETS, bucket) !== undefined;
  }

  bucket(name: string): BucketRecord | undefined {
    return this.store.get<BucketRecord>(BUCKETS, name);
  }

  placeOf(bucket: string): { readonly accountId: string; readonly region: string } {
    const { owner, region } = this.bucket(bucket) ?? {};
    return { accountId: owner ?? this.first.accountId, region: region ?? this.first.region };
  }

  buckets(): readonly (readonly [string, BucketRecord])[] {
    return this.store.entries<BucketRecord>(BUCKETS);
  }

  saveBucket(name: string, record: BucketRecord): void {
    this.store.put(BUCKETS, name, record);
  }

  removeBucket(name: string): void {
    this.store.delete(BUCKETS, name);
  }

  /** Writes an object in one piece. @throws {Error} when there is no such bucket. */
  put(
    bucket: string,
    key: string,
    body: Buffer,
    options: { contentType?: string } = {},
  ): { etag: string } {
    if (!this.bucketExists(bucket))
      throw new Error(`The specified bucket does not exist: ${bucket}`);
    const path = this.draftPath();
    writeFileSync(path, body);
    const etag = createHash('md5').update(body).digest('hex');
    this.commit(bucket, key, this.adopt(path, key, body.length, etag), options);
    return { etag };
  }

  get(bucket: string, key: string): Buffer | undefined {
    const path = this.pathOf(bucket, key);
    return path === undefined ? undefined : readFileSync(path);
  }

  pathOf(bucket: string, key: string): string | undefined {
    const record = this.head(bucket, key);
    return record === undefined ? undefined : this.path(record.file);
  }

  list(
    bucket: string,
    prefix: string,
  ): readonly { key: string; size: number; lastModifiedMs: number }[] {
    return this.keys(bucket, prefix).flatMap((key) => this.head(bucket, key) ?? []);
  }

  keys(bucket: string, prefix: string): readonly string[] {
    return this.store.keys(current(bucket)).filter((key) => key.startsWith(prefix));
  }

  head(bucket: string, key: string): ObjectRecord | undefined {
    return this.store.get<ObjectRecord>(current(bucket), key);
  }

  version(bucket: string, key: string, versionId: string): VersionRecord | undefined {
    const kept = this.store.get<VersionRecord>(versions(bucket), versionKey(key, versionId));
    if (kept !== undefined || versionId !== 'null') return kept;
    const object = this.head(bucket, key);
    if (object === undefined || object.versionId !== undefined) return undefined;
    return { key, versionId, lastModifiedMs: object.lastModifiedMs, object };
  }

  versionsOf(bucket: string, prefix: string): readonly VersionRecord[] {
    return this.store
      .entries<VersionRecord>(versions(bucket))
      .map(([, version]) => version)
      .filter(({ key }) => key.startsWith(prefix));
  }

  /** Where a body under way is written. */
  draftPath(): string {
    return join(this.directory, `${randomUUID()}.part`);
  }

  discard(draft: string): void {
    rmSync(draft, { force: true });
  }

  /** Gives a complete draft its final name. The extension of the key is kept: readers go by it. */
  adopt(draft: string, key: string, size: number, etag: string): Body {
    const extension = /(\.[A-Za-z0-9]{1,12}){1,2}$/.exec(key)?.[0] ?? '';
    const file = `${randomUUID()}${extension}`;
    renameSync(draft, this.path(file));
    return { file, size, etag };
  }

  /** Makes the body the object under `key`; what stands in `also` is written with it, or neither is. */
  commit(
    bucket: string,
    key: string,
    body: Body,
    details: ObjectDetails,
    also: readonly Change[] = [],
  ): ObjectRecord {
    const replaced = this.head(bucket, key);
    const versioning = this.bucket(bucket)?.versioning;
    const overwritten =
      versioning === 'Suspended' ? this.version(bucket, key, 'null')?.object : undefined;
    const record: ObjectRecord = {
      ...body,
      key,
      contentType: details.contentType ?? 'application/octet-stream',
      lastModifiedMs: this.now(),
      headers: details.headers ?? {},
      checksums: details.checksums ?? {},
      ...(versioning === 'Enabled' ? { versionId: newVersionId() } : {}),
    };
    this.store.write([
      ...(versioning === 'Enabled' ? keptVersion(bucket, replaced) : []),
      ...(versioning === 'Suspended'
        ? [{ collection: versions(bucket), key: versionKey(key, 'null') }]
        : []),
      { collection: current(bucket), key, value: record },
      ...(record.versionId === undefined ? [] : [version(bucket, record, record.versionId)]),
      ...also,
    ]);
    if (overwritten !== undefined) this.doom(overwritten.file);
    else if (versioning === undefined && replaced !== undefined) this.doom(replaced.file);
    return record;
  }

  /** The body is copied on disk; the source may be the object that is replaced. */
  copy(source: ObjectRecord, bucket: string, key: string, details: ObjectDetails): ObjectRecord {
    const draft = this.draftPath();
    copyFileSync(this.path(source.file), draft);
    return this.commit(bucket, key, this.adopt(draft, key, source.size, source.etag), details);
  }

  /**
   * Removes the object; in a versioned bucket leaves a delete marker, whose version id is returned. While versioning
   * is suspended that is `null`, and takes the place of the version `null`.
   */
  remove(bucket: string, key: string): { versionId: string } | undefined {
    const replaced = this.head(bucket, key);
    if (this.bucket(bucket)?.versioning === 'Enabled') {
      const marker: VersionRecord = { key, versionId: newVersionId(), lastModifiedMs: this.now() };
      this.store.write([
        ...keptVersion(bucket, replaced),
        {
          collection: versions(bucket),
          key: versionKey(key, marker.versionId),
          value: marker,
        },
        { collection: current(bucket), key },
      ]);
      return { versionId: marker.versionId };
    }
    if (this.bucket(bucket)?.versioning === 'Suspended') {
      const overwritten = this.version(bucket, key, 'null')?.object;
      const marker: VersionRecord = { key, versionId: 'null', lastModifiedMs: this.now() };
      this.store.write([
        { collection: versions(bucket), key: versionKey(key, 'null'), value: marker },
        { collection: current(bucket), key },
      ]);
      if (overwritten !== undefined) this.doom(overwritten.file);
      return { versionId: 'null' };
    }
    if (replaced === undefined) return undefined;
    this.store.delete(current(bucket), key);
    if (replaced.versionId === undefined) this.doom(replaced.file);
    return undefined;
  }

  /** Removes one version for good; the newest that is left becomes the object. */
  removeVersion(bucket: string, key: string, versionId: string): VersionRecord | undefined {
    const version = this.version(bucket, key, versionId);
    if (version === undefined) return undefined;
    const newest = this.versionsOf(bucket, key)
      .filter((other) => other.key === key && other.versionId !== versionId)
      .sort((a, b) => b.lastModifiedMs - a.lastModifiedMs)[0];
    const head = this.head(bucket, key);
    // Put while versioning was suspended: it is the version `null`, and newer than all others.
    const staysCurrent = head !== undefined && !('versionId' in head) && versionId !== 'null';
    this.store.write([
      { collection: versions(bucket), key: versionKey(key, versionId) },
      ...(staysCurrent ? [] : [{ collection: current(bucket), key, value: newest?.object }]),
    ]);
    if (version.object !== undefined) this.doom(version.object.file);
    return version;
  }

  path(file: string): string {
    return join(this.directory, file);
  }

  /** Deletes bodies replaced more than a minute ago. */
  sweep(): void {
    const before = this.now() - 60_000;
    while (this.doomed[0] !== undefined && this.doomed[0].atMs < before) {
      rmSync(this.path(this.doomed[0].file), { force: true });
      this.doomed.shift();
    }
  }

  /**
   * Deletes what a kill left behind: drafts, and bodies that neither a document nor `alsoNamed` names.
   * Only before serving.
   */
  sweepOrphans(alsoNamed: Iterable<string> = []): void {
    const named = new Set<string>(alsoNamed);
    for (const [bucket] of this.buckets()) {
      for (const [, { file }] of this.store.entries<ObjectRecord>(current(bucket))) named.add(file);
      for (const { object } of this.versionsOf(bucket, ''))
        if (object !== undefined) named.add(object.file);
    }
    for (const file of readdirSync(this.directory)) {
      if (!named.has(file)) rmSync(this.path(file), { force: true });
    }
  }

  /** Gives up a body that no document names any more. */
  doom(file: string): void {
    this.doomed.push({ file, atMs: this.now() });
  }
}

/** An object without a version id that a versioned bucket replaces is kept as its version `null`. */
function keptVersion(bucket: string, replaced: ObjectRecord | undefined): readonly Change[] {
  return replaced === undefined || replaced.versionId !== undefined
    ? []
    : [version(bucket, replaced, 'null')];
}

function version(bucket: string, object: ObjectRecord, versionId: string): Change {
  const { key, lastModifiedMs } = object;
  const value: VersionRecord = { key, versionId, lastModifiedMs, object };
  return { collection: versions(bucket), key: versionKey(key, versionId), value };
}

function newVersionId(): string {
  return randomUUID().replaceAll('-', '');
}

function current(bucket: string): string {
  return `objects/${bucket}`;
}

function versions(bucket: string): string {
  return `versions/${bucket}`;
}

function versionKey(key: string, versionId: string): string {
  return `${key}\u0000${versionId}`;
}
