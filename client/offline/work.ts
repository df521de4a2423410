import { constants, rmSync } from 'node:fs';
import { access, mkdtemp, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

import { withDuck, UnusableData, type Duck } from '../../analysis/index.js';
import { messageOf } from '../errors.js';
import { UnusableInput } from './inputs.js';

export interface WorkLimits {
  readonly memoryMb: number;
  readonly threads: number;
}

export interface Work extends WorkLimits {
  readonly signal: AbortSignal;
  /** What is being done now, for whoever waits. */
  readonly onStage: (stage: string) => void;
  /** Fetches what lies below an S3 address into a folder. */
  readonly download: (
    uri: string,
    folder: string,
    signal: AbortSignal,
  ) => Promise<readonly { readonly uri: string; readonly path: string }[]>;
}

/** A folder of its own for one piece of work; gone afterwards, also when the process is told to end. */
export async function withScratch<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'modelkeeper-')).catch((error: unknown) => {
    throw new UnusableInput(
      `${tmpdir()} cannot hold temporary files: ${messageOf(error)}; set TMPDIR to a folder that you may write to`,
    );
  });
  const remove = () => {
    rmSync(folder, { recursive: true, force: true });
  };
  process.once('exit', remove);
  try {
    return await work(folder);
  } finally {
    process.removeListener('exit', remove);
    await rm(folder, { recursive: true, force: true });
  }
}

/** Runs over named files in a database that can read these and nothing else. */
export async function analyse<T>(
  { memoryMb, threads, signal }: Pick<Work, 'memoryMb' | 'threads' | 'signal'>,
  scratch: string,
  names: ReadonlyMap<string, string>,
  run: (duck: Duck) => Promise<T>,
): Promise<T> {
  try {
    return await withDuck(
      {
        scratchDir: join(scratch, 'database'),
        readableFiles: [...names.keys()],
        memoryLimitMb: memoryMb,
        threads,
        signal,
      },
      run,
    );
  } catch (error) {
    if (signal.aborted) throw error;
    const message = messageOf(error);
    if (/^Out of Memory Error/.test(message))
      throw new UnusableInput(
        `${memoryMb} MB of memory are not enough for this: give more (--memory ${memoryMb * 2}) or fewer threads (--threads 1)`,
      );
    if (/No space left|max_temp_directory_size/.test(message))
      throw new UnusableInput(
        `the disk has no room for what does not fit into ${memoryMb} MB of memory: give more (--memory ${memoryMb * 2}), or set TMPDIR to a larger disk`,
      );
    if (error instanceof UnusableData) throw new UnusableInput(renamed(message, names, scratch));
    throw error;
  }
}

/** Messages of the database name files as it sees them. */
function renamed(message: string, names: ReadonlyMap<string, string>, scratch: string): string {
  let text = message;
  for (const [path, shown] of names) text = text.replaceAll(path, shown);
  return text.replaceAll(scratch, '(a file made for this)');
}

/**
 * Writes a result; what stands there is replaced once the new one is whole.
 *
 * @throws {UnusableInput} before anything is done, for a place that cannot be written to
 */
export async function writeResult(path: string, text: string): Promise<void> {
  const partial = `${path}.${process.pid}.part`;
  try {
    await writeFile(partial, text);
    await rename(partial, path);
  } catch (error) {
    await rm(partial, { force: true }).catch(() => undefined);
    throw new UnusableInput(`${path} cannot be written: ${messageOf(error)}`);
  }
}

/** That a result can go there and overwrites nothing that is read. @throws {UnusableInput} */
export async function checkResultPath(path: string, inputs: readonly string[]): Promise<void> {
  const there = await stat(path).catch(() => undefined);
  if (there?.isDirectory() === true)
    throw new UnusableInput(`${path} is a folder: name a file in it`);
  const folder = dirname(path);
  if ((await stat(resolve(folder)).catch(() => undefined)) === undefined)
    throw new UnusableInput(`${path}: there is no folder ${folder}`);
  await access(resolve(folder), constants.W_OK | constants.X_OK).catch(() => {
    throw new UnusableInput(
      `${path}: you may not write into ${folder}; change its permissions, or write elsewhere`,
    );
  });
  for (const input of inputs) {
    const read = await stat(input).catch(() => undefined);
    if (read !== undefined && read.ino === there?.ino && read.dev === there.dev)
      throw new UnusableInput(`${path} is read as data: write the result elsewhere`);
  }
}
