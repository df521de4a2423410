import { describe, expect, it } from 'vitest';

import {
  cooldownUntilMs,
  govern,
  rollbackAlarms,
  runsUsed,
  type GovernorState,
  type OpenRelease,
} from '../../../domain/governor.js';
import { managedAlarmName } from '../../../domain/managed-alarms.js';
import type { ReleaseStage, Trigger, WindowResult } from '../../../domain/model.js';
import { alarmPrefix, rollbackAlarmNames } from '../../../domain/names.js';
import type { PolicyInput, PolicySpec } from '../../../domain/policy.schema.js';
import { ADA, DAY_MS, HOUR_MS, NOON_MS, aPolicy } from './support.js';

const policySpec = (change: (spec: PolicyInput['spec']) => void = () => undefined): PolicySpec =>
  aPolicy((draft) => {
    change(draft.spec);
  }).spec;

const SPEC = policySpec();
const RECORDING = policySpec((spec) => {
  spec.mode = 'record';
});
const KINDS = ['drift', 'performance', 'schedule', 'manual'] as const;

/** A window that ends at this instant. */
const window = (toMs: number): WindowResult => ({
  fromMs: toMs - HOUR_MS,
  toMs,
  source: 'inputs',
  sourceKind: 'captured-inputs',
  result: 'breach',
  rows: 1_000,
  sentence: 'distance moved',
  columns: [],
});

const trigger = (kind: Trigger['kind'], change: Partial<Trigger> = {}): Trigger => ({
  kind,
  atMs: NOON_MS,
  reasons: ['distance moved'],
  by: { person: 'keeper', door: 'keeper', proof: { kind: 'policy', digest: 'd' } },
  windows: kind === 'drift' || kind === 'performance' ? [window(NOON_MS)] : [],
  ...change,
});

const release = (stage: ReleaseStage, change: Partial<OpenRelease> = {}): OpenRelease => ({
  release: 7,
  stage,
  startedAtMs: NOON_MS - 2 * DAY_MS,
  servingSinceMs: stage === 'probation' ? NOON_MS - 2 * DAY_MS : null,
  dataToMs: NOON_MS - 2 * DAY_MS,
  ...change,
});

const state = (change: Partial<GovernorState> = {}): GovernorState => ({
  open: [],
  frozen: null,
  lastEndedAtMs: null,
  startsAtMs: [],
  blocked: [],
  retiring: false,
  ...change,
});

const FREEZE = { by: ADA, reason: 'a migration', sinceMs: NOON_MS - 1, untilMs: NOON_MS + DAY_MS };
const block = (toMs: number) => ({ fromMs: 0, toMs, why: 'was rejected' });
const SPENT = { startsAtMs: [NOON_MS - 3 * DAY_MS, NOON_MS - 2 * DAY_MS] };
const COOLING = { lastEndedAtMs: NOON_MS - HOUR_MS };

const answer = (
  kind: Trigger['kind'],
  change: Partial<GovernorState> = {},
  force = false,
): ReturnType<typeof govern> => govern(SPEC, state(change), trigger(kind), NOON_MS, force);

describe('a release starts', () => {
  it.each(KINDS)('for a trigger of kind %s when nothing holds it back', (kind) => {
    expect(answer(kind)).toEqual({ kind: 'start', reason: 'distance moved' });
  });
  it('for the kind of its trigger where that gives no reason', () => {
    expect(govern(SPEC, state(), trigger('schedule', { reasons: [] }), NOON_MS)).toEqual({
      kind: 'start',
      reason: 'schedule',
    });
  });
  it('by hand though retrain.on names nothing', () => {
    const spec = policySpec((draft) => {
      draft.retrain.on = [];
    });
    expect(govern(spec, state(), trigger('manual'), NOON_MS).kind).toBe('start');
  });
});

describe('nothing starts and it is recorded', () => {
  it.each(KINDS)('for %s while the model is being retired', (kind) => {
    expect(answer(kind, { retiring: true }, true)).toEqual({
      kind: 'record',
      reason: 'the model is being retired',
    });
  });
  it.each(KINDS)('for %s where the policy only records', (kind) => {
    expect(govern(RECORDING, state(), trigger(kind), NOON_MS, true)).toEqual({
      kind: 'record',
      reason: 'the policy says mode: record; nothing is started',
    });
  });
});

it.each(['drift', 'performance', 'schedule'] as const)(
  'people are only told of %s where retrain.on does not name it',
  (kind) => {
    const spec = policySpec((draft) => {
      draft.retrain.on = (['drift', 'performance', 'schedule'] as const).filter(
        (named) => named !== kind,
      );
    });
    expect(govern(spec, state({ frozen: FREEZE }), trigger(kind), NOON_MS)).toEqual({
      kind: 'notify',
      reason: `retrain.on does not name ${kind}`,
    });
  },
);

describe('a freeze', () => {
  it.each(KINDS)('holds %s back until it ends, and says who froze it and why', (kind) => {
    expect(answer(kind, { frozen: FREEZE })).toEqual({
      kind: 'wait',
      untilMs: NOON_MS + DAY_MS,
      reason: 'frozen by ada@example.com: a migration',
    });
  });
  it('without an end holds back for as long as nobody ends it', () => {
    expect(answer('drift', { frozen: { ...FREEZE, untilMs: null } })).toMatchObject({
      kind: 'wait',
      untilMs: null,
    });
  });
  it('holds even a person back who insists', () => {
    expect(answer('manual', { frozen: FREEZE }, true).kind).toBe('wait');
  });
});

describe('a release on its way', () => {
  it.each(
    (['retrain', 'evaluate', 'deploy'] as const).flatMap((stage) =>
      KINDS.map((kind) => [stage, kind] as const),
    ),
  )('in stage %s takes up a trigger of kind %s', (stage, kind) => {
    expect(answer(kind, { open: [release(stage)] })).toEqual({
      kind: 'coalesce',
      reason: `release 7 is on its way (${stage})`,
    });
  });
  it('takes up even what a person insists on', () => {
    expect(answer('manual', { open: [release('retrain')] }, true).kind).toBe('coalesce');
  });
  it('takes up a trigger though an older one waits for approval', () => {
    const open = [release('approve'), release('evaluate', { release: 8 })];
    expect(answer('drift', { open })).toMatchObject({
      kind: 'coalesce',
      reason: 'release 8 is on its way (evaluate)',
    });
  });
  it.each(['probation', 'ended'] as const)('is none that is in stage %s', (stage) => {
    expect(answer('drift', { open: [release(stage)] }).kind).toBe('start');
  });
});

describe('a release that waits for approval', () => {
  const waiting = (change: Partial<OpenRelease> = {}): Partial<GovernorState> => ({
    open: [release('approve', change)],
  });
  const BY_ITS_DATA = {
    kind: 'coalesce',
    reason: 'release 7 waits for approval and was trained on this data',
  };

  it.each([
    ['the windows are those it was trained on', 'drift', { dataToMs: NOON_MS }],
    ['the windows are older', 'performance', { dataToMs: NOON_MS + 1 }],
    ['it is only the schedule', 'schedule', {}],
    ['a person asked before its data ended', 'manual', { dataToMs: NOON_MS + 1 }],
  ] as const)('takes up a trigger when %s', (_claim, kind, change) => {
    expect(answer(kind, waiting(change))).toEqual(BY_ITS_DATA);
  });
  it('makes room for one on newer windows, by a millisecond, once the cool-down since its start is over', () => {
    expect(answer('drift', waiting({ dataToMs: NOON_MS - 1 })).kind).toBe('start');
  });
  it('makes room as soon as one of several windows is newer', () => {
    const mixed = trigger('drift', { windows: [window(NOON_MS - 3 * DAY_MS), window(NOON_MS)] });
    expect(govern(SPEC, state(waiting()), mixed, NOON_MS).kind).toBe('start');
  });
  it('makes a newer one wait for the cool-down since its start', () => {
    expect(answer('drift', waiting({ startedAtMs: NOON_MS - DAY_MS + 60_000 }))).toEqual({
      kind: 'wait',
      untilMs: NOON_MS + 60_000,
      reason: 'release 7 waits for approval; a newer one may start in 1 min',
    });
  });
  it('makes no newer one wait at the very instant the cool-down since its start ends', () => {
    expect(answer('drift', waiting({ startedAtMs: NOON_MS - DAY_MS })).kind).toBe('start');
    expect(answer('drift', waiting({ startedAtMs: NOON_MS - DAY_MS + 1 })).kind).toBe('wait');
  });
  it('makes even a person wait who insists', () => {
    expect(answer('manual', waiting({ startedAtMs: NOON_MS - HOUR_MS }), true).kind).toBe('wait');
  });
  it('is the newest of those that wait', () => {
    const open = [release('approve'), release('approve', { release: 8, dataToMs: NOON_MS })];
    expect(answer('drift', { open })).toMatchObject({
      kind: 'coalesce',
      reason: 'release 8 waits for approval and was trained on this data',
    });
  });
  it('leaves the budget to hold a newer one back', () => {
    expect(answer('drift', { ...waiting(), ...SPENT }).kind).toBe('ask');
  });
});

describe('a blocked data window', () => {
  it.each(['drift', 'performance'] as const)(
    'holds %s back until there are newer windows',
    (kind) => {
      expect(answer(kind, { blocked: [block(NOON_MS)] })).toEqual({
        kind: 'wait',
        untilMs: null,
        reason: 'a candidate on this data was rejected; waiting for newer windows',
      });
    },
  );
  it('holds nothing back that saw a millisecond more', () => {
    expect(answer('drift', { blocked: [block(NOON_MS - 1)] }).kind).toBe('start');
  });
  it('holds back when any of several covers the windows', () => {
    expect(answer('drift', { blocked: [block(0), block(NOON_MS), block(5)] }).kind).toBe('wait');
  });
  it('holds back what has no windows to show', () => {
    const bare = trigger('drift', { windows: [] });
    expect(govern(SPEC, state({ blocked: [block(1)] }), bare, NOON_MS).kind).toBe('wait');
  });
  it.each(['schedule', 'manual'] as const)('does not hold %s back', (kind) => {
    expect(answer(kind, { blocked: [block(NOON_MS + DAY_MS)] }).kind).toBe('start');
  });
});

describe('the cool-down', () => {
  it.each(['drift', 'performance', 'schedule'] as const)(
    'holds %s back and says how long',
    (kind) => {
      expect(answer(kind, COOLING)).toEqual({
        kind: 'wait',
        untilMs: NOON_MS + 23 * HOUR_MS,
        reason: 'cooling down for another 23 h',
      });
    },
  );
  it('is over at the very instant it ends', () => {
    expect(answer('drift', { lastEndedAtMs: NOON_MS - DAY_MS + 1 }).kind).toBe('wait');
    expect(answer('drift', { lastEndedAtMs: NOON_MS - DAY_MS }).kind).toBe('start');
  });
  it('does not hold a person back', () => {
    expect(answer('manual', COOLING).kind).toBe('start');
  });
  it('outlasts a spent budget: whoever waits is not asked', () => {
    expect(answer('drift', { ...COOLING, ...SPENT }).kind).toBe('wait');
  });

  it.each([
    ['nothing when nothing ended and nothing serves', state(), null],
    ['the end of the last release', state({ lastEndedAtMs: NOON_MS }), NOON_MS + DAY_MS],
    [
      'the beginning of service of one on probation',
      state({ open: [release('probation', { servingSinceMs: NOON_MS })] }),
      NOON_MS + DAY_MS,
    ],
    [
      'the later of both',
      state({
        lastEndedAtMs: NOON_MS - 1,
        open: [release('probation', { servingSinceMs: NOON_MS })],
      }),
      NOON_MS + DAY_MS,
    ],
    [
      'the end, when that is later',
      state({
        lastEndedAtMs: NOON_MS,
        open: [release('probation', { servingSinceMs: NOON_MS - 1 })],
      }),
      NOON_MS + DAY_MS,
    ],
    ['nothing for a release that does not serve yet', state({ open: [release('approve')] }), null],
  ])('counts from %s', (_claim, given, untilMs) => {
    expect(cooldownUntilMs(SPEC, given)).toBe(untilMs);
  });
});

describe('the budget in dollars', () => {
  const spending = (spentUsd: number) => ({
    usd: 10,
    spentUsd,
    unknownRuns: [],
    next: { kind: 'known', usd: 4, basis: 'as much as the last run' } as const,
  });
  it.each([
    [6, 'start'],
    [6.01, 'ask'],
  ])('with %d USD spent: %s', (spentUsd, kind) => {
    const now = state({ spending: spending(spentUsd) });
    expect(govern(SPEC, now, trigger('drift'), NOON_MS).kind).toBe(kind);
    expect(govern(SPEC, now, trigger('manual'), NOON_MS).kind).toBe(kind);
  });
  it('does not hold back a person who insists', () => {
    const now = state({ spending: spending(9) });
    expect(govern(SPEC, now, trigger('manual'), NOON_MS, true).kind).toBe('start');
  });
});

describe('the budget', () => {
  it.each(KINDS)('once spent lets a trigger of kind %s ask a person, who may insist', (kind) => {
    expect(answer(kind, SPENT)).toEqual({
      kind: 'ask',
      reason:
        '2 of 2 runs of the last 30 d are spent; a person may insist with modelkeeper retrain --force',
    });
  });
  it('is not spent with one run left', () => {
    expect(answer('drift', { startsAtMs: [NOON_MS - 2 * DAY_MS] }).kind).toBe('start');
  });
  it('may be spent beyond its limit by people who insisted', () => {
    expect(answer('drift', { startsAtMs: [...SPENT.startsAtMs, NOON_MS] })).toMatchObject({
      kind: 'ask',
      reason: expect.stringMatching(/^3 of 2 runs/) as string,
    });
  });
  it('slides: a run counts until it is exactly as long ago as the budget looks back', () => {
    const monthAgoMs = NOON_MS - 30 * DAY_MS;
    expect(runsUsed(SPEC, { startsAtMs: [monthAgoMs, NOON_MS] }, NOON_MS)).toBe(1);
    expect(runsUsed(SPEC, { startsAtMs: [monthAgoMs + 1, NOON_MS] }, NOON_MS)).toBe(2);
    expect(answer('drift', { startsAtMs: [monthAgoMs, NOON_MS - 2 * DAY_MS] }).kind).toBe('start');
    expect(answer('drift', { startsAtMs: [monthAgoMs + 1, NOON_MS - 2 * DAY_MS] }).kind).toBe(
      'ask',
    );
  });
});

describe('a person who insists', () => {
  it.each<[string, Partial<GovernorState>]>([
    ['the cool-down', COOLING],
    ['a spent budget', SPENT],
    ['a blocked data window', { blocked: [block(NOON_MS + DAY_MS)] }],
    ['all of them', { ...COOLING, ...SPENT, blocked: [block(NOON_MS + DAY_MS)] }],
  ])('is not held back by %s', (_claim, change) => {
    expect(answer('manual', change, true)).toEqual({ kind: 'start', reason: 'distance moved' });
  });
});

describe('a version on probation', () => {
  const onProbation = { open: [release('probation')] };
  const BACK = {
    kind: 'roll back',
    release: 7,
    reason: 'release 7 is on probation and lost performance: distance moved',
  };

  it.each<[string, Partial<GovernorState>]>([
    ['at once', {}],
    ['through a freeze', { frozen: FREEZE }],
    ['through the cool-down', COOLING],
    ['over a spent budget', SPENT],
    ['though its data is blocked', { blocked: [block(NOON_MS)] }],
    [
      'though a newer one is on its way',
      { open: [release('retrain', { release: 8 }), release('probation')] },
    ],
  ])('goes back when it loses performance: %s', (_claim, change) => {
    expect(answer('performance', { ...onProbation, ...change })).toEqual(BACK);
  });
  it('goes back though the policy only records: it would never have been let in', () => {
    expect(govern(RECORDING, state(onProbation), trigger('performance'), NOON_MS)).toEqual(BACK);
  });
  it('goes back though retrain.on does not name performance', () => {
    const spec = policySpec((draft) => {
      draft.retrain.on = ['drift'];
    });
    expect(govern(spec, state(onProbation), trigger('performance'), NOON_MS)).toEqual(BACK);
  });
  it('stays while the model is being retired', () => {
    expect(answer('performance', { ...onProbation, retiring: true }).kind).toBe('record');
  });
  it('stays where the policy does not roll back on performance: the next release starts', () => {
    const spec = policySpec((draft) => {
      draft.deploy = { probation: { rollBackOn: ['alarms'] } };
    });
    expect(govern(spec, state(onProbation), trigger('performance'), NOON_MS).kind).toBe('start');
  });
  it.each(['drift', 'schedule', 'manual'] as const)(
    'stays for %s: the next release starts',
    (kind) => {
      expect(answer(kind, onProbation).kind).toBe('start');
    },
  );
  it.each(['retrain', 'evaluate', 'approve', 'deploy', 'ended'] as const)(
    'is not one in stage %s',
    (stage) => {
      expect(answer('performance', { open: [release(stage)] }).kind).not.toBe('roll back');
    },
  );
});

describe('alarms that take a version back', () => {
  const PREFIX = alarmPrefix('flights');
  const named = (name: string, alarmState = 'ALARM') => ({
    name,
    state: alarmState,
    reason: 'threshold crossed',
  });
  const managed = (kind: Parameters<typeof managedAlarmName>[2], source = 'health') =>
    named(managedAlarmName('flights', source, kind));
  const { errors, latency } = rollbackAlarmNames('flights', 7);

  it.each([
    ['5XX', managed('errors-5xx')],
    ['4XX', managed('errors-4xx')],
    ['latency', managed('latency')],
    ['errors of a rollout', named(errors)],
    ['latency of a rollout', named(latency)],
    ['the policy’s own, whatever its name', named('cpu of my fleet')],
    ['the policy’s own, with a name like ours further in', named(`my-${PREFIX}health-cpu`)],
  ])('are those of %s', (_claim, alarm) => {
    expect(rollbackAlarms([alarm], PREFIX)).toEqual([alarm]);
  });

  it.each([
    ['a busy CPU', managed('cpu')],
    ['full memory', managed('memory')],
    ['a full disk', managed('disk')],
    ['a full disk, of a source that is called errors', managed('disk', 'errors')],
    ['a full disk, of a source that is called my-errors', managed('disk', 'my-errors')],
    ['a busy CPU, of a source that is called latency-5xx', managed('cpu', 'latency-5xx')],
    ['one that is OK', named(managedAlarmName('flights', 'health', 'latency'), 'OK')],
    ['one without data', named('mine', 'INSUFFICIENT_DATA')],
  ])('are not those of %s', (_claim, alarm) => {
    expect(rollbackAlarms([alarm], PREFIX)).toEqual([]);
  });

  it('are told in the order they were read', () => {
    const alarms = [managed('latency'), managed('disk'), named('mine'), managed('errors-5xx')];
    expect(rollbackAlarms(alarms, PREFIX).map((alarm) => alarm.name)).toEqual([
      'modelkeeper-flights-health-latency',
      'mine',
      'modelkeeper-flights-health-errors-5xx',
    ]);
  });
});
