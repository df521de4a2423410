import { coarsen, edgesFromRanks, FINE_BINS, quantileRank } from '../domain/stats/bins.js';
import type { Edges } from '../domain/stats/bins.js';
import { total } from '../domain/stats/distances.js';
import type {
  CategoricalColumnProfile,
  ColumnKind,
  ColumnSpec,
  NumericColumnProfile,
  Profile,
} from '../domain/stats/types.js';
import { CAPTURE_COLUMNS } from './capture.js';
import { countOf, finiteOf, numberOf, quoteName, textOfRow } from './duck.js';
import type { Duck, Row } from './duck.js';
import { UnusableData } from './failures.js';
import { columnSql, missingOf, openFiles } from './relation.js';
import type { DataFiles, Relation, RelationColumn } from './relation.js';

/** Categories that are told apart; rows of rarer ones are `other`. */
export const LARGEST_DOMAIN = 1_000;
/** Share of a CSV column's values that must be numbers for the column to be numeric. */
const NUMERIC_SHARE = 0.99;
/** Columns counted in one scan. */
const COLUMNS_PER_SCAN = 100;
/** Beyond it a square overflows. */
const LARGEST_SQUARABLE = 1e150;

export interface ProfileOptions extends DataFiles {
  /** What the caller knows better than the default rule. */
  readonly columns?: readonly ColumnSpec[];
  readonly ignore?: readonly string[];
  /** The column that holds the model's score on each row. */
  readonly predictionColumn?: string;
  /** Told what begins, for people who wait. */
  readonly onStage?: (stage: string) => void;
}

/**
 * Describes data files: once per model version, so that every later window is compared with the same numbers.
 *
 * The default kind: number types are numeric, also whole numbers that are codes (say so in `columns`); texts and
 * booleans are categorical; a CSV column is numeric when at least 99 % of its values are numbers. Instants and nested
 * values are skipped and named.
 *
 * @throws {UnusableData} when the files cannot be read, hold no rows, or lack a column that was named
 */
export async function profileFile(duck: Duck, options: ProfileOptions): Promise<Profile> {
  options.onStage?.('reading the baseline');
  const relation = await openFiles(duck, options);
  return profileRelation(duck, relation, options);
}

/** Describes rows that are open already: see {@link profileFile}. */
export async function profileRelation(
  duck: Duck,
  relation: Relation,
  options: Omit<ProfileOptions, keyof DataFiles>,
): Promise<Profile> {
  const rowCount = countOf(
    (await duck.row(`select count(*) as n from ${relation.from}`, relation.bound))['n'],
  );
  if (rowCount === 0) throw new UnusableData('the baseline holds no rows');
  const specs = options.columns ?? [];
  requireColumns(relation, [
    ...specs.map((spec) => spec.name),
    ...(options.predictionColumn === undefined ? [] : [options.predictionColumn]),
  ]);
  const own = Object.values(CAPTURE_COLUMNS);
  const scoreName =
    options.predictionColumn ??
    (relation.capture === undefined ? undefined : CAPTURE_COLUMNS.prediction);
  const ignored = new Set<string | undefined>([...(options.ignore ?? []), ...own, scoreName]);
  const considered = relation.columns.filter((column) => !ignored.has(column.name));
  const kinds = await kindsOf(duck, relation, considered, specs);

  const profiles = new Map<string, Profile['columns'][number]>();
  options.onStage?.(`describing ${considered.length} columns`);
  const numeric = considered.filter((column) => kinds.get(column.name) === 'numeric');
  for (const profile of await profileNumeric(duck, relation, numeric)) {
    profiles.set(profile.name, profile);
  }
  for (const column of considered) {
    if (kinds.get(column.name) !== 'categorical') continue;
    profiles.set(column.name, await profileCategorical(duck, relation, column, rowCount));
  }
  const score = relation.columns.filter((column) => column.name === scoreName);
  const [prediction] = await profileNumeric(duck, relation, score);
  return {
    schema: 'modelkeeper/profile-v1',
    rowCount,
    columns: considered.flatMap(({ name }) => profiles.get(name) ?? []),
    prediction: prediction === undefined || isUnknownScore(prediction) ? null : prediction,
    skipped: considered.filter(({ name }) => !profiles.has(name)).map(({ name }) => name),
    ...(relation.capture === undefined ? {} : { capture: relation.capture }),
  };
}

/** Captured requests without one answer that is a number. */
function isUnknownScore({ name, count }: NumericColumnProfile): boolean {
  return name === CAPTURE_COLUMNS.prediction && count === 0;
}

function requireColumns(relation: Relation, names: readonly string[]): void {
  const there = new Set(relation.columns.map((column) => column.name));
  const lacking = names.filter((name) => !there.has(name));
  if (lacking.length > 0) {
    throw new UnusableData(
      `the data has no column ${lacking.join(', ')}; it has ${[...there].join(', ')}`,
    );
  }
}

async function kindsOf(
  duck: Duck,
  relation: Relation,
  columns: readonly RelationColumn[],
  specs: readonly ColumnSpec[],
): Promise<ReadonlyMap<string, ColumnKind>> {
  const kinds = new Map<string, ColumnKind>();
  const undecided: RelationColumn[] = [];
  for (const column of columns) {
    if (column.family === 'number') kinds.set(column.name, 'numeric');
    else if (column.untyped) undecided.push(column);
    else if (column.family !== 'other') kinds.set(column.name, 'categorical');
  }
  for (const group of groupsOf(undecided)) {
    const parts = group.flatMap((column, i) => {
      const sql = columnSql(column);
      return [
        `count(*) filter (where not ${sql.missing}) as present${i}`,
        `count(${sql.number}) as numbers${i}`,
      ];
    });
    const row = await duck.row(`select ${parts.join(', ')} from ${relation.from}`, relation.bound);
    group.forEach((column, i) => {
      const present = countOf(row[`present${i}`]);
      const numbers = countOf(row[`numbers${i}`]);
      const isNumeric = present > 0 && numbers >= present * NUMERIC_SHARE;
      kinds.set(column.name, isNumeric ? 'numeric' : 'categorical');
    });
  }
  for (const spec of specs) kinds.set(spec.name, spec.kind);
  return kinds;
}

function groupsOf<T>(items: readonly T[]): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(items.length / COLUMNS_PER_SCAN) }, (_, i) =>
    items.slice(i * COLUMNS_PER_SCAN, (i + 1) * COLUMNS_PER_SCAN),
  );
}

async function profileNumeric(
  duck: Duck,
  relation: Relation,
  columns: readonly RelationColumn[],
): Promise<readonly NumericColumnProfile[]> {
  const edges: Edges[] = [];
  for (const column of columns) edges.push(await edgesOf(duck, relation, column));
  const counted = await countNumeric(
    duck,
    relation,
    columns.map((column, i) => ({ column, edges: edges[i]?.fine ?? [] })),
  );
  const profiles: NumericColumnProfile[] = [];
  for (const [i, column] of columns.entries()) {
    const counts = counted[i];
    const own = edges[i];
    if (counts === undefined || own === undefined) continue;
    profiles.push({
      name: column.name,
      kind: 'numeric',
      missing: counts.missing,
      invalid: counts.invalid,
      nonFinite: counts.nonFinite,
      count: counts.count,
      fineEdges: own.fine,
      fineCounts: counts.fineCounts,
      edges: own.coarse,
      counts: coarsen(own, counts.fineCounts),
      min: counts.min,
      max: counts.max,
      ...(await momentsOf(duck, relation, column, counts)),
    });
  }
  return profiles;
}

/** Picks the order statistics by rank: cheap for any number of edges, and never interpolated. */
async function edgesOf(duck: Duck, relation: Relation, column: RelationColumn): Promise<Edges> {
  const { number } = columnSql(column);
  const finite = `select ${number} as x from ${relation.from} where isfinite(${number})`;
  const n = countOf((await duck.row(`select count(*) as n from (${finite})`, relation.bound))['n']);
  if (n === 0) return { fine: [], coarse: [] };
  const ranks = new Set([1]);
  for (let i = 1; i < FINE_BINS; i += 1) ranks.add(quantileRank(n, i, FINE_BINS));
  const found = await duck.rows(
    `select rank, x from (select x, row_number() over (order by x) as rank from (${finite}))
     where rank in (select unnest($ranks)::bigint)`,
    { ...relation.bound, ranks: [...ranks] },
  );
  const values = new Map(found.map((row) => [countOf(row['rank']), numberOf(row['x'])]));
  return edgesFromRanks(n, (rank) => values.get(rank) ?? Number.NaN);
}

export interface NumericCounts {
  /** Finite values: the sum of `fineCounts`. */
  readonly count: number;
  readonly missing: number;
  readonly invalid: number;
  readonly nonFinite: number;
  readonly min: number | null;
  readonly max: number | null;
  readonly fineCounts: readonly number[];
  readonly belowMin: number;
  readonly aboveMax: number;
}

export interface NumericQuestion {
  readonly column: RelationColumn;
  readonly edges: readonly number[];
  /** Values outside are counted; no limits when absent. */
  readonly range?: { readonly min: number; readonly max: number };
}

/** Counts numeric columns into given edges, a hundred columns per scan. */
export async function countNumeric(
  duck: Duck,
  relation: Relation,
  questions: readonly NumericQuestion[],
): Promise<readonly NumericCounts[]> {
  const counts: NumericCounts[] = [];
  for (const group of groupsOf(questions)) {
    const bound: Record<string, number | readonly number[]> = {};
    const parts = group.flatMap(({ column, edges, range }, i) => {
      const { number, missing } = columnSql(column);
      bound[`edges${i}`] = edges;
      const limits = range ?? { min: -Infinity, max: Infinity };
      bound[`min${i}`] = limits.min;
      bound[`max${i}`] = limits.max;
      const finite = `filter (where isfinite(${number}))`;
      const histogram =
        edges.length === 0
          ? `map {} as bins${i}, $edges${i}::double[] as unused${i}`
          : `histogram(${number}, $edges${i}::double[]) ${finite} as bins${i}`;
      return [
        histogram,
        `count(*) ${finite} as count${i}`,
        `count(*) filter (where ${missing}) as missing${i}`,
        `count(*) filter (where not ${missing} and ${number} is null) as invalid${i}`,
        `count(*) filter (where isinf(${number})) as infinite${i}`,
        `min(${number}) ${finite} as lowest${i}`,
        `max(${number}) ${finite} as highest${i}`,
        `count(*) filter (where isfinite(${number}) and ${number} < $min${i}) as below${i}`,
        `count(*) filter (where isfinite(${number}) and ${number} > $max${i}) as above${i}`,
      ];
    });
    const row = await duck.row(`select ${parts.join(', ')} from ${relation.from}`, {
      ...relation.bound,
      ...bound,
    });
    group.forEach(({ column, edges }, i) => {
      counts.push(countsOf(row, i, column.name, edges));
    });
  }
  return counts;
}

function countsOf(row: Row, i: number, name: string, edges: readonly number[]): NumericCounts {
  const count = countOf(row[`count${i}`]);
  const fineCounts = edges.length === 0 ? [count] : binsOf(row[`bins${i}`], edges);
  if (total(fineCounts) !== count) {
    throw new Error(`the bins of ${name} hold ${total(fineCounts)} values instead of ${count}`);
  }
  return {
    count,
    missing: countOf(row[`missing${i}`]),
    invalid: countOf(row[`invalid${i}`]),
    nonFinite: countOf(row[`infinite${i}`]),
    min: finiteOf(row[`lowest${i}`]),
    max: finiteOf(row[`highest${i}`]),
    fineCounts,
    belowMin: countOf(row[`below${i}`]),
    aboveMax: countOf(row[`above${i}`]),
  };
}

/** A histogram is a map from upper edge to count; the overflow has the key Infinity, and is absent when empty. */
function binsOf(map: Row[string] | undefined, edges: readonly number[]): readonly number[] {
  const counts = new Map<number, number>();
  for (const entry of Array.isArray(map) ? map : []) {
    if (entry === null || typeof entry !== 'object' || Array.isArray(entry)) continue;
    counts.set(numberOf(entry['key']), countOf(entry['value']));
  }
  return [...edges, Infinity].map((edge) => counts.get(edge) ?? 0);
}

/**
 * Apart from the counts, as a standard deviation that overflows would take the whole statement down. Summed in order of
 * the values: a sum in the order of threads would give the same data another digest.
 */
async function momentsOf(
  duck: Duck,
  relation: Relation,
  column: RelationColumn,
  counts: NumericCounts,
): Promise<{ readonly mean: number | null; readonly std: number | null }> {
  if (counts.min === null || counts.max === null) return { mean: null, std: null };
  const { number } = columnSql(column);
  const mean = await orderedMean(duck, relation, number, number, 0);
  const largest = Math.max(Math.abs(counts.min), Math.abs(counts.max));
  if (mean === null || largest >= LARGEST_SQUARABLE) return { mean, std: null };
  const square = `((${number} - $centre) * (${number} - $centre))`;
  const variance = await orderedMean(duck, relation, number, square, mean);
  return { mean, std: variance === null ? null : Math.sqrt(variance) };
}

async function orderedMean(
  duck: Duck,
  relation: Relation,
  number: string,
  term: string,
  centre: number,
): Promise<number | null> {
  const row = await duck.row(
    `select favg(${term} order by ${number}) as mean, $centre as centre
     from ${relation.from} where isfinite(${number})`,
    { ...relation.bound, centre },
  );
  return finiteOf(row['mean']);
}

async function profileCategorical(
  duck: Duck,
  relation: Relation,
  column: RelationColumn,
  rowCount: number,
): Promise<CategoricalColumnProfile> {
  const { text } = columnSql(column);
  const domain = await duck.rows(
    `select ${text} as value, count(*) as n from ${relation.from}
     where ${text} is not null group by 1 order by n desc, value limit ${LARGEST_DOMAIN}`,
    relation.bound,
  );
  const missing = countOf(
    (
      await duck.row(
        `select count(*) filter (where ${missingOf(column, 'categorical')}) as n from ${relation.from}`,
        relation.bound,
      )
    )['n'],
  );
  const values = domain.map((row) => ({
    value: textOfRow(row['value']),
    count: countOf(row['n']),
  }));
  const count = rowCount - missing;
  return {
    name: column.name,
    kind: 'categorical',
    missing,
    invalid: 0,
    nonFinite: 0,
    count,
    domain: values,
    other: count - total(values.map((value) => value.count)),
  };
}

export interface CategoricalCounts {
  readonly count: number;
  readonly missing: number;
  /** In the order of the domain asked about. */
  readonly known: readonly number[];
  /** Values outside the domain, most frequent first, at most 1000 of them. */
  readonly fresh: readonly { readonly value: string; readonly count: number }[];
  /** Rows with any value outside the domain. */
  readonly outside: number;
}

/** Counts a categorical column over a known domain. */
export async function countCategorical(
  duck: Duck,
  relation: Relation,
  column: RelationColumn,
  domain: readonly string[],
): Promise<CategoricalCounts> {
  const { text } = columnSql(column);
  const name = quoteName('value');
  const rows = await duck.rows(
    `with counted as (
       select ${text} as ${name}, count(*) as n from ${relation.from} group by 1
     ), known as (select unnest($domain::varchar[]) as ${name})
     select counted.${name}, counted.n, known.${name} is not null as is_known,
            sum(counted.n) filter (where known.${name} is null and counted.${name} is not null) over () as outside
     from counted left join known on counted.${name} = known.${name}
     qualify is_known or counted.${name} is null
       or row_number() over (partition by is_known, counted.${name} is null order by counted.n desc, counted.${name}) <= ${LARGEST_DOMAIN}
     order by counted.n desc, counted.${name}`,
    { ...relation.bound, domain: [...domain] },
  );
  const present = rows.filter((row) => row['value'] !== null);
  const counts = new Map(present.map((row) => [textOfRow(row['value']), countOf(row['n'])]));
  const known = domain.map((value) => counts.get(value) ?? 0);
  const outside = countOf(present[0]?.['outside']);
  return {
    known,
    outside,
    count: total(known) + outside,
    missing: countOf(rows.find((row) => row['value'] === null)?.['n']),
    fresh: present
      .filter((row) => row['is_known'] !== true)
      .map((row) => ({ value: textOfRow(row['value']), count: countOf(row['n']) })),
  };
}
