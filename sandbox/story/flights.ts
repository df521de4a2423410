/** Which flights take off when: weeks of ten seconds, cut into chunks of two, all from real flights. */
import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';

import { EASTERN_HUBS, WESTERN_AIRPORTS } from '../learner/airports.js';
import { writeFlights } from '../learner/flights-data.js';
import { text, withDuckDb } from '../learner/rows.js';

export const WEEK_MS = 10_000;
/** Labelled rows reach the company's data in chunks of this length. */
export const CHUNK_MS = 2_000;
/** Flights per chunk in the company's data; the endpoint is asked about some of them. */
export const FLIGHTS_PER_CHUNK = 6_000;

export interface Flight {
  readonly id: string;
  readonly origin: string;
  readonly destination: string;
  readonly distance: number;
  readonly hour: number;
  readonly weekday: number;
  readonly late: number;
}

export type Region = 'west' | 'hubs';

const SELECTIONS = {
  /** What the first champion was trained on. */
  winter: {
    airports: WESTERN_AIRPORTS,
    from: '2001-01-01T00:00:00Z',
    to: '2001-02-25T00:00:00Z',
    rows: 120_000,
  },
  west: {
    airports: WESTERN_AIRPORTS,
    from: '2001-02-25T00:00:00Z',
    to: '2001-04-22T00:00:00Z',
    rows: 120_000,
  },
  hubs: {
    airports: EASTERN_HUBS,
    from: '2001-03-04T00:00:00Z',
    to: '2001-06-24T00:00:00Z',
    rows: 240_000,
  },
} as const;

const words = (value: unknown): string => (typeof value === 'string' ? value : '');

/** Pools of flights in a seeded random order, kept as Parquet in the story's folder. */
export class Flights {
  private readonly pools = new Map<Region, readonly Flight[]>();

  constructor(private readonly folder: string) {}

  /** Cuts the pools out of the three million flights; done once per folder. */
  async prepare(): Promise<void> {
    mkdirSync(this.folder, { recursive: true });
    for (const [name, selection] of Object.entries(SELECTIONS)) {
      const path = this.path(name);
      if (existsSync(path)) continue;
      await writeFlights(`${path}.new`, { ...selection, seed: 7 });
      renameSync(`${path}.new`, path);
    }
  }

  /** The file of a pool, in the learner's columns. */
  path(pool: string): string {
    return join(this.folder, `${pool}.parquet`);
  }

  /** The flights of one chunk. The same chunk always holds the same ones, under ids of its own. */
  async chunk(region: Region, index: number): Promise<readonly Flight[]> {
    const pool = this.pools.get(region) ?? (await this.load(region));
    const offset = (index * FLIGHTS_PER_CHUNK) % pool.length;
    return Array.from({ length: FLIGHTS_PER_CHUNK }, (_, at) => {
      const flight = pool[(offset + at) % pool.length];
      if (flight === undefined) throw new Error('the pool of flights is empty');
      return { ...flight, id: `c${String(index)}-${String(at)}` };
    });
  }

  private async load(region: Region): Promise<readonly Flight[]> {
    const flights = await withDuckDb(async (duck) => {
      const rows = await duck.runAndReadAll(
        `SELECT id, origin, destination, distance, hour, weekday, late
         FROM read_parquet(${text(this.path(region))}) ORDER BY hash(id || 'story'), id`,
      );
      return rows.getRowObjectsJson().map((row): Flight => ({
        id: words(row['id']),
        origin: words(row['origin']),
        destination: words(row['destination']),
        distance: Number(row['distance']),
        hour: Number(row['hour']),
        weekday: Number(row['weekday']),
        late: Number(row['late']),
      }));
    });
    this.pools.set(region, flights);
    return flights;
  }

  /**
   * Writes a pool with event times spread evenly over `[fromMs, toMs)`.
   *
   * @returns the path of the file
   */
  async spread(pool: 'winter', fromMs: number, toMs: number): Promise<string> {
    const target = join(this.folder, `${pool}-${String(fromMs)}.parquet`);
    await withDuckDb(async (duck) => {
      await duck.run(
        `COPY (SELECT epoch_ms((${String(fromMs)} + (row_number() OVER (ORDER BY hash(id), id) - 1) * ${String(toMs - fromMs)} // count(*) OVER ())::BIGINT) AS event_time,
                      'w' || id AS id, origin, destination, distance, hour, weekday, late
               FROM read_parquet(${text(this.path(pool))})) TO ${text(target)} (FORMAT parquet)`,
      );
    });
    return target;
  }

  /** Writes one chunk's labelled rows, event times spread evenly over the chunk. */
  async writeChunk(flights: readonly Flight[], fromMs: number, target: string): Promise<void> {
    const rows = flights.map((flight, at) => ({
      ...flight,
      event_ms: fromMs + Math.floor((at * CHUNK_MS) / flights.length),
    }));
    await withDuckDb(async (duck) => {
      await duck.run('CREATE TABLE chunk (rows JSON)');
      const insert = await duck.prepare('INSERT INTO chunk VALUES ($1)');
      insert.bindVarchar(1, JSON.stringify(rows));
      await insert.run();
      await duck.run(
        `COPY (SELECT epoch_ms(row.event_ms) AS event_time, row.id AS id, row.origin AS origin, row.destination AS destination,
                      row.distance AS distance, row.hour AS hour, row.weekday AS weekday, row.late AS late
               FROM (SELECT unnest(from_json(rows, '[{"id":"VARCHAR","origin":"VARCHAR","destination":"VARCHAR","distance":"INTEGER","hour":"INTEGER","weekday":"INTEGER","late":"INTEGER","event_ms":"BIGINT"}]')) AS row FROM chunk)
              ) TO ${text(target)} (FORMAT parquet)`,
      );
    });
  }
}
