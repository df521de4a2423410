import { condition, patched } from '@temporalio/workflow';

import { ladder } from '../../domain/approval.js';
import type { LadderStep } from '../../domain/approval.js';
import { waitMetrics } from '../../domain/custom-metrics.js';
import { instantInWords, inWords } from '../../domain/duration.js';
import type { Evidence } from '../../domain/evidence.js';
import { weaknesses } from '../../domain/evidence.js';
import type { Candidate } from '../../domain/model.js';
import type { PostEvidence } from '../../domain/notices.js';
import type { ApprovalRequest } from '../../domain/status.js';
import { planInWords } from '../../domain/rollout.js';
import { control, swiftWrite } from '../activities.js';
import { atBest } from '../failures.js';
import { publishMetrics } from '../metrics.js';
import { SINCE_0_2 } from '../patches.js';
import type { ReleaseDesk } from '../release-desk.js';
import type { Ready } from './evaluate.js';
import { openRegistryDoor } from './registry.js';
import type { RegistryDoor } from './registry.js';

export type Approved =
  | {
      readonly kind: 'approved';
      readonly evidence: Evidence;
      readonly digest: string;
      readonly by: string;
    }
  | { readonly kind: 'rejected'; readonly by: string; readonly reason: string }
  | { readonly kind: 'expired'; readonly reason: string };

/**
 * Asks people, reminds them, and waits until they have settled it or the request expires.
 *
 * @param voided what changed about an earlier request, in words; empty for the first one
 */
export async function approve(
  desk: ReleaseDesk,
  candidate: Candidate,
  ready: Pick<Ready, 'evaluation' | 'prepared' | 'evidence' | 'digest'>,
  voided: readonly string[],
): Promise<Approved> {
  const { ref } = desk;
  const { prepared } = ready;
  const request = asked(desk, ready);
  desk.enter(
    'approve',
    `${String(request.approvalsNeeded)} approval(s) by ${request.approvers.join(', ')}`,
    request.expiresAtMs,
  );
  const round = `${request.digest.slice(0, 12)}${desk.ask(request)}`;
  // Executions that began before the registry was a door have prepared nothing there.
  const door =
    prepared.registry === undefined ? undefined : openRegistryDoor(desk, request, candidate);
  try {
    await askedPeople(desk, candidate, ready, { request, round, voided, door });
    for (const step of ladder(ref.policy.spec.approve, request.requestedAtMs)) {
      if (await settledBefore(desk, step)) break;
      await climbed(desk, step, request, round);
    }
  } finally {
    await door?.close();
  }
  return settled(desk, request, candidate, door);
}

async function askedPeople(
  desk: ReleaseDesk,
  candidate: Candidate,
  { evaluation, prepared }: Pick<Ready, 'evaluation' | 'prepared'>,
  asking: {
    readonly request: ApprovalRequest;
    readonly round: string;
    readonly voided: readonly string[];
    readonly door: RegistryDoor | undefined;
  },
): Promise<void> {
  const { ref, input } = desk;
  const { request, round, voided, door } = asking;
  const subject = `Approve ${input.model} release ${String(input.release)}?`;
  await Promise.all([
    desk.record({
      decision: 'request',
      reasons: [
        `approval asked of ${request.approvers.join(', ')}`,
        ...voided.map((part) => `the earlier request is void: ${part} changed`),
        ...request.weaknesses,
      ],
      evidence: [{ uri: evaluation.reportUri, digest: evaluation.reportDigest }],
      facts: {
        digest: request.digest,
        configName: prepared.configName,
        packageArn: candidate.packageArn,
      },
    }),
    desk.notify('approval', subject, requestText(request, voided), {
      key: `approval/${round}`,
      approval: true,
      evidence: evidenceOf(request),
    }),
    door !== undefined || candidate.approvalStatus === 'PendingManualApproval'
      ? Promise.resolve()
      : control('set the package to pending').setApprovalStatus({
          ...ref,
          packageArn: candidate.packageArn,
          status: 'PendingManualApproval',
          description: `Waits for approval in modelkeeper. It was registered as ${candidate.approvalStatus}.`,
        }),
  ]);
}

function asked(
  desk: ReleaseDesk,
  ready: Pick<Ready, 'evaluation' | 'evidence' | 'digest'>,
): ApprovalRequest {
  const { ref, input } = desk;
  const { evaluation, evidence, digest } = ready;
  const requestedAtMs = Date.now();
  const steps = ladder(ref.policy.spec.approve, requestedAtMs);
  return {
    model: input.model,
    release: input.release,
    digest,
    evidence,
    evaluation,
    weaknesses: weaknesses(evidence),
    trigger: input.trigger,
    ...desk.electorate(),
    requestedAtMs,
    expiresAtMs: steps.at(-1)?.atMs ?? requestedAtMs,
    approvalsNeeded: ref.policy.spec.approve.approvals,
    doors: ref.policy.spec.approve.doors,
    decisions: [],
  };
}

/** Waits for the people until the next rung of the ladder. */
async function settledBefore(desk: ReleaseDesk, step: LadderStep): Promise<boolean> {
  if (desk.ballot() !== 'pending') return true;
  const waitMs = step.atMs - Date.now();
  if (waitMs <= 0) return false;
  return condition(() => desk.ballot() !== 'pending', waitMs, {
    summary: `${step.kind} at ${instantInWords(step.atMs)}`,
  });
}

async function climbed(
  desk: ReleaseDesk,
  step: LadderStep,
  request: ApprovalRequest,
  round: string,
): Promise<void> {
  const subject = `Approve ${request.model} release ${String(request.release)}?`;
  const left = inWords(request.expiresAtMs - Date.now());
  switch (step.kind) {
    case 'remind':
      desk.tell(`reminder ${String(step.number)} sent; expires in ${left}`);
      return desk.notify(
        'approval',
        `Reminder: ${subject}`,
        `Still waiting. It expires in ${left}.\n\n${requestText(request, [])}`,
        {
          key: `remind/${round}/${String(step.number)}`,
          severity: 'warning',
          approval: true,
          evidence: evidenceOf(request),
        },
      );
    case 'escalate':
      desk.tell(`escalated; expires in ${left}`);
      return desk.notify(
        'approval',
        `Escalation: ${subject}`,
        `Nobody has decided. It expires in ${left}.\n\n${requestText(request, [])}`,
        {
          key: `escalate/${round}`,
          severity: 'critical',
          approval: true,
          evidence: evidenceOf(request),
          topic: step.topic,
        },
      );
    case 'expire':
      desk.tell('the request has expired');
  }
}

async function settled(
  desk: ReleaseDesk,
  request: ApprovalRequest,
  candidate: Candidate,
  door: RegistryDoor | undefined,
): Promise<Approved> {
  const { ref } = desk;
  const outcome = desk.ballot();
  const decisions = desk.request()?.decisions ?? [];
  const people = decisions
    .map((decision) => `${decision.person} (${decision.door}, ${decision.proof.kind})`)
    .join(', ');
  const last = decisions.at(-1);
  const reasons = decisions.map(
    (decision) =>
      `${decision.person} ${decision.verdict}s through ${decision.door}: ${decision.reason === '' ? 'no reason given' : decision.reason}`,
  );
  desk.settled();
  void publishMetrics(ref, waitMetrics(ref.model, request, Date.now()), desk.tell);
  const recorded = desk.record({
    decision: outcome === 'pending' ? 'expired' : outcome,
    reasons:
      outcome === 'pending'
        ? [`nobody settled it before ${instantInWords(request.expiresAtMs)}`, ...reasons]
        : reasons,
    evidence: [
      {
        uri: request.evidence.evaluation.reportUri,
        digest: request.evidence.evaluation.reportDigest,
      },
    ],
    facts: { digest: request.digest, decisions },
    ...(last === undefined || outcome === 'pending'
      ? {}
      : { actor: { person: last.person, door: last.door, proof: last.proof } }),
    swift: true,
  });
  if (outcome === 'approved') {
    // The keeper compares the ledger with what it has been told of it: the approval is entered first.
    const asked = patched(SINCE_0_2) ? recorded.then(() => desk.askForLease()) : undefined;
    const wish = {
      packageArn: candidate.packageArn,
      status: 'Approved',
      description: `Approved in modelkeeper by ${people}. Evidence ${request.digest.slice(0, 16)}.`,
      metadata: { 'modelkeeper:evidence': request.digest },
    } as const;
    const summary = 'set the package to Approved';
    await Promise.all([
      recorded,
      asked,
      door === undefined
        ? control(summary).setApprovalStatus({ ...ref, ...wish })
        : desk.writePackage(summary, wish, swiftWrite(summary)),
    ]);
    await desk.gate();
    return { kind: 'approved', evidence: request.evidence, digest: request.digest, by: people };
  }
  await recorded;
  if (outcome === 'rejected') {
    return { kind: 'rejected', by: last?.person ?? 'somebody', reason: last?.reason ?? '' };
  }
  await atBest(
    () =>
      control('say in the registry that it expired').setApprovalStatus({
        ...ref,
        packageArn: candidate.packageArn,
        status: 'PendingManualApproval',
        description: `Expired in modelkeeper: nobody settled it before ${instantInWords(request.expiresAtMs)}.`,
      }),
    desk.tell,
  );
  return {
    kind: 'expired',
    reason: `nobody settled it before ${instantInWords(request.expiresAtMs)}`,
  };
}

/** Where the report lies that the request is about. */
const evidenceOf = ({ evaluation }: ApprovalRequest): readonly PostEvidence[] => [
  { uri: evaluation.reportUri, digest: evaluation.reportDigest },
];

function requestText(request: ApprovalRequest, voided: readonly string[]): string {
  const interval = (value: number | null): string => (value === null ? '–' : value.toFixed(4));
  const metrics = request.evaluation.candidate.map((candidate) => {
    const champion = request.evaluation.champion.find((known) => known.metric === candidate.metric);
    return `${candidate.metric}: candidate ${interval(candidate.estimate)} (${interval(candidate.lower)} to ${interval(candidate.upper)}), champion ${champion === undefined ? 'none' : `${interval(champion.estimate)} (${interval(champion.lower)} to ${interval(champion.upper)})`}`;
  });
  return [
    ...(voided.length === 0
      ? []
      : [`The earlier request is void: changed ${voided.join(', ')}.`, '']),
    `Why: ${request.trigger.reasons.join('; ')}`,
    `Evaluation: ${request.evaluation.verdict} on ${String(request.evaluation.rows)} rows`,
    ...metrics,
    `Rollout: ${planInWords(request.evidence.plan)}`,
    ...request.weaknesses.map((weakness) => `Note: ${weakness}`),
    `Needs ${String(request.approvalsNeeded)} of: ${request.approvers.join(', ')}`,
    `Expires: ${instantInWords(request.expiresAtMs)}`,
    `Evidence: ${request.digest}`,
  ].join('\n');
}
