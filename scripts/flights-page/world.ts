/** The flights of January to June 2001, two models of lateness, and files of what each week would have sent them. */
import { EASTERN_HUBS, WESTERN_AIRPORTS } from '../../sandbox/learner/airports.js';
import { flightsFile } from '../../sandbox/learner/flights-data.js';
import { fit, predict } from '../../sandbox/learner/logistic.js';
import type { Feature, LogisticModel } from '../../sandbox/learner/logistic.js';
import { readFeatures, readLabels, text, withDuckDb } from '../../sandbox/learner/rows.js';
import type { DuckDBConnection } from '@duckdb/node-api';
import { join } from 'node:path';

export const WEEK_MS = 7 * 86_400_000;
const DAY = 86_400_000;
/** A Monday. */
export const FIRST_MS = Date.UTC(2001, 0, 1);
/** Winter is what the first models have seen. */
export const WINTER_WEEKS = 8;
/** The week in which the eastern hubs open: Monday, 23 April. */
export const HUBS_WEEK = 16;
/** The last week lacks its Sunday: the data end with June. */
export const LAST_WEEK = 25;
export const JUNE = { fromMs: Date.UTC(2001, 5, 1), toMs: Date.UTC(2001, 6, 1) } as const;
/** What candidates learn from: the five weeks before June, from the opening of the hubs on. */
export const SPRING = {
  fromMs: FIRST_MS + HUBS_WEEK * WEEK_MS,
  toMs: Date.UTC(2001, 4, 28),
} as const;
const WINTER = { fromMs: FIRST_MS, toMs: FIRST_MS + WINTER_WEEKS * WEEK_MS } as const;
export const TRAINING_ROWS = 200_000;
export const JUNE_ROWS = 100_000;

const FEATURES: readonly Feature[] = [
  { name: 'origin', type: 'category' },
  { name: 'destination', type: 'category' },
  { name: 'distance', type: 'number' },
  { name: 'hour', type: 'number' },
  { name: 'weekday', type: 'number' },
];

/** An airline: the whole country from the first day, or the west until it opens the eastern hubs. */
export type Airline = 'country' | 'west';

const list = (airports: readonly string[]): string => airports.map(text).join(', ');

const flownBy: Readonly<Record<Airline, string>> = {
  country: 'true',
  west: `(origin in (${list(WESTERN_AIRPORTS)})
          or (origin in (${list(EASTERN_HUBS)}) and ms >= ${FIRST_MS + HUBS_WEEK * WEEK_MS}))`,
};

export interface Files {
  /** Parquet: features and the winter model's score, one file a week from the first. */
  readonly weeks: readonly string[];
  /** Parquet of the winter: what the winter model is compared with. */
  readonly winter: string;
  /** Parquet: `rowId, label, champion, candidate, eventTimeMs, region, origin` of a sample of June. */
  readonly june: string;
  /** The same with the winter model alone, as `candidate`. */
  readonly juneWinterAlone: string;
  /** Parquet: `rowId` of what each model has seen. */
  readonly trainedOn: { readonly winter: string; readonly spring: string };
  readonly springLate: number;
}

/** Trains the winter model and the spring model of an airline, and writes what each week and June would have shown. */
export async function prepare(airline: Airline, folder: string): Promise<Files> {
  return withDuckDb(async (duck) => {
    await duck.run(
      `create table flights as
       select *, (ms - ${FIRST_MS}) // ${WEEK_MS} as week,
              case when origin in (${list(WESTERN_AIRPORTS)}) then 'west'
                   when origin in (${list(EASTERN_HUBS)}) then 'eastern hubs' else 'elsewhere' end as region
       from (select file_row_number as id, epoch_ms(date) as ms, origin, destination, distance::integer as distance,
                    hour(date)::integer as hour, isodow(date)::integer as weekday, (delay > 15)::integer as late
             from read_parquet(${text(flightsFile())}, file_row_number = true))
       where ${flownBy[airline]} order by ms, id`,
    );
    const winterModel = await train(duck, WINTER);
    const springModel = await train(duck, SPRING);
    await score(duck, winterModel, springModel);
    const name = (what: string): string => join(folder, `${airline}-${what}.parquet`);
    const write = (what: string, sql: string): Promise<unknown> =>
      duck.run(`copy (${sql}) to ${text(name(what))} (format parquet)`);
    const inputs = 'origin, destination, distance, hour, weekday, winter as score, late';
    const weeks = Array.from({ length: LAST_WEEK + 1 }, (_, week) => week);
    for (const week of weeks)
      await write(`week-${week}`, `select ${inputs} from scored where week = ${week}`);
    await write('winter', `select ${inputs} from scored where week < ${WINTER_WEEKS}`);
    await write(
      'june',
      `select 'f' || id as "rowId", late as label, winter as champion, spring as candidate, ms as "eventTimeMs", region, origin
       from scored where ms >= ${JUNE.fromMs} and ms < ${JUNE.toMs} order by hash(id), id limit ${JUNE_ROWS}`,
    );
    await write(
      'june-winter',
      `select "rowId", label, champion as candidate, "eventTimeMs", region, origin from read_parquet(${text(name('june'))})`,
    );
    await write('trained-in-winter', `select 'f' || id as "rowId" from (${sampled(WINTER)})`);
    await write('trained-in-spring', `select 'f' || id as "rowId" from (${sampled(SPRING)})`);
    const late = await duck.runAndReadAll(`select avg(late) from (${sampled(SPRING)})`);
    return {
      springLate: Number(late.getRowsJS()[0]?.[0]),
      weeks: weeks.map((week) => name(`week-${week}`)),
      winter: name('winter'),
      june: name('june'),
      juneWinterAlone: name('june-winter'),
      trainedOn: { winter: name('trained-in-winter'), spring: name('trained-in-spring') },
    };
  });
}

interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

/** The same rows on every machine. */
const sampled = ({ fromMs, toMs }: Span): string =>
  `select * from flights where ms >= ${fromMs} and ms < ${toMs} order by hash(id), id limit ${TRAINING_ROWS}`;

async function train(duck: DuckDBConnection, span: Span): Promise<LogisticModel> {
  await duck.run(`create or replace table rows as ${sampled(span)}`);
  const [columns, labels] = [await readFeatures(duck, FEATURES), await readLabels(duck, 'late')];
  return fit(columns, labels, { features: FEATURES, epochs: 3, seed: 7, hashBits: 18 });
}

const SCORED_AT_ONCE = 200_000;

/** The scores of both models for every flight after the first day. */
async function score(
  duck: DuckDBConnection,
  winter: LogisticModel,
  spring: LogisticModel,
): Promise<void> {
  await duck.run('create table scores (id bigint, winter double, spring double)');
  for (let fromMs = FIRST_MS; fromMs < JUNE.toMs; fromMs += 7 * DAY) {
    for (let part = 0; ; part += 1) {
      await duck.run(
        `create or replace table rows as select * from flights
         where ms >= ${fromMs} and ms < ${fromMs + 7 * DAY} order by ms, id
         limit ${SCORED_AT_ONCE} offset ${part * SCORED_AT_ONCE}`,
      );
      const columns = await readFeatures(duck, FEATURES);
      const [first, second] = [predict(winter, columns), predict(spring, columns)];
      if (first.length === 0) break;
      const ids =
        (await duck.runAndReadAll('select id from rows order by rowid')).getColumnsJS()[0] ?? [];
      const appender = await duck.createAppender('scores');
      ids.forEach((id, row) => {
        appender.appendBigInt(id as bigint);
        appender.appendDouble(first[row] ?? Number.NaN);
        appender.appendDouble(second[row] ?? Number.NaN);
        appender.endRow();
      });
      appender.closeSync();
      if (first.length < SCORED_AT_ONCE) break;
    }
  }
  await duck.run('create table scored as select * from flights join scores using (id)');
}
