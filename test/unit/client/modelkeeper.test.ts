import type { Client } from '@temporalio/client';
import { describe, expect, it } from 'vitest';

import { createModelkeeperClient } from '../../../client/modelkeeper.js';
import type { Policy } from '../../../domain/policy.schema.js';
import { aPolicy } from '../domain/support.js';

/** A server that only counts what reaches it. */
function counting(): { readonly client: Client; readonly reached: string[] } {
  const reached: string[] = [];
  const client = {
    connection: {
      withDeadline: (_atMs: number, call: () => unknown) => call(),
      close: () => Promise.resolve(),
    },
    workflow: {
      executeUpdateWithStart: (_definition: unknown, options: { readonly args: unknown[] }) => {
        reached.push(JSON.stringify(options.args));
        return Promise.resolve({ sentence: 'in force' });
      },
    },
  };
  return { client: client as unknown as Client, reached };
}

const ASKED = {
  door: 'cli',
  proof: { kind: 'sts', arn: 'arn:aws:iam::111122223333:role/ada' },
  reason: 'first',
} as const;

describe('apply of a program', () => {
  it('reaches the keeper with a policy', async () => {
    const { client, reached } = counting();
    const reply = await createModelkeeperClient(client).apply({ ...ASKED, policy: aPolicy() });
    expect(reply).toEqual({ kind: 'done', answer: { sentence: 'in force' } });
    expect(reached).toHaveLength(1);
  });

  it.each<[string, (policy: Policy) => unknown, string]>([
    ['nothing', () => null, 'the policy'],
    ['a policy without people', (policy) => ({ ...policy, spec: {} }), 'spec.endpoint'],
    [
      'a duration without a unit',
      (policy) => ({
        ...policy,
        spec: { ...policy.spec, deploy: { ...policy.spec.deploy, timeout: 60 } },
      }),
      'spec.deploy.timeout',
    ],
    [
      'a quorum that can never be met',
      (policy) => ({
        ...policy,
        spec: { ...policy.spec, approve: { ...policy.spec.approve, approvals: 5 } },
      }),
      'that can never be met',
    ],
  ])('with %s reaches nobody', async (_what, change, words) => {
    const { client, reached } = counting();
    const policy = change(aPolicy()) as Policy;
    const reply = await createModelkeeperClient(client).apply({ ...ASKED, policy });
    expect(reply).toMatchObject({ kind: 'refused' });
    expect(JSON.stringify(reply)).toContain(words);
    expect(reached).toEqual([]);
  });
});
