/** A non-decreasing map from score to probability, linear between its knots and flat outside. */
export interface IsotonicMap {
  /** Ascending, without repeats. */
  readonly x: readonly number[];
  readonly y: readonly number[];
}

/** Isotonic regression by pooling adjacent violators; equal scores are averaged first. */
export function fitIsotonic(x: readonly number[], y: readonly number[]): IsotonicMap {
  const points = averageTies(x, y);
  const blocks: { sum: number; weight: number; knots: number }[] = [];
  for (const { sum, weight } of points) {
    let block = { sum, weight, knots: 1 };
    let last = blocks[blocks.length - 1];
    while (last !== undefined && last.sum / last.weight >= block.sum / block.weight) {
      blocks.pop();
      block = {
        sum: last.sum + block.sum,
        weight: last.weight + block.weight,
        knots: last.knots + block.knots,
      };
      last = blocks[blocks.length - 1];
    }
    blocks.push(block);
  }
  return {
    x: points.map((point) => point.x),
    y: blocks.flatMap(({ sum, weight, knots }) =>
      Array.from({ length: knots }, () => sum / weight),
    ),
  };
}

function averageTies(
  x: readonly number[],
  y: readonly number[],
): readonly { readonly x: number; readonly sum: number; readonly weight: number }[] {
  const points: { x: number; sum: number; weight: number }[] = [];
  const order = x.map((_, i) => i).sort((a, b) => (x[a] ?? 0) - (x[b] ?? 0));
  for (const i of order) {
    const last = points[points.length - 1];
    const value = x[i] ?? Number.NaN;
    if (last?.x === value) {
      last.sum += y[i] ?? Number.NaN;
      last.weight += 1;
    } else points.push({ x: value, sum: y[i] ?? Number.NaN, weight: 1 });
  }
  return points;
}

/** The chance a score stands for; NaN for a map without knots. */
export function chanceOf({ x, y }: IsotonicMap, score: number): number {
  let from = 0;
  let to = x.length;
  while (from < to) {
    const middle = (from + to) >>> 1;
    if ((x[middle] ?? Infinity) < score) from = middle + 1;
    else to = middle;
  }
  if (from === x.length) return y[x.length - 1] ?? Number.NaN;
  const above = y[from] ?? Number.NaN;
  if (from === 0 || x[from] === score) return above;
  const [left, right] = [x[from - 1] ?? Number.NaN, x[from] ?? Number.NaN];
  const below = y[from - 1] ?? Number.NaN;
  return below + ((above - below) * (score - left)) / (right - left);
}
