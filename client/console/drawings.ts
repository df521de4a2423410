import { z } from 'zod';

import {
  calibrationPlot,
  rocPlot,
  scorePlot,
  slicesPlot,
  windowsPlot,
} from '../../analysis/report/index.js';
import type { WindowResult } from '../../domain/model.js';

const share = z.number();
const count = z.number();
const modelCurvesSchema = z.object({
  roc: z.array(z.object({ falsePositiveRate: share, truePositiveRate: share })).max(1_000),
  calibration: z
    .array(
      z.object({
        from: share,
        to: share,
        rows: count,
        positives: count,
        meanScore: share,
        share,
        lower: share,
        upper: share,
      }),
    )
    .max(1_000),
  histogram: z
    .array(z.object({ from: share, to: share, negatives: count, positives: count }))
    .max(1_000),
});
const bound = z.number().nullable();
/** As much of an evaluation as pictures need; the rest of it may grow. */
const reportSchema = z.looseObject({
  curves: z
    .object({ champion: modelCurvesSchema.nullable(), candidate: modelCurvesSchema })
    .optional(),
  gates: z
    .array(
      z.looseObject({
        id: z.string(),
        kind: z.enum(['absolute', 'non_inferior', 'superior', 'bias']),
        slice: z.object({ column: z.string(), value: z.string() }).nullable(),
        estimateCandidate: bound,
        delta: bound,
        lower: bound,
        upper: bound,
        margin: z.number(),
        verdict: z.enum(['pass', 'fail', 'inconclusive']),
      }),
    )
    .max(10_000),
});

/** A picture of a release's evaluation; `undefined` when the report is missing, is another, or does not hold it. */
export async function drawEvaluation(report: unknown, name: string): Promise<string | undefined> {
  const parsed = reportSchema.safeParse(report);
  if (!parsed.success) return undefined;
  const { curves, gates } = parsed.data;
  if (name.startsWith(SLICES)) {
    const of = gates.filter(
      (gate) => gate.slice !== null && gate.id.startsWith(`${name.slice(SLICES.length)}[`),
    );
    return of.length === 0 ? undefined : slicesPlot(of);
  }
  if (curves === undefined) return undefined;
  switch (name) {
    case 'roc':
      return rocPlot(curves);
    case 'calibration':
      return calibrationPlot(curves);
    case 'scores':
      return scorePlot(curves.candidate);
    default:
      return undefined;
  }
}

const SLICES = 'slices-';

/** How far columns moved, window by window; `undefined` when no window tells. */
export async function drawWindows(windows: readonly WindowResult[]): Promise<string | undefined> {
  return windows.some(({ columns }) => columns.length > 0) ? windowsPlot(windows) : undefined;
}
