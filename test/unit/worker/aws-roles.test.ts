import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { CreateModelPackageGroupCommand, ListEndpointsCommand } from '@aws-sdk/client-sagemaker';
import { ListBucketsCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { aws, may } from '../../../activities/aws-failure.js';
import type { AwsByRegion, Session } from '../../../activities/deps.js';
import { startSandbox, type Sandbox } from '../../../sandbox/aws/server.js';
import { createAws } from '../../../worker/aws.js';
import { AwsClock } from '../../../worker/aws-clock.js';
import { RoleSessions } from '../../../worker/role-sessions.js';

const home = mkdtempSync(join(tmpdir(), 'roles-'));
const DEPLOY = 'arn:aws:iam::444455556666:role/modelkeeper-deploy';
const session: Session = { arn: DEPLOY, name: 'release-flights-7', stage: 'deploy' };
const VARIABLES = {
  AWS_ACCESS_KEY_ID: 'worker',
  AWS_SECRET_ACCESS_KEY: 'secret',
  AWS_REGION: 'us-east-1',
};
const before = { ...process.env };
let sandbox: Sandbox;
let clients: AwsByRegion;

beforeAll(async () => {
  sandbox = await startSandbox({ port: 0, home, speed: 100 });
  Object.assign(process.env, VARIABLES, { AWS_ENDPOINT_URL: sandbox.url });
  clients = createAws(process.env, new AwsClock(() => undefined));
  await admin('PUT', 'identities', { worker: 'arn:aws:sts::111122223333:assumed-role/worker/i-1' });
});

afterAll(async () => {
  for (const name of [...Object.keys(VARIABLES), 'AWS_ENDPOINT_URL']) {
    if (before[name] === undefined) Reflect.deleteProperty(process.env, name);
    else process.env[name] = before[name];
  }
  await sandbox.close();
  rmSync(home, { recursive: true, force: true });
});

async function admin(method: string, page: string, body?: unknown): Promise<unknown> {
  const answer = await fetch(`${sandbox.url}/_sandbox/${page}`, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return answer.json();
}

/** Makes a group under a session, as an activity calls AWS. */
const makeGroup = (name: string, as?: Session): Promise<unknown> =>
  aws(may('sagemaker:CreateModelPackageGroup', `model-package-group/${name}`), (options) =>
    clients('us-east-1', as).sagemaker.send(
      new CreateModelPackageGroupCommand({ ModelPackageGroupName: name }),
      options,
    ),
  );

async function callerOf(input: string): Promise<unknown> {
  const log = (await admin('GET', 'calls/log')) as readonly {
    readonly operation: string;
    readonly input: string;
    readonly by: string;
  }[];
  return log.find(
    (call) => call.operation === 'SageMaker.CreateModelPackageGroup' && call.input.includes(input),
  )?.by;
}

const countOf = async (operation: string): Promise<number> =>
  ((await admin('GET', 'calls')) as Record<string, { count: number }>)[operation]?.count ?? 0;

describe('calls of a stage with a role', () => {
  it('are on record under the role, with the workflow as the session', async () => {
    await makeGroup('plain');
    await makeGroup('assumed', session);
    expect(await callerOf('plain')).toBe('arn:aws:sts::111122223333:assumed-role/worker/i-1');
    expect(await callerOf('assumed')).toBe(
      'arn:aws:sts::444455556666:assumed-role/modelkeeper-deploy/release-flights-7',
    );
  });

  it('assume the role once for all services, and once for each workflow', async () => {
    const other = { ...session, name: 'release-flights-8' };
    const assumed = await countOf('STS.AssumeRole');
    const { sagemaker, s3 } = clients('us-east-1', other);
    await Promise.all([
      sagemaker.send(new ListEndpointsCommand({})),
      sagemaker.send(new ListEndpointsCommand({})),
      s3.send(new ListBucketsCommand({})),
    ]);
    expect(await countOf('STS.AssumeRole')).toBe(assumed + 1);
    expect(clients('us-east-1', other)).toBe(clients('us-east-1', { ...other }));
  });

  it('go on with a new session when AWS ends the one they have', async () => {
    await makeGroup('before-the-end', session);
    await admin('DELETE', 'sessions');
    await expect(makeGroup('at-the-end', session)).rejects.toThrow(
      /the credentials do not hold for sagemaker:CreateModelPackageGroup/,
    );
    await makeGroup('after-the-end', session);
    expect(await callerOf('after-the-end')).toContain(':assumed-role/modelkeeper-deploy/');
  });

  it('say which role cannot be assumed, by whom, and what to change', async () => {
    const refused: Session = { ...session, name: 'release-flights-9' };
    await admin('PUT', 'roles', { [DEPLOY]: { trusts: [DEPLOY] } });
    await expect(makeGroup('denied', refused)).rejects.toThrow(
      `the role ${DEPLOY} cannot be assumed for sagemaker:CreateModelPackageGroup: let its trust policy name arn:aws:sts::111122223333:assumed-role/worker/i-1`,
    );
    await admin('PUT', 'roles', {
      [DEPLOY]: { trusts: ['arn:aws:iam::111122223333:role/worker'], externalId: 'flights' },
    });
    await expect(makeGroup('denied', refused)).rejects.toThrow(/external id under spec\.roles/);
    await makeGroup('let-in', { ...refused, externalId: 'flights' });
    expect(await callerOf('denied')).toBeUndefined();
    await admin('PUT', 'roles', {});
  });
});

describe('a session', () => {
  it('is renewed six minutes before its end, sooner than the SDK asks for it', async () => {
    let nowMs = 0;
    let asked = 0;
    const sts = {
      send: () => {
        asked += 1;
        return Promise.resolve({
          Credentials: {
            AccessKeyId: `ASIA${String(asked)}`,
            SecretAccessKey: 's',
            SessionToken: 't',
            Expiration: new Date(nowMs + 3_600_000),
          },
        });
      },
    };
    const sessions = new RoleSessions(
      () => sts,
      () => nowMs,
    );
    const key = async () => (await sessions.credentials('us-east-1', session)).accessKeyId;
    expect(await key()).toBe('ASIA1');
    nowMs = 54 * 60_000 - 1;
    expect(await key()).toBe('ASIA1');
    nowMs = 54 * 60_000;
    expect(await key()).toBe('ASIA2');
  });

  it('that STS refused is asked for again at the next call', async () => {
    let asked = 0;
    const sessions = new RoleSessions(() => ({
      send: () => {
        asked += 1;
        return Promise.reject(new Error('no'));
      },
    }));
    for (let at = 0; at < 2; at += 1)
      await expect(sessions.credentials('us-east-1', session)).rejects.toThrow('no');
    expect(asked).toBe(2);
  });
});
