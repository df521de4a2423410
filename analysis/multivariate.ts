import { setImmediate as nextTurn } from 'node:timers/promises';

import type { MultivariateReading } from '../domain/multivariate.schema.js';
import type { ColumnSpec } from '../domain/stats/types.js';
import { classifySides } from './domain-classifier.js';
import type { Duck } from './duck.js';
import { reconstructSides } from './reconstruction.js';
import { openFiles, openTable } from './relation.js';
import type { DataFiles } from './relation.js';
import { sampleSides, type SampledSides } from './row-sample.js';

export interface MultivariateOptions {
  readonly method: MultivariateReading['method'];
  readonly seed: number;
  /** Most rows of either side. */
  readonly most: number;
  readonly reference: DataFiles;
  /** Files, or a table that holds the window. */
  readonly window: DataFiles | { readonly table: string };
  readonly specs: readonly ColumnSpec[];
  readonly ignore: readonly string[];
  readonly predictionColumn?: string;
  readonly signal?: AbortSignal;
  readonly onStage?: (stage: string) => void;
}

/** Of the interval that is judged: the bound nearer to chance counts. */
const CONFIDENCE = 0.98;

/**
 * Whether columns drifted together, though each by itself may look as ever.
 *
 * @throws {UnusableData} when files cannot be read or have no column in common
 */
export async function compareTogether(
  duck: Duck,
  options: MultivariateOptions,
): Promise<MultivariateReading> {
  options.onStage?.('reading the reference');
  const reference = await openFiles(duck, options.reference);
  const { window: given } = options;
  const window =
    'table' in given ? await openTable(duck, given.table) : await openFiles(duck, given);
  const sides = await sampleSides(duck, reference, window, options);
  return readSides(sides, options);
}

/** The part of {@link compareTogether} that needs no database. Lets others have their turn, and can be stopped. */
export async function readSides(
  sides: SampledSides,
  {
    method,
    seed,
    signal,
    onStage,
  }: Pick<MultivariateOptions, 'method' | 'seed' | 'signal' | 'onStage'>,
): Promise<MultivariateReading> {
  onStage?.(method === 'pca' ? 'putting rows together again' : 'learning to tell the two apart');
  const turn = async (): Promise<void> => {
    await nextTurn();
    signal?.throwIfAborted();
  };
  const compare = method === 'pca' ? reconstructSides : classifySides;
  const { features, ...findings } = await compare(sides, { seed, confidence: CONFIDENCE, turn });
  const varying = new Set(features.map(({ column }) => column));
  const still = sides.columns
    .filter((_, column) => !varying.has(column))
    .map(({ name }) => ({ name, reason: 'it does not vary' }));
  return {
    schema: 'modelkeeper/multivariate-v1',
    method,
    seed,
    reference: sides.reference,
    window: sides.window,
    ...findings,
    used: sides.columns.length - still.length,
    leftOut: [...sides.leftOut, ...still],
  };
}
