import { CancellationScope, isCancellation } from '@temporalio/workflow';

import type { PipelineOutcome } from '../../activities/contract.js';
import { pipelineParameters } from '../../domain/data-windows.js';
import { durationMs } from '../../domain/duration.js';
import type { Candidate, Champion, FailureClass } from '../../domain/model.js';
import { control, poll } from '../activities.js';
import { atBest, failureType, sentenceOf } from '../failures.js';
import { followed } from '../follow.js';
import type { ReleaseDesk } from '../release-desk.js';

export type Retrained =
  | { readonly kind: 'trained'; readonly candidate: Candidate }
  | { readonly kind: 'training failed'; readonly class: FailureClass; readonly reason: string };

/** Trains the release's candidate; cancelled, stops the execution so that it stops costing. */
export async function retrain(
  desk: ReleaseDesk,
  champion: Champion | null,
  name: string,
): Promise<Retrained> {
  const { ref, input } = desk;
  const deadlineMs = Date.now() + durationMs(ref.policy.spec.retrain.timeout);
  desk.enter('retrain', `the pipeline ${ref.policy.spec.retrain.pipeline}`, deadlineMs);

  let executionArn: string | null = null;
  try {
    const started = await control('start the pipeline', deadlineMs - Date.now()).startPipeline({
      ...ref,
      release: input.release,
      name,
      parameters: pipelineParameters(
        ref.policy.spec.retrain.parameters,
        input.data,
        champion,
        name,
      ),
    });
    executionArn = started.executionArn;
    desk.s.executionArn = executionArn;
    desk.tell(
      `pipeline execution ${executionArn.split('/').at(-1) ?? ''} ${started.adopted ? 'adopted' : 'started'}`,
    );

    const outcome = await awaited(desk, executionArn, deadlineMs);
    if (outcome.kind === 'failed') {
      const step = outcome.step === null ? '' : `step ${outcome.step}: `;
      return { kind: 'training failed', class: outcome.class, reason: `${step}${outcome.reason}` };
    }
    const { candidate } = outcome;
    desk.s.packageArn = candidate.packageArn;
    desk.tell(`registered ${candidate.packageArn.split('/').slice(-2).join('/')}`);
    await desk.gate();
    return { kind: 'trained', candidate };
  } catch (error) {
    await CancellationScope.nonCancellable(() =>
      atBest(
        () =>
          control('stop the pipeline').stopPipeline({
            ...ref,
            executionArn,
            release: input.release,
            name,
          }),
        desk.tell,
      ),
    );
    if (isCancellation(error)) throw error;
    return { kind: 'training failed', ...classified(error) };
  }
}

const awaited = (
  desk: ReleaseDesk,
  executionArn: string,
  deadlineMs: number,
): Promise<PipelineOutcome> =>
  followed(desk, () =>
    poll('follow the pipeline', Math.max(1_000, deadlineMs - Date.now())).awaitPipeline({
      ...desk.ref,
      executionArn,
    }),
  );

/** What went wrong while starting or following, as far as AWS's answer tells. */
function classified(error: unknown): { class: FailureClass; reason: string } {
  const type = failureType(error);
  const reason = sentenceOf(error);
  if (type === 'StillRunning')
    return { class: 'timeout', reason: `still running at the end of retrain.timeout: ${reason}` };
  if (type === 'Capacity') return { class: 'capacity', reason };
  if (type === 'AwsRequestRefused') return { class: 'user code', reason };
  return { class: 'unknown', reason };
}
