import { edgesFromRanks, FINE_BINS, quantileRank } from '../domain/stats/bins.js';
import type { Edges } from '../domain/stats/bins.js';
import { BinIndex } from '../domain/stats/bin-index.js';
import { ExactSum } from '../domain/stats/exact-sum.js';
import { nextDown } from '../domain/stats/kolmogorov.js';
import { LeftOut } from './tally.js';
import type { NumberSource } from './tally.js';

/** Doubles kept of all columns together, 64 MB. */
const SAMPLED_VALUES = 8_388_608;
const SMALLEST_SAMPLE = 8_192;
const LARGEST_SAMPLE = 262_144;
/** No power of two, nor of ten: rows that repeat in such a rhythm are still sampled evenly. */
const THINNING = 3;
/** Values of the sample in one bracket. */
const SAMPLED_PER_BRACKET = 4;
const MOST_BRACKETS = 16_384;
/** Beyond it a square overflows. */
const LARGEST_SQUARABLE = 1e150;

export interface Described {
  readonly edges: Edges;
  readonly fineCounts: readonly number[];
  readonly mean: number | null;
  readonly std: number | null;
}

/** How many values to keep of each of so many columns. */
export function sampleSize(columns: number): number {
  const share = Math.floor(SAMPLED_VALUES / Math.max(1, columns));
  return Math.min(LARGEST_SAMPLE, Math.max(SMALLEST_SAMPLE, share));
}

/**
 * First look at a column: counts, range, and its values while they are few, else an even sample. What is not finite is
 * told apart by {@link LeftOut}.
 */
export class Survey {
  count = 0;
  private readonly leftOut: LeftOut;
  min = Infinity;
  max = -Infinity;
  private kept: Float64Array;
  private length = 0;
  private stride = 1;
  private untilNext = 1;

  constructor(
    private readonly size: number,
    source: NumberSource = 'texts',
  ) {
    this.leftOut = new LeftOut(source);
    this.kept = new Float64Array(Math.min(size, 1_024));
  }

  get missing(): number {
    return this.leftOut.missing;
  }

  get invalid(): number {
    return this.leftOut.invalid;
  }

  get nonFinite(): number {
    return this.leftOut.nonFinite;
  }

  add(values: Float64Array): void {
    const finite = this.leftOut.finite(values);
    let { min, max } = this;
    for (let i = 0; i < finite.length; i += 1) {
      const value = finite[i] ?? 0;
      if (value < min) min = value;
      if (value > max) max = value;
    }
    this.min = min;
    this.max = max;
    this.count += finite.length;
    let at = this.untilNext - 1;
    while (at < finite.length) {
      this.keep(finite[at] ?? 0);
      at += this.stride;
    }
    this.untilNext = at + 1 - finite.length;
  }

  private keep(value: number): void {
    if (this.length === this.size) this.thin();
    if (this.length === this.kept.length) {
      const wider = new Float64Array(Math.min(this.size, this.kept.length * 4));
      wider.set(this.kept);
      this.kept = wider;
    }
    // Both zeros are one value.
    this.kept[this.length] = value + 0;
    this.length += 1;
  }

  private thin(): void {
    this.length = Math.ceil(this.length / THINNING);
    for (let i = 0; i < this.length; i += 1) this.kept[i] = this.kept[i * THINNING] ?? 0;
    this.stride *= THINNING;
  }

  /** Every value, or of more than were kept a sample. */
  get isComplete(): boolean {
    return this.stride === 1;
  }

  get largest(): number {
    return this.count === 0 ? 0 : Math.max(Math.abs(this.min), Math.abs(this.max));
  }

  /** Ascending; the survey must be over. */
  sorted(): Float64Array {
    return this.kept.subarray(0, this.length).sort();
  }
}

/** Describes a column whose values are all at hand. */
export function describeSorted(values: Float64Array, largest: number): Described {
  const edges = edgesFromRanks(values.length, (rank) => values[rank - 1] ?? Number.NaN);
  const sum = new ExactSum(largest);
  for (const value of values) sum.add(value);
  const mean = sum.mean();
  const squares = squaresOf(largest, mean);
  if (squares !== null && mean !== null) {
    for (const value of values) squares.add((value - mean) * (value - mean));
  }
  return {
    edges,
    fineCounts: countsOf(edges.fine, values.length, (edge) => upperBound(values, edge)),
    mean,
    std: stdOf(squares),
  };
}

/**
 * Order statistics of a column without sorting it. A second look counts all values into brackets cut by the sample of
 * the first; a third keeps those of the brackets alone in which a rank lies. The answer is the one that sorting gives.
 */
export class Brackets {
  private readonly edges: readonly number[];
  private readonly index: BinIndex;
  private readonly counts: Float64Array;
  private readonly sum: ExactSum;
  private mean: number | null = null;
  private squares: ExactSum | null = null;
  private squaresOfChunk = new Float64Array();
  private readonly leftOut = new LeftOut();
  /** Of each bracket: the values below it. */
  private below = new Float64Array();
  /** Of each bracket: where its values begin among those that are kept; -1 for one whose values are not. */
  private begins = new Int32Array();
  private kept = new Float64Array();
  private length = 0;

  constructor(private readonly survey: Survey) {
    this.edges = bracketsOf(survey.sorted());
    this.index = new BinIndex(this.edges);
    this.counts = new Float64Array(this.edges.length + 1);
    this.sum = new ExactSum(survey.largest);
  }

  count(values: Float64Array): void {
    const finite = this.leftOut.finite(values);
    this.index.countInto(this.counts, finite);
    this.sum.addAll(finite, this.survey.largest);
  }

  /** Ends the counting; tells how many values the last look will keep. */
  choose(): number {
    this.mean = this.sum.mean();
    this.squares = squaresOf(this.survey.largest, this.mean);
    this.below = new Float64Array(this.counts.length);
    this.begins = new Int32Array(this.counts.length).fill(-1);
    let before = 0;
    this.counts.forEach((count, bin) => {
      this.below[bin] = before;
      before += count;
    });
    let wanted = 0;
    let last = -1;
    for (let i = 1; i < FINE_BINS; i += 1) {
      const bin = this.bracketOf(quantileRank(this.survey.count, i, FINE_BINS));
      if (bin !== last && !this.isOnePoint(bin)) {
        this.begins[bin] = wanted;
        wanted += this.counts[bin] ?? 0;
      }
      last = bin;
    }
    this.kept = new Float64Array(wanted);
    return wanted;
  }

  keep(values: Float64Array): void {
    const { index, begins, kept, mean, squares } = this;
    const finite = this.leftOut.finite(values);
    if (squares !== null && mean !== null) {
      const { distances, largest } = this.squared(finite, mean);
      squares.addAll(distances, largest);
    }
    for (let i = 0; i < finite.length; i += 1) {
      const value = finite[i] ?? 0;
      if ((begins[index.binOf(value)] ?? -1) < 0) continue;
      kept[this.length] = value + 0;
      this.length += 1;
    }
  }

  private squared(
    values: Float64Array,
    mean: number,
  ): { readonly distances: Float64Array; readonly largest: number } {
    if (this.squaresOfChunk.length < values.length) {
      this.squaresOfChunk = new Float64Array(values.length);
    }
    const { squaresOfChunk } = this;
    let largest = 0;
    for (let i = 0; i < values.length; i += 1) {
      const distance = (values[i] ?? 0) - mean;
      const square = distance * distance;
      if (square > largest) largest = square;
      squaresOfChunk[i] = square;
    }
    return { distances: squaresOfChunk.subarray(0, values.length), largest };
  }

  describe(): Described {
    this.kept.sort();
    const edges = edgesFromRanks(this.survey.count, (rank) => this.valueAt(rank));
    return {
      edges,
      fineCounts: countsOf(edges.fine, this.survey.count, (edge) => this.upTo(edge)),
      mean: this.mean,
      std: stdOf(this.squares),
    };
  }

  private valueAt(rank: number): number {
    if (rank === 1) return this.survey.min + 0;
    const bin = this.bracketOf(rank);
    const begin = this.begins[bin] ?? -1;
    if (begin < 0) return this.edges[bin] ?? Number.NaN;
    return this.kept[begin + rank - (this.below[bin] ?? 0) - 1] ?? Number.NaN;
  }

  /** Values that are not above an order statistic, or above what lies just below the smallest one. */
  private upTo(edge: number): number {
    if (edge < this.survey.min) return 0;
    const bin = this.index.binOf(edge);
    const below = this.below[bin] ?? 0;
    const count = this.counts[bin] ?? 0;
    const begin = this.begins[bin] ?? -1;
    if (begin < 0) return below + count;
    return below + upperBound(this.kept.subarray(begin, begin + count), edge);
  }

  /** The first bracket up to which there are `rank` values. */
  private bracketOf(rank: number): number {
    let from = 0;
    let to = this.counts.length - 1;
    while (from < to) {
      const middle = (from + to) >>> 1;
      if ((this.below[middle] ?? 0) + (this.counts[middle] ?? 0) < rank) from = middle + 1;
      else to = middle;
    }
    return from;
  }

  private isOnePoint(bin: number): boolean {
    const to = this.edges[bin];
    return to !== undefined && this.edges[bin - 1] === nextDown(to);
  }
}

/** Every few values of the sample; one that fills a bracket by itself gets one of its own, as its rows may be many. */
function bracketsOf(sample: Float64Array): readonly number[] {
  const step = Math.max(SAMPLED_PER_BRACKET, Math.ceil(sample.length / MOST_BRACKETS));
  const edges: number[] = [];
  const push = (edge: number) => {
    if (edge > (edges.at(-1) ?? -Infinity)) edges.push(edge);
  };
  for (let i = step; i < sample.length; i += step) {
    const value = sample[i] ?? Number.NaN;
    if (sample[i - 1] === value || sample[i + 1] === value) push(nextDown(value));
    push(value);
  }
  return edges;
}

function countsOf(
  edges: readonly number[],
  all: number,
  upTo: (edge: number) => number,
): readonly number[] {
  let before = 0;
  const counts = edges.map((edge) => {
    const now = upTo(edge);
    const count = now - before;
    before = now;
    return count;
  });
  return [...counts, all - before];
}

/** How many of ascending values are not above `limit`. */
function upperBound(values: Float64Array, limit: number): number {
  let from = 0;
  let to = values.length;
  while (from < to) {
    const middle = (from + to) >>> 1;
    if ((values[middle] ?? Infinity) <= limit) from = middle + 1;
    else to = middle;
  }
  return from;
}

/** `null` where a square would overflow. */
function squaresOf(largest: number, mean: number | null): ExactSum | null {
  return mean === null || largest >= LARGEST_SQUARABLE ? null : new ExactSum(4 * largest * largest);
}

function stdOf(squares: ExactSum | null): number | null {
  const variance = squares?.mean() ?? null;
  return variance === null ? null : Math.sqrt(variance);
}
