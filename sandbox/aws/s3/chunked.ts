import { Transform } from 'node:stream';
import type { TransformCallback } from 'node:stream';
import { AwsError } from '../kernel.js';

const LONGEST_LINE = 16 * 1024;

/**
 * Decodes `aws-chunked` bodies: `<hex size>[;chunk-signature=…]\r\n<bytes>\r\n` … `0\r\n`, then trailers
 * `name:value\r\n`, then an empty line. Chunk signatures are not checked.
 */
export class AwsChunkedDecoder extends Transform {
  /** Trailers by lower-case name; complete when the stream has ended. */
  readonly trailers = new Map<string, string>();
  private pending: Buffer = Buffer.alloc(0);
  private left = 0;
  private state: 'size' | 'data' | 'data end' | 'trailers' | 'done' = 'size';

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    try {
      this.pending = this.pending.length === 0 ? chunk : Buffer.concat([this.pending, chunk]);
      while (this.step());
      done();
    } catch (error) {
      done(error instanceof Error ? error : new Error(String(error)));
    }
  }

  override _flush(done: TransformCallback): void {
    const complete =
      this.state === 'done' || (this.state === 'trailers' && this.pending.length === 0);
    done(complete ? null : incomplete());
  }

  /** One step of decoding; false when more bytes are needed. */
  private step(): boolean {
    if (this.state === 'done') return false;
    if (this.state === 'data') return this.data();
    const line = this.line();
    if (line === undefined) return false;
    if (this.state === 'size') {
      this.left = Number.parseInt(/^[0-9a-fA-F]+/.exec(line)?.[0] ?? '', 16);
      if (!Number.isSafeInteger(this.left)) throw incomplete();
      this.state = this.left === 0 ? 'trailers' : 'data';
    } else if (this.state === 'data end') {
      if (line !== '') throw incomplete();
      this.state = 'size';
    } else {
      this.trailer(line);
    }
    return true;
  }

  private data(): boolean {
    const part = this.pending.subarray(0, this.left);
    if (part.length === 0) return false;
    this.push(part);
    this.pending = this.pending.subarray(part.length);
    this.left -= part.length;
    if (this.left === 0) this.state = 'data end';
    return true;
  }

  private trailer(line: string): void {
    const colon = line.indexOf(':');
    if (line === '') this.state = 'done';
    else if (colon > 0)
      this.trailers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
  }

  private line(): string | undefined {
    const end = this.pending.indexOf('\r\n');
    if (end < 0) {
      if (this.pending.length > LONGEST_LINE) throw incomplete();
      return undefined;
    }
    const line = this.pending.toString('utf8', 0, end);
    this.pending = this.pending.subarray(end + 2);
    return line;
  }
}

function incomplete(): AwsError {
  return new AwsError('IncompleteBody', 'The request body terminated unexpectedly');
}
