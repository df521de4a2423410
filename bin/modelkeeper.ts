#!/usr/bin/env node
// Node 20 is supported until this package says otherwise; the SDK's notice would stand in every output.
process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true';

import { createRequire } from 'node:module';

import { processContext } from '../client/cli/context.js';
import { EXIT } from '../client/cli/exit.js';
import { localEnvironment } from '../client/cli/local-environment.js';
import { isProcess, PROCESSES } from '../client/cli/processes.js';

/** Options nobody knows, and configurations that are not right. */
const WRONG_INPUT = /^(commander\.|ERR_PARSE_ARGS|ConfigError$)/;

const args = process.argv.slice(2);
const [name] = args;

if (isProcess(name)) await runProcess(name, args.slice(1));
else await runCommand();

/** Ends this process, as SIGTERM would, when whoever started it is gone: its end of our standard input closes. */
function endWithParent(): void {
  if (process.env['MODELKEEPER_END_WITH_STDIN'] === undefined) return;
  delete process.env['MODELKEEPER_END_WITH_STDIN'];
  process.stdin.on('error', () => undefined);
  process.stdin.once('close', () => process.kill(process.pid, 'SIGTERM'));
  process.stdin.resume();
  process.stdin.unref();
}

/** A log that cannot be written, on a full disk or to a pipe that nobody reads, ends no process. */
function outliveTheLog(): void {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
}

/** A long-running part: it looks after its own signals and its own end. */
async function runProcess(
  process_: keyof typeof PROCESSES,
  rest: readonly string[],
): Promise<void> {
  endWithParent();
  outliveTheLog();
  try {
    const module = (await import(new URL(PROCESSES[process_].path, import.meta.url).href)) as {
      main(argv: readonly string[]): Promise<void>;
    };
    await module.main(rest);
  } catch (error) {
    const code = wordOf(error);
    if (code === 'commander.helpDisplayed') return;
    const text = (error instanceof Error ? error.message : String(error)).replace(/^error: /, '');
    process.stderr.write(`modelkeeper ${process_}: ${text}\n`);
    if (process.env['DEBUG'] !== undefined && error instanceof Error)
      process.stderr.write(`${error.stack ?? ''}\n`);
    process.exitCode = WRONG_INPUT.test(code) ? EXIT.refused : EXIT.unexpected;
  }
}

/** What kind of error it is, or the one that was behind it, in a word. */
function wordOf(error: unknown): string {
  if (!(error instanceof Error)) return '';
  if ('code' in error && typeof error.code === 'string') return error.code;
  return error.name === 'ConfigError' ? error.name : wordOf(error.cause);
}

/** Uses the service that runs in this folder, as that does: nothing of somebody's own account, cluster or proxy. */
async function takeLocalEnvironment(): Promise<void> {
  const folder = process.cwd();
  if (Object.keys(localEnvironment(process.env, folder)).length === 0) return;
  const { keepToThisMachine } = await import('../sandbox/story/environment.js');
  keepToThisMachine(process.env, folder);
  Object.assign(process.env, localEnvironment(process.env, folder));
}

async function runCommand(): Promise<void> {
  await takeLocalEnvironment();
  const { run } = await import('../client/cli/program.js');
  process.once('SIGINT', () => {
    process.stderr.write('\nStopped. Nothing that runs was stopped with it.\n');
    process.exit(EXIT.interrupted);
  });
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(EXIT.ok); // `modelkeeper list | head`
    throw error;
  });
  process.exitCode = await run(args, processContext(), version());
}

function version(): string {
  const about = createRequire(import.meta.url)('modelkeeper/package.json') as {
    readonly version: string;
  };
  return about.version;
}
