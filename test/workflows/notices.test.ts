import { ApplicationFailure } from '@temporalio/common';
import { describe, expect, it } from 'vitest';

import { os, play, retried, until } from './harness.js';
import type { Play } from './harness.js';
import { HOUR_MS } from './world.js';
import type { PolicyDraft } from './world.js';

const TOPIC = 'arn:aws:sns:us-east-1:111122223333:ml-alerts';

const ready = (p: Play) =>
  until(
    p.keeperStatus,
    (status) => status.timeline.some((entry) => entry.what.startsWith('keeping')),
    'the keeper is ready',
  );

/** A source that has been silent, told at the next look. */
const silence = (p: Play, source: string): void => {
  p.world.noData.push({ source, sinceMs: 1, sentence: `${source} has no data` });
};

/** Whether the keeper has continued as new. */
const isNewRun = async (p: Play): Promise<boolean> => {
  const { events } = await p.env.client.workflow.getHandle(p.keeper.workflowId).fetchHistory();
  const id = events?.[0]?.workflowExecutionStartedEventAttributes?.continuedExecutionRunId ?? '';
  return id !== '';
};

const clock = (atMs: number): string => new Date(atMs).toISOString().slice(11, 16);

/** Quiet from an hour ago for ten hours: whatever the test does happens at night. */
const night = (draft: PolicyDraft): void => {
  const now = Date.now();
  draft.spec.notify = {
    topic: TOPIC,
    quietHours: {
      from: clock(now - HOUR_MS),
      to: clock(now + 9 * HOUR_MS),
      timeZone: 'UTC',
    },
  };
};

describe('a storm of notices', () => {
  it('is the first at once, and the others as one when their time is over, through a new run of the keeper too', async () => {
    await play(
      async (p) => {
        await ready(p);
        for (const source of ['inputs', 'quality', 'legacy', 'report']) {
          silence(p, source);
          await p.env.sleep('1h');
          await until(
            async () => p.world.noData.length,
            (left) => left === 0,
            'it is told',
          );
        }
        await until(
          async () => p.world.notices.length,
          (sent) => sent >= 1,
          'the first is sent',
        );
        expect(p.world.notices.map(({ text }) => text)).toEqual(['inputs has no data']);
        // What is held has gone through the end of a run.
        expect(await isNewRun(p)).toBe(true);
        await p.env.sleep('8h');
        await until(
          async () => p.world.notices.length,
          (sent) => sent === 2,
          'the digest is sent',
        );
        expect(p.world.notices[1]).toMatchObject({
          notice: 'no-data',
          subject: `${p.world.model}: 3 notices (no-data)`,
        });
        expect(p.world.notices[1]?.posts?.map(({ text }) => text)).toEqual([
          'quality has no data',
          'legacy has no data',
          'report has no data',
        ]);
        await p.env.sleep('10h');
        expect(p.world.notices).toHaveLength(2);
      },
      {
        policy: (draft) => {
          draft.spec.notify = { topic: TOPIC, digest: { after: 1, per: '6h' } };
        },
        input: { historyLimit: 90 },
      },
    );
  });
});

describe('quiet hours', () => {
  it('hold what releases and keeper tell, and let it out as one in the morning', async () => {
    await play(
      async (p) => {
        await p.retrain('the first');
        await p.result(1);
        silence(p, 'inputs');
        await p.env.sleep('2h');
        await until(
          p.keeperStatus,
          (status) => status.timeline.some(({ what }) => what.startsWith('it is quiet')),
          'the keeper holds it',
        );
        expect(p.world.notices).toEqual([]);
        await p.env.sleep('10h');
        const [morning] = await until(
          async () => p.world.notices,
          (sent) => sent.length > 0,
          'it is told',
        );
        expect(p.world.notices).toHaveLength(1);
        expect(morning?.posts?.map(({ notice }) => notice).sort()).toEqual(['failed', 'no-data']);
      },
      { policy: night, world: (world) => (world.gates = 'fail') },
    );
  });

  it('do not hold a request for approval', async () => {
    await play(
      async (p) => {
        await p.retrain();
        await p.reach(1, 'approve');
        await until(
          async () => p.world.notices.map(({ notice }) => notice),
          (sent) => sent.includes('approval'),
          'people are asked',
        );
      },
      { policy: night },
    );
  });

  it('hold nothing back for ever: a keeper that is retired tells all it has', async () => {
    await play(
      async (p) => {
        await ready(p);
        silence(p, 'inputs');
        await p.env.sleep('1h');
        await until(
          p.keeperStatus,
          (status) => status.timeline.some(({ what }) => what.startsWith('it is quiet')),
          'the keeper holds it',
        );
        await retried(() =>
          p.keeper.executeUpdate('retire', { updateId: 'retire', args: [os('rob')] }),
        );
        await p.keeper.result();
        expect(p.world.notices.map(({ posts }) => posts?.length)).toEqual([1]);
      },
      { policy: night },
    );
  });

  it('hold nothing of a release whose keeper is gone', async () => {
    await play(
      async (p) => {
        await p.retrain();
        // The time-skipping server stands still for an activity that outlives its workflow: none is under way.
        await until(
          () => p.keeper.describe(),
          ({ raw }) => (raw.pendingActivities ?? []).every(({ attempt }) => Number(attempt) > 1),
          'the looks after the start are over',
        );
        await p.keeper.terminate('lost');
        await p.result(1);
        expect(p.world.notices.map(({ notice }) => notice)).toEqual(['failed']);
      },
      { policy: night, world: (world) => (world.gates = 'fail') },
    );
  });
});

describe('a topic that refuses', () => {
  it('stops neither keeper nor release: the lifecycle goes on, and says so', async () => {
    await play(async (p) => {
      p.world.override({
        notify: async () => {
          throw ApplicationFailure.nonRetryable(`${TOPIC} refused it: NotFound`);
        },
      });
      await p.drift();
      await p.reach(1, 'approve');
      const { timeline } = await p.releaseStatus(1);
      expect(timeline.map(({ what }) => what)).toContain(
        `the notice 'approval' could not be sent: ${TOPIC} refused it: NotFound`,
      );
      expect((await p.keeperStatus()).timeline.map(({ what }) => what)).toContain(
        `the notice 'drift' could not be sent: ${TOPIC} refused it: NotFound`,
      );
    });
  });
});

describe('notices below the least severity', () => {
  it('are not told, and cost nothing', async () => {
    await play(
      async (p) => {
        await ready(p);
        silence(p, 'inputs');
        await p.env.sleep('2h');
        expect(p.world.calls['notify'] ?? 0).toBe(0);
      },
      {
        policy: (draft) => {
          draft.spec.notify = { topic: TOPIC, minSeverity: 'critical' };
        },
      },
    );
  });
});
