import { AddTagsCommand, DeleteTagsCommand } from '@aws-sdk/client-sagemaker';

import { unmeasurableLimits } from '../domain/endpoint-metrics.js';
import { hostingFaults } from '../domain/hosting.js';
import { keeperId, KEEPER_TAG } from '../domain/names.js';
import { aws, may } from './aws-failure.js';
import type { ClaimOutcome, ControlActivities, ModelRef } from './contract.js';
import type { ControlDeps } from './deps.js';
import { lookAtEndpoint, readEndpoint, readTags, type EndpointLook } from './read.js';
import { clientsFor } from './stage-clients.js';

/** Value of the keeper's tag; tag keys and values are compared ignoring case, as endpoint names are. */
export function keeperOf(tags: ReadonlyMap<string, string>): string | undefined {
  for (const [key, value] of tags) if (key.toLowerCase() === KEEPER_TAG) return value;
  return undefined;
}

export const isOurs = (keeper: string | undefined, model: string): boolean =>
  keeper?.toLowerCase() === keeperId(model).toLowerCase();

/** Why modelkeeper cannot keep this endpoint, and what to change; `undefined` when it can. */
export function unfit(look: EndpointLook, ref: ModelRef): string | undefined {
  const { name, variant, region } = ref.policy.spec.endpoint;
  if (look.endpoint === null) {
    return `there is no endpoint ${name} in ${region}: create it first, or correct spec.endpoint.name`;
  }
  if (look.config === null) {
    return `the endpoint config ${look.reading.configName ?? '?'} that ${name} serves was deleted: no update can succeed until the endpoint has a config that exists`;
  }
  const variants = look.config.ProductionVariants ?? [];
  const [fault] = hostingFaults(ref.policy.spec, {
    name,
    variants: variants.map((one) => ({
      name: one.VariantName ?? '',
      hasModel: one.ModelName !== undefined,
      serverless: one.ServerlessConfig !== undefined,
    })),
    asynchronous: look.config.AsyncInferenceConfig !== undefined,
    captures: look.config.DataCaptureConfig?.EnableCapture === true,
  });
  if (fault !== undefined) return fault.message;
  if (look.variant === null) {
    const names = variants.map((one) => one.VariantName ?? '?').join(', ');
    return `${name} has no variant ${variant}, it has ${names}: correct spec.endpoint.variant`;
  }
  return unmeasurableLimits(ref.policy.spec.monitor, look.variant.InstanceType);
}

type EndpointActivities = Pick<
  ControlActivities,
  'readEndpoint' | 'claimEndpoint' | 'unclaimEndpoint'
>;

export function createEndpointActivities(deps: ControlDeps): EndpointActivities {
  const clients = clientsFor(deps, 'deploy');
  const sagemakerOf = (ref: ModelRef) => clients(ref).sagemaker;

  return {
    /** Reads only. */
    async readEndpoint(ref) {
      const { sagemaker } = clientsFor(deps, 'read')(ref);
      return readEndpoint(sagemaker, ref.policy.spec.endpoint, deps.now());
    },

    /**
     * Writes our tag on the endpoint, unless another keeper's is there.
     *
     * Idempotent: the tag is read first, and writing the same tag twice changes nothing. It is read again
     * afterwards, so of two keepers that claim at once the one that finds the other's tag gives way.
     */
    async claimEndpoint(ref): Promise<ClaimOutcome> {
      const sagemaker = sagemakerOf(ref);
      const look = await lookAtEndpoint(sagemaker, ref.policy.spec.endpoint, deps.now());
      const reason = unfit(look, ref);
      if (reason !== undefined) return { kind: 'refused', reason };
      const { arn } = look.reading;
      const found = keeperOf(await readTags(sagemaker, arn));
      if (found === undefined) {
        await aws(may('sagemaker:AddTags', `endpoint/${look.reading.name}`), (options) =>
          sagemaker.send(
            new AddTagsCommand({
              ResourceArn: arn,
              Tags: [{ Key: KEEPER_TAG, Value: keeperId(ref.model) }],
            }),
            options,
          ),
        );
      }
      const keeper = found ?? keeperOf(await readTags(sagemaker, arn));
      if (keeper !== undefined && !isOurs(keeper, ref.model)) {
        return {
          kind: 'refused',
          reason: `${look.reading.name} is kept by ${keeper}: retire that one first, or take the tag ${KEEPER_TAG} off the endpoint if it is gone`,
        };
      }
      return { kind: 'claimed', endpoint: look.reading };
    },

    /** Takes off our own tag only; without it there is nothing to do, so twice is the same as once. */
    async unclaimEndpoint(ref) {
      const sagemaker = sagemakerOf(ref);
      const { arn, name } = await readEndpoint(sagemaker, ref.policy.spec.endpoint, deps.now());
      if (arn === '') return;
      const tags = await readTags(sagemaker, arn);
      if (!isOurs(keeperOf(tags), ref.model)) return;
      const keys = [...tags.keys()].filter((key) => key.toLowerCase() === KEEPER_TAG);
      await aws(may('sagemaker:DeleteTags', `endpoint/${name}`), (options) =>
        sagemaker.send(new DeleteTagsCommand({ ResourceArn: arn, TagKeys: keys }), options),
      );
    },
  };
}
