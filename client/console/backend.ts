import type { WindowHistory } from './history.js';
import type { LedgerEntry } from '../../domain/ledger.js';
import type { ApprovalRequest, DecisionMessage, Why } from '../../domain/status.js';
import type { DecideAnswer } from '../../workflows/messages.js';
import type {
  ModelLine,
  ModelView,
  ReleaseLine,
  ReleaseView,
  Reply,
  SendOptions,
} from '../replies.js';

/**
 * What the pages need, and nothing more. Reads change nothing.
 *
 * Every method throws `ModelkeeperError`: `not-found` for what is not there, `unreachable`, `no-worker` and
 * `timed-out` while the service is away.
 */
export interface ConsoleBackend {
  /** `connecting` until Temporal has answered once. */
  connection(): Connection;
  list(): Promise<readonly ModelLine[]>;
  status(model: string): Promise<ModelView>;
  releases(model: string): Promise<readonly ReleaseLine[]>;
  releaseStatus(model: string, release: number): Promise<ReleaseView>;
  why(model: string): Promise<Why>;
  approvalRequest(model: string, release: number): Promise<ApprovalRequest | null>;
  decide(
    model: string,
    release: number,
    decision: DecisionMessage,
    options: SendOptions,
  ): Promise<Reply<DecideAnswer>>;
  /** The latest entries of the model's ledger, newest first. Never throws. */
  ledger(model: string, headNumber: number): Promise<LedgerReading>;
  /** Windows of a source by their stored reports. Throws where they cannot be read from here. */
  windowHistory(model: string, source: string): Promise<WindowHistory>;
  /** A JSON report of the model's storage; `null` when it is not there or cannot be read from here. */
  readReport(model: string, uri: string): Promise<unknown>;
}

export type Connection =
  | { readonly kind: 'connecting'; readonly lastFailure: string | null }
  | { readonly kind: 'connected' };

export type LedgerReading =
  | { readonly kind: 'entries'; readonly entries: readonly LedgerEntry[] }
  /** `reason` is a sentence without its full stop. */
  | { readonly kind: 'unreadable'; readonly reason: string };
