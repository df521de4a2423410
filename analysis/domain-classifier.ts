import { CholeskyDecomposition, Matrix } from 'ml-matrix';

import { deLong } from '../domain/stats/delong.js';
import type { MultivariateReading } from '../domain/multivariate.schema.js';
import { featuresOf, type Feature } from './features.js';
import { seeded } from './random.js';
import type { SampledSides } from './row-sample.js';
import { normalTail, zOfInterval } from './tails.js';

const FOLDS = 5;
/** Features, and pairs of features, that a fold learns from: of each the most telling. */
const MOST_TERMS = 60;
/** Of how many standard deviations a term's difference must be to be learned from. */
const TELLING = 3;
/** Terms that are learned from although none tells much. */
const FEW_TERMS = 5;
/** With more features, pairs are made of ranks and levels alone. */
const MOST_BENT = 200;
const ROWS_PER_TURN = 512;

/** A feature, or the product of two of different columns. */
interface Term {
  readonly a: Feature;
  readonly b: Feature | null;
  readonly z: number;
}

/** How both methods go about it. */
export interface Learning {
  readonly seed: number;
  /** Two-sided, of the interval. */
  readonly confidence: number;
  /** Gives way to the event loop, and ends the work when that was asked for. */
  readonly turn: () => Promise<void>;
}

export interface Findings extends Pick<MultivariateReading, 'statistic' | 'columns' | 'pairs'> {
  readonly features: readonly Feature[];
}

/**
 * Learns to tell the window from the reference, and measures on rows it has not seen how well that goes: AUC 0.5 is not at
 * all. The features are ranks, their bends and levels, and the products of two of them, so that columns which move
 * together differently are seen even where each of them alone looks as ever. A linear discriminant of the most telling
 * ones; which these are is chosen within each fold, on the rows that are learned from.
 *
 * Within a fold the rows of both sides that are scored have had no part in the model: without drift its AUC varies as
 * chance says (Mann and Whitney), whatever was learned.
 */
export async function classifySides(
  sides: SampledSides,
  { seed, confidence, turn }: Learning,
): Promise<Findings> {
  const n = { reference: sides.reference.sampled, window: sides.window.sampled };
  const features = featuresOf(sides.columns, { bend: true });
  if (features.length === 0 || Math.min(n.reference, n.window) < 4 * FOLDS)
    return { statistic: null, columns: [], pairs: [], features };
  const rows = n.reference + n.window;
  const labels = new Float64Array(rows).fill(1, n.reference);
  const folds = foldsOf(n, seed);
  const scores = new Float64Array(rows);
  const parts = new Parts(rows);
  for (let fold = 0; fold < FOLDS; fold += 1) {
    const learned = rowsWhere(folds, (own) => own !== fold);
    const held = rowsWhere(folds, (own) => own === fold);
    const terms = await tellingTerms(features, learned, labels, turn);
    const weights = await discriminant(terms, learned, labels, turn);
    score(terms, weights, held, scores, parts);
    await turn();
  }
  const measure = (values: Float64Array) => aucOf(values, labels, folds);
  const { auc, variance } = measure(scores);
  const nullSd = Math.sqrt(nullVariance(folds, labels));
  const z = (auc - 0.5) / nullSd;
  const reach = zOfInterval(confidence) * Math.sqrt(variance);
  const without = (part: Float64Array) => measure(scores.map((own, i) => own - (part[i] ?? 0))).auc;
  const columns: MultivariateReading['columns'] = [];
  for (const [column, part] of parts.byColumn) {
    columns.push({
      name: sides.columns[column]?.name ?? '',
      importance: auc - without(part),
      alone: measure(parts.alone.get(column) ?? new Float64Array(rows)).auc,
    });
    await turn();
  }
  const pairs: MultivariateReading['pairs'] = [];
  for (const { part, term } of parts.byPair.values()) {
    const { a, b } = term;
    if (b === null) continue;
    pairs.push({
      columns: [sides.columns[a.column]?.name ?? '', sides.columns[b.column]?.name ?? ''],
      of: [a.label, b.label],
      importance: auc - without(part),
      reference: correlation(a.values, b.values, 0, n.reference),
      window: correlation(a.values, b.values, n.reference, rows),
    });
    await turn();
  }
  return {
    statistic: {
      name: 'auc',
      value: auc,
      lower: Math.max(0, auc - reach),
      upper: Math.min(1, auc + reach),
      confidence,
      z,
      pValue: normalTail(z),
      nullMean: 0.5,
      nullSd,
    },
    columns: mostFirst(columns).slice(0, 10),
    pairs: mostFirst(pairs).slice(0, 5),
    features,
  };
}

export const mostFirst = <T extends { readonly importance: number }>(items: readonly T[]): T[] =>
  [...items].sort((a, b) => b.importance - a.importance);

/** The fold of each row: both sides are spread evenly. */
function foldsOf(
  n: { readonly reference: number; readonly window: number },
  seed: number,
): Uint8Array {
  const random = seeded(seed + 2);
  const spread = (count: number): Uint8Array => {
    const folds = Uint8Array.from({ length: count }, (_, i) => i % FOLDS);
    for (let i = count - 1; i > 0; i -= 1) {
      const j = random.index(i + 1);
      const kept = folds[i] ?? 0;
      folds[i] = folds[j] ?? 0;
      folds[j] = kept;
    }
    return folds;
  };
  const all = new Uint8Array(n.reference + n.window);
  all.set(spread(n.reference));
  all.set(spread(n.window), n.reference);
  return all;
}

function rowsWhere(folds: Uint8Array, wanted: (fold: number) => boolean): Uint32Array {
  const rows: number[] = [];
  folds.forEach((fold, row) => {
    if (wanted(fold)) rows.push(row);
  });
  return Uint32Array.from(rows);
}

/** The rows of a fold that learns, one block after the other, as a matrix of features. */
function* blocks(
  features: readonly Feature[],
  rows: Uint32Array,
): Generator<{ readonly x: Float64Array; readonly rows: Uint32Array }> {
  const width = features.length;
  for (let from = 0; from < rows.length; from += ROWS_PER_TURN) {
    const part = rows.subarray(from, from + ROWS_PER_TURN);
    const x = new Float64Array(part.length * width);
    features.forEach(({ values }, j) => {
      for (let i = 0; i < part.length; i += 1) x[i * width + j] = values[part[i] ?? 0] ?? 0;
    });
    yield { x, rows: part };
  }
}

/** Terms whose means differ between the two sides by more than chance; the most telling first. */
async function tellingTerms(
  features: readonly Feature[],
  rows: Uint32Array,
  labels: Float64Array,
  turn: () => Promise<void>,
): Promise<readonly Term[]> {
  const singles = await differences(features, null, rows, labels, turn);
  const paired =
    features.length > MOST_BENT ? features.filter(({ kind }) => kind !== 'bend') : features;
  const products = await differences(paired, paired, rows, labels, turn);
  const chosen = [...strongest(singles), ...strongest(products)];
  if (chosen.length > 0) return chosen;
  return [...singles, ...products].sort(byStrength).slice(0, FEW_TERMS);
}

const byStrength = (one: Term, other: Term): number => Math.abs(other.z) - Math.abs(one.z);

const strongest = (terms: readonly Term[]): readonly Term[] =>
  terms
    .filter(({ z }) => Math.abs(z) >= TELLING)
    .sort(byStrength)
    .slice(0, MOST_TERMS);

/** The difference of each term's means in standard deviations of that difference. */
async function differences(
  features: readonly Feature[],
  others: readonly Feature[] | null,
  rows: Uint32Array,
  labels: Float64Array,
  turn: () => Promise<void>,
): Promise<readonly Term[]> {
  const width = features.length;
  const size = others === null ? width : width * width;
  const sums = [new Float64Array(size), new Float64Array(size)];
  const squares = [new Float64Array(size), new Float64Array(size)];
  const n = [0, 0];
  for (const block of blocks(features, rows)) {
    for (let i = 0; i < block.rows.length; i += 1) {
      const side = labels[block.rows[i] ?? 0] ?? 0;
      const [sum, square] = [sums[side], squares[side]];
      if (sum === undefined || square === undefined) continue;
      n[side] = (n[side] ?? 0) + 1;
      const at = i * width;
      for (let j = 0; j < width; j += 1) {
        const x = block.x[at + j] ?? 0;
        if (others === null) {
          sum[j] = (sum[j] ?? 0) + x;
          square[j] = (square[j] ?? 0) + x * x;
          continue;
        }
        if (x === 0) continue;
        const to = j * width;
        for (let k = j + 1; k < width; k += 1) {
          const product = x * (block.x[at + k] ?? 0);
          sum[to + k] = (sum[to + k] ?? 0) + product;
          square[to + k] = (square[to + k] ?? 0) + product * product;
        }
      }
    }
    await turn();
  }
  const zOf = (index: number): number => {
    const mean = [0, 1].map((side) => (sums[side]?.[index] ?? 0) / (n[side] ?? 1));
    const spread = [0, 1].map(
      (side) =>
        ((squares[side]?.[index] ?? 0) / (n[side] ?? 1) - (mean[side] ?? 0) ** 2) / (n[side] ?? 1),
    );
    const error = Math.sqrt(Math.max(0, (spread[0] ?? 0) + (spread[1] ?? 0)));
    const difference = (mean[1] ?? 0) - (mean[0] ?? 0);
    return error > 1e-12 ? difference / error : difference === 0 ? 0 : Math.sign(difference) * 1e6;
  };
  return features.flatMap((a, j): readonly Term[] =>
    others === null
      ? [{ a, b: null, z: zOf(j) }]
      : features
          .map((b, k) => ({ a, b, k }))
          .filter(({ b, k }) => k > j && b.column !== a.column)
          .map(({ b, k }) => ({ a, b, z: zOf(j * width + k) })),
  );
}

const valueOf = ({ a, b }: Term, row: number): number =>
  (a.values[row] ?? 0) * (b === null ? 1 : (b.values[row] ?? 0));

/** Fisher's linear discriminant, held back by a ridge so that terms which say the same do no harm. */
async function discriminant(
  terms: readonly Term[],
  rows: Uint32Array,
  labels: Float64Array,
  turn: () => Promise<void>,
): Promise<readonly number[]> {
  const width = terms.length;
  const means = [new Float64Array(width), new Float64Array(width)];
  const n = [0, 0];
  for (const row of rows) {
    const side = labels[row] ?? 0;
    n[side] = (n[side] ?? 0) + 1;
    terms.forEach((term, j) => {
      const mean = means[side];
      if (mean !== undefined) mean[j] = (mean[j] ?? 0) + valueOf(term, row);
    });
  }
  means.forEach((mean, side) => {
    for (let j = 0; j < width; j += 1) mean[j] = (mean[j] ?? 0) / (n[side] ?? 1);
  });
  const within = new Float64Array(width * width);
  const x = new Float64Array(width);
  for (const [i, row] of rows.entries()) {
    const mean = means[labels[row] ?? 0];
    terms.forEach((term, j) => {
      x[j] = valueOf(term, row) - (mean?.[j] ?? 0);
    });
    for (let j = 0; j < width; j += 1)
      for (let k = 0; k <= j; k += 1)
        within[j * width + k] = (within[j * width + k] ?? 0) + (x[j] ?? 0) * (x[k] ?? 0);
    if (i % ROWS_PER_TURN === 0) await turn();
  }
  const scale = Array.from({ length: width }, (_, j) =>
    Math.sqrt((within[j * width + j] ?? 0) / rows.length + 1e-9),
  );
  const ridge = Math.max(0.01, width / rows.length);
  const matrix = new Matrix(width, width);
  for (let j = 0; j < width; j += 1)
    for (let k = 0; k <= j; k += 1) {
      const value =
        (within[j * width + k] ?? 0) / rows.length / ((scale[j] ?? 1) * (scale[k] ?? 1)) +
        (j === k ? ridge : 0);
      matrix.set(j, k, value);
      matrix.set(k, j, value);
    }
  const gap = terms.map((_, j) => ((means[1]?.[j] ?? 0) - (means[0]?.[j] ?? 0)) / (scale[j] ?? 1));
  const solved = new CholeskyDecomposition(matrix).solve(Matrix.columnVector(gap));
  return terms.map((_, j) => solved.get(j, 0) / (scale[j] ?? 1));
}

/** What of the scores comes from where. */
class Parts {
  readonly byColumn = new Map<number, Float64Array>();
  /** Of terms of the column alone. */
  readonly alone = new Map<number, Float64Array>();
  readonly byPair = new Map<string, { readonly part: Float64Array; term: Term; most: number }>();

  constructor(private readonly rows: number) {}

  of(parts: Map<number, Float64Array>, column: number): Float64Array {
    const known = parts.get(column) ?? new Float64Array(this.rows);
    parts.set(column, known);
    return known;
  }

  /** A pair is named by the term that weighs most in it. */
  ofPair(term: Term, b: Feature, weight: number): Float64Array {
    const key = `${term.a.column} ${b.column}`;
    const known = this.byPair.get(key) ?? { part: new Float64Array(this.rows), term, most: 0 };
    if (weight > known.most) {
      known.term = term;
      known.most = weight;
    }
    this.byPair.set(key, known);
    return known.part;
  }
}

function score(
  terms: readonly Term[],
  weights: readonly number[],
  rows: Uint32Array,
  scores: Float64Array,
  parts: Parts,
): void {
  terms.forEach((term, j) => {
    const weight = weights[j] ?? 0;
    const { a, b } = term;
    const into = [
      scores,
      parts.of(parts.byColumn, a.column),
      ...(b === null
        ? [parts.of(parts.alone, a.column)]
        : [parts.of(parts.byColumn, b.column), parts.ofPair(term, b, Math.abs(weight * term.z))]),
    ];
    for (const row of rows) {
      const value = weight * valueOf(term, row);
      for (const part of into) part[row] = (part[row] ?? 0) + value;
    }
  });
}

/** The mean of the folds' AUC by their rows, with its variance: scores of different models are never compared. */
function aucOf(
  scores: Float64Array,
  labels: Float64Array,
  folds: Uint8Array,
): { readonly auc: number; readonly variance: number } {
  let [auc, variance] = [0, 0];
  for (let fold = 0; fold < FOLDS; fold += 1) {
    const rows = rowsWhere(folds, (own) => own === fold);
    const found = deLong(
      Float64Array.from(rows, (row) => labels[row] ?? 0),
      Float64Array.from(rows, (row) => scores[row] ?? 0),
    );
    const weight = rows.length / folds.length;
    auc += weight * (found?.auc ?? 0.5);
    variance += weight ** 2 * (found?.variance ?? 0.25);
  }
  return { auc, variance };
}

function nullVariance(folds: Uint8Array, labels: Float64Array): number {
  let variance = 0;
  for (let fold = 0; fold < FOLDS; fold += 1) {
    const rows = rowsWhere(folds, (own) => own === fold);
    const m = rows.reduce((sum, row) => sum + (labels[row] ?? 0), 0);
    const n = rows.length - m;
    variance += (rows.length / folds.length) ** 2 * ((m + n + 1) / (12 * m * n));
  }
  return variance;
}

/** Of features with mean near 0 over both sides; over the rows of one. */
export function correlation(a: Float64Array, b: Float64Array, from: number, to: number): number {
  const n = to - from;
  let [sa, sb, saa, sbb, sab] = [0, 0, 0, 0, 0];
  for (let i = from; i < to; i += 1) {
    const [x, y] = [a[i] ?? 0, b[i] ?? 0];
    sa += x;
    sb += y;
    saa += x * x;
    sbb += y * y;
    sab += x * y;
  }
  const spread = Math.sqrt((saa - (sa * sa) / n) * (sbb - (sb * sb) / n));
  return spread > 1e-9 ? (sab - (sa * sb) / n) / spread : 0;
}
