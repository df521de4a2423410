import { describe, expect, it } from 'vitest';

import { heldBake, type BakeComparison } from '../../domain/bake.js';
import { play } from './harness.js';
import { DAY_MS, type PolicyDraft, type World } from './world.js';

const compares =
  (over: object = {}) =>
  (draft: PolicyDraft) => {
    draft.spec.deploy = { ...draft.spec.deploy, compare: { windows: { count: 2 }, ...over } };
  };

const looked = (verdict: BakeComparison['verdict'], reason: string): BakeComparison => ({
  ...heldBake(0, [], { k: 0, of: 0 }, reason),
  verdict,
  doubts: [],
  metrics: [
    {
      id: 'errors5xx',
      kind: 'proportion',
      required: true,
      champion: 0.001,
      candidate: 0.04,
      nChampion: 10_000,
      nCandidate: 1_000,
      estimate: 0.039,
      lower: 0.03,
      upper: 0.05,
      margin: 0.005,
      verdict: verdict === 'promote' ? 'pass' : verdict === 'hold' ? 'inconclusive' : 'fail',
      hard: verdict === 'roll back',
      reason,
    },
  ],
});

/** Bakes last 10 and 5 minutes; looks come within them. */
const slowly = (world: World): void => {
  world.rolloutLooks = 40;
  world.rolloutPollMs = 60_000;
};

describe('a guardrail rollout that is compared', () => {
  it('is promoted when its looks find nothing, and shows each of them', async () => {
    await play(
      async (p) => {
        p.world.bakes = [looked('hold', 'few yet'), looked('promote', 'the same')];
        await p.retrain();
        await p.reach(1, 'approve');
        await p.decide(1, 'grace');
        await p.reach(1, 'probation');
        const { bakes } = await p.releaseStatus(1);
        expect(bakes?.map(({ look, verdict }) => [look.k, look.of, verdict])).toEqual([
          [1, 2, 'hold'],
          [2, 2, 'promote'],
        ]);
        const entries = p.world.ledger.filter(({ decision }) => decision === 'bake compared');
        expect(entries.map(({ facts }) => facts['verdict'])).toEqual(['hold', 'promote']);
        expect(p.world.tripped).toEqual([]);
      },
      { policy: compares(), world: slowly },
    );
  });

  it('is taken back by its own alarm when the candidate is worse, and says why', async () => {
    await play(
      async (p) => {
        p.world.bakes = [looked('roll back', '40 of 1000 fail')];
        await p.retrain();
        await p.reach(1, 'approve');
        await p.decide(1, 'grace');
        expect(await p.result(1)).toMatchObject({ kind: 'rolled back' });
        expect(p.world.tripped).toEqual([`${p.world.model}-1-abort`]);
        expect(p.world.endpoint.configName).toBe('first');
        const { rollout } = await p.releaseStatus(1);
        expect(rollout.map(({ what }) => what).join('\n')).toMatch(
          /taken back by the comparison: look 1 of 2: roll back: .*40 of 1000 fail/,
        );
      },
      { policy: compares(), world: slowly },
    );
  });

  it.each([
    ['rollback', 'ended'],
    ['manual', 'probation'],
  ] as const)(
    'that could not tell and says %s is in %s after it',
    async (onInconclusive, stage) => {
      await play(
        async (p) => {
          p.world.bakes = [looked('hold', 'few'), looked('hold', 'few')];
          await p.retrain();
          await p.reach(1, 'approve');
          await p.decide(1, 'grace');
          const { result } = await p.reach(1, stage);
          expect(result?.kind).toBe(stage === 'ended' ? 'rolled back' : undefined);
          expect(p.world.tripped).toHaveLength(stage === 'ended' ? 1 : 0);
        },
        { policy: compares({ onInconclusive }), world: slowly },
      );
    },
  );

  it('that was over before anything could be compared goes back where the policy says so', async () => {
    await play(
      async (p) => {
        await p.retrain();
        await p.reach(1, 'approve');
        await p.decide(1, 'grace');
        expect(await p.result(1)).toMatchObject({
          kind: 'rolled back',
          reason: expect.stringMatching(
            'before champion and candidate could be compared',
          ) as string,
          configName: 'first',
        });
        expect(p.world.updates.at(-1)).toEqual({ to: 'first', plain: true });
      },
      { policy: compares({ onInconclusive: 'rollback' }) },
    );
  });

  it('goes on by its alarms when nothing can be compared', async () => {
    await play(
      async (p) => {
        await p.retrain();
        await p.reach(1, 'approve');
        await p.decide(1, 'grace');
        await p.reach(1, 'probation');
        expect((await p.releaseStatus(1)).bakes).toBeUndefined();
      },
      { policy: compares(), world: slowly },
    );
  });
});

describe('a probation', () => {
  it('waits for the labels of its first windows before it promotes', async () => {
    await play(
      async (p) => {
        await p.retrain();
        await p.reach(1, 'approve');
        await p.decide(1, 'grace');
        const { untilMs, timeline } = await p.reach(1, 'probation');
        const nowMs = await p.env.currentTimeMs();
        // Two windows of 24h, whose labels take 48h.
        expect((untilMs ?? 0) - nowMs).toBeGreaterThan(4 * DAY_MS);
        expect(timeline.map(({ what }) => what).join('\n')).toMatch(
          /the probation lasts longer: deploy\.probation\.for 1h would end before the labels of 2 windows/,
        );
        await p.env.sleep('2d');
        expect((await p.releaseStatus(1)).result).toBeNull();
        await p.env.sleep('4d');
        expect(await p.result(1)).toMatchObject({ kind: 'promoted' });
      },
      { policy: (draft) => (draft.spec.deploy = { probation: { for: '1h' } }) },
    );
  });
});
