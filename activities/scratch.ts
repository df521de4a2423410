import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';

import type { S3Client } from '@aws-sdk/client-s3';

import { download, inParallel } from './s3.js';

/** Downloads at a time. */
const WIDTH = 8;

/** Folders of this machine's processes: others may keep theirs in the same place. */
const OURS = `look-${hostname().replaceAll(/[^\w.]/g, '_')}-`;

/** Runs `work` with a folder of its own and removes it afterwards, whatever happened. */
export async function withScratch<T>(
  root: string,
  work: (folder: string) => Promise<T>,
): Promise<T> {
  await mkdir(root, { recursive: true });
  const folder = await mkdtemp(join(root, `${OURS}${process.pid}-`));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * Removes what processes of this machine left that were killed in the middle of their work. For the beginning of a
 * process: what has its own number is of an earlier one, as in a container that was started again.
 */
export async function sweepScratch(root: string): Promise<readonly string[]> {
  const names = await readdir(root).catch((): string[] => []);
  const left = names.filter((name) => {
    const [, pid] = /^(\d+)-/.exec(name.startsWith(OURS) ? name.slice(OURS.length) : '') ?? [];
    return pid !== undefined && (Number(pid) === process.pid || !isAlive(Number(pid)));
  });
  for (const name of left) await rm(join(root, name), { recursive: true, force: true });
  return left;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/**
 * Downloads objects as `<name>-<n><extension>`; keys are other people's and name no file here. Objects that are
 * gone are left out.
 */
export async function downloadAll(
  s3: S3Client,
  uris: readonly string[],
  folder: string,
  name: string,
): Promise<readonly string[]> {
  const objects = uris.map((uri) => ({ uri }));
  return (await downloadEach(s3, objects, folder, name)).map(({ path }) => path);
}

/** The same for objects of which more is known than their address: each with its path. */
export async function downloadEach<T extends { readonly uri: string }>(
  s3: S3Client,
  objects: readonly T[],
  folder: string,
  name: string,
): Promise<readonly (T & { readonly path: string })[]> {
  const found = await inParallel(objects, WIDTH, async (object, index) => {
    const extension = /\.(?:parquet|csv|jsonl?|ndjson)(?:\.gz)?$/.exec(object.uri)?.[0] ?? '';
    const path = join(folder, `${name}-${index}${extension}`);
    return (await download(s3, object.uri, path)) ? { ...object, path } : undefined;
  });
  return found.filter((object) => object !== undefined);
}
