import { describe, expect, it } from 'vitest';

import type { RolloutPlan } from '../../../domain/evidence.js';
import type { PolicyInput, PolicySpec } from '../../../domain/policy.schema.js';
import {
  bakeSeconds,
  planFaults,
  planInWords,
  rolloutPlan,
  steps,
} from '../../../domain/rollout.js';
import { aPolicy } from './support.js';

const deploy = (change: NonNullable<PolicyInput['spec']['deploy']>): PolicySpec['deploy'] =>
  aPolicy(({ spec }) => {
    spec.deploy = change;
  }).spec.deploy;

const plan = (change: Partial<RolloutPlan> = {}): RolloutPlan => ({
  strategy: 'canary',
  percent: 10,
  bakeSeconds: 600,
  finalBakeSeconds: 300,
  timeoutSeconds: 7_200,
  alarmNames: ['errors'],
  ...change,
});

describe('a rollout plan', () => {
  it('takes its step from the strategy the policy names', () => {
    const both = { canary: { percent: 5, bake: '2m' }, linear: { percent: 25, bake: '3m' } };
    expect(rolloutPlan(deploy({ strategy: 'canary', ...both }), ['a'])).toEqual({
      strategy: 'canary',
      percent: 5,
      bakeSeconds: 120,
      finalBakeSeconds: 300,
      timeoutSeconds: 7_200,
      alarmNames: ['a'],
    });
    expect(rolloutPlan(deploy({ strategy: 'linear', ...both }), [])).toMatchObject({
      percent: 25,
      bakeSeconds: 180,
    });
  });
  it('rolls a fifth at a time for five minutes each when the policy does not say, and keeps no old fleet', () => {
    expect(rolloutPlan(deploy({ strategy: 'rolling' }), [])).toEqual({
      strategy: 'rolling',
      percent: 20,
      bakeSeconds: 300,
      finalBakeSeconds: 0,
      timeoutSeconds: 7_200,
      alarmNames: [],
    });
    const rolling = { percent: 25, bake: '1m', rollbackPercent: 50 };
    expect(rolloutPlan(deploy({ strategy: 'rolling', rolling }), [])).toMatchObject({
      percent: 25,
      bakeSeconds: 60,
      rollbackPercent: 50,
    });
  });
  it.each([
    [{ percent: 4 }, 'percent'],
    [{ percent: 51 }, 'percent'],
    [{ rollbackPercent: 4 }, 'rollbackPercent'],
    [{ rollbackPercent: 101 }, 'rollbackPercent'],
    [{ bake: '61m' }, 'at most 1h'],
  ])('a rolling update of %j is refused at the door', (rolling, what) => {
    expect(() => deploy({ strategy: 'rolling', rolling })).toThrow(what);
  });
  it('all at once is one step that only bakes at the end', () => {
    expect(rolloutPlan(deploy({ strategy: 'all-at-once', finalBake: '30s' }), [])).toMatchObject({
      percent: 100,
      bakeSeconds: 0,
      finalBakeSeconds: 30,
    });
  });
  it('rounds parts of a second up', () => {
    expect(rolloutPlan(deploy({ finalBake: '1ms', canary: { bake: '1001ms' } }), [])).toMatchObject(
      { bakeSeconds: 2, finalBakeSeconds: 1 },
    );
  });
  const short = { canary: { bake: '10s' }, finalBake: '10s' };
  it.each([
    ['1s', 600],
    ['10m', 600],
    ['601s', 601],
    ['8h', 28_800],
    ['28801s', 28_800],
    ['30d', 28_800],
  ])('with a time-out of %s asks SageMaker for %i s, within its limits', (timeout, seconds) => {
    expect(rolloutPlan(deploy({ timeout, ...short }), []).timeoutSeconds).toBe(seconds);
  });
});

describe('the steps of a rollout', () => {
  it.each([
    ['all-at-once', 100, [100]],
    ['canary', 10, [10, 100]],
    ['canary', 50, [50, 100]],
    ['linear', 50, [50, 100]],
    ['linear', 25, [25, 50, 75, 100]],
    ['linear', 30, [30, 60, 90, 100]],
    ['linear', 10, [10, 20, 30, 40, 50, 60, 70, 80, 90, 100]],
    ['rolling', 40, [40, 80, 100]],
  ] as const)('%s with %i %%: %j', (strategy, percent, shares) => {
    expect(steps({ strategy, percent })).toEqual(shares);
  });
});

describe('baking', () => {
  it.each([
    ['all-at-once', 100, 300],
    ['canary', 10, 900],
    ['linear', 25, 2_100],
    ['rolling', 25, 2_700],
  ] as const)('%s with %i %% takes %i s', (strategy, percent, seconds) => {
    expect(bakeSeconds(plan({ strategy, percent }))).toBe(seconds);
  });
});

describe('a plan in words', () => {
  it.each([
    [plan(), '10 % for 600 s, then all of the traffic, the old fleet kept for 300 s'],
    [
      plan({ strategy: 'linear', percent: 40, finalBakeSeconds: 0 }),
      '40 % for 600 s, then 80 % for 600 s, then all of the traffic',
    ],
    [plan({ strategy: 'all-at-once', percent: 100, finalBakeSeconds: 0 }), 'all of the traffic'],
    [
      plan({ strategy: 'rolling', percent: 25 }),
      '25 % of the instances at a time, watched for 600 s each; taken back, the whole fleet at once',
    ],
    [
      plan({ strategy: 'rolling', percent: 25, rollbackPercent: 50 }),
      '25 % of the instances at a time, watched for 600 s each; taken back, 50 % at a time',
    ],
  ])('%j: %s', (given, words) => {
    expect(planInWords(given)).toBe(words);
  });
});

describe('a plan can be carried out', () => {
  const alarmNames = (count: number): string[] => Array.from({ length: count }, (_, i) => `a${i}`);
  it.each([
    ['a canary on two instances', plan(), 2],
    ['all at once on one instance', plan({ strategy: 'all-at-once', percent: 100 }), 1],
    ['ten alarms', plan({ alarmNames: alarmNames(10) }), 2],
    ['no alarm', plan({ alarmNames: [] }), 2],
    ['a minute and a second left to provision', plan({ timeoutSeconds: 961 }), 2],
    [
      'a minute for each of two batches and a second left',
      plan({ strategy: 'rolling', percent: 50, finalBakeSeconds: 0, timeoutSeconds: 1_321 }),
      2,
    ],
  ])('with %s', (_claim, given, instances) => {
    expect(planFaults(given, instances)).toEqual([]);
  });
});

describe('a plan cannot be carried out', () => {
  it.each([
    [
      'on one instance, in steps',
      plan(),
      1,
      'a canary rollout needs a fleet of at least 2 instances, the endpoint has 1: raise the count or use all-at-once',
    ],
    [
      'on no instance, in steps',
      plan({ strategy: 'linear', percent: 50 }),
      0,
      'a linear rollout needs a fleet of at least 2 instances, the endpoint has 0: raise the count or use all-at-once',
    ],
    [
      'with no time to start the batches of a rolling update',
      plan({ strategy: 'rolling', percent: 50, finalBakeSeconds: 0, timeoutSeconds: 1_320 }),
      2,
      'deploy.timeout leaves no time to provision 2 batches: 1200 s of it are baking; raise it or bake for less',
    ],
    [
      "in more time than SageMaker's longest",
      plan({ strategy: 'rolling', percent: 5, bakeSeconds: 3_600, timeoutSeconds: 28_800 }),
      20,
      'deploy.timeout leaves no time to provision 20 batches: 72300 s of it are baking; raise it (SageMaker takes 8h at most) or bake for less',
    ],
    [
      'with eleven alarms',
      plan({ alarmNames: Array.from({ length: 11 }, () => 'a') }),
      2,
      'SageMaker watches at most 10 alarms, the plan names 11',
    ],
    [
      'with only a minute left to provision',
      plan({ timeoutSeconds: 960 }),
      2,
      'deploy.timeout leaves no time to provision: 900 s of it are baking; raise it or bake for less',
    ],
  ])('%s', (_claim, given, instances, fault) => {
    expect(planFaults(given, instances)).toEqual([fault]);
  });
  it('for several reasons, all of them told', () => {
    expect(planFaults(plan({ timeoutSeconds: 900 }), 1)).toHaveLength(2);
  });
});
