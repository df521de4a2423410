import { describe, expect, it } from 'vitest';

import { os, play, refusal, until, type Play } from './harness.js';

const promoted = async (p: Play): Promise<void> => {
  await p.retrain();
  await p.reach(1, 'approve');
  await p.decide(1, 'grace');
  await p.reach(1, 'probation');
  await p.env.sleep('8d');
  await p.result(1);
  await until(p.keeperStatus, (s) => s.lastRelease !== null, 'the keeper knows');
};

const rollBack = (p: Play, to?: string) =>
  p.keeper.executeUpdate('rollback', { args: [{ ...os('ada'), ...(to ? { to } : {}) }] });

describe('a rollback weeks after the promotion', () => {
  it('goes to the version before, and is nobody else’s doing', async () => {
    await play(async (p) => {
      await promoted(p);
      await p.env.sleep('21d');
      expect(await rollBack(p)).toMatchObject({
        sentence: 'the endpoint is going back to first; modelkeeper status shows when it is there',
      });
      expect(p.world.updates.at(-1)).toEqual({ to: 'first', plain: true });
      p.world.serve('first', await p.env.currentTimeMs());
      await until(
        async () => {
          await p.env.sleep('1h');
          return p.keeperStatus();
        },
        (s) => s.champion?.configName === 'first',
        'the keeper sees it',
      );
      const decisions = p.world.ledger.map(({ decision }) => decision);
      expect(decisions).toContain('rollback');
      expect(decisions).not.toContain('changed outside');
      // A second one does not put back what the first took away, unless somebody says so.
      const bad = `${p.world.model}-1`;
      p.world.kept = ['first', bad];
      expect(await refusal(rollBack(p))).toMatch(`${bad} was left`);
      await rollBack(p, bad);
      expect(p.world.updates.at(-1)).toEqual({ to: bad, plain: true });
    });
  });

  it('goes to a version that is named, and refuses one that is gone with a list', async () => {
    await play(
      async (p) => {
        await promoted(p);
        expect(await refusal(rollBack(p, 'model-0'))).toBe('not there; still there: first, older');
        expect(p.world.ledger.map(({ decision }) => decision)).not.toContain('rollback');
        await rollBack(p, 'older');
        expect(p.world.updates.at(-1)).toEqual({ to: 'older', plain: true });
      },
      { world: (world) => (world.kept = ['first', 'older']) },
    );
  });

  it('to a named version waits for the release that holds the endpoint', async () => {
    await play(async (p) => {
      await p.retrain();
      await p.reach(1, 'approve');
      await p.decide(1, 'grace');
      await p.reach(1, 'probation');
      expect(await refusal(rollBack(p, 'older'))).toMatch('release 1 holds the endpoint');
    });
  });
});

describe('a rollback that comes while a release is ending', () => {
  it('is not lost: the keeper goes back itself once the release has ended as promoted', async () => {
    await play(async (p) => {
      await p.retrain();
      await p.reach(1, 'approve');
      await p.decide(1, 'grace');
      await p.reach(1, 'probation');
      p.world.unenterable = 'ended';
      await p.env.sleep('7d');
      await p.env.sleep('2h');
      expect(await rollBack(p)).toEqual({ sentence: 'release 1 takes the endpoint back' });
      expect(p.world.updates).toHaveLength(1);
      p.world.unenterable = null;
      await p.env.sleep('5m');
      expect(await p.result(1)).toMatchObject({ kind: 'promoted' });
      await until(
        () => Promise.resolve(p.world.updates.at(-1)),
        (update) => update?.to === 'first' && update.plain,
        'the endpoint goes back',
      );
    });
  });
});

describe('a rollback during the probation', () => {
  it('calls for a person where the config before was deleted', async () => {
    await play(
      async (p) => {
        await p.retrain();
        await p.reach(1, 'approve');
        await p.decide(1, 'grace');
        await p.reach(1, 'probation');
        await rollBack(p);
        await p.env.sleep('1h');
        expect(await p.result(1)).toMatchObject({ kind: 'rolled back' });
        const help = p.world.notices.filter(({ dedupeKey }) => dedupeKey.endsWith('/way-back'));
        expect(help).toMatchObject([
          {
            severity: 'critical',
            text: expect.stringMatching(
              /could not be put back on first: Could not find endpoint configuration "first"/,
            ) as string,
          },
        ]);
      },
      { world: (world) => (world.missingConfig = 'first') },
    );
  });
});

describe('a release that came to nothing', () => {
  it('ends, and says what it leaves behind, where it may not remove what it made', async () => {
    await play(
      async (p) => {
        await p.retrain();
        await p.reach(1, 'approve');
        await p.decide(1, 'grace', 'reject');
        await p.env.sleep('1h');
        const { stage, timeline } = await p.releaseStatus(1);
        expect(stage).toBe('ended');
        expect(timeline.map(({ what }) => what)).toContain(
          'the role may not sagemaker:DeleteModel',
        );
      },
      { world: (world) => (world.deletionDenied = 'the role may not sagemaker:DeleteModel') },
    );
  });
});

describe('a promotion', () => {
  it('lets the configs go that the policy keeps no longer', async () => {
    await play(
      async (p) => {
        await promoted(p);
        expect(p.world.pruned).toEqual([
          { keep: 4, wanted: ['first', `${p.world.model}-1`], release: 1 },
        ]);
      },
      {
        policy: (draft) => {
          draft.spec.deploy = { ...draft.spec.deploy, keep: 5 };
        },
      },
    );
  });
});
