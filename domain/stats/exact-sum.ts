/** Of the largest value expected: what the parts of a value are multiples of. */
const PARTS = [2 ** -20, 2 ** -44, 2 ** -68] as const;
/** Largest value expected, in doubles that leave room for the trick. */
const LARGEST = 2 ** 960;
const SMALLEST = 2 ** -900;
const SURE_BITS = 2 ** 33;
const DIGITS_WHEN_UNSURE = 9;

/**
 * A sum that does not depend on the order of its terms: every value is cut into parts that are whole multiples of one
 * unit each, and sums of those are exact in doubles up to 2^30 terms of the size expected.
 */
export class ExactSum {
  private readonly shifts: readonly [number, number, number];
  private readonly scale: number;
  private high = 0;
  private middle = 0;
  private low = 0;
  private largest = 0;
  private terms = 0;

  /** @param expected about the largest absolute value; what is a thousand times larger still fits */
  constructor(expected: number) {
    const limited = Math.min(LARGEST, Math.max(SMALLEST, Math.abs(expected)));
    this.scale = 2 ** Math.ceil(Math.log2(limited));
    const shift = (part: number) => 1.5 * 2 ** 52 * part * this.scale;
    this.shifts = [shift(PARTS[0]), shift(PARTS[1]), shift(PARTS[2])];
  }

  add(value: number): void {
    const [first, second, third] = this.shifts;
    const high = value + first - first;
    const rest = value - high;
    const middle = rest + second - second;
    this.high += high;
    this.middle += middle;
    this.low += rest - middle + third - third;
    const size = value < 0 ? -value : value;
    if (size > this.largest) this.largest = size;
    this.terms += 1;
  }

  /**
   * {@link add} of each; several times as fast.
   *
   * @param largest at least the largest absolute value among them
   */
  addAll(values: Float64Array, largest: number): void {
    const [first, second, third] = this.shifts;
    let { high, middle, low } = this;
    for (let i = 0; i < values.length; i += 1) {
      const value = values[i] ?? 0;
      const top = value + first - first;
      const rest = value - top;
      const next = rest + second - second;
      high += top;
      middle += next;
      low += rest - next + third - third;
    }
    this.high = high;
    this.middle = middle;
    this.low = low;
    if (largest > this.largest) this.largest = largest;
    this.terms += values.length;
  }

  /** `null` without terms and where it overflows. Fewer digits where the terms were much larger than expected. */
  mean(): number | null {
    if (this.terms === 0) return null;
    const mean = (this.high + this.middle + this.low) / this.terms;
    if (!Number.isFinite(mean)) return null;
    const sure = this.largest * this.terms <= SURE_BITS * this.scale;
    return sure ? mean : Number(mean.toPrecision(DIGITS_WHEN_UNSURE));
  }
}
