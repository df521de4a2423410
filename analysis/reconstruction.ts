import { EigenvalueDecomposition, Matrix } from 'ml-matrix';

import type { MultivariateReading } from '../domain/multivariate.schema.js';
import { correlation, mostFirst, type Findings, type Learning } from './domain-classifier.js';
import { featuresOf, type Feature } from './features.js';
import { seeded } from './random.js';
import type { SampledSides } from './row-sample.js';
import { twoSidedP, zOfInterval } from './tails.js';

/** Share of the variance that the components keep: what is left over is where broken relations show. */
const KEPT_VARIANCE = 0.9;
/** Columns whose pairs are looked at for people. */
const MOST_PAIRED = 8;
const ROWS_PER_TURN = 512;

/**
 * Learns from one half of the reference how its columns move together (principal components of normal scores), and
 * compares how badly rows of the window are put together again with how badly the other half of the reference is. The
 * half that was learned from is compared with nothing.
 */
export async function reconstructSides(
  sides: SampledSides,
  { seed, confidence, turn }: Learning,
): Promise<Findings> {
  const n = { reference: sides.reference.sampled, window: sides.window.sampled };
  const rows = n.reference + n.window;
  const ranked = halfOf(n.reference, rows, seed);
  const features = featuresOf(sides.columns, { bend: false, ranked });
  const learned = indices(n.reference, (row) => ranked[row] === 1);
  const held = indices(n.reference, (row) => ranked[row] === 0);
  const shown = Uint32Array.from({ length: n.window }, (_, i) => n.reference + i);
  if (features.length < 2 || held.length < 20 || shown.length < 20)
    return { statistic: null, columns: [], pairs: [], features };
  const components = await principal(features, learned, turn);
  const before = await errorsOf(features, components, held, turn);
  const now = await errorsOf(features, components, shown, turn);
  const [ours, theirs] = [momentsOf(before.errors), momentsOf(now.errors)];
  if (!(ours.sd > 0)) return { statistic: null, columns: [], pairs: [], features };
  const value = (theirs.mean - ours.mean) / ours.sd;
  const error = Math.sqrt(ours.sd ** 2 / held.length + theirs.sd ** 2 / shown.length) / ours.sd;
  const reach = zOfInterval(confidence) * error;
  const z = value / error;
  const changes = new Map<number, number>();
  features.forEach(({ column }, j) => {
    const change = (now.byFeature[j] ?? 0) - (before.byFeature[j] ?? 0);
    changes.set(column, (changes.get(column) ?? 0) + change);
  });
  const columns = mostFirst(
    [...changes].map(([column, change]) => ({
      column,
      // In the units of the statistic, towards where it moved.
      importance: (Math.sign(value) * change) / ours.sd,
    })),
  );
  return {
    statistic: {
      name: 'shift',
      value,
      lower: value - reach,
      upper: value + reach,
      confidence,
      z,
      pValue: twoSidedP(z),
      nullMean: 0,
      nullSd: error,
    },
    columns: columns.slice(0, 10).map(({ column, importance }) => ({
      name: sides.columns[column]?.name ?? '',
      importance,
      alone: null,
    })),
    pairs: pairsOf(sides, features, columns, n.reference),
    features,
  };
}

/** 1 for the rows of the reference that are learned from: half of them, by the seed. */
function halfOf(reference: number, rows: number, seed: number): Uint8Array {
  const random = seeded(seed + 2);
  const order = Uint32Array.from({ length: reference }, (_, i) => i);
  for (let i = reference - 1; i > 0; i -= 1) {
    const j = random.index(i + 1);
    const kept = order[i] ?? 0;
    order[i] = order[j] ?? 0;
    order[j] = kept;
  }
  const chosen = new Uint8Array(rows);
  for (const row of order.subarray(0, Math.floor(reference / 2))) chosen[row] = 1;
  return chosen;
}

const indices = (count: number, wanted: (row: number) => boolean): Uint32Array =>
  Uint32Array.from({ length: count }, (_, i) => i).filter(wanted);

/** The directions that hold most of the variance of the rows; at least one direction is left over. */
async function principal(
  features: readonly Feature[],
  rows: Uint32Array,
  turn: () => Promise<void>,
): Promise<readonly Float64Array[]> {
  const width = features.length;
  const products = new Matrix(width, width);
  for (let j = 0; j < width; j += 1) {
    for (let k = 0; k <= j; k += 1) {
      let sum = 0;
      const [a, b] = [features[j]?.values, features[k]?.values];
      for (const row of rows) sum += (a?.[row] ?? 0) * (b?.[row] ?? 0);
      products.set(j, k, sum / rows.length);
      products.set(k, j, sum / rows.length);
    }
    await turn();
  }
  const { realEigenvalues, eigenvectorMatrix } = new EigenvalueDecomposition(products, {
    assumeSymmetric: true,
  });
  const order = realEigenvalues.map((value, i) => ({ value, i })).sort((a, b) => b.value - a.value);
  const total = order.reduce((sum, { value }) => sum + Math.max(0, value), 0);
  const kept: Float64Array[] = [];
  let sum = 0;
  for (const { value, i } of order.slice(0, -1)) {
    if (sum >= total * KEPT_VARIANCE) break;
    sum += value;
    kept.push(Float64Array.from(eigenvectorMatrix.getColumn(i)));
  }
  return kept;
}

/** The squared distance of each row to what the components make of it, and how much of it each feature has. */
async function errorsOf(
  features: readonly Feature[],
  components: readonly Float64Array[],
  rows: Uint32Array,
  turn: () => Promise<void>,
): Promise<{ readonly errors: Float64Array; readonly byFeature: Float64Array }> {
  const width = features.length;
  const errors = new Float64Array(rows.length);
  const byFeature = new Float64Array(width);
  const x = new Float64Array(width);
  for (const [i, row] of rows.entries()) {
    features.forEach(({ values }, j) => {
      x[j] = values[row] ?? 0;
    });
    for (const component of components) {
      let length = 0;
      for (let j = 0; j < width; j += 1) length += (x[j] ?? 0) * (component[j] ?? 0);
      // Components are at right angles, so that one after the other can be taken away.
      for (let j = 0; j < width; j += 1) x[j] = (x[j] ?? 0) - length * (component[j] ?? 0);
    }
    for (let j = 0; j < width; j += 1) {
      const square = (x[j] ?? 0) ** 2;
      errors[i] = (errors[i] ?? 0) + square;
      byFeature[j] = (byFeature[j] ?? 0) + square / rows.length;
    }
    if (i % ROWS_PER_TURN === 0) await turn();
  }
  return { errors, byFeature };
}

function momentsOf(values: Float64Array): { readonly mean: number; readonly sd: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, sd: Math.sqrt(squares / (values.length - 1)) };
}

/** Among the columns that are put together worse, those whose correlation changed most. */
function pairsOf(
  sides: SampledSides,
  features: readonly Feature[],
  columns: readonly { readonly column: number; readonly importance: number }[],
  reference: number,
): MultivariateReading['pairs'] {
  const rows = reference + sides.window.sampled;
  const involved = columns.filter(({ importance }) => importance > 0).slice(0, MOST_PAIRED);
  const own = new Map(involved.map(({ column, importance }) => [column, importance]));
  const of = features.filter(({ column }) => own.has(column));
  const pairs = of.flatMap((a, i) =>
    of.slice(i + 1).flatMap((b) => {
      if (a.column === b.column) return [];
      const before = correlation(a.values, b.values, 0, reference);
      const now = correlation(a.values, b.values, reference, rows);
      const change = Math.min(1, Math.abs(now - before));
      return [
        {
          columns: [sides.columns[a.column]?.name ?? '', sides.columns[b.column]?.name ?? ''] as [
            string,
            string,
          ],
          of: [a.label, b.label] as [string, string],
          importance: change * Math.max(own.get(a.column) ?? 0, own.get(b.column) ?? 0),
          reference: before,
          window: now,
        },
      ];
    }),
  );
  const best = new Map<string, (typeof pairs)[number]>();
  for (const pair of mostFirst(pairs)) {
    const key = JSON.stringify(pair.columns);
    if (!best.has(key)) best.set(key, pair);
  }
  return [...best.values()].slice(0, 5);
}
