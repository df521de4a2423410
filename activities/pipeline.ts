import {
  DescribePipelineExecutionCommand,
  ListPipelineExecutionsCommand,
  ListPipelineExecutionStepsCommand,
  StartPipelineExecutionCommand,
  StopPipelineExecutionCommand,
  type PipelineExecutionStep,
  type SageMakerClient,
} from '@aws-sdk/client-sagemaker';

import { FailureType, failureClass } from '../domain/failures.js';
import { pollEveryMs } from '../domain/watch.js';
import { absent, attempt, aws, may } from './aws-failure.js';
import type { Candidate } from '../domain/model.js';
import type { ControlActivities, ModelRef, PipelineOutcome } from './contract.js';
import type { ControlDeps } from './deps.js';
import { requestToken } from './digest.js';
import { hopeless, notYet } from './heartbeat.js';
import { clientsFor } from './stage-clients.js';

/** Pages of 100 of a pipeline's latest executions that are searched for our name. */
const PAGES = 5;

type PipelineActivities = Pick<
  ControlActivities,
  'startPipeline' | 'awaitPipeline' | 'stopPipeline'
>;

export function createPipelineActivities(
  deps: ControlDeps,
  readCandidate: (request: ModelRef & { readonly packageArn: string }) => Promise<Candidate>,
): PipelineActivities {
  const clients = clientsFor(deps, 'train');
  const sagemakerOf = (ref: ModelRef) => clients(ref).sagemaker;
  const pollMs = (ref: ModelRef): number => pollEveryMs(ref.policy.spec.monitor.every);

  return {
    /**
     * Starts the execution of a release, or finds the one an earlier attempt started.
     *
     * Idempotent twice over: the token is made of the pipeline's name and the release's of this round, and every attempt after
     * the first looks for an execution of our display name before it starts one.
     */
    async startPipeline(request) {
      const sagemaker = sagemakerOf(request);
      const { pipeline } = request.policy.spec.retrain;
      const { name } = request;
      if (attempt() > 1) {
        const found = await executionNamed(sagemaker, pipeline, name);
        if (found !== undefined) return { executionArn: found, adopted: true };
      }
      const answer = await aws(
        may('sagemaker:StartPipelineExecution', `pipeline/${pipeline}`),
        (options) =>
          sagemaker.send(
            new StartPipelineExecutionCommand({
              PipelineName: pipeline,
              PipelineExecutionDisplayName: name,
              PipelineExecutionDescription: `Started by modelkeeper for release ${request.release} of ${request.model}.`,
              ClientRequestToken: requestToken('StartPipelineExecution', pipeline, name),
              PipelineParameters: Object.entries(request.parameters).map(([Name, Value]) => ({
                Name,
                Value,
              })),
            }),
            options,
          ),
        (error) => (error.name === 'ConflictException' ? 'conflict' : undefined),
      );
      const executionArn =
        answer === 'conflict'
          ? await executionNamed(sagemaker, pipeline, name)
          : answer.PipelineExecutionArn;
      if (executionArn === undefined) {
        throw hopeless(
          FailureType.NameTaken,
          `SageMaker remembers a start of ${name} with other parameters, but ${pipeline} has no execution of that name`,
        );
      }
      return { executionArn, adopted: answer === 'conflict' };
    },

    /** Reads only: one look per attempt. */
    async awaitPipeline(request) {
      const sagemaker = sagemakerOf(request);
      const { executionArn } = request;
      const execution = await aws(
        may('sagemaker:DescribePipelineExecution', executionArn),
        (options) =>
          sagemaker.send(
            new DescribePipelineExecutionCommand({ PipelineExecutionArn: executionArn }),
            options,
          ),
      );
      const status = execution.PipelineExecutionStatus ?? 'unknown';
      const steps = await readSteps(sagemaker, executionArn);
      const running = steps.filter((step) => !AT_REST.has(step.StepStatus ?? ''));
      if (status === 'Executing' || status === 'Stopping') {
        const doing = running
          .map((step) => `${step.StepName ?? '?'} ${step.StepStatus ?? ''}`)
          .join(', ');
        throw notYet(
          FailureType.StillRunning,
          `The pipeline is ${status}: ${doing === '' ? 'no step is running' : doing}; ${steps.length - running.length} steps done`,
          pollMs(request),
        );
      }
      const outcome = outcomeOf(
        status,
        steps,
        execution.FailureReason,
        execution.CreationTime?.getTime() ?? deps.now(),
        execution.LastModifiedTime?.getTime() ?? deps.now(),
      );
      if (outcome.kind === 'failed') return outcome;
      const { packageArn, ...rest } = outcome;
      return { ...rest, candidate: await readCandidate({ ...request, packageArn }) };
    },

    /**
     * Asks for the stop once and waits for the end. An execution at rest is left alone, and the token is made of
     * its ARN, so asking twice is asking once.
     */
    async stopPipeline(request) {
      const sagemaker = sagemakerOf(request);
      const { pipeline } = request.policy.spec.retrain;
      const arn = request.executionArn ?? (await executionNamed(sagemaker, pipeline, request.name));
      if (arn === undefined) return;
      const execution = await aws(
        may('sagemaker:DescribePipelineExecution', arn),
        (options) =>
          sagemaker.send(
            new DescribePipelineExecutionCommand({ PipelineExecutionArn: arn }),
            options,
          ),
        absent,
      );
      if (execution === 'absent') return;
      const status = execution.PipelineExecutionStatus;
      if (status !== 'Executing' && status !== 'Stopping') return;
      if (status === 'Executing') {
        await aws(
          may('sagemaker:StopPipelineExecution', arn),
          (options) =>
            sagemaker.send(
              new StopPipelineExecutionCommand({
                PipelineExecutionArn: arn,
                ClientRequestToken: requestToken('StopPipelineExecution', arn),
              }),
              options,
            ),
          // It may have ended or be stopping since we looked: the next look says.
          (error) =>
            error.name === 'ConflictException' || error.name === 'ValidationException'
              ? 'look again'
              : absent(error),
        );
      }
      throw notYet(
        FailureType.StillRunning,
        'The pipeline was asked to stop; a running step may take minutes to give way',
        pollMs(request),
      );
    },
  };
}

const AT_REST: ReadonlySet<string> = new Set(['Succeeded', 'Failed', 'Stopped']);

/** ARN of the latest execution of that display name; `undefined` when there is none among the latest 500. */
async function executionNamed(
  sagemaker: SageMakerClient,
  pipeline: string,
  name: string,
): Promise<string | undefined> {
  let token: string | undefined;
  for (let page = 0; page < PAGES; page += 1) {
    const answer = await aws(
      may('sagemaker:ListPipelineExecutions', `pipeline/${pipeline}`),
      (options) =>
        sagemaker.send(
          new ListPipelineExecutionsCommand({
            PipelineName: pipeline,
            SortBy: 'CreationTime',
            SortOrder: 'Descending',
            MaxResults: 100,
            ...(token === undefined ? {} : { NextToken: token }),
          }),
          options,
        ),
      absent,
    );
    if (answer === 'absent') return undefined;
    const found = answer.PipelineExecutionSummaries?.find(
      (one) => one.PipelineExecutionDisplayName === name,
    );
    if (found?.PipelineExecutionArn !== undefined) return found.PipelineExecutionArn;
    token = answer.NextToken;
    if (token === undefined) return undefined;
  }
  return undefined;
}

/** All steps that were reached, in the order of their start. */
async function readSteps(
  sagemaker: SageMakerClient,
  arn: string,
): Promise<readonly PipelineExecutionStep[]> {
  const steps: PipelineExecutionStep[] = [];
  let token: string | undefined;
  do {
    const page = await aws(may('sagemaker:ListPipelineExecutionSteps', arn), (options) =>
      sagemaker.send(
        new ListPipelineExecutionStepsCommand({
          PipelineExecutionArn: arn,
          SortOrder: 'Ascending',
          MaxResults: 100,
          ...(token === undefined ? {} : { NextToken: token }),
        }),
        options,
      ),
    );
    steps.push(...(page.PipelineExecutionSteps ?? []));
    token = page.NextToken;
  } while (token !== undefined);
  return steps;
}

/** How an execution ended, before anybody has looked at what it registered. */
export type Ended =
  | (Omit<Extract<PipelineOutcome, { kind: 'succeeded' }>, 'candidate'> & {
      readonly packageArn: string;
    })
  | Extract<PipelineOutcome, { kind: 'failed' }>;

/** What an execution that has ended means. Success needs a package that this execution registered. */
export function outcomeOf(
  status: string,
  steps: readonly PipelineExecutionStep[],
  failureReason: string | undefined,
  startedAtMs: number,
  endedAtMs: number,
): Ended {
  const failed = steps.find((step) => step.StepStatus === 'Failed');
  const packageArn = steps.findLast((step) => step.Metadata?.RegisterModel?.Arn !== undefined)
    ?.Metadata?.RegisterModel?.Arn;
  switch (status) {
    case 'Succeeded':
      if (packageArn === undefined) {
        const cached = steps.filter((step) => step.CacheHitResult !== undefined);
        return {
          kind: 'failed',
          class: 'data',
          step: null,
          reason: `the pipeline succeeded and registered nothing new${cached.length > 0 ? `: ${cached.length} of ${steps.length} steps were answered from the cache` : ''}; pass the data window as a parameter, and let a RegisterModel step end it`,
        };
      }
      return {
        kind: 'succeeded',
        packageArn,
        startedAtMs,
        endedAtMs,
        steps: steps.map((step) => ({
          name: step.StepName ?? '',
          status: step.StepStatus ?? '',
          seconds:
            step.StartTime === undefined || step.EndTime === undefined
              ? null
              : Math.round((step.EndTime.getTime() - step.StartTime.getTime()) / 1_000),
        })),
      };
    case 'Stopped':
      return {
        kind: 'failed',
        class: 'stopped',
        step: null,
        reason: 'the pipeline execution was stopped',
      };
    case 'Failed': {
      const reason = failed?.FailureReason ?? failureReason ?? 'SageMaker gave no reason';
      return {
        kind: 'failed',
        class: failureClass(reason),
        step: failed?.StepName ?? null,
        reason,
      };
    }
    default:
      return {
        kind: 'failed',
        class: 'unknown',
        step: failed?.StepName ?? null,
        reason: `the pipeline ended ${status}${failed?.FailureReason === undefined ? '' : `: ${failed.FailureReason}`}; a candidate is taken from executions that end Succeeded only`,
      };
  }
}
