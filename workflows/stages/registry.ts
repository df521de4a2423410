import { CancellationScope, condition, isCancellation, sleep } from '@temporalio/workflow';

import { inWords } from '../../domain/duration.js';
import type { Candidate, Evaluation } from '../../domain/model.js';
import { afterForeignChange, mayTakeBack, openingOf, registryNews } from '../../domain/registry.js';
import type { PackageReading, RegistryMemory } from '../../domain/registry.js';
import type { ApprovalRequest } from '../../domain/status.js';
import { hintsHelp, MIN_HINT_INTERVAL_MS } from '../../domain/watch.js';
import { control, registryWatch } from '../activities.js';
import { isQuietDay, sentenceOf } from '../failures.js';
import type { ReleaseDesk } from '../release-desk.js';

/** What the registry is to say while people are asked, with the addresses somebody in Studio needs to see why. */
export function pendingPackage(
  desk: Pick<ReleaseDesk, 'ref' | 'input'>,
  packageArn: string,
  evaluation: Evaluation,
) {
  const release = String(desk.input.release);
  return {
    packageArn,
    status: 'PendingManualApproval',
    description: `Waits for approval in modelkeeper, release ${release}: ${evaluation.verdict} on ${String(evaluation.rows)} rows.`,
    metadata: {
      'modelkeeper:release': release,
      'modelkeeper:verdict': evaluation.verdict,
      'modelkeeper:report': evaluation.reportUri,
      'modelkeeper:report-sha256': evaluation.reportDigest,
    },
    ...stage(desk, 'waiting'),
  } as const;
}

/** The policy's ModelLifeCycle for a moment of the package's life; nothing when it names none. */
export function stage(
  desk: Pick<ReleaseDesk, 'ref'>,
  moment: 'waiting' | 'promoted' | 'retired',
): { readonly lifeCycle?: { readonly stage: string; readonly status: string } } {
  const lifeCycle = desk.ref.policy.spec.registry.stages?.[moment];
  return lifeCycle === undefined ? {} : { lifeCycle };
}

/** Keeps the registry's status while people are asked. */
export interface RegistryDoor {
  /** Ends it and waits until no write of it is under way. */
  close(): Promise<void>;
}

/**
 * The registry as a door, while people are asked: hears what somebody makes of the pending package in SageMaker
 * Studio.
 *
 * It runs beside the asking: a registry that cannot be reached holds up nobody who decides elsewhere.
 */
export function openRegistryDoor(
  desk: ReleaseDesk,
  request: ApprovalRequest,
  candidate: Candidate,
): RegistryDoor {
  const scope = new CancellationScope();
  const over = scope
    .run(() => kept(desk, request, candidate))
    .catch((error: unknown) => {
      if (!isCancellation(error))
        desk.tell(`the registry is not watched any more: ${sentenceOf(error)}`);
    });
  return {
    async close() {
      scope.cancel();
      await CancellationScope.nonCancellable(() => over);
    },
  };
}

/** Until the matter is settled. */
async function kept(
  desk: ReleaseDesk,
  request: ApprovalRequest,
  candidate: Candidate,
): Promise<void> {
  const { packageArn } = candidate;
  // Asked a second time about the same candidate: what was decided before is void in the registry too.
  const opened =
    desk.takeOpening() ??
    (await desk.writePackage(
      'set the package to pending again',
      pendingPackage(desk, packageArn, request.evaluation),
    ));
  heedOpening(desk, request, opened.before);

  const look = openLooks(desk, packageArn);
  while (desk.ballot() === 'pending') {
    const memory = desk.registryMemory();
    if (memory === undefined) return;
    const now = await look(memory);
    if (now === undefined) continue;
    if (now.status === 'gone') {
      desk.seeRegistry({ kind: 'gone' }, 'the model package was deleted from the registry');
      return;
    }
    await heed(desk, request, memory, now);
  }
}

function heedOpening(desk: ReleaseDesk, request: ApprovalRequest, before: PackageReading): void {
  const opening = openingOf(before, desk.registryMemory()?.own ?? null);
  if (opening.kind === 'early') desk.tell(opening.sentence);
  if (opening.kind === 'rejected')
    desk.hear({
      verdict: 'reject',
      reason: opening.reason,
      digest: request.digest,
      door: 'registry',
      proof: { kind: 'registry', identity: opening.identity },
    });
}

/**
 * Answers the next reading that may tell something; `undefined` when a watch has run its time.
 *
 * The watch goes on beside a look that a hint asked for, and is taken up again after it.
 */
function openLooks(desk: ReleaseDesk, packageArn: string) {
  let watch: Promise<PackageReading | undefined> | undefined;
  let hintsSeen = desk.hints();
  let hintedAtMs = 0;

  const watching = (memory: RegistryMemory): Promise<PackageReading | undefined> =>
    registryWatch('watch the status in the registry')
      .watchPackage({ ...desk.ref, packageArn, memory })
      .catch((error: unknown) => {
        if (isQuietDay(error)) return undefined;
        throw error;
      });

  const hinted = async (memory: RegistryMemory): Promise<PackageReading> => {
    await condition(() => desk.hints() !== hintsSeen);
    const waitMs = hintedAtMs + MIN_HINT_INTERVAL_MS - Date.now();
    if (waitMs > 0) await sleep(waitMs, { summary: 'hinted: looks again' });
    hintsSeen = desk.hints();
    hintedAtMs = Date.now();
    return control('hinted: look at the registry').watchPackage({
      ...desk.ref,
      packageArn,
      memory,
      once: true,
    });
  };

  return async (memory: RegistryMemory): Promise<PackageReading | undefined> => {
    watch ??= watching(memory);
    if (!hintsHelp(desk.ref.policy.spec.monitor.every)) {
      const seen = await watch;
      watch = undefined;
      return seen;
    }
    const hint = new CancellationScope();
    const looked = hint.run(() => hinted(memory));
    looked.catch(() => undefined);
    try {
      const first = await Promise.race([
        watch.then((reading) => ({ by: 'watch' as const, reading })),
        looked.then((reading) => ({ by: 'hint' as const, reading })),
      ]);
      if (first.by === 'watch') watch = undefined;
      return first.reading;
    } finally {
      hint.cancel();
    }
  };
}

/** A decision that counts is counted; everything else is put back once, and then left to people. */
async function heed(
  desk: ReleaseDesk,
  request: ApprovalRequest,
  memory: RegistryMemory,
  now: PackageReading,
): Promise<void> {
  const news = registryNews(memory, now);
  if (news.kind === 'nothing' || news.kind === 'gone') return;
  if (news.kind === 'withdrawn') {
    // Pending is what it should be: somebody has put right what was contested.
    desk.remember({ ...memory, known: now });
    desk.seeRegistry({ kind: 'pending' }, `${news.identity} set the package back to pending`);
    return;
  }
  const answer = desk.hear({
    verdict: news.verdict,
    reason: news.reason,
    digest: request.digest,
    door: 'registry',
    proof: { kind: 'registry', identity: news.identity },
  });
  if (answer.kind === 'refused') {
    await putBack(desk, memory, now, answer.reason, 'PendingManualApproval');
    return;
  }
  if (desk.ballot() !== 'pending') return;
  const { decisions, approvalsNeeded } = desk.request() ?? request;
  const people = decisions.map((decision) => decision.person).join(', ');
  // Approved would let others deploy it: one approval of several is not one.
  await desk.writePackage('one approval of several: back to pending', {
    packageArn: now.packageArn,
    status: 'PendingManualApproval',
    description: `${String(decisions.length)} of ${String(approvalsNeeded)} approvals in modelkeeper: ${people}. Expires in ${inWords(request.expiresAtMs - Date.now())}.`,
  });
}

/** What does not count is put back once with a notice. The second time it is contested, and people must settle it. */
async function putBack(
  desk: ReleaseDesk,
  memory: RegistryMemory,
  now: PackageReading,
  reason: string,
  status: 'PendingManualApproval' | 'Approved',
): Promise<'revert' | 'contested'> {
  const { model, release } = desk.input;
  const who = now.lastModifiedBy ?? 'somebody';
  const reverts = desk.s.registry?.reverts ?? 0;
  const answer = afterForeignChange(reverts);
  const changed = `${who} set the package to ${now.approvalStatus} in the registry, which does not count: ${reason}`;
  if (answer === 'contested') {
    desk.remember({ ...memory, known: now });
    desk.seeRegistry(
      { kind: 'contested', status: now.approvalStatus },
      `the registry is contested: ${changed}; it was put back before, and is left to people now`,
    );
  } else {
    await desk.writePackage('put back a status that does not count', {
      packageArn: now.packageArn,
      status,
      description: `Set back by modelkeeper: ${reason}`,
    });
    desk.seeRegistry(
      { kind: 'reverted', status: now.approvalStatus },
      `${changed}; it was put back`,
    );
  }
  await desk.notify(
    'approval',
    `${model} release ${String(release)}: the registry was changed`,
    answer === 'contested'
      ? `${changed}\n\nIt was put back once already. modelkeeper leaves it as it is now: settle it among yourselves, and decide in modelkeeper.`
      : `${changed}\n\nIt was put back. The next such change is left as it is.`,
    {
      key: `registry/${String(now.lastModifiedAtMs ?? 0)}`,
      severity: answer === 'contested' ? 'critical' : 'warning',
      approval: true,
    },
  );
  return answer;
}

/** What the registry says right before a rollout, though it was set to Approved. */
export type TakenBack =
  | { readonly kind: 'stands' }
  | { readonly kind: 'rejected'; readonly by: string; readonly reason: string }
  /** The approval was withdrawn by somebody who may: people are asked again. */
  | { readonly kind: 'withdrawn'; readonly part: string }
  /** Put back to Approved once: look again. */
  | { readonly kind: 'put back' }
  | { readonly kind: 'contested'; readonly sentence: string };

/** Approved is a fact at a time: what has become of it since it was written. */
export async function heedBeforeRollout(
  desk: ReleaseDesk,
  now: PackageReading | undefined,
): Promise<TakenBack> {
  const memory = desk.registryMemory();
  if (now === undefined || memory === undefined) return { kind: 'stands' };
  const news = registryNews(memory, now);
  if (news.kind === 'nothing' || news.kind === 'gone') return { kind: 'stands' };
  const answer = mayTakeBack(desk.ref.policy, desk.electorate(), news.identity);
  if (answer.kind === 'counts') {
    if (news.kind === 'decided') {
      if (news.verdict === 'approve') return { kind: 'stands' };
      desk.tell(`${answer.person} rejected through registry: ${news.reason}`);
      await desk.record({
        decision: 'rejected',
        reasons: [`${answer.person} rejects through registry after the approval: ${news.reason}`],
        actor: {
          person: answer.person,
          door: 'registry',
          proof: { kind: 'registry', identity: news.identity },
        },
      });
      return { kind: 'rejected', by: answer.person, reason: news.reason };
    }
    desk.remember({ ...memory, known: now });
    return {
      kind: 'withdrawn',
      part: `the approval (${answer.person} took it back in the registry)`,
    };
  }
  desk.turnAway('registry', now.lastModifiedBy ?? 'unknown', answer.reason);
  const done = await putBack(desk, memory, now, answer.reason, 'Approved');
  return done === 'revert'
    ? { kind: 'put back' }
    : {
        kind: 'contested',
        sentence: `the model package is ${now.approvalStatus} in the registry, not Approved, and contested: ${now.lastModifiedBy ?? 'somebody'} set it so after the approval, twice`,
      };
}
