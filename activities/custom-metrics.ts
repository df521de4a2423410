import { PutMetricDataCommand, type CloudWatchClient } from '@aws-sdk/client-cloudwatch';

import { METRICS_NAMESPACE, publishable, type CustomMetric } from '../domain/custom-metrics.js';
import { aws, may, runningActivity } from './aws-failure.js';
import type { ControlActivities } from './contract.js';
import type { ControlDeps } from './deps.js';
import { clientsFor } from './stage-clients.js';

const VALUES_PER_CALL = 1_000;

/**
 * Publishes values, and says why it could not: no decision waits for a metric.
 *
 * @returns why they were not published, in words; `undefined` when they were
 */
export async function publish(
  cloudwatch: CloudWatchClient,
  metrics: readonly CustomMetric[],
  nowMs: number,
): Promise<string | undefined> {
  const fresh = publishable(metrics, nowMs);
  try {
    for (let from = 0; from < fresh.length; from += VALUES_PER_CALL) {
      await aws(may('cloudwatch:PutMetricData', `namespace ${METRICS_NAMESPACE}`), (options) =>
        cloudwatch.send(
          new PutMetricDataCommand({
            Namespace: METRICS_NAMESPACE,
            MetricData: fresh
              .slice(from, from + VALUES_PER_CALL)
              .map(({ name, dimensions, value, unit, atMs }) => ({
                MetricName: name,
                Dimensions: Object.entries(dimensions).map(([Name, Value]) => ({ Name, Value })),
                Value: value,
                Unit: unit,
                Timestamp: new Date(atMs),
              })),
          }),
          options,
        ),
      );
    }
    return undefined;
  } catch (error) {
    if (error instanceof Error && error.name === 'AbortError') throw error;
    const reason = `metrics were not published: ${error instanceof Error ? error.message : String(error)}`;
    runningActivity()?.log.warn(reason);
    return reason;
  }
}

export function createMetricActivities(
  deps: ControlDeps,
): Pick<ControlActivities, 'publishMetrics'> {
  const clients = clientsFor(deps, 'read');
  return {
    /**
     * Fails for no refusal of AWS. A value that is published twice has the same average, minimum and maximum: only
     * its number of samples grows.
     */
    async publishMetrics(request) {
      const reason = await publish(clients(request).cloudwatch, request.metrics, deps.now());
      return reason === undefined ? { kind: 'sent' } : { kind: 'not sent', reason };
    },
  };
}
