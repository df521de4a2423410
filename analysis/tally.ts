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

/** Counts one column of numbers, in any order of its rows: NaN is missing, -Infinity invalid, Infinity not finite. */
export class NumericTally {
  private readonly bins: BinIndex;
  private readonly fineCounts: number[];
  private readonly sum: ExactSum;
  private readonly from: number;
  private readonly to: number;
  private missing = 0;
  private invalid = 0;
  private nonFinite = 0;
  private belowMin = 0;
  private aboveMax = 0;
  private min = Infinity;
  private max = -Infinity;

  constructor({ edges, range }: NumericLimits) {
    this.bins = new BinIndex(edges);
    this.fineCounts = Array.from({ length: edges.length + 1 }, () => 0);
    this.from = range?.min ?? -Infinity;
    this.to = range?.max ?? Infinity;
    const ends = [this.from, this.to].filter(Number.isFinite).map(Math.abs);
    this.sum = new ExactSum(Math.max(0, ...ends));
  }

  add(values: Float64Array): void {
    const { bins, fineCounts, sum, from, to } = this;
    // By index: an iterator costs several times what the rest of the loop does.
    for (let i = 0; i < values.length; i += 1) {
      const value = values[i] ?? Number.NaN;
      if (value - value !== 0) {
        this.addOther(value);
        continue;
      }
      const bin = bins.binOf(value);
      fineCounts[bin] = (fineCounts[bin] ?? 0) + 1;
      sum.add(value);
      if (value < from) this.belowMin += 1;
      else if (value > to) this.aboveMax += 1;
      if (value < this.min) this.min = value;
      if (value > this.max) this.max = value;
    }
  }

  private addOther(value: number): void {
    if (Number.isNaN(value)) this.missing += 1;
    else if (value < 0) this.invalid += 1;
    else this.nonFinite += 1;
  }

  counts(): NumericCounts {
    const count = total(this.fineCounts);
    return {
      count,
      missing: this.missing,
      invalid: this.invalid,
      nonFinite: this.nonFinite,
      min: count === 0 ? null : this.min + 0,
      max: count === 0 ? null : this.max + 0,
      fineCounts: this.fineCounts,
      belowMin: this.belowMin,
      aboveMax: this.aboveMax,
      mean: this.sum.mean(),
    };
  }
}
