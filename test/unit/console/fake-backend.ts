import { outcomeOf } from '../../../domain/approval.js';
import type { ApprovalRequest, DecisionMessage } from '../../../domain/status.js';
import type { ConsoleBackend } from '../../../client/console/backend.js';
import { ModelkeeperError } from '../../../client/errors.js';
import {
  keeper,
  ledgerEntries,
  modelLine,
  modelView,
  NOW_MS,
  releaseLines,
  releaseView,
  request,
  windowReport,
} from './samples.js';

export interface FakeBackend extends ConsoleBackend {
  /** What waits for approval; tests put another one in its place. */
  asked: ApprovalRequest | null;
  readonly decisions: {
    readonly message: DecisionMessage;
    readonly updateId: string | undefined;
  }[];
}

/** One model with one candidate waiting; decisions count as the workflow would count them. */
export function fakeBackend(over: Partial<ConsoleBackend> = {}): FakeBackend {
  const only = (model: string): void => {
    if (model !== 'flight-delays')
      throw new ModelkeeperError('not-found', `there is no keeper of ${model}`);
  };
  const fake: FakeBackend = {
    asked: request,
    decisions: [],
    connection: () => ({ kind: 'connected' }),
    list: () => Promise.resolve([modelLine]),
    status: (model) => later(() => (only(model), modelView)),
    releases: () => Promise.resolve(releaseLines),
    releaseStatus: (model, release) =>
      later(() => {
        only(model);
        if (release !== 7)
          throw new ModelkeeperError(
            'not-found',
            `there is no release ${String(release)} of ${model}`,
          );
        const { status } = releaseView;
        if (status === null) return releaseView;
        const decisions = fake.asked?.decisions ?? status.decisions;
        return {
          ...releaseView,
          status: { ...status, decisions, ...(fake.asked === null ? { request: null } : {}) },
        };
      }),
    why: () =>
      Promise.resolve({
        sentence: 'flight-delays is drift; it waits for the next look',
        because: keeper.verdictReasons,
        evidence: [],
      }),
    approvalRequest: (model) => later(() => (only(model), fake.asked)),
    decide: (_model, _release, message, options) =>
      later(() => {
        fake.decisions.push({ message, updateId: options.updateId });
        const { asked } = fake;
        if (asked === null)
          return { kind: 'refused', reason: 'no candidate is waiting for approval' };
        if (message.digest !== asked.digest)
          return { kind: 'refused', reason: 'this decision is about other evidence' };
        const { verdict, reason, door, proof } = message;
        const decisions = [
          ...asked.decisions,
          { verdict, reason, person: 'ada@example.com', door, proof, atMs: NOW_MS },
        ];
        fake.asked = { ...asked, decisions };
        return {
          kind: 'done',
          answer: { sentence: 'it counts', outcome: outcomeOf(asked.approvalsNeeded, decisions) },
        };
      }),
    ledger: () => Promise.resolve({ kind: 'entries', entries: ledgerEntries }),
    windowHistory: () => Promise.resolve({ windows: [] }),
    readReport: () => Promise.resolve(windowReport),
    ...over,
  };
  return fake;
}

/** Throws inside of the promise, as a real backend does. */
function later<Value>(make: () => Value): Promise<Value> {
  return Promise.resolve().then(make);
}
