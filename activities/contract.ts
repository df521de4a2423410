/**
 * What workflows may ask of the world. The factories in this folder satisfy these interfaces; workflows see
 * only types. Every activity may run twice: its implementation says why that is safe.
 */
import type { BakeComparison, BakeLook, MetricComparison } from '../domain/bake.js';
import type { CustomMetric } from '../domain/custom-metrics.js';
import type { Bill, Cost } from '../domain/cost.js';
import type { Disagreement, Expected, Seen } from '../domain/disagreements.js';
import type { Evidence, RolloutPlan } from '../domain/evidence.js';
import type { LedgerDraft } from '../domain/ledger.js';
import type { MonitorStanding } from '../domain/managed-monitors.js';
import type { LedgerState } from '../domain/ledger-rebuild.js';
import type {
  AlarmReading,
  Candidate,
  Champion,
  DataWindows,
  EndpointReading,
  Evaluation,
  FailureClass,
  LedgerHead,
  MetricReading,
  Trigger,
  Window,
  WindowResult,
} from '../domain/model.js';
import type { Post, PostEvidence } from '../domain/notices.js';
import type { OwnEvent } from '../domain/own-events.js';
import type { Notice, Policy, Severity } from '../domain/policy.schema.js';
import type { PackageReading, RegistryMemory } from '../domain/registry.js';
import type { ScalingActivity } from '../domain/scaling.js';
import type { StagingVerdict } from '../domain/staging.js';
import type { PlannedJob } from '../domain/pipeline-definition.js';
import type { KnownSignals } from '../domain/watch.js';

/** Where things of one model are. */
export interface ModelRef {
  readonly model: string;
  readonly policy: Policy;
}

export interface SignalsWatch extends ModelRef {
  /** What the keeper knows; the watch returns only when a look shows something else. */
  readonly known: KnownSignals;
  /** Workflow ids of releases that have not reported their end. */
  readonly releases: readonly string[];
  /** Not before this instant: the next aligned look. */
  readonly notBeforeMs: number;
  /** Return at this instant at the latest (cool-down over, freeze over, expiry), though nothing changed. */
  readonly wakeAtMs: number | null;
  /** Cron times after this instant are due. */
  readonly scheduleAfterMs: number;
}

export interface SignalsTold {
  readonly atMs: number;
  readonly endpoint: EndpointReading;
  readonly alarms: readonly AlarmReading[];
  readonly metrics: readonly MetricReading[];
  /** What auto scaling did, or could not do, lately, newest first; absent where the policy scales nothing. */
  readonly scaling?: readonly ScalingActivity[];
  readonly scheduleDueAtMs: number | null;
  /** Releases that closed, or never existed, according to Temporal. */
  readonly closedReleases: readonly { readonly workflowId: string; readonly status: string }[];
}

export interface DataWatch extends ModelRef {
  readonly champion: Champion;
  readonly capturePrefix: string | null;
  /** Address of the baseline profile; `null` while there is none. */
  readonly baselineUri: string | null;
  /** Source id → end of its last window that was told. Later windows are looked at. */
  readonly countedToMs: Readonly<Record<string, number>>;
  /** Source id → its latest windows, oldest first: what persistence remembers. */
  readonly recent: Readonly<Record<string, readonly WindowResult[]>>;
  /** Spans in which two versions served; windows that touch one count for nobody. */
  readonly disturbed: readonly { readonly fromMs: number; readonly toMs: number | null }[];
  /** Sources for which missing data was already told. */
  readonly toldNoData: readonly string[];
  /** Source id → the advice that people have had. */
  readonly toldAdvice?: Readonly<Record<string, string>>;
  readonly notBeforeMs: number;
}

export interface DataTold {
  readonly atMs: number;
  /** Newly completed windows in order of time, quiet ones before a telling one included. */
  readonly windows: readonly WindowResult[];
  /** Sources without data for longer than the policy allows, and since when. */
  readonly noData: readonly {
    readonly source: string;
    readonly sinceMs: number;
    readonly sentence: string;
  }[];
  /** Sources that have data again. */
  readonly dataAgain: readonly string[];
  readonly countedToMs: Readonly<Record<string, number>>;
  /** What people should hear though nothing follows from it: of a policy's `delay`, of an estimate below its floor. */
  readonly advice?: readonly {
    readonly source: string;
    readonly key: string;
    readonly kind: 'too short' | 'too long' | 'estimate';
    readonly sentence: string;
  }[];
}

export interface StartRelease {
  readonly workflowId: string;
  readonly keeperId: string;
  /** Distinguishes this start from any other of the same id: `trigger.kind/atMs`. Kept in the memo. */
  readonly triggerKey: string;
  readonly input: ReleaseInput;
}

export interface ReleaseInput {
  readonly model: string;
  readonly release: number;
  readonly policy: Policy;
  readonly policyDigest: string;
  readonly policyAuthor: string;
  readonly trigger: Trigger;
  readonly champion: Champion | null;
  readonly endpointArn: string;
  readonly data: DataWindows;
  readonly ledgerHead: LedgerHead;
  readonly frozen: boolean;
  /** What the training is expected to cost, for a policy that counts money. */
  readonly forecast?: Cost;
}

export interface PipelineRequest extends ModelRef {
  readonly release: number;
  /** Display name and idempotency key: `<model>-<n>`, with `-2`, `-3` for a repeat against a new champion. */
  readonly name: string;
  /** Parameter values, tokens already replaced. */
  readonly parameters: Readonly<Record<string, string>>;
  /** No execution of ours is older: the release began then. */
  readonly sinceMs?: number;
}

export interface PipelineStarted {
  readonly executionArn: string;
  /** An execution of our name was already there. */
  readonly adopted: boolean;
  /** Why the parameters could not be checked before the start. */
  readonly unchecked?: string;
}

export interface PipelineLook extends ModelRef {
  readonly executionArn: string;
  /** Executions of earlier rounds of the same release: what came from their cache is new. */
  readonly ours?: readonly string[];
  /** A person takes the package an execution registered, though it did not end Succeeded. */
  readonly accept?: boolean;
}

/** An execution at rest that somebody may run again. */
export type Revival =
  | { readonly kind: 'running'; readonly by: 'us' | 'somebody else' }
  /** Somebody has run it again, and it has ended well since. */
  | { readonly kind: 'succeeded' }
  /** AWS does not run this one again: a new one has to be started. */
  | { readonly kind: 'refused'; readonly reason: string };

export interface StopRequest extends ModelRef {
  readonly release: number;
  readonly name: string;
  /** `null` finds it by its name. */
  readonly executionArn: string | null;
  /** When it was asked to stop first: it is not waited for without end. */
  readonly sinceMs?: number;
}

export type StopOutcome =
  /** It is at rest, or there is none. */
  | { readonly kind: 'at rest'; readonly bill?: Bill }
  /** It was asked to stop and has not; nobody waits any longer. */
  | { readonly kind: 'given up'; readonly reason: string };

export type PipelineOutcome =
  | {
      readonly kind: 'succeeded';
      readonly candidate: Candidate;
      readonly startedAtMs: number;
      readonly endedAtMs: number;
      readonly steps: readonly {
        readonly name: string;
        readonly status: string;
        readonly seconds: number | null;
      }[];
      readonly bill?: Bill;
      /** Something people should know of a success. */
      readonly note?: string;
    }
  | {
      readonly kind: 'failed';
      readonly class: FailureClass;
      readonly step: string | null;
      readonly reason: string;
      readonly bill?: Bill;
      /** What it registered all the same; only a person can take it. */
      readonly packageArn?: string;
    };

export interface TrainingJobRequest extends ModelRef {
  readonly release: number;
  /** Name of the job and idempotency key: the release's name of this round and try. */
  readonly name: string;
  /** The round's name: its tries share results and checkpoints. */
  readonly roundName: string;
  /** In place of the policy's. */
  readonly instanceType: string | null;
  readonly champion: Champion | null;
  readonly data: DataWindows;
}

export interface JobStarted {
  readonly jobName: string;
  /** A job of our name, started by us, was already there. */
  readonly adopted: boolean;
  /** No quota for the instance type, in AWS's words: nothing was started. */
  readonly refused?: string;
}

export type TrainingJobOutcome =
  | {
      readonly kind: 'trained';
      readonly modelDataUrl: string;
      readonly metrics: Readonly<Record<string, number>>;
      /** The package the job registered itself; `null` for none. */
      readonly packageArn: string | null;
      readonly jobArn: string;
      readonly bill: Bill;
      readonly note?: string;
    }
  | JobFailed;

export interface JobFailed {
  readonly kind: 'failed';
  readonly class: FailureClass;
  readonly reason: string;
  readonly bill: Bill;
}

export interface EvaluationJobRequest extends ModelRef {
  readonly release: number;
  readonly name: string;
  readonly roundName: string;
  readonly modelDataUrl: string;
  readonly champion: Champion | null;
  readonly data: DataWindows;
}

export type EvaluationJobOutcome = { readonly kind: 'evaluated'; readonly bill: Bill } | JobFailed;

export interface RegisterRequest extends ModelRef {
  readonly release: number;
  readonly roundName: string;
  readonly jobArn: string;
  readonly modelDataUrl: string;
  readonly metrics: Readonly<Record<string, number>>;
  /** What the job registered itself; `null` for nothing. */
  readonly packageArn: string | null;
  readonly champion: Champion | null;
  readonly data: DataWindows;
}

export interface EvaluateRequest extends ModelRef {
  readonly release: number;
  readonly candidate: Candidate;
  readonly champion: Champion | null;
  readonly data: DataWindows;
}

export interface PrepareRequest extends ModelRef {
  readonly release: number;
  /** Name of the SageMaker model and the endpoint config to make: the release's name of this round. */
  readonly name: string;
  readonly candidate: Candidate;
  readonly champion: Champion | null;
  /** What the registry is to say while people are asked. */
  readonly pending?: Omit<WritePackage, keyof ModelRef>;
}

/** SageMaker model, endpoint config and rollback alarms exist; nothing serves yet. */
export interface Prepared {
  readonly configName: string;
  readonly modelName: string;
  readonly plan: RolloutPlan;
  readonly abortAlarmName: string | null;
  /** How the package was and is in the registry. Absent in executions that began before it was written here. */
  readonly registry?: PackageWritten;
  /** For a rollout by steps. */
  readonly split?: Split;
}

/** A config with champion and candidate side by side. */
export interface Split {
  readonly configName: string;
  /** The policy's variant: it keeps the champion meanwhile, so that alarms, capture and scaling are the same. */
  readonly championVariant: string;
  /** Serves the candidate and ends with the rollout. */
  readonly candidateVariant: string;
  /** Alarms on the candidate, read in every bake. */
  readonly alarmNames: readonly string[];
}

export interface SplitScaling {
  readonly split: Split;
  /** Names the alarms that scale the candidate by steps. Absent in executions that began before there were any. */
  readonly release?: number;
}

export interface ShiftRequest extends ModelRef {
  readonly split: Split;
  /** Share of the traffic that the candidate is to have. */
  readonly percent: number;
  /** The share that we have set before; `null`: whatever is there. */
  readonly expectedPercent: number | null;
}

/** The endpoint does not serve the split any more, or not as it should. */
export type SplitTrouble =
  /** Somebody else set other weights, or SageMaker took ours back. */
  | { readonly kind: 'changed by hand'; readonly percent: number; readonly reason: string }
  /** Another config serves, or the endpoint is gone or broken. */
  | { readonly kind: 'lost'; readonly reason: string };

export type ShiftOutcome =
  { readonly kind: 'accepted' } | { readonly kind: 'there' } | SplitTrouble;

export interface AwaitShiftRequest extends ModelRef {
  readonly split: Split;
  readonly percent: number;
  readonly deadlineMs: number;
}

export type AwaitShiftOutcome = { readonly kind: 'there'; readonly atMs: number } | SplitTrouble;

export interface SplitWatch extends ModelRef {
  readonly split: Split;
  /** The share that is to stay; `null` while a person holds the rollout and may set any. */
  readonly percent: number | null;
  readonly untilMs: number;
}

export type BakeOutcome =
  | { readonly kind: 'over'; readonly atMs: number }
  /** An alarm on the candidate went off. */
  | { readonly kind: 'alarm'; readonly reason: string }
  /** An alarm says nothing, so that nobody can tell how the candidate does. */
  | { readonly kind: 'blind'; readonly reason: string }
  | SplitTrouble;

export interface WayBackRequest extends ModelRef {
  /** An earlier endpoint config by name; `null`: the one before. */
  readonly to: string | null;
  readonly previous: string | null;
  /** What the last rollback left: nobody goes there who does not name it. */
  readonly left?: string;
}

export type WayBackOutcome =
  | { readonly kind: 'ready'; readonly configName: string; readonly endpoint: EndpointReading }
  /** With a list of what is still there. */
  | { readonly kind: 'refused'; readonly reason: string };

export interface Preflight {
  /** Why the rollout cannot be; empty when it can. */
  readonly refused: readonly string[];
  readonly warnings: readonly string[];
  readonly endpoint: EndpointReading;
  /** The evidence as it is now, and its sha256. */
  readonly evidence: Evidence;
  readonly digest: string;
  /** The registry right before the rollout; absent when no package was asked about. */
  readonly registry?: PackageReading;
}

export interface RolloutRequest extends ModelRef {
  readonly release: number;
  readonly configName: string;
  readonly plan: RolloutPlan;
  /** The config that serves now; the call is made only while it does. `null`: whatever serves (way back). */
  readonly expectedConfigName: string | null;
  /** LastModifiedTime of the endpoint when the intention was recorded. */
  readonly lastModifiedAtMs: number;
  /** Make the update without guardrail and alarms: the way back. */
  readonly plain?: boolean;
  /** The weights of the new config count, not those that the variants have now. */
  readonly newWeights?: boolean;
}

export type UpdateOutcome =
  | { readonly kind: 'accepted' }
  /** An earlier attempt's call had taken effect. */
  | { readonly kind: 'adopted' }
  | { readonly kind: 'already serving' }
  /** The old config serves, but the endpoint was changed since: our update was rolled back before we looked. */
  | { readonly kind: 'rolled back'; readonly reason: string }
  /** Another config serves than the one the candidate was compared with. */
  | { readonly kind: 'champion changed'; readonly configName: string | null }
  | { readonly kind: 'refused'; readonly reason: string };

export interface RestRequest extends ModelRef {
  readonly configName: string;
  readonly previousConfigName: string | null;
  readonly alarmNames: readonly string[];
  readonly deadlineMs: number;
  /** What the release knows of the rollout so far. */
  readonly journey: RolloutJourney;
  /** Answer `moved` as soon as there is something the journey does not hold yet. */
  readonly tellMoves: boolean;
}

export interface RolloutJourney {
  readonly sinceMs: number;
  readonly progress: readonly { readonly atMs: number; readonly what: string }[];
  /** The endpoint's reason before the update: it is about an earlier one. */
  readonly formerReason: string | null;
}

export type RolloutOutcome =
  | { readonly kind: 'moved'; readonly journey: RolloutJourney }
  | {
      readonly kind: 'in service';
      readonly endpoint: EndpointReading;
      readonly progress: readonly { readonly atMs: number; readonly what: string }[];
    }
  | {
      readonly kind: 'rolled back';
      readonly silent: boolean;
      readonly reason: string;
      readonly endpoint: EndpointReading;
      readonly progress: readonly { readonly atMs: number; readonly what: string }[];
    }
  | {
      readonly kind: 'stuck';
      readonly reason: string;
      readonly endpoint: EndpointReading;
      readonly progress: readonly { readonly atMs: number; readonly what: string }[];
    };

/** One of the two fleets of a bake, as CloudWatch and data capture tell it from the other. */
export interface BakeArm {
  readonly variant: string;
  /** Set where both fleets are one variant (guardrails); `null` where the variant tells them apart. */
  readonly configName: string | null;
  /** Where its answers are captured; `null` when they are not. */
  readonly capturePrefix: string | null;
}

export interface BakeRequest extends ModelRef {
  readonly champion: BakeArm;
  readonly candidate: BakeArm;
  /** The bakes so far, oldest first, the one that ends now included. The first begins with the candidate's traffic. */
  readonly windows: readonly Window[];
  readonly look: BakeLook;
  /** Share of the invocations the candidate was to get, 0 to 1; `null` when nobody knows. */
  readonly expectedShare: number | null;
  /** Compare answers though the policy names no metric for it. */
  readonly answers?: boolean;
}

export interface ShadowRequest extends ModelRef {
  readonly release: number;
  /** The release's config, whose model is to be shadowed. */
  readonly configName: string;
  /** The config that serves. */
  readonly championConfigName: string;
}

export type ShadowPrepared =
  | { readonly kind: 'ready'; readonly configName: string; readonly variant: string }
  | { readonly kind: 'refused'; readonly reasons: readonly string[] };

export interface StagingRequest extends ModelRef {
  readonly release: number;
  /** The release's config; what is made at staging is named after it. */
  readonly configName: string;
  readonly packageArn: string;
}

export type StagingPrepared =
  | {
      readonly kind: 'ready';
      readonly configName: string;
      /** The staging endpoint, created or as it was before. */
      readonly endpoint: EndpointReading;
    }
  | { readonly kind: 'refused'; readonly reason: string };

/** The bakes of a guardrail rollout, watched until the look is due or a hard limit is passed. */
export interface BakeWatch extends ModelRef {
  readonly champion: BakeArm;
  readonly candidate: BakeArm;
  /** When the update was made: the candidate has no traffic before. */
  readonly sinceMs: number;
  /** How long all bakes last together. */
  readonly bakeMs: number;
  readonly look: BakeLook;
}

export interface NoticeMessage extends ModelRef {
  readonly notice: Notice;
  /** One per decision: subscribers drop repeats by it. */
  readonly dedupeKey: string;
  readonly subject: string;
  /** Plain text; the link is appended by the activity. */
  readonly text: string;
  readonly severity: Severity;
  /** Path on the console, such as `/models/m/releases/3/approve`; `null` for none. */
  readonly consolePath: string | null;
  /** Send here instead of `notify.topic`. */
  readonly topic?: string;
  /** When it was decided; by default, now. */
  readonly atMs?: number;
  readonly evidence?: readonly PostEvidence[];
  /** The notices that are told together here. */
  readonly posts?: readonly Post[];
  /** Not in quiet hours: the sender keeps it and sends it again after them. */
  readonly mayWait?: boolean;
}

export type NoticeOutcome =
  | { readonly kind: 'sent' | 'not sent'; readonly reason: string }
  /** It is quiet until then; nothing was sent. */
  | { readonly kind: 'quiet'; readonly untilMs: number };

/** One field of a managed alarm that was not as the policy says, and was put right. */
export interface AlarmDifference {
  readonly name: string;
  /** `existence` for an alarm that was missing, or that nobody wants any more. */
  readonly field: string;
  readonly was: string;
  readonly is: string;
}

export interface AlarmRepair {
  /** Names of the managed alarms by source. */
  readonly alarms: Readonly<Record<string, readonly string[]>>;
  readonly differences: readonly AlarmDifference[];
}

/** One setting of the scaling that is not as the policy says. */
export interface ScalingDifference {
  /** Scalable target, scaling policy, alarm or schedule, by its name. */
  readonly what: string;
  /** `existence` for what was missing, or is not wanted any more. */
  readonly field: string;
  readonly was: string;
  readonly is: string;
}

export type ClaimOutcome =
  | { readonly kind: 'claimed'; readonly endpoint: EndpointReading }
  | { readonly kind: 'refused'; readonly reason: string };

/** What is to stand in the registry. What is absent is left as it is. */
export interface WritePackage extends ModelRef {
  readonly packageArn: string;
  readonly status?: 'Approved' | 'Rejected' | 'PendingManualApproval';
  readonly description?: string;
  /** Added to the package's metadata, as far as SageMaker's limits allow. */
  readonly metadata?: Readonly<Record<string, string>>;
  readonly lifeCycle?: { readonly stage: string; readonly status: string };
}

export interface PackageWritten {
  /** Before the first attempt wrote anything. */
  readonly before: PackageReading;
  readonly now: PackageReading;
  /** What could not be attached, in words. */
  readonly notes: readonly string[];
}

export interface Compare extends ModelRef {
  readonly expected: Expected;
  /** Keys of the disagreements that the keeper knows of; the comparison is told only when it finds others. */
  readonly known: readonly string[];
  /** Keys of those that people took for granted: they are not told. */
  readonly accepted?: readonly string[];
  /** Number of the last ledger entry the keeper knows of. */
  readonly ledgerHead: number;
  readonly notBeforeMs: number;
  /** Compare now and answer whatever is found. */
  readonly once?: boolean;
}

export interface Reconciliation {
  readonly atMs: number;
  /** Not while the endpoint is in motion. */
  readonly compared: boolean;
  readonly disagreements: readonly Disagreement[];
  /** What to measure the champion by from now on. */
  readonly seen: Seen | null;
}

export interface KeepMonitors extends ModelRef {
  readonly champion: Champion | null;
  /** What the keeper knows; told is only what differs. */
  readonly known: readonly MonitorStanding[];
  /** When schedules that somebody had changed were put right, lately. */
  readonly repaired: readonly MonitorRepair[];
  readonly notBeforeMs: number;
}

/** Somebody had changed a schedule, and it was put right. */
export interface MonitorRepair {
  readonly schedule: string;
  readonly atMs: number;
  readonly sentence: string;
}

export interface MonitorsTold {
  readonly atMs: number;
  readonly standings: readonly MonitorStanding[];
  /** What was done, in sentences. */
  readonly done: readonly string[];
  /** The part of it that puts right what somebody had changed. */
  readonly repaired: readonly MonitorRepair[];
}

export interface ControlActivities {
  /** Quiet looks throw a BENIGN `Quiet` failure with the next aligned look as `nextRetryDelay`. */
  watchSignals(watch: SignalsWatch): Promise<SignalsTold>;
  /** Quiet comparisons throw a BENIGN `Quiet` failure with the next one as `nextRetryDelay`. */
  reconcile(request: Compare): Promise<Reconciliation>;
  readEndpoint(ref: ModelRef): Promise<EndpointReading>;
  /** What is wrong with it, in words; empty when it can be kept. */
  checkPolicy(request: { readonly policy: unknown }): Promise<readonly string[]>;
  claimEndpoint(ref: ModelRef): Promise<ClaimOutcome>;
  /** Takes our tag off the endpoint, when it is ours. */
  unclaimEndpoint(ref: ModelRef): Promise<void>;
  /** Creates, repairs and tags the managed alarms; removes ours that the policy no longer wants. Answers their names by source. */
  ensureAlarms(ref: ModelRef): Promise<{
    readonly alarms: Readonly<Record<string, readonly string[]>>;
    readonly repaired: readonly string[];
  }>;
  /** The same, told field by field: what an alarm was, and what it is now. */
  repairAlarms(ref: ModelRef): Promise<AlarmRepair>;
  /** Publishes values in CloudWatch; what AWS refuses is told and fails nothing. */
  publishMetrics(
    request: ModelRef & { readonly metrics: readonly CustomMetric[] },
  ): Promise<{ readonly kind: 'sent' } | { readonly kind: 'not sent'; readonly reason: string }>;
  /** Removes every alarm of the model that we made. */
  removeAlarms(ref: ModelRef): Promise<void>;
  applyScaling(ref: ModelRef): Promise<{ readonly changed: readonly string[] }>;
  /**
   * Compares the scalable target, policies, alarms and schedules with the policy, and puts right what differs; with
   * `compareOnly` it writes nothing.
   */
  repairScaling(
    request: ModelRef & { readonly compareOnly?: boolean },
  ): Promise<readonly ScalingDifference[]>;
  removeScaling(ref: ModelRef): Promise<void>;
  /**
   * Makes, changes and removes Model Monitor schedules as the policy says. Throws BENIGN `StillRunning` while one is in
   * motion, and `Quiet` until the next comparison once all are at rest.
   */
  keepMonitors(request: KeepMonitors): Promise<MonitorsTold>;
  /** Removes the schedules and job definitions that we made for the model; throws BENIGN `StillRunning` while one runs. */
  removeMonitors(ref: ModelRef): Promise<{ readonly removed: readonly string[] }>;
  /** Asks the processing jobs that compare the model's columns together to stop; nobody waits until they have. */
  stopMultivariate(ref: ModelRef): Promise<{ readonly stopped: readonly string[] }>;
  /**
   * Lifts a suspension that carries our mark, unless the release it was made for is one of `except`. Answers for which
   * workflow it was made.
   */
  liftSuspension(
    request: ModelRef & { readonly except: readonly string[] },
  ): Promise<{ readonly kind: 'none' } | { readonly kind: 'lifted' | 'kept'; readonly by: string }>;
  /** Whether the variant is a scalable target, and whether somebody has suspended it already; `partly`: not all of it. */
  readScaling(ref: ModelRef): Promise<{
    readonly found: boolean;
    readonly suspended: boolean;
    readonly partly?: boolean;
  }>;
  /** @param by workflow for which it is suspended: the mark on the endpoint */
  suspendScaling(request: ModelRef & { readonly by?: string }): Promise<void>;
  resumeScaling(ref: ModelRef): Promise<void>;

  startRelease(
    request: StartRelease,
  ): Promise<{ readonly kind: 'started' | 'already ours' | 'taken' }>;

  startPipeline(request: PipelineRequest): Promise<PipelineStarted>;
  /** Throws BENIGN `StillRunning` with the running step until the end. */
  awaitPipeline(request: PipelineLook): Promise<PipelineOutcome>;
  /** Runs an execution again that has ended Failed or Stopped: the same ARN, from its first step that did not succeed. */
  retryPipeline(
    request: ModelRef & { readonly executionArn: string; readonly number: number },
  ): Promise<Revival>;
  /** Throws BENIGN `StillRunning` while the execution is at rest as it failed: somebody else may run it again. */
  awaitRevival(request: ModelRef & { readonly executionArn: string }): Promise<Revival>;
  /** Asks for the stop and waits until the execution is at rest, but not without end. */
  stopPipeline(request: StopRequest): Promise<StopOutcome | undefined>;
  /** The jobs that a run can start, at their longest; `null` when nobody can say. */
  planJobs(ref: ModelRef): Promise<{
    readonly jobs: readonly PlannedJob[] | null;
    readonly reason: string | null;
  }>;

  startTrainingJob(request: TrainingJobRequest): Promise<JobStarted>;
  /** Throws BENIGN `StillRunning` with the secondary status until the end. */
  awaitTrainingJob(request: ModelRef & { readonly jobName: string }): Promise<TrainingJobOutcome>;
  startEvaluationJob(request: EvaluationJobRequest): Promise<JobStarted>;
  awaitEvaluationJob(
    request: ModelRef & { readonly jobName: string },
  ): Promise<EvaluationJobOutcome>;
  /** Asks each job to stop and waits until it is at rest, but not without end. */
  stopJobs(
    request: ModelRef & {
      readonly trainingJobs: readonly string[];
      readonly evaluationJobs: readonly string[];
      readonly sinceMs: number;
    },
  ): Promise<StopOutcome>;
  /** Registers what the training job made, unless the job did; answers the candidate. */
  registerCandidate(request: RegisterRequest): Promise<Candidate>;

  setApprovalStatus(
    request: ModelRef & {
      readonly packageArn: string;
      readonly status: 'Approved' | 'Rejected' | 'PendingManualApproval';
      readonly description: string;
    },
  ): Promise<void>;
  /** Status, description, metadata and stage of a package, in one call; answers how it was and how it is. */
  writePackage(request: WritePackage): Promise<PackageWritten>;
  /** Quiet looks throw a BENIGN `Quiet` failure until the status is another than the one it was left with. */
  watchPackage(
    request: ModelRef & {
      readonly packageArn: string;
      readonly memory: RegistryMemory;
      /** A single look that answers whatever it sees. */
      readonly once?: boolean;
    },
  ): Promise<PackageReading>;

  prepareDeployment(request: PrepareRequest): Promise<Prepared>;
  /** Makes the config in which the candidate shadows the champion; nothing serves yet. */
  prepareShadow(request: ShadowRequest): Promise<ShadowPrepared>;
  /** Makes model, config and, where there is none, the endpoint of the candidate at staging. */
  prepareStaging(request: StagingRequest): Promise<StagingPrepared>;
  /** Asks the candidate at staging with samples and judges its answers. */
  checkStaging(
    request: StagingRequest,
  ): Promise<StagingVerdict & { /** Different ones. */ readonly samples: number }>;
  /**
   * Removes what staging does not serve any more, of ours; with `remove` also the endpoint, where we created it. Throws
   * BENIGN `StillMoving` meanwhile.
   */
  tidyStaging(
    request: ModelRef & { readonly remove: boolean },
  ): Promise<{ readonly removed: readonly string[] }>;
  /** Deletes the config, model and alarms of a release that we created, never one in use or wanted for the way back. */
  discardDeployment(
    request: ModelRef & {
      readonly release: number;
      /** The configs and models made, one per round. */
      readonly names: readonly string[];
      readonly keepConfig: boolean;
    },
  ): Promise<void>;
  /** Reads everything a rollout needs, and again what the evidence pins (artefact, image, report, config). */
  preflight(
    request: ModelRef & {
      readonly configName: string;
      readonly plan: RolloutPlan;
      readonly packageArn: string | null;
      readonly expectedConfigName: string | null;
      readonly evidence: Evidence;
    },
  ): Promise<Preflight>;
  updateEndpoint(request: RolloutRequest): Promise<UpdateOutcome>;
  /** Throws BENIGN `StillMoving` until the endpoint is at rest; heartbeat details keep the progress seen. */
  awaitRest(request: RestRequest): Promise<RolloutOutcome>;
  /** Sets our own rollback alarm to ALARM until the rollout leaves it. */
  tripAlarm(
    request: ModelRef & { readonly alarmName: string; readonly reason: string },
  ): Promise<void>;

  /** Errors and latency of both fleets over the same periods, from CloudWatch. What cannot be read is `hold`. */
  compareBake(request: BakeRequest): Promise<BakeComparison>;
  /** Throws BENIGN `StillMoving` until the look is due, or the candidate is beyond a hard limit. */
  watchBake(request: BakeWatch): Promise<BakeComparison>;
  /** Sets the weights of champion and candidate, once. */
  shiftTraffic(request: ShiftRequest): Promise<ShiftOutcome>;
  /** Throws BENIGN `StillMoving` until the endpoint is at rest with these weights. */
  awaitShift(request: AwaitShiftRequest): Promise<AwaitShiftOutcome>;
  /** Reads alarms and weights until the bake is over; throws BENIGN `StillMoving` meanwhile. */
  watchSplit(request: SplitWatch): Promise<BakeOutcome>;
  /** The candidate's fleet scales as the champion's does; the champion's may grow again where its suspension is ours. */
  openSplit(
    request: ModelRef & SplitScaling & { readonly resume: boolean },
  ): Promise<{ readonly done: readonly string[] }>;
  /** Takes the candidate's scaling away, or no update could end its variant; suspends the champion's where it was ours. */
  closeSplit(request: ModelRef & SplitScaling & { readonly suspend: boolean }): Promise<void>;

  /** Whether the endpoint can go back: config, models and artefacts are still there. */
  findWayBack(request: WayBackRequest): Promise<WayBackOutcome>;
  /** Removes endpoint configs of ours, with their models, that are neither in use nor kept for the way back. */
  pruneConfigs(
    request: ModelRef & {
      readonly keep: number;
      readonly wanted: readonly string[];
      /** The release that was promoted: what later ones have made is none of its business. */
      readonly release?: number;
    },
  ): Promise<{ readonly removed: readonly string[] }>;

  /** Appends to the chain in this order; answers the head after the last. Retries for long when S3 refuses. */
  record(request: ModelRef & { readonly drafts: readonly LedgerDraft[] }): Promise<LedgerHead>;
  rebuild(ref: ModelRef): Promise<LedgerState>;
  notify(message: NoticeMessage): Promise<NoticeOutcome>;
  /** Puts our own events on the policy's bus, each of them once as far as its answers arrive. */
  publishEvents(
    request: ModelRef & {
      readonly events: readonly OwnEvent[];
      /** What they are about, as AWS knows it; `null` while it is not known. */
      readonly endpointArn: string | null;
    },
  ): Promise<{
    /** Ids of those the bus has. */
    readonly taken: readonly string[];
    /** Ids of those it will never take. */
    readonly refused: readonly string[];
    /** Why not all were taken, in words. */
    readonly why: string | null;
  }>;
}

export interface DataActivities {
  /** Quiet looks throw a BENIGN `Quiet` failure with the next aligned look as `nextRetryDelay`. */
  watchData(watch: DataWatch): Promise<DataTold>;
  /** Profiles what the serving version was trained on, once per version; answers where the profile is. */
  prepareBaseline(
    request: ModelRef & { readonly champion: Champion; readonly capturePrefix: string | null },
  ): Promise<
    | { readonly kind: 'ready'; readonly uri: string; readonly rows: number }
    | { readonly kind: 'none'; readonly reason: string }
  >;
  evaluateCandidate(request: EvaluateRequest): Promise<Evaluation>;
  /** What both versions answered, from data capture. Empty when the policy compares no answers. */
  compareAnswers(request: BakeRequest): Promise<readonly MetricComparison[]>;
}
