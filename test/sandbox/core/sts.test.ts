import { AssumeRoleCommand, GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { ListQueuesCommand, SQSClient } from '@aws-sdk/client-sqs';
import { ListBucketsCommand, S3Client } from '@aws-sdk/client-s3';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Sandbox } from '../../../sandbox/aws/server.js';
import { admin, clients, failure, start } from './support.js';

const ROLE = 'arn:aws:iam::444455556666:role/path/of/deployer';
let sandbox: Sandbox;

beforeAll(async () => {
  sandbox = await start();
});

const assume = async (
  over: Partial<ConstructorParameters<typeof AssumeRoleCommand>[0]> = {},
  as = 'ada',
) =>
  clients(sandbox.url, as).sts.send(
    new AssumeRoleCommand({ RoleArn: ROLE, RoleSessionName: 'laptop', ...over }),
  );

/** Clients that sign with what AssumeRole answered. */
async function assumed(session = 'laptop') {
  const { Credentials } = await assume({ RoleSessionName: session });
  const options = {
    endpoint: sandbox.url,
    region: 'us-east-1',
    maxAttempts: 1,
    credentials: {
      accessKeyId: Credentials?.AccessKeyId ?? '',
      secretAccessKey: Credentials?.SecretAccessKey ?? '',
      sessionToken: Credentials?.SessionToken ?? '',
    },
  };
  return {
    sts: new STSClient(options),
    sqs: new SQSClient(options),
    s3: new S3Client({ ...options, forcePathStyle: true }),
  };
}

describe('AssumeRole', () => {
  it('gives credentials that are the session of the role, without its path', async () => {
    const { sts } = await assumed('release-7');
    expect(await sts.send(new GetCallerIdentityCommand({}))).toMatchObject({
      Arn: 'arn:aws:sts::444455556666:assumed-role/deployer/release-7',
      Account: '444455556666',
      UserId: 'AROADEPLOYER:release-7',
    });
  });

  it('gives them for as long as asked, an hour by itself', async () => {
    const left = async (seconds?: number) => {
      const { Credentials } = await assume(
        seconds === undefined ? {} : { DurationSeconds: seconds },
      );
      return ((Credentials?.Expiration?.getTime() ?? 0) - Date.now()) / 1_000;
    };
    expect(Math.round((await left()) / 60)).toBe(60);
    expect(Math.round((await left(900)) / 60)).toBe(15);
  });

  it.each([
    [{ RoleSessionName: 'x' }, /roleSessionName.*length greater than or equal to 2/],
    [{ RoleSessionName: 'x'.repeat(65) }, /roleSessionName.*length less than or equal to 64/],
    [{ RoleSessionName: 'release/7' }, /roleSessionName.*regular expression pattern/],
    [{ DurationSeconds: 899 }, /durationSeconds.*greater than or equal to 900/],
    [{ DurationSeconds: 43_201 }, /durationSeconds.*less than or equal to 43200/],
    [{ RoleArn: 'arn:aws:iam::444455556666:user/ada' }, /is invalid/],
  ])('refuses %j as AWS does', async (over, message) => {
    const refused = await failure(assume(over));
    expect(refused.name).toMatch(/^ValidationError/);
    expect(refused.message).toMatch(message);
  });

  it('gives a session that was reached from a session an hour at most', async () => {
    const { sts } = await assumed();
    const refused = await failure(
      sts.send(
        new AssumeRoleCommand({
          RoleArn: ROLE,
          RoleSessionName: 'chained',
          DurationSeconds: 3_601,
        }),
      ),
    );
    expect(refused.message).toContain('role chaining');
  });

  it('keeps to declared trust: principal, account, session of a role, external id', async () => {
    await admin(sandbox, 'PUT', 'identities', {
      worker: 'arn:aws:sts::111122223333:assumed-role/worker/i-1',
    });
    const trusting = (trusts: readonly string[], externalId?: string) =>
      admin(sandbox, 'PUT', 'roles', {
        [ROLE]: { trusts, ...(externalId === undefined ? {} : { externalId }) },
      });
    await trusting(['arn:aws:iam::111122223333:user/grace']);
    expect(await failure(assume())).toMatchObject({
      name: 'AccessDenied',
      message: `User: arn:aws:iam::111122223333:user/ada is not authorized to perform: sts:AssumeRole on resource: ${ROLE}`,
    });
    await assume({}, 'grace');
    await trusting(['arn:aws:iam::111122223333:root']);
    await assume();
    await trusting(['arn:aws:iam::111122223333:role/worker'], 'flights');
    await assume({ ExternalId: 'flights' }, 'worker');
    expect((await failure(assume({}, 'worker'))).name).toBe('AccessDenied');
    const unknown = { RoleArn: 'arn:aws:iam::444455556666:role/nobody' };
    expect((await failure(assume(unknown, 'worker'))).name).toBe('AccessDenied');
    await admin(sandbox, 'PUT', 'roles', {});
  });

  it('lets sessions end, in the words of each service', async () => {
    const { sts, sqs, s3 } = await assumed();
    await sqs.send(new ListQueuesCommand({}));
    await admin(sandbox, 'DELETE', 'sessions');
    expect((await failure(sqs.send(new ListQueuesCommand({})))).name).toBe('ExpiredTokenException');
    expect((await failure(s3.send(new ListBucketsCommand({})))).name).toBe('ExpiredToken');
    expect((await failure(sts.send(new GetCallerIdentityCommand({})))).name).toMatch(
      /^ExpiredToken/,
    );
  });
});
