import { ApplicationFailure } from '@temporalio/common';
import { describe, expect, it } from 'vitest';

import { play, until } from './harness.js';
import type { Play } from './harness.js';

const alarm = (name: string, found: boolean) => ({
  name,
  managed: true,
  found,
  differences: [],
  actionsDisabled: false,
});

/** Takes an alarm of ours away; whoever puts the alarms right makes it again. */
function takeAway(p: Play, name: string): void {
  p.world.differs = { alarms: [alarm(name, false)] };
  p.world.override({
    repairAlarms: async () => {
      p.world.differs = { alarms: [alarm(name, true)] };
      return { alarms: { health: [name] }, differences: [] };
    },
  });
}

const repaired = (p: Play): readonly unknown[] =>
  p.world.ledger.flatMap(({ decision, facts }) =>
    decision === 'repaired' ? [facts['subject']] : [],
  );

const ready = (p: Play): Promise<unknown> =>
  until(p.keeperStatus, (s) => s.reconciledAtMs !== undefined, 'the first comparison is done');

const HINTS = [
  'endpoint m is InService',
  'alarm latency is ALARM',
  'the schedule modelkeeper-m-nightly',
  'a package of m changed',
] as const;

describe('a hint', () => {
  it.each(HINTS)('is followed by a comparison within a minute: %s', async (about) => {
    await play(async (p) => {
      await ready(p);
      await p.env.sleep('1m');
      takeAway(p, 'modelkeeper-m-latency');
      await p.keeper.signal('lookNow', { about });
      await p.env.sleep('1m');
      expect(repaired(p)).toEqual(['modelkeeper-m-latency']);
    });
  });

  it('that comes while a run ends is acted on in the next: a comparison follows each, whichever run takes it', async () => {
    await play(
      async (p) => {
        await ready(p);
        const runs = new Set<string>();
        for (let n = 1; n <= 12; n += 1) {
          runs.add((await p.env.client.workflow.getHandle(p.keeper.workflowId).describe()).runId);
          takeAway(p, `modelkeeper-m-${String(n)}`);
          await p.keeper.signal('lookNow', { about: HINTS[0] });
          await p.env.sleep('1m');
          expect(repaired(p)).toHaveLength(n);
        }
        expect(runs.size).toBeGreaterThan(2);
      },
      { input: { historyLimit: 110 } },
    );
  });

  it('about the registry that comes while a run ends still reaches the release that waits for people', async () => {
    await play(
      async (p) => {
        await p.retrain();
        await p.reach(1, 'approve');
        const hints = async (): Promise<number> =>
          ((await p.release(1).fetchHistory()).events ?? []).filter(
            ({ workflowExecutionSignaledEventAttributes: signal }) => signal?.signalName === 'hint',
          ).length;
        const before = await hints();
        const runs = new Set<string>();
        for (let n = 1; n <= 12; n += 1) {
          runs.add((await p.env.client.workflow.getHandle(p.keeper.workflowId).describe()).runId);
          await p.keeper.signal('lookNow', { about: HINTS[3], topic: 'registry' });
          await p.env.sleep('1m');
          expect(await hints()).toBe(before + n);
        }
        expect(runs.size).toBeGreaterThan(1);
      },
      { input: { historyLimit: 110 } },
    );
  });

  it('during a rollout, and after it, takes nothing of the release for somebody else’s doing', async () => {
    await play(async (p) => {
      await ready(p);
      const hinted = async (stage: 'deploy' | 'probation'): Promise<void> => {
        for (let n = 0; n < 8; n += 1) {
          await p.keeper.signal('lookNow', { about: HINTS[0] });
          await p.env.sleep('7s');
        }
        await p.reach(1, stage);
      };
      await p.retrain();
      await p.reach(1, 'approve');
      await p.decide(1, 'grace');
      await hinted('deploy');
      await hinted('probation');
      await p.env.sleep('1h');
      await p.keeper.executeUpdate('rollback', {
        args: [{ door: 'local', proof: { kind: 'os-user', user: 'ada' }, reason: 'a test' }],
      });
      for (let n = 0; n < 8; n += 1) {
        await p.keeper.signal('lookNow', { about: HINTS[0] });
        await p.env.sleep('7s');
      }
      await p.result(1);
      await p.env.sleep('1d');
      expect((await p.keeperStatus()).disagreements).toEqual([]);
      expect(p.world.ledger.map(({ decision }) => decision)).not.toContain('changed outside');
      expect(p.world.notices.filter(({ notice }) => notice === 'disagreement')).toEqual([]);
    });
  });

  it('whose comparison is ahead of a look that cannot be taken does not make it compare again and again', async () => {
    await play(async (p) => {
      await ready(p);
      await p.env.sleep('1m');
      p.world.override({
        watchSignals: async () => {
          throw ApplicationFailure.retryable('nobody may look', 'PermissionMissing');
        },
      });
      p.world.serve('by-hand', await p.env.currentTimeMs());
      const before = p.world.calls['reconcile'] ?? 0;
      await p.keeper.signal('lookNow', { about: HINTS[0] });
      await p.env.sleep('10m');
      expect((p.world.calls['reconcile'] ?? 0) - before).toBeLessThanOrEqual(3);
      expect((await p.keeperStatus()).disagreements ?? []).toEqual([]);
      p.world.restore('watchSignals');
      await p.env.sleep('2h');
      const status = await until(
        p.keeperStatus,
        (s) => s.disagreements?.length === 1,
        'the look has told it',
      );
      expect(status.disagreements?.[0]).toMatchObject({ kind: 'endpoint-config-changed' });
    });
  });

  it('writes at most four events for the comparison', async () => {
    await play(async (p) => {
      await ready(p);
      await p.env.sleep('1m');
      const before = (await ofComparisons(p)).length;
      for (let n = 0; n < 10; n += 1) {
        await p.keeper.signal('lookNow', { about: HINTS[0] });
        await p.env.sleep('15s');
      }
      expect((await ofComparisons(p)).length - before).toBeLessThanOrEqual(40);
    });
  });
});

/** The events of a keeper's history that are about its comparisons. */
async function ofComparisons(p: Play): Promise<readonly unknown[]> {
  const events = (await p.keeper.fetchHistory()).events ?? [];
  const scheduled = new Set(
    events
      .filter(
        ({ activityTaskScheduledEventAttributes: activity }) =>
          activity?.activityType?.name === 'reconcile',
      )
      .map(({ eventId }) => String(eventId)),
  );
  return events.filter(
    (event) =>
      scheduled.has(String(event.eventId)) ||
      [
        event.activityTaskStartedEventAttributes,
        event.activityTaskCancelRequestedEventAttributes,
        event.activityTaskCanceledEventAttributes,
      ].some((about) => about != null && scheduled.has(String(about.scheduledEventId))),
  );
}
