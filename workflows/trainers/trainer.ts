import type { StopOutcome } from '../../activities/contract.js';
import type { Bill } from '../../domain/cost.js';
import type { Candidate, FailureClass } from '../../domain/model.js';

/** How one attempt to make a candidate ended. */
export type Ended =
  | {
      readonly kind: 'succeeded';
      readonly candidate: Candidate;
      readonly bill?: Bill;
      readonly note?: string;
    }
  | {
      readonly kind: 'failed';
      readonly class: FailureClass;
      readonly step: string | null;
      readonly reason: string;
      readonly bill?: Bill;
      readonly packageArn?: string;
    };

/** A way to make a candidate: a pipeline, or jobs of our own. */
export interface Trainer {
  /** What is waited for, in words. */
  readonly what: string;
  run(
    how:
      | { readonly kind: 'first' }
      /** The same once more; `number` counts the retries. */
      | { readonly kind: 'again'; readonly number: number }
      | { readonly kind: 'other instance'; readonly instanceType: string }
      /** Somebody else has run it again: it is followed. */
      | { readonly kind: 'revived' }
      /** A person takes what it registered, though it did not succeed. */
      | { readonly kind: 'accept' },
    deadlineMs: number,
  ): Promise<Ended>;
  /** Ends when somebody else runs again what has failed; absent where nobody can. */
  readonly revived?: (withinMs: number) => Promise<unknown>;
  stop(sinceMs: number): Promise<StopOutcome | undefined>;
}
