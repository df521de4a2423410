/** Staging before production: the candidate at an endpoint of its own, in the account and Region that the policy names. */
import type { S3Client } from '@aws-sdk/client-s3';
import {
  AddTagsCommand,
  CreateEndpointCommand,
  DeleteEndpointCommand,
  DeleteTagsCommand,
  type CreateModelInput,
  type DescribeEndpointOutput,
  type SageMakerClient,
} from '@aws-sdk/client-sagemaker';
import {
  InvokeEndpointCommand,
  type SageMakerRuntimeClient,
} from '@aws-sdk/client-sagemaker-runtime';

import { FailureType } from '../domain/failures.js';
import { KEEPER_TAG, keeperId } from '../domain/names.js';
import {
  isStagingConfig,
  judgeStaging,
  replicated,
  stagingCheck,
  stagingName,
  stagingPlace,
  stagingPolicy,
  type Staging,
  type StagingAnswer,
} from '../domain/staging.js';
import { MODEL_TAG, RELEASE_TAG } from './alarms.js';
import { aws, awsErrorOf, failureOf, isAlreadyThere, may } from './aws-failure.js';
import type { ControlActivities, ModelRef, StagingRequest } from './contract.js';
import type { ControlDeps } from './deps.js';
import { createConfig, createModel, discard, isTagged, tagList } from './deployment.js';
import { isOurs, keeperOf } from './endpoint.js';
import { hopeless, notYet } from './heartbeat.js';
import {
  describeConfig,
  describeEndpoint,
  describePackage,
  lookAtEndpoint,
  readEndpoint,
  readingOf,
  readTags,
  type EndpointLook,
} from './read.js';
import { below, headObject, listObjects, readObject } from './s3.js';
import { clientsFor } from './stage-clients.js';
import { configsOf } from './ways-back.js';

type StagingActivities = Pick<ControlActivities, 'prepareStaging' | 'checkStaging' | 'tidyStaging'>;

/** Between two looks at something that SageMaker makes or takes away. */
const LOOK_MS = 15_000;
/** Hours back in which captured requests are looked for. */
const CAPTURED_HOURS = 48;
/** Files of captured requests that are read at most. */
const MOST_FILES = 20;
const HOUR_MS = 3_600_000;

/** One request to try the candidate with. */
interface Sample {
  readonly body: Uint8Array;
  readonly contentType: string;
}

export function createStagingActivities(deps: ControlDeps): StagingActivities {
  const clients = clientsFor(deps, 'deploy');
  const registered = clientsFor(deps, 'approve');
  const production = clientsFor(deps, 'read');

  const modelAt = async (
    request: StagingRequest,
    staging: Staging,
    look: EndpointLook,
  ): Promise<CreateModelInput | { readonly reason: string }> => {
    const { spec } = request.policy;
    const role = staging.executionRole ?? spec.deploy.role ?? look.model?.ExecutionRoleArn;
    if (role === undefined)
      return { reason: 'no execution role is known: write deploy.staging.executionRole' };
    const account = staging.role?.arn.split(':')[4];
    if (account !== undefined && account !== role.split(':')[4]) {
      return {
        reason: `the model would run under ${role}, and SageMaker takes no role of another account: write deploy.staging.executionRole with one of ${account}`,
      };
    }
    const { region } = stagingPlace(spec, staging);
    const near =
      region === spec.endpoint.region &&
      (account === undefined || account === look.reading.arn.split(':')[4]);
    const vpc =
      staging.vpc === undefined
        ? near
          ? look.model?.VpcConfig
          : undefined
        : { Subnets: [...staging.vpc.subnets], SecurityGroupIds: [...staging.vpc.securityGroups] };
    const containers = await containersAt(request, staging);
    if ('reason' in containers) return containers;
    return {
      ModelName: stagingName(request.configName),
      ExecutionRoleArn: role,
      Containers: containers.list,
      ...(vpc === undefined ? {} : { VpcConfig: vpc }),
      ...(look.model?.EnableNetworkIsolation === true ? { EnableNetworkIsolation: true } : {}),
    };
  };

  /** The package itself in its own Region; elsewhere its container, of the copies that are there. */
  const containersAt = async (
    request: StagingRequest,
    staging: Staging,
  ): Promise<
    { readonly list: NonNullable<CreateModelInput['Containers']> } | { readonly reason: string }
  > => {
    const { packageArn } = request;
    const { replica } = staging;
    if (replica === undefined) return { list: [{ ModelPackageName: packageArn }] };
    const found = await describePackage(registered(request).sagemaker, packageArn);
    const packaged = found?.InferenceSpecification?.Containers ?? [];
    if (packaged.length !== 1)
      return {
        reason: `the model package ${packageArn} has ${packaged.length} containers, and only one can be made of copies: stage it in the Region of the package`,
      };
    const copy = replicated(
      {
        image: packaged[0]?.Image,
        modelDataUrl: packaged[0]?.ModelDataUrl,
        environment: packaged[0]?.Environment ?? {},
      },
      stagingPlace(request.policy.spec, staging).region,
      replica,
    );
    if (typeof copy === 'string') return { reason: copy };
    const { image, modelDataUrl = '', environment } = copy;
    if ((await headObject(clients(atStaging(request, staging)).s3, modelDataUrl)) === undefined) {
      throw notYet(
        FailureType.NotVisibleYet,
        `the copy ${modelDataUrl} of the artefact is not there yet: is the bucket replicated?`,
        2 * LOOK_MS,
      );
    }
    return {
      list: [
        {
          Image: image,
          ModelDataUrl: modelDataUrl,
          ...(Object.keys(environment).length === 0 ? {} : { Environment: environment }),
        },
      ],
    };
  };

  return {
    /**
     * Makes model and config of the candidate at staging, and the endpoint where there is none.
     *
     * Idempotent by name: model and config are compared with what would be made, and an endpoint that is there is
     * taken as it is. One that failed when it was created, of ours, is deleted and made again.
     */
    async prepareStaging(request) {
      const staging = stagingOf(request);
      const at = atStaging(request, staging);
      const { sagemaker } = clients(at);
      const { spec } = request.policy;
      const name = at.policy.spec.endpoint.name;
      const look = await lookAtEndpoint(production(request).sagemaker, spec.endpoint, deps.now());
      const input = await modelAt(request, staging, look);
      if ('reason' in input) return { kind: 'refused', reason: input.reason };

      const existing = await describeEndpoint(sagemaker, name);
      const taken = existing === undefined ? undefined : await whose(sagemaker, request, existing);
      if (taken !== undefined) return { kind: 'refused', reason: taken };

      const tags = {
        [MODEL_TAG]: request.model,
        [RELEASE_TAG]: `${request.model}-${request.release}`,
      };
      const configName = stagingName(request.configName);
      await createModel(sagemaker, { ...input, Tags: tagList(tags) });
      const served = look.variant;
      const instanceType = staging.instanceType ?? served?.InstanceType;
      if (instanceType === undefined)
        return {
          kind: 'refused',
          reason: 'production names no instance type: write deploy.staging.instanceType',
        };
      await createConfig(sagemaker, {
        EndpointConfigName: configName,
        ProductionVariants: [
          {
            VariantName: at.policy.spec.endpoint.variant,
            ModelName: configName,
            InstanceType: instanceType as NonNullable<typeof served>['InstanceType'],
            InitialInstanceCount: staging.instances ?? 1,
            InitialVariantWeight: 1,
            ...(served?.ContainerStartupHealthCheckTimeoutInSeconds === undefined
              ? {}
              : {
                  ContainerStartupHealthCheckTimeoutInSeconds:
                    served.ContainerStartupHealthCheckTimeoutInSeconds,
                }),
            ...(served?.ModelDataDownloadTimeoutInSeconds === undefined
              ? {}
              : {
                  ModelDataDownloadTimeoutInSeconds: served.ModelDataDownloadTimeoutInSeconds,
                }),
          },
        ],
        Tags: tagList(tags),
      });
      if (existing !== undefined) {
        const reading = readingOf(existing, at.policy.spec.endpoint.variant, deps.now());
        if (reading.status === 'Deleting')
          throw notYet(FailureType.StillMoving, `The endpoint ${name} is being deleted`, 5_000);
        if (reading.status !== 'Failed') return { kind: 'ready', configName, endpoint: reading };
        return remake(sagemaker, request, existing);
      }
      const created = await aws(
        may('sagemaker:CreateEndpoint', `endpoint/${name}`),
        (options) =>
          sagemaker.send(
            new CreateEndpointCommand({
              EndpointName: name,
              EndpointConfigName: configName,
              Tags: tagList({ ...tags, [KEEPER_TAG]: keeperId(request.model) }),
            }),
            options,
          ),
        (error) => (isAlreadyThere(error) ? 'exists' : undefined),
      );
      const endpoint = await readEndpoint(sagemaker, at.policy.spec.endpoint, deps.now());
      if (created === 'exists' || endpoint.status === 'absent') {
        throw notYet(FailureType.NotVisibleYet, `The endpoint ${name} is being created`, 5_000);
      }
      return { kind: 'ready', configName, endpoint };
    },

    /**
     * Asks the candidate at staging with samples, in turn, and measures its answers.
     *
     * Safe to repeat: an answer changes nothing, and only the last attempt counts.
     */
    async checkStaging(request) {
      const staging = stagingOf(request);
      const at = atStaging(request, staging);
      const check = stagingCheck(staging);
      const samples =
        check.samples === 'captured'
          ? await capturedSamples(request, check.contentType)
          : await fileSamples(production(request).s3, check.samples, check.contentType ?? '');
      const { runtime } = clients(at);
      const answers: StagingAnswer[] = [];
      for (let number = 0; number < check.requests && samples.length > 0; number += 1) {
        const sample = samples[number % samples.length];
        if (sample === undefined) break;
        answers.push(
          await asked(runtime, at, sample, `${request.configName}-${String(number + 1)}`),
        );
      }
      return { ...judgeStaging(answers, check), samples: samples.length };
    },

    /**
     * Removes models and configs of ours that staging does not serve; with `remove` also the endpoint, where it is
     * one that we created, and without our own making only our claim on it.
     *
     * What is gone is no error, so twice is the same as once. Waits while the endpoint is in motion.
     */
    async tidyStaging(request) {
      const staging = stagingOf(request);
      const at = atStaging(request, staging);
      const { sagemaker } = clients(at);
      const { name } = at.policy.spec.endpoint;
      const endpoint = await describeEndpoint(sagemaker, name);
      // It may be gone before its tags are read, and would then pass for somebody else's.
      if (request.remove && endpoint?.EndpointStatus === 'Deleting')
        throw notYet(FailureType.StillMoving, `The endpoint ${name} is being deleted`, LOOK_MS);
      const tags =
        endpoint?.EndpointArn === undefined
          ? new Map<string, string>()
          : await readTags(sagemaker, endpoint.EndpointArn);
      const ours = isOurs(keeperOf(tags), request.model);
      const made = ours && tags.get(MODEL_TAG) === request.model;
      const leaves = endpoint !== undefined && ours && request.remove;
      if (leaves && made) {
        await deleteEndpoint(sagemaker, endpoint);
        throw notYet(FailureType.StillMoving, `The endpoint ${name} is being deleted`, LOOK_MS);
      }
      if (leaves) await unclaim(sagemaker, endpoint, tags);
      const used = new Set([
        endpoint?.EndpointConfigName,
        endpoint?.PendingDeploymentSummary?.EndpointConfigName,
      ]);
      const removed: string[] = [];
      for (const config of await configsOf(sagemaker, request.model, isStagingConfig)) {
        if (used.has(config.name)) continue;
        await discard(sagemaker, request.model, config.name);
        removed.push(config.name);
      }
      return { removed };
    },
  };

  /** Requests that production captured most recently, newest hour first. */
  async function capturedSamples(
    request: StagingRequest,
    contentType: string | null,
  ): Promise<readonly Sample[]> {
    const { sagemaker, s3 } = production(request);
    const staging = stagingOf(request);
    const most = stagingCheck(staging).requests;
    const { capturePrefix } = await readEndpoint(
      sagemaker,
      request.policy.spec.endpoint,
      deps.now(),
    );
    const samples: Sample[] = [];
    let files = 0;
    for (let back = 0; capturePrefix !== null && back < CAPTURED_HOURS; back += 1) {
      const hour = new Date(deps.now() - back * HOUR_MS).toISOString().slice(0, 13);
      const folder = below(capturePrefix, hour.replace(/[-T]/g, '/'), '');
      const listed = [...(await listObjects(s3, folder, undefined, 1_000))].reverse();
      for (const { uri } of listed) {
        if (samples.length >= most || files >= MOST_FILES) return samples;
        files += 1;
        const text = new TextDecoder().decode(await readObject(s3, uri));
        for (const line of text.split('\n')) {
          const sample = capturedRequest(line, contentType);
          if (sample !== undefined && samples.length < most) samples.push(sample);
        }
      }
    }
    return samples;
  }
}

const stagingOf = ({ policy }: ModelRef): Staging => {
  const { staging } = policy.spec.deploy;
  if (staging === undefined)
    throw hopeless(FailureType.PolicyUnfit, 'the policy has no deploy.staging');
  return staging;
};

/** The same request about the staging endpoint. */
const atStaging = <Request extends ModelRef>(request: Request, staging: Staging): Request => ({
  ...request,
  policy: stagingPolicy(request.policy, staging),
});

/** Takes an endpoint that nobody keeps; why it cannot be had, in words, where somebody else does. */
async function whose(
  sagemaker: SageMakerClient,
  { model }: StagingRequest,
  endpoint: DescribeEndpointOutput,
): Promise<string | undefined> {
  const { EndpointArn: arn = '', EndpointName: name = '', EndpointConfigName } = endpoint;
  const config =
    EndpointConfigName === undefined
      ? undefined
      : await describeConfig(sagemaker, EndpointConfigName);
  if (config?.ProductionVariants?.some((one) => one.ModelName === undefined) === true)
    return `${name} hosts inference components: name another endpoint for staging`;
  const keeper = keeperOf(await readTags(sagemaker, arn));
  if (isOurs(keeper, model)) return undefined;
  if (keeper !== undefined)
    return `${name} is kept by ${keeper}: name another endpoint for staging, or take the tag ${KEEPER_TAG} off it if its keeper is gone`;
  await aws(may('sagemaker:AddTags', `endpoint/${name}`), (options) =>
    sagemaker.send(
      new AddTagsCommand({
        ResourceArn: arn,
        Tags: [{ Key: KEEPER_TAG, Value: keeperId(model) }],
      }),
      options,
    ),
  );
  return undefined;
}

/** A failed endpoint takes no update: of ours it is deleted, and made by a later attempt. */
async function remake(
  sagemaker: SageMakerClient,
  { model }: StagingRequest,
  endpoint: DescribeEndpointOutput,
): Promise<{ readonly kind: 'refused'; readonly reason: string }> {
  const { EndpointName: name = '', EndpointArn: arn = '', FailureReason: why } = endpoint;
  if (!(await isTagged(sagemaker, arn, model))) {
    return {
      kind: 'refused',
      reason: `${name} is Failed${why === undefined ? '' : ` (${why})`} and can only be deleted: modelkeeper did not make it, so delete it yourself`,
    };
  }
  await deleteEndpoint(sagemaker, endpoint);
  throw notYet(
    FailureType.StillMoving,
    `The endpoint ${name} had failed; it is deleted and made again`,
    LOOK_MS,
  );
}

async function deleteEndpoint(
  sagemaker: SageMakerClient,
  { EndpointName: name = '', EndpointStatus: status }: DescribeEndpointOutput,
): Promise<void> {
  if (status === 'Creating' || status === 'Updating' || status === 'SystemUpdating')
    throw notYet(FailureType.Busy, `The endpoint ${name} is ${status}: deleted after it`, LOOK_MS);
  await aws(
    may('sagemaker:DeleteEndpoint', `endpoint/${name}`),
    (options) => sagemaker.send(new DeleteEndpointCommand({ EndpointName: name }), options),
    (error) => (/could not find/i.test(error.message) ? 'absent' : undefined),
  );
}

async function unclaim(
  sagemaker: SageMakerClient,
  { EndpointArn: arn = '', EndpointName: name = '' }: DescribeEndpointOutput,
  tags: ReadonlyMap<string, string>,
): Promise<void> {
  const TagKeys = [...tags.keys()].filter((key) => key.toLowerCase() === KEEPER_TAG);
  await aws(may('sagemaker:DeleteTags', `endpoint/${name}`), (options) =>
    sagemaker.send(new DeleteTagsCommand({ ResourceArn: arn, TagKeys }), options),
  );
}

/** Errors that say something of the candidate; every other is trouble of the way there, and tried again. */
const CANDIDATES_FAULT: ReadonlySet<string> = new Set([
  'ModelError',
  'ValidationError',
  'ServiceUnavailable',
  'InternalFailure',
  'InternalDependencyException',
]);

async function asked(
  runtime: SageMakerRuntimeClient,
  { policy }: ModelRef,
  { body, contentType }: Sample,
  inferenceId: string,
): Promise<StagingAnswer> {
  const { name } = policy.spec.endpoint;
  const fromMs = performance.now();
  try {
    const answer = await runtime.send(
      new InvokeEndpointCommand({
        EndpointName: name,
        ContentType: contentType,
        Body: body,
        InferenceId: inferenceId.slice(-64),
      }),
    );
    const ms = performance.now() - fromMs;
    return answer.Body.length === 0
      ? { kind: 'error', reason: 'the answer was empty' }
      : { kind: 'answered', ms };
  } catch (error) {
    const known = awsErrorOf(error);
    if (known !== undefined && CANDIDATES_FAULT.has(known.name))
      return { kind: 'error', reason: `${known.name}: ${known.message}`.slice(0, 500) };
    throw failureOf(may('sagemaker:InvokeEndpoint', `endpoint/${name}`), error, 1);
  }
}

/** One request per line; a file that is one JSON document over several lines is one request. */
async function fileSamples(
  s3: S3Client,
  uri: string,
  contentType: string,
): Promise<readonly Sample[]> {
  const bytes = await readObject(s3, uri);
  if (bytes === undefined)
    throw hopeless(
      FailureType.PolicyUnfit,
      `there are no samples at ${uri}: correct deploy.staging.check.samples`,
    );
  const text = new TextDecoder().decode(bytes);
  const lines = /\.json$/i.test(uri) ? [text] : text.split(/\r?\n/);
  return lines
    .filter((line) => line.trim() !== '')
    .map((line) => ({ body: new TextEncoder().encode(line), contentType }));
}

/** The request of one captured line; `undefined` where it holds none that can be read. */
export function capturedRequest(line: string, contentType: string | null): Sample | undefined {
  if (line.trim() === '') return undefined;
  let event: unknown;
  try {
    event = JSON.parse(line);
  } catch {
    return undefined;
  }
  const input = member(member(event, 'captureData'), 'endpointInput');
  const data = member(input, 'data');
  const type = member(input, 'observedContentType');
  if (typeof data !== 'string') return undefined;
  return {
    body:
      member(input, 'encoding') === 'BASE64'
        ? Buffer.from(data, 'base64')
        : new TextEncoder().encode(data),
    contentType: contentType ?? (typeof type === 'string' ? type : 'text/csv'),
  };
}

const member = (value: unknown, name: string): unknown =>
  value !== null && typeof value === 'object' && Object.hasOwn(value, name)
    ? (value as Record<string, unknown>)[name]
    : undefined;
