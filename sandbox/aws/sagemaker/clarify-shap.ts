/** Feature attributions and their drift, as SageMaker Clarify defines them. */

/** Answers of the model, one per row of cells. */
export type Predict = (rows: readonly (readonly string[])[]) => Promise<readonly number[]>;

export type Aggregation = 'mean_abs' | 'median' | 'mean_sq';

export interface ShapConfig {
  readonly features: readonly string[];
  /** Rows that stand for "this feature is not known". */
  readonly background: readonly (readonly string[])[];
  readonly aggregation: Aggregation;
  readonly useLogit: boolean;
}

/** `analysis.json` of explainability. A baseline's file is the constraints of its monitor. */
export interface ShapAnalysis {
  readonly version: string;
  readonly explanations?: {
    readonly kernel_shap?: Readonly<
      Record<
        string,
        {
          readonly global_shap_values: Readonly<Record<string, number>>;
          readonly expected_value: number;
        }
      >
    >;
  };
}

/** More features than this have too many subsets to ask for each. */
export const MOST_FEATURES = 10;
/** Rows explained of a data set: every n-th, so that there are at most so many. */
const MOST_ROWS = 100;
/** Label of a model with one answer and no name for it. */
const LABEL = 'label0';

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/** At most `most` rows, evenly over all. */
export const evenly = <T>(rows: readonly T[], most: number): readonly T[] =>
  rows.length <= most
    ? rows
    : Array.from({ length: most }, (_, n) => rows[Math.floor((n * rows.length) / most)] as T);

/**
 * Shapley values of every feature, exactly, over all subsets of the features: what Kernel SHAP estimates from a sample of
 * them. A feature that is not in the subset takes the background's values.
 */
export async function shapAnalysis(
  rows: readonly (readonly string[])[],
  config: ShapConfig,
  label: string | undefined,
  predict: Predict,
): Promise<ShapAnalysis> {
  const { features, background, aggregation, useLogit } = config;
  const scale = (p: number): number => (useLogit ? Math.log(p / (1 - p)) : p);
  const subsets = 2 ** features.length;
  const attributions = features.map(() => [] as number[]);
  const answered = async (cells: readonly (readonly string[])[]): Promise<readonly number[]> =>
    (await predict(cells)).map(scale);
  for (const row of evenly(rows, MOST_ROWS)) {
    const mixed = Array.from({ length: subsets }, (_, subset) =>
      background.map((away) =>
        features.map((_name, at) => (((subset >> at) & 1) === 1 ? row[at] : away[at]) ?? ''),
      ),
    );
    const answers = await answered(mixed.flat());
    const values = mixed.map((_, subset) =>
      mean(answers.slice(subset * background.length, (subset + 1) * background.length)),
    );
    features.forEach((_name, at) => attributions[at]?.push(shapley(values, at, features.length)));
  }
  return {
    version: '1.0',
    explanations: {
      kernel_shap: {
        [label ?? LABEL]: {
          global_shap_values: Object.fromEntries(
            features.map((name, at) => [name, aggregated(attributions[at] ?? [], aggregation)]),
          ),
          expected_value: mean(await answered(background)),
        },
      },
    },
  };
}

/** @param values the answer for each subset of the features, a bit for each */
function shapley(values: readonly number[], feature: number, features: number): number {
  let value = 0;
  for (let subset = 0; subset < values.length; subset += 1) {
    if (((subset >> feature) & 1) === 1) continue;
    const size = subset.toString(2).replaceAll('0', '').length;
    const gain = (values[subset | (1 << feature)] ?? 0) - (values[subset] ?? 0);
    value += (gain * factorial(size) * factorial(features - size - 1)) / factorial(features);
  }
  return value;
}

const factorial = (n: number): number => (n < 2 ? 1 : n * factorial(n - 1));

function aggregated(values: readonly number[], how: Aggregation): number {
  switch (how) {
    case 'mean_abs':
      return mean(values.map(Math.abs));
    case 'mean_sq':
      return mean(values.map((value) => value ** 2));
    case 'median': {
      const sorted = [...values].sort((a, b) => a - b);
      const middle = (sorted.length - 1) / 2;
      return ((sorted[Math.floor(middle)] ?? 0) + (sorted[Math.ceil(middle)] ?? 0)) / 2;
    }
  }
}

type Attributions = Readonly<Record<string, number>>;

/**
 * How well the ranking of now orders what the features were worth before: 1 for the same order. Features that are worth
 * the same now share their places.
 *
 * @see https://docs.aws.amazon.com/sagemaker/latest/dg/clarify-model-monitor-feature-attribution-drift.html
 * @see https://scikit-learn.org/stable/modules/generated/sklearn.metrics.ndcg_score.html
 */
export function ndcg(before: Attributions, now: Attributions): number {
  const discount = (place: number): number => 1 / Math.log2(place + 2);
  const names = Object.keys(before).sort((a, b) => (now[b] ?? 0) - (now[a] ?? 0));
  const gains = names.map((_, place) => {
    const tied = names.filter((name) => (now[name] ?? 0) === (now[names[place] ?? ''] ?? 0));
    return mean(tied.map((name) => before[name] ?? 0)) * discount(place);
  });
  const best = Object.values(before)
    .sort((a, b) => b - a)
    .map((worth, place) => worth * discount(place));
  const total = (values: readonly number[]): number => values.reduce((sum, one) => sum + one, 0);
  return total(best) === 0 ? 1 : total(gains) / total(best);
}

const LEAST_NDCG = 0.9;

/** One for each label whose ranking has moved. */
export function shapViolations(now: ShapAnalysis, baseline: ShapAnalysis): readonly object[] {
  return Object.entries(baseline.explanations?.kernel_shap ?? {}).flatMap(([label, before]) => {
    const found = now.explanations?.kernel_shap?.[label];
    if (found === undefined) return [];
    const score = ndcg(before.global_shap_values, found.global_shap_values);
    return score >= LEAST_NDCG
      ? []
      : [
          {
            label,
            metric_name: 'shap',
            constraint_check_type: 'feature_attribution_drift_check',
            description: `Feature attribution drift ${score} exceeds threshold ${LEAST_NDCG}`,
          },
        ];
  });
}
