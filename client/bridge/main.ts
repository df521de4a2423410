import { createServer, type Server } from 'node:http';

import { DeleteMessageCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { pino, type Logger } from 'pino';

import { createAccount } from '../account.js';
import { messageOf } from '../errors.js';
import { connectModelkeeper, type ModelkeeperClient } from '../index.js';
import { createCoalescer } from './coalescer.js';
import { BRIDGE_HELP, readBridgeConfig, type BridgeConfig } from './config.js';
import { createConsumer, type Consumer, type Queue } from './consumer.js';
import { createDirectory } from './directory.js';
import { createHandler } from './handle.js';
import { createBridgeMetrics, type BridgeMetrics } from './metrics.js';

const WAIT_SECONDS = 20;
/** Three long polls without an answer. */
const SILENT_MS = 3 * WAIT_SECONDS * 1_000;

/** `modelkeeper bridge`: passes AWS events on as hints until SIGTERM or SIGINT. */
export async function main(argv: readonly string[]): Promise<void> {
  if (argv.includes('--help') || argv.includes('-h')) {
    process.stdout.write(`${BRIDGE_HELP}\n`);
    return;
  }
  const config = readBridgeConfig(argv, process.env);
  const logger = pino({ name: 'modelkeeper-bridge', level: config.logLevel });
  const stop = new AbortController();
  const stopOn = (name: NodeJS.Signals): void => {
    logger.info({ signal: name }, 'stopping');
    stop.abort();
  };
  process.once('SIGTERM', stopOn);
  process.once('SIGINT', stopOn);
  try {
    await runBridge(config, logger, stop.signal);
  } finally {
    process.off('SIGTERM', stopOn);
    process.off('SIGINT', stopOn);
  }
}

/** The bridge itself; ends when the signal is aborted and nothing is under way. */
export async function runBridge(
  config: BridgeConfig,
  logger: Logger,
  signal: AbortSignal,
): Promise<void> {
  const metrics = createBridgeMetrics();
  let consumer: Consumer | undefined;
  const server = await listen(config, (path) => answerTo(path, metrics, consumer?.inFlight() ?? 0));
  logger.info({ port: portOf(server), queue: config.queueUrl }, 'bridge listens');
  const client = await connectPatiently(logger, signal);
  if (client === undefined) {
    server.close();
    return;
  }
  const account = createAccount(config.region);
  const sqs = createSqs(config);
  const coalescer = createCoalescer({
    minIntervalMs: config.minIntervalMs,
    now: Date.now,
    after: (ms, then) => {
      const timer = setTimeout(then, ms);
      return () => {
        clearTimeout(timer);
      };
    },
    send: (target) => {
      metrics.count('signals');
      logger.debug({ workflowId: target.workflowId, about: target.about }, 'hint');
      return target.release === null
        ? client.hintKeeper(target.model, target.about, target.topic)
        : client.hintRelease(target.model, target.release, target.about);
    },
  });
  try {
    consumer = createConsumer({
      queue: queueOf(sqs, config.queueUrl),
      metrics,
      handle: createHandler({
        coalescer,
        metrics,
        directory: createDirectory({ read: () => client.places(), now: Date.now }),
        lookUpExecution: (arn) => account.pipelineExecution(arn),
      }),
      warn: (facts, sentence) => {
        logger.warn(facts, sentence);
      },
      sleep,
      now: Date.now,
    });
    await consumer.run(signal);
    await coalescer.flush();
    await settled(consumer);
    logger.info('bridge stopped');
  } finally {
    sqs.destroy();
    account.close();
    await client.close();
    server.close();
    server.closeAllConnections();
  }
}

/** Messages whose hints were flushed still want deleting. */
async function settled(consumer: Consumer): Promise<void> {
  const untilMs = Date.now() + 5_000;
  while (consumer.inFlight() > 0 && Date.now() < untilMs)
    await new Promise((resolve) => setTimeout(resolve, 20));
}

/** Temporal may come up later than we do; `undefined` when we are stopped meanwhile. */
async function connectPatiently(
  logger: Logger,
  signal: AbortSignal,
): Promise<ModelkeeperClient | undefined> {
  for (let pauseMs = 1_000; !signal.aborted; pauseMs = Math.min(30_000, pauseMs * 2)) {
    try {
      return await connectModelkeeper();
    } catch (error) {
      logger.warn({ nextTryInMs: pauseMs }, messageOf(error));
      await sleep(pauseMs, signal);
    }
  }
  return undefined;
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    if (signal.aborted) end();
    else signal.addEventListener('abort', end);
  });
}

function createSqs(config: BridgeConfig): SQSClient {
  return new SQSClient({
    region: config.region,
    maxAttempts: 3,
    // The queue's URL may name a host that only AWS resolves; a configured endpoint goes before it.
    useQueueUrlAsEndpoint:
      process.env['AWS_ENDPOINT_URL_SQS'] === undefined &&
      process.env['AWS_ENDPOINT_URL'] === undefined,
    requestHandler: {
      connectionTimeout: 3_000,
      requestTimeout: (WAIT_SECONDS + 10) * 1_000,
      throwOnRequestTimeout: true,
    },
  });
}

function queueOf(sqs: SQSClient, queueUrl: string): Queue {
  return {
    async receive(signal) {
      const { Messages: messages } = await sqs.send(
        new ReceiveMessageCommand({
          QueueUrl: queueUrl,
          MaxNumberOfMessages: 10,
          WaitTimeSeconds: WAIT_SECONDS,
        }),
        { abortSignal: signal },
      );
      return (messages ?? []).map((message) => ({
        id: message.MessageId ?? '',
        body: message.Body ?? '',
        handle: message.ReceiptHandle ?? '',
      }));
    },
    async delete(handle) {
      await sqs.send(new DeleteMessageCommand({ QueueUrl: queueUrl, ReceiptHandle: handle }));
    },
  };
}

interface Page {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

function answerTo(path: string, metrics: BridgeMetrics, inFlight: number): Page {
  if (path === '/metrics')
    return { status: 200, type: 'text/plain; version=0.0.4', body: metrics.text(inFlight) };
  if (path !== '/healthz') return { status: 404, type: 'text/plain', body: 'not found\n' };
  const lastMs = metrics.lastReceiveAtMs();
  const healthy = lastMs !== null && Date.now() - lastMs < SILENT_MS;
  const sentence = healthy
    ? 'ok'
    : lastMs === null
      ? 'the queue has not answered yet'
      : `the queue last answered ${Math.round((Date.now() - lastMs) / 1_000)} s ago`;
  return { status: healthy ? 200 : 503, type: 'text/plain', body: `${sentence}\n` };
}

async function listen(config: BridgeConfig, answer: (path: string) => Page): Promise<Server> {
  const server = createServer((request, response) => {
    const { status, type, body } = answer((request.url ?? '/').split('?', 1)[0] ?? '/');
    response.writeHead(status, { 'content-type': type }).end(body);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(
        error.code === 'EADDRINUSE'
          ? new Error(
              `port ${config.port} is taken: give another with --port or MODELKEEPER_BRIDGE_PORT`,
            )
          : error,
      );
    });
    server.listen(config.port, config.host, resolve);
  });
  return server;
}

function portOf(server: Server): number {
  const address = server.address();
  return address !== null && typeof address === 'object' ? address.port : 0;
}
