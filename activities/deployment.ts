import {
  CreateEndpointConfigCommand,
  CreateModelCommand,
  DeleteEndpointConfigCommand,
  DeleteModelCommand,
  UpdateEndpointCommand,
  type CreateEndpointConfigInput,
  type CreateModelInput,
  type DeploymentConfig,
  type DescribeEndpointConfigOutput,
  type DescribeEndpointOutput,
  type DescribeModelOutput,
  type DescribeModelPackageOutput,
  type ProductionVariant,
  type SageMakerClient,
} from '@aws-sdk/client-sagemaker';

import type { Evidence, RolloutPlan } from '../domain/evidence.js';
import { FailureType } from '../domain/failures.js';
import { canonicalJson } from '../domain/ledger.js';
import { candidateAlarms, rollbackAlarms } from '../domain/managed-alarms.js';
import type { EndpointReading } from '../domain/model.js';
import {
  candidateAlarmNames,
  candidateVariant,
  rollbackAlarmNames,
  splitName,
} from '../domain/names.js';
import {
  alarmFindings,
  capacityNeeded,
  roleFindings,
  silentFallback,
  variantFaults,
  type Findings,
  type GuardAlarm,
  type Hosting,
} from '../domain/preflight.js';
import { planFaults, rolloutPlan } from '../domain/rollout.js';
import type { PackageReading } from '../domain/registry.js';
import {
  sampleOf,
  shadowConfigName,
  shadowFaults,
  shadowVariantName,
  type Shadowable,
} from '../domain/shadow.js';
import { candidateInstances, weightsFor } from '../domain/traffic.js';
import { clock, pollEveryMs } from '../domain/watch.js';
import {
  alarmCauses,
  deleteAlarmsOf,
  deleteCandidateScalingAlarms,
  describeAlarms,
  MODEL_TAG,
  putGuards,
  RELEASE_TAG,
  type Described,
} from './alarms.js';
import { attempt, aws, isAlreadyThere, isInMotion, may } from './aws-failure.js';
import type {
  ControlActivities,
  ModelRef,
  PrepareRequest,
  RestRequest,
  RolloutJourney,
  RolloutOutcome,
  RolloutRequest,
  Split,
  UpdateOutcome,
} from './contract.js';
import type { ControlDeps } from './deps.js';
import { evidenceDigest, sha256 } from './digest.js';
import { isOurs, keeperOf, unfit } from './endpoint.js';
import { hopeless, keep, notYet, recall } from './heartbeat.js';
import { inUse } from './in-use.js';
import {
  describeConfig,
  describeEndpoint,
  describeModel,
  describePackage,
  lookAtEndpoint,
  readEndpoint,
  readTags,
  type EndpointLook,
} from './read.js';
import { imageDigest, packageReading } from './registry.js';
import { headObject, readObject } from './s3.js';
import { clientsFor, ownClients } from './stage-clients.js';

type DeploymentActivities = Pick<
  ControlActivities,
  | 'prepareDeployment'
  | 'prepareShadow'
  | 'discardDeployment'
  | 'preflight'
  | 'updateEndpoint'
  | 'awaitRest'
>;

/** SageMaker's limit of rollback alarms. */
const MOST_ALARMS = 10;

const MOVING: ReadonlySet<string> = new Set([
  'Creating',
  'Updating',
  'SystemUpdating',
  'RollingBack',
]);

export function createDeploymentActivities(deps: ControlDeps): DeploymentActivities {
  const clients = clientsFor(deps, 'deploy');
  const trained = clientsFor(deps, 'train');
  const registered = clientsFor(deps, 'approve');
  const pollMs = (ref: ModelRef): number => pollEveryMs(ref.policy.spec.monitor.every);

  /** The evidence as it is now. What is not there any more is told as empty, so that it shows as changed. */
  const evidenceNow = async (
    request: ModelRef & { readonly evidence: Evidence },
  ): Promise<Evidence> => {
    const { sagemaker } = clients(request);
    const asked = request.evidence;
    const [head, found, config, endpoint, report] = await Promise.all([
      headObject(trained(request).s3, asked.artefact.uri),
      describePackage(registered(request).sagemaker, asked.packageArn),
      describeConfig(sagemaker, asked.configName),
      describeEndpoint(sagemaker, request.policy.spec.endpoint.name),
      readObject(ownClients(deps, request).s3, asked.evaluation.reportUri),
    ]);
    const container = found?.InferenceSpecification?.Containers?.[0];
    return {
      ...asked,
      artefact: {
        ...(head ?? { etag: '', sizeBytes: 0, versionId: null }),
        uri: container?.ModelDataUrl ?? asked.artefact.uri,
      },
      image: container?.Image ?? '',
      imageDigest:
        container?.Image === undefined ? null : imageDigest(container.Image, container.ImageDigest),
      packageArn: found === undefined ? '' : asked.packageArn,
      evaluation: {
        ...asked.evaluation,
        reportDigest: report === undefined ? '' : sha256(report),
      },
      configName: config === undefined ? '' : asked.configName,
      championConfigName: endpoint?.EndpointConfigName ?? null,
    };
  };

  /** The config with both versions side by side, and the alarms on the candidate. Named as the release is. */
  const prepareSplit = async (
    request: PrepareRequest,
    look: EndpointLook,
    plan: RolloutPlan,
    tags: Readonly<Record<string, string>>,
  ): Promise<Split> => {
    const { sagemaker, cloudwatch } = clients(request);
    const { spec } = request.policy;
    const { variant } = spec.endpoint;
    await createConfig(sagemaker, splitInput(look, variant, request.name, plan, tags));
    const configName = splitName(request.name);
    const own = spec.deploy.alarms;
    const made = candidateAlarms(request.policy, request.release, configName);
    const specs = own === 'managed' ? [made.errors, made.latency] : [];
    if (specs.length > 0) await putGuards(cloudwatch, specs, tags);
    return {
      configName,
      championVariant: variant,
      candidateVariant: candidateVariant(variant),
      alarmNames: own === 'managed' ? specs.map((one) => one.name) : own,
    };
  };

  return {
    /**
     * Makes the SageMaker model, the endpoint config and the rollback alarms of a release. Nothing serves yet.
     *
     * Idempotent: the names are the release's. What exists is compared with what would be made: the same is
     * success, different is somebody else's and is refused.
     */
    async prepareDeployment(request) {
      const { sagemaker, cloudwatch } = clients(request);
      const { spec } = request.policy;
      const look = await lookAtEndpoint(sagemaker, spec.endpoint, deps.now());
      const reason = unfit(look, request);
      if (reason !== undefined) throw hopeless(FailureType.PolicyUnfit, reason);
      const { name } = request;
      const tags = {
        [MODEL_TAG]: request.model,
        [RELEASE_TAG]: `${request.model}-${request.release}`,
      };

      await createModel(sagemaker, modelInput(request, look, name, tags));
      await createConfig(sagemaker, configInput(look, spec.endpoint.variant, name, tags));

      const made = rollbackAlarms(request.policy, request.release, name);
      const own = spec.deploy.alarms;
      const specs = own === 'managed' ? [made.errors, made.latency, made.abort] : [made.abort];
      const withAbort = own === 'managed' || own.length < MOST_ALARMS;
      const alarmNames = [
        ...(own === 'managed' ? [made.errors.name, made.latency.name] : own),
        ...(withAbort ? [made.abort.name] : []),
      ];
      if (withAbort) await putGuards(cloudwatch, specs, tags);
      const plan = rolloutPlan(spec.deploy, alarmNames);
      return {
        configName: name,
        modelName: name,
        plan,
        abortAlarmName: withAbort ? made.abort.name : null,
        ...(plan.steps === undefined
          ? {}
          : { split: await prepareSplit(request, look, plan, tags) }),
      };
    },

    /**
     * Copies the config that serves and puts the candidate beside it as a shadow, on as many instances.
     *
     * Idempotent as prepareDeployment is: by its name, and by comparing what exists with what would be made.
     */
    async prepareShadow(request) {
      const { sagemaker } = clients(request);
      const { endpoint: place, deploy } = request.policy.spec;
      const look = await lookAtEndpoint(sagemaker, place, deps.now());
      const reason = unfit(look, request);
      if (reason !== undefined) return { kind: 'refused', reasons: [reason] };
      if (look.reading.configName !== request.championConfigName) {
        return {
          kind: 'refused',
          reasons: [
            `the endpoint serves ${look.reading.configName ?? 'nothing'}, not ${request.championConfigName}`,
          ],
        };
      }
      const asked = deploy.shadow;
      const target = await describeConfig(sagemaker, request.configName);
      const wanted = target?.ProductionVariants?.find((one) => one.VariantName === place.variant);
      const model =
        wanted?.ModelName === undefined
          ? undefined
          : await describeModel(sagemaker, wanted.ModelName);
      if (wanted === undefined || model === undefined || asked === undefined) {
        return {
          kind: 'refused',
          reasons: [`the config ${request.configName} or its model does not exist any more`],
        };
      }
      const faults = shadowFaults(shadowable(look, model));
      if (faults.length > 0) return { kind: 'refused', reasons: faults };
      const name = shadowConfigName(request.configName);
      const variant = shadowVariantName(place.variant);
      const copy = configInput(look, place.variant, name, {
        [MODEL_TAG]: request.model,
        [RELEASE_TAG]: `${request.model}-${request.release}`,
      });
      const production = (copy.ProductionVariants ?? []).map((one) => ({
        ...one,
        ModelName: look.variant?.ModelName,
        InitialVariantWeight: 1,
      }));
      await createConfig(sagemaker, {
        ...copy,
        ProductionVariants: production,
        ShadowProductionVariants: production.map((one) => ({
          ...one,
          VariantName: variant,
          ModelName: wanted.ModelName,
          // As a share of the production variant's weight: that many requests are copied.
          InitialVariantWeight: sampleOf(asked) / 100,
        })),
      });
      return { kind: 'ready', configName: name, variant };
    },

    /**
     * Deletes by name what carries our tag and is not in use, at whatever endpoint: somebody may try a candidate at one
     * of their own. What is gone is no error, so twice is the same as once. While the endpoint deploys this very release
     * nothing is touched.
     */
    async discardDeployment(request) {
      const { sagemaker, cloudwatch } = clients(request);
      const endpoint = await describeEndpoint(sagemaker, request.policy.spec.endpoint.name);
      const pending = endpoint?.PendingDeploymentSummary?.EndpointConfigName;
      const made = request.names.flatMap((name) => [name, splitName(name)]);
      if (pending !== undefined && made.includes(pending)) return;
      // Part of the fleet runs a config that the endpoint does not name.
      if (endpoint?.EndpointStatus === 'UpdateRollbackFailed') return;
      const serving = endpoint?.EndpointConfigName;
      // Its alarms are wanted for as long as two versions serve, and its model as well.
      if (serving !== undefined && request.names.some((name) => serving === splitName(name)))
        return;
      await deleteAlarmsOf(cloudwatch, request.model, [
        ...Object.values(rollbackAlarmNames(request.model, request.release)),
        ...Object.values(candidateAlarmNames(request.model, request.release)),
      ]);
      await deleteCandidateScalingAlarms(cloudwatch, request.model, request.release);
      for (const name of request.names)
        await discardConfig(sagemaker, request.model, splitName(name));
      if (request.keepConfig) return;
      const used = await inUse(sagemaker, request.names);
      for (const name of request.names) {
        if (name !== serving && !used.configs.includes(name) && !used.models.has(name))
          await discard(sagemaker, request.model, name);
      }
    },

    /** Reads only. */
    async preflight(request) {
      const { sagemaker, cloudwatch } = clients(request);
      const { spec } = request.policy;
      const look = await lookAtEndpoint(sagemaker, spec.endpoint, deps.now());
      const { reading } = look;
      const refused: string[] = [];
      const warnings: string[] = [];
      const reason = unfit(look, request);
      if (reason !== undefined) refused.push(reason);
      if (look.endpoint !== null && reading.status !== 'InService') {
        refused.push(
          `the endpoint is ${reading.status}: a rollout starts from InService; try again when it is at rest`,
        );
      }
      if (
        request.expectedConfigName !== null &&
        reading.configName !== request.expectedConfigName &&
        reading.configName !== request.configName
      ) {
        refused.push(
          `the endpoint serves ${reading.configName ?? 'nothing'}, the candidate was compared with ${request.expectedConfigName}`,
        );
      }
      const target = await describeConfig(sagemaker, request.configName);
      if (target === undefined) {
        refused.push(`the endpoint config ${request.configName} does not exist any more`);
      } else if (
        target.ProductionVariants?.some((one) => one.VariantName === spec.endpoint.variant) !== true
      ) {
        refused.push(`the config ${request.configName} has no variant ${spec.endpoint.variant}`);
      }
      if (request.plan.steps !== undefined)
        refused.push(...(await splitFaults(sagemaker, request.configName, spec.endpoint.variant)));
      refused.push(...planFaults(request.plan, reading.instances));
      const add = (findings: Findings): void => {
        refused.push(...findings.refused);
        warnings.push(...findings.warnings);
      };
      const alarms = await describeAlarms(cloudwatch, request.plan.alarmNames);
      add(alarmFindings(request.plan, [...alarms].map(guardOf)));
      const found =
        request.packageArn === null
          ? undefined
          : await describePackage(registered(request).sagemaker, request.packageArn);
      if (look.endpoint !== null && target !== undefined) {
        const serving = look.endpoint.ProductionVariants ?? [];
        const variants = target.ProductionVariants ?? [];
        const candidate = variants.find((one) => one.VariantName === spec.endpoint.variant);
        const names = (list: readonly { VariantName?: string | undefined }[]): readonly string[] =>
          list.map((one) => one.VariantName ?? '');
        refused.push(...variantFaults(names(serving), names(variants), request.configName));
        add(silentFallback(request.plan, hostingOf(target, candidate, found)));
        const fleet = serving.map((one) => ({
          instanceType:
            variants.find((other) => other.VariantName === one.VariantName)?.InstanceType ?? '',
          instances: one.DesiredInstanceCount ?? one.CurrentInstanceCount ?? 0,
        }));
        warnings.push(
          ...capacityNeeded(
            request.plan,
            fleet.filter(({ instanceType }) => instanceType !== ''),
          ),
        );
        const model =
          candidate?.ModelName === undefined
            ? undefined
            : await describeModel(sagemaker, candidate.ModelName);
        if (candidate?.ModelName !== undefined && model === undefined) {
          refused.push(
            `the SageMaker model ${candidate.ModelName} of the config ${request.configName} does not exist any more`,
          );
        }
        add(
          roleFindings(
            model?.ExecutionRoleArn ?? null,
            look.model?.ExecutionRoleArn ?? null,
            reading.arn,
          ),
        );
      }
      let registry: PackageReading | undefined;
      if (request.packageArn !== null) {
        registry = packageReading(request.packageArn, found);
        const status = found?.ModelApprovalStatus ?? 'gone';
        if (status !== 'Approved') {
          refused.push(
            `the model package is ${status} in the registry, not Approved: somebody changed it after the approval`,
          );
        }
      }
      const evidence = await evidenceNow(request);
      return {
        refused,
        warnings,
        endpoint: reading,
        evidence,
        digest: evidenceDigest(evidence),
        ...(registry === undefined ? {} : { registry }),
      };
    },

    /**
     * Calls UpdateEndpoint once, or finds out what became of an earlier call.
     *
     * UpdateEndpoint has no token. What makes a repeat safe is that the endpoint is read first: the target pending
     * or serving means that a call took effect; the old config with a later time means that it did and was rolled
     * back. Whether an earlier attempt may have sent the call is kept in its heartbeat.
     */
    async updateEndpoint(request) {
      const { sagemaker } = clients(request);
      const { name } = request.policy.spec.endpoint;
      const sent = maySent(recall());
      /** For later attempts: this one failed before its call. */
      const unsent = <T>(reading: Promise<T>): Promise<T> =>
        reading.catch((error: unknown) => {
          keep({ sent });
          throw error;
        });
      const endpoint = await unsent(describeEndpoint(sagemaker, name));
      const before =
        endpoint === undefined
          ? { kind: 'refused' as const, reason: `the endpoint ${name} does not exist any more` }
          : verdictBefore(request, endpoint, sent);
      if (before !== undefined) return before;
      if (endpoint?.EndpointArn !== undefined) {
        const keeper = keeperOf(await unsent(readTags(sagemaker, endpoint.EndpointArn)));
        if (!isOurs(keeper, request.model)) {
          return {
            kind: 'refused',
            reason:
              keeper === undefined
                ? `the endpoint ${name} no longer carries our tag: it was re-created, or somebody took it over; apply the policy again to claim it`
                : `the endpoint ${name} is kept by ${keeper} now`,
          };
        }
      }
      const status = endpoint?.EndpointStatus ?? 'unknown';
      if (MOVING.has(status)) {
        keep({ sent });
        throw busy(request, `The endpoint is ${status}; the update waits until it is at rest`);
      }
      keep({ sent: true });
      const answer = await aws(
        may('sagemaker:UpdateEndpoint', `endpoint/${name}`),
        (options) =>
          sagemaker.send(
            new UpdateEndpointCommand({
              EndpointName: name,
              EndpointConfigName: request.configName,
              RetainAllVariantProperties: true,
              ...(request.newWeights === true
                ? {
                    ExcludeRetainedVariantProperties: [
                      { VariantPropertyType: 'DesiredWeight' as const },
                    ],
                  }
                : {}),
              ...(request.plain === true
                ? {}
                : { DeploymentConfig: deploymentConfig(request.plan) }),
            }),
            options,
          ),
        (error) => {
          // An answer of AWS's is a definite no, whatever becomes of it here.
          if (error.fault === 'client') keep({ sent: false });
          if (isInMotion(error)) return 'in motion' as const;
          return error.name === 'ValidationException' && !/could not find/i.test(error.message)
            ? { refusal: error.message }
            : undefined;
        },
      );
      if (answer === 'in motion') {
        throw busy(request, 'The endpoint was set in motion by somebody else; the update waits');
      }
      if ('refusal' in answer) {
        return { kind: 'refused', reason: `SageMaker refused the update: ${answer.refusal}` };
      }
      return { kind: 'accepted' };
    },

    /**
     * Reads only. What was seen on the way is kept in the heartbeat from attempt to attempt; what the release is to
     * know at once, or has to carry over a hint, is told as `moved`.
     */
    async awaitRest(request) {
      const { sagemaker, cloudwatch } = clients(request);
      const nowMs = deps.now();
      const endpoint = await readEndpoint(sagemaker, request.policy.spec.endpoint, nowMs);
      const seen = follow(travelledOf(recall(), request.journey), endpoint, nowMs);
      keep(seen);
      const { progress } = seen;
      const arrived = endpoint.status === 'InService' && endpoint.pendingConfigName === null;
      if (arrived && endpoint.configName === request.configName) {
        return { kind: 'in service', endpoint, progress };
      }
      // Right after the call that is to cure a failed rollback, that state may still be read.
      const stale = endpoint.status === 'UpdateRollbackFailed' && seen.restingLooks < 2;
      const stuck = stale ? undefined : whyStuck(request, endpoint, nowMs);
      if (stuck !== undefined) return { kind: 'stuck', reason: stuck, endpoint, progress };
      if (request.tellMoves && progress.length > request.journey.progress.length) {
        return { kind: 'moved', journey: { ...request.journey, progress } };
      }
      if (!arrived || seen.restingLooks < 2) {
        // Once is not enough: right after the call the old state may still be read.
        throw notYet(
          FailureType.StillMoving,
          `The endpoint is ${endpoint.status}, ${endpoint.pendingConfigName ?? endpoint.configName ?? 'nothing'}: ${progress.at(-1)?.what ?? 'nothing reported yet'}; given up at ${clock(request.deadlineMs)}`,
          pollMs(request),
        );
      }
      const causes = await alarmCauses(cloudwatch, request.alarmNames, seen.sinceMs - 60_000);
      const reason = endpoint.failureReason === seen.formerReason ? null : endpoint.failureReason;
      const cause = causes[0] ?? reason;
      return {
        kind: 'rolled back',
        silent: cause === null,
        reason:
          cause ??
          `the endpoint is InService with ${endpoint.configName ?? 'nothing'} again; no alarm went off and SageMaker gave no reason`,
        endpoint,
        progress,
      } satisfies RolloutOutcome;
    },
  };

  function busy(request: RolloutRequest, sentence: string) {
    return notYet(FailureType.Busy, sentence, pollMs(request));
  }
}

function guardOf([name, alarm]: readonly [string, Described]): GuardAlarm {
  return {
    name,
    state: alarm.StateValue ?? 'INSUFFICIENT_DATA',
    reason: alarm.StateReason ?? '',
    missing: alarm.TreatMissingData ?? null,
    periodSeconds: alarm.Period ?? null,
    datapoints: alarm.DatapointsToAlarm ?? alarm.EvaluationPeriods ?? 1,
  };
}

function shadowable(look: EndpointLook, candidate: DescribeModelOutput): Shadowable {
  const containers = [look.model, candidate].map((model) =>
    model?.PrimaryContainer === undefined ? (model?.Containers ?? []) : [model.PrimaryContainer],
  );
  return {
    variants: (look.config?.ProductionVariants ?? []).map((one) => ({
      name: one.VariantName ?? '',
      serverless: one.ServerlessConfig !== undefined,
      hasModel: one.ModelName !== undefined,
    })),
    asynchronous: look.config?.AsyncInferenceConfig !== undefined,
    shadowed: (look.config?.ShadowProductionVariants ?? []).length > 0,
    containers: containers.map((list) => list.length),
    multiModel: containers.flat().some(({ Mode }) => Mode === 'MultiModel'),
  };
}

function hostingOf(
  config: DescribeEndpointConfigOutput,
  candidate: ProductionVariant | undefined,
  found: DescribeModelPackageOutput | undefined,
): Hosting {
  return {
    instanceType: candidate?.InstanceType ?? null,
    serverless: candidate?.ServerlessConfig !== undefined,
    asynchronous: config.AsyncInferenceConfig !== undefined,
    marketplace:
      found?.InferenceSpecification?.Containers?.some((one) => one.ProductId !== undefined) ??
      false,
    accelerated: candidate?.AcceleratorType !== undefined,
  };
}

/** Whether an earlier attempt may have sent the call: unknown counts as yes once there was one. */
function maySent(details: unknown): boolean {
  if (attempt() === 1) return false;
  const sent =
    typeof details === 'object' && details !== null && 'sent' in details ? details.sent : undefined;
  return sent !== false;
}

/** What is clear before any call; `undefined` when the call is to be made. */
export function verdictBefore(
  request: RolloutRequest,
  endpoint: DescribeEndpointOutput,
  maySentBefore: boolean,
): UpdateOutcome | undefined {
  const serving = endpoint.EndpointConfigName ?? null;
  const pending = endpoint.PendingDeploymentSummary?.EndpointConfigName;
  // A mixed fleet serves whatever the endpoint says: only another update puts that right.
  const mixed = endpoint.EndpointStatus === 'UpdateRollbackFailed';
  if (pending === request.configName) return { kind: 'adopted' };
  if (pending === undefined && serving === request.configName && !mixed)
    return { kind: 'already serving' };
  if (request.expectedConfigName === null || serving === request.expectedConfigName) {
    const changedMs = endpoint.LastModifiedTime?.getTime() ?? 0;
    if (
      maySentBefore &&
      pending === undefined &&
      endpoint.EndpointStatus === 'InService' &&
      changedMs > request.lastModifiedAtMs
    ) {
      return {
        kind: 'rolled back',
        reason: `the endpoint was changed at ${clock(changedMs)}, after the update was decided, and serves ${serving ?? 'nothing'} again${endpoint.FailureReason === undefined ? '' : `: ${endpoint.FailureReason}`}`,
      };
    }
    return undefined;
  }
  return { kind: 'champion changed', configName: serving };
}

/** SageMaker's form of the plan. */
export function deploymentConfig(plan: RolloutPlan): DeploymentConfig {
  const percent = (Value: number) => ({ Type: 'CAPACITY_PERCENT', Value }) as const;
  const capacity = percent(plan.percent);
  const routing = { WaitIntervalInSeconds: plan.bakeSeconds };
  const timeout = { MaximumExecutionTimeoutInSeconds: plan.timeoutSeconds };
  return {
    ...(plan.strategy === 'rolling'
      ? {
          RollingUpdatePolicy: {
            MaximumBatchSize: capacity,
            ...routing,
            ...timeout,
            ...(plan.rollbackPercent === undefined
              ? {}
              : { RollbackMaximumBatchSize: percent(plan.rollbackPercent) }),
          },
        }
      : {
          BlueGreenUpdatePolicy: {
            TrafficRoutingConfiguration:
              plan.strategy === 'canary'
                ? { Type: 'CANARY', ...routing, CanarySize: capacity }
                : plan.strategy === 'linear'
                  ? { Type: 'LINEAR', ...routing, LinearStepSize: capacity }
                  : { Type: 'ALL_AT_ONCE', ...routing },
            TerminationWaitInSeconds: plan.finalBakeSeconds,
            ...timeout,
          },
        }),
    ...(plan.alarmNames.length === 0
      ? {}
      : {
          AutoRollbackConfiguration: {
            Alarms: plan.alarmNames.map((AlarmName) => ({ AlarmName })),
          },
        }),
  };
}

/** What the looks of one rollout have shown so far. JSON: it lives in the heartbeat. */
interface Travelled extends RolloutJourney {
  /** Looks in a row that found the endpoint at rest. */
  readonly restingLooks: number;
}

/** At most as many lines as a person reads. */
const MOST_PROGRESS = 40;

function travelledOf(details: unknown, journey: RolloutJourney): Travelled {
  if (typeof details === 'object' && details !== null && 'progress' in details) {
    return details as Travelled;
  }
  return { ...journey, restingLooks: 0 };
}

function follow(travelled: Travelled, endpoint: EndpointReading, nowMs: number): Travelled {
  const known = new Set(travelled.progress.map(({ what }) => what));
  const moving = endpoint.pendingConfigName !== null || MOVING.has(endpoint.status);
  const news = moving
    ? [endpoint.status, ...endpoint.progress].filter((what) => what !== '' && !known.has(what))
    : [];
  return {
    ...travelled,
    progress: [...travelled.progress, ...news.map((what) => ({ atMs: nowMs, what }))].slice(
      -MOST_PROGRESS,
    ),
    restingLooks: moving ? 0 : travelled.restingLooks + 1,
  };
}

/** Why waiting any longer is of no use, in words; `undefined` when it is. */
export function whyStuck(
  request: Pick<RestRequest, 'deadlineMs' | 'previousConfigName'>,
  endpoint: EndpointReading,
  nowMs: number,
): string | undefined {
  const because = endpoint.failureReason === null ? '' : `: ${endpoint.failureReason}`;
  switch (endpoint.status) {
    case 'UpdateRollbackFailed':
      return `the rollback failed and a mixed fleet serves${because}; update the endpoint to a known config again`;
    case 'Failed':
    case 'OutOfService':
    case 'Deleting':
      return `the endpoint is ${endpoint.status}${because}; it takes no update`;
    case 'absent':
      return 'the endpoint was deleted';
    case 'InService':
      if (endpoint.pendingConfigName !== null) break;
      if (
        request.previousConfigName !== null &&
        endpoint.configName !== null &&
        endpoint.configName !== request.previousConfigName
      ) {
        return `the endpoint serves ${endpoint.configName}, neither the new config nor the one before: somebody else updated it`;
      }
      return undefined;
    default:
      break;
  }
  return nowMs >= request.deadlineMs
    ? `the endpoint is still ${endpoint.status} after the deadline; SageMaker should have given up by itself`
    : undefined;
}

function modelInput(
  request: PrepareRequest,
  look: EndpointLook,
  name: string,
  tags: Readonly<Record<string, string>>,
): CreateModelInput {
  const role =
    request.policy.spec.deploy.role ?? request.champion?.roleArn ?? look.model?.ExecutionRoleArn;
  if (role === undefined) {
    throw hopeless(
      FailureType.PolicyUnfit,
      'the serving model names no execution role to use for the new one: say deploy.role in the policy',
    );
  }
  return {
    ModelName: name,
    ExecutionRoleArn: role,
    Containers: [{ ModelPackageName: request.candidate.packageArn }],
    ...(look.model?.VpcConfig === undefined ? {} : { VpcConfig: look.model.VpcConfig }),
    ...(look.model?.EnableNetworkIsolation === true ? { EnableNetworkIsolation: true } : {}),
    Tags: tagList(tags),
  };
}

const containerOf = (model: DescribeModelOutput | CreateModelInput) =>
  model.PrimaryContainer ?? model.Containers?.[0];

export async function createModel(
  sagemaker: SageMakerClient,
  input: CreateModelInput,
): Promise<void> {
  const name = input.ModelName ?? '';
  const made = await aws(
    may('sagemaker:CreateModel', `model/${name}`),
    (options) => sagemaker.send(new CreateModelCommand(input), options),
    (error) => (isAlreadyThere(error) ? 'exists' : undefined),
  );
  if (made !== 'exists') return;
  const existing = await describeModel(sagemaker, name);
  if (existing === undefined) {
    throw notYet(
      FailureType.NotVisibleYet,
      `The model ${name} exists and is not visible yet`,
      5_000,
    );
  }
  const wanted = containerOf(input);
  const there = containerOf(existing);
  if (
    there?.ModelPackageName !== wanted?.ModelPackageName ||
    (wanted?.ModelPackageName === undefined && there?.ModelDataUrl !== wanted?.ModelDataUrl) ||
    existing.ExecutionRoleArn !== input.ExecutionRoleArn
  ) {
    throw hopeless(
      FailureType.NameTaken,
      `a SageMaker model ${name} exists and is not of ${wanted?.ModelPackageName ?? wanted?.ModelDataUrl ?? '?'} with role ${input.ExecutionRoleArn ?? '?'}: delete it if nobody needs it`,
    );
  }
}

/** The champion's config with our variant's model replaced; the fleet as large as it is now. */
function configInput(
  look: EndpointLook,
  variantName: string,
  name: string,
  tags: Readonly<Record<string, string>>,
): CreateEndpointConfigInput {
  const { config } = look;
  const copy = (variant: ProductionVariant): ProductionVariant => {
    const serving = look.endpoint?.ProductionVariants?.find(
      (one) => one.VariantName === variant.VariantName,
    );
    const count = serving?.DesiredInstanceCount ?? serving?.CurrentInstanceCount;
    return {
      ...variant,
      ...(variant.VariantName === variantName ? { ModelName: name } : {}),
      ...(variant.ServerlessConfig !== undefined || count === undefined || count < 1
        ? {}
        : { InitialInstanceCount: count }),
    };
  };
  const capture = config?.DataCaptureConfig;
  return {
    EndpointConfigName: name,
    ProductionVariants: (config?.ProductionVariants ?? []).map(copy),
    ...(capture === undefined ? {} : { DataCaptureConfig: capture }),
    ...kept(config),
    ...(config?.ShadowProductionVariants === undefined ||
    config.ShadowProductionVariants.length === 0
      ? {}
      : { ShadowProductionVariants: config.ShadowProductionVariants }),
    Tags: tagList(tags),
  };
}

/** Everything else that the champion's config says and that a config is made with. */
function kept(config: DescribeEndpointConfigOutput | null): Partial<CreateEndpointConfigInput> {
  const {
    MetricsConfig,
    KmsKeyId,
    AsyncInferenceConfig,
    ExplainerConfig,
    ExecutionRoleArn,
    VpcConfig,
    EnableNetworkIsolation,
  } = config ?? {};
  return {
    ...(MetricsConfig && { MetricsConfig }),
    ...(KmsKeyId !== undefined && { KmsKeyId }),
    ...(AsyncInferenceConfig && { AsyncInferenceConfig }),
    ...(ExplainerConfig && { ExplainerConfig }),
    ...(ExecutionRoleArn !== undefined && { ExecutionRoleArn }),
    ...(VpcConfig && { VpcConfig }),
    ...(EnableNetworkIsolation === true && { EnableNetworkIsolation }),
  };
}

/** Champion and candidate side by side: the candidate without traffic, on as many instances as its largest share takes. */
function splitInput(
  look: EndpointLook,
  variantName: string,
  name: string,
  plan: RolloutPlan,
  tags: Readonly<Record<string, string>>,
): CreateEndpointConfigInput {
  const whole = configInput(look, variantName, name, tags);
  const steps = plan.steps ?? [];
  const start = weightsFor(0);
  const variants = (whole.ProductionVariants ?? []).flatMap((variant) => {
    if (variant.VariantName !== variantName) return [variant];
    const candidate: ProductionVariant = {
      ...variant,
      VariantName: candidateVariant(variantName),
      InitialVariantWeight: start.candidate,
      ...(variant.InitialInstanceCount === undefined
        ? {}
        : { InitialInstanceCount: candidateInstances(variant.InitialInstanceCount, steps) }),
    };
    const champion: ProductionVariant = {
      ...variant,
      ModelName: look.variant?.ModelName,
      InitialVariantWeight: start.champion,
    };
    return [champion, candidate];
  });
  return { ...whole, EndpointConfigName: splitName(name), ProductionVariants: variants };
}

/** Why the config of two versions cannot be used, in words; empty when it can. */
async function splitFaults(
  sagemaker: SageMakerClient,
  configName: string,
  variant: string,
): Promise<readonly string[]> {
  const name = splitName(configName);
  const split = await describeConfig(sagemaker, name);
  if (split === undefined) return [`the endpoint config ${name} does not exist any more`];
  const names = split.ProductionVariants?.map(({ VariantName }) => VariantName) ?? [];
  return [variant, candidateVariant(variant)]
    .filter((wanted) => !names.includes(wanted))
    .map((missing) => `the config ${name} has no variant ${missing}`);
}

/** What must be the same for an existing config to be ours. The count may have been scaled since. */
const essence = (
  config: Pick<
    CreateEndpointConfigInput,
    'ProductionVariants' | 'ShadowProductionVariants' | 'DataCaptureConfig'
  >,
) =>
  canonicalJson({
    variants: [
      ...(config.ProductionVariants ?? []),
      ...(config.ShadowProductionVariants ?? []),
    ].map((one) => [one.VariantName, one.ModelName, one.InstanceType]),
    capture: config.DataCaptureConfig?.DestinationS3Uri,
  });

export async function createConfig(
  sagemaker: SageMakerClient,
  input: CreateEndpointConfigInput,
): Promise<void> {
  const name = input.EndpointConfigName ?? '';
  const made = await aws(
    may('sagemaker:CreateEndpointConfig', `endpoint-config/${name}`),
    (options) => sagemaker.send(new CreateEndpointConfigCommand(input), options),
    (error) => (isAlreadyThere(error) ? 'exists' : undefined),
  );
  if (made !== 'exists') return;
  const existing = await describeConfig(sagemaker, name);
  if (existing === undefined) {
    throw notYet(
      FailureType.NotVisibleYet,
      `The endpoint config ${name} exists and is not visible yet`,
      5_000,
    );
  }
  if (essence(existing) !== essence(input)) {
    throw hopeless(
      FailureType.NameTaken,
      `an endpoint config ${name} exists and is another one: delete it if nobody needs it`,
    );
  }
}

const gone = (error: { readonly message: string }) =>
  /could not find/i.test(error.message) ? ('absent' as const) : undefined;

/** Deletes the config of that name, where it carries our tag. */
async function discardConfig(
  sagemaker: SageMakerClient,
  model: string,
  name: string,
): Promise<void> {
  const configArn = (await describeConfig(sagemaker, name))?.EndpointConfigArn;
  if (configArn === undefined || !(await isTagged(sagemaker, configArn, model))) return;
  await aws(
    may('sagemaker:DeleteEndpointConfig', `endpoint-config/${name}`),
    (options) =>
      sagemaker.send(new DeleteEndpointConfigCommand({ EndpointConfigName: name }), options),
    gone,
  );
}

/**
 * Deletes the model and the config of that name, where they carry our tag. The config last: who looks for what is
 * left looks for configs.
 */
export async function discard(
  sagemaker: SageMakerClient,
  model: string,
  name: string,
): Promise<void> {
  const modelArn = (await describeModel(sagemaker, name))?.ModelArn;
  if (modelArn !== undefined && (await isTagged(sagemaker, modelArn, model))) {
    await aws(
      may('sagemaker:DeleteModel', `model/${name}`),
      (options) => sagemaker.send(new DeleteModelCommand({ ModelName: name }), options),
      gone,
    );
  }
  await discardConfig(sagemaker, model, name);
}

export async function isTagged(
  sagemaker: SageMakerClient,
  arn: string,
  model: string,
): Promise<boolean> {
  return (await readTags(sagemaker, arn)).get(MODEL_TAG) === model;
}

export const tagList = (tags: Readonly<Record<string, string>>): { Key: string; Value: string }[] =>
  Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
