import { describe, expect, it } from 'vitest';
import {
  planWalk,
  polledBetween,
  statusMessage,
  walk,
} from '../../../sandbox/aws/sagemaker/rollout.js';
import type { DeploymentConfig } from '../../../sandbox/aws/sagemaker/shapes.js';

const DURATIONS = { provisionMs: 10_000, activateMs: 1_000, terminateMs: 2_000 };

const canary: DeploymentConfig = {
  BlueGreenUpdatePolicy: {
    TrafficRoutingConfiguration: {
      Type: 'CANARY',
      WaitIntervalInSeconds: 60,
      CanarySize: { Type: 'CAPACITY_PERCENT', Value: 10 },
    },
    TerminationWaitInSeconds: 30,
  },
};

function linear(percent: number): DeploymentConfig {
  return {
    BlueGreenUpdatePolicy: {
      TrafficRoutingConfiguration: {
        Type: 'LINEAR',
        WaitIntervalInSeconds: 5,
        LinearStepSize: { Type: 'CAPACITY_PERCENT', Value: percent },
      },
    },
  };
}

const rolling: DeploymentConfig = {
  RollingUpdatePolicy: {
    MaximumBatchSize: { Type: 'INSTANCE_COUNT', Value: 1 },
    WaitIntervalInSeconds: 5,
  },
};

describe('a canary on four instances', () => {
  const plan = planWalk(0, canary, 4, DURATIONS);

  it.each([
    ['launches before any traffic', 0, 'Creating', 0, 'Launching 4 instance(s).'],
    ['launches until the fleet stands', 9_999, 'Creating', 0, 'Launching 4 instance(s).'],
    [
      'gives one instance its traffic',
      10_000,
      'ActivatingTraffic',
      0.25,
      'Activating traffic on canary capacity of 1 instance(s).',
    ],
    [
      'bakes the canary as long as asked',
      11_000,
      'Baking',
      0.25,
      'Baking for 60 seconds (TerminationWaitInSeconds) with traffic enabled on canary capacity of 1 instance(s).',
    ],
    [
      'shifts all traffic after the bake',
      71_000,
      'ActivatingTraffic',
      1,
      'Activating traffic on full capacity of 4 instance(s).',
    ],
    [
      'bakes once more before the old fleet goes',
      72_000,
      'Baking',
      1,
      'Baking for 30 seconds (TerminationWaitInSeconds) with traffic enabled on full capacity of 4 instance(s).',
    ],
    ['ends the old fleet last', 102_000, 'Deleting', 1, 'Terminating 4 instance(s).'],
  ])('%s', (_claim, nowMs, status, share, message) => {
    const position = walk(plan, nowMs);
    if (position.kind !== 'in phase') throw new Error(position.kind);
    expect(position.phase.status).toBe(status);
    expect(position.phase.newTraffic).toBe(share);
    expect(statusMessage(position.phase, 4)).toBe(message);
  });

  it('is done once the old fleet is gone', () => {
    expect(walk(plan, 104_000)).toEqual({ kind: 'done', atMs: 104_000 });
  });

  it('reads the alarms in a bake that began and ended since the last look', () => {
    expect(polledBetween(plan, 9_000, 200_000)).toBe(true);
  });

  it('reads no alarms before the new fleet has traffic', () => {
    expect(polledBetween(plan, 0, 9_999)).toBe(false);
  });

  it('reads no alarms once the old fleet is being ended', () => {
    expect(polledBetween(plan, 102_000, 110_000)).toBe(false);
  });
});

describe('other policies', () => {
  const shares = (config: DeploymentConfig | undefined, instances: number) =>
    planWalk(0, config, instances, DURATIONS)
      .phases.filter(({ status }) => status === 'ActivatingTraffic')
      .map(({ newTraffic }) => newTraffic);

  it('shift in one step without a policy', () => {
    expect(shares(undefined, 3)).toEqual([1]);
  });

  it('bake nowhere without a policy', () => {
    expect(
      planWalk(0, undefined, 3, DURATIONS).phases.some(({ status }) => status === 'Baking'),
    ).toBe(false);
  });

  it('shift a quarter at a time', () => {
    expect(shares(linear(25), 4)).toEqual([0.25, 0.5, 0.75, 1]);
  });

  it('round a linear step up to whole instances', () => {
    expect(shares(linear(30), 2)).toEqual([0.5, 1]);
  });

  it('replace one instance after the other', () => {
    expect(shares(rolling, 3).map((share) => Math.round(share * 3))).toEqual([1, 2, 3]);
  });

  it('bake after all at once when a wait was asked for', () => {
    const config: DeploymentConfig = {
      BlueGreenUpdatePolicy: {
        TrafficRoutingConfiguration: { Type: 'ALL_AT_ONCE', WaitIntervalInSeconds: 7 },
      },
    };
    const bakes = planWalk(0, config, 2, DURATIONS).phases.filter(
      ({ status }) => status === 'Baking',
    );
    expect(bakes.map(({ ms, newTraffic }) => [ms, newTraffic])).toEqual([[7_000, 1]]);
  });

  it('are rolled back when the time asked for is over', () => {
    const config = structuredClone(canary);
    if (config.BlueGreenUpdatePolicy) {
      config.BlueGreenUpdatePolicy.TrafficRoutingConfiguration.WaitIntervalInSeconds = 3600;
      config.BlueGreenUpdatePolicy.MaximumExecutionTimeoutInSeconds = 600;
    }
    const plan = planWalk(0, config, 4, DURATIONS);
    expect(walk(plan, 599_999).kind).toBe('in phase');
    expect(walk(plan, 600_000)).toEqual({ kind: 'timed out', atMs: 600_000 });
  });
});
