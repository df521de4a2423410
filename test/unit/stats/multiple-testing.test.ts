import { describe, expect, it } from 'vitest';

import { holmLevels } from '../../../domain/stats/multiple-testing.js';

describe('holmLevels', () => {
  it('grows from step to step while tests are significant', () => {
    expect(holmLevels([0.02, 0.001, 0.5], 0.06)).toEqual([0.03, 0.02, 0.06]);
  });
  it('judges nothing behind a test that was not significant', () => {
    expect(holmLevels([0.04, 0.03], 0.05)).toEqual([0, 0.025]);
  });
  it('stops at a p on its very level', () => {
    expect(holmLevels([0.025, 0.03], 0.05)).toEqual([0.025, 0]);
  });
  it('has no levels for no tests', () => {
    expect(holmLevels([], 0.05)).toEqual([]);
  });
});
