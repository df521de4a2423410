/** What a policy's work takes of the quotas of SageMaker, by their names in Service Quotas. */
import { managedMonitors } from './managed-monitors.js';
import { plannedJobs } from './pipeline-definition.js';
import type { Policy } from './policy.schema.js';
import { roomNeeded } from './preflight.js';
import { rolloutPlan } from './rollout.js';
import { roleNeeding } from './needed-permissions.js';
import { stagingPlace } from './staging.js';

/** Instances of one type that run at a time for one purpose. */
export interface QuotaNeeded {
  readonly type: string;
  readonly quota: string;
  readonly need: number;
  /** `a rollout needs 4 (2 + 2)`. */
  readonly why: string;
  /** What else the quota is shared with. */
  readonly beside: 'endpoints' | 'jobs';
}

type Usage = 'endpoint' | 'training job' | 'spot training job' | 'processing job';

const quotaOf = (type: string, usage: Usage): string => `${type} for ${usage} usage`;

type Fleet = readonly { readonly instanceType: string; readonly instances: number }[];

/**
 * @param fleet what serves now
 * @param accountId account of the endpoint; `null` when it is not known
 * @param definition of the pipeline; `undefined` without one, or where it is not known
 */
export function quotasNeeded(
  policy: Policy,
  fleet: Fleet,
  accountId: string | null,
  definition: string | undefined,
): readonly QuotaNeeded[] {
  return [
    ...rollouts(policy, fleet),
    ...shadowed(policy, fleet),
    ...staged(policy, fleet, accountId),
    ...jobs(policy, definition),
  ];
}

function rollouts({ spec }: Policy, fleet: Fleet): readonly QuotaNeeded[] {
  return roomNeeded(rolloutPlan(spec.deploy, []), fleet).map(({ type, quota, serving, more }) => ({
    type,
    quota,
    need: serving + more,
    why: `a rollout needs ${serving + more} (${serving} + ${more})`,
    beside: 'endpoints',
  }));
}

/** The update that adds the shadow replaces the whole fleet, and the shadow is as large as it. */
function shadowed({ spec }: Policy, fleet: Fleet): readonly QuotaNeeded[] {
  if (spec.deploy.shadow === undefined) return [];
  return roomNeeded({ strategy: 'all-at-once', percent: 100 }, fleet).map(
    ({ type, quota, serving }) => ({
      type,
      quota,
      need: 3 * serving,
      why: `a shadow test needs ${3 * serving} (${serving} serving, ${2 * serving} of its config)`,
      beside: 'endpoints',
    }),
  );
}

/** Of staging in the account and Region of production; elsewhere it has quotas of its own. */
function staged({ spec }: Policy, fleet: Fleet, accountId: string | null): readonly QuotaNeeded[] {
  const { staging } = spec.deploy;
  if (staging === undefined) return [];
  const account = roleNeeding(spec, 'staging')?.arn.split(':')[4];
  const elsewhere =
    stagingPlace(spec, staging).region !== spec.endpoint.region ||
    (account !== undefined && account !== accountId);
  const type = staging.instanceType ?? fleet[0]?.instanceType;
  if (elsewhere || type === undefined) return [];
  const count = staging.instances ?? 1;
  return [
    {
      type,
      quota: quotaOf(type, 'endpoint'),
      need: 2 * count + servingOn(fleet, type),
      why: `staging needs ${2 * count} while it is updated, beside ${servingOn(fleet, type)} in production`,
      beside: 'endpoints',
    },
  ];
}

const servingOn = (fleet: Fleet, type: string): number =>
  fleet.reduce((sum, one) => sum + (one.instanceType === type ? one.instances : 0), 0);

function jobs(policy: Policy, definition: string | undefined): readonly QuotaNeeded[] {
  const { trainingJob, evaluationJob, parameters, instances } = policy.spec.retrain;
  // Where AWS has no room for one type, the next is taken.
  const others = instances?.fallbacks ?? [];
  const { parameter } = instances ?? {};
  const planned = [
    parameters,
    ...(parameter === undefined
      ? []
      : others.map((type) => ({ ...parameters, [parameter]: type }))),
  ].flatMap((given) => plannedJobs(definition, given));
  const job = (usage: Usage, type: string, need: number, why: string): QuotaNeeded => ({
    type,
    quota: quotaOf(type, usage),
    need,
    why: `${why} needs ${need}`,
    beside: 'jobs',
  });
  return largest([
    ...(trainingJob === undefined
      ? []
      : [trainingJob.instanceType, ...others].map((type) =>
          job(
            trainingJob.spot === undefined ? 'training job' : 'spot training job',
            type,
            trainingJob.instanceCount,
            'retrain.trainingJob',
          ),
        )),
    ...(evaluationJob === undefined
      ? []
      : [
          job(
            'processing job',
            evaluationJob.instanceType,
            evaluationJob.instanceCount,
            'retrain.evaluationJob',
          ),
        ]),
    ...planned.flatMap(({ step, usage, instanceType, instances: count }) =>
      usage === undefined || instanceType === null
        ? []
        : [job(usage, instanceType, count, `the step ${step} of the pipeline`)],
    ),
    ...policy.spec.monitor.sources.flatMap((source) =>
      source.kind === 'multivariate'
        ? [job('processing job', source.instanceType, 1, `the source ${source.id}`)]
        : [],
    ),
    ...managedMonitors(policy).map(({ id, manage }) =>
      job('processing job', manage.instanceType, manage.instanceCount, `the monitor ${id}`),
    ),
  ]);
}

/** Of several uses of one quota the largest: jobs of one release run one after the other. */
function largest(needed: readonly QuotaNeeded[]): readonly QuotaNeeded[] {
  const byQuota = new Map<string, QuotaNeeded>();
  for (const one of needed)
    if (one.need > (byQuota.get(one.quota)?.need ?? 0)) byQuota.set(one.quota, one);
  return [...byQuota.values()];
}
