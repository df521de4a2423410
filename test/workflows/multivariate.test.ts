import { describe, expect, it } from 'vitest';

import { applyPolicyUpdate, retireUpdate } from '../../workflows/messages.js';
import { os, play, until, type Play } from './harness.js';
import { aPolicy, type PolicyDraft } from './world.js';

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

  it('are not asked for by a model that has none', async () => {
    await play(async (p) => {
      await ready(p);
      await p.keeper.executeUpdate(retireUpdate, { args: [os('ada')] });
      await p.keeper.result();
      expect(p.world.calls['stopMultivariate']).toBeUndefined();
    });
  });
});
