import { availableParallelism } from 'node:os';

import { InvalidArgumentError, Option, type Command } from 'commander';

import type {
  DatasetReport,
  Estimate,
  EvaluationReport,
  GateResult,
} from '../../domain/stats/types.js';
import { formatOf, MAX_DOWNLOAD, megabytes, threadsOf, working } from './analysis-commands.js';
import { command, instantMs, jsonText } from './command.js';
import type { CliContext } from './context.js';
import { EXIT, Exit, type ExitCode } from './exit.js';
import { issueText } from './policy-commands.js';

const FORMATS = ['text', 'json', 'html'] as const;

interface EvaluateOptions {
  readonly predictions?: readonly string[];
  readonly metrics?: string;
  readonly championMetrics?: string;
  readonly policy: string;
  readonly trainingRows?: readonly string[];
  readonly format?: (typeof FORMATS)[number];
  readonly json?: true;
  readonly out?: string;
  readonly seed: number;
  readonly confidence?: number;
  readonly from?: string;
  readonly to?: string;
  readonly candidateSizeMb?: number;
  readonly firstModel?: true;
  readonly memory: number;
  readonly threads: number;
  readonly maxDownload: number;
  readonly verbose?: true;
}

/** How the command ends by what the gates say. */
const ENDINGS: Readonly<Record<EvaluationReport['verdict'], ExitCode>> = {
  pass: EXIT.ok,
  fail: EXIT.worse,
  inconclusive: EXIT.cannotTell,
};

export function addEvaluateCommand(program: Command, context: CliContext): void {
  command(
    program,
    'evaluate',
    'judge a file of predictions by the gates of a policy, on this machine and without a server',
    'evaluate --predictions scored.csv --policy gates.yaml',
  )
    .option(
      '--predictions <file...>',
      'Parquet, CSV or JSON lines with both scores of each row: files, or a folder of them; of a further set of the policy as golden=FILE (repeat --predictions)',
    )
    .option(
      '--metrics <file>',
      "in place of rows: the candidate's evaluation.json in SageMaker's format. Numbers without rows prove no non-inferiority, unless the policy says allowPointEstimates",
    )
    .option('--champion-metrics <file>', "with --metrics: the champion's evaluation.json")
    .requiredOption('--policy <file>', 'a policy, or a document that holds only evaluate:')
    .option('--training-rows <file...>', 'row ids the candidate was trained on')
    .addOption(
      new Option('--format <format>', 'what to print (default: by the ending of --out, or text)')
        .choices(FORMATS)
        .conflicts('json'),
    )
    .option('--out <file>', 'write there instead of printing')
    .option('--seed <number>', 'of the bootstraps; the same gives the same numbers', wholeNumber, 1)
    .option('--confidence <share>', "one-sided, in place of the policy's", shareOf)
    .option('--from <time>', 'the held-out window begins here; rows before it fail the evaluation')
    .option('--to <time>', 'the held-out window ends before this')
    .option('--candidate-size-mb <megabytes>', 'size of the artefact, for gates on it', positive)
    .option('--first-model', 'there is no champion: gates that compare are left out')
    .option('--memory <MB>', 'memory of the database', megabytes, 1_024)
    .option('--threads <n>', 'threads of the database', threadsOf, availableParallelism())
    .option(...MAX_DOWNLOAD)
    .option('--verbose', 'tell what is being done, also where nobody watches')
    .addHelpText('after', '\nExit codes: 0 passes, 10 fails, 12 cannot tell.\n')
    .action(async (options: EvaluateOptions) => {
      await evaluate(context, options);
    });
}

async function show(
  context: CliContext,
  options: EvaluateOptions,
  report: EvaluationReport,
): Promise<void> {
  const { out } = options;
  const format = options.json === true ? 'json' : (options.format ?? formatOf(out));
  const text = await rendered(context, format, options, report);
  if (out === undefined) {
    context.out(text);
    return;
  }
  const { writeResult } = await import('../offline/work.js');
  await writeResult(out, `${text.trimEnd()}\n`);
  context.err(`${report.verdict}: the report is in ${out}`);
}

async function rendered(
  context: CliContext,
  format: (typeof FORMATS)[number],
  options: EvaluateOptions,
  report: EvaluationReport,
): Promise<string> {
  const { out } = options;
  if (format === 'json') return jsonText(report);
  if (format === 'html') {
    const { evaluationPage } = await import('../../analysis/report/index.js');
    return evaluationPage(report, sourceOf(options));
  }
  if (out === undefined) return evaluationText(context, report);
  const { default: pc } = await import('picocolors');
  return evaluationText({ colors: pc.createColors(false) }, report);
}

const sourceOf = ({ predictions, metrics = '' }: EvaluateOptions): string =>
  predictions?.join(', ') ?? metrics;

/** Rows, or metrics in their place. */
function refuseMixed({ predictions, ...options }: EvaluateOptions): void {
  const refuse = (sentence: string): never => {
    throw new Exit(EXIT.refused, sentence);
  };
  if (predictions !== undefined) {
    if (options.metrics !== undefined || options.championMetrics !== undefined)
      refuse('give --predictions or --metrics, not both: rows prove more than metrics');
    return;
  }
  if (options.metrics === undefined)
    refuse('give --predictions with the rows that both models scored, or --metrics');
  if (options.trainingRows !== undefined || options.from !== undefined)
    refuse('--training-rows, --from and --to are about rows: give --predictions');
}

async function evaluate(context: CliContext, options: EvaluateOptions): Promise<void> {
  refuseMixed(options);
  const [{ readPolicyPart }, { evaluateSchema }] = await Promise.all([
    import('../policy-file.js'),
    import('../../domain/evaluate.schema.js'),
  ]);
  const reading = await readPolicyPart(options.policy, 'evaluate', evaluateSchema);
  if (reading.kind === 'invalid')
    throw new Exit(
      EXIT.refused,
      reading.issues.map((issue) => issueText(context, issue)).join('\n'),
    );
  const { from, to, confidence, candidateSizeMb, trainingRows } = options;
  if ((from === undefined) !== (to === undefined))
    throw new Exit(EXIT.refused, 'give --from and --to together: they are one window');
  const nowMs = context.now();
  const { evaluateFiles, evaluatePoints } = await import('../offline/evaluate.js');
  const { predictions, metrics = '', championMetrics } = options;
  const shared = {
    evaluate: reading.part,
    ...(confidence !== undefined && { confidence }),
    ...(candidateSizeMb !== undefined && { candidateSizeMb }),
    ...(options.firstModel === true && { firstModel: true }),
  };
  const request = {
    ...shared,
    seed: options.seed,
    ...(options.out !== undefined && { out: options.out }),
    ...(trainingRows !== undefined && { trainingRows }),
    ...(from !== undefined &&
      to !== undefined && {
        holdOut: {
          fromMs: instantMs(from, nowMs, 'ago'),
          toMs: instantMs(to, nowMs, 'ago'),
        },
      }),
  };
  await working(context, options, async (work) => {
    const report =
      predictions === undefined
        ? await evaluatePoints({
            ...shared,
            metrics,
            ...(championMetrics !== undefined && { championMetrics }),
          })
        : await evaluateFiles({ ...request, predictions }, work);
    work.onStage('writing the report');
    await show(context, options, report);
    if (report.verdict !== 'pass') throw new Exit(ENDINGS[report.verdict], '');
  });
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!/^\d{1,9}$/.test(text) || value < 1)
    throw new InvalidArgumentError('write a whole number from 1');
  return value;
}

function positive(text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value <= 0)
    throw new InvalidArgumentError('write a number above 0');
  return value;
}

function shareOf(text: string): number {
  const value = Number(text);
  if (!(value >= 0.8 && value < 1))
    throw new InvalidArgumentError('write a share of at least 0.8 and below 1, such as 0.95');
  return value;
}

/** The verdict with its reasons, both models side by side, and every gate. */
export function evaluationText(
  context: Pick<CliContext, 'colors'>,
  report: EvaluationReport,
): string {
  const { colors } = context;
  const paint = { pass: colors.green, fail: colors.red, inconclusive: colors.yellow };
  const word = { pass: 'PASS', fail: 'FAIL', inconclusive: 'CANNOT TELL' }[report.verdict];
  const classes =
    report.task === 'regression' ? '' : ` (${counted(report.positives)} of them positive)`;
  const gates = report.gates.map(
    (gate) => `  ${paint[gate.verdict](gateWord(gate).padEnd(12))} ${gate.id}: ${gateText(gate)}`,
  );
  const entities =
    report.entities === undefined ? '' : `, ${counted(report.entities)} entities drawn as wholes`;
  if (report.statistics === 'none')
    return [
      `${colors.bold(paint[report.verdict](word))}  metrics without rows: no intervals, and nobody looked for leaked or repeated rows`,
      ...notOfGates(report).map((reason) => `  ${reason}`),
      ...section('Metrics', metricLines(report)),
      ...section('Gates', gates),
    ].join('\n');
  return [
    `${colors.bold(paint[report.verdict](word))}  ${counted(report.rows)} rows${classes}${entities}; bounds one-sided at ${String(Number((report.confidence * 100).toPrecision(6)))} %, seed ${report.seed}`,
    ...notOfGates(report).map((reason) => `  ${reason}`),
    ...section('Metrics', metricLines(report)),
    ...(report.datasets ?? []).flatMap((set) => section(...datasetLines(set))),
    ...section('Gates', gates),
  ].join('\n');
}

/** Reasons beside those of the gates, which stand with their gate. */
function notOfGates({ reasons, gates }: EvaluationReport): readonly string[] {
  const ofGates = gates.map((gate) => `${gate.id}: ${gate.reason}`);
  return reasons.filter((reason) => !ofGates.some((one) => reason.startsWith(one)));
}

const section = (title: string, lines: readonly string[]): readonly string[] =>
  lines.length === 0 ? [] : ['', title, ...lines];

/** A further set of predictions: what it holds, and both models on it. */
function datasetLines(set: DatasetReport): readonly [string, readonly string[]] {
  const title = `Set ${set.name}`;
  if (set.kind === 'missing') return [title, [`  missing: ${set.reason}`]];
  return [`${title}: ${counted(set.rows)} rows`, metricLines(set)];
}

const gateWord = ({ verdict }: GateResult): string =>
  verdict === 'inconclusive' ? 'cannot tell' : verdict;

function gateText(gate: GateResult): string {
  const advisory = gate.severity === 'advisory' ? ' (advisory)' : '';
  const wanted =
    gate.rowsWanted === null ? '' : `; about ${counted(gate.rowsWanted)} rows would settle it`;
  const how = gate.method === 'none' ? '' : ` [${gate.method}, ${counted(gate.n)} rows]`;
  const on = gate.dataset === undefined ? '' : ` (on ${gate.dataset})`;
  const code = gate.reasonCode === undefined ? '' : ` (${gate.reasonCode})`;
  return `${gate.reason}${wanted}${code}${how}${on}${advisory}`;
}

function metricLines({
  champion,
  candidate,
}: Pick<EvaluationReport, 'champion' | 'candidate'>): readonly string[] {
  const champions = new Map((champion ?? []).map((one) => [one.metric, one]));
  const width = Math.max(0, ...candidate.map(({ metric }) => metric.length));
  return candidate.map((one) => {
    const other = champions.get(one.metric);
    const before = other === undefined ? '' : `champion ${intervalText(other).padEnd(26)} `;
    return `  ${one.metric.padEnd(width)}  ${before}candidate ${intervalText(one)}`;
  });
}

function intervalText({ estimate, lower, upper }: Estimate): string {
  if (estimate === null) return 'not known';
  const short = (value: number | null) =>
    value === null ? '?' : String(Number(value.toPrecision(4)));
  return `${short(estimate)} [${short(lower)}, ${short(upper)}]`;
}

const counted = (value: number): string => value.toLocaleString('en-US');
