import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { ladder, outcomeOf, weigh, askedFault } from '../../../domain/approval.js';
import type { Proof } from '../../../domain/people.js';
import type { Policy, PolicyInput } from '../../../domain/policy.schema.js';
import type { ApprovalRequest, Decision, DecisionMessage } from '../../../domain/status.js';
import {
  ADA,
  DAY_MS,
  EVIDENCE,
  GRACE,
  HOUR_MS,
  LINUS,
  NOON_MS,
  ROB,
  aPolicy,
  seeded,
} from './support.js';

seeded();

const DIGEST = '3f9a1c0d5be27a9846d1c2b7e0a4f6d85912cc7e34ab60f1d2e3c4b5a6978812';
const EXPIRES_MS = NOON_MS + 72 * HOUR_MS;
const POLICY = aPolicy();

const adaByCli: Proof = { kind: 'sts', arn: 'arn:aws:sts::111122223333:assumed-role/ada/laptop' };
const graceByProxy: Proof = { kind: 'proxy', person: GRACE };
const robLocally: Proof = { kind: 'os-user', user: 'rob' };

const decided = (person: string, verdict: Decision['verdict'] = 'approve'): Decision => ({
  verdict,
  reason: '',
  person,
  door: 'console',
  proof: { kind: 'proxy', person },
  atMs: NOON_MS,
});

const asked = (change: Partial<ApprovalRequest> = {}): ApprovalRequest => ({
  model: 'flights',
  release: 7,
  digest: DIGEST,
  evidence: EVIDENCE,
  evaluation: { ...EVIDENCE.evaluation, reasons: [], gates: [] },
  weaknesses: [],
  trigger: {
    kind: 'manual',
    atMs: NOON_MS,
    reasons: [],
    by: { person: ROB, door: 'local', proof: robLocally },
    windows: [],
  },
  requestedBy: ROB,
  requestedAtMs: NOON_MS,
  expiresAtMs: EXPIRES_MS,
  approvalsNeeded: 2,
  approvers: [ADA, GRACE, ROB],
  doors: ['console', 'cli', 'local', 'temporal'],
  decisions: [],
  ...change,
});

const message = (change: Partial<DecisionMessage> = {}): DecisionMessage => ({
  verdict: 'approve',
  reason: ' better on every gate ',
  digest: DIGEST,
  door: 'cli',
  proof: adaByCli,
  ...change,
});

interface Case {
  readonly policy?: Policy;
  readonly request?: ApprovalRequest | null;
  readonly message?: DecisionMessage;
  readonly atMs?: number;
}

const weighed = (given: Case = {}): ReturnType<typeof weigh> =>
  weigh(
    given.policy ?? POLICY,
    given.request === null ? undefined : (given.request ?? asked()),
    'message' in given ? given.message : message(),
    given.atMs ?? NOON_MS + 1,
  );

const reasonOf = (given: Case): string => {
  const answer = weighed(given);
  return answer.kind === 'refused' ? answer.reason : `it counts as ${answer.decision.person}'s`;
};

const withApprove = (change: Partial<PolicyInput['spec']['approve']>): Policy =>
  aPolicy(({ spec }) => {
    Object.assign(spec.approve, change);
  });

describe('a ballot', () => {
  it.each([
    ['pending', 'nobody decided', 1, []],
    ['approved', 'one approves and one is enough', 1, [decided(ADA)]],
    ['pending', 'one of two approves', 2, [decided(ADA)]],
    ['approved', 'two of two approve', 2, [decided(ADA), decided(GRACE)]],
    ['pending', 'the same person approves twice', 2, [decided(ADA), decided(ADA)]],
    ['approved', 'more approve than needed', 1, [decided(ADA), decided(GRACE)]],
    ['rejected', 'one rejects', 2, [decided(ADA, 'reject')]],
    ['rejected', 'one rejects after another approved', 2, [decided(ADA), decided(GRACE, 'reject')]],
    ['rejected', 'one rejects among enough approvals', 1, [decided(ADA), decided(GRACE, 'reject')]],
  ] as const)('is %s when %s', (outcome, _when, needed, decisions) => {
    expect(outcomeOf(needed, decisions)).toBe(outcome);
  });
});

describe('a decision counts', () => {
  it('as its person’s, through its door, with its proof, at its instant, its reason trimmed', () => {
    expect(weighed()).toEqual({
      kind: 'counts',
      decision: {
        verdict: 'approve',
        reason: 'better on every gate',
        person: ADA,
        door: 'cli',
        proof: adaByCli,
        atMs: NOON_MS + 1,
      },
    });
  });

  it.each<[string, Case]>([
    ['until just before the request expires', { atMs: EXPIRES_MS - 1 }],
    ['of a second person', { request: asked({ decisions: [decided(GRACE)] }) }],
    ['without a reason when it approves', { message: message({ reason: '' }) }],
    ['with a reason when it rejects', { message: message({ verdict: 'reject' }) }],
    [
      'with a reason of exactly 2,000 characters',
      { message: message({ reason: 'x'.repeat(2_000) }) },
    ],
    [
      'of the requester where the policy lets requesters decide',
      {
        policy: withApprove({ requesterMayApprove: true }),
        message: message({ door: 'local', proof: robLocally }),
      },
    ],
    [
      'of anybody when the requester is no approver',
      {
        request: asked({ requestedBy: LINUS }),
        message: message({ door: 'local', proof: robLocally }),
      },
    ],
  ])('%s', (_claim, given) => {
    expect(weighed(given).kind).toBe('counts');
  });

  it.each<[DecisionMessage['door'], Proof, string]>([
    ['console', graceByProxy, GRACE],
    ['console', { kind: 'os-user', user: 'ada' }, ADA],
    ['cli', adaByCli, ADA],
    ['local', { kind: 'os-user', user: 'ada' }, ADA],
    ['temporal', { kind: 'unverified', claimed: 'Ada@Example.com' }, ADA],
  ])('through %s with %j as %s', (door, proof, person) => {
    expect(weighed({ message: message({ door, proof }) })).toMatchObject({
      kind: 'counts',
      decision: { door, proof, person },
    });
  });
});

describe('a decision is refused', () => {
  it.each<[string, Case, string]>([
    ['when nothing waits', { request: null }, 'no candidate is waiting for approval'],
    [
      'when the candidate is approved already',
      { request: asked({ approvalsNeeded: 1, decisions: [decided(GRACE)] }) },
      'the candidate is already approved',
    ],
    [
      'when the candidate is rejected already',
      { request: asked({ decisions: [decided(GRACE, 'reject')] }) },
      'the candidate is already rejected',
    ],
    ['at the very instant the request expires', { atMs: EXPIRES_MS }, 'the request has expired'],
    [
      'about other evidence, naming both digests by their beginnings',
      { message: message({ digest: 'f'.repeat(64) }) },
      'this decision is about other evidence: the request waiting has digest 3f9a1c0d5be2, the decision names ffffffffffff; read the request again',
    ],
    [
      'about no evidence',
      { message: message({ digest: '' }) },
      'this decision is about other evidence: the request waiting has digest 3f9a1c0d5be2, the decision names none; read the request again',
    ],
    [
      'about evidence that only begins alike',
      { message: message({ digest: `${DIGEST.slice(0, 12)}0` }) },
      'this decision is about other evidence: the request waiting has digest 3f9a1c0d5be2, the decision names 3f9a1c0d5be2; read the request again',
    ],
    [
      'through a door the policy does not name',
      { policy: withApprove({ doors: ['console', 'local'] }) },
      'decisions through cli do not count: approve.doors names console, local',
    ],
    [
      'sent straight to Temporal where the policy does not name that door',
      {
        policy: withApprove({ doors: ['console', 'cli'] }),
        message: message({ door: 'temporal', proof: { kind: 'unverified', claimed: ADA } }),
      },
      'decisions through temporal (unverified) do not count: approve.doors names console, cli',
    ],
    [
      'of an identity that is nobody’s',
      { message: message({ door: 'local', proof: { kind: 'os-user', user: 'root' } }) },
      'os:root belongs to nobody under spec.people of the policy: add it to the person it is',
    ],
    [
      'of a person who is no approver',
      { message: message({ door: 'local', proof: { kind: 'os-user', user: 'linus' } }) },
      'linus@example.com is not among the approvers: ada@example.com, grace@example.com, rob@example.com',
    ],
    [
      'of an approver of the policy who was not asked',
      { request: asked({ approvers: [GRACE] }) },
      'ada@example.com is not among the approvers: grace@example.com',
    ],
    [
      'of the requester',
      { message: message({ door: 'local', proof: robLocally }) },
      'the requester may not decide on their own candidate',
    ],
    [
      'of the requester however their name is spelled in the request',
      { request: asked({ requestedBy: 'Ada@Example.COM' }) },
      'the requester may not decide on their own candidate',
    ],
    [
      'of the requester who rejects',
      { message: message({ verdict: 'reject', door: 'local', proof: robLocally }) },
      'the requester may not decide on their own candidate',
    ],
    [
      'of the same person twice',
      { request: asked({ decisions: [decided(ADA)] }) },
      'ada@example.com has already decided',
    ],
    [
      'of the same person twice, though through another door and the other way round',
      {
        request: asked({ decisions: [decided(ADA)] }),
        message: message({
          verdict: 'reject',
          door: 'local',
          proof: { kind: 'os-user', user: 'ada' },
        }),
      },
      'ada@example.com has already decided',
    ],
    [
      'when it rejects without a reason',
      { message: message({ verdict: 'reject', reason: ' \n' }) },
      'a rejection needs a reason',
    ],
    [
      'when its reason is longer than 2,000 characters',
      { message: message({ reason: 'x'.repeat(2_001) }) },
      'reason is longer than 2000 characters',
    ],
  ])('%s', (_claim, given, reason) => {
    expect(reasonOf(given)).toBe(reason);
  });

  it.each<[DecisionMessage['door'], Proof]>([
    ['console', adaByCli],
    ['console', { kind: 'unverified', claimed: ADA }],
    ['cli', { kind: 'os-user', user: 'ada' }],
    ['cli', { kind: 'proxy', person: ADA }],
    ['cli', { kind: 'unverified', claimed: ADA }],
    ['local', adaByCli],
    ['local', { kind: 'unverified', claimed: ADA }],
    ['console', { kind: 'registry', identity: 'arn:aws:iam::111122223333:role/ada' }],
  ])('when it pretends to come through %s with %j', (door, proof) => {
    expect(reasonOf({ message: message({ door, proof }) })).toBe(
      `decisions through ${door} with a proof of kind ${proof.kind} do not count: approve.doors names console, cli, local, temporal`,
    );
  });

  it.each<[Proof]>([[adaByCli], [graceByProxy], [{ kind: 'os-user', user: 'ada' }]])(
    'when it comes straight from Temporal with %j, a proof it cannot have',
    (proof) => {
      expect(weighed({ message: message({ door: 'temporal', proof }) }).kind).toBe('refused');
    },
  );

  it('when the keeper itself sends it, whatever its proof', () => {
    expect(weighed({ message: message({ door: 'keeper' }) }).kind).toBe('refused');
  });
});

/** Whatever a tool that reaches Temporal may send; the type is only what we ask for. */
const sent = (value: unknown): DecisionMessage => value as DecisionMessage;

describe('a malformed decision is refused', () => {
  it.each<[string, unknown, string]>([
    ['that is nothing', undefined, 'verdict must be approve or reject'],
    ['that is null', null, 'verdict must be approve or reject'],
    ['that is a text', 'approve', 'verdict must be approve or reject'],
    ['that is a list', [message()], 'verdict must be approve or reject'],
    [
      'that approves in other words',
      message({ verdict: sent('APPROVE').verdict }),
      'verdict must be approve or reject',
    ],
    ['without a verdict', { ...message(), verdict: true }, 'verdict must be approve or reject'],
    [
      'without a digest',
      { ...message(), digest: undefined },
      'digest is missing: say which evidence the decision is about',
    ],
    [
      'with a digest that is a number',
      { ...message(), digest: 3 },
      'digest is missing: say which evidence the decision is about',
    ],
    ['without a reason', { ...message(), reason: undefined }, 'reason must be a text'],
    ['with a list of reasons', { ...message(), reason: ['better'] }, 'reason must be a text'],
    ['without a door', { ...message(), door: undefined }, 'door must be a text'],
    ['with a door that is no text', { ...message(), door: ['cli'] }, 'door must be a text'],
    [
      'with a door that has a mind of its own',
      { ...message(), door: { toString: 1, valueOf: 2 } },
      'door must be a text',
    ],
    [
      'through a door that does not exist',
      { ...message(), door: 'window' },
      'decisions through window with a proof of kind sts do not count: approve.doors names console, cli, local, temporal',
    ],
    [
      'through a door named like a part of every object',
      { ...message(), door: 'constructor' },
      'decisions through constructor with a proof of kind sts do not count: approve.doors names console, cli, local, temporal',
    ],
    ['without a proof', { ...message(), proof: undefined }, 'carries no proof of who'],
    ['with a proof that is a name', { ...message(), proof: ADA }, 'carries no proof of who'],
    ['with a proof that is null', { ...message(), proof: null }, 'carries no proof of who'],
    [
      'with a proof of no kind',
      { ...message(), proof: { arn: 'arn:aws:iam::111122223333:role/ada' } },
      'carries no proof of who',
    ],
    [
      'with a proof of an unknown kind',
      { ...message(), proof: { kind: 'policy', digest: 'd' } },
      'a proof of kind policy is not known',
    ],
    [
      'with a proof of a kind named like a part of every object',
      { ...message(), proof: { kind: 'constructor' } },
      'a proof of kind constructor is not known',
    ],
    ...(
      [
        ['sts', 'arn'],
        ['os-user', 'user'],
        ['proxy', 'person'],
        ['registry', 'identity'],
        ['unverified', 'claimed'],
      ] as const
    ).flatMap(([kind, member]): [string, unknown, string][] => [
      [
        `with a proof of kind ${kind} that says nothing`,
        { ...message(), proof: { kind } },
        `the proof lacks ${member}`,
      ],
      [
        `with a proof of kind ${kind} that says something else than a text`,
        { ...message(), proof: { kind, [member]: { length: 1 } } },
        `the proof lacks ${member}`,
      ],
    ]),
  ])('%s', (_claim, value, reason) => {
    expect(reasonOf({ message: sent(value) })).toContain(reason);
  });

  it('even when nothing waits: the first complaint is about its shape', () => {
    expect(reasonOf({ message: sent(null), request: null })).toMatch('verdict must be');
  });

  const doors = fc.constantFrom('console', 'cli', 'local', 'temporal', 'toString', '__proto__');
  const kinds = fc.constantFrom('sts', 'os-user', 'proxy', 'registry', 'unverified', 'valueOf');
  const nearlyAProof = fc.record(
    {
      kind: fc.oneof(kinds, fc.jsonValue()),
      arn: fc.oneof(fc.string(), fc.jsonValue()),
      user: fc.oneof(fc.constantFrom('ada', 'linus'), fc.jsonValue()),
      person: fc.oneof(fc.string(), fc.jsonValue()),
      identity: fc.oneof(fc.string(), fc.jsonValue()),
      claimed: fc.oneof(fc.string(), fc.jsonValue()),
    },
    { requiredKeys: [] },
  );
  const nearlyADecision = fc.record(
    {
      verdict: fc.oneof(fc.constantFrom('approve', 'reject'), fc.jsonValue()),
      reason: fc.oneof(fc.string(), fc.jsonValue()),
      digest: fc.oneof(fc.constant(DIGEST), fc.jsonValue()),
      door: fc.oneof(doors, fc.jsonValue()),
      proof: fc.oneof(nearlyAProof, fc.jsonValue()),
    },
    { requiredKeys: [] },
  );

  it('of whatever shape: it never throws', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.anything(), fc.jsonValue(), { arbitrary: nearlyADecision, weight: 4 }),
        (value) => {
          expect(['counts', 'refused']).toContain(weighed({ message: sent(value) }).kind);
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it('of whatever shape: what counts is the decision of an approver through a door that can prove them', () => {
    const name = fc.constantFrom(
      ...['ada', 'rob', 'linus', ADA, GRACE, ROB, LINUS],
      ...['arn:aws:iam::111122223333:user/grace', 'arn:aws:iam::111122223333:role/linus'],
    );
    const aimed = fc.record({
      verdict: fc.constantFrom('approve', 'reject'),
      reason: fc.constantFrom('', 'why'),
      digest: fc.constantFrom(DIGEST, DIGEST.slice(1)),
      door: doors,
      proof: fc.record({
        kind: kinds,
        arn: name,
        user: name,
        person: name,
        identity: name,
        claimed: name,
      }),
    });
    let counted = 0;
    fc.assert(
      fc.property(aimed, (value) => {
        const answer = weighed({ message: sent(value) });
        if (answer.kind === 'refused') return;
        counted += 1;
        const { door, person } = answer.decision;
        expect([ADA, GRACE]).toContain(person);
        expect(PROVEN_BY[door]).toContain(value.proof.kind);
        expect(value.digest).toBe(DIGEST);
        if (value.verdict === 'reject') expect(value.reason).not.toBe('');
      }),
      { numRuns: 5_000 },
    );
    expect(counted).toBeGreaterThan(0);
  });
});

const PROVEN_BY: Readonly<Record<string, readonly string[]>> = {
  console: ['proxy', 'os-user'],
  cli: ['sts'],
  local: ['os-user'],
  temporal: ['unverified'],
};

describe('while nobody answers', () => {
  const uncalled = aPolicy(({ spec }) => {
    delete spec.approve.escalate;
  }).spec.approve;
  const steps = (change: Partial<PolicyInput['spec']['approve']> = {}) =>
    ladder(withApprove(change).spec.approve, NOON_MS);
  const to = 'arn:aws:sns:us-east-1:111122223333:ml-leads';

  it('people are reminded, others called, and the request expires, in order of time', () => {
    expect(steps()).toEqual([
      { kind: 'remind', atMs: NOON_MS + 4 * HOUR_MS, number: 1 },
      { kind: 'escalate', atMs: NOON_MS + 12 * HOUR_MS, topic: to },
      { kind: 'remind', atMs: NOON_MS + DAY_MS, number: 2 },
      { kind: 'expire', atMs: NOON_MS + 3 * DAY_MS },
    ]);
  });

  it('the request expires though nobody is reminded or called', () => {
    expect(ladder({ ...uncalled, remind: [] }, NOON_MS)).toEqual([
      { kind: 'expire', atMs: NOON_MS + 3 * DAY_MS },
    ]);
  });

  it('reminders are counted by their time, not by their place in the policy or their spelling', () => {
    expect(
      steps({ remind: ['2d', '120m', '24h'] }).filter((step) => step.kind === 'remind'),
    ).toEqual([
      { kind: 'remind', atMs: NOON_MS + 2 * HOUR_MS, number: 1 },
      { kind: 'remind', atMs: NOON_MS + DAY_MS, number: 2 },
      { kind: 'remind', atMs: NOON_MS + 2 * DAY_MS, number: 3 },
    ]);
  });

  it('people are reminded before others are called at the same instant', () => {
    expect(
      steps({ remind: ['12h'], escalate: { after: '12h', to } }).map((step) => step.kind),
    ).toEqual(['remind', 'escalate', 'expire']);
  });

  it.each([
    ['just before it expires', '71.999h', ['remind', 'expire']],
    ['at the instant it expires', '72h', ['expire']],
    ['after it expired', '100h', ['expire']],
  ])('a reminder %s', (_claim, reminder, kinds) => {
    expect(ladder({ ...uncalled, remind: [reminder] }, NOON_MS).map((step) => step.kind)).toEqual(
      kinds,
    );
  });

  it('nobody is called at the instant the request expires', () => {
    const approve = { ...POLICY.spec.approve, remind: [], escalate: { after: '72h', to } };
    expect(ladder(approve, NOON_MS).map((step) => step.kind)).toEqual(['expire']);
  });

  it('the policy is left as it was', () => {
    ladder(POLICY.spec.approve, NOON_MS);
    expect(POLICY.spec.approve.remind).toEqual(['24h', '4h']);
  });
});

describe('a message that names who asks', () => {
  it.each([[undefined], [null], ['freeze'], [5]])('has no fields when it is %j', (message) => {
    expect(askedFault(message)).toBe('the message has no fields');
  });
});
