import type { Json } from '@duckdb/node-api';

import { member, textOf } from './lines.js';
import { finiteOf, quoteName } from './duck.js';
import type { Duck } from './duck.js';
import { bindSlice, sliceSql } from './prediction-rows.js';
import type { PredictionRows, SliceOf } from './prediction-rows.js';
import { MOST_UNDEFINED, samplingOfDraws } from './sampling.js';
import type { MetricSampling, SamplingOptions } from './sampling.js';

/** Draws of a metric that people wrote in SQL: each is a query of its own over all rows. */
export const SQL_REPLICATES = 400;
/** Draws in one statement. */
const AT_ONCE = 20;

/** What may be called. Nothing that reads files, settings, clocks or chance, or that makes rows. */
const FUNCTIONS = new Set(
  (
    'sum avg mean count count_star count_if min max median mode quantile_cont quantile_disc stddev stddev_pop stddev_samp ' +
    'variance var_pop var_samp corr covar_pop covar_samp regr_slope regr_intercept regr_r2 bool_and bool_or kahan_sum fsum ' +
    'favg product arg_min arg_max abs ln log log2 log10 exp sqrt cbrt pow power greatest least nullif round floor ceil ' +
    'ceiling trunc sign isnan isfinite isinf mod + - * / // % ** ^ not lower upper length trim'
  ).split(' '),
);

/** Nodes of DuckDB's syntax tree that an aggregate is made of. */
const CLASSES = new Set([
  'FUNCTION',
  'COLUMN_REF',
  'CONSTANT',
  'COMPARISON',
  'CONJUNCTION',
  'OPERATOR',
  'CAST',
  'CASE',
  'BETWEEN',
]);

/**
 * Why a text is not one aggregate over named columns, by DuckDB's own parser; `null` when it is. What it may not hold
 * is not a list of words: only what is on the lists above may stand in the tree.
 */
export async function sqlFault(
  duck: Duck,
  sql: string,
  columns: readonly string[],
): Promise<string | null> {
  const row = await duck.row(`select json_serialize_sql($sql::varchar)::varchar as tree`, {
    sql: `select ${sql}\nfrom rows`,
  });
  const tree: unknown = JSON.parse(textOf(row['tree']) ?? 'null');
  if (member(tree, 'error') === true) {
    return `it is not SQL: ${textOf(member(tree, 'error_message')) ?? 'it cannot be parsed'}`;
  }
  const statements = listOf(member(tree, 'statements'));
  const node = member(statements[0], 'node');
  const wanted = {
    type: 'SELECT_NODE',
    where_clause: null,
    having: null,
    qualify: null,
    sample: null,
  };
  const isPlain =
    statements.length === 1 &&
    Object.entries(wanted).every(([key, value]) => (member(node, key) ?? null) === value) &&
    listOf(member(node, 'modifiers')).length === 0 &&
    listOf(member(node, 'group_expressions')).length === 0 &&
    listOf(member(node, 'cte_map', 'map')).length === 0 &&
    listOf(member(node, 'select_list')).length === 1 &&
    member(node, 'from_table', 'type') === 'BASE_TABLE' &&
    member(node, 'from_table', 'table_name') === 'rows';
  if (!isPlain) return 'it is more than one expression: write one aggregate';
  const expression = member(node, 'select_list', '0');
  if ((textOf(member(expression, 'alias')) ?? '') !== '') return 'it needs no name: leave out as …';
  return expressionFault(expression, new Set(columns));
}

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

function expressionFault(node: unknown, columns: ReadonlySet<string>): string | null {
  if (Array.isArray(node)) return firstFault(node, columns);
  if (typeof node !== 'object' || node === null) return null;
  const kind = member(node, 'class');
  if (kind !== undefined) {
    const name = textOf(kind) ?? '';
    if (!CLASSES.has(name)) return `${name.toLowerCase().replaceAll('_', ' ')} is not taken here`;
    if (name === 'FUNCTION') {
      const called = textOf(member(node, 'function_name')) ?? '';
      const plain = (textOf(member(node, 'schema')) ?? '') === '';
      if (!plain || !FUNCTIONS.has(called.toLowerCase()))
        return `the function ${called} is not taken here: only arithmetic and plain aggregates are`;
    }
    if (name === 'COLUMN_REF') {
      const names = listOf(member(node, 'column_names')).map(String);
      const [column = ''] = names;
      if (names.length !== 1 || !(columns.has(column) || ROLES.has(column)))
        return `there is no column ${names.join('.')}`;
    }
  }
  return firstFault(Object.values(node), columns);
}

function firstFault(values: readonly unknown[], columns: ReadonlySet<string>): string | null {
  for (const value of values) {
    const fault = expressionFault(value, columns);
    if (fault !== null) return fault;
  }
  return null;
}

/** Names of ours that an aggregate may use, beside the columns of the data. */
const ROLES = new Set(['score', 'label']);

export type Custom =
  | { readonly kind: 'sampled'; readonly sampling: MetricSampling }
  | { readonly kind: 'bad sql' | 'not a number'; readonly reason: string };

/**
 * An aggregate that people wrote, of both models on the same rows. Its interval is a Poisson bootstrap: in each draw every
 * row (or entity, with all of its rows) counts a number of times drawn from Poisson(1), by a hash of its id, the draw and the
 * seed, so that both models see the same rows and a repetition gives the same numbers.
 */
export async function sampleCustom(
  duck: Duck,
  rows: PredictionRows,
  sql: string,
  slice: SliceOf | null,
  { seed, signal }: SamplingOptions,
): Promise<Custom> {
  const fault = await sqlFault(duck, sql, rows.columns);
  if (fault !== null) return { kind: 'bad sql', reason: `evaluate.gates sql: ${fault}` };
  const { from, bound } = rows.source;
  const parameters = { ...bound, ...bindSlice(slice) };
  const where = slice === null ? 'true' : sliceSql(slice);
  const key = rows.entity === null ? rows.rowKey : `coalesce(${rows.entity}, ${rows.rowKey})`;
  // Ours stand first: a column of the data that is called score or label gives way.
  const seen = (score: string) =>
    `(select ${score} as score, ${rows.sql.label} as label, *, ${key} as ${KEY} from ${from} where ${where})`;
  const both: readonly (string | null)[] = [
    rows.hasChampion ? rows.sql.champion : null,
    rows.sql.candidate,
  ];
  const [champion, candidate] = [
    new Float64Array(SQL_REPLICATES),
    new Float64Array(SQL_REPLICATES),
  ];
  const point: [number, number] = [Number.NaN, Number.NaN];
  try {
    for (const [side, score] of both.entries()) {
      if (score === null) continue;
      const row = await duck.row(
        `select (${sql}\n)::double as value from ${seen(score)}`,
        parameters,
      );
      const value = settled(row['value']);
      if (Number.isNaN(value)) {
        const whose = side === 0 ? 'champion' : 'candidate';
        return { kind: 'not a number', reason: `the SQL metric of the ${whose} is not a number` };
      }
      point[side] = value;
    }
    for (let first = 0; first < SQL_REPLICATES; first += AT_ONCE) {
      signal?.throwIfAborted();
      for (const [side, score] of both.entries()) {
        if (score === null) continue;
        const drawn = await duck.rows(
          `select "modelkeeper draw" as draw, (${sql}\n)::double as value
           from (select *, unnest(range(${poissonSql})) as "modelkeeper time"
                 from (select *, (hash(${KEY}, "modelkeeper draw", $seed) >> 11)::double / 9007199254740992 as "modelkeeper chance"
                       from ${seen(score)} cross join (select unnest(range($first::bigint, $last::bigint)) as "modelkeeper draw")))
           group by 1`,
          { ...parameters, seed, first, last: first + AT_ONCE },
        );
        const values = side === 0 ? champion : candidate;
        values.fill(Number.NaN, first, first + AT_ONCE);
        for (const row of drawn) values[Number(row['draw'])] = settled(row['value']);
      }
    }
  } catch (error) {
    signal?.throwIfAborted();
    if (
      !(error instanceof Error) ||
      !/^(Binder|Parser|Conversion|Out of Range|Invalid Input|Catalog) Error/.test(error.message)
    )
      throw error;
    const [cause = ''] = error.message.split('\n');
    return { kind: 'bad sql', reason: `the database says: ${cause}` };
  }
  const good = [...candidate.keys()].filter(
    (i) => Number.isFinite(candidate[i]) && (!rows.hasChampion || Number.isFinite(champion[i])),
  );
  const lost = SQL_REPLICATES - good.length;
  if (lost > MOST_UNDEFINED * SQL_REPLICATES) {
    return {
      kind: 'not a number',
      reason: `the SQL metric has no number in ${lost} of ${SQL_REPLICATES} draws of the rows`,
    };
  }
  const pick = (values: Float64Array) => Float64Array.from(good, (i) => values[i] ?? Number.NaN);
  return {
    kind: 'sampled',
    sampling: samplingOfDraws(
      'custom',
      {
        method: rows.hasChampion ? 'paired poisson bootstrap' : 'poisson bootstrap',
        hasChampion: rows.hasChampion,
        point,
      },
      pick(champion),
      pick(candidate),
    ),
  };
}

/** The order of a parallel sum varies by its last digits, which are left out so that a repetition gives the same. */
function settled(value: Json | undefined): number {
  return Number((finiteOf(value) ?? Number.NaN).toPrecision(12));
}

const KEY = quoteName('modelkeeper key');

/** How often a row counts for a chance of 0 to 1: Poisson with mean 1, cut off at 9. */
const poissonSql = (() => {
  const steps: string[] = [];
  let [chance, upTo, factorial] = [Math.exp(-1), 0, 1];
  for (let k = 0; k < 9; k += 1) {
    if (k > 0) factorial *= k;
    chance = Math.exp(-1) / factorial;
    upTo += chance;
    steps.push(`when "modelkeeper chance" < ${upTo}::double then ${k}`);
  }
  return `case ${steps.join(' ')} else 9 end`;
})();
