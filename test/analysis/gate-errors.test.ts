import { describe, expect, it } from 'vitest';

import { boundErrors, GATE_WORLDS } from '../../bench/simulation/gate-worlds.js';

const SEED = 20_260_301;
const SAMPLES = 200;
const named = (beginning: string) => {
  const world = GATE_WORLDS.find(({ name }) => name.startsWith(beginning));
  if (world === undefined) throw new Error(`there is no world ${beginning}`);
  return world;
};

/** 95 % bounds may pass 5 % of 200 samples: more than 9 % have a chance below 1 %. */
describe(`a candidate right at the limit of a gate (seed ${SEED})`, () => {
  it.each([
    ['answers that are nearly all right', 'accuracy 0.99, 200'],
    ['a recall of twenty positives', 'recall 0.9, 200'],
    ['two models that hardly differ', 'accuracy, difference of two models, 200 rows, 1.0 %'],
    ['a ROC AUC near 1 of twenty positives', 'ROC AUC 0.990, 200'],
    [
      'a ROC AUC of fifty positives that are wider spread',
      'ROC AUC 0.983, 1000 rows, 5 % positive, p',
    ],
    ['squared errors', 'RMSE 1.000, 200'],
    ['a log loss', 'log loss 0.500, 200'],
  ])('passes by no more than chance with %s', async (_with, beginning) => {
    const { samples, passesWrongly } = await boundErrors(named(beginning), SAMPLES, SEED);
    expect(samples).toBeGreaterThan(0.95 * SAMPLES);
    expect(passesWrongly).toBeLessThanOrEqual(0.09);
  });

  it('is still told from one that is clearly below it', async () => {
    const world = named('ROC AUC 0.760');
    const worse = { ...world, truth: world.truth + 0.1 };
    const { failsWrongly } = await boundErrors(worse, SAMPLES, SEED);
    expect(failsWrongly).toBeGreaterThan(0.8);
  });
});
