/** What the endpoints of an account need: nobody may delete it. */
import { ListEndpointsCommand, type SageMakerClient } from '@aws-sdk/client-sagemaker';

import { aws, may } from './aws-failure.js';
import { describeConfig, describeEndpoint } from './read.js';
import { inParallel } from './s3.js';

/** Calls at once: more would use up what the account allows everybody. */
export const AT_ONCE = 4;

/** Configs that any endpoint of the account serves or deploys, and the models they name. */
export async function inUse(
  sagemaker: SageMakerClient,
): Promise<{ readonly configs: readonly string[]; readonly models: ReadonlySet<string> }> {
  const names: string[] = [];
  let token: string | undefined;
  do {
    const page = await aws(may('sagemaker:ListEndpoints', '*'), (options) =>
      sagemaker.send(
        new ListEndpointsCommand({
          MaxResults: 100,
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
