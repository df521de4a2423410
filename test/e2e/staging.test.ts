/** Staging in another account before production: a real server, worker and local AWS of two accounts. */
import { PutBucketPolicyCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import {
  DescribeEndpointCommand,
  PutModelPackageGroupPolicyCommand,
  SageMakerClient,
} from '@aws-sdk/client-sagemaker';
import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { CREDENTIALS, REGION } from './support/aws.js';
import { temporaryFolder, untilTrue } from './support/processes.js';
import { Stack } from './support/stack.js';

const MODEL = 'staged';
const PRODUCTION = '111122223333';
const STAGING = '444455556666';
const ROLE = `arn:aws:iam::${STAGING}:role/modelkeeper-staging`;
const MODEL_ROLE = `arn:aws:iam::${STAGING}:role/model`;
const EXTERNAL_ID = 'staged:staging';
const BUCKET = 'ml-artefacts';
const folder = temporaryFolder('staging');
let stack: Stack;
let there: SageMakerClient;

beforeAll(async () => {
  stack = await Stack.boot(folder.path);
  await stack.aws.roles({
    [ROLE]: { trusts: [`arn:aws:iam::${PRODUCTION}:user/a-test`], externalId: EXTERNAL_ID },
  });
  there = await staging();
}, 120_000);

afterAll(async () => {
  await stack.close();
  folder.remove();
}, 90_000);

/** A person of the staging account, who looks at it. */
async function staging(): Promise<SageMakerClient> {
  const options = { endpoint: stack.aws.url, region: REGION };
  const { Credentials: given } = await new STSClient({ ...options, credentials: CREDENTIALS }).send(
    new AssumeRoleCommand({ RoleArn: ROLE, RoleSessionName: 'a-look', ExternalId: EXTERNAL_ID }),
  );
  return new SageMakerClient({
    ...options,
    credentials: {
      accessKeyId: given?.AccessKeyId ?? '',
      secretAccessKey: given?.SecretAccessKey ?? '',
      sessionToken: given?.SessionToken ?? '',
    },
  });
}

const samples = (Body: string) =>
  stack.aws.s3.send(new PutObjectCommand({ Bucket: BUCKET, Key: 'samples.csv', Body }));

/** What the staging account may use of production's. */
const allowing = (AWS: string, Action: readonly string[], Resource: string) =>
  JSON.stringify({
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Principal: { AWS }, Action, Resource }],
  });

const says = (what: RegExp) =>
  untilTrue(`the release says ${String(what)}`, 180_000, async () =>
    what.test(await stack.failing(MODEL, 1)),
  );

const staged = () => there.send(new DescribeEndpointCommand({ EndpointName: `${MODEL}-staging` }));

it('names what production has not shared, goes on once it has, and leaves production alone after a failed check', async () => {
  await samples('LAX\n');
  const policy = await stack.company(MODEL, ({ spec }) => {
    spec.deploy = {
      ...spec.deploy,
      staging: {
        endpoint: `${MODEL}-staging`,
        role: { arn: ROLE, externalId: EXTERNAL_ID },
        executionRole: MODEL_ROLE,
        check: { samples: `s3://${BUCKET}/samples.csv`, requests: 5 },
        timeout: '10m',
      },
    };
  });
  await stack.apply(policy);
  expect(await stack.retrain(MODEL)).toBe(1);
  await stack.approve(MODEL, 1);

  await says(/sagemaker:CreateModel .*model-package\/staged\/1/);
  await stack.aws.sagemaker.send(
    new PutModelPackageGroupPolicyCommand({
      ModelPackageGroupName: MODEL,
      ResourcePolicy: allowing(
        `arn:aws:iam::${STAGING}:root`,
        ['sagemaker:DescribeModelPackage', 'sagemaker:CreateModel'],
        `arn:aws:sagemaker:${REGION}:${PRODUCTION}:model-package/${MODEL}/*`,
      ),
    }),
  );
  await says(/s3:GetObject/);
  await stack.aws.s3.send(
    new PutBucketPolicyCommand({
      Bucket: BUCKET,
      Policy: allowing(MODEL_ROLE, ['s3:GetObject'], `arn:aws:s3:::${BUCKET}/*`),
    }),
  );

  const { result } = await stack.ended(MODEL, 1);
  expect(result).toMatchObject({
    kind: 'failed gates',
    reasons: [
      expect.stringMatching(/^staging: 5 of 5 requests failed .*Expected 5 columns, got 1/),
    ],
  });
  expect((await staged()).EndpointConfigName).toBe(`${MODEL}-1-staging`);
  expect((await stack.aws.endpoint(MODEL)).EndpointConfigName).toBe(`${MODEL}-first`);
});

it('lets a candidate that answers there go on to production, each in its account and as its release', async () => {
  await samples('LAX,SFO,337,9,1\nSFO,LAX,337,10,2\n');
  expect(await stack.retrain(MODEL)).toBe(2);
  await stack.approve(MODEL, 2);
  expect((await stack.ended(MODEL, 2)).result).toMatchObject({ kind: 'promoted' });
  expect(await staged()).toMatchObject({
    EndpointArn: `arn:aws:sagemaker:${REGION}:${STAGING}:endpoint/${MODEL}-staging`,
    EndpointStatus: 'InService',
    EndpointConfigName: `${MODEL}-2-staging`,
  });
  expect((await stack.aws.endpoint(MODEL)).EndpointConfigName).toBe(`${MODEL}-2`);

  const updates = (await stack.aws.calls()).filter(
    ({ operation, outcome }) => operation === 'SageMaker.UpdateEndpoint' && outcome === 'ok',
  );
  const session = `arn:aws:sts::${STAGING}:assumed-role/modelkeeper-staging/release-${MODEL}-2`;
  expect(updates.map(({ by }) => by)).toEqual([session, `arn:aws:iam::${PRODUCTION}:user/a-test`]);
});
