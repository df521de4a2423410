/** What an account says of itself: quotas, permissions, locks, confirmations, targets of rules. */
import {
  ListRuleNamesByTargetCommand,
  PutRuleCommand,
  PutTargetsCommand,
} from '@aws-sdk/client-eventbridge';
import { IAMClient, SimulatePrincipalPolicyCommand } from '@aws-sdk/client-iam';
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectLockConfigurationCommand,
  HeadObjectCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  PutObjectLockConfigurationCommand,
} from '@aws-sdk/client-s3';
import {
  GetServiceQuotaCommand,
  paginateListServiceQuotas,
  ServiceQuotasClient,
} from '@aws-sdk/client-service-quotas';
import {
  CreateTopicCommand,
  GetTopicAttributesCommand,
  ListSubscriptionsByTopicCommand,
  PublishCommand,
  SubscribeCommand,
} from '@aws-sdk/client-sns';
import { CreateQueueCommand, GetQueueAttributesCommand } from '@aws-sdk/client-sqs';
import { AssumeRoleCommand } from '@aws-sdk/client-sts';
import { describe, expect, it } from 'vitest';

import { clients, failure, start } from './support.js';

const WORKER = 'arn:aws:iam::111122223333:role/worker';

async function open() {
  const sandbox = await start();
  const put = async (page: string, body: unknown): Promise<unknown> =>
    (
      await fetch(`${sandbox.url}/_sandbox/${page}`, {
        method: 'PUT',
        body: JSON.stringify(body),
      })
    ).json();
  const get = async (page: string): Promise<unknown> =>
    (await fetch(`${sandbox.url}/_sandbox/${page}`)).json();
  const options = {
    endpoint: sandbox.url,
    region: 'us-east-1',
    maxAttempts: 1,
    credentials: { accessKeyId: 'ada', secretAccessKey: 'any' },
  };
  return {
    ...clients(sandbox.url),
    iam: new IAMClient(options),
    quotas: new ServiceQuotasClient(options),
    url: sandbox.url,
    put,
    get,
  };
}

describe('Service Quotas', () => {
  it('turn pages, and say what was set', async () => {
    const { quotas, put } = await open();
    await put('quotas', { 'ml.m5.large for endpoint usage': 2 });
    const found = [];
    let pages = 0;
    for await (const page of paginateListServiceQuotas(
      { client: quotas, pageSize: 10 },
      { ServiceCode: 'sagemaker' },
    )) {
      pages += 1;
      found.push(...(page.Quotas ?? []));
    }
    expect(pages).toBeGreaterThan(1);
    const quota = found.find(({ QuotaName }) => QuotaName === 'ml.m5.large for endpoint usage');
    expect(quota).toMatchObject({ Value: 2, Adjustable: true });
    const answer = await quotas.send(
      new GetServiceQuotaCommand({ ServiceCode: 'sagemaker', QuotaCode: quota?.QuotaCode }),
    );
    expect(answer.Quota).toEqual(quota);
  });

  it('know no other service', async () => {
    const { quotas } = await open();
    const error = await failure(
      quotas.send(new GetServiceQuotaCommand({ ServiceCode: 'ec2', QuotaCode: 'L-1' })),
    );
    expect(error.name).toBe('NoSuchResourceException');
  });
});

describe('what a role may do', () => {
  const ask = (actions: readonly string[], arn = WORKER) =>
    new SimulatePrincipalPolicyCommand({
      PolicySourceArn: arn,
      ActionNames: [...actions],
      ResourceArns: ['arn:aws:s3:::ml-artefacts'],
    });

  it('is everything but what is denied, in the simulation and in earnest', async () => {
    const { iam, sts, put, url } = await open();
    await put('roles', {
      [WORKER]: { trusts: ['*'], denies: ['s3:List*', 'sns:Publish', 'sqs:GetQueueAttributes'] },
    });
    const { EvaluationResults } = await iam.send(ask(['s3:ListBucket', 's3:GetObject']));
    expect(EvaluationResults?.map((one) => [one.EvalActionName, one.EvalDecision])).toEqual([
      ['s3:ListBucket', 'explicitDeny'],
      ['s3:GetObject', 'allowed'],
    ]);
    const { Credentials } = await sts.send(
      new AssumeRoleCommand({ RoleArn: WORKER, RoleSessionName: 'keeper-flights' }),
    );
    const worker = clients(url, Credentials?.AccessKeyId);
    const denied = await failure(
      worker.sqs.send(new GetQueueAttributesCommand({ QueueUrl: `${url}/1/q` })),
    );
    expect(denied.name).toBe('AccessDeniedException');
    expect(denied.message).toContain(
      'assumed-role/worker/keeper-flights is not authorized to perform: sqs:GetQueueAttributes',
    );
    const error = await failure(
      worker.sns.send(new PublishCommand({ TopicArn: 'arn:x', Message: 'm' })),
    );
    expect(error.name).toMatch(/^AuthorizationError/);
    await worker.s3.send(new CreateBucketCommand({ Bucket: 'somebodys' }));
  });

  it('is not known of a session, nor of a role that is not there', async () => {
    const { iam, put } = await open();
    await put('roles', { [WORKER]: { trusts: ['*'] } });
    const session = 'arn:aws:sts::111122223333:assumed-role/worker/i-1';
    expect((await failure(iam.send(ask(['s3:GetObject'], session)))).name).toMatch(/^InvalidInput/);
    const other = WORKER.replace('worker', 'other');
    expect((await failure(iam.send(ask(['s3:GetObject'], other)))).name).toMatch(/^NoSuchEntity/);
  });
});

describe('Object Lock', () => {
  const lock = (mode: 'GOVERNANCE' | 'COMPLIANCE') =>
    new PutObjectLockConfigurationCommand({
      Bucket: 'records',
      ObjectLockConfiguration: {
        ObjectLockEnabled: 'Enabled',
        Rule: { DefaultRetention: { Mode: mode, Days: 400 } },
      },
    });

  it('is said of a bucket that has it, and of no other', async () => {
    const { s3 } = await open();
    await s3.send(new CreateBucketCommand({ Bucket: 'plain' }));
    const none = await failure(s3.send(new GetObjectLockConfigurationCommand({ Bucket: 'plain' })));
    expect(none.name).toBe('ObjectLockConfigurationNotFoundError');
    await s3.send(new CreateBucketCommand({ Bucket: 'records', ObjectLockEnabledForBucket: true }));
    await s3.send(lock('GOVERNANCE'));
    const { ObjectLockConfiguration } = await s3.send(
      new GetObjectLockConfigurationCommand({ Bucket: 'records' }),
    );
    expect(ObjectLockConfiguration).toEqual({
      ObjectLockEnabled: 'Enabled',
      Rule: { DefaultRetention: { Mode: 'GOVERNANCE', Days: 400 } },
    });
    const suspended = await failure(
      s3.send(
        new PutBucketVersioningCommand({
          Bucket: 'records',
          VersioningConfiguration: { Status: 'Suspended' },
        }),
      ),
    );
    expect(suspended.name).toBe('InvalidBucketState');
  });

  it.each([
    ['GOVERNANCE', true],
    ['COMPLIANCE', false],
  ] as const)('in %s keeps versions; bypassing it helps: %s', async (mode, helps) => {
    const { s3 } = await open();
    await s3.send(new CreateBucketCommand({ Bucket: 'records', ObjectLockEnabledForBucket: true }));
    await s3.send(lock(mode));
    const of = { Bucket: 'records', Key: 'entry' };
    const { VersionId } = await s3.send(new PutObjectCommand({ ...of, Body: 'one' }));
    expect((await failure(s3.send(new DeleteObjectCommand({ ...of, VersionId })))).name).toBe(
      'AccessDenied',
    );
    const { Errors } = await s3.send(
      new DeleteObjectsCommand({
        Bucket: 'records',
        Delete: { Objects: [{ Key: 'entry', VersionId }] },
      }),
    );
    expect(Errors).toMatchObject([{ Key: 'entry', Code: 'AccessDenied' }]);
    const marker = await s3.send(new DeleteObjectCommand(of));
    await s3.send(new DeleteObjectCommand({ ...of, VersionId: marker.VersionId }));
    await s3.send(new HeadObjectCommand(of));
    const bypass = s3.send(
      new DeleteObjectCommand({ ...of, VersionId, BypassGovernanceRetention: true }),
    );
    if (helps) await bypass;
    else expect((await failure(bypass)).name).toBe('AccessDenied');
  });
});

describe('subscriptions', () => {
  it('wait for their confirmation where it is asked for, and get nothing until then', async () => {
    const { sns, put, get } = await open();
    await put('confirmations', { needed: true });
    const { TopicArn } = await sns.send(new CreateTopicCommand({ Name: 'notices' }));
    const subscribed = await sns.send(
      new SubscribeCommand({ TopicArn, Protocol: 'email', Endpoint: 'ada@example.com' }),
    );
    expect(subscribed.SubscriptionArn).toBe('pending confirmation');
    const counts = async () =>
      (await sns.send(new GetTopicAttributesCommand({ TopicArn }))).Attributes;
    expect(await counts()).toMatchObject({
      SubscriptionsConfirmed: '0',
      SubscriptionsPending: '1',
    });
    const { Subscriptions } = await sns.send(new ListSubscriptionsByTopicCommand({ TopicArn }));
    expect(Subscriptions).toMatchObject([{ SubscriptionArn: 'PendingConfirmation' }]);
    await sns.send(new PublishCommand({ TopicArn, Message: 'first' }));
    await put('confirmations', { needed: false });
    await sns.send(new PublishCommand({ TopicArn, Message: 'second' }));
    expect(await counts()).toMatchObject({
      SubscriptionsConfirmed: '1',
      SubscriptionsPending: '0',
    });
    const outbox = (await get('outbox.json')) as readonly {
      readonly message: string;
      readonly emails: readonly string[];
    }[];
    expect(Object.fromEntries(outbox.map(({ message, emails }) => [message, emails]))).toEqual({
      first: [],
      second: ['ada@example.com'],
    });
  });
});

describe('rules', () => {
  it('are found by their target', async () => {
    const { eventBridge, sqs } = await open();
    const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: 'events' }));
    const { Attributes } = await sqs.send(
      new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['QueueArn'] }),
    );
    const Arn = Attributes?.['QueueArn'];
    for (const Name of ['one', 'two'])
      await eventBridge.send(new PutRuleCommand({ Name, EventPattern: '{"source":["aws.s3"]}' }));
    await eventBridge.send(new PutTargetsCommand({ Rule: 'two', Targets: [{ Id: 'q', Arn }] }));
    const { RuleNames } = await eventBridge.send(
      new ListRuleNamesByTargetCommand({ TargetArn: Arn }),
    );
    expect(RuleNames).toEqual(['two']);
  });
});
