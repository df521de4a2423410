import { readdirSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import {
  readTemplate,
  stackOf,
  type PolicyDocument,
  type Resource,
  type Stack,
  type Statement,
} from './template.js';

const ROOT = join(import.meta.dirname, '../../..');

interface Operation {
  readonly permission: string;
  readonly stages: ReadonlySet<string>;
  readonly processes: ReadonlySet<string>;
  readonly files: ReadonlySet<string>;
}
const { operationsUsed } = (await import(join(ROOT, 'scripts/aws-table.mjs'))) as {
  operationsUsed(): readonly Operation[];
};

/** Long names: what must fit for everybody. */
const LONG = {
  Model: 'm'.repeat(40),
  EndpointInArn: 'e'.repeat(63),
  PackageGroup: 'g'.repeat(63),
  Pipeline: 'p'.repeat(63),
  ModelRoleArn: `arn:aws:iam::111122223333:role/${'r'.repeat(64)}`,
  DataBucket: 'd'.repeat(63),
  TrainingRoleArn: `arn:aws:iam::111122223333:role/${'t'.repeat(64)}`,
  StagingEndpointInArn: 's'.repeat(63),
  MonitorRoleArn: `arn:aws:iam::111122223333:role/${'o'.repeat(64)}`,
};
const MODEL = {
  ...LONG,
  StorageBucket: 's'.repeat(63),
  TopicArn: `arn:aws:sns:us-east-1:111122223333:${'t'.repeat(40)}`,
  EventsQueueArn: `arn:aws:sqs:us-east-1:111122223333:${'q'.repeat(40)}`,
  EventBusArn: `arn:aws:events:us-east-1:111122223333:event-bus/${'b'.repeat(40)}`,
};
const STAGES = ['read', 'train', 'approve', 'deploy'] as const;
const stageRoles = STAGES.map(
  (stage) => `arn:aws:iam::444455556666:role/modelkeeper-${LONG.Model}-${stage}`,
).join(',');

const list = (value: string | readonly string[] | undefined): readonly string[] =>
  value === undefined ? [] : [value].flat();
const statementsOf = (resource: Resource | undefined): readonly Statement[] =>
  (resource?.Properties['PolicyDocument'] as PolicyDocument | undefined)?.Statement ?? [];
const inlineOf = (role: Resource | undefined): readonly Statement[] =>
  (
    (role?.Properties['Policies'] ?? []) as readonly { readonly PolicyDocument: PolicyDocument }[]
  ).flatMap(({ PolicyDocument }) => PolicyDocument.Statement);
const actionsOf = (statements: readonly Statement[]): ReadonlySet<string> =>
  new Set(statements.flatMap(({ Effect, Action }) => (Effect === 'Allow' ? list(Action) : [])));
const trustOf = (stack: Stack, role: string): readonly Statement[] =>
  (stack.resources[role]?.Properties['AssumeRolePolicyDocument'] as PolicyDocument).Statement;

const worker = operationsUsed().filter(
  ({ permission, processes }) => permission !== '' && processes.has('worker'),
);
/** Under the identity of the worker, whatever roles there are. */
const OWN = new Set([
  'sns:Publish',
  'events:PutEvents',
  'events:DescribeEventBus',
  'sts:AssumeRole',
  's3:PutObject',
]);

describe('the policies of a model', () => {
  it('fit into what IAM takes of a managed policy, with the longest names', () => {
    const { resources } = stackOf('access.yaml', { ...MODEL, StageRoleArns: stageRoles });
    const sizes = Object.entries(resources).map(
      ([name, { Properties }]) =>
        [name, JSON.stringify(Properties['PolicyDocument']).length] as const,
    );
    expect(sizes.length).toBeGreaterThan(5);
    expect(sizes.filter(([, size]) => size > 6_144)).toEqual([]);
  });

  it('let the worker do everything that it sends', () => {
    const { resources } = stackOf('access.yaml', { ...MODEL, StageRoleArns: stageRoles });
    const allowed = actionsOf(
      ['WorkerAccess', 'WorkerReleases', 'WorkerWatch', 'WorkerMonitors'].flatMap((name) =>
        statementsOf(resources[name]),
      ),
    );
    expect(worker.filter(({ permission }) => !allowed.has(permission))).toEqual([]);
  });

  it('let the bridge do everything that it sends', () => {
    const allowed = actionsOf(
      statementsOf(stackOf('access.yaml', MODEL).resources['BridgeAccess']),
    );
    const needed = operationsUsed().filter(({ processes }) => processes.has('bridge'));
    expect(needed.length).toBeGreaterThan(1);
    expect(needed.filter(({ permission }) => !allowed.has(permission))).toEqual([]);
  });

  it('leave a worker whose stages all have roles nothing but its own', () => {
    const { resources, outputs } = stackOf('access.yaml', {
      ...MODEL,
      StageRoleArns: stageRoles,
      EveryStageHasARole: 'true',
      WorkerRole: 'modelkeeper-worker',
    });
    const attached = Object.values(resources).filter(({ Properties }) =>
      list(Properties['Roles'] as readonly string[] | undefined).includes('modelkeeper-worker'),
    );
    const allowed = actionsOf(attached.flatMap(statementsOf));
    expect([...allowed].sort()).toEqual([...OWN, 's3:GetObject', 's3:ListBucket'].sort());
    expect(outputs).not.toHaveProperty('WorkerWatchPolicyArn');
  });

  it.each([
    ['WorkerRole', ['WorkerAccess', 'WorkerReleases', 'WorkerWatch', 'WorkerMonitors']],
    ['BridgeRole', ['BridgeAccess']],
    ['ReaderRole', ['ReaderAccess']],
    ['ApproverRole', ['ApproverAccess']],
    ['TrainingRole', ['TrainingGuard']],
  ])('are attached to the role that %s names, and to no other', (parameter, policies) => {
    const { resources } = stackOf('access.yaml', { ...MODEL, [parameter]: 'some-role' });
    const attached = Object.entries(resources).filter(
      ([, { Properties }]) => Properties['Roles'] !== undefined,
    );
    expect(attached.map(([name]) => name)).toEqual(policies);
    for (const [, { Properties }] of attached) expect(Properties['Roles']).toEqual(['some-role']);
  });

  it('let an approver approve and reject, and set no other status', () => {
    const { resources } = stackOf('access.yaml', MODEL);
    const statements = statementsOf(resources['ApproverAccess']);
    const writing = statements.filter(({ Action }) =>
      list(Action).some((action) => !/:(Describe|List|Get)/.test(action)),
    );
    expect(writing).toMatchObject([
      {
        Effect: 'Allow',
        Action: 'sagemaker:UpdateModelPackage',
        Condition: { StringEquals: { 'sagemaker:ModelApprovalStatus': ['Approved', 'Rejected'] } },
      },
    ]);
  });
});

describe('the roles of the stages', () => {
  const stack = stackOf('stages.yaml', {
    ...LONG,
    WorkerRoleArn: `arn:aws:iam::111122223333:role/${'w'.repeat(64)}`,
    ExternalId: 'x'.repeat(100),
  });
  const roleOf = (stage: string): string => `${stage.replace(/^./, (a) => a.toUpperCase())}Role`;
  const allowedTo = (stage: string): ReadonlySet<string> =>
    actionsOf(inlineOf(stack.resources[roleOf(stage)]));

  it('fit into what IAM takes of a role', () => {
    for (const { Properties } of Object.values(stack.resources)) {
      expect(String(Properties['RoleName']).length).toBeLessThanOrEqual(64);
      expect(JSON.stringify(Properties['AssumeRolePolicyDocument']).length).toBeLessThan(2_048);
      expect(JSON.stringify(Properties['Policies']).length).toBeLessThan(10_240);
    }
    expect(Object.keys(stack.resources)).toEqual(STAGES.map(roleOf));
  });

  it('together let the worker do everything that is not its own', () => {
    const all = new Set(STAGES.flatMap((stage) => [...allowedTo(stage)]));
    const needed = worker.filter(({ permission }) => !OWN.has(permission));
    expect(needed.filter(({ permission }) => !all.has(permission))).toEqual([]);
  });

  it.each(STAGES)('let %s do what only its own files send', (stage) => {
    const allowed = allowedTo(stage);
    const needed = worker.filter(
      ({ stages, files, permission }) =>
        stages.size === 1 && stages.has(stage) && files.size === 1 && !OWN.has(permission),
    );
    expect(needed.filter(({ permission }) => !allowed.has(permission))).toEqual([]);
  });

  it('give only one of them the endpoint, and only one of them the approval', () => {
    const who = (action: string): readonly string[] =>
      STAGES.filter((stage) => allowedTo(stage).has(action));
    expect(who('sagemaker:UpdateEndpoint')).toEqual(['deploy']);
    expect(who('sagemaker:CreateModel')).toEqual(['deploy']);
    expect(who('sagemaker:StartPipelineExecution')).toEqual(['train']);
    expect(who('sagemaker:UpdateModelPackage')).toEqual(['train', 'approve']);
    const training = inlineOf(stack.resources['TrainRole']).filter(({ Action }) =>
      list(Action).includes('sagemaker:UpdateModelPackage'),
    );
    expect(training.map(({ Condition }) => Condition)).toEqual([
      { StringEqualsIfExists: { 'sagemaker:ModelApprovalStatus': 'PendingManualApproval' } },
    ]);
  });

  it.each(STAGES)('let the worker assume %s under the names that its sessions have', (stage) => {
    const [trust] = trustOf(stack, roleOf(stage));
    const names = list(trust?.Condition?.['StringLike']?.['sts:RoleSessionName']);
    expect(names).toEqual([
      `keeper-${LONG.Model}`,
      `release-${LONG.Model}-*`,
      ...(stage === 'read' ? ['modelkeeper-watch'] : []),
    ]);
    expect(trust?.Condition?.['StringEquals']).toEqual({ 'sts:ExternalId': 'x'.repeat(100) });
  });

  it('ask for no external id where none was given', () => {
    const plain = stackOf('stages.yaml', {
      ...LONG,
      WorkerRoleArn: 'arn:aws:iam::111122223333:role/modelkeeper-worker',
    });
    expect(trustOf(plain, 'ReadRole')[0]?.Condition).not.toHaveProperty('StringEquals');
  });
});

describe('the roles of the processes', () => {
  it('are taken on by ECS tasks of the account, unless told otherwise', () => {
    const stack = stackOf('roles.yaml');
    expect(Object.keys(stack.resources)).toEqual([
      'WorkerRole',
      'BridgeRole',
      'ReaderRole',
      'DoctorAccess',
    ]);
    for (const role of ['WorkerRole', 'BridgeRole', 'ReaderRole'])
      expect(trustOf(stack, role)).toEqual([
        {
          Effect: 'Allow',
          Principal: { Service: 'ecs-tasks.amazonaws.com' },
          Action: 'sts:AssumeRole',
          Condition: { StringEquals: { 'aws:SourceAccount': '111122223333' } },
        },
      ]);
  });

  it('have instance profiles on EC2, and let EKS tag its sessions', () => {
    const ec2 = stackOf('roles.yaml', { RunsOn: 'ec2.amazonaws.com' });
    expect(Object.keys(ec2.resources)).toContain('WorkerProfile');
    const pods = stackOf('roles.yaml', { RunsOn: 'pods.eks.amazonaws.com' });
    expect(trustOf(pods, 'WorkerRole')[0]?.Action).toEqual(['sts:AssumeRole', 'sts:TagSession']);
  });

  it('are taken on by those who are named, each role by its own', () => {
    const arn = (name: string): string => `arn:aws:iam::111122223333:role/${name}`;
    const stack = stackOf('roles.yaml', {
      RunsOn: 'none',
      ProcessPrincipals: arn('host'),
      ReaderPrincipals: `${arn('ada')},${arn('grace')}`,
      ApproverPrincipals: arn('grace'),
    });
    const principals = (role: string): readonly string[] =>
      trustOf(stack, role).flatMap(({ Principal }) => list(Principal?.['AWS']));
    expect(principals('WorkerRole')).toEqual([arn('host')]);
    expect(principals('ReaderRole')).toEqual([arn('host'), arn('ada'), arn('grace')]);
    expect(principals('ApproverRole')).toEqual([arn('grace')]);
  });

  it('are not made where nobody could take them on', () => {
    const stack = stackOf('roles.yaml', { RunsOn: 'none' });
    expect(Object.keys(stack.resources)).toEqual(['DoctorAccess']);
    expect(Object.keys(stack.outputs)).toEqual(['DoctorPolicyArn']);
  });

  it('let people at the command line do everything that it sends', () => {
    const allowed = new Set([
      ...actionsOf(statementsOf(stackOf('roles.yaml').resources['DoctorAccess'])),
      ...actionsOf(statementsOf(stackOf('access.yaml', MODEL).resources['ReaderAccess'])),
    ]);
    const needed = operationsUsed().filter(
      ({ permission, processes }) => permission !== '' && processes.has('console, command line'),
    );
    // The doctor tries whether it may assume the roles of stages; readers are not to have them.
    const lacking = needed.filter(({ permission }) => !allowed.has(permission));
    expect(lacking.map(({ permission }) => permission)).toEqual(['sts:AssumeRole']);
  });
});

describe('every template', () => {
  it.each(readdirSync(join(ROOT, 'infra')).filter((name) => name.endsWith('.yaml')))(
    '%s describes its parameters and outputs',
    (file) => {
      const { Parameters = {}, Outputs = {} } = readTemplate(file);
      const silent = Object.entries({ ...Parameters, ...Outputs }).filter(
        ([, one]) => !('Description' in one),
      );
      expect(silent).toEqual([]);
    },
  );
});
