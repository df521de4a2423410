import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { countColumns } from '../../analysis/count.js';
import { Brackets, describeSorted, Survey } from '../../analysis/order-statistics.js';
import { profileFile } from '../../analysis/profile.js';
import { seeded } from '../../analysis/random.js';
import { openFiles } from '../../analysis/relation.js';
import { countInto } from '../../domain/stats/bins.js';
import { BinIndex } from '../../domain/stats/bin-index.js';
import { ExactSum } from '../../domain/stats/exact-sum.js';
import { scratch } from './scratch.js';

const seed = Date.now() % 2_147_483_647;
console.info(`fast-check seed ${seed}`);
fc.configureGlobal({ seed });

const finite = fc.double({ noNaN: true, noDefaultInfinity: true });
const value = fc.oneof(
  finite,
  fc.integer({ min: -3, max: 3 }),
  fc.constant(-0),
  fc.double({ min: 0, max: 1, noNaN: true }),
);
const values = fc.array(value, { minLength: 1, maxLength: 600 });

describe('the index of bins', () => {
  it('finds the bin that a search of all edges finds', () => {
    fc.assert(
      fc.property(values, values, (some, others) => {
        const edges = [...new Set(some.map((edge) => edge + 0))].sort((a, b) => a - b);
        const index = new BinIndex(edges);
        const found = Array.from({ length: edges.length + 1 }, () => 0);
        for (const one of [...some, ...others]) {
          const bin = index.binOf(one);
          found[bin] = (found[bin] ?? 0) + 1;
        }
        expect(found).toEqual(countInto(edges, [...some, ...others]));
      }),
    );
  });
});

describe('an exact sum', () => {
  it('has the same mean in any order, and the right one', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { minLength: 1 }),
        (terms) => {
          const mean = (of: readonly number[]) => {
            const sum = new ExactSum(1e6);
            for (const term of of) sum.add(term);
            return sum.mean();
          };
          const found = mean(terms);
          expect(mean([...terms].reverse())).toBe(found);
          expect(mean([...terms].sort((a, b) => a - b))).toBe(found);
          const plain = terms.reduce((all, term) => all + term, 0) / terms.length;
          expect(found).toBeCloseTo(plain, 6);
        },
      ),
    );
  });
  it('keeps what is far smaller than the largest', () => {
    const sum = new ExactSum(1e6);
    for (const term of [1e6, 1e-6, -1e6, 1e-6]) sum.add(term);
    expect(sum.mean()).toBeCloseTo(5e-7, 14);
  });
  it('has no mean without terms and beyond the largest double', () => {
    expect(new ExactSum(1).mean()).toBeNull();
    const sum = new ExactSum(1e308);
    for (let i = 0; i < 4; i += 1) sum.add(1.5e308);
    expect(sum.mean()).toBeNull();
  });
});

describe('order statistics without sorting', () => {
  const chunked = (all: readonly number[], look: (chunk: Float64Array) => void) => {
    for (let i = 0; i < all.length; i += 100) look(Float64Array.from(all.slice(i, i + 100)));
  };
  const bySorting = (all: readonly number[]) => {
    const sorted = Float64Array.from(all, (one) => one + 0).sort();
    const largest = Math.max(Math.abs(sorted[0] ?? 0), Math.abs(sorted.at(-1) ?? 0));
    return describeSorted(sorted, largest);
  };
  const byBrackets = (all: readonly number[], sample: number) => {
    const survey = new Survey(sample);
    chunked(all, (chunk) => {
      survey.add(chunk);
    });
    const brackets = new Brackets(survey);
    chunked(all, (chunk) => {
      brackets.count(chunk);
    });
    const kept = brackets.choose();
    chunked(all, (chunk) => {
      brackets.keep(chunk);
    });
    return { described: brackets.describe(), kept };
  };

  it('are those that sorting gives, bit for bit', () => {
    fc.assert(
      fc.property(values, fc.integer({ min: 9, max: 200 }), (all, sample) => {
        expect(byBrackets(all, sample).described).toEqual(bySorting(all));
      }),
    );
  });
  it.each([
    [
      'normal',
      (random: () => number) => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(7 * random()),
    ],
    ['heavy in one value', (random: () => number) => (random() < 0.6 ? 0 : random())],
    ['of few values', (random: () => number) => Math.floor(random() * 5)],
    ['with a long tail', (random: () => number) => Math.exp(20 * random())],
  ] as const)('of a column that is %s keep few of its values', (_name, draw) => {
    const random = seeded(11);
    const all = Array.from({ length: 200_000 }, () => draw(() => random.fraction()));
    const { described, kept } = byBrackets(all, 20_000);
    expect(described).toEqual(bySorting(all));
    expect(kept).toBeLessThan(all.length / 5);
  });
  it('are those of sorting in a file with more rows than are kept', async () => {
    const { duck, dir } = await scratch();
    const file = `${dir}/large.parquet`;
    await duck.rows(
      `copy (select (hash(i) % 100003) / 7.0 as x, nullif(i % 9, 8) as k from range(300000) t(i)) to '${file}' (format parquet)`,
    );
    const profile = await profileFile(duck, { files: [file], format: 'parquet' });
    for (const column of profile.columns) {
      if (column.kind !== 'numeric') throw new Error('both columns are numbers');
      const [sorted] = await duck.doubles(
        `select "${column.name}"::double from '${file}' where "${column.name}" is not null order by 1`,
      );
      const wanted = describeSorted(sorted ?? new Float64Array(), Math.abs(column.max ?? 0));
      expect(column).toMatchObject({
        count: sorted?.length,
        fineEdges: wanted.edges.fine,
        fineCounts: wanted.fineCounts,
        edges: wanted.edges.coarse,
        mean: wanted.mean,
        std: wanted.std,
      });
    }
  });
});

describe('counting in one scan', () => {
  const cell = fc.oneof(
    fc.constantFrom(
      '',
      ' ',
      'NaN',
      'nan',
      'Infinity',
      '-Infinity',
      '-inf',
      '1e400',
      'NULL',
      '1,5',
      '1_000',
      ' 2 ',
      '3.0',
      '3',
      '-0',
      '\t4',
    ),
    value.map(String),
    fc.string({ maxLength: 5 }),
    fc.string({ minLength: 250, maxLength: 300 }),
  );
  const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`;

  it('gives the counts of one statement for each', async () => {
    const { duck, write } = await scratch();
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(cell, cell), { minLength: 1, maxLength: 80 }),
        fc.array(cell, { maxLength: 10 }),
        fc.constantFrom('csv', 'jsonl'),
        async (rows, texts, format) => {
          const text =
            format === 'csv'
              ? `n,c\n${rows.map(([n, c]) => `${quoted(n)},${quoted(c)}`).join('\n')}\n`
              : `{"n": "x", "c": "x"}\n${rows.map(([n, c]) => JSON.stringify({ n: n === 'NULL' ? null : n, c: `t${c}` })).join('\n')}`;
          const file = write(`any.${format}`, text);
          const relation = await openFiles(duck, { files: [file], format });
          const [number, category] = relation.columns;
          if (number === undefined || category === undefined) throw new Error('two columns');
          const domain = [
            ...new Set(texts.map((one) => (format === 'csv' ? one : `t${one}`))),
          ].filter(
            (one) =>
              one.trim() !== '' && !/^-?[0-9]+\.0+$/.test(one) && Array.from(one).length <= 256,
          );
          const edges = [-1, 0, 0.5, 2, 3];
          const found = await countColumns(duck, relation, {
            numeric: [{ column: number, edges, range: { min: 0, max: 3 } }],
            categorical: [{ column: category, domain }],
          });
          const absent = (name: string) =>
            format === 'csv' ? `(${name} is null or trim(${name}) = '')` : `(${name} is null)`;
          const x = 'try_cast(trim(n) as double)';
          const wanted = await duck.row(
            `select count(*) as rows,
               count(*) filter (where ${absent('n')} or coalesce(isnan(${x}), false)) as missing,
               count(*) filter (where not ${absent('n')} and ${x} is null) as invalid,
               count(*) filter (where isinf(${x})) as infinite,
               count(*) filter (where isfinite(${x})) as finite,
               count(*) filter (where isfinite(${x}) and ${x} < 0) as below,
               count(*) filter (where isfinite(${x}) and ${x} > 3) as above
             from ${relation.from}`,
            relation.bound,
          );
          const [numbers] = found.numeric;
          expect({
            rows: `${found.rows}`,
            missing: `${numbers?.missing}`,
            invalid: `${numbers?.invalid}`,
            infinite: `${numbers?.nonFinite}`,
            finite: `${numbers?.count}`,
            below: `${numbers?.belowMin}`,
            above: `${numbers?.aboveMax}`,
          }).toEqual(wanted);
          const [list] = await duck.doubles(
            `select ${x} from ${relation.from} where isfinite(${x})`,
            relation.bound,
          );
          expect(numbers?.fineCounts).toEqual(countInto(edges, [...(list ?? [])]));

          const long = `(case when length(c) > 256 then left(c, 200) || '… ' || md5(c) else c end)`;
          const values = await duck.rows(
            `select case when not ${absent('c')} then regexp_replace(${long}, '^(-?[0-9]+)\\.0+$', '\\1') end as v, count(*) as n
             from ${relation.from} group by 1 order by n desc, v`,
            relation.bound,
          );
          const all = values.map((row) => ({
            value: typeof row['v'] === 'string' ? row['v'] : null,
            count: Number(row['n']),
          }));
          const [categories] = found.categorical;
          expect(categories).toEqual({
            known: domain.map((one) => all.find((row) => row.value === one)?.count ?? 0),
            missing: all.find((row) => row.value === null)?.count ?? 0,
            fresh: all.filter((row) => row.value !== null && !domain.includes(row.value)),
            outside: all
              .filter((row) => row.value !== null && !domain.includes(row.value))
              .reduce((sum, row) => sum + row.count, 0),
            count: all.filter((row) => row.value !== null).reduce((sum, row) => sum + row.count, 0),
          });
        },
      ),
      { numRuns: 60 },
    );
  });
});
