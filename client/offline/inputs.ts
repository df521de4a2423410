import { constants } from 'node:fs';
import { access, copyFile, open, readdir, realpath, stat } from 'node:fs/promises';
import { basename, extname, join, relative, resolve, sep } from 'node:path';
import { gunzipSync, constants as zlib } from 'node:zlib';

import { messageOf } from '../errors.js';

/** What people gave cannot be read; the sentence says what to change. */
export class UnusableInput extends Error {
  override readonly name = 'UnusableInput';
}

export type InputFormat = 'parquet' | 'csv' | 'jsonl' | 'capture';

/** Files of rows of one kind, ready for the database. */
export interface DataInput {
  readonly kind: 'data';
  readonly files: readonly string[];
  readonly format: InputFormat;
  /** The file's name where people gave it, by the path it is read from. */
  readonly names: ReadonlyMap<string, string>;
}

export type Input = DataInput | { readonly kind: 'profile'; readonly file: string };

export interface InputPlace {
  /** Copies and downloads go here. */
  readonly scratch: string;
  /** Fetches what lies below an S3 address. */
  readonly download: (
    uri: string,
    folder: string,
  ) => Promise<readonly { readonly uri: string; readonly path: string }[]>;
}

interface Candidate {
  readonly path: string;
  readonly shown: string;
  /** Named by people themselves, or found in a folder of theirs. */
  readonly named: boolean;
}

/** Enough for the first line of nearly everything, and for the magic bytes. */
const HEAD_BYTES = 65_536;
const MOST_FILES = 10_000;

/**
 * Finds and recognises the files behind paths, folders, globs and S3 addresses.
 *
 * @throws {UnusableInput}
 */
export async function readInput(
  given: readonly string[],
  what: 'baseline' | 'reference' | 'window' | 'predictions' | 'training rows',
  place: InputPlace,
): Promise<Input> {
  const candidates: Candidate[] = [];
  for (const one of given) candidates.push(...(await candidatesOf(one, what, place)));
  const seen = new Set<string>();
  const recognised: { readonly candidate: Candidate; readonly format: Recognised }[] = [];
  for (const candidate of candidates) {
    if (seen.has(candidate.path)) continue;
    seen.add(candidate.path);
    const format = await recognise(candidate);
    if (format !== 'not data') recognised.push({ candidate, format });
  }
  const [first, second] = recognised;
  if (first === undefined) {
    throw new UnusableInput(
      `${given.join(', ')} holds no data files: give Parquet, CSV (.csv, .csv.gz), JSON lines (.jsonl, .ndjson, .json) or SageMaker data capture`,
    );
  }
  const other = recognised.find(({ format }) => format !== first.format);
  if (other !== undefined) {
    throw new UnusableInput(
      `the ${what} mixes formats: ${first.candidate.shown} is ${WORDS[first.format]}, ${other.candidate.shown} is ${WORDS[other.format]}; give files of one format`,
    );
  }
  if (first.format === 'profile') {
    if (what !== 'baseline' && what !== 'reference' && what !== 'window')
      throw new UnusableInput(`${first.candidate.shown} is a profile: give the data files`);
    if (what === 'window' || what === 'reference')
      throw new UnusableInput(
        `${first.candidate.shown} is a profile: a ${what} is compared by its rows, give the data files`,
      );
    if (second !== undefined)
      throw new UnusableInput(
        `a baseline is one profile, not several: ${first.candidate.shown}, ${second.candidate.shown}`,
      );
    return { kind: 'profile', file: first.candidate.path };
  }
  const names = new Map<string, string>();
  for (const { candidate } of recognised) {
    names.set(await withoutGlobs(candidate.path, names.size, place.scratch), candidate.shown);
  }
  return { kind: 'data', files: [...names.keys()], format: first.format, names };
}

type Recognised = InputFormat | 'profile';
const WORDS: Readonly<Record<Recognised, string>> = {
  parquet: 'Parquet',
  csv: 'CSV',
  jsonl: 'JSON lines',
  capture: 'data capture',
  profile: 'a profile',
};

async function candidatesOf(
  given: string,
  what: string,
  place: InputPlace,
): Promise<readonly Candidate[]> {
  if (given.startsWith('s3://')) {
    const found = await place.download(given, place.scratch);
    if (found.length === 0)
      throw new UnusableInput(`there is nothing at or below ${given}: check the address`);
    return found.map(({ uri, path }) => ({ path, shown: uri, named: uri === given }));
  }
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(given))
    throw new UnusableInput(`${given}: only s3:// addresses and files are read`);
  if (given === '') throw new UnusableInput(`the path of the ${what} is empty`);
  const path = await existing(given);
  if (path === undefined) {
    if (WILD.test(given)) return filesOfGlob(given);
    throw new UnusableInput(`${given}: there is no such file`);
  }
  const facts = await stat(path);
  if (facts.isDirectory()) return filesBelow(path, given, () => true);
  if (!facts.isFile()) throw new UnusableInput(`${given} is neither a file nor a folder`);
  return [{ path, shown: given, named: true }];
}

async function existing(given: string): Promise<string | undefined> {
  try {
    return await realpath(given);
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return undefined;
    throw unreadable(given, error);
  }
}

/** `*` and `?` within a name, `**` over folders. */
const WILD = /[*?]/;

/** Walks the folder before the first wildcard. */
async function filesOfGlob(given: string): Promise<readonly Candidate[]> {
  const parts = given.split(sep);
  const wild = parts.findIndex((part) => WILD.test(part));
  const folder = parts.slice(0, wild).join(sep) || (given.startsWith(sep) ? sep : '.');
  const pattern = parts.slice(wild).join(sep);
  const path = await existing(folder);
  if (path === undefined) throw new UnusableInput(`${given}: there is no folder ${folder}`);
  const depth = pattern.includes('**') ? Infinity : parts.length - wild - 1;
  const fits = patternOf(pattern);
  const found = await filesBelow(path, folder, (name) => fits.test(name), depth);
  if (found.length === 0) throw new UnusableInput(`${given}: no file fits`);
  return found;
}

function patternOf(glob: string): RegExp {
  const source = glob
    .replaceAll(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll(/\*\*\/|\*\*|\*|\?/g, (wild) =>
      wild === '**/' ? '(?:.*/)?' : wild === '**' ? '.*' : wild === '*' ? '[^/]*' : '[^/]',
    );
  return new RegExp(`^${source}$`, 'su');
}

/** What lies in a folder, in the order of names. Hidden files and what jobs leave beside their data are no data. */
async function filesBelow(
  root: string,
  shown: string,
  wanted: (name: string) => boolean,
  depth = Infinity,
): Promise<readonly Candidate[]> {
  const found: Candidate[] = [];
  const walk = async (folder: string, level: number): Promise<void> => {
    const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
      throw unreadable(join(shown, relative(root, folder)), error);
    });
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      if (/^[._]/.test(entry.name)) continue;
      const path = join(folder, entry.name);
      const name = relative(root, path);
      if (entry.isSymbolicLink()) {
        if (!wanted(name)) continue;
        const target = await existing(path);
        if (target === undefined || !`${target}${sep}`.startsWith(`${root}${sep}`))
          throw new UnusableInput(
            `${join(shown, name)} is a link that leads out of ${shown}: give the file itself, or take the link away`,
          );
        // What it leads to is found by itself.
        continue;
      }
      if (entry.isDirectory()) {
        if (level < depth) await walk(path, level + 1);
      } else if (entry.isFile() && wanted(name)) {
        found.push({ path, shown: join(shown, name), named: false });
        if (found.length > MOST_FILES)
          throw new UnusableInput(`${shown} holds more than ${MOST_FILES} files`);
      }
    }
  };
  await walk(root, 0);
  return found;
}

const EXTENSIONS: Readonly<Record<string, 'parquet' | 'csv' | 'json'>> = {
  '.parquet': 'parquet',
  '.pq': 'parquet',
  '.csv': 'csv',
  '.jsonl': 'json',
  '.ndjson': 'json',
  '.json': 'json',
};

/** By the name, and by what is in it; a file in a folder that is nothing of ours is passed over. */
async function recognise({ path, shown, named }: Candidate): Promise<Recognised | 'not data'> {
  const gzipped = path.toLowerCase().endsWith('.gz');
  const extension = extname(gzipped ? path.slice(0, -3) : path).toLowerCase();
  const byName = EXTENSIONS[extension];
  if (byName === undefined && !named) return 'not data';
  const head = await headOf(path, shown, gzipped);
  if (head.length === 0) {
    if (!named) return 'not data';
    throw new UnusableInput(`${shown} is empty`);
  }
  const isParquet = head.subarray(0, 4).toString('latin1') === 'PAR1';
  if (isParquet && byName !== undefined && byName !== 'parquet')
    throw new UnusableInput(
      `${shown} is named ${extension} and holds Parquet: rename it to .parquet`,
    );
  if (isParquet || byName === 'parquet') {
    if (gzipped)
      throw new UnusableInput(`${shown}: Parquet is compressed in itself, unpack it with gunzip`);
    if (!isParquet) throw new UnusableInput(`${shown} is not Parquet, though its name says so`);
    return 'parquet';
  }
  if (/^(\u00ff\u00fe|\u00fe\u00ff)/.test(head.subarray(0, 2).toString('latin1')))
    throw new UnusableInput(`${shown} is UTF-16: convert it to UTF-8 (iconv -f UTF-16 -t UTF-8)`);
  const text = head
    .toString('utf8')
    .replace(/^\uFEFF/, '')
    .trimStart();
  if (byName === 'csv') return 'csv';
  if (text.startsWith('{')) {
    const tail = gzipped ? '' : await tailOf(path, shown);
    return IS_PROFILE.test(text) || IS_PROFILE.test(tail) ? 'profile' : jsonKind(text, shown);
  }
  if (text.startsWith('[') && byName === 'json')
    throw new UnusableInput(
      `${shown} holds one JSON list: write one object per line (jq -c '.[]' ${shown})`,
    );
  if (byName === 'json') throw new UnusableInput(`${shown} holds no JSON lines`);
  throw new UnusableInput(
    `${shown}: the format is not known; read are Parquet, CSV (.csv), JSON lines (.jsonl) and SageMaker data capture, the texts also as .gz`,
  );
}

/** Wherever the member stands: other tools sort them. Bounded, as blank lines without end would take as long. */
const IS_PROFILE = /^[^\n]{0,4}[ \t]{0,64}"schema"[ \t]{0,8}:[ \t]{0,8}"modelkeeper\/profile-v1"/m;
const IS_CAPTURE = /^[ \t]{0,64}\{.*"captureData"[ \t]{0,8}:[ \t]{0,8}\{/m;

function jsonKind(text: string, shown: string): Recognised {
  if (IS_CAPTURE.test(text)) return 'capture';
  const [line = ''] = text.split('\n', 1);
  if (line.length < text.length) {
    try {
      JSON.parse(line);
    } catch {
      // A truncated line of capture is counted later; a document over several lines has an opening only.
      if (/^\{\s*$/.test(line))
        throw new UnusableInput(
          `${shown} holds one JSON document over several lines: write one object per line (jq -c . ${shown})`,
        );
    }
  }
  return 'jsonl';
}

async function tailOf(path: string, shown: string): Promise<string> {
  try {
    const file = await open(path);
    try {
      const { size } = await file.stat();
      const length = Math.min(size, 4_096);
      const buffer = Buffer.alloc(length);
      await file.read(buffer, 0, length, size - length);
      return buffer.toString('utf8');
    } finally {
      await file.close();
    }
  } catch (error) {
    throw unreadable(shown, error);
  }
}

async function headOf(path: string, shown: string, gzipped: boolean): Promise<Buffer> {
  try {
    await access(path, constants.R_OK);
    const file = await open(path);
    try {
      const buffer = Buffer.alloc(HEAD_BYTES);
      const { bytesRead } = await file.read(buffer, 0, HEAD_BYTES, 0);
      const head = buffer.subarray(0, bytesRead);
      // Cut off in the middle: what could be unpacked is enough.
      return gzipped && bytesRead > 0
        ? gunzipSync(head, {
            finishFlush: zlib.Z_SYNC_FLUSH,
            maxOutputLength: 64 * 1_048_576,
          }).subarray(0, HEAD_BYTES)
        : head;
    } finally {
      await file.close();
    }
  } catch (error) {
    if (gzipped && /^(Z_|ERR_BUFFER)/.test(codeOf(error) ?? ''))
      throw new UnusableInput(`${shown} is not gzip, though its name says so`);
    throw unreadable(shown, error);
  }
}

/** The database would take such a name for a pattern of other files' names. */
async function withoutGlobs(path: string, index: number, scratch: string): Promise<string> {
  if (!/[*?[\]{}]/.test(path)) return path;
  const copy = resolve(
    scratch,
    `input-${index}-${basename(path)
      .replaceAll(/[^\w.-]/g, '_')
      .slice(-100)}`,
  );
  await copyFile(path, copy, constants.COPYFILE_FICLONE);
  return copy;
}

function unreadable(shown: string, error: unknown): UnusableInput {
  const code = codeOf(error);
  if (code === 'EACCES' || code === 'EPERM')
    return new UnusableInput(`${shown}: it may not be read by you; change its permissions`);
  if (code === 'ELOOP') return new UnusableInput(`${shown} is a link that leads back to itself`);
  if (code === 'ENOENT') return new UnusableInput(`${shown}: there is no such file`);
  return new UnusableInput(`${shown} cannot be read: ${messageOf(error)}`);
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : undefined;
}
