/** How jobs look from outside: Describe, lists, events. */
import type { BusEvent } from '../kernel.js';
import { seconds, secondsIf, without } from './context.js';
import {
  isSpot,
  maxRuntimeSeconds,
  maxWaitSeconds,
  runSeconds,
  trainingOutput,
} from './job-record.js';
import type { JobRecord, ProcessingRecord, TrainingRecord } from './job-record.js';

/** What spot costs of the full price, here. */
const SPOT_SHARE = 0.3;

export function describeTraining(job: TrainingRecord): object {
  const request = without(job.request, 'Tags');
  const artefact = hasArtefact(job) ? `${trainingOutput(job)}/model.tar.gz` : undefined;
  const ran = runSeconds(job);
  const maxWait = maxWaitSeconds(job);
  return {
    ...request,
    TrainingJobArn: job.arn,
    ...(artefact !== undefined && { ModelArtifacts: { S3ModelArtifacts: artefact } }),
    TrainingJobStatus: job.status,
    SecondaryStatus: job.secondary,
    ...(job.failureReason !== undefined && { FailureReason: job.failureReason }),
    StoppingCondition: {
      MaxRuntimeInSeconds: maxRuntimeSeconds(job),
      ...(maxWait !== undefined && { MaxWaitTimeInSeconds: maxWait }),
    },
    CreationTime: seconds(job.createdAtMs),
    TrainingStartTime: secondsIf(job.startedAtMs),
    TrainingEndTime: secondsIf(job.endedAtMs),
    LastModifiedTime: seconds(job.modifiedAtMs),
    SecondaryStatusTransitions: job.transitions.map(({ status, startMs, endMs, message }) => ({
      Status: status,
      StartTime: seconds(startMs),
      EndTime: secondsIf(endMs),
      StatusMessage: message,
    })),
    ...(job.metrics && {
      FinalMetricDataList: Object.entries(job.metrics).map(([MetricName, Value]) => ({
        MetricName,
        Value,
        Timestamp: secondsIf(job.endedAtMs),
      })),
    }),
    ...(job.startedAtMs !== undefined &&
      job.endedAtMs !== undefined && {
        TrainingTimeInSeconds: ran,
        BillableTimeInSeconds: isSpot(job) ? Math.max(1, Math.round(ran * SPOT_SHARE)) : ran,
      }),
  };
}

export function describeProcessing(job: ProcessingRecord): object {
  const request = without(job.request, 'Tags');
  return {
    ...request,
    ProcessingJobArn: job.arn,
    ProcessingJobStatus: job.status,
    ...(job.exitMessage !== undefined && { ExitMessage: job.exitMessage }),
    ...(job.monitoringScheduleArn !== undefined && {
      MonitoringScheduleArn: job.monitoringScheduleArn,
    }),
    ...(job.failureReason !== undefined && { FailureReason: job.failureReason }),
    StoppingCondition: { MaxRuntimeInSeconds: maxRuntimeSeconds(job) },
    CreationTime: seconds(job.createdAtMs),
    ProcessingStartTime: secondsIf(job.startedAtMs),
    ProcessingEndTime: secondsIf(job.endedAtMs),
    LastModifiedTime: seconds(job.modifiedAtMs),
  };
}

export function jobEvent(job: JobRecord, tags: object): BusEvent {
  return job.kind === 'training' ? trainingEvent(job, tags) : processingEvent(job, tags);
}

/** Instants are epoch milliseconds written as text. */
function trainingEvent(job: TrainingRecord, tags: object): BusEvent {
  const request = without(job.request, 'Tags', 'Environment');
  const text = (ms: number | undefined) => (ms === undefined ? undefined : String(ms));
  return {
    source: 'aws.sagemaker',
    detailType: 'SageMaker Training Job State Change',
    resources: [job.arn],
    detail: {
      ...request,
      TrainingJobArn: job.arn,
      TrainingJobStatus: job.status,
      SecondaryStatus: job.secondary,
      ...(job.failureReason !== undefined && { FailureReason: job.failureReason }),
      StoppingCondition: { MaxRuntimeInSeconds: maxRuntimeSeconds(job) },
      CreationTime: text(job.createdAtMs),
      TrainingStartTime: text(job.startedAtMs),
      TrainingEndTime: text(job.endedAtMs),
      LastModifiedTime: text(job.modifiedAtMs),
      SecondaryStatusTransitions: job.transitions.map(({ status, startMs, endMs, message }) => ({
        Status: status,
        StartTime: startMs,
        EndTime: endMs,
        StatusMessage: message,
      })),
      Tags: tags,
    },
  };
}

/** Instants are epoch milliseconds. */
function processingEvent(job: ProcessingRecord, tags: object): BusEvent {
  const request = without(job.request, 'Tags');
  return {
    source: 'aws.sagemaker',
    detailType: 'SageMaker Processing Job State Change',
    resources: [job.arn],
    detail: {
      ...request,
      StoppingCondition: { MaxRuntimeInSeconds: maxRuntimeSeconds(job) },
      ExperimentConfig: {},
      ProcessingJobArn: job.arn,
      ProcessingJobStatus: job.status,
      ...(job.failureReason !== undefined && { FailureReason: job.failureReason }),
      ProcessingEndTime: job.endedAtMs,
      ProcessingStartTime: job.startedAtMs,
      LastModifiedTime: job.modifiedAtMs,
      CreationTime: job.createdAtMs,
      Tags: tags,
    },
  };
}

function hasArtefact(job: TrainingRecord): boolean {
  if (job.uploaded === true) return true;
  return job.status === 'Completed' || job.stage === 'uploading';
}
