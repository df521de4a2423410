/** What the company had before it met modelkeeper: data, a pipeline, a registry, an endpoint with its first model. */
import { readFileSync } from 'node:fs';

import { CloudWatchClient } from '@aws-sdk/client-cloudwatch';
import { EventBridgeClient, PutRuleCommand, PutTargetsCommand } from '@aws-sdk/client-eventbridge';
import {
  CreateBucketCommand,
  HeadObjectCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import {
  AddTagsCommand,
  CreateEndpointCommand,
  CreateEndpointConfigCommand,
  CreateModelCommand,
  CreateModelPackageGroupCommand,
  CreatePipelineCommand,
  DescribeEndpointCommand,
  DescribePipelineExecutionCommand,
  ListPipelineExecutionStepsCommand,
  MetricPublishFrequencyInSeconds,
  SageMakerClient,
  StartPipelineExecutionCommand,
  UpdateModelPackageCommand,
} from '@aws-sdk/client-sagemaker';
import { CreateTopicCommand, SNSClient } from '@aws-sdk/client-sns';
import {
  CreateQueueCommand,
  GetQueueAttributesCommand,
  SetQueueAttributesCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';

import { learnerImage } from '../learner/image.js';
import { flightsPipelineDefinition } from '../learner/pipeline-definition.js';
import type { Flights } from './flights.js';

export const MODEL = 'flight-delays';
export const BUCKET = 'ml-artefacts';
export const REGION = 'us-east-1';
export const ACCOUNT = '111122223333';
const ROLE = `arn:aws:iam::${ACCOUNT}:role/flight-delays`;
export const PIPELINE = 'flight-delays-train';
export const DATA_PREFIX = 'flights';
export const LABELS_PREFIX = 'labels/flight-delays';
const FIRST = 'flight-delays-winter';
/** How long before week 0 the winter rows lie, and how much of them is held out. */
const WINTER_MS = 60_000;
const HELD_OUT_MS = 15_000;

export interface Aws {
  readonly s3: S3Client;
  readonly sagemaker: SageMakerClient;
  readonly cloudwatch: CloudWatchClient;
  readonly sns: SNSClient;
  readonly sqs: SQSClient;
  readonly events: EventBridgeClient;
}

export function companyAws(
  endpoint: string,
  credentials: { accessKeyId: string; secretAccessKey: string },
): Aws {
  const common = { endpoint, region: REGION, credentials };
  return {
    s3: new S3Client({ ...common, forcePathStyle: true }),
    sagemaker: new SageMakerClient(common),
    cloudwatch: new CloudWatchClient(common),
    sns: new SNSClient(common),
    sqs: new SQSClient(common),
    events: new EventBridgeClient(common),
  };
}

/** Runs a creation that may have been done by an earlier start of the story. */
async function once<T>(create: () => Promise<T>): Promise<T | undefined> {
  try {
    return await create();
  } catch (error) {
    const message = error instanceof Error ? `${error.name} ${error.message}` : String(error);
    if (/already exist|AlreadyOwned|must be unique/i.test(message)) return undefined;
    throw error;
  }
}

export interface Company {
  readonly queueUrl: string;
  readonly topicArn: string;
}

/** Bucket, topic, queue, rules and pipeline; each only if it is not there yet. */
export async function furnish(aws: Aws): Promise<Company> {
  await once(() => aws.s3.send(new CreateBucketCommand({ Bucket: BUCKET })));
  await aws.s3.send(
    new PutBucketVersioningCommand({
      Bucket: BUCKET,
      VersioningConfiguration: { Status: 'Enabled' },
    }),
  );
  const topic = await aws.sns.send(new CreateTopicCommand({ Name: 'ml-alerts' }));
  const queueUrl = await eventsQueue(aws);
  await once(() =>
    aws.sagemaker.send(new CreateModelPackageGroupCommand({ ModelPackageGroupName: MODEL })),
  );
  await once(() =>
    aws.sagemaker.send(
      new CreatePipelineCommand({
        PipelineName: PIPELINE,
        ClientRequestToken: 'flight-delays-train-pipeline-0000001',
        RoleArn: ROLE,
        PipelineDefinition: flightsPipelineDefinition({
          role: ROLE,
          bucket: BUCKET,
          group: MODEL,
          image: learnerImage(ACCOUNT, REGION),
          data: `s3://${BUCKET}/${DATA_PREFIX}`,
        }),
      }),
    ),
  );
  return { queueUrl, topicArn: topic.TopicArn ?? '' };
}

async function eventsQueue(aws: Aws): Promise<string> {
  const dead = await aws.sqs.send(new CreateQueueCommand({ QueueName: 'modelkeeper-events-dead' }));
  const deadArn = await queueArn(aws, dead.QueueUrl ?? '');
  const queue = await aws.sqs.send(
    new CreateQueueCommand({
      QueueName: 'modelkeeper-events',
      Attributes: {
        VisibilityTimeout: '60',
        RedrivePolicy: JSON.stringify({ deadLetterTargetArn: deadArn, maxReceiveCount: 5 }),
      },
    }),
  );
  const queueUrl = queue.QueueUrl ?? '';
  const arn = await queueArn(aws, queueUrl);
  await takeEventsOfOurRules(aws, [queueUrl, dead.QueueUrl ?? '']);
  for (const [name, source] of [
    ['modelkeeper-sagemaker', 'aws.sagemaker'],
    ['modelkeeper-alarms', 'aws.cloudwatch'],
  ] as const) {
    await aws.events.send(
      new PutRuleCommand({ Name: name, EventPattern: JSON.stringify({ source: [source] }) }),
    );
    await aws.events.send(
      new PutTargetsCommand({
        Rule: name,
        Targets: [{ Id: 'queue', Arn: arn, DeadLetterConfig: { Arn: deadArn } }],
      }),
    );
  }
  return queueUrl;
}

/** EventBridge may send nothing to a queue that does not say so; the same policy as in infra/events.yaml. */
async function takeEventsOfOurRules(aws: Aws, queueUrls: readonly string[]): Promise<void> {
  const rules = `arn:aws:events:${REGION}:${ACCOUNT}:rule/modelkeeper-*`;
  for (const QueueUrl of queueUrls) {
    const Policy = JSON.stringify({
      Version: '2012-10-17',
      Statement: [
        {
          Effect: 'Allow',
          Principal: { Service: 'events.amazonaws.com' },
          Action: 'sqs:SendMessage',
          Resource: await queueArn(aws, QueueUrl),
          Condition: {
            ArnLike: { 'aws:SourceArn': rules },
            StringEquals: { 'aws:SourceAccount': ACCOUNT },
          },
        },
      ],
    });
    await aws.sqs.send(new SetQueueAttributesCommand({ QueueUrl, Attributes: { Policy } }));
  }
}

async function queueArn(aws: Aws, QueueUrl: string): Promise<string> {
  const { Attributes } = await aws.sqs.send(
    new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['QueueArn'] }),
  );
  return Attributes?.['QueueArn'] ?? '';
}

/** Waits so many milliseconds; rejects when the story is asked to stop. */
type Pause = (ms: number) => Promise<void>;

async function until<T>(
  read: () => Promise<T | undefined>,
  what: string,
  pause: Pause,
  withinMs = 120_000,
): Promise<T> {
  const untilMs = Date.now() + withinMs;
  for (;;) {
    const value = await read();
    if (value !== undefined) return value;
    if (Date.now() > untilMs)
      throw new Error(`${what} took longer than ${String(withinMs / 1_000)} s`);
    await pause(500);
  }
}

async function exists(aws: Aws, key: string): Promise<boolean> {
  try {
    await aws.s3.send(new HeadObjectCommand({ Bucket: BUCKET, Key: key }));
    return true;
  } catch {
    return false;
  }
}

/**
 * Trains the first champion on winter flights of western airports by the company's own pipeline, approves it and
 * brings it into service, unless the endpoint is there. An endpoint that is being updated is not waited for.
 *
 * @param weekZeroAtMs winter ends here
 */
export async function bringUpFirstModel(
  aws: Aws,
  flights: Flights,
  weekZeroAtMs: number,
  tell: (line: string) => void,
  pause: Pause,
): Promise<void> {
  const found = await endpointStatus(aws);
  if (found === undefined) {
    const key = `${DATA_PREFIX}/winter.parquet`;
    if (!(await exists(aws, key))) {
      const file = await flights.spread('winter', weekZeroAtMs - WINTER_MS, weekZeroAtMs);
      await aws.s3.send(
        new PutObjectCommand({ Bucket: BUCKET, Key: key, Body: readFileSync(file) }),
      );
    }
    const packageArn = await trainFirst(aws, weekZeroAtMs, tell, pause);
    await serveFirst(aws, packageArn);
  }
  if (found !== undefined && found !== 'Creating') {
    tell(`the endpoint ${MODEL} is there: ${found}`);
    return;
  }
  await until(
    async () => ((await endpointStatus(aws)) === 'Creating' ? undefined : true),
    'the first deployment',
    pause,
  );
  tell(`the endpoint ${MODEL} serves western airports`);
}

async function endpointStatus(aws: Aws): Promise<string | undefined> {
  try {
    const { EndpointStatus } = await aws.sagemaker.send(
      new DescribeEndpointCommand({ EndpointName: MODEL }),
    );
    return EndpointStatus;
  } catch (error) {
    if (error instanceof Error && /Could not find endpoint/.test(error.message)) return undefined;
    throw error;
  }
}

async function trainFirst(
  aws: Aws,
  weekZeroAtMs: number,
  tell: (line: string) => void,
  pause: Pause,
): Promise<string> {
  const splitMs = weekZeroAtMs - HELD_OUT_MS;
  const iso = (atMs: number): string => new Date(atMs).toISOString();
  const started = await aws.sagemaker.send(
    new StartPipelineExecutionCommand({
      PipelineName: PIPELINE,
      ClientRequestToken: `first-model-of-flight-delays-${String(weekZeroAtMs)}`,
      PipelineExecutionDisplayName: 'first-model',
      PipelineParameters: [
        { Name: 'TrainFrom', Value: iso(weekZeroAtMs - WINTER_MS) },
        { Name: 'TrainTo', Value: iso(splitMs) },
        { Name: 'HoldOutFrom', Value: iso(splitMs) },
        { Name: 'HoldOutTo', Value: iso(weekZeroAtMs) },
        { Name: 'ChampionPackage', Value: 'none' },
      ],
    }),
  );
  const PipelineExecutionArn = started.PipelineExecutionArn ?? '';
  tell('training the first model on winter flights of western airports');
  await until(
    async () => {
      const { PipelineExecutionStatus, FailureReason } = await aws.sagemaker.send(
        new DescribePipelineExecutionCommand({ PipelineExecutionArn }),
      );
      if (PipelineExecutionStatus === 'Failed' || PipelineExecutionStatus === 'Stopped') {
        throw new Error(
          `the first model could not be trained: ${FailureReason ?? PipelineExecutionStatus}`,
        );
      }
      return PipelineExecutionStatus === 'Succeeded' ? true : undefined;
    },
    'the first training',
    pause,
  );
  const { PipelineExecutionSteps } = await aws.sagemaker.send(
    new ListPipelineExecutionStepsCommand({ PipelineExecutionArn }),
  );
  const packageArn = PipelineExecutionSteps?.map((step) => step.Metadata?.RegisterModel?.Arn).find(
    Boolean,
  );
  if (packageArn === undefined) throw new Error('the first training registered no model');
  return packageArn;
}

async function serveFirst(aws: Aws, packageArn: string): Promise<void> {
  await aws.sagemaker.send(
    new UpdateModelPackageCommand({
      ModelPackageArn: packageArn,
      ModelApprovalStatus: 'Approved',
      ApprovalDescription: 'First model, approved by hand.',
    }),
  );
  await once(() =>
    aws.sagemaker.send(
      new CreateModelCommand({
        ModelName: FIRST,
        ExecutionRoleArn: ROLE,
        Containers: [{ ModelPackageName: packageArn }],
      }),
    ),
  );
  await once(() =>
    aws.sagemaker.send(
      new CreateEndpointConfigCommand({
        EndpointConfigName: FIRST,
        ProductionVariants: [
          {
            VariantName: 'AllTraffic',
            ModelName: FIRST,
            InstanceType: 'ml.m5.large',
            InitialInstanceCount: 2,
            InitialVariantWeight: 1,
          },
        ],
        DataCaptureConfig: {
          EnableCapture: true,
          InitialSamplingPercentage: 100,
          DestinationS3Uri: `s3://${BUCKET}/capture`,
          CaptureOptions: [{ CaptureMode: 'Input' }, { CaptureMode: 'Output' }],
          CaptureContentTypeHeader: {
            CsvContentTypes: ['text/csv'],
            JsonContentTypes: ['application/json'],
          },
        },
        MetricsConfig: {
          MetricPublishFrequencyInSeconds: MetricPublishFrequencyInSeconds.FREQ_10_S,
        },
      }),
    ),
  );
  const created = await once(() =>
    aws.sagemaker.send(
      new CreateEndpointCommand({ EndpointName: MODEL, EndpointConfigName: FIRST }),
    ),
  );
  if (created?.EndpointArn !== undefined) {
    await aws.sagemaker.send(
      new AddTagsCommand({
        ResourceArn: created.EndpointArn,
        Tags: [{ Key: 'team', Value: 'operations' }],
      }),
    );
  }
}
