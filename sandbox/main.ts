import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { startSandbox } from './aws/server.js';

interface Flags {
  readonly port: number;
  readonly home: string;
  readonly speed: number;
  readonly seed: number;
  readonly fresh?: true;
  readonly strict?: true;
  readonly image?: Readonly<Record<string, string>>;
  readonly quiet?: true;
}

/**
 * `modelkeeper sandbox`: the local AWS as a process of its own, until SIGINT or SIGTERM.
 *
 * @throws {Error} when the port is taken, the home is in use, or its state is damaged.
 */
export async function main(argv: readonly string[]): Promise<void> {
  const flags = parseFlags(argv);
  if (flags === undefined) return;
  const say = (line: string): void => {
    process.stdout.write(`${line}\n`);
  };
  const sandbox = await startSandbox({
    port: flags.port,
    home: flags.home,
    speed: flags.speed,
    seed: flags.seed,
    fresh: flags.fresh === true,
    strict: flags.strict === true,
    ...(flags.image === undefined ? {} : { images: flags.image }),
    log: (line) => process.stderr.write(`${line}\n`),
  });
  if (flags.quiet !== true) for (const line of greeting(sandbox.url, flags.home)) say(line);

  const stop = (): void => {
    sandbox.close().catch((error: unknown) => {
      process.stderr.write(`the sandbox did not stop cleanly: ${String(error)}\n`);
      process.exitCode = 1;
    });
  };
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
}

function parseFlags(argv: readonly string[]): Flags | undefined {
  const command = new Command('modelkeeper sandbox')
    .description('Serves a local AWS: SageMaker and the services around it, on 127.0.0.1.')
    .option(
      '--port <number>',
      'port to listen on; 0 takes a free one',
      wholeNumber(0, 65_535),
      4566,
    )
    .option('--home <directory>', 'where its state is kept', '.modelkeeper/aws')
    .option(
      '--speed <factor>',
      'divides what AWS takes (provisioning, job start, delivery)',
      factor,
      1,
    )
    .option('--seed <number>', 'of every random choice', wholeNumber(0, 2 ** 31 - 1), 1)
    .option('--fresh', 'forget the state of earlier runs')
    .option(
      '--strict',
      'refuse members that AWS does not know, instead of ignoring and logging them',
    )
    .option(
      '--image <repository=script>',
      'run processing jobs of an image of that repository by a Node script (repeat for several)',
      imageOf,
    )
    .option('--quiet', 'print nothing but problems');
  command.exitOverride().configureOutput({ writeErr: () => undefined });
  try {
    return command.parse(argv, { from: 'user' }).opts();
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return undefined; // --help has been printed
    throw new Error(error.message.replace(/^error: /, ''), { cause: error });
  }
}

function imageOf(
  text: string,
  before: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  const [, repository, script] = /^([a-z0-9][a-z0-9._/-]*)=(.+)$/.exec(text) ?? [];
  if (repository === undefined || script === undefined)
    throw new InvalidArgumentError(
      'Write a repository and a script, such as report=/srv/report.js.',
    );
  return { ...before, [repository]: script };
}

function greeting(url: string, home: string): readonly string[] {
  return [
    `The sandbox serves AWS on ${url}, state in ${home}.`,
    `Mail that SNS would have sent: ${url}/_sandbox/outbox`,
    '',
    'To point any AWS SDK or the AWS CLI at it:',
    `  export AWS_ENDPOINT_URL=${url}`,
    '  export AWS_REGION=us-east-1',
    '  export AWS_ACCESS_KEY_ID=sandbox',
    '  export AWS_SECRET_ACCESS_KEY=sandbox',
  ];
}

function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`);
  };
}

function factor(text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new InvalidArgumentError('It must be a number above 0.');
}
