import type { JobFailed, TrainingJobOutcome } from '../../activities/contract.js';
import { added } from '../../domain/cost.js';
import type { Bill } from '../../domain/cost.js';
import type { Champion } from '../../domain/model.js';
import { evaluationName, tryName } from '../../domain/names.js';
import { control, poll } from '../activities.js';
import { followed } from '../follow.js';
import type { ReleaseDesk } from '../release-desk.js';
import type { Ended, Trainer } from './trainer.js';

type Trained = Extract<TrainingJobOutcome, { kind: 'trained' }>;

/** A training job of our own, an evaluation job when the policy names one, and the registration. */
export function byJob(desk: ReleaseDesk, champion: Champion | null, roundName: string): Trainer {
  const { ref, input } = desk;
  const { retrain } = ref.policy.spec;
  const common = { ...ref, release: input.release, roundName, champion, data: input.data };
  let tries = 0;
  let instanceType: string | null = null;
  /** A model that is there already: only its evaluation failed. */
  let trained: Trained | null = null;
  const trainingJobs: string[] = [];
  const evaluationJobs: string[] = [];
  const left = (deadlineMs: number): number => Math.max(1_000, deadlineMs - Date.now());

  const train = async (
    name: string,
    deadlineMs: number,
  ): Promise<TrainingJobOutcome | JobFailed> => {
    trainingJobs.push(name);
    const started = await control('start the training job', left(deadlineMs)).startTrainingJob({
      ...common,
      name,
      instanceType,
    });
    if (started.refused !== undefined)
      return { kind: 'failed', class: 'quota', reason: started.refused, bill: NOTHING };
    desk.s.executionArn = name;
    desk.tell(
      `training job ${name} ${started.adopted ? 'adopted' : 'started'} on ${instanceType ?? retrain.trainingJob?.instanceType ?? ''}`,
    );
    return followed(desk, () =>
      poll('follow the training job', left(deadlineMs)).awaitTrainingJob({ ...ref, jobName: name }),
    );
  };

  const evaluate = async (name: string, model: Trained, deadlineMs: number) => {
    evaluationJobs.push(name);
    const started = await control('start the evaluation job', left(deadlineMs)).startEvaluationJob({
      ...common,
      name,
      modelDataUrl: model.modelDataUrl,
    });
    if (started.refused !== undefined)
      return { kind: 'failed', class: 'quota', reason: started.refused, bill: NOTHING } as const;
    desk.tell(`evaluation job ${name} ${started.adopted ? 'adopted' : 'started'}`);
    return followed(desk, () =>
      poll('follow the evaluation job', left(deadlineMs)).awaitEvaluationJob({
        ...ref,
        jobName: name,
      }),
    );
  };

  return {
    what: 'the training job',

    async run(how, deadlineMs): Promise<Ended> {
      if (how.kind === 'other instance') instanceType = how.instanceType;
      tries += 1;
      const name = tryName(roundName, tries);
      const bills: Bill[] = [];
      if (trained === null) {
        const outcome = await train(name, deadlineMs);
        bills.push(outcome.bill);
        if (outcome.kind === 'failed') return { ...outcome, step: null };
        trained = outcome;
      }
      if (retrain.evaluationJob !== undefined) {
        const evaluated = await evaluate(evaluationName(name), trained, deadlineMs);
        bills.push(evaluated.bill);
        if (evaluated.kind === 'failed')
          return { ...evaluated, step: 'evaluation', bill: added(bills) };
      }
      const candidate = await control('register the model', left(deadlineMs)).registerCandidate({
        ...common,
        jobArn: trained.jobArn,
        modelDataUrl: trained.modelDataUrl,
        metrics: trained.metrics,
        packageArn: trained.packageArn,
      });
      return {
        kind: 'succeeded',
        candidate,
        bill: added(bills),
        ...(trained.note === undefined ? {} : { note: trained.note }),
      };
    },

    stop: (sinceMs) =>
      control('stop the jobs').stopJobs({ ...ref, trainingJobs, evaluationJobs, sinceMs }),
  };
}

const NOTHING: Bill = { jobs: [], unread: null };
