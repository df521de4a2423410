import type { Command } from 'commander';

import type { ApprovalRequest, ReleaseStatus } from '../../domain/status.js';
import { ModelkeeperError } from '../errors.js';
import type { ModelkeeperClient } from '../modelkeeper.js';
import {
  asking,
  durationOption,
  releaseNumber,
  sendOptions,
  showReply,
  showReplyAndWait,
  withClient,
  type CommonOptions,
} from './command.js';
import type { CliContext } from './context.js';
import { EXIT, Exit } from './exit.js';
import { requestText } from './render.js';
import { watchRelease } from './wait.js';

interface ReleaseOptions extends CommonOptions {
  readonly reason: string;
  readonly release?: string;
}

interface DecideOptions extends ReleaseOptions {
  readonly digest?: string;
  readonly yes?: true;
  readonly wait?: true;
  readonly timeout: string;
}

export function addReleaseCommands(program: Command, context: CliContext): void {
  for (const verdict of ['approve', 'reject'] as const) {
    asking(
      program,
      `${verdict} <model>`,
      verdict === 'approve'
        ? 'let a candidate into service; shows what is approved and asks'
        : 'turn a candidate down; a reason is needed',
      verdict === 'approve'
        ? 'approve flight-delays --reason "better on every airport"'
        : 'reject flight-delays --reason "worse at night"',
    )
      .option('--release <n>', 'which release (default: the one that waits)')
      .option('--digest <digest>', 'evidence you read; refused when it has changed since')
      .option('--yes', 'do not ask')
      .option('--wait', 'follow the release to its end')
      .option('--timeout <duration>', 'longest wait with --wait', '12h')
      .action(async (model: string, options: DecideOptions) => {
        const timeoutMs = durationOption(options.timeout);
        if (verdict === 'reject' && options.reason.trim() === '')
          throw new Exit(EXIT.refused, 'a rejection needs a reason: --reason "…"');
        await withClient(context, (client) =>
          decide(context, client, verdict, model, options, timeoutMs),
        );
      });
  }

  onRelease(
    context,
    program,
    'pause',
    'hold a release at the end of its stage, or of its share of the traffic',
    {
      example: 'pause flight-delays --reason "checking the labels"',
      stages: ['retrain', 'evaluate', 'approve', 'deploy', 'probation'],
    },
  );
  onRelease(context, program, 'resume', 'go on with a release that is paused or held', {
    example: 'resume flight-delays',
    stages: ['retrain', 'evaluate', 'approve', 'deploy', 'probation'],
  });
  onRelease(
    context,
    program,
    'promote',
    'take all of the traffic now (steps), or end the probation now',
    {
      example: 'promote flight-delays --reason "a week is enough"',
      stages: ['deploy', 'probation'],
    },
  );
  onRelease(context, program, 'abort', 'stop a release and leave the endpoint on a known config', {
    example: 'abort flight-delays --reason "wrong training data"',
    stages: ['retrain', 'evaluate', 'approve', 'deploy', 'probation'],
  });
}

async function decide(
  context: CliContext,
  client: ModelkeeperClient,
  verdict: 'approve' | 'reject',
  model: string,
  options: DecideOptions,
  timeoutMs: number,
): Promise<void> {
  const request = await waitingRequest(client, model, options.release);
  if (options.json !== true) context.err(requestText(context.colors, request, context.now()));
  await confirm(context, verdict, request, options);
  const send = sendOptions(options);
  const caller = await context.identify(options.local === true);
  const reply = await client[verdict](
    model,
    request.release,
    { ...caller, digest: options.digest ?? request.digest, reason: options.reason },
    send,
  );
  if (options.wait !== true) {
    showReply(context, options, reply);
    return;
  }
  await showReplyAndWait(context, options, reply, async () => {
    const { release } = request;
    try {
      await watchRelease(context, client, model, release, { until: 'end', timeoutMs });
    } catch (error) {
      const asked =
        verdict === 'reject' && error instanceof Exit && error.exitCode === EXIT.endedOtherwise;
      if (!asked) throw error;
    }
  });
}

async function confirm(
  context: CliContext,
  verdict: 'approve' | 'reject',
  request: ApprovalRequest,
  options: DecideOptions,
): Promise<void> {
  if (options.yes === true) return;
  if (!context.interactive || options.json === true)
    throw new Exit(
      EXIT.refused,
      `nobody is here to be asked: read the evidence, then repeat with --yes --digest ${request.digest}`,
    );
  const question =
    verdict === 'approve'
      ? `Let ${request.evidence.configName} into service?`
      : `Turn release ${request.release} down?`;
  if (!(await context.ask(question))) throw new Exit(EXIT.refused, 'Nothing was decided.');
}

/** The request of the release that was named, or of the newest one that waits. */
async function waitingRequest(
  client: ModelkeeperClient,
  model: string,
  release: string | undefined,
): Promise<ApprovalRequest> {
  const candidates =
    release === undefined ? await releasesIn(client, model, ['approve']) : [releaseNumber(release)];
  for (const candidate of candidates) {
    const request = await client.approvalRequest(model, candidate);
    if (request !== null) return request;
  }
  throw new Exit(
    EXIT.notFound,
    release === undefined
      ? `no release of ${model} waits for approval`
      : `release ${release} of ${model} does not wait for approval`,
  );
}

/** Open releases in one of the stages, newest first: from the keeper, or from visibility when it is gone. */
async function releasesIn(
  client: ModelkeeperClient,
  model: string,
  stages: readonly ReleaseStatus['stage'][],
): Promise<readonly number[]> {
  try {
    const { keeper, unanswered } = await client.status(model);
    if (keeper !== null)
      return keeper.releases
        .filter((open) => stages.includes(open.stage))
        .map((open) => open.release)
        .sort((a, b) => b - a);
    if (unanswered !== null) throw new ModelkeeperError('no-worker', unanswered);
  } catch (error) {
    if (!(error instanceof ModelkeeperError) || error.code !== 'not-found') throw error;
    const open = (await client.releases(model)).filter((line) => line.execution === 'running');
    if (open.length === 0) throw error;
    return open.map((line) => line.release);
  }
  return [];
}

function onRelease(
  context: CliContext,
  program: Command,
  verb: 'pause' | 'resume' | 'promote' | 'abort',
  description: string,
  {
    example,
    stages,
  }: { readonly example: string; readonly stages: readonly ReleaseStatus['stage'][] },
): void {
  asking(program, `${verb} <model>`, description, example)
    .option('--release <n>', 'which release (default: the newest it fits)')
    .action(async (model: string, options: ReleaseOptions) => {
      await withClient(context, async (client) => {
        const [release] =
          options.release === undefined
            ? await releasesIn(client, model, stages)
            : [releaseNumber(options.release)];
        if (release === undefined)
          throw new Exit(EXIT.notFound, `${model} has no release to ${verb}`);
        const caller = await context.identify(options.local === true);
        const asked = { ...caller, reason: options.reason };
        showReply(
          context,
          options,
          await client[verb](model, release, asked, sendOptions(options)),
        );
      });
    });
}
