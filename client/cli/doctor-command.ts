import type { Command } from 'commander';

import { command, show, type CommonOptions } from './command.js';
import type { CliContext } from './context.js';
import { EXIT, Exit } from './exit.js';
import { readValid } from './policy-commands.js';
import { table } from './render.js';

export function addDoctorCommand(program: Command, context: CliContext): void {
  command(
    program,
    'doctor [policy]',
    'check Temporal, workers, AWS account, permissions, clocks and disk; with a policy, all that it names; and say what to repair',
    'doctor flight-delays.policy.yaml --worker-role arn:aws:iam::111122223333:role/modelkeeper-worker',
  )
    .option('--region <region>', "AWS Region (default: the policy's, or AWS_REGION)")
    .option('--endpoint <name>', 'also try what may be read of this endpoint')
    .option(
      '--queue-url <url>',
      'queue of events and the rules that fill it (default: MODELKEEPER_EVENTS_QUEUE_URL)',
    )
    .option(
      '--worker-role <arn>',
      'role of the worker; with a policy, IAM is asked what it may (default: MODELKEEPER_WORKER_ROLE)',
    )
    .option('--repair', 'register missing search attributes')
    .action(
      async (
        file: string | undefined,
        options: CommonOptions & {
          readonly region?: string;
          readonly endpoint?: string;
          readonly queueUrl?: string;
          readonly workerRole?: string;
          readonly repair?: true;
        },
      ) => {
        const { env } = context;
        const policy = file === undefined ? null : await readValid(context, file, options);
        const region =
          options.region ??
          policy?.spec.endpoint.region ??
          env['AWS_REGION'] ??
          env['AWS_DEFAULT_REGION'] ??
          null;
        const workerRole = roleArn(options.workerRole ?? env['MODELKEEPER_WORKER_ROLE']);
        const { examine } = await import('../doctor/examine.js');
        const findings = await examine(await context.probes(), {
          region,
          endpoint: options.endpoint ?? policy?.spec.endpoint.name ?? null,
          queueUrl: queueUrl(options.queueUrl ?? env['MODELKEEPER_EVENTS_QUEUE_URL']),
          workerRole,
          policy,
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

function roleArn(given: string | undefined): string | null {
  if (given === undefined || given === '') return null;
  if (/^arn:aws[a-z-]*:iam::\d{12}:role\/[\w+=,.@/-]+$/.test(given)) return given;
  throw new Exit(
    EXIT.refused,
    `'${given}' is not the ARN of a role: write --worker-role arn:aws:iam::111122223333:role/modelkeeper-worker`,
  );
}

function queueUrl(given: string | undefined): string | null {
  if (given === undefined || given === '') return null;
  if (/^https?:\/\/[^/]+\/.+[^/]$/.test(given)) return given;
  throw new Exit(
    EXIT.refused,
    `'${given}' is not the URL of a queue: write --queue-url https://sqs.us-east-1.amazonaws.com/111122223333/modelkeeper-events`,
  );
}
