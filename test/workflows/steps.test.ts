import { describe, expect, it } from 'vitest';

import type { ReleaseStatus } from '../../domain/status.js';
import { heldBake, judgeBake } from '../../domain/bake.js';
import { os, play, refusal, until, type Play } from './harness.js';
import { HOUR_MS, type PolicyDraft } from './world.js';

const STEPS = [
  { percent: 5, bake: '10m' },
  { percent: 25, bake: '10m' },
  { percent: 50, bake: '30m' },
];

const bySteps =
  (change: Partial<NonNullable<PolicyDraft['spec']['deploy']>> = {}) =>
  (draft: PolicyDraft): void => {
    draft.spec.deploy = {
      strategy: 'steps',
      steps: STEPS,
      probation: { for: '7d' },
      ...change,
    };
  };

const approved = async (p: Play): Promise<void> => {
  await p.retrain();
  await p.reach(1, 'approve');
  await p.decide(1, 'grace');
};

/** Lets time pass until the rollout is where the test wants it. */
async function reachPhase(
  p: Play,
  phase: NonNullable<ReleaseStatus['traffic']>['phase'],
  percent?: number,
): Promise<ReleaseStatus> {
  for (let step = 0; step < 400; step += 1) {
    const status = await p.releaseStatus(1);
    if (
      status.traffic?.phase === phase &&
      (percent ?? status.traffic.percent) === status.traffic.percent
    )
      return status;
    if (status.stage === 'ended') throw new Error(`it ended: ${JSON.stringify(status.result)}`);
    await p.env.sleep(20_000);
  }
  throw new Error(`never ${phase}: ${JSON.stringify((await p.releaseStatus(1)).traffic)}`);
}

const ask = (p: Play, update: string, user = 'ada') =>
  p.release(1).executeUpdate<{ sentence: string }, [unknown]>(update, { args: [os(user)] });

const alone = (p: Play): void => {
  expect(p.world.endpoint).toMatchObject({ status: 'InService', configName: 'first' });
  expect(p.world.candidateScales).toBe(false);
  expect([...p.world.steppedFor]).toEqual([]);
};

describe('a rollout by steps', () => {
  it('takes one share after the other and ends with the candidate alone under the name of the variant', async () => {
    await play(
      async (p) => {
        await approved(p);
        await p.reach(1, 'probation', 60_000);
        const { model } = p.world;
        expect(p.world.updates).toEqual([
          { to: `${model}-1-split`, plain: true },
          { to: `${model}-1`, plain: false },
        ]);
        expect(p.world.shares).toEqual([5, 25, 50]);
        expect(p.world.endpoint.configName).toBe(`${model}-1`);
        expect(p.world.candidateScales).toBe(false);
        expect([...p.world.steppedFor]).toEqual([]);
        expect(p.world.ledger.filter(({ decision }) => decision === 'rollout step')).toHaveLength(
          4,
        );
        expect(p.world.ledger.filter(({ decision }) => decision === 'bake')).toHaveLength(3);
        await p.env.sleep('8d');
        expect(await p.result(1)).toMatchObject({ kind: 'promoted', configName: `${model}-1` });
        const keeper = await until(p.keeperStatus, (s) => s.releases.length === 0, 'it knows');
        expect(keeper.champion?.configName).toBe(`${model}-1`);
        expect(keeper.timeline.filter(({ what }) => what.includes('-split'))).toEqual([]);
        expect(p.world.scaling.suspended).toBe(false);
      },
      { policy: bySteps() },
    );
  });

  it('waits at a step that holds, says for whom and until when, and goes on when a person resumes', async () => {
    await play(
      async (p) => {
        await approved(p);
        const held = await reachPhase(p, 'held');
        expect(held.paused).toMatchObject({ by: 'the policy' });
        expect(held.awaiting).toMatch(/^resume, promote or abort: held by the policy/);
        expect(held.untilMs).toBe(held.paused?.untilMs);
        expect(p.world.shares).toEqual([5]);
        await p.env.sleep('5h');
        expect((await p.releaseStatus(1)).traffic).toMatchObject({ phase: 'held', percent: 5 });
        await ask(p, 'resume');
        await p.reach(1, 'probation', 60_000);
        expect(p.world.shares).toEqual([5, 50]);
      },
      { policy: bySteps({ steps: [{ percent: 5, bake: '10m', hold: true }, { percent: 50 }] }) },
    );
  });

  it('that nobody resumes is taken back', async () => {
    await play(
      async (p) => {
        await approved(p);
        await reachPhase(p, 'held');
        await p.env.sleep('4h');
        expect(await p.result(1)).toMatchObject({
          kind: 'rolled back',
          configName: 'first',
        });
        expect(JSON.stringify(await p.result(1))).toMatch(/nobody resumed it until/);
        alone(p);
      },
      { policy: bySteps({ holdFor: '3h', steps: [{ percent: 5, hold: true }] }) },
    );
  });

  it('paused in a bake is watched to its end and then stays, and an alarm takes it back all the same', async () => {
    await play(
      async (p) => {
        await approved(p);
        await reachPhase(p, 'baking', 25);
        expect((await ask(p, 'pause')).sentence).toMatch('stays at 25 % of the traffic');
        const held = await reachPhase(p, 'held');
        expect(held.paused).toMatchObject({ by: 'ada@example.com' });
        p.world.candidateAlarm = 'alarm candidate-errors went off: 7 of 10';
        await p.env.sleep('10m');
        expect(await p.result(1)).toMatchObject({
          kind: 'rolled back',
          reason: 'alarm candidate-errors went off: 7 of 10',
        });
        alone(p);
      },
      { policy: bySteps() },
    );
  });

  it('promoted by a person leaves out the remaining steps', async () => {
    await play(
      async (p) => {
        await approved(p);
        await reachPhase(p, 'baking', 5);
        expect((await ask(p, 'promote')).sentence).toMatch('remaining steps are left out');
        await p.reach(1, 'probation', 60_000);
        expect(p.world.shares).toEqual([5]);
        expect(p.world.endpoint.configName).toBe(`${p.world.model}-1`);
      },
      { policy: bySteps() },
    );
  });

  it('with an alarm in a bake is taken back: the traffic first, then the config', async () => {
    await play(
      async (p) => {
        await approved(p);
        await reachPhase(p, 'baking', 25);
        p.world.candidateAlarm = 'alarm candidate-latency went off';
        expect(await p.result(1)).toEqual({
          kind: 'rolled back',
          reason: 'alarm candidate-latency went off',
          configName: 'first',
        });
        expect(p.world.shares).toEqual([5, 25, 0]);
        expect(p.world.updates.at(-1)).toEqual({ to: 'first', plain: true });
        alone(p);
      },
      { policy: bySteps() },
    );
  });

  it('holds when a person has changed the weights, and takes the step anew when told to go on', async () => {
    await play(
      async (p) => {
        await approved(p);
        await reachPhase(p, 'baking', 5);
        p.world.share = 80;
        const held = await reachPhase(p, 'held');
        expect(held.paused?.reason).toBe('somebody set 80 %');
        expect(held.traffic?.percent).toBe(80);
        expect(p.world.share).toBe(80);
        await ask(p, 'resume');
        await reachPhase(p, 'baking', 5);
        await p.reach(1, 'probation', 60_000);
        expect(p.world.shares).toEqual([5, 5, 25, 50]);
      },
      { policy: bySteps() },
    );
  });

  it.each([
    ['before its first share', 'shifting', undefined],
    ['in the middle of a bake', 'baking', 25],
    ['while it is held', 'held', 50],
  ] as const)('aborted %s ends on the champion alone', async (_when, phase, percent) => {
    await play(
      async (p) => {
        await approved(p);
        await reachPhase(p, phase, percent);
        expect((await ask(p, 'abort')).sentence).toMatch('the candidate loses its traffic first');
        expect(await p.result(1)).toMatchObject({ kind: 'aborted', by: 'ada@example.com' });
        alone(p);
      },
      {
        policy: bySteps({ steps: [...STEPS.slice(0, 2), { percent: 50, bake: '5m', hold: true }] }),
      },
    );
  });

  it('aborted while the candidate is being started waits for the update and goes back', async () => {
    await play(
      async (p) => {
        await approved(p);
        await reachPhase(p, 'entering');
        await until(
          () => Promise.resolve(p.world.updates.length),
          (n) => n === 1,
          'the update runs',
        );
        await ask(p, 'abort');
        expect(await p.result(1)).toMatchObject({ kind: 'aborted' });
        expect(p.world.shares).toEqual([]);
        expect(p.world.tripped).toEqual([]);
        alone(p);
      },
      { policy: bySteps(), world: (world) => (world.rolloutLooks = 10) },
    );
  });

  it('whose last update SageMaker takes back ends on the champion, not between the two', async () => {
    await play(
      async (p) => {
        await approved(p);
        expect(await p.result(1)).toMatchObject({ kind: 'rolled back', configName: 'first' });
        expect(p.world.updates.map(({ to }) => to)).toEqual([
          `${p.world.model}-1-split`,
          `${p.world.model}-1`,
          'first',
        ]);
        alone(p);
      },
      { policy: bySteps(), world: (world) => (world.rollout = 'alarm') },
    );
  });

  it('stands still while the model is frozen and goes on by itself afterwards', async () => {
    await play(
      async (p) => {
        await approved(p);
        await reachPhase(p, 'baking', 5);
        await p.keeper.executeUpdate('freeze', { args: [os('ada')] });
        const held = await reachPhase(p, 'held');
        expect(held.awaiting).toBe('the end of the freeze');
        expect(await refusal(ask(p, 'promote'))).toMatch('frozen');
        await p.env.sleep('1h');
        expect(p.world.shares).toEqual([5]);
        await p.keeper.executeUpdate('unfreeze', { args: [os('ada')] });
        await p.reach(1, 'probation', 60_000);
        expect(p.world.shares).toEqual([5, 25, 50]);
      },
      { policy: bySteps() },
    );
  });

  it('cannot be paused or hurried any more once the last update is under way', async () => {
    await play(
      async (p) => {
        await approved(p);
        await reachPhase(p, 'leaving');
        expect(await refusal(ask(p, 'pause'))).toMatch('cannot be paused');
        expect(await refusal(ask(p, 'promote'))).toMatch('cannot be hurried');
        await p.reach(1, 'probation', 60_000);
      },
      { policy: bySteps({ steps: [{ percent: 50, bake: '1m' }] }) },
    );
  });

  it('left behind by a release that was terminated is ended by the keeper', async () => {
    await play(
      async (p) => {
        await approved(p);
        await reachPhase(p, 'baking', 25);
        expect([...p.world.steppedFor]).toEqual([1]);
        await p.release(1).terminate('for the test');
        for (let hours = 0; hours < 12 && p.world.endpoint.configName !== 'first'; hours += 1) {
          await p.env.sleep(HOUR_MS);
          if (p.world.endpoint.pendingConfigName !== null)
            p.world.serve(p.world.endpoint.pendingConfigName, await p.env.currentTimeMs());
        }
        alone(p);
        const status = await until(p.keeperStatus, (s) => s.releases.length === 0, 'it knows');
        expect(status.champion?.configName).toBe('first');
        expect(status.timeline.map(({ what }) => what).join('\n')).toMatch(
          'serves two versions and nobody drives it any more: back to first',
        );
      },
      { policy: bySteps() },
    );
  });
});

describe('the comparison of champion and candidate', () => {
  const look = { k: 1, of: 3 };

  it('that cannot tell stretches the bake, and then asks a person', async () => {
    await play(
      async (p) => {
        p.world.override({
          compareBake: async ({ windows }) =>
            heldBake(await p.env.currentTimeMs(), windows, look, 'too few invocations'),
        });
        await approved(p);
        const held = await reachPhase(p, 'held');
        expect(p.world.calls['compareBake']).toBe(3);
        expect(held.paused?.reason).toMatch('5 %: look 1 of 3: hold: too few invocations');
        expect(held.bakes).toHaveLength(3);
        p.world.restore('compareBake');
        await ask(p, 'resume');
        await p.reach(1, 'probation', 60_000);
      },
      { policy: bySteps({ compare: { maxBake: '30m' } }) },
    );
  });

  it('that finds the candidate worse takes it back with the numbers in the reason', async () => {
    await play(
      async (p) => {
        p.world.override({
          compareBake: async ({ windows }) => ({
            ...heldBake(0, windows, look, ''),
            ...judgeBake([]),
            verdict: 'roll back',
            hard: true,
            reasons: ['errors5xx: 3 % against 0.1 %'],
          }),
        });
        await approved(p);
        expect(await p.result(1)).toMatchObject({
          kind: 'rolled back',
          reason: '5 %: look 1 of 3: roll back: errors5xx: 3 % against 0.1 %',
        });
        alone(p);
      },
      { policy: bySteps() },
    );
  });
});
