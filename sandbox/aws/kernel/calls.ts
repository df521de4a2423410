import type { Store } from '../kernel.js';

export interface CallCount {
  readonly count: number;
  readonly errors: number;
}

/** A call that may have changed something. */
export interface LoggedCall {
  readonly atMs: number;
  readonly operation: string;
  /** The input, cut to 2,000 characters. */
  readonly input: string;
  readonly outcome: string;
  /** ARN of the caller, as CloudTrail shows it. */
  readonly by: string;
}

const COLLECTION = 'calls';
const LOG = 'call-log';
const LOG_ENTRIES = 2_000;
const READS = /\.(Describe|List|Get|Head|Receive|Test|Invoke)/;

/**
 * Counts calls per operation. Calls that change something are in the journal when their answer is
 * sent; reads follow with the next `flush`.
 */
export class Calls {
  private readonly counts = new Map<string, CallCount>();
  private readonly unsaved = new Set<string>();
  private nextLogNumber: number;

  constructor(
    private readonly store: Store,
    private readonly now: () => number,
  ) {
    for (const [operation, count] of store.entries<CallCount>(COLLECTION))
      this.counts.set(operation, count);
    this.nextLogNumber = Number(store.keys(LOG).at(-1) ?? 0) + 1;
  }

  /** `outcome` is `ok` or the error's name. */
  record(operation: string, outcome: string, input: string, by: string): void {
    const before = this.counts.get(operation) ?? { count: 0, errors: 0 };
    this.counts.set(operation, {
      count: before.count + 1,
      errors: before.errors + (outcome === 'ok' ? 0 : 1),
    });
    if (READS.test(operation)) {
      this.unsaved.add(operation);
      return;
    }
    this.save(operation);
    this.log({ atMs: this.now(), operation, input: input.slice(0, 2_000), outcome, by });
  }

  all(): Readonly<Record<string, CallCount>> {
    return Object.fromEntries([...this.counts].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  /** The mutating calls, oldest first. */
  logged(): readonly LoggedCall[] {
    return this.store.entries<LoggedCall>(LOG).map(([, call]) => call);
  }

  reset(): void {
    for (const key of this.store.keys(COLLECTION)) this.store.delete(COLLECTION, key);
    for (const key of this.store.keys(LOG)) this.store.delete(LOG, key);
    this.counts.clear();
    this.unsaved.clear();
  }

  flush(): void {
    for (const operation of this.unsaved) this.save(operation);
    this.unsaved.clear();
  }

  private save(operation: string): void {
    this.store.put(COLLECTION, operation, this.counts.get(operation));
  }

  private log(call: LoggedCall): void {
    if (call.operation.startsWith('CloudWatch.PutMetricData') || call.operation.startsWith('S3.'))
      return;
    if (/\.(SendMessage|DeleteMessage|ChangeMessageVisibility)/.test(call.operation)) return;
    this.store.put(LOG, String(this.nextLogNumber).padStart(12, '0'), call);
    this.nextLogNumber += 1;
    const oldest = this.store.keys(LOG);
    if (oldest.length > LOG_ENTRIES) this.store.delete(LOG, oldest[0] ?? '');
  }
}
