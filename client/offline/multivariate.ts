import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

import { compareTogether, readCapture, type DataFiles, type Duck } from '../../analysis/index.js';
import {
  multivariateReport,
  type MultivariateLimits,
  type MultivariateMethod,
  type MultivariateReport,
} from '../../domain/multivariate.js';
import type { PolicySpec } from '../../domain/policy.schema.js';
import { readInput, UnusableInput, type DataInput } from './inputs.js';
import { analyse, checkResultPath, withScratch, type Work } from './work.js';

export interface MultivariateRequest {
  readonly reference: readonly string[];
  readonly window: readonly string[];
  readonly method: MultivariateMethod;
  readonly limits: MultivariateLimits;
  readonly seed: number;
  /** Most rows of either side. */
  readonly most: number;
  readonly columns: PolicySpec['detect']['columns'];
  /** Left out beside those of `columns`. */
  readonly ignore: readonly string[];
  readonly predictionColumn?: string;
  readonly captureColumns?: readonly string[];
  /** Of data capture: the requests of this time alone. */
  readonly span?: { readonly fromMs: number; readonly toMs: number };
  /** Where the result will be written: it must not be one of the files that are read. */
  readonly out?: string;
}

/**
 * Compares how columns move together in a window and in a reference.
 *
 * @throws {UnusableInput} for files that cannot be used
 */
export function findMultivariateDrift(
  request: MultivariateRequest,
  work: Work,
): Promise<MultivariateReport> {
  return withScratch(async (scratch) => {
    work.onStage('finding the files');
    const read = async (given: readonly string[], what: 'reference' | 'window') => {
      const folder = join(scratch, what);
      await mkdir(folder);
      const place = {
        scratch: folder,
        download: (uri: string, into: string) => work.download(uri, into, work.signal),
      };
      return rowsOf(await readInput(given, what, place), given);
    };
    const reference = await read(request.reference, 'reference');
    const window = await read(request.window, 'window');
    const names = new Map([...reference.names, ...window.names]);
    if (request.out !== undefined) await checkResultPath(request.out, [...names.keys()]);
    // One thread: the database then reads in order, and the same seed draws the same rows.
    const reading = await analyse({ ...work, threads: 1 }, scratch, names, async (duck) =>
      compareTogether(duck, {
        method: request.method,
        seed: request.seed,
        most: request.most,
        reference: dataOf(reference, request),
        window: await windowOf(duck, window, request),
        specs: request.columns.categorical.map((name) => ({ name, kind: 'categorical' })),
        ignore: [...request.columns.ignore, ...request.ignore],
        ...(request.predictionColumn === undefined
          ? {}
          : { predictionColumn: request.predictionColumn }),
        signal: work.signal,
        onStage: work.onStage,
      }),
    );
    return multivariateReport(reading, request.limits);
  });
}

function rowsOf(input: Awaited<ReturnType<typeof readInput>>, given: readonly string[]): DataInput {
  if (input.kind === 'data') return input;
  throw new UnusableInput(
    `${given.join(', ')} is a profile, which has no rows: give the files it was made from`,
  );
}

function dataOf(
  { files, format }: DataInput,
  { captureColumns }: Pick<MultivariateRequest, 'captureColumns'>,
): DataFiles {
  return { files, format, ...(captureColumns === undefined ? {} : { captureColumns }) };
}

async function windowOf(
  duck: Duck,
  input: DataInput,
  { span, captureColumns }: MultivariateRequest,
): Promise<DataFiles | { readonly table: string }> {
  if (span === undefined) return dataOf(input, { ...(captureColumns && { captureColumns }) });
  if (input.format !== 'capture')
    throw new UnusableInput(
      'only data capture knows when its rows were asked: take --from and --to off, or cut the file',
    );
  if (captureColumns === undefined)
    throw new UnusableInput('name the columns of the captured requests (--columns a,b,c)');
  return readCapture(duck, { files: input.files, columns: captureColumns, window: span });
}
