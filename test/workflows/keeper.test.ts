import { ApplicationFailure } from '@temporalio/common';
import { describe, expect, it } from 'vitest';
import type { temporal } from '@temporalio/proto';

import { os, play, refusal, retried, until } from './harness.js';
import { aPolicy, DAY_MS } from './world.js';

const eventMs = (event: temporal.api.history.v1.IHistoryEvent): number =>
  Number(event.eventTime?.seconds ?? 0) * 1_000;

describe('a keeper', () => {
  it('writes at most 16 history events on a further quiet day of hourly looks, over sixty days', async () => {
    await play(async (p) => {
      await until(
        p.keeperStatus,
        (s) => s.timeline.some((entry) => entry.what.startsWith('keeping')),
        'it is ready',
      );
      const fromMs = await p.env.currentTimeMs();
      await p.env.sleep('60d');
      const { events } = await p.keeper.fetchHistory();
      const perDay = Array.from(
        { length: 60 },
        (_, day) =>
          (events ?? []).filter(
            (event) =>
              eventMs(event) >= fromMs + day * DAY_MS &&
              eventMs(event) < fromMs + (day + 1) * DAY_MS,
          ).length,
      );
      const days2to8 = perDay.slice(1, 8);
      const mean = days2to8.reduce((sum, n) => sum + n, 0) / days2to8.length;
      console.log(
        `history events per quiet day, days 2 to 8: ${days2to8.join(' ')}; mean ${mean.toFixed(1)}; sixty days: ${String(perDay.reduce((a, b) => a + b, 0))}`,
      );
      expect(mean).toBeLessThanOrEqual(16);
      expect(p.world.calls['watchSignals']).toBeGreaterThan(60 * 20);
      expect(p.world.notices).toEqual([]);
    });
  });

  it('coalesces triggers while a release is on its way and cools down after it', async () => {
    await play(
      async (p) => {
        await p.drift();
        await until(p.keeperStatus, (s) => s.releases.length === 1, 'a release is on its way');
        p.world.breach('inputs', (await p.env.currentTimeMs()) + 6 * 3_600_000);
        await p.env.sleep('1h');
        await until(
          p.keeperStatus,
          (s) => s.lastGovernorAnswer?.kind === 'coalesce',
          'it coalesces',
        );
        expect((await p.keeperStatus()).nextReleaseNumber).toBe(2);
        await p.result(1);
        const cooling = await until(
          p.keeperStatus,
          (s) => s.lastGovernorAnswer?.kind === 'wait',
          'it cools down',
        );
        expect(cooling.lastGovernorAnswer?.reason).toMatch(
          /cooling down|a candidate on this data failed its gates/,
        );
        p.world.breach('inputs', (await p.env.currentTimeMs()) + 12 * 3_600_000);
        await p.env.sleep('10h');
        expect((await p.keeperStatus()).nextReleaseNumber).toBe(2);
        await p.env.sleep('20h');
        await until(
          p.keeperStatus,
          (s) => s.nextReleaseNumber === 3,
          'after the cool-down the next release starts',
        );
      },
      {
        world: (world) => {
          world.gates = 'fail';
          world.pipelineLooks = 600;
        },
      },
    );
  });

  it('starts a newer release while one waits for approval on older data, and supersedes the older request', async () => {
    await play(async (p) => {
      await p.drift();
      await p.reach(1, 'approve');
      await p.env.sleep('25h');
      p.world.breach('inputs', (await p.env.currentTimeMs()) + 3_600_000);
      await p.env.sleep('2h');
      await p.reach(2, 'approve');
      expect(await p.result(1)).toMatchObject({ kind: 'superseded', by: 2 });
    });
  });

  it('asks a person when the budget is spent, and a person may insist', async () => {
    await play(
      async (p) => {
        await p.retrain();
        await p.result(1);
        await until(p.keeperStatus, (s) => s.releases.length === 0, 'the keeper knows');
        expect(await refusal(p.retrain('again'))).toMatch('1 of 1 runs');
        const answer = await p.keeper.executeUpdate<{ release: number }, [unknown]>('retrainNow', {
          args: [{ ...os('rob'), force: true }],
        });
        expect(answer.release).toBe(2);
      },
      {
        policy: (draft) =>
          (draft.spec.retrain = { ...draft.spec.retrain, budget: { runs: 1, per: '30d' } }),
        world: (world) => (world.gates = 'fail'),
      },
    );
  });

  it('frozen, deploys nothing, keeps the approved release waiting, and goes on when the freeze ends by itself', async () => {
    await play(async (p) => {
      await p.retrain();
      await p.reach(1, 'approve');
      const untilMs = (await p.env.currentTimeMs()) + 10 * 3_600_000;
      await p.keeper.executeUpdate('freeze', { args: [{ ...os('ada'), untilMs }] });
      await until(
        () => p.releaseStatus(1),
        (s) => s.frozen,
        'the release knows',
      );
      await p.decide(1, 'grace');
      await p.env.sleep('5h');
      expect(p.world.updates).toEqual([]);
      expect((await p.releaseStatus(1)).awaiting).toBe('the end of the freeze');
      expect(await refusal(p.retrain('now'))).toMatch('frozen by ada@example.com');
      await p.env.sleep('6h');
      await p.reach(1, 'probation');
      expect(p.world.ledger.map((entry) => entry.decision)).toEqual(
        expect.arrayContaining(['freeze', 'unfreeze']),
      );
    });
  });

  it('rolls back on request while frozen', async () => {
    await play(async (p) => {
      await p.retrain();
      await p.reach(1, 'approve');
      await p.decide(1, 'grace');
      await p.reach(1, 'probation');
      await until(p.keeperStatus, (s) => s.releases[0]?.stage === 'probation', 'the keeper knows');
      await p.keeper.executeUpdate('freeze', { args: [os('ada')] });
      await p.keeper.executeUpdate('rollback', { args: [os('ada')] });
      expect(await p.result(1)).toMatchObject({ kind: 'rolled back' });
      expect(p.world.endpoint.configName).toBe('first');
    });
  });

  it('follows a hint at once though it comes just after an aligned look', async () => {
    await play(async (p) => {
      await until(
        p.keeperStatus,
        (s) => s.timeline.some((entry) => entry.what.startsWith('keeping')),
        'it is ready',
      );
      const followed = async (): Promise<readonly string[]> => {
        const { events } = await p.keeper.fetchHistory();
        const after = (events ?? []).slice(
          (events ?? []).findLastIndex((event) => event.workflowExecutionSignaledEventAttributes),
        );
        const look = after.findIndex(
          ({ activityTaskScheduledEventAttributes: scheduled }) =>
            scheduled?.activityType?.name === 'watchSignals',
        );
        return look < 0
          ? []
          : after
              .slice(0, look + 1)
              .flatMap((event) =>
                event.timerFiredEventAttributes
                  ? ['an interval']
                  : event.activityTaskScheduledEventAttributes
                    ? ['a look']
                    : [],
              );
      };
      await p.keeper.signal('lookNow', { about: 'an alarm' });
      await p.env.sleep('11s');
      expect(await until(followed, (steps) => steps.length > 0, 'it is followed')).toEqual([
        'a look',
      ]);
    });
  });

  it('continues as new with a release in flight, and nothing is lost or done twice', async () => {
    await play(
      async (p) => {
        await p.retrain();
        await p.reach(1, 'approve');
        const before = (await p.keeper.describe()).runId;
        for (let n = 0; n < 12; n += 1) {
          await p.keeper.signal('lookNow', { about: 'a test' });
          await p.env.sleep('1m');
        }
        const handle = p.env.client.workflow.getHandle(p.keeper.workflowId);
        await until(
          () => handle.describe(),
          (d) => d.runId !== before,
          'it has continued as new',
        );
        expect((await p.keeperStatus()).releases).toMatchObject([{ release: 1, stage: 'approve' }]);
        await p.decide(1, 'grace');
        await p.reach(1, 'probation');
        await p.env.sleep('8d');
        expect(await p.result(1)).toMatchObject({ kind: 'promoted' });
        await until(
          p.keeperStatus,
          (s) => s.lastRelease?.result.kind === 'promoted',
          'the keeper knows',
        );
        expect(p.world.started).toEqual([`${p.world.model}-1`]);
        expect(p.world.updates).toHaveLength(1);
      },
      { input: { historyLimit: 110 } },
    );
  });

  it('answers an Update sent while it continues as new once, and a repeat of it with the same answer', async () => {
    await play(
      async (p) => {
        await until(
          p.keeperStatus,
          (s) => s.timeline.some((entry) => entry.what.startsWith('keeping')),
          'it is ready',
        );
        const handle = p.env.client.workflow.getHandle(p.keeper.workflowId);
        for (let n = 0; n < 6; n += 1) {
          await handle.signal('lookNow', { about: 'a test' });
          const frozen = await retried(() =>
            handle.executeUpdate<{ sentence: string }, [unknown]>('freeze', {
              updateId: `freeze-${String(n)}`,
              args: [os('ada')],
            }),
          );
          expect(frozen.sentence).toMatch('is frozen');
          const again = await retried(() =>
            handle.executeUpdate<{ sentence: string }, [unknown]>('freeze', {
              updateId: `freeze-${String(n)}`,
              args: [os('ada')],
            }),
          );
          expect(again.sentence).toMatch('is frozen');
          await retried(() =>
            handle.executeUpdate('unfreeze', {
              updateId: `unfreeze-${String(n)}`,
              args: [os('ada')],
            }),
          );
          await p.env.sleep('11s');
        }
        const entries = p.world.ledger.filter(
          (entry) => entry.decision === 'freeze' || entry.decision === 'unfreeze',
        );
        expect(entries).toHaveLength(12);
      },
      { input: { historyLimit: 110 } },
    );
  });

  it('notices a release that was terminated from outside, stops its pipeline, and goes on', async () => {
    await play(
      async (p) => {
        await p.retrain();
        await until(
          () => Promise.resolve(p.world.started.length),
          (n) => n === 1,
          'the pipeline runs',
        );
        await p.env.sleep('330s'); // Between two looks: a running one would stop the clock with its workflow.
        await p.release(1).terminate('somebody pressed the button');
        await p.env.sleep('2h');
        const status = await until(
          p.keeperStatus,
          (s) => s.releases.length === 0,
          'the keeper has noticed',
        );
        expect(status.lastRelease?.result).toMatchObject({ kind: 'aborted', by: 'Temporal' });
        expect(p.world.stopped).toEqual([`${p.world.model}-1`]);
        expect(await p.retrain('again')).toBe(2);
      },
      { world: (world) => (world.pipelineLooks = 10_000) },
    );
  });

  it('applies a changed policy at once, while a release in flight keeps the one it started with', async () => {
    await play(async (p) => {
      await p.retrain();
      await p.reach(1, 'approve');
      const changed = aPolicy(
        p.world.model,
        (draft) => (draft.spec.approve = { ...draft.spec.approve, approvals: 2 }),
      );
      const answer = await p.keeper.executeUpdate<{ sentence: string }, [unknown]>('applyPolicy', {
        args: [{ ...os('ada'), policy: changed, policyDigest: 'policy-2' }],
      });
      expect(answer.sentence).toMatch('release 1 goes on under the policy it started with');
      expect((await p.keeperStatus()).policyDigest).toBe('policy-2');
      expect(await p.decide(1, 'grace')).toMatch('goes to deployment');
      const elsewhere = aPolicy(
        p.world.model,
        (draft) => (draft.spec.endpoint = { ...draft.spec.endpoint, name: 'another' }),
      );
      expect(
        await refusal(
          p.keeper.executeUpdate('applyPolicy', {
            args: [{ ...os('ada'), policy: elsewhere, policyDigest: 'policy-3' }],
          }),
        ),
      ).toMatch('retire it first');
    });
  });

  it('refuses a policy that is none or moves the ledger, however it came, and keeps the one it has', async () => {
    await play(async (p) => {
      // A refusal renews the watches, and the time-skipping server stands still where one of them has just ended.
      await until(
        p.keeperStatus,
        ({ reconciledAtMs }) => typeof reconciledAtMs === 'number',
        'the keeper has compared and is at rest',
      );
      const apply = (policy: unknown): Promise<string> =>
        refusal(
          p.keeper.executeUpdate('applyPolicy', {
            args: [{ ...os('ada'), policy, policyDigest: 'policy-2' }],
          }),
        );
      const moved = aPolicy(p.world.model, (draft) => (draft.spec.storage = 's3://elsewhere/x/'));
      expect(await apply(moved)).toMatch('moves the storage to s3://elsewhere/x/');
      expect(await apply({ metadata: { name: p.world.model }, spec: {} })).toMatch('endpoint.name');
      const half = { ...p.policy, spec: { ...p.policy.spec, detect: 'no' } };
      expect(await apply(half)).toMatch('the policy is none: spec');
      expect((await p.keeperStatus()).policyDigest).toBe('policy-1');
    });
  });

  it('outlives a ledger that cannot be written: decides nothing meanwhile, says so, and goes on', async () => {
    await play(async (p) => {
      await until(p.keeperStatus, (status) => status.champion !== null, 'the keeper is ready');
      p.world.override({
        record: async () => {
          throw ApplicationFailure.nonRetryable('the bucket is gone', 'BadData');
        },
      });
      await p.drift();
      await until(
        p.keeperStatus,
        ({ awaiting }) => awaiting?.includes('the bucket is gone') === true,
        'it says what it waits for',
      );
      await p.env.sleep('1h');
      expect(p.world.started).toEqual([]);
      p.world.restore('record');
      await p.reach(1, 'approve');
    });
  });

  it('ends as refused when the ledger it should go on from is broken', async () => {
    await play(
      async (p) => {
        expect(await p.keeper.result()).toEqual({ kind: 'refused', reason: 'entry 3 is gone' });
      },
      {
        world: (world) =>
          world.override({
            rebuild: async () => {
              throw ApplicationFailure.nonRetryable('entry 3 is gone', 'LedgerBroken');
            },
          }),
      },
    );
  });

  it('ends as refused when the endpoint does not exist, and says what to do', async () => {
    await play(
      async (p) => {
        expect(await p.keeper.result()).toEqual({
          kind: 'refused',
          reason: 'there is no endpoint here',
        });
        expect(p.world.ledger).toEqual([]);
      },
      {
        world: (world) =>
          world.override({
            claimEndpoint: async () => ({ kind: 'refused', reason: 'there is no endpoint here' }),
          }),
      },
    );
  });

  it('retires only after the release in flight has ended', async () => {
    await play(async (p) => {
      await p.retrain();
      await p.reach(1, 'approve');
      const answer = await p.keeper.executeUpdate<{ sentence: string }, [unknown]>('retire', {
        args: [os('ada')],
      });
      expect(answer.sentence).toMatch('waits for release 1');
      await p.decide(1, 'grace', 'reject');
      expect(await p.keeper.result()).toMatchObject({ kind: 'retired', by: 'ada@example.com' });
      expect(p.world.calls['removeAlarms']).toBe(1);
      expect(p.world.calls['unclaimEndpoint']).toBe(1);
    });
  });

  it('retires at once with --abort, aborting the release', async () => {
    await play(async (p) => {
      await p.retrain();
      await p.reach(1, 'approve');
      await p.keeper.executeUpdate('retire', { args: [{ ...os('ada'), abort: true }] });
      expect(await p.result(1)).toMatchObject({ kind: 'aborted' });
      expect(await p.keeper.result()).toMatchObject({ kind: 'retired' });
    });
  });

  it('resumes scaling that a keeper before it had suspended, for a release that has ended', async () => {
    await play(
      async (p) => {
        await p.retrain();
        await p.reach(1, 'approve');
        expect(p.world.scaling.suspended).toBe(false);
        expect(p.world.suspendedBy).toBeNull();
      },
      {
        world: (world) => {
          world.scaling = { found: true, suspended: true };
          world.suspendedBy = 'release/flights/7';
        },
      },
    );
  });

  it('leaves a suspension of auto scaling that a person made', async () => {
    await play(
      async (p) => {
        await p.retrain();
        await p.reach(1, 'approve');
        await p.decide(1, 'grace');
        await p.reach(1, 'probation');
        expect(p.world.calls['suspendScaling']).toBeUndefined();
        expect(p.world.scaling.suspended).toBe(true);
      },
      { world: (world) => (world.scaling = { found: true, suspended: true }) },
    );
  });

  it('only records when the policy says so', async () => {
    await play(
      async (p) => {
        await p.drift();
        const status = await until(
          p.keeperStatus,
          (s) => s.lastGovernorAnswer !== null,
          'the governor has answered',
        );
        expect(status.lastGovernorAnswer?.kind).toBe('record');
        expect(status.nextReleaseNumber).toBe(1);
      },
      { policy: (draft) => (draft.spec.mode = 'record') },
    );
  });

  it('enters what the ledger refused at its time before its next entry, marked late', async () => {
    await play(async (p) => {
      await until(
        p.keeperStatus,
        (s) => s.timeline.some((entry) => entry.what.startsWith('keeping')),
        'it is ready',
      );
      let refused = 0;
      p.world.override({
        record: () => {
          refused += 1;
          throw ApplicationFailure.create({ message: 'S3 is away', nextRetryDelay: '20s' });
        },
      });
      await p.keeper.executeUpdate('freeze', { args: [os('ada')] });
      await p.env.sleep('1m');
      expect(refused).toBeGreaterThan(0);
      expect((await p.keeperStatus()).frozen?.by).toBe('ada@example.com');
      p.world.restore('record');
      await p.keeper.executeUpdate('unfreeze', { args: [os('ada')] });
      expect(p.world.ledger.slice(-2)).toMatchObject([
        { decision: 'freeze', late: true },
        { decision: 'unfreeze' },
      ]);
    });
  });

  it('goes back to where the ledger left off when its workflow was lost', async () => {
    await play(
      async (p) => {
        await until(p.keeperStatus, (s) => s.endpointStatus === 'InService', 'it is ready');
        expect(await p.retrain()).toBe(8);
      },
      {
        world: (world) =>
          world.override({
            rebuild: async () => ({
              head: { number: 41, hash: 'h' },
              lastRelease: 7,
              lastEndedAtMs: 5,
              lastResultKind: 'promoted',
              lastEndedRelease: 7,
              startsAtMs: [1],
              blocked: [],
              championSinceMs: 5,
              championConfigName: 'first',
              previousConfigName: 'zeroth',
              unfinished: [],
              frozen: null,
            }),
          }),
      },
    );
  });
});
