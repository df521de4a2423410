import { ApplicationFailure } from '@temporalio/common';
import { describe, expect, it } from 'vitest';

import type { ReleaseResult } from '../../domain/model.js';
import { os, play, until } from './harness.js';

describe('what is not success is a result, and the keeper goes on', () => {
  it('a training that fails ends the release with the failing step and its reason', async () => {
    await play(
      async (p) => {
        await p.retrain();
        expect(await p.result(1)).toEqual({
          kind: 'training failed',
          class: 'user code',
          reason: 'step Train: AlgorithmError: no rows',
        });
        await until(
          p.keeperStatus,
          (s) => s.lastRelease?.result.kind === 'training failed',
          'the keeper knows',
        );
        expect(p.world.updates).toEqual([]);
        expect(p.world.notices.map((notice) => notice.notice)).toContain('failed');
      },
      { world: (world) => (world.pipeline = 'fails') },
    );
  });

  it('a candidate that fails its gates is never shown to people', async () => {
    await play(
      async (p) => {
        await p.retrain();
        const result = (await p.result(1)) as ReleaseResult;
        expect(result.kind).toBe('failed gates');
        expect(p.world.notices.map((notice) => notice.notice)).not.toContain('approval');
        expect(p.world.statuses.at(-1)).toMatchObject({ status: 'Rejected' });
      },
      { world: (world) => (world.gates = 'fail') },
    );
  });

  it('a preflight that refuses ends the release before people are asked', async () => {
    await play(
      async (p) => {
        await p.retrain();
        expect(await p.result(1)).toEqual({
          kind: 'failed gates',
          reasons: [
            'preflight: a canary rollout needs a fleet of at least 2 instances, the endpoint has 1: raise the count or use all-at-once',
          ],
        });
        expect(p.world.updates).toEqual([]);
      },
      { world: (world) => (world.endpoint = { ...world.endpoint, instances: 1 }) },
    );
  });

  it('an alarm during the bake ends rolled back with the alarm in the reason', async () => {
    await play(
      async (p) => {
        await p.retrain();
        await p.reach(1, 'approve');
        await p.decide(1, 'grace');
        expect(await p.result(1)).toEqual({
          kind: 'rolled back',
          reason: 'alarm errors went off',
          configName: 'first',
        });
        expect(p.world.statuses.at(-1)).toMatchObject({ status: 'Rejected' });
        expect(p.world.discarded).toEqual([`${p.world.model}-1`]);
        const status = await until(
          p.keeperStatus,
          (s) => s.releases.length === 0,
          'the keeper knows',
        );
        expect(status.leaseHolder).toBeNull();
        expect(p.world.scaling.suspended).toBe(false);
      },
      { world: (world) => (world.rollout = 'alarm') },
    );
  });

  it('a rollback SageMaker says nothing about is recognised and said so', async () => {
    await play(
      async (p) => {
        await p.retrain();
        await p.reach(1, 'approve');
        await p.decide(1, 'grace');
        expect(await p.result(1)).toMatchObject({
          kind: 'rolled back',
          reason: 'SageMaker went back without a word: no reason given',
        });
      },
      { world: (world) => (world.rollout = 'silent') },
    );
  });

  it('a rejection names who and why, sets the registry, and blocks only its own data', async () => {
    await play(async (p) => {
      await p.drift();
      await p.reach(1, 'approve');
      await p.decide(1, 'grace', 'reject');
      expect(await p.result(1)).toEqual({
        kind: 'rejected',
        by: 'grace@example.com',
        reason: 'not convinced',
      });
      expect(p.world.statuses.at(-1)).toMatchObject({ status: 'Rejected' });
      await until(p.keeperStatus, (s) => s.releases.length === 0, 'the keeper knows');
      await p.env.sleep('2d');
      const held = await p.keeperStatus();
      expect(held.nextReleaseNumber).toBe(2);
      p.world.breach('inputs', (await p.env.currentTimeMs()) + 12 * 3_600_000);
      await p.env.sleep('12h');
      await until(
        p.keeperStatus,
        (s) => s.nextReleaseNumber === 3,
        'newer data starts the next release',
      );
    });
  });

  it('a champion that changed meanwhile makes the candidate be trained and judged again, and people be asked again', async () => {
    await play(async (p) => {
      await p.retrain();
      await p.reach(1, 'approve');
      p.world.serve('somebody-elses', await p.env.currentTimeMs());
      await p.env.sleep('2h');
      await p.decide(1, 'grace');
      await until(
        () => Promise.resolve(p.world.started.length),
        (n) => n === 2,
        'it is trained again',
      );
      await p.reach(1, 'approve');
      expect((await p.request(1)).evidence.championConfigName).toBe('somebody-elses');
      expect(p.world.updates).toEqual([]);
      await p.decide(1, 'ada');
      await p.reach(1, 'probation');
      expect(p.world.updates).toEqual([{ to: `${p.world.model}-1-2`, plain: false }]);
      expect(p.world.ledger.map((entry) => entry.decision)).toContain('changed outside');
    });
  });

  it('evidence that changed after the approval voids it, and people are told which part', async () => {
    await play(async (p) => {
      await p.retrain();
      await p.reach(1, 'approve');
      p.world.evidenceSalt = 'moved';
      await p.decide(1, 'grace');
      const again = await until(
        () => p.request(1),
        (request) => request.digest.startsWith('moved'),
        'a new request',
      );
      expect(again.decisions).toEqual([]);
      await until(
        () => Promise.resolve(p.world.notices.at(-1)?.text ?? ''),
        (text) => text.includes('changed the image'),
        'people are told',
      );
      expect(p.world.updates).toEqual([]);
    });
  });
});

describe('abort', () => {
  it('in retrain stops the pipeline', async () => {
    await play(
      async (p) => {
        await p.retrain();
        await p.reach(1, 'retrain', 60_000);
        await until(
          () => p.releaseStatus(1),
          (s) => s.executionArn !== null,
          'the pipeline runs',
        );
        await p.release(1).executeUpdate('abort', { args: [os('ada')] });
        expect(await p.result(1)).toMatchObject({ kind: 'aborted', by: 'ada@example.com' });
        expect(p.world.stopped).toEqual([`${p.world.model}-1`]);
      },
      { world: (world) => (world.pipelineLooks = 1_000) },
    );
  });

  it('in evaluate leaves the endpoint alone', async () => {
    await play(async (p) => {
      let entered = false;
      p.world.override({
        evaluateCandidate: () => {
          entered = true;
          throw ApplicationFailure.create({ message: 'not yet', nextRetryDelay: '1h' });
        },
      });
      await p.retrain();
      await p.reach(1, 'evaluate');
      await until(() => Promise.resolve(entered), Boolean, 'the evaluation runs');
      await p.release(1).executeUpdate('abort', { args: [os('ada')] });
      await until(
        () => p.release(1).describe(),
        (d) => d.status.name === 'COMPLETED',
        'it ends',
      );
      expect(await p.result(1)).toMatchObject({ kind: 'aborted' });
      expect(p.world.updates).toEqual([]);
    });
  });

  it('in approve takes back the request', async () => {
    await play(async (p) => {
      await p.retrain();
      await p.reach(1, 'approve');
      await p.release(1).executeUpdate('abort', { args: [os('ada')] });
      expect(await p.result(1)).toMatchObject({ kind: 'aborted', by: 'ada@example.com' });
      expect(p.world.statuses.at(-1)).toMatchObject({ status: 'Rejected' });
      expect(p.world.discarded).toEqual([`${p.world.model}-1`]);
    });
  });

  it('in deploy trips our alarm and leaves the endpoint on the previous config', async () => {
    await play(
      async (p) => {
        await p.retrain();
        await p.reach(1, 'approve');
        await p.decide(1, 'grace');
        await until(
          () => Promise.resolve(p.world.updates.length),
          (n) => n === 1,
          'the rollout runs',
        );
        const answer = await p
          .release(1)
          .executeUpdate<{ sentence: string }, [unknown]>('abort', { args: [os('ada')] });
        expect(answer.sentence).toMatch('takes back the rollout');
        expect(await p.result(1)).toMatchObject({ kind: 'aborted' });
        expect(p.world.tripped).toEqual([`${p.world.model}-1-abort`]);
        expect(p.world.endpoint.configName).toBe('first');
        expect(p.world.endpoint.pendingConfigName).toBeNull();
      },
      { world: (world) => (world.rolloutLooks = 10) },
    );
  });

  it('in deploy, when the candidate got in all the same, puts the previous config back', async () => {
    await play(
      async (p) => {
        p.world.override({
          tripAlarm: async () => {
            p.world.serve(`${p.world.model}-1`, await p.env.currentTimeMs());
          },
        });
        await p.retrain();
        await p.reach(1, 'approve');
        await p.decide(1, 'grace');
        await until(
          () => Promise.resolve(p.world.updates.length),
          (n) => n === 1,
          'the rollout runs',
        );
        await p.release(1).executeUpdate('abort', { args: [os('ada')] });
        expect(await p.result(1)).toMatchObject({ kind: 'aborted' });
        expect(p.world.updates).toEqual([
          { to: `${p.world.model}-1`, plain: false },
          { to: 'first', plain: true },
        ]);
        expect(p.world.endpoint.configName).toBe('first');
      },
      { world: (world) => (world.rolloutLooks = 10) },
    );
  });

  it('in probation puts the previous config back', async () => {
    await play(async (p) => {
      await p.retrain();
      await p.reach(1, 'approve');
      await p.decide(1, 'grace');
      await p.reach(1, 'probation');
      await p.release(1).executeUpdate('abort', { args: [os('ada')] });
      expect(await p.result(1)).toMatchObject({ kind: 'aborted' });
      expect(p.world.endpoint.configName).toBe('first');
    });
  });

  it('by cancelling the workflow leaves the endpoint on a known config too', async () => {
    await play(
      async (p) => {
        await p.retrain();
        await p.reach(1, 'approve');
        await p.decide(1, 'grace');
        await until(
          () => Promise.resolve(p.world.updates.length),
          (n) => n === 1,
          'the rollout runs',
        );
        await p.release(1).cancel();
        expect(await p.result(1)).toMatchObject({ kind: 'aborted', by: 'Temporal' });
        expect(p.world.endpoint.configName).toBe('first');
      },
      { world: (world) => (world.rolloutLooks = 10) },
    );
  });
});

describe('probation', () => {
  it('is not ended by what the version before had lost', async () => {
    await play(async (p) => {
      await until(p.keeperStatus, (s) => s.champion !== null, 'the keeper is ready');
      p.world.breach('quality', await p.env.currentTimeMs());
      await p.env.sleep('2h');
      await until(p.keeperStatus, (s) => s.verdict === 'performance', 'the loss is confirmed');
      await p.reach(1, 'approve');
      await p.decide(1, 'grace');
      await p.reach(1, 'probation');
      await p.env.sleep('8d');
      expect(await p.result(1)).toMatchObject({ kind: 'promoted' });
      expect(p.world.endpoint.configName).toBe(`${p.world.model}-1`);
    });
  });

  it('stopped as it begins, puts the previous config back', async () => {
    let abort: (() => Promise<unknown>) | undefined;
    await play(
      async (p) => {
        abort = () => p.release(1).executeUpdate('abort', { args: [os('ada')] });
        await p.retrain();
        await p.reach(1, 'approve');
        await p.decide(1, 'grace');
        expect(await p.result(1)).toMatchObject({ kind: 'aborted' });
        expect(p.world.endpoint.configName).toBe('first');
      },
      {
        world: (world) =>
          world.override({
            record: async ({ drafts }) => {
              if (drafts.some(({ decision }) => decision === 'serving')) {
                const once = abort;
                abort = undefined;
                await once?.();
                throw new Error('S3 is away');
              }
              world.ledger.push(...drafts);
              return { number: world.ledger.length, hash: 'a hash' };
            },
          }),
      },
    );
  });

  it('ends in a rollback when performance is lost', async () => {
    await play(async (p) => {
      await p.drift();
      await p.reach(1, 'approve');
      await p.decide(1, 'grace');
      await p.reach(1, 'probation');
      await until(
        p.keeperStatus,
        (s) => s.champion?.configName === `${p.world.model}-1`,
        'the keeper sees the new champion',
      );
      p.world.breach('quality', (await p.env.currentTimeMs()) + 12 * 3_600_000);
      await p.env.sleep('12h');
      expect(await p.result(1)).toMatchObject({ kind: 'rolled back' });
      expect(p.world.endpoint.configName).toBe('first');
    });
  });

  it('ends in a rollback when an error alarm goes off', async () => {
    await play(async (p) => {
      await p.retrain();
      await p.reach(1, 'approve');
      await p.decide(1, 'grace');
      await p.reach(1, 'probation');
      await until(p.keeperStatus, (s) => s.releases[0]?.stage === 'probation', 'the keeper knows');
      p.world.signals.push({
        alarms: [
          {
            source: 'health',
            name: `modelkeeper-${p.world.model}-health-errors-5xx`,
            state: 'ALARM',
            reason: '3 % of invocations fail',
            sinceMs: 0,
          },
        ],
      });
      await p.env.sleep('2h');
      expect(await p.result(1)).toMatchObject({ kind: 'rolled back' });
      expect(p.world.endpoint.configName).toBe('first');
    });
  });

  it('can be ended early by a person, and says that it was', async () => {
    await play(async (p) => {
      await p.retrain();
      await p.reach(1, 'approve');
      await p.decide(1, 'grace');
      await p.reach(1, 'probation');
      await p.release(1).executeUpdate('promote', { args: [os('ada')] });
      expect(await p.result(1)).toMatchObject({
        kind: 'promoted',
        short: 'promoted early by ada@example.com: because the test says so',
      });
    });
  });

  it('is ended by the deployment of a newer release', async () => {
    await play(async (p) => {
      await p.retrain();
      await p.reach(1, 'approve');
      await p.decide(1, 'grace');
      await p.reach(1, 'probation');
      await until(
        p.keeperStatus,
        (s) =>
          s.releases[0]?.stage === 'probation' && s.champion?.configName === `${p.world.model}-1`,
        'the keeper knows',
      );
      expect(await p.retrain('again')).toBe(2);
      await p.reach(2, 'approve');
      await p.decide(2, 'grace');
      await p.reach(2, 'probation');
      expect(await p.result(1)).toMatchObject({
        kind: 'promoted',
        short: 'release 2 is approved and deploys',
      });
      expect(p.world.endpoint.configName).toBe(`${p.world.model}-2`);
    });
  });
});
