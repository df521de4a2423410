import type { Kernel } from '../kernel.js';
import { splitS3Uri, uuid } from './context.js';
import type { DataCaptureConfig } from './shapes.js';

export interface Exchange {
  readonly endpointName: string;
  readonly variantName: string;
  readonly config: DataCaptureConfig;
  readonly atMs: number;
  readonly eventId: string;
  readonly inferenceId?: string;
  readonly customAttributes?: string;
  readonly input: Payload;
  readonly output: Payload;
}

export interface Payload {
  readonly contentType: string;
  readonly data: Buffer;
}

interface Open {
  readonly bucket: string;
  readonly key: string;
  readonly lines: string[];
}

/** Data capture: lines in AWS's format, collected for at most a second and written as one object per hour and variant. */
export class Capture {
  private readonly open = new Map<string, Open>();

  constructor(private readonly kernel: Kernel) {}

  record(exchange: Exchange): void {
    const { config, endpointName, variantName, atMs } = exchange;
    if (config.EnableCapture !== true) return;
    if (this.kernel.random('sagemaker.capture') * 100 >= config.InitialSamplingPercentage) return;
    const instant = new Date(atMs).toISOString();
    const [year, month, day, hour, minute, second, ms] = instant.split(/[-T:.Z]/);
    const folder = `${endpointName}/${variantName}/${year ?? ''}/${month ?? ''}/${day ?? ''}/${hour ?? ''}`;
    const slot = `${config.DestinationS3Uri}|${folder}`;
    let object = this.open.get(slot);
    if (object === undefined) {
      const { bucket, key } = splitS3Uri(config.DestinationS3Uri);
      const name = `${minute ?? ''}-${second ?? ''}-${ms ?? ''}-${uuid()}.jsonl`;
      object = { bucket, key: `${key === '' ? '' : `${key}/`}${folder}/${name}`, lines: [] };
      this.open.set(slot, object);
    }
    object.lines.push(captureLine(exchange));
  }

  /** Writes what is buffered. A missing bucket loses it silently, as a role without s3:PutObject does. */
  flush(): void {
    for (const [slot, { bucket, key, lines }] of this.open) {
      this.open.delete(slot);
      try {
        this.kernel.objects.put(bucket, key, Buffer.from(`${lines.join('\n')}\n`), {
          contentType: 'application/json',
        });
      } catch (error) {
        this.kernel.log(`data capture: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  }
}

/** One line of a capture file; `inferenceTime` has a resolution of one second. */
export function captureLine(exchange: Exchange): string {
  const { config, input, output } = exchange;
  const modes = new Set(config.CaptureOptions.map(({ CaptureMode }) => CaptureMode));
  const both = modes.has('InputAndOutput');
  return JSON.stringify({
    captureData: {
      ...((both || modes.has('Input')) && { endpointInput: side(config, 'INPUT', input) }),
      ...((both || modes.has('Output')) && { endpointOutput: side(config, 'OUTPUT', output) }),
    },
    eventMetadata: {
      eventId: exchange.eventId,
      ...(exchange.customAttributes !== undefined && {
        customAttributes: [exchange.customAttributes],
      }),
      ...(exchange.inferenceId !== undefined && { inferenceId: exchange.inferenceId }),
      inferenceTime: `${new Date(exchange.atMs).toISOString().slice(0, 19)}Z`,
    },
    eventVersion: '0',
  });
}

function side(config: DataCaptureConfig, mode: string, { contentType, data }: Payload): object {
  const headers = config.CaptureContentTypeHeader;
  const essence = contentType.split(';')[0]?.trim().toLowerCase() ?? '';
  const listed = (types: readonly string[] | undefined): boolean =>
    types?.some((type) => type.toLowerCase() === essence) ?? false;
  const encoding = listed(headers?.CsvContentTypes)
    ? 'CSV'
    : listed(headers?.JsonContentTypes)
      ? 'JSON'
      : 'BASE64';
  return {
    observedContentType: contentType,
    mode,
    data: data.toString(encoding === 'BASE64' ? 'base64' : 'utf8'),
    encoding,
  };
}
