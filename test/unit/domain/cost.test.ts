import { describe, expect, it } from 'vitest';

import {
  added,
  billInWords,
  costInWords,
  costOf,
  forecast,
  moneyInWords,
  plannedOf,
  spendingOf,
  spentUsd,
  tooDear,
  watchedCost,
  watchedOn,
  watchingAtMost,
} from '../../../domain/cost.js';
import type { BilledJob, Run } from '../../../domain/cost.js';
import { DAY_MS, NOON_MS } from './support.js';

const PRICES = { 'ml.m5.xlarge': 0.24, 'ml.m5.large': 0.12 };
const job = (over: Partial<BilledJob> = {}): BilledJob => ({
  job: 'train-1',
  name: 'Train',
  instanceType: 'ml.m5.xlarge',
  instances: 1,
  billableSeconds: 3_600,
  runSeconds: 3_600,
  spot: false,
  ...over,
});
const run = (release: number, over: Partial<Run> = {}): Run => ({
  release,
  startedAtMs: NOON_MS,
  forecastUsd: null,
  actualUsd: null,
  machineSeconds: null,
  ...over,
});
const budget = { runs: 4, per: '30d', usd: 10, prices: PRICES };

describe('what a run did cost', () => {
  it('is hours of all machines times their price', () => {
    const bill = {
      unread: null,
      jobs: [job({ instances: 3 }), job({ job: 'e', instanceType: 'ml.m5.large' })],
    };
    expect(costOf(bill, PRICES)).toMatchObject({ kind: 'known', usd: 3 * 0.24 + 0.12 });
  });
  it('counts billed seconds, so that spot is cheaper', () => {
    const bill = { unread: null, jobs: [job({ spot: true, billableSeconds: 900 })] };
    expect(costOf(bill, PRICES)).toMatchObject({ kind: 'known', usd: 0.06 });
    expect(billInWords(bill)).toBe('Train 1 × ml.m5.xlarge 1 h (spot: 15 min billed, 75 % saved)');
  });
  it('is nothing when no job ran', () => {
    expect(costOf({ jobs: [], unread: null }, PRICES)).toMatchObject({ kind: 'known', usd: 0 });
  });
  it.each([
    ['without prices', { jobs: [job()], unread: null }, undefined, /names no prices/],
    [
      'without this price',
      { jobs: [job({ instanceType: 'ml.p3.2xlarge' })], unread: null },
      PRICES,
      /no price for ml\.p3\.2xlarge/,
    ],
    ['with a part unread', { jobs: [], unread: 'no permission' }, PRICES, /no permission/],
  ])('is not known %s', (_when, bill, prices, reason) => {
    expect(costOf(bill, prices)).toMatchObject({
      kind: 'unknown',
      reason: expect.stringMatching(reason) as string,
    });
  });
  it('is not doubled when a retried execution shows a job again', () => {
    const once = { jobs: [job()], unread: null };
    expect(
      added([once, { jobs: [job(), job({ job: 'train-2' })], unread: null }]).jobs,
    ).toHaveLength(2);
    expect(added([once, { jobs: [], unread: 'x' }]).unread).toBe('x');
  });
});

describe('what the next run will cost', () => {
  const ran = (...hours: number[]): Run[] =>
    hours.map((h, index) => run(index, { machineSeconds: { 'ml.m5.xlarge': h * 3_600 } }));
  const planned = [
    { step: 'Train', instanceType: 'ml.m5.xlarge', instances: 2, maxRuntimeSeconds: 7_200 },
  ];
  it.each([
    [ran(1), 0.24, 'as much as the last run'],
    [ran(1, 9, 2), 0.48, 'median of the last 3 runs'],
    [ran(1, 3), 0.48, 'median of the last 2 runs'],
    [ran(100, 1, 1, 2, 3, 3), 0.48, 'median of the last 5 runs'],
    [
      [run(1, { machineSeconds: {} })],
      0.96,
      'every job at its longest runtime, as no run has ended yet',
    ],
    [[], 0.96, 'every job at its longest runtime, as no run has ended yet'],
  ])('after %j is %d', (runs, usd, basis) => {
    expect(forecast(PRICES, runs, planned)).toEqual({
      kind: 'known',
      usd: expect.closeTo(usd) as number,
      basis,
    });
  });
  it.each([
    ['no prices', undefined, planned, /names no prices/],
    ['no run and no plan', PRICES, null, /no run has ended yet/],
    ['a plan without jobs', PRICES, [], /no run has ended yet/],
    [
      'a type that only the execution knows',
      PRICES,
      [{ ...planned[0], step: 'Train', instanceType: null, instances: 1, maxRuntimeSeconds: 1 }],
      /on which instance type Train runs/,
    ],
    ['a type without a price', { 'ml.m5.large': 1 }, planned, /no price for ml\.m5\.xlarge/],
  ])('is not known with %s', (_what, prices, jobs, reason) => {
    expect(forecast(prices, [], jobs)).toMatchObject({
      kind: 'unknown',
      reason: expect.stringMatching(reason) as string,
    });
  });
  it('is of both jobs of a policy that trains by them', () => {
    expect(plannedOf({} as never)).toEqual([]);
  });
});

describe('what jobs that watch cost', () => {
  const LARGE = { 'ml.m5.large': 3_600 };
  const ranAt = (...atMs: number[]) =>
    atMs.reduce<ReturnType<typeof watchedOn>>((days, ms) => watchedOn(budget, days, LARGE, ms), []);
  const usdAt = (days: ReturnType<typeof watchedOn>, nowMs: number) =>
    watchedCost(budget, days, nowMs);

  it('is added up by the day, and forgotten with the last instant of a day that has left the budget', () => {
    const days = ranAt(NOON_MS, NOON_MS + 1, NOON_MS + DAY_MS);
    expect(days.map(({ machineSeconds }) => machineSeconds)).toEqual([
      { 'ml.m5.large': 7_200 },
      LARGE,
    ]);
    expect(usdAt(days, NOON_MS + DAY_MS)).toMatchObject({ usd: expect.closeTo(0.36) as number });
    const midnight = NOON_MS + DAY_MS / 2;
    expect(usdAt(days, midnight + 30 * DAY_MS - 1)).toMatchObject({
      usd: expect.closeTo(0.36) as number,
    });
    expect(usdAt(days, midnight + 30 * DAY_MS)).toMatchObject({ usd: 0.12 });
    expect(watchedOn(budget, days, LARGE, midnight + 30 * DAY_MS)).toHaveLength(2);
  });

  it('is not known without a price, and then a person is asked', () => {
    const days = watchedOn(budget, [], { 'ml.p3.2xlarge': 60 }, NOON_MS);
    const spending = spendingOf(budget, [], null, NOON_MS, days);
    expect(spending?.watched).toMatchObject({ kind: 'unknown' });
    const next = { kind: 'known', usd: 1, basis: '' } as const;
    expect(spending && tooDear({ ...spending, next }, '30d')).toMatch(
      'nobody can say what the jobs that watch did cost: retrain.budget.prices has no price for ml.p3.2xlarge',
    );
  });

  it('is spent of the budget', () => {
    const asked = (watched: number) =>
      tooDear(
        {
          usd: 10,
          spentUsd: 7,
          watched: { kind: 'known', usd: watched, basis: '' },
          unknownRuns: [],
          next: { kind: 'known', usd: 2, basis: 'as much as the last run' },
        },
        '30d',
      );
    expect(asked(1)).toBeUndefined();
    expect(asked(1.01)).toBe(
      '8.01 USD of 10.00 USD of the last 30 d are spent (1.01 USD by jobs that watch), and a run costs about 2.00 USD (as much as the last run)',
    );
    const next = { kind: 'known', usd: 2, basis: 'x' } as const;
    const watched = { kind: 'known', usd: 1, basis: '' } as const;
    expect(moneyInWords({ usd: 10, spentUsd: 7, watched, next })).toBe(
      '8.00 USD of 10.00 USD spent (1.00 USD by jobs that watch), the next run about 2.00 USD (x)',
    );
    expect(
      moneyInWords({ usd: 10, spentUsd: 7, watched: { kind: 'unknown', reason: 'y' }, next }),
    ).toMatch('7.00 USD of 10.00 USD spent (and nobody knows how much by jobs that watch: y)');
  });

  it('is at most a job for each window at its longest', () => {
    const source = { kind: 'multivariate', window: '24h', maxRuntime: '1h' };
    const of = (...sources: object[]) =>
      watchingAtMost({ monitor: { sources }, retrain: { budget } } as never);
    expect(of({ kind: 'alarms' })).toBeUndefined();
    expect(of({ ...source, instanceType: 'ml.m5.large' })).toEqual({
      kind: 'known',
      usd: expect.closeTo(30 * 0.12) as number,
      basis: '30 jobs in 30d, each at its longest runtime',
    });
    expect(of({ ...source, instanceType: 'ml.p3.2xlarge' })).toMatchObject({ kind: 'unknown' });
  });
});

describe('the budget in dollars', () => {
  const history = (...usd: number[]): Run[] =>
    usd.map((actualUsd, index) =>
      run(index + 1, { actualUsd, machineSeconds: { 'ml.m5.xlarge': 36_000 } }),
    );
  const asked = (runs: readonly Run[], over: object = {}): string | undefined => {
    const spending = spendingOf({ ...budget, ...over }, runs, null, NOON_MS);
    return spending === undefined ? undefined : tooDear(spending, '30d');
  };
  it('lets a run through that just fits', () => {
    expect(asked(history(7.6))).toBeUndefined();
  });
  it('adds up as people do: three times ten cents are thirty', () => {
    const spending = {
      usd: 0.3,
      spentUsd: 0.1 + 0.1,
      unknownRuns: [],
      next: { kind: 'known', usd: 0.1, basis: '' },
    } as const;
    expect(tooDear(spending, '30d')).toBeUndefined();
    expect(tooDear({ ...spending, usd: 0.29 }, '30d')).toBeDefined();
  });
  it('asks for one that does not, by a cent', () => {
    expect(asked(history(7.61))).toBe(
      '7.61 USD of 10.00 USD of the last 30 d are spent, and a run costs about 2.40 USD (as much as the last run)',
    );
  });
  it('counts what is expected of a run until it is billed', () => {
    expect(
      spentUsd(
        budget,
        [run(1, { forecastUsd: 4 }), run(2, { forecastUsd: 4, actualUsd: 1 })],
        NOON_MS,
      ),
    ).toBe(5);
  });
  it('forgets what is older than its time', () => {
    const runs = [run(1, { actualUsd: 9, startedAtMs: NOON_MS - 30 * DAY_MS })];
    expect(spentUsd(budget, runs, NOON_MS)).toBe(0);
    expect(spentUsd(budget, runs, NOON_MS - 1)).toBe(9);
  });
  it('asks when the next run has no price, and when a former one has none', () => {
    expect(asked([])).toMatch('nobody can say what a run costs');
    expect(asked([...history(1), run(9)])).toMatch('nobody can say what release 9 did cost');
  });
  it('is none for a policy without dollars', () => {
    expect(spendingOf({ runs: 4, per: '30d', prices: PRICES }, [], null, NOON_MS)).toBeUndefined();
  });
});

describe('money in words', () => {
  it('says what is spent, of what, and what comes', () => {
    const next = { kind: 'known', usd: 2.4, basis: 'as much as the last run' } as const;
    expect(moneyInWords({ usd: 10, spentUsd: 7.6, next })).toBe(
      '7.60 USD of 10.00 USD spent, the next run about 2.40 USD (as much as the last run)',
    );
    expect(
      moneyInWords({ usd: null, spentUsd: 0, next: { kind: 'unknown', reason: 'no price' } }),
    ).toBe('0.00 USD spent, the next run costs nobody knows how much: no price');
  });
  it('says of a release what was expected and what it was', () => {
    const bill = { jobs: [job()], unread: null };
    expect(costInWords({})).toBeNull();
    expect(costInWords({ forecastUsd: 1 })).toBe('nothing billed yet, expected 1.00 USD');
    expect(costInWords({ bill, costUsd: 0.24, forecastUsd: 1 })).toBe(
      '0.24 USD, expected 1.00 USD: Train 1 × ml.m5.xlarge 1 h',
    );
    expect(costInWords({ bill, costUsd: null })).toBe('Train 1 × ml.m5.xlarge 1 h');
  });
});
