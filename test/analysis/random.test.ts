import { describe, expect, it } from 'vitest';

import { binomial, multinomial, seeded } from '../../analysis/random.js';
import { boundsOf, sampleMetric } from '../../analysis/sampling.js';

describe('seeded', () => {
  it('repeats for the same seed and differs for another', () => {
    const draw = (seed: number) => {
      const random = seeded(seed);
      return Array.from({ length: 5 }, () => random.index(1_000));
    };
    expect(draw(1)).toEqual(draw(1));
    expect(draw(1)).not.toEqual(draw(2));
  });
});

describe('binomial', () => {
  it.each([
    [10, 0.3],
    [1_000, 0.002],
    [1_000, 0.5],
    [40, 0.9],
    [100_000, 0.2],
  ])('has mean and variance of Binomial(%d, %d)', (n, p) => {
    const random = seeded(5);
    const draws = Array.from({ length: 20_000 }, () => binomial(random, n, p));
    const mean = draws.reduce((sum, x) => sum + x, 0) / draws.length;
    const variance = draws.reduce((sum, x) => sum + (x - mean) ** 2, 0) / draws.length;
    const wanted = n * p * (1 - p);
    // Five standard errors either way.
    expect(Math.abs(mean - n * p)).toBeLessThan(5 * Math.sqrt(wanted / draws.length));
    expect(Math.abs(variance / wanted - 1)).toBeLessThan(0.06);
    expect(Math.min(...draws)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...draws)).toBeLessThanOrEqual(n);
  });
  it('has the shape of Binomial(100, 0.3) by chi-square', () => {
    const random = seeded(9);
    const counts = new Map<number, number>();
    for (let i = 0; i < 100_000; i += 1) {
      const x = binomial(random, 100, 0.3);
      counts.set(x, (counts.get(x) ?? 0) + 1);
    }
    let chance = 0.7 ** 100;
    let statistic = 0;
    let cells = 0;
    for (let k = 0; k <= 100; k += 1) {
      const expected = 100_000 * chance;
      if (expected >= 10) {
        statistic += ((counts.get(k) ?? 0) - expected) ** 2 / expected;
        cells += 1;
      }
      chance *= ((100 - k) / (k + 1)) * (0.3 / 0.7);
    }
    // Mean cells, standard deviation sqrt(2 · cells).
    expect(statistic).toBeLessThan(cells + 5 * Math.sqrt(2 * cells));
  });
});

describe('multinomial', () => {
  it('draws exactly as many rows as asked, none into empty cells', () => {
    const random = seeded(3);
    const into = [0, 0, 0, 0];
    for (let i = 0; i < 1_000; i += 1) {
      multinomial(random, 500, [10, 0, 489, 1], into);
      expect(into.reduce((sum, x) => sum + x, 0)).toBe(500);
      expect(into[1]).toBe(0);
    }
  });
});

describe('the bootstrap', () => {
  const random = seeded(21);
  const n = 2_000;
  const labels = Float64Array.from({ length: n }, () => Number(random.fraction() < 0.4));
  const scores = (noise: number) =>
    labels.map((label) => 0.5 * label * (1 - noise) + 0.5 * random.fraction());
  const rows = { labels, champion: scores(0.5), candidate: scores(0.3) };

  it('agrees with the normal interval of a mean loss', async () => {
    const sampled = await sampleMetric('brier', rows, { seed: 1 });
    if (sampled === null) throw new Error('both classes have rows enough');
    const { estimate, lower, upper } = boundsOf(sampled.candidate, 0.95, 0.95);
    const losses = labels.map((label, i) => ((rows.candidate[i] ?? 0) - label) ** 2);
    const mean = losses.reduce((sum, x) => sum + x, 0) / n;
    const error = Math.sqrt(losses.reduce((sum, x) => sum + (x - mean) ** 2, 0) / n / n);
    expect(estimate).toBeCloseTo(mean, 12);
    expect((mean - lower) / error).toBeGreaterThan(1.5);
    expect((mean - lower) / error).toBeLessThan(1.8);
    expect((upper - mean) / error).toBeGreaterThan(1.5);
    expect((upper - mean) / error).toBeLessThan(1.8);
  });
  it('of the table agrees with the standard error of an accuracy', async () => {
    const sampled = await sampleMetric('accuracy', rows, { seed: 1 });
    if (sampled === null) throw new Error('both classes have rows enough');
    const { estimate, lower, upper } = boundsOf(sampled.candidate, 0.975, 0.975);
    const error = Math.sqrt((estimate * (1 - estimate)) / n);
    expect((upper - lower) / (2 * 1.96 * error)).toBeGreaterThan(0.95);
    expect((upper - lower) / (2 * 1.96 * error)).toBeLessThan(1.05);
  });
  it('stops when it is no longer wanted', async () => {
    const many = {
      labels: new Float64Array(400_000),
      champion: null,
      candidate: new Float64Array(400_000),
    };
    many.labels.fill(1, 200_000);
    const stop = new AbortController();
    const sampling = sampleMetric('brier', many, { seed: 1, signal: stop.signal });
    stop.abort(new Error('no longer wanted'));
    await expect(sampling).rejects.toThrow('no longer wanted');
  });
});
