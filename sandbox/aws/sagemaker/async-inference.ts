import type { IncomingHttpHeaders } from 'node:http';
import type { Kernel, MetricDatum } from '../kernel.js';
import { isS3Uri, joinS3, splitS3Uri, uuid } from './context.js';
import type { EndpointRecord, Fleet, Route } from './endpoint-record.js';
import type { Endpoints } from './endpoints.js';
import { header, numberOf, validationError } from './invocation.js';
import type { InvocationRequest, InvocationResponse } from './invocation.js';
import type { Exchanged, Runtime } from './runtime.js';
import { ContainerError } from './serving.js';
import type { AsyncInferenceConfig } from './shapes.js';

/** A request that waits or is worked on; kept as a document until its answer is in S3. */
interface Waiting {
  readonly key: string;
  readonly endpointName: string;
  readonly inferenceId: string;
  /** Where the request's body is, or the body itself in base64. */
  readonly inputUri?: string;
  readonly inline?: string;
  readonly contentType?: string;
  readonly accept?: string;
  readonly customAttributes?: string;
  readonly outputUri?: string;
  readonly failureUri?: string;
  readonly receivedAtMs: number;
  readonly ttlSeconds: number;
  readonly timeoutSeconds: number;
}

/** What became of a request. */
type Outcome =
  | { readonly kind: 'completed'; readonly contentType: string; readonly body: Buffer }
  | {
      readonly kind: 'failed';
      readonly reason: string;
      readonly metric?: 'ExpiredRequests' | 'RequestDownloadFailures' | 'ResponseUploadFailures';
    };

const COLLECTION = 'sagemaker.async';
/** AWS's limit of a body in the request itself. */
const MAX_INLINE_BYTES = 128_000;
/** A longer answer is not repeated in a notification. */
const MAX_NOTIFIED_BYTES = 131_072;
/** Requests one instance works on at once when the config does not say; AWS chooses a number of its own. */
const CONCURRENT_BY_DEFAULT = 4;
const DEFAULT_TTL_SECONDS = 21_600;
const DEFAULT_TIMEOUT_SECONDS = 900;
const NAMESPACE = 'AWS/SageMaker';

/**
 * InvokeEndpointAsync: a queue per endpoint, worked off by the instances that serve. A request is in the journal before
 * it is answered and goes once its answer is written: after a kill it is worked on again.
 */
export class AsyncInference {
  /** By the endpoint's name in lower case, oldest first. */
  private readonly queues = new Map<string, Waiting[]>();
  private readonly running = new Map<string, Set<string>>();
  private readonly publishedAtMs = new Map<string, number>();
  private next: number;

  constructor(
    private readonly kernel: Kernel,
    private readonly endpoints: Endpoints,
    private readonly runtime: Runtime,
  ) {
    const kept = kernel.store.entries<Waiting>(COLLECTION);
    for (const [, waiting] of kept) this.queueOf(waiting.endpointName).push(waiting);
    this.next = Number(kept.at(-1)?.[0] ?? 0) + 1;
  }

  /** Takes a request into the queue and says where its answer will be. */
  invoke({ endpointName, headers, body }: InvocationRequest): InvocationResponse {
    const endpoint = this.runtime.found(endpointName);
    const config = endpoint.fleet?.asynchronous;
    if (config === undefined)
      throw validationError(
        `Endpoint ${endpoint.name} of account ${this.kernel.accountId} does not support asynchronous inference: its configuration has no AsyncInferenceConfig. Use InvokeEndpoint.`,
      );
    const inferenceId = header(headers, 'x-amzn-sagemaker-inference-id') ?? uuid();
    const waiting: Waiting = {
      key: String(this.next).padStart(12, '0'),
      endpointName: endpoint.name,
      inferenceId,
      ...inputOf(headers, body),
      ...given('contentType', header(headers, 'x-amzn-sagemaker-content-type')),
      ...given('accept', header(headers, 'x-amzn-sagemaker-accept')),
      ...given('customAttributes', header(headers, 'x-amzn-sagemaker-custom-attributes')),
      ...placesOf(config, inferenceId, headers),
      receivedAtMs: this.kernel.now(),
      ttlSeconds: numberOf(headers, 'x-amzn-sagemaker-requestttlseconds') ?? DEFAULT_TTL_SECONDS,
      timeoutSeconds:
        numberOf(headers, 'x-amzn-sagemaker-invocationtimeoutseconds') ?? DEFAULT_TIMEOUT_SECONDS,
    };
    this.next += 1;
    this.kernel.store.put(COLLECTION, waiting.key, waiting);
    this.queueOf(endpoint.name).push(waiting);
    const { outputUri, failureUri } = waiting;
    return {
      status: 202,
      headers: {
        'content-type': 'application/json',
        ...(outputUri !== undefined && { 'x-amzn-sagemaker-outputlocation': outputUri }),
        ...(failureUri !== undefined && { 'x-amzn-sagemaker-failurelocation': failureUri }),
      },
      body: Buffer.from(JSON.stringify({ InferenceId: inferenceId })),
    };
  }

  /** Starts what the instances have room for, and gives up what has waited for too long. */
  step(): void {
    for (const [name, queue] of this.queues) {
      const endpoint = this.endpoints.get(name);
      if (endpoint?.fleet?.asynchronous === undefined) {
        // With the endpoint goes its queue.
        if (endpoint === undefined) for (const waiting of [...queue]) this.remove(waiting);
        continue;
      }
      this.expire(endpoint, queue);
      // Nothing takes traffic: the endpoint goes, or its instances have yet to come.
      if (working(endpoint, this.runtime).length === 0) continue;
      const running = this.runningOf(name);
      const open = queue.filter(({ key }) => !running.has(key));
      for (const waiting of open.slice(0, Math.max(0, room(endpoint) - running.size))) {
        running.add(waiting.key);
        void this.work(endpoint, waiting)
          .catch((error: unknown) => {
            this.kernel.log(`asynchronous inference ${waiting.inferenceId}: ${String(error)}`);
          })
          .finally(() => running.delete(waiting.key));
      }
    }
  }

  /** The queues as CloudWatch sees them, every so often as the config says. */
  publish(): void {
    const atMs = this.kernel.now();
    const data: MetricDatum[] = [];
    for (const endpoint of this.endpoints.values()) {
      const { fleet, status } = endpoint;
      if (fleet?.asynchronous === undefined || status === 'Failed') continue;
      const name = endpoint.name.toLowerCase();
      const last = this.publishedAtMs.get(name) ?? 0;
      if (atMs - last < fleet.metricsEverySeconds * 1_000) continue;
      this.publishedAtMs.set(name, atMs);
      data.push(...backlog(endpoint, this.queues.get(name) ?? [], atMs));
    }
    if (data.length > 0) this.kernel.observe(data);
  }

  private expire(endpoint: EndpointRecord, queue: readonly Waiting[]): void {
    const running = this.runningOf(endpoint.name);
    const nowMs = this.kernel.now();
    for (const waiting of [...queue]) {
      if (running.has(waiting.key)) continue;
      if (nowMs - waiting.receivedAtMs <= waiting.ttlSeconds * 1_000) continue;
      const [route] = this.runtime.routes(endpoint);
      const reason = `RequestExpired: The request was in the queue for longer than its RequestTTLSeconds of ${waiting.ttlSeconds}.`;
      this.end(endpoint, waiting, route, { kind: 'failed', reason, metric: 'ExpiredRequests' });
    }
  }

  private async work(endpoint: EndpointRecord, waiting: Waiting): Promise<void> {
    const startedAtMs = this.kernel.now();
    const route = this.runtime.choose(endpoint, working(endpoint, this.runtime), undefined);
    this.measure(endpoint, route, [
      ['TimeInBacklog', 1_000 * (startedAtMs - waiting.receivedAtMs), 'Microseconds'],
    ]);
    const body = this.download(waiting);
    const outcome: Outcome =
      body === undefined
        ? {
            kind: 'failed',
            reason: `ClientError: Unable to download the request payload from "${waiting.inputUri ?? ''}". Please ensure that there is an object located at the URI and that the execution role has permissions to download it.`,
            metric: 'RequestDownloadFailures',
          }
        : await this.answer(endpoint, route, waiting, body);
    this.end(endpoint, waiting, route, outcome);
  }

  private async answer(
    endpoint: EndpointRecord,
    route: Route,
    waiting: Waiting,
    body: Buffer,
  ): Promise<Outcome> {
    const request: Exchanged = {
      endpointName: endpoint.name,
      contentType: waiting.contentType ?? 'application/octet-stream',
      accept: waiting.accept ?? '',
      body,
      started: process.hrtime.bigint(),
      atMs: this.kernel.now(),
      inferenceId: waiting.inferenceId,
      ...given('customAttributes', waiting.customAttributes),
    };
    const outcome = await this.runtime.exchange(route, request, waiting.timeoutSeconds * 1_000);
    if (outcome instanceof ContainerError) {
      const side = outcome.status >= 500 ? 'server' : 'client';
      return {
        kind: 'failed',
        reason: `ClientError: Received ${side} error (${outcome.status}) from model with message "${outcome.message}". See the SageMaker Endpoint logs in your account for more information.`,
      };
    }
    return {
      kind: 'completed',
      contentType: outcome.contentType,
      body: Buffer.from(outcome.body),
    };
  }

  private download({ inline, inputUri }: Waiting): Buffer | undefined {
    if (inline !== undefined) return Buffer.from(inline, 'base64');
    const { bucket, key } = splitS3Uri(inputUri ?? '');
    return this.kernel.objects.get(bucket, key);
  }

  /** Writes the answer, tells the topic, measures, and forgets the request. */
  private end(
    endpoint: EndpointRecord,
    waiting: Waiting,
    route: Route | undefined,
    outcome: Outcome,
  ): void {
    // The endpoint was deleted meanwhile, and its queue with it.
    if (this.kernel.store.get(COLLECTION, waiting.key) === undefined) return;
    const settled = this.upload(waiting, outcome);
    const config = (route?.fleet ?? endpoint.fleet)?.asynchronous;
    const told = config === undefined || this.notify(config, endpoint, waiting, settled);
    this.remove(waiting);
    this.measure(endpoint, route, [
      ['InvocationsProcessed', 1, 'Count'],
      ['TotalProcessingTime', this.kernel.now() - waiting.receivedAtMs, 'Milliseconds'],
      ...(settled.kind === 'failed' ? ([['InvocationFailures', 1, 'Count']] as const) : []),
      ...(settled.kind === 'failed' && settled.metric !== undefined
        ? ([[settled.metric, 1, 'Count']] as const)
        : []),
      ...(told ? [] : ([['NotificationFailures', 1, 'Count']] as const)),
    ]);
  }

  private upload(waiting: Waiting, outcome: Outcome): Outcome {
    const { outputUri, failureUri } = waiting;
    if (outcome.kind === 'failed') {
      this.put(failureUri, Buffer.from(outcome.reason), 'text/plain');
      return outcome;
    }
    if (this.put(outputUri, outcome.body, outcome.contentType)) return outcome;
    const reason = `ClientError: Unable to upload the inference response to "${outputUri ?? ''}". Please ensure that the bucket exists and that the execution role has permissions to upload to it.`;
    this.put(failureUri, Buffer.from(reason), 'text/plain');
    return { kind: 'failed', reason, metric: 'ResponseUploadFailures' };
  }

  private put(uri: string | undefined, body: Buffer, contentType: string): boolean {
    if (uri === undefined) return true;
    const { bucket, key } = splitS3Uri(uri);
    if (!this.kernel.objects.bucketExists(bucket)) return false;
    this.kernel.objects.put(bucket, key, body, { contentType });
    return true;
  }

  /** @returns false when the topic that was to be told is not there. */
  private notify(
    { OutputConfig: { NotificationConfig: to } }: AsyncInferenceConfig,
    endpoint: EndpointRecord,
    waiting: Waiting,
    outcome: Outcome,
  ): boolean {
    const done = outcome.kind === 'completed';
    const topic = done ? to?.SuccessTopic : to?.ErrorTopic;
    if (topic === undefined) return true;
    const body = done ? outcome.body : Buffer.from(outcome.reason);
    const repeats =
      to?.IncludeInferenceResponseIn?.includes(
        done ? 'SUCCESS_NOTIFICATION_TOPIC' : 'ERROR_NOTIFICATION_TOPIC',
      ) === true && body.length <= MAX_NOTIFIED_BYTES;
    const message = {
      awsRegion: this.kernel.region,
      eventTime: new Date(this.kernel.now()).toISOString(),
      receivedTime: new Date(waiting.receivedAtMs).toISOString(),
      invocationStatus: done ? 'Completed' : 'Failed',
      ...(done ? {} : { failureReason: outcome.reason, failureLocation: waiting.failureUri }),
      requestParameters: {
        accept: waiting.accept,
        contentType: waiting.contentType,
        endpointName: endpoint.name,
        inputLocation: waiting.inputUri,
        customAttributes: waiting.customAttributes,
      },
      ...(done && {
        responseParameters: {
          contentType: outcome.contentType,
          outputLocation: waiting.outputUri,
        },
      }),
      ...(repeats && { responseBody: { content: body.toString('base64'), encoding: 'BASE64' } }),
      inferenceId: waiting.inferenceId,
      eventVersion: '1.0',
      eventSource: 'aws:sagemaker',
      eventName: 'InferenceResult',
    };
    return this.kernel.publish(topic, JSON.stringify(message));
  }

  private measure(
    endpoint: EndpointRecord,
    route: Route | undefined,
    values: readonly (readonly [name: string, value: number, unit: string])[],
  ): void {
    const variant = route?.variant ?? endpoint.fleet?.variants[0];
    const dimensions = { EndpointName: endpoint.name, VariantName: variant?.name ?? '' };
    const atMs = this.kernel.now();
    this.kernel.observe(
      values.map(([name, value, unit]) => ({
        namespace: NAMESPACE,
        name,
        dimensions,
        value,
        atMs,
        unit,
      })),
    );
  }

  private remove(waiting: Waiting): void {
    this.kernel.store.delete(COLLECTION, waiting.key);
    const name = waiting.endpointName.toLowerCase();
    const rest = (this.queues.get(name) ?? []).filter(({ key }) => key !== waiting.key);
    if (rest.length > 0) this.queues.set(name, rest);
    else this.queues.delete(name);
  }

  private queueOf(endpointName: string): Waiting[] {
    return grown(this.queues, endpointName.toLowerCase(), () => []);
  }

  private runningOf(endpointName: string): Set<string> {
    return grown(this.running, endpointName.toLowerCase(), () => new Set());
  }
}

/** Routes to variants that have instances: a queue waits for them, a call would not. */
const working = (endpoint: EndpointRecord, runtime: Runtime): readonly Route[] =>
  runtime.routes(endpoint).filter(({ variant }) => variant.count > 0);

/** How many requests the instances that serve work on at once. */
function room({ fleet }: EndpointRecord): number {
  const each =
    fleet?.asynchronous?.ClientConfig?.MaxConcurrentInvocationsPerInstance ?? CONCURRENT_BY_DEFAULT;
  return each * instancesOf(fleet);
}

const instancesOf = (fleet: Fleet | undefined): number =>
  (fleet?.variants ?? []).reduce((sum, { count }) => sum + count, 0);

function backlog(
  { name, fleet }: EndpointRecord,
  queue: readonly Waiting[],
  atMs: number,
): readonly MetricDatum[] {
  const instances = instancesOf(fleet);
  const oldestMs = queue[0]?.receivedAtMs ?? atMs;
  const values: readonly (readonly [string, number, string])[] = [
    ['ApproximateBacklogSize', queue.length, 'Count'],
    // Nothing can be told per instance of none: what scales from zero watches the next one.
    ...(instances === 0
      ? []
      : ([['ApproximateBacklogSizePerInstance', queue.length / instances, 'Count']] as const)),
    ['HasBacklogWithoutCapacity', Number(instances === 0 && queue.length > 0), 'Count'],
    ['ApproximateAgeOfOldestRequest', (atMs - oldestMs) / 1_000, 'Seconds'],
  ];
  return values.map(([metric, value, unit]) => ({
    namespace: NAMESPACE,
    name: metric,
    dimensions: { EndpointName: name },
    value,
    atMs,
    unit,
  }));
}

function inputOf(headers: IncomingHttpHeaders, body: Buffer): Pick<Waiting, 'inputUri' | 'inline'> {
  const inputUri = header(headers, 'x-amzn-sagemaker-inputlocation');
  if ((inputUri === undefined) === (body.length === 0))
    throw validationError('Exactly one of InputLocation and Body must be provided.');
  if (inputUri === undefined) {
    if (body.length > MAX_INLINE_BYTES)
      throw validationError(`Body must not be larger than ${MAX_INLINE_BYTES} bytes.`);
    return { inline: body.toString('base64') };
  }
  if (!isS3Uri(inputUri))
    throw validationError(`InputLocation '${inputUri}' is not an S3 address.`);
  return { inputUri };
}

function placesOf(
  { OutputConfig: output }: AsyncInferenceConfig,
  inferenceId: string,
  headers: IncomingHttpHeaders,
): Pick<Waiting, 'outputUri' | 'failureUri'> {
  const extension = header(headers, 'x-amzn-sagemaker-s3outputpathextension');
  const file = header(headers, 'x-amzn-sagemaker-filename');
  const below = extension === undefined ? [] : [extension.replace(/^\/+|\/+$/g, '')];
  return {
    ...(output.S3OutputPath !== undefined && {
      outputUri: joinS3(output.S3OutputPath, ...below, file ?? `${inferenceId}.out`),
    }),
    ...(output.S3FailurePath !== undefined && {
      failureUri: joinS3(output.S3FailurePath, `${inferenceId}-error.out`),
    }),
  };
}

const given = <K extends string>(
  name: K,
  value: string | undefined,
): Readonly<Partial<Record<K, string>>> =>
  (value === undefined ? {} : { [name]: value }) as Partial<Record<K, string>>;

function grown<V>(map: Map<string, V>, key: string, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) map.set(key, (value = make()));
  return value;
}
