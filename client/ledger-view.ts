import type { LedgerEntry } from '../domain/ledger.js';

/** Which version served at an instant, as far as the ledger tells. */
export type ServedAt =
  | {
      readonly kind: 'served';
      readonly configName: string;
      readonly sinceMs: number;
      /** The entry that brought it in. */
      readonly entry: LedgerEntry;
      /** Entries of its release that let it in: gates, request, decisions. */
      readonly letInBy: readonly LedgerEntry[];
    }
  | { readonly kind: 'not known'; readonly reason: string };

interface Switch {
  readonly configName: string;
  readonly atMs: number;
  readonly entry: LedgerEntry;
}

/** Answers from the chain alone; entries in order of their sequence. */
export function servedAt(entries: readonly LedgerEntry[], atMs: number): ServedAt {
  const switches = entries
    .flatMap((entry) => switchIn(entry) ?? [])
    .sort((a, b) => a.atMs - b.atMs || a.entry.sequence - b.entry.sequence);
  const before = switches.filter((one) => one.atMs <= atMs);
  const last = before.at(-1);
  if (last === undefined) {
    const [first] = switches;
    return {
      kind: 'not known',
      reason:
        first === undefined
          ? 'the ledger names no version that served'
          : `the ledger begins to know at ${new Date(first.atMs).toISOString()}`,
    };
  }
  const other = before.findLastIndex((one) => one.configName !== last.configName);
  const since = before[other + 1] ?? last;
  const bringer = bringerOf(before, last) ?? last;
  return {
    kind: 'served',
    configName: last.configName,
    sinceMs: since.atMs,
    entry: bringer.entry,
    letInBy: entries.filter(
      (entry) =>
        entry.subject === bringer.entry.subject &&
        entry.subject.startsWith('release/') &&
        entry.sequence <= bringer.entry.sequence &&
        LETTING_IN.has(entry.decision),
    ),
  };
}

const LETTING_IN = new Set(['gates', 'request', 'approved', 'approve', 'rollout']);

/** The release that let the version in, also when a rollback has brought it back since. */
function bringerOf(switches: readonly Switch[], last: Switch): Switch | undefined {
  return switches.findLast(
    (one) => one.configName === last.configName && one.entry.decision === 'serving',
  );
}

function switchIn(entry: LedgerEntry): Switch | undefined {
  const { facts, atMs } = entry;
  const text = (name: string): string | undefined => {
    const value = facts[name];
    return typeof value === 'string' ? value : undefined;
  };
  const at = (configName: string | undefined, whenMs = atMs): Switch | undefined =>
    configName === undefined ? undefined : { configName, atMs: whenMs, entry };
  switch (entry.decision) {
    case 'policy':
      return at(text('champion'));
    case 'serving':
      return at(text('configName'), typeof facts['sinceMs'] === 'number' ? facts['sinceMs'] : atMs);
    case 'changed outside':
    case 'rollback':
      return at(text('to'));
    case 'ended': {
      const result = facts['result'];
      if (result === null || typeof result !== 'object' || !('kind' in result)) return undefined;
      const wentBack = result.kind === 'rolled back' && 'configName' in result;
      return wentBack && typeof result.configName === 'string' ? at(result.configName) : undefined;
    }
    default:
      return undefined;
  }
}
