import { createHash } from 'node:crypto';
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readArtefact } from '../../learner/archive.js';
import { predict } from '../../learner/logistic.js';
import type { Columns, Feature, LogisticModel } from '../../learner/logistic.js';
import type { Kernel } from '../kernel.js';
import { splitS3Uri } from './context.js';

/** The container refused a request, with the HTTP status it answered. */
export class ContainerError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

export interface Answer {
  readonly contentType: string;
  readonly body: string;
}

/** What a foreign artefact answers, per row: the sandbox cannot run other people's containers. */
export const FIXED_ANSWER = 0.5;

type Served =
  { readonly kind: 'ours'; readonly model: LogisticModel } | { readonly kind: 'foreign' };

/**
 * The model containers. An artefact is copied when an endpoint is provisioned, as an instance
 * downloads it, so that deleting the S3 object later changes nothing.
 */
export class Containers {
  private readonly loaded = new Map<string, Promise<Served>>();

  constructor(private readonly kernel: Kernel) {}

  /**
   * Copies the artefact at `modelDataUrl` and tries to read it.
   *
   * @returns the digest it is served under; throws an Error with AWS's kind of reason.
   */
  async stage(variant: string, modelDataUrl: string): Promise<string> {
    const { bucket, key } = splitS3Uri(modelDataUrl);
    const bytes = this.kernel.objects.get(bucket, key);
    if (bytes === undefined) {
      throw new Error(
        `Failed to download model data for container hosted on variant ${variant} from URL: "${modelDataUrl}". Please ensure that there is an object located at the URL and that the role passed to CreateModel has permissions to download the object.`,
      );
    }
    try {
      await readArtefact(bytes);
    } catch (error) {
      throw new Error(
        `Failed to extract model data archive from URL "${modelDataUrl}" for variant ${variant}. Please ensure that the object located at the URL is a valid tar.gz archive: ${error instanceof Error ? error.message : String(error)}`,
        { cause: error },
      );
    }
    const digest = createHash('sha256').update(bytes).digest('hex');
    mkdirSync(this.directory, { recursive: true });
    const draft = `${this.file(digest)}.${process.pid}`;
    writeFileSync(draft, bytes);
    renameSync(draft, this.file(digest));
    return digest;
  }

  /**
   * Predicts with a staged artefact. `text/csv`: rows without a header, fields in the order of the
   * model's features; answers one probability per line. `application/json`: `{"instances": [{…}]}`
   * or `{"instances": [[…]]}`; answers `{"predictions": [{"score": p}]}`. The answer's format follows
   * `accept` and is otherwise that of the request. Without an artefact the answer is fixed.
   *
   * @throws {ContainerError} 415 for another content type, 400 for rows that do not fit the model.
   */
  async invoke(
    artefact: string | undefined,
    contentType: string,
    accept: string,
    body: Buffer,
  ): Promise<Answer> {
    const served =
      artefact === undefined ? { kind: 'foreign' as const } : await this.load(artefact);
    const scores =
      served.kind === 'ours' ? scored(served.model, contentType, body) : fixed(contentType, body);
    const json =
      accept.includes('json') || (!accept.includes('csv') && contentType.includes('json'));
    return json
      ? {
          contentType: 'application/json',
          body: JSON.stringify({ predictions: scores.map((score) => ({ score })) }),
        }
      : { contentType: 'text/csv; charset=utf-8', body: scores.join('\n') };
  }

  private load(digest: string): Promise<Served> {
    const known = this.loaded.get(digest);
    if (known !== undefined) return known;
    const loading = readFile(this.file(digest)).then(readArtefact);
    this.loaded.set(digest, loading);
    return loading;
  }

  private get directory(): string {
    return join(this.kernel.home, 'sagemaker', 'artefacts');
  }

  private file(digest: string): string {
    return join(this.directory, `${digest}.tar.gz`);
  }
}

function fixed(contentType: string, body: Buffer): readonly number[] {
  if (contentType.includes('csv')) return csvRows(body).map(() => FIXED_ANSWER);
  const instances = contentType.includes('json') ? instancesOf(body) : undefined;
  return instances?.map(() => FIXED_ANSWER) ?? [FIXED_ANSWER];
}

function scored(model: LogisticModel, contentType: string, body: Buffer): readonly number[] {
  const rows = readRows(model.features, contentType, body);
  const columns: Columns = Object.fromEntries(
    model.features.map((feature, i) => [feature.name, rows.map((row) => fieldOf(feature, row[i]))]),
  );
  return Array.from(predict(model, columns), (p) => Number(p.toFixed(6)));
}

function readRows(
  features: readonly Feature[],
  contentType: string,
  body: Buffer,
): readonly (readonly unknown[])[] {
  const rows = contentType.includes('csv')
    ? csvRows(body)
    : contentType.includes('json')
      ? jsonRows(features, body)
      : undefined;
  if (rows === undefined)
    throw new ContainerError(415, `Content type ${contentType} is not supported`);
  if (rows.length === 0) throw new ContainerError(400, 'The request holds no rows');
  for (const row of rows) {
    if (row.length !== features.length) {
      throw new ContainerError(400, `Expected ${features.length} columns, got ${row.length}`);
    }
  }
  return rows;
}

/** One row a line; a field in double quotes may hold commas, and quotes written twice. */
function csvRows(body: Buffer): readonly (readonly string[])[] {
  return body
    .toString('utf8')
    .split(/\r?\n/)
    .filter((line) => line.trim() !== '')
    .map((line) => Array.from(`,${line}`.matchAll(CSV_FIELD), fieldText));
}

const CSV_FIELD = /,\s*(?:"((?:[^"]|"")*)"\s*(?=,|$)|([^,]*))/g;

function fieldText([, quoted, plain = '']: RegExpMatchArray): string {
  return quoted === undefined ? plain.trim() : quoted.replaceAll('""', '"');
}

/** The rows of a JSON document as far as it names any: somebody else's format is not judged. */
function instancesOf(body: Buffer): readonly unknown[] | undefined {
  try {
    const document = parsed(body);
    return isRecord(document) && Array.isArray(document['instances'])
      ? document['instances']
      : undefined;
  } catch {
    return undefined;
  }
}

function jsonRows(features: readonly Feature[], body: Buffer): readonly (readonly unknown[])[] {
  const document = parsed(body);
  if (!isRecord(document) || !Array.isArray(document['instances'])) {
    throw new ContainerError(400, 'Expected a JSON document {"instances": […]}');
  }
  return document['instances'].map((instance: unknown) => {
    if (Array.isArray(instance)) return instance as unknown[];
    if (isRecord(instance)) return features.map(({ name }) => instance[name]);
    throw new ContainerError(400, 'An instance must be an object or an array');
  });
}

function fieldOf(feature: Feature, value: unknown): string | number {
  if (value === undefined || value === null || value === '') {
    return feature.type === 'category' ? '' : Number.NaN;
  }
  if (typeof value !== 'string' && typeof value !== 'number') {
    throw new ContainerError(400, `Column ${feature.name} must be text or a number`);
  }
  if (feature.type === 'category') return String(value);
  const number = Number(value);
  if (Number.isNaN(number)) {
    throw new ContainerError(400, `Column ${feature.name} must be a number, got '${value}'`);
  }
  return number;
}

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8')) as unknown;
  } catch {
    throw new ContainerError(400, 'The request is not valid JSON');
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
