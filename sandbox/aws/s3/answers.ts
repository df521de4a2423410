/** What the operations of S3 have in common: XML, headers, and the errors several of them answer. */
import type { IncomingMessage } from 'node:http';
import { XMLParser } from 'fast-xml-parser';
import type { Answer } from '../http/answer.js';
import { toXml } from '../http/xml.js';
import { AwsError } from '../kernel.js';
import type { CallInfo } from '../kernel.js';
import type { ObjectRecord } from './objects.js';
import type { S3Request } from './request.js';

export interface Call extends S3Request, Pick<CallInfo, 'caller' | 'region'> {
  readonly request: IncomingMessage;
  readonly requestId: string;
}

export type Operation = (call: Call) => Answer | Promise<Answer>;

export const OWNER = {
  ID: '75aa57f09aa0c8caeab4f8c24e99d10f8e7faeebf76c078efc7c6caea54ba06a',
  DisplayName: 'sandbox',
};

const NAMESPACE = 'http://s3.amazonaws.com/doc/2006-03-01/';
const KEPT_HEADERS = ['cache-control', 'content-disposition', 'content-language', 'expires'];

const parser = new XMLParser({
  parseTagValue: false,
  trimValues: false,
  htmlEntities: true,
  isArray: (name) => name === 'Object' || name === 'Part',
});

export function xml(root: string, content: unknown): Answer {
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

/** @throws {AwsError} MalformedXML */
export function parseXml(body: Buffer): unknown {
  try {
    return parser.parse(body);
  } catch {
    throw malformed();
  }
}

export function malformed(): AwsError {
  return new AwsError(
    'MalformedXML',
    'The XML you provided was not well-formed or did not validate against our published schema',
  );
}

export function preconditionFailed(): AwsError {
  return new AwsError(
    'PreconditionFailed',
    'At least one of the pre-conditions you specified did not hold',
    412,
  );
}

export function noSuchBucket(): AwsError {
  return new AwsError('NoSuchBucket', 'The specified bucket does not exist', 404);
}

export function noSuchKey(): AwsError {
  return new AwsError('NoSuchKey', 'The specified key does not exist.', 404);
}

export function invalidArgument(message: string): AwsError {
  return new AwsError('InvalidArgument', message);
}

/** @throws {AwsError} KeyTooLongError */
export function checkKey(key: string): void {
  if (Buffer.byteLength(key) > 1024) throw new AwsError('KeyTooLongError', 'Your key is too long');
}

/**
 * What a read, or a copy of its source (`prefix` `x-amz-copy-source-`), asks of the object. An ETag says more than an
 * instant: with If-Match or If-None-Match the instant does not count.
 */
export function conditions(
  object: ObjectRecord,
  request: IncomingMessage,
  prefix = '',
): 'met' | 'failed' | 'unchanged' {
  const header = (name: string): string | undefined => {
    const value = request.headers[`${prefix}${name}`];
    return typeof value === 'string' ? value : undefined;
  };
  const match = header('if-match');
  const noneMatch = header('if-none-match');
  const modifiedSecond = Math.floor(object.lastModifiedMs / 1000);
  const since = secondOf(header('if-modified-since'));
  const unmodifiedSince = secondOf(header('if-unmodified-since'));
  if (match !== undefined && !isEtagOf(match, object)) return 'failed';
  if (match === undefined && unmodifiedSince !== undefined && modifiedSecond > unmodifiedSince)
    return 'failed';
  const unchanged =
    noneMatch === undefined
      ? since !== undefined && modifiedSecond <= since
      : isEtagOf(noneMatch, object);
  return unchanged ? 'unchanged' : 'met';
}

/** `*` is the ETag of every object. */
export function isEtagOf(given: string, { etag }: ObjectRecord): boolean {
  return given === '*' || unquoted(given) === etag;
}

/** Seconds since the epoch of an HTTP date; `undefined` for none, or for what is no date. */
function secondOf(header: string | undefined): number | undefined {
  const ms = Date.parse(header ?? '');
  return Number.isNaN(ms) ? undefined : Math.floor(ms / 1000);
}

/** What a write asks of the object that is there: `If-None-Match: *` and `If-Match`. */
export function checkWriteConditions(
  there: ObjectRecord | undefined,
  request: IncomingMessage,
): void {
  const { 'if-none-match': noneMatch, 'if-match': match } = request.headers;
  if (noneMatch !== undefined && noneMatch !== '*') {
    throw new AwsError(
      'NotImplemented',
      'A header you provided implies functionality that is not implemented',
      501,
    );
  }
  if (noneMatch === '*' && there !== undefined) throw preconditionFailed();
  if (match !== undefined && there === undefined) throw noSuchKey();
  if (match !== undefined && there !== undefined && !isEtagOf(match, there))
    throw preconditionFailed();
}

/** Headers that come back with the object as they were sent with it. */
export function keptHeaders(request: IncomingMessage): Record<string, string> {
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

export function versionHeader({ versionId }: ObjectRecord): Record<string, string> {
  return versionId === undefined ? {} : { 'x-amz-version-id': versionId };
}

export function iso(atMs: number): string {
  return new Date(atMs).toISOString();
}

export function quoted(etag: string): string {
  return `"${etag}"`;
}

export function unquoted(etag: string): string {
  return etag.replace(/^"|"$/g, '');
}
