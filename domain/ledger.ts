import type { Actor } from './people.js';

/** What the keeper or a release hands in to be recorded. */
export interface LedgerDraft {
  /** Deterministic: workflow id, step, counter. The same draft appended twice is one entry. */
  readonly id: string;
  readonly atMs: number;
  /** `keeper/<model>` or `release/<model>/<n>`. */
  readonly subject: string;
  /** `trigger`, `gate`, `request`, `decision`, `rollout`, `rollback`, `freeze`, `policy`, … */
  readonly decision: string;
  readonly reasons: readonly string[];
  readonly evidence: readonly { readonly uri: string; readonly digest?: string }[];
  readonly actor: Actor;
  /** What later readers need: release number, config names, outcome. JSON only. */
  readonly facts: Readonly<Record<string, unknown>>;
  /** Set when S3 refused at the time and the decision could not wait. */
  readonly late?: boolean;
}

/** One object `ledger/<model>/<12-digit sequence>.json` of the chain. */
export interface LedgerEntry extends LedgerDraft {
  readonly schema: 'modelkeeper/ledger-v1';
  readonly model: string;
  /** 1, 2, 3, … without gaps. */
  readonly sequence: number;
  /** Hash of the entry before; 64 zeros for the first. */
  readonly previousHash: string;
  /** sha256 hex of {@link canonicalJson} of the entry without this member. */
  readonly hash: string;
}

export const NO_HASH = '0'.repeat(64);

export function ledgerKey(model: string, sequence: number): string {
  return `ledger/${model}/${String(sequence).padStart(12, '0')}.json`;
}

/** JSON with sorted keys and without white space: the same value always gives the same text. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item)).join(',')}]`;
  if (value !== null && typeof value === 'object') {
    const members = Object.entries(value)
      .filter(([, member]) => member !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
      .map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`);
    return `{${members.join(',')}}`;
  }
  return value === undefined ? 'null' : JSON.stringify(value);
}

/**
 * Says what is wrong with a chain; empty when it is whole.
 *
 * @param entries in order of their sequence
 * @param hashOf sha256 hex of {@link canonicalJson} of an entry without its hash
 * @param head the last number and hash somebody else remembers; finds a tail that was cut off
 */
export function chainFaults(
  entries: readonly LedgerEntry[],
  hashOf: (entry: Omit<LedgerEntry, 'hash'>) => string,
  head?: { readonly number: number; readonly hash: string },
): readonly string[] {
  const faults: string[] = [];
  let previousHash = NO_HASH;
  entries.forEach((entry, index) => {
    const { hash, ...rest } = entry;
    if (entry.sequence !== index + 1)
      faults.push(`entry ${entry.sequence} stands where ${index + 1} belongs`);
    if (entry.previousHash !== previousHash)
      faults.push(`entry ${entry.sequence} does not follow the one before it`);
    if (hashOf(rest) !== hash)
      faults.push(`entry ${entry.sequence} was changed after it was written`);
    previousHash = hash;
  });
  if (head !== undefined && head.number > 0) {
    const known = entries[head.number - 1];
    if (known === undefined) {
      faults.push(
        `the chain ends at ${entries.length}, but entry ${head.number} was written: the tail was cut off`,
      );
    } else if (known.hash !== head.hash) {
      faults.push(`entry ${head.number} is not the one the keeper remembers`);
    }
  }
  return faults;
}
