import { expect, it } from 'vitest';

import { inParallel } from '../../activities/s3.js';

it('after a failure nothing more is begun, and what runs is waited for', async () => {
  const begun: number[] = [];
  const ended: string[] = [];
  let finish = (): void => undefined;
  const running = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const whole = inParallel([0, 1, 2], 2, async (item) => {
    begun.push(item);
    if (item === 0) throw new Error('no permission');
    await running;
    ended.push('the other download');
  }).catch((error: unknown) => {
    ended.push(String(error));
  });
  await Promise.resolve();
  finish();
  await whole;
  expect(begun).toEqual([0, 1]);
  expect(ended).toEqual(['the other download', 'Error: no permission']);
});
