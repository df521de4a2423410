import { GetMetricDataCommand } from '@aws-sdk/client-cloudwatch';
import { PutRuleCommand, PutTargetsCommand } from '@aws-sdk/client-eventbridge';
import { CreateBucketCommand, HeadObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import {
  CreateEndpointCommand,
  CreateEndpointConfigCommand,
  CreateModelCommand,
  CreateModelPackageCommand,
  CreateModelPackageGroupCommand,
  CreateTrainingJobCommand,
  DescribeEndpointCommand,
  DescribeTrainingJobCommand,
  MetricPublishFrequencyInSeconds,
  StopTrainingJobCommand,
  UpdateEndpointCommand,
  UpdateModelPackageCommand,
} from '@aws-sdk/client-sagemaker';
import { InvokeEndpointCommand } from '@aws-sdk/client-sagemaker-runtime';
import {
  CreateQueueCommand,
  DeleteMessageCommand,
  ReceiveMessageCommand,
} from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cpuPercent } from '../../../sandbox/aws/sagemaker/metrics.js';
import { packArchive } from '../../../sandbox/learner/archive.js';
import { letting } from '../core/support.js';
import { discard, openBench, ROLE, until } from './support.js';
import type { Bench } from './support.js';

interface BusEvent {
  'detail-type': string;
  resources: string[];
  detail: Record<string, unknown>;
}

let bench: Bench;
let queue: string | undefined;
const seen: BusEvent[] = [];

beforeAll(async () => {
  bench = await openBench();
  await fetch(`${bench.sandbox.url}/_sandbox/events`, {
    method: 'PUT',
    body: JSON.stringify({ duplicate: 0, reorder: 0, lose: 0 }),
  });
  queue = (
    await bench.sqs.send(
      new CreateQueueCommand({ QueueName: 'events', Attributes: letting('events', 'events') }),
    )
  ).QueueUrl;
  await bench.events.send(
    new PutRuleCommand({
      Name: 'all',
      EventPattern: JSON.stringify({ source: ['aws.sagemaker'] }),
    }),
  );
  await bench.events.send(
    new PutTargetsCommand({
      Rule: 'all',
      Targets: [{ Id: 'queue', Arn: 'arn:aws:sqs:us-east-1:111122223333:events' }],
    }),
  );
  await bench.s3.send(new CreateBucketCommand({ Bucket: 'models' }));
  await bench.s3.send(
    new PutObjectCommand({ Bucket: 'models', Key: 'm.tar.gz', Body: await packArchive({}) }),
  );
  const container = { Image: 'somebody/else:1', ModelDataUrl: 's3://models/m.tar.gz' };
  await bench.sagemaker.send(
    new CreateModelCommand({ ModelName: 'm', ExecutionRoleArn: ROLE, PrimaryContainer: container }),
  );
  for (const name of ['One', 'Two']) {
    await bench.sagemaker.send(
      new CreateEndpointConfigCommand({
        EndpointConfigName: name,
        ProductionVariants: [
          {
            VariantName: 'main',
            ModelName: 'm',
            InitialInstanceCount: 2,
            InstanceType: 'ml.m5.large',
          },
        ],
        MetricsConfig: {
          MetricPublishFrequencyInSeconds: MetricPublishFrequencyInSeconds.FREQ_10_S,
        },
      }),
    );
  }
  await bench.sagemaker.send(
    new CreateEndpointCommand({ EndpointName: 'Served', EndpointConfigName: 'One' }),
  );
  await inService();
});
afterAll(async () => {
  await bench.close();
  discard(bench.home);
});

function inService() {
  return until(
    () => bench.sagemaker.send(new DescribeEndpointCommand({ EndpointName: 'Served' })),
    ({ EndpointStatus: status }) => status === 'InService',
  );
}

/** Events of one detail type so far, once there are `count` of those that `matches`. */
function eventsOf(type: string, count: number, matches: (event: BusEvent) => boolean = () => true) {
  return until(
    async () => {
      const { Messages } = await bench.sqs.send(
        new ReceiveMessageCommand({ QueueUrl: queue, MaxNumberOfMessages: 10 }),
      );
      for (const { Body, ReceiptHandle } of Messages ?? []) {
        seen.push(JSON.parse(Body ?? '{}') as BusEvent);
        await bench.sqs.send(new DeleteMessageCommand({ QueueUrl: queue, ReceiptHandle }));
      }
      return seen.filter((event) => event['detail-type'] === type && matches(event));
    },
    (events) => events.length >= count,
  );
}

describe('events', () => {
  it('spell an endpoint’s status in capitals and its ARN in lower case', async () => {
    const events = await eventsOf('SageMaker Endpoint State Change', 2);
    expect(events.map(({ detail }) => detail['EndpointStatus'])).toEqual([
      'CREATING',
      'IN_SERVICE',
    ]);
    expect(events[0]?.resources[0]).toMatch(/:endpoint\/served$/);
    expect(events[0]?.detail['EndpointName']).toBe('Served');
    expect(events[0]?.detail['LastModifiedTime']).toBeGreaterThan(1.7e12);
  });

  it('tell every stage of a deployment', async () => {
    await bench.sagemaker.send(
      new UpdateEndpointCommand({
        EndpointName: 'Served',
        EndpointConfigName: 'Two',
        DeploymentConfig: {
          BlueGreenUpdatePolicy: {
            TrafficRoutingConfiguration: { Type: 'ALL_AT_ONCE', WaitIntervalInSeconds: 1 },
          },
        },
      }),
    );
    await inService();
    const events = await eventsOf('SageMaker Endpoint Deployment State Change', 3);
    const stages = events.map(({ detail }) => {
      const summary = detail['PendingDeploymentSummary'] as
        | {
            EndpointConfigName: string;
            ProductionVariants: { VariantStatus: { Status: string }[] }[];
          }
        | undefined;
      return summary?.ProductionVariants[0]?.VariantStatus[0]?.Status;
    });
    expect(stages).toContain('Creating');
    expect(stages).toContain('Baking');
  });

  it('write a training job’s instants as text', async () => {
    await bench.sagemaker.send(
      new CreateTrainingJobCommand({
        TrainingJobName: 'foreign',
        RoleArn: ROLE,
        AlgorithmSpecification: { TrainingImage: 'somebody/else:1', TrainingInputMode: 'File' },
        OutputDataConfig: { S3OutputPath: 's3://models/out' },
        ResourceConfig: { InstanceType: 'ml.m5.large', InstanceCount: 1, VolumeSizeInGB: 5 },
        StoppingCondition: { MaxRuntimeInSeconds: 3600 },
      }),
    );
    const [event] = await eventsOf(
      'SageMaker Training Job State Change',
      1,
      ({ detail }) => detail['TrainingJobStatus'] === 'Completed',
    );
    expect(event?.detail['CreationTime']).toMatch(/^\d{13}$/);
    const head = await bench.s3.send(
      new HeadObjectCommand({ Bucket: 'models', Key: 'out/foreign/output/model.tar.gz' }),
    );
    expect(head.ContentLength).toBeGreaterThan(0);
  });

  it('name the fields of a package that changed', async () => {
    await bench.sagemaker.send(
      new CreateModelPackageGroupCommand({ ModelPackageGroupName: 'group' }),
    );
    const { ModelPackageArn } = await bench.sagemaker.send(
      new CreateModelPackageCommand({
        ModelPackageGroupName: 'group',
        InferenceSpecification: {
          Containers: [{ Image: 'somebody/else:1', ModelDataUrl: 's3://models/m.tar.gz' }],
        },
      }),
    );
    await bench.sagemaker.send(
      new UpdateModelPackageCommand({ ModelPackageArn, ModelApprovalStatus: 'Rejected' }),
    );
    const events = await eventsOf('SageMaker Model Package State Change', 2);
    expect(
      events.map(({ detail }) => [
        detail['ModelApprovalStatus'],
        detail['UpdatedModelPackageFields'],
      ]),
    ).toEqual([
      ['PendingManualApproval', []],
      ['Rejected', ['ModelApprovalStatus']],
    ]);
  });
});

describe('a running job', () => {
  it('ends as stopped when it is stopped', async () => {
    await bench.sagemaker.send(
      new CreateTrainingJobCommand({
        TrainingJobName: 'stopped',
        RoleArn: ROLE,
        AlgorithmSpecification: { TrainingImage: 'somebody/else:1', TrainingInputMode: 'File' },
        OutputDataConfig: { S3OutputPath: 's3://models/out' },
        ResourceConfig: { InstanceType: 'ml.m5.large', InstanceCount: 1, VolumeSizeInGB: 5 },
        StoppingCondition: { MaxRuntimeInSeconds: 3600 },
      }),
    );
    await bench.sagemaker.send(new StopTrainingJobCommand({ TrainingJobName: 'stopped' }));
    const job = await until(
      () => bench.sagemaker.send(new DescribeTrainingJobCommand({ TrainingJobName: 'stopped' })),
      ({ TrainingJobStatus: status }) => status !== 'InProgress' && status !== 'Stopping',
    );
    expect([job.TrainingJobStatus, job.SecondaryStatus]).toEqual(['Stopped', 'Stopped']);
    await expect(
      bench.sagemaker.send(new StopTrainingJobCommand({ TrainingJobName: 'stopped' })),
    ).rejects.toMatchObject({ name: 'ValidationException' });
  });
});

describe('metrics', () => {
  async function sum(name: string, dimensions: Record<string, string>, stat = 'Sum') {
    const answer = await bench.cloudwatch.send(
      new GetMetricDataCommand({
        StartTime: new Date(Date.now() - 600_000),
        EndTime: new Date(Date.now() + 60_000),
        MetricDataQueries: [
          {
            Id: 'm',
            MetricStat: {
              Metric: {
                Namespace: 'AWS/SageMaker',
                MetricName: name,
                Dimensions: Object.entries(dimensions).map(([Name, Value]) => ({ Name, Value })),
              },
              Period: 60,
              Stat: stat,
            },
          },
        ],
      }),
    );
    return answer.MetricDataResults?.[0]?.Values?.reduce((total, value) => total + value, 0) ?? 0;
  }

  it('count invocations once per dimension set, a share of one per instance', async () => {
    for (let i = 0; i < 6; i += 1) {
      await bench.runtime.send(
        new InvokeEndpointCommand({
          EndpointName: 'Served',
          ContentType: 'text/csv',
          Body: Buffer.from('1'),
        }),
      );
    }
    const base = { EndpointName: 'Served', VariantName: 'main' };
    await until(
      () => sum('Invocations', base),
      (count) => count === 6,
    );
    expect(await sum('Invocations', { ...base, EndpointConfigName: 'Two' })).toBe(6);
    expect(await sum('InvocationsPerInstance', base)).toBe(3);
    expect(await sum('Invocation5XXErrors', base)).toBe(0);
    expect(await sum('ModelLatency', base, 'Maximum')).toBeGreaterThan(0);
    expect(await sum('Invocations', { EndpointName: 'Served' })).toBe(0);
  });

  it.each([
    ['rests at 3 percent', 0, 2, 3],
    ['grows by 2 percent for each request a second', 40, 2, 83],
    ['ends at 100 percent of every processor', 1_000, 2, 200],
  ])('a processor %s', (_claim, rate, cpus, expected) => {
    expect(cpuPercent(rate, cpus)).toBe(expected);
  });
});
