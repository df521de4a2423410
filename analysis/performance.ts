import { accuracy, brierOf, confusion, logLossOf } from '../domain/stats/binary-metrics.js';
import { deLong } from '../domain/stats/delong.js';
import { wilson } from '../domain/stats/proportions.js';
import type { PerformanceMetric, PerformanceReading } from '../domain/stats/types.js';
import { CAPTURE_COLUMNS } from './capture.js';
import { countOf, quoteName } from './duck.js';
import type { Cell, Duck } from './duck.js';
import { jsonLine, linesOf, member, textOf } from './lines.js';
import { zOfInterval } from './tails.js';

export interface PerformanceOptions {
  /** A table of `readCapture`. */
  readonly table: string;
  /** Label files in AWS's ground-truth format (JSON lines), in order of arrival: the last label of an event wins. */
  readonly labelFiles: readonly string[];
  readonly metric: PerformanceMetric;
  /** Two-sided; 0.95 when absent. */
  readonly confidence?: number;
}

const LABELS = 'labels';
const JOINED = 'labelled predictions';

/**
 * Joins captured predictions with the labels that arrived for them and computes one metric with its interval. The join is
 * on the inference id, where the caller of the endpoint sent one, else on the event id. A request of several rows takes
 * a label text of as many values, one for each row.
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
      { name: 'arrival', type: 'number' },
    ],
    labelsOf(options.labelFiles, bad),
  );
  const counts = await join(duck, options.table);
  const [labels, scores] = await duck.doubles(
    `select label, score from ${quoteName(JOINED)} order by label, score`,
  );
  const positives = labels?.reduce((sum, label) => sum + label, 0) ?? 0;
  const labelled = labels?.length ?? 0;
  return {
    schema: 'modelkeeper/performance-v1',
    metric,
    ...estimate(metric, labels ?? [], scores ?? [], confidence),
    confidence,
    rows: counts.rows,
    labelled,
    coverage: counts.rows === 0 ? 0 : labelled / counts.rows,
    positives,
    badLabels: bad.lines,
    labelsWithoutPrediction: counts.strays,
  };
}

async function* labelsOf(
  files: readonly string[],
  bad: { lines: number },
): AsyncGenerator<readonly Cell[]> {
  let arrival = 0;
  for await (const line of linesOf(files)) {
    arrival += 1;
    const event = jsonLine(line);
    const id = textOf(member(event, 'eventMetadata', 'eventId'));
    const labels = labelValues(member(event, 'groundTruthData'));
    if (id === null || labels === null) {
      bad.lines += 1;
      continue;
    }
    for (const [row, label] of labels.entries()) yield [id, row, labels.length, label, arrival];
  }
}

/** The labels of one event: numbers or booleans, 0 or 1, parted by commas or lines. `null` when any is something else. */
function labelValues(groundTruth: unknown): readonly number[] | null {
  const data = textOf(member(groundTruth, 'data'));
  if (data === null) return null;
  const isBase64 = textOf(member(groundTruth, 'encoding'))?.toUpperCase() === 'BASE64';
  const text = isBase64 ? Buffer.from(data, 'base64').toString('utf8') : data;
  const labels = text
    .replace(/[[\]"]/g, '')
    .trim()
    .split(/[,\r\n]+/)
    .map((field) => labelOf(field.trim().toLowerCase()));
  return labels.some((label) => Number.isNaN(label)) ? null : labels;
}

function labelOf(text: string): number {
  if (text === 'true') return 1;
  if (text === 'false') return 0;
  const value = text === '' ? Number.NaN : Number(text);
  return value === 0 || value === 1 ? value : Number.NaN;
}

async function join(
  duck: Duck,
  table: string,
): Promise<{ readonly rows: number; readonly strays: number }> {
  const captured = quoteName(table);
  const of = (column: keyof typeof CAPTURE_COLUMNS) => `c.${quoteName(CAPTURE_COLUMNS[column])}`;
  const key = `coalesce(${of('inferenceId')}, ${of('eventId')})`;
  await duck.rows(
    `create or replace temp table "last labels" as
     select id, "row", arg_max("of", arrival) as "of", arg_max(label, arrival) as label
     from (select *, max(arrival) over (partition by id) as latest from ${LABELS})
     where arrival = latest group by id, "row"`,
  );
  await duck.rows(
    `create or replace temp table ${quoteName(JOINED)} as
     select l.label, ${of('prediction')} as score
     from ${captured} c join "last labels" l
       on l.id = ${key}
      and l."row" = ${of('rowNumber')} and l."of" = ${of('rowsOfRequest')}
     where isfinite(${of('prediction')})`,
  );
  const row = await duck.row(
    `select (select count(*) from ${captured}) as n,
            (select count(distinct id) from "last labels"
             where id not in (select ${key} from ${captured} c)) as strays`,
  );
  return { rows: countOf(row['n']), strays: countOf(row['strays']) };
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
    case 'log_loss':
      return meanWithInterval(labels, scores, logLossOf, z);
    case 'brier':
      return meanWithInterval(labels, scores, brierOf, z);
  }
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
