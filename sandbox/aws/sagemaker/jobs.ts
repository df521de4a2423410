import type { Kernel } from '../kernel.js';
import { AwsError } from '../kernel.js';
import { isClarify } from './clarify.js';
import type { ContainerRuns } from './container-runs.js';
import { arnOf, filtered, pageOf, seconds, secondsIf, taken } from './context.js';
import { isOver, isSpot, maxRuntimeSeconds, maxWaitSeconds } from './job-record.js';
import type { JobRecord, ProcessingRecord, Stage, TrainingRecord } from './job-record.js';
import { describeProcessing, describeTraining, jobEvent } from './job-views.js';
import {
  createProcessingJob,
  createTrainingJob,
  page,
  processingJobByName,
  trainingJobByName,
} from './shapes.js';
import type { Tags } from './tags.js';
import type { TrainingRequest } from './shapes.js';
import { invalid, parse } from './validate.js';

type Kind = JobRecord['kind'];

const COLLECTIONS = {
  training: 'sagemaker.trainingJobs',
  processing: 'sagemaker.processingJobs',
} as const;
/** A failure reason is cut at this length. */
const MAX_REASON = 1024;

/** SecondaryStatus of a training job and the words beside it, per stage. */
const SECONDARY: Readonly<Record<Stage, readonly [string, string]>> = {
  starting: ['Starting', 'Preparing the instances for training'],
  downloading: ['Downloading', 'Downloading input data'],
  running: ['Training', 'Training image download completed. Training in progress.'],
  uploading: ['Uploading', 'Uploading generated training model'],
};

/** How the container of a monitor ended, or that it still runs. */
export type MonitorRun = 'running' | { readonly exit: string } | { readonly failure: string };

/** Jobs of a monitoring schedule, and jobs of AWS's own analysers. */
const isAnalysis = ({ monitoringScheduleArn, request }: ProcessingRecord): boolean =>
  monitoringScheduleArn !== undefined ||
  isClarify({ request }) ||
  (/\/sagemaker-model-monitor-analyzer(?:[:@]|$)/.test(request.AppSpecification.ImageUri) &&
    request.Environment?.['dataset_source'] !== undefined);

/** Training and processing jobs, stepped like the endpoints. A job whose child died with the sandbox begins again. */
export class Jobs {
  private readonly open: Map<string, JobRecord>;
  /** What the container of a monitoring schedule does once it runs. */
  monitorRun: ((job: ProcessingRecord) => Promise<MonitorRun>) | undefined;

  constructor(
    private readonly kernel: Kernel,
    private readonly runs: ContainerRuns,
    private readonly tags: Tags,
  ) {
    const all = [...this.all('training'), ...this.all('processing')];
    this.open = new Map(all.filter((job) => !isOver(job)).map((job) => [job.arn, job]));
  }

  get operations() {
    return {
      CreateTrainingJob: (input: unknown) => ({ TrainingJobArn: this.createTraining(input).arn }),
      DescribeTrainingJob: (input: unknown) =>
        describeTraining(this.foundTraining(parse(trainingJobByName, input).TrainingJobName)),
      ListTrainingJobs: (input: unknown) => this.listTraining(input),
      StopTrainingJob: (input: unknown) => {
        const job = this.foundTraining(parse(trainingJobByName, input).TrainingJobName);
        if (isOver(job))
          throw invalid(
            `The request was rejected because the training job is in status ${job.status}.`,
          );
        this.stop(job);
        return {};
      },
      CreateProcessingJob: (input: unknown) => ({
        ProcessingJobArn: this.createProcessing(input).arn,
      }),
      DescribeProcessingJob: (input: unknown) =>
        describeProcessing(
          this.foundProcessing(parse(processingJobByName, input).ProcessingJobName),
        ),
      ListProcessingJobs: (input: unknown) => this.listProcessing(input),
      StopProcessingJob: (input: unknown) => {
        const job = this.foundProcessing(parse(processingJobByName, input).ProcessingJobName);
        if (isOver(job))
          throw invalid(
            `The request was rejected because the processing job is in status ${job.status}.`,
          );
        this.stop(job);
        return {};
      },
    };
  }

  createTraining(input: unknown, pipelineExecutionArn?: string): TrainingRecord {
    const request = parse(createTrainingJob, input);
    const { TrainingImage, AlgorithmName } = request.AlgorithmSpecification;
    if ((TrainingImage === undefined) === (AlgorithmName === undefined)) {
      throw invalid('You must specify exactly one of TrainingImage and AlgorithmName.');
    }
    checkSpot(request);
    this.checkQuota('training', request.TrainingJobName, request.ResourceConfig.InstanceType);
    const job: TrainingRecord = {
      ...this.fresh(
        'training',
        request.TrainingJobName,
        pipelineExecutionArn,
        request.ResourceConfig.InstanceType,
      ),
      kind: 'training',
      request,
    };
    this.opened(job, request.Tags);
    return job;
  }

  createProcessing(
    input: unknown,
    pipelineExecutionArn?: string,
    monitoringScheduleArn?: string,
  ): ProcessingRecord {
    const request = parse(createProcessingJob, input);
    const { InstanceType } = request.ProcessingResources.ClusterConfig;
    this.checkQuota('processing', request.ProcessingJobName, InstanceType);
    const job: ProcessingRecord = {
      ...(monitoringScheduleArn !== undefined && { monitoringScheduleArn }),
      ...this.fresh('processing', request.ProcessingJobName, pipelineExecutionArn),
      kind: 'processing',
      request,
    };
    this.opened(job, request.Tags);
    return job;
  }

  /** Ignoring case, so that the name at the end of an ARN, which is in lower case, finds the job. */
  get(kind: Kind, name: string): JobRecord | undefined {
    return this.kernel.store.get<JobRecord>(COLLECTIONS[kind], name.toLowerCase());
  }

  /** Asks a job to end; harmless when it has. */
  stop(job: JobRecord): void {
    const open = this.open.get(job.arn);
    if (open === undefined || open.status !== 'InProgress') return;
    open.status = 'Stopping';
    this.enter(open, 'Stopping', 'Stopping the job');
    this.changed(open);
  }

  async step(): Promise<void> {
    for (const job of [...this.open.values()]) {
      try {
        await this.stepOne(job);
      } catch (error) {
        this.kernel.log(
          `${job.name}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
        );
        this.finish(
          job,
          'Failed',
          'InternalServerError: We encountered an internal error. Please try again.',
        );
      }
    }
  }

  private async stepOne(job: JobRecord): Promise<void> {
    const nowMs = this.kernel.now();
    if (job.status === 'Stopping') {
      this.finish(job, 'Stopped');
      return;
    }
    const maxWait = maxWaitSeconds(job);
    if (maxWait !== undefined && nowMs >= job.createdAtMs + maxWait * 1000) {
      this.enter(
        job,
        'MaxWaitTimeExceeded',
        'Training job waiting time exceeded MaxWaitTimeInSeconds provided',
      );
      this.finish(job, 'Stopped');
      return;
    }
    if (
      job.runSinceMs !== undefined &&
      job.stage !== 'uploading' &&
      ranMs(job, nowMs) >= maxRuntimeSeconds(job) * 1000
    ) {
      await this.runs.saveWhatThereIs(job);
      this.enter(
        job,
        'MaxRuntimeExceeded',
        'Training job runtime exceeded MaxRuntimeInSeconds provided',
      );
      this.finish(job, 'Stopped');
      return;
    }
    if (job.stageEndsAtMs !== undefined && nowMs < job.stageEndsAtMs) return;
    switch (job.stage) {
      case 'starting':
        if (job.doom !== undefined) this.finish(job, 'Failed', job.doom);
        else this.advance(job, 'downloading', taken(this.kernel, 'downloadData'));
        return;
      case 'downloading':
        this.advance(job, 'running', undefined);
        return;
      case 'running': {
        const result = this.runs.poll(job);
        if (result?.exit !== undefined) job.exitMessage = result.exit;
        if (
          isSpot(job) &&
          result?.kind !== 'failed' &&
          (result !== undefined || this.runs.isInterruptible(job)) &&
          this.kernel.takeFault('spot interruption', job.name)
        ) {
          this.interrupt(job);
          return;
        }
        if (result?.kind === 'failed') this.finish(job, 'Failed', result.reason);
        if (result?.kind !== 'done') return;
        if (job.kind === 'processing' && isAnalysis(job)) {
          const left = await this.monitorRun?.(job);
          if (left === 'running') return;
          if (left !== undefined && 'failure' in left) {
            this.finish(job, 'Failed', left.failure);
            return;
          }
          if (left !== undefined) job.exitMessage = left.exit;
        }
        if (Object.keys(result.metrics).length > 0) job.metrics = result.metrics;
        await this.runs.upload(job);
        job.uploaded = true;
        this.advance(job, 'uploading', taken(this.kernel, 'uploadModel'));
        return;
      }
      case 'uploading':
        this.finish(job, 'Completed');
        return;
    }
  }

  private advance(job: JobRecord, stage: Stage, ms: number | undefined): void {
    const nowMs = this.kernel.now();
    job.stage = stage;
    if (ms === undefined) delete job.stageEndsAtMs;
    else job.stageEndsAtMs = nowMs + ms;
    if (stage === 'downloading') {
      job.startedAtMs ??= nowMs;
      job.runSinceMs = nowMs;
    }
    this.enter(job, ...SECONDARY[stage]);
    // A processing job has no secondary status: its stages are not seen from outside.
    if (job.kind === 'training' || stage === 'downloading') this.changed(job);
    else this.save(job);
  }

  /** Spot capacity was taken back: the container is gone. The next one finds the checkpoints, if the job keeps any. */
  private interrupt(job: JobRecord): void {
    const nowMs = this.kernel.now();
    this.runs.end(job);
    job.interruptions = (job.interruptions ?? 0) + 1;
    job.runSecondsBefore = Math.ceil(ranMs(job, nowMs) / 1000);
    delete job.runSinceMs;
    this.enter(job, 'Interrupted', 'Training job interrupted as spot capacity was reclaimed');
    this.changed(job);
    job.stage = 'starting';
    job.stageEndsAtMs = nowMs + taken(this.kernel, 'startJob');
    this.enter(job, ...SECONDARY.starting);
    this.changed(job);
  }

  private finish(
    job: JobRecord,
    status: 'Completed' | 'Failed' | 'Stopped',
    reason?: string,
  ): void {
    this.runs.end(job);
    const runOut = ['MaxRuntimeExceeded', 'MaxWaitTimeExceeded'].includes(job.secondary);
    job.status = status;
    job.endedAtMs = this.kernel.now();
    if (reason !== undefined) job.failureReason = reason.slice(0, MAX_REASON);
    const words = {
      Completed: 'Training job completed',
      Failed: 'Training job failed',
      Stopped: 'Training job stopped',
    };
    if (!runOut) this.enter(job, status, words[status]);
    const last = job.transitions.at(-1);
    if (last) last.endMs = job.endedAtMs;
    this.changed(job);
    this.open.delete(job.arn);
  }

  private enter(job: JobRecord, secondary: string, message: string): void {
    const startMs = this.kernel.now();
    const last = job.transitions.at(-1);
    if (last) last.endMs = startMs;
    job.secondary = secondary;
    job.transitions.push({ status: secondary, startMs, message });
  }

  /** As an account without any quota for an instance type answers. */
  private checkQuota(kind: Kind, name: string, instanceType = 'ml.m5.large'): void {
    if (this.kernel.takeFault('quota', `${name} ${instanceType}`) === undefined) return;
    throw new AwsError(
      'ResourceLimitExceeded',
      `The account-level service limit '${instanceType} for ${kind} job usage' is 0 Instances, with current utilization of 0 Instances and a request delta of 1 Instances. Please use AWS Service Quotas to request an increase for this quota. If AWS Service Quotas is not available, contact AWS support to request an increase for this quota.`,
    );
  }

  private fresh(
    kind: Kind,
    name: string,
    pipelineExecutionArn: string | undefined,
    instanceType?: string,
  ) {
    const arn = arnOf(this.kernel, `${kind}-job`, name);
    if (this.get(kind, name) !== undefined) {
      throw new AwsError(
        'ResourceInUse',
        `Job name must be unique within an AWS account and region, and a job with this name already exists (${arn})`,
      );
    }
    const nowMs = this.kernel.now();
    const doom = this.doom(`${name} ${instanceType ?? 'ml.m5.large'}`);
    const [secondary, message] = SECONDARY.starting;
    return {
      name,
      arn,
      createdAtMs: nowMs,
      modifiedAtMs: nowMs,
      status: 'InProgress' as const,
      secondary,
      stage: 'starting' as const,
      stageEndsAtMs: nowMs + taken(this.kernel, 'startJob'),
      transitions: [{ status: secondary, startMs: nowMs, message }],
      ...(doom !== undefined && { doom }),
      ...(pipelineExecutionArn !== undefined && { pipelineExecutionArn }),
    };
  }

  /** @param name of the job and of its instance type: a fault can match either */
  private doom(name: string): string | undefined {
    const failure = this.kernel.takeFault('job failure', name);
    if (failure) return failure.message ?? 'AlgorithmError: ExecuteUserScriptError: exit code: 1';
    if (this.kernel.takeFault('capacity', name) === undefined) return undefined;
    return 'CapacityError: Unable to provision requested ML compute capacity due to InsufficientInstanceCapacity error. Please retry using a different ML instance type or after some time.';
  }

  private opened(
    job: JobRecord,
    tags: readonly { Key: string; Value: string }[] | undefined,
  ): void {
    this.tags.add(job.arn, tags);
    this.open.set(job.arn, job);
    this.changed(job);
  }

  private changed(job: JobRecord): void {
    job.modifiedAtMs = this.kernel.now();
    this.save(job);
    const tags = Object.fromEntries(this.tags.of(job.arn).map(({ Key, Value }) => [Key, Value]));
    this.kernel.emit(jobEvent(job, tags));
  }

  private save(job: JobRecord): void {
    this.kernel.store.put(COLLECTIONS[job.kind], job.name.toLowerCase(), job);
  }

  private all(kind: Kind): readonly JobRecord[] {
    return this.kernel.store.entries<JobRecord>(COLLECTIONS[kind]).map(([, job]) => job);
  }

  private foundTraining(name: string): TrainingRecord {
    const job = this.get('training', name);
    if (job?.kind !== 'training') throw invalid('Requested resource not found.');
    return job;
  }

  private foundProcessing(name: string): ProcessingRecord {
    const job = this.get('processing', name);
    if (job?.kind !== 'processing') {
      throw invalid(`Could not find requested job with name: ${name}`);
    }
    return job;
  }

  private listTraining(input: unknown) {
    const request = parse(page, input);
    const { items, ...next } = pageOf(filtered(this.all('training'), request), request);
    const TrainingJobSummaries = items.map((job) => ({
      TrainingJobName: job.name,
      TrainingJobArn: job.arn,
      CreationTime: seconds(job.createdAtMs),
      TrainingEndTime: secondsIf(job.endedAtMs),
      LastModifiedTime: seconds(job.modifiedAtMs),
      TrainingJobStatus: job.status,
      SecondaryStatus: job.secondary,
    }));
    return { TrainingJobSummaries, ...next };
  }

  private listProcessing(input: unknown) {
    const request = parse(page, input);
    const { items, ...next } = pageOf(filtered(this.all('processing'), request), request);
    const ProcessingJobSummaries = items.map((job) => ({
      ProcessingJobName: job.name,
      ProcessingJobArn: job.arn,
      CreationTime: seconds(job.createdAtMs),
      ProcessingEndTime: secondsIf(job.endedAtMs),
      LastModifiedTime: seconds(job.modifiedAtMs),
      ProcessingJobStatus: job.status,
      FailureReason: job.failureReason,
    }));
    return { ProcessingJobSummaries, ...next };
  }
}

/** Milliseconds on a machine so far, those of interrupted tries included. */
function ranMs(job: JobRecord, nowMs: number): number {
  const present = job.runSinceMs === undefined ? 0 : nowMs - job.runSinceMs;
  return (job.runSecondsBefore ?? 0) * 1000 + present;
}

/** What AWS wants of the times of a spot job. */
function checkSpot({ EnableManagedSpotTraining, StoppingCondition }: TrainingRequest): void {
  const wait = StoppingCondition?.MaxWaitTimeInSeconds;
  const run = StoppingCondition?.MaxRuntimeInSeconds ?? 86_400;
  if (EnableManagedSpotTraining !== true) {
    if (wait !== undefined)
      throw invalid('MaxWaitTimeInSeconds is only allowed when EnableManagedSpotTraining is true.');
    return;
  }
  if (wait === undefined)
    throw invalid('MaxWaitTimeInSeconds is required when EnableManagedSpotTraining is true.');
  if (wait < run)
    throw invalid(
      `Invalid MaxWaitTimeInSeconds. It must be present and be greater than or equal to MaxRuntimeInSeconds (${run}).`,
    );
}
