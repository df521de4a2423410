import { PutObjectCommand } from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';

import { entryHash } from '../../activities/digest.js';
import { createControlActivities } from '../../activities/index.js';
import { ledgerFaults, readLedger } from '../../activities/read.js';
import type { LedgerEntry } from '../../domain/ledger.js';
import { attemptOf, awsError, bucketOf, depsOver, draft, fakeAws, ref, run } from './support.js';

function bucket(objects = new Map<string, string>()) {
  const aws = fakeAws(...bucketOf(objects));
  return { objects, aws, activities: () => createControlActivities(depsOver(aws)) };
}

describe('record', () => {
  it('appends a chain that verifies', async () => {
    const { activities, aws, objects } = bucket();
    const { record } = activities();
    await run(record, [{ ...ref, drafts: [draft('a')] }]);
    const head = await run(record, [{ ...ref, drafts: [draft('b')] }]);
    expect([...objects.keys()]).toEqual([
      'keeper/ledger/flights/000000000001.json',
      'keeper/ledger/flights/000000000002.json',
    ]);
    const entries = await readLedger(aws.clients.s3, ref.policy.spec.storage, 'flights');
    expect(ledgerFaults(entries, head)).toEqual([]);
  });

  it('appends several drafts in their order, and those that stand already once', async () => {
    const { activities, aws } = bucket();
    const { record } = activities();
    await run(record, [{ ...ref, drafts: [draft('a'), draft('b')] }]);
    const head = await run(activities().record, [
      { ...ref, drafts: [draft('a'), draft('b'), draft('c')] },
    ]);
    expect(head).toMatchObject({ number: 3 });
    const entries = await readLedger(aws.clients.s3, ref.policy.spec.storage, 'flights');
    expect(entries.map((entry) => entry.id)).toEqual(['a', 'b', 'c']);
    expect(ledgerFaults(entries, head)).toEqual([]);
  });

  it('is one entry when the same draft is appended twice', async () => {
    const { activities, objects } = bucket();
    const { record } = activities();
    const first = await run(record, [{ ...ref, drafts: [draft('a')] }]);
    expect(await run(record, [{ ...ref, drafts: [draft('a')] }], { attempt: 2 })).toEqual(first);
    expect(objects.size).toBe(1);
  });

  it('finds its own entry after the answer was lost, even when others have appended since', async () => {
    const { activities, aws, objects } = bucket();
    const mine = activities();
    aws.loseAnswer(PutObjectCommand);
    const lost = await attemptOf(mine.record, [{ ...ref, drafts: [draft('mine')] }]);
    expect(lost.error).toMatchObject({ type: 'AwsUnavailable' });
    await run(activities().record, [{ ...ref, drafts: [draft('theirs')] }]);
    // The same process, and one that was started since.
    expect(await run(mine.record, [{ ...ref, drafts: [draft('mine')] }])).toMatchObject({
      number: 1,
    });
    expect(await run(activities().record, [{ ...ref, drafts: [draft('mine')] }])).toMatchObject({
      number: 1,
    });
    expect(objects.size).toBe(2);
  });

  it('takes the next number when another writer was faster', async () => {
    const { activities, aws } = bucket();
    const one = activities();
    const other = activities();
    await run(one.record, [{ ...ref, drafts: [draft('a')] }]);
    await run(other.record, [{ ...ref, drafts: [draft('b')] }]);
    expect(await run(one.record, [{ ...ref, drafts: [draft('c')] }])).toMatchObject({ number: 3 });
    const entries = await readLedger(aws.clients.s3, ref.policy.spec.storage, 'flights');
    expect(entries.map((entry) => entry.id)).toEqual(['a', 'b', 'c']);
    expect(ledgerFaults(entries)).toEqual([]);
  });

  it('does not build on an entry that was changed', async () => {
    const { activities, objects } = bucket();
    await run(activities().record, [{ ...ref, drafts: [draft('a')] }]);
    const [[key, text] = ['', '']] = objects;
    objects.set(key, text.replace('because', 'forged'));
    const { error } = await attemptOf(activities().record, [{ ...ref, drafts: [draft('b')] }]);
    expect(error).toMatchObject({ type: 'LedgerBroken', nonRetryable: true });
  });

  it.each([
    ['one that was rewritten with a hash of its own', /entry 3 does not follow the one before it/],
    ['one that is gone', /entry 2 is gone, 3 is there/],
  ])('does not build on a chain with %s', async (what, fault) => {
    const { activities, objects } = bucket();
    for (const id of ['a', 'b', 'c']) {
      await run(activities().record, [{ ...ref, drafts: [draft(id)] }]);
    }
    const second = 'keeper/ledger/flights/000000000002.json';
    if (what.includes('gone')) objects.delete(second);
    else {
      const { hash, ...entry } = JSON.parse(objects.get(second) ?? '') as LedgerEntry;
      const forged = { ...entry, reasons: ['forged'] };
      expect(entryHash(forged)).not.toBe(hash);
      objects.set(second, JSON.stringify({ ...forged, hash: entryHash(forged) }));
    }
    const { error } = await attemptOf(activities().record, [{ ...ref, drafts: [draft('d')] }]);
    expect(error).toMatchObject({
      type: 'LedgerBroken',
      nonRetryable: true,
      message: expect.stringMatching(fault) as string,
    });
    expect([...objects.keys()]).not.toContain('keeper/ledger/flights/000000000004.json');
  });

  it('does not go on behind an entry of another writer that does not follow its own', async () => {
    const { activities, objects } = bucket();
    const { record } = activities();
    await run(record, [{ ...ref, drafts: [draft('a')] }]);
    const first = JSON.parse([...objects.values()][0] ?? '') as LedgerEntry;
    const { hash, ...rest } = { ...first, id: 'x', sequence: 2, previousHash: 'f'.repeat(64) };
    expect(entryHash(rest)).not.toBe(hash);
    objects.set(
      'keeper/ledger/flights/000000000002.json',
      JSON.stringify({ ...rest, hash: entryHash(rest) }),
    );
    const { error } = await attemptOf(record, [{ ...ref, drafts: [draft('b')] }]);
    expect(error).toMatchObject({ type: 'LedgerBroken' });
  });

  it('remembers the latest entries only, and still follows them', async () => {
    const { activities, aws } = bucket();
    const drafts = Array.from({ length: 140 }, (_, index) => draft(`d${index}`));
    await run(activities().record, [{ ...ref, drafts }]);
    expect(await run(activities().record, [{ ...ref, drafts: [draft('last')] }])).toMatchObject({
      number: 141,
    });
    const entries = await readLedger(aws.clients.s3, ref.policy.spec.storage, 'flights');
    expect(ledgerFaults(entries)).toEqual([]);
  });

  it('names the permission when S3 refuses', async () => {
    const { activities, aws } = bucket();
    aws.failNext(PutObjectCommand, awsError('AccessDenied', 'Access Denied', 403));
    const { error } = await attemptOf(activities().record, [{ ...ref, drafts: [draft('a')] }]);
    expect(error).toMatchObject({
      type: 'PermissionMissing',
      message: expect.stringMatching(/^s3:PutObject on arn:aws:s3:::artefacts\/keeper/) as string,
    });
  });
});

describe('rebuild', () => {
  it('begins a new model at nothing', async () => {
    expect(await run(bucket().activities().rebuild, [ref])).toMatchObject({
      lastRelease: 0,
      head: { number: 0 },
      unfinished: [],
    });
  });

  it('refuses a chain with a hole', async () => {
    const { activities, objects } = bucket();
    const { record, rebuild } = activities();
    for (const id of ['a', 'b', 'c']) await run(record, [{ ...ref, drafts: [draft(id)] }]);
    objects.delete('keeper/ledger/flights/000000000002.json');
    expect((await attemptOf(rebuild, [ref])).error).toMatchObject({ type: 'LedgerBroken' });
  });
});
