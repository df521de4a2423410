import { describe, expect, it } from 'vitest';

import {
  candidateInstances,
  judgeAlarms,
  judgeShare,
  shareOf,
  weightsFor,
} from '../../../domain/traffic.js';

const steps = (...percents: number[]) =>
  percents.map((percent) => ({ percent, bakeSeconds: 60, hold: false }));

describe('weights', () => {
  it.each([0, 0.1, 5, 12.5, 33.3, 50, 99.9, 100])('for %d %% give that share back', (percent) => {
    const weights = weightsFor(percent);
    expect(shareOf(weights)).toBeCloseTo(percent, 6);
    // SageMaker keeps them in single precision.
    const { champion, candidate } = weights;
    const kept = { champion: Math.fround(champion), candidate: Math.fround(candidate) };
    expect(judgeShare(shareOf(kept) ?? -1, percent, null)).toBe('there');
  });
  it('of any sum say the share', () => {
    expect(shareOf({ champion: 3, candidate: 1 })).toBe(25);
  });
  it('that are missing or all zero say nothing', () => {
    expect(shareOf({ champion: null, candidate: 1 })).toBeNull();
    expect(shareOf({ champion: 1, candidate: null })).toBeNull();
    expect(shareOf({ champion: 0, candidate: 0 })).toBeNull();
  });
});

describe('a share that is there', () => {
  it.each([
    [25, 25, 5, 'there'],
    [25.049, 25, 5, 'there'],
    [25.051, 25, 5, 'changed by hand'],
    [5, 25, 5, 'set it'],
    [5.049, 25, 5, 'set it'],
    [5.051, 25, 5, 'changed by hand'],
    [0, 25, 5, 'changed by hand'],
    [80, 25, null, 'set it'],
    [25, 25, null, 'there'],
  ] as const)('of %d when %d is wanted and %s was set: %s', (found, wanted, expected, judged) => {
    expect(judgeShare(found, wanted, expected)).toBe(judged);
  });
});

describe("the candidate's instances", () => {
  it.each([
    [2, [5, 25, 50], 1],
    [4, [5, 25, 50], 2],
    [5, [50], 3],
    [10, [10], 1],
    [10, [10.1], 2],
    [3, [100], 3],
    [1, [0.1], 1],
    [0, [50], 1],
  ])('of a fleet of %d for %j %%: %d', (fleet, percents, instances) => {
    expect(candidateInstances(fleet, steps(...percents))).toBe(instances);
  });
});

describe('alarms on the candidate', () => {
  const alarm = (state: 'OK' | 'ALARM' | 'INSUFFICIENT_DATA' | null, name = 'a') => ({
    name,
    state,
    reason: 'crossed',
  });
  it('all OK are quiet, and so are none', () => {
    expect(judgeAlarms([alarm('OK'), alarm('OK', 'b')])).toEqual({ kind: 'quiet' });
    expect(judgeAlarms([])).toEqual({ kind: 'quiet' });
  });
  it('one in ALARM outweighs one that is gone', () => {
    expect(judgeAlarms([alarm(null), alarm('ALARM', 'b')])).toEqual({
      kind: 'alarm',
      reason: 'alarm b went off: crossed',
    });
  });
  it('one that is gone is no pass and will not come back', () => {
    expect(judgeAlarms([alarm('INSUFFICIENT_DATA'), alarm(null, 'b')])).toEqual({
      kind: 'blind',
      reason: 'the rollback alarm b was deleted',
      lost: true,
    });
  });
  it('one without data is no pass yet', () => {
    expect(judgeAlarms([alarm('OK'), alarm('INSUFFICIENT_DATA', 'b')])).toMatchObject({
      kind: 'blind',
      lost: false,
    });
  });
});
