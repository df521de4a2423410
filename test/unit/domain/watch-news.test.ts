import { describe, expect, it } from 'vitest';

import type { AlarmReading, EndpointReading, MetricReading } from '../../../domain/model.js';
import { clock, quietSentence, signalNews } from '../../../domain/watch.js';
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

describe('news of several metrics', () => {
  const other: MetricReading = { source: 'calls', value: 1, breached: true, sentence: 'calls 1' };
  it('are told of those that changed only', () => {
    const seen = { endpoint, alarms: [], metrics: [other, metric(7)] };
    expect(signalNews({ ...known, breachedMetrics: ['calls', 'spend'] }, seen)).toEqual([
      'spend is 7',
    ]);
    expect(signalNews({ ...known, breachedMetrics: ['calls'] }, seen)).toEqual([]);
  });
  it('are told of one that lost its value while another is breached', () => {
    const seen = { endpoint, alarms: [], metrics: [other, metric(null)] };
    expect(signalNews({ ...known, breachedMetrics: ['calls'] }, seen)).toEqual(['spend is null']);
  });
  it('are none about a source that the policy no longer has', () => {
    expect(
      signalNews({ ...known, breachedMetrics: ['gone'] }, { endpoint, alarms: [], metrics: [] }),
    ).toEqual([]);
  });
});

const alarm = (name: string, state: AlarmReading['state']): AlarmReading => ({
  source: 'health',
  name,
  state,
  reason: '',
  sinceMs: 0,
});

describe('news of the endpoint', () => {
  it.each([
    [{}, {}, []],
    [{}, { status: 'Updating' }, ['the endpoint is Updating']],
    [{}, { configName: 'flights-2' }, ['the endpoint serves flights-2']],
    [{}, { configName: null }, ['the endpoint serves nothing']],
    [{}, { pendingConfigName: 'flights-2' }, ['flights-2 is being deployed']],
    [{ pendingConfigName: 'flights-2' }, {}, ['no deployment is pending any more']],
    [{ pendingConfigName: 'flights-2' }, { pendingConfigName: 'flights-2' }, []],
  ] as const)('known %j, seen %j: %j', (change, seen, expected) => {
    const look = { endpoint: { ...endpoint, ...seen }, alarms: [], metrics: [] };
    expect(signalNews({ ...known, ...change }, look)).toEqual(expected);
  });
});

describe('news of alarms', () => {
  it('are their changes, and those seen for the first time', () => {
    const before = { ...known, alarms: { a: 'OK', b: 'ALARM', gone: 'ALARM' } };
    const alarms = [alarm('a', 'ALARM'), alarm('b', 'ALARM'), alarm('c', 'OK')];
    expect(signalNews(before, { endpoint, alarms, metrics: [] })).toEqual([
      'alarm a is ALARM',
      'alarm c is OK',
    ]);
  });
});

describe('a quiet look in words', () => {
  const AT = Date.parse('2026-03-01T14:00:00Z');
  const say = (alarms: readonly AlarmReading[], metrics: readonly MetricReading[] = []) =>
    quietSentence({ endpoint, alarms, metrics }, AT, AT + 3_600_000);
  it('says what is in order and when the next one is', () => {
    expect(say([alarm('a', 'OK'), alarm('b', 'INSUFFICIENT_DATA')], [metric(7)])).toBe(
      'All quiet at 2026-03-01 14:00 UTC: endpoint InService, 1 of 2 alarms OK, spend is 7; next look 2026-03-01 15:00 UTC',
    );
    expect(say([])).toMatch(/^All quiet at .*: endpoint InService; next look /);
  });
  it('is not called quiet while an alarm goes on', () => {
    expect(say([alarm('a', 'OK'), alarm('b', 'ALARM')])).toMatch(/^Nothing new at .*1 of 2 alarms/);
  });
});

describe('the clock', () => {
  it('shows seconds where there are some', () => {
    expect(clock(Date.parse('2026-03-01T14:05:00Z'))).toBe('2026-03-01 14:05 UTC');
    expect(clock(Date.parse('2026-03-01T14:00:05Z'))).toBe('2026-03-01 14:00:05 UTC');
  });
});
