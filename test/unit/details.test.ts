import { expect, it } from 'vitest';

import { keeperWhy } from '../../workflows/details.js';
import { KEEPER } from './client/fake.js';

it('says each reason once, although those of the verdict are on the timeline too', () => {
  const drift = 'inputs: origin moved by 1.00';
  const { because } = keeperWhy({
    ...KEEPER,
    verdictReasons: [drift],
    timeline: [
      { atMs: 1, what: 'keeping flights' },
      { atMs: 2, what: drift },
    ],
  });
  expect(because.filter((reason) => reason === drift)).toEqual([drift]);
  expect(because.at(-1)).toBe('keeping flights');
});
