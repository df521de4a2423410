import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';

import { countColumns } from '../../analysis/count.js';
import type { Answers, Questions } from '../../analysis/count.js';
import { openFiles, openTable } from '../../analysis/relation.js';
import type { Relation } from '../../analysis/relation.js';
import { TextCounter } from '../../analysis/text-counter.js';
import { BinIndex } from '../../domain/stats/bin-index.js';
import { ExactSum } from '../../domain/stats/exact-sum.js';
import { detect, rowsOf, scratch } from './scratch.js';
import { compareWindow } from '../../analysis/drift.js';
import { profileFile } from '../../analysis/profile.js';

const seed = Date.now() % 2_147_483_647;
console.info(`fast-check seed ${seed}`);
fc.configureGlobal({ seed });

/** Texts of which some are numbers to one reader and not to another. */
const HOSTILE = [
  ...['1e5', ' 12', '12 ', '\t12', '1_000', '_1', '1_', '1__0', '0x10', '0b1', '+5', '-5', '+-5'],
  ...['inf', '-inf', '+inf', 'Infinity', 'nan', 'NaN', '-nan', 'NULL', 'null', '', ' ', '-0', '.5'],
  ...['5.', '.', '-', '1e', '1e400', '-1e400', '1e-400', '123456789012345678901234567890'],
  ...['2026-01-02', '12:30', 'true', '1.5f', '1,5', '1\n2', 'a"b', '０', '\u00a012', '1 2'],
  ...['9007199254740993', '1.7976931348623157e308', '4.9e-324', '00012', 'infi', "'5'", '5%'],
];
/** As RFC 4180 writes it; always quoted when `quoted` says so. */
const written = (text: string, quoted: boolean) =>
  quoted || /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;

async function answers(
  duck: Parameters<typeof countColumns>[0],
  relation: Relation,
  edges: readonly number[] = [-5, 0, 5, 12],
  domain: readonly string[] = ['a', 'sixteen letters!', 'é'],
): Promise<Answers> {
  const of = (name: string) => {
    const column = relation.columns.find((one) => one.name === name);
    if (column === undefined) throw new Error(name);
    return column;
  };
  const questions: Questions = {
    numeric: ['x', 'y'].map((name) => ({ column: of(name), edges, range: { min: -5, max: 12 } })),
    categorical: [{ column: of('c'), domain }],
  };
  return countColumns(duck, relation, questions);
}

describe('numbers that the reader of a CSV file makes', () => {
  const cell = fc.oneof(
    { weight: 4, arbitrary: fc.integer({ min: -20, max: 20 }).map(String) },
    { weight: 1, arbitrary: fc.constantFrom(...HOSTILE) },
  );
  const mild = fc.oneof(fc.integer().map(String), fc.constantFrom('', 'inf', '-inf', 'nan', '1_0'));
  const text = fc.constantFrom(
    'a',
    'é',
    'b',
    '',
    'sixteen letters!',
    'another of more than twelve',
  );
  const row = fc.tuple(cell, mild, text, fc.boolean());

  it('are those that casts of the same texts make, whatever stands in the file', async () => {
    const { duck, write } = await scratch();
    const visit = vi.spyOn(duck, 'visit');
    await fc.assert(
      fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 40 }), async (rows) => {
        const lines = rows.map(([x, y, c, quoted]) =>
          [x, y, c].map((one) => written(one, quoted)).join(','),
        );
        const file = write('window.csv', `x,y,c\n${lines.join('\n')}\n`);
        const relation = await openFiles(duck, { files: [file], format: 'csv' });
        const { typed, ...plain } = relation;
        expect(typed).toBeDefined();
        expect(await answers(duck, relation)).toEqual(await answers(duck, plain));
      }),
      { numRuns: 60 },
    );
    expect(visit.mock.calls.some(([from]) => from.includes('DOUBLE'))).toBe(true);
  });
  it.each(HOSTILE)('%j is the same number or none to reader and cast', async (one) => {
    const { duck, write } = await scratch();
    const lines = [one, '1', '2'].map((x) => `${written(x, false)},${written(x, true)},a`);
    const file = write('window.csv', `x,y,c\n${lines.join('\n')}\n`);
    const relation = await openFiles(duck, { files: [file], format: 'csv' });
    const { typed, ...plain } = relation;
    expect(typed).toBeDefined();
    expect(await answers(duck, relation)).toEqual(await answers(duck, plain));
  });
  it('are read no more where a text far inside is none, and every row counts once', async () => {
    const { duck, write } = await scratch();
    const lines = rowsOf(50_000, (i) => `${i % 10},${i === 49_990 ? 'n/a' : i % 7},a`);
    const file = write('window.csv', `x,y,c\n${lines.join('\n')}\n`);
    const relation = await openFiles(duck, { files: [file], format: 'csv' });
    const visit = vi.spyOn(duck, 'visit');
    const { rows, numeric, categorical } = await answers(duck, relation);
    expect(rows).toBe(50_000);
    expect(numeric).toMatchObject([
      { count: 50_000, invalid: 0, mean: 4.5 },
      { count: 49_999, invalid: 1 },
    ]);
    expect(categorical[0]?.known).toEqual([50_000, 0, 0]);
    // Once with both as numbers, once with the one that has no other text.
    expect(visit.mock.calls.map(([from]) => from.split('DOUBLE').length - 1)).toEqual([2, 1]);
  });
  it('are looked for in the rows of a segment, too', async () => {
    const { duck, write } = await scratch();
    const lines = (shift: number) =>
      rowsOf(3_000, (i) => `${(i % 100) + (i % 3 === 0 ? shift : 0)},${i % 3 === 0 ? 'eu' : 'us'}`);
    const file = (name: string, shift: number) =>
      write(name, `x,region\n${lines(shift).join('\n')}\n`);
    const segments = [{ by: 'region', max: 5, minRows: 200, critical: false }];
    const files = { files: [file('baseline.csv', 0)], format: 'csv' } as const;
    const profile = await profileFile(duck, { ...files, segments });
    const visit = vi.spyOn(duck, 'visit');
    const window = { files: [file('window.csv', 80)], format: 'csv' } as const;
    const found = await compareWindow(duck, { profile, window, detect: { ...detect, segments } });
    expect(visit.mock.calls.every(([from]) => from.includes("'x': 'DOUBLE'"))).toBe(true);
    expect(found.segments?.map(({ value, rows, verdict }) => [value, rows, verdict.kind])).toEqual([
      ['us', 2_000, 'ok'],
      ['eu', 1_000, 'drift'],
    ]);
  });
});

describe('a counter of short texts', () => {
  const short = fc
    .oneof(fc.string({ maxLength: 12 }), fc.string({ unit: 'grapheme', maxLength: 3 }))
    .map((one) => one.replaceAll('\0', ''))
    .filter((one) => Buffer.byteLength(one) <= 12);
  const long = fc.string({ minLength: 13, maxLength: 30 }).map((one) => one.replaceAll('\0', '~'));

  it('counts what a dictionary counts, of any texts in any place', async () => {
    const { duck } = await scratch();
    const domains = fc.uniqueArray(short, { maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(
        domains,
        fc.array(fc.oneof(short, long, fc.constant(null)), { maxLength: 40 }),
        async (domain, others) => {
          const texts = [...domain, ...others, ...domain];
          await duck.fill(
            'texts',
            [{ name: 'c', type: 'text' }],
            texts.map((one) => [one]),
          );
          const counter = new TextCounter(domain);
          const { from } = await openTable(duck, 'texts');
          await duck.visit(from, {}, { doubles: [], texts: ['c'] }, (chunk) => {
            for (const text of chunk.texts) counter.add(text);
          });
          const known = domain.map((one) => texts.filter((text) => text === one).length);
          const none = texts.filter((text) => text === null).length;
          const rest = texts.length - none - known.reduce((sum, n) => sum + n, 0);
          expect([...counter.counts]).toEqual([...known, rest, none]);
        },
      ),
      { numRuns: 60 },
    );
  });
  it('is no use to a domain with a text of more than twelve bytes', () => {
    expect(TextCounter.fits(['twelve bytes'])).toBe(true);
    expect(TextCounter.fits(['thirteen byte'])).toBe(false);
    expect(TextCounter.fits(['twelve byteß'])).toBe(false);
  });
  it('tells texts apart that differ in one byte, and counts thousands of them', async () => {
    const { duck } = await scratch();
    const domain = rowsOf(1_000, (i) => `k${i}`);
    const counter = new TextCounter(domain);
    await duck.visit(
      'range(20000) t(i)',
      {},
      { doubles: [], texts: [`'k' || (i % 2000)`] },
      (chunk) => {
        for (const text of chunk.texts) counter.add(text);
      },
    );
    expect([...counter.counts]).toEqual([...domain.map(() => 10), 10_000, 0]);
  });
});

describe('chunks of numbers', () => {
  const chunk = fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), { maxLength: 200 });
  it('are put into the bins that each value has alone', () => {
    fc.assert(
      fc.property(chunk, chunk, (some, values) => {
        const edges = [...new Set(some.map((edge) => edge + 0))].sort((a, b) => a - b);
        const index = new BinIndex(edges);
        const counts = new Float64Array(edges.length + 1);
        index.countInto(counts, Float64Array.from([...values, ...some]));
        const wanted = new Float64Array(edges.length + 1);
        for (const value of [...values, ...some]) {
          const bin = index.binOf(value);
          wanted[bin] = (wanted[bin] ?? 0) + 1;
        }
        expect(counts).toEqual(wanted);
      }),
    );
  });
  it('are put into the same bins where edges crowd in one place, and where there are very many', () => {
    const crowded = [-1e15, ...rowsOf(300, (i) => i), 1e15];
    const many = rowsOf(70_000, (i) => i * i);
    for (const edges of [crowded, many]) {
      const index = new BinIndex(edges);
      const counts = new Float64Array(edges.length + 1);
      const values = Float64Array.from(edges.flatMap((edge) => [edge, edge + 0.5]));
      index.countInto(counts, values);
      expect(counts[0]).toBe(1);
      expect(counts.subarray(1, edges.length).every((count) => count === 2)).toBe(true);
      expect(counts.reduce((all, count) => all + count)).toBe(values.length);
    }
  });
  it('hold nothing where a row is missing, whatever the database has left there', async () => {
    const { duck } = await scratch();
    const from = '(select i, nullif(i % 7, 3) as x from range(10000) t(i))';
    const seen: number[] = [];
    await duck.visit(from, {}, { doubles: ['i::double', 'x::double'] }, ({ doubles }) => {
      const [i = new Float64Array(), x = new Float64Array()] = doubles;
      i.forEach((row, place) => {
        seen[row] = x[place] ?? 0;
      });
    });
    expect(seen).toEqual(rowsOf(10_000, (i) => (i % 7 === 3 ? Number.NaN : i % 7)));
  });
  it('of columns of numbers have no invalid ones, of texts both infinities and texts apart', async () => {
    const { duck, write } = await scratch();
    const lines = ['-inf,-inf', 'inf,inf', '1,n/a', ',', '2,2'];
    const file = write('window.csv', `x,y\n${lines.join('\n')}\n`);
    const relation = await openFiles(duck, { files: [file], format: 'csv' });
    const numeric = relation.columns.map((column) => ({ column, edges: [1] }));
    const found = await countColumns(duck, relation, { numeric, categorical: [] });
    expect(found.numeric).toMatchObject([
      { count: 2, nonFinite: 2, invalid: 0, missing: 1 },
      { count: 1, nonFinite: 2, invalid: 1, missing: 1 },
    ]);
  });
  it('have the sum that their values have one by one', () => {
    fc.assert(
      fc.property(chunk, (values) => {
        const [all, each] = [new ExactSum(1e3), new ExactSum(1e3)];
        all.addAll(Float64Array.from(values), Math.max(0, ...values.map(Math.abs)));
        for (const value of values) each.add(value);
        expect(all.mean()).toBe(each.mean());
      }),
    );
  });
});
