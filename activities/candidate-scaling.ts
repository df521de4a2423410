import {
  DeleteScheduledActionCommand,
  DeregisterScalableTargetCommand,
  DescribeScalableTargetsCommand,
  PutScalingPolicyCommand,
  PutScheduledActionCommand,
  RegisterScalableTargetCommand,
  type ApplicationAutoScalingClient,
  type PutScalingPolicyRequest,
  type ScalableTarget,
  type ScalingPolicy,
  type TargetTrackingScalingPolicyConfiguration,
} from '@aws-sdk/client-application-auto-scaling';
import {
  PutMetricAlarmCommand,
  type MetricDataQuery,
  type PutMetricAlarmInput,
} from '@aws-sdk/client-cloudwatch';

import { releaseName } from '../domain/names.js';
import { candidateScalingAlarm, isOfVariant } from '../domain/scaling.js';
import {
  deleteCandidateScalingAlarms,
  describeAlarms,
  foreignAlarm,
  MODEL_TAG,
  RELEASE_TAG,
  type Described,
} from './alarms.js';
import { aws, may } from './aws-failure.js';
import type { ControlActivities, ModelRef, Split } from './contract.js';
import type { ControlDeps } from './deps.js';
import { describeEndpoint } from './read.js';
import { policiesOf, schedulesOf } from './scaling.js';
import { clientsFor } from './stage-clients.js';
import { splitLook } from './traffic.js';

const DIMENSION = 'sagemaker:variant:DesiredInstanceCount';

/** A variant of an endpoint, by their names. */
interface Variant {
  readonly endpoint: string;
  readonly variant: string;
}

/** How the candidate's fleet scales while champion and candidate share the traffic. */
export function createCandidateScaling(
  deps: ControlDeps,
): Pick<ControlActivities, 'openSplit' | 'closeSplit'> {
  const clients = clientsFor(deps, 'deploy');

  /**
   * Step policies, each called by alarms of its own on the candidate's variant. What no alarm on the champion's variant
   * calls is not taken over.
   *
   * @returns what was not done, in words
   */
  const copySteps = async (
    ref: ModelRef,
    { candidate, release }: { readonly candidate: Variant; readonly release: number },
    policies: readonly ScalingPolicy[],
    champion: Variant,
  ): Promise<readonly string[]> => {
    const { autoscaling, cloudwatch } = clients(ref);
    const callers = policies.flatMap(({ Alarms = [] }) => Alarms.map((one) => one.AlarmName ?? ''));
    const alarms = [...(await describeAlarms(cloudwatch, [...new Set(callers)]))]
      .filter(([, alarm]) => readsVariant(alarm, champion))
      .sort(([a], [b]) => (a < b ? -1 : 1));
    const read = new Set(alarms.map(([name]) => name));
    const isCalled = ({ Alarms = [] }: ScalingPolicy): boolean =>
      Alarms.some(({ AlarmName = '' }) => read.has(AlarmName));
    const copies = new Map<string, string>();
    for (const policy of policies.filter(isCalled)) {
      const arn = await putPolicy(autoscaling, resourceOf(candidate), {
        PolicyName: policy.PolicyName,
        PolicyType: 'StepScaling',
        StepScalingPolicyConfiguration: policy.StepScalingPolicyConfiguration,
      });
      copies.set(policy.PolicyARN ?? '', arn);
    }
    const refused: string[] = [];
    const nameOf = (alarm: string, index: number): string =>
      candidateScalingAlarm(ref.model, release, alarm, index);
    const taken = await describeAlarms(
      cloudwatch,
      alarms.map(([name], index) => nameOf(name, index)),
    );
    for (const [index, [alarmName, alarm]] of alarms.entries()) {
      const name = nameOf(alarmName, index);
      const there = taken.get(name);
      if (
        there !== undefined &&
        (await foreignAlarm(cloudwatch, ref.model, there, false)) !== null
      ) {
        refused.push(
          `the candidate's alarm ${name} is not made: one of that name is somebody else's, and is left as it is`,
        );
        continue;
      }
      await aws(may('cloudwatch:PutMetricAlarm', `alarm:${name}`), (options) =>
        cloudwatch.send(
          new PutMetricAlarmCommand({
            ...onCandidate(alarm, champion, candidate, copies),
            AlarmName: name,
            Tags: [
              { Key: MODEL_TAG, Value: ref.model },
              { Key: RELEASE_TAG, Value: releaseName(ref.model, release) },
            ],
          }),
          options,
        ),
      );
    }
    return [
      ...policies.filter((policy) => !isCalled(policy)).map((one) => notTakenOver(one, champion)),
      ...refused,
    ];
  };

  return {
    /**
     * Registers a scalable target for the candidate with the champion's bounds, policies and schedules, and copies the
     * alarms that call step policies. A schedule moves the candidate's bounds as far as its share asks: its least stays
     * what the share began with.
     *
     * Idempotent: registering and putting are upserts by name. An endpoint that does not scale is left alone.
     */
    async openSplit(request) {
      const { autoscaling, sagemaker } = clients(request);
      const { split, resume, release } = request;
      const { champion, candidate, championResource, resource } = bothOf(request, split);
      const target = await readTarget(autoscaling, championResource);
      if (target === undefined) return { done: [] };
      const { endpoint } = champion;
      const seen = splitLook(endpoint, split, await describeEndpoint(sagemaker, endpoint));
      const served = seen.kind === 'split' ? seen.endpoint.ProductionVariants : undefined;
      const floor =
        served?.find((one) => one.VariantName === candidate.variant)?.DesiredInstanceCount ?? 1;
      const done: string[] = [];
      const bounds = (min: number, max: number) => ({
        MinCapacity: Math.max(1, Math.min(floor, min, max)),
        MaxCapacity: Math.max(floor, max),
      });
      const most = target.MaxCapacity ?? floor;
      await register(autoscaling, resource, bounds(most, most));
      done.push(`${candidate.variant} scales as ${champion.variant} does`);
      const policies = await policiesOf(autoscaling, championResource);
      for (const policy of policies.filter((one) => !isStepping(one))) {
        const tracking = trackingOf(policy, champion, candidate);
        if (tracking === undefined) {
          done.push(notTakenOver(policy, champion));
          continue;
        }
        await putPolicy(autoscaling, resource, {
          PolicyName: policy.PolicyName,
          PolicyType: 'TargetTrackingScaling',
          TargetTrackingScalingPolicyConfiguration: tracking,
        });
      }
      if (release !== undefined) {
        const stepping = policies.filter(isStepping);
        done.push(...(await copySteps(request, { candidate, release }, stepping, champion)));
      }
      for (const action of await schedulesOf(autoscaling, championResource)) {
        const { MinCapacity: min = most, MaxCapacity: max = most } =
          action.ScalableTargetAction ?? {};
        await aws(may('application-autoscaling:PutScheduledAction', resource), (options) =>
          autoscaling.send(
            new PutScheduledActionCommand({
              ServiceNamespace: 'sagemaker',
              ResourceId: resource,
              ScalableDimension: DIMENSION,
              ScheduledActionName: action.ScheduledActionName,
              Schedule: action.Schedule,
              ...(action.Timezone === undefined ? {} : { Timezone: action.Timezone }),
              ScalableTargetAction: bounds(min, max),
            }),
            options,
          ),
        );
      }
      if (resume) {
        // It serves all of the traffic again after a rollback, and its count is the new version's at the end.
        await suspend(autoscaling, championResource, 'in');
        done.push(`${champion.variant} grows but does not shrink while the traffic is shared`);
      }
      return { done };
    },

    /** What is gone is no error, and the same suspension twice is the same: twice is the same as once. */
    async closeSplit(request) {
      const { autoscaling } = clients(request);
      const { model, release, split, suspend: wanted } = request;
      // First of all: an alarm without its policy would call nothing, and look as if it did.
      if (release !== undefined)
        await deleteCandidateScalingAlarms(clients(request).cloudwatch, model, release);
      const { championResource, resource } = bothOf(request, split);
      if ((await readTarget(autoscaling, resource)) !== undefined) {
        for (const { ScheduledActionName } of await schedulesOf(autoscaling, resource)) {
          await aws(
            may('application-autoscaling:DeleteScheduledAction', resource),
            (options) =>
              autoscaling.send(
                new DeleteScheduledActionCommand({
                  ServiceNamespace: 'sagemaker',
                  ResourceId: resource,
                  ScalableDimension: DIMENSION,
                  ScheduledActionName,
                }),
                options,
              ),
            (error) => (error.name === 'ObjectNotFoundException' ? 'absent' : undefined),
          );
        }
        await aws(
          may('application-autoscaling:DeregisterScalableTarget', resource),
          (options) =>
            autoscaling.send(
              new DeregisterScalableTargetCommand({
                ServiceNamespace: 'sagemaker',
                ResourceId: resource,
                ScalableDimension: DIMENSION,
              }),
              options,
            ),
          (error) => (error.name === 'ObjectNotFoundException' ? 'absent' : undefined),
        );
      }
      if (wanted && (await readTarget(autoscaling, championResource)) !== undefined)
        await suspend(autoscaling, championResource, 'all');
    },
  };
}

const resourceOf = ({ endpoint, variant }: Variant): string =>
  `endpoint/${endpoint}/variant/${variant}`;

/** Both variants of a split, and what Auto Scaling calls them. */
function bothOf(ref: ModelRef, split: Split) {
  const endpoint = ref.policy.spec.endpoint.name;
  const champion = { endpoint, variant: split.championVariant };
  const candidate = { endpoint, variant: split.candidateVariant };
  return {
    ...{ champion, candidate },
    championResource: resourceOf(champion),
    resource: resourceOf(candidate),
  };
}

async function readTarget(
  autoscaling: ApplicationAutoScalingClient,
  resource: string,
): Promise<ScalableTarget | undefined> {
  const answer = await aws(
    may('application-autoscaling:DescribeScalableTargets', resource),
    (options) =>
      autoscaling.send(
        new DescribeScalableTargetsCommand({
          ServiceNamespace: 'sagemaker',
          ResourceIds: [resource],
          ScalableDimension: DIMENSION,
        }),
        options,
      ),
  );
  return answer.ScalableTargets?.[0];
}

const isStepping = ({ PolicyType }: ScalingPolicy): boolean => PolicyType === 'StepScaling';

const notTakenOver = ({ PolicyName = '' }: ScalingPolicy, { variant }: Variant): string =>
  `the scaling policy ${PolicyName} is not taken over: what calls it does not tell ${variant} from another variant`;

type Dimension = { Name: string | undefined; Value: string | undefined };

/** The same metric of the other variant; a metric that is of neither stays as it is. */
const moved = (list: readonly Dimension[] = [], from: Variant, to: Variant): Dimension[] =>
  list.map((one) =>
    one.Name === 'VariantName' && isOfVariant(list, from) ? { ...one, Value: to.variant } : one,
  );

/** The champion's tracking on the candidate's own numbers: a metric by its name is told apart by its variant. */
function trackingOf(
  { TargetTrackingScalingPolicyConfiguration: tracking }: ScalingPolicy,
  champion: Variant,
  candidate: Variant,
): TargetTrackingScalingPolicyConfiguration | undefined {
  if (tracking?.PredefinedMetricSpecification !== undefined) return tracking;
  const metric = tracking?.CustomizedMetricSpecification;
  // A metric that does not name the variant tells nothing of the candidate alone.
  if (tracking === undefined || metric === undefined || !isOfVariant(metric.Dimensions, champion))
    return undefined;
  return {
    ...tracking,
    CustomizedMetricSpecification: {
      ...metric,
      Dimensions: moved(metric.Dimensions, champion, candidate),
    },
  };
}

/** Whether an alarm reads the variant, in whichever of its metrics. */
const readsVariant = (alarm: Described, at: Variant): boolean =>
  isOfVariant(alarm.Dimensions, at) ||
  (alarm.Metrics ?? []).some(({ MetricStat }) => isOfVariant(MetricStat?.Metric?.Dimensions, at));

/** The alarm as it is, on the candidate's variant, calling the candidate's policies and nothing else. */
function onCandidate(
  alarm: Described,
  champion: Variant,
  candidate: Variant,
  policies: ReadonlyMap<string, string>,
): Omit<PutMetricAlarmInput, 'AlarmName'> {
  const actions = (arns: readonly string[] = []): string[] =>
    arns.flatMap((arn) => policies.get(arn) ?? []);
  const queries = (alarm.Metrics ?? []).map((query): MetricDataQuery => {
    const { MetricStat: read } = query;
    if (read?.Metric === undefined) return query;
    const Dimensions = moved(read.Metric.Dimensions, champion, candidate);
    return { ...query, MetricStat: { ...read, Metric: { ...read.Metric, Dimensions } } };
  });
  const watched =
    queries.length > 0
      ? { Metrics: queries }
      : {
          Namespace: alarm.Namespace,
          MetricName: alarm.MetricName,
          Dimensions: moved(alarm.Dimensions, champion, candidate),
          Statistic: alarm.Statistic,
          ExtendedStatistic: alarm.ExtendedStatistic,
          Period: alarm.Period,
          Unit: alarm.Unit,
        };
  return {
    AlarmDescription: `modelkeeper: scales ${candidate.variant} as ${alarm.AlarmName ?? ''} scales ${champion.variant}`,
    ...watched,
    EvaluationPeriods: alarm.EvaluationPeriods,
    DatapointsToAlarm: alarm.DatapointsToAlarm,
    ComparisonOperator: alarm.ComparisonOperator,
    Threshold: alarm.Threshold,
    TreatMissingData: alarm.TreatMissingData,
    EvaluateLowSampleCountPercentile: alarm.EvaluateLowSampleCountPercentile,
    ActionsEnabled: alarm.ActionsEnabled ?? true,
    AlarmActions: actions(alarm.AlarmActions),
    OKActions: actions(alarm.OKActions),
    InsufficientDataActions: actions(alarm.InsufficientDataActions),
  };
}

/** @returns the policy's ARN */
async function putPolicy(
  autoscaling: ApplicationAutoScalingClient,
  resource: string,
  wanted: Omit<PutScalingPolicyRequest, 'ServiceNamespace' | 'ResourceId' | 'ScalableDimension'>,
): Promise<string> {
  const answer = await aws(may('application-autoscaling:PutScalingPolicy', resource), (options) =>
    autoscaling.send(
      new PutScalingPolicyCommand({
        ...wanted,
        ServiceNamespace: 'sagemaker',
        ResourceId: resource,
        ScalableDimension: DIMENSION,
      }),
      options,
    ),
  );
  return answer.PolicyARN ?? '';
}

async function register(
  autoscaling: ApplicationAutoScalingClient,
  resource: string,
  settings: Partial<ScalableTarget>,
): Promise<void> {
  await aws(may('application-autoscaling:RegisterScalableTarget', resource), (options) =>
    autoscaling.send(
      new RegisterScalableTargetCommand({
        ...settings,
        ServiceNamespace: 'sagemaker',
        ResourceId: resource,
        ScalableDimension: DIMENSION,
      }),
      options,
    ),
  );
}

const suspend = (
  autoscaling: ApplicationAutoScalingClient,
  resource: string,
  what: 'all' | 'in',
): Promise<void> =>
  register(autoscaling, resource, {
    SuspendedState: {
      DynamicScalingInSuspended: true,
      DynamicScalingOutSuspended: what === 'all',
      ScheduledScalingSuspended: true,
    },
  });
