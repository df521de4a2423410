import { describe, expect, it } from 'vitest';

import { MOST_BUDGET_RUNS } from '../../domain/governor.js';
import { rebuildFrom } from '../../domain/ledger-rebuild.js';
import { chain } from './ledger-entries.js';

const entry = chain();
const data = { train: { fromMs: 1, toMs: 2 }, holdOut: { fromMs: 2, toMs: 3 } };
const ended = (release: number, kind: string) =>
  entry('ended', { release, result: { kind }, data });
const started = (release: number) => entry('trigger', { answer: 'start', release, data });

describe('what runs have cost', () => {
  const counted = (release: number, usd: number) =>
    entry('trigger', {
      answer: 'start',
      release,
      data,
      forecast: { kind: 'known', usd, basis: '' },
    });
  const job = { instanceType: 'ml.m5.large', billableSeconds: 60, instances: 2 };

  it('is what was expected until it was billed', () => {
    const { runs } = rebuildFrom([
      counted(1, 3),
      entry('ended', {
        release: 1,
        result: { kind: 'promoted' },
        data,
        costUsd: 1.5,
        bill: { jobs: [job, job], unread: null },
      }),
      counted(2, 4),
    ]);
    expect(runs).toMatchObject([
      { release: 1, forecastUsd: 3, actualUsd: 1.5, machineSeconds: { 'ml.m5.large': 240 } },
      { release: 2, forecastUsd: 4, actualUsd: null, machineSeconds: null },
    ]);
  });

  it.each([
    ['a part unread', { jobs: [job], unread: 'no permission' }],
    ['something else', 'odd'],
    ['jobs without numbers', { jobs: [{ instanceType: 'x' }], unread: null }],
  ])('is no measure for others with %s', (_what, bill) => {
    const { runs } = rebuildFrom([counted(1, 3), entry('ended', { release: 1, bill })]);
    expect(runs?.[0]).toMatchObject({ machineSeconds: null });
  });

  it('is not kept of a model that counts no money', () => {
    expect(rebuildFrom([started(1)])).not.toHaveProperty('runs');
  });
});

describe('rebuildFrom', () => {
  it('knows what the last rollback left, until it is put back on purpose', () => {
    const back = entry('rollback', { from: 'flights-2', to: 'flights-1' });
    expect(rebuildFrom([back])).toMatchObject({ leftConfigName: 'flights-2' });
    const forth = entry('rollback', { from: 'flights-1', to: 'flights-2' });
    expect(rebuildFrom([back, forth])).not.toHaveProperty('leftConfigName');
  });

  it('goes on from the highest number that any entry names', () => {
    const state = rebuildFrom([
      started(3),
      entry('gates', {}, 'release/flights/7'),
      ended(3, 'aborted'),
    ]);
    expect(state.lastRelease).toBe(7);
    expect(state.lastEndedRelease).toBe(3);
  });
  it('knows who serves, since when, and who did before', () => {
    const state = rebuildFrom([
      entry('serving', { configName: 'flights-1', from: 'by-hand', sinceMs: 5 }),
      entry('serving', { configName: 'flights-2', from: 'flights-1', sinceMs: 9 }),
    ]);
    expect(state).toMatchObject({
      championConfigName: 'flights-2',
      championSinceMs: 9,
      previousConfigName: 'flights-1',
    });
  });
  it('knows that a rollback changed who serves', () => {
    const state = rebuildFrom([
      entry('serving', { configName: 'flights-2', from: 'flights-1', sinceMs: 9 }),
      entry('rollback', { from: 'flights-2', to: 'flights-1' }),
    ]);
    expect(state).toMatchObject({
      championConfigName: 'flights-1',
      previousConfigName: 'flights-2',
    });
  });
  it('lets a promotion cool down from the moment it served, and everything else from its end', () => {
    const serving = entry('serving', { release: 1, configName: 'flights-1', sinceMs: 9 });
    const end = ended(1, 'promoted');
    expect(rebuildFrom([started(1), serving, end]).lastEndedAtMs).toBe(9);
    const back = ended(1, 'rolled back');
    expect(rebuildFrom([started(1), serving, back]).lastEndedAtMs).toBe(back.atMs);
  });
  it('counts starts, and asked or waiting triggers not', () => {
    expect(rebuildFrom([started(1), entry('trigger', { answer: 'wait' })]).startsAtMs).toHaveLength(
      1,
    );
  });
  it.each(['rejected', 'expired', 'failed gates', 'rolled back'])(
    'blocks the data of %s',
    (kind) => {
      expect(rebuildFrom([ended(1, kind)]).blocked).toMatchObject([{ fromMs: 1, toMs: 3 }]);
    },
  );
  it('blocks the windows that started the candidate too, or the same ones would start the next', () => {
    const blocks = { fromMs: 1, toMs: 9 };
    const trigger = entry('trigger', { answer: 'start', release: 1, data, blocks });
    expect(rebuildFrom([trigger, started(2), ended(1, 'rejected')]).blocked).toEqual([
      { ...blocks, why: 'was rejected' },
    ]);
  });
  it.each([null, 5, {}, { fromMs: 'x', toMs: 9 }])(
    'falls back on the data of the candidate where it was started by %j',
    (blocks) => {
      const trigger = entry('trigger', { answer: 'start', release: 1, data, blocks });
      expect(rebuildFrom([trigger, ended(1, 'rejected')]).blocked).toMatchObject([
        { fromMs: 1, toMs: 3 },
      ]);
    },
  );
  it.each(['promoted', 'superseded', 'aborted', 'training failed'])(
    'blocks nothing after %s',
    (kind) => {
      expect(rebuildFrom([ended(1, kind)]).blocked).toEqual([]);
    },
  );
  it('lists releases that began and did not end', () => {
    expect(rebuildFrom([started(1), started(2), ended(1, 'promoted')]).unfinished).toEqual([2]);
  });
  it('passes over facts of a wrong type', () => {
    expect(rebuildFrom([entry('ended', { release: 'x', result: 5, data: null })])).toMatchObject({
      lastRelease: 0,
      lastResultKind: null,
    });
  });

  it('knows a freeze that nobody has ended, and forgets one that was', () => {
    const freeze = entry('freeze', { untilMs: 99 });
    expect(rebuildFrom([freeze]).frozen).toEqual({
      by: 'keeper',
      reason: '',
      sinceMs: freeze.atMs,
      untilMs: 99,
    });
    expect(rebuildFrom([freeze, entry('unfreeze', {})]).frozen).toBeNull();
    expect(rebuildFrom([freeze, entry('retired', {})]).frozen).toBeNull();
  });

  it('begins at nothing without entries, and remembers the head of those there are', () => {
    expect(rebuildFrom([])).toEqual({
      head: { number: 0, hash: '0'.repeat(64) },
      lastRelease: 0,
      lastEndedAtMs: null,
      lastResultKind: null,
      lastEndedRelease: null,
      startsAtMs: [],
      blocked: [],
      championSinceMs: null,
      championConfigName: null,
      previousConfigName: null,
      unfinished: [],
      frozen: null,
    });
    const [first, last] = [entry('policy', {}), entry('policy', {})];
    expect(rebuildFrom([first, last]).head).toEqual({ number: last.sequence, hash: last.hash });
  });

  it('keeps who serves, and since when, when the same config is entered again', () => {
    const state = rebuildFrom([
      entry('serving', { configName: 'flights-1', sinceMs: 5 }),
      entry('changed outside', { to: 'flights-1' }),
      entry('changed outside', { to: null }),
      entry('rollback', {}),
    ]);
    expect(state).toMatchObject({
      championConfigName: 'flights-1',
      championSinceMs: 5,
      previousConfigName: null,
    });
  });

  it('remembers the config before from whoever was seen to serve', () => {
    const state = rebuildFrom([
      entry('serving', { configName: 'flights-1', from: 'by-hand', sinceMs: 5 }),
      entry('changed outside', { to: 'other' }),
      entry('serving', { configName: 'flights-2', sinceMs: 9 }),
    ]);
    expect(state).toMatchObject({ championConfigName: 'flights-2', previousConfigName: 'other' });
  });

  it('counts no start of a release without a number', () => {
    const state = rebuildFrom([entry('trigger', { answer: 'start' })]);
    expect(state).toMatchObject({ startsAtMs: [], unfinished: [], lastRelease: 0 });
  });

  it('reads the number of a release from its subject, all of it and nothing else', () => {
    const of = (subject: string) => rebuildFrom([entry('gates', {}, subject)]).lastRelease;
    expect(of('release/flights/123')).toBe(123);
    expect(of('release/flights/12/x')).toBe(0);
    expect(of('x/release/flights/12')).toBe(0);
  });

  it('lists what did not end by number', () => {
    expect(rebuildFrom([started(10), started(9), started(11)]).unfinished).toEqual([9, 10, 11]);
  });

  it('takes an end without a result for an end, and for nothing else', () => {
    const state = rebuildFrom([started(1), entry('ended', { release: 1, data })]);
    expect(state).toMatchObject({ unfinished: [], lastEndedAtMs: null, blocked: [] });
  });

  it.each([
    ['a begin', { train: {}, holdOut: { toMs: 3 } }],
    ['an end', { train: { fromMs: 1 }, holdOut: {} }],
    ['numbers', { train: { fromMs: '1' }, holdOut: { toMs: Number.NaN } }],
  ])('blocks nothing where the data lack %s', (_what, spoilt) => {
    const end = entry('ended', { release: 1, result: { kind: 'rejected' }, data: spoilt });
    expect(rebuildFrom([started(1), end]).blocked).toEqual([]);
  });

  it('falls back on the data of the candidate where half of what started it is missing', () => {
    const trigger = entry('trigger', { answer: 'start', release: 1, blocks: { fromMs: 1 } });
    expect(rebuildFrom([trigger, ended(1, 'rejected')]).blocked).toMatchObject([
      { fromMs: 1, toMs: 3 },
    ]);
  });

  it('remembers as many starts as the largest budget counts, and the latest blocked windows', () => {
    const many = Array.from({ length: MOST_BUDGET_RUNS + 1 }, (_, index) => started(index + 1));
    const { startsAtMs } = rebuildFrom(many);
    expect(startsAtMs).toHaveLength(MOST_BUDGET_RUNS);
    expect(startsAtMs.at(-1)).toBe(many.at(-1)?.atMs);
    const rejected = Array.from({ length: 60 }, (_, index) =>
      entry('ended', {
        release: index,
        result: { kind: 'rejected' },
        data: { train: { fromMs: index }, holdOut: { toMs: index + 1 } },
      }),
    );
    const { blocked } = rebuildFrom(rejected);
    expect(blocked).toHaveLength(50);
    expect(blocked.at(-1)).toMatchObject({ fromMs: 59 });
  });
});
