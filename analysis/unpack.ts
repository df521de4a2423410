import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';

import { UnusableData } from './failures.js';

/** A compressed file may unpack to so much whatever its size, and beyond it to so many times its size. */
const UNPACKED_UNQUESTIONED_BYTES = 268_435_456;
const LARGEST_RATIO = 200;
const GZIP = [0x1f, 0x8b];

export async function isGzip(file: string): Promise<boolean> {
  const handle = await open(file);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(GZIP.length), 0, GZIP.length, 0);
    return bytesRead === GZIP.length && GZIP.every((byte, i) => buffer[i] === byte);
  } finally {
    await handle.close();
  }
}

/**
 * The bytes of a file in pieces, unpacked where it is gzip.
 *
 * @throws {UnusableData} when so little packed holds so much that it was made to, or when it is broken
 */
export async function* bytesOf(file: string): AsyncGenerator<Buffer> {
  if (!(await isGzip(file))) {
    yield* createReadStream(file) as AsyncIterable<Buffer>;
    return;
  }
  const { size } = await stat(file);
  const most = Math.max(UNPACKED_UNQUESTIONED_BYTES, size * LARGEST_RATIO);
  let unpacked = 0;
  // What goes wrong with either reaches the loop, and a loop that is left closes both.
  const stream = pipeline(createReadStream(file), createGunzip(), () => undefined);
  try {
    for await (const bytes of stream as AsyncIterable<Buffer>) {
      unpacked += bytes.length;
      if (unpacked > most) {
        throw new UnusableData(
          `${file} unpacks to more than ${LARGEST_RATIO} times its ${size} bytes: unpack it yourself if that is meant`,
        );
      }
      yield bytes;
    }
  } catch (error) {
    if (error instanceof UnusableData || !isOfZlib(error)) throw error;
    throw new UnusableData(`${file} cannot be unpacked: it is broken or cut off`, { cause: error });
  }
}

function isOfZlib(error: unknown): boolean {
  return error instanceof Error && 'code' in error && /^Z_/.test(String(error.code));
}
