/** Several accounts and Regions in one local AWS: what is whose, and what AWS refuses between them. */
import {
  CreateBucketCommand,
  DeleteBucketPolicyCommand,
  GetBucketLocationCommand,
  GetBucketPolicyCommand,
  GetObjectCommand,
  HeadBucketCommand,
  ListBucketsCommand,
  PutBucketPolicyCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import {
  CreateEndpointConfigCommand,
  CreateModelCommand,
  CreateModelPackageCommand,
  CreateModelPackageGroupCommand,
  CreatePipelineCommand,
  DeleteModelPackageGroupPolicyCommand,
  DescribeEndpointConfigCommand,
  DescribeModelPackageCommand,
  DescribePipelineCommand,
  GetModelPackageGroupPolicyCommand,
  ListModelPackagesCommand,
  ListModelsCommand,
  ListTagsCommand,
  PutModelPackageGroupPolicyCommand,
  SageMakerClient,
  UpdateModelPackageCommand,
} from '@aws-sdk/client-sagemaker';
import {
  CreateTopicCommand,
  ListSubscriptionsByTopicCommand,
  PublishCommand,
  SNSClient,
  SubscribeCommand,
} from '@aws-sdk/client-sns';
import { CreateQueueCommand, GetQueueAttributesCommand, SQSClient } from '@aws-sdk/client-sqs';
import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { handleInvocation, sageMakerServices } from '../../../sandbox/aws/sagemaker/index.js';
import type { Sandbox } from '../../../sandbox/aws/server.js';
import { admin, failure, start, temporaryHome } from './support.js';

const HERE = '111122223333';
const THERE = '444455556666';
const role = (account: string, name = 'model') => `arn:aws:iam::${account}:role/${name}`;
const DEPLOY = role(THERE, 'deploy');
let sandbox: Sandbox;
let packageArn = '';

beforeAll(async () => {
  sandbox = await opened(temporaryHome());
  const { s3, sagemaker } = clientsIn('us-east-1');
  await s3.send(new CreateBucketCommand({ Bucket: 'artefacts' }));
  await s3.send(new PutObjectCommand({ Bucket: 'artefacts', Key: 'm.tar.gz', Body: 'x' }));
  await sagemaker.send(new CreateModelPackageGroupCommand({ ModelPackageGroupName: 'Flights' }));
  packageArn = await registered();
});

const web = createServer();
beforeAll(
  () =>
    new Promise<void>((resolve) => {
      web.listen(0, '127.0.0.1', resolve);
    }),
);
afterAll(() => {
  web.close();
});

const opened = (home: string) =>
  start({ home, services: sageMakerServices, runtime: handleInvocation });

interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}
const ADA: Credentials = { accessKeyId: 'ada', secretAccessKey: 'any' };

function clientsIn(region: string, credentials: Credentials = ADA, url = sandbox.url) {
  const options = { endpoint: url, region, maxAttempts: 1, credentials };
  return {
    sagemaker: new SageMakerClient(options),
    s3: new S3Client({ ...options, forcePathStyle: true }),
    following: new S3Client({ ...options, forcePathStyle: true, followRegionRedirects: true }),
    sns: new SNSClient(options),
    sqs: new SQSClient(options),
    sts: new STSClient(options),
  };
}

/** Clients of a session of a role. */
async function as(roleArn: string, region = 'us-east-1') {
  const { Credentials: given } = await clientsIn('us-east-1').sts.send(
    new AssumeRoleCommand({ RoleArn: roleArn, RoleSessionName: 'release-flights-7' }),
  );
  return clientsIn(region, {
    accessKeyId: given?.AccessKeyId ?? '',
    secretAccessKey: given?.SecretAccessKey ?? '',
    sessionToken: given?.SessionToken ?? '',
  });
}

async function registered(): Promise<string> {
  const made = await clientsIn('us-east-1').sagemaker.send(
    new CreateModelPackageCommand({
      ModelPackageGroupName: 'Flights',
      InferenceSpecification: {
        Containers: [{ Image: 'registry/any:1', ModelDataUrl: 's3://artefacts/m.tar.gz' }],
      },
    }),
  );
  return made.ModelPackageArn ?? '';
}

const aModel = (name: string, container: object, account = THERE) =>
  new CreateModelCommand({
    ModelName: name,
    ExecutionRoleArn: role(account),
    Containers: [container],
  });
const byUrl = { Image: 'registry/any:1', ModelDataUrl: 's3://artefacts/m.tar.gz' };
const modelNames = async (sagemaker: SageMakerClient) =>
  (await sagemaker.send(new ListModelsCommand({}))).Models?.map((one) => one.ModelName);

const policy = (...statements: readonly object[]) =>
  JSON.stringify({ Version: '2012-10-17', Statement: statements });
const letsRead = (principal: string) =>
  policy({
    Effect: 'Allow',
    Principal: { AWS: principal },
    Action: ['s3:GetObject'],
    Resource: 'arn:aws:s3:::artefacts/*',
  });
const share = (Policy: string) =>
  clientsIn('us-east-1').s3.send(new PutBucketPolicyCommand({ Bucket: 'artefacts', Policy }));
const unshare = () =>
  clientsIn('us-east-1').s3.send(new DeleteBucketPolicyCommand({ Bucket: 'artefacts' }));

describe('a call', () => {
  it('is of the account whose role was assumed, and of the Region it is signed for', async () => {
    const other = await as(DEPLOY);
    const far = clientsIn('eu-west-1');
    for (const [clients, account, region] of [
      [clientsIn('us-east-1'), HERE, 'us-east-1'],
      [other, THERE, 'us-east-1'],
      [far, HERE, 'eu-west-1'],
    ] as const) {
      const name = `of-${account}-${region}`;
      const made = await clients.sagemaker.send(aModel(name, { Image: 'registry/any:1' }, account));
      expect(made.ModelArn).toBe(`arn:aws:sagemaker:${region}:${account}:model/${name}`);
      expect(await modelNames(clients.sagemaker)).toEqual([name]);
    }
  });

  it('finds nothing of another account, in the words for what is not there', async () => {
    const other = await as(DEPLOY);
    await clientsIn('us-east-1').sagemaker.send(
      new CreateEndpointConfigCommand({
        EndpointConfigName: 'live-1',
        ProductionVariants: [
          {
            VariantName: 'AllTraffic',
            ModelName: `of-${HERE}-us-east-1`,
            InstanceType: 'ml.m5.large',
            InitialInstanceCount: 1,
          },
        ],
      }),
    );
    const refused = await failure(
      other.sagemaker.send(new DescribeEndpointConfigCommand({ EndpointConfigName: 'live-1' })),
    );
    expect(refused).toMatchObject({
      name: 'ValidationException',
      message: `Could not find endpoint configuration "arn:aws:sagemaker:us-east-1:${THERE}:endpoint-config/live-1".`,
    });
  });

  it('by nobody in particular, or for no Region of AWS, is of the first place', async () => {
    const { sagemaker } = clientsIn('nowhere');
    expect(await modelNames(sagemaker)).toEqual([`of-${HERE}-us-east-1`]);
  });

  it('with a role of another account is refused', async () => {
    const other = await as(DEPLOY);
    expect(
      await failure(other.sagemaker.send(aModel('foreign', { Image: 'registry/any:1' }, HERE))),
    ).toMatchObject({
      name: 'AccessDeniedException',
      message: 'Cross-account pass role is not allowed.',
    });
  });

  it('stays where it was when the sandbox starts again', async () => {
    const home = temporaryHome();
    const first = await opened(home);
    await clientsIn('eu-west-1', ADA, first.url).sagemaker.send(
      aModel('kept', { Image: 'registry/any:1' }, HERE),
    );
    await first.close();
    const again = await opened(home);
    expect(await modelNames(clientsIn('eu-west-1', ADA, again.url).sagemaker)).toEqual(['kept']);
    expect(await modelNames(clientsIn('us-east-1', ADA, again.url).sagemaker)).toEqual([]);
  });
});

describe('a bucket', () => {
  it('is its account’s alone until a policy shares it, with a role or the account', async () => {
    const other = await as(DEPLOY);
    const read = () =>
      other.s3.send(new GetObjectCommand({ Bucket: 'artefacts', Key: 'm.tar.gz' }));
    expect(await failure(read())).toMatchObject({ name: 'AccessDenied' });
    for (const principal of [DEPLOY, THERE, `arn:aws:iam::${THERE}:root`, '*']) {
      await share(letsRead(principal));
      expect(await (await read()).Body?.transformToString()).toBe('x');
    }
    await share(letsRead(role(THERE, 'somebody-else')));
    expect(await failure(read())).toMatchObject({ name: 'AccessDenied' });
    await share(letsRead(DEPLOY));
    const write = other.s3.send(
      new PutObjectCommand({ Bucket: 'artefacts', Key: 'm.tar.gz', Body: 'y' }),
    );
    expect(await failure(write)).toMatchObject({ name: 'AccessDenied' });
    await unshare();
  });

  it.each([
    ['ArnLike', 'aws:PrincipalArn', DEPLOY, true],
    ['ArnLike', 'aws:PrincipalArn', `arn:aws:iam::${THERE}:role/*`, true],
    ['StringEquals', 'aws:PrincipalAccount', THERE, true],
    ['StringEquals', 'aws:PrincipalAccount', HERE, false],
    ['StringNotEquals', 'aws:PrincipalAccount', HERE, true],
    ['Bool', 'aws:SecureTransport', 'false', false],
    ['StringEquals', 'aws:PrincipalOrgID', 'o-1', false],
    ['IpAddress', 'aws:SourceIp', '127.0.0.1/32', false],
  ])('with %s of %s %s lets in: %s', async (operator, key, value, lets) => {
    const statement = {
      Effect: 'Allow',
      Principal: '*',
      Action: 's3:GetObject',
      Resource: 'arn:aws:s3:::artefacts/*',
      Condition: { [operator]: { [key]: value } },
    };
    await share(policy(statement));
    const { s3 } = await as(DEPLOY);
    const read = s3.send(new GetObjectCommand({ Bucket: 'artefacts', Key: 'm.tar.gz' }));
    expect(
      await read.then(
        () => true,
        () => false,
      ),
    ).toBe(lets);
    await unshare();
  });

  it('keeps out whom its policy denies, but never its owner from that policy', async () => {
    const { s3 } = clientsIn('us-east-1');
    const Policy = policy({
      Effect: 'Deny',
      Principal: '*',
      Action: 's3:*',
      Resource: ['arn:aws:s3:::artefacts', 'arn:aws:s3:::artefacts/*'],
    });
    await share(Policy);
    const read = () => s3.send(new GetObjectCommand({ Bucket: 'artefacts', Key: 'm.tar.gz' }));
    expect(await failure(read())).toMatchObject({ name: 'AccessDenied' });
    const got = await s3.send(new GetBucketPolicyCommand({ Bucket: 'artefacts' }));
    expect(got.Policy).toBe(Policy);
    await unshare();
    expect(
      await failure(s3.send(new GetBucketPolicyCommand({ Bucket: 'artefacts' }))),
    ).toMatchObject({ name: 'NoSuchBucketPolicy' });
    await read();
  });

  it.each([
    ['not JSON', 'MalformedPolicy'],
    ['{', 'MalformedPolicy'],
    ['{"Version":"2012-10-17"}', 'MalformedPolicy'],
  ])('takes no policy %j', async (text, name) => {
    expect(await failure(share(text))).toMatchObject({ name });
  });

  it('has a name that no other account can take, and is in no other account’s list', async () => {
    const other = await as(DEPLOY);
    expect(
      await failure(other.s3.send(new CreateBucketCommand({ Bucket: 'artefacts' }))),
    ).toMatchObject({ name: 'BucketAlreadyExists' });
    await other.s3.send(new CreateBucketCommand({ Bucket: 'theirs' }));
    const names = async (s3: S3Client) =>
      (await s3.send(new ListBucketsCommand({}))).Buckets?.map(({ Name }) => Name);
    expect(await names(other.s3)).toEqual(['theirs']);
    expect(await names(clientsIn('us-east-1').s3)).toEqual(['artefacts']);
  });

  it('is reached in its Region, where clients that follow are sent', async () => {
    const far = clientsIn('eu-west-1');
    await far.s3.send(
      new CreateBucketCommand({
        Bucket: 'artefacts-eu',
        CreateBucketConfiguration: { LocationConstraint: 'eu-west-1' },
      }),
    );
    const near = clientsIn('us-east-1');
    const at = await far.s3.send(new GetBucketLocationCommand({ Bucket: 'artefacts-eu' }));
    expect(at.LocationConstraint).toBe('eu-west-1');
    await far.s3.send(new PutObjectCommand({ Bucket: 'artefacts-eu', Key: 'k', Body: 'far' }));
    const get = new GetObjectCommand({ Bucket: 'artefacts-eu', Key: 'k' });
    expect(await failure(near.s3.send(get))).toMatchObject({ name: 'PermanentRedirect' });
    const followed = await near.following.send(get);
    expect(await followed.Body?.transformToString()).toBe('far');
    const head = await far.s3.send(new HeadBucketCommand({ Bucket: 'artefacts-eu' }));
    expect(head.BucketRegion).toBe('eu-west-1');
    const again = far.s3.send(
      new CreateBucketCommand({
        Bucket: 'artefacts-eu',
        CreateBucketConfiguration: { LocationConstraint: 'eu-west-1' },
      }),
    );
    expect(await failure(again)).toMatchObject({ name: 'BucketAlreadyOwnedByYou' });
    const astray = near.s3.send(
      new CreateBucketCommand({
        Bucket: 'astray',
        CreateBucketConfiguration: { LocationConstraint: 'eu-west-1' },
      }),
    );
    expect(await failure(astray)).toMatchObject({ name: 'IllegalLocationConstraintException' });
  });
});

describe('a model made in another account', () => {
  const allowing = (...actions: readonly string[]) =>
    new PutModelPackageGroupPolicyCommand({
      ModelPackageGroupName: 'Flights',
      ResourcePolicy: policy({
        Effect: 'Allow',
        Principal: { AWS: `arn:aws:iam::${THERE}:root` },
        Action: actions.map((action) => `sagemaker:${action}`),
        Resource: [`arn:aws:sagemaker:us-east-1:${HERE}:model-package/flights/*`],
      }),
    });

  it('needs the artefact’s bucket to let that account in', async () => {
    const other = await as(DEPLOY);
    expect(await failure(other.sagemaker.send(aModel('by-url', byUrl)))).toMatchObject({
      name: 'ValidationException',
      message: expect.stringMatching(
        /^Could not access model data at s3:\/\/artefacts\/m\.tar\.gz\..*s3:GetObject.*us-east-1/,
      ) as string,
    });
    await share(letsRead(role(THERE)));
    await other.sagemaker.send(aModel('by-url', byUrl));
    await unshare();
  });

  it('needs the artefact in its own Region', async () => {
    const far = clientsIn('eu-west-1');
    expect(await failure(far.sagemaker.send(aModel('by-url', byUrl, HERE)))).toMatchObject({
      message: expect.stringContaining('the object is located in eu-west-1') as string,
    });
  });

  it('of a package needs the group’s policy, and the artefact’s', async () => {
    const other = await as(DEPLOY);
    const make = (name: string) =>
      other.sagemaker.send(aModel(name, { ModelPackageName: packageArn }));
    expect(await failure(make('of-package'))).toMatchObject({
      name: 'AccessDeniedException',
      message: `User: arn:aws:sts::${THERE}:assumed-role/deploy/release-flights-7 is not authorized to perform: sagemaker:CreateModel on resource: ${packageArn} because no resource-based policy allows the sagemaker:CreateModel action`,
    });
    await clientsIn('us-east-1').sagemaker.send(allowing('CreateModel'));
    expect((await failure(make('of-package'))).message).toMatch(/^Could not access model data/);
    await share(letsRead(THERE));
    await make('of-package');
    await unshare();
  });

  it('of a package in another Region is refused as of one that is not there', async () => {
    const far = clientsIn('eu-west-1');
    const refused = await failure(
      far.sagemaker.send(aModel('of-package', { ModelPackageName: packageArn }, HERE)),
    );
    expect(refused.message).toBe(`ModelPackage ${packageArn} does not exist.`);
  });

  it('and the registry’s other calls are let through one by one', async () => {
    const { sagemaker } = await as(DEPLOY);
    const owner = clientsIn('us-east-1').sagemaker;
    const describe = () =>
      sagemaker.send(new DescribeModelPackageCommand({ ModelPackageName: packageArn }));
    const approve = () =>
      sagemaker.send(
        new UpdateModelPackageCommand({
          ModelPackageArn: packageArn,
          ModelApprovalStatus: 'Approved',
        }),
      );
    await owner.send(allowing('DescribeModelPackage'));
    expect((await describe()).ModelPackageArn).toBe(packageArn);
    expect((await failure(approve())).name).toBe('AccessDeniedException');
    await owner.send(allowing('DescribeModelPackage', 'UpdateModelPackage'));
    await approve();
    expect((await describe()).LastModifiedBy?.IamIdentity?.Arn).toBe(
      `arn:aws:sts::${THERE}:assumed-role/deploy/release-flights-7`,
    );
    const listed = await sagemaker.send(
      new ListModelPackagesCommand({ ModelPackageGroupName: 'Flights' }),
    );
    expect(listed.ModelPackageSummaryList).toEqual([]);
  });

  it('has a policy that can be read and taken off', async () => {
    const { sagemaker } = clientsIn('us-east-1');
    const group = { ModelPackageGroupName: 'Flights' };
    const read = () => sagemaker.send(new GetModelPackageGroupPolicyCommand(group));
    expect((await read()).ResourcePolicy).toContain('UpdateModelPackage');
    await sagemaker.send(new DeleteModelPackageGroupPolicyCommand(group));
    expect((await failure(read())).message).toContain('Cannot find resource policy');
    const wrong = new PutModelPackageGroupPolicyCommand({ ...group, ResourcePolicy: '{}' });
    expect((await failure(sagemaker.send(wrong))).name).toBe('ValidationException');
  });
});

describe('an ARN of another account or Region', () => {
  it('names nothing here, though its name is taken here too', async () => {
    const { sagemaker } = await as(DEPLOY);
    const far = clientsIn('eu-west-1').sagemaker;
    const group = { ModelPackageGroupName: 'Flights' };
    for (const one of [sagemaker, far]) await one.send(new CreateModelPackageGroupCommand(group));
    const ofHere = `arn:aws:sagemaker:us-east-1:${HERE}:model-package-group/Flights`;
    const list = new ListModelPackagesCommand({ ModelPackageGroupName: ofHere });
    expect((await failure(far.send(list))).message).toContain('does not exist');
    expect((await failure(sagemaker.send(list))).name).toBe('AccessDeniedException');
    const model = `arn:aws:sagemaker:us-east-1:${HERE}:model/of-${HERE}-us-east-1`;
    const tags = new ListTagsCommand({ ResourceArn: model });
    for (const one of [sagemaker, far])
      expect(await failure(one.send(tags))).toMatchObject({
        name: 'AccessDeniedException',
        message: expect.stringContaining(`sagemaker:ListTags on resource: ${model}`) as string,
      });
    const pipeline = `arn:aws:sagemaker:us-east-1:${HERE}:pipeline/train`;
    await sagemaker.send(
      new CreatePipelineCommand({
        PipelineName: 'train',
        RoleArn: role(THERE),
        PipelineDefinition: JSON.stringify({
          Version: '2020-12-01',
          Steps: [{ Name: 'stop', Type: 'Fail', Arguments: { ErrorMessage: 'no' } }],
        }),
      }),
    );
    const described = sagemaker.send(new DescribePipelineCommand({ PipelineName: pipeline }));
    expect((await failure(described)).name).toBe('ResourceNotFound');
  });
});

describe('queues and topics', () => {
  it('of one name are two in two accounts', async () => {
    const other = await as(DEPLOY);
    const arnOf = async (sqs: SQSClient) => {
      const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: 'events' }));
      const { Attributes } = await sqs.send(
        new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['QueueArn'] }),
      );
      return Attributes?.['QueueArn'];
    };
    expect(await arnOf(other.sqs)).toBe(`arn:aws:sqs:us-east-1:${THERE}:events`);
    expect(await arnOf(clientsIn('us-east-1').sqs)).toBe(`arn:aws:sqs:us-east-1:${HERE}:events`);
  });

  it('take no message from another account or Region', async () => {
    const { TopicArn = '' } = await clientsIn('us-east-1').sns.send(
      new CreateTopicCommand({ Name: 'notices' }),
    );
    const publish = (sns: SNSClient) =>
      failure(sns.send(new PublishCommand({ TopicArn, Message: 'hello' })));
    expect(await publish((await as(DEPLOY)).sns)).toMatchObject({
      name: 'AuthorizationErrorException',
    });
    expect(await publish(clientsIn('eu-west-1').sns)).toMatchObject({
      name: 'InvalidParameterException',
      message: 'Invalid parameter: TopicArn',
    });
  });
});

describe('the link that confirms a subscription', () => {
  it('leads to the topic’s own account and Region, though whoever visits it signs nothing', async () => {
    const asked = new Promise<string>((resolve) => {
      web.on('request', (request, response) => {
        void text(request).then((body) => {
          response.end();
          resolve((JSON.parse(body) as { readonly SubscribeURL: string }).SubscribeURL);
        });
      });
    });
    const { sns } = await as(DEPLOY, 'eu-west-1');
    const { TopicArn } = await sns.send(new CreateTopicCommand({ Name: 'far' }));
    const Endpoint = `http://127.0.0.1:${String((web.address() as AddressInfo).port)}/`;
    await sns.send(new SubscribeCommand({ TopicArn, Protocol: 'http', Endpoint }));
    expect((await fetch(await asked)).status).toBe(200);
    const { Subscriptions } = await sns.send(new ListSubscriptionsByTopicCommand({ TopicArn }));
    expect(Subscriptions?.[0]?.SubscriptionArn).toContain(`:sns:eu-west-1:${THERE}:far:`);
  });
});

describe('the pages of the sandbox', () => {
  it('show those of another place by its account and Region', async () => {
    const other = await as(DEPLOY);
    const { TopicArn } = await other.sns.send(new CreateTopicCommand({ Name: 'theirs' }));
    await other.sns.send(new PublishCommand({ TopicArn, Message: 'only there' }));
    const outbox = (query = '') => admin(sandbox, 'GET', `outbox.json${query}`);
    expect(JSON.stringify(await outbox(`?account=${THERE}`))).toContain('only there');
    expect(JSON.stringify(await outbox())).not.toContain('only there');
    await expect(outbox('?account=999999999999')).rejects.toThrow('404');
  });
});
