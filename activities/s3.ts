/** S3 by address. Every function reads or writes whole objects and may run twice. */
import { randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

import {
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';

import { FailureType } from '../domain/failures.js';
import { absent, aws, may, runningActivity, type AwsError } from './aws-failure.js';
import { hopeless } from './heartbeat.js';

export interface S3Address {
  readonly bucket: string;
  readonly key: string;
}

/** @throws {ApplicationFailure} non-retryable for anything that is no `s3://bucket/key`. */
export function s3Address(uri: string): S3Address {
  const match = /^s3:\/\/([^/]+)(?:\/(.*))?$/.exec(uri);
  if (match === null)
    throw hopeless(FailureType.BadData, `'${uri}' is not an S3 address such as s3://bucket/key`);
  return { bucket: match[1] ?? '', key: match[2] ?? '' };
}

/** `below('s3://b/p/', 'a', 'x.json')` is `s3://b/p/a/x.json`, with or without the slash at the end. */
export const below = (base: string, ...parts: readonly string[]): string =>
  [base.replace(/\/+$/, ''), ...parts].join('/');

const onObject = (uri: string): string => uri.replace('s3://', 'arn:aws:s3:::');

/** The object's bytes; `undefined` when there is none. */
export async function readObject(s3: S3Client, uri: string): Promise<Uint8Array | undefined> {
  const { bucket, key } = s3Address(uri);
  const bytes = await aws(
    may('s3:GetObject', onObject(uri)),
    async (options) => {
      const answer = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }), options);
      return await answer.Body?.transformToByteArray();
    },
    absent,
  );
  return bytes === 'absent' ? undefined : bytes;
}

/** Parsed JSON of an object, to be checked by the caller; `undefined` when there is none. */
export async function readJson(s3: S3Client, uri: string): Promise<unknown> {
  const bytes = await readObject(s3, uri);
  if (bytes === undefined) return undefined;
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as unknown;
  } catch {
    throw hopeless(FailureType.BadData, `${uri} is not JSON`);
  }
}

/** Writes or overwrites an object: the same content twice is the same object. */
export async function writeObject(
  s3: S3Client,
  uri: string,
  body: string | Uint8Array,
  contentType = 'application/json',
): Promise<void> {
  const { bucket, key } = s3Address(uri);
  await aws(may('s3:PutObject', onObject(uri)), (options) =>
    s3.send(
      new PutObjectCommand({ Bucket: bucket, Key: key, Body: body, ContentType: contentType }),
      options,
    ),
  );
}

const taken = (error: AwsError): 'taken' | undefined =>
  error.name === 'PreconditionFailed' || error.status === 412 ? 'taken' : undefined;

/** Writes an object only where there is none. */
export async function writeOnce(
  s3: S3Client,
  uri: string,
  body: string,
): Promise<'written' | 'taken'> {
  const { bucket, key } = s3Address(uri);
  const answer = await aws(
    may('s3:PutObject', onObject(uri)),
    (options) =>
      s3.send(
        new PutObjectCommand({
          Bucket: bucket,
          Key: key,
          Body: body,
          ContentType: 'application/json',
          IfNoneMatch: '*',
        }),
        options,
      ),
    taken,
  );
  return answer === 'taken' ? 'taken' : 'written';
}

export interface ObjectHead {
  readonly etag: string;
  readonly sizeBytes: number;
  readonly versionId: string | null;
}

/** What pins an object; `undefined` when there is none. */
export async function headObject(s3: S3Client, uri: string): Promise<ObjectHead | undefined> {
  const { bucket, key } = s3Address(uri);
  const head = await aws(
    may('s3:GetObject', onObject(uri)),
    (options) => s3.send(new HeadObjectCommand({ Bucket: bucket, Key: key }), options),
    (error) => (error.status === 404 ? 'absent' : absent(error)),
  );
  if (head === 'absent') return undefined;
  return {
    etag: (head.ETag ?? '').replaceAll('"', ''),
    sizeBytes: head.ContentLength ?? 0,
    versionId: head.VersionId === undefined || head.VersionId === 'null' ? null : head.VersionId,
  };
}

export interface ListedObject {
  readonly uri: string;
  readonly lastModifiedMs: number;
  readonly sizeBytes: number;
}

/**
 * All objects below a prefix in the order of their keys, or somewhat more than `most` of them. A missing bucket is an
 * error, an empty prefix is not.
 */
export async function listObjects(
  s3: S3Client,
  prefix: string,
  startAfter?: string,
  most = Number.POSITIVE_INFINITY,
): Promise<readonly ListedObject[]> {
  const { bucket, key } = s3Address(prefix);
  const objects: ListedObject[] = [];
  let token: string | undefined;
  do {
    const page = await aws(may('s3:ListBucket', `arn:aws:s3:::${bucket}`), (options) =>
      s3.send(
        new ListObjectsV2Command({
          Bucket: bucket,
          Prefix: key,
          ...(startAfter === undefined ? {} : { StartAfter: startAfter }),
          ...(token === undefined ? {} : { ContinuationToken: token }),
        }),
        options,
      ),
    );
    for (const object of page.Contents ?? []) {
      if (object.Key === undefined) continue;
      objects.push({
        uri: `s3://${bucket}/${object.Key}`,
        lastModifiedMs: object.LastModified?.getTime() ?? 0,
        sizeBytes: object.Size ?? 0,
      });
    }
    token = page.NextContinuationToken;
  } while (token !== undefined && objects.length <= most);
  return objects;
}

/** Downloads an object to `path`, which is there only once it is whole; `false` when there is no such object. */
export async function download(s3: S3Client, uri: string, path: string): Promise<boolean> {
  const { bucket, key } = s3Address(uri);
  const partial = `${path}.${randomUUID()}.part`;
  const signal = runningActivity()?.cancellationSignal;
  try {
    const got = await aws(
      may('s3:GetObject', onObject(uri)),
      async (options) => {
        const answer = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }), options);
        const body: unknown = answer.Body;
        const stream =
          body instanceof Readable
            ? body
            : Readable.from([await answer.Body?.transformToByteArray()]);
        await pipeline(stream, createWriteStream(partial), signal === undefined ? {} : { signal });
      },
      absent,
    );
    if (got === 'absent') return false;
    await rename(partial, path);
    return true;
  } finally {
    await rm(partial, { force: true });
  }
}

/**
 * Runs `work` on every item, at most `width` at a time, and keeps the order. After a failure nothing more is begun, and what
 * runs is waited for: whoever tidies up then has nobody writing beside them.
 */
export async function inParallel<Item, Result>(
  items: readonly Item[],
  width: number,
  work: (item: Item, index: number) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  const failures: unknown[] = [];
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let index = next++; index < items.length && failures.length === 0; index = next++) {
      const item = items[index];
      if (item === undefined) continue;
      try {
        results[index] = await work(item, index);
      } catch (error) {
        failures.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, lane));
  if (failures.length > 0) throw failures[0];
  return results;
}
