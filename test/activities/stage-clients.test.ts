import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { MockActivityEnvironment } from '@temporalio/testing';
import { describe, expect, it } from 'vitest';

import type { ControlActivities, ModelRef } from '../../activities/contract.js';
import type { Session } from '../../activities/deps.js';
import { createControlActivities } from '../../activities/index.js';
import { clientsAt, readPlace } from '../../activities/stage-clients.js';
import { accountWith, newState, PACKAGE } from './account.js';
import { depsOver, policyWith } from './support.js';

const ACTIVITIES = join(import.meta.dirname, '../../activities');
const role = (name: string): string => `arn:aws:iam::444455556666:role/${name}`;

const policy = policyWith({
  roles: {
    read: { arn: role('read'), externalId: 'flights:live' },
    train: { arn: role('train') },
    approve: { arn: role('approve') },
    deploy: { arn: role('deploy') },
  },
});
const ref: ModelRef = { model: 'flights', policy };

/** The sessions under which an activity of a workflow calls AWS. */
async function sessionsOf(
  work: (activities: ControlActivities) => Promise<unknown>,
): Promise<readonly (Session | undefined)[]> {
  const asked: (Session | undefined)[] = [];
  const { aws, temporal } = accountWith(newState());
  const activities = createControlActivities(
    depsOver(aws, {
      temporal,
      aws: (_region, session) => {
        asked.push(session);
        return aws.clients;
      },
    }),
  );
  const env = new MockActivityEnvironment({
    workflowExecution: { workflowId: 'release/flights/2', runId: 'r' },
  });
  await env.run(() => work(activities)).catch(() => undefined);
  expect(asked).not.toHaveLength(0);
  return asked;
}

const stagesOf = async (
  work: (activities: ControlActivities) => Promise<unknown>,
): Promise<readonly string[]> => [
  ...new Set((await sessionsOf(work)).map((session) => session?.stage ?? 'own')),
];

describe('an activity', () => {
  it.each<[string, readonly string[], (a: ControlActivities) => Promise<unknown>]>([
    ['readEndpoint', ['read'], (a) => a.readEndpoint(ref)],
    ['claimEndpoint', ['deploy'], (a) => a.claimEndpoint(ref)],
    ['ensureAlarms', ['deploy'], (a) => a.ensureAlarms(ref)],
    ['readScaling', ['deploy'], (a) => a.readScaling(ref)],
    [
      'startPipeline',
      ['train'],
      (a) => a.startPipeline({ ...ref, release: 2, name: 'flights-2', parameters: {} }),
    ],
    [
      'setApprovalStatus',
      ['approve'],
      (a) =>
        a.setApprovalStatus({
          ...ref,
          packageArn: PACKAGE,
          status: 'Approved',
          description: 'by ada',
        }),
    ],
    ['rebuild', ['own'], (a) => a.rebuild(ref)],
    [
      'notify',
      ['own'],
      (a) =>
        a.notify({
          ...ref,
          notice: 'drift',
          dedupeKey: 'k',
          subject: 's',
          text: 't',
          severity: 'info',
          consolePath: null,
        }),
    ],
  ])('%s works under %j', async (_name, stages, work) => {
    expect(await stagesOf(work)).toEqual(stages);
  });

  it('carries the id of its workflow as the name of the session, and the external id', async () => {
    expect(await sessionsOf((a) => a.readEndpoint(ref))).toEqual([
      { arn: role('read'), externalId: 'flights:live', stage: 'read', name: 'release-flights-2' },
    ]);
  });

  it('works under the identity of the worker where the policy names no role', async () => {
    const plain = { ...ref, policy: policyWith() };
    expect(await sessionsOf((a) => a.readEndpoint(plain))).toEqual([undefined]);
  });

  it('asks for its clients by stage, everywhere', () => {
    const OWN_WAY = new Set(['stage-clients.ts', 'notify.ts', 'own-events.ts']);
    const without = readdirSync(ACTIVITIES).filter(
      (file) =>
        !OWN_WAY.has(file) && /\bdeps\.aws\(/.test(readFileSync(join(ACTIVITIES, file), 'utf8')),
    );
    expect(without, 'these should use clientsFor(deps, stage) or ownClients(deps, ref)').toEqual(
      [],
    );
  });
});

describe('reads that models share', () => {
  const asked: unknown[] = [];
  const deps = {
    aws: (...given: readonly unknown[]) => {
      asked.push(given);
      return {};
    },
  };

  it('share a call only where the same role reads the same Region', () => {
    const spec = (roles: object) => policyWith(roles).spec;
    const plain = readPlace(spec({}));
    const byRole = readPlace(spec({ roles: { read: { arn: role('read') } } }));
    const byId = readPlace(spec({ roles: { read: { arn: role('read'), externalId: 'other' } } }));
    expect(new Set([plain, byRole, byId]).size).toBe(3);
    expect(readPlace(spec({ roles: { deploy: { arn: role('deploy') } } }))).toBe(plain);
    for (const place of [plain, byRole, byId]) expect(place).not.toContain(' ');
  });

  it('are made in a session that belongs to no one workflow', () => {
    clientsAt(deps, readPlace(policy.spec));
    clientsAt(deps, readPlace(policyWith().spec));
    expect(asked).toEqual([
      [
        'us-east-1',
        {
          arn: role('read'),
          externalId: 'flights:live',
          stage: 'read',
          name: 'modelkeeper-watch',
        },
      ],
      ['us-east-1'],
    ]);
  });
});
