import { describe, expect, it } from 'vitest';

import { coarsen, countInto, edgesFromRanks, quantileRank } from '../../../domain/stats/bins.js';

describe('quantileRank', () => {
  it('multiplies before it divides: 100 times 14/200 would round up to rank 8', () => {
    expect(quantileRank(100, 14, 200)).toBe(7);
  });
});

describe('edges', () => {
  it('have one below a constant, so that smaller values have a bin of their own', () => {
    const { coarse } = edgesFromRanks(40, () => 5);
    expect(countInto(coarse, [4, 5, 6])).toEqual([1, 1, 1]);
  });
  it('are none for no values, and everything is in one bin', () => {
    const edges = edgesFromRanks(0, () => Number.NaN);
    expect(countInto(edges.fine, [1, 2])).toEqual([2]);
    expect(coarsen(edges, [2])).toEqual([2]);
  });
  it('that are not among the fine ones cannot be summed up', () => {
    expect(() => coarsen({ fine: [1, 2], coarse: [1.5] }, [1, 1, 1])).toThrow(RangeError);
  });
});
