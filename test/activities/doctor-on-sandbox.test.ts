/** The doctor against the local AWS, whose queue, rules and topic are those of infra/events.yaml. */
import { DescribeAlarmsCommand, PutMetricAlarmCommand } from '@aws-sdk/client-cloudwatch';
import {
  DescribeRuleCommand,
  DisableRuleCommand,
  EnableRuleCommand,
  type EventBridgeClient,
  PutRuleCommand,
  PutTargetsCommand,
} from '@aws-sdk/client-eventbridge';
import {
  CreateBucketCommand,
  PutObjectCommand,
  PutObjectLockConfigurationCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import {
  CreateEndpointCommand,
  CreateEndpointConfigCommand,
  CreateModelCommand,
  CreateModelPackageGroupCommand,
  CreatePipelineCommand,
  DescribeEndpointCommand,
} from '@aws-sdk/client-sagemaker';
import {
  CreateTopicCommand,
  SetTopicAttributesCommand,
  SNSClient,
  SubscribeCommand,
} from '@aws-sdk/client-sns';
import {
  CreateQueueCommand,
  GetQueueAttributesCommand,
  PurgeQueueCommand,
  SendMessageCommand,
  SetQueueAttributesCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';

import { examineAccount } from '../../client/doctor/examine-account.js';
import type { Finding } from '../../client/doctor/finding.js';
import { realProbes } from '../../client/doctor/probes.js';
import type { Policy } from '../../domain/policy.schema.js';
import { packArchive } from '../../sandbox/learner/archive.js';
import {
  ACCOUNT,
  discard,
  LEARNER,
  openBench,
  REGION,
  ROLE,
  until,
  type Bench,
} from '../sandbox/sagemaker/support.js';
import { stackOf, type Resource } from '../unit/infra/template.js';
import { policyWith } from './support.js';

const WORKER = `arn:aws:iam::${ACCOUNT}:role/modelkeeper-worker`;
const TOPIC = `arn:aws:sns:${REGION}:${ACCOUNT}:modelkeeper-notices`;
const policy = policyWith({
  endpoint: { name: 'flights-live', region: REGION },
  storage: 's3://records/modelkeeper/',
  notify: { topic: TOPIC },
  monitor: { sources: [{ id: 'own', kind: 'alarms', alarms: ['data-moved'], means: 'drift' }] },
  retrain: { pipeline: 'flights-train', parameters: { Epochs: '3' }, on: ['drift'] },
  deploy: { probation: { rollBackOn: [] }, role: ROLE },
});

let bench: Bench;
let sns: SNSClient;
let queueUrl = '';
let deadUrl = '';

const admin = (page: string, body: unknown): Promise<Response> =>
  fetch(`${bench.sandbox.url}/_sandbox/${page}`, { method: 'PUT', body: JSON.stringify(body) });

/** What CloudFormation would do with the template, by the same calls. */
async function deployEvents(sqs: SQSClient, events: EventBridgeClient): Promise<void> {
  const { resources } = stackOf('events.yaml');
  const attributesOf = ({ Properties }: Resource): Record<string, string> =>
    Object.fromEntries(
      ['VisibilityTimeout', 'MessageRetentionPeriod', 'ReceiveMessageWaitTimeSeconds'].flatMap(
        (name) => {
          const value = Properties[name];
          return typeof value === 'number' ? [[name, String(value)]] : [];
        },
      ),
    );
  const arn = (name: string): string => `arn:aws:sqs:${REGION}:${ACCOUNT}:${name}`;
  const arns: Readonly<Record<string, string>> = {
    'Events.Arn': arn('modelkeeper-events'),
    'DeadLetters.Arn': arn('modelkeeper-events-dead'),
  };
  const withArns = (value: unknown): string =>
    JSON.stringify(value, (_, one: unknown) =>
      typeof one === 'string' && Object.hasOwn(arns, one) ? arns[one] : one,
    );
  const queue = async (name: string): Promise<string> => {
    const resource = resources[name];
    if (resource === undefined) throw new Error(`no ${name}`);
    const { RedrivePolicy, QueueName } = resource.Properties;
    const { QueueUrl = '' } = await sqs.send(
      new CreateQueueCommand({
        QueueName: String(QueueName),
        Attributes: {
          ...attributesOf(resource),
          ...(RedrivePolicy === undefined ? {} : { RedrivePolicy: withArns(RedrivePolicy) }),
          Policy: withArns(resources['EventsPolicy']?.Properties['PolicyDocument']),
        },
      }),
    );
    return QueueUrl;
  };
  deadUrl = await queue('DeadLetters');
  queueUrl = await queue('Events');
  for (const resource of Object.values(resources)) {
    if (resource.Type !== 'AWS::Events::Rule') continue;
    const { Name, EventPattern, Targets } = resource.Properties;
    await events.send(
      new PutRuleCommand({ Name: String(Name), EventPattern: JSON.stringify(EventPattern) }),
    );
    const targets = JSON.parse(withArns(Targets)) as { Id: string; Arn: string }[];
    await events.send(new PutTargetsCommand({ Rule: String(Name), Targets: targets }));
  }
}

async function deployModel(s3: S3Client): Promise<void> {
  await s3.send(new CreateBucketCommand({ Bucket: 'records', ObjectLockEnabledForBucket: true }));
  await s3.send(
    new PutObjectLockConfigurationCommand({
      Bucket: 'records',
      ObjectLockConfiguration: {
        ObjectLockEnabled: 'Enabled',
        Rule: { DefaultRetention: { Mode: 'GOVERNANCE', Days: 400 } },
      },
    }),
  );
  await s3.send(new CreateBucketCommand({ Bucket: 'artefacts' }));
  await s3.send(
    new PutObjectCommand({
      Bucket: 'artefacts',
      Key: 'model.tar.gz',
      Body: await packArchive({ 'model.json': '{}' }),
    }),
  );
}

beforeAll(async () => {
  bench = await openBench();
  for (const [name, value] of Object.entries({
    AWS_ENDPOINT_URL: bench.sandbox.url,
    AWS_ACCESS_KEY_ID: 'ada',
    AWS_SECRET_ACCESS_KEY: 'any',
    AWS_REGION: REGION,
  }))
    vi.stubEnv(name, value);
  sns = new SNSClient({
    endpoint: bench.sandbox.url,
    region: REGION,
    credentials: { accessKeyId: 'ada', secretAccessKey: 'any' },
  });
  const { sagemaker, cloudwatch, s3, sqs, events } = bench;
  await deployEvents(sqs, events);
  await deployModel(s3);
  await sns.send(new CreateTopicCommand({ Name: 'modelkeeper-notices' }));
  await sns.send(
    new SubscribeCommand({ TopicArn: TOPIC, Protocol: 'email', Endpoint: 'ada@example.com' }),
  );
  await cloudwatch.send(
    new PutMetricAlarmCommand({
      AlarmName: 'data-moved',
      Namespace: 'ours',
      MetricName: 'moved',
      Statistic: 'Maximum',
      Period: 60,
      EvaluationPeriods: 1,
      Threshold: 1,
      ComparisonOperator: 'GreaterThanThreshold',
      TreatMissingData: 'notBreaching',
    }),
  );
  await sagemaker.send(new CreateModelPackageGroupCommand({ ModelPackageGroupName: 'flights' }));
  await sagemaker.send(
    new CreatePipelineCommand({
      PipelineName: 'flights-train',
      RoleArn: ROLE,
      PipelineDefinition: JSON.stringify({
        Version: '2020-12-01',
        Parameters: [{ Name: 'Epochs', Type: 'Integer', DefaultValue: 1 }],
        Steps: [
          { Name: 'stop', Type: 'Fail', Arguments: { ErrorMessage: 'only its parameters matter' } },
        ],
      }),
    }),
  );
  await sagemaker.send(
    new CreateModelCommand({
      ModelName: 'flights-live',
      ExecutionRoleArn: ROLE,
      PrimaryContainer: { Image: LEARNER, ModelDataUrl: 's3://artefacts/model.tar.gz' },
    }),
  );
  await sagemaker.send(
    new CreateEndpointConfigCommand({
      EndpointConfigName: 'flights-live',
      ProductionVariants: [
        {
          VariantName: 'AllTraffic',
          ModelName: 'flights-live',
          InstanceType: 'ml.m5.large',
          InitialInstanceCount: 2,
        },
      ],
    }),
  );
  await sagemaker.send(
    new CreateEndpointCommand({ EndpointName: 'flights-live', EndpointConfigName: 'flights-live' }),
  );
  await until(
    () => sagemaker.send(new DescribeEndpointCommand({ EndpointName: 'flights-live' })),
    ({ EndpointStatus }) => EndpointStatus === 'InService',
  );
  await until(
    () => cloudwatch.send(new DescribeAlarmsCommand({ AlarmNames: ['data-moved'] })),
    ({ MetricAlarms }) => MetricAlarms?.[0]?.StateValue === 'OK',
  );
});

afterAll(async () => {
  vi.unstubAllEnvs();
  sns.destroy();
  await bench.close();
  discard(bench.home);
});

beforeEach(async () => {
  await admin('roles', {});
  await admin('identities', {});
  await admin('quotas', {});
});

async function findings(
  given: { policy?: Policy | null; workerRole?: string | null; queueUrl?: string | null } = {},
): Promise<readonly Finding[]> {
  const probes = realProbes();
  return examineAccount(
    probes,
    {
      region: REGION,
      endpoint: null,
      repair: false,
      nowMs: Date.now,
      policy,
      workerRole: WORKER,
      queueUrl,
      ...given,
    },
    Promise.resolve((await probes.signedIn()).arn),
  );
}

const troubles = async (given?: Parameters<typeof findings>[0]): Promise<readonly string[]> =>
  (await findings(given))
    .filter(({ state }) => state !== 'ok')
    .map(({ what, state, sentence }) => `${state} ${what}: ${sentence}`);

const spoilt = (spec: Partial<Policy['spec']>): Policy => ({
  ...policy,
  spec: { ...policy.spec, ...spec },
});

describe('the doctor on an account', () => {
  it('finds nothing where infra/events.yaml is deployed and everything that is named is there', async () => {
    const all = await findings();
    expect(all.filter(({ state }) => state !== 'ok')).toEqual([]);
    expect(all.length).toBeGreaterThan(15);
  });

  it('names what is not there, and what it is for', async () => {
    const given = spoilt({
      registry: { ...policy.spec.registry, group: 'nobody' },
      storage: 's3://nowhere/modelkeeper/',
      retrain: { ...policy.spec.retrain, pipeline: 'flights-trian' },
      notify: { on: [], topic: `${TOPIC}-of-others` },
      deploy: { ...policy.spec.deploy, alarms: ['not-there'] },
    });
    const told = (await troubles({ policy: given, queueUrl: `${queueUrl}-of-others` })).join('\n');
    for (const line of [
      /^bad events queue: there is no queue .*-of-others: deploy infra\/events\.yaml/m,
      /^bad registry: spec\.registry\.group: there is no model package group 'nobody'/m,
      /^bad retraining: spec\.retrain\.pipeline: .*did you mean 'flights-train'/m,
      /^bad bucket nowhere: is not there/m,
      /^bad topic modelkeeper-notices-of-others: /m,
      /^bad alarm not-there: spec\.deploy\.alarms names it/m,
    ])
      expect(told).toMatch(line);
  });

  it('holds the parameters of the policy against those that the pipeline declares', async () => {
    const { retrain } = policy.spec;
    const told = async (parameters: Record<string, string>): Promise<string> =>
      (await troubles({ policy: spoilt({ retrain: { ...retrain, parameters } }) })).join('\n');
    expect(await told({ Epochs: 'three' })).toMatch(/bad retraining: .*'three' is no value/);
    expect(await told({ Epoch: '3' })).toMatch(/bad retraining: .*did you mean 'Epochs'/);
  });

  it('says which events no longer come, whether a rule is disabled or its pattern is for others', async () => {
    const { events } = bench;
    const alarms = { Name: 'modelkeeper-alarms' };
    await events.send(new DisableRuleCommand(alarms));
    onTestFinished(async () => {
      await events.send(new EnableRuleCommand(alarms));
    });
    expect(await troubles()).toEqual([
      expect.stringMatching(/^bad rule modelkeeper-alarms: is disabled/),
      expect.stringMatching(/^bad CloudWatch Alarm State Change: no enabled rule/),
    ]);
    await events.send(new EnableRuleCommand(alarms));
    const { EventPattern } = await events.send(
      new DescribeRuleCommand({ Name: 'modelkeeper-packages' }),
    );
    onTestFinished(async () => {
      await events.send(new PutRuleCommand({ Name: 'modelkeeper-packages', EventPattern }));
    });
    await events.send(
      new PutRuleCommand({
        Name: 'modelkeeper-packages',
        EventPattern: JSON.stringify({
          ...(JSON.parse(EventPattern ?? '{}') as object),
          detail: { ModelPackageGroupName: ['others'] },
        }),
      }),
    );
    expect(await troubles()).toEqual([
      expect.stringMatching(
        /^bad SageMaker Model Package State Change: .*a decision in SageMaker Studio is seen at the pace/,
      ),
    ]);
  });

  it('sees a queue that takes no events, gives nothing up, and dead letters that wait', async () => {
    const { sqs } = bench;
    const { Attributes: before = {} } = await sqs.send(
      new GetQueueAttributesCommand({
        QueueUrl: queueUrl,
        AttributeNames: ['Policy', 'RedrivePolicy'],
      }),
    );
    const set = (Attributes: Record<string, string>) =>
      sqs.send(new SetQueueAttributesCommand({ QueueUrl: queueUrl, Attributes }));
    onTestFinished(async () => {
      await set(before);
      await sqs.send(new PurgeQueueCommand({ QueueUrl: deadUrl }));
    });
    await sqs.send(new SendMessageCommand({ QueueUrl: deadUrl, MessageBody: 'no event' }));
    expect(await troubles()).toEqual([
      expect.stringMatching(/^warning dead-letter queue: 1 event in modelkeeper-events-dead/),
    ]);
    await set({ Policy: '', RedrivePolicy: '' });
    expect(await troubles()).toEqual([
      expect.stringMatching(/^bad dead-letter queue: modelkeeper-events has none/),
      expect.stringMatching(/^bad queue policy: .*does not let events\.amazonaws\.com send/),
    ]);
  });

  it('names who has not confirmed a subscription', async () => {
    await admin('confirmations', { needed: true });
    onTestFinished(async () => {
      await admin('confirmations', { needed: false });
    });
    await sns.send(
      new SubscribeCommand({ TopicArn: TOPIC, Protocol: 'email', Endpoint: 'grace@example.com' }),
    );
    expect(await troubles()).toEqual([
      expect.stringMatching(/^warning topic modelkeeper-notices: grace@example\.com \(email\) has/),
    ]);
  });

  it('says which quota stops a rollout', async () => {
    await admin('quotas', { 'ml.m5.large for endpoint usage': 3 });
    expect(await troubles()).toEqual([
      expect.stringMatching(/^bad quota ml\.m5\.large: .* is 3; a rollout needs 4 \(2 \+ 2\)/),
    ]);
  });

  it('says which quota stops a training', async () => {
    const trainingJob = {
      image: LEARNER,
      role: ROLE,
      instanceType: 'ml.g4dn.xlarge',
      channels: { train: 's3://records/train/' },
    };
    const given = policyWith({ ...policy.spec, retrain: { on: ['drift'], trainingJob } });
    expect(await troubles({ policy: given })).toContainEqual(
      expect.stringMatching(
        /^bad quota ml\.g4dn\.xlarge: 'ml\.g4dn\.xlarge for training job usage' is 0; retrain\.trainingJob needs 1/,
      ),
    );
  });

  it('sees that the topic keeps the worker out, and tells a topic of another account', async () => {
    const policyOf = (...statements: readonly object[]) =>
      sns.send(
        new SetTopicAttributesCommand({
          TopicArn: TOPIC,
          AttributeName: 'Policy',
          AttributeValue: JSON.stringify({ Version: '2012-10-17', Statement: statements }),
        }),
      );
    const everybody = { Effect: 'Allow', Principal: '*', Action: 'sns:Publish', Resource: TOPIC };
    onTestFinished(async () => {
      await policyOf({ ...everybody, Principal: { AWS: ACCOUNT } });
    });
    await policyOf({ ...everybody, Effect: 'Deny', Principal: { AWS: WORKER } });
    expect(await troubles()).toEqual([
      expect.stringMatching(
        /^bad topic policy of modelkeeper-notices: denies sns:Publish to .*worker/,
      ),
    ]);
    await policyOf(everybody);
    expect(await troubles()).toEqual([
      expect.stringMatching(/^warning topic policy of modelkeeper-notices: anybody/),
    ]);
    const theirs = 'arn:aws:sns:us-east-1:444455556666:notices';
    const told = await troubles({ policy: spoilt({ notify: { on: [], topic: theirs } }) });
    expect(told).toEqual([
      expect.stringMatching(/^warning topic notices: not known: .*444455556666/),
    ]);
  });

  it('says what IAM does not let the worker do, and only asks where it is told the role', async () => {
    await admin('roles', { [WORKER]: { trusts: ['*'], denies: ['sagemaker:UpdateEndpoint'] } });
    const told = await troubles();
    expect(told).toHaveLength(2);
    expect(told[0]).toMatch(
      /^bad permissions of modelkeeper-worker: sagemaker:UpdateEndpoint on arn:.*:endpoint\/flights-live is denied/,
    );
    expect(await troubles({ workerRole: null })).toEqual([
      expect.stringMatching(/^warning permissions of the worker: not tried: .*--worker-role/),
    ]);
    await admin('roles', { [`${WORKER}-2`]: { trusts: ['*'] } });
    expect(await troubles()).toEqual([
      expect.stringMatching(
        /^warning permissions of modelkeeper-worker: not known: IAM finds no role/,
      ),
    ]);
    const elsewhere = 'arn:aws:iam::444455556666:role/worker';
    await admin('roles', { [elsewhere]: { trusts: ['*'] } });
    expect(await troubles({ workerRole: elsewhere })).toContainEqual(
      expect.stringMatching(
        /^warning permissions of worker: not known: IAM answers of its own account alone, .*444455556666/,
      ),
    );
  });

  it('does not call well what it may not look at: it names the permission', async () => {
    const reader = `arn:aws:iam::${ACCOUNT}:role/reader`;
    await admin('identities', { ada: `arn:aws:sts::${ACCOUNT}:assumed-role/reader/ada` });
    await admin('roles', {
      [reader]: {
        trusts: ['*'],
        denies: ['sqs:*', 'sns:*', 's3:GetBucket*', 'servicequotas:*', 'iam:*', 'cloudwatch:*'],
      },
    });
    expect(await troubles()).toEqual(
      [
        /^warning events queue: not known: sqs:GetQueueAttributes on \S+ is missing/,
        /^warning bucket records: not known: s3:GetBucket\w+ on \S+ is missing/,
        /^warning topic modelkeeper-notices: not known: sns:GetTopicAttributes on \S+ is missing/,
        /^warning alarms: not known: cloudwatch:DescribeAlarms on \S+ is missing/,
        /^warning quotas: not known: servicequotas:ListServiceQuotas on \S+ is missing/,
        /^warning permissions of modelkeeper-worker: not known: iam:SimulatePrincipalPolicy on \S+ is missing/,
      ].map((line) => expect.stringMatching(line) as string),
    );
  });

  it('tries the roles of the stages as the worker would, and says so when it is somebody else', async () => {
    const arn = `arn:aws:iam::${ACCOUNT}:role/deploy`;
    const given = { policy: spoilt({ roles: { deploy: { arn } } }) };
    const roles = (trusts: readonly string[]) =>
      admin('roles', { [arn]: { trusts }, [WORKER]: { trusts: ['*'] } });
    await roles([WORKER]);
    expect(await troubles(given)).toEqual([
      expect.stringMatching(
        /^warning role of deploy: .*user\/ada cannot assume .*run the doctor as/,
      ),
    ]);
    await admin('identities', {
      ada: `arn:aws:sts::${ACCOUNT}:assumed-role/modelkeeper-worker/i-1`,
    });
    expect(await troubles(given)).toEqual([]);
    await roles(['arn:aws:iam::444455556666:root']);
    expect(await troubles(given)).toEqual([
      expect.stringMatching(
        /^bad role of deploy: the role \S+ cannot be assumed .*trust policy name/,
      ),
    ]);
  });

  it('looks at the account without a policy, and says when nobody names a queue', async () => {
    expect(await troubles({ policy: null })).toEqual([]);
    expect(await troubles({ policy: null, queueUrl: null })).toEqual([
      expect.stringMatching(/^warning events queue: not looked at: give --queue-url/),
    ]);
  });
});
