import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { parsePolicy } from '../../../client/policy-file.js';
import { accessBy } from '../../../domain/access.js';
import {
  neededPermissions,
  roleNeeding,
  type NeededPermission,
} from '../../../domain/needed-permissions.js';
import type { Policy } from '../../../domain/policy.schema.js';
import { policyWith } from '../../activities/support.js';
import { stackOf, type Resource, type Statement } from '../infra/template.js';

const ROOT = join(import.meta.dirname, '../../..');
const PLACE = { partition: 'aws', account: '111122223333', region: 'us-east-1' };
const { operationsUsed } = (await import(join(ROOT, 'scripts/aws-table.mjs'))) as {
  operationsUsed(): readonly {
    readonly permission: string;
    readonly processes: ReadonlySet<string>;
  }[];
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

const asRole = (role: Resource | undefined): string =>
  JSON.stringify({
    Statement: (
      role?.Properties['Policies'] as
        | readonly { readonly PolicyDocument: { readonly Statement: readonly Statement[] } }[]
        | undefined
    )?.flatMap(({ PolicyDocument }) => PolicyDocument.Statement),
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
    EventBusArn:
      spec.events?.bus === undefined
        ? ''
        : `arn:aws:events:us-east-1:111122223333:event-bus/${spec.events.bus}`,
    StagingEndpointInArn: spec.deploy.staging?.endpoint.toLowerCase() ?? '',
    MonitorRoleArn:
      spec.monitor.sources.flatMap((one) =>
        one.kind === 'model-monitor' ? (one.manage?.role ?? []) : [],
      )[0] ?? '',
  });
  return asDocument(
    ['WorkerAccess', 'WorkerReleases', 'WorkerWatch', 'WorkerMonitors'].map(
      (name) => resources[name],
    ),
  );
}

const MODEL_ROLE = 'arn:aws:iam::111122223333:role/model';
const managed = (type: string) => ({
  id: type,
  kind: 'model-monitor' as const,
  schedule: `flights-${type}`,
  manage: {
    type,
    role: MODEL_ROLE,
    image: 'registry.example.com/monitor:1',
    baseline: { dataset: 'champion', format: 'csv' },
    ...(type === 'data-quality' ? {} : MORE[type]),
  },
});
/** What a type of monitor needs besides. */
const LABELLED = {
  groundTruth: 's3://data/labels/',
  attributes: { inference: '0', groundTruth: 'y' },
};
const MORE: Readonly<Record<string, object>> = {
  'model-quality': { problem: 'regression', ...LABELLED },
  'model-bias': { config: 's3://data/bias.json', ...LABELLED },
  'model-explainability': { config: 's3://data/shap.json' },
};
const MONITORS = ['data-quality', 'model-quality', 'model-bias', 'model-explainability'];

/** Policies that switch on everything there is, by pipeline and by jobs. */
const everything: readonly Policy[] = [
  policyWith({
    monitor: { sources: MONITORS.map(managed) },
    events: { bus: 'ours' },
    scaling: {
      instances: { min: 1, max: 4 },
      target: { metric: 'InvocationsPerInstance', value: 700 },
    },
    deploy: {
      strategy: 'steps',
      role: MODEL_ROLE,
      staging: { endpoint: 'staging', check: { samples: 's3://data/samples.csv' } },
    },
  } as Parameters<typeof policyWith>[0]),
  policyWith({
    monitor: {
      sources: [{ id: 'together', kind: 'multivariate', image: 'modelkeeper:1', role: MODEL_ROLE }],
    },
    retrain: {
      on: ['drift'],
      trainingJob: {
        image: 'registry.example.com/train:1',
        role: MODEL_ROLE,
        instanceType: 'ml.m5.large',
        channels: { train: 's3://data/train/' },
      },
    },
    deploy: { role: MODEL_ROLE, probation: { rollBackOn: ['alarms'] } },
  }),
];

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

  it('has every action that the worker sends, whatever the policy switches on', () => {
    const roles = policyWith({ roles: { read: { arn: MODEL_ROLE } } });
    const needed = [...everything, roles].flatMap((one) => neededPermissions(one, PLACE));
    const sent = operationsUsed().filter(
      ({ permission, processes }) => permission !== '' && processes.has('worker'),
    );
    expect(sent.length).toBeGreaterThan(60);
    const actions = new Set(needed.map(({ action }) => action));
    expect(sent.flatMap(({ permission }) => (actions.has(permission) ? [] : permission))).toEqual(
      [],
    );
  });

  it.each(everything.map((policy, at) => [at, policy] as const))(
    'for all that there is (%i) is what the policies of infra/ allow',
    (_at, policy) => {
      const needed = neededPermissions(policy, PLACE);
      expect(notAllowed(needed, workerPolicies(policy))).toEqual([]);
    },
  );

  it('at a staging endpoint of another account is of that account, and its role is assumed', () => {
    const arn = 'arn:aws:iam::444455556666:role/staging';
    const policy = policyWith({
      deploy: {
        staging: {
          endpoint: 'Try',
          role: { arn },
          executionRole: 'arn:aws:iam::444455556666:role/model',
          check: { samples: 's3://data/samples.csv' },
        },
      },
    });
    const needed = neededPermissions(policy, PLACE);
    const at = needed.filter(({ stage }) => stage === 'staging');
    expect(at.map(({ resource }) => resource)).toContain(
      'arn:aws:sagemaker:us-east-1:444455556666:endpoint/try',
    );
    expect(at.filter(({ resource }) => resource.includes(':111122223333:'))).toEqual([
      expect.objectContaining({ action: 'sagemaker:DescribeModelPackage' }),
      expect.objectContaining({ action: 'sagemaker:CreateModel' }),
    ]);
    const { resources } = stackOf(
      'stages.yaml',
      {
        Model: policy.metadata.name,
        WorkerRoleArn: 'arn:aws:iam::111122223333:role/worker',
        ExternalId: '',
        EndpointInArn: 'try',
        StagingEndpointInArn: 'try',
        PackageGroup: policy.spec.registry.group.toLowerCase(),
        PackageAccountId: '111122223333',
        ModelRoleArn: 'arn:aws:iam::444455556666:role/model',
        DataBucket: 'data',
        Pipeline: 'none',
      },
      '444455556666',
    );
    expect(notAllowed(at, asRole(resources['DeployRole']))).toEqual([]);
    expect(roleNeeding(policy.spec, 'staging')?.arn).toBe(arn);
    expect(needed).toContainEqual({
      stage: 'own',
      action: 'sts:AssumeRole',
      resource: arn,
      context: {},
    });
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
