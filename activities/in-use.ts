/** What the endpoints of an account need: nobody may delete it. */
import { ListEndpointsCommand, type SageMakerClient } from '@aws-sdk/client-sagemaker';

import { aws, may } from './aws-failure.js';
import { describeConfig, describeEndpoint, describeModel } from './read.js';
import { inParallel } from './s3.js';

/** Calls at once: more would use up what the account allows everybody. */
export const AT_ONCE = 4;

/** Clocks within AWS differ; looking at an endpoint more costs little. */
const MARGIN_MS = 10 * 60_000;

/**
 * Configs that any endpoint of the account serves or deploys, and the models they name, as far as they can be of these
 * names. Only endpoints that have changed since the first of them was made can have come to use one: the others are
 * not described, however many the account has.
 */
export async function inUse(
  sagemaker: SageMakerClient,
  asked: readonly string[],
): Promise<{ readonly configs: readonly string[]; readonly models: ReadonlySet<string> }> {
  const madeAtMs = await inParallel(asked, AT_ONCE, async (name) => [
    (await describeModel(sagemaker, name))?.CreationTime?.getTime(),
    (await describeConfig(sagemaker, name))?.CreationTime?.getTime(),
  ]);
  const known = madeAtMs.flat().filter((atMs) => atMs !== undefined);
  if (known.length === 0) return { configs: [], models: new Set() };
  const LastModifiedTimeAfter = new Date(Math.min(...known) - MARGIN_MS);
  const names: string[] = [];
  let token: string | undefined;
  do {
    const page = await aws(may('sagemaker:ListEndpoints', '*'), (options) =>
      sagemaker.send(
        new ListEndpointsCommand({
          MaxResults: 100,
          LastModifiedTimeAfter,
          ...(token === undefined ? {} : { NextToken: token }),
        }),
        options,
      ),
    );
    for (const { EndpointName } of page.Endpoints ?? []) names.push(EndpointName ?? '');
    token = page.NextToken;
  } while (token !== undefined);
  const endpoints = await inParallel(names, AT_ONCE, (name) => describeEndpoint(sagemaker, name));
  const configs = new Set(
    endpoints.flatMap((endpoint) => [
      endpoint?.EndpointConfigName ?? '',
      endpoint?.PendingDeploymentSummary?.EndpointConfigName ?? '',
    ]),
  );
  const described = await inParallel([...configs].filter(Boolean), AT_ONCE, (name) =>
    describeConfig(sagemaker, name),
  );
  const models = described.flatMap((config) =>
    [...(config?.ProductionVariants ?? []), ...(config?.ShadowProductionVariants ?? [])].map(
      ({ ModelName }) => ModelName ?? '',
    ),
  );
  return { configs: [...configs], models: new Set(models) };
}
