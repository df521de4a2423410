import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { densityOf, type Density, type DensityCounts } from '../../../domain/stats/density.js';

/** Fine edges and counts as a profile has them. */
function countsOf(values: readonly number[], window: readonly number[]): DensityCounts {
  const sorted = [...values].sort((a, b) => a - b);
  const n = sorted.length;
  const edges = Array.from({ length: 199 }, (_, i) => sorted[Math.ceil((n * (i + 1)) / 200) - 1])
    .filter((edge) => edge !== undefined)
    .filter((edge, i, all) => i === 0 || edge !== all[i - 1]);
  const count = (side: readonly number[]) => {
    const counts = Array.from({ length: edges.length + 1 }, () => 0);
    for (const value of side) {
      const bin = edges.filter((edge) => edge < value).length;
      counts[bin] = (counts[bin] ?? 0) + 1;
    }
    return counts;
  };
  const [min, max] = [sorted[0] ?? 0, sorted.at(-1) ?? 0];
  return {
    fineEdges: edges,
    baseline: count(values),
    window: count(window),
    min,
    max,
    belowMin: window.filter((value) => value < min).length,
    aboveMax: window.filter((value) => value > max).length,
  };
}

const even = (count: number, from: number, to: number) =>
  Array.from({ length: count }, (_, i) => from + ((to - from) * (i + 0.5)) / count);
const drawn = (values: readonly number[], window: readonly number[]): Density | null =>
  densityOf(countsOf(values, window));
const sum = (numbers: readonly number[] = []) => numbers.reduce((all, one) => all + one, 0);

describe('the density of a column', () => {
  it('is flat where values are even, on an axis of values', () => {
    const density = drawn(even(10_000, 0, 100), even(4_000, 0, 100));
    expect(density).toMatchObject({ scale: 'linear', from: 0.005, to: 99.995 });
    expect(density?.baseline).toHaveLength(40);
    for (const share of density?.baseline ?? []) expect(share).toBeCloseTo(1 / 40, 3);
    for (const share of density?.window ?? []) expect(share).toBeCloseTo(1 / 40, 3);
  });
  it('is as high as values are frequent, not as bins are full', () => {
    const half = [...even(9_000, 0, 50), ...even(1_000, 50, 100)];
    const density = drawn(half, half);
    expect(sum(density?.baseline.slice(0, 20))).toBeCloseTo(0.9, 2);
  });
  it('tells values beyond the range of the baseline as shares that are not drawn', () => {
    const density = drawn(even(1_000, 0, 100), [...even(750, 0, 100), ...even(250, 200, 300)]);
    expect(density?.above).toEqual({ baseline: 0, window: 0.25 });
    expect(sum(density?.window)).toBeCloseTo(0.75, 4);
  });
  it('cuts tails that would leave no room for the rest', () => {
    const density = drawn([...even(1_000, -50, 50), 1e9], even(1_000, -50, 50));
    expect(density?.to).toBeLessThan(51);
    expect(density?.above.baseline).toBeGreaterThan(0);
  });
  it('has steps of equal ratio where values spread over powers of ten', () => {
    const values = even(2_000, 0, 6).map((power) => 10 ** power);
    const density = drawn(values, values);
    expect(density?.scale).toBe('log');
    for (const share of density?.baseline ?? []) expect(share).toBeCloseTo(1 / 40, 3);
  });
  it('has no logarithm of what is not above zero', () => {
    const values = even(2_000, 0, 6).map((power) => 10 ** power);
    const some = values.map((value, i) => (i % 50 === 0 ? -value : value));
    expect(drawn(some, some)?.scale).toBe('linear');
  });
  it('puts values that are all one into one step', () => {
    const values = [...Array.from({ length: 600 }, () => 0), ...even(400, 0, 100)];
    const density = drawn(values, values);
    expect(density?.baseline[0]).toBeGreaterThan(0.6);
  });
  it.each([
    ['few different values', [0, 1, 2]],
    ['one value', [5]],
    ['no value', []],
  ])('is none of %s', (_what, values) => {
    const many = values.flatMap((value) => Array.from({ length: 100 }, () => value));
    expect(drawn(many, many)).toBeNull();
  });
  it('is none without a window', () => {
    expect(drawn(even(1_000, 0, 1), [])).toBeNull();
  });
  it('adds up to all values, whatever they are', () => {
    const numbers = fc.array(
      fc.oneof(
        fc.double({ noNaN: true, min: -1e12, max: 1e12 }),
        fc.integer({ min: -30, max: 30 }),
        fc.double({ noNaN: true, min: 1e-9, max: 1e9 }),
      ),
      { minLength: 1, maxLength: 400 },
    );
    fc.assert(
      fc.property(numbers, numbers, (values, window) => {
        const density = drawn(values, window);
        if (density === null) return;
        for (const side of ['baseline', 'window'] as const) {
          const all = sum(density[side]) + density.below[side] + density.above[side];
          expect(all).toBeCloseTo(1, 3);
          for (const share of density[side]) expect(share).toBeGreaterThanOrEqual(0);
        }
      }),
      { verbose: true, numRuns: 300 },
    );
  });
});
