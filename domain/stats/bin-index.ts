/** Few enough to stay in a processor's nearest cache, many enough that one cell rarely holds two of 200 edges. */
const FEWEST_CELLS = 4_096;
const CELLS_PER_EDGE = 4;
/** Edges in one cell from which halving is faster than walking. */
const WORTH_HALVING = 8;
/** Shares of the edges on each side that may get no cells of their own: a long tail would take them all. */
const TAILS = [0, 0.005, 0.01, 0.02, 0.05] as const;
const LARGEST_SHORT = 65_535;

interface Grid {
  readonly from: number;
  readonly scale: number;
  /** The first edge of every cell, and of one more. Short where it can be, to stay in the cache. */
  readonly begins: Uint16Array | Int32Array;
  readonly mostEdgesOfCell: number;
  /** What a value costs on average: the edges of its cell, as about as many values lie between any two edges. */
  readonly cost: number;
}

/**
 * Finds the right-closed bin of a value, one at a time, without the mispredicted branches of a search by halves: an even
 * grid over the middle of the edges tells where to begin. Exact, as the cell of a value never falls when the value grows.
 */
export class BinIndex {
  /** And one more that no value is above. */
  private readonly edges: Float64Array;
  private readonly cells: number;
  private readonly from: number;
  private readonly scale: number;
  private readonly begins: Uint16Array | Int32Array;
  private readonly isCrowded: boolean;

  /** @param edges ascending, without repeats */
  constructor(edges: ArrayLike<number>) {
    this.edges = new Float64Array(edges.length + 1).fill(Infinity);
    this.edges.set(edges);
    this.cells = Math.max(FEWEST_CELLS, CELLS_PER_EDGE * edges.length);
    const best = TAILS.map((tail) => gridOf(edges, this.cells, tail)).reduce((least, grid) =>
      grid.cost < least.cost ? grid : least,
    );
    this.from = best.from;
    this.scale = best.scale;
    this.begins = best.begins;
    this.isCrowded = best.mostEdgesOfCell > WORTH_HALVING;
  }

  /** How many edges are below `value`, which must be finite. */
  binOf(value: number): number {
    const { edges, begins } = this;
    const cell = cellOf(value, this.cells, this.from, this.scale);
    let bin = begins[cell] ?? 0;
    if (this.isCrowded) bin = this.halve(bin, begins[cell + 1] ?? 0, value);
    while ((edges[bin] ?? Infinity) < value) bin += 1;
    return bin;
  }

  /** Adds the bins of finite values to `counts`, which has one more place than there are edges. */
  countInto(counts: Float64Array, values: Float64Array): void {
    if (this.isCrowded) {
      for (let i = 0; i < values.length; i += 1) {
        const bin = this.binOf(values[i] ?? 0);
        counts[bin] = (counts[bin] ?? 0) + 1;
      }
      return;
    }
    // In local names: what an object holds would be fetched anew for every value.
    const { edges, begins, from, scale } = this;
    const last = this.cells - 1;
    for (let i = 0; i < values.length; i += 1) {
      const value = values[i] ?? 0;
      const place = (value - from) * scale + 1;
      let bin = begins[place < 1 ? 0 : place > last ? last : place | 0] ?? 0;
      while ((edges[bin] ?? Infinity) < value) bin += 1;
      counts[bin] = (counts[bin] ?? 0) + 1;
    }
  }

  /** Leaves few edges between `bin` and `end` to walk over. */
  private halve(bin: number, end: number, value: number): number {
    let [low, high] = [bin, end];
    while (high - low > WORTH_HALVING) {
      const middle = (low + high) >>> 1;
      if ((this.edges[middle] ?? Infinity) < value) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function gridOf(edges: ArrayLike<number>, cells: number, tailShare: number): Grid {
  const last = edges.length - 1;
  const tail = Math.floor(edges.length * tailShare);
  const low = edges[tail] ?? 0;
  const width = (edges[last - tail] ?? 0) - low;
  const scale = (cells - 2) / width;
  const usable = width > 0 && Number.isFinite(width) && Number.isFinite(scale);
  const grid = { from: usable ? low : 0, scale: usable ? scale : 0 };
  const Places = edges.length > LARGEST_SHORT ? Int32Array : Uint16Array;
  const begins = new Places(cells + 1).fill(edges.length);
  let cell = 0;
  let inCell = 0;
  let mostEdgesOfCell = 0;
  let cost = 0;
  for (let i = 0; i <= last; i += 1) {
    const own = cellOf(edges[i] ?? 0, cells, grid.from, grid.scale);
    if (own >= cell) inCell = 0;
    for (; cell <= own; cell += 1) begins[cell] = i;
    inCell += 1;
    // The sum of these is half the sum of squares.
    cost += inCell;
    if (inCell > mostEdgesOfCell) mostEdgesOfCell = inCell;
  }
  return { ...grid, begins, mostEdgesOfCell, cost };
}

function cellOf(value: number, cells: number, from: number, scale: number): number {
  const cell = (value - from) * scale + 1;
  if (cell < 1) return 0;
  return cell >= cells ? cells - 1 : Math.floor(cell);
}
