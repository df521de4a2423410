import { describe, expect, it } from 'vitest';

import { createPolicyActivities } from '../../activities/policy.js';
import { ref } from './support.js';

const { checkPolicy } = createPolicyActivities();

describe('checkPolicy', () => {
  it('finds nothing in a policy as the doors hand it on, with its defaults filled in', async () => {
    expect(await checkPolicy({ policy: ref.policy })).toEqual([]);
  });

  it('names the member of each fault, and of a policy that is none at all', async () => {
    const { spec } = ref.policy;
    const policy = { ...ref.policy, spec: { ...spec, detect: 'no', extra: 1 } };
    const faults = await checkPolicy({ policy });
    expect(faults.join()).toContain('spec.detect');
    expect(faults.join()).toContain('extra');
    expect((await checkPolicy({ policy: null })).join()).toMatch(/^the policy: /);
  });

  it('tells at most ten faults', async () => {
    const extra = Object.fromEntries(Array.from({ length: 30 }, (_, n) => [`x@${String(n)}`, 1]));
    const policy = { ...ref.policy, spec: { ...ref.policy.spec, people: extra } };
    expect((await checkPolicy({ policy })).length).toBeLessThanOrEqual(10);
  });
});
