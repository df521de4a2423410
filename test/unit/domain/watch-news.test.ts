import { describe, expect, it } from 'vitest';

import type { EndpointReading, MetricReading } from '../../../domain/model.js';
import { signalNews } from '../../../domain/watch.js';
import type { KnownSignals } from '../../../domain/watch.js';

const endpoint: EndpointReading = {
  atMs: 0,
  name: 'flights',
  arn: 'arn',
  status: 'InService',
  configName: 'flights-1',
  pendingConfigName: null,
  createdAtMs: 0,
  lastModifiedAtMs: 0,
  failureReason: null,
  progress: [],
  instances: 2,
  capturePrefix: null,
  champion: null,
};
const known = {
  endpointStatus: 'InService',
  configName: 'flights-1',
  pendingConfigName: null,
  alarms: {},
  breachedMetrics: [],
  blindMetrics: [],
};
const metric = (value: number | null): MetricReading => ({
  source: 'spend',
  value,
  breached: value !== null && value > 100,
  sentence: `spend is ${String(value)}`,
});
const news = (change: Partial<KnownSignals>, value: number | null) =>
  signalNews({ ...known, ...change }, { endpoint, alarms: [], metrics: [metric(value)] });

describe('news of a metric', () => {
  it.each([
    ['keeps its value', {}, 7, []],
    ['loses its value', {}, null, ['spend is null']],
    ['stays without a value', { blindMetrics: ['spend'] }, null, []],
    ['has a value again', { blindMetrics: ['spend'] }, 7, ['spend is 7']],
    ['breaches', {}, 101, ['spend is 101']],
    [
      'loses its value while breached, which is no recovery',
      { breachedMetrics: ['spend'] },
      null,
      [],
    ],
    ['recovers', { breachedMetrics: ['spend'] }, 7, ['spend is 7']],
  ])('that %s', (_what, change, value, expected) => {
    expect(news(change, value)).toEqual(expected);
  });
});
