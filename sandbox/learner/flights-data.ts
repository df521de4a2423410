import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { text, withDuckDb } from './rows.js';

export interface FlightsSelection {
  /** Airports of departure. */
  readonly airports: readonly string[];
  /** ISO instants within January to June 2001; departures with `from <= date < to`. */
  readonly from: string;
  readonly to: string;
  /** At most this many rows, a seeded sample. */
  readonly rows?: number;
  readonly seed?: number;
}

/** Three million US flights of January to June 2001, as the npm package `vega-datasets` ships them. */
export function flightsFile(): string {
  // The package exports its script only; the data lies beside the script's folder.
  const script = pathToFileURL(createRequire(import.meta.url).resolve('vega-datasets'));
  return fileURLToPath(new URL('../data/flights-3m.parquet', script));
}

/**
 * Writes flights as the learner reads them: event_time, id, origin, destination, distance, hour,
 * weekday (1 Monday to 7 Sunday) and late (1: arrived more than 15 minutes late).
 *
 * @returns the number of rows written.
 */
export async function writeFlights(target: string, selection: FlightsSelection): Promise<number> {
  const { airports, from, to, rows, seed = 1 } = selection;
  const sample =
    rows === undefined ? '' : `USING SAMPLE reservoir(${rows} ROWS) REPEATABLE (${seed})`;
  return withDuckDb(async (duck) => {
    await duck.run('SET threads = 1'); // A parallel scan would not repeat the sample.
    const written = await duck.runAndReadAll(
      `COPY (
         SELECT date AS event_time, 'f' || n AS id, origin, destination, distance::INTEGER AS distance,
                hour(date)::INTEGER AS hour, isodow(date)::INTEGER AS weekday,
                (delay > 15)::INTEGER AS late
         FROM (SELECT *, file_row_number AS n
               FROM read_parquet(${text(flightsFile())}, file_row_number = true)
               WHERE origin IN (${airports.map(text).join(', ')})
                 AND date >= epoch_ms(${Date.parse(from)}) AND date < epoch_ms(${Date.parse(to)}))
         ${sample}
         ORDER BY event_time, id
       ) TO ${text(target)} (FORMAT parquet)`,
    );
    return Number(written.getRowsJS()[0]?.[0]);
  });
}
