import {
  UpdateModelPackageCommand,
  type DescribeModelPackageOutput,
} from '@aws-sdk/client-sagemaker';

import { FailureType } from '../domain/failures.js';
import type { Candidate } from '../domain/model.js';
import { pollEveryMs } from '../domain/watch.js';
import { aws, may } from './aws-failure.js';
import type { ControlActivities, ModelRef } from './contract.js';
import type { ControlDeps } from './deps.js';
import { clientToken } from './digest.js';
import { hopeless, notYet } from './heartbeat.js';
import { describePackage } from './read.js';
import { headObject } from './s3.js';

/** AWS's limit of `ApprovalDescription`. */
const DESCRIPTION_LENGTH = 1_024;

type RegistryActivities = Pick<ControlActivities, 'setApprovalStatus' | 'readApprovalStatus'> & {
  /** What the registry says of a package, for whoever has just found it. */
  readonly readCandidate: (
    request: ModelRef & { readonly packageArn: string },
  ) => Promise<Candidate>;
};

export function createRegistryActivities(deps: ControlDeps): RegistryActivities {
  const clients = (ref: ModelRef) => deps.aws(ref.policy.spec.endpoint.region);

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
          `the model package ${request.packageArn} is ${status} and ${container?.ModelDataUrl === undefined ? 'names no model artefact' : 'names an artefact'}: nothing can be deployed from it`,
        );
      }
      const head = await headObject(clients(request).s3, container.ModelDataUrl);
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
      } satisfies Candidate;
    },

    /**
     * Sets the status and says why, unless both are so already.
     *
     * Idempotent: read first; and the token is made of what is asked for and of the package's last change, so a
     * repeated call is one call, and the same wish after somebody else's change is a new one.
     */
    async setApprovalStatus(request) {
      const description = request.description.slice(0, DESCRIPTION_LENGTH);
      const found = await read(request);
      if (found.ModelApprovalStatus === request.status && found.ApprovalDescription === description)
        return;
      await aws(may('sagemaker:UpdateModelPackage', request.packageArn), (options) =>
        clients(request).sagemaker.send(
          new UpdateModelPackageCommand({
            ModelPackageArn: request.packageArn,
            ModelApprovalStatus: request.status,
            ApprovalDescription: description,
            ClientToken: clientToken(
              request.packageArn,
              request.status,
              description,
              found.LastModifiedTime?.toISOString() ?? '',
            ),
          }),
          options,
        ),
      );
    },

    /** Reads only. */
    async readApprovalStatus(request) {
      const found = await read(request);
      const by = found.LastModifiedBy;
      return {
        status: found.ModelApprovalStatus ?? 'unknown',
        lastModifiedBy: by?.IamIdentity?.Arn ?? by?.UserProfileArn ?? null,
      };
    },
  };
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
