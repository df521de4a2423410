import { describe, expect, it } from 'vitest';

import { isTimeZone, quietUntilMs } from '../../../domain/quiet-hours.js';

const night = { from: '22:00', to: '07:00', timeZone: 'Europe/Berlin' };
const at = (iso: string): number => Date.parse(iso);

describe('quiet hours', () => {
  it.each<[string, string, string | null]>([
    ['are over just before they begin', '2026-01-10T20:59:59Z', null],
    ['hold from their first moment to the morning', '2026-01-10T21:00:00Z', '2026-01-11T06:00:00Z'],
    ['hold after midnight to the same morning', '2026-01-11T02:30:17Z', '2026-01-11T06:00:00Z'],
    ['hold to their last moment', '2026-01-11T05:59:59Z', '2026-01-11T06:00:00Z'],
    ['are over when they end', '2026-01-11T06:00:00Z', null],
    [
      'are an hour shorter in the night in which the clock is set forward',
      '2026-03-28T21:00:00Z',
      '2026-03-29T05:00:00Z',
    ],
    [
      'are an hour longer in the night in which it is set back',
      '2026-10-24T20:00:00Z',
      '2026-10-25T06:00:00Z',
    ],
  ])('%s (%s)', (_what, now, until) => {
    const ends = quietUntilMs(night, at(now));
    expect(ends === null ? null : new Date(ends).toISOString()).toBe(
      until === null ? null : new Date(until).toISOString(),
    );
  });
  it('within one day hold only there', () => {
    const lunch = { from: '12:00', to: '13:30', timeZone: 'UTC' };
    expect(quietUntilMs(lunch, at('2026-01-10T11:59:00Z'))).toBeNull();
    expect(quietUntilMs(lunch, at('2026-01-10T12:00:00Z'))).toBe(at('2026-01-10T13:30:00Z'));
    expect(quietUntilMs(lunch, at('2026-01-10T13:30:00Z'))).toBeNull();
  });
  it('that end within an hour that is skipped end when it is skipped', () => {
    const early = { from: '23:00', to: '02:30', timeZone: 'Europe/Berlin' };
    // At 02:00 the clock shows 03:00.
    expect(quietUntilMs(early, at('2026-03-29T00:30:00Z'))).toBe(at('2026-03-29T01:00:00Z'));
  });
  it('follow a time zone that is not whole hours away', () => {
    const india = { from: '22:00', to: '07:00', timeZone: 'Asia/Kolkata' };
    expect(quietUntilMs(india, at('2026-01-10T16:30:00Z'))).toBe(at('2026-01-11T01:30:00Z'));
  });
});

describe('a time zone', () => {
  it('is one of the IANA database', () => {
    expect(isTimeZone('Europe/Berlin')).toBe(true);
    expect(isTimeZone('Berlin/Europe')).toBe(false);
    expect(isTimeZone('')).toBe(false);
  });
});
