import { describe, expect, it } from 'vitest';

import { play, until } from './harness.js';

describe('what is published in CloudWatch', () => {
  it('is every new verdict once, and how long people were waited for, without anything waiting for it', async () => {
    await play(
      async (p) => {
        await p.drift();
        expect(await p.result(1)).toMatchObject({ kind: 'expired' });
        const waited = await until(
          async () => p.world.metrics.filter(({ name }) => name === 'WaitForPeople'),
          (found) => found.length > 0,
          'the wait is published',
        );
        expect(waited).toHaveLength(1);
        expect(waited[0]?.value).toBeCloseTo(72 * 3_600, -2);
        const verdicts = p.world.metrics
          .filter(({ name, value }) => name === 'Verdict' && value === 1)
          .map(({ dimensions }) => dimensions['Verdict']);
        expect(verdicts).toContain('drift');
        expect(verdicts.every((verdict, index) => verdict !== verdicts[index - 1])).toBe(true);
      },
      {
        world: (world) => {
          world.refusesMetrics = true;
        },
      },
    );
  });
});
