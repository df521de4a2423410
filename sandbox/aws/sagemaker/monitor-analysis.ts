/** What the container of a data-quality monitor computes: statistics of captured requests, and how they violate constraints. */

import { capturedCalls } from './monitor-capture.js';

interface NumericBucket {
  readonly lower_bound: number;
  readonly upper_bound: number;
  readonly count: number;
}

export interface Feature {
  readonly name: string;
  readonly inferred_type: string;
  readonly numerical_statistics?: {
    readonly common: { readonly num_present: number; readonly num_missing: number };
    readonly distribution: {
      readonly kll: { readonly buckets: readonly NumericBucket[]; readonly sketch?: unknown };
    };
    readonly [member: string]: unknown;
  };
  readonly string_statistics?: {
    readonly common: { readonly num_present: number; readonly num_missing: number };
    readonly distribution: {
      readonly categorical: { readonly buckets: readonly { value: string; count: number }[] };
    };
    readonly [member: string]: unknown;
  };
}

export interface Statistics {
  readonly version: number;
  readonly dataset: { readonly item_count: number };
  readonly features: readonly Feature[];
}

export interface Constraints {
  readonly version?: number;
  readonly features?: readonly {
    readonly name: string;
    readonly inferred_type?: string;
    readonly completeness?: number;
    readonly string_constraints?: { readonly domains?: readonly string[] };
    readonly num_constraints?: { readonly is_non_negative: boolean };
  }[];
  readonly monitoring_config?: {
    readonly distribution_constraints?: {
      readonly comparison_threshold?: number;
      readonly [member: string]: unknown;
    };
    readonly [member: string]: unknown;
  };
}

interface Violation {
  readonly feature_name: string;
  readonly constraint_check_type: string;
  readonly description: string;
}

export type Row = Readonly<Record<string, string>>;

/** Rows of capture lines between two instants; those of CSV are named in the order of `names`. */
export const capturedRows = (
  lines: readonly string[],
  names: readonly string[],
  fromMs: number,
  toMs: number,
): readonly Row[] =>
  capturedCalls(lines, fromMs, toMs).flatMap(({ input }) => {
    if (input === null) return [];
    return input.trimStart().startsWith('{') ? jsonRows(input) : csvRows(input, names);
  });

function csvRows(text: string, names: readonly string[]): readonly Row[] {
  return text
    .split('\n')
    .filter((row) => row.trim() !== '')
    .map((row) =>
      Object.fromEntries(row.split(',').map((cell, at) => [names[at] ?? `_c${at}`, cell])),
    );
}

function jsonRows(text: string): readonly Row[] {
  const body = JSON.parse(text) as { instances?: readonly object[] };
  return (body.instances ?? [body]).map((row) =>
    Object.fromEntries(
      Object.entries(row).map(([name, value]) => [name, value === null ? '' : String(value)]),
    ),
  );
}

/**
 * Rows of one file of a baseline's data set. Cells of CSV hold no commas.
 *
 * @param format `dataset_format` of the analyser
 */
export function datasetRows(
  text: string,
  format: {
    readonly csv?: { readonly header?: boolean };
    readonly json?: { readonly lines?: boolean };
  },
): readonly Row[] {
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== '');
  if (format.csv !== undefined) {
    const [header = '', ...body] = lines;
    return format.csv.header === true
      ? csvRows(body.join('\n'), header.split(','))
      : csvRows(lines.join('\n'), []);
  }
  if (format.json?.lines === true) return lines.flatMap(jsonRows);
  const parsed = JSON.parse(text) as object | readonly object[];
  return [parsed].flat().flatMap((row) => jsonRows(JSON.stringify(row)));
}

/** Texts with more values than this are no domain. */
const MOST_VALUES = 100;

/** The constraints that a baseline suggests. */
export const suggestedConstraints = (baseline: Statistics): Constraints => ({
  version: 0,
  features: baseline.features.map((feature) => {
    const { num_present, num_missing } = (feature.numerical_statistics ?? feature.string_statistics)
      ?.common ?? { num_present: 0, num_missing: 0 };
    const values = feature.string_statistics?.distribution.categorical.buckets ?? [];
    const min = feature.numerical_statistics?.['min'];
    return {
      name: feature.name,
      inferred_type: feature.inferred_type,
      completeness: num_present / Math.max(1, num_present + num_missing),
      ...(typeof min === 'number' ? { num_constraints: { is_non_negative: min >= 0 } } : {}),
      ...(values.length > 0 && values.length <= MOST_VALUES
        ? { string_constraints: { domains: values.map(({ value }) => value) } }
        : {}),
    };
  }),
  monitoring_config: {
    evaluate_constraints: 'Enabled',
    emit_metrics: 'Enabled',
    datatype_check_threshold: 1,
    domain_content_threshold: 1,
    distribution_constraints: {
      perform_comparison: 'Enabled',
      comparison_threshold: 0.1,
      comparison_method: 'Robust',
    },
  },
});

const BUCKETS = 10;
/** Values that fit into the sketch's lowest level: with more, only the buckets are written. */
const SKETCH_K = 2048;

export function statisticsOf(rows: readonly Row[]): Statistics {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  return {
    version: 0,
    dataset: { item_count: rows.length },
    features: names.map((name) =>
      featureOf(
        name,
        rows.map((row) => row[name] ?? ''),
      ),
    ),
  };
}

function featureOf(name: string, cells: readonly string[]): Feature {
  const present = cells.filter((cell) => cell !== '');
  const common = { num_present: present.length, num_missing: cells.length - present.length };
  const numbers = present.map(Number);
  if (present.length === 0 || numbers.some((number) => !Number.isFinite(number))) {
    const counts = new Map<string, number>();
    for (const cell of present) counts.set(cell, (counts.get(cell) ?? 0) + 1);
    const buckets = [...counts].map(([value, count]) => ({ value, count }));
    return {
      name,
      inferred_type: present.length === 0 ? 'Unknown' : 'String',
      string_statistics: {
        common,
        distinct_count: counts.size,
        distribution: { categorical: { buckets } },
      },
    };
  }
  const sum = numbers.reduce((total, number) => total + number, 0);
  const mean = sum / numbers.length;
  const min = numbers.reduce((least, number) => Math.min(least, number), Infinity);
  const max = numbers.reduce((most, number) => Math.max(most, number), -Infinity);
  const variance = numbers.reduce((total, number) => total + (number - mean) ** 2, 0);
  const width = (max - min) / BUCKETS;
  const counts = Array.from({ length: BUCKETS }, () => 0);
  for (const number of numbers) {
    const at = width === 0 ? 0 : Math.min(BUCKETS - 1, Math.floor((number - min) / width));
    counts[at] = (counts[at] ?? 0) + 1;
  }
  return {
    name,
    inferred_type: numbers.every(Number.isInteger) ? 'Integral' : 'Fractional',
    numerical_statistics: {
      common,
      mean,
      sum,
      std_dev: Math.sqrt(variance / numbers.length),
      min,
      max,
      distribution: {
        kll: {
          buckets: counts.map((count, at) => ({
            lower_bound: min + at * width,
            upper_bound: at === BUCKETS - 1 ? max : min + (at + 1) * width,
            count,
          })),
          sketch: {
            parameters: { c: 0.64, k: SKETCH_K },
            data: numbers.length <= SKETCH_K ? [numbers] : [],
          },
        },
      },
    },
  };
}

/** How the rows of a window violate what the baseline suggests; largest difference of a share for the distributions. */
export function violationsOf(
  rows: readonly Row[],
  seen: Statistics,
  baseline: Statistics,
  constraints: Constraints,
): readonly Violation[] {
  const violations: Violation[] = [];
  const say = (feature_name: string, constraint_check_type: string, description: string): void => {
    violations.push({ feature_name, constraint_check_type, description });
  };
  const threshold =
    constraints.monitoring_config?.distribution_constraints?.comparison_threshold ?? 0.1;
  const known = new Map(seen.features.map((feature) => [feature.name, feature]));
  const wanted = constraints.features ?? [];
  for (const constraint of wanted) {
    const { name } = constraint;
    const feature = known.get(name);
    if (feature === undefined) {
      say(name, 'missing_column_check', `Column ${name} is missing in the current dataset.`);
      continue;
    }
    const { num_present, num_missing } = (feature.numerical_statistics ?? feature.string_statistics)
      ?.common ?? {
      num_present: 0,
      num_missing: 0,
    };
    const complete = num_present / Math.max(1, num_present + num_missing);
    if (constraint.completeness !== undefined && complete < constraint.completeness)
      say(
        name,
        'completeness_check',
        `Completeness is ${complete * 100}%, expected ${constraint.completeness * 100}%.`,
      );
    if (
      constraint.inferred_type !== undefined &&
      !fits(feature.inferred_type, constraint.inferred_type)
    )
      say(
        name,
        'data_type_check',
        `Data type match requirement is not met. Expected data type: ${constraint.inferred_type}.`,
      );
    const domains = constraint.string_constraints?.domains;
    const strange =
      domains === undefined ? 0 : rows.filter((row) => !domains.includes(row[name] ?? '')).length;
    if (strange > 0)
      say(name, 'categorical_values_check', `${strange} values are not in the domain.`);
    const before = baseline.features.find((one) => one.name === name);
    const distance =
      before === undefined
        ? 0
        : largestDifference(
            before,
            rows.map((row) => row[name] ?? ''),
          );
    if (distance > threshold)
      say(
        name,
        'baseline_drift_check',
        `Baseline drift distance: ${distance} exceeds threshold: ${threshold}`,
      );
  }
  for (const feature of seen.features) {
    if (wanted.length > 0 && !wanted.some(({ name }) => name === feature.name))
      say(
        feature.name,
        'extra_column_check',
        `There is an extra column ${feature.name} in the current dataset.`,
      );
  }
  return violations;
}

const fits = (seen: string, wanted: string): boolean =>
  seen === wanted || wanted === 'Unknown' || (wanted === 'Fractional' && seen === 'Integral');

function largestDifference(before: Feature, cells: readonly string[]): number {
  const present = cells.filter((cell) => cell !== '');
  if (present.length === 0) return 0;
  const numeric = before.numerical_statistics?.distribution.kll.buckets;
  const buckets =
    numeric === undefined
      ? (before.string_statistics?.distribution.categorical.buckets ?? []).map((bucket) => ({
          count: bucket.count,
          holds: (cell: string) => cell === bucket.value,
        }))
      : numeric.map((bucket, at) => ({
          count: bucket.count,
          holds: (cell: string) =>
            Number(cell) >= bucket.lower_bound &&
            (Number(cell) < bucket.upper_bound ||
              (at === numeric.length - 1 && Number(cell) <= bucket.upper_bound)),
        }));
  const all = buckets.reduce((sum, { count }) => sum + count, 0);
  if (all === 0) return 0;
  const shares = buckets.map(({ count, holds }) => ({
    before: count / all,
    now: present.filter(holds).length / present.length,
  }));
  const elsewhere = 1 - shares.reduce((sum, { now }) => sum + now, 0);
  return Math.max(elsewhere, ...shares.map((one) => Math.abs(one.now - one.before)));
}
