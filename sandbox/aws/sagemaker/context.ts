import { randomBytes, randomUUID } from 'node:crypto';
import type { Kernel } from '../kernel.js';
import { invalid } from './validate.js';

/** Durations AWS takes, in milliseconds at speed 1; `taken` divides them by the sandbox's speed. */
export const TAKES_MS = {
  /** Instances start, pull the image, download the model and pass the health check. */
  provision: 240_000,
  activateTraffic: 20_000,
  terminate: 30_000,
  rollBack: 60_000,
  changeWeights: 30_000,
  deleteEndpoint: 20_000,
  maintenance: 120_000,
  /** The 24 minutes an endpoint may sit in Creating before its health check is given up. */
  healthCheck: 1_440_000,
  startJob: 60_000,
  downloadData: 15_000,
  uploadModel: 10_000,
  foreignJob: 30_000,
  startStep: 3_000,
  /** How long a fresh resource stays invisible under the fault `eventual consistency`. */
  visibility: 10_000,
  /** How long a change of a model package keeps others from changing it. */
  updatePackage: 500,
} as const;

export function taken(kernel: Kernel, what: keyof typeof TAKES_MS): number {
  return TAKES_MS[what] / kernel.speed;
}

/** Instants on the wire are seconds since the epoch, with fractions. */
export function seconds(ms: number): number {
  return ms / 1000;
}

export function secondsIf(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : seconds(ms);
}

/** ARNs of SageMaker spell names in lower case. */
export function arnOf(kernel: Kernel, kind: string, name: string): string {
  return kernel.arn('sagemaker', `${kind}/${name.toLowerCase()}`);
}

/** Whether a name, or an ARN, is of the account and Region of these services. */
export function isOf(kernel: Kernel, nameOrArn: string): boolean {
  if (!nameOrArn.startsWith('arn:')) return true;
  const [, , , region, account] = nameOrArn.split(':');
  return region === kernel.region && account === kernel.accountId;
}

const LOWER_ALPHANUMERICS = 'abcdefghijklmnopqrstuvwxyz0123456789';

/** A copy without some members. */
export function without<T extends object, K extends keyof T>(
  value: T,
  ...members: readonly K[]
): Omit<T, K> {
  const kept = Object.entries(value).filter(([key]) => !members.includes(key as K));
  return Object.fromEntries(kept) as Omit<T, K>;
}

/** Lower-case letters and digits, as in execution ids and job names. */
export function shortId(length: number): string {
  return Array.from(randomBytes(length), (byte) => LOWER_ALPHANUMERICS[byte % 36]).join('');
}

export function uuid(): string {
  return randomUUID();
}

/** `s3://bucket/key`, `https://bucket.s3.us-east-1.amazonaws.com/key` or `https://s3.us-east-1.amazonaws.com/bucket/key`. */
export function splitS3Uri(uri: string): { bucket: string; key: string } {
  const match =
    /^s3:\/\/([^/]+)\/?(.*)$/.exec(uri) ??
    /^https:\/\/s3[.-][^/]*\/([^/]+)\/?(.*)$/.exec(uri) ??
    /^https:\/\/([^/]+?)\.s3[.-][^/]*\/(.*)$/.exec(uri);
  if (match === null) throw invalid(`'${uri}' is not an S3 address`);
  return { bucket: match[1] ?? '', key: match[2] ?? '' };
}

export function isS3Uri(uri: string): boolean {
  try {
    splitS3Uri(uri);
    return true;
  } catch {
    return false;
  }
}

export function joinS3(prefix: string, ...rest: readonly string[]): string {
  return [prefix.replace(/\/$/, ''), ...rest].join('/');
}

export interface PageRequest {
  readonly MaxResults?: number | undefined;
  readonly NextToken?: string | undefined;
}

/** One page of a list; the token is the offset, opaque to the caller. */
export function pageOf<T>(
  all: readonly T[],
  request: PageRequest,
  defaultSize = 10,
): { items: readonly T[]; NextToken?: string } {
  const from = request.NextToken === undefined ? 0 : offsetOf(request.NextToken);
  const to = from + (request.MaxResults ?? defaultSize);
  const items = all.slice(from, to);
  return to < all.length
    ? { items, NextToken: Buffer.from(`offset:${to}`).toString('base64url') }
    : { items };
}

function offsetOf(token: string): number {
  const match = /^offset:(\d+)$/.exec(Buffer.from(token, 'base64url').toString('utf8'));
  if (match === null) throw invalid('Invalid pagination token.');
  return Number(match[1]);
}

interface Listed {
  readonly name: string;
  readonly createdAtMs: number;
  readonly modifiedAtMs?: number;
  readonly status?: string;
}

interface ListRequest {
  readonly NameContains?: string | undefined;
  readonly SortBy?: string | undefined;
  readonly SortOrder?: string | undefined;
  readonly CreationTimeAfter?: number | undefined;
  readonly CreationTimeBefore?: number | undefined;
  readonly LastModifiedTimeAfter?: number | undefined;
  readonly LastModifiedTimeBefore?: number | undefined;
  readonly StatusEquals?: string | undefined;
}

/** Filters and order common to SageMaker's lists: newest first unless asked otherwise. */
export function filtered<T extends Listed>(all: readonly T[], request: ListRequest): readonly T[] {
  const modified = (item: T): number => item.modifiedAtMs ?? item.createdAtMs;
  const wanted = request.NameContains?.toLowerCase() ?? '';
  const kept = all.filter(
    (item) =>
      item.name.toLowerCase().includes(wanted) &&
      item.createdAtMs / 1000 >= (request.CreationTimeAfter ?? 0) &&
      item.createdAtMs / 1000 <= (request.CreationTimeBefore ?? Infinity) &&
      modified(item) / 1000 >= (request.LastModifiedTimeAfter ?? 0) &&
      modified(item) / 1000 <= (request.LastModifiedTimeBefore ?? Infinity) &&
      (request.StatusEquals === undefined || item.status === request.StatusEquals),
  );
  const ascending = (request.SortOrder ?? 'Descending') === 'Ascending';
  kept.sort((a, b) => {
    const byAge = a.createdAtMs - b.createdAtMs;
    if (request.SortBy === 'Name') return a.name < b.name ? -1 : a.name > b.name ? 1 : byAge;
    if (request.SortBy === 'Status') return (a.status ?? '').localeCompare(b.status ?? '') || byAge;
    return byAge;
  });
  return ascending ? kept : kept.reverse();
}
