import { describe, expect, it } from 'vitest';

import {
  isShadowConfig,
  sampleOf,
  shadowConfigName,
  shadowFaults,
  shadowVariantName,
  type Shadowable,
} from '../../../domain/shadow.js';

const usual: Shadowable = {
  variants: [{ name: 'AllTraffic', serverless: false, hasModel: true }],
  asynchronous: false,
  shadowed: false,
  containers: [1, 1],
  multiModel: false,
};

describe('a shadow test', () => {
  it('can be had of a real-time endpoint with one variant of one model', () => {
    expect(shadowFaults(usual)).toEqual([]);
  });
  it.each<[Partial<Shadowable>, RegExp]>([
    [{ asynchronous: true }, /it is asynchronous/],
    [{ variants: [{ name: 'a', serverless: true, hasModel: true }] }, /it is serverless/],
    [{ variants: [{ name: 'a', serverless: false, hasModel: false }] }, /inference components/],
    [{ variants: [...usual.variants, ...usual.variants] }, /it has 2 variants/],
    [{ shadowed: true }, /a shadow variant already/],
    [{ containers: [1, 2] }, /several containers/],
    [{ multiModel: true }, /many models/],
  ])('is refused %o with what to change', (over, words) => {
    const [fault, ...more] = shadowFaults({ ...usual, ...over });
    expect(fault).toMatch(words);
    expect(fault).toMatch(/take deploy\.shadow out of the policy$/);
    expect(more).toEqual([]);
  });
  it('has names that AWS takes, whatever the variant is called', () => {
    expect(shadowVariantName('AllTraffic')).toBe('AllTraffic-shadow');
    const long = shadowVariantName(`${'a'.repeat(55)}-${'b'.repeat(7)}`);
    expect(long).toBe(`${'a'.repeat(55)}-shadow`);
    expect(shadowVariantName('a'.repeat(63))).toHaveLength(63);
    // Cut off it would be the variant's own.
    const same = `${'a'.repeat(56)}-shadow`;
    expect(shadowVariantName(same)).toBe(`${'a'.repeat(55)}-shadow`);
  });
  it("has a config that is known again, and is nobody else's", () => {
    expect(isShadowConfig('flights', shadowConfigName('flights-2'))).toBe(true);
    expect(isShadowConfig('flights', shadowConfigName('flights-2-3'))).toBe(true);
    expect(isShadowConfig('model-3', shadowConfigName('model-3-2'))).toBe(true);
    expect(isShadowConfig('flights', 'flights-2')).toBe(false);
    expect(isShadowConfig('flights', 'other-2-shadow')).toBe(false);
    expect(isShadowConfig('flights', 'my-shadow')).toBe(false);
  });
  it('copies half of the requests when nobody says how many', () => {
    expect(sampleOf({ for: '1h' })).toBe(50);
    expect(sampleOf({ for: '1h', sample: 10 })).toBe(10);
  });
});
