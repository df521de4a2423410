import { describe, expect, it } from 'vitest';

import {
  FEWEST_FOR_ADVICE,
  LONG_DELAY,
  MOST_LATE_SHARE,
  delayAdvice,
  lateMs,
} from '../../../domain/label-delay.js';
import type { LabelDelay } from '../../../domain/stats/types.js';
import { HOUR_MS } from './support.js';

const source = { id: 'quality', delay: '48h' };

const learned = (p99Hours: number): LabelDelay => ({
  labelled: 1_000,
  medianMs: HOUR_MS,
  p90Ms: p99Hours * HOUR_MS,
  p99Ms: p99Hours * HOUR_MS,
  longestMs: p99Hours * HOUR_MS,
});

const reading = (p99Hours: number, labelledLate: number, labelled = 1_000) => ({
  labelDelay: learned(p99Hours),
  labelledLate,
  labelled,
});

describe('the second look', () => {
  it('comes as long after the first as the first waited, unless the policy says otherwise', () => {
    expect(lateMs({ delay: '48h' })).toBe(48 * HOUR_MS);
    expect(lateMs({ delay: '48h', late: '7d' })).toBe(7 * 24 * HOUR_MS);
    expect(lateMs({ delay: '48h', late: '0s' })).toBe(0);
  });
});

describe('advice on the delay of labels', () => {
  it('calls a delay too short when one label in twenty comes after it, and says what would do', () => {
    const late = 1_000 * MOST_LATE_SHARE;
    expect(delayAdvice(source, reading(70.5, late - 1))).toBeNull();
    const advice = delayAdvice(source, reading(70.5, late));
    expect(advice?.kind).toBe('too short');
    expect(advice?.sentence).toContain('5 % of the labels came when their window had been judged');
    expect(advice?.sentence).toContain('raise delay to 71h');
  });
  it('calls a delay too long when nearly all labels are there in a quarter of it', () => {
    expect(delayAdvice(source, reading(48 * LONG_DELAY + 0.1, 0))).toBeNull();
    expect(delayAdvice(source, reading(48 * LONG_DELAY, 0))).toMatchObject({ kind: 'too long' });
  });
  it('never calls a delay too long of which an hour could not be spared', () => {
    expect(delayAdvice({ id: 'q', delay: '1h' }, reading(0.01, 0))).toBeNull();
  });
  it('says nothing about few labels, or about labels of which nobody knows when they came', () => {
    const few = FEWEST_FOR_ADVICE;
    expect(delayAdvice(source, reading(1, 0, few - 1))).toBeNull();
    expect(delayAdvice(source, reading(1, 0, few))).not.toBeNull();
    expect(delayAdvice(source, { labelDelay: null, labelled: 1_000 })).toBeNull();
  });
  it('is other advice for another delay', () => {
    const keys = ['48h', '72h'].map(
      (delay) => delayAdvice({ id: 'q', delay }, reading(70.5, 500))?.key,
    );
    expect(new Set(keys).size).toBe(2);
  });
});
