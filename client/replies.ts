import type { Actor, Proof } from '../domain/people.js';
import type { KeeperStatus, ReleaseStatus } from '../domain/status.js';

/** What became of a request: done with the workflow's answer, or turned away with its reason. */
export type Reply<Answer> =
  | { readonly kind: 'done'; readonly answer: Answer }
  | { readonly kind: 'refused'; readonly reason: string };

/** Who asks, proven how. Made by `identify()`; nobody types who they are. */
export interface Caller {
  readonly door: Actor['door'];
  readonly proof: Proof;
}

export interface SendOptions {
  /** Names the request, so that repeating it is answered with the first answer. Random when left out. */
  readonly updateId?: string;
  /** How long to wait for the workflow's answer, milliseconds. Default 60,000. */
  readonly timeoutMs?: number;
}

/** An activity that is running, waiting for its next attempt, or failing. */
export interface PendingWork {
  readonly activity: string;
  readonly state:
    'running' | 'scheduled' | 'waiting for the next attempt' | 'cancelling' | 'paused';
  readonly attempt: number;
  /** 0 for no limit. */
  readonly maximumAttempts: number;
  /** Last failure in the words of the activity; `null` when none. */
  readonly lastFailure: string | null;
  /** A quiet look or a job that still runs is not a failure, though it is retried. */
  readonly benign: boolean;
  readonly lastStartedAtMs: number | null;
  readonly nextAttemptAtMs: number | null;
}

export type ExecutionState =
  | 'running'
  | 'completed'
  | 'failed'
  | 'cancelled'
  | 'terminated'
  | 'continued as new'
  | 'timed out'
  | 'paused'
  | 'unknown';

/** One execution as Temporal's Describe shows it, joined with what the workflow itself says. */
export interface ExecutionView {
  readonly model: string;
  readonly workflowId: string;
  readonly runId: string;
  readonly execution: ExecutionState;
  readonly startedAtMs: number;
  readonly closedAtMs: number | null;
  /** Why the workflow's own answer is missing; `null` when it is there. */
  readonly unanswered: string | null;
  readonly pending: readonly PendingWork[];
}

export interface ModelView extends ExecutionView {
  readonly keeper: KeeperStatus | null;
}

export interface ReleaseView extends ExecutionView {
  readonly release: number;
  readonly status: ReleaseStatus | null;
}

/** A line of `list`: from visibility, so it may be a second old. */
export interface ModelLine {
  readonly model: string;
  readonly workflowId: string;
  readonly startedAtMs: number;
  readonly stage: string | null;
  readonly awaiting: string | null;
  readonly verdict: string | null;
  readonly endpoint: string | null;
  /** Work whose latest attempt failed for another reason than being quiet. */
  readonly failing: readonly PendingWork[];
}

/** A line of a model's releases: from visibility, newest first. */
export interface ReleaseLine {
  readonly model: string;
  readonly release: number;
  readonly workflowId: string;
  readonly execution: ExecutionState;
  readonly stage: string | null;
  readonly awaiting: string | null;
  readonly startedAtMs: number;
  readonly closedAtMs: number | null;
}

export type { ModelPlace } from '../domain/place.js';
