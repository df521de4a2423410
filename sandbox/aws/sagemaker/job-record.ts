import type { ProcessingRequest, TrainingRequest } from './shapes.js';

export type JobStatus = 'InProgress' | 'Completed' | 'Failed' | 'Stopping' | 'Stopped';

/** Where a job in progress is; `running` is the child process. */
export type Stage = 'starting' | 'downloading' | 'running' | 'uploading';

export interface Transition {
  readonly status: string;
  readonly startMs: number;
  endMs?: number;
  readonly message: string;
}

interface Common {
  readonly name: string;
  readonly arn: string;
  readonly createdAtMs: number;
  modifiedAtMs: number;
  status: JobStatus;
  secondary: string;
  stage: Stage;
  /** When the stage ends by itself; absent while the child decides. */
  stageEndsAtMs?: number;
  startedAtMs?: number;
  /** How often spot capacity was taken back. */
  interruptions?: number;
  /** When the present try began to be billed; the seconds of former tries. */
  runSinceMs?: number;
  runSecondsBefore?: number;
  /** Something was uploaded, so that there is an artefact whatever the end. */
  uploaded?: boolean;
  endedAtMs?: number;
  failureReason?: string;
  transitions: Transition[];
  metrics?: Readonly<Record<string, number>>;
  /** A fault's verdict, met when the job starts. */
  readonly doom?: string;
  /** What the container left in /opt/ml/output/message. */
  exitMessage?: string;
  /** Set by the monitoring schedule that started it. */
  readonly monitoringScheduleArn?: string;
  /** Set by the pipeline that started it. */
  readonly pipelineExecutionArn?: string;
}

export type TrainingRecord = Common & {
  readonly kind: 'training';
  readonly request: TrainingRequest;
};
export type ProcessingRecord = Common & {
  readonly kind: 'processing';
  readonly request: ProcessingRequest;
};
export type JobRecord = TrainingRecord | ProcessingRecord;

export function isOver(job: JobRecord): boolean {
  return job.status === 'Completed' || job.status === 'Failed' || job.status === 'Stopped';
}

/** Where AWS puts what a training job leaves: `<S3OutputPath>/<job>/output/`. */
export function trainingOutput(job: TrainingRecord): string {
  return `${job.request.OutputDataConfig.S3OutputPath.replace(/\/$/, '')}/${job.name}/output`;
}

export function isSpot(job: JobRecord): boolean {
  return job.kind === 'training' && job.request.EnableManagedSpotTraining === true;
}

export function instanceTypeOf(job: JobRecord): string {
  const machines =
    job.kind === 'training'
      ? job.request.ResourceConfig
      : job.request.ProcessingResources.ClusterConfig;
  return machines.InstanceType ?? 'ml.m5.large';
}

/** Spot: waiting and training together. */
export function maxWaitSeconds(job: JobRecord): number | undefined {
  return isSpot(job) ? job.request.StoppingCondition?.MaxWaitTimeInSeconds : undefined;
}

/** Seconds on a machine, over all tries. */
export function runSeconds(job: JobRecord): number {
  const present =
    job.runSinceMs === undefined || job.endedAtMs === undefined
      ? 0
      : Math.ceil((job.endedAtMs - job.runSinceMs) / 1000);
  return (job.runSecondsBefore ?? 0) + present;
}

export function maxRuntimeSeconds(job: JobRecord): number {
  return job.request.StoppingCondition?.MaxRuntimeInSeconds ?? 86_400;
}
