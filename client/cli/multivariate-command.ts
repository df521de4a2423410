import { InvalidArgumentError, Option, type Command } from 'commander';

import {
  multivariateLimitsFault,
  multivariateLimits,
  type MultivariateMethod,
  type MultivariateReport,
  type MultivariateSettings,
} from '../../domain/multivariate.js';
import {
  collected,
  detectOf,
  formatOf,
  MAX_DOWNLOAD,
  megabytes,
  namesOf,
  working,
} from './analysis-commands.js';
import { instantMs, jsonText } from './command.js';
import type { CliContext } from './context.js';
import { EXIT, Exit, type ExitCode } from './exit.js';
import { multivariateText } from './multivariate-text.js';

const METHODS = ['domain-classifier', 'pca'] as const satisfies readonly MultivariateMethod[];

interface MultivariateOptions {
  readonly reference: readonly string[];
  readonly window: readonly string[];
  readonly method: MultivariateMethod;
  readonly seed: number;
  readonly maxRows: number;
  readonly warn?: number;
  readonly drift?: number;
  readonly significance?: number;
  readonly minRows?: number;
  readonly policy?: string;
  readonly ignore?: readonly string[];
  readonly predictionColumn?: string;
  readonly columns?: readonly string[];
  readonly settings?: string;
  readonly from?: string;
  readonly to?: string;
  readonly format?: 'text' | 'json' | 'html';
  readonly json?: true;
  readonly out?: string;
  readonly exitZero?: true;
  readonly message?: string;
  readonly memory: number;
  readonly maxDownload: number;
  readonly verbose?: true;
}

const HELP = `
domain-classifier learns to tell the window from the reference, on ranks and products of two
columns, and measures by cross-validation how well that goes (AUC; 0.5 is chance). It sees a
correlation that turns round though every column by itself looks as ever.
pca learns from half of the reference how columns move together, and compares how badly the
window is put together again with how badly the other half is (in standard deviations).
Drift is a whole interval beyond the limit, and hardly chance. At most --max-rows rows of each
side are looked at, drawn by --seed: the same seed gives the same answer.

Files are Parquet, CSV, JSON lines or SageMaker data capture (texts also as .gz). A path may be a
folder or a glob in quotes, and s3://bucket/prefix is downloaded first. Take numbers of rows and
instants out (--ignore): they alone tell any two files apart.

Exit codes:
  0 no drift (ok, warn)   10 drift   12 too little data to tell
  2 the input cannot be used   130 Ctrl-C
  With --exit-zero every verdict ends with 0, as in a job whose result is read from --out.

Example:
  $ modelkeeper multivariate --reference training.parquet --window last-week.csv
  $ modelkeeper multivariate --reference training.parquet --window week --method pca --format json
`;

export function addMultivariateCommand(program: Command, context: CliContext): void {
  program
    .command('multivariate')
    .description('say whether columns drifted together, though each alone may look as ever')
    .requiredOption(
      '--reference <path>',
      'rows of the time that counts as usual; repeat for several files',
      collected,
    )
    .requiredOption('--window <path>', 'rows to compare; repeat for several files', collected)
    .addOption(
      new Option('--method <method>', 'how to compare').choices(METHODS).default(METHODS[0]),
    )
    .option('--seed <n>', 'draws rows and folds', seedOf, 1)
    .option('--max-rows <n>', 'most rows of either side that are looked at', rowsOf, 10_000)
    .option('--warn <n>', 'limit of a warning (default: 0.55 AUC, 0.2 of pca)', numberOf)
    .option('--drift <n>', 'limit of drift (default: 0.65 AUC, 0.5 of pca)', numberOf)
    .option('--significance <p>', 'chance below which it counts (default: 0.01)', chanceOf)
    .option('--min-rows <n>', 'fewest rows of either side for a verdict (default: 200)', rowsOf)
    .option('--policy <file>', 'a policy, or a document with detect: alone, for detect.columns')
    .option('--ignore <names>', 'columns to leave out, with commas', namesOf)
    .option('--prediction-column <name>', 'the score of the model, which is left out')
    .option(
      '--columns <names>',
      'what the values of captured requests are called, in order, with commas',
      namesOf,
    )
    .option(
      '--settings <file>',
      'a JSON document in place of these options, as a job is given (docs/sources.md)',
    )
    .option('--from <time>', 'of data capture: requests from then on')
    .option('--to <time>', 'of data capture: requests before then')
    .addOption(
      new Option('--format <format>', 'what to print (default: by the ending of --out, or text)')
        .choices(['text', 'json', 'html'])
        .conflicts('json'),
    )
    .option('--json', 'the same as --format json')
    .option('--out <file>', 'write there instead of printing')
    .option('--exit-zero', 'end with 0 whatever the verdict')
    .option('--message <file>', 'also write how it ended in one sentence, as a job is to')
    .option(
      '--memory <MB>',
      'memory of the database; the process takes about twice as much',
      megabytes,
      1_024,
    )
    .option(...MAX_DOWNLOAD)
    .option('--verbose', 'tell what is being done, also where nobody watches')
    .addHelpText('after', HELP)
    .action(async (options: MultivariateOptions) => {
      const report = await told(context, options, () => multivariate(context, options));
      const code = CODES[report.verdict];
      if (code !== EXIT.ok && options.exitZero !== true) throw new Exit(code, '');
    });
}

const CODES: Readonly<Record<MultivariateReport['verdict'], ExitCode>> = {
  ok: EXIT.ok,
  warn: EXIT.ok,
  drift: EXIT.worse,
  insufficient_data: EXIT.cannotTell,
};

/** SageMaker shows what a job's container leaves there, at most so many bytes of it. */
const LONGEST_MESSAGE = 1_000;

/** Leaves in a file how it ended, also when it ends badly. */
async function told(
  context: CliContext,
  { message }: MultivariateOptions,
  run: () => Promise<MultivariateReport>,
): Promise<MultivariateReport> {
  const leave = async (sentence: string): Promise<void> => {
    if (message === undefined) return;
    const { writeResult } = await import('../offline/work.js');
    await writeResult(message, sentence.slice(0, LONGEST_MESSAGE));
  };
  let report: MultivariateReport;
  try {
    report = await run();
  } catch (error) {
    if (message !== undefined)
      await leave(error instanceof Error ? error.message : String(error)).catch(
        (unwritten: unknown) => {
          context.err(unwritten instanceof Error ? unwritten.message : String(unwritten));
        },
      );
    throw error;
  }
  await leave(`${report.verdict}: ${report.reasons.join('; ')}`);
  return report;
}

async function multivariate(
  context: CliContext,
  options: MultivariateOptions,
): Promise<MultivariateReport> {
  const { out, predictionColumn } = options;
  const settings = options.settings === undefined ? undefined : await settingsIn(options.settings);
  const { method, seed } = settings ?? options;
  const columns = settings?.columns ?? options.columns;
  const limits = settings?.limits ?? multivariateLimits(method, options);
  const fault = multivariateLimitsFault(method, limits);
  if (fault !== undefined) throw new Exit(EXIT.refused, fault);
  const detect = await detectOf(context, options.policy);
  const span = spanOf(context, options);
  const [{ findMultivariateDrift }, { writeResult }] = await Promise.all([
    import('../offline/multivariate.js'),
    import('../offline/work.js'),
  ]);
  const found: MultivariateReport[] = [];
  await working(context, { ...options, threads: 1 }, async (work) => {
    const report = await findMultivariateDrift(
      {
        reference: options.reference,
        window: options.window,
        method,
        limits,
        seed,
        most: settings?.maxRows ?? options.maxRows,
        columns:
          settings === undefined
            ? detect.columns
            : { ...detect.columns, ignore: settings.ignore, categorical: settings.categorical },
        ignore: options.ignore ?? [],
        ...(predictionColumn === undefined ? {} : { predictionColumn }),
        ...(columns === undefined ? {} : { captureColumns: columns }),
        ...(span === undefined ? {} : { span }),
        ...(out === undefined ? {} : { out }),
      },
      work,
    );
    found.push(report);
    const text = await rendered(context, options, report);
    if (out === undefined) context.out(text);
    else {
      await writeResult(out, `${text.trimEnd()}\n`);
      context.err(`${report.verdict}: the report is in ${out}`);
    }
  });
  const [report] = found;
  if (report === undefined) throw new Error('the comparison ended without a report');
  return report;
}

async function rendered(
  context: CliContext,
  { json, format, out, reference, window }: MultivariateOptions,
  report: MultivariateReport,
): Promise<string> {
  const asked = json === true ? 'json' : (format ?? formatOf(out));
  if (asked === 'json') return jsonText(report);
  if (asked === 'html') {
    const { multivariatePage } = await import('../../analysis/report/index.js');
    return multivariatePage(report, {
      reference: reference.join(', '),
      window: window.join(', '),
    });
  }
  if (out === undefined) return multivariateText(context.colors, report);
  const { default: pc } = await import('picocolors');
  return multivariateText(pc.createColors(false), report);
}

async function settingsIn(file: string): Promise<MultivariateSettings> {
  const [{ readFile }, { multivariateSettingsSchema }] = await Promise.all([
    import('node:fs/promises'),
    import('../../domain/multivariate.schema.js'),
  ]);
  let value: unknown;
  try {
    value = JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    throw new Exit(
      EXIT.refused,
      `${file} cannot be read as JSON: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  const parsed = multivariateSettingsSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new Exit(EXIT.refused, `${file}: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`);
}

function spanOf(
  context: CliContext,
  { from, to }: MultivariateOptions,
): { readonly fromMs: number; readonly toMs: number } | undefined {
  if (from === undefined && to === undefined) return undefined;
  if (from === undefined || to === undefined)
    throw new Exit(EXIT.refused, 'give --from and --to together: they are one window');
  const nowMs = context.now();
  const span = { fromMs: instantMs(from, nowMs, 'ago'), toMs: instantMs(to, nowMs, 'ago') };
  if (span.fromMs < span.toMs) return span;
  throw new Exit(EXIT.refused, `--from ${from} is not before --to ${to}`);
}

function seedOf(text: string): number {
  const value = Number(text);
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('write a whole number from 0');
  return value;
}

const MOST_ROWS = 1_000_000;
function rowsOf(text: string): number {
  const value = Number(text);
  if (!/^\d{1,7}$/.test(text) || value < 20 || value > MOST_ROWS)
    throw new InvalidArgumentError(`write a number of rows from 20 to ${MOST_ROWS}`);
  return value;
}

function numberOf(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value))
    throw new InvalidArgumentError('write a number');
  return value;
}

function chanceOf(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value < 0.5))
    throw new InvalidArgumentError('write a chance above 0 and below 0.5, such as 0.01');
  return value;
}
