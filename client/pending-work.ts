import type { WorkflowExecutionDescription } from '@temporalio/client';
import proto from '@temporalio/proto';

import type { ExecutionState, PendingWork } from './replies.js';

type RawPending = NonNullable<WorkflowExecutionDescription['raw']['pendingActivities']>[number];
type RawFailure = NonNullable<RawPending['lastFailure']>;

const { ApplicationErrorCategory, PendingActivityState } = proto.temporal.api.enums.v1;

/** What Describe knows of the activities that have not ended. While one retries, the workflow itself does not run. */
export function pendingWork(description: WorkflowExecutionDescription): readonly PendingWork[] {
  return (description.raw.pendingActivities ?? []).map(toPendingWork);
}

export function toPendingWork(raw: RawPending): PendingWork {
  const failure = raw.lastFailure ?? undefined;
  return {
    activity: raw.activityType?.name ?? 'unknown',
    state: stateOf(raw),
    attempt: raw.attempt ?? 1,
    maximumAttempts: raw.maximumAttempts ?? 0,
    lastFailure: failure === undefined ? null : innermost(failure),
    benign: failure !== undefined && isBenign(failure),
    lastStartedAtMs: toMs(raw.lastStartedTime),
    nextAttemptAtMs: toMs(raw.nextAttemptScheduleTime),
  };
}

function stateOf(raw: RawPending): PendingWork['state'] {
  switch (raw.state) {
    case PendingActivityState.PENDING_ACTIVITY_STATE_STARTED:
      return 'running';
    case PendingActivityState.PENDING_ACTIVITY_STATE_CANCEL_REQUESTED:
      return 'cancelling';
    case PendingActivityState.PENDING_ACTIVITY_STATE_PAUSED:
    case PendingActivityState.PENDING_ACTIVITY_STATE_PAUSE_REQUESTED:
      return 'paused';
    default:
      return (raw.attempt ?? 1) > 1 ? 'waiting for the next attempt' : 'scheduled';
  }
}

/** A wrapped failure says "Activity task failed"; the sentence for people is at the bottom. */
function innermost(failure: RawFailure): string {
  let current = failure;
  for (let depth = 0; depth < 20; depth += 1) {
    const cause = current.cause ?? undefined;
    if (cause === undefined) break;
    current = cause;
  }
  const message = current.message ?? '';
  return message === '' ? 'failed without a message' : message;
}

function isBenign(failure: RawFailure): boolean {
  return (
    failure.applicationFailureInfo?.category ===
    ApplicationErrorCategory.APPLICATION_ERROR_CATEGORY_BENIGN
  );
}

interface RawTimestamp {
  readonly seconds?: { toString(): string } | null;
  readonly nanos?: number | null;
}

function toMs(timestamp: RawTimestamp | null | undefined): number | null {
  if (timestamp === null || timestamp === undefined) return null;
  const seconds = Number(String(timestamp.seconds ?? 0));
  return seconds === 0 ? null : seconds * 1_000 + Math.floor((timestamp.nanos ?? 0) / 1_000_000);
}

const EXECUTION_STATES: Readonly<Record<string, ExecutionState>> = {
  RUNNING: 'running',
  COMPLETED: 'completed',
  FAILED: 'failed',
  CANCELLED: 'cancelled',
  TERMINATED: 'terminated',
  CONTINUED_AS_NEW: 'continued as new',
  TIMED_OUT: 'timed out',
  PAUSED: 'paused',
};

export function executionState(statusName: string): ExecutionState {
  return EXECUTION_STATES[statusName] ?? 'unknown';
}
