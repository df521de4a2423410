/** Shares of the traffic while champion and candidate serve side by side. Pure. */
import type { TrafficStep } from './evidence.js';
import type { AlarmState } from './model.js';

/** Weights as SageMaker has them; `null` where it does not say. */
export interface Weights {
  readonly champion: number | null;
  readonly candidate: number | null;
}

/** Shares closer than this, in percent, are the same: weights come back as floats of single precision. */
const SAME_PERCENT = 0.05;

/** Weights that give the candidate this share of the traffic. */
export const weightsFor = (percent: number): { champion: number; candidate: number } => ({
  champion: Number((100 - percent).toFixed(3)),
  candidate: percent,
});

/** The candidate's share in percent; `null` when the weights do not say. */
export function shareOf({ champion, candidate }: Weights): number | null {
  if (champion === null || candidate === null || champion + candidate <= 0) return null;
  return (100 * candidate) / (champion + candidate);
}

export const sameShare = (a: number, b: number): boolean => Math.abs(a - b) < SAME_PERCENT;

/**
 * What is to be done about the weights that are there.
 *
 * @param expected what we have set before; `null` when a person has just said to go on from whatever is there
 */
export function judgeShare(
  found: number,
  wanted: number,
  expected: number | null,
): 'there' | 'set it' | 'changed by hand' {
  if (sameShare(found, wanted)) return 'there';
  return expected === null || sameShare(found, expected) ? 'set it' : 'changed by hand';
}

/** `12.5 %` */
export const shareInWords = (percent: number): string => `${Number(percent.toFixed(2))} %`;

/** Instances the candidate starts with: what its largest share takes of the champion's fleet, at least one. */
export function candidateInstances(champion: number, steps: readonly TrafficStep[]): number {
  const largest = Math.max(0, ...steps.map(({ percent }) => percent));
  return Math.max(1, Math.ceil((champion * largest) / 100 - 1e-9));
}

export interface WatchedAlarm {
  readonly name: string;
  /** `null` when there is no such alarm. */
  readonly state: AlarmState | null;
  readonly reason: string;
}

/** How long after a bake its alarms may still wait for their first evaluation. */
export const EVALUATED_WITHIN_MS = 5 * 60_000;

export type AlarmJudgement =
  | { readonly kind: 'alarm'; readonly reason: string }
  /** An alarm says nothing: that is no pass. */
  | { readonly kind: 'blind'; readonly reason: string; readonly lost: boolean }
  | { readonly kind: 'quiet' };

/** What the rollback alarms say of the candidate: one in ALARM outweighs any that says nothing. */
export function judgeAlarms(alarms: readonly WatchedAlarm[]): AlarmJudgement {
  const loud = alarms.find(({ state }) => state === 'ALARM');
  if (loud !== undefined)
    return { kind: 'alarm', reason: `alarm ${loud.name} went off: ${loud.reason}` };
  const lost = alarms.find(({ state }) => state === null);
  if (lost !== undefined)
    return { kind: 'blind', reason: `the rollback alarm ${lost.name} was deleted`, lost: true };
  const mute = alarms.find(({ state }) => state === 'INSUFFICIENT_DATA');
  return mute === undefined
    ? { kind: 'quiet' }
    : { kind: 'blind', reason: `the rollback alarm ${mute.name} cannot tell yet`, lost: false };
}
