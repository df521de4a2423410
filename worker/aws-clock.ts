/** What time it is for AWS: its own stamps on captured inputs, metrics and endpoints are what windows are cut by. */

/** Below this a difference may be the network's, and matters to no window. */
const TOLERANCE_MS = 10_000;
/** The header tells seconds. */
const RESOLUTION_MS = 1_000;

/** What is used of a client of the SDK. */
export interface Answering {
  readonly middlewareStack: {
    add(
      middleware: (next: (args: never) => Promise<unknown>) => (args: never) => Promise<unknown>,
      options: {
        readonly step: 'deserialize';
        readonly name: string;
        readonly override: true;
      },
    ): void;
  };
}

/**
 * The time of this machine, corrected by AWS's where the two differ by more than ten seconds.
 *
 * A machine whose clock is ahead would otherwise judge windows before their data is there, and one that is behind
 * would judge them late and cut them off.
 */
export class AwsClock {
  private offsetMs = 0;

  /**
   * @param changed told when a difference is found (ahead of AWS: positive), and with 0 when it is gone
   * @param local epoch milliseconds of this machine
   */
  constructor(
    private readonly changed: (aheadMs: number) => void,
    private readonly local: () => number = Date.now,
  ) {}

  /** Epoch milliseconds. */
  readonly now = (): number => this.local() - this.offsetMs;

  /** Reads the date of every answer of a client, also of refusals. */
  watch(client: Answering): void {
    client.middlewareStack.add(
      (next) => async (args) => {
        const sentAtMs = this.local();
        try {
          const result = await next(args);
          this.take(result, sentAtMs);
          return result;
        } catch (error) {
          this.take(error, sentAtMs);
          throw error;
        }
      },
      { step: 'deserialize', name: 'modelkeeperAwsClock', override: true },
    );
  }

  private take(answer: unknown, sentAtMs: number): void {
    const dateMs = dateOf(answer);
    if (dateMs === undefined) return;
    // AWS wrote its date at some time between our sending and our receiving.
    const least = sentAtMs - (dateMs + RESOLUTION_MS);
    const most = this.local() - dateMs;
    const differs = least > TOLERANCE_MS || most < -TOLERANCE_MS;
    const aheadMs = differs ? Math.round((least + most) / 2) : 0;
    if (Math.abs(aheadMs - this.offsetMs) <= TOLERANCE_MS) return;
    this.offsetMs = aheadMs;
    this.changed(aheadMs);
  }
}

function dateOf(answer: unknown): number | undefined {
  if (typeof answer !== 'object' || answer === null) return undefined;
  const response: unknown =
    'response' in answer ? answer.response : '$response' in answer ? answer.$response : undefined;
  if (typeof response !== 'object' || response === null || !('headers' in response))
    return undefined;
  const headers = response.headers as Readonly<Record<string, string | undefined>>;
  const dateMs = Date.parse(headers['date'] ?? '');
  return Number.isNaN(dateMs) ? undefined : dateMs;
}
