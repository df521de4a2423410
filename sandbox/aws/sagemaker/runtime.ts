import { setTimeout } from 'node:timers/promises';
import type { Kernel } from '../kernel.js';
import { AwsError } from '../kernel.js';
import type { Capture } from './capture.js';
import { uuid } from './context.js';
import { routesOf } from './endpoint-record.js';
import type { EndpointRecord, Route } from './endpoint-record.js';
import type { Endpoints } from './endpoints.js';
import { header, validationError } from './invocation.js';
import type { InvocationRequest, InvocationResponse } from './invocation.js';
import type { EndpointMetrics } from './metrics.js';
import { ContainerError } from './serving.js';
import type { Answer, Containers } from './serving.js';

/** A container answers InvokeEndpoint within a minute or not at all. */
const MODEL_TIMEOUT_MS = 60_000;
/** Of a fault `slow container` that does not say. */
const DEFAULT_SLOW_MS = 1_000;
/** AWS's limit of a request body, 6 MiB. */
const MAX_BODY_BYTES = 6_291_456;

/** A request on its way to a variant. */
export interface Exchanged {
  readonly endpointName: string;
  readonly contentType: string;
  readonly accept: string;
  readonly body: Buffer;
  readonly started: bigint;
  readonly atMs: number;
  readonly inferenceId?: string;
  readonly customAttributes?: string;
}

/** InvokeEndpoint: picks a variant, predicts, captures, measures. */
export class Runtime {
  /** Invocations that serverless variants work on, by config and variant. */
  private readonly underWay = new Map<string, number>();

  constructor(
    private readonly kernel: Kernel,
    private readonly endpoints: Endpoints,
    private readonly containers: Containers,
    private readonly capture: Capture,
    private readonly metrics: EndpointMetrics,
  ) {}

  async invoke({ endpointName, headers, body }: InvocationRequest): Promise<InvocationResponse> {
    const started = process.hrtime.bigint();
    const atMs = this.kernel.now();
    const endpoint = this.found(endpointName);
    const routes = routesOf(endpoint);
    if (endpoint.fleet?.asynchronous !== undefined)
      throw validationError(
        `Endpoint ${endpoint.name} of account ${this.kernel.accountId} is an asynchronous inference endpoint. Use InvokeEndpointAsync.`,
      );
    if (body.length > MAX_BODY_BYTES) {
      throw validationError(`Request body must not be larger than ${MAX_BODY_BYTES} bytes.`);
    }
    const inferenceId = header(headers, 'x-amzn-sagemaker-inference-id');
    const route = this.choose(endpoint, routes, header(headers, 'x-amzn-sagemaker-target-variant'));
    const { variant } = route;
    if (variant.modelName === undefined) {
      throw validationError(
        'Inference Component Name header is required for endpoints to which you plan to deploy inference components.',
      );
    }
    if (header(headers, 'x-amzn-sagemaker-inference-component') !== undefined)
      throw validationError(
        'Inference Component Name header is not allowed for endpoints to which you dont plan to deploy inference components.',
      );
    const contentType = header(headers, 'content-type') ?? 'application/octet-stream';
    const customAttributes = header(headers, 'x-amzn-sagemaker-custom-attributes');
    const exchange: Exchanged = {
      endpointName: endpoint.name,
      contentType,
      accept: header(headers, 'accept') ?? '',
      body,
      started,
      atMs,
      ...(inferenceId !== undefined && { inferenceId }),
      ...(customAttributes !== undefined && { customAttributes }),
    };
    const outcome = await this.within(route, () => this.exchange(route, exchange));
    // The caller is not kept waiting for a copy, nor told what became of it.
    this.mirror(route, exchange);
    if (outcome instanceof ContainerError) return this.modelError(endpoint, route, outcome);
    return {
      status: 200,
      headers: {
        'content-type': outcome.contentType,
        'x-amzn-invoked-production-variant': variant.name,
        ...(customAttributes !== undefined && {
          'x-amzn-sagemaker-custom-attributes': customAttributes,
        }),
      },
      body: Buffer.from(outcome.body),
    };
  }

  /** @throws {AwsError} for an endpoint that is not there, or that serves nothing yet. */
  found(endpointName: string): EndpointRecord {
    const endpoint = this.endpoints.get(endpointName);
    if (endpoint !== undefined && routesOf(endpoint).length > 0) return endpoint;
    throw validationError(
      `Endpoint ${endpointName} of account ${this.kernel.accountId} not found.`,
    );
  }

  /** Every variant that takes traffic now. */
  routes(endpoint: EndpointRecord): readonly Route[] {
    return routesOf(endpoint);
  }

  /** A serverless variant takes no more invocations at once than its MaxConcurrency. */
  private async within<T>({ variant, fleet }: Route, work: () => Promise<T>): Promise<T> {
    if (variant.serverless === undefined) return work();
    const key = `${fleet.configName}/${variant.name}`;
    const underWay = this.underWay.get(key) ?? 0;
    if (underWay >= variant.serverless.MaxConcurrency)
      throw new AwsError('ThrottlingException', 'Rate exceeded');
    this.underWay.set(key, underWay + 1);
    try {
      return await work();
    } finally {
      const left = (this.underWay.get(key) ?? 1) - 1;
      if (left > 0) this.underWay.set(key, left);
      else this.underWay.delete(key);
    }
  }

  /** Lets one variant answer, captures and measures it. An answer later than `timeoutMs` is none. */
  async exchange(
    route: Route,
    request: Exchanged,
    timeoutMs = MODEL_TIMEOUT_MS,
  ): Promise<Answer | ContainerError> {
    const { variant, fleet } = route;
    const { endpointName, contentType, body, atMs, started } = request;
    const modelStarted = process.hrtime.bigint();
    const outcome = await this.predict(route, contentType, request.accept, body, timeoutMs);
    const modelLatencyMicros = microsSince(modelStarted);
    if (!(outcome instanceof ContainerError) && fleet.capture) {
      const { inferenceId, customAttributes } = request;
      this.capture.record({
        endpointName,
        variantName: variant.name,
        config: fleet.capture,
        atMs,
        eventId: uuid(),
        ...(inferenceId !== undefined && { inferenceId }),
        ...(customAttributes !== undefined && { customAttributes }),
        input: { contentType, data: body },
        output: { contentType: outcome.contentType, data: Buffer.from(outcome.body) },
      });
    }
    this.metrics.record({
      endpointName,
      variant,
      fleet,
      atMs,
      modelLatencyMicros,
      overheadMicros: microsSince(started) - modelLatencyMicros,
      status: outcome instanceof ContainerError ? outcome.status : 200,
    });
    return outcome;
  }

  /** Copies a request to the shadow, as often as its weight is of the production variant's. */
  private mirror({ variant, fleet }: Route, request: Exchanged): void {
    for (const shadow of fleet.shadows ?? []) {
      const sampled = variant.weight === 0 ? 0 : shadow.weight / variant.weight;
      if (this.kernel.random('sagemaker.shadow') >= sampled) continue;
      const copy = { ...request, started: process.hrtime.bigint() };
      this.exchange({ variant: shadow, fleet, share: 0 }, copy).catch((error: unknown) => {
        this.kernel.log(`shadow ${shadow.name}: ${String(error)}`);
      });
    }
  }

  /** The variant asked for, in proportion to its fleets' shares; else any by its share of the traffic. */
  choose(endpoint: EndpointRecord, routes: readonly Route[], wanted: string | undefined): Route {
    const open =
      wanted === undefined ? routes : routes.filter(({ variant }) => variant.name === wanted);
    // A variant of weight 0 takes no share of the traffic, but may be asked for by name.
    const parked = endpoint.fleet?.variants.find(({ name }) => name === wanted);
    if (open.length === 0 && parked && endpoint.fleet)
      return { variant: parked, fleet: endpoint.fleet, share: 0 };
    let point =
      this.kernel.random('sagemaker.routing') * open.reduce((sum, { share }) => sum + share, 0);
    for (const route of open) {
      point -= route.share;
      if (point < 0) return route;
    }
    const last = open.at(-1);
    if (last !== undefined) return last;
    throw validationError(`Variant ${wanted ?? ''} does not exist for endpoint ${endpoint.name}.`);
  }

  private async predict(
    { variant }: Route,
    contentType: string,
    accept: string,
    body: Buffer,
    timeoutMs: number,
  ): Promise<Answer | ContainerError> {
    const model = variant.modelName ?? variant.name;
    const slow = this.kernel.takeFault('slow container', model);
    if (slow !== undefined) {
      const waitMs = slow.delayMs ?? DEFAULT_SLOW_MS;
      await setTimeout(this.kernel.realMs(Math.min(waitMs, timeoutMs)), undefined, { ref: false });
      if (waitMs > timeoutMs)
        return new ContainerError(
          500,
          `Invocation timed out while waiting for a response from container primary after ${timeoutMs / 1_000} seconds.`,
        );
    }
    const fault = this.kernel.takeFault('container error', model);
    if (fault)
      return new ContainerError(fault.status ?? 500, fault.message ?? 'Internal Server Error');
    try {
      return await this.containers.invoke(variant.artefact, contentType, accept, body);
    } catch (error) {
      if (error instanceof ContainerError) return error;
      return new ContainerError(500, error instanceof Error ? error.message : String(error));
    }
  }

  private modelError(
    endpoint: EndpointRecord,
    { variant }: Route,
    error: ContainerError,
  ): InvocationResponse {
    const side = error.status >= 500 ? 'server' : 'client';
    const group = `/aws/sagemaker/Endpoints/${endpoint.name}`;
    const message = `Received ${side} error (${error.status}) from primary with message "${error.message}". See https://console.aws.amazon.com/cloudwatch/home?region=${this.kernel.region}#logEventViewer:group=${group} in account ${this.kernel.accountId} for more information.`;
    return {
      status: 424,
      headers: {
        'content-type': 'application/json',
        'x-amzn-errortype': 'ModelError',
        'x-amzn-invoked-production-variant': variant.name,
      },
      body: Buffer.from(
        JSON.stringify({
          ErrorCode: `${side.toUpperCase()}_ERROR_FROM_MODEL`,
          LogStreamArn: this.kernel.arn('logs', `log-group:${group}`),
          Message: message,
          OriginalMessage: error.message,
          OriginalStatusCode: error.status,
        }),
      ),
    };
  }
}

function microsSince(started: bigint): number {
  return Number((process.hrtime.bigint() - started) / 1000n);
}
