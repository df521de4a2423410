import { total } from '../domain/stats/distances.js';
import { countOf, numberOf, quoteName, textOfRow } from './duck.js';
import type { Duck } from './duck.js';
import { UnusableData } from './failures.js';
import { codeSql, normalText, numberSource, numberSql, rawText } from './relation.js';
import type { Relation, RelationColumn } from './relation.js';
import { NumericTally } from './tally.js';
import { TextCounter } from './text-counter.js';
import type { NumericCounts, NumericLimits } from './tally.js';

/** Categories that are told apart; rows of rarer ones are `other`. Well below 65536, as a code is two bytes. */
export const LARGEST_DOMAIN = 1_000;
/** Columns looked at in one scan: what a chunk of all of them takes stays in tens of megabytes. */
export const COLUMNS_PER_SCAN = 500;
/** Rows that may be looked at once more, because a reader that makes numbers has met what is none. */
const MOST_ROWS_IN_VAIN = 500_000;
/** Columns whose strange values are gathered in one scan. */
const TEXTS_PER_SCAN = 50;

export interface NumericQuestion extends NumericLimits {
  readonly column: RelationColumn;
  /** The baseline had texts in it that are no numbers: the window will have some too. */
  readonly isMixed?: boolean;
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

type Asked =
  | { readonly kind: 'numeric'; readonly asked: NumericQuestion }
  | { readonly kind: 'categorical'; readonly asked: CategoricalQuestion; readonly type: string };

type Question =
  | { readonly kind: 'numeric'; readonly asked: NumericQuestion; readonly tally: NumericTally }
  | {
      readonly kind: 'categorical';
      readonly asked: CategoricalQuestion;
      readonly type: string;
      /** By code: every known value, then any other text, then no text. */
      readonly counts: Float64Array;
      /** Of a domain of short texts, which are counted faster. */
      readonly counter: TextCounter | null;
    };

function begin(one: Asked): Question {
  if (one.kind === 'numeric') {
    const { asked } = one;
    const tally = new NumericTally({ ...asked, source: numberSource(asked.column) });
    return { ...one, tally };
  }
  const { domain } = one.asked;
  const counter = TextCounter.fits(domain) ? new TextCounter(domain) : null;
  return { ...one, counter, counts: counter?.counts ?? new Float64Array(domain.length + 2) };
}

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
  const all: readonly Asked[] = [
    ...numeric.map((asked): Asked => ({ kind: 'numeric', asked })),
    ...categorical.map((asked, i): Asked => ({ kind: 'categorical', asked, type: types[i] ?? '' })),
  ];
  let rows: number | undefined;
  const questions: Question[] = [];
  for (const group of groupsOf(all, COLUMNS_PER_SCAN)) {
    const found = (await countTyped(duck, relation, group)) ?? (await count(duck, relation, group));
    rows = found.rows;
    questions.push(...found.questions);
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
export async function makeDomain(duck: Duck, domain: readonly string[]): Promise<string> {
  domains += 1;
  const type = `domain_${domains}`;
  await duck.rows(`create type ${type} as enum (select unnest($domain::varchar[]))`, { domain });
  return type;
}

interface Counted {
  readonly rows: number;
  readonly questions: readonly Question[];
}

async function count(duck: Duck, relation: Relation, group: readonly Asked[]): Promise<Counted> {
  const questions = group.map(begin);
  return { questions, rows: await scan(duck, relation, questions) };
}

/**
 * Lets the reader make the numbers as long as it finds none that it cannot read: then the column goes on as texts, and
 * all of them do when too many rows have been looked at in vain. `null` when it cannot be had so.
 */
async function countTyped(
  duck: Duck,
  relation: Relation,
  group: readonly Asked[],
): Promise<Counted | null> {
  if (relation.typed?.from !== relation.from) return null;
  const { withNumbers } = relation.typed;
  const texts = group.flatMap(({ kind, asked }) => (kind === 'numeric' ? [] : asked.column.name));
  const names = new Set(
    group.flatMap(({ kind, asked }) =>
      kind === 'numeric' && asked.isMixed !== true ? [asked.column.name] : [],
    ),
  );
  for (const name of texts) names.delete(name);
  let inVain = 0;
  while (names.size > 0 && inVain < MOST_ROWS_IN_VAIN) {
    const typed = withNumbers(names);
    const columns = new Map(typed.columns.map((column) => [column.name, column]));
    const asNumber = ({ kind, asked }: Extract<Asked, { kind: 'numeric' }>) => {
      const column = columns.get(asked.column.name) ?? asked.column;
      return { kind, asked: { ...asked, column } };
    };
    const questions = group.map((one) => begin(one.kind === 'numeric' ? asNumber(one) : one));
    const seen = (rows: number) => {
      inVain += rows;
    };
    try {
      return { questions, rows: await scan(duck, typed, questions, seen) };
    } catch (error) {
      const cause = error instanceof UnusableData ? error.cause : error;
      const message = cause instanceof Error ? cause.message : '';
      const broken = [...names].filter((name) =>
        message.includes(`Error when converting column "${name}"`),
      );
      if (broken.length === 0) return null;
      for (const name of broken) names.delete(name);
    }
  }
  return null;
}

async function scan(
  duck: Duck,
  relation: Relation,
  questions: readonly Question[],
  seen?: (rows: number) => void,
): Promise<number> {
  const numeric = questions.filter((question) => question.kind === 'numeric');
  const categorical = questions.filter((question) => question.kind === 'categorical');
  const long = categorical.filter(({ counter }) => counter === null);
  const short = categorical.filter(({ counter }) => counter !== null);
  return duck.visit(
    relation.from,
    relation.bound,
    {
      doubles: numeric.map(({ asked }) => numberSql(asked.column)),
      codes: long.map(({ asked, type }) => codeSql(asked.column, type, asked.domain.length)),
      texts: short.map(({ asked }) => rawText(asked.column)),
    },
    ({ rows, doubles, codes, texts }) => {
      seen?.(rows);
      numeric.forEach(({ tally }, i) => {
        tally.add(doubles[i] ?? new Float64Array());
      });
      long.forEach(({ counts }, i) => {
        addCodes(counts, codes[i] ?? new Uint16Array());
      });
      short.forEach(({ counter }, i) => {
        const text = texts[i];
        if (text !== undefined) counter?.add(text);
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
