import { evaluateGates, type DataFiles } from '../../analysis/index.js';
import type { EvaluatePolicy } from '../../domain/evaluate.schema.js';
import type { EvaluationReport } from '../../domain/stats/types.js';
import { readInput, UnusableInput, type DataInput, type InputPlace } from './inputs.js';
import { analyse, checkResultPath, withScratch, type Work } from './work.js';

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
  /** Where the report will be written: it must not be one of the files that are read. */
  readonly out?: string;
}

/**
 * Judges predictions by the gates of a policy on this machine, without a server.
 *
 * @throws {UnusableInput} for files that cannot be judged
 */
export function evaluateFiles(request: EvaluationRequest, work: Work): Promise<EvaluationReport> {
  const { evaluate, holdOut, candidateSizeMb, trainingRows } = request;
  return withScratch(async (scratch) => {
    const place: InputPlace = {
      scratch,
      download: (uri, folder) => work.download(uri, folder, work.signal),
    };
    work.onStage('finding the files');
    const predictions = await rowsIn(request.predictions, 'predictions', place);
    const training =
      trainingRows === undefined ? null : await rowsIn(trainingRows, 'training rows', place);
    const names = new Map([...predictions.names, ...(training?.names ?? [])]);
    if (request.out !== undefined) await checkResultPath(request.out, [...names.keys()]);
    work.onStage('judging the gates');
    return analyse(work, scratch, names, (duck) =>
      evaluateGates(duck, {
        file: filesOf(predictions),
        ...(training !== null && { trainingRowsFile: filesOf(training) }),
        holdOut: holdOut ?? null,
        gates: evaluate.gates,
        ...(evaluate.inputs && { inputs: evaluate.inputs }),
        confidence: request.confidence ?? evaluate.confidence,
        seed: request.seed,
        minRows: evaluate.minRows,
        offline: true,
        ...(candidateSizeMb !== undefined && { candidateSizeBytes: candidateSizeMb * 1_000_000 }),
        signal: work.signal,
      }),
    );
  });
}

const filesOf = ({ files, format }: DataInput): DataFiles => ({ files, format });

async function rowsIn(
  given: readonly string[],
  what: 'predictions' | 'training rows',
  place: InputPlace,
): Promise<DataInput> {
  const input = await readInput(given, what, place);
  if (input.kind !== 'data' || input.format === 'capture')
    throw new UnusableInput(
      `${given.join(', ')}: ${what} are a table, as Parquet, CSV or JSON lines`,
    );
  return input;
}
