import { createReadStream } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { XMLParser } from 'fast-xml-parser';
import { z } from 'zod';
import { readBody } from '../http/answer.js';
import type { Answer } from '../http/answer.js';
import type { RestService } from '../http/dispatch.js';
import { toXml } from '../http/xml.js';
import { AwsError } from '../kernel.js';
import type { CallInfo } from '../kernel.js';
import type { Core } from '../wires.js';
import type { ObjectRecord, ObjectStore } from './objects.js';
import { receiveBody } from './receive.js';
import { listPage, operationOf, parseRange, parseRequest } from './request.js';
import type { S3Request } from './request.js';

const NAMESPACE = 'http://s3.amazonaws.com/doc/2006-03-01/';
const OWNER = {
  ID: '75aa57f09aa0c8caeab4f8c24e99d10f8e7faeebf76c078efc7c6caea54ba06a',
  DisplayName: 'sandbox',
};
const KEPT_HEADERS = ['cache-control', 'content-disposition', 'content-language', 'expires'];

const parser = new XMLParser({
  parseTagValue: false,
  trimValues: false,
  htmlEntities: true,
  isArray: (name) => name === 'Object',
});

type Operation = (call: Call) => Answer | Promise<Answer>;

interface Call extends S3Request {
  readonly request: IncomingMessage;
  readonly requestId: string;
}

/** Amazon S3, path style. */
export function createS3(core: Core): RestService {
  const operations = s3Operations(core);
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
    handle: async (request, _url, operation, { requestId }: CallInfo) => {
      const call: Call = { ...parseRequest(request), request, requestId };
      const work = Object.hasOwn(operations, operation) ? operations[operation] : undefined;
      if (work === undefined) {
        throw new AwsError(
          'NotImplemented',
          `The sandbox does not implement ${operation} of S3.`,
          501,
        );
      }
      if (
        operation !== 'ListBuckets' &&
        operation !== 'CreateBucket' &&
        !core.objects.bucketExists(call.bucket)
      ) {
        throw new AwsError('NoSuchBucket', 'The specified bucket does not exist', 404);
      }
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
    Resource: (request.url ?? '').split('?')[0],
    RequestId: requestId,
    HostId: requestId,
  };
}

function s3Operations(core: Core): Readonly<Record<string, Operation>> {
  const { objects } = core;
  return {
    ListBuckets: () =>
      xml('ListAllMyBucketsResult', {
        Owner: OWNER,
        Buckets: {
          Bucket: objects
            .buckets()
            .map(([Name, { createdAtMs }]) => ({ Name, CreationDate: iso(createdAtMs) })),
        },
      }),
    CreateBucket: ({ bucket, request }) => {
      if (!isBucketName(bucket))
        throw new AwsError('InvalidBucketName', 'The specified bucket is not valid.');
      request.resume();
      if (objects.bucketExists(bucket)) {
        throw new AwsError(
          'BucketAlreadyOwnedByYou',
          'Your previous request to create the named bucket succeeded and you already own it.',
          409,
        );
      }
      objects.saveBucket(bucket, { createdAtMs: core.now() });
      return { status: 200, headers: { location: `/${bucket}` } };
    },
    HeadBucket: () => ({ status: 200, headers: { 'x-amz-bucket-region': core.region } }),
    DeleteBucket: ({ bucket }) => {
      if (objects.keys(bucket, '').length > 0 || objects.versionsOf(bucket, '').length > 0) {
        throw new AwsError('BucketNotEmpty', 'The bucket you tried to delete is not empty', 409);
      }
      objects.removeBucket(bucket);
      return { status: 204 };
    },
    // us-east-1 is spelled as no constraint at all.
    GetBucketLocation: () => xml('LocationConstraint', ''),
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
      if (record !== undefined)
        objects.saveBucket(bucket, {
          ...record,
          versioning: parsed.data.VersioningConfiguration.Status,
        });
      return { status: 200 };
    },
    ListObjectsV2: (call) => listV2(objects, call),
    ListObjects: (call) => listV1(objects, call),
    ListObjectVersions: (call) => listVersions(objects, call),
    PutObject: (call) => putObject(objects, call),
    CopyObject: (call) => copyObject(objects, call),
    GetObject: (call) => getObject(objects, call, true),
    HeadObject: (call) => getObject(objects, call, false),
    DeleteObject: ({ bucket, key, query }) => {
      const versionId = query.get('versionId');
      if (versionId !== null) {
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
              .array(z.object({ Key: z.string(), VersionId: z.string().optional() }))
              .max(1000),
          }),
        })
        .safeParse(parseXml(await readBody(request)));
      if (!parsed.success) throw malformed();
      const { Object: doomed, Quiet } = parsed.data.Delete;
      const deleted = doomed.map(({ Key, VersionId }) => {
        if (VersionId !== undefined) {
          objects.removeVersion(bucket, Key, VersionId);
          return { Key, VersionId };
        }
        const marker = objects.remove(bucket, Key);
        return marker === undefined
          ? { Key }
          : { Key, DeleteMarker: true, DeleteMarkerVersionId: marker.versionId };
      });
      return xml('DeleteResult', Quiet === 'true' ? '' : { Deleted: deleted });
    },
  };
}

async function putObject(objects: ObjectStore, call: Call): Promise<Answer> {
  const { bucket, key, request } = call;
  checkKey(key);
  const { body, checksums } = await receiveBody(request, key, objects);
  try {
    // From here to the commit nothing waits: of two writers with If-None-Match one is refused.
    checkWriteConditions(objects.head(bucket, key), request);
    if (!objects.bucketExists(bucket))
      throw new AwsError('NoSuchBucket', 'The specified bucket does not exist', 404);
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
  const [path = '', query = ''] = String(request.headers['x-amz-copy-source']).split('?');
  const [sourceBucket = '', ...sourceKey] = decodeURIComponent(path).replace(/^\//, '').split('/');
  if (!objects.bucketExists(sourceBucket))
    throw new AwsError('NoSuchBucket', 'The specified bucket does not exist', 404);
  const versionId = new URLSearchParams(query).get('versionId');
  const source = findObject(objects, sourceBucket, sourceKey.join('/'), versionId);
  checkWriteConditions(objects.head(bucket, key), request);
  const replaces = request.headers['x-amz-metadata-directive'] === 'REPLACE';
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

function getObject(
  objects: ObjectStore,
  { bucket, key, query, request }: Call,
  withBody: boolean,
): Answer {
  const object = findObject(objects, bucket, key, query.get('versionId'));
  checkReadConditions(object, request);
  const range = parseRange(request.headers.range, object.size);
  if (range.kind === 'none')
    throw new AwsError('InvalidRange', 'The requested range is not satisfiable', 416);
  const [first, last] = range.kind === 'part' ? [range.first, range.last] : [0, object.size - 1];
  const wantsChecksum =
    request.headers['x-amz-checksum-mode'] === 'ENABLED' && range.kind === 'whole';
  const headers = {
    'content-type': query.get('response-content-type') ?? object.contentType,
    'content-length': String(last - first + 1),
    'last-modified': new Date(object.lastModifiedMs).toUTCString(),
    'accept-ranges': 'bytes',
    etag: quoted(object.etag),
    ...object.headers,
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

function findObject(
  objects: ObjectStore,
  bucket: string,
  key: string,
  versionId: string | null,
): ObjectRecord {
  if (versionId === null) {
    const object = objects.head(bucket, key);
    if (object === undefined)
      throw new AwsError('NoSuchKey', 'The specified key does not exist.', 404);
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

function checkWriteConditions(there: ObjectRecord | undefined, request: IncomingMessage): void {
  const { 'if-none-match': noneMatch, 'if-match': match } = request.headers;
  if (noneMatch === '*' && there !== undefined) throw preconditionFailed();
  if (match !== undefined && there === undefined)
    throw new AwsError('NoSuchKey', 'The specified key does not exist.', 404);
  if (match !== undefined && there !== undefined && match !== '*' && unquoted(match) !== there.etag)
    throw preconditionFailed();
}

function checkReadConditions(object: ObjectRecord, request: IncomingMessage): void {
  const { 'if-none-match': noneMatch, 'if-match': match } = request.headers;
  if (match !== undefined && match !== '*' && unquoted(match) !== object.etag)
    throw preconditionFailed();
  if (noneMatch !== undefined && (noneMatch === '*' || unquoted(noneMatch) === object.etag)) {
    throw new AwsError('NotModified', 'Not Modified', 304);
  }
}

function listV2(objects: ObjectStore, { bucket, query }: Call): Answer {
  const token = query.get('continuation-token');
  const startAfter =
    token === null
      ? (query.get('start-after') ?? '')
      : Buffer.from(token, 'base64url').toString('utf8');
  const { body, listing, maxKeys } = list(objects, bucket, query, startAfter);
  const next =
    listing.resumeAfter === undefined
      ? undefined
      : Buffer.from(listing.resumeAfter).toString('base64url');
  return xml('ListBucketResult', {
    ...body,
    KeyCount: listing.keys.length + listing.commonPrefixes.length,
    MaxKeys: maxKeys,
    IsTruncated: next !== undefined,
    ...(token === null ? {} : { ContinuationToken: token }),
    ...(next === undefined ? {} : { NextContinuationToken: next }),
    ...(query.has('start-after') ? { StartAfter: query.get('start-after') } : {}),
  });
}

function listV1(objects: ObjectStore, { bucket, query }: Call): Answer {
  const marker = query.get('marker') ?? '';
  const { body, listing, maxKeys } = list(objects, bucket, query, marker);
  return xml('ListBucketResult', {
    ...body,
    Marker: marker,
    MaxKeys: maxKeys,
    IsTruncated: listing.resumeAfter !== undefined,
    ...(listing.resumeAfter === undefined ? {} : { NextMarker: listing.resumeAfter }),
  });
}

function list(objects: ObjectStore, bucket: string, query: URLSearchParams, startAfter: string) {
  const prefix = query.get('prefix') ?? '';
  const delimiter = query.get('delimiter') ?? '';
  const maxKeys = Number(query.get('max-keys') ?? 1000);
  if (!Number.isInteger(maxKeys) || maxKeys < 0)
    throw new AwsError(
      'InvalidArgument',
      'Provided max-keys not an integer or within integer range',
    );
  const limit = Math.min(maxKeys, 1000);
  const listing =
    limit === 0
      ? { keys: [], commonPrefixes: [], resumeAfter: undefined }
      : listPage(objects.keys(bucket, prefix), prefix, delimiter, startAfter, limit);
  const encode = (text: string): string =>
    query.get('encoding-type') === 'url' ? encodeURIComponent(text).replaceAll('%2F', '/') : text;
  const body = {
    Name: bucket,
    Prefix: encode(prefix),
    ...(delimiter === '' ? {} : { Delimiter: encode(delimiter) }),
    ...(query.has('encoding-type') ? { EncodingType: 'url' } : {}),
    Contents: listing.keys.flatMap((key) => {
      const object = objects.head(bucket, key);
      return object === undefined ? [] : [{ Key: encode(key), ...summary(object) }];
    }),
    CommonPrefixes: listing.commonPrefixes.map((each) => ({ Prefix: encode(each) })),
  };
  return { body, listing, maxKeys };
}

function listVersions(objects: ObjectStore, { bucket, query }: Call): Answer {
  const prefix = query.get('prefix') ?? '';
  const kept = objects.versionsOf(bucket, prefix);
  const unversioned = objects
    .keys(bucket, prefix)
    .flatMap((key) => objects.head(bucket, key) ?? [])
    .filter(({ versionId }) => versionId === undefined)
    .map((object) => ({
      key: object.key,
      versionId: 'null',
      lastModifiedMs: object.lastModifiedMs,
      object,
    }));
  const all = [...kept, ...unversioned].sort((a, b) =>
    a.key === b.key ? b.lastModifiedMs - a.lastModifiedMs : a.key < b.key ? -1 : 1,
  );
  const shown = all.map((version) => ({
    version,
    base: {
      Key: version.key,
      VersionId: version.versionId,
      IsLatest: all.find(({ key }) => key === version.key) === version,
      LastModified: iso(version.lastModifiedMs),
      Owner: OWNER,
    },
  }));
  return xml('ListVersionsResult', {
    Name: bucket,
    Prefix: prefix,
    IsTruncated: false,
    Version: shown.flatMap(({ version: { object }, base }) =>
      object === undefined ? [] : [{ ...base, ...summary(object) }],
    ),
    DeleteMarker: shown.flatMap(({ version: { object }, base }) =>
      object === undefined ? [base] : [],
    ),
  });
}

function summary(object: ObjectRecord): Record<string, unknown> {
  return {
    LastModified: iso(object.lastModifiedMs),
    ETag: quoted(object.etag),
    Size: object.size,
    StorageClass: 'STANDARD',
  };
}

function keptHeaders(request: IncomingMessage): Record<string, string> {
  const kept = Object.entries(request.headers).flatMap(([name, value]) =>
    typeof value === 'string' && (KEPT_HEADERS.includes(name) || name.startsWith('x-amz-meta-'))
      ? [[name, value] as const]
      : [],
  );
  const encoding = (request.headers['content-encoding'] ?? '')
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '' && each !== 'aws-chunked')
    .join(', ');
  return {
    ...Object.fromEntries(kept),
    ...(encoding === '' ? {} : { 'content-encoding': encoding }),
  };
}

function checkKey(key: string): void {
  if (Buffer.byteLength(key) > 1024) throw new AwsError('KeyTooLongError', 'Your key is too long');
}

function isBucketName(name: string): boolean {
  return (
    /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name) &&
    !name.includes('..') &&
    !/^\d+\.\d+\.\d+\.\d+$/.test(name)
  );
}

function versionHeader({ versionId }: ObjectRecord): Record<string, string> {
  return versionId === undefined ? {} : { 'x-amz-version-id': versionId };
}

function xml(root: string, content: unknown): Answer {
  const body =
    typeof content === 'object' && content !== null
      ? { '@xmlns': NAMESPACE, ...content }
      : { '@xmlns': NAMESPACE };
  return {
    status: 200,
    headers: { 'content-type': 'application/xml' },
    body: toXml({ [root]: body }),
  };
}

function parseXml(body: Buffer): unknown {
  try {
    return parser.parse(body);
  } catch {
    throw malformed();
  }
}

function malformed(): AwsError {
  return new AwsError(
    'MalformedXML',
    'The XML you provided was not well-formed or did not validate against our published schema',
  );
}

function preconditionFailed(): AwsError {
  return new AwsError(
    'PreconditionFailed',
    'At least one of the pre-conditions you specified did not hold',
    412,
  );
}

function iso(atMs: number): string {
  return new Date(atMs).toISOString();
}

function quoted(etag: string): string {
  return `"${etag}"`;
}

function unquoted(etag: string): string {
  return etag.replace(/^"|"$/g, '');
}
