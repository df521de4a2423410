/** Which AWS role a stage of the life of a model works under, and what its session is called. */
import type { PolicySpec } from './policy.schema.js';

/**
 * `read` looks at what serves (endpoint, metrics, alarms, captured inputs, labels); `train` runs the training and reads
 * its data; `approve` reads the registry and writes the status of versions; `deploy` writes to the endpoint, its models,
 * configs, alarms and scaling.
 */
export const STAGES = ['read', 'train', 'approve', 'deploy'] as const;
export type Stage = (typeof STAGES)[number];

export interface StageRole {
  readonly arn: string;
  readonly externalId?: string | undefined;
}

/** The role of a stage; `undefined` for the process's own identity. */
export const stageRole = (spec: Pick<PolicySpec, 'roles'>, stage: Stage): StageRole | undefined =>
  spec.roles?.[stage];

/** Longest name of a session that STS takes. */
const MOST_CHARACTERS = 64;

/**
 * The name of the session for what a workflow does: its id, with a dash for what STS does not take.
 * `release/flights/7` becomes `release-flights-7`. CloudTrail shows it with every call.
 */
export function sessionName(workflowId: string): string {
  const name = workflowId.replace(/[^\w+=,.@-]/g, '-').slice(0, MOST_CHARACTERS);
  return name.length < 2 ? `modelkeeper-${name}` : name;
}
