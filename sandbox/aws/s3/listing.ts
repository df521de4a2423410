import type { Answer } from '../http/answer.js';
import { AwsError } from '../kernel.js';
import { invalidArgument, iso, OWNER, quoted, xml } from './answers.js';
import type { Call } from './answers.js';
import type { ObjectRecord, ObjectStore, VersionRecord } from './objects.js';
import { compareKeys, inByteOrder, listPage } from './request.js';

const MOST_KEYS = 1000;
const MOST_BUCKETS = 10_000;

export function listBuckets(objects: ObjectStore, { caller, query }: Call): Answer {
  const prefix = query.get('prefix') ?? '';
  const after = nameIn(query.get('continuation-token'));
  const limit = Number(query.get('max-buckets') ?? MOST_BUCKETS);
  if (!Number.isInteger(limit) || limit < 1 || limit > MOST_BUCKETS)
    throw invalidArgument(`max-buckets must be an integer between 1 and ${MOST_BUCKETS}`);
  const left = objects
    .buckets()
    .filter(([name]) => objects.placeOf(name).accountId === caller.accountId)
    .filter(([name]) => name.startsWith(prefix) && name > after)
    .sort(([one], [other]) => compareKeys(one, other));
  const shown = left.slice(0, limit);
  const last = shown.length < left.length ? shown.at(-1)?.[0] : undefined;
  return xml('ListAllMyBucketsResult', {
    Owner: OWNER,
    Buckets: {
      Bucket: shown.map(([Name, { createdAtMs }]) => ({ Name, CreationDate: iso(createdAtMs) })),
    },
    ...(query.has('prefix') ? { Prefix: prefix } : {}),
    ...(last === undefined ? {} : { ContinuationToken: tokenOf(last) }),
  });
}

/** A token of a list is the last name before it. */
function tokenOf(name: string): string {
  return Buffer.from(name).toString('base64url');
}

/** @throws {AwsError} InvalidArgument for what is no token of a list */
function nameIn(token: string | null): string {
  if (token === null) return '';
  const name = Buffer.from(token, 'base64url').toString('utf8');
  if (name === '' || tokenOf(name) !== token)
    throw invalidArgument('The continuation token provided is incorrect');
  return name;
}

export function listV2(objects: ObjectStore, { bucket, query }: Call): Answer {
  const token = query.get('continuation-token');
  const startAfter = token === null ? (query.get('start-after') ?? '') : nameIn(token);
  const { body, listing, maxKeys, encode } = list(objects, bucket, query, startAfter);
  const next = listing.resumeAfter === undefined ? undefined : tokenOf(listing.resumeAfter);
  return xml('ListBucketResult', {
    ...body,
    KeyCount: listing.keys.length + listing.commonPrefixes.length,
    MaxKeys: maxKeys,
    IsTruncated: next !== undefined,
    ...(token === null ? {} : { ContinuationToken: token }),
    ...(next === undefined ? {} : { NextContinuationToken: next }),
    ...(query.has('start-after') ? { StartAfter: encode(query.get('start-after') ?? '') } : {}),
  });
}

export function listV1(objects: ObjectStore, { bucket, query }: Call): Answer {
  const marker = query.get('marker') ?? '';
  const { body, listing, maxKeys, encode } = list(objects, bucket, query, marker);
  const { resumeAfter } = listing;
  return xml('ListBucketResult', {
    ...body,
    Marker: encode(marker),
    MaxKeys: maxKeys,
    IsTruncated: resumeAfter !== undefined,
    // Without a delimiter the last key serves as the marker, and AWS does not repeat it.
    ...(resumeAfter === undefined || (query.get('delimiter') ?? '') === ''
      ? {}
      : { NextMarker: encode(resumeAfter) }),
  });
}

/** Versions and delete markers, newest first within a key. */
export function listVersions(objects: ObjectStore, { bucket, query }: Call): Answer {
  const prefix = query.get('prefix') ?? '';
  const keyMarker = query.get('key-marker') ?? '';
  const versionMarker = query.get('version-id-marker') ?? '';
  if (versionMarker !== '' && keyMarker === '')
    throw invalidArgument('A version-id marker cannot be specified without a key marker.');
  if (query.has('delimiter')) {
    throw new AwsError('NotImplemented', 'The sandbox does not fold versions at a delimiter.', 501);
  }
  const limit = limitOf(query);
  const encode = encoder(query);
  const all = allVersions(objects, bucket, prefix);
  const begin = keyMarker === '' ? 0 : indexAfter(all, keyMarker, versionMarker);
  const shown = all.slice(begin, begin + limit);
  const last = shown.at(-1);
  const isTruncated = begin + limit < all.length && last !== undefined;
  const entry = (version: VersionRecord): Record<string, unknown> => ({
    Key: encode(version.key),
    VersionId: version.versionId,
    IsLatest: all.find(({ key }) => key === version.key) === version,
    LastModified: iso(version.lastModifiedMs),
    Owner: OWNER,
  });
  return xml('ListVersionsResult', {
    Name: bucket,
    Prefix: encode(prefix),
    KeyMarker: encode(keyMarker),
    VersionIdMarker: versionMarker,
    MaxKeys: limit,
    ...(query.has('encoding-type') ? { EncodingType: 'url' } : {}),
    IsTruncated: isTruncated,
    ...(isTruncated
      ? { NextKeyMarker: encode(last.key), NextVersionIdMarker: last.versionId }
      : {}),
    Version: shown.flatMap((version) =>
      version.object === undefined ? [] : [{ ...entry(version), ...summary(version.object) }],
    ),
    DeleteMarker: shown.flatMap((version) =>
      version.object === undefined ? [entry(version)] : [],
    ),
  });
}

/** Where the page after the given version begins; without a version, after all versions of the key. */
function indexAfter(all: readonly VersionRecord[], key: string, versionId: string): number {
  const exact = all.findIndex((each) => each.key === key && each.versionId === versionId);
  if (exact >= 0) return exact + 1;
  const later = all.findIndex((each) => compareKeys(each.key, key) > 0);
  return later < 0 ? all.length : later;
}

function allVersions(
  objects: ObjectStore,
  bucket: string,
  prefix: string,
): readonly VersionRecord[] {
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
  return [...objects.versionsOf(bucket, prefix), ...unversioned].sort((a, b) =>
    a.key === b.key ? b.lastModifiedMs - a.lastModifiedMs : compareKeys(a.key, b.key),
  );
}

function list(objects: ObjectStore, bucket: string, query: URLSearchParams, startAfter: string) {
  const prefix = query.get('prefix') ?? '';
  const delimiter = query.get('delimiter') ?? '';
  const limit = limitOf(query);
  const keys = inByteOrder(objects.keys(bucket, prefix));
  const listing =
    limit === 0
      ? { keys: [], commonPrefixes: [], resumeAfter: undefined }
      : listPage(keys, prefix, delimiter, startAfter, limit);
  const encode = encoder(query);
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
  return { body, listing, maxKeys: limit, encode };
}

/** At most as many as asked for, and never more than AWS gives. */
export function limitOf(query: URLSearchParams, name = 'max-keys'): number {
  const asked = Number(query.get(name) ?? MOST_KEYS);
  if (!Number.isInteger(asked) || asked < 0)
    throw invalidArgument(`Provided ${name} not an integer or within integer range`);
  return Math.min(asked, MOST_KEYS);
}

/** Spells keys as `encoding-type` asks. */
export function encoder(query: URLSearchParams): (text: string) => string {
  const type = query.get('encoding-type');
  if (type !== null && type !== 'url')
    throw invalidArgument('Invalid Encoding Method specified in Request');
  return type === 'url'
    ? (text) => encodeURIComponent(text).replaceAll('%2F', '/')
    : (text) => text;
}

export function summary(object: ObjectRecord): Record<string, unknown> {
  return {
    LastModified: iso(object.lastModifiedMs),
    ETag: quoted(object.etag),
    Size: object.size,
    StorageClass: 'STANDARD',
  };
}
