import { createHash } from 'node:crypto';

import { canonicalJson } from '../domain/ledger.js';
import type { Policy } from '../domain/policy.schema.js';

/** sha256, hex. */
export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** Digest of a parsed policy: the same whatever the order of its keys and the comments around them. */
export function policyDigest(policy: Policy): string {
  return sha256(canonicalJson(policy));
}
