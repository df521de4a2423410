/** `modelkeeper story`: the whole service on one machine, and the flights story told while it runs. */
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { fileURLToPath } from 'node:url';

import { parseDocument } from 'yaml';

import { startTemporal } from '../temporal/server.js';
import type { TemporalServer } from '../temporal/server.js';
import { binary, supervise } from './children.js';
import type { Supervised } from './children.js';
import { bringUpFirstModel, BUCKET, companyAws, furnish, MODEL, REGION } from './company.js';
import { Flights, WEEK_MS } from './flights.js';
import { keepToThisMachine } from './environment.js';
import { Home, PORTS, StoryError } from './home.js';
import type { Ports, StoryState } from './home.js';
import { Follower, narrator } from './narrator.js';
import type { Narrator } from './narrator.js';
import { readOptions } from './options.js';
import type { StoryOptions } from './options.js';
import { writeReport } from './report.js';
import { Service } from './service.js';
import { Traffic } from './traffic.js';

const LOOK_EVERY_MS = 1_000;
/** Quiet windows at home before the hubs open, and the longest wait for them. */
const HOME_WEEKS = 2;
const HOME_AT_MOST_MS = 60_000;
const CREDENTIALS = { accessKeyId: 'flights-story', secretAccessKey: 'not-a-secret' };

export async function main(argv: readonly string[]): Promise<void> {
  const options = readOptions(argv);
  const home = new Home(options.home);
  const cluster = keepToThisMachine(process.env, home.path);
  try {
    await home.take(options.fresh);
  } catch (error) {
    home.leave();
    fail(error);
    return;
  }
  const story = new Story(options, home, cluster);
  const stop = (signal: NodeJS.Signals): void => {
    story.stop(signal === 'SIGINT' ? 'stopping' : `stopping on ${signal}`);
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  process.on('SIGHUP', stop);
  // `npm start | head`, or a terminal that is gone: nobody reads on.
  process.stdout.on('error', () => {
    story.stop('stopping: nobody reads this any more');
  });
  try {
    process.exitCode = await story.run();
  } catch (error) {
    fail(error);
  } finally {
    await story.close();
    home.leave();
  }
}

function fail(error: unknown): void {
  process.stderr.write(`${inWords(error)}\n`);
  if (process.env['DEBUG'] !== undefined && error instanceof Error)
    process.stderr.write(`${error.stack ?? ''}\n`);
  process.exitCode = 1;
}

function inWords(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if ('code' in error && error.code === 'ENOSPC')
    return `the disk is full (${error.message}): make room and start again; it goes on where it was`;
  return error.message;
}

class Stopped extends Error {
  constructor(
    why: string,
    /** A part of the service cannot go on; nobody asked for the end. */
    readonly failed: boolean,
  ) {
    super(why);
  }
}

class Story {
  private readonly narrator: Narrator;
  private readonly stopping = new AbortController();
  private parts: Supervised[] = [];
  private temporal: TemporalServer | undefined;
  private traffic: Traffic | undefined;
  private readonly startedAtMs = Date.now();

  constructor(
    private readonly options: StoryOptions,
    private readonly home: Home,
    /** The address of a Temporal that runs already; without one, one is embedded. */
    private readonly cluster: string | undefined,
  ) {
    this.narrator = narrator(this.startedAtMs, (text) => process.stdout.write(text));
  }

  stop(why: string, failed = false): void {
    if (this.stopping.signal.aborted) return;
    this.say(why);
    this.stopping.abort(new Stopped(why, failed));
  }

  private say(line: string): void {
    this.narrator.say(line);
  }

  private pause(ms: number): Promise<void> {
    const { signal } = this.stopping;
    signal.throwIfAborted();
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      }, ms);
      const onAbort = (): void => {
        clearTimeout(timer);
        reject(signal.reason as Error);
      };
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }

  /** @returns the exit code */
  async run(): Promise<number> {
    try {
      return await this.tell();
    } catch (error) {
      if (!(error instanceof Stopped)) throw error;
      if (error.failed) return 1;
      return this.options.unattended ? 130 : 0;
    }
  }

  private async tell(): Promise<number> {
    const used = PORTS.filter(
      (port) => this.cluster === undefined || (port !== 'temporal' && port !== 'webUi'),
    );
    let state = await this.home.readOrCreate(this.options.ports, used);
    const { ports } = state;
    const webUi = this.webUi(ports);
    const service = new Service(`http://127.0.0.1:${String(ports.console)}`, MODEL);
    await this.startServers(ports);
    const aws = companyAws(`http://127.0.0.1:${String(ports.aws)}`, CREDENTIALS);
    const flights = new Flights(this.home.file('data'));
    const [company] = await Promise.all([furnish(aws), flights.prepare()]);
    const environment = this.environment(ports, company.queueUrl);
    this.home.announce(environment);
    this.startService(environment, ports);
    this.say(`console           ${service.consoleUrl}`);
    this.say(`Temporal Web UI   ${webUi ?? `of ${this.cluster ?? ''}`}`);
    this.say(`messages to people  http://127.0.0.1:${String(ports.aws)}/_sandbox/outbox`);

    if (state.weekZeroAtMs === null) {
      // Weeks are aligned to the clock, so that they are the policy's windows.
      state = { ...state, weekZeroAtMs: (Math.floor(Date.now() / WEEK_MS) + 1) * WEEK_MS };
      this.home.save(state);
    }
    const weekZeroAtMs = state.weekZeroAtMs ?? 0;
    await bringUpFirstModel(
      aws,
      flights,
      weekZeroAtMs,
      (line) => {
        this.say(line);
      },
      (ms) => this.pause(ms),
    );
    mkdirSync(this.home.file('scratch'), { recursive: true });
    this.traffic = new Traffic({
      endpoint: `http://127.0.0.1:${String(ports.aws)}`,
      credentials: CREDENTIALS,
      aws,
      flights,
      weekZeroAtMs,
      hubsOpenAtMs: () => state.hubsOpenAtMs,
      scratch: this.home.file('scratch'),
      troubled: (line) => {
        this.say(line);
      },
    });
    this.traffic.start();
    await this.applyPolicy(environment);

    const trafficSinceMs = Date.now();
    const follower = new Follower(service, this.narrator);
    const deadlineMs = this.startedAtMs + this.options.timeoutSeconds * 1_000;
    let asked: string | undefined;
    for (;;) {
      await follower.look();
      state = this.openHubs(state, follower, trafficSinceMs);
      asked = await this.ask(follower, service, environment, asked);
      const ended = this.options.unattended ? follower.keeper?.lastRelease : undefined;
      if (ended != null) return this.finish(follower, aws, service, ports, ended.release);
      if (this.options.unattended && Date.now() > deadlineMs) {
        this.say(
          `not over after ${String(this.options.timeoutSeconds)} s; the logs are in ${this.home.file('logs')}`,
        );
        return 1;
      }
      await this.pause(LOOK_EVERY_MS);
    }
  }

  /** Where the Web UI is; of somebody else's Temporal only if they say so. */
  private webUi(ports: Ports): string | undefined {
    return this.cluster === undefined
      ? `http://127.0.0.1:${String(ports.webUi)}`
      : process.env['MODELKEEPER_WEB_UI'];
  }

  private environment(ports: Ports, queueUrl: string): Record<string, string> {
    const webUi = this.webUi(ports);
    return {
      TEMPORAL_ADDRESS: this.cluster ?? `127.0.0.1:${String(ports.temporal)}`,
      AWS_ENDPOINT_URL: `http://127.0.0.1:${String(ports.aws)}`,
      AWS_REGION: REGION,
      AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
      AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
      MODELKEEPER_EVENTS_QUEUE_URL: queueUrl,
      MODELKEEPER_CONSOLE_URL: `http://127.0.0.1:${String(ports.console)}`,
      ...(webUi === undefined ? {} : { MODELKEEPER_WEB_UI: webUi }),
      MODELKEEPER_SCRATCH: this.home.file('scratch'),
    };
  }

  private async startServers(ports: Ports): Promise<void> {
    const cli = process.env['MODELKEEPER_TEMPORAL_CLI'] ?? '';
    if (cli === '' && this.cluster === undefined)
      throw new StoryError('MODELKEEPER_TEMPORAL_CLI is not set: start the story with npm start');
    this.supervise({
      name: 'local AWS',
      args: [
        'sandbox',
        '--port',
        String(ports.aws),
        '--home',
        this.home.file('aws'),
        '--speed',
        String(this.options.speed),
      ],
      env: {},
      logFile: this.home.file('logs', 'aws.log'),
    });
    if (this.cluster === undefined) await this.keepTemporal(cli, ports);
    await this.reachable(`http://127.0.0.1:${String(ports.aws)}/_sandbox/health`, 'the local AWS');
  }

  /** Temporal is started again when it dies; what it had promised is in its file. */
  private async keepTemporal(cli: string, ports: Ports): Promise<void> {
    const server = await startTemporal({
      cli,
      dbFile: this.home.file('temporal.db'),
      port: ports.temporal,
      uiPort: ports.webUi,
      logFile: this.home.file('logs', 'temporal.log'),
    });
    this.temporal = server;
    this.home.started('Temporal', server.pid);
    void server.ended.then((sentence) => {
      if (this.stopping.signal.aborted) return;
      this.say(`Temporal: ${sentence}; it is started again`);
      this.keepTemporal(cli, ports).catch((error: unknown) => {
        this.stop(this.home.isFull() ? this.why('') : inWords(error), true);
      });
    });
  }

  private startService(environment: Record<string, string>, ports: Ports): void {
    const part = (
      name: string,
      args: readonly string[],
      env: Record<string, string> = {},
    ): void => {
      this.supervise({
        name,
        args,
        env: { ...environment, ...env },
        logFile: this.home.file('logs', `${name}.log`),
      });
    };
    part('console', ['console', '--port', String(ports.console)]);
    part('worker', ['worker']);
    part('bridge', ['bridge', '--port', String(ports.bridge)]);
  }

  private supervise(part: Omit<Parameters<typeof supervise>[0], 'started'>): void {
    const started = (pid: number): void => {
      this.home.started(part.name, pid);
    };
    this.parts.push(
      supervise({ ...part, started }, (sentence, givenUp) => {
        this.say(sentence);
        if (givenUp) this.stop(`${part.name} does not stay up: ${this.why(part.logFile)}`, true);
      }),
    );
  }

  private why(logFile: string): string {
    return this.home.isFull()
      ? `the disk that holds ${this.home.path} is full: make room and start again; it goes on where it was`
      : lastLines(logFile);
  }

  private async reachable(url: string, what: string): Promise<void> {
    for (let tries = 0; tries < 300; tries += 1) {
      const answer = await fetch(url, { signal: AbortSignal.timeout(1_000) }).catch(
        () => undefined,
      );
      if (answer?.ok === true) return;
      await this.pause(100);
    }
    throw new StoryError(
      `${what} does not answer at ${url}; its log is in ${this.home.file('logs')}`,
    );
  }

  /** The example policy, with the person at this machine as its approver. */
  private async applyPolicy(environment: Record<string, string>): Promise<void> {
    const example = new URL('../../../examples/flights.policy.yaml', import.meta.url);
    const document = parseDocument(readFileSync(fileURLToPath(example), 'utf8'));
    document.setIn(['spec', 'people', 'ada@example.com'], [`os:${userInfo().username}`]);
    const file = this.home.file('flights.policy.yaml');
    writeFileSync(file, String(document));
    for (let tries = 1; ; tries += 1) {
      const { code, output } = await this.command(['apply', file, '--local'], environment);
      if (code === 0) {
        this.say('modelkeeper keeps the model now: policy examples/flights.policy.yaml is applied');
        return;
      }
      if (tries >= 10) throw new StoryError(`the policy could not be applied:\n${output}`);
      await this.pause(1_000);
    }
  }

  private command(
    args: readonly string[],
    environment: Record<string, string>,
  ): Promise<{ code: number; output: string }> {
    return new Promise((resolve, reject) => {
      const child = spawn(process.execPath, [binary(), ...args], {
        env: { ...process.env, ...environment },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let output = '';
      child.stdout.on('data', (text: Buffer) => (output += text.toString()));
      child.stderr.on('data', (text: Buffer) => (output += text.toString()));
      child.once('error', reject);
      child.once('exit', (code) => {
        resolve({ code: code ?? 1, output });
      });
    });
  }

  /** After two quiet weeks at home the airline opens its eastern hubs. */
  private openHubs(state: StoryState, follower: Follower, trafficSinceMs: number): StoryState {
    if (state.hubsOpenAtMs !== null) return state;
    const quiet = follower.keeper?.verdict === 'healthy';
    const waited = Date.now() - trafficSinceMs;
    if (!(quiet && waited > HOME_WEEKS * WEEK_MS) && waited < HOME_AT_MOST_MS) return state;
    const next = { ...state, hubsOpenAtMs: (Math.floor(Date.now() / WEEK_MS) + 1) * WEEK_MS };
    this.home.save(next);
    this.say(
      'the airline opens its eastern hubs: other airports, shorter flights, another weather',
    );
    return next;
  }

  /** Shows people where to decide; unattended, another process decides. */
  private async ask(
    follower: Follower,
    service: Service,
    environment: Record<string, string>,
    asked: string | undefined,
  ): Promise<string | undefined> {
    const waiting = [...follower.releases.values()].find(
      ({ stage, request }) => stage === 'approve' && request !== null,
    );
    const digest = waiting?.request?.digest;
    if (waiting === undefined || digest === undefined || digest === asked) return asked;
    const path = `/models/${MODEL}/releases/${String(waiting.release)}/approve`;
    this.say(`a person is asked: ${service.consoleUrl}${path}`);
    this.say(`                or: npx modelkeeper approve ${MODEL}`);
    if (!this.options.unattended) return digest;
    const args = [
      'approve',
      MODEL,
      '--release',
      String(waiting.release),
      '--digest',
      digest,
      '--yes',
      '--local',
      '--reason',
      'the interval of the candidate lies above the champion',
    ];
    const { code, output } = await this.command(args, environment);
    this.say(
      code === 0 ? 'approved from another process' : `the approval was not taken: ${output.trim()}`,
    );
    return code === 0 ? digest : asked;
  }

  private async finish(
    follower: Follower,
    aws: ReturnType<typeof companyAws>,
    service: Service,
    ports: Ports,
    release: number,
  ): Promise<number> {
    await follower.look();
    const report = await writeReport({
      path: this.home.file('story.json'),
      aws,
      follower,
      release,
      sinceMs: this.startedAtMs,
      traffic: this.traffic?.counts() ?? { sent: 0, failed: 0, labelled: 0 },
      addresses: {
        console: service.consoleUrl,
        webUi: this.webUi(ports) ?? 'unknown',
        aws: `http://127.0.0.1:${String(ports.aws)}`,
        artefacts: `s3://${BUCKET}`,
      },
      seconds: (Date.now() - this.startedAtMs) / 1_000,
    });
    for (const line of report.lines) this.say(line);
    this.say(`written to ${this.home.file('story.json')}`);
    return report.promoted ? 0 : 1;
  }

  async close(): Promise<void> {
    this.stopping.abort(new Stopped('closing', false));
    await this.traffic?.stop();
    // Those who use the servers first, the servers last.
    const users = this.parts.filter(({ name }) => name !== 'local AWS');
    const servers = this.parts.filter(({ name }) => name === 'local AWS');
    await Promise.all(users.map((part) => part.stop()));
    await Promise.all([...servers.map((part) => part.stop()), this.temporal?.stop()]);
  }
}

function lastLines(path: string): string {
  try {
    // Every attempt says the same: once is enough.
    const lines = readFileSync(path, 'utf8').trim().split('\n').slice(-3);
    return [...new Set(lines)].join('\n');
  } catch {
    return `see ${path}`;
  }
}
