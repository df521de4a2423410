const TRUTHS: ReadonlySet<string> = new Set(['true', 'false']);

interface ValueCounts {
  /** In the order of the known values. */
  readonly known: readonly number[];
  readonly fresh: readonly { readonly value: string; readonly count: number }[];
  /** Rows with any value that is not known. */
  readonly outside: number;
}

/**
 * Counts of a column of truth values, with `True`, `TRUE` and `true` as one value.
 *
 * Parquet, JSON and DuckDB write `true`, pandas and R write `True` and `TRUE`: where training data and requests come from different
 * tools, the spelling is no news. Of every other column the values are compared as they are written.
 *
 * @param known every value of the baseline
 */
export function truthsAsKnown<Counts extends ValueCounts>(
  known: readonly string[],
  counts: Counts,
): Counts {
  const places = new Map(known.map((value, i) => [value.toLowerCase(), i]));
  const isTruth = known.length > 0 && [...places.keys()].every((value) => TRUTHS.has(value));
  // Where the baseline itself tells spellings apart, so does the window.
  if (!isTruth || places.size < known.length) return counts;
  const merged = [...counts.known];
  let { outside } = counts;
  const fresh = counts.fresh.filter(({ value, count }) => {
    const place = places.get(value.toLowerCase());
    if (place === undefined) return true;
    merged[place] = (merged[place] ?? 0) + count;
    outside -= count;
    return false;
  });
  return { ...counts, known: merged, fresh, outside };
}
