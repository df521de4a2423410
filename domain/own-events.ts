/**
 * What the service itself puts on an event bus. The ledger is the record; these are for whoever wants to act on it
 * without asking.
 */
import type { LedgerDraft } from './ledger.js';
import type { ReleaseResult, ReleaseStage, Verdict } from './model.js';
import type { DecisionDetail, StageDetail, VerdictDetail } from './own-events.schema.js';
import type { EventsPolicy, OwnEventKind, Policy } from './policy.schema.js';

export const OWN_SOURCE = 'modelkeeper';

/** A new version gets a new type beside the old one; members of a detail are only ever added. */
export const DETAIL_TYPES: Readonly<Record<OwnEventKind, string>> = {
  stage: 'Modelkeeper Release Stage Change v1',
  decision: 'Modelkeeper Decision v1',
  verdict: 'Modelkeeper Verdict Change v1',
};

interface Common {
  /** The same for every repeat of the event: consumers drop repeats by it. */
  readonly id: string;
  readonly atMs: number;
}

export type OwnEvent =
  | (Common & {
      readonly kind: 'stage';
      readonly release: number;
      readonly stage: ReleaseStage;
      readonly previousStage: ReleaseStage | null;
      /** How it ended; only with the stage `ended`. */
      readonly result?: ReleaseResult['kind'];
    })
  | (Common & {
      readonly kind: 'decision';
      readonly subject: string;
      readonly release: number | null;
      readonly decision: string;
      readonly reasons: readonly string[];
      readonly evidence: LedgerDraft['evidence'];
      readonly person: string;
      readonly door: string;
    })
  | (Common & {
      readonly kind: 'verdict';
      readonly verdict: Verdict;
      readonly previousVerdict: Verdict;
      readonly reasons: readonly string[];
    });

/** Events that wait for a bus that takes none; the oldest fall out, and the timeline says so. */
export const MOST_UNSENT = 200;

const MOST_REASONS = 20;
const REASON_LENGTH = 1_000;
const MOST_EVIDENCE = 20;

/** Which kinds the policy wants: all of them where `events.on` is not written, none without `events`. */
export const wantsEvent = (events: EventsPolicy | undefined, kind: OwnEventKind): boolean =>
  events !== undefined && (events.on?.includes(kind) ?? true);

/** A ledger entry as an event; its id is the entry's. Long reasons are cut: the ledger holds them whole. */
export function decisionEvent(draft: LedgerDraft): Extract<OwnEvent, { kind: 'decision' }> {
  const release = draft.facts['release'];
  return {
    kind: 'decision',
    id: draft.id,
    atMs: draft.atMs,
    subject: draft.subject,
    release: typeof release === 'number' ? release : null,
    decision: draft.decision,
    reasons: cut(draft.reasons),
    evidence: draft.evidence.slice(0, MOST_EVIDENCE),
    person: draft.actor.person,
    door: draft.actor.door,
  };
}

export const cut = (reasons: readonly string[]): readonly string[] =>
  reasons.slice(0, MOST_REASONS).map((reason) => reason.slice(0, REASON_LENGTH));

/** The detail that goes on the bus, as docs/schemas describes it. */
export function detailOf(
  policy: Policy,
  event: OwnEvent,
): StageDetail | DecisionDetail | VerdictDetail {
  const { metadata, spec } = policy;
  const common = {
    eventId: event.id,
    at: new Date(event.atMs).toISOString(),
    model: metadata.name,
    team: metadata.team ?? null,
    endpoint: spec.endpoint.name,
    region: spec.endpoint.region,
  };
  switch (event.kind) {
    case 'stage':
      return {
        ...common,
        release: event.release,
        stage: event.stage,
        previousStage: event.previousStage,
        result: event.result ?? null,
      };
    case 'decision':
      return {
        ...common,
        release: event.release,
        subject: event.subject,
        decision: event.decision,
        reasons: [...event.reasons],
        evidence: event.evidence.map(({ uri, digest }) => ({ uri, sha256: digest ?? null })),
        actor: { person: event.person, door: event.door },
      };
    case 'verdict':
      return {
        ...common,
        verdict: event.verdict,
        previousVerdict: event.previousVerdict,
        reasons: [...event.reasons],
      };
  }
}
