import { describe, expect, it } from 'vitest';

import { aucBound, aucDistance } from '../../../domain/stats/auc-bounds.js';

const Z = 1.6448536269514722;
const model = { auc: 0.9, error: 0.03, positives: 40, negatives: 160 };

describe('the bounds of one AUC', () => {
  it('are not the plain ones near 1, and stay within 0 and 1', () => {
    const high = { auc: 0.995, error: 0.004, positives: 15, negatives: 500 };
    expect(aucBound(high, Z, 'upper')).toBeLessThan(1);
    expect(aucBound(high, Z, 'lower')).toBeLessThan(high.auc - Z * high.error);
  });
  it('are the farther ones of the two ways', () => {
    const wide = { ...model, error: 0.2 };
    const byLogit = (sign: number) => 1 / (1 + Math.exp(-(Math.log(9) + (sign * Z * 0.2) / 0.09)));
    expect(aucBound(wide, Z, 'lower')).toBeCloseTo(byLogit(-1), 12);
    expect(aucBound(wide, Z, 'upper')).toBeCloseTo(byLogit(1), 12);
    const narrow = { ...model, error: 0.0001 };
    expect(model.auc - aucBound(narrow, Z, 'lower')).toBeGreaterThan(0.03);
  });
  it('of a perfect ranking depend on how many rows were ranked', () => {
    const perfect = (positives: number) =>
      aucBound({ auc: 1, error: 0, positives, negatives: 1_000 }, Z, 'lower');
    expect(perfect(5)).toBeLessThan(perfect(50));
    expect(perfect(50)).toBeLessThan(perfect(500));
    expect(perfect(500)).toBeLessThan(1);
    expect(aucBound({ auc: 1, error: 0, positives: 5, negatives: 9 }, Z, 'upper')).toBeCloseTo(
      1,
      12,
    );
  });
  it.each(['lower', 'upper'] as const)('are as many errors away as was asked (%s)', (side) => {
    for (const error of [0.001, 0.03, 0.2]) {
      const bound = aucBound({ ...model, error }, Z, side);
      const distance = aucDistance(
        { ...model, error },
        bound,
        side === 'lower' ? 'above' : 'below',
      );
      expect(distance).toBeCloseTo(Z, 6);
    }
  });
  it('leave no doubt about limits that no AUC can pass', () => {
    expect(aucDistance(model, 1, 'above')).toBe(-Infinity);
    expect(aucDistance(model, 0, 'above')).toBe(Infinity);
  });
});
