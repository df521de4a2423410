import { mkdtemp, readdir, realpath, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';

import { evaluateGates, UnusableData, withDuck, type DataFiles } from '../../analysis/index.js';
import type { EvaluatePolicy } from '../../domain/evaluate.schema.js';
import type { EvaluationReport } from '../../domain/stats/types.js';
import { messageOf } from '../errors.js';

export interface EvaluationRequest {
  /** Files of one format, or a folder of them. */
  readonly predictions: readonly string[];
  readonly trainingRows?: readonly string[];
  readonly evaluate: EvaluatePolicy;
  readonly seed: number;
  /** In place of the policy's. */
  readonly confidence?: number;
  /** The window that the rows must be of. */
  readonly holdOut?: { readonly fromMs: number; readonly toMs: number };
  readonly candidateSizeMb?: number;
  readonly memoryMb?: number;
  readonly threads?: number;
  readonly signal?: AbortSignal;
}

/**
 * Judges predictions by the gates of a policy on this machine, without a server.
 *
 * @throws {UnusableData} for files that cannot be judged
 */
export async function evaluateFiles(request: EvaluationRequest): Promise<EvaluationReport> {
  const { evaluate, signal, holdOut, candidateSizeMb } = request;
  const predictions = await dataFiles(request.predictions, 'predictions');
  const training =
    request.trainingRows === undefined
      ? null
      : await dataFiles(request.trainingRows, 'training rows');
  const scratchDir = await mkdtemp(join(tmpdir(), 'modelkeeper-evaluate-'));
  try {
    const duckOptions = {
      scratchDir,
      readableFiles: [...predictions.files, ...(training?.files ?? [])],
      ...(request.threads !== undefined && { threads: request.threads }),
      ...(request.memoryMb !== undefined && { memoryLimitMb: request.memoryMb }),
      ...(signal && { signal }),
    };
    return await withDuck(duckOptions, (duck) =>
      evaluateGates(duck, {
        file: predictions,
        ...(training !== null && { trainingRowsFile: training }),
        holdOut: holdOut ?? null,
        gates: evaluate.gates,
        ...(evaluate.inputs && { inputs: evaluate.inputs }),
        confidence: request.confidence ?? evaluate.confidence,
        seed: request.seed,
        minRows: evaluate.minRows,
        offline: true,
        ...(candidateSizeMb !== undefined && { candidateSizeBytes: candidateSizeMb * 1_000_000 }),
        ...(signal && { signal }),
      }),
    );
  } finally {
    await rm(scratchDir, { recursive: true, force: true });
  }
}

const FORMATS: Readonly<Record<string, DataFiles['format']>> = {
  '.parquet': 'parquet',
  '.csv': 'csv',
  '.jsonl': 'jsonl',
  '.ndjson': 'jsonl',
};
const KINDS = 'Parquet (.parquet), CSV (.csv) or JSON lines (.jsonl, .ndjson), also with .gz';

/** What lies at paths that people gave: files of one format. A link within a folder leads nowhere. */
async function dataFiles(paths: readonly string[], what: string): Promise<DataFiles> {
  const found: string[] = [];
  for (const path of paths) {
    let real: string;
    try {
      real = await realpath(path);
    } catch (error) {
      throw new UnusableData(`${path} cannot be read: ${readFault(error)}`);
    }
    const facts = await stat(real);
    if (facts.isFile()) found.push(real);
    else if (facts.isDirectory()) {
      const entries = await readdir(real, { withFileTypes: true });
      const files = entries.filter((entry) => entry.isFile() && formatOf(entry.name) !== null);
      if (files.length === 0)
        throw new UnusableData(`there are no ${what} in ${path}: write them as ${KINDS}`);
      found.push(...files.map((entry) => join(real, entry.name)).sort());
    } else throw new UnusableData(`${path} is neither a file nor a folder`);
  }
  const odd = found.find((file) => formatOf(file) === null);
  if (odd !== undefined) throw new UnusableData(`${odd} has no known ending: write ${KINDS}`);
  const formats = [...new Set(found.flatMap((file) => formatOf(file) ?? []))];
  const [format] = formats;
  if (format === undefined || formats.length > 1)
    throw new UnusableData(`the ${what} are of several formats: give files of one`);
  return { files: found, format };
}

function formatOf(file: string): DataFiles['format'] | null {
  const name = file.toLowerCase().replace(/\.gz$/, '');
  return FORMATS[extname(name)] ?? null;
}

function readFault(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ENOENT') return 'there is no such file or folder';
  if (code === 'EACCES' || code === 'EPERM') return 'you may not read it';
  return messageOf(error);
}
