/**
 * What to draw of a column of numbers: shares of both sides in steps of equal width on an axis of values. Bins that are
 * equally full in the baseline, as distances need them, hide its shape.
 */
export interface Density {
  /** How the steps are equal: by difference, or by ratio where values spread over several powers of ten. */
  readonly scale: 'linear' | 'log';
  readonly from: number;
  readonly to: number;
  /** Share of the side's values in each step from `from` to `to`, 0 to 1. */
  readonly baseline: readonly number[];
  readonly window: readonly number[];
  /** Shares outside of what is drawn. */
  readonly below: { readonly baseline: number; readonly window: number };
  readonly above: { readonly baseline: number; readonly window: number };
}

export interface DensityCounts {
  /** Order statistics of the baseline at ranks ceil(n·i/200), without repeats. */
  readonly fineEdges: readonly number[];
  /** Of each bin, one more than there are edges. */
  readonly baseline: readonly number[];
  readonly window: readonly number[];
  readonly min: number;
  readonly max: number;
  /** Of the window's first and last bin, what lies outside of the baseline's range. */
  readonly belowMin: number;
  readonly aboveMax: number;
}

const STEPS = 40;
/** Fewer are values one by one: bars say more than a shape that is none. */
const FEWEST_EDGES = 24;
/** How much wider than its middle 99 % a range may be before its tails are cut. */
const WIDEST = 3;
/** Ninth decile to median from which equal differences would show most values in a step or two. */
const LEAST_RATIO = 5;

/**
 * Spreads fine bins evenly over steps of equal width. `null` where that would be no shape: too few different values,
 * or none on a side.
 */
export function densityOf(counts: DensityCounts): Density | null {
  const { fineEdges, min, max } = counts;
  const [low, high] = [fineEdges[0], fineEdges.at(-1)];
  const totals = { baseline: sum(counts.baseline), window: sum(counts.window) };
  if (low === undefined || high === undefined || fineEdges.length < FEWEST_EDGES) return null;
  if (totals.baseline === 0 || totals.window === 0 || !(high > low)) return null;
  const range = rangeOf(fineEdges, min, max);
  const at = range.scale === 'log' ? Math.log : (value: number) => value;
  const [from, reach] = [at(range.from), at(range.to) - at(range.from)];
  if (!(reach > 0) || !Number.isFinite(reach)) return null;
  const side = (which: 'baseline' | 'window') => {
    const steps = Array.from({ length: STEPS }, () => 0);
    const beyond = { below: 0, above: 0 };
    const outside = which === 'window' ? { below: counts.belowMin, above: counts.aboveMax } : NONE;
    const last = fineEdges.length;
    counts[which].forEach((count, bin) => {
      const inside = count - (bin === 0 ? outside.below : 0) - (bin === last ? outside.above : 0);
      const [a, b] = [fineEdges[bin - 1] ?? Math.min(min, low), fineEdges[bin] ?? max];
      // Where the bin lies, in steps; what is not drawn of it lies before 0 or after the last step.
      const place = (value: number) =>
        range.scale === 'log' && value <= 0 ? -Infinity : ((at(value) - from) / reach) * STEPS;
      spread(steps, beyond, { from: place(a), to: place(b), count: inside });
    });
    const share = (count: number) => Number((count / totals[which]).toPrecision(6));
    return {
      steps: steps.map(share),
      below: share(beyond.below + outside.below),
      above: share(beyond.above + outside.above),
    };
  };
  const [baseline, window] = [side('baseline'), side('window')];
  return {
    ...range,
    baseline: baseline.steps,
    window: window.steps,
    below: { baseline: baseline.below, window: window.below },
    above: { baseline: baseline.above, window: window.above },
  };
}

const NONE = { below: 0, above: 0 };

/** All of the baseline where its tails leave room for the rest, its middle 99 % otherwise. */
function rangeOf(
  edges: readonly number[],
  min: number,
  max: number,
): Pick<Density, 'scale' | 'from' | 'to'> {
  const edge = (share: number) => edges[Math.round((edges.length - 1) * share)] ?? 0;
  const [low, middle, upper, high] = [edge(0), edge(0.5), edge(0.9), edge(1)];
  if (low > 0 && upper / middle >= LEAST_RATIO) {
    const fits = min > 0 && Math.log(max / min) <= WIDEST * Math.log(high / low);
    return fits ? { scale: 'log', from: min, to: max } : { scale: 'log', from: low, to: high };
  }
  return max - min <= WIDEST * (high - low)
    ? { scale: 'linear', from: min, to: max }
    : { scale: 'linear', from: low, to: high };
}

/** Values that are all one, such as many zeros, fall into the step they are in. */
const NARROWEST = 1e-6;

function spread(
  steps: number[],
  beyond: { below: number; above: number },
  { from, to, count }: { readonly from: number; readonly to: number; readonly count: number },
): void {
  if (count === 0) return;
  const width = to - from;
  if (to <= 0 && (width > NARROWEST || to < -NARROWEST)) beyond.below += count;
  else if (from >= STEPS) beyond.above += count;
  else if (!(width > NARROWEST)) add(steps, Math.ceil(to) - 1, count);
  else if (!Number.isFinite(width)) beyond.below += count;
  else {
    beyond.below += (count * Math.max(0, -from)) / width;
    beyond.above += (count * Math.max(0, to - STEPS)) / width;
    for (let step = Math.max(0, Math.floor(from)); step < Math.min(STEPS, to); step += 1)
      add(steps, step, (count * (Math.min(step + 1, to) - Math.max(step, from))) / width);
  }
}

function add(steps: number[], step: number, count: number): void {
  const place = Math.min(STEPS - 1, Math.max(0, step));
  steps[place] = (steps[place] ?? 0) + count;
}

const sum = (numbers: readonly number[]): number => numbers.reduce((all, one) => all + one, 0);
