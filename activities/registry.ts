import {
  UpdateModelPackageCommand,
  type DescribeModelPackageOutput,
  type UpdateModelPackageInput,
  type UserContext,
} from '@aws-sdk/client-sagemaker';

import { FailureType } from '../domain/failures.js';
import type { Candidate } from '../domain/model.js';
import {
  fittingMetadata,
  isOurs,
  LINGERING_LOOK_MS,
  registryNews,
  registryPollMs,
  type PackageReading,
} from '../domain/registry.js';
import { clock, pollEveryMs } from '../domain/watch.js';
import { aws, may, runningActivity } from './aws-failure.js';
import type { ControlActivities, ModelRef, WritePackage } from './contract.js';
import type { ControlDeps } from './deps.js';
import { clientToken } from './digest.js';
import { hopeless, keep, notYet, recall } from './heartbeat.js';
import { describePackage } from './read.js';
import { headObject } from './s3.js';
import { clientsFor } from './stage-clients.js';

/** AWS's limit of `ApprovalDescription`. */
const DESCRIPTION_LENGTH = 1_024;

type RegistryActivities = Pick<
  ControlActivities,
  'setApprovalStatus' | 'writePackage' | 'watchPackage'
> & {
  /** What the registry says of a package, for whoever has just found it. */
  readonly readCandidate: (
    request: ModelRef & { readonly packageArn: string },
  ) => Promise<Candidate>;
};

export function createRegistryActivities(deps: ControlDeps): RegistryActivities {
  const clients = clientsFor(deps, 'approve');

  const read = async (
    ref: ModelRef & { readonly packageArn: string },
  ): Promise<DescribeModelPackageOutput> => {
    const found = await describePackage(clients(ref).sagemaker, ref.packageArn);
    if (found === undefined) {
      throw hopeless(
        FailureType.BadData,
        `the model package ${ref.packageArn} is not in the registry (any more)`,
      );
    }
    return found;
  };

  /** One call, and none when everything is so already. */
  const write = async (
    request: WritePackage,
    earlier?: PackageReading,
  ): Promise<{ readonly before: PackageReading; readonly notes: readonly string[] }> => {
    const found = await read(request);
    const before = earlier ?? packageReading(request.packageArn, found);
    const { changes, notes } = changesOf(request, found);
    if (Object.keys(changes).length === 0) return { before, notes };
    if (runningActivity() !== undefined) keep({ before });
    await aws(may('sagemaker:UpdateModelPackage', request.packageArn), (options) =>
      clients(request).sagemaker.send(
        new UpdateModelPackageCommand({
          ModelPackageArn: request.packageArn,
          ...changes,
          ClientToken: clientToken(
            ...stepOf(),
            request.packageArn,
            JSON.stringify(changes),
            found.LastModifiedTime?.toISOString() ?? '',
          ),
        }),
        options,
      ),
    );
    return { before, notes };
  };

  return {
    /** Reads only. A package that SageMaker still validates is waited for. */
    async readCandidate(request) {
      const { spec } = request.policy;
      const found = await read(request);
      const status = found.ModelPackageStatus ?? 'unknown';
      if (status === 'Pending' || status === 'InProgress') {
        throw notYet(
          FailureType.StillRunning,
          `The model package is ${status}`,
          pollEveryMs(spec.monitor.every),
        );
      }
      const container = found.InferenceSpecification?.Containers?.[0];
      if (
        status !== 'Completed' ||
        container?.Image === undefined ||
        container.ModelDataUrl === undefined
      ) {
        throw hopeless(
          FailureType.BadData,
          `the model package ${request.packageArn} ${whyUnfit(found)}: nothing can be deployed from it`,
        );
      }
      const head = await headObject(clientsFor(deps, 'train')(request).s3, container.ModelDataUrl);
      if (head === undefined) {
        throw hopeless(
          FailureType.BadData,
          `the artefact ${container.ModelDataUrl} of the model package does not exist`,
        );
      }
      const metadata = found.CustomerMetadataProperties ?? {};
      return {
        packageArn: request.packageArn,
        version: found.ModelPackageVersion ?? 0,
        modelDataUrl: container.ModelDataUrl,
        artefact: head,
        image: container.Image,
        imageDigest: imageDigest(container.Image, container.ImageDigest),
        environment: container.Environment ?? {},
        approvalStatus: found.ModelApprovalStatus ?? 'unknown',
        predictionsUri: metadata[spec.evaluate.predictions] ?? null,
        trainingRowsUri: metadata[spec.evaluate.trainingRows] ?? null,
        baselineUri: baselineOf(found),
        metadata,
        lineage: lineageOf(found),
      } satisfies Candidate;
    },

    /** {@link writePackage} without an answer, for executions that began before it. As safe to repeat. */
    async setApprovalStatus(request) {
      await write(request);
    },

    /**
     * Writes status, description, metadata and stage, as far as they are not so already.
     *
     * Idempotent: read first, so what an earlier attempt has written is found and left alone; and the token is made
     * of the workflow, the step and the package's last change, so a repeated call is one call, and the same wish after
     * somebody else's change is a new one. How it was before the first attempt is kept for the later ones.
     */
    async writePackage(request) {
      const earlier = readingIn(recall());
      const { before, notes } = await write(request, earlier);
      return { before, now: packageReading(request.packageArn, await read(request)), notes };
    },

    /** Reads only: one look per attempt. The status as it was left is quiet; anything else is told. */
    async watchPackage(request) {
      const { memory, once } = request;
      const nowMs = deps.now();
      const found = await describePackage(clients(request).sagemaker, request.packageArn);
      const now = packageReading(request.packageArn, found);
      if (once === true || registryNews(memory, now).kind !== 'nothing') return now;
      const answered = isOurs(memory, now) && now.approvalStatus !== memory.known.approvalStatus;
      const nextMs = answered ? LINGERING_LOOK_MS : registryPollMs(request.policy.spec);
      throw notYet(
        FailureType.Quiet,
        `The registry says ${now.approvalStatus} at ${clock(nowMs)}, as it was left; next look ${clock(nowMs + nextMs)}`,
        nextMs,
      );
    },
  };
}

/** What the registry says of a package, in our words; `gone` for one that is not there. */
export function packageReading(
  packageArn: string,
  found: DescribeModelPackageOutput | undefined,
): PackageReading {
  return {
    packageArn,
    status: found === undefined ? 'gone' : (found.ModelPackageStatus ?? 'unknown'),
    approvalStatus: found?.ModelApprovalStatus ?? 'unknown',
    description: found?.ApprovalDescription ?? '',
    lastModifiedBy: found === undefined ? null : identityOf(found.LastModifiedBy, packageArn),
    lastModifiedAtMs: found?.LastModifiedTime?.getTime() ?? null,
  };
}

/**
 * Who a change is by. In Studio several people share one execution role: the user profile tells them apart, so it
 * goes before the IAM identity.
 */
export function identityOf(by: UserContext | undefined, packageArn: string): string | null {
  if (by === undefined) return null;
  if (by.UserProfileArn !== undefined) return by.UserProfileArn;
  const [, partition = '', , region = '', account = ''] = packageArn.split(':');
  if (by.DomainId !== undefined && by.UserProfileName !== undefined)
    return `arn:${partition}:sagemaker:${region}:${account}:user-profile/${by.DomainId}/${by.UserProfileName}`;
  return by.IamIdentity?.Arn ?? null;
}

/** What an attempt kept of the package before it wrote. Anything else is no reading. */
function readingIn(kept: unknown): PackageReading | undefined {
  const before = (kept as { before?: unknown } | null | undefined)?.before;
  return typeof before === 'object' && before !== null ? (before as PackageReading) : undefined;
}

function whyUnfit(found: DescribeModelPackageOutput): string {
  const status = found.ModelPackageStatus ?? 'unknown';
  if (status !== 'Completed') {
    const { ValidationStatuses = [], ImageScanStatuses = [] } =
      found.ModelPackageStatusDetails ?? {};
    const reasons = [...ValidationStatuses, ...ImageScanStatuses].flatMap((one) =>
      one.FailureReason === undefined ? [] : [`${one.Name ?? '?'}: ${one.FailureReason}`],
    );
    return `is ${status}${reasons.length === 0 ? '' : ` (${reasons.join('; ')})`}`;
  }
  const container = found.InferenceSpecification?.Containers?.[0];
  return container?.Image === undefined ? 'names no image' : 'names no model artefact';
}

/** Where the package comes from and what was measured when it was registered, as far as it says. */
function lineageOf(found: DescribeModelPackageOutput): NonNullable<Candidate['lineage']> {
  const sources = (
    group: Readonly<
      Record<
        string,
        Readonly<Record<string, { S3Uri?: string | undefined } | undefined>> | undefined
      >
    >,
  ): Readonly<Record<string, string>> =>
    Object.fromEntries(
      Object.entries(group).flatMap(([what, files]) =>
        Object.entries(files ?? {}).flatMap(([file, source]) =>
          source?.S3Uri === undefined ? [] : [[`${what}.${file}`, source.S3Uri] as const],
        ),
      ),
    );
  const { ModelQuality, ModelDataQuality, Bias, Explainability } = found.ModelMetrics ?? {};
  const baselines = found.DriftCheckBaselines ?? {};
  return {
    generatedBy: found.MetadataProperties?.GeneratedBy ?? null,
    commit: found.MetadataProperties?.CommitId ?? null,
    metrics: sources({
      ModelQuality: { ...ModelQuality },
      ModelDataQuality: { ...ModelDataQuality },
      Bias: { ...Bias },
      Explainability: { ...Explainability },
    }),
    baselines: sources({
      Bias: { ...baselines.Bias },
      Explainability: { ...baselines.Explainability },
      ModelQuality: { ...baselines.ModelQuality },
      ModelDataQuality: { ...baselines.ModelDataQuality },
    }),
    stage:
      found.ModelLifeCycle?.Stage === undefined
        ? null
        : `${found.ModelLifeCycle.Stage}/${found.ModelLifeCycle.StageStatus ?? ''}`,
  };
}

type Changes = Omit<UpdateModelPackageInput, 'ModelPackageArn' | 'ClientToken'>;

/** What of the wish the package does not show yet, and what of it SageMaker could not take. */
function changesOf(
  { status, description, metadata = {}, lifeCycle }: WritePackage,
  found: DescribeModelPackageOutput,
): { readonly changes: Changes; readonly notes: readonly string[] } {
  const there = found.CustomerMetadataProperties ?? {};
  const { fitting, notes } = fittingMetadata(metadata, there);
  const news = Object.entries(fitting).filter(([key, value]) => there[key] !== value);
  const text = description?.slice(0, DESCRIPTION_LENGTH);
  const stands =
    (status === undefined || found.ModelApprovalStatus === status) &&
    (text === undefined || found.ApprovalDescription === text);
  const { Stage, StageStatus } = found.ModelLifeCycle ?? {};
  const staged =
    lifeCycle === undefined || (Stage === lifeCycle.stage && StageStatus === lifeCycle.status);
  return {
    changes: {
      ...(stands || status === undefined ? {} : { ModelApprovalStatus: status }),
      ...(stands || text === undefined ? {} : { ApprovalDescription: text }),
      ...(news.length === 0 ? {} : { CustomerMetadataProperties: Object.fromEntries(news) }),
      ...(staged
        ? {}
        : { ModelLifeCycle: { Stage: lifeCycle.stage, StageStatus: lifeCycle.status } }),
    },
    notes,
  };
}

/** The workflow and the step of it that writes: the same for every attempt. */
function stepOf(): readonly string[] {
  const info = runningActivity()?.info;
  return info === undefined
    ? []
    : [
        info.workflowExecution?.workflowId ?? '',
        info.workflowExecution?.runId ?? '',
        info.activityId,
      ];
}

/** `sha256:…` of an image: as the registry keeps it, or as its address says; `null` for a tag nobody resolved. */
export function imageDigest(image: string, registered: string | undefined): string | null {
  return registered ?? /@(sha256:[0-9a-f]{64})$/.exec(image)?.[1] ?? null;
}

/** Where the package says the data lies that later windows are compared with. */
export const baselineOf = (found: DescribeModelPackageOutput): string | null =>
  found.DriftCheckBaselines?.ModelDataQuality?.Statistics?.S3Uri ??
  found.CustomerMetadataProperties?.['modelkeeper:baseline'] ??
  null;
