import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { mcc, rocAuc } from '../../../domain/stats/binary-metrics.js';
import { biasDistance, biasOf } from '../../../domain/stats/bias.js';
import { deLong } from '../../../domain/stats/delong.js';
import { ascendingOrder } from '../../../domain/stats/ranks.js';
import { rowMetric } from '../../../domain/stats/row-metrics.js';
import type { GateMetric } from '../../../domain/stats/types.js';

const seed = Date.now() % 1_000_000_000;
console.log(`fast-check seed ${seed}`);

/** Scores in few steps, so that there are ties. */
const row = fc.record({
  label: fc.constantFrom(0, 1),
  score: fc.integer({ min: 0, max: 20 }).map((step) => step / 20),
  times: fc.integer({ min: 0, max: 3 }),
});
const rows = fc.array(row, { minLength: 4, maxLength: 60 });
type Row = typeof row extends fc.Arbitrary<infer Value> ? Value : never;

const labelsOf = (some: readonly Row[]) => some.map(({ label }) => label);
const scoresOf = (some: readonly Row[]) => some.map(({ score }) => score);

/** What each metric is by its definition, row by row, without sums or orders. */
const BY_DEFINITION: Readonly<Record<string, (some: readonly Row[]) => number>> = {
  roc_auc: (some) => {
    const pairs = some
      .filter(({ label }) => label === 1)
      .flatMap((one) =>
        some
          .filter(({ label }) => label === 0)
          .map((other) => (one.score > other.score ? 1 : one.score === other.score ? 0.5 : 0)),
      );
    return pairs.reduce<number>((sum, pair) => sum + pair, 0) / pairs.length;
  },
  accuracy: (some) => mean(some.map(({ label, score }) => Number(score >= 0.5 === (label === 1)))),
  brier: (some) => mean(some.map(({ label, score }) => (label - score) ** 2)),
  mae: (some) => mean(some.map(({ label, score }) => Math.abs(label - score))),
  rmse: (some) => Math.sqrt(mean(some.map(({ label, score }) => (label - score) ** 2))),
  r2: (some) => {
    const middle = mean(labelsOf(some));
    const spread = mean(some.map(({ label }) => (label - middle) ** 2));
    return 1 - mean(some.map(({ label, score }) => (label - score) ** 2)) / spread;
  },
  ece: (some) => {
    const edges = Array.from({ length: 10 }, (_, i) => [i / 10, (i + 1) / 10] as const);
    const gaps = edges.map(([from, to], i) => {
      const inside = some.filter(({ score }) => (score > from || i === 0) && score <= to);
      if (inside.length === 0) return 0;
      const gap = Math.abs(mean(scoresOf(inside)) - mean(labelsOf(inside)));
      return (gap * inside.length) / some.length;
    });
    return gaps.reduce((sum, gap) => sum + gap, 0);
  },
  p95_latency_ms: (some) => {
    const sorted = scoresOf(some).sort((a, b) => a - b);
    return sorted[Math.ceil(0.95 * sorted.length - 1e-9) - 1] ?? Number.NaN;
  },
};

const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;

function same(found: number, expected: number): void {
  if (!Number.isFinite(expected)) expect(Number.isFinite(found)).toBe(false);
  else expect(Math.abs(found - expected)).toBeLessThan(1e-9);
}

describe('a metric of rows', () => {
  it.each(Object.keys(BY_DEFINITION) as GateMetric[])(
    'is what its definition says, each row once or several times (%s)',
    (metric) => {
      const definition = BY_DEFINITION[metric];
      fc.assert(
        fc.property(rows, (some) => {
          const ready = rowMetric(metric, labelsOf(some), scoresOf(some));
          same(ready?.(null) ?? Number.NaN, definition?.(some) ?? Number.NaN);
          const repeated = some.flatMap((one) => Array.from({ length: one.times }, () => one));
          const times = some.map((one) => one.times);
          const expected =
            repeated.length === 0 ? Number.NaN : (definition?.(repeated) ?? Number.NaN);
          same(ready?.(times) ?? Number.NaN, expected);
        }),
        { seed, numRuns: 200 },
      );
    },
  );
  it('is the share of rows with another decision, for flips', () => {
    const flips = rowMetric('prediction_flip_share', [0, 1, 1], [0.5, 0.4, 0.9], [0.4, 0.3, 0.9]);
    expect(flips?.(null)).toBeCloseTo(1 / 3, 12);
    expect(flips?.([0, 1, 1])).toBe(0);
    expect(rowMetric('prediction_flip_share', [0], [0])).toBeNull();
  });
  it('is not a number for a percentage of a label of 0, and for labels that are all the same', () => {
    expect(rowMetric('mape', [0, 2], [1, 1])?.(null)).toBeNaN();
    expect(rowMetric('mape', [4, 2], [3, 1])?.(null)).toBeCloseTo(0.375, 12);
    expect(rowMetric('r2', [0.1, 0.1, 0.1], [1, 2, 3])?.(null)).toBeNaN();
  });
  it('is nothing for what is not computed from rows', () => {
    expect(rowMetric('model_size_mb', [0], [0])).toBeNull();
    expect(rowMetric('custom', [0], [0])).toBeNull();
  });
});

describe('the order of many values', () => {
  it('is the one that comparing gives, ties and signs included', () => {
    const value = fc.oneof(
      fc.double({ noNaN: true }),
      fc.integer({ min: -3, max: 3 }),
      fc.constantFrom(0, -0, Infinity, -Infinity, Number.MIN_VALUE, -Number.MIN_VALUE),
    );
    fc.assert(
      fc.property(fc.array(value, { minLength: 1, maxLength: 50 }), (some) => {
        const values = Array.from({ length: 5_000 }, (_, i) => some[i % some.length] ?? 0);
        const expected = values
          .map((_, i) => i)
          .sort((a, b) => {
            const [x, y] = [values[a] ?? 0, values[b] ?? 0];
            return x < y ? -1 : x > y ? 1 : a - b;
          });
        expect([...ascendingOrder(values)]).toEqual(expected);
      }),
      { seed, numRuns: 20 },
    );
  });
});

describe('DeLong', () => {
  it('has the AUC of all pairs, and the variance of its definition', () => {
    fc.assert(
      fc.property(rows, (some) => {
        const found = deLong(labelsOf(some), scoresOf(some));
        const [positives, negatives] = [1, 0].map((label) =>
          scoresOf(some.filter((one) => one.label === label)),
        );
        if (positives === undefined || negatives === undefined) return;
        if (positives.length < 2 || negatives.length < 2) {
          expect(found).toBeNull();
          return;
        }
        same(found?.auc ?? Number.NaN, rocAuc(labelsOf(some), scoresOf(some)));
        const wins = (x: number, y: number) => (x > y ? 1 : x === y ? 0.5 : 0);
        const of = (values: readonly number[]) => {
          const middle = mean(values);
          const squares = values.reduce((sum, value) => sum + (value - middle) ** 2, 0);
          return squares / (values.length - 1) / values.length;
        };
        const variance =
          of(positives.map((x) => mean(negatives.map((y) => wins(x, y))))) +
          of(negatives.map((y) => mean(positives.map((x) => wins(x, y)))));
        same(found?.variance ?? Number.NaN, variance);
      }),
      { seed, numRuns: 200 },
    );
  });
});

describe('Matthews correlation', () => {
  it('is 1, −1 and 0 where it must be', () => {
    expect(mcc({ tp: 3, fp: 0, fn: 0, tn: 5 })).toBeCloseTo(1, 12);
    expect(mcc({ tp: 0, fp: 5, fn: 3, tn: 0 })).toBeCloseTo(-1, 12);
    expect(mcc({ tp: 3, fp: 5, fn: 0, tn: 0 })).toBe(0);
    expect(mcc({ tp: 2, fp: 2, fn: 3, tn: 3 })).toBeCloseTo(0, 12);
  });
});

describe('bias', () => {
  const a = { tp: 30, fp: 10, fn: 20, tn: 40 };
  const d = { tp: 10, fp: 10, fn: 15, tn: 15 };
  it.each([
    ['dppl', 0.4 - 0.4],
    ['di', 1],
    ['ad', 0.7 - 0.5],
    ['rd', 0.6 - 0.4],
    ['sd', 0.8 - 0.6],
    ['dar', 0.75 - 0.5],
  ] as const)('%s is the others less the group', (metric, expected) => {
    expect(biasOf(metric, a, d)).toBeCloseTo(expected, 12);
  });
  it('is not a number without anybody to compute it from', () => {
    expect(biasOf('rd', a, { tp: 0, fp: 3, fn: 0, tn: 3 })).toBeNaN();
  });
  it('is as far for a ratio as for its inverse', () => {
    expect(biasDistance('di', 0.5)).toBeCloseTo(biasDistance('di', 2), 12);
    expect(biasDistance('dppl', -0.1)).toBe(0.1);
  });
});
