import { describe, expect, it } from 'vitest';

import type { Policy } from '../../../domain/policy.schema.js';
import {
  afterForeignChange,
  afterOurWrite,
  candidateAmong,
  fittingMetadata,
  mayTakeBack,
  openingOf,
  registryNews,
  registryPollMs,
  type PackageReading,
} from '../../../domain/registry.js';
import { aPolicy } from '../../workflows/world.js';

const WORKER = 'arn:aws:sts::111122223333:assumed-role/modelkeeper-worker/w1';
const ADA = 'arn:aws:sagemaker:us-east-1:111122223333:user-profile/d-abc/ada';

const reading = (change: Partial<PackageReading> = {}): PackageReading => ({
  packageArn: 'arn:aws:sagemaker:us-east-1:111122223333:model-package/m/2',
  status: 'Completed',
  approvalStatus: 'PendingManualApproval',
  description: 'Waits for approval in modelkeeper.',
  lastModifiedBy: WORKER,
  lastModifiedAtMs: 1_000,
  ...change,
});
const memory = { known: reading(), own: WORKER };
const by = (identity: string, approvalStatus: string, change: Partial<PackageReading> = {}) =>
  reading({ approvalStatus, lastModifiedBy: identity, lastModifiedAtMs: 2_000, ...change });

describe('registryNews', () => {
  it.each([
    ['Approved', 'approve'],
    ['Rejected', 'reject'],
  ])('%s by somebody else is a decision with its author', (status, verdict) => {
    expect(registryNews(memory, by(ADA, status))).toMatchObject({
      kind: 'decided',
      verdict,
      identity: ADA,
    });
  });

  it('takes the description as the reason only when it is not our own from before', () => {
    expect(
      registryNews(memory, by(ADA, 'Rejected', { description: 'too many nulls' })),
    ).toMatchObject({ reason: 'too many nulls' });
    expect(registryNews(memory, by(ADA, 'Rejected'))).toMatchObject({
      reason: 'rejected in the model registry without a description',
    });
    expect(registryNews(memory, by(ADA, 'Approved'))).toMatchObject({ reason: '' });
  });

  it('Approved back to pending is a decision taken back', () => {
    const approved = { known: reading({ approvalStatus: 'Approved' }), own: WORKER };
    expect(registryNews(approved, by(ADA, 'PendingManualApproval'))).toEqual({
      kind: 'withdrawn',
      identity: ADA,
    });
  });

  it('the status we left it with is nothing, whoever changed its description or metadata', () => {
    expect(registryNews(memory, by(ADA, 'PendingManualApproval', { description: 'x' })).kind).toBe(
      'nothing',
    );
  });

  it('a reading older than our write is nothing; one of the same instant counts', () => {
    expect(registryNews(memory, by(ADA, 'Approved', { lastModifiedAtMs: 999 })).kind).toBe(
      'nothing',
    );
    expect(registryNews(memory, by(ADA, 'Approved', { lastModifiedAtMs: 1_000 })).kind).toBe(
      'decided',
    );
  });

  it('a change under the identity we write with is ours and nobody’s decision, in any of its sessions', () => {
    const other = 'arn:aws:sts::111122223333:assumed-role/modelkeeper-worker/another-session';
    expect(registryNews(memory, by(other, 'Approved')).kind).toBe('nothing');
    expect(registryNews({ ...memory, own: null }, by(other, 'Approved')).kind).toBe('decided');
  });

  it('a package that is gone is gone, whatever status it had', () => {
    expect(registryNews(memory, reading({ status: 'gone' })).kind).toBe('gone');
  });
});

describe('afterOurWrite', () => {
  const wanted = { approvalStatus: 'PendingManualApproval', description: 'ours' };

  it('remembers what was read back, and whose identity the write carries', () => {
    const before = reading({ lastModifiedBy: ADA, lastModifiedAtMs: 1 });
    const now = reading({ description: 'ours', lastModifiedAtMs: 2 });
    expect(afterOurWrite({ before, now }, wanted, null)).toEqual({ known: now, own: WORKER });
  });

  it('remembers what we wrote when somebody has changed it before it was read back', () => {
    const before = reading({ lastModifiedAtMs: 1 });
    const now = by(ADA, 'Approved');
    const after = afterOurWrite({ before, now }, wanted, null);
    expect(after).toMatchObject({ known: wanted, own: null });
    expect(registryNews(after, now)).toMatchObject({ kind: 'decided', identity: ADA });
  });

  it('takes nobody’s identity for ours when nothing had to be written', () => {
    const same = reading({ description: 'ours', lastModifiedBy: ADA });
    expect(afterOurWrite({ before: same, now: same }, wanted, null).own).toBeNull();
  });
});

describe('openingOf', () => {
  it('the status a pipeline registers with is no decision', () => {
    const born = reading({ approvalStatus: 'Approved', lastModifiedBy: null });
    expect(openingOf(born, null)).toMatchObject({
      kind: 'early',
      sentence: expect.stringContaining(
        'the pipeline registered the package as Approved',
      ) as string,
    });
  });
  it('an approval before the request is none; a rejection before it is weighed', () => {
    expect(openingOf(by(ADA, 'Approved'), WORKER).kind).toBe('early');
    expect(openingOf(by(ADA, 'Rejected', { description: 'no' }), WORKER)).toEqual({
      kind: 'rejected',
      identity: ADA,
      reason: 'no',
    });
  });
  it('what we wrote ourselves before is nothing new', () => {
    expect(openingOf(reading({ approvalStatus: 'Approved' }), WORKER).kind).toBe('pending');
  });
});

describe('a change that does not count', () => {
  it('is put back once and contested the second time', () => {
    expect([0, 1, 2].map(afterForeignChange)).toEqual(['revert', 'contested', 'contested']);
  });
});

describe('mayTakeBack', () => {
  const policy = aPolicy('m', (draft) => {
    draft.spec.approve.doors = ['cli', 'registry'];
    draft.spec.people = { ...draft.spec.people, 'ada@example.com': [ADA] };
  });
  const electorate = {
    approvers: ['ada@example.com', 'grace@example.com'],
    requestedBy: 'rob@example.com',
  };

  it('is for approvers whom the registry can name', () => {
    expect(mayTakeBack(policy, electorate, ADA)).toEqual({
      kind: 'counts',
      person: 'ada@example.com',
    });
  });
  it.each([
    ['an author nobody knows', electorate, 'arn:aws:iam::1:role/x', /belongs to nobody/],
    ['one who is no approver', { ...electorate, approvers: [] }, ADA, /not among the approvers/],
    ['the requester', { ...electorate, requestedBy: 'Ada@example.com' }, ADA, /requester/],
  ])('is not for %s', (_who, who, identity, reason) => {
    expect(mayTakeBack(policy, who, identity)).toMatchObject({
      kind: 'refused',
      reason: expect.stringMatching(reason) as string,
    });
  });
  it('is for nobody where the policy does not open the door', () => {
    expect(mayTakeBack(aPolicy('m'), electorate, ADA)).toMatchObject({ kind: 'refused' });
  });
});

describe('the pace of looks at the registry', () => {
  const { spec } = aPolicy('m');
  const pace = (every: string, doors: Policy['spec']['approve']['doors']): number =>
    registryPollMs({
      monitor: { ...spec.monitor, every },
      approve: { ...spec.approve, doors },
    });
  it.each([
    ['1s', 1_000],
    ['4m', 240_000],
    ['5m', 300_000],
    ['6h', 300_000],
  ])('where it is a door is the monitor’s, at least every five minutes: %s', (every, ms) => {
    expect(pace(every, ['cli', 'registry'])).toBe(ms);
  });
  it('where it is none is the monitor’s', () => {
    expect(pace('6h', ['cli'])).toBe(6 * 3_600_000);
  });
});

describe('fittingMetadata', () => {
  it('takes 256 characters and leaves 257 out, saying so', () => {
    const { fitting, notes } = fittingMetadata({ a: 'x'.repeat(256), b: 'x'.repeat(257) }, {});
    expect(Object.keys(fitting)).toEqual(['a']);
    expect(notes).toEqual([expect.stringContaining('257 characters, SageMaker takes 256')]);
  });
  it('takes no room for a key that is there, and none where there is none left', () => {
    const full = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`k${String(i)}`, 'v']));
    const { fitting, notes } = fittingMetadata({ k0: 'new', ours: 'v' }, full);
    expect(fitting).toEqual({ k0: 'new' });
    expect(notes[0]).toContain('50 metadata entries already');
    const room = Object.fromEntries(Object.entries(full).slice(1));
    expect(fittingMetadata({ ours: 'v', more: 'v' }, room).fitting).toEqual({ ours: 'v' });
  });
  it('leaves out what SageMaker’s pattern does not take', () => {
    expect(fittingMetadata({ uri: 's3://b/a%20b.json' }, {}).notes[0]).toContain('does not take');
    expect(fittingMetadata({ uri: 's3://b/ä b.json' }, {}).notes).toEqual([]);
  });
});

describe('candidateAmong', () => {
  const arn = (group: string, version: number): string =>
    `arn:aws:sagemaker:us-east-1:111122223333:model-package/${group}/${String(version)}`;

  it('is the one in the policy’s group, by its number and not by its text', () => {
    expect(candidateAmong([arn('m', 10), arn('other', 99), arn('m', 9)], 'M')).toEqual({
      kind: 'one',
      packageArn: arn('m', 10),
      note: expect.stringContaining('version 10 is the candidate, the latest; 9 is not') as string,
    });
  });
  it('is none of another group, and names what was registered', () => {
    expect(candidateAmong([arn('other', 1)], 'm')).toMatchObject({
      kind: 'none',
      reason: expect.stringContaining('none of them in the group m') as string,
    });
    expect(candidateAmong([], 'm')).toEqual({ kind: 'nothing' });
  });
});
