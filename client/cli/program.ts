import { Command, CommanderError } from 'commander';

import { addAnalysisCommands } from './analysis-commands.js';
import { jsonText } from './command.js';
import { addCompletionCommand } from './completion.js';
import type { CliContext } from './context.js';
import { harmless } from './render.js';
import { addDoctorCommand } from './doctor-command.js';
import { addEvaluateCommand } from './evaluate-command.js';
import { endingOf, EXIT, type ExitCode } from './exit.js';
import { addLedgerCommands } from './ledger-commands.js';
import { addModelCommands } from './model-commands.js';
import { addMultivariateCommand } from './multivariate-command.js';
import { addPolicyCommands } from './policy-commands.js';
import { PROCESSES } from './processes.js';
import { addReleaseCommands } from './release-commands.js';

const EXIT_CODES = `
Exit codes:
  0 done   1 unexpected   2 refused or invalid input   3 not found
  4 Temporal, AWS or a worker cannot be reached   5 not in time   6 ended otherwise
  10 drift, or a candidate that is worse   11 broken data   12 too little to tell

Connection: TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, … and AWS_*. Documentation: docs/cli.md`;

/** The whole command line; building it loads nothing heavy. */
export function buildProgram(context: CliContext, version: string): Command {
  const program = new Command('modelkeeper')
    .description(
      'Keeps models served by Amazon SageMaker healthy: detect, retrain, approve, deploy, watch.',
    )
    .version(version)
    .helpCommand('help [command]', 'help for a command')
    .showSuggestionAfterError()
    .addHelpText('after', EXIT_CODES);

  program.commandsGroup('Policies:');
  addPolicyCommands(program, context);
  program.commandsGroup('Models:');
  addModelCommands(program, context);
  program.commandsGroup('Releases:');
  addReleaseCommands(program, context);
  program.commandsGroup('The record:');
  addLedgerCommands(program, context);
  program.commandsGroup('Over files, without a server:');
  addAnalysisCommands(program, context);
  addMultivariateCommand(program, context);
  addEvaluateCommand(program, context);
  program.commandsGroup('Set-up:');
  addDoctorCommand(program, context);
  addCompletionCommand(program, context);
  program.commandsGroup('Processes:');
  for (const [name, { description }] of Object.entries(PROCESSES)) {
    program
      .command(name)
      .description(description)
      .allowUnknownOption()
      .allowExcessArguments()
      .helpOption(false);
  }

  const configure = (command: Command): void => {
    command.exitOverride().configureOutput({
      writeOut: (text) => {
        context.out(text.replace(/\n$/, ''));
      },
      writeErr: (text) => {
        context.err(text.replace(/\n$/, ''));
      },
    });
    command.commands.forEach(configure);
  };
  configure(program);
  return program;
}

/** Runs one command line and answers its exit code; never throws, never exits. */
export async function run(
  args: readonly string[],
  context: CliContext,
  version: string,
): Promise<ExitCode> {
  const documents = { printed: 0 };
  const guarded: CliContext = {
    ...context,
    out: (text) => {
      documents.printed += 1;
      context.out(harmless(context.colors, text));
    },
    err: (text) => {
      context.err(harmless(context.colors, text));
    },
  };
  const end = args.indexOf('--');
  const json = (end === -1 ? args : args.slice(0, end)).includes('--json');
  /** One document and no more: what a command printed itself stays the only one. */
  const document = (code: string, message: string): void => {
    if (json && documents.printed === 0) guarded.out(jsonText({ kind: 'error', code, message }));
  };
  try {
    await buildProgram(guarded, version).parseAsync([...args], { from: 'user' });
    return EXIT.ok;
  } catch (error) {
    if (error instanceof CommanderError) {
      if (error.exitCode === 0 || error.code === 'commander.help') return EXIT.ok;
      document('refused', error.message.replace(/^error: /, ''));
      return EXIT.refused;
    }
    const { exitCode, code, message } = endingOf(error);
    if (message !== '') {
      if (!json || documents.printed > 0)
        guarded.err(`${context.colors.red('modelkeeper:')} ${message}`);
      document(code, message);
    }
    if (
      exitCode === EXIT.unexpected &&
      error instanceof Error &&
      context.env['DEBUG'] !== undefined
    )
      context.err(error.stack ?? '');
    return exitCode;
  }
}
