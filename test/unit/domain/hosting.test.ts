import { describe, expect, it } from 'vitest';

import { hostingFaults, type HostedAs } from '../../../domain/hosting.js';
import { policyInput, policyWith } from '../../activities/support.js';

const variant = (name = 'AllTraffic', over: Partial<HostedAs['variants'][number]> = {}) => ({
  name,
  hasModel: true,
  serverless: false,
  ...over,
});
const usual: HostedAs = {
  name: 'live',
  variants: [variant()],
  asynchronous: false,
  captures: false,
};
const asynchronous = { ...usual, asynchronous: true };
const serverless = { ...usual, variants: [variant('AllTraffic', { serverless: true })] };
const pair = { ...usual, variants: [variant(), variant('Other')] };

type Spec = Parameters<typeof policyWith>[0];
const monitor: NonNullable<NonNullable<Spec>['monitor']> = {
  ...policyInput.spec.monitor,
  sources: [{ id: 'health', kind: 'alarms' }],
};
const probation = { rollBackOn: [] };
const faults = (hosted: HostedAs, deploy: NonNullable<Spec>['deploy'], spec: Spec = {}) =>
  hostingFaults(
    policyWith({
      monitor,
      retrain: { ...policyInput.spec.retrain, on: [] },
      ...spec,
      deploy: { probation, ...deploy },
    }).spec,
    hosted,
  ).map(({ path, message }) => `${path}: ${message}`);

describe('what SageMaker gives an endpoint', () => {
  it.each(['all-at-once', 'canary', 'linear', 'rolling', 'steps'] as const)(
    'is %s for a real-time endpoint of one variant',
    (strategy) => {
      expect(faults(usual, { strategy })).toEqual([]);
    },
  );

  it.each(['all-at-once', 'canary', 'linear', 'rolling'] as const)(
    'is %s for an asynchronous one and for one of several variants',
    (strategy) => {
      expect(faults(asynchronous, { strategy })).toEqual([]);
      expect(faults(pair, { strategy })).toEqual([]);
    },
  );

  it('is no rollout by steps for an asynchronous one or one of several variants', () => {
    expect(faults(asynchronous, { strategy: 'steps' }).join()).toMatch(
      /deploy\.strategy: 'live' is asynchronous.*write all-at-once, canary, linear or rolling/,
    );
    expect(faults(pair, { strategy: 'steps' }).join()).toMatch(
      /deploy\.strategy: 'live' has 2 variants \(AllTraffic, Other\)/,
    );
  });

  it('is a rollout by steps also while its candidate stands beside the champion', () => {
    const during = { ...usual, variants: [variant(), variant('AllTraffic-candidate')] };
    expect(faults(during, { strategy: 'steps' })).toEqual([]);
  });

  it.each(['canary', 'linear', 'rolling', 'steps'] as const)(
    'is no %s for a serverless one',
    (strategy) => {
      expect(faults(serverless, { strategy })).toEqual([
        expect.stringMatching(
          /deploy\.strategy: variant 'AllTraffic' of 'live' is serverless.*write all-at-once/,
        ),
      ]);
    },
  );

  it('is all at once for a serverless one, without captured data and instances', () => {
    expect(faults(serverless, { strategy: 'all-at-once' })).toEqual([]);
    const asks = {
      monitor: {
        ...monitor,
        sources: [...monitor.sources, { id: 'inputs', kind: 'captured-inputs' as const }],
      },
      scaling: { instances: { min: 1, max: 2 } },
    };
    expect(faults(serverless, { strategy: 'all-at-once' }, asks)).toEqual([
      expect.stringMatching(/^spec\.monitor\.sources\[1\]: .*take the source 'inputs' out/),
      expect.stringMatching(/^spec\.scaling: .*no instances to scale/),
    ]);
  });

  it('is no captured data, no schedule of our own and none of the metrics that are not published of an asynchronous one', () => {
    const asks = {
      monitor: {
        ...monitor,
        sources: [
          { id: 'inputs', kind: 'captured-inputs' as const },
          {
            id: 'metrics',
            kind: 'endpoint-metrics' as const,
            metrics: {
              Invocations: { below: 1 },
              OverheadLatency: { aboveMs: 100 },
              CPUUtilization: { abovePercent: 90 },
            },
          },
        ],
      },
      scaling: {
        instances: { min: 1, max: 2 },
        target: { metric: 'InvocationsPerInstance' as const, value: 5 },
      },
    };
    expect(faults(asynchronous, { strategy: 'canary' }, asks)).toEqual([
      expect.stringMatching(/^spec\.monitor\.sources\[0\]: 'live' is asynchronous, and .*captures/),
      expect.stringMatching(
        /^spec\.monitor\.sources\[1\]: .* has no OverheadLatency, Invocations of asynchronous/,
      ),
      expect.stringMatching(
        /^spec\.scaling\.target\.metric: .*ApproximateBacklogSizePerInstance.*EndpointName: live/,
      ),
    ]);
    expect(faults(usual, { strategy: 'canary' }, asks)).toEqual([]);
    const captured = faults({ ...asynchronous, captures: true }, { strategy: 'canary' }, asks);
    expect(captured.join()).not.toMatch(/captures no data/);
  });

  it('is nothing for inference components', () => {
    const hosted = { ...usual, variants: [variant('AllTraffic', { hasModel: false })] };
    expect(faults(hosted, { strategy: 'all-at-once' })).toEqual([
      expect.stringMatching(/^spec\.endpoint\.name: 'live' hosts inference components/),
    ]);
  });

  it('is a shadow test for a real-time endpoint of one variant only', () => {
    const shadow = { strategy: 'all-at-once', shadow: { for: '1h' } } as const;
    expect(faults(usual, shadow)).toEqual([]);
    for (const hosted of [asynchronous, serverless, pair])
      expect(faults(hosted, shadow).join()).toMatch(/^spec\.deploy\.shadow: 'live': a shadow test/);
  });
});
