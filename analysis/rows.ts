import type { Duck, Row } from './duck.js';
import { asDataFault, UnusableData } from './failures.js';

const READERS = {
  parquet: 'read_parquet($file)',
  csv: 'read_csv($file, header = true)',
} as const;

/**
 * The rows of a small table as JSON.
 *
 * @throws {UnusableData} when the file is broken or holds more than `most` rows
 */
export async function readRows(
  duck: Duck,
  {
    file,
    format,
    most,
  }: { readonly file: string; readonly format: 'parquet' | 'csv'; readonly most: number },
): Promise<readonly Row[]> {
  let rows: readonly Row[];
  try {
    rows = await duck.rows(`select * from ${READERS[format]} limit ${most + 1}`, { file });
  } catch (error) {
    throw asDataFault(error);
  }
  if (rows.length > most) throw new UnusableData(`it has more than ${most} rows`);
  return rows;
}
