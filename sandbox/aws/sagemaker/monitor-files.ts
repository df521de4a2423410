import type { Kernel } from '../kernel.js';
import { joinS3, splitS3Uri } from './context.js';

/** What the containers of monitors read from S3 and write there. */
export class MonitorFiles {
  constructor(private readonly kernel: Kernel) {}

  write(prefix: string, name: string, value: unknown): void {
    const { bucket, key } = splitS3Uri(joinS3(prefix, name));
    this.kernel.objects.put(bucket, key, Buffer.from(JSON.stringify(value)), {
      contentType: 'application/json',
    });
  }

  /** `undefined` where there is none. @throws {SyntaxError} */
  json(uri: string | undefined): unknown {
    if (uri === undefined) return undefined;
    const { bucket, key } = splitS3Uri(uri);
    const body = this.kernel.objects.get(bucket, key);
    return body === undefined ? undefined : (JSON.parse(body.toString('utf8')) as unknown);
  }

  /** The texts of the objects at an address, or below it. */
  texts(uri: string): readonly string[] {
    const { bucket, key } = splitS3Uri(uri);
    if (!this.kernel.objects.bucketExists(bucket)) return [];
    return this.kernel.objects
      .list(bucket, key)
      .filter(({ size }) => size > 0)
      .map((object) => this.kernel.objects.get(bucket, object.key)?.toString('utf8') ?? '');
  }

  lines(uri: string): readonly string[] {
    return this.texts(uri)
      .flatMap((text) => text.split('\n'))
      .filter((line) => line !== '');
  }
}
