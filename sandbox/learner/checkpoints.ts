import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { Checkpoints, Progress } from './logistic.js';

/** Name and version of the format in `checkpoint.json`. */
const FORMAT = 'flights-learner-checkpoint/1';
const FILE = 'checkpoint.json';

/** Little-endian 32-bit floats, base64. */
const floats = z.string().transform((text) => {
  const bytes = Buffer.from(text, 'base64');
  return new Float32Array(
    bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength),
  );
});
const schema = z.object({
  format: z.literal(FORMAT),
  of: z.string(),
  epochs: z.int().positive(),
  bias: z.number(),
  weights: floats,
  squares: floats,
});

/** The latest checkpoint in a directory that is copied to and from S3; one that is damaged or of other data is as none. */
export function fileCheckpoints(directory: string): Checkpoints & { saved(): number } {
  const path = join(directory, FILE);
  let saved = 0;
  return {
    load: (of) => {
      const found = read(path);
      return found?.of === of ? found : undefined;
    },
    save: ({ weights, squares, ...rest }) => {
      const text = JSON.stringify({
        format: FORMAT,
        ...rest,
        weights: encoded(weights),
        squares: encoded(squares),
      });
      // It may be copied at any instant: it is whole whenever it has its name.
      writeFileSync(`${path}.part`, text);
      renameSync(`${path}.part`, path);
      saved += 1;
    },
    /** Epochs since this try began. */
    saved: () => saved,
  };
}

function read(path: string): Progress | undefined {
  try {
    const progress = schema.parse(JSON.parse(readFileSync(path, 'utf8')));
    return progress.weights.length === progress.squares.length ? progress : undefined;
  } catch {
    return undefined;
  }
}

const encoded = (values: Float32Array): string =>
  Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString('base64');
