/** The local AWS as its users see it (SDK clients) and as its operator does (faults, counts, outbox). */
import { CloudWatchClient } from '@aws-sdk/client-cloudwatch';
import { S3Client } from '@aws-sdk/client-s3';
import {
  DescribeEndpointCommand,
  ListModelPackagesCommand,
  ListPipelineExecutionsCommand,
  ListTrainingJobsCommand,
  SageMakerClient,
} from '@aws-sdk/client-sagemaker';
import { SageMakerRuntimeClient } from '@aws-sdk/client-sagemaker-runtime';
import { SNSClient } from '@aws-sdk/client-sns';
import { SQSClient } from '@aws-sdk/client-sqs';

export const REGION = 'us-east-1';
export const CREDENTIALS = { accessKeyId: 'a-test', secretAccessKey: 'not-a-secret' };

export interface Fault {
  readonly operation: string;
  readonly kind: string;
  readonly errorName?: string;
  readonly message?: string;
  readonly status?: number;
  readonly times?: number;
  readonly match?: string;
}

export interface LoggedCall {
  readonly atMs: number;
  readonly operation: string;
  readonly input: string;
  readonly outcome: string;
  /** ARN of the caller. */
  readonly by: string;
}

export interface OutboxMessage {
  readonly number: number;
  readonly subject?: string;
  readonly message: string;
  readonly attributes: Readonly<Record<string, { readonly Value: string } | undefined>>;
}

export function awsAt(url: string) {
  const common = { endpoint: url, region: REGION, credentials: CREDENTIALS };
  const s3 = new S3Client({ ...common, forcePathStyle: true });
  const sagemaker = new SageMakerClient(common);
  const page = async <T>(method: 'GET' | 'PUT', path: string, body?: unknown): Promise<T> => {
    const answer = await fetch(`${url}/_sandbox/${path}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!answer.ok) throw new Error(`${method} ${path}: ${await answer.text()}`);
    return (await answer.json()) as T;
  };
  return {
    url,
    s3,
    sagemaker,
    runtime: new SageMakerRuntimeClient({ ...common, maxAttempts: 1 }),
    cloudwatch: new CloudWatchClient(common),
    sns: new SNSClient(common),
    sqs: new SQSClient(common),
    /** Replaces the faults in force. */
    faults: (faults: readonly Fault[]): Promise<unknown> => page('PUT', 'faults', faults),
    /** How often the sandbox's events come twice, out of order, or not at all. */
    events: (rates: Readonly<Record<string, number>>): Promise<unknown> =>
      page('PUT', 'events', rates),
    /** Declares roles and whom they trust. */
    roles: (roles: object): Promise<unknown> => page('PUT', 'roles', roles),
    faultsLeft: (): Promise<readonly Fault[]> => page('GET', 'faults'),
    /** Calls that may have changed something, oldest first. */
    calls: (): Promise<readonly LoggedCall[]> => page('GET', 'calls/log'),
    outbox: (): Promise<readonly OutboxMessage[]> => page('GET', 'outbox.json'),
    endpoint: (EndpointName: string) =>
      sagemaker.send(new DescribeEndpointCommand({ EndpointName })),
    executions: async (PipelineName: string) =>
      (
        await sagemaker.send(
          new ListPipelineExecutionsCommand({
            PipelineName,
            MaxResults: 100,
            SortOrder: 'Ascending',
          }),
        )
      ).PipelineExecutionSummaries ?? [],
    trainingJobs: async () =>
      (await sagemaker.send(new ListTrainingJobsCommand({ MaxResults: 100 })))
        .TrainingJobSummaries ?? [],
    packages: async (ModelPackageGroupName: string) =>
      (
        await sagemaker.send(
          new ListModelPackagesCommand({ ModelPackageGroupName, MaxResults: 100 }),
        )
      ).ModelPackageSummaryList ?? [],
  };
}

export type LocalAws = ReturnType<typeof awsAt>;

/** Calls of one operation that took effect. */
export const effective = (calls: readonly LoggedCall[], operation: string): readonly LoggedCall[] =>
  calls.filter((call) => call.operation === operation && call.outcome === 'ok');

/** Messages to people by the key that names their decision. */
export function byDecision(
  messages: readonly OutboxMessage[],
): ReadonlyMap<string, readonly OutboxMessage[]> {
  const found = new Map<string, OutboxMessage[]>();
  for (const message of messages) {
    const key = message.attributes['dedupeKey']?.Value ?? 'none';
    found.set(key, [...(found.get(key) ?? []), message]);
  }
  return found;
}
