import type { ColumnSpec } from '../domain/stats/types.js';
import { COLUMNS_PER_SCAN, groupsOf, makeDomain } from './count.js';
import type { Duck } from './duck.js';
import { UnusableData } from './failures.js';
import { profileRelation } from './profile.js';
import { seeded } from './random.js';
import { normalText, numberSql, rawText } from './relation.js';
import type { Relation, RelationColumn } from './relation.js';

/** A column of the rows that were drawn, in the order of the rows. */
export type SampledColumn =
  | {
      readonly kind: 'numeric';
      readonly name: string;
      /** NaN is missing; ±Infinity cannot be compared. */
      readonly reference: Float64Array;
      readonly window: Float64Array;
    }
  | {
      readonly kind: 'categorical';
      readonly name: string;
      /** By code; then any other value, then none. */
      readonly values: readonly string[];
      readonly reference: Float64Array;
      readonly window: Float64Array;
    };

export interface SampledSides {
  readonly reference: { readonly rows: number; readonly sampled: number };
  readonly window: { readonly rows: number; readonly sampled: number };
  readonly columns: readonly SampledColumn[];
  readonly leftOut: readonly { readonly name: string; readonly reason: string }[];
}

export interface SampleOptions {
  readonly seed: number;
  /** Most rows of either side. */
  readonly most: number;
  readonly specs: readonly ColumnSpec[];
  readonly ignore: readonly string[];
  readonly predictionColumn?: string;
  readonly onStage?: (stage: string) => void;
}

/** What is learned of pairs grows with the square of the columns. */
export const MOST_COLUMNS = 200;
/** Frequent values of a text that are told apart. */
const MOST_VALUES = 20;
/** A text whose values hardly repeat is a name, not a category. */
const LEAST_COMMON = 0.5;

/**
 * Draws rows of both sides by a seed: the same rows each time, as the database reads with one thread, and never more of
 * them in memory than `most`, however many there are.
 *
 * @throws {UnusableData} when the two have no column in common
 */
export async function sampleSides(
  duck: Duck,
  reference: Relation,
  window: Relation,
  options: SampleOptions,
): Promise<SampledSides> {
  const profile = await profileRelation(duck, reference, {
    columns: options.specs,
    ignore: options.ignore,
    ...(options.predictionColumn === undefined
      ? {}
      : { predictionColumn: options.predictionColumn }),
    ...(options.onStage === undefined ? {} : { onStage: options.onStage }),
  });
  const leftOut: { name: string; reason: string }[] = profile.skipped.map((name) => ({
    name,
    reason: 'neither a number nor a category',
  }));
  const wanted: Wanted[] = [];
  for (const column of profile.columns) {
    const { name } = column;
    const ours = reference.columns.find((one) => one.name === name);
    const theirs = window.columns.find((one) => one.name === name);
    const refuse = (reason: string) => leftOut.push({ name, reason });
    if (ours === undefined || theirs === undefined) refuse('the window has no such column');
    else if (column.count === 0) refuse('it has no value in the reference');
    else if (column.kind === 'numeric') wanted.push({ name, ours, theirs, domain: null });
    else {
      const domain = column.domain.slice(0, MOST_VALUES);
      const common = column.domain
        .filter(({ count }) => count > 1)
        .reduce((sum, { count }) => sum + count, 0);
      if (common < column.count * LEAST_COMMON) refuse('its values hardly repeat');
      else wanted.push({ name, ours, theirs, domain: domain.map(({ value }) => value) });
    }
  }
  for (const { name } of wanted.splice(MOST_COLUMNS))
    leftOut.push({ name, reason: `only the first ${MOST_COLUMNS} columns are looked at` });
  if (wanted.length === 0)
    throw new UnusableData(
      `reference and window have no column in common that can be compared${leftOut.length === 0 ? '' : `; left out: ${leftOut.map(({ name, reason }) => `${name} (${reason})`).join(', ')}`}`,
    );
  options.onStage?.('drawing rows of the reference');
  const before = await draw(duck, reference, wanted, 'ours', options);
  options.onStage?.('drawing rows of the window');
  const now = await draw(duck, window, wanted, 'theirs', options);
  return {
    reference: { rows: before.rows, sampled: before.sampled },
    window: { rows: now.rows, sampled: now.sampled },
    columns: wanted.map(({ name, domain }, i) => {
      const sides = {
        reference: before.columns[i] ?? new Float64Array(),
        window: now.columns[i] ?? new Float64Array(),
      };
      return domain === null
        ? { kind: 'numeric', name, ...sides }
        : { kind: 'categorical', name, values: domain, ...sides };
    }),
    leftOut,
  };
}

interface Wanted {
  readonly name: string;
  readonly ours: RelationColumn;
  readonly theirs: RelationColumn;
  /** `null` for numbers. */
  readonly domain: readonly string[] | null;
}

interface Drawn {
  readonly rows: number;
  readonly sampled: number;
  readonly columns: readonly Float64Array[];
}

/** A reservoir: every row has the same chance. All columns are drawn by the same choices. */
async function draw(
  duck: Duck,
  relation: Relation,
  wanted: readonly Wanted[],
  side: 'ours' | 'theirs',
  { seed, most }: SampleOptions,
): Promise<Drawn> {
  const columns = wanted.map(() => new Float64Array(most));
  const indexed = wanted.map((one, i) => ({ ...one, kept: columns[i] ?? new Float64Array(most) }));
  let rows = 0;
  for (const group of groupsOf(indexed, COLUMNS_PER_SCAN)) {
    const numbers = group.filter(({ domain }) => domain === null);
    const texts = group.filter(({ domain }) => domain !== null);
    const types = await Promise.all(texts.map(({ domain }) => makeDomain(duck, domain ?? [])));
    const random = seeded(side === 'ours' ? seed : seed + 1);
    let seen = 0;
    rows = await duck.visit(
      relation.from,
      relation.bound,
      {
        doubles: numbers.map((one) => numberSql(one[side])),
        codes: texts.map((one, i) => valueSql(one[side], types[i] ?? '', one.domain?.length ?? 0)),
      },
      ({ rows: length, doubles, codes }) => {
        for (let row = 0; row < length; row += 1) {
          const place = seen < most ? seen : random.index(seen + 1);
          seen += 1;
          if (place >= most) continue;
          numbers.forEach(({ kept }, i) => {
            kept[place] = doubles[i]?.[row] ?? Number.NaN;
          });
          texts.forEach(({ kept }, i) => {
            kept[place] = codes[i]?.[row] ?? 0;
          });
        }
      },
    );
  }
  const sampled = Math.min(rows, most);
  return { rows, sampled, columns: columns.map((column) => column.slice(0, sampled)) };
}

/** The code of the category that a text stands for. */
function valueSql(column: RelationColumn, type: string, size: number): string {
  const text = normalText(column, rawText(column));
  return `case when ${text} is null then ${size + 1} else coalesce(enum_code(try_cast(${text} as ${type})), ${size}) end`;
}
