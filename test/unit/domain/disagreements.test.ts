import { readFileSync } from 'node:fs';

import { describe, expect, it } from 'vitest';

import {
  DISAGREEMENT_KINDS,
  DISAGREEMENTS,
  disagreementsIn,
  nextReconcileMs,
  remedyFor,
  type DisagreementKind,
  type Expected,
  type Facts,
} from '../../../domain/disagreements.js';
import { policySchema } from '../../../domain/policy.schema.js';
import { aPolicy, DAY_MS, HOUR_MS } from '../../workflows/world.js';

const ARN = 'arn:aws:sagemaker:us-east-1:111122223333:model-package/m/2';

const scaled = aPolicy('m', (draft) => {
  draft.spec.scaling = {
    instances: { min: 2, max: 4 },
    target: { metric: 'InvocationsPerInstance', value: 700 },
  };
});
const expected: Expected = {
  configName: 'm-1',
  seen: { configName: 'm-1', approvalStatus: 'Approved', artefactEtag: 'etag' },
};
const registered = {
  packageArn: ARN,
  status: 'Completed',
  approvalStatus: 'Approved',
  description: '',
  lastModifiedBy: 'arn:aws:iam::111122223333:role/ada',
  lastModifiedAtMs: 1,
};
const agreed: Facts = {
  configName: 'm-1',
  configExists: true,
  modelName: 'm-1',
  modelExists: true,
  weights: [{ variant: 'AllTraffic', desired: 1, config: 1 }],
  instances: 2,
  capturing: true,
  keeper: 'keeper/m',
  keeperWanted: 'keeper/m',
  package: registered,
  artefact: { uri: 's3://b/m.tar.gz', etag: 'etag' },
  alarmsLeft: [],
  alarms: [
    { name: 'a', managed: true, found: true, differences: [], actionsDisabled: false },
    { name: 'own', managed: false, found: true, differences: [], actionsDisabled: false },
  ],
  scaling: { differences: [], suspended: false },
  ledger: { number: 7, headThere: true, nextThere: false },
};
const scalingWith = (what: string, field: string, ofTarget: boolean): Partial<Facts> => ({
  scaling: {
    differences: [{ what, field, was: 'one', is: 'another', ofTarget }],
    suspended: false,
  },
});
const alarmWith = (change: Partial<Facts['alarms'][number]>): Partial<Facts> => ({
  alarms: [
    { name: 'a', managed: true, found: true, differences: [], actionsDisabled: false, ...change },
  ],
});

/** One way for each kind to come about. A release's workflow is Temporal's to tell, not a comparison's. */
const WAYS: Readonly<Partial<Record<DisagreementKind, Partial<Facts>>>> = {
  'champion-config-deleted': { configExists: false },
  'champion-model-deleted': { modelExists: false },
  'weights-changed': { weights: [{ variant: 'AllTraffic', desired: 0, config: 1 }] },
  'instances-outside-range': { instances: 5 },
  'capture-off': { capturing: false },
  'claim-lost': { keeper: null },
  'claim-taken': { keeper: 'keeper/other' },
  'alarm-missing': alarmWith({ found: false }),
  'alarm-changed': alarmWith({ differences: ['threshold is 9, should be 1'] }),
  'alarm-foreign': alarmWith({ foreign: 'somebody else’s' }),
  'alarm-left-behind': { alarmsLeft: ['modelkeeper-m-release-3-candidate-scaling-out'] },
  'alarm-actions-disabled': alarmWith({ managed: false, actionsDisabled: true }),
  'scaling-target-missing': scalingWith('scalable target', 'existence', true),
  'scaling-target-foreign': scalingWith('scalable target', 'owner', true),
  'scaling-target-changed': scalingWith('scalable target', 'min', true),
  'scaling-policy-changed': scalingWith('modelkeeper-m-invocations', 'existence', false),
  'scaling-suspended': { scaling: { differences: [], suspended: true } },
  'package-status-changed': {
    package: { ...registered, approvalStatus: 'PendingManualApproval' },
  },
  'package-rejected-while-serving': { package: { ...registered, approvalStatus: 'Rejected' } },
  'package-deleted': { package: { ...registered, status: 'gone' } },
  'artefact-changed': { artefact: { uri: 's3://b/m.tar.gz', etag: 'other' } },
  'artefact-gone': { artefact: { uri: 's3://b/m.tar.gz', etag: null } },
  'ledger-head-behind': { ledger: { number: 7, headThere: true, nextThere: true } },
  'ledger-head-gone': { ledger: { number: 7, headThere: false, nextThere: false } },
};

describe('disagreementsIn', () => {
  it('finds none where everything is as it should be', () => {
    expect(disagreementsIn(scaled, expected, agreed)).toEqual([]);
  });

  it.each(Object.entries(WAYS))('finds %s, and only that', (kind, change) => {
    const found = disagreementsIn(scaled, expected, { ...agreed, ...change });
    expect(found.map((one) => one.kind)).toEqual([kind]);
  });

  it('finds a config that another hand put into service', () => {
    const found = disagreementsIn(
      scaled,
      { ...expected, seen: null },
      { ...agreed, configName: 'x' },
    );
    expect(found.map((one) => one.kind)).toEqual(['endpoint-config-changed']);
  });

  it('has a way to find every kind but those of Temporal and of the config', () => {
    const ways = [...Object.keys(WAYS), 'endpoint-config-changed', 'release-workflow-gone'];
    expect(ways.sort()).toEqual([...DISAGREEMENT_KINDS].sort());
  });

  it('measures a champion by what was seen of it first, and by nothing before that', () => {
    const strange: Facts = {
      ...agreed,
      package: { ...registered, approvalStatus: 'PendingManualApproval' },
      artefact: { uri: 's3://b/m.tar.gz', etag: 'other' },
    };
    expect(disagreementsIn(scaled, { ...expected, seen: null }, strange)).toEqual([]);
    const born = {
      configName: 'm-1',
      approvalStatus: 'PendingManualApproval',
      artefactEtag: 'other',
    };
    expect(disagreementsIn(scaled, { ...expected, seen: born }, strange)).toEqual([]);
  });

  it.each([
    [1, true],
    [2, false],
    [4, false],
    [5, true],
  ])('%i instances of 2 to 4 disagree: %s', (instances, disagrees) => {
    expect(disagreementsIn(scaled, expected, { ...agreed, instances }).length > 0).toBe(disagrees);
  });
});

describe('remedyFor', () => {
  const about = (kind: DisagreementKind) => ({ kind, subject: 'a' });

  it('is the kind’s own until the policy names another', () => {
    expect(remedyFor(aPolicy('m'), about('alarm-missing'), [], 0).remedy).toBe('repair');
    const asks = aPolicy('m', (draft) => {
      draft.spec.reconcile = { remedies: { 'alarm-missing': 'ask' } };
    });
    expect(remedyFor(asks, about('alarm-missing'), [], 0).remedy).toBe('ask');
  });

  it('is people’s after three repairs of the same thing in a day, and a repair again a day later', () => {
    const at = (...hours: number[]) =>
      hours.map((hour) => ({ kind: 'alarm-missing' as const, subject: 'a', atMs: hour * HOUR_MS }));
    const policy = aPolicy('m');
    const now = 10 * HOUR_MS;
    const look = (repaired: ReturnType<typeof at>, nowMs = now) =>
      remedyFor(policy, about('alarm-missing'), repaired, nowMs);
    expect(look(at(1, 2))).toEqual({ remedy: 'repair', contested: false });
    expect(look(at(1, 2, 3))).toEqual({ remedy: 'ask', contested: true });
    expect(look(at(1, 2, 3), HOUR_MS + DAY_MS)).toEqual({ remedy: 'repair', contested: false });
    expect(
      remedyFor(policy, { kind: 'alarm-missing', subject: 'b' }, at(1, 2, 3), now).remedy,
    ).toBe('repair');
  });

  it('puts a package’s status back once where the registry is no door, and asks where it is one', () => {
    const once = [{ kind: 'package-status-changed' as const, subject: 'a', atMs: 0 }];
    const kind = about('package-status-changed');
    expect(remedyFor(aPolicy('m'), kind, [], 1).remedy).toBe('repair');
    expect(remedyFor(aPolicy('m'), kind, once, 1)).toEqual({ remedy: 'ask', contested: true });
    const door = aPolicy('m', (draft) => {
      draft.spec.approve.doors = ['local', 'registry'];
    });
    expect(remedyFor(door, kind, [], 1).remedy).toBe('ask');
  });

  it.each([
    [undefined, 'ask'],
    ['ask', 'ask'],
    ['rollback', 'repair'],
    ['nothing', 'report'],
  ] as const)('of a version rejected while it serves follows the policy: %s', (answer, remedy) => {
    const policy = aPolicy('m', (draft) => {
      if (answer !== undefined) draft.spec.registry.onRejectedWhileServing = answer;
    });
    expect(remedyFor(policy, about('package-rejected-while-serving'), [], 0).remedy).toBe(remedy);
  });
});

describe('a policy’s remedies', () => {
  const withRemedy = (kind: string, remedy: string) => {
    const draft = { ...aPolicy('m') };
    return policySchema.safeParse({
      ...draft,
      spec: { ...draft.spec, reconcile: { remedies: { [kind]: remedy } } },
    });
  };
  it('may name a repair only where there is one', () => {
    expect(withRemedy('claim-lost', 'repair').success).toBe(true);
    const refused = withRemedy('capture-off', 'repair');
    expect(refused.error?.issues[0]).toMatchObject({
      path: ['spec', 'reconcile', 'remedies', 'capture-off'],
      message: expect.stringContaining('no repair of capture-off') as string,
    });
    expect(withRemedy('nonsense', 'ask').success).toBe(false);
    expect(withRemedy('package-rejected-while-serving', 'ask').success).toBe(false);
  });
});

describe('the pace of comparisons', () => {
  it('is every six hours, and comes at another moment for another model', () => {
    const moments = ['a', 'b', 'c', 'd'].map((name) => nextReconcileMs(aPolicy(name), 0));
    expect(new Set(moments).size).toBe(4);
    for (const moment of moments) {
      expect(moment).toBeGreaterThan(0);
      expect(moment).toBeLessThanOrEqual(6 * HOUR_MS);
    }
    const [first = 0] = moments;
    expect(nextReconcileMs(aPolicy('a'), first)).toBe(first + 6 * HOUR_MS);
    expect(nextReconcileMs(aPolicy('a'), first - 1)).toBe(first);
  });
});

describe('docs/disagreements.md', () => {
  const text = readFileSync(new URL('../../../docs/disagreements.md', import.meta.url), 'utf8');
  const sections = [...text.matchAll(/^## `([a-z-]+)`\n\n([\s\S]*?)(?=^## |$(?![\s\S]))/gm)];

  it('has a section for each kind, in their order, and no other', () => {
    expect(sections.map(([, kind]) => kind)).toEqual(DISAGREEMENT_KINDS);
  });
  it.each(DISAGREEMENT_KINDS)('says the remedy of %s as it is', (kind) => {
    const body = sections.find(([, name]) => name === kind)?.[2] ?? '';
    expect(body).toContain(`Remedy: \`${DISAGREEMENTS[kind].remedy}\``);
    expect(body.includes('`repair` ')).toBe(DISAGREEMENTS[kind].repair !== null);
  });
});
