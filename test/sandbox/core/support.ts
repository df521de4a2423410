import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ApplicationAutoScalingClient } from '@aws-sdk/client-application-auto-scaling';
import { CloudWatchClient } from '@aws-sdk/client-cloudwatch';
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { S3Client } from '@aws-sdk/client-s3';
import { SNSClient } from '@aws-sdk/client-sns';
import { SQSClient } from '@aws-sdk/client-sqs';
import { STSClient } from '@aws-sdk/client-sts';
import { afterAll } from 'vitest';
import type { Service } from '../../../sandbox/aws/kernel.js';
import { startSandbox } from '../../../sandbox/aws/server.js';
import type { Sandbox, SandboxOptions } from '../../../sandbox/aws/server.js';

const homes: string[] = [];
const sandboxes: Sandbox[] = [];

afterAll(async () => {
  for (const sandbox of sandboxes.splice(0)) await sandbox.close();
  for (const home of homes.splice(0)) rmSync(home, { recursive: true, force: true });
});

export function temporaryHome(): string {
  const home = mkdtempSync(join(tmpdir(), 'sandbox-'));
  homes.push(home);
  return home;
}

/** A sandbox on a free port without SageMaker, fast and quiet; ended after the file's tests. */
export async function start(options: Partial<SandboxOptions> = {}): Promise<Sandbox> {
  const sandbox = await startSandbox({
    strict: true,
    port: 0,
    home: temporaryHome(),
    speed: 50,
    services: () => [],
    ...options,
  });
  sandboxes.push(sandbox);
  return sandbox;
}

/** A fleet of variants that scaling can change, in memory. */
export function fleet(counts: Record<string, number>) {
  return {
    counts,
    busyIds: new Set<string>(),
    services: (kernel: Sandbox['kernel']): Service[] => {
      kernel.onScale({
        desiredCount: (resourceId) => counts[resourceId],
        setDesiredCount: (resourceId, count) => {
          counts[resourceId] = count;
        },
      });
      return [];
    },
  };
}

export function clients(url: string, accessKeyId = 'ada', maxAttempts = 1) {
  const options = {
    endpoint: url,
    region: 'us-east-1',
    maxAttempts,
    credentials: { accessKeyId, secretAccessKey: 'any' },
  };
  return {
    autoScaling: new ApplicationAutoScalingClient(options),
    cloudWatch: new CloudWatchClient(options),
    eventBridge: new EventBridgeClient(options),
    s3: new S3Client({ ...options, forcePathStyle: true }),
    sns: new SNSClient(options),
    sqs: new SQSClient(options),
    sts: new STSClient(options),
  };
}

/** The error a call ends in. */
export async function failure(call: Promise<unknown>): Promise<Error> {
  try {
    await call;
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error('the call succeeded');
}

export async function admin(
  sandbox: Sandbox,
  method: string,
  path: string,
  body?: unknown,
): Promise<unknown> {
  const response = await fetch(`${sandbox.url}/_sandbox/${path}`, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
  return response.json();
}

/** A queue's policy that lets a service of AWS send to it, for rules or topics of the account. */
export function letting(service: 'events' | 'sns', queueName: string): { readonly Policy: string } {
  const Policy = JSON.stringify({
    Version: '2012-10-17',
    Statement: {
      Effect: 'Allow',
      Principal: { Service: `${service}.amazonaws.com` },
      Action: 'sqs:SendMessage',
      Resource: `arn:aws:sqs:us-east-1:111122223333:${queueName}`,
      Condition: { ArnLike: { 'aws:SourceArn': `arn:aws:${service}:us-east-1:111122223333:*` } },
    },
  });
  return { Policy };
}
