import { ApplicationFailure } from '@temporalio/common';
import { describe, expect, it } from 'vitest';

import type { OwnEvent } from '../../domain/own-events.js';
import { play, until } from './harness.js';
import type { Play } from './harness.js';
import type { PolicyDraft } from './world.js';

const onTheBus = (draft: PolicyDraft): void => {
  draft.spec.events = { bus: 'ml' };
};
const told = (p: Play): readonly OwnEvent[] => p.world.batches.flat();
const stages = (p: Play): readonly string[] =>
  told(p).flatMap((event) => (event.kind === 'stage' ? [event.stage] : []));

describe('our own events', () => {
  it('are sent once for each stage and each decision of a release, and cost little', async () => {
    await play(
      async (p) => {
        await p.drift();
        await p.reach(1, 'approve');
        await p.decide(1, 'grace');
        await p.reach(1, 'probation');
        await p.env.sleep('8d');
        await p.result(1);
        await until(
          p.keeperStatus,
          (status) => status.lastRelease?.release === 1,
          'the keeper knows',
        );
        const ids = told(p).map(({ id }) => id);
        expect(new Set(ids).size).toBe(ids.length);
        expect(stages(p)).toEqual([
          'retrain',
          'evaluate',
          'approve',
          'deploy',
          'probation',
          'ended',
        ]);
        const decided = told(p).flatMap((event) => (event.kind === 'decision' ? [event.id] : []));
        expect([...decided].sort()).toEqual(p.world.ledger.map(({ id }) => id).sort());
        expect(told(p).flatMap((e) => (e.kind === 'verdict' ? [e.verdict] : []))).toContain(
          'drift',
        );

        const { events } = await p.release(1).fetchHistory();
        const calls = (events ?? []).filter(
          (event) =>
            event.activityTaskScheduledEventAttributes?.activityType?.name === 'publishEvents',
        ).length;
        console.log(
          `history events of a full release with its own events: ${String(events?.length)}; ${String(stages(p).length + decided.length)} events in ${String(calls)} calls`,
        );
        expect(events?.length).toBeLessThanOrEqual(210);
      },
      { policy: onTheBus },
    );
  });

  it('that no bus takes stop nothing, are said, and go along with the next ones', async () => {
    await play(
      async (p) => {
        p.world.override({
          publishEvents: async () => {
            throw ApplicationFailure.nonRetryable('there is no event bus ml in us-east-1');
          },
        });
        await p.retrain();
        await p.reach(1, 'approve');
        expect((await p.releaseStatus(1)).timeline.map(({ what }) => what)).toContainEqual(
          expect.stringMatching(
            /events could not be sent, and go along with the next ones: there is no/,
          ),
        );
        p.world.restore('publishEvents');
        await p.decide(1, 'grace', 'reject');
        expect(await p.result(1)).toMatchObject({ kind: 'rejected' });
        expect(stages(p)).toEqual(['retrain', 'evaluate', 'approve', 'ended']);
      },
      { policy: onTheBus },
    );
  });
});
