/** `modelkeeper worker`: the long-running process that does the work of workflows and activities. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { makeTelemetryFilterString, Runtime, Worker, type WorkerOptions } from '@temporalio/worker';
import { Command, Option } from 'commander';
import type { Logger as Pino } from 'pino';

import { CONTROL_QUEUE, DATA_QUEUE } from '../domain/queues.js';
import { AwsClock } from './aws-clock.js';
import { createAws } from './aws.js';
import { readWorkerConfig, type Queue, type WorkerConfig } from './config.js';
import { keepDataProcess, tellParent, type DataProcess } from './data-process.js';
import { serveHealth, type Health } from './health.js';
import { createLog, temporalLogger } from './logging.js';
import { registerSearchAttributes } from './search-attributes.js';
import { connectTemporal, type Temporal } from './temporal.js';

/** The workflows, bundled when the package was built. */
const BUNDLE = fileURLToPath(new URL('../workflow-bundle.js', import.meta.url));
/** The workflows' entry, bundled at the start when there is no {@link BUNDLE}. */
const WORKFLOWS = fileURLToPath(new URL('../workflows/index.js', import.meta.url));
const ENTRY = fileURLToPath(new URL('../bin/modelkeeper.js', import.meta.url));

/** After a kill -9 of the worker its cached workflows are taken up after so long. */
const STICKY = '2s';

export async function main(argv: readonly string[]): Promise<void> {
  const queue = parseQueue(argv);
  const config = readWorkerConfig(process.env);
  const parent = watchParent();
  const log = createLog(config, queue === 'data' ? 'data-worker' : 'worker');
  installRuntime(config, queue, log);
  const temporal = await reachTemporal(config, log);
  try {
    await serve(queue, config, temporal, log, parent);
  } finally {
    await temporal.close();
  }
}

/** Nothing has begun yet: a signal ends the process at once, and so does a server that does not answer. */
async function reachTemporal(config: WorkerConfig, log: Pino): Promise<Temporal> {
  const end = (): never => {
    log.info('the worker has stopped before it began');
    process.exit(0);
  };
  const signals = ['SIGINT', 'SIGTERM'] as const;
  for (const signal of signals) process.once(signal, end);
  try {
    return await connectTemporal(config.temporalWaitMs, log);
  } catch (error) {
    // Its threads would keep this process.
    await Runtime.instance().shutdown();
    throw error;
  } finally {
    for (const signal of signals) process.off(signal, end);
  }
}

function parseQueue(argv: readonly string[]): Queue {
  const command = new Command('modelkeeper worker')
    .description('Runs the workflows and activities.')
    .addOption(
      new Option('--queue <queue>', 'control: workflows and calls to AWS; data: DuckDB over files')
        .choices(['control', 'data', 'all'])
        .default('all'),
    )
    .addHelpText('after', '\nExample: modelkeeper worker --queue data')
    .exitOverride() // bin/ says what was wrong, and ends with the code for it
    .configureOutput({ writeErr: () => undefined });
  command.parse([...argv], { from: 'user' });
  return command.opts<{ queue: Queue }>().queue;
}

function installRuntime(config: WorkerConfig, queue: Queue, log: Pino): void {
  const bindAddress = queue === 'data' ? config.metricsAddress.data : config.metricsAddress.control;
  Runtime.install({
    logger: temporalLogger(log),
    telemetryOptions: {
      logging: {
        filter: makeTelemetryFilterString({ core: 'WARN', other: 'ERROR' }),
        forward: {},
      },
      ...(bindAddress === null
        ? {}
        : {
            metrics: {
              prometheus: {
                bindAddress,
                countersTotalSuffix: true,
                unitSuffix: true,
                useSecondsForDurations: true,
              },
            },
          }),
    },
    shutdownSignals: ['SIGINT', 'SIGTERM'],
  });
}

/** Runs until a signal asks for the end. A fatal error of the worker rejects, and ends the process non-zero. */
async function serve(
  queue: Queue,
  config: WorkerConfig,
  temporal: Temporal,
  log: Pino,
  parent: AbortSignal,
): Promise<void> {
  let worker: Worker | undefined;
  let data: DataProcess | undefined;
  // First: a port that is taken is to be told before anything runs.
  const health =
    config.health === null
      ? undefined
      : await serveHealth(config.health, () => healthOf(worker, queue, data));
  try {
    const running = await (queue === 'data'
      ? createDataWorker(config, temporal, log)
      : createControlWorker(config, temporal, log));
    worker = running;
    data = queue === 'all' ? startDataProcess(config, log) : undefined;
    if (queue === 'data') tellParent(() => healthOf(running, queue, undefined).ready);
    onParentGone(parent, () => {
      if (running.getState() === 'RUNNING') running.shutdown();
      else process.exit(1);
    });
    // Both end at the same time; the Runtime has its own listeners for the worker in this process.
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, () => void data?.stop());
    }
    log.info(
      { address: temporal.address, namespace: temporal.namespace, queue },
      `the worker serves the ${queue === 'data' ? 'data' : 'control'} queue of ${temporal.address}`,
    );
    await running.run();
  } finally {
    await data?.stop();
    await health?.close();
    log.info('the worker has stopped');
    // An open channel to the parent would keep this process.
    if (process.connected) process.disconnect();
  }
}

/** Aborted when the process that started this one is gone, perhaps killed; never without such a parent. */
function watchParent(): AbortSignal {
  const gone = new AbortController();
  if (process.send !== undefined) {
    process.once('disconnect', () => {
      gone.abort();
    });
  }
  return gone.signal;
}

function onParentGone(parent: AbortSignal, end: () => void): void {
  if (parent.aborted) end();
  else parent.addEventListener('abort', end);
}

function healthOf(worker: Worker | undefined, queue: Queue, data: DataProcess | undefined): Health {
  if (worker === undefined) return { alive: true, ready: false, details: { state: 'STARTING' } };
  const state = worker.getState();
  const status = worker.getStatus();
  return {
    alive: state !== 'FAILED' && state !== 'STOPPED',
    ready:
      status.runState === 'RUNNING' &&
      status.activityPollerState === 'POLLING' &&
      (queue === 'data' || status.workflowPollerState === 'POLLING') &&
      (data?.ready() ?? true),
    details: {
      state,
      activities: status.numInFlightActivities,
      workflows: status.numCachedWorkflows,
      ...(data === undefined
        ? {}
        : { dataWorker: { pid: data.pid(), ready: data.ready(), restarts: data.restarts() } }),
    },
  };
}

const common = (config: WorkerConfig, temporal: Temporal) =>
  ({
    connection: temporal.native,
    namespace: temporal.namespace,
    activityTaskPollerBehavior: { type: 'autoscaling', minimum: 1, initial: 3, maximum: 20 },
    shutdownGraceTime: config.shutdownGraceMs,
    shutdownForceTime: config.shutdownForceMs,
  }) satisfies Partial<WorkerOptions>;

/** Says in the log when this machine's clock and AWS's differ: everything AWS has stamped is judged by AWS's. */
function watchClock(log: Pino): AwsClock {
  return new AwsClock((aheadMs) => {
    const aheadSeconds = Math.round(aheadMs / 1_000);
    if (aheadSeconds === 0) log.info('the clock of this machine agrees with that of AWS again');
    else
      log.warn(
        { aheadSeconds },
        `the clock of this machine is ${Math.abs(aheadSeconds)} s ${aheadSeconds > 0 ? 'ahead of' : 'behind'} that of AWS: set it right (NTP); windows are judged by AWS's`,
      );
  });
}

async function createControlWorker(
  config: WorkerConfig,
  temporal: Temporal,
  log: Pino,
): Promise<Worker> {
  await registerSearchAttributes(temporal.connection, temporal.namespace, log);
  const { createControlActivities } = await import('../activities/index.js');
  const awsClock = watchClock(log);
  return Worker.create({
    ...common(config, temporal),
    taskQueue: CONTROL_QUEUE,
    ...(existsSync(BUNDLE)
      ? { workflowBundle: { codePath: BUNDLE } }
      : { workflowsPath: WORKFLOWS }),
    activities: createControlActivities({
      aws: createAws(process.env, awsClock),
      temporal: temporal.client,
      now: awsClock.now,
      consoleUrl: config.consoleUrl,
    }),
    maxConcurrentWorkflowTaskExecutions: config.maxWorkflowTasks,
    maxConcurrentActivityTaskExecutions: config.maxActivities,
    workflowTaskPollerBehavior: { type: 'autoscaling', minimum: 2, initial: 5, maximum: 50 },
    stickyQueueScheduleToStartTimeout: STICKY,
  });
}

async function createDataWorker(
  config: WorkerConfig,
  temporal: Temporal,
  log: Pino,
): Promise<Worker> {
  const [{ createDataActivities }, { duckAnalysis }, { sweepScratch }] = await Promise.all([
    import('../activities/data.js'),
    import('../activities/analysis.js'),
    import('../activities/scratch.js'),
  ]);
  const left = await sweepScratch(config.scratch);
  if (left.length > 0)
    log.info(
      { folders: left },
      'removed what a process that was killed had left in the scratch folder',
    );
  const awsClock = watchClock(log);
  return Worker.create({
    ...common(config, temporal),
    taskQueue: DATA_QUEUE,
    activities: createDataActivities({
      aws: createAws(process.env, awsClock),
      analysis: duckAnalysis,
      now: awsClock.now,
      scratch: config.scratch,
    }),
    maxConcurrentActivityTaskExecutions: config.maxDataActivities,
  });
}

/** The child serves no health port: its state stands in ours. */
function startDataProcess(config: WorkerConfig, log: Pino): DataProcess {
  const entry = existsSync(ENTRY) ? ENTRY : (process.argv[1] ?? ENTRY);
  return keepDataProcess({
    command: [process.execPath, ...process.execArgv, entry, 'worker', '--queue', 'data'],
    env: { ...process.env, MODELKEEPER_HEALTH_PORT: '' },
    log,
    stopWithinMs: config.shutdownForceMs,
  });
}
