import { Option, type Command } from 'commander';

import type { Policy } from '../../domain/policy.schema.js';
import type { KeeperStatus } from '../../domain/status.js';
import { DOCUMENT_NAMES, type DocumentName } from '../document-names.js';
import { ModelkeeperError } from '../errors.js';
import type { ModelkeeperClient } from '../modelkeeper.js';
import type { PolicyIssue } from '../policy-file.js';
import type { Draft } from '../init.js';
import type { Plan } from '../plan.js';
import type { Caller } from '../replies.js';
import {
  asking,
  command,
  sendOptions,
  show,
  showReply,
  withClient,
  type CommonOptions,
} from './command.js';
import type { CliContext } from './context.js';
import { EXIT, Exit } from './exit.js';

export function addPolicyCommands(program: Command, context: CliContext): void {
  command(
    program,
    'init <endpoint>',
    'write a policy for an endpoint that already serves',
    'init flight-delays --region us-east-1 --output flight-delays.policy.yaml',
  )
    .option('--region <region>', 'AWS Region (default: AWS_REGION)')
    .option('--variant <variant>', 'variant of the endpoint', 'AllTraffic')
    .option(
      '--output <file>',
      'write a new file instead of printing; an existing one is never overwritten',
    )
    .action(async (endpoint: string, options: InitOptions) => {
      await init(context, endpoint, options);
    });

  command(
    program,
    'validate <files...>',
    'check policies without asking anybody: every fault with line and column',
    'validate policies/*.yaml',
  ).action(async (files: readonly string[], options: CommonOptions) => {
    await validate(context, files, options);
  });

  command(
    program,
    'plan <file>',
    'read the account and say what applying a policy would change; changes nothing',
    'plan flight-delays.policy.yaml',
  )
    .option('--local', 'take you for the operating-system user, as apply --local does')
    .action(async (file: string, options: CommonOptions) => {
      const policy = await readValid(context, file, options);
      const plan = await withClient(context, async (client) =>
        makePlan(context, client, policy, await callerIfKnown(context, options)),
      );
      show(context, options, plan, () => planText(context, plan));
      if (plan.refusals.length > 0) throw new Exit(EXIT.refused, '');
    });

  asking(
    program,
    'apply <file>',
    'put a policy in force: validate, plan, then start or change the keeper',
    'apply flight-delays.policy.yaml --reason "first policy"',
  ).action(async (file: string, options: CommonOptions & { readonly reason: string }) => {
    const policy = await readValid(context, file, options);
    await withClient(context, async (client) => {
      const caller = await context.identify(options.local === true);
      const plan = await makePlan(context, client, policy, caller);
      if (plan.refusals.length > 0) {
        show(context, options, plan, () => planText(context, plan));
        throw new Exit(EXIT.refused, '');
      }
      if (options.json !== true) context.err(planText(context, plan));
      const reply = await client.apply(
        { policy, ...caller, reason: options.reason },
        sendOptions(options),
      );
      showReply(context, options, reply);
    });
  });

  program
    .command('schema')
    .description('print the JSON Schema of a policy, for editors, or of what programs read')
    .option('--json', 'as it is: the schema is a JSON document')
    .addOption(
      new Option('--of <document>', 'what programs read instead of the policy')
        .choices(DOCUMENT_NAMES)
        .conflicts('markdown'),
    )
    .addOption(new Option('--markdown', 'print the table of all keys instead').conflicts('json'))
    .addHelpText('after', '\nExample:\n  $ modelkeeper schema > modelkeeper.schema.json\n')
    .action(async (options: { readonly markdown?: true; readonly of?: DocumentName }) => {
      if (options.of !== undefined) {
        const { documentSchemaText } = await import('../document-schemas.js');
        context.out(documentSchemaText(options.of).trimEnd());
        return;
      }
      if (options.markdown === true) {
        context.out((await import('../policy-reference.js')).policyReference());
        return;
      }
      context.out((await import('../policy-schema.js')).policyJsonSchemaText().trimEnd());
    });
}

interface InitOptions extends CommonOptions {
  readonly region?: string;
  readonly variant: string;
  readonly output?: string;
}

const AWS_NAME = /^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}$/;
const REGION = /^[a-z]{2}(-[a-z]+)+-\d$/;

async function init(context: CliContext, endpoint: string, options: InitOptions): Promise<void> {
  const region = options.region ?? context.env['AWS_REGION'] ?? context.env['AWS_DEFAULT_REGION'];
  if (region === undefined)
    throw new Exit(EXIT.refused, 'which Region? Give --region, or set AWS_REGION');
  const { variant } = options;
  if (!AWS_NAME.test(endpoint) || !AWS_NAME.test(variant))
    throw new Exit(
      EXIT.refused,
      `'${AWS_NAME.test(endpoint) ? variant : endpoint}' is not a name SageMaker gives: letters, digits and dashes, 1 to 63 characters`,
    );
  if (!REGION.test(region))
    throw new Exit(EXIT.refused, `'${region}' is not a Region such as us-east-1`);
  const { draftPolicy } = await import('../init.js');
  const account = await context.account(region);
  let draft: Draft;
  try {
    draft = await draftPolicy(account, { endpoint, region, variant });
  } finally {
    account.close();
  }
  if (draft.kind === 'absent') throw new Exit(EXIT.notFound, draft.reason);
  if (draft.kind === 'refused') throw new Exit(EXIT.refused, draft.reason);
  const { output } = options;
  if (output === undefined) {
    show(context, options, draft, () => draft.text.trimEnd());
    return;
  }
  try {
    await context.writeNew(output, draft.text);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST')
      throw new Exit(EXIT.refused, `${output} is there already: choose another name or remove it`);
    if (error instanceof Error && 'code' in error)
      throw new Exit(EXIT.refused, `${output} cannot be written: ${error.message}`);
    throw error;
  }
  show(context, options, { kind: 'written', file: output, guesses: draft.guesses }, () =>
    [
      `Wrote ${output}. Guessed, so please check:`,
      ...draft.guesses.map((guess) => `  ${guess}`),
      `Then: modelkeeper validate ${output} && modelkeeper plan ${output}`,
    ].join('\n'),
  );
}

async function validate(
  context: CliContext,
  files: readonly string[],
  options: CommonOptions,
): Promise<void> {
  const readings = await Promise.all(
    files.map(async (file) => ({ file, reading: await context.readPolicy(file) })),
  );
  const results = readings.map(({ file, reading }) =>
    reading.kind === 'policy'
      ? {
          file,
          valid: true,
          model: reading.policy.metadata.name,
          digest: reading.digest,
          issues: [],
        }
      : { file, valid: false, model: null, digest: null, issues: reading.issues },
  );
  show(context, options, { files: results }, () =>
    results
      .map((result) =>
        result.valid
          ? `${result.file}: ${context.colors.green('valid')}, model ${result.model ?? ''}, digest ${result.digest?.slice(0, 12) ?? ''}`
          : result.issues.map((issue) => issueText(context, issue)).join('\n'),
      )
      .join('\n'),
  );
  if (results.some((result) => !result.valid)) throw new Exit(EXIT.refused, '');
}

/** `file:line:column: path: what is wrong (what to write)`: editors make a link of it. */
export function issueText(context: CliContext, issue: PolicyIssue): string {
  const place = `${issue.file}:${issue.line}:${issue.column}`;
  const path = issue.path === '' ? '' : `${issue.path}: `;
  const remedy = issue.remedy === null ? '' : `; ${issue.remedy}`;
  return `${context.colors.bold(place)}: ${path}${issue.message}${remedy}`;
}

export async function readValid(
  context: CliContext,
  file: string,
  options: CommonOptions,
): Promise<Policy> {
  const reading = await context.readPolicy(file);
  if (reading.kind === 'policy') return priced(context, reading.policy, file);
  show(
    context,
    options,
    { files: [{ file, valid: false, model: null, digest: null, issues: reading.issues }] },
    () => reading.issues.map((issue) => issueText(context, issue)).join('\n'),
  );
  throw new Exit(EXIT.refused, '');
}

/** The policy with the prices that stand in a file of their own. */
async function priced(context: CliContext, policy: Policy, file: string): Promise<Policy> {
  if (typeof policy.spec.retrain.budget.prices !== 'string') return policy;
  const { withPrices } = await import('../prices.js');
  const read = await withPrices(policy, file, async (uri) => {
    const account = await context.account(policy.spec.endpoint.region);
    try {
      return await account.readText(uri);
    } finally {
      account.close();
    }
  });
  if (read.kind === 'fault') throw new Exit(EXIT.refused, read.message);
  return read.policy;
}

async function makePlan(
  context: CliContext,
  client: ModelkeeperClient,
  policy: Policy,
  /** Who would apply it; `null` when AWS does not say. */
  caller: Caller | null,
): Promise<Plan> {
  const [{ judgePlan, readPlanFacts }, { policyDigest }, { personOf }] = await Promise.all([
    import('../plan.js'),
    import('../digest.js'),
    import('../../domain/people.js'),
  ]);
  const account = await context.account(policy.spec.endpoint.region);
  try {
    const [facts, running, place] = await Promise.all([
      readPlanFacts(policy, account, context.now()),
      runningKeeper(client, policy.metadata.name),
      client.place(policy.metadata.name),
    ]);
    const who = caller === null ? null : personOf(policy, caller.proof);
    return judgePlan(policy, policyDigest(policy), facts, {
      running,
      storage: place?.storage ?? null,
      author: who?.kind === 'person' ? who.person : null,
    });
  } finally {
    account.close();
  }
}

/** A plan is worth reading also for somebody who is not signed in. */
async function callerIfKnown(context: CliContext, options: CommonOptions): Promise<Caller | null> {
  try {
    return await context.identify(options.local === true);
  } catch (error) {
    if (error instanceof ModelkeeperError) return null;
    throw error;
  }
}

/** `null` when no keeper runs for the model. @throws {ModelkeeperError} when one runs and does not answer */
async function runningKeeper(
  client: ModelkeeperClient,
  model: string,
): Promise<KeeperStatus | null> {
  try {
    const view = await client.status(model);
    if (view.execution !== 'running') return null;
    if (view.keeper === null)
      throw new ModelkeeperError('no-worker', view.unanswered ?? 'the keeper does not answer');
    return view.keeper;
  } catch (error) {
    if (error instanceof ModelkeeperError && error.code === 'not-found') return null;
    throw error;
  }
}

export function planText(context: CliContext, plan: Plan): string {
  const { colors } = context;
  return [
    `${colors.bold(plan.model)}  policy ${plan.digest.slice(0, 12)}`,
    ...plan.refusals.map((note) => `  ${colors.red('refused')}  ${note.path}: ${note.message}`),
    ...plan.warnings.map((note) => `  ${colors.yellow('warning')}  ${note.path}: ${note.message}`),
    ...(plan.refusals.length > 0
      ? []
      : plan.changes.map((change) => `  ${colors.green('would')}  ${change}`)),
  ].join('\n');
}
