/**
 * What every service of the local AWS stands on. Services know each other only through this
 * interface, so that each can be read, tested and replaced alone.
 */

import type { IncomingHttpHeaders } from 'node:http';

import type { ServiceFaultKind } from './kernel/faults.js';
import type { Complaint } from './validate.js';

/** One document written or, without `value`, removed. */
export interface Change {
  readonly collection: string;
  readonly key: string;
  readonly value?: unknown;
}

/**
 * A JSON document store that survives `kill -9`: a write is in the journal before it returns.
 * What `get` and `entries` return is a copy: change it freely, `put` it to keep the change.
 */
export interface Store {
  /** `otherwise` stands for a document that is not there. */
  get<T>(collection: string, key: string, otherwise?: T): T | undefined;
  put(collection: string, key: string, value: unknown): void;
  delete(collection: string, key: string): void;
  /** All of the changes or, after a kill in the middle, none of them. */
  write(changes: readonly Change[]): void;
  /** Entries in order of key; with `where`, those it holds for. */
  entries<T>(collection: string, where?: (value: T) => boolean): readonly (readonly [string, T])[];
  /** Keys in order, without reading the documents. */
  keys(collection: string): readonly string[];
  close(): void;
}

/** An event as it stands on the EventBridge default bus, before delivery. */
export interface BusEvent {
  readonly source: string;
  readonly detailType: string;
  readonly resources: readonly string[];
  readonly detail: unknown;
  /** The `time` member as the sender writes it; SageMaker's spelling differs per event. */
  readonly time?: string | number;
}

/** One observation, as a service or PutMetricData reports it. */
export interface MetricDatum {
  readonly namespace: string;
  readonly name: string;
  readonly dimensions: Readonly<Record<string, string>>;
  readonly value: number;
  /** Epoch milliseconds. */
  readonly atMs: number;
  readonly unit?: string;
}

/** The objects of S3, for services that read and write them as AWS itself does. */
export interface Objects {
  put(
    bucket: string,
    key: string,
    body: Buffer,
    options?: { contentType?: string },
  ): { etag: string };
  /** `undefined` when bucket or key does not exist. */
  get(bucket: string, key: string): Buffer | undefined;
  /** The file that holds the object, for child processes that read it; `undefined` as for `get`. */
  pathOf(bucket: string, key: string): string | undefined;
  /** Keys in order. */
  list(
    bucket: string,
    prefix: string,
  ): readonly { key: string; size: number; lastModifiedMs: number }[];
  bucketExists(bucket: string): boolean;
  /** Whether services of this account and Region may read an object: of another account's only what its policy lets them. */
  reach(bucket: string, key: string): 'ok' | 'denied' | 'elsewhere' | 'absent';
}

/** A failure to be injected into calls of one operation, set through `PUT /_sandbox/faults`. */
export interface Fault {
  /** `SageMaker.UpdateEndpoint`, `SNS.Publish`, … or `*`. */
  readonly operation: string;
  /**
   * `error` answers `errorName` and does nothing; `lost answer` does the work, then drops the
   * connection; `delay` answers late; `throttle` and `time-out` do nothing; any other kind is read by
   * the service it is meant for.
   */
  readonly kind: string;
  readonly errorName?: string;
  readonly message?: string;
  readonly status?: number;
  /** Of a `delay`: how much later the answer comes; default 5,000. */
  readonly delayMs?: number;
  /** How many calls it hits; it is gone afterwards. Without it, every call. */
  readonly times?: number;
  /** Share of the calls that it hits, drawn by the sandbox's seed; without it, all of them. */
  readonly rate?: number;
  /** Only calls whose JSON or form input contains this text. */
  readonly match?: string;
}

/** The side of a service that auto scaling reads and changes. */
export interface ScalableFleet {
  /**
   * Instances asked for now; `undefined` when the resource does not exist.
   * `resourceId` is `endpoint/<name>/variant/<name>`.
   */
  desiredCount(resourceId: string): number | undefined;
  /** Called with the new count, already within the target's bounds, when it differs from the present one. */
  setDesiredCount(resourceId: string, count: number): void;
  /** True for what may go down to no instance at all: asynchronous endpoints. */
  mayBeNone?(resourceId: string): boolean;
  /** True while the resource cannot be scaled (an endpoint that is being updated). */
  busy?(resourceId: string): boolean;
}

/** What Application Auto Scaling has registered, as the owner of the capacity asks it. */
export interface ScalableTargets {
  /** Names of the endpoint's variants that are scalable targets. */
  variantsOf(endpointName: string): readonly string[];
  /** Takes the endpoint's variants out, with their policies, scheduled actions and alarms. */
  deregister(endpointName: string): void;
}

export interface Kernel {
  readonly store: Store;
  readonly objects: Objects;
  readonly region: string;
  readonly accountId: string;
  /** Directory of this sandbox's state; children write their scratch files below it. */
  readonly home: string;
  /** Base URL of this server, for QueueUrl and links. */
  readonly url: string;
  /**
   * Divides what AWS takes (provisioning, job start, delivery delay), never what the caller asked
   * for (bake, period, time-out, schedule).
   */
  readonly speed: number;
  /** Repository of an image → the Node script that is its entrypoint: its processing jobs really run. */
  readonly images?: Readonly<Record<string, string>>;
  /** Epoch milliseconds, of a clock that sandbox and callers share: the wall clock but for the sandbox's own tests. */
  now(): number;
  /** Milliseconds of this machine in which `ms` of that clock pass. */
  realMs(ms: number): number;
  /** Seeded: the same seed gives the same sequence per `stream`. Uniform in [0, 1). */
  random(stream: string): number;
  arn(service: string, resource: string): string;
  /** Calls `tick` about every `ms`, one at a time, until the server closes. Errors are logged. */
  every(ms: number, name: string, tick: () => void | Promise<void>): void;
  /** Puts an event on the default bus; rules, delays, duplicates and loss are the bus's business. */
  emit(event: BusEvent): void;
  /**
   * Tells Application Auto Scaling which service owns the capacity it changes. Called once, while
   * the service is built; without it, scaling policies find no resource to scale.
   */
  onScale(fleet: ScalableFleet): void;
  /** Of this sandbox's Application Auto Scaling; asked only while the server serves. */
  readonly scalableTargets: ScalableTargets;
  /** Another account in the same Region; `undefined` where nothing was ever done. */
  neighbour(accountId: string): Kernel | undefined;
  observe(data: readonly MetricDatum[]): void;
  /** Publishes to a topic named by ARN, without a subject; false when there is no such topic. */
  publish(topicArn: string, message: string): boolean;
  /** Puts a message into a queue named by ARN; false when there is no such queue. */
  sendToQueue(queueArn: string, body: string): boolean;
  /** The state of an alarm as the evaluator last set it; `undefined` when there is no such alarm. */
  alarmState(name: string): 'OK' | 'ALARM' | 'INSUFFICIENT_DATA' | undefined;
  /** Faults meant for the service itself (job failures, silent rollback, …); consumes one `times`. */
  takeFault(kind: ServiceFaultKind, subject: string): Fault | undefined;
  readonly log: (line: string) => void;
}

/** An error with AWS's own name and message, sent in the caller's protocol. */
export class AwsError extends Error {
  constructor(
    /** `ValidationException`, `ResourceNotFound`, … */
    override readonly name: string,
    message: string,
    readonly status = 400,
    /** Query-compatible code where it differs from `name` (CloudWatch, SQS, SNS). */
    readonly code?: string,
  ) {
    super(message);
  }
}

/** Operations of one JSON-protocol service, by name: `DescribeEndpoint` → handler. */
export type JsonOperations = Readonly<
  Record<string, (input: Record<string, unknown>, call: CallInfo) => unknown>
>;

export interface CallInfo {
  readonly requestId: string;
  /** Access key id of the request's signature, or 'anonymous'. */
  readonly accessKeyId: string;
  /** ARN and account of who that is. */
  readonly caller: { readonly arn: string; readonly accountId: string };
  /** The Region the request is signed for. */
  readonly region: string;
  /** Aborts when the caller hangs up, and when the server closes: long polls end here. */
  readonly signal: AbortSignal;
}

/** Operations of one Query-protocol service; the answer becomes `<ActionResult>` in XML. */
export interface QueryService {
  /** The `Version` parameter that tells the service, e.g. `2010-03-31` for SNS. */
  readonly version: string;
  /** Namespace of the XML answer. */
  readonly namespace: string;
  /** Form parameters, flat, as sent: `Message`, `Attributes.entry.1.key`, … */
  readonly operations: Readonly<
    Record<string, (form: ReadonlyMap<string, string>, call: CallInfo) => unknown>
  >;
}

/** What stands on the kernel and answers calls. */
export interface Service {
  /** Name in faults and call counts (`CloudWatch` in `CloudWatch.PutMetricAlarm`); default: `target`. */
  readonly name?: string;
  /** X-Amz-Target prefix (`SageMaker`) for JSON services. */
  readonly target?: string;
  readonly operations?: JsonOperations;
  readonly query?: QueryService;
  /** How it says that an input is not as AWS's model wants it; default: a ValidationException. */
  readonly complain?: Complaint;
  /** Called once every service is built and the server listens. */
  start?(): void;
  /** Called when the sandbox closes; ends children. */
  close?(): void | Promise<void>;
}

/**
 * Answers restJson1 `POST /endpoints/{name}/invocations` and `…/async-invocations` of the SageMaker runtime. An
 * `AwsError` thrown is sent as such.
 */
export type RuntimeHandler = (
  kernel: Kernel,
  request: {
    operation: 'InvokeEndpoint' | 'InvokeEndpointAsync';
    endpointName: string;
    headers: IncomingHttpHeaders;
    body: Buffer;
  },
) => Promise<{ status: number; headers: Record<string, string>; body: Buffer }>;
