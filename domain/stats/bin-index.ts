/** Few enough to stay in a processor's nearest cache, many enough that one cell rarely holds two of 200 edges. */
const FEWEST_CELLS = 4_096;
const CELLS_PER_EDGE = 4;
/** Edges in one cell from which halving is faster than walking. */
const WORTH_HALVING = 8;
/** Share of the edges on each side that get no cells of their own: a long tail would take them all. */
const TAIL = 0.05;

/**
 * Finds the right-closed bin of a value, one at a time, without the mispredicted branches of a search by halves: an even
 * grid over the middle of the edges tells where to begin. Exact, as the cell of a value never falls when the value grows.
 */
export class BinIndex {
  private readonly edges: Float64Array;
  private readonly cells: number;
  private readonly from: number;
  private readonly scale: number;
  /** The first edge of every cell. */
  private readonly begins: Int32Array;

  /** @param edges ascending, without repeats */
  constructor(edges: ArrayLike<number>) {
    this.edges = Float64Array.from(edges);
    const last = this.edges.length - 1;
    const tail = Math.floor(this.edges.length * TAIL);
    const low = this.edges[tail] ?? 0;
    const width = (this.edges[last - tail] ?? 0) - low;
    this.cells = Math.max(FEWEST_CELLS, CELLS_PER_EDGE * this.edges.length);
    const scale = (this.cells - 2) / width;
    const usable = width > 0 && Number.isFinite(width) && Number.isFinite(scale);
    this.from = usable ? low : 0;
    this.scale = usable ? scale : 0;
    this.begins = new Int32Array(this.cells + 1).fill(this.edges.length);
    let cell = 0;
    this.edges.forEach((edge, i) => {
      for (const own = this.cellOf(edge); cell <= own; cell += 1) this.begins[cell] = i;
    });
  }

  /** How many edges are below `value`, which must be finite. */
  binOf(value: number): number {
    const cell = this.cellOf(value);
    let bin = this.begins[cell] ?? 0;
    let end = this.begins[cell + 1] ?? 0;
    while (end - bin > WORTH_HALVING) {
      const middle = (bin + end) >>> 1;
      if ((this.edges[middle] ?? Infinity) < value) bin = middle + 1;
      else end = middle;
    }
    while (bin < end && (this.edges[bin] ?? Infinity) < value) bin += 1;
    return bin;
  }

  /** Adds the bins of finite values to `counts`, which has one more place than there are edges. */
  countInto(counts: Float64Array, values: Float64Array): void {
    // In local names: what an object holds would be fetched anew for every value.
    const { edges, begins, from, scale } = this;
    const last = this.cells - 1;
    for (let i = 0; i < values.length; i += 1) {
      const value = values[i] ?? 0;
      const place = (value - from) * scale + 1;
      const cell = place < 1 ? 0 : place > last ? last : place | 0;
      let bin = begins[cell] ?? 0;
      let end = begins[cell + 1] ?? 0;
      while (end - bin > WORTH_HALVING) {
        const middle = (bin + end) >>> 1;
        if ((edges[middle] ?? Infinity) < value) bin = middle + 1;
        else end = middle;
      }
      while (bin < end && (edges[bin] ?? Infinity) < value) bin += 1;
      counts[bin] = (counts[bin] ?? 0) + 1;
    }
  }

  private cellOf(value: number): number {
    const cell = (value - this.from) * this.scale + 1;
    if (cell < 1) return 0;
    return cell >= this.cells ? this.cells - 1 : Math.floor(cell);
  }
}
