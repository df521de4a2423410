import { Argument, type Command } from 'commander';

import { instantInWords } from '../../domain/duration.js';
import type { LedgerEntry } from '../../domain/ledger.js';
import type { LedgerHead } from '../../domain/model.js';
import { ModelkeeperError } from '../errors.js';
import { MODEL_NAME } from '../model-name.js';
import { servedAt } from '../ledger-view.js';
import type { ModelkeeperClient } from '../modelkeeper.js';
import type { ModelPlace } from '../replies.js';
import { command, instantMs, show, type CommonOptions } from './command.js';
import type { CliContext } from './context.js';
import { EXIT, Exit } from './exit.js';
import { entryText } from './render.js';

interface LedgerOptions extends CommonOptions {
  readonly at?: string;
  readonly last: string;
  readonly storage?: string;
  readonly region?: string;
}

/** Options with their texts read. */
interface LedgerRequest extends Omit<LedgerOptions, 'last'> {
  readonly last: number;
  readonly atMs: number | undefined;
}

/** @throws {Exit} */
function entryCount(text: string): number {
  const count = Number(text);
  if (!Number.isSafeInteger(count) || count < 1)
    throw new Exit(EXIT.refused, `'${text}' is not a number of entries`);
  return count;
}

const ACTIONS = ['show', 'verify', 'served'] as const;
type Action = (typeof ACTIONS)[number];

export function addLedgerCommands(program: Command, context: CliContext): void {
  command(
    program,
    'ledger <model>',
    'the record of decisions: show (default), verify, or served --at <time>',
    'ledger flight-delays served --at 2026-03-01T12:00Z',
  )
    .addArgument(new Argument('[action]', 'what to do').choices(ACTIONS).default('show'))
    .option('--at <time>', 'with served: the instant, or a duration ago such as 6h')
    .option('--last <n>', 'with show: how many entries', '20')
    .option('--storage <uri>', "where it lies (default: as the model's policy says)")
    .option('--region <region>', 'AWS Region (default: that of the policy, or AWS_REGION)')
    .action(async (model: string, what: Action, options: LedgerOptions) => {
      if (what === 'served' && options.at === undefined)
        throw new Exit(EXIT.refused, 'served needs a time: --at 2026-03-01T12:00Z');
      if (!MODEL_NAME.test(model))
        throw new Exit(EXIT.notFound, `'${model}' is not the name of a model`);
      if (options.storage !== undefined && !/^s3:\/\/[^/\s]+(\/|$)/.test(options.storage))
        throw new Exit(
          EXIT.refused,
          `'${options.storage}' is not an S3 address such as s3://bucket/prefix/`,
        );
      const last = entryCount(options.last);
      const atMs =
        options.at === undefined ? undefined : instantMs(options.at, context.now(), 'ago');
      await ledger(context, model, what, { ...options, last, atMs });
    });
}

async function ledger(
  context: CliContext,
  model: string,
  action: Action,
  options: LedgerRequest,
): Promise<void> {
  const { place, head } = await whereabouts(context, model, options);
  const account = await context.account(place.region);
  try {
    const entries = await account.ledger(place.storage, model);
    if (entries.length === 0)
      throw new Exit(EXIT.notFound, `there is no ledger of ${model} under ${place.storage}`);
    switch (action) {
      case 'show':
        showEntries(context, entries, options);
        return;
      case 'verify': {
        verify(context, model, entries, account.ledgerFaults(entries, head), head, options);
        return;
      }
      case 'served':
        served(context, entries, options);
        return;
    }
  } finally {
    account.close();
  }
}

/** Storage and Region from the options, else from the keeper; the head the keeper remembers, when it answers. */
async function whereabouts(
  context: CliContext,
  model: string,
  options: LedgerRequest,
): Promise<{
  readonly place: Pick<ModelPlace, 'storage' | 'region'>;
  readonly head: LedgerHead | undefined;
}> {
  const given = options.storage;
  const region = options.region ?? context.env['AWS_REGION'] ?? context.env['AWS_DEFAULT_REGION'];
  let client: ModelkeeperClient;
  try {
    client = await context.connect();
  } catch (error) {
    if (given === undefined || !(error instanceof ModelkeeperError)) throw error;
    return { place: { storage: given, region: region ?? 'us-east-1' }, head: undefined };
  }
  try {
    const [place, head] = await Promise.all([client.place(model), rememberedHead(client, model)]);
    const storage = given ?? place?.storage;
    if (storage === undefined)
      throw new Exit(
        EXIT.notFound,
        `nobody keeps ${model}, so nobody says where its ledger lies: give --storage s3://…`,
      );
    return {
      place: { storage, region: options.region ?? place?.region ?? region ?? 'us-east-1' },
      head,
    };
  } finally {
    await client.close();
  }
}

async function rememberedHead(
  client: ModelkeeperClient,
  model: string,
): Promise<LedgerHead | undefined> {
  try {
    return (await client.status(model)).keeper?.ledgerHead;
  } catch (error) {
    if (error instanceof ModelkeeperError) return undefined;
    throw error;
  }
}

function showEntries(
  context: CliContext,
  entries: readonly LedgerEntry[],
  options: LedgerRequest,
): void {
  const shown = entries.slice(-options.last);
  show(context, options, { entries: shown, total: entries.length }, () =>
    shown.map((entry) => entryText(context.colors, entry)).join('\n'),
  );
}

function verify(
  context: CliContext,
  model: string,
  entries: readonly LedgerEntry[],
  faults: readonly string[],
  head: LedgerHead | undefined,
  options: LedgerRequest,
): void {
  const whole = faults.length === 0;
  show(
    context,
    options,
    { whole, entries: entries.length, faults, headKnown: head !== undefined },
    () =>
      whole
        ? `The ledger of ${model} is whole: ${entries.length} entries, each follows the one before it.${head === undefined ? ' The keeper did not say which entry is its last, so a tail that was cut off would not be seen.' : ` Entry ${head.number} is the one the keeper remembers.`}`
        : [
            context.colors.red(`The ledger of ${model} is not whole:`),
            ...faults.map((fault) => `  ${fault}`),
          ].join('\n'),
  );
  if (!whole) throw new Exit(EXIT.refused, '');
}

function served(
  context: CliContext,
  entries: readonly LedgerEntry[],
  options: LedgerRequest,
): void {
  const atMs = options.atMs ?? context.now();
  const answer = servedAt(entries, atMs);
  show(context, options, { atMs, ...answer }, () =>
    answer.kind === 'not known'
      ? `Not known: ${answer.reason}.`
      : [
          `At ${instantInWords(atMs)} ${context.colors.bold(answer.configName)} served, since ${instantInWords(answer.sinceMs)}.`,
          ...[...answer.letInBy, answer.entry].map((entry) => entryText(context.colors, entry)),
        ].join('\n'),
  );
  if (answer.kind === 'not known') throw new Exit(EXIT.notFound, '');
}
