import type { CaptureCounts } from '../domain/stats/types.js';
import type { Cell, CellType, Duck } from './duck.js';
import { UnusableData } from './failures.js';
import { jsonLine, linesOf, member, textOf } from './lines.js';
import { inputRows, outputNumbers, payloadKeys } from './payload.js';
import type { Payload } from './payload.js';

export interface CaptureOptions {
  /** Data capture files (JSON lines), absolute paths. */
  readonly files: readonly string[];
  /** Feature columns: the order of CSV payloads and arrays, the keys of JSON objects. */
  readonly columns: readonly string[];
  /** Keep rows of these instants only, half-open. AWS writes inferenceTime in whole seconds. */
  readonly window?: { readonly fromMs: number; readonly toMs: number };
  /** The table to make; its name is the caller's own. */
  readonly table?: string;
}

export interface Captured {
  readonly table: string;
  readonly counts: CaptureCounts;
}

/** Columns of a captured table beside the features, named so that no feature can have the name. */
export const CAPTURE_COLUMNS = {
  inferenceId: '\u0001inferenceId',
  eventId: '\u0001eventId',
  inferenceTimeMs: '\u0001inferenceTimeMs',
  rowNumber: '\u0001rowNumber',
  rowsOfRequest: '\u0001rowsOfRequest',
  prediction: '\u0001prediction',
} as const;

/**
 * Unpacks what data capture wrote into a table: one row per row of a request, features as text (NULL is missing), with
 * inference id, event id, instant, row number within its request (from 0) and the first number of the answer.
 *
 * Lines and rows that cannot be used are counted, never silently dropped; a truncated last line is common.
 */
export async function readCapture(duck: Duck, options: CaptureOptions): Promise<Captured> {
  const table = options.table ?? 'captured';
  requireDistinct(options.columns);
  const files = await Promise.all(options.files.map((file) => duck.realFile(file)));
  const counts = {
    lines: 0,
    unreadableLines: 0,
    linesWithoutInput: 0,
    linesWithoutOutput: 0,
    rows: 0,
    invalid: 0,
    outsideWindow: 0,
  };
  const own: readonly { readonly name: string; readonly type: CellType }[] = [
    { name: CAPTURE_COLUMNS.inferenceId, type: 'text' },
    { name: CAPTURE_COLUMNS.eventId, type: 'text' },
    { name: CAPTURE_COLUMNS.inferenceTimeMs, type: 'number' },
    { name: CAPTURE_COLUMNS.rowNumber, type: 'number' },
    { name: CAPTURE_COLUMNS.rowsOfRequest, type: 'number' },
    { name: CAPTURE_COLUMNS.prediction, type: 'number' },
  ];
  const features = options.columns.map((name) => ({ name, type: 'text' as const }));
  await duck.fill(table, [...own, ...features], unpack({ ...options, files }, counts));
  return { table, counts };
}

/** Names are told apart without regard to case by the database. */
function requireDistinct(columns: readonly string[]): void {
  const seen = new Map<string, string>();
  for (const column of columns) {
    const folded = column.toLowerCase();
    const other = seen.get(folded);
    if (other !== undefined) {
      throw new UnusableData(`the columns ${other} and ${column} cannot be told apart`);
    }
    seen.set(folded, column);
  }
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

async function* unpack(
  { files, columns, window }: CaptureOptions,
  counts: Mutable<CaptureCounts>,
): AsyncGenerator<readonly Cell[]> {
  for await (const line of linesOf(files)) {
    counts.lines += 1;
    const event = jsonLine(line);
    const meta = member(event, 'eventMetadata');
    const eventId = textOf(member(meta, 'eventId'));
    const inferenceTimeMs = Date.parse(textOf(member(meta, 'inferenceTime')) ?? '');
    if (eventId === null || Number.isNaN(inferenceTimeMs)) {
      counts.unreadableLines += 1;
      continue;
    }
    if (
      window !== undefined &&
      (inferenceTimeMs < window.fromMs || inferenceTimeMs >= window.toMs)
    ) {
      counts.outsideWindow += 1;
      continue;
    }
    const input = payloadOf(event, 'endpointInput');
    const output = payloadOf(event, 'endpointOutput');
    if (output === null) counts.linesWithoutOutput += 1;
    if (input === null) {
      counts.linesWithoutInput += 1;
      continue;
    }
    const rows = inputRows(input, columns);
    if (rows === null) {
      counts.unreadableLines += 1;
      continue;
    }
    const predictions = output === null ? [] : outputNumbers(output, rows.length);
    const inferenceId = textOf(member(meta, 'inferenceId'));
    for (const [rowNumber, row] of rows.entries()) {
      if (row === null) {
        counts.invalid += 1;
        continue;
      }
      counts.rows += 1;
      const prediction = predictions[rowNumber] ?? null;
      yield [inferenceId, eventId, inferenceTimeMs, rowNumber, rows.length, prediction, ...row];
    }
  }
}

/** Keys of the first request that names its values; `null` when none does, as CSV and plain arrays do not. */
export async function firstPayloadColumns(
  files: readonly string[],
): Promise<readonly string[] | null> {
  for await (const line of linesOf(files)) {
    const input = payloadOf(jsonLine(line), 'endpointInput');
    const keys = input === null ? null : payloadKeys(input);
    if (keys !== null) return keys;
    if (input !== null) return null;
  }
  return null;
}

/** First numbers of the answers of one window; what cannot be read is left out. */
export async function readAnswers(
  files: readonly string[],
  window: { readonly fromMs: number; readonly toMs: number },
): Promise<readonly number[]> {
  const answers: number[] = [];
  for await (const line of linesOf(files)) {
    const event = jsonLine(line);
    const atMs = Date.parse(textOf(member(event, 'eventMetadata', 'inferenceTime')) ?? '');
    if (!(atMs >= window.fromMs && atMs < window.toMs)) continue;
    const output = payloadOf(event, 'endpointOutput');
    if (output === null) continue;
    // A list of numbers is one answer of several numbers or several answers: the request tells.
    const input = payloadOf(event, 'endpointInput');
    const rows = input === null ? 1 : (inputRows(input, [])?.length ?? 1);
    for (const answer of outputNumbers(output, rows)) if (answer !== null) answers.push(answer);
  }
  return answers;
}

function payloadOf(event: unknown, side: 'endpointInput' | 'endpointOutput'): Payload | null {
  const captured = member(event, 'captureData', side);
  const data = textOf(member(captured, 'data'));
  if (data === null) return null;
  return {
    data,
    encoding: textOf(member(captured, 'encoding')) ?? 'CSV',
    contentType: textOf(member(captured, 'observedContentType')) ?? '',
  };
}
