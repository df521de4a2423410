import {
  ServiceError,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
} from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { describe, expect, it } from 'vitest';

import { sendUpdate } from '../../../client/send-update.js';

function grpc(code: number, details: string): ServiceError {
  return new ServiceError('call failed', {
    cause: Object.assign(new Error(details), { code, details, metadata: {} }),
  });
}

const SEAM = grpc(9, 'unexpected workflow task failure');

/** Sends against a server that fails in turn and then answers. */
async function send(failures: readonly Error[], workerThere = true) {
  const ids: string[] = [];
  let nowMs = 0;
  const left = [...failures];
  const reply = sendUpdate(
    {
      addressee: 'the keeper of churn',
      workerAnswers: () => Promise.resolve(workerThere),
      send: (updateId) => {
        ids.push(updateId);
        const failure = left.shift();
        return failure === undefined ? Promise.resolve('done') : Promise.reject(failure);
      },
    },
    { timeoutMs: 10_000 },
    {
      now: () => nowMs,
      sleep: (ms) => {
        nowMs += ms * 10;
        return Promise.resolve();
      },
    },
  );
  return { ids, reply: await reply };
}

describe('an Update', () => {
  it('lost at the seam of continue-as-new is sent again under the same id', async () => {
    const { ids, reply } = await send([SEAM, SEAM]);
    expect(reply).toEqual({ kind: 'done', answer: 'done' });
    expect(ids).toHaveLength(3);
    expect(new Set(ids).size).toBe(1);
  });

  it('accepted by a run that ended first is sent again', async () => {
    const cause = ApplicationFailure.create({
      type: 'AcceptedUpdateCompletedWorkflow',
      message: 'ended',
    });
    const { reply } = await send([new WorkflowUpdateFailedError('failed', cause)]);
    expect(reply.kind).toBe('done');
  });

  it('that was refused is answered with the reason, once', async () => {
    const cause = ApplicationFailure.nonRetryable('not now', 'Refused');
    const { ids, reply } = await send([new WorkflowUpdateFailedError('failed', cause)]);
    expect(reply).toEqual({ kind: 'refused', reason: 'not now' });
    expect(ids).toHaveLength(1);
  });

  it('that times out goes on while a worker is there', async () => {
    const { reply } = await send([new WorkflowUpdateRPCTimeoutOrCancelledError('late')]);
    expect(reply.kind).toBe('done');
  });

  it.each<[string, Error, boolean]>([
    ['no-worker', new WorkflowUpdateRPCTimeoutOrCancelledError('late'), false],
    ['not-found', new WorkflowNotFoundError('gone', 'keeper/churn', undefined), true],
    ['unreachable', grpc(14, 'connection refused'), true],
    ['unreachable', grpc(7, 'denied'), true],
  ])('ends in %s', async (code, failure, workerThere) => {
    await expect(send([failure], workerThere)).rejects.toMatchObject({ code });
  });

  it('gives up in time, and says that it may still take effect', async () => {
    await expect(send(Array<Error>(50).fill(SEAM))).rejects.toMatchObject({
      code: 'timed-out',
      message: expect.stringContaining('may still take effect') as string,
    });
  });

  it('that failed for another reason is not sent again', async () => {
    await expect(send([grpc(9, 'namespace is not active')])).rejects.toThrow('call failed');
  });
});
