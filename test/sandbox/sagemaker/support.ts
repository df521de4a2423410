import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ApplicationAutoScalingClient } from '@aws-sdk/client-application-auto-scaling';
import { CloudWatchClient } from '@aws-sdk/client-cloudwatch';
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { S3Client } from '@aws-sdk/client-s3';
import {
  CreateEndpointCommand,
  CreateEndpointConfigCommand,
  CreateModelCommand,
  DescribeEndpointCommand,
  SageMakerClient,
  type CaptureMode,
  type ContainerDefinition,
  type DataCaptureConfig,
} from '@aws-sdk/client-sagemaker';
import { SageMakerRuntimeClient } from '@aws-sdk/client-sagemaker-runtime';
import { SNSClient } from '@aws-sdk/client-sns';
import { SQSClient } from '@aws-sdk/client-sqs';
import type { Kernel } from '../../../sandbox/aws/kernel.js';
import { handleInvocation, sageMakerServices } from '../../../sandbox/aws/sagemaker/index.js';
import { startSandbox } from '../../../sandbox/aws/server.js';
import type { Sandbox } from '../../../sandbox/aws/server.js';
import { learnerImage } from '../../../sandbox/learner/image.js';

export const ACCOUNT = '111122223333';
export const REGION = 'us-east-1';
export const ROLE = `arn:aws:iam::${ACCOUNT}:role/sagemaker-execution`;
export const LEARNER = learnerImage(ACCOUNT, REGION);

export interface Bench {
  readonly sandbox: Sandbox;
  readonly kernel: Kernel;
  readonly home: string;
  readonly sagemaker: SageMakerClient;
  readonly runtime: SageMakerRuntimeClient;
  readonly s3: S3Client;
  readonly cloudwatch: CloudWatchClient;
  readonly events: EventBridgeClient;
  readonly sqs: SQSClient;
  readonly sns: SNSClient;
  readonly autoscaling: ApplicationAutoScalingClient;
  close(): Promise<void>;
}

type SandboxClock = Parameters<typeof startSandbox>[0]['clock'];

/** A sandbox on a free port with real clients; AWS takes a thousandth of its time. */
export async function openBench(
  home = scratch(),
  speed = 1_000,
  clock?: SandboxClock,
  images?: Readonly<Record<string, string>>,
): Promise<Bench> {
  const sandbox = await startSandbox({
    strict: true,
    port: 0,
    home,
    speed,
    ...(clock === undefined ? {} : { clock }),
    ...(images === undefined ? {} : { images }),
    services: sageMakerServices,
    runtime: handleInvocation,
    log: () => undefined,
  });
  const config = {
    endpoint: sandbox.url,
    region: REGION,
    credentials: { accessKeyId: 'ada', secretAccessKey: 'secret' },
    maxAttempts: 1,
  };
  const clients = {
    sagemaker: new SageMakerClient(config),
    runtime: new SageMakerRuntimeClient(config),
    s3: new S3Client({ ...config, forcePathStyle: true }),
    cloudwatch: new CloudWatchClient(config),
    events: new EventBridgeClient(config),
    sqs: new SQSClient(config),
    sns: new SNSClient(config),
    autoscaling: new ApplicationAutoScalingClient(config),
  };
  return {
    ...clients,
    sandbox,
    kernel: sandbox.kernel,
    home,
    close: async () => {
      for (const client of Object.values(clients)) client.destroy();
      await sandbox.close();
    },
  };
}

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;

/** A sandbox whose time a test lets pass: what runs by the hour runs in seconds. */
export async function openHours(fromMs: number) {
  let nowMs = fromMs;
  const clock = { now: () => nowMs, realMs: (ms: number) => ms / 10_000 };
  const bench = await openBench(scratch(), 1, clock);
  return {
    bench,
    now: clock.now,
    /** Asks again and again, with so much time between that nothing within an hour is passed over. */
    passing: <T>(ask: () => Promise<T>, holds: (answer: T) => boolean): Promise<T> =>
      until(async () => {
        nowMs += 10 * MINUTE_MS;
        return ask();
      }, holds),
    /** On to some minutes past the next full hour. */
    nextHour: (minutes: number): void => {
      nowMs = Math.floor(nowMs / HOUR_MS + 1) * HOUR_MS + minutes * MINUTE_MS;
    },
  };
}

/** A model, a config `c` and an endpoint that serves it, in service. */
export async function serving(
  { sagemaker }: Pick<Bench, 'sagemaker'>,
  EndpointName: string,
  {
    capture,
    container = { Image: 'other:1' },
    wait = until,
  }: {
    readonly capture?: DataCaptureConfig;
    readonly container?: ContainerDefinition;
    readonly wait?: <T>(ask: () => Promise<T>, holds: (answer: T) => boolean) => Promise<T>;
  } = {},
): Promise<void> {
  await sagemaker.send(
    new CreateModelCommand({
      ModelName: 'm',
      ExecutionRoleArn: ROLE,
      PrimaryContainer: container,
    }),
  );
  await sagemaker.send(
    new CreateEndpointConfigCommand({
      EndpointConfigName: 'c',
      ProductionVariants: [
        {
          VariantName: 'AllTraffic',
          ModelName: 'm',
          InstanceType: 'ml.m5.large',
          InitialInstanceCount: 1,
        },
      ],
      ...(capture === undefined ? {} : { DataCaptureConfig: capture }),
    }),
  );
  await sagemaker.send(new CreateEndpointCommand({ EndpointName, EndpointConfigName: 'c' }));
  await wait(
    () => sagemaker.send(new DescribeEndpointCommand({ EndpointName })),
    ({ EndpointStatus }) => EndpointStatus === 'InService',
  );
}

/** All of what goes in and comes out as CSV, to a bucket. */
export const capturedTo = (
  DestinationS3Uri: string,
  ...modes: readonly CaptureMode[]
): DataCaptureConfig => ({
  EnableCapture: true,
  InitialSamplingPercentage: 100,
  DestinationS3Uri,
  CaptureOptions: modes.map((CaptureMode) => ({ CaptureMode })),
  CaptureContentTypeHeader: { CsvContentTypes: ['text/csv'] },
});

/** Says whether the account still has Model Monitor. */
export async function customer(
  { sandbox }: Pick<Bench, 'sandbox'>,
  existingCustomer: boolean,
): Promise<void> {
  const answer = await fetch(`${sandbox.url}/_sandbox/monitor`, {
    method: 'PUT',
    body: JSON.stringify({ existingCustomer }),
  });
  if (!answer.ok) throw new Error(`refused: ${answer.status} ${await answer.text()}`);
}

/** What a kill leaves: the files as they are at this instant, no child, nothing that was in memory. */
export async function reopened(bench: Bench): Promise<Bench> {
  const copy = scratch();
  cpSync(bench.home, copy, { recursive: true });
  await bench.close();
  discard(bench.home);
  return openBench(copy);
}

export function scratch(): string {
  return mkdtempSync(join(tmpdir(), 'sandbox-sagemaker-'));
}

export function discard(home: string): void {
  rmSync(home, { recursive: true, force: true });
}

/** Asks until the answer is what is waited for; the sandbox moves on its own clock. */
export async function until<T>(
  ask: () => Promise<T>,
  holds: (answer: T) => boolean,
  timeoutMs = 20_000,
): Promise<T> {
  const giveUpAtMs = Date.now() + timeoutMs;
  for (;;) {
    const answer = await ask();
    if (holds(answer)) return answer;
    if (Date.now() > giveUpAtMs)
      throw new Error(`waited in vain; last answer: ${JSON.stringify(answer)}`);
    await new Promise((resolve) => setTimeout(resolve, 40));
  }
}

/** Replaces the faults in force. @throws when the sandbox refuses them. */
export async function fault(bench: Bench, ...faults: readonly object[]): Promise<void> {
  const response = await fetch(`${bench.sandbox.url}/_sandbox/faults`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(faults),
  });
  if (!response.ok) throw new Error(`faults refused: ${response.status} ${await response.text()}`);
}

/**
 * Compiles the learner when `dist/` is older than its sources, so that a single test file can be run
 * without a build before it.
 */
export function buildLearner(): void {
  const root = fileURLToPath(new URL('../../../', import.meta.url));
  const sources = join(root, 'sandbox/learner');
  const stale = readdirSync(sources).some((name) => {
    const built = join(root, 'dist/sandbox/learner', name.replace(/\.ts$/, '.js'));
    return !existsSync(built) || statSync(built).mtimeMs < statSync(join(sources, name)).mtimeMs;
  });
  if (!stale) return;
  const args = ['--outDir', 'dist', '--rootDir', '.', '--module', 'NodeNext', '--target', 'ES2022'];
  const options = [
    '--skipLibCheck',
    '--types',
    'node',
    '--strict',
    '--esModuleInterop',
    '--ignoreConfig',
  ];
  const files = ['child.ts', 'measure.ts'].map((name) => join(sources, name));
  execFileSync(
    process.execPath,
    [join(root, 'node_modules/typescript/bin/tsc'), ...args, ...options, ...files],
    {
      cwd: root,
      stdio: 'inherit',
    },
  );
}
