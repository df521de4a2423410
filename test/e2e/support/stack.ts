/**
 * The service part by part, as a platform engineer runs it: Temporal, the local AWS, worker, bridge and console; and
 * models of a company that retrain in seconds.
 */
import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';

import { PutObjectCommand } from '@aws-sdk/client-s3';
import {
  CreateEndpointCommand,
  CreateEndpointConfigCommand,
  CreateModelCommand,
  CreateModelPackageGroupCommand,
  CreatePipelineCommand,
  CreateTrainingJobCommand,
  DescribeTrainingJobCommand,
  MetricPublishFrequencyInSeconds,
  type AsyncInferenceConfig,
  type ProductionVariantServerlessConfig,
} from '@aws-sdk/client-sagemaker';
import { InvokeEndpointCommand } from '@aws-sdk/client-sagemaker-runtime';
import { stringify } from 'yaml';

import { connectModelkeeper } from '../../../client/index.js';
import type { ModelkeeperClient } from '../../../client/index.js';
import type { ReleaseStatus } from '../../../domain/status.js';
import type { PolicyInput } from '../../../domain/policy.schema.js';
import { packArchive } from '../../../sandbox/learner/archive.js';
import { learnerImage } from '../../../sandbox/learner/image.js';
import { flightsPipelineDefinition } from '../../../sandbox/learner/pipeline-definition.js';
import { companyAws, furnish } from '../../../sandbox/story/company.js';
import { Flights } from '../../../sandbox/story/flights.js';
import { findFreePort, startTemporal } from '../../../sandbox/temporal/server.js';
import type { TemporalServer } from '../../../sandbox/temporal/server.js';
import { awsAt, CREDENTIALS, REGION } from './aws.js';
import type { LocalAws } from './aws.js';
import { marked, run, start, temporalCli, until, untilTrue } from './processes.js';
import type { Ended, Running } from './processes.js';
import { consoleAt } from './story.js';
import type { Console } from './story.js';

const ACCOUNT = '111122223333';
const ROLE = `arn:aws:iam::${ACCOUNT}:role/company`;
const BUCKET = 'ml-artefacts';
/** An archive of anybody's: it is served with a fixed answer. */
const FIRST_MODEL = `s3://${BUCKET}/first/model.tar.gz`;
const HOUR_MS = 3_600_000;
const url = (port: number): string => `http://127.0.0.1:${String(port)}`;

/** A policy whose windows are minutes of the company's two hours of data, and whose rollouts do not wait. */
function policyOf(model: string, topic: string): PolicyInput {
  return {
    apiVersion: 'modelkeeper/v1',
    kind: 'ModelPolicy',
    metadata: { name: model },
    spec: {
      endpoint: { name: model, region: REGION },
      registry: { group: model },
      storage: `s3://${BUCKET}/modelkeeper/`,
      people: { 'ada@example.com': [`os:${userInfo().username}`] },
      monitor: { every: '2s', sources: [{ id: 'health', kind: 'alarms', alarms: 'managed' }] },
      retrain: {
        pipeline: `${model}-train`,
        parameters: {
          TrainFrom: 'window.start',
          TrainTo: 'window.end',
          HoldOutFrom: 'holdout.start',
          HoldOutTo: 'holdout.end',
          ChampionPackage: 'champion.package',
        },
        window: '5m',
        holdOut: '5m',
        dataDelay: '0s',
        on: [],
        cooldown: '10m',
        budget: { runs: 50, per: '1h' },
        timeout: '5m',
      },
      evaluate: {
        minRows: 1_000,
        gates: [{ id: 'better-than-a-coin', kind: 'absolute', metric: 'roc_auc', min: 0.5 }],
      },
      approve: {
        approvals: 1,
        approvers: ['ada@example.com'],
        requesterMayApprove: true,
        doors: ['local', 'console'],
        remind: [],
        expires: '15m',
      },
      deploy: {
        strategy: 'canary',
        canary: { percent: 50, bake: '2s' },
        finalBake: '0s',
        limits: { errorShare: 0.02, latencyP99Ms: 5_000, period: '10s' },
        timeout: '15m',
        probation: { for: '1s', rollBackOn: ['alarms'] },
      },
      notify: { topic },
    },
  };
}

/** The first model, and how its endpoint is hosted where it is not on instances that answer at once. */
interface Hosted {
  readonly firstModel?: string;
  readonly serverless?: ProductionVariantServerlessConfig;
  readonly asynchronous?: AsyncInferenceConfig;
}

export class Stack {
  readonly mark = randomUUID();
  private readonly parts = new Map<string, Running>();
  private temporal: TemporalServer | undefined;
  private topicArn = '';
  private image: string = learnerImage(ACCOUNT, REGION);

  private constructor(
    private readonly folder: string,
    private readonly temporalPort: number,
    readonly aws: LocalAws,
    readonly console: Console,
  ) {}

  static async boot(folder: string): Promise<Stack> {
    const [temporalPort, awsPort, consolePort] = [
      await findFreePort(),
      await findFreePort(),
      await findFreePort(),
    ];
    const stack = new Stack(folder, temporalPort, awsAt(url(awsPort)), consoleAt(url(consolePort)));
    stack.part('aws', [
      'sandbox',
      '--home',
      join(folder, 'aws'),
      '--port',
      String(awsPort),
      '--speed',
      '600',
    ]);
    await stack.startTemporal();
    await untilTrue('the local AWS answers', 60_000, async () =>
      Array.isArray(await stack.aws.calls()),
    );
    const flights = new Flights(join(folder, 'data'));
    const [company] = await Promise.all([
      furnish(companyAws(url(awsPort), CREDENTIALS)),
      flights.prepare(),
    ]);
    stack.topicArn = company.topicArn;
    const env = {
      MODELKEEPER_EVENTS_QUEUE_URL: company.queueUrl,
      MODELKEEPER_BRIDGE_MIN_INTERVAL: '2s',
    };
    stack.part('worker', ['worker']);
    stack.part('bridge', ['bridge', '--port', '0'], env);
    stack.part('console', ['console', '--port', String(consolePort)]);
    const nowMs = Date.now();
    const rows = await flights.spread('winter', nowMs - HOUR_MS, nowMs + HOUR_MS);
    await stack.put('flights/winter.parquet', readFileSync(rows));
    // An archive of anybody's: it is served with a fixed answer.
    await stack.put(
      'first/model.tar.gz',
      await packArchive({ 'weights.txt': 'of another framework' }),
    );
    await untilTrue('the console answers', 60_000, () => stack.console.answers());
    return stack;
  }

  get environment(): Record<string, string> {
    return {
      TEMPORAL_ADDRESS: `127.0.0.1:${String(this.temporalPort)}`,
      AWS_ENDPOINT_URL: this.aws.url,
      AWS_REGION: REGION,
      AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
      AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
      MODELKEEPER_CONSOLE_URL: this.console.url,
      MODELKEEPER_SCRATCH: join(this.folder, 'scratch'),
    };
  }

  private part(name: string, args: readonly string[], env: Record<string, string> = {}): void {
    this.parts.set(name, start(args, { mark: this.mark, env: { ...this.environment, ...env } }));
  }

  private async startTemporal(): Promise<void> {
    this.temporal = await startTemporal({
      cli: temporalCli(),
      dbFile: join(this.folder, 'temporal.db'),
      port: this.temporalPort,
      logFile: join(this.folder, 'temporal.log'),
    });
  }

  put(Key: string, Body: Buffer): Promise<unknown> {
    return this.aws.s3.send(new PutObjectCommand({ Bucket: BUCKET, Key, Body }));
  }

  /** Temporal comes back with nothing of what it knew. */
  async loseTemporal(): Promise<void> {
    await this.temporal?.stop();
    for (const end of ['', '-shm', '-wal'])
      rmSync(join(this.folder, `temporal.db${end}`), { force: true });
    await this.startTemporal();
  }

  async restartWorker(): Promise<void> {
    const worker = this.parts.get('worker');
    worker?.signal('SIGTERM');
    await worker?.ended;
    this.part('worker', ['worker']);
  }

  /** Kills the worker and its data worker with SIGKILL, and starts it again. */
  async killWorker(): Promise<void> {
    const worker = this.parts.get('worker');
    for (const { pid, command } of marked(this.mark))
      if (/ worker( --queue data)?$/.test(command)) process.kill(pid, 'SIGKILL');
    await worker?.ended;
    this.part('worker', ['worker']);
  }

  /** A pipeline, a group and an endpoint with a first model for it; and its policy as a file. */
  async company(
    model: string,
    change: (policy: PolicyInput) => void = () => undefined,
    { firstModel = FIRST_MODEL, serverless, asynchronous }: Hosted = {},
  ): Promise<string> {
    const { sagemaker } = this.aws;
    await sagemaker.send(new CreateModelPackageGroupCommand({ ModelPackageGroupName: model }));
    await sagemaker.send(
      new CreatePipelineCommand({
        PipelineName: `${model}-train`,
        ClientRequestToken: `${model}-pipeline-${randomUUID()}`,
        RoleArn: ROLE,
        PipelineDefinition: flightsPipelineDefinition({
          role: ROLE,
          bucket: BUCKET,
          group: model,
          image: this.image,
          data: `s3://${BUCKET}/flights`,
          epochs: 1,
        }),
      }),
    );
    await sagemaker.send(
      new CreateModelCommand({
        ModelName: `${model}-first`,
        ExecutionRoleArn: ROLE,
        Containers: [{ Image: this.image, ModelDataUrl: firstModel }],
      }),
    );
    await sagemaker.send(
      new CreateEndpointConfigCommand({
        EndpointConfigName: `${model}-first`,
        ProductionVariants: [
          {
            VariantName: 'AllTraffic',
            ModelName: `${model}-first`,
            ...(serverless === undefined
              ? { InstanceType: 'ml.m5.large', InitialInstanceCount: 2 }
              : { ServerlessConfig: serverless }),
          },
        ],
        ...(asynchronous && { AsyncInferenceConfig: asynchronous }),
        MetricsConfig: {
          MetricPublishFrequencyInSeconds: MetricPublishFrequencyInSeconds.FREQ_10_S,
        },
      }),
    );
    await this.createEndpoint(model);
    return this.policyFile(model, change);
  }

  /** Writes the policy of a company anew. */
  policyFile(model: string, change: (policy: PolicyInput) => void): string {
    const policy = policyOf(model, this.topicArn);
    change(policy);
    const file = join(this.folder, `${model}.policy.yaml`);
    mkdirSync(this.folder, { recursive: true });
    writeFileSync(file, stringify(policy));
    return file;
  }

  /** Trains a first model by hand; answers its artefact. */
  async trainByHand(TrainingJobName: string): Promise<string> {
    const { sagemaker } = this.aws;
    const nowMs = Date.now();
    await sagemaker.send(
      new CreateTrainingJobCommand({
        TrainingJobName,
        RoleArn: ROLE,
        AlgorithmSpecification: { TrainingImage: this.image, TrainingInputMode: 'File' },
        HyperParameters: {
          from: new Date(nowMs - HOUR_MS).toISOString(),
          to: new Date(nowMs).toISOString(),
          epochs: '1',
        },
        InputDataConfig: [
          {
            ChannelName: 'train',
            DataSource: {
              S3DataSource: {
                S3DataType: 'S3Prefix',
                S3Uri: `s3://${BUCKET}/flights/`,
              },
            },
          },
        ],
        OutputDataConfig: { S3OutputPath: `s3://${BUCKET}/by-hand/` },
        ResourceConfig: { InstanceType: 'ml.m5.large', InstanceCount: 1, VolumeSizeInGB: 10 },
        StoppingCondition: { MaxRuntimeInSeconds: 600 },
      }),
    );
    return until(`${TrainingJobName} is trained`, 60_000, async () => {
      const job = await sagemaker.send(new DescribeTrainingJobCommand({ TrainingJobName }));
      if (job.TrainingJobStatus === 'Failed') throw new Error(job.FailureReason);
      return job.TrainingJobStatus === 'Completed'
        ? job.ModelArtifacts?.S3ModelArtifacts
        : undefined;
    });
  }

  /**
   * In place of the pipeline: a training job on spot capacity, and one that scores what it made, on further sets of rows too.
   */
  jobs(
    model: string,
    sets: Readonly<Record<string, string>> = {},
  ): Pick<PolicyInput['spec']['retrain'], 'trainingJob' | 'evaluationJob'> {
    return {
      trainingJob: {
        image: this.image,
        role: ROLE,
        instanceType: 'ml.m5.xlarge',
        maxRuntime: '2m',
        hyperParameters: {
          from: 'window.start',
          to: 'window.end',
          results: 'results',
          epochs: '1',
        },
        channels: { train: `s3://${BUCKET}/flights/` },
        spot: { maxWait: '3m', checkpoints: `s3://${BUCKET}/checkpoints/${model}/` },
      },
      evaluationJob: {
        instanceType: 'ml.m5.large',
        maxRuntime: '2m',
        environment: { from: 'holdout.start', to: 'holdout.end' },
        inputs: { data: `s3://${BUCKET}/flights/`, ...sets },
      },
    };
  }

  async createEndpoint(model: string): Promise<void> {
    await this.aws.sagemaker.send(
      new CreateEndpointCommand({ EndpointName: model, EndpointConfigName: `${model}-first` }),
    );
    await untilTrue('the endpoint serves', 60_000, async () => {
      return (await this.aws.endpoint(model)).EndpointStatus === 'InService';
    });
  }

  invoke(model: string): Promise<unknown> {
    return this.aws.runtime.send(
      new InvokeEndpointCommand({
        EndpointName: model,
        ContentType: 'text/csv',
        Body: 'LAX,SFO,337,9,1',
      }),
    );
  }

  /** Runs a command of the product. */
  command(...args: readonly string[]): Promise<Ended> {
    return run(args, { env: this.environment });
  }

  async apply(file: string): Promise<void> {
    const { code, output } = await this.command('apply', file, '--local');
    if (code !== 0) throw new Error(`apply: ${output}`);
  }

  /** Asks for a release; answers its number. */
  async retrain(model: string): Promise<number> {
    const asked = await this.command(
      'retrain',
      model,
      '--local',
      '--force',
      '--reason',
      'a test',
      '--json',
    );
    if (asked.code !== 0) throw new Error(`retrain: ${asked.output}`);
    return (JSON.parse(asked.output) as { release: number }).release;
  }

  reached(
    model: string,
    release: number,
    what: string,
    holds: (status: ReleaseStatus) => boolean,
    withinMs = 120_000,
  ): Promise<ReleaseStatus> {
    let last: ReleaseStatus | undefined;
    return until(`release ${String(release)} of ${model}: ${what}`, withinMs, async () => {
      last = (await this.console.release(release, model)) ?? last;
      return last !== undefined && holds(last) ? last : undefined;
    }).catch((error: unknown) => {
      throw new Error(`${String(error)}; last: ${JSON.stringify(last).slice(0, 3_000)}`);
    });
  }

  ended(model: string, release: number): Promise<ReleaseStatus> {
    return this.reached(model, release, 'has ended', ({ result }) => result !== null, 180_000);
  }

  async approve(model: string, release: number): Promise<void> {
    await this.reached(model, release, 'people are asked', ({ request, result }) => {
      if (result !== null) throw new Error(JSON.stringify(result));
      return request !== null;
    });
    const { code, output } = await this.command(
      'approve',
      model,
      '--release',
      String(release),
      '--yes',
      '--local',
      '--reason',
      'a test',
    );
    if (code !== 0) throw new Error(`approve: ${output}`);
  }

  /** What fails now, in the words the console shows. */
  failing(model: string, release?: number): Promise<string> {
    return this.console
      .pending(model, release)
      .then((pending) =>
        pending
          .flatMap(({ benign, lastFailure }) => (benign ? [] : (lastFailure ?? [])))
          .join('\n'),
      );
  }

  client(): Promise<ModelkeeperClient> {
    return connectModelkeeper({ address: this.environment['TEMPORAL_ADDRESS'] ?? '' });
  }

  outputOf(part: string): string {
    return this.parts.get(part)?.output() ?? '';
  }

  /** Ends everything, those who use the servers first. */
  async close(): Promise<void> {
    for (const name of ['console', 'bridge', 'worker', 'aws']) {
      const part = this.parts.get(name);
      part?.signal('SIGTERM');
      const timer = setTimeout(() => part?.signal('SIGKILL'), 30_000);
      await part?.ended;
      clearTimeout(timer);
    }
    await this.temporal?.stop();
    for (const { pid } of marked(this.mark)) process.kill(pid, 'SIGKILL');
  }
}
