import {
  accuracy,
  brierOf,
  f1,
  logLossOf,
  meanLoss,
  prAuc,
  precision,
  recall,
  THRESHOLD,
} from '../domain/stats/binary-metrics.js';
import type { Confusion } from '../domain/stats/binary-metrics.js';
import { deLong, pairedDeLong } from '../domain/stats/delong.js';
import type { Bounded } from '../domain/stats/gates.js';
import { lowerIsBetter } from '../domain/stats/performance.js';
import { quantileSorted } from '../domain/stats/rank-tests.js';
import { ascendingOrder } from '../domain/stats/ranks.js';
import type { GateMetric, GateMethod } from '../domain/stats/types.js';
import { multinomial, seeded } from './random.js';
import type { Random } from './random.js';
import { normalQuantile, normalTail } from './tails.js';

/** Rows both models scored. */
export interface ScoredRows {
  /** 0 or 1. */
  readonly labels: Float64Array;
  /** `null` for a first model. */
  readonly champion: Float64Array | null;
  readonly candidate: Float64Array;
}

/** How a number would vary with other rows of the same kind. */
export type Sampling =
  | { readonly kind: 'normal'; readonly estimate: number; readonly error: number }
  | { readonly kind: 'draws'; readonly estimate: number; readonly sorted: Float64Array };

export interface MetricSampling {
  readonly method: GateMethod;
  readonly champion: Sampling | null;
  readonly candidate: Sampling;
  /** Candidate − champion, turned so that more is better. */
  readonly delta: Sampling | null;
}

export interface SamplingOptions {
  readonly seed: number;
  readonly signal?: AbortSignal;
}

/** Draws over rows, where each draw walks all of them. */
export const ROW_REPLICATES = 2_000;
/** Draws over the table of labels and decisions, which cost the same for any number of rows. */
export const TABLE_REPLICATES = 10_000;

/** One-sided bounds, each at its own confidence; those of a share stay between 0 and 1 by `range`. */
export function boundsOf(
  sampling: Sampling,
  lowerConfidence: number,
  upperConfidence: number,
  range: readonly [number, number] = [-Infinity, Infinity],
): Bounded {
  const { estimate } = sampling;
  const [lower, upper] =
    sampling.kind === 'normal'
      ? [
          estimate - normalQuantile(lowerConfidence) * sampling.error,
          estimate + normalQuantile(upperConfidence) * sampling.error,
        ]
      : [
          quantileSorted(sampling.sorted, 1 - lowerConfidence),
          quantileSorted(sampling.sorted, upperConfidence),
        ];
  return { estimate, lower: Math.max(range[0], lower), upper: Math.min(range[1], upper) };
}

/** One-sided p that the true value is not above (or, `side` below, not below) the limit. */
export function pBeyond(sampling: Sampling, limit: number, side: 'above' | 'below'): number {
  const sign = side === 'above' ? 1 : -1;
  if (sampling.kind === 'normal') {
    const distance = sign * (sampling.estimate - limit);
    if (sampling.error === 0) return distance > 0 ? 0 : 1;
    return normalTail(distance / sampling.error);
  }
  let against = 0;
  for (const draw of sampling.sorted) if (sign * (draw - limit) <= 0) against += 1;
  return (against + 1) / (sampling.sorted.length + 1);
}

/**
 * One metric of both models on the same rows. `null` where it cannot be computed: fewer than two rows of either class.
 *
 * ROC AUC by DeLong; what depends on decisions only by drawing the table of label × decision × decision, which is the
 * exact paired bootstrap; the rest by drawing rows. Every metric begins at the same seed, so that a gate's numbers do not
 * depend on which other gates there are.
 */
export async function sampleMetric(
  metric: GateMetric,
  rows: ScoredRows,
  options: SamplingOptions,
): Promise<MetricSampling | null> {
  const positives = rows.labels.reduce((sum, label) => sum + label, 0);
  if (positives < 2 || rows.labels.length - positives < 2) return null;
  switch (metric) {
    case 'roc_auc':
      return sampleAuc(rows);
    case 'accuracy':
      return sampleTable(rows, accuracy, options);
    case 'precision':
      return sampleTable(rows, precision, options);
    case 'recall':
      return sampleTable(rows, recall, options);
    case 'f1':
      return sampleTable(rows, f1, options);
    case 'log_loss':
      return sampleLosses(metric, rows, logLossOf, options);
    case 'brier':
      return sampleLosses(metric, rows, brierOf, options);
    case 'pr_auc':
      return samplePrAuc(rows, options);
  }
}

function sampleAuc({ labels, champion, candidate }: ScoredRows): MetricSampling | null {
  const normal = (estimate: number, variance: number): Sampling => ({
    kind: 'normal',
    estimate,
    error: Math.sqrt(variance),
  });
  if (champion === null) {
    const own = deLong(labels, candidate);
    return own === null
      ? null
      : { method: 'delong', champion: null, candidate: normal(own.auc, own.variance), delta: null };
  }
  const both = pairedDeLong(labels, champion, candidate);
  return both === null
    ? null
    : {
        method: 'delong',
        champion: normal(both.champion.auc, both.champion.variance),
        candidate: normal(both.candidate.auc, both.candidate.variance),
        delta: normal(both.difference, both.differenceVariance),
      };
}

/** Values of both models in one draw. */
type Draw = readonly [champion: number, candidate: number];

async function collect(
  metric: GateMetric,
  hasChampion: boolean,
  point: Draw,
  replicates: number,
  draw: () => Draw,
  signal?: AbortSignal,
): Promise<MetricSampling> {
  const champion = new Float64Array(replicates);
  const candidate = new Float64Array(replicates);
  const delta = new Float64Array(replicates);
  const sign = lowerIsBetter(metric) ? -1 : 1;
  let breathAt = performance.now();
  for (let i = 0; i < replicates; i += 1) {
    const [first, second] = draw();
    champion[i] = first;
    candidate[i] = second;
    delta[i] = sign * (second - first);
    if (performance.now() - breathAt > 20) {
      // Heartbeats and cancellation are handled between draws.
      await new Promise((resume) => setImmediate(resume));
      signal?.throwIfAborted();
      breathAt = performance.now();
    }
  }
  const draws = (estimate: number, values: Float64Array): Sampling => ({
    kind: 'draws',
    estimate,
    sorted: values.sort(),
  });
  return {
    method: hasChampion ? 'paired bootstrap' : 'bootstrap',
    champion: hasChampion ? draws(point[0], champion) : null,
    candidate: draws(point[1], candidate),
    delta: hasChampion ? draws(sign * (point[1] - point[0]), delta) : null,
  };
}

/** Cells by label (4), champion's decision (2) and candidate's decision (1). */
function jointTable({ labels, champion, candidate }: ScoredRows): readonly number[] {
  const cells = [0, 0, 0, 0, 0, 0, 0, 0];
  for (let i = 0; i < labels.length; i += 1) {
    const cell =
      (labels[i] === 1 ? 4 : 0) +
      ((champion?.[i] ?? 0) >= THRESHOLD ? 2 : 0) +
      ((candidate[i] ?? 0) >= THRESHOLD ? 1 : 0);
    cells[cell] = (cells[cell] ?? 0) + 1;
  }
  return cells;
}

function confusionOf(cells: readonly number[], bit: 1 | 2): Confusion {
  const sum = (label: 0 | 4, decision: boolean) =>
    cells.reduce(
      (n, count, cell) =>
        (cell & 4) === label && ((cell & bit) !== 0) === decision ? n + count : n,
      0,
    );
  return { tp: sum(4, true), fp: sum(0, true), fn: sum(4, false), tn: sum(0, false) };
}

async function sampleTable(
  rows: ScoredRows,
  metricOf: (cells: Confusion) => number,
  { seed, signal }: SamplingOptions,
): Promise<MetricSampling> {
  const table = jointTable(rows);
  const both = (cells: readonly number[]): Draw => [
    metricOf(confusionOf(cells, 2)),
    metricOf(confusionOf(cells, 1)),
  ];
  const random = seeded(seed);
  const drawn = [...table];
  const draw = () => {
    multinomial(random, rows.labels.length, table, drawn);
    return both(drawn);
  };
  return collect('accuracy', rows.champion !== null, both(table), TABLE_REPLICATES, draw, signal);
}

async function sampleLosses(
  metric: GateMetric,
  rows: ScoredRows,
  lossOf: (label: number, score: number) => number,
  { seed, signal }: SamplingOptions,
): Promise<MetricSampling> {
  const { labels, candidate } = rows;
  const champion = rows.champion ?? candidate;
  const n = labels.length;
  const losses = (scores: Float64Array) =>
    scores.map((score, i) => lossOf(labels[i] ?? Number.NaN, score));
  const first = losses(champion);
  const second = losses(candidate);
  const random = seeded(seed);
  const draw = (): Draw => {
    let [sumFirst, sumSecond] = [0, 0];
    for (let i = 0; i < n; i += 1) {
      const row = random.index(n);
      sumFirst += first[row] ?? 0;
      sumSecond += second[row] ?? 0;
    }
    return [sumFirst / n, sumSecond / n];
  };
  const point: Draw = [meanLoss(labels, champion, lossOf), meanLoss(labels, candidate, lossOf)];
  return collect(metric, rows.champion !== null, point, ROW_REPLICATES, draw, signal);
}

const LOSSES = { log_loss: logLossOf, brier: brierOf } as const;

export type LossMetric = keyof typeof LOSSES;

export const isLoss = (metric: GateMetric): metric is LossMetric => metric in LOSSES;

/**
 * A mean loss by its standard error: what a number that only is shown costs is one walk over the rows. A gate draws.
 * `null` with fewer than two rows.
 */
export function sampleMeanLoss(
  metric: LossMetric,
  { labels, champion, candidate }: ScoredRows,
): Pick<MetricSampling, 'champion' | 'candidate'> | null {
  if (labels.length < 2) return null;
  const lossOf = LOSSES[metric];
  const normal = (scores: Float64Array): Sampling => {
    const n = scores.length;
    const estimate = meanLoss(labels, scores, lossOf);
    const squares = scores.reduce(
      (sum, score, i) => sum + (lossOf(labels[i] ?? Number.NaN, score) - estimate) ** 2,
      0,
    );
    return { kind: 'normal', estimate, error: Math.sqrt(squares / (n - 1) / n) };
  };
  return { champion: champion === null ? null : normal(champion), candidate: normal(candidate) };
}

async function samplePrAuc(
  rows: ScoredRows,
  { seed, signal }: SamplingOptions,
): Promise<MetricSampling> {
  const { labels, champion, candidate } = rows;
  const championOrder = champion === null ? null : ascendingOrder(champion);
  const candidateOrder = ascendingOrder(candidate);
  const both = (times?: Uint16Array): Draw => [
    champion === null || championOrder === null
      ? Number.NaN
      : prAuc(labels, champion, championOrder, times),
    prAuc(labels, candidate, candidateOrder, times),
  ];
  const random = seeded(seed);
  const times = new Uint16Array(labels.length);
  const draw = () => {
    drawTimes(random, times);
    return both(times);
  };
  return collect('pr_auc', champion !== null, both(), ROW_REPLICATES, draw, signal);
}

function drawTimes(random: Random, times: Uint16Array): void {
  times.fill(0);
  for (let i = 0; i < times.length; i += 1) {
    const row = random.index(times.length);
    times[row] = (times[row] ?? 0) + 1;
  }
}
