import { BinIndex } from '../domain/stats/bin-index.js';
import { total } from '../domain/stats/distances.js';
import { ExactSum } from '../domain/stats/exact-sum.js';

export interface NumericCounts {
  /** Finite values: the sum of `fineCounts`. */
  readonly count: number;
  readonly missing: number;
  readonly invalid: number;
  readonly nonFinite: number;
  readonly min: number | null;
  readonly max: number | null;
  readonly fineCounts: readonly number[];
  /** Values outside of the range asked about. */
  readonly belowMin: number;
  readonly aboveMax: number;
  /** Of the finite values; `null` without any, and where it overflows. */
  readonly mean?: number | null;
}

export interface NumericLimits {
  readonly edges: readonly number[];
  /** Values outside are counted; no limits when absent. */
  readonly range?: { readonly min: number; readonly max: number };
}

/** What stands in a chunk of numbers beside finite ones: NaN is missing, -Infinity invalid, Infinity not finite. */
export class LeftOut {
  missing = 0;
  invalid = 0;
  nonFinite = 0;
  private kept = new Float64Array();

  /** The finite values, in a place that the next call may use again; counts the others. */
  finite(values: Float64Array): Float64Array {
    let whole = 0;
    for (let i = 0; i < values.length; i += 1) {
      const value = values[i] ?? Number.NaN;
      if (value - value !== 0) break;
      whole += 1;
    }
    if (whole === values.length) return values;
    if (this.kept.length < values.length) this.kept = new Float64Array(values.length);
    const { kept } = this;
    kept.set(values.subarray(0, whole));
    for (let i = whole; i < values.length; i += 1) {
      const value = values[i] ?? Number.NaN;
      if (value - value === 0) {
        kept[whole] = value;
        whole += 1;
      } else if (Number.isNaN(value)) this.missing += 1;
      else if (value < 0) this.invalid += 1;
      else this.nonFinite += 1;
    }
    return kept.subarray(0, whole);
  }
}

/** Counts one column of numbers, in any order of its rows: see {@link LeftOut} for what is none. */
export class NumericTally {
  private readonly bins: BinIndex;
  private readonly fineCounts: Float64Array;
  private readonly sum: ExactSum;
  private readonly leftOut = new LeftOut();
  private readonly from: number;
  private readonly to: number;
  private belowMin = 0;
  private aboveMax = 0;
  private min = Infinity;
  private max = -Infinity;

  constructor({ edges, range }: NumericLimits) {
    this.bins = new BinIndex(edges);
    this.fineCounts = new Float64Array(edges.length + 1);
    this.from = range?.min ?? -Infinity;
    this.to = range?.max ?? Infinity;
    const ends = [this.from, this.to].filter(Number.isFinite).map(Math.abs);
    this.sum = new ExactSum(Math.max(0, ...ends));
  }

  add(values: Float64Array): void {
    const finite = this.leftOut.finite(values);
    this.bins.countInto(this.fineCounts, finite);
    this.sum.addAll(finite);
    const { from, to } = this;
    let { min, max, belowMin, aboveMax } = this;
    // By index: an iterator costs several times what the rest of the loop does.
    for (let i = 0; i < finite.length; i += 1) {
      const value = finite[i] ?? 0;
      if (value < min) min = value;
      if (value > max) max = value;
      if (value < from) belowMin += 1;
      else if (value > to) aboveMax += 1;
    }
    this.min = min;
    this.max = max;
    this.belowMin = belowMin;
    this.aboveMax = aboveMax;
  }

  counts(): NumericCounts {
    const fineCounts = [...this.fineCounts];
    const count = total(fineCounts);
    const { missing, invalid, nonFinite } = this.leftOut;
    return {
      count,
      missing,
      invalid,
      nonFinite,
      min: count === 0 ? null : this.min + 0,
      max: count === 0 ? null : this.max + 0,
      fineCounts,
      belowMin: this.belowMin,
      aboveMax: this.aboveMax,
      mean: this.sum.mean(),
    };
  }
}
