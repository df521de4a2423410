import { describe, expect, it } from 'vitest';

import type { RolloutPlan } from '../../../domain/evidence.js';
import {
  alarmFindings,
  capacityNeeded,
  roleFindings,
  silentFallback,
  variantFaults,
  type GuardAlarm,
  type Hosting,
} from '../../../domain/preflight.js';

const canary: RolloutPlan = {
  strategy: 'canary',
  percent: 10,
  bakeSeconds: 600,
  finalBakeSeconds: 300,
  timeoutSeconds: 7_200,
  alarmNames: ['errors'],
};
const atOnce: RolloutPlan = {
  ...canary,
  strategy: 'all-at-once',
  percent: 100,
  bakeSeconds: 0,
  finalBakeSeconds: 0,
  alarmNames: [],
};
const usual: Hosting = {
  instanceType: 'ml.c5.xlarge',
  serverless: false,
  asynchronous: false,
  marketplace: false,
  accelerated: false,
};
const errors: GuardAlarm = {
  name: 'errors',
  state: 'OK',
  reason: '',
  missing: 'notBreaching',
  periodSeconds: 60,
  datapoints: 1,
};

describe('endpoints that are silently updated all at once', () => {
  it.each<[string, Partial<Hosting>, RegExp]>([
    ['serverless', { serverless: true }, /serverless variants/],
    ['Marketplace', { marketplace: true }, /AWS Marketplace/],
    ['Inf1', { instanceType: 'ml.inf1.6xlarge' }, /Inf1 instances \(ml\.inf1\.6xlarge\)/],
    ['Elastic Inference', { accelerated: true }, /Elastic Inference/],
  ])('%s get no canary that would be none', (_name, over, words) => {
    const { refused } = silentFallback(canary, { ...usual, ...over });
    expect(refused).toHaveLength(1);
    expect(refused[0]).toMatch(words);
    expect(refused[0]).toMatch(/deploy\.strategy: all-at-once/);
    expect(
      silentFallback({ ...canary, strategy: 'rolling' }, { ...usual, ...over }).refused,
    ).toHaveLength(1);
    expect(silentFallback(atOnce, { ...usual, ...over })).toEqual({ refused: [], warnings: [] });
    const baked = { ...atOnce, finalBakeSeconds: 300 };
    expect(silentFallback(baked, { ...usual, ...over }).warnings[0]).toMatch(/have no effect/);
  });
  it('are not those on Inf2, nor usual ones', () => {
    expect(silentFallback(canary, usual)).toEqual({ refused: [], warnings: [] });
    expect(silentFallback(canary, { ...usual, instanceType: 'ml.inf2.xlarge' }).refused).toEqual(
      [],
    );
  });
  it('that are asynchronous keep their canary, with a warning', () => {
    const { refused, warnings } = silentFallback(canary, { ...usual, asynchronous: true });
    expect(refused).toEqual([]);
    expect(warnings).toHaveLength(1);
  });
});

describe('rollback alarms', () => {
  it('in OK whose period fits the bakes are good enough', () => {
    expect(alarmFindings(canary, [errors])).toEqual({ refused: [], warnings: [] });
  });
  it('that are missing or in ALARM stop the rollout', () => {
    expect(alarmFindings(canary, []).refused[0]).toMatch(/errors does not exist/);
    const ringing = { ...errors, state: 'ALARM', reason: 'too many' } as const;
    expect(alarmFindings(canary, [ringing]).refused[0]).toMatch(/in ALARM already \(too many\)/);
  });
  it('without data are a warning that says what it means, and none when no data is good news', () => {
    const blind = { ...errors, state: 'INSUFFICIENT_DATA' } as const;
    expect(alarmFindings(canary, [blind]).warnings).toEqual([]);
    expect(alarmFindings(canary, [{ ...blind, missing: 'missing' }]).warnings[0]).toMatch(
      /has no data yet: until it has, it takes nothing back/,
    );
    expect(alarmFindings(canary, [{ ...blind, missing: null }]).warnings).toHaveLength(1);
    expect(alarmFindings(canary, [{ ...blind, missing: 'breaching' }]).warnings[0]).toMatch(
      /for want of traffic/,
    );
  });
  it('that need longer than all bakes cannot take anything back', () => {
    const slow = (periodSeconds: number, datapoints: number) =>
      alarmFindings(canary, [{ ...errors, periodSeconds, datapoints }]).warnings;
    expect(slow(300, 3)).toEqual([]);
    expect(slow(300, 4)[0]).toMatch(
      /needs 1200 s of data to go off, all bakes together last 900 s/,
    );
    expect(alarmFindings(canary, [{ ...errors, periodSeconds: null }]).warnings).toEqual([]);
  });
  it('that do not exist at all are a warning', () => {
    expect(alarmFindings(atOnce, []).warnings[0]).toMatch(/no alarm guards/);
  });
});

describe('a new config', () => {
  it('may not lack a variant that serves', () => {
    expect(variantFaults(['a', 'b'], ['b', 'a', 'c'], 'x')).toEqual([]);
    expect(variantFaults(['a', 'b'], ['b'], 'x')[0]).toMatch(/no variant a, which serves now/);
  });
  it('needs room for both fleets, or for one batch more when it rolls', () => {
    const fleet = [
      { instanceType: 'ml.c5.xlarge', instances: 10 },
      { instanceType: 'ml.c5.xlarge', instances: 2 },
      { instanceType: 'ml.m5.large', instances: 0 },
    ];
    expect(capacityNeeded(canary, fleet)).toEqual([
      "for a while 12 + 12 instances of ml.c5.xlarge run: the quota 'ml.c5.xlarge for endpoint usage' must allow 24, and both are paid for",
    ]);
    expect(capacityNeeded({ ...canary, strategy: 'rolling', percent: 20 }, fleet)[0]).toMatch(
      /12 \+ 3 instances/,
    );
  });
});

describe("the candidate's role", () => {
  const endpoint = 'arn:aws:sagemaker:us-east-1:111122223333:endpoint/flights-live';
  const role = (name: string, account = '111122223333') => `arn:aws:iam::${account}:role/${name}`;
  it("is the champion's without a word", () => {
    expect(roleFindings(role('a'), role('a'), endpoint)).toEqual({ refused: [], warnings: [] });
    expect(roleFindings(null, role('a'), endpoint)).toEqual({ refused: [], warnings: [] });
  });
  it('of another account is refused, another one of the same is told with what it needs', () => {
    expect(roleFindings(role('b', '444455556666'), role('a'), endpoint).refused[0]).toMatch(
      /belongs to another account/,
    );
    expect(roleFindings(role('b'), role('a'), endpoint).warnings[0]).toMatch(
      /needs cloudwatch:DescribeAlarms/,
    );
  });
});
