/**
 * Plain JSON that crosses between the statistics, the activities and the people who read reports. Numbers that could
 * not be computed are `null`, never NaN. Shares are 0 to 1, instants are epoch milliseconds.
 */

import type { Density } from './density.js';
import type { EvaluationTask } from './metrics.js';
import type { BiasMetric, Gate, GateMetric } from '../gate.schema.js';

export type { BiasMetric, Gate, GateMetric };

export type ColumnKind = 'numeric' | 'categorical';

/** What the caller knows about a column; without it the kind is inferred from the type of the data. */
export interface ColumnSpec {
  readonly name: string;
  readonly kind: ColumnKind;
}

interface ColumnCounts {
  readonly name: string;
  /** NULL, NaN and, in CSV, the empty text. */
  readonly missing: number;
  /** Not empty, and not a number in a numeric column. */
  readonly invalid: number;
  /** Infinity and -Infinity; left out of every distance. */
  readonly nonFinite: number;
}

export interface NumericColumnProfile extends ColumnCounts {
  readonly kind: 'numeric';
  /** Finite values, the sum of `fineCounts`. */
  readonly count: number;
  /**
   * Order statistics at ranks ceil(n·i/200), ascending, without repeats. Bin j holds `fineEdges[j-1] < x <= fineEdges[j]`;
   * the first and the last bin are open, so there is one count more than there are edges.
   */
  readonly fineEdges: readonly number[];
  readonly fineCounts: readonly number[];
  /** A subset of `fineEdges`: the deciles. Distances are computed on these bins. */
  readonly edges: readonly number[];
  readonly counts: readonly number[];
  readonly min: number | null;
  readonly max: number | null;
  /** `null` where the sum or the square overflows. */
  readonly mean: number | null;
  /** Population standard deviation. */
  readonly std: number | null;
}

export interface CategoricalColumnProfile extends ColumnCounts {
  readonly kind: 'categorical';
  /** Values that are not missing: the domain and `other` together. */
  readonly count: number;
  /** The most frequent values, at most 1000, most frequent first, then by value. */
  readonly domain: readonly { readonly value: string; readonly count: number }[];
  /** Rows whose value is not in the domain; above 0 only when there were more than 1000 values. */
  readonly other: number;
}

export type ColumnProfile = NumericColumnProfile | CategoricalColumnProfile;

/** What a data set looked like: enough to compare any later window with it. */
export interface Profile {
  readonly schema: 'modelkeeper/profile-v1';
  readonly rowCount: number;
  readonly columns: readonly ColumnProfile[];
  /** The scores the model gave on this data; `null` when they are not known. */
  readonly prediction: NumericColumnProfile | null;
  /** Columns that are neither numbers nor categories, such as instants and nested values. */
  readonly skipped: readonly string[];
  /** What was read from data capture, when the baseline is that. */
  readonly capture?: CaptureCounts;
  /** What parts of the data looked like, as `detect.segments` asks; absent where none was asked for. */
  readonly segments?: readonly SegmentedProfiles[];
  /** How the scores relate to what came true; absent where no labels were known. */
  readonly calibration?: Calibration;
}

/** Rows with one value of a column are a segment, judged apart from the others by the same rules. */
export interface SegmentRule {
  readonly by: string;
  /** Most segments of the column; further values are one, `other`. */
  readonly max: number;
  /** Fewest rows on either side for a verdict on a segment. */
  readonly minRows: number;
  /** A segment that drifts makes the window drift. */
  readonly critical: boolean;
}

export interface SegmentedProfiles {
  readonly by: string;
  /** Different values of the column; absent in profiles of earlier versions. */
  readonly values?: number;
  /** Most frequent value first; what the values beyond them have in common is `other`, where there are any. */
  readonly segments: readonly {
    /** `null` stands for all other values. */
    readonly value: string | null;
    readonly profile: Pick<Profile, 'rowCount' | 'columns' | 'prediction'>;
  }[];
}

/** From a score to the chance that the label is 1, fitted on labelled rows. */
export interface Calibration {
  /** Ascending scores and their chances; linear between them, flat outside. */
  readonly x: readonly number[];
  readonly y: readonly number[];
  readonly rows: number;
  readonly positives: number;
  /** Expected calibration error on rows that the map was not fitted on, of the scores as they are and of the map. */
  readonly eceOfScores: number;
  readonly eceOfMap: number;
  /** Only when the map is better than the scores as they are. */
  readonly used: boolean;
}

/** What counts as drift, as the policy says. */
export interface DetectPolicy {
  /** Jensen–Shannon distance (base 2, 0 to 1) from which a column is shown as moving. */
  readonly warn: number;
  /** Jensen–Shannon distance (base 2, 0 to 1) from which a column has drifted. */
  readonly drift: number;
  /** Adjusted p below which a difference is more than chance. */
  readonly significance: number;
  /** Fewest rows on either side for a verdict. */
  readonly minRows: number;
  /** One of these drifting is enough. */
  readonly critical: readonly string[];
  readonly ignore: readonly string[];
  /** Weighted share of columns that must drift for the data set to. */
  readonly share: number;
  /** Column → weight, such as its importance to the model; columns not named weigh 0. Equal weights when absent. */
  readonly weights?: Readonly<Record<string, number>>;
  /** Columns where new values mean a changed world, not a broken feed. */
  readonly newCategoriesAreDrift: readonly string[];
  readonly segments?: readonly SegmentRule[];
}

export type ComparisonVerdict = 'insufficient data' | 'data quality' | 'drift' | 'warn' | 'ok';

/** A share in the window against the same share in the baseline. */
export interface ShareComparison {
  readonly baseline: number;
  readonly window: number;
  /** Two-sided p of the pooled z test. */
  readonly pValue: number;
  /** Benjamini–Hochberg over all shares of the window. */
  readonly pAdjusted: number;
  /** Newcombe interval (95 %) of window − baseline. */
  readonly lower: number;
  readonly upper: number;
}

/** Rows of one side that have no value to compare. */
export interface LeftOut {
  readonly missingRows: number;
  /** Not empty, and not a number in a numeric column. */
  readonly invalidRows: number;
  readonly nonFiniteRows: number;
}

export interface ColumnComparison {
  readonly name: string;
  readonly kind: ColumnKind;
  /** Values compared on each side: not missing, not invalid, finite. */
  readonly rows: number;
  readonly baselineRows: number;
  readonly missing: ShareComparison | null;
  readonly invalid: ShareComparison | null;
  readonly nonFinite: ShareComparison | null;
  /** Share of the window's values that the baseline never had; `null` for numeric columns. */
  readonly newCategories: ShareComparison | null;
  /** The most frequent new values, at most ten. Data, not markup. */
  readonly newValues: readonly string[];
  /** Share of the baseline whose values do not occur in the window; `null` for numeric columns. */
  readonly vanishedShare: number | null;
  /** Share of the window below the baseline's minimum or above its maximum; `null` for categorical columns. */
  readonly outOfRangeShare: number | null;
  /** Values of the window below the baseline's minimum and above its maximum; `null` for categorical columns. */
  readonly belowMin?: number | null;
  readonly aboveMax?: number | null;
  /** Rows that are not among the values compared, on each side. */
  readonly leftOut?: { readonly baseline: LeftOut; readonly window: LeftOut };
  /** Mean of the window's finite values; `null` for categorical columns, without values, and where it overflows. */
  readonly mean?: number | null;
  /** Mean and population standard deviation of the baseline, as its profile has them. */
  readonly baselineMean?: number | null;
  readonly baselineStd?: number | null;
  readonly psi: number | null;
  /** As Evidently computes it: empty shares become 1e-4. */
  readonly psiFloor1e4?: number | null;
  /** Base 2, 0 to 1. The effect that is judged. */
  readonly jsDistance: number | null;
  /** In natural logarithms, 0 to 0.8326: the number Evidently reports. */
  readonly jsDistanceNat?: number | null;
  readonly hellinger: number | null;
  readonly tvd: number | null;
  /** Largest difference of a share; for numeric columns the lower bound of the Kolmogorov–Smirnov D. */
  readonly linf: number | null;
  /** The same less what chance explains, as Model Monitor's comparison method Robust. */
  readonly linfRobust: number | null;
  /** What the bins know about the Kolmogorov–Smirnov D; `null` for categorical columns. */
  readonly ks: { readonly lower: number; readonly upper: number } | null;
  readonly chi2: {
    readonly statistic: number;
    readonly df: number;
    readonly pValue: number;
  } | null;
  /** 0 to 1: the statistic of `chi2` without the number of rows. */
  readonly cramersV?: number | null;
  /** First Wasserstein distance, only when it was asked for; `null` for categorical columns and without values. */
  readonly wasserstein?: number | null;
  /** Divided by the baseline's standard deviation; `null` where that is 0 or overflows. */
  readonly wassersteinNorm?: number | null;
  /** Rows the Wasserstein distance was computed on: all with a value, or a sample that is the same on every run. */
  readonly wassersteinRows?: {
    readonly baseline: number;
    readonly window: number;
    readonly sampled: boolean;
  } | null;
  /** Kolmogorov for numeric columns, chi-square homogeneity for categorical ones. */
  readonly pValue: number | null;
  /** Benjamini–Hochberg over the columns compared. */
  readonly pAdjusted: number | null;
  /** Values per bin or per category on both sides, for plots; categories beyond the twenty largest are one. */
  readonly bins: readonly {
    readonly label: string;
    readonly baseline: number;
    readonly window: number;
  }[];
  /** The shape of both sides on an axis of values; `null` for categories and few different values, absent before. */
  readonly density?: Density | null;
  readonly verdict: ComparisonVerdict;
  readonly reason: string;
}

export interface DatasetVerdict {
  readonly kind: ComparisonVerdict;
  readonly reasons: readonly string[];
}

/** One window against the baseline of the serving version. */
export interface WindowComparison {
  readonly schema: 'modelkeeper/window-comparison-v1';
  readonly rows: number;
  readonly baselineRows: number;
  readonly columns: readonly ColumnComparison[];
  /** The distribution of scores; `null` when the profile has none or nothing was captured. */
  readonly prediction: ColumnComparison | null;
  /** Columns of the window the baseline does not have: nobody looked at them. */
  readonly notCompared: readonly string[];
  /** What was read from data capture, when the window is that. */
  readonly capture?: CaptureCounts;
  /** Parts of the window against the same parts of the baseline; absent where none was asked for. */
  readonly segments?: readonly SegmentComparison[];
  readonly verdict: DatasetVerdict;
}

/** One segment of a window against the same segment of the baseline. */
export interface SegmentComparison {
  readonly by: string;
  /** `null` stands for all values that are no segment of their own. */
  readonly value: string | null;
  readonly rows: number;
  readonly baselineRows: number;
  readonly critical: boolean;
  /** p adjusted over all columns of all segments. */
  readonly columns: readonly ColumnComparison[];
  readonly prediction: ColumnComparison | null;
  readonly verdict: DatasetVerdict;
}

/** What was read from data capture files. */
export interface CaptureCounts {
  readonly lines: number;
  /** Truncated or otherwise not JSON. */
  readonly unreadableLines: number;
  /** Lines that hold no input, such as output-only capture. */
  readonly linesWithoutInput: number;
  readonly linesWithoutOutput: number;
  /** One request may hold several. */
  readonly rows: number;
  /** Rows whose number of values or shape is not what the columns say. */
  readonly invalid: number;
  /** Lines of other times than the window asked for. */
  readonly outsideWindow: number;
}

export type PerformanceMetric =
  | 'roc_auc'
  | 'pr_auc'
  | 'accuracy'
  | 'precision'
  | 'recall'
  | 'f1'
  | 'log_loss'
  | 'brier'
  | 'rmse'
  | 'mae';

/** What can be estimated without labels. */
export type EstimatedMetric = 'accuracy' | 'precision' | 'recall' | 'f1' | 'roc_auc';

/** Performance estimated from scores alone: never a measurement. */
export interface PerformanceEstimate {
  readonly metric: EstimatedMetric;
  readonly estimate: number;
  /** What the chance of the labels leaves open (95 %); not what a wrong calibration would. */
  readonly lower: number;
  readonly upper: number;
  readonly rows: number;
  /** Whether the scores went through a calibration first. */
  readonly calibrated: boolean;
}

/** How long after the prediction its first label was there, over the labelled predictions. */
export interface LabelDelay {
  readonly labelled: number;
  readonly medianMs: number;
  readonly p90Ms: number;
  readonly p99Ms: number;
  readonly longestMs: number;
}

/** Scores of the predictions whose label has arrived against those of the others. */
export interface LabelSelection {
  readonly labelled: number;
  readonly unlabelled: number;
  readonly meanLabelled: number;
  readonly meanUnlabelled: number;
  /** Jensen–Shannon distance (base 2) on the deciles of all scores. */
  readonly jsDistance: number;
  /** Kolmogorov, from fine bins. */
  readonly pValue: number;
  /** Both keys: the labelled ones do not speak for all. */
  readonly differs: boolean;
}

/** A metric on the rows whose label has arrived. */
export interface PerformanceReading {
  readonly schema: 'modelkeeper/performance-v1';
  readonly metric: PerformanceMetric;
  readonly estimate: number | null;
  readonly lower: number | null;
  readonly upper: number | null;
  /** Two-sided confidence of `lower` to `upper`. */
  readonly confidence: number;
  /** How the interval was made; `none` when there was nothing to compute from. */
  readonly method: 'delong' | 'wilson' | 'logit' | 'normal' | 'none';
  /** Predictions in the window, each id once. */
  readonly rows: number;
  /** Predictions with a score and a label: what the metric is computed on. */
  readonly labelled: number;
  /** labelled / rows; 0 without rows. */
  readonly coverage: number;
  readonly positives: number;
  /** Label lines that were unreadable, or whose label is not 0 or 1. */
  readonly badLabels: number;
  /** Labels for predictions that are not in the window. */
  readonly labelsWithoutPrediction: number;
  /** `null` without labels, or where nobody knows when they arrived. */
  readonly labelDelay?: LabelDelay | null;
  /** Labelled predictions whose first label came after the instant asked about. */
  readonly labelledLate?: number;
  /** Labels of earlier than their prediction, which cannot be about it: not joined. */
  readonly labelsBeforePrediction?: number;
  /** Predictions that share their id with a later one of the window and were left out: a label has one place to go. */
  readonly repeatedPredictions?: number;
  /** `null` with too few scores on either side to tell. */
  readonly selection?: LabelSelection | null;
}

/** What the floor of a ground-truth source says about a reading. */
export interface PerformanceVerdict {
  readonly kind: 'ok' | 'warn' | 'breach' | 'cannot tell';
  readonly reason: string;
}

/** A number with what is known about its error. */
export interface Estimate {
  readonly metric: GateMetric;
  readonly estimate: number | null;
  /** One-sided bounds, each at the confidence of the report. */
  readonly lower: number | null;
  readonly upper: number | null;
}

export type GateVerdict = 'pass' | 'fail' | 'inconclusive';
export type GateMethod =
  | 'delong'
  | 'paired bootstrap'
  | 'bootstrap'
  /** Entities were drawn, with all of their rows. */
  | 'paired cluster bootstrap'
  | 'cluster bootstrap'
  /** Each row, or entity, counts a Poisson number of times: for metrics that people wrote in SQL. */
  | 'paired poisson bootstrap'
  | 'poisson bootstrap'
  /** A number without an interval, such as a size, or a metric that others computed. */
  | 'point'
  | 'none';

/** Why a gate has its verdict, for programs; `reason` says it to people. */
export type GateReasonCode =
  /** The limit is kept, broken, or within the interval. */
  | 'kept'
  | 'broken'
  | 'undecided'
  | 'too few rows'
  | 'too few of a class'
  | 'too few entities'
  | 'too many slices'
  | 'missing column'
  | 'missing slice'
  | 'missing metric'
  /** The set of predictions that the gate names is not there. */
  | 'missing dataset'
  /** The rows of the set cannot be trusted: leaked, repeated, or without usable labels or scores. */
  | 'bad rows'
  | 'not a number'
  | 'bad sql'
  | 'champion is zero'
  /** Only a number is known, no rows: that proves nothing about a difference. */
  | 'point estimate';

export interface GateResult {
  /** The gate's id; for one slice of it `id[column=value]`. */
  readonly id: string;
  readonly kind: Gate['kind'];
  readonly metric: GateMetric | BiasMetric;
  readonly severity: Gate['severity'];
  readonly slice: { readonly column: string; readonly value: string } | null;
  readonly estimateChampion: number | null;
  readonly estimateCandidate: number | null;
  /** Candidate − champion, turned so that more is better; `null` for absolute gates. */
  readonly delta: number | null;
  /** One-sided bounds of `delta`, or for absolute gates of the candidate's estimate. */
  readonly lower: number | null;
  readonly upper: number | null;
  /** One-sided confidence of `lower`; above the report's where several slices are judged together. */
  readonly confidence: number;
  /** One-sided confidence of `upper`. */
  readonly upperConfidence: number;
  readonly n: number;
  readonly positives: number;
  readonly method: GateMethod;
  readonly seed: number;
  /** Non-inferiority: what may be lost. Superiority: what must be gained. Absolute: the limit. */
  readonly margin: number;
  readonly verdict: GateVerdict;
  /** One sentence with the numbers, for people. */
  readonly reason: string;
  /** Rows that would settle an inconclusive gate, by extrapolating its interval; `null` when unknown. */
  readonly rowsWanted: number | null;
  /** Absent in reports of earlier versions. */
  readonly reasonCode?: GateReasonCode;
  /** The set of predictions that it looked at; absent for the held-out rows. */
  readonly dataset?: string;
  /** Too little to judge this slice, and the policy says `onInsufficient: warn`: it is told and does not hold up the verdict. */
  readonly waived?: true;
  /** Of a bias gate: where the difference between groups may lie. */
  readonly range?: readonly [number, number];
}

/** What was found wrong with the rows themselves; any of these fails the evaluation. */
export interface EvaluationChecks {
  /** `null` when the rows have no ids, which only an offline evaluation takes. */
  readonly duplicateRowIds: number | null;
  /** `null` when the rows have no time or nobody gave a window, which only an offline evaluation takes. */
  readonly rowsOutsideHoldOut: number | null;
  /** Row ids the candidate was also trained on; `null` when the training rows are not known. */
  readonly rowsInTraining: number | null;
  readonly badLabels: number;
  readonly badCandidateScores: number;
  readonly badChampionScores: number;
  /** Rows whose id is missing; those are no duplicates. */
  readonly missingRowIds?: number;
  /** Weights that are missing, not finite or below 0. */
  readonly badWeights?: number;
  /** One of the labels that are bad, as it stands in the data. */
  readonly badLabelExample?: string;
  /** Of a further set that must be from after the training: `null` when nobody knows. */
  readonly rowsBeforeCutoff?: number | null;
}

/** What to draw of one model's scores on the rows it was judged by. Shares are 0 to 1. */
export interface ModelCurves {
  /** From (0, 0) to (1, 1), at most 200 points. */
  readonly roc: readonly {
    readonly falsePositiveRate: number;
    readonly truePositiveRate: number;
  }[];
  /** Bins of the score that hold rows, `from < score <= to` (the first holds 0 too). */
  readonly calibration: readonly {
    readonly from: number;
    readonly to: number;
    readonly rows: number;
    readonly positives: number;
    readonly meanScore: number;
    /** positives / rows, with its Wilson interval of two-sided 95 %. */
    readonly share: number;
    readonly lower: number;
    readonly upper: number;
  }[];
  /** Bins of equal width over the scores, counts of each class. */
  readonly histogram: readonly {
    readonly from: number;
    readonly to: number;
    readonly negatives: number;
    readonly positives: number;
  }[];
}

export interface EvaluationCurves {
  readonly champion: ModelCurves | null;
  readonly candidate: ModelCurves;
}

/** What there is to say of a further set of predictions; the report itself is about the held-out rows. */
export type DatasetReport =
  | { readonly name: string; readonly kind: 'missing'; readonly reason: string }
  | {
      readonly name: string;
      readonly kind: 'judged';
      readonly rows: number;
      readonly positives: number;
      readonly checks: EvaluationChecks;
      readonly noBaseline: boolean;
      readonly champion: readonly Estimate[] | null;
      readonly candidate: readonly Estimate[];
      /** Absent for regressions, and where the rows could not be trusted. */
      readonly curves?: EvaluationCurves;
      readonly entities?: number;
    };

export interface EvaluationReport {
  readonly schema: 'modelkeeper/evaluation-v1';
  readonly rows: number;
  readonly positives: number;
  /** `null` for an offline evaluation without a window. */
  readonly holdOut: { readonly fromMs: number; readonly toMs: number } | null;
  /** One-sided confidence of every bound. */
  readonly confidence: number;
  readonly seed: number;
  /** Draws of each bootstrap. */
  readonly replicates: number;
  readonly checks: EvaluationChecks;
  /** True for a first model: only absolute gates could be judged. */
  readonly noBaseline: boolean;
  readonly champion: readonly Estimate[] | null;
  readonly candidate: readonly Estimate[];
  readonly gates: readonly GateResult[];
  readonly verdict: GateVerdict;
  readonly reasons: readonly string[];
  /** Absent in reports of earlier versions, for regressions, and where the rows could not be trusted. */
  readonly curves?: EvaluationCurves;
  /** Absent in reports of earlier versions, which are classifications. */
  readonly task?: EvaluationTask;
  /** Rows of one entity were drawn together: how many entities there are. */
  readonly entities?: number;
  /** Further sets of predictions, where the policy has any. */
  readonly datasets?: readonly DatasetReport[];
  /** Judged by metrics alone: no rows, no intervals. */
  readonly statistics?: 'none';
}
