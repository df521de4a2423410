export type Row = Readonly<Record<string, string | number>>;

/** Prints rows under the names of their members; numbers stand to the right. */
export function printTable(title: string, rows: readonly Row[]): void {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const text = (row: Row, name: string): string => String(row[name] ?? '');
  const widths = names.map((name) =>
    Math.max(name.length, ...rows.map((row) => text(row, name).length)),
  );
  const line = (cells: readonly string[]): string => cells.join('  ').trimEnd();
  console.log(`\n${title}`);
  console.log(line(names.map((name, at) => name.padEnd(widths[at] ?? 0))));
  for (const row of rows) {
    console.log(
      line(
        names.map((name, at) =>
          typeof row[name] === 'number'
            ? text(row, name).padStart(widths[at] ?? 0)
            : text(row, name).padEnd(widths[at] ?? 0),
        ),
      ),
    );
  }
}

/** The same for a page: the first column is text, the others numbers. */
export function markdownTable(rows: readonly Row[]): string {
  const names = Object.keys(rows[0] ?? {});
  const line = (cells: readonly (string | number)[]) => `| ${cells.join(' | ')} |`;
  return [
    line(names),
    line(names.map((_, i) => (i === 0 ? '---' : '--:'))),
    ...rows.map((row) => line(names.map((name) => row[name] ?? ''))),
  ].join('\n');
}

/** The value below which `share` of the values lie: the nearest rank, so that it is one that was measured. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}
