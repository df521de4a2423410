import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  asOne,
  digestHolds,
  EMPTY_BOX,
  isWanted,
  mayWait,
  MOST_HELD,
  nextDueMs,
  placePost,
  putBack,
  quietHolds,
  readPost,
  severest,
  takeDue,
} from '../../../domain/notices.js';
import type { Post, PostBox } from '../../../domain/notices.js';
import { NOTICES, SEVERITIES } from '../../../domain/policy.schema.js';
import type { NotifyPolicy } from '../../../domain/policy.schema.js';

const NOON = Date.UTC(2026, 2, 1, 12);
const HOUR_MS = 3_600_000;

const rules = (change: Partial<NotifyPolicy> = {}): NotifyPolicy => ({
  topic: 'arn:aws:sns:us-east-1:111122223333:ml-alerts',
  on: [...NOTICES],
  ...change,
});
const DIGEST = rules({ digest: { after: 2, per: '1h' } });
const QUIET = rules({ quietHours: { from: '22:00', to: '07:00', timeZone: 'UTC' } });

let posts = 0;
const post = (change: Partial<Post> = {}): Post => {
  posts += 1;
  return {
    notice: 'drift',
    severity: 'warning',
    subject: `notice ${String(posts)}`,
    text: 'origin moved by 0.41',
    key: `keeper/flights/${String(posts)}`,
    atMs: NOON,
    consolePath: '/models/flights',
    ...change,
  };
};

/** Places posts one after the other at the same instant; what went out, and the box. */
function placed(
  notify: NotifyPolicy,
  box: PostBox,
  nowMs: number,
  ...all: readonly Post[]
): { sent: readonly Post[]; box: PostBox } {
  const sent: Post[] = [];
  let next = box;
  for (const one of all) {
    const answer = placePost(notify, next, one, nowMs);
    next = answer.box;
    if (answer.kind === 'send') sent.push(one);
  }
  return { sent, box: next };
}

describe('what is told', () => {
  it.each<[boolean, string, NotifyPolicy | undefined, Partial<Post>]>([
    [false, 'there is no notify', undefined, {}],
    [false, 'notify.on does not name the kind', rules({ on: ['approval'] }), {}],
    [true, 'no least severity is written', rules(), { severity: 'info' }],
    [true, 'it has just the least severity', rules({ minSeverity: 'warning' }), {}],
    [false, 'it is below it', rules({ minSeverity: 'critical' }), {}],
    [
      true,
      'it asks for approval, whatever its severity',
      rules({ minSeverity: 'critical' }),
      { notice: 'approval', severity: 'info' },
    ],
  ])('is %s when %s', (wanted, _when, notify, change) => {
    expect(isWanted(notify, post(change))).toBe(wanted);
  });
});

describe('what may wait', () => {
  it.each<[boolean, boolean, string, Partial<Post>]>([
    [true, true, 'a warning', {}],
    [false, false, 'what is critical', { severity: 'critical' }],
    [false, false, 'a request for approval', { notice: 'approval', severity: 'info' }],
  ])('by digest: %s, by quiet hours: %s, of %s', (byDigest, byQuiet, _what, change) => {
    expect(digestHolds(DIGEST, post(change))).toBe(byDigest);
    expect(quietHolds(QUIET, post(change))).toBe(byQuiet);
  });
  it('is everything in quiet hours without exceptions', () => {
    const strict = rules({
      quietHours: { from: '22:00', to: '07:00', timeZone: 'UTC', except: [] },
    });
    expect(quietHolds(strict, post({ severity: 'critical' }))).toBe(true);
    expect(quietHolds(strict, post({ notice: 'approval' }))).toBe(true);
  });
  it('is nothing where neither is written', () => {
    expect(mayWait(rules(), post())).toBe(false);
  });
});

describe('a digest', () => {
  it('lets the first ones out singly and holds what follows of the kind', () => {
    const three = [post(), post(), post()];
    const { sent, box } = placed(DIGEST, EMPTY_BOX, NOON, ...three);
    expect(sent).toEqual(three.slice(0, 2));
    expect(box.held).toEqual(three.slice(2));
  });
  it('counts each kind for itself', () => {
    const { box } = placed(DIGEST, EMPTY_BOX, NOON, post(), post(), post());
    expect(placePost(DIGEST, box, post({ notice: 'no-data' }), NOON).kind).toBe('send');
  });
  it('never holds a request for approval nor what is critical, in a storm either', () => {
    const { box } = placed(DIGEST, EMPTY_BOX, NOON, post(), post(), post());
    expect(placePost(DIGEST, box, post({ notice: 'approval' }), NOON).kind).toBe('send');
    expect(placePost(DIGEST, box, post({ severity: 'critical' }), NOON).kind).toBe('send');
  });
  it('goes out when the time since the first is over, not a millisecond sooner', () => {
    const held = [post(), post()];
    const { box } = placed(DIGEST, EMPTY_BOX, NOON, post(), post(), ...held);
    expect(nextDueMs(DIGEST, box)).toBe(NOON + HOUR_MS);
    expect(takeDue(DIGEST, box, NOON + HOUR_MS - 1).parcels).toEqual([]);
    expect(takeDue(DIGEST, box, NOON + HOUR_MS).parcels).toEqual([{ posts: held, full: false }]);
  });
  it('is one message each time while the storm lasts', () => {
    let { box } = placed(DIGEST, EMPTY_BOX, NOON, post(), post(), post());
    ({ box } = takeDue(DIGEST, box, NOON + HOUR_MS));
    expect(placePost(DIGEST, box, post(), NOON + HOUR_MS).kind).toBe('hold');
    expect(placePost(DIGEST, box, post(), NOON + 2 * HOUR_MS).kind).toBe('send');
  });
  it('goes out at once when the policy no longer has digests', () => {
    const { box } = placed(DIGEST, EMPTY_BOX, NOON, post(), post(), post());
    expect(takeDue(rules(), box, NOON).parcels).toHaveLength(1);
  });
});

describe('quiet hours', () => {
  const until = NOON + 8 * HOUR_MS;
  const asleep = putBack(EMPTY_BOX, [post()], until);

  it('hold what comes until they are over, all kinds as one', () => {
    const { sent, box } = placed(QUIET, asleep, NOON, post({ notice: 'no-data' }), post());
    expect(sent).toEqual([]);
    expect(nextDueMs(QUIET, box)).toBe(until);
    expect(takeDue(QUIET, box, until - 1).parcels).toEqual([]);
    const { parcels, box: after } = takeDue(QUIET, box, until);
    expect(parcels).toHaveLength(1);
    expect(parcels[0]?.posts).toHaveLength(3);
    expect(after).toMatchObject({ held: [], quietUntilMs: null });
  });
  it('let through what they except', () => {
    expect(placePost(QUIET, asleep, post({ severity: 'critical' }), NOON).kind).toBe('send');
    expect(placePost(QUIET, asleep, post({ notice: 'approval' }), NOON).kind).toBe('send');
  });
  it('end at once when the policy no longer has them', () => {
    expect(takeDue(rules(), asleep, NOON).parcels).toHaveLength(1);
  });
  it('hold at most a hundred, which then go out whatever the hour', () => {
    const more = Array.from({ length: MOST_HELD - 1 }, () => post());
    const { box } = placed(QUIET, asleep, NOON, ...more.slice(1));
    expect(takeDue(QUIET, box, NOON).parcels).toEqual([]);
    const full = placed(QUIET, box, NOON, post()).box;
    const { parcels, box: rest } = takeDue(QUIET, full, NOON);
    expect(parcels[0]).toMatchObject({ full: true });
    expect(parcels[0]?.posts).toHaveLength(MOST_HELD);
    expect(rest.held).toEqual([]);
  });
});

describe('the box', () => {
  it('loses nothing and sends nothing twice, whatever comes in whatever order', () => {
    const arrival = fc.record({
      afterMs: fc.integer({ min: 0, max: 3 * HOUR_MS }),
      notice: fc.constantFrom(...NOTICES),
      severity: fc.constantFrom(...SEVERITIES),
      /** What the sender would find at that hour. */
      quietForMs: fc.option(fc.integer({ min: 1, max: 9 * HOUR_MS }), { nil: null }),
    });
    const policy = fc.constantFrom(DIGEST, QUIET, rules(), rules({ ...DIGEST, ...QUIET }));
    fc.assert(
      fc.property(policy, fc.array(arrival, { maxLength: 150 }), (notify, arrivals) => {
        let box = EMPTY_BOX;
        let nowMs = NOON;
        const wanted: string[] = [];
        const out: string[] = [];
        const send = (all: readonly Post[], waits: boolean, quietForMs: number | null): void => {
          if (waits && quietForMs !== null) box = putBack(box, all, nowMs + quietForMs);
          else out.push(...all.map(({ key }) => key));
        };
        const due = (quietForMs: number | null): void => {
          const taken = takeDue(notify, box, nowMs);
          box = taken.box;
          for (const { posts: all, full } of taken.parcels) send(all, !full, quietForMs);
        };
        for (const { afterMs, quietForMs, ...rest } of arrivals) {
          nowMs += afterMs;
          const quiet = notify.quietHours === undefined ? null : quietForMs;
          due(quiet);
          const one = post({ ...rest, atMs: nowMs });
          wanted.push(one.key);
          const answer = placePost(notify, box, one, nowMs);
          box = answer.box;
          if (answer.kind === 'send') send([one], quietHolds(notify, one), quiet);
          else expect(mayWait(notify, one)).toBe(true);
          if (box.held.length >= MOST_HELD) due(quiet);
          expect(box.held.length).toBeLessThanOrEqual(MOST_HELD);
        }
        for (let turn = 0; turn < 3 && box.held.length > 0; turn += 1) {
          nowMs = Math.max(nowMs, nextDueMs(notify, box) ?? nowMs);
          due(null);
        }
        expect([...out].sort()).toEqual([...wanted].sort());
      }),
      { numRuns: 300 },
    );
  });
  it('is plain JSON', () => {
    const { box } = placed(DIGEST, EMPTY_BOX, NOON, post(), post(), post());
    expect(JSON.parse(JSON.stringify(box))).toEqual(box);
  });
  it('keeps no more than 2,000 characters of a text', () => {
    const { box } = placed(
      DIGEST,
      EMPTY_BOX,
      NOON,
      post(),
      post(),
      post({ text: 'a'.repeat(9_000) }),
    );
    expect(box.held[0]?.text).toHaveLength(2_000);
  });
});

describe('several as one', () => {
  it('have the severest severity, their kinds in the subject, and a key that follows from the first', () => {
    const all = [
      post({ key: 'a', severity: 'info' }),
      post({ key: 'b', notice: 'no-data', severity: 'warning' }),
    ];
    expect(asOne('flights', all)).toMatchObject({
      severity: 'warning',
      subject: 'flights: 2 notices (drift, no-data)',
      key: 'digest/a/2',
    });
  });
  it('of none would be information', () => {
    expect(severest([])).toBe('info');
  });
});

describe('a signal that brings a notice', () => {
  it('is read when it is one', () => {
    const one = post();
    expect(readPost(one)).toBe(one);
  });
  it.each([
    undefined,
    null,
    'drift',
    {},
    { ...post(), severity: 'deadly' },
    { ...post(), severity: 'toString' },
    { ...post(), text: 7 },
    { ...post(), atMs: '2026' },
    { ...post(), consolePath: 3 },
    { ...post(), evidence: 's3://x' },
  ])('is left alone when it is %j', (signalled) => {
    expect(readPost(signalled)).toBeUndefined();
  });
});
