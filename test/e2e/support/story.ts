/** The flights story as somebody at the terminal starts it, and as its console shows it. */
import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import type { ApprovalRequest, KeeperStatus, ReleaseStatus } from '../../../domain/status.js';
import { awsAt } from './aws.js';
import { marked, run, start, temporalCli, until } from './processes.js';
import type { Ended, Process, Running } from './processes.js';

export const MODEL = 'flight-delays';

interface Pending {
  readonly activity: string;
  readonly lastFailure: string | null;
  readonly benign: boolean;
}

/** What the console says as JSON. `undefined` where it cannot answer. */
export function consoleAt(url: string) {
  const page = async <T>(path: string): Promise<T | undefined> => {
    try {
      const answer = await fetch(`${url}${path}?format=json`, {
        signal: AbortSignal.timeout(8_000),
      });
      return answer.ok ? ((await answer.json()) as T) : undefined;
    } catch {
      return undefined;
    }
  };
  return {
    url,
    answers: async (): Promise<boolean> => (await page('/healthz')) !== undefined,
    keeper: async (model = MODEL): Promise<KeeperStatus | undefined> =>
      (await page<{ model: { keeper: KeeperStatus | null } }>(`/models/${model}`))?.model.keeper ??
      undefined,
    pending: async (model: string, release?: number): Promise<readonly Pending[]> =>
      release === undefined
        ? ((await page<{ model: { pending: readonly Pending[] } }>(`/models/${model}`))?.model
            .pending ?? [])
        : ((
            await page<{ pending: readonly Pending[] }>(
              `/models/${model}/releases/${String(release)}`,
            )
          )?.pending ?? []),
    release: async (release: number, model = MODEL): Promise<ReleaseStatus | undefined> =>
      (await page<{ status: ReleaseStatus | null }>(`/models/${model}/releases/${String(release)}`))
        ?.status ?? undefined,
    request: async (release: number, model = MODEL): Promise<ApprovalRequest | undefined> =>
      (
        await page<{ request: ApprovalRequest | null }>(
          `/models/${model}/releases/${String(release)}/approve`,
        )
      )?.request ?? undefined,
  };
}

export type Console = ReturnType<typeof consoleAt>;

interface Ports {
  readonly temporal: number;
  readonly webUi: number;
  readonly aws: number;
  readonly console: number;
}

export class StoryRun {
  readonly mark = randomUUID();
  private running: Running | undefined;

  constructor(
    readonly home: string,
    private readonly args: readonly string[],
    private readonly env: Readonly<Record<string, string>> = {},
  ) {}

  start(): void {
    this.running = start(['story', '--home', this.home, ...this.args], {
      mark: this.mark,
      env: { MODELKEEPER_TEMPORAL_CLI: temporalCli(), TEMPORAL_ADDRESS: '', ...this.env },
    });
  }

  private get process(): Running {
    if (this.running === undefined) throw new Error('the story has not been started');
    return this.running;
  }

  get ended(): Promise<Ended> {
    return this.process.ended;
  }

  /** The same, unless the story ends meanwhile. */
  async meanwhile<T>(work: Promise<T>): Promise<T> {
    const ended = this.ended.then(({ output }) => {
      throw new Error(`the story has ended:\n${output}`);
    });
    return Promise.race([work, ended]);
  }

  output(): string {
    return this.process.output();
  }

  signal(signal: NodeJS.Signals): void {
    this.process.signal(signal);
  }

  /** Where its servers are; chosen once, kept over restarts. */
  async ports(): Promise<Ports> {
    return until('the story has chosen its ports', 30_000, () => {
      const path = join(this.home, 'state.json');
      if (!existsSync(path)) return undefined;
      return (JSON.parse(readFileSync(path, 'utf8')) as { ports: Ports }).ports;
    });
  }

  async console(): Promise<Console> {
    return consoleAt(`http://127.0.0.1:${String((await this.ports()).console)}`);
  }

  async aws() {
    return awsAt(`http://127.0.0.1:${String((await this.ports()).aws)}`);
  }

  /** Runs a command of the product against the servers of this story. */
  async command(...args: readonly string[]): Promise<Ended> {
    const { environment } = JSON.parse(
      readFileSync(join(this.home, 'environment.json'), 'utf8'),
    ) as { environment: Record<string, string> };
    return run(args, { env: environment });
  }

  /** Everything it has started and that lives, itself included. */
  processes(): readonly Process[] {
    return marked(this.mark);
  }

  /** Ends what is left, whatever became of the test. */
  async end(): Promise<void> {
    if (this.running === undefined) return;
    this.running.signal('SIGTERM');
    const timer = setTimeout(() => {
      for (const { pid } of this.processes()) process.kill(pid, 'SIGKILL');
    }, 40_000);
    await this.running.ended;
    clearTimeout(timer);
    for (const { pid } of this.processes()) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // it has ended meanwhile
      }
    }
  }
}
