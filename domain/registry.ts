import { normalisedArn, personOf } from './people.js';
import type { Policy, PolicySpec } from './policy.schema.js';
import { durationMs } from './duration.js';

/** What the registry says of a model package, in our words. */
export interface PackageReading {
  readonly packageArn: string;
  /** ModelPackageStatus; `gone` when there is no such package. */
  readonly status: string;
  readonly approvalStatus: string;
  readonly description: string;
  /** Who changed it last: the Studio user profile's ARN, else the IAM identity's; `null` when nobody did since it was registered. */
  readonly lastModifiedBy: string | null;
  /** By AWS's clock. */
  readonly lastModifiedAtMs: number | null;
}

/** What a keeper of the registry's status remembers between two readings. */
export interface RegistryMemory {
  /** The status as it was left: by our last write, or by somebody whose change was left to people. */
  readonly known: PackageReading;
  /** The identity our own writes carry; `null` until we have written. */
  readonly own: string | null;
}

export type RegistryNews =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'gone' }
  /** Back to Pending: whatever was decided is taken back. */
  | { readonly kind: 'withdrawn'; readonly identity: string }
  | {
      readonly kind: 'decided';
      readonly verdict: 'approve' | 'reject';
      readonly identity: string;
      readonly reason: string;
    };

/**
 * What a change of the status in the registry means.
 *
 * Our own write is never a decision: it is known by the value last written and by its author. A reading older than
 * our last write is one that has not caught up with it, and means nothing. A change of anything but the status (a
 * description, metadata, a stage) decides nothing.
 */
export function registryNews({ known, own }: RegistryMemory, now: PackageReading): RegistryNews {
  if (now.status === 'gone') return { kind: 'gone' };
  if (now.approvalStatus === known.approvalStatus) return { kind: 'nothing' };
  if (isOlder(now, known)) return { kind: 'nothing' };
  const identity = now.lastModifiedBy ?? 'nobody the registry names';
  if (isOurs({ own }, now)) return { kind: 'nothing' };
  switch (now.approvalStatus) {
    case 'Approved':
    case 'Rejected': {
      const verdict = now.approvalStatus === 'Approved' ? 'approve' : 'reject';
      return { kind: 'decided', verdict, identity, reason: reasonOf(verdict, known, now) };
    }
    default:
      return { kind: 'withdrawn', identity };
  }
}

/** What to remember after a write of ours: what was read back, unless somebody has changed it again already. */
export function afterOurWrite(
  { before, now }: { readonly before: PackageReading; readonly now: PackageReading },
  wanted: { readonly approvalStatus: string; readonly description: string },
  own: string | null,
): RegistryMemory {
  const stands =
    now.approvalStatus === wanted.approvalStatus && now.description === wanted.description;
  if (!stands)
    return { known: { ...now, ...wanted, lastModifiedAtMs: before.lastModifiedAtMs }, own };
  const written = (now.lastModifiedAtMs ?? 0) > (before.lastModifiedAtMs ?? 0);
  return { known: now, own: written ? (now.lastModifiedBy ?? own) : own };
}

/** Whether the last change carries the identity our own writes carry. */
export const isOurs = (
  { own }: Pick<RegistryMemory, 'own'>,
  { lastModifiedBy }: Pick<PackageReading, 'lastModifiedBy'>,
): boolean => own !== null && lastModifiedBy !== null && isSame(own, lastModifiedBy);

const isOlder = (now: PackageReading, known: PackageReading): boolean =>
  known.lastModifiedAtMs !== null && (now.lastModifiedAtMs ?? 0) < known.lastModifiedAtMs;

const isSame = (a: string, b: string): boolean => normalisedArn(a) === normalisedArn(b);

/** Studio lets people leave the description as it was: then the words before are ours, not theirs. */
function reasonOf(
  verdict: 'approve' | 'reject',
  known: PackageReading,
  now: PackageReading,
): string {
  const said = now.description.trim();
  if (said !== '' && said !== known.description.trim()) return said;
  return verdict === 'reject' ? 'rejected in the model registry without a description' : '';
}

/**
 * What stood in the registry when people were about to be asked, before it was set to Pending.
 *
 * An approval given before there was evidence is none, whoever gave it, also the one a pipeline registers with. A
 * person's rejection stands: it is weighed like any other.
 */
export type Opening =
  | { readonly kind: 'pending' }
  | { readonly kind: 'early'; readonly sentence: string }
  | { readonly kind: 'rejected'; readonly identity: string; readonly reason: string };

export function openingOf(before: PackageReading, own: string | null): Opening {
  const { approvalStatus, lastModifiedBy } = before;
  if (approvalStatus === 'PendingManualApproval') return { kind: 'pending' };
  if (lastModifiedBy !== null && own !== null && isSame(own, lastModifiedBy))
    return { kind: 'pending' };
  if (lastModifiedBy === null) {
    return {
      kind: 'early',
      sentence: `the pipeline registered the package as ${approvalStatus}: that is no decision, it is set to pending`,
    };
  }
  if (approvalStatus === 'Rejected') {
    const reason = before.description.trim();
    return {
      kind: 'rejected',
      identity: lastModifiedBy,
      reason: reason === '' ? 'rejected in the model registry without a description' : reason,
    };
  }
  return {
    kind: 'early',
    sentence: `${lastModifiedBy} set the package to ${approvalStatus} before there was a request: that is no decision, it is set to pending`,
  };
}

/** How often a change that does not count is put back before it is left to people. */
export const MOST_REVERTS = 1;

/** What becomes of a change that does not count: put back once, then contested and left to people. */
export const afterForeignChange = (revertsSoFar: number): 'revert' | 'contested' =>
  revertsSoFar < MOST_REVERTS ? 'revert' : 'contested';

/** Whether somebody may take an approval back, or reject it, after it was given. */
export function mayTakeBack(
  policy: Policy,
  {
    approvers,
    requestedBy,
  }: { readonly approvers: readonly string[]; readonly requestedBy: string },
  identity: string,
):
  | { readonly kind: 'counts'; readonly person: string }
  | { readonly kind: 'refused'; readonly reason: string } {
  const { approve } = policy.spec;
  if (!approve.doors.includes('registry')) {
    return {
      kind: 'refused',
      reason: `decisions through registry do not count: approve.doors names ${approve.doors.join(', ')}`,
    };
  }
  const who = personOf(policy, { kind: 'registry', identity });
  if (who.kind === 'nobody') return { kind: 'refused', reason: who.reason };
  if (!approvers.includes(who.person)) {
    return {
      kind: 'refused',
      reason: `${who.person} is not among the approvers: ${approvers.join(', ')}`,
    };
  }
  if (!approve.requesterMayApprove && who.person === requestedBy.toLowerCase()) {
    return { kind: 'refused', reason: 'the requester may not decide on their own candidate' };
  }
  return { kind: 'counts', person: who.person };
}

/** Where the registry is a door it is read at least this often while people are asked. */
const MOST_BETWEEN_LOOKS_MS = 5 * 60_000;

/** Pace of the looks at the registry while people are asked: the monitor's, and quicker where it is a door. */
export function registryPollMs({
  monitor,
  approve,
}: Pick<PolicySpec, 'monitor' | 'approve'>): number {
  const everyMs = durationMs(monitor.every);
  return Math.max(
    1_000,
    approve.doors.includes('registry') ? Math.min(MOST_BETWEEN_LOOKS_MS, everyMs) : everyMs,
  );
}

/** Once we have written our own answer nobody is asked any more: the watch only lingers until its release ends. */
export const LINGERING_LOOK_MS = 6 * 3_600_000;

/** AWS's limits of `CustomerMetadataProperties`. */
export const METADATA_LIMITS = { entries: 50, key: 128, value: 256 } as const;

/** What SageMaker takes as a key or a value of the metadata. */
const METADATA_TEXT = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]+$/u;

/**
 * Those of our metadata that the package can take, and in words those that it cannot.
 *
 * @param there what the package has already; a key that is there is overwritten and takes no room
 */
export function fittingMetadata(
  ours: Readonly<Record<string, string>>,
  there: Readonly<Record<string, string>>,
): { readonly fitting: Readonly<Record<string, string>>; readonly notes: readonly string[] } {
  const fitting: Record<string, string> = {};
  const notes: string[] = [];
  let room = METADATA_LIMITS.entries - Object.keys(there).length;
  for (const [key, value] of Object.entries(ours)) {
    if (key.length > METADATA_LIMITS.key || value.length > METADATA_LIMITS.value) {
      notes.push(
        `${key} is not attached to the model package: its value has ${value.length} characters, SageMaker takes ${METADATA_LIMITS.value}`,
      );
    } else if (!METADATA_TEXT.test(key) || !METADATA_TEXT.test(value)) {
      notes.push(
        `${key} is not attached to the model package: '${value}' holds characters that SageMaker does not take there`,
      );
    } else if (!Object.hasOwn(there, key) && room <= 0) {
      notes.push(
        `${key} is not attached to the model package: it has ${METADATA_LIMITS.entries} metadata entries already`,
      );
    } else {
      if (!Object.hasOwn(there, key)) room -= 1;
      fitting[key] = value;
    }
  }
  return { fitting, notes };
}

/** `model-package/<group>/<version>` of an ARN; `undefined` for a package outside of a group. */
export function packageOfArn(
  arn: string,
): { readonly group: string; readonly version: number } | undefined {
  const match = /:model-package\/([^/]+)\/(\d+)$/.exec(arn);
  return match === null ? undefined : { group: match[1] ?? '', version: Number(match[2]) };
}

export type Registered =
  | { readonly kind: 'one'; readonly packageArn: string; readonly note: string | null }
  /** Something was registered, and none of it in the policy's group. */
  | { readonly kind: 'none'; readonly reason: string }
  | { readonly kind: 'nothing' };

/**
 * Which of the packages that a training registered is the candidate: the latest one in the policy's group.
 *
 * @param arns empty when nothing was registered
 */
export function candidateAmong(arns: readonly string[], group: string): Registered {
  if (arns.length === 0) return { kind: 'nothing' };
  const inGroup = arns
    .filter((arn) => packageOfArn(arn)?.group.toLowerCase() === group.toLowerCase())
    .sort((a, b) => (packageOfArn(a)?.version ?? 0) - (packageOfArn(b)?.version ?? 0));
  const packageArn = inGroup.at(-1);
  if (packageArn === undefined) {
    return {
      kind: 'none',
      reason: `it registered ${arns.join(', ')}, none of them in the group ${group}: correct spec.registry.group, or the group of the RegisterModel step`,
    };
  }
  const others = inGroup.slice(0, -1).map((arn) => String(packageOfArn(arn)?.version ?? '?'));
  return {
    kind: 'one',
    packageArn,
    note:
      others.length === 0
        ? null
        : `it registered ${inGroup.length} versions in ${group}: version ${String(packageOfArn(packageArn)?.version ?? '?')} is the candidate, the latest; ${others.join(', ')} ${others.length === 1 ? 'is' : 'are'} not`,
  };
}
