/** Who may do what in a bucket, and from where: buckets have one account and one Region. */
import type { IncomingMessage } from 'node:http';
import { z } from 'zod';
import { readBody } from '../http/answer.js';
import { actionOf } from '../iam/actions.js';
import { decisionOf, faultOfPolicy } from '../iam/resource-policy.js';
import { AwsError } from '../kernel.js';
import type { CallInfo, Objects } from '../kernel.js';
import { noSuchBucket } from './answers.js';
import type { Operation } from './answers.js';
import type { ObjectStore } from './objects.js';
import { copySource } from './request.js';
import type { S3Request } from './request.js';

/** What S3 stands on: it is one service for all accounts and Regions. */
export interface S3Core {
  readonly objects: ObjectStore;
  now(): number;
}

type Caller = Pick<CallInfo, 'caller' | 'region'>;

const arnOf = (bucket: string, key: string): string =>
  `arn:aws:s3:::${bucket}${key === '' ? '' : `/${key}`}`;

/** @throws {AwsError} NoSuchBucket, AccessDenied, or PermanentRedirect where the bucket is in another Region. */
export function checkAccess(
  objects: ObjectStore,
  operation: string,
  { bucket, key }: S3Request,
  request: IncomingMessage,
  by: Caller,
): void {
  if (operation === 'ListBuckets' || operation === 'CreateBucket') return;
  const action = actionOf(`S3.${operation}`);
  checkBucket(objects, action, bucket, key, by);
  const copied = request.headers['x-amz-copy-source'];
  if (copied === undefined) return;
  const source = copySource(String(copied));
  if (objects.bucketExists(source.bucket))
    checkPolicy(objects, 's3:GetObject', source.bucket, source.key, by);
}

function checkBucket(
  objects: ObjectStore,
  action: string,
  bucket: string,
  key: string,
  by: Caller,
): void {
  if (!objects.bucketExists(bucket)) throw noSuchBucket();
  if (objects.placeOf(bucket).region !== by.region)
    throw new AwsError(
      'PermanentRedirect',
      'The bucket you are attempting to access must be addressed using the specified endpoint. Please send all future requests to this endpoint.',
      301,
    );
  checkPolicy(objects, action, bucket, key, by);
}

function checkPolicy(
  objects: ObjectStore,
  action: string,
  bucket: string,
  key: string,
  { caller: { arn, accountId } }: Caller,
): void {
  // Whoever owns a bucket can always mend its policy.
  const owned = objects.placeOf(bucket).accountId === accountId;
  if (owned && action.endsWith('BucketPolicy')) return;
  const resource = arnOf(bucket, key);
  const decision = decisionOf(objects.bucket(bucket)?.policy, { arn, accountId, action, resource });
  if (decision === 'deny' || (decision === 'silent' && !owned))
    throw new AwsError('AccessDenied', 'Access Denied', 403);
}

export function policyOperations({ objects }: S3Core): Readonly<Record<string, Operation>> {
  return {
    GetBucketPolicy: ({ bucket }) => {
      const policy = objects.bucket(bucket)?.policy;
      if (policy === undefined)
        throw new AwsError('NoSuchBucketPolicy', 'The bucket policy does not exist', 404);
      return { status: 200, headers: { 'content-type': 'application/json' }, body: policy };
    },
    PutBucketPolicy: async ({ bucket, request }) => {
      const policy = (await readBody(request)).toString('utf8');
      const fault = faultOfPolicy(policy);
      if (fault !== undefined) throw new AwsError('MalformedPolicy', fault);
      const record = objects.bucket(bucket);
      if (record !== undefined) objects.saveBucket(bucket, { ...record, policy });
      return { status: 204 };
    },
    DeleteBucketPolicy: ({ bucket }) => {
      const { policy, ...record } = objects.bucket(bucket) ?? { createdAtMs: 0 };
      if (policy !== undefined) objects.saveBucket(bucket, record);
      return { status: 204 };
    },
  };
}

const constraintSchema = z.object({
  CreateBucketConfiguration: z.object({ LocationConstraint: z.string().optional() }),
});

/** Where a new bucket comes to be, as its request says it. */
export function newBucketRegion(body: unknown, signedFor: string): string {
  const parsed = constraintSchema.safeParse(body);
  const asked = parsed.success
    ? parsed.data.CreateBucketConfiguration.LocationConstraint
    : undefined;
  if ((asked ?? 'us-east-1') === signedFor) return signedFor;
  throw new AwsError(
    'IllegalLocationConstraintException',
    asked === undefined
      ? 'The unspecified location constraint is incompatible for the region specific endpoint this request was sent to.'
      : `The ${asked} location constraint is incompatible for the region specific endpoint this request was sent to.`,
  );
}

/** The objects that services of one account and Region see. Under which role they read is not looked at. */
export function objectsOf(
  objects: ObjectStore,
  { accountId, region }: { readonly accountId: string; readonly region: string },
): Objects {
  const allowed = (action: string, bucket: string, key: string): boolean => {
    const owned = objects.placeOf(bucket).accountId === accountId;
    if (owned && objects.bucket(bucket)?.policy === undefined) return true;
    const asking = { arn: null, accountId, action, resource: arnOf(bucket, key) };
    const decision = decisionOf(objects.bucket(bucket)?.policy, asking);
    return decision === 'allow' || (decision === 'silent' && owned);
  };
  const here = (bucket: string): boolean =>
    objects.bucketExists(bucket) && objects.placeOf(bucket).region === region;
  const readable = (bucket: string, key: string): boolean =>
    here(bucket) && allowed('s3:GetObject', bucket, key);
  return {
    put: (bucket, key, body, options) => {
      if (!here(bucket) && objects.bucketExists(bucket))
        throw new Error(`The bucket ${bucket} is not in ${region}`);
      if (here(bucket) && !allowed('s3:PutObject', bucket, key))
        throw new Error(`Access Denied: s3:PutObject on ${arnOf(bucket, key)}`);
      return objects.put(bucket, key, body, options);
    },
    get: (bucket, key) => (readable(bucket, key) ? objects.get(bucket, key) : undefined),
    pathOf: (bucket, key) => (readable(bucket, key) ? objects.pathOf(bucket, key) : undefined),
    list: (bucket, prefix) =>
      here(bucket) && allowed('s3:ListBucket', bucket, '') ? objects.list(bucket, prefix) : [],
    bucketExists: here,
    reach: (bucket, key) => {
      if (!objects.bucketExists(bucket)) return 'absent';
      if (!here(bucket)) return 'elsewhere';
      if (!allowed('s3:GetObject', bucket, key)) return 'denied';
      return objects.head(bucket, key) === undefined ? 'absent' : 'ok';
    },
  };
}
