import type { PendingWork } from './replies.js';

/** Of the pending work, what a person should hear about: its last attempt failed, and not for being quiet. */
export function failingWork(pending: readonly PendingWork[]): readonly PendingWork[] {
  return pending.filter((work) => work.lastFailure !== null && !work.benign);
}
