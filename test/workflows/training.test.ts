import { describe, expect, it } from 'vitest';

import type { PipelineOutcome } from '../../activities/contract.js';
import type { FailureClass } from '../../domain/model.js';
import { os, play, until } from './harness.js';
import type { Play } from './harness.js';
import { HOUR_MS, aBill } from './world.js';
import type { PolicyDraft } from './world.js';

const failedBy = (
  kind: FailureClass,
  reason: string = kind,
): Extract<PipelineOutcome, { kind: 'failed' }> => ({
  kind: 'failed',
  class: kind,
  step: 'Train',
  reason,
});

/** The first looks end as told; what comes after them succeeds. */
function failFirst(p: Play, ...outcomes: readonly PipelineOutcome[]): void {
  const left = [...outcomes];
  p.world.override({
    awaitPipeline: async () => {
      const next = left.shift();
      if (next !== undefined) return next;
      const nowMs = await p.world.now();
      return {
        kind: 'succeeded',
        candidate: p.world.candidate(
          `arn:aws:sagemaker:us-east-1:111122223333:model-package/${p.world.model}/2`,
        ),
        startedAtMs: nowMs,
        endedAtMs: nowMs,
        steps: [{ name: 'Train', status: 'Succeeded', seconds: 60 }],
      };
    },
  });
}

const asked = (p: Play) =>
  until(
    () => p.releaseStatus(1),
    ({ paused }) => paused?.by === 'modelkeeper',
    'a person is asked',
  );

const tellings = async (p: Play): Promise<string> =>
  (await p.releaseStatus(1)).timeline.map(({ what }) => what).join('\n');

describe('training that fails of AWS’s own trouble', () => {
  it('runs the same execution again after a wait, twice as long the second time', async () => {
    await play(async (p) => {
      failFirst(p, failedBy('internal'), failedBy('throttle'));
      const before = await p.env.currentTimeMs();
      await p.retrain();
      await p.reach(1, 'approve', 60_000);
      expect(p.world.retried).toEqual(Array(2).fill(`arn:execution/${p.world.model}-1`));
      expect(p.world.started).toEqual([`${p.world.model}-1`]);
      expect((await p.env.currentTimeMs()) - before).toBeGreaterThanOrEqual(15 * 60_000);
      expect(await tellings(p)).toMatch('retry 2 of 2 in 10 min');
    });
  });

  it('stops when the retries of the policy are used up, and says so', async () => {
    await play(
      async (p) => {
        failFirst(p, failedBy('internal'), failedBy('internal', 'still broken'));
        await p.retrain();
        await p.env.sleep(HOUR_MS);
        expect(await p.result(1)).toEqual({
          kind: 'training failed',
          class: 'internal',
          reason: 'step Train: still broken; also after 1 retry',
        });
        expect(p.world.retried).toHaveLength(1);
      },
      { policy: (draft) => (draft.spec.retrain.retries = { times: 1, wait: '1m' }) },
    );
  });

  it('starts a new execution where SageMaker does not retry the old one', async () => {
    await play(async (p) => {
      failFirst(p, failedBy('internal'));
      p.world.override({ retryPipeline: async () => ({ kind: 'refused', reason: 'too old' }) });
      await p.retrain();
      await p.reach(1, 'approve', 60_000);
      expect(p.world.started).toEqual([`${p.world.model}-1`, `${p.world.model}-1-t2`]);
    });
  });

  it('does not wait beyond retrain.timeout', async () => {
    await play(
      async (p) => {
        failFirst(p, failedBy('internal'));
        await p.retrain();
        await p.env.sleep(HOUR_MS);
        expect(await p.result(1)).toMatchObject({ kind: 'training failed', class: 'internal' });
        expect(p.world.retried).toEqual([]);
      },
      {
        policy: (draft) => {
          draft.spec.retrain.timeout = '10m';
          draft.spec.retrain.retries = { times: 3, wait: '10m' };
        },
      },
    );
  });
});

describe('training that finds no machine', () => {
  const smaller = (draft: PolicyDraft): void => {
    draft.spec.retrain.instances = {
      parameter: 'TrainingInstanceType',
      fallbacks: ['ml.m5.xlarge', 'ml.m5.large'],
    };
  };

  it('takes the next of the instance types, each in an execution of its own', async () => {
    await play(
      async (p) => {
        failFirst(p, failedBy('capacity'), failedBy('quota'));
        await p.retrain();
        await p.reach(1, 'approve', 60_000);
        const { model } = p.world;
        expect(p.world.started).toEqual([`${model}-1`, `${model}-1-t2`, `${model}-1-t3`]);
        expect(p.world.parameters.map((given) => given['TrainingInstanceType'])).toEqual([
          undefined,
          'ml.m5.xlarge',
          'ml.m5.large',
        ]);
      },
      { policy: smaller },
    );
  });

  it('asks a person about a quota at once, and goes on when they resume', async () => {
    await play(async (p) => {
      failFirst(p, failedBy('quota', 'the limit is 0 instances'));
      await p.retrain();
      const { paused, awaiting } = await asked(p);
      expect(paused?.reason).toMatch('raise the quota or wait, then resume; or abort');
      expect(awaiting).toMatch('a person: training failed (quota)');
      expect(p.world.notices.map(({ subject }) => subject)).toContain(
        `${p.world.model} release 1: a person is needed`,
      );
      await p.release(1).executeUpdate('resume', { args: [os('ada')] });
      await p.reach(1, 'approve', 60_000);
      expect(p.world.retried).toHaveLength(1);
    });
  });

  it('ends when nobody answers in the time that approvals have', async () => {
    await play(async (p) => {
      failFirst(p, failedBy('quota', 'the limit is 0 instances'));
      await p.retrain();
      await asked(p);
      await p.env.sleep('71h');
      expect((await p.releaseStatus(1)).result).toBeNull();
      await p.env.sleep('2h');
      expect(await p.result(1)).toMatchObject({ kind: 'training failed', class: 'quota' });
    });
  });

  it('is aborted by the person who is asked, and what runs is stopped', async () => {
    await play(async (p) => {
      failFirst(p, failedBy('quota'));
      await p.retrain();
      await asked(p);
      await p.release(1).executeUpdate('abort', { args: [os('ada')] });
      expect(await p.result(1)).toMatchObject({ kind: 'aborted', by: 'ada@example.com' });
      expect(p.world.stopped).toEqual([`${p.world.model}-1`]);
    });
  });
});

describe('an execution that somebody retries in SageMaker', () => {
  it('is followed again while its release asks a person', async () => {
    await play(async (p) => {
      failFirst(p, failedBy('unknown', 'something odd'));
      p.world.override({
        awaitRevival: async () => ({ kind: 'running', by: 'somebody else' }),
      });
      await p.retrain();
      await p.reach(1, 'approve', 60_000);
      expect(p.world.retried).toEqual([]);
      expect(p.world.started).toHaveLength(1);
      expect(await tellings(p)).toMatch(
        'somebody has retried the pipeline execution: it is followed again',
      );
      expect((await p.releaseStatus(1)).paused).toBeNull();
    });
  });

  it('and that has succeeded before anybody looked gives its candidate, also when a person resumes', async () => {
    for (const how of ['revival seen', 'resumed'] as const) {
      await play(async (p) => {
        failFirst(p, failedBy('unknown', 'something odd'));
        p.world.override({
          ...(how === 'revival seen' ? { awaitRevival: async () => ({ kind: 'succeeded' }) } : {}),
          retryPipeline: async () => ({ kind: 'succeeded' }),
        });
        await p.retrain();
        if (how === 'resumed') {
          await asked(p);
          await p.release(1).executeUpdate('resume', { args: [os('ada')] });
        }
        await p.reach(1, 'approve', 60_000);
        expect(p.world.started, how).toHaveLength(1);
      });
    }
  });

  it('and that succeeds without registering anything ends its release, and is not followed for ever', async () => {
    await play(async (p) => {
      let looks = 0;
      p.world.override({
        awaitPipeline: async () => {
          looks += 1;
          return looks === 1
            ? failedBy('unknown', 'something odd')
            : failedBy('data', 'registered nothing');
        },
        awaitRevival: async () => ({ kind: 'succeeded' }),
      });
      await p.retrain();
      expect(await p.result(1)).toMatchObject({ kind: 'training failed', class: 'data' });
      expect(looks).toBe(2);
    });
  });

  it('is not retried once more by us', async () => {
    await play(async (p) => {
      failFirst(p, failedBy('internal'));
      p.world.override({
        retryPipeline: async () => ({ kind: 'running', by: 'somebody else' }),
      });
      await p.retrain();
      await p.reach(1, 'approve', 60_000);
      expect(p.world.started).toHaveLength(1);
      expect(await tellings(p)).toMatch('somebody has retried the pipeline execution');
    });
  });
});

describe('an execution that ended and registered all the same', () => {
  it('gives its candidate only when a person takes it', async () => {
    await play(async (p) => {
      const packageArn = `arn:aws:sagemaker:us-east-1:111122223333:model-package/${p.world.model}/9`;
      p.world.override({
        awaitPipeline: async ({ accept }) =>
          accept === true
            ? {
                kind: 'succeeded',
                candidate: p.world.candidate(packageArn),
                startedAtMs: 1,
                endedAtMs: 2,
                steps: [],
                note: 'the pipeline ended CompletedWithFailures',
              }
            : { ...failedBy('unknown', 'it ended CompletedWithFailures'), packageArn },
      });
      await p.retrain();
      expect((await asked(p)).awaiting).toMatch('resume to take the candidate it registered');
      await p.release(1).executeUpdate('resume', { args: [os('ada')] });
      expect((await p.reach(1, 'approve', 60_000)).packageArn).toBe(packageArn);
    });
  });
});

it.each(['user code', 'data', 'timeout', 'stopped', 'nothing new'] as const)(
  'training that fails of class %s ends its release at once',
  async (kind) => {
    await play(async (p) => {
      failFirst(p, failedBy(kind, 'as told'));
      await p.retrain();
      expect(await p.result(1)).toEqual({
        kind: 'training failed',
        class: kind,
        reason: 'step Train: as told',
      });
      expect(p.world.retried).toEqual([]);
      expect(p.world.started).toHaveLength(1);
    });
  },
);

describe('a release by training job', () => {
  const byJob = (draft: PolicyDraft): void => {
    draft.spec.retrain = {
      cooldown: '24h',
      trainingJob: {
        image: 'train:1',
        role: 'arn:aws:iam::111122223333:role/train',
        instanceType: 'ml.m5.xlarge',
      },
      evaluationJob: { instanceType: 'ml.m5.large' },
      budget: { runs: 4, usd: 100, prices: { 'ml.m5.xlarge': 0.23, 'ml.m5.large': 0.115 } },
    };
  };

  it('trains, scores and registers, and goes all the way to promoted', async () => {
    await play(
      async (p) => {
        await p.retrain();
        await p.reach(1, 'approve');
        const { model } = p.world;
        expect(p.world.started).toEqual([`${model}-1`, `${model}-1-score`]);
        const status = await p.releaseStatus(1);
        expect(status.costUsd).toBeCloseTo(0.23 + 0.0575);
        await p.decide(1, 'grace');
        await p.reach(1, 'probation');
        await p.env.sleep('8d');
        expect(await p.result(1)).toMatchObject({ kind: 'promoted' });
        const keeper = await until(
          p.keeperStatus,
          ({ releases }) => releases.length === 0,
          'the keeper knows',
        );
        expect(keeper.budget.money?.spentUsd).toBeCloseTo(0.2875);
        expect(keeper.budget.money?.next).toEqual({
          kind: 'known',
          usd: expect.closeTo(0.2875) as number,
          basis: 'as much as the last run',
        });
        const ended = p.world.ledger.find(({ decision }) => decision === 'ended');
        expect(ended?.facts['costUsd']).toBeCloseTo(0.2875);
      },
      { policy: byJob },
    );
  });

  it('takes the next instance type under a new name when AWS has no quota', async () => {
    await play(
      async (p) => {
        p.world.override({
          startTrainingJob: async ({ name, instanceType }) => {
            p.world.started.push(`${name} ${instanceType ?? ''}`);
            return instanceType === null
              ? { jobName: name, adopted: false, refused: 'ResourceLimitExceeded: 0' }
              : { jobName: name, adopted: false };
          },
        });
        await p.retrain();
        await p.reach(1, 'approve');
        const { model } = p.world;
        expect(p.world.started).toEqual([
          `${model}-1 `,
          `${model}-1-t2 ml.m5.large`,
          `${model}-1-t2-score`,
        ]);
      },
      {
        policy: (draft) => {
          byJob(draft);
          draft.spec.retrain.instances = { fallbacks: ['ml.m5.large'] };
        },
      },
    );
  });

  it('does not train again when only the evaluation failed of AWS’s trouble', async () => {
    await play(
      async (p) => {
        let failures = 1;
        p.world.override({
          awaitEvaluationJob: async ({ jobName }) =>
            failures-- > 0
              ? {
                  kind: 'failed',
                  class: 'internal',
                  reason: 'InternalServerError',
                  bill: aBill(jobName, 'ml.m5.large', 60),
                }
              : { kind: 'evaluated', bill: aBill(jobName, 'ml.m5.large', 60) },
        });
        await p.retrain();
        await p.reach(1, 'approve');
        expect(p.world.calls['startTrainingJob']).toBe(1);
        expect(p.world.calls['startEvaluationJob']).toBe(2);
      },
      { policy: byJob },
    );
  });

  it('stops the job when it is aborted', async () => {
    await play(
      async (p) => {
        p.world.pipelineLooks = 1_000;
        await p.retrain();
        await p.reach(1, 'retrain');
        await until(
          () => Promise.resolve(p.world.calls['awaitTrainingJob'] ?? 0),
          (calls) => calls > 0,
          'the job is followed',
        );
        await p.release(1).executeUpdate('abort', { args: [os('ada')] });
        expect(await p.result(1)).toMatchObject({ kind: 'aborted' });
        expect(p.world.stopped).toEqual([`${p.world.model}-1`]);
      },
      { policy: byJob },
    );
  });
});

describe('the budget in dollars', () => {
  const dear = (draft: PolicyDraft): void => {
    draft.spec.retrain.budget = { usd: 3, prices: { 'ml.m5.xlarge': 0.5 } };
  };
  const planned = [
    { step: 'Train', instanceType: 'ml.m5.xlarge', instances: 1, maxRuntimeSeconds: 4 * 3_600 },
  ];

  it('asks a person before a run that would exceed it, and lets them insist', async () => {
    await play(
      async (p) => {
        await p.drift();
        const keeper = await until(
          p.keeperStatus,
          ({ lastGovernorAnswer }) => lastGovernorAnswer?.kind === 'ask',
          'the governor asks',
        );
        expect(keeper.lastGovernorAnswer?.reason).toMatch(
          'of 3.00 USD of the last 30 d are spent, and a run costs about 8.00 USD (every job at its longest runtime',
        );
        expect(keeper.releases).toEqual([]);
        const answer = await p.env.client.workflow
          .getHandle(p.keeper.workflowId)
          .executeUpdate<{ release: number | null }, [unknown]>('retrainNow', {
            args: [{ ...os('rob'), reason: 'it is worth it', force: true }],
          });
        expect(answer.release).toBe(1);
      },
      {
        policy: dear,
        world: (world) =>
          world.override({
            planJobs: async () => ({
              jobs: planned.map((job) => ({ ...job, maxRuntimeSeconds: 16 * 3_600 })),
              reason: null,
            }),
          }),
      },
    );
  });

  it('asks a person when nobody can say what a run costs', async () => {
    await play(
      async (p) => {
        await p.drift();
        const keeper = await until(
          p.keeperStatus,
          ({ lastGovernorAnswer }) => lastGovernorAnswer?.kind === 'ask',
          'the governor asks',
        );
        expect(keeper.lastGovernorAnswer?.reason).toMatch('nobody can say what a run costs');
      },
      { policy: dear },
    );
  });

  it('counts what a run did cost in the place of what was expected', async () => {
    await play(
      async (p) => {
        failFirst(p, {
          ...failedBy('user code'),
          bill: aBill('train-1', 'ml.m5.xlarge', 3_600),
        });
        await p.retrain();
        expect(await p.result(1)).toMatchObject({ kind: 'training failed' });
        const keeper = await until(
          p.keeperStatus,
          ({ releases, lastRelease }) => releases.length === 0 && lastRelease !== null,
          'the keeper knows',
        );
        expect(keeper.budget.money).toEqual({
          usd: 3,
          spentUsd: 0.5,
          next: { kind: 'known', usd: 0.5, basis: 'as much as the last run' },
        });
        const start = p.world.ledger.find(
          ({ decision, facts }) => decision === 'trigger' && facts['answer'] === 'start',
        );
        expect(start?.facts['forecast']).toMatchObject({ kind: 'known', usd: 2 });
      },
      {
        policy: dear,
        world: (world) =>
          world.override({ planJobs: async () => ({ jobs: planned, reason: null }) }),
      },
    );
  });
});
