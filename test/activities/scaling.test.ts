import {
  DeleteScalingPolicyCommand,
  DeleteScheduledActionCommand,
  DeregisterScalableTargetCommand,
  DescribeScalableTargetsCommand,
  DescribeScalingPoliciesCommand,
  DescribeScheduledActionsCommand,
  RegisterScalableTargetCommand,
  type RegisterScalableTargetCommandInput,
  type SuspendedState,
} from '@aws-sdk/client-application-auto-scaling';
import { DescribeAlarmsCommand } from '@aws-sdk/client-cloudwatch';
import { DescribeEndpointCommand, ListTagsCommand } from '@aws-sdk/client-sagemaker';
import { describe, expect, it } from 'vitest';

import { createControlActivities } from '../../activities/index.js';
import { activityInWords } from '../../activities/scaling.js';
import { awsError, depsOver, fakeAws, NOON, on, policyWith, ref, run } from './support.js';

const OURS = 'modelkeeper-flights-invocations';
const RESOURCE = 'endpoint/flights-live/variant/AllTraffic';
const scaled = {
  ...ref,
  policy: policyWith({
    scaling: {
      instances: { min: 2, max: 4 },
      target: { metric: 'InvocationsPerInstance', value: 700 },
    },
  }),
};

/** A variant that is a scalable target, unless `target` is `null`, with policies of these names. */
function account(target: SuspendedState | null, policies: readonly string[] = [OURS]) {
  const state = { target, policies: new Set(policies) };
  const gone = () => awsError('ObjectNotFoundException', 'No scalable target found');
  const aws = fakeAws(
    on(DescribeEndpointCommand, () => ({ EndpointArn: 'arn' })),
    on(ListTagsCommand, () => ({ Tags: [] })),
    on(DescribeAlarmsCommand, () => ({ MetricAlarms: [] })),
    on(DescribeScheduledActionsCommand, () => ({ ScheduledActions: [] })),
    on(DescribeScalableTargetsCommand, () => ({
      ScalableTargets:
        state.target === null
          ? []
          : [{ ResourceId: RESOURCE, SuspendedState: state.target } as never],
    })),
    on(DescribeScalingPoliciesCommand, () => ({
      ScalingPolicies: [...state.policies].map((PolicyName) => ({ PolicyName }) as never),
    })),
    on(RegisterScalableTargetCommand, (input: RegisterScalableTargetCommandInput) => {
      state.target = input.SuspendedState ?? {};
      return {};
    }),
    on(DeleteScalingPolicyCommand, ({ PolicyName = '' }) => {
      if (!state.policies.delete(PolicyName)) throw gone();
      return {};
    }),
    on(DeregisterScalableTargetCommand, () => {
      if (state.target === null) throw gone();
      state.target = null;
      return {};
    }),
  );
  return { aws, state, ...createControlActivities(depsOver(aws)) };
}

const all = (suspended: boolean): SuspendedState => ({
  DynamicScalingInSuspended: suspended,
  DynamicScalingOutSuspended: suspended,
  ScheduledScalingSuspended: suspended,
});

describe('readScaling', () => {
  it('finds nothing where the variant is no scalable target', async () => {
    const { readScaling } = account(null);
    expect(await run(readScaling, [ref])).toEqual({ found: false, suspended: false });
  });
  it.each<[SuspendedState, object]>([
    [{}, { suspended: false }],
    [all(false), { suspended: false }],
    [all(true), { suspended: true }],
    [{ DynamicScalingInSuspended: true }, { suspended: true, partly: true }],
    [{ DynamicScalingOutSuspended: true }, { suspended: true, partly: true }],
    [{ ScheduledScalingSuspended: true }, { suspended: true, partly: true }],
  ])('takes any of the three kinds for a suspension: %j', async (target, suspended) => {
    expect(await run(account(target).readScaling, [ref])).toEqual({ found: true, ...suspended });
  });
});

describe('removeScaling', () => {
  it('finds ours on whichever page AWS answers it', async () => {
    const pages = [['a', 'b'], [OURS]];
    const aws = fakeAws(
      on(DescribeEndpointCommand, () => ({ EndpointArn: 'arn' })),
      on(DescribeScalableTargetsCommand, () => ({ ScalableTargets: [] })),
      on(DescribeAlarmsCommand, () => ({ MetricAlarms: [] })),
      on(DescribeScalingPoliciesCommand, ({ NextToken = '0' }) => ({
        ScalingPolicies: (pages[Number(NextToken)] ?? []).map(
          (PolicyName) => ({ PolicyName }) as never,
        ),
        ...(NextToken === '0' ? { NextToken: '1' } : {}),
      })),
      on(DescribeScheduledActionsCommand, ({ NextToken = '0' }) => ({
        ScheduledActions: [
          { ScheduledActionName: NextToken === '0' ? 'theirs' : 'modelkeeper-flights-at-night' },
        ] as never[],
        ...(NextToken === '0' ? { NextToken: '1' } : {}),
      })),
      on(DeleteScheduledActionCommand, () => ({})),
      on(DeleteScalingPolicyCommand, () => ({})),
    );
    const { removeScaling } = createControlActivities(depsOver(aws));
    await run(removeScaling, [scaled]);
    expect(aws.inputs(DeleteScalingPolicyCommand).map((one) => one.PolicyName)).toEqual([OURS]);
    expect(aws.inputs(DeleteScheduledActionCommand).map((one) => one.ScheduledActionName)).toEqual([
      'modelkeeper-flights-at-night',
    ]);
  });
});

describe('suspendScaling and resumeScaling', () => {
  it('suspend all three kinds and lift them, and leave the capacity alone', async () => {
    const { aws, state, suspendScaling, resumeScaling } = account({});
    await run(suspendScaling, [ref]);
    expect(state.target).toEqual(all(true));
    await run(resumeScaling, [ref]);
    expect(state.target).toEqual(all(false));
    for (const input of aws.inputs(RegisterScalableTargetCommand)) {
      expect(input).toMatchObject({ ResourceId: RESOURCE });
      expect(input).not.toHaveProperty('MinCapacity');
      expect(input).not.toHaveProperty('MaxCapacity');
    }
  });
  it('make no scalable target of a variant that is none', async () => {
    const { aws, state, suspendScaling, resumeScaling } = account(null);
    await run(suspendScaling, [ref]);
    await run(resumeScaling, [ref]);
    expect(state.target).toBeNull();
    expect(aws.inputs(RegisterScalableTargetCommand)).toEqual([]);
  });
});

describe('removeScaling', () => {
  it('removes our policy and the target, twice as well as once', async () => {
    const { state, removeScaling } = account({});
    await run(removeScaling, [scaled]);
    await run(removeScaling, [scaled], { attempt: 2 });
    expect([state.target, state.policies.size]).toEqual([null, 0]);
  });
  it("keeps the target while somebody else's policy is on it", async () => {
    const { state, removeScaling } = account({}, [OURS, 'by-hand']);
    await run(removeScaling, [scaled]);
    expect(state.target).toEqual({});
    expect([...state.policies]).toEqual(['by-hand']);
  });
  it('removes what is ours also when the policy scales nothing any more', async () => {
    const { state, removeScaling } = account({});
    await run(removeScaling, [ref]);
    expect([state.target, state.policies.size]).toEqual([null, 0]);
  });
  it('leaves a target on which nothing of ours was when the policy scales nothing', async () => {
    const { state, removeScaling } = account({}, []);
    await run(removeScaling, [ref]);
    expect(state.target).toEqual({});
  });
});

describe('an activity', () => {
  it('says of what a quota refused what helps, and nothing of the kind of what was done', () => {
    const limit =
      "Failed to set desired instance count to 5. Reason: The account-level service limit 'ml.m5.large for endpoint usage' is 4 Instances (Error Code: ResourceLimitExceeded)";
    expect(activityInWords({ ...activity, StatusCode: 'Failed', StatusMessage: limit })).toEqual({
      atMs: NOON,
      status: 'Failed',
      sentence: `${limit}: ask for a higher quota of the instance type for endpoint usage in Service Quotas, or lower scaling.instances.max (monitor alarm out)`,
    });
    const done = 'Successfully set desired instance count to 4.';
    expect(
      activityInWords({ ...activity, StatusCode: 'Successful', StatusMessage: done }).sentence,
    ).toBe(`${done} (monitor alarm out)`);
  });
});

const activity = {
  ActivityId: 'a',
  ServiceNamespace: 'sagemaker' as const,
  ResourceId: 'endpoint/flights-live/variant/AllTraffic',
  ScalableDimension: 'sagemaker:variant:DesiredInstanceCount' as const,
  Description: 'Setting desired instance count.',
  Cause: 'monitor alarm out',
  StartTime: new Date(NOON),
};
