import { evaluationCurves } from '../domain/stats/curves.js';
import {
  decideEvaluation,
  judgeAbsolute,
  judgeNonInferior,
  judgeSuperior,
  limitOf,
  rowsToSettle,
} from '../domain/stats/gates.js';
import type { Bounded, Judgement } from '../domain/stats/gates.js';
import { holmLevels } from '../domain/stats/multiple-testing.js';
import { FEWEST_OF_A_CLASS } from '../domain/stats/performance.js';
import type {
  Estimate,
  EvaluationChecks,
  EvaluationReport,
  Gate,
  GateMetric,
  GateResult,
  GateVerdict,
} from '../domain/stats/types.js';
import { countOf, quoteName, textOfRow } from './duck.js';
import type { Duck } from './duck.js';
import { UnusableData } from './failures.js';
import { openFiles } from './relation.js';
import type { Relation } from './relation.js';
import {
  boundsOf,
  isLoss,
  pBeyond,
  ROW_REPLICATES,
  sampleMeanLoss,
  sampleMetric,
} from './sampling.js';
import type { MetricSampling, ScoredRows } from './sampling.js';

export interface EvaluateOptions {
  /** Parquet with `rowId, label, champion, candidate, eventTimeMs` and any slice columns; champion may be missing. */
  readonly file: string;
  /** Parquet with `rowId`: what the candidate was trained on. */
  readonly trainingRowsFile?: string;
  /** Half-open. */
  readonly holdOut: { readonly fromMs: number; readonly toMs: number };
  readonly gates: readonly Gate[];
  /** One-sided, of every bound. */
  readonly confidence: number;
  /** A whole number; the same seed gives the same report. */
  readonly seed: number;
  /** Fewest rows for a verdict, where a gate does not say its own. */
  readonly minRows: number;
  /** A champion serves: then predictions without its scores fail. */
  readonly championExpected?: boolean;
  readonly signal?: AbortSignal;
}

/** Metrics people always see, beside those of the gates. */
const SHOWN: readonly GateMetric[] = ['roc_auc', 'accuracy', 'log_loss', 'brier'];
/** Values of one column beyond which slices are refused. */
const MOST_SLICES = 100;

/**
 * Judges a candidate by its gates on rows that both models scored after both were trained.
 *
 * @throws {UnusableData} when the predictions cannot be read, hold no rows, or lack a column
 */
export async function evaluateGates(
  duck: Duck,
  options: EvaluateOptions,
): Promise<EvaluationReport> {
  const relation = await openFiles(duck, { files: [options.file], format: 'parquet' });
  const names = new Set(relation.columns.map((column) => column.name));
  const lacking = ['rowId', 'label', 'candidate', 'eventTimeMs'].filter((name) => !names.has(name));
  if (lacking.length > 0) {
    throw new UnusableData(`the predictions have no column ${lacking.join(', ')}`);
  }
  await refuseOddTimes(duck, relation);
  const hasChampion =
    names.has('champion') &&
    countOf(
      (await duck.row(`select count(champion) as n from ${relation.from}`, relation.bound))['n'],
    ) > 0;
  const checks = await checkRows(duck, relation, hasChampion, options);
  const rows = await loadRows(duck, relation, hasChampion, 'true', {});
  if (rows.labels.length === 0) throw new UnusableData('the predictions hold no rows');

  const judge = new Judge(options);
  const trusted = checks.badLabels + checks.badCandidateScores + checks.badChampionScores === 0;
  const gates = trusted ? await judgeAll(duck, relation, rows, judge, options) : [];
  const noBaseline = !hasChampion;
  const metrics = [...new Set([...SHOWN, ...options.gates.map((gate) => gate.metric)])];
  const estimates = trusted ? await estimatesOf(metrics, rows, judge, options) : null;
  return {
    schema: 'modelkeeper/evaluation-v1',
    rows: rows.labels.length,
    positives: positivesOf(rows),
    holdOut: options.holdOut,
    confidence: options.confidence,
    seed: options.seed,
    replicates: ROW_REPLICATES,
    checks,
    noBaseline,
    champion: hasChampion ? (estimates?.champion ?? []) : null,
    candidate: estimates?.candidate ?? [],
    gates,
    ...decideEvaluation(checks, gates, {
      noBaseline,
      championExpected: options.championExpected ?? false,
    }),
    ...(trusted && { curves: evaluationCurves(rows) }),
  };
}

/** Times of another kind would all lie outside of the window, which is not what is wrong with them. */
async function refuseOddTimes(duck: Duck, relation: Relation): Promise<void> {
  const row = await duck.row(
    `select any_value(typeof(eventTimeMs)) as kind, any_value(eventTimeMs::varchar) as example
     from ${relation.from} where eventTimeMs is not null and try_cast(eventTimeMs as double) is null`,
    relation.bound,
  );
  if (row['kind'] === null || row['kind'] === undefined) return;
  throw new UnusableData(
    `eventTimeMs must be milliseconds since 1970 as a number, not ${textOfRow(row['kind'])} such as ${textOfRow(row['example'])}`,
  );
}

async function checkRows(
  duck: Duck,
  relation: Relation,
  hasChampion: boolean,
  { holdOut, trainingRowsFile }: EvaluateOptions,
): Promise<EvaluationChecks> {
  const badScore = (column: string) =>
    `count(*) filter (where not coalesce(try_cast(${column} as double) between 0 and 1, false))`;
  const row = await duck.row(
    `select count(*) - count(distinct rowId::varchar) as repeated,
            count(*) filter (where not coalesce(try_cast(eventTimeMs as double) >= $from and try_cast(eventTimeMs as double) < $to, false)) as outside,
            count(*) filter (where not coalesce(try_cast(label as double) in (0, 1), false)) as labels,
            ${badScore('candidate')} as candidate,
            ${hasChampion ? badScore('champion') : '0'} as champion
     from ${relation.from}`,
    { ...relation.bound, from: holdOut.fromMs, to: holdOut.toMs },
  );
  return {
    duplicateRowIds: countOf(row['repeated']),
    rowsOutsideHoldOut: countOf(row['outside']),
    rowsInTraining:
      trainingRowsFile === undefined ? null : await overlap(duck, relation, trainingRowsFile),
    badLabels: countOf(row['labels']),
    badCandidateScores: countOf(row['candidate']),
    badChampionScores: countOf(row['champion']),
  };
}

async function overlap(duck: Duck, relation: Relation, file: string): Promise<number | null> {
  const training = await openFiles(duck, { files: [file], format: 'parquet' });
  if (!training.columns.some((column) => column.name === 'rowId')) {
    throw new UnusableData('the training rows have no column rowId');
  }
  const from = training.from.replaceAll('$files', '$training');
  const row = await duck.row(
    `select (select count(*) from ${from}) as known,
            count(*) filter (where rowId::varchar in (select rowId::varchar from ${from} where rowId is not null)) as n
     from ${relation.from}`,
    { ...relation.bound, training: training.bound['files'] ?? [] },
  );
  return countOf(row['known']) === 0 ? null : countOf(row['n']);
}

async function loadRows(
  duck: Duck,
  relation: Relation,
  hasChampion: boolean,
  condition: string,
  bound: Readonly<Record<string, string>>,
): Promise<ScoredRows> {
  // In order of the row id, so that a bootstrap draws the same rows whatever the order of the file.
  const [labels, candidate, champion] = await duck.doubles(
    `select try_cast(label as double), try_cast(candidate as double),
            ${hasChampion ? 'try_cast(champion as double)' : 'null::double'}
     from ${relation.from} where ${condition}
     order by rowId::varchar, 1, 2, 3`,
    { ...relation.bound, ...bound },
  );
  const none = new Float64Array();
  return {
    labels: labels ?? none,
    candidate: candidate ?? none,
    champion: hasChampion ? (champion ?? none) : null,
  };
}

function positivesOf(rows: ScoredRows): number {
  return rows.labels.reduce((sum, label) => sum + (label === 1 ? 1 : 0), 0);
}

/** Samples each metric once per set of rows. */
class Judge {
  private readonly known = new Map<ScoredRows, Map<GateMetric, Promise<MetricSampling | null>>>();

  constructor(private readonly options: Pick<EvaluateOptions, 'seed' | 'signal'>) {}

  sample(metric: GateMetric, rows: ScoredRows): Promise<MetricSampling | null> {
    const ofRows = this.known.get(rows) ?? new Map<GateMetric, Promise<MetricSampling | null>>();
    this.known.set(rows, ofRows);
    const { seed, signal } = this.options;
    const found =
      ofRows.get(metric) ?? sampleMetric(metric, rows, { seed, ...(signal && { signal }) });
    ofRows.set(metric, found);
    return found;
  }
}

/** Log loss has no upper end; all the others are shares. */
function rangeOf(metric: GateMetric): readonly [number, number] {
  return [0, metric === 'log_loss' ? Infinity : 1];
}

async function estimatesOf(
  metrics: readonly GateMetric[],
  rows: ScoredRows,
  judge: Judge,
  { confidence, gates }: Pick<EvaluateOptions, 'confidence' | 'gates'>,
): Promise<{ readonly champion: readonly Estimate[]; readonly candidate: readonly Estimate[] }> {
  const [champion, candidate]: [Estimate[], Estimate[]] = [[], []];
  for (const metric of metrics) {
    const judged = gates.some((gate) => gate.metric === metric);
    const sampled =
      !judged && isLoss(metric) ? sampleMeanLoss(metric, rows) : await judge.sample(metric, rows);
    const unknown = { metric, estimate: null, lower: null, upper: null };
    for (const side of ['champion', 'candidate'] as const) {
      const sampling = sampled?.[side] ?? null;
      (side === 'champion' ? champion : candidate).push(
        sampling === null
          ? unknown
          : { metric, ...boundsOf(sampling, confidence, confidence, rangeOf(metric)) },
      );
    }
  }
  return { champion, candidate };
}

interface Part {
  readonly slice: GateResult['slice'];
  readonly rows: ScoredRows;
}

async function judgeAll(
  duck: Duck,
  relation: Relation,
  rows: ScoredRows,
  judge: Judge,
  options: EvaluateOptions,
): Promise<readonly GateResult[]> {
  const results: GateResult[] = [];
  for (const gate of options.gates) {
    if (gate.kind !== 'absolute' && rows.champion === null) continue;
    const by = gate.kind === 'non_inferior' ? (gate.by ?? []) : [];
    if (by.length === 0) {
      results.push(...(await judgeParts(gate, [{ slice: null, rows }], judge, options)));
      continue;
    }
    const parts: Part[] = [];
    for (const column of by) {
      const found = await slicesOf(duck, relation, rows.champion !== null, column);
      if (found.kind === 'parts') parts.push(...found.parts);
      else {
        const slice = { column, value: '*' };
        const result = unjudged(gate, rows, options, slice, found.reason);
        results.push({ ...result, verdict: found.verdict });
      }
    }
    results.push(...(await judgeParts(gate, parts, judge, options)));
  }
  return results;
}

type Slices =
  | { readonly kind: 'parts'; readonly parts: readonly Part[] }
  | { readonly kind: 'none'; readonly verdict: GateVerdict; readonly reason: string };

/** The rows of each value of a column. A column that is not there fails the gate that asks for it. */
async function slicesOf(
  duck: Duck,
  relation: Relation,
  hasChampion: boolean,
  column: string,
): Promise<Slices> {
  if (!relation.columns.some(({ name }) => name === column)) {
    const reason = `the predictions have no column ${column}`;
    return { kind: 'none', verdict: 'fail', reason };
  }
  const text = `coalesce(${quoteName(column)}::varchar, '(missing)')`;
  const values = await duck.rows(
    `select ${text} as value, count(*) as n from ${relation.from} group by 1 order by n desc, 1`,
    relation.bound,
  );
  if (values.length > MOST_SLICES) {
    const reason = `${column} has ${values.length} values, at most ${MOST_SLICES} slices are judged`;
    return { kind: 'none', verdict: 'inconclusive', reason };
  }
  const parts: Part[] = [];
  for (const row of values) {
    const value = textOfRow(row['value']);
    const rows = await loadRows(duck, relation, hasChampion, `${text} = $slice`, { slice: value });
    parts.push({ slice: { column, value }, rows });
  }
  return { kind: 'parts', parts };
}

/** What a gate compares with its limit: the candidate itself, or the difference. */
function limitFor(gate: Gate): number {
  if (gate.kind === 'absolute') return limitOf(gate);
  return gate.kind === 'non_inferior' ? -gate.margin.absolute : gate.minGain;
}

function marginOf(gate: Gate): number {
  return gate.kind === 'non_inferior' ? gate.margin.absolute : limitFor(gate);
}

function judgementOf(gate: Gate, bounded: Bounded): Judgement {
  if (gate.kind === 'absolute') return judgeAbsolute(gate, bounded);
  return gate.kind === 'non_inferior'
    ? judgeNonInferior(gate.metric, gate.margin.absolute, bounded)
    : judgeSuperior(gate.metric, gate.minGain, bounded);
}

/**
 * Judges a gate on one or several parts of the rows. Several are judged in Holm's order: each bound at the level of its
 * step, for passing and for failing apart. Parts with too few rows have no part in the correction.
 */
async function judgeParts(
  gate: Gate,
  parts: readonly Part[],
  judge: Judge,
  options: EvaluateOptions,
): Promise<readonly GateResult[]> {
  const minRows =
    gate.kind === 'non_inferior' ? (gate.minRows ?? options.minRows) : options.minRows;
  const limit = limitFor(gate);
  const sampled = [];
  const results: GateResult[] = [];
  for (const part of parts) {
    const whyNot = tooLittle(part.rows, minRows);
    const metric = whyNot === null ? await judge.sample(gate.metric, part.rows) : null;
    const sampling = (gate.kind === 'absolute' ? metric?.candidate : metric?.delta) ?? null;
    if (metric === null || sampling === null) {
      const reason = whyNot ?? `${gate.metric} cannot be computed from these rows`;
      results.push({
        ...unjudged(gate, part.rows, options, part.slice, reason),
        rowsWanted: part.rows.labels.length < minRows ? minRows : null,
      });
    } else sampled.push({ ...part, metric, sampling });
  }
  const alpha = 1 - options.confidence;
  const passing = holmLevels(
    sampled.map(({ sampling }) => pBeyond(sampling, limit, 'above')),
    alpha,
  );
  const failing = holmLevels(
    sampled.map(({ sampling }) => pBeyond(sampling, limit, 'below')),
    alpha,
  );
  sampled.forEach(({ slice, rows, metric, sampling }, i) => {
    // Behind a step that was not significant nothing is judged any more: the bound of the strictest step is shown.
    const strictest = alpha / sampled.length;
    const stepOf = (levels: readonly number[]) => Math.max(levels[i] ?? 0, strictest);
    const confidence = 1 - stepOf(passing);
    const upperConfidence = 1 - stepOf(failing);
    const range = gate.kind === 'absolute' ? rangeOf(gate.metric) : undefined;
    const bounded = boundsOf(sampling, confidence, upperConfidence, range);
    const judgement = judgementOf(gate, bounded);
    const n = rows.labels.length;
    results.push({
      ...unjudged(gate, rows, options, slice, judgement.reason),
      estimateChampion: metric.champion?.estimate ?? null,
      estimateCandidate: metric.candidate.estimate,
      delta: gate.kind === 'absolute' ? null : bounded.estimate,
      lower: bounded.lower,
      upper: bounded.upper,
      confidence,
      upperConfidence,
      method: metric.method,
      verdict: judgement.verdict,
      rowsWanted: judgement.verdict === 'inconclusive' ? rowsToSettle(n, bounded, limit) : null,
    });
  });
  return results;
}

function tooLittle(rows: ScoredRows, minRows: number): string | null {
  const n = rows.labels.length;
  if (n < minRows) return `${n} rows, ${minRows} are needed`;
  const positives = positivesOf(rows);
  const rarer = Math.min(positives, n - positives);
  return rarer < FEWEST_OF_A_CLASS
    ? `only ${rarer} of ${n} rows are of the rarer class, ${FEWEST_OF_A_CLASS} are needed`
    : null;
}

function unjudged(
  gate: Gate,
  rows: ScoredRows,
  { confidence, seed }: EvaluateOptions,
  slice: GateResult['slice'],
  reason: string,
): GateResult {
  return {
    id: slice === null ? gate.id : `${gate.id}[${slice.column}=${slice.value}]`,
    kind: gate.kind,
    metric: gate.metric,
    severity: gate.severity,
    slice,
    estimateChampion: null,
    estimateCandidate: null,
    delta: null,
    lower: null,
    upper: null,
    confidence,
    upperConfidence: confidence,
    n: rows.labels.length,
    positives: positivesOf(rows),
    method: 'none',
    seed,
    margin: marginOf(gate),
    verdict: 'inconclusive',
    reason,
    rowsWanted: null,
  };
}
