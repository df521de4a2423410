import type { Command } from 'commander';

import { ModelkeeperError } from '../errors.js';
import type { ModelkeeperClient } from '../modelkeeper.js';
import type { ReleaseView } from '../replies.js';
import {
  answerIn,
  asking,
  command,
  durationOption,
  instantMs,
  releaseNumber,
  sendOptions,
  show,
  showReply,
  showReplyAndWait,
  withClient,
  type CommonOptions,
} from './command.js';
import type { CliContext } from './context.js';
import { EXIT, Exit } from './exit.js';
import { disagreementRows, listText, releaseText, statusText, whyText } from './render.js';
import { watchRelease } from './wait.js';

interface AskOptions extends CommonOptions {
  readonly reason: string;
}

export function addModelCommands(program: Command, context: CliContext): void {
  command(program, 'list', 'the models that are kept', 'list').action(
    async (options: CommonOptions) => {
      await withClient(context, async (client) => {
        const lines = await client.list();
        show(context, options, { models: lines }, () => listText(context.colors, lines));
      });
    },
  );

  command(
    program,
    'status <model>',
    'where a model stands, what is waited for and until when',
    'status flight-delays',
  )
    .option('--release <n>', 'one release instead of the model')
    .action(async (model: string, options: CommonOptions & { readonly release?: string }) => {
      await withClient(context, (client) => status(context, client, model, options));
    });

  command(program, 'why <model>', 'why a model stands where it stands', 'why flight-delays')
    .option('--release <n>', 'one release instead of the model')
    .action(async (model: string, options: CommonOptions & { readonly release?: string }) => {
      await withClient(context, async (client) => {
        const release = options.release === undefined ? undefined : releaseNumber(options.release);
        const why = await client.why(model, release);
        show(context, options, why, () => whyText(context.colors, why));
      });
    });

  asking(
    program,
    'retrain <model>',
    'start a release by hand',
    'retrain flight-delays --reason "new airport codes"',
  )
    .option('--force', 'although a cool-down, a blocked window or the budget stands against it')
    .option('--wait', 'follow the release until it asks for approval or ends')
    .option('--timeout <duration>', 'longest wait with --wait', '12h')
    .action(
      async (
        model: string,
        options: AskOptions & {
          readonly force?: true;
          readonly wait?: true;
          readonly timeout: string;
        },
      ) => {
        const timeoutMs = durationOption(options.timeout);
        await inTheNameOfCaller(context, options, async (client, asked) => {
          const reply = await client.retrain(
            model,
            options.force === true ? { ...asked, force: true } : asked,
            sendOptions(options),
          );
          if (options.wait !== true) {
            showReply(context, options, reply);
            return;
          }
          await showReplyAndWait(context, options, reply, async ({ release }) => {
            if (release === null) return;
            await watchRelease(context, client, model, release, { until: 'approval', timeoutMs });
          });
        });
      },
    );

  asking(
    program,
    'rollback <model>',
    'put an earlier version back into service, also weeks later',
    'rollback flight-delays --reason "wrong predictions at night"',
  )
    .option(
      '--to <config>',
      'an endpoint config that is still there; a wrong name lists them (default: the one before)',
    )
    .action(async (model: string, options: AskOptions & { readonly to?: string }) => {
      await inTheNameOfCaller(context, options, async (client, asked) => {
        showReply(
          context,
          options,
          await client.rollback(
            model,
            options.to === undefined ? asked : { ...asked, to: options.to },
            sendOptions(options),
          ),
        );
      });
    });

  asking(
    program,
    'freeze <model>',
    'start and deploy nothing; rollback stays allowed',
    'freeze flight-delays --until 2d --reason "holiday traffic"',
  )
    .option(
      '--until <time>',
      'end: 2026-03-01T12:00Z, or a duration such as 2d (default: until unfreeze)',
    )
    .action(async (model: string, options: AskOptions & { readonly until?: string }) => {
      const untilMs =
        options.until === undefined
          ? undefined
          : instantMs(options.until, context.now(), 'from now');
      if (untilMs !== undefined && untilMs <= context.now())
        throw new Exit(EXIT.refused, `'${options.until ?? ''}' is in the past`);
      await inTheNameOfCaller(context, options, async (client, asked) => {
        showReply(
          context,
          options,
          await client.freeze(
            model,
            untilMs === undefined ? asked : { ...asked, untilMs },
            sendOptions(options),
          ),
        );
      });
    });

  asking(
    program,
    'reconcile <model>',
    'compare registry, endpoint, scaling, alarms, claim and ledger with what they should be, now',
    'reconcile flight-delays',
  )
    .option(
      '--accept <kind>',
      'take disagreements of this kind for granted until they change again',
    )
    .action(async (model: string, options: AskOptions & { readonly accept?: string }) => {
      await inTheNameOfCaller(context, options, async (client, asked) => {
        const reply = await client.reconcile(
          model,
          options.accept === undefined ? asked : { ...asked, accept: options.accept },
          sendOptions(options),
        );
        const answer = answerIn(reply);
        show(context, options, { kind: 'done', ...answer }, () =>
          [
            answer.sentence,
            ...disagreementRows(context.colors, answer.disagreements).map((row) => row.join('  ')),
          ].join('\n'),
        );
      });
    });

  simple(context, program, 'unfreeze <model>', 'end a freeze', {
    example: 'unfreeze flight-delays',
    send: (client, model, asked, options) => client.unfreeze(model, asked, options),
  });

  asking(
    program,
    'retire <model>',
    'stop keeping a model; the endpoint goes on serving, only what modelkeeper made is removed',
    'retire flight-delays --reason "replaced by delays-v2"',
  )
    .option('--abort', 'abort a release in flight instead of waiting for its end')
    .action(async (model: string, options: AskOptions & { readonly abort?: true }) => {
      await inTheNameOfCaller(context, options, async (client, asked) => {
        showReply(
          context,
          options,
          await client.retire(
            model,
            options.abort === true ? { ...asked, abort: true } : asked,
            sendOptions(options),
          ),
        );
      });
    });
}

type Asked = Parameters<ModelkeeperClient['unfreeze']>[1];

/** Connects, says who asks and why, and hands both on. */
const inTheNameOfCaller = (
  context: CliContext,
  options: AskOptions,
  use: (client: ModelkeeperClient, asked: Asked) => Promise<void>,
): Promise<void> =>
  withClient(context, async (client) => {
    const caller = await context.identify(options.local === true);
    await use(client, { ...caller, reason: options.reason });
  });

type Send = (
  client: ModelkeeperClient,
  model: string,
  asked: Asked,
  options: ReturnType<typeof sendOptions>,
) => ReturnType<ModelkeeperClient['unfreeze']>;

function simple(
  context: CliContext,
  program: Command,
  usage: string,
  description: string,
  { example, send }: { readonly example: string; readonly send: Send },
): void {
  asking(program, usage, description, example).action(
    async (model: string, options: AskOptions) => {
      await inTheNameOfCaller(context, options, async (client, asked) => {
        showReply(context, options, await send(client, model, asked, sendOptions(options)));
      });
    },
  );
}

async function status(
  context: CliContext,
  client: ModelkeeperClient,
  model: string,
  options: CommonOptions & { readonly release?: string },
): Promise<void> {
  if (options.release !== undefined) {
    const view = await client.releaseStatus(model, releaseNumber(options.release));
    show(context, options, view, () => releaseText(context.colors, view, context.now()));
    return;
  }
  const view = await client.status(model);
  const open =
    view.keeper?.releases.map((release) => release.release) ??
    (await client.releases(model))
      .filter((release) => release.execution === 'running')
      .map((release) => release.release);
  const releases = (
    await Promise.all(open.map((release) => releaseIfThere(client, model, release)))
  ).filter((release) => release !== null);
  show(context, options, { ...view, releases }, () =>
    statusText(context.colors, view, releases, context.now()),
  );
  if (view.keeper === null && view.execution === 'running')
    throw new Exit(EXIT.unreachable, view.unanswered ?? 'the keeper does not answer');
}

async function releaseIfThere(
  client: ModelkeeperClient,
  model: string,
  release: number,
): Promise<ReleaseView | null> {
  try {
    return await client.releaseStatus(model, release);
  } catch (error) {
    if (error instanceof ModelkeeperError && error.code === 'not-found') return null;
    throw error;
  }
}
