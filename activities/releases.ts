import {
  defineSearchAttributeKey,
  WorkflowExecutionAlreadyStartedError,
  WorkflowNotFoundError,
} from '@temporalio/common';

import { CONTROL_QUEUE } from '../domain/queues.js';
import { SEARCH_ATTRIBUTES } from '../domain/search-attributes.js';
import type { ControlActivities } from './contract.js';
import type { ControlDeps } from './deps.js';
import { attempt } from './aws-failure.js';

const MODEL_KEY = defineSearchAttributeKey(SEARCH_ATTRIBUTES.model, 'KEYWORD');
const STAGE_KEY = defineSearchAttributeKey(SEARCH_ATTRIBUTES.stage, 'KEYWORD');

/** Name of the workflow function in workflows/: an activity knows no workflow code. */
const RELEASE_WORKFLOW = 'release';

export function createReleaseActivities(
  deps: ControlDeps,
): Pick<ControlActivities, 'startRelease'> {
  return {
    /**
     * Starts a release's workflow, or finds the one an earlier attempt started.
     *
     * Idempotent: the id is the release's and is never used again, also not after its end; the memo says which
     * keeper and trigger started it.
     */
    async startRelease(request) {
      const { workflow } = deps.temporal;
      try {
        await workflow.start(RELEASE_WORKFLOW, {
          workflowId: request.workflowId,
          taskQueue: CONTROL_QUEUE,
          args: [request.input],
          workflowIdConflictPolicy: 'USE_EXISTING',
          workflowIdReusePolicy: 'REJECT_DUPLICATE',
          memo: { keeper: request.keeperId, triggerKey: request.triggerKey },
          typedSearchAttributes: [
            { key: MODEL_KEY, value: request.input.model },
            { key: STAGE_KEY, value: 'retrain' },
          ],
          staticSummary: `Release ${request.input.release} of ${request.input.model}: ${request.input.trigger.reasons[0] ?? request.input.trigger.kind}`,
        });
      } catch (error) {
        if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
      }
      const { memo } = await workflow.getHandle(request.workflowId).describe();
      const ours =
        memo?.['keeper'] === request.keeperId && memo['triggerKey'] === request.triggerKey;
      if (!ours) return { kind: 'taken' };
      return { kind: attempt() === 1 ? 'started' : 'already ours' };
    },
  };
}

/** How an execution ended; `undefined` while it runs. A missing one has ended too: `NOT_FOUND`. */
export async function endOf(
  temporal: ControlDeps['temporal'],
  workflowId: string,
): Promise<string | undefined> {
  try {
    const { status } = await temporal.workflow.getHandle(workflowId).describe();
    return status.name === 'RUNNING' || status.name === 'PAUSED' ? undefined : status.name;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return 'NOT_FOUND';
    throw error;
  }
}
