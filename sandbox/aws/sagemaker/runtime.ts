import type { IncomingHttpHeaders } from 'node:http';
import type { Kernel } from '../kernel.js';
import { AwsError } from '../kernel.js';
import type { Capture } from './capture.js';
import { uuid } from './context.js';
import { routesOf } from './endpoint-record.js';
import type { EndpointRecord, Route } from './endpoint-record.js';
import type { Endpoints } from './endpoints.js';
import type { EndpointMetrics } from './metrics.js';
import { ContainerError } from './serving.js';
import type { Answer, Containers } from './serving.js';

/** AWS's limit of a request body, 6 MiB. */
const MAX_BODY_BYTES = 6_291_456;

export interface InvocationRequest {
  readonly endpointName: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** A request on its way to a variant. */
interface Exchanged {
  readonly endpointName: string;
  readonly contentType: string;
  readonly accept: string;
  readonly body: Buffer;
  readonly started: bigint;
  readonly atMs: number;
  readonly inferenceId?: string;
  readonly customAttributes?: string;
}

export interface InvocationResponse {
  status: number;
  headers: Record<string, string>;
  body: Buffer;
}

/** InvokeEndpoint: picks a variant, predicts, captures, measures. */
export class Runtime {
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
    const endpoint = this.endpoints.get(endpointName);
    const routes = endpoint === undefined ? [] : routesOf(endpoint);
    if (endpoint === undefined || routes.length === 0) {
      throw validationError(
        `Endpoint ${endpointName} of account ${this.kernel.accountId} not found.`,
      );
    }
    if (body.length > MAX_BODY_BYTES) {
      throw validationError(`Request body must not be larger than ${MAX_BODY_BYTES} bytes.`);
    }
    const inferenceId = inferenceIdOf(headers);
    const route = this.choose(endpoint, routes, header(headers, 'x-amzn-sagemaker-target-variant'));
    const { variant } = route;
    if (variant.modelName === undefined) {
      throw validationError(
        'Inference Component Name header is required for endpoints to which you plan to deploy inference components.',
      );
    }
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
    const outcome = await this.exchange(route, exchange);
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

  /** Lets one variant answer, captures and measures it. */
  private async exchange(route: Route, request: Exchanged): Promise<Answer | ContainerError> {
    const { variant, fleet } = route;
    const { endpointName, contentType, body, atMs, started } = request;
    const modelStarted = process.hrtime.bigint();
    const outcome = await this.predict(route, contentType, request.accept, body);
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
      void this.exchange({ variant: shadow, fleet, share: 0 }, copy);
    }
  }

  /** The variant asked for, in proportion to its fleets' shares; else any by its share of the traffic. */
  private choose(
    endpoint: EndpointRecord,
    routes: readonly Route[],
    wanted: string | undefined,
  ): Route {
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
  ): Promise<Answer | ContainerError> {
    const fault = this.kernel.takeFault('container error', variant.modelName ?? variant.name);
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

function validationError(message: string): AwsError {
  return new AwsError('ValidationError', message, 400);
}

function inferenceIdOf(headers: IncomingHttpHeaders): string | undefined {
  const id = header(headers, 'x-amzn-sagemaker-inference-id');
  if (id !== undefined && !/^[\x21-\x7e]{1,64}$/.test(id)) {
    throw validationError(
      "Value at 'inferenceId' failed to satisfy constraint: 1 to 64 printable characters",
    );
  }
  return id;
}

function header(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value[0] : value;
}

function microsSince(started: bigint): number {
  return Number((process.hrtime.bigint() - started) / 1000n);
}
