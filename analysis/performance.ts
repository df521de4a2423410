import { accuracy, brierOf, confusion, logLossOf, prAuc } from '../domain/stats/binary-metrics.js';
import { deLong } from '../domain/stats/delong.js';
import { calibrate } from '../domain/stats/estimate.js';
import { isOfAmounts } from '../domain/stats/performance.js';
import { wilson } from '../domain/stats/proportions.js';
import type { Proportion } from '../domain/stats/proportions.js';
import { selectionOf } from '../domain/stats/selection.js';
import type {
  Calibration,
  LabelDelay,
  PerformanceMetric,
  PerformanceReading,
} from '../domain/stats/types.js';
import { CAPTURE_COLUMNS } from './capture.js';
import { countOf, quoteName } from './duck.js';
import type { Cell, Duck } from './duck.js';
import { jsonLine, linesOf, member, textOf } from './lines.js';
import { zOfInterval } from './tails.js';

export interface LabelFile {
  readonly path: string;
  /** When it arrived, which is when its labels did where they do not say it themselves. */
  readonly writtenAtMs: number;
}

export interface PerformanceOptions {
  /** A table of `readCapture`. */
  readonly table: string;
  /** Label files in AWS's ground-truth format (JSON lines). The label of an event that arrived last wins. */
  readonly labelFiles: readonly LabelFile[];
  readonly metric: PerformanceMetric;
  /** Two-sided; 0.95 when absent. */
  readonly confidence?: number;
  /** Predictions whose first label came after it are counted. */
  readonly lateAfterMs?: number;
}

const LABELS = 'labels';
const PREDICTIONS = 'predictions by id';
const JOINED = 'labelled predictions';
/** Clocks of the endpoint, the labeller and S3 differ, and AWS tells whole seconds. */
const CLOCK_SKEW_MS = 60_000;

/**
 * Joins captured predictions with the labels that arrived for them and computes one metric with its interval. The join is
 * on the inference id, where the caller of the endpoint sent one, else on the event id. A request of several rows takes
 * a label text of as many values, one for each row.
 *
 * A label has one place to go: of predictions that share an id (a retry, an id that is no id) the latest counts. A label
 * that was there before its prediction is of something else.
 */
export async function measurePerformance(
  duck: Duck,
  options: PerformanceOptions,
): Promise<PerformanceReading> {
  const { metric, confidence = 0.95 } = options;
  const bad = { lines: 0 };
  await duck.fill(
    LABELS,
    [
      { name: 'id', type: 'text' },
      { name: 'row', type: 'number' },
      { name: 'of', type: 'number' },
      { name: 'label', type: 'number' },
      { name: 'seenAt', type: 'number' },
      { name: 'line', type: 'number' },
    ],
    labelsOf(options.labelFiles, isOfAmounts(metric), bad),
  );
  const counts = await join(duck, options.table);
  const [labels = NONE, scores = NONE] = await duck.doubles(
    `select label, score from ${quoteName(JOINED)} order by label, score`,
  );
  const labelled = labels.length;
  const rows = counts.rows - counts.repeated;
  return {
    schema: 'modelkeeper/performance-v1',
    metric,
    ...estimate(metric, labels, scores, confidence),
    confidence,
    rows,
    labelled,
    coverage: rows === 0 ? 0 : labelled / rows,
    positives: isOfAmounts(metric) ? 0 : labels.reduce((sum, label) => sum + label, 0),
    badLabels: bad.lines,
    labelsWithoutPrediction: counts.strays,
    labelDelay: await delayOf(duck),
    labelledLate: await labelledAfter(duck, options.lateAfterMs),
    labelsBeforePrediction: counts.early,
    repeatedPredictions: counts.repeated,
    selection: selectionOf(scores, await unlabelledScores(duck)),
  };
}

const NONE = new Float64Array();

/** How the scores of the predictions that {@link measurePerformance} has just joined relate to their labels of 0 and 1. */
export async function calibrateJoined(duck: Duck): Promise<Calibration | null> {
  const [labels = NONE, scores = NONE] = await duck.doubles(
    `select label, score from ${quoteName(JOINED)} order by label, score`,
  );
  return calibrate(labels, scores);
}

async function* labelsOf(
  files: readonly LabelFile[],
  areAmounts: boolean,
  bad: { lines: number },
): AsyncGenerator<readonly Cell[]> {
  let line = 0;
  for (const { path, writtenAtMs } of files) {
    for await (const text of linesOf([path])) {
      line += 1;
      const event = jsonLine(text);
      const id = textOf(member(event, 'eventMetadata', 'eventId'));
      const labels = labelValues(member(event, 'groundTruthData'), areAmounts);
      if (id === null || labels === null) {
        bad.lines += 1;
        continue;
      }
      const toldMs = Date.parse(textOf(member(event, 'eventMetadata', 'labelTime')) ?? '');
      const atMs = Number.isNaN(toldMs) ? writtenAtMs : toldMs;
      for (const [row, label] of labels.entries())
        yield [id, row, labels.length, label, atMs, line];
    }
  }
}

/** The labels of one event: numbers or booleans, parted by commas or lines. `null` when any is something else. */
function labelValues(groundTruth: unknown, areAmounts: boolean): readonly number[] | null {
  const data = textOf(member(groundTruth, 'data'));
  if (data === null) return null;
  const isBase64 = textOf(member(groundTruth, 'encoding'))?.toUpperCase() === 'BASE64';
  const text = isBase64 ? Buffer.from(data, 'base64').toString('utf8') : data;
  const labels = text
    .replace(/[[\]"]/g, '')
    .trim()
    .split(/[,\r\n]+/)
    .map((field) => labelOf(field.trim().toLowerCase(), areAmounts));
  return labels.some((label) => Number.isNaN(label)) ? null : labels;
}

function labelOf(text: string, isAmount: boolean): number {
  if (!isAmount && text === 'true') return 1;
  if (!isAmount && text === 'false') return 0;
  const value = text === '' ? Number.NaN : Number(text);
  if (isAmount) return Number.isFinite(value) ? value : Number.NaN;
  return value === 0 || value === 1 ? value : Number.NaN;
}

interface JoinCounts {
  /** Captured rows. */
  readonly rows: number;
  /** Of these, rows that share their id with a later request. */
  readonly repeated: number;
  /** Ids with a label and without a prediction. */
  readonly strays: number;
  /** Ids whose labels are all of before the prediction. */
  readonly early: number;
}

async function join(duck: Duck, table: string): Promise<JoinCounts> {
  const captured = quoteName(table);
  const of = (column: keyof typeof CAPTURE_COLUMNS) => quoteName(CAPTURE_COLUMNS[column]);
  const key = `coalesce(${of('inferenceId')}, ${of('eventId')})`;
  // The latest request of an id; one that was captured twice counts once.
  await duck.rows(
    `create or replace temp table ${quoteName(PREDICTIONS)} as
     select ${key} as id, ${of('inferenceTimeMs')} as predictedAt, ${of('rowNumber')} as "row",
            ${of('rowsOfRequest')} as "of", ${of('prediction')} as score
     from ${captured}
     qualify dense_rank() over (partition by ${key} order by ${of('inferenceTimeMs')} desc, ${of('eventId')} desc) = 1
       and row_number() over (partition by ${key}, ${of('eventId')}, ${of('rowNumber')} order by ${of('inferenceTimeMs')} desc, ${of('prediction')}) = 1`,
  );
  // What was there before the prediction is not about it; of the rest, the last of an event wins as a whole.
  await duck.rows(
    `create or replace temp table "last labels" as
     with asked as (select id, max(predictedAt) as predictedAt from ${quoteName(PREDICTIONS)} group by id),
     due as (
       select l.* from ${LABELS} l join asked a on a.id = l.id
       where l.seenAt >= a.predictedAt - ${CLOCK_SKEW_MS}
     )
     select id, "row", "of", label, min(seenAt) over (partition by id) as firstAt
     from due
     qualify dense_rank() over (partition by id order by seenAt desc, line desc) = 1`,
  );
  await duck.rows(
    `create or replace temp table ${quoteName(JOINED)} as
     select l.label, p.score, l.firstAt, greatest(0, l.firstAt - p.predictedAt) as delay, p.id, p."row"
     from ${quoteName(PREDICTIONS)} p join "last labels" l
       on l.id = p.id and l."row" = p."row" and l."of" = p."of"
     where isfinite(p.score)`,
  );
  const row = await duck.row(
    `with labelled as (select distinct id from ${LABELS}),
     asked as (select distinct id from ${quoteName(PREDICTIONS)})
     select (select count(*) from ${captured}) as n,
            (select count(*) from ${quoteName(PREDICTIONS)}) as kept,
            (select count(*) from labelled anti join asked using (id)) as strays,
            (select count(*) from labelled semi join asked using (id)) -
            (select count(distinct id) from "last labels") as early`,
  );
  const rows = countOf(row['n']);
  return {
    rows,
    repeated: rows - countOf(row['kept']),
    strays: countOf(row['strays']),
    early: countOf(row['early']),
  };
}

async function delayOf(duck: Duck): Promise<LabelDelay | null> {
  const row = await duck.row(
    `select count(*) as n, quantile_disc(delay, 0.5) as median, quantile_disc(delay, 0.9) as p90,
            quantile_disc(delay, 0.99) as p99, max(delay) as longest from ${quoteName(JOINED)}`,
  );
  const labelled = countOf(row['n']);
  if (labelled === 0) return null;
  return {
    labelled,
    medianMs: countOf(row['median']),
    p90Ms: countOf(row['p90']),
    p99Ms: countOf(row['p99']),
    longestMs: countOf(row['longest']),
  };
}

async function labelledAfter(duck: Duck, lateAfterMs = Infinity): Promise<number> {
  const row = await duck.row(
    `select count(*) as n from ${quoteName(JOINED)} where firstAt > $late`,
    { late: lateAfterMs },
  );
  return countOf(row['n']);
}

async function unlabelledScores(duck: Duck): Promise<Float64Array> {
  const [scores = NONE] = await duck.doubles(
    `select p.score from ${quoteName(PREDICTIONS)} p anti join ${quoteName(JOINED)} using (id, "row")
     where isfinite(p.score)`,
  );
  return scores;
}

type Interval = Pick<PerformanceReading, 'estimate' | 'lower' | 'upper' | 'method'>;

const NOTHING: Interval = { estimate: null, lower: null, upper: null, method: 'none' };

function estimate(
  metric: PerformanceMetric,
  labels: ArrayLike<number>,
  scores: ArrayLike<number>,
  confidence: number,
): Interval {
  if (labels.length === 0) return NOTHING;
  const z = zOfInterval(confidence);
  switch (metric) {
    case 'roc_auc': {
      const found = deLong(labels, scores);
      if (found === null) return NOTHING;
      const half = z * Math.sqrt(found.variance);
      return {
        estimate: found.auc,
        lower: Math.max(0, found.auc - half),
        upper: Math.min(1, found.auc + half),
        method: 'delong',
      };
    }
    case 'accuracy': {
      const cells = confusion(labels, scores);
      const right = { x: cells.tp + cells.tn, n: labels.length };
      return { estimate: accuracy(cells), ...wilson(right, z), method: 'wilson' };
    }
    case 'precision': {
      const cells = confusion(labels, scores);
      return shareWithInterval({ x: cells.tp, n: cells.tp + cells.fp }, z);
    }
    case 'recall': {
      const cells = confusion(labels, scores);
      return shareWithInterval({ x: cells.tp, n: cells.tp + cells.fn }, z);
    }
    case 'f1': {
      // A rising function of the share of hits among hits, misses and false alarms.
      const { tp, fp, fn } = confusion(labels, scores);
      const hits = shareWithInterval({ x: tp, n: tp + fp + fn }, z);
      const f1 = (share: number | null) => (share === null ? null : (2 * share) / (1 + share));
      return {
        estimate: f1(hits.estimate),
        lower: f1(hits.lower),
        upper: f1(hits.upper),
        method: hits.method,
      };
    }
    case 'pr_auc':
      return prAucWithInterval(labels, scores, z);
    case 'log_loss':
      return meanWithInterval(labels, scores, logLossOf, z);
    case 'brier':
      return meanWithInterval(labels, scores, brierOf, z);
    case 'mae':
      return meanWithInterval(labels, scores, (label, score) => Math.abs(score - label), z);
    case 'rmse': {
      const squares = meanWithInterval(labels, scores, brierOf, z);
      const root = (square: number | null) => (square === null ? null : Math.sqrt(square));
      return {
        estimate: root(squares.estimate),
        lower: root(squares.lower),
        upper: root(squares.upper),
        method: squares.method,
      };
    }
  }
}

function shareWithInterval(hits: Proportion, z: number): Interval {
  if (hits.n === 0) return NOTHING;
  return { estimate: hits.x / hits.n, ...wilson(hits, z), method: 'wilson' };
}

/** Normal on the scale of the logit, as Boyd, Eng and Page (2013) advise for an average precision. */
function prAucWithInterval(
  labels: ArrayLike<number>,
  scores: ArrayLike<number>,
  z: number,
): Interval {
  const area = prAuc(labels, scores);
  if (!Number.isFinite(area)) return NOTHING;
  let positives = 0;
  for (let i = 0; i < labels.length; i += 1) positives += labels[i] === 1 ? 1 : 0;
  // At 0 or 1 the logit has no end; half a positive keeps it.
  const inside = Math.min(1 - 0.5 / (positives + 1), Math.max(0.5 / (positives + 1), area));
  const half = z / Math.sqrt(positives * inside * (1 - inside));
  const logit = Math.log(inside / (1 - inside));
  const back = (value: number) => 1 / (1 + Math.exp(-value));
  return {
    estimate: area,
    lower: Math.min(area, back(logit - half)),
    upper: Math.max(area, back(logit + half)),
    method: 'logit',
  };
}

function meanWithInterval(
  labels: ArrayLike<number>,
  scores: ArrayLike<number>,
  lossOf: (label: number, score: number) => number,
  z: number,
): Interval {
  const n = labels.length;
  if (n < 2) return NOTHING;
  const losses = Float64Array.from(labels, (label, i) => lossOf(label, scores[i] ?? Number.NaN));
  const mean = losses.reduce((sum, loss) => sum + loss, 0) / n;
  const variance = losses.reduce((sum, loss) => sum + (loss - mean) ** 2, 0) / (n - 1);
  const half = z * Math.sqrt(variance / n);
  return { estimate: mean, lower: Math.max(0, mean - half), upper: mean + half, method: 'normal' };
}
