import { wassersteinDistance } from '../domain/stats/kolmogorov.js';
import { countRows, groupsOf } from './count.js';
import type { Duck } from './duck.js';
import { UnusableData } from './failures.js';
import { numberSql, rawText } from './relation.js';
import type { Relation, RelationColumn } from './relation.js';

/** Rows of either side beyond which a sample is taken. */
export const MOST_ROWS = 200_000;
/** Columns whose values are held at once: 20 of 200,000 doubles on either side are 64 MB. */
const COLUMNS_AT_ONCE = 20;

export interface MovedBy {
  readonly distance: number | null;
  readonly rows: { readonly baseline: number; readonly window: number; readonly sampled: boolean };
}

/**
 * The first Wasserstein distance of columns of numbers, by name. Of more than 200,000 rows a sample is taken by the
 * digest of the row's values, so that the same rows give the same answer in any order.
 */
export async function wassersteinOf(
  duck: Duck,
  sides: { readonly baseline: Relation; readonly window: Relation },
  names: readonly string[],
): Promise<ReadonlyMap<string, MovedBy>> {
  const moved = new Map<string, MovedBy>();
  if (names.length === 0) return moved;
  const baseline = await sampleOf(duck, sides.baseline, names);
  const window = await sampleOf(duck, sides.window, names);
  for (const group of groupsOf(names, COLUMNS_AT_ONCE)) {
    const before = await baseline.values(group);
    const now = await window.values(group);
    group.forEach((name, i) => {
      const [a, b] = [before[i], now[i]];
      if (a === undefined || b === undefined) return;
      const distance = a.length === 0 || b.length === 0 ? null : wassersteinDistance(a, b);
      moved.set(name, {
        distance: distance !== null && Number.isFinite(distance) ? distance : null,
        rows: {
          baseline: a.length,
          window: b.length,
          sampled: baseline.isSampled || window.isSampled,
        },
      });
    });
  }
  return moved;
}

async function sampleOf(duck: Duck, relation: Relation, names: readonly string[]) {
  const rows = await countRows(duck, relation);
  const isSampled = rows > MOST_ROWS;
  const find = (name: string): RelationColumn => {
    const column = relation.columns.find((candidate) => candidate.name === name);
    if (column === undefined) throw new UnusableData(`there is no column ${name} to look at`);
    return column;
  };
  const digest = `hash(${names.map(find).map(rawText).join(', ')})`;
  const limit = (BigInt(MOST_ROWS) * 2n ** 64n) / BigInt(Math.max(1, rows));
  const from = isSampled
    ? `(select * from ${relation.from} where ${digest} < ${limit}::ubigint)`
    : relation.from;
  return {
    isSampled,
    /** Finite values of each column, ascending. */
    async values(group: readonly string[]): Promise<readonly Float64Array[]> {
      const kept = group.map((): number[] => []);
      const doubles = group.map((name) => numberSql(find(name)));
      await duck.visit(from, relation.bound, { doubles }, (chunk) => {
        chunk.doubles.forEach((column, i) => {
          for (const value of column) if (Number.isFinite(value)) kept[i]?.push(value);
        });
      });
      return kept.map((values) => Float64Array.from(values).sort());
    },
  };
}
