/** Read-only: what activities and, through client/account.ts, people's commands read of the account. */
import type { S3Client } from '@aws-sdk/client-s3';
import {
  DescribeEndpointCommand,
  DescribeEndpointConfigCommand,
  DescribeModelCommand,
  DescribeModelPackageCommand,
  ListTagsCommand,
  type ContainerDefinition,
  type DescribeEndpointConfigOutput,
  type DescribeEndpointOutput,
  type DescribeModelOutput,
  type DescribeModelPackageOutput,
  type ProductionVariant,
  type SageMakerClient,
} from '@aws-sdk/client-sagemaker';

import { FailureType } from '../domain/failures.js';
import { chainFaults, ledgerKey, type LedgerEntry } from '../domain/ledger.js';
import type { HostedVariant } from '../domain/managed-alarms.js';
import type { Champion, EndpointReading } from '../domain/model.js';
import { absent, aws, may } from './aws-failure.js';
import { entryHash } from './digest.js';
import { hopeless } from './heartbeat.js';
import { below, inParallel, listObjects, readJson } from './s3.js';

/** An endpoint with everything its reading was made from. */
export interface EndpointLook {
  readonly reading: EndpointReading;
  readonly endpoint: DescribeEndpointOutput | null;
  /** The config that serves now; `null` when it was deleted or there is no endpoint. */
  readonly config: DescribeEndpointConfigOutput | null;
  /** The policy's variant in that config. */
  readonly variant: ProductionVariant | null;
  readonly model: DescribeModelOutput | null;
}

export interface EndpointName {
  readonly name: string;
  readonly variant: string;
}

export async function describeEndpoint(
  sagemaker: SageMakerClient,
  name: string,
): Promise<DescribeEndpointOutput | undefined> {
  const answer = await aws(
    may('sagemaker:DescribeEndpoint', `endpoint/${name}`),
    (options) => sagemaker.send(new DescribeEndpointCommand({ EndpointName: name }), options),
    absent,
  );
  return answer === 'absent' ? undefined : answer;
}

export async function describeConfig(
  sagemaker: SageMakerClient,
  name: string,
): Promise<DescribeEndpointConfigOutput | undefined> {
  const answer = await aws(
    may('sagemaker:DescribeEndpointConfig', `endpoint-config/${name}`),
    (options) =>
      sagemaker.send(new DescribeEndpointConfigCommand({ EndpointConfigName: name }), options),
    absent,
  );
  return answer === 'absent' ? undefined : answer;
}

export async function describeModel(
  sagemaker: SageMakerClient,
  name: string,
): Promise<DescribeModelOutput | undefined> {
  const answer = await aws(
    may('sagemaker:DescribeModel', `model/${name}`),
    (options) => sagemaker.send(new DescribeModelCommand({ ModelName: name }), options),
    absent,
  );
  return answer === 'absent' ? undefined : answer;
}

export async function describePackage(
  sagemaker: SageMakerClient,
  arn: string,
): Promise<DescribeModelPackageOutput | undefined> {
  const answer = await aws(
    may('sagemaker:DescribeModelPackage', arn),
    (options) =>
      sagemaker.send(new DescribeModelPackageCommand({ ModelPackageName: arn }), options),
    absent,
  );
  return answer === 'absent' ? undefined : answer;
}

type Hosting = Pick<DescribeEndpointConfigOutput, 'ProductionVariants' | 'AsyncInferenceConfig'>;

export const variantOf = (
  config: Hosting | null | undefined,
  name: string,
): ProductionVariant | undefined =>
  config?.ProductionVariants?.find((one) => one.VariantName === name);

/** How a variant is hosted; as a real-time one where there is no config to tell. */
export const hostedVariant = (config: Hosting | null | undefined, name: string): HostedVariant => ({
  asynchronous: config?.AsyncInferenceConfig !== undefined,
  serverless: variantOf(config, name)?.ServerlessConfig !== undefined,
});

/** Tag key → value. The keys as AWS keeps them. */
export async function readTags(
  sagemaker: SageMakerClient,
  arn: string,
): Promise<ReadonlyMap<string, string>> {
  const tags = new Map<string, string>();
  let token: string | undefined;
  do {
    const page = await aws(may('sagemaker:ListTags', arn), (options) =>
      sagemaker.send(
        new ListTagsCommand({
          ResourceArn: arn,
          ...(token === undefined ? {} : { NextToken: token }),
        }),
        options,
      ),
    );
    for (const tag of page.Tags ?? []) tags.set(tag.Key ?? '', tag.Value ?? '');
    token = page.NextToken;
  } while (token !== undefined);
  return tags;
}

/** One look at the endpoint, its config and the model that serves. Reads only. */
export async function lookAtEndpoint(
  sagemaker: SageMakerClient,
  { name, variant: variantName }: EndpointName,
  nowMs: number,
): Promise<EndpointLook> {
  const endpoint = await describeEndpoint(sagemaker, name);
  if (endpoint === undefined) {
    return {
      reading: absentReading(name, nowMs),
      endpoint: null,
      config: null,
      variant: null,
      model: null,
    };
  }
  const configName = endpoint.EndpointConfigName;
  const config = configName === undefined ? undefined : await describeConfig(sagemaker, configName);
  const variant = variantOf(config, variantName);
  const model =
    variant?.ModelName === undefined
      ? undefined
      : await describeModel(sagemaker, variant.ModelName);
  const container = model?.PrimaryContainer ?? model?.Containers?.[0];
  const registered =
    container?.ModelPackageName === undefined
      ? undefined
      : await describePackage(sagemaker, container.ModelPackageName);
  const sinceMs = endpoint.LastModifiedTime?.getTime() ?? nowMs;
  return {
    reading: {
      ...readingOf(endpoint, variantName, nowMs),
      champion:
        configName === undefined || container === undefined
          ? null
          : championOf(configName, container, model?.ExecutionRoleArn ?? null, registered, sinceMs),
    },
    endpoint,
    config: config ?? null,
    variant: variant ?? null,
    model: model ?? null,
  };
}

/** What DescribeEndpoint says, in our words. Reads only. */
export async function readEndpoint(
  sagemaker: SageMakerClient,
  endpoint: EndpointName,
  nowMs: number,
): Promise<EndpointReading> {
  return (await lookAtEndpoint(sagemaker, endpoint, nowMs)).reading;
}

const absentReading = (name: string, nowMs: number): EndpointReading => ({
  atMs: nowMs,
  name,
  arn: '',
  status: 'absent',
  configName: null,
  pendingConfigName: null,
  createdAtMs: 0,
  lastModifiedAtMs: 0,
  failureReason: null,
  progress: [],
  instances: 0,
  capturePrefix: null,
  champion: null,
});

/** A reading without the champion, of DescribeEndpoint's answer alone. */
export function readingOf(
  endpoint: DescribeEndpointOutput,
  variantName: string,
  nowMs: number,
): EndpointReading {
  const variants = endpoint.ProductionVariants ?? [];
  const variant = variants.find((one) => one.VariantName === variantName) ?? variants[0];
  const pending = endpoint.PendingDeploymentSummary;
  const moving = pending?.ProductionVariants?.flatMap((one) => one.VariantStatus ?? []) ?? [];
  const steady = variants.flatMap((one) => one.VariantStatus ?? []);
  const name = endpoint.EndpointName ?? '';
  return {
    atMs: nowMs,
    name,
    arn: endpoint.EndpointArn ?? '',
    status: endpoint.EndpointStatus ?? 'unknown',
    configName: endpoint.EndpointConfigName ?? null,
    pendingConfigName: pending?.EndpointConfigName ?? null,
    createdAtMs: endpoint.CreationTime?.getTime() ?? 0,
    lastModifiedAtMs: endpoint.LastModifiedTime?.getTime() ?? 0,
    failureReason: endpoint.FailureReason ?? null,
    progress: (moving.length > 0 ? moving : steady).map(
      (status) => status.StatusMessage ?? status.Status ?? '',
    ),
    instances: variant?.CurrentInstanceCount ?? variant?.DesiredInstanceCount ?? 0,
    capturePrefix: capturePrefix(endpoint, name, variantName),
    champion: null,
  };
}

/** A slash at the end of the destination would give `//` below which nothing lies. */
function capturePrefix(
  endpoint: DescribeEndpointOutput,
  name: string,
  variantName: string,
): string | null {
  const capture = endpoint.DataCaptureConfig;
  if (capture?.EnableCapture !== true || capture.DestinationS3Uri === undefined) return null;
  if (capture.CaptureStatus === 'Stopped') return null;
  return below(capture.DestinationS3Uri, name, variantName, '');
}

function championOf(
  configName: string,
  container: ContainerDefinition,
  roleArn: string | null,
  registered: DescribeModelPackageOutput | undefined,
  sinceMs: number,
): Champion {
  const packaged = registered?.InferenceSpecification?.Containers?.[0];
  return {
    configName,
    packageArn: container.ModelPackageName ?? null,
    modelDataUrl: container.ModelDataUrl ?? packaged?.ModelDataUrl ?? null,
    image: container.Image ?? packaged?.Image ?? null,
    roleArn,
    sinceMs,
  };
}

/** Address of one entry of a model's ledger. */
export const ledgerUri = (storage: string, model: string, sequence: number): string =>
  below(storage, ledgerKey(model, sequence));

/** Addresses of all entries of a model's ledger in their order. */
export async function listLedger(
  s3: S3Client,
  storage: string,
  model: string,
): Promise<readonly { readonly uri: string; readonly sequence: number }[]> {
  const objects = await listObjects(s3, below(storage, 'ledger', model, ''));
  return objects.flatMap(({ uri }) => {
    const match = /\/(\d{12})\.json$/.exec(uri);
    return match === null ? [] : [{ uri, sequence: Number(match[1]) }];
  });
}

/** One entry as it lies there, checked for its shape; its hash is for the caller to check. */
export async function readEntry(s3: S3Client, uri: string): Promise<LedgerEntry | undefined> {
  const value = await readJson(s3, uri);
  if (value === undefined) return undefined;
  if (!isEntry(value)) {
    throw hopeless(
      FailureType.LedgerBroken,
      `${uri} is not a ledger entry: restore it from a version of the bucket`,
    );
  }
  return value;
}

function isEntry(value: unknown): value is LedgerEntry {
  if (typeof value !== 'object' || value === null) return false;
  const entry = value as Partial<Record<keyof LedgerEntry, unknown>>;
  return (
    entry.schema === 'modelkeeper/ledger-v1' &&
    typeof entry.sequence === 'number' &&
    typeof entry.hash === 'string' &&
    typeof entry.previousHash === 'string' &&
    typeof entry.id === 'string' &&
    typeof entry.decision === 'string' &&
    typeof entry.atMs === 'number' &&
    Array.isArray(entry.reasons) &&
    typeof entry.facts === 'object' &&
    entry.facts !== null
  );
}

/** The whole chain of a model in its order, unverified. Reads only. */
export async function readLedger(
  s3: S3Client,
  storage: string,
  model: string,
): Promise<readonly LedgerEntry[]> {
  const listed = await listLedger(s3, storage, model);
  const entries = await inParallel(listed, 16, ({ uri }) => readEntry(s3, uri));
  return entries.filter((entry) => entry !== undefined);
}

/** What is wrong with a chain, with sha256 as its hash; empty when it is whole. */
export const ledgerFaults = (
  entries: readonly LedgerEntry[],
  head?: { readonly number: number; readonly hash: string },
): readonly string[] => chainFaults(entries, entryHash, head);
