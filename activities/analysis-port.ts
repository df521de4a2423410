import type { DatasetFloor } from '../domain/datasets.js';
import type { EvaluateInputs } from '../domain/evaluate.schema.js';
import type { Window } from '../domain/model.js';
import type { PerformanceLimits } from '../domain/stats/performance.js';
import type {
  Calibration,
  CaptureCounts,
  ColumnSpec,
  DetectPolicy,
  EstimatedMetric,
  EvaluationReport,
  Gate,
  PerformanceEstimate,
  PerformanceMetric,
  PerformanceReading,
  PerformanceVerdict,
  Profile,
  SegmentRule,
  WindowComparison,
} from '../domain/stats/types.js';

/**
 * What the data activities need of analysis/. Injected, so that only the data worker loads DuckDB's native code.
 *
 * All files are absolute paths below `scratch`. Data that cannot be used is a `unusable` answer with a sentence for
 * people; anything else is thrown.
 */
export interface Analysis {
  profile(request: {
    readonly scratch: string;
    readonly files: readonly string[];
    readonly format: 'parquet' | 'csv' | 'jsonl';
    readonly columns: readonly ColumnSpec[];
    readonly ignore: readonly string[];
    readonly segments?: readonly SegmentRule[];
    /** Where the scores are: in a file of their own, or in the baseline's. */
    readonly scores?: {
      readonly file: string | null;
      readonly score: string;
      readonly label: string | null;
    };
    readonly signal: AbortSignal;
  }): Promise<Profile | Unusable>;
  compareInputs(request: {
    readonly scratch: string;
    /** Data capture files. */
    readonly files: readonly string[];
    readonly columns: readonly string[];
    readonly window: Window;
    readonly profile: Profile;
    readonly detect: DetectPolicy;
    /** What to estimate from the scores. */
    readonly estimate?: EstimatedMetric;
    readonly signal: AbortSignal;
  }): Promise<
    | {
        readonly counts: CaptureCounts;
        readonly comparison: WindowComparison;
        /** Absent where nothing was asked for, `null` where nothing can be said. */
        readonly estimate?: PerformanceEstimate | null;
      }
    | Unusable
  >;
  measurePerformance(request: {
    readonly scratch: string;
    readonly captureFiles: readonly string[];
    readonly labelFiles: readonly { readonly path: string; readonly writtenAtMs: number }[];
    readonly columns: readonly string[];
    readonly window: Window;
    readonly metric: PerformanceMetric;
    readonly limits: PerformanceLimits;
    /** Predictions whose first label came after it are counted. */
    readonly lateAfterMs: number;
    readonly signal: AbortSignal;
  }): Promise<
    | {
        readonly reading: PerformanceReading;
        readonly verdict: PerformanceVerdict;
        /** How scores relate to the labels; `null` with too few of either class, or with labels that are amounts. */
        readonly calibration?: Calibration | null;
      }
    | Unusable
  >;
  /** The answers among the capture files, of one window. */
  readAnswers(request: {
    readonly scratch: string;
    readonly files: readonly string[];
    readonly window: Window;
    readonly signal: AbortSignal;
  }): Promise<{ readonly answers: readonly number[] } | Unusable>;
  /** The rows of a small table: one object for each, instants as text, long integers and non-finite numbers as text. */
  readRows(request: {
    readonly scratch: string;
    readonly file: string;
    readonly format: 'parquet' | 'csv';
    readonly most: number;
    readonly signal: AbortSignal;
  }): Promise<{ readonly rows: readonly unknown[] } | Unusable>;
  evaluate(request: {
    readonly scratch: string;
    /** Predictions as Parquet: rowId, label, champion, candidate, slices, eventTimeMs, under the names of `inputs`. */
    readonly file: string;
    readonly inputs?: EvaluateInputs;
    readonly trainingRowsFile: string | null;
    readonly holdOut: Window;
    readonly gates: readonly Gate[];
    readonly seed: number;
    readonly confidence: number;
    readonly minRows: number;
    /** A champion from the registry serves: predictions without its scores fail. */
    readonly championExpected: boolean;
    readonly candidateSizeBytes: number;
    /** What the policy wants of the held-out rows as a whole. */
    readonly floor?: DatasetFloor;
    /** Further sets of predictions, with the same columns. */
    readonly datasets?: readonly {
      readonly name: string;
      readonly predictions: string | { readonly missing: string };
      readonly floor: DatasetFloor;
      readonly afterTrainingCutoff: boolean;
    }[];
    readonly signal: AbortSignal;
  }): Promise<EvaluationReport | Unusable>;
}

export interface Unusable {
  readonly unusable: string;
}

export const isUnusable = (answer: object): answer is Unusable => 'unusable' in answer;
