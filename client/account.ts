import { randomUUID } from 'node:crypto';
import { join } from 'node:path';

import { CloudWatchClient, DescribeAlarmsCommand } from '@aws-sdk/client-cloudwatch';
import { ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import {
  DescribeModelPackageGroupCommand,
  DescribePipelineCommand,
  DescribePipelineExecutionCommand,
  ListModelPackageGroupsCommand,
  ListPipelinesCommand,
  SageMakerClient,
} from '@aws-sdk/client-sagemaker';
import { ApplicationFailure } from '@temporalio/common';

import { absent, aws, may } from '../activities/aws-failure.js';
import { ledgerFaults, lookAtEndpoint, readLedger, readTags } from '../activities/read.js';
import {
  below,
  download,
  inParallel,
  listObjects,
  readJson,
  readObject,
  s3Address,
} from '../activities/s3.js';
import { FailureType } from '../domain/failures.js';
import type { LedgerEntry } from '../domain/ledger.js';
import type { LedgerHead } from '../domain/model.js';
import { KEEPER_TAG, modelOfWorkflow } from '../domain/names.js';
import { declaredParameters } from '../domain/pipeline-definition.js';
import { messageOf, ModelkeeperError } from './errors.js';
import { UnusableInput } from './offline/inputs.js';

/** An endpoint as `init` and `plan` need it. */
export interface EndpointFacts {
  readonly name: string;
  readonly arn: string;
  readonly status: string;
  readonly configName: string | null;
  /** Model whose keeper claims the endpoint; `null` when none does. */
  readonly keptBy: string | null;
  readonly variants: readonly {
    readonly name: string;
    /** `null` for a variant that serves inference components. */
    readonly modelName: string | null;
    readonly serverless: boolean;
    readonly instanceType: string | null;
    readonly instances: number;
  }[];
  readonly asynchronous: boolean;
  /** `null` when capture is off. */
  readonly capture: {
    /** `s3://…/<endpoint>/<variant>/`. */
    readonly prefix: string;
    readonly percent: number;
    readonly inputs: boolean;
    readonly outputs: boolean;
  } | null;
  readonly roleArn: string | null;
  readonly packageArn: string | null;
}

export interface PipelineFacts {
  readonly name: string;
  readonly parameters: readonly { readonly name: string; readonly required: boolean }[];
  /** The definition as it stands in SageMaker, of the version asked for. */
  readonly definition?: string;
}

/** What people's commands read of one Region of the AWS account. Never writes. */
export interface Account {
  /** `null` when there is no such endpoint. */
  endpoint(name: string, variant: string): Promise<EndpointFacts | null>;
  groupExists(name: string): Promise<boolean>;
  /** Names of model package groups, at most 100. */
  groups(): Promise<readonly string[]>;
  /** Names of pipelines, at most 100. */
  pipelines(): Promise<readonly string[]>;
  /** `null` when there is no such pipeline. */
  pipeline(name: string, version?: number): Promise<PipelineFacts | null>;
  /** Display name and pipeline of an execution; `null` when there is no such execution. */
  pipelineExecution(
    arn: string,
  ): Promise<{ readonly displayName: string | null; readonly pipeline: string | null } | null>;
  /** Whether the bucket of an address is there. */
  bucketExists(uri: string): Promise<boolean>;
  /** Whether anything lies at or below an address. */
  hasObjects(uri: string): Promise<boolean>;
  /** First bytes of an object as text; `null` when there is none. */
  readText(uri: string): Promise<string | null>;
  /** Address of one captured file of the last `hours` hours; `null` when none arrived. */
  recentCapture(prefix: string, hours: number, nowMs: number): Promise<string | null>;
  /** `null` when there is no such object. */
  readJson(uri: string): Promise<unknown>;
  /** Objects of a folder in the order of their names, of names after `after`: its latest some thousands. */
  reportsBelow(
    folder: string,
    after: string,
  ): Promise<
    readonly { readonly uri: string; readonly lastModifiedMs: number; readonly sizeBytes: number }[]
  >;
  /**
   * Downloads what lies at or below an address, several objects at a time; empty objects are left out.
   *
   * @throws {UnusableInput} before anything is downloaded, where it is more than `mostMb`
   */
  download(
    uri: string,
    folder: string,
    signal: AbortSignal,
    mostMb: number,
  ): Promise<readonly { readonly uri: string; readonly path: string }[]>;
  alarmsReadable(): Promise<true>;
  ledger(storage: string, model: string): Promise<readonly LedgerEntry[]>;
  ledgerFaults(entries: readonly LedgerEntry[], head?: LedgerHead): readonly string[];
  close(): void;
}

/** The model whose keeper claims the endpoint by its tag, `keeper/<model>`; `null` when no tag is there. */
export function keptByOf(tags: ReadonlyMap<string, string>): string | null {
  const claim = [...tags].find(([key]) => key.toLowerCase() === KEEPER_TAG)?.[1];
  return claim === undefined ? null : (modelOfWorkflow(claim) ?? claim);
}

/** Reads the account by the environment's credentials (`AWS_*`, profiles, roles). */
export function createAccount(region: string): Account {
  const common = {
    region,
    maxAttempts: 3,
    requestHandler: {
      connectionTimeout: 3_000,
      requestTimeout: 30_000,
      throwOnRequestTimeout: true,
    },
  };
  const sagemaker = new SageMakerClient(common);
  const s3 = new S3Client({
    ...common,
    forcePathStyle: usesEndpointOverride(),
    followRegionRedirects: true,
  });
  const cloudwatch = new CloudWatchClient(common);

  const list = async (uri: string, count: number) => {
    const { bucket, key } = s3Address(uri);
    return aws(
      may('s3:ListBucket', `arn:aws:s3:::${bucket}`),
      (options) =>
        s3.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: key, MaxKeys: count }), options),
      absent,
    );
  };
  const firstKeys = async (uri: string, count: number): Promise<readonly string[]> => {
    const answer = await list(uri, count);
    if (answer === 'absent') return [];
    const { bucket } = s3Address(uri);
    return (answer.Contents ?? []).flatMap(({ Key }) =>
      Key === undefined ? [] : [`s3://${bucket}/${Key}`],
    );
  };

  const account: Account = {
    async endpoint(name, variant) {
      const look = await lookAtEndpoint(sagemaker, { name, variant }, Date.now());
      const { endpoint, config, model, reading } = look;
      if (endpoint === null) return null;
      const tags = await readTags(sagemaker, reading.arn);
      const keptBy = keptByOf(tags);
      const modes = config?.DataCaptureConfig?.CaptureOptions?.map((one) => one.CaptureMode) ?? [];
      const both = modes.includes('InputAndOutput');
      return {
        name: reading.name,
        arn: reading.arn,
        status: reading.status,
        configName: reading.configName,
        keptBy,
        variants: (config?.ProductionVariants ?? []).map((one) => ({
          name: one.VariantName ?? '',
          modelName: one.ModelName ?? null,
          serverless: one.ServerlessConfig !== undefined,
          instanceType: one.InstanceType ?? null,
          instances: one.InitialInstanceCount ?? 0,
        })),
        asynchronous: config?.AsyncInferenceConfig !== undefined,
        capture:
          reading.capturePrefix === null
            ? null
            : {
                prefix: reading.capturePrefix,
                percent:
                  endpoint.DataCaptureConfig?.CurrentSamplingPercentage ??
                  config?.DataCaptureConfig?.InitialSamplingPercentage ??
                  100,
                inputs: both || modes.includes('Input') || modes.length === 0,
                outputs: both || modes.includes('Output') || modes.length === 0,
              },
        roleArn: model?.ExecutionRoleArn ?? null,
        packageArn: reading.champion?.packageArn ?? null,
      };
    },

    async groupExists(name) {
      const answer = await aws(
        may('sagemaker:DescribeModelPackageGroup', `model-package-group/${name}`),
        (options) =>
          sagemaker.send(
            new DescribeModelPackageGroupCommand({ ModelPackageGroupName: name }),
            options,
          ),
        absent,
      );
      return answer !== 'absent';
    },

    async groups() {
      const answer = await aws(may('sagemaker:ListModelPackageGroups', '*'), (options) =>
        sagemaker.send(new ListModelPackageGroupsCommand({ MaxResults: 100 }), options),
      );
      return (answer.ModelPackageGroupSummaryList ?? []).flatMap(
        (group) => group.ModelPackageGroupName ?? [],
      );
    },

    async pipelines() {
      const answer = await aws(may('sagemaker:ListPipelines', '*'), (options) =>
        sagemaker.send(new ListPipelinesCommand({ MaxResults: 100 }), options),
      );
      return (answer.PipelineSummaries ?? []).flatMap((pipeline) => pipeline.PipelineName ?? []);
    },

    async pipeline(name, version) {
      const answer = await aws(
        may('sagemaker:DescribePipeline', `pipeline/${name}`),
        (options) =>
          sagemaker.send(
            new DescribePipelineCommand({
              PipelineName: name,
              ...(version === undefined ? {} : { PipelineVersionId: version }),
            }),
            options,
          ),
        absent,
      );
      if (answer === 'absent') return null;
      const { PipelineDefinition: definition } = answer;
      return {
        name,
        parameters: (declaredParameters(definition) ?? []).map((parameter) => ({
          name: parameter.name,
          required: parameter.defaultValue === null,
        })),
        ...(definition === undefined ? {} : { definition }),
      };
    },

    async pipelineExecution(arn) {
      const answer = await aws(
        may('sagemaker:DescribePipelineExecution', arn),
        (options) =>
          sagemaker.send(
            new DescribePipelineExecutionCommand({ PipelineExecutionArn: arn }),
            options,
          ),
        absent,
      );
      if (answer === 'absent') return null;
      return {
        displayName: answer.PipelineExecutionDisplayName ?? null,
        pipeline: /:pipeline\/([^/]+)/.exec(answer.PipelineArn ?? arn)?.[1] ?? null,
      };
    },

    async bucketExists(uri) {
      return (await list(uri, 1)) !== 'absent';
    },

    async hasObjects(uri) {
      return (await firstKeys(uri, 1)).length > 0;
    },

    async readText(uri) {
      const bytes = await readObject(s3, uri);
      return bytes === undefined
        ? null
        : new TextDecoder().decode(bytes.subarray(0, MAX_TEXT_BYTES));
    },

    async recentCapture(prefix, hours, nowMs) {
      for (let back = 0; back < hours; back += 1) {
        const hour = new Date(nowMs - back * 3_600_000).toISOString();
        const [date, time] = hour.split('T');
        const folder = `${(date ?? '').replaceAll('-', '/')}/${(time ?? '').slice(0, 2)}/`;
        const [found] = await firstKeys(below(prefix, folder), 1);
        if (found !== undefined) return found;
      }
      return null;
    },

    async readJson(uri) {
      return (await readJson(s3, uri)) ?? null;
    },

    async reportsBelow(folder, after) {
      const prefix = below(folder, '');
      return listObjects(s3, prefix, `${s3Address(prefix).key}${after}`, MOST_REPORTS);
    },

    async download(uri, folder, signal, mostMb) {
      const objects = (await listObjects(s3, uri).catch(withRemedy)).filter(
        (object) => object.sizeBytes > 0 && isUnder(object.uri, uri),
      );
      const bytes = objects.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
      if (bytes > mostMb * 1_000_000)
        throw new UnusableInput(
          `${uri} holds ${objects.length} ${objects.length === 1 ? 'file' : 'files'} of ${Math.ceil(bytes / 1_000_000)} MB together, and at most ${mostMb} MB are downloaded: name fewer, or allow more with --max-download ${Math.ceil(bytes / 1_000_000)}`,
        );
      return inParallel(objects, DOWNLOADS, async (object, index) => {
        signal.throwIfAborted();
        const path = join(folder, `${randomUUID()}-${index}${dataExtension(object.uri)}`);
        if (!(await download(s3, object.uri, path).catch(withRemedy)))
          throw new ModelkeeperError('not-found', `${object.uri} is gone`);
        return { uri: object.uri, path };
      });
    },

    async alarmsReadable() {
      await aws(may('cloudwatch:DescribeAlarms', '*'), (options) =>
        cloudwatch.send(new DescribeAlarmsCommand({ MaxRecords: 1 }), options),
      );
      return true;
    },

    ledger: (storage, model) => readLedger(s3, storage, model),
    ledgerFaults,

    close() {
      sagemaker.destroy();
      s3.destroy();
      cloudwatch.destroy();
    },
  };
  return inOurWords(account);
}

const MAX_TEXT_BYTES = 1_048_576;
const DOWNLOADS = 8;
const MOST_REPORTS = 10_000;

/** A prefix is a folder or one object: `…/week-1` is not `…/week-10`. */
export function isUnder(uri: string, address: string): boolean {
  const name = uri.slice(uri.lastIndexOf('/') + 1);
  return uri === address || (uri.startsWith(below(address, '')) && !/^[._]/.test(name));
}

/** The ending that tells the format; the rest of a key is other people's and names no file here. */
function dataExtension(uri: string): string {
  return /\.(?:parquet|pq|csv|jsonl?|ndjson)(?:\.gz)?$/i.exec(uri)?.[0] ?? '';
}

/** A local S3 has one host for all buckets. */
function usesEndpointOverride(): boolean {
  return (
    process.env['AWS_ENDPOINT_URL_S3'] !== undefined ||
    process.env['AWS_ENDPOINT_URL'] !== undefined
  );
}

/** A fact of the account, or why it is not known. */
export type Fact<Value> =
  | { readonly known: true; readonly value: Value }
  | { readonly known: false; readonly reason: string };

/** A missing permission leaves one fact unknown; an account out of reach ends the command. */
export async function factOf<Value>(read: Promise<Value>): Promise<Fact<Value>> {
  try {
    return { known: true, value: await read };
  } catch (error) {
    if (error instanceof ModelkeeperError) throw error;
    return { known: false, reason: messageOf(error) };
  }
}

/** AWS out of reach, or nobody signed in, becomes an `unreachable` error; missing permissions stay what they are. */
function inOurWords(account: Account): Account {
  return new Proxy(account, {
    get(target, name: keyof Account) {
      const method: unknown = Reflect.get(target, name);
      if (typeof method !== 'function') return method;
      return (...given: readonly unknown[]): unknown => {
        const answer: unknown = Reflect.apply(method, target, given);
        return answer instanceof Promise ? answer.catch(rethrow) : answer;
      };
    },
  });
}

function rethrow(error: unknown): never {
  if (!(error instanceof ApplicationFailure)) throw asError(error);
  const text = error.message;
  const noCredentials = /credential|security token|sign in|UnrecognizedClient|ExpiredToken/i.test(
    text,
  );
  if (error.type === FailureType.AwsUnavailable || noCredentials)
    throw new ModelkeeperError('unreachable', `AWS cannot be asked: ${text}`, { cause: error });
  throw error;
}

/** Says to whom a permission to read files must be given, and what else may stand against it. */
function withRemedy(error: unknown): never {
  if (!(error instanceof ApplicationFailure) || error.type !== FailureType.PermissionMissing)
    throw asError(error);
  throw ApplicationFailure.create({
    type: error.type,
    message: `${error.message}. Allow it to who is signed in (aws sts get-caller-identity says who), or sign in as somebody who may (AWS_PROFILE). A policy of the bucket, or the KMS key that its objects are encrypted with, may stand against it too`,
    cause: error,
  });
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
