import { PutMetricDataCommand } from '@aws-sdk/client-cloudwatch';
import { describe, expect, it } from 'vitest';

import { createControlActivities } from '../../activities/index.js';
import { verdictMetrics } from '../../domain/custom-metrics.js';
import { awsError, attemptOf, depsOver, fakeAws, NOON, on, ref, run } from './support.js';

const world = () => {
  const aws = fakeAws(on(PutMetricDataCommand, () => ({})));
  return { aws, publishMetrics: createControlActivities(depsOver(aws)).publishMetrics };
};

describe('publishMetrics', () => {
  it('publishes in our namespace, at the time of the decision', async () => {
    const { aws, publishMetrics } = world();
    const metrics = verdictMetrics('flights', 'drift', NOON - 1_000);
    expect(await run(publishMetrics, [{ ...ref, metrics }])).toEqual({ kind: 'sent' });
    const [input] = aws.inputs(PutMetricDataCommand);
    expect(input?.Namespace).toBe('modelkeeper');
    expect(input?.MetricData).toHaveLength(6);
    expect(input?.MetricData?.[2]).toEqual({
      MetricName: 'Verdict',
      Dimensions: [
        { Name: 'Model', Value: 'flights' },
        { Name: 'Verdict', Value: 'drift' },
      ],
      Value: 1,
      Unit: 'None',
      Timestamp: new Date(NOON - 1_000),
    });
  });

  it('puts a thousand values into a call', async () => {
    const { aws, publishMetrics } = world();
    const metrics = Array.from({ length: 400 }, () => verdictMetrics('m', 'drift', NOON)).flat();
    await run(publishMetrics, [{ ...ref, metrics }]);
    expect(aws.inputs(PutMetricDataCommand).map(({ MetricData }) => MetricData?.length)).toEqual([
      1_000, 1_000, 400,
    ]);
  });

  it('fails nothing when AWS refuses, and says what is missing', async () => {
    const { aws, publishMetrics } = world();
    aws.failNext(PutMetricDataCommand, awsError('AccessDenied', 'not authorized', 403));
    const metrics = verdictMetrics('flights', 'drift', NOON);
    expect(await run(publishMetrics, [{ ...ref, metrics }])).toEqual({
      kind: 'not sent',
      reason: expect.stringContaining(
        'cloudwatch:PutMetricData on namespace modelkeeper is missing',
      ) as string,
    });
  });

  it('asks for nothing when there is nothing that CloudWatch would take', async () => {
    const { aws, publishMetrics } = world();
    const metrics = verdictMetrics('flights', 'drift', NOON - 30 * 86_400_000);
    const { error } = await attemptOf(publishMetrics, [{ ...ref, metrics }]);
    expect([error, aws.names()]).toEqual([undefined, []]);
  });
});
