import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { parsePolicy } from '../../../client/policy-file.js';
import { accessBy } from '../../../domain/access.js';
import { neededPermissions, type NeededPermission } from '../../../domain/needed-permissions.js';
import type { Policy } from '../../../domain/policy.schema.js';
import { policyWith } from '../../activities/support.js';
import { stackOf, type Resource, type Statement } from '../infra/template.js';

const ROOT = join(import.meta.dirname, '../../..');
const PLACE = { partition: 'aws', account: '111122223333', region: 'us-east-1' };
const { operationsUsed } = (await import(join(ROOT, 'scripts/aws-table.mjs'))) as {
  operationsUsed(): readonly { readonly permission: string }[];
};

const EXAMPLES = join(ROOT, 'examples');
const examples = readdirSync(EXAMPLES, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.policy.yaml'))
  .map((name): readonly [string, Policy] => {
    const reading = parsePolicy(readFileSync(join(EXAMPLES, name), 'utf8'), name);
    if (reading.kind !== 'policy') throw new Error(`${name} is no policy`);
    return [name, reading.policy];
  });

const bucketOf = (uri: string): string => /^s3:\/\/([^/]+)/.exec(uri)?.[1] ?? '';
const asDocument = (resources: readonly (Resource | undefined)[]): string =>
  JSON.stringify({
    Statement: resources.flatMap(
      (one) =>
        (
          one?.Properties['PolicyDocument'] as
            { readonly Statement: readonly Statement[] } | undefined
        )?.Statement ?? [],
    ),
  });

/** The policies that a stack of access.yaml gives the worker of a policy. */
function workerPolicies({ spec, metadata }: Policy): string {
  const { resources } = stackOf('access.yaml', {
    Model: metadata.name,
    EndpointInArn: spec.endpoint.name.toLowerCase(),
    PackageGroup: spec.registry.group.toLowerCase(),
    Pipeline: (spec.retrain.pipeline ?? 'none').toLowerCase(),
    ModelRoleArn: spec.deploy.role ?? 'arn:aws:iam::111122223333:role/model',
    TrainingRoleArn: spec.retrain.trainingJob?.role ?? '',
    StorageBucket: bucketOf(spec.storage),
    StoragePrefix: spec.storage.replace(/^s3:\/\/[^/]+\/|\/+$/g, ''),
    DataBucket: '*',
    TopicArn: spec.notify?.topic ?? 'arn:aws:sns:us-east-1:111122223333:notices',
    EscalationTopicArn: spec.approve.escalate?.to ?? '',
    EventsQueueArn: 'arn:aws:sqs:us-east-1:111122223333:modelkeeper-events',
  });
  return asDocument(
    ['WorkerAccess', 'WorkerReleases', 'WorkerWatch'].map((name) => resources[name]),
  );
}

const notAllowed = (needed: readonly NeededPermission[], document: string) =>
  needed.filter(
    ({ action, resource, context }) =>
      accessBy(document, { principal: 'worker', action, resource, context }) !== 'allowed',
  );

describe('what the worker needs', () => {
  it('has no action that the code does not send', () => {
    const sent = new Set(operationsUsed().map(({ permission }) => permission));
    const actions = examples.flatMap(([, policy]) =>
      neededPermissions(policy, PLACE).map(({ action }) => action),
    );
    expect(actions.filter((action) => !sent.has(action) && action !== 'iam:PassRole')).toEqual([]);
    expect(new Set(actions).size).toBeGreaterThan(25);
  });

  it.each(examples)('for %s is what the policies of infra/ allow', (_name, policy) => {
    const needed = neededPermissions(policy, { ...PLACE, region: 'us-east-1' });
    expect(needed.length).toBeGreaterThan(20);
    expect(notAllowed(needed, workerPolicies(policy))).toEqual([]);
  });

  it('is not what the policies of another model allow', () => {
    const [first] = examples;
    const policy = first?.[1] ?? policyWith();
    const other = { ...policy, metadata: { ...policy.metadata, name: 'somebody-elses' } };
    const lacking = notAllowed(neededPermissions(other, PLACE), workerPolicies(policy));
    expect(lacking.map(({ action }) => action)).toContain('sagemaker:CreateModel');
  });

  it('is under the role of the stage, and the roles are assumed by the worker itself', () => {
    const arn = 'arn:aws:iam::444455556666:role/deploy';
    const needed = neededPermissions(policyWith({ roles: { deploy: { arn } } }), PLACE);
    expect(needed).toContainEqual({
      stage: 'own',
      action: 'sts:AssumeRole',
      resource: arn,
      context: {},
    });
    const of = (action: string) => needed.find((one) => one.action === action)?.stage;
    expect(of('sagemaker:UpdateEndpoint')).toBe('deploy');
    expect(of('sagemaker:UpdateModelPackage')).toBe('approve');
    expect(of('cloudwatch:GetMetricData')).toBe('read');
    expect(of('s3:PutObject')).toBe('own');
  });

  it('grows with what the policy asks for', () => {
    const actions = (spec: Parameters<typeof policyWith>[0]): readonly string[] =>
      neededPermissions(policyWith(spec), PLACE).map(({ action }) => action);
    expect(actions({})).not.toContain('events:PutEvents');
    expect(actions({ events: { bus: 'ours' } })).toContain('events:PutEvents');
    expect(actions({})).toContain('cloudwatch:PutMetricData');
    expect(actions({ metrics: { publish: false } })).not.toContain('cloudwatch:PutMetricData');
  });

  it('spells the names of SageMaker as its ARNs do', () => {
    const policy = policyWith({ endpoint: { name: 'Flights-Live', region: 'us-east-1' } });
    const needed = neededPermissions(policy, PLACE);
    expect(needed.map(({ resource }) => resource)).toContain(
      'arn:aws:sagemaker:us-east-1:111122223333:endpoint/flights-live',
    );
  });
});
