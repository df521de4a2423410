import { parseArgs } from 'node:util';

import { z } from 'zod';

import { DURATION_PATTERN, durationMs } from '../../domain/duration.js';

export interface BridgeConfig {
  readonly queueUrl: string;
  readonly region: string;
  readonly minIntervalMs: number;
  readonly host: string;
  /** 0 for any free port. */
  readonly port: number;
  readonly logLevel: string;
}

export const BRIDGE_HELP = `Usage: modelkeeper bridge [options]

Takes AWS events from a queue and tells the workflows they concern to look. Carries no facts and decides nothing.

Options:
  --queue-url <url>          SQS queue that receives the events   (MODELKEEPER_EVENTS_QUEUE_URL)
  --region <region>          Region of the queue                  (AWS_REGION)
  --min-interval <duration>  at most one hint per workflow in it  (MODELKEEPER_BRIDGE_MIN_INTERVAL, 10s)
  --port <port>              /metrics and /healthz                (MODELKEEPER_BRIDGE_PORT, 9465)
  --host <host>              address to listen on                 (MODELKEEPER_BRIDGE_HOST, 127.0.0.1)

Example:
  $ modelkeeper bridge --queue-url https://sqs.us-east-1.amazonaws.com/111122223333/modelkeeper-events`;

const configSchema = z.object({
  queueUrl: z.url({
    protocol: /^https?$/,
    error: 'give the URL of the queue: --queue-url or MODELKEEPER_EVENTS_QUEUE_URL',
  }),
  region: z
    .string({ error: 'give the Region: --region or AWS_REGION' })
    .regex(/^[a-z]{2}(-[a-z]+)+-\d$/, 'a Region such as us-east-1'),
  minInterval: z
    .string()
    .regex(DURATION_PATTERN, 'min-interval is a duration such as 10s')
    .refine(
      (literal) => !DURATION_PATTERN.test(literal) || durationMs(literal) <= MAX_INTERVAL_MS,
      'min-interval is at most 30s: messages become visible again after a minute',
    ),
  host: z.string().min(1),
  port: z.coerce.number({ error: 'port is a number' }).int().min(0).max(65_535),
  logLevel: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']),
});

/** Half of the queue's visibility time-out: a hint that waits must be sent before its message comes again. */
const MAX_INTERVAL_MS = 30_000;

/** What the bridge was started with is not right; bin/ ends with the code for wrong input. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** @throws {Error} naming everything that is missing or malformed, at once */
export function readBridgeConfig(argv: readonly string[], env: NodeJS.ProcessEnv): BridgeConfig {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      'queue-url': { type: 'string' },
      region: { type: 'string' },
      'min-interval': { type: 'string' },
      port: { type: 'string' },
      host: { type: 'string' },
    },
  });
  const parsed = configSchema.safeParse({
    queueUrl: values['queue-url'] ?? env['MODELKEEPER_EVENTS_QUEUE_URL'],
    region: values.region ?? env['AWS_REGION'] ?? env['AWS_DEFAULT_REGION'],
    minInterval: values['min-interval'] ?? env['MODELKEEPER_BRIDGE_MIN_INTERVAL'] ?? '10s',
    host: values.host ?? env['MODELKEEPER_BRIDGE_HOST'] ?? '127.0.0.1',
    port: values.port ?? env['MODELKEEPER_BRIDGE_PORT'] ?? '9465',
    logLevel: env['MODELKEEPER_LOG_LEVEL'] ?? 'info',
  });
  if (!parsed.success)
    throw new ConfigError(parsed.error.issues.map((issue) => issue.message).join('; '));
  const { minInterval, ...rest } = parsed.data;
  return { ...rest, minIntervalMs: durationMs(minInterval) };
}
