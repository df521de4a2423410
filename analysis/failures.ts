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
const CSV_FILE = /^ {2}file = (.*)$/m;

const REMEDIES: readonly (readonly [RegExp, string])[] = [
  [
    /Value with unterminated quote/,
    'a text in quotes does not end, or is longer than any row: close it, or take it out',
  ],
  [
    /Maximum line size|The Parallel CSV Reader/,
    'a row is longer than 2 MB: take it out, or give the file without its long texts',
  ],
  [/Expected Number of Columns/, 'every row needs as many values as the header has names'],
  [/Invalid unicode/, 'save it as UTF-8'],
];

/**
 * An error of a query as the data's fault, where it is: files that open well may be broken further in.
 *
 * @param files what was read, for messages that name none
 */
export function asDataFault(error: unknown, files: readonly string[] = []): unknown {
  if (!(error instanceof Error) || error instanceof UnusableData || !BROKEN.test(error.message))
    return error;
  const [first = ''] = error.message.split('\n');
  const [cause = ''] = CSV_CAUSE.exec(error.message) ?? [];
  const [, remedy] = REMEDIES.find(([pattern]) => pattern.test(error.message)) ?? [];
  const [, named] = CSV_FILE.exec(error.message) ?? [];
  const what = [
    `${fileIn(error.message, named, files)} cannot be read`,
    ...(remedy === undefined ? [] : [remedy]),
    cause === '' ? first : `${first}: ${cause}`,
  ];
  return new UnusableData(what.join(': '), { cause: error });
}

function fileIn(message: string, named: string | undefined, files: readonly string[]): string {
  if (named !== undefined) return named;
  const found = files.find((file) => message.includes(file)) ?? files[0];
  if (found === undefined) return 'the data';
  return message.includes(found) || files.length === 1 ? found : `${found} or a file beside it`;
}
