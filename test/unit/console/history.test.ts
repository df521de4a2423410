import { describe, expect, it } from 'vitest';

import { historyReader, joined } from '../../../client/console/history.js';

const HOUR_MS = 3_600_000;
const NOW_MS = Date.parse('2026-03-01T00:00:00Z');
const FOLDER = 's3://bucket/mk/reports/m/windows/inputs';

const instant = (atMs: number) =>
  new Date(atMs)
    .toISOString()
    .replace(/\.\d+Z$/, 'Z')
    .replaceAll(/[-:]/g, '');

/** Reports of so many hours up to now; `over` changes one. */
function account(
  hours: number,
  over: (index: number) => { readonly sizeBytes?: number; readonly report?: unknown } = () => ({}),
) {
  const reads: string[] = [];
  const objects = Array.from({ length: hours }, (_, index) => {
    const fromMs = NOW_MS - (hours - index) * HOUR_MS;
    const toMs = fromMs + HOUR_MS;
    return {
      uri: `${FOLDER}/${instant(fromMs)}-${instant(toMs)}.json`,
      lastModifiedMs: toMs,
      sizeBytes: over(index).sizeBytes ?? 1_000,
      report: over(index).report ?? {
        schema: 'modelkeeper/window-report-v1',
        basis: 'b',
        result: { fromMs, toMs, result: 'ok', columns: [] },
        rules: { warn: 0.1, drift: 0.2, persistence: { breaches: 2, of: 3 } },
        evidence: { comparison: { columns: [{ name: 'age', jsDistance: 0.05 }] } },
      },
    };
  });
  const after: string[] = [];
  return {
    objects,
    reads,
    after,
    reportsBelow: (_folder: string, since: string) => {
      after.push(since);
      return Promise.resolve(objects);
    },
    readJson: (uri: string) => {
      reads.push(uri);
      return Promise.resolve(objects.find((object) => object.uri === uri)?.report ?? null);
    },
  };
}

describe('the history of a source', () => {
  it('is the latest windows by their reports, oldest first, with the limits they were judged by', async () => {
    const source = account(300);
    const history = await historyReader()(source, FOLDER, NOW_MS);
    expect(source.after).toEqual(['20251201']);
    expect(history.windows).toHaveLength(120);
    expect(history.windows.at(-1)).toMatchObject({ toMs: NOW_MS, result: 'ok' });
    expect(history.windows.at(-1)?.columns).toMatchObject([{ name: 'age', jsDistance: 0.05 }]);
    expect(history).toMatchObject({ limits: { warn: 0.1, drift: 0.2 }, latest: 3 });
  });
  it('is read once, and again only where a report was written anew', async () => {
    const source = account(10);
    const read = historyReader();
    await read(source, FOLDER, NOW_MS);
    await read(source, FOLDER, NOW_MS);
    expect(source.reads).toHaveLength(10);
    const written = source.objects[3];
    if (written !== undefined) written.lastModifiedMs += 1;
    await read(source, FOLDER, NOW_MS);
    expect(source.reads.slice(10)).toEqual([written?.uri]);
  });
  it('leaves out reports that are too large, and stops before they are too many bytes', async () => {
    const huge = account(5, (index) => (index === 2 ? { sizeBytes: 100_000_000 } : {}));
    expect((await historyReader()(huge, FOLDER, NOW_MS)).windows).toHaveLength(4);
    const large = account(40, () => ({ sizeBytes: 4 * 1_048_576 }));
    expect((await historyReader()(large, FOLDER, NOW_MS)).windows).toHaveLength(16);
  });
  it('leaves out what is no report', async () => {
    const odd = account(4, (index) => (index === 1 ? { report: { schema: 'other' } } : {}));
    expect((await historyReader()(odd, FOLDER, NOW_MS)).windows).toHaveLength(3);
  });
  it('has each window once, also where the keeper remembers it', () => {
    const window = (hour: number) => ({
      fromMs: hour * HOUR_MS,
      toMs: (hour + 1) * HOUR_MS,
      result: 'ok' as const,
      columns: [],
    });
    expect(
      joined([window(1), window(2)], [window(2), window(3), window(0)]).map(
        ({ fromMs }) => fromMs / HOUR_MS,
      ),
    ).toEqual([0, 1, 2, 3]);
  });
});
