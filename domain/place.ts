import type { Policy } from './policy.schema.js';

/** Where a model's things are, kept in the keeper's memo so that they can be read without a worker. */
export interface ModelPlace {
  readonly model: string;
  readonly endpoint: string;
  readonly region: string;
  readonly group: string;
  /** Empty for a model that retrains by a training job. */
  readonly pipeline: string;
  readonly storage: string;
  /** Alarms of people's own that the policy names. */
  readonly alarms: readonly string[];
}

/** What the policy says of where things are. */
export function placeOf(policy: Policy): ModelPlace {
  const { endpoint, registry, retrain, storage, monitor, deploy } = policy.spec;
  const watched = monitor.sources.flatMap((source) =>
    source.kind === 'alarms' && source.alarms !== 'managed' ? source.alarms : [],
  );
  return {
    alarms: [...watched, ...(deploy.alarms === 'managed' ? [] : deploy.alarms)],
    model: policy.metadata.name,
    endpoint: endpoint.name,
    region: endpoint.region,
    group: registry.group,
    pipeline: retrain.pipeline ?? '',
    storage,
  };
}
