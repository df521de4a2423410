import { availableParallelism } from 'node:os';

import { InvalidArgumentError, Option, type Command } from 'commander';

import type { DriftReport, VerdictToken } from '../../domain/drift-report.js';
import type { PolicySpec } from '../../domain/policy.schema.js';
import type { Work } from '../offline/work.js';
import { jsonText } from './command.js';
import type { CliContext } from './context.js';
import { EXIT, Exit, type ExitCode } from './exit.js';

const FORMATS = ['text', 'json', 'html'] as const;
type Format = (typeof FORMATS)[number];

interface WorkOptions {
  readonly policy?: string;
  readonly out?: string;
  readonly memory: number;
  readonly threads: number;
  readonly maxDownload?: number;
  readonly verbose?: true;
  readonly predictionColumn?: string;
  readonly columns?: readonly string[];
  readonly segments?: readonly string[];
}

interface DriftOptions extends WorkOptions {
  readonly baseline: readonly string[];
  readonly window: readonly string[];
  readonly format?: Format;
  readonly json?: true;
  readonly wasserstein?: true;
}

const DRIFT_HELP = `
Files are Parquet, CSV, JSON lines or SageMaker data capture (texts also as .gz). A path may be a
folder or a glob in quotes, and s3://bucket/prefix is downloaded first.

Exit codes:
  0 no drift (ok, warn)   10 drift   11 data quality   12 too little data to tell
  2 the input cannot be used   3 a bucket that is not there
  4 AWS is out of reach, or the permission is missing   130 Ctrl-C

Example:
  $ modelkeeper drift --baseline training.parquet --window last-week.csv
  $ modelkeeper drift --baseline profile.json --window week-1 --window week-2 --out drift.html
  $ modelkeeper drift --baseline training.parquet --window last-week.csv --segments region,device
`;

const PROFILE_HELP = `
The profile holds what comparing needs (bin edges, counts, the values of categories), never rows.

Example:
  $ modelkeeper profile training/*.parquet --out profile.json
  $ modelkeeper profile training/*.parquet --segments region,device --out profile.json
`;

/** Commands over files: neither Temporal nor a worker nor, but for s3://, an account is asked. */
export function addAnalysisCommands(program: Command, context: CliContext): void {
  withWorkOptions(
    program
      .command('drift')
      .description('compare windows of data with a baseline and say what drifted')
      .requiredOption(
        '--baseline <path>',
        'what the model was trained on, or a profile of it; repeat for several files',
        collected,
      )
      .requiredOption(
        '--window <path>',
        'what to compare; repeated, each is one window in order of time',
        collected,
      )
      .addOption(
        new Option('--format <format>', 'what to print (default: by the ending of --out, or text)')
          .choices(FORMATS)
          .conflicts('json'),
      )
      .option('--json', 'the same as --format json')
      .option(
        '--wasserstein',
        'also how far numbers moved (Wasserstein distance); reads the baseline again',
      ),
  )
    .addHelpText('after', DRIFT_HELP)
    .action(async (options: DriftOptions) => {
      await drift(context, options);
    });

  withWorkOptions(
    program
      .command('profile <paths...>')
      .description('describe a baseline once, so that it need not be read again'),
  )
    .option('--json', 'as it is: a profile is a JSON document')
    .addHelpText('after', PROFILE_HELP)
    .action(async (paths: readonly string[], options: WorkOptions) => {
      await profile(context, paths, options);
    });
}

const DOWNLOADED_MB = 20_000;

export const MAX_DOWNLOAD = [
  '--max-download <MB>',
  'most that is downloaded from one s3:// address',
  megabytesToDownload,
  DOWNLOADED_MB,
] as const;

function withWorkOptions(command: Command): Command {
  return command
    .option('--policy <file>', 'a policy, or a document with detect: alone (default: the defaults)')
    .option('--out <file>', 'write there instead of printing')
    .option('--prediction-column <name>', 'the column that holds the score of the model')
    .option(
      '--columns <names>',
      'what the values of captured requests are called, in order, with commas',
      namesOf,
    )
    .option(
      '--segments <columns>',
      'judge the rows with each value of these columns apart, with commas; beside those of the policy',
      namesOf,
    )
    .option(
      '--memory <MB>',
      'memory of the database; the process takes about twice as much',
      megabytes,
      1_024,
    )
    .option('--threads <n>', 'threads of the database', threadsOf, availableParallelism())
    .option(...MAX_DOWNLOAD)
    .option('--verbose', 'tell what is being done, also where nobody watches');
}

export const collected = (value: string, before: readonly string[] = []): readonly string[] => [
  ...before,
  value,
];

export function namesOf(text: string): readonly string[] {
  const names = text.split(',').map((name) => name.trim());
  if (names.some((name) => name === ''))
    throw new InvalidArgumentError('write names with commas between them, such as age,income');
  return names;
}

export function megabytes(text: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 64 || number > 1_048_576)
    throw new InvalidArgumentError('write megabytes from 64 on, such as 1024');
  return number;
}

function megabytesToDownload(text: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 1 || number > 100_000_000)
    throw new InvalidArgumentError('write megabytes from 1 on, such as 20000');
  return number;
}

export function threadsOf(text: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 1 || number > 256)
    throw new InvalidArgumentError('write a number of threads from 1 to 256');
  return number;
}

const CODES: Readonly<Record<VerdictToken, ExitCode>> = {
  ok: EXIT.ok,
  warn: EXIT.ok,
  drift: EXIT.worse,
  data_quality: EXIT.dataQuality,
  insufficient_data: EXIT.cannotTell,
};

async function drift(context: CliContext, options: DriftOptions): Promise<void> {
  const { out } = options;
  const format = options.json === true ? 'json' : (options.format ?? formatOf(out));
  const detect = segmentedBy(await detectOf(context, options.policy), options.segments);
  const [{ findDrift }, { writeResult }] = await Promise.all([
    import('../offline/drift.js'),
    import('../offline/work.js'),
  ]);
  await working(context, options, async (work) => {
    const report = await findDrift(
      {
        ...wanted(options),
        baseline: options.baseline,
        windows: options.window,
        detect,
        ...(options.segments === undefined ? {} : { segmentsAsked: options.segments }),
        wasserstein: options.wasserstein === true,
      },
      work,
    );
    work.onStage('writing the report');
    const text = await rendered(context, report, format, out === undefined);
    if (out === undefined) context.out(text);
    else {
      await writeResult(out, `${text.trimEnd()}\n`);
      context.err(`${report.verdict}: the report is in ${out}`);
    }
    const code = CODES[report.verdict];
    if (code !== EXIT.ok) throw new Exit(code, '');
  });
}

/** What a file of that name is to hold. */
export function formatOf(out: string | undefined): Format {
  if (out === undefined) return 'text';
  if (/\.html?$/i.test(out)) return 'html';
  return /\.json$/i.test(out) ? 'json' : 'text';
}

async function rendered(
  context: CliContext,
  report: DriftReport,
  format: Format,
  printed: boolean,
): Promise<string> {
  if (format === 'json') return jsonText(report);
  if (format === 'html') return (await import('../../analysis/report/index.js')).driftPage(report);
  const { driftText } = await import('./drift-text.js');
  if (printed) return driftText(context.colors, report, context.width);
  const { default: pc } = await import('picocolors');
  return driftText(pc.createColors(false), report);
}

async function profile(
  context: CliContext,
  files: readonly string[],
  options: WorkOptions,
): Promise<void> {
  const { out } = options;
  const detect = segmentedBy(await detectOf(context, options.policy), options.segments);
  const [{ makeProfile }, { writeResult }] = await Promise.all([
    import('../offline/drift.js'),
    import('../offline/work.js'),
  ]);
  await working(context, options, async (work) => {
    const made = await makeProfile({ ...wanted(options), files, detect }, work);
    if (out === undefined) {
      context.out(jsonText(made));
      return;
    }
    await writeResult(out, `${jsonText(made)}\n`);
    const skipped = made.skipped.length === 0 ? '' : `; left out: ${made.skipped.join(', ')}`;
    context.err(`${made.rowCount} rows, ${made.columns.length} columns: ${out}${skipped}`);
  });
}

function wanted({ predictionColumn, columns, out }: WorkOptions) {
  return {
    ...(predictionColumn === undefined ? {} : { predictionColumn }),
    ...(columns === undefined ? {} : { captureColumns: columns }),
    ...(out === undefined ? {} : { out }),
  };
}

const MOST_SEGMENTED = 5;

/** The policy's rules with the columns that were named beside it. */
function segmentedBy(
  detect: PolicySpec['detect'],
  columns: readonly string[] = [],
): PolicySpec['detect'] {
  const before = detect.segments ?? [];
  const added = [...new Set(columns)].filter((by) => before.every((rule) => rule.by !== by));
  const segments = [...before, ...added.map((by) => ({ by }))];
  if (segments.length > MOST_SEGMENTED)
    throw new Exit(
      EXIT.refused,
      `${segments.map(({ by }) => by).join(', ')}: at most ${MOST_SEGMENTED} columns make segments, as every one is another look at all rows`,
    );
  return segments.length === 0 ? detect : { ...detect, segments };
}

export async function detectOf(
  context: CliContext,
  policy: string | undefined,
): Promise<PolicySpec['detect']> {
  if (policy === undefined)
    return (await import('../../domain/policy.schema.js')).detectSchema.parse({});
  const reading = await context.readDetect(policy);
  if (reading.kind === 'part') return reading.part;
  throw new Exit(
    EXIT.refused,
    reading.issues
      .map(
        ({ file, line, column, path, message, remedy }) =>
          `${file}:${line}:${column}: ${[path, message].filter((part) => part !== '').join(': ')}${remedy === null ? '' : `; ${remedy}`}`,
      )
      .join('\n'),
  );
}

/** Runs with progress and a way to be stopped, and turns what went wrong into a sentence and a code. */
export async function working(
  context: CliContext,
  options: Pick<WorkOptions, 'memory' | 'threads' | 'verbose' | 'maxDownload'>,
  run: (work: Work) => Promise<void>,
): Promise<void> {
  const signal = context.interruption();
  const startedAtMs = context.now();
  const told = context.watched || options.verbose === true;
  const work: Work = {
    memoryMb: options.memory,
    threads: options.threads,
    signal,
    onStage: (stage) => {
      if (told) context.err(`${((context.now() - startedAtMs) / 1_000).toFixed(1)} s  ${stage}`);
    },
    download: async (uri, folder) => {
      const region = context.env['AWS_REGION'] ?? context.env['AWS_DEFAULT_REGION'] ?? 'us-east-1';
      const account = await context.account(region);
      try {
        return await account.download(uri, folder, signal, options.maxDownload ?? DOWNLOADED_MB);
      } finally {
        account.close();
      }
    },
  };
  try {
    await run(work);
  } catch (error) {
    if (signal.aborted) throw new Exit(EXIT.interrupted, 'stopped; nothing was left behind');
    if (error instanceof Error && error.name === 'UnusableInput')
      throw new Exit(EXIT.refused, error.message);
    throw error;
  }
}
