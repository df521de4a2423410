import type { BusEvent } from '../kernel.js';
import { seconds, secondsIf } from './context.js';
import type { StepType } from './definition.js';

export type StepStatus = 'Starting' | 'Executing' | 'Stopping' | 'Stopped' | 'Failed' | 'Succeeded';
export type ExecutionStatus =
  'Executing' | 'Stopping' | 'Stopped' | 'Failed' | 'Succeeded' | 'CompletedWithFailures';

export interface StepRecord {
  readonly name: string;
  readonly type: StepType;
  status: StepStatus;
  readonly startedAtMs: number;
  endedAtMs?: number;
  attempt: number;
  failureReason?: string;
  /** Name of the job it runs, chosen before the job is made; another one for each attempt. */
  jobName?: string;
  /** When the next attempt of its retry policy begins. */
  retryAtMs?: number;
  /** What its arguments come to: the same again may be taken from here. */
  cacheKey?: string;
  /** The execution whose step it was answered from. */
  cacheHit?: string;
  /** The execution a selective one has taken it over from. */
  takenFrom?: string;
  /** Of a Callback step. */
  callback?: { readonly token: string; readonly queueUrl: string; stopSent?: boolean };
  outputs?: Readonly<Record<string, string>>;
  /** ARN of the job, model or package. */
  arn?: string;
  outcome?: boolean;
  errorMessage?: string;
}

export interface ExecutionRecord {
  readonly arn: string;
  readonly id: string;
  readonly pipelineName: string;
  readonly pipelineArn: string;
  readonly roleArn: string;
  /** As it was when the execution began. */
  readonly definition: string;
  readonly displayName?: string;
  readonly description?: string;
  readonly parameters: Readonly<Record<string, string>>;
  readonly versionId?: number;
  /** Steps that are run; absent for all. */
  readonly selected?: { readonly from?: string; readonly steps: readonly string[] };
  readonly createdAtMs: number;
  modifiedAtMs: number;
  endedAtMs?: number;
  status: ExecutionStatus;
  failureReason?: string;
  /** How often it was retried. */
  retries?: number;
  /** Steps reached so far, in order of their start. */
  steps: StepRecord[];
}

export function describeExecution(execution: ExecutionRecord): object {
  return {
    PipelineArn: execution.pipelineArn,
    PipelineExecutionArn: execution.arn,
    PipelineExecutionDisplayName: execution.displayName,
    PipelineExecutionStatus: execution.status,
    PipelineExecutionDescription: execution.description,
    ...(execution.failureReason !== undefined && { FailureReason: execution.failureReason }),
    ...(execution.versionId !== undefined && { PipelineVersionId: execution.versionId }),
    ...(execution.selected && {
      SelectiveExecutionConfig: {
        SourcePipelineExecutionArn: execution.selected.from,
        SelectedSteps: execution.selected.steps.map((StepName) => ({ StepName })),
      },
    }),
    CreationTime: seconds(execution.createdAtMs),
    LastModifiedTime: seconds(execution.modifiedAtMs),
  };
}

export function executionSummary(execution: ExecutionRecord): object {
  return {
    PipelineExecutionArn: execution.arn,
    StartTime: seconds(execution.createdAtMs),
    PipelineExecutionStatus: execution.status,
    PipelineExecutionDescription: execution.description,
    PipelineExecutionDisplayName: execution.displayName,
    ...(execution.failureReason !== undefined && {
      PipelineExecutionFailureReason: execution.failureReason,
    }),
  };
}

export function stepSummary(step: StepRecord): object {
  return {
    StepName: step.name,
    StartTime: seconds(step.startedAtMs),
    EndTime: secondsIf(step.endedAtMs),
    StepStatus: step.status,
    AttemptCount: step.attempt,
    ...(step.cacheHit !== undefined && {
      CacheHitResult: { SourcePipelineExecutionArn: step.cacheHit },
    }),
    ...(step.takenFrom !== undefined && {
      SelectiveExecutionResult: { SourcePipelineExecutionArn: step.takenFrom },
    }),
    ...(step.failureReason !== undefined && { FailureReason: step.failureReason }),
    Metadata: metadata(step, (name) => name),
  };
}

export function executionEvent(execution: ExecutionRecord, previous: string | undefined): BusEvent {
  return {
    source: 'aws.sagemaker',
    detailType: 'SageMaker Model Building Pipeline Execution Status Change',
    resources: [execution.pipelineArn, execution.arn],
    detail: {
      pipelineExecutionDisplayName: execution.displayName,
      currentPipelineExecutionStatus: execution.status,
      previousPipelineExecutionStatus: previous ?? null,
      executionStartTime: iso(execution.createdAtMs),
      ...(execution.endedAtMs !== undefined && { executionEndTime: iso(execution.endedAtMs) }),
      pipelineExecutionDescription: execution.description,
      pipelineArn: execution.pipelineArn,
      pipelineExecutionArn: execution.arn,
    },
  };
}

export function stepEvent(
  execution: ExecutionRecord,
  step: StepRecord,
  previous: string | undefined,
): BusEvent {
  return {
    source: 'aws.sagemaker',
    detailType: 'SageMaker Model Building Pipeline Execution Step Status Change',
    resources: [execution.pipelineArn, execution.arn],
    detail: {
      metadata: metadata(step, (name) => name.replace(/^./, (letter) => letter.toLowerCase())),
      stepStartTime: iso(step.startedAtMs),
      ...(step.endedAtMs !== undefined && { stepEndTime: iso(step.endedAtMs) }),
      stepName: step.name,
      stepType: step.type,
      previousStepStatus: previous ?? null,
      currentStepStatus: step.status,
      ...(step.cacheHit !== undefined && {
        cacheHitResult: { sourcePipelineExecutionArn: step.cacheHit },
      }),
      ...(step.failureReason !== undefined && { failureReason: step.failureReason }),
      pipelineArn: execution.pipelineArn,
      pipelineExecutionArn: execution.arn,
    },
  };
}

const METADATA: Readonly<Record<StepType, string>> = {
  Training: 'TrainingJob',
  Processing: 'ProcessingJob',
  Model: 'Model',
  RegisterModel: 'RegisterModel',
  Condition: 'Condition',
  Callback: 'Callback',
  Fail: 'Fail',
};

/** The API writes names in Pascal case, events in camel case: `spell` decides. */
function metadata(step: StepRecord, spell: (name: string) => string): object {
  const name = spell(METADATA[step.type]);
  if (step.type === 'Callback') {
    return {
      [name]: {
        [spell('CallbackToken')]: step.callback?.token,
        [spell('SqsQueueUrl')]: step.callback?.queueUrl,
        [spell('OutputParameters')]: Object.entries(step.outputs ?? {}).map(([Name, Value]) => ({
          [spell('Name')]: Name,
          [spell('Value')]: Value,
        })),
      },
    };
  }
  if (step.type === 'Fail') return { [name]: { [spell('ErrorMessage')]: step.errorMessage } };
  if (step.type === 'Condition') {
    return step.outcome === undefined
      ? {}
      : { [name]: { [spell('Outcome')]: step.outcome ? 'True' : 'False' } };
  }
  return step.arn === undefined ? {} : { [name]: { [spell('Arn')]: step.arn } };
}

function iso(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}
