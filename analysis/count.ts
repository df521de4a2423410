import { total } from '../domain/stats/distances.js';
import { countOf, numberOf, quoteName, textOfRow } from './duck.js';
import type { Duck } from './duck.js';
import { codeSql, normalText, numberSql, rawText } from './relation.js';
import type { Relation, RelationColumn } from './relation.js';
import { NumericTally } from './tally.js';
import type { NumericCounts, NumericLimits } from './tally.js';

/** Categories that are told apart; rows of rarer ones are `other`. Well below 65536, as a code is two bytes. */
export const LARGEST_DOMAIN = 1_000;
/** Columns looked at in one scan: what a chunk of all of them takes stays in tens of megabytes. */
export const COLUMNS_PER_SCAN = 500;
/** Columns whose strange values are gathered in one scan. */
const TEXTS_PER_SCAN = 50;

export interface NumericQuestion extends NumericLimits {
  readonly column: RelationColumn;
}

export interface CategoricalQuestion {
  readonly column: RelationColumn;
  /** Known values, without repeats. */
  readonly domain: readonly string[];
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

export interface Questions {
  readonly numeric: readonly NumericQuestion[];
  readonly categorical: readonly CategoricalQuestion[];
}

export interface Answers {
  readonly rows: number;
  readonly numeric: readonly NumericCounts[];
  readonly categorical: readonly CategoricalCounts[];
}

type Question =
  | { readonly kind: 'numeric'; readonly asked: NumericQuestion; readonly tally: NumericTally }
  | {
      readonly kind: 'categorical';
      readonly asked: CategoricalQuestion;
      readonly type: string;
      /** By code: every known value, then any other text, then no text. */
      readonly counts: Float64Array;
    };

/**
 * Counts columns in one scan of the data, five hundred of them at a time. A second scan looks at columns alone that
 * hold texts outside of their domain.
 */
export async function countColumns(
  duck: Duck,
  relation: Relation,
  { numeric, categorical }: Questions,
): Promise<Answers> {
  const types = await Promise.all(categorical.map(({ domain }) => makeDomain(duck, domain)));
  const questions: readonly Question[] = [
    ...numeric.map((asked): Question => ({
      kind: 'numeric',
      asked,
      tally: new NumericTally(asked),
    })),
    ...categorical.map((asked, i): Question => ({
      kind: 'categorical',
      asked,
      type: types[i] ?? '',
      counts: new Float64Array(asked.domain.length + 2),
    })),
  ];
  let rows: number | undefined;
  for (const group of groupsOf(questions, COLUMNS_PER_SCAN)) {
    rows = await scan(duck, relation, group);
  }
  const texts = questions.filter((question) => question.kind === 'categorical');
  const strange = texts.filter(({ asked, counts }) => counts[asked.domain.length] !== 0);
  const values = new Map<Question, readonly StrangeValue[]>();
  for (const group of groupsOf(strange, TEXTS_PER_SCAN)) {
    const found = await strangeValues(duck, relation, group);
    group.forEach((question, i) => values.set(question, found[i] ?? []));
  }
  return {
    rows: rows ?? (await countRows(duck, relation)),
    numeric: questions.flatMap((question) =>
      question.kind === 'numeric' ? [question.tally.counts()] : [],
    ),
    categorical: texts.map((question) => categoricalCounts(question, values.get(question) ?? [])),
  };
}

export async function countRows(duck: Duck, { from, bound }: Relation): Promise<number> {
  return countOf((await duck.row(`select count(*) as n from ${from}`, bound))['n']);
}

export function groupsOf<T>(items: readonly T[], size: number): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) =>
    items.slice(i * size, (i + 1) * size),
  );
}

/** The most frequent values of each column, at most 1000, and how many rows have any. */
export async function gatherValues(
  duck: Duck,
  relation: Relation,
  columns: readonly RelationColumn[],
): Promise<readonly Pick<CategoricalCounts, 'count' | 'fresh'>[]> {
  const gathered: Pick<CategoricalCounts, 'count' | 'fresh'>[] = [];
  for (const group of groupsOf(columns, TEXTS_PER_SCAN)) {
    const asked = group.map((column) => ({ asked: { column }, type: null }));
    for (const values of await strangeValues(duck, relation, asked)) {
      gathered.push(unknownOf(values));
    }
  }
  return gathered;
}

let domains = 0;

/** A type whose values are the domain, by which the database finds the number of a text through a hash table. */
async function makeDomain(duck: Duck, domain: readonly string[]): Promise<string> {
  domains += 1;
  const type = `domain_${domains}`;
  await duck.rows(`create type ${type} as enum (select unnest($domain::varchar[]))`, { domain });
  return type;
}

async function scan(
  duck: Duck,
  relation: Relation,
  questions: readonly Question[],
): Promise<number> {
  const numeric = questions.filter((question) => question.kind === 'numeric');
  const texts = questions.filter((question) => question.kind === 'categorical');
  return duck.visit(
    relation.from,
    relation.bound,
    {
      doubles: numeric.map(({ asked }) => numberSql(asked.column)),
      codes: texts.map(({ asked, type }) => codeSql(asked.column, type, asked.domain.length)),
    },
    (doubles, codes) => {
      numeric.forEach(({ tally }, i) => {
        tally.add(doubles[i] ?? new Float64Array());
      });
      texts.forEach(({ counts }, i) => {
        addCodes(counts, codes[i] ?? new Uint16Array());
      });
    },
  );
}

function addCodes(counts: Float64Array, codes: Uint16Array): void {
  for (let i = 0; i < codes.length; i += 1) {
    const code = codes[i] ?? 0;
    counts[code] = (counts[code] ?? 0) + 1;
  }
}

interface StrangeValue {
  /** `null` for what says that it is missing. */
  readonly value: string | null;
  readonly isKnown: boolean;
  /** All values that are not told one by one. */
  readonly isRest: boolean;
  readonly count: number;
}

type CategoricalScan = Extract<Question, { kind: 'categorical' }>;

/**
 * Texts that are not in the domain as they stand, normalised: most frequent first, at most 1000 unknown ones of each
 * column one by one, and one more entry with the rest.
 */
async function strangeValues(
  duck: Duck,
  relation: Relation,
  questions: readonly {
    readonly asked: { readonly column: RelationColumn };
    /** `null` for no known values: a cast that fails costs far more than one that does not. */
    readonly type: string | null;
  }[],
): Promise<readonly (readonly StrangeValue[])[]> {
  const parts = questions.map(({ asked, type }, i) => {
    const text = rawText(asked.column);
    return {
      raw:
        type === null
          ? `${text} as v${i}`
          : `case when try_cast(${text} as ${type}) is null then ${text} end as v${i}`,
      normal: normalText(asked.column, `v${i}`),
      known: `when k = ${i} then ${type === null ? 'false' : `try_cast(v as ${type}) is not null`}`,
    };
  });
  const which = (of: readonly string[]) =>
    `case ${of.map((sql, i) => `when grouping(v${i}) = 0 then ${sql}`).join(' ')} end`;
  const rows = await duck.rows(
    `with texts as (select ${parts.map(({ raw }) => raw).join(', ')} from ${relation.from}),
     grouped as (
       select ${which(parts.map((_, i) => `${i}`))} as k, ${which(parts.map((_, i) => `v${i} is null`))} as skip,
              ${which(parts.map(({ normal }) => normal))} as v, count(*) as n
       from texts group by grouping sets (${parts.map((_, i) => `(v${i})`).join(', ')})
     ), summed as (
       select k, v, sum(n) as n, case ${parts.map(({ known }) => known).join(' ')} end as is_known
       from grouped where not skip group by k, v
     ), ranked as (
       select *, row_number() over (partition by k, is_known, v is null order by n desc, v) as place from summed
     )
     select k, is_known, place > ${LARGEST_DOMAIN} as is_rest,
            case when place <= ${LARGEST_DOMAIN} then v end as v, sum(n) as n
     from ranked group by all order by n desc, v`,
    relation.bound,
  );
  return questions.map((_, k) =>
    rows
      .filter((row) => numberOf(row['k']) === k)
      .map((row) => ({
        value: row['v'] === null && row['is_rest'] !== true ? null : textOfRow(row['v']),
        isKnown: row['is_known'] === true,
        isRest: row['is_rest'] === true,
        count: countOf(row['n']),
      })),
  );
}

function categoricalCounts(
  { asked, counts }: CategoricalScan,
  strange: readonly StrangeValue[],
): CategoricalCounts {
  const size = asked.domain.length;
  const place = new Map(asked.domain.map((value, i) => [value, i]));
  const known = [...counts.subarray(0, size)];
  let missing = counts[size + 1] ?? 0;
  for (const { value, isKnown, count } of strange) {
    const i = value !== null && isKnown ? place.get(value) : undefined;
    if (i !== undefined) known[i] = (known[i] ?? 0) + count;
    else if (value === null) missing += count;
  }
  const { count: outside, fresh } = unknownOf(strange);
  const all = total([...counts]);
  const count = total(known) + outside;
  if (count + missing !== all) {
    throw new Error(
      `the values of ${quoteName(asked.column.name)} are ${count + missing} of ${all}`,
    );
  }
  return {
    count,
    missing,
    known,
    outside,
    fresh,
  };
}

function unknownOf(values: readonly StrangeValue[]): Pick<CategoricalCounts, 'count' | 'fresh'> {
  const unknown = values.filter(({ value, isKnown }) => value !== null && !isKnown);
  return {
    count: total(unknown.map(({ count }) => count)),
    fresh: unknown
      .filter(({ isRest }) => !isRest)
      .map(({ value, count }) => ({ value: value ?? '', count })),
  };
}
