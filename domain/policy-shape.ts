/**
 * Why a message's policy is none, in words; `undefined` when it has what is read of it before it is checked in full.
 *
 * A keeper's validator runs at once and cannot parse; anybody who reaches Temporal can send anything.
 */
export function policyShapeFault(policy: unknown): string | undefined {
  const spec = member(policy, 'spec');
  const endpoint = member(spec, 'endpoint');
  const people = member(spec, 'people');
  if (typeof member(member(policy, 'metadata'), 'name') !== 'string')
    return 'policy.metadata.name must be a text';
  if (typeof member(endpoint, 'name') !== 'string')
    return 'policy.spec.endpoint.name must be a text';
  if (typeof member(endpoint, 'region') !== 'string')
    return 'policy.spec.endpoint.region must be a text';
  if (typeof member(spec, 'storage') !== 'string') return 'policy.spec.storage must be a text';
  if (typeof people !== 'object' || people === null) return 'policy.spec.people must be a block';
  for (const [person, identities] of Object.entries(people) as [string, unknown][]) {
    if (!Array.isArray(identities) || !identities.every((one) => typeof one === 'string'))
      return `policy.spec.people.${person} must be a list of texts`;
  }
  return undefined;
}

/** Faults named to whoever sent it; more of them help nobody. */
const MOST_FAULTS = 10;

/** What a schema found wrong with a policy, field by field. */
export const faultsInWords = (
  issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[],
): readonly string[] =>
  issues
    .slice(0, MOST_FAULTS)
    .map(({ path, message }) => `${path.map(String).join('.') || 'the policy'}: ${message}`);

function member(of: unknown, name: string): unknown {
  return typeof of === 'object' && of !== null ? (of as Record<string, unknown>)[name] : undefined;
}
