import { describe, expect, it } from 'vitest';

import { os, play, until } from './harness.js';
import type { Play } from './harness.js';

const profile = 'arn:aws:sagemaker:us-east-1:111122223333:user-profile/d-abc/grace';
const ALARM = 'modelkeeper-m-health-errors-5xx';

const alarm = (found: boolean) => ({
  name: ALARM,
  managed: true,
  found,
  differences: [],
  actionsDisabled: false,
});

const ready = (p: Play): Promise<unknown> =>
  until(p.keeperStatus, (s) => s.reconciledAtMs !== undefined, 'the first comparison is done');

const decisions = (p: Play): readonly string[] => p.world.ledger.map((entry) => entry.decision);

describe('the reconciler', () => {
  it('puts a deleted alarm right at the next comparison, enters it, and is quiet again', async () => {
    await play(async (p) => {
      p.world.differs = { alarms: [alarm(true)] };
      p.world.override({
        repairAlarms: async () => {
          p.world.differs = { alarms: [alarm(true)] };
          return { alarms: { health: [ALARM] }, differences: [] };
        },
      });
      await ready(p);
      p.world.differs = { alarms: [alarm(false)] };
      await p.env.sleep('7h');
      await until(
        async () => decisions(p),
        (all) => all.includes('repaired'),
        'the repair is entered',
      );
      expect((await p.keeperStatus()).disagreements).toEqual([]);
      expect(p.world.calls['repairAlarms']).toBe(1);
      await p.env.sleep('2d');
      expect(p.world.calls['repairAlarms']).toBe(1);
    });
  });

  it('takes away an alarm that a rollout left behind, and enters it', async () => {
    await play(async (p) => {
      const left = 'modelkeeper-m-release-3-candidate-scaling-out';
      p.world.override({
        repairAlarms: async () => {
          p.world.differs = {};
          return { alarms: {}, differences: [] };
        },
      });
      await ready(p);
      p.world.differs = { alarmsLeft: [left] };
      await p.env.sleep('7h');
      const repaired = await until(
        async () => p.world.ledger.find((entry) => entry.decision === 'repaired'),
        (entry) => entry !== undefined,
        'the repair is entered',
      );
      expect(repaired?.reasons).toEqual([
        `the alarm ${left} scales a candidate that does not serve any more`,
        'modelkeeper removes the alarm',
      ]);
      expect((await p.keeperStatus()).disagreements).toEqual([]);
    });
  });

  it('fights nobody: what is changed again and again is left to people, contested', async () => {
    await play(async (p) => {
      p.world.override({
        repairAlarms: async () => ({ alarms: { health: [ALARM] }, differences: [] }),
      });
      await ready(p);
      p.world.differs = { alarms: [alarm(false)] };
      await p.env.sleep('30h');
      const status = await until(
        p.keeperStatus,
        (s) => s.disagreements?.[0]?.remedy === 'ask',
        'people are asked',
      );
      expect(status.disagreements?.[0]?.note).toMatch(/^contested/);
      expect(p.world.calls['repairAlarms']).toBe(3);
      const asked = p.world.notices.filter((notice) => notice.notice === 'disagreement');
      expect(asked).toHaveLength(1);
    });
  });

  it('asks about a config that somebody put into service, until a person accepts it', async () => {
    await play(async (p) => {
      await ready(p);
      p.world.serve('by-hand', await p.env.currentTimeMs());
      await p.env.sleep('2h');
      const status = await until(
        p.keeperStatus,
        (s) => s.disagreements?.length === 1,
        'it disagrees',
      );
      expect(status.disagreements?.[0]).toMatchObject({
        kind: 'endpoint-config-changed',
        subject: 'by-hand',
        remedy: 'ask',
      });
      const answer = await p.keeper.executeUpdate<
        { sentence: string; disagreements: unknown[] },
        [unknown]
      >('reconcile', {
        args: [{ ...os('ada'), accept: 'endpoint-config-changed', reason: 'a hotfix' }],
      });
      expect(answer).toEqual({ sentence: 'everything agrees', disagreements: [] });
      await p.env.sleep('2d');
      expect((await p.keeperStatus()).disagreements).toEqual([]);
      expect(decisions(p)).toContain('accepted');
    });
  });

  it('takes nothing of a release’s own rollout and rollback for a change from outside', async () => {
    await play(async (p) => {
      await p.retrain();
      await p.reach(1, 'approve');
      await p.decide(1, 'grace');
      await p.reach(1, 'probation');
      await p.env.sleep('1d');
      expect((await p.keeperStatus()).disagreements).toEqual([]);
      await p.keeper.executeUpdate('rollback', { args: [os('ada')] });
      await p.result(1);
      await p.env.sleep('1d');
      await until(p.keeperStatus, (s) => s.champion?.configName === 'first', 'it is back');
      expect((await p.keeperStatus()).disagreements).toEqual([]);
      expect(decisions(p)).not.toContain('changed outside');
    });
  });

  it.each(['rollback', 'ask', 'nothing'] as const)(
    'answers a version rejected while it serves with the policy’s answer: %s',
    async (answer) => {
      await play(
        async (p) => {
          await p.retrain();
          await p.reach(1, 'approve');
          await p.decide(1, 'grace');
          await p.reach(1, 'probation');
          await p.env.sleep('1h');
          const arn = `arn:aws:sagemaker:us-east-1:111122223333:model-package/${p.world.model}/2`;
          const { champion } = p.world.endpoint;
          if (champion !== null) p.world.endpoint.champion = { ...champion, packageArn: arn };
          await p.world.studio(arn, 'Rejected', profile, 'biased');
          await p.keeper.signal('lookNow', { about: 'a package changed', topic: 'registry' });
          await p.env.sleep('1m');
          if (answer === 'rollback') {
            expect(await p.result(1)).toMatchObject({ kind: 'rolled back' });
            expect(p.world.endpoint.configName).toBe('first');
            const entry = p.world.ledger.find((one) => one.decision === 'rollback');
            expect(entry?.actor).toMatchObject({
              person: 'grace@example.com',
              door: 'registry',
              proof: { kind: 'registry', identity: profile },
            });
            return;
          }
          const status = await until(
            p.keeperStatus,
            (s) => s.disagreements?.length === 1,
            'it disagrees',
          );
          expect(status.disagreements?.[0]).toMatchObject({
            kind: 'package-rejected-while-serving',
            remedy: answer === 'ask' ? 'ask' : 'report',
            sentence: expect.stringContaining('biased') as string,
          });
          const told = p.world.notices.filter((notice) => notice.notice === 'disagreement');
          expect(told).toHaveLength(answer === 'ask' ? 1 : 0);
          expect(p.world.endpoint.configName).not.toBe('first');
        },
        {
          policy: (draft) => {
            draft.spec.registry.onRejectedWhileServing = answer;
            draft.spec.people = {
              ...draft.spec.people,
              'grace@example.com': ['os:grace', profile],
            };
          },
        },
      );
    },
  );
});
