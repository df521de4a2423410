import { Cron } from 'croner';
import { describe, expect, it } from 'vitest';

import { policySchema } from '../../../domain/policy.schema.js';
import {
  awsCron,
  candidateScalingAlarm,
  isOfVariant,
  looksBackTooFar,
  newRefusals,
  scalingPlan,
  ScalingUnknown,
  type ScalingActivity,
  ownerOfTarget,
  refusalRemedy,
} from '../../../domain/scaling.js';
import { nextRunMs } from '../../../sandbox/aws/scaling/schedule.js';
import { policyWith } from '../../activities/support.js';

const instances = { min: 2, max: 6 };
const FOUR_CORES = { vcpus: 4, gpus: 0 };
const planOf = (scaling: object, hardware: typeof FOUR_CORES | undefined = FOUR_CORES) =>
  scalingPlan(policyWith({ scaling: { instances, ...scaling } }), hardware);

describe('the plan of a policy', () => {
  it('is none where the policy scales nothing', () => {
    expect(scalingPlan(policyWith(), FOUR_CORES)).toBeNull();
  });

  it('tracks invocations as they are, and CPU of the whole instance by its cores', () => {
    const tracked = (metric: string, value: number) => planOf({ target: { metric, value } });
    expect(tracked('InvocationsPerInstance', 700)?.tracking).toMatchObject({
      value: 700,
      metric: { kind: 'predefined' },
    });
    expect(tracked('CPUUtilization', 60)?.tracking).toMatchObject({
      value: 240,
      metric: { namespace: '/aws/sagemaker/Endpoints', name: 'CPUUtilization' },
    });
    const unknown = () =>
      scalingPlan(
        policyWith({ scaling: { instances, target: { metric: 'CPUUtilization', value: 60 } } }),
        undefined,
      );
    expect(unknown).toThrow(ScalingUnknown);
    expect(unknown).toThrow(/spec\.monitor\.instanceTypes/);
  });

  it('lays steps next to each other, each counted from where its alarm goes off', () => {
    const plan = planOf({
      steps: {
        metric: 'CPUUtilization',
        out: [
          { above: 90, add: 3 },
          { above: 70, add: 1 },
        ],
        in: [
          { below: 10, remove: 2 },
          { below: 20, remove: 1 },
        ],
      },
    });
    expect(plan?.stepping.map(({ name, steps, alarm }) => [name, alarm.threshold, steps])).toEqual([
      [
        'modelkeeper-flights-steps-out',
        280,
        [
          { lower: 0, upper: 80, change: 1 },
          { lower: 80, upper: null, change: 3 },
        ],
      ],
      [
        'modelkeeper-flights-steps-in',
        80,
        [
          { lower: -40, upper: 0, change: -1 },
          { lower: null, upper: -40, change: -2 },
        ],
      ],
    ]);
  });
});

describe('a cron expression for Application Auto Scaling', () => {
  it.each([
    ['0 7 * * MON-FRI', 'cron(0 7 ? * MON,TUE,WED,THU,FRI *)'],
    ['0 7 * * 0,6', 'cron(0 7 ? * SUN,SAT *)'],
    ['0 7 * * 7', 'cron(0 7 ? * SUN *)'],
    ['0 7 * * 5-7', 'cron(0 7 ? * SUN,FRI,SAT *)'],
    ['0 7 * * */2', 'cron(0 7 ? * SUN,TUE,THU,SAT *)'],
    ['*/15 */6 1 * *', 'cron(0,15,30,45 0,6,12,18 1 * ? *)'],
    ['30 22 * * *', 'cron(30 22 * * ? *)'],
    ['10-50/20 7 * * *', 'cron(10,30,50 7 * * ? *)'],
    ['0 6,8-12/2 1-31/15 * *', 'cron(0 6,8,10,12 1,16,31 * ? *)'],
  ])('%s is %s, and comes round at the same instants', (five, six) => {
    expect(awsCron(five)).toBe(six);
    let atMs = Date.parse('2026-03-27T12:00:00Z'); // the clocks change two days later
    for (let round = 0; round < 6; round += 1) {
      const wanted = new Cron(five, { timezone: 'Europe/Berlin' }).nextRun(new Date(atMs));
      const found = nextRunMs(six, 'Europe/Berlin', 0, atMs);
      expect(found).toBe(wanted?.getTime());
      atMs = found ?? 0;
    }
  });
  it.each([
    ['0 7 1 * MON', /not both/],
    ['0 7 * *', /five fields/],
    ['0 7 * * 5-1', /ends before it begins/],
    ['0 7 * * 8', /no day of the week/],
    ['0 7 * * FOO', /no day of the week/],
  ])('%s is refused', (five, message) => {
    expect(() => awsCron(five)).toThrow(message);
  });
});

describe('the alarms of steps', () => {
  it.each([
    ['24m', 60, false],
    ['25m', 60, true],
    ['59m', 24, false],
    ['60m', 60, false],
    ['168m', 60, false],
    ['169m', 60, true],
  ])('of %s and %i periods look back too far: %s', (period, periods, tooFar) => {
    expect(looksBackTooFar({ period, periods })).toBe(tooFar);
  });
});

describe('a policy is refused', () => {
  const faultsOf = (scaling: object): readonly string[] => {
    const policy = policyWith();
    const parsed = policySchema.safeParse({
      ...policy,
      spec: { ...policy.spec, scaling: { instances, ...scaling } },
    });
    return (parsed.error?.issues ?? []).map((issue) => issue.message);
  };
  it.each<[string, object, RegExp]>([
    ['without a step', { steps: { metric: 'CPUUtilization' } }, /name a step/],
    [
      'whose fleet would grow and shrink at once',
      {
        steps: {
          metric: 'CPUUtilization',
          out: [{ above: 50, add: 1 }],
          in: [{ below: 50, remove: 1 }],
        },
      },
      /grow and shrink/,
    ],
    [
      'with two steps at the same value',
      {
        steps: {
          metric: 'CPUUtilization',
          out: [
            { above: 50, add: 1 },
            { above: 50, add: 2 },
          ],
        },
      },
      /same value/,
    ],
    [
      'whose alarms look back more than a day',
      {
        steps: {
          metric: 'CPUUtilization',
          period: '59m',
          periods: 25,
          out: [{ above: 50, add: 1 }],
        },
      },
      /looks back one day at most/,
    ],
    [
      'whose alarms look back more than a week by the hour',
      {
        steps: {
          metric: 'CPUUtilization',
          period: '169m',
          periods: 60,
          out: [{ above: 50, add: 1 }],
        },
      },
      /seven days with a period of an hour or more/,
    ],
    [
      'with a target above the whole instance',
      { target: { metric: 'CPUUtilization', value: 101 } },
      /at most 100/,
    ],
    [
      'with a step above the whole instance',
      { steps: { metric: 'MemoryUtilization', out: [{ above: 101, add: 1 }] } },
      /no step begins above 100/,
    ],
    [
      'with a metric of more dimensions than there can be',
      {
        target: {
          metric: 'custom',
          value: 1,
          custom: {
            namespace: 'Shop',
            name: 'Waiting',
            statistic: 'Average',
            dimensions: Object.fromEntries(Array.from({ length: 31 }, (_, n) => [`d${n}`, 'v'])),
          },
        },
      },
      /30 dimensions at most/,
    ],
    ['with a custom metric unnamed', { target: { metric: 'custom', value: 1 } }, /go together/],
    [
      'with a schedule whose min is above its max',
      { schedule: [{ id: 'a', cron: '0 7 * * *', min: 4, max: 3 }] },
      /min must not be above max/,
    ],
    [
      'with days of the month and of the week at once',
      { schedule: [{ id: 'a', cron: '0 7 1 * 1', min: 1, max: 3 }] },
      /not both/,
    ],
  ])('%s', (_what, scaling, message) => {
    expect(faultsOf(scaling)).toEqual([expect.stringMatching(message)]);
  });
});

describe('refusals of scaling', () => {
  const at = (atMs: number, status: string): ScalingActivity => ({
    atMs,
    status,
    sentence: `${status} ${String(atMs)}`,
  });
  it('are told once, oldest first; what was scaled is no refusal', () => {
    const seen = [at(4, 'Unfulfilled'), at(3, 'Successful'), at(2, 'Failed'), at(1, 'Failed')];
    expect(newRefusals(seen, [at(1, 'Failed')]).map(({ atMs }) => atMs)).toEqual([2, 4]);
    expect(newRefusals(seen, seen)).toEqual([]);
  });
});

describe('ownerOfTarget', () => {
  const untagged = {
    exists: true,
    keeper: null,
    hasOurs: false,
    hasOthers: false,
    asWanted: false,
  };
  it.each([
    ['nobody', 'there is none', { exists: false }],
    ['ours', 'its tag says so, however it is spelt', { keeper: 'Keeper/M', hasOthers: true }],
    ['somebody else', 'its tag names another keeper', { keeper: 'keeper/x', hasOurs: true }],
    ['ours', 'it was made before there were tags', { hasOurs: true, hasOthers: true }],
    ['ours', 'taking it over changes nothing', { asWanted: true }],
    ['somebody else', 'policies of theirs are on it', { asWanted: true, hasOthers: true }],
    ['somebody else', 'its limits differ', {}],
  ] as const)('is %s when %s', (owner, _when, marks) => {
    expect(ownerOfTarget({ ...untagged, ...marks }, 'keeper/m')).toBe(owner);
  });
});

describe('refusalRemedy', () => {
  it.each([
    [
      "The account-level service limit 'ml.m5.large for endpoint usage' is 4 Instances",
      /higher quota .* endpoint usage/,
    ],
    ['Unable to provision: insufficient capacity for ml.m5.large', /no machines of that type/],
  ])('of %s', (message, remedy) => {
    expect(refusalRemedy(message)).toMatch(remedy);
  });
  it('of words that name nothing to do is none', () => {
    expect(refusalRemedy('the endpoint is not InService')).toBeNull();
  });
});

describe('a metric', () => {
  const at = { endpoint: 'live', variant: 'AllTraffic' };
  const of = (dimensions: Readonly<Record<string, string>> | undefined) =>
    isOfVariant(
      dimensions && Object.entries(dimensions).map(([Name, Value]) => ({ Name, Value })),
      at,
    );

  it.each([
    { EndpointName: 'live', VariantName: 'AllTraffic' },
    { VariantName: 'AllTraffic', EndpointName: 'LIVE', InstanceId: 'i-1' },
    // Of a namespace of one's own.
    { VariantName: 'AllTraffic' },
  ])('%j is of the variant', (dimensions) => {
    expect(of(dimensions)).toBe(true);
  });

  it.each([
    undefined,
    {},
    { EndpointName: 'live' },
    { EndpointName: 'other', VariantName: 'AllTraffic' },
    { EndpointName: 'live', VariantName: 'alltraffic' },
    { EndpointName: 'live', VariantName: 'AllTraffic-candidate' },
  ])('%j is not', (dimensions) => {
    expect(of(dimensions)).toBe(false);
  });
});

describe('the alarm that stands for one of the champion’s', () => {
  it('is named after ours, and numbered where people named it', () => {
    const named = (alarm: string, at: number) => candidateScalingAlarm('flights', 3, alarm, at);
    const prefix = 'modelkeeper-flights-release-3-candidate-scaling';
    expect(named('modelkeeper-flights-scaling-in', 0)).toBe(`${prefix}-in`);
    expect(named('modelkeeper-flights-scaling-out', 1)).toBe(`${prefix}-out`);
    expect(named('shop busy (prod)', 2)).toBe(`${prefix}-3`);
    expect(named('modelkeeper-flights-scaling-sideways', 0)).toBe(`${prefix}-1`);
  });
});
