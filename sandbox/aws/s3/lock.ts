/** Object Lock: versions that nobody can delete for a time. */
import type { IncomingMessage } from 'node:http';
import { z } from 'zod';
import { readBody } from '../http/answer.js';
import { AwsError } from '../kernel.js';
import { malformed, parseXml, xml } from './answers.js';
import type { S3Core } from './access.js';
import type { Operation } from './answers.js';

const DAY_MS = 86_400_000;
const DAYS_OF_YEAR = 365;

const number = z.coerce.number().int().positive().optional();
const configurationSchema = z.object({
  ObjectLockConfiguration: z.object({
    ObjectLockEnabled: z.literal('Enabled'),
    Rule: z
      .object({
        DefaultRetention: z.object({
          Mode: z.enum(['GOVERNANCE', 'COMPLIANCE']),
          Days: number,
          Years: number,
        }),
      })
      .optional(),
  }),
});

export function lockOperations(core: S3Core): Readonly<Record<string, Operation>> {
  const { objects } = core;
  return {
    GetObjectLockConfiguration: ({ bucket }) => {
      const lock = objects.bucket(bucket)?.lock;
      if (lock === undefined)
        throw new AwsError(
          'ObjectLockConfigurationNotFoundError',
          'Object Lock configuration does not exist for this bucket',
          404,
        );
      const last = lock.at(-1);
      return xml('ObjectLockConfiguration', {
        ObjectLockEnabled: 'Enabled',
        ...(last === undefined || last.days === 0
          ? {}
          : { Rule: { DefaultRetention: { Mode: last.mode, Days: last.days } } }),
      });
    },
    PutObjectLockConfiguration: async ({ bucket, request }) => {
      const parsed = configurationSchema.safeParse(parseXml(await readBody(request)));
      if (!parsed.success) throw malformed();
      const record = objects.bucket(bucket);
      const rule = parsed.data.ObjectLockConfiguration.Rule?.DefaultRetention;
      if (rule !== undefined && (rule.Days === undefined) === (rule.Years === undefined))
        throw malformed();
      if (record?.versioning !== 'Enabled')
        throw new AwsError(
          'InvalidBucketState',
          "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration",
          409,
        );
      objects.saveBucket(bucket, {
        ...record,
        lock: [
          ...(record.lock ?? []),
          {
            mode: rule?.Mode ?? 'GOVERNANCE',
            days: rule?.Days ?? (rule?.Years ?? 0) * DAYS_OF_YEAR,
            sinceMs: core.now(),
          },
        ],
      });
      return { status: 200 };
    },
  };
}

/** Whether a version must be kept: the default of when it was written counts for it. */
export function isRetained(
  core: S3Core,
  bucket: string,
  key: string,
  versionId: string,
  request: IncomingMessage,
): boolean {
  const version = core.objects.version(bucket, key, versionId);
  // A delete marker is kept by nothing.
  if (version?.object === undefined) return false;
  const rule = core.objects
    .bucket(bucket)
    ?.lock?.findLast(({ sinceMs }) => sinceMs <= version.lastModifiedMs);
  if (rule === undefined || version.lastModifiedMs + rule.days * DAY_MS <= core.now()) return false;
  return (
    rule.mode === 'COMPLIANCE' || request.headers['x-amz-bypass-governance-retention'] !== 'true'
  );
}

export const retained = (): AwsError =>
  new AwsError('AccessDenied', 'Access Denied because object protected by object lock.', 403);
