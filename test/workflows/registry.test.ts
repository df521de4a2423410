import { describe, expect, it } from 'vitest';

import { play, until } from './harness.js';
import type { Play } from './harness.js';
import type { PolicyDraft } from './world.js';

const profile = (name: string): string =>
  `arn:aws:sagemaker:us-east-1:111122223333:user-profile/d-abc/${name}`;

/** Decisions count in the registry too; ada, grace and rob are known there. */
const opened =
  (approvals = 1) =>
  (draft: PolicyDraft): void => {
    draft.spec.approve = { ...draft.spec.approve, approvals, doors: ['local', 'registry'] };
    for (const name of ['ada', 'grace', 'rob'])
      draft.spec.people = {
        ...draft.spec.people,
        [`${name}@example.com`]: [`os:${name}`, profile(name)],
      };
  };

/** Brings release 1 before people, with the package pending in the registry; answers its ARN. */
async function asking(p: Play): Promise<string> {
  await p.retrain();
  await p.reach(1, 'approve');
  await until(
    async () => p.world.statuses.at(-1)?.status,
    (status) => status === 'PendingManualApproval',
    'the package is pending',
  );
  return (await p.request(1)).evidence.packageArn;
}

const timeline = async (p: Play): Promise<string> =>
  (await p.releaseStatus(1)).timeline.map((entry) => entry.what).join('\n');

describe('the registry as a door', () => {
  it('counts Approved in Studio once of two, goes back to pending, and deploys with the second through another door', async () => {
    await play(
      async (p) => {
        const arn = await asking(p);
        await p.world.studio(arn, 'Approved', profile('ada'), 'looks good');
        await p.env.sleep('6m');
        const counted = await until(
          () => p.releaseStatus(1),
          (s) => s.decisions.length === 1,
          'one decision',
        );
        expect(counted.decisions[0]).toMatchObject({
          person: 'ada@example.com',
          door: 'registry',
          proof: { kind: 'registry', identity: profile('ada') },
          reason: 'looks good',
        });
        const back = await until(
          async () => p.world.package(arn),
          (reading) => reading.approvalStatus === 'PendingManualApproval',
          'it is pending again',
        );
        expect(back.description).toMatch(/^1 of 2 approvals in modelkeeper: ada@example.com/);
        await p.env.sleep('1h');
        expect((await p.releaseStatus(1)).decisions).toHaveLength(1);
        expect(p.world.updates).toEqual([]);
        await p.decide(1, 'grace');
        await p.reach(1, 'probation');
        const entry = p.world.ledger.find((one) => one.decision === 'approved');
        expect(entry?.facts['decisions']).toMatchObject([
          { person: 'ada@example.com', door: 'registry' },
          { person: 'grace@example.com', door: 'local' },
        ]);
        expect(p.world.package(arn).approvalStatus).toBe('Approved');
      },
      { policy: opened(2) },
    );
  });

  it('ends the release rejected with the author of a rejection in Studio', async () => {
    await play(
      async (p) => {
        const arn = await asking(p);
        await p.world.studio(arn, 'Rejected', profile('grace'), 'trained on the wrong week');
        await p.env.sleep('6m');
        expect(await p.result(1)).toEqual({
          kind: 'rejected',
          by: 'grace@example.com',
          reason: 'trained on the wrong week',
        });
        expect(p.world.ledger.find((one) => one.decision === 'rejected')?.actor).toEqual({
          person: 'grace@example.com',
          door: 'registry',
          proof: { kind: 'registry', identity: profile('grace') },
        });
      },
      { policy: opened() },
    );
  });

  it('hears of a change at once when a hint comes, long before its next look', async () => {
    await play(
      async (p) => {
        const arn = await asking(p);
        await p.env.sleep('11s');
        const beforeMs = await p.env.currentTimeMs();
        await p.world.studio(arn, 'Approved', profile('ada'));
        await p.keeper.signal('lookNow', { about: 'a package changed', topic: 'registry' });
        await until(
          () => p.releaseStatus(1),
          (s) => s.decisions.length === 1,
          'the decision',
        );
        expect((await p.env.currentTimeMs()) - beforeMs).toBeLessThan(60_000);
      },
      { policy: opened() },
    );
  });

  it('refuses an author nobody knows with the reason, puts the status back once, and then leaves it contested to people', async () => {
    await play(
      async (p) => {
        const arn = await asking(p);
        await p.world.studio(arn, 'Approved', profile('mallory'));
        await p.env.sleep('6m');
        const refused = await until(
          () => p.releaseStatus(1),
          (s) => s.registry?.kind === 'reverted',
          'it is put back',
        );
        expect(refused.refusals.at(-1)).toMatchObject({
          door: 'registry',
          person: profile('mallory'),
          reason: expect.stringContaining('belongs to nobody') as string,
        });
        expect(p.world.package(arn).approvalStatus).toBe('PendingManualApproval');

        await p.world.studio(arn, 'Approved', profile('mallory'));
        await p.env.sleep('6m');
        const contested = await until(
          () => p.releaseStatus(1),
          (s) => s.registry?.kind === 'contested',
          'it is contested',
        );
        expect(contested.decisions).toEqual([]);
        expect(p.world.package(arn)).toMatchObject({
          approvalStatus: 'Approved',
          lastModifiedBy: profile('mallory'),
        });
        await p.env.sleep('2h');
        expect((await p.releaseStatus(1)).stage).toBe('approve');
        const told = p.world.notices.filter((n) => n.subject.endsWith('the registry was changed'));
        expect(told.map((notice) => notice.severity)).toEqual(['warning', 'critical']);

        // People settle it: grace may, and hers is heard though it was contested before.
        await p.world.studio(arn, 'Rejected', profile('grace'), 'not like this');
        await p.env.sleep('6m');
        expect(await p.result(1)).toMatchObject({ kind: 'rejected', by: 'grace@example.com' });
      },
      { policy: opened() },
    );
  });

  it('counts nothing where the policy does not open it: put back with a notice, then contested', async () => {
    await play(async (p) => {
      const arn = await asking(p);
      // It is no door: it is looked at as often as the model.
      await p.world.studio(arn, 'Approved', profile('ada'));
      await p.env.sleep('61m');
      const status = await until(
        () => p.releaseStatus(1),
        (s) => s.registry?.kind === 'reverted',
        'it is put back',
      );
      expect(status.registry?.sentence).toMatch(/decisions through registry do not count/);
      await p.world.studio(arn, 'Rejected', profile('ada'), 'no');
      await p.env.sleep('61m');
      await until(
        () => p.releaseStatus(1),
        (s) => s.registry?.kind === 'contested',
        'it is contested',
      );
      expect(p.world.package(arn).approvalStatus).toBe('Rejected');
      await p.decide(1, 'grace');
      await p.reach(1, 'probation');
    });
  });

  it('takes the status a pipeline registers with for no decision, and reports it', async () => {
    await play(
      async (p) => {
        const arn = await asking(p);
        await p.env.sleep('1h');
        const status = await p.releaseStatus(1);
        expect(status.decisions).toEqual([]);
        expect(p.world.package(arn).approvalStatus).toBe('PendingManualApproval');
        expect(await timeline(p)).toMatch(
          /registered the package as Approved: that is no decision/,
        );
      },
      { policy: opened(), world: (world) => (world.bornAs = 'Approved') },
    );
  });

  it('hears the requester as little as any other door does', async () => {
    await play(
      async (p) => {
        const arn = await asking(p);
        await p.world.studio(arn, 'Approved', profile('rob'));
        await p.env.sleep('6m');
        const status = await until(
          () => p.releaseStatus(1),
          (s) => s.refusals.length === 1,
          'a refusal',
        );
        expect(status.refusals[0]?.reason).toBe(
          'the requester may not decide on their own candidate',
        );
      },
      { policy: opened() },
    );
  });
});

describe('an approval that the registry does not take at once', () => {
  it('is written by an activity that the Web UI names until it succeeds, and the rollout waits for it', async () => {
    await play(
      async (p) => {
        p.world.registryFailures = 3;
        const arn = await asking(p);
        await p.decide(1, 'ada');
        await p.reach(1, 'probation');
        expect(p.world.registryFailures).toBe(0);
        expect(p.world.package(arn).approvalStatus).toBe('Approved');
        const { events } = await p.release(1).fetchHistory();
        const written = (events ?? []).filter(
          (event) =>
            event.activityTaskScheduledEventAttributes?.activityType?.name === 'writePackage',
        );
        expect(written).toHaveLength(1);
      },
      { policy: opened() },
    );
  });
});

describe('an approval that somebody takes back in the registry before the rollout', () => {
  /** Approved while the model is frozen, so that the rollout waits. */
  async function approvedAndWaiting(p: Play): Promise<string> {
    const arn = await asking(p);
    await p.keeper.executeUpdate('freeze', {
      args: [{ door: 'local', proof: { kind: 'os-user', user: 'ada' }, reason: 'holidays' }],
    });
    await until(
      () => p.releaseStatus(1),
      (s) => s.frozen,
      'it is frozen',
    );
    await p.decide(1, 'grace');
    await until(
      () => p.releaseStatus(1),
      (s) => s.stage === 'deploy',
      'it waits to deploy',
    );
    expect(p.world.package(arn).approvalStatus).toBe('Approved');
    return arn;
  }
  const thaw = (p: Play): Promise<unknown> =>
    p.keeper.executeUpdate('unfreeze', {
      args: [{ door: 'local', proof: { kind: 'os-user', user: 'ada' }, reason: 'over' }],
    });

  it('ends it rejected when an approver rejects', async () => {
    await play(
      async (p) => {
        const arn = await approvedAndWaiting(p);
        await p.world.studio(arn, 'Rejected', profile('ada'), 'second thoughts');
        await thaw(p);
        expect(await p.result(1)).toEqual({
          kind: 'rejected',
          by: 'ada@example.com',
          reason: 'second thoughts',
        });
        expect(p.world.updates).toEqual([]);
      },
      { policy: opened() },
    );
  });

  it('asks again when an approver sets it back to pending', async () => {
    await play(
      async (p) => {
        const arn = await approvedAndWaiting(p);
        await p.world.studio(arn, 'PendingManualApproval', profile('ada'));
        await thaw(p);
        await p.reach(1, 'approve');
        const requests = p.world.ledger.filter((one) => one.decision === 'request');
        expect(requests).toHaveLength(2);
        expect(requests[1]?.reasons.join()).toMatch(/ada@example.com took it back in the registry/);
        expect((await p.releaseStatus(1)).decisions).toEqual([]);
        expect(p.world.updates).toEqual([]);
        await p.decide(1, 'grace');
        await p.reach(1, 'probation');
        expect(
          p.world.notices.filter((notice) => notice.subject.startsWith('Approve ')),
        ).toHaveLength(2);
      },
      { policy: opened() },
    );
  });

  it('is put back once when it does not count, and the rollout goes on', async () => {
    await play(async (p) => {
      const arn = await approvedAndWaiting(p);
      await p.world.studio(arn, 'Rejected', profile('ada'), 'no');
      await thaw(p);
      await p.reach(1, 'probation');
      expect(p.world.package(arn).approvalStatus).toBe('Approved');
      expect((await p.releaseStatus(1)).registry).toMatchObject({ kind: 'reverted', reverts: 1 });
    });
  });
});

describe('the stages of the model’s life', () => {
  it('are written when people are asked, when it is promoted, and on the one it replaces', async () => {
    await play(
      async (p) => {
        const arn = await asking(p);
        expect(p.world.stages).toEqual([
          { packageArn: arn, stage: 'Staging', status: 'PendingApproval' },
        ]);
        await p.decide(1, 'grace');
        await p.reach(1, 'probation');
        await p.env.sleep('8d');
        expect(await p.result(1)).toMatchObject({ kind: 'promoted' });
        expect(p.world.stages.slice(1)).toEqual(
          expect.arrayContaining([
            { packageArn: arn, stage: 'Production', status: 'Active' },
            {
              packageArn: `arn:aws:sagemaker:us-east-1:111122223333:model-package/${p.world.model}/1`,
              stage: 'Archive',
              status: 'Retired',
            },
          ]),
        );
      },
      {
        policy: (draft) => {
          draft.spec.registry.stages = {
            waiting: { stage: 'Staging', status: 'PendingApproval' },
            promoted: { stage: 'Production', status: 'Active' },
            retired: { stage: 'Archive', status: 'Retired' },
          };
        },
      },
    );
  });
});
