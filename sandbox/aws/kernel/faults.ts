import { z } from 'zod';
import type { Fault, Store } from '../kernel.js';

/** Kinds that the server itself applies to a call. */
const CALL_KINDS = ['error', 'throttle', 'time-out', 'lost answer', 'delay'] as const;
/** Kinds that a service reads where the thing happens. */
const SERVICE_KINDS = [
  'job failure',
  'capacity',
  'quota',
  'spot interruption',
  'completed with failures',
  'silent rollback',
  'UpdateRollbackFailed',
  'SystemUpdating',
  'stuck creating',
  'eventual consistency',
  'container error',
  'slow container',
  'missed monitoring execution',
  'late monitoring execution',
  'failed monitoring execution',
] as const;
/** What a service may ask for; what is not here nobody could set. */
export type ServiceFaultKind = (typeof SERVICE_KINDS)[number];
export const FAULT_KINDS: readonly string[] = [...CALL_KINDS, ...SERVICE_KINDS];

const faultSchema = z.strictObject({
  operation: z.string().min(1),
  kind: z.enum([...CALL_KINDS, ...SERVICE_KINDS]),
  errorName: z.string().optional(),
  message: z.string().optional(),
  status: z.int().min(400).max(599).optional(),
  delayMs: z.int().min(0).max(600_000).optional(),
  times: z.int().min(1).optional(),
  rate: z.number().positive().max(1).optional(),
  match: z.string().optional(),
});

const COLLECTION = 'sandbox';
const KEY = 'faults';

const callKinds: ReadonlySet<string> = new Set(CALL_KINDS);

/** The faults in force. They outlive a restart, as an outage would. */
export class Faults {
  private inForce: readonly Fault[];

  /** @param random draws which calls a fault with a `rate` hits: the same ones for the same seed */
  constructor(
    private readonly store: Store,
    private readonly random: (stream: string) => number,
  ) {
    this.inForce = store.get<Fault[]>(COLLECTION, KEY) ?? [];
  }

  list(): readonly Fault[] {
    return this.inForce;
  }

  /** @throws {z.ZodError} when it is not an array of faults. */
  replace(faults: unknown): readonly Fault[] {
    this.save(z.array(faultSchema).parse(faults) as Fault[]);
    return this.list();
  }

  clear(): void {
    this.inForce = [];
    this.store.delete(COLLECTION, KEY);
  }

  /** The fault that hits this call, if any. `operation` is `SageMaker.UpdateEndpoint`; `input` is searched for `match`. */
  takeForCall(operation: string, input: string): Fault | undefined {
    return this.take(
      (fault) =>
        callKinds.has(fault.kind) &&
        coversOperation(fault.operation, operation) &&
        (fault.match === undefined || input.includes(fault.match)),
    );
  }

  takeForService(kind: ServiceFaultKind, subject: string): Fault | undefined {
    return this.take(
      (fault) =>
        fault.kind === kind && (fault.match === undefined || subject.includes(fault.match)),
    );
  }

  private take(hits: (fault: Fault) => boolean): Fault | undefined {
    const faults = this.inForce;
    const taken = faults.find(
      (fault) => hits(fault) && (fault.rate === undefined || this.random('faults') < fault.rate),
    );
    if (taken?.times !== undefined)
      this.save(faults.flatMap((fault) => (fault === taken ? spent(fault) : [fault])));
    return taken;
  }

  private save(faults: readonly Fault[]): void {
    if (faults.length === 0) {
      this.clear();
      return;
    }
    this.inForce = faults;
    this.store.put(COLLECTION, KEY, faults);
  }
}

function spent(fault: Fault): Fault[] {
  const left = (fault.times ?? 1) - 1;
  return left > 0 ? [{ ...fault, times: left }] : [];
}

/** `*`, `SNS.*` and `SNS.Publish` cover `SNS.Publish`. */
function coversOperation(pattern: string, operation: string): boolean {
  if (pattern === '*' || pattern === operation) return true;
  return pattern.endsWith('.*') && operation.startsWith(pattern.slice(0, -1));
}
