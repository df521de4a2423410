import { describe, expect, it } from 'vitest';

import { decisionEvent, detailOf, wantsEvent } from '../../../domain/own-events.js';
import type { OwnEvent } from '../../../domain/own-events.js';
import {
  decisionDetailSchema,
  stageDetailSchema,
  verdictDetailSchema,
} from '../../../domain/own-events.schema.js';
import type { LedgerDraft } from '../../../domain/ledger.js';
import { aPolicy } from './support.js';

const policy = aPolicy();
const AT = Date.UTC(2026, 2, 1, 12);
const draft: LedgerDraft = {
  id: 'release/flights/3/7',
  atMs: AT,
  subject: 'release/flights/3',
  decision: 'approved',
  reasons: ['ada@example.com approves through console: AUC up'],
  evidence: [{ uri: 's3://ml-artefacts/report.json', digest: 'f00d' }, { uri: 's3://b/x' }],
  actor: { person: 'ada@example.com', door: 'console', proof: { kind: 'os-user', user: 'ada' } },
  facts: { release: 3, digest: 'd' },
};

describe('an event of our own', () => {
  it.each<[string, { parse(detail: unknown): unknown }, OwnEvent]>([
    [
      'a change of stage',
      stageDetailSchema,
      { kind: 'stage', id: 'a', atMs: AT, release: 3, stage: 'approve', previousStage: 'evaluate' },
    ],
    [
      'an end',
      stageDetailSchema,
      {
        kind: 'stage',
        id: 'a',
        atMs: AT,
        release: 3,
        stage: 'ended',
        previousStage: 'probation',
        result: 'promoted',
      },
    ],
    ['a decision', decisionDetailSchema, decisionEvent(draft)],
    [
      'a verdict',
      verdictDetailSchema,
      {
        kind: 'verdict',
        id: 'a',
        atMs: AT,
        verdict: 'drift',
        previousVerdict: 'healthy',
        reasons: ['origin moved'],
      },
    ],
  ])('is by its schema, without a member more (%s)', (_what, schema, event) => {
    const detail = JSON.parse(JSON.stringify(detailOf(policy, event))) as unknown;
    expect(schema.parse(detail)).toEqual(detail);
  });
  it('about a decision has the id of its ledger entry', () => {
    expect(decisionEvent(draft)).toMatchObject({ id: draft.id, release: 3, decision: 'approved' });
  });
  it('about a decision does not carry what proves the person', () => {
    expect(JSON.stringify(detailOf(policy, decisionEvent(draft)))).not.toContain('os-user');
  });
  it('about a decision of the keeper has no release', () => {
    expect(decisionEvent({ ...draft, facts: {} }).release).toBeNull();
  });
  it('has at most twenty reasons of a thousand characters', () => {
    const { reasons } = decisionEvent({
      ...draft,
      reasons: Array.from({ length: 30 }, () => 'x'.repeat(2_000)),
    });
    expect(reasons).toHaveLength(20);
    expect(reasons[0]).toHaveLength(1_000);
  });
});

describe('what is put on the bus', () => {
  it('is nothing without events, everything without on, else what on names', () => {
    expect(wantsEvent(undefined, 'stage')).toBe(false);
    expect(wantsEvent({ bus: 'default' }, 'verdict')).toBe(true);
    expect(wantsEvent({ bus: 'default', on: ['stage'] }, 'verdict')).toBe(false);
    expect(wantsEvent({ bus: 'default', on: ['stage'] }, 'stage')).toBe(true);
  });
});
