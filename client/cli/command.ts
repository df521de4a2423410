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
  context.out(options.json === true ? jsonText(value) : text());
}

/** JSON that no terminal obeys: what JSON leaves alone of controls and of marks that turn the writing is escaped too. */
export function jsonText(value: unknown): string {
  return JSON.stringify(value, null, 2).replaceAll(
    /[\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
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

/** @throws {Exit} for an id that Temporal would not take, or that names nothing */
export function sendOptions(options: CommonOptions): SendOptions {
  const { requestId } = options;
  if (requestId === undefined) return {};
  if (!/^[\w.:/@+=-]{1,200}$/.test(requestId))
    throw new Exit(
      EXIT.refused,
      `'${requestId.slice(0, 40)}' cannot name a request: write 1 to 200 letters, digits and . : / @ + = - _`,
    );
  return { updateId: requestId };
}

/** The answer; a refusal ends the command with its reason. */
export function answerIn<Answer>(reply: Reply<Answer>): Answer {
  if (reply.kind === 'refused') throw new Exit(EXIT.refused, reply.reason);
  return reply.answer;
}

/** Prints the workflow's answer; a refusal ends the command with its reason. */
export function showReply<Answer extends { readonly sentence: string }>(
  context: CliContext,
  options: CommonOptions,
  reply: Reply<Answer>,
): Answer {
  const answer = answerIn(reply);
  show(context, options, { kind: 'done', ...answer }, () => answer.sentence);
  return answer;
}

/**
 * Prints the workflow's answer and waits. With `--json` the one document comes after the wait: the answer, or why
 * the wait ended otherwise.
 */
export async function showReplyAndWait<Answer extends { readonly sentence: string }>(
  context: CliContext,
  options: CommonOptions,
  reply: Reply<Answer>,
  wait: (answer: Answer) => Promise<void>,
): Promise<void> {
  const answer = answerIn(reply);
  if (options.json === true) context.err(answer.sentence);
  else context.out(answer.sentence);
  await wait(answer);
  if (options.json === true) show(context, options, { kind: 'done', ...answer }, () => '');
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
  const atMs = ISO_TIME.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(atMs) || !isOnCalendar(text))
    throw new Exit(
      EXIT.refused,
      `'${text}' is not a time: write 2026-03-01T12:00Z, or a duration such as 6h`,
    );
  return atMs;
}

const ISO_TIME = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2})?)?$/;

/** `Date.parse` takes 31 February for 3 March. */
function isOnCalendar(text: string): boolean {
  const day = text.slice(0, 10);
  const dayMs = Date.parse(day);
  return !Number.isNaN(dayMs) && new Date(dayMs).toISOString().startsWith(day);
}

/** A duration of an option in milliseconds. @throws {Exit} */
export function durationOption(text: string): number {
  if (!DURATION_PATTERN.test(text))
    throw new Exit(EXIT.refused, `'${text}' is not a duration: write 30s, 10m, 6h or 7d`);
  return durationMs(text);
}
