import { describe, expect, it } from 'vitest';

import { os, play, refusal, until } from './harness.js';

describe('approval', () => {
  it('reminds, escalates and expires over three weeks, and expiry is no rejection', async () => {
    await play(
      async (p) => {
        await p.retrain();
        await p.reach(1, 'approve');
        await p.env.sleep('20d');
        expect((await p.releaseStatus(1)).stage).toBe('approve');
        await p.env.sleep('2d');
        const result = await p.result(1);
        expect(result).toMatchObject({ kind: 'expired' });
        expect(p.world.statuses.at(-1)).toMatchObject({ status: 'PendingManualApproval' });
        const subjects = p.world.notices.map((notice) => notice.subject.split(':')[0]);
        expect(subjects.filter((subject) => subject === 'Reminder')).toHaveLength(3);
        expect(
          p.world.notices.find((notice) => notice.subject.startsWith('Escalation'))?.topic,
        ).toBe('arn:aws:sns:us-east-1:111122223333:bosses');
        expect(p.world.endpoint.configName).toBe('first');
        expect(new Set(p.world.notices.map((notice) => notice.dedupeKey)).size).toBe(
          p.world.notices.length,
        );
      },
      {
        policy: (draft) => {
          draft.spec.approve = {
            ...draft.spec.approve,
            remind: ['1d', '7d', '14d'],
            escalate: { after: '10d', to: 'arn:aws:sns:us-east-1:111122223333:bosses' },
            expires: '21d',
          };
        },
      },
    );
  });

  it('needs a quorum of distinct approvers other than the requester', async () => {
    await play(
      async (p) => {
        await p.retrain();
        await p.reach(1, 'approve');
        expect(await refusal(p.decide(1, 'rob'))).toBe(
          'the requester may not decide on their own candidate',
        );
        expect(await refusal(p.decide(1, 'linus'))).toMatch(
          'linus@example.com is not among the approvers',
        );
        expect(await refusal(p.decide(1, 'mallory'))).toMatch('os:mallory belongs to nobody');
        expect(await p.decide(1, 'ada')).toBe('recorded: 1 of 2 approvals');
        expect(await refusal(p.decide(1, 'ada'))).toBe('ada@example.com has already decided');
        expect((await p.releaseStatus(1)).stage).toBe('approve');
        expect(await p.decide(1, 'grace')).toMatch('goes to deployment');
        await p.reach(1, 'probation');
        const approved = p.world.ledger.find((entry) => entry.decision === 'approved');
        expect(approved?.facts['decisions']).toMatchObject([
          { person: 'ada@example.com', door: 'local', proof: { kind: 'os-user', user: 'ada' } },
          { person: 'grace@example.com' },
        ]);
      },
      { policy: (draft) => (draft.spec.approve = { ...draft.spec.approve, approvals: 2 }) },
    );
  });

  it('refuses a decision about other evidence, and says which is waiting', async () => {
    await play(async (p) => {
      await p.retrain();
      await p.reach(1, 'approve');
      expect(await refusal(p.decide(1, 'ada', 'approve', { digest: 'old' }))).toMatch(
        /about other evidence: the request waiting has digest digest-model/,
      );
    });
  });

  it('refuses a proof that its door cannot bring', async () => {
    await play(async (p) => {
      await p.retrain();
      await p.reach(1, 'approve');
      const typed = {
        door: 'cli',
        proof: { kind: 'unverified', claimed: 'ada@example.com' },
      } as const;
      expect(await refusal(p.decide(1, 'ada', 'approve', typed))).toMatch(
        'cli with a proof of kind unverified',
      );
    });
  });

  it('by a bare signal counts exactly as the Update does where the policy opens that door', async () => {
    await play(async (p) => {
      await p.retrain();
      await p.reach(1, 'approve');
      const { digest } = await p.request(1);
      await p.release(1).signal('approve', { person: 'rob@example.com', digest });
      await p.release(1).signal('approve', { person: 'ada@example.com', digest: 'old' });
      await p.release(1).signal('approve', 'nonsense');
      const refused = await until(
        () => p.releaseStatus(1),
        (s) => s.refusals.length === 3,
        'three refusals',
      );
      expect(refused.refusals.map((r) => r.reason)).toEqual([
        'the requester may not decide on their own candidate',
        expect.stringMatching('about other evidence'),
        expect.stringMatching('about other evidence'),
      ]);
      await p.release(1).signal('approve', { person: 'ada@example.com', digest });
      await p.reach(1, 'probation');
      expect((await p.releaseStatus(1)).decisions[0]).toMatchObject({
        person: 'ada@example.com',
        door: 'temporal',
        proof: { kind: 'unverified' },
      });
    });
  });

  it('by a bare signal is refused, with the reason in status, where the policy does not open that door', async () => {
    await play(
      async (p) => {
        await p.retrain();
        await p.reach(1, 'approve');
        const { digest } = await p.request(1);
        await p.release(1).signal('reject', { person: 'ada@example.com', digest, reason: 'no' });
        const status = await until(
          () => p.releaseStatus(1),
          (s) => s.refusals.length === 1,
          'a refusal',
        );
        expect(status.refusals[0]?.reason).toBe(
          'decisions through temporal (unverified) do not count: approve.doors names local',
        );
        expect(status.stage).toBe('approve');
      },
      { policy: (draft) => (draft.spec.approve = { ...draft.spec.approve, doors: ['local'] }) },
    );
  });

  it('of a paused release waits for resume before it deploys', async () => {
    await play(async (p) => {
      await p.retrain();
      await p.reach(1, 'approve');
      await p.release(1).executeUpdate('pause', { args: [os('ada')] });
      await p.decide(1, 'grace');
      await p.env.sleep('5h');
      expect((await p.releaseStatus(1)).stage).toBe('approve');
      expect(p.world.updates).toEqual([]);
      await p.release(1).executeUpdate('resume', { args: [os('ada')] });
      await p.reach(1, 'probation');
    });
  });
});

describe('messages of any shape', () => {
  const shapes: readonly unknown[] = [
    undefined,
    null,
    7,
    'x',
    [],
    {},
    { proof: null },
    { door: 'cli', reason: 1, proof: { kind: 'sts' } },
  ];

  it('sent as signals stall neither keeper nor release', async () => {
    await play(async (p) => {
      await p.retrain();
      await p.reach(1, 'approve');
      for (const shape of shapes) {
        for (const name of ['approve', 'reject', 'hint', 'keeperSays'])
          await p.release(1).signal(name, shape);
        for (const name of ['lookNow', 'releaseSays', 'releaseEnded'])
          await p.keeper.signal(name, shape);
      }
      await p.env.sleep('1h');
      expect((await p.releaseStatus(1)).stage).toBe('approve');
      expect((await p.keeperStatus()).releases).toHaveLength(1);
      await p.decide(1, 'grace');
      await p.reach(1, 'probation');
    });
  });

  it('sent as updates are refused in words', async () => {
    await play(async (p) => {
      await p.retrain();
      await p.reach(1, 'approve');
      for (const shape of shapes) {
        for (const name of ['decide', 'pause', 'abort']) {
          expect(await refusal(p.release(1).executeUpdate(name, { args: [shape] }))).not.toBe(
            'it was accepted',
          );
        }
        for (const name of [
          'freeze',
          'rollback',
          'retire',
          'retrainNow',
          'applyPolicy',
          'unfreeze',
        ]) {
          expect(await refusal(p.keeper.executeUpdate(name, { args: [shape] }))).not.toBe(
            'it was accepted',
          );
        }
      }
      await p.decide(1, 'grace');
      await p.reach(1, 'probation');
    });
  });
});
