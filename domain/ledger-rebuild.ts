import type { Run } from './cost.js';
import { MOST_BUDGET_RUNS } from './governor.js';
import { NO_HASH, type LedgerEntry } from './ledger.js';
import type { LedgerHead } from './model.js';
import type { Freeze } from './status.js';
import { leftBy } from './ways-back.js';

/** What a keeper whose state was lost takes up again. */
export interface LedgerState {
  readonly head: LedgerHead;
  /** Highest release number any entry names; 0 for a new model. */
  readonly lastRelease: number;
  /** From when the model cools down: a promotion from the moment it served, whatever its probation took. */
  readonly lastEndedAtMs: number | null;
  readonly lastResultKind: string | null;
  readonly lastEndedRelease: number | null;
  /** Instants at which releases were started, the latest of them. */
  readonly startsAtMs: readonly number[];
  /** What they were expected to cost and did; only of policies that count money. */
  readonly runs?: readonly Run[];
  /** Data windows blocked by a rejection, expiry, failed gates or rollback. */
  readonly blocked: readonly {
    readonly fromMs: number;
    readonly toMs: number;
    readonly why: string;
  }[];
  readonly championSinceMs: number | null;
  readonly championConfigName: string | null;
  readonly previousConfigName: string | null;
  /** What the last rollback left; absent when nothing was, or when it was put back on purpose. */
  readonly leftConfigName?: string;
  /** Releases that were started and have not ended, though no workflow may run them any more. */
  readonly unfinished: readonly number[];
  /** A freeze that nobody has ended. */
  readonly frozen: Freeze | null;
}

/** Results that block the data window of their candidate, and why in words that follow "a candidate on this data". */
const BLOCKING: Readonly<Record<string, string>> = {
  rejected: 'was rejected',
  expired: 'was not approved in time',
  'failed gates': 'failed its gates',
  'rolled back': 'was rolled back',
};

/** As many as a keeper keeps. */
const MOST_BLOCKED = 50;

/**
 * Reads a model's whole history out of its ledger.
 *
 * What counts: `trigger` with `answer: start` (a release begins), `serving` (a config has all of the traffic),
 * `rollback` and `changed outside` (another one has), `ended` (a release's result). A release that came to nothing
 * blocks what its `trigger` says, or else the data it `ended` with. Any entry that names a release counts for the
 * highest number, so that a number is never given twice. A `freeze` holds until `unfreeze` or the end of the keeper. Facts of a wrong type are passed over.
 *
 * @param entries the verified chain in its order
 */
export function rebuildFrom(entries: readonly LedgerEntry[]): LedgerState {
  const last = entries.at(-1);
  let lastRelease = 0;
  let ended: { release: number | null; kind: string; atMs: number } | undefined;
  let champion: { configName: string; sinceMs: number } | undefined;
  let previousConfigName: string | null = null;
  let left: string | undefined;
  let frozen: Freeze | null = null;
  const startsAtMs: number[] = [];
  const runs = new Map<number, Run>();
  const open = new Set<number>();
  /** Release → since when it has had all of the traffic. */
  const servedSinceMs = new Map<number, number>();
  /** Release → what it blocks if it comes to nothing: its data and the windows that started it. */
  const blocks = new Map<number, Span | null>();
  const blocked: (Span & { why: string })[] = [];

  const serves = (configName: string | null, sinceMs: number): void => {
    if (configName === null || configName === champion?.configName) return;
    previousConfigName = champion?.configName ?? previousConfigName;
    champion = { configName, sinceMs };
  };

  for (const entry of entries) {
    const { facts } = entry;
    const release = numberOr(facts['release']) ?? releaseOfSubject(entry.subject);
    if (release !== null) lastRelease = Math.max(lastRelease, release);
    switch (entry.decision) {
      case 'trigger':
        if (facts['answer'] !== 'start' || release === null) break;
        startsAtMs.push(entry.atMs);
        if (facts['forecast'] !== undefined)
          runs.set(release, {
            release,
            startedAtMs: entry.atMs,
            forecastUsd: numberOr(member(facts['forecast'], 'usd')),
            actualUsd: null,
            machineSeconds: null,
          });
        open.add(release);
        blocks.set(release, spanOf(facts['blocks']));
        break;
      case 'freeze':
        frozen = {
          by: entry.actor.person,
          reason: entry.reasons[0] ?? '',
          sinceMs: entry.atMs,
          untilMs: numberOr(facts['untilMs']),
        };
        break;
      case 'unfreeze':
      case 'retired':
        frozen = null;
        break;
      case 'serving':
        previousConfigName = textOr(facts['from']) ?? previousConfigName;
        if (release !== null) servedSinceMs.set(release, numberOr(facts['sinceMs']) ?? entry.atMs);
        serves(textOr(facts['configName']), numberOr(facts['sinceMs']) ?? entry.atMs);
        break;
      case 'rollback':
        left = leftBy({ from: textOr(facts['from']), to: textOr(facts['to']) }, left);
        serves(textOr(facts['to']), entry.atMs);
        break;
      case 'changed outside':
        serves(textOr(facts['to']), entry.atMs);
        break;
      case 'ended': {
        const kind = kindOf(facts['result']);
        if (release !== null) open.delete(release);
        const run = release === null ? undefined : runs.get(release);
        if (run !== undefined)
          runs.set(run.release, {
            ...run,
            actualUsd: numberOr(facts['costUsd']),
            machineSeconds: billedSeconds(facts['bill']),
          });
        if (kind === null) break;
        const served = release === null ? undefined : servedSinceMs.get(release);
        ended = { release, kind, atMs: (kind === 'promoted' ? served : undefined) ?? entry.atMs };
        const window = (release === null ? null : blocks.get(release)) ?? trainedOn(facts['data']);
        const why = BLOCKING[kind];
        if (window !== null && why !== undefined) blocked.push({ ...window, why });
        break;
      }
      default:
        break;
    }
  }
  return {
    head:
      last === undefined
        ? { number: 0, hash: NO_HASH }
        : { number: last.sequence, hash: last.hash },
    lastRelease,
    lastEndedAtMs: ended?.atMs ?? null,
    lastResultKind: ended?.kind ?? null,
    lastEndedRelease: ended?.release ?? null,
    startsAtMs: startsAtMs.slice(-MOST_BUDGET_RUNS),
    ...(runs.size === 0 ? {} : { runs: [...runs.values()].slice(-MOST_BUDGET_RUNS) }),
    blocked: blocked.slice(-MOST_BLOCKED),
    championSinceMs: champion?.sinceMs ?? null,
    championConfigName: champion?.configName ?? null,
    previousConfigName,
    ...(left === undefined ? {} : { leftConfigName: left }),
    unfinished: [...open].sort((a, b) => a - b),
    frozen,
  };
}

const numberOr = (value: unknown): number | null =>
  typeof value === 'number' && Number.isFinite(value) ? value : null;
const textOr = (value: unknown): string | null => (typeof value === 'string' ? value : null);

function releaseOfSubject(subject: string): number | null {
  const match = /^release\/[^/]+\/(\d+)$/.exec(subject);
  return match === null ? null : Number(match[1]);
}

function member(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null
    ? (value as Readonly<Record<string, unknown>>)[key]
    : undefined;
}

/** Machine seconds by instance type of a bill that is whole; `null` for any other value. */
function billedSeconds(bill: unknown): Readonly<Record<string, number>> | null {
  const jobs = member(bill, 'jobs');
  if (!Array.isArray(jobs) || member(bill, 'unread') !== null) return null;
  const seconds: Record<string, number> = {};
  for (const job of jobs as readonly unknown[]) {
    const type = textOr(member(job, 'instanceType'));
    const billed = numberOr(member(job, 'billableSeconds'));
    if (type === null || billed === null) return null;
    seconds[type] = (seconds[type] ?? 0) + billed * (numberOr(member(job, 'instances')) ?? 1);
  }
  return seconds;
}

const kindOf = (result: unknown): string | null => textOr(member(result, 'kind'));

interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

function spanOf(value: unknown): Span | null {
  const fromMs = numberOr(member(value, 'fromMs'));
  const toMs = numberOr(member(value, 'toMs'));
  return fromMs === null || toMs === null ? null : { fromMs, toMs };
}

/** From the first training row to the last held-out one. */
function trainedOn(data: unknown): Span | null {
  const fromMs = numberOr(member(member(data, 'train'), 'fromMs'));
  const toMs = numberOr(member(member(data, 'holdOut'), 'toMs'));
  return fromMs === null || toMs === null ? null : { fromMs, toMs };
}
