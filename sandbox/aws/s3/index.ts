import { createReadStream } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { z } from 'zod';
import { readBody } from '../http/answer.js';
import type { Answer } from '../http/answer.js';
import type { RestService } from '../http/dispatch.js';
import { toXml } from '../http/xml.js';
import { AwsError } from '../kernel.js';
import type { CallInfo } from '../kernel.js';
import { checkAccess, newBucketRegion, policyOperations } from './access.js';
import type { S3Core } from './access.js';
import {
  checkKey,
  checkWriteConditions,
  conditions,
  invalidArgument,
  isEtagOf,
  iso,
  keptHeaders,
  malformed,
  noSuchBucket,
  parseXml,
  preconditionFailed,
  quoted,
  versionHeader,
  xml,
} from './answers.js';
import type { Call, Operation } from './answers.js';
import { findObject, sourceOf } from './find.js';
import { isRetained, lockOperations, retained } from './lock.js';
import { listBuckets, listV1, listV2, listVersions } from './listing.js';
import { multipartOperations } from './multipart.js';
import type { ObjectStore } from './objects.js';
import { receiveBody } from './receive.js';
import { copySource, operationOf, parseRange, parseRequest } from './request.js';
import type { Uploads } from './uploads.js';

/** Amazon S3, path style. */
export function createS3(core: S3Core, uploads: Uploads): RestService {
  const operations: Readonly<Record<string, Operation>> = {
    ...s3Operations(core, uploads),
    ...multipartOperations(core, uploads),
  };
  return {
    operationOf: (request) => {
      try {
        return operationOf(
          parseRequest(request),
          request.headers['x-amz-copy-source'] !== undefined,
        );
      } catch {
        return request.method ?? 'GET';
      }
    },
    handle: async (request, _url, operation, { requestId, caller, region }: CallInfo) => {
      const call: Call = { ...parseRequest(request), request, requestId, caller, region };
      const work = Object.hasOwn(operations, operation) ? operations[operation] : undefined;
      if (work === undefined) {
        throw new AwsError(
          'NotImplemented',
          `The sandbox does not implement ${operation} of S3.`,
          501,
        );
      }
      checkAccess(core.objects, operation, call, request, call);
      const answer = await work(call);
      return {
        ...answer,
        headers: { 'x-amz-request-id': requestId, 'x-amz-id-2': requestId, ...answer.headers },
      };
    },
    errorAnswer: (error, request, requestId) => ({
      status: error.status,
      headers: {
        'content-type': 'application/xml',
        'x-amz-request-id': requestId,
        'x-amz-id-2': requestId,
        ...(error.name === 'PermanentRedirect'
          ? { 'x-amz-bucket-region': core.objects.placeOf(parseRequest(request).bucket).region }
          : {}),
      },
      ...(request.method === 'HEAD' || error.status === 304
        ? {}
        : { body: toXml({ Error: errorBody(error, request, requestId) }) }),
    }),
  };
}

function errorBody(
  error: AwsError,
  request: IncomingMessage,
  requestId: string,
): Record<string, unknown> {
  return {
    Code: error.name === 'InternalFailure' ? 'InternalError' : error.name,
    Message: error.message,
    ...subjectOf(error, request),
    Resource: (request.url ?? '').split('?')[0],
    RequestId: requestId,
    HostId: requestId,
  };
}

/** AWS names the bucket or key that is not there. */
function subjectOf(error: AwsError, request: IncomingMessage): Record<string, unknown> {
  if (error.name !== 'NoSuchBucket' && error.name !== 'NoSuchKey') return {};
  const { bucket, key } = parseRequest(request);
  return error.name === 'NoSuchBucket' ? { BucketName: bucket } : { Key: key };
}

function s3Operations(core: S3Core, uploads: Uploads): Readonly<Record<string, Operation>> {
  const { objects } = core;
  return {
    ListBuckets: (call) => listBuckets(objects, call),
    CreateBucket: async ({ bucket, request, caller, region: signedFor }) => {
      if (!isBucketName(bucket))
        throw new AwsError('InvalidBucketName', 'The specified bucket is not valid.');
      const body = await readBody(request);
      const region = newBucketRegion(body.length === 0 ? {} : parseXml(body), signedFor);
      const { accountId } = objects.placeOf(bucket);
      if (objects.bucketExists(bucket) && accountId !== caller.accountId)
        throw new AwsError(
          'BucketAlreadyExists',
          'The requested bucket name is not available. The bucket namespace is shared by all users of the system. Please select a different name and try again.',
          409,
        );
      // In us-east-1, unlike elsewhere, AWS lets the owner create a bucket again, which changes nothing.
      if (objects.bucketExists(bucket) && region !== 'us-east-1')
        throw new AwsError(
          'BucketAlreadyOwnedByYou',
          'Your previous request to create the named bucket succeeded and you already own it.',
          409,
        );
      const locked = request.headers['x-amz-bucket-object-lock-enabled'] === 'true';
      if (!objects.bucketExists(bucket))
        objects.saveBucket(bucket, {
          createdAtMs: core.now(),
          owner: caller.accountId,
          region,
          ...(locked ? { versioning: 'Enabled', lock: [] } : {}),
        });
      return { status: 200, headers: { location: `/${bucket}` } };
    },
    HeadBucket: ({ bucket }) => ({
      status: 200,
      headers: { 'x-amz-bucket-region': objects.placeOf(bucket).region },
    }),
    DeleteBucket: ({ bucket }) => {
      if (objects.keys(bucket, '').length > 0 || objects.versionsOf(bucket, '').length > 0) {
        throw new AwsError('BucketNotEmpty', 'The bucket you tried to delete is not empty', 409);
      }
      uploads.abandonAll(bucket);
      objects.removeBucket(bucket);
      return { status: 204 };
    },
    // us-east-1 is spelled as no constraint at all.
    GetBucketLocation: ({ bucket }) => {
      const { region } = objects.placeOf(bucket);
      return xml('LocationConstraint', region === 'us-east-1' ? '' : { '#text': region });
    },
    GetBucketVersioning: ({ bucket }) => {
      const versioning = objects.bucket(bucket)?.versioning;
      return xml('VersioningConfiguration', versioning === undefined ? '' : { Status: versioning });
    },
    PutBucketVersioning: async ({ bucket, request }) => {
      const parsed = z
        .object({ VersioningConfiguration: z.object({ Status: z.enum(['Enabled', 'Suspended']) }) })
        .safeParse(parseXml(await readBody(request)));
      if (!parsed.success) throw malformed();
      const record = objects.bucket(bucket);
      if (record?.lock !== undefined && parsed.data.VersioningConfiguration.Status === 'Suspended')
        throw new AwsError(
          'InvalidBucketState',
          'An Object Lock configuration is present on this bucket, so the versioning state cannot be changed.',
          409,
        );
      if (record !== undefined)
        objects.saveBucket(bucket, {
          ...record,
          versioning: parsed.data.VersioningConfiguration.Status,
        });
      return { status: 200 };
    },
    ...lockOperations(core),
    ...policyOperations(core),
    ListObjectsV2: (call) => listV2(objects, call),
    ListObjects: (call) => listV1(objects, call),
    ListObjectVersions: (call) => listVersions(objects, call),
    PutObject: (call) => putObject(objects, call),
    CopyObject: (call) => copyObject(objects, call),
    GetObject: (call) => getObject(objects, call, true),
    HeadObject: (call) => getObject(objects, call, false),
    DeleteObject: ({ bucket, key, query, request }) => {
      const versionId = query.get('versionId');
      if (versionId !== null) {
        if (isRetained(core, bucket, key, versionId, request)) throw retained();
        const removed = objects.removeVersion(bucket, key, versionId);
        return {
          status: 204,
          headers: {
            'x-amz-version-id': versionId,
            ...(removed !== undefined && removed.object === undefined
              ? { 'x-amz-delete-marker': 'true' }
              : {}),
          },
        };
      }
      const there = objects.head(bucket, key);
      const match = request.headers['if-match'];
      if (match !== undefined && there !== undefined && !isEtagOf(match, there))
        throw preconditionFailed();
      const marker = objects.remove(bucket, key);
      return {
        status: 204,
        headers:
          marker === undefined
            ? {}
            : { 'x-amz-delete-marker': 'true', 'x-amz-version-id': marker.versionId },
      };
    },
    DeleteObjects: async ({ bucket, request }) => {
      const parsed = z
        .object({
          Delete: z.object({
            Quiet: z.string().optional(),
            Object: z
              .array(
                z.object({
                  Key: z.string(),
                  VersionId: z.string().optional(),
                  ETag: z.string().optional(),
                }),
              )
              .max(1000),
          }),
        })
        .safeParse(parseXml(await readBody(request)));
      if (!parsed.success) throw malformed();
      const { Object: doomed, Quiet } = parsed.data.Delete;
      const refusals = new Map(
        doomed.flatMap((one) => {
          const refusal = refusalToDelete(core, bucket, one, request);
          return refusal === undefined ? [] : [[one, refusal] as const];
        }),
      );
      const deleted = doomed
        .filter((one) => !refusals.has(one))
        .map(({ Key, VersionId }) => {
          if (VersionId !== undefined) {
            objects.removeVersion(bucket, Key, VersionId);
            return { Key, VersionId };
          }
          const marker = objects.remove(bucket, Key);
          return marker === undefined
            ? { Key }
            : { Key, DeleteMarker: true, DeleteMarkerVersionId: marker.versionId };
        });
      const errors = [...refusals].map(([{ Key, VersionId }, { name, message }]) => ({
        Key,
        VersionId,
        Code: name,
        Message: message,
      }));
      return xml('DeleteResult', {
        ...(Quiet === 'true' ? {} : { Deleted: deleted }),
        ...(errors.length === 0 ? {} : { Error: errors }),
      });
    },
  };
}

/** Why one object of DeleteObjects stays: it is locked, or not the one the caller knows. */
function refusalToDelete(
  core: S3Core,
  bucket: string,
  one: {
    readonly Key: string;
    readonly VersionId?: string | undefined;
    readonly ETag?: string | undefined;
  },
  request: IncomingMessage,
): AwsError | undefined {
  if (one.VersionId !== undefined)
    return isRetained(core, bucket, one.Key, one.VersionId, request) ? retained() : undefined;
  const there = core.objects.head(bucket, one.Key);
  return one.ETag !== undefined && there !== undefined && !isEtagOf(one.ETag, there)
    ? preconditionFailed()
    : undefined;
}

async function putObject(objects: ObjectStore, call: Call): Promise<Answer> {
  const { bucket, key, request } = call;
  checkKey(key);
  const { body, checksums } = await receiveBody(request, key, objects);
  try {
    // From here to the commit nothing waits: of two writers with If-None-Match one is refused.
    checkWriteConditions(objects.head(bucket, key), request);
    if (!objects.bucketExists(bucket)) throw noSuchBucket();
  } catch (error) {
    objects.discard(objects.path(body.file));
    throw error;
  }
  const record = objects.commit(bucket, key, body, {
    contentType: request.headers['content-type'],
    headers: keptHeaders(request),
    checksums,
  });
  return {
    status: 200,
    headers: { etag: quoted(record.etag), ...checksums, ...versionHeader(record) },
  };
}

function copyObject(objects: ObjectStore, call: Call): Answer {
  const { bucket, key, request } = call;
  checkKey(key);
  request.resume();
  const directive = request.headers['x-amz-metadata-directive'] ?? 'COPY';
  if (directive !== 'COPY' && directive !== 'REPLACE')
    throw invalidArgument('Unknown metadata directive.');
  const replaces = directive === 'REPLACE';
  const source = sourceOf(objects, request);
  if (!replaces && isOnto(call)) {
    throw new AwsError(
      'InvalidRequest',
      "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.",
    );
  }
  checkWriteConditions(objects.head(bucket, key), request);
  const copied = objects.copy(source, bucket, key, {
    contentType: replaces ? request.headers['content-type'] : source.contentType,
    headers: replaces ? keptHeaders(request) : source.headers,
    checksums: source.checksums,
  });
  const answer = xml('CopyObjectResult', {
    LastModified: iso(copied.lastModifiedMs),
    ETag: quoted(copied.etag),
  });
  return { ...answer, headers: { ...answer.headers, ...versionHeader(copied) } };
}

/** The object is copied onto itself, as it is. An older version of it would bring that one back. */
function isOnto({ bucket, key, request }: Call): boolean {
  const source = copySource(String(request.headers['x-amz-copy-source']));
  const changes = Object.keys(request.headers).some((name) =>
    /^x-amz-(storage-class|website-redirect-location|server-side-encryption)/.test(name),
  );
  return source.bucket === bucket && source.key === key && source.versionId === null && !changes;
}

function getObject(
  objects: ObjectStore,
  { bucket, key, query, request }: Call,
  withBody: boolean,
): Answer {
  const object = findObject(objects, bucket, key, query.get('versionId'));
  const asked = conditions(object, request);
  if (asked === 'failed') throw preconditionFailed();
  if (asked === 'unchanged') throw new AwsError('NotModified', 'Not Modified', 304);
  const range = parseRange(request.headers.range, object.size);
  if (range.kind === 'none')
    throw new AwsError('InvalidRange', 'The requested range is not satisfiable', 416);
  const [first, last] = range.kind === 'part' ? [range.first, range.last] : [0, object.size - 1];
  const wantsChecksum =
    request.headers['x-amz-checksum-mode'] === 'ENABLED' && range.kind === 'whole';
  const headers = {
    'content-type': object.contentType,
    'content-length': String(last - first + 1),
    'last-modified': new Date(object.lastModifiedMs).toUTCString(),
    'accept-ranges': 'bytes',
    etag: quoted(object.etag),
    ...object.headers,
    ...overridden(query),
    ...(wantsChecksum ? object.checksums : {}),
    ...(range.kind === 'part' ? { 'content-range': `bytes ${first}-${last}/${object.size}` } : {}),
    ...versionHeader(object),
  };
  const status = range.kind === 'part' ? 206 : 200;
  if (!withBody || last < first) return { status, headers };
  return {
    status,
    headers,
    body: createReadStream(objects.path(object.file), { start: first, end: last }),
  };
}

/** Headers that the caller wants otherwise than they were kept, as links to downloads do. */
function overridden(query: URLSearchParams): Record<string, string> {
  return Object.fromEntries(
    OVERRIDES.flatMap((name) => {
      const value = query.get(`response-${name}`);
      return value === null ? [] : [[name, value]];
    }),
  );
}

const OVERRIDES = [
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'content-type',
  'expires',
];

/** Beginnings and ends of names that AWS keeps for itself. */
const RESERVED = /^(xn--|sthree-|amzn-s3-demo-)|(-s3alias|--ol-s3|\.mrap|--x-s3|--table-s3)$/;

function isBucketName(name: string): boolean {
  return (
    !RESERVED.test(name) &&
    /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name) &&
    !name.includes('..') &&
    !/^\d+\.\d+\.\d+\.\d+$/.test(name)
  );
}
