import { z } from 'zod';

import {
  calibrationPlot,
  precisionRecallPlot,
  rocPlot,
  scorePlot,
  slicesPlot,
  windowsPlot,
} from '../../analysis/report/index.js';
import type { EvaluationCurves } from '../../domain/stats/types.js';
import type { WindowHistory } from './history.js';

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
const curvesSchema = z
  .object({ champion: modelCurvesSchema.nullable(), candidate: modelCurvesSchema })
  .optional();
const bound = z.number().nullable();
/** As much of an evaluation as pictures need; the rest of it may grow. */
const reportSchema = z.looseObject({
  curves: curvesSchema,
  /** Further sets of predictions; one that is missing has no curves. */
  datasets: z
    .array(z.looseObject({ name: z.string(), curves: curvesSchema }))
    .max(1_000)
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
        range: z.tuple([z.number(), z.number()]).exactOptional(),
        verdict: z.enum(['pass', 'fail', 'inconclusive']),
      }),
    )
    .max(10_000),
});

/** Pictures that every evaluation could have. */
const CURVES = {
  roc: rocPlot,
  'precision-recall': precisionRecallPlot,
  calibration: calibrationPlot,
  scores: ({ candidate }) => scorePlot(candidate),
} as const satisfies Record<string, (curves: EvaluationCurves) => Promise<string>>;

/** Which curve a picture shows, and of which further set; `undefined` for a name that is none. */
function curveNamed(
  name: string,
): { readonly curve: keyof typeof CURVES; readonly set?: string } | undefined {
  const known = (text: string): text is keyof typeof CURVES => Object.hasOwn(CURVES, text);
  if (known(name)) return { curve: name };
  for (const curve of Object.keys(CURVES).filter(known)) {
    const end = `-${curve}`;
    if (name.startsWith(SET) && name.endsWith(end))
      return { curve, set: name.slice(SET.length, -end.length) };
  }
  return undefined;
}

/**
 * A picture of a release's evaluation; a sentence in its place when the report is missing, is another, or does not hold
 * it. `undefined` for a name nobody knows.
 */
export async function drawEvaluation(report: unknown, name: string): Promise<string | undefined> {
  const parsed = reportSchema.safeParse(report);
  const named = curveNamed(name);
  if (!parsed.success)
    return named !== undefined || name.startsWith(SLICES)
      ? sentencePicture('The report of this evaluation cannot be read from here.')
      : undefined;
  const { curves, gates, datasets } = parsed.data;
  if (named !== undefined) {
    const of =
      named.set === undefined ? curves : datasets?.find(({ name }) => name === named.set)?.curves;
    return of === undefined
      ? sentencePicture(
          'This report has no curves: it is of an earlier version, or of a regression.',
        )
      : CURVES[named.curve](of);
  }
  if (!name.startsWith(SLICES)) return undefined;
  const of = gates.filter(
    (gate) => gate.slice !== null && gate.id.startsWith(`${name.slice(SLICES.length)}[`),
  );
  return of.length === 0 ? undefined : slicesPlot(of);
}

const SET = 'set-';
const SLICES = 'slices-';

/** Our own words, where a picture is expected: an image that is missing says nothing. */
const sentencePicture = (sentence: string): string =>
  `<svg xmlns="http://www.w3.org/2000/svg" width="640" height="48" viewBox="0 0 640 48" role="img"><rect width="640" height="48" fill="#f6f7f8"/><text x="14" y="29" font-family="system-ui, sans-serif" font-size="14" fill="#57606a">${sentence}</text></svg>`;

/** How far columns moved, window by window; `undefined` when no window tells. */
export async function drawWindows({
  windows,
  ...options
}: WindowHistory): Promise<string | undefined> {
  return windows.some(({ columns }) => columns.length > 0)
    ? windowsPlot(windows, options)
    : undefined;
}
