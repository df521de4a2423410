import { describe, expect, it } from 'vitest';

import { approversOf, normalisedArn, personOf, type Proof } from '../../../domain/people.js';
import { policySchema } from '../../../domain/policy.schema.js';
import { ADA, GRACE, LINUS, ROB, aPolicy } from './support.js';

const ROLE = 'arn:aws:iam::111122223333:role/ada';

describe('an identity of AWS', () => {
  it.each([
    ['a session is its role', 'arn:aws:sts::111122223333:assumed-role/ada/ada@laptop', ROLE],
    ['the name of a session does not count', 'arn:aws:sts::111122223333:assumed-role/ada/x', ROLE],
    ['a role with a path is the role', 'arn:aws:iam::111122223333:role/teams/ml/ada', ROLE],
    ['a role without a path is itself', ROLE, ROLE],
    [
      'the partition stays',
      'arn:aws-cn:sts::111122223333:assumed-role/ada/x',
      'arn:aws-cn:iam::111122223333:role/ada',
    ],
    [
      'a user is itself, path and all',
      'arn:aws:iam::111122223333:user/teams/grace',
      'arn:aws:iam::111122223333:user/teams/grace',
    ],
    [
      'a session without a name is no session',
      'arn:aws:sts::111122223333:assumed-role/ada',
      'arn:aws:sts::111122223333:assumed-role/ada',
    ],
    ['what is no ARN is itself', 'os:ada', 'os:ada'],
  ])('%s', (_claim, arn, expected) => {
    expect(normalisedArn(arn)).toBe(expected);
  });
});

describe('the person behind a proof', () => {
  const policy = aPolicy();

  it.each<[string, Proof, string]>([
    [
      'a session of the role that the policy lists with its path',
      { kind: 'sts', arn: 'arn:aws:sts::111122223333:assumed-role/ada/laptop' },
      ADA,
    ],
    ['a listed user', { kind: 'sts', arn: 'arn:aws:iam::111122223333:user/grace' }, GRACE],
    ['a listed user of the machine', { kind: 'os-user', user: 'rob' }, ROB],
    [
      'whoever changed the package',
      { kind: 'registry', identity: 'arn:aws:sts::111122223333:assumed-role/ada/studio' },
      ADA,
    ],
    ['whom the proxy names, in lower case', { kind: 'proxy', person: 'Grace@Example.com' }, GRACE],
    ['whom a bare message claims', { kind: 'unverified', claimed: 'LINUS@example.com' }, LINUS],
  ])('is known for %s', (_claim, proof, person) => {
    expect(personOf(policy, proof)).toEqual({ kind: 'person', person });
  });

  it.each<[string, Proof, string]>([
    [
      'the same role of another account',
      { kind: 'sts', arn: 'arn:aws:sts::444455556666:assumed-role/ada/laptop' },
      'arn:aws:iam::444455556666:role/ada',
    ],
    ['a user of the machine nobody lists', { kind: 'os-user', user: 'root' }, 'os:root'],
    ['a user of the machine without a name', { kind: 'os-user', user: '' }, 'os:'],
    [
      'a user named like somebody else’s role',
      { kind: 'os-user', user: ROLE },
      'os:arn:aws:iam::111122223333:role/ada',
    ],
    ['an empty identity of the registry', { kind: 'registry', identity: '' }, ''],
  ])('is nobody for %s, and the reason names the identity', (_claim, proof, identity) => {
    expect(personOf(policy, proof)).toEqual({
      kind: 'nobody',
      reason: `${identity} belongs to nobody under spec.people of the policy: add it to the person it is`,
    });
  });

  it('is in lower case however the policy writes them', () => {
    const shouting = aPolicy(({ spec }) => {
      spec.people = { 'Ada@Example.com': ['os:ada'] };
    });
    expect(personOf(shouting, { kind: 'os-user', user: 'ada' })).toEqual({
      kind: 'person',
      person: ADA,
    });
  });
});

describe('approvers', () => {
  it('are the named ones and the members of groups, each once and in lower case', () => {
    const policy = aPolicy(({ spec }) => {
      spec.approve.approvers = ['Rob@example.com', 'group:leads', 'ADA@example.com'];
    });
    expect(approversOf(policy)).toEqual([ROB, ADA, GRACE]);
  });

  it('of a group that does not exist are nobody', () => {
    const policy = aPolicy();
    const groupless = { ...policy, spec: { ...policy.spec, groups: {} } };
    expect(approversOf(groupless)).toEqual([ROB]);
  });

  it('of a group named like a part of every object are refused as those of any missing group', () => {
    const draft = aPolicy();
    const reading = policySchema.safeParse({
      ...draft,
      spec: {
        ...draft.spec,
        approve: { ...draft.spec.approve, approvers: [ADA, GRACE, 'group:constructor'] },
      },
    });
    expect(reading.error?.issues.map((issue) => issue.message)).toEqual([
      "there is no group 'constructor' under spec.groups",
    ]);
  });
});
