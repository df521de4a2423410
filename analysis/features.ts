import { midRanks } from '../domain/stats/ranks.js';
import type { SampledColumn } from './row-sample.js';
import { normalQuantile } from './tails.js';

/** One number per row that can be learned from: mean 0 and standard deviation 1 where it was made. */
export interface Feature {
  /** Index of the column it is of. */
  readonly column: number;
  /** What it says, such as "age" or "city = Rome". */
  readonly label: string;
  /** Rises and falls with a number, so that it stands for the column in a correlation. */
  readonly kind: 'rank' | 'bend' | 'level' | 'missing';
  /** Reference rows first, then those of the window. */
  readonly values: Float64Array;
}

/** Frequent values that become a feature each. */
const MOST_LEVELS = 10;
/** Rarer levels tell nothing. */
const RAREST_LEVEL = 0.01;

/**
 * Numbers become normal scores of their ranks, so that neither an outlier nor a scale decides; with `bend`, also how far
 * from the middle they are. Categories become a feature for each frequent value; that a value is missing is one too.
 *
 * @param ranked rows whose ranks count and by whose mean and deviation features are scaled
 */
export function featuresOf(
  columns: readonly SampledColumn[],
  { bend, ranked }: { readonly bend: boolean; readonly ranked?: Uint8Array },
): readonly Feature[] {
  return columns.flatMap((column, index) => {
    const values = joined(column.reference, column.window);
    const basis = ranked ?? new Uint8Array(values.length).fill(1);
    return column.kind === 'numeric'
      ? ofNumbers(column.name, index, values, basis, bend)
      : ofLevels(column.name, index, values, column.values, basis);
  });
}

function joined(reference: Float64Array, window: Float64Array): Float64Array {
  const all = new Float64Array(reference.length + window.length);
  all.set(reference);
  all.set(window, reference.length);
  return all;
}

function ofNumbers(
  name: string,
  column: number,
  values: Float64Array,
  basis: Uint8Array,
  bend: boolean,
): readonly Feature[] {
  const { scores, distinct } = normalScores(values, basis);
  const missing = values.map((value) => (Number.isFinite(value) ? 0 : 1));
  const bent = scores.map((score) => (Number.isNaN(score) ? score : score * score));
  return [
    scaled({ column, label: name, kind: 'rank', values: scores }, basis),
    bend && distinct > 2
      ? scaled({ column, label: `${name} far from its middle`, kind: 'bend', values: bent }, basis)
      : null,
    common(missing, basis)
      ? scaled({ column, label: `${name} missing`, kind: 'missing', values: missing }, basis)
      : null,
  ].filter((feature) => feature !== null);
}

function ofLevels(
  name: string,
  column: number,
  codes: Float64Array,
  levels: readonly string[],
  basis: Uint8Array,
): readonly Feature[] {
  const counts = new Float64Array(levels.length + 2);
  codes.forEach((code, row) => {
    if (basis[row] === 1) counts[code] = (counts[code] ?? 0) + 1;
  });
  const order = Array.from(counts.keys()).sort((a, b) => (counts[b] ?? 0) - (counts[a] ?? 0));
  return order
    .slice(0, MOST_LEVELS)
    .map((code) => {
      const values = codes.map((own) => (own === code ? 1 : 0));
      const isMissing = code === levels.length + 1;
      const label = isMissing
        ? `${name} missing`
        : `${name} = ${levels[code] ?? 'any other value'}`;
      return common(values, basis)
        ? scaled({ column, label, kind: isMissing ? 'missing' : 'level', values }, basis)
        : null;
    })
    .filter((feature) => feature !== null);
}

/** Neither too rare nor nearly everywhere. */
function common(values: Float64Array, basis: Uint8Array): boolean {
  let [sum, n] = [0, 0];
  for (let i = 0; i < values.length; i += 1) {
    if (basis[i] !== 1) continue;
    sum += values[i] ?? 0;
    n += 1;
  }
  return n > 0 && sum >= n * RAREST_LEVEL && sum <= n * (1 - RAREST_LEVEL);
}

/** Normal scores of the ranks among the basis; NaN where there is no finite value. */
function normalScores(
  values: Float64Array,
  basis: Uint8Array,
): { readonly scores: Float64Array; readonly distinct: number } {
  const known = values.filter((value, row) => basis[row] === 1 && Number.isFinite(value));
  const sorted = known.slice().sort();
  const ranks = midRanks(sorted);
  // One score for each distinct value, so that looking one up is a search.
  const [points, scores]: [number[], number[]] = [[], []];
  sorted.forEach((value, i) => {
    if (i > 0 && value === sorted[i - 1]) return;
    points.push(value);
    scores.push(normalQuantile(((ranks[i] ?? 0) - 0.5) / sorted.length));
  });
  return {
    scores: values.map((value) => (Number.isFinite(value) ? scoreOf(value, points, scores) : NaN)),
    distinct: points.length,
  };
}

/** Linear between the points, flat outside. */
function scoreOf(value: number, points: readonly number[], scores: readonly number[]): number {
  let [from, to] = [0, points.length];
  while (from < to) {
    const middle = (from + to) >>> 1;
    if ((points[middle] ?? 0) < value) from = middle + 1;
    else to = middle;
  }
  const [low, high] = [points[from - 1], points[from]];
  const [below, above] = [scores[from - 1], scores[from]];
  if (high === undefined) return below ?? 0;
  if (low === undefined || below === undefined || above === undefined || value === high)
    return above ?? 0;
  const width = high - low;
  return Number.isFinite(width) ? below + ((above - below) * (value - low)) / width : below;
}

/** Mean 0 and deviation 1 over the basis; what is missing is 0. `null` for what does not vary. */
function scaled(feature: Feature, basis: Uint8Array): Feature | null {
  const { values } = feature;
  let [n, sum, squares] = [0, 0, 0];
  for (let i = 0; i < values.length; i += 1) {
    const value = values[i] ?? Number.NaN;
    if (basis[i] !== 1 || Number.isNaN(value)) continue;
    n += 1;
    sum += value;
    squares += value * value;
  }
  const mean = sum / n;
  const deviation = Math.sqrt(Math.max(0, squares / n - mean * mean));
  if (!(deviation > 1e-9)) return null;
  return {
    ...feature,
    values: values.map((value) => (Number.isNaN(value) ? 0 : (value - mean) / deviation)),
  };
}
