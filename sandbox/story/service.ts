/** What the console's JSON pages say. Only the members the story reads; everything else passes. */

export interface WindowView {
  readonly source: string;
  readonly sourceKind: string;
  readonly fromMs: number;
  readonly toMs: number;
  readonly result: string;
  readonly rows: number;
  readonly sentence: string;
  readonly columns: readonly {
    readonly name: string;
    readonly jsDistance: number | null;
    readonly verdict: string;
  }[];
}

export interface Interval {
  readonly metric: string;
  readonly estimate: number | null;
  readonly lower: number | null;
  readonly upper: number | null;
}

export interface KeeperView {
  readonly verdict: string;
  readonly verdictReasons: readonly string[];
  readonly windows: Readonly<Record<string, readonly WindowView[]>>;
  readonly champion: { readonly configName: string } | null;
  readonly releases: readonly { readonly release: number; readonly stage: string }[];
  readonly lastRelease: {
    readonly release: number;
    readonly result: { readonly kind: string };
    readonly endedAtMs: number;
  } | null;
  readonly awaiting: string | null;
  readonly timeline: readonly { readonly atMs: number; readonly what: string }[];
}

export interface ReleaseStatusView {
  readonly release: number;
  readonly stage: string;
  readonly trigger: {
    readonly kind: string;
    readonly reasons: readonly string[];
    readonly windows: readonly WindowView[];
  };
  readonly executionArn: string | null;
  readonly packageArn: string | null;
  readonly configName: string | null;
  readonly championConfigName: string | null;
  readonly evaluation: {
    readonly verdict: string;
    readonly rows: number;
    readonly champion: readonly Interval[];
    readonly candidate: readonly Interval[];
    readonly gates: readonly {
      readonly id: string;
      readonly verdict: string;
      readonly reason: string;
    }[];
    readonly reportUri: string;
  } | null;
  readonly request: {
    readonly digest: string;
    readonly expiresAtMs: number;
    readonly approvalsNeeded: number;
  } | null;
  readonly decisions: readonly {
    readonly person: string;
    readonly door: string;
    readonly verdict: string;
    readonly reason: string;
    readonly atMs: number;
    readonly proof: unknown;
  }[];
  readonly rollout: readonly { readonly atMs: number; readonly what: string }[];
  readonly timeline: readonly { readonly atMs: number; readonly what: string }[];
  readonly result: {
    readonly kind: string;
    readonly reason?: string;
    readonly configName?: string | null;
    readonly packageArn?: string;
  } | null;
}

const READ_WITHIN_MS = 8_000;

/** Reads the console as a browser would. `undefined` while it cannot answer. */
export class Service {
  constructor(
    readonly consoleUrl: string,
    readonly model: string,
  ) {}

  async keeper(): Promise<KeeperView | undefined> {
    const page = await this.read<{ model: { keeper: KeeperView | null } }>(`/models/${this.model}`);
    return page?.model.keeper ?? undefined;
  }

  async release(number: number): Promise<ReleaseStatusView | undefined> {
    const page = await this.read<{ status: ReleaseStatusView | null }>(
      `/models/${this.model}/releases/${String(number)}`,
    );
    return page?.status ?? undefined;
  }

  /** What a slow activity of the release said at its last look. */
  async waitingFor(number: number): Promise<string | undefined> {
    const page = await this.read<{
      pending: readonly { benign: boolean; lastFailure: string | null }[];
    }>(`/models/${this.model}/releases/${String(number)}`);
    return page?.pending.find(({ lastFailure }) => lastFailure !== null)?.lastFailure ?? undefined;
  }

  async answers(): Promise<boolean> {
    return (await this.read('/healthz')) !== undefined;
  }

  private async read<T>(path: string): Promise<T | undefined> {
    try {
      const response = await fetch(`${this.consoleUrl}${path}?format=json`, {
        signal: AbortSignal.timeout(READ_WITHIN_MS),
      });
      return response.ok ? ((await response.json()) as T) : undefined;
    } catch {
      return undefined;
    }
  }
}
