import type {
  MultivariateLimits,
  MultivariatePair,
  MultivariateReading,
} from '../../domain/multivariate.js';
import { neutral } from '../../domain/neutral.js';
import { COLOURS, CONFIG, WIDTH } from './plots.js';
import { renderSvg } from './render.js';

const CORRELATIONS = { domain: [-1, 1] };

type Statistic = NonNullable<MultivariateReading['statistic']>;

/** The number with its interval, between what chance gives and the limits. A shift counts in either direction. */
export function statisticPlot(
  { name, value, lower, upper, nullMean }: Statistic,
  { warn, drift }: Pick<MultivariateLimits, 'warn' | 'drift'>,
): Promise<string> {
  const isAuc = name === 'auc';
  // A limit on the other side only where it is of use: a number on that side.
  const limits = (what: string, at: number) =>
    !isAuc && lower < 0
      ? [
          { at, what },
          { at: -at, what },
        ]
      : [{ at, what }];
  const marks = [
    { at: nullMean, what: 'chance' },
    ...limits('moving from here', warn),
    ...limits('drift from here', drift),
  ];
  const shown = [lower, upper, ...marks.map(({ at }) => at)];
  const room = isAuc ? 0.03 : 0.1;
  const x = {
    type: 'quantitative',
    title: isAuc
      ? 'AUC: how well window and reference can be told apart'
      : 'shift of the reconstruction error, in standard deviations',
    scale: {
      domain: isAuc
        ? [Math.min(0.45, ...shown), 1]
        : [Math.min(...shown) - room, Math.max(...shown) + room],
      nice: !isAuc,
    },
  } as const;
  return renderSvg({
    width: WIDTH,
    height: 50,
    background: 'white',
    config: CONFIG,
    layer: [
      {
        data: { values: marks },
        mark: { type: 'rule', strokeDash: [4, 3], strokeWidth: 2 },
        encoding: {
          x: { field: 'at', ...x },
          color: {
            field: 'what',
            type: 'nominal',
            title: null,
            scale: {
              domain: ['chance', 'moving from here', 'drift from here'],
              range: [COLOURS.baseline, COLOURS.warn, COLOURS.drift],
            },
            legend: { orient: 'bottom', symbolType: 'stroke', symbolStrokeWidth: 2 },
          },
        },
      },
      {
        data: { values: [{ value, lower, upper }] },
        mark: { type: 'rule', color: COLOURS.window, strokeWidth: 3 },
        encoding: { x: { field: 'lower', ...x }, x2: { field: 'upper' }, y: { value: 25 } },
      },
      {
        data: { values: [{ value }] },
        mark: { type: 'point', filled: true, size: 110, color: COLOURS.window, opacity: 1 },
        encoding: { x: { field: 'value', ...x }, y: { value: 25 } },
      },
    ],
  });
}

/** What the number loses without each column, those first without which it would lose most. */
export function importancePlot({
  columns,
  method,
}: Pick<MultivariateReading, 'columns' | 'method'>): Promise<string> {
  return renderSvg({
    width: WIDTH,
    height: { step: 20 },
    background: 'white',
    config: CONFIG,
    data: {
      values: columns.map(({ name, importance }) => ({ column: neutral(name), importance })),
    },
    mark: { type: 'bar', color: COLOURS.window },
    encoding: {
      y: { field: 'column', type: 'nominal', sort: null, title: null },
      x: {
        field: 'importance',
        type: 'quantitative',
        title:
          method === 'pca' ? 'of the shift, in standard deviations' : 'AUC lost without the column',
      },
    },
  });
}

/** Rank correlations of pairs before and now, from −1 to 1. */
export function pairsPlot(pairs: readonly MultivariatePair[]): Promise<string> {
  const named = pairs.map(({ of, reference, window }) => ({
    pair: neutral(`${of[0]} and ${of[1]}`),
    reference,
    window,
  }));
  const sides = ['reference', 'window'] as const;
  const y = { field: 'pair', type: 'nominal', sort: null, title: null } as const;
  const x = {
    type: 'quantitative',
    title: 'rank correlation',
    scale: CORRELATIONS,
  } as const;
  return renderSvg({
    width: WIDTH,
    height: { step: 24 },
    background: 'white',
    config: CONFIG,
    layer: [
      {
        data: { values: [{ at: 0 }] },
        mark: { type: 'rule', color: '#bbbbbb' },
        encoding: { x: { field: 'at', ...x } },
      },
      {
        data: { values: named },
        mark: { type: 'rule', color: '#bbbbbb', strokeWidth: 2 },
        encoding: { y, x: { field: 'reference', ...x }, x2: { field: 'window' } },
      },
      {
        data: {
          values: named.flatMap((one) =>
            sides.map((side) => ({ pair: one.pair, side, correlation: one[side] })),
          ),
        },
        mark: { type: 'point', filled: true, size: 80, opacity: 1 },
        encoding: {
          y,
          x: { field: 'correlation', ...x },
          color: {
            field: 'side',
            type: 'nominal',
            title: null,
            scale: { domain: [...sides], range: [COLOURS.baseline, COLOURS.window] },
            legend: { orient: 'bottom' },
          },
        },
      },
    ],
  });
}
