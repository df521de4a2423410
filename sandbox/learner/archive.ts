import { Readable } from 'node:stream';
import { gunzipSync, gzipSync } from 'node:zlib';
import tar from 'tar-stream';
import { z } from 'zod';
import type { LogisticModel } from './logistic.js';

/** Name and version of the format in `model.json`. */
const FORMAT = 'flights-learner/1';

export interface TrainedOn {
  /** ISO instants; rows with `from <= event_time < to`. */
  readonly from: string;
  readonly to: string;
  readonly rows: number;
}

export type Artefact =
  | { readonly kind: 'ours'; readonly model: LogisticModel; readonly trainedOn: TrainedOn }
  /** A readable archive that this learner did not write. */
  | { readonly kind: 'foreign' };

const modelSchema = z.object({
  format: z.literal(FORMAT),
  features: z.array(z.object({ name: z.string(), type: z.enum(['category', 'number']) })).min(1),
  hashBits: z.int().min(8).max(24),
  bias: z.number(),
  /** Little-endian 32-bit floats, base64. */
  weights: z.string(),
  trainedOn: z.object({ from: z.string(), to: z.string(), rows: z.number() }),
});

/** `model.tar.gz` with the one member `model.json`; the same model gives the same bytes. */
export async function packModel(model: LogisticModel, trainedOn: TrainedOn): Promise<Buffer> {
  const { weights, ...rest } = model;
  const document = {
    format: FORMAT,
    ...rest,
    weights: Buffer.from(weights.buffer, weights.byteOffset, weights.byteLength).toString('base64'),
    trainedOn,
  };
  return packArchive({ 'model.json': JSON.stringify(document) });
}

/** A gzipped tar archive of small text files. */
export async function packArchive(files: Readonly<Record<string, string>>): Promise<Buffer> {
  const pack = tar.pack();
  for (const [name, text] of Object.entries(files)) pack.entry({ name, mtime: new Date(0) }, text);
  pack.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of pack) chunks.push(chunk as Buffer);
  return gzipSync(Buffer.concat(chunks));
}

/** @throws {Error} when the bytes are not a gzipped tar archive, or its `model.json` is damaged. */
export async function readArtefact(bytes: Buffer): Promise<Artefact> {
  const text = await memberText(gunzipSync(bytes), 'model.json');
  if (text === undefined) return { kind: 'foreign' };
  const document = jsonOrUndefined(text);
  if (!isOurs(document)) return { kind: 'foreign' };
  const { trainedOn, weights, features, hashBits, bias } = modelSchema.parse(document);
  const raw = Buffer.from(weights, 'base64');
  const floats = new Float32Array(2 ** hashBits);
  if (raw.byteLength !== floats.byteLength) {
    throw new Error(
      `model.json holds ${raw.byteLength} bytes of weights, expected ${floats.byteLength}`,
    );
  }
  floats.set(new Float32Array(raw.buffer.slice(raw.byteOffset, raw.byteOffset + raw.byteLength)));
  return { kind: 'ours', model: { features, hashBits, bias, weights: floats }, trainedOn };
}

function isOurs(document: unknown): boolean {
  return (
    typeof document === 'object' &&
    document !== null &&
    'format' in document &&
    document.format === FORMAT
  );
}

function jsonOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

async function memberText(archive: Buffer, wanted: string): Promise<string | undefined> {
  const extract = tar.extract();
  Readable.from([archive]).pipe(extract);
  let found: string | undefined;
  for await (const entry of extract) {
    const chunks: Buffer[] = [];
    for await (const chunk of entry) chunks.push(chunk as Buffer);
    if (entry.header.name.replace(/^\.\//, '') === wanted)
      found = Buffer.concat(chunks).toString('utf8');
  }
  return found;
}
