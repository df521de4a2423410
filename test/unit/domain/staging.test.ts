import { describe, expect, it } from 'vitest';

import { policySchema } from '../../../domain/policy.schema.js';
import {
  isStagingConfig,
  judgeStaging,
  leavesStaging,
  replicated,
  stagingName,
  stagingPolicy,
  type StagingAnswer,
} from '../../../domain/staging.js';
import { policyInput, policyWith } from '../../activities/support.js';

const check = { samples: 's3://artefacts/samples.csv' } as const;
const withStaging = (staging: object, deploy: object = {}) =>
  policyWith({ deploy: { ...deploy, staging: { endpoint: 'staging', check, ...staging } } });

/** What is wrong with a policy of this staging, by field. */
function faultsOf(staging: object, deploy: object = {}): readonly string[] {
  const parsed = policySchema.safeParse({
    ...policyInput,
    spec: {
      ...policyInput.spec,
      deploy: { ...deploy, staging: { endpoint: 'staging', check, ...staging } },
    },
  });
  return (
    parsed.error?.issues.map(({ path, message }) => `${path.slice(3).join('.')}: ${message}`) ?? []
  );
}

const role = (account: string, name = 'deploy') => `arn:aws:iam::${account}:role/${name}`;

describe('deploy.staging', () => {
  it('is refused where it is the endpoint of production, ignoring case', () => {
    expect(faultsOf({ endpoint: 'FLIGHTS-live' })).toEqual([
      expect.stringMatching(/^endpoint: is the endpoint of production/),
    ]);
    expect(faultsOf({ endpoint: 'flights-live', role: { arn: role('444455556666') } })).toEqual([]);
  });

  it('takes ids of subnets and security groups as jobs do', () => {
    const vpc = (subnet: string, group: string) =>
      faultsOf({ vpc: { subnets: [subnet], securityGroups: [group] } });
    expect(vpc('subnet-0abc', 'sg-0abc')).toEqual([]);
    expect(vpc(`subnet-${'a'.repeat(25)}`, `sg-${'a'.repeat(29)}`)).toEqual([]);
    expect(vpc('sg-0abc', 'subnet-0abc')).toHaveLength(2);
    expect(vpc(`subnet-${'a'.repeat(26)}`, `sg-${'a'.repeat(30)}`)).toHaveLength(2);
  });

  it('in another Region needs the copies that are there, and only there', () => {
    expect(faultsOf({ region: 'eu-west-1' })).toEqual([
      expect.stringMatching(/^replica: is missing: .*only in the Region of the package/),
    ]);
    expect(faultsOf({ region: 'eu-west-1', replica: { bucket: 'artefacts-eu' } })).toEqual([]);
    expect(faultsOf({ replica: { bucket: 'artefacts-eu' } })).toEqual([
      expect.stringMatching(/^replica: is for a staging endpoint in another Region/),
    ]);
  });

  it('takes no execution role of another account than the one it is in', () => {
    const there = { role: { arn: role('444455556666') } };
    const other = role('111122223333', 'model');
    expect(faultsOf({ ...there, executionRole: other }).join()).toMatch(
      /executionRole: .*444455556666/,
    );
    expect(faultsOf(there, { role: other }).join()).toMatch(/executionRole/);
    expect(faultsOf({ ...there, executionRole: role('444455556666', 'model') })).toEqual([]);
  });

  it('says what samples are where the name of the file does not', () => {
    const samples = 's3://artefacts/samples';
    expect(faultsOf({ check: { samples } }).join()).toMatch(/^check.contentType: /);
    expect(faultsOf({ check: { samples, contentType: 'text/csv' } })).toEqual([]);
    expect(faultsOf({ check: { samples: 'captured' } })).toEqual([]);
  });

  it('stands in for production in every activity about the endpoint, under its own role', () => {
    const arn = role('444455556666');
    const policy = withStaging({
      region: 'eu-west-1',
      replica: { bucket: 'artefacts-eu' },
      role: { arn },
    });
    const { staging } = policy.spec.deploy;
    if (staging === undefined) throw new Error('no staging');
    expect(stagingPolicy(policy, staging).spec).toMatchObject({
      endpoint: { name: 'staging', variant: 'AllTraffic', region: 'eu-west-1' },
      roles: { read: { arn }, deploy: { arn } },
    });
  });

  it('that a new policy takes out or moves is left, and no other', () => {
    const before = withStaging({});
    expect(leavesStaging(before, policyWith())).toBe(true);
    expect(leavesStaging(before, withStaging({ endpoint: 'other' }))).toBe(true);
    expect(leavesStaging(before, withStaging({ instances: 2 }))).toBe(false);
    expect(leavesStaging(policyWith(), before)).toBe(false);
  });
});

describe('the names at staging', () => {
  it('are told from those of releases and of other models', () => {
    expect(isStagingConfig('flights', stagingName('flights-12'))).toBe(true);
    expect(isStagingConfig('flights', stagingName('flights-12-2'))).toBe(true);
    expect(isStagingConfig('flights-1', stagingName('flights-1-2'))).toBe(true);
    for (const name of ['flights-12', 'flights-12-split', 'hotels-1-staging', 'flights-x-staging'])
      expect(isStagingConfig('flights', name), name).toBe(false);
  });
});

describe('a container in another Region', () => {
  const image = '111122223333.dkr.ecr.us-east-1.amazonaws.com/flights@sha256:ab';
  const container = { image, modelDataUrl: 's3://artefacts/a/m.tar.gz', environment: { A: '1' } };

  it('is of the same key and the same digest there', () => {
    expect(replicated(container, 'eu-west-1', { bucket: 'eu' })).toEqual({
      image: '111122223333.dkr.ecr.eu-west-1.amazonaws.com/flights@sha256:ab',
      modelDataUrl: 's3://eu/a/m.tar.gz',
      environment: { A: '1' },
    });
  });

  it('takes the registry that is named, for images of any registry', () => {
    const replica = { bucket: 'eu', registry: 'images.example.com:5000' };
    expect(replicated(container, 'eu-west-1', replica)).toMatchObject({
      image: 'images.example.com:5000/flights@sha256:ab',
    });
    expect(
      replicated({ ...container, image: 'docker.io/a/b:1' }, 'eu-west-1', replica),
    ).toMatchObject({ image: 'images.example.com:5000/a/b:1' });
  });

  it('that cannot be named is refused with what to write', () => {
    expect(
      replicated({ ...container, image: 'docker.io/a/b:1' }, 'eu-west-1', { bucket: 'eu' }),
    ).toMatch(/replica\.registry/);
    expect(
      replicated({ ...container, modelDataUrl: undefined }, 'eu-west-1', { bucket: 'eu' }),
    ).toMatch(/no single artefact/);
  });
});

describe('the check at staging', () => {
  const ok = (ms: number): StagingAnswer => ({ kind: 'answered', ms });
  const bad: StagingAnswer = { kind: 'error', reason: 'ModelError: out of memory' };
  const limits = { errorShare: 0.1, latencyP95Ms: 100 };

  it('never passes without evidence', () => {
    expect(judgeStaging([], limits)).toMatchObject({
      verdict: 'fail',
      reasons: [expect.stringMatching(/no evidence is never a pass/)],
    });
    expect(judgeStaging([bad], { ...limits, errorShare: 1 })).toMatchObject({ verdict: 'fail' });
  });

  it('takes as many errors as are allowed and not one more', () => {
    const answers = (errors: number) =>
      Array.from({ length: 20 }, (_, index) => (index < errors ? bad : ok(1)));
    expect(judgeStaging(answers(2), limits)).toMatchObject({ verdict: 'pass', errors: 2 });
    expect(judgeStaging(answers(3), limits)).toMatchObject({
      verdict: 'fail',
      reasons: [
        '3 of 20 requests failed (15 %, allowed 10 %), the first: ModelError: out of memory',
      ],
    });
  });

  it('lets the first request warm the endpoint up, and judges the others', () => {
    const judged = (ms: number) =>
      judgeStaging([ok(9_000), ...Array.from({ length: 20 }, () => ok(ms))], limits);
    expect(judged(100)).toMatchObject({ verdict: 'pass', latencyP95Ms: 100 });
    expect(judged(101)).toMatchObject({
      verdict: 'fail',
      reasons: ['95 % of the answers took up to 101 ms, allowed are 100 ms'],
    });
    expect(judgeStaging([ok(101)], limits)).toMatchObject({ verdict: 'fail' });
  });
});
