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
  /** Where they come from; texts when absent. */
  readonly source?: NumberSource;
}

/** Of texts, -Infinity stands for one that is no number, and Infinity for either infinity. */
export type NumberSource = 'numbers' | 'texts';

/** What stands in a chunk of numbers beside finite ones: NaN is missing. */
export class LeftOut {
  missing = 0;
  invalid = 0;
  nonFinite = 0;
  private kept = new Float64Array();

  constructor(private readonly source: NumberSource = 'texts') {}

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
      else if (value < 0 && this.source === 'texts') this.invalid += 1;
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
  private readonly leftOut: LeftOut;
  private readonly from: number;
  private readonly to: number;
  private belowMin = 0;
  private aboveMax = 0;
  private min = Infinity;
  private max = -Infinity;

  constructor({ edges, range, source }: NumericLimits) {
    this.leftOut = new LeftOut(source);
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
    let min = Infinity;
    let max = -Infinity;
    // By index: an iterator costs several times what the rest of the loop does.
    for (let i = 0; i < finite.length; i += 1) {
      const value = finite[i] ?? 0;
      if (value < min) min = value;
      if (value > max) max = value;
    }
    if (min < this.from || max > this.to) this.countOutside(finite);
    if (min < this.min) this.min = min;
    if (max > this.max) this.max = max;
    this.sum.addAll(finite, finite.length === 0 ? 0 : Math.max(Math.abs(min), Math.abs(max)));
  }

  private countOutside(values: Float64Array): void {
    for (let i = 0; i < values.length; i += 1) {
      const value = values[i] ?? 0;
      if (value < this.from) this.belowMin += 1;
      else if (value > this.to) this.aboveMax += 1;
    }
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
