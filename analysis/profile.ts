import { coarsen } from '../domain/stats/bins.js';
import { total } from '../domain/stats/distances.js';
import type {
  ColumnKind,
  ColumnSpec,
  NumericColumnProfile,
  Profile,
  SegmentRule,
} from '../domain/stats/types.js';
import { CAPTURE_COLUMNS } from './capture.js';
import { COLUMNS_PER_SCAN, countRows, gatherValues, groupsOf } from './count.js';
import type { Duck } from './duck.js';
import { UnusableData } from './failures.js';
import { Brackets, describeSorted, sampleSize, Survey } from './order-statistics.js';
import type { Described } from './order-statistics.js';
import { numberSource, numberSql, openFiles } from './relation.js';
import type { DataFiles, Relation, RelationColumn } from './relation.js';
import { profileSegments } from './segments.js';

/** Share of a CSV column's values that must be numbers for the column to be numeric. */
const NUMERIC_SHARE = 0.99;

export interface ProfileOptions extends DataFiles {
  /** What the caller knows better than the default rule. */
  readonly columns?: readonly ColumnSpec[];
  readonly ignore?: readonly string[];
  /** The column that holds the model's score on each row. */
  readonly predictionColumn?: string;
  /** Parts of the rows that are described apart as well. */
  readonly segments?: readonly SegmentRule[];
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
  const profile = await profileRelation(duck, relation, options);
  if (options.segments === undefined || options.segments.length === 0) return profile;
  // The kinds that the whole has: a part may look like another.
  const columns = profile.columns.map(({ name, kind }) => ({ name, kind }));
  const segments = await profileSegments(duck, relation, options.segments, async (part) => {
    options.onStage?.('describing segments');
    const {
      rowCount,
      columns: parts,
      prediction,
    } = await profileRelation(duck, part, {
      ...options,
      columns,
    });
    return { rowCount, columns: parts, prediction };
  });
  return { ...profile, segments };
}

/** Describes rows that are open already: see {@link profileFile}. */
export async function profileRelation(
  duck: Duck,
  relation: Relation,
  options: Omit<ProfileOptions, keyof DataFiles>,
): Promise<Profile> {
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
  options.onStage?.(`describing ${considered.length} columns`);
  const specified = new Map(specs.map((spec) => [spec.name, spec.kind]));
  const candidates = relation.columns.filter(
    (column) =>
      column.name === scoreName ||
      (!ignored.has(column.name) &&
        (specified.get(column.name) ?? kindOfType(column)) !== 'categorical' &&
        (specified.has(column.name) || kindOfType(column) !== 'none')),
  );
  const { rows: rowCount, surveys } = await survey(duck, relation, candidates);
  if (rowCount === 0) throw new UnusableData('the baseline holds no rows');
  const isNumeric = (column: RelationColumn) => {
    const found = surveys.get(column.name);
    if (found === undefined) return false;
    const isSure = column.name === scoreName || specified.has(column.name) || !column.untyped;
    return isSure || isMostlyNumbers(found, rowCount);
  };
  const profiles = new Map<string, Profile['columns'][number]>();
  const numeric = candidates.filter(isNumeric);
  for (const profile of await profileNumeric(duck, relation, numeric, surveys)) {
    profiles.set(profile.name, profile);
  }
  const categorical = considered.filter(
    (column) =>
      !profiles.has(column.name) &&
      (specified.get(column.name) === 'categorical' || kindOfType(column) !== 'none'),
  );
  const gathered = await gatherValues(duck, relation, categorical);
  categorical.forEach((column, i) => {
    const { count, fresh } = gathered[i] ?? { count: 0, fresh: [] };
    profiles.set(column.name, {
      name: column.name,
      kind: 'categorical',
      missing: rowCount - count,
      invalid: 0,
      nonFinite: 0,
      count,
      domain: fresh,
      other: count - total(fresh.map((value) => value.count)),
    });
  });
  const prediction = scoreName === undefined ? undefined : profiles.get(scoreName);
  return {
    schema: 'modelkeeper/profile-v1',
    rowCount,
    columns: considered.flatMap(({ name }) => profiles.get(name) ?? []),
    prediction: prediction?.kind !== 'numeric' || isUnknownScore(prediction) ? null : prediction,
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

/** What the type alone says: `unknown` for texts that may all be numbers, `none` for what is not compared. */
function kindOfType(column: RelationColumn): ColumnKind | 'unknown' | 'none' {
  if (column.family === 'number') return 'numeric';
  if (column.untyped) return 'unknown';
  return column.family === 'other' ? 'none' : 'categorical';
}

function isMostlyNumbers({ count, nonFinite, missing }: Survey, rows: number): boolean {
  const present = rows - missing;
  return present > 0 && count + nonFinite >= present * NUMERIC_SHARE;
}

async function survey(
  duck: Duck,
  relation: Relation,
  columns: readonly RelationColumn[],
): Promise<{ readonly rows: number; readonly surveys: ReadonlyMap<string, Survey> }> {
  const size = sampleSize(columns.length);
  const all = columns.map((column) => ({ column, look: new Survey(size, numberSource(column)) }));
  const sqlOf = (column: RelationColumn) => numberSql(column, column.untyped);
  const look = (one: (typeof all)[number], values: Float64Array) => {
    one.look.add(values);
  };
  const rows = await lookAt(duck, relation, all, look, sqlOf);
  return {
    rows: rows ?? (await countRows(duck, relation)),
    surveys: new Map(all.map(({ column, look }) => [column.name, look])),
  };
}

/** One look at columns of numbers, five hundred in a scan; `undefined` without any. */
async function lookAt<T extends { readonly column: RelationColumn }>(
  duck: Duck,
  relation: Relation,
  all: readonly T[],
  look: (one: T, values: Float64Array) => void,
  sqlOf: (column: RelationColumn) => string = numberSql,
): Promise<number | undefined> {
  let rows: number | undefined;
  for (const group of groupsOf(all, COLUMNS_PER_SCAN)) {
    const doubles = group.map(({ column }) => sqlOf(column));
    rows = await duck.visit(relation.from, relation.bound, { doubles }, (chunk) => {
      group.forEach((one, i) => {
        look(one, chunk.doubles[i] ?? new Float64Array());
      });
    });
  }
  return rows;
}

async function profileNumeric(
  duck: Duck,
  relation: Relation,
  columns: readonly RelationColumn[],
  surveys: ReadonlyMap<string, Survey>,
): Promise<readonly NumericColumnProfile[]> {
  const surveyed = columns.flatMap((column) => {
    const found = surveys.get(column.name);
    return found === undefined ? [] : [{ column, found }];
  });
  const large = surveyed
    .filter(({ found }) => !found.isComplete)
    .map(({ column, found }) => ({ column, look: new Brackets(found) }));
  await lookAt(duck, relation, large, ({ look }, values) => {
    look.count(values);
  });
  for (const { look } of large) look.choose();
  await lookAt(duck, relation, large, ({ look }, values) => {
    look.keep(values);
  });
  const described = new Map(large.map(({ column, look }) => [column.name, look.describe()]));
  return surveyed.map(({ column, found }) =>
    numericProfile(
      column.name,
      found,
      described.get(column.name) ?? describeSorted(found.sorted(), found.largest),
    ),
  );
}

function numericProfile(
  name: string,
  { count, missing, invalid, nonFinite, min, max }: Survey,
  { edges, fineCounts, mean, std }: Described,
): NumericColumnProfile {
  if (total(fineCounts) !== count) {
    throw new Error(`the bins of ${name} hold ${total(fineCounts)} values instead of ${count}`);
  }
  return {
    name,
    kind: 'numeric',
    missing,
    invalid,
    nonFinite,
    count,
    fineEdges: edges.fine,
    fineCounts,
    edges: edges.coarse,
    counts: coarsen(edges, fineCounts),
    min: count === 0 ? null : min + 0,
    max: count === 0 ? null : max + 0,
    mean,
    std,
  };
}
