import { Command, InvalidArgumentError, Option } from 'commander';

export interface StoryOptions {
  readonly unattended: boolean;
  readonly fresh: boolean;
  /** The usual ports or any free ones; `undefined`: those of the last start, at first the usual ones. */
  readonly ports: 'usual' | 'auto' | undefined;
  /** Folder of all state. */
  readonly home: string;
  /** Divides what the local AWS takes. */
  readonly speed: number;
  /** Seconds after which an unattended story gives up. */
  readonly timeoutSeconds: number;
}

const PORTS = ['usual', 'auto'] as const;

const positive = (text: string): number => {
  const value = Number(text);
  if (!Number.isFinite(value) || value <= 0)
    throw new InvalidArgumentError('write a number above 0');
  return value;
};

/** Reads the command line; prints help and ends the process for `--help`. */
export function readOptions(argv: readonly string[]): StoryOptions {
  const command = new Command('modelkeeper story')
    .description(
      'Runs the whole service on this machine, with an embedded Temporal and a local AWS, and tells the flights story:\n' +
        'a model trained on western airports in winter meets the eastern hubs, drifts, is retrained, approved by a\n' +
        'person, rolled out and watched. State is kept: killed and started again, it goes on where it was.',
    )
    .option(
      '--unattended',
      'one full lifecycle with a scripted approver, in a folder of its own; exit 0 only when it ended promoted',
    )
    .option('--fresh', 'start over: removes the state of earlier runs')
    .addOption(
      new Option(
        '--ports <which>',
        'the usual ones (7233, 8233, 4566, 8080, 9465) or any free ones; by default those of the last start, at first the usual ones',
      ).choices(PORTS),
    )
    .option(
      '--home <folder>',
      'folder of all state (default: .modelkeeper, with --unattended .modelkeeper-unattended)',
    )
    .option('--speed <factor>', 'divides what the local AWS takes', positive, 60)
    .option('--timeout <seconds>', 'how long an unattended story may take', positive, 600)
    .addHelpText(
      'after',
      '\nExamples:\n  npm start\n  npm start -- --unattended\n  npm start -- --ports auto --fresh\n',
    );
  command.parse(argv, { from: 'user' });
  const options = command.opts<{
    unattended?: boolean;
    fresh?: boolean;
    ports?: (typeof PORTS)[number];
    home?: string;
    speed: number;
    timeout: number;
  }>();
  return {
    unattended: options.unattended ?? false,
    fresh: options.fresh ?? options.unattended ?? false,
    ports: options.ports ?? (options.unattended === true ? 'auto' : undefined),
    home:
      options.home ?? (options.unattended === true ? '.modelkeeper-unattended' : '.modelkeeper'),
    speed: options.speed,
    timeoutSeconds: options.timeout,
  };
}
