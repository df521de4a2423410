import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import proto from '@temporalio/proto';
import { WorkflowNotFoundError } from '@temporalio/client';
import type { WorkflowHandle } from '@temporalio/client';

import { expect } from 'vitest';

import { DATA_QUEUE, CONTROL_QUEUE } from '../../domain/queues.js';
import { keeperId, releaseId } from '../../domain/names.js';
import { SEARCH_ATTRIBUTES } from '../../domain/search-attributes.js';
import type { Policy } from '../../domain/policy.schema.js';
import type {
  ApprovalRequest,
  DecisionMessage,
  KeeperStatus,
  ReleaseStatus,
} from '../../domain/status.js';
import type { Proof } from '../../domain/people.js';
import { approvalRequestQuery, decideUpdate } from '../../workflows/messages.js';
import type { keeper } from '../../workflows/keeper.js';
import type { KeeperInput } from '../../workflows/keeper-state.js';
import { World, aPolicy } from './world.js';
import type { PolicyDraft } from './world.js';

let installed = false;
function quietRuntime(): void {
  if (installed) return;
  installed = true;
  Runtime.install({
    logger: new DefaultLogger('ERROR'),
    telemetryOptions: { logging: { filter: { core: 'ERROR', other: 'ERROR' }, forward: {} } },
    workerHeartbeatInterval: 0,
  });
}

/**
 * A time-skipping server of its own for each play: the clock is the server's, so what one test leaves behind would
 * move or stop the next one's.
 */
async function startServer(): Promise<TestWorkflowEnvironment> {
  quietRuntime();
  const path = process.env['MODELKEEPER_TEST_SERVER'];
  if (path === undefined)
    throw new Error('MODELKEEPER_TEST_SERVER is not set: run the tests with npm test');
  const env = await TestWorkflowEnvironment.createTimeSkipping({
    server: { executable: { type: 'existing-path', path } },
  });
  await registerSearchAttributes(env);
  return env;
}

async function registerSearchAttributes(env: TestWorkflowEnvironment): Promise<void> {
  const KEYWORD = proto.temporal.api.enums.v1.IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD;
  await env.connection.operatorService.addSearchAttributes({
    namespace: 'default',
    searchAttributes: Object.fromEntries(
      Object.values(SEARCH_ATTRIBUTES).map((name) => [name, KEYWORD]),
    ),
  });
}

export const bundlePath = (): string => {
  const path = process.env['MODELKEEPER_WORKFLOW_BUNDLE'];
  if (path === undefined)
    throw new Error('MODELKEEPER_WORKFLOW_BUNDLE is not set: run the tests with npm test');
  readFileSync(path);
  return path;
};

export interface Play {
  readonly world: World;
  readonly policy: Policy;
  readonly env: TestWorkflowEnvironment;
  readonly keeper: WorkflowHandle<typeof keeper>;
  keeperStatus(): Promise<KeeperStatus>;
  release(number: number): WorkflowHandle;
  releaseStatus(number: number): Promise<ReleaseStatus>;
  request(number: number): Promise<ApprovalRequest>;
  /** Lets time pass until the release is in the stage. */
  reach(number: number, stage: ReleaseStatus['stage'], stepMs?: number): Promise<ReleaseStatus>;
  decide(
    number: number,
    user: string,
    verdict?: 'approve' | 'reject',
    change?: Partial<DecisionMessage>,
  ): Promise<string>;
  /** Asks the keeper for a release; answers its number. */
  retrain(reason?: string): Promise<number>;
  result(number: number): Promise<unknown>;
  drift(): Promise<void>;
}

export const os = (user: string): { door: 'local'; proof: Proof; reason: string } => ({
  door: 'local',
  proof: { kind: 'os-user', user },
  reason: 'because the test says so',
});

/** Why a message was turned away, in words. */
export const refusal = async (attempt: Promise<unknown>): Promise<string> =>
  attempt.then(
    () => 'it was accepted',
    (error: unknown) =>
      error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error),
  );

let plays = 0;

/** Runs `act` in a world with a keeper; terminates what is left. */
export async function play(
  act: (play: Play) => Promise<void>,
  options: {
    policy?: (draft: PolicyDraft) => void;
    world?: (world: World) => void;
    input?: Partial<KeeperInput>;
  } = {},
): Promise<void> {
  plays += 1;
  const model = `model-${String(plays)}`;
  const env = await startServer();
  const policy = aPolicy(model, options.policy);
  const world = new World(env, model);
  options.world?.(world);
  const common = {
    connection: env.nativeConnection,
    namespace: 'default',
    shutdownGraceTime: 0,
    shutdownForceTime: '2s',
  } as const;
  const control = await Worker.create({
    ...common,
    taskQueue: CONTROL_QUEUE,
    workflowBundle: { codePath: bundlePath() },
    activities: world.control(),
  });
  const data = await Worker.create({ ...common, taskQueue: DATA_QUEUE, activities: world.data() });
  try {
    await control.runUntil(
      data.runUntil(async () => {
        const handle = await env.client.workflow.start<typeof keeper>('keeper', {
          workflowId: keeperId(model),
          taskQueue: CONTROL_QUEUE,
          args: [
            {
              policy,
              policyDigest: 'policy-1',
              author: os('ada'),
              appliedAtMs: await env.currentTimeMs(),
              ...options.input,
            },
          ],
          workflowExecutionTimeout: '1000d',
        });
        await act(playing(env, world, policy, handle));
        await keepHistories(env, model);
      }),
    );
  } finally {
    await env.teardown();
  }
}

/**
 * Keeps what the test's workflows did as histories to be replayed, when MODELKEEPER_RECORD_HISTORIES names a folder:
 * `node scripts/record-histories.mjs`, which says when they are recorded anew.
 */
async function keepHistories(env: TestWorkflowEnvironment, model: string): Promise<void> {
  const folder = process.env['MODELKEEPER_RECORD_HISTORIES'];
  const test = expect.getState().currentTestName;
  if (folder === undefined || test === undefined) return;
  const name = test
    .replace(/[^a-z0-9]+/gi, '-')
    .slice(0, 80)
    .toLowerCase();
  const ids = [keeperId(model), ...[1, 2].map((number) => releaseId(model, number))];
  for (const [index, id] of ids.entries()) {
    const history = await env.client.workflow
      .getHandle(id)
      .fetchHistory()
      .catch(() => undefined);
    if (history === undefined) continue;
    const kind = index === 0 ? 'keeper' : `release-${String(index)}`;
    const begins = process.env['MODELKEEPER_RECORD_BEGINS'] ?? '';
    writeFileSync(
      join(folder, `${begins}${name}.${kind}.json.gz`),
      gzipSync(historyToJSON(history), { level: 9 }),
    );
  }
}

/** Real milliseconds between looks while virtual time stands: the worker needs some to work. */
const PATIENCE = { tries: 400, pauseMs: 25 } as const;

export async function until<T>(
  read: () => Promise<T>,
  holds: (value: T) => boolean,
  what: string,
): Promise<T> {
  let last: unknown;
  for (let tries = 0; tries < PATIENCE.tries; tries += 1) {
    try {
      const value = await read();
      if (holds(value)) return value;
      last = value;
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, PATIENCE.pauseMs));
  }
  throw new Error(
    `never: ${what}; last: ${last instanceof Error ? last.message : JSON.stringify(last).slice(0, 3_000)}`,
  );
}

function playing(
  env: TestWorkflowEnvironment,
  world: World,
  policy: Policy,
  handle: WorkflowHandle<typeof keeper>,
): Play {
  const { model } = world;
  const release = (number: number): WorkflowHandle =>
    env.client.workflow.getHandle(releaseId(model, number));
  const self: Play = {
    world,
    policy,
    env,
    keeper: handle,
    keeperStatus: () => handle.query<KeeperStatus>('status'),
    release,
    releaseStatus: (number) => release(number).query<ReleaseStatus>('status'),
    request: (number) =>
      until(
        () => release(number).query(approvalRequestQuery),
        (request) => request !== null,
        'a request',
      ) as Promise<ApprovalRequest>,
    async reach(number, stage, stepMs = 600_000) {
      for (let step = 0; step < 300; step += 1) {
        const status = await self.releaseStatus(number).catch(() => undefined);
        if (status?.stage === stage && (stage !== 'approve' || status.request !== null))
          return status;
        if (status?.stage === 'ended')
          throw new Error(`the release ended before ${stage}: ${JSON.stringify(status.result)}`);
        await env.sleep(stepMs);
      }
      throw new Error(
        `release ${String(number)} never reached ${stage}: ${JSON.stringify(await self.releaseStatus(number)).slice(0, 2_000)}`,
      );
    },
    async decide(number, user, verdict = 'approve', change = {}) {
      const request = await self.request(number);
      const answer = await release(number).executeUpdate(decideUpdate, {
        args: [
          {
            verdict,
            reason: verdict === 'reject' ? 'not convinced' : '',
            digest: request.digest,
            door: 'local',
            proof: { kind: 'os-user', user },
            ...change,
          },
        ],
      });
      return answer.sentence;
    },
    async retrain(reason = 'a person asks') {
      await until(
        self.keeperStatus,
        (status) => status.timeline.some((entry) => entry.what.startsWith('keeping')),
        'the keeper is ready',
      );
      const updateId = `retrain-${reason}`;
      const answer = await retried(() =>
        env.client.workflow
          .getHandle(handle.workflowId)
          .executeUpdate<{ release: number | null; sentence: string }, [unknown]>('retrainNow', {
            updateId,
            args: [{ ...os('rob'), reason }],
          }),
      );
      if (answer.release === null) throw new Error(answer.sentence);
      return answer.release;
    },
    result: (number) => release(number).result(),
    async drift() {
      await until(self.keeperStatus, (status) => status.champion !== null, 'the keeper is ready');
      world.breach('inputs', await env.currentTimeMs());
      await env.sleep('2h');
      await until(self.keeperStatus, (status) => status.verdict === 'drift', 'drift is confirmed');
    },
  };
  return self;
}

/**
 * What the client library does too: between two runs of a keeper an Update may be turned away or lose its answer;
 * the same update id makes a repeat safe.
 */
export async function retried<T>(attempt: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await attempt();
    } catch (error) {
      const codes = [error, (error as { cause?: unknown }).cause].map(
        (e) => (e as { code?: number } | undefined)?.code,
      );
      const lost =
        error instanceof WorkflowNotFoundError && /^update .* not found/.test(error.message);
      if ((!codes.includes(9) && !lost) || tries > 20) throw error;
    }
  }
}
