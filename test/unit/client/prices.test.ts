import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, describe, expect, it } from 'vitest';

import { policyDigest } from '../../../client/digest.js';
import { readPolicyFile } from '../../../client/policy-file.js';
import { withPrices } from '../../../client/prices.js';
import type { Policy } from '../../../domain/policy.schema.js';
import { aPolicy } from '../domain/support.js';

const home = mkdtempSync(join(tmpdir(), 'prices-'));
afterAll(() => {
  rmSync(home, { recursive: true, force: true });
});

const file = join(home, 'flights.policy.yaml');
const naming = (prices: string): Policy => {
  const policy = aPolicy();
  const { retrain } = policy.spec;
  return {
    ...policy,
    spec: { ...policy.spec, retrain: { ...retrain, budget: { ...retrain.budget, prices } } },
  };
};
const read = (prices: string, s3: string | null = null) =>
  withPrices(naming(prices), file, async () => s3);
const written = (name: string, text: string): string => {
  writeFileSync(join(home, name), text);
  return name;
};

describe('prices in a file of their own', () => {
  it.each([
    ['YAML beside the policy', written('prices.yaml', 'ml.m5.xlarge: 0.23\nml.m5.large: 0.115\n')],
    ['JSON', written('prices.json', '{"ml.m5.xlarge":0.23,"ml.m5.large":0.115}')],
    ['an absolute path', join(home, 'prices.yaml')],
  ])('are read into the policy from %s', async (_what, prices) => {
    expect(await read(prices)).toMatchObject({
      kind: 'policy',
      policy: {
        spec: { retrain: { budget: { prices: { 'ml.m5.xlarge': 0.23, 'ml.m5.large': 0.115 } } } },
      },
    });
  });

  it('are read from S3', async () => {
    expect(await read('s3://ml/prices.yaml', 'ml.m5.xlarge: 1')).toMatchObject({
      kind: 'policy',
      policy: { spec: { retrain: { budget: { prices: { 'ml.m5.xlarge': 1 } } } } },
    });
  });

  it.each([
    ['no such file', 'absent.yaml', null, /absent\.yaml cannot be read/],
    ['no such object', 's3://ml/prices.yaml', null, /is not there/],
    ['a list', written('list.yaml', '- 1\n'), null, /is no list of prices/],
    ['broken YAML', written('broken.yaml', '{a: '), null, /neither YAML nor JSON/],
    [
      'no instance type',
      written('type.yaml', 'm5: 1\n'),
      null,
      /cannot be used: 'm5' is no instance type/,
    ],
    ['a price below nothing', written('free.yaml', 'ml.m5.xlarge: -1\n'), null, /cannot be used/],
    [
      'a price that is a text',
      written('text.yaml', 'ml.m5.large: 1\nml.m5.xlarge: 0.23 EUR\n'),
      null,
      /cannot be used: ml\.m5\.xlarge has "0\.23 EUR", which is no price/,
    ],
    ['a price of nothing', written('zero.yaml', 'ml.m5.xlarge: 0\n'), null, /has 0, which is no/],
    ['an empty list', written('none.json', '{}'), null, /names no price/],
    ['a list cut off', written('cut.json', '{"ml.m5.xlarge":0.23,"ml.m5'), null, /neither YAML/],
    ['a folder', '.', null, /cannot be read: it is not a regular file/],
    [
      'a file of other size',
      written('long.yaml', '#'.repeat(300_000)),
      null,
      /too long for a list/,
    ],
  ])('are refused with what to write: %s', async (_what, prices, s3, message) => {
    const answer = await read(prices, s3);
    expect(answer.kind).toBe('fault');
    expect(answer).toHaveProperty('message', expect.stringMatching(message));
    expect(answer).toHaveProperty('message', expect.stringContaining('such as ml.m5.xlarge: 0.23'));
  });

  it('are checked as soon as the policy is read, with their place in it', async () => {
    const example = readFileSync('examples/training-job.policy.yaml', 'utf8');
    const policyNaming = (prices: string): string => {
      const text = example.replace(/prices: \{.*\}/, `prices: ${prices}`);
      return join(home, written('named.policy.yaml', text));
    };
    const good = await readPolicyFile(policyNaming('prices.yaml'));
    expect(good).toMatchObject({
      kind: 'policy',
      policy: { spec: { retrain: { budget: { prices: { 'ml.m5.xlarge': 0.23 } } } } },
    });
    expect(good).toHaveProperty('digest', good.kind === 'policy' ? policyDigest(good.policy) : '');
    expect(await readPolicyFile(policyNaming('zero.yaml'))).toMatchObject({
      kind: 'invalid',
      issues: [
        {
          line: example.split('\n').findIndex((line) => line.includes('prices:')) + 1,
          path: 'spec.retrain.budget.prices',
          message: expect.stringMatching(/^zero\.yaml cannot be used/) as string,
        },
      ],
    });
  });

  it('in S3 are left to those who may ask', async () => {
    const text = readFileSync('examples/training-job.policy.yaml', 'utf8');
    const named = text.replace(/prices: \{.*\}/, 'prices: s3://ml/prices.yaml');
    expect(await readPolicyFile(join(home, written('s3.policy.yaml', named)))).toMatchObject({
      kind: 'policy',
      policy: { spec: { retrain: { budget: { prices: 's3://ml/prices.yaml' } } } },
    });
  });

  it('leave a policy alone that names them itself', async () => {
    const policy = aPolicy();
    expect(await withPrices(policy, file, async () => null)).toEqual({ kind: 'policy', policy });
  });
});
