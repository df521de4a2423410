import { createHash, randomUUID } from 'node:crypto';
import type { Store } from '../kernel.js';
import type { Body, ObjectRecord, ObjectStore } from './objects.js';

/** A multipart upload under way: what its object will be. */
export interface UploadRecord {
  readonly uploadId: string;
  readonly key: string;
  readonly startedAtMs: number;
  readonly contentType?: string;
  readonly headers: Readonly<Record<string, string>>;
  /** `CRC32`, …: said by the caller, and said again in answers. */
  readonly checksumAlgorithm?: string;
}

export interface PartRecord extends Body {
  readonly number: number;
  readonly lastModifiedMs: number;
}

/**
 * The multipart uploads. A part is a body of its own, named by its document; a kill loses no part that
 * was answered. With the last write the parts go and the object is there, or neither.
 */
export class Uploads {
  constructor(
    private readonly store: Store,
    private readonly objects: ObjectStore,
    private readonly now: () => number,
  ) {}

  begin(bucket: string, upload: Omit<UploadRecord, 'uploadId' | 'startedAtMs'>): UploadRecord {
    const uploadId = randomUUID().replaceAll('-', '');
    const record: UploadRecord = { ...upload, uploadId, startedAtMs: this.now() };
    this.store.put(uploadsOf(bucket), uploadId, record);
    return record;
  }

  /** `undefined` when it was completed, aborted, or is for another key. */
  get(bucket: string, key: string, uploadId: string): UploadRecord | undefined {
    const upload = this.store.get<UploadRecord>(uploadsOf(bucket), uploadId);
    return upload?.key === key ? upload : undefined;
  }

  /** By key, and by age within a key. */
  list(bucket: string): readonly UploadRecord[] {
    return this.store
      .entries<UploadRecord>(uploadsOf(bucket))
      .map(([, upload]) => upload)
      .sort((a, b) => (a.key === b.key ? a.startedAtMs - b.startedAtMs : a.key < b.key ? -1 : 1));
  }

  /** In order of their numbers. */
  parts(uploadId: string): readonly PartRecord[] {
    return this.store.entries<PartRecord>(partsOf(uploadId)).map(([, part]) => part);
  }

  /** A part of the same number is replaced. */
  savePart(uploadId: string, number: number, body: Body): PartRecord {
    const replaced = this.store.get<PartRecord>(partsOf(uploadId), partKey(number));
    const part: PartRecord = { ...body, number, lastModifiedMs: this.now() };
    this.store.put(partsOf(uploadId), partKey(number), part);
    if (replaced !== undefined) this.objects.doom(replaced.file);
    return part;
  }

  complete(bucket: string, upload: UploadRecord, body: Body): ObjectRecord {
    const parts = this.parts(upload.uploadId);
    const record = this.objects.commit(
      bucket,
      upload.key,
      body,
      { contentType: upload.contentType, headers: upload.headers },
      this.removal(bucket, upload.uploadId, parts),
    );
    for (const { file } of parts) this.objects.doom(file);
    return record;
  }

  abandon(bucket: string, uploadId: string): void {
    const parts = this.parts(uploadId);
    this.store.write(this.removal(bucket, uploadId, parts));
    for (const { file } of parts) this.objects.doom(file);
  }

  abandonAll(bucket: string): void {
    for (const uploadId of this.store.keys(uploadsOf(bucket))) this.abandon(bucket, uploadId);
  }

  /** Bodies that are parts: no orphans. */
  files(): readonly string[] {
    return this.objects
      .buckets()
      .flatMap(([bucket]) => this.store.keys(uploadsOf(bucket)))
      .flatMap((uploadId) => this.parts(uploadId).map(({ file }) => file));
  }

  private removal(bucket: string, uploadId: string, parts: readonly PartRecord[]) {
    return [
      { collection: uploadsOf(bucket), key: uploadId },
      ...parts.map(({ number }) => ({ collection: partsOf(uploadId), key: partKey(number) })),
    ];
  }
}

/** MD5 of the parts' MD5s, and how many they are: the ETag of an object that came in parts. */
export function etagOfParts(parts: readonly PartRecord[]): string {
  const digests = Buffer.concat(parts.map(({ etag }) => Buffer.from(etag, 'hex')));
  return `${createHash('md5').update(digests).digest('hex')}-${parts.length}`;
}

function uploadsOf(bucket: string): string {
  return `uploads/${bucket}`;
}

function partsOf(uploadId: string): string {
  return `parts/${uploadId}`;
}

function partKey(number: number): string {
  return String(number).padStart(5, '0');
}
