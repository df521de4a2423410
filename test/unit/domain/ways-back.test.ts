import { describe, expect, it } from 'vitest';

import {
  isConfigOf,
  outdated,
  replacedFleets,
  scaledInWords,
  waysBack,
  waysBackInWords,
} from '../../../domain/ways-back.js';

const configs = (...names: string[]) => names.map((name, createdAtMs) => ({ name, createdAtMs }));

describe('a config of a model', () => {
  it.each(['flights-1', 'flights-12-2', 'flights-12-3', 'flights-7-split', 'flights-7-2-split'])(
    'is %s',
    (name) => {
      expect(isConfigOf('flights', name)).toBe(true);
    },
  );
  it.each([
    'flights',
    'flights-0',
    'flights-x',
    'flights-1-1',
    'flights-1-backup',
    'flights-night-1',
    'other-flights-1',
    'flights-1-split-2',
  ])('is not %s', (name) => {
    expect(isConfigOf('flights', name)).toBe(false);
  });
});

describe('the ways back', () => {
  it('are the versions that do not serve, newest first, and none that was only a rollout', () => {
    const all = configs('flights-1', 'flights-2', 'flights-3-split', 'flights-3', 'flights-4');
    expect(waysBack('flights', all, 'flights-4')).toEqual(['flights-3', 'flights-2', 'flights-1']);
  });
  it('are told, at most twenty by name', () => {
    expect(waysBackInWords([])).toBe('no earlier endpoint config of this model is left');
    expect(waysBackInWords(['b', 'a'])).toBe('still there: b, a');
    const many = Array.from({ length: 21 }, (_, index) => `f-${String(index)}`);
    expect(waysBackInWords(many)).toMatch(/f-19 and 1 more$/);
  });
});

describe('what nobody goes back to', () => {
  const all = configs('flights-1', 'flights-2', 'flights-3', 'flights-4', 'flights-5');
  it.each([
    [3, ['flights-5'], ['flights-1']],
    [4, ['flights-5'], []],
    [1, ['flights-5'], ['flights-3', 'flights-2', 'flights-1']],
    [0, ['flights-5', 'flights-4'], ['flights-3', 'flights-2', 'flights-1']],
    [1, ['flights-5', 'flights-1'], ['flights-3', 'flights-2']],
  ])('when %d are kept besides %j: %j', (keep, wanted, gone) => {
    expect(outdated('flights', all, { keep, wanted })).toEqual(gone);
  });
  it('is every config that served two versions, unless it serves now', () => {
    const split = configs('flights-1', 'flights-2-split', 'flights-3-split');
    const rules = { keep: 5, wanted: ['flights-3-split'] };
    expect(outdated('flights', split, rules)).toEqual(['flights-2-split']);
  });
  it('is nothing that a later release has made, which is on its way and takes no place of those kept', () => {
    const later = configs(
      ...['flights-1', 'flights-2', 'flights-3', 'flights-4', 'flights-5', 'flights-5-split'],
      ...['flights-11-2', 'flights-11-2-split'],
    );
    const rules = { keep: 1, wanted: ['flights-4', 'flights-3'], release: 4 };
    expect(outdated('flights', later, rules)).toEqual(['flights-1']);
    expect(outdated('flights', later, { ...rules, keep: 0 })).toEqual(['flights-2', 'flights-1']);
  });
});

const main = { variant: 'main', instanceType: 'ml.m5.large' };
const other = { variant: 'other', instanceType: 'ml.g5.xlarge' };

describe('the way back', () => {
  it('replaces no fleet that stays on its instances, and may bring another', () => {
    expect(replacedFleets([main], [other, main])).toEqual([]);
    expect(replacedFleets([], [main])).toEqual([]);
    const serverless = { variant: 'main', instanceType: null };
    expect(replacedFleets([serverless], [serverless])).toEqual([]);
  });

  it('takes away a variant, or puts it on other instances, and says what to do where it scales', () => {
    const [gone] = replacedFleets([main, other], [main]);
    expect(gone).toEqual({ ...other, becomes: undefined });
    const [moved] = replacedFleets([main], [{ ...main, instanceType: 'ml.m5.xlarge' }]);
    if (gone === undefined || moved === undefined) throw new Error('two fleets are replaced');
    expect(scaledInWords(gone, 'flights-3', 'live')).toMatch(
      /^the config flights-3 does not have the variant other: .* deregister endpoint\/live\/variant\/other /,
    );
    expect(scaledInWords(moved, 'flights-3', 'live')).toMatch(
      /^the config flights-3 has the variant main on ml\.m5\.xlarge, and it serves on ml\.m5\.large: SageMaker refuses/,
    );
  });
});
