import type { S3Client } from '@aws-sdk/client-s3';

import { FailureType } from '../domain/failures.js';
import { NO_HASH, type LedgerDraft, type LedgerEntry } from '../domain/ledger.js';
import { rebuildFrom } from '../domain/ledger-rebuild.js';
import type { LedgerHead } from '../domain/model.js';
import type { ControlActivities, ModelRef } from './contract.js';
import type { ControlDeps } from './deps.js';
import { entryHash } from './digest.js';
import { hopeless, notYet } from './heartbeat.js';
import { ledgerFaults, ledgerUri, listLedger, readEntry, readLedger } from './read.js';
import { inParallel, writeOnce } from './s3.js';
import { ownClients } from './stage-clients.js';

/** Latest entries whose ids are remembered: a repeat of an append lies among them. */
const REMEMBERED = 128;

/** Entries of other writers that one attempt steps over before it gives way to its retry. */
const STEPS = 64;

/** What this process knows of a chain. Others append too: S3 has the last word at every write. */
interface Tail {
  head: LedgerHead;
  /** Id → position of the latest entries. */
  readonly ids: Map<string, LedgerHead>;
}

type LedgerActivities = Pick<ControlActivities, 'record' | 'rebuild'>;

export function createLedgerActivities(deps: ControlDeps): LedgerActivities {
  const tails = new Map<string, Tail>();
  const s3Of = (ref: ModelRef): S3Client => ownClients(deps, ref).s3;
  const place = (ref: ModelRef): string => `${ref.policy.spec.storage} ${ref.model}`;

  const tailOf = async (ref: ModelRef): Promise<Tail> => {
    const known = tails.get(place(ref));
    if (known !== undefined) return known;
    const s3 = s3Of(ref);
    const listed = await listLedger(s3, ref.policy.spec.storage, ref.model);
    const entries = await inParallel(listed.slice(-REMEMBERED), 16, ({ uri }) =>
      readEntry(s3, uri),
    );
    const tail: Tail = { head: { number: 0, hash: NO_HASH }, ids: new Map() };
    for (const entry of entries) if (entry !== undefined) follow(tail, entry);
    tails.set(place(ref), tail);
    return tail;
  };

  /**
   * Appends one entry; answers where it stands.
   *
   * Entries are written with `If-None-Match: *`; a number that is taken is read, and is our own from an attempt
   * whose answer was lost, or somebody else's, after which the next number is tried.
   */
  const append = async (ref: ModelRef, draft: LedgerDraft): Promise<LedgerHead> => {
    const s3 = s3Of(ref);
    const tail = await tailOf(ref);
    for (let step = 0; step < STEPS; step += 1) {
      const done = tail.ids.get(draft.id);
      if (done !== undefined) return done;
      const entry = entryAfter(tail.head, ref.model, draft);
      const uri = ledgerUri(ref.policy.spec.storage, ref.model, entry.sequence);
      if ((await writeOnce(s3, uri, JSON.stringify(entry, undefined, 2))) === 'written') {
        // Another append of this process may have moved the tail meanwhile.
        if (entry.sequence > tail.head.number) advance(tail, entry);
        return { number: entry.sequence, hash: entry.hash };
      }
      const taken = await readEntry(s3, uri);
      if (taken === undefined) {
        tails.delete(place(ref));
        throw notYet(
          FailureType.NotVisibleYet,
          `Entry ${entry.sequence} of the ledger is being written by somebody else`,
          1_000,
        );
      }
      if (taken.sequence > tail.head.number) follow(tail, taken);
    }
    throw notYet(
      FailureType.Busy,
      `Others are writing to the ledger of ${ref.model}; trying again`,
      1_000,
    );
  };

  return {
    /**
     * Appends entries to the model's chain, in order.
     *
     * Idempotent: an entry's id is the draft's, and one that stands in the chain already is not written again.
     */
    async record(request) {
      let head: LedgerHead | undefined;
      for (const draft of request.drafts) head = await append(request, draft);
      if (head === undefined) throw hopeless(FailureType.BadData, 'there is nothing to record');
      return head;
    },

    /** Reads only. A broken chain stops here: nothing may be decided from a history that was tampered with. */
    async rebuild(ref) {
      const entries = await readLedger(s3Of(ref), ref.policy.spec.storage, ref.model);
      const faults = ledgerFaults(entries);
      if (faults.length > 0) {
        throw hopeless(
          FailureType.LedgerBroken,
          `the ledger of ${ref.model} below ${ref.policy.spec.storage} is broken (${faults.slice(0, 3).join('; ')}): look at it with modelkeeper ledger ${ref.model} verify, and restore the objects from their versions`,
        );
      }
      return rebuildFrom(entries);
    },
  };
}

/** The draft as the next entry of the chain. JSON in and out, so that its hash is that of what will be read. */
function entryAfter(head: LedgerHead, model: string, draft: LedgerDraft): LedgerEntry {
  const rest = JSON.parse(
    JSON.stringify({
      ...draft,
      schema: 'modelkeeper/ledger-v1',
      model,
      sequence: head.number + 1,
      previousHash: head.hash,
    }),
  ) as Omit<LedgerEntry, 'hash'>;
  return { ...rest, hash: entryHash(rest) };
}

/**
 * Takes another writer's entry for the new end of the chain.
 *
 * @throws {ApplicationFailure} non-retryable: nothing is built on an entry that was changed or does not follow the
 *   one before it
 */
function follow(tail: Tail, entry: LedgerEntry): void {
  const { hash, ...rest } = entry;
  if (entryHash(rest) !== hash) {
    throw broken(`entry ${entry.sequence} was changed after it was written`);
  }
  // Of the first that is remembered the one before is not known.
  const begins = tail.head.number === 0 && entry.sequence > 1;
  if (!begins && entry.sequence !== tail.head.number + 1) {
    throw broken(`entry ${tail.head.number + 1} is gone, ${entry.sequence} is there`);
  }
  if (!begins && entry.previousHash !== tail.head.hash) {
    throw broken(`entry ${entry.sequence} does not follow the one before it`);
  }
  advance(tail, entry);
}

const broken = (what: string) =>
  hopeless(
    FailureType.LedgerBroken,
    `the ledger is broken: ${what}; look at it with modelkeeper ledger <model> verify, and restore the objects from their versions`,
  );

function advance(tail: Tail, entry: LedgerEntry): void {
  tail.head = { number: entry.sequence, hash: entry.hash };
  tail.ids.set(entry.id, tail.head);
  for (const id of tail.ids.keys()) {
    if (tail.ids.size <= REMEMBERED) break;
    tail.ids.delete(id);
  }
}
