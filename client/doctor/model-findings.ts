import type { NeededPermission } from '../../domain/needed-permissions.js';
import type { Policy } from '../../domain/policy.schema.js';
import type { Plan, PlanFacts, PlanNote } from '../plan.js';
import { bad, ok, unknown, warning, type Finding } from './finding.js';

/** Parts of a policy that the plan looks at: where its notes stand, and what to say when there is none. */
function partsOf(
  policy: Policy,
  facts: PlanFacts,
): readonly {
  readonly what: string;
  readonly below: readonly string[];
  /** What is said where the plan finds nothing; `null` where it could not look. */
  readonly good: string | null;
}[] {
  const { endpoint: named, retrain, registry, storage } = policy.spec;
  const endpoint = facts.endpoint.known ? facts.endpoint.value : null;
  const pipeline = facts.pipeline.known ? facts.pipeline.value : null;
  const capture = endpoint?.capture ?? null;
  return [
    {
      what: 'endpoint',
      below: ['spec.endpoint', 'metadata'],
      good: `${named.name} is ${endpoint?.status ?? 'there'}, variant ${named.variant}`,
    },
    {
      what: 'data',
      below: ['spec.monitor', 'spec.detect'],
      good:
        endpoint === null
          ? null
          : capture === null
            ? 'no source needs captured data'
            : `${capture.percent} % of the requests are captured below ${capture.prefix}`,
    },
    {
      what: 'retraining',
      below: ['spec.retrain'],
      good:
        retrain.pipeline === undefined
          ? 'by a training job of the policy'
          : `the pipeline ${retrain.pipeline} takes the policy's parameters (${pipeline?.parameters.map(({ name }) => name).join(', ') ?? 'none'})`,
    },
    { what: 'registry', below: ['spec.registry'], good: `the group ${registry.group} is there` },
    { what: 'rollout', below: ['spec.deploy'], good: `by ${policy.spec.deploy.strategy}` },
    {
      what: 'approval',
      below: ['spec.approve'],
      good: `${policy.spec.approve.approvals} of ${policy.spec.approve.approvers.length} named; whether the author of the policy takes one away, \`plan\` says`,
    },
    { what: 'ledger', below: ['spec.storage'], good: `${storage} can be reached` },
  ];
}

/** What `plan` finds, a line for each part: what it refuses is bad, what it warns of is to be looked at. */
export function planFindings(policy: Policy, plan: Plan, facts: PlanFacts): readonly Finding[] {
  const parts = partsOf(policy, facts);
  const isBelow = ({ path }: PlanNote, below: readonly string[]): boolean =>
    below.some((one) => path === one || path.startsWith(`${one}.`) || path.startsWith(`${one}[`));
  const lines = parts.flatMap(({ what, below, good }): readonly Finding[] => {
    const notes = [
      ...plan.refusals
        .filter((note) => isBelow(note, below))
        .map(({ path, message }) => bad(what, `${path}: ${message}`)),
      ...plan.warnings
        .filter((note) => isBelow(note, below))
        .map(({ path, message }) => warning(what, `${path}: ${message}`)),
    ];
    if (notes.length > 0) return notes;
    return [good === null ? unknown(what, 'the endpoint could not be looked at') : ok(what, good)];
  });
  const elsewhere = [
    ...plan.refusals.map((note) => ({ note, say: bad })),
    ...plan.warnings.map((note) => ({ note, say: warning })),
  ].filter(({ note }) => !parts.some(({ below }) => isBelow(note, below)));
  return [...lines, ...elsewhere.map(({ note, say }) => say(note.path, note.message))];
}

/** What the simulation of one role says. */
export function permissionFindings(
  roleArn: string,
  needed: readonly NeededPermission[],
  denied: readonly (NeededPermission & { readonly decision: string })[],
): readonly Finding[] {
  const what = `permissions of ${roleArn.split('/').at(-1) ?? roleArn}`;
  if (denied.length === 0) {
    const actions = new Set(needed.map(({ action }) => action));
    return [ok(what, `IAM allows all ${actions.size} actions that it needs for this policy`)];
  }
  return denied.map(({ action, resource, decision }) =>
    bad(
      what,
      `${action} on ${resource} is ${decision === 'explicitDeny' ? 'denied by a policy, boundary or guardrail' : 'not allowed'}: ${decision === 'explicitDeny' ? 'find the Deny' : 'allow it'}, as infra/access.yaml does`,
    ),
  );
}
