import { isIP } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { z } from 'zod';

const HIGHEST_PORT = 65_535;

/** The SDK's runtime binds to a numeric address only, and says nothing of use about any other. */
const addressSchema = z.string().refine(isBindAddress, 'write address:port, such as 0.0.0.0:9464');
const A_PORT = `a port from 0 to ${HIGHEST_PORT}`;
const portSchema = z
  .string()
  .regex(/^\d{1,5}$/, A_PORT)
  .transform(Number)
  .refine((port) => port <= HIGHEST_PORT, A_PORT);
const count = (fallback: number, max: number) => {
  const what = `a whole number from 1 to ${max}`;
  return z
    .string()
    .regex(/^\d{1,6}$/, what)
    .transform(Number)
    .refine((number) => number >= 1 && number <= max, what)
    .default(fallback);
};

function isBindAddress(text: string): boolean {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([0-9.]+)):(\d{1,5})$/.exec(text);
  if (match === null) return false;
  const port = Number(match[3]);
  return isIP(match[1] ?? match[2] ?? '') !== 0 && port >= 1 && port <= HIGHEST_PORT;
}

/** What variables are to each other is told also when others are malformed: all errors at once. */
const ALWAYS = (): boolean => true;

/** Malformed values are told by themselves. */
const areLess = (less: unknown, more: unknown): boolean =>
  typeof less !== 'number' || typeof more !== 'number' || less < more;

/**
 * The worker's own variables. Temporal's are those of envconfig (`TEMPORAL_ADDRESS`, `TEMPORAL_NAMESPACE`, …), AWS's
 * those of the SDK (`AWS_REGION`, `AWS_PROFILE`, `AWS_ENDPOINT_URL`, …).
 */
const environmentSchema = z
  .object({
    /** Where Prometheus reads the control worker's metrics; none when absent. */
    MODELKEEPER_METRICS_ADDRESS: addressSchema.optional(),
    /** The same for the data worker. */
    MODELKEEPER_DATA_METRICS_ADDRESS: addressSchema.optional(),
    /** Port of `/healthz` (alive) and `/readyz` (polling); none when absent. 0 is any free port. */
    MODELKEEPER_HEALTH_PORT: portSchema.optional(),
    /** Address the health port is bound to. In a container: 0.0.0.0. */
    MODELKEEPER_HEALTH_HOST: z.string().min(1).default('127.0.0.1'),
    /** Base of the links in notices, such as https://models.example.com. */
    MODELKEEPER_CONSOLE_URL: z
      .url({ protocol: /^https?$/, error: 'an address such as https://models.example.com' })
      .optional(),
    /** Folder for downloads of the data worker. */
    MODELKEEPER_SCRATCH: z.string().min(1).default(join(tmpdir(), 'modelkeeper')),
    MODELKEEPER_LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error']).default('info'),
    /** Seconds that running activities have to end after SIGTERM. */
    MODELKEEPER_SHUTDOWN_GRACE_SECONDS: count(20, 3_600),
    /** Seconds after which the worker ends whatever still runs. Below the platform's own limit. */
    MODELKEEPER_SHUTDOWN_FORCE_SECONDS: count(50, 7_200),
    /** Workflow tasks at a time; more than one thread can serve only lengthens the queue. */
    MODELKEEPER_MAX_WORKFLOW_TASKS: count(20, 1_000),
    /** Activities at a time on the control queue. */
    MODELKEEPER_MAX_ACTIVITIES: count(1_000, 10_000),
    /** Activities at a time on the data queue: each may take two threads and 2 GB. */
    MODELKEEPER_MAX_DATA_ACTIVITIES: count(2, 64),
    /** Seconds to wait for Temporal at the start. */
    MODELKEEPER_TEMPORAL_WAIT_SECONDS: count(60, 3_600),
  })
  .refine(
    ({ MODELKEEPER_SHUTDOWN_GRACE_SECONDS: grace, ...env }) =>
      areLess(grace, env.MODELKEEPER_SHUTDOWN_FORCE_SECONDS),
    {
      path: ['MODELKEEPER_SHUTDOWN_FORCE_SECONDS'],
      message: 'must be more than MODELKEEPER_SHUTDOWN_GRACE_SECONDS',
      when: ALWAYS,
    },
  )
  .refine(
    (env) =>
      env.MODELKEEPER_METRICS_ADDRESS === undefined ||
      env.MODELKEEPER_METRICS_ADDRESS !== env.MODELKEEPER_DATA_METRICS_ADDRESS,
    {
      path: ['MODELKEEPER_DATA_METRICS_ADDRESS'],
      message: 'must be another address than MODELKEEPER_METRICS_ADDRESS: they are two processes',
      when: ALWAYS,
    },
  );

export type Queue = 'control' | 'data' | 'all';

export interface WorkerConfig {
  readonly metricsAddress: { readonly control: string | null; readonly data: string | null };
  readonly health: { readonly host: string; readonly port: number } | null;
  readonly consoleUrl: string | null;
  readonly scratch: string;
  readonly logLevel: 'trace' | 'debug' | 'info' | 'warn' | 'error';
  readonly shutdownGraceMs: number;
  readonly shutdownForceMs: number;
  readonly maxWorkflowTasks: number;
  readonly maxActivities: number;
  readonly maxDataActivities: number;
  readonly temporalWaitMs: number;
}

/** The environment cannot be used. The message lists every variable at once. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** @throws {ConfigError} naming every malformed variable and what it should be. An empty variable counts as absent. */
export function readWorkerConfig(env: NodeJS.ProcessEnv): WorkerConfig {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
  const parsed = environmentSchema.safeParse(given);
  if (!parsed.success) {
    const lines = parsed.error.issues.map(
      (issue) => `  ${issue.path.join('.')}=${env[String(issue.path[0])] ?? ''}: ${issue.message}`,
    );
    throw new ConfigError(`The environment of the worker is not right:\n${lines.join('\n')}`);
  }
  const { data } = parsed;
  return {
    metricsAddress: {
      control: data.MODELKEEPER_METRICS_ADDRESS ?? null,
      data: data.MODELKEEPER_DATA_METRICS_ADDRESS ?? null,
    },
    health:
      data.MODELKEEPER_HEALTH_PORT === undefined
        ? null
        : { host: data.MODELKEEPER_HEALTH_HOST, port: data.MODELKEEPER_HEALTH_PORT },
    consoleUrl: data.MODELKEEPER_CONSOLE_URL ?? null,
    scratch: data.MODELKEEPER_SCRATCH,
    logLevel: data.MODELKEEPER_LOG_LEVEL,
    shutdownGraceMs: data.MODELKEEPER_SHUTDOWN_GRACE_SECONDS * 1_000,
    shutdownForceMs: data.MODELKEEPER_SHUTDOWN_FORCE_SECONDS * 1_000,
    maxWorkflowTasks: data.MODELKEEPER_MAX_WORKFLOW_TASKS,
    maxActivities: data.MODELKEEPER_MAX_ACTIVITIES,
    maxDataActivities: data.MODELKEEPER_MAX_DATA_ACTIVITIES,
    temporalWaitMs: data.MODELKEEPER_TEMPORAL_WAIT_SECONDS * 1_000,
  };
}
