import { describe, expect, it } from 'vitest';

import type { WindowResult } from '../../domain/model.js';
import { applyPolicyUpdate, retireUpdate } from '../../workflows/messages.js';
import { os, play, until, type Play } from './harness.js';
import { aPolicy, HOUR_MS, type PolicyDraft } from './world.js';

const together = (draft: PolicyDraft): void => {
  draft.spec.monitor.sources = [
    ...draft.spec.monitor.sources,
    {
      id: 'together',
      kind: 'multivariate',
      window: '1h',
      image: 'modelkeeper:1',
      role: 'arn:aws:iam::111122223333:role/jobs',
    },
  ];
};
const JOB = 'm-mv-0123456789ab';

const ready = (p: Play): Promise<unknown> =>
  until(
    p.keeperStatus,
    (status) => status.timeline.some(({ what }) => what.startsWith('keeping')),
    'the keeper is ready',
  );

describe('the processing jobs that compare columns together', () => {
  it('are stopped with the model that is retired', async () => {
    await play(
      async (p) => {
        await ready(p);
        p.world.comparing.push(JOB);
        await p.keeper.executeUpdate(retireUpdate, { args: [os('ada')] });
        expect(await p.keeper.result()).toMatchObject({ kind: 'retired' });
        expect(p.world.comparing).toEqual([]);
      },
      { policy: together },
    );
  });

  it('are stopped when the policy asks for none any more, and not before', async () => {
    await play(
      async (p) => {
        await ready(p);
        p.world.comparing.push(JOB);
        const apply = (policyDigest: string, change?: (draft: PolicyDraft) => void) =>
          p.keeper.executeUpdate(applyPolicyUpdate, {
            args: [{ ...os('ada'), policy: aPolicy(p.world.model, change), policyDigest }],
          });
        await apply('policy-2', (draft) => {
          together(draft);
          draft.spec.monitor.every = '2h';
        });
        expect(p.world.comparing).toEqual([JOB]);
        await apply('policy-3');
        expect(p.world.comparing).toEqual([]);
        expect((await p.keeperStatus()).timeline.map(({ what }) => what)).toContain(
          `the processing job ${JOB} is asked to stop`,
        );
      },
      { policy: together },
    );
  });

  it('count in the budget: a person is asked once they have spent it', async () => {
    await play(
      async (p) => {
        await ready(p);
        const atMs = await p.env.currentTimeMs();
        const window = (ago: number): WindowResult => ({
          source: 'together',
          sourceKind: 'multivariate',
          fromMs: atMs - (ago + 1) * HOUR_MS,
          toMs: atMs - ago * HOUR_MS,
          result: 'breach',
          rows: 5_000,
          sentence: 'together: columns x and y moved together differently',
          columns: [],
          machineSeconds: { 'ml.m5.large': 1_800 },
        });
        p.world.windows.push([window(1), window(0)]);
        await p.env.sleep('2h');
        const status = await until(
          p.keeperStatus,
          (s) => s.lastGovernorAnswer?.kind === 'ask',
          'a person is asked',
        );
        expect(status.verdict).toBe('drift');
        expect(status.lastGovernorAnswer?.reason).toMatch(
          '0.50 USD of 0.90 USD of the last 30 d are spent (0.50 USD by jobs that watch)',
        );
        expect(status.budget.money).toMatchObject({
          spentUsd: 0,
          watched: { kind: 'known', usd: 0.5 },
        });
        expect(status.nextReleaseNumber).toBe(1);
      },
      {
        policy: (draft) => {
          together(draft);
          draft.spec.retrain = {
            trainingJob: {
              image: 'train:1',
              role: 'arn:aws:iam::111122223333:role/train',
              instanceType: 'ml.m5.large',
              maxRuntime: '1h',
              channels: { train: 's3://data/train/' },
            },
            budget: { usd: 0.9, prices: { 'ml.m5.large': 0.5 } },
          };
        },
      },
    );
  });

  it('are not asked for by a model that has none', async () => {
    await play(async (p) => {
      await ready(p);
      await p.keeper.executeUpdate(retireUpdate, { args: [os('ada')] });
      await p.keeper.result();
      expect(p.world.calls['stopMultivariate']).toBeUndefined();
    });
  });
});
