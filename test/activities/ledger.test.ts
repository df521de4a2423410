import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand } from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';

import { createControlActivities } from '../../activities/index.js';
import { ledgerFaults, readLedger } from '../../activities/read.js';
import type { LedgerDraft } from '../../domain/ledger.js';
import { attemptOf, awsError, depsOver, fakeAws, NOON, on, ref, run, textOf } from './support.js';

const draft = (id: string, over: Partial<LedgerDraft> = {}): LedgerDraft => ({
  id,
  atMs: NOON,
  subject: 'keeper/flights',
  decision: 'policy',
  reasons: ['because'],
  evidence: [],
  actor: { person: 'ada@example.com', door: 'cli', proof: { kind: 'os-user', user: 'ada' } },
  facts: {},
  ...over,
});

function bucket(objects = new Map<string, string>()) {
  const aws = fakeAws(
    on(PutObjectCommand, (input) => {
      const key = input.Key ?? '';
      if (input.IfNoneMatch === '*' && objects.has(key))
        throw awsError('PreconditionFailed', 'At least one of the pre-conditions', 412);
      objects.set(key, textOf(input.Body));
      return {};
    }),
    on(GetObjectCommand, ({ Key = '' }) => {
      const body = objects.get(Key);
      if (body === undefined) throw awsError('NoSuchKey', 'The specified key does not exist.', 404);
      return {
        Body: { transformToByteArray: async () => new TextEncoder().encode(body) },
      } as never;
    }),
    on(ListObjectsV2Command, ({ Prefix = '' }) => ({
      Contents: [...objects.keys()]
        .filter((key) => key.startsWith(Prefix))
        .sort()
        .map((Key) => ({ Key, Size: 1 })),
    })),
  );
  return { objects, aws, activities: () => createControlActivities(depsOver(aws)) };
}

describe('record', () => {
  it('appends a chain that verifies', async () => {
    const { activities, aws, objects } = bucket();
    const { record } = activities();
    await run(record, [{ ...ref, draft: draft('a') }]);
    const head = await run(record, [{ ...ref, draft: draft('b') }]);
    expect([...objects.keys()]).toEqual([
      'keeper/ledger/flights/000000000001.json',
      'keeper/ledger/flights/000000000002.json',
    ]);
    const entries = await readLedger(aws.clients.s3, ref.policy.spec.storage, 'flights');
    expect(ledgerFaults(entries, head)).toEqual([]);
  });

  it('is one entry when the same draft is appended twice', async () => {
    const { activities, objects } = bucket();
    const { record } = activities();
    const first = await run(record, [{ ...ref, draft: draft('a') }]);
    expect(await run(record, [{ ...ref, draft: draft('a') }], { attempt: 2 })).toEqual(first);
    expect(objects.size).toBe(1);
  });

  it('finds its own entry after the answer was lost, even when others have appended since', async () => {
    const { activities, aws, objects } = bucket();
    const mine = activities();
    aws.loseAnswer(PutObjectCommand);
    const lost = await attemptOf(mine.record, [{ ...ref, draft: draft('mine') }]);
    expect(lost.error).toMatchObject({ type: 'AwsUnavailable' });
    await run(activities().record, [{ ...ref, draft: draft('theirs') }]);
    // The same process, and one that was started since.
    expect(await run(mine.record, [{ ...ref, draft: draft('mine') }])).toMatchObject({ number: 1 });
    expect(await run(activities().record, [{ ...ref, draft: draft('mine') }])).toMatchObject({
      number: 1,
    });
    expect(objects.size).toBe(2);
  });

  it('takes the next number when another writer was faster', async () => {
    const { activities, aws } = bucket();
    const one = activities();
    const other = activities();
    await run(one.record, [{ ...ref, draft: draft('a') }]);
    await run(other.record, [{ ...ref, draft: draft('b') }]);
    expect(await run(one.record, [{ ...ref, draft: draft('c') }])).toMatchObject({ number: 3 });
    const entries = await readLedger(aws.clients.s3, ref.policy.spec.storage, 'flights');
    expect(entries.map((entry) => entry.id)).toEqual(['a', 'b', 'c']);
    expect(ledgerFaults(entries)).toEqual([]);
  });

  it('does not build on an entry that was changed', async () => {
    const { activities, objects } = bucket();
    await run(activities().record, [{ ...ref, draft: draft('a') }]);
    const [[key, text] = ['', '']] = objects;
    objects.set(key, text.replace('because', 'forged'));
    const { error } = await attemptOf(activities().record, [{ ...ref, draft: draft('b') }]);
    expect(error).toMatchObject({ type: 'LedgerBroken', nonRetryable: true });
  });

  it('names the permission when S3 refuses', async () => {
    const { activities, aws } = bucket();
    aws.failNext(PutObjectCommand, awsError('AccessDenied', 'Access Denied', 403));
    const { error } = await attemptOf(activities().record, [{ ...ref, draft: draft('a') }]);
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
    for (const id of ['a', 'b', 'c']) await run(record, [{ ...ref, draft: draft(id) }]);
    objects.delete('keeper/ledger/flights/000000000002.json');
    expect((await attemptOf(rebuild, [ref])).error).toMatchObject({ type: 'LedgerBroken' });
  });
});
