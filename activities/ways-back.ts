import { DescribeScalableTargetsCommand } from '@aws-sdk/client-application-auto-scaling';
import {
  ListEndpointConfigsCommand,
  type DescribeEndpointConfigOutput,
  type SageMakerClient,
} from '@aws-sdk/client-sagemaker';

import { isSplit } from '../domain/names.js';
import {
  isConfigOf,
  outdated,
  replacedFleets,
  scaledInWords,
  waysBack,
  waysBackInWords,
  type KeptConfig,
  type VariantFleet,
} from '../domain/ways-back.js';
import { aws, may } from './aws-failure.js';
import type { ControlActivities, WayBackRequest } from './contract.js';
import type { AwsClients, ControlDeps } from './deps.js';
import { discard, isTagged } from './deployment.js';
import { AT_ONCE, inUse } from './in-use.js';
import { describeConfig, describeModel, describePackage, readEndpoint } from './read.js';
import { headObject, inParallel } from './s3.js';
import { clientsFor } from './stage-clients.js';

type WaysBackActivities = Pick<ControlActivities, 'findWayBack' | 'pruneConfigs'>;

export function createWaysBackActivities(deps: ControlDeps): WaysBackActivities {
  const clients = clientsFor(deps, 'deploy');
  const trained = clientsFor(deps, 'train');
  const registered = clientsFor(deps, 'approve');

  return {
    /** Reads only. */
    async findWayBack(request) {
      const { sagemaker, autoscaling } = clients(request);
      const { endpoint: named } = request.policy.spec;
      const endpoint = await readEndpoint(sagemaker, named, deps.now());
      const refused = async (reason: string) => {
        const left = waysBack(
          request.model,
          await configsOf(sagemaker, request.model),
          endpoint.configName,
        );
        return { kind: 'refused' as const, reason: `${reason}; ${waysBackInWords(left)}` };
      };
      const to = request.to ?? request.previous;
      if (to === null) return refused('there is no earlier config to go back to');
      if (request.to === null && to === request.left && to !== endpoint.configName)
        return refused(`${to} was itself rolled back: name it with --to if it is to serve again`);
      // A mixed fleet serves, whatever the endpoint says: only another update puts that right.
      const serves = to === endpoint.configName && endpoint.status !== 'UpdateRollbackFailed';
      if (serves) return refused(`${to} serves already`);
      const reason = await whyNot(
        {
          ...{ sagemaker, autoscaling },
          registry: registered(request).sagemaker,
          s3: trained(request).s3,
        },
        request,
        to,
        endpoint.configName,
      );
      return reason === undefined ? { kind: 'ready', configName: to, endpoint } : refused(reason);
    },

    /**
     * Deletes by name what carries our tag and is in use nowhere. What is gone is no error, so twice is the same as
     * once. Endpoints of the whole account are looked at: somebody may have used a config of ours elsewhere.
     */
    async pruneConfigs(request) {
      const { sagemaker } = clients(request);
      const { model, keep, wanted, release } = request;
      const configs = await configsOf(sagemaker, model);
      const old = outdated(model, configs, { keep, wanted, release });
      if (old.length === 0) return { removed: [] };
      const used = await inUse(sagemaker, old);
      const removed: string[] = [];
      const needed = { keep, wanted: [...wanted, ...used.configs], release };
      for (const name of outdated(model, configs, needed)) {
        if (used.models.has(name)) continue;
        await discard(sagemaker, model, name);
        removed.push(name);
      }
      return { removed };
    },
  };
}

/** Why the endpoint cannot go back to a config, in words; `undefined` when it can. */
async function whyNot(
  {
    sagemaker,
    autoscaling,
    registry,
    s3,
  }: Pick<AwsClients, 'sagemaker' | 'autoscaling' | 's3'> & {
    readonly registry: SageMakerClient;
  },
  request: WayBackRequest,
  to: string,
  serving: string | null,
): Promise<string | undefined> {
  const { name: endpoint, variant } = request.policy.spec.endpoint;
  const { onRejectedWhileServing } = request.policy.spec.registry;
  const config = await describeConfig(sagemaker, to);
  if (config === undefined) return `there is no endpoint config ${to}`;
  if (isSplit(request.model, to))
    return `${to} serves two versions side by side, which only a rollout does`;
  const variants = config.ProductionVariants ?? [];
  if (!variants.some(({ VariantName }) => VariantName === variant))
    return `the config ${to} has no variant ${variant}`;
  for (const { ModelName: name } of variants) {
    if (name === undefined) continue;
    const model = await describeModel(sagemaker, name);
    if (model === undefined) return `the SageMaker model ${name} of ${to} was deleted`;
    for (const container of model.Containers ?? [model.PrimaryContainer ?? {}]) {
      const { ModelPackageName } = container;
      const found =
        ModelPackageName === undefined
          ? undefined
          : await describePackage(registry, ModelPackageName);
      if (ModelPackageName !== undefined && found === undefined)
        return `the model package ${ModelPackageName} of ${to} was deleted`;
      if (found?.ModelApprovalStatus === 'Rejected' && onRejectedWhileServing === 'rollback')
        return `the model package ${ModelPackageName ?? ''} of ${to} is Rejected in the registry, and by registry.onRejectedWhileServing it would be rolled back again: set it to Approved there first`;
      const uri =
        container.ModelDataUrl ?? found?.InferenceSpecification?.Containers?.[0]?.ModelDataUrl;
      if (uri !== undefined && (await headObject(s3, uri)) === undefined)
        return `the artefact ${uri} of ${to} is gone: new instances could not start`;
    }
  }
  const served = serving === null ? undefined : await describeConfig(sagemaker, serving);
  for (const fleet of replacedFleets(fleetsOf(served), fleetsOf(config)))
    if (await isScaled(autoscaling, endpoint, fleet.variant))
      return scaledInWords(fleet, to, endpoint);
  return undefined;
}

const fleetsOf = (config: DescribeEndpointConfigOutput | undefined): readonly VariantFleet[] =>
  (config?.ProductionVariants ?? []).map(({ VariantName = '', InstanceType = null }) => ({
    variant: VariantName,
    instanceType: InstanceType,
  }));

async function isScaled(
  autoscaling: AwsClients['autoscaling'],
  endpoint: string,
  variant: string,
): Promise<boolean> {
  const resource = `endpoint/${endpoint}/variant/${variant}`;
  const { ScalableTargets = [] } = await aws(
    may('application-autoscaling:DescribeScalableTargets', resource),
    (options) =>
      autoscaling.send(
        new DescribeScalableTargetsCommand({
          ServiceNamespace: 'sagemaker',
          ResourceIds: [resource],
          ScalableDimension: 'sagemaker:variant:DesiredInstanceCount',
        }),
        options,
      ),
  );
  return ScalableTargets.length > 0;
}

/** Endpoint configs that releases of the model have made, by name and by tag. */
export async function configsOf(
  sagemaker: SageMakerClient,
  model: string,
  isWanted: (model: string, name: string) => boolean = isConfigOf,
): Promise<readonly KeptConfig[]> {
  const found: (KeptConfig & { readonly arn: string })[] = [];
  let token: string | undefined;
  do {
    const page = await aws(may('sagemaker:ListEndpointConfigs', '*'), (options) =>
      sagemaker.send(
        new ListEndpointConfigsCommand({
          NameContains: `${model}-`,
          MaxResults: 100,
          ...(token === undefined ? {} : { NextToken: token }),
        }),
        options,
      ),
    );
    for (const {
      EndpointConfigName: name = '',
      EndpointConfigArn: arn = '',
      CreationTime,
    } of page.EndpointConfigs ?? []) {
      if (isWanted(model, name))
        found.push({ name, arn, createdAtMs: CreationTime?.getTime() ?? 0 });
    }
    token = page.NextToken;
  } while (token !== undefined);
  const ours = await inParallel(found, AT_ONCE, ({ arn }) => isTagged(sagemaker, arn, model));
  return found.filter((_, index) => ours[index] === true);
}
