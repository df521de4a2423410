/** The end of an unattended story: every number read back from where it is kept. */
import { writeFileSync } from 'node:fs';

import { DescribeEndpointCommand, DescribeModelPackageCommand } from '@aws-sdk/client-sagemaker';

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
  readonly traffic: TrafficCounts;
  readonly addresses: Readonly<Record<string, string>>;
  readonly seconds: number;
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
    `${String(options.traffic.sent)} requests, ${String(options.traffic.failed)} failed, ${String(options.traffic.labelled)} labelled`,
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
