import { describe, expect, it } from 'vitest';

import { cronDueMs } from '../../activities/watch-signals.js';

const at = (iso: string): number => Date.parse(iso);
const berlin = (schedule: string) => ({
  on: ['schedule' as const],
  schedule,
  timeZone: 'Europe/Berlin',
});
const due = (schedule: string, after: string, now: string): string | null => {
  const ms = cronDueMs(berlin(schedule), at(after), at(now));
  return ms === null ? null : new Date(ms).toISOString();
};
/** Every time that is due in a span looked at each quarter of an hour, as a keeper would see it. */
function allDue(schedule: string, from: string, to: string): readonly string[] {
  const times: string[] = [];
  let lastMs = at(from);
  for (let nowMs = at(from); nowMs <= at(to); nowMs += 900_000) {
    const ms = cronDueMs(berlin(schedule), lastMs, nowMs);
    if (ms === null) continue;
    times.push(new Date(ms).toISOString());
    lastMs = nowMs;
  }
  return times;
}

describe('a schedule in a time zone', () => {
  it('keeps to the clock on the wall when it is set forward and back', () => {
    expect(allDue('0 6 * * *', '2026-03-27T12:00:00Z', '2026-03-30T12:00:00Z')).toEqual([
      '2026-03-28T05:00:00.000Z',
      '2026-03-29T04:00:00.000Z',
      '2026-03-30T04:00:00.000Z',
    ]);
    expect(allDue('0 6 * * *', '2026-10-23T12:00:00Z', '2026-10-26T12:00:00Z')).toEqual([
      '2026-10-24T04:00:00.000Z',
      '2026-10-25T05:00:00.000Z',
      '2026-10-26T05:00:00.000Z',
    ]);
  });
  it('in an hour that is skipped comes once that day all the same', () => {
    // On 29 March the clock goes from 02:00 to 03:00, which is 01:00 UTC.
    expect(allDue('30 2 * * *', '2026-03-28T12:00:00Z', '2026-03-29T12:00:00Z')).toHaveLength(1);
  });
  it('in an hour that comes twice comes once that day', () => {
    // On 25 October the clock goes from 03:00 back to 02:00, which is 01:00 UTC.
    expect(allDue('30 2 * * *', '2026-10-24T12:00:00Z', '2026-10-25T12:00:00Z')).toHaveLength(1);
  });
  it('on the 31st comes in the months that have one', () => {
    expect(allDue('0 3 31 * *', '2026-01-30T00:00:00Z', '2026-04-01T12:00:00Z')).toEqual([
      '2026-01-31T02:00:00.000Z',
      '2026-03-31T01:00:00.000Z',
    ]);
  });
  it('on the last day of the month comes on it, in a leap year too', () => {
    expect(allDue('0 3 L * *', '2028-02-27T00:00:00Z', '2028-03-01T00:00:00Z')).toEqual([
      '2028-02-29T02:00:00.000Z',
    ]);
  });
  it('that was missed many times while nobody looked is due once, for its latest time', () => {
    expect(due('0 3 * * *', '2026-01-01T12:00:00Z', '2026-01-20T12:00:00Z')).toBe(
      '2026-01-20T02:00:00.000Z',
    );
    expect(due('0 3 * * *', '2026-01-20T12:00:00Z', '2026-01-20T12:00:00Z')).toBeNull();
  });
  it('is due at its moment, not a millisecond sooner', () => {
    expect(due('0 3 * * *', '2026-01-19T12:00:00Z', '2026-01-20T01:59:59.999Z')).toBeNull();
    expect(due('0 3 * * *', '2026-01-19T12:00:00Z', '2026-01-20T02:00:00.000Z')).toBe(
      '2026-01-20T02:00:00.000Z',
    );
  });
  it('is none where retrain.on does not name it', () => {
    const off = { ...berlin('0 3 * * *'), on: ['drift' as const] };
    expect(cronDueMs(off, at('2026-01-01T00:00:00Z'), at('2026-02-01T00:00:00Z'))).toBeNull();
  });
});
