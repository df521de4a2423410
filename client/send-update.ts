import { randomUUID } from 'node:crypto';

import {
  isGrpcServiceError,
  ServiceError,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
} from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';

import { messageOf, ModelkeeperError } from './errors.js';
import type { Reply, SendOptions } from './replies.js';

/** gRPC status codes as numbers: the client package does not export their enum. */
const GRPC = {
  cancelled: 1,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  permissionDenied: 7,
  failedPrecondition: 9,
  unavailable: 14,
  unauthenticated: 16,
} as const;

const DEFAULT_TIMEOUT_MS = 60_000;
const CALL_MS = 5_000;
const PAUSE_MS = 250;

export interface UpdateCall<Answer> {
  /** Names the addressee in messages: `the keeper of flight-delays`. */
  readonly addressee: string;
  /** One call to the server, given up at `deadlineMs`; the same `updateId` each time. */
  send(updateId: string, deadlineMs: number): Promise<Answer>;
  /** Whether somebody polls the addressee's task queue. */
  workerAnswers(): Promise<boolean>;
}

export interface Pace {
  now(): number;
  sleep(ms: number): Promise<void>;
}

const REAL_PACE: Pace = {
  now: Date.now,
  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
};

/**
 * Sends one Update and follows it to its answer.
 *
 * Calls that are lost at the seam of continue-as-new (gRPC code 9, "unexpected workflow task failure"; or
 * accepted by a run that ended first) and calls that time out are repeated under the same id; the workflow
 * carries the answers of recent ids, so nothing happens twice.
 *
 * @throws {ModelkeeperError} for an addressee that is not there, a server out of reach, no worker, or no
 *   answer in time
 */
export async function sendUpdate<Answer>(
  call: UpdateCall<Answer>,
  options: SendOptions = {},
  pace: Pace = REAL_PACE,
): Promise<Reply<Answer>> {
  const updateId = options.updateId ?? randomUUID();
  const untilMs = pace.now() + (options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
  for (;;) {
    try {
      const callUntilMs = Math.min(untilMs, pace.now() + CALL_MS);
      return { kind: 'done', answer: await call.send(updateId, callUntilMs) };
    } catch (error) {
      const reason = refusalIn(error);
      if (reason !== undefined) return { kind: 'refused', reason };
      if (!isWorthRepeating(error)) throw inWords(error, call.addressee);
      if (isTimeout(error) && !(await call.workerAnswers())) throw noWorker(error);
      if (pace.now() + PAUSE_MS >= untilMs) {
        throw new ModelkeeperError(
          'timed-out',
          `${call.addressee} did not answer in time. The request may still take effect; look at its status before asking again`,
          { cause: error },
        );
      }
      await pace.sleep(PAUSE_MS);
    }
  }
}

/** The workflow's own words when it turned the Update away; `undefined` for any other failure. */
function refusalIn(error: unknown): string | undefined {
  if (!(error instanceof WorkflowUpdateFailedError)) return undefined;
  const { cause } = error;
  if (cause instanceof ApplicationFailure && cause.type === 'AcceptedUpdateCompletedWorkflow')
    return undefined;
  return cause === undefined ? error.message : messageOf(cause);
}

function isWorthRepeating(error: unknown): boolean {
  if (error instanceof WorkflowUpdateFailedError) return true; // accepted by a run that ended first
  if (isTimeout(error)) return true;
  const code = grpcCode(error);
  return (
    code === GRPC.failedPrecondition && /unexpected workflow task failure/i.test(deepMessage(error))
  );
}

function isTimeout(error: unknown): boolean {
  if (error instanceof WorkflowUpdateRPCTimeoutOrCancelledError) return true;
  const code = grpcCode(error);
  return code === GRPC.deadlineExceeded || code === GRPC.cancelled;
}

function grpcCode(error: unknown): number | undefined {
  const cause = error instanceof ServiceError ? error.cause : error;
  return isGrpcServiceError(cause) ? cause.code : undefined;
}

function deepMessage(error: unknown): string {
  return error instanceof Error ? `${error.message} ${deepMessage(error.cause)}` : '';
}

export function noWorker(cause?: unknown): ModelkeeperError {
  return new ModelkeeperError(
    'no-worker',
    'no worker answers on task queue modelkeeper-control: start one with `modelkeeper worker`',
    { cause },
  );
}

/** What Temporal's client throws, as an error with a sentence in it; other errors stay what they are. */
export function inWords(error: unknown, addressee: string): Error {
  if (error instanceof ModelkeeperError) return error;
  if (error instanceof WorkflowNotFoundError) return notThere(error, addressee);
  switch (grpcCode(error)) {
    case GRPC.notFound:
      return notThere(error, addressee);
    case GRPC.invalidArgument:
      if (!/no mapping defined for search attribute/.test(deepMessage(error)))
        return error as Error;
      return new ModelkeeperError(
        'no-worker',
        'Temporal does not know the search attributes of modelkeeper, or not any more: a worker registers them when it starts. Start one with `modelkeeper worker`, or start those that run again',
        { cause: error },
      );
    case GRPC.unavailable:
      return new ModelkeeperError(
        'unreachable',
        `Temporal cannot be reached: ${deepMessage(error).trim()}. Check TEMPORAL_ADDRESS`,
        { cause: error },
      );
    case GRPC.permissionDenied:
    case GRPC.unauthenticated:
      return new ModelkeeperError(
        'unreachable',
        `Temporal refuses the credentials: ${deepMessage(error).trim()}`,
        { cause: error },
      );
    case GRPC.deadlineExceeded:
    case GRPC.cancelled:
      return new ModelkeeperError('timed-out', `${addressee} did not answer in time`, {
        cause: error,
      });
    default:
      if (!(error instanceof Error)) return new Error(String(error));
      // "Workflow Update failed" alone helps nobody: the reason stands in its cause.
      return error instanceof ServiceError
        ? new Error(deepMessage(error).trim(), { cause: error })
        : error;
  }
}

function notThere(error: unknown, addressee: string): ModelkeeperError {
  return /already completed/i.test(deepMessage(error))
    ? new ModelkeeperError('not-found', `${addressee} has ended`, { cause: error })
    : new ModelkeeperError('not-found', `there is no ${addressee.replace(/^the /, '')}`, {
        cause: error,
      });
}
