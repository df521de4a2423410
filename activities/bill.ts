/** What AWS bills for the jobs of a run. Reads only. */
import {
  DescribeProcessingJobCommand,
  DescribeTrainingJobCommand,
  DescribeTransformJobCommand,
  type DescribeProcessingJobResponse,
  type DescribeTrainingJobResponse,
  type PipelineExecutionStep,
  type SageMakerClient,
} from '@aws-sdk/client-sagemaker';
import { ApplicationFailure } from '@temporalio/activity';

import type { Bill, BilledJob } from '../domain/cost.js';
import { FailureType } from '../domain/failures.js';
import { absent, aws, may } from './aws-failure.js';

const nameOf = (arn: string): string => arn.split('/').at(-1) ?? arn;
const secondsBetween = (from: Date | undefined, to: Date | undefined): number =>
  from === undefined || to === undefined ? 0 : Math.ceil((to.getTime() - from.getTime()) / 1_000);

/**
 * The jobs that ran in an execution. Steps from the cache or from another execution cost nothing here. What may not be
 * read leaves the bill incomplete, and it says so: no training is lost for a price.
 */
export async function billOf(
  sagemaker: SageMakerClient,
  steps: readonly PipelineExecutionStep[],
): Promise<Bill> {
  const jobs: BilledJob[] = [];
  let unread: string | null = null;
  for (const step of steps) {
    if (step.CacheHitResult !== undefined || step.SelectiveExecutionResult !== undefined) continue;
    try {
      jobs.push(...(await jobsOf(sagemaker, step)));
    } catch (error) {
      if (!isFinal(error)) throw error;
      unread = error.message;
    }
    const { TuningJob, AutoMLJob, EMR } = step.Metadata ?? {};
    if (TuningJob !== undefined || AutoMLJob !== undefined || EMR !== undefined)
      unread = `step ${step.StepName ?? '?'} is of a kind whose cost is not counted`;
  }
  return { jobs, unread };
}

const isFinal = (error: unknown): error is ApplicationFailure =>
  error instanceof ApplicationFailure &&
  (error.nonRetryable === true || error.type === FailureType.PermissionMissing);

async function jobsOf(
  sagemaker: SageMakerClient,
  step: PipelineExecutionStep,
): Promise<readonly BilledJob[]> {
  const { TrainingJob, ProcessingJob, TransformJob, QualityCheck, ClarifyCheck } =
    step.Metadata ?? {};
  const name = step.StepName ?? '?';
  if (TrainingJob?.Arn !== undefined) {
    const job = await describeTraining(sagemaker, nameOf(TrainingJob.Arn));
    return job === 'absent' ? [] : billedTraining(name, job);
  }
  const processing = ProcessingJob?.Arn ?? QualityCheck?.CheckJobArn ?? ClarifyCheck?.CheckJobArn;
  if (processing !== undefined) {
    const job = await describeProcessing(sagemaker, nameOf(processing));
    return job === 'absent' ? [] : billedProcessing(name, job);
  }
  if (TransformJob?.Arn === undefined) return [];
  const transformJob = nameOf(TransformJob.Arn);
  const job = await aws(
    may('sagemaker:DescribeTransformJob', `transform-job/${transformJob}`),
    (options) =>
      sagemaker.send(new DescribeTransformJobCommand({ TransformJobName: transformJob }), options),
    absent,
  );
  if (job === 'absent') return [];
  const seconds = secondsBetween(job.TransformStartTime, job.TransformEndTime);
  const { InstanceType, InstanceCount } = job.TransformResources ?? {};
  return billed({ job: transformJob, name }, InstanceType, InstanceCount, seconds, seconds, false);
}

export const describeTraining = (
  sagemaker: SageMakerClient,
  name: string,
): Promise<DescribeTrainingJobResponse | 'absent'> =>
  aws(
    may('sagemaker:DescribeTrainingJob', `training-job/${name}`),
    (options) => sagemaker.send(new DescribeTrainingJobCommand({ TrainingJobName: name }), options),
    absent,
  );

export const describeProcessing = (
  sagemaker: SageMakerClient,
  name: string,
): Promise<DescribeProcessingJobResponse | 'absent'> =>
  aws(
    may('sagemaker:DescribeProcessingJob', `processing-job/${name}`),
    (options) =>
      sagemaker.send(new DescribeProcessingJobCommand({ ProcessingJobName: name }), options),
    absent,
  );

/** Billable seconds are of each machine, and so of each group of them. */
export function billedTraining(
  name: string,
  job: DescribeTrainingJobResponse,
): readonly BilledJob[] {
  const run =
    job.TrainingTimeInSeconds ?? secondsBetween(job.TrainingStartTime, job.TrainingEndTime);
  const billable = job.BillableTimeInSeconds ?? run;
  const spot = job.EnableManagedSpotTraining === true;
  const { InstanceType, InstanceCount, InstanceGroups } = job.ResourceConfig ?? {};
  const id = { job: job.TrainingJobName ?? name, name };
  return InstanceGroups === undefined || InstanceGroups.length === 0
    ? billed(id, InstanceType, InstanceCount, billable, run, spot)
    : InstanceGroups.flatMap((group) =>
        billed(id, group.InstanceType, group.InstanceCount, billable, run, spot),
      );
}

export function billedProcessing(
  name: string,
  job: DescribeProcessingJobResponse,
): readonly BilledJob[] {
  const seconds = secondsBetween(job.ProcessingStartTime, job.ProcessingEndTime);
  const { InstanceType, InstanceCount } = job.ProcessingResources?.ClusterConfig ?? {};
  return billed(
    { job: job.ProcessingJobName ?? name, name },
    InstanceType,
    InstanceCount,
    seconds,
    seconds,
    false,
  );
}

/** A job that never got a machine costs nothing. */
const billed = (
  id: Pick<BilledJob, 'job' | 'name'>,
  instanceType: string | undefined,
  instances: number | undefined,
  billableSeconds: number,
  runSeconds: number,
  spot: boolean,
): readonly BilledJob[] =>
  runSeconds === 0 || instanceType === undefined
    ? []
    : [{ ...id, instanceType, instances: instances ?? 1, billableSeconds, runSeconds, spot }];
