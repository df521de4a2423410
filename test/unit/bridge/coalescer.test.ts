import { describe, expect, it } from 'vitest';

import { createCoalescer, type Accepted } from '../../../client/bridge/coalescer.js';
import type { HintTarget } from '../../../client/bridge/route.js';

const target = (model: string, about = 'something'): HintTarget => ({
  workflowId: `keeper/${model}`,
  model,
  release: null,
  signal: 'lookNow',
  about,
});

function bench(answer: () => Promise<Accepted> = () => Promise.resolve('accepted')) {
  let nowMs = 1_000_000;
  let timers: { atMs: number; then: () => void }[] = [];
  const sent: string[] = [];
  const coalescer = createCoalescer({
    minIntervalMs: 10_000,
    now: () => nowMs,
    after: (ms, then) => {
      const timer = { atMs: nowMs + ms, then };
      timers.push(timer);
      return () => {
        timers = timers.filter((one) => one !== timer);
      };
    },
    send: ({ model }) => {
      sent.push(`${model}@${nowMs - 1_000_000}`);
      return answer();
    },
  });
  return {
    coalescer,
    sent,
    timers: () => timers.length,
    pass: (ms: number) => {
      nowMs += ms;
      const due = timers.filter((timer) => timer.atMs <= nowMs);
      timers = timers.filter((timer) => timer.atMs > nowMs);
      due.forEach((timer) => {
        timer.then();
      });
    },
  };
}

describe('the coalescer', () => {
  it('sends the first hint at once and the rest together at the end of the interval', async () => {
    const { coalescer, sent, pass } = bench();
    const first = coalescer.offer(target('churn'));
    const later = [1, 2, 3].map(() => coalescer.offer(target('churn')));
    expect(sent).toEqual(['churn@0']);
    pass(9_999);
    expect(sent).toEqual(['churn@0']);
    pass(1);
    expect(sent).toEqual(['churn@0', 'churn@10000']);
    expect(await Promise.all([first, ...later])).toEqual(Array(4).fill('accepted'));
  });

  it('never loses a late hint, and never sends one that nobody asked for', () => {
    const { coalescer, sent, pass, timers } = bench();
    void coalescer.offer(target('churn'));
    pass(4_000);
    void coalescer.offer(target('churn'));
    pass(6_000);
    pass(60_000);
    expect(sent).toEqual(['churn@0', 'churn@10000']);
    expect(timers()).toBe(0);
  });

  it('holds back one workflow without holding back another', () => {
    const { coalescer, sent } = bench();
    void coalescer.offer(target('churn'));
    void coalescer.offer(target('churn'));
    void coalescer.offer(target('flight'));
    expect(sent).toEqual(['churn@0', 'flight@0']);
  });

  it('tells everyone who waited when the hint could not be sent', async () => {
    const { coalescer, pass } = bench(() => Promise.reject(new Error('Temporal is away')));
    const first = coalescer.offer(target('churn')).catch(() => 'failed');
    const waiting = [1, 2].map(() => coalescer.offer(target('churn')).catch(() => 'failed'));
    pass(10_000);
    expect(await Promise.all([first, ...waiting])).toEqual(['failed', 'failed', 'failed']);
  });

  it('sends what waits when it is flushed, and leaves no timer behind', async () => {
    const { coalescer, sent, timers } = bench();
    void coalescer.offer(target('churn'));
    const late = coalescer.offer(target('churn'));
    await coalescer.flush();
    expect(sent).toHaveLength(2);
    expect(await late).toBe('accepted');
    expect(timers()).toBe(0);
  });
});
