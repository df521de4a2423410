import type { readFileSync } from 'node:fs';

type Doubles = readonly number[];
type Pair = readonly [number, number];
type Raw = readonly (number | string | null)[];

interface Distances {
  readonly status: string;
  readonly n_ref: number;
  readonly n_cur: number;
  readonly psi?: number;
  readonly psi_floor_1e4?: number;
  readonly js_distance_base2?: number;
  readonly js_distance_nat?: number;
  readonly hellinger?: number;
  readonly chi2?: number;
  readonly chi2_df?: number;
  readonly chi2_p?: number;
  readonly chi2_columns_after_merge?: number;
  readonly cramers_v?: number;
  readonly deequ_linf_robust?: number;
}

export interface NumericVector {
  readonly name: string;
  readonly ref: Raw;
  readonly cur: Raw;
  readonly expected: Distances & {
    readonly missing_ref: number;
    readonly missing_cur: number;
    readonly nonfinite_ref: number;
    readonly nonfinite_cur: number;
    readonly edges?: readonly (number | string)[];
    readonly counts_ref?: Doubles;
    readonly counts_cur?: Doubles;
    readonly linf_binned?: number;
    readonly tvd_binned?: number;
    readonly ks?: number;
    readonly ks_p_kolmogorov?: number;
    readonly wasserstein?: number;
    readonly wasserstein_norm?: number | null;
    readonly mean_cur?: number | string | null;
    readonly below_ref_min?: number;
    readonly above_ref_max?: number;
  };
}

type Counts = Readonly<Record<string, number>>;

export interface CategoricalVector {
  readonly name: string;
  readonly ref_counts?: Counts;
  readonly cur_counts?: Counts;
  readonly generator?: unknown;
  readonly expected: Distances & {
    readonly linf?: number;
    readonly tvd?: number;
    readonly new_category_share?: number;
    readonly vanished_category_share_of_ref?: number;
  };
}

/** The vectors file, as far as the tests read it. */
export interface Vectors {
  readonly numeric: readonly NumericVector[];
  readonly categorical: readonly CategoricalVector[];
  readonly proportions: readonly {
    readonly x_ref: number;
    readonly n_ref: number;
    readonly x_cur: number;
    readonly n_cur: number;
    readonly expected: {
      readonly diff: number;
      readonly z_pooled: number;
      readonly p_two_sided: number;
      readonly wilson95_ref: Pair;
      readonly wilson95_cur: Pair;
      readonly newcombe95_diff: Pair;
    };
  }[];
  readonly multiple_testing: readonly {
    readonly p: Doubles;
    readonly q: number;
    readonly expected: {
      readonly bh_adjusted: Doubles;
      readonly bh_rejected: number;
      readonly holm_adjusted: Doubles;
    };
  }[];
  readonly distributions: {
    readonly chi2_sf: readonly {
      readonly x: number;
      readonly df: number;
      readonly expected: number;
    }[];
    readonly chi2_ppf: readonly {
      readonly p: number;
      readonly df: number;
      readonly expected: number;
    }[];
    readonly kolmogorov_sf: readonly { readonly x: number; readonly expected: number }[];
    readonly normal_sf: readonly { readonly x: number; readonly expected: number }[];
    readonly normal_ppf: readonly { readonly p: number; readonly expected: number }[];
    readonly betainc_regularized: readonly {
      readonly a: number;
      readonly b: number;
      readonly x: number;
      readonly expected: number;
    }[];
  };
  readonly psi_null: readonly {
    readonly n_ref: number;
    readonly n_cur: number;
    readonly bins: number;
    readonly alpha: number;
    readonly expected: { readonly null_mean: number; readonly critical: number };
  }[];
  readonly mcnemar: readonly {
    readonly b: number;
    readonly c: number;
    readonly expected: { readonly exact_p: number; readonly mid_p: number };
  }[];
  readonly paired_proportion: readonly {
    readonly champion_only_right: number;
    readonly challenger_only_right: number;
    readonly n: number;
    readonly expected: { readonly wald95: Pair; readonly agresti_min95: Pair };
  }[];
  readonly delong: readonly {
    readonly name: string;
    readonly y: Doubles;
    readonly score_champion: Doubles;
    readonly score_challenger: Doubles;
    readonly expected: {
      readonly auc_1: number;
      readonly auc_2: number;
      readonly diff: number;
      readonly var_1: number;
      readonly var_2: number;
      readonly cov: number;
      readonly var_diff: number;
      readonly p_two_sided: number;
      readonly ci95_diff: Pair;
    };
  }[];
  readonly paired_bootstrap: readonly {
    readonly name: string;
    readonly y: Doubles;
    readonly pred_champion: Doubles;
    readonly pred_challenger: Doubles;
    readonly indices: readonly Doubles[];
    readonly expected: {
      readonly point: number;
      readonly replicates_first3: Doubles;
      readonly replicates_mean: number;
      readonly percentile95_linear: Pair;
    };
  }[];
  readonly metrics: readonly {
    readonly name: string;
    readonly y: Doubles;
    readonly score: Doubles;
    readonly expected: {
      readonly auc: number;
      readonly average_precision: number;
      readonly log_loss: number;
      readonly brier: number;
      readonly accuracy: number;
      readonly precision: number;
      readonly recall: number;
      readonly f1: number;
      readonly confusion: Counts;
    };
  }[];
  readonly cbpe: readonly {
    readonly name: string;
    readonly calibrated_prob: Doubles;
    readonly expected: {
      readonly tp: number;
      readonly fp: number;
      readonly fn: number;
      readonly tn: number;
      readonly accuracy: number;
      readonly precision: number;
      readonly recall: number;
      readonly f1: number;
      readonly roc_auc_expected_pairs: number;
      readonly se_accuracy: number;
    };
  }[];
  readonly isotonic: readonly {
    readonly x: Doubles;
    readonly y: Doubles;
    readonly expected: Doubles;
    readonly predict_at: Doubles;
    readonly expected_at: Doubles;
  }[];
  readonly canary_latency: readonly {
    readonly name: string;
    readonly canary: Doubles;
    readonly baseline: Doubles;
    readonly confidence: number;
    readonly expected: {
      readonly u_canary: number;
      readonly p_two_sided: number;
      readonly cles: number;
      readonly hodges_lehmann: number;
      readonly hl_ci_k: number;
      readonly hl_ci: Pair;
    };
  }[];
  readonly canary_errors: readonly {
    readonly errors_baseline: number;
    readonly requests_baseline: number;
    readonly errors_canary: number;
    readonly requests_canary: number;
    readonly margin: number;
    readonly expected: { readonly p_canary_worse_than_baseline_plus_margin: number };
  }[];
}

export function readVectors(read: typeof readFileSync): Vectors {
  const file = new URL('../fixtures/drift-vectors.json', import.meta.url);
  return JSON.parse(read(file, 'utf8')) as Vectors;
}

/** Numbers, and the texts NaN, Infinity and -Infinity that stand for those doubles. */
export function asNumber(value: number | string): number {
  return typeof value === 'number' ? value : Number(value);
}

/** Counts of a categorical vector; the one with a thousand levels is generated as the file describes. */
export function keysOfHighCardinality(vector: CategoricalVector): {
  readonly ref: Counts;
  readonly cur: Counts;
} {
  if (vector.generator === undefined) {
    return { ref: vector.ref_counts ?? {}, cur: vector.cur_counts ?? {} };
  }
  const generate = (count: (i: number) => number) =>
    Object.fromEntries(
      Array.from({ length: 1_000 }, (_, i) => [`k${String(i).padStart(4, '0')}`, count(i)]),
    );
  return { ref: generate((i) => (i % 17) + 1), cur: generate((i) => ((7 * i) % 17) + 1) };
}
