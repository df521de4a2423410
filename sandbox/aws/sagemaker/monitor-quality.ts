/** What the container of a model-quality monitor computes: metrics of answers against labels, and how they violate constraints. */

import { capturedCalls, cellOf, labelsById } from './monitor-capture.js';

export type Problem = 'BinaryClassification' | 'MulticlassClassification' | 'Regression';

/** One answer and its label. Probabilities only where they were captured. */
export interface Labelled {
  readonly answer: string | null;
  readonly probability: number | null;
  readonly label: string;
}

export interface QualityMetrics {
  readonly problem: Problem;
  readonly values: Readonly<Record<string, number>>;
}

type Operator = 'LessThanThreshold' | 'GreaterThanThreshold';

interface QualityConstraint {
  readonly threshold: number;
  readonly comparison_operator: Operator;
}

export type QualityConstraints = Readonly<
  Record<string, Readonly<Record<string, QualityConstraint>> | number | undefined>
>;

const GROUPS: Readonly<Record<Problem, string>> = {
  BinaryClassification: 'binary_classification',
  MulticlassClassification: 'multiclass_classification',
  Regression: 'regression',
};

/** Metrics of which less is better. */
const LESS_IS_BETTER: ReadonlySet<string> = new Set([
  'mae',
  'mse',
  'rmse',
  'false_positive_rate',
  'false_negative_rate',
]);

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

export function qualityOf(
  problem: Problem,
  rows: readonly Labelled[],
  threshold = 0.5,
): QualityMetrics {
  if (problem === 'Regression') return { problem, values: regression(rows) };
  const predicted = rows.map(
    ({ answer, probability }) =>
      answer ?? (probability !== null && probability >= threshold ? '1' : '0'),
  );
  const right = rows.map(({ label }, at) => sameClass(label, predicted[at] ?? ''));
  const accuracy = mean(right.map(Number));
  if (problem === 'MulticlassClassification') return { problem, values: { accuracy } };
  const count = (label: boolean, answer: boolean): number =>
    rows.filter((row, at) => isOne(row.label) === label && isOne(predicted[at] ?? '') === answer)
      .length;
  const [tp, fp, fn, tn] = [
    count(true, true),
    count(false, true),
    count(true, false),
    count(false, false),
  ];
  const precision = share(tp, tp + fp);
  const recall = share(tp, tp + fn);
  const probabilities = rows.flatMap(({ probability, label }) =>
    probability === null ? [] : [{ probability, positive: isOne(label) }],
  );
  return {
    problem,
    values: {
      accuracy,
      precision,
      recall,
      f1: share(2 * precision * recall, precision + recall),
      true_positive_rate: recall,
      true_negative_rate: share(tn, tn + fp),
      false_positive_rate: share(fp, fp + tn),
      false_negative_rate: share(fn, fn + tp),
      ...(probabilities.length === rows.length ? { auc: auc(probabilities) } : {}),
    },
  };
}

function regression(rows: readonly Labelled[]): Readonly<Record<string, number>> {
  const pairs = rows.map(({ answer, label }) => [Number(answer), Number(label)] as const);
  const mae = mean(pairs.map(([a, b]) => Math.abs(a - b)));
  const mse = mean(pairs.map(([a, b]) => (a - b) ** 2));
  const middle = mean(pairs.map(([, b]) => b));
  const spread = mean(pairs.map(([, b]) => (b - middle) ** 2));
  return { mae, mse, rmse: Math.sqrt(mse), r2: spread === 0 ? 0 : 1 - mse / spread };
}

/** By ranks, ties counting half. */
function auc(
  rows: readonly { readonly probability: number; readonly positive: boolean }[],
): number {
  const sorted = [...rows].sort((a, b) => a.probability - b.probability);
  let rankSum = 0;
  for (let at = 0; at < sorted.length;) {
    let end = at;
    while (sorted[end]?.probability === sorted[at]?.probability) end += 1;
    const rank = (at + 1 + end) / 2;
    rankSum += rank * sorted.slice(at, end).filter(({ positive }) => positive).length;
    at = end;
  }
  const positives = rows.filter(({ positive }) => positive).length;
  const pairs = positives * (rows.length - positives);
  return pairs === 0 ? 0.5 : (rankSum - (positives * (positives + 1)) / 2) / pairs;
}

const share = (part: number, all: number): number => (all === 0 ? 0 : part / all);
const isOne = (cell: string): boolean => Number(cell) === 1 || cell.toLowerCase() === 'true';
const sameClass = (a: string, b: string): boolean =>
  a === b || (a !== '' && b !== '' && Number(a) === Number(b));

/** `statistics.json` of model quality. */
export const qualityStatistics = ({ problem, values }: QualityMetrics, rows: number): object => ({
  version: 0,
  dataset: { item_count: rows },
  [`${GROUPS[problem]}_metrics`]: Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, { value, standard_deviation: 'NaN' }]),
  ),
});

/** `constraints.json` of model quality: what the baseline reaches is asked for. */
export const qualityConstraints = ({ problem, values }: QualityMetrics): QualityConstraints => ({
  version: 0,
  [`${GROUPS[problem]}_constraints`]: Object.fromEntries(
    Object.entries(values).map(([name, threshold]) => [
      name,
      {
        threshold,
        comparison_operator: LESS_IS_BETTER.has(name)
          ? 'GreaterThanThreshold'
          : 'LessThanThreshold',
      } as const,
    ]),
  ),
});

export function qualityViolations(
  { problem, values }: QualityMetrics,
  constraints: QualityConstraints,
): readonly object[] {
  const wanted = constraints[`${GROUPS[problem]}_constraints`];
  if (typeof wanted !== 'object') return [];
  return Object.entries(wanted).flatMap(([name, { threshold, comparison_operator: operator }]) => {
    const value = values[name];
    if (value === undefined) return [];
    const violated = operator === 'LessThanThreshold' ? value < threshold : value > threshold;
    return violated
      ? [
          {
            constraint_check_type: operator,
            description: `Metric ${name} with ${value} was ${operator} '${threshold}'`,
            metric_name: name,
          },
        ]
      : [];
  });
}

interface Attributes {
  readonly InferenceAttribute?: string | undefined;
  readonly ProbabilityAttribute?: string | undefined;
}

/** Answers of capture lines between two instants, joined with labels by inference id or event id. */
export function labelledRows(
  capture: readonly string[],
  labels: readonly string[],
  attributes: Attributes,
  fromMs: number,
  toMs: number,
): readonly Labelled[] {
  const byId = labelsById(labels);
  return capturedCalls(capture, fromMs, toMs).flatMap(({ id, output }) => {
    const label = byId.get(id);
    if (label === undefined || output === null) return [];
    const answer = cellOf(output, attributes.InferenceAttribute);
    const probability = cellOf(output, attributes.ProbabilityAttribute);
    return [{ answer, probability: probability === null ? null : Number(probability), label }];
  });
}
