/** The data cannot be analysed, and a retry would not change that. The message tells people what to repair. */
export class UnusableData extends Error {
  override readonly name = 'UnusableData';
}

/** What DuckDB says of bytes that it cannot make sense of. Memory, disk and interruption are not the data's fault. */
const BROKEN =
  /^(?:(?:Invalid|Invalid Input|Conversion|Out of Range) Error: |Not implemented Error: The Parallel CSV Reader)/;
/** Of a long message about a CSV file, the line that says what is wrong. */
const CSV_CAUSE =
  /^(?:Expected Number of Columns|Value with unterminated quote|Invalid unicode|Maximum line size)[^\n]*/m;

/** An error of a query as the data's fault, where it is: files that open well may be broken further in. */
export function asDataFault(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof UnusableData || !BROKEN.test(error.message))
    return error;
  const [first = ''] = error.message.split('\n');
  const [cause = ''] = CSV_CAUSE.exec(error.message) ?? [];
  const what = cause === '' ? first : `${first}: ${cause}`;
  return new UnusableData(`the data cannot be read: ${what}`, { cause: error });
}
