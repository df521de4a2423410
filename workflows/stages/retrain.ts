import { CancellationScope, isCancellation, patched, sleep } from '@temporalio/workflow';

import { added, billInWords, costOf, dollars, pricesOf } from '../../domain/cost.js';
import type { Bill } from '../../domain/cost.js';
import { durationMs } from '../../domain/duration.js';
import type { Candidate, Champion, FailureClass } from '../../domain/model.js';
import { answerTo, NOTHING_TRIED } from '../../domain/training.js';
import type { TrainingAnswer, TrainingTries } from '../../domain/training.js';
import { atBest, failureType, sentenceOf } from '../failures.js';
import type { ReleaseDesk } from '../release-desk.js';
import { byJob } from '../trainers/job.js';
import { byPipeline } from '../trainers/pipeline.js';
import type { Ended, Trainer } from '../trainers/trainer.js';
import { SINCE_0_2 } from '../patches.js';

export type Retrained =
  | { readonly kind: 'trained'; readonly candidate: Candidate }
  | { readonly kind: 'training failed'; readonly class: FailureClass; readonly reason: string };

type Failed = Extract<Ended, { kind: 'failed' }>;

/** Trains the release's candidate; cancelled, stops what runs so that it stops costing. */
export async function retrain(
  desk: ReleaseDesk,
  champion: Champion | null,
  name: string,
): Promise<Retrained> {
  const trainer =
    desk.ref.policy.spec.retrain.pipeline === undefined
      ? byJob(desk, champion, name)
      : byPipeline(desk, champion, name);
  const patience = durationMs(desk.ref.policy.spec.retrain.timeout);
  let deadlineMs = Date.now() + patience;
  desk.enter('retrain', trainer.what, deadlineMs);
  try {
    let ended = await trainer.run({ kind: 'first' }, deadlineMs);
    count(desk, ended.bill);
    for (let tries = NOTHING_TRIED; ended.kind === 'failed';) {
      const answer = answerTo(ended, tries, desk.ref.policy.spec.retrain);
      // Asked only where something else than the end follows: most releases never come here.
      if (answer.kind === 'stop' || !patched(SINCE_0_2)) return failed(ended, tries);
      const next = await heed(desk, trainer, ended, answer, tries, deadlineMs);
      if (next === undefined) return failed(ended, tries);
      if (next.anew) deadlineMs = Date.now() + patience;
      desk.awaits(trainer.what, deadlineMs);
      tries = next.tries;
      ended = await trainer.run(next.how, deadlineMs);
      count(desk, ended.bill);
    }
    const { candidate, note } = ended;
    if (note !== undefined) desk.tell(note);
    desk.s.packageArn = candidate.packageArn;
    desk.tell(`registered ${candidate.packageArn.split('/').slice(-2).join('/')}`);
    await desk.gate();
    return { kind: 'trained', candidate };
  } catch (error) {
    await CancellationScope.nonCancellable(() =>
      atBest(async () => {
        const stopped = await trainer.stop(Date.now());
        count(desk, stopped?.kind === 'at rest' ? stopped.bill : undefined);
        if (stopped?.kind === 'given up') desk.tell(stopped.reason);
      }, desk.tell),
    );
    if (isCancellation(error)) throw error;
    return { kind: 'training failed', ...classified(error) };
  }
}

interface NextRun {
  readonly how: Parameters<Trainer['run']>[0];
  readonly tries: TrainingTries;
  /** Its time begins anew: a person took some. */
  readonly anew: boolean;
}

/** Carries out what the rule answers to a failure; `undefined` ends the training. */
async function heed(
  desk: ReleaseDesk,
  trainer: Trainer,
  failure: Failed,
  answer: Exclude<TrainingAnswer, { kind: 'stop' }>,
  tries: TrainingTries,
  deadlineMs: number,
): Promise<NextRun | undefined> {
  desk.tell(`training failed (${failure.class}): ${failure.reason}; ${answer.reason}`);
  switch (answer.kind) {
    case 'other instance':
      return {
        how: { kind: 'other instance', instanceType: answer.instanceType },
        tries: { ...tries, instanceTypes: [...tries.instanceTypes, answer.instanceType] },
        anew: false,
      };
    case 'retry': {
      if (Date.now() + answer.afterMs >= deadlineMs) {
        desk.tell(`retrain.timeout ends before the next try`);
        return undefined;
      }
      desk.awaits(`${answer.reason}, after ${failure.class}`, Date.now() + answer.afterMs);
      await sleep(answer.afterMs, { summary: `${failure.class}: ${answer.reason}` });
      const retries = tries.retries + 1;
      return { how: { kind: 'again', number: retries }, tries: { ...tries, retries }, anew: false };
    }
    case 'ask': {
      const word = await desk.consult(
        `training failed (${failure.class}): ${answer.reason}`,
        failure.packageArn === undefined
          ? 'resume to try again, abort to end the release'
          : 'resume to take the candidate it registered all the same, abort to end the release',
        trainer.revived,
      );
      if (word === 'nobody') return undefined;
      const how: NextRun['how'] =
        word === 'revived'
          ? { kind: 'revived' }
          : failure.packageArn !== undefined
            ? { kind: 'accept' }
            : { kind: 'again', number: tries.retries + 1 };
      return { how, tries: { ...tries, retries: 0, instanceTypes: [] }, anew: true };
    }
  }
}

/** Adds what has been billed to what the release shows and, at its end, tells the keeper. */
function count(desk: ReleaseDesk, bill: Bill | undefined): void {
  if (bill === undefined) return;
  const whole = added(desk.s.bill == null ? [bill] : [desk.s.bill, bill]);
  desk.s.bill = whole;
  const prices = pricesOf(desk.ref.policy.spec.retrain.budget);
  if (prices === undefined) return;
  const cost = costOf(whole, prices);
  desk.s.costUsd = cost.kind === 'known' ? cost.usd : null;
  desk.tell(
    `training cost ${cost.kind === 'known' ? dollars(cost.usd) : `an unknown sum (${cost.reason})`}: ${billInWords(whole)}`,
  );
}

function failed(failure: Failed, { retries, instanceTypes }: TrainingTries): Retrained {
  const step = failure.step === null ? '' : `step ${failure.step}: `;
  const tried = [
    ...(retries === 0 ? [] : [`${retries} ${retries === 1 ? 'retry' : 'retries'}`]),
    ...instanceTypes,
  ];
  return {
    kind: 'training failed',
    class: failure.class,
    reason: `${step}${failure.reason}${tried.length === 0 ? '' : `; also after ${tried.join(', ')}`}`,
  };
}

/** What went wrong while starting or following, as far as AWS's answer tells. */
function classified(error: unknown): { class: FailureClass; reason: string } {
  const type = failureType(error);
  const reason = sentenceOf(error);
  if (type === 'StillRunning')
    return { class: 'timeout', reason: `still running at the end of retrain.timeout: ${reason}` };
  if (type === 'Capacity') return { class: 'capacity', reason };
  if (type === 'AwsRequestRefused' || type === 'PolicyUnfit') return { class: 'user code', reason };
  if (type === 'BadData') return { class: 'data', reason };
  return { class: 'unknown', reason };
}
