/**
 * What every service of the local AWS stands on. Services know each other only through this
 * interface, so that each can be read, tested and replaced alone.
 */

/** A JSON document store that survives `kill -9`: a write is in the journal before it returns. */
export interface Store {
  get<T>(collection: string, key: string): T | undefined;
  put(collection: string, key: string, value: unknown): void;
  delete(collection: string, key: string): void;
  /** Entries in order of key. */
  entries<T>(collection: string): readonly (readonly [string, T])[];
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
  put(bucket: string, key: string, body: Buffer, options?: { contentType?: string }): { etag: string };
  /** `undefined` when bucket or key does not exist. */
  get(bucket: string, key: string): Buffer | undefined;
  /** The file that holds the object, for child processes that read it; `undefined` as for `get`. */
  pathOf(bucket: string, key: string): string | undefined;
  /** Keys in order. */
  list(bucket: string, prefix: string): readonly { key: string; size: number; lastModifiedMs: number }[];
  bucketExists(bucket: string): boolean;
}

/** A failure to be injected into calls of one operation, set through `PUT /_sandbox/faults`. */
export interface Fault {
  /** `SageMaker.UpdateEndpoint`, `SNS.Publish`, … or `*`. */
  readonly operation: string;
  /**
   * `error` answers `errorName` and does nothing; `lost answer` does the work, then drops the
   * connection; any other kind is read by the service it is meant for.
   */
  readonly kind: string;
  readonly errorName?: string;
  readonly message?: string;
  readonly status?: number;
  /** How many calls it hits; it is gone afterwards. Without it, every call. */
  times?: number;
  /** Only calls whose JSON or form input contains this text. */
  readonly match?: string;
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
  /** Wall clock, epoch milliseconds. Sandbox and its callers share it. */
  now(): number;
  /** Seeded: the same seed gives the same sequence per `stream`. Uniform in [0, 1). */
  random(stream: string): number;
  arn(service: string, resource: string): string;
  /** Calls `tick` about every `ms`, one at a time, until the server closes. Errors are logged. */
  every(ms: number, name: string, tick: () => void | Promise<void>): void;
  /** Puts an event on the default bus; rules, delays, duplicates and loss are the bus's business. */
  emit(event: BusEvent): void;
  observe(data: readonly MetricDatum[]): void;
  /** The state of an alarm as the evaluator last set it; `undefined` when there is no such alarm. */
  alarmState(name: string): 'OK' | 'ALARM' | 'INSUFFICIENT_DATA' | undefined;
  /** Faults meant for the service itself (job failures, silent rollback, …); consumes one `times`. */
  takeFault(kind: string, subject: string): Fault | undefined;
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
}

/** What the story and tests may add to a service: started once the kernel stands. */
export interface Service {
  /** X-Amz-Target prefix (`SageMaker`) for JSON services. */
  readonly target?: string;
  readonly operations?: JsonOperations;
}
