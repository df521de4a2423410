import { aucBound, aucDistance } from '../domain/stats/auc-bounds.js';
import type { AucOfOneModel } from '../domain/stats/auc-bounds.js';
import { deLong, pairedDeLong } from '../domain/stats/delong.js';
import type { DeLong } from '../domain/stats/delong.js';
import { THRESHOLD } from '../domain/stats/binary-metrics.js';
import type { Confusion } from '../domain/stats/binary-metrics.js';
import type { Bounded } from '../domain/stats/gates.js';
import { latencyQuantile, metricFacts } from '../domain/stats/metrics.js';
import { quantileSorted } from '../domain/stats/rank-tests.js';
import {
  DECISION_METRICS,
  lossFromMean,
  LOSSES,
  rowMetric,
  weightedMean,
} from '../domain/stats/row-metrics.js';
import type { GateMetric, GateMethod } from '../domain/stats/types.js';
import { multinomial, seeded } from './random.js';
import type { Random } from './random.js';
import { normalQuantile, normalTail } from './tails.js';

/** Rows both models scored. */
export interface ScoredRows {
  /** 0 or 1; for a regression any finite number. */
  readonly labels: Float64Array;
  /** `null` for a first model. */
  readonly champion: Float64Array | null;
  readonly candidate: Float64Array;
  /** How much each row counts; once when absent. */
  readonly weights?: Float64Array;
  /** Which entity each row belongs to, 0 to `count` − 1: rows of one entity are drawn together. */
  readonly groups?: { readonly of: Float64Array; readonly count: number };
  /** Milliseconds each answer took; NaN where not known. */
  readonly latencies?: {
    readonly champion: Float64Array | null;
    readonly candidate: Float64Array | null;
  };
}

/** How a number would vary with other rows of the same kind. */
export type Sampling =
  | { readonly kind: 'normal'; readonly estimate: number; readonly error: number }
  /** The ROC AUC of one model, whose bounds domain/stats/auc-bounds.ts finds. */
  | { readonly kind: 'auc'; readonly estimate: number; readonly auc: AucOfOneModel }
  | {
      readonly kind: 'draws';
      readonly estimate: number;
      readonly sorted: Float64Array;
      /** By how much drawing itself raises the number, on average; 0 when absent. */
      readonly bias?: number;
    };

export interface MetricSampling {
  readonly method: GateMethod;
  readonly champion: Sampling | null;
  readonly candidate: Sampling;
  /** a · champion + b · candidate on the same rows. `null` when that needs a champion that is not there. */
  combined(champion: number, candidate: number): Sampling | null;
}

export interface SamplingOptions {
  readonly seed: number;
  readonly signal?: AbortSignal;
}

/** Draws over rows, where each draw walks all of them. */
export const ROW_REPLICATES = 2_000;
/** Draws over the table of labels and decisions, which cost the same for any number of rows. */
export const TABLE_REPLICATES = 10_000;
/** Draws whose number is not defined, such as those of one class, may be this share of all. */
export const MOST_UNDEFINED = 0.05;

/** One-sided bounds, each at its own confidence; those of a share stay between 0 and 1 by `range`. */
export function boundsOf(
  sampling: Sampling,
  lowerConfidence: number,
  upperConfidence: number,
  range: readonly [number, number] = [-Infinity, Infinity],
): Bounded {
  const { estimate } = sampling;
  const [lower, upper] = rawBounds(sampling, lowerConfidence, upperConfidence);
  return { estimate, lower: Math.max(range[0], lower), upper: Math.min(range[1], upper) };
}

function rawBounds(
  sampling: Sampling,
  lowerConfidence: number,
  upperConfidence: number,
): readonly [number, number] {
  switch (sampling.kind) {
    case 'normal':
      return [
        sampling.estimate - normalQuantile(lowerConfidence) * sampling.error,
        sampling.estimate + normalQuantile(upperConfidence) * sampling.error,
      ];
    case 'auc':
      return [
        aucBound(sampling.auc, normalQuantile(lowerConfidence), 'lower'),
        aucBound(sampling.auc, normalQuantile(upperConfidence), 'upper'),
      ];
    case 'draws': {
      const lower = quantileSorted(sampling.sorted, 1 - lowerConfidence);
      const upper = quantileSorted(sampling.sorted, upperConfidence);
      const { bias = 0, estimate } = sampling;
      // What chance can only raise may well be below its estimate; nothing else is outside of its bounds.
      return bias > 0
        ? [lower - shiftOf(sampling, 'lower'), upper - shiftOf(sampling, 'upper')]
        : [Math.min(lower, estimate), Math.max(upper, estimate)];
    }
  }
}

/** 1 + 1 / (√2 − 1): see {@link shiftOf}. */
const NOISE_IN_DRAWS = 2 + Math.SQRT2;

/**
 * What drawing adds to a number that chance can only raise, such as the ECE. Where all of it is noise, a draw has the noise of the
 * rows and its own, √2 times as much: so what the draws add, over √2 − 1, is what the rows have added to the estimate. The
 * upper bound is freed of the one, the lower bound of both.
 */
function shiftOf(sampling: Sampling, side: 'lower' | 'upper'): number {
  const bias = sampling.kind === 'draws' ? (sampling.bias ?? 0) : 0;
  return side === 'lower' ? NOISE_IN_DRAWS * bias : bias;
}

/** One-sided p that the true value is not above (or, `side` below, not below) the limit. */
export function pBeyond(sampling: Sampling, limit: number, side: 'above' | 'below'): number {
  const sign = side === 'above' ? 1 : -1;
  if (sampling.kind === 'normal') {
    const distance = sign * (sampling.estimate - limit);
    if (sampling.error === 0) return distance > 0 ? 0 : 1;
    return normalTail(distance / sampling.error);
  }
  if (sampling.kind === 'auc') return normalTail(aucDistance(sampling.auc, limit, side));
  const shift = shiftOf(sampling, side === 'above' ? 'lower' : 'upper');
  let against = 0;
  for (const draw of sampling.sorted) if (sign * (draw - shift - limit) <= 0) against += 1;
  return (against + 1) / (sampling.sorted.length + 1);
}

/**
 * One metric of both models on the same rows. `null` where it cannot be computed: fewer than two rows of either class, no
 * latencies, or a number that too many of the draws do not have.
 *
 * ROC AUC by DeLong; what depends on decisions only by drawing the table of label × decision × decision, which is the
 * exact paired bootstrap; the rest by drawing rows. Where rows belong to entities or have weights, DeLong and the table
 * would be wrong: entities are drawn, with all of their rows. Every metric begins at the same seed, so that a gate's
 * numbers do not depend on which other gates there are.
 */
export async function sampleMetric(
  metric: GateMetric,
  rows: ScoredRows,
  options: SamplingOptions,
): Promise<MetricSampling | null> {
  if (rows.labels.length < 2) return null;
  if (metricFacts(metric).task === 'classification' && metric !== 'prediction_flip_share') {
    const positives = rows.labels.reduce((sum, label) => sum + label, 0);
    if (positives < 2 || rows.labels.length - positives < 2) return null;
  }
  if (rows.weights === undefined && rows.groups === undefined) {
    if (metric === 'roc_auc') return sampleAuc(rows);
    const decide = DECISION_METRICS[metric];
    if (decide !== undefined) return sampleTable(rows, decide, options);
    if (metric === 'prediction_flip_share') return sampleFlips(rows, options);
    if (LOSSES[metric] !== undefined) return sampleLosses(metric, rows, options);
  }
  return sampleRows(metric, rows, options);
}

function sampleAuc({ labels, champion, candidate }: ScoredRows): MetricSampling | null {
  const positives = labels.reduce((sum, label) => sum + label, 0);
  const classes = { positives, negatives: labels.length - positives };
  const normal = (estimate: number, variance: number): Sampling => ({
    kind: 'normal',
    estimate,
    error: Math.sqrt(Math.max(0, variance)),
  });
  const alone = ({ auc, variance }: DeLong): Sampling => ({
    kind: 'auc',
    estimate: auc,
    auc: { auc, error: Math.sqrt(Math.max(0, variance)), ...classes },
  });
  if (champion === null) {
    const own = deLong(labels, candidate);
    return own === null
      ? null
      : {
          method: 'delong',
          champion: null,
          candidate: alone(own),
          combined: (a, b) => (a === 0 ? normal(b * own.auc, b * b * own.variance) : null),
        };
  }
  const both = pairedDeLong(labels, champion, candidate);
  if (both === null) return null;
  const { champion: first, candidate: second, covariance } = both;
  return {
    method: 'delong',
    champion: alone(first),
    candidate: alone(second),
    combined: (a, b) =>
      normal(
        // The difference itself has its own rounding: keep it.
        a === -b ? b * both.difference : a * first.auc + b * second.auc,
        a === -b
          ? b * b * both.differenceVariance
          : a * a * first.variance + b * b * second.variance + 2 * a * b * covariance,
      ),
  };
}

/** Values of both models in one draw; NaN where there is no champion. */
type Draw = readonly [champion: number, candidate: number];

/**
 * Draws until there are enough, and gives way to the event loop between draws: heartbeats and cancellation are handled
 * there. A draw without a number is left out; where there are many of those, nothing can be said.
 */
async function collect(
  metric: GateMetric,
  rows: Pick<ScoredRows, 'champion' | 'groups'>,
  point: Draw,
  replicates: number,
  draw: () => Draw,
  signal?: AbortSignal,
): Promise<MetricSampling | null> {
  const hasChampion = rows.champion !== null && !Number.isNaN(point[0]);
  const champion = new Float64Array(replicates);
  const candidate = new Float64Array(replicates);
  let [kept, undefinedDraws] = [0, 0];
  let breathAt = performance.now();
  while (kept < replicates) {
    const [first, second] = draw();
    if (Number.isFinite(second) && (!hasChampion || Number.isFinite(first))) {
      champion[kept] = first;
      candidate[kept] = second;
      kept += 1;
    } else {
      undefinedDraws += 1;
      if (undefinedDraws > MOST_UNDEFINED * replicates) return null;
    }
    breathAt = await breathe(breathAt, signal);
  }
  return samplingOfDraws(
    metric,
    { method: methodOf(hasChampion, rows.groups !== undefined), hasChampion, point },
    champion,
    candidate,
  );
}

/** Gives way to the event loop when that was last done more than 20 ms ago. */
export async function breathe(breathAt: number, signal?: AbortSignal): Promise<number> {
  if (performance.now() - breathAt <= 20) return breathAt;
  await new Promise((resume) => setImmediate(resume));
  signal?.throwIfAborted();
  return performance.now();
}

export const methodOf = (hasChampion: boolean, clustered: boolean): GateMethod =>
  clustered
    ? hasChampion
      ? 'paired cluster bootstrap'
      : 'cluster bootstrap'
    : hasChampion
      ? 'paired bootstrap'
      : 'bootstrap';

/** What draws of both models say of any combination of the two. */
export function samplingOfDraws(
  metric: GateMetric,
  about: { readonly method: GateMethod; readonly hasChampion: boolean; readonly point: Draw },
  champion: Float64Array,
  candidate: Float64Array,
): MetricSampling {
  const { method, hasChampion, point } = about;
  const combined = (a: number, b: number): Sampling | null => {
    if (a !== 0 && !hasChampion) return null;
    const sorted = candidate
      .map((value, i) => (a === 0 ? 0 : a * (champion[i] ?? Number.NaN)) + b * value)
      .sort();
    const estimate = (a === 0 ? 0 : a * point[0]) + b * point[1];
    // In a difference what drawing adds to both models goes away by itself.
    const alone = metric === 'ece' && ((a === 0 && b > 0) || (b === 0 && a > 0));
    const bias = alone ? Math.max(0, weightedMean(sorted, null) - estimate) : 0;
    return { kind: 'draws', estimate, sorted, ...(bias > 0 && { bias }) };
  };
  const own = combined(0, 1);
  if (own === null) throw new Error('a combination without the champion needs none');
  return {
    method,
    champion: hasChampion ? samplingAlone(metric, point[0], champion) : null,
    candidate: own,
    combined,
  };
}

function samplingAlone(metric: GateMetric, estimate: number, values: Float64Array): Sampling {
  const sorted = Float64Array.from(values).sort();
  const bias = metric === 'ece' ? Math.max(0, weightedMean(sorted, null) - estimate) : 0;
  return { kind: 'draws', estimate, sorted, ...(bias > 0 && { bias }) };
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

/**
 * What a draw draws from: half a row more in each cell that could have rows, one where there is only one model.
 *
 * Draws from the bare table say that what never happened never will: 200 right answers of 200 would be surely above 99.9 %.
 * With this an accuracy gets two right and two wrong answers more (Agresti and Coull, 1998), a recall one of each, and a
 * difference of two models half a row or one to each kind of disagreement (Agresti and Min, 2005).
 */
export function smoothedTable(table: readonly number[], hasChampion: boolean): readonly number[] {
  return table.map((count, cell) => {
    if (hasChampion) return count + 0.5;
    return (cell & 2) === 0 ? count + 1 : 0;
  });
}

async function sampleTable(
  rows: ScoredRows,
  metricOf: (cells: Confusion) => number,
  { seed, signal }: SamplingOptions,
): Promise<MetricSampling | null> {
  const table = jointTable(rows);
  const both = (cells: readonly number[]): Draw => [
    metricOf(confusionOf(cells, 2)),
    metricOf(confusionOf(cells, 1)),
  ];
  const random = seeded(seed);
  const from = smoothedTable(table, rows.champion !== null);
  const drawn = [...table];
  const draw = () => {
    multinomial(random, rows.labels.length, from, drawn);
    return both(drawn);
  };
  return collect('accuracy', rows, both(table), TABLE_REPLICATES, draw, signal);
}

/** Decisions of the candidate that are not the champion's: one share, drawn as such. */
async function sampleFlips(
  rows: ScoredRows,
  { seed, signal }: SamplingOptions,
): Promise<MetricSampling | null> {
  if (rows.champion === null) return null;
  const table = jointTable(rows);
  const share = (cells: readonly number[]): Draw => [
    Number.NaN,
    cells.reduce((n, count, cell) => ((cell & 1) !== (cell & 2) >> 1 ? n + count : n), 0) /
      rows.labels.length,
  ];
  const random = seeded(seed);
  const from = smoothedTable(table, true);
  const drawn = [...table];
  const draw = () => {
    multinomial(random, rows.labels.length, from, drawn);
    return share(drawn);
  };
  const metric = 'prediction_flip_share';
  return collect(metric, { champion: null }, share(table), TABLE_REPLICATES, draw, signal);
}

/**
 * A mean loss, or the root of one, by the studentized bootstrap: each draw gives (its number − the number) / its own standard
 * error, and a bound lies that many standard errors away (Efron and Tibshirani 1993, chapter 12). Losses are skewed: a few
 * rows make most of a squared error, and a draw that misses them is low and sure of it. Bounds by the draws themselves are
 * too low then.
 */
async function sampleLosses(
  metric: GateMetric,
  rows: ScoredRows,
  { seed, signal }: SamplingOptions,
): Promise<MetricSampling | null> {
  const lossOf = LOSSES[metric];
  if (lossOf === undefined) return null;
  const { labels, candidate } = rows;
  const hasChampion = rows.champion !== null;
  const n = labels.length;
  const losses = (scores: Float64Array) =>
    scores.map((score, i) => lossOf(labels[i] ?? Number.NaN, score));
  const second = losses(candidate);
  const first = rows.champion === null ? second : losses(rows.champion);
  const point: LossMoments = {
    ...lossMoments(first, second, null),
    first: weightedMean(first, null),
    second: weightedMean(second, null),
  };
  const known = (mean: number) => Number.isFinite(lossFromMean(metric, mean));
  if (!known(point.first) || !known(point.second)) return null;
  const random = seeded(seed);
  const drawn = new Uint32Array(n);
  const draws: LossMoments[] = [];
  let breathAt = performance.now();
  while (draws.length < ROW_REPLICATES) {
    for (let i = 0; i < n; i += 1) drawn[i] = random.index(n);
    draws.push(lossMoments(first, second, drawn));
    breathAt = await breathe(breathAt, signal);
  }
  const combined = (a: number, b: number): Sampling | null =>
    a !== 0 && !hasChampion ? null : studentized(metric, point, draws, a, b, n);
  const own = combined(0, 1);
  if (own === null) return null;
  return {
    method: methodOf(hasChampion, false),
    champion: hasChampion ? combined(1, 0) : null,
    candidate: own,
    combined,
  };
}

/** Means of the losses of both models, their variances and their covariance, over all rows or those drawn. */
interface LossMoments {
  readonly first: number;
  readonly second: number;
  readonly firstVariance: number;
  readonly secondVariance: number;
  readonly covariance: number;
}

function lossMoments(
  first: Float64Array,
  second: Float64Array,
  drawn: Uint32Array | null,
): LossMoments {
  const n = first.length;
  // Around a value of their own, as squares of large losses lose their digits.
  const [firstAt, secondAt] = [first[0] ?? 0, second[0] ?? 0];
  let [x, y, xx, yy, xy] = [0, 0, 0, 0, 0];
  for (let i = 0; i < n; i += 1) {
    const row = drawn === null ? i : (drawn[i] ?? 0);
    const u = (first[row] ?? Number.NaN) - firstAt;
    const v = (second[row] ?? Number.NaN) - secondAt;
    x += u;
    y += v;
    xx += u * u;
    yy += v * v;
    xy += u * v;
  }
  return {
    first: firstAt + x / n,
    second: secondAt + y / n,
    firstVariance: (xx - (x * x) / n) / (n - 1),
    secondVariance: (yy - (y * y) / n) / (n - 1),
    covariance: (xy - (x * y) / n) / (n - 1),
  };
}

/** a · champion + b · candidate and its standard error; that of a root by its slope. */
function combinedLoss(
  metric: GateMetric,
  moments: LossMoments,
  a: number,
  b: number,
  n: number,
): { readonly value: number; readonly error: number } {
  const [first, second] = [
    lossFromMean(metric, moments.first),
    lossFromMean(metric, moments.second),
  ];
  const slope = (root: number) => (metric === 'rmse' ? 1 / (2 * root) : 1);
  const [p, q] = [a === 0 ? 0 : a * slope(first), b === 0 ? 0 : b * slope(second)];
  const variance =
    p * p * moments.firstVariance + q * q * moments.secondVariance + 2 * p * q * moments.covariance;
  return { value: (a === 0 ? 0 : a * first) + b * second, error: Math.sqrt(variance / n) };
}

/** `null` where too many draws have no error of their own. Where no row differs from another there is nothing to draw. */
function studentized(
  metric: GateMetric,
  point: LossMoments,
  draws: readonly LossMoments[],
  a: number,
  b: number,
  n: number,
): Sampling | null {
  const { value, error } = combinedLoss(metric, point, a, b, n);
  if (!(error > 0)) return { kind: 'normal', estimate: value, error: 0 };
  const sorted = Float64Array.from(draws, (moments) => {
    const draw = combinedLoss(metric, moments, a, b, n);
    return value - ((draw.value - value) / draw.error) * error;
  })
    .filter(Number.isFinite)
    .sort();
  if (sorted.length < (1 - MOST_UNDEFINED) * draws.length) return null;
  return { kind: 'draws', estimate: value, sorted };
}

/**
 * A mean loss by its standard error: what a number that only is shown costs is one walk over the rows. A gate draws.
 * `null` with fewer than two rows, and where rows belong together or weigh differently.
 */
export function sampleMeanLoss(
  metric: GateMetric,
  { labels, champion, candidate, weights, groups }: ScoredRows,
): Pick<MetricSampling, 'champion' | 'candidate'> | null {
  const lossOf = LOSSES[metric];
  if (lossOf === undefined || labels.length < 2 || weights !== undefined || groups !== undefined)
    return null;
  const normal = (scores: Float64Array): Sampling => {
    const n = scores.length;
    const losses = scores.map((score, i) => lossOf(labels[i] ?? Number.NaN, score));
    const mean = weightedMean(losses, null);
    const squares = losses.reduce((sum, loss) => sum + (loss - mean) ** 2, 0);
    const error = Math.sqrt(squares / (n - 1) / n);
    const estimate = lossFromMean(metric, mean);
    // The error of a root, by its slope.
    const slope = metric === 'rmse' ? (mean > 0 ? 1 / (2 * estimate) : 0) : 1;
    return { kind: 'normal', estimate, error: error * slope };
  };
  return { champion: champion === null ? null : normal(champion), candidate: normal(candidate) };
}

/** Draws rows, or entities with all of their rows, and weighs each row by how often it was drawn. */
async function sampleRows(
  metric: GateMetric,
  rows: ScoredRows,
  { seed, signal }: SamplingOptions,
): Promise<MetricSampling | null> {
  const { labels, weights = null } = rows;
  const isLatency = latencyQuantile(metric) !== null;
  const [first, second] = isLatency
    ? [rows.latencies?.champion ?? null, rows.latencies?.candidate ?? null]
    : [rows.champion, rows.candidate];
  if (second === null) return null;
  const isFlips = metric === 'prediction_flip_share';
  const champion = first === null || isFlips ? null : rowMetric(metric, labels, first);
  const candidate = rowMetric(metric, labels, second, isFlips ? first : null);
  if (candidate === null) return null;
  const both = (times: ArrayLike<number> | null): Draw => [
    champion?.(times) ?? Number.NaN,
    candidate(times),
  ];
  const random = seeded(seed);
  const times = new Float64Array(labels.length);
  const drawTimes = drawer(rows, random, times);
  const draw = () => {
    drawTimes();
    return both(times);
  };
  const point = both(weights);
  if (!Number.isFinite(point[1]) || (champion !== null && !Number.isFinite(point[0]))) return null;
  const about = {
    champion: champion === null ? null : first,
    ...(rows.groups && { groups: rows.groups }),
  };
  return collect(metric, about, point, ROW_REPLICATES, draw, signal);
}

/** Writes into `times` how often each row counts in a draw. */
export function drawer(
  { labels, groups, weights }: Pick<ScoredRows, 'labels' | 'groups' | 'weights'>,
  random: Random,
  times: Float64Array,
): () => void {
  const n = labels.length;
  if (groups === undefined) {
    return () => {
      times.fill(0);
      for (let i = 0; i < n; i += 1) {
        const row = random.index(n);
        times[row] = (times[row] ?? 0) + (weights === undefined ? 1 : (weights[row] ?? 0));
      }
    };
  }
  const { of, count } = groups;
  const drawn = new Float64Array(count);
  return () => {
    drawn.fill(0);
    for (let i = 0; i < count; i += 1) {
      const group = random.index(count);
      drawn[group] = (drawn[group] ?? 0) + 1;
    }
    for (let i = 0; i < n; i += 1) {
      times[i] = (drawn[of[i] ?? 0] ?? 0) * (weights === undefined ? 1 : (weights[i] ?? 0));
    }
  };
}
