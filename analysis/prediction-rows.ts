import type { EvaluateInputs } from '../domain/evaluate.schema.js';
import type { EvaluationTask } from '../domain/stats/metrics.js';
import type { EvaluationChecks } from '../domain/stats/types.js';
import { countOf, quoteName, textOfRow } from './duck.js';
import type { Bound, Duck } from './duck.js';
import { UnusableData } from './failures.js';
import { openFiles } from './relation.js';
import type { DataFiles, Relation } from './relation.js';
import type { ScoredRows } from './sampling.js';

/** Rows that are held in memory at most: three numbers each, and their orders. */
const MOST_ROWS = 5_000_000;
/** Values of one column beyond which slices are refused. */
export const MOST_SLICES = 100;

type Role =
  | 'rowId'
  | 'label'
  | 'champion'
  | 'candidate'
  | 'eventTime'
  | 'group'
  | 'weight'
  | 'latencyChampion'
  | 'latencyCandidate';

/** Names that cannot be meant for a column of people. */
const own = (role: Role): string => quoteName(`modelkeeper ${role}`);

/** Which column of the data plays each role, by the policy or by its usual name. */
function namesOf(inputs: EvaluateInputs): Readonly<Record<Role, string>> {
  return {
    rowId: inputs.rowId ?? 'rowId',
    label: inputs.label ?? 'label',
    champion: inputs.champion ?? 'champion',
    candidate: inputs.candidate ?? 'candidate',
    eventTime: inputs.eventTime ?? 'eventTimeMs',
    // Rows are only drawn together, and only weigh differently, where the policy says so.
    group: inputs.group ?? '',
    weight: inputs.weight ?? '',
    latencyChampion: inputs.latency?.champion ?? 'latencyChampionMs',
    latencyCandidate: inputs.latency?.candidate ?? 'latencyCandidateMs',
  };
}

/** Columns that the policy names must be there, whatever would do without them. */
function namedIn(inputs: EvaluateInputs): readonly Role[] {
  const { latency, ...plain } = inputs;
  const roles: readonly (readonly [Role, string | undefined])[] = [
    ['rowId', plain.rowId],
    ['label', plain.label],
    ['champion', plain.champion],
    ['candidate', plain.candidate],
    ['eventTime', plain.eventTime],
    ['group', plain.group],
    ['weight', plain.weight],
    ['latencyChampion', latency?.champion],
    ['latencyCandidate', latency?.candidate],
  ];
  return roles.flatMap(([role, name]) => (name === undefined ? [] : [role]));
}

const KEY_OF: Readonly<Record<Role, string>> = {
  rowId: 'rowId',
  label: 'label',
  champion: 'champion',
  candidate: 'candidate',
  eventTime: 'eventTime',
  group: 'group',
  weight: 'weight',
  latencyChampion: 'latency.champion',
  latencyCandidate: 'latency.candidate',
};

export interface OpenOptions {
  readonly files: DataFiles;
  readonly inputs: EvaluateInputs;
  readonly task: EvaluationTask;
  /** Somebody tries gates on a file of their own: ids and times may be missing. */
  readonly offline: boolean;
  /** Not the held-out rows: times are only needed where somebody asks for them, and slices may be other ones. */
  readonly further?: { readonly needsTimes: boolean };
}

/** What only some gates need, and a further set of predictions may do without. */
const EXTRAS: ReadonlySet<Role> = new Set<Role>(['latencyChampion', 'latencyCandidate']);

/** The predictions as the gates see them: by role, whatever the columns are called. */
export class PredictionRows {
  private constructor(
    private readonly duck: Duck,
    private readonly relation: Relation,
    private readonly roles: ReadonlySet<Role>,
    readonly hasChampion: boolean,
    readonly task: EvaluationTask,
    readonly count: number,
  ) {}

  /** @throws {UnusableData} when they cannot be read, hold no rows or too many, or lack a column */
  static async open(duck: Duck, options: OpenOptions): Promise<PredictionRows> {
    const { inputs, task, offline, further } = options;
    const found = await staged(duck, await openFiles(duck, options.files), options.files);
    const columns = new Set(found.columns.map((column) => column.name));
    const names = namesOf(inputs);
    const wantsTimes = further?.needsTimes ?? true;
    const needed: readonly Role[] = offline
      ? ['label', 'candidate']
      : ['rowId', 'label', 'candidate', ...(wantsTimes ? (['eventTime'] as const) : [])];
    const named = namedIn(inputs).filter(
      (role) =>
        further === undefined || !(EXTRAS.has(role) || (role === 'eventTime' && !wantsTimes)),
    );
    refuseMissing(columns, names, [...new Set<Role>([...needed, ...named])]);
    for (const column of further === undefined ? (inputs.slices ?? []) : [])
      if (!columns.has(column))
        throw new UnusableData(
          `the predictions have no column ${column}, which evaluate.inputs.slices names${known(columns)}`,
        );
    const roles = new Set(
      (Object.keys(names) as Role[]).filter((role) => columns.has(names[role])),
    );
    const mapped = [...roles].map((role) => `${quoteName(names[role])} as ${own(role)}`);
    // Ours stand first: of two columns with one name the first keeps it.
    const relation = { ...found, from: `(select ${mapped.join(', ')}, * from ${found.from})` };
    const counted = await duck.row(
      `select count(*) as rows, ${roles.has('champion') ? `count(${own('champion')})` : '0'} as champion
       from ${relation.from}`,
      relation.bound,
    );
    const rows = countOf(counted['rows']);
    if (rows === 0) throw new UnusableData('the predictions hold no rows');
    refuseMany(rows);
    const opened = new PredictionRows(
      duck,
      relation,
      roles,
      countOf(counted['champion']) > 0,
      task,
      rows,
    );
    await opened.refuseOddTimes(names.eventTime);
    return opened;
  }

  has(column: string): boolean {
    return this.relation.columns.some(({ name }) => name === column);
  }

  hasLatency(side: 'champion' | 'candidate'): boolean {
    return this.roles.has(side === 'champion' ? 'latencyChampion' : 'latencyCandidate');
  }

  /** What to select from, and what to bind with it. */
  get source(): Pick<Relation, 'from' | 'bound'> {
    return this.relation;
  }

  get columns(): readonly string[] {
    return this.relation.columns.map(({ name }) => name);
  }

  /** SQL of a model's score, of the entity of a row, and of an order that does not depend on the file's. */
  readonly sql = {
    champion: `try_cast(${own('champion')} as double)`,
    candidate: `try_cast(${own('candidate')} as double)`,
    label: `try_cast(${own('label')} as double)`,
  };

  get entity(): string | null {
    return this.roles.has('group') ? `${own('group')}::varchar` : null;
  }

  get rowKey(): string {
    const { label, candidate } = this.sql;
    return this.roles.has('rowId')
      ? `${own('rowId')}::varchar`
      : `concat_ws(' ', ${label}, ${candidate})`;
  }

  /** Times of another kind would all lie outside of the window, which is not what is wrong with them. */
  private async refuseOddTimes(name: string): Promise<void> {
    if (!this.roles.has('eventTime')) return;
    const time = own('eventTime');
    const row = await this.duck.row(
      `select any_value(typeof(${time})) as kind, any_value(${time}::varchar) as example
       from ${this.relation.from} where ${time} is not null and try_cast(${time} as double) is null`,
      this.relation.bound,
    );
    if (row['kind'] === null || row['kind'] === undefined) return;
    throw new UnusableData(
      `${name} must be milliseconds since 1970 as a number, not ${textOfRow(row['kind'])} such as ${textOfRow(row['example'])}`,
    );
  }

  async check(options: {
    readonly holdOut: { readonly fromMs: number; readonly toMs: number } | null;
    readonly training: DataFiles | null;
    readonly trainingRowId: string;
  }): Promise<EvaluationChecks> {
    const { holdOut, training } = options;
    const isRegression = this.task === 'regression';
    const number = (value: string) => `coalesce(isfinite(${value}), false)`;
    const badScore = (value: string) =>
      `count(*) filter (where not ${isRegression ? number(value) : `coalesce(${value} between 0 and 1, false)`})`;
    const { label, candidate, champion } = this.sql;
    const goodLabel = isRegression ? number(label) : `coalesce(${label} in (0, 1), false)`;
    const hasTimes = this.roles.has('eventTime') && holdOut !== null;
    const time = `try_cast(${own('eventTime')} as double)`;
    const row = await this.duck.row(
      `select ${this.roles.has('rowId') ? `count(${own('rowId')}) - count(distinct ${own('rowId')}::varchar)` : 'null'} as repeated,
              ${this.roles.has('rowId') ? `count(*) filter (where ${own('rowId')} is null)` : '0'} as nameless,
              ${hasTimes ? `count(*) filter (where not coalesce(${time} >= $from and ${time} < $to, false))` : 'null'} as outside,
              count(*) filter (where not ${goodLabel}) as labels,
              any_value(coalesce(left(${own('label')}::varchar, 40), '(missing)')) filter (where not ${goodLabel}) as example,
              ${badScore(candidate)} as candidate,
              ${this.hasChampion ? badScore(champion) : '0'} as champion,
              ${this.roles.has('weight') ? `count(*) filter (where not coalesce(isfinite(${weightSql}) and ${weightSql} >= 0, false))` : '0'} as weights
       from ${this.relation.from}`,
      {
        ...this.relation.bound,
        ...(hasTimes && { from: holdOut.fromMs, to: holdOut.toMs }),
      },
    );
    const nameless = countOf(row['nameless']);
    const badLabels = countOf(row['labels']);
    return {
      duplicateRowIds: this.roles.has('rowId') ? countOf(row['repeated']) : null,
      rowsOutsideHoldOut: hasTimes ? countOf(row['outside']) : null,
      rowsInTraining:
        training === null ? null : await this.overlap(training, options.trainingRowId),
      badLabels,
      badCandidateScores: countOf(row['candidate']),
      badChampionScores: countOf(row['champion']),
      ...(nameless > 0 && { missingRowIds: nameless }),
      ...(this.roles.has('weight') && { badWeights: countOf(row['weights']) }),
      ...(badLabels > 0 && { badLabelExample: textOfRow(row['example']) }),
    };
  }

  /** `null` when the training rows are none, so that nothing was checked. */
  private async overlap(files: DataFiles, rowId: string): Promise<number | null> {
    const training = await openFiles(this.duck, files);
    if (!training.columns.some((column) => column.name === rowId)) {
      throw new UnusableData(`the training rows have no column ${rowId}`);
    }
    if (!this.roles.has('rowId')) {
      throw new UnusableData(
        `the predictions have no column ${rowId}, so that nobody can look for their rows among the training rows`,
      );
    }
    // A table of its own: two readers of files would bind each other's names.
    const table = quoteName('modelkeeper training rows');
    await this.duck.rows(
      `create or replace temp table ${table} as select ${quoteName(rowId)}::varchar as id from ${training.from}`,
      training.bound,
    );
    const row = await this.duck.row(
      `select (select count(*) from ${table}) as known,
              count(*) filter (where ${own('rowId')}::varchar in (select id from ${table} where id is not null)) as n
       from ${this.relation.from}`,
      this.relation.bound,
    );
    return countOf(row['known']) === 0 ? null : countOf(row['n']);
  }

  /** Rows of a slice, in order of their id: a bootstrap draws the same rows whatever the order of the file. */
  async load(slice: SliceOf | null = null): Promise<ScoredRows> {
    return (await this.loadMarked(slice, null)).rows;
  }

  /** All rows, and which of them are of one value of a column. */
  async loadMarked(
    slice: SliceOf | null,
    mark: SliceOf | null,
  ): Promise<{ readonly rows: ScoredRows; readonly marks: Uint8Array }> {
    const { from, bound } = this.relation;
    const { label, candidate, champion } = this.sql;
    const where = slice === null ? 'true' : sliceSql(slice);
    const latency = (role: Role) =>
      this.roles.has(role)
        ? `case when try_cast(${own(role)} as double) >= 0 and isfinite(try_cast(${own(role)} as double)) then try_cast(${own(role)} as double) end`
        : 'null::double';
    const entity = this.entity;
    // A row without an entity is one of its own.
    const group =
      entity === null
        ? 'null::double'
        : `(dense_rank() over (order by coalesce('e' || ${entity}, 'r' || "modelkeeper row")) - 1)::double`;
    const loaded = await this.duck.doubles(
      `select ${label}, ${candidate}, ${this.hasChampion ? champion : 'null::double'},
              ${this.roles.has('weight') ? weightSql : 'null::double'},
              ${latency('latencyChampion')}, ${latency('latencyCandidate')}, ${group},
              ${mark === null ? '0::double' : `coalesce((${sliceSql(mark)})::int, 0)::double`}
       from (select *, ${entity === null ? '0' : 'row_number() over ()'} as "modelkeeper row" from ${from} where ${where})
       order by ${this.rowKey}, 1, 2, 3`,
      { ...bound, ...bindSlice(slice ?? mark) },
    );
    const none = new Float64Array();
    const [
      labels = none,
      candidates = none,
      champions = none,
      weights = none,
      first = none,
      second = none,
      of = none,
      marks = none,
    ] = loaded;
    const rows: ScoredRows = {
      labels,
      candidate: candidates,
      champion: this.hasChampion ? champions : null,
      ...(this.roles.has('weight') && { weights }),
      ...(entity !== null && {
        groups: { of, count: of.reduce((a, b) => Math.max(a, b), -1) + 1 },
      }),
      ...((this.hasLatency('candidate') || this.hasLatency('champion')) && {
        latencies: {
          champion: this.hasLatency('champion') ? first : null,
          candidate: this.hasLatency('candidate') ? second : null,
        },
      }),
    };
    return { rows, marks: Uint8Array.from(marks) };
  }

  /** The values of a column with how many rows each has, most first; one more than are judged. NULL is `null`. */
  async valuesOf(column: string): Promise<readonly (string | null)[]> {
    const values = await this.duck.rows(
      `select ${quoteName(column)}::varchar as value, count(*) as n from ${this.relation.from}
       group by 1 order by n desc, 1 limit ${MOST_SLICES + 1}`,
      this.relation.bound,
    );
    return values.map((row) => (typeof row['value'] === 'string' ? row['value'] : null));
  }
}

/** Texts are parsed once, and not again for every slice. Parquet stays where it is. */
async function staged(duck: Duck, found: Relation, { format }: DataFiles): Promise<Relation> {
  if (format === 'parquet') return found;
  const counted = await duck.row(`select count(*) as n from ${found.from}`, found.bound);
  refuseMany(countOf(counted['n']));
  const table = quoteName('modelkeeper predictions');
  await duck.rows(
    `create or replace temp table ${table} as select * from ${found.from}`,
    found.bound,
  );
  return { ...found, from: table, bound: {} };
}

function refuseMany(rows: number): void {
  if (rows > MOST_ROWS)
    throw new UnusableData(
      `the predictions hold ${rows} rows, at most ${MOST_ROWS} are judged: write a random sample of them, drawn in the same way for every model`,
    );
}

const weightSql = `try_cast(${own('weight')} as double)`;

/** Rows of one value of a column; `null` is missing. */
export interface SliceOf {
  readonly column: string;
  readonly value: string | null;
}

/** A condition that binds the value as `$slice`. */
export function sliceSql({ column, value }: SliceOf): string {
  const text = `${quoteName(column)}::varchar`;
  return value === null ? `${text} is null` : `${text} = $slice`;
}

export const bindSlice = (slice: SliceOf | null): Readonly<Record<string, Bound>> =>
  slice === null || slice.value === null ? {} : { slice: slice.value };

function refuseMissing(
  columns: ReadonlySet<string>,
  names: Readonly<Record<Role, string>>,
  needed: readonly Role[],
): void {
  const lacking = needed.filter((role) => !columns.has(names[role]));
  if (lacking.length === 0) return;
  const keys = lacking.map((role) => `evaluate.inputs.${KEY_OF[role]}`).join(', ');
  throw new UnusableData(
    `the predictions have no column ${lacking.map((role) => names[role]).join(', ')}${known(columns)}; say in ${keys} what it is called`,
  );
}

/** What there is instead, for somebody who has to correct a name. */
function known(columns: ReadonlySet<string>): string {
  const names = [...columns].slice(0, 12).map((name) => name.slice(0, 40));
  return `: there are ${names.join(', ')}${columns.size > names.length ? ', …' : ''}`;
}
