/** What SageMaker gives which kind of endpoint: what a policy asks of one that cannot have it is refused at the door. */
import { candidateVariant } from './names.js';
import type { PolicySpec } from './policy.schema.js';
import { shadowFaults } from './shadow.js';

/** How an endpoint is hosted, as its config says. */
export interface HostedAs {
  readonly name: string;
  readonly variants: readonly {
    readonly name: string;
    /** False for a variant of inference components. */
    readonly hasModel: boolean;
    readonly serverless: boolean;
  }[];
  readonly asynchronous: boolean;
}

export interface HostingFault {
  /** Key of the policy it is about. */
  readonly path: string;
  readonly message: string;
}

type Asked = Pick<PolicySpec, 'endpoint' | 'deploy' | 'monitor' | 'scaling'>;

/** Why endpoints of inference components are kept by nobody here; `undefined` for every other. */
export const componentsFault = ({ name, variants }: HostedAs): string | undefined =>
  variants.some(({ hasModel }) => !hasModel)
    ? `'${name}' hosts inference components: modelkeeper keeps endpoints whose variants name a model`
    : undefined;

/**
 * What the policy asks of this endpoint and SageMaker does not give, each with what to write instead; empty when it can
 * all be had. The candidate's variant of a rollout by steps and a shadow that stands there meanwhile are not counted.
 */
export function hostingFaults(spec: Asked, hosted: HostedAs): readonly HostingFault[] {
  const { endpoint, deploy, monitor, scaling } = spec;
  const { strategy } = deploy;
  const components = componentsFault(hosted);
  if (components !== undefined) return [{ path: 'spec.endpoint.name', message: components }];
  const faults: HostingFault[] = [];
  const fault = (path: string, message: string): void => {
    faults.push({ path, message });
  };
  const { name, asynchronous } = hosted;
  const variants = hosted.variants.filter((one) => one.name !== candidateVariant(endpoint.variant));
  const serverless = variants.filter((one) => one.serverless).map((one) => one.name);
  if (serverless.length > 0) {
    const what = `variant '${serverless.join("', '")}' of '${name}' is serverless`;
    if (strategy !== 'all-at-once') {
      fault(
        'spec.deploy.strategy',
        `${what}, which SageMaker updates all at once whatever is asked: write all-at-once, and know that no alarm takes it back by itself`,
      );
    }
    for (const [index, source] of monitor.sources.entries())
      if (source.kind === 'captured-inputs' || source.kind === 'ground-truth')
        fault(
          `spec.monitor.sources[${index}]`,
          `${what}, and SageMaker captures no data of serverless endpoints: take the source '${source.id}' out`,
        );
    if (scaling !== undefined)
      fault('spec.scaling', `${what} and has no instances to scale: take spec.scaling out`);
  }
  if (strategy === 'steps' && serverless.length === 0) {
    if (asynchronous)
      fault(
        'spec.deploy.strategy',
        `'${name}' is asynchronous: its requests wait in a queue, so that shares, alarms and comparison of two variants say nothing of each other; write all-at-once, canary, linear or rolling`,
      );
    if (variants.length > 1)
      fault(
        'spec.deploy.strategy',
        `'${name}' has ${variants.length} variants (${variants.map((one) => one.name).join(', ')}), and a rollout by steps shares all of the traffic between two: write all-at-once, canary, linear or rolling, which leave the others as they are`,
      );
  }
  if (deploy.shadow !== undefined)
    for (const message of shadowFaults({
      variants,
      asynchronous,
      shadowed: false,
      containers: [],
      multiModel: false,
    }))
      fault('spec.deploy.shadow', `'${name}': ${message}`);
  return faults;
}
