import type { TopLevelSpec } from 'vega-lite';

import type {
  ColumnComparison,
  DetectPolicy,
  Estimate,
  WindowComparison,
} from '../../domain/stats/types.js';
import {
  barsOf,
  withScore,
  type DriftColumn,
  type DriftWindow,
} from '../../domain/drift-report.js';
import type { WindowResult } from '../../domain/model.js';
import { neutral } from '../../domain/neutral.js';
import { renderSvg } from './render.js';

/** Distinguishable by people who do not see red and green apart. */
export const COLOURS = {
  baseline: '#7f7f7f',
  window: '#0072b2',
  warn: '#e69f00',
  drift: '#d55e00',
};
const VERDICTS = ['ok', 'warn', 'drift', 'data quality', 'insufficient data'];
const VERDICT_COLOURS = ['#009e73', COLOURS.warn, COLOURS.drift, '#cc79a7', '#bbbbbb'];
const WIDTH = 420;
const MOST_COLUMNS = 40;
const LONGEST_LABEL_PX = 180;

export const CONFIG = {
  font: 'system-ui, sans-serif',
  view: { stroke: null },
  axis: { labelLimit: LONGEST_LABEL_PX, grid: false },
} as const;

/** Jensen–Shannon distance of each column, the largest first, with the policy's two limits. */
export async function driftPlot(
  comparison: WindowComparison,
  detect: Pick<DetectPolicy, 'warn' | 'drift'>,
): Promise<string> {
  const all =
    comparison.prediction === null
      ? comparison.columns
      : [...comparison.columns, comparison.prediction];
  return barPlot(
    [...all].sort((a, b) => (b.jsDistance ?? -1) - (a.jsDistance ?? -1)),
    detect,
  );
}

async function barPlot(
  columns: readonly Pick<ColumnComparison, 'name' | 'jsDistance' | 'verdict'>[],
  detect: Limits,
): Promise<string> {
  const values = columns.slice(0, MOST_COLUMNS).map((column) => ({
    column: neutral(column.name),
    distance: column.jsDistance ?? 0,
    verdict: column.verdict,
  }));
  const limits = limitRules(detect);
  return renderSvg({
    width: WIDTH,
    height: { step: 18 },
    background: 'white',
    config: CONFIG,
    layer: [
      {
        data: { values },
        mark: { type: 'bar' },
        encoding: {
          y: { field: 'column', type: 'nominal', sort: null, title: null },
          x: {
            field: 'distance',
            type: 'quantitative',
            title: 'Jensen–Shannon distance to the baseline',
            scale: { domain: [0, Math.max(0.3, ...values.map((value) => value.distance))] },
          },
          color: {
            field: 'verdict',
            type: 'nominal',
            title: null,
            scale: { domain: VERDICTS, range: VERDICT_COLOURS },
          },
        },
      },
      ...limits.map((limit) => ({
        data: { values: [limit] },
        mark: {
          type: 'rule' as const,
          color: limit.colour,
          strokeDash: [4, 3],
          strokeWidth: 1.5,
        },
        encoding: { x: { field: 'limit', type: 'quantitative' as const } },
      })),
    ],
  });
}

/** One column in the baseline and in the window, as shares per bin or category. */
export async function distributionPlot(
  column: Pick<ColumnComparison, 'name' | 'bins'>,
): Promise<string> {
  const totals = {
    baseline: column.bins.reduce((sum, bin) => sum + bin.baseline, 0),
    window: column.bins.reduce((sum, bin) => sum + bin.window, 0),
  };
  const sides = ['baseline', 'window'] as const;
  const values = column.bins.flatMap((bin) =>
    sides.map((side) => ({
      value: neutral(bin.label),
      side,
      share: totals[side] === 0 ? 0 : bin[side] / totals[side],
    })),
  );
  const spec: TopLevelSpec = {
    title: neutral(column.name),
    width: WIDTH,
    height: 160,
    background: 'white',
    config: CONFIG,
    data: { values },
    mark: { type: 'bar' },
    encoding: {
      x: { field: 'value', type: 'nominal', sort: null, title: null, axis: { labelAngle: -40 } },
      xOffset: { field: 'side', type: 'nominal' },
      y: { field: 'share', type: 'quantitative', title: 'share of rows', axis: { format: '.0%' } },
      color: {
        field: 'side',
        type: 'nominal',
        title: null,
        scale: { domain: [...sides], range: [COLOURS.baseline, COLOURS.window] },
      },
    },
  };
  return renderSvg(spec);
}

/** Both models' metrics with their intervals; each metric on a scale of its own. */
export async function metricPlot(
  champion: readonly Estimate[] | null,
  candidate: readonly Estimate[],
): Promise<string> {
  const named = (model: string, estimates: readonly Estimate[]) =>
    estimates
      .filter(({ estimate }) => estimate !== null)
      .map(({ metric, estimate, lower, upper }) => ({ model, metric, estimate, lower, upper }));
  const values = [...named('champion', champion ?? []), ...named('candidate', candidate)];
  const models = ['champion', 'candidate'];
  const y = { field: 'model', type: 'nominal', title: null, sort: models } as const;
  const color = {
    field: 'model',
    type: 'nominal',
    legend: null,
    scale: { domain: models, range: [COLOURS.baseline, COLOURS.window] },
  } as const;
  const x = { type: 'quantitative', title: null, scale: { zero: false } } as const;
  return renderSvg({
    background: 'white',
    config: CONFIG,
    data: { values },
    facet: { row: { field: 'metric', type: 'nominal', title: null, sort: null } },
    spec: {
      width: WIDTH,
      height: { step: 20 },
      layer: [
        {
          mark: { type: 'rule', strokeWidth: 2 },
          encoding: { y, color, x: { field: 'lower', ...x }, x2: { field: 'upper' } },
        },
        {
          mark: { type: 'point', filled: true, size: 70 },
          encoding: { y, color, x: { field: 'estimate', ...x } },
        },
      ],
    },
    resolve: { scale: { x: 'independent' } },
  });
}

/** What a plot on a page needs of a report's own words. */
type Limits = Pick<DetectPolicy, 'warn' | 'drift'>;
const INTERNAL = {
  ok: 'ok',
  warn: 'warn',
  drift: 'drift',
  data_quality: 'data quality',
  insufficient_data: 'insufficient data',
} as const;

/** Jensen–Shannon distance of each column of a report, in the order given. */
export function distancesPlot(columns: readonly DriftColumn[], limits: Limits): Promise<string> {
  return barPlot(
    columns.map(({ name, jsDistance, verdict }) => ({
      name,
      jsDistance,
      verdict: INTERNAL[verdict],
    })),
    limits,
  );
}

/** One column of a report in the baseline and in the window. */
export function overlayPlot(column: DriftColumn): Promise<string> {
  return distributionPlot({ name: '', bins: barsOf(column) });
}

const LINES = 6;
const LINE_COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9'];

/** Distances over several windows, of the columns that moved furthest in any of them. */
export function timePlot(windows: readonly DriftWindow[], limits: Limits): Promise<string> {
  const points = windows.flatMap((window, i) =>
    withScore(window).map(({ name, jsDistance }) => ({
      window: String(i + 1),
      column: name,
      distance: jsDistance,
    })),
  );
  return linesPlot(points, 'window, in order of time', limitRules(limits));
}

/** The same of windows as a keeper remembers them, by when they ended. Their limits are the policy's, and not known here. */
export function windowsPlot(
  windows: readonly Pick<WindowResult, 'toMs' | 'columns'>[],
): Promise<string> {
  const points = windows.flatMap(({ toMs, columns }) =>
    columns.map(({ name, jsDistance }) => ({
      window: new Date(toMs).toISOString().slice(0, 16).replace('T', ' '),
      column: name,
      distance: jsDistance,
    })),
  );
  return linesPlot(points, 'end of the window (UTC)', []);
}

interface Point {
  readonly window: string;
  readonly column: string;
  readonly distance: number | null;
}

async function linesPlot(
  points: readonly Point[],
  title: string,
  rules: ReturnType<typeof limitRules>,
): Promise<string> {
  const furthest = new Map<string, number>();
  for (const { column, distance } of points)
    furthest.set(column, Math.max(furthest.get(column) ?? 0, distance ?? 0));
  const names = [...furthest]
    .sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))
    .slice(0, LINES)
    .map(([name]) => name);
  const values = points
    .filter(({ column, distance }) => names.includes(column) && distance !== null)
    .map((point) => ({ ...point, column: neutral(point.column) }));
  const highest = Math.max(
    0.3,
    ...rules.map(({ limit }) => limit * 1.3),
    ...values.map(({ distance }) => distance ?? 0),
  );
  return renderSvg({
    width: WIDTH * 1.6,
    height: 220,
    background: 'white',
    config: CONFIG,
    layer: [
      {
        data: { values },
        mark: { type: 'line', point: true },
        encoding: {
          x: {
            field: 'window',
            type: 'nominal',
            sort: null,
            title,
            axis: { labelAngle: 0, labelOverlap: true },
          },
          y: {
            field: 'distance',
            type: 'quantitative',
            title: 'distance to the baseline',
            scale: { domain: [0, highest] },
          },
          color: {
            field: 'column',
            type: 'nominal',
            title: null,
            sort: names.map(neutral),
            scale: { range: LINE_COLOURS },
          },
        },
      },
      ...rules.map(({ limit, colour }) => ({
        data: { values: [{ limit }] },
        mark: { type: 'rule' as const, color: colour, strokeDash: [4, 3] },
        encoding: { y: { field: 'limit', type: 'quantitative' as const } },
      })),
    ],
  });
}

const limitRules = ({ warn, drift }: Limits) => [
  { limit: warn, name: 'warning', colour: COLOURS.warn },
  { limit: drift, name: 'drift', colour: COLOURS.drift },
];
