import { PRESENT } from '../domain/datasets.js';
import type { DatasetFloor } from '../domain/datasets.js';
import type { EvaluateInputs } from '../domain/evaluate.schema.js';
import { evaluationCurves } from '../domain/stats/curves.js';
import { checkFaults, comparingIds, decideEvaluation } from '../domain/stats/gates.js';
import { metricFacts, taskOf } from '../domain/stats/metrics.js';
import type { EvaluationTask } from '../domain/stats/metrics.js';
import type {
  DatasetReport,
  Estimate,
  EvaluationChecks,
  EvaluationReport,
  Gate,
  GateMetric,
  GateResult,
} from '../domain/stats/types.js';
import type { Duck } from './duck.js';
import { UnusableData } from './failures.js';
import { Judge, judgeAll, positivesOf, refused } from './judge.js';
import type { Bench, JudgeOptions } from './judge.js';
import { PredictionRows } from './prediction-rows.js';
import type { DataFiles } from './relation.js';
import { boundsOf, ROW_REPLICATES, sampleMeanLoss } from './sampling.js';
import type { ScoredRows } from './sampling.js';

export interface EvaluateOptions {
  /** Parquet with `rowId, label, champion, candidate, eventTimeMs` and any slice columns; champion may be missing. */
  readonly file: string | DataFiles;
  /** Parquet with `rowId`: what the candidate was trained on. */
  readonly trainingRowsFile?: string | DataFiles;
  /** Half-open. `null` where nobody knows it, which only an offline evaluation takes. */
  readonly holdOut: { readonly fromMs: number; readonly toMs: number } | null;
  readonly gates: readonly Gate[];
  /** What the columns are called, where not as above. */
  readonly inputs?: EvaluateInputs;
  /** One-sided, of every bound. */
  readonly confidence: number;
  /** A whole number; the same seed gives the same report. */
  readonly seed: number;
  /** Fewest rows for a verdict, where a gate does not say its own. */
  readonly minRows: number;
  /** A champion serves: then predictions without its scores fail. */
  readonly championExpected?: boolean;
  /** What the policy wants of the held-out rows as a whole. */
  readonly floor?: DatasetFloor;
  /** Further sets of predictions that gates name. */
  readonly datasets?: readonly FurtherDataset[];
  /** Of the candidate's artefact, for gates on its size. */
  readonly candidateSizeBytes?: number;
  /** Somebody tries gates on files of their own: see `EvaluationContext`. */
  readonly offline?: boolean;
  /** Offline: there is no champion, and none is missing. */
  readonly firstModel?: boolean;
  readonly signal?: AbortSignal;
}

/** Predictions beside those of the held-out rows, such as a frozen set. */
export interface FurtherDataset {
  readonly name: string;
  readonly predictions: string | DataFiles | { readonly missing: string };
  readonly floor?: DatasetFloor;
  /** Rows from before the held-out window fail its gates. */
  readonly afterTrainingCutoff?: boolean;
}

/** Metrics people always see, beside those of the gates. */
const SHOWN: Readonly<Record<EvaluationTask, readonly GateMetric[]>> = {
  classification: ['roc_auc', 'accuracy', 'log_loss', 'brier'],
  regression: ['rmse', 'mae', 'r2'],
};
const asFiles = (file: string | DataFiles): DataFiles =>
  typeof file === 'string' ? { files: [file], format: 'parquet' } : file;

/** What the labels and scores are: as the policy says, else by the metrics of the gates. */
export function taskOfGates(
  gates: readonly Gate[],
  inputs: EvaluateInputs | undefined,
): EvaluationTask {
  if (inputs?.task !== undefined) return inputs.task;
  const metrics = gates.flatMap((gate) => (gate.kind === 'bias' ? [] : [gate.metric]));
  return taskOf(metrics) === 'regression' ? 'regression' : 'classification';
}

/**
 * Judges a candidate by its gates on rows that both models scored after both were trained, and by those gates that name another
 * set of predictions on that one.
 *
 * @throws {UnusableData} when the held-out predictions cannot be read, hold no rows, or lack a column
 */
export async function evaluateGates(
  duck: Duck,
  options: EvaluateOptions,
): Promise<EvaluationReport> {
  const { inputs = {}, offline = false, gates, holdOut } = options;
  const task = taskOfGates(gates, inputs);
  const present = await judgeSet(duck, options, {
    name: PRESENT,
    files: asFiles(options.file),
    floor: options.floor ?? {},
    within: holdOut,
    task,
  });
  const further: JudgedFurther[] = [];
  for (const set of options.datasets ?? [])
    further.push(await judgeFurther(duck, options, set, { task, noBaseline: present.noBaseline }));
  const faults = checkFaults(present.checks, task);
  const own =
    faults.length === 0
      ? present.results
      : gatesOn(gates, PRESENT).map((gate) =>
          refused(gate, options, {
            reasonCode: 'bad rows',
            reason: `the rows cannot be trusted: ${faults.join('; ')}`,
          }),
        );
  const results = [...own, ...further.flatMap((one) => one.results)];
  const judged = gates.flatMap((gate) => results.filter((result) => isOf(result, gate)));
  return {
    schema: 'modelkeeper/evaluation-v1',
    rows: present.rows.labels.length,
    positives: positivesOf(present.rows),
    holdOut,
    confidence: options.confidence,
    seed: options.seed,
    replicates: ROW_REPLICATES,
    checks: present.checks,
    noBaseline: present.noBaseline,
    champion: present.noBaseline ? null : (present.estimates?.champion ?? []),
    candidate: present.estimates?.candidate ?? [],
    gates: judged,
    ...decideEvaluation(present.checks, judged, {
      noBaseline: present.noBaseline,
      championExpected: options.championExpected ?? false,
      offline,
      task,
      ...(offline && options.firstModel !== true && { comparing: comparingIds(gates) }),
      further: further.flatMap(({ report }) => (report.kind === 'judged' ? [report] : [])),
    }),
    ...curvesOf(present, task),
    task,
    ...(present.rows.groups && { entities: present.rows.groups.count }),
    ...(further.length > 0 && { datasets: further.map(({ report }) => report) }),
  };
}

/** A result is of the gate with its id, or of one slice of that. */
const isOf = ({ id, slice }: GateResult, gate: Gate): boolean =>
  slice === null ? id === gate.id : id.startsWith(`${gate.id}[`);

const gatesOn = (gates: readonly Gate[], name: string): readonly Gate[] =>
  gates.filter((gate) => (gate.dataset ?? PRESENT) === name);

interface SetToJudge {
  readonly name: string;
  readonly files: DataFiles;
  readonly floor: DatasetFloor;
  /** When the rows must have happened; `null` where nobody asks or knows. */
  readonly within: { readonly fromMs: number; readonly toMs: number } | null;
  readonly task: EvaluationTask;
  /** There is a champion on the held-out rows, so that there must be one here. */
  readonly championKnown?: boolean;
  /** The policy wants its rows to be from after the training. Absent for the held-out rows. */
  readonly afterTrainingCutoff?: boolean;
}

interface JudgedSet {
  readonly rows: ScoredRows;
  readonly checks: EvaluationChecks;
  readonly noBaseline: boolean;
  readonly trusted: boolean;
  readonly results: readonly GateResult[];
  readonly estimates: Estimates | null;
}

/** One set of predictions: what is wrong with its rows, and the gates that look at it. */
async function judgeSet(duck: Duck, options: EvaluateOptions, set: SetToJudge): Promise<JudgedSet> {
  const { inputs = {}, offline = false } = options;
  const isPresent = set.name === PRESENT;
  const predictions = await PredictionRows.open(duck, {
    files: set.files,
    inputs,
    task: set.task,
    offline,
    ...(!isPresent && { further: { needsTimes: set.afterTrainingCutoff === true } }),
  });
  const checked = await predictions.check({
    holdOut: set.within,
    training: options.trainingRowsFile === undefined ? null : asFiles(options.trainingRowsFile),
    trainingRowId: inputs.rowId ?? 'rowId',
  });
  const checks = isPresent ? checked : asFurther(checked, set.afterTrainingCutoff === true);
  const rows = await predictions.load();
  const noBaseline = !predictions.hasChampion;
  const trusted = checkFaults(checks, set.task).length === 0;
  const judging: JudgeOptions = {
    gates: gatesOn(options.gates, set.name),
    confidence: options.confidence,
    seed: options.seed,
    minRows: options.minRows,
    floor: set.floor,
    ...(!isPresent && { dataset: set.name }),
    ...(set.championKnown === true && { championKnown: true }),
    ...(options.candidateSizeBytes !== undefined && {
      candidateSizeBytes: options.candidateSizeBytes,
    }),
    ...(options.signal && { signal: options.signal }),
  };
  const bench: Bench = { duck, predictions, rows, judge: new Judge(judging), options: judging };
  return {
    rows,
    checks,
    noBaseline,
    trusted,
    results: trusted ? await judgeAll(bench) : [],
    estimates: readable(checks) ? await estimatesOf(bench, set.task) : null,
  };
}

/** Labels, scores and weights are what they must be for anything to be computed. */
const readable = (checks: EvaluationChecks): boolean =>
  checks.badLabels +
    checks.badCandidateScores +
    checks.badChampionScores +
    (checks.badWeights ?? 0) ===
  0;

/** A further set has no held-out window, and may have to be from after the training. */
const asFurther = (checks: EvaluationChecks, afterTrainingCutoff: boolean): EvaluationChecks => ({
  ...checks,
  rowsOutsideHoldOut: null,
  ...(afterTrainingCutoff && { rowsBeforeCutoff: checks.rowsOutsideHoldOut }),
});

interface JudgedFurther {
  readonly report: DatasetReport;
  readonly results: readonly GateResult[];
}

/** A set that is not there, or that cannot be trusted, fails the gates that name it. */
async function judgeFurther(
  duck: Duck,
  options: EvaluateOptions,
  set: FurtherDataset,
  { task, noBaseline }: { readonly task: EvaluationTask; readonly noBaseline: boolean },
): Promise<JudgedFurther> {
  const { name, predictions, floor = {} } = set;
  const own = gatesOn(options.gates, name);
  const refuse = (
    reasonCode: 'missing dataset' | 'bad rows',
    reason: string,
  ): readonly GateResult[] =>
    own.map((gate) => refused(gate, { ...options, dataset: name }, { reasonCode, reason }));
  const missing = (reason: string): JudgedFurther => ({
    report: { name, kind: 'missing', reason },
    results: refuse('missing dataset', reason),
  });
  if (typeof predictions === 'object' && 'missing' in predictions)
    return missing(predictions.missing);
  const afterTrainingCutoff = set.afterTrainingCutoff ?? false;
  let judged: JudgedSet;
  try {
    judged = await judgeSet(duck, options, {
      name,
      files: asFiles(predictions),
      floor,
      within:
        afterTrainingCutoff && options.holdOut !== null
          ? { fromMs: options.holdOut.fromMs, toMs: Number.MAX_SAFE_INTEGER }
          : null,
      task,
      championKnown: !noBaseline || options.championExpected === true,
      afterTrainingCutoff,
    });
  } catch (error) {
    if (!(error instanceof UnusableData)) throw error;
    return missing(`the set ${name} cannot be judged: ${error.message}`);
  }
  const { rows, checks, estimates, trusted } = judged;
  const faults = checkFaults(checks, task).join('; ');
  return {
    report: {
      name,
      kind: 'judged',
      rows: rows.labels.length,
      positives: positivesOf(rows),
      checks,
      noBaseline: judged.noBaseline,
      champion: judged.noBaseline ? null : (estimates?.champion ?? []),
      candidate: estimates?.candidate ?? [],
      ...curvesOf(judged, task),
      ...(rows.groups && { entities: rows.groups.count }),
    },
    results: trusted
      ? judged.results
      : refuse('bad rows', `the set ${name} cannot be trusted: ${faults}`),
  };
}

const curvesOf = (
  { rows, checks }: JudgedSet,
  task: EvaluationTask,
): Pick<EvaluationReport, 'curves'> =>
  readable(checks) && task === 'classification' ? { curves: evaluationCurves(rows) } : {};

interface Estimates {
  readonly champion: readonly Estimate[];
  readonly candidate: readonly Estimate[];
}

async function estimatesOf(
  { rows, judge, options: { confidence, gates } }: Bench,
  task: EvaluationTask,
): Promise<Estimates> {
  const ofGates = gates.flatMap((gate): readonly GateMetric[] =>
    gate.kind === 'bias' || gate.metric === 'custom' || gate.metric === 'model_size_mb'
      ? []
      : [gate.metric],
  );
  const [champion, candidate]: [Estimate[], Estimate[]] = [[], []];
  for (const metric of new Set([...SHOWN[task], ...ofGates])) {
    const judged = ofGates.includes(metric);
    const quick = judged ? null : sampleMeanLoss(metric, rows);
    const sampled = quick ?? (await judge.sample(metric, rows));
    const unknown = { metric, estimate: null, lower: null, upper: null };
    for (const side of ['champion', 'candidate'] as const) {
      const sampling = sampled?.[side] ?? null;
      (side === 'champion' ? champion : candidate).push(
        sampling === null
          ? unknown
          : finite({
              metric,
              ...boundsOf(sampling, confidence, confidence, metricFacts(metric).range),
            }),
      );
    }
  }
  return { champion, candidate };
}

/** JSON has no NaN: what is not a number is `null`. */
function finite(estimate: Estimate): Estimate {
  const known = (value: number | null) => (Number.isFinite(value) ? value : null);
  const { metric, estimate: value, lower, upper } = estimate;
  return { metric, estimate: known(value), lower: known(lower), upper: known(upper) };
}
