import { calibrate, estimatePerformance } from '../domain/stats/estimate.js';
import type {
  Calibration,
  EstimatedMetric,
  PerformanceEstimate,
  Profile,
} from '../domain/stats/types.js';
import { CAPTURE_COLUMNS } from './capture.js';
import { quoteName } from './duck.js';
import type { Duck } from './duck.js';
import { UnusableData } from './failures.js';
import { profileRelation } from './profile.js';
import { numberSql, openFiles } from './relation.js';
import type { DataFiles, RelationColumn } from './relation.js';
import { zOfInterval } from './tails.js';

const CONFIDENCE = 0.95;

export interface ScoredFiles extends DataFiles {
  /** The column of the scores. */
  readonly score: string;
  /** The column of what came true, 0 or 1. */
  readonly label?: string;
}

/**
 * How the scores of known rows are distributed and, where labels are with them, how they relate to those. Rows whose label
 * is neither 0 nor 1 teach nothing.
 */
export async function describeScores(
  duck: Duck,
  files: ScoredFiles,
): Promise<{
  readonly prediction: Profile['prediction'];
  readonly calibration: Calibration | null;
}> {
  const relation = await openFiles(duck, files);
  const columnOf = (name: string): RelationColumn => {
    const column = relation.columns.find((one) => one.name === name);
    if (column !== undefined) return column;
    const names = relation.columns.map((one) => one.name).join(', ');
    throw new UnusableData(`the scored data have no column ${name}; they have ${names}`);
  };
  const column = columnOf(files.score);
  const { prediction } = await profileRelation(
    duck,
    { ...relation, columns: [column] },
    { predictionColumn: files.score },
  );
  if (files.label === undefined) return { prediction, calibration: null };
  const score = numberSql(column);
  const label = numberSql(columnOf(files.label));
  const [labels, scores] = await duck.doubles(
    `select (${label}) as label, (${score}) as score from ${relation.from}
     where isfinite(${score}) and (${label}) in (0, 1) order by score, label`,
    relation.bound,
  );
  return { prediction, calibration: calibrate(labels ?? [], scores ?? []) };
}

/** Estimated performance of a table of `readCapture`; `null` without a calibration, or where its answers are no chances. */
export async function estimateCaptured(
  duck: Duck,
  table: string,
  metric: EstimatedMetric,
  calibration: Calibration | undefined,
): Promise<PerformanceEstimate | null> {
  if (calibration === undefined) return null;
  const score = quoteName(CAPTURE_COLUMNS.prediction);
  const [scores] = await duck.doubles(
    `select ${score} from ${quoteName(table)} where isfinite(${score}) order by 1`,
  );
  return estimatePerformance(metric, scores ?? [], calibration, zOfInterval(CONFIDENCE));
}
