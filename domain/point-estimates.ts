import { PRESENT } from './datasets.js';
import {
  comparingIds,
  decideEvaluation,
  judgeAbsolute,
  judgeNonInferior,
  judgeSuperior,
  lowerPasses,
} from './stats/gates.js';
import type { Judgement } from './stats/gates.js';
import { GATE_METRICS, metricFacts, taskOf } from './stats/metrics.js';
import type {
  Estimate,
  EvaluationChecks,
  EvaluationReport,
  Gate,
  GateMetric,
  GateResult,
} from './stats/types.js';

/** Metrics that others computed: numbers without rows. */
export type Points = Readonly<Partial<Record<GateMetric, number>>>;

export interface PointReport {
  readonly candidate: Points;
  /** `null` when the report says nothing of a champion. */
  readonly champion: Points | null;
}

const GROUPS = ['binary_classification_metrics', 'regression_metrics'] as const;
const NAMES: ReadonlyMap<string, GateMetric> = new Map<string, GateMetric>([
  ...GATE_METRICS.map((metric) => [metric, metric] as const),
  ['auc', 'roc_auc'],
]);

/**
 * The metrics of an `evaluation.json` in SageMaker's format for model quality; those of the champion, where the pipeline
 * measured it too, stand under the same names with `champion_` before them. `null` when it holds none.
 */
export function pointsOf(report: unknown): PointReport | null {
  const group = (prefix: string): Points | null => {
    const found = GROUPS.flatMap((name) => entriesOf(membersOf(report)[`${prefix}${name}`]));
    return found.length === 0 ? null : Object.fromEntries(found);
  };
  const candidate = group('');
  return candidate === null ? null : { candidate, champion: group('champion_') };
}

function entriesOf(group: unknown): readonly (readonly [GateMetric, number])[] {
  return Object.entries(membersOf(group)).flatMap(([name, entry]) => {
    const metric = NAMES.get(name);
    const value = membersOf(entry)['value'];
    return metric === undefined || typeof value !== 'number' ? [] : [[metric, value] as const];
  });
}

const membersOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};

/** What nobody could look at, as there are no rows. */
const NOTHING_CHECKED: EvaluationChecks = {
  duplicateRowIds: null,
  rowsOutsideHoldOut: null,
  rowsInTraining: null,
  badLabels: 0,
  badCandidateScores: 0,
  badChampionScores: 0,
};

/**
 * Judges gates by numbers alone. They have no interval, so that chance counts as evidence: each gate says so, and none passes
 * against the champion unless the policy says `allowPointEstimates: true`. What needs rows (slices, bias, SQL) fails, and so does a metric that is not there.
 */
export function judgePoints(
  points: PointReport,
  options: {
    readonly gates: readonly Gate[];
    readonly holdOut: { readonly fromMs: number; readonly toMs: number } | null;
    readonly confidence: number;
    readonly seed: number;
    readonly championExpected: boolean;
    readonly candidateSizeBytes: number;
    /** The policy says `allowPointEstimates: true`: a difference of two numbers counts. */
    readonly allowed: boolean;
    /** Offline: whether somebody said that there is no champion. Absent where a release knows it. */
    readonly firstModel?: boolean;
  },
): EvaluationReport {
  const { gates, confidence, seed, allowed } = options;
  const size = options.candidateSizeBytes / 1_000_000;
  const known: PointReport = {
    ...points,
    candidate: { ...points.candidate, ...(size > 0 && { model_size_mb: size }) },
  };
  const noBaseline = points.champion === null;
  const results = gates
    .filter((gate) => !noBaseline || gate.kind === 'absolute' || gate.kind === 'bias')
    .map((gate) => judged(gate, known, { confidence, seed, allowed }));
  const metrics = gates.flatMap((gate) => (gate.kind === 'bias' ? [] : [gate.metric]));
  const task = taskOf(metrics) === 'regression' ? 'regression' : 'classification';
  const decided = decideEvaluation(NOTHING_CHECKED, results, {
    noBaseline,
    championExpected: options.championExpected,
    offline: true,
    task,
    ...(options.firstModel === false && { comparing: comparingIds(gates) }),
  });
  return {
    schema: 'modelkeeper/evaluation-v1',
    rows: 0,
    positives: 0,
    holdOut: options.holdOut,
    confidence,
    seed,
    replicates: 0,
    checks: NOTHING_CHECKED,
    noBaseline,
    champion: points.champion === null ? null : estimatesOf(points.champion),
    candidate: estimatesOf(known.candidate),
    gates: results,
    verdict: decided.verdict,
    reasons: [
      ...decided.reasons,
      `only metrics that somebody reported are known, without rows and intervals: the policy ${allowed ? 'allows point estimates' : 'does not allow point estimates, so that nothing is proved against the champion'}`,
    ],
    task,
    statistics: 'none',
  };
}

const estimatesOf = (points: Points): readonly Estimate[] =>
  GATE_METRICS.flatMap((metric) => {
    const estimate = points[metric];
    return estimate === undefined || !Number.isFinite(estimate)
      ? []
      : [{ metric, estimate, lower: null, upper: null }];
  });

function judged(
  gate: Gate,
  { candidate, champion }: PointReport,
  {
    confidence,
    seed,
    allowed,
  }: { readonly confidence: number; readonly seed: number; readonly allowed: boolean },
): GateResult {
  const value = gate.kind === 'bias' ? undefined : candidate[gate.metric];
  const other = gate.kind === 'bias' ? undefined : champion?.[gate.metric];
  const found = provedBy(judgementOf(gate, value, other), gate, allowed);
  return {
    id: gate.id,
    kind: gate.kind,
    metric: gate.metric,
    severity: gate.severity,
    slice: null,
    estimateChampion: other ?? null,
    estimateCandidate: value ?? null,
    delta: found.delta,
    lower: null,
    upper: null,
    confidence,
    upperConfidence: confidence,
    n: 0,
    positives: 0,
    method: value === undefined ? 'none' : 'point',
    seed,
    margin: found.margin,
    verdict: found.verdict,
    reason: found.reason,
    rowsWanted: null,
    reasonCode: found.reasonCode,
    ...(gate.dataset !== undefined && { dataset: gate.dataset }),
  };
}

/** Two numbers whose difference looks good prove nothing, unless the policy takes them for a proof. */
function provedBy(found: Judged, gate: Gate, allowed: boolean): Judged {
  if (allowed || gate.kind === 'absolute' || found.verdict !== 'pass') return found;
  return {
    ...found,
    verdict: 'inconclusive',
    reason: `${found.reason}, which proves nothing: give the rows, or say allowPointEstimates: true`,
  };
}

/** A number alone makes nothing sure. */
function byNumber(judgement: Judgement): Judgement {
  const reason = judgement.reason
    .replace(/ \[[^\]]*\]/, '')
    .replace('the estimate is', 'by the number alone it is')
    .replace('surely', 'by the number alone it');
  return judgement.reasonCode === 'kept'
    ? { ...judgement, reason, reasonCode: 'point estimate' }
    : { ...judgement, reason };
}

function possible(metric: GateMetric, value: number): boolean {
  const [least, most] = metricFacts(metric).range;
  return Number.isFinite(value) && value >= least && value <= most;
}

type Judged = Judgement & { readonly delta: number | null; readonly margin: number };

function judgementOf(gate: Gate, value: number | undefined, other: number | undefined): Judged {
  const missing = (reason: string): Judged => ({
    verdict: 'fail',
    reasonCode: 'missing metric',
    reason,
    delta: null,
    margin: 0,
  });
  if (gate.kind === 'bias' || gate.metric === 'custom' || (gate.by ?? []).length > 0)
    return missing('it needs the rows of the predictions, and there are none');
  if (gate.dataset !== undefined && gate.dataset !== PRESENT)
    return {
      ...missing(`metrics without rows are not of the set ${gate.dataset}`),
      reasonCode: 'missing dataset',
    };
  if (value === undefined) return missing(`the metrics reported have no ${gate.metric}`);
  const odd = [value, ...(other === undefined ? [] : [other])].find(
    (one) => !possible(gate.metric, one),
  );
  if (odd !== undefined)
    return {
      ...missing(`${gate.metric} cannot be ${odd}`),
      reasonCode: 'not a number',
    };
  const exact = (estimate: number) => ({ estimate, lower: estimate, upper: estimate });
  if (gate.kind === 'absolute')
    return {
      ...byNumber(judgeAbsolute({ ...gate, on: 'estimate' }, exact(value))),
      delta: null,
      margin: gate.min ?? gate.max ?? 0,
    };
  if (other === undefined)
    return missing(`the metrics reported have no ${gate.metric} of the champion`);
  const delta = (lowerPasses(gate) ? -1 : 1) * (value - other);
  if (gate.kind === 'superior')
    return {
      ...byNumber(judgeSuperior(gate.metric, gate.minGain, exact(delta))),
      delta,
      margin: gate.minGain,
    };
  const { absolute, relative = 0 } = gate.margin;
  if (absolute === undefined && !(other > 0))
    return {
      verdict: 'inconclusive',
      reasonCode: 'champion is zero',
      reason: `${gate.metric} of the champion is ${other}: a share of that says nothing`,
      delta,
      margin: 0,
    };
  const margin = absolute ?? relative * other;
  return { ...byNumber(judgeNonInferior(gate.metric, margin, exact(delta))), delta, margin };
}
