import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { confirmed, judge, remember, type Sightings } from '../../../domain/detect.js';
import type {
  AlarmReading,
  EndpointReading,
  MetricReading,
  WindowResult,
} from '../../../domain/model.js';
import { policySchema } from '../../../domain/policy.schema.js';
import { HOUR_MS, aPolicy, seeded } from './support.js';

seeded();

type Result = WindowResult['result'];

const window = (result: Result, index = 0, source = 'inputs'): WindowResult => ({
  fromMs: index * HOUR_MS,
  toMs: (index + 1) * HOUR_MS,
  source,
  sourceKind: source === 'quality' ? 'ground-truth' : 'captured-inputs',
  result,
  rows: 1_000,
  sentence: `${source} ${index}: ${result}`,
  columns: [],
});

const LETTERS: Readonly<Record<string, Result>> = {
  o: 'ok',
  w: 'warn',
  b: 'breach',
  q: 'data quality',
  '?': 'cannot tell',
};

/** Windows one after the other: o = ok, w = warn, b = breach, q = data quality, ? = cannot tell. */
const row = (results: string, source = 'inputs'): WindowResult[] =>
  Array.from(results, (letter, index) => window(LETTERS[letter] ?? 'ok', index, source));

const spelled = (windows: readonly WindowResult[]): string =>
  windows
    .map(({ result }) => Object.keys(LETTERS).find((letter) => LETTERS[letter] === result) ?? '')
    .join('');

const indices = (windows: readonly WindowResult[]): number[] =>
  windows.map(({ fromMs }) => fromMs / HOUR_MS);

describe('breaches are confirmed', () => {
  it.each([
    ['', 2, 3, []],
    ['b', 2, 3, []],
    ['bb', 2, 3, [0, 1]],
    ['bob', 2, 3, [0, 2]],
    ['bbo', 2, 3, [0, 1]],
    ['bboo', 2, 3, []],
    ['boob', 2, 3, []],
    ['bbb', 2, 3, [0, 1, 2]],
    ['bbbb', 2, 3, [1, 2, 3]],
    ['b', 1, 1, [0]],
    ['bo', 1, 1, []],
    ['bbo', 3, 3, []],
    ['bbb', 3, 3, [0, 1, 2]],
    // A window that cannot tell is neither for nor against and takes up no place.
    ['b?b', 2, 3, [0, 2]],
    ['b????b', 2, 3, [0, 5]],
    ['bb???', 2, 3, [0, 1]],
    ['b??oo?b', 2, 3, []],
    ['???', 1, 3, []],
    // Neither a warning nor broken data is a breach, and both take up a place.
    ['wwwqqq', 1, 3, []],
    ['bwqb', 2, 3, []],
    ['bwb', 2, 3, [0, 2]],
    ['bqb', 2, 3, [0, 2]],
  ])('in %j by %i of %i: windows %j', (results, breaches, of, expected) => {
    expect(indices(confirmed(row(results), { breaches, of }))).toEqual(expected);
  });
});

describe('the memory of a source', () => {
  const keep = 3;

  it('has each window once, however often it is told', () => {
    const known = remember([], row('bo'), keep);
    expect(remember(known, row('bo'), keep)).toEqual(known);
    expect(remember(known, [...row('bo'), ...row('bo')], keep)).toEqual(known);
  });
  it('keeps what a window showed first', () => {
    const known = remember([], row('b'), keep);
    expect(spelled(remember(known, row('o'), keep))).toBe('b');
  });
  it('is in order of time, whatever the order of the news', () => {
    const news = row('obw');
    expect(indices(remember(news.slice(2), [...news].reverse(), keep))).toEqual([0, 1, 2]);
  });
  it.each([
    ['oooo', 'ooo'],
    ['bbb', 'bbb'],
    ['bobo?', 'obo?'],
    ['b?ooo', 'ooo'],
    ['?ooo', 'ooo'],
    ['o?o?o?', 'o?o?o?'],
    ['??', '??'],
    ['', ''],
  ])(
    'of %j is %j: the last three that could tell, and what lies among and after them',
    (all, kept) => {
      expect(spelled(remember([], row(all), keep))).toBe(kept);
    },
  );
  it('never loses a window that could tell to those that cannot', () => {
    const known = remember([], row(`bob${'?'.repeat(50)}`), keep);
    expect(spelled(known)).toMatch(/^bob\?+$/);
    expect(known.at(-1)?.fromMs).toBe(52 * HOUR_MS);
    expect(confirmed(known, { breaches: 2, of: 3 })).toHaveLength(2);
  });
  it('is bounded, however long nothing can be told', () => {
    let known: readonly WindowResult[] = [];
    for (let index = 0; index < 100; index += 1)
      known = remember(known, [window('cannot tell', index)], keep);
    expect(known.length).toBeLessThanOrEqual(3 * keep);
    expect(known.at(-1)?.fromMs).toBe(99 * HOUR_MS);
  });

  it('keeps what could not be told from before there were enough that could', () => {
    expect(spelled(remember([], row('?b?'), 3))).toBe('?b?');
    expect(spelled(remember([], row('??b'), 1))).toBe('b');
  });

  const results = fc
    .array(fc.constantFrom(...Object.keys(LETTERS), '?', '?', '?'), { maxLength: 60 })
    .map((all) => all.join(''));
  it('told one by one confirms what the whole history confirms', () => {
    fc.assert(
      fc.property(results, fc.integer({ min: 1, max: 5 }), (all, of) => {
        let known: readonly WindowResult[] = [];
        for (const one of row(all)) known = remember(known, [one, one], of);
        for (let breaches = 1; breaches <= of; breaches += 1) {
          expect(confirmed(known, { breaches, of })).toEqual(confirmed(row(all), { breaches, of }));
        }
        expect(known.length).toBeLessThanOrEqual(3 * of);
        expect(known.at(-1)).toEqual(row(all).at(-1));
      }),
    );
  });
});

const endpoint: EndpointReading = {
  atMs: 0,
  name: 'flights',
  arn: 'arn:aws:sagemaker:us-east-1:111122223333:endpoint/flights',
  status: 'InService',
  configName: 'flights-6',
  pendingConfigName: null,
  createdAtMs: 0,
  lastModifiedAtMs: 0,
  failureReason: null,
  progress: [],
  instances: 2,
  capturePrefix: null,
  champion: null,
};
const alarm = (state: AlarmReading['state'], change: Partial<AlarmReading> = {}): AlarmReading => ({
  source: 'health',
  name: 'latency',
  state,
  reason: 'p99 is 2 s',
  sinceMs: 0,
  ...change,
});
const metric = (value: number): MetricReading => ({
  source: 'spend',
  value,
  breached: value > 100,
  sentence: `Charges is ${value}`,
});
const { spec } = aPolicy();

const seen = (change: Partial<Sightings> = {}): Sightings => ({
  endpoint,
  alarms: [alarm('OK')],
  metrics: [metric(7)],
  windows: { inputs: row('ooo'), quality: row('ooo', 'quality') },
  noData: {},
  baselineMissing: null,
  ...change,
});
const windows = (inputs: string, quality = 'ooo'): Pick<Sightings, 'windows'> => ({
  windows: { inputs: row(inputs), quality: row(quality, 'quality') },
});
const ALARMED = { alarms: [alarm('ALARM')] };
const sick = (status: string, failureReason: string | null = null): Partial<Sightings> => ({
  endpoint: { ...endpoint, status, failureReason },
});

describe('the verdict', () => {
  it('is healthy when everything was seen and nothing is wrong, with the latest numbers', () => {
    expect(judge(spec, seen())).toEqual({
      verdict: 'healthy',
      reasons: ['inputs 2: ok', 'quality 2: ok', '1 of 1 alarms OK'],
      windows: [],
    });
  });
  it('is not healthy while a watched metric has no value, or was not read', () => {
    const blind = { ...metric(0), value: null, sentence: 'spend: no value' };
    expect(judge(spec, seen())).toMatchObject({ verdict: 'healthy' });
    expect(judge(spec, seen({ metrics: [blind] }))).toMatchObject({
      verdict: 'cannot tell',
      reasons: ['spend: no value'],
    });
    expect(judge(spec, seen({ metrics: [] }))).toMatchObject({
      verdict: 'cannot tell',
      reasons: ['spend: the metric has not been read yet'],
    });
  });
  it('is healthy with a warning', () => {
    expect(judge(spec, seen(windows('oow')))).toMatchObject({
      verdict: 'healthy',
      reasons: ['inputs 2: warn', 'quality 2: ok', '1 of 1 alarms OK'],
    });
  });
  it('is healthy after one breach: one is noise', () => {
    expect(judge(spec, seen(windows('oob', 'oob'))).verdict).toBe('healthy');
  });
  it('is healthy while some alarms are OK and others have no data yet, and says how many', () => {
    const alarms = [alarm('OK'), alarm('INSUFFICIENT_DATA', { name: 'cpu' })];
    expect(judge(spec, seen({ alarms }))).toMatchObject({
      verdict: 'healthy',
      reasons: ['inputs 2: ok', 'quality 2: ok', '1 of 2 alarms OK'],
    });
  });
  it.each(['Updating', 'SystemUpdating', 'RollingBack', 'Creating', 'InService'])(
    'is not about an endpoint that is %s',
    (status) => {
      expect(judge(spec, seen(sick(status))).verdict).toBe('healthy');
    },
  );
});

describe('silence', () => {
  const noTraffic = (state: 'OK' | 'ALARM') =>
    alarm(state, { name: 'modelkeeper-flights-health-no-traffic', reason: 'nobody called' });
  it('is neither sick nor healthy', () => {
    expect(judge(spec, seen({ alarms: [alarm('OK'), noTraffic('ALARM')] }))).toMatchObject({
      verdict: 'cannot tell',
      reasons: ['alarm modelkeeper-flights-health-no-traffic: nobody called'],
    });
    expect(judge(spec, seen({ alarms: [alarm('OK'), noTraffic('OK')] })).verdict).toBe('healthy');
  });
  it('does not hide what is sick', () => {
    const alarms = [alarm('ALARM'), noTraffic('ALARM')];
    expect(judge(spec, seen({ alarms })).verdict).toBe('unhealthy endpoint');
  });
  it("is an alarm like any other when it is people's own", () => {
    const alarms = [alarm('ALARM', { name: 'shop-no-traffic' })];
    expect(judge(spec, seen({ alarms })).verdict).toBe('unhealthy endpoint');
  });
});

describe('metrics of the endpoint', () => {
  const load = aPolicy((draft) => {
    draft.spec.monitor.sources.push({
      id: 'load',
      kind: 'endpoint-metrics',
      metrics: { CPUUtilization: { abovePercent: 80 }, ModelLatency: { aboveMs: 9 } },
    });
  }).spec;
  const reading = (source: string, value: number | null, breached = false) => ({
    source,
    value,
    breached,
    sentence: `${source} is ${String(value)}`,
  });
  const with_ = (...readings: ReturnType<typeof reading>[]) =>
    judge(load, seen({ metrics: [metric(1), ...readings] }));
  it('are each looked at', () => {
    expect(with_(reading('load/CPUUtilization', 1), reading('load/ModelLatency', 2)).verdict).toBe(
      'healthy',
    );
    expect(
      with_(reading('load/CPUUtilization', 90, true), reading('load/ModelLatency', 2)).verdict,
    ).toBe('unhealthy endpoint');
    expect(
      with_(reading('load/CPUUtilization', 1), reading('load/ModelLatency', null)),
    ).toMatchObject({ verdict: 'cannot tell', reasons: ['load/ModelLatency is null'] });
    expect(with_()).toMatchObject({ reasons: ['load: the metric has not been read yet'] });
  });
});

describe('of several sources of a kind', () => {
  const twoMetrics = aPolicy((draft) => {
    draft.spec.monitor.sources.push(
      { id: 'calls', kind: 'metric', namespace: 'n', name: 'calls', stat: 'Sum', above: 5 },
      { id: 'other', kind: 'captured-inputs' },
    );
  }).spec;
  const calls = { ...metric(1), source: 'calls', sentence: 'calls is 1' };
  const all = (change: Partial<Sightings> = {}): Sightings =>
    seen({
      metrics: [metric(7), calls],
      windows: { inputs: row('o'), other: row('o', 'other'), quality: row('o', 'quality') },
      ...change,
    });
  it('each is looked at by itself', () => {
    expect(judge(twoMetrics, all())).toMatchObject({ verdict: 'healthy' });
    expect(judge(twoMetrics, all({ metrics: [metric(7)] }))).toMatchObject({
      reasons: ['calls: the metric has not been read yet'],
    });
    expect(
      judge(twoMetrics, all({ metrics: [{ ...metric(7), value: null }, calls] })),
    ).toMatchObject({ verdict: 'cannot tell', reasons: ['Charges is 7'] });
    expect(
      judge(twoMetrics, all({ metrics: [metric(7), { ...calls, value: null }] })),
    ).toMatchObject({ verdict: 'cannot tell', reasons: ['calls is 1'] });
  });
  it('breaches of one do not add to those of another', () => {
    const split = { inputs: row('bo'), other: row('ob', 'other'), quality: row('o', 'quality') };
    expect(judge(twoMetrics, all({ windows: split })).verdict).toBe('healthy');
  });
  it('without a baseline only those that need one are blind', () => {
    expect(judge(twoMetrics, all({ baselineMissing: 'no baseline' })).reasons).toEqual([
      'no baseline',
      'no baseline',
    ]);
  });
});

describe('a healthy model that is little watched', () => {
  it('says what there is to say', () => {
    const { spec: bare } = aPolicy((draft) => {
      draft.spec.monitor.sources = [
        { id: 'spend', kind: 'metric', namespace: 'n', name: 'Charges', stat: 'Sum', above: 100 },
      ];
      draft.spec.retrain.on = ['schedule'];
      draft.spec.deploy = { probation: { rollBackOn: [] } };
    });
    expect(judge(bare, seen({ alarms: [], windows: {} }))).toEqual({
      verdict: 'healthy',
      reasons: [],
      windows: [],
    });
  });
});

describe('an unhealthy endpoint', () => {
  it.each([
    ['Failed', 'no image', 'the endpoint is Failed: no image'],
    ['Failed', null, 'the endpoint is Failed'],
    ['OutOfService', null, 'the endpoint is OutOfService'],
    ['UpdateRollbackFailed', 'x', 'the endpoint is UpdateRollbackFailed: x'],
    ['Deleting', null, 'the endpoint is Deleting'],
    ['absent', null, 'the endpoint flights does not exist'],
  ])('is one that is %s because of %j', (status, failureReason, reason) => {
    expect(judge(spec, seen(sick(status, failureReason)))).toEqual({
      verdict: 'unhealthy endpoint',
      reasons: [reason],
      windows: [],
    });
  });
  it('is one with an alarm, told with its reason', () => {
    expect(judge(spec, seen(ALARMED))).toMatchObject({
      verdict: 'unhealthy endpoint',
      reasons: ['alarm latency: p99 is 2 s'],
    });
  });
  it('is one with a breached metric', () => {
    expect(judge(spec, seen({ metrics: [metric(101)] }))).toMatchObject({
      verdict: 'unhealthy endpoint',
      reasons: ['Charges is 101'],
    });
  });
  it('is told with everything that is wrong', () => {
    const all = { ...sick('Failed'), ...ALARMED, metrics: [metric(101), metric(7)] };
    expect(judge(spec, seen(all)).reasons).toHaveLength(3);
  });
});

describe('confirmed windows', () => {
  it('of ground truth are a loss of performance, and are handed on', () => {
    expect(judge(spec, seen(windows('ooo', 'bob')))).toEqual({
      verdict: 'performance',
      reasons: ['quality 0: breach', 'quality 2: breach'],
      windows: [window('breach', 0, 'quality'), window('breach', 2, 'quality')],
    });
  });
  it('of inputs are drift, and are handed on', () => {
    expect(judge(spec, seen(windows('obb')))).toEqual({
      verdict: 'drift',
      reasons: ['inputs 1: breach', 'inputs 2: breach'],
      windows: [window('breach', 1), window('breach', 2)],
    });
  });
  it('of two sources do not add up', () => {
    expect(judge(spec, seen(windows('oob', 'oob'))).windows).toEqual([]);
    const two = aPolicy(({ spec: draft }) => {
      draft.monitor.sources = [
        { id: 'inputs', kind: 'captured-inputs' },
        { id: 'others', kind: 'captured-inputs' },
        { id: 'quality', kind: 'ground-truth', labels: 's3://ml-artefacts/l/', floor: 0.6 },
      ];
    }).spec;
    const shown = { ...seen().windows, inputs: row('oob'), others: row('oob', 'others') };
    expect(judge(two, seen({ windows: shown })).verdict).toBe('healthy');
  });
  it('of a source the policy no longer names count for nothing', () => {
    const shown = { ...seen().windows, former: row('bbb', 'former') };
    expect(judge(spec, seen({ windows: shown })).verdict).toBe('healthy');
  });
});

describe('broken data', () => {
  it.each([
    ['captured inputs', windows('ooq'), 'inputs 2: data quality'],
    ['ground truth', windows('ooo', 'ooq'), 'quality 2: data quality'],
    ['the last inputs that could tell', windows('oq?'), 'inputs 1: data quality'],
  ])('is told from the first window of %s', (_claim, change, reason) => {
    expect(judge(spec, seen(change))).toMatchObject({
      verdict: 'data quality',
      reasons: [reason],
      windows: [{ result: 'data quality' }],
    });
  });
  it('is over with the next window that can tell', () => {
    expect(judge(spec, seen(windows('oqo'))).verdict).toBe('healthy');
    expect(judge(spec, seen(windows('oq?o'))).verdict).toBe('healthy');
  });
});

describe('who outranks whom', () => {
  const PERFORMANCE = windows('ooo', 'bbb');
  it.each<[string, string, Partial<Sightings>]>([
    ['unhealthy endpoint', 'a loss of performance', { ...PERFORMANCE, ...ALARMED }],
    ['unhealthy endpoint', 'broken data', { ...windows('ooq'), ...sick('Failed') }],
    ['unhealthy endpoint', 'drift', { ...windows('bbb'), metrics: [metric(101)] }],
    ['unhealthy endpoint', 'blindness', { ...ALARMED, endpoint: null, windows: {} }],
    ['performance', 'broken data', windows('ooq', 'bbb')],
    ['performance', 'drift', windows('bbb', 'bbb')],
    ['performance', 'blindness', { ...PERFORMANCE, endpoint: null, baselineMissing: 'none' }],
    ['data quality', 'drift', windows('bbq')],
    ['data quality', 'blindness', { ...windows('ooq'), noData: { quality: 'silent' } }],
    ['drift', 'blindness', { ...windows('bbb', '???'), endpoint: null }],
    ['drift', 'windows after it that cannot tell', windows('bb??')],
  ])('%s outranks %s', (verdict, _other, change) => {
    expect(judge(spec, seen(change)).verdict).toBe(verdict);
  });
});

describe('it cannot tell, and never says healthy,', () => {
  it.each<[string, Partial<Sightings>, string[]]>([
    ['when the endpoint was not read', { endpoint: null }, ['the endpoint has not been read yet']],
    [
      'when a source has no window',
      { windows: { inputs: row('o') } },
      ['quality: no window is complete yet'],
    ],
    [
      'when no source has one',
      { windows: {} },
      ['inputs: no window is complete yet', 'quality: no window is complete yet'],
    ],
    ['when the latest window cannot tell', windows('oo?'), ['inputs 2: cannot tell']],
    [
      'when a source fell silent, though its last window was in order',
      { noData: { inputs: 'inputs: nothing for 6 h' } },
      ['inputs: nothing for 6 h'],
    ],
    [
      'when there is no baseline',
      { baselineMissing: 'the baseline is not profiled yet' },
      ['the baseline is not profiled yet'],
    ],
    [
      'when an alarm does not exist',
      { alarms: [alarm('OK'), alarm('INSUFFICIENT_DATA', { name: 'cpu', absent: true })] },
      ['alarm cpu does not exist'],
    ],
    ['when no alarm of a source was read', { alarms: [] }, ['health: no alarm has been read yet']],
    [
      'when the alarms read are another source’s',
      { alarms: [alarm('OK', { source: 'other' })] },
      ['health: no alarm has been read yet'],
    ],
    [
      'when no alarm of a source has data',
      { alarms: [alarm('INSUFFICIENT_DATA'), alarm('INSUFFICIENT_DATA', { name: 'cpu' })] },
      ['health: none of its 2 alarms has data'],
    ],
  ])('%s', (_claim, change, reasons) => {
    expect(judge(spec, seen(change))).toEqual({ verdict: 'cannot tell', reasons, windows: [] });
  });

  it('for as many reasons as there are', () => {
    expect(judge(spec, seen({ ...windows('?', '?'), endpoint: null, alarms: [] })).reasons).toEqual(
      [
        'the endpoint has not been read yet',
        'health: no alarm has been read yet',
        'inputs 0: cannot tell',
        'quality 0: cannot tell',
      ],
    );
  });

  it('whatever else is seen, as long as the latest window of a source cannot tell', () => {
    const results = fc.array(fc.constantFrom(...Object.keys(LETTERS)), { maxLength: 8 });
    fc.assert(
      fc.property(results, results, fc.boolean(), (inputs, quality, blindest) => {
        const change = blindest
          ? windows(`${inputs.join('')}?`, quality.join(''))
          : windows(inputs.join(''), `${quality.join('')}?`);
        expect(judge(spec, seen(change)).verdict).not.toBe('healthy');
      }),
    );
  });

  it('where the policy watches alarms only and none was read', () => {
    const alarmsOnly = aPolicy(({ spec: draft }) => {
      draft.monitor.sources = [{ id: 'health', kind: 'alarms' }];
      draft.retrain.on = ['schedule'];
      draft.deploy = { probation: { rollBackOn: ['alarms'] } };
    }).spec;
    const nothing = seen({ alarms: [], metrics: [], windows: {}, baselineMissing: 'none' });
    expect(judge(alarmsOnly, nothing).verdict).toBe('cannot tell');
    expect(judge(alarmsOnly, { ...nothing, alarms: [alarm('OK')] }).verdict).toBe('healthy');
  });
});

it('a source cannot be named like a part of every object, or its windows would be looked up in vain', () => {
  const policy = aPolicy();
  const [health] = policy.spec.monitor.sources;
  const sources = [...policy.spec.monitor.sources, { ...health, id: 'constructor' }];
  const reading = policySchema.safeParse({
    ...policy,
    spec: { ...policy.spec, monitor: { ...policy.spec.monitor, sources } },
  });
  expect(reading.error?.issues).toMatchObject([
    {
      path: ['spec', 'monitor', 'sources', 4, 'id'],
      message: 'this name is taken: choose another',
    },
  ]);
});

describe('an alarm of the company’s own', () => {
  const meaning = (means: 'drift' | 'performance' | 'health') => ({
    ...spec,
    monitor: {
      ...spec.monitor,
      sources: [
        ...spec.monitor.sources,
        { id: 'own', kind: 'alarms' as const, alarms: ['psi'], means },
      ],
    },
  });
  const own = (change: Partial<AlarmReading> = {}) =>
    alarm('ALARM', { source: 'own', name: 'psi', reason: 'psi is 0.4', sinceMs: 5, ...change });
  const servingSinceMs = (sinceMs: number): EndpointReading => ({
    ...endpoint,
    champion: {
      configName: 'flights-6',
      packageArn: null,
      modelDataUrl: null,
      image: null,
      roleArn: null,
      sinceMs,
    },
  });
  const withOwn = (change: Partial<AlarmReading> = {}, sinceMs = 0) =>
    seen({ alarms: [alarm('OK'), own(change)], endpoint: servingSinceMs(sinceMs) });

  it.each(['drift', 'performance'] as const)('that means %s is that at once', (means) => {
    expect(judge(meaning(means), withOwn())).toMatchObject({
      verdict: means,
      reasons: ['alarm psi: psi is 0.4'],
      windows: [{ source: 'own', sourceKind: 'alarms', fromMs: 5, toMs: 5 }],
    });
  });
  it('that means health is an unhealthy endpoint, as one that says nothing is', () => {
    expect(judge(meaning('health'), withOwn()).verdict).toBe('unhealthy endpoint');
  });
  it('that went off at the very instant this version took the traffic counts', () => {
    expect(judge(meaning('drift'), withOwn({}, 5)).verdict).toBe('drift');
  });
  it('that went off before this version served says nothing of it, and is not health', () => {
    expect(judge(meaning('drift'), withOwn({}, 6))).toMatchObject({
      verdict: 'cannot tell',
      reasons: ['alarm psi went off before this version served: it counts once it has been OK'],
    });
  });
  it('that is OK is no drift', () => {
    expect(judge(meaning('drift'), withOwn({ state: 'OK' })).verdict).toBe('healthy');
  });
  it('without data is no health', () => {
    expect(judge(meaning('drift'), withOwn({ state: 'INSUFFICIENT_DATA' })).verdict).toBe(
      'cannot tell',
    );
  });
});

describe('a window that was judged again', () => {
  const again = (result: Result, index: number): WindowResult => ({
    ...window(result, index, 'quality'),
    revision: 1,
  });
  it('takes the place of its first judgement and counts once', () => {
    const known = row('bo', 'quality');
    const kept = remember(known, [again('breach', 1)], 3);
    expect(spelled(kept)).toBe('bb');
    expect(confirmed(kept, { breaches: 3, of: 3 })).toEqual([]);
    expect(remember(kept, [again('breach', 1)], 3)).toEqual(kept);
  });
  it('takes a breach back that more labels have not borne out', () => {
    expect(spelled(remember(row('bb', 'quality'), [again('ok', 0)], 3))).toBe('ob');
  });
  it('is not undone by its first judgement when that is told again', () => {
    const kept = remember([again('ok', 0)], [window('breach', 0, 'quality')], 3);
    expect(spelled(kept)).toBe('o');
  });
  it('does not come back when nobody remembers it any more', () => {
    const kept = remember(row('ooob', 'quality').slice(1), [{ ...again('breach', 0) }], 3);
    expect(spelled(kept)).toBe('oob');
  });
});
