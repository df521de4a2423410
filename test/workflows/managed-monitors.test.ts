import { expect, it } from 'vitest';

import { applyPolicyUpdate, retireUpdate } from '../../workflows/messages.js';
import { os, play, until } from './harness.js';
import type { Play } from './harness.js';
import { aPolicy } from './world.js';
import type { PolicyDraft } from './world.js';

type Manage = Record<string, unknown>;

const monitored =
  (change: Manage = {}) =>
  (draft: PolicyDraft): void => {
    draft.spec.monitor.sources = [
      ...draft.spec.monitor.sources,
      {
        id: 'dq',
        kind: 'model-monitor',
        schedule: `${draft.metadata.name}-dq`,
        manage: {
          type: 'data-quality',
          image: 'analyser:1',
          role: 'arn:aws:iam::111122223333:role/monitor',
          baseline: { dataset: 'champion', format: 'csv' },
          ...change,
        },
      },
    ];
  };

const standing = (p: Play, kind: string): Promise<unknown> =>
  until(
    p.keeperStatus,
    (s) => s.monitors?.[0]?.kind === kind && s.monitors.length === 1,
    `the schedule is ${kind}`,
  );

const apply = (p: Play, digest: string, change?: (draft: PolicyDraft) => void): Promise<unknown> =>
  p.keeper.executeUpdate(applyPolicyUpdate, {
    args: [{ ...os('ada'), policy: aPolicy(p.world.model, change), policyDigest: digest }],
  });

it('makes the schedules of the policy, follows it and the serving version, and takes them away with the model', async () => {
  await play(
    async (p) => {
      await standing(p, 'running');
      const quiet = p.world.calls['keepMonitors'] ?? 0;
      await p.env.sleep('5h');
      expect((p.world.calls['keepMonitors'] ?? 0) - quiet).toBeLessThan(4);

      await apply(p, 'policy-2', monitored({ state: 'stopped' }));
      await standing(p, 'stopped');

      p.world.serve('second', await p.env.currentTimeMs());
      await p.env.sleep('2h');
      await until(
        p.keeperStatus,
        (s) => s.monitors?.[0]?.definition.endsWith('-of-second') === true,
        'the baseline is that of the version that serves',
      );

      await apply(p, 'policy-3');
      await until(p.keeperStatus, (s) => s.monitors?.length === 0, 'no schedule is wanted');

      await apply(p, 'policy-4', monitored());
      await standing(p, 'running');
      await p.keeper.executeUpdate(retireUpdate, { args: [os('ada')] });
      await p.env.sleep('1h');
      await p.keeper.result();
      expect(p.world.monitors).toEqual([]);
      expect(p.world.calls['removeMonitors']).toBe(1);
    },
    { policy: monitored() },
  );
});

it('goes on watching an account that is closed to Model Monitor, and tells people once', async () => {
  await play(
    async (p) => {
      await standing(p, 'closed');
      await p.env.sleep('3d');
      const told = p.world.notices.filter(({ subject }) => subject.includes('dq is not monitored'));
      expect(told).toHaveLength(1);
      const status = await p.keeperStatus();
      expect(status.monitors?.[0]?.sentence).toMatch(/is closed/);
      expect(status.endpointStatus).toBe('InService');
      expect(p.world.ledger.filter(({ decision }) => decision === 'disagreement')).toHaveLength(1);
    },
    {
      policy: monitored(),
      world: (world) => {
        world.monitorStands = 'closed';
      },
    },
  );
});

it('enters that it put right what somebody else had changed', async () => {
  await play(
    async (p) => {
      await standing(p, 'running');
      p.world.monitorRepairs.push({
        schedule: `${p.world.model}-dq`,
        atMs: await p.env.currentTimeMs(),
        sentence: 'the schedule started',
      });
      await p.env.sleep('7h');
      await until(
        async () => p.world.ledger,
        (all) =>
          all.some(
            ({ decision, reasons }) =>
              decision === 'repaired' && reasons[0] === 'the schedule started',
          ),
        'the repair is entered',
      );
    },
    { policy: monitored() },
  );
});

it('asks nothing of monitors for a policy without any', async () => {
  await play(async (p) => {
    await p.env.sleep('1d');
    expect((await p.keeperStatus()).monitors).toBeUndefined();
    expect(p.world.calls['keepMonitors']).toBeUndefined();
  });
});
