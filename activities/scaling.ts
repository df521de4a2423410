import {
  DeleteScalingPolicyCommand,
  DeregisterScalableTargetCommand,
  DescribeScalableTargetsCommand,
  DescribeScalingPoliciesCommand,
  PutScalingPolicyCommand,
  RegisterScalableTargetCommand,
  type ApplicationAutoScalingClient,
  type ScalableTarget,
  type ScalingPolicy,
} from '@aws-sdk/client-application-auto-scaling';

import { durationMs } from '../domain/duration.js';
import { aws, may } from './aws-failure.js';
import type { ControlActivities, ModelRef } from './contract.js';
import type { ControlDeps } from './deps.js';
import { clientsFor } from './stage-clients.js';

const DIMENSION = 'sagemaker:variant:DesiredInstanceCount';
const METRIC = 'SageMakerVariantInvocationsPerInstance';

const resourceId = (ref: ModelRef): string => {
  const { name, variant } = ref.policy.spec.endpoint;
  return `endpoint/${name}/variant/${variant}`;
};
const policyName = (model: string): string => `modelkeeper-${model}-invocations`;

type ScalingActivities = Pick<
  ControlActivities,
  'applyScaling' | 'removeScaling' | 'readScaling' | 'suspendScaling' | 'resumeScaling'
>;

export function createScalingActivities(deps: ControlDeps): ScalingActivities {
  const clients = clientsFor(deps, 'deploy');

  const readTarget = async (ref: ModelRef): Promise<ScalableTarget | undefined> => {
    const { autoscaling } = clients(ref);
    const answer = await aws(
      may('application-autoscaling:DescribeScalableTargets', resourceId(ref)),
      (options) =>
        autoscaling.send(
          new DescribeScalableTargetsCommand({
            ServiceNamespace: 'sagemaker',
            ResourceIds: [resourceId(ref)],
            ScalableDimension: DIMENSION,
          }),
          options,
        ),
    );
    return answer.ScalableTargets?.[0];
  };

  const readPolicies = async (ref: ModelRef): Promise<readonly ScalingPolicy[]> => {
    const { autoscaling } = clients(ref);
    const answer = await aws(
      may('application-autoscaling:DescribeScalingPolicies', resourceId(ref)),
      (options) =>
        autoscaling.send(
          new DescribeScalingPoliciesCommand({
            ServiceNamespace: 'sagemaker',
            ResourceId: resourceId(ref),
            ScalableDimension: DIMENSION,
          }),
          options,
        ),
    );
    return answer.ScalingPolicies ?? [];
  };

  const setSuspended = async (ref: ModelRef, suspended: boolean): Promise<void> => {
    await aws(may('application-autoscaling:RegisterScalableTarget', resourceId(ref)), (options) =>
      clients(ref).autoscaling.send(
        new RegisterScalableTargetCommand({
          ServiceNamespace: 'sagemaker',
          ResourceId: resourceId(ref),
          ScalableDimension: DIMENSION,
          SuspendedState: {
            DynamicScalingInSuspended: suspended,
            DynamicScalingOutSuspended: suspended,
            ScheduledScalingSuspended: suspended,
          },
        }),
        options,
      ),
    );
  };

  return {
    /** Compares first and then upserts by name: a second run changes nothing. */
    async applyScaling(ref) {
      const { scaling } = ref.policy.spec;
      if (scaling === undefined) return { changed: [] };
      const { autoscaling } = clients(ref);
      const { min, max } = scaling.instances;
      const changed: string[] = [];
      const target = await readTarget(ref);
      if (target?.MinCapacity !== min || target.MaxCapacity !== max) {
        await aws(
          may('application-autoscaling:RegisterScalableTarget', resourceId(ref)),
          (options) =>
            autoscaling.send(
              new RegisterScalableTargetCommand({
                ServiceNamespace: 'sagemaker',
                ResourceId: resourceId(ref),
                ScalableDimension: DIMENSION,
                MinCapacity: min,
                MaxCapacity: max,
              }),
              options,
            ),
        );
        changed.push(`${min} to ${max} instances`);
      }
      const ours = (await readPolicies(ref)).find(
        (policy) => policy.PolicyName === policyName(ref.model),
      );
      if (scaling.target === undefined) {
        if (ours !== undefined) {
          await deletePolicy(autoscaling, ref);
          changed.push('no target any more');
        }
        return { changed };
      }
      const wanted = {
        TargetValue: scaling.target.value,
        ScaleOutCooldown: Math.ceil(durationMs(scaling.target.scaleOutCooldown) / 1_000),
        ScaleInCooldown: Math.ceil(durationMs(scaling.target.scaleInCooldown) / 1_000),
      };
      const found = ours?.TargetTrackingScalingPolicyConfiguration;
      const same =
        found?.TargetValue === wanted.TargetValue &&
        found.ScaleOutCooldown === wanted.ScaleOutCooldown &&
        found.ScaleInCooldown === wanted.ScaleInCooldown;
      if (!same) {
        await aws(may('application-autoscaling:PutScalingPolicy', resourceId(ref)), (options) =>
          autoscaling.send(
            new PutScalingPolicyCommand({
              PolicyName: policyName(ref.model),
              ServiceNamespace: 'sagemaker',
              ResourceId: resourceId(ref),
              ScalableDimension: DIMENSION,
              PolicyType: 'TargetTrackingScaling',
              TargetTrackingScalingPolicyConfiguration: {
                ...wanted,
                PredefinedMetricSpecification: { PredefinedMetricType: METRIC },
              },
            }),
            options,
          ),
        );
        changed.push(`target of ${wanted.TargetValue} invocations per instance and minute`);
      }
      return { changed };
    },

    /** Removes our policy, and the target when nobody else's policy is on it. What is gone is no error. */
    async removeScaling(ref) {
      if (ref.policy.spec.scaling === undefined) return;
      const { autoscaling } = clients(ref);
      const policies = await readPolicies(ref);
      const others = policies.filter((policy) => policy.PolicyName !== policyName(ref.model));
      if (others.length < policies.length) await deletePolicy(autoscaling, ref);
      if (others.length > 0) return;
      await aws(
        may('application-autoscaling:DeregisterScalableTarget', resourceId(ref)),
        (options) =>
          autoscaling.send(
            new DeregisterScalableTargetCommand({
              ServiceNamespace: 'sagemaker',
              ResourceId: resourceId(ref),
              ScalableDimension: DIMENSION,
            }),
            options,
          ),
        (error) => (error.name === 'ObjectNotFoundException' ? 'absent' : undefined),
      );
    },

    /** Reads only. Any of the three kinds of suspension counts: it is somebody's, and stays. */
    async readScaling(ref) {
      const target = await readTarget(ref);
      const state = target?.SuspendedState;
      return {
        found: target !== undefined,
        suspended:
          state?.DynamicScalingInSuspended === true ||
          state?.DynamicScalingOutSuspended === true ||
          state?.ScheduledScalingSuspended === true,
      };
    },

    /** Suspends all scaling of the variant; policies survive. The same state twice is the same state. */
    async suspendScaling(ref) {
      if ((await readTarget(ref)) !== undefined) await setSuspended(ref, true);
    },

    /** Lifts all suspensions of the variant: for the caller who knows that they are ours. Twice is the same as once. */
    async resumeScaling(ref) {
      if ((await readTarget(ref)) !== undefined) await setSuspended(ref, false);
    },
  };
}

async function deletePolicy(
  autoscaling: ApplicationAutoScalingClient,
  ref: ModelRef,
): Promise<void> {
  await aws(
    may('application-autoscaling:DeleteScalingPolicy', resourceId(ref)),
    (options) =>
      autoscaling.send(
        new DeleteScalingPolicyCommand({
          PolicyName: policyName(ref.model),
          ServiceNamespace: 'sagemaker',
          ResourceId: resourceId(ref),
          ScalableDimension: DIMENSION,
        }),
        options,
      ),
    (error) => (error.name === 'ObjectNotFoundException' ? 'absent' : undefined),
  );
}
