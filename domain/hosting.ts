/** What SageMaker gives which kind of endpoint: what a policy asks of one that cannot have it is refused at the door. */
import { limitedMetrics, type EndpointMetric } from './endpoint-metrics.js';
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
  /** Its config has data capture on, which AWS lists for real-time endpoints only. */
  readonly captures: boolean;
}

export interface HostingFault {
  /** Key of the policy it is about. */
  readonly path: string;
  readonly message: string;
}

/** Metrics that AWS publishes of no asynchronous endpoint, and of no serverless one. */
const UNPUBLISHED: Readonly<Record<'asynchronous' | 'serverless', readonly EndpointMetric[]>> = {
  asynchronous: ['Invocations', 'InvocationsPerInstance', 'OverheadLatency'],
  serverless: ['InvocationsPerInstance'],
};

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
  const what =
    serverless.length > 0
      ? `variant '${serverless.join("', '")}' of '${name}' is serverless`
      : `'${name}' is asynchronous`;
  const kind = serverless.length > 0 ? 'serverless' : asynchronous ? 'asynchronous' : undefined;
  if (kind !== undefined)
    for (const [index, source] of monitor.sources.entries()) {
      const path = `spec.monitor.sources[${index}]`;
      const reads =
        source.kind === 'captured-inputs' ||
        source.kind === 'ground-truth' ||
        source.kind === 'multivariate';
      if (reads && !(kind === 'asynchronous' && hosted.captures))
        fault(
          path,
          `${what}, and SageMaker captures no data of ${kind} endpoints: take the source '${source.id}' out`,
        );
      if (source.kind === 'model-monitor' && source.manage !== undefined && !hosted.captures)
        fault(
          path,
          `${what}, and Model Monitor reads the captured data that ${kind} endpoints have none of: take the source '${source.id}' out`,
        );
      const blind =
        source.kind === 'endpoint-metrics'
          ? limitedMetrics(source).filter((metric) => UNPUBLISHED[kind].includes(metric))
          : [];
      if (blind.length > 0)
        fault(
          path,
          `${what}, and CloudWatch has no ${blind.join(', ')} of ${kind} endpoints: take that out of the source '${source.id}'`,
        );
    }
  if (serverless.length > 0) {
    if (strategy !== 'all-at-once') {
      fault(
        'spec.deploy.strategy',
        `${what}, which SageMaker updates all at once whatever is asked: write all-at-once, and know that no alarm takes it back by itself`,
      );
    }
    if (scaling !== undefined)
      fault('spec.scaling', `${what} and has no instances to scale: take spec.scaling out`);
  }
  if (kind === 'asynchronous') {
    const by = `${what}, and InvocationsPerInstance is not published of it`;
    if (scaling?.target?.metric === 'InvocationsPerInstance')
      fault(
        'spec.scaling.target.metric',
        `${by}: write metric: custom with custom: { namespace: AWS/SageMaker, name: ApproximateBacklogSizePerInstance, statistic: Average, dimensions: { EndpointName: ${name} } }`,
      );
    if (scaling?.steps?.metric === 'InvocationsPerInstance')
      fault('spec.scaling.steps.metric', `${by}: write CPUUtilization or MemoryUtilization`);
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
