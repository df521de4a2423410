/** How many invocations a minute the local AWS takes, and whether its memory stays flat. */
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { createHistogram } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';

import { CreateBucketCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import {
  CreateEndpointCommand,
  CreateEndpointConfigCommand,
  CreateModelCommand,
} from '@aws-sdk/client-sagemaker';

import { packArchive } from '../sandbox/learner/archive.js';
import { findFreePort } from '../sandbox/temporal/server.js';
import { awsAt } from '../test/e2e/support/aws.js';
import { start, temporaryFolder, untilTrue } from '../test/e2e/support/processes.js';
import { percentile, printTable } from './table.js';
import type { Row } from './table.js';

export const needs = ['dist'] as const;

const ENDPOINT = 'load';
const TICK_MS = 20;
const SAMPLE_MS = 10_000;
const CONNECTIONS = 32;

/** Sends at an even rate, whatever the answers take: waiting for them would flatter the server. */
export async function run(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rate: { type: 'string', default: '50000' },
      minutes: { type: 'string', default: '3' },
    },
  });
  const perMinute = Number(values.rate);
  const minutes = Number(values.minutes);
  if (!(perMinute > 0 && minutes > 0)) throw new Error('--rate and --minutes are numbers above 0');

  const home = temporaryFolder('bench');
  const port = await findFreePort();
  const sandbox = start([
    ...['sandbox', '--port', String(port), '--home', home.path, '--speed', '600', '--quiet'],
  ]);
  try {
    const aws = awsAt(`http://127.0.0.1:${String(port)}`);
    await untilTrue('the local AWS answers', 60_000, async () => Array.isArray(await aws.calls()));
    await serve(aws);
    const rows = await load({ port, pid: sandbox.pid, perMinute, minutes });
    printTable(`InvokeEndpoint, ${String(perMinute)} a minute for ${String(minutes)} min`, rows);
    const resident = rows.map((row) => Number(row['resident MB']));
    const afterMinute = resident.slice(60_000 / SAMPLE_MS - 1);
    printTable('Resident memory after the first minute', [
      {
        'first MB': afterMinute[0] ?? 0,
        'last MB': afterMinute.at(-1) ?? 0,
        'median MB': percentile(afterMinute, 0.5),
        'last / first': ((afterMinute.at(-1) ?? 0) / (afterMinute[0] ?? 1)).toFixed(2),
      },
    ]);
  } finally {
    sandbox.signal('SIGTERM');
    await sandbox.ended;
    home.remove();
  }
}

/** An endpoint of two instances with full capture, as the story's. */
async function serve(aws: ReturnType<typeof awsAt>): Promise<void> {
  await aws.s3.send(new CreateBucketCommand({ Bucket: 'load' }));
  await aws.s3.send(
    new PutObjectCommand({
      Bucket: 'load',
      Key: 'model.tar.gz',
      Body: await packArchive({ 'weights.txt': 'of another framework' }),
    }),
  );
  await aws.sagemaker.send(
    new CreateModelCommand({
      ModelName: ENDPOINT,
      ExecutionRoleArn: 'arn:aws:iam::111122223333:role/company',
      PrimaryContainer: {
        Image: '111122223333.dkr.ecr.us-east-1.amazonaws.com/any:1',
        ModelDataUrl: 's3://load/model.tar.gz',
      },
    }),
  );
  await aws.sagemaker.send(
    new CreateEndpointConfigCommand({
      EndpointConfigName: ENDPOINT,
      ProductionVariants: [
        {
          VariantName: 'AllTraffic',
          ModelName: ENDPOINT,
          InstanceType: 'ml.m5.large',
          InitialInstanceCount: 2,
        },
      ],
      DataCaptureConfig: {
        EnableCapture: true,
        InitialSamplingPercentage: 100,
        DestinationS3Uri: 's3://load/capture',
        CaptureOptions: [{ CaptureMode: 'Input' }, { CaptureMode: 'Output' }],
        CaptureContentTypeHeader: { CsvContentTypes: ['text/csv'] },
      },
    }),
  );
  await aws.sagemaker.send(
    new CreateEndpointCommand({ EndpointName: ENDPOINT, EndpointConfigName: ENDPOINT }),
  );
  await untilTrue('the endpoint serves', 60_000, async () => {
    return (await aws.endpoint(ENDPOINT)).EndpointStatus === 'InService';
  });
}

interface Load {
  readonly port: number;
  readonly pid: number;
  readonly perMinute: number;
  readonly minutes: number;
}

async function load({ port, pid, perMinute, minutes }: Load): Promise<readonly Row[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  const rows: Row[] = [];
  const startedMs = performance.now();
  const endMs = startedMs + minutes * 60_000;
  let [sent, answered, failed] = [0, 0, 0];
  let histogram = createHistogram();
  let sampleAtMs = startedMs + SAMPLE_MS;
  let answeredBefore = 0;
  const one = (): void => {
    const beganMs = performance.now();
    const call = request(
      {
        port,
        agent,
        host: '127.0.0.1',
        method: 'POST',
        path: `/endpoints/${ENDPOINT}/invocations`,
        headers: {
          'content-type': 'text/csv',
          'x-amzn-sagemaker-inference-id': `load-${String(sent)}`,
        },
      },
      (response) => {
        response.resume();
        response.once('end', () => {
          answered += 1;
          if (response.statusCode !== 200) failed += 1;
          histogram.record(Math.max(1, Math.round((performance.now() - beganMs) * 1_000)));
        });
      },
    );
    call.once('error', () => {
      failed += 1;
    });
    call.end('LAX,SFO,337,9,1');
  };
  for (let nowMs = startedMs; nowMs < endMs; nowMs = performance.now()) {
    const due = Math.floor(((nowMs - startedMs) / 60_000) * perMinute);
    while (sent < due) {
      one();
      sent += 1;
    }
    if (nowMs >= sampleAtMs) {
      const row = {
        'after s': Math.round((nowMs - startedMs) / 1_000),
        'answered/min': Math.round(((answered - answeredBefore) * 60_000) / SAMPLE_MS),
        failed,
        'p50 ms': Number((histogram.percentile(50) / 1_000).toFixed(1)),
        'p95 ms': Number((histogram.percentile(95) / 1_000).toFixed(1)),
        'resident MB': residentMb(pid),
      };
      console.log(
        Object.entries(row)
          .map(([name, value]) => `${name} ${String(value)}`)
          .join(', '),
      );
      rows.push(row);
      histogram = createHistogram();
      answeredBefore = answered;
      sampleAtMs += SAMPLE_MS;
    }
    await sleep(TICK_MS);
  }
  agent.destroy();
  return rows;
}

/** Of the process and, as /proc counts, without its children. */
function residentMb(pid: number): number {
  const line = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${String(pid)}/status`, 'utf8'));
  return Math.round(Number(line?.[1] ?? Number.NaN) / 1_024);
}
