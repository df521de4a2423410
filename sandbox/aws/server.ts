import { mkdirSync, readdirSync, realpathSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import { join } from 'node:path';
import { adminPages } from './admin.js';
import type { AdminPages } from './admin.js';
import { coreServices } from './core.js';
import { Dispatcher } from './http/dispatch.js';
import type { Kernel, RuntimeHandler, ScalableFleet, Service } from './kernel.js';
import { Calls } from './kernel/calls.js';
import { wallClock } from './kernel/clock.js';
import type { Clock } from './kernel/clock.js';
import { Faults } from './kernel/faults.js';
import { LOCK_FILE, lockHome } from './kernel/lock.js';
import { seededStreams } from './kernel/random.js';
import { Timers } from './kernel/timers.js';
import { handleInvocation, sageMakerServices } from './sagemaker/index.js';
import { Places, storeOf } from './places.js';
import type { Where } from './places.js';
import { objectsOf } from './s3/access.js';
import { ObjectStore } from './s3/objects.js';
import { createS3 } from './s3/index.js';
import { Uploads } from './s3/uploads.js';
import { openStore } from './store.js';
import { monitorPages } from './sagemaker/monitoring.js';
import { Identities } from './sts/identities.js';
import { unconnected } from './wires.js';
import type { Core } from './wires.js';

export interface SandboxOptions {
  /** 0 takes a free port. */
  readonly port: number;
  /** Directory of the state; made when it is not there. */
  readonly home: string;
  /** Divides what AWS takes; default 1. */
  readonly speed?: number;
  /** Repository of an image, such as `report` → the Node script that is its entrypoint. */
  readonly images?: Readonly<Record<string, string>>;
  /** Forgets what `home` holds. Refused for a directory that is not a sandbox's. */
  readonly fresh?: boolean;
  /** Of every random choice; default 1. */
  readonly seed?: number;
  readonly log?: (line: string) => void;
  /**
   * Refuses members that AWS does not know, and fails where an answer of the sandbox is not as AWS's model says.
   * Default: both are logged, once each.
   */
  readonly strict?: boolean;
  /** Services beside the core ones; default: SageMaker and its runtime. */
  readonly services?: (kernel: Kernel) => readonly Service[];
  /** Answers invocations of endpoints; goes with `services`. */
  readonly runtime?: RuntimeHandler;
  /** Default: the wall clock, which sandbox and callers share. Another one is for tests whose caller goes by it too. */
  readonly clock?: Clock;
  /** How long CloudWatch keeps data points; default three hours. */
  readonly keepMetricsMs?: number;
}

export interface Sandbox {
  readonly url: string;
  readonly kernel: Kernel;
  /** Ends children, saves what is in memory, frees port and home. May be called twice. */
  close(): Promise<void>;
}

/** Milliseconds an idle connection is kept open. */
const KEEP_ALIVE_MS = 65_000;

const REGION = 'us-east-1';
const ACCOUNT = '111122223333';

/**
 * Starts the local AWS on 127.0.0.1.
 *
 * @throws {Error} when the port is taken, another sandbox uses `home`, or its state is damaged.
 */
export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  const log = options.log ?? (() => undefined);
  const clock = options.clock ?? wallClock;
  const home = makeHome(options.home);
  const unlock = lockHome(home);
  const undo: (() => void)[] = [unlock];
  try {
    if (options.fresh === true) emptyHome(home);
    // Longer than the SDK keeps an idle connection: a call never meets one that is just being closed.
    const server = createServer({ keepAliveTimeout: 120_000, headersTimeout: 125_000 });
    // Longer than clients keep idle connections, or they would find some closed under their hands.
    server.keepAliveTimeout = KEEP_ALIVE_MS;
    const port = await listen(server, options.port);
    undo.push(() => server.close());
    const store = openStore(home);
    undo.push(() => {
      store.close();
    });
    const timers = new Timers(log, clock);
    undo.push(() => {
      timers.stop();
    });

    const boots = (store.get<number>('sandbox', 'boots') ?? 0) + 1;
    store.put('sandbox', 'boots', boots);
    const random = seededStreams(options.seed ?? 1, boots);
    const faults = new Faults(store, random);
    const calls = new Calls(store, clock.now);
    const identities = new Identities(store, ACCOUNT, clock.now);
    const first: Where = { accountId: ACCOUNT, region: REGION };
    const objects = new ObjectStore(store, home, clock.now, first);
    const uploads = new Uploads(store, objects, clock.now);
    objects.sweepOrphans(uploads.files());
    const url = `http://127.0.0.1:${port}`;
    const beside = options.services ?? sageMakerServices;
    const places = new Places(store, first, (where) => {
      const kernel = kernelOf(where);
      const core = coreServices(kernel, {
        keepMetricsMs: options.keepMetricsMs ?? 3 * 60 * 60 * 1000,
      });
      return {
        kernel,
        services: [...core.services, ...beside(kernel)],
        pages: { ...core.pages, ...monitorPages(kernel) },
      };
    });
    const kernelOf = (where: Where): Core => {
      const { accountId, region } = where;
      const wires = unconnected();
      let fleet: ScalableFleet | undefined;
      const isFirst = accountId === ACCOUNT && region === REGION;
      return {
        store: storeOf(store, where, first),
        objects: objectsOf(objects, where),
        region,
        accountId,
        home: isFirst ? home : makeHome(join(home, 'places', accountId, region)),
        url,
        speed: options.speed ?? 1,
        images: options.images ?? {},
        now: clock.now,
        realMs: clock.realMs,
        random,
        arn: (service, resource) => `arn:aws:${service}:${region}:${accountId}:${resource}`,
        every: (ms, name, tick) => {
          timers.every(ms, name, tick);
        },
        after: (ms, name, work) => {
          timers.after(ms, name, work);
        },
        emit: (event) => {
          wires.emit(event);
        },
        observe: (data) => {
          wires.observe(data);
        },
        publish: (topicArn, message) => wires.publish(topicArn, '', message),
        sendToQueue: (queueArn, body) => wires.sendToQueue(queueArn, body),
        alarmState: (name) => wires.alarmState(name),
        onScale: (owner) => {
          fleet = owner;
        },
        fleet: () => fleet,
        scalableTargets: {
          variantsOf: (endpointName) => wires.scaledVariants(endpointName),
          deregister: (endpointName) => {
            wires.deregisterScaling(endpointName);
          },
        },
        neighbour: (other) => places.known({ accountId: other, region })?.kernel,
        takeFault: (kind, subject) => faults.takeForService(kind, subject),
        wires,
        identities,
        log,
      };
    };
    places.start();
    const { kernel } = places.at(first);
    const runtime =
      options.runtime ?? (options.services === undefined ? handleInvocation : undefined);

    const dispatcher = new Dispatcher({
      kernel,
      faults,
      calls,
      identities,
      places,
      s3: createS3({ objects, now: clock.now }, uploads),
      runtime,
      strict: options.strict ?? false,
      admin: adminPages(ownPages(kernel, faults, calls)),
    });
    server.on('request', (request, response) => {
      void dispatcher.serve(request, response);
    });
    kernel.every(2_000, 'call counts', () => {
      calls.flush();
    });
    kernel.every(30_000, 'replaced objects', () => {
      objects.sweep();
    });

    let closed: Promise<void> | undefined;
    return {
      url,
      kernel,
      close: () => {
        closed ??= closeAll(server, timers, places.services, () => {
          calls.flush();
          store.close();
          unlock();
        });
        return closed;
      },
    };
  } catch (error) {
    for (const step of undo.reverse()) step();
    throw error;
  }
}

async function closeAll(
  server: Server,
  timers: Timers,
  services: readonly Service[],
  finish: () => void,
): Promise<void> {
  timers.stop();
  const ended = new Promise<void>((resolve) => {
    server.close(() => {
      resolve();
    });
  });
  server.closeAllConnections();
  await ended;
  try {
    for (const service of services.toReversed()) await service.close?.();
  } finally {
    finish();
  }
}

/** Empties the state of an earlier run; never a directory that holds something else. */
function makeHome(home: string): string {
  try {
    mkdirSync(home, { recursive: true });
    return realpathSync(home);
  } catch (error) {
    throw new Error(
      `'${home}' cannot be a sandbox's directory (${(error as Error).message}); choose another with --home`,
      { cause: error },
    );
  }
}

function emptyHome(home: string): void {
  const names = readdirSync(home).filter((name) => name !== LOCK_FILE);
  if (names.length > 0 && !names.includes('journal.jsonl')) {
    throw new Error(`${home} is not a sandbox's directory; --fresh does not empty it`);
  }
  for (const name of names) rmSync(join(home, name), { recursive: true, force: true });
}

function ownPages(kernel: Kernel, faults: Faults, calls: Calls): AdminPages {
  return {
    'GET /_sandbox/health': () => ({
      status: 'ok',
      pid: process.pid,
      home: kernel.home,
      speed: kernel.speed,
      region: kernel.region,
      accountId: kernel.accountId,
    }),
    'GET /_sandbox/faults': () => faults.list(),
    'PUT /_sandbox/faults': (body) => faults.replace(body),
    'DELETE /_sandbox/faults': () => {
      faults.clear();
    },
    'GET /_sandbox/calls': () => calls.all(),
    'GET /_sandbox/calls/log': () => calls.logged(),
    'DELETE /_sandbox/calls': () => {
      calls.reset();
    },
  };
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      const taken = 'code' in error && error.code === 'EADDRINUSE';
      reject(
        taken
          ? new Error(`port ${port} is taken on 127.0.0.1; free it, or choose another with --port`)
          : error,
      );
    });
    server.listen(port, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });
}
