import type {
  ColumnComparison,
  DetectPolicy,
  Estimate,
  WindowComparison,
} from '../../domain/stats/types.js';
import type { DriftColumn } from '../../domain/drift-report.js';
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
export const WIDTH = 420;
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
    facet: {
      row: {
        field: 'metric',
        type: 'nominal',
        title: null,
        // `null` would be the order of the alphabet here.
        sort: [...new Set(values.map(({ metric }) => metric))],
        header: {
          labelAngle: 0,
          labelOrient: 'top',
          labelAnchor: 'start',
          labelPadding: 1,
          labelFontWeight: 'bold',
        },
      },
    },
    spacing: { row: 8 },
    spec: {
      width: WIDTH,
      height: { step: 14 },
      layer: [
        {
          mark: { type: 'rule', strokeWidth: 2 },
          encoding: { y, color, x: { field: 'lower', ...x }, x2: { field: 'upper' } },
        },
        {
          mark: { type: 'point', filled: true, size: 70, opacity: 1 },
          encoding: { y, color, x: { field: 'estimate', ...x } },
        },
      ],
    },
    resolve: { scale: { x: 'independent' } },
  });
}

/** What a plot on a page needs of a report's own words. */
export type Limits = Pick<DetectPolicy, 'warn' | 'drift'>;
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

export const limitRules = ({ warn, drift }: Limits) => [
  { limit: warn, name: 'moving', colour: COLOURS.warn },
  { limit: drift, name: 'drift', colour: COLOURS.drift },
];
