import { withTokens } from '../../domain/data-windows.js';
import { inWords } from '../../domain/duration.js';
import type { Champion } from '../../domain/model.js';
import { tryName } from '../../domain/names.js';
import { control, poll } from '../activities.js';
import { followed } from '../follow.js';
import type { ReleaseDesk } from '../release-desk.js';
import type { Ended, Trainer } from './trainer.js';

/** A SageMaker pipeline that trains, scores and registers. */
export function byPipeline(desk: ReleaseDesk, champion: Champion | null, name: string): Trainer {
  const { ref, input } = desk;
  const { retrain, endpoint, storage } = ref.policy.spec;
  const pipeline = retrain.pipeline ?? '';
  let starts = 0;
  let instanceType: string | null = null;
  let executionArn: string | null = null;
  let current = name;

  const start = async (deadlineMs: number): Promise<string> => {
    starts += 1;
    current = tryName(name, starts);
    const parameters = withTokens(retrain.parameters, {
      data: input.data,
      champion,
      name,
      release: input.release,
      model: input.model,
      endpoint: endpoint.name,
      storage,
    });
    const parameter = retrain.instances?.parameter;
    executionArn = null;
    const started = await control('start the pipeline', deadlineMs - Date.now()).startPipeline({
      ...ref,
      release: input.release,
      name: current,
      sinceMs: desk.s.startedAtMs,
      parameters:
        instanceType === null || parameter === undefined
          ? parameters
          : { ...parameters, [parameter]: instanceType },
    });
    executionArn = started.executionArn;
    desk.s.executionArn = executionArn;
    desk.ran(executionArn);
    if (started.unchecked !== undefined) desk.tell(started.unchecked);
    desk.tell(
      `pipeline execution ${executionArn.split('/').at(-1) ?? ''} ${started.adopted ? 'adopted' : 'started'}${instanceType === null ? '' : ` on ${instanceType}`}`,
    );
    return executionArn;
  };

  const follow = async (arn: string, deadlineMs: number, accept: boolean): Promise<Ended> => {
    const outcome = await followed(desk, () =>
      poll('follow the pipeline', Math.max(1_000, deadlineMs - Date.now())).awaitPipeline({
        ...ref,
        executionArn: arn,
        ours: desk.executions().filter((one) => one !== arn),
        ...(accept ? { accept } : {}),
      }),
    );
    if (outcome.kind === 'succeeded' && outcome.steps.length > 0)
      desk.tell(
        `the pipeline's steps: ${outcome.steps.map(({ name: step, status, seconds }) => `${step} ${status}${seconds === null ? '' : ` (${inWords(seconds * 1_000)})`}`).join(', ')}`,
      );
    return outcome;
  };

  return {
    what: `the pipeline ${pipeline}${retrain.pipelineVersion === undefined ? '' : `, version ${retrain.pipelineVersion}`}`,

    async run(how, deadlineMs) {
      switch (how.kind) {
        case 'first':
          return follow(await start(deadlineMs), deadlineMs, false);
        case 'other instance':
          instanceType = how.instanceType;
          return follow(await start(deadlineMs), deadlineMs, false);
        case 'again': {
          if (executionArn === null) return follow(await start(deadlineMs), deadlineMs, false);
          desk.retries += 1;
          const revival = await control('retry the pipeline execution').retryPipeline({
            ...ref,
            executionArn,
            number: desk.retries,
          });
          if (revival.kind !== 'refused') {
            desk.tell(
              revival.kind === 'running' && revival.by === 'us'
                ? 'the pipeline execution runs again from its failed step'
                : 'somebody has retried the pipeline execution: it is followed again',
            );
            return follow(executionArn, deadlineMs, false);
          }
          desk.tell(
            `SageMaker does not retry the execution (${revival.reason}): a new one is started`,
          );
          return follow(await start(deadlineMs), deadlineMs, false);
        }
        case 'revived':
          desk.tell('somebody has retried the pipeline execution: it is followed again');
          return follow(executionArn ?? (await start(deadlineMs)), deadlineMs, false);
        case 'accept':
          return follow(executionArn ?? (await start(deadlineMs)), deadlineMs, true);
      }
    },

    revived: (withinMs) =>
      executionArn === null
        ? new Promise(() => undefined)
        : poll('see whether somebody retries the execution', withinMs).awaitRevival({
            ...ref,
            executionArn,
          }),

    stop: (sinceMs) =>
      control('stop the pipeline').stopPipeline({
        ...ref,
        executionArn,
        release: input.release,
        name: current,
        sinceMs,
      }),
  };
}
