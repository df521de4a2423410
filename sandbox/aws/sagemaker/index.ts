/** SageMaker's control plane and runtime on the kernel of the sandbox. */
import { AwsError } from '../kernel.js';
import type { CallInfo, JsonOperations, Kernel, RuntimeHandler, Service } from '../kernel.js';
import { AsyncInference } from './async-inference.js';
import { Capture } from './capture.js';
import { ContainerRuns } from './container-runs.js';
import { Endpoints } from './endpoints.js';
import { Hosting } from './hosting.js';
import { Jobs } from './jobs.js';
import { EndpointMetrics } from './metrics.js';
import { Monitoring } from './monitoring.js';
import { Packages } from './packages.js';
import { Pipelines } from './pipelines.js';
import { Runtime } from './runtime.js';
import { Containers } from './serving.js';
import { Tags } from './tags.js';

/** How often endpoints, jobs and pipelines are brought up to the clock. */
const STEP_MS = 100;
/** How long captured lines and measurements wait in memory: what a kill may lose. */
const CAPTURE_FLUSH_MS = 1_000;
const METRICS_FLUSH_MS = 250;

const runtimes = new WeakMap<Kernel, { now: Runtime; later: AsyncInference }>();

/** Builds the service for `startSandbox({ services: sageMakerServices, runtime: handleInvocation })`. */
export function sageMakerServices(kernel: Kernel): Service[] {
  const tags = new Tags(kernel);
  const packages = new Packages(kernel, tags);
  const hosting = new Hosting(kernel, tags);
  hosting.packaged = (name, call) => packages.packaged(name, call);
  const containers = new Containers(kernel);
  const endpoints = new Endpoints(kernel, hosting, containers, tags);
  const runs = new ContainerRuns(kernel, (arn) => packages.firstContainer(arn)?.ModelDataUrl);
  const jobs = new Jobs(kernel, runs, tags);
  const pipelines = new Pipelines(kernel, hosting, jobs, packages, tags);
  const monitoring = new Monitoring(kernel, endpoints, jobs, tags, { hosting, containers });
  const capture = new Capture(kernel);
  const metrics = new EndpointMetrics(kernel);
  const now = new Runtime(kernel, endpoints, containers, capture, metrics);
  const later = new AsyncInference(kernel, endpoints, now);
  runtimes.set(kernel, { now, later });
  kernel.onScale(endpoints.scalable);

  const operations: JsonOperations = {
    ...tags.operations,
    ...hosting.operations,
    ...endpoints.operations,
    ...jobs.operations,
    ...packages.operations,
    ...pipelines.operations,
    ...monitoring.operations,
  };
  return [
    {
      target: 'SageMaker',
      operations: refusingForeignRoles(kernel, operations),
      start: () => {
        kernel.every(STEP_MS, 'endpoints', () => endpoints.step());
        kernel.every(STEP_MS, 'asynchronous inference', () => {
          later.step();
        });
        kernel.every(STEP_MS, 'jobs', () => jobs.step());
        kernel.every(STEP_MS, 'pipelines', () => {
          pipelines.step();
        });
        kernel.every(STEP_MS, 'monitoring', () => {
          monitoring.step();
        });
        kernel.every(CAPTURE_FLUSH_MS, 'data capture', () => {
          capture.flush();
        });
        kernel.every(METRICS_FLUSH_MS, 'endpoint metrics', () => {
          metrics.flush();
        });
        kernel.every(1_000, 'instance metrics', () => {
          metrics.publishInstances(endpoints.values());
          later.publish();
        });
      },
      close: async () => {
        capture.flush();
        metrics.flush();
        await runs.close();
      },
    },
  ];
}

/** No service takes a role of another account than the caller's. */
function refusingForeignRoles(kernel: Kernel, operations: JsonOperations): JsonOperations {
  return Object.fromEntries(
    Object.entries(operations).map(([name, work]) => [
      name,
      (input: Record<string, unknown>, call: CallInfo) => {
        for (const role of [input['RoleArn'], input['ExecutionRoleArn']]) {
          const account =
            typeof role === 'string' ? /^arn:[^:]+:iam::(\d{12}):/.exec(role)?.[1] : undefined;
          if (account !== undefined && account !== kernel.accountId)
            throw new AwsError('AccessDeniedException', 'Cross-account pass role is not allowed.');
        }
        return work(input, call);
      },
    ]),
  );
}

/** Answers `POST /endpoints/{name}/invocations` and `…/async-invocations`. */
export const handleInvocation: RuntimeHandler = async (kernel, request) => {
  const runtime = runtimes.get(kernel);
  if (runtime === undefined) throw new Error('sageMakerServices was not given to this sandbox');
  return request.operation === 'InvokeEndpoint'
    ? runtime.now.invoke(request)
    : runtime.later.invoke(request);
};
