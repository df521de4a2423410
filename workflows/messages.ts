/**
 * Every message the two workflows take. Names and shapes are a contract with running executions and with
 * people's scripts: add, do not change.
 */
import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';

import type { Bill } from '../domain/cost.js';
import type { OpenDisagreement } from '../domain/disagreements.js';
import type { Actor, Proof } from '../domain/people.js';
import type { Post } from '../domain/notices.js';
import type { Policy } from '../domain/policy.schema.js';
import type { LedgerHead, ReleaseResult, ReleaseStage, Trigger } from '../domain/model.js';
import type {
  ApprovalRequest,
  DecisionMessage,
  KeeperStatus,
  ReleaseStatus,
  Why,
} from '../domain/status.js';

/** Answer of every Update: what happens now, in a sentence for the person who asked. */
export interface Answer {
  readonly sentence: string;
}

/** Who asks for something, proven how, and why. */
export interface Asked {
  readonly door: Actor['door'];
  readonly proof: Proof;
  readonly reason: string;
}

export interface DecideAnswer extends Answer {
  readonly outcome: 'pending' | 'approved' | 'rejected';
}

export interface ReconcileAnswer extends Answer {
  readonly disagreements: readonly OpenDisagreement[];
}

// Keeper.
export const applyPolicyUpdate = defineUpdate<
  Answer,
  [Asked & { readonly policy: Policy; readonly policyDigest: string }]
>('applyPolicy');
export const retrainNowUpdate = defineUpdate<
  Answer & { readonly release: number | null },
  [Asked & { readonly force?: boolean }]
>('retrainNow');
export const freezeUpdate = defineUpdate<Answer, [Asked & { readonly untilMs?: number }]>('freeze');
export const unfreezeUpdate = defineUpdate<Answer, [Asked]>('unfreeze');
/** `to`: an earlier endpoint config; without it the one before. */
export const rollbackUpdate = defineUpdate<Answer, [Asked & { readonly to?: string }]>('rollback');
/** Compares what is with what should be, now; `accept` names a kind that is taken for granted from now on. */
export const reconcileUpdate = defineUpdate<
  ReconcileAnswer,
  [Asked & { readonly accept?: string }]
>('reconcile');
export const retireUpdate = defineUpdate<Answer, [Asked & { readonly abort?: boolean }]>('retire');
/** Something may have changed: look now. Carries no facts; `topic` says where to look besides the endpoint. */
export interface HintMessage {
  readonly about: string;
  readonly topic?: 'registry';
}
export const lookNowSignal = defineSignal<[HintMessage?]>('lookNow');
/** A release has ended; it hands its result and its lease back. */
export const releaseEndedSignal = defineSignal<
  [
    {
      readonly release: number;
      readonly result: ReleaseResult;
      readonly ledgerHead: LedgerHead;
      readonly endedAtMs: number;
      /** What its training was billed, when anything was. */
      readonly bill?: Bill;
      readonly costUsd?: number | null;
    },
  ]
>('releaseEnded');
/** A release tells its keeper where it is, or asks for the right to write to the endpoint. */
export const releaseSaysSignal = defineSignal<
  [
    {
      readonly release: number;
      readonly stage: ReleaseStage;
      readonly wantsLease?: boolean;
      readonly ledgerHead: LedgerHead;
    },
  ]
>('releaseSays');
/** A release hands its keeper what need not be told at once: gathered and held for the whole model. */
export const postSignal = defineSignal<[Post]>('post');
export const keeperStatusQuery = defineQuery<KeeperStatus>('status');
export const whyQuery = defineQuery<Why>('why');

// Release.
export const decideUpdate = defineUpdate<DecideAnswer, [DecisionMessage]>('decide');
export const pauseUpdate = defineUpdate<Answer, [Asked]>('pause');
export const resumeUpdate = defineUpdate<Answer, [Asked]>('resume');
export const promoteUpdate = defineUpdate<Answer, [Asked]>('promote');
export const abortUpdate = defineUpdate<Answer, [Asked]>('abort');
/** For tools that can only signal. `person` is what the sender claims; it counts only where `approve.doors` names `temporal`. */
export interface SignalledDecision {
  readonly person: string;
  readonly digest: string;
  readonly reason?: string;
}
export const approveSignal = defineSignal<[SignalledDecision]>('approve');
export const rejectSignal = defineSignal<[SignalledDecision]>('reject');
export const hintSignal = defineSignal<[{ readonly about: string }?]>('hint');
export type KeeperWord =
  | {
      readonly kind: 'lease';
      readonly ledgerHead: LedgerHead;
      /** The keeper has suspended the scaling of the endpoint for it. */
      readonly scalingSuspended?: boolean;
    }
  | { readonly kind: 'freeze'; readonly by: string; readonly reason: string }
  | { readonly kind: 'unfreeze' }
  | { readonly kind: 'roll back'; readonly by: Actor; readonly reason: string }
  | { readonly kind: 'abort'; readonly by: Actor; readonly reason: string }
  /** A newer candidate wants to deploy: end the probation now. */
  | { readonly kind: 'end probation'; readonly reason: string }
  /** A newer release passed its gates: this request is out of date. */
  | { readonly kind: 'superseded'; readonly by: number; readonly reason: string }
  | { readonly kind: 'new trigger'; readonly trigger: Trigger };
export const keeperSaysSignal = defineSignal<[KeeperWord]>('keeperSays');
export const releaseStatusQuery = defineQuery<ReleaseStatus>('status');
export const approvalRequestQuery = defineQuery<ApprovalRequest | null>('approvalRequest');
