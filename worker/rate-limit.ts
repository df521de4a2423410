/**
 * How often this process asks AWS for what: AWS counts per account, Region and operation, and everybody there shares.
 *
 * The SDK and Temporal retry what is throttled; this keeps a worker of many models from being throttled at all. Each
 * process has its own: several workers of an account together may ask more often.
 */

/** Calls a second. CloudWatch's are published; SageMaker's are not, and these have been kept by others. */
export const RATES: Readonly<Record<string, number>> = {
  DescribeAlarms: 9,
  DescribeAlarmHistory: 20,
  PutMetricAlarm: 3,
  PutCompositeAlarm: 3,
  DeleteAlarms: 3,
  SetAlarmState: 3,
  GetMetricData: 50,
  PutMetricData: 50,
  ListEndpoints: 10,
  DescribeEndpoint: 20,
  DescribeEndpointConfig: 20,
  DescribeModel: 20,
};

export interface Time {
  readonly nowMs: () => number;
  readonly sleep: (ms: number) => Promise<void>;
}

const WALL: Time = {
  nowMs: () => performance.now(),
  sleep: async (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
};

/** A bucket of tokens that fills at a steady rate and holds a second's worth. First come, first served. */
export class TokenBucket {
  private tokens: number;
  private filledAtMs: number;
  private last: Promise<void> = Promise.resolve();

  constructor(
    private readonly perSecond: number,
    private readonly time: Time = WALL,
  ) {
    this.tokens = perSecond;
    this.filledAtMs = time.nowMs();
  }

  /** Resolves when a token was had. */
  async take(): Promise<void> {
    const mine = this.last.then(async () => this.takeNext());
    this.last = mine;
    return mine;
  }

  private async takeNext(): Promise<void> {
    this.fill();
    while (this.tokens < 1) {
      await this.time.sleep(Math.max(1, ((1 - this.tokens) / this.perSecond) * 1_000));
      this.fill();
    }
    this.tokens -= 1;
  }

  private fill(): void {
    const nowMs = this.time.nowMs();
    const grown = this.tokens + ((nowMs - this.filledAtMs) / 1_000) * this.perSecond;
    this.tokens = Math.min(this.perSecond, grown);
    this.filledAtMs = nowMs;
  }
}

/** What is used of a client of the SDK. */
export interface Asking {
  readonly middlewareStack: {
    addRelativeTo(
      middleware: (
        next: (args: never) => Promise<unknown>,
        context: { readonly commandName?: string },
      ) => (args: never) => Promise<unknown>,
      options: {
        readonly name: string;
        readonly relation: 'after';
        readonly toMiddleware: string;
        readonly override: true;
      },
    ): void;
  };
}

/** The buckets of a process: one for each account, Region and operation, however many clients there are. */
export class RateLimits {
  private readonly buckets = new Map<string, TokenBucket>();

  constructor(
    private readonly rates: Readonly<Record<string, number>> = RATES,
    private readonly time: Time = WALL,
  ) {}

  /** Every attempt of a call waits for its turn, also what the SDK tries again. `place` is account and Region. */
  watch(client: Asking, place: string): void {
    client.middlewareStack.addRelativeTo(
      (next, { commandName = '' }) =>
        async (args) => {
          await this.bucketOf(place, commandName.replace(/Command$/, ''))?.take();
          return next(args);
        },
      {
        name: 'modelkeeperRateLimit',
        relation: 'after',
        toMiddleware: 'retryMiddleware',
        override: true,
      },
    );
  }

  private bucketOf(place: string, operation: string): TokenBucket | undefined {
    const rate = this.rates[operation];
    if (rate === undefined) return undefined;
    const key = `${place}/${operation}`;
    const known = this.buckets.get(key) ?? new TokenBucket(rate, this.time);
    this.buckets.set(key, known);
    return known;
  }
}
