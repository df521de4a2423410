import { describe, expect, it } from 'vitest';

import { longestName, modelNameFault } from '../../../domain/model-name.js';
import { policySchema, type PolicyInput } from '../../../domain/policy.schema.js';
import { MAX_AWS_NAME } from '../../../domain/names.js';
import { policyInput, policyWith } from '../../activities/support.js';

type Change = Parameters<typeof policyWith>[0];

const STEPS: Change = { deploy: { strategy: 'steps', steps: [{ percent: 10 }] } };
const SHADOW: Change = { deploy: { shadow: { for: '1h' } } };
const STAGING: Change = {
  deploy: { staging: { endpoint: 'staging', check: { samples: 's3://artefacts/samples.csv' } } },
};
const JOB: Change = {
  retrain: {
    trainingJob: {
      image: 'train:1',
      role: 'arn:aws:iam::111122223333:role/train',
      instanceType: 'ml.m5.large',
    },
  },
};

/** A name of so many characters, dashes where they fit: at most 40 of them are none. */
const named = (length: number): string => 'a-'.repeat(length).slice(0, length - 1) + 'z';

describe('a model’s name', () => {
  it.each([
    ['no more than a release', {}, 54],
    ['a rollout by steps', STEPS, 48],
    ['a shadow test', SHADOW, 47],
    ['a staging endpoint', STAGING, 46],
    ['training jobs that are scored and tried again', JOB, 43],
  ])('with %s goes up to AWS’s limit and no further', (_what, change, most) => {
    const { spec } = policyWith(change);
    expect(longestName(named(most), spec)).toHaveLength(MAX_AWS_NAME);
    expect(modelNameFault(named(most), spec)).toBeUndefined();
    expect(modelNameFault(named(most + 1), spec)).toMatch(
      new RegExp(`^is too long by 1: .* at most ${String(most)} characters$`),
    );
  });

  const faultsOf = (name: string, change: Change = {}): readonly string[] => {
    const input: PolicyInput = { ...policyInput, metadata: { name } };
    const parsed = policySchema.safeParse({
      ...input,
      spec: { ...input.spec, ...policyWith(change).spec },
    });
    return (parsed.error?.issues ?? []).map(
      ({ path, message }) => `${path.map(String).join('.')}: ${message}`,
    );
  };

  it.each(['a', '7', 'flight-delays', 'a'.repeat(40), `${'a'.repeat(20)}-${'b'.repeat(20)}`])(
    '%s is one',
    (name) => {
      expect(faultsOf(name)).toEqual([]);
    },
  );

  it.each(['', '-a', 'a-', 'a--b', 'Flights', 'a_b', 'a'.repeat(41), 'flüge'])(
    '%j is none, and the words say what is',
    (name) => {
      expect(faultsOf(name)).toEqual([
        'metadata.name: use at most 40 lower-case letters and digits, with single dashes between them, such as flight-delays',
      ]);
    },
  );

  it('that is too long for what the policy switches on is refused with the field and the length that fits', () => {
    expect(faultsOf(named(48), STEPS)).toEqual([]);
    expect(faultsOf(named(79))).toEqual([
      expect.stringMatching(/^metadata\.name: is too long by 25: .* at most 54 characters$/),
    ]);
    expect(faultsOf(named(49), STEPS)).toEqual([
      expect.stringMatching(/^metadata\.name: .*-999999-3-split; .* at most 48 characters$/),
    ]);
  });
});
