import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { z } from 'zod';
import { readBody } from '../http/answer.js';
import type { Answer } from '../http/answer.js';
import { AwsError } from '../kernel.js';
import {
  checkKey,
  checkWriteConditions,
  invalidArgument,
  iso,
  keptHeaders,
  malformed,
  noSuchBucket,
  OWNER,
  parseXml,
  quoted,
  unquoted,
  versionHeader,
  xml,
} from './answers.js';
import type { Call, Operation } from './answers.js';
import type { S3Core } from './access.js';
import { sourceOf } from './find.js';
import { encoder, limitOf } from './listing.js';
import type { Body, ObjectStore } from './objects.js';
import { receiveBody } from './receive.js';
import { parseRange } from './request.js';
import { etagOfParts } from './uploads.js';
import type { PartRecord, UploadRecord, Uploads } from './uploads.js';

/** Every part but the last one holds at least this. */
const LEAST_PART_BYTES = 5 * 1024 * 1024;
const MOST_PARTS = 10_000;

const completion = z.object({
  CompleteMultipartUpload: z.object({
    Part: z
      .array(z.object({ PartNumber: z.coerce.number().int(), ETag: z.string() }))
      .min(1)
      .max(MOST_PARTS),
  }),
});

export function multipartOperations(
  { objects }: S3Core,
  uploads: Uploads,
): Readonly<Record<string, Operation>> {
  const found = ({ bucket, key, query }: Call): UploadRecord => {
    const upload = uploads.get(bucket, key, query.get('uploadId') ?? '');
    if (upload !== undefined) return upload;
    throw new AwsError(
      'NoSuchUpload',
      'The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.',
      404,
    );
  };
  /** Saves a body as a part, unless its upload ended while the body came in. */
  const save = (call: Call, number: number, body: Body): PartRecord => {
    try {
      return uploads.savePart(found(call).uploadId, number, body);
    } catch (error) {
      objects.discard(objects.path(body.file));
      throw error;
    }
  };

  return {
    CreateMultipartUpload: ({ bucket, key, request }) => {
      checkKey(key);
      request.resume();
      const { 'content-type': contentType, 'x-amz-checksum-algorithm': algorithm } =
        request.headers;
      const upload = uploads.begin(bucket, {
        key,
        headers: keptHeaders(request),
        ...(contentType === undefined ? {} : { contentType }),
        ...(typeof algorithm === 'string' ? { checksumAlgorithm: algorithm } : {}),
      });
      const answer = xml('InitiateMultipartUploadResult', {
        Bucket: bucket,
        Key: key,
        UploadId: upload.uploadId,
      });
      return { ...answer, headers: { ...answer.headers, ...algorithmHeader(upload) } };
    },
    UploadPart: async (call) => {
      const number = partNumber(call);
      found(call);
      const { body, checksums } = await receiveBody(call.request, '', objects);
      const part = save(call, number, body);
      return { status: 200, headers: { etag: quoted(part.etag), ...checksums } };
    },
    UploadPartCopy: async (call) => {
      const number = partNumber(call);
      found(call);
      call.request.resume();
      const part = save(call, number, await copied(objects, call));
      return xml('CopyPartResult', {
        LastModified: iso(part.lastModifiedMs),
        ETag: quoted(part.etag),
      });
    },
    CompleteMultipartUpload: async (call) => {
      const { bucket, key, request } = call;
      const upload = found(call);
      const parsed = completion.safeParse(parseXml(await readBody(request)));
      if (!parsed.success) throw malformed();
      const asked = parsed.data.CompleteMultipartUpload.Part;
      const parts = chosen(uploads.parts(upload.uploadId), asked);
      const body = await joined(objects, key, parts);
      try {
        // From here to the commit nothing waits, as in PutObject.
        found(call);
        if (!objects.bucketExists(bucket)) throw noSuchBucket();
        checkWriteConditions(objects.head(bucket, key), request);
      } catch (error) {
        objects.discard(objects.path(body.file));
        throw error;
      }
      const record = uploads.complete(bucket, upload, body);
      const answer = xml('CompleteMultipartUploadResult', {
        Location: `http://${request.headers.host ?? ''}/${bucket}/${encodeURIComponent(key)}`,
        Bucket: bucket,
        Key: key,
        ETag: quoted(record.etag),
      });
      return { ...answer, headers: { ...answer.headers, ...versionHeader(record) } };
    },
    AbortMultipartUpload: (call) => {
      uploads.abandon(call.bucket, found(call).uploadId);
      return { status: 204 };
    },
    ListParts: (call) => listParts(found(call), uploads, call),
    ListMultipartUploads: (call) => listUploads(uploads, call),
  };
}

function algorithmHeader({ checksumAlgorithm }: UploadRecord): Record<string, string> {
  return checksumAlgorithm === undefined ? {} : { 'x-amz-checksum-algorithm': checksumAlgorithm };
}

function partNumber({ query }: Call): number {
  const number = Number(query.get('partNumber') ?? NaN);
  if (Number.isInteger(number) && number >= 1 && number <= MOST_PARTS) return number;
  throw invalidArgument(`Part number must be an integer between 1 and ${MOST_PARTS}, inclusive`);
}

/** @throws {AwsError} InvalidPartOrder, InvalidPart, EntityTooSmall */
function chosen(
  there: readonly PartRecord[],
  asked: readonly { readonly PartNumber: number; readonly ETag: string }[],
): readonly PartRecord[] {
  if (asked.some(({ PartNumber }, at) => PartNumber <= (asked[at - 1]?.PartNumber ?? 0))) {
    throw new AwsError(
      'InvalidPartOrder',
      'The list of parts was not in ascending order. The parts list must be specified in order by part number.',
    );
  }
  const parts = asked.map(({ PartNumber, ETag }) => {
    const part = there.find(({ number }) => number === PartNumber);
    if (part !== undefined && part.etag === unquoted(ETag)) return part;
    throw new AwsError(
      'InvalidPart',
      "One or more of the specified parts could not be found. The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.",
    );
  });
  if (parts.slice(0, -1).some(({ size }) => size < LEAST_PART_BYTES)) {
    throw new AwsError(
      'EntityTooSmall',
      'Your proposed upload is smaller than the minimum allowed size',
    );
  }
  return parts;
}

/** One body of all parts, in their order. */
async function joined(
  objects: ObjectStore,
  key: string,
  parts: readonly PartRecord[],
): Promise<Body> {
  const draft = objects.draftPath();
  try {
    for (const { file } of parts)
      await pipeline(
        createReadStream(objects.path(file)),
        createWriteStream(draft, { flags: 'a' }),
      );
  } catch (error) {
    objects.discard(draft);
    throw error;
  }
  const size = parts.reduce((sum, part) => sum + part.size, 0);
  return objects.adopt(draft, key, size, etagOfParts(parts));
}

/** The object, or the range of it, that UploadPartCopy names. */
async function copied(objects: ObjectStore, { request }: Call): Promise<Body> {
  const source = sourceOf(objects, request);
  const header = request.headers['x-amz-copy-source-range'];
  const range = parseRange(typeof header === 'string' ? header : undefined, source.size);
  if (range.kind === 'none')
    throw new AwsError('InvalidRange', 'The requested range is not satisfiable', 416);
  const part = range.kind === 'part' ? { start: range.first, end: range.last } : {};
  const draft = objects.draftPath();
  const hash = createHash('md5');
  let size = 0;
  const measure = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      size += chunk.length;
      hash.update(chunk);
      done(null, chunk);
    },
  });
  try {
    await pipeline(
      createReadStream(objects.path(source.file), part),
      measure,
      createWriteStream(draft),
    );
  } catch (error) {
    objects.discard(draft);
    throw error;
  }
  return objects.adopt(draft, '', size, hash.digest('hex'));
}

function listParts(upload: UploadRecord, uploads: Uploads, { bucket, query }: Call): Answer {
  const marker = Number(query.get('part-number-marker') ?? 0);
  const limit = limitOf(query, 'max-parts');
  const after = uploads.parts(upload.uploadId).filter(({ number }) => number > marker);
  const shown = after.slice(0, limit);
  return xml('ListPartsResult', {
    Bucket: bucket,
    Key: upload.key,
    UploadId: upload.uploadId,
    Initiator: OWNER,
    Owner: OWNER,
    StorageClass: 'STANDARD',
    PartNumberMarker: marker,
    NextPartNumberMarker: shown.at(-1)?.number ?? 0,
    MaxParts: limit,
    IsTruncated: after.length > shown.length,
    Part: shown.map((part) => ({
      PartNumber: part.number,
      LastModified: iso(part.lastModifiedMs),
      ETag: quoted(part.etag),
      Size: part.size,
    })),
  });
}

function listUploads(uploads: Uploads, { bucket, query }: Call): Answer {
  const prefix = query.get('prefix') ?? '';
  const keyMarker = query.get('key-marker') ?? '';
  const idMarker = query.get('upload-id-marker') ?? '';
  const limit = limitOf(query, 'max-uploads');
  const encode = encoder(query);
  const all = uploads.list(bucket).filter(({ key }) => key.startsWith(prefix));
  const exact = all.findIndex(({ key, uploadId }) => key === keyMarker && uploadId === idMarker);
  const after = exact < 0 ? all.filter(({ key }) => key > keyMarker) : all.slice(exact + 1);
  const shown = after.slice(0, limit);
  const last = shown.at(-1);
  const isTruncated = after.length > shown.length && last !== undefined;
  return xml('ListMultipartUploadsResult', {
    Bucket: bucket,
    KeyMarker: encode(keyMarker),
    UploadIdMarker: idMarker,
    Prefix: encode(prefix),
    MaxUploads: limit,
    ...(query.has('encoding-type') ? { EncodingType: 'url' } : {}),
    IsTruncated: isTruncated,
    ...(isTruncated ? { NextKeyMarker: encode(last.key), NextUploadIdMarker: last.uploadId } : {}),
    Upload: shown.map((upload) => ({
      Key: encode(upload.key),
      UploadId: upload.uploadId,
      Initiator: OWNER,
      Owner: OWNER,
      StorageClass: 'STANDARD',
      Initiated: iso(upload.startedAtMs),
    })),
  });
}
