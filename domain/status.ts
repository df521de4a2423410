import type { BakeComparison } from './bake.js';
import type { Bill, Money } from './cost.js';
import type { Evidence, TrafficStep } from './evidence.js';
import type { OpenDisagreement } from './disagreements.js';
import type {
  AlarmReading,
  Champion,
  DataWindows,
  Evaluation,
  LedgerHead,
  ReleaseResult,
  ReleaseStage,
  Trigger,
  Verdict,
  WindowResult,
} from './model.js';
import type { MonitorStanding } from './managed-monitors.js';
import type { Actor, Proof } from './people.js';
import type { ScalingActivity } from './scaling.js';
import type { StagingVerdict } from './staging.js';

/** A person's decision on a candidate, as a door hands it in. The person follows from the proof. */
export interface DecisionMessage {
  readonly verdict: 'approve' | 'reject';
  readonly reason: string;
  /** Digest of the evidence the person saw. */
  readonly digest: string;
  readonly door: Actor['door'];
  readonly proof: Proof;
}

export interface Decision {
  readonly verdict: 'approve' | 'reject';
  readonly reason: string;
  readonly person: string;
  readonly door: Actor['door'];
  readonly proof: Proof;
  readonly atMs: number;
}

export interface ApprovalRequest {
  readonly model: string;
  readonly release: number;
  readonly digest: string;
  readonly evidence: Evidence;
  readonly evaluation: Evaluation;
  readonly weaknesses: readonly string[];
  readonly trigger: Trigger;
  readonly requestedBy: string;
  readonly requestedAtMs: number;
  readonly expiresAtMs: number;
  readonly approvalsNeeded: number;
  readonly approvers: readonly string[];
  readonly doors: readonly string[];
  readonly decisions: readonly Decision[];
}

/** A step of a release's way, for time lines. */
export interface TimelineEntry {
  readonly atMs: number;
  readonly what: string;
}

/** A message that was turned away, so that who could only signal still finds the reason. */
export interface Refusal {
  readonly atMs: number;
  readonly door: string;
  readonly person: string;
  readonly reason: string;
}

export interface ReleaseStatus {
  readonly model: string;
  readonly release: number;
  readonly stage: ReleaseStage;
  readonly startedAtMs: number;
  readonly trigger: Trigger;
  readonly data: DataWindows;
  /** One sentence: what is being waited for. */
  readonly awaiting: string | null;
  /** Until when, as far as there is a limit. */
  readonly untilMs: number | null;
  readonly executionArn: string | null;
  readonly packageArn: string | null;
  readonly evaluation: Evaluation | null;
  readonly request: Omit<ApprovalRequest, 'evidence' | 'evaluation' | 'trigger'> | null;
  readonly decisions: readonly Decision[];
  readonly refusals: readonly Refusal[];
  readonly paused: {
    readonly by: string;
    readonly reason: string;
    readonly sinceMs: number;
    /** When it is taken back if nobody resumes it; absent when it waits for ever. */
    readonly untilMs?: number;
  } | null;
  readonly frozen: boolean;
  readonly championConfigName: string | null;
  readonly configName: string | null;
  readonly rollout: readonly TimelineEntry[];
  /** The shadow test of the config that is or was about to be rolled out. */
  readonly shadow?: {
    readonly configName: string;
    readonly verdict: BakeComparison['verdict'];
    readonly reasons: readonly string[];
  };
  /** How the candidate does at the staging endpoint; absent where the policy has none. */
  readonly staging?: {
    readonly configName: string;
    readonly where: string;
    /** `null` while it is being tried. */
    readonly verdict: StagingVerdict['verdict'] | null;
    readonly reasons: readonly string[];
  };
  /** Champion and candidate side by side, look by look, oldest first. */
  readonly bakes?: readonly BakeComparison[];
  /** How the traffic is shared while a rollout goes by steps; absent for every other one. */
  readonly traffic?: TrafficStatus;
  readonly timeline: readonly TimelineEntry[];
  readonly result: ReleaseResult | null;
  readonly policyDigest: string;
  /** What became of the package's status in the registry; absent while nobody else has changed it. */
  readonly registry?: RegistryView;
  /** What its training has been billed so far; absent before anything was. */
  readonly bill?: Bill | null;
  /** In US dollars; `null` when a price or a part of the bill is missing. */
  readonly costUsd?: number | null;
  /** What it was expected to cost when it started. */
  readonly forecastUsd?: number | null;
}

/** The registry's status of a candidate, as far as somebody else than modelkeeper has changed it. */
export interface RegistryView {
  readonly kind: 'pending' | 'reverted' | 'contested' | 'gone';
  /** What somebody set it to. */
  readonly status?: string;
  readonly sentence: string;
  readonly atMs: number;
  /** How often a change that does not count was put back. */
  readonly reverts: number;
}

export interface TrafficStatus {
  readonly steps: readonly TrafficStep[];
  /** Index of the step that is under way or was last; -1 before the first. */
  readonly at: number;
  readonly phase: 'entering' | 'shifting' | 'baking' | 'held' | 'leaving' | 'going back' | 'over';
  /** The candidate's share of the traffic, in percent, as we set it or found it. */
  readonly percent: number;
  /** End of the bake, or of the patience while it is held. */
  readonly untilMs: number | null;
}

export interface Freeze {
  readonly by: string;
  readonly reason: string;
  readonly sinceMs: number;
  readonly untilMs: number | null;
}

export interface KeeperStatus {
  readonly model: string;
  readonly endpoint: string;
  readonly region: string;
  readonly policyDigest: string;
  readonly policyAppliedAtMs: number;
  readonly policyAuthor: Actor;
  readonly mode: 'act' | 'record';
  readonly verdict: Verdict;
  readonly verdictReasons: readonly string[];
  readonly verdictSinceMs: number;
  readonly champion: Champion | null;
  readonly endpointStatus: string;
  readonly alarms: readonly AlarmReading[];
  /** What auto scaling did, or could not do, when it was last told; newest first. */
  readonly scaling?: readonly ScalingActivity[];
  /** Monitoring schedules that the keeper makes; absent where the policy wants none. */
  readonly monitors?: readonly MonitorStanding[];
  /** Latest windows per source, oldest first. */
  readonly windows: Readonly<Record<string, readonly WindowResult[]>>;
  readonly awaiting: string | null;
  readonly untilMs: number | null;
  /** Releases that have not ended. */
  readonly releases: readonly {
    readonly release: number;
    readonly stage: ReleaseStage;
    readonly startedAtMs: number;
  }[];
  /** The release that holds the right to write to the endpoint; `null` while the keeper does. */
  readonly leaseHolder: number | null;
  readonly lastRelease: {
    readonly release: number;
    readonly result: ReleaseResult;
    readonly endedAtMs: number;
  } | null;
  readonly nextReleaseNumber: number;
  readonly frozen: Freeze | null;
  readonly cooldownUntilMs: number | null;
  readonly lastGovernorAnswer: {
    readonly kind: string;
    readonly reason: string;
    readonly atMs: number;
  } | null;
  readonly budget: {
    readonly runs: number;
    readonly used: number;
    readonly perMs: number;
    /** Absent for a policy that counts no money. */
    readonly money?: Money;
  };
  readonly refusals: readonly Refusal[];
  readonly timeline: readonly TimelineEntry[];
  readonly ledgerHead: LedgerHead;
  readonly retiring: boolean;
  /** Where what is differs from what should be; absent before the first comparison. */
  readonly disagreements?: readonly OpenDisagreement[];
  readonly reconciledAtMs?: number | null;
}

/** Answer to `why`: the chain of causes in sentences, most recent cause first. */
export interface Why {
  readonly sentence: string;
  readonly because: readonly string[];
  readonly evidence: readonly { readonly what: string; readonly uri: string }[];
}
