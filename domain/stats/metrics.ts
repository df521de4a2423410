/** Metrics that a gate can be put on. */
export const GATE_METRICS = [
  'roc_auc',
  'pr_auc',
  'accuracy',
  'precision',
  'recall',
  'f1',
  'log_loss',
  'brier',
  'mcc',
  'ece',
  'rmse',
  'mae',
  'mape',
  'r2',
  'prediction_flip_share',
  'p50_latency_ms',
  'p95_latency_ms',
  'p99_latency_ms',
  'model_size_mb',
  'custom',
] as const;

export type MetricName = (typeof GATE_METRICS)[number];

/** What a model gives: a score of 0 to 1 for a label of 0 or 1, or a number for a number. */
export type EvaluationTask = 'classification' | 'regression';

export interface MetricFacts {
  /** What the labels and scores must be; `any` for what does not look at them, or is written by people. */
  readonly task: EvaluationTask | 'any';
  readonly better: 'higher' | 'lower';
  /** Where values can lie; ends may be infinite. */
  readonly range: readonly [number, number];
  /** Never below 0 and 0 only for a model without any merit or fault: a share of the champion's value means something. */
  readonly relative: boolean;
}

const facts = (
  task: MetricFacts['task'],
  better: MetricFacts['better'],
  range: MetricFacts['range'],
  relative = true,
): MetricFacts => ({ task, better, range, relative });

const METRIC_FACTS: Readonly<Record<MetricName, MetricFacts>> = {
  roc_auc: facts('classification', 'higher', [0, 1]),
  pr_auc: facts('classification', 'higher', [0, 1]),
  accuracy: facts('classification', 'higher', [0, 1]),
  precision: facts('classification', 'higher', [0, 1]),
  recall: facts('classification', 'higher', [0, 1]),
  f1: facts('classification', 'higher', [0, 1]),
  log_loss: facts('classification', 'lower', [0, Infinity]),
  brier: facts('classification', 'lower', [0, 1]),
  mcc: facts('classification', 'higher', [-1, 1], false),
  ece: facts('classification', 'lower', [0, 1]),
  rmse: facts('regression', 'lower', [0, Infinity]),
  mae: facts('regression', 'lower', [0, Infinity]),
  mape: facts('regression', 'lower', [0, Infinity]),
  r2: facts('regression', 'higher', [-Infinity, 1], false),
  prediction_flip_share: facts('classification', 'lower', [0, 1], false),
  p50_latency_ms: facts('any', 'lower', [0, Infinity]),
  p95_latency_ms: facts('any', 'lower', [0, Infinity]),
  p99_latency_ms: facts('any', 'lower', [0, Infinity]),
  model_size_mb: facts('any', 'lower', [0, Infinity]),
  // People say which way theirs is better; `gateBetter` reads it.
  custom: facts('any', 'higher', [-Infinity, Infinity], false),
};

export function metricFacts(metric: MetricName): MetricFacts {
  return METRIC_FACTS[metric];
}

/** True where less is better. Not for `custom`, whose gate says it. */
export function lowerIsBetter(metric: string): boolean {
  return Object.hasOwn(METRIC_FACTS, metric)
    ? METRIC_FACTS[metric as MetricName].better === 'lower'
    : false;
}

/** The quantile that a metric of latencies takes, or `null` for other metrics. */
export function latencyQuantile(metric: MetricName): number | null {
  const found = /^p(\d\d)_latency_ms$/.exec(metric)?.[1];
  return found === undefined ? null : Number(found) / 100;
}

/** What the labels must be for these metrics; `mixed` where they contradict each other. */
export function taskOf(metrics: readonly MetricName[]): EvaluationTask | 'any' | 'mixed' {
  const tasks = new Set(metrics.map((metric) => METRIC_FACTS[metric].task));
  tasks.delete('any');
  const [first] = tasks;
  return tasks.size > 1 ? 'mixed' : (first ?? 'any');
}
