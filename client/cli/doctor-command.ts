import type { Command } from 'commander';

import { command, show, type CommonOptions } from './command.js';
import type { CliContext } from './context.js';
import { EXIT, Exit } from './exit.js';
import { table } from './render.js';

export function addDoctorCommand(program: Command, context: CliContext): void {
  command(
    program,
    'doctor',
    'check Temporal, workers, AWS, permissions, clocks and disk, and say what to repair',
    'doctor --region us-east-1 --endpoint flight-delays',
  )
    .option('--region <region>', 'AWS Region (default: AWS_REGION)')
    .option('--endpoint <name>', 'also try what may be read of this endpoint')
    .option('--repair', 'register missing search attributes')
    .action(
      async (
        options: CommonOptions & {
          readonly region?: string;
          readonly endpoint?: string;
          readonly repair?: true;
        },
      ) => {
        const { examine } = await import('../doctor.js');
        const region =
          options.region ?? context.env['AWS_REGION'] ?? context.env['AWS_DEFAULT_REGION'] ?? null;
        const findings = await examine(await context.probes(), {
          region,
          endpoint: options.endpoint ?? null,
          repair: options.repair === true,
          nowMs: context.now,
        });
        const { colors } = context;
        const marks = {
          ok: colors.green('ok'),
          warning: colors.yellow('look'),
          bad: colors.red('bad'),
        };
        show(context, options, { findings }, () =>
          table(findings.map((finding) => [marks[finding.state], finding.what, finding.sentence])),
        );
        if (findings.some((finding) => finding.state === 'bad'))
          throw new Exit(EXIT.unreachable, '');
      },
    );
}
