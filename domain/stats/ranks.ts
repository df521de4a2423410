/** Ranks from 1, ties sharing the mean of theirs. */
export function midRanks(values: ArrayLike<number>): Float64Array {
  const n = values.length;
  const order = ascendingOrder(values);
  const ranks = new Float64Array(n);
  let from = 0;
  while (from < n) {
    let to = from + 1;
    while (to < n && at(values, order, to) === at(values, order, from)) to += 1;
    for (let k = from; k < to; k += 1) ranks[order[k] ?? 0] = (from + to + 1) / 2;
    from = to;
  }
  return ranks;
}

/** Indices by ascending value; stable. */
export function ascendingOrder(values: ArrayLike<number>): Uint32Array {
  const order = new Uint32Array(values.length);
  for (let i = 0; i < order.length; i += 1) order[i] = i;
  return order.sort((a, b) => (values[a] ?? 0) - (values[b] ?? 0) || a - b);
}

function at(values: ArrayLike<number>, order: Uint32Array, k: number): number {
  return values[order[k] ?? 0] ?? Number.NaN;
}
