import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { AwsError } from '../kernel.js';

/** What goes back over HTTP, in whatever protocol. */
export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer | Readable;
}

/** Bodies that are held in memory are refused beyond this; S3 PutObject streams and is not. */
export const BODY_LIMIT_BYTES = 64 * 1024 * 1024;

export async function send(response: ServerResponse, answer: Answer): Promise<void> {
  const { body } = answer;
  if (body === undefined || typeof body === 'string' || Buffer.isBuffer(body)) {
    const bytes = body === undefined ? Buffer.alloc(0) : Buffer.from(body);
    response.writeHead(answer.status, {
      'content-length': String(bytes.length),
      ...answer.headers,
    });
    response.end(bytes);
    return;
  }
  response.writeHead(answer.status, answer.headers);
  await pipeline(body, response);
}

/** @throws {AwsError} 413 beyond `limit` bytes. */
export async function readBody(
  request: IncomingMessage,
  limit = BODY_LIMIT_BYTES,
): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > limit) {
      throw new AwsError(
        'RequestEntityTooLarge',
        `The request body is larger than the ${limit} bytes this sandbox accepts for one call.`,
        413,
      );
    }
    chunks.push(chunk);
  }
  const body = Buffer.concat(chunks);
  return request.headers['content-encoding'] === 'gzip' ? unzip(body, limit) : body;
}

/** The SDK compresses PutMetricData beyond 10 KiB. */
async function unzip(body: Buffer, limit: number): Promise<Buffer> {
  try {
    return await promisify(gunzip)(body, { maxOutputLength: limit });
  } catch (error) {
    throw new AwsError('SerializationException', `The gzip body is not readable: ${String(error)}`);
  }
}

/** Access key id and Region of the request's signature, in the header or a presigned URL; the signature itself is not checked. */
export function signedBy(
  request: IncomingMessage,
  query: URLSearchParams,
): { readonly accessKeyId: string; readonly region: string | undefined } {
  const header = /Credential=([^,\s]+)/.exec(request.headers.authorization ?? '')?.[1];
  const [accessKeyId = '', , region] = (
    header ??
    query.get('X-Amz-Credential') ??
    'anonymous'
  ).split('/');
  return { accessKeyId, region: /^[a-z]{2}(-[a-z]+)+-\d+$/.exec(region ?? '')?.[0] };
}
