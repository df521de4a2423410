import {
  CreateModelPackageCommand,
  CreateModelPackageGroupCommand,
  DeleteModelPackageCommand,
  DescribeModelPackageCommand,
  SageMakerClient,
  UpdateModelPackageCommand,
  type UpdateModelPackageInput,
} from '@aws-sdk/client-sagemaker';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { ACCOUNT, discard, openBench, REGION, type Bench } from './support.js';

const GRACE = `arn:aws:sagemaker:${REGION}:${ACCOUNT}:user-profile/d-abc123/grace`;

let bench: Bench;
let slow: Bench;
let packages = 0;

beforeAll(async () => {
  bench = await openBench();
  slow = await openBench(undefined, 1);
  for (const one of [bench, slow]) {
    await fetch(`${one.sandbox.url}/_sandbox/identities`, {
      method: 'PUT',
      body: JSON.stringify({ 'grace-key': GRACE }),
    });
    await one.sagemaker.send(
      new CreateModelPackageGroupCommand({ ModelPackageGroupName: 'group' }),
    );
  }
});
afterAll(async () => {
  for (const one of [bench, slow]) {
    await one.close();
    discard(one.home);
  }
});

const as = (accessKeyId: string, on: Bench = bench) => ({
  endpoint: on.sandbox.url,
  region: REGION,
  credentials: { accessKeyId, secretAccessKey: 'secret' },
  maxAttempts: 1,
});

async function registered(on: Bench = bench): Promise<string> {
  packages += 1;
  const { ModelPackageArn = '' } = await on.sagemaker.send(
    new CreateModelPackageCommand({
      ModelPackageGroupName: 'group',
      ClientToken: `package-${String(packages)}`,
    }),
  );
  return ModelPackageArn;
}

const update = (
  ModelPackageArn: string,
  change: Omit<UpdateModelPackageInput, 'ModelPackageArn'>,
  client: SageMakerClient = bench.sagemaker,
) => client.send(new UpdateModelPackageCommand({ ModelPackageArn, ...change }));

const described = (ModelPackageName: string) =>
  bench.sagemaker.send(new DescribeModelPackageCommand({ ModelPackageName }));

describe('who changed a model package', () => {
  it('is nobody until somebody does, then the caller by IAM identity', async () => {
    const arn = await registered();
    expect((await described(arn)).LastModifiedBy).toBeUndefined();
    await update(arn, { ModelApprovalStatus: 'Approved' });
    expect((await described(arn)).LastModifiedBy).toEqual({
      IamIdentity: {
        Arn: `arn:aws:iam::${ACCOUNT}:user/ada`,
        PrincipalId: expect.any(String) as string,
      },
    });
  });

  it('is a Studio user with profile and domain, and with the execution role that the domain shares', async () => {
    const arn = await registered();
    const grace = new SageMakerClient(as('grace-key'));
    await update(arn, { ModelApprovalStatus: 'Rejected' }, grace);
    const session = `arn:aws:sts::${ACCOUNT}:assumed-role/AmazonSageMaker-ExecutionRole/SageMaker`;
    expect((await described(arn)).LastModifiedBy).toMatchObject({
      UserProfileArn: GRACE,
      UserProfileName: 'grace',
      DomainId: 'd-abc123',
      IamIdentity: { Arn: session },
    });
    const sts = new STSClient(as('grace-key'));
    expect((await sts.send(new GetCallerIdentityCommand({}))).Arn).toBe(session);
    sts.destroy();
    grace.destroy();
  });
});

describe('UpdateModelPackage', () => {
  it('is done once for a token, also after somebody else’s change, and conflicts with another request', async () => {
    const arn = await registered();
    await update(arn, { ModelApprovalStatus: 'Approved', ClientToken: 'one' });
    const first = (await described(arn)).LastModifiedTime;
    await update(arn, { ModelApprovalStatus: 'Approved', ClientToken: 'one' });
    expect((await described(arn)).LastModifiedTime).toEqual(first);
    await update(arn, { ModelApprovalStatus: 'Rejected', ClientToken: 'two' });
    // The trap of a token that does not change with the package: the call is answered and does nothing.
    await update(arn, { ModelApprovalStatus: 'Approved', ClientToken: 'one' });
    expect((await described(arn)).ModelApprovalStatus).toBe('Rejected');
    await expect(
      update(arn, { ModelApprovalStatus: 'Rejected', ClientToken: 'one' }),
    ).rejects.toMatchObject({ name: 'ConflictException' });
  });

  it('conflicts while somebody else’s change is under way, and not with one’s own', async () => {
    const arn = await registered(slow);
    await update(arn, { ModelApprovalStatus: 'Approved' }, slow.sagemaker);
    await update(arn, { ApprovalDescription: 'more' }, slow.sagemaker);
    const grace = new SageMakerClient(as('grace-key', slow));
    await expect(update(arn, { ModelApprovalStatus: 'Rejected' }, grace)).rejects.toMatchObject({
      name: 'ConflictException',
      message: expect.stringContaining('is being modified') as string,
    });
    await expect(
      grace.send(new DeleteModelPackageCommand({ ModelPackageName: arn })),
    ).rejects.toMatchObject({ name: 'ConflictException' });
    grace.destroy();
  });

  it('changes nothing of what it refuses', async () => {
    const arn = await registered();
    const many = Object.fromEntries(
      Array.from({ length: 50 }, (_, index) => [`key-${String(index)}`, 'v']),
    );
    await update(arn, { CustomerMetadataProperties: many });
    await expect(
      update(arn, {
        ModelApprovalStatus: 'Approved',
        CustomerMetadataProperties: { 'one-more': 'v' },
      }),
    ).rejects.toMatchObject({ name: 'ValidationException' });
    expect((await described(arn)).ModelApprovalStatus).toBe('PendingManualApproval');
    await update(arn, {
      CustomerMetadataProperties: { 'one-more': 'v' },
      CustomerMetadataPropertiesToRemove: ['key-0'],
    });
    expect(Object.keys((await described(arn)).CustomerMetadataProperties ?? {})).toHaveLength(50);
  });

  it.each([
    ['a value of 257 characters', { CustomerMetadataProperties: { report: 'x'.repeat(257) } }],
    ['a value its pattern does not take', { CustomerMetadataProperties: { report: 'a%20b' } }],
    ['a stage without a status', { ModelLifeCycle: { Stage: 'Staging', StageStatus: undefined } }],
    ['a stage with a space', { ModelLifeCycle: { Stage: 'In Production', StageStatus: 'Active' } }],
  ])('refuses %s', async (_what, change) => {
    const arn = await registered();
    await expect(update(arn, change)).rejects.toMatchObject({ name: 'ValidationException' });
  });

  it('shows the stage of the model’s life', async () => {
    const arn = await registered();
    const ModelLifeCycle = { Stage: 'Staging', StageStatus: 'PendingApproval' };
    await update(arn, { ModelLifeCycle });
    expect((await described(arn)).ModelLifeCycle).toEqual(ModelLifeCycle);
  });
});

describe('DeleteModelPackage', () => {
  it('takes the package away for ever: its number is not given again, and it cannot be changed any more', async () => {
    const arn = await registered();
    await bench.sagemaker.send(new DeleteModelPackageCommand({ ModelPackageName: arn }));
    await expect(described(arn)).rejects.toMatchObject({
      name: 'ValidationException',
      message: expect.stringMatching(/does not exist\.$/) as string,
    });
    await expect(update(arn, { ModelApprovalStatus: 'Approved' })).rejects.toMatchObject({
      name: 'ValidationException',
    });
    expect(await registered()).not.toBe(arn);
  });
});
