import { describe, expect, it } from 'vitest';

import { probationSpan } from '../../../domain/probation.js';
import { policyWith } from '../../activities/support.js';

const HOUR_MS = 3_600_000;

describe('a probation', () => {
  const spec = (probation: object, breaches = 2) =>
    policyWith({ deploy: { probation }, detect: { persistence: { breaches, of: 3 } } }).spec;
  // Windows of 1h, labels after 2h, a look every 1h: two windows are judged 1h + 2 × 1h + 2h + 1h after the hour.
  const sinceMs = 10 * HOUR_MS + 60_000;

  it('lasts as long as the policy says when that is long enough', () => {
    expect(probationSpan(spec({ for: '7d' }), sinceMs)).toEqual({
      untilMs: sinceMs + 7 * 24 * HOUR_MS,
      because: null,
    });
  });
  it('does not end before the labels of its first windows could have arrived', () => {
    const span = probationSpan(spec({ for: '1h' }), sinceMs);
    expect(span.untilMs).toBe(11 * HOUR_MS + 2 * HOUR_MS + 2 * HOUR_MS + HOUR_MS);
    expect(span.because).toMatch(
      /^deploy\.probation\.for 1h would end before the labels of 2 windows of quality/,
    );
    expect(probationSpan(spec({ for: '1h' }, 1), sinceMs).untilMs).toBe(15 * HOUR_MS);
  });
  it('is stretched by a millisecond too few, and not when it is just enough', () => {
    const due = 16 * HOUR_MS;
    const aligned = 10 * HOUR_MS;
    expect(probationSpan(spec({ for: '5h' }), aligned)).toEqual({
      untilMs: due - HOUR_MS,
      because: null,
    });
    expect(probationSpan(spec({ for: '5h' }), aligned + 1).because).toMatch(/5h/);
  });
  it('that does not look at performance waits for no label', () => {
    const span = probationSpan(spec({ for: '1h', rollBackOn: ['alarms'] }), sinceMs);
    expect(span).toEqual({ untilMs: sinceMs + HOUR_MS, because: null });
  });
});
