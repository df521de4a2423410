/** Plain JSON that crosses between workflows, activities and clients. Instants are epoch milliseconds. */

import type { Actor } from './people.js';
import type { LabelDelay, PerformanceEstimate } from './stats/types.js';

/** Half-open: `fromMs` belongs to the window, `toMs` to the next one. */
export interface Window {
  readonly fromMs: number;
  readonly toMs: number;
}

/** The version that serves, and since when. */
export interface Champion {
  readonly configName: string;
  /** Versioned ARN in the registry; `null` for a model that was deployed without the registry. */
  readonly packageArn: string | null;
  readonly modelDataUrl: string | null;
  readonly image: string | null;
  readonly roleArn: string | null;
  /** When it took all of the traffic, as far as we know. Windows that begin earlier do not count. */
  readonly sinceMs: number;
}

/** What DescribeEndpoint and its config say, in our words. */
export interface EndpointReading {
  readonly atMs: number;
  readonly name: string;
  readonly arn: string;
  /** `absent` when there is no such endpoint. */
  readonly status: string;
  readonly configName: string | null;
  readonly pendingConfigName: string | null;
  readonly createdAtMs: number;
  readonly lastModifiedAtMs: number;
  readonly failureReason: string | null;
  /** Sentences such as `Baking for 30 seconds …` of the pending variant, or of the current one. */
  readonly progress: readonly string[];
  readonly instances: number;
  /** Where data capture writes: `s3://…/<endpoint>/<variant>/`; `null` when capture is off. */
  readonly capturePrefix: string | null;
  readonly champion: Champion | null;
}

export type AlarmState = 'OK' | 'ALARM' | 'INSUFFICIENT_DATA';

export interface AlarmReading {
  readonly source: string;
  readonly name: string;
  readonly state: AlarmState;
  readonly reason: string;
  readonly sinceMs: number;
  /** `absent` alarms are told with state INSUFFICIENT_DATA and this flag. */
  readonly absent?: boolean;
}

export interface MetricReading {
  readonly source: string;
  readonly value: number | null;
  readonly breached: boolean;
  readonly sentence: string;
}

/** Kinds of sources that are read in windows of data. */
export type WindowSourceKind =
  | 'captured-inputs'
  | 'ground-truth'
  | 'model-monitor'
  | 'evidently'
  | 'nannyml'
  | 'mlflow'
  | 'multivariate';

/** What a window can be evidence of. */
export type WindowSubject = 'drift' | 'performance';

/** What one completed window of one source showed. Identified by source, begin and, where it has one, `id`. */
export interface WindowResult extends Window {
  readonly source: string;
  /** `alarms`: an alarm of the company's own that means drift or performance; its window is the instant it went off. */
  readonly sourceKind: WindowSourceKind | 'alarms';
  readonly result: 'ok' | 'warn' | 'breach' | 'data quality' | 'cannot tell';
  /**
   * What it is evidence of, where the kind of its source does not say it: a report may hold drift, performance, or
   * both. A subject that is absent was not measured. Absent altogether: the kind of the source says it.
   */
  readonly subjects?: Readonly<Partial<Record<WindowSubject, 'ok' | 'warn' | 'breach'>>>;
  /** Tells reports of the same time apart, such as the file's key: each counts once. */
  readonly id?: string;
  /** 0 also where a report does not say how many there were. */
  readonly rows: number;
  /** One sentence with the numbers, for people. */
  readonly sentence: string;
  /** The columns that moved most, at most ten. Empty for ground truth. */
  readonly columns: readonly {
    readonly name: string;
    readonly jsDistance: number | null;
    readonly pAdjusted: number | null;
    readonly verdict: string;
  }[];
  readonly metric?: {
    readonly name: string;
    readonly estimate: number | null;
    readonly lower: number | null;
    readonly upper: number | null;
    readonly coverage: number;
  };
  /** Performance estimated without labels, where the policy asks for it: no evidence of a loss. */
  readonly estimate?: PerformanceEstimate & {
    readonly floor: number;
    /** The whole interval is below the floor. */
    readonly breached: boolean;
    /** The labelled window that the scores were calibrated on; absent where it was the baseline. */
    readonly calibratedOn?: Window & { readonly source: string };
  };
  /** Segments that moved most or could not be told, at most ten, where the policy asks for segments. */
  readonly segments?: readonly {
    readonly by: string;
    /** `null`: all values that are no segment of their own. */
    readonly value: string | null;
    readonly rows: number;
    readonly verdict: string;
  }[];
  /** What the job that found it was billed, machine seconds by instance type; absent where no job ran. */
  readonly machineSeconds?: Readonly<Record<string, number>>;
  /** How long after their predictions the labels came; of ground truth only. */
  readonly labelDelay?: LabelDelay;
  /** How often the window was judged again since, because more of its labels came: the last judgement holds. */
  readonly revision?: number;
  /** The whole comparison as JSON. */
  readonly reportUri?: string;
}

export type Verdict =
  'healthy' | 'data quality' | 'drift' | 'performance' | 'unhealthy endpoint' | 'cannot tell';

/** Why a release is wanted. */
export interface Trigger {
  readonly kind: 'drift' | 'performance' | 'schedule' | 'manual';
  readonly atMs: number;
  readonly reasons: readonly string[];
  readonly by: Actor;
  /** The windows that confirmed it; empty for schedule and manual. */
  readonly windows: readonly WindowResult[];
}

/** Rows a candidate is trained and judged on, by the time of the event. */
export interface DataWindows {
  readonly train: Window;
  readonly holdOut: Window;
}

/** A version in the registry that wants to serve. */
export interface Candidate {
  readonly packageArn: string;
  readonly version: number;
  readonly modelDataUrl: string;
  readonly artefact: {
    readonly etag: string;
    readonly sizeBytes: number;
    /** `null` for a bucket without versioning: weaker evidence. */
    readonly versionId: string | null;
  };
  readonly image: string;
  /** `null` when the image is named by a tag that nobody resolved: weaker evidence. */
  readonly imageDigest: string | null;
  readonly environment: Readonly<Record<string, string>>;
  readonly approvalStatus: string;
  readonly predictionsUri: string | null;
  readonly trainingRowsUri: string | null;
  readonly baselineUri: string | null;
  readonly metadata: Readonly<Record<string, string>>;
  /** What the package says of where it comes from. Absent in executions that began before it was read. */
  readonly lineage?: {
    /** ARN of what made it, such as the pipeline execution. */
    readonly generatedBy: string | null;
    readonly commit: string | null;
    /** `ModelQuality.Statistics` and so on → address. */
    readonly metrics: Readonly<Record<string, string>>;
    readonly baselines: Readonly<Record<string, string>>;
    /** ModelLifeCycle at registration, `Stage/StageStatus`. */
    readonly stage: string | null;
  };
}

/** One metric with its interval, as people see it. */
export interface MetricInterval {
  readonly metric: string;
  readonly estimate: number | null;
  readonly lower: number | null;
  readonly upper: number | null;
}

export interface GateSummary {
  readonly id: string;
  readonly kind: string;
  readonly metric: string;
  readonly severity: 'required' | 'advisory';
  readonly verdict: 'pass' | 'fail' | 'inconclusive';
  readonly estimateChampion: number | null;
  readonly estimateCandidate: number | null;
  readonly delta: number | null;
  readonly lower: number | null;
  readonly upper: number | null;
  readonly n: number;
  readonly reason: string;
  /** The reason for programs, as in the report. */
  readonly reasonCode?: string;
  /** The set of predictions it looked at; absent for the held-out rows. */
  readonly dataset?: string;
}

/** Both models on a further set of predictions. */
export interface DatasetSummary {
  readonly name: string;
  readonly rows: number;
  readonly champion: readonly MetricInterval[];
  readonly candidate: readonly MetricInterval[];
}

/** What the workflow keeps of an evaluation; the report itself is in S3. */
export interface Evaluation {
  readonly verdict: 'pass' | 'fail' | 'inconclusive';
  readonly reasons: readonly string[];
  readonly rows: number;
  readonly champion: readonly MetricInterval[];
  readonly candidate: readonly MetricInterval[];
  readonly gates: readonly GateSummary[];
  /** Further sets of predictions that were there, such as a golden one. */
  readonly datasets?: readonly DatasetSummary[];
  readonly reportUri: string;
  /** sha256 of the report, hex. */
  readonly reportDigest: string;
}

/** Where and when a number or a text can be read again. */
export interface LedgerHead {
  readonly number: number;
  readonly hash: string;
}

/** How a release ended. Every one of these is Completed in the Web UI. */
export type ReleaseResult =
  | {
      readonly kind: 'promoted';
      readonly configName: string;
      readonly packageArn: string;
      readonly short?: string;
    }
  | { readonly kind: 'rejected'; readonly by: string; readonly reason: string }
  | { readonly kind: 'expired'; readonly reason: string }
  | { readonly kind: 'failed gates'; readonly reasons: readonly string[] }
  | { readonly kind: 'rolled back'; readonly reason: string; readonly configName: string | null }
  | { readonly kind: 'superseded'; readonly by: number; readonly reason: string }
  | { readonly kind: 'aborted'; readonly by: string; readonly reason: string }
  | { readonly kind: 'training failed'; readonly class: FailureClass; readonly reason: string };

/** What a failed job or pipeline was about, and so what the next step is. */
export type FailureClass =
  | 'capacity'
  | 'throttle'
  | 'quota'
  | 'internal'
  | 'user code'
  | 'data'
  | 'permission'
  | 'timeout'
  | 'stopped'
  /** It succeeded and made nothing that was not there before: everything came from the cache. */
  | 'nothing new'
  | 'unknown';

export type ReleaseStage = 'retrain' | 'evaluate' | 'approve' | 'deploy' | 'probation' | 'ended';
