/**
 * Bias metrics as SageMaker Clarify defines them, and how a window violates those of its baseline.
 *
 * @see https://docs.aws.amazon.com/sagemaker/latest/dg/clarify-measure-data-bias.html
 * @see https://docs.aws.amazon.com/sagemaker/latest/dg/clarify-measure-post-training-bias.html
 */

/** One row, as the metrics see it. */
export interface BiasRow {
  /** Cells by column, the label's too. */
  readonly cells: Readonly<Record<string, string>>;
  readonly label: string;
  /** What the model said. */
  readonly predicted: string;
}

export interface BiasConfig {
  readonly label: string;
  readonly label_values_or_threshold: readonly (string | number)[];
  readonly facets: readonly {
    readonly name: string;
    readonly values?: readonly (string | number)[];
  }[];
  readonly group_variable?: string;
}

interface Metric {
  readonly name: string;
  readonly description: string;
  /** `null` with the reason beside it, or where it is infinite: JSON has no such number. */
  readonly value: number | null;
  readonly error?: string;
}

interface Section {
  readonly label: string;
  readonly label_value_or_threshold: string;
  readonly facets: Readonly<
    Record<
      string,
      readonly { readonly value_or_threshold: string; readonly metrics: readonly Metric[] }[]
    >
  >;
}

/** `analysis.json` of bias. A baseline's file is the constraints of its monitor. */
export interface BiasAnalysis {
  readonly version: string;
  readonly pre_training_bias_metrics?: Section;
  readonly post_training_bias_metrics?: Section;
}

interface Judged {
  readonly inFacet: boolean;
  readonly label: string;
  readonly positive: boolean;
  readonly predicted: boolean;
  readonly group: string | null;
}

/** Whole numbers of which more than this share differ are a scale, on which a value is a threshold. */
const UNIQUENESS = 0.05;
/** So many different numbers are two classes, however few rows there are. */
const CLASSES = 2;

/** Whether a cell belongs to the values, or lies above the one threshold. */
function membership(
  cells: readonly string[],
  values: readonly (string | number)[],
): (cell: string) => boolean {
  const [threshold, ...more] = values;
  const numbers = cells.map(Number);
  const numeric = cells.every((cell, at) => cell !== '' && Number.isFinite(numbers[at]));
  const different = new Set(numbers).size;
  const scale =
    numeric &&
    more.length === 0 &&
    different > CLASSES &&
    (numbers.some((number) => !Number.isInteger(number)) ||
      different / numbers.length >= UNIQUENESS);
  if (scale) return (cell) => Number(cell) > Number(threshold);
  return (cell) => values.some((value) => same(cell, String(value)));
}

const same = (a: string, b: string): boolean =>
  a === b || (a !== '' && b !== '' && Number(a) === Number(b));

export function biasAnalysis(rows: readonly BiasRow[], config: BiasConfig): BiasAnalysis {
  const isPositive = membership(
    rows.map(({ label }) => label),
    config.label_values_or_threshold,
  );
  const section = (metrics: Readonly<Record<string, Formula>>): Section => ({
    label: config.label,
    label_value_or_threshold: config.label_values_or_threshold.join(','),
    facets: Object.fromEntries(
      config.facets.map(({ name, values }) => {
        const cells = rows.map((row) => row.cells[name] ?? '');
        const groups = values === undefined ? [...new Set(cells)].map((one) => [one]) : [values];
        return [
          name,
          groups.map((group) => {
            const isIn = membership(cells, group);
            const judged = rows.map((row, at) => ({
              inFacet: isIn(cells[at] ?? ''),
              label: row.label,
              positive: isPositive(row.label),
              predicted: isPositive(row.predicted),
              group:
                config.group_variable === undefined
                  ? null
                  : (row.cells[config.group_variable] ?? ''),
            }));
            return {
              value_or_threshold: group.join(','),
              metrics: Object.entries(metrics).flatMap(([metric, formula]) =>
                metric.startsWith('CDD') && config.group_variable === undefined
                  ? []
                  : [measured(metric, formula, judged)],
              ),
            };
          }),
        ];
      }),
    ),
  });
  return {
    version: '1.0',
    pre_training_bias_metrics: section(PRE_TRAINING),
    post_training_bias_metrics: section(POST_TRAINING),
  };
}

function measured(name: string, formula: Formula, rows: readonly Judged[]): Metric {
  const description = `${NAMES[name] ?? name} (${name})`;
  const advantaged = rows.filter(({ inFacet }) => !inFacet);
  const disadvantaged = rows.filter(({ inFacet }) => inFacet);
  if (disadvantaged.length === 0)
    return { name, description, value: null, error: 'Facet set is empty' };
  if (advantaged.length === 0)
    return { name, description, value: null, error: 'Negated facet set is empty' };
  const value = formula(counted(advantaged), counted(disadvantaged), rows);
  return { name, description, value: Number.isFinite(value) ? value : null };
}

/** One side of a facet: how many rows, and how they were labelled and judged. */
interface Side {
  readonly n: number;
  readonly tp: number;
  readonly fp: number;
  readonly fn: number;
  readonly tn: number;
  /** Share of each label. */
  readonly shares: ReadonlyMap<string, number>;
}

function counted(rows: readonly Judged[]): Side {
  const count = (positive: boolean, predicted: boolean): number =>
    rows.filter((row) => row.positive === positive && row.predicted === predicted).length;
  const labels = new Map<string, number>();
  for (const { label } of rows) labels.set(label, (labels.get(label) ?? 0) + 1);
  return {
    n: rows.length,
    tp: count(true, true),
    fp: count(false, true),
    fn: count(true, false),
    tn: count(false, false),
    shares: new Map([...labels].map(([label, times]) => [label, times / rows.length])),
  };
}

/** Nothing of nothing is none. */
const ratio = (a: number, b: number): number => (a === 0 && b === 0 ? 0 : a / b);
/** Two infinities are as far apart as two equal numbers. */
const minus = (a: number, b: number): number => (a === b ? 0 : a - b);

/** Of the advantaged, the disadvantaged, and all rows. */
type Formula = (a: Side, d: Side, rows: readonly Judged[]) => number;

const shares = (a: Side, d: Side): readonly (readonly [number, number])[] =>
  [...new Set([...a.shares.keys(), ...d.shares.keys()])].map(
    (label) => [a.shares.get(label) ?? 0, d.shares.get(label) ?? 0] as const,
  );
const sum = (values: readonly number[]): number => values.reduce((all, one) => all + one, 0);
/** Kullback and Leibler's divergence of p from q, in nats. */
const divergence = (pairs: readonly (readonly [number, number])[]): number =>
  sum(pairs.map(([p, q]) => (p === 0 ? 0 : p * Math.log(p / q))));
const apart = (a: Side, d: Side): readonly number[] =>
  shares(a, d).map(([p, q]) => Math.abs(p - q));

const PRE_TRAINING: Readonly<Record<string, Formula>> = {
  CDDL: (_a, _d, rows) => conditionalDisparity(rows, ({ positive }) => positive),
  CI: (a, d) => (a.n - d.n) / (a.n + d.n),
  DPL: (a, d) => (a.tp + a.fn) / a.n - (d.tp + d.fn) / d.n,
  JS: (a, d) => {
    const pairs = shares(a, d);
    const middle = (side: 0 | 1) =>
      divergence(pairs.map((pair) => [pair[side], (pair[0] + pair[1]) / 2] as const));
    return (middle(0) + middle(1)) / 2;
  },
  KL: (a, d) => divergence(shares(a, d)),
  KS: (a, d) => Math.max(...apart(a, d)),
  LP: (a, d) => Math.sqrt(sum(apart(a, d).map((one) => one ** 2))),
  TVD: (a, d) => sum(apart(a, d)) / 2,
};

const POST_TRAINING: Readonly<Record<string, Formula>> = {
  AD: (a, d) => ratio(a.tp + a.tn, a.n) - ratio(d.tp + d.tn, d.n),
  CDDPL: (_a, _d, rows) => conditionalDisparity(rows, ({ predicted }) => predicted),
  DAR: (a, d) => minus(ratio(a.tp, a.tp + a.fp), ratio(d.tp, d.tp + d.fp)),
  DCA: (a, d) => minus(ratio(a.tp + a.fn, a.tp + a.fp), ratio(d.tp + d.fn, d.tp + d.fp)),
  DCR: (a, d) => minus(ratio(d.tn + d.fp, d.tn + d.fn), ratio(a.tn + a.fp, a.tn + a.fn)),
  DI: (a, d) => ratio((d.tp + d.fp) / d.n, (a.tp + a.fp) / a.n),
  DPPL: (a, d) => (a.tp + a.fp) / a.n - (d.tp + d.fp) / d.n,
  DRR: (a, d) => minus(ratio(d.tn, d.tn + d.fn), ratio(a.tn, a.tn + a.fn)),
  GE: (_a, _d, rows) => generalizedEntropy(rows),
  RD: (a, d) => ratio(a.tp, a.tp + a.fn) - ratio(d.tp, d.tp + d.fn),
  SD: (a, d) => ratio(d.tn, d.tn + d.fp) - ratio(a.tn, a.tn + a.fp),
  TE: (a, d) => minus(ratio(d.fn, d.fp), ratio(a.fn, a.fp)),
};

const NAMES: Readonly<Record<string, string>> = {
  AD: 'Accuracy Difference',
  CDDL: 'Conditional Demographic Disparity in Labels',
  CDDPL: 'Conditional Demographic Disparity in Predicted Labels',
  CI: 'Class Imbalance',
  DAR: 'Difference in Acceptance Rates',
  DCA: 'Difference in Conditional Acceptance',
  DCR: 'Difference in Conditional Rejection',
  DI: 'Disparate Impact',
  DPL: 'Difference in Positive Proportions in Labels',
  DPPL: 'Difference in Positive Proportions in Predicted Labels',
  DRR: 'Difference in Rejection Rates',
  GE: 'Generalized Entropy',
  JS: 'Jensen-Shannon Divergence',
  KL: 'Kullback-Leibler Divergence',
  KS: 'Kolmogorov-Smirnov Distance',
  LP: 'L-p Norm',
  RD: 'Recall Difference',
  SD: 'Specificity Difference',
  TE: 'Treatment Equality',
  TVD: 'Total Variation Distance',
};

/** Over the groups, by their size: the facet's share of the rejected less its share of the accepted. */
function conditionalDisparity(
  rows: readonly Judged[],
  isAccepted: (row: Judged) => boolean,
): number {
  const groups = [...new Set(rows.map(({ group }) => group))];
  const parts = groups.map((group) => {
    const inGroup = rows.filter((row) => row.group === group);
    const share = (accepted: boolean): number => {
      const those = inGroup.filter((row) => isAccepted(row) === accepted);
      return ratio(those.filter(({ inFacet }) => inFacet).length, those.length);
    };
    return inGroup.length * (share(false) - share(true));
  });
  return sum(parts) / rows.length;
}

/** With alpha 2: half the squared coefficient of variation of what each row got out of it. */
function generalizedEntropy(rows: readonly Judged[]): number {
  const benefits = rows.map(({ positive, predicted }) => Number(predicted) - Number(positive) + 1);
  const mean = sum(benefits) / benefits.length;
  return sum(benefits.map((one) => (one / mean) ** 2 - 1)) / (benefits.length * 2);
}

/** How far from no bias at all: of a ratio that is 1, of every other metric 0. */
const badness = (name: string, value: number): number =>
  Math.abs(name === 'DI' ? Math.log(value) : value);

/** A metric is violated when it is worse than the baseline's: farther from no bias. */
export function biasViolations(now: BiasAnalysis, baseline: BiasAnalysis): readonly object[] {
  return (['pre_training_bias_metrics', 'post_training_bias_metrics'] as const).flatMap((stage) =>
    Object.entries(baseline[stage]?.facets ?? {}).flatMap(([facet, groups]) =>
      groups.flatMap(({ value_or_threshold: facet_value, metrics }) => {
        const found = now[stage]?.facets[facet]?.find(
          (group) => group.value_or_threshold === facet_value,
        );
        return metrics.flatMap(({ name: metric_name, value: before }) => {
          const value = found?.metrics.find(({ name }) => name === metric_name)?.value ?? null;
          if (value === null || before === null) return [];
          if (badness(metric_name, value) <= badness(metric_name, before)) return [];
          return [
            {
              facet,
              facet_value,
              metric_name,
              constraint_check_type: 'bias_drift_check',
              description: `Value ${value} does not meet the constraint requirement`,
            },
          ];
        });
      }),
    ),
  );
}
