import { readFile } from 'node:fs/promises';

import { evaluateGates, type DataFiles } from '../../analysis/index.js';
import { furtherOf, PRESENT, presentOf, type Dataset } from '../../domain/datasets.js';
import type { EvaluatePolicy } from '../../domain/evaluate.schema.js';
import { judgePoints, pointsOf, type PointReport } from '../../domain/point-estimates.js';
import type { EvaluationReport } from '../../domain/stats/types.js';
import { messageOf } from '../errors.js';
import { readInput, UnusableInput, type DataInput, type InputPlace } from './inputs.js';
import { analyse, checkResultPath, withScratch, type Work } from './work.js';

export interface EvaluationRequest {
  /** Files of one format, or a folder of them; those of a further set as `name=file`. */
  readonly predictions: readonly string[];
  readonly trainingRows?: readonly string[];
  readonly evaluate: EvaluatePolicy;
  readonly seed: number;
  /** In place of the policy's. */
  readonly confidence?: number;
  /** The window that the rows must be of. */
  readonly holdOut?: { readonly fromMs: number; readonly toMs: number };
  readonly candidateSizeMb?: number;
  /** There is no champion, so that gates that compare are left out. */
  readonly firstModel?: boolean;
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
    const given = bySet(request.predictions, evaluate);
    const predictions = await rowsIn(given.get(PRESENT) ?? [], 'predictions', place);
    const sets: FurtherSet[] = [];
    for (const { name, floor, afterTrainingCutoff } of furtherOf(evaluate)) {
      const files = given.get(name);
      const data = files === undefined ? null : await rowsIn(files, 'predictions', place);
      sets.push({ name, floor, afterTrainingCutoff, data });
    }
    const training =
      trainingRows === undefined ? null : await rowsIn(trainingRows, 'training rows', place);
    const names = new Map([
      ...predictions.names,
      ...sets.flatMap(({ data }) => [...(data?.names ?? [])]),
      ...(training?.names ?? []),
    ]);
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
        floor: presentOf(evaluate).floor,
        ...(sets.length > 0 && {
          datasets: sets.map(({ data, ...set }) => ({
            ...set,
            predictions: data === null ? { missing: notGiven(set.name) } : filesOf(data),
          })),
        }),
        offline: true,
        ...(request.firstModel === true && { firstModel: true }),
        ...(candidateSizeMb !== undefined && { candidateSizeBytes: candidateSizeMb * 1_000_000 }),
        signal: work.signal,
      }),
    );
  });
}

interface FurtherSet extends Pick<Dataset, 'name' | 'floor' | 'afterTrainingCutoff'> {
  /** `null` when nobody gave it. */
  readonly data: DataInput | null;
}

const notGiven = (name: string): string =>
  `no predictions of the set ${name} were given: add --predictions ${name}=FILE`;

/**
 * Which files are of which set: `name=file`, and those without a name are of the held-out rows.
 *
 * @throws {UnusableInput}
 */
export function bySet(
  given: readonly string[],
  evaluate: Pick<EvaluatePolicy, 'datasets' | 'predictions'>,
): ReadonlyMap<string, readonly string[]> {
  const known = [PRESENT, ...furtherOf(evaluate).map(({ name }) => name)];
  const sets = new Map<string, string[]>();
  let last: string | undefined;
  for (const one of given) {
    const [, name, file] = /^([a-z0-9][a-z0-9-]{0,39})=(.+)$/s.exec(one) ?? [];
    if (name !== undefined && !known.includes(name))
      throw new UnusableInput(
        `${one}: the policy has no set of predictions ${name}, only ${known.join(', ')}; describe it in evaluate.datasets (a file of that name is ./${one})`,
      );
    if (name === undefined && last !== undefined)
      throw new UnusableInput(
        `${one}: say which set it is of, such as ${last}=${one} or ${PRESENT}=${one}`,
      );
    last = name;
    const set = name ?? PRESENT;
    sets.set(set, [...(sets.get(set) ?? []), file ?? one]);
  }
  if (!sets.has(PRESENT))
    throw new UnusableInput(
      `the held-out predictions are missing: give them too, as --predictions ${PRESENT}=FILE`,
    );
  return sets;
}

export interface PointsRequest {
  /** `evaluation.json` of the candidate in SageMaker's format. */
  readonly metrics: string;
  readonly championMetrics?: string;
  readonly evaluate: EvaluatePolicy;
  readonly confidence?: number;
  readonly candidateSizeMb?: number;
  /** There is no champion, so that gates that compare are left out. */
  readonly firstModel?: boolean;
}

/**
 * Judges metrics that somebody computed, without rows.
 *
 * @throws {UnusableInput} for files that hold none
 */
export async function evaluatePoints(request: PointsRequest): Promise<EvaluationReport> {
  const { evaluate, championMetrics, candidateSizeMb = 0 } = request;
  const own = await readPoints(request.metrics);
  const champion =
    championMetrics === undefined ? own.champion : (await readPoints(championMetrics)).candidate;
  return judgePoints(
    { candidate: own.candidate, champion },
    {
      gates: evaluate.gates,
      holdOut: null,
      confidence: request.confidence ?? evaluate.confidence,
      seed: 0,
      championExpected: false,
      candidateSizeBytes: candidateSizeMb * 1_000_000,
      allowed: evaluate.allowPointEstimates === true,
      firstModel: request.firstModel ?? false,
    },
  );
}

async function readPoints(file: string): Promise<PointReport> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw new UnusableInput(`${file} cannot be read: ${messageOf(error)}`);
  }
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw new UnusableInput(
      `${file} is not JSON: give an evaluation.json in SageMaker's format, or rows by --predictions`,
    );
  }
  const points = pointsOf(parsed);
  if (points === null)
    throw new UnusableInput(
      `${file} holds no binary_classification_metrics and no regression_metrics${hasSeveralClasses(parsed) ? '; models of several classes are not judged' : ''}`,
    );
  return points;
}

const hasSeveralClasses = (report: unknown): boolean =>
  typeof report === 'object' && report !== null && 'multiclass_classification_metrics' in report;

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
