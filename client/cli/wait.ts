import { inWords } from '../../domain/duration.js';
import type { ReleaseStatus } from '../../domain/status.js';
import { ModelkeeperError } from '../errors.js';
import type { ModelkeeperClient } from '../modelkeeper.js';
import type { CliContext } from './context.js';
import { EXIT, Exit } from './exit.js';
import { plain, resultText } from './render.js';

const POLL_MS = 2_000;
/** A worker that restarts, or a server that moves, is not the end of a long wait. */
const TROUBLE_MS = 120_000;

export interface Wait {
  /** Until it asks for approval (or ends), or until its end. */
  readonly until: 'approval' | 'end';
  readonly timeoutMs: number;
}

/**
 * Follows a release, telling each change on standard error. Stopping to watch stops nothing.
 *
 * @throws {Exit} 5 when the time is up, 6 when the release ended without being promoted
 */
export async function watchRelease(
  context: CliContext,
  client: ModelkeeperClient,
  model: string,
  release: number,
  { until, timeoutMs }: Wait,
): Promise<void> {
  const startMs = context.now();
  let told = '';
  let answeredAtMs = startMs;
  for (;;) {
    const status = await readStatus(client, model, release);
    if (status !== null) {
      answeredAtMs = context.now();
      const line = progressLine(status);
      if (line !== told) {
        told = line;
        context.err(`${inWords(context.now() - startMs).padStart(12)}  ${line}`);
      }
      if (status.result !== null) {
        conclude(status.result);
        return;
      }
      if (until === 'approval' && status.stage === 'approve') return;
    } else if (context.now() - answeredAtMs > TROUBLE_MS) {
      throw new Exit(EXIT.unreachable, `release ${release} of ${model} does not answer any more`);
    }
    if (context.now() - startMs + POLL_MS > timeoutMs)
      throw new Exit(
        EXIT.timedOut,
        `release ${release} of ${model} goes on, but ${inWords(timeoutMs)} are over: modelkeeper status ${model}`,
      );
    await context.sleep(POLL_MS);
  }
}

async function readStatus(
  client: ModelkeeperClient,
  model: string,
  release: number,
): Promise<ReleaseStatus | null> {
  try {
    return (await client.releaseStatus(model, release)).status;
  } catch (error) {
    if (error instanceof ModelkeeperError && error.code !== 'not-found') return null;
    throw error;
  }
}

function progressLine(status: ReleaseStatus): string {
  if (status.result !== null) return resultText(status.result);
  const last = status.rollout.at(-1);
  const rollout = status.stage === 'deploy' && last !== undefined ? ` (${plain(last.what)})` : '';
  return `${status.stage}${status.awaiting === null ? '' : `: waits for ${plain(status.awaiting)}`}${rollout}`;
}

function conclude(result: NonNullable<ReleaseStatus['result']>): void {
  if (result.kind !== 'promoted') throw new Exit(EXIT.endedOtherwise, resultText(result));
}
