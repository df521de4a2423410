import type { TopLevelSpec } from 'vega-lite';

import { neutral } from '../../domain/neutral.js';
import { classesOf, precisionRecall } from '../../domain/stats/curves.js';
import type { EvaluationCurves, GateResult, ModelCurves } from '../../domain/stats/types.js';
import { COLOURS, CONFIG } from './plots.js';
import { renderSvg } from './render.js';

const SIDE = 300;
const MODELS = ['champion', 'candidate'] as const;
const MODEL_COLOURS = {
  field: 'model',
  type: 'nominal',
  title: null,
  scale: { domain: [...MODELS], range: [COLOURS.baseline, COLOURS.window] },
  legend: { orient: 'bottom' },
} as const;
const UNIT = { domain: [0, 1] };

/** The curves of each model that has any. */
function ofModels<Point extends object>(
  curves: EvaluationCurves,
  points: (model: ModelCurves) => readonly Point[],
): readonly (Point & { readonly model: string })[] {
  return MODELS.flatMap((model) => {
    const own = curves[model];
    return own === null ? [] : points(own).map((point) => ({ ...point, model }));
  });
}

type Layers = Extract<TopLevelSpec, { layer: unknown }>['layer'];

/** Both axes as long as each other, from layers. */
function square(layer: Layers): Promise<string> {
  return renderSvg({ width: SIDE, height: SIDE, background: 'white', config: CONFIG, layer });
}

/** True against false positive rate of both models; the diagonal is guessing. */
export function rocPlot(curves: EvaluationCurves): Promise<string> {
  const values = ofModels(curves, ({ roc }) => roc.map((point, order) => ({ ...point, order })));
  return square([
    diagonal(),
    {
      data: { values },
      mark: { type: 'line', strokeWidth: 2 },
      encoding: {
        x: {
          field: 'falsePositiveRate',
          type: 'quantitative',
          title: 'false alarms',
          scale: UNIT,
        },
        y: { field: 'truePositiveRate', type: 'quantitative', title: 'found', scale: UNIT },
        order: { field: 'order', type: 'quantitative' },
        color: MODEL_COLOURS,
      },
    },
  ]);
}

/**
 * How many of the rows called positive are, against how many of the positives are found, for every threshold. The dashed
 * line is the share of positives: calling every row positive.
 */
export function precisionRecallPlot(curves: EvaluationCurves): Promise<string> {
  const { negatives, positives } = classesOf(curves.candidate);
  const values = ofModels(curves, (model) =>
    precisionRecall(model).map((point, order) => ({ ...point, order })),
  );
  return square([
    {
      data: { values: values.length === 0 ? [] : [{ at: positives / (positives + negatives) }] },
      mark: { type: 'rule', color: '#bbbbbb', strokeDash: [4, 3] },
      encoding: { y: { field: 'at', type: 'quantitative', scale: UNIT } },
    },
    {
      data: { values },
      mark: { type: 'line', strokeWidth: 2 },
      encoding: {
        x: { field: 'recall', type: 'quantitative', title: 'found', scale: UNIT },
        y: {
          field: 'precision',
          type: 'quantitative',
          title: 'right when it says so',
          scale: UNIT,
        },
        order: { field: 'order', type: 'quantitative' },
        color: MODEL_COLOURS,
      },
    },
  ]);
}

function diagonal() {
  return {
    data: {
      values: [
        { x: 0, y: 0 },
        { x: 1, y: 1 },
      ],
    },
    mark: { type: 'line' as const, color: '#bbbbbb', strokeDash: [4, 3] },
    encoding: {
      x: { field: 'x', type: 'quantitative' as const, scale: UNIT },
      y: { field: 'y', type: 'quantitative' as const, scale: UNIT },
    },
  };
}

/** What share came true of the rows with about a score, with intervals; on the diagonal the scores are probabilities. */
export function calibrationPlot(curves: EvaluationCurves): Promise<string> {
  const values = ofModels(curves, ({ calibration }) => calibration);
  const x = { field: 'meanScore', type: 'quantitative', title: 'mean score', scale: UNIT } as const;
  return square([
    diagonal(),
    {
      data: { values },
      mark: { type: 'rule', strokeWidth: 1.5, opacity: 0.7 },
      encoding: {
        x,
        y: { field: 'lower', type: 'quantitative', title: 'share that came true', scale: UNIT },
        y2: { field: 'upper' },
        color: MODEL_COLOURS,
      },
    },
    {
      data: { values },
      mark: { type: 'line', point: { filled: true, size: 40 } },
      encoding: {
        x,
        y: { field: 'share', type: 'quantitative', scale: UNIT },
        color: MODEL_COLOURS,
      },
    },
  ]);
}

/** How the scores of both classes lie: the further apart, the better the model tells them. */
export function scorePlot(curves: ModelCurves): Promise<string> {
  const { histogram } = curves;
  const classes = ['negatives', 'positives'] as const;
  const totals = classesOf(curves);
  const values = histogram.flatMap((bin) =>
    classes.map((of) => ({
      from: bin.from,
      to: bin.to,
      class: of,
      share: totals[of] === 0 ? 0 : bin[of] / totals[of],
    })),
  );
  return renderSvg({
    width: SIDE * 1.3,
    height: 180,
    background: 'white',
    config: CONFIG,
    data: { values },
    mark: { type: 'bar', opacity: 0.6, binSpacing: 0 },
    encoding: {
      x: { field: 'from', type: 'quantitative', bin: { binned: true }, title: 'score' },
      x2: { field: 'to' },
      y: {
        field: 'share',
        type: 'quantitative',
        stack: null,
        title: 'share of the class',
        axis: { format: '.0%' },
      },
      color: {
        field: 'class',
        type: 'nominal',
        title: null,
        scale: { domain: [...classes], range: [COLOURS.baseline, COLOURS.drift] },
        legend: { orient: 'bottom' },
      },
    },
  });
}

const VERDICT_COLOURS = { pass: '#009e73', fail: COLOURS.drift, inconclusive: COLOURS.warn };
const MOST_SLICES = 40;

export type SlicedGate = Pick<
  GateResult,
  | 'kind'
  | 'slice'
  | 'delta'
  | 'lower'
  | 'upper'
  | 'margin'
  | 'verdict'
  | 'estimateCandidate'
  | 'range'
>;

const SLICE_TITLES: Readonly<Record<GateResult['kind'], string>> = {
  absolute: 'the candidate',
  non_inferior: 'candidate − champion, more is better',
  superior: 'candidate − champion, more is better',
  bias: 'difference between the groups, 0 is equal treatment',
};

/** Candidate against champion in each slice of one gate, with intervals; the dashed line is what the gate allows. */
export function slicesPlot(gates: readonly SlicedGate[]): Promise<string> {
  const values = gates
    .filter(({ lower, upper }) => lower !== null || upper !== null)
    .slice(0, MOST_SLICES)
    .map(({ slice, delta, lower, upper, verdict, estimateCandidate }) => ({
      slice: slice === null ? 'all rows' : neutral(`${slice.column} = ${slice.value}`),
      value: delta ?? estimateCandidate,
      lower: lower ?? delta ?? estimateCandidate,
      upper: upper ?? delta ?? estimateCandidate,
      verdict: verdict === 'inconclusive' ? 'cannot tell' : verdict,
    }));
  const [first] = gates;
  const allowed =
    first === undefined
      ? []
      : (first.range ?? [first.kind === 'non_inferior' ? -first.margin : first.margin]);
  const y = { field: 'slice', type: 'nominal', sort: null, title: null } as const;
  const color = {
    field: 'verdict',
    type: 'nominal',
    title: null,
    scale: {
      domain: ['pass', 'fail', 'cannot tell'],
      range: [VERDICT_COLOURS.pass, VERDICT_COLOURS.fail, VERDICT_COLOURS.inconclusive],
    },
    legend: { orient: 'bottom' },
  } as const;
  const title = SLICE_TITLES[first?.kind ?? 'absolute'];
  const x = { type: 'quantitative', title, scale: { zero: false } } as const;
  const line = (at: number, colour: string, dash: readonly number[]) => ({
    data: { values: [{ at }] },
    mark: { type: 'rule' as const, color: colour, strokeDash: [...dash] },
    encoding: { x: { field: 'at', type: 'quantitative' as const } },
  });
  return renderSvg({
    width: 360,
    height: { step: 22 },
    background: 'white',
    config: CONFIG,
    layer: [
      {
        data: { values },
        mark: { type: 'rule', strokeWidth: 2 },
        encoding: { y, color, x: { field: 'lower', ...x }, x2: { field: 'upper' } },
      },
      {
        data: { values },
        mark: { type: 'point', filled: true, size: 70, opacity: 1 },
        encoding: { y, color, x: { field: 'value', ...x } },
      },
      ...(first?.kind === 'absolute' ? [] : [line(0, '#999999', [1, 0])]),
      ...allowed.map((limit) => line(limit, COLOURS.drift, [4, 3])),
    ],
  });
}
