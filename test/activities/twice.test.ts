import {
  DescribeScalableTargetsCommand,
  DescribeScheduledActionsCommand,
  DescribeScalingPoliciesCommand,
  PutScalingPolicyCommand,
  RegisterScalableTargetCommand,
} from '@aws-sdk/client-application-auto-scaling';
import {
  DeleteAlarmsCommand,
  DescribeAlarmsCommand,
  ListTagsForResourceCommand,
  PutMetricAlarmCommand,
  TagResourceCommand,
} from '@aws-sdk/client-cloudwatch';
import {
  AddTagsCommand,
  DeleteTagsCommand,
  DescribeEndpointCommand,
  DescribeEndpointConfigCommand,
  DescribeModelCommand,
  DescribeModelPackageCommand,
  ListTagsCommand,
  UpdateModelPackageCommand,
} from '@aws-sdk/client-sagemaker';
import { PublishCommand } from '@aws-sdk/client-sns';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import { describe, expect, it } from 'vitest';

import type { NoticeMessage, StartRelease } from '../../activities/contract.js';
import type { ControlDeps } from '../../activities/deps.js';
import { createControlActivities } from '../../activities/index.js';
import {
  attemptOf,
  awsError,
  depsOver,
  fakeAws,
  NOON,
  on,
  policyWith,
  ref,
  run,
} from './support.js';

function account(
  tags: [string, string][] = [],
  variant: { ModelName?: string } = { ModelName: 'm' },
) {
  const known = new Map(tags);
  const alarms = new Map<string, object>();
  return {
    tags: known,
    alarms,
    aws: fakeAws(
      on(DescribeEndpointCommand, () => ({
        EndpointName: 'flights-live',
        EndpointArn: 'arn',
        EndpointStatus: 'InService' as const,
        EndpointConfigName: 'flights-1',
      })),
      on(DescribeEndpointConfigCommand, () => ({
        ProductionVariants: [
          { VariantName: 'AllTraffic', InstanceType: 'ml.c5.xlarge' as const, ...variant },
        ],
      })),
      on(DescribeModelCommand, () => ({})),
      on(ListTagsCommand, () => ({ Tags: [...known].map(([Key, Value]) => ({ Key, Value })) })),
      on(AddTagsCommand, ({ Tags = [] }) => {
        for (const tag of Tags) known.set(tag.Key ?? '', tag.Value ?? '');
        return {};
      }),
      on(DeleteTagsCommand, ({ TagKeys = [] }) => {
        for (const key of TagKeys) known.delete(key);
        return {};
      }),
      on(DescribeAlarmsCommand, ({ AlarmNames, AlarmNamePrefix = '' }) => ({
        MetricAlarms: [...alarms]
          .filter(([name]) => AlarmNames?.includes(name) ?? name.startsWith(AlarmNamePrefix))
          .map(([name, alarm]) => ({ ...alarm, AlarmArn: name })),
      })),
      on(PutMetricAlarmCommand, (input) => {
        alarms.set(input.AlarmName ?? '', input);
        return {};
      }),
      on(ListTagsForResourceCommand, ({ ResourceARN = '' }) => alarms.get(ResourceARN) ?? {}),
      on(TagResourceCommand, () => ({})),
      on(DeleteAlarmsCommand, ({ AlarmNames = [] }) => {
        for (const name of AlarmNames) alarms.delete(name);
        return {};
      }),
    ),
  };
}

describe('claimEndpoint', () => {
  it('writes the tag once, however often it runs', async () => {
    const { aws } = account();
    const { claimEndpoint } = createControlActivities(depsOver(aws));
    expect(await run(claimEndpoint, [ref])).toMatchObject({ kind: 'claimed' });
    expect(await run(claimEndpoint, [ref], { attempt: 2 })).toMatchObject({ kind: 'claimed' });
    expect(aws.inputs(AddTagsCommand)).toHaveLength(1);
  });
  it('refuses what another keeper keeps, and names it', async () => {
    const { aws } = account([['ModelKeeper:Keeper', 'keeper/other']]);
    expect(await run(createControlActivities(depsOver(aws)).claimEndpoint, [ref])).toMatchObject({
      kind: 'refused',
      reason: expect.stringContaining('kept by keeper/other') as string,
    });
  });
  it('refuses inference components and unknown variants with what to change', async () => {
    const components = account([], {});
    const claim = createControlActivities(depsOver(components.aws)).claimEndpoint;
    expect(await run(claim, [ref])).toMatchObject({
      reason: expect.stringContaining('inference components') as string,
    });
    const endpoint = { name: 'flights-live', variant: 'Blue', region: 'us-east-1' };
    const other = { ...ref, policy: policyWith({ endpoint }) };
    const { claimEndpoint } = createControlActivities(depsOver(account().aws));
    expect(await run(claimEndpoint, [other])).toMatchObject({
      reason: expect.stringContaining('it has AllTraffic') as string,
    });
  });
  it('is undone for our own tag only, twice as well as once', async () => {
    const ours = account([['modelkeeper:keeper', 'keeper/flights']]);
    const { unclaimEndpoint } = createControlActivities(depsOver(ours.aws));
    await run(unclaimEndpoint, [ref]);
    await run(unclaimEndpoint, [ref], { attempt: 2 });
    expect(ours.aws.inputs(DeleteTagsCommand)).toHaveLength(1);
    const theirs = account([['modelkeeper:keeper', 'keeper/other']]);
    await run(createControlActivities(depsOver(theirs.aws)).unclaimEndpoint, [ref]);
    expect(theirs.tags.size).toBe(1);
  });
});

describe('ensureAlarms', () => {
  it('makes seven, finds them right the second time, and repairs a changed one', async () => {
    const { aws, alarms } = account();
    const { ensureAlarms } = createControlActivities(depsOver(aws));
    const first = await run(ensureAlarms, [ref]);
    expect(first.alarms['health']).toHaveLength(7);
    expect((await run(ensureAlarms, [ref], { attempt: 2 })).repaired).toEqual([]);
    const cpu = 'modelkeeper-flights-health-cpu';
    expect(alarms.get(cpu)).toMatchObject({ Threshold: 360 });
    alarms.set(cpu, { ...alarms.get(cpu), Threshold: 80 });
    expect((await run(ensureAlarms, [ref])).repaired).toEqual([
      `put ${cpu} right (threshold was 80, is 360)`,
    ]);
  });
  it("never touches another model's alarms, though the prefix is the same", async () => {
    const { aws, alarms } = account();
    const foreign = 'modelkeeper-flights-east-health-cpu';
    alarms.set(foreign, {
      AlarmName: foreign,
      Tags: [{ Key: 'modelkeeper:model', Value: 'flights-east' }],
    });
    const { ensureAlarms, removeAlarms } = createControlActivities(depsOver(aws));
    await run(ensureAlarms, [ref]);
    await run(removeAlarms, [ref]);
    await run(removeAlarms, [ref], { attempt: 2 });
    expect([...alarms.keys()]).toEqual([foreign]);
  });
  it('leaves an alarm that people made under one of its names as it is, and says so', async () => {
    const { aws, alarms } = account();
    const name = 'modelkeeper-flights-health-latency';
    const theirs = { AlarmName: name, Threshold: 1, AlarmActions: ['arn:aws:sns:::pager'] };
    alarms.set(name, theirs);
    const { ensureAlarms, removeAlarms } = createControlActivities(depsOver(aws));
    const { alarms: managed, repaired } = await run(ensureAlarms, [ref]);
    expect(managed['health']).toContain(name);
    expect(repaired).toContainEqual(
      `left ${name} as it is: it is somebody else’s, and not handed over by the tag modelkeeper:model = flights`,
    );
    await run(removeAlarms, [ref]);
    expect([...alarms.values()]).toEqual([theirs]);
  });
  it('leaves the alarm of another model whose names run into its own', async () => {
    const { aws, alarms } = account();
    const name = 'modelkeeper-flights-health-latency';
    const theirs = {
      AlarmName: name,
      Tags: [{ Key: 'modelkeeper:model', Value: 'flights-health' }],
    };
    alarms.set(name, theirs);
    const { repaired } = await run(createControlActivities(depsOver(aws)).ensureAlarms, [ref]);
    expect(repaired.join()).toContain(`left ${name} as it is: it is of the model flights-health`);
    expect(alarms.get(name)).toEqual(theirs);
  });
  it('hangs our tag on one that lost it and is right otherwise', async () => {
    const { aws, alarms } = account();
    const { ensureAlarms } = createControlActivities(depsOver(aws));
    await run(ensureAlarms, [ref]);
    const name = 'modelkeeper-flights-health-latency';
    alarms.set(name, { ...alarms.get(name), Tags: [] });
    expect((await run(ensureAlarms, [ref])).repaired).toEqual([
      `put ${name} right (tag modelkeeper:model was none, is flights)`,
    ]);
  });
});

describe('applyScaling', () => {
  it('changes what differs and nothing the second time', async () => {
    let target: object | undefined;
    let policy: object | undefined;
    const aws = fakeAws(
      on(DescribeEndpointCommand, () => ({ EndpointConfigName: 'flights-6' })),
      on(DescribeEndpointConfigCommand, () => ({ ProductionVariants: [] })),
      on(DescribeScheduledActionsCommand, () => ({ ScheduledActions: [] })),
      on(DescribeAlarmsCommand, () => ({ MetricAlarms: [] })),
      on(DescribeScalableTargetsCommand, () => ({
        ScalableTargets: target === undefined ? [] : [target as never],
      })),
      on(DescribeScalingPoliciesCommand, () => ({
        ScalingPolicies: policy === undefined ? [] : [policy as never],
      })),
      on(RegisterScalableTargetCommand, (input) => {
        target = input;
        return {};
      }),
      on(PutScalingPolicyCommand, (input) => {
        policy = input;
        return {};
      }),
    );
    const { applyScaling } = createControlActivities(depsOver(aws));
    const scaling = {
      instances: { min: 2, max: 4 },
      target: { metric: 'InvocationsPerInstance' as const, value: 700 },
    };
    const scaled = { ...ref, policy: policyWith({ scaling }) };
    expect((await run(applyScaling, [scaled])).changed).toHaveLength(2);
    expect((await run(applyScaling, [scaled], { attempt: 2 })).changed).toEqual([]);
  });
});

describe('setApprovalStatus', () => {
  it('writes once; the same wish after a change of somebody else is a new call', async () => {
    let found = { status: 'PendingManualApproval', description: '', atMs: 1 };
    const aws = fakeAws(
      on(DescribeModelPackageCommand, () => ({
        ModelApprovalStatus: found.status as 'Approved',
        ApprovalDescription: found.description,
        LastModifiedTime: new Date(found.atMs),
      })),
      on(UpdateModelPackageCommand, (input) => {
        found = {
          status: input.ModelApprovalStatus ?? '',
          description: input.ApprovalDescription ?? '',
          atMs: found.atMs + 1,
        };
        return {};
      }),
    );
    const { setApprovalStatus } = createControlActivities(depsOver(aws));
    const wish = {
      ...ref,
      packageArn: 'arn:p/1',
      status: 'Approved' as const,
      description: 'by ada',
    };
    await run(setApprovalStatus, [wish]);
    await run(setApprovalStatus, [wish], { attempt: 2 });
    found = { ...found, status: 'Rejected', atMs: 9 };
    await run(setApprovalStatus, [wish]);
    const tokens = aws.inputs(UpdateModelPackageCommand).map((input) => input.ClientToken);
    expect(new Set(tokens).size).toBe(2);
    for (const token of tokens) expect(token).toMatch(/^[0-9a-f-]{36}$/);
  });
});

describe('notify', () => {
  const notice: NoticeMessage = {
    ...ref,
    notice: 'approval',
    dedupeKey: 'release/flights/3/request/1',
    subject: 'flights-3 waits\nfor your approval — today',
    text: 'AUC 0.65',
    severity: 'info',
    consolePath: '/models/flights/releases/3/approve',
  };
  const world = () => fakeAws(on(PublishCommand, () => ({})));

  it('sends the link and the key, in the text and in the attributes', async () => {
    const aws = world();
    expect(await run(createControlActivities(depsOver(aws)).notify, [notice])).toMatchObject({
      kind: 'sent',
    });
    const [sent] = aws.inputs(PublishCommand);
    expect(JSON.parse(sent?.Message ?? '')).toMatchObject({
      email:
        'AUC 0.65\n\nhttps://models.example.com/models/flights/releases/3/approve\n\n[release/flights/3/request/1]',
      sms: 'flights-3 waits for your approval - today: AUC 0.65 https://models.example.com/models/flights/releases/3/approve',
    });
    expect(sent).toMatchObject({
      Subject: 'flights-3 waits for your approval today',
      MessageStructure: 'json',
      MessageAttributes: {
        model: { StringValue: 'flights' },
        event: { StringValue: 'approval' },
        severity: { StringValue: 'info' },
        team: { StringValue: 'operations' },
        dedupeKey: { StringValue: 'release/flights/3/request/1' },
      },
    });
  });
  it('groups by model and drops repeats by the key on a FIFO topic', async () => {
    const aws = world();
    const { notify } = createControlActivities(depsOver(aws));
    const topic = 'arn:aws:sns:us-east-1:111122223333:ml-alerts.fifo';
    const idOf = async (dedupeKey: string) => {
      await run(notify, [{ ...notice, topic, dedupeKey }]);
      const sent = aws.inputs(PublishCommand).at(-1);
      expect(sent).toMatchObject({ MessageGroupId: 'flights' });
      return sent?.MessageDeduplicationId;
    };
    expect(await idOf('release/flights/3/approval/1')).toBe('release/flights/3/approval/1');
    // What SNS does not take, too long or of other letters, is shortened; two keys never become one.
    const long = 'x'.repeat(200);
    const unlike = new Set<string | undefined>();
    for (const key of [`keeper/a/${long}`, `keeper/b/${long}`, 'größe', 'grüße'])
      unlike.add(await idOf(key));
    expect(unlike.size).toBe(4);
    for (const id of unlike) expect(id).toMatch(/^[\x21-\x7e]{1,128}$/);
    expect(unlike).toContain(await idOf(`keeper/a/${long}`));
  });
  it('of several kinds told as one passes a filter on any of them', async () => {
    const aws = world();
    const post = { ...notice, key: 'k', atMs: 1 };
    const posts = [
      { ...post, notice: 'drift' as const },
      { ...post, notice: 'no-data' as const },
    ];
    await run(createControlActivities(depsOver(aws)).notify, [{ ...notice, posts }]);
    expect(aws.inputs(PublishCommand)[0]?.MessageAttributes?.['event']).toEqual({
      DataType: 'String.Array',
      StringValue: '["drift","no-data"]',
    });
  });
  describe('in quiet hours', () => {
    const policy = policyWith({
      notify: {
        topic: 'arn:aws:sns:us-east-1:111122223333:ml-alerts',
        quietHours: { from: '11:00', to: '13:00', timeZone: 'UTC' },
      },
    });
    it('is not sent when it may wait, and its sender hears until when', async () => {
      const aws = world();
      const { notify } = createControlActivities(depsOver(aws));
      expect(await run(notify, [{ ...notice, policy, mayWait: true }])).toEqual({
        kind: 'quiet',
        untilMs: NOON + 3_600_000,
      });
      expect(aws.names()).toEqual([]);
    });
    it('is sent when it may not', async () => {
      const { notify } = createControlActivities(depsOver(world()));
      expect(await run(notify, [{ ...notice, policy }])).toMatchObject({ kind: 'sent' });
    });
  });
  // The workflow hears of failures only: a notice that nobody got must be one.
  it.each([
    'NotFoundException',
    'InvalidParameterException',
    'KMSDisabledException',
    'KMSNotFoundException',
    'KMSInvalidStateException',
  ])('fails for good, and says so, on %s', async (name) => {
    const aws = world();
    aws.failNext(PublishCommand, awsError(name, 'no', 404));
    const { error } = await attemptOf(createControlActivities(depsOver(aws)).notify, [notice]);
    expect(error).toMatchObject({
      nonRetryable: true,
      message: expect.stringMatching(/^arn:aws:sns:.* refused it: /) as string,
    });
  });
  it.each([
    ['AuthorizationErrorException', 403],
    ['KMSAccessDeniedException', 400],
    ['KMSOptInRequired', 403],
  ])(
    'waits two minutes for a permission, which it names, and holds nobody up for longer (%s)',
    async (name, status) => {
      const attemptNumber = async (attempt: number) => {
        const aws = world();
        aws.failNext(PublishCommand, awsError(name, 'no', status));
        const { notify } = createControlActivities(depsOver(aws));
        return (await attemptOf(notify, [notice], { attempt })).error;
      };
      for (const attempt of [1, 5]) {
        expect(await attemptNumber(attempt)).toMatchObject({
          type: 'PermissionMissing',
          nonRetryable: false,
          message: expect.stringMatching(/^sns:Publish on arn:aws:sns:.* is missing/) as string,
        });
      }
      expect(await attemptNumber(6)).toMatchObject({ nonRetryable: true });
    },
  );
  it.each(['Throttling', 'ThrottledException', 'KMSThrottlingException'])(
    'is tried again on %s',
    async (name) => {
      const aws = world();
      aws.failNext(PublishCommand, awsError(name, 'Rate exceeded'));
      const { error } = await attemptOf(createControlActivities(depsOver(aws)).notify, [notice]);
      expect(error).toMatchObject({ type: 'Throttled', nonRetryable: false });
    },
  );
});

describe('startRelease', () => {
  const request = {
    workflowId: 'release/flights/3',
    keeperId: 'keeper/flights',
    triggerKey: 'drift/1',
    input: { model: 'flights', release: 3, trigger: { kind: 'drift', reasons: ['origin moved'] } },
  } as unknown as StartRelease;
  const startOver = (memo: object, running: boolean) => {
    const starts: unknown[] = [];
    const temporal = {
      workflow: {
        start: async (_: string, options: unknown) => {
          starts.push(options);
          if (running)
            throw new WorkflowExecutionAlreadyStartedError(
              'started',
              request.workflowId,
              'release',
            );
        },
        getHandle: () => ({ describe: async () => ({ memo }) }),
      },
    } as unknown as ControlDeps['temporal'];
    return { starts, ...createControlActivities(depsOver(fakeAws(), { temporal })) };
  };
  const ours = { keeper: 'keeper/flights', triggerKey: 'drift/1' };

  it('never starts an id a second time', async () => {
    const { starts, startRelease } = startOver(ours, false);
    expect(await run(startRelease, [request])).toEqual({ kind: 'started' });
    expect(starts[0]).toMatchObject({
      workflowIdConflictPolicy: 'USE_EXISTING',
      workflowIdReusePolicy: 'REJECT_DUPLICATE',
      memo: ours,
    });
  });
  it('knows its own release again, though it has ended', async () => {
    const { startRelease } = startOver(ours, true);
    expect(await run(startRelease, [request], { attempt: 2 })).toEqual({ kind: 'already ours' });
  });
  it("does not take somebody else's release for its own", async () => {
    const { startRelease } = startOver({ ...ours, triggerKey: 'manual/2' }, true);
    expect(await run(startRelease, [request])).toEqual({ kind: 'taken' });
  });
});
