import { describe, expect, it } from 'vitest';

import { policyShapeFault } from '../../../domain/policy-shape.js';

const good = {
  metadata: { name: 'flights' },
  spec: {
    endpoint: { name: 'flights', region: 'us-east-1' },
    storage: 's3://ml-artefacts/modelkeeper/',
    people: { 'ada@example.com': ['os:ada'] },
  },
};

describe('policyShapeFault', () => {
  it('finds nothing in what has all that is read before the full check', () => {
    expect(policyShapeFault(good)).toBeUndefined();
  });

  it.each<[unknown, string]>([
    [null, 'metadata.name'],
    [7, 'metadata.name'],
    [{ ...good, metadata: { name: 7 } }, 'metadata.name'],
    [{ ...good, spec: null }, 'endpoint.name'],
    [{ ...good, spec: { ...good.spec, endpoint: { name: 'flights' } } }, 'endpoint.region'],
    [{ ...good, spec: { ...good.spec, storage: undefined } }, 'storage'],
    [{ ...good, spec: { ...good.spec, people: null } }, 'people'],
    [{ ...good, spec: { ...good.spec, people: { ada: 'os:ada' } } }, 'people.ada'],
    [{ ...good, spec: { ...good.spec, people: { ada: [7] } } }, 'people.ada'],
  ])('of %j names the member', (policy, name) => {
    expect(policyShapeFault(policy)).toContain(name);
  });
});
