import type { Evaluation, Verdict, WindowResult } from './model.js';

/** Namespace of every metric that modelkeeper publishes. */
export const METRICS_NAMESPACE = 'modelkeeper';

/** One value that CloudWatch keeps. */
export interface CustomMetric {
  readonly name: string;
  readonly dimensions: Readonly<Record<string, string>>;
  readonly value: number;
  readonly unit: 'None' | 'Count' | 'Seconds';
  readonly atMs: number;
}

const VERDICTS: readonly Verdict[] = [
  'healthy',
  'data quality',
  'drift',
  'performance',
  'unhealthy endpoint',
  'cannot tell',
];

/** CloudWatch takes no value that is older, or further ahead. */
const OLDEST_MS = 14 * 86_400_000 - 3_600_000;

/** Values beyond it are refused. */
const MOST = 2 ** 360;
/** Longest value of a dimension. */
const MOST_CHARACTERS = 1_024;

/** What CloudWatch takes: numbers, not too old, of dimensions in printable ASCII. One that it refuses takes all with it. */
export function publishable(
  metrics: readonly CustomMetric[],
  nowMs: number,
): readonly CustomMetric[] {
  return metrics
    .filter(
      ({ value, atMs }) => Math.abs(value) <= MOST && nowMs - atMs <= OLDEST_MS && atMs <= nowMs,
    )
    .map((metric) => ({
      ...metric,
      dimensions: Object.fromEntries(
        Object.entries(metric.dimensions).map(([name, value]) => [name, dimensionValue(value)]),
      ),
    }));
}

/** A name that people gave, such as a column's, in the characters that CloudWatch takes: others as addresses spell them. */
function dimensionValue(text: string): string {
  const spelled = text
    .replace(/\p{Surrogate}/gu, '\uFFFD')
    .replace(/[^ -~]+/g, encodeURIComponent)
    .slice(0, MOST_CHARACTERS);
  return spelled.trim() === '' ? '(blank)' : spelled;
}

/**
 * What one window showed, at its beginning, as CloudWatch stamps its own: drift of columns, or performance.
 *
 * A window judged again has a metric of its own: CloudWatch replaces no value, so that a second one of the same name and
 * time would be averaged with what it puts right.
 */
export function windowMetrics(model: string, window: WindowResult): readonly CustomMetric[] {
  const { source, fromMs: atMs } = window;
  const of = { Model: model, Source: source };
  if ((window.revision ?? 0) > 0) return performanceOf('PerformanceRevised', of, window);
  const distances = window.columns.flatMap(({ name, jsDistance }) =>
    jsDistance === null ? [] : [{ column: name, jsDistance }],
  );
  return [
    { name: 'Rows', dimensions: of, value: window.rows, unit: 'Count', atMs },
    ...distances.map(({ column, jsDistance }): CustomMetric => ({
      name: 'Drift',
      dimensions: { ...of, Column: column },
      value: jsDistance,
      unit: 'None',
      atMs,
    })),
    ...(distances.length === 0
      ? []
      : [
          {
            name: 'MostDrift',
            dimensions: of,
            value: Math.max(...distances.map(({ jsDistance }) => jsDistance)),
            unit: 'None',
            atMs,
          } as const,
        ]),
    ...performanceOf('Performance', of, window),
  ];
}

function performanceOf(
  name: 'Performance' | 'PerformanceRevised',
  of: CustomMetric['dimensions'],
  { metric, fromMs: atMs }: WindowResult,
): readonly CustomMetric[] {
  const value = metric?.estimate ?? null;
  return metric === undefined || value === null
    ? []
    : [{ name, dimensions: { ...of, Metric: metric.name }, value, unit: 'None', atMs }];
}

/** 1 for the verdict that holds from now on, 0 for every other. */
export const verdictMetrics = (
  model: string,
  verdict: Verdict,
  atMs: number,
): readonly CustomMetric[] =>
  VERDICTS.map((one) => ({
    name: 'Verdict',
    dimensions: { Model: model, Verdict: one },
    value: one === verdict ? 1 : 0,
    unit: 'None',
    atMs,
  }));

/** How long people were waited for, whatever came of it. */
export const waitMetrics = (
  model: string,
  request: { readonly requestedAtMs: number },
  atMs: number,
): readonly CustomMetric[] => [
  {
    name: 'WaitForPeople',
    dimensions: { Model: model },
    value: (atMs - request.requestedAtMs) / 1_000,
    unit: 'Seconds',
    atMs,
  },
];

/** Candidate and champion side by side on the held-out rows. */
export const evaluationMetrics = (
  model: string,
  evaluation: Pick<Evaluation, 'candidate' | 'champion'>,
  atMs: number,
): readonly CustomMetric[] =>
  (['candidate', 'champion'] as const).flatMap((version) =>
    evaluation[version].flatMap(({ metric, estimate }) =>
      estimate === null
        ? []
        : [
            {
              name: 'Evaluated',
              dimensions: { Model: model, Metric: metric, Version: version },
              value: estimate,
              unit: 'None',
              atMs,
            } as const,
          ],
    ),
  );
