import { describe, expect, it } from 'vitest';

import { play, until } from './harness.js';
import { HOUR_MS } from './world.js';

describe('a release', () => {
  it('goes from drift to promoted by way of a person', async () => {
    await play(async (p) => {
      await p.drift();
      await p.reach(1, 'approve');
      expect(await p.decide(1, 'grace')).toMatch('goes to deployment');
      await p.reach(1, 'probation');
      expect(p.world.endpoint.configName).toBe(`${p.world.model}-1`);
      await p.env.sleep('8d');
      expect(await p.result(1)).toMatchObject({
        kind: 'promoted',
        configName: `${p.world.model}-1`,
      });
      const status = await until(
        p.keeperStatus,
        (s) => s.releases.length === 0,
        'the keeper knows',
      );
      expect(status.lastRelease?.result.kind).toBe('promoted');
      expect(p.world.updates).toEqual([{ to: `${p.world.model}-1`, plain: false }]);
      expect(p.world.scaling.suspended).toBe(false);
    });
  });
});

describe('a hint to a release', () => {
  it('makes it look at its pipeline sooner than the poll would, however many come at once', async () => {
    await play(
      async (p) => {
        await p.retrain();
        await p.reach(1, 'retrain');
        const before = await p.env.currentTimeMs();
        p.world.pipelineLooks = 0;
        for (const about of ['a step', 'a job', 'the execution'])
          await p.release(1).signal('hint', { about });
        await p.reach(1, 'approve', 5_000);
        expect((await p.env.currentTimeMs()) - before).toBeLessThan(HOUR_MS);
        expect(p.world.calls['awaitPipeline']).toBe(2);
      },
      { world: (world) => (world.pipelinePollMs = 3 * HOUR_MS) },
    );
  });

  it('shows the progress of its rollout at once, and ends the waiting when it is over', async () => {
    await play(
      async (p) => {
        await p.retrain();
        await p.reach(1, 'approve');
        await p.decide(1, 'grace');
        await p.reach(1, 'deploy', 1_000);
        await until(
          () => Promise.resolve(p.world.calls['awaitRest']),
          (calls) => calls === 1,
          'the rollout is looked at',
        );
        const before = await p.env.currentTimeMs();
        await p.release(1).signal('hint', { about: 'the canary bakes' });
        await p.env.sleep('20s');
        await until(
          () => p.releaseStatus(1),
          ({ stage, rollout }) =>
            stage === 'deploy' && rollout.some(({ what }) => what === 'Baking for 600 seconds'),
          'the bake is on the timeline',
        );
        p.world.rolloutLooks = 0;
        await p.release(1).signal('hint', { about: 'the endpoint is in service' });
        await p.reach(1, 'probation', 5_000);
        expect((await p.env.currentTimeMs()) - before).toBeLessThan(HOUR_MS / 6);
      },
      { world: (world) => (world.rolloutPollMs = HOUR_MS / 2) },
    );
  });
});

describe('the history of a release', () => {
  it('holds at most 150 events from drift to promoted', async () => {
    await play(async (p) => {
      await p.drift();
      await p.reach(1, 'approve');
      await p.decide(1, 'grace');
      await p.reach(1, 'probation');
      await p.env.sleep('8d');
      await p.result(1);
      const { events } = await p.release(1).fetchHistory();
      const activities = (events ?? []).flatMap((event) => {
        const name = event.activityTaskScheduledEventAttributes?.activityType?.name;
        return name == null ? [] : [name];
      });
      console.log(
        `history events of a full release: ${String(events?.length)}, of ${String(activities.length)} activities: ${activities.join(' ')}`,
      );
      expect(events?.length).toBeLessThanOrEqual(150);
    });
  });
});
