import type { IncomingMessage } from 'node:http';
import { AwsError } from '../kernel.js';
import { conditions, noSuchBucket, noSuchKey, preconditionFailed } from './answers.js';
import type { ObjectRecord, ObjectStore } from './objects.js';
import { copySource } from './request.js';

/** @throws {AwsError} NoSuchKey, NoSuchVersion, or MethodNotAllowed for a delete marker. */
export function findObject(
  objects: ObjectStore,
  bucket: string,
  key: string,
  versionId: string | null,
): ObjectRecord {
  if (versionId === null) {
    const object = objects.head(bucket, key);
    if (object === undefined) throw noSuchKey();
    return object;
  }
  const version = objects.version(bucket, key, versionId);
  if (version === undefined)
    throw new AwsError('NoSuchVersion', 'The specified version does not exist.', 404);
  if (version.object === undefined) {
    throw new AwsError(
      'MethodNotAllowed',
      'The specified method is not allowed against this resource.',
      405,
    );
  }
  return version.object;
}

/** The object that `x-amz-copy-source` names, if it is as the request says it must be. */
export function sourceOf(objects: ObjectStore, request: IncomingMessage): ObjectRecord {
  const { bucket, key, versionId } = copySource(String(request.headers['x-amz-copy-source']));
  if (!objects.bucketExists(bucket)) throw noSuchBucket();
  const source = findObject(objects, bucket, key, versionId);
  if (conditions(source, request, 'x-amz-copy-source-') !== 'met') throw preconditionFailed();
  return source;
}
