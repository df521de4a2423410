import {
  QueryNotRegisteredError,
  QueryRejectedError,
  ServiceError,
  WithStartWorkflowOperation,
  type Client,
  type WorkflowExecutionDescription,
  type WorkflowExecutionInfo,
} from '@temporalio/client';
import { defineSearchAttributeKey } from '@temporalio/common';
import type { QueryDefinition, SignalDefinition, UpdateDefinition } from '@temporalio/common';
import proto from '@temporalio/proto';

import { keeperId, releaseId } from '../domain/names.js';
import { placeOf } from '../domain/place.js';
import { faultsInWords } from '../domain/policy-shape.js';
import { policySchema, type Policy } from '../domain/policy.schema.js';
import { CONTROL_QUEUE } from '../domain/queues.js';
import { SEARCH_ATTRIBUTES } from '../domain/search-attributes.js';
import type { ApprovalRequest, DecisionMessage, Why } from '../domain/status.js';
import {
  abortUpdate,
  applyPolicyUpdate,
  approvalRequestQuery,
  decideUpdate,
  freezeUpdate,
  hintSignal,
  keeperStatusQuery,
  lookNowSignal,
  pauseUpdate,
  promoteUpdate,
  reconcileUpdate,
  releaseStatusQuery,
  resumeUpdate,
  retireUpdate,
  retrainNowUpdate,
  rollbackUpdate,
  unfreezeUpdate,
  whyQuery,
  type Answer,
  type Asked,
  type DecideAnswer,
  type HintMessage,
  type ReconcileAnswer,
} from '../workflows/messages.js';
import { policyDigest } from './digest.js';
import { messageOf, ModelkeeperError } from './errors.js';
import { failingWork } from './failing-work.js';
import { MODEL_NAME } from './model-name.js';
import { executionState, pendingWork } from './pending-work.js';
import type {
  ExecutionView,
  ModelLine,
  ModelPlace,
  ModelView,
  ReleaseLine,
  ReleaseView,
  Reply,
  SendOptions,
} from './replies.js';
import { inWords, noWorker, sendUpdate } from './send-update.js';

/** A decision as a caller hands it in: the verdict is the method's name. */
export type DecisionRequest = Omit<DecisionMessage, 'verdict'>;

/**
 * Everything a person or a program can ask of modelkeeper.
 *
 * Changes go through Updates: the workflow answers, or refuses with a reason (`kind: 'refused'`). Reads never
 * change anything. Every method throws {@link ModelkeeperError} for a model nobody keeps, a server out of reach,
 * no worker, or no answer in time.
 */
export interface ModelkeeperClient {
  /**
   * Puts a policy in force; starts the model's keeper when there is none. A policy that its schema does not accept is
   * refused here. What only the account can tell (`plan`) is not looked at.
   */
  apply(
    request: Asked & { readonly policy: Policy },
    options?: SendOptions,
  ): Promise<Reply<Answer>>;
  /** What the keeper says, joined with what its activities are doing. Works without a worker, then with less. */
  status(model: string): Promise<ModelView>;
  list(): Promise<readonly ModelLine[]>;
  /** The model's releases, newest first. */
  releases(model: string): Promise<readonly ReleaseLine[]>;
  releaseStatus(model: string, release: number): Promise<ReleaseView>;
  why(model: string, release?: number): Promise<Why>;
  retrain(
    model: string,
    asked: Asked & { readonly force?: boolean },
    options?: SendOptions,
  ): Promise<Reply<Answer & { readonly release: number | null }>>;
  /** What waits for approval; `null` when nothing does. */
  approvalRequest(model: string, release: number): Promise<ApprovalRequest | null>;
  decide(
    model: string,
    release: number,
    decision: DecisionMessage,
    options?: SendOptions,
  ): Promise<Reply<DecideAnswer>>;
  approve(
    model: string,
    release: number,
    decision: DecisionRequest,
    options?: SendOptions,
  ): Promise<Reply<DecideAnswer>>;
  reject(
    model: string,
    release: number,
    decision: DecisionRequest,
    options?: SendOptions,
  ): Promise<Reply<DecideAnswer>>;
  pause(
    model: string,
    release: number,
    asked: Asked,
    options?: SendOptions,
  ): Promise<Reply<Answer>>;
  resume(
    model: string,
    release: number,
    asked: Asked,
    options?: SendOptions,
  ): Promise<Reply<Answer>>;
  promote(
    model: string,
    release: number,
    asked: Asked,
    options?: SendOptions,
  ): Promise<Reply<Answer>>;
  abort(
    model: string,
    release: number,
    asked: Asked,
    options?: SendOptions,
  ): Promise<Reply<Answer>>;
  /** Puts the version before, or the endpoint config `to`, back into service. */
  rollback(
    model: string,
    asked: Asked & { readonly to?: string },
    options?: SendOptions,
  ): Promise<Reply<Answer>>;
  /** Compares what is with what should be, now; `accept` takes a kind of disagreement for granted. */
  reconcile(
    model: string,
    asked: Asked & { readonly accept?: string },
    options?: SendOptions,
  ): Promise<Reply<ReconcileAnswer>>;
  freeze(
    model: string,
    asked: Asked & { readonly untilMs?: number },
    options?: SendOptions,
  ): Promise<Reply<Answer>>;
  unfreeze(model: string, asked: Asked, options?: SendOptions): Promise<Reply<Answer>>;
  retire(
    model: string,
    asked: Asked & { readonly abort?: boolean },
    options?: SendOptions,
  ): Promise<Reply<Answer>>;
  /** A hint: something may have changed. Answers whether anybody was there to take it. */
  hintKeeper(
    model: string,
    about: string,
    topic?: HintMessage['topic'],
  ): Promise<'accepted' | 'not found'>;
  hintRelease(model: string, release: number, about: string): Promise<'accepted' | 'not found'>;
  /** Where the things of each running keeper are; `undefined` members of old memos are left out. */
  places(): Promise<readonly ModelPlace[]>;
  /** Where one model's things are, also when its keeper has ended; `null` when nobody knows. */
  place(model: string): Promise<ModelPlace | null>;
  close(): Promise<void>;
}

const { TaskQueueType } = proto.temporal.api.enums.v1;

/** Temporal remembers pollers for minutes; one that lives polls at least once in this time. */
const POLL_FRESH_MS = 90_000;
const QUERY_MS = 5_000;
const READ_MS = 10_000;
const DESCRIBE_AT_ONCE = 8;

const MODEL_KEY = defineSearchAttributeKey(SEARCH_ATTRIBUTES.model, 'KEYWORD');
const STAGE_KEY = defineSearchAttributeKey(SEARCH_ATTRIBUTES.stage, 'KEYWORD');
const AWAITING_KEY = defineSearchAttributeKey(SEARCH_ATTRIBUTES.awaiting, 'KEYWORD');
const VERDICT_KEY = defineSearchAttributeKey(SEARCH_ATTRIBUTES.verdict, 'KEYWORD');

/** What the `keeper` workflow is started with. */
export interface KeeperStart {
  readonly policy: Policy;
  readonly policyDigest: string;
  readonly author: Asked;
  readonly appliedAtMs: number;
}

/** The typed client over a Temporal client that is already connected. `close` closes the connection. */
export function createModelkeeperClient(client: Client): ModelkeeperClient {
  const { connection } = client;

  const keeperOf = (model: string): string => keeperId(known(model));
  const releaseOf = (model: string, release: number): string => {
    if (!Number.isSafeInteger(release) || release < 1)
      throw new ModelkeeperError('not-found', `there is no release ${release} of ${model}`);
    return releaseId(known(model), release);
  };

  async function workerAnswers(): Promise<boolean> {
    try {
      const answer = await connection.withDeadline(Date.now() + QUERY_MS, () =>
        client.workflowService.describeTaskQueue({
          namespace: client.options.namespace,
          taskQueue: { name: CONTROL_QUEUE },
          taskQueueType: TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
        }),
      );
      return answer.pollers.some(
        (poller) =>
          Number(String(poller.lastAccessTime?.seconds ?? 0)) * 1_000 > Date.now() - POLL_FRESH_MS,
      );
    } catch {
      return true; // not known; the caller goes on waiting
    }
  }

  function update<Given extends object, Answered extends Answer>(
    workflowId: string,
    definition: UpdateDefinition<Answered, [Given]>,
    argument: Given,
    options: SendOptions | undefined,
  ): Promise<Reply<Answered>> {
    return sendUpdate<Answered>(
      {
        addressee: inPlainWords(workflowId),
        send: (updateId, deadlineMs) =>
          connection.withDeadline(deadlineMs, () =>
            client.workflow
              .getHandle(workflowId)
              .executeUpdate<Answered, [Given]>(definition, { updateId, args: [argument] }),
          ),
        workerAnswers,
      },
      options,
    );
  }

  async function query<Answered>(
    workflowId: string,
    definition: QueryDefinition<Answered>,
  ): Promise<Answered> {
    try {
      return await connection.withDeadline(Date.now() + QUERY_MS, () =>
        client.workflow.getHandle(workflowId).query(definition),
      );
    } catch (error) {
      throw queryErrorInWords(error, inPlainWords(workflowId), await workerAnswers());
    }
  }

  async function describe(workflowId: string): Promise<WorkflowExecutionDescription> {
    try {
      return await connection.withDeadline(Date.now() + READ_MS, () =>
        client.workflow.getHandle(workflowId).describe(),
      );
    } catch (error) {
      throw inWords(error, inPlainWords(workflowId));
    }
  }

  /** Describe and query together; the query's failure is a sentence, Describe's is an error. */
  async function view<Answered>(
    model: string,
    workflowId: string,
    definition: QueryDefinition<Answered>,
  ): Promise<ExecutionView & { readonly answer: Answered | null }> {
    const answered = query(workflowId, definition).then(
      (answer) => ({ answer, unanswered: null }),
      (error: unknown) => ({ answer: null, unanswered: messageOf(error) }),
    );
    const description = await describe(workflowId);
    return {
      model,
      workflowId,
      runId: description.runId,
      execution: executionState(description.status.name),
      startedAtMs: description.startTime.getTime(),
      closedAtMs: description.closeTime?.getTime() ?? null,
      pending: pendingWork(description),
      ...(await answered),
    };
  }

  async function find(visibilityQuery: string): Promise<readonly WorkflowExecutionInfo[]> {
    try {
      return await connection.withDeadline(Date.now() + READ_MS, async () => {
        const found: WorkflowExecutionInfo[] = [];
        for await (const info of client.workflow.list({ query: visibilityQuery })) found.push(info);
        return found;
      });
    } catch (error) {
      throw inWords(error, 'Temporal');
    }
  }

  async function signal(
    workflowId: string,
    definition: SignalDefinition<[HintMessage?]>,
    hint: HintMessage,
  ): Promise<'accepted' | 'not found'> {
    try {
      await connection.withDeadline(Date.now() + READ_MS, () =>
        client.workflow.getHandle(workflowId).signal(definition, hint),
      );
      return 'accepted';
    } catch (error) {
      const told = inWords(error, inPlainWords(workflowId));
      if (told instanceof ModelkeeperError && told.code === 'not-found') return 'not found';
      throw told;
    }
  }

  return {
    async apply({ policy: given, door, proof, reason }, options) {
      // A keeper would stumble over a policy that is none: it ends here, also for programs.
      const parsed = policySchema.safeParse(given);
      if (!parsed.success) {
        const faults = faultsInWords(parsed.error.issues);
        return { kind: 'refused', reason: `the policy is not valid: ${faults.join('; ')}` };
      }
      const policy = parsed.data;
      const model = policy.metadata.name;
      const digest = policyDigest(policy);
      const place = placeOf(policy);
      const input: KeeperStart = {
        policy,
        policyDigest: digest,
        author: { door, proof, reason },
        appliedAtMs: Date.now(),
      };
      return sendUpdate<Answer>(
        {
          addressee: `the keeper of ${model}`,
          send: (updateId, deadlineMs) =>
            connection.withDeadline(deadlineMs, () =>
              client.workflow.executeUpdateWithStart(applyPolicyUpdate, {
                updateId,
                args: [{ policy, policyDigest: digest, door, proof, reason }],
                startWorkflowOperation: new WithStartWorkflowOperation('keeper', {
                  workflowId: keeperOf(model),
                  taskQueue: CONTROL_QUEUE,
                  args: [input],
                  workflowIdConflictPolicy: 'USE_EXISTING',
                  typedSearchAttributes: [{ key: MODEL_KEY, value: model }],
                  memo: { ...place },
                  staticSummary: `Keeps ${model} on endpoint ${place.endpoint} (${place.region}) healthy`,
                }),
              }),
            ),
          workerAnswers,
        },
        options,
      );
    },

    async status(model) {
      const { answer, ...rest } = await view(model, keeperOf(model), keeperStatusQuery);
      return { ...rest, keeper: answer };
    },

    async list() {
      const keepers = await find('WorkflowType="keeper" AND ExecutionStatus="Running"');
      return inBatches(keepers, DESCRIBE_AT_ONCE, async (info): Promise<ModelLine> => {
        const pending = await describe(info.workflowId).then(pendingWork, () => []);
        return {
          model:
            info.typedSearchAttributes.get(MODEL_KEY) ?? info.workflowId.slice('keeper/'.length),
          workflowId: info.workflowId,
          startedAtMs: info.startTime.getTime(),
          stage: info.typedSearchAttributes.get(STAGE_KEY) ?? null,
          awaiting: info.typedSearchAttributes.get(AWAITING_KEY) ?? null,
          verdict: info.typedSearchAttributes.get(VERDICT_KEY) ?? null,
          endpoint: textIn(info.memo, 'endpoint'),
          failing: failingWork(pending),
        };
      });
    },

    async releases(model) {
      const found = await find(
        `WorkflowType="release" AND ${SEARCH_ATTRIBUTES.model}="${known(model)}"`,
      );
      return found
        .map((info): ReleaseLine => ({
          model,
          release: Number(info.workflowId.slice(info.workflowId.lastIndexOf('/') + 1)),
          workflowId: info.workflowId,
          execution: executionState(info.status.name),
          stage: info.typedSearchAttributes.get(STAGE_KEY) ?? null,
          awaiting: info.typedSearchAttributes.get(AWAITING_KEY) ?? null,
          startedAtMs: info.startTime.getTime(),
          closedAtMs: info.closeTime?.getTime() ?? null,
        }))
        .sort((a, b) => b.release - a.release);
    },

    async releaseStatus(model, release) {
      const { answer, ...rest } = await view(model, releaseOf(model, release), releaseStatusQuery);
      return { ...rest, release, status: answer };
    },

    why: (model, release) =>
      query(release === undefined ? keeperOf(model) : releaseOf(model, release), whyQuery),

    approvalRequest: (model, release) => query(releaseOf(model, release), approvalRequestQuery),

    retrain: (model, asked, options) => update(keeperOf(model), retrainNowUpdate, asked, options),
    decide: (model, release, decision, options) =>
      update(releaseOf(model, release), decideUpdate, decision, options),
    approve: (model, release, decision, options) =>
      update(releaseOf(model, release), decideUpdate, { ...decision, verdict: 'approve' }, options),
    reject: (model, release, decision, options) =>
      update(releaseOf(model, release), decideUpdate, { ...decision, verdict: 'reject' }, options),
    pause: (model, release, asked, options) =>
      update(releaseOf(model, release), pauseUpdate, asked, options),
    resume: (model, release, asked, options) =>
      update(releaseOf(model, release), resumeUpdate, asked, options),
    promote: (model, release, asked, options) =>
      update(releaseOf(model, release), promoteUpdate, asked, options),
    abort: (model, release, asked, options) =>
      update(releaseOf(model, release), abortUpdate, asked, options),
    rollback: (model, asked, options) => update(keeperOf(model), rollbackUpdate, asked, options),
    reconcile: (model, asked, options) => update(keeperOf(model), reconcileUpdate, asked, options),
    freeze: (model, asked, options) => update(keeperOf(model), freezeUpdate, asked, options),
    unfreeze: (model, asked, options) => update(keeperOf(model), unfreezeUpdate, asked, options),
    retire: (model, asked, options) => update(keeperOf(model), retireUpdate, asked, options),

    hintKeeper: (model, about, topic) =>
      signal(keeperOf(model), lookNowSignal, {
        about,
        ...(topic === undefined ? {} : { topic }),
      }),
    hintRelease: (model, release, about) =>
      signal(releaseOf(model, release), hintSignal, { about }),

    async places() {
      const keepers = await find('WorkflowType="keeper" AND ExecutionStatus="Running"');
      return keepers.flatMap((info) => placeIn(info.memo) ?? []);
    },

    async place(model) {
      try {
        return placeIn((await describe(keeperOf(model))).memo) ?? null;
      } catch (error) {
        if (error instanceof ModelkeeperError && error.code === 'not-found') return null;
        throw error;
      }
    },

    async close() {
      await client.connection.close();
    },
  };
}

/** Names go into workflow ids and visibility queries: anything else than a model's name ends here. */
function known(model: string): string {
  if (!MODEL_NAME.test(model))
    throw new ModelkeeperError(
      'not-found',
      `'${model}' is not the name of a model: lower-case letters, digits and single dashes, such as flight-delays`,
    );
  return model;
}

/** `keeper/m` → the keeper of m; `release/m/3` → release 3 of m. */
function inPlainWords(workflowId: string): string {
  const [kind, model, release] = workflowId.split('/');
  return kind === 'keeper'
    ? `the keeper of ${model ?? ''}`
    : `release ${release ?? ''} of ${model ?? ''}`;
}

function queryErrorInWords(error: unknown, addressee: string, workerThere: boolean): Error {
  if (error instanceof QueryRejectedError || error instanceof QueryNotRegisteredError)
    return new ModelkeeperError('no-worker', `${addressee} does not answer: ${error.message}`, {
      cause: error,
    });
  const told = inWords(error, addressee);
  if (told instanceof ModelkeeperError && told.code !== 'timed-out') return told;
  if (!workerThere || (error instanceof ServiceError && /no poller/i.test(messageOf(error.cause))))
    return noWorker(error);
  return told instanceof ModelkeeperError
    ? new ModelkeeperError(
        'timed-out',
        `${addressee} did not answer within ${QUERY_MS / 1_000} s: no worker answers on task queue ${CONTROL_QUEUE}, or it is busy or failing`,
        { cause: error },
      )
    : told;
}

function textIn(memo: Record<string, unknown> | undefined, member: string): string | null {
  const value = memo?.[member];
  return typeof value === 'string' ? value : null;
}

function textsIn(memo: Record<string, unknown> | undefined, member: string): readonly string[] {
  const value = memo?.[member];
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : [];
}

function placeIn(memo: Record<string, unknown> | undefined): ModelPlace | undefined {
  const model = textIn(memo, 'model');
  const endpoint = textIn(memo, 'endpoint');
  const region = textIn(memo, 'region');
  const storage = textIn(memo, 'storage');
  if (model === null || endpoint === null || region === null || storage === null) return undefined;
  return {
    model,
    endpoint,
    region,
    storage,
    group: textIn(memo, 'group') ?? '',
    pipeline: textIn(memo, 'pipeline') ?? '',
    alarms: textsIn(memo, 'alarms'),
  };
}

async function inBatches<Item, Result>(
  items: readonly Item[],
  size: number,
  each: (item: Item) => Promise<Result>,
): Promise<readonly Result[]> {
  const results: Result[] = [];
  for (let start = 0; start < items.length; start += size)
    results.push(...(await Promise.all(items.slice(start, start + size).map(each))));
  return results;
}
