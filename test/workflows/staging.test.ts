import { describe, expect, it } from 'vitest';

import { os, play, until } from './harness.js';
import { aPolicy, type PolicyDraft } from './world.js';

const staged = (draft: PolicyDraft): void => {
  draft.spec.deploy = {
    ...draft.spec.deploy,
    staging: { endpoint: 'staging', check: { samples: 's3://ml-artefacts/samples.csv' } },
  };
};

describe('staging before production', () => {
  it('comes after the approval and before any update of production, on record both ways', async () => {
    await play(
      async (p) => {
        await p.retrain();
        await p.reach(1, 'approve');
        expect(p.world.staged).toEqual([]);
        await p.decide(1, 'grace');
        const { staging } = await p.reach(1, 'probation');
        const name = `${p.world.model}-1`;
        expect(p.world.stagingUpdates).toEqual([`${name}-staging`]);
        expect(p.world.updates.map(({ to }) => to)).toEqual([name]);
        expect(staging).toMatchObject({ configName: name, verdict: 'pass' });
        const decisions = p.world.ledger.map(({ decision }) => decision);
        expect(decisions.indexOf('staging')).toBeLessThan(decisions.indexOf('staging checked'));
        expect(decisions.indexOf('staging checked')).toBeLessThan(decisions.indexOf('rollout'));
        expect(p.world.tidied).toEqual([{ endpoint: 'staging', remove: false }]);
      },
      { policy: staged },
    );
  });

  it('that the candidate fails ends the release before production is touched', async () => {
    await play(
      async (p) => {
        p.world.stagingVerdict = {
          ...p.world.stagingVerdict,
          verdict: 'fail',
          reasons: ['3 of 20 requests failed'],
        };
        await p.retrain();
        await p.reach(1, 'approve');
        await p.decide(1, 'grace');
        expect(await p.result(1)).toMatchObject({
          kind: 'failed gates',
          reasons: ['staging: 3 of 20 requests failed'],
        });
        expect(p.world.updates).toEqual([]);
        expect(p.world.endpoint.configName).toBe('first');
        expect(p.world.ledger.map(({ decision }) => decision)).toContain('staging checked');
      },
      { policy: staged },
    );
  });

  it('that cannot be had ends the release with the reason, not in a failure of the workflow', async () => {
    await play(
      async (p) => {
        p.world.stagingRefusal = 'staging is kept by keeper/hotels';
        await p.retrain();
        await p.reach(1, 'approve');
        await p.decide(1, 'grace');
        expect(await p.result(1)).toMatchObject({
          kind: 'failed gates',
          reasons: ['staging: staging is kept by keeper/hotels'],
        });
        expect(p.world.updates).toEqual([]);
      },
      { policy: staged },
    );
  });

  it('holds the release before production when a person pauses it meanwhile', async () => {
    await play(
      async (p) => {
        await p.retrain();
        await p.reach(1, 'approve');
        await p.decide(1, 'grace');
        const step = async () => {
          await p.env.sleep('1m');
          return p.releaseStatus(1);
        };
        await until(step, ({ awaiting }) => awaiting?.includes('at staging') === true, 'staging');
        await p.release(1).executeUpdate('pause', { args: [os('rob')] });
        await until(step, ({ staging }) => staging?.verdict === 'pass', 'it has passed');
        await p.env.sleep('2h');
        expect(p.world.updates).toEqual([]);
        await p.release(1).executeUpdate('resume', { args: [os('rob')] });
        await p.reach(1, 'probation');
        expect(p.world.endpoint.configName).toBe(`${p.world.model}-1`);
      },
      { policy: staged },
    );
  });

  it('that is aborted leaves production as it is', async () => {
    await play(
      async (p) => {
        await p.retrain();
        await p.reach(1, 'approve');
        await p.decide(1, 'grace');
        await until(
          async () => {
            await p.env.sleep('1m');
            return p.releaseStatus(1);
          },
          ({ awaiting }) => awaiting?.includes('at staging') === true,
          'staging',
        );
        await p.release(1).executeUpdate('abort', { args: [os('rob')] });
        expect(await p.result(1)).toMatchObject({ kind: 'aborted' });
        expect(p.world.updates).toEqual([]);
      },
      { policy: staged },
    );
  });

  it('goes with the policy that no longer has it', async () => {
    await play(
      async (p) => {
        await p.keeper.executeUpdate('applyPolicy', {
          args: [
            {
              ...os('ada'),
              policy: aPolicy(p.world.model),
              policyDigest: 'policy-2',
            },
          ],
        });
        expect(p.world.tidied).toEqual([{ endpoint: 'staging', remove: true }]);
      },
      { policy: staged },
    );
  });

  it('goes with the model that is retired', async () => {
    await play(
      async (p) => {
        await p.retrain();
        await p.reach(1, 'approve');
        await p.keeper.executeUpdate('retire', { args: [{ ...os('ada'), abort: true }] });
        expect(await p.keeper.result()).toMatchObject({ kind: 'retired' });
        expect(p.world.tidied).toEqual([{ endpoint: 'staging', remove: true }]);
      },
      { policy: staged },
    );
  });
});
