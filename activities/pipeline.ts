import {
  DescribePipelineCommand,
  DescribePipelineDefinitionForExecutionCommand,
  DescribePipelineExecutionCommand,
  ListPipelineExecutionsCommand,
  ListPipelineExecutionStepsCommand,
  RetryPipelineExecutionCommand,
  StartPipelineExecutionCommand,
  StopPipelineExecutionCommand,
  type DescribePipelineExecutionResponse,
  type PipelineExecutionStep,
  type SageMakerClient,
  type SelectiveExecutionConfig,
} from '@aws-sdk/client-sagemaker';
import { ApplicationFailure } from '@temporalio/activity';

import { plannedOf } from '../domain/cost.js';
import { inWords } from '../domain/duration.js';
import { FailureType, failureClass } from '../domain/failures.js';
import {
  declaredParameters,
  parameterFaults,
  plannedJobs,
  stepCount,
} from '../domain/pipeline-definition.js';
import { candidateAmong, type Registered } from '../domain/registry.js';
import { pollEveryMs } from '../domain/watch.js';
import { absent, aws, may } from './aws-failure.js';
import { billOf } from './bill.js';
import type { Candidate } from '../domain/model.js';
import type { ControlActivities, ModelRef, PipelineOutcome } from './contract.js';
import type { ControlDeps } from './deps.js';
import { requestToken } from './digest.js';
import { hopeless, keep, notYet, recall } from './heartbeat.js';
import { clientsFor } from './stage-clients.js';

/** Pages of 100 of a pipeline's latest executions that are searched for our name. */
const PAGES = 5;
/** Clocks differ: an execution may seem to be older than the release that started it. */
const CLOCKS_APART_MS = 600_000;
/** How long an execution may take to stop before nobody waits for it any longer … */
const STOP_PATIENCE_MS = 1_800_000;
/** … and one that waits for somebody's answer to a Callback, or for a Lambda function. */
const CALLBACK_PATIENCE_MS = 120_000;

type PipelineActivities = Pick<
  ControlActivities,
  'startPipeline' | 'awaitPipeline' | 'retryPipeline' | 'awaitRevival' | 'stopPipeline' | 'planJobs'
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
     * Starts the execution of a release, or finds the one that was started before.
     *
     * Idempotent twice over: the token is made of the pipeline's name and the release's of this round, and an
     * execution of our display name and description is looked for first: AWS forgets tokens.
     */
    async startPipeline(request) {
      const sagemaker = sagemakerOf(request);
      const pipeline = pipelineOf(request);
      const { name } = request;
      const ours: Ours = {
        name,
        description: descriptionOf(request),
        sinceMs: request.sinceMs === undefined ? null : request.sinceMs - CLOCKS_APART_MS,
      };
      const [found, unchecked] = await Promise.all([
        executionNamed(sagemaker, pipeline, ours),
        uncheckedParameters(sagemaker, request),
      ]);
      if (found !== undefined) return { executionArn: found, adopted: true };
      const selective = await selectiveConfig(sagemaker, request);
      const { pipelineVersion } = request.policy.spec.retrain;
      const answer = await aws(
        may('sagemaker:StartPipelineExecution', `pipeline/${pipeline}`),
        (options) =>
          sagemaker.send(
            new StartPipelineExecutionCommand({
              PipelineName: pipeline,
              PipelineExecutionDisplayName: name,
              PipelineExecutionDescription: ours.description,
              ClientRequestToken: requestToken('StartPipelineExecution', pipeline, name),
              PipelineParameters: Object.entries(request.parameters).map(([Name, Value]) => ({
                Name,
                Value,
              })),
              ...(pipelineVersion === undefined ? {} : { PipelineVersionId: pipelineVersion }),
              ...(selective === undefined ? {} : { SelectiveExecutionConfig: selective }),
            }),
            options,
          ),
        (error) => (error.name === 'ConflictException' ? 'conflict' : undefined),
      );
      const executionArn =
        answer === 'conflict'
          ? await executionNamed(sagemaker, pipeline, ours)
          : answer.PipelineExecutionArn;
      if (executionArn === undefined) {
        throw hopeless(
          FailureType.NameTaken,
          `SageMaker remembers a start of ${name} with other parameters, but ${pipeline} has no execution of that name`,
        );
      }
      return {
        executionArn,
        adopted: answer === 'conflict',
        ...(unchecked === undefined ? {} : { unchecked }),
      };
    },

    /** Reads only: one look per attempt. The heartbeat keeps how many steps there are. */
    async awaitPipeline(request) {
      const sagemaker = sagemakerOf(request);
      const { executionArn, accept = false, ours = [] } = request;
      const execution = await describeExecution(sagemaker, executionArn);
      const status = execution.PipelineExecutionStatus ?? 'unknown';
      const steps = await readSteps(sagemaker, executionArn);
      if (!isOver(status, steps)) {
        throw notYet(
          FailureType.StillRunning,
          progressSentence(status, steps, await stepsOf(sagemaker, executionArn), deps.now()),
          pollMs(request),
        );
      }
      const outcome = outcomeOf(
        status,
        steps,
        execution.FailureReason,
        execution.CreationTime?.getTime() ?? deps.now(),
        execution.LastModifiedTime?.getTime() ?? deps.now(),
        request.policy.spec.registry.group,
        ours,
      );
      const bill = await billOf(sagemaker, steps);
      if (outcome.kind === 'failed') {
        if (!accept || outcome.packageArn === undefined) return { ...outcome, bill };
        return {
          kind: 'succeeded',
          startedAtMs: execution.CreationTime?.getTime() ?? deps.now(),
          endedAtMs: execution.LastModifiedTime?.getTime() ?? deps.now(),
          steps: steps.map(stepLine),
          candidate: await readCandidate({ ...request, packageArn: outcome.packageArn }),
          bill,
          note: outcome.reason,
        };
      }
      const { packageArn, ...rest } = outcome;
      return { ...rest, bill, candidate: await readCandidate({ ...request, packageArn }) };
    },

    /**
     * Idempotent: an execution that runs or has succeeded since is left alone, and the token is made of its ARN and of
     * which retry this is, so asking twice is asking once.
     */
    async retryPipeline(request) {
      const sagemaker = sagemakerOf(request);
      const arn = request.executionArn;
      const { PipelineExecutionStatus: status } = await describeExecution(sagemaker, arn);
      if (status === 'Executing' || status === 'Stopping')
        return { kind: 'running', by: 'somebody else' };
      if (status === 'Succeeded') return { kind: 'succeeded' };
      const answer = await aws(
        may('sagemaker:RetryPipelineExecution', arn),
        (options) =>
          sagemaker.send(
            new RetryPipelineExecutionCommand({
              PipelineExecutionArn: arn,
              ClientRequestToken: requestToken(
                'RetryPipelineExecution',
                arn,
                String(request.number),
              ),
            }),
            options,
          ),
        (error) =>
          error.name === 'ConflictException' || error.name === 'ValidationException'
            ? { refused: error.message }
            : undefined,
      );
      return 'refused' in answer
        ? { kind: 'refused', reason: answer.refused }
        : { kind: 'running', by: 'us' };
    },

    /** Reads only: one look per attempt. Only one that did not succeed is waited for, so success is somebody's retry. */
    async awaitRevival(request) {
      const { PipelineExecutionStatus: status } = await describeExecution(
        sagemakerOf(request),
        request.executionArn,
      );
      if (status === 'Executing') return { kind: 'running', by: 'somebody else' };
      if (status === 'Succeeded') return { kind: 'succeeded' };
      throw notYet(
        FailureType.StillRunning,
        `The execution is ${status ?? 'unknown'}; when somebody retries it in SageMaker, it is followed again`,
        pollMs(request),
      );
    },

    /**
     * Asks for the stop once and waits for the end. An execution at rest is left alone, and the token is made of
     * its ARN, so asking twice is asking once. A Callback step is not ours to answer: it is said, and left.
     */
    async stopPipeline(request) {
      const sagemaker = sagemakerOf(request);
      const pipeline = pipelineOf(request);
      const sinceMs = request.sinceMs ?? deps.now();
      const arn = request.executionArn ?? (await executionOfRelease(sagemaker, pipeline, request));
      if (arn === undefined) return { kind: 'at rest' };
      const execution = await aws(
        may('sagemaker:DescribePipelineExecution', arn),
        (options) =>
          sagemaker.send(
            new DescribePipelineExecutionCommand({ PipelineExecutionArn: arn }),
            options,
          ),
        absent,
      );
      if (execution === 'absent') return { kind: 'at rest' };
      const status = execution.PipelineExecutionStatus;
      if (status !== 'Executing' && status !== 'Stopping') {
        return { kind: 'at rest', bill: await billOf(sagemaker, await readSteps(sagemaker, arn)) };
      }
      if (status === 'Executing') {
        await aws(
          may('sagemaker:StopPipelineExecution', arn),
          (options) =>
            sagemaker.send(
              new StopPipelineExecutionCommand({
                PipelineExecutionArn: arn,
                // An execution that was revived since may have to be stopped again.
                ClientRequestToken: requestToken(
                  'StopPipelineExecution',
                  arn,
                  ...(request.sinceMs === undefined ? [] : [String(request.sinceMs)]),
                ),
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
      const stuck = (await readSteps(sagemaker, arn)).filter(
        (step) =>
          !AT_REST.has(step.StepStatus ?? '') &&
          (step.Metadata?.Callback !== undefined || step.Metadata?.Lambda !== undefined),
      );
      const waited = deps.now() - sinceMs;
      const [held] = stuck;
      if (waited >= (held === undefined ? STOP_PATIENCE_MS : CALLBACK_PATIENCE_MS)) {
        return {
          kind: 'given up',
          reason: `the pipeline was asked to stop ${inWords(waited)} ago and has not stopped${held === undefined ? '' : `: ${heldBy(held)}`}; nobody waits for it any longer, and until it ends it may cost`,
        };
      }
      throw notYet(
        FailureType.StillRunning,
        held === undefined
          ? 'The pipeline was asked to stop; a running step may take minutes to give way'
          : `The pipeline was asked to stop: ${heldBy(held)}`,
        pollMs(request),
      );
    },

    /** Reads only. */
    async planJobs(ref) {
      const { retrain } = ref.policy.spec;
      if (retrain.pipeline === undefined) return { jobs: plannedOf(retrain), reason: null };
      try {
        const found = await describePipeline(sagemakerOf(ref), ref);
        if (found === 'absent')
          return { jobs: null, reason: `there is no pipeline '${retrain.pipeline}'` };
        return { jobs: plannedJobs(found.PipelineDefinition, retrain.parameters), reason: null };
      } catch (error) {
        if (!isForbidden(error)) throw error;
        return { jobs: null, reason: error.message };
      }
    },
  };
}

const AT_REST: ReadonlySet<string> = new Set(['Succeeded', 'Failed', 'Stopped']);
/** What an execution does not come back from by itself. */
const OVER: ReadonlySet<string> = new Set([...AT_REST, 'CompletedWithFailures']);

/** A status we do not know is over once no step runs: it may be one of AWS's to come, in motion or at rest. */
function isOver(status: string, steps: readonly PipelineExecutionStep[]): boolean {
  if (OVER.has(status)) return true;
  if (status === 'Executing' || status === 'Stopping') return false;
  return steps.every((step) => AT_REST.has(step.StepStatus ?? ''));
}

function pipelineOf({ policy }: ModelRef): string {
  const { pipeline } = policy.spec.retrain;
  if (pipeline === undefined)
    throw hopeless(FailureType.PolicyUnfit, 'the policy names no pipeline under retrain.pipeline');
  return pipeline;
}

/** By it and the display name we know our own execution: anybody may choose our name for theirs. */
const descriptionOf = (request: { readonly model: string; readonly release: number }): string =>
  `Started by modelkeeper for release ${request.release} of ${request.model}.`;

const isForbidden = (error: unknown): error is ApplicationFailure =>
  error instanceof ApplicationFailure && error.type === FailureType.PermissionMissing;

const describePipeline = (sagemaker: SageMakerClient, ref: ModelRef) => {
  const pipeline = pipelineOf(ref);
  const { pipelineVersion } = ref.policy.spec.retrain;
  return aws(
    may('sagemaker:DescribePipeline', `pipeline/${pipeline}`),
    (options) =>
      sagemaker.send(
        new DescribePipelineCommand({
          PipelineName: pipeline,
          ...(pipelineVersion === undefined ? {} : { PipelineVersionId: pipelineVersion }),
        }),
        options,
      ),
    absent,
  );
};

const describeExecution = (
  sagemaker: SageMakerClient,
  arn: string,
): Promise<DescribePipelineExecutionResponse> =>
  aws(may('sagemaker:DescribePipelineExecution', arn), (options) =>
    sagemaker.send(new DescribePipelineExecutionCommand({ PipelineExecutionArn: arn }), options),
  );

/**
 * Checks the parameters against those the pipeline declares, so that a wrong one is said in a sentence before anything
 * starts. Without the permission to read the pipeline it is left to SageMaker, and said.
 */
async function uncheckedParameters(
  sagemaker: SageMakerClient,
  request: ModelRef & { readonly parameters: Readonly<Record<string, string>> },
): Promise<string | undefined> {
  const pipeline = pipelineOf(request);
  const { pipelineVersion } = request.policy.spec.retrain;
  let definition: string | undefined;
  try {
    const found = await describePipeline(sagemaker, request);
    if (found === 'absent')
      throw hopeless(
        FailureType.PolicyUnfit,
        `there is no pipeline '${pipeline}'${pipelineVersion === undefined ? '' : ` of version ${pipelineVersion}`}: correct retrain.pipeline${pipelineVersion === undefined ? '' : ' or retrain.pipelineVersion'}`,
      );
    definition = found.PipelineDefinition;
  } catch (error) {
    if (!isForbidden(error)) throw error;
    return `the parameters could not be checked: ${error.message}`;
  }
  const declared = declaredParameters(definition);
  if (declared === null) return 'the parameters could not be checked: the definition is not JSON';
  const faults = parameterFaults(pipeline, declared, request.parameters);
  if (faults.length > 0)
    throw hopeless(
      FailureType.PolicyUnfit,
      `${faults.map(({ message }) => message).join('; ')}: correct retrain.parameters`,
    );
  return undefined;
}

/** What a selective execution takes over from; `latest` is the latest that succeeded. */
async function selectiveConfig(
  sagemaker: SageMakerClient,
  request: ModelRef,
): Promise<SelectiveExecutionConfig | undefined> {
  const { selective } = request.policy.spec.retrain;
  if (selective === undefined) return undefined;
  const pipeline = pipelineOf(request);
  const source =
    selective.from === 'latest'
      ? (
          await findExecution(sagemaker, pipeline, null, (one) =>
            ['Succeeded', 'CompletedWithFailures'].includes(one.PipelineExecutionStatus ?? ''),
          )
        )?.PipelineExecutionArn
      : selective.from;
  if (source === undefined)
    throw hopeless(
      FailureType.PolicyUnfit,
      `${pipeline} has no execution that succeeded, to take steps over from: take retrain.selective off for the first run`,
    );
  return {
    SourcePipelineExecutionArn: source,
    SelectedSteps: selective.steps.map((StepName) => ({ StepName })),
  };
}

/** How many steps an execution can have; read once, and kept in the heartbeat. `null` when nobody may say. */
async function stepsOf(sagemaker: SageMakerClient, arn: string): Promise<number | null> {
  const kept = recall();
  if (typeof kept === 'object' && kept !== null && 'steps' in kept)
    return typeof kept.steps === 'number' ? kept.steps : null;
  let steps: number | null = null;
  try {
    const answer = await aws(
      may('sagemaker:DescribePipelineDefinitionForExecution', arn),
      (options) =>
        sagemaker.send(
          new DescribePipelineDefinitionForExecutionCommand({ PipelineExecutionArn: arn }),
          options,
        ),
      absent,
    );
    steps = answer === 'absent' ? null : stepCount(answer.PipelineDefinition);
  } catch (error) {
    if (!isForbidden(error)) throw error;
  }
  keep({ steps });
  return steps;
}

/** `Executing, step 3 of 5: Train (Executing, 4 min)`. */
export function progressSentence(
  status: string,
  steps: readonly PipelineExecutionStep[],
  total: number | null,
  nowMs: number,
): string {
  const running = steps.filter((step) => !AT_REST.has(step.StepStatus ?? ''));
  const done = steps.length - running.length;
  const doing = running.map((step) => {
    const since =
      step.StartTime === undefined ? '' : `, ${inWords(nowMs - step.StartTime.getTime())}`;
    const again =
      step.AttemptCount === undefined || step.AttemptCount < 2
        ? ''
        : `, attempt ${step.AttemptCount}`;
    const waits =
      step.Metadata?.Callback === undefined
        ? ''
        : ', waits for somebody to answer its message in the queue';
    return `${step.StepName ?? '?'} (${step.StepStatus ?? 'unknown'}${since}${again}${waits})`;
  });
  const known = ['Executing', 'Stopping'].includes(status)
    ? `The pipeline is ${status}`
    : `The pipeline is ${status}, which modelkeeper does not know, and steps are running`;
  const count =
    total === null
      ? `${done} steps done`
      : `${done} of ${Math.max(total, steps.length)} steps done`;
  return `${known}: ${count}; ${doing.length === 0 ? 'no step is running' : doing.join(', ')}`;
}

function heldBy(step: PipelineExecutionStep): string {
  const name = step.StepName ?? '?';
  const queue = step.Metadata?.Callback?.SqsQueueUrl;
  return step.Metadata?.Callback === undefined
    ? `step ${name} runs a Lambda function, which is waited for until it ends or its time is over`
    : `step ${name} waits until whoever reads ${queue ?? 'its queue'} answers with SendPipelineExecutionStepSuccess or …Failure, which is not modelkeeper's to say`;
}

interface Ours {
  readonly name: string;
  readonly description: string;
  /** No execution of ours is older; `null` when that is not known. */
  readonly sinceMs: number | null;
}

/** ARN of our latest execution of that display name; `undefined` when there is none among the latest 500. */
async function executionNamed(
  sagemaker: SageMakerClient,
  pipeline: string,
  { name, description, sinceMs }: Ours,
): Promise<string | undefined> {
  const found = await findExecution(
    sagemaker,
    pipeline,
    sinceMs,
    (one) =>
      one.PipelineExecutionDisplayName === name &&
      // A list that does not say is believed; somebody else's of our name says another.
      (one.PipelineExecutionDescription ?? description) === description,
  );
  return found?.PipelineExecutionArn;
}

/** The latest execution of a release, of whichever round or try; `undefined` when there is none. */
async function executionOfRelease(
  sagemaker: SageMakerClient,
  pipeline: string,
  request: { readonly name: string; readonly model: string; readonly release: number },
): Promise<string | undefined> {
  const description = descriptionOf(request);
  const found = await findExecution(sagemaker, pipeline, null, (one) =>
    one.PipelineExecutionDescription === undefined
      ? one.PipelineExecutionDisplayName === request.name
      : one.PipelineExecutionDescription === description,
  );
  return found?.PipelineExecutionArn;
}

interface Listed {
  readonly PipelineExecutionArn?: string | undefined;
  readonly PipelineExecutionDisplayName?: string | undefined;
  readonly PipelineExecutionDescription?: string | undefined;
  readonly PipelineExecutionStatus?: string | undefined;
}

async function findExecution(
  sagemaker: SageMakerClient,
  pipeline: string,
  sinceMs: number | null,
  wanted: (one: Listed) => boolean,
): Promise<Listed | undefined> {
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
            ...(sinceMs === null ? {} : { CreatedAfter: new Date(sinceMs) }),
            ...(token === undefined ? {} : { NextToken: token }),
          }),
          options,
        ),
      absent,
    );
    if (answer === 'absent') return undefined;
    const found = answer.PipelineExecutionSummaries?.find(wanted);
    if (found !== undefined) return found;
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

const stepLine = (step: PipelineExecutionStep) => ({
  name: step.StepName ?? '',
  status: step.StepStatus ?? '',
  seconds:
    step.StartTime === undefined || step.EndTime === undefined
      ? null
      : Math.round((step.EndTime.getTime() - step.StartTime.getTime()) / 1_000),
});

/** Steps that make a model. */
const trains = (step: PipelineExecutionStep): boolean =>
  step.Metadata?.TrainingJob !== undefined ||
  step.Metadata?.TuningJob !== undefined ||
  step.Metadata?.AutoMLJob !== undefined;

/** A selective execution shows what it took over from another one as steps of its own. */
const isTakenOver = (step: PipelineExecutionStep): boolean =>
  step.SelectiveExecutionResult !== undefined;

/** The candidate among what the steps registered; a branch that was not taken registered nothing. */
const registeredBy = (steps: readonly PipelineExecutionStep[], group: string): Registered =>
  candidateAmong(
    steps.flatMap((step) => (isTakenOver(step) ? [] : (step.Metadata?.RegisterModel?.Arn ?? []))),
    group,
  );

/** The executions whose cache answered every step that trains; empty when one of them was trained now. */
function cachedFrom(steps: readonly PipelineExecutionStep[]): readonly string[] {
  const training = steps.filter(trains);
  if (training.some((step) => step.CacheHitResult === undefined)) return [];
  return training.map((step) => step.CacheHitResult?.SourcePipelineExecutionArn ?? '');
}

/**
 * What an execution that has ended means. Success needs a package that this execution registered in the policy's group,
 * and a model that was trained now: one from the cache of an execution that is not the release's own was there before.
 *
 * @param group the policy's `registry.group`
 * @param ours executions of earlier rounds of the same release
 */
export function outcomeOf(
  status: string,
  steps: readonly PipelineExecutionStep[],
  failureReason: string | undefined,
  startedAtMs: number,
  endedAtMs: number,
  group: string,
  ours: readonly string[] = [],
): Ended {
  const failed = steps.find((step) => step.StepStatus === 'Failed');
  const registered = registeredBy(steps, group);
  const cached = steps.filter((step) => step.CacheHitResult !== undefined);
  const fromCache = `${cached.length} of ${steps.length} steps were answered from the cache`;
  const wayOut =
    'pass the data window as a parameter of the steps that train, or switch their cache off';
  switch (status) {
    case 'Succeeded': {
      if (registered.kind === 'none') {
        return {
          kind: 'failed',
          class: 'data',
          step: null,
          reason: `the pipeline succeeded, but ${registered.reason}`,
        };
      }
      if (registered.kind === 'nothing') {
        const takenOver = steps.filter(isTakenOver);
        if (takenOver.some(({ Metadata }) => Metadata?.RegisterModel !== undefined))
          return {
            kind: 'failed',
            class: 'nothing new',
            step: null,
            reason: `the pipeline succeeded and registered nothing new: ${takenOver.length} of ${steps.length} steps were taken over from an earlier execution; name the steps that train and register under retrain.selective.steps`,
          };
        return cached.length > 0
          ? {
              kind: 'failed',
              class: 'nothing new',
              step: null,
              reason: `the pipeline succeeded and registered nothing new: ${fromCache}; ${wayOut}`,
            }
          : {
              kind: 'failed',
              class: 'data',
              step: null,
              reason:
                'the pipeline succeeded and registered nothing: let a RegisterModel step end it',
            };
      }
      const { packageArn, note } = registered;
      const sources = cachedFrom(steps);
      if (sources.length > 0 && !sources.every((source) => ours.includes(source))) {
        return {
          kind: 'failed',
          class: 'nothing new',
          step: steps.find(trains)?.StepName ?? null,
          reason: `the pipeline trained nothing: the model it registered as ${packageArn.split('/').slice(-2).join('/')} is from the cache of execution ${sources[0]?.split('/').at(-1) ?? 'unknown'} (${fromCache}); ${wayOut}`,
        };
      }
      return {
        kind: 'succeeded',
        packageArn,
        startedAtMs,
        endedAtMs,
        steps: steps.map(stepLine),
        ...(note === null ? {} : { note }),
      };
    }
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
    default: {
      const ends = steps.map((step) =>
        [`${step.StepName ?? '?'} ${step.StepStatus ?? 'unknown'}`, step.FailureReason]
          .filter((part) => part !== undefined)
          .join(': '),
      );
      return {
        kind: 'failed',
        class: 'unknown',
        step: failed?.StepName ?? null,
        reason: `the pipeline ended ${status} (${ends.length === 0 ? 'no step was reached' : ends.join('; ')})${registeredInWords(registered)}`,
        ...(registered.kind === 'one' ? { packageArn: registered.packageArn } : {}),
      };
    }
  }
}

function registeredInWords(registered: Registered): string {
  switch (registered.kind) {
    case 'nothing':
      return '';
    case 'none':
      return `; ${registered.reason}`;
    case 'one':
      return ` and registered ${registered.packageArn.split('/').slice(-2).join('/')}${registered.note === null ? '' : `; ${registered.note}`}`;
  }
}
