import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { crc32 } from 'node:zlib';
import { AwsError } from '../kernel.js';
import { AwsChunkedDecoder } from './chunked.js';
import type { Body, ObjectStore } from './objects.js';

export interface ReceivedBody {
  readonly body: Body;
  /** `x-amz-checksum-*` by name, from header or trailer. */
  readonly checksums: Readonly<Record<string, string>>;
}

/**
 * Streams a PutObject body to a file and checks what the caller said of it: length, Content-MD5,
 * SHA-256 of the payload, CRC32, SHA-1 and SHA-256 checksums. CRC32C and CRC64NVME are kept unchecked.
 *
 * @throws {AwsError} BadDigest, InvalidDigest, InvalidRequest, IncompleteBody, XAmzContentSHA256Mismatch; nothing is left behind.
 */
export async function receiveBody(
  request: IncomingMessage,
  key: string,
  objects: ObjectStore,
): Promise<ReceivedBody> {
  const draft = objects.draftPath();
  const digest = new Digest();
  const decoder = isChunked(request) ? new AwsChunkedDecoder() : undefined;
  try {
    const file = createWriteStream(draft);
    if (decoder === undefined) await pipeline(request, digest, file);
    else await pipeline(request, decoder, digest, file);
    const checksums = checksumsOf(request, decoder?.trailers ?? new Map());
    const found = digest.results();
    verify(request, found, checksums);
    return { body: objects.adopt(draft, key, found.size, found.md5.toString('hex')), checksums };
  } catch (error) {
    objects.discard(draft);
    throw error;
  }
}

interface Digests {
  readonly size: number;
  readonly md5: Buffer;
  readonly sha256: Buffer;
  readonly sha1: Buffer;
  readonly crc32: Buffer;
}

class Digest extends Transform {
  private size = 0;
  private crc = 0;
  private readonly hashes = {
    md5: createHash('md5'),
    sha256: createHash('sha256'),
    sha1: createHash('sha1'),
  };

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.size += chunk.length;
    this.crc = crc32(chunk, this.crc);
    for (const hash of Object.values(this.hashes)) hash.update(chunk);
    this.push(chunk);
    done();
  }

  results(): Digests {
    const crc = Buffer.alloc(4);
    crc.writeUInt32BE(this.crc >>> 0);
    return {
      size: this.size,
      md5: this.hashes.md5.digest(),
      sha256: this.hashes.sha256.digest(),
      sha1: this.hashes.sha1.digest(),
      crc32: crc,
    };
  }
}

function isChunked(request: IncomingMessage): boolean {
  const sha = request.headers['x-amz-content-sha256'];
  return (
    (typeof sha === 'string' && sha.startsWith('STREAMING-')) ||
    (request.headers['content-encoding'] ?? '')
      .split(',')
      .some((each) => each.trim() === 'aws-chunked')
  );
}

function checksumsOf(
  request: IncomingMessage,
  trailers: ReadonlyMap<string, string>,
): Record<string, string> {
  const all = [...Object.entries(request.headers), ...trailers];
  return Object.fromEntries(
    all.flatMap(([name, value]) =>
      /^x-amz-checksum-(crc32|crc32c|crc64nvme|sha1|sha256)$/.test(name) &&
      typeof value === 'string'
        ? [[name, value]]
        : [],
    ),
  );
}

function verify(
  request: IncomingMessage,
  found: Digests,
  checksums: Readonly<Record<string, string>>,
): void {
  const decodedLength = request.headers['x-amz-decoded-content-length'];
  if (typeof decodedLength === 'string' && Number(decodedLength) !== found.size) {
    throw new AwsError(
      'IncompleteBody',
      'You did not provide the number of bytes specified by the Content-Length HTTP header',
    );
  }
  const md5 = request.headers['content-md5'];
  if (typeof md5 === 'string' && Buffer.from(md5, 'base64').length !== found.md5.length)
    throw new AwsError('InvalidDigest', 'The Content-MD5 you specified was invalid.');
  if (typeof md5 === 'string' && md5 !== found.md5.toString('base64')) {
    throw new AwsError(
      'BadDigest',
      'The Content-MD5 you specified did not match what we received.',
    );
  }
  const sha = request.headers['x-amz-content-sha256'];
  if (
    typeof sha === 'string' &&
    /^[0-9a-f]{64}$/.test(sha) &&
    sha !== found.sha256.toString('hex')
  ) {
    throw new AwsError(
      'XAmzContentSHA256Mismatch',
      "The provided 'x-amz-content-sha256' header does not match what was computed.",
    );
  }
  for (const algorithm of ['crc32', 'sha1', 'sha256'] as const) {
    const said = checksums[`x-amz-checksum-${algorithm}`];
    if (said !== undefined && Buffer.from(said, 'base64').length !== found[algorithm].length) {
      throw new AwsError(
        'InvalidRequest',
        `Value for x-amz-checksum-${algorithm} header is invalid.`,
      );
    }
    if (said !== undefined && said !== found[algorithm].toString('base64')) {
      throw new AwsError(
        'BadDigest',
        `The ${algorithm.toUpperCase()} you specified did not match the calculated checksum.`,
      );
    }
  }
}
