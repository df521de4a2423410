import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import {
  CopyObjectCommand,
  CreateBucketCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetBucketLifecycleConfigurationCommand,
  GetBucketVersioningCommand,
  GetObjectAttributesCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  ListObjectsCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  paginateListObjectsV2,
  PutBucketVersioningCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import type { CopyObjectCommandInput } from '@aws-sdk/client-s3';
import { beforeAll, describe, expect, it } from 'vitest';
import { clients, failure, start } from './support.js';

const sandbox = await start();
const { s3 } = clients(sandbox.url);
const Bucket = 'models';

beforeAll(async () => {
  await s3.send(new CreateBucketCommand({ Bucket }));
});

async function textOf(Key: string, VersionId?: string): Promise<string> {
  const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key, VersionId }));
  return (await Body?.transformToString()) ?? '';
}

describe('buckets', () => {
  it('are listed, found, and created again by their owner, as in us-east-1, without a change', async () => {
    await s3.send(new HeadBucketCommand({ Bucket }));
    const { Buckets } = await s3.send(new ListBucketsCommand({}));
    expect(Buckets?.map(({ Name }) => Name)).toContain(Bucket);
    await s3.send(new PutObjectCommand({ Bucket, Key: 'stays', Body: 'x' }));
    await s3.send(new CreateBucketCommand({ Bucket }));
    expect(await textOf('stays')).toBe('x');
    await s3.send(new DeleteObjectCommand({ Bucket, Key: 'stays' }));
  });

  it('have names that AWS accepts', async () => {
    const error = await failure(s3.send(new CreateBucketCommand({ Bucket: 'Not_A_Bucket' })));
    expect(error.name).toBe('InvalidBucketName');
  });

  it('that do not exist are named so', async () => {
    const put = await failure(
      s3.send(new PutObjectCommand({ Bucket: 'absent', Key: 'a', Body: 'x' })),
    );
    expect(put).toMatchObject({
      name: 'NoSuchBucket',
      message: 'The specified bucket does not exist',
    });
    expect((await failure(s3.send(new HeadBucketCommand({ Bucket: 'absent' })))).name).toBe(
      'NotFound',
    );
  });

  it('answer what is not built here as not implemented', async () => {
    const error = await failure(s3.send(new GetBucketLifecycleConfigurationCommand({ Bucket })));
    expect(error.name).toBe('NotImplemented');
  });
});

describe('objects', () => {
  it('come back as they were put, with type, metadata and ETag', async () => {
    const put = await s3.send(
      new PutObjectCommand({
        Bucket,
        Key: 'a/b.json',
        Body: '{"grüße":1}',
        ContentType: 'application/json',
        Metadata: { author: 'ada' },
      }),
    );
    expect(put.ETag).toMatch(/^"[0-9a-f]{32}"$/);
    const got = await s3.send(new GetObjectCommand({ Bucket, Key: 'a/b.json' }));
    expect(await got.Body?.transformToString()).toBe('{"grüße":1}');
    expect(got).toMatchObject({
      ContentType: 'application/json',
      Metadata: { author: 'ada' },
      ETag: put.ETag,
    });
    const head = await s3.send(new HeadObjectCommand({ Bucket, Key: 'a/b.json' }));
    expect(head).toMatchObject({ ContentLength: 13, Metadata: { author: 'ada' } });
  });

  it('are taken from a stream, in chunks with a checksum at the end', async () => {
    const body = Buffer.alloc(300_000, 'xyz');
    const chunks = Array.from({ length: 10 }, (_, at) =>
      body.subarray(at * 30_000, (at + 1) * 30_000),
    );
    await s3.send(
      new PutObjectCommand({
        Bucket,
        Key: 'stream.bin',
        Body: Readable.from(chunks),
        ContentLength: body.length,
      }),
    );
    const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key: 'stream.bin' }));
    expect(Buffer.from((await Body?.transformToByteArray()) ?? [])).toEqual(body);
  });

  it('are refused when they are not what their checksum says', async () => {
    const call = s3.send(
      new PutObjectCommand({ Bucket, Key: 'damaged', Body: 'x', ChecksumCRC32: 'AAAAAA==' }),
    );
    expect((await failure(call)).name).toBe('BadDigest');
    expect((await failure(textOf('damaged'))).name).toBe('NoSuchKey');
  });

  it('are written once with If-None-Match, whoever comes first', async () => {
    const writes = ['one', 'two', 'three'].map((Body) =>
      s3.send(
        new PutObjectCommand({ Bucket, Key: 'ledger/000000000001.json', Body, IfNoneMatch: '*' }),
      ),
    );
    const results = await Promise.allSettled(writes);
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    const refused = results.find(({ status }) => status === 'rejected');
    expect(refused).toMatchObject({
      reason: { name: 'PreconditionFailed', $metadata: { httpStatusCode: 412 } },
    });
  });

  it('are read in part by range', async () => {
    await s3.send(new PutObjectCommand({ Bucket, Key: 'digits', Body: '0123456789' }));
    const got = async (Range: string) => {
      const { Body, ContentRange } = await s3.send(
        new GetObjectCommand({ Bucket, Key: 'digits', Range }),
      );
      return [await Body?.transformToString(), ContentRange];
    };
    expect(await got('bytes=2-4')).toEqual(['234', 'bytes 2-4/10']);
    expect(await got('bytes=-3')).toEqual(['789', 'bytes 7-9/10']);
    expect(await got('bytes=8-')).toEqual(['89', 'bytes 8-9/10']);
    expect((await failure(got('bytes=10-'))).name).toBe('InvalidRange');
  });

  it('may be empty', async () => {
    await s3.send(new PutObjectCommand({ Bucket, Key: 'empty', Body: '' }));
    expect(await textOf('empty')).toBe('');
  });

  it('that do not exist are named so, and deleting them is no error', async () => {
    expect(await failure(textOf('absent'))).toMatchObject({
      name: 'NoSuchKey',
      message: 'The specified key does not exist.',
    });
    expect((await failure(s3.send(new HeadObjectCommand({ Bucket, Key: 'absent' })))).name).toBe(
      'NotFound',
    );
    await s3.send(new DeleteObjectCommand({ Bucket, Key: 'absent' }));
  });

  it.each([
    '../../../escape',
    'a/../../escape',
    '/etc/passwd',
    'a//b',
    '..',
    'sp ace+plus%25&<>"\'',
    'ключ',
    'con\\x',
    'carriage\rreturn',
    ' spaces around ',
  ])('keep the key %s inside the home', async (Key) => {
    await s3.send(new PutObjectCommand({ Bucket, Key, Body: Key }));
    expect(await textOf(Key)).toBe(Key);
    const path = sandbox.kernel.objects.pathOf(Bucket, Key) ?? '';
    expect(dirname(path)).toBe(join(sandbox.kernel.home, 'objects'));
    const { Contents } = await s3.send(new ListObjectsV2Command({ Bucket, Prefix: Key }));
    expect(Contents?.map((each) => each.Key)).toContain(Key);
    await s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects: [{ Key }] } }));
    expect((await failure(textOf(Key))).name).toBe('NoSuchKey');
  });

  it('leave no draft behind', () => {
    const names = readdirSync(join(sandbox.kernel.home, 'objects'));
    expect(names.filter((name) => name.endsWith('.part'))).toEqual([]);
  });

  it('are copied, also onto themselves', async () => {
    await s3.send(
      new PutObjectCommand({ Bucket, Key: 'src ü', Body: 'copy me', ContentType: 'text/x' }),
    );
    const copy = await s3.send(
      new CopyObjectCommand({
        Bucket,
        Key: 'dst',
        CopySource: `${Bucket}/${encodeURIComponent('src ü')}`,
      }),
    );
    expect(copy.CopyObjectResult?.ETag).toMatch(/^"[0-9a-f]{32}"$/);
    expect(await textOf('dst')).toBe('copy me');
    await s3.send(
      new CopyObjectCommand({
        Bucket,
        Key: 'dst',
        CopySource: `${Bucket}/dst`,
        MetadataDirective: 'REPLACE',
        Metadata: { a: 'b' },
      }),
    );
    const head = await s3.send(new HeadObjectCommand({ Bucket, Key: 'dst' }));
    expect(head.Metadata).toEqual({ a: 'b' });
    expect(await textOf('dst')).toBe('copy me');
  });

  it('are written and read by services and callers alike', async () => {
    const { objects } = sandbox.kernel;
    objects.put(Bucket, 'internal.txt', Buffer.from('inside'), { contentType: 'text/plain' });
    expect(await textOf('internal.txt')).toBe('inside');
    expect(objects.get(Bucket, 'a/b.json')?.toString()).toBe('{"grüße":1}');
    expect(existsSync(objects.pathOf(Bucket, 'internal.txt') ?? '')).toBe(true);
    expect(objects.get(Bucket, 'absent')).toBeUndefined();
    expect(objects.list(Bucket, 'intern')).toMatchObject([{ key: 'internal.txt', size: 6 }]);
  });
});

describe('listing', () => {
  it('pages, and folds keys under a delimiter', async () => {
    await s3.send(new CreateBucketCommand({ Bucket: 'listing' }));
    const keys = ['a', 'b/1', 'b/2', 'b/c/3', 'd/4', 'e'];
    for (const Key of keys)
      await s3.send(new PutObjectCommand({ Bucket: 'listing', Key, Body: Key }));
    const all: (string | undefined)[] = [];
    for await (const page of paginateListObjectsV2(
      { client: s3, pageSize: 2 },
      { Bucket: 'listing' },
    )) {
      expect(page.Contents?.length).toBeLessThanOrEqual(2);
      all.push(...(page.Contents ?? []).map(({ Key }) => Key));
    }
    expect(all).toEqual(keys);
    const top: (string | undefined)[] = [];
    for await (const page of paginateListObjectsV2(
      { client: s3, pageSize: 1 },
      { Bucket: 'listing', Delimiter: '/' },
    )) {
      top.push(
        ...(page.Contents ?? []).map(({ Key }) => Key),
        ...(page.CommonPrefixes ?? []).map(({ Prefix }) => Prefix),
      );
    }
    expect(top).toEqual(['a', 'b/', 'd/', 'e']);
    const b = await s3.send(
      new ListObjectsV2Command({ Bucket: 'listing', Prefix: 'b/', Delimiter: '/' }),
    );
    expect(b.Contents?.map(({ Key }) => Key)).toEqual(['b/1', 'b/2']);
    expect(b.CommonPrefixes?.map(({ Prefix }) => Prefix)).toEqual(['b/c/']);
  });
});

describe('versions', () => {
  it('are kept once the bucket is versioned, and outlive a deletion', async () => {
    await s3.send(new CreateBucketCommand({ Bucket: 'versioned' }));
    await s3.send(new PutObjectCommand({ Bucket: 'versioned', Key: 'k', Body: 'before' }));
    await s3.send(
      new PutBucketVersioningCommand({
        Bucket: 'versioned',
        VersioningConfiguration: { Status: 'Enabled' },
      }),
    );
    expect((await s3.send(new GetBucketVersioningCommand({ Bucket: 'versioned' }))).Status).toBe(
      'Enabled',
    );
    const first = await s3.send(
      new PutObjectCommand({ Bucket: 'versioned', Key: 'k', Body: 'one' }),
    );
    const second = await s3.send(
      new PutObjectCommand({ Bucket: 'versioned', Key: 'k', Body: 'two' }),
    );
    expect(first.VersionId).not.toBe(second.VersionId);
    const read = async (VersionId?: string) =>
      (
        await s3.send(new GetObjectCommand({ Bucket: 'versioned', Key: 'k', VersionId }))
      ).Body?.transformToString();
    expect(await read()).toBe('two');
    expect(await read(first.VersionId)).toBe('one');
    expect(await read('null')).toBe('before');
    const marker = await s3.send(new DeleteObjectCommand({ Bucket: 'versioned', Key: 'k' }));
    expect(marker.DeleteMarker).toBe(true);
    expect((await failure(read())).name).toBe('NoSuchKey');
    const listed = await s3.send(new ListObjectVersionsCommand({ Bucket: 'versioned' }));
    expect(listed.Versions).toHaveLength(3);
    expect(listed.DeleteMarkers).toHaveLength(1);
    await s3.send(
      new DeleteObjectCommand({ Bucket: 'versioned', Key: 'k', VersionId: marker.VersionId }),
    );
    expect(await read()).toBe('two');
  });
});

describe('a listing', () => {
  const keys = ['a%', 'a%2Bb', 'a+b', 'a b', 'x&y/<z>', '\uffee', '\u{1f600}'];

  beforeAll(async () => {
    await s3.send(new CreateBucketCommand({ Bucket: 'odd-keys' }));
    for (const Key of keys)
      await s3.send(new PutObjectCommand({ Bucket: 'odd-keys', Key, Body: Key }));
  });

  const byBytes = keys.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));

  it.each([1, 2, 1000])('of the first kind gives every odd key, %d a page', async (MaxKeys) => {
    const seen: string[] = [];
    let Marker: string | undefined;
    do {
      const page = await s3.send(
        new ListObjectsCommand({ Bucket: 'odd-keys', MaxKeys, Marker, EncodingType: 'url' }),
      );
      for (const { Key = '' } of page.Contents ?? []) seen.push(decodeURIComponent(Key));
      Marker = page.IsTruncated === true ? seen.at(-1) : undefined;
    } while (Marker !== undefined && seen.length <= keys.length);
    expect(seen).toEqual(byBytes);
  });

  it('spells its markers as it spells its keys', async () => {
    const page = await s3.send(
      new ListObjectsCommand({
        Bucket: 'odd-keys',
        MaxKeys: 3,
        Marker: 'a%',
        Delimiter: '/',
        EncodingType: 'url',
      }),
    );
    expect(page).toMatchObject({ Marker: 'a%25', NextMarker: 'x%26y/' });
  });

  it('is in the order of the bytes of the keys', async () => {
    const seen: (string | undefined)[] = [];
    for await (const page of paginateListObjectsV2(
      { client: s3, pageSize: 2 },
      { Bucket: 'odd-keys' },
    ))
      seen.push(...(page.Contents ?? []).map(({ Key }) => Key));
    expect(seen).toEqual(byBytes);
  });

  it('of versions comes in pages', async () => {
    await s3.send(new CreateBucketCommand({ Bucket: 'many-versions' }));
    const Versioned = { Bucket: 'many-versions' };
    await s3.send(
      new PutBucketVersioningCommand({
        ...Versioned,
        VersioningConfiguration: { Status: 'Enabled' },
      }),
    );
    for (let i = 0; i < 5; i += 1)
      await s3.send(new PutObjectCommand({ ...Versioned, Key: `k${i % 2}`, Body: String(i) }));
    await s3.send(new DeleteObjectCommand({ ...Versioned, Key: 'k0' }));
    const seen: unknown[] = [];
    let markers = {};
    for (let more = true; more;) {
      const page = await s3.send(
        new ListObjectVersionsCommand({ ...Versioned, MaxKeys: 2, ...markers }),
      );
      const entries = [...(page.Versions ?? []), ...(page.DeleteMarkers ?? [])];
      expect(entries.length).toBeLessThanOrEqual(2);
      seen.push(...entries.map(({ VersionId }) => VersionId));
      markers = { KeyMarker: page.NextKeyMarker, VersionIdMarker: page.NextVersionIdMarker };
      more = page.IsTruncated === true && seen.length < 10;
    }
    expect(new Set(seen).size).toBe(6);
    expect(seen).toHaveLength(6);
  });
});

describe('a suspended bucket', () => {
  it('overwrites its version null, and keeps it when an older version goes', async () => {
    const Suspended = { Bucket: 'suspended' };
    await s3.send(new CreateBucketCommand(Suspended));
    const turn = (Status: 'Enabled' | 'Suspended') =>
      s3.send(
        new PutBucketVersioningCommand({ ...Suspended, VersioningConfiguration: { Status } }),
      );
    await turn('Enabled');
    const put = (Body: string) => s3.send(new PutObjectCommand({ ...Suspended, Key: 'k', Body }));
    const old = [await put('1'), await put('2')];
    await turn('Suspended');
    await put('3');
    await put('4');
    await s3.send(
      new DeleteObjectCommand({ ...Suspended, Key: 'k', VersionId: old[0]?.VersionId }),
    );
    const { Body } = await s3.send(new GetObjectCommand({ ...Suspended, Key: 'k' }));
    expect(await Body?.transformToString()).toBe('4');
    const { Versions } = await s3.send(new ListObjectVersionsCommand(Suspended));
    expect(Versions?.map(({ VersionId }) => VersionId)).toEqual(['null', old[1]?.VersionId]);
  });
});

describe('a request', () => {
  it('of a form is an object when it is put, as curl does', async () => {
    const answer = await fetch(`${sandbox.url}/${Bucket}/form`, {
      method: 'PUT',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: 'a=b',
    });
    expect(answer.status).toBe(200);
    expect(await textOf('form')).toBe('a=b');
  });

  it('asks for what changed since, or did not', async () => {
    await s3.send(new PutObjectCommand({ Bucket, Key: 'since', Body: 'x' }));
    const at = (ms: number): Date => new Date(Date.now() + ms);
    const get = (conditions: object) =>
      s3.send(new GetObjectCommand({ Bucket, Key: 'since', ...conditions }));
    expect(await failure(get({ IfModifiedSince: at(60_000) }))).toMatchObject({
      $metadata: { httpStatusCode: 304 },
    });
    await get({ IfModifiedSince: at(-60_000) });
    expect((await failure(get({ IfUnmodifiedSince: at(-60_000) }))).name).toBe(
      'PreconditionFailed',
    );
    await get({ IfUnmodifiedSince: at(60_000) });
  });

  it('for attributes is not answered with the object', async () => {
    const error = await failure(
      s3.send(new GetObjectAttributesCommand({ Bucket, Key: 'since', ObjectAttributes: ['ETag'] })),
    );
    expect(error.name).toBe('NotImplemented');
  });
});

describe('conditions', () => {
  const put = async (Key: string, Body = 'one'): Promise<string> => {
    const { ETag } = await s3.send(new PutObjectCommand({ Bucket, Key, Body }));
    return ETag ?? '';
  };

  it('of a deletion keep an object that is another than the caller knows', async () => {
    const ETag = await put('guarded');
    const wrong = s3.send(new DeleteObjectCommand({ Bucket, Key: 'guarded', IfMatch: '"other"' }));
    expect((await failure(wrong)).name).toBe('PreconditionFailed');
    const { Errors, Deleted } = await s3.send(
      new DeleteObjectsCommand({
        Bucket,
        Delete: { Objects: [{ Key: 'guarded', ETag: '"other"' }, { Key: 'never-there' }] },
      }),
    );
    expect(Errors).toMatchObject([{ Key: 'guarded', Code: 'PreconditionFailed' }]);
    expect(Deleted).toEqual([{ Key: 'never-there' }]);
    expect(await textOf('guarded')).toBe('one');
    await s3.send(new DeleteObjectCommand({ Bucket, Key: 'guarded', IfMatch: ETag }));
    expect((await failure(textOf('guarded'))).name).toBe('NoSuchKey');
  });

  it('of a copy hold for its source', async () => {
    const ETag = await put('source');
    const copy = (more: Partial<CopyObjectCommandInput>) =>
      s3.send(
        new CopyObjectCommand({ Bucket, Key: 'copied', CopySource: `${Bucket}/source`, ...more }),
      );
    for (const more of [
      { CopySourceIfMatch: '"other"' },
      { CopySourceIfNoneMatch: ETag },
      { CopySourceIfUnmodifiedSince: new Date(0) },
      { CopySourceIfModifiedSince: new Date() },
    ])
      expect((await failure(copy(more))).name).toBe('PreconditionFailed');
    await copy({ CopySourceIfMatch: ETag, CopySourceIfUnmodifiedSince: new Date(0) });
    expect(await textOf('copied')).toBe('one');
  });

  it('that S3 does not know for writes are refused', async () => {
    const error = await failure(
      s3.send(new PutObjectCommand({ Bucket, Key: 'new', Body: 'x', IfNoneMatch: '"etag"' })),
    );
    expect(error.name).toBe('NotImplemented');
  });
});

it('copies no object onto itself as it is, and knows two directives', async () => {
  await s3.send(new PutObjectCommand({ Bucket, Key: 'self', Body: 'x', Metadata: { a: '1' } }));
  const copy = (more: Partial<CopyObjectCommandInput>) =>
    s3.send(new CopyObjectCommand({ Bucket, Key: 'self', CopySource: `${Bucket}/self`, ...more }));
  const error = await failure(copy({}));
  expect([error.name, error.message]).toEqual([
    'InvalidRequest',
    expect.stringContaining('trying to copy an object to itself'),
  ]);
  await copy({ MetadataDirective: 'REPLACE', Metadata: { a: '2' } });
  const { Metadata } = await s3.send(new HeadObjectCommand({ Bucket, Key: 'self' }));
  expect(Metadata).toEqual({ a: '2' });
  const strange = await fetch(`${sandbox.url}/${Bucket}/self`, {
    method: 'PUT',
    headers: { 'x-amz-copy-source': `/${Bucket}/self`, 'x-amz-metadata-directive': 'MOVE' },
  });
  expect(await strange.text()).toContain('Unknown metadata directive.');
});

it('gives an object under the headers that a link to it asks for', async () => {
  await s3.send(
    new PutObjectCommand({ Bucket, Key: 'report', Body: 'x', CacheControl: 'no-store' }),
  );
  const found = await s3.send(
    new GetObjectCommand({
      Bucket,
      Key: 'report',
      ResponseContentDisposition: 'attachment; filename="report.txt"',
      ResponseContentType: 'text/plain',
    }),
  );
  expect(found).toMatchObject({
    ContentDisposition: 'attachment; filename="report.txt"',
    ContentType: 'text/plain',
    CacheControl: 'no-store',
  });
});

it.each([
  ['a digest that is none', { 'content-md5': 'zz' }, 'InvalidDigest'],
  ['a checksum of another length', { 'x-amz-checksum-sha256': 'AAAA' }, 'InvalidRequest'],
])('refuses %s', async (_which, headers, code) => {
  const url = `${sandbox.url}/${Bucket}/checked`;
  const answer = await fetch(url, { method: 'PUT', headers, body: 'x' });
  expect([answer.status, await answer.text()]).toEqual([
    400,
    expect.stringContaining(`<Code>${code}</Code>`),
  ]);
});

it.each(['?list-type=2&continuation-token=zzz', '?list-type=2&encoding-type=xml'])(
  'refuses the listing %s',
  async (query) => {
    const answer = await fetch(`${sandbox.url}/${Bucket}${query}`);
    expect([answer.status, await answer.text()]).toEqual([
      400,
      expect.stringContaining('<Code>InvalidArgument</Code>'),
    ]);
  },
);

it('writes control characters of keys so that XML stays XML', async () => {
  await s3.send(new PutObjectCommand({ Bucket, Key: 'control/\u0001', Body: 'x' }));
  const answer = await fetch(`${sandbox.url}/${Bucket}?list-type=2&prefix=control/`);
  expect(await answer.text()).toContain('<Key>control/&#1;</Key>');
});

it('lists buckets by prefix and by pages, and keeps the names that AWS keeps', async () => {
  for (const name of ['shelf-a', 'shelf-b', 'shelf-c'])
    await s3.send(new CreateBucketCommand({ Bucket: name }));
  const first = await s3.send(new ListBucketsCommand({ Prefix: 'shelf-', MaxBuckets: 2 }));
  expect(first.Buckets?.map(({ Name }) => Name)).toEqual(['shelf-a', 'shelf-b']);
  const { Buckets, ContinuationToken } = await s3.send(
    new ListBucketsCommand({ Prefix: 'shelf-', ContinuationToken: first.ContinuationToken }),
  );
  expect([Buckets?.map(({ Name }) => Name), ContinuationToken]).toEqual([['shelf-c'], undefined]);
  for (const name of ['xn--models', 'models-s3alias'])
    expect((await failure(s3.send(new CreateBucketCommand({ Bucket: name })))).name).toBe(
      'InvalidBucketName',
    );
});

it('leaves a marker in the place of the version null when versioning is suspended', async () => {
  const own = 'suspended-markers';
  await s3.send(new CreateBucketCommand({ Bucket: own }));
  const set = (Status: 'Enabled' | 'Suspended') =>
    s3.send(new PutBucketVersioningCommand({ Bucket: own, VersioningConfiguration: { Status } }));
  await set('Enabled');
  await s3.send(new PutObjectCommand({ Bucket: own, Key: 'k', Body: 'kept' }));
  await set('Suspended');
  await s3.send(new PutObjectCommand({ Bucket: own, Key: 'k', Body: 'lost' }));
  const deleted = await s3.send(new DeleteObjectCommand({ Bucket: own, Key: 'k' }));
  expect([deleted.DeleteMarker, deleted.VersionId]).toEqual([true, 'null']);
  const { Versions, DeleteMarkers } = await s3.send(new ListObjectVersionsCommand({ Bucket: own }));
  expect(DeleteMarkers).toMatchObject([{ VersionId: 'null', IsLatest: true }]);
  expect(Versions?.map(({ IsLatest }) => IsLatest)).toEqual([false]);
  await s3.send(new DeleteObjectCommand({ Bucket: own, Key: 'k', VersionId: 'null' }));
  const { Body } = await s3.send(new GetObjectCommand({ Bucket: own, Key: 'k' }));
  expect(await Body?.transformToString()).toBe('kept');
});
