/** Tells what happens in short lines, each once, from what the service itself says. */
import type { Interval, KeeperView, ReleaseStatusView, Service } from './service.js';

export interface Narrator {
  say(line: string): void;
}

/** `[  12.3 s] line`. */
export function narrator(startedAtMs: number, write: (text: string) => void): Narrator {
  return {
    say(line) {
      const seconds = ((Date.now() - startedAtMs) / 1_000).toFixed(1).padStart(6);
      write(`[${seconds} s] ${line}\n`);
    },
  };
}

const number = (value: number | null | undefined): string =>
  value == null ? '–' : value.toFixed(3);
const interval = (metric: Interval | undefined): string =>
  metric === undefined
    ? 'none'
    : `${number(metric.estimate)} (${number(metric.lower)} to ${number(metric.upper)})`;

/** Follows the service's own words and repeats the ones that matter to people. */
export class Follower {
  private readonly told = new Set<string>();
  private verdict: string | undefined;
  /** Everything the service has shown, for the written story. */
  keeper: KeeperView | undefined;
  readonly releases = new Map<number, ReleaseStatusView>();

  constructor(
    private readonly service: Service,
    private readonly narrator: Narrator,
  ) {}

  async look(): Promise<void> {
    const keeper = await this.service.keeper();
    if (keeper === undefined) return;
    this.keeper = keeper;
    for (const windows of Object.values(keeper.windows)) {
      for (const window of windows)
        this.once(`window/${window.source}/${String(window.fromMs)}`, window.sentence);
    }
    if (keeper.verdict !== this.verdict) {
      this.verdict = keeper.verdict;
      this.narrator.say(
        `verdict: ${keeper.verdict.toUpperCase()}${keeper.verdictReasons[0] === undefined ? '' : `: ${keeper.verdictReasons[0]}`}`,
      );
    }
    const numbers = new Set([
      ...keeper.releases.map(({ release }) => release),
      ...(keeper.lastRelease === null ? [] : [keeper.lastRelease.release]),
    ]);
    for (const release of numbers) await this.follow(release);
  }

  private async follow(release: number): Promise<void> {
    const status = await this.service.release(release);
    if (status === undefined) return;
    this.releases.set(release, status);
    const doing = await this.service.waitingFor(release);
    if (doing !== undefined)
      this.once(`doing/${String(release)}/${doing}`, `release ${String(release)}: ${doing}`);
    for (const entry of [...status.timeline, ...status.rollout].sort((a, b) => a.atMs - b.atMs)) {
      this.once(
        `release/${String(release)}/${String(entry.atMs)}/${entry.what}`,
        `release ${String(release)}: ${entry.what}`,
      );
    }
    const { evaluation, request } = status;
    if (evaluation !== null && request !== null) {
      this.once(`evaluation/${request.digest}`, this.question(status));
    }
  }

  private question(status: ReleaseStatusView): string {
    const { evaluation } = status;
    const metric = evaluation?.candidate[0];
    const champion = evaluation?.champion.find(({ metric: name }) => name === metric?.metric);
    return `release ${String(status.release)}: ${metric?.metric ?? 'metric'} of candidate ${interval(metric)}, champion ${interval(champion)}, on ${String(evaluation?.rows ?? 0)} flights neither was trained on`;
  }

  private once(key: string, line: string): void {
    if (this.told.has(key)) return;
    this.told.add(key);
    this.narrator.say(line);
  }
}
