import type { IncomingMessage } from 'node:http';
import { AwsError } from '../kernel.js';

export interface S3Request {
  readonly method: string;
  /** Empty for the service itself. */
  readonly bucket: string;
  /** Empty for the bucket itself. */
  readonly key: string;
  readonly query: URLSearchParams;
}

/**
 * Path style. The path is read from the request line: a URL parser would fold `..`, which is an
 * ordinary part of a key.
 */
export function parseRequest(request: IncomingMessage): S3Request {
  const [path = '/', ...rest] = (request.url ?? '/').split('?');
  const [, bucket = '', ...key] = path.split('/');
  return {
    method: request.method ?? 'GET',
    bucket: decoded(bucket),
    key: decoded(key.join('/')),
    query: new URLSearchParams(rest.join('?')),
  };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new AwsError('InvalidURI', "Couldn't parse the specified URI.");
  }
}

/** Query parameters that make an operation of its own, and are not built here unless named below. */
const SUBRESOURCES = [
  'accelerate',
  'acl',
  'analytics',
  'attributes',
  'cors',
  'encryption',
  'intelligent-tiering',
  'inventory',
  'legal-hold',
  'lifecycle',
  'logging',
  'metrics',
  'notification',
  'ownershipControls',
  'policyStatus',
  'publicAccessBlock',
  'replication',
  'requestPayment',
  'restore',
  'retention',
  'select',
  'tagging',
  'torrent',
  'website',
];

/** `PutObject`, …; a name of the form `PUT ?lifecycle` for what the sandbox does not do. */
export function operationOf({ method, bucket, key, query }: S3Request, isCopy: boolean): string {
  const subresource = SUBRESOURCES.find((name) => query.has(name));
  if (subresource !== undefined) return `${method} ?${subresource}`;
  if (bucket === '') return method === 'GET' ? 'ListBuckets' : `${method} /`;
  if (query.has('uploads') || query.has('uploadId'))
    return uploadOperation(method, key, query, isCopy) ?? `${method} ?uploads`;
  return (key === '' ? bucketOperation(method, query) : objectOperation(method, isCopy)) ?? method;
}

function uploadOperation(
  method: string,
  key: string,
  query: URLSearchParams,
  isCopy: boolean,
): string | undefined {
  if (key === '') return method === 'GET' ? 'ListMultipartUploads' : undefined;
  switch (method) {
    case 'POST':
      return query.has('uploadId') ? 'CompleteMultipartUpload' : 'CreateMultipartUpload';
    case 'PUT':
      return isCopy ? 'UploadPartCopy' : 'UploadPart';
    case 'DELETE':
      return 'AbortMultipartUpload';
    case 'GET':
      return query.has('uploadId') ? 'ListParts' : undefined;
    default:
      return undefined;
  }
}

function bucketOperation(method: string, query: URLSearchParams): string | undefined {
  switch (method) {
    case 'HEAD':
      return 'HeadBucket';
    case 'PUT':
      if (query.has('policy')) return 'PutBucketPolicy';
      if (query.has('object-lock')) return 'PutObjectLockConfiguration';
      return query.has('versioning') ? 'PutBucketVersioning' : 'CreateBucket';
    case 'DELETE':
      return query.has('policy') ? 'DeleteBucketPolicy' : 'DeleteBucket';
    case 'POST':
      return query.has('delete') ? 'DeleteObjects' : undefined;
    case 'GET':
      if (query.has('policy')) return 'GetBucketPolicy';
      if (query.has('versioning')) return 'GetBucketVersioning';
      if (query.has('object-lock')) return 'GetObjectLockConfiguration';
      if (query.has('location')) return 'GetBucketLocation';
      if (query.has('versions')) return 'ListObjectVersions';
      return query.get('list-type') === '2' ? 'ListObjectsV2' : 'ListObjects';
    default:
      return undefined;
  }
}

function objectOperation(method: string, isCopy: boolean): string | undefined {
  switch (method) {
    case 'PUT':
      return isCopy ? 'CopyObject' : 'PutObject';
    case 'GET':
      return 'GetObject';
    case 'HEAD':
      return 'HeadObject';
    case 'DELETE':
      return 'DeleteObject';
    default:
      return undefined;
  }
}

/** `/bucket/key?versionId=…`, percent-encoded, with or without the first slash. */
export function copySource(header: string): {
  readonly bucket: string;
  readonly key: string;
  readonly versionId: string | null;
} {
  const mark = header.lastIndexOf('?versionId=');
  const path = mark < 0 ? header : header.slice(0, mark);
  const [bucket = '', ...key] = decoded(path).replace(/^\//, '').split('/');
  return {
    bucket,
    key: key.join('/'),
    versionId: mark < 0 ? null : decoded(header.slice(mark + '?versionId='.length)),
  };
}

export type Range =
  | { readonly kind: 'whole' }
  | { readonly kind: 'part'; readonly first: number; readonly last: number }
  | { readonly kind: 'none' };

/** One range of bytes; several, or another unit, are answered with the whole. */
export function parseRange(header: string | undefined, size: number): Range {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? '');
  const [, from = '', to = ''] = match ?? [];
  if (match === null || (from === '' && to === '')) return { kind: 'whole' };
  if (from === '') {
    const length = Math.min(Number(to), size);
    return length === 0 ? { kind: 'none' } : { kind: 'part', first: size - length, last: size - 1 };
  }
  const first = Number(from);
  const last = to === '' ? size - 1 : Math.min(Number(to), size - 1);
  if (first >= size) return { kind: 'none' };
  return last < first ? { kind: 'whole' } : { kind: 'part', first, last };
}

const SURROGATE = /[\ud800-\udfff]/;

/** S3 orders keys by their bytes in UTF-8; beyond the basic plane that differs from comparing strings. */
export function compareKeys(a: string, b: string): number {
  if (SURROGATE.test(a) || SURROGATE.test(b)) return Buffer.compare(Buffer.from(a), Buffer.from(b));
  return a === b ? 0 : a < b ? -1 : 1;
}

/** Keys in the order of S3, given in the order of strings. */
export function inByteOrder(keys: readonly string[]): readonly string[] {
  return keys.some((key) => SURROGATE.test(key)) ? keys.toSorted(compareKeys) : keys;
}

export interface Listing {
  readonly keys: readonly string[];
  readonly commonPrefixes: readonly string[];
  /** The last key or common prefix of a page that is not the last one. */
  readonly resumeAfter: string | undefined;
}

/** One page of keys that begin with `prefix`, those with a further `delimiter` folded into common prefixes. */
export function listPage(
  keys: readonly string[],
  prefix: string,
  delimiter: string,
  startAfter: string,
  maxKeys: number,
): Listing {
  const page: { text: string; isPrefix: boolean }[] = [];
  for (const key of keys) {
    if (!key.startsWith(prefix)) continue;
    const end = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length);
    const entry =
      end < 0
        ? { text: key, isPrefix: false }
        : { text: key.slice(0, end + delimiter.length), isPrefix: true };
    if (compareKeys(entry.text, startAfter) <= 0 || page.at(-1)?.text === entry.text) continue;
    if (page.length === maxKeys) return asListing(page, page.at(-1)?.text);
    page.push(entry);
  }
  return asListing(page, undefined);
}

function asListing(
  page: readonly { text: string; isPrefix: boolean }[],
  resumeAfter: string | undefined,
): Listing {
  return {
    keys: page.filter(({ isPrefix }) => !isPrefix).map(({ text }) => text),
    commonPrefixes: page.filter(({ isPrefix }) => isPrefix).map(({ text }) => text),
    resumeAfter,
  };
}
