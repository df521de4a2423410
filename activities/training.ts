import type { S3Client } from '@aws-sdk/client-s3';
import {
  CreateModelPackageCommand,
  CreateProcessingJobCommand,
  CreateTrainingJobCommand,
  StopProcessingJobCommand,
  StopTrainingJobCommand,
  UpdateModelPackageCommand,
  type CreateTrainingJobRequest,
  type DescribeTrainingJobResponse,
  type ModelMetrics,
  type ProcessingInput,
  type ProcessingInstanceType,
  type SageMakerClient,
  type TrainingInstanceType,
} from '@aws-sdk/client-sagemaker';

import { added, type Bill } from '../domain/cost.js';
import { datasetFile, furtherOf } from '../domain/datasets.js';
import { resultsAddress, withTokens, type TokenValues } from '../domain/data-windows.js';
import { durationMs, inWords } from '../domain/duration.js';
import { FailureType, failureClass } from '../domain/failures.js';
import type { Candidate, Champion, DataWindows, FailureClass } from '../domain/model.js';
import type { PolicySpec } from '../domain/policy.schema.js';
import { pollEveryMs } from '../domain/watch.js';
import { aws, isAlreadyThere, may, type AwsError } from './aws-failure.js';
import { billedProcessing, billedTraining, describeProcessing, describeTraining } from './bill.js';
import type { ControlActivities, ModelRef, RegisterRequest } from './contract.js';
import type { ControlDeps } from './deps.js';
import { clientToken } from './digest.js';
import { hopeless, notYet } from './heartbeat.js';
import { describePackage } from './read.js';
import { below, headObject, writeObject } from './s3.js';
import { clientsFor, ownClients } from './stage-clients.js';

/** Says in a job's environment whose it is: names are checked by it, as anybody may have taken ours. */
const MARK = 'MODELKEEPER_RELEASE';
/** How long a job may take to stop before nobody waits for it any longer. SageMaker grants two minutes. */
const STOP_PATIENCE_MS = 1_800_000;
/** AWS's limit of a value of `CustomerMetadataProperties`. */
const METADATA_LENGTH = 256;

/** What the jobs hand over, by the names of their files. */
export const RESULT_FILES = {
  predictions: 'predictions.parquet',
  trainingRows: 'training-rows.parquet',
  baseline: 'baseline.parquet',
  metrics: 'evaluation.json',
} as const;

type TrainingActivities = Pick<
  ControlActivities,
  | 'startTrainingJob'
  | 'awaitTrainingJob'
  | 'startEvaluationJob'
  | 'awaitEvaluationJob'
  | 'stopJobs'
  | 'registerCandidate'
>;

export function createTrainingActivities(
  deps: ControlDeps,
  readCandidate: (request: ModelRef & { readonly packageArn: string }) => Promise<Candidate>,
): TrainingActivities {
  const clients = clientsFor(deps, 'train');
  const pollMs = (ref: ModelRef): number => pollEveryMs(ref.policy.spec.monitor.every);

  return {
    /**
     * Idempotent by its name, which is the release's of this round and try: a job that is there is ours when its
     * environment says so.
     */
    async startTrainingJob(request) {
      const { sagemaker } = clients(request);
      const { name } = request;
      const answer = await aws(
        may('sagemaker:CreateTrainingJob', `training-job/${name}`),
        (options) => sagemaker.send(new CreateTrainingJobCommand(trainingJobOf(request)), options),
        takenOrRefused,
      );
      if (typeof answer === 'object' && 'refused' in answer)
        return { jobName: name, adopted: false, refused: answer.refused };
      if (answer !== 'taken') return { jobName: name, adopted: false };
      const found = await describeTraining(sagemaker, name);
      if (found !== 'absent') checkOurs('training', name, found.Environment, request);
      return { jobName: name, adopted: true };
    },

    /** Reads only: one look per attempt. */
    async awaitTrainingJob(request) {
      const { sagemaker, s3 } = clients(request);
      const job = await describeTraining(sagemaker, request.jobName);
      if (job === 'absent') throw gone('training', request.jobName);
      const status = job.TrainingJobStatus ?? 'unknown';
      if (!['Completed', 'Failed', 'Stopped'].includes(status))
        throw notYet(FailureType.StillRunning, trainingSentence(job, deps.now()), pollMs(request));
      const bill: Bill = { jobs: billedTraining('training', job), unread: null };
      const modelDataUrl = job.ModelArtifacts?.S3ModelArtifacts;
      const hasModel =
        status !== 'Failed' &&
        modelDataUrl !== undefined &&
        (await headObject(s3, modelDataUrl)) !== undefined;
      const outOfTime = ['MaxRuntimeExceeded', 'MaxWaitTimeExceeded'].includes(
        job.SecondaryStatus ?? '',
      );
      if (hasModel && (status === 'Completed' || outOfTime)) {
        return {
          kind: 'trained',
          modelDataUrl,
          metrics: Object.fromEntries(
            (job.FinalMetricDataList ?? []).flatMap(({ MetricName, Value }) =>
              MetricName === undefined || Value === undefined || !Number.isFinite(Value)
                ? []
                : [[MetricName, Value]],
            ),
          ),
          packageArn: job.OutputModelPackageArn ?? null,
          jobArn: job.TrainingJobArn ?? '',
          bill,
          ...(outOfTime
            ? {
                note: `the training job ran out of time (${job.SecondaryStatus ?? ''}): what it had saved by then is the candidate`,
              }
            : {}),
        };
      }
      return { kind: 'failed', bill, ...trainingFailure(job, status) };
    },

    /** Idempotent as {@link TrainingActivities.startTrainingJob}. */
    async startEvaluationJob(request) {
      const { sagemaker } = clients(request);
      const { name } = request;
      const { evaluationJob: job } = request.policy.spec.retrain;
      const training = trainingJobIn(request.policy.spec);
      if (job === undefined)
        throw hopeless(FailureType.PolicyUnfit, 'the policy names no retrain.evaluationJob');
      const values = tokenValues(request);
      const input = (InputName: string, S3Uri: string): ProcessingInput => ({
        InputName,
        S3Input: {
          S3Uri,
          LocalPath: `/opt/ml/processing/${InputName}`,
          S3DataType: 'S3Prefix',
          S3InputMode: 'File',
        },
      });
      const championData = request.champion?.modelDataUrl ?? null;
      const answer = await aws(
        may('sagemaker:CreateProcessingJob', `processing-job/${name}`),
        (options) =>
          sagemaker.send(
            new CreateProcessingJobCommand({
              ProcessingJobName: name,
              RoleArn: job.role ?? training.role,
              AppSpecification: {
                ImageUri: job.image ?? training.image,
                ...(job.entrypoint === undefined ? {} : { ContainerEntrypoint: job.entrypoint }),
                ...(job.arguments === undefined ? {} : { ContainerArguments: job.arguments }),
              },
              ProcessingResources: {
                ClusterConfig: {
                  InstanceType: job.instanceType as ProcessingInstanceType,
                  InstanceCount: job.instanceCount,
                  VolumeSizeInGB: job.volumeGb,
                },
              },
              StoppingCondition: { MaxRuntimeInSeconds: secondsOf(job.maxRuntime) },
              ProcessingInputs: [
                input('candidate', request.modelDataUrl),
                ...(championData === null ? [] : [input('champion', championData)]),
                ...Object.entries(job.inputs).map(([channel, uri]) => input(channel, uri)),
              ],
              ProcessingOutputConfig: {
                Outputs: [
                  {
                    OutputName: 'results',
                    S3Output: {
                      S3Uri: resultsOf(request),
                      LocalPath: '/opt/ml/processing/output',
                      S3UploadMode: 'EndOfJob',
                    },
                  },
                ],
              },
              Environment: { ...withTokens(job.environment, values), [MARK]: markOf(request) },
              ...(training.subnets === undefined || training.securityGroups === undefined
                ? {}
                : {
                    NetworkConfig: {
                      VpcConfig: {
                        Subnets: training.subnets,
                        SecurityGroupIds: training.securityGroups,
                      },
                    },
                  }),
              Tags: tagsOf(request),
            }),
            options,
          ),
        takenOrRefused,
      );
      if (typeof answer === 'object' && 'refused' in answer)
        return { jobName: name, adopted: false, refused: answer.refused };
      if (answer !== 'taken') return { jobName: name, adopted: false };
      const found = await describeProcessing(sagemaker, name);
      if (found !== 'absent') checkOurs('processing', name, found.Environment, request);
      return { jobName: name, adopted: true };
    },

    /** Reads only: one look per attempt. */
    async awaitEvaluationJob(request) {
      const job = await describeProcessing(clients(request).sagemaker, request.jobName);
      if (job === 'absent') throw gone('processing', request.jobName);
      const status = job.ProcessingJobStatus ?? 'unknown';
      if (!['Completed', 'Failed', 'Stopped'].includes(status)) {
        const since = job.ProcessingStartTime ?? job.CreationTime;
        throw notYet(
          FailureType.StillRunning,
          `The evaluation job ${request.jobName} is ${status}${since === undefined ? '' : `, ${inWords(deps.now() - since.getTime())}`}`,
          pollMs(request),
        );
      }
      const bill: Bill = { jobs: billedProcessing('evaluation', job), unread: null };
      if (status === 'Completed') return { kind: 'evaluated', bill };
      const reason = job.FailureReason ?? job.ExitMessage ?? 'SageMaker gave no reason';
      return status === 'Stopped'
        ? { kind: 'failed', class: 'stopped', reason: 'the evaluation job was stopped', bill }
        : { kind: 'failed', class: failureClass(reason), reason: `evaluation: ${reason}`, bill };
    },

    /** A job at rest is left alone, and one that stops is not asked again: twice is once. */
    async stopJobs(request) {
      const { sagemaker } = clients(request);
      const states = [
        ...(await Promise.all(
          request.trainingJobs.map((name) => stoppedTraining(sagemaker, name)),
        )),
        ...(await Promise.all(
          request.evaluationJobs.map((name) => stoppedProcessing(sagemaker, name)),
        )),
      ];
      const moving = states.flatMap((state) => (state.kind === 'stopping' ? [state.name] : []));
      if (moving.length === 0) {
        return {
          kind: 'at rest',
          bill: added(states.flatMap((state) => (state.kind === 'at rest' ? [state.bill] : []))),
        };
      }
      const waited = deps.now() - request.sinceMs;
      if (waited >= STOP_PATIENCE_MS)
        return {
          kind: 'given up',
          reason: `${moving.join(' and ')} was asked to stop ${inWords(waited)} ago and has not stopped; nobody waits for it any longer, and until it ends it costs`,
        };
      throw notYet(
        FailureType.StillRunning,
        `${moving.join(' and ')} was asked to stop; SageMaker gives a container two minutes`,
        pollMs(request),
      );
    },

    /**
     * Idempotent: the token of the registration is made of group and name; files and metadata are written as the same
     * values again.
     */
    async registerCandidate(request) {
      const { sagemaker, s3 } = clients(request);
      const { spec } = request.policy;
      const results = resultsOf(request);
      const found = await Promise.all(
        Object.entries(RESULT_FILES).map(async ([what, file]) => {
          const uri = below(results, file);
          return [what, (await headObject(s3, uri)) === undefined ? null : uri] as const;
        }),
      );
      const { predictions, trainingRows, baseline, metrics } = Object.fromEntries(found);
      if (predictions == null) {
        throw hopeless(
          FailureType.BadData,
          `${RESULT_FILES.predictions} is not below ${results}: let retrain.evaluationJob write it to /opt/ml/processing/output, or the training job to the address of the token 'results'`,
        );
      }
      const metadata: Record<string, string> = {
        [spec.evaluate.predictions]: predictions,
        ...(await furtherPredictions(s3, spec, results)),
        ...(trainingRows == null ? {} : { [spec.evaluate.trainingRows]: trainingRows }),
        ...(baseline == null ? {} : { 'modelkeeper:baseline': baseline }),
        'modelkeeper:trainFrom': new Date(request.data.train.fromMs).toISOString(),
        'modelkeeper:trainTo': new Date(request.data.train.toMs).toISOString(),
        'modelkeeper:champion': request.champion?.packageArn ?? 'none',
      };
      for (const [key, value] of Object.entries(metadata))
        if (value.length > METADATA_LENGTH)
          throw hopeless(
            FailureType.PolicyUnfit,
            `the address ${value} is too long for the registry (${key}, ${METADATA_LENGTH} characters): shorten spec.storage`,
          );
      const packageArn =
        request.packageArn === null
          ? await register(sagemaker, request, metadata, {
              ...(await metricsIn(ownClients(deps, request).s3, request, results, metrics ?? null)),
            })
          : await completed(sagemaker, request.packageArn, metadata);
      return readCandidate({ ...request, packageArn });
    },
  };
}

/** The files of further sets of predictions that are there, by the key of each. */
async function furtherPredictions(
  s3: S3Client,
  { evaluate }: PolicySpec,
  results: string,
): Promise<Record<string, string>> {
  const wanted = furtherOf(evaluate).filter(({ uri }) => uri === null);
  const found = await Promise.all(
    wanted.map(async ({ name, key }) => {
      const uri = below(results, datasetFile(name));
      return (await headObject(s3, uri)) === undefined ? [] : [[key, uri] as const];
    }),
  );
  return Object.fromEntries(found.flat());
}

const secondsOf = (duration: string): number => Math.ceil(durationMs(duration) / 1_000);
const markOf = (request: { readonly model: string; readonly release: number }): string =>
  `${request.model}/${request.release}`;
const tagsOf = (request: { readonly model: string; readonly release: number }) => [
  { Key: 'modelkeeper:model', Value: request.model },
  { Key: 'modelkeeper:release', Value: String(request.release) },
];
const resultsOf = (request: ModelRef & { readonly roundName: string }): string =>
  resultsAddress(request.policy.spec.storage, request.model, request.roundName);

function trainingJobIn(spec: PolicySpec): NonNullable<PolicySpec['retrain']['trainingJob']> {
  const { trainingJob } = spec.retrain;
  if (trainingJob === undefined)
    throw hopeless(FailureType.PolicyUnfit, 'the policy names no retrain.trainingJob');
  return trainingJob;
}

function tokenValues(
  request: ModelRef & {
    readonly release: number;
    readonly roundName: string;
    readonly champion: Champion | null;
    readonly data: DataWindows;
  },
): TokenValues {
  const { spec } = request.policy;
  return {
    data: request.data,
    champion: request.champion,
    name: request.roundName,
    release: request.release,
    model: request.model,
    endpoint: spec.endpoint.name,
    storage: spec.storage,
  };
}

function trainingJobOf(
  request: Parameters<ControlActivities['startTrainingJob']>[0],
): CreateTrainingJobRequest {
  const { spec } = request.policy;
  const job = trainingJobIn(spec);
  const values = tokenValues(request);
  const { spot } = job;
  return {
    TrainingJobName: request.name,
    RoleArn: job.role,
    AlgorithmSpecification: { TrainingImage: job.image, TrainingInputMode: job.inputMode },
    HyperParameters: withTokens(job.hyperParameters, values),
    Environment: { ...withTokens(job.environment, values), [MARK]: markOf(request) },
    ...(Object.keys(job.channels).length === 0
      ? {}
      : {
          InputDataConfig: Object.entries(job.channels).map(([ChannelName, S3Uri]) => ({
            ChannelName,
            DataSource: {
              S3DataSource: {
                S3DataType: 'S3Prefix' as const,
                S3DataDistributionType: 'FullyReplicated' as const,
                S3Uri,
              },
            },
          })),
        }),
    OutputDataConfig: {
      S3OutputPath: job.output ?? below(spec.storage, 'training', request.model),
    },
    ResourceConfig: {
      InstanceType: (request.instanceType ?? job.instanceType) as TrainingInstanceType,
      InstanceCount: job.instanceCount,
      VolumeSizeInGB: job.volumeGb,
    },
    StoppingCondition: {
      MaxRuntimeInSeconds: secondsOf(job.maxRuntime),
      ...(spot === undefined ? {} : { MaxWaitTimeInSeconds: secondsOf(spot.maxWait) }),
    },
    ...(spot === undefined
      ? {}
      : {
          EnableManagedSpotTraining: true,
          // One folder for all tries of a round: the next one goes on where the last was interrupted.
          CheckpointConfig: { S3Uri: below(spot.checkpoints, request.roundName) },
        }),
    ...(job.subnets === undefined || job.securityGroups === undefined
      ? {}
      : { VpcConfig: { Subnets: job.subnets, SecurityGroupIds: job.securityGroups } }),
    Tags: tagsOf(request),
  };
}

/** A name that is taken, and a quota, are answers: there may be another name, and another instance type. */
function takenOrRefused(error: AwsError): 'taken' | { readonly refused: string } | undefined {
  if (isAlreadyThere(error)) return 'taken';
  return error.name === 'ResourceLimitExceeded'
    ? { refused: `${error.name}: ${error.message}` }
    : undefined;
}

function checkOurs(
  kind: 'training' | 'processing',
  name: string,
  environment: Readonly<Record<string, string>> | undefined,
  request: { readonly model: string; readonly release: number },
): void {
  if (environment?.[MARK] === markOf(request)) return;
  throw hopeless(
    FailureType.NameTaken,
    `there is a ${kind} job ${name} that modelkeeper has not started: SageMaker gives a name once, so retrain again for the next number`,
  );
}

const gone = (kind: string, name: string) =>
  hopeless(FailureType.BadData, `the ${kind} job ${name} is not there (any more)`);

/** `The training job flights-7 is InProgress: Training (Training in progress), 4 min; interrupted once`. */
export function trainingSentence(job: DescribeTrainingJobResponse, nowMs: number): string {
  const transitions = job.SecondaryStatusTransitions ?? [];
  const last = transitions.at(-1);
  const interrupted = transitions.filter(({ Status }) => Status === 'Interrupted').length;
  const since =
    last?.StartTime === undefined ? '' : `, ${inWords(nowMs - last.StartTime.getTime())}`;
  const spot =
    interrupted === 0
      ? ''
      : `; interrupted ${interrupted === 1 ? 'once' : `${interrupted} times`} as spot capacity was taken back, it goes on from its checkpoints`;
  return `The training job ${job.TrainingJobName ?? ''} is ${job.TrainingJobStatus ?? 'unknown'}: ${job.SecondaryStatus ?? 'unknown'}${last?.StatusMessage === undefined ? '' : ` (${last.StatusMessage})`}${since}${spot}`;
}

function trainingFailure(
  job: DescribeTrainingJobResponse,
  status: string,
): { readonly class: FailureClass; readonly reason: string } {
  const secondary = job.SecondaryStatus ?? '';
  if (secondary === 'MaxWaitTimeExceeded' && job.TrainingStartTime === undefined)
    return {
      class: 'capacity',
      reason: 'there was no spot capacity within retrain.trainingJob.spot.maxWait',
    };
  if (secondary === 'MaxRuntimeExceeded' || secondary === 'MaxWaitTimeExceeded')
    return {
      class: 'timeout',
      reason: `the training job ran out of time (${secondary}) and had saved no model`,
    };
  if (status === 'Stopped') return { class: 'stopped', reason: 'the training job was stopped' };
  if (status === 'Completed')
    return {
      class: 'user code',
      reason: `the training job is Completed and left no model: write one to /opt/ml/model (${job.ModelArtifacts?.S3ModelArtifacts ?? 'no address'})`,
    };
  const reason = job.FailureReason ?? 'SageMaker gave no reason';
  return { class: failureClass(reason), reason };
}

type Stopped =
  | { readonly kind: 'at rest'; readonly bill: Bill }
  | { readonly kind: 'stopping'; readonly name: string };

const NO_BILL: Bill = { jobs: [], unread: null };

async function stoppedTraining(sagemaker: SageMakerClient, name: string): Promise<Stopped> {
  const job = await describeTraining(sagemaker, name);
  if (job === 'absent') return { kind: 'at rest', bill: NO_BILL };
  const status = job.TrainingJobStatus;
  if (status === 'InProgress')
    await aws(
      may('sagemaker:StopTrainingJob', `training-job/${name}`),
      (options) => sagemaker.send(new StopTrainingJobCommand({ TrainingJobName: name }), options),
      endedMeanwhile,
    );
  return status === 'InProgress' || status === 'Stopping'
    ? { kind: 'stopping', name }
    : { kind: 'at rest', bill: { jobs: billedTraining('training', job), unread: null } };
}

/** Asks for the stop; one that has ended meanwhile has nothing to stop. */
export async function stopProcessing(sagemaker: SageMakerClient, name: string): Promise<void> {
  await aws(
    may('sagemaker:StopProcessingJob', `processing-job/${name}`),
    (options) => sagemaker.send(new StopProcessingJobCommand({ ProcessingJobName: name }), options),
    endedMeanwhile,
  );
}

async function stoppedProcessing(sagemaker: SageMakerClient, name: string): Promise<Stopped> {
  const job = await describeProcessing(sagemaker, name);
  if (job === 'absent') return { kind: 'at rest', bill: NO_BILL };
  const status = job.ProcessingJobStatus;
  if (status === 'InProgress') await stopProcessing(sagemaker, name);
  return status === 'InProgress' || status === 'Stopping'
    ? { kind: 'stopping', name }
    : { kind: 'at rest', bill: { jobs: billedProcessing('evaluation', job), unread: null } };
}

/** A job that ended between the look and the call refuses to stop: the next look says how it ended. */
const endedMeanwhile = (error: AwsError): 'ended' | undefined =>
  error.name === 'ValidationException' && /\bstatus\b|already/i.test(error.message)
    ? 'ended'
    : undefined;

/** Where the metrics of the registry are: what the evaluation wrote, else what the training job said at its end. */
async function metricsIn(
  s3: Parameters<typeof writeObject>[0],
  request: RegisterRequest,
  results: string,
  evaluated: string | null,
): Promise<{ ModelMetrics?: ModelMetrics }> {
  let uri = evaluated;
  if (uri === null && Object.keys(request.metrics).length > 0) {
    uri = below(results, 'training-metrics.json');
    const metrics = Object.fromEntries(
      Object.entries(request.metrics).map(([name, value]) => [name, { value }]),
    );
    await writeObject(s3, uri, JSON.stringify({ training_metrics: metrics }, undefined, 1));
  }
  return uri === null
    ? {}
    : {
        ModelMetrics: {
          ModelQuality: { Statistics: { ContentType: 'application/json', S3Uri: uri } },
        },
      };
}

async function register(
  sagemaker: SageMakerClient,
  request: RegisterRequest,
  metadata: Readonly<Record<string, string>>,
  metrics: { readonly ModelMetrics?: ModelMetrics },
): Promise<string> {
  const { spec } = request.policy;
  const job = trainingJobIn(spec);
  const { group } = spec.registry;
  const baseline = metadata['modelkeeper:baseline'];
  const answer = await aws(
    may('sagemaker:CreateModelPackage', `model-package/${group}`),
    (options) =>
      sagemaker.send(
        new CreateModelPackageCommand({
          ModelPackageGroupName: group,
          ModelPackageDescription: `Made by ${request.jobArn} for release ${request.release} of ${request.model}.`,
          ModelApprovalStatus: 'PendingManualApproval',
          InferenceSpecification: {
            Containers: [
              { Image: job.servingImage ?? job.image, ModelDataUrl: request.modelDataUrl },
            ],
            SupportedContentTypes: job.contentTypes,
            SupportedResponseMIMETypes: job.contentTypes,
          },
          ...metrics,
          ...(baseline === undefined
            ? {}
            : {
                DriftCheckBaselines: {
                  ModelDataQuality: {
                    Statistics: {
                      ContentType: 'application/vnd.apache.parquet',
                      S3Uri: baseline,
                    },
                  },
                },
              }),
          MetadataProperties: { GeneratedBy: request.jobArn },
          CustomerMetadataProperties: { ...metadata },
          ClientToken: clientToken('CreateModelPackage', group, request.roundName, request.jobArn),
        }),
        options,
      ),
  );
  return answer.ModelPackageArn ?? '';
}

/** A package that the job registered does not know where the results are. */
async function completed(
  sagemaker: SageMakerClient,
  packageArn: string,
  metadata: Readonly<Record<string, string>>,
): Promise<string> {
  const found = await describePackage(sagemaker, packageArn);
  const known = found?.CustomerMetadataProperties ?? {};
  const missing = Object.fromEntries(
    Object.entries(metadata).filter(([key, value]) => known[key] !== value),
  );
  if (Object.keys(missing).length === 0) return packageArn;
  await aws(may('sagemaker:UpdateModelPackage', packageArn), (options) =>
    sagemaker.send(
      new UpdateModelPackageCommand({
        ModelPackageArn: packageArn,
        CustomerMetadataProperties: missing,
        ClientToken: clientToken('UpdateModelPackage', packageArn, JSON.stringify(missing)),
      }),
      options,
    ),
  );
  return packageArn;
}
