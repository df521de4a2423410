/** The end of an unattended story: every number read back from where it is kept. */
import { writeFileSync } from 'node:fs';

import { GetMetricStatisticsCommand } from '@aws-sdk/client-cloudwatch';
import {
  DescribeEndpointCommand,
  DescribeEndpointConfigCommand,
  DescribeModelCommand,
  DescribeModelPackageCommand,
} from '@aws-sdk/client-sagemaker';

import { MODEL } from './company.js';
import type { Aws } from './company.js';
import type { Follower } from './narrator.js';
import type { Interval } from './service.js';
import type { TrafficCounts } from './traffic.js';

export interface ReportOptions {
  readonly path: string;
  readonly aws: Aws;
  readonly follower: Follower;
  readonly release: number;
  /** Before the first request; epoch ms. */
  readonly sinceMs: number;
  /** What the airline's systems say of themselves, for story.json only. */
  readonly traffic: TrafficCounts;
  readonly addresses: Readonly<Record<string, string>>;
  readonly seconds: number;
}

/** The model package behind what an endpoint serves, by way of its config and model. */
async function servedPackage(aws: Aws, configName: string | undefined): Promise<string | null> {
  if (configName === undefined) return null;
  const { ProductionVariants } = await aws.sagemaker.send(
    new DescribeEndpointConfigCommand({ EndpointConfigName: configName }),
  );
  const ModelName = ProductionVariants?.[0]?.ModelName;
  if (ModelName === undefined) return null;
  const { Containers, PrimaryContainer } = await aws.sagemaker.send(
    new DescribeModelCommand({ ModelName }),
  );
  return (PrimaryContainer ?? Containers?.[0])?.ModelPackageName ?? null;
}

/** Sum of one of the endpoint's metrics since `sinceMs`: what it has published until now. */
async function counted(aws: Aws, MetricName: string, sinceMs: number): Promise<number> {
  const dimensions = { EndpointName: MODEL, VariantName: 'AllTraffic' };
  const { Datapoints } = await aws.cloudwatch.send(
    new GetMetricStatisticsCommand({
      Namespace: 'AWS/SageMaker',
      MetricName,
      Dimensions: Object.entries(dimensions).map(([Name, Value]) => ({ Name, Value })),
      StartTime: new Date(sinceMs),
      EndTime: new Date(),
      Period: 60,
      Statistics: ['Sum'],
    }),
  );
  return (Datapoints ?? []).reduce((sum, { Sum = 0 }) => sum + Sum, 0);
}

/** Writes story.json. `promoted` only if workflow, endpoint and registry all say so. */
export async function writeReport(
  options: ReportOptions,
): Promise<{ readonly promoted: boolean; readonly lines: readonly string[] }> {
  const { aws, follower, release } = options;
  const status = follower.releases.get(release);
  const endpoint = await aws.sagemaker.send(new DescribeEndpointCommand({ EndpointName: MODEL }));
  const packageArn = status?.packageArn ?? undefined;
  const registered =
    packageArn === undefined
      ? undefined
      : await aws.sagemaker.send(new DescribeModelPackageCommand({ ModelPackageName: packageArn }));
  const served = await servedPackage(aws, endpoint.EndpointConfigName);
  const invocations = await counted(aws, 'Invocations', options.sinceMs);
  const errors = await counted(aws, 'Invocation5XXErrors', options.sinceMs);

  const result = status?.result ?? null;
  const faults: string[] = [];
  if (result?.kind !== 'promoted')
    faults.push(`the release ended ${result?.kind ?? 'without a result'}: ${result?.reason ?? ''}`);
  if (endpoint.EndpointStatus !== 'InService')
    faults.push(`the endpoint is ${endpoint.EndpointStatus ?? 'unknown'}`);
  if (endpoint.PendingDeploymentSummary !== undefined)
    faults.push('the endpoint has a deployment pending');
  if (endpoint.EndpointConfigName !== status?.configName) {
    faults.push(
      `the endpoint serves ${endpoint.EndpointConfigName ?? 'nothing'}, not ${status?.configName ?? 'the candidate'}`,
    );
  }
  if (registered?.ModelApprovalStatus !== 'Approved') {
    faults.push(
      `the registry says ${registered?.ModelApprovalStatus ?? 'nothing'} of the model package`,
    );
  }

  if (served === null || served !== packageArn) {
    faults.push(
      `the endpoint serves the model package ${served ?? 'none'}, not ${packageArn ?? 'the candidate'}`,
    );
  }
  if (invocations === 0) faults.push('CloudWatch has counted no invocation of the endpoint');

  const story = {
    schema: 'modelkeeper/story-v1',
    promoted: faults.length === 0,
    faults,
    seconds: Math.round(options.seconds * 10) / 10,
    findings: status?.trigger.windows ?? [],
    verdict: { kind: status?.trigger.kind ?? null, reasons: status?.trigger.reasons ?? [] },
    evaluation: status?.evaluation ?? null,
    approval: status?.decisions ?? [],
    rollout: status?.rollout ?? [],
    result,
    endpoint: {
      name: endpoint.EndpointName,
      status: endpoint.EndpointStatus,
      configName: endpoint.EndpointConfigName,
      packageArn: served,
      invocations,
      errors,
      lastModified: endpoint.LastModifiedTime,
    },
    registry: {
      packageArn: registered?.ModelPackageArn ?? null,
      approvalStatus: registered?.ModelApprovalStatus ?? null,
      approvalDescription: registered?.ApprovalDescription ?? null,
    },
    traffic: options.traffic,
    addresses: options.addresses,
  };
  writeFileSync(options.path, `${JSON.stringify(story, null, 2)}\n`);

  const candidate = status?.evaluation?.candidate[0];
  const champion = status?.evaluation?.champion[0];
  const lines = [
    `endpoint ${story.endpoint.name ?? ''}: ${story.endpoint.status ?? ''}, serving ${story.endpoint.configName ?? ''}`,
    `registry: ${story.registry.approvalStatus ?? 'none'}: ${story.registry.approvalDescription ?? ''}`,
    `${candidate?.metric ?? 'metric'}: candidate ${words(candidate)}, champion ${words(champion)}`,
    `CloudWatch has counted ${String(invocations)} invocations, ${String(errors)} with an error of the model's`,
    faults.length === 0
      ? `PROMOTED after ${story.seconds.toFixed(1)} s`
      : `NOT PROMOTED: ${faults.join('; ')}`,
  ];
  return { promoted: faults.length === 0, lines };
}

function words(interval: Interval | undefined): string {
  const number = (value: number | null): string => (value === null ? '–' : value.toFixed(4));
  return interval === undefined
    ? 'none'
    : `${number(interval.estimate)} (${number(interval.lower)} to ${number(interval.upper)})`;
}
