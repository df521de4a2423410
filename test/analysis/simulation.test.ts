import { describe, expect, it } from 'vitest';

import { play } from '../../bench/simulation/rules.js';
import { PLAIN } from '../../bench/simulation/world.js';
import type { World } from '../../bench/simulation/world.js';

const SEED = 20_260_301;
const run = (own: Partial<World>, rows: number, shift = 0, movedColumns = 1) =>
  play({
    world: { ...PLAIN, ...own },
    windows: [{ rows, shift, movedColumns }],
    windowsPerRun: 10,
    runs: 10,
    seed: SEED,
  });

describe(`drift detection in worlds whose truth is known (seed ${SEED})`, () => {
  it.each([
    ['few rows', {}, 250],
    ['a thousand rows', {}, 1_000],
    ['five million rows', {}, 5_000_000],
    ['one column', { numericColumns: 1, categoricalColumns: 0 }, 1_000],
    ['a small baseline', { baselineRows: 1_000 }, 5_000],
    ['correlated columns', { correlation: 0.6 }, 500],
    ['a daily cycle in windows of a day', { dailySwing: 0.5, numericColumns: 3 }, 1_000],
  ] as const)('raises an alarm in at most 1 % of quiet windows with %s', (_with, own, rows) => {
    const { alarmed, windows } = run(own, rows);
    expect(alarmed['two keys'] / windows).toBeLessThanOrEqual(0.01);
  });

  it('raises no alarm for a harmless shift in millions of rows, where a p-value always does', () => {
    const { alarmed, windows } = run({}, 5_000_000, 0.05, 12);
    expect(alarmed['two keys']).toBe(0);
    expect(alarmed['any p < 0.05']).toBeGreaterThan(0.8 * windows);
  });

  it('raises no alarm for noise in a few hundred rows, where a fixed limit does', () => {
    const { alarmed, windows } = run({}, 200);
    expect(alarmed['two keys']).toBe(0);
    expect(alarmed['JS ≥ 0.1']).toBeGreaterThan(0.2 * windows);
  });

  it('tells nothing from a window below minRows, whatever moved', () => {
    const { cannotTell, windows, alarmed } = run({}, 199, 3, 12);
    expect(cannotTell).toBe(windows);
    expect(alarmed['two keys']).toBe(0);
  });

  it('sees a shift of one standard deviation as soon as persistence allows', () => {
    expect(run({}, 1_000, 1).firstAlarm['two keys'].every((windows) => windows === 2)).toBe(true);
  });

  it('shows a shift of 0.3 as a warning, and calls it no drift', () => {
    const { firstWarning, alarmed } = run({}, 5_000, 0.3);
    expect(firstWarning.every((windows) => windows === 2)).toBe(true);
    expect(alarmed['two keys']).toBe(0);
  });
});
