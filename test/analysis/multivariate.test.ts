import { describe, expect, it } from 'vitest';

import { compareTogether, readSides } from '../../analysis/multivariate.js';
import { seeded } from '../../analysis/random.js';
import type { Random } from '../../analysis/random.js';
import type { SampledColumn, SampledSides } from '../../analysis/row-sample.js';
import { normalQuantile } from '../../analysis/tails.js';
import { judgeMultivariate, multivariateLimits } from '../../domain/multivariate.js';
import type { MultivariateMethod } from '../../domain/multivariate.js';
import { csv, scratch } from './scratch.js';

const SEED = 20_261_130;
const METHODS = ['domain-classifier', 'pca'] as const;

const normal = (random: Random): number =>
  normalQuantile((random.fraction() + 1e-12) / (1 + 2e-12));

interface World {
  readonly rows: number;
  readonly correlation: number;
  readonly shift?: number;
  /** Columns that have nothing to do with the two. */
  readonly others?: number;
}

/** Two correlated columns, others that are not, and a category, as arrays. */
function side(random: Random, { rows, correlation, shift = 0, others = 6 }: World): Float64Array[] {
  const columns = Array.from({ length: others + 3 }, () => new Float64Array(rows));
  for (let row = 0; row < rows; row += 1) {
    const x = normal(random);
    const y = correlation * x + Math.sqrt(1 - correlation ** 2) * normal(random);
    [x + shift, y, random.index(3)].forEach((value, i) => {
      const column = columns[i];
      if (column !== undefined) column[row] = value;
    });
    for (const column of columns.slice(3)) column[row] = -Math.log(1 - random.fraction());
  }
  return columns;
}

function sides(random: Random, reference: World, window: World): SampledSides {
  const [before, now] = [side(random, reference), side(random, window)];
  const size = (rows: number) => ({ rows, sampled: rows });
  return {
    reference: size(reference.rows),
    window: size(window.rows),
    columns: before.map((values, i): SampledColumn => {
      const both = { reference: values, window: now[i] ?? new Float64Array() };
      const name = ['x', 'y', 'city'][i] ?? `e${i - 2}`;
      return i === 2
        ? { kind: 'categorical', name, values: ['Rome', 'Oslo', 'Bern'], ...both }
        : { kind: 'numeric', name, ...both };
    }),
    leftOut: [],
  };
}

async function verdictOn(method: MultivariateMethod, found: SampledSides, seed = 1) {
  const reading = await readSides(found, { method, seed });
  return { reading, ...judgeMultivariate(reading, multivariateLimits(method)) };
}

describe(`columns together (seed ${SEED})`, () => {
  it.each(METHODS)(
    'sees a correlation that turns round while every column alone looks as ever: %s',
    async (method) => {
      const found = sides(
        seeded(SEED),
        { rows: 2_000, correlation: 0.8 },
        { rows: 500, correlation: -0.8 },
      );
      const { kind, reasons, reading } = await verdictOn(method, found);
      expect(kind).toBe('drift');
      expect(reasons[0]).toMatch(/^columns x and y moved together differently/);
      expect(
        reading.columns
          .slice(0, 2)
          .map(({ name }) => name)
          .sort(),
      ).toEqual(['x', 'y']);
      expect(reading.pairs[0]?.reference).toBeGreaterThan(0.6);
      expect(reading.pairs[0]?.window).toBeLessThan(-0.6);
    },
  );

  it('sees two columns that begin to depend on each other without any correlation', async () => {
    const random = seeded(SEED + 1);
    const found = sides(random, { rows: 1_500, correlation: 0 }, { rows: 500, correlation: 0 });
    const [x, y] = found.columns;
    if (x === undefined || y === undefined) throw new Error('there are columns');
    // As large as x, its sign by chance.
    x.window.forEach((value, row) => {
      y.window[row] = Math.abs(value) * (random.index(2) === 0 ? 1 : -1);
    });
    const { kind, reasons } = await verdictOn('domain-classifier', found);
    expect([kind, reasons[0]]).toEqual(['drift', expect.stringMatching(/^columns x and y moved/)]);
  });

  it('sees a number and a category that part', async () => {
    const random = seeded(SEED + 2);
    const found = sides(random, { rows: 1_500, correlation: 0 }, { rows: 500, correlation: 0 });
    const [x, , city] = found.columns;
    if (x === undefined || city === undefined) throw new Error('there are columns');
    for (const one of ['reference', 'window'] as const)
      x[one].forEach((value, row) => {
        const sign = city[one][row] === 0 ? 1 : -1;
        // Rome has the larger half before, and the smaller one now.
        x[one][row] =
          (one === 'reference' ? sign : city[one][row] === 1 ? 1 : -1) * Math.abs(value);
      });
    const { kind, reasons } = await verdictOn('domain-classifier', found);
    expect([kind, reasons[0]]).toEqual(['drift', expect.stringMatching(/columns x and city/)]);
  });

  it.each([
    ['domain-classifier', /^column x moved$/],
    ['pca', /^columns? .*x.* moved$/],
  ] as const)('names the column that moved by itself: %s', async (method, reason) => {
    const found = sides(
      seeded(SEED + 3),
      { rows: 2_000, correlation: 0.8, others: 1 },
      { rows: 1_000, correlation: 0.8, others: 1, shift: 1.5 },
    );
    const { kind, reasons } = await verdictOn(method, found);
    expect([kind, reasons[0]]).toEqual(['drift', expect.stringMatching(reason)]);
  });

  it.each(METHODS)('raises no alarm in 200 quiet windows of 500 rows: %s', async (method) => {
    const random = seeded(SEED + 4);
    let [warned, drifted] = [0, 0];
    for (let world = 0; world < 200; world += 1) {
      const quiet = { rows: 500, correlation: 0.8 };
      const { kind } = await verdictOn(method, sides(random, quiet, quiet), world);
      if (kind !== 'ok') warned += 1;
      if (kind === 'drift') drifted += 1;
    }
    expect([drifted, warned <= 2]).toEqual([0, true]);
  });

  it.each(METHODS)(
    'has p-values that chance spreads evenly in quiet windows: %s',
    async (method) => {
      const random = seeded(SEED + 5);
      let small = 0;
      for (let world = 0; world < 100; world += 1) {
        const quiet = { rows: 300, correlation: 0.5, others: 2 };
        const { reading } = await verdictOn(method, sides(random, quiet, quiet), world);
        if ((reading.statistic?.pValue ?? 0) < 0.1) small += 1;
      }
      // Ten are expected; 21 would come once in a thousand times.
      expect(small).toBeLessThan(21);
    },
  );

  it.each(METHODS)(
    'says the same for the same seed, and stops when told to: %s',
    async (method) => {
      const quiet = { rows: 300, correlation: 0.5 };
      const found = sides(seeded(SEED + 6), quiet, quiet);
      const [once, again] = [await verdictOn(method, found, 7), await verdictOn(method, found, 7)];
      expect(again).toEqual(once);
      const stop = new AbortController();
      stop.abort();
      await expect(readSides(found, { method, seed: 7, signal: stop.signal })).rejects.toThrow();
    },
  );
});

describe('columns of files together', () => {
  const rows = (count: number, seed: number, sign = 1): (string | number)[][] => {
    const random = seeded(seed);
    return Array.from({ length: count }, (_, i) => {
      const x = normal(random);
      const y = sign * x + 0.3 * normal(random);
      const missing = random.index(10) === 0 ? '' : y;
      return [x, missing, ['a', 'b'][random.index(2)] ?? '', 7, `id-${seed}-${i}`, ''];
    });
  };
  const HEADER = `x,"y"";drop table ""t",city,still,id,empty`;

  it.each(METHODS)('takes missing values, constants, ids and hostile names: %s', async (method) => {
    const { duck, write } = await scratch();
    const reference = write('reference.csv', csv(HEADER, rows(1_000, 1)));
    const window = write('window.csv', csv(HEADER, rows(600, 2, -1)));
    const reading = await compareTogether(duck, {
      method,
      seed: 1,
      most: 10_000,
      reference: { files: [reference], format: 'csv' },
      window: { files: [window], format: 'csv' },
      specs: [],
      ignore: [],
    });
    const { kind, reasons } = judgeMultivariate(reading, multivariateLimits(method));
    expect([kind, reasons[0]]).toEqual([
      'drift',
      expect.stringContaining('columns x and y";drop table "t moved together differently'),
    ]);
    expect(reading.leftOut).toEqual([
      { name: 'id', reason: 'its values hardly repeat' },
      { name: 'empty', reason: 'it has no value in the reference' },
      { name: 'still', reason: 'it does not vary' },
    ]);
  });

  it('draws no more rows than asked for, the same ones for the same seed', async () => {
    const { duck, write } = await scratch();
    const reference = write('reference.csv', csv(HEADER, rows(5_000, 1)));
    const window = write('window.csv', csv(HEADER, rows(300, 2)));
    const read = (seed: number) =>
      compareTogether(duck, {
        method: 'domain-classifier',
        seed,
        most: 400,
        reference: { files: [reference], format: 'csv' },
        window: { files: [window], format: 'csv' },
        specs: [],
        ignore: ['id'],
      });
    const [once, again, other] = [await read(3), await read(3), await read(4)];
    expect(once.reference).toEqual({ rows: 5_000, sampled: 400 });
    expect(once.window).toEqual({ rows: 300, sampled: 300 });
    expect(again).toEqual(once);
    expect(other.statistic).not.toEqual(once.statistic);
  });
});
