import type { Command } from 'commander';

import { DURATION_PATTERN, durationMs } from '../../domain/duration.js';
import type { ModelkeeperClient } from '../modelkeeper.js';
import type { Reply, SendOptions } from '../replies.js';
import type { CliContext } from './context.js';
import { EXIT, Exit } from './exit.js';

/** Options every command has. */
export interface CommonOptions {
  readonly json?: true;
  readonly local?: true;
  readonly requestId?: string;
}

/** A command with `--json` and an example in its help. */
export function command(
  parent: Command,
  usage: string,
  description: string,
  example: string,
): Command {
  return parent
    .command(usage)
    .description(description)
    .option('--json', 'print one JSON document instead of text')
    .addHelpText('after', `\nExample:\n  $ modelkeeper ${example}\n`);
}

/** A command that asks a workflow for something: who asks is proven, never typed. */
export function asking(
  parent: Command,
  usage: string,
  description: string,
  example: string,
): Command {
  return command(parent, usage, description, example)
    .option('--reason <text>', 'why; it stands in the ledger', '')
    .option('--local', 'prove who you are by the operating-system user instead of AWS')
    .option('--request-id <id>', 'name the request: repeating it with the same id is harmless');
}

/** Prints the value as JSON, or the text made from it. */
export function show(
  context: CliContext,
  options: { readonly json?: true },
  value: unknown,
  text: () => string,
): void {
  context.out(options.json === true ? JSON.stringify(value, null, 2) : text());
}

/** Runs with a connected client and closes it whatever happens. */
export async function withClient<Result>(
  context: CliContext,
  use: (client: ModelkeeperClient) => Promise<Result>,
): Promise<Result> {
  const client = await context.connect();
  try {
    return await use(client);
  } finally {
    await client.close();
  }
}

export function sendOptions(options: CommonOptions): SendOptions {
  return options.requestId === undefined ? {} : { updateId: options.requestId };
}

/** Prints the workflow's answer; a refusal ends the command with its reason. */
export function showReply<Answer extends { readonly sentence: string }>(
  context: CliContext,
  options: CommonOptions,
  reply: Reply<Answer>,
): Answer {
  if (reply.kind === 'refused') throw new Exit(EXIT.refused, reply.reason);
  show(context, options, { kind: 'done', ...reply.answer }, () => reply.answer.sentence);
  return reply.answer;
}

/** @throws {Exit} for anything that is not a release number */
export function releaseNumber(text: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 1)
    throw new Exit(EXIT.refused, `'${text}' is not a release number`);
  return number;
}

/**
 * `2026-03-01T12:00Z`, `2026-03-01`, or a duration such as `6h`, counted from now in the given direction.
 *
 * @throws {Exit}
 */
export function instantMs(text: string, nowMs: number, direction: 'from now' | 'ago'): number {
  if (DURATION_PATTERN.test(text))
    return direction === 'ago' ? nowMs - durationMs(text) : nowMs + durationMs(text);
  const atMs = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(atMs))
    throw new Exit(
      EXIT.refused,
      `'${text}' is not a time: write 2026-03-01T12:00Z, or a duration such as 6h`,
    );
  return atMs;
}

/** A duration of an option in milliseconds. @throws {Exit} */
export function durationOption(text: string): number {
  if (!DURATION_PATTERN.test(text))
    throw new Exit(EXIT.refused, `'${text}' is not a duration: write 30s, 10m, 6h or 7d`);
  return durationMs(text);
}
