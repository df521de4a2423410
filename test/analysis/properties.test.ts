import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { compareWindow } from '../../analysis/drift.js';
import { profileFile } from '../../analysis/profile.js';
import { rocAuc } from '../../domain/stats/binary-metrics.js';
import { coarsen, countInto, edgesFromRanks } from '../../domain/stats/bins.js';
import { chiSquare } from '../../domain/stats/chi-square.js';
import { deLong } from '../../domain/stats/delong.js';
import {
  dropEmpty,
  hellinger,
  jsDistance,
  linf,
  psi,
  total,
  tvd,
} from '../../domain/stats/distances.js';
import { ksBounds, ksDistance, nextDown } from '../../domain/stats/kolmogorov.js';
import { benjaminiHochberg, holm, holmLevels } from '../../domain/stats/multiple-testing.js';
import { newcombe, pooledZ, wilson } from '../../domain/stats/proportions.js';
import { detect, scratch } from './scratch.js';

const seed = Date.now() % 2_147_483_647;
console.info(`fast-check seed ${seed}`);
fc.configureGlobal({ seed });

const finite = fc.double({ noNaN: true, noDefaultInfinity: true });
const ties = fc.oneof(finite, fc.integer({ min: -3, max: 3 }), fc.constant(-0));
const sample = fc.array(ties, { minLength: 1, maxLength: 400 });
const counts = fc
  .array(fc.tuple(fc.nat(50), fc.nat(50)), { minLength: 1, maxLength: 30 })
  .map((pairs) => ({
    baseline: [...pairs.map(([count]) => count), 1],
    window: [...pairs.map(([, count]) => count), 1],
  }));

function sorted(values: readonly number[]): readonly number[] {
  return values.map((value) => value + 0).sort((a, b) => a - b);
}

describe('bins of any sample', () => {
  it('hold every value once, on both resolutions', () => {
    fc.assert(
      fc.property(sample, sample, (reference, current) => {
        const baseline = sorted(reference);
        const edges = edgesFromRanks(baseline.length, (rank) => baseline[rank - 1] ?? Number.NaN);
        for (const values of [baseline, current]) {
          const fine = countInto(edges.fine, values);
          expect(total(fine)).toBe(values.length);
          expect(total(coarsen(edges, fine))).toBe(values.length);
          expect(coarsen(edges, fine)).toEqual(countInto(edges.coarse, values));
        }
      }),
    );
  });
  it('have the Kolmogorov–Smirnov distance between their bounds', () => {
    fc.assert(
      fc.property(sample, sample, (reference, current) => {
        const [baseline, window] = [sorted(reference), sorted(current)];
        const { fine } = edgesFromRanks(baseline.length, (rank) => baseline[rank - 1] ?? 0);
        const bounds = ksBounds(
          { baseline: countInto(fine, baseline), window: countInto(fine, window) },
          fine,
        );
        const exact = ksDistance(baseline, window);
        expect(bounds.lower).toBeLessThanOrEqual(exact + 1e-12);
        expect(bounds.upper).toBeGreaterThanOrEqual(exact - 1e-12);
      }),
    );
  });
});

describe('distances of any counts', () => {
  it('are numbers in their range, and 0 for the same shares', () => {
    fc.assert(
      fc.property(counts, (raw) => {
        const pair = dropEmpty(raw);
        expect(psi(pair)).toBeGreaterThanOrEqual(0);
        for (const distance of [jsDistance, hellinger, tvd, linf]) {
          expect(distance(pair)).toBeGreaterThanOrEqual(0);
          expect(distance(pair)).toBeLessThanOrEqual(1 + 1e-12);
          const same = { baseline: pair.baseline, window: pair.baseline.map((n) => 3 * n) };
          expect(distance(dropEmpty(same))).toBeLessThan(1e-7);
        }
        const chi = chiSquare(pair);
        expect(chi.statistic).toBeGreaterThanOrEqual(0);
        expect(chi.df).toBe(Math.max(0, chi.columns - 1));
      }),
    );
  });
  it('do not mind which side is which, nor the order of the categories', () => {
    fc.assert(
      fc.property(counts, (pair) => {
        const swapped = { baseline: pair.window, window: pair.baseline };
        const turned = {
          baseline: [...pair.baseline].reverse(),
          window: [...pair.window].reverse(),
        };
        for (const distance of [jsDistance, hellinger, tvd, linf]) {
          const wanted = distance(dropEmpty(pair));
          expect(distance(dropEmpty(swapped))).toBeCloseTo(wanted, 7);
          expect(distance(dropEmpty(turned))).toBeCloseTo(wanted, 7);
        }
      }),
    );
  });
});

describe('any p-values', () => {
  const pValues = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 20 });
  it('only grow by adjusting, Holm at least as much as Benjamini–Hochberg', () => {
    fc.assert(
      fc.property(pValues, (p) => {
        const [bh, strict] = [benjaminiHochberg(p), holm(p)];
        p.forEach((value, i) => {
          expect(bh[i]).toBeGreaterThanOrEqual(value);
          expect((strict[i] ?? 0) + 1e-15).toBeGreaterThanOrEqual(bh[i] ?? 1);
          expect(strict[i]).toBeLessThanOrEqual(1);
        });
      }),
    );
  });
  it('are significant by Holm exactly below their own step', () => {
    fc.assert(
      fc.property(pValues, (p) => {
        const levels = holmLevels(p, 0.05);
        holm(p).forEach((adjusted, i) => {
          // The two ways round differently on the very limit.
          if (Math.abs(adjusted - 0.05) > 1e-12) {
            expect((p[i] ?? 1) < (levels[i] ?? 0)).toBe(adjusted < 0.05);
          }
        });
      }),
    );
  });
});

describe('any proportions', () => {
  const proportion = fc
    .tuple(fc.integer({ min: 1, max: 10_000 }), fc.double({ min: 0, max: 1, noNaN: true }))
    .map(([n, share]) => ({ x: Math.floor(n * share), n }));
  it('lie in their intervals', () => {
    fc.assert(
      fc.property(proportion, proportion, (a, b) => {
        const own = wilson(a, 1.96);
        expect(own.lower).toBeLessThanOrEqual(a.x / a.n + 1e-12);
        expect(own.upper).toBeGreaterThanOrEqual(a.x / a.n - 1e-12);
        const between = newcombe(a, b, 1.96);
        const difference = b.x / b.n - a.x / a.n;
        expect(between.lower).toBeLessThanOrEqual(difference + 1e-12);
        expect(between.upper).toBeGreaterThanOrEqual(difference - 1e-12);
        expect(pooledZ(a, b)).not.toBeNaN();
      }),
    );
  });
});

describe('any scores', () => {
  const rows = fc.array(fc.tuple(fc.constantFrom(0, 1), ties), { minLength: 8, maxLength: 200 });
  it('have the same ROC AUC by ranks, by DeLong and in any order', () => {
    fc.assert(
      fc.property(rows, (pairs) => {
        const all = [...pairs, [0, 0], [0, 1], [1, 0], [1, 1]] as const;
        const labels = all.map(([label]) => label);
        const scores = all.map(([, score]) => score);
        const auc = rocAuc(labels, scores);
        const found = deLong(labels, scores);
        expect(found?.auc).toBeCloseTo(auc, 10);
        expect(found?.variance).toBeGreaterThanOrEqual(0);
        expect(rocAuc([...labels].reverse(), [...scores].reverse())).toBeCloseTo(auc, 12);
      }),
    );
  });
});

describe('nextDown', () => {
  it('is the neighbour below', () => {
    fc.assert(
      fc.property(finite, (x) => {
        fc.pre(x > -Number.MAX_VALUE);
        const below = nextDown(x);
        expect(below).toBeLessThan(x);
        expect([below, x]).toContain(below / 2 + x / 2);
      }),
    );
  });
});

interface MixedRow {
  readonly number: number | string | null;
  readonly text: number | string | null;
}

describe('any file', () => {
  const cell = fc.oneof(
    ties,
    fc.constantFrom(null, 'NaN', 'Infinity', '-Infinity', '1e400', '', ' ', 'NULL', '1,5'),
    fc.string({ maxLength: 12 }),
  );
  const rows = fc.array(fc.record({ number: cell, text: cell }), { minLength: 1, maxLength: 60 });

  it('is compared without a NaN, and alike in any order of its rows', async () => {
    const { duck, write } = await scratch();
    const columns = [
      { name: 'number', kind: 'numeric' },
      { name: 'text', kind: 'categorical' },
    ] as const;
    const asLines = (values: readonly MixedRow[]) =>
      values
        .map(({ number, text }) =>
          JSON.stringify({
            number: number === null ? null : String(number),
            text: text === null ? null : `t${String(text)}`,
          }),
        )
        .join('\n');
    await fc.assert(
      fc.asyncProperty(rows, rows, async (reference, current) => {
        const compare = async (a: readonly MixedRow[], b: readonly MixedRow[]) => {
          // A first row that makes both columns text for the reader, whatever follows.
          const first = { number: 'x', text: '' };
          const profile = await profileFile(duck, {
            files: [write('a.jsonl', asLines([first, ...a]))],
            format: 'jsonl',
            columns,
          });
          const window = {
            files: [write('b.jsonl', asLines([first, ...b]))],
            format: 'jsonl',
          } as const;
          const result = await compareWindow(duck, {
            profile,
            window,
            detect: { ...detect, minRows: 1 },
          });
          return { profile, result };
        };
        const found = await compare(reference, current);
        for (const column of found.result.columns) {
          const missing = column.missing?.window ?? 0;
          const left = (column.invalid?.window ?? 0) + (column.nonFinite?.window ?? 0);
          const all = found.result.rows;
          expect(Math.round((missing + left) * all) + column.rows).toBe(all);
        }
        expect(JSON.stringify(found)).not.toContain('NaN,');
        expect(JSON.parse(JSON.stringify(found))).toEqual(found);
        expect(await compare([...reference].reverse(), [...current].reverse())).toEqual(found);
      }),
      { numRuns: 25 },
    );
  });
});
