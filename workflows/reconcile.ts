import { isCancellation, patched } from '@temporalio/workflow';

import type { Reconciliation } from '../activities/contract.js';
import { DISAGREEMENTS, keyOf, remedyFor } from '../domain/disagreements.js';
import type { Disagreement, Expected, OpenDisagreement, Remedy } from '../domain/disagreements.js';
import { personOf } from '../domain/people.js';
import type { Actor } from '../domain/people.js';
import { control, swift } from './activities.js';
import { sentenceOf } from './failures.js';
import type { KeeperDesk } from './keeper-desk.js';
import { carryOut } from './keeper-work.js';
import type { ReconcileState } from './keeper-state.js';
import { SINCE_0_2 } from './patches.js';

const MAX_REPAIRED = 50;

/** Whether this keeper compares: one that began before it could goes on without until it continues as new. */
export const reconciles = (): boolean => patched(SINCE_0_2);

const fresh: ReconcileState = {
  atMs: null,
  open: [],
  accepted: [],
  repaired: [],
  configName: null,
  seen: null,
};

export const reconcileState = (desk: KeeperDesk): ReconcileState => desk.state.reconcile ?? fresh;

const remember = (desk: KeeperDesk, change: Partial<ReconcileState>): void => {
  desk.state.reconcile = { ...reconcileState(desk), ...change };
};

export const expected = (desk: KeeperDesk): Expected => {
  const { configName, seen } = reconcileState(desk);
  return { configName: configName ?? desk.state.champion?.configName ?? null, seen };
};

/** A comparison, and what should have been when it was asked for. */
export interface Compared {
  readonly asked: Expected;
  readonly found: Reconciliation;
}

/**
 * Whether a comparison still says something. `overtaken`: by now another config should serve. `ahead`: it saw one that
 * the keeper's own look has not told yet. A release's rollout or way back would seem to be somebody else's doing.
 */
export function standingOf(
  desk: KeeperDesk,
  { asked, found }: Compared,
): 'holds' | 'overtaken' | 'ahead' {
  const { endpoint } = desk.state;
  if (!found.compared) return 'holds';
  if (asked.configName !== null && asked.configName !== expected(desk).configName)
    return 'overtaken';
  return found.seen !== null && endpoint !== null && found.seen.configName !== endpoint.configName
    ? 'ahead'
    : 'holds';
}

/** The config that serves was put there by us, or was there when we came. */
export function settleConfig(desk: KeeperDesk, configName: string | null): void {
  remember(desk, { configName });
}

/** A rollout moves what would be compared: then nothing is. */
const isMoving = (desk: KeeperDesk): boolean =>
  desk.state.leaseHolder !== null && desk.state.releases.some(({ stage }) => stage === 'deploy');

/** Compares now, acts on what differs, and answers what is left open. */
export async function reconcileNow(
  desk: KeeperDesk,
  why: string,
): Promise<readonly OpenDisagreement[]> {
  const told = await swift(`compare everything: ${why}`).reconcile({
    ...desk.ref(),
    expected: expected(desk),
    known: [],
    ledgerHead: desk.state.head.number,
    notBeforeMs: 0,
    once: true,
  });
  await heedReconciliation(desk, told);
  return reconcileState(desk).open;
}

/** Acts on what a comparison found: each new disagreement by its remedy, once. */
export async function heedReconciliation(desk: KeeperDesk, told: Reconciliation): Promise<void> {
  if (!told.compared || isMoving(desk)) return;
  const before = reconcileState(desk);
  remember(desk, {
    atMs: told.atMs,
    seen: told.seen,
    configName: before.configName ?? told.seen?.configName ?? null,
  });
  const found = told.disagreements.filter((one) => !before.accepted.includes(keyOf(one)));
  const known = new Map(before.open.map((one) => [keyOf(one), one]));
  for (const one of before.open)
    if (!found.some((now) => keyOf(now) === keyOf(one)))
      desk.tell(`no disagreement any more: ${one.sentence}`);
  const open: OpenDisagreement[] = [];
  for (const one of found) {
    const standing = known.get(keyOf(one));
    if (standing !== undefined) open.push(standing);
    else {
      const left = await act(desk, one);
      if (left !== undefined) open.push(left);
    }
  }
  remember(desk, { open });
  desk.show();
}

/** @returns what is left to stand; `undefined` when it was put right */
async function act(desk: KeeperDesk, found: Disagreement): Promise<OpenDisagreement | undefined> {
  const nowMs = Date.now();
  const { remedy, contested } = remedyFor(
    desk.state.policy,
    found,
    reconcileState(desk).repaired,
    nowMs,
  );
  const stands = (as: Remedy, note?: string): OpenDisagreement => ({
    ...found,
    remedy: as,
    sinceMs: nowMs,
    ...(note === undefined ? {} : { note }),
  });
  if (remedy === 'report') {
    desk.tell(`disagreement (${found.kind}): ${found.sentence}`);
    return stands('report');
  }
  if (remedy === 'ask') {
    const note = contested
      ? 'contested: it was put right before and changed again; it is left to people now'
      : undefined;
    await ask(desk, found, note);
    return stands('ask', note);
  }
  try {
    const fault = await repair(desk, found);
    if (fault !== undefined) {
      await ask(desk, found, fault);
      return stands('ask', fault);
    }
  } catch (error) {
    if (isCancellation(error)) throw error;
    const note = `could not be put right: ${sentenceOf(error)}`;
    await ask(desk, found, note);
    return stands('ask', note);
  }
  const what = DISAGREEMENTS[found.kind].repair ?? 'puts it right';
  desk.tell(`${found.sentence}; modelkeeper ${what}`);
  const { repaired } = reconcileState(desk);
  remember(desk, {
    repaired: [...repaired, { kind: found.kind, subject: found.subject, atMs: nowMs }].slice(
      -MAX_REPAIRED,
    ),
  });
  await desk.record({
    decision: 'repaired',
    reasons: [found.sentence, `modelkeeper ${what}`],
    facts: { kind: found.kind, subject: found.subject },
    urgent: true,
  });
  return undefined;
}

async function ask(desk: KeeperDesk, found: Disagreement, note: string | undefined): Promise<void> {
  const reasons = [found.sentence, ...(note === undefined ? [] : [note])];
  desk.tell(`disagreement (${found.kind}): ${reasons.join('; ')}`);
  await desk.record({
    decision: 'disagreement',
    reasons,
    facts: { kind: found.kind, subject: found.subject },
    urgent: true,
  });
  await desk.notify(
    'disagreement',
    `${desk.model}: ${found.kind}`,
    `${reasons.join('\n')}\n\nPut it right, or accept it: modelkeeper reconcile ${desk.model} --accept ${found.kind} --reason "…"`,
    'warning',
    `disagreement/${found.kind}/${found.subject}/${String(Date.now())}`,
  );
}

/** @returns why it cannot be put right; `undefined` when it was */
async function repair(desk: KeeperDesk, found: Disagreement): Promise<string | undefined> {
  const { state } = desk;
  const ref = desk.ref();
  switch (found.kind) {
    case 'alarm-missing':
    case 'alarm-changed': {
      const { alarms } = await control(`repair: ${found.kind}`).repairAlarms(ref);
      return Object.values(alarms).flat().includes(found.subject)
        ? undefined
        : 'it is an alarm of your own, which modelkeeper does not make';
    }
    case 'alarm-left-behind':
      await control(`repair: ${found.kind}`).repairAlarms(ref);
      return undefined;
    case 'scaling-target-missing':
    case 'scaling-target-changed':
    case 'scaling-policy-changed':
      await control(`repair: ${found.kind}`).repairScaling(ref);
      return undefined;
    case 'claim-lost': {
      const claim = await control('claim the endpoint again').claimEndpoint(ref);
      return claim.kind === 'refused' ? claim.reason : undefined;
    }
    case 'ledger-head-behind': {
      const { head } = await control('read the head of the ledger again').rebuild(ref);
      if (head.number > state.head.number) state.head = head;
      return undefined;
    }
    case 'package-status-changed':
      await control('put the status in the registry back').writePackage({
        ...ref,
        packageArn: found.subject,
        status: 'Approved',
        description:
          'Set back by modelkeeper: it serves, and decisions in the registry do not count.',
      });
      return undefined;
    case 'package-rejected-while-serving':
      return rollBack(desk, found);
    default:
      return 'only people can put this right';
  }
}

/** The keeper's ordinary rollback, with its rules of the lease. */
async function rollBack(desk: KeeperDesk, found: Disagreement): Promise<string | undefined> {
  if (desk.state.leaseHolder === null && desk.state.previousConfigName === null)
    return 'there is no earlier config to go back to';
  const id = `reconcile/${found.subject}/${String(Date.now())}`;
  await carryOut(desk, { kind: 'rollback', id, by: authorOf(desk, found), reason: found.sentence });
  const answer = desk.state.answers[id];
  return answer?.kind === 'refused' ? `no rollback: ${answer.reason}` : undefined;
}

/** Whoever the sentence begins with: the identity the registry names, as a person where `people` knows them. */
function authorOf(desk: KeeperDesk, found: Disagreement): Actor {
  const identity = found.sentence.split(' ')[0] ?? '';
  if (!identity.startsWith('arn:')) return desk.me();
  const proof = { kind: 'registry', identity } as const;
  const who = personOf(desk.state.policy, proof);
  return { person: who.kind === 'person' ? who.person : identity, door: 'registry', proof };
}

/** People take what is for what should be, until it changes again. */
export function accept(desk: KeeperDesk, kind: string): readonly OpenDisagreement[] {
  const { open, accepted } = reconcileState(desk);
  const taken = open.filter((one) => one.kind === kind);
  if (taken.length === 0) return [];
  remember(desk, {
    open: open.filter((one) => one.kind !== kind),
    accepted: [...accepted, ...taken.map(keyOf)].slice(-MAX_REPAIRED),
  });
  if (kind === 'endpoint-config-changed')
    settleConfig(desk, desk.state.champion?.configName ?? null);
  return taken;
}
