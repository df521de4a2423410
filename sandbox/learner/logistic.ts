import { createHash } from 'node:crypto';
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';

/** Columns of a table, all of one length; a column holds strings or numbers. */
export type Columns = Readonly<Record<string, readonly (string | number)[]>>;

export interface Feature {
  readonly name: string;
  readonly type: 'category' | 'number';
}

/** What is learned: one weight per hash slot, and the columns in the order callers must send them. */
export interface LogisticModel {
  readonly features: readonly Feature[];
  readonly hashBits: number;
  readonly bias: number;
  readonly weights: Float32Array;
}

export interface TrainingOptions {
  readonly features: readonly Feature[];
  readonly epochs: number;
  readonly seed: number;
  readonly hashBits: number;
}

const LEARNING_RATE = 0.05;
/** Pull of every touched weight towards zero per step: rare pairs stay near the mean. */
const SHRINKAGE = 2e-4;

/** How far a training has come: after so many epochs, on these rows in this order. */
export interface Progress {
  /** Digest of rows, labels, seed and size: progress on anything else is of no use. */
  readonly of: string;
  readonly epochs: number;
  readonly bias: number;
  readonly weights: Float32Array;
  readonly squares: Float32Array;
}

/** Keeps the progress of a training, and gives back what an earlier try has kept. */
export interface Checkpoints {
  load(of: string): Progress | undefined;
  save(progress: Progress): void;
}

/**
 * Logistic regression over hashed categories: each feature and each pair of features is one slot.
 * Stochastic gradient descent with AdaGrad steps (Duchi et al. 2011), rows shuffled by `seed`.
 *
 * @param checkpoints the model is the same whether it goes on from one or not
 */
export function fit(
  columns: Columns,
  labels: ArrayLike<number>,
  options: TrainingOptions,
  checkpoints?: Checkpoints,
): LogisticModel {
  const slots = encode(columns, options.features, options.hashBits);
  const perRow = slotsPerRow(options.features.length);
  const order = Uint32Array.from({ length: labels.length }, (_, row) => row);
  const random = xoroshiro128plus(options.seed);
  const of = checkpoints === undefined ? '' : digestOf(slots, labels, options);
  const found = checkpoints?.load(of);
  const size = 2 ** options.hashBits;
  const fits = found?.weights.length === size && found.epochs <= options.epochs;
  const before = fits ? found : undefined;
  const weights = before?.weights ?? new Float32Array(size);
  const squares = before?.squares ?? new Float32Array(weights.length).fill(1);
  let bias = before?.bias ?? logOdds(labels);
  for (let epoch = 0; epoch < options.epochs; epoch += 1) {
    shuffle(order, random);
    if (epoch < (before?.epochs ?? 0)) continue;
    for (const row of order) {
      const error = probability(bias, weights, slots, row * perRow, perRow) - at(labels, row);
      bias -= 0.001 * error;
      for (let i = row * perRow; i < (row + 1) * perRow; i += 1) {
        const slot = at(slots, i);
        const gradient = error + SHRINKAGE * at(weights, slot);
        squares[slot] = at(squares, slot) + gradient * gradient;
        weights[slot] =
          at(weights, slot) - (LEARNING_RATE * gradient) / Math.sqrt(at(squares, slot));
      }
    }
    checkpoints?.save({ of, epochs: epoch + 1, bias, weights, squares });
  }
  return { features: options.features, hashBits: options.hashBits, bias, weights };
}

const digestOf = (
  slots: Uint32Array,
  labels: ArrayLike<number>,
  { seed, hashBits }: TrainingOptions,
): string =>
  createHash('sha256')
    .update(slots)
    .update(Uint8Array.from(labels))
    .update(JSON.stringify([seed, hashBits]))
    .digest('hex');

/** Probability of the label 1, per row. */
export function predict(model: LogisticModel, columns: Columns): Float64Array {
  const slots = encode(columns, model.features, model.hashBits);
  const perRow = slotsPerRow(model.features.length);
  return Float64Array.from({ length: slots.length / perRow }, (_, row) =>
    probability(model.bias, model.weights, slots, row * perRow, perRow),
  );
}

function probability(
  bias: number,
  weights: Float32Array,
  slots: Uint32Array,
  from: number,
  count: number,
): number {
  let sum = bias;
  for (let i = from; i < from + count; i += 1) sum += at(weights, at(slots, i));
  return 1 / (1 + Math.exp(-sum));
}

function slotsPerRow(features: number): number {
  return (features * (features + 1)) / 2;
}

/** Hash slots, row after row: every feature, then every pair of features. */
function encode(columns: Columns, features: readonly Feature[], hashBits: number): Uint32Array {
  const hashed = features.map(({ name }) => hashColumn(name, columns[name] ?? []));
  const rows = hashed[0]?.length ?? 0;
  const slots = new Uint32Array(rows * slotsPerRow(features.length));
  const shift = 32 - hashBits;
  let next = 0;
  for (let row = 0; row < rows; row += 1) {
    for (const [i, column] of hashed.entries()) {
      const one = at(column, row);
      slots[next++] = mix(one) >>> shift;
      for (let j = 0; j < i; j += 1) {
        slots[next++] = mix(Math.imul(one, 31) + at(hashed[j] ?? column, row)) >>> shift;
      }
    }
  }
  return slots;
}

function hashColumn(name: string, values: readonly (string | number)[]): Uint32Array {
  const known = new Map<string | number, number>();
  return Uint32Array.from(values, (value) => {
    let hash = known.get(value);
    if (hash === undefined) {
      hash = fnv1a(`${name}=${category(value)}`);
      known.set(value, hash);
    }
    return hash;
  });
}

/** Small whole numbers are categories of their own; larger ones share a bucket about 19 % wide. */
function category(value: string | number): string {
  if (typeof value === 'string') return value;
  if (!Number.isFinite(value)) return 'missing';
  if (Math.abs(value) <= 48) return String(Math.round(value));
  return `${value < 0 ? '-' : ''}2^${Math.round(4 * Math.log2(Math.abs(value))) / 4}`;
}

/** @see https://datatracker.ietf.org/doc/html/draft-eastlake-fnv */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

/** Finalizer of MurmurHash3: every bit of the input moves every bit of the output. */
function mix(value: number): number {
  let hash = value | 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function logOdds(labels: ArrayLike<number>): number {
  let late = 0.5;
  for (let i = 0; i < labels.length; i += 1) late += at(labels, i);
  return Math.log(late / (labels.length + 1 - late));
}

function shuffle(order: Uint32Array, random: ReturnType<typeof xoroshiro128plus>): void {
  for (let i = order.length - 1; i > 0; i -= 1) {
    const j = uniformInt(random, 0, i);
    const held = at(order, i);
    order[i] = at(order, j);
    order[j] = held;
  }
}

/** An element that is known to be there: typed arrays are indexed within their length throughout. */
function at(values: ArrayLike<number>, index: number): number {
  return values[index] as number;
}
