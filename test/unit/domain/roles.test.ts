import { describe, expect, it } from 'vitest';

import { policySchema } from '../../../domain/policy.schema.js';
import { sessionName, stageRole, STAGES } from '../../../domain/roles.js';
import { policyWith } from '../../activities/support.js';

const DEPLOY = 'arn:aws:iam::444455556666:role/modelkeeper-deploy';

describe('the name of a session', () => {
  it('is the id of the workflow, with a dash for what STS does not take', () => {
    expect(sessionName('keeper/flight-delays')).toBe('keeper-flight-delays');
    expect(sessionName('release/flight-delays/12')).toBe('release-flight-delays-12');
    expect(sessionName('a_b+c=d,e.f@g-h')).toBe('a_b+c=d,e.f@g-h');
    expect(sessionName('ä b:c')).toBe('--b-c');
  });
  it('keeps to the 2 to 64 characters STS takes', () => {
    expect(sessionName(`release/${'m'.repeat(40)}/999999`)).toBe(
      `release-${'m'.repeat(40)}-999999`,
    );
    expect(sessionName('x'.repeat(65))).toBe('x'.repeat(64));
    expect(sessionName('x')).toBe('modelkeeper-x');
    expect(sessionName('')).toMatch(/^[\w+=,.@-]{2,64}$/);
  });
});

describe('roles of a policy', () => {
  it('are none by themselves: every stage works under the identity of the worker', () => {
    for (const stage of STAGES) expect(stageRole(policyWith().spec, stage)).toBeUndefined();
  });
  it('are named one for each stage', () => {
    const { spec } = policyWith({ roles: { deploy: { arn: DEPLOY, externalId: 'flights' } } });
    expect(stageRole(spec, 'deploy')).toEqual({ arn: DEPLOY, externalId: 'flights' });
    expect(stageRole(spec, 'read')).toBeUndefined();
  });
  it.each([
    ['arn:aws:iam::444455556666:user/ada', undefined],
    ['arn:aws:sts::444455556666:assumed-role/deploy/ada', undefined],
    [DEPLOY, 'x'],
    [DEPLOY, 'with a blank'],
    [DEPLOY, 'pipe|pipe'],
  ])('are refused at the door: %s with external id %s', (arn, externalId) => {
    const policy = policyWith();
    const roles = { deploy: { arn, ...(externalId === undefined ? {} : { externalId }) } };
    const parsed = policySchema.safeParse({ ...policy, spec: { ...policy.spec, roles } });
    expect(parsed.error?.issues.map((issue) => issue.path.join('.'))).toEqual([
      `spec.roles.deploy.${externalId === undefined ? 'arn' : 'externalId'}`,
    ]);
  });
});
