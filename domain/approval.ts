import { durationMs } from './duration.js';
import { personOf } from './people.js';
import type { Policy, PolicySpec } from './policy.schema.js';
import type { ApprovalRequest, Decision, DecisionMessage } from './status.js';

export type BallotOutcome = 'pending' | 'approved' | 'rejected';

/** One rejection settles the matter; approval needs the policy's number of distinct people. */
export function outcomeOf(
  approvalsNeeded: number,
  decisions: readonly Pick<Decision, 'verdict' | 'person'>[],
): BallotOutcome {
  if (decisions.some((decision) => decision.verdict === 'reject')) return 'rejected';
  const people = new Set(decisions.map((decision) => decision.person));
  return people.size >= approvalsNeeded ? 'approved' : 'pending';
}

export type DecisionAnswer =
  | { readonly kind: 'counts'; readonly decision: Decision }
  | { readonly kind: 'refused'; readonly reason: string };

/**
 * Whether a decision counts, and as whose. The one rule for the Update, its validator, and both Signals.
 *
 * @param request `undefined` while nothing waits for approval
 */
export function weigh(
  policy: Policy,
  request: ApprovalRequest | undefined,
  message: DecisionMessage,
  nowMs: number,
): DecisionAnswer {
  const refuse = (reason: string): DecisionAnswer => ({ kind: 'refused', reason });
  const malformed = malformation(message);
  if (malformed !== undefined) return refuse(malformed);
  if (request === undefined) return refuse('no candidate is waiting for approval');
  const outcome = outcomeOf(request.approvalsNeeded, request.decisions);
  if (outcome !== 'pending') return refuse(`the candidate is already ${outcome}`);
  if (nowMs >= request.expiresAtMs) return refuse('the request has expired');
  if (message.digest !== request.digest) {
    return refuse(
      `this decision is about other evidence: the request waiting has digest ${request.digest.slice(0, 12)}, the decision names ${message.digest.slice(0, 12) || 'none'}; read the request again`,
    );
  }
  if (!doorOpen(policy.spec.approve.doors, message)) {
    return refuse(
      `decisions through ${doorInWords(message)} do not count: approve.doors names ${policy.spec.approve.doors.join(', ')}`,
    );
  }
  const who = personOf(policy, message.proof);
  if (who.kind === 'nobody') return refuse(who.reason);
  const { person } = who;
  if (!request.approvers.includes(person))
    return refuse(`${person} is not among the approvers: ${request.approvers.join(', ')}`);
  if (!policy.spec.approve.requesterMayApprove && person === request.requestedBy.toLowerCase()) {
    return refuse('the requester may not decide on their own candidate');
  }
  if (request.decisions.some((decision) => decision.person === person))
    return refuse(`${person} has already decided`);
  if (message.verdict === 'reject' && message.reason.trim() === '')
    return refuse('a rejection needs a reason');
  const { verdict, door, proof } = message;
  return {
    kind: 'counts',
    decision: { verdict, reason: message.reason.trim(), person, door, proof, atMs: nowMs },
  };
}

const MAX_REASON_CHARACTERS = 2_000;

/** What each kind of proof says. A map, so that no text finds what every object inherits. */
const MEMBER_OF_PROOF: ReadonlyMap<string, string> = new Map([
  ['sts', 'arn'],
  ['os-user', 'user'],
  ['proxy', 'person'],
  ['registry', 'identity'],
  ['unverified', 'claimed'],
]);

/** Messages can come from anybody who reaches Temporal: their shape is not to be trusted. */
function malformation(message: DecisionMessage): string | undefined {
  const fields: Record<string, unknown> = { ...message };
  if (fields['verdict'] !== 'approve' && fields['verdict'] !== 'reject')
    return 'verdict must be approve or reject';
  if (typeof fields['digest'] !== 'string')
    return 'digest is missing: say which evidence the decision is about';
  return askedFault(message);
}

/**
 * What is wrong with the reason, door and proof of a message; `undefined` when nothing is. Every message that
 * names who asks goes through here: its sender may be anybody who reaches Temporal.
 */
export function askedFault(message: unknown): string | undefined {
  if (typeof message !== 'object' || message === null) return 'the message has no fields';
  const fields = message as Record<string, unknown>;
  if (typeof fields['reason'] !== 'string') return 'reason must be a text';
  if (fields['reason'].length > MAX_REASON_CHARACTERS)
    return `reason is longer than ${MAX_REASON_CHARACTERS} characters`;
  if (typeof fields['door'] !== 'string') return 'door must be a text';
  const proof = fields['proof'] as { kind?: unknown } | null | undefined;
  if (typeof proof !== 'object' || proof === null || typeof proof.kind !== 'string')
    return 'the message carries no proof of who sent it';
  const member = MEMBER_OF_PROOF.get(proof.kind);
  if (member === undefined) return `a proof of kind ${proof.kind} is not known`;
  if (typeof (proof as Record<string, unknown>)[member] !== 'string')
    return `the proof lacks ${member}`;
  return undefined;
}

/** Which proofs each door can bring; anything else is a message that pretends to have come through it. */
const PROOFS_OF_DOOR: ReadonlyMap<string, readonly string[]> = new Map([
  ['console', ['proxy', 'os-user']],
  ['cli', ['sts']],
  ['local', ['os-user']],
  ['temporal', ['unverified']],
  ['registry', ['registry']],
]);

const canBring = ({ door, proof }: DecisionMessage): boolean =>
  PROOFS_OF_DOOR.get(door)?.includes(proof.kind) === true;

const doorOpen = (doors: readonly string[], message: DecisionMessage): boolean =>
  doors.includes(message.door) && canBring(message);

function doorInWords(message: DecisionMessage): string {
  if (message.door === 'temporal') return 'temporal (unverified)';
  return canBring(message)
    ? message.door
    : `${message.door} with a proof of kind ${message.proof.kind}`;
}

export type LadderStep =
  | { readonly kind: 'remind'; readonly atMs: number; readonly number: number }
  | { readonly kind: 'escalate'; readonly atMs: number; readonly topic: string }
  | { readonly kind: 'expire'; readonly atMs: number };

/** What happens while nobody answers, in order of time; expiry last. */
export function ladder(
  approve: PolicySpec['approve'],
  requestedAtMs: number,
): readonly LadderStep[] {
  const expiresAtMs = requestedAtMs + durationMs(approve.expires);
  const reminders = approve.remind.map(durationMs).sort((a, b) => a - b);
  const steps: LadderStep[] = reminders.map((afterMs, index) => ({
    kind: 'remind',
    atMs: requestedAtMs + afterMs,
    number: index + 1,
  }));
  if (approve.escalate !== undefined) {
    const atMs = requestedAtMs + durationMs(approve.escalate.after);
    steps.push({ kind: 'escalate', atMs, topic: approve.escalate.to });
  }
  return [
    ...steps.filter((step) => step.atMs < expiresAtMs).sort((a, b) => a.atMs - b.atMs),
    { kind: 'expire', atMs: expiresAtMs },
  ];
}
