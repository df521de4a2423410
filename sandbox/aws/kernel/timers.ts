import type { Clock } from './clock.js';

/** Repeats work until `stop`: each tick starts `ms` after the one before has ended. Errors are logged. */
export class Timers {
  private readonly timers = new Set<NodeJS.Timeout>();
  private stopped = false;

  constructor(
    private readonly log: (line: string) => void,
    private readonly clock: Clock,
  ) {}

  every(ms: number, name: string, tick: () => void | Promise<void>): void {
    this.after(ms, name, async () => {
      try {
        await tick();
      } finally {
        this.every(ms, name, tick);
      }
    });
  }

  after(ms: number, name: string, work: () => void | Promise<void>): void {
    if (this.stopped) return;
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      this.run(name, work).catch(() => undefined);
    }, this.clock.realMs(ms));
    this.timers.add(timer);
  }

  stop(): void {
    this.stopped = true;
    for (const timer of this.timers) clearTimeout(timer);
    this.timers.clear();
  }

  private async run(name: string, work: () => void | Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!this.stopped)
        this.log(
          `${name}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
        );
    }
  }
}
