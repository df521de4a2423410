/** The AWS clients of activities: one set per Region and process. */
import { ApplicationAutoScalingClient } from '@aws-sdk/client-application-auto-scaling';
import { CloudWatchClient } from '@aws-sdk/client-cloudwatch';
import { S3Client } from '@aws-sdk/client-s3';
import { SageMakerClient } from '@aws-sdk/client-sagemaker';
import { SNSClient } from '@aws-sdk/client-sns';

import type { AwsClients } from '../activities/deps.js';
import type { Answering, AwsClock } from './aws-clock.js';

/** Without these a request may hang for ever. */
const REQUEST_HANDLER = {
  connectionTimeout: 3_000,
  requestTimeout: 30_000,
  throwOnRequestTimeout: true,
} as const;

/** For reads, and writes that are idempotent by name: a blip stays inside one attempt of the activity. */
const ATTEMPTS = 3;
/** Publish on a standard topic has no idempotency: every attempt is Temporal's, and visible. */
const SNS_ATTEMPTS = 1;

/**
 * Clients by Region, made when a Region is first asked for. Credentials and endpoints are the SDK's own business
 * (`AWS_*`). Their answers set `clock` right.
 */
export function createAws(env: NodeJS.ProcessEnv, clock: AwsClock): (region: string) => AwsClients {
  const regions = new Map<string, AwsClients>();
  // A local endpoint has no host name per bucket.
  const forcePathStyle = (env['AWS_ENDPOINT_URL_S3'] ?? env['AWS_ENDPOINT_URL'] ?? '') !== '';
  return (region) => {
    const known = regions.get(region);
    if (known !== undefined) return known;
    const options = { region, maxAttempts: ATTEMPTS, requestHandler: REQUEST_HANDLER };
    const clients: AwsClients = {
      sagemaker: new SageMakerClient(options),
      cloudwatch: new CloudWatchClient(options),
      s3: new S3Client({ ...options, forcePathStyle, followRegionRedirects: true }),
      sns: new SNSClient({ ...options, maxAttempts: SNS_ATTEMPTS }),
      autoscaling: new ApplicationAutoScalingClient(options),
    };
    for (const client of Object.values(clients) as readonly Answering[]) clock.watch(client);
    regions.set(region, clients);
    return clients;
  };
}
