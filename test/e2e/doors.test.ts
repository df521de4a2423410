/** Doors for other tools on a real server: one signal, the typed client, and Updates at the seam of a keeper's runs. */
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';

import { TestWorkflowEnvironment } from '@temporalio/testing';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import proto from '@temporalio/proto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { createModelkeeperClient } from '../../client/index.js';
import type { ModelkeeperClient } from '../../client/index.js';
import { CONTROL_QUEUE, DATA_QUEUE } from '../../domain/queues.js';
import type { Policy } from '../../domain/policy.schema.js';
import { SEARCH_ATTRIBUTES } from '../../domain/search-attributes.js';
import type { ApprovalRequest, ReleaseStatus } from '../../domain/status.js';
import { findFreePort, startTemporal } from '../../sandbox/temporal/server.js';
import type { TemporalServer } from '../../sandbox/temporal/server.js';
import { World, aPolicy } from '../workflows/world.js';
import type { PolicyDraft } from '../workflows/world.js';
import { ROOT, run, temporalCli, temporaryFolder, until } from './support/processes.js';
import type { Ended } from './support/processes.js';

/** The server suggests a new run after so many events: a keeper is at its seam all the time. */
const EVENTS_PER_RUN = 50;
const ASKED = {
  door: 'local',
  proof: { kind: 'os-user', user: 'ada' },
  reason: 'a test',
} as const;

const folder = temporaryFolder('doors');
let temporal: TemporalServer;
let env: TestWorkflowEnvironment;
let client: ModelkeeperClient;

beforeAll(async () => {
  Runtime.install({
    logger: new DefaultLogger('ERROR'),
    telemetryOptions: { logging: { filter: { core: 'ERROR', other: 'ERROR' }, forward: {} } },
  });
  temporal = await startTemporal({
    cli: temporalCli(),
    port: await findFreePort(),
    logFile: join(folder.path, 'temporal.log'),
    dynamicConfig: { 'limit.historyCount.suggestContinueAsNew': EVENTS_PER_RUN },
  });
  env = await TestWorkflowEnvironment.createFromExistingServer({ address: temporal.address });
  const { INDEXED_VALUE_TYPE_KEYWORD } = proto.temporal.api.enums.v1.IndexedValueType;
  await env.connection.operatorService.addSearchAttributes({
    namespace: 'default',
    searchAttributes: Object.fromEntries(
      Object.values(SEARCH_ATTRIBUTES).map((name) => [name, INDEXED_VALUE_TYPE_KEYWORD]),
    ),
  });
  client = createModelkeeperClient(env.client);
  // The documented lines call it by its name.
  mkdirSync(join(folder.path, 'bin'));
  symlinkSync(temporalCli(), join(folder.path, 'bin/temporal'));
}, 120_000);

afterAll(async () => {
  await env.teardown();
  await temporal.stop();
  folder.remove();
}, 60_000);

interface Kept {
  readonly world: World;
  readonly policy: Policy;
}

/** Keeps a model in a small world while `act` runs. */
async function kept(
  model: string,
  change: (draft: PolicyDraft) => void,
  act: (kept: Kept) => Promise<void>,
): Promise<void> {
  const policy = aPolicy(model, (draft) => {
    draft.spec.people = { 'ada@example.com': ['os:ada', `os:${userInfo().username}`] };
    draft.spec.groups = {};
    draft.spec.approve = {
      ...draft.spec.approve,
      approvers: ['ada@example.com'],
      requesterMayApprove: true,
    };
    draft.spec.deploy = { probation: { for: '1s', rollBackOn: ['alarms'] } };
    change(draft);
  });
  const world = new World(env, model);
  world.pipelineLooks = 0;
  world.rolloutLooks = 0;
  const common = { connection: env.nativeConnection, shutdownForceTime: '2s' } as const;
  const control = await Worker.create({
    ...common,
    taskQueue: CONTROL_QUEUE,
    workflowBundle: { codePath: join(ROOT, 'dist/workflow-bundle.js') },
    activities: world.control(),
  });
  const data = await Worker.create({ ...common, taskQueue: DATA_QUEUE, activities: world.data() });
  await control.runUntil(
    data.runUntil(async () => {
      const applied = await client.apply({ ...ASKED, policy });
      expect(applied.kind).toBe('done');
      await act({ world, policy });
      await env.client.workflow.getHandle(`keeper/${model}`).terminate('the test is over');
    }),
  );
}

/** A release that waits for approval. */
async function asked(model: string): Promise<ApprovalRequest> {
  const reply = await client.retrain(model, ASKED);
  expect(reply).toMatchObject({ kind: 'done', answer: { release: 1 } });
  return until(
    'people are asked',
    60_000,
    async () => (await client.approvalRequest(model, 1)) ?? undefined,
  );
}

const finished = (model: string): Promise<ReleaseStatus> =>
  until('the release ends', 60_000, async () => {
    const { status } = await client.releaseStatus(model, 1);
    return status?.result == null ? undefined : status;
  });

const DOCUMENT = readFileSync(join(ROOT, 'docs/approve-by-signal.md'), 'utf8');

/** The code block of the document that holds this, about another model and release. */
function documented(holding: string, model: string): string {
  const blocks = [...DOCUMENT.matchAll(/^```\w+\n(.*?)^```$/gms)].map(([, code = '']) => code);
  const found = blocks.find((code) => code.includes(holding));
  if (found === undefined) throw new Error(`no code block of the document holds '${holding}'`);
  return found
    .replaceAll('flight-delays/7', `${model}/1`)
    .replaceAll("'flight-delays', 7", `'${model}', 1`);
}

const shell = (script: string): Promise<Ended> =>
  run(['-c', script], {
    program: 'sh',
    env: {
      PATH: `${join(folder.path, 'bin')}:${process.env['PATH'] ?? ''}`,
      TEMPORAL_ADDRESS: temporal.address,
    },
  });

async function signal(model: string): Promise<void> {
  const asks = await shell(documented('--type approvalRequest', model));
  const digest = asks.output.trim();
  const sent = await shell(documented('--name approve', model).replace('b02ada75…', digest));
  expect(sent.code, sent.output).toBe(0);
}

describe('an approval by nothing but the documented line', () => {
  it('counts where the policy names the door temporal, as unverified', async () => {
    await kept(
      'by-signal',
      () => undefined,
      async ({ world }) => {
        await asked('by-signal');
        await signal('by-signal');
        expect(await finished('by-signal')).toMatchObject({
          result: { kind: 'promoted' },
          decisions: [
            {
              person: 'ada@example.com',
              door: 'temporal',
              reason: 'better on every airport',
              proof: { kind: 'unverified', claimed: 'ada@example.com' },
            },
          ],
        });
        expect(world.updates).toHaveLength(1);
      },
    );
  });

  it('does not count where it does not, and says why in the documented place', async () => {
    const withoutDoor = (draft: PolicyDraft): void => {
      draft.spec.approve.doors = ['console', 'cli', 'local'];
    };
    await kept('not-by-signal', withoutDoor, async ({ world }) => {
      await asked('not-by-signal');
      await signal('not-by-signal');
      const status = await until('the refusal is told', 30_000, async () => {
        const { output } = await shell(documented('--type status', 'not-by-signal'));
        return output.includes('refusals') && output.includes('ada@example.com')
          ? output
          : undefined;
      });
      expect(status).toContain('approve.doors names console, cli, local');
      expect(world.updates).toEqual([]);
      await env.client.workflow.getHandle('release/not-by-signal/1').terminate('the test is over');
    });
  });
});

describe('an approval by the typed client', () => {
  it('works from the documented program, compiled and run as in another project', async () => {
    const project = join(folder.path, 'project');
    mkdirSync(join(project, 'node_modules'), { recursive: true });
    symlinkSync(ROOT, join(project, 'node_modules/modelkeeper'));
    writeFileSync(join(project, 'package.json'), '{ "type": "module" }');
    writeFileSync(
      join(project, 'tsconfig.json'),
      JSON.stringify({
        compilerOptions: {
          module: 'NodeNext',
          target: 'ES2022',
          strict: true,
          skipLibCheck: true,
          types: ['node'],
          typeRoots: [join(ROOT, 'node_modules/@types')],
        },
        files: ['approve.ts'],
      }),
    );
    writeFileSync(
      join(project, 'approve.ts'),
      documented("from 'modelkeeper/client'", 'by-client'),
    );
    const compiled = await run([join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', project], {
      program: process.execPath,
    });
    expect(compiled.code, compiled.output).toBe(0);

    await kept(
      'by-client',
      () => undefined,
      async () => {
        await asked('by-client');
        const told = await run([join(project, 'approve.js')], {
          program: process.execPath,
          env: {
            TEMPORAL_ADDRESS: temporal.address,
            // AWS on this machine: the operating-system user is the proof.
            AWS_ENDPOINT_URL: 'http://127.0.0.1:1',
          },
        });
        expect(told).toMatchObject({ code: 0 });
        expect(told.output).toContain('approved: release 1 of by-client goes to deployment');
        expect(await finished('by-client')).toMatchObject({
          result: { kind: 'promoted' },
          decisions: [{ person: 'ada@example.com', door: 'local' }],
        });
      },
    );
  });
});

describe('a keeper that continues as new all the time', () => {
  const FREEZES = 70;
  const POLICIES = 60;
  const LANES = 4;

  it('answers two hundred Updates among signals and hints: none lost, none run twice', async () => {
    const model = 'at-the-seam';
    await kept(
      model,
      () => undefined,
      async ({ world, policy }) => {
        const answers: string[] = [];
        const count = (reply: { readonly kind: string }): void => {
          answers.push(reply.kind);
        };
        const freezing = async (): Promise<void> => {
          for (let i = 0; i < FREEZES; i += 1) {
            count(await client.freeze(model, { ...ASKED, reason: `freeze ${String(i)}` }));
            count(await client.unfreeze(model, { ...ASKED, reason: `unfreeze ${String(i)}` }));
          }
        };
        const applying = async (lane: number): Promise<void> => {
          for (let i = lane; i < POLICIES; i += LANES) {
            const team = `team ${String(i)}`;
            const next = { ...policy, metadata: { ...policy.metadata, team } };
            count(await client.apply({ ...ASKED, reason: team, policy: next }));
          }
        };
        let over = false;
        const heard: string[] = [];
        const hinting = async (): Promise<void> => {
          while (!over) {
            heard.push(await client.hintKeeper(model, 'an event'));
            await new Promise((resolve) => setTimeout(resolve, 100));
          }
        };
        const hints = hinting();
        await Promise.all([
          freezing(),
          ...Array.from({ length: LANES }, (_, lane) => applying(lane)),
        ]);
        over = true;
        await hints;

        expect(answers).toHaveLength(2 * FREEZES + POLICIES);
        expect(new Set(answers)).toEqual(new Set(['done']));
        expect(heard.length).toBeGreaterThan(20);
        expect(new Set(heard)).toEqual(new Set(['accepted']));
        const reasons = (decision: string): readonly string[] =>
          world.ledger
            .filter((entry) => entry.decision === decision)
            .map(({ reasons: [first = ''] }) => first);
        const numbered = (word: string, count_: number): string[] =>
          Array.from({ length: count_ }, (_, i) => `${word} ${String(i)}`);
        expect(reasons('freeze')).toEqual(numbered('freeze', FREEZES));
        expect(reasons('unfreeze')).toEqual(numbered('unfreeze', FREEZES));
        expect([...reasons('policy').slice(1)].sort()).toEqual(numbered('team', POLICIES).sort());

        let runs = 0;
        for await (const info of env.client.workflow.list({
          query: `WorkflowId="keeper/${model}"`,
        }))
          runs += info.workflowId === `keeper/${model}` ? 1 : 0;
        expect(runs).toBeGreaterThan(10);
      },
    );
  }, 400_000);
});
