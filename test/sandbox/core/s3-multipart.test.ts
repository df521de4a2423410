import { createHash } from 'node:crypto';
import { cpSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteBucketCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
  PutObjectCommand,
  UploadPartCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3';
import { beforeAll, describe, expect, it } from 'vitest';
import { clients, failure, start, temporaryHome } from './support.js';

const home = temporaryHome();
const sandbox = await start({ home });
const { s3 } = clients(sandbox.url);
const Bucket = 'parts';
const MIB = 1024 * 1024;
const first = Buffer.alloc(5 * MIB, 'a');
const last = Buffer.from('the rest');

beforeAll(async () => {
  await s3.send(new CreateBucketCommand({ Bucket }));
});

async function begin(Key: string): Promise<string> {
  const { UploadId = '' } = await s3.send(
    new CreateMultipartUploadCommand({
      Bucket,
      Key,
      ContentType: 'text/plain',
      Metadata: { author: 'ada' },
      ChecksumAlgorithm: 'CRC32',
    }),
  );
  return UploadId;
}

async function part(Key: string, UploadId: string, PartNumber: number, Body: Buffer) {
  const { ETag } = await s3.send(
    new UploadPartCommand({ Bucket, Key, UploadId, PartNumber, Body, ChecksumAlgorithm: 'CRC32' }),
  );
  return { PartNumber, ETag };
}

function complete(
  Key: string,
  UploadId: string,
  Parts: readonly { PartNumber: number; ETag: string | undefined }[],
  IfNoneMatch?: string,
) {
  return s3.send(
    new CompleteMultipartUploadCommand({
      Bucket,
      Key,
      UploadId,
      MultipartUpload: { Parts: [...Parts] },
      ...(IfNoneMatch === undefined ? {} : { IfNoneMatch }),
    }),
  );
}

const md5 = (bytes: Buffer): Buffer => createHash('md5').update(bytes).digest();

describe('an upload in parts', () => {
  it('becomes one object, with the ETag of its parts, its type and its metadata', async () => {
    const Key = 'a b+c/ü';
    const id = await begin(Key);
    const two = await part(Key, id, 2, last);
    const one = await part(Key, id, 1, first);
    expect((await failure(s3.send(new HeadObjectCommand({ Bucket, Key })))).name).toBe('NotFound');
    const done = await complete(Key, id, [one, two]);
    const etag = `"${createHash('md5')
      .update(Buffer.concat([md5(first), md5(last)]))
      .digest('hex')}-2"`;
    expect(done).toMatchObject({ Bucket, Key, ETag: etag });
    const got = await s3.send(new GetObjectCommand({ Bucket, Key }));
    const body = Buffer.from((await got.Body?.transformToByteArray()) ?? []);
    expect(body.equals(Buffer.concat([first, last]))).toBe(true);
    expect(got).toMatchObject({
      ETag: etag,
      ContentType: 'text/plain',
      Metadata: { author: 'ada' },
    });
  });

  it('is listed until it ends, and its parts with it', async () => {
    const id = await begin('listed');
    const one = await part('listed', id, 7, last);
    const { Uploads } = await s3.send(new ListMultipartUploadsCommand({ Bucket }));
    expect(Uploads).toMatchObject([{ Key: 'listed', UploadId: id }]);
    const { Parts } = await s3.send(new ListPartsCommand({ Bucket, Key: 'listed', UploadId: id }));
    expect(Parts).toMatchObject([{ PartNumber: 7, ETag: one.ETag, Size: last.length }]);
    await s3.send(new AbortMultipartUploadCommand({ Bucket, Key: 'listed', UploadId: id }));
    const after = await s3.send(new ListMultipartUploadsCommand({ Bucket }));
    expect(after.Uploads ?? []).toEqual([]);
    const late = await failure(part('listed', id, 1, last));
    expect(late.name).toBe('NoSuchUpload');
  });

  it('takes the newest part of a number', async () => {
    const id = await begin('twice');
    await part('twice', id, 1, first);
    const again = await part('twice', id, 1, last);
    await complete('twice', id, [again]);
    const { ContentLength } = await s3.send(new HeadObjectCommand({ Bucket, Key: 'twice' }));
    expect(ContentLength).toBe(last.length);
  });

  it('copies a part, or a range of one, from an object', async () => {
    await s3.send(new PutObjectCommand({ Bucket, Key: 'source +%', Body: '0123456789' }));
    const id = await begin('copied');
    const { CopyPartResult } = await s3.send(
      new UploadPartCopyCommand({
        Bucket,
        Key: 'copied',
        UploadId: id,
        PartNumber: 1,
        CopySource: `${Bucket}/${encodeURIComponent('source +%')}`,
        CopySourceRange: 'bytes=2-4',
      }),
    );
    await complete('copied', id, [{ PartNumber: 1, ETag: CopyPartResult?.ETag }]);
    const got = await s3.send(new GetObjectCommand({ Bucket, Key: 'copied' }));
    expect(await got.Body?.transformToString()).toBe('234');
  });

  it.each([
    ['InvalidPart', 'an ETag that is not the part’s', [{ PartNumber: 1, ETag: '"0"' }]],
    ['InvalidPart', 'a part that never came', [{ PartNumber: 9, ETag: '"0"' }]],
    [
      'InvalidPartOrder',
      'parts out of order',
      [
        { PartNumber: 2, ETag: '"0"' },
        { PartNumber: 1, ETag: '"0"' },
      ],
    ],
    ['MalformedXML', 'no part at all', []],
  ])('is refused as %s with %s', async (name, _what, parts) => {
    const id = await begin('refused');
    await part('refused', id, 1, last);
    expect((await failure(complete('refused', id, parts))).name).toBe(name);
    await s3.send(new AbortMultipartUploadCommand({ Bucket, Key: 'refused', UploadId: id }));
  });

  it('is refused when a part before the last is below five MiB', async () => {
    const id = await begin('small');
    const parts = [await part('small', id, 1, last), await part('small', id, 2, last)];
    expect((await failure(complete('small', id, parts))).name).toBe('EntityTooSmall');
    await s3.send(new AbortMultipartUploadCommand({ Bucket, Key: 'small', UploadId: id }));
  });

  it('does not replace an object under If-None-Match', async () => {
    await s3.send(new PutObjectCommand({ Bucket, Key: 'there', Body: 'x' }));
    const id = await begin('there');
    const parts = [await part('there', id, 1, last)];
    expect((await failure(complete('there', id, parts, '*'))).name).toBe('PreconditionFailed');
    await s3.send(new AbortMultipartUploadCommand({ Bucket, Key: 'there', UploadId: id }));
  });

  it('goes on after a kill, with the parts that were answered', async () => {
    const id = await begin('killed');
    const one = await part('killed', id, 1, last);
    const copy = temporaryHome();
    cpSync(home, copy, { recursive: true });
    const again = clients((await start({ home: copy })).url).s3;
    await again.send(
      new CompleteMultipartUploadCommand({
        Bucket,
        Key: 'killed',
        UploadId: id,
        MultipartUpload: { Parts: [one] },
      }),
    );
    const got = await again.send(new GetObjectCommand({ Bucket, Key: 'killed' }));
    expect(await got.Body?.transformToString()).toBe('the rest');
  });

  it('goes with its bucket, and leaves no body behind after a start', async () => {
    const own = temporaryHome();
    const other = await start({ home: own });
    const client = clients(other.url).s3;
    await client.send(new CreateBucketCommand({ Bucket: 'gone' }));
    const { UploadId } = await client.send(
      new CreateMultipartUploadCommand({ Bucket: 'gone', Key: 'k' }),
    );
    await client.send(
      new UploadPartCommand({ Bucket: 'gone', Key: 'k', UploadId, PartNumber: 1, Body: 'x' }),
    );
    await client.send(new DeleteBucketCommand({ Bucket: 'gone' }));
    await other.close();
    await start({ home: own });
    expect(readdirSync(join(own, 'objects'))).toEqual([]);
  });
});
