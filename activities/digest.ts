import { createHash } from 'node:crypto';

import type { Evidence } from '../domain/evidence.js';
import { canonicalJson, type LedgerEntry } from '../domain/ledger.js';

export const sha256 = (data: string | Uint8Array): string =>
  createHash('sha256').update(data).digest('hex');

/** sha256 hex of the canonical JSON of the evidence: what an approval is bound to. */
export const evidenceDigest = (evidence: Evidence): string => sha256(canonicalJson(evidence));

/** Hash of a ledger entry over everything but the hash itself. */
export const entryHash = (entry: Omit<LedgerEntry, 'hash'>): string => sha256(canonicalJson(entry));

/** 64 hexadecimal digits from names that stay the same across attempts: for `ClientRequestToken` (32 to 128). */
export const requestToken = (...parts: readonly string[]): string => sha256(canonicalJson(parts));

/** 36 characters in the shape of a UUID from names that stay the same across attempts: for `ClientToken`. */
export function clientToken(...parts: readonly string[]): string {
  const hex = sha256(canonicalJson(parts));
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `5${hex.slice(13, 16)}`,
    `8${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join('-');
}
