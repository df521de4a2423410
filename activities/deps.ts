/** What activities are built with. AWS clients and the Temporal client are made once per process, by the worker. */
import type { ApplicationAutoScalingClient } from '@aws-sdk/client-application-auto-scaling';
import type { CloudWatchClient } from '@aws-sdk/client-cloudwatch';
import type { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import type { S3Client } from '@aws-sdk/client-s3';
import type { SageMakerClient } from '@aws-sdk/client-sagemaker';
import type { SageMakerRuntimeClient } from '@aws-sdk/client-sagemaker-runtime';
import type { SNSClient } from '@aws-sdk/client-sns';
import type { Client } from '@temporalio/client';

import type { Stage } from '../domain/roles.js';
import type { Analysis } from './analysis-port.js';

export interface AwsClients {
  readonly sagemaker: SageMakerClient;
  readonly runtime: SageMakerRuntimeClient;
  readonly cloudwatch: CloudWatchClient;
  readonly s3: S3Client;
  readonly sns: SNSClient;
  readonly events: EventBridgeClient;
  readonly autoscaling: ApplicationAutoScalingClient;
}

/** A session of a role that a stage works under. */
export interface Session {
  readonly arn: string;
  readonly externalId?: string | undefined;
  /** Name of the session, as CloudTrail shows it. */
  readonly name: string;
  /** For messages: which of the policy's roles it is. */
  readonly stage: Stage;
}

/**
 * Clients by Region: one worker serves models of several. Without a session they carry the process's own identity.
 * Activities ask through `stage-clients.ts`, which says for which stage.
 */
export type AwsByRegion<Needed extends keyof AwsClients = keyof AwsClients> = (
  region: string,
  session?: Session,
) => Pick<AwsClients, Needed>;

export interface ControlDeps {
  readonly aws: AwsByRegion;
  /** Starts releases and asks whether they have ended. */
  readonly temporal: Pick<Client, 'workflow'>;
  /** Epoch milliseconds. Injected: the test server's time is not the wall's. */
  readonly now: () => number;
  /** Where people find the console, such as `https://models.example.com`; `null` when there is none. */
  readonly consoleUrl: string | null;
}

export interface DataDeps {
  readonly aws: AwsByRegion<'sagemaker' | 'cloudwatch' | 's3'>;
  readonly analysis: Analysis;
  readonly now: () => number;
  /** Folder for downloads; each activity works in a folder of its own below and removes it. */
  readonly scratch: string;
}
