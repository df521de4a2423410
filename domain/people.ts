import type { Door, Policy, PolicySpec } from './policy.schema.js';

/**
 * What a door knows about who is there. Nobody types who they are: the person follows from the proof and the
 * policy's `people`.
 */
export type Proof =
  /** The caller's AWS identity, as STS told the command line. */
  | { readonly kind: 'sts'; readonly arn: string }
  /** The operating-system user of the command line or of a console on loopback. */
  | { readonly kind: 'os-user'; readonly user: string }
  /** The header of an authenticating proxy in front of the console. */
  | { readonly kind: 'proxy'; readonly person: string }
  /** `LastModifiedBy` of the model package. */
  | { readonly kind: 'registry'; readonly identity: string }
  /** A message sent straight to Temporal: whoever can write to the namespace may claim anything. */
  | { readonly kind: 'unverified'; readonly claimed: string };

/** Who did something, through which door, proven how. Stands in every ledger entry. */
export interface Actor {
  readonly person: string;
  readonly door: Door | 'keeper';
  readonly proof: Proof | { readonly kind: 'policy'; readonly digest: string };
}

/**
 * `arn:aws:sts::1:assumed-role/ada/session` and `arn:aws:iam::1:role/ada` are the same identity; paths of roles
 * are not in the session's ARN, so they are left out of the comparison.
 */
export function normalisedArn(arn: string): string {
  const session = /^arn:([^:]+):sts::(\d+):assumed-role\/([^/]+)\/.+$/.exec(arn);
  if (session !== null)
    return `arn:${session[1] ?? ''}:iam::${session[2] ?? ''}:role/${session[3] ?? ''}`;
  const role = /^arn:([^:]+):iam::(\d+):role\/(?:.*\/)?([^/]+)$/.exec(arn);
  if (role !== null) return `arn:${role[1] ?? ''}:iam::${role[2] ?? ''}:role/${role[3] ?? ''}`;
  return arn;
}

/**
 * The person a proof stands for, by the policy's `people`; a reason in words when it stands for nobody.
 *
 * `people` lists per person ARNs and `os:<user>` names. A proxy and an unverified message name the person
 * themselves.
 */
export function personOf(
  policy: Policy,
  proof: Proof,
):
  | { readonly kind: 'person'; readonly person: string }
  | { readonly kind: 'nobody'; readonly reason: string } {
  switch (proof.kind) {
    case 'proxy':
      return { kind: 'person', person: proof.person.toLowerCase() };
    case 'unverified':
      return { kind: 'person', person: proof.claimed.toLowerCase() };
    case 'os-user':
      return lookUp(policy, `os:${proof.user}`);
    case 'sts':
      return lookUp(policy, normalisedArn(proof.arn));
    case 'registry':
      return lookUp(policy, normalisedArn(proof.identity));
  }
}

function lookUp(policy: Policy, identity: string): ReturnType<typeof personOf> {
  for (const [person, identities] of Object.entries(policy.spec.people)) {
    if (identities.some((known) => normalisedArn(known) === identity)) {
      return { kind: 'person', person: person.toLowerCase() };
    }
  }
  return {
    kind: 'nobody',
    reason: `${identity} belongs to nobody under spec.people of the policy: add it to the person it is`,
  };
}

/**
 * The approvers of a policy, and those of them whom at least one of its doors can know.
 *
 * The command line knows people by the ARN of a role or user, the local one by `os:<user>`, the registry by any ARN;
 * the console may stand behind a proxy that names anybody, and a message straight to Temporal names whom it likes.
 */
export function whoCanApprove(spec: Pick<PolicySpec, 'approve' | 'groups' | 'people'>): {
  readonly approvers: readonly string[];
  readonly able: readonly string[];
} {
  const approvers = approversOf({ spec });
  const { doors } = spec.approve;
  if (doors.includes('console') || doors.includes('temporal'))
    return { approvers, able: approvers };
  const counts = (identity: string): boolean => {
    if (identity.startsWith('os:')) return doors.includes('local');
    // STS knows no Studio profiles; the registry names roles and users too.
    return doors.includes('registry') || (doors.includes('cli') && !isUserProfile(identity));
  };
  const known = Object.entries(spec.people).flatMap(([person, identities]) =>
    identities.some(counts) ? [person.toLowerCase()] : [],
  );
  return { approvers, able: approvers.filter((person) => known.includes(person)) };
}

const isUserProfile = (arn: string): boolean => /^arn:[^:]+:sagemaker:.*:user-profile\//.test(arn);

/** The policy's approvers with its groups opened, in lower case, without repeats. */
export function approversOf(policy: {
  readonly spec: Pick<PolicySpec, 'approve' | 'groups'>;
}): readonly string[] {
  const people = policy.spec.approve.approvers.flatMap((entry) =>
    entry.startsWith('group:')
      ? membersOf(policy.spec.groups, entry.slice('group:'.length))
      : [entry],
  );
  return [...new Set(people.map((person) => person.toLowerCase()))];
}

function membersOf(groups: PolicySpec['groups'], group: string): readonly string[] {
  return Object.hasOwn(groups, group) ? (groups[group] ?? []) : [];
}
