import { describe, expect, it } from 'vitest';

import { os, play, until } from './harness.js';
import type { PolicyDraft, World } from './world.js';

const shadowed = (draft: PolicyDraft): void => {
  draft.spec.deploy = { ...draft.spec.deploy, shadow: { for: '1h', sample: 20 } };
};

const updatesOf = (world: World): readonly string[] =>
  world.updates.map(({ to, plain }) => `${to}${plain ? '' : ' by guardrails'}`);

describe('a shadow test', () => {
  it("lets the candidate in by guardrails only after it, from the champion's own config", async () => {
    await play(
      async (p) => {
        await p.retrain();
        await p.reach(1, 'approve');
        await p.decide(1, 'grace');
        const { shadow, bakes } = await p.reach(1, 'probation');
        const name = `${p.world.model}-1`;
        expect(updatesOf(p.world)).toEqual([`${name}-shadow`, 'first', `${name} by guardrails`]);
        expect(shadow).toMatchObject({ configName: name, verdict: 'promote' });
        expect(bakes).toHaveLength(1);
        expect(p.world.ledger.map(({ decision }) => decision)).toEqual(
          expect.arrayContaining(['shadow test', 'bake compared', 'rollout']),
        );
        const { champion } = await p.keeperStatus();
        expect(champion?.configName).not.toMatch(/shadow/);
      },
      { policy: shadowed },
    );
  });

  it('that the candidate fails ends the release on the config of before', async () => {
    await play(
      async (p) => {
        p.world.compared = {
          ...p.world.compared,
          verdict: 'roll back',
          reasons: ['latency: slow'],
        };
        await p.retrain();
        await p.reach(1, 'approve');
        await p.decide(1, 'grace');
        expect(await p.result(1)).toMatchObject({
          kind: 'failed gates',
          reasons: ['preflight: shadow test: latency: slow'],
        });
        expect(updatesOf(p.world)).toEqual([`${p.world.model}-1-shadow`, 'first']);
        expect(p.world.endpoint.configName).toBe('first');
        expect(p.world.discarded).toContain(`${p.world.model}-1-shadow`);
      },
      { policy: shadowed },
    );
  });

  it('that cannot tell asks people, and goes on when one of them resumes it', async () => {
    await play(
      async (p) => {
        p.world.compared = { ...p.world.compared, verdict: 'hold', reasons: ['latency: few'] };
        await p.retrain();
        await p.reach(1, 'approve');
        await p.decide(1, 'grace');
        const { paused } = await until(
          async () => {
            await p.env.sleep('10m');
            return p.releaseStatus(1);
          },
          (status) => status.paused !== null,
          'people are asked',
        );
        expect(paused?.reason).toMatch(
          /cannot tell \(latency: few\): resume to roll out, or abort/,
        );
        expect(p.world.endpoint.configName).toBe('first');
        expect(p.world.notices.map(({ subject }) => subject).join()).toMatch(/shadow test/);
        await p.release(1).executeUpdate('resume', { args: [os('rob')] });
        await p.reach(1, 'probation');
        expect(p.world.endpoint.configName).toBe(`${p.world.model}-1`);
      },
      { policy: shadowed },
    );
  });

  it('that is aborted leaves the endpoint on the config of before', async () => {
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
          (status) => status.awaiting === 'the end of the shadow test',
          'it is shadowed',
        );
        await p.release(1).executeUpdate('abort', { args: [os('rob')] });
        expect(await p.result(1)).toMatchObject({ kind: 'aborted' });
        expect(p.world.endpoint.configName).toBe('first');
        expect(updatesOf(p.world)).toEqual([`${p.world.model}-1-shadow`, 'first']);
      },
      { policy: shadowed },
    );
  });

  it('that cannot begin ends the release, not in a failure of the workflow', async () => {
    await play(
      async (p) => {
        await p.retrain();
        await p.reach(1, 'approve');
        await p.decide(1, 'grace');
        expect(await p.result(1)).toMatchObject({
          kind: 'failed gates',
          reasons: ['preflight: shadow test: no reason given'],
        });
        expect(p.world.endpoint.configName).toBe('first');
        expect(updatesOf(p.world)).toEqual([`${p.world.model}-1-shadow`]);
      },
      {
        policy: shadowed,
        world: (world) => {
          world.rollout = 'silent';
        },
      },
    );
  });

  it('that SageMaker cannot give is told as what it is', async () => {
    await play(
      async (p) => {
        p.world.shadowRefusal = ['it is asynchronous'];
        await p.retrain();
        await p.reach(1, 'approve');
        await p.decide(1, 'grace');
        expect(await p.result(1)).toMatchObject({
          kind: 'failed gates',
          reasons: ['preflight: shadow test: it is asynchronous'],
        });
        expect(p.world.updates).toEqual([]);
      },
      { policy: shadowed },
    );
  });
});
