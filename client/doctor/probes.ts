import { statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';

import type { Client } from '@temporalio/client';
import proto from '@temporalio/proto';

import { createAccount } from '../account.js';
import { messageOf } from '../errors.js';
import { policyDigest } from '../digest.js';
import { signedIn } from '../identity.js';
import { connectTemporal } from '../index.js';
import { judgePlan, readPlanFacts } from '../plan.js';
import type { DoctorProbes } from './examine.js';
import { createReads } from './reads.js';

const { IndexedValueType, TaskQueueType } = proto.temporal.api.enums.v1;
const KEYWORD = IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD;
const CALL_MS = 5_000;

/** Measures the real Temporal, AWS and disk. Changes nothing but `registerKeywords`. */
export function realProbes(): DoctorProbes {
  let connected: Promise<Client> | undefined;
  const client = (): Promise<Client> =>
    (connected ??= connectTemporal({ connectTimeoutMs: 5_000 }));
  const within = async <Result>(call: (to: Client) => Promise<Result>): Promise<Result> => {
    const to = await client();
    return to.connection.withDeadline(Date.now() + CALL_MS, () => call(to));
  };

  return {
    temporal: () =>
      within(async (to) => {
        const { namespace } = to.options;
        const info = await to.workflowService.getSystemInfo({});
        await to.workflowService.describeNamespace({ namespace });
        return {
          address: process.env['TEMPORAL_ADDRESS'] ?? 'localhost:7233',
          namespace,
          version: info.serverVersion === '' ? null : `server ${info.serverVersion}`,
        };
      }),

    searchAttributes: () =>
      within(async (to) => {
        const { namespace } = to.options;
        const operator = (await connection(to)).operatorService;
        const answer = await operator.listSearchAttributes({ namespace });
        return new Map(
          Object.entries(answer.customAttributes).map(([name, type]) => [
            name,
            type === KEYWORD ? 'Keyword' : `type ${type}`,
          ]),
        );
      }),

    registerKeywords: (names) =>
      within(async (to) => {
        const operator = (await connection(to)).operatorService;
        await operator.addSearchAttributes({
          namespace: to.options.namespace,
          searchAttributes: Object.fromEntries(names.map((name) => [name, KEYWORD])),
        });
      }),

    pollersSeenAtMs: (queue) =>
      within(async (to) => {
        const answer = await to.workflowService.describeTaskQueue({
          namespace: to.options.namespace,
          taskQueue: { name: queue },
          taskQueueType: TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
        });
        return answer.pollers.map(
          (poller) => Number(String(poller.lastAccessTime?.seconds ?? 0)) * 1_000,
        );
      }),

    signedIn,

    async permissions(region, endpoint) {
      const account = createAccount(region);
      try {
        const reads: readonly (readonly [string, () => Promise<unknown>])[] = [
          ['sagemaker:ListPipelines', () => account.pipelines()],
          ['sagemaker:ListModelPackageGroups', () => account.groups()],
          ['cloudwatch:DescribeAlarms', () => account.alarmsReadable()],
          ...(endpoint === null
            ? []
            : [
                [
                  'sagemaker:DescribeEndpoint, …Config, …Model, ListTags',
                  async () => {
                    const facts = await account.endpoint(endpoint, 'AllTraffic');
                    if (facts === null) throw new Error(`there is no endpoint '${endpoint}'`);
                    if (facts.capture !== null) await account.hasObjects(facts.capture.prefix);
                  },
                ] as const,
              ]),
        ];
        return await Promise.all(
          reads.map(async ([what, read]) => ({ what, fault: await faultOf(read) })),
        );
      } finally {
        account.close();
      }
    },

    async disk() {
      const path = tmpdir();
      const { bavail, bsize } = await statfs(path);
      return { path, freeBytes: bavail * bsize };
    },

    account: createReads,

    async plan(policy) {
      const account = createAccount(policy.spec.endpoint.region);
      try {
        const facts = await readPlanFacts(policy, account, Date.now());
        // What is in force is Temporal's to say, and `modelkeeper plan` asks it.
        const nobody = { running: null, storage: null, author: null };
        return { facts, plan: judgePlan(policy, policyDigest(policy), facts, nobody) };
      } finally {
        account.close();
      }
    },

    async close() {
      const open = await connected?.catch(() => undefined);
      await open?.connection.close();
    },
  };
}

/** The connection with its operator service; clients type it more narrowly. */
async function connection(client: Client): Promise<import('@temporalio/client').Connection> {
  const { Connection } = await import('@temporalio/client');
  if (!(client.connection instanceof Connection))
    throw new Error('this connection cannot manage search attributes');
  return client.connection;
}

async function faultOf(read: () => Promise<unknown>): Promise<string | null> {
  try {
    await read();
    return null;
  } catch (error) {
    return messageOf(error);
  }
}
