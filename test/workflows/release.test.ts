import { describe, expect, it } from 'vitest';

import { play, until } from './harness.js';

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
