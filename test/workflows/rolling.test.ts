import { describe, expect, it } from 'vitest';

import { play, type Play } from './harness.js';
import type { PolicyDraft } from './world.js';

const rolling = (draft: PolicyDraft): void => {
  draft.spec.deploy = {
    strategy: 'rolling',
    rolling: { percent: 50, bake: '5m' },
    probation: { for: '7d' },
  };
};

const approved = async (p: Play): Promise<void> => {
  await p.retrain();
  await p.reach(1, 'approve');
  await p.decide(1, 'grace');
};

describe('a rolling update', () => {
  it('whose rollback fails is answered with one update to the version before', async () => {
    await play(
      async (p) => {
        await approved(p);
        expect(await p.result(1)).toEqual({
          kind: 'rolled back',
          reason: 'the rollback failed and a mixed fleet serves',
          configName: 'first',
        });
        expect(p.world.updates).toEqual([
          { to: `${p.world.model}-1`, plain: false },
          { to: 'first', plain: true },
        ]);
        expect(p.world.endpoint).toMatchObject({ status: 'InService', configName: 'first' });
      },
      { policy: rolling, world: (world) => (world.rollout = 'mixed') },
    );
  });

  it('that cannot be put right calls for a person instead of trying on', async () => {
    await play(
      async (p) => {
        await approved(p);
        expect(await p.result(1)).toMatchObject({ kind: 'rolled back' });
        expect(p.world.updates).toHaveLength(2);
        const help = p.world.notices.filter(({ dedupeKey }) => dedupeKey.endsWith('/way-back'));
        expect(help).toMatchObject([{ severity: 'critical', notice: 'failed' }]);
        expect(help[0]?.text).toMatch('could not be put back on first: the rollback failed');
      },
      {
        policy: rolling,
        world: (world) => {
          world.rollout = 'mixed';
          world.mixedAgain = 1;
        },
      },
    );
  });
});
